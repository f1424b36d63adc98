package main

import (
	"context"
	"errors"
	"fmt"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// Bounds of what is remembered for judging: the sources whose meetings are known
// by their day, and the papers whose sentences are.
const (
	besideSources = 64
	besidePapers  = 256
	besideMost    = 100 // items of one meeting
)

// besides finds what stands beside an item, for the judge: other items of its
// source that belong to the same meeting. What it remembers holds for as long as
// the log of changes has not grown. One follower asks at a time (app.following).
type besides struct {
	seq      uint64
	sittings map[string]map[string][]string // source -> sitting -> keys
	passages map[string][]judge.Passage     // by hash, for one version of the rules
}

// beside is what stands beside the item. What the operator holds back does not:
// its sentences are told to nobody, and must not keep others from being told.
func (a *app) beside(ctx context.Context, it store.Item, edits *store.Edits) judge.Beside {
	return judge.Beside{
		Items: func() ([]store.Item, error) {
			keys, err := a.sitting(ctx, it)
			if err != nil {
				return nil, err
			}
			var out []store.Item
			for _, key := range keys {
				if key == it.Key || !edits.Shows(it.Source, key) || len(out) == besideMost {
					continue
				}
				x, err := a.store.Item(ctx, it.Source, key)
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return nil, err
				}
				out = append(out, x)
			}
			return out, nil
		},
		Passages: func(sha string) ([]judge.Passage, error) {
			if ps, ok := a.besides.passages[sha]; ok {
				return ps, nil
			}
			pages, err := a.store.Text(ctx, sha)
			if err != nil {
				return nil, err
			}
			if a.besides.passages == nil || len(a.besides.passages) >= besidePapers {
				a.besides.passages = map[string][]judge.Passage{}
			}
			ps := a.judge.Passages(pages)
			a.besides.passages[sha] = ps
			return ps, nil
		},
	}
}

// sitting are the keys of the items with papers that have been read and are of
// the same meeting as one item.
func (a *app) sitting(ctx context.Context, it store.Item) ([]string, error) {
	name := judge.Sitting(it)
	if name == "" {
		return nil, nil
	}
	seq, err := a.store.LastSeq(ctx)
	if err != nil {
		return nil, err
	}
	b := &a.besides
	if b.seq != seq || b.sittings == nil || len(b.sittings) >= besideSources {
		b.seq, b.sittings = seq, map[string]map[string][]string{}
	}
	if b.sittings[it.Source] == nil {
		all := map[string][]string{}
		err := a.store.Items(ctx, it.Source, func(x store.Item) bool {
			if s := judge.Sitting(x); s != "" && hasRead(x) {
				all[s] = append(all[s], x.Key)
			}
			return ctx.Err() == nil
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("reading the meetings of %s: %w", it.Source, err)
		}
		b.sittings[it.Source] = all
	}
	return b.sittings[it.Source][name], nil
}

// hasRead tells whether one of an item's papers has been read.
func hasRead(it store.Item) bool {
	for _, d := range it.Documents {
		if d.SHA256 != "" {
			return true
		}
	}
	return false
}
