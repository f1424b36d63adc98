package alerts

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// A ThreadList is the procurements with a finding in the order of their latest
// one, and the stage at which each stands, kept in Derived as the log goes on:
// lists of them need not read the findings, nor fold what they leave out. What
// is shown of a procurement is folded when it is shown. It is safe for
// concurrent use.
type ThreadList struct {
	Threads *Threads     // as they are shown
	Ledger  store.Ledger // all there is
	Outbox  store.Outbox // all that was found
	// Shown is as that of Joined.
	Shown   func(ctx context.Context, f store.Finding) (shown store.Finding, ok bool, err error)
	Derived store.Derived // nil: in memory

	once  sync.Once
	mu    sync.Mutex // one follows at a time
	kept  kept
	folds foldsKept
	since freshMarks
}

// The tables of a ThreadList.
const (
	tableFindings = "findings" // item -> latest finding of each thread
	tableMembers  = "members"  // thread, item -> latestFound
	tableThreads  = "threads"  // thread -> listed
	tableOrder    = "order"    // the latest finding, backwards, thread -> stage, after a sign that it is known
	tableStale    = "stale"    // thread: its stage is to be looked at
	tableAsked    = "asked"    // thread -> hashes of the marks its stage depends on
	tableDeps     = "deps"     // hash of a mark, thread
	keyDecisions  = "decisions"
)

// latestFound is the latest finding of a thread in one notice.
type latestFound struct {
	Change uint64 `json:"change"`
	ID     string `json:"id"`
	Hidden bool   `json:"hidden,omitempty"`
}

func (f latestFound) after(g latestFound) bool {
	return f.Change > g.Change || f.Change == g.Change && f.ID > g.ID
}

// listed is a thread in the list.
type listed struct {
	latestFound
	Stage string `json:"stage,omitempty"`
	Known bool   `json:"known,omitempty"` // the stage is
}

// A ListedThread is a procurement in the list.
type ListedThread struct {
	Thread string
	Stage  string
	Known  bool // the stage is; else it must be folded
}

func (l *ThreadList) begin() {
	l.once.Do(func() {
		if l.Derived == nil {
			l.Derived = &store.Scratch{}
		}
		l.kept.name, l.kept.derived, l.kept.ledger, l.kept.outbox = "list", l.Derived, l.Ledger, l.Outbox
	})
}

// foldedAtOnce is how many stages are worked out in one transaction.
const foldedAtOnce = 100

// Follow works out what was judged, and decided by the operator, since.
func (l *ThreadList) Follow(ctx context.Context) error {
	l.begin()
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.follow(ctx)
	if errors.Is(err, store.ErrDerived) {
		l.kept.bad.Store(true) // it is worked out again
		err = l.follow(ctx)
	}
	return err
}

func (l *ThreadList) follow(ctx context.Context) error {
	if err := l.kept.follow(ctx, "list of procurements", l.take); err != nil {
		return err
	}
	for {
		more := false
		err := l.Derived.Update(ctx, func(rows store.Rows) (err error) {
			if err = l.decided(ctx, rows); err == nil {
				more, err = l.foldStale(ctx, rows)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("list of procurements: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// take notes what was found in some changes, and whose stage may have moved.
func (l *ThreadList) take(ctx context.Context, rows store.Rows, after uint64, changes []store.Change) error {
	all, err := foundIn(ctx, l.Outbox, after, changes[len(changes)-1].Seq)
	if err != nil {
		return err
	}
	moved := map[string]bool{}
	for _, f := range all {
		if f.Kind == store.KindNotice && f.Thread != "" {
			moved[f.Thread] = true
			if err := l.found(ctx, rows, f); err != nil {
				return err
			}
		}
	}
	done := map[store.ItemRef]bool{}
	for _, c := range changes {
		ref := store.ItemRef{Source: c.Source, Key: c.Key}
		if c.Kind != store.KindNotice || done[ref] && c.Op != store.OpCorrected {
			continue
		}
		done[ref] = true
		if c.Op == store.OpCorrected {
			if err := l.corrected(ctx, rows, ref, moved); err != nil {
				return err
			}
		}
		if err := l.touch(ctx, rows, ref); err != nil {
			return err
		}
	}
	for thread := range moved {
		if err := l.latest(rows, thread); err != nil {
			return err
		}
	}
	return nil
}

// found notes a finding as the latest of its thread in its notice.
func (l *ThreadList) found(ctx context.Context, rows store.Rows, f store.Finding) error {
	name := itemName(f.Source, f.Key)
	shown, err := l.shown(ctx, f)
	if err != nil {
		return err
	}
	if err := putRow(rows, tableMembers, f.Thread+"\x00"+name, latestFound{f.Change, f.ID, !shown}); err != nil {
		return err
	}
	if err := rows.Put(tableFindings, name+"\x00"+f.Thread, nil); err != nil {
		return err
	}
	return l.stale(rows, f.Thread)
}

func (l *ThreadList) shown(ctx context.Context, f store.Finding) (ok bool, err error) {
	if l.Shown == nil {
		return true, nil
	}
	_, ok, err = l.Shown(ctx, f)
	return ok, err
}

// corrected looks whether the findings of a notice are shown.
func (l *ThreadList) corrected(ctx context.Context, rows store.Rows, ref store.ItemRef, moved map[string]bool) error {
	shown, err := l.shown(ctx, store.Finding{Source: ref.Source, Key: ref.Key})
	if err != nil {
		return err
	}
	name := itemName(ref.Source, ref.Key)
	threads, err := keysOf(rows, tableFindings, name+"\x00")
	if err != nil {
		return err
	}
	for _, t := range threads {
		var row latestFound
		if _, err := getRow(rows, tableMembers, t+"\x00"+name, &row); err != nil {
			return err
		}
		row.Hidden = !shown
		if err := putRow(rows, tableMembers, t+"\x00"+name, row); err != nil {
			return err
		}
		moved[t] = true
	}
	return nil
}

// touch marks the threads whose stage a notice may have moved: those that looked
// for notices under one of its marks. Under which it was to be had before makes
// no difference to others: who had it looked for its process.
func (l *ThreadList) touch(ctx context.Context, rows store.Rows, ref store.ItemRef) error {
	marks, err := marksOf(ctx, l.Ledger, ref)
	if err != nil {
		return err
	}
	return l.touchMarks(rows, marks)
}

func (l *ThreadList) touchMarks(rows store.Rows, marks []string) error {
	for _, m := range marks {
		threads, err := keysOf(rows, tableDeps, be64(markHash(m)))
		if err != nil {
			return err
		}
		for _, t := range threads {
			if err := l.stale(rows, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func markHash(mark string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(mark)) // never fails
	return h.Sum64()
}

func (l *ThreadList) stale(rows store.Rows, thread string) error {
	l.folds.drop(thread) // before anybody can take what is stored now for what it was folded from
	if err := rows.Put(tableStale, thread, nil); err != nil {
		return err
	}
	var row listed
	if ok, err := getRow(rows, tableThreads, thread, &row); err != nil || !ok || !row.Known {
		return err
	}
	row.Known = false
	return l.put(rows, thread, row)
}

// latest puts a thread in its place in the order, or takes it out where none of
// its findings is shown.
func (l *ThreadList) latest(rows store.Rows, thread string) error {
	var best latestFound
	err := rows.Each(tableMembers, thread+"\x00", "", func(_ string, value []byte) (bool, error) {
		var f latestFound
		if err := unmarshal(value, &f); err != nil {
			return false, err
		}
		if !f.Hidden && f.after(best) {
			best = f
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	var row listed
	if _, err := getRow(rows, tableThreads, thread, &row); err != nil {
		return err
	}
	if row.Change > 0 && row.latestFound != best {
		if err := rows.Delete(tableOrder, orderKey(row.latestFound, thread)); err != nil {
			return err
		}
	}
	row.latestFound = best
	return l.put(rows, thread, row)
}

// put stores a thread, and its place in the order.
func (l *ThreadList) put(rows store.Rows, thread string, row listed) error {
	if err := putRow(rows, tableThreads, thread, row); err != nil || row.Change == 0 {
		return err
	}
	value := []byte{0}
	if row.Known {
		value = append([]byte{1}, row.Stage...)
	}
	return rows.Put(tableOrder, orderKey(row.latestFound, thread), value)
}

// orderKey sorts the latest finding first.
func orderKey(f latestFound, thread string) string {
	back := []byte(f.ID)
	for i := range back {
		back[i] = ^back[i]
	}
	return be64(^f.Change) + string(back) + "\xff\x00" + thread
}

// decided marks the threads about which the operator decided something since.
func (l *ThreadList) decided(ctx context.Context, rows store.Rows) error {
	all, err := l.Threads.Marks.Decisions(ctx)
	if err != nil {
		return err
	}
	done := 0
	if _, err := getRow(rows, tablePlaces, keyDecisions, &done); err != nil || done == len(all) {
		return err
	}
	if done > len(all) { // the store is an older copy of itself
		return fmt.Errorf("%w: there were more decisions", store.ErrDerived)
	}
	for _, d := range all[done:] {
		if err := l.touchMarks(rows, []string{store.MarkProcess(d.A), store.MarkProcess(d.B)}); err != nil {
			return err
		}
	}
	return putRow(rows, tablePlaces, keyDecisions, len(all))
}

// foldStale works out the next stages that may have moved.
func (l *ThreadList) foldStale(ctx context.Context, rows store.Rows) (more bool, err error) {
	var threads []string
	err = rows.Each(tableStale, "", "", func(key string, _ []byte) (bool, error) {
		threads = append(threads, key)
		return len(threads) < foldedAtOnce, nil
	})
	if err != nil {
		return false, err
	}
	for _, id := range threads {
		asked := map[string]bool{}
		t, err := l.Threads.of(ctx, id, true, asked)
		switch {
		case err == nil:
			l.folds.put(id, t)
		case !errors.Is(err, store.ErrNotFound):
			return false, err
		}
		if err := l.staged(rows, id, &t, asked); err != nil {
			return false, err
		}
	}
	return len(threads) == foldedAtOnce, nil
}

// staged stores the stage of a thread and what it depends on.
func (l *ThreadList) staged(rows store.Rows, id string, t *judge.Thread, asked map[string]bool) error {
	var was []uint64
	if _, err := getRow(rows, tableAsked, id, &was); err != nil {
		return err
	}
	var now []uint64
	for m := range asked {
		now = append(now, markHash(m))
	}
	slices.Sort(now)
	now = slices.Compact(now)
	for _, h := range was {
		if _, keep := slices.BinarySearch(now, h); !keep {
			if err := rows.Delete(tableDeps, be64(h)+id); err != nil {
				return err
			}
		}
	}
	for _, h := range now {
		if _, had := slices.BinarySearch(was, h); !had {
			if err := rows.Put(tableDeps, be64(h)+id, nil); err != nil {
				return err
			}
		}
	}
	if err := putRow(rows, tableAsked, id, now); err != nil {
		return err
	}
	if err := rows.Delete(tableStale, id); err != nil {
		return err
	}
	var row listed
	if _, err := getRow(rows, tableThreads, id, &row); err != nil {
		return err
	}
	row.Stage, row.Known = t.Stage, true
	return l.put(rows, id, row)
}

// Newest are the procurements in the order of their latest finding, the newest
// first, from a place in that order on, up to so many. upTo is the change up to
// which they are in it: whoever wants what was found since reads that.
func (l *ThreadList) Newest(ctx context.Context, from, limit int) (list []ListedThread, upTo uint64, err error) {
	l.begin()
	err = l.view(ctx, func(rows store.Rows) error {
		var at place
		if _, err := getRow(rows, tablePlaces, l.kept.name, &at); err != nil {
			return err
		}
		upTo = at.Seq
		n := 0
		return rows.Each(tableOrder, "", "", func(key string, value []byte) (bool, error) {
			if n++; n <= from {
				return true, nil
			}
			x := ListedThread{Thread: key[strings.LastIndexByte(key, 0)+1:]}
			if len(value) > 0 && value[0] == 1 {
				x.Stage, x.Known = string(value[1:]), true
			}
			list = append(list, x)
			return len(list) < limit, nil
		})
	})
	return list, upTo, err
}

// Stage is the stage at which a procurement stands; not known: it must be folded.
func (l *ThreadList) Stage(ctx context.Context, thread string) (stage string, known bool, err error) {
	l.begin()
	err = l.view(ctx, func(rows store.Rows) error {
		var row listed
		_, err := getRow(rows, tableThreads, thread, &row)
		stage, known = row.Stage, row.Known
		return err
	})
	return stage, known, err
}

// view runs f over one state. Damage is noted, for Follow.
func (l *ThreadList) view(ctx context.Context, f func(store.Rows) error) error {
	err := l.Derived.View(ctx, f)
	if errors.Is(err, store.ErrDerived) {
		l.kept.bad.Store(true)
	}
	if err != nil {
		return fmt.Errorf("list of procurements: %w", err)
	}
	return nil
}
