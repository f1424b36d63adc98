package bolt

import (
	"context"
	"encoding/binary"
	"fmt"

	"ccgwatch/store"
)

// Correct is one transaction. What is kept in memory of the corrections is read
// anew by whoever asks from the moment at which it is on the disk.
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
		c.Kind, c.Title = it.Kind, it.Title
		c.N, c.Seq = t.corrections()+1, t.nextSeq()
		var told store.Position
		if _, err := t.get(bFollowers, []byte(store.Teller), &told); err != nil {
			return err
		}
		c.Judged = told.Seq
		if err := t.put(bCorrected, be64(c.N), c); err != nil {
			return err
		}
		if err := t.recall(c, it); err != nil {
			return err
		}
		err := t.append([]store.Change{{
			At: c.At, Source: c.Source, Key: c.Key, Kind: it.Kind, Op: store.OpCorrected, Title: it.Title, URL: it.URL, Silent: true,
		}})
		// Whoever sees the entry sees what it means: from here on they wait for the end of this.
		s.edits.Store(nil)
		return err
	})
	return c, err
}

// corrections counts them: it is the number of the last one.
func (t *tx) corrections() uint64 {
	if k, _ := t.in(bCorrected).Cursor().Last(); len(k) == 8 {
		return binary.BigEndian.Uint64(k)
	}
	return 0
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
