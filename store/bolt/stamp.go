package bolt

import (
	"context"
	"encoding/binary"
	"slices"

	"ccgwatch/store"
)

// The stamp of the subscriptions is the sequence of their bucket, which goes
// with it into copies and through Compact. The bucket of the altered says for
// each of the last stamps whose it was.

// alteredKept is how many stamps back Altered remembers.
const alteredKept = 5000

// Stamp is one read transaction.
func (s *Store) Stamp(ctx context.Context) (n uint64, err error) {
	err = s.view(ctx, "read the stamp of the subscriptions", func(t *tx) error {
		n = t.in(bSubs).Sequence()
		return nil
	})
	return n, err
}

// Altered is one read transaction.
func (s *Store) Altered(ctx context.Context, since uint64) (ids []string, now uint64, known bool, err error) {
	err = s.view(ctx, "read which subscriptions were altered", func(t *tx) error {
		now = t.in(bSubs).Sequence()
		if since > now || now-since > alteredKept {
			return nil
		}
		for n := since + 1; n <= now; n++ {
			var id string
			there, err := t.get(bAltered, stampKey(n), &id)
			if err != nil || !there { // of before the bucket was there
				return err
			}
			ids = append(ids, id)
		}
		known = true
		return nil
	})
	if err != nil || !known {
		return nil, now, false, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), now, true, nil
}

func stampKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

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
	return t.stampNow(now.ID)
}

func (t *tx) stampNow(id string) error {
	n, err := t.in(bSubs).NextSequence()
	if err != nil {
		return err
	}
	if n > alteredKept {
		if err := t.in(bAltered).Delete(stampKey(n - alteredKept)); err != nil {
			return err
		}
	}
	return t.put(bAltered, stampKey(n), id)
}
