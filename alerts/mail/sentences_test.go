package mail

import (
	"fmt"
	"strings"
	"testing"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// pack is a finding of a pack with three quotes and twelve more.
func pack() store.Finding {
	f := paper()
	for i := range 15 {
		m := store.Mention{Page: 143 + i, Quote: fmt.Sprintf("Sentence number %d of the pack.", i+1), Tier: store.TierLikely}
		if i < store.BestMentions {
			f.Quotes = append(f.Quotes, m)
		} else {
			f.Others = append(f.Others, m)
		}
	}
	f.Quote, f.More = f.Quotes[0].Quote, len(f.Others)
	f.AlsoIn = []store.Elsewhere{{Document: "Reports pack", URL: "https://icb.example.nhs.uk/all.pdf", Page: 301}}
	return f
}

// A pack of 400 pages is told in three quotes, each with its page and link, and
// the count of the others.
func TestAPackIsToldInThreeQuotes(t *testing.T) {
	c := composer(t, "https://watch.example.org")
	for name, l := range map[string]alerts.Letter{
		"alert":  {Alert: &alerts.Alert{Things: things(pack())}, Subscription: subscription(store.Instant)},
		"digest": {Digest: &alerts.Digest{Slot: week().Slot, Now: week().Now, Sections: []alerts.Section{{Topic: store.TopicOutsourcing, Things: things(pack())}}}, Subscription: subscription(store.Weekly)},
	} {
		_, text, _ := parts(t, compose(t, c, l, 1).Raw)
		text = strings.Join(strings.Fields(text), " ")
		for _, want := range []string{
			"Sentence number 1 of", "Sentence number 2 of", "Sentence number 3 of", "Page 143 of", "Page 144 of", "Page 145 of", "#page=145",
			"also page 301 of Reports pack", "and 12 further passages.",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", name, want, text)
			}
		}
		if strings.Contains(text, "number 4 of") {
			t.Errorf("%s quotes a fourth:\n%s", name, text)
		}
	}
}

// Two topics of one pack share their sentences: none is quoted twice, and the
// count is of sentences.
func TestSentencesOfTwoTopicsAreCountedOnce(t *testing.T) {
	a, b := pack(), pack()
	b.ID, b.Topic = id(7), store.TopicTenders
	b.Quote, b.Page, b.Quotes = b.Quotes[1].Quote, b.Quotes[1].Page, []store.Mention{b.Quotes[1], b.Quotes[0], b.Quotes[2]}
	shown, more := sentences(alerts.Thing{Findings: []store.Finding{a, b}}, func(n int) int { return min(n, 12) })
	if len(shown) != 3 || more != 12 {
		t.Errorf("%d shown, %d more; want 3 and 12", len(shown), more)
	}
	a.More += 5 // beyond what is carried
	if _, more := sentences(alerts.Thing{Findings: []store.Finding{a}, More: 2}, func(int) int { return 1 }); more != 12+5+2+2 {
		t.Errorf("%d more, want 21", more)
	}
}
