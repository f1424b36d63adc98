package boards

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A column says what the cells below a heading hold.
type column int

const (
	colOther column = iota
	colDate
	colTime
	colVenue
	colName
)

// columnOf reads the heading of a column.
func columnOf(s string) column {
	s = strings.ToLower(s)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(s, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("paper", "agenda", "minutes", "document", "download", "link"):
		return colOther
	case has("date", "when", "day"):
		return colDate
	case has("time", "start"):
		return colTime
	case has("venue", "location", "where", "place"):
		return colVenue
	case has("meeting", "committee", "name", "type"):
		return colName
	}
	return colOther
}

// table reads tables of meetings: a row for each, with its date, its venue and
// its papers. A row without a date belongs to the meeting above it. What stands
// outside tables is read as papers under headings.
func (s *site) table(v crawl.Visit, p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	t := &tabled{site: s, p: p, v: v, place: map[string]int{}}
	var o outline
	for _, root := range content(d).Nodes {
		walk(root, func(n *html.Node, enter bool) {
			if n.Type != html.ElementNode {
				return
			}
			if level := s.level(n); level > 0 {
				s.head(&o, n, level, enter)
			}
			switch {
			case n.Data == "table" && enter:
				t.read(goquery.NewDocumentFromNode(n).Selection, o.path())
			case n.Data == "a" && enter && !within(n, "table"):
				a := goquery.NewDocumentFromNode(n).Selection
				if l, ok := s.link(p, a); ok && s.isPaper(p, l) {
					t.add(s.row(l, o.path()), nil)
				}
			}
		})
	}
	if t.meetings == 0 {
		return crawl.Errorf(store.ReasonFormat, "no table of the page has a row with a date")
	}
	var items []store.Item
	for i, it := range t.items {
		if it.Kind == store.KindMeeting {
			roles(it.Documents, v.Old.Items[it.Key].Documents)
		}
		p.Add(it)
		items = append(items, it)
		if t.follow[i] != nil {
			p.Follow(*t.follow[i])
		}
	}
	s.cover(p, items)
	return nil
}

func within(n *html.Node, name string) bool {
	for x := n.Parent; x != nil; x = x.Parent {
		if x.Type == html.ElementNode && x.Data == name {
			return true
		}
	}
	return false
}

// tabled gathers what the tables of a page list.
type tabled struct {
	*site
	p        *crawl.Page
	v        crawl.Visit
	items    []store.Item
	follow   []*crawl.Request
	place    map[string]int
	meetings int
}

func (t *tabled) add(it store.Item, follow *crawl.Request) int {
	if i, twice := t.place[it.Key]; twice {
		if it.Kind == store.KindPaper {
			merge(&t.items[i], it)
		}
		return i
	}
	t.place[it.Key] = len(t.items)
	t.items, t.follow = append(t.items, it), append(t.follow, follow)
	return len(t.items) - 1
}

// read reads one table below its headings.
func (t *tabled) read(table *goquery.Selection, headings []string) {
	if c := t.tidy.line(visible(table.Find("caption").First())); c != "" {
		headings = append(headings, c)
	}
	var columns []column
	current := -1
	for _, tr := range table.Find("tr").EachIter() {
		cells := tr.ChildrenFiltered("td, th")
		if tr.ChildrenFiltered("td").Length() == 0 || len(columns) == 0 && tr.Find("a[href]").Length() == 0 && len(t.dates.find(t.tidy.line(visible(tr)))) == 0 {
			if columns == nil {
				for _, c := range cells.EachIter() {
					columns = append(columns, columnOf(t.tidy.line(visible(c))))
				}
			}
			continue
		}
		if i, ok := t.meetingRow(tr, cells, columns, headings); ok {
			current = i
			continue
		}
		if current >= 0 && t.items[current].Kind == store.KindMeeting {
			t.papers(&t.items[current], tr)
		}
	}
}

// meetingRow makes the meeting of a row with a date.
func (t *tabled) meetingRow(tr, cells *goquery.Selection, columns []column, headings []string) (int, bool) {
	all := t.tidy.line(visible(tr))
	text := map[column]string{}
	for i, c := range cells.EachIter() {
		if i < len(columns) && text[columns[i]] == "" {
			text[columns[i]] = t.tidy.line(visible(c))
		}
	}
	when, ok := t.dayOf(cmp.Or(text[colDate], all), headings)
	if !ok && text[colDate] != "" {
		when, ok = t.dayOf(all, headings)
	}
	if !ok {
		return 0, false
	}
	name := cmp.Or(t.tidy.apart(append([]string{text[colName], all}, headings...)...), t.tidy.trim(text[colName]))
	if _, _, dated := t.dated(name); dated {
		name = ""
	}
	it := store.Item{
		Key: t.key("meeting", t.p.URL) + "#" + when.at(0, 0, t.loc).Format(time.DateOnly), Kind: store.KindMeeting,
		Title: cmp.Or(name, t.Title), URL: t.p.URL.String(),
		Fields: map[string]string{store.FieldStatus: cmp.Or(t.tidy.status(all), store.StatusConfirmed)},
	}
	if name != "" {
		it.Key += "/" + slug(name)
	}
	it.Fields[store.FieldCommittee] = it.Title
	if v := t.tidy.trim(text[colVenue]); v != "" {
		it.Fields[store.FieldVenue] = v
	}
	t.when(&it, when)
	hour, minute, timed := t.dates.time(text[colTime])
	if !timed {
		_, rest, _ := strings.Cut(all, " ")
		hour, minute, timed = t.dates.time(rest)
	}
	if timed {
		it.Fields[store.FieldWhen] = when.at(hour, minute, t.loc).Format(time.RFC3339)
	}
	t.papers(&it, tr)
	t.meetings++
	if i, twice := t.place[it.Key]; twice { // one meeting in two rows or tables
		known := &t.items[i]
		for _, d := range it.Documents {
			addDocument(known, d)
		}
		return i, true
	}
	return t.add(it, t.hop(&it, tr, when)), true
}

// hop asks for the page of a meeting whose row has no paper but links one.
func (t *tabled) hop(it *store.Item, tr *goquery.Selection, when date) *crawl.Request {
	if len(it.Documents) > 0 {
		return nil
	}
	due := pageDue(t.v, *it)
	if was := t.v.Old.Items[it.Key]; !due && len(was.Documents) > 0 { // what is known of it stays
		it.Stub = true
	}
	if !due {
		return nil
	}
	for _, a := range tr.Find("a[href]").EachIter() {
		l, ok := t.link(t.p, a)
		if !ok || t.file(l) || l.url.Host != t.root.Host || !t.tidy.papers.MatchString(l.text) {
			continue
		}
		e := entry{item: *it, when: when, status: it.Fields[store.FieldStatus]}
		r := crawl.Again(crawl.Request{URL: l.url.String(), Accept: "text/html", Detail: it.Key,
			Parse: func(p *crawl.Page) error { return t.meetingPage(t.v, e, p) }}, again)
		it.Stub = true
		return &r
	}
	return nil
}

// papers adds the papers that a row links. A single link to a web page leads to
// the papers, see hop.
func (t *tabled) papers(it *store.Item, tr *goquery.Selection) {
	var list []link
	for _, a := range tr.Find("a[href]").EachIter() {
		if l, ok := t.link(t.p, a); ok && t.isPaper(t.p, l) {
			list = append(list, l)
		}
	}
	if len(list) == 1 && !t.file(list[0]) {
		return
	}
	for _, l := range list {
		doc := store.Document{Key: t.key("document", l.url), Title: t.tidy.label(l), URL: l.url.String(), Role: store.RoleReport}
		if t.tidy.minutes.MatchString(doc.Title) {
			doc.Role = store.RoleMinutes
		}
		addDocument(it, doc)
	}
}

func addDocument(it *store.Item, doc store.Document) {
	for _, d := range it.Documents {
		if d.Key == doc.Key {
			return
		}
	}
	it.Documents = append(it.Documents, doc)
}

// dayOf finds the day of a row. A day without a year takes that of the heading
// above, if the weekday it is printed with is that day's; else it is a doubt,
// and without any year it is no day.
func (t *tabled) dayOf(text string, headings []string) (date, bool) {
	for _, d := range t.dates.find(text) {
		if d.full() {
			return d, true
		}
		if d.Day == 0 {
			continue
		}
		printed := strings.TrimSpace(text[d.start:d.end])
		for i := len(headings) - 1; i >= 0; i-- {
			m := t.tidy.year.FindStringSubmatch(headings[i])
			if m == nil {
				continue
			}
			year := atoi(m[1])
			if strings.ContainsAny(m[0][4:], "/–-") && d.Month < time.April { // 2026/27: January is in its second half
				year++
			}
			y := build(fmt.Sprintf("%s %d", printed, year), 0, len(printed)+5, weekdayIn(printed), fmt.Sprint(year), d.Month.String()[:3], fmt.Sprint(d.Day))
			if y.Day == 0 {
				break
			}
			if y.Doubt == "" && weekdayIn(printed) == "" {
				y.Doubt = fmt.Sprintf("the page says %q without a year, below %q", printed, headings[i])
			}
			y.start, y.end = d.start, d.end
			return y, true
		}
	}
	return date{}, false
}

// weekdayIn is the weekday that a printed date begins with, "" for none.
func weekdayIn(s string) string {
	f := strings.Fields(s)
	if len(f) > 0 && len(f[0]) >= 3 && weekdayOf(f[0]) >= 0 {
		return f[0]
	}
	return ""
}

func atoi(s string) (n int) {
	for _, r := range s {
		n = n*10 + int(r-'0')
	}
	return n
}

// slug makes a name fit for a key.
func slug(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
}
