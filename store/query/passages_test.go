package query

import "testing"

// Of a document with many passages each is asked about by itself: words that
// stand in two of them are not together, and a word in one does not shut out
// another.
func TestPassagesAreAskedOneByOne(t *testing.T) {
	p := Prepare(Facts{
		Topics: []string{"outsourcing"}, Text: "Board pack",
		Passages: []string{"Cleaning is outsourced.", "Dermatology goes to a company.", "Parking is let."},
	})
	for _, tt := range []struct {
		query string
		first int
		ok    bool
	}{
		{"", 0, true},
		{"topic:outsourcing", 0, true},
		{"dermatology", 1, true},
		{"pack parking", 2, true},
		{"dermatology parking", 0, false},
		{"topic:outsourcing -cleaning", 1, true},
		{"topic:tenders", 0, false},
	} {
		q, err := Parse(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if i, ok := q.First(p); i != tt.first || ok != tt.ok || q.MatchPrepared(p) != tt.ok {
			t.Errorf("%q: passage %d, %t; want %d, %t", tt.query, i, ok, tt.first, tt.ok)
		}
	}
}

// A word finds the same within a phrase as by itself.
func TestPluralOfAnAcronymIsTheSameInAPhrase(t *testing.T) {
	for text, want := range map[string]bool{"GAS GAS": true, "GAS GASs": false, "GASs GAS": false, "GASs GASs": false} {
		if q, err := Parse("GAS-GAS"); err != nil || q.Match(Facts{Text: text}) != want {
			t.Errorf("%q: not %t, %v", text, want, err)
		}
	}
	q, err := Parse("ICB-ICB")
	if err != nil || !q.Match(Facts{Text: "ICBs ICBs"}) {
		t.Error("the plural of an acronym is not found in a phrase", err)
	}
}
