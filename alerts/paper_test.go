package alerts

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// A paper that could not be read is named, though its source was read; one that
// has been so for long is not named every week for ever.
func TestPapersThatCouldNotBeRead(t *testing.T) {
	h := store.Health{Source: "icb", Problems: []store.Problem{
		{Reason: store.ReasonMissing, What: store.PaperProblem + "Board pack", Since: day(3)},
		{Reason: store.ReasonFormat, What: "date of meeting 5", Since: day(3)},
		{Reason: store.ReasonFormat, What: store.PaperProblem + "An old one", Since: day(3).Add(-lookedBack)},
	}}
	want := []Outage{{Name: "The ICB", Paper: "Board pack", Since: day(3), Why: []store.Reason{store.ReasonMissing}}}
	if diff := cmp.Diff(want, papersOf("The ICB", h, day(7))); diff != "" {
		t.Error(diff)
	}
}
