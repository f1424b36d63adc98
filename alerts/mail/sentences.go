package mail

import (
	"slices"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// sentences chooses what is quoted of an item: of every finding its best
// sentence, then, while there is room, the next ones; each sentence once. few
// says how many of some are shown. They come as findings with that sentence for
// their quote, in the order of the findings. more counts all that the item's
// findings rest on and is not quoted.
func sentences(t alerts.Thing, few func(n int) int) (shown []store.Finding, more int) {
	type place struct {
		document, quote string
		page            int
	}
	type choice struct {
		store.Finding
		of int
	}
	var choices []choice
	said := map[place]bool{}
	at := func(f store.Finding, m store.Mention) place { return place{f.SHA256 + f.Document, m.Quote, m.Page} }
	for round := range store.BestMentions {
		for i, f := range t.Findings {
			best := f.Best()
			if round >= len(best) || said[at(f, best[round])] {
				continue
			}
			m := best[round]
			said[at(f, m)] = true
			f.Quote, f.Page = m.Quote, m.Page
			if m.Tier != "" {
				f.Tier = m.Tier
			}
			if round > 0 {
				f.AlsoIn = nil // said of the best
			}
			choices = append(choices, choice{f, i})
		}
	}
	all := map[place]bool{}
	for _, f := range t.Findings {
		for _, m := range f.Mentions() {
			all[at(f, m)] = true
		}
		more += max(0, f.More-len(f.Others)) // counted, not carried
	}
	n := few(len(choices))
	more += len(all) - n + t.More
	choices = choices[:n]
	slices.SortStableFunc(choices, func(a, b choice) int { return a.of - b.of })
	for _, c := range choices {
		shown = append(shown, c.Finding)
	}
	return shown, more
}
