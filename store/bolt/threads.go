package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"ccgwatch/store"
)

// Marked reads an index.
func (s *Store) Marked(ctx context.Context, mark string, limit int) ([]store.ItemRef, error) {
	var out []store.ItemRef
	if err := named("mark", mark); err != nil {
		return nil, wrap("read the marks", err)
	}
	err := s.view(ctx, "read the marks", func(t *tx) error {
		prefix := pair(mark, "")
		c := t.in(bMarks).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			source, key, _ := bytes.Cut(k[len(prefix):], []byte{0})
			if out = append(out, store.ItemRef{Source: string(source), Key: string(key)}); limit > 0 && len(out) >= limit {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// remark brings the index up to an item about to be stored; key is the item's,
// which begins with its source. What is stored already keeps its marks.
func (t *tx) remark(key, packed []byte, marks []string) error {
	old := t.in(bItems).Get(key)
	if old != nil && bytes.Equal(old, packed) {
		return nil
	}
	var was []string
	if old != nil && len(t.in(bMarks).Get(anyMark(key))) > 0 {
		var it store.Item
		if err := t.s.codec.decode(bItems, key, old, &it); err != nil {
			return err
		}
		was = store.Marks(it)
	}
	b := t.in(bMarks)
	for _, m := range was {
		if !slices.Contains(marks, m) {
			if err := b.Delete(markKey(m, key)); err != nil {
				return err
			}
		}
	}
	for _, m := range marks {
		if !slices.Contains(was, m) {
			if err := t.mark(bMarks, markKey(m, key)); err != nil {
				return err
			}
		}
	}
	if len(was) > 0 == (len(marks) > 0) {
		return nil
	}
	if len(marks) > 0 {
		return t.mark(bMarks, anyMark(key))
	}
	return b.Delete(anyMark(key))
}

func markKey(mark string, key []byte) []byte { return join(pair(mark, ""), key) }

// anyMark tells, without decoding it, that an item has marks: most have none.
func anyMark(key []byte) []byte { return join([]byte{1}, key) }

// Decide is one small transaction.
func (s *Store) Decide(ctx context.Context, d store.Decision) error {
	return s.update(ctx, "store a decision", func(t *tx) error {
		n := uint64(1)
		if k, _ := t.in(bDecisions).Cursor().Last(); len(k) == 8 {
			n = binary.BigEndian.Uint64(k) + 1
		}
		return t.put(bDecisions, be64(n), d)
	})
}

// Decisions reads all of them in one transaction.
func (s *Store) Decisions(ctx context.Context) ([]store.Decision, error) {
	var out []store.Decision
	err := s.view(ctx, "read the decisions", func(t *tx) error {
		return each(t, bDecisions, nil, nil, func(_ []byte, d store.Decision) (bool, error) {
			out = append(out, d)
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// FallDue is one transaction.
func (s *Store) FallDue(ctx context.Context, due []store.Change, job string, next time.Time) (int, error) {
	const what = "log what falls due"
	if err := named("job", job); err != nil {
		return 0, wrap(what, err)
	}
	logged := 0
	err := s.update(ctx, what, func(t *tx) error {
		seq := t.lastSeq()
		var fresh []store.Change
		for _, c := range due {
			if err := named("source", c.Source); err != nil {
				return err
			}
			if c.Due == nil {
				return named("due", "")
			}
			if err := named("due", c.Due.Key); err != nil {
				return err
			}
			key := []byte(c.Due.Key)
			if t.in(bTicked).Get(key) != nil {
				continue
			}
			c.Op = store.OpDue
			fresh = append(fresh, c)
			if err := t.in(bTicked).Put(key, be64(seq+uint64(len(fresh)))); err != nil {
				return err
			}
		}
		if logged = len(fresh); logged > 0 {
			if err := t.append(fresh); err != nil {
				return err
			}
		}
		return t.put(bDiary, []byte(job), next)
	})
	if err != nil {
		return 0, err
	}
	return logged, nil
}
