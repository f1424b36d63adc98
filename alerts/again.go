package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Again makes anew what was taken back because the operator corrected an item
// that it speaks of (store.Delivery.TakenBack): the same news for the same reader,
// as they are shown now, in a message of its own. What was held back by the brake
// is again. Of what is out of sight nothing is said; where nothing else is left,
// there is no message, and what would be lost is brought by the next digest. If
// something was restored, what was left out of it, or suppressed, is told after
// all, unless it is so old that it would have been given up.
//
// Each is a transaction: cut short, it goes on with the others when it is called
// again. It must not run beside Step.
func (m *Matcher) Again(ctx context.Context, now time.Time, restored bool) (made int, err error) {
	var back []store.Delivery
	err = m.Outbox.Aside(ctx, func(d store.Delivery) bool {
		young := now.Sub(d.Created) < giveUp // held ones wait for the operator, however long
		waits := d.TakenBack() && d.State == store.Failed && (young || d.WasHeld)
		if d.Kind == KindAlert && d.Failure == store.FailedCorrected && (waits || restored && young) {
			back = append(back, d)
		}
		return true
	})
	if err != nil {
		return 0, fmt.Errorf("look for what was taken back: %w", err)
	}
	for _, was := range back {
		var told map[string]bool
		if !was.TakenBack() { // another took its place, without what was out of sight
			if told, err = m.toldSince(ctx, was); err != nil {
				return made, err
			}
		}
		ok, err := m.again(ctx, now, was, told)
		if err != nil {
			return made, fmt.Errorf("make delivery %s again: %w", was.ID, err)
		}
		if ok {
			made++
		}
	}
	return made, nil
}

// toldSince are the findings of what took the place of a delivery.
func (m *Matcher) toldSince(ctx context.Context, was store.Delivery) (map[string]bool, error) {
	told := map[string]bool{}
	for id := was.Carried; id != ""; {
		d, err := m.Outbox.Delivery(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read delivery %s: %w", id, err)
		}
		for _, f := range d.Findings {
			told[f] = true
		}
		id = d.Carried
	}
	for n := 0; ; n++ { // what was told of it when something else was restored
		d, err := m.Outbox.Delivery(ctx, restoredID(was, n))
		if errors.Is(err, store.ErrNotFound) {
			return told, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read delivery %s: %w", restoredID(was, n), err)
		}
		for _, f := range d.Findings {
			told[f] = true
		}
	}
}

// restoredID is the id of what is told of a delivery after all, the nth time.
func restoredID(was store.Delivery, n int) string {
	return deliveryID(was.Subscription, "restored", was.ID+" "+strconv.Itoa(n))
}

// unusedID is the first restoredID of which there is no delivery yet.
func (m *Matcher) unusedID(ctx context.Context, was store.Delivery) (string, error) {
	for n := 0; ; n++ {
		switch _, err := m.Outbox.Delivery(ctx, restoredID(was, n)); {
		case errors.Is(err, store.ErrNotFound):
			return restoredID(was, n), nil
		case err != nil:
			return "", fmt.Errorf("read delivery %s: %w", restoredID(was, n), err)
		}
	}
}

// again makes one anew; told is what was told of it already, nil if nothing was.
func (m *Matcher) again(ctx context.Context, now time.Time, was store.Delivery, told map[string]bool) (bool, error) {
	sub, err := m.Subscribers.Subscription(ctx, was.Subscription)
	if errors.Is(err, store.ErrNotFound) || err == nil && !sub.Wants(was.Kind) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	edits, err := m.edits(ctx)
	if err != nil {
		return false, err
	}
	was.Findings = slices.DeleteFunc(slices.Clone(was.Findings), func(id string) bool { return told[id] })
	found, err := m.stillShown(ctx, was, sub, edits)
	if err != nil || len(found.things) == 0 {
		return false, err
	}
	a := &Alert{Things: found.done(), More: was.More}
	if n := len(was.Carries); n > 1 { // of several that had waited
		a.Folded, a.Since = n, was.Created
	}
	d := store.Delivery{
		ID: deliveryID(was.Subscription, "corrected", was.ID), Subscription: was.Subscription, Kind: was.Kind, More: was.More, Also: was.Also,
		State: store.Queued, Created: was.Created, Due: dueSince(was.Kind, now), Carries: []string{was.ID}, Edits: edits.N(),
	}
	if told != nil {
		a.More, d.More, d.Carries = 0, 0, nil
		if d.ID, err = m.unusedID(ctx, was); err != nil {
			return false, err
		}
	}
	msg, err := m.Compose(Letter{ID: d.ID, Date: now, Subscription: sub, Alert: a})
	if err != nil {
		m.Log.Error("an alert cannot be composed again", "subscription", was.Subscription, "delivery", was.ID, "error", err)
		return false, nil
	}
	d.MessageID, d.Subject, d.Raw = msg.MessageID, msg.Subject, msg.Raw
	for _, t := range a.Things {
		for _, f := range t.Findings {
			d.Findings = append(d.Findings, f.ID)
		}
	}
	if was.WasHeld && m.Brake != nil {
		d.State = store.OnHold
		if err := m.Brake.hold(ctx, now); err != nil {
			return false, err
		}
	}
	// A digest of no period is a message that takes the place of others.
	err = m.Outbox.Digest(ctx, d)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) { // erased meanwhile, or carried
		return false, nil
	}
	return err == nil, err
}

// stillShown is what a delivery told, as far as it is shown, each finding with the
// words first that its reader asked for.
func (m *Matcher) stillShown(ctx context.Context, was store.Delivery, sub store.Subscription, edits *store.Edits) (*folder, error) {
	found := newFolder(MaxThings)
	q, unreadable := m.queries.parse(sub.Query, m.Log)
	for _, id := range was.Findings {
		f, err := m.Outbox.Finding(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (f.Retired != "" || !edits.Shows(f.Source, f.Key)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if unreadable == nil {
			if said, ok := q.First(query.Prepare(m.Facts(f))); ok {
				f = f.Leading(said)
			}
		}
		f.Text = ""
		found.add(f)
	}
	return found, nil
}

// edits are the corrections as they stand; nil where there are none.
func (m *Matcher) edits(ctx context.Context) (*store.Edits, error) { return editsOf(ctx, m.Edits) }

func editsOf(ctx context.Context, ask func(context.Context) (*store.Edits, error)) (*store.Edits, error) {
	if ask == nil {
		return nil, nil
	}
	edits, err := ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the corrections: %w", err)
	}
	return edits, nil
}

// shownOf leaves out what is not shown.
func shownOf(all []candidate, edits *store.Edits) []candidate {
	if edits.N() == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(x candidate) bool { return !edits.Shows(x.finding.Source, x.finding.Key) })
}
