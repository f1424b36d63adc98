package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// What a source does to an item while the operator keeps it out of sight is judged
// and told to nobody. When it is restored it is news: to those who get alerts at
// once, as a commit of its own (the entry of the log about it is its place, so that
// it is told once, whatever moment it is cut short at); to those who get digests in
// the next one. What of it stands no more is left out, and what was found more than
// five weeks before.

// missed is the commit by which people are told what they missed of an item that
// came back into sight.
func (m *Matcher) missed(ctx context.Context, pos store.Position, ch store.Change, back store.Return, edits *store.Edits) (*commit, error) {
	c := &commit{batch: ch.Batch, from: pos.Seq, last: ch.Seq, at: ch.At, edits: edits}
	it, err := m.Ledger.Item(ctx, back.Source, back.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("match: read %s %s: %w", back.Source, back.Key, err)
	}
	var found []store.Finding
	err = m.Outbox.Findings(ctx, back.After, func(f store.Finding) bool {
		if f.Source == back.Source && f.Key == back.Key && f.Change < ch.Seq {
			found = append(found, f)
		}
		return f.Change < ch.Seq
	})
	if err != nil {
		return nil, fmt.Errorf("match: read what was found in %s %s while it was out of sight: %w", back.Source, back.Key, err)
	}
	c.kept = m.candidates(standing(found, it, ch.At))
	c.had = m.hadBefore(back, ch.Seq, edits)
	return c, nil
}

// standing are of some findings in an item, in the order of the log, those that are
// news of it as it is at now: of what was found several times in one document, or
// beside any, the latest; of what its source withdrew nothing from before that.
func standing(found []store.Finding, it store.Item, now time.Time) []store.Finding {
	latest := map[[2]string]uint64{}
	for _, f := range found {
		latest[[2]string{f.Rule, f.Document}] = f.Change
	}
	return slices.DeleteFunc(slices.Clone(found), func(f store.Finding) bool {
		gone := !it.Withdrawn.IsZero() && f.At.Before(it.Withdrawn)
		over := f.Topic == store.TopicMeetings && !f.When.IsZero() && f.When.Before(now)
		if d := f.Deadline.Date(); f.Topic == store.TopicDeadlines && !d.IsZero() {
			over = over || d.Before(now)
		}
		return gone || over || f.Change < latest[[2]string{f.Rule, f.Document}] || now.Sub(f.At) > lookedBack
	})
}

// hadBefore tells whether somebody has an alert that tells of a finding: it went out
// of sight while its commit was being told, or while what was missed was.
func (m *Matcher) hadBefore(back store.Return, seq uint64, edits *store.Edits) func(context.Context, store.Subscription, store.Finding) (bool, error) {
	var batches []uint64
	for _, r := range edits.Returns(back.After, seq-1) {
		if r.ItemRef == back.ItemRef {
			batches = append(batches, r.Seq)
		}
	}
	of := map[uint64]uint64{} // batch by change
	return func(ctx context.Context, s store.Subscription, f store.Finding) (bool, error) {
		if of[f.Change] == 0 {
			first, err := m.Ledger.Changes(ctx, f.Change-1, 1)
			if err != nil || len(first) == 0 {
				return false, errors.Join(err, ctx.Err())
			}
			of[f.Change] = first[0].Batch
		}
		person := []store.Subscription{s}
		if m.Of != nil {
			all, err := m.Of(ctx, s.Address)
			if err != nil {
				return false, fmt.Errorf("match: read what else the address of subscription %s has: %w", s.ID, err)
			}
			person = all
		}
		for _, o := range person {
			for _, batch := range append(batches, of[f.Change]) {
				d, err := m.Outbox.Delivery(ctx, alertID(o.ID, batch))
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return false, fmt.Errorf("match: read what subscription %s was told: %w", o.ID, err)
				}
				if slices.Contains(d.Findings, f.ID) && (o.ID == s.ID || slices.Contains(d.Also, s.ID)) {
					return true, nil
				}
			}
		}
		return false, nil
	}
}

// A missedBy is an item that came back into sight, for those who get digests.
type missedBy struct {
	seq uint64          // of the entry of the log about it
	low uint64          // what was found up to here they were told, or it is too old
	ids map[string]bool // of what was found after it

	since time.Time // when it went out of sight
}

// aDigestBefore is how long before an item went out of sight digests were made that
// may not have been sent by then.
const aDigestBefore = 8 * 24 * time.Hour

// cameBack finds the items that came back into sight after a place in the log.
func (g *Digester) cameBack(ctx context.Context, w *week, first uint64) error {
	edits, err := editsOf(ctx, g.Edits)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	for _, back := range edits.Returns(first, w.upto) {
		since := back.Since.Add(-aDigestBefore)
		if oldest := w.now.Add(-lookedBack); since.Before(oldest) {
			since = oldest
		}
		low, err := g.before(ctx, since)
		if err != nil {
			return err
		}
		if w.back == nil {
			w.back = map[string]missedBy{}
		}
		k, away := itemKey(back.Source, back.Key), back.Since
		if was, twice := w.back[k]; twice {
			low = min(low, was.low)
			if was.since.Before(away) {
				away = was.since
			}
		}
		w.back[k] = missedBy{back.Seq, low, map[string]bool{}, away}
	}
	return nil
}

// leaveOut leaves out what was found in such an item before it came back, and stands
// no more.
func (g *Digester) leaveOut(ctx context.Context, w *week) error {
	for k, x := range w.back {
		var found []store.Finding
		for _, c := range w.changes {
			if itemKey(c.Source, c.Key) == k && c.Change < x.seq {
				found = append(found, c.Finding)
			}
		}
		if len(found) == 0 {
			continue
		}
		it, err := g.Ledger.Item(ctx, found[0].Source, found[0].Key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("digest: read %s %s: %w", found[0].Source, found[0].Key, err)
		}
		keep := map[string]bool{}
		for _, f := range standing(found, it, w.now) {
			keep[f.ID] = true
		}
		w.changes = slices.DeleteFunc(w.changes, func(c news) bool {
			return itemKey(c.Source, c.Key) == k && c.Change < x.seq && !keep[c.ID]
		})
	}
	return nil
}

// earliest is the place from which on something may be told.
func (w *week) earliest(first uint64) uint64 {
	for _, x := range w.back {
		first = min(first, x.low)
	}
	return first
}

// newAfter is the place after which what happened to an item is new.
func newAfter(missed map[string]uint64, item string, since uint64) uint64 {
	if n, ok := missed[item]; ok {
		return min(n, since)
	}
	return since
}

// missed gives, of the items that came back into sight since a subscription's last
// digest, the place after which what happened to them is new to it: after what a
// digest told it of them, whenever that was.
func (r *round) missed(ctx context.Context, w *week, s store.Subscription, q query.Query, since uint64) (map[string]uint64, error) {
	var out map[string]uint64
	for _, c := range w.changes {
		k := itemKey(c.Source, c.Key)
		x, back := w.back[k]
		if low := max(x.low, s.Since); !back || x.seq <= since || c.Change > since || c.Change <= low || !q.MatchPrepared(c.prepared) {
			continue
		}
		if out == nil {
			out = map[string]uint64{}
		}
		out[k] = max(x.low, s.Since)
	}
	if len(out) == 0 || r.g.Backlog == nil {
		return nil, nil
	}
	all, err := r.g.Backlog.DeliveriesOf(ctx, s.ID)
	if err != nil {
		return nil, fmt.Errorf("digest: read what subscription %s was told: %w", s.ID, err)
	}
	for _, d := range all {
		if d.Kind != KindDigest || d.Failure == store.FailedCorrected {
			continue
		}
		for k := range out {
			if !w.tells(d, k) {
				continue
			}
			upTo, err := r.g.toldUpTo(ctx, d, s.ID)
			if err != nil {
				return nil, err
			}
			out[k] = max(out[k], upTo)
		}
	}
	return out, nil
}

// missedByAll is missed for somebody who was told all that there was to tell up to
// the last run before each item went out of sight, and whose last digest ended at since.
func (g *Digester) missedByAll(ctx context.Context, w *week, since uint64) (map[string]uint64, error) {
	out := map[string]uint64{}
	for k, x := range w.back {
		if x.seq <= since {
			continue
		}
		run := w.schedule.Last(x.since)
		upTo, ok, err := g.marked(ctx, run)
		if err == nil && !ok {
			upTo, err = g.before(ctx, run)
		}
		if err != nil {
			return nil, err
		}
		out[k] = max(x.low, upTo)
	}
	return out, nil
}

// tells tells whether a digest told anything of an item.
func (w *week) tells(d store.Delivery, item string) bool {
	return slices.ContainsFunc(d.About, func(ref store.ItemRef) bool { return itemKey(ref.Source, ref.Key) == item }) ||
		slices.ContainsFunc(d.Findings, func(id string) bool { return w.back[item].ids[id] })
}

// toldUpTo is the place up to which a digest told a subscription.
func (g *Digester) toldUpTo(ctx context.Context, d store.Delivery, subscription string) (uint64, error) {
	for _, p := range append(slices.Clone(d.Periods), d.Period) {
		if p.Subscription != subscription {
			continue
		}
		seq, ok, err := g.marked(ctx, p.Until)
		if err == nil && !ok {
			seq, err = g.before(ctx, p.Until)
		}
		return seq, err
	}
	return 0, nil
}
