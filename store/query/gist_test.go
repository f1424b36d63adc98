package query

import (
	"math/rand/v2"
	"testing"
)

// What fits is never told not to by its gist, and most of what does not fit is.
func TestGistHoldsWhateverFits(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 8))}
	fit, told := 0, 0
	for range 20_000 {
		q, err := Parse(g.query(0))
		if err != nil {
			continue
		}
		p := Prepare(g.facts())
		in := q.Wants().In(p.Gist())
		switch fits := q.MatchPrepared(p); {
		case fits && !in:
			t.Fatalf("%q fits %v and its gist says that it does not", q, p)
		case fits:
			fit++
		case !in:
			told++
		}
	}
	if fit < 1000 || told < 1000 {
		t.Errorf("%d fitted, of %d others the gist told: that tries little", fit, told)
	}
}
