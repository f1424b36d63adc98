package alerts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

const (
	pageOfAudience = 5000 // subscriptions read at a time to be filed
	mostRecent     = 2000 // that changed before all are read anew
	sampled        = 500  // findings that show how often words turn up
	worthASample   = 1000 // subscriptions
	unreadable     = -1
)

// An audience is the subscriptions that get alerts, filed by what they ask for,
// so that those whom a commit concerns are found without asking all. The store's
// stamp says when it has changed. The few that did are then read and filed by
// themselves; when they are no longer few, all are.
type audience struct {
	stamp uint64
	whole *roll          // nil: nothing was read yet
	gone  map[int32]bool // of whole: those that changed since

	recent *roll                  // those that changed since, as they are now
	asks   map[string]query.Query // what they ask for, by id
}

// refresh reads what is not as it was.
func (a *audience) refresh(ctx context.Context, m *Matcher) error {
	if a.whole == nil {
		return a.read(ctx, m)
	}
	ids, now, known, err := m.Subscribers.Altered(ctx, a.stamp)
	switch {
	case err != nil:
		return err
	case !known || len(a.gone)+len(a.asks)+len(ids) > mostRecent:
		return a.read(ctx, m)
	}
	for _, id := range ids {
		s, err := m.Subscribers.Subscription(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if n, there := a.whole.ids.search(id); there {
			a.gone[n] = true
		}
		delete(a.asks, id)
		if err != nil || !alerted(s) {
			continue
		}
		if q, err := m.queries.parse(s.Query, m.Log); err == nil {
			a.asks[id] = q
		}
	}
	if len(ids) > 0 {
		e := newEnrolment()
		for _, id := range slices.Sorted(maps.Keys(a.asks)) {
			e.add(id, e.file(a.asks[id]))
		}
		a.recent = e.roll(nil)
	}
	a.stamp = now
	return nil
}

// read reads all. The stamp is read first: what changes meanwhile is read again
// the next time.
func (a *audience) read(ctx context.Context, m *Matcher) error {
	*a = audience{} // to make room
	now, err := m.Subscribers.Stamp(ctx)
	if err != nil {
		return err
	}
	e, err := m.enrol(ctx)
	if err != nil {
		return err
	}
	var seen *query.Sample
	if e.ids.len() > worthASample {
		if seen, err = m.sample(ctx); err != nil {
			return err
		}
	}
	*a = audience{stamp: now, whole: e.roll(seen), recent: newEnrolment().roll(nil), gone: map[int32]bool{}, asks: map[string]query.Query{}}
	return nil
}

// enrol reads all subscriptions that get alerts.
func (m *Matcher) enrol(ctx context.Context) (*enrolment, error) {
	e := newEnrolment()
	numbers := map[string]int32{} // of queries as they are typed
	for after := ""; ; {
		subs, err := m.Subscribers.Subscriptions(ctx, after, pageOfAudience)
		if err != nil || len(subs) == 0 {
			return e, err
		}
		after = subs[len(subs)-1].ID
		for _, s := range subs {
			if !alerted(s) {
				continue
			}
			n, known := numbers[s.Query]
			if !known {
				if q, err := query.Parse(s.Query); err == nil {
					n = e.file(q)
				} else {
					n = unreadable
					_, _ = m.queries.parse(s.Query, m.Log) // says so
				}
				numbers[s.Query] = n
			}
			if n != unreadable {
				e.add(s.ID, n)
			}
		}
	}
}

// sample reads some of the newest findings, to learn which words are rare.
func (m *Matcher) sample(ctx context.Context) (*query.Sample, error) {
	last, err := m.Ledger.LastSeq(ctx)
	if err != nil {
		return nil, err
	}
	s, n := &query.Sample{}, 0
	err = m.Outbox.Findings(ctx, last-min(last, 4*sampled), func(f store.Finding) bool {
		s.Add(query.Prepare(m.Facts(f)))
		n++
		return n < sampled
	})
	return s, err
}

// id is the id of one of those that concerned gives.
func (a *audience) id(n int32) string {
	if whole := int32(a.whole.ids.len()); n >= whole { //nolint:gosec // see roll
		return a.recent.ids.at(n - whole)
	}
	return a.whole.ids.at(n)
}

// concerned lists the subscriptions whose query fits one of the candidates, in
// the order of their ids, as numbers.
func (a *audience) concerned(candidates []candidate) []int32 {
	old := slices.DeleteFunc(a.whole.concerned(candidates), func(n int32) bool { return a.gone[n] })
	fresh := a.recent.concerned(candidates)
	if len(fresh) == 0 {
		return old
	}
	out := make([]int32, 0, len(old)+len(fresh))
	for _, n := range fresh {
		n += int32(a.whole.ids.len()) //nolint:gosec // see roll
		i := sort.Search(len(old), func(i int) bool { return a.id(old[i]) > a.id(n) })
		out = append(append(out, old[:i]...), n)
		old = old[i:]
	}
	return append(out, old...)
}

// alerted tells whether a subscription is told at once.
func alerted(s store.Subscription) bool {
	return s.State == store.StateConfirmed && store.AtOnce(s.Often)
}

// A crowd goes through the subscriptions that a commit may concern, page by page.
type crowd struct {
	m     *Matcher
	all   bool // of a commit too large to look into: every subscription
	left  []int32
	after string
}

// crowdOf begins behind a subscription.
func (m *Matcher) crowdOf(ctx context.Context, c *commit, after string) (*crowd, error) {
	w := &crowd{m: m, all: c.spilled, after: after}
	if w.all {
		return w, nil
	}
	if err := m.audience.refresh(ctx, m); err != nil {
		return nil, fmt.Errorf("match: read subscriptions: %w", err)
	}
	w.left = m.audience.concerned(c.kept)
	i, _ := slices.BinarySearchFunc(w.left, after, func(n int32, id string) int {
		if m.audience.id(n) <= id {
			return -1
		}
		return 1
	})
	if after != "" {
		w.left = w.left[i:]
	}
	return w, nil
}

// next gives at most n more, as they stand in the store now; none when all are through.
func (w *crowd) next(ctx context.Context, n int) ([]store.Subscription, error) {
	if w.all {
		subs, err := w.m.Subscribers.Subscriptions(ctx, w.after, n)
		if len(subs) > 0 {
			w.after = subs[len(subs)-1].ID
		}
		return subs, err
	}
	var out []store.Subscription
	for len(w.left) > 0 && len(out) < n {
		id := w.m.audience.id(w.left[0])
		w.left = w.left[1:]
		s, err := w.m.Subscribers.Subscription(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound): // erased meanwhile
		case err != nil:
			return nil, err
		default:
			out = append(out, s)
		}
	}
	return out, nil
}
