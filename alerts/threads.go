package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// Threads folds procurements out of the store. It keeps nothing but how far the
// findings are too old for Due: each answer is put together anew from the notices,
// the operator's decisions and the rules.
type Threads struct {
	Ledger store.Ledger
	Outbox store.Outbox
	Marks  store.Threads
	Judge  *judge.Judge

	over bygone
}

// How far the search for a thread's notices goes: so many processes, so many
// notices of one mark.
const (
	processesMost = 24
	markedMost    = 600
	guessesMost   = 12 // processes that only may belong to it
)

// ErrNoThread says that no procurement is known under a name.
var ErrNoThread = fmt.Errorf("no such procurement: %w", store.ErrNotFound)

// Of is the thread of an ocid; with guesses it also lists the processes that
// may belong to it and are not joined. Any ocid of a thread names it.
func (t *Threads) Of(ctx context.Context, ocid string, guesses bool) (judge.Thread, error) {
	return t.of(ctx, ocid, guesses, nil)
}

// of is Of; asked, if not nil, takes the marks under which notices were looked
// for: what bears none of them makes no difference to the thread.
func (t *Threads) of(ctx context.Context, ocid string, guesses bool, asked map[string]bool) (judge.Thread, error) {
	decisions, err := t.Marks.Decisions(ctx)
	if err != nil {
		return judge.Thread{}, fmt.Errorf("thread %s: %w", ocid, err)
	}
	g := gatherer{Threads: t, decisions: decisions, seen: map[string]bool{}, asked: asked}
	if err := g.gather(ctx, ocid, guesses); err != nil {
		return judge.Thread{}, fmt.Errorf("thread %s: %w", ocid, err)
	}
	if len(g.items) == 0 {
		return judge.Thread{}, ErrNoThread
	}
	th := t.Judge.Fold(g.items, t.Judge.Bind(ocid, g.items, decisions))
	if !guesses {
		th.Possible = nil
	}
	if len(th.Steps) == 0 {
		return th, ErrNoThread
	}
	return th, nil
}

// A gatherer collects the notices that may be of one thread.
type gatherer struct {
	*Threads
	decisions []store.Decision
	seen      map[string]bool // processes
	asked     map[string]bool // marks
	items     []store.Item
}

// marked is Marked, noted.
func (g *gatherer) marked(ctx context.Context, mark string, limit int) ([]store.ItemRef, error) {
	if g.asked != nil {
		g.asked[mark] = true
	}
	return g.Marks.Marked(ctx, mark, limit)
}

// gather takes in a process and all that could be bound to it, and so on.
// Which of them are is for the judge to say.
func (g *gatherer) gather(ctx context.Context, ocid string, guesses bool) error {
	queue := []string{ocid}
	g.seen[ocid] = true
	for len(queue) > 0 {
		at := len(g.items)
		if err := g.take(ctx, queue[0]); err != nil {
			return err
		}
		near, err := g.near(ctx, queue[0], g.items[at:])
		if err != nil {
			return err
		}
		queue = queue[1:]
		for _, o := range near {
			if !g.seen[o] && len(g.seen) < processesMost {
				g.seen[o] = true
				queue = append(queue, o)
			}
		}
	}
	if !guesses {
		return nil
	}
	return g.guess(ctx)
}

// take reads the notices of a process.
func (g *gatherer) take(ctx context.Context, ocid string) error {
	refs, err := g.marked(ctx, store.MarkProcess(ocid), markedMost)
	if err != nil {
		return err
	}
	for _, r := range refs {
		it, err := g.Ledger.Item(ctx, r.Source, r.Key)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case it.Notice != nil:
			g.items = append(g.items, it)
		}
	}
	return nil
}

// near are the processes that something stronger than a title points to.
func (g *gatherer) near(ctx context.Context, ocid string, items []store.Item) ([]string, error) {
	var marks, out []string
	mark := func(m string) {
		if !slices.Contains(marks, m) {
			marks = append(marks, m)
		}
	}
	for _, it := range items {
		n := it.Notice
		mark(store.MarkNumber(n.Release))
		mark(store.MarkNames(n.Release))
		mark(store.MarkNames(n.OCID))
		if n.Reference != "" {
			mark(store.MarkSame(n.Reference, n.Title))
		}
		for _, x := range store.Named(n) {
			mark(store.MarkNumber(x))
			mark(store.MarkProcess(x))
		}
		if len(marks) > 400 {
			break
		}
	}
	for _, m := range marks {
		if err := g.others(ctx, m, &out); err != nil {
			return nil, err
		}
	}
	for _, d := range g.decisions {
		switch ocid {
		case d.A:
			out = append(out, d.B)
		case d.B:
			out = append(out, d.A)
		}
	}
	return out, nil
}

// others adds the processes of the notices with a mark.
func (g *gatherer) others(ctx context.Context, mark string, out *[]string) error {
	refs, err := g.marked(ctx, mark, 60)
	if err != nil {
		return err
	}
	for _, r := range refs {
		if i := strings.LastIndexByte(r.Key, '/'); i > 0 && !g.seen[r.Key[:i]] && !slices.Contains(*out, r.Key[:i]) {
			*out = append(*out, r.Key[:i])
		}
	}
	return nil
}

// guess takes in the processes that share a title or a reference, or are
// marked as related: the judge lists those of the same buyer as possible.
func (g *gatherer) guess(ctx context.Context) error {
	var more []string
	for _, it := range slices.Clone(g.items) {
		n := it.Notice
		more = append(more, n.Related...)
		for _, m := range []string{store.MarkTitle(n.Title), store.MarkReference(n.Reference)} {
			if err := g.others(ctx, m, &more); err != nil {
				return err
			}
		}
		if len(more) > 4*guessesMost {
			break
		}
	}
	n := 0
	for _, o := range more {
		if g.seen[o] {
			continue
		}
		if n++; n > guessesMost {
			return nil
		}
		g.seen[o] = true
		if err := g.take(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// Named finds threads by an ocid or a notice number, the latter's thread being
// that of its process.
func (t *Threads) Named(ctx context.Context, name string) ([]string, error) {
	var out []string
	for _, m := range []string{store.MarkProcess(name), store.MarkNumber(name)} {
		refs, err := t.Marks.Marked(ctx, m, 60)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			if i := strings.LastIndexByte(r.Key, '/'); i > 0 && !slices.Contains(out, r.Key[:i]) {
				out = append(out, r.Key[:i])
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, nil
}

// Findings is what a change of a notice means in its thread.
func (t *Threads) Findings(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
	if it.Notice == nil {
		return nil, fmt.Errorf("judging change %d: the notice %s of %s has no contents", c.Seq, c.Key, c.Source)
	}
	th, err := t.Of(ctx, it.Notice.OCID, false)
	if err != nil {
		return nil, err
	}
	if th.Step(c.Source, c.Key) == nil { // of a process with hundreds of notices: by itself
		th = t.Judge.Fold([]store.Item{it}, judge.Bundle{OCIDs: []string{it.Notice.OCID}})
	}
	return t.Judge.ThreadFindings(c, &th), nil
}

// Recent calls f with the threads that have a finding after (exclusive) a
// change, by the latest finding first, until f returns false. Each is named by
// the id that the finding has, with that finding. The record is read backwards
// in widening steps, so that the first of a long one cost little.
func (t *Threads) Recent(ctx context.Context, after uint64, f func(latest store.Finding) bool) error {
	high, err := t.Ledger.LastSeq(ctx)
	if err != nil {
		return fmt.Errorf("threads: read the log: %w", err)
	}
	seen := map[string]bool{}
	for step := uint64(500); high > after; step = min(4*step, 20_000) {
		low := max(after, high-min(high, step))
		var part []store.Finding
		empty := true
		err := t.Outbox.Findings(ctx, low, func(x store.Finding) bool {
			if x.Change > high {
				return false
			}
			empty = false
			if x.Kind == store.KindNotice && x.Thread != "" && !seen[x.Thread] {
				part = append(part, x)
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("threads: read findings: %w", err)
		}
		for _, x := range slices.Backward(part) {
			if seen[x.Thread] {
				continue
			}
			seen[x.Thread] = true
			if !f(x) {
				return nil
			}
		}
		if high = low; empty {
			if high, err = store.LatestFound(ctx, t.Outbox, after, low); err != nil {
				return fmt.Errorf("threads: read findings: %w", err)
			}
		}
	}
	return nil
}

// watched is how long a thread is watched after its last finding for what
// falls due, and soon how far ahead deadlines are looked at.
const (
	watched = 500 * 24 * time.Hour
	soon    = 14 * 24 * time.Hour
)

// Due lists what falls due by now in every thread that has a finding: reminders
// and overdue steps, as entries for the log. What was overdue when we first saw
// it is nobody's news: its entry is silent, and so are all overdue ones on the
// first day on which a store is asked. A reminder of a deadline that was known
// silently is true and useful, and is not.
func (t *Threads) Due(ctx context.Context, now time.Time, first bool) ([]store.Change, error) {
	ids, err := t.candidates(ctx, now)
	if err != nil {
		return nil, err
	}
	baselines := map[string]time.Time{}
	var out []store.Change
	done := map[string]bool{}
	for _, id := range ids {
		th, err := t.Of(ctx, id, false)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if done[th.ID] || !th.Concerns() {
			continue
		}
		done[th.ID] = true
		for _, c := range t.Judge.Falls(&th, now) {
			s := th.Step(c.Source, c.Key)
			switch {
			case c.Due.Kind == store.DueOverdue:
				c.Silent = first || !s.FirstSeen.Before(c.Due.On)
			case c.Due.Days > 1 && !s.FirstSeen.Before(t.Judge.Reminded(c.Due.On, c.Due.Days)):
				// The notice itself came within those days, and said so, unless
				// it was there at the first look.
				base, ok := baselines[c.Source]
				if !ok {
					snap, err := t.Ledger.Snapshot(ctx, c.Source, []string{})
					if err != nil {
						return nil, fmt.Errorf("due: %w", err)
					}
					base = snap.Baseline
					baselines[c.Source] = base
				}
				if s.FirstSeen.After(base) {
					continue
				}
			}
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b store.Change) int {
		if c := a.Due.On.Compare(b.Due.On); c != 0 {
			return c
		}
		return strings.Compare(a.Due.Key, b.Due.Key)
	})
	return out, nil
}

// candidates are the threads in which something may fall due, by what was found
// in them last: most are over, and need not be folded every day.
func (t *Threads) candidates(ctx context.Context, now time.Time) ([]string, error) {
	latest := map[string]store.Finding{}
	err := t.over.since(ctx, t.Outbox, now.Add(-watched), func(x store.Finding) {
		if x.Kind != store.KindNotice || x.Thread == "" {
			return
		}
		keep := latest[x.Thread]
		if x.Stage != "" && x.Rule != "thread: reminder" && x.Rule != "thread: overdue" {
			keep.Stage = x.Stage
		}
		if x.Deadline != nil {
			keep.Deadline = x.Deadline
		}
		keep.ID = x.Thread
		latest[x.Thread] = keep
	})
	if err != nil {
		return nil, fmt.Errorf("due: read findings: %w", err)
	}
	var out []string
	for id, x := range latest {
		at := x.Deadline.Date()
		switch {
		case x.Stage == "intention", x.Stage == "award", x.Stage == "tender", x.Stage == "tender_update":
		case !at.IsZero() && at.After(now.Add(-soon)) && at.Before(now.Add(soon)):
		default:
			continue
		}
		out = append(out, id)
	}
	slices.Sort(out)
	return out, nil
}
