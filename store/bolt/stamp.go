package bolt

import (
	"context"

	"ccgwatch/store"
)

// The stamp of the subscriptions is the sequence of their bucket, which goes
// with it into copies and through Compact.

// Stamp is one read transaction.
func (s *Store) Stamp(ctx context.Context) (n uint64, err error) {
	err = s.view(ctx, "read the stamp of the subscriptions", func(t *tx) error {
		n = t.in(bSubs).Sequence()
		return nil
	})
	return n, err
}

// stamp is called before a subscription is stored.
func (t *tx) stamp(now store.Subscription) error {
	var was store.Subscription
	known, err := t.get(bSubs, []byte(now.ID), &was)
	if err != nil {
		return err
	}
	if known && was.State == now.State && was.Query == now.Query && was.Often == now.Often && was.Since == now.Since && was.Created.Equal(now.Created) {
		return nil
	}
	return t.stampNow()
}

func (t *tx) stampNow() error {
	_, err := t.in(bSubs).NextSequence()
	return err
}
