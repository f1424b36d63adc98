package web

import (
	"context"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/store"
)

// The first page begins with what closes soonest: who may act, and for how long.
func TestStartPage(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	d := read(t, h, "/")
	for selector, want := range map[string]string{
		"h2.first + ol li": "Community podiatry service 30 days left: bids are due Friday 11 September 2026, 12:00 Who may act: providers. Find a Tender · NHS Test ICB",
		".list li.bad":     "The hospitals Failing: it lists nothing, and does not say that there is nothing since Monday 10 August 2026, 17:40 · last read completely: Monday 10 August 2026, 07:40",
		".asof":            "As of Wednesday 12 August 2026, 13:00. 1 of 3 sources needs attention: what they publish may be missing here.",
		"dl.facts":         "Waiting to be sent1, the oldest since Wednesday 12 August 2026, 10:07 Given up after several tries1 Sent2, the last Monday 10 August 2026, 08:01 Last weekly digestSunday 9 August 2026, 08:01",
	} {
		if got := words(d, selector); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s\n got %s\nwant %s", selector, got, want)
		}
	}
	var links []string
	d.Find(".list a").Each(func(_ int, a *goquery.Selection) { links = append(links, a.AttrOr("href", "")) })
	if diff := cmp.Diff([]string{
		"/finding/f2",
		"/item?key=meeting%2F15019&source=leicester", // the cancelled one is not what comes next
		"/finding/f3", "/finding/f2", "/finding/f1", "/sources#source-uhl",
	}, links); diff != "" {
		t.Error("what needs attention first (-want +got)\n", diff)
	}
	if all := words(d, "main"); !strings.Contains(all, "Followed no longer: left-behind.") {
		t.Error(all)
	}
}

func TestSourcesPage(t *testing.T) {
	s, _ := sample()
	d := read(t, s.Handler(), "/sources")
	for selector, want := range map[string]string{
		"#source-leicester .state":     "Read completely",
		"#source-leicester dl":         "Last read completely Wednesday 12 August 2026, 12:05 Looked at every day at 07:05 and 17:05 Next look Wednesday 12 August 2026, 17:05 Last something new Wednesday 12 August 2026, 10:05 It listed 41 meetings Site Source at council.example.org",
		"#source-uhl .state":           "Failing: it lists nothing, and does not say that there is nothing",
		"#source-uhl li":               "the list of papers: it lists nothing, and does not say that there is nothing (Source at trust.example.org)",
		"#source-find-a-tender .state": "Not looked at yet",
		".asof":                        "As of Wednesday 12 August 2026, 13:00. 1 of 3 sources needs attention: what they publish may be missing here.",
	} {
		if got := words(d, selector); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s\n got %s\nwant %s", selector, got, want)
		}
	}
	if all := words(d, "main"); !strings.Contains(strings.ReplaceAll(all, " ", ""), strings.ReplaceAll("Failing since Monday 10 August 2026, 17:40", " ", "")) {
		t.Error(all)
	}
	if id, _ := d.Find("section").First().Attr("id"); id != "source-uhl" {
		t.Error("what needs attention comes first, not", id)
	}
}

// Before the first look, the page claimed that every source could be read.
func TestStatusPageBeforeTheFirstLookClaimsNothing(t *testing.T) {
	s, st := sample()
	st.healths = nil
	h := s.Handler()
	for _, page := range []string{"/", "/sources"} {
		if got := words(read(t, h, page), ".asof"); !strings.Contains(got, "No source has been looked at yet.") || strings.Contains(got, "could be read") {
			t.Errorf("%s says %q", page, got)
		}
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
	if got := strings.Join(strings.Fields(tender.Text()), " "); got != "Community podiatry service Tenders · Find a Tender · NHS Test ICB · found Tuesday 11 August 2026, 09:18 Community podiatry for adults. From the notice Bids are due: Friday 11 September 2026, 12:00, the source says. Who may act: providers. Certain: the source says so itself. Source at tender.example.org" {
		t.Error(got)
	}
	if got := tender.Find("a[rel~=external]").AttrOr("href", ""); got != "https://tender.example.org/Notice/055555-2026" {
		t.Error(got)
	}
	last := d.Find("article").Eq(0)
	if got := strings.Join(strings.Fields(last.Find(".act").Text()), " "); got != "Standstill ends (passed): Saturday 1 August 2026, 23:59, the source says. We count Monday 3 August 2026, 23:59 by the rule. The two differ: the earlier is the safe one. Who may act: any provider." {
		t.Error(got)
	}
	if last.Find("a[rel~=external]").Length() != 0 || !strings.Contains(last.Text(), "no link that is safe to follow") {
		t.Error("a script is offered as a link")
	}
	if got := d.Find("article").Eq(2).Find("a[rel~=external]").AttrOr("href", ""); got != "https://council.example.org/ieListDocuments.aspx?MId=15033#page=7" {
		t.Error("the link does not lead to the page quoted:", got)
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
		"/findings?q=Podiatry":                           "f2 f1",
		"/findings?q=PODIATRY":                           "", // in capitals only
		"/findings?q=podiatry+adults":                    "f2",
		"/findings?q=podiatry&source=leicester":          "f1",
		"/findings?topic=&source=&q=":                    "f3 f2 f1",
		"/findings?q=podiatry+-topic%3Atenders":          "f1",
		"/findings?q=topic%3Atenders+OR+standstill":      "f3 f2",
		"/findings?q=%22podiatry+for+adults%22":          "f2",
		"/findings?q=kind%3Ameeting+tier%3Amention":      "f3",
		"/findings?q=body%3Anhs-test-icb":                "f2",
		"/findings?q=++":                                 "f3 f2 f1",
		"/findings?q=pod":                                "", // words, not parts of words
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
	if all := words(read(t, h, "/findings?source=nobody"), "main"); !strings.Contains(all, "Nothing found that fits. Try fewer words, or small letters, or show everything.") {
		t.Error(all)
	}
	for _, target := range []string{"/findings?topic=cats", "/findings?before=x", "/findings?before=-1-a", "/findings?before=5"} {
		if w := ask(h, "GET", target); w.Code != 400 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// A search that cannot be read says where and why, keeps what was typed, and
// shows nothing: half a search would mislead.
func TestSearchThatCannotBeRead(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	for q, want := range map[string]string{
		"podiatry (":                   `at character 11, marked here: podiatry (…`,
		"podiatry topic:cats and more": `at character 16, marked here: podiatry topic:cats and more`,
		") podiatry":                   `at character 1, marked here: ) podiatry`,
		"<b>é</b> \"adults":            `marked here: <b>é</b> "adults`,
		strings.Repeat("a", 1001):      "a query has at most 1000 characters",
		strings.Repeat("long ", 400):   "a query has at most 1000 characters",
	} {
		w := ask(h, "GET", "/findings?"+url.Values{"q": {q}, "topic": {"tenders"}}.Encode())
		d, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != 400 || d.Find("article").Length() != 0 || d.Find("h1").Text() != "We could not read your search" || w.Header().Get("X-Robots-Tag") == "" {
			t.Errorf("%.40q: %d %s", q, w.Code, words(d, "main"))
		}
		if got := words(d, "#q-wrong"); !strings.Contains(got, want) {
			t.Errorf("%.40q: %s", q, got)
		}
		box := d.Find("#q[aria-invalid=true]")
		if !strings.HasPrefix(strings.TrimRight(q, " ")+" ", strings.TrimRight(box.AttrOr("value", "?"), "…")) || d.Find("#"+box.AttrOr("aria-describedby", "none")).Length() != 1 || d.Find("#topic [selected]").AttrOr("value", "") != "tenders" {
			t.Errorf("%.40q: the form forgot what was typed, or does not say what is wrong: %q", q, box.AttrOr("value", ""))
		}
	}
}

func TestDeadlineInWords(t *testing.T) {
	s, _ := sample()
	v := &site{Server: s, zone: london(), templates: map[string]*template.Template{}}
	parts := template.Must(template.New("").Funcs(v.funcs(full())).ParseFS(assets, "pages/parts.html"))
	for _, c := range []struct{ stated, computed, want string }{
		{"2026-10-16T12:00:00+01:00", "", "Bids are due: Friday 16 October 2026, 12:00, the source says. Who may act: providers."},
		{"", "2026-10-16", "Bids are due: Friday 16 October 2026, counted by us from the rule; the source gives no date. Who may act: providers."},
		{"2026-10-16T23:59:00+01:00", "2026-10-16", "Bids are due: Friday 16 October 2026, 23:59, the source says. By the rule we count the same. Who may act: providers."},
		{"2026-10-16T23:59:00+01:00", "2026-10-16T22:59:00Z", "Bids are due: Friday 16 October 2026, 23:59, the source says. By the rule we count the same. Who may act: providers."},
		{"2026-10-16", "2026-10-19", "Bids are due: Friday 16 October 2026, the source says. We count Monday 19 October 2026 by the rule. The two differ: the earlier is the safe one. Who may act: providers."},
		{"2026-08-11T12:00:00+01:00", "", "Bids are due (passed): Tuesday 11 August 2026, 12:00, the source says. Who may act: providers."},
		{"", "", ""},
	} {
		var b strings.Builder
		if x := v.show(store.Finding{Deadline: &store.Deadline{Stated: c.stated, Computed: c.computed, Kind: "tender", Who: "providers."}}); x.Act != nil {
			if err := parts.ExecuteTemplate(&b, "act", x.Act); err != nil {
				t.Fatal(err)
			}
		}
		d, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		if got := words(d, "body"); got != c.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", c.stated, c.computed, got, c.want)
		}
	}
}

// What only somebody who checks the program needs is folded away; what a
// reader needs is not in there, and has no word of the program's own.
func TestTechnicalWordsAreFoldedAway(t *testing.T) {
	s, st := sample()
	st.findings[1].Why = "judged tender under psr, about social_care; stage: notice type"
	h := s.Handler()
	for target, folded := range map[string][]string{
		"/finding/f1":                          {"outsourcing/competitive-process", strings.Repeat("ab", 32), "leicester meeting/15033"},
		"/finding/f2":                          {"notice/tender", "judged tender under psr", "find-a-tender notice/055555-2026"},
		itemPath("leicester", "meeting/15033"): {"leicester meeting/15033", strings.Repeat("ab", 32)},
		itemPath("find-a-tender", "notice/055555-2026"): {"ocds-h6vhtk-0a1b2c", "055555-2026"},
	} {
		d := read(t, h, target)
		for _, x := range folded {
			if !strings.Contains(words(d, "main details"), x) {
				t.Errorf("%s: %q is nowhere to be checked", target, x)
			}
		}
		d.Find("details").Remove()
		for _, x := range append(folded, "_", "psr") {
			if strings.Contains(words(d, "main"), x) {
				t.Errorf("%s shows %q to every reader:\n%s", target, x, words(d, "main"))
			}
		}
	}
	d := read(t, h, "/finding/f2")
	for _, want := range []string{"Open for bids", "Provider Selection Regime", "Certain: the source says so itself"} {
		if !strings.Contains(words(d, ".facts"), want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// A day without a time is no meeting at midnight, in summer and in winter.
func TestMeetingsWithoutATimeOfDay(t *testing.T) {
	s, st := sample()
	st.items[1].Fields["when"] = "2026-08-14T00:00:00+01:00"
	st.items[0].Fields["when"] = "2026-12-14T00:00:00Z"
	h := s.Handler()
	all := words(read(t, h, "/meetings"), "main") + words(read(t, h, itemPath("leicester", "meeting/15033")), "dl")
	if !strings.Contains(all, "Friday 14 August 2026 Health Scrutiny") || !strings.Contains(all, "When Monday 14 December 2026") && !strings.Contains(all, "WhenMonday 14 December 2026") || strings.Contains(all, "00:00") {
		t.Error(all)
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

// A search for what is rare in a long record pauses, says so, and goes on
// where it paused: every finding that fits is shown once.
func TestSearchOfALongRecordPauses(t *testing.T) {
	s, st := sample()
	st.findings = nil
	for i := range 25_000 {
		title := "common"
		if i%10_000 == 100 {
			title = "rare"
		}
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprintf("id-%05d", i), Change: uint64(i/3 + 1), Title: title})
	}
	h := s.Handler()
	var got []string
	pages, paused := 0, 0
	for next := "/findings?q=rare"; next != ""; pages++ {
		if pages > 20 {
			t.Fatal("the search does not end")
		}
		st.reads = 0
		d := read(t, h, next)
		if st.reads > 3*mostMatched {
			t.Errorf("%s read %d findings at one go", next, st.reads)
		}
		d.Find("article h2 a").Each(func(_ int, a *goquery.Selection) { got = append(got, a.AttrOr("href", "")) })
		more := words(d, ".more")
		if strings.Contains(more, "paused") {
			paused++
		}
		if all := words(d, "main"); more != "" && strings.Contains(all, "Nothing found") {
			t.Errorf("%s says there is nothing before it has looked everywhere", next)
		}
		next = d.Find(".more a").AttrOr("href", "")
	}
	if diff := cmp.Diff([]string{"/finding/id-20100", "/finding/id-10100", "/finding/id-00100"}, got); diff != "" || paused < 1 {
		t.Errorf("after %d pages, %d of them paused (-want +got)\n%s", pages, paused, diff)
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
		"Wednesday 12 August 2026, 10:05: Meeting cancelled", "New meeting (was there when we began to watch)",
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
	if got := words(d, "article:nth-of-type(2) .meta"); got != "17:30 · Leicester City Council · Town HallAgenda published. Source at council.example.org" {
		t.Error("the day is in the heading, the time on the card:", got)
	}
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
	v.record = newRecord(&v.Server, v.zone)
	h, err := v.searchHistory(context.Background(), it)
	if err != nil || h.Cut || len(h.Changes) != 2 || h.Changes[0].Seq != 100_501 || h.Changes[1].Seq != 100_001 {
		t.Errorf("%+v, %v", h, err)
	}
	if st.reads > 2000 {
		t.Errorf("%d entries were read", st.reads)
	}
	it.Changed = st.changes[199_999].At
	if h, err = v.searchHistory(context.Background(), it); err != nil || !h.Cut {
		t.Errorf("a search that was cut short does not say so: %+v, %v", h, err)
	}
	// The first readers after a start have the log read, a stride each.
	for i := range 200_000 / stride {
		if v.record.behind().IsZero() && i > 0 {
			t.Fatalf("the record is complete after %d of %d strides", i, 200_000/stride)
		}
		st.reads = 0
		if err := v.record.follow(t.Context()); err != nil || st.reads > stride {
			t.Fatalf("%d entries were read at one go, %v", st.reads, err)
		}
	}
	st.reads = 0
	if h, err = v.history(t.Context(), it, 0); err != nil || h.Cut || h.Next != 0 || len(h.Changes) != 2 || h.Changes[0].Seq != 100_501 {
		t.Errorf("%+v, %v", h, err)
	}
	if st.reads > 10 {
		t.Errorf("%d entries were read for a history of two", st.reads)
	}
}

// The style sheet promises 7 to 1 for text, and 3 to 1 for lines, by the
// formula of WCAG 2.2, in light and in dark.
func TestContrast(t *testing.T) {
	style, err := assets.ReadFile("pages/style.css")
	if err != nil {
		t.Fatal(err)
	}
	roots := regexp.MustCompile(`(?s):root \{.*?\}`).FindAllString(string(style), 2)
	if len(roots) != 2 {
		t.Fatal("no light and dark colours")
	}
	luminance := func(hex string) float64 {
		v, err := strconv.ParseUint(hex, 16, 32)
		if err != nil || len(hex) != 6 {
			t.Fatal(hex, err)
		}
		sum := 0.0
		for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
			c := float64(v>>(8*i)&0xff) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	for i, root := range roots {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #(\w+)`).FindAllStringSubmatch(root, -1) {
			colour[m[1]] = luminance(m[2])
		}
		for pair, least := range map[string]float64{
			"ink ground": 7, "ink soft": 7, "ink mark": 7, "link ground": 7, "link soft": 7, "link mark": 7, "ground link": 7,
			"ok ground": 7, "bad ground": 7, "line ground": 3, "line soft": 3, "bad soft": 3,
		} {
			a, b, _ := strings.Cut(pair, " ")
			x, y := colour[a], colour[b]
			if got := (max(x, y) + 0.05) / (min(x, y) + 0.05); got < least || colour[a] == colour[b] {
				t.Errorf("%s %s: %.2f to 1, want %g", []string{"light", "dark"}[i], pair, got, least)
			}
		}
	}
}

// What a page loads comes from here, and is small: phones on a poor line.
func TestPagesAreSmallAndLoadNothingElse(t *testing.T) {
	s, st := sample()
	for i := range uint64(perPage) {
		f := st.findings[1]
		f.ID, f.Change, f.Quote = fmt.Sprint("x", i), 10+i, strings.Repeat("a quote ", 60)
		st.findings = append(st.findings, f)
	}
	h := s.Handler()
	for _, target := range []string{"/", "/deadlines", "/numbers", "/register", "/corrections", "/help", "/findings", "/finding/f1", "/meetings", itemPath("leicester", "meeting/15033"), "/items", "/bodies", "/body/leicester-city-council", "/sources", "/coverage", "/about", "/u/token-1", "/nothing"} {
		w := ask(h, "GET", target)
		if n := w.Body.Len(); n > 48<<10 {
			t.Errorf("%s has %d bytes", target, n)
		}
		d, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		d.Find("link[href], [src], [srcset], [poster], [background]").Each(func(_ int, x *goquery.Selection) {
			if goquery.NodeName(x) != "link" || x.AttrOr("href", "") != "/style.css" && x.AttrOr("rel", "") != "alternate" {
				t.Errorf("%s loads %s", target, goquery.NodeName(x))
			}
		})
	}
	if style := ask(h, "GET", "/style.css").Body.String(); strings.Contains(style, "url(") || strings.Contains(style, "@import") || strings.Contains(style, "@font-face") {
		t.Error("the style sheet loads something")
	}
}

func TestEveryPageIsWellBuilt(t *testing.T) {
	s, _ := recorded()
	h := s.Handler()
	for _, target := range []string{"/", "/deadlines", "/numbers", "/register", "/register?of=papers", "/corrections", "/help", "/suppliers", "/supplier/gb-coh-07382763", keptPaper("ab"), "/findings", "/findings?q=nothing-at-all", "/findings?q=topic:", "/finding/f1", "/finding/f2", "/finding/f3", "/meetings", itemPath("leicester", "meeting/15033"), itemPath("find-a-tender", "notice/055555-2026"), "/items", "/items?body=nobody", "/bodies", "/bodies?q=icb", "/body/leicester-city-council", "/body/nhs-test-icb", "/body/uhl", "/sources", "/coverage", "/about", "/u/token-1", "/nothing"} {
		w := ask(h, "GET", target)
		d, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		fault := func(format string, args ...any) { t.Errorf("%s: %s", target, fmt.Sprintf(format, args...)) }
		for _, once := range []string{"html[lang=en-GB]", "head title", "header", "header nav[aria-label]", "footer nav[aria-label]", "main#main", "footer", "h1", "meta[name=viewport]", "a.skip[href='#main']"} {
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
		if n := d.Find("body > *:not(header):not(main):not(footer):not(a.skip)").Length(); n != 0 {
			fault("%d elements outside the landmarks", n)
		}
		d.Find("[aria-describedby]").Each(func(_ int, x *goquery.Selection) {
			if d.Find("#"+x.AttrOr("aria-describedby", "")).Length() != 1 {
				fault("%s is described by nothing", x.AttrOr("id", ""))
			}
		})
		d.Find("details").Each(func(_ int, x *goquery.Selection) {
			if goquery.NodeName(x.Children().First()) != "summary" {
				fault("something is folded away under no name")
			}
		})
		d.Find("time").Each(func(_ int, x *goquery.Selection) {
			if _, err := time.Parse(time.RFC3339, x.AttrOr("datetime", "")); err != nil {
				fault("%v", err)
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
		if n := d.Find("script, img, iframe, style, [style], object, embed, svg").Not(".chart svg").Length(); n != 0 {
			fault("%d elements that no page of ours has", n)
		}
	}
}

// A search for what is nowhere reads every finding: it must stay bearable.
func BenchmarkSearch(b *testing.B) {
	s, st := sample()
	for i := range uint64(10_000) {
		f := st.findings[1]
		f.ID, f.Change, f.Quote = fmt.Sprint("x", i), 10+i, strings.Repeat("The board is asked to approve community podiatry for adults. ", 5)
		st.findings = append(st.findings, f)
	}
	h := s.Handler()
	for b.Loop() {
		if w := ask(h, "GET", "/findings?q=unicorns+-parking"); w.Code != 200 {
			b.Fatal(w.Code)
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
