package feeds

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/crawl/crawltest"
	"ccgwatch/store"
)

func now() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) }

func visit(t *testing.T, src crawl.Source, pages string, old store.Snapshot) (s store.Sighting, err error) {
	t.Helper()
	site := crawltest.Open(txtar.Parse([]byte(pages)))
	synctest.Test(t, func(*testing.T) {
		cr := &crawl.Crawler{Fetch: &crawl.Fetcher{Transport: site, UserAgent: "test"}}
		_, err = cr.Visit(context.Background(), src, crawl.Visit{Now: now(), Old: old}, func(got store.Sighting) error {
			s = got
			return nil
		})
	})
	return s, err
}

func print(s store.Sighting, err error) string {
	if err != nil {
		return "error " + string(crawl.ReasonOf(err))
	}
	var b strings.Builder
	for _, it := range s.Items {
		at := ""
		if !it.Published.IsZero() {
			at = it.Published.UTC().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(&b, "%s | %s | %s | %s", it.Key, at, it.Title, it.URL)
		for _, name := range slices.Sorted(maps.Keys(it.Fields)) {
			fmt.Fprintf(&b, " | %s=%s", name, it.Fields[name])
		}
		for _, d := range it.Documents {
			fmt.Fprintf(&b, " | file %s", d.URL)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Every format gives the same kind of items; what is no feed, or half of one,
// is an error and never a feed without entries.
func TestFormats(t *testing.T) {
	a, err := txtar.ParseFile(filepath.Join("testdata", "feeds.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(a.Files); i += 2 {
		f, want := a.Files[i], a.Files[i+1]
		t.Run(f.Name, func(t *testing.T) {
			if want.Name != "want "+f.Name {
				t.Fatalf("%s stands where want %s should", want.Name, f.Name)
			}
			src, err := Source(Options{ID: "f", Base: "https://feeds.example", Page: f.Name})
			if err != nil {
				t.Fatal(err)
			}
			got := print(visit(t, src, "-- https://feeds.example"+f.Name+" --\n"+string(f.Data), store.Snapshot{}))
			if d := cmp.Diff(strings.TrimSpace(string(want.Data)), strings.TrimSpace(got)); d != "" {
				t.Error("(-want +got)\n", d)
			}
		})
	}
}

const body = "https://www.whatdotheyknow.example"

func wdtk(t *testing.T) crawl.Source {
	t.Helper()
	src, err := WhatDoTheyKnow(Options{ID: "w", Base: body, Page: "/body/sample_council"})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func foi(id int, slug, kind, state, day string) string {
	return fmt.Sprintf(`{"id":%d,"event_type":%q,"created_at":"2026-11-%sT10:12:00.000+00:00","display_status":%q,"snippet":"Dear Council, I am Example Person","info_request":{"id":1,"url_title":%q,"title":"Beds in %s"},"user":{"name":"Example Person"}}`, id, kind, day, state, slug, slug)
}

func events(list ...string) string {
	return "-- " + body + "/feed/body/sample_council.json --\n[" + strings.Join(list, ",") + "]"
}

// What the truth calls new and what it calls an event, and nobody's name.
func TestRequests(t *testing.T) {
	first, err := visit(t, wdtk(t), events(foi(5, "old", "sent", "waiting_response", "01")), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := store.Diff(store.Snapshot{}, first)
	old.Baseline = now()
	s, err := visit(t, wdtk(t), events(
		foi(9, "unseen", "response", "rejected", "21"), foi(8, "both", "response", "successful", "20"), foi(7, "new", "sent", "waiting_response", "19"),
		foi(11, "tidied", "edit", "waiting_response", "22"), foi(6, "both", "sent", "waiting_response", "18"),
		foi(10, "old", "followup_sent", "internal_review", "21")), old)
	if err != nil {
		t.Fatal(err)
	}
	next, changes := store.Diff(old, s)
	got := map[string][]store.What{}
	for _, c := range changes {
		got[c.Key] = c.What
	}
	want := map[string][]store.What{
		"request/new": {store.RequestNew}, "request/old": {store.RequestEvent},
		"request/both": {store.RequestNew, store.RequestEvent}, "request/unseen": {store.RequestEvent},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error("(-want +got)\n", d)
	}
	if next.Cursor != "11" || next.Items["request/old"].Fields[FieldState] != "internal review" {
		t.Errorf("cursor %q, %+v", next.Cursor, next.Items["request/old"])
	}
	if all := fmt.Sprintf("%+v", next); strings.Contains(all, "Person") {
		t.Error("the requester's name is kept:", all)
	}
	again, err := visit(t, wdtk(t), events(foi(9, "unseen", "response", "rejected", "21"), foi(10, "old", "followup_sent", "internal_review", "21")), next)
	if err != nil {
		t.Fatal(err)
	}
	if _, changes := store.Diff(next, again); len(changes) != 0 {
		t.Errorf("seen again, and news: %+v", changes)
	}
}

func TestRequestsBetweenTwoVisitsAreMissed(t *testing.T) {
	var list []string
	for i := range mostEvents {
		list = append(list, foi(100+i, fmt.Sprint("r", i), "sent", "x", "20"))
	}
	s, err := visit(t, wdtk(t), events(list...), store.Snapshot{Cursor: "50"})
	if err != nil || len(s.Problems) != 1 || s.Problems[0].Reason != store.ReasonGap {
		t.Errorf("%v %v", s.Problems, err)
	}
}

// Off by default: the site's own rules keep us out until they say otherwise.
func TestRobotsKeepUsOutOfTheFeeds(t *testing.T) {
	pages := events(foi(5, "old", "sent", "x", "01")) + "\n-- " + body + "/robots.txt --\nUser-agent: *\nDisallow: */feed/*\n"
	if _, err := visit(t, wdtk(t), pages, store.Snapshot{}); crawl.ReasonOf(err) != store.ReasonRobots {
		t.Errorf("%v, want the reason robots", err)
	}
	if !strings.Contains(WhyOff, "ask") {
		t.Error("the reason does not say what to do")
	}
}

func TestRowsThatNameNothing(t *testing.T) {
	for _, o := range []Options{{Base: "x"}, {Base: body, Page: "https://elsewhere.example/feed"}} {
		if _, err := Source(o); err == nil {
			t.Errorf("feed %+v is taken", o)
		}
	}
	for _, page := range []string{"", "/", "/request/x", "/body/"} {
		if _, err := WhatDoTheyKnow(Options{Base: body, Page: page}); err == nil {
			t.Errorf("whatdotheyknow page %q is taken", page)
		}
	}
}

func FuzzFeeds(f *testing.F) {
	a, err := txtar.ParseFile(filepath.Join("testdata", "feeds.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range a.Files {
		f.Add(x.Data)
	}
	f.Add([]byte("[" + foi(1, "a", "sent", "s", "01") + "]"))
	rd := newReader()
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, parse := range []func(*crawl.Page) error{
			func(p *crawl.Page) error { return rd.feed(p, crawl.Visit{Now: now()}) },
			func(p *crawl.Page) error { return rd.events(p, crawl.Visit{Now: now()}, body) },
		} {
			p, err := crawl.NewPage("https://feeds.example/f", nil, b)
			if err != nil {
				t.Fatal(err)
			}
			if parse(p) != nil {
				continue
			}
			seen := map[string]bool{}
			for _, it := range p.Items() {
				if seen[it.Key] || it.Title == "" && i == 0 || it.URL == "" {
					t.Errorf("%+v: twice, or without title or address", it)
				}
				seen[it.Key] = true
			}
		}
	})
}
