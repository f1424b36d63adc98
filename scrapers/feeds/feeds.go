// Package feeds reads what publishes itself: Atom, RSS 2.0, RSS 1.0 and JSON
// feeds, GOV.UK's searches and Citizen Space's consultations among them, and
// the requests that WhatDoTheyKnow (Alaveteli) shows.
//
// A feed shows the newest entries only: what is not in it is not gone. Entries
// are known by the id the feed gives them, never by their place in it.
package feeds

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // the machine may have no zone files

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Options describe one feed.
type Options struct {
	ID   string // of the source
	Name string
	Body string // id of the body, "" where entries name none
	Base string // root of the site
	Page string // path of the feed below Base, its query included, or its whole address
	Pace time.Duration
}

// Names of the fields of an entry. Times are RFC 3339 with London's offset.
const (
	FieldSummary = store.FieldSummary
	FieldOpens   = store.FieldOpens
	FieldCloses  = store.FieldCloses
	FieldState   = "state" // where a request stands, in the site's words
	FieldEvent   = "event" // last thing that happened to a request
	FieldEventAt = store.FieldEventAt
)

// Source is a feed whose entries are items of kind page.
func Source(o Options) (crawl.Source, error) {
	address, err := at(o)
	if err != nil {
		return crawl.Source{}, fmt.Errorf("feed source %s: %w", o.ID, err)
	}
	rd := newReader()
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "feed", Base: o.Base, Kind: store.KindPage, Pace: o.Pace,
		Plan: func(v crawl.Visit) []crawl.Request {
			return []crawl.Request{crawl.Again(crawl.Request{
				URL:    address,
				Accept: "application/atom+xml, application/rss+xml, application/feed+json, application/json;q=0.9, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1",
				Parse:  func(p *crawl.Page) error { return rd.feed(p, v) },
			}, 2)}
		},
	}, nil
}

// at is the address of the feed.
func at(o Options) (string, error) {
	root, err := url.Parse(strings.TrimSuffix(o.Base, "/") + "/")
	if err != nil || root.Scheme != "http" && root.Scheme != "https" || root.Host == "" {
		return "", fmt.Errorf("base %q is no http or https address", o.Base)
	}
	u, err := root.Parse(strings.TrimPrefix(o.Page, "/"))
	if err != nil || u.Host != root.Host {
		return "", fmt.Errorf("page %q is not on %s", o.Page, root.Host)
	}
	return u.String(), nil
}

// An entry is one entry of a feed, whatever its format.
type entry struct {
	id, title, link string
	summary         string   // plain text
	prose           []string // its title and all its words, line by line
	published       time.Time
	updated         time.Time
	opens, closes   string // RFC 3339 or YYYY-MM-DD
	status          string
	consultation    bool // the feed lists things that open and close
	body            string
	files           []store.Document
	occasion        *occasion // of a feed of events
}

// feed reads any of the formats and hands its entries on.
func (rd *reader) feed(p *crawl.Page, v crawl.Visit) error {
	list, err := rd.entries(p)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	nameless := 0
	for _, e := range list {
		if e.permanent(rd) {
			continue
		}
		it, ok := rd.item(p, e)
		if !ok {
			nameless++
			continue
		}
		if seen[it.Key] {
			continue // some feeds list a thing once for each of its signatories
		}
		seen[it.Key] = true
		p.Add(it)
	}
	if nameless > 0 {
		p.Problem(store.ReasonFormat, "entries of the feed", fmt.Sprintf("%d of %d have neither an id nor an address", nameless, len(list)))
	}
	if nameless > 0 && nameless == len(list) {
		return crawl.Errorf(store.ReasonFormat, "none of the feed's %d entries has an id or an address", len(list))
	}
	if v.Backfill() {
		p.Checkpoint("")
		return nil
	}
	p.Checkpoint(v.Now.UTC().Format(time.RFC3339))
	return nil
}

// consultationMost is the longest that a consultation is open. What is "open"
// for longer, or without an end, is a page that somebody put among them.
const consultationMost = 550 * 24 * time.Hour

func (e entry) permanent(rd *reader) bool {
	if !e.consultation {
		return false
	}
	opens, ok := rd.time(e.opens)
	closes, ends := rd.time(e.closes)
	return !ends || ok && closes.Sub(opens) > consultationMost
}

// item is the entry as it is kept. Its key is the feed's own id, and its
// address only where it has none: ids are promised to last.
func (rd *reader) item(p *crawl.Page, e entry) (store.Item, bool) {
	link := p.Abs(e.link)
	id := strings.TrimSpace(e.id)
	if id == "" {
		id = link
	}
	if link == "" {
		link = p.Abs(id)
	}
	if id == "" {
		return store.Item{}, false
	}
	if link == "" { // an entry without an address of its own: the feed has one
		link = p.URL.String()
	}
	it := store.Item{
		Key: "entry/" + clip(id, 500), Kind: store.KindPage, Title: e.title, URL: link, Body: e.body,
		Published: e.published, Documents: e.files, Fields: map[string]string{},
	}
	if it.Title == "" {
		it.Title = clip(e.summary, 120)
	}
	if it.Title == "" {
		it.Title = link
	}
	for name, value := range map[string]string{FieldSummary: e.summary, FieldOpens: rd.day(e.opens), FieldCloses: rd.day(e.closes), store.FieldStatus: e.status} {
		if value != "" {
			it.Fields[name] = value
		}
	}
	if it.Published.IsZero() {
		it.Published = e.updated
	}
	if e.occasion != nil {
		rd.event(&it, e.occasion)
	}
	rd.readDates(&it, e)
	return it, true
}

// day writes a date or time as our fields do; what cannot be read stays as printed.
func (rd *reader) day(s string) string {
	s = strings.TrimSpace(s)
	if t, ok := rd.time(s); ok {
		return t.In(rd.london).Format(time.RFC3339)
	}
	return s
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// newest orders entries, the newest first, for those who need the last one.
func newest[T any](list []T, at func(T) time.Time) {
	slices.SortStableFunc(list, func(a, b T) int { return at(b).Compare(at(a)) })
}
