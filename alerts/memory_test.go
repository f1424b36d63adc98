package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"ccgwatch/store"
)

// errPower is what a power failure looks like from inside.
var errPower = errors.New("the power failed")

// memory plays the store's roles that this package uses, as its contract says
// and no more. cut, if set, is asked before and after every transaction
// whether the power fails there.
type memory struct {
	mu         sync.Mutex
	changes    []store.Change
	items      map[string]store.Item
	healths    []store.Health
	subs       map[string]store.Subscription
	positions  map[string]store.Position
	findings   []store.Finding // in the order of their changes
	known      map[string]bool // ids of findings and deliveries
	deliveries []store.Delivery
	cut        func() bool
	writes     int
	ids        []string // of subs, sorted
	stamps     map[uint64]map[string]store.Subscription
}

func newMemory() *memory {
	return &memory{known: map[string]bool{}, items: map[string]store.Item{}, subs: map[string]store.Subscription{}, positions: map[string]store.Position{}}
}

func (m *memory) tx(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut != nil && m.cut() {
		return errPower
	}
	m.writes++
	if err := f(); err != nil {
		return err
	}
	if m.cut != nil && m.cut() {
		return errPower // it is stored, but nobody was told
	}
	return nil
}

// commit logs changes as one batch.
func (m *memory) commit(at time.Time, cs ...store.Change) {
	batch := uint64(len(m.changes) + 1)
	for _, c := range cs {
		c.Seq, c.Batch, c.At = uint64(len(m.changes)+1), batch, at
		m.changes = append(m.changes, c)
		k := itemKey(c.Source, c.Key)
		if _, ok := m.items[k]; !ok {
			m.items[k] = store.Item{Source: c.Source, Key: c.Key, Kind: c.Kind, Title: c.Title, URL: c.URL}
		}
	}
}

func (m *memory) subscribe(s store.Subscription) {
	m.subs[s.ID] = s
	m.ids = append(m.ids, s.ID)
	slices.Sort(m.ids)
}

// Ledger

func (m *memory) Snapshot(context.Context, string, []string) (store.Snapshot, error) {
	return store.Snapshot{}, errors.ErrUnsupported
}

func (m *memory) Commit(context.Context, store.Snapshot, []store.Change, store.Health) error {
	return errors.ErrUnsupported
}
func (m *memory) Note(context.Context, store.Health) error { return errors.ErrUnsupported }

func (m *memory) Changes(_ context.Context, after uint64, limit int) ([]store.Change, error) {
	if after >= uint64(len(m.changes)) {
		return nil, nil
	}
	cs := m.changes[after:]
	return slices.Clone(cs[:min(limit, len(cs))]), nil
}

func (m *memory) LastSeq(context.Context) (uint64, error) { return uint64(len(m.changes)), nil }

func (m *memory) Item(_ context.Context, source, key string) (store.Item, error) {
	it, ok := m.items[itemKey(source, key)]
	if !ok {
		return it, store.ErrNotFound
	}
	return it, nil
}

func (m *memory) Items(_ context.Context, source string, f func(store.Item) bool) error {
	var keys []string
	for k, it := range m.items {
		if source == "" || it.Source == source {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if !f(m.items[k]) {
			break
		}
	}
	return nil
}

func (m *memory) Healths(context.Context) ([]store.Health, error) { return m.healths, nil }

// Subscribers

func (m *memory) Subscribe(_ context.Context, s store.Subscription) error {
	m.subscribe(s)
	return nil
}

func (m *memory) Subscriptions(_ context.Context, after string, limit int) ([]store.Subscription, error) {
	i, found := slices.BinarySearch(m.ids, after)
	if found {
		i++
	}
	var out []store.Subscription
	for ; i < len(m.ids) && len(out) < limit; i++ {
		out = append(out, m.subs[m.ids[i]])
	}
	return out, nil
}

func (m *memory) Subscription(_ context.Context, id string) (store.Subscription, error) {
	s, ok := m.subs[id]
	if !ok {
		return s, store.ErrNotFound
	}
	return s, nil
}

// Stamp is of what there is, since tests change it as they like.
func (m *memory) Stamp(context.Context) (uint64, error) {
	h := fnv.New64a()
	for _, id := range m.ids {
		s := m.subs[id]
		_, _ = fmt.Fprintln(h, s.ID, s.State, s.Query, s.Often, s.Since, s.Created)
	}
	if m.stamps == nil {
		m.stamps = map[uint64]map[string]store.Subscription{}
	}
	m.stamps[h.Sum64()] = maps.Clone(m.subs)
	return h.Sum64(), nil
}

// Altered remembers no more than what was last asked for.
func (m *memory) Altered(ctx context.Context, since uint64) (ids []string, now uint64, known bool, err error) {
	was, known := m.stamps[since]
	m.stamps = nil
	now, err = m.Stamp(ctx)
	for _, id := range m.ids {
		if a, b := was[id], m.subs[id]; known && (a.State != b.State || a.Query != b.Query || a.Often != b.Often || a.Since != b.Since || !a.Created.Equal(b.Created)) {
			ids = append(ids, id)
		}
	}
	return ids, now, known, err
}

func (m *memory) End(_ context.Context, id string, at time.Time) error {
	return m.tx(func() error {
		s := m.subs[id]
		s.State, s.Ended = store.StateEnded, at
		m.subs[id] = s
		for i, d := range m.deliveries {
			if d.Subscription == id && d.State == store.Queued {
				m.deliveries[i].State = store.Suppressed
			}
		}
		return nil
	})
}

func (m *memory) Erase(context.Context, string) (int, error) { return 0, errors.ErrUnsupported }

// Outbox

func (m *memory) Position(_ context.Context, follower string) (store.Position, error) {
	return m.positions[follower], nil
}

func (m *memory) Advance(_ context.Context, follower string, from, to store.Position, fs []store.Finding, ds []store.Delivery) error {
	return m.tx(func() error {
		if m.positions[follower] != from {
			return store.ErrConflict
		}
		m.positions[follower] = to
		for _, f := range fs {
			if !m.known[f.ID] {
				m.findings = append(m.findings, f)
				m.known[f.ID] = true
			}
		}
		for _, d := range ds {
			m.put(d)
		}
		return nil
	})
}

func (m *memory) put(d store.Delivery) {
	if !m.known[d.ID] {
		m.deliveries = append(m.deliveries, d)
		m.known[d.ID] = true
	}
}

func (m *memory) Digest(ctx context.Context, d store.Delivery, of ...store.Period) error {
	return m.Digests(ctx, []store.Owed{{Delivery: d, Of: of}})
}

func (m *memory) Digests(_ context.Context, all []store.Owed) error {
	return m.tx(func() error {
		for _, x := range all {
			if err := m.digestable(x.Delivery, x.Of); err != nil {
				return err
			}
		}
		for _, x := range all {
			m.digest(x.Delivery, x.Of)
		}
		return nil
	})
}

func (m *memory) digestable(d store.Delivery, of []store.Period) error {
	for _, p := range of {
		if s := m.subs[p.Subscription]; !s.LastDigest.Equal(p.From) || s.State != store.StateConfirmed {
			return store.ErrConflict
		}
	}
	for _, id := range d.Carries {
		if x := m.delivery(id); x == nil || !x.Lost() && !x.TakenBack() {
			return store.ErrConflict
		}
	}
	return nil
}

func (m *memory) digest(d store.Delivery, of []store.Period) {
	for _, id := range d.Carries {
		m.delivery(id).Carried = d.ID
	}
	for _, p := range of {
		s := m.subs[p.Subscription]
		s.LastDigest = p.Until
		m.subs[s.ID] = s
	}
	d.Periods, d.Period = nil, store.Period{}
	switch len(of) {
	case 0:
	case 1:
		d.Period = of[0]
	default:
		d.Periods = of
	}
	if d.ID != "" {
		m.put(d)
	}
}

func (m *memory) Rejudge(_ context.Context, after, upTo uint64, rules string, fs []store.Finding) (fresh, retired int, err error) {
	err = m.tx(func() error {
		fresh, retired = 0, 0
		found := map[string]store.Finding{}
		for _, f := range fs {
			found[f.ID] = f
		}
		for i, f := range m.findings {
			now, again := found[f.ID]
			switch {
			case f.Change <= after || f.Change > upTo:
			case again:
				if f.Retired != "" {
					fresh++
				}
				m.findings[i] = now
				delete(found, f.ID)
			case f.Retired == "":
				m.findings[i].Retired = rules
				retired++
			}
		}
		for _, f := range fs {
			if _, is := found[f.ID]; is {
				m.findings = append(m.findings, f)
				m.known[f.ID] = true
				delete(found, f.ID)
				fresh++
			}
		}
		slices.SortStableFunc(m.findings, func(a, b store.Finding) int { return cmp.Compare(a.Change, b.Change) })
		return nil
	})
	return fresh, retired, err
}

func (m *memory) Findings(_ context.Context, after uint64, f func(store.Finding) bool) error {
	i := sort.Search(len(m.findings), func(i int) bool { return m.findings[i].Change > after })
	fs := slices.Clone(m.findings[i:])
	slices.SortFunc(fs, func(a, b store.Finding) int { return cmp.Or(cmp.Compare(a.Change, b.Change), cmp.Compare(a.ID, b.ID)) })
	for _, x := range fs {
		if x.Retired == "" && !f(x) {
			break
		}
	}
	return nil
}

func (m *memory) Finding(_ context.Context, id string) (store.Finding, error) {
	for _, f := range m.findings {
		if f.ID == id {
			return f, nil
		}
	}
	return store.Finding{}, store.ErrNotFound
}

func (m *memory) Lease(_ context.Context, now time.Time, length time.Duration, limit int) ([]store.Delivery, error) {
	var out []store.Delivery
	err := m.tx(func() error {
		order := make([]*store.Delivery, len(m.deliveries))
		for i := range m.deliveries {
			order[i] = &m.deliveries[i]
		}
		slices.SortStableFunc(order, func(a, b *store.Delivery) int { return a.Due.Compare(b.Due) }) // the longest due first
		for _, d := range order {
			if d.State == store.Dotting && !d.Lease.After(now) {
				*d = d.Doubted()
			}
			if len(out) >= limit || d.State != store.Queued && (d.State != store.Claimed || d.Lease.After(now)) || d.Due.After(now) {
				continue
			}
			if m.subs[d.Subscription].State != store.StateConfirmed {
				d.State = store.Suppressed
				continue
			}
			d.State, d.Lease = store.Claimed, now.Add(length)
			out = append(out, *d)
		}
		return nil
	})
	return out, err
}

func (m *memory) Dot(_ context.Context, d store.Delivery) error {
	return m.tx(func() error {
		for i := range m.deliveries {
			x := &m.deliveries[i]
			switch {
			case x.ID != d.ID:
				continue
			case x.State != store.Claimed || !x.Lease.Equal(d.Lease):
				return store.ErrConflict
			case m.subs[x.Subscription].State != store.StateConfirmed:
				x.State = store.Suppressed
				return store.ErrConflict
			}
			x.State, x.Due, x.Via = store.Dotting, d.Due, d.Via
			return nil
		}
		return store.ErrNotFound
	})
}

func (m *memory) Settle(_ context.Context, d store.Delivery) error {
	return m.tx(func() error {
		for i := range m.deliveries {
			x := &m.deliveries[i]
			if x.ID == d.ID {
				x.State, x.Due, x.LastError, x.SentAt, x.Attempts, x.Lease = d.State, d.Due, d.LastError, d.SentAt, d.Attempts, time.Time{}
				x.Doubts, x.Failure = d.Doubts, d.Failure
			}
		}
		return nil
	})
}

func (m *memory) SettleSoon(ctx context.Context, d store.Delivery) <-chan error {
	done := make(chan error, 1)
	done <- m.Settle(ctx, d)
	return done
}

func (m *memory) Deliveries(_ context.Context, f func(store.Delivery) bool) error {
	for _, d := range m.deliveries {
		d.Raw = nil
		if !f(d) {
			break
		}
	}
	return nil
}

func (m *memory) Aside(ctx context.Context, f func(store.Delivery) bool) error {
	return m.Deliveries(ctx, func(d store.Delivery) bool { return !d.Aside() || f(d) })
}

// Backlog

func (m *memory) delivery(id string) *store.Delivery {
	for i := range m.deliveries {
		if m.deliveries[i].ID == id {
			return &m.deliveries[i]
		}
	}
	return nil
}

func (m *memory) Delivery(_ context.Context, id string) (store.Delivery, error) {
	if d := m.delivery(id); d != nil {
		x := *d
		x.Raw = nil
		return x, nil
	}
	return store.Delivery{}, store.ErrNotFound
}

// of is store.Signups.Of.
func (m *memory) of(_ context.Context, address string) ([]store.Subscription, error) {
	var out []store.Subscription
	for _, s := range m.subs {
		if strings.EqualFold(s.Address, address) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b store.Subscription) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func (m *memory) Recent(_ context.Context, since time.Time, f func(store.Delivery) bool) error {
	for _, d := range m.deliveries {
		if d.Raw = nil; !d.Created.Before(since) && !f(d) {
			break
		}
	}
	return nil
}

func (m *memory) DeliveriesOf(_ context.Context, subscription string) ([]store.Delivery, error) {
	var out []store.Delivery
	for _, d := range m.deliveries {
		if d.Raw = nil; slices.Contains(d.Tells(), subscription) {
			out = append(out, d)
		}
	}
	return out, nil
}

func (m *memory) Fold(_ context.Context, d store.Delivery, others []string) error {
	return m.tx(func() error {
		for _, id := range others {
			x := m.delivery(id)
			if x == nil {
				return store.ErrNotFound
			}
			if x.Doubts > 0 || x.State != store.Queued && (x.State != store.Claimed || !x.Lease.Equal(d.Lease)) {
				return store.ErrConflict
			}
		}
		for _, id := range others {
			x := m.delivery(id)
			x.State, x.Lease, x.Carried = store.Folded, time.Time{}, d.ID
		}
		d.State = store.Claimed
		m.put(d)
		return nil
	})
}

// takeBack is what Corrections.Correct does to a digest that waits: it was never made.
func (m *memory) takeBack(d store.Delivery) {
	periods := d.Periods
	if d.Period.Subscription != "" {
		periods = append(periods, d.Period)
	}
	for _, p := range periods {
		s := m.subs[p.Subscription]
		s.LastDigest = p.From
		m.subs[s.ID] = s
	}
	for _, id := range d.Carries {
		m.delivery(id).Carried = ""
	}
	m.deliveries = slices.DeleteFunc(m.deliveries, func(x store.Delivery) bool { return x.ID == d.ID })
	delete(m.known, d.ID)
}

func (m *memory) Raw(_ context.Context, id string) ([]byte, error) {
	for _, d := range m.deliveries {
		if d.ID == id {
			return d.Raw, nil
		}
	}
	return nil, store.ErrNotFound
}

var (
	_ store.Ledger      = (*memory)(nil)
	_ store.Subscribers = (*memory)(nil)
	_ store.Outbox      = (*memory)(nil)
	_ store.Backlog     = (*memory)(nil)
)

// show lists deliveries as "subscription kind: body", one a line.
func (m *memory) show() string {
	var out []string
	for _, d := range m.deliveries {
		out = append(out, d.Subscription+" "+d.Kind+": "+string(d.Raw))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
