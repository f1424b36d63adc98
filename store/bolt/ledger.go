package bolt

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"ccgwatch/store"
)

// source is what a snapshot holds besides its items.
type source struct {
	Rev      uint64    `json:"rev"`
	Baseline time.Time `json:"baseline,omitzero"`
	Cursor   string    `json:"cursor,omitempty"`
	Held     string    `json:"held,omitempty"`
	Notes    string    `json:"notes,omitempty"`
}

// Snapshot is read in one transaction: it is what some Commit left.
func (s *Store) Snapshot(ctx context.Context, name string, keys []string) (store.Snapshot, error) {
	snap := store.Snapshot{Source: name, Items: map[string]store.Item{}}
	err := s.view(ctx, "read the snapshot of "+name, func(t *tx) error {
		var src source
		if ok, err := t.get(bSources, []byte(name), &src); !ok {
			return err
		}
		snap.Rev, snap.Baseline, snap.Cursor, snap.Held, snap.Notes = src.Rev, src.Baseline, src.Cursor, src.Held, src.Notes
		if keys == nil {
			prefix := pair(name, "")
			return each(t, bItems, prefix, prefix, func(_ []byte, it store.Item) (bool, error) {
				snap.Items[it.Key] = it
				return true, nil
			})
		}
		for _, k := range keys {
			var it store.Item
			ok, err := t.get(bItems, pair(name, k), &it)
			if err != nil {
				return err
			}
			if ok {
				snap.Items[k] = it
			}
		}
		return nil
	})
	if err != nil {
		return store.Snapshot{}, err
	}
	return snap, nil
}

// Commit is one transaction. Items that are stored as they are already cost no
// write. A crash before it returns leaves all or nothing of it; afterwards all
// of it is on the disk. The numbers of the changes are given here; the caller's
// slice stays as it is.
func (s *Store) Commit(ctx context.Context, next store.Snapshot, changes []store.Change, h store.Health) error {
	what := "commit " + next.Source
	if err := named("source", next.Source); err != nil {
		return wrap(what, err)
	}
	s.mu.RLock()
	if err := s.usable(ctx, what); err != nil { // the codec is closed with the store
		s.mu.RUnlock()
		return err
	}
	items, err := s.packed(next)
	s.mu.RUnlock()
	if err != nil {
		return wrap(what, err)
	}
	return s.update(ctx, what, func(t *tx) error {
		var src source
		if _, err := t.get(bSources, []byte(next.Source), &src); err != nil {
			return err
		}
		if src.Rev != next.Rev {
			return fmt.Errorf("revision %d, stored is %d: %w", next.Rev, src.Rev, store.ErrConflict)
		}
		src = source{Rev: src.Rev + 1, Baseline: next.Baseline, Cursor: next.Cursor, Held: next.Held, Notes: next.Notes}
		if err := t.put(bSources, []byte(next.Source), src); err != nil {
			return err
		}
		for _, it := range items {
			if err := t.remark(it.key, it.packed, it.marks); err != nil {
				return err
			}
			if err := t.set(bItems, it.key, it.packed); err != nil {
				return err
			}
		}
		if err := t.log(next.Source, changes); err != nil {
			return err
		}
		h.Source = next.Source
		return t.put(bHealth, []byte(h.Source), h)
	})
}

// A packedItem is an item as it is stored, and where the index has it.
type packedItem struct {
	key, packed []byte
	marks       []string
}

// packed encodes the items of a snapshot, in order of their keys, outside the
// transaction that others wait for.
func (s *Store) packed(next store.Snapshot) ([]packedItem, error) {
	out := make([]packedItem, 0, len(next.Items))
	for _, key := range slices.Sorted(maps.Keys(next.Items)) {
		it := next.Items[key]
		it.Source = next.Source
		if err := named("item", key); err != nil {
			return nil, err
		}
		if it.Key != key {
			return nil, fmt.Errorf("the item %q stands under the key %q", it.Key, key)
		}
		k := pair(next.Source, key)
		v, err := s.codec.encode(bItems, k, it)
		if err != nil {
			return nil, err
		}
		out = append(out, packedItem{k, v, store.Marks(it)})
	}
	return out, nil
}

// log appends changes to the log.
func (t *tx) log(name string, changes []store.Change) error {
	for i := range changes {
		if changes[i].Source != name {
			changes = slices.Clone(changes) // the caller's slice stays as it is
			for k := range changes {
				changes[k].Source = name
			}
			break
		}
	}
	return t.append(changes)
}

// append numbers changes and puts them at the end of the log, as one batch.
func (t *tx) append(changes []store.Change) error {
	b := t.in(bChanges)
	b.FillPercent = 0.95 // keys only ever grow
	batch := t.nextSeq()
	for i, c := range changes {
		c.Seq, c.Batch = batch+uint64(i), batch
		if err := t.put(bChanges, be64(c.Seq), c); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) lastSeq() uint64 {
	k, _ := t.in(bChanges).Cursor().Last()
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

// Note is one small transaction.
func (s *Store) Note(ctx context.Context, h store.Health) error {
	if err := named("source", h.Source); err != nil {
		return wrap("note health", err)
	}
	return s.update(ctx, "note the health of "+h.Source, func(t *tx) error {
		return t.put(bHealth, []byte(h.Source), h)
	})
}

// Changes reads entries in one transaction.
func (s *Store) Changes(ctx context.Context, after uint64, limit int) ([]store.Change, error) {
	var out []store.Change
	if after == ^uint64(0) {
		return nil, nil
	}
	err := s.view(ctx, "read the change log", func(t *tx) error {
		return each(t, bChanges, be64(after+1), nil, func(_ []byte, c store.Change) (bool, error) {
			out = append(out, c)
			return limit <= 0 || len(out) < limit, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// LastSeq is the number of the newest entry that is on the disk.
func (s *Store) LastSeq(ctx context.Context) (n uint64, err error) {
	err = s.view(ctx, "read the end of the change log", func(t *tx) error {
		n = t.lastSeq()
		return nil
	})
	return n, err
}

// Item reads one item.
func (s *Store) Item(ctx context.Context, name, key string) (store.Item, error) {
	var it store.Item
	err := s.view(ctx, fmt.Sprintf("read %s %q", name, key), func(t *tx) error {
		return found(t.get(bItems, pair(name, key), &it))
	})
	return it, err
}

// found turns a missing value into store.ErrNotFound.
func found(ok bool, err error) error {
	if err == nil && !ok {
		return store.ErrNotFound
	}
	return err
}

// Items decodes one item at a time out of one read transaction. The
// transaction is open as long as f runs: writes go on meanwhile, but the file
// cannot give back space, and if it has to grow beyond its mapping they wait.
func (s *Store) Items(ctx context.Context, name string, f func(store.Item) bool) error {
	var prefix []byte
	if name != "" {
		prefix = pair(name, "")
	}
	return s.view(ctx, "read the items", func(t *tx) error {
		return each(t, bItems, prefix, prefix, func(_ []byte, it store.Item) (bool, error) { return f(it), nil })
	})
}

// Healths reads all of them in one transaction.
func (s *Store) Healths(ctx context.Context) ([]store.Health, error) {
	var out []store.Health
	err := s.view(ctx, "read the health of the sources", func(t *tx) error {
		return each(t, bHealth, nil, nil, func(_ []byte, h store.Health) (bool, error) {
			out = append(out, h)
			return true, nil
		})
	})
	return out, err
}

// Health reads that of one source; one that was never visited has none but its name.
func (s *Store) Health(ctx context.Context, source string) (store.Health, error) {
	h := store.Health{Source: source}
	err := s.view(ctx, "read the health of "+source, func(t *tx) error {
		_, err := t.get(bHealth, []byte(source), &h)
		return err
	})
	return h, err
}

// Due reads the diary.
func (s *Store) Due(ctx context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := s.view(ctx, "read the diary", func(t *tx) error {
		return each(t, bDiary, nil, nil, func(k []byte, at time.Time) (bool, error) {
			out[string(k)] = at
			return true, nil
		})
	})
	return out, err
}

// SetDue is one small transaction.
func (s *Store) SetDue(ctx context.Context, job string, at time.Time) error {
	if err := named("job", job); err != nil {
		return wrap("write the diary", err)
	}
	return s.update(ctx, "write the diary", func(t *tx) error { return t.put(bDiary, []byte(job), at) })
}
