package store

import (
	"context"
	"fmt"
)

// A Public is what of a store may be shown: pages, search, feeds, exports and
// letters read through it. What an operator holds back or has withdrawn is not
// there, and the rest reads as corrected. Crawling and judging read the store
// itself: a correction must not look like news of the source.
type Public struct {
	Ledger
	Outbox
	// Edits are those of Corrections.
	Edits func(context.Context) (*Edits, error)
}

// NewPublic is the public side of a store.
func NewPublic(s Store) Public { return Public{Ledger: s, Outbox: s, Edits: s.Edits} }

// A WithheldError says that an item is known and not shown. It is an
// ErrNotFound for whoever asks no further.
type WithheldError struct {
	Source, Key string
	Edit        *Edit
}

func (e *WithheldError) Error() string {
	return fmt.Sprintf("%s %q is not shown (%s): %v", e.Source, e.Key, e.Edit.Hidden, ErrNotFound)
}

func (e *WithheldError) Unwrap() error { return ErrNotFound }

// Item is the item as it is shown, or a WithheldError.
func (p Public) Item(ctx context.Context, source, key string) (Item, error) {
	es, err := p.Edits(ctx)
	if err != nil {
		return Item{}, err
	}
	x := es.Of(source, key)
	it, err := p.Ledger.Item(ctx, source, key)
	if err == nil && x != nil && x.Hidden != "" {
		return Item{}, &WithheldError{source, key, x}
	}
	return x.Item(it), err
}

// Items passes over what is not shown.
func (p Public) Items(ctx context.Context, source string, f func(Item) bool) error {
	es, err := p.Edits(ctx)
	if err != nil {
		return err
	}
	return p.Ledger.Items(ctx, source, func(it Item) bool {
		x := es.Of(it.Source, it.Key)
		if x != nil && x.Hidden != "" {
			return true
		}
		return f(x.Item(it))
	})
}

// Snapshot holds what is shown. Nothing may be committed that was made of it.
func (p Public) Snapshot(ctx context.Context, source string, keys []string) (Snapshot, error) {
	es, err := p.Edits(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	snap, err := p.Ledger.Snapshot(ctx, source, keys)
	for k, it := range snap.Items {
		if x := es.Of(source, k); x != nil && x.Hidden != "" {
			delete(snap.Items, k)
		} else {
			snap.Items[k] = x.Item(it)
		}
	}
	return snap, err
}

// Changes are all entries, so that a follower counts on; of an item that is not
// shown an entry says only that there was one.
func (p Public) Changes(ctx context.Context, after uint64, limit int) ([]Change, error) {
	es, err := p.Edits(ctx)
	if err != nil {
		return nil, err
	}
	list, err := p.Ledger.Changes(ctx, after, limit)
	for i, c := range list {
		list[i] = es.Of(c.Source, c.Key).Change(c)
	}
	return list, err
}

// Findings passes over those in what is not shown.
func (p Public) Findings(ctx context.Context, after uint64, f func(Finding) bool) error {
	es, err := p.Edits(ctx)
	if err != nil {
		return err
	}
	return p.Outbox.Findings(ctx, after, func(x Finding) bool {
		if e := es.Of(x.Source, x.Key); e != nil && e.Hidden != "" {
			return true
		}
		return f(es.Finding(x))
	})
}

// Finding is one as it is shown, or a WithheldError.
func (p Public) Finding(ctx context.Context, id string) (Finding, error) {
	es, err := p.Edits(ctx)
	if err != nil {
		return Finding{}, err
	}
	f, err := p.Outbox.Finding(ctx, id)
	if err != nil {
		return f, err
	}
	x := es.Of(f.Source, f.Key)
	if x != nil && x.Hidden != "" {
		return Finding{}, &WithheldError{f.Source, f.Key, x}
	}
	return es.Finding(f), nil
}

// Shown is a finding of the store itself as it is shown; not ok: it is not.
func (p Public) Shown(ctx context.Context, f Finding) (shown Finding, ok bool, err error) {
	es, err := p.Edits(ctx)
	if err != nil || !es.Shows(f.Source, f.Key) {
		return Finding{}, false, err
	}
	return es.Finding(f), true, nil
}

// Clean is what is done to the texts of an item's papers before they are shown.
func (p Public) Clean(ctx context.Context, source, key string) (func(text string) string, error) {
	es, err := p.Edits(ctx)
	return es.Of(source, key).Clean, err
}
