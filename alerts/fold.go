package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// foldAfter is the age from which alerts are put together: after three days
// without a relay nobody wants thirty of them one by one.
const foldAfter = 72 * time.Hour

// fold puts an alert that was claimed, and all others of its subscription that
// are as old, into one new message, which it returns claimed in their place,
// with the ids of those that are no more. Where there is nothing to put
// together it returns d. It happens when a message is about to be sent and not
// before, so that a relay that stays away makes no work; what was in doubt or
// refused once keeps its own bytes. The new message is as old as the oldest of
// them: it is given up when that would be.
func (p *Postman) fold(ctx context.Context, now time.Time, d store.Delivery, sub store.Subscription) (store.Delivery, []string, error) {
	if p.Compose == nil || p.Backlog == nil || !foldable(d, d.Lease, now) {
		return d, nil, nil
	}
	edits, err := editsOf(ctx, p.Edits)
	if err != nil {
		return d, nil, fmt.Errorf("send: %w", err)
	}
	all, err := p.Backlog.DeliveriesOf(ctx, sub.ID)
	if err != nil {
		return d, nil, fmt.Errorf("send: read what waits for subscription %s: %w", sub.ID, err)
	}
	all = slices.DeleteFunc(all, func(x store.Delivery) bool { return x.ID == d.ID || !foldable(x, d.Lease, now) })
	slices.SortFunc(all, oldestFirst)
	all, found, err := p.fitting(ctx, append([]store.Delivery{d}, all...))
	if err != nil || len(all) < 2 {
		return d, nil, err
	}
	one, ok := p.foldInto(now, d, sub, all, found)
	if !ok { // logged; they go one by one
		return d, nil, nil
	}
	one.Edits = edits.N()
	err = p.Backlog.Fold(ctx, one, one.Carries)
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound): // ended or erased meanwhile
		return d, nil, nil
	case err != nil:
		return d, nil, fmt.Errorf("send: %w", err)
	}
	p.Log.Info("old alerts were put together into one", "delivery", one.ID, "alerts", len(all))
	return one, one.Carries, nil
}

// foldable tells whether an alert may lose its own message.
func foldable(d store.Delivery, lease, now time.Time) bool {
	free := d.State == store.Queued || d.State == store.Claimed && d.Lease.Equal(lease)
	return d.Kind == KindAlert && free && d.Doubts == 0 && d.Failure == "" && now.Sub(d.Created) >= foldAfter
}

func oldestFirst(a, b store.Delivery) int {
	return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
}

// fitting takes of some alerts, from the first on, as many as one message can
// show all things of: the rest is for the next one. It gives them with their
// findings, the oldest first.
func (p *Postman) fitting(ctx context.Context, all []store.Delivery) ([]store.Delivery, []store.Finding, error) {
	of, items, n := map[string][]store.Finding{}, map[string]bool{}, 0
	for _, x := range all {
		for _, id := range x.Findings {
			f, err := p.Outbox.Finding(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("send: read finding %s: %w", id, err)
			}
			f.Text = ""
			of[x.ID], items[itemKey(f.Source, f.Key)] = append(of[x.ID], f), true
		}
		if len(items) > MaxThings {
			break
		}
		n++
	}
	all = slices.Clone(all[:n])
	slices.SortFunc(all, oldestFirst)
	var found []store.Finding
	for _, x := range all {
		found = append(found, of[x.ID]...)
	}
	return all, found, nil
}

// foldInto composes the one message. false: it cannot be.
func (p *Postman) foldInto(now time.Time, d store.Delivery, sub store.Subscription, all []store.Delivery, found []store.Finding) (store.Delivery, bool) {
	one := store.Delivery{
		Subscription: sub.ID, Kind: KindAlert, State: store.Claimed, Lease: d.Lease, Created: all[0].Created, Due: d.Due,
	}
	for _, x := range all {
		one.Carries = append(one.Carries, x.ID)
		one.More += x.More
		for _, id := range x.Also {
			if !slices.Contains(one.Also, id) {
				one.Also = append(one.Also, id)
			}
		}
	}
	things := newFolder(MaxThings)
	for _, f := range found {
		things.add(f)
	}
	a := &Alert{Things: things.done(), More: one.More, Folded: len(all), Since: one.Created}
	if len(a.Things) == 0 {
		return one, false
	}
	one.ID = deliveryID(sub.ID, "folded", strings.Join(one.Carries, " "))
	msg, err := p.Compose(Letter{ID: one.ID, Date: now, Subscription: sub, Alert: a})
	if err != nil {
		p.Log.Error("old alerts cannot be put together", "subscription", sub.ID, "error", err)
		return one, false
	}
	one.MessageID, one.Subject, one.Raw = msg.MessageID, msg.Subject, msg.Raw
	for _, t := range a.Things {
		for _, f := range t.Findings {
			one.Findings = append(one.Findings, f.ID)
		}
	}
	return one, true
}
