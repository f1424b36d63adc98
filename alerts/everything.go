package alerts

import (
	"context"
	"fmt"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// RunOf is the latest run of the digests of those who want them so often: its time,
// and whether there was one for anybody. It is known once DueDigests has been through
// at now.
func (g *Digester) RunOf(ctx context.Context, often string, now time.Time) (slot time.Time, some bool, err error) {
	by := g.Schedule.For(often)
	slot = by.Last(now)
	for after := ""; ; {
		subs, err := g.Subscribers.Subscriptions(ctx, after, 500)
		if err != nil {
			return slot, false, fmt.Errorf("digest: read subscriptions: %w", err)
		}
		if len(subs) == 0 {
			return slot, false, nil
		}
		for _, s := range subs {
			after = s.ID
			if s.State == store.StateConfirmed && store.Digested(s.Often) && g.Schedule.For(s.Often).Daily == by.Daily && s.LastDigest.Equal(slot) {
				return slot, true, nil
			}
		}
	}
}

// Everything is what a reader of everything is told in the run of a slot, since an
// earlier one; zero: the one before. It changes nothing.
func (g *Digester) Everything(ctx context.Context, often string, slot, since, now time.Time) (*Digest, error) {
	by := g.Schedule.For(often)
	if since.IsZero() {
		since = by.Last(slot.Add(-time.Second))
	}
	w := &week{now: now, slot: slot, schedule: by, moves: map[string][]move{}}
	var err error
	if w.upto, err = g.mark(ctx, slot); err != nil {
		return nil, err
	}
	first, err := g.since(ctx, store.Subscription{Often: often, LastDigest: since}, w)
	if err != nil {
		return nil, err
	}
	if err := g.gather(ctx, w, first); err != nil {
		return nil, err
	}
	q, err := query.Parse("")
	if err != nil {
		return nil, fmt.Errorf("digest: a query for everything: %w", err)
	}
	missed, err := g.missedByAll(ctx, w, first)
	if err != nil {
		return nil, err
	}
	return w.digest(q, since, first, nil, missed), nil
}
