package boards_test

import (
	"testing"

	"ccgwatch/scrapers/boards"
	"ccgwatch/store"
)

// Symptom: on sites whose links to papers have no file ending, papers were not
// seen, or taken for the pages of meetings.
func TestPapersWithoutAFileEndingAreKnownByWhatTheirLinksSay(t *testing.T) {
	for name, c := range map[string]struct{ link, want string }{
		"kind and size":             {`<a href="/resource/board-july">Board papers 23 July 2026 (PDF, 2.3 MB)</a>`, "document/resource/board-july"},
		"kind in brackets":          {`<a href="/resource/board-july">Board papers [PDF]</a>`, "document/resource/board-july"},
		"size and kind":             {`<a href="/resource/board-july">Board papers 23 July 2026 - 900KB pdf</a>`, "document/resource/board-july"},
		"its type":                  {`<a href="/resource/board-july" type="application/pdf">Board papers</a>`, "document/resource/board-july"},
		"Drupal":                    {`<a href="/media/4711/download">Board papers</a>`, "document/media/4711/download"},
		"a page about a PDF":        {`<a href="/help/pdf">How to open a PDF</a>`, ""},
		"a dated page is a meeting": {`<a href="/event/july/">Board, 17 September 2026</a>`, "meeting/event/july/"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(boards.Accordion)
			o.Layout, o.Page = "", "/board/"
			seen, err := visit(t, o, yearSite("/board/", `<main>`+c.link+`<p><a href="/f/a.pdf">Leaflet</a></p></main>`, "/event/july/", `<main>17 September 2026</main>`).pages(), store.Snapshot{})
			want := "document/f/a.pdf"
			if c.want != "" {
				want = c.want + " " + want
			}
			if got := keysOf(seen); err != nil || got != want {
				t.Errorf("got  %s\nwant %s (%v)", got, want, err)
			}
		})
	}
}
