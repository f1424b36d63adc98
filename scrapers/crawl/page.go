package crawl

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/store"
)

// A Page is one answer, with what a Parse function may do. Its methods only
// collect values; they count if Parse returns nil and not otherwise.
type Page struct {
	URL    *url.URL // after redirects, under the host name of the source's base where it is that site's
	Header http.Header
	Body   []byte // UTF-8 for text types, raw otherwise

	home string // see Source.home; "" for a page of no source
	got  gathered
	seen func(key string) (store.Item, bool)
	doc  *goquery.Document
}

// gathered is what one page gave.
type gathered struct {
	follow     []Request
	items      []store.Item
	updates    []update
	problems   []store.Problem
	none       bool
	from, to   time.Time
	reached    bool // a checkpoint
	checkpoint string
	notes      string
}

type update struct {
	key string
	set func(*store.Item)
}

// page makes the page of an answer.
func (v *visit) page(a *Answer) *Page {
	home := v.src.home()
	return &Page{URL: under(home, a.URL), Header: a.Header, Body: a.Body, home: home, seen: v.seen}
}

// NewPage is for tests of Parse functions that need no crawl.
func NewPage(address string, header http.Header, body []byte) (*Page, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return &Page{URL: u, Header: header, Body: body, seen: func(string) (store.Item, bool) { return store.Item{}, false }}, nil
}

// HTML parses the body as a page. Documents nested deeper than the parser
// bears are an error, never an empty page.
func (p *Page) HTML() (*goquery.Document, error) {
	if p.doc == nil {
		d, err := goquery.NewDocumentFromReader(bytes.NewReader(p.Body))
		if err != nil {
			return nil, Errorf(store.ReasonFormat, "%v", err)
		}
		p.doc = d
	}
	return p.doc, nil
}

// Abs resolves a link of the page; "" for one that is empty, broken or not http(s).
// One to the site's other name ("www." or not) is given under the name of its base.
func (p *Page) Abs(href string) string {
	u, err := p.URL.Parse(strings.TrimSpace(href))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return ""
	}
	u.Fragment = ""
	return under(p.home, u).String()
}

// Follow asks for a further page, before the requests that were waiting.
func (p *Page) Follow(r Request) { p.got.follow = append(p.got.follow, r) }

// Add reports an item. Adding a key again replaces the item.
func (p *Page) Add(it store.Item) { p.got.items = append(p.got.items, it) }

// Update completes an item that was added before (by this page or an earlier
// one); an unknown key is ignored.
func (p *Page) Update(key string, set func(*store.Item)) {
	p.got.updates = append(p.got.updates, update{key, set})
}

// Seen returns an item added by an earlier page of this visit.
func (p *Page) Seen(key string) (store.Item, bool) { return p.seen(key) }

// None says that the source itself states that it lists nothing.
func (p *Page) None() { p.got.none = true }

// Cover bounds what absence means in a whole list: only items with a When in
// [from, to) can be missing.
func (p *Page) Cover(from, to time.Time) { p.got.from, p.got.to = from, to }

// Checkpoint says that a feed was read completely up to here, so that what was
// gathered may be handed on; cursor is kept for the next visit. A backfill
// gives "": it must not move the feed's mark.
func (p *Page) Checkpoint(cursor string) { p.got.reached, p.got.checkpoint = true, cursor }

// Note replaces what a feed remembers from visit to visit beside its cursor
// (store.Snapshot.Notes). It is kept with the items of the pages so far.
func (p *Page) Note(notes string) { p.got.notes = notes }

// Problem notes something on the page that could not be read or believed.
func (p *Page) Problem(reason store.Reason, what, detail string) {
	p.got.problems = append(p.got.problems, store.Problem{Reason: reason, What: what, URL: p.URL.String(), Detail: detail})
}

// Items returns what the page added so far, for tests.
func (p *Page) Items() []store.Item { return p.got.items }

// Requests returns what the page follows so far, for tests.
func (p *Page) Requests() []Request { return p.got.follow }
