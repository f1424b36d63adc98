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
// only if a digest is owing.
type lost struct {
	g    *Digester
	now  time.Time
	slot time.Time
	look bool // those who want alerts alone were not looked at for this slot
	// again: they were, and something was corrected since: what told one of them may
	// have been taken back. What was lost after the slot waits for the next all the same.
	again bool
	at    store.Position // of lostOf: its Seq is the number of the last correction then known
	edits uint64         // the last correction that is known now
	read  bool
	by    map[string][]store.Delivery // by subscription, oldest first
}

// lostOf is the name under which it is kept that everybody was asked about for
// a time of the schedule: for those who want alerts alone nothing else says so.
func lostOf(slot time.Time) string { return "lost " + slot.UTC().Format(time.RFC3339) }

// Looked are the names from which on, and before which, the places stand that tell
// of times of the schedule before one. Only the last time is ever asked for.
func (g *Digester) Looked(keep time.Time) (from, before string) {
	return lostOf(time.Time{}), lostOf(keep)
}

func (g *Digester) lookForLost(ctx context.Context, now time.Time, edits uint64) (*lost, error) {
	l := &lost{g: g, now: now, slot: g.Schedule.Last(now), edits: edits}
	if g.Backlog == nil {
		return l, nil
	}
	at, err := g.Outbox.Position(ctx, lostOf(l.slot))
	if err != nil {
		return nil, fmt.Errorf("digest: read who was looked at: %w", err)
	}
	l.at, l.again = at, at.Subscription != ""
	l.look = !l.again || at.Seq < edits
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
	return slot, slices.ContainsFunc(l.by[s.ID], func(d store.Delivery) bool { return !l.again || d.Created.Before(l.slot) }), err
}

// done keeps that all were looked at, as of the last correction that was known when
// that began: they are looked at again after the next. After a crash before it they
// are looked at again, too; who has a digest for this slot by then gets no other.
func (l *lost) done(ctx context.Context) error {
	if !l.look {
		return nil
	}
	if err := l.g.Outbox.Advance(ctx, lostOf(l.slot), l.at, store.Position{Seq: l.edits, Subscription: "all"}, nil, nil); err != nil {
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
			for _, id := range append(d.Tells(), d.Also...) {
				l.by[id] = append(l.by[id], d)
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("digest: look for what came to nothing: %w", err)
	}
	l.read = true
	for id, all := range l.by {
		var left []store.Delivery
		for _, d := range all {
			some, err := l.tells(ctx, d)
			if err != nil {
				return err
			}
			if some {
				left = append(left, d)
			}
		}
		if len(left) > 0 {
			l.by[id] = left
		} else {
			delete(l.by, id)
		}
	}
	return nil
}

// tells tells whether there is anything left to bring of a delivery that was taken
// back: nobody is written to because of what is out of sight.
func (l *lost) tells(ctx context.Context, d store.Delivery) (bool, error) {
	if d.Failure != store.FailedCorrected || d.More > 0 {
		return true, nil
	}
	found, err := l.findings(ctx, d)
	return len(found) > 0, err
}

// into adds what the subscriptions of a message were not brought to its first
// part, and gives the deliveries that it so carries. What was found more than
// five weeks ago is let go: an address that refuses every mail would be told of
// it for ever.
func (l *lost) into(ctx context.Context, parts []Part, of []owing) ([]string, error) {
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	var carries []string
	var found []store.Finding
	more := 0
	for _, s := range of {
		for _, x := range l.by[s.ID] {
			if slices.Contains(carries, x.ID) {
				continue
			}
			carries = append(carries, x.ID)
			theirs := slices.ContainsFunc(of, func(s owing) bool { return slices.Contains(x.Tells(), s.ID) })
			if theirs {
				more += x.More
			}
			fs, err := l.findings(ctx, x)
			if err != nil {
				return nil, err
			}
			for _, f := range fs {
				if theirs || l.fits(s, f) {
					f.Text = ""
					found = append(found, f)
				}
			}
		}
	}
	if len(carries) == 0 {
		return nil, nil
	}
	told := map[string]bool{}
	for _, p := range parts {
		for _, id := range p.Digest.ids() {
			told[id] = true
		}
	}
	found = slices.DeleteFunc(found, func(f store.Finding) bool { return told[f.ID] })
	slices.SortStableFunc(found, func(a, b store.Finding) int { return a.At.Compare(b.At) })
	parts[0].Digest = parts[0].Digest.with(found, more)
	return carries, nil
}

// findings are those of a lost delivery that are not too old.
func (l *lost) findings(ctx context.Context, x store.Delivery) (found []store.Finding, err error) {
	for _, id := range x.Findings {
		f, err := l.g.Outbox.Finding(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("digest: read finding %s: %w", id, err)
		}
		if !f.At.Before(l.now.Add(-lookedBack)) {
			found = append(found, f)
		}
	}
	return found, nil
}

// fits tells whether a subscription asked for a finding that was told, for it
// too, in the alert of another one.
func (l *lost) fits(s owing, f store.Finding) bool {
	q, err := l.g.queries.parse(s.Query, l.g.Log)
	return err == nil && q.Match(l.g.Facts(f))
}
