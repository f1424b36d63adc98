package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func many() Finding {
	m := func(page int, quote string) Mention { return Mention{page, quote, TierLikely} }
	return Finding{
		Quote: "a", Page: 1, Tier: TierLikely, Quotes: []Mention{m(1, "a"), m(2, "b"), m(3, "c")},
		Others: []Mention{m(4, "d"), m(5, "e")}, More: 7, AlsoIn: []Elsewhere{{Document: "Pack"}},
	}
}

// Whichever sentence leads, none is lost, and the count stays true.
func TestLeading(t *testing.T) {
	for i, want := range []string{"abcde", "bacde", "cabde", "dabce", "eabcd"} {
		f := many().Leading(i)
		got := ""
		for _, m := range f.Mentions() {
			got += m.Quote
		}
		if got != want || f.Quote != want[:1] || f.Page != f.Quotes[0].Page || len(f.Best()) != 3 || f.More != 7 {
			t.Errorf("%d leads: %q, %q on page %d, %d best, %d more; want %q", i, got, f.Quote, f.Page, len(f.Best()), f.More, want)
		}
		if (i == 0) != (len(f.AlsoIn) == 1) {
			t.Errorf("%d leads, and the first is also in %v", i, f.AlsoIn)
		}
	}
	if diff := cmp.Diff(many(), many().Leading(9)); diff != "" {
		t.Error(diff)
	}
}

// Two findings of one document count their sentences once.
func TestMerge(t *testing.T) {
	f, o := many(), many()
	o.Quotes = append([]Mention{}, o.Quotes...)
	o.Quotes[2] = Mention{9, "z", TierMention}
	got := f.Merge(o)
	if len(got.Quotes) != 3 || len(got.Others) != 3 || got.More != 8 {
		t.Errorf("%d quotes, %d others, %d more; want 3, 3 and 8", len(got.Quotes), len(got.Others), got.More)
	}
	one := Finding{Quote: "a", Page: 1}
	if diff := cmp.Diff(one, one.Merge(one)); diff != "" {
		t.Error(diff)
	}
}
