package judge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// How a phrase is written, by example; terms.toml explains it in words.
func TestPhrases(t *testing.T) {
	tests := []struct {
		phrase string
		yes    []string
		no     []string
	}{
		{"tender", []string{"a Tender was", "TENDER", "tender."}, []string{"tenderness", "tendered", "pretender"}},
		{"outsourc*", []string{"outsourcing", "Outsourced", "out-sourcing", "out\u2010sourced"}, []string{"sourcing", "out sourcing it"}},
		{"re-procur*", []string{"re-procurement", "reprocurement", "Re-procured", "re procure"}, []string{"procurement", "re-tender"}},
		{"non-emergency patient transport", []string{"non-emergency patient transport", "non emergency patient-transport", "nonemergency patient transport"}, []string{"emergency patient transport"}},
		{"TUPE", []string{"under TUPE,", "TUPE-related"}, []string{"Tupe", "tupe"}},
		{"GPs", []string{"two GPs"}, []string{"two gps"}},
		{"NHS LIFT", []string{"an NHS LIFT company"}, []string{"the NHS lift", "the nhs LIFT"}},
		{"set/sets up", []string{"it set up", "it sets up"}, []string{"setting up", "set"}},
		{"has now? been awarded", []string{"has been awarded", "has now been awarded"}, []string{"has never been awarded"}},
		{"award .. contract", []string{"award contract", "award of a new contract"}, []string{"award of a very large new contract", "contract award"}},
		{"award ... contract", []string{"award of a very large new contract"}, []string{"award"}},
		{"# months", []string{"for 24 months", "1.5 months"}, []string{"for some months"}},
		{"£", []string{"£3.4 million", "a £20,000 waiver"}, []string{"3.4 million"}},
		{"trust's board", []string{"the trust’s board", "the Trust's Board"}, []string{"the trust board"}},
		{"terms and conditions", []string{"terms & conditions"}, []string{"terms conditions"}},
	}
	for _, tt := range tests {
		l := newLexicon()
		g, err := l.add("g", []string{tt.phrase}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range tt.yes {
			if !l.tally(words(s)).has(g) {
				t.Errorf("%q is not found in %q", tt.phrase, s)
			}
		}
		for _, s := range tt.no {
			if l.tally(words(s)).has(g) {
				t.Errorf("%q is found in %q", tt.phrase, s)
			}
		}
	}
}

// A list that another takes in counts for both.
func TestPhrasesOfLists(t *testing.T) {
	l := newLexicon()
	inner, _ := l.add("inner", []string{"private hospital*"}, nil)
	outer, err := l.add("outer", []string{"clinic", "@inner"}, map[string]int{"inner": inner})
	if err != nil {
		t.Fatal(err)
	}
	got := l.tally(words("Two private hospitals."))
	h, ok := got.first(outer)
	if !got.has(inner) || !got.has(outer) || !ok {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff([]int{1, 3}, []int{h.from, h.to}); diff != "" {
		t.Error(diff)
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Re-procure\u00adment of £1.2m; the trust’s “out-\nsourcing” & TUPE'd staff\xff")
	f.Fuzz(func(t *testing.T, s string) {
		end := 0
		for _, w := range words(s) {
			if w.start < end || w.end <= w.start || w.end > len(s) || w.text == "" {
				t.Fatalf("word %+v after %d", w, end)
			}
			end = w.end
		}
	})
}
