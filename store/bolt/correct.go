package bolt

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"ccgwatch/store"
)

// Correct is one transaction. What is kept in memory of the corrections is
// replaced when it is on the disk.
func (s *Store) Correct(ctx context.Context, c store.Correction) (store.Correction, error) {
	what := fmt.Sprintf("correct %s %q", c.Source, c.Key)
	if err := c.Check(); err != nil {
		return c, wrap(what, err)
	}
	s.editing.Lock() // so that nobody keeps what was read before
	defer s.editing.Unlock()
	err := s.update(ctx, what, func(t *tx) error {
		var it store.Item
		if err := found(t.get(bItems, pair(c.Source, c.Key), &it)); err != nil {
			return err
		}
		c.N, c.Kind = 1, it.Kind
		if k, _ := t.in(bCorrected).Cursor().Last(); len(k) == 8 {
			c.N = binary.BigEndian.Uint64(k) + 1
		}
		if err := t.put(bCorrected, be64(c.N), c); err != nil {
			return err
		}
		if c.Act == store.ActHold || c.Act == store.ActWithdraw || c.Act == store.ActRedact {
			if err := t.recall(c); err != nil {
				return err
			}
		}
		return t.append([]store.Change{{
			At: c.At, Source: c.Source, Key: c.Key, Kind: it.Kind, Op: store.OpCorrected, Title: it.Title, URL: it.URL, Silent: true,
		}})
	})
	if err != nil {
		return c, err
	}
	s.edits.Store(nil)
	return c, nil
}

// recall takes what waits to be sent about an item out of the queue.
func (t *tx) recall(c store.Correction) error {
	var waiting []store.Delivery
	b := t.in(bDue).Cursor()
	for k, _ := b.First(); k != nil; k, _ = b.Next() {
		d, err := t.delivery(string(k[instantLen:]))
		if err != nil {
			return fmt.Errorf("delivery %s: %w", k[instantLen:], err)
		}
		if d.State == store.Queued && d.Doubts == 0 && len(d.Findings) > 0 {
			waiting = append(waiting, d)
		}
	}
	for _, was := range waiting {
		speaks, others := false, was.More > 0
		for _, id := range was.Findings {
			f, err := t.finding(id)
			if err != nil {
				return err
			}
			if f.Source == c.Source && f.Key == c.Key {
				speaks = true
			} else {
				others = true
			}
		}
		if !speaks {
			continue
		}
		now := was
		now.State, now.LastError, now.Due = store.Suppressed, "held back: the item it is about was corrected", time.Time{}
		if others || c.Act == store.ActRedact {
			now.State, now.Failure = store.Failed, store.FailedRefused
		}
		if err := t.move(was, now); err != nil {
			return err
		}
	}
	return nil
}

// finding reads one by id; zero where there is none.
func (t *tx) finding(id string) (f store.Finding, err error) {
	if seq := t.in(bFindingIDs).Get([]byte(id)); seq != nil {
		_, err = t.get(bFindings, join(seq, []byte(id)), &f)
	}
	return f, err
}

// Corrections reads them in one transaction.
func (s *Store) Corrections(ctx context.Context, after uint64) ([]store.Correction, error) {
	var out []store.Correction
	err := s.view(ctx, "read the corrections", func(t *tx) error {
		return each(t, bCorrected, be64(after+1), nil, func(_ []byte, c store.Correction) (bool, error) {
			out = append(out, c)
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Edits are kept in memory from the first time they are asked for: every answer
// to a reader needs them.
func (s *Store) Edits(ctx context.Context) (*store.Edits, error) {
	if e := s.edits.Load(); e != nil {
		return e, nil
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	if e := s.edits.Load(); e != nil {
		return e, nil
	}
	all, err := s.Corrections(ctx, 0)
	if err != nil {
		return nil, err
	}
	e := store.FoldCorrections(all)
	s.edits.Store(e)
	return e, nil
}
