package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ccgwatch/store"
)

// Goodbye queues the mail that tells somebody that a subscription of theirs has
// ended: once, in fixed words, when nothing else of the address is left, and
// only if it was confirmed before (was). It is for those who ended it where they
// could not see the answer, or on the page behind their own link. The button in
// a mail program (RFC 8058) gets none: who presses it wants no further mail at
// all. An end is never undone because its goodbye could not be queued; a crash
// in between costs the goodbye.
func (d *Desk) Goodbye(ctx context.Context, now time.Time, was store.Subscription) error {
	if was.State != store.StateConfirmed {
		return nil
	}
	of, err := d.Signups.Of(ctx, was.Address)
	if err != nil {
		return fmt.Errorf("goodbye to subscription %s: %w", was.ID, err)
	}
	for _, s := range of {
		if s.State == store.StateConfirmed || s.State == store.StateSuppressed {
			return nil
		}
	}
	id := deliveryID(was.ID, KindGoodbye, "")
	msg, err := d.Compose(Service{ID: id, Kind: KindGoodbye, To: was.Address, Often: was.Often, Date: now})
	if err != nil {
		return fmt.Errorf("goodbye to subscription %s: %w", was.ID, err)
	}
	queued, err := d.Signups.Post(ctx, store.Post{At: now, Delivery: store.Delivery{
		ID: id, Subscription: was.ID, Kind: KindGoodbye, MessageID: msg.MessageID, Subject: msg.Subject, Raw: msg.Raw,
		State: store.Queued, Created: now, Due: dueSince(KindGoodbye, now),
	}}, func([]store.Past) (bool, error) { return true, nil })
	switch {
	case errors.Is(err, store.ErrConflict): // erased, or not ended after all
		return nil
	case err != nil:
		return err
	}
	if queued && d.Queued != nil {
		d.Queued()
	}
	return nil
}

// ended has the goodbye go out and tells the log if it could not: what was asked
// for is done.
func (d *Desk) ended(ctx context.Context, now time.Time, was store.Subscription) {
	if err := d.Goodbye(ctx, now, was); err != nil && ctx.Err() == nil {
		d.Log.Warn("a goodbye was not queued", "subscription", was.ID, "error", err)
	}
}
