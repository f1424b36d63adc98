package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

func survives(t *T) {
	t.commit("leics", 2, item("a"))
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("1", "ann", at(1)))
	t.must(t.SetDue(t.ctx, "digest", at(9)))
	sha, _, err := t.Keep(t.ctx, strings.NewReader("paper"))
	t.must(err)
	for range 3 {
		t.again()
	}
	if _, err := t.Item(t.ctx, "leics", "a"); err != nil {
		t.Error(err)
	}
	r, err := t.Open(t.ctx, sha)
	t.must(err)
	t.must(r.Close())
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Queued})
	t.commit("leics", 1)
	n, err := t.LastSeq(t.ctx)
	t.must(err)
	t.same("the log goes on", n, uint64(3))
}

// A model is what a store should hold, in plain maps.
type model struct {
	items   map[string]map[string]store.Item
	revs    map[string]uint64
	changes []store.Change
	subs    map[string]store.Subscription
	out     map[string]store.Delivery
	place   store.Position
}

func simulate(t *T) {
	r := rand.New(rand.NewPCG(2026, 8)) //nolint:gosec // a test wants to be repeatable
	m := &model{items: map[string]map[string]store.Item{}, revs: map[string]uint64{}, subs: map[string]store.Subscription{}, out: map[string]store.Delivery{}}
	now := at(0)
	for step := range 600 {
		now = now.Add(time.Duration(r.IntN(20)) * time.Minute)
		switch n := r.IntN(100); {
		case n < 25:
			m.commit(t, r, step)
		case n < 40:
			m.subscribe(t, r, step)
		case n < 60:
			m.advance(t, r, step, now)
		case n < 80:
			m.send(t, r, now)
		case n < 85:
			m.end(t, r, now)
		case n < 89:
			m.erase(t, r)
		case n < 91:
			t.again()
		default:
			m.compare(t, r)
		}
	}
	t.again()
	m.compare(t, r)
}

func (m *model) commit(t *T, r *rand.Rand, step int) {
	src := fmt.Sprint("s", r.IntN(3))
	next := store.Snapshot{Source: src, Rev: m.revs[src], Items: map[string]store.Item{}}
	for range r.IntN(5) {
		it := store.Item{Source: src, Key: fmt.Sprint("k", r.IntN(20)), Title: strings.Repeat(fmt.Sprint(step, " "), 1+r.IntN(300))}
		next.Items[it.Key] = it
	}
	var changes []store.Change
	for range r.IntN(4) {
		changes = append(changes, store.Change{Key: fmt.Sprint("k", r.IntN(20)), Title: fmt.Sprint(step)})
	}
	if r.IntN(6) == 0 {
		next.Rev++
		t.is(t.Commit(t.ctx, next, changes, store.Health{Source: src}), store.ErrConflict)
		return
	}
	t.must(t.Commit(t.ctx, next, changes, store.Health{Source: src}))
	m.revs[src]++
	if m.items[src] == nil {
		m.items[src] = map[string]store.Item{}
	}
	maps.Copy(m.items[src], next.Items)
	batch := uint64(len(m.changes)) + 1
	for _, c := range changes {
		c.Seq, c.Batch, c.Source = uint64(len(m.changes))+1, batch, src
		m.changes = append(m.changes, c)
	}
}

func (m *model) subscribe(t *T, r *rand.Rand, step int) {
	s := confirmed(fmt.Sprintf("sub%04d", step))
	s.Address, s.Query = fmt.Sprintf("a%d@example.org", r.IntN(8)), fmt.Sprint("q", r.IntN(2))
	var want error
	for _, o := range m.subs {
		if o.State == store.StateConfirmed && o.Address == s.Address && o.Query == s.Query {
			want = store.ErrConflict
		}
	}
	if err := t.Subscribe(t.ctx, s); !errors.Is(err, want) {
		t.Fatalf("subscribe: %v, want %v", err, want)
	}
	if want == nil {
		m.subs[s.ID] = s
	}
}

func (m *model) pick(r *rand.Rand) (string, bool) {
	ids := slices.Sorted(maps.Keys(m.subs))
	if len(ids) == 0 {
		return "", false
	}
	return ids[r.IntN(len(ids))], true
}

func (m *model) advance(t *T, r *rand.Rand, step int, now time.Time) {
	sub, ok := m.pick(r)
	if !ok {
		return
	}
	to := store.Position{Seq: m.place.Seq + 1}
	var ds []store.Delivery
	for i := range r.IntN(3) {
		d := delivery(fmt.Sprintf("d%d.%d", step, i), sub, now.Add(time.Duration(r.IntN(60))*time.Minute))
		d.Created = now
		ds = append(ds, d)
	}
	if r.IntN(6) == 0 {
		t.is(t.Advance(t.ctx, "m", to, m.place, nil, ds), store.ErrConflict)
		return
	}
	t.must(t.Advance(t.ctx, "m", m.place, to, nil, ds))
	m.place = to
	for _, d := range ds {
		m.out[d.ID] = d
	}
}

// send leases, and settles some of what it got; the rest is left as by a crash.
func (m *model) send(t *T, r *rand.Rand, now time.Time) {
	limit := 1 + r.IntN(4)
	got, err := t.Lease(t.ctx, now, 15*time.Minute, limit)
	t.must(err)
	var due []store.Delivery
	for _, d := range m.out {
		if d.State == store.Queued && !d.Due.After(now) || held(d) && !d.Lease.After(now) {
			due = append(due, d)
		}
	}
	since := func(d store.Delivery) time.Time {
		if held(d) {
			return d.Lease
		}
		return d.Due
	}
	slices.SortFunc(due, func(a, b store.Delivery) int {
		return cmp.Or(since(a).Compare(since(b)), cmp.Compare(a.ID, b.ID))
	})
	var want []string
	for _, d := range due {
		if len(want) == limit {
			break
		}
		if d.State == store.Dotting { // what its error says is the store's own
			d = d.Doubted()
			if d.State != store.Queued || d.Due.After(now) {
				m.out[d.ID] = d
				continue
			}
		}
		if m.subs[d.Subscription].State != store.StateConfirmed {
			d.State, d.Lease = store.Suppressed, time.Time{}
		} else {
			d.State, d.Lease = store.Claimed, now.Add(15*time.Minute)
			want = append(want, d.ID)
		}
		m.out[d.ID] = d
	}
	t.same("leased", ids(got), want)
	for _, d := range got {
		switch r.IntN(6) {
		case 0, 1:
			continue
		case 2, 3: // it may break off here
			d.Due = now.Add(time.Duration(r.IntN(40)) * time.Minute)
			t.must(t.Dot(t.ctx, d))
			d.State = store.Dotting
			m.out[d.ID] = d
			if r.IntN(3) > 0 {
				continue
			}
		}
		d.Attempts++
		if d.State, d.SentAt = store.Sent, now; r.IntN(3) == 0 {
			d.State, d.SentAt, d.Due = store.Queued, time.Time{}, now.Add(time.Hour)
		}
		t.must(t.Settle(t.ctx, d))
		d.Lease = time.Time{}
		m.out[d.ID] = d
	}
}

func held(d store.Delivery) bool { return d.State == store.Claimed || d.State == store.Dotting }

func (m *model) end(t *T, r *rand.Rand, now time.Time) {
	id, ok := m.pick(r)
	if !ok {
		return
	}
	t.must(t.End(t.ctx, id, now))
	s := m.subs[id]
	if s.State == store.StateEnded {
		return
	}
	s.State, s.Ended = store.StateEnded, now
	m.subs[id] = s
	for k, d := range m.out {
		if d.Subscription == id && d.State == store.Queued {
			d.State = store.Suppressed
			m.out[k] = d
		}
	}
}

func (m *model) erase(t *T, r *rand.Rand) {
	address := fmt.Sprintf("a%d@example.org", r.IntN(8))
	n, err := t.Erase(t.ctx, address)
	t.must(err)
	want := 0
	for id, s := range m.subs {
		if s.Address == address {
			want++
			delete(m.subs, id)
			maps.DeleteFunc(m.out, func(_ string, d store.Delivery) bool { return d.Subscription == id })
		}
	}
	t.same("erased", n, want)
}

func (m *model) compare(t *T, r *rand.Rand) {
	for src, want := range m.items {
		got, err := t.Snapshot(t.ctx, src, nil)
		t.must(err)
		t.same("the items of "+src, got.Items, want)
		t.same("the revision of "+src, got.Rev, m.revs[src])
	}
	after := r.IntN(len(m.changes) + 1)
	cs, err := t.Changes(t.ctx, uint64(after), 0) //nolint:gosec // not negative
	t.must(err)
	t.same("the log", cs, m.changes[after:])
	subs, err := t.Subscriptions(t.ctx, "", 0)
	t.must(err)
	var want []store.Subscription
	for _, id := range slices.Sorted(maps.Keys(m.subs)) {
		want = append(want, m.subs[id])
	}
	t.same("the subscriptions", subs, want)
	got := map[string]store.Delivery{}
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool { d.LastError = ""; got[d.ID] = d; return true }))
	bare := map[string]store.Delivery{}
	for id, d := range m.out {
		d.Raw, d.LastError = nil, ""
		bare[id] = d
	}
	t.same("the outbox", got, bare)
}
