package crawl_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// The sources of these tests speak a small language, one command a line:
//
//	item KEY TITLE        add a whole item
//	stub KEY TITLE        add the list entry of one, and follow /KEY for its details
//	entry KEY TITLE       add the list entry alone
//	title KEY TITLE       complete an item
//	follow PATH           ask for another page
//	cursor TEXT           checkpoint; a backfill has no text
//	cover FROM TO         (dates)
//	none | fail | panic KEY | panicnow | anonymous
func talk(p *crawl.Page) error {
	for line := range strings.Lines(string(p.Body)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		rest := strings.Join(f[min(2, len(f)):], " ")
		switch f[0] {
		case "item":
			p.Add(store.Item{Key: f[1], Title: rest, URL: p.Abs("/" + f[1])})
		case "stub":
			p.Add(store.Item{Key: f[1], Title: rest, URL: p.Abs("/" + f[1]), Stub: true})
			p.Follow(crawl.Request{URL: p.Abs("/" + f[1]), Parse: talk, Detail: f[1]})
		case "entry":
			p.Add(store.Item{Key: f[1], Title: rest, Stub: true})
		case "title":
			p.Update(f[1], func(it *store.Item) { it.Title, it.Stub = rest, false })
		case "anonymous":
			p.Add(store.Item{Title: "nobody"})
		case "follow":
			p.Follow(crawl.Request{URL: p.Abs(f[1]), Parse: talk})
		case "cursor":
			p.Checkpoint(strings.Join(f[1:], ""))
		case "cover":
			from, _ := time.Parse(time.DateOnly, f[1])
			to, _ := time.Parse(time.DateOnly, f[2])
			p.Cover(from, to)
		case "none":
			p.None()
		case "fail":
			return errors.New("not a list")
		case "panic":
			p.Update(f[1], func(it *store.Item) { it.Fields["x"] = "y" })
		case "panicnow":
			var none []string
			none[len(f)] = "x"
		}
	}
	return nil
}

var day = time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)

// crawlSite visits a source that begins at /list of a txtar site, and gives its
// sightings as text.
func crawlSite(t *testing.T, archive string, whole bool) (string, crawl.Report, error) {
	t.Helper()
	src := crawl.Source{ID: "test", Body: "body/x", Base: "https://a.example/", Whole: whole, Plan: func(crawl.Visit) []crawl.Request {
		return []crawl.Request{{URL: "https://a.example/list", Parse: talk}}
	}}
	return crawlSource(t, archive, src)
}

func crawlSource(t *testing.T, archive string, src crawl.Source) (out string, report crawl.Report, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: crawltest.Open(txtar.Parse([]byte(archive)))}}
		var b strings.Builder
		report, err = c.Visit(t.Context(), src, crawl.Visit{Now: day}, func(s store.Sighting) error {
			b.WriteString(sighting(s))
			return nil
		})
		out = b.String()
	})
	return out, report, err
}

func sighting(s store.Sighting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sighting cursor=%q last=%v none=%v\n", s.Cursor, s.Last, s.None)
	if !s.From.IsZero() || !s.To.IsZero() {
		fmt.Fprintf(&b, "  cover %s %s\n", s.From.Format(time.DateOnly), s.To.Format(time.DateOnly))
	}
	for i, it := range s.Items {
		if len(s.Items) > 20 && i > 0 && i < len(s.Items)-1 {
			continue
		}
		stub := ""
		if it.Stub {
			stub = " (stub)"
		}
		fmt.Fprintf(&b, "  %s %s%s\n", it.Key, it.Title, stub)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "  problem %s: %s\n", p.Reason, p.What)
	}
	return b.String()
}

func TestVisit(t *testing.T) {
	tests := []struct {
		name, site string
		whole      bool
		want       string
		reason     store.Reason
	}{
		{name: "a list", whole: true, site: `
-- https://a.example/list --
item a Minutes
item b Agenda
item a Minutes, approved
`, want: `
sighting cursor="" last=true none=false
  a Minutes, approved
  b Agenda
`},
		{name: "details first, then the next page; a stub does not undo them", whole: true, site: `
-- https://a.example/list --
stub a Meeting
follow /list2
-- https://a.example/a --
title a Meeting with papers
-- https://a.example/list2 --
entry a Meeting
item b Other
`, want: `
sighting cursor="" last=true none=false
  a Meeting with papers
  b Other
`},
		{name: "a detail that is gone leaves the stub, and a problem", whole: true, site: `
-- https://a.example/list --
stub a First
stub b Second
-- https://a.example/b --
title b Second, read
`, want: `
sighting cursor="" last=true none=false
  a First (stub)
  b Second, read
  problem missing: details of a
`},
		{name: "so does one that cannot be parsed, and what it had collected", whole: true, site: `
-- https://a.example/list --
stub a First
stub b Second
-- https://a.example/a --
title a Never seen
item c Never seen either
fail
-- https://a.example/b --
panicnow
`, want: `
sighting cursor="" last=true none=false
  a First (stub)
  b Second (stub)
  problem format: details of a
  problem format: details of b
`},
		{name: "and one whose item cannot be completed", whole: true, site: `
-- https://a.example/list --
stub a First
-- https://a.example/a --
panic a
`, want: `
sighting cursor="" last=true none=false
  a First (stub)
  problem format: details of a
`},
		{name: "a list page that fails ends it", whole: true, reason: store.ReasonMissing, site: `
-- https://a.example/list --
item a First
follow /list2
`},
		{name: "a list page that is none ends it", whole: true, reason: store.ReasonFormat, site: `
-- https://a.example/list --
item a First
fail
`},
		{name: "an item without a key is no item", whole: true, reason: store.ReasonFormat, site: `
-- https://a.example/list --
anonymous
`},
		{name: "nor does a parser that panics end the program", whole: true, reason: store.ReasonFormat, site: `
-- https://a.example/list --
item a First
follow /list2
-- https://a.example/list2 --
panicnow
`},
		{name: "a whole list of nothing", whole: true, reason: store.ReasonEmpty, site: `
-- https://a.example/list --
there is nothing here
`},
		{name: "unless it says so itself", whole: true, site: `
-- https://a.example/list --
none
`, want: `
sighting cursor="" last=true none=true
`},
		{name: "a feed of nothing is fine", site: `
-- https://a.example/list --
cursor c1
`, want: `
sighting cursor="c1" last=true none=false
`},
		{name: "a backfill that fails hands on what it has, too", reason: store.ReasonMissing, site: `
-- https://a.example/list --
item a First
cursor
follow /gone
`, want: `
sighting cursor="" last=false none=false
  a First
`},
		{name: "pages that lead in a circle", whole: true, reason: store.ReasonFormat, site: `
-- https://a.example/list --
item a First
follow /list
`},
		{name: "what one page covers does not speak for another", whole: true, site: `
-- https://a.example/list --
item a First
cover 2026-01-01 2026-12-31
follow /list2
-- https://a.example/list2 --
cover 2026-03-01 2027-01-31
`, want: `
sighting cursor="" last=true none=false
  cover 2026-03-01 2026-12-31
  a First
`},
		{name: "a link to elsewhere", whole: true, reason: store.ReasonBlocked, site: `
-- https://a.example/list --
item a First
follow https://b.example/list
`},
		{name: "what robots.txt disallows", whole: true, reason: store.ReasonRobots, site: `
-- https://a.example/robots.txt --
User-agent: *
Disallow: /list
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := crawlSite(t, tt.site, tt.whole)
			wantReason(t, err, tt.reason)
			if err != nil && !strings.Contains(err.Error(), "crawl test:") {
				t.Errorf("the error does not name the source: %v", err)
			}
			if d := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); d != "" {
				t.Errorf("sightings (-want +got):\n%s", d)
			}
		})
	}
}

// The web service first, the pages second, and a third that the second names.
func TestOr(t *testing.T) {
	request := func(path string, or func(error) []crawl.Request) crawl.Request {
		return crawl.Request{URL: "https://a.example" + path, Parse: talk, Or: or}
	}
	var told []error
	plan := func(last func(error) []crawl.Request) crawl.Source {
		return crawl.Source{ID: "test", Base: "https://a.example/", Whole: true, Plan: func(crawl.Visit) []crawl.Request {
			return []crawl.Request{
				request("/service", func(err error) []crawl.Request {
					told = append(told, err)
					return []crawl.Request{request("/pages", func(err error) []crawl.Request {
						told = append(told, err)
						return []crawl.Request{request("/rss", last)}
					})}
				}),
				request("/more", nil),
			}
		}}
	}
	site := `
-- https://a.example/service --
HTTP 403

-- https://a.example/pages --
item x Never seen
fail
-- https://a.example/rss --
item a First
-- https://a.example/more --
item b Second
`
	got, _, err := crawlSource(t, site, plan(nil))
	if want := "sighting cursor=\"\" last=true none=false\n  a First\n  b Second\n"; err != nil || got != want {
		t.Errorf("%s(%v), want %s", got, err, want)
	}
	if len(told) != 2 || crawl.ReasonOf(told[0]) != store.ReasonRefused || crawl.ReasonOf(told[1]) != store.ReasonFormat {
		t.Errorf("told %v", told)
	}
	// An Or that knows nothing else has not solved anything.
	site = strings.Replace(site, "item a First\n", "fail\n", 1)
	_, _, err = crawlSource(t, site, plan(func(error) []crawl.Request { return nil }))
	wantReason(t, err, store.ReasonFormat)
}

// A feed is handed on in parts, each at a checkpoint and none while items wait
// for their details; what was read before a failure is not read again.
func TestFeed(t *testing.T) {
	page := func(n, from, size int, extra string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "-- https://a.example/%d --\n", n)
		for i := range size {
			fmt.Fprintf(&b, "item n%d N\n", from+i)
		}
		return b.String() + extra
	}
	site := "-- https://a.example/list --\ncursor c0\nfollow /1\nfollow /2\nfollow /3\nfollow /4\nfollow /5\n" +
		page(1, 1, 120, "cursor c1\n") + page(2, 121, 120, "") + page(3, 241, 120, "cursor c3\n") + page(4, 361, 250, "stub s Later\ncursor c4\n") +
		"-- https://a.example/s --\ntitle s In time\n"
	want := `sighting cursor="c3" last=false none=false
  n1 N
  n360 N
sighting cursor="c4" last=%v none=false
  n361 N
  s In time
`
	got, report, err := crawlSite(t, site, false)
	wantReason(t, err, store.ReasonMissing)
	if d := cmp.Diff(fmt.Sprintf(want, false), got); d != "" {
		t.Errorf("failed at /5: sightings (-want +got):\n%s", d)
	}
	if report.Items != 360+251 || report.Requests != 7 {
		t.Errorf("report %+v", report)
	}
	got, _, err = crawlSite(t, strings.Replace(site, "follow /5\n", "", 1), false)
	if d := cmp.Diff(fmt.Sprintf(want, true), got); d != "" || err != nil {
		t.Errorf("well: %v, sightings (-want +got):\n%s", err, d)
	}
}

// A host that dies in the middle costs three details, not three hundred times
// the tries and the time-outs.
func TestDetailsOfADeadHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := ""
		for i := range 300 {
			list += fmt.Sprintf("stub m%d M\n", i)
		}
		s := &served{answer: site("", func(r *http.Request, _ int) *http.Response {
			if r.URL.Path == "/list" {
				return answer(200, list)
			}
			return answer(502, "")
		})}
		c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: s}}
		src := source("a.example")
		src.Whole = true
		src.Plan = func(crawl.Visit) []crawl.Request {
			return []crawl.Request{{URL: "https://a.example/list", Parse: talk}}
		}
		var seen store.Sighting
		_, err := c.Visit(t.Context(), src, crawl.Visit{Now: day}, func(s store.Sighting) error { seen = s; return nil })
		if err != nil || len(seen.Items) != 300 || len(seen.Problems) != 300 {
			t.Errorf("%d items, %d problems, %v", len(seen.Items), len(seen.Problems), err)
		}
		if n := len(s.starts("")); n != 1+3*4 {
			t.Errorf("%d requests, want the list and 3 details of 4 tries", n)
		}
	})
}

// The watchdog: a visit that gets nowhere is ended, whatever it hangs in; one
// that is kept waiting by the site is not.
func TestStall(t *testing.T) {
	list := func(parse func(*crawl.Page) error) crawl.Source {
		src := source("a.example")
		src.Whole = true
		src.Plan = func(crawl.Visit) []crawl.Request {
			return []crawl.Request{{URL: "https://a.example/list", Parse: parse}}
		}
		return src
	}
	t.Run("in a parser", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			s := &served{answer: site("", hello)}
			c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: s}}
			begin := time.Now()
			_, err := c.Visit(t.Context(), list(func(p *crawl.Page) error {
				<-release
				p.Seen("x")
				return nil
			}), crawl.Visit{Now: day}, never(t))
			wantReason(t, err, store.ReasonStalled)
			if took := time.Since(begin); took != 10*time.Minute+5*time.Second {
				t.Errorf("ended after %s", took) // the list came after 5 s of pace
			}
			close(release)
		})
	})
	t.Run("in a request with a time-out of its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &crawl.Fetcher{UserAgent: agent, Timeout: time.Hour, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/robots.txt" {
					return answer(404, ""), nil
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}
			begin := time.Now()
			_, err := (&crawl.Crawler{Fetch: f, Stall: 20 * time.Minute}).Visit(t.Context(), list(talk), crawl.Visit{Now: day}, never(t))
			wantReason(t, err, store.ReasonStalled)
			if took := time.Since(begin); took != 20*time.Minute+5*time.Second {
				t.Errorf("ended after %s", took)
			}
			if err == nil || !strings.Contains(err.Error(), "https://a.example/list") {
				t.Errorf("the error does not say where: %v", err)
			}
		})
	})
	t.Run("not while the site keeps us waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &served{answer: site("User-agent: *\nCrawl-delay: 700\n", func(r *http.Request, n int) *http.Response {
				if r.URL.Path == "/list" && n == 1 {
					return answer(429, "", "Retry-After", "800")
				}
				return answer(200, "item a A")
			}), took: 30 * time.Second}
			c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: s}}
			_, err := c.Visit(t.Context(), list(talk), crawl.Visit{Now: day}, func(store.Sighting) error { return nil })
			if err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("a feed hands on what it has", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &served{answer: site("", func(r *http.Request, _ int) *http.Response {
				if r.URL.Path == "/list" {
					return answer(200, "item a A\ncursor c1\nfollow /hangs")
				}
				<-r.Context().Done()
				return nil
			})}
			src := list(talk)
			src.Whole = false
			c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Timeout: time.Hour, Transport: s}}
			var got string
			_, err := c.Visit(t.Context(), src, crawl.Visit{Now: day}, func(s store.Sighting) error { got = sighting(s); return nil })
			wantReason(t, err, store.ReasonStalled)
			if want := "sighting cursor=\"c1\" last=false none=false\n  a A\n"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	})
}

func never(t *testing.T) func(store.Sighting) error {
	t.Helper()
	return func(s store.Sighting) error {
		t.Errorf("handed on %+v", s)
		return nil
	}
}

// The program ending is no failure of the source, and nothing is handed on.
func TestVisitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		s := &served{answer: site("", func(r *http.Request, n int) *http.Response {
			return answer(200, fmt.Sprintf("item a%s A\ncursor c\nfollow /%d", r.URL.Path[1:], len(r.URL.Path)*100+n))
		})}
		src := source("a.example")
		src.Plan = func(crawl.Visit) []crawl.Request {
			return []crawl.Request{{URL: "https://a.example/list", Parse: talk}}
		}
		c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: s}}
		_, err := c.Visit(ctx, src, crawl.Visit{Now: day}, never(t))
		if !errors.Is(err, context.DeadlineExceeded) || strings.HasPrefix(reason(err), "stalled") {
			t.Errorf("%v", err)
		}
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		c := &crawl.Crawler{
			Fetch: &crawl.Fetcher{UserAgent: agent, Transport: crawltest.Open(txtar.Parse([]byte("-- https://a.example/list --\nstub a A\nfollow /b\n-- https://a.example/a --\ntitle a A\n-- https://a.example/b --\nitem b B\n")))},
			Progress: func(p crawl.Progress) {
				got = append(got, fmt.Sprint(p.Done, "+", p.Waiting, " ", p.Items, " ", p.URL))
			},
		}
		src := source("a.example")
		src.Whole = true
		src.Plan = func(crawl.Visit) []crawl.Request {
			return []crawl.Request{{URL: "https://a.example/list", Parse: talk}}
		}
		if _, err := c.Visit(t.Context(), src, crawl.Visit{Now: day}, func(store.Sighting) error { return nil }); err != nil {
			t.Fatal(err)
		}
		want := []string{"0+0 0 https://a.example/list", "1+1 1 https://a.example/a", "2+0 1 https://a.example/b"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
