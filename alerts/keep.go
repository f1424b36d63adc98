package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
)

// An Extract is all that is kept of an address, for the person it belongs to.
type Extract struct {
	Address       string               `json:"address"`
	Subscriptions []store.Subscription `json:"subscriptions"`
	// Agreed are the words of each version of the form that they signed up with.
	Agreed     map[string]string `json:"agreed"`
	Deliveries []store.Delivery  `json:"deliveries"`
	Links      []store.Token     `json:"links"` // that still open something; the links themselves are in the mails alone
	// ServiceMails are when confirmations and links were asked for lately;
	// Unconfirmed how many of them before anything was confirmed. They are kept
	// under a keyed hash, to protect the address from being flooded.
	ServiceMails []time.Time `json:"service_mails"`
	Unconfirmed  int         `json:"unconfirmed_mails"`
	// Bounces is what mail that came back from the address has come to, if any has.
	Bounces *store.BounceScore `json:"bounces,omitempty"`
}

// Export gives what is kept of the address that a manage link was sent to.
func (d *Desk) Export(ctx context.Context, now time.Time, token string) ([]byte, error) {
	m, err := d.Manage(ctx, now, token)
	if err != nil {
		return nil, err
	}
	x, err := d.Extract(ctx, m.Address)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(x, "", "  ")
}

// Extract gathers what is kept of an address.
func (d *Desk) Extract(ctx context.Context, address string) (Extract, error) {
	x := Extract{Address: address, Agreed: map[string]string{}, Deliveries: []store.Delivery{}, Links: []store.Token{}, ServiceMails: []time.Time{}}
	var err error
	if x.Subscriptions, err = d.Signups.Of(ctx, address); err != nil {
		return x, err
	}
	ids := map[string]bool{}
	for _, s := range x.Subscriptions {
		ids[s.ID] = true
		if s.Proof != nil {
			x.Agreed[s.Proof.Form] = ConsentText(s.Proof.Form)
		}
	}
	err = d.Outbox.Deliveries(ctx, func(v store.Delivery) bool {
		if ids[v.Subscription] {
			x.Deliveries = append(x.Deliveries, v)
		}
		return true
	})
	if err != nil {
		return x, err
	}
	kept, err := d.Signups.Kept(ctx, address, personCount(address))
	if err != nil {
		return x, err
	}
	x.Links = append(x.Links, kept.Tokens...)
	x.ServiceMails = append(x.ServiceMails, kept.Past.Times...)
	x.Unconfirmed = kept.Past.Unconfirmed
	if kept.Bounces != (store.BounceScore{}) {
		x.Bounces = &kept.Bounces
	}
	return x, nil
}

// Stale tells whether a subscription has been kept for long enough: one that
// nobody confirmed in 7 days, or one that ended 28 days ago.
func Stale(s store.Subscription, now time.Time) bool {
	switch s.State {
	case store.StatePending, store.StateVisitor:
		return now.Sub(s.Created) >= pendingLife
	case store.StateEnded:
		return now.Sub(s.Ended) >= endedLife
	}
	return false
}

// Tidy forgets what is stale, with all that was sent for it, and drops what has
// run out. before is called with each subscription before it is forgotten, for
// what the store does not keep; it may be nil. It returns how many went. Each
// is a transaction of its own; what a crash leaves goes the next time.
func (d *Desk) Tidy(ctx context.Context, now time.Time, before func(context.Context, store.Subscription) error) (int, error) {
	all, err := d.Subscribers.Subscriptions(ctx, "", 0)
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(s store.Subscription) bool { return !Stale(s, now) })
	n := 0
	for _, s := range all {
		if before != nil {
			if err := before(ctx, s); err != nil {
				return n, fmt.Errorf("forget subscription %s: %w", s.ID, err)
			}
		}
		switch err := d.Signups.Forget(ctx, s); {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict): // erased, confirmed or asked for again meanwhile
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, d.Signups.Sweep(ctx, now, now.Add(-proofLife))
}
