package web

import (
	"strings"
	"testing"

	"ccgwatch/store"
)

// All that a pack says on a topic is one finding: its best three quotes, each
// with its page, and how many more; on its own page the others too. Pages that
// nobody could read are said beside the paper.
func TestAPackIsShownInThreeQuotes(t *testing.T) {
	s, st := sample()
	f := &st.findings[0]
	m := func(page int, quote string) store.Mention {
		return store.Mention{Page: page, Quote: quote, Tier: store.TierLikely}
	}
	f.Quotes = []store.Mention{m(f.Page, f.Quote), m(31, "The second sentence."), m(44, "The third sentence.")}
	f.Others, f.More = []store.Mention{m(51, "The fourth sentence."), m(52, "The fifth sentence.")}, 12
	f.AlsoIn = []store.Elsewhere{{Document: "Reports pack", URL: "https://council.example.org/pack.pdf", Page: 301}}
	st.items[0].Documents[0].Unread, st.items[0].Documents[0].Since = "3, 7-9", at("2026-08-11 16:05")
	h := s.Handler()
	three := []string{f.Quote, "page 7", "also in Reports pack, page 301", "The second sentence.", "page 31", "The third sentence.", "page 44", "12 more"}
	for target, want := range map[string][]string{
		"/findings":   three,
		"/finding/f1": append([]string{"The fourth sentence.", "Page 52", "2 of the 12 other sentences"}, three...),
		"/item?key=meeting%2F15033&source=leicester": append([]string{"These pages could not be read: 3, 7-9.", "kept since Tuesday 11 August 2026, 17:05"}, three...),
	} {
		all := words(read(t, h, target), "main")
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s does not say %q:\n%s", target, w, all)
			}
		}
		if target != "/finding/f1" && strings.Contains(all, "The fourth sentence.") {
			t.Errorf("%s shows a fourth", target)
		}
	}
	feed := ask(h, "GET", "/feed.atom").Body.String()
	for _, w := range []string{"The second sentence.", "page 44", "And 12 more there.", "also in Reports pack, page 301"} {
		if !strings.Contains(feed, w) {
			t.Errorf("the feed does not say %q", w)
		}
	}
}
