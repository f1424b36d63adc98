package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

const (
	changesAtOnce = 500
	// bytesAtOnce is after how much text a batch ends; one item may take more.
	bytesAtOnce = 8 << 20
)

// Step takes the next batch of the log, in one transaction. more tells that
// there may be further ones. What is wrong with the file is put right by
// building it again, and said in the log.
func (x *Index) Step(ctx context.Context) (more bool, err error) {
	x.stepping.Lock()
	defer x.stepping.Unlock()
	if x.closed {
		return false, errClosed
	}
	why := ""
	if info, err := os.Stat(x.path); err != nil || !os.SameFile(info, x.inode) {
		why = "its file was deleted or replaced"
	} else if x.bad.Load() {
		why = "it is damaged"
	} else if other, err := x.other(ctx); err != nil {
		return false, fmt.Errorf("index: %w", err)
	} else if other {
		why = "the store is another one, or an older copy of it"
	}
	if why != "" {
		if err := x.rebuild(why); err != nil {
			return false, err
		}
	}
	b, err := x.gather(ctx)
	if err != nil || b == nil {
		return false, wrapped("index", err)
	}
	if err := x.write(ctx, b); err != nil {
		if ctx.Err() != nil { // database/sql ends the transaction beside us, and says what it likes
			return false, fmt.Errorf("index changes %d to %d: %w", b.from+1, b.to, errors.Join(ctx.Err(), err))
		}
		if useless(err) {
			return true, x.rebuild("it is damaged: " + err.Error())
		}
		return false, fmt.Errorf("index changes %d to %d: %w", b.from+1, b.to, err)
	}
	return true, nil
}

func wrapped(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// other tells whether the place is one of another log. It is asked once: while
// the store is open nobody exchanges it.
func (x *Index) other(ctx context.Context) (bool, error) {
	if x.checked || x.mem.place == 0 {
		return false, nil
	}
	at, err := x.o.Ledger.Changes(ctx, x.mem.place-1, 1)
	if err != nil {
		return false, err
	}
	if len(at) == 0 || at[0].Seq != x.mem.place || nameOf(at[0]) != x.mem.last {
		return true, nil
	}
	x.checked = true
	return false, nil
}

// nameOf tells a change from those of another store with its number.
func nameOf(c store.Change) string {
	return strings.Join([]string{strconv.FormatUint(c.Seq, 10), strconv.FormatInt(c.At.UnixNano(), 10), c.Source, c.Key}, " ")
}

// A batch is what one transaction takes in.
type batch struct {
	from, to uint64
	changes  []store.Change
	found    []store.Finding            // of these changes, in the order of the store
	of       map[string][]store.Finding // the same by item
	// anew are items of which every place and finding is filed again: something
	// beside what their source says has changed.
	anew map[string]bool
}

func itemKey(source, key string) string { return source + "\x00" + key }

// gather reads the next changes that were judged, nil where there are none.
func (x *Index) gather(ctx context.Context) (*batch, error) {
	pos, err := x.o.Outbox.Position(ctx, x.o.Follower)
	if err != nil {
		return nil, err
	}
	b := &batch{from: x.mem.place, of: map[string][]store.Finding{}, anew: map[string]bool{}}
	if pos.Seq <= b.from {
		return nil, nil
	}
	if b.changes, err = x.o.Ledger.Changes(ctx, b.from, changesAtOnce); err != nil {
		return nil, err
	}
	for n := len(b.changes); n > 0 && b.changes[n-1].Seq > pos.Seq; n-- {
		b.changes = b.changes[:n-1]
	}
	if len(b.changes) == 0 {
		return nil, nil
	}
	b.to = b.changes[len(b.changes)-1].Seq
	for _, c := range b.changes {
		switch c.Op {
		case store.OpAdded, store.OpAmended, store.OpWithdrawn, store.OpDue:
		default:
			b.anew[itemKey(c.Source, c.Key)] = true
		}
	}
	err = x.o.Outbox.Findings(ctx, b.from, func(f store.Finding) bool {
		if f.Change > b.to {
			return false
		}
		b.found = append(b.found, f)
		return true
	})
	for _, f := range b.found {
		k := itemKey(f.Source, f.Key)
		b.of[k] = append(b.of[k], f)
	}
	return b, err
}

// A writer is one transaction and what it will alter in memory.
type writer struct {
	x   *Index
	ctx context.Context // lives as long as one batch
	tx  *sql.Tx

	statements map[string]*sql.Stmt
	bytes      int
	after      []func(*memory)
	names      map[string]uint32 // new ones
	facts      map[string]int64
	items      map[string]bool     // done
	nextFound  int                 // number of the next finding
	edit       func(string) string // of the pages of the item in hand
}

func (x *Index) write(ctx context.Context, b *batch) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	w := &writer{x: x, ctx: ctx, tx: tx, statements: map[string]*sql.Stmt{}, names: map[string]uint32{}, facts: map[string]int64{}, items: map[string]bool{}, nextFound: len(x.mem.found)}
	last := b.changes[0]
	found := b.found
	for _, c := range b.changes {
		if w.bytes >= w.x.most && c.Seq > last.Seq {
			break
		}
		last = c
		for len(found) > 0 && found[0].Change <= c.Seq {
			if err := w.finding(found[0]); err != nil {
				return fmt.Errorf("finding %s: %w", found[0].ID, err)
			}
			found = found[1:]
		}
		if k := itemKey(c.Source, c.Key); !w.items[k] {
			w.items[k] = true
			if err := w.change(c, b.of[k], b.anew[k]); err != nil {
				return fmt.Errorf("%s %s: %w", c.Source, c.Key, err)
			}
		}
	}
	b.to = last.Seq
	for name, value := range map[string]string{"place": strconv.FormatUint(last.Seq, 10), "last": nameOf(last)} {
		if _, err := w.exec(`UPDATE meta SET value = ? WHERE name = ?`, value, name); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range w.after {
		f(x.mem)
	}
	x.mem.place, x.mem.last, x.checked = last.Seq, nameOf(last), true
	x.cache.clear()
	return nil
}

func (w *writer) stmt(q string) (*sql.Stmt, error) {
	if s := w.statements[q]; s != nil {
		return s, nil
	}
	s, err := w.tx.PrepareContext(w.ctx, q)
	if err == nil {
		w.statements[q] = s
	}
	return s, err
}

func (w *writer) exec(q string, args ...any) (sql.Result, error) {
	s, err := w.stmt(q)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(w.ctx, args...)
}

// get reads one row; ok tells whether there is one.
func (w *writer) get(q string, args []any, to ...any) (ok bool, err error) {
	s, err := w.stmt(q)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(w.ctx, args...).Scan(to...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// name is the number of a source or body.
func (w *writer) name(name string) (uint32, error) {
	if n, ok := w.x.mem.number[name]; ok {
		return n, nil
	}
	if n, ok := w.names[name]; ok {
		return n, nil
	}
	r, err := w.exec(`INSERT INTO names (name) VALUES (?)`, name)
	if err != nil {
		return 0, err
	}
	id, err := r.LastInsertId()
	n := uint32(id) //nolint:gosec // numbered by us, from 1
	w.names[name] = n
	w.after = append(w.after, func(m *memory) { m.name(n, name) })
	return n, err
}

// lists stores the lists of facts, without their text, and gives their number.
func (w *writer) lists(f query.Facts) (int64, error) {
	f.Text, f.Passages = "", nil
	b, err := json.Marshal(f)
	if err != nil {
		return 0, err
	}
	s := string(b)
	if n, ok := w.facts[s]; ok {
		return n, nil
	}
	var no int64
	ok, err := w.get(`SELECT no FROM facts WHERE json = ?`, []any{s}, &no)
	if err == nil && !ok {
		var r sql.Result
		if r, err = w.exec(`INSERT INTO facts (json) VALUES (?)`, s); err == nil {
			no, err = r.LastInsertId()
		}
	}
	w.facts[s] = no
	return no, err
}

func columns() string { return strings.Join(query.Columns(), ", ") }

func topicNumber(t store.Topic) uint8 {
	return uint8(1 + slices.Index(topics(), t)) //nolint:gosec // 0 to 8
}
