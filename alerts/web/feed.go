package web

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // of UUIDs by name
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"ccgwatch/store"
)

// Feeds are Atom (RFC 4287): the newest findings, of everything, of a search or
// of a body. All text is type="text", so that no reader takes a word of a
// source for markup.

// entriesPerFeed is how many findings a feed has, and lookedForFeed how many
// changes of a body are asked for them. A feed holds no more bytes than a page.
const (
	entriesPerFeed = 50
	lookedForFeed  = 2000
)

// feedBytes is about how large a feed may grow; older entries are left out.
const feedBytes = 90 << 10

// feedLink leads to a feed.
type feedLink struct{ Path, Title string }

type atomFeed struct {
	XMLName   xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang      string      `xml:"xml:lang,attr"`
	Title     atomText    `xml:"title"`
	Subtitle  atomText    `xml:"subtitle"`
	ID        string      `xml:"id"`
	Links     []atomLink  `xml:"link"`
	Updated   string      `xml:"updated"`
	Author    atomAuthor  `xml:"author"`
	Generator string      `xml:"generator"`
	Entries   []atomEntry `xml:"entry"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

type atomLink struct {
	Rel   string `xml:"rel,attr"`
	Type  string `xml:"type,attr,omitempty"`
	Href  string `xml:"href,attr"`
	Title string `xml:"title,attr,omitempty"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomCategory struct {
	Term  string `xml:"term,attr"`
	Label string `xml:"label,attr"`
}

type atomEntry struct {
	Title     atomText       `xml:"title"`
	ID        string         `xml:"id"`
	Links     []atomLink     `xml:"link"`
	Updated   string         `xml:"updated"`
	Published string         `xml:"published"`
	Category  []atomCategory `xml:"category"`
	Summary   atomText       `xml:"summary"`

	at place // in the list of findings
}

// feeds remembers what was answered, because programs ask again and again for
// the same: as long as the log and the matcher stand where they stood, for a
// few minutes at most, so that what a later release judges again shows too.
type feeds struct {
	mu    sync.Mutex
	known map[string]answered
	bytes int // of all that is known, and of what it replaced
}

type answered struct {
	state   feedState
	at      time.Time
	body    []byte
	updated time.Time
}

// feedState is what a feed's content depends on.
type feedState struct {
	log   uint64
	found store.Position
}

const (
	feedsKept  = 64
	feedsBytes = 16 << 20
	feedFresh  = 5 * time.Minute
)

// follower is who makes findings of the log.
const follower = "match"

// feed answers the feed of a search in the language of /findings; without one,
// of everything. Cost: as the page of the findings.
func (s *site) feed(w http.ResponseWriter, r *http.Request) error {
	f, before, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	var wrong *mistake
	if f.parsed, wrong = parse(f.Query); wrong != nil {
		return badRequest("The search of this feed cannot be read: we " + line(wrong.Expected, 200) + ".")
	}
	x := atomSource{path: "/feed.atom", query: f.values(), before: before, page: "/findings", title: "Findings", about: "What we found in what public bodies publish, newest first."}
	if len(x.query) > 0 {
		x.title, x.about = "Findings: "+s.inWords(f), "What we found that fits this search, newest first."
	}
	return s.answerFeed(w, r, x, func(ctx context.Context) ([]atomEntry, place, error) {
		list, next, err := s.recent(ctx, f, before, entriesPerFeed)
		return s.entries(s.address(r), list), next, err
	})
}

// inWords names a search.
func (s *site) inWords(f filter) string {
	var out []string
	if f.Query != "" {
		out = append(out, line(f.Query, 200))
	}
	if f.Topic != "" {
		out = append(out, topicWords(f.Topic))
	}
	if f.Source != "" {
		out = append(out, line(s.sourceName(f.Source), 200))
	}
	return strings.Join(out, ", ")
}

// bodyFeed answers the feed of one body.
func (s *site) bodyFeed(w http.ResponseWriter, r *http.Request) error {
	b, ok := s.bodyOf(r.PathValue("id"))
	if !ok {
		return store.ErrNotFound
	}
	path := "/body/" + url.PathEscape(b.ID)
	_, before, err := readFilter(url.Values{"before": r.URL.Query()["before"]})
	if err != nil {
		return err
	}
	x := atomSource{path: path + "/feed.atom", before: before, page: path, title: "Findings: " + line(b.Name, 200), about: "What we found in what this body publishes and buys, newest first."}
	return s.answerFeed(w, r, x, func(ctx context.Context) ([]atomEntry, place, error) {
		if err := s.record.follow(ctx); err != nil {
			return nil, place{}, err
		}
		list, next, err := s.bodyFindings(ctx, b.ID, before, entriesPerFeed)
		return s.entries(s.address(r), list), next, err
	})
}

// An atomSource is what a feed says of itself.
type atomSource struct {
	path         string
	query        url.Values
	before       place  // where this part of it begins, none for the newest
	page         string // the page with the same list
	title, about string
}

func (x atomSource) at(path string) string {
	if len(x.query) == 0 {
		return path
	}
	return path + "?" + x.query.Encode()
}

// part is the address of the part of a feed that begins at a place.
func (x atomSource) part(from place) string {
	if (from == place{}) {
		return x.at(x.path)
	}
	q := url.Values{"before": {from.String()}}
	for name, value := range x.query {
		q[name] = value
	}
	return x.path + "?" + q.Encode()
}

// answerFeed answers with a feed, or with 304 where the reader has it already.
// The tag is of the content. Last-Modified is the newest entry's time, to the
// second: a program that knows no tags may be told of a second finding of the
// same second with the next one only.
func (s *site) answerFeed(w http.ResponseWriter, r *http.Request, x atomSource, find func(context.Context) ([]atomEntry, place, error)) error {
	base := s.address(r)
	key := base + x.part(x.before)
	state, err := s.feedState(r.Context())
	if err != nil {
		return err
	}
	now := s.Now()
	a, ok := s.feeds.get(key, state, now)
	if !ok {
		list, next, err := find(r.Context())
		if err != nil {
			return err
		}
		if a.body, a.updated, err = s.atom(base, x, list, next); err != nil {
			return fmt.Errorf("writing the feed: %w", err)
		}
		a.state, a.at = state, now
		s.feeds.put(key, a)
	}
	sum := sha256.Sum256(a.body)
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", a.updated, bytes.NewReader(a.body))
	return nil
}

func (s *site) feedState(ctx context.Context) (feedState, error) {
	log, err := s.Ledger.LastSeq(ctx)
	if err != nil {
		return feedState{}, err
	}
	found, err := s.Outbox.Position(ctx, follower)
	return feedState{log, found}, err
}

func (f *feeds) get(key string, state feedState, now time.Time) (answered, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.known[key]
	age := now.Sub(a.at)
	return a, ok && a.state == state && age >= 0 && age < feedFresh
}

func (f *feeds) put(key string, a answered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil || len(f.known) >= feedsKept || f.bytes+len(a.body) > feedsBytes {
		f.known, f.bytes = map[string]answered{}, 0
	}
	f.bytes += len(a.body)
	f.known[key] = a
}

// address is where the pages are: the public address, else the name they were
// asked by, which guard has looked at.
func (s *site) address(r *http.Request) string {
	if s.URL != "" {
		return strings.TrimRight(s.URL, "/")
	}
	return "http://" + strings.ToLower(r.Host)
}

// tag is an identifier for good: by RFC 4151, of the authority that the public
// address names, on a day when it was ours. Without an address there is no
// authority, and it is a UUID by name (RFC 9562, version 5) within that of this
// installation, so that no two groups give the same.
func (s *site) tag(day, what string) string {
	if u, err := url.Parse(s.URL); err == nil && u.Hostname() != "" {
		return "tag:" + strings.ToLower(u.Hostname()) + "," + day + ":" + what
	}
	h := sha1.New() //nolint:gosec // as the RFC has it: a name, and no secret
	_, _ = h.Write(s.Installation[:])
	_, _ = io.WriteString(h, day+":"+what) // neither fails
	id := h.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// entries are findings as a feed tells them. They never change, so an entry was
// updated when it was found.
func (s *site) entries(base string, list []store.Finding) []atomEntry {
	var out []atomEntry
	for _, x := range list {
		e := s.entry(base, x)
		e.at = place{x.Change, x.ID}
		out = append(out, e)
	}
	return out
}

// atom writes one part of a feed (RFC 5005): next is the place after the last
// entry, none where there are no more. A part without entries was updated when
// this server began.
func (s *site) atom(base string, x atomSource, list []atomEntry, next place) ([]byte, time.Time, error) {
	group := "CCGWatch"
	if g := plain(s.Group, 200); g != "" {
		group = g + " (CCGWatch)"
	}
	f := atomFeed{
		Lang: "en-GB", Title: text(x.title+" · "+group, 400), Subtitle: text(x.about, 400), ID: s.tag("2026", "feed"+strings.TrimPrefix(x.at(x.path), "/feed.atom")),
		Links: []atomLink{
			{Rel: "self", Type: "application/atom+xml", Href: base + x.part(x.before)},
			{Rel: "alternate", Type: "text/html", Href: base + x.at(x.page)},
			{Rel: "first", Type: "application/atom+xml", Href: base + x.at(x.path)},
		},
		Author: atomAuthor{Name: group}, Generator: "CCGWatch",
	}
	size := 0
	for i, e := range list {
		if size += e.size(); size > feedBytes && i > 0 {
			next = list[i-1].at
			break
		}
		f.Entries = append(f.Entries, e)
	}
	if (next != place{}) {
		f.Links = append(f.Links, atomLink{Rel: "next", Type: "application/atom+xml", Href: base + x.part(next)})
	}
	var updated time.Time
	for _, e := range f.Entries {
		if at, err := time.Parse(time.RFC3339, e.Updated); err == nil {
			updated = latest(updated, at)
		}
	}
	if len(f.Entries) == 0 {
		updated = s.started
	}
	f.Updated = stamp(updated)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	err := xml.NewEncoder(&b).Encode(f)
	return b.Bytes(), updated, err
}

// entry is one finding as a feed tells it.
func (s *site) entry(base string, x store.Finding) atomEntry {
	title := plain(x.Title, 300)
	if title == "" {
		title = "Without a title"
	}
	said := []string{plain(s.whose(x.Source, x.BodyName), 400) + "."}
	if !x.When.IsZero() {
		said = append(said, "Meeting: "+s.meeting(x.When)+".")
	}
	for i, m := range x.Best() {
		q := plain(m.Quote, 1200)
		if q == "" {
			continue
		}
		where := plain(x.Document, 200)
		if where == "" {
			where = "from the " + strings.ToLower(kindWords(x.Kind))
		}
		if m.Page > 0 {
			where += fmt.Sprintf(", page %d", m.Page)
		}
		if i == 0 {
			for _, o := range x.AlsoIn {
				where += fmt.Sprintf("; also in %s, page %d", plain(o.Document, 200), o.Page)
			}
		}
		said = append(said, "“"+q+"” ("+where+").")
	}
	if x.More > 0 {
		said = append(said, fmt.Sprintf("And %d more there.", x.More))
	}
	if d := x.Deadline; d != nil {
		switch {
		case d.Stated != "":
			said = append(said, deadlineWords(d.Kind)+": "+plain(s.date(d.Stated), 200)+", the source says.")
		case d.Computed != "":
			said = append(said, deadlineWords(d.Kind)+": "+plain(s.date(d.Computed), 200)+", counted by us from the rule.")
		}
	}
	said = append(said, tierWords(x.Tier)+".")
	at := stamp(x.At)
	e := atomEntry{
		Title: text(topicWords(x.Topic)+": "+title, 400), ID: s.tag(x.At.UTC().Format(time.DateOnly), "finding/"+url.PathEscape(x.ID)),
		Links:   []atomLink{{Rel: "alternate", Type: "text/html", Href: base + "/finding/" + url.PathEscape(x.ID)}},
		Updated: at, Published: at,
		Category: []atomCategory{{Term: plain(string(x.Topic), 40), Label: plain(topicWords(x.Topic), 40)}},
		Summary:  text(strings.Join(said, " "), 3000),
	}
	if l := webLink(paged(x.URL, x.Page)); l != nil {
		e.Links = append(e.Links, atomLink{Rel: "via", Href: l.URL, Title: "Source at " + l.Host})
	}
	return e
}

// size is about how many bytes an entry takes.
func (e atomEntry) size() int {
	n := 700
	texts := []string{e.Title.Text, e.Summary.Text, e.ID, e.ID}
	for _, l := range e.Links {
		texts = append(texts, l.Href, l.Title)
	}
	for _, t := range texts {
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(t)) // a buffer takes everything
		n += b.Len()
	}
	return n
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func text(s string, most int) atomText { return atomText{Type: "text", Text: plain(s, most)} }

// plain is said without what XML forbids: of what line leaves that is U+FFFE
// and U+FFFF.
func plain(s string, most int) string {
	return said(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Noncharacter_Code_Point, r) {
			return -1
		}
		return r
	}, s), most)
}
