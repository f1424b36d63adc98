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
// procurements. Nothing of it is stored but what the operator decided: it is
// read together after a start and then follows what is judged, in memory. An
// item is compared with an index of the procurements' words (judge.Handles), a
// new procurement with an index of the items' words, so that neither asks
// everything of everything. It is safe for concurrent use.
type Joined struct {
	Ledger store.Ledger
	Outbox store.Outbox
	Marks  store.Threads
	Judge  *judge.Judge

	mu      sync.Mutex
	seq     uint64 // findings and changes up to it are in
	whole   bool   // the items of the first look are in
	handles *judge.Handles
	words   map[uint64][]int // place in items
	items   []*spoken
	at      map[store.ItemRef]int
	by      map[string]map[int]bool // thread -> items that speak of it
}

// spoken is an item that may speak of procurements.
type spoken struct {
	store.ItemRef
	body   string
	quotes []store.Finding // sentences of its papers, and where they stand
	joints []store.Joint
}

// quotesKept is how many sentences of an item are compared with procurements
// that come later.
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

// OfItem lists the procurements that an item speaks of, the surest first.
func (x *Joined) OfItem(ctx context.Context, source, key string) ([]store.Joint, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.follow(ctx); err != nil {
		return nil, err
	}
	var joints []store.Joint
	ref := store.ItemRef{Source: source, Key: key}
	if i, ok := x.at[ref]; ok {
		joints = slices.Clone(x.items[i].joints)
	}
	return x.decided(ctx, ref, joints)
}

// Follow reads what it has not read yet of the log, which after a start is all of
// it: the daemon does so before anybody asks.
func (x *Joined) Follow(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.follow(ctx)
}

// OfThread lists the items that speak of a thread, the surest first and then
// the latest.
func (x *Joined) OfThread(ctx context.Context, t *judge.Thread) ([]Mention, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.follow(ctx); err != nil {
		return nil, err
	}
	refs := map[store.ItemRef]bool{}
	ids := map[string]bool{t.ID: true}
	for _, o := range t.OCIDs {
		ids[o] = true
		if id := x.handles.ThreadOf(o); id != "" {
			ids[id] = true
		}
	}
	for id := range ids {
		for i := range x.by[id] {
			refs[x.items[i].ItemRef] = true
		}
	}
	decisions, err := x.Marks.Decisions(ctx)
	if err != nil {
		return nil, fmt.Errorf("joined: %w", err)
	}
	for _, d := range decisions {
		if source, key, ok := decidedItem(d.B); ok && ids[d.A] {
			refs[store.ItemRef{Source: source, Key: key}] = true
		}
	}
	var out []Mention
	for ref := range refs {
		m, ok, err := x.mention(ctx, ref, ids)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Mention) int {
		if d := store.JointRank(b.Strength) - store.JointRank(a.Strength); d != 0 {
			return d
		}
		if d := b.When.Compare(a.When); d != 0 {
			return d
		}
		return strings.Compare(a.Source+"/"+a.Key, b.Source+"/"+b.Key)
	})
	return out, nil
}

// mention is what an item says of one of the threads.
func (x *Joined) mention(ctx context.Context, ref store.ItemRef, ids map[string]bool) (Mention, bool, error) {
	it, err := x.Ledger.Item(ctx, ref.Source, ref.Key)
	if errors.Is(err, store.ErrNotFound) {
		return Mention{}, false, nil
	}
	if err != nil {
		return Mention{}, false, fmt.Errorf("joined: read %s %s: %w", ref.Source, ref.Key, err)
	}
	var joints []store.Joint
	if i, ok := x.at[ref]; ok {
		joints = slices.Clone(x.items[i].joints)
	}
	if joints, err = x.decided(ctx, ref, joints); err != nil {
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
func (x *Joined) decided(ctx context.Context, ref store.ItemRef, joints []store.Joint) ([]store.Joint, error) {
	decisions, err := x.Marks.Decisions(ctx)
	if err != nil {
		return nil, fmt.Errorf("joined: %w", err)
	}
	name := store.DecisionItem(ref.Source, ref.Key)
	last := map[string]store.Decision{}
	for _, d := range decisions {
		if d.B == name {
			last[cmp.Or(x.handles.ThreadOf(d.A), d.A)] = d
		}
	}
	joints = slices.DeleteFunc(joints, func(j store.Joint) bool {
		_, ok := last[j.Thread]
		return ok
	})
	for id, d := range last {
		if d.Join {
			joints = append(joints, store.Joint{Thread: id, Title: x.handles.Title(id), Strength: store.JointOperator, Evidence: strings.TrimSuffix("joined by the operator: "+d.Why, ": ")})
		}
	}
	slices.SortStableFunc(joints, func(a, b store.Joint) int {
		if d := store.JointRank(b.Strength) - store.JointRank(a.Strength); d != 0 {
			return d
		}
		return strings.Compare(a.Thread, b.Thread)
	})
	return joints, nil
}

func decidedItem(name string) (source, key string, ok bool) {
	if name, ok = strings.CutPrefix(name, "item "); !ok {
		return "", "", false
	}
	return strings.Cut(name, "/")
}

// Speaks tells of which procurements an item speaks with the findings a change
// has just given, which are not in the store yet.
func (x *Joined) Speaks(ctx context.Context, it store.Item, found []store.Finding) ([]store.Joint, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.follow(ctx); err != nil {
		return nil, err
	}
	ref := store.ItemRef{Source: it.Source, Key: it.Key}
	quotes := slices.Clone(found)
	if i, ok := x.at[ref]; ok {
		quotes = append(quotes, x.items[i].quotes...)
	}
	return x.decided(ctx, ref, x.handles.Discusses(x.Judge.SubjectOf(it, quotes)))
}

// findingsAtOnce is how many findings are taken in one go.
const findingsAtOnce = 20_000

// follow takes in what was judged since. The findings of a change are there
// when the matcher has passed it.
func (x *Joined) follow(ctx context.Context) error {
	if x.handles == nil {
		x.handles, x.words, x.at, x.by = x.Judge.NewHandles(), map[uint64][]int{}, map[store.ItemRef]int{}, map[string]map[int]bool{}
	}
	pos, err := x.Outbox.Position(ctx, Follower)
	if err != nil {
		return fmt.Errorf("joined: read place: %w", err)
	}
	first := !x.whole
	for x.seq < pos.Seq || !x.whole {
		part, upTo, err := x.findings(ctx, pos.Seq)
		if err != nil {
			return err
		}
		fresh, err := x.notices(ctx, part)
		if err != nil {
			return err
		}
		again, err := x.papers(ctx, part, upTo, first)
		if err != nil {
			return err
		}
		for _, h := range fresh { // procurements that came after what speaks of them
			x.candidates(h, again)
		}
		if first && upTo < pos.Seq {
			again = map[int]bool{} // compared once, at the end
		} else if first {
			for i := range x.items {
				again[i] = true
			}
		}
		for i := range again {
			if err := x.compare(ctx, i); err != nil {
				return err
			}
		}
		x.seq, x.whole = upTo, true
		if upTo >= pos.Seq {
			break
		}
	}
	return nil
}

// candidates adds the items that may speak of a procurement.
func (x *Joined) candidates(h judge.Handle, to map[int]bool) {
	for _, k := range x.handles.Numbers(h) {
		for _, i := range x.words[k] {
			to[i] = true
		}
	}
	for _, k := range x.handles.Keys(h) {
		for _, i := range x.words[k] {
			if !to[i] && x.handles.Near(h, x.items[i].body) {
				to[i] = true
			}
		}
	}
}

// Spoken lists the items that speak of the procurement of a notice whose
// findings are not in the store yet.
func (x *Joined) Spoken(ctx context.Context, it store.Item, thread string) ([]Mention, error) {
	x.mu.Lock()
	if err := x.enterNotice(ctx, it, thread); err != nil {
		x.mu.Unlock()
		return nil, err
	}
	x.mu.Unlock()
	return x.OfThread(ctx, &judge.Thread{ID: thread, OCIDs: []string{it.Notice.OCID}})
}

func (x *Joined) enterNotice(ctx context.Context, it store.Item, thread string) error {
	if err := x.follow(ctx); err != nil {
		return err
	}
	h, ok := x.Judge.HandleOf(it, thread)
	if !ok {
		return nil
	}
	x.handles.Add(h)
	again := map[int]bool{}
	x.candidates(h, again)
	for i := range again {
		if err := x.compare(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// findings reads the next ones, whole changes at a time, up to a change.
func (x *Joined) findings(ctx context.Context, end uint64) (part []store.Finding, upTo uint64, err error) {
	upTo = end
	err = x.Outbox.Findings(ctx, x.seq, func(f store.Finding) bool {
		if f.Change > end {
			return false
		}
		if len(part) >= findingsAtOnce && f.Change != part[len(part)-1].Change {
			upTo = part[len(part)-1].Change
			return false
		}
		f.Text = ""
		part = append(part, f)
		return true
	})
	if err != nil {
		return nil, 0, fmt.Errorf("joined: read findings: %w", err)
	}
	return part, upTo, nil
}

// notices enters the procurements that were found, and returns what is new.
func (x *Joined) notices(ctx context.Context, part []store.Finding) ([]judge.Handle, error) {
	seen := map[store.ItemRef]bool{}
	var fresh []judge.Handle
	for _, f := range part {
		ref := store.ItemRef{Source: f.Source, Key: f.Key}
		if f.Kind != store.KindNotice || f.Thread == "" || seen[ref] {
			continue
		}
		seen[ref] = true
		it, err := x.Ledger.Item(ctx, f.Source, f.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("joined: read %s %s: %w", f.Source, f.Key, err)
		}
		if h, ok := x.Judge.HandleOf(it, f.Thread); ok {
			x.handles.Add(h)
			fresh = append(fresh, h)
		}
	}
	return fresh, nil
}

// papers takes in the items that are new or changed, and returns those to be compared.
func (x *Joined) papers(ctx context.Context, part []store.Finding, upTo uint64, first bool) (map[int]bool, error) {
	again := map[int]bool{}
	for _, f := range part {
		if f.Kind == store.KindNotice || f.Page == 0 && f.Document == "" {
			continue
		}
		i := x.place(store.ItemRef{Source: f.Source, Key: f.Key})
		s := x.items[i]
		if len(s.quotes) < quotesKept && !slices.ContainsFunc(s.quotes, func(q store.Finding) bool { return q.Quote == f.Quote }) {
			s.quotes = append(s.quotes, store.Finding{Quote: f.Quote, Document: f.Document, Page: f.Page, URL: f.URL})
			again[i] = true
			x.enter(i, f.Quote)
		}
	}
	if first && !x.whole {
		return again, x.all(ctx)
	}
	if first {
		return again, nil
	}
	for seq := x.seq; seq < upTo; {
		changes, err := x.Ledger.Changes(ctx, seq, 500)
		if err != nil {
			return nil, fmt.Errorf("joined: read changes: %w", err)
		}
		for _, c := range changes {
			if c.Seq > upTo {
				return again, nil
			}
			if seq = c.Seq; c.Kind == store.KindNotice || c.Op == store.OpDue {
				continue
			}
			i := x.place(store.ItemRef{Source: c.Source, Key: c.Key})
			again[i] = true
			it, err := x.Ledger.Item(ctx, c.Source, c.Key)
			if err == nil {
				x.learn(i, it)
			} else if !errors.Is(err, store.ErrNotFound) {
				return nil, fmt.Errorf("joined: read %s %s: %w", c.Source, c.Key, err)
			}
		}
		if len(changes) == 0 {
			break
		}
	}
	return again, nil
}

// all takes in every item but the notices, source by source: a source that
// begins with a notice holds nothing else.
func (x *Joined) all(ctx context.Context) error {
	healths, err := x.Ledger.Healths(ctx)
	if err != nil {
		return fmt.Errorf("joined: read the sources: %w", err)
	}
	for _, h := range healths {
		err := x.Ledger.Items(ctx, h.Source, func(it store.Item) bool {
			if it.Kind == store.KindNotice {
				return false
			}
			x.learn(x.place(store.ItemRef{Source: it.Source, Key: it.Key}), it)
			return true
		})
		if err != nil {
			return fmt.Errorf("joined: read the items of %s: %w", h.Source, err)
		}
	}
	return nil
}

func (x *Joined) place(ref store.ItemRef) int {
	i, ok := x.at[ref]
	if !ok {
		i = len(x.items)
		x.items = append(x.items, &spoken{ItemRef: ref})
		x.at[ref] = i
	}
	return i
}

// learn enters the words of an item, so that a procurement that comes later finds it.
func (x *Joined) learn(i int, it store.Item) {
	x.items[i].body = it.Body
	for _, t := range x.Judge.SubjectOf(it, nil).Texts {
		x.enter(i, t.Text)
	}
}

func (x *Joined) enter(i int, text string) {
	for _, k := range x.handles.Words(text) {
		if list := x.words[k]; len(list) == 0 || list[len(list)-1] != i {
			x.words[k] = append(list, i)
		}
	}
}

// compare looks anew at what an item speaks of.
func (x *Joined) compare(ctx context.Context, i int) error {
	s := x.items[i]
	for _, j := range s.joints {
		delete(x.by[j.Thread], i)
	}
	s.joints = nil
	it, err := x.Ledger.Item(ctx, s.Source, s.Key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("joined: read %s %s: %w", s.Source, s.Key, err)
	}
	s.joints = x.handles.Discusses(x.Judge.SubjectOf(it, s.quotes))
	for _, j := range s.joints {
		if x.by[j.Thread] == nil {
			x.by[j.Thread] = map[int]bool{}
		}
		x.by[j.Thread][i] = true
	}
	return nil
}
