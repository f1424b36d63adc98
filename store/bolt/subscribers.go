package bolt

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"ccgwatch/store"
)

// newSalt makes the secret that the hashes of addresses are keyed with, so that
// the index says nothing about who subscribes to whoever sees it alone.
func newSalt() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, by its contract
	return b
}

const hashLen = 16

// addressKey is the index entry of an address. Case does not count, in the
// local part either: no provider our subscribers use tells Ann from ann.
func (s *Store) addressKey(address string) []byte {
	m := hmac.New(sha256.New, s.salt)
	m.Write([]byte(strings.ToLower(strings.TrimSpace(address))))
	return m.Sum(nil)[:hashLen]
}

// Subscribe is one transaction with its index entry.
func (s *Store) Subscribe(ctx context.Context, n store.Subscription) error {
	if err := named("subscription", n.ID); err != nil {
		return wrap("subscribe", err)
	}
	return s.update(ctx, "subscribe", func(t *tx) error {
		if t.in(bSubs).Get([]byte(n.ID)) != nil {
			return fmt.Errorf("the id %s is taken: %w", n.ID, store.ErrConflict)
		}
		of, err := t.of(n.Address)
		if err != nil {
			return err
		}
		if o, ok := like(of, n); ok {
			return fmt.Errorf("the same as %s: %w", o.ID, store.ErrConflict)
		}
		if err := t.mark(bAddresses, join(s.addressKey(n.Address), []byte(n.ID))); err != nil {
			return err
		}
		return t.put(bSubs, []byte(n.ID), n)
	})
}

func live(s store.Subscription) bool {
	return s.State == store.StatePending || s.State == store.StateConfirmed
}

// of reads the subscriptions of an address.
func (t *tx) of(address string) ([]store.Subscription, error) {
	return t.keyed(t.s.addressKey(address))
}

// keyed reads the subscriptions under a key of an address.
func (t *tx) keyed(prefix []byte) ([]store.Subscription, error) {
	var out []store.Subscription
	c := t.in(bAddresses).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		var sub store.Subscription
		if err := found(t.get(bSubs, k[hashLen:], &sub)); err != nil {
			return nil, fmt.Errorf("subscription %s: %w", k[hashLen:], err)
		}
		out = append(out, sub)
	}
	return out, nil
}

// Subscriptions are read in one transaction.
func (s *Store) Subscriptions(ctx context.Context, after string, limit int) ([]store.Subscription, error) {
	var out []store.Subscription
	err := s.view(ctx, "read the subscriptions", func(t *tx) error {
		var from []byte
		if after != "" {
			from = []byte(after + "\x00")
		}
		return each(t, bSubs, from, nil, func(_ []byte, sub store.Subscription) (bool, error) {
			out = append(out, sub)
			return limit <= 0 || len(out) < limit, nil
		})
	})
	return out, err
}

// Subscription reads one.
func (s *Store) Subscription(ctx context.Context, id string) (store.Subscription, error) {
	var sub store.Subscription
	err := s.view(ctx, "read subscription "+id, func(t *tx) error {
		return found(t.get(bSubs, []byte(id), &sub))
	})
	return sub, err
}

// End is one transaction with the deliveries it suppresses. One that is being
// sent at this moment is not stopped; if it comes back as queued, Lease
// suppresses it.
func (s *Store) End(ctx context.Context, id string, at time.Time) error {
	return s.leave(ctx, "end subscription "+id, func(t *tx) error {
		var sub store.Subscription
		if err := found(t.get(bSubs, []byte(id), &sub)); err != nil {
			return err
		}
		if sub.State == store.StateEnded {
			return nil
		}
		sub.State, sub.Ended = store.StateEnded, at
		if err := t.put(bSubs, []byte(id), sub); err != nil {
			return err
		}
		return t.suppressQueued(id)
	})
}

// suppressQueued stops what is queued, or held back, for a subscription that wants
// nothing any more.
func (t *tx) suppressQueued(id string) error {
	for _, d := range t.deliveriesOf(id) {
		row, err := t.delivery(d)
		if err != nil {
			return err
		}
		if row.State != store.Queued && row.State != store.OnHold {
			continue
		}
		if _, err := t.unwanted(row); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) deliveriesOf(subscription string) []string {
	var ids []string
	prefix := pair(subscription, "")
	c := t.in(bOf).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		ids = append(ids, string(k[len(prefix):]))
	}
	return ids
}

// Erase is one transaction: a crash leaves all of the address or nothing. The
// pages that held it are free afterwards, and their bytes are gone once they are
// written over or the store is compacted.
func (s *Store) Erase(ctx context.Context, address string) (int, error) {
	n := 0
	err := s.leave(ctx, "erase an address", func(t *tx) error {
		of := s.addressKey(address)
		subs, err := t.keyed(of)
		if err != nil {
			return err
		}
		for _, sub := range subs {
			if err := t.forget(sub, of); err != nil {
				return err
			}
		}
		n = len(subs)
		return errors.Join(t.dropTokens(of, func(token) bool { return true }), t.in(bScores).Delete(of))
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
