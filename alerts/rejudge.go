package alerts

import (
	"context"
	"fmt"

	"ccgwatch/store"
)

// Rejudged counts what judging again came to.
type Rejudged struct {
	Changes  int `json:"changes"`
	Findings int `json:"findings"` // as they stand now
	New      int `json:"new"`
	Retired  int `json:"retired"`
}

// Rejudge judges every change of the log again that was judged before, by the
// rules as they are now, of that version: findings come, go and change, and
// nobody is told; a digest that is still to be made tells what it finds then.
// It goes page by page: cut short, the first pages are judged by the new rules
// and the others by the old ones, and it may be repeated. It must not run
// beside Step. progress, if not nil, is told how far it has come.
func (m *Matcher) Rejudge(ctx context.Context, rules string, progress func(Rejudged)) (Rejudged, error) {
	var out Rejudged
	pos, err := m.Outbox.Position(ctx, Follower)
	if err != nil {
		return out, fmt.Errorf("rejudge: read place: %w", err)
	}
	// What lies beyond the place is judged by Step, a commit half told included.
	for after := uint64(0); after < pos.Seq; {
		page, err := m.Ledger.Changes(ctx, after, pageOfChanges)
		if err != nil {
			return out, fmt.Errorf("rejudge: read changes after %d: %w", after, err)
		}
		for len(page) > 0 && page[len(page)-1].Seq > pos.Seq {
			page = page[:len(page)-1]
		}
		if len(page) == 0 {
			break
		}
		var all []store.Finding
		for _, c := range page {
			fs, err := m.judge(ctx, c)
			if err != nil {
				return out, fmt.Errorf("rejudge: %w", err)
			}
			all = append(all, fs...)
		}
		upTo := page[len(page)-1].Seq
		fresh, retired, err := m.Revision.Rejudge(ctx, after, upTo, rules, all)
		if err != nil {
			return out, fmt.Errorf("rejudge: %w", err)
		}
		after = upTo
		out.Changes += len(page)
		out.Findings += len(all)
		out.New += fresh
		out.Retired += retired
		if progress != nil {
			progress(out)
		}
	}
	return out, nil
}
