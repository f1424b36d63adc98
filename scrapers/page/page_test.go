package page

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

const address = "https://sampleshire.example/business/contracts"

func now() time.Time { return time.Date(2026, 11, 22, 8, 1, 0, 0, time.UTC) }

func fixture(t testing.TB) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "page.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range a.Files {
		m[f.Name] = string(f.Data)
	}
	return m
}

func visit(t *testing.T, html string, at time.Time, old store.Snapshot) (s store.Sighting, err error) {
	t.Helper()
	site := crawltest.Open(&txtar.Archive{Files: []txtar.File{{Name: address, Data: []byte(html)},
		{Name: "https://sampleshire.example/", Data: []byte("<html><body>" + strings.Repeat("Welcome. ", 50) + "</body></html>")}}})
	src, err := Source(Options{ID: "p", Base: "https://sampleshire.example", Page: "/business/contracts"})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(*testing.T) {
		cr := &crawl.Crawler{Fetch: &crawl.Fetcher{Transport: site, UserAgent: "test"}}
		_, err = cr.Visit(context.Background(), src, crawl.Visit{Now: at, Old: old}, func(got store.Sighting) error {
			s = got
			return nil
		})
	})
	return s, err
}

func print(it store.Item) string {
	var b strings.Builder
	fmt.Fprintln(&b, it.Title)
	for _, name := range slices.Sorted(maps.Keys(it.Fields)) {
		fmt.Fprintf(&b, "%s = %s\n", name, strings.ReplaceAll(it.Fields[name], "\n", "/"))
	}
	for _, d := range it.Documents {
		fmt.Fprintln(&b, d.Key, d.Title)
	}
	return b.String()
}

func known(t *testing.T) (store.Snapshot, map[string]string) {
	t.Helper()
	f := fixture(t)
	s, err := visit(t, f["one"], now(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := store.Diff(store.Snapshot{}, s)
	return old, f
}

func TestTheTextOfAPage(t *testing.T) {
	old, f := known(t)
	if d := cmp.Diff(f["want one"], print(old.Items["page/business/contracts"])); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

// What a page says about itself, and what surrounds its content, is no change.
func TestAPageThatChangesByItselfHasNotChanged(t *testing.T) {
	old, f := known(t)
	html := f["one"]
	for line := range strings.Lines(f["noise"]) {
		x := strings.Split(strings.TrimSpace(line), "/")
		if !strings.Contains(html, x[1]) && !strings.Contains(line, `<\/`) {
			if x = strings.SplitN(strings.TrimSpace(line), "/", 4); !strings.Contains(html, x[1]) {
				t.Fatalf("the page lacks %q", x[1])
			}
		}
		html = strings.Replace(html, x[1], strings.ReplaceAll(x[2], `\n`, "\n"), 1)
	}
	s, err := visit(t, html, now().Add(25*time.Hour), old)
	if err != nil {
		t.Fatal(err)
	}
	if _, changes := store.Diff(old, s); len(changes) != 0 {
		t.Errorf("%+v", changes)
	}
}

// A change says what a section said before and says now.
func TestAChangeIsReadable(t *testing.T) {
	old, f := known(t)
	html := strings.NewReplacer("1 December 2026", "8 January 2027", "<h2>Documents", "<h2>Who decides</h2><p>The cabinet, in public.</p><h2>Documents").Replace(f["one"])
	s, err := visit(t, html, now().Add(24*time.Hour), old)
	if err != nil {
		t.Fatal(err)
	}
	_, changes := store.Diff(old, s)
	if len(changes) != 1 || !changes[0].Has(store.PageChanged) {
		t.Fatalf("%+v", changes)
	}
	want := []store.FieldChange{
		{Name: "text: Timetable", Old: "Step | When\nTender | 1 December 2026", New: "Step | When\nTender | 8 January 2027"},
		{Name: "text: Who decides", New: "The cabinet, in public."},
	}
	if d := cmp.Diff(want, changes[0].Fields); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

// What is not the page is an error with its reason, and no change.
func TestWhatIsNotThePage(t *testing.T) {
	old, f := known(t)
	long := old
	long.Items = map[string]store.Item{"page/business/contracts": {Key: "page/business/contracts", Fields: map[string]string{FieldText: strings.Repeat("Much was here. ", 100)}}}
	for name, c := range map[string]struct {
		html string
		old  store.Snapshot
		want store.Reason
	}{
		"soft 404":         {"<html><head><title>Page not found</title></head><body><main><p>Sorry.</p></main></body></html>", old, store.ReasonMissing},
		"to the front":     {"HTTP 302\nLocation: /\n\n", old, store.ReasonMissing},
		"log-in":           {"<html><head><title>Sign in</title></head><body><form><input type=password></form></body></html>", old, store.ReasonRefused},
		"maintenance":      {"<html><body><h1>Essential maintenance in progress</h1></body></html>", old, store.ReasonServer},
		"a script's way":   {"<html><body><script>window.location='https://x.example'</script></body></html>", old, store.ReasonFormat},
		"needs a browser":  {"<html><body><div id=app></div></body></html>", old, store.ReasonEmpty},
		"next to nothing":  {"<html><body><main><p>Our new site is here. It is loading its documents.</p></main></body></html>", long, store.ReasonEmpty},
		"half a page":      {f["one"][:strings.Index(f["one"], "<h2>Doc")], old, store.ReasonTruncated},
		"without anything": {" ", old, store.ReasonEmpty},
		// The bytes of a file were compared as the words of a page.
		"a PDF":           {"%PDF-1.7\n" + strings.Repeat("1 0 obj << /Type /Page >> endobj\n", 40) + "%%EOF", old, store.ReasonFormat},
		"a Word document": {"PK\x03\x04" + strings.Repeat("word/document.xml ", 40), old, store.ReasonFormat},
		"a file of bytes": {strings.Repeat("a\x00\x01 picture of a page ", 40), old, store.ReasonFormat},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := visit(t, c.html, now(), c.old); err == nil || crawl.ReasonOf(err) != c.want {
				t.Errorf("error %v, want reason %s; %+v", err, c.want, s.Items)
			}
		})
	}
}

// Symptom: a page in UTF-16, as old word processors save it, was refused as a file
// of bytes.
func TestAPageInUTF16IsNoFileOfBytes(t *testing.T) {
	body := []byte("\xff\xfe")
	for _, r := range "<html><body><main><h1>Board</h1></main></body></html>" {
		body = append(body, byte(r), 0)
	}
	if what := noText(body); what != "" {
		t.Error(what)
	}
}

func FuzzPage(f *testing.F) {
	f.Add(fixture(f)["one"])
	f.Add("<table><tr><td><p>a</p><ul><li>b</li></ul></td></tr></table>")
	rd := newReader()
	f.Fuzz(func(t *testing.T, html string) {
		var got [2]string
		for i := range got {
			p, err := crawl.NewPage(address, nil, []byte(html))
			if err != nil {
				t.Fatal(err)
			}
			if rd.read(p, crawl.Visit{Now: now()}, "page/x", p.URL) != nil || len(p.Items()) != 1 {
				return
			}
			got[i] = print(p.Items()[0])
		}
		if got[0] != got[1] || strings.Contains(got[0], "<script") && !strings.Contains(html, "&lt;") {
			t.Errorf("%q and %q", got[0], got[1])
		}
	})
}

func BenchmarkPage(b *testing.B) {
	html := fixture(b)["one"]
	rd := newReader()
	for b.Loop() {
		p, err := crawl.NewPage(address, nil, []byte(html))
		if err != nil {
			b.Fatal(err)
		}
		if err := rd.read(p, crawl.Visit{Now: now()}, "page/x", p.URL); err != nil {
			b.Fatal(err)
		}
	}
}

// R9: a section that reads differently when it is asked for twice at once is
// left as it was known, and said; what changed beside it is news.
func TestASectionThatChangesByItselfIsNoNews(t *testing.T) {
	old, f := known(t)
	n := 0
	answer := func() string {
		n++
		return strings.NewReplacer("1 December 2026", "8 January 2027", "<h2>Documents", fmt.Sprintf("<h2>Visitors</h2><p>You are visitor no %d of this page, and welcome.</p><h2>Documents", 1000+n)).Replace(f["one"])
	}
	src, err := Source(Options{ID: "p", Base: "https://sampleshire.example", Page: "/business/contracts"})
	if err != nil {
		t.Fatal(err)
	}
	var s store.Sighting
	synctest.Test(t, func(*testing.T) {
		site := crawltest.Open(&txtar.Archive{Files: []txtar.File{{Name: address, Data: []byte(answer())}, {Name: address, Data: []byte(answer())}}})
		cr := &crawl.Crawler{Fetch: &crawl.Fetcher{Transport: site, UserAgent: "test"}}
		_, err = cr.Visit(context.Background(), src, crawl.Visit{Now: now().Add(24 * time.Hour), Old: old}, func(got store.Sighting) error {
			s = got
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	_, changes := store.Diff(old, s)
	if len(changes) != 1 || len(changes[0].Fields) != 1 || !strings.Contains(changes[0].Fields[0].New, "8 January 2027") {
		t.Errorf("%+v", changes)
	}
	if len(s.Problems) != 1 || s.Problems[0].Reason != store.ReasonUnstable || !strings.Contains(s.Problems[0].What, "Visitors") {
		t.Errorf("%+v", s.Problems)
	}
}
