package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ErrDerived says that what was worked out cannot be read: it is to be cleared,
// and worked out again.
var ErrDerived = errors.New("what was worked out from the record is damaged")

// A Derived keeps what is worked out from the record because it takes long, in
// named tables of rows in the order of their keys. It is never the truth: it is
// in no copy and may be cleared at any time. Whoever keeps something in it notes
// in the same transaction how far in the log it has come.
type Derived interface {
	// View runs f over one state of the rows, whatever is written meanwhile. f
	// must not call Update.
	View(ctx context.Context, f func(Rows) error) error
	// Update runs f, the only one that writes. If f fails, or the process dies
	// before Update returns, nothing of it is there; afterwards all of it is. f
	// must not call View.
	Update(ctx context.Context, f func(Rows) error) error
	// Clear throws all rows away.
	Clear(ctx context.Context) error
}

// Rows are the tables of a Derived within one transaction. What they give is
// valid until its end and must not be altered. ErrDerived tells of damage.
type Rows interface {
	// Get is the value of a key, nil where there is none.
	Get(table, key string) ([]byte, error)
	Put(table, key string, value []byte) error
	// Delete takes a row away; that there is none is no error.
	Delete(table, key string) error
	// Each calls f with the rows whose key begins with prefix, in their order,
	// from the one at least as great as from on, until f returns false or fails.
	// f must not write to the table.
	Each(table, prefix, from string, f func(key string, value []byte) (bool, error)) error
}

// A Scratch is a Derived in memory. Its zero value is empty. It is safe for
// concurrent use.
type Scratch struct {
	mu     sync.RWMutex
	tables map[string]*scratchTable
}

var _ Derived = (*Scratch)(nil)

type scratchTable struct {
	rows map[string][]byte
	keys []string // of rows, sorted; nil when rows were added or taken away since
}

// View holds up Update while f runs.
func (s *Scratch) View(ctx context.Context, f func(Rows) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock() // the keys are put in order when they are asked for
	defer s.mu.Unlock()
	return f(&scratchRows{s: s})
}

// Update undoes what f did if it fails.
func (s *Scratch) Update(ctx context.Context, f func(Rows) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := &scratchRows{s: s}
	err := f(rows)
	if err != nil {
		for _, was := range slices.Backward(rows.undo) {
			s.set(was.table, was.key, was.value)
		}
	}
	return err
}

// Clear forgets everything.
func (s *Scratch) Clear(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables = nil
	return nil
}

func (s *Scratch) table(name string) *scratchTable {
	t := s.tables[name]
	if t == nil {
		if s.tables == nil {
			s.tables = map[string]*scratchTable{}
		}
		t = &scratchTable{rows: map[string][]byte{}}
		s.tables[name] = t
	}
	return t
}

func (s *Scratch) set(table, key string, value []byte) {
	t := s.table(table)
	_, had := t.rows[key]
	if had != (value != nil) {
		t.keys = nil
	}
	if value == nil {
		delete(t.rows, key)
	} else {
		t.rows[key] = value
	}
}

type scratchRow struct {
	table, key string
	value      []byte // nil: there was none
}

type scratchRows struct {
	s    *Scratch
	undo []scratchRow
}

func (r *scratchRows) Get(table, key string) ([]byte, error) { return r.s.table(table).rows[key], nil }

func (r *scratchRows) Put(table, key string, value []byte) error {
	r.undo = append(r.undo, scratchRow{table, key, r.s.table(table).rows[key]})
	r.s.set(table, key, append([]byte{}, value...))
	return nil
}

func (r *scratchRows) Delete(table, key string) error {
	r.undo = append(r.undo, scratchRow{table, key, r.s.table(table).rows[key]})
	r.s.set(table, key, nil)
	return nil
}

func (r *scratchRows) Each(table, prefix, from string, f func(key string, value []byte) (bool, error)) error {
	t := r.s.table(table)
	if t.keys == nil {
		t.keys = slices.Sorted(maps.Keys(t.rows))
	}
	i, _ := slices.BinarySearch(t.keys, max(prefix, from))
	for _, k := range t.keys[i:] {
		if !strings.HasPrefix(k, prefix) {
			return nil
		}
		if more, err := f(k, t.rows[k]); err != nil || !more {
			return err
		}
	}
	return nil
}
