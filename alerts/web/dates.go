package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// dates is the part of the table of contents that calendars are made of: of each
// meeting, and of each day for which papers were published, which entries of the
// log changed what a calendar shows of it. Some 150 bytes a meeting. A number
// that is counted from the log never falls, and is the same on every machine
// that has the log.
type dates struct {
	zone     *time.Location
	meetings map[ref]*dated
	papers   map[ref]*dated
	notices  map[string][]revision // by ocid
}

// A sitting is what board papers tell of a meeting that no list announces: the
// site, the committee as far as it is told, and the day.
type sitting struct{ source, committee, day string }

// dated is one meeting or paper.
type dated struct {
	revisions []revision
	when      string // as of the last entry read
	committee string
}

// A revision is one entry of the log that changed something.
type revision struct {
	seq      uint64
	at       time.Time
	moved    bool
	old, new string // of a paper that was moved, the dates
}

// revise adds an entry.
func revise(list []revision, c store.Change) []revision {
	r := revision{seq: c.Seq, at: c.At}
	for _, f := range c.Fields {
		if f.Name == store.FieldWhen && c.Kind == store.KindPaper {
			r.moved, r.old, r.new = true, f.Old, f.New
		}
	}
	return append(list, r)
}

// shows tells whether a change alters what a calendar shows: all but a date that
// came due, and papers that were added, replaced or read for the first time.
func shows(c store.Change) bool {
	if c.Op == store.OpDue {
		return false
	}
	return c.Op != store.OpAmended || len(c.Fields) > 0 || c.Has(store.MeetingMoved) || c.Has(store.MeetingCancelled) || c.Has(store.MeetingRestored) || c.Has(store.AgendaPublished)
}

// note enters a change of an item as it is now.
func (d *dates) note(c store.Change, it store.Item) {
	if d.meetings == nil {
		d.meetings, d.papers, d.notices = map[ref]*dated{}, map[ref]*dated{}, map[string][]revision{}
	}
	if !shows(c) {
		return
	}
	all := d.meetings
	switch {
	case c.Kind == store.KindNotice && it.Notice != nil && it.Notice.OCID != "":
		d.notices[it.Notice.OCID] = revise(d.notices[it.Notice.OCID], c)
		return
	case c.Kind == store.KindPaper:
		all = d.papers
	case c.Kind != store.KindMeeting:
		return
	}
	m := all[ref{c.Source, c.Key}]
	if m == nil {
		m = &dated{}
		all[ref{c.Source, c.Key}] = m
	}
	m.revisions = revise(m.revisions, c)
	m.when, m.committee = it.Fields[store.FieldWhen], it.Fields[store.FieldCommittee]
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
	revisions []revision
	papers    []string // keys of those that have, or had, the day
}

// sittings are the meetings from a day on that papers tell of. The days that a
// paper has had are those that the log says it moved from and to; without a move
// it has had one. So nothing depends on when the log was read.
func (d *dates) sittings(from string) map[sitting]*seated {
	out := map[sitting]*seated{}
	for at, p := range d.papers {
		day := d.day(p.when)
		if i := slices.IndexFunc(p.revisions, func(r revision) bool { return r.moved }); i >= 0 {
			day = d.day(p.revisions[i].old)
		}
		enter := func(day string, r revision) {
			if day == "" || day < from {
				return
			}
			m := out[sitting{at.source, p.committee, day}]
			if m == nil {
				m = &seated{}
				out[sitting{at.source, p.committee, day}] = m
			}
			m.revisions = append(m.revisions, r)
			if !slices.Contains(m.papers, at.key) {
				m.papers = append(m.papers, at.key)
			}
		}
		for _, r := range p.revisions {
			enter(day, r)
			if next := d.day(r.new); r.moved && next != day {
				day = next
				enter(day, r)
			}
		}
	}
	for _, m := range out {
		slices.Sort(m.papers)
		slices.SortFunc(m.revisions, func(a, b revision) int { return cmp.Compare(a.seq, b.seq) })
	}
	return out
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
		if i == 0 {
			e.Created = r.at
		}
		e.Sequence, e.Modified = i, r.at
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

// uid names an event for good, by what it is and not by where it is shown: the
// pages and an export of them give it the same.
func uid(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16]) + "@ccgwatch"
}

// A DatesWant says which dates are asked for; what is zero is not asked.
type DatesWant struct {
	What      string // meetings, deadlines, "" for both
	Body      string // id
	Area      string // as in a search for area:
	Committee string // its name, as the source writes it
	Source    string
	Query     string   // in the language of subscriptions
	Threads   []string // ocids of one procurement
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

// lookedForDates is how many of the last changes are asked for deadlines, and for
// the findings by which a meeting fits a search.
const lookedForDates = 50_000

// dates gives the meetings and deadlines that are asked for, the earliest first.
// What is over for half a year is left out. Cost: the meetings of that time are
// read from the store, and the findings of the last changes.
func (s *site) dates(ctx context.Context, x DatesWant, base string) ([]Date, error) {
	q, wrong := parse(x.typed())
	if wrong != nil {
		return nil, badRequest("The search cannot be read: we " + line(wrong.Expected, 200) + ".")
	}
	for range 6 {
		before, err := s.Ledger.LastSeq(ctx)
		if err != nil {
			return nil, err
		}
		if err := s.record.follow(ctx); err != nil {
			return nil, err
		}
		if !s.record.behind().IsZero() {
			continue // a calendar of half the log would number its changes wrongly
		}
		list, err := s.datesOnce(ctx, x, q, base)
		if err != nil {
			return nil, err
		}
		// An item that was read later than the log would be newer than its number.
		if after, err := s.Ledger.LastSeq(ctx); err != nil || after == before {
			return list, err
		}
	}
	return nil, &fault{status: http.StatusServiceUnavailable, title: "The record is being read", text: "Please try again in a moment.", retry: 5 * time.Second}
}

// typed is the search with the area as a part of it.
func (x DatesWant) typed() string {
	if x.Area == "" {
		return x.Query
	}
	area := `area:"` + strings.ReplaceAll(x.Area, `"`, " ") + `"`
	if strings.TrimSpace(x.Query) == "" {
		return area
	}
	return "(" + x.Query + ") " + area
}

func (s *site) datesOnce(ctx context.Context, x DatesWant, q query.Query, base string) ([]Date, error) {
	found, err := s.Outbox.Position(ctx, follower)
	if err != nil {
		return nil, err
	}
	last, until := s.record.end()
	all := x.typed() == ""
	hits := map[ref]bool{} // what a finding fits the search in
	due := map[string]*duty{}
	ended := map[string]bool{} // procurements that a later notice ends
	err = s.Outbox.Findings(ctx, last-min(last, lookedForDates), func(f store.Finding) bool {
		if slices.ContainsFunc(f.Moves, func(m store.Move) bool { return m.Kind == store.DueReminder || m.Kind == store.DueOverdue }) {
			return true // no notice said it
		}
		if f.Kind == store.KindNotice && f.Thread != "" {
			ended[f.Thread] = f.Stage == "cancelled" || f.Stage == "termination"
		}
		fits := all || q.Match(s.Facts(f))
		if fits {
			hits[ref{f.Source, f.Key}] = true
		}
		if f.Deadline == nil || f.Deadline.Stated == "" && f.Deadline.Computed == "" {
			return true
		}
		if d := due[owed(f)]; d != nil {
			d.last, d.fits = f, d.fits || fits
		} else {
			due[owed(f)] = &duty{f, fits}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	var out []Date
	from := until.Add(-keptBehind)
	if x.What != "deadlines" && len(x.Threads) == 0 {
		if out, err = s.meetingDates(ctx, x, q, hits, from, base); err != nil {
			return nil, err
		}
	}
	if x.What != "meetings" && x.Committee == "" {
		for _, y := range due {
			if d, ok := s.deadlineDate(y.last, ended[y.last.Thread], min(last, found.Seq), base); ok && y.fits && x.takes(d) && !d.Start.Before(from) {
				out = append(out, d)
			}
		}
	}
	slices.SortFunc(out, func(a, b Date) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.UID, b.UID)) })
	return out, nil
}

// A duty is a deadline as the last finding has it; it fits a search if any of
// its findings does.
type duty struct {
	last store.Finding
	fits bool
}

// owed is what a deadline is one of: of a procurement, or of an item.
func owed(f store.Finding) string {
	if f.Kind == store.KindNotice && f.Thread != "" {
		return f.Thread + "\x00" + f.Deadline.Kind
	}
	return f.Source + "\x00" + f.Key + "\x00" + f.Deadline.Kind
}

func (x DatesWant) takes(d Date) bool {
	return (x.Body == "" || x.Body == d.Body) && (x.Source == "" || x.Source == d.Source) && (len(x.Threads) == 0 || slices.Contains(x.Threads, d.Thread)) &&
		(x.Committee == "" || strings.EqualFold(line(x.Committee, 200), line(d.Committee, 200)))
}

// end is the last entry read, and when it was made.
func (r *record) end() (uint64, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.until
}

// since gives what has a date from a moment on. Lists of revisions only grow, so
// that those given away may be read while others are added.
func (d *dates) since(from time.Time) (map[ref][]revision, map[sitting]*seated) {
	day := from.In(d.zone).Format(time.DateOnly)
	meetings := map[ref][]revision{}
	for k, m := range d.meetings {
		if d.day(m.when) >= day {
			meetings[k] = m.revisions
		}
	}
	return meetings, d.sittings(day)
}

// meetingDates are the meetings from a moment on.
func (s *site) meetingDates(ctx context.Context, x DatesWant, q query.Query, hits map[ref]bool, from time.Time, base string) ([]Date, error) {
	s.record.mu.Lock()
	meetings, papers := s.record.dates.since(from)
	s.record.mu.Unlock()
	var out []Date
	keep := func(d Date, it store.Item, hit bool) {
		if x.takes(d) && (x.typed() == "" || hit || q.Match(s.Facts(s.aboutDate(d, it)))) {
			out = append(out, d)
		}
	}
	for at, list := range meetings {
		it, err := s.Ledger.Item(ctx, at.source, at.key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d, ok := s.meetingDate(it, list, base); ok {
			keep(d, it, hits[at])
		}
	}
	for at, m := range papers {
		d, it, hit, err := s.sittingDate(ctx, at, m, hits, base)
		if err != nil {
			return nil, err
		}
		keep(d, it, hit)
	}
	return out, nil
}

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
	id, name = it.Body, s.sourceName(it.Source)
	for _, info := range s.Sources() {
		if info.ID == it.Source {
			id = cmp.Or(info.publisher(), it.Body)
		}
	}
	if b, ok := s.bodyOf(id); ok {
		name = b.Name
	}
	return id, name
}

// meetingDate is a meeting as its source lists it; ok is false where the source
// gives no date that can be read.
func (s *site) meetingDate(it store.Item, list []revision, base string) (Date, bool) {
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
		UID: uid("meeting", it.Source, it.Key), Summary: eventTitle(it.Title, d.BodyName), Place: impersonal(it.Fields[store.FieldVenue]), URL: base + itemPath(it.Source, it.Key),
		Start: start, AllDay: allDay, Status: EventConfirmed, Category: "Meeting",
	}
	d.counted(list, ^uint64(0))
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
		d.About = append(d.About, "Source: "+l.URL)
	}
	d.About = append(d.About, "Read by a program from public pages; please check the source before you go.")
}

// sittingDate is the meeting that papers were published for: one event a day,
// however many papers there are.
func (s *site) sittingDate(ctx context.Context, at sitting, m *seated, hits map[ref]bool, base string) (Date, store.Item, bool, error) {
	d := Date{Kind: "meeting", Source: at.source, Committee: at.committee, Agenda: true}
	start, err := time.ParseInLocation(time.DateOnly, at.day, s.zone)
	if err != nil {
		return d, store.Item{}, false, fmt.Errorf("the day of papers of %s: %w", at.source, err)
	}
	d.Event = Event{UID: uid("papers", at.source, at.committee, at.day), Start: start, AllDay: true, Status: EventConfirmed, Category: "Meeting"}
	d.counted(m.revisions, ^uint64(0))
	var first store.Item
	hit, n := false, 0
	for _, key := range m.papers {
		it, err := s.Ledger.Item(ctx, at.source, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return d, first, false, err
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
		hit = hit || hits[ref{at.source, key}]
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
	d.URL = base + "/items?" + url.Values{"source": {at.source}, "kind": {string(store.KindPaper)}}.Encode()
	if first.Key != "" {
		d.URL = base + itemPath(first.Source, first.Key)
	}
	if n == 0 {
		d.Status, d.Summary, d.Agenda = EventTentative, "No longer listed: "+d.Summary, false
		d.About = append(d.About, "The papers for this day are listed no longer. Whether there is a meeting we do not know: please look at the source.")
	} else {
		d.About = append(d.About, "Known from the papers that were published for this day.")
	}
	s.sourced(&d, first.URL)
	return d, first, hit, nil
}

// deadlineDate is a date by which something can be done, as the last notice has
// it: where the source and the rule differ, the earlier.
func (s *site) deadlineDate(f store.Finding, ended bool, upTo uint64, base string) (Date, bool) {
	said := *f.Deadline
	x := &said
	x.Who, x.Quote = impersonal(x.Who), impersonal(x.Quote)
	start, allDay, ok := startOf(x.Stated, s.zone)
	if t, day, read := startOf(x.Computed, s.zone); read && (!ok || t.Before(start) && s.differ(x.Stated, x.Computed)) {
		start, allDay, ok = t, day, true
	}
	if !ok {
		return Date{}, false
	}
	d := Date{Kind: "deadline", Source: f.Source, Key: f.Key, Body: f.Body, BodyName: f.BodyName, Title: f.Title, Deadline: x}
	id := uid("deadline", f.Source, f.Key, x.Kind)
	s.record.mu.Lock()
	list := s.record.dates.notices[f.Thread]
	if f.Kind != store.KindNotice || f.Thread == "" {
		if m := s.record.dates.meetings[ref{f.Source, f.Key}]; m != nil {
			list = m.revisions
		}
	}
	s.record.mu.Unlock()
	if f.Kind == store.KindNotice && f.Thread != "" {
		d.Thread, id = f.Thread, uid("deadline", f.Thread, x.Kind)
	}
	d.Event = Event{
		UID: id, Summary: deadlineWords(x.Kind) + ": " + eventTitle(f.Title, f.BodyName), URL: base + cmp.Or(s.threadPath(f), itemPath(f.Source, f.Key)), Start: start, AllDay: allDay,
		Status: EventConfirmed, Free: true, Category: "Deadline", Created: f.At, Modified: f.At,
	}
	d.counted(list, upTo)
	if ended {
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
