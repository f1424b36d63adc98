package boards_test

import (
	"testing"

	"ccgwatch/scrapers/boards"
	"ccgwatch/store"
)

// Symptom: a dated link to a piece of news, put on a page of papers, became a
// meeting of the board.
func TestADatedLinkToNewsOnAPageOfPapersIsNoMeeting(t *testing.T) {
	for _, words := range []string{"Flu clinics open on Thursday 17 September 2026", "Annual report published 17 September 2026", "Visitor restrictions from 17 September 2026", "17 September 2026: strike action"} {
		t.Run(words, func(t *testing.T) {
			o := options(boards.Accordion)
			o.Layout, o.Page = "", "/board/"
			const papers = `<h2>23 July 2026</h2><p><a href="/f/july.pdf">Papers</a></p>`
			seen, err := visit(t, o, yearSite("/board/", "<main>"+papers+"</main>").pages(), store.Snapshot{})
			if err != nil {
				t.Fatal(err)
			}
			old, _ := store.Diff(store.Snapshot{}, seen)
			seen, err = visit(t, o, yearSite("/board/", `<main>`+papers+`<p>News: <a href="/news/x/">`+words+`</a></p></main>`, "/news/x/", "<main><h1>News</h1><p>17 September 2026</p></main>").pages(), old)
			if got := keysOf(seen); err != nil || got != "document/f/july.pdf" {
				t.Error(err, got)
			}
		})
	}
}
