package alerts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/query"
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

// still are subscriptions that do not change.
type still struct{ *memory }

func (still) Stamp(context.Context) (uint64, error) { return 1, nil }

func (still) Altered(context.Context, uint64) ([]string, uint64, bool, error) {
	return nil, 1, true, nil
}

// BenchmarkMatchAudience: one commit of one notice against so many subscriptions, of
// which some hundreds are told; and what it takes to read and file them all.
// B/subscription is what the audience keeps in memory.
func BenchmarkMatchAudience(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		if testing.Short() && n > 100_000 {
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		m := newMemory()
		m.ids = make([]string, 0, n)
		for i := range n {
			q := fmt.Sprintf("topic:%s ward%d", Topics()[r.IntN(3)], r.IntN(400))
			switch r.IntN(4) {
			case 0:
				q = fmt.Sprintf(`area:a%d "ward%d clinic"`, r.IntN(200), r.IntN(5000))
			case 1:
				q = fmt.Sprintf("ward%d clinic%d -parking", r.IntN(5000), r.IntN(5000))
			}
			s := sub(fmt.Sprintf("%032x", i), q)
			m.subs[s.ID], m.ids = s, append(m.ids, s.ID)
		}
		var text []string
		for range 900 {
			text = append(text, fmt.Sprintf("ward%d", r.IntN(5000)))
		}
		f := store.Finding{ID: "f", Tier: store.TierCertain, Topic: store.TopicTenders, Areas: []string{"a7"}, Title: "A clinic", Text: strings.Join(text, " ")}
		x := matcher(m)
		x.Subscribers = still{m}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		if err := x.audience.refresh(b.Context(), x); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begun)
		runtime.GC()
		runtime.ReadMemStats(&after)
		name := fmt.Sprintf("%d subscriptions", n)
		b.Run(name+"/looked up", func(b *testing.B) {
			told := 0
			for b.Loop() {
				told = len(x.audience.concerned(x.candidates([]store.Finding{f})))
			}
			b.ReportMetric(float64(told), "concerned")
			b.ReportMetric(took.Seconds(), "s-to-file")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/subscription")
		})
		b.Run(name+"/each asked", func(b *testing.B) {
			c := &commit{kept: x.candidates([]store.Finding{f}), last: 1}
			for b.Loop() {
				after := ""
				for {
					subs, err := m.Subscriptions(b.Context(), after, 500)
					if err != nil {
						b.Fatal(err)
					}
					if len(subs) == 0 {
						break
					}
					after = subs[len(subs)-1].ID
					if _, err := x.matchPage(b.Context(), c, subs, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		runtime.KeepAlive(m)
	}
	b.Run("the notice cut into words", func(b *testing.B) {
		f := query.Facts{Text: strings.Repeat("ward1 clinic2 parking3 ", 300)}
		for b.Loop() {
			query.Prepare(f)
		}
	})
}
