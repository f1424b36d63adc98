// Package boards reads the pages on which NHS boards list their papers. There
// is no common system behind them, only a few layouts, one file each:
//
//   - two-hop: a list of dated links, each to a page that holds a meeting's pack
//     (integrated care boards on WordPress);
//   - accordion: one page of papers under headings that fold away (trusts);
//     flat is the same without headings;
//   - table: a row for each meeting with its date, venue and papers;
//   - years: a page that leads to one page of papers a year;
//   - news: posts about meetings, whose dates stand beside the links;
//   - events: events for the public, as a page tells them to search engines.
//
// Where no layout is named, cards of events whose day stands beside the link are
// found, too, for days to come. The dates of a year's meetings that stand in a
// document alone are read out of its text (schedule.go).
//
// A page whose own address holds a year leads on to that of the next year, and
// is found again from the page above it when it is gone.
//
// Governors' and members' meetings stand on the same pages as the board's; they
// are told apart by their headings, in the committee. A pack is told from an
// agenda by its pages and size, once it was read.
//
// What a page prints wrongly (a weekday that does not fit, a date without a
// year) becomes a doubt of the item and is not corrected. Nothing is guessed
// from the name of a file.
package boards

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// The layouts.
const (
	TwoHop    = "two-hop"
	Accordion = "accordion"
	Flat      = "flat"
	Table     = "table"
	Years     = "years"
	News      = "news"
)

// Options describe one board's site.
type Options struct {
	ID   string        // of the source
	Name string        // of the source, for people
	Body string        // id of the body that publishes
	Base string        // address of the site's root; keys are relative to it
	Page string        // path of the list below Base, or its whole address
	Pace time.Duration // least time between requests, zero: the fetcher's own
	// Layout is one of the layouts; "" goes by what is known of the site, and
	// at first by what the page looks like.
	Layout string
	// Title names meetings whose link says only when they are; "Board meeting" if empty.
	Title string
}

// A site is a board's site: what its parse functions share.
type site struct {
	Options
	root  *url.URL
	dates *calendar
	loc   *time.Location
	tidy  tidier
	words func() dateWords // of documents of dates; most sources link none
}

// Source makes the source of a board's site.
func Source(o Options) (crawl.Source, error) {
	fail := func(format string, args ...any) (crawl.Source, error) {
		return crawl.Source{}, fmt.Errorf("boards source %s: %w", o.ID, fmt.Errorf(format, args...))
	}
	root, err := url.Parse(strings.TrimSuffix(o.Base, "/") + "/")
	switch {
	case err != nil:
		return fail("base %q: %w", o.Base, err)
	case root.Scheme != "http" && root.Scheme != "https", root.Host == "":
		return fail("base %q is no http or https address", o.Base)
	}
	page, err := root.Parse(strings.TrimPrefix(o.Page, "/"))
	switch {
	case err != nil:
		return fail("page %q: %w", o.Page, err)
	case page.Host != root.Host:
		return fail("page %q is on another host than base %q", o.Page, o.Base)
	}
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		return fail("%w", err)
	}
	if o.Title == "" {
		o.Title = "Board meeting"
	}
	s := &site{Options: o, root: root, dates: newCalendar(), loc: loc, tidy: newTidier(), words: sync.OnceValue(newDateWords)}
	src := crawl.Source{ID: o.ID, Name: o.Name, Body: o.Body, Platform: "boards", Base: o.Base, Whole: true, Pace: o.Pace}
	var parse parser
	switch o.Layout {
	case TwoHop, News:
		src.Kind, parse = store.KindMeeting, s.twoHop
	case Accordion, Flat:
		src.Kind, parse = store.KindPaper, s.accordion
	case Table:
		src.Kind, parse = store.KindMeeting, s.table
	case Years:
		src.Kind, parse = store.KindPaper, s.years
	case Events:
		src.Kind, parse = store.KindMeeting, s.events
	case "":
		src.Kind, parse = store.KindPaper, s.either
	default:
		return fail("unknown layout %q (%s)", o.Layout, strings.Join([]string{TwoHop, Accordion, Flat, Table, Years, News, Events}, ", "))
	}
	if o.Layout != Events {
		src.Texts = s.fromText
	}
	src.Plan = func(v crawl.Visit) []crawl.Request {
		return []crawl.Request{s.list(v, page, parse)}
	}
	return src, nil
}

// looksTabled: a table with at least two rows that begin with a date, or have
// one and a paper.
func (s *site) looksTabled(d *goquery.Document) bool {
	for _, table := range content(d).Find("table").EachIter() {
		rows := 0
		for _, tr := range table.Find("tr").EachIter() {
			if cells := tr.ChildrenFiltered("td, th"); cells.Length() > 1 && len(s.dates.find(s.tidy.line(visible(cells.First())))) > 0 {
				rows++
			}
		}
		if rows >= 2 {
			return true
		}
	}
	return false
}

// key names what stands at an address by its path below the base.
func (s *site) key(kind string, u *url.URL) string {
	path := u.EscapedPath()
	if below, ok := strings.CutPrefix(path, strings.TrimSuffix(s.root.EscapedPath(), "/")); ok && u.Host == s.root.Host {
		path = below
	} else if u.Host != s.root.Host {
		path = "//" + u.Host + path
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return kind + path
}

// A link is a link of a page with its own words.
type link struct {
	url  *url.URL
	text string // as printed, in one line
	node *goquery.Selection
}

// link reads an a element; false for one that leads nowhere else.
func (s *site) link(p *crawl.Page, a *goquery.Selection) (link, bool) {
	href := a.AttrOr("href", "")
	u, err := url.Parse(p.Abs(href))
	if err != nil || u.Host == "" || strings.HasPrefix(strings.TrimSpace(href), "#") || u.String() == p.URL.String() {
		return link{}, false
	}
	if q := u.Query(); len(q) > 0 {
		for name := range q {
			if strings.HasPrefix(name, "utm_") || strings.HasPrefix(name, "ccm_") { // how one came, not where one is
				q.Del(name)
			}
		}
		u.RawQuery = q.Encode()
	}
	return link{url: u, text: s.tidy.line(visible(a)), node: a}, true
}

// isFile tells papers from pages, by the address alone.
func isFile(u *url.URL) bool {
	path := strings.ToLower(u.Path)
	for _, end := range []string{".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".zip"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	// Concrete CMS and Drupal hide the name of a file.
	return strings.Contains(path, "/download_file/") || strings.Contains(path, "/media/") && strings.HasSuffix(path, "/download")
}

// file tells links to papers from links to pages: by the address, or by what the
// link says of itself where the address does not (PDF, 2.3 MB).
func (s *site) file(l link) bool {
	if isFile(l.url) {
		return true
	}
	switch kind := strings.ToLower(l.node.AttrOr("type", "")); {
	case strings.HasPrefix(kind, "application/pdf"), strings.HasPrefix(kind, "application/vnd."), strings.HasPrefix(kind, "application/msword"):
		return true
	}
	return !isWeb(l.url) && s.tidy.sized.MatchString(l.text)
}

// isPaper tells what is listed as a paper: a file, or a web page that is called
// one on a list that is not itself such a page. Where all pages of a site end in
// .html, the ending says nothing.
func (s *site) isPaper(p *crawl.Page, l link) bool {
	return s.file(l) || isWeb(l.url) && !isWeb(p.URL) && s.tidy.web.MatchString(l.text) && s.tidy.folder(l.text) == 0
}

func isWeb(u *url.URL) bool {
	path := strings.ToLower(u.Path)
	return strings.HasSuffix(path, ".htm") || strings.HasSuffix(path, ".html") || strings.HasSuffix(path, ".xhtml")
}

// content is the part of a page that is about its subject, or the whole body
// without menus where the page does not say.
func content(d *goquery.Document) *goquery.Selection {
	d.Find("script, style, noscript, template").Remove()
	for _, where := range []string{"main", "[role=main]", "#content", "#main-content"} {
		if c := d.Find(where); c.Length() > 0 {
			c.Find("nav, aside").Remove()
			return c.First()
		}
	}
	d.Find("nav, header, footer, aside").Remove()
	return d.Find("body")
}

// paper makes the item of a paper that stands for itself.
func (s *site) paper(l link, heading string, d date) store.Item {
	key, label := s.key("document", l.url), s.tidy.label(l)
	it := store.Item{
		Key: key, Kind: store.KindPaper, Title: label, URL: l.url.String(), Fields: map[string]string{},
		Documents: []store.Document{{Key: key, Title: label, URL: l.url.String(), Role: store.RoleReport}},
	}
	if heading != "" {
		it.Title = heading + ": " + label
		it.Fields[store.FieldHeading] = heading
	}
	if name := s.tidy.apart(heading, label); name != "" {
		it.Fields[store.FieldCommittee] = name
	}
	s.when(&it, d)
	return it
}

// when enters a day whose hour is not known, and what is doubtful about it.
func (s *site) when(it *store.Item, d date) {
	if d.full() {
		it.Fields[store.FieldWhen] = d.at(0, 0, s.loc).Format(time.RFC3339)
	}
	if d.Doubt != "" {
		it.Fields[store.FieldDoubt] = d.Doubt
	}
}

// cover says how far back the list goes: what is older has dropped off, and is
// not withdrawn.
func (s *site) cover(p *crawl.Page, items []store.Item) {
	var oldest time.Time
	for _, it := range items {
		if t := it.When(); !t.IsZero() && (oldest.IsZero() || t.Before(oldest)) {
			oldest = t
		}
	}
	if !oldest.IsZero() {
		p.Cover(oldest, time.Time{})
	}
}

// doubtful adds a doubt to an item that may have one already.
func doubtful(it *store.Item, doubt string) {
	if old := it.Fields[store.FieldDoubt]; old != "" && !strings.Contains(old, doubt) {
		doubt = old + "; " + doubt
	}
	it.Fields[store.FieldDoubt] = doubt
}
