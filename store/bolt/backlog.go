package bolt

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
)

// Recent decodes one delivery at a time out of one read transaction. They are
// kept in the order in which they were created, so older ones cost nothing.
func (s *Store) Recent(ctx context.Context, since time.Time, f func(store.Delivery) bool) error {
	return s.view(ctx, "read the deliveries", func(t *tx) error {
		return each(t, bDeliveries, instant(since), nil, func(_ []byte, d store.Delivery) (bool, error) { return f(d), nil })
	})
}

// Waiting calls f with the deliveries that are queued or claimed, the first to be
// due first (a claimed one when its lease runs out), without their bytes, until f
// returns false. It reads these alone, however many were ever sent, in one
// transaction.
func (s *Store) Waiting(ctx context.Context, f func(store.Delivery) bool) error {
	return s.view(ctx, "read the deliveries that wait", func(t *tx) error {
		c := t.in(bDue).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			id := string(k[instantLen:])
			d, err := t.delivery(id)
			if err != nil {
				return fmt.Errorf("delivery %s: %w", id, err)
			}
			if !f(d) {
				return nil
			}
		}
		return nil
	})
}

// DeliveriesOf reads in one transaction.
func (s *Store) DeliveriesOf(ctx context.Context, subscription string) ([]store.Delivery, error) {
	var out []store.Delivery
	err := s.view(ctx, "read the deliveries of subscription "+subscription, func(t *tx) error {
		for _, id := range t.deliveriesOf(subscription) {
			d, err := t.delivery(id)
			if err != nil {
				return fmt.Errorf("delivery %s: %w", id, err)
			}
			out = append(out, d)
		}
		return nil
	})
	return out, err
}

// Fold is one transaction: a crash leaves the others waiting, or d in their place.
func (s *Store) Fold(ctx context.Context, d store.Delivery, others []string) error {
	return s.update(ctx, "fold deliveries into "+d.ID, func(t *tx) error {
		if t.in(bDelivIDs).Get([]byte(d.ID)) != nil {
			return fmt.Errorf("it is there already: %w", store.ErrConflict)
		}
		for _, id := range others {
			was, err := t.delivery(id)
			if err != nil {
				return fmt.Errorf("delivery %s: %w", id, err)
			}
			free := was.State == store.Queued || was.State == store.Claimed && was.Lease.Equal(d.Lease)
			if !free || was.Doubts > 0 || was.Subscription != d.Subscription {
				return fmt.Errorf("delivery %s is %s: %w", id, was.State, store.ErrConflict)
			}
			now := was
			now.State, now.Lease, now.Carried = store.Folded, time.Time{}, d.ID
			if err := t.move(was, now); err != nil {
				return err
			}
		}
		d.State = store.Claimed
		return t.addDelivery(d)
	})
}

// carry notes that by brings the news of a delivery that came to nothing.
func (t *tx) carry(id string, by store.Delivery) error {
	was, err := t.delivery(id)
	if err != nil {
		return fmt.Errorf("delivery %s: %w", id, err)
	}
	told := append(was.Tells(), was.Also...)
	if !was.Lost() && !was.TakenBack() || !slices.ContainsFunc(by.Tells(), func(id string) bool { return slices.Contains(told, id) }) {
		return fmt.Errorf("delivery %s is %s, and carried by %q: %w", id, was.State, was.Carried, store.ErrConflict)
	}
	now := was
	now.Carried = by.ID
	return t.move(was, now)
}
