package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ccgwatch/store"
)

// Position reads how far a follower has come.
func (s *Store) Position(ctx context.Context, follower string) (store.Position, error) {
	var p store.Position
	err := s.view(ctx, "read the place of "+follower, func(t *tx) error {
		_, err := t.get(bFollowers, []byte(follower), &p)
		return err
	})
	return p, err
}

// Advance is one transaction: after a crash the follower stands before its step
// and nothing of it is there, or after it with all of it. It may therefore be
// repeated blindly; a repeat of a step that was done is an ErrConflict.
func (s *Store) Advance(ctx context.Context, follower string, from, to store.Position, f []store.Finding, d []store.Delivery) error {
	what := "advance " + follower
	if err := named("follower", follower); err != nil {
		return wrap(what, err)
	}
	return s.update(ctx, what, func(t *tx) error {
		var at store.Position
		if _, err := t.get(bFollowers, []byte(follower), &at); err != nil {
			return err
		}
		if at != from {
			return fmt.Errorf("it is at %v, not %v: %w", at, from, store.ErrConflict)
		}
		for _, x := range f {
			if err := t.addFinding(x); err != nil {
				return err
			}
		}
		for _, x := range d {
			if err := t.addDelivery(x); err != nil {
				return err
			}
		}
		return t.put(bFollowers, []byte(follower), to)
	})
}

func (t *tx) addFinding(f store.Finding) error {
	if err := named("finding", f.ID); err != nil {
		return err
	}
	ids := t.in(bFindingIDs)
	if ids.Get([]byte(f.ID)) != nil {
		return nil
	}
	seq := be64(f.Change)
	if err := ids.Put([]byte(f.ID), seq); err != nil {
		return err
	}
	return t.put(bFindings, join(seq, []byte(f.ID)), f)
}

// addDelivery stores a new delivery with its indexes and bytes. If its
// subscription is gone, its address was erased while the message was made.
func (t *tx) addDelivery(d store.Delivery) error {
	if err := errors.Join(named("delivery", d.ID), named("subscription of "+d.ID, d.Subscription)); err != nil {
		return err
	}
	if t.in(bSubs).Get([]byte(d.Subscription)) == nil || t.in(bDelivIDs).Get([]byte(d.ID)) != nil {
		return nil
	}
	if d.State == "" {
		d.State = store.Queued
	}
	created := instant(d.Created)
	if err := t.in(bDelivIDs).Put([]byte(d.ID), created); err != nil {
		return err
	}
	for _, of := range d.Tells() {
		if err := t.mark(bOf, pair(of, d.ID)); err != nil {
			return err
		}
	}
	if err := t.set(bRaw, []byte(d.ID), t.s.codec.pack(bRaw, []byte(d.ID), d.Raw)); err != nil {
		return err
	}
	if k := dueKey(d); k != nil {
		if err := t.mark(bDue, k); err != nil {
			return err
		}
	}
	if err := t.setAside(store.Delivery{}, d); err != nil {
		return err
	}
	if err := t.put(bDeliveries, join(created, []byte(d.ID)), d); err != nil {
		return err
	}
	return t.outdated(d)
}

// dueKey is a delivery's entry in the index of what waits, nil for what does not.
func dueKey(d store.Delivery) []byte {
	switch d.State {
	case store.Queued:
		return join(instant(d.Due), []byte(d.ID))
	case store.Claimed, store.Dotting:
		return join(instant(d.Lease), []byte(d.ID))
	}
	return nil
}

// delivery reads one by id, without its bytes.
func (t *tx) delivery(id string) (store.Delivery, error) {
	var d store.Delivery
	created := t.in(bDelivIDs).Get([]byte(id))
	if created == nil {
		return d, store.ErrNotFound
	}
	return d, found(t.get(bDeliveries, join(created, []byte(id)), &d))
}

// move stores a delivery in place of what it was, index entries included.
func (t *tx) move(was, now store.Delivery) error {
	if k := dueKey(was); k != nil {
		if err := t.in(bDue).Delete(k); err != nil {
			return err
		}
	}
	if k := dueKey(now); k != nil {
		if err := t.mark(bDue, k); err != nil {
			return err
		}
	}
	if err := t.setAside(was, now); err != nil {
		return err
	}
	encode := t.s.codec.encode
	if now.State == store.Claimed || now.State == store.Dotting {
		encode = t.s.codec.encodePlain // not for long
	}
	return t.putAs(bDeliveries, join(instant(now.Created), []byte(now.ID)), now, encode)
}

// drop removes a delivery with its bytes and indexes.
func (t *tx) drop(id string) error {
	d, err := t.delivery(id)
	if err != nil {
		return err
	}
	if k := dueKey(d); k != nil {
		if err := t.in(bDue).Delete(k); err != nil {
			return err
		}
	}
	for _, of := range d.Tells() {
		if err := t.in(bOf).Delete(pair(of, id)); err != nil {
			return err
		}
	}
	return errors.Join(
		t.setAside(d, store.Delivery{}),
		t.in(bDeliveries).Delete(join(instant(d.Created), []byte(id))),
		t.in(bDelivIDs).Delete([]byte(id)),
		t.in(bRaw).Delete([]byte(id)))
}

// Digest is one transaction: either the digest is queued and its periods are
// over, or neither.
func (s *Store) Digest(ctx context.Context, d store.Delivery, of ...store.Period) error {
	return s.update(ctx, "queue digest "+d.ID, func(t *tx) error { return t.digest(d, of) })
}

// Digests are one transaction: what makes a digest durable costs far more than
// the digest does.
func (s *Store) Digests(ctx context.Context, all []store.Owed) error {
	return s.update(ctx, "queue digests", func(t *tx) error {
		for _, x := range all {
			if err := t.digest(x.Delivery, x.Of); err != nil {
				return fmt.Errorf("digest %s: %w", x.Delivery.ID, err)
			}
		}
		return nil
	})
}

func (t *tx) digest(d store.Delivery, of []store.Period) error {
	for _, p := range of {
		var sub store.Subscription
		if err := found(t.get(bSubs, []byte(p.Subscription), &sub)); err != nil {
			return err
		}
		if sub.State != store.StateConfirmed || !sub.LastDigest.Equal(p.From) {
			return fmt.Errorf("subscription %s is %s, its last digest ended %s: %w", sub.ID, sub.State, sub.LastDigest.Format(time.RFC3339), store.ErrConflict)
		}
		sub.LastDigest = p.Until // which alters nothing that goes by the stamp
		if err := t.putAs(bSubs, []byte(sub.ID), sub, t.s.codec.encode); err != nil {
			return err
		}
	}
	if d.ID == "" {
		return nil
	}
	d.Periods, d.Period = nil, store.Period{}
	switch len(of) {
	case 0:
	case 1:
		d.Period = of[0]
	default:
		d.Periods = of
	}
	for _, id := range d.Carries {
		if err := t.carry(id, d); err != nil {
			return err
		}
	}
	return t.addDelivery(d)
}

// wanted tells whether a delivery may go out as things stand: all whom it tells
// want it.
func (t *tx) wanted(d store.Delivery) (bool, error) {
	for _, id := range d.Tells() {
		var sub store.Subscription
		if ok, err := t.get(bSubs, []byte(id), &sub); err != nil || !ok || !sub.Wants(d.Kind) {
			return false, err
		}
	}
	return true, nil
}

// unwanted stops a delivery that is not wanted any more. One that may have come
// already stays in doubt if it told several: what it told is told again to the
// others as such. Of any other digest of several, the others are owed theirs
// again.
func (t *tx) unwanted(was store.Delivery) (store.Delivery, error) {
	now := was
	now.State, now.Lease = store.Suppressed, time.Time{}
	if len(was.Periods) > 1 && was.Doubts > 0 {
		now.State = store.Uncertain
	} else if err := t.reopen(was); err != nil {
		return was, err
	}
	return now, t.move(was, now)
}

// reopen gives back what a digest of several had ended, to those who are there.
func (t *tx) reopen(d store.Delivery) error {
	if len(d.Periods) < 2 {
		return nil
	}
	return t.giveBack(d, d.Periods)
}

// giveBack undoes what a digest had ended: periods, as far as nothing ended them
// since, and that it carries what was lost.
func (t *tx) giveBack(d store.Delivery, periods []store.Period) error {
	for _, p := range periods {
		var sub store.Subscription
		ok, err := t.get(bSubs, []byte(p.Subscription), &sub)
		if err != nil {
			return err
		}
		if !ok || sub.State != store.StateConfirmed || !sub.LastDigest.Equal(p.Until) {
			continue
		}
		sub.LastDigest = p.From
		if err := t.put(bSubs, []byte(sub.ID), sub); err != nil {
			return err
		}
	}
	for _, id := range d.Carries {
		x, err := t.delivery(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if was := x; x.Carried == d.ID {
			x.Carried = ""
			if err := t.move(was, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// Findings decodes one finding at a time out of one read transaction.
func (s *Store) Findings(ctx context.Context, after uint64, f func(store.Finding) bool) error {
	if after == ^uint64(0) {
		return nil
	}
	return s.view(ctx, "read the findings", func(t *tx) error {
		return each(t, bFindings, be64(after+1), nil, func(_ []byte, x store.Finding) (bool, error) { return x.Retired != "" || f(x), nil })
	})
}

// Finding reads one.
func (s *Store) Finding(ctx context.Context, id string) (store.Finding, error) {
	var f store.Finding
	err := s.view(ctx, "read finding "+id, func(t *tx) error {
		seq := t.in(bFindingIDs).Get([]byte(id))
		if seq == nil {
			return store.ErrNotFound
		}
		return found(t.get(bFindings, join(seq, []byte(id)), &f))
	})
	return f, err
}

// Lease claims deliveries in one transaction, the longest due first, with their
// bytes. What is claimed stays claimed after a crash, until the lease runs out.
// Attempts is left to the sender.
func (s *Store) Lease(ctx context.Context, now time.Time, length time.Duration, limit int) ([]store.Delivery, error) {
	var out []store.Delivery
	if length <= 0 {
		return nil, fmt.Errorf("lease deliveries: a lease of %v would never hold", length)
	}
	// Asked every half minute for years, and mostly in vain: only what is due
	// is worth a write.
	waiting := false
	if err := s.view(ctx, "look for deliveries", func(t *tx) error { waiting = len(t.due(now, 1)) > 0; return nil }); err != nil || !waiting {
		return nil, err
	}
	err := s.update(ctx, "lease deliveries", func(t *tx) error {
		for len(out) < limit {
			ids := t.due(now, limit-len(out))
			if len(ids) == 0 {
				break
			}
			for _, id := range ids { // each leaves the index of what is due now
				d, err := t.claim(id, now, now.Add(length))
				if err != nil {
					return fmt.Errorf("delivery %s: %w", id, err)
				}
				if d.State == store.Claimed {
					out = append(out, d)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// claim claims a delivery, or suppresses it if nobody wants it any more.
// Of one whose sender went away while dotting it first notes the doubt.
func (t *tx) claim(id string, now, until time.Time) (store.Delivery, error) {
	was, err := t.delivery(id)
	if err != nil {
		return was, err
	}
	if was.State == store.Dotting {
		d := doubted(was)
		if err := t.requeue(was, d); err != nil {
			return d, err
		}
		if d, err = t.delivery(id); err != nil || d.State != store.Queued || d.Due.After(now) {
			return d, err
		}
		was = d
	}
	d := was
	switch ok, err := t.wanted(was); {
	case err != nil:
		return was, err
	case !ok:
		return t.unwanted(was)
	}
	d.State, d.Lease = store.Claimed, until
	if err := t.move(was, d); err != nil {
		return d, err
	}
	d.Raw, err = t.raw(id)
	return d, err
}

// due lists up to limit ids whose time has come: gathered first, because a
// cursor does not bear the index changing under it.
func (t *tx) due(now time.Time, limit int) []string {
	var ids []string
	end := string(instant(now))
	c := t.in(bDue).Cursor()
	for k, _ := c.First(); k != nil && len(ids) < limit && string(k[:instantLen]) <= end; k, _ = c.Next() {
		ids = append(ids, string(k[instantLen:]))
	}
	return ids
}

// doubted is what a delivery becomes whose sender went away while dotting.
func doubted(d store.Delivery) store.Delivery {
	d.LastError = "uncertain: the sender ended before the relay answered"
	return d.Doubted()
}

// Dot is one transaction, with what else is written at the same moment (see
// group): on disk when it returns. A crash before it leaves the delivery claimed,
// and its end unsent; one after it leaves it in doubt.
func (s *Store) Dot(ctx context.Context, d store.Delivery) error {
	ended := false
	what := "mark delivery " + d.ID + " before its end"
	err := <-s.enter(ctx, what, true, func(t *tx) error {
		ended = false
		was, err := t.delivery(d.ID)
		if err != nil {
			return err
		}
		if was.State != store.Claimed || !was.Lease.Equal(d.Lease) {
			return fmt.Errorf("it is %s: %w", was.State, store.ErrConflict)
		}
		ok, err := t.wanted(was)
		if err != nil {
			return err
		}
		if !ok {
			ended = true
			_, err := t.unwanted(was)
			return err
		}
		now := was
		now.State, now.Due, now.Via = store.Dotting, d.Due, d.Via
		return t.move(was, now)
	})
	if err == nil && ended {
		err = fmt.Errorf("%s: its subscription has ended: %w", what, store.ErrConflict)
	}
	return err
}

// Settle is SettleSoon, waited for.
func (s *Store) Settle(ctx context.Context, d store.Delivery) error {
	return <-s.SettleSoon(ctx, d)
}

// SettleSoon is one transaction, with what else is written at the same moment (see
// group). It gives store.ErrNotFound if the delivery was erased while it was being
// sent. Nobody holds a settled delivery any more. A crash before it leaves the
// delivery as it was: in doubt, if it was dotting.
func (s *Store) SettleSoon(ctx context.Context, d store.Delivery) <-chan error {
	return s.enter(ctx, "settle delivery "+d.ID, d.State == store.Sent, func(t *tx) error {
		was, err := t.delivery(d.ID)
		if err != nil {
			return err
		}
		if was.Failure == store.FailedCorrected && d.State != store.Sent && d.State != store.Uncertain {
			return nil // taken back while it was claimed, or held
		}
		if d.State == store.Queued && !sendable(was.State) {
			return nil // ended while it was claimed
		}
		now := was
		now.State, now.Due, now.LastError, now.SentAt, now.Attempts = d.State, d.Due, d.LastError, d.SentAt, d.Attempts
		now.Doubts, now.Failure = d.Doubts, d.Failure
		if now.State != store.Claimed {
			now.Lease = time.Time{}
		}
		if now.State == store.Suppressed && was.State != store.Suppressed {
			if err := t.reopen(was); err != nil {
				return err
			}
		}
		return t.requeue(was, now)
	})
}

// sendable tells of a delivery that is not over.
func sendable(s store.DeliveryState) bool {
	switch s {
	case store.Queued, store.Claimed, store.Dotting, store.OnHold:
		return true
	}
	return false
}

// requeue is move. What waits after it is taken back, if what it speaks of was
// corrected when it was at its last byte and could not be.
func (t *tx) requeue(was, now store.Delivery) error {
	if err := t.move(was, now); err != nil || now.State != store.Queued {
		return err
	}
	return t.outdated(now)
}

// Deliveries decodes one delivery at a time out of one read transaction.
func (s *Store) Deliveries(ctx context.Context, f func(store.Delivery) bool) error {
	return s.view(ctx, "read the deliveries", func(t *tx) error {
		return each(t, bDeliveries, nil, nil, func(_ []byte, d store.Delivery) (bool, error) { return f(d), nil })
	})
}

// Delivery reads one.
func (s *Store) Delivery(ctx context.Context, id string) (d store.Delivery, err error) {
	err = s.view(ctx, "read delivery "+id, func(t *tx) error {
		d, err = t.delivery(id)
		return err
	})
	return d, err
}

// Raw reads the frozen bytes of a delivery.
func (s *Store) Raw(ctx context.Context, id string) (b []byte, err error) {
	err = s.view(ctx, "read the bytes of delivery "+id, func(t *tx) error {
		b, err = t.raw(id)
		return err
	})
	return b, err
}

func (t *tx) raw(id string) ([]byte, error) {
	v := t.in(bRaw).Get([]byte(id))
	if v == nil {
		return nil, store.ErrNotFound
	}
	b, err := t.s.codec.unpack(bRaw, []byte(id), v)
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(b)), b...), nil // the transaction's own memory ends with it
}
