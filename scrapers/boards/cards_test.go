package boards_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
	"ccgwatch/store"
)

// Cards of events and news, in a layout that nobody named. The day of the visit is
// 14 August 2026.
func TestCardsOfMeetingsAreFoundWithoutTheLayout(t *testing.T) {
	const (
		june = `<article><h3><a href="/event/board-june/">Trust Board meeting in public</a></h3><p class="date">18 June 2026</p></article>`
		sept = `<article><h3><a href="/event/board-september/">Trust Board meeting in public</a></h3><time datetime="2026-09-17">Thursday 17 September 2026</time><a class="more" href="/event/board-september/">Read more</a></article>`
		nov  = `<div class="grid"><div><div><span>19 November 2026, 10am to 1pm</span></div><div><h4>Board of Directors in common</h4><a href="/event/board-november/">Find out more</a></div></div></div>`
		page = `<main><h1>Board meeting</h1><p>Thursday 17 September 2026, 10am</p><p><a href="/f/pack.pdf">Papers</a></p></main>`
	)
	for _, c := range []struct{ name, body, want string }{
		{"an event to come", sept, "meeting/event/board-september/"},
		{"two of them, and one that is over", june + sept + nov, "meeting/event/board-september/ meeting/event/board-november/"},
		{"the link says only more", nov, "meeting/event/board-november/"},
		{"beside papers", sept + `<h2>23 July 2026</h2><p><a href="/f/july.pdf">Papers</a></p>`, "meeting/event/board-september/ document/f/july.pdf"},
		{"governors keep their name", strings.ReplaceAll(sept, "Trust Board meeting in public", "Council of Governors meeting"), "meeting/event/board-september/"},
		{"news about the board", strings.ReplaceAll(sept, "Trust Board meeting in public", "New chair appointed to the Trust Board, meeting staff"), ""},
		{"what was decided", strings.ReplaceAll(sept, "Trust Board meeting in public", "Board meeting summary"), ""},
		{"another event", strings.ReplaceAll(sept, "Trust Board meeting in public", "Open day at the hospital"), ""},
		{"a post with the day it was written", strings.ReplaceAll(sept, "17 September 2026", "6 August 2026"), ""},
		{"two days", strings.ReplaceAll(sept, "</time>", "</time> <p>and Thursday 19 November 2026</p>"), ""},
		{"until when to register", strings.ReplaceAll(sept, `">Thursday 17`, `">Closes Thursday 17`), ""},
		{"no day", strings.ReplaceAll(sept, "Thursday 17 September 2026", "soon"), ""},
		{"a day without a year", strings.ReplaceAll(sept, " 2026<", "<"), ""},
		{"another site's", strings.ReplaceAll(sept, `"/event`, `"https://elsewhere.example/event`), ""},
		{"two pages in one part", `<div><a href="/event/a/">Board meeting in public</a> <a href="/event/b/">Board meeting in public</a> 17 September 2026</div>`, ""},
		{"a long text", `<div><a href="/event/a/">Board meeting in public</a> 17 September 2026` + strings.Repeat(" and much else", 60) + `</div>`, ""},
		{"whom to write to", `<p>The next Board meeting is on 17 September 2026. <a href="/contact-us/">Contact the board about the meeting</a></p>`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(boards.Accordion)
			o.Layout, o.Page = "", "/board/"
			pages := []string{"/board/", "<main>" + c.body + `<p><a href="/f/leaflet.pdf">Leaflet</a></p></main>`}
			for _, at := range []string{"september", "november", "june"} {
				pages = append(pages, "/event/board-"+at+"/", strings.ReplaceAll(page, "17 September", map[string]string{"september": "17 September", "november": "19 November", "june": "18 June"}[at]))
			}
			site := yearSite(pages...)
			seen, err := visit(t, o, site.pages(), store.Snapshot{})
			if err != nil || len(seen.Problems) > 0 {
				t.Fatal(err, seen.Problems)
			}
			got := strings.TrimSpace(strings.ReplaceAll(keysOf(seen), "document/f/leaflet.pdf", ""))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for _, it := range seen.Items {
				if c.name == "governors keep their name" && it.Kind == store.KindMeeting && it.Fields[store.FieldCommittee] != "Council of Governors meeting" {
					t.Errorf("%+v", it)
				}
				if it.Key == "meeting/event/board-september/" && (len(it.Documents) != 1 || it.When().UTC().Format(time.RFC3339) != "2026-09-17T09:00:00Z") {
					t.Errorf("%+v", it)
				}
			}
			next, _ := store.Diff(store.Snapshot{}, seen)
			again, err := visit(t, o, site.pages(), next)
			if _, changes := store.Diff(next, again); err != nil || len(changes) != 0 {
				t.Errorf("read again: %v %+v", err, changes)
			}
		})
	}
}

// A meeting that is known by its card stays when its day has come, and its papers
// are read on.
func TestAKnownCardIsReadOnAfterItsDay(t *testing.T) {
	o := options(boards.Accordion)
	o.Layout, o.Page = "", "/board/"
	site := yearSite("/board/", `<main><article><a href="/event/board-june/">Trust Board meeting in public</a> 18 June 2026</article></main>`,
		"/event/board-june/", `<main><h1>Board</h1><p>18 June 2026</p><p><a href="/f/minutes.pdf">Minutes</a></p></main>`)
	const key = "meeting/event/board-june/"
	old := store.Snapshot{Items: map[string]store.Item{key: {Key: key, Kind: store.KindMeeting, Title: "Trust Board meeting in public", Fields: map[string]string{store.FieldWhen: "2026-06-18T00:00:00+01:00"}}}}
	seen, err := visit(t, o, site.pages(), old)
	if err != nil || keysOf(seen) != key || len(seen.Items[0].Documents) != 1 {
		t.Error(err, seen.Items)
	}
}

// Symptom: on a page that once listed papers alone, a link to a meeting that was
// put there later was never read.
func TestAMeetingLinkedLaterOnAPageOfPapersIsRead(t *testing.T) {
	o := options(boards.Accordion)
	o.Layout, o.Page = "", "/board/"
	const papers = `<h2>23 July 2026</h2><p><a href="/f/july.pdf">Papers</a></p>`
	event := `<main><h1>Board</h1><p>Thursday 17 September 2026, 10am</p></main>`
	seen, err := visit(t, o, yearSite("/board/", "<main>"+papers+"</main>").pages(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := store.Diff(store.Snapshot{}, seen)
	seen, err = visit(t, o, yearSite("/board/", `<main>`+papers+`<p>Next: <a href="/event/september/">Board meeting, Thursday 17 September 2026</a></p></main>`, "/event/september/", event).pages(), old)
	if got := keysOf(seen); err != nil || got != "document/f/july.pdf meeting/event/september/" {
		t.Error(err, got)
	}
}

// Symptom: a post about a meeting of the board that was seen on the day it was
// written became a meeting of that day.
func TestAPostSeenOnTheDayItWasWrittenIsNoMeeting(t *testing.T) {
	o := options(boards.Accordion)
	o.Layout, o.Page = "", "/board/"
	site := yearSite("/board/", `<main><article><h3><a href="/news/trust-board-meeting/">Trust Board meeting in public</a></h3><p class="date">14 August 2026</p></article><p><a href="/f/leaflet.pdf">Leaflet</a></p></main>`,
		"/news/trust-board-meeting/", `<main><h1>Trust Board meeting in public</h1><p>14 August 2026</p><p>The board meets soon.</p></main>`)
	seen, err := visit(t, o, site.pages(), store.Snapshot{})
	if got := keysOf(seen); err != nil || got != "document/f/leaflet.pdf" {
		t.Error(err, got)
	}
}
