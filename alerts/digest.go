package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// A Schedule says when digests are due: once a week or every day, by the clock
// on the wall.
type Schedule struct {
	Daily        bool         // on every day of the week, whatever Day says
	Day          time.Weekday // of the weekly ones
	Hour, Minute int
	Zone         *time.Location
}

// Fridays is the schedule: Friday, 07:30, in Europe/London. The zone is given
// because loading it is I/O.
func Fridays(london *time.Location) Schedule {
	return Schedule{Day: time.Friday, Hour: 7, Minute: 30, Zone: london}
}

// For is the schedule of those who want mail so often. The daily hour is the
// weekly one, on weekends too: councils publish late on Fridays, and what does
// not happen on a Sunday makes no mail on Monday (see Digest.Quiet). On Fridays
// both fall together, so that one mail can tell both.
func (s Schedule) For(often string) Schedule {
	s.Daily = often == store.Daily
	return s
}

// Last is the latest time by the schedule that is not after t.
func (s Schedule) Last(t time.Time) time.Time {
	l := t.In(s.Zone)
	back := (int(l.Weekday()) - int(s.Day) + 7) % 7
	if s.Daily {
		back = 0
	}
	at := s.on(l.Year(), l.Month(), l.Day()-back)
	if at.After(t) {
		at = s.on(l.Year(), l.Month(), l.Day()-back-s.days())
	}
	return at
}

// Next is the first time by the schedule after t.
func (s Schedule) Next(t time.Time) time.Time {
	l := s.Last(t)
	return s.on(l.Year(), l.Month(), l.Day()+s.days())
}

// days is how many there are from one time to the next.
func (s Schedule) days() int {
	if s.Daily {
		return 1
	}
	return 7
}

// on is the time of the day by the wall clock, whatever the offset is then.
func (s Schedule) on(y int, m time.Month, d int) time.Time {
	return time.Date(y, m, d, s.Hour, s.Minute, 0, 0, s.Zone)
}

// Due tells whether a digest is owed to a subscription at now, and for which
// time of the schedule of those who want mail as often. After a gap only the
// latest one is owed: it covers the whole gap. A new subscription waits for the
// next time after its consent.
func (s Schedule) Due(sub store.Subscription, now time.Time) (slot time.Time, due bool) {
	if !store.Digested(sub.Often) {
		return time.Time{}, false
	}
	return s.For(sub.Often).slot(sub, now)
}

// slot is Due whatever was asked for.
func (s Schedule) slot(sub store.Subscription, now time.Time) (slot time.Time, due bool) {
	if sub.State != store.StateConfirmed {
		return time.Time{}, false
	}
	slot = s.Last(now)
	last := sub.LastDigest
	if last.After(s.For(store.Weekly).Next(now)) {
		last = time.Time{} // made while the clock was wrong by a week and more
	}
	for _, t := range []time.Time{last, sub.Created, sub.ConsentAt} {
		if !slot.After(t) {
			return time.Time{}, false
		}
	}
	return slot, true
}

// Limits of what a digest shows; the rest is counted.
const (
	maxMeetings  = 20
	maxClosing   = 10
	maxSection   = 3  // of a topic in a week
	maxOfDay     = 10 // of a topic in a day
	maxMentioned = 5
	maxOutages   = 10

	maxUndelivered = MaxThings
)

// Ahead is how far a digest looks.
const Ahead = 28 * 24 * time.Hour

// A Digest is what one subscription is told for one week, or one day. A daily
// one tells what changed, and the meetings of the next day: what the week ahead
// holds was told when it was announced, and is told again when it falls due.
type Digest struct {
	Slot  time.Time // the time of the schedule it was due
	Now   time.Time // when it was made
	From  time.Time // since when changes are told; zero for a first digest
	Daily bool

	Meetings     []Coming // by time, cancelled ones among them
	MoreMeetings int
	Closing      []Closing // by date
	MoreClosing  int
	Sections     []Section // what changed, by topic; none of it is empty
	Mentioned    Section   // the third tier
	// Undelivered is what earlier messages were to bring and did not for certain,
	// as far as it is not told above. It is all there is in the digest of a
	// subscription that wants none.
	Undelivered Section
	// Shared counts the things that fit and are told for another subscription in
	// the same message, once.
	Shared int

	Looked  int      // sources that were looked at since From
	Read    int      // of these, how many could be read
	Outages []Outage // those that could not
	More    int      // further outages

	// Memo is what was made of the digest for one of many who are told the same,
	// for the next: nil where it is for one alone. Such a digest is not changed.
	Memo map[string]any
}

// Quiet tells whether there is nothing to say of but what was looked at. A quiet
// week is told, so that silence means something; a quiet day makes no mail.
func (d *Digest) Quiet() bool {
	return len(d.Meetings)+len(d.Closing)+len(d.Sections)+len(d.Mentioned.Things)+len(d.Undelivered.Things)+d.Undelivered.More == 0
}

// with is the digest with what was lost: further findings, and a number of
// things that the lost messages only counted.
func (d *Digest) with(lost []store.Finding, more int) *Digest {
	out := *d
	out.Memo = nil
	told := map[string]bool{}
	for _, id := range d.ids() {
		told[id] = true
	}
	found := newFolder(maxUndelivered)
	for _, f := range lost {
		if !told[f.ID] {
			f.Text = ""
			found.add(f)
		}
	}
	out.Undelivered = Section{Things: found.done(), More: more + len(found.more)}
	return &out
}

// ids are the findings that are told.
func (d *Digest) ids() []string {
	var ids []string
	for _, c := range d.Closing {
		ids = append(ids, c.Finding.ID)
	}
	for _, s := range append(slices.Clone(d.Sections), d.Mentioned, d.Undelivered) {
		for _, t := range s.Things {
			for _, f := range t.Findings {
				ids = append(ids, f.ID)
			}
		}
	}
	return ids
}

// Speaks are the findings that it tells, and the items that it shows beside theirs
// (store.Delivery.About).
func (d *Digest) Speaks() (findings []string, about []store.ItemRef) {
	for _, m := range d.Meetings {
		about = append(about, store.ItemRef{Source: m.Item.Source, Key: m.Item.Key})
	}
	return d.ids(), about
}

// Changes counts the things that changed, shown or not, mentions included.
func (d *Digest) Changes() int {
	n := len(d.Mentioned.Things) + d.Mentioned.More
	for _, s := range d.Sections {
		n += len(s.Things) + s.More
	}
	return n
}

// Held counts the coming meetings that are not cancelled, shown or not.
func (d *Digest) Held() int {
	n := d.MoreMeetings
	for _, m := range d.Meetings {
		if !m.Cancelled {
			n++
		}
	}
	return n
}

// A Section is one topic's changes.
type Section struct {
	Topic  store.Topic
	Things []Thing
	More   int
}

// A Coming is a meeting of the next weeks, as its source has it now.
type Coming struct {
	Item      store.Item
	Body      string // name
	When      time.Time
	Cancelled bool
	Moved     time.Time // where it stood before it was moved this week, else zero
	// What happened since the last digest: it was announced, it is on again
	// after a cancellation, its agenda came out, items or papers were added.
	New, Restored, Agenda, More bool
}

// A Closing is a date by which something can still be done.
type Closing struct {
	Finding store.Finding
	Date    time.Time
}

// An Outage is a source that could not be read.
type Outage struct {
	Name  string
	Since time.Time // zero: not once so far
	Why   []store.Reason
	// Paper is the title of the one paper that could not be read, where the
	// source itself could; "" for a source.
	Paper string
}

// A meeting, closing date or change of the week, with what queries are asked about it.
type (
	coming struct {
		Coming
		prepared *query.Prepared
	}
	closing struct {
		Closing
		prepared *query.Prepared
	}
	news struct {
		store.Finding
		prepared *query.Prepared
	}
)

// A week is what there is to tell everybody, before anybody's query is asked.
type week struct {
	now      time.Time
	slot     time.Time
	schedule Schedule // that slot is a time of
	upto     uint64   // Seq
	meetings []coming
	closing  []closing
	changes  []news // in the order of the log
	moves    map[string][]move
	looked   int
	read     int
	outages  []Outage

	back map[string]missedBy // by item: what came back into sight since the earliest place

	made map[string]*Digest // by query, from and since: most subscriptions share theirs
}

// digestsCached bounds week.made.
const digestsCached = 1000

// cached is digest, made once for all subscriptions that are told the same.
func (w *week) cached(typed string, q query.Query, from time.Time, since uint64) *Digest {
	k := fmt.Sprint(from.UnixNano(), " ", since, " ", typed)
	d, ok := w.made[k]
	if !ok {
		if len(w.made) >= digestsCached || w.made == nil {
			w.made = map[string]*Digest{}
		}
		d = w.digest(q, from, since, nil, nil)
		d.Memo = map[string]any{}
		w.made[k] = d
	}
	return d
}

// A move is what the log says of a meeting beyond its present state.
type move struct {
	seq                         uint64
	from                        time.Time // where it stood before
	new, restored, agenda, more bool
}

// digest chooses what concerns one query. Changes count after the Seq since, those of
// items of which something was missed after the Seq given for them; items told
// elsewhere in the same message are counted as Shared.
func (w *week) digest(q query.Query, from time.Time, since uint64, elsewhere map[string]bool, missed map[string]uint64) *Digest {
	d := &Digest{Slot: w.slot, Now: w.now, From: from, Daily: w.schedule.Daily, Looked: w.looked, Read: w.read, Outages: w.outages}
	shared := map[string]bool{}
	if n := len(d.Outages); n > maxOutages {
		d.Outages, d.More = d.Outages[:maxOutages], n-maxOutages
	}
	told := map[string]bool{} // items told of as a meeting or by their date
	for _, m := range w.meetings {
		k := itemKey(m.Item.Source, m.Item.Key)
		if d.Daily && !w.nextDay(m.When, from) || !q.MatchPrepared(m.prepared) {
			continue
		}
		if elsewhere[k] {
			shared[k] = true
			continue
		}
		if len(d.Meetings) >= maxMeetings {
			if !m.Cancelled {
				d.MoreMeetings++
			}
			continue
		}
		told[k] = true
		d.Meetings = append(d.Meetings, m.since(newAfter(missed, k, since), w.moves[k]))
	}
	dates := map[string]bool{}
	for _, c := range w.closing {
		if d.Daily || !q.MatchPrepared(c.prepared) {
			continue
		}
		if k := itemKey(c.Finding.Source, c.Finding.Key); elsewhere[k] {
			shared[k] = true
			continue
		}
		if len(d.Closing) >= maxClosing {
			d.MoreClosing++
			continue
		}
		dates[itemKey(c.Finding.Source, c.Finding.Key)] = true
		d.Closing = append(d.Closing, c.Closing)
	}
	w.sections(d, q, since, missed, told, dates, elsewhere, shared)
	d.Shared = len(shared)
	return d
}

// nextDay tells whether a daily digest tells of a meeting because of its day:
// on the day before, so that each is told so once, and later if that digest was
// missed.
func (w *week) nextDay(at, from time.Time) bool {
	day := func(t time.Time, plus int) string {
		l := t.In(w.schedule.Zone)
		return time.Date(l.Year(), l.Month(), l.Day()+plus, 12, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	on := day(at, 0)
	return on <= day(w.slot, 1) && (from.IsZero() || on > day(from, 1))
}

// items are the keys of what the digest shows.
func (d *Digest) items() []string {
	var keys []string
	for _, m := range d.Meetings {
		keys = append(keys, itemKey(m.Item.Source, m.Item.Key))
	}
	for _, c := range d.Closing {
		keys = append(keys, itemKey(c.Finding.Source, c.Finding.Key))
	}
	for _, s := range append(slices.Clone(d.Sections), d.Mentioned) {
		for _, t := range s.Things {
			keys = append(keys, itemKey(t.Lead().Source, t.Lead().Key))
		}
	}
	return keys
}

// since adds what happened to the meeting after a change.
func (m coming) since(seq uint64, moves []move) Coming {
	c := m.Coming
	for _, v := range moves {
		if v.seq <= seq {
			continue
		}
		if c.Moved.IsZero() && !v.from.IsZero() && !v.from.Equal(c.When) {
			c.Moved = v.from
		}
		c.New, c.Restored = c.New || v.new, c.Restored || v.restored
		c.Agenda, c.More = c.Agenda || v.agenda, c.More || v.more
	}
	return c
}

// sections sorts the changes into topics, each item once: under its most
// certain finding. What is told already by its date or as a coming meeting is
// not told again, but for what a meeting's papers say.
func (w *week) sections(d *Digest, q query.Query, since uint64, missed map[string]uint64, meetings, dates, elsewhere, shared map[string]bool) {
	sure, mentions := newFolder(len(w.changes)), newFolder(len(w.changes))
	for _, c := range w.changes {
		k := itemKey(c.Source, c.Key)
		if c.Change <= newAfter(missed, k, since) || dates[k] || meetings[k] && c.Topic == store.TopicMeetings {
			continue
		}
		said, ok := q.First(c.prepared)
		switch {
		case !ok:
		case elsewhere[k]:
			shared[k] = true
		case c.Tier == store.TierCertain || c.Tier == store.TierLikely:
			sure.add(c.Leading(said))
		default:
			mentions.add(c.Leading(said))
		}
	}
	most := maxSection
	if d.Daily {
		most = maxOfDay
	}
	byTopic := map[store.Topic]*Section{}
	for _, t := range sure.done() {
		topic := t.Lead().Topic
		s := byTopic[topic]
		if s == nil {
			s = &Section{Topic: topic}
			byTopic[topic] = s
		}
		s.add(t, most)
	}
	for _, s := range byTopic {
		d.Sections = append(d.Sections, *s)
	}
	slices.SortFunc(d.Sections, func(a, b Section) int {
		return cmp.Or(topicRank(a.Topic)-topicRank(b.Topic), cmp.Compare(a.Topic, b.Topic))
	})
	for _, t := range mentions.done() {
		if _, ok := sure.at[itemKey(t.Lead().Source, t.Lead().Key)]; !ok {
			d.Mentioned.add(t, maxMentioned)
		}
	}
}

func (s *Section) add(t Thing, limit int) {
	if len(s.Things) >= limit {
		s.More++
		return
	}
	s.Things = append(s.Things, t)
}
