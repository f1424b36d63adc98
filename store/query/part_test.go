package query

import (
	"slices"
	"strings"
	"testing"
)

// All parts of a query fit exactly what the query fits, those that ask a field by
// the words under which an index files the facts.
func TestPartsOfAQueryFitWhatItFits(t *testing.T) {
	asked := []string{
		"", "care", "kind:notice", "-kind:notice", "kind:notice care", "care -kind:notice,paper", "kind:notice -care", `body:"County Council" topic:tenders "night care"`,
		"kind:notice OR care", "(kind:notice care) OR kind:paper", "-(kind:notice care)", "kind:notices topic:tender", "body:county-council", "(kind:notice)", "-(-kind:notice) care",
		"care (night OR hospice) kind:paper", "care (night OR kind:paper)", "ICB -area:rutland", "stage:tender_update",
	}
	of := []Facts{
		{}, {Text: "Night care"}, {Kinds: []string{"notice"}}, {Kinds: []string{"notice"}, Text: "caring at night"}, {Kinds: []string{"paper"}, Text: "Night care in a hospice"},
		{Kinds: []string{"notice", "paper"}, Topics: []string{"tenders"}, Bodies: []string{"County Council", "E10000018"}, Text: "Night care"},
		{Kinds: []string{"meeting"}, Areas: []string{"rutland"}, Text: "The ICB"}, {Text: "The ICB"}, {Stages: []string{"tender_update"}},
	}
	fit, worded := 0, 0
	for _, typed := range asked {
		q, err := Parse(typed)
		if err != nil {
			t.Fatal(err)
		}
		fields, rest := q.Divide()
		words, ok := q.Worded()
		for _, f := range of {
			bears := strings.Fields(Index(f).Facts)
			got := rest.Match(f)
			for _, p := range fields {
				one := slices.ContainsFunc(p.Words, func(w string) bool { return slices.Contains(bears, w) })
				if p.Not {
					one = !one
				}
				if one != p.Query.Match(f) {
					t.Errorf("%s of %+v: the words %q say %v, the part itself %v", p.Query, f, p.Words, one, !one)
				}
				got = got && one
			}
			if got != q.Match(f) {
				t.Errorf("%s of %+v: in parts %v, as a whole %v", typed, f, got, !got)
			}
			if got {
				fit++
			}
			if ok && got && !words.Match(f) {
				t.Errorf("%s fits %+v, and its words (%s) do not", typed, f, words)
			}
		}
		if ok {
			worded++
		}
	}
	if fit < 30 || worded < 6 {
		t.Errorf("the queries say little: %d fit, %d are simple", fit, worded)
	}
}

func TestWordsOfAQueryAreWhatItIsOrderedBy(t *testing.T) {
	for typed, want := range map[string]string{
		"care kind:notice":                 "care",
		`"night care" -hospice body:x`:     `"night care"`,
		"care (night OR hospice)":          "care (night OR hospice)",
		"care (night OR kind:paper)":       "",
		"care (night OR -hospice)":         "",
		"kind:notice":                      "",
		"-care":                            "",
		"":                                 "",
		"care OR kind:paper":               "",
		"(a b) OR c":                       "((a b) OR c)",
		"ICB topic:tenders -kind:paper":    "ICB",
		"(care kind:notice) (-x) source:y": "care",
	} {
		q, err := Parse(typed)
		if err != nil {
			t.Fatal(err)
		}
		words, ok := q.Worded()
		if !ok {
			words = Query{}
		}
		if w := words.String(); w != want && "("+w+")" != want {
			t.Errorf("%s: %q, want %q", typed, w, want)
		}
	}
}
