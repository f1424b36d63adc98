package crawl

import (
	"context"

	"ccgwatch/store"
)

// piecesOf is how many papers are read before a piece of a backfill is handed on:
// a kill loses no more than these. pieceItems bounds a piece by its items.
const (
	piecesOf   = 4
	pieceItems = 50
)

// piecemeal: the past of a whole list is read. Nobody waits for it and much of it
// may be gone, so it is handed on piece by piece, as single items from which
// nothing can be missing: an item that was handed on stays, whatever happens to
// the rest, and the same backfill later goes on with what is left.
func (v *visit) piecemeal() bool { return v.src.Whole && v.Backfill() }

// within tells whether an item is of the time that is asked for. What has no date
// may be.
func (v *visit) within(it store.Item) bool {
	t := it.When()
	if t.IsZero() {
		t = it.Published
	}
	return t.IsZero() || !t.Before(v.Since) && (v.Until.IsZero() || t.Before(v.Until))
}

// handOn hands on the items of the window that were not yet, their papers read:
// the one with the key, or all for "".
func (v *visit) handOn(ctx context.Context, emit func(store.Sighting) error, key string, last bool) error {
	if v.handed == nil {
		v.handed = map[string]bool{}
	}
	var piece []store.Item
	before := v.papers
	give := func(last bool) error {
		s := store.Sighting{Source: v.src.ID, At: v.Now, Last: last, Items: piece, Problems: v.problems}
		v.report.Problems = append(v.report.Problems, v.problems...)
		v.report.Items += len(piece)
		piece, v.problems, before = nil, nil, v.papers
		return emit(s)
	}
	for i := range v.items {
		it := &v.items[i]
		if v.handed[it.Key] || key != "" && it.Key != key || !v.within(*it) {
			continue
		}
		v.readPapersOf(ctx, it)
		if err := ctx.Err(); err != nil {
			return err
		}
		v.handed[it.Key] = true
		if piece = append(piece, *it); len(piece) >= pieceItems || v.papers-before >= piecesOf {
			if err := give(false); err != nil {
				return err
			}
		}
	}
	if len(piece) > 0 || last {
		return give(last)
	}
	return nil
}
