package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// pageOfAudience is how many subscriptions are read at a time to be filed.
const pageOfAudience = 5000

// An audience is the subscriptions that get alerts, filed by what they ask for,
// so that those whom a commit concerns are found without asking all. It is read
// from the store anew when the store's stamp says that it has changed. For each
// subscription it keeps the id and a few numbers; what is asked for by many is
// kept once.
type audience struct {
	loaded bool
	stamp  uint64

	index *query.Filing
	ids   string  // of all, one after the other, in order
	ends  []int32 // where each ends
	of    []int32 // subscriptions by query: those of query q are of[from[q]:from[q+1]]
	from  []int32
}

func (a *audience) id(i int32) string {
	begin := int32(0)
	if i > 0 {
		begin = a.ends[i-1]
	}
	return a.ids[begin:a.ends[i]]
}

// refresh reads the subscriptions if they are not what they were. The stamp is
// read first: what changes meanwhile is read the next time.
func (a *audience) refresh(ctx context.Context, m *Matcher) error {
	now, err := m.Subscribers.Stamp(ctx)
	if err != nil || a.loaded && now == a.stamp {
		return err
	}
	*a = audience{}
	var ids strings.Builder
	var queries []query.Query
	var asks []int32 // which query each asks
	numbers := map[string]int32{}
	for after := ""; ; {
		subs, err := m.Subscribers.Subscriptions(ctx, after, pageOfAudience)
		if err != nil {
			return err
		}
		if len(subs) == 0 {
			break
		}
		after = subs[len(subs)-1].ID
		for _, s := range subs {
			if !alerted(s) {
				continue
			}
			n, known := numbers[s.Query]
			if !known {
				q, err := query.Parse(s.Query)
				if n = int32(len(queries)); err != nil { //nolint:gosec // fewer than 2^31 fit into memory
					n = -1
					_, _ = m.queries.parse(s.Query, m.Log) // says so
				} else {
					queries = append(queries, q)
				}
				numbers[s.Query] = n
			}
			if n < 0 {
				continue // it cannot be read, and that was said
			}
			asks = append(asks, n)
			ids.WriteString(s.ID)
			a.ends = append(a.ends, int32(ids.Len())) //nolint:gosec // 2^31 bytes are 60 million subscriptions
		}
	}
	a.index, a.ids = query.NewFiling(queries), strings.Clone(ids.String())
	a.ends = slices.Clip(a.ends)
	a.from = make([]int32, len(queries)+1)
	for _, n := range asks {
		a.from[n+1]++
	}
	for i := range queries {
		a.from[i+1] += a.from[i]
	}
	a.of = make([]int32, len(asks))
	next := slices.Clone(a.from)
	for i, n := range asks {
		a.of[next[n]] = int32(i)
		next[n]++
	}
	a.loaded, a.stamp = true, now
	return nil
}

// concerned lists the subscriptions whose query fits one of the candidates, in
// the order of their ids, as numbers.
func (a *audience) concerned(candidates []candidate) []int32 {
	hit := make([]bool, a.index.Len())
	var out []int32
	for _, c := range candidates {
		a.index.Match(c.prepared, func(q int) {
			if !hit[q] {
				hit[q] = true
				out = append(out, a.of[a.from[q]:a.from[q+1]]...)
			}
		})
	}
	slices.Sort(out)
	return out
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
