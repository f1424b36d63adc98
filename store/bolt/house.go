package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ccgwatch/store"
)

// Tell is one transaction.
func (s *Store) Tell(ctx context.Context, house store.Subscription, d store.Delivery, due map[string]time.Time) (fresh bool, err error) {
	const what = "tell the house"
	err = errors.Join(named("subscription", house.ID), named("delivery", d.ID))
	if house.State != store.StateHouse || d.Subscription != house.ID || !house.Wants(d.Kind) {
		err = errors.Join(err, fmt.Errorf("delivery %s is not for the house", d.ID))
	}
	for job := range due {
		err = errors.Join(err, named("job", job))
	}
	if err != nil {
		return false, wrap(what, err)
	}
	err = s.update(ctx, what, func(t *tx) error {
		if fresh = t.in(bDelivIDs).Get([]byte(d.ID)) == nil; !fresh {
			return nil
		}
		var was store.Subscription
		if ok, err := t.get(bSubs, []byte(house.ID), &was); err != nil {
			return err
		} else if ok {
			if was.State != store.StateHouse {
				return fmt.Errorf("subscription %s is %s: %w", house.ID, was.State, store.ErrConflict)
			}
			if err := t.in(bAddresses).Delete(join(s.addressKey(was.Address), []byte(was.ID))); err != nil {
				return err
			}
		}
		if err := errors.Join(t.mark(bAddresses, join(s.addressKey(house.Address), []byte(house.ID))), t.put(bSubs, []byte(house.ID), house), t.addDelivery(d)); err != nil {
			return err
		}
		for job, at := range due {
			if err := t.put(bDiary, []byte(job), at); err != nil {
				return err
			}
		}
		return nil
	})
	return fresh && err == nil, err
}

// Holds is one read transaction.
func (s *Store) Holds(ctx context.Context) (map[string]store.Hold, error) {
	out := map[string]store.Hold{}
	err := s.view(ctx, "read what is held back", func(t *tx) error {
		return each(t, bHolds, nil, nil, func(k []byte, h store.Hold) (bool, error) {
			out[string(k)] = h
			return true, nil
		})
	})
	return out, err
}

// SetHold is one small transaction.
func (s *Store) SetHold(ctx context.Context, domain string, h *store.Hold) error {
	const what = "hold back what goes to a domain"
	if err := named("domain", domain); err != nil {
		return wrap(what, err)
	}
	return s.update(ctx, what, func(t *tx) error {
		if h == nil {
			return t.in(bHolds).Delete([]byte(domain))
		}
		return t.put(bHolds, []byte(domain), *h)
	})
}

// Forgive is one small transaction.
func (s *Store) Forgive(ctx context.Context, subscription string, since time.Time) error {
	return s.update(ctx, "forgive mail that came back", func(t *tx) error {
		var sub store.Subscription
		if err := found(t.get(bSubs, []byte(subscription), &sub)); err != nil {
			return err
		}
		of := t.s.addressKey(sub.Address)
		var score store.BounceScore
		if ok, err := t.get(bScores, of, &score); err != nil || !ok || score.Last.Before(since) {
			return err
		}
		return t.in(bScores).Delete(of)
	})
}
