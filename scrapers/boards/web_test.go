package boards_test

import (
	"strings"
	"testing"

	"ccgwatch/scrapers/boards"
	"ccgwatch/store"
)

// A paper may be a web page. It is one where the list calls it one, and the
// list's own pages do not end so.
func TestPapersThatAreWebPages(t *testing.T) {
	const links = `<h2>Thursday 17 September 2026</h2><ul>
<li><a href="/docs/agenda-17-september.html">Agenda (HTML)</a></li>
<li><a href="/docs/minutes-july.HTM">Minutes of the last meeting</a></li>
<li><a href="/docs/pack.pdf">Pack</a></li>
<li><a href="/contact.html">Contact the board secretary</a></li>
<li><a href="/board-papers-2025.html">Board papers 2025/26</a></li></ul>`
	page := func(inner string) string {
		return "<!DOCTYPE html><html><head><title>Board</title></head><body><main><h1>Board papers</h1>" + inner + "</main></body></html>"
	}
	documents := func(s store.Sighting) string {
		var out []string
		for _, it := range s.Items {
			for _, d := range it.Documents {
				out = append(out, d.Key)
			}
		}
		return strings.Join(out, " ")
	}
	row := func(links string) string {
		return page(`<table><tr><th>Date</th><th>Papers</th></tr><tr><td>Thursday 17 September 2026</td><td>` + links + `</td></tr><tr><td>Thursday 15 October 2026</td><td></td></tr></table>`)
	}
	two := `<a href="/docs/agenda.html">Agenda</a> <a href="/docs/report.html">Report</a>`
	one := `<a href="/meetings/september.html">Papers</a>`
	for _, x := range []struct{ name, layout, list, body, want string }{
		{"under headings", boards.Accordion, "/about/board-papers/", page(links), "document/docs/agenda-17-september.html document/docs/minutes-july.HTM document/docs/pack.pdf"},
		{"where every page ends so", boards.Accordion, "/about/papers.html", page(links), "document/docs/pack.pdf"},
		{"in a row", boards.Table, "/about/board-papers/", row(two), "document/docs/agenda.html document/docs/report.html"},
		{"a row's own page", boards.Table, "/about/board-papers/", row(one), "document/docs/september.pdf"},
	} {
		t.Run(x.name, func(t *testing.T) {
			o := options(boards.Accordion)
			o.Layout, o.Page = x.layout, x.list
			site := &pages{byURL: map[string]string{
				"https://trust.example" + x.list:                x.body,
				"https://trust.example/meetings/september.html": page(`<p>Thursday 17 September 2026, 9.30am</p><a href="/docs/september.pdf">Papers</a>`),
			}}
			seen, err := visit(t, o, site, store.Snapshot{})
			if err != nil {
				t.Fatal(err)
			}
			if got := documents(seen); got != x.want {
				t.Errorf("%s, want %s", got, x.want)
			}
		})
	}
}
