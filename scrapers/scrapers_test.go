package scrapers

import (
	"cmp"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/crawl/crawltest"
	"ccgwatch/store"
)

var update = flag.Bool("update", os.Getenv("CCGWATCH_UPDATE") != "", "write what the sources give into the want of their fixtures; read the diff")

// Every built-in row, every site of its own kind and the example are crawled by
// the real crawler from testdata/<id>.txtar: an archive of pages named by their
// addresses, with these besides:
//
//   - the comment: its first date is the day of the crawl (at noon, UTC);
//   - "cursor", of a feed: how far an earlier visit came;
//   - "want": a line for each item, a line for each problem.
func TestSources(t *testing.T) {
	for _, src := range everySource(t) {
		t.Run(src.ID, func(t *testing.T) {
			path := fixture(src.ID)
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatalf("every source has a fixture: %v", err)
			}
			got, faults := play(t, src, a)
			for _, f := range faults {
				t.Error(f)
			}
			if *update && len(faults) == 0 {
				putWant(a, got)
				if err := os.WriteFile(path, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if d := gocmp.Diff(lines(file(a, "want")), lines(got)); d != "" {
				t.Errorf("%s: items (-want +got), go test ./scrapers -update writes them:\n%s", path, d)
			}
		})
	}
}

// A fixture that no source asks for is one whose name is not its source's id,
// and a site's file is called after its id.
func TestNames(t *testing.T) {
	sources := everySource(t)
	ids := map[string]bool{}
	sound := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, src := range sources {
		if ids[src.ID] {
			t.Errorf("two sources have the id %q", src.ID)
		}
		if ids[src.ID] = true; !sound.MatchString(src.ID) {
			t.Errorf("id %q: want a-z, 0-9 and - only", src.ID)
		}
		if src.Name == "" || src.Base == "" {
			t.Errorf("%s: want a name and a base", src.ID)
		}
	}
	for _, src := range Sites() {
		if _, err := os.Stat(src.ID + ".go"); err != nil {
			t.Errorf("the site %q is not in a file of its name: %v", src.ID, err)
		}
	}
	files, err := filepath.Glob(fixture("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if id := strings.TrimSuffix(filepath.Base(f), ".txtar"); !ids[id] {
			t.Errorf("%s is the fixture of no source: no row and no site has the id %q", f, id)
		}
	}
}

// CONTRIBUTING shows the example as it is here: it compiles and runs.
func TestExampleIsTheOneShown(t *testing.T) {
	guide, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"exampleshire_test.go", fixture("exampleshire")} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(guide), "\n"+string(b)+"```\n") {
			t.Errorf("CONTRIBUTING.md does not show %s word for word", name)
		}
	}
}

func TestPlatforms(t *testing.T) {
	for _, p := range Platforms() {
		row := Row{ID: "x", Name: "X", Platform: p, Base: "https://x.example", Hosts: []string{"cdn.example"}}
		if p == "whatdotheyknow" { // nothing but a body's page can be followed there
			row.Page = "/body/x"
		}
		src, err := Build(row)
		if err != nil {
			t.Error(err)
		} else if src.Platform != p || !slices.Equal(src.Hosts, []string{"cdn.example"}) {
			t.Errorf("%s: built platform %q with hosts %v", p, src.Platform, src.Hosts)
		}
	}
	for _, p := range []string{"", "cmis-9", SitePlatform} {
		if _, err := Build(Row{ID: "x", Platform: p, Base: "https://x.example"}); err == nil || !strings.Contains(err.Error(), "moderngov") {
			t.Errorf("platform %q: error %v, want one that lists the platforms", p, err)
		}
	}
}

func fixture(id string) string { return filepath.Join("testdata", id+".txtar") }

// everySource lists what must have a fixture. The rows are read as data,
// because nothing below cmd imports config.
func everySource(t *testing.T) []crawl.Source {
	t.Helper()
	f, err := os.Open("../config/catalogue/builtin.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []crawl.Source
	for _, fields := range table[1:] {
		r := map[string]string{}
		for i, column := range table[0] {
			r[column] = fields[i]
		}
		pace, err := time.ParseDuration(cmp.Or(r["delay"], "0s"))
		if err != nil {
			t.Fatal(err)
		}
		src, err := Build(Row{
			ID: r["id"], Name: r["name"], Body: r["body"], Platform: r["platform"], Base: r["base"],
			Page: r["page"], Layout: r["layout"], Hosts: strings.Fields(r["hosts"]), Pace: pace,
		})
		if err != nil {
			t.Fatalf("row %s: %v", r["id"], err)
		}
		all = append(all, src)
	}
	return append(append(all, Sites()...), exampleshire())
}

// play crawls a source twice from its fixture and returns a line for each item
// and problem, and what is wrong with the source or the fixture.
func play(t *testing.T, src crawl.Source, a *txtar.Archive) (got string, faults []string) {
	t.Helper()
	v := crawl.Visit{Old: store.Snapshot{Source: src.ID, Cursor: strings.TrimSpace(file(a, "cursor"))}}
	day := regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}\b`).Find(a.Comment)
	now, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		return "", []string{"the fixture's comment gives no day of the crawl, like 2026-11-21"}
	}
	v.Now = now.Add(12 * time.Hour)
	one, two := crawlOnce(t, src, v, a), crawlOnce(t, src, v, a)
	faults = append(faults, one.faults...)
	for _, u := range one.site.Missing() {
		faults = append(faults, "the fixture lacks "+u)
	}
	for _, u := range one.site.Unasked() {
		faults = append(faults, "fixture page never asked for: "+u)
	}
	if len(one.items) == 0 {
		faults = append(faults, "no items")
	}
	if d := gocmp.Diff(one.items, two.items); d != "" {
		faults = append(faults, "two crawls of the same pages differ:\n"+d)
	}
	var b strings.Builder
	for _, it := range one.items {
		b.WriteString(line(it) + "\n")
		faults = append(faults, wrongAddresses(it)...)
	}
	for _, p := range one.problems {
		fmt.Fprintf(&b, "problem %s: %s\n", p.Reason, p.What)
	}
	return b.String(), faults
}

// crawled is what a crawl gave.
type crawled struct {
	site     *crawltest.Site
	items    []store.Item
	problems []store.Problem
	faults   []string
}

// crawlOnce visits the source with the real crawler, in a bubble in which its
// manners take no time.
func crawlOnce(t *testing.T, src crawl.Source, v crawl.Visit, a *txtar.Archive) (c crawled) {
	t.Helper()
	c.site = crawltest.Open(a)
	src = noting(src, func(key string) { c.faults = append(c.faults, "two items have the key "+key) })
	synctest.Test(t, func(t *testing.T) {
		fetch := &crawl.Fetcher{Transport: c.site, UserAgent: "ccgwatch-test"}
		report, err := (&crawl.Crawler{Fetch: fetch}).Visit(t.Context(), src, v, func(s store.Sighting) error {
			c.items = append(c.items, s.Items...)
			return nil
		})
		if c.problems = report.Problems; err != nil {
			c.faults = append(c.faults, err.Error())
		}
		fetch.Close()
	})
	return c
}

// noting tells of keys that two items have: the crawler cannot know, and would
// let the second replace the first. Completing a list entry is no second item.
func noting(src crawl.Source, twice func(key string)) crawl.Source {
	stub := map[string]bool{}
	var wrap func([]crawl.Request) []crawl.Request
	note := func(p *crawl.Page, parse func(*crawl.Page) error) error {
		if err := parse(p); err != nil {
			return err
		}
		for _, it := range p.Items() {
			if before, known := stub[it.Key]; known && before == it.Stub {
				twice(it.Key)
			}
			stub[it.Key] = it.Stub
		}
		copy(p.Requests(), wrap(p.Requests()))
		return nil
	}
	wrap = func(list []crawl.Request) []crawl.Request {
		list = slices.Clone(list)
		for i, r := range list {
			list[i].Parse = func(p *crawl.Page) error { return note(p, r.Parse) }
			if r.Absent != nil {
				list[i].Absent = func(p *crawl.Page) error { return note(p, r.Absent) }
			}
			if r.Or != nil {
				list[i].Or = func(err error) []crawl.Request { return wrap(r.Or(err)) }
			}
		}
		return list
	}
	plan := src.Plan
	src.Plan = func(v crawl.Visit) []crawl.Request { return wrap(plan(v)) }
	return src
}

// line shows an item: key, date, title, what is unusual about it, address, documents.
func line(it store.Item) string {
	when := "-"
	if t := it.When(); !t.IsZero() {
		when = t.Format("2006-01-02 15:04")
	} else if !it.Published.IsZero() {
		when = it.Published.Format("2006-01-02 15:04")
	}
	s := fmt.Sprintf("%s | %s | %s", it.Key, when, it.Title)
	if st := it.Fields[store.FieldStatus]; it.Kind == store.KindMeeting && st != store.StatusConfirmed {
		s += " (" + st + ")"
	}
	if it.Stub {
		s += " (list only)"
	}
	if doubt := it.Fields[store.FieldDoubt]; doubt != "" {
		s += " (doubt: " + doubt + ")"
	}
	s += " | <" + it.URL + ">"
	for _, d := range it.Documents {
		s += fmt.Sprintf(" | %s %q <%s>", d.Role, d.Title, d.URL)
	}
	return s
}

// wrongAddresses lists addresses that could not be opened from a message.
func wrongAddresses(it store.Item) (faults []string) {
	check := func(what, address string) {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			faults = append(faults, fmt.Sprintf("%s: %s has the relative or broken address %q", it.Key, what, address))
		}
	}
	check("the item", it.URL)
	keys := map[string]bool{}
	for _, d := range it.Documents {
		check("document "+d.Key, d.URL)
		if keys[d.Key] {
			faults = append(faults, fmt.Sprintf("%s: two documents have the key %s", it.Key, d.Key))
		}
		keys[d.Key] = true
	}
	return faults
}

func file(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func putWant(a *txtar.Archive, want string) {
	a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(want)})
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

// What TestSources promises to refuse, it refuses.
func TestPlayRefuses(t *testing.T) {
	const pages = `Written 2026-11-21.
-- https://a.example/ --
<a href="/two">two</a>
-- https://a.example/two --
two
`
	item := func(key, address string) store.Item {
		return store.Item{Key: key, Kind: store.KindPaper, Title: "A paper", URL: address}
	}
	at := func(path string, parse func(p *crawl.Page) error) crawl.Request {
		return crawl.Request{URL: "https://a.example" + path, Parse: parse}
	}
	adds := func(items ...store.Item) func(*crawl.Page) error {
		return func(p *crawl.Page) error {
			for _, it := range items {
				p.Add(it)
			}
			return nil
		}
	}
	good := item("1", "https://a.example/1.pdf")
	turn := 0
	for name, c := range map[string]struct {
		fixture string
		plan    []crawl.Request
		want    string // "" for nothing wrong
	}{
		"nothing":            {pages, []crawl.Request{at("/", adds(good)), at("/two", adds())}, ""},
		"no day":             {strings.Replace(pages, "2026", "", 1), []crawl.Request{at("/", adds(good)), at("/two", adds())}, "no day of the crawl"},
		"a page not there":   {pages, []crawl.Request{at("/", adds(good)), at("/two", adds()), {URL: "https://a.example/three", Detail: "1", Parse: adds()}}, "lacks https://a.example/three"},
		"a page never asked": {pages, []crawl.Request{at("/", adds(good))}, "never asked for: https://a.example/two"},
		"no items":           {pages, []crawl.Request{at("/", func(p *crawl.Page) error { p.None(); return nil }), at("/two", adds())}, "no items"},
		"relative address":   {pages, []crawl.Request{at("/", adds(item("1", "/1.pdf"))), at("/two", adds())}, "relative"},
		"relative document": {pages, []crawl.Request{at("/", adds(store.Item{Key: "1", URL: good.URL, Documents: []store.Document{{URL: "1.pdf"}}})), at("/two", adds())},
			"relative"},
		"one key on a page":   {pages, []crawl.Request{at("/", adds(good, good)), at("/two", adds())}, "the key 1"},
		"one key on two":      {pages, []crawl.Request{at("/", adds(good)), at("/two", adds(item("1", "https://a.example/2.pdf")))}, "the key 1"},
		"followed, one key":   {pages, []crawl.Request{at("/", func(p *crawl.Page) error { p.Add(good); p.Follow(at("/two", adds(good))); return nil })}, "the key 1"},
		"a stub completed":    {pages, []crawl.Request{at("/", adds(store.Item{Key: "1", URL: good.URL, Stub: true})), at("/two", adds(good))}, ""},
		"a fault":             {pages, []crawl.Request{at("/", func(*crawl.Page) error { return errors.New("no such table") }), at("/two", adds(good))}, "no such table"},
		"not twice the same":  {pages, []crawl.Request{at("/", func(p *crawl.Page) error { turn++; return adds(item(fmt.Sprint(turn), good.URL))(p) }), at("/two", adds())}, "differ"},
		"document key shared": {pages, []crawl.Request{at("/", adds(store.Item{Key: "1", URL: good.URL, Documents: []store.Document{{Key: "d", URL: good.URL}, {Key: "d", URL: good.URL}}})), at("/two", adds())}, "two documents"},
	} {
		t.Run(name, func(t *testing.T) {
			src := crawl.Source{ID: "a", Base: "https://a.example", Whole: true, Plan: func(crawl.Visit) []crawl.Request { return c.plan }}
			_, faults := play(t, src, txtar.Parse([]byte(c.fixture)))
			all := strings.Join(faults, "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("faults %q, want %q", all, c.want)
			}
		})
	}
}
