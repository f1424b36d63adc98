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
