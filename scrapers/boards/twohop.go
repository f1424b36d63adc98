package boards

import (
	"cmp"
	"fmt"
	"time"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Which meetings have their pages read at every visit; the others keep what is
// known of them. Packs of older meetings are not replaced any more.
const (
	pagesBefore = 60 * 24 * time.Hour
	pagesAfter  = 400 * 24 * time.Hour
)

// pageDue tells whether a meeting's page is read: one of the time around now, or
// in a backfill of the time asked for, unless it was read for that before.
func pageDue(v crawl.Visit, it store.Item) bool {
	t := it.When()
	if !v.Backfill() {
		return t.IsZero() || !t.Before(v.Now.Add(-pagesBefore)) && !t.After(v.Now.Add(pagesAfter))
	}
	if !t.IsZero() && (t.Before(v.Since) || !v.Until.IsZero() && !t.Before(v.Until)) {
		return false
	}
	old, known := v.Old.Items[it.Key]
	if !known || old.Stub {
		return true
	}
	read := len(old.Documents) == 0
	for _, d := range old.Documents {
		if d.Failed != "" {
			return true
		}
		read = read || !d.Fetched.IsZero()
	}
	return !read
}

// An entry is a line of the list.
type entry struct {
	item   store.Item
	when   date
	status string // as the line itself says, "" if it does not
}

// twoHop reads the list: every link whose words carry a date is a meeting (or,
// if it leads to a file, a paper). Of other links only a document of dates counts. Where nobody said
// that the page is such a list, all papers on it count, dated or not.
func (s *site) twoHop(v crawl.Visit, p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	var list []entry
	place := map[string]int{}
	papers := map[string]store.Item{}
	if s.Layout == "" {
		for _, it := range s.listed(p, d) {
			papers[it.Key] = it
		}
	}
	mixed := s.Layout == "" && s.linksKnownPapers(v, p, d)
	above := s.headings(d)
	for _, a := range content(d).Find("a[href]").EachIter() {
		l, ok := s.link(p, a)
		if !ok {
			continue
		}
		read := s.dated
		if s.Layout == News {
			read = func(string) (date, string, bool) { return s.post(l) }
		}
		when, title, ok := read(l.text)
		if ok && mixed && !s.file(l) && s.foreign(v, l, title) {
			ok = false
		}
		if !ok && s.Layout == "" {
			when, title, ok = s.card(v, l)
		}
		// A dated link to a page of the site is a meeting, whatever else its words say,
		// unless it is foreign to a page of papers.
		meeting := ok && !s.file(l) && l.url.Host == s.root.Host
		if it, all := papers[s.key("document", l.url)]; all && !meeting {
			if _, twice := place[it.Key]; !twice {
				place[it.Key] = len(list)
				list = append(list, entry{item: it})
			}
			continue
		}
		if dates := !ok && s.file(l) && s.called(store.Document{Title: s.tidy.label(l), URL: l.url.String()}); !ok && !dates || l.url.Host != s.root.Host && !s.file(l) {
			continue
		}
		if name := s.tidy.apart(append([]string{l.text}, above[a.Nodes[0]]...)...); name != "" && s.tidy.apart(title) == "" {
			title = name // it says when, the heading above says whose
		}
		e := entry{when: when, status: s.tidy.status(l.text)}
		if s.file(l) {
			e.item = s.paper(l, "", when)
		} else {
			e.item = s.meeting(v, l, title, e)
		}
		i, twice := place[e.item.Key]
		if !twice {
			place[e.item.Key] = len(list)
			list = append(list, e)
		} else if !list[i].when.same(when) {
			doubtful(&list[i].item, fmt.Sprintf("the list links it for %s and for %s", list[i].when, when))
		}
	}
	items := make([]store.Item, len(list))
	for i, e := range list {
		items[i] = e.item
		p.Add(e.item)
		if e.item.Stub && pageDue(v, e.item) {
			p.Follow(crawl.Again(crawl.Request{
				URL: e.item.URL, Accept: "text/html", Detail: e.item.Key,
				Parse: func(p *crawl.Page) error { return s.meetingPage(v, e, p) },
			}, again))
		}
	}
	s.cover(p, items)
	return nil
}

// headings are what stands above each link of a page.
func (s *site) headings(d *goquery.Document) map[*html.Node][]string {
	m := map[*html.Node][]string{}
	var o outline
	for _, root := range content(d).Nodes {
		walk(root, func(n *html.Node, enter bool) {
			if n.Type != html.ElementNode {
				return
			}
			if level := s.level(n); level > 0 {
				s.head(&o, n, level, enter)
			}
			if n.Data == "a" && enter {
				m[n] = o.path()
			}
		})
	}
	return m
}

// post reads a link of a list of news: the post it leads to must be about a
// meeting of the board, and its date stands in the words around it. The day a
// post was written is not that of the meeting: <time> does not count.
func (s *site) post(l link) (when date, title string, ok bool) {
	if !s.tidy.papers.MatchString(l.text) {
		return date{}, "", false
	}
	around := l.node.Closest("article, li, .post, .news-item, .card").First().Clone()
	around.Find("time, .date, .posted-on, .entry-date").Remove()
	text := s.tidy.line(visible(around))
	if len(text) > 600 {
		return date{}, "", false
	}
	if when, _, ok = s.dated(l.text); ok {
		return when, s.tidy.trim(l.text), true
	}
	if when, _, ok = s.dated(text); !ok {
		return date{}, "", false
	}
	return when, s.tidy.trim(l.text), true
}

// dated finds the date in a link's words and the title beside it. A day
// without a year counts if a weekday makes clear that it is one.
func (s *site) dated(text string) (when date, title string, ok bool) {
	for _, d := range s.dates.find(text) {
		if d.Year == 0 && text[d.start] <= '9' { // it begins with the day
			continue
		}
		if title = s.tidy.trim(text[:d.start]); title == "" {
			title = s.tidy.trim(text[d.end:])
		}
		if _, _, clock := s.dates.time(title); title == "" || clock {
			title = s.Title
		}
		return d, title, true
	}
	return date{}, "", false
}

// meeting is what the list says of a meeting. Where it is silent about the
// status, the one known stands, so that a page that cannot be read brings no
// cancelled meeting back.
func (s *site) meeting(v crawl.Visit, l link, title string, e entry) store.Item {
	key := s.key("meeting", l.url)
	known := v.Old.Items[key].Fields[store.FieldStatus]
	it := store.Item{
		Key: key, Kind: store.KindMeeting, Title: title, URL: l.url.String(), Stub: true,
		Fields: map[string]string{
			store.FieldCommittee: title,
			store.FieldStatus:    cmp.Or(e.status, known, store.StatusConfirmed),
		},
	}
	s.when(&it, e.when)
	return it
}

// meetingPage reads a meeting's own page. A page that does not show the date
// under which it was listed is not that page: a soft 404, or another layout.
func (s *site) meetingPage(v crawl.Visit, e entry, p *crawl.Page) error {
	if err := p.Ends(); err != nil {
		return err
	}
	d, err := p.HTML()
	if err != nil {
		return err
	}
	main := content(d)
	text := s.tidy.line(visible(main))
	when, after, ok := s.shown(text, e.when)
	if !ok {
		return crawl.Errorf(s.tidy.otherPage(text), "the page of the meeting does not show its date, %s", e.when)
	}
	documents := s.pack(p, main)
	roles(documents, v.Old.Items[e.item.Key].Documents)
	// What the page says wins; what it leaves open the list decides.
	status := s.tidy.cancelled(s.tidy.line(main.Find("h1").First().Text()), text[max(0, when.start-80):when.start]+" "+after, text)
	if status == "" {
		status = cmp.Or(e.status, store.StatusConfirmed)
	}
	p.Update(e.item.Key, func(it *store.Item) {
		it.Stub = false
		it.Documents = documents
		it.Fields[store.FieldStatus] = status
		hour, minute, timed := s.dates.time(after)
		if !timed {
			hour, minute, _ = s.dates.time(s.tidy.begins.FindString(text))
		}
		it.Fields[store.FieldWhen] = when.at(hour, minute, s.loc).Format(time.RFC3339)
		if e.when.Year == 0 { // the page knew it
			delete(it.Fields, store.FieldDoubt)
		}
		if when.Doubt != "" {
			doubtful(it, when.Doubt)
		}
	})
	return nil
}

// shown finds the listed date on a meeting's page, and the words after it up
// to the next date: of several places the first that goes on with a time.
func (s *site) shown(text string, listed date) (when date, after string, ok bool) {
	all := s.dates.find(text)
	for i, d := range all {
		if !d.same(listed) || d.Year == 0 && listed.Year == 0 {
			continue
		}
		if d.Year == 0 {
			d.Year, d.Doubt = listed.Year, "" // the list has the year
		}
		end := len(text)
		if i+1 < len(all) {
			end = all[i+1].start
		}
		rest := text[d.end:min(end, d.end+80)]
		_, _, timed := s.dates.time(rest)
		if !ok || timed {
			when, after, ok = d, rest, true
		}
		if timed {
			return when, after, ok
		}
	}
	return when, after, ok
}

// pack gives the papers of a meeting's page.
func (s *site) pack(p *crawl.Page, main *goquery.Selection) (list []store.Document) {
	known := map[string]bool{}
	for _, a := range main.Find("a[href]").EachIter() {
		l, ok := s.link(p, a)
		if !ok || !s.isPaper(p, l) {
			continue
		}
		doc := store.Document{Key: s.key("document", l.url), Title: s.tidy.label(l), URL: l.url.String(), Role: store.RoleReport}
		if known[doc.Key] {
			continue
		}
		known[doc.Key] = true
		if s.tidy.minutes.MatchString(doc.Title) {
			doc.Role = store.RoleMinutes
		}
		list = append(list, doc)
	}
	return list
}
