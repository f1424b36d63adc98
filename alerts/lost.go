package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
)

// lost are the messages of late that came to nothing, or not for certain
// (store.Delivery.Lost), while digests are made up. They are read once, and
// only if a digest is due.
type lost struct {
	g    *Digester
	now  time.Time
	slot time.Time
	look bool // those who want alerts alone were not looked at for this slot
	read bool
	by   map[string][]store.Delivery // by subscription, oldest first
}

// lostOf is the name under which it is kept that everybody was asked about for
// a time of the schedule: for those who want alerts alone nothing else says so.
func lostOf(slot time.Time) string { return "lost " + slot.UTC().Format(time.RFC3339) }

func (g *Digester) lookForLost(ctx context.Context, now time.Time) (*lost, error) {
	l := &lost{g: g, now: now, slot: g.Schedule.Last(now)}
	if g.Backlog == nil {
		return l, nil
	}
	at, err := g.Outbox.Position(ctx, lostOf(l.slot))
	if err != nil {
		return nil, fmt.Errorf("digest: read who was looked at: %w", err)
	}
	l.look = at.Subscription == ""
	return l, nil
}

// owed tells whether a subscription that wants no digest needs one all the same.
func (l *lost) owed(ctx context.Context, s store.Subscription) (slot time.Time, due bool, err error) {
	if !l.look || s.Often != store.Instant {
		return time.Time{}, false, nil
	}
	slot, due = l.g.Schedule.slot(s, l.now)
	if !due {
		return slot, false, nil
	}
	err = l.load(ctx)
	return slot, len(l.by[s.ID]) > 0, err
}

// done keeps that all were looked at. After a crash before it they are looked
// at again; who has a digest for this slot by then gets no other.
func (l *lost) done(ctx context.Context) error {
	if !l.look {
		return nil
	}
	if err := l.g.Outbox.Advance(ctx, lostOf(l.slot), store.Position{}, store.Position{Subscription: "all"}, nil, nil); err != nil {
		return fmt.Errorf("digest: keep who was looked at: %w", err)
	}
	return nil
}

func (l *lost) load(ctx context.Context) error {
	if l.read || l.g.Backlog == nil {
		return nil
	}
	l.by = map[string][]store.Delivery{}
	err := l.g.Backlog.Recent(ctx, l.now.Add(-lookedBack), func(d store.Delivery) bool {
		if d.Lost() && len(d.Findings) > 0 {
			l.by[d.Subscription] = append(l.by[d.Subscription], d)
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("digest: look for what came to nothing: %w", err)
	}
	l.read = true
	return nil
}

// into adds what a subscription was not brought to its digest, and gives the
// deliveries that it so carries. What was found more than five weeks ago is let
// go: an address that refuses every mail would be told of it for ever.
func (l *lost) into(ctx context.Context, d *Digest, s store.Subscription) (*Digest, []string, error) {
	if err := l.load(ctx); err != nil {
		return nil, nil, err
	}
	var carries []string
	var found []store.Finding
	more := 0
	for _, x := range l.by[s.ID] {
		carries = append(carries, x.ID)
		more += x.More
		for _, id := range x.Findings {
			f, err := l.g.Outbox.Finding(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("digest: read finding %s: %w", id, err)
			}
			if !f.At.Before(l.now.Add(-lookedBack)) {
				found = append(found, f)
			}
		}
	}
	if len(carries) == 0 {
		return d, nil, nil
	}
	slices.SortStableFunc(found, func(a, b store.Finding) int { return a.At.Compare(b.At) })
	return d.with(found, more), carries, nil
}
