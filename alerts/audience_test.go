package alerts

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// Whom the index finds is whom asking everybody finds: the same log, followed
// by one matcher that looks subscriptions up and by one whose commits are always
// too large for that, leads to the same mail, while people come, go and change
// their minds.
func TestTheAudienceIsWhoeverAskingAllFinds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	words := []string{"dialysis", "hospice", "parking", "ICB", "-dialysis", `"end of life"`, "topic:tenders", "topic:awards,foi", "(hospice OR parking)", "", "source:s", "(", "tier:likely"}
	wish := func() string {
		var q []string
		for range r.IntN(3) {
			q = append(q, words[r.IntN(len(words))])
		}
		return strings.Join(q, " ")
	}
	looked, asked := newMemory(), newMemory()
	both := func(f func(*memory)) { f(looked); f(asked) }
	x, y := matcher(looked), matcher(asked)
	x.Batch, y.Batch, y.keep = 3, 3, 1 // with two candidates it spills
	made, rounds := 0, 120
	if testing.Short() {
		rounds = 40
	}
	for round := range rounds {
		switch id := fmt.Sprintf("%02d", r.IntN(40)); r.IntN(3) {
		case 0:
			if _, there := looked.subs[id]; !there {
				s := sub(id, wish())
				s.Often = []string{store.Instant, store.Both, store.Weekly}[r.IntN(3)]
				both(func(m *memory) { m.subscribe(s) })
			}
		case 1:
			if s, there := looked.subs[id]; there {
				s.Query, s.Since = wish(), uint64(len(looked.changes))
				both(func(m *memory) { m.subs[id] = s })
			}
		case 2:
			if s, there := looked.subs[id]; there {
				s.State = []store.State{store.StateEnded, store.StateConfirmed}[r.IntN(2)]
				both(func(m *memory) { m.subs[id] = s })
			}
		}
		var cs []store.Change
		for i := range 2 + r.IntN(3) {
			title := []string{"tenders", "awards", "foi likely"}[r.IntN(3)]
			for range 3 {
				title += " " + []string{"dialysis", "hospice", "car parking", "ICB", "icb", "end of life"}[r.IntN(6)]
			}
			cs = append(cs, change(fmt.Sprint(round, ".", i), title))
		}
		both(func(m *memory) { m.commit(day(2), cs...) })
		follow(t, x)
		follow(t, y)
		if d := cmp.Diff(asked.deliveries, looked.deliveries); d != "" {
			t.Fatalf("round %d (-asked +looked up): %s", round, d)
		}
		made = len(looked.deliveries)
	}
	if made < rounds { // the two would agree about nothing
		t.Errorf("only %d alerts in %d rounds", made, rounds)
	}
}

// A matcher that was cut off in the middle of a commit goes on behind the
// subscription it had come to, whatever the index looks like by then.
func TestTheAudienceBehindAPlace(t *testing.T) {
	m := newMemory()
	for _, id := range []string{"b", "d", "f", "h"} {
		m.subscribe(sub(id, "dialysis"))
	}
	m.commit(day(2), change("k", "tenders dialysis"))
	x := matcher(m)
	c := &commit{kept: x.candidates([]store.Finding{{Tier: store.TierCertain, Title: "dialysis"}})}
	for after, want := range map[string]string{"": "bdfh", "a": "bdfh", "b": "dfh", "c": "dfh", "d": "fh", "h": "", "z": ""} {
		w, err := x.crowdOf(t.Context(), c, after)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for {
			page, err := w.next(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, s := range page {
				got += s.ID
			}
		}
		if got != want {
			t.Errorf("after %q: %q, want %q", after, got, want)
		}
	}
}
