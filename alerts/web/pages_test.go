package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/store"
)

func TestStatusPage(t *testing.T) {
	s, _ := sample()
	d := read(t, s.Handler(), "/")
	for selector, want := range map[string]string{
		"#source-leicester .state":     "Read completely",
		"#source-leicester dl":         "Last read completely Wednesday 12 August 2026, 12:05 Looked at every day at 07:05 and 17:05 Next look Wednesday 12 August 2026, 17:05 Seen then 41 meetings Site Source at council.example.org",
		"#source-uhl .state":           "Failing: the list is suddenly empty",
		"#source-uhl li":               "the list of papers: the list is suddenly empty (Source at trust.example.org)",
		"#source-find-a-tender .state": "Not looked at yet",
		"main > p:first-of-type":       "As of Wednesday 12 August 2026, 13:00. 1 of 3 sources need attention: what they publish may be missing here.",
		"dl.facts":                     "Waiting to be sent1, the oldest since Wednesday 12 August 2026, 10:07 Given up1 Sent2, the last Monday 10 August 2026, 08:01 Last weekly digestSunday 9 August 2026, 08:01",
	} {
		if got := words(d, selector); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s\n got %s\nwant %s", selector, got, want)
		}
	}
	all := words(d, "main")
	for _, want := range []string{"Failing since Monday 10 August 2026, 17:40", "The Partnership Trust is not followed.", "Followed no longer: left-behind.", "What we do not see"} {
		if !strings.Contains(strings.ReplaceAll(all, " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
}

// Before the first look, the page claimed that every source could be read.
func TestStatusPageBeforeTheFirstLookClaimsNothing(t *testing.T) {
	s, st := sample()
	st.healths = nil
	if got := words(read(t, s.Handler(), "/"), "main > p:first-of-type"); !strings.Contains(got, "No source has been looked at yet.") || strings.Contains(got, "could be read") {
		t.Errorf("the page says %q", got)
	}
}

func TestStateOfASource(t *testing.T) {
	now := at("2026-08-12 12:00")
	info := SourceInfo{Next: now.Add(time.Hour)}
	overdue := SourceInfo{Next: now.Add(-3 * time.Hour)}
	problem := []store.Problem{{Reason: store.ReasonMissing, What: "a paper"}}
	for _, c := range []struct {
		name string
		info SourceInfo
		h    store.Health
		want string
	}{
		{"never tried", info, store.Health{}, "new: Not looked at yet"},
		{"tried, nothing concluded", info, store.Health{LastTry: now}, "bad: Never read completely yet"},
		{"read", info, store.Health{LastTry: now, LastComplete: now}, "ok: Read completely"},
		{"read but for a paper", info, store.Health{LastTry: now, LastComplete: now, Problems: problem}, "ok: Read, apart from what is listed here"},
		{"failing", info, store.Health{LastTry: now, LastComplete: now, FailingSince: now, Problems: problem}, "bad: Failing: the page is not there any more"},
		{"failing, never complete", info, store.Health{LastTry: now, FailingSince: now}, "bad: Failing"},
		{"the daemon sleeps", overdue, store.Health{LastTry: now, LastComplete: now}, "bad: Overdue: the last look planned did not take place"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := describe(c.info, c.h, now)
			if got := st.Mark + ": " + st.State; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestFindingsPage(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	d := read(t, h, "/findings")
	var titles []string
	d.Find("article h2 a").Each(func(_ int, a *goquery.Selection) {
		titles = append(titles, a.Text()+" "+a.AttrOr("href", ""))
	})
	if diff := cmp.Diff([]string{"Standstill /finding/f3", "Community podiatry service /finding/f2", "Overview Select Committee /finding/f1"}, titles); diff != "" {
		t.Error("newest first (-want +got)\n", diff)
	}
	tender := d.Find("article").Eq(1)
	if got := strings.Join(strings.Fields(tender.Text()), " "); got != "Community podiatry service Tenders · Find a Tender · NHS Test ICB · found Tuesday 11 August 2026, 09:18 Community podiatry for adults. Notice Bids are due: Friday 11 September 2026, 12:00, as the source states. Who may act: providers. Certain: the source says so itself. Source at tender.example.org" {
		t.Error(got)
	}
	if got := tender.Find("a[rel~=external]").AttrOr("href", ""); got != "https://tender.example.org/Notice/055555-2026" {
		t.Error(got)
	}
	last := d.Find("article").Eq(0)
	if got := strings.Join(strings.Fields(last.Find(".act").Text()), " "); got != "Standstill ends (passed): Saturday 1 August 2026, 23:59, as the source states; Monday 3 August 2026, 23:59, as the rule gives it. Who may act: any provider." {
		t.Error(got)
	}
	if last.Find("a[rel~=external]").Length() != 0 || !strings.Contains(last.Text(), "no link that is safe to follow") {
		t.Error("a script is offered as a link")
	}
	if got := words(d, "article:nth-of-type(3) figcaption"); got != "Podiatry report, page 7" {
		t.Error(got)
	}
}

func TestFindingsAreFiltered(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	for target, want := range map[string]string{
		"/findings?topic=tenders":                        "f2",
		"/findings?source=leicester":                     "f3 f1",
		"/findings?q=PODIATRY":                           "f2 f1",
		"/findings?q=podiatry+adults":                    "f2",
		"/findings?q=podiatry&source=leicester":          "f1",
		"/findings?topic=&source=&q=":                    "f3 f2 f1",
		"/findings?q=%27+OR+1%3D1":                       "",
		"/findings?q=%7B%7B.%7D%7D":                      "",
		"/findings?source=nobody":                        "",
		"/findings?before=3-f3":                          "f2 f1",
		"/findings?before=2-f2&source=leicester&q=board": "f1",
	} {
		d := read(t, h, target)
		var got []string
		d.Find("article h2 a").Each(func(_ int, a *goquery.Selection) {
			got = append(got, strings.TrimPrefix(a.AttrOr("href", ""), "/finding/"))
		})
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", target, got, want)
		}
	}
	d := read(t, h, "/findings?topic=tenders&source=leicester&q=a+%22b%22")
	if v := d.Find("#q").AttrOr("value", ""); v != `a "b"` {
		t.Errorf("the words of the form are %s", v)
	}
	if d.Find("#topic [selected]").AttrOr("value", "") != "tenders" || d.Find("#source [selected]").AttrOr("value", "") != "leicester" {
		t.Error("the form forgot what was chosen")
	}
	for _, target := range []string{"/findings?topic=cats", "/findings?before=x", "/findings?before=-1-a", "/findings?before=5"} {
		if w := ask(h, "GET", target); w.Code != 400 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// Walking the pages shows every finding once, newest first, whatever the
// steps in which the log is read, several findings of one change included.
func TestPagingShowsEveryFindingOnce(t *testing.T) {
	for _, total := range []int{0, 1, 24, 25, 26, 50, 51, 3000} {
		t.Run(fmt.Sprint(total), func(t *testing.T) {
			s, st := sample()
			st.findings = nil
			for i := range total {
				st.findings = append(st.findings, store.Finding{ID: fmt.Sprintf("id-%05d", i), Change: uint64(i/3*2 + 1), Topic: store.TopicPapers, Title: "x"})
			}
			h := s.Handler()
			next, seen := "/findings", total
			for pages := 0; next != ""; pages++ {
				if pages > total/perPage+1 {
					t.Fatal("the pages do not end")
				}
				d := read(t, h, next)
				d.Find("article h2 a").Each(func(_ int, a *goquery.Selection) {
					seen--
					if want := fmt.Sprintf("/finding/id-%05d", seen); a.AttrOr("href", "") != want {
						t.Fatalf("%s shows %s, want %s", next, a.AttrOr("href", ""), want)
					}
				})
				next = d.Find(".more a").AttrOr("href", "")
			}
			if seen != 0 {
				t.Errorf("%d were never shown", seen)
			}
		})
	}
}

func TestNewestFindingsCostLittle(t *testing.T) {
	s, st := sample()
	for i := range uint64(100_000) {
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("x", i), Change: 10 + i})
	}
	h := s.Handler()
	st.reads = 0
	read(t, h, "/findings")
	if st.reads > 1000 {
		t.Errorf("%d findings were read to show %d", st.reads, perPage)
	}
}

func TestFindingPage(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	d := read(t, h, "/finding/f1")
	all := words(d, "main")
	for _, want := range []string{
		"The board is asked to approve a competitive process for podiatry.", "Podiatry report, page 7", "Likely: the words point to it",
		"competitive process near podiatry", strings.Repeat("ab", 32), "Last looked at", "338 KB", "it was there when we began to watch",
		"Changed; Meeting cancelled", "First seen (was there when we began to watch); New meeting",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
	for target, want := range map[string]int{"/finding/f2": 200, "/finding/nothing": 404, "/finding/": 404, "/finding/" + strings.Repeat("x", 200): 404, "/finding/a/b": 404} {
		if w := ask(h, "GET", target); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

func TestFindingOutlivesItsItemAndItsPaper(t *testing.T) {
	s, st := sample()
	st.items[0].Documents[0].SHA256 = strings.Repeat("cd", 32)
	h := s.Handler()
	if all := words(read(t, h, "/finding/f1"), "main"); !strings.Contains(all, "The paper has been replaced since it was quoted.") {
		t.Error(all)
	}
	st.items = nil
	if all := words(read(t, h, "/finding/f1"), "main"); !strings.Contains(all, "What it was found in is not kept any more.") {
		t.Error(all)
	}
}

func TestMeetingsPage(t *testing.T) {
	s, _ := sample()
	d := read(t, s.Handler(), "/meetings")
	var got []string
	d.Find("h2, h3").Each(func(_ int, x *goquery.Selection) { got = append(got, x.Text()) })
	want := []string{"Wednesday 12 August 2026", "Health Scrutiny", "Wednesday 19 August 2026", "Cancelled: Overview Select Committee"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("today's stay, yesterday's and those taken down go (-want +got)\n", diff)
	}
	if href := d.Find("h3 a").Eq(1).AttrOr("href", ""); href != "/item?key=meeting%2F15033&source=leicester" {
		t.Error(href)
	}
}

func TestItemPage(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	d := read(t, h, itemPath("leicester", "meeting/15033"))
	all := words(d, "main")
	for _, want := range []string{"5. Community podiatry", "Report of the director. For decision.", "Podiatry report", "Venue", "Town Hall", "Wednesday 19 August 2026, 17:30", "Status: was confirmed is now cancelled"} {
		if !strings.Contains(strings.ReplaceAll(all, " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
	all = words(read(t, h, itemPath("find-a-tender", "notice/055555-2026")), "main")
	for _, want := range []string{"NHS Test ICB", "A service for feet. In two lots.", "Friday 11 September 2026, 12:00", "New notice"} {
		if !strings.Contains(strings.ReplaceAll(all, " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
	for target, want := range map[string]int{"/item": 400, "/item?source=leicester": 400, "/item?source=leicester&key=nothing": 404, "/item?source=" + strings.Repeat("x", 65) + "&key=a": 400} {
		if w := ask(h, "GET", target); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

func TestHistoryFindsItsEntriesInALongLog(t *testing.T) {
	s, st := sample()
	st.changes = nil
	start := at("2024-01-01 00:00")
	for i := range 200_000 {
		c := store.Change{Seq: uint64(i + 1), At: start.Add(time.Duration(i) * time.Minute), Source: "other", Key: "x"}
		if i == 100_000 || i == 100_500 {
			c.Source, c.Key = "a", "b"
		}
		st.changes = append(st.changes, c)
	}
	it := store.Item{Source: "a", Key: "b", FirstSeen: st.changes[100_000].At, Changed: st.changes[100_500].At}
	v := &site{Server: s, zone: london()}
	h, err := v.history(context.Background(), it)
	if err != nil || h.Cut || len(h.Changes) != 2 || h.Changes[0].Seq != 100_501 || h.Changes[1].Seq != 100_001 {
		t.Errorf("%+v, %v", h, err)
	}
	if st.reads > 2000 {
		t.Errorf("%d entries were read", st.reads)
	}
	it.Changed = st.changes[199_999].At
	if h, err = v.history(context.Background(), it); err != nil || !h.Cut {
		t.Errorf("a search that was cut short does not say so: %+v, %v", h, err)
	}
}

func TestEveryPageIsWellBuilt(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	for _, target := range []string{"/", "/findings", "/finding/f1", "/finding/f2", "/finding/f3", "/meetings", itemPath("leicester", "meeting/15033"), itemPath("find-a-tender", "notice/055555-2026"), "/u/token-1", "/nothing"} {
		w := ask(h, "GET", target)
		d, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		fault := func(format string, args ...any) { t.Errorf("%s: %s", target, fmt.Sprintf(format, args...)) }
		for _, once := range []string{"html[lang=en-GB]", "title", "header", "nav[aria-label]", "main#main", "footer", "h1", "meta[name=viewport]", "a.skip[href='#main']"} {
			if n := d.Find(once).Length(); n != 1 {
				fault("%d of %s", n, once)
			}
		}
		if strings.TrimSpace(d.Find("title").Text()) == "· CCGWatch" || strings.TrimSpace(d.Find("h1").Text()) == "" {
			fault("no title")
		}
		level := 1
		d.Find("h1, h2, h3, h4, h5, h6").Each(func(_ int, x *goquery.Selection) {
			n := int(goquery.NodeName(x)[1] - '0')
			if n > level+1 {
				fault("the heading %q skips a level", x.Text())
			}
			level = n
		})
		d.Find("input:not([type=hidden]), select").Each(func(_ int, x *goquery.Selection) {
			if d.Find("label[for='"+x.AttrOr("id", "?")+"']").Length() != 1 {
				fault("%s has no label", x.AttrOr("name", ""))
			}
		})
		d.Find("a, button").Each(func(_ int, x *goquery.Selection) {
			if strings.TrimSpace(x.Text()) == "" {
				fault("a link or button without words")
			}
		})
		ids := map[string]bool{}
		d.Find("[id]").Each(func(_ int, x *goquery.Selection) {
			if id := x.AttrOr("id", ""); ids[id] {
				fault("the id %s twice", id)
			} else {
				ids[id] = true
			}
		})
		if n := d.Find("script, img, iframe, style, [style], object, embed, svg").Length(); n != 0 {
			fault("%d elements that no page of ours has", n)
		}
	}
}

func BenchmarkFindings(b *testing.B) {
	s, st := sample()
	for i := range uint64(1000) {
		f := st.findings[1]
		f.ID, f.Change = fmt.Sprint("x", i), 10+i
		st.findings = append(st.findings, f)
	}
	h := s.Handler()
	for b.Loop() {
		if w := ask(h, "GET", "/findings"); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
