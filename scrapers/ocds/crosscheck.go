package ocds

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// The feed of Contracts Finder leaves notices out (four live ones in one week
// of August 2026). Its native search, a second interface to the same notices,
// lists them by their GUID. Once a day the last week is read in both, and what
// only the second knows is fetched by itself. A backfill does so over its span.

const (
	// nativeSize is the most that the native search gives; it has no pages.
	nativeSize = 1000
	// nativeShortest is the shortest window it is asked about.
	nativeShortest = time.Hour
	// crossEvery is how often the two are compared, crossAgain when at the
	// earliest after a comparison that did not succeed.
	crossEvery, crossAgain = 20 * time.Hour, 3 * time.Hour
	// crossVisit and crossBackfill bound the notices fetched by themselves.
	crossVisit, crossBackfill = 25, 400
	// oneAgain is when a notice is tried again that could not be had.
	oneAgain = 3 * 24 * time.Hour
)

// crossDue tells whether the comparison is due.
func (n notes) crossDue(now time.Time) bool {
	return !n.CrossNext.After(now) || n.CrossNext.Sub(now) > 2*crossEvery // the clock was set back
}

// A listing is one notice of the second interface that the first did not show.
type listing struct{ guid, edition string }

// A crossing is the comparison of a walk's span, window by window.
type crossing struct {
	walk
	first   map[string]bool // GUIDs that the feed showed
	missing []listing
	rest    bool // more are missing than are fetched at a time
}

// native begins the comparison after the walk. Until it is done it is noted as
// one that did not succeed.
func (w walk) native(p *crawl.Page) {
	c := crossing{walk: w, first: w.audit.ids.all()}
	c.audit.ids = nil
	c.pos = c.begun
	if !c.backfill {
		c.audit.notes.CrossNext = c.audit.now.Add(crossAgain)
	}
	c.note(p)
	p.Follow(c.search(c.longestLen))
}

// search asks the second interface about one window.
func (c crossing) search(length time.Duration) crawl.Request {
	end := c.until(length)
	from, to := c.bounds(end)
	return crawl.Request{
		URL: c.base + "/api/rest/2/search_notices/json", Accept: "application/json",
		Search: nativeQuery(from, to), Detail: "what the second interface lists from " + from + " to " + to,
		Parse: func(p *crawl.Page) error {
			c := c
			list, more, err := nativeList(p.Body)
			if err != nil {
				return err
			}
			if took := min(length, end.Sub(c.pos)); more && took > nativeShortest {
				p.Follow(c.search(half(took)))
				return nil
			}
			if more {
				gap(p, from, to, "the second interface lists more in an hour than it gives out")
			}
			c.compare(list)
			if end.Before(c.end) {
				c.pos = end
				p.Follow(c.search(min(2*length, c.longestLen)))
				return nil
			}
			c.fetch(p)
			return nil
		},
	}
}

// nativeQuery is the body of a search by date of publication alone.
func nativeQuery(from, to string) string {
	type criteria struct {
		From string `json:"publishedFrom"`
		To   string `json:"publishedTo"`
	}
	b, err := json.Marshal(struct {
		Criteria criteria `json:"searchCriteria"`
		Size     int      `json:"size"`
	}{criteria{from, to}, nativeSize})
	if err != nil {
		return "" // two strings and a number: cannot fail
	}
	return string(b)
}

// nativeList reads an answer of the native search: its notices, and whether
// there are more than it gave.
func nativeList(b []byte) (list []listing, more bool, err error) {
	top, err := openObject(b)
	if err != nil {
		return nil, false, err
	}
	raw, ok := top["noticeList"]
	if !ok {
		return nil, false, notPackage(top)
	}
	if string(raw) == "null" {
		raw = []byte("[]")
	}
	rows, err := splitArray(raw)
	if err != nil {
		return nil, false, fault(err)
	}
	f := &flags{}
	for _, row := range rows {
		v, err := parse(row, f, "noticeList")
		if err != nil {
			return nil, false, fault(err)
		}
		n := node{v: v, f: f}
		item := n.obj("item")
		if item.v.kind == null {
			item = n
		}
		guid := guidOf(item.raw("id"))
		if guid == "" {
			return nil, false, crawl.Errorf(store.ReasonFormat, "the search lists a notice without an id")
		}
		edition := first(item.raw("lastNotifableUpdate"), item.raw("publishedDate"))
		edition, _ = line(edition, 40)
		list = append(list, listing{guid, edition})
	}
	hits, err := strconv.Atoi(string(top["hitCount"]))
	more = len(list) >= nativeSize || err == nil && hits > len(list)
	return list, more, nil
}

// compare keeps what the feed did not show and was not fetched before.
func (c *crossing) compare(list []listing) {
	missing := c.missing[:len(c.missing):len(c.missing)]
	most := crossVisit
	if c.backfill {
		most = crossBackfill
	}
	listed := map[string]bool{}
	for _, m := range missing {
		listed[m.guid] = true
	}
	for _, l := range list {
		_, known := c.audit.notes.Second[l.String()]
		switch {
		case c.first[l.guid] || listed[l.guid] || known && !c.backfill:
		case len(missing) >= most:
			c.rest = true
		default:
			listed[l.guid] = true
			missing = append(missing, l)
		}
	}
	c.missing = missing
}

// second notes when a listing was asked for.
func (n notes) second(l listing, at time.Time) notes {
	n = n.clone()
	if n.Second == nil {
		n.Second = map[string]time.Time{}
	}
	n.Second[l.String()] = at
	return n
}

func (l listing) String() string { return strings.TrimSpace(l.guid + " " + l.edition) }

// fetch asks for the next missing notice; after the last the comparison is
// done, unless there is a rest.
func (c crossing) fetch(p *crawl.Page) {
	if len(c.missing) > 0 {
		l := c.missing[0]
		failed := c
		failed.audit.notes = c.audit.notes.second(l, c.audit.now.Add(oneAgain-keepSecond))
		failed.note(p)
		p.Follow(c.one(l))
		return
	}
	w := c.walk
	w.audit.notes = w.audit.notes.clone()
	if !w.backfill {
		w.audit.notes.CrossNext = w.audit.now.Add(crossEvery)
		w.audit.notes.Crossed = w.audit.now
		if c.rest {
			w.audit.notes.CrossNext = w.audit.now.Add(crossAgain)
		}
	} else if c.rest {
		p.Problem(store.ReasonGap, "notices that only the second interface lists", "more than are fetched in one backfill: cut it in two")
	}
	w.goOn(p)
}

// one asks for a notice by its GUID, in the two ways there are.
func (c crossing) one(l listing) crawl.Request {
	done := func(p *crawl.Page, got bool) {
		c := c
		c.missing = c.missing[1:]
		_, known := c.audit.notes.Second[l.String()]
		if !got {
			c.audit.notes = c.audit.notes.second(l, c.audit.now.Add(oneAgain-keepSecond))
			c.fetch(p)
			return
		}
		c.audit.notes = c.audit.notes.second(l, c.audit.now)
		if !known {
			c.audit.notes.Only++
		}
		c.fetch(p)
	}
	read := func(p *crawl.Page) error {
		top, err := openObject(p.Body)
		if err != nil {
			return err
		}
		releases, err := findReleases(top, p.Body)
		if err != nil {
			return err
		}
		done(p, len(c.add(p, releases)) > 0)
		return nil
	}
	what := "notice " + l.guid + ", which only the second interface lists"
	second := crawl.Request{
		URL: c.base + "/Published/OCDS/Release/" + l.guid, Accept: "application/json", Detail: what, Parse: read,
		Absent: func(p *crawl.Page) error {
			p.Problem(store.ReasonMissing, what, "it can be had in no form that can be read")
			done(p, false)
			return nil
		},
	}
	return crawl.Request{
		URL: c.base + "/Published/Notice/OCDS/" + l.guid, Accept: "application/json", Detail: what, Parse: read,
		Or: func(err error) []crawl.Request {
			switch crawl.ReasonOf(err) {
			case store.ReasonMissing, store.ReasonFormat:
				return []crawl.Request{second}
			}
			return nil
		},
	}
}

// guidOf is the GUID that an id begins with, in lower case; "" for none.
func guidOf(id string) string {
	if !isGUID(id) {
		return ""
	}
	return strings.ToLower(id[:36])
}
