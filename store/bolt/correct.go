package bolt

import (
	"cmp"
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
		err := t.correct(&c, it, t.nextSeq())
		if err == nil {
			err = t.logCorrection(c, it)
		}
		// Whoever sees the entry sees what it means: from here on they wait for the end of this.
		s.edits.Store(nil)
		return err
	})
	return c, err
}

// CorrectAgain stores corrections that were made in a store that was lost, in their
// order, each as Correct does and under the next number, all in one transaction: a
// crash before it leaves nothing of them, one after it all. Nobody is written to about
// them (Mail). Their items need not be known: until they are, there is nothing to take
// back and nothing that the log must tell of.
func (s *Store) CorrectAgain(ctx context.Context, all []store.Correction) error {
	const what = "correct again"
	for _, c := range all {
		if err := c.Check(); err != nil {
			return wrap(fmt.Sprintf("%s %s %q", what, c.Source, c.Key), err)
		}
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	return s.update(ctx, what, func(t *tx) error {
		for _, c := range all {
			if err := t.correctAgain(c); err != nil {
				return fmt.Errorf("%s %q: %w", c.Source, c.Key, err)
			}
		}
		s.edits.Store(nil)
		return nil
	})
}

func (t *tx) correctAgain(c store.Correction) error {
	it := store.Item{Source: c.Source, Key: c.Key, Kind: c.Kind, Title: c.Title}
	known, err := t.get(bItems, pair(c.Source, c.Key), &it)
	if err != nil {
		return err
	}
	c.Mail = false
	if !known {
		// Found by the next crawl, it is news of after this moment.
		return t.correct(&c, it, max(t.nextSeq()-1, 1))
	}
	// The title stays that of when it was made: others name the item by it.
	c.Kind, c.Title = it.Kind, cmp.Or(c.Title, it.Title)
	if err := t.correct(&c, it, t.nextSeq()); err != nil {
		return err
	}
	return t.logCorrection(c, it)
}

// correct stores one correction under the next number and takes back what it reaches.
func (t *tx) correct(c *store.Correction, it store.Item, seq uint64) error {
	c.N, c.Seq = t.corrections()+1, seq
	var told store.Position
	if _, err := t.get(bFollowers, []byte(store.Teller), &told); err != nil {
		return err
	}
	c.Judged = told.Seq
	if err := t.put(bCorrected, be64(c.N), *c); err != nil {
		return err
	}
	return t.recall(*c, it)
}

// logCorrection has those who keep something of the item read it again.
func (t *tx) logCorrection(c store.Correction, it store.Item) error {
	return t.append([]store.Change{{
		At: c.At, Source: c.Source, Key: c.Key, Kind: it.Kind, Op: store.OpCorrected, Title: it.Title, URL: it.URL, Silent: true,
	}})
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
