package web

import (
	"context"
	"strings"
	"testing"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// A meeting whose agenda was out went on being marked, in yellow, with the day by
// which its papers were to be out.
func TestPapersAreNotAwaitedOnceTheyAreOut(t *testing.T) {
	s, m := sample()
	s.Joined.Dates = func(context.Context, store.Item, bool) []store.Deadline {
		return []store.Deadline{
			{Kind: judge.DeadlinePapers, Computed: "2026-08-18T23:59:00+01:00", Quote: "five clear days"},
			{Kind: judge.DeadlineQuestions, Stated: "2026-08-17T12:00:00+01:00", Quote: "by noon on Monday"},
		}
	}
	m.items[1].Fields = map[string]string{"when": "2026-08-26T10:00:00+01:00"}
	h := s.Handler()
	const where = "/item?source=leicester&key=meeting/"
	for key, waits := range map[string]bool{"15019": true, "15033": false} {
		d := read(t, h, where+key)
		said := words(d, "main")
		if got := strings.Contains(said, "Papers are to be out by"); got != waits {
			t.Errorf("%s: papers awaited %v, want %v", key, got, waits)
		}
		if !strings.Contains(said, "Questions from the public are due") {
			t.Errorf("%s: the other date is lost: %s", key, said)
		}
	}
}

// The counts of the coverage page read "3: read completely at its last look".
func TestCoverageCountsSources(t *testing.T) {
	for want, got := range map[string]string{
		"1 source: read completely at the last look":        countedWords(1, store.OK),
		"3 sources: something is shown that cannot be read": countedWords(3, store.Broken),
		"2 sources: not looked at yet":                      countedWords(2, store.Never),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Whoever confirmed or managed a subscription was shown "topic:tenders area:leicester".
func TestWantedIsSaidInWords(t *testing.T) {
	s, _ := sample()
	s.Choices = func() (bodies, areas []Choice) {
		return []Choice{{"leicester-city-council", "Leicester City Council"}}, []Choice{{"leicester", "Leicester"}, {"rutland", "Rutland"}}
	}
	v := &site{Server: s}
	for line, want := range map[string]string{
		"":                       "",
		"topic:tenders,foi":      "Tenders or Freedom of information",
		"area:leicester,rutland": "In Leicester or Rutland",
		"dialysis -parking":      "With all of these words: dialysis; with none of these: parking",
		`topic:tenders body:leicester-city-council "end of life"`: "Tenders; of Leicester City Council; with exactly this: end of life",
		"topic:tenders OR (hospice area:rutland)":                 "", // more than boxes can say: the line itself is shown
	} {
		if got := v.wanted(line); got != want {
			t.Errorf("%q is said as %q, want %q", line, got, want)
		}
	}
}
