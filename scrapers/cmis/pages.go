package cmis

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A reader holds the patterns, compiled once.
type reader struct {
	london  *time.Location
	session *regexp.Regexp // /(S(...))/
	module  *regexp.Regexp // 1 the module's number, in the names of its fields
	link    *regexp.Regexp // 1 what stands before /tabid/, 2 tab, 3 module
	meeting *regexp.Regexp // 1 the meeting's number
	day     *regexp.Regexp // 1 weekday, 2 day, 3 month, 4 year or ""
	clock   *regexp.Regexp // 1 hour, 2 minute
	whole   *regexp.Regexp // a date with its year and time: 1 day, 2 month, 3 year, 4 hour, 5 minute
	size    *regexp.Regexp
	minutes *regexp.Regexp
	former  *regexp.Regexp
	agenda  *regexp.Regexp
	compact *regexp.Regexp // a date in digits: 1 day, 2 month, 3 year
	amount  *regexp.Regexp // 1 number, 2 k or m
}

func newReader() *reader {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic("cmis: the zone data compiled in is broken: " + err.Error())
	}
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	return &reader{
		london:  london,
		session: re(`/\([a-z]\([a-z0-9]+\)\)`),
		module:  re(`dnn[$_]ctr(\d{1,9})[$_]MeetingCalendarPublic`),
		link:    re(`^(.*?)/tabid/(\d{1,9})/ctl/(?:ViewMeetingPublic|MeetingCalendarPublic\w*)/mid/(\d{1,9})/`),
		meeting: re(`/ctl/ViewMeetingPublic/.*?/Meeting/(\d{1,12})(?:/|$)`),
		day:     re(`\b(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+(\d{1,2})(?:st|nd|rd|th)?\s+([a-z]{3,9})\.?(?:,?\s+(\d{4}))?`),
		clock:   re(`^\s*(\d{1,2})[:.](\d{2})\b\s*([ap]\.?m\.?)?`),
		whole:   re(`\b(\d{1,2})(?:st|nd|rd|th)?\s+([a-z]{3,9})\.?,?\s+(\d{4})(?:\s*[-–,]?\s*(?:at\s+)?(\d{1,2})[:.](\d{2})\s*([ap]\.?m\b)?)?`),
		size:    re(`\s*\(?[\d.,]+\s*(?:bytes|kb|mb|gb)\)?\s*$`),
		minutes: re(`\bminutes\b`),
		former:  re(`\b(?:previous|last|matters arising|action (?:log|points)|sub-?committee minutes|minutes of (?:other|sub))\b`),
		agenda:  re(`^(?:(?:final|draft|printed|public|supplementary)\s+)*agenda\b`),
		compact: re(`\b(\d{2})[./-]?(\d{2})[./-]?(20\d{2}|\d{2})\b`),
		amount:  re(`([\d.,]+)\s*([km])b`),
	}
}

// line makes one tidy line of a text.
func (rd *reader) line(s string) string {
	s = strings.NewReplacer("\u00ad", "", "\u200b", "", "\ufeff", "").Replace(strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}

// sound refuses what is no page of the system. A guessed or vanished meeting
// is answered with status 200 and one line about a critical error.
func (s *site) sound(p *crawl.Page) error {
	if err := p.StandIn(); err != nil {
		return err
	}
	if err := p.Ends(); err != nil {
		return err
	}
	d, err := p.HTML()
	if err != nil {
		return err
	}
	if m := s.line(d.Find(".NormalRed, .dnnFormValidationSummary, .dnnFormMessage.dnnFormError").First().Text()); strings.Contains(strings.ToLower(m), "error") {
		return crawl.Errorf(store.ReasonFormat, "the site shows an error (%.60q)", m)
	}
	return nil
}

// viewOf finds how the calendar is addressed: the numbers come from a real
// link, since the tab's cannot be guessed, or at least from the field names.
func (s *site) viewOf(p *crawl.Page) (v view) {
	d, err := p.HTML()
	if err != nil {
		return v
	}
	if m := s.module.FindSubmatch(p.Body); m != nil {
		v.module = string(m[1])
	}
	for _, a := range d.Find("a[href]").EachIter() {
		at := s.session.ReplaceAllString(p.Abs(a.AttrOr("href", "")), "")
		if m := s.link.FindStringSubmatch(at); m != nil && s.ours(at) {
			return view{prefix: m[1], tab: m[2], module: m[3]}
		}
	}
	return v
}

// ours tells whether an address is on the site itself.
func (s *site) ours(at string) bool {
	_, rest, ok := strings.Cut(at, "://")
	return ok && (strings.HasPrefix(strings.ToLower(rest), strings.ToLower(s.root.Host)+"/"))
}

// monthPage reads a month. The days carry no year and some a wrong weekday: a
// day of another month means that another month was given, and is refused.
func (s *site) monthPage(p *crawl.Page, first time.Time) ([]row, error) {
	d, err := p.HTML()
	if err != nil {
		return nil, err
	}
	table := d.Find("table.rgMasterTable, table[id*=MeetingCalendarPublic], .ModCMISMeetingsC table").First()
	if table.Length() == 0 {
		return nil, crawl.Errorf(store.ReasonFormat, "the page holds no calendar of %s", first.Format("January 2006"))
	}
	var rows []row
	var wrong error
	for _, tr := range table.Find("tr").EachIter() {
		day := s.line(tr.Find("td.SimpleCalendarDate").First().Text())
		links := tr.Find("p.Meeting a[href], a[href*='ViewMeetingPublic']")
		if day == "" || links.Length() == 0 {
			continue
		}
		date, doubt, ok := s.dayOf(day, first)
		if ok && (date.Month() != first.Month() || date.Year() != first.Year()) {
			wrong = crawl.Errorf(store.ReasonFormat, "asked for %s, the calendar shows %q", first.Format("January 2006"), day)
			break
		}
		for _, a := range links.EachIter() {
			if r, ok := s.calendarRow(p, a, date, doubt, day); ok {
				rows = append(rows, r)
			}
		}
	}
	return rows, wrong
}

// calendarRow reads "10:00 Licensing Sub-Committee A" and what stands beside it.
func (s *site) calendarRow(p *crawl.Page, a *goquery.Selection, date time.Time, doubt, day string) (row, bool) {
	at := s.session.ReplaceAllString(p.Abs(a.AttrOr("href", "")), "")
	m := s.meeting.FindStringSubmatch(at)
	if m == nil || !s.ours(at) {
		return row{}, false
	}
	text := s.line(a.Text())
	r := row{id: m[1], url: at, text: day + ", " + text, doubt: doubt}
	around := strings.ToLower(text + " " + s.line(a.Parent().Text()) + " " + a.AttrOr("class", ""))
	if strings.Contains(around, "cancel") {
		r.status = store.StatusCancelled
	}
	hour, minute := 0, 0
	if c := s.clock.FindStringSubmatch(text); c != nil {
		hour, minute = hours(c[1], c[2], c[3])
		text = strings.TrimLeft(text[len(c[0]):], " -–")
	}
	r.committee = strings.TrimSpace(strings.TrimRight(cutCancelled(text), " -–(,"))
	if !date.IsZero() {
		r.when = time.Date(date.Year(), date.Month(), date.Day(), hour, minute, 0, 0, s.london)
	}
	return r, r.committee != ""
}

func cutCancelled(s string) string {
	if i := strings.Index(strings.ToLower(s), "cancel"); i > 0 {
		return s[:i]
	}
	return s
}

// dayOf reads "Monday, 8 June" of the year that was asked for.
func (rd *reader) dayOf(text string, first time.Time) (day time.Time, doubt string, ok bool) {
	m := rd.day.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, "", false
	}
	month, ok := monthNamed(m[3])
	if !ok {
		return time.Time{}, "", false
	}
	year := first.Year()
	if m[4] != "" {
		year = atoi(m[4])
	}
	n := atoi(m[2])
	day = time.Date(year, month, n, 0, 0, 0, 0, rd.london)
	if day.Day() != n {
		return time.Time{}, "", false // the 31st of a month of 30 days
	}
	if !strings.EqualFold(day.Weekday().String()[:3], m[1][:3]) {
		doubt = fmt.Sprintf("the calendar calls %s a %s; it is a %s", day.Format("2 January 2006"), strings.TrimRight(strings.Fields(text)[0], ","), day.Weekday())
	}
	return day, doubt, true
}

// stamp reads "3 Aug 2026 - 10:00".
func (rd *reader) stamp(text string) (time.Time, bool) {
	m := rd.whole.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, false
	}
	month, ok := monthNamed(m[2])
	if !ok {
		return time.Time{}, false
	}
	hour, minute := 0, 0
	if m[4] != "" {
		hour, minute = hours(m[4], m[5], m[6])
	}
	t := time.Date(atoi(m[3]), month, atoi(m[1]), hour, minute, 0, 0, rd.london)
	return t, t.Day() == atoi(m[1]) && t.Year() >= 1990 && t.Year() <= 2100
}

// hours reads a time of day; one that is none is midnight, which stands for a
// day whose hour is not known.
func hours(h, m, half string) (hour, minute int) {
	hour, minute = atoi(h), atoi(m)
	switch half = strings.ToLower(half); {
	case hour > 23 || minute > 59:
		return 0, 0
	case strings.HasPrefix(half, "p") && hour < 12:
		hour += 12
	case strings.HasPrefix(half, "a") && hour == 12:
		hour = 0
	}
	return hour, minute
}

func atoi(s string) (n int) {
	for _, r := range s {
		if r < '0' || r > '9' || n > 1e6 {
			return 0
		}
		n = n*10 + int(r-'0')
	}
	return n
}

// monthNamed knows the months by their first three letters or more.
func monthNamed(s string) (time.Month, bool) {
	s = strings.ToLower(s)
	for m := time.January; m <= time.December; m++ {
		if name := strings.ToLower(m.String()); len(s) >= 3 && strings.HasPrefix(name, s) || s == "sept" && m == time.September {
			return m, true
		}
	}
	return 0, false
}
