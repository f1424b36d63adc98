package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
)

// An Expected is a digest that DueDigests would make at the moment: one message.
type Expected struct {
	Subscriptions []store.Subscription // that it tells; of one address
	Slot          time.Time            // when the earliest of them was due
	// Lost counts the messages that came to nothing whose news it brings.
	Lost int
	// MayBeQuiet: all of it is daily. Without anything to tell it is not made.
	MayBeQuiet bool
}

// Expect lists the digests that DueDigests would make at now, by subscription.
// It makes and keeps nothing, and so does not know what they will say.
func (g *Digester) Expect(ctx context.Context, now time.Time) ([]Expected, error) {
	r, err := g.newRound(ctx, now)
	if err != nil {
		return nil, err
	}
	if err := r.lost.load(ctx); err != nil {
		return nil, err
	}
	var out []Expected
	for after := ""; ; {
		subs, err := g.Subscribers.Subscriptions(ctx, after, 500)
		if err != nil {
			return nil, fmt.Errorf("digest: read subscriptions: %w", err)
		}
		if len(subs) == 0 {
			return out, nil
		}
		for _, s := range subs {
			after = s.ID
			all, _, err := r.owedWith(ctx, s)
			if err != nil {
				return nil, err
			}
			for part := range slices.Chunk(all, maxTogether) {
				out = append(out, r.expected(part))
			}
		}
	}
}

func (r *round) expected(of []owing) Expected {
	e := Expected{Slot: of[0].slot, MayBeQuiet: true}
	carried := map[string]bool{}
	for _, d := range of {
		r.noted[d.ID] = true // it is told with the first of its address
		e.Subscriptions = append(e.Subscriptions, d.Subscription)
		if d.slot.Before(e.Slot) {
			e.Slot = d.slot
		}
		e.MayBeQuiet = e.MayBeQuiet && d.Often == store.Daily
		for _, x := range r.lost.by[d.ID] {
			carried[x.ID] = true
		}
	}
	e.Lost = len(carried)
	e.MayBeQuiet = e.MayBeQuiet && e.Lost == 0
	return e
}

// Foldable tells whether an alert that waits goes out with others that do.
func Foldable(d store.Delivery, now time.Time) bool { return foldable(d, time.Time{}, now) }
