package bolt

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"ccgwatch/store"
)

// handled is what is remembered of a message, under its note.
type handled struct {
	At     time.Time `json:"at"`
	Effect string    `json:"effect"`
}

// MailMark is one read transaction.
func (s *Store) MailMark(ctx context.Context, box string) (m store.MailMark, err error) {
	err = s.view(ctx, "read how far the mailbox was read", func(t *tx) error {
		_, err := t.get(bMailMarks, []byte(box), &m)
		return err
	})
	return m, err
}

// SetMailMark is one small transaction.
func (s *Store) SetMailMark(ctx context.Context, box string, m store.MailMark) error {
	const what = "note how far the mailbox was read"
	if err := named("mailbox", box); err != nil {
		return wrap(what, err)
	}
	return s.update(ctx, what, func(t *tx) error { return t.put(bMailMarks, []byte(box), m) })
}

// Handled is one read transaction.
func (s *Store) Handled(ctx context.Context, note string) (effect string, ok bool, err error) {
	var h handled
	err = s.view(ctx, "look up a message", func(t *tx) error {
		ok, err = t.get(bHandled, []byte(note), &h)
		return err
	})
	return h.Effect, ok && err == nil, err
}

// Handle is one small transaction.
func (s *Store) Handle(ctx context.Context, note, effect string, at time.Time) error {
	return s.update(ctx, "remember a message", func(t *tx) error {
		_, err := t.handle(note, effect, at)
		return err
	})
}

// handle remembers a note, and tells whether it was not known.
func (t *tx) handle(note, effect string, at time.Time) (fresh bool, err error) {
	if err := named("note", note); err != nil {
		return false, err
	}
	if t.in(bHandled).Get([]byte(note)) != nil {
		return false, nil
	}
	return true, t.put(bHandled, []byte(note), handled{at, effect})
}

// ForgetHandled is one transaction, if there is anything to drop.
func (s *Store) ForgetHandled(ctx context.Context, notes, scores time.Time) error {
	var old, quiet [][]byte
	look := func(t *tx) error {
		old, quiet = nil, nil
		err := each(t, bHandled, nil, nil, func(k []byte, h handled) (bool, error) {
			if h.At.Before(notes) {
				old = append(old, bytes.Clone(k))
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		return each(t, bScores, nil, nil, func(k []byte, x store.BounceScore) (bool, error) {
			if x.Last.Before(scores) {
				quiet = append(quiet, bytes.Clone(k))
			}
			return true, nil
		})
	}
	const what = "forget messages that were read"
	if err := s.view(ctx, what, look); err != nil || len(old)+len(quiet) == 0 {
		return err
	}
	return s.update(ctx, what, func(t *tx) error {
		if err := look(t); err != nil { // it may have changed since
			return err
		}
		for _, k := range old {
			if err := t.in(bHandled).Delete(k); err != nil {
				return err
			}
		}
		for _, k := range quiet {
			if err := t.in(bScores).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Return is one transaction.
func (s *Store) Return(ctx context.Context, r store.Returned, decide func(store.Delivery, store.Subscription, store.BounceScore) store.Ruling) (made store.Ruling, stopped []string, fresh bool, err error) {
	err = s.update(ctx, "deal with mail that came back", func(t *tx) error {
		if t.in(bHandled).Get([]byte(r.Note)) != nil {
			return nil
		}
		d, sub, err := t.returned(r)
		if err != nil {
			return err
		}
		of := t.s.addressKey(sub.Address)
		var score store.BounceScore
		if _, err := t.get(bScores, of, &score); err != nil {
			return err
		}
		made = decide(d, sub, score)
		if fresh, err = t.handle(r.Note, made.Effect, r.At); err != nil {
			return err
		}
		if made.Score != score {
			if err := t.put(bScores, of, made.Score); err != nil {
				return err
			}
		}
		if was := d; made.Failure != "" && was.State == store.Sent {
			d.State, d.Failure, d.LastError = store.Failed, made.Failure, "it came back"
			if err := t.move(was, d); err != nil {
				return err
			}
		}
		if made.Forget && sub.State == store.StatePending {
			return t.forgetOne(sub, of)
		}
		if made.Suppress {
			stopped, err = t.suppress(of, r.At, made.Effect)
		}
		return err
	})
	if err != nil {
		return store.Ruling{}, nil, false, err
	}
	return made, stopped, fresh, nil
}

func (t *tx) returned(r store.Returned) (d store.Delivery, sub store.Subscription, err error) {
	id := r.Subscription
	if r.Delivery != "" {
		if d, err = t.delivery(r.Delivery); err != nil {
			return d, sub, err
		}
		id = d.Subscription
	}
	return d, sub, found(t.get(bSubs, []byte(id), &sub))
}

// suppress stops what an address is sent.
func (t *tx) suppress(of []byte, at time.Time, why string) (ids []string, err error) {
	all, err := t.keyed(of)
	if err != nil {
		return nil, err
	}
	for _, sub := range all {
		if !live(sub) {
			continue
		}
		sub.State, sub.Ended, sub.Stopped = store.StateSuppressed, at, why
		if err := errors.Join(t.put(bSubs, []byte(sub.ID), sub), t.suppressQueued(sub.ID)); err != nil {
			return nil, err
		}
		ids = append(ids, sub.ID)
	}
	slices.Sort(ids)
	return ids, nil
}

// Probed is one small transaction.
func (s *Store) Probed(ctx context.Context, subscription string, at time.Time) error {
	return s.update(ctx, "note that an address was asked whether it lives", func(t *tx) error {
		var sub store.Subscription
		if err := found(t.get(bSubs, []byte(subscription), &sub)); err != nil {
			return err
		}
		of := t.s.addressKey(sub.Address)
		var score store.BounceScore
		if ok, err := t.get(bScores, of, &score); err != nil || !ok {
			return err
		}
		score.Probed = at
		return t.put(bScores, of, score)
	})
}

// mailroom checks the part of the store that this file writes.
func (c *checker) mailroom() {
	if c.in(bHandled) == nil || c.in(bScores) == nil || c.in(bMailMarks) == nil {
		return // written before there was any
	}
	values(c, bMailMarks, func([]byte, store.MailMark) {})
	values(c, bHandled, func([]byte, handled) {})
	if c.in(bHolds) != nil {
		values(c, bHolds, func([]byte, store.Hold) {})
	}
	values(c, bScores, func(k []byte, _ store.BounceScore) {
		if at, _ := c.in(bAddresses).Cursor().Seek(k); !bytes.HasPrefix(at, k) {
			c.faultf("a score of mail that came back is kept of nobody")
		}
	})
}
