package web

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts/judge"
	"ccgwatch/store/storetest"
)

// randomNotice is one of few notices of few procurements that name few
// suppliers, so that they meet; some are not shown.
func randomNotice(r *rand.Rand, parties []*judge.Party) *noticed {
	n := &noticed{ref: ref{"s", fmt.Sprint("notice/", r.IntN(60))}}
	n.thread, n.stage = fmt.Sprint("ocds-", r.IntN(20)), stages()[3+r.IntN(6)]
	if r.IntN(8) == 0 {
		return n
	}
	n.at = at("2026-09-15 12:00").Add(-time.Duration(r.IntN(18*30*24)-200) * time.Hour)
	n.value, n.currency = []float64{0, 0, 100.1, 2_500_000.55, 999_999_999_999.99}[r.IntN(5)], []string{"GBP", "", "EUR"}[r.IntN(3)]
	if r.IntN(2) == 0 {
		n.signed = n.at.AddDate(0, 0, 5-r.IntN(500))
	}
	if awarding(n.stage) {
		for range r.IntN(3) {
			n.suppliers = append(n.suppliers, parties[r.IntN(len(parties))])
		}
	}
	return n
}

// randomParties have names and numbers that bind some of them and tear others.
func randomParties(r *rand.Rand) []*judge.Party {
	var out []*judge.Party
	for range 24 {
		p := &judge.Party{Supplier: judge.Supplier{Name: fmt.Sprintf("%s %d %s", []string{"Care", "Vale"}[r.IntN(2)], r.IntN(4), []string{"Ltd", "Limited", "CIC"}[r.IntN(3)]), Class: append(classes(), "individual")[r.IntN(7)]}}
		if r.IntN(2) == 0 {
			p.Scheme, p.Number = []string{"GB-COH", "GB-NHS"}[r.IntN(2)], fmt.Sprintf("%08d", r.IntN(5))
		}
		out = append(out, p)
	}
	return out
}

// toldOfNotices is what pages tell of them.
type toldOfNotices struct {
	Charts    []chart
	Awarded   []string
	Suppliers []string
	ByID      map[string]string
}

// tells are what pages make of it.
func (v *survey) tells(now time.Time) toldOfNotices {
	v.prepare()
	x := toldOfNotices{Awarded: v.awarded(), ByID: map[string]string{}}
	for _, c := range []chart{valueByClass(&v.tally), noticesByMonth(&v.tally, 1000, now), signedBefore(&v.tally)} {
		x.Charts = append(x.Charts, c.draw())
	}
	for _, s := range v.suppliers() {
		line := fmt.Sprintf("%s %q %q %s %s %s", s.ID, s.Name, s.Others, s.Party.Class, s.Party.Scheme, s.Party.Number)
		for _, n := range s.notices {
			line += " " + n.key
		}
		x.Suppliers = append(x.Suppliers, line)
	}
	for id, s := range v.firms.grouped.byID {
		x.ByID[id] = s.ID
	}
	return x
}

// Whatever notices come, change, go and come back, the numbers, the order of the
// register and the suppliers are those that would be counted anew.
func TestPromiseWhatNoticesComeToIsWhatWouldBeCountedAnew(t *testing.T) {
	rounds := storetest.Promised(2, 4, 16, 400)
	seed := storetest.Seed(t)
	many := 0
	for round := range rounds {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		kept, parties := newSurvey(&Server{}, london()), randomParties(r)
		for step := range 60 {
			for range 1 + r.IntN(4) {
				kept.set(randomNotice(r, parties))
			}
			if r.IntN(3) == 0 {
				continue // several come between two looks
			}
			now := at("2026-09-15 12:00").Add(time.Duration(r.IntN(400)-200) * time.Hour) // also back
			anew := newSurvey(&Server{}, london())
			for _, n := range kept.notices {
				same := *n
				anew.set(&same)
			}
			want := anew.tells(now)
			if d := cmp.Diff(want, kept.tells(now), cmp.AllowUnexported(chart{}, bar{})); d != "" {
				t.Fatalf("round %d, step %d (- anew, + kept)\n%s", round, step, d)
			}
			if !slices.IsSortedFunc(kept.suppliers(), (*supplier).compare) {
				t.Fatalf("round %d, step %d: the suppliers are in no order", round, step)
			}
			many = max(many, len(want.Suppliers))
		}
	}
	if many < 5 {
		t.Errorf("there were never more than %d suppliers: the test looks at nothing", many)
	}
}

// What a reader was given does not change when the next notice comes.
func TestListsThatWereGivenStandStill(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v, parties := newSurvey(&Server{}, london()), randomParties(r)
	for range 40 {
		v.set(randomNotice(r, parties))
	}
	v.prepare()
	ids, list := v.awarded(), v.suppliers()
	was, names := slices.Clone(ids), slices.Clone(list)
	for range 40 {
		v.set(randomNotice(r, parties))
	}
	v.prepare()
	if !slices.Equal(ids, was) || !slices.Equal(list, names) {
		t.Error("a list that a reader holds was altered")
	}
}
