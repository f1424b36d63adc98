package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// aThread is a procurement of two processes, with all that a page can show.
func aThread() judge.Thread {
	return judge.Thread{
		ID: "ocds-h6vhtk-0000aa", OCIDs: []string{"ocds-h6vhtk-0000aa", "ocds-h6vhtk-0000bb"}, Title: "Night <b>nursing</b>", Buyers: []string{"NHS Example ICB"},
		Stage: "intention", Regime: "psr", Care: "health", Outsourcing: "certain",
		Deadline:  &store.Deadline{Stated: "2026-08-24T23:59:59+01:00", Computed: "2026-08-25T23:59:59+01:00", Kind: "representations", Who: "only providers may make representations"},
		Suppliers: []judge.Party{{Supplier: judge.Supplier{Name: "Hearwell Ltd", Class: "company", Evidence: "the name ends as a company's"}, Release: "000001-2026", Look: []judge.Lookup{{What: "Hearwell Ltd at Companies House", URL: "https://example.org/07382763"}}}},
		Values:    []judge.Worth{{Of: "award", Value: "1200000", Currency: "GBP", Release: "000001-2026"}},
		Steps: []judge.Step{
			{Source: "find-a-tender", Key: "k1", OCID: "ocds-h6vhtk-0000aa", Release: "000001-2026", At: at("2026-08-10 09:00"), Title: "Night <b>nursing</b>", URL: "https://notices.example.org/1", Stage: "tender", Quote: "Tenders are <i>invited</i>."},
			{Source: "find-a-tender", Key: "k2", OCID: "ocds-h6vhtk-0000bb", Release: "000002-2026", At: at("2026-08-11 09:00"), Title: "Night nursing", URL: "javascript:alert(1)", Stage: "intention", Quote: "Not yet awarded.",
				Moves: []store.Move{{Kind: "stage", Words: "Stage: intention to award; the notice of 10 August 2026 said tender."}}, Inherited: []string{"buyer", "cpv"}},
		},
		Links:    []judge.Link{{A: "ocds-h6vhtk-0000aa", B: "ocds-h6vhtk-0000bb", Strength: judge.LinkWeaker, Evidence: "the same reference (c 12), the same title, the same buyer"}},
		Possible: []judge.Link{{A: "ocds-h6vhtk-0000aa", B: "ocds-h6vhtk-0000cc", Strength: judge.LinkPossible, Evidence: "the same title, the same buyer", Title: "Night nursing 2024"}},
		Charter: []judge.Answer{
			{ID: "price", Ask: "Is the price published?", Short: "the price", Stated: true, Says: []judge.Said{{Field: "value of the award", Words: "£1,200,000", Release: "000001-2026"}}},
			{ID: "wage", Ask: "Is the living wage promised?", Short: "the living wage", Look: []judge.Lookup{{What: "its accounts", URL: "https://example.org/accounts"}}},
		},
		Interest: judge.Interest{Conflicts: "none", Quote: "No conflicts were declared.", Release: "000002-2026", Deciders: []string{"Director of Commissioning"}},
	}
}

func withThreads(s Server) Server {
	s.Thread = func(_ context.Context, id string) (judge.Thread, error) {
		t := aThread()
		if id != t.OCIDs[0] && id != t.OCIDs[1] {
			return judge.Thread{}, store.ErrNotFound
		}
		return t, nil
	}
	s.Threads = func(_ context.Context, f func(store.Finding) bool) error {
		for _, id := range []string{"ocds-h6vhtk-0000bb", "gone", "ocds-h6vhtk-0000aa"} {
			if !f(store.Finding{ID: "x" + id, Kind: store.KindNotice, Thread: id, Title: "Night nursing", BodyName: "NHS Example ICB"}) {
				return nil
			}
		}
		return nil
	}
	s.Overdue = func(*judge.Thread, time.Time) []judge.Overdue {
		return []judge.Overdue{{Words: "60 days after the intention we have seen no notice."}}
	}
	return s
}

func TestThreadPageTellsTheStoryInOrder(t *testing.T) {
	s, _ := sample()
	h := withThreads(s).Handler()
	d := read(t, h, "/thread/ocds-h6vhtk-0000bb") // any of its processes names it
	all := words(d, "main")
	at := -1
	for _, want := range []string{
		"Representations must be made by", "Who may act: only providers may make representations", "60 days after the intention", "Probably the same procurement: the same reference (c 12), the same title, the same buyer",
		"Tenders are <i>invited</i>.", "Stage: intention to award; the notice of 10 August 2026 said tender.", "Not yet awarded.", "Hearwell Ltd: company",
		"value of the award: £1,200,000 (notice 000001-2026)", "Is the living wage promised?", "Not stated.", "Director of Commissioning", "The notice says there were none", "May belong to it", "Night nursing 2024",
	} {
		i := strings.Index(all, want)
		if i < 0 || i < at {
			t.Errorf("%q is not on the page, or not in its place:\n%s", want, all)
		}
		at = max(at, i)
	}
	if n := d.Find(`a[href^="javascript"], main b, main i`).Length(); n > 0 {
		t.Errorf("%d elements of the source's came through", n)
	}
	for _, href := range []string{"https://notices.example.org/1", "https://example.org/07382763", "/thread/ocds-h6vhtk-0000cc", "/item?"} {
		if d.Find(`main a[href^="`+href+`"]`).Length() == 0 {
			t.Errorf("no link to %s", href)
		}
	}
	if got := words(d, "h1"); got != "Night <b>nursing</b>" {
		t.Errorf("headed %q", got)
	}
}

func TestThreadsPageListsEachProcurementOnce(t *testing.T) {
	s, _ := sample()
	h := withThreads(s).Handler()
	for path, want := range map[string]int{
		"/threads": 1, "/threads?stage=intention": 1, "/threads?stage=tender": 0, "/threads?q=nursing": 1, "/threads?q=dialysis": 0, "/threads?from=9": 0,
	} {
		d := read(t, h, path)
		if n := d.Find("article.card").Length(); n != want {
			t.Errorf("%s lists %d procurements, want %d", path, n, want)
		}
	}
	if d := read(t, h, "/threads"); d.Find(`nav a[href="/threads"][aria-current]`).Length() != 1 {
		t.Error("the menu does not show where one is")
	}
	for path, want := range map[string]int{
		"/threads?stage=done": http.StatusBadRequest, "/threads?from=-1": http.StatusBadRequest, "/threads?q=topic:nonsense": http.StatusBadRequest,
		"/thread/nothing": http.StatusNotFound, "/thread/" + strings.Repeat("a", 200): http.StatusNotFound,
	} {
		if got := ask(h, http.MethodGet, path).Code; got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
}

func TestWithoutThreadsThereAreNoPagesOfThem(t *testing.T) {
	s, _ := sample()
	if d := read(t, s.Handler(), "/findings"); d.Find(`a[href="/threads"]`).Length() != 0 {
		t.Error("the menu leads nowhere")
	}
	if got := ask(s.Handler(), http.MethodGet, "/threads").Code; got != http.StatusNotFound {
		t.Errorf("%d", got)
	}
}
