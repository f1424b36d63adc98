package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// Dates tells what falls due beside the procurements: the end of a
// consultation, the last moment to register for an event or to put a question
// to a meeting. It keeps nothing but how far the findings are too old for Due; what
// was logged, the log knows by its key.
type Dates struct {
	Ledger  store.Ledger
	Outbox  store.Outbox
	Archive store.Archive
	Judge   *judge.Judge

	over bygone
}

// datesLooked is how long after its last finding an item is still looked at.
const datesLooked = 400 * 24 * time.Hour

// Due lists the reminders that are due by now, as entries for the log. An item
// that came within those days said so itself, and is not reminded of at once.
func (d *Dates) Due(ctx context.Context, now time.Time) ([]store.Change, error) {
	refs, err := d.dated(ctx, now)
	if err != nil {
		return nil, err
	}
	baselines := map[string]time.Time{}
	var out []store.Change
	for _, r := range refs {
		it, err := d.Ledger.Item(ctx, r.Source, r.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("due: read %s %s: %w", r.Source, r.Key, err)
		}
		texts := judge.FrontTexts(it, func(sha string) ([]string, error) { return d.Archive.Text(ctx, sha) })
		for _, c := range d.Judge.FallsOf(it, texts, now) {
			base, ok := baselines[c.Source]
			if !ok {
				snap, err := d.Ledger.Snapshot(ctx, c.Source, []string{})
				if err != nil {
					return nil, fmt.Errorf("due: %w", err)
				}
				base = snap.Baseline
				baselines[c.Source] = base
			}
			if c.Due.Days > 1 && !it.FirstSeen.Before(d.Judge.Reminded(c.Due.On, c.Due.Days)) && it.FirstSeen.After(base) {
				continue
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// dated are the items that have stated a date for the public and may still.
func (d *Dates) dated(ctx context.Context, now time.Time) ([]store.ItemRef, error) {
	seen := map[store.ItemRef]bool{}
	err := d.over.since(ctx, d.Outbox, now.Add(-datesLooked), func(x store.Finding) {
		if x.Kind == store.KindNotice || x.Deadline == nil {
			return
		}
		switch x.Deadline.Kind {
		case "consultation", judge.DeadlineQuestions, judge.DeadlineRegistration:
			// The item as it stands now says when; one whose date has passed by far is over.
			if at := x.Deadline.Date(); at.IsZero() || at.After(now.Add(-60*24*time.Hour)) {
				seen[store.ItemRef{Source: x.Source, Key: x.Key}] = true
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("due: read findings: %w", err)
	}
	out := make([]store.ItemRef, 0, len(seen))
	for r := range seen {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b store.ItemRef) int { return strings.Compare(a.Source+"\x00"+a.Key, b.Source+"\x00"+b.Key) })
	return out, nil
}
