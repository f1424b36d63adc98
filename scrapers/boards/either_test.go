package boards_test

import (
	"strings"
	"testing"

	"ccgwatch/scrapers/boards"
	"ccgwatch/store"
)

func keysOf(s store.Sighting) string {
	var list []string
	for _, it := range s.Items {
		list = append(list, it.Key)
	}
	return strings.Join(list, " ")
}

// Pages of two kinds at once, in a layout that nobody named: whichever kind was
// recognised, what the other kind lists was lost and the source looked healthy.
func TestPapersAndMeetingsOnOnePageAreBothRead(t *testing.T) {
	const (
		next   = `<p>Next: <a href="/event/board-17-september/">Board meeting, Thursday 17 September 2026</a></p>`
		folded = `<h2>Thursday 23 July 2026</h2><ul><li><a href="/f/agenda.pdf">Agenda</a></li><li><a href="/f/finance.pdf">Finance report</a></li></ul>`
		event  = `<main><h1>Board meeting</h1><p>Thursday 17 September 2026, 10am</p></main>`
		rules  = `<p><a href="/f/standing-orders.pdf">Standing orders</a></p>`
		years  = `<ul><li><a href="/board/2026/">2026</a></li><li><a href="/board/2025/">2025</a></li><li><a href="/board/2019/">2019</a></li></ul>`
		dates  = `<table><tr><th>Date</th><th>Papers</th></tr><tr><td>17 September 2026</td><td><a href="/f/sep.pdf">Pack</a></td></tr><tr><td>19 November 2026</td><td></td></tr></table>`
	)
	for name, c := range map[string]struct {
		site *site2
		want string
	}{
		"a link to the next meeting above folded papers": {
			yearSite("/board/", "<main>"+next+folded+"</main>", "/event/board-17-september/", event),
			"meeting/event/board-17-september/ document/f/agenda.pdf document/f/finance.pdf"},
		"a paper beside pages of years": {
			yearSite("/board/", "<main>"+rules+years+"</main>", "/board/2026/", "<main>"+folded+"</main>", "/board/2025/", paperLine("/f/old.pdf")),
			"document/f/standing-orders.pdf document/f/agenda.pdf document/f/finance.pdf document/f/old.pdf"},
		"pages of years that list meetings with pages of their own": {
			yearSite("/board/", "<main>"+years+"</main>", "/board/2026/", "<main>"+next+"</main>", "/board/2025/", paperLine("/f/old.pdf"), "/event/board-17-september/", event),
			"meeting/event/board-17-september/ document/f/old.pdf"},
		"a table on the page of a year": {
			yearSite("/board/", "<main>"+years+rules+"</main>", "/board/2026/", "<main>"+dates+"</main>", "/board/2025/", paperLine("/f/old.pdf")),
			"document/f/standing-orders.pdf meeting/board/2026/#2026-09-17 meeting/board/2026/#2026-11-19 document/f/old.pdf"},
		"an archive beside papers of its own": {
			yearSite("/board/", `<main>`+folded+`<p><a href="/board/2019/">2019</a></p></main>`, "/board/2019/", paperLine("/f/ancient.pdf")),
			"document/f/agenda.pdf document/f/finance.pdf"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(boards.Accordion)
			o.Layout, o.Page = "", "/board/"
			seen, err := visit(t, o, c.site.pages(), store.Snapshot{})
			if err != nil || len(seen.Problems) != 0 {
				t.Fatal(err, seen.Problems)
			}
			if got := keysOf(seen); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			next, _ := store.Diff(store.Snapshot{}, seen)
			again, err := visit(t, o, c.site.pages(), next)
			if _, changes := store.Diff(next, again); err != nil || len(changes) != 0 {
				t.Errorf("read again: %v %+v", err, changes)
			}
		})
	}
}

// Symptom: a meeting whose link says "Agenda" and a day, and leads to a page of the
// site, was taken for a paper, and its own papers were never read.
func TestADatedPageIsAMeetingWhateverItsLinkSays(t *testing.T) {
	o := options(boards.Accordion)
	o.Layout, o.Page = "", "/board/"
	site := yearSite("/board/", `<main><p><a href="/board/17-september.html">Enclosures for 17 September 2026</a></p></main>`,
		"/board/17-september.html", `<main><h1>Board meeting</h1><p>Thursday 17 September 2026, 10am</p><p><a href="/f/pack.pdf">Pack</a></p></main>`)
	seen, err := visit(t, o, site.pages(), store.Snapshot{})
	if got := keysOf(seen); err != nil || got != "meeting/board/17-september.html" {
		t.Error(err, got)
	}
}

// Symptom: when the page of a new year was a table, that of the year before, which
// had been read as papers, was read as a table, too: all its papers were gone, and
// all its meetings new.
func TestAPageOfOneYearStaysAsItWasRead(t *testing.T) {
	const table = `<main><table><tr><th>Date</th><th>Papers</th></tr><tr><td>17 September 2026</td><td><a href="/f/sep.pdf">Pack</a></td></tr><tr><td>19 November 2026</td><td></td></tr></table></main>`
	o := options(boards.Accordion)
	o.Layout, o.Page = "", "/board/"
	site := yearSite("/board/", `<main><ul><li><a href="/board/2026/">2026</a></li><li><a href="/board/2025/">2025</a></li></ul></main>`, "/board/2026/", table, "/board/2025/", paperLine("/f/old.pdf"))
	old := store.Snapshot{Items: map[string]store.Item{
		"document/f/sep.pdf":             {Key: "document/f/sep.pdf", Kind: store.KindPaper},
		"document/f/old.pdf":             {Key: "document/f/old.pdf", Kind: store.KindPaper},
		"meeting/board/2027/#2027-01-14": {Key: "meeting/board/2027/#2027-01-14", Kind: store.KindMeeting},
	}}
	seen, err := visit(t, o, site.pages(), old)
	if got := keysOf(seen); err != nil || got != "document/f/sep.pdf document/f/old.pdf" {
		t.Error(err, got)
	}
}
