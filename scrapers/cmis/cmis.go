// Package cmis reads council sites that run CMIS (Astech, now Civica): a
// DotNetNuke site whose calendar shows a month at a time and whose meetings
// each have a page with their documents. There is no web service and no feed;
// every view can be had by GET, so no form is sent back and no view state kept.
//
// A month takes the real systems up to 40 seconds. The months around today are
// read at every visit, the others once a day. Documents have no lasting
// address and no number: one is known by its meeting and its title.
//
// Decisions are not read. A site has a page Decisions.aspx, and a decision a page
// of its own (/Decisions/tabid/67/ctl/ViewCMIS_DecisionDetails/mid/391/Id/{guid}/Default.aspx,
// as birmingham.cmis.uk.com has it); what the list is made of is known from no
// recording, and is not guessed. 'ccgwatch add' follows the list as a page of text.
package cmis

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // the machine may have no zone files, and every time here is London's

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Options describe one CMIS site.
type Options struct {
	ID   string // of the source
	Name string
	Body string        // id of the council
	Base string        // address of the site's root, with its path: https://cmis.example.gov.uk/cmis5
	Page string        // path of the meetings page below Base, "" tries the usual ones
	Pace time.Duration // see crawl.Source
	// Committees limits the source to those whose name holds one of these
	// words, in any case; empty follows all.
	Committees []string
}

// What a visit reads. Details are read from detailBack ago to detailAhead, and
// of earlier meetings in the list for as long as there are no minutes. The
// months in between are read at every visit; those from listBack ago to
// listAhead once in farEvery, so that the next year's calendar is seen when it
// appears, and minutes that come late.
const (
	listBack    = 100 * 24 * time.Hour
	listAhead   = 400 * 24 * time.Hour
	detailBack  = 40 * 24 * time.Hour
	detailAhead = 120 * 24 * time.Hour
	farEvery    = 20 * time.Hour
	// slow is how long a site may think: 40 seconds a month are usual.
	slow = 2 * time.Minute
)

// Source is the site as a whole list of meetings.
func Source(o Options) (crawl.Source, error) {
	rd := newReader()
	o.Base = rd.session.ReplaceAllString(strings.TrimRight(strings.TrimSpace(o.Base), "/"), "")
	root, err := url.Parse(o.Base)
	if err != nil || root.Scheme != "http" && root.Scheme != "https" || root.Host == "" {
		return crawl.Source{}, fmt.Errorf("cmis source %s: base %q is no http or https address", o.ID, o.Base)
	}
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "cmis", Base: o.Base,
		Kind: store.KindMeeting, Whole: true, Pace: o.Pace, Timeout: slow,
		Plan: func(v crawl.Visit) []crawl.Request { return []crawl.Request{newSite(rd, o, root, v).front(0)} },
	}, nil
}

// site is one visit's view of the source. Nothing in it changes during the visit.
type site struct {
	*reader
	base     string
	root     *url.URL
	pages    []string // where the meetings may be, in the order of trying
	only     []string // lower-case words, empty for all committees
	old      map[string]store.Item
	now      time.Time
	from, to time.Time // of the list: whole months
	far      bool      // the months beyond the near ones are due
}

func newSite(rd *reader, o Options, root *url.URL, v crawl.Visit) *site {
	s := &site{reader: rd, base: o.Base, root: root, old: v.Old.Items, now: v.Now}
	s.pages = []string{"/Meetings.aspx", "/MeetingsCalendar.aspx", "/CalendarofMeetings.aspx"}
	if o.Page != "" {
		s.pages = []string{"/" + strings.TrimPrefix(o.Page, "/")}
	}
	for _, c := range o.Committees {
		if c = strings.ToLower(rd.line(c)); c != "" {
			s.only = append(s.only, c)
		}
	}
	last, err := time.Parse(time.RFC3339, v.Old.Cursor)
	s.far = err != nil || v.Now.Sub(last) >= farEvery || v.Now.Before(last)
	s.from, s.to = s.month(v.Now.Add(-detailBack), 0), s.month(v.Now.Add(detailAhead), 1)
	if s.far {
		s.from, s.to = s.month(v.Now.Add(-listBack), 0), s.month(v.Now.Add(listAhead), 1)
	}
	return s
}

// month is the first day of the month of t, n months on.
func (s *site) month(t time.Time, n int) time.Time {
	y, m, _ := t.In(s.london).Date()
	return time.Date(y, m+time.Month(n), 1, 0, 0, 0, 0, s.london)
}

// A row is a meeting as a calendar shows it.
type row struct {
	id, committee string
	url           string
	when          time.Time // zero: the date could not be read
	doubt         string
	status        string // "" where the calendar does not say
	text          string // as printed, for messages
}

func (r row) key() string { return "meeting/" + r.id }

// A view is how the site's calendar is addressed.
type view struct {
	prefix string // "https://host/cmis5/Meetings", what stands before /tabid/
	tab    string
	module string
}

func (v view) month(first time.Time) string {
	return fmt.Sprintf("%s/tabid/%s/ctl/MeetingCalendarPublicNoJava/mid/%s/Date/%s/Default.aspx", v.prefix, v.tab, v.module, first.Format(time.DateOnly))
}

// front begins the visit: the page of meetings gives the numbers that the
// months' addresses are made of. Sites call it differently.
func (s *site) front(n int) crawl.Request {
	address := s.base + s.pages[n]
	r := crawl.Request{URL: address, Accept: "text/html"}
	r.Parse = func(p *crawl.Page) error { return s.frontPage(p, address, true) }
	if n+1 < len(s.pages) {
		r.Or = func(err error) []crawl.Request {
			if why := crawl.ReasonOf(err); why != store.ReasonMissing && why != store.ReasonFormat {
				return nil // the site does not answer: that is no reason to try its other doors
			}
			return []crawl.Request{s.front(n + 1)}
		}
	}
	return crawl.Again(r, again)
}

// again is how often a page is asked for a second time that came as half a page
// or as an error with status 200.
const again = 2

// frontPage takes the numbers from the page, or from its list of this month's
// meetings, whose links carry them too.
func (s *site) frontPage(p *crawl.Page, address string, first bool) error {
	if err := s.sound(p); err != nil {
		return err
	}
	v := s.viewOf(p)
	switch {
	case v.tab != "" && v.module != "":
		p.Follow(s.calendar(v, s.from, nil))
		return nil
	case v.module != "" && first:
		list := address + "?ctl=MeetingCalendarListView&mid=" + v.module
		p.Follow(crawl.Again(crawl.Request{URL: list, Accept: "text/html", Parse: func(p *crawl.Page) error { return s.frontPage(p, address, false) }}, again))
		return nil
	case v.module == "":
		return crawl.Errorf(store.ReasonFormat, "the page holds no calendar of meetings")
	}
	return crawl.Errorf(store.ReasonFormat, "the calendar of meetings has no link by which its months can be asked for")
}

// calendar asks for one month, then for the next. A month that cannot be read
// ends the visit: without it nothing can be said about absence.
func (s *site) calendar(v view, first time.Time, rows []row) crawl.Request {
	return crawl.Again(crawl.Request{
		URL: v.month(first), Accept: "text/html",
		Parse: func(p *crawl.Page) error {
			if err := s.sound(p); err != nil {
				return err
			}
			got, err := s.monthPage(p, first)
			if err != nil {
				return err
			}
			all := append(rows[:len(rows):len(rows)], got...)
			if next := s.month(first, 1); next.Before(s.to) {
				p.Follow(s.calendar(v, next, all))
				return nil
			}
			s.finish(p, all)
			return nil
		},
	}, again)
}

// finish hands on the list and asks for the details that are wanted.
func (s *site) finish(p *crawl.Page, rows []row) {
	p.Cover(s.from, s.to)
	if s.far {
		p.Checkpoint(s.now.Format(time.RFC3339))
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.id] || !s.follows(r.committee) {
			continue
		}
		seen[r.id] = true
		old, known := s.old[r.key()]
		if r.when.IsZero() {
			if !known {
				p.Problem(store.ReasonFormat, "date of meeting "+r.id+" of the "+r.committee, fmt.Sprintf("cannot read %q", r.text))
				continue
			}
			p.Problem(store.ReasonFormat, "date of meeting "+r.id+" of the "+r.committee, fmt.Sprintf("cannot read %q; keeping what was known", r.text))
			r.when = old.When()
		}
		p.Add(s.stub(r, old))
		if s.wanted(r, old) {
			p.Follow(s.detail(r))
		}
	}
}

func (s *site) follows(committee string) bool {
	name := strings.ToLower(committee)
	return len(s.only) == 0 || slices.ContainsFunc(s.only, func(w string) bool { return strings.Contains(name, w) })
}

// stub is the item as far as the calendar tells. It seldom says that a meeting
// is cancelled; where it is silent the status that is known stands.
func (s *site) stub(r row, old store.Item) store.Item {
	it := store.Item{
		Key: r.key(), Kind: store.KindMeeting, Title: r.committee, URL: r.url, Stub: true,
		Fields: map[string]string{
			store.FieldCommittee: r.committee,
			store.FieldStatus:    cmp.Or(r.status, old.Fields[store.FieldStatus], store.StatusConfirmed),
		},
	}
	if !r.when.IsZero() {
		it.Fields[store.FieldWhen] = r.when.In(s.london).Format(time.RFC3339)
	}
	if r.doubt != "" {
		it.Fields[store.FieldDoubt] = r.doubt
	}
	return it
}

// wanted tells whether the page of a listed meeting is read in this visit.
func (s *site) wanted(r row, old store.Item) bool {
	switch {
	case r.when.IsZero():
		return true
	case !r.when.Before(s.now.Add(-detailBack)) && r.when.Before(s.now.Add(detailAhead)):
		return true
	case r.when.Before(s.now): // minutes may still come; looked for once a day
		return s.far && !old.Cancelled() && old.Fields[store.FieldMinutes] != store.Published
	}
	return false
}

func (s *site) detail(r row) crawl.Request {
	return crawl.Again(crawl.Request{
		URL: r.url, Accept: "text/html", Detail: r.key(),
		Parse: func(p *crawl.Page) error {
			if err := s.sound(p); err != nil {
				return err
			}
			d, err := s.meetingPage(p)
			if err != nil {
				return err
			}
			if d.committee != "" && !strings.EqualFold(d.committee, r.committee) {
				return crawl.Errorf(store.ReasonFormat, "asked for a meeting of the %s, the page is about the %s", r.committee, d.committee)
			}
			old := s.old[r.key()]
			p.Update(r.key(), func(it *store.Item) { s.fill(it, r, d, old) })
			return nil
		},
	}, again)
}
