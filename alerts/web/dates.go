package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// dates is the part of the table of contents that calendars are made of: of each
// meeting, and of each day for which papers were published, which entries of the
// log changed what a calendar shows of it. Some 100 bytes a meeting. A number
// that is counted from the log never falls, and is the same on every machine
// that has the log.
type dates struct {
	zone     *time.Location
	meetings map[ref]*dated
	papers   map[ref]*dated
	notices  map[string][]revision // by ocid
	sittings map[sitting]*seated
	book     *datebook
}

// A sitting is what board papers tell of a meeting that no list announces: the
// site, the committee as far as it is told, and the day.
type sitting struct{ source, committee, day string }

// dated is one meeting or paper.
type dated struct {
	revisions []revision
	was       []time.Time // of a meeting, when it was to be before it was moved, as movedFrom has it
	moves     []move      // of a paper, the dates it had
	when      string      // of a paper, as of the last entry read
	committee string      // the same
	listed    *occasion   // of a meeting, where it has a date
}

// A revision is one entry of the log that changed something.
type revision struct {
	seq uint64
	at  int64 // nanoseconds since 1970
}

// A move is the entry by which a paper got another date.
type move struct {
	seq      uint64
	old, new string
}

// shows tells whether a change alters what a calendar shows: all but a date that
// came due, and papers that were added, replaced or read for the first time.
func shows(c store.Change) bool {
	if c.Op == store.OpDue {
		return false
	}
	return c.Op != store.OpAmended || len(c.Fields) > 0 || c.Has(store.MeetingMoved) || c.Has(store.MeetingCancelled) || c.Has(store.MeetingRestored) || c.Has(store.AgendaPublished)
}

func newDates(zone *time.Location) dates {
	return dates{zone: zone, meetings: map[ref]*dated{}, papers: map[ref]*dated{}, notices: map[string][]revision{}, sittings: map[sitting]*seated{}, book: &datebook{matters: map[string]*matter{}}}
}

// note enters a change of an item as it is now. The numbers count what shows;
// what is listed follows every change.
func (d *dates) note(c store.Change, it store.Item) {
	d.book.note(c)
	if c.Op == store.OpDue {
		return
	}
	at, r := ref{c.Source, c.Key}, revision{c.Seq, c.At.UnixNano()}
	switch c.Kind {
	case store.KindNotice:
		if it.Notice != nil && it.Notice.OCID != "" && shows(c) {
			d.notices[it.Notice.OCID] = entered(d.notices[it.Notice.OCID], r)
		}
	case store.KindMeeting:
		m := d.meetings[at]
		if m == nil {
			m = &dated{}
			d.meetings[at] = m
		}
		if shows(c) {
			m.revisions = append(m.revisions, r)
			m.moved(c, d.zone)
		}
		if len(m.revisions) > 0 {
			m.listed = d.book.replace(m.listed, meetingOccasion(it, m, d.zone))
		}
	case store.KindPaper:
		p := d.papers[at]
		if p == nil {
			p = &dated{}
			d.papers[at] = p
		}
		d.unseat(at, p)
		if shows(c) {
			p.revisions = append(p.revisions, r)
			for _, f := range c.Fields {
				if f.Name == store.FieldWhen {
					p.moves = append(p.moves, move{c.Seq, f.Old, f.New})
				}
			}
			p.when, p.committee = it.Fields[store.FieldWhen], it.Fields[store.FieldCommittee]
		}
		d.seat(at, p)
	}
}

// moved notes when a meeting was to be.
func (m *dated) moved(c store.Change, zone *time.Location) {
	for _, f := range c.Fields {
		if t, _, ok := startOf(f.Old, zone); ok && f.Name == store.FieldWhen {
			m.was = movedFrom(m.was, t)
		}
	}
}

// entered is a list with an entry in its place, which is mostly the end.
func entered(list []revision, r revision) []revision {
	if n := len(list); n == 0 || list[n-1].seq < r.seq {
		return append(list, r)
	}
	i, _ := slices.BinarySearchFunc(list, r, func(a, b revision) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Insert(slices.Clone(list), i, r)
}

// drop forgets what these entries of the log told of an item. Lists that were
// given away stay as they are.
func (d *dates) drop(at ref, entries []store.Change) {
	if m := d.meetings[at]; m != nil {
		m.revisions, m.was, m.listed = nil, nil, d.book.replace(m.listed, nil)
	}
	if p := d.papers[at]; p != nil {
		d.unseat(at, p)
		*p = dated{}
	}
	told := func(r revision) bool {
		return slices.ContainsFunc(entries, func(c store.Change) bool { return c.Seq == r.seq })
	}
	for ocid, list := range d.notices {
		if slices.ContainsFunc(list, told) {
			d.notices[ocid] = slices.DeleteFunc(slices.Clone(list), told)
		}
	}
}

// day is the day of a date, "" of none.
func (d *dates) day(when string) string {
	t, _, ok := startOf(when, d.zone)
	if !ok {
		return ""
	}
	return t.In(d.zone).Format(time.DateOnly)
}

// A seated meeting is one that papers tell of.
type seated struct {
	papers []string // keys of those that have, or had, the day, in their order
	listed *occasion
}

// days calls f with each day that a paper has, or had, and each entry that told
// of it. The days are those that the log says it moved from and to; without a
// move it has had one. So nothing depends on when the log was read.
func (d *dates) days(p *dated, f func(day string, r revision)) {
	day := d.day(p.when)
	if len(p.moves) > 0 {
		day = d.day(p.moves[0].old)
	}
	moves := p.moves
	for _, r := range p.revisions {
		if day != "" {
			f(day, r)
		}
		for len(moves) > 0 && moves[0].seq == r.seq {
			if next := d.day(moves[0].new); next != day {
				if day = next; day != "" {
					f(day, r)
				}
			}
			moves = moves[1:]
		}
	}
}

// unseat takes a paper out of the meetings that it tells of.
func (d *dates) unseat(at ref, p *dated) {
	d.days(p, func(day string, _ revision) {
		x := sitting{at.source, p.committee, day}
		m := d.sittings[x]
		if m == nil {
			return
		}
		if i, ok := slices.BinarySearch(m.papers, at.key); ok {
			m.papers = slices.Delete(slices.Clone(m.papers), i, i+1)
		}
		d.book.unsettled(x)
	})
}

// seat puts a paper into the meetings that it tells of.
func (d *dates) seat(at ref, p *dated) {
	d.days(p, func(day string, _ revision) {
		x := sitting{at.source, p.committee, day}
		m := d.sittings[x]
		if m == nil {
			m = &seated{}
			d.sittings[x] = m
		}
		if i, ok := slices.BinarySearch(m.papers, at.key); !ok {
			m.papers = slices.Insert(slices.Clone(m.papers), i, at.key)
		}
		d.book.unsettled(x)
	})
}

// toldOf are the entries that told of a meeting that papers tell of, and the
// keys of these.
func (d *dates) toldOf(x sitting) (list []revision, papers []string) {
	m := d.sittings[x]
	if m == nil {
		return nil, nil
	}
	for _, key := range m.papers {
		d.days(d.papers[ref{x.source, key}], func(day string, r revision) {
			if day == x.day {
				list = append(list, r)
			}
		})
	}
	slices.SortFunc(list, func(a, b revision) int { return cmp.Compare(a.seq, b.seq) })
	return list, m.papers
}

// startOf reads when something is: midnight, and a bare day, stand for a day
// whose hour is not known (no public meeting begins at midnight).
func startOf(s string, zone *time.Location) (t time.Time, allDay, ok bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		l := t.In(zone)
		return t, l.Hour() == 0 && l.Minute() == 0, true
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	return t, true, err == nil
}

// counted turns the entries up to a place in the log into what an event says of
// its changes.
func (e *Event) counted(list []revision, upTo uint64) {
	for i, r := range list {
		if r.seq > upTo {
			return
		}
		e.Sequence, e.Modified = i, time.Unix(0, r.at).UTC()
	}
}

// timed makes room for what the log does not tell: that of a day the hour has
// become known, which is no news. The numbers are even while only the day is
// known and odd after that, and the change counts as a second later.
func (e *Event) timed() {
	e.Sequence *= 2
	if !e.AllDay {
		e.Sequence++
		e.Modified = e.Modified.Add(time.Second)
	}
}

// A DatesWant says which dates are asked for; what is zero is not asked.
type DatesWant struct {
	What      string // meetings, deadlines, "" for both
	Body      string // id
	Area      string // as in a search for area:
	Committee string // its name, as the source writes it
	Source    string
	Query     string    // in the language of subscriptions
	Threads   []string  // ocids of one procurement
	From      time.Time // the day that a calendar begins with; zero is today and, as far as there is room, before
}

// A Date is an event with what it was made of.
type Date struct {
	Event
	Kind      string // meeting or deadline
	Source    string // id
	Key       string // of the item, or of one of its papers
	Body      string // id, "" for nobody known
	BodyName  string
	Committee string
	Title     string // as the source has it
	Doubt     string // what on the page contradicts itself
	Agenda    bool
	Deadline  *store.Deadline
	Thread    string
	Link      string // the source's address; nothing but http and https
}

// keptBehind is for how long a calendar shows what is over, counted from the
// last entry of the log and not from today, so that it changes only with the log.
const keptBehind = 183 * 24 * time.Hour

// aboutDate is a date as a search is asked about it, like a finding.
func (s *site) aboutDate(d Date, it store.Item) store.Finding {
	f := store.Finding{
		Source: d.Source, Key: d.Key, Kind: it.Kind, Topic: store.TopicMeetings, Tier: store.TierCertain, Title: d.Title, URL: it.URL,
		Body: d.Body, BodyName: d.BodyName, When: d.Start, Text: d.Committee + "\n" + d.Place,
	}
	if b, ok := s.bodyOf(d.Body); ok {
		f.Areas = b.Areas
	}
	for _, p := range it.Parts {
		f.Text += "\n" + p.Title
	}
	return f
}

// publisherOf is the body that publishes an item, as far as it is known.
func (s *site) publisherOf(it store.Item) (id, name string) {
	names := s.names()
	id, name = it.Body, s.sourceName(it.Source)
	if info, ok := names.sources[it.Source]; ok {
		id = cmp.Or(info.publisher(), it.Body)
	}
	if b, ok := s.bodyOf(id); ok {
		name = b.Name
	}
	return id, name
}

// meetingDate is a meeting as its source lists it; ok is false where the source
// gives no date that can be read.
func (s *site) meetingDate(o *occasion, it store.Item) (Date, bool) {
	start, allDay, ok := startOf(it.Fields[store.FieldWhen], s.zone)
	if !ok {
		return Date{}, false
	}
	d := Date{
		Kind: "meeting", Source: it.Source, Key: it.Key, Committee: it.Fields[store.FieldCommittee], Title: it.Title,
		Doubt: impersonal(it.Fields[store.FieldDoubt]), Agenda: it.Fields[store.FieldAgenda] == store.Published,
	}
	d.Body, d.BodyName = s.publisherOf(it)
	d.Event = Event{
		UID: o.uid(), Summary: eventTitle(it.Title, d.BodyName), Place: impersonal(it.Fields[store.FieldVenue]), URL: itemPath(it.Source, it.Key),
		Start: start, AllDay: allDay, Status: EventConfirmed, Category: "Meeting",
	}
	d.counted(o.revisions, ^uint64(0))
	d.timed()
	switch {
	case it.Cancelled():
		d.Status, d.Summary = EventCancelled, "Cancelled: "+d.Summary
		d.About = append(d.About, "Cancelled, the source says.")
	case goneBefore(it, start):
		d.Status, d.Summary = EventTentative, "No longer listed: "+d.Summary
		d.About = append(d.About, "The source lists this no longer. Whether it takes place we do not know: please look there.")
	}
	if d.Agenda {
		d.About = append(d.About, "There is an agenda.")
	}
	if allDay {
		d.About = append(d.About, "The source gives the day alone.")
	}
	if d.Doubt != "" {
		d.About = append(d.About, "In doubt: "+d.Doubt)
	}
	s.sourced(&d, it.URL)
	return d, true
}

// goneBefore tells whether an item was taken down before its day.
func goneBefore(it store.Item, start time.Time) bool {
	return !it.Withdrawn.IsZero() && it.Withdrawn.Before(start)
}

// eventTitle names an event: calendars of several bodies must tell them apart.
func eventTitle(title, body string) string {
	title, body = impersonal(line(title, 200)), impersonal(line(body, 120))
	switch {
	case title == "":
		return body
	case body == "" || strings.Contains(strings.ToLower(title), strings.ToLower(body)):
		return title
	}
	return title + " (" + body + ")"
}

// sourced closes what an event says with where to look.
func (s *site) sourced(d *Date, raw string) {
	if l := webLink(raw); l != nil {
		d.Link = l.URL
		d.About = append(d.About, "Please check the source: "+l.URL)
		return
	}
	d.About = append(d.About, "Please check the source.")
}

// sittingOccasion is the meeting that papers were published for: one event a day,
// however many papers there are.
func (s *site) sittingOccasion(ctx context.Context, at sitting, list []revision, papers []string, read time.Time) (*occasion, error) {
	o := &occasion{source: at.source, sitting: &at, committee: at.committee, revisions: list, id: uidOf("papers", at.source, at.committee, at.day)}
	d := Date{Kind: "meeting", Source: at.source, Committee: at.committee, Agenda: true}
	start, err := time.ParseInLocation(time.DateOnly, at.day, s.zone)
	if err != nil {
		return nil, fmt.Errorf("the day of papers of %s: %w", at.source, err)
	}
	d.Event = Event{UID: o.uid(), Start: start, AllDay: true, Status: EventConfirmed, Category: "Meeting"}
	d.counted(list, ^uint64(0))
	var first store.Item
	n := 0
	for _, key := range papers {
		it, err := s.Ledger.Item(ctx, at.source, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if first.Key == "" {
			first = it
			first.Fields = maps.Clone(it.Fields)
		}
		t, allDay, ok := startOf(it.Fields[store.FieldWhen], s.zone)
		if !ok || t.In(s.zone).Format(time.DateOnly) != at.day || goneBefore(it, t) {
			continue
		}
		if n++; n == 1 {
			first = it
		}
		if !allDay && (d.AllDay || t.Before(d.Start)) {
			d.Start, d.AllDay = t, false
		}
		o.told = append(o.told, thingOf(at.source, key))
		d.Place = cmp.Or(d.Place, impersonal(it.Fields[store.FieldVenue]))
	}
	if first.Source == "" { // nothing of it may be shown any more
		first.Source = at.source
	}
	d.timed()
	d.Key = first.Key
	d.Body, d.BodyName = s.publisherOf(first)
	d.Title = cmp.Or(at.committee, "Meeting")
	d.Summary = eventTitle(d.Title, d.BodyName)
	d.URL = "/items?" + url.Values{"source": {at.source}, "kind": {string(store.KindPaper)}}.Encode()
	if first.Key != "" {
		d.URL = itemPath(first.Source, first.Key)
	}
	if n == 0 {
		d.Status, d.Summary, d.Agenda = EventTentative, "No longer listed: "+d.Summary, false
		d.About = append(d.About, "The papers for this day are listed no longer. Whether there is a meeting we do not know: please look at the source.")
	} else {
		d.About = append(d.About, "Known from the papers that were published for this day.")
	}
	s.sourced(&d, first.URL)
	o.start, o.body, o.key = d.Start, first.Body, first.Key
	o.made.Store(&made{Date: d, read: read})
	return o, nil
}

// deadlineStart is when something can be done no more: where the source and the
// rule differ, the earlier.
func (s *site) deadlineStart(x store.Deadline) (start time.Time, allDay, ok bool) {
	start, allDay, ok = startOf(x.Stated, s.zone)
	if t, day, read := startOf(x.Computed, s.zone); read && (!ok || t.Before(start) && s.differ(x.Stated, x.Computed)) {
		start, allDay, ok = t, day, true
	}
	return start, allDay, ok
}

// deadlineDate is a date by which something can be done, as the last notice has
// it, and as so many entries of the log tell of it.
func (s *site) deadlineDate(f store.Finding, o *occasion, list []revision, upTo uint64) (Date, bool) {
	if f.Deadline == nil {
		return Date{}, false
	}
	said := *f.Deadline
	x := &said
	x.Who, x.Quote = impersonal(x.Who), impersonal(x.Quote)
	start, allDay, ok := s.deadlineStart(*x)
	if !ok {
		return Date{}, false
	}
	d := Date{Kind: "deadline", Source: f.Source, Key: f.Key, Body: f.Body, BodyName: f.BodyName, Title: f.Title, Deadline: x, Thread: o.due.thread}
	d.Event = Event{
		UID: o.uid(), Summary: deadlineWords(x.Kind) + ": " + eventTitle(f.Title, f.BodyName), URL: cmp.Or(s.threadPath(f), itemPath(f.Source, f.Key)), Start: start, AllDay: allDay,
		Status: EventConfirmed, Free: true, Category: "Deadline", Modified: f.At,
	}
	d.counted(list, upTo)
	if o.due.ended {
		d.Status, d.Summary = EventCancelled, "Cancelled: "+d.Summary
		d.About = append(d.About, "A later notice ends this procurement.")
	}
	if x.Stated != "" {
		d.About = append(d.About, "The source says "+s.date(x.Stated)+".")
	}
	if x.Computed != "" && s.differ(x.Stated, x.Computed) {
		d.About = append(d.About, "By the rule we count "+s.date(x.Computed)+".")
	}
	if who := line(x.Who, 200); who != "" {
		d.About = append(d.About, "Who may act: "+strings.TrimRight(who, ". ")+".")
	}
	s.sourced(&d, f.URL)
	return d, true
}
