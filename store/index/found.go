package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Found reads findings in growing portions: the first few of a common word
// cost as little as those of a rare one. f may use the store and must not call
// the index.
func (x *Index) Found(ctx context.Context, q query.Query, before store.FoundPlace, f func(store.Found) bool) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return errClosed
	}
	err := x.eachFound(ctx, q, before, f)
	if err != nil {
		return fmt.Errorf("search the findings: %w", x.met(err))
	}
	return nil
}

const portionLeast, portionMost = 64, 2048

func (x *Index) eachFound(ctx context.Context, q query.Query, before store.FoundPlace, f func(store.Found) bool) error {
	end, err := x.below(ctx, before)
	if err != nil {
		return err
	}
	l := q.Lookup()
	if l.None {
		return nil
	}
	ask := `SELECT no, no, id, flags FROM finding WHERE no < ? ORDER BY no DESC LIMIT ?`
	var words []any
	if !l.All {
		ask = `SELECT found.rowid, finding.no, finding.id, finding.flags FROM found CROSS JOIN finding ON finding.no = (SELECT max(no) FROM finding WHERE no <= found.rowid)
			WHERE found MATCH ? AND found.rowid < ? ORDER BY found.rowid DESC LIMIT ?`
		words = []any{l.Expr}
	}
	told := int64(0) // of which another passage fitted already
	for portion := portionLeast; ; portion = min(4*portion, portionMost) {
		var list []store.Found
		n := 0
		err := rows(ctx, x.db, ask, append(append([]any(nil), words...), end, portion), func(r *sql.Rows) error {
			var row, no, flags int64
			var id string
			if err := r.Scan(&row, &no, &id, &flags); err != nil {
				return err
			}
			n, end = n+1, row
			if no != told && flags&flagHidden == 0 && int(no) < len(x.mem.found) {
				told = no
				list = append(list, x.foundAt(int(no), id, !l.Exact))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, v := range list { // no statement is open while f works
			if !f(v) {
				return nil
			}
		}
		if n < portion {
			return nil
		}
	}
}

// Things reads no finding: the numbers of those that fit come in one row, and of
// which item each is, is in memory.
func (x *Index) Things(ctx context.Context, q query.Query) (things []uint64, ask bool, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, false, errClosed
	}
	l := q.Lookup()
	add := func(no int) {
		if no > 0 && no < len(x.mem.found) && x.mem.found[no].flags&flagHidden == 0 {
			things = append(things, x.mem.found[no].thing)
		}
	}
	db, err := x.reading(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("search the findings: %w", err)
	}
	defer func() { _ = db.Rollback() }()
	left, err := x.mem.passages.narrow(ctx, db, q, len(x.mem.found))
	if err != nil {
		return nil, false, fmt.Errorf("search the findings: %w", x.failed(ctx, err))
	}
	if len(left.in) == 0 {
		left = narrowing{rest: q} // a number that has no words now, after a correction, bears nothing
	}
	switch r := left.rest.Lookup(); {
	case r.None:
	case r.All:
		for no := range x.mem.found {
			if left.takes(no) {
				add(no)
			}
		}
	default:
		err := numbered(ctx, db, `SELECT group_concat(rowid, ' ') FROM found WHERE found MATCH ?`, func(no int) {
			if left.takes(no) {
				add(no)
			}
		}, r.Expr)
		if err != nil {
			return nil, false, fmt.Errorf("search the findings: %w", x.failed(ctx, err))
		}
	}
	return things, !l.Exact, nil
}

func (x *Index) foundAt(no int, id string, ask bool) store.Found {
	row := x.mem.found[no]
	v := store.Found{
		ID: id, Change: row.change, At: time.Unix(row.at, 0).UTC(), Source: x.mem.names[row.source], Thing: row.thing,
		AtOnce: row.flags&flagAtOnce != 0, Silent: row.flags&flagSilent != 0, Ask: ask,
	}
	if row.topic > 0 {
		v.Topic = topics()[row.topic-1]
	}
	return v
}

// below is the number that all findings before a place are below.
func (x *Index) below(ctx context.Context, p store.FoundPlace) (int64, error) {
	if p.Change == 0 {
		return int64(len(x.mem.found)), nil
	}
	upTo := int64(x.mem.foundUpTo(p.Change)) + 1
	if p.ID == "" {
		return upTo, nil
	}
	var no int64
	err := x.db.QueryRowContext(ctx, `SELECT no FROM finding WHERE id = ?`, p.ID).Scan(&no)
	if errors.Is(err, sql.ErrNoRows) {
		return upTo, nil
	}
	return no, err
}

// An Entry is one place of an item that is listed.
type Entry struct {
	Source, Key string
	Kind        store.Kind
	Title, URL  string
	Date        time.Time
	Spot        store.Spot
	Facts       query.Facts // what a query is asked about the place, its whole text included
	Text        string      // of the place alone
}

// Each calls f with every place of every item that is listed, item by item, until
// it returns false: for whoever makes a search of their own from it (the
// exported pages). f must not call the index. See query.Index and query.Stems
// for how words are cut.
func (x *Index) Each(ctx context.Context, f func(Entry) bool) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return errClosed
	}
	of := map[uint32][]uint32{}
	for id, item := range x.mem.entries {
		if item != 0 {
			of[item] = append(of[item], uint32(id))
		}
	}
	for no := range x.mem.items {
		ids := of[uint32(no)]
		if len(ids) == 0 {
			continue
		}
		e := Entry{Date: time.Unix(x.mem.items[no].date, 0).UTC()}
		var kind string
		err := x.db.QueryRowContext(ctx, `SELECT source, key, kind, title, url FROM item WHERE no = ?`, no).Scan(&e.Source, &e.Key, &kind, &e.Title, &e.URL)
		if err != nil {
			return fmt.Errorf("read the search index: %w", x.met(err))
		}
		e.Kind = store.Kind(kind)
		facts, err := x.factsOf(ctx, x.db, uint32(no))
		if err != nil {
			return fmt.Errorf("read the search index: %w", x.met(err))
		}
		for _, id := range ids {
			if e.Spot, e.Text, err = x.entry(ctx, x.db, id, true); err != nil {
				return fmt.Errorf("read the search index: %w", x.met(err))
			}
			e.Facts = whole(facts, e.Text)
			if !f(e) {
				return nil
			}
		}
	}
	return nil
}
