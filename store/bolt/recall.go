package bolt

import (
	"errors"
	"time"

	"ccgwatch/store"
)

// recall takes back what speaks of an item that was just corrected and has not
// been sent.
func (t *tx) recall(c store.Correction, it store.Item) error {
	if c.Act == store.ActNote { // it is beside what was said
		return nil
	}
	waiting, err := t.unsent()
	if err != nil {
		return err
	}
	said := speaking{t: t, it: it, by: map[string]bool{}}
	for _, d := range waiting {
		if err := t.takeBack(d, c, &said); err != nil {
			return err
		}
	}
	return nil
}

// unsent tells of what tells of items and may still be sent, but for what is at its
// last byte.
func unsent(d store.Delivery) bool {
	switch d.State {
	case store.Queued, store.Claimed, store.OnHold:
		return len(d.Findings)+len(d.About) > 0
	}
	return false
}

// outdated takes back a delivery that was just queued, as far as something it
// speaks of was corrected after its words were chosen.
func (t *tx) outdated(d store.Delivery) error {
	if d.Edits >= t.corrections() || !unsent(d) {
		return nil
	}
	return each(t, bCorrected, be64(d.Edits+1), nil, func(_ []byte, c store.Correction) (bool, error) {
		if c.Act == store.ActNote {
			return true, nil
		}
		it := store.Item{Source: c.Source, Key: c.Key, Kind: c.Kind, Title: c.Title}
		if err := t.takeBack(d, c, &speaking{t: t, it: it, by: map[string]bool{}}); err != nil {
			return false, err
		}
		now, err := t.delivery(d.ID)
		if errors.Is(err, store.ErrNotFound) { // dropped: it is owed again
			return false, nil
		}
		return err == nil && unsent(now), err
	})
}

// A speaking tells which findings speak of an item, each looked at once.
type speaking struct {
	t  *tx
	it store.Item
	by map[string]bool
}

// of tells whether a delivery speaks of the item, and whether of anything else.
func (s *speaking) of(d store.Delivery) (speaks, others bool, err error) {
	others = d.More > 0
	for _, ref := range d.About {
		if ref == (store.ItemRef{Source: s.it.Source, Key: s.it.Key}) {
			speaks = true
		} else {
			others = true
		}
	}
	for _, id := range d.Findings {
		f, err := s.t.finding(id)
		if err != nil {
			return false, false, err
		}
		in, known := s.by[id]
		if !known {
			in = f.Speaks(s.it)
			s.by[id] = in
		}
		speaks = speaks || in
		others = others || f.Source != s.it.Source || f.Key != s.it.Key
	}
	return speaks, others, nil
}

// takeBack takes back one delivery, if it speaks of the item of a correction.
func (t *tx) takeBack(was store.Delivery, c store.Correction, said *speaking) error {
	speaks, others, err := said.of(was)
	if err != nil || !speaks {
		return err
	}
	hidden := c.Act == store.ActHold || c.Act == store.ActWithdraw
	now := was
	now.LastError, now.Due, now.Lease = "taken back: an item it is about was corrected", time.Time{}, time.Time{}
	if was.Doubts > 0 { // it may have come: a letter says so, and nothing is repeated that is not shown
		if !hidden && c.Act != store.ActRedact {
			return nil
		}
		now.State = store.Uncertain
		return t.move(was, now)
	}
	if done, err := t.owedAgain(was); err != nil || done {
		return err
	}
	now.State, now.Failure, now.WasHeld = store.Failed, store.FailedCorrected, was.State == store.OnHold
	if hidden && !others {
		now.State = store.Suppressed
	}
	return t.move(was, now)
}

// owedAgain drops what will be made again by itself: a letter about a correction,
// and a digest none of whose periods has been told otherwise since.
func (t *tx) owedAgain(d store.Delivery) (bool, error) {
	periods := d.Periods
	if d.Period.Subscription != "" {
		periods = []store.Period{d.Period}
	}
	if len(periods) == 0 {
		// An alert, a digest made before its period was noted, or a copy of one.
		if len(d.Findings) > 0 || d.Kind == store.MailOperator {
			return false, nil
		}
		return true, t.drop(d.ID)
	}
	for _, p := range periods {
		var sub store.Subscription
		ok, err := t.get(bSubs, []byte(p.Subscription), &sub)
		if err != nil {
			return false, err
		}
		if ok && sub.State == store.StateConfirmed && !sub.LastDigest.Equal(p.Until) {
			return false, nil
		}
	}
	if err := t.giveBack(d, periods); err != nil {
		return false, err
	}
	return true, t.drop(d.ID)
}
