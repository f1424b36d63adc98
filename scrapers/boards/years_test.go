package boards_test

import (
	"strings"
	"testing"

	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

func yearSite(pages ...string) *site2 { return &site2{pages} }

type site2 struct{ list []string }

func (s *site2) pages() *pages {
	p := &pages{byURL: map[string]string{}}
	for i := 0; i+1 < len(s.list); i += 2 {
		p.byURL["https://trust.example"+s.list[i]] = "<html><body>" + s.list[i+1] + "</body></html>"
	}
	return p
}

func paperLine(path string) string {
	return `<main><ul><li><a href="` + path + `">23 July 2026</a></li></ul></main>`
}

// The address of a page with the year in it moves each January or April: it is
// found by the link that leads on, or from the page above when it is gone.
func TestYearPagesThatMove(t *testing.T) {
	nav := `<nav><a href="/about/2026-board-papers/">2026</a> <a href="/about/2025-board-papers">2025</a></nav>`
	for name, c := range map[string]struct {
		page string
		site *site2
		want string
	}{
		"it leads on": {"/about/2025-board-papers", yearSite("/about/2025-board-papers", nav+paperLine("/a.pdf"), "/about/2026-board-papers/", nav+paperLine("/b.pdf")),
			"document/a.pdf document/b.pdf"},
		"it is gone": {"/about/2024-board-papers", yearSite("/about/", nav, "/about/2025-board-papers", nav+paperLine("/a.pdf"), "/about/2026-board-papers/", paperLine("/b.pdf")),
			"document/a.pdf document/b.pdf"},
		"financial years": {"/board/2025-26/papers", yearSite("/board/2025-26/papers", `<a href="/board/2026-27/papers">Next</a>`+paperLine("/a.pdf"), "/board/2026-27/papers", paperLine("/b.pdf")),
			"document/a.pdf document/b.pdf"},
		"no other year": {"/about/2026-board-papers/", yearSite("/about/2026-board-papers/", nav+paperLine("/b.pdf")), "document/b.pdf"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(boards.Accordion)
			o.Page = c.page
			seen, err := visit(t, o, c.site.pages(), store.Snapshot{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, it := range seen.Items {
				got = append(got, it.Key)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
	o := options(boards.Accordion)
	o.Page = "/about/2024-board-papers"
	if _, err := visit(t, o, yearSite("/about/", "<p>"+strings.Repeat("Words. ", 100)+"</p>").pages(), store.Snapshot{}); crawl.ReasonOf(err) != store.ReasonMissing {
		t.Errorf("gone without a trace: %v", err)
	}
}

// A layout that nobody named is told by what the page looks like.
func TestLayoutsAreRecognised(t *testing.T) {
	for _, layout := range []string{boards.TwoHop, boards.Table, boards.Years} {
		site, want := load(t, layout)
		o := options(layout)
		o.Layout = ""
		seen, err := visit(t, o, site, store.Snapshot{})
		if err != nil || print(seen) != want {
			t.Errorf("%s: %v\n%s", layout, err, print(seen))
		}
		// What was once read stays as it was read.
		next, _ := store.Diff(store.Snapshot{}, seen)
		again, err := visit(t, o, site, next)
		if _, changes := store.Diff(next, again); err != nil || len(changes) != 0 {
			t.Errorf("%s, again: %v %+v", layout, err, changes)
		}
	}
}

// A file called agenda may be the pack of 300 pages: what was read tells.
func TestPacksAreToldBySizeAndPages(t *testing.T) {
	const key, at = "meeting/event/x/", "https://exampleshire.example/icb/event/x/"
	o := options(boards.TwoHop)
	site := &pages{byURL: map[string]string{o.Base + o.Page: `<main><a href="/icb/event/x/">Board | 20 August 2026</a></main>`,
		at: `<main>20 August 2026 <a href="/icb/1.pdf">Agenda</a> <a href="/icb/2.pdf">Agenda (final)</a></main>`}}
	for name, c := range map[string]struct {
		one, two store.Document
		want     [2]store.Role
	}{
		"not read yet":         {store.Document{}, store.Document{}, [2]store.Role{store.RoleReport, store.RoleReport}},
		"an agenda and a pack": {store.Document{Pages: 3, Size: 1e5}, store.Document{Pages: 298, Size: 12e6}, [2]store.Role{store.RoleFrontsheet, store.RolePack}},
		"a pack by its size":   {store.Document{Pages: 5, Size: 1e5}, store.Document{Size: 9e6}, [2]store.Role{store.RoleFrontsheet, store.RolePack}},
		"two reports":          {store.Document{Pages: 25}, store.Document{Pages: 40}, [2]store.Role{store.RoleReport, store.RoleReport}},
	} {
		c.one.Key, c.two.Key = "document/1.pdf", "document/2.pdf"
		old := store.Snapshot{Items: map[string]store.Item{key: {Key: key, Kind: store.KindMeeting, Documents: []store.Document{c.one, c.two}}}}
		seen, err := visit(t, o, site, old)
		if err != nil || len(seen.Items) != 1 || len(seen.Items[0].Documents) != 2 {
			t.Fatalf("%s: %v %+v", name, err, seen.Items)
		}
		if d := seen.Items[0].Documents; d[0].Role != c.want[0] || d[1].Role != c.want[1] {
			t.Errorf("%s: %s and %s, want %v", name, d[0].Role, d[1].Role, c.want)
		}
	}
}
