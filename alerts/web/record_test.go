package web

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

func TestBodiesPage(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	d := read(t, h, "/bodies")
	var got []string
	d.Find("article").Each(func(_ int, x *goquery.Selection) {
		got = append(got, x.Find("h2 a").AttrOr("href", "")+" | "+strings.Join(strings.Fields(x.Find(".meta").Text()), " ")+" | "+pairs(x))
	})
	want := []string{
		// Those with pages of their own first; of the hospitals nobody said whose body they are.
		"/body/leicester-city-council | Council · Leicester | Other names: The City Council of Leicester; Codes: E06000016; In the record: 3 meetings; " +
			"Next meeting: Wednesday 12 August 2026, 10:00: Health Scrutiny; Last change: Wednesday 12 August 2026, 10:05; Leicester City Council: Read completely",
		"/body/uhl | Public body | In the record: nothing yet; The hospitals: Failing: it lists nothing, and does not say that there is nothing",
		"/body/nhs-test-icb | NHS integrated care board · Leicester, Rutland | Codes: QK1; In the record: 1 notice; Last change: Tuesday 11 August 2026, 09:17; Its own pages: not read here",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)\n", diff)
	}
	for q, want := range map[string]string{"ICB": "/body/nhs-test-icb", "e0600": "/body/leicester-city-council", "city council of": "/body/leicester-city-council", "unicorns": ""} {
		got := read(t, h, "/bodies?"+url.Values{"q": {q}}.Encode()).Find("article h2 a").AttrOr("href", "")
		if got != want {
			t.Errorf("%q: %s, want %s", q, got, want)
		}
	}
}

// pairs is a list of terms on one line.
func pairs(x *goquery.Selection) string {
	var out []string
	x.Find("dt").Each(func(_ int, dt *goquery.Selection) {
		out = append(out, dt.Text()+": "+strings.Join(strings.Fields(dt.Next().Text()), " "))
	})
	return strings.Join(out, "; ")
}

func TestBodyPage(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	d := read(t, h, "/body/leicester-city-council")
	all := words(d, "main")
	for _, want := range []string{"Health Scrutiny Wednesday 12 August 2026, 10:00", "Cancelled: Overview Select Committee Wednesday 19 August 2026, 17:30 · agenda published", "podiatry", "Read completely"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
	for selector, want := range map[string]string{
		"article h3 a":                "/finding/f3 /finding/f1",
		"section.card":                "source-leicester",
		"a[href*='q=body']":           "/findings?q=body%3Aleicester-city-council",
		"main a[href$='feed.atom']":   "/body/leicester-city-council/feed.atom",
		"main a[href^='/items?body']": "/items?body=leicester-city-council",
	} {
		var got []string
		d.Find(selector).Each(func(_ int, x *goquery.Selection) { got = append(got, x.AttrOr("href", x.AttrOr("id", ""))) })
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", selector, got, want)
		}
	}
	d = read(t, h, "/body/nhs-test-icb")
	if got := pairs(d.Find("dl.facts")); got != "Codes: QK1; There since: 1 July 2022; Until: 31 March 2027; Followed by: NHS Next ICB; In the record: 1 notice; Last change: Tuesday 11 August 2026, 09:17" {
		t.Error(got)
	}
	if got := d.Find("h2:contains('buyer') + ul a").AttrOr("href", ""); got != itemPath("find-a-tender", "notice/055555-2026") {
		t.Error("the notice where it is the buyer:", got)
	}
}

// A notice of two buyers is on the pages of both.
func TestJointNoticeIsOnBothPages(t *testing.T) {
	s, st := sample()
	s.Buyers = func(*store.Notice) []string { return []string{"nhs-next-icb", "leicester-city-council"} }
	h := s.Handler()
	for _, id := range []string{"nhs-next-icb", "leicester-city-council"} {
		for _, target := range []string{"/body/" + id, "/items?kind=notice&body=" + id} {
			if read(t, h, target).Find("main .list a[href='"+itemPath("find-a-tender", "notice/055555-2026")+"']").Length() != 1 {
				t.Errorf("it is not on %s", target)
			}
		}
		if f, _ := getFeed(t, h, "/body/"+id+"/feed.atom"); !strings.Contains(fmt.Sprint(f.all("entry")[len(f.all("entry"))-1], st.findings), "f2") {
			t.Errorf("it is not in the feed of %s", id)
		}
	}
}

// The list of items shows each at its last change, and nothing that a date's
// coming alone has touched.
func TestItemsPage(t *testing.T) {
	s, st := sample()
	st.changes = append(st.changes, store.Change{Seq: 7, At: at("2026-08-12 09:30"), Source: "leicester", Key: "meeting/15033", Kind: store.KindMeeting, Op: store.OpDue})
	h := s.Handler()
	for target, want := range map[string]string{
		"/items":                             "meeting/2 meeting/1 meeting/15019 meeting/15033 notice/055555-2026",
		"/items?kind=meeting":                "meeting/2 meeting/1 meeting/15019 meeting/15033",
		"/items?source=find-a-tender":        "notice/055555-2026",
		"/items?body=nhs-test-icb":           "notice/055555-2026",
		"/items?body=leicester-city-council": "meeting/2 meeting/1 meeting/15019 meeting/15033",
		"/items?body=nobody":                 "",
		"/items?kind=paper":                  "",
		"/items?before=4":                    "meeting/15033 notice/055555-2026",
	} {
		var got []string
		read(t, h, target).Find(".list a").Each(func(_ int, a *goquery.Selection) {
			u, _ := url.Parse(a.AttrOr("href", ""))
			got = append(got, u.Query().Get("key"))
		})
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", target, got, want)
		}
	}
	if got := words(read(t, h, "/items"), ".list li:first-child"); got != "Taken down Meeting · Leicester City Council · Wednesday 12 August 2026, 10:05: No longer listed" {
		t.Error(got)
	}
}

// long is an installation with so many items, each of which was changed once
// after it was added, and a finding for every change.
func long(n int) (Server, *state) {
	s, st := sample()
	st.items, st.changes, st.findings = nil, nil, nil
	begin := at("2026-01-01 00:00")
	for i := range n {
		kind := []store.Kind{store.KindMeeting, store.KindPaper, store.KindNotice}[i%3]
		source := "leicester"
		if kind == store.KindNotice {
			source = "find-a-tender"
		}
		it := store.Item{Source: source, Key: fmt.Sprintf("x/%06d", i), Kind: kind, Title: fmt.Sprint("Item ", i), FirstSeen: begin.Add(time.Duration(i) * time.Minute), Changed: begin.Add(time.Duration(n+i) * time.Minute)}
		if kind == store.KindNotice {
			it.Notice = &store.Notice{Buyers: []store.Party{{Name: "NHS Test ICB"}}}
		} else {
			it.Fields = map[string]string{store.FieldWhen: s.Now().Add(time.Duration(i) * time.Hour).Format(time.RFC3339)}
		}
		st.items = append(st.items, it)
	}
	for i := range 2 * n {
		it := st.items[i%n]
		c := store.Change{Seq: uint64(i + 1), At: begin.Add(time.Duration(i) * time.Minute), Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title}
		if i >= n {
			c.Op = store.OpAmended
		}
		st.changes = append(st.changes, c)
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("f", i), At: c.At, Change: c.Seq, Source: c.Source, Key: c.Key, Kind: c.Kind, Title: c.Title, Quote: fmt.Sprint("Sentence ", i), Topic: store.TopicPapers})
	}
	return s, st
}

// walk follows the link to the next page and gives what each page lists.
func walk(t *testing.T, h http.Handler, target, selector string) []string {
	t.Helper()
	var got []string
	for pages := 0; target != ""; pages++ {
		if pages > 500 {
			t.Fatal("the pages do not end")
		}
		d := read(t, h, target)
		d.Find(selector).Each(func(_ int, a *goquery.Selection) { got = append(got, a.AttrOr("href", "")) })
		target = d.Find(".more a[rel=next]").AttrOr("href", "")
	}
	return got
}

// Walking a long list shows everything once.
func TestPagingShowsEveryItemMeetingAndBodyOnce(t *testing.T) {
	const n = 300
	s, _ := long(n)
	for i := range 70 {
		s.Bodies = append(s.Bodies, BodyInfo{ID: fmt.Sprintf("b-%02d", i), Name: fmt.Sprint("Body ", i)})
	}
	var k atomic.Int64 // the pages ask from several goroutines
	s.Buyers = func(*store.Notice) []string { return []string{fmt.Sprintf("b-%02d", k.Add(1)%70)} }
	h := s.Handler()
	for _, c := range []struct {
		target, selector string
		want             int
	}{
		{"/items", ".list a", n},
		{"/items?kind=paper", ".list a", n / 3},
		{"/items?body=leicester-city-council", ".list a", 2 * n / 3},
		{"/meetings", "article h3 a", 2 * n / 3},
		{"/meetings?body=leicester-city-council", "article h3 a", 2 * n / 3},
		{"/bodies", "article h2 a", 72},
	} {
		got := walk(t, h, c.target, c.selector)
		once := map[string]bool{}
		for _, x := range got {
			once[x] = true
		}
		if len(got) != c.want || len(once) != c.want {
			t.Errorf("%s shows %d, of them different %d, want %d", c.target, len(got), len(once), c.want)
		}
	}
}

// A million changes must not fill a small machine.
func TestEntryOfTheTableOfContentsIsSmall(t *testing.T) {
	if n := reflect.TypeFor[entry]().Size(); n > 16 {
		t.Errorf("an entry takes %d bytes", n)
	}
}

// A page reads from the store what it shows, and not the whole of it.
func TestPagesReadLittle(t *testing.T) {
	s, st := long(5000)
	h := s.Handler()
	for range 3 { // the table of contents and the survey are read once, so much at a time
		read(t, h, "/")
	}
	for target, most := range map[string]int{
		"/": 600, "/items": 300, "/items?kind=paper&source=leicester": 300, "/bodies": 10, "/body/nhs-test-icb": 200, "/body/leicester-city-council": 200,
		"/meetings": 70, "/sources": 10, "/feed.atom": 600, "/body/nhs-test-icb/feed.atom": 300, itemPath("leicester", "x/000001"): 20,
	} {
		st.reads = 0
		if w := ask(h, "GET", target); w.Code != 200 {
			t.Errorf("%s: %d", target, w.Code)
		}
		if st.reads > most {
			t.Errorf("%s read %d entries, findings and items of 25,000", target, st.reads)
		}
	}
}

// An item that changed very often has its history on several pages, and an
// agenda with very many papers its papers.
func TestItemWithALongHistoryAndManyPapers(t *testing.T) {
	s, st := sample()
	it := &st.items[0]
	st.changes, st.findings = nil, nil
	for i := range 100 {
		c := store.Change{Seq: uint64(i + 1), At: at("2026-08-01 06:05").Add(time.Duration(i) * time.Hour), Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAmended, Fields: []store.FieldChange{{Name: "venue", Old: fmt.Sprint("Room ", i), New: fmt.Sprint("Room ", i+1)}}}
		st.changes = append(st.changes, c)
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("f", i), Change: c.Seq, Source: it.Source, Key: it.Key, Quote: fmt.Sprint("Sentence ", i/2)})
		it.Documents = append(it.Documents, store.Document{Key: fmt.Sprint("d", i), Title: fmt.Sprint("Paper ", i), URL: "https://council.example.org/", SHA256: strings.Repeat("ab", 32)})
	}
	h := s.Handler()
	next, entries := itemPath(it.Source, it.Key), []string{}
	for pages := 0; next != ""; pages++ {
		if pages > 10 {
			t.Fatal("the history does not end")
		}
		d := read(t, h, next)
		d.Find(".history > li li").Each(func(_ int, x *goquery.Selection) {
			entries = append(entries, strings.Join(strings.Fields(x.Text()), " "))
		})
		next = d.Find(".more a[href*='older=']").AttrOr("href", "")
	}
	if len(entries) != 100 || entries[0] != "Venue: was Room 99 is now Room 100" || entries[99] != "Venue: was Room 0 is now Room 1" {
		t.Errorf("%d entries: %s ... %s", len(entries), entries[0], entries[len(entries)-1])
	}
	papers, next := 0, itemPath(it.Source, it.Key)
	for next != "" {
		d := read(t, h, next)
		papers += d.Find("section.card h3").Length()
		next = d.Find(".more a[href*='documents=']").AttrOr("href", "")
		next, _, _ = strings.Cut(next, "#")
	}
	if papers != len(it.Documents) {
		t.Errorf("%d papers of %d are shown", papers, len(it.Documents))
	}
	d := read(t, h, itemPath(it.Source, it.Key))
	if n := d.Find("article.card").Length(); n != 10 { // 20 changes say 10 different sentences
		t.Errorf("%d sentences are quoted", n)
	}
	if got := words(d, "section.card:first-of-type dd code"); got != strings.Repeat("ab", 6)+"…" {
		t.Error("our copy:", got)
	}
	for target, want := range map[string]int{"&older=x": 400, "&older=0": 400, "&documents=0": 400, "&documents=x": 400, "&documents=900": 404, "&older=1": 200} {
		if w := ask(h, "GET", itemPath(it.Source, it.Key)+target); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

// Silence is judged by a source's own rhythm.
func TestQuietSource(t *testing.T) {
	days := func(gaps ...int) rhythm {
		var w rhythm
		on := at("2026-01-05 09:00")
		w.note(on)
		for _, g := range gaps {
			on = on.AddDate(0, 0, g)
			w.note(on)
		}
		return w
	}
	for _, c := range []struct {
		name  string
		w     rhythm
		after int // days
		want  string
	}{
		{"daily, a week later", days(1, 1, 1, 1, 1), 7, ""},
		{"daily, nine days later", days(1, 1, 1, 1, 1), 9, "Nothing new for 9 days; until now never more than 1. It may be quiet there, or they may publish elsewhere."},
		{"monthly, seven weeks later", days(30, 28, 31, 30, 31), 50, ""},
		{"monthly, three months later", days(30, 28, 31, 30, 31), 90, "Nothing new for 90 days; until now never more than 31. It may be quiet there, or they may publish elsewhere."},
		{"hardly known", days(1, 1), 90, ""},
	} {
		st := describe(SourceInfo{}, store.Health{LastTry: c.w.last, LastComplete: c.w.last}, c.w.last)
		st.rhythm(c.w, c.w.last.AddDate(0, 0, c.after))
		if st.Quiet != c.want || (c.want != "") != strings.HasSuffix(st.State, "quieter than usual") || st.Mark != "ok" {
			t.Errorf("%s: %s %q", c.name, st.State, st.Quiet)
		}
	}
	failing := describe(SourceInfo{}, store.Health{LastTry: at("2026-01-05 09:00"), FailingSince: at("2026-01-05 09:00")}, at("2026-01-05 09:00"))
	failing.rhythm(days(1, 1, 1, 1, 1), at("2027-01-05 09:00"))
	if failing.Quiet != "" {
		t.Error("a source that fails is not quiet")
	}
}

// What stands still is said first, on the pages that show the state of things.
func TestWhatStandsStillIsSaid(t *testing.T) {
	s, st := sample()
	held := "Nothing is being read: the disk is nearly full."
	s.Held = func() []string { return []string{held} }
	h := s.Handler()
	for _, target := range []string{"/", "/sources"} {
		if got := words(read(t, h, target), "main .held"); got != held {
			t.Errorf("%s says %q", target, got)
		}
	}
	s.Held = nil
	for i := range st.healths {
		st.healths[i].FailingSince = at("2026-08-12 06:00")
		st.healths[i].Problems = []store.Problem{{Reason: store.ReasonNetwork, What: "the visit"}}
	}
	if got := words(read(t, s.Handler(), "/"), ".held"); !strings.Contains(got, "No site at all can be reached") {
		t.Errorf("every source is out of reach, and the page says %q", got)
	}
	st.healths[0].FailingSince = time.Time{}
	if got := words(read(t, s.Handler(), "/"), ".held"); got != "" {
		t.Errorf("one source can be reached, and the page says %q", got)
	}
}

func TestAboutPage(t *testing.T) {
	s, _ := sample()
	all := words(read(t, s.Handler(), "/about"), "main")
	for _, want := range []string{"Our NHS runs these pages at watch.example.org", "alerts@watch.example.org", "3 public sources", "The Partnership Trust is not followed.", "What is kept of you", "They set no cookie", "Certain", "Likely", "A mention"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
	s.Group, s.Contact, s.URL = "", "", ""
	if all := words(read(t, s.Handler(), "/about"), "main"); !strings.Contains(all, "A local group runs these pages with CCGWatch") {
		t.Error(all)
	}
}

// No page passes 100 KB, whatever its sources write and however much there is:
// every text as long as it can be and of what grows most as HTML.
func TestNoPageIsLarge(t *testing.T) {
	s, st := long(600)
	nasty := strings.Repeat("\"<&>'", 2000)
	for i := range st.items {
		it := &st.items[i]
		it.Title, it.URL = nasty, "https://council.example.org/"+strings.Repeat("%22", 600)
		if it.Fields == nil {
			it.Fields = map[string]string{}
		}
		for k := range 10 {
			it.Fields[fmt.Sprint("field_", k)] = nasty
		}
		it.Fields["venue"], it.Fields["doubt"] = nasty, nasty
		if i > 2 {
			continue
		}
		for range 200 {
			it.Parts = append(it.Parts, store.Part{Key: "a", Title: nasty, Text: nasty})
			it.Documents = append(it.Documents, store.Document{Title: nasty, URL: it.URL, SHA256: strings.Repeat("ab", 32), Failed: nasty, Modified: nasty})
		}
		for k := range st.changes {
			if k > 100 && k < 140 {
				st.changes[k].Source, st.changes[k].Key = it.Source, it.Key
			}
		}
	}
	for i := range st.changes {
		c := &st.changes[i]
		for k := range 10 {
			c.Fields = append(c.Fields, store.FieldChange{Name: fmt.Sprint("field_", k), Old: nasty, New: nasty})
			c.Documents = append(c.Documents, store.Document{Title: nasty, URL: "https://council.example.org/" + strings.Repeat("a", 1500)})
		}
	}
	for i := range st.findings {
		x := &st.findings[i]
		x.Title, x.Quote, x.Document, x.BodyName, x.Why = nasty, fmt.Sprint(i)+nasty, nasty, nasty, nasty
		x.URL = "https://council.example.org/" + strings.Repeat("a", 1500)
		x.Deadline = &store.Deadline{Stated: "2026-09-11T12:00:00+01:00", Kind: "tender", Who: nasty, Quote: nasty}
	}
	for i := range st.healths {
		for k := range 50 {
			st.healths[i].Problems = append(st.healths[i].Problems, store.Problem{Reason: store.ReasonMissing, What: fmt.Sprint(k) + nasty, URL: "https://council.example.org/" + strings.Repeat("a", 1500)})
		}
	}
	for i := range 100 {
		s.Bodies = append(s.Bodies, BodyInfo{ID: fmt.Sprint("b-", i), Name: nasty, Aliases: []string{nasty, nasty}, Codes: []string{nasty}, Areas: []string{nasty}})
	}
	var k atomic.Int64 // the pages ask from several goroutines
	s.Buyers = func(*store.Notice) []string { return []string{fmt.Sprint("b-", k.Add(1)%100)} }
	h := s.Handler()
	for _, target := range []string{
		"/", "/findings", "/findings?source=leicester", "/finding/f0", "/finding/f110", "/meetings", itemPath("leicester", "x/000000"), itemPath("leicester", "x/000001"), itemPath("find-a-tender", "x/000002"),
		"/items", "/bodies", "/bodies?page=2", "/body/leicester-city-council", "/body/b-1", "/sources", "/coverage", "/about", "/feed.atom", "/body/leicester-city-council/feed.atom",
	} {
		w := ask(h, "GET", target)
		if w.Code != 200 || w.Body.Len() > 100<<10 {
			t.Errorf("%s: %d, %d bytes", target, w.Code, w.Body.Len())
		}
	}
}

// Items are told apart also where the table of contents cannot.
func TestTwoItemsOfOneHash(t *testing.T) {
	s, st := sample()
	v := &site{Server: s, zone: london()}
	v.record = newRecord(&v.Server, v.zone)
	seen := map[uint32]string{}
	var a, b string
	for i := 0; b == ""; i++ {
		key := fmt.Sprint("k", i)
		h := v.record.hash(ref{"leicester", key})
		if other, ok := seen[h]; ok {
			a, b = other, key
		}
		seen[h] = key
	}
	st.changes = []store.Change{{Seq: 1, Source: "leicester", Key: a}, {Seq: 2, Source: "leicester", Key: b}, {Seq: 3, Source: "leicester", Key: a}}
	if err := v.record.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{a: 2, b: 1} {
		if h, err := v.history(t.Context(), store.Item{Source: "leicester", Key: key}, 0); err != nil || len(h.Changes) != want {
			t.Errorf("%s: %d entries of %d, %v", key, len(h.Changes), want, err)
		}
	}
}

// A list of findings with long quotes is shorter, its texts are not.
func TestFindingsWithLongQuotes(t *testing.T) {
	s, st := sample()
	st.findings = nil
	for i := range 60 {
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("q", i), Change: uint64(i + 1), Title: "Finding", Quote: strings.Repeat("<&>", 450) + "END"})
	}
	h := s.Handler()
	if got := walk(t, h, "/findings", "article h2 a"); len(got) != 60 {
		t.Errorf("%d findings of 60", len(got))
	}
	d := read(t, h, "/findings")
	if d.Find(".held").Length() > 0 || !strings.HasSuffix(words(d, "article:first-of-type blockquote"), "END") {
		t.Error("quotes are cut short where fewer findings would do")
	}
}

func TestACancelledMeetingIsNotTheNext(t *testing.T) {
	s, st := sample()
	st.items[1].Fields["status"] = store.StatusCancelled
	if all := words(read(t, s.Handler(), "/bodies"), "article:first-of-type"); strings.Contains(all, "Next meeting") {
		t.Error(all)
	}
}

// Many readers at once, right after a start, get the same pages as one.
func TestReadersTogether(t *testing.T) {
	s, _ := long(200)
	targets := []string{"/", "/items", "/bodies", "/meetings", "/body/nhs-test-icb", "/feed.atom", itemPath("leicester", "x/000001")}
	want := map[string]string{}
	alone := s.Handler()
	for _, target := range targets {
		want[target] = ask(alone, "GET", target).Body.String()
	}
	h := s.Handler()
	var wg sync.WaitGroup
	for range 2 {
		for _, target := range targets {
			wg.Go(func() {
				if w := ask(h, "GET", target); w.Code != 200 || w.Body.String() != want[target] {
					t.Errorf("%s: %d, or another page", target, w.Code)
				}
			})
		}
	}
	wg.Wait()
}
