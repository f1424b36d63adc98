package alerts

import (
	"context"
	"time"

	"ccgwatch/store"
)

// Now queues a digest for one subscription at once, whenever it was due: of all
// since its last one. The next in time tells what comes after. false: it could
// not be made, somebody was faster, or the subscription is not confirmed or
// wants alerts alone.
func (g *Digester) Now(ctx context.Context, s store.Subscription, now time.Time) (bool, error) {
	slot := now.Truncate(time.Second)
	if s.State != store.StateConfirmed || s.Often == store.Instant || !slot.After(s.LastDigest) {
		return false, nil
	}
	g.only = s.ID
	defer func() { g.only = "" }()
	w, err := g.week(ctx, now, slot)
	if err != nil {
		return false, err
	}
	l, err := g.lookForLost(ctx, now)
	if err != nil {
		return false, err
	}
	return g.queue(ctx, w, l, s)
}

// due tells whether a digest is owed, by the schedule or because it was asked for.
func (g *Digester) due(s store.Subscription, now time.Time) (slot time.Time, due bool) {
	if g.only != "" {
		return now.Truncate(time.Second), s.ID == g.only
	}
	return g.Schedule.Due(s, now)
}
