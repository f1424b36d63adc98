package boards_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// pages plays a site: what an archive does not hold is a 404.
type pages struct {
	byURL map[string]string
	asked []string
}

func (s *pages) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	body, status := s.byURL[address], http.StatusOK
	if s.byURL[address] == "" {
		status = http.StatusNotFound
	}
	if r.URL.Path != "/robots.txt" {
		s.asked = append(s.asked, address)
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

func options(layout string) boards.Options {
	o := boards.Options{ID: "icb", Name: "Exampleshire", Body: "QXX", Base: "https://exampleshire.example/icb", Page: "/about/board-meetings/", Layout: layout}
	if layout == boards.Accordion {
		o.Base, o.Page = "https://trust.example", "/about/board-papers/"
	}
	return o
}

// visit crawls a site once with the engine, without reading papers.
func visit(t *testing.T, o boards.Options, site *pages, old store.Snapshot) (seen store.Sighting, err error) {
	t.Helper()
	src, err := boards.Source(o)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: "ccgwatch-test/1", Transport: site}}
		_, err = c.Visit(t.Context(), src, crawl.Visit{Now: now, Old: old}, func(s store.Sighting) error {
			seen = s
			return nil
		})
	})
	return seen, err
}

// fieldOfEvent is a field that is printed of events alone.
func fieldOfEvent(it store.Item, name string) string {
	if it.Fields[store.FieldOccasion] == "" {
		return ""
	}
	return name
}

// print writes a sighting as the archives want it.
func print(s store.Sighting) string {
	var b strings.Builder
	for _, it := range s.Items {
		fmt.Fprintf(&b, "%s | %s", it.Key, it.Title)
		if it.Stub {
			b.WriteString(" (stub)")
		}
		var facts []string
		for _, f := range []struct{ name, before string }{{store.FieldWhen, "when "}, {store.FieldStatus, ""}, {store.FieldCommittee, ""}, {store.FieldHeading, "under "},
			{store.FieldOccasion, ""}, {store.FieldEnds, "ends "}, {fieldOfEvent(it, store.FieldVenue), "at "}, {store.FieldOnline, "online "}, {store.FieldRegisterBy, "register by "}} {
			if v := it.Fields[f.name]; v != "" {
				facts = append(facts, f.before+v)
			}
		}
		if len(facts) > 0 {
			b.WriteString("\n    " + strings.Join(facts, ", "))
		}
		if v := it.Fields[store.FieldDoubt]; v != "" {
			b.WriteString("\n    doubt: " + v)
		}
		b.WriteString("\n")
		for _, d := range it.Documents {
			fmt.Fprintf(&b, "    %s %s | %s\n", d.Role, d.Key, d.Title)
		}
	}
	if !s.From.IsZero() {
		fmt.Fprintf(&b, "covered from %s\n", s.From.Format(time.DateOnly))
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "problem %s: %s\n", p.Reason, p.What)
	}
	return b.String()
}

func load(t *testing.T, layout string) (*pages, string) {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", layout+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	site, want := &pages{byURL: map[string]string{}}, ""
	for _, f := range a.Files {
		if f.Name == "want" {
			want = string(f.Data)
		} else {
			site.byURL[f.Name] = string(f.Data)
		}
	}
	return site, want
}

func TestLayouts(t *testing.T) {
	for _, layout := range []string{boards.TwoHop, boards.Accordion, boards.Table, boards.Years, boards.News, boards.Events} {
		t.Run(layout, func(t *testing.T) {
			site, want := load(t, layout)
			seen, err := visit(t, options(layout), site, store.Snapshot{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, print(seen)); diff != "" {
				t.Error(diff)
			}
			if !seen.Whole || seen.None {
				t.Errorf("whole %v, none %v: a list read from end to end, never empty by its own words", seen.Whole, seen.None)
			}
			for _, it := range seen.Items {
				if it.Body != "QXX" || it.Source != "icb" || !strings.HasPrefix(it.URL, "https://") {
					t.Errorf("%s: body %q, source %q, address %q", it.Key, it.Body, it.Source, it.URL)
				}
			}
		})
	}
}

// Only dated links of the list are followed, and only for meetings near enough.
func TestTwoHopFollows(t *testing.T) {
	site, _ := load(t, boards.TwoHop)
	if _, err := visit(t, options(boards.TwoHop), site, store.Snapshot{}); err != nil {
		t.Fatal(err)
	}
	root := "https://exampleshire.example/icb"
	want := []string{root + "/about/board-meetings/"}
	for _, e := range []string{"boards-18-february-2027", "boards-15-october-2026", "boards-20-august-2026", "remuneration", "boards-18-june-2026", "annual-meeting", "in-two-places", "gone", "other-layout"} {
		want = append(want, root+"/event/"+e+"/")
	}
	if diff := cmp.Diff(want, site.asked); diff != "" {
		t.Error(diff)
	}
}

// A list that shows nothing is an error, whatever the page says.
func TestEmptyLists(t *testing.T) {
	tests := map[string]struct {
		layout, page string
		want         store.Reason
	}{
		"redesign":             {boards.Accordion, `<main><h1>Papers</h1><div id="app"></div><p>Our new document hub is loading.</p><a href="/cookies">Cookies</a></main>`, store.ReasonEmpty},
		"accordion, not found": {boards.Accordion, `<main><h1>Page not found</h1></main><footer><a href="/a.pdf">Leaflet, 1 May 2026</a></footer>`, store.ReasonMissing},
		"two-hop, not found":   {boards.TwoHop, `<main><h1>Page not found</h1><p>Sorry. <a href="/icb/">Home</a></p></main>`, store.ReasonMissing},
		"no meetings":          {boards.TwoHop, `<main><p>There are no meetings.</p></main>`, store.ReasonEmpty},
		"an empty page":        {boards.TwoHop, ` `, store.ReasonEmpty},
		"half a page":          {boards.TwoHop, `<html><main><a href="/icb/event/x/">Board, 20 August 2026</a>`, store.ReasonTruncated},
		"no rows":              {boards.Table, `<main><table><tr><th>Date</th><th>Papers</th></tr></table></main>`, store.ReasonFormat},
		"no years":             {boards.Years, `<main><p>See you soon.</p></main>`, store.ReasonFormat},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(tt.layout)
			_, err := visit(t, o, &pages{byURL: map[string]string{o.Base + o.Page: tt.page}}, store.Snapshot{})
			var e *crawl.Error
			if !errors.As(err, &e) || e.Reason != tt.want {
				t.Errorf("got %v, want the reason %q", err, tt.want)
			}
		})
	}
}

// A cancellation stands until the site takes it back: a page that cannot be
// read does not.
func TestTwoHopCancellationStands(t *testing.T) {
	const key, at = "meeting/event/x/", "https://exampleshire.example/icb/event/x/"
	o := options(boards.TwoHop)
	list := `<main><a href="/icb/event/x/">Boards Together | 20 August 2026</a></main>`
	old := store.Snapshot{Items: map[string]store.Item{key: {Key: key, Kind: store.KindMeeting, Fields: map[string]string{store.FieldStatus: store.StatusCancelled}}}}
	for _, tt := range []struct{ name, list, page, want string }{
		{"the page is away", list, "", store.StatusCancelled},
		{"the page says so still", list, "<h1>CANCELLED: Boards Together</h1>20 August 2026", store.StatusCancelled},
		{"the page does not say so any more", list, "<h1>Boards Together</h1>20 August 2026", store.StatusConfirmed},
		{"the list says so", strings.Replace(list, "2026", "2026 (cancelled)", 1), "<h1>Boards Together</h1>20 August 2026", store.StatusCancelled},
		{"the list says something else", strings.Replace(list, "2026", "2026 - postponed", 1), "", "postponed"},
	} {
		seen, err := visit(t, o, &pages{byURL: map[string]string{o.Base + o.Page: tt.list, at: tt.page}}, old)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen.Items[0].Fields[store.FieldStatus]; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSourceRefuses(t *testing.T) {
	for name, bend := range map[string]func(*boards.Options){
		"layout":       func(o *boards.Options) { o.Layout = "spiral" },
		"no host":      func(o *boards.Options) { o.Base = "/icb" },
		"other scheme": func(o *boards.Options) { o.Base = "ftp://exampleshire.example" },
		"broken base":  func(o *boards.Options) { o.Base = "https://exampleshire.example:x" },
		"another host": func(o *boards.Options) { o.Page = "https://elsewhere.example/list" },
	} {
		o := options(boards.TwoHop)
		bend(&o)
		if _, err := boards.Source(o); err == nil || !strings.Contains(err.Error(), o.ID) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzList: whatever a list or a meeting's page holds, what comes out of it can
// be stored: keys and titles are not empty, times are times, addresses http.
func FuzzList(f *testing.F) {
	for _, layout := range []string{boards.TwoHop, boards.Accordion} {
		a, err := txtar.ParseFile(filepath.Join("testdata", layout+".txtar"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(string(file.Data), layout == boards.TwoHop)
		}
	}
	for _, layout := range []string{boards.Table, boards.Years, boards.News, boards.Events} {
		a, err := txtar.ParseFile(filepath.Join("testdata", layout+".txtar"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(string(file.Data), false)
		}
	}
	f.Fuzz(func(t *testing.T, body string, twoHop bool) {
		all := []string{boards.Accordion, boards.Table, boards.Years, boards.Events, ""}
		o := options(all[len(body)%len(all)])
		if twoHop {
			o = options([]string{boards.TwoHop, boards.News}[len(body)%2])
		}
		src, err := boards.Source(o)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
		r := src.Plan(crawl.Visit{Now: now})[0]
		p, err := crawl.NewPage(r.URL, nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if r.Parse(p) != nil {
			return
		}
		for _, it := range p.Items() {
			if it.Key == "" || strings.TrimSpace(it.Title) == "" || !strings.HasPrefix(it.URL, "http") {
				t.Errorf("%+v", it)
			}
			if w := it.Fields[store.FieldWhen]; w != "" && it.When().IsZero() {
				t.Errorf("%s: when %q", it.Key, w)
			}
		}
		for _, q := range p.Requests() {
			p, err := crawl.NewPage(q.URL, nil, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			_ = q.Parse(p) // must only come back
		}
	})
}

// A page of events that lists none says so, or is not believed; a page without
// any list is another page than we know.
func TestEventsThatAreNoneAreToldFromAPageThatChanged(t *testing.T) {
	o := options(boards.Events)
	address := "https://exampleshire.example/icb/about/board-meetings/"
	for _, test := range []struct{ name, body, want string }{
		{"none, it says", `<html><body><main>There are no upcoming events.</main></body></html>`, ""},
		{"an empty list without a word", `<html><head><script type="application/ld+json">[]</script></head><body><main>Events</main></body></html>`, "empty"},
		{"another page", `<html><body><main>Welcome</main></body></html>`, "format"},
		{"broken", `<html><head><script type="application/ld+json">[{"@type":</script></head><body><main>Events</main></body></html>`, "format"},
		{"all unreadable", `<html><head><script type="application/ld+json">{"@type":"Event","name":"X","startDate":"?"}</script></head><body></body></html>`, "format"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen, err := visit(t, o, &pages{byURL: map[string]string{address: test.body}}, store.Snapshot{})
			if got := string(crawl.ReasonOf(err)); err != nil && got != test.want || err == nil && test.want != "" {
				t.Errorf("%v, want %q", err, test.want)
			}
			if test.want == "" && !seen.None {
				t.Error("it says that it lists none")
			}
		})
	}
}
