package alerts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"ccgwatch/store"
)

// Quoted lists sentences from a place in the list on, up to so many. What the log
// says and is not worked out yet takes away: a paper that an item has no more, or
// that is not shown since, is not quoted, whatever is kept.
func (p *Papers) Quoted(ctx context.Context, from, limit int) (SaidPage, error) {
	p.begin()
	var out SaidPage
	var at place
	err := p.view(ctx, func(w *papering) (err error) {
		out, at, err = w.quoted(from, limit)
		return err
	})
	if err != nil {
		return out, err
	}
	last, err := p.Ledger.LastSeq(ctx)
	if err != nil || at.Seq >= last {
		return out, err
	}
	out.Behind = true
	since := func(store.ItemRef) bool { return true }
	if last-at.Seq <= derivedAtOnce {
		changes, err := p.Ledger.Changes(ctx, at.Seq, derivedAtOnce)
		if err != nil {
			return out, fmt.Errorf("read changes: %w", err)
		}
		since = func(ref store.ItemRef) bool {
			return slices.ContainsFunc(changes, func(c store.Change) bool { return c.Source == ref.Source && c.Key == ref.Key })
		}
	}
	out.List, err = p.still(ctx, out.List, since)
	return out, err
}

// still leaves out what items that may have changed since have no more.
func (p *Papers) still(ctx context.Context, list []SaidIn, changed func(store.ItemRef) bool) ([]SaidIn, error) {
	now := map[store.ItemRef]paperItem{}
	var kept []SaidIn
	for _, s := range list {
		ref := store.ItemRef{Source: s.Source, Key: s.Key}
		if changed(ref) {
			x, ok := now[ref]
			if !ok {
				var err error
				if x, err = p.now(ctx, ref); err != nil {
					return nil, err
				}
				now[ref] = x
			}
			if !slices.ContainsFunc(x.Papers, func(d paperDoc) bool { return d.SHA == s.SHA }) {
				continue
			}
			s.Item, s.When = x.Title, x.When
		}
		kept = append(kept, s)
	}
	return kept, nil
}

// quoted is a part of the list as it is kept.
func (w *papering) quoted(from, limit int) (out SaidPage, at place, err error) {
	if _, err := getRow(w.rows, tablePlaces, w.kept.name, &at); err != nil {
		return out, at, err
	}
	for what, to := range map[string]*int{countSaid: &out.All, countPapers: &out.Papers} {
		if _, err := getRow(w.rows, tableCounts, what, to); err != nil {
			return out, at, err
		}
	}
	var keys []string
	n := 0
	if err := w.rows.Each(tableQuoted, "", "", func(key string, _ []byte) (bool, error) {
		if n++; n > from {
			keys = append(keys, key)
		}
		return len(keys) < limit, nil
	}); err != nil {
		return out, at, err
	}
	for _, key := range keys {
		s, err := w.sentence(key)
		if err != nil {
			return out, at, err
		}
		out.List = append(out.List, s)
	}
	return out, at, nil
}

// sentence is one in the list.
func (w *papering) sentence(key string) (SaidIn, error) {
	const head, tail = 8, 5
	bad := fmt.Errorf("%w: %s %q", store.ErrDerived, tableQuoted, key)
	if len(key) < head+tail {
		return SaidIn{}, bad
	}
	name, at := key[head:len(key)-tail], []byte(key[len(key)-tail+1:])
	paper, sentence := int(binary.BigEndian.Uint16(at)), int(binary.BigEndian.Uint16(at[2:]))
	x, err := w.row(name)
	if err != nil {
		return SaidIn{}, err
	}
	if paper >= len(x.Papers) {
		return SaidIn{}, bad
	}
	d := x.Papers[paper]
	var said []Saying
	if _, err := getRow(w.rows, tableSaid, shaName(d.SHA), &said); err != nil {
		return SaidIn{}, err
	}
	if sentence >= len(said) {
		return SaidIn{}, bad
	}
	ref := namedItem(name)
	return SaidIn{said[sentence], ref.Source, ref.Key, x.Title, x.When, d.Title, d.URL, d.SHA}, nil
}

// mostFresh is how many changes are looked at that are not worked out yet, to
// count what they alter.
const mostFresh = 100

// freshUnread is what changes that are not worked out alter in the counts.
type freshUnread struct {
	mu       sync.Mutex
	from, to uint64
	by       map[string]int
}

// Unread is how many papers that a source lists have pages that could not be
// read; not known while a good part of the log is not worked out.
func (p *Papers) Unread(ctx context.Context, source string) (n int, known bool, err error) {
	p.begin()
	last, err := p.Ledger.LastSeq(ctx)
	if err != nil {
		return 0, false, err
	}
	more := 0
	err = p.view(ctx, func(w *papering) error {
		var at place
		if _, err := getRow(w.rows, tablePlaces, w.kept.name, &at); err != nil {
			return err
		}
		if _, err := getRow(w.rows, tableCounts, countUnread+source, &n); err != nil {
			return err
		}
		if at.Seq+mostFresh < last {
			return nil
		}
		known = true
		more, err = w.unreadSince(at.Seq, last, source)
		return err
	})
	if errors.Is(err, store.ErrDerived) { // it is worked out again
		return 0, false, nil
	}
	return n + more, known, err
}

// unreadSince is by how much changes that are not worked out alter a count.
func (w *papering) unreadSince(from, to uint64, source string) (int, error) {
	if from >= to {
		return 0, nil
	}
	f := &w.fresh
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by != nil && f.from == from && f.to == to {
		return f.by[source], nil
	}
	changes, err := w.Ledger.Changes(w.ctx, from, mostFresh)
	if err != nil {
		return 0, fmt.Errorf("read changes: %w", err)
	}
	by, seen := map[string]int{}, map[store.ItemRef]bool{}
	for _, c := range changes {
		ref := store.ItemRef{Source: c.Source, Key: c.Key}
		if c.Seq > to || seen[ref] {
			continue
		}
		seen[ref] = true
		was, err := w.row(itemName(ref.Source, ref.Key))
		if err != nil {
			return 0, err
		}
		is, err := w.now(w.ctx, ref)
		if err != nil {
			return 0, err
		}
		by[ref.Source] += is.Unread - was.Unread
	}
	f.from, f.to, f.by = from, to, by
	return by[source], nil
}

// view runs f over one state of what is kept. Damage is noted, for Follow.
func (p *Papers) view(ctx context.Context, f func(*papering) error) error {
	err := p.Derived.View(ctx, func(rows store.Rows) error { return f(&papering{Papers: p, ctx: ctx, rows: rows}) })
	if errors.Is(err, store.ErrDerived) {
		p.kept.bad.Store(true)
	}
	if err != nil {
		return fmt.Errorf("papers: %w", err)
	}
	return nil
}
