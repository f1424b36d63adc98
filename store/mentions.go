package store

import "slices"

// A Mention is one sentence of a document that a finding rests on.
type Mention struct {
	Page  int    `json:"page"` // as in Finding
	Quote string `json:"quote"`
	Tier  Tier   `json:"tier"`
}

// An Elsewhere is where else the words of a finding stand.
type Elsewhere struct {
	// Key is of the item whose paper it is; "" is the finding's own.
	Key      string `json:"key,omitempty"`
	Document string `json:"document"` // title
	URL      string `json:"url"`
	Page     int    `json:"page"`
}

// How many sentences of a document a finding carries: the best ones, which are
// shown with it, and the others, which are asked for by queries and listed on
// its page. What is beyond is counted.
const (
	BestMentions  = 3
	OtherMentions = 60
)

// Mentions are the sentences a finding carries, the best one first.
func (f Finding) Mentions() []Mention {
	best := f.Quotes
	if len(best) == 0 {
		best = []Mention{{Page: f.Page, Quote: f.Quote, Tier: f.Tier}}
	}
	return append(append(make([]Mention, 0, len(best)+len(f.Others)), best...), f.Others...)
}

// Best are the sentences to show: at least one, the best first.
func (f Finding) Best() []Mention { return f.Mentions()[:max(1, len(f.Quotes))] }

// Leading is the finding with one of its Mentions first, so that who asked for
// a word is shown the sentence with it.
func (f Finding) Leading(mention int) Finding {
	all := f.Mentions()
	if mention <= 0 || mention >= len(all) {
		return f
	}
	m := all[mention]
	all = slices.Insert(slices.Delete(all, mention, mention+1), 0, m)
	best := len(f.Quotes)
	f.Quote, f.Page, f.Quotes, f.Others = m.Quote, m.Page, all[:best:best], all[best:]
	f.AlsoIn = nil // said of another sentence
	return f
}

// Merge is one finding of two that rest on the same best sentence of one
// document: a sentence of two topics is told once, and so are the others.
func (f Finding) Merge(o Finding) Finding {
	said := map[Mention]bool{}
	key := func(m Mention) Mention { return Mention{Page: m.Page, Quote: m.Quote} }
	all := append(f.Mentions(), o.Mentions()...)
	beyond := max(f.More-len(f.Others), o.More-len(o.Others), 0) // counted, not carried
	var quotes, others []Mention
	n := 0
	for _, m := range all {
		if said[key(m)] {
			continue
		}
		said[key(m)] = true
		n++
		if len(quotes) < BestMentions {
			quotes = append(quotes, m)
		} else {
			others = append(others, m)
		}
	}
	f.Quotes, f.Others, f.More = nil, nil, 0
	if n > 1 {
		f.Quotes, f.Others, f.More = quotes, others, n-len(quotes)+beyond
	}
	return f
}
