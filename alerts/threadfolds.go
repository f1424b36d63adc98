package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// Fold is the thread of an ocid, with the processes that may belong to it: the
// one that was folded before, where nothing that makes a difference to it has
// come since, whether the list has it yet or not. Nobody may alter it.
func (l *ThreadList) Fold(ctx context.Context, id string) (judge.Thread, error) {
	l.begin()
	known, err := l.known(ctx, id)
	if err != nil && !errors.Is(err, store.ErrDerived) {
		return judge.Thread{}, err
	}
	if known {
		if t, ok := l.folds.get(id); ok {
			return t, nil
		}
	}
	ticket := l.folds.begin(id) // before anything is read
	defer l.folds.end(id, ticket)
	t, err := l.Threads.Of(ctx, id, true)
	if err != nil || !known {
		return t, err
	}
	if still, err := l.known(ctx, id); err == nil && still {
		l.folds.putOf(id, t, ticket)
	}
	return t, nil
}

// Warm folds the first procurements of the list, before anybody asks.
func (l *ThreadList) Warm(ctx context.Context) error {
	list, _, err := l.Newest(ctx, 0, foldsMost/4)
	for _, x := range list {
		if _, err := l.Fold(ctx, x.Thread); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return err
}

// known tells whether the list knows on what a thread depends, and that nothing
// of it was published or decided that it does not know.
func (l *ThreadList) known(ctx context.Context, id string) (ok bool, err error) {
	end, err := l.Ledger.LastSeq(ctx)
	if err != nil {
		return false, err
	}
	decisions, err := l.Threads.Marks.Decisions(ctx)
	if err != nil {
		return false, err
	}
	var at place
	var asked []uint64
	err = l.view(ctx, func(rows store.Rows) error {
		var row listed
		done := 0
		for _, r := range []struct {
			table, key string
			to         any
		}{{tablePlaces, l.kept.name, &at}, {tablePlaces, keyDecisions, &done}, {tableThreads, id, &row}, {tableAsked, id, &asked}} {
			if _, err := getRow(rows, r.table, r.key, r.to); err != nil {
				return err
			}
		}
		ok = at.Seq <= end && done == len(decisions) && row.Known
		return nil
	})
	if err != nil || !ok || at.Seq == end {
		return ok, err
	}
	touched, ok, err := l.since.marks(ctx, l.Ledger, at.Seq, end)
	return ok && !slices.ContainsFunc(asked, func(m uint64) bool { return touched[m] }), err
}

// mostFreshMarks is how many changes are looked at that are not in the list yet,
// to see whose stage they may move.
const mostFreshMarks = 100

// freshMarks are hashes of the marks that changes bear which are not in the list.
type freshMarks struct {
	mu       sync.Mutex
	from, to uint64
	by       map[uint64]bool
}

// marks are those of the changes after one, up to another; not ok: these are too many.
func (f *freshMarks) marks(ctx context.Context, ledger store.Ledger, from, to uint64) (by map[uint64]bool, ok bool, err error) {
	if to-from > mostFreshMarks {
		return nil, false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by != nil && f.from == from && f.to == to {
		return f.by, true, nil
	}
	changes, err := ledger.Changes(ctx, from, mostFreshMarks)
	if err != nil {
		return nil, false, fmt.Errorf("read changes: %w", err)
	}
	by = map[uint64]bool{}
	for _, c := range changes {
		if c.Kind != store.KindNotice {
			continue
		}
		marks, err := marksOf(ctx, ledger, store.ItemRef{Source: c.Source, Key: c.Key})
		if err != nil {
			return nil, false, err
		}
		for _, m := range marks {
			by[markHash(m)] = true
		}
	}
	f.from, f.to, f.by = from, to, by
	return by, true, nil
}

// marksOf are the marks under which a notice may be looked for.
func marksOf(ctx context.Context, ledger store.Ledger, ref store.ItemRef) ([]string, error) {
	it, err := ledger.Item(ctx, ref.Source, ref.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
	}
	marks := store.Marks(it)
	if i := strings.LastIndexByte(ref.Key, '/'); i > 0 {
		marks = append(marks, store.MarkProcess(ref.Key[:i]))
	}
	return marks, nil
}

// foldsMost is how many threads a ThreadList remembers.
const foldsMost = 160

// foldsKept are threads that were folded, by the name that was asked for.
type foldsKept struct {
	mu    sync.Mutex
	by    map[string]judge.Thread
	order []string // as they came, the oldest first
	// begun are the threads that are being folded: what was dropped meanwhile may
	// have been folded from before, even where all is known again when it is done.
	begun map[string]map[*foldTicket]bool
}

// A foldTicket is a fold that was begun.
type foldTicket struct{ dropped bool }

func (k *foldsKept) begin(id string) *foldTicket {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.begun == nil {
		k.begun = map[string]map[*foldTicket]bool{}
	}
	if k.begun[id] == nil {
		k.begun[id] = map[*foldTicket]bool{}
	}
	t := &foldTicket{}
	k.begun[id][t] = true
	return t
}

func (k *foldsKept) end(id string, t *foldTicket) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if delete(k.begun[id], t); len(k.begun[id]) == 0 {
		delete(k.begun, id)
	}
}

// putOf remembers what was folded, unless it was dropped since the fold was begun.
func (k *foldsKept) putOf(id string, t judge.Thread, from *foldTicket) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !from.dropped {
		k.keep(id, t)
	}
}

func (k *foldsKept) get(id string) (judge.Thread, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, ok := k.by[id]
	return t, ok
}

func (k *foldsKept) drop(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for t := range k.begun[id] {
		t.dropped = true
	}
	if _, ok := k.by[id]; ok {
		delete(k.by, id)
		k.order = slices.DeleteFunc(k.order, func(x string) bool { return x == id })
	}
}

func (k *foldsKept) put(id string, t judge.Thread) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep(id, t)
}

func (k *foldsKept) keep(id string, t judge.Thread) {
	if k.by == nil {
		k.by = map[string]judge.Thread{}
	}
	if _, ok := k.by[id]; !ok {
		if len(k.order) >= foldsMost {
			delete(k.by, k.order[0])
			k.order = slices.Delete(k.order, 0, 1)
		}
		k.order = append(k.order, id)
	}
	k.by[id] = t
}
