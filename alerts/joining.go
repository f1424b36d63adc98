package alerts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// The tables in which Joined keeps what it works out. An item is named by its
// source and key, a key of the words by its eight bytes.
const (
	tableNotices = "notices" // item -> noted: the notices in which something was found
	tableOf      = "of"      // ocid in lower case, notice: those that are shown
	tableOCIDs   = "ocids"   // ocid in lower case -> the procurement under which it is known
	tableParts   = "parts"   // procurement, ocid in lower case
	tableEntries = "entries" // procurement -> judge.Entry
	tableKeys    = "keys"    // key, procurement
	tableItems   = "items"   // item -> spoken
	tableJoints  = "joints"  // item -> []store.Joint
	tableBy      = "by"      // procurement, item
	tableRefs    = "refs"    // key of a number or reference, item
	tableSigs    = "sigs"    // body, item -> sieve of the keys of its other words
	tableBodies  = "bodies"  // body
)

// noted is a notice in which something was found. The first finding says under
// which procurement its process goes.
type noted struct {
	Change uint64        `json:"change"`
	ID     string        `json:"id"`
	Thread string        `json:"thread"`
	Handle *judge.Handle `json:"handle,omitempty"` // as it is shown; nil: it is not
}

// spoken is an item that may speak of procurements.
type spoken struct {
	Body   string   `json:"body,omitempty"`
	Found  []string `json:"found,omitempty"`  // ids of the findings in its papers, in their order
	Quotes []quoted `json:"quotes,omitempty"` // their sentences, each once, up to quotesKept
	Refs   []uint64 `json:"refs,omitempty"`   // under which it stands in tableRefs
	Sig    bool     `json:"sig,omitempty"`    // it stands in tableSigs
}

type quoted struct {
	Quote    string `json:"quote"`
	Document string `json:"document,omitempty"`
	Page     int    `json:"page,omitempty"`
	URL      string `json:"url,omitempty"`
}

func (s *spoken) quote(f store.Finding) {
	if len(s.Quotes) < quotesKept && !slices.ContainsFunc(s.Quotes, func(q quoted) bool { return q.Quote == f.Quote }) {
		s.Quotes = append(s.Quotes, quoted{f.Quote, f.Document, f.Page, f.URL})
	}
}

func (s *spoken) findings() []store.Finding {
	out := make([]store.Finding, 0, len(s.Quotes))
	for _, q := range s.Quotes {
		out = append(out, store.Finding{Quote: q.Quote, Document: q.Document, Page: q.Page, URL: q.URL})
	}
	return out
}

// A joining is one transaction of Joined.
type joining struct {
	*Joined
	ctx     context.Context // lives as long as the transaction
	rows    store.Rows
	err     error                   // the first that a look met
	entries map[string]*judge.Entry // read before; nil: there is none

	// of a notice that is not in the store yet
	guess    *judge.Entry
	keys     map[uint64]bool
	thread   map[string]string // by ocid
	supposed map[store.ItemRef][]store.Joint
}

func (w *joining) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

// entry is a procurement, nil for an unknown one.
func (w *joining) entry(thread string) *judge.Entry {
	if w.guess != nil && w.guess.Thread == thread {
		return w.guess
	}
	if e, ok := w.entries[thread]; ok {
		return e
	}
	var e *judge.Entry
	if ok, err := getRow(w.rows, tableEntries, thread, &e); err != nil || !ok {
		w.note(err)
		e = nil
	}
	if len(w.entries) >= entriesKept {
		clear(w.entries)
	}
	w.entries[thread] = e
	return e
}

// entriesKept is how many procurements a transaction remembers.
const entriesKept = 2000

// look finds the procurements of a key.
func (w *joining) look(key uint64) []*judge.Entry {
	threads, err := keysOf(w.rows, tableKeys, be64(key))
	w.note(err)
	var out []*judge.Entry
	for _, t := range threads {
		if e := w.entry(t); e != nil && e != w.guess {
			out = append(out, e)
		}
	}
	if w.keys[key] {
		out = append(out, w.guess)
	}
	return out
}

// threadOf is the procurement under which a process is known, "" for an unknown one.
func (w *joining) threadOf(ocid string) string {
	ocid = strings.ToLower(ocid)
	if t := w.thread[ocid]; t != "" {
		return t
	}
	b, err := w.rows.Get(tableOCIDs, ocid)
	w.note(err)
	return string(b)
}

// joints are those of an item.
func (w *joining) joints(ref store.ItemRef) []store.Joint {
	if list, ok := w.supposed[ref]; ok {
		return slices.Clone(list)
	}
	var list []store.Joint
	_, err := getRow(w.rows, tableJoints, itemName(ref.Source, ref.Key), &list)
	w.note(err)
	return list
}

// take works out some changes and what was found in them.
func (x *Joined) take(ctx context.Context, rows store.Rows, after uint64, changes []store.Change) error {
	w := &joining{Joined: x, ctx: ctx, rows: rows, entries: map[string]*judge.Entry{}}
	all, err := foundIn(ctx, x.Outbox, after, changes[len(changes)-1].Seq)
	if err != nil {
		return err
	}
	notices, items, found, anew := newRefs(), newRefs(), map[store.ItemRef][]store.Finding{}, map[store.ItemRef]bool{}
	for _, f := range all {
		ref := store.ItemRef{Source: f.Source, Key: f.Key}
		switch {
		case f.Kind == store.KindNotice && f.Thread != "":
			notices.add(ref)
			if err := w.found(ref, f); err != nil {
				return err
			}
		case f.Kind != store.KindNotice && (f.Page != 0 || f.Document != ""):
			items.add(ref)
			found[ref] = append(found[ref], f)
		}
	}
	for _, c := range changes {
		ref := store.ItemRef{Source: c.Source, Key: c.Key}
		switch {
		case c.Op == store.OpDue:
		case c.Kind == store.KindNotice:
			if b, err := rows.Get(tableNotices, itemName(c.Source, c.Key)); err != nil {
				return err
			} else if b != nil { // one in which nothing was found is of no procurement
				notices.add(ref)
			}
		default:
			items.add(ref)
			anew[ref] = anew[ref] || c.Op == store.OpCorrected
		}
	}
	again, err := w.notices(notices.list)
	if err != nil {
		return err
	}
	for _, ref := range items.list {
		if err := w.item(ref, found[ref], anew[ref]); err != nil {
			return err
		}
	}
	for _, ref := range again.list {
		if !items.has[ref] {
			if err := w.again(ref); err != nil {
				return err
			}
		}
	}
	return w.err
}

// refs are items in the order in which they were met, each once.
type refs struct {
	list []store.ItemRef
	has  map[store.ItemRef]bool
}

func newRefs() *refs { return &refs{has: map[store.ItemRef]bool{}} }

func (r *refs) add(ref store.ItemRef) {
	if !r.has[ref] {
		r.has[ref] = true
		r.list = append(r.list, ref)
	}
}

// found notes the first finding in a notice.
func (w *joining) found(ref store.ItemRef, f store.Finding) error {
	name := itemName(ref.Source, ref.Key)
	if b, err := w.rows.Get(tableNotices, name); err != nil || b != nil {
		return err
	}
	return putRow(w.rows, tableNotices, name, noted{Change: f.Change, ID: f.ID, Thread: f.Thread})
}

// notices brings what procurements are known by up to their notices, and gives
// the items that may speak of those that are known by something else now.
func (w *joining) notices(list []store.ItemRef) (*refs, error) {
	dirty := map[string]bool{}
	for _, ref := range list {
		if err := w.notice(ref, dirty); err != nil {
			return nil, err
		}
	}
	var changed []altered
	for thread := range dirty {
		was := w.entry(thread)
		now, err := w.rebuilt(thread)
		if err != nil {
			return nil, err
		}
		if same, err := alike(was, now); err != nil || same { // most notices add nothing to what it is known by
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := w.replace(thread, was, now); err != nil {
			return nil, err
		}
		changed = append(changed, altered{was, now})
	}
	return w.candidates(changed)
}

func alike(a, b *judge.Entry) (bool, error) {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return bytes.Equal(x, y), errors.Join(err1, err2)
}

// An altered is a procurement as it was known and as it is; nil: not at all.
type altered struct{ was, now *judge.Entry }

func (a altered) both() []*judge.Entry {
	return slices.DeleteFunc([]*judge.Entry{a.was, a.now}, func(e *judge.Entry) bool { return e == nil })
}

// notice reads one notice as it is shown, and notes whose procurements alter by it.
func (w *joining) notice(ref store.ItemRef, dirty map[string]bool) error {
	name := itemName(ref.Source, ref.Key)
	var row noted
	if _, err := getRow(w.rows, tableNotices, name, &row); err != nil {
		return err
	}
	it, err := w.Ledger.Item(w.ctx, ref.Source, ref.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
	}
	was := row.Handle
	row.Handle = nil
	if h, ok := w.Judge.HandleOf(it, row.Thread); ok && err == nil {
		row.Handle = &h
	}
	if err := putRow(w.rows, tableNotices, name, row); err != nil {
		return err
	}
	touched := map[string]bool{}
	if was != nil {
		ocid := strings.ToLower(was.OCID)
		touched[ocid] = true
		if err := w.rows.Delete(tableOf, ocid+"\x00"+name); err != nil {
			return err
		}
	}
	if row.Handle != nil {
		ocid := strings.ToLower(row.Handle.OCID)
		touched[ocid] = true
		if err := w.rows.Put(tableOf, ocid+"\x00"+name, nil); err != nil {
			return err
		}
	}
	for ocid := range touched {
		if err := w.assign(ocid, dirty); err != nil {
			return err
		}
	}
	return nil
}

// of are the notices of a process that are shown.
func (w *joining) of(ocid string) ([]noted, error) {
	names, err := keysOf(w.rows, tableOf, ocid+"\x00")
	if err != nil {
		return nil, err
	}
	var out []noted
	for _, name := range names {
		var n noted
		if _, err := getRow(w.rows, tableNotices, name, &n); err != nil {
			return nil, err
		}
		if n.Handle != nil {
			out = append(out, n)
		}
	}
	return out, nil
}

func inOrderFound(a, b noted) int {
	return cmp.Or(cmp.Compare(a.Change, b.Change), strings.Compare(a.ID, b.ID))
}

// assign notes under which procurement a process is known: that of the first
// finding in any of its notices.
func (w *joining) assign(ocid string, dirty map[string]bool) error {
	list, err := w.of(ocid)
	if err != nil {
		return err
	}
	now := ""
	if len(list) > 0 {
		first := slices.MinFunc(list, inOrderFound)
		now = cmp.Or(first.Thread, first.Handle.OCID)
	}
	was := w.threadOf(ocid)
	if was != "" {
		dirty[was] = true
	}
	if now != "" {
		dirty[now] = true
	}
	if was == now {
		return nil
	}
	if was != "" {
		if err := w.rows.Delete(tableParts, was+"\x00"+ocid); err != nil {
			return err
		}
	}
	if now == "" {
		return w.rows.Delete(tableOCIDs, ocid)
	}
	if err := w.rows.Put(tableParts, now+"\x00"+ocid, nil); err != nil {
		return err
	}
	return w.rows.Put(tableOCIDs, ocid, []byte(now))
}

// rebuilt is a procurement as its notices are now, nil where none is shown.
func (w *joining) rebuilt(thread string) (*judge.Entry, error) {
	list, err := w.under(thread)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return w.entryOf(thread, list), nil
}

// under are the notices of a procurement that are shown.
func (w *joining) under(thread string) ([]noted, error) {
	ocids, err := keysOf(w.rows, tableParts, thread+"\x00")
	if err != nil {
		return nil, err
	}
	var list []noted
	for _, o := range ocids {
		part, err := w.of(o)
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	return list, nil
}

func (w *joining) entryOf(thread string, list []noted) *judge.Entry {
	slices.SortFunc(list, inOrderFound)
	handles := make([]judge.Handle, 0, len(list))
	for _, n := range list {
		handles = append(handles, *n.Handle)
	}
	e := w.handles.EntryOf(thread, handles)
	return &e
}

// replace stores a procurement, with its keys.
func (w *joining) replace(thread string, was, now *judge.Entry) error {
	w.entries[thread] = now
	have, want := map[uint64]bool{}, map[uint64]bool{}
	for e, set := range map[*judge.Entry]map[uint64]bool{was: have, now: want} {
		if e != nil {
			numbers, names := w.handles.Keys(e)
			for _, k := range slices.Concat(numbers, names) {
				set[k] = true
			}
		}
	}
	for k := range have {
		if !want[k] {
			if err := w.rows.Delete(tableKeys, be64(k)+thread); err != nil {
				return err
			}
		}
	}
	for k := range want {
		if !have[k] {
			if err := w.rows.Put(tableKeys, be64(k)+thread, nil); err != nil {
				return err
			}
		}
	}
	if now == nil {
		return w.rows.Delete(tableEntries, thread)
	}
	return putRow(w.rows, tableEntries, thread, now)
}

// candidates are the items that may speak of procurements as these were known or
// are: those that name a number, whoever they are, and those of a body near them
// whose words may name them. What is not among them speaks of none of these.
func (w *joining) candidates(changed []altered) (*refs, error) {
	out := newRefs()
	for _, a := range changed {
		for _, e := range a.both() {
			numbers, _ := w.handles.Keys(e)
			for _, k := range numbers {
				names, err := keysOf(w.rows, tableRefs, be64(k))
				if err != nil {
					return nil, err
				}
				for _, name := range names {
					out.add(namedItem(name))
				}
			}
		}
	}
	bodies, err := keysOf(w.rows, tableBodies, "")
	if err != nil {
		return nil, err
	}
	for _, body := range bodies {
		var keys []uint64
		for _, a := range changed {
			for _, e := range a.both() {
				if w.handles.Near(e, body) {
					_, names := w.handles.Keys(e)
					keys = append(keys, names...)
				}
			}
		}
		if len(keys) == 0 {
			continue
		}
		err := w.rows.Each(tableSigs, body+"\x00", "", func(key string, value []byte) (bool, error) {
			if slices.ContainsFunc(keys, func(k uint64) bool { return sieve(value).holds(k) }) {
				out.add(namedItem(key[len(body)+1:]))
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// item takes in an item that is new or changed, with what was found in it, and
// looks what it speaks of; anew: the operator corrected it.
func (w *joining) item(ref store.ItemRef, found []store.Finding, anew bool) error {
	name := itemName(ref.Source, ref.Key)
	var row spoken
	if _, err := getRow(w.rows, tableItems, name, &row); err != nil {
		return err
	}
	if anew {
		row.Quotes = nil
		for _, id := range row.Found {
			f, err := w.Outbox.Finding(w.ctx, id)
			if err == nil && f.Retired == "" {
				err = w.quote(&row, f)
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
	for _, f := range found {
		row.Found = append(row.Found, f.ID)
		if err := w.quote(&row, f); err != nil {
			return err
		}
	}
	was := row
	it, err := w.Ledger.Item(w.ctx, ref.Source, ref.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
	}
	shown := err == nil
	var names []uint64
	row.Refs, row.Sig, row.Body = nil, false, ""
	if shown {
		row.Body = it.Body
		for _, t := range w.Judge.SubjectOf(it, row.findings()).Texts {
			n, more := w.handles.Words(t.Text)
			row.Refs, names = append(row.Refs, n...), append(names, more...)
		}
		slices.Sort(row.Refs)
		row.Refs = slices.Compact(row.Refs)
		row.Sig = it.Body != "" // nobody's words are near nothing
	}
	if err := w.file(name, was, row, names); err != nil {
		return err
	}
	return w.speaks(ref, it, shown, row)
}

func (w *joining) quote(row *spoken, f store.Finding) error {
	shown := true
	var err error
	if w.Shown != nil {
		f, shown, err = w.Shown(w.ctx, f)
	}
	if err == nil && shown {
		row.quote(f)
	}
	return err
}

// file stores an item and where its words stand.
func (w *joining) file(name string, was, row spoken, names []uint64) error {
	for _, k := range was.Refs {
		if _, keep := slices.BinarySearch(row.Refs, k); !keep {
			if err := w.rows.Delete(tableRefs, be64(k)+name); err != nil {
				return err
			}
		}
	}
	for _, k := range row.Refs {
		if _, had := slices.BinarySearch(was.Refs, k); !had {
			if err := w.rows.Put(tableRefs, be64(k)+name, nil); err != nil {
				return err
			}
		}
	}
	if was.Sig && (!row.Sig || was.Body != row.Body) {
		if err := w.rows.Delete(tableSigs, was.Body+"\x00"+name); err != nil {
			return err
		}
	}
	if row.Sig {
		if err := w.rows.Put(tableSigs, row.Body+"\x00"+name, newSieve(names)); err != nil {
			return err
		}
		if err := w.rows.Put(tableBodies, row.Body, nil); err != nil {
			return err
		}
	}
	return putRow(w.rows, tableItems, name, row)
}

// again looks once more what an item speaks of that is itself as it was.
func (w *joining) again(ref store.ItemRef) error {
	var row spoken
	if _, err := getRow(w.rows, tableItems, itemName(ref.Source, ref.Key), &row); err != nil {
		return err
	}
	it, err := w.Ledger.Item(w.ctx, ref.Source, ref.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
	}
	return w.speaks(ref, it, err == nil, row)
}

// speaks stores what an item speaks of.
func (w *joining) speaks(ref store.ItemRef, it store.Item, shown bool, row spoken) error {
	name := itemName(ref.Source, ref.Key)
	was := w.joints(ref)
	var now []store.Joint
	if shown {
		now = w.handles.Discusses(w.Judge.SubjectOf(it, row.findings()), w.look)
	}
	if w.err != nil || slices.Equal(was, now) {
		return w.err
	}
	for _, j := range was {
		if err := w.rows.Delete(tableBy, j.Thread+"\x00"+name); err != nil {
			return err
		}
	}
	if len(now) == 0 {
		return w.rows.Delete(tableJoints, name)
	}
	for _, j := range now {
		if err := w.rows.Put(tableBy, j.Thread+"\x00"+name, nil); err != nil {
			return err
		}
	}
	return putRow(w.rows, tableJoints, name, now)
}

// suppose looks what would be said of the procurement of a notice if its findings
// were in the store. Nothing is written.
func (w *joining) suppose(it store.Item, thread string) error {
	h, ok := w.Judge.HandleOf(it, thread)
	if !ok {
		return nil
	}
	ocid := strings.ToLower(h.OCID)
	thread = cmp.Or(w.threadOf(ocid), thread, h.OCID)
	list, err := w.under(thread)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(n noted) bool { return n.Handle.OCID == h.OCID && n.Handle.Release == h.Release })
	was := w.entry(thread)
	now := w.entryOf(thread, append(list, noted{Change: ^uint64(0), Handle: &h}))
	again, err := w.candidates([]altered{{was, now}})
	if err != nil {
		return err
	}
	w.guess, w.thread, w.keys, w.supposed = now, map[string]string{ocid: thread}, map[uint64]bool{}, map[store.ItemRef][]store.Joint{}
	numbers, names := w.handles.Keys(now)
	for _, k := range slices.Concat(numbers, names) {
		w.keys[k] = true
	}
	for _, ref := range again.list {
		var row spoken
		if _, err := getRow(w.rows, tableItems, itemName(ref.Source, ref.Key), &row); err != nil {
			return err
		}
		x, err := w.Ledger.Item(w.ctx, ref.Source, ref.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
		}
		w.supposed[ref] = w.handles.Discusses(w.Judge.SubjectOf(x, row.findings()), w.look)
	}
	return nil
}

// A sieve tells of most keys that are not in a set that they are not, in some 10
// to 20 bits a key: of one in a hundred it cannot tell.
type sieve []byte

const sieveHashes = 5

func newSieve(keys []uint64) sieve {
	bits := 64
	for bits < 10*len(keys) {
		bits *= 2
	}
	s := make(sieve, bits/8)
	for _, k := range keys {
		s.each(k, func(at uint64) bool { s[at/8] |= 1 << (at % 8); return true })
	}
	return s
}

// holds tells whether a key may be in it.
func (s sieve) holds(key uint64) bool {
	in := len(s) > 0
	s.each(key, func(at uint64) bool { in = in && s[at/8]&(1<<(at%8)) != 0; return in })
	return in
}

func (s sieve) each(key uint64, f func(at uint64) bool) {
	step := key>>32 | 1
	for range sieveHashes {
		if !f(key & (uint64(len(s))*8 - 1)) {
			return
		}
		key += step
	}
}
