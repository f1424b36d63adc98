package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// Joined tells which papers, agendas, requests and consultations speak of which
// procurements. What it works out follows what is judged and is kept in Derived,
// change by change, so that neither an answer nor a start waits for the whole
// record: an item is compared with the procurements that share a word with it
// (judge.Handles), and when a notice comes, its procurement with the items whose
// words may name it. All of it can be worked out again; only what the operator
// decided is anybody's word, and that is read each time. It is safe for
// concurrent use.
type Joined struct {
	Ledger store.Ledger // what may be shown
	Outbox store.Outbox // all that was found
	// Shown is a finding as it may be shown; not ok: not at all. nil: all are
	// shown as they are.
	Shown func(ctx context.Context, f store.Finding) (shown store.Finding, ok bool, err error)
	Marks store.Threads
	Judge *judge.Judge
	// Derived is where it is kept; nil: in memory.
	Derived store.Derived

	once    sync.Once
	mu      sync.Mutex // one follows at a time
	kept    kept
	handles *judge.Handles
}

// quotesKept is how many sentences of an item are compared with procurements.
const quotesKept = 40

// A Mention is an item that speaks of a procurement.
type Mention struct {
	store.Joint
	Source    string     `json:"source"`
	Key       string     `json:"key"`
	Kind      store.Kind `json:"kind"`
	Body      string     `json:"body,omitempty"`
	ItemTitle string     `json:"item"`
	ItemURL   string     `json:"item_url"`
	When      time.Time  `json:"when,omitzero"` // of the meeting, else of the publication
}

func (x *Joined) begin() {
	x.once.Do(func() {
		if x.Derived == nil {
			x.Derived = &store.Scratch{}
		}
		x.kept.name, x.kept.derived, x.kept.ledger, x.kept.outbox = "joined", x.Derived, x.Ledger, x.Outbox
		x.handles = x.Judge.NewHandles()
	})
}

// Follow works out what was judged since, after a start with nothing kept the
// whole record. It works in small transactions, so that others read meanwhile.
func (x *Joined) Follow(ctx context.Context) error {
	x.begin()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.kept.follow(ctx, "joined", x.take)
}

// Behind tells whether something was judged, or corrected, that is not worked out yet.
func (x *Joined) Behind(ctx context.Context) (bool, error) {
	x.begin()
	if behind, err := x.kept.behind(ctx); err != nil || behind {
		return behind, err
	}
	return x.kept.struck(ctx)
}

// OfItem lists the procurements that an item speaks of, the surest first, when it
// has worked out all that was judged.
func (x *Joined) OfItem(ctx context.Context, source, key string) ([]store.Joint, error) {
	if err := x.Follow(ctx); err != nil {
		return nil, err
	}
	return x.ofItem(ctx, source, key)
}

// OfThread lists the items that speak of a thread, the surest first and then the
// latest, when it has worked out all that was judged.
func (x *Joined) OfThread(ctx context.Context, t *judge.Thread) ([]Mention, error) {
	if err := x.Follow(ctx); err != nil {
		return nil, err
	}
	return x.ofThread(ctx, t)
}

// KnownOfItem is OfItem as far as it is worked out (see Behind). Nothing is known
// while a correction is not: what is kept may be what was taken back.
func (x *Joined) KnownOfItem(ctx context.Context, source, key string) ([]store.Joint, error) {
	x.begin()
	if struck, err := x.kept.struck(ctx); err != nil || struck {
		return nil, err
	}
	return x.ofItem(ctx, source, key)
}

func (x *Joined) ofItem(ctx context.Context, source, key string) (list []store.Joint, err error) {
	ref := store.ItemRef{Source: source, Key: key}
	err = x.view(ctx, func(w *joining) error {
		list, err = w.decided(ref, w.joints(ref))
		return err
	})
	return list, err
}

// KnownOfThread is OfThread as far as it is worked out, as KnownOfItem is OfItem.
func (x *Joined) KnownOfThread(ctx context.Context, t *judge.Thread) ([]Mention, error) {
	x.begin()
	if struck, err := x.kept.struck(ctx); err != nil || struck {
		return nil, err
	}
	return x.ofThread(ctx, t)
}

func (x *Joined) ofThread(ctx context.Context, t *judge.Thread) (list []Mention, err error) {
	err = x.view(ctx, func(w *joining) error {
		list, err = w.ofThread(t)
		return err
	})
	return list, err
}

// Speaks tells of which procurements an item speaks with the findings a change
// has just given, which are not in the store yet.
func (x *Joined) Speaks(ctx context.Context, it store.Item, found []store.Finding) (list []store.Joint, err error) {
	if err := x.Follow(ctx); err != nil {
		return nil, err
	}
	err = x.view(ctx, func(w *joining) error {
		ref := store.ItemRef{Source: it.Source, Key: it.Key}
		var row spoken
		if _, err := getRow(w.rows, tableItems, itemName(ref.Source, ref.Key), &row); err != nil {
			return err
		}
		quotes := append(slices.Clone(found), row.findings()...)
		list, err = w.decided(ref, w.handles.Discusses(w.Judge.SubjectOf(it, quotes), w.look))
		return err
	})
	return list, err
}

// Spoken lists the items that speak of the procurement of a notice whose
// findings are not in the store yet.
func (x *Joined) Spoken(ctx context.Context, it store.Item, thread string) (list []Mention, err error) {
	if err := x.Follow(ctx); err != nil {
		return nil, err
	}
	err = x.view(ctx, func(w *joining) error {
		if err := w.suppose(it, thread); err != nil {
			return err
		}
		list, err = w.ofThread(&judge.Thread{ID: thread, OCIDs: []string{it.Notice.OCID}})
		return err
	})
	return list, err
}

// view runs f over one state of what is kept. Damage is noted, for Follow.
func (x *Joined) view(ctx context.Context, f func(*joining) error) error {
	x.begin()
	err := x.Derived.View(ctx, func(rows store.Rows) error {
		w := &joining{Joined: x, ctx: ctx, rows: rows, entries: map[string]*judge.Entry{}}
		err := f(w)
		return cmp.Or(w.err, err)
	})
	if errors.Is(err, store.ErrDerived) {
		x.kept.bad.Store(true)
	}
	if err != nil {
		return fmt.Errorf("joined: %w", err)
	}
	return nil
}

// ofThread lists the items that speak of a thread.
func (w *joining) ofThread(t *judge.Thread) ([]Mention, error) {
	ids := map[string]bool{t.ID: true}
	for _, o := range t.OCIDs {
		ids[o] = true
		if id := w.threadOf(o); id != "" {
			ids[id] = true
		}
	}
	refs := map[store.ItemRef]bool{}
	for id := range ids {
		names, err := keysOf(w.rows, tableBy, id+"\x00")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			refs[namedItem(name)] = true
		}
	}
	for ref := range w.supposed {
		refs[ref] = true
	}
	decisions, err := w.Marks.Decisions(w.ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range decisions {
		if source, key, ok := decidedItem(d.B); ok && ids[d.A] {
			refs[store.ItemRef{Source: source, Key: key}] = true
		}
	}
	var out []Mention
	for ref := range refs {
		m, ok, err := w.mention(ref, ids)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Mention) int {
		return cmp.Or(store.JointRank(b.Strength)-store.JointRank(a.Strength), b.When.Compare(a.When), strings.Compare(a.Source+"/"+a.Key, b.Source+"/"+b.Key))
	})
	return out, nil
}

// mention is what an item says of one of the threads.
func (w *joining) mention(ref store.ItemRef, ids map[string]bool) (Mention, bool, error) {
	it, err := w.Ledger.Item(w.ctx, ref.Source, ref.Key)
	if errors.Is(err, store.ErrNotFound) {
		return Mention{}, false, nil
	}
	if err != nil {
		return Mention{}, false, fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
	}
	joints, err := w.decided(ref, w.joints(ref))
	if err != nil {
		return Mention{}, false, err
	}
	for _, j := range joints { // the surest first
		if ids[j.Thread] {
			m := Mention{Joint: j, Source: it.Source, Key: it.Key, Kind: it.Kind, Body: it.Body, ItemTitle: it.Title, ItemURL: it.URL, When: it.When()}
			if m.When.IsZero() {
				m.When = it.Published
			}
			return m, true, nil
		}
	}
	return Mention{}, false, nil
}

// decided lays the operator's word over what was derived.
func (w *joining) decided(ref store.ItemRef, joints []store.Joint) ([]store.Joint, error) {
	decisions, err := w.Marks.Decisions(w.ctx)
	if err != nil {
		return nil, err
	}
	name := store.DecisionItem(ref.Source, ref.Key)
	last := map[string]store.Decision{}
	for _, d := range decisions {
		if d.B == name {
			last[cmp.Or(w.threadOf(d.A), d.A)] = d
		}
	}
	joints = slices.DeleteFunc(joints, func(j store.Joint) bool {
		_, ok := last[j.Thread]
		return ok
	})
	for id, d := range last {
		if d.Join {
			title := ""
			if e := w.entry(id); e != nil {
				title = e.Shown()
			}
			joints = append(joints, store.Joint{Thread: id, Title: title, Strength: store.JointOperator, Evidence: strings.TrimSuffix("joined by the operator: "+d.Why, ": ")})
		}
	}
	slices.SortStableFunc(joints, func(a, b store.Joint) int {
		return cmp.Or(store.JointRank(b.Strength)-store.JointRank(a.Strength), strings.Compare(a.Thread, b.Thread))
	})
	return joints, nil
}

func decidedItem(name string) (source, key string, ok bool) {
	if name, ok = strings.CutPrefix(name, "item "); !ok {
		return "", "", false
	}
	return strings.Cut(name, "/")
}
