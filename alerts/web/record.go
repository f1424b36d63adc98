package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"ccgwatch/store"
)

// batch is how many entries of the log are read at a time, and stride how many
// at most in one request: an entry costs some 50 microseconds. Whoever asks
// first after a start waits for that many; the pages say so until the end of
// the log is reached.
const (
	batch  = 500
	stride = 10_000
)

// A record is a table of contents of the change log, kept in memory: 16 bytes
// an entry, so that a million changes take 16 MB, read once after a start and
// then as they come. With it a page about one item, one body or one source
// reads from the store what it shows and little more; going over the table
// itself is O(entries), about a millisecond a million. The store stays the
// truth: whatever is shown is read from it again.
type record struct {
	server *Server
	zone   *time.Location
	seed   maphash.Seed

	mu      sync.Mutex
	entries []entry // in the order of the log
	joint   map[uint32][]uint16
	last    uint64    // Seq of the last entry
	until   time.Time // and when it was made
	whole   bool      // the end of the log was reached by the last look

	sources numbered
	bodies  numbered
	known   []tally         // by number of the body
	news    []rhythm        // by number of the source
	coming  map[ref]meeting // what has a date that was not over when it was read
	leads   map[ref]int     // days from the first papers, as far as we saw them come, to the meeting

	notices   int       // ever added
	inOrder   []meeting // of coming, as of the entry orderedAt
	orderedAt uint64
	corrected []ref // by an operator, and not yet taken
	dates     dates // what calendars are made of

	publishers map[string]string // by source; both as of the last look
	today      time.Time
}

// An entry stands for one change. Its item is a hash: whoever looks for an item
// compares the change found with it.
type entry struct {
	item   uint32
	seq    uint32 // the store numbers from 1; 4 thousand million are not to be had
	body   uint16 // the first one, 0 for none; the others of a joint notice are in joint
	source uint16
	kind   uint8
	op     uint8
}

// A ref names an item.
type ref struct{ source, key string }

// A meeting is a coming date of an item.
type meeting struct {
	ref
	when   time.Time
	off    bool // cancelled
	bodies []uint16
}

// A tally is what is known of a body.
type tally struct {
	kinds map[store.Kind]int // items ever listed
	last  time.Time          // newest change
}

// A rhythm tells how often a source has something new.
type rhythm struct {
	last time.Time
	gaps []int // days between the last days with something new, the latest of them
}

// gapsKept is how many gaps a rhythm remembers.
const gapsKept = 20

// numbered gives names small numbers, from 1.
type numbered struct {
	names  []string
	number map[string]uint16
}

// of is the number of a name. The 65,535 that there are outlast any catalogue;
// a name beyond them would be counted with none.
func (n *numbered) of(name string) uint16 {
	if name == "" {
		return 0
	}
	if i, ok := n.number[name]; ok {
		return i
	}
	if len(n.names) == 1<<16-1 {
		return 0
	}
	if n.number == nil {
		n.number = map[string]uint16{}
	}
	n.names = append(n.names, name)
	n.number[name] = uint16(len(n.names)) //nolint:gosec // bounded above
	return n.number[name]
}

func newRecord(s *Server, zone *time.Location) *record {
	return &record{server: s, zone: zone, seed: maphash.MakeSeed(), joint: map[uint32][]uint16{}, coming: map[ref]meeting{}, leads: map[ref]int{}, dates: newDates(zone)}
}

// kinds and ops in the order of their numbers in an entry, from 1.
func kindNumber(k store.Kind) uint8 {
	return uint8(1 + slices.Index([]store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage}, k)) //nolint:gosec // -1 to 4
}

func opNumber(o store.Op) uint8 {
	return uint8(1 + slices.Index([]store.Op{store.OpAdded, store.OpAmended, store.OpWithdrawn, store.OpDue, store.OpCorrected}, o)) //nolint:gosec // -1 to 4
}

func (r *record) hash(x ref) uint32 {
	return uint32(maphash.Comparable(r.seed, x)) //nolint:gosec // its lower half
}

// follow reads on in the log, up to stride entries.
func (r *record) follow(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	end, err := r.server.Ledger.LastSeq(ctx)
	if err != nil {
		return err
	}
	if r.last < end {
		r.publishers, r.today = map[string]string{}, dayOf(r.server.Now(), r.zone)
		for _, info := range r.server.Sources() {
			r.publishers[info.ID] = info.publisher()
		}
	}
	r.whole = r.last >= end
	for n := 0; !r.whole && n < stride; n += batch {
		changes, err := r.server.Ledger.Changes(ctx, r.last, batch)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := r.add(ctx, c); err != nil {
				return fmt.Errorf("reading change %d for the pages: %w", c.Seq, err)
			}
		}
		r.whole = len(changes) < batch || r.last >= end
	}
	return nil
}

// add enters one change. What is known of its item may be newer than the
// change; later ones then say the same again.
func (r *record) add(ctx context.Context, c store.Change) error {
	x := ref{c.Source, c.Key}
	var it store.Item
	if c.Kind == store.KindNotice || c.Kind == store.KindMeeting || c.Kind == store.KindPaper || c.Kind == store.KindPage {
		var err error
		if it, err = r.server.Ledger.Item(ctx, c.Source, c.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	e := entry{item: r.hash(x), seq: uint32(c.Seq), source: r.sources.of(c.Source), kind: kindNumber(c.Kind), op: opNumber(c.Op)} //nolint:gosec // see entry
	bodies := r.bodiesOf(c, it)
	if len(bodies) > 0 {
		e.body = bodies[0]
	}
	if len(bodies) > 1 {
		r.joint[e.seq] = bodies[1:]
	}
	r.entries = append(r.entries, e)
	r.last, r.until = c.Seq, c.At
	if c.Op == store.OpCorrected {
		if err := r.datedAgain(ctx, x, it); err != nil {
			return err
		}
	} else {
		r.dates.note(c, it)
	}
	if c.Kind == store.KindNotice && c.Op == store.OpAdded {
		r.notices++
	}
	switch c.Op {
	case store.OpDue:
		return nil
	case store.OpCorrected: // by us: no news of the body, but a date may read otherwise
		r.corrected = append(r.corrected, x)
		if delete(r.coming, x); it.Kind != "" {
			r.date(x, it, bodies)
		}
		return nil
	}
	for _, b := range bodies {
		t := grown(&r.known, b)
		if t.last = latest(t.last, c.At); c.Op == store.OpAdded {
			if t.kinds == nil {
				t.kinds = map[store.Kind]int{}
			}
			t.kinds[c.Kind]++
		}
	}
	if !c.Silent && e.source > 0 {
		grown(&r.news, e.source).note(c.At)
	}
	r.date(x, it, bodies)
	r.lead(x, c, it)
	return nil
}

// datedAgain takes what the log says of a corrected item as it is shown now:
// otherwise the numbers of its dates would depend on when the log was read.
func (r *record) datedAgain(ctx context.Context, x ref, it store.Item) error {
	hash := r.hash(x)
	var list []store.Change
	for _, e := range r.entries {
		if e.item != hash {
			continue
		}
		changes, err := r.server.Ledger.Changes(ctx, uint64(e.seq)-1, 1)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Seq == uint64(e.seq) && c.Source == x.source && c.Key == x.key {
				list = append(list, c)
			}
		}
	}
	r.dates.drop(x, list)
	for _, c := range list {
		r.dates.note(c, it)
	}
	return nil
}

// lead notes how long before a meeting its first papers came, if we saw them come.
func (r *record) lead(x ref, c store.Change, it store.Item) {
	when := it.When()
	if _, known := r.leads[x]; known || c.Silent || when.IsZero() || it.Cancelled() || c.Kind != store.KindMeeting && c.Kind != store.KindPaper {
		return
	}
	if c.Has(store.AgendaPublished) || slices.ContainsFunc(c.Documents, func(d store.Document) bool {
		return c.Has(store.DocumentAdded) && (d.Role == store.RolePack || d.Role == store.RoleReport || d.Role == store.RoleFrontsheet)
	}) {
		r.leads[x] = int(dayOf(when, r.zone).Sub(dayOf(c.At, r.zone)).Hours()+12) / 24
		if when.Before(c.At) && r.leads[x] >= 0 {
			r.leads[x] = -1
		}
	}
}

// takeCorrected are the items corrected since it was asked last.
func (r *record) takeCorrected() []ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.corrected
	r.corrected = nil
	return out
}

// upTo is when the last entry read was made.
func (r *record) upTo() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until
}

// grown is the place of a number in a list that grows with them.
func grown[T any](list *[]T, n uint16) *T {
	for len(*list) < int(n) {
		*list = append(*list, *new(T))
	}
	return &(*list)[n-1]
}

// date notes when a meeting is, or a paper's, or that it is not any more. What
// is over is forgotten when the list has grown by it.
func (r *record) date(x ref, it store.Item, bodies []uint16) {
	if it.Kind != store.KindMeeting && it.Kind != store.KindPaper && it.Kind != store.KindPage {
		return
	}
	if when := comingOn(it); it.Withdrawn.IsZero() && !when.Before(r.today) {
		r.coming[x] = meeting{ref: x, when: when, off: it.Cancelled(), bodies: bodies}
	} else {
		delete(r.coming, x)
	}
}

// bodiesOf are the numbers of the bodies that an item is of: of a notice its
// buyers, of anything else who publishes it.
func (r *record) bodiesOf(c store.Change, it store.Item) []uint16 {
	var out []uint16
	add := func(id string) {
		if n := r.bodies.of(id); n > 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if c.Kind == store.KindNotice {
		if it.Notice != nil && r.server.Buyers != nil {
			for _, id := range r.server.Buyers(it.Notice) {
				add(id)
			}
		}
		return out
	}
	add(cmp.Or(r.publishers[c.Source], it.Body))
	return out
}

func (w *rhythm) note(at time.Time) {
	if !w.last.IsZero() {
		if days := int(at.Sub(w.last).Hours()+12) / 24; days > 0 {
			if w.gaps = append(w.gaps, days); len(w.gaps) > gapsKept {
				w.gaps = slices.Delete(w.gaps, 0, 1)
			}
		}
	}
	w.last = latest(w.last, at)
}

// quiet is for how many days there has been nothing new and how many that had
// ever been; ok if it is unusual: more than twice as long as ever, and more
// than a week. Before five gaps are known nothing is.
func (w rhythm) quiet(now time.Time) (days, before int, ok bool) {
	if len(w.gaps) < 5 {
		return 0, 0, false
	}
	days, before = int(now.Sub(w.last).Hours())/24, slices.Max(w.gaps)
	return days, before, days > 7 && days > 2*before
}

// A want says which entries are looked for; what is zero is not asked.
type want struct {
	item   *ref
	source string
	body   string
	kind   store.Kind
	before uint64 // only entries older than this one
	due    bool   // also those that say that a date has come
}

// seqs are the newest entries that fit, newest first, up to n.
func (r *record) seqs(w want, n int) []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var hash uint32
	if w.item != nil {
		hash = r.hash(*w.item)
	}
	source, body, kind, due := r.sources.number[w.source], r.bodies.number[w.body], kindNumber(w.kind), opNumber(store.OpDue)
	if w.source != "" && source == 0 || w.body != "" && body == 0 {
		return nil
	}
	end := len(r.entries)
	if w.before > 0 {
		end, _ = slices.BinarySearchFunc(r.entries, w.before, func(e entry, seq uint64) int { return cmp.Compare(uint64(e.seq), seq) })
	}
	var out []uint64
	for i := end - 1; i >= 0 && len(out) < n; i-- {
		e := r.entries[i]
		switch {
		case w.item != nil && e.item != hash, w.source != "" && e.source != source, w.kind != "" && e.kind != kind, !w.due && e.op == due:
		case w.body != "" && e.body != body && !slices.Contains(r.joint[e.seq], body):
		default:
			out = append(out, uint64(e.seq))
		}
	}
	return out
}

// tally is what is known of a body.
func (r *record) tally(body string) tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(r.bodies.number[body])
	if n == 0 || n > len(r.known) {
		return tally{}
	}
	t := tally{kinds: map[store.Kind]int{}, last: r.known[n-1].last}
	for k, v := range r.known[n-1].kinds {
		t.kinds[k] = v
	}
	return t
}

// rhythm is how often a source has something new.
func (r *record) rhythm(source string) rhythm {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(r.sources.number[source])
	if n == 0 || n > len(r.news) {
		return rhythm{}
	}
	w := r.news[n-1]
	w.gaps = slices.Clone(w.gaps)
	return w
}

// named are the ids of the bodies of which anything is known.
func (r *record) named() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for i, t := range r.known {
		if !t.last.IsZero() {
			out = append(out, r.bodies.names[i])
		}
	}
	return out
}

// ahead are the dates from a day on, in their order; of a body alone where one
// is named. They are put in order when the log has gone on.
func (r *record) ahead(today time.Time, body string) []meeting {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inOrder == nil || r.orderedAt != r.last {
		r.inOrder, r.orderedAt = make([]meeting, 0, len(r.coming)), r.last
		for x, m := range r.coming {
			if m.when.Before(today) {
				delete(r.coming, x)
				continue
			}
			r.inOrder = append(r.inOrder, m)
		}
		slices.SortFunc(r.inOrder, func(a, b meeting) int {
			return cmp.Or(a.when.Compare(b.when), cmp.Compare(a.source, b.source), cmp.Compare(a.key, b.key))
		})
	}
	from, _ := slices.BinarySearchFunc(r.inOrder, today, func(m meeting, t time.Time) int {
		if m.when.Before(t) {
			return -1
		}
		return 1
	})
	if body == "" {
		return slices.Clip(r.inOrder[from:])
	}
	var out []meeting
	number := r.bodies.number[body]
	for _, m := range r.inOrder[from:] {
		if slices.Contains(m.bodies, number) {
			out = append(out, m)
		}
	}
	return out
}

// of are those dates that are of a body.
func (r *record) of(all []meeting, body string) []meeting {
	r.mu.Lock()
	n := r.bodies.number[body]
	r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(all), func(m meeting) bool { return n == 0 || !slices.Contains(m.bodies, n) })
}

// behind is the date up to which the record was read, in a record that has not
// been read to its end; zero otherwise.
func (r *record) behind() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.whole {
		return time.Time{}
	}
	return r.until
}

// dayOf is the beginning of the day that a moment is in: a meeting stays until
// the day is over, because people look when they are late.
func dayOf(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}
