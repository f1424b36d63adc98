package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// A datebook is what calendars and lists of dates hold, in the order of time,
// kept in memory and read on with the log and the findings, so that an answer
// costs what it shows and not what there is. Of a date it knows what it is asked
// for by; what is shown of it is made when it is shown. Some 300 bytes a date of
// the time that calendars show, and 100 a finding of a procurement.
type datebook struct {
	mu      sync.Mutex
	order   []*occasion        // what was put in order
	fresh   []*occasion        // and what was not yet
	gone    bool               // something in order has gone
	papers  map[sitting]bool   // of these meetings papers have changed
	matters map[string]*matter // what findings tell deadlines of
	amended []ref              // corrected, and the findings in it not yet read again
	made    []*occasion        // that were shown
	turned  int                // how often findings that were read before have changed

	reading sync.Mutex // of the findings
	found   uint64     // those of changes up to this one are in it
	judged  uint64     // how often the log had been judged again
	whole   bool       // there were no more
	// unlisted are those of which the findings are others than those their deadlines
	// were listed by: whoever listed them anew may have gone before it was done.
	unlisted map[*matter]bool
}

// An occasion is one date. It is not altered once it is listed: what changes is
// another one in its place.
type occasion struct {
	start  time.Time
	id     [16]byte // of its UID
	source string
	body   string // as the item or the finding has it
	gone   bool   // datebook.mu

	key       string      // of a meeting that a source lists; of the paper that stands for one that papers tell of
	committee string      // of a meeting
	sitting   *sitting    // of one that papers tell of
	due       *owing      // of a deadline
	was       []time.Time // when it was to be before it was moved, as movedFrom has it
	told      []uint64    // items that tell of it, as thingOf has them; of a deadline its matter has them
	revisions []revision

	gist atomic.Pointer[query.Gist] // of what a search is asked about a meeting
	made atomic.Pointer[made]
}

// A made date is one that was shown, from so many entries of the log and as its
// source was when it was read so late: of some things the log does not tell,
// such as the hour of a meeting of which the day was known.
type made struct {
	Date
	revisions int
	read      time.Time
	written   atomic.Pointer[writing]
}

// An owing is a deadline as the last finding has it.
type owing struct {
	matter *matter
	kind   string
	thread string // the procurement, "" for none
	item   ref
	last   string // id of the finding
	ended  bool   // by a later notice
}

// A matter is what has deadlines, of a few kinds: a procurement, or an item.
type matter struct {
	told   []telling // in the order of the findings
	listed []*occasion
}

// A telling is a finding.
type telling struct {
	change uint64
	id     string
	thing  uint64 // item
	kind   string // of its deadline, "" for none
	start  int64  // of the deadline, nanoseconds since 1970; 0 where it cannot be read
	ends   bool   // the procurement
}

func (a telling) compare(b telling) int {
	return cmp.Or(cmp.Compare(a.change, b.change), cmp.Compare(a.id, b.id))
}

// thingOf is a number for an item, as the search index has it.
func thingOf(source, key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(source + "\x00" + key)) // never fails
	return h.Sum64()
}

// uidOf is what a UID is made of: uid writes it out.
func uidOf(parts ...string) (id [16]byte) {
	h := sha256.New()
	for i, p := range parts {
		if i > 0 {
			_, _ = h.Write([]byte{0})
		}
		_, _ = h.Write([]byte(p)) // never fails
	}
	return [16]byte(h.Sum(nil)[:16])
}

func (o *occasion) uid() string { return hex.EncodeToString(o.id[:]) + "@ccgwatch" }

// compare is the order of all lists of dates.
func (o *occasion) compare(p *occasion) int {
	return cmp.Or(o.start.Compare(p.start), bytes.Compare(o.id[:], p.id[:]))
}

// meetingOccasion is a meeting as its source lists it; nil where that gives no
// date that can be read.
func meetingOccasion(it store.Item, m *dated, zone *time.Location) *occasion {
	start, _, ok := startOf(it.Fields[store.FieldWhen], zone)
	if !ok {
		return nil
	}
	return &occasion{
		start: start, id: uidOf("meeting", it.Source, it.Key), source: it.Source, body: it.Body, key: it.Key, committee: it.Fields[store.FieldCommittee],
		told: []uint64{thingOf(it.Source, it.Key)}, revisions: m.revisions, was: m.was,
	}
}

// listing tells whether an occasion is a meeting that its source lists.
func (o *occasion) listing() bool { return o.due == nil && o.sitting == nil }

// replace lists an occasion in the place of another; either may be nil.
func (b *datebook) replace(was, is *occasion) *occasion {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.replaced(was, is)
}

func (b *datebook) replaced(was, is *occasion) *occasion {
	if was != nil {
		was.gone, b.gone = true, true
	}
	if is != nil {
		b.fresh = append(b.fresh, is)
	}
	return is
}

// note takes down what a change may alter in what findings tell.
func (b *datebook) note(c store.Change) {
	if c.Op == store.OpCorrected {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.amended = append(b.amended, ref{c.Source, c.Key})
	}
}

// unsettled notes a meeting of which papers have changed.
func (b *datebook) unsettled(x sitting) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.papers == nil {
		b.papers = map[sitting]bool{}
	}
	b.papers[x] = true
}

// slack is for how long what is over is kept beyond the time that is shown:
// a clock that was put right does not bring it back.
const slack = 31 * 24 * time.Hour

// since are the occasions from a moment on, in their order. Nobody alters the list.
func (b *datebook) since(from time.Time) []*occasion {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fresh) > 0 || b.gone {
		b.merge(from.Add(-slack))
	}
	i := sort.Search(len(b.order), func(i int) bool { return !b.order[i].start.Before(from) })
	return b.order[i:]
}

// merge puts what is fresh into its order, and forgets how those were shown that
// are shown no more: years of them would be remembered. Cost: one look at each.
func (b *datebook) merge(oldest time.Time) {
	in := func(o *occasion) bool {
		if !o.gone && !o.start.Before(oldest) {
			return true
		}
		o.made.Store(nil)
		o.gist.Store(nil)
		return false
	}
	b.made = slices.DeleteFunc(b.made, func(o *occasion) bool { return !in(o) })
	fresh := slices.DeleteFunc(b.fresh, func(o *occasion) bool { return !in(o) })
	slices.SortFunc(fresh, (*occasion).compare)
	out := make([]*occasion, 0, len(b.order)+len(fresh))
	for _, o := range b.order {
		if !in(o) {
			continue
		}
		for len(fresh) > 0 && fresh[0].compare(o) < 0 {
			out, fresh = append(out, fresh[0]), fresh[1:]
		}
		out = append(out, o)
	}
	b.order, b.fresh, b.gone = append(out, fresh...), nil, false
}

// follow reads on in the findings, up to surveyed of them, as far as the log is
// judged, and those again that are in what was corrected. It reads all of them
// again when the log was judged again.
func (b *datebook) follow(ctx context.Context, s *site) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	if s.Judged != nil {
		if n := s.Judged(); n != b.judged {
			b.judged = n
			b.forget()
		}
	}
	pos, err := s.Outbox.Position(ctx, follower)
	if err != nil {
		return err
	}
	if err := b.again(ctx, s); err != nil {
		return err
	}
	if b.whole = b.found >= pos.Seq; b.whole {
		return nil
	}
	for portions := 0; !b.whole && portions < mostPortions; portions++ {
		if err := b.portion(ctx, s, pos.Seq); err != nil {
			return err
		}
	}
	return nil
}

// mostPortions is how many portions of the findings one request reads on in, after
// a start: some two seconds. Later there is one with little in it.
const mostPortions = 20

// portion reads on in the findings of changes up to one.
func (b *datebook) portion(ctx context.Context, s *site, upTo uint64) error {
	var page []store.Finding
	cut := false
	err := s.Outbox.Findings(ctx, b.found, func(x store.Finding) bool {
		if x.Change > upTo {
			return false
		}
		if len(page) >= surveyed && x.Change != page[len(page)-1].Change {
			cut = true
			return false
		}
		x.Text, x.Quote, x.Quotes, x.Others = "", "", nil, nil
		page = append(page, x)
		return true
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range page {
		b.take(s, x)
	}
	if b.found, b.whole = upTo, !cut; cut {
		b.found = page[len(page)-1].Change
	}
	return nil
}

// forget leaves out all that findings told.
func (b *datebook) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.matters {
		for _, o := range m.listed {
			b.replaced(o, nil)
		}
	}
	b.matters, b.found, b.unlisted = map[string]*matter{}, 0, nil
	b.turned++
}

// matterOf is what a finding is of, and what it tells of it; "" where it tells
// of no deadline and ends none.
func (s *site) matterOf(f store.Finding) (string, telling) {
	t := telling{change: f.Change, id: f.ID, thing: thingOf(f.Source, f.Key)}
	if slices.ContainsFunc(f.Moves, func(m store.Move) bool { return m.Kind == store.DueReminder || m.Kind == store.DueOverdue }) {
		return "", t // no notice said it
	}
	dated := f.Deadline != nil && (f.Deadline.Stated != "" || f.Deadline.Computed != "")
	if dated {
		t.kind = f.Deadline.Kind + "\x00" // which may have no name
		if at, _, ok := s.deadlineStart(*f.Deadline); ok {
			t.start = at.UnixNano()
		}
	}
	if f.Kind == store.KindNotice && f.Thread != "" {
		t.ends = f.Stage == "cancelled" || f.Stage == "termination"
		return f.Thread, t
	}
	if !dated {
		return "", t
	}
	return f.Source + "\x00" + f.Key, t
}

// take enters a finding, newer than all that are there.
func (b *datebook) take(s *site, f store.Finding) {
	key, t := s.matterOf(f)
	if key == "" {
		return
	}
	m := b.matters[key]
	if m == nil {
		m = &matter{}
		b.matters[key] = m
	}
	m.told = append(m.told, t)
	if t.kind != "" {
		b.owe(s, m, f, t)
	}
	b.ended(m)
}

// owe lists a deadline as a finding has it.
func (b *datebook) owe(s *site, m *matter, f store.Finding, t telling) {
	i := slices.IndexFunc(m.listed, func(o *occasion) bool { return o.due.kind == t.kind })
	var was *occasion
	if i >= 0 {
		was = m.listed[i]
		m.listed = slices.Delete(m.listed, i, i+1)
	}
	start, _, ok := s.deadlineStart(*f.Deadline)
	if !ok {
		b.replaced(was, nil)
		return
	}
	x := &owing{matter: m, kind: t.kind, item: ref{f.Source, f.Key}, last: f.ID}
	id := uidOf("deadline", f.Source, f.Key, f.Deadline.Kind)
	if f.Kind == store.KindNotice && f.Thread != "" {
		x.thread, id = f.Thread, uidOf("deadline", f.Thread, f.Deadline.Kind)
	}
	o := &occasion{start: start, id: id, source: f.Source, body: f.Body, due: x}
	if was != nil {
		if o.was = was.was; !was.start.Equal(start) {
			o.was = movedFrom(was.was, was.start)
		}
	}
	m.listed = append(m.listed, b.replaced(was, o))
}

// movedFrom are the days something was moved from, one more with it: the last few,
// each once. The list that is given stays as it is.
func movedFrom(days []time.Time, was time.Time) []time.Time {
	if slices.ContainsFunc(days, was.Equal) {
		return days
	}
	return append(slices.Clone(days[max(0, len(days)-mostMovedFrom+1):]), was)
}

// mostMovedFrom bounds what a date costs that is moved again and again.
const mostMovedFrom = 8

// daysBefore are the days that a deadline was moved from, as far as up to a
// finding is told: the same as when each was entered as it came.
func (m *matter) daysBefore(kind, last string) (out []time.Time) {
	var was int64
	for _, t := range m.told {
		switch {
		case t.kind != kind:
			continue
		case t.start == 0:
			out = nil
		case was != 0 && was != t.start:
			out = movedFrom(out, time.Unix(0, was))
		}
		if was = t.start; t.id == last {
			break
		}
	}
	return out
}

// ended lists the deadlines of a matter as ended, or not, as its last finding
// has it.
func (b *datebook) ended(m *matter) {
	ends := len(m.told) > 0 && m.told[len(m.told)-1].ends
	for i, o := range m.listed {
		if o.due.ended != ends {
			x := *o.due
			x.ended = ends
			m.listed[i] = b.replaced(o, &occasion{start: o.start, id: o.id, source: o.source, body: o.body, due: &x, was: o.was})
		}
	}
}

// again reads again what findings tell of what was corrected: some may be shown
// no more, or are shown again, or give another date.
func (b *datebook) again(ctx context.Context, s *site) error {
	b.mu.Lock()
	amended := b.amended
	b.mu.Unlock()
	for i, at := range amended {
		if slices.Contains(amended[:i], at) {
			continue
		}
		found, err := b.foundIn(ctx, s, at)
		if err != nil {
			return err
		}
		if err := b.anew(ctx, s, at, found); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.amended = b.amended[len(amended):]
	if len(amended) > 0 {
		b.turned++
	}
	return nil
}

// foundIn are the findings in an item that are shown, as far as they were read.
func (b *datebook) foundIn(ctx context.Context, s *site, at ref) ([]store.Finding, error) {
	var out []store.Finding
	for _, seq := range s.record.seqs(want{item: &at, due: true}, int(^uint(0)>>1)) {
		if seq > b.found {
			continue
		}
		list, err := s.findingsOf(ctx, seq)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			if f.Source == at.source && f.Key == at.key {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// anew enters the findings in an item in the place of those that were there.
func (b *datebook) anew(ctx context.Context, s *site, at ref, found []store.Finding) error {
	thing := thingOf(at.source, at.key)
	b.mu.Lock()
	if b.unlisted == nil {
		b.unlisted = map[*matter]bool{}
	}
	for _, m := range b.matters {
		if n := len(m.told); n > 0 {
			if m.told = slices.DeleteFunc(m.told, func(t telling) bool { return t.thing == thing }); len(m.told) < n {
				b.unlisted[m] = true
			}
		}
	}
	for _, f := range found {
		key, t := s.matterOf(f)
		if key == "" {
			continue
		}
		m := b.matters[key]
		if m == nil {
			m = &matter{}
			b.matters[key] = m
		}
		i, _ := slices.BinarySearchFunc(m.told, t, telling.compare)
		m.told = slices.Insert(m.told, i, t)
		b.unlisted[m] = true
	}
	b.mu.Unlock()
	for m := range b.unlisted {
		last, err := m.last(ctx, s)
		if err != nil {
			return err
		}
		b.mu.Lock()
		for _, o := range m.listed {
			b.replaced(o, nil)
		}
		m.listed = nil
		for _, f := range last {
			_, t := s.matterOf(f)
			b.owe(s, m, f, t)
			if i := slices.IndexFunc(m.listed, func(o *occasion) bool { return o.due.kind == t.kind }); i >= 0 {
				m.listed[i].was = m.daysBefore(t.kind, t.id)
			}
		}
		b.ended(m)
		b.mu.Unlock()
		delete(b.unlisted, m)
	}
	return nil
}

// last are the last findings of each kind of deadline.
func (m *matter) last(ctx context.Context, s *site) ([]store.Finding, error) {
	var out []store.Finding
	seen := map[string]bool{}
	for _, t := range slices.Backward(m.told) {
		if t.kind == "" || seen[t.kind] {
			continue
		}
		f, err := s.Outbox.Finding(ctx, t.id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, now := s.matterOf(f); f.Retired == "" && now.kind == t.kind {
			seen[t.kind] = true
			out = append(out, f)
		}
	}
	return out, nil
}

// settle reads the papers of the meetings of which some have changed, and lists
// these meetings as they are now.
func (s *site) settle(ctx context.Context) error {
	d := &s.record.dates
	d.book.reading.Lock()
	defer d.book.reading.Unlock()
	for {
		s.record.mu.Lock()
		d.book.mu.Lock()
		var x sitting
		some := false
		for x = range d.book.papers {
			some = true
			break
		}
		delete(d.book.papers, x)
		d.book.mu.Unlock()
		list, papers := d.toldOf(x)
		from := s.record.until.Add(-keptBehind - slack).In(s.zone).Format(time.DateOnly)
		s.record.mu.Unlock()
		if !some {
			return nil
		}
		var o *occasion
		if len(papers) > 0 && x.day >= from {
			var err error
			if o, err = s.sittingOccasion(ctx, x, list, papers, time.Time{}); err != nil {
				d.book.unsettled(x)
				return err
			}
		}
		s.record.mu.Lock()
		if m := d.sittings[x]; m != nil {
			m.listed = d.book.replace(m.listed, o)
		}
		s.record.mu.Unlock()
	}
}
