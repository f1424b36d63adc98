package alerts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// Whom the index finds is whom asking everybody finds: the same log, followed
// by one matcher that looks subscriptions up and by one whose commits are always
// too large for that, leads to the same mail, while people come, go and change
// their minds.
func TestTheAudienceIsWhoeverAskingAllFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(storetest.Seed(t), 0))
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

// counted counts what is read, and may forget which were altered.
type counted struct {
	*memory
	pages, single int
	forgets       bool
}

func (c *counted) Subscriptions(ctx context.Context, after string, limit int) ([]store.Subscription, error) {
	c.pages++
	return c.memory.Subscriptions(ctx, after, limit)
}

func (c *counted) Subscription(ctx context.Context, id string) (store.Subscription, error) {
	c.single++
	return c.memory.Subscription(ctx, id)
}

func (c *counted) Altered(ctx context.Context, since uint64) ([]string, uint64, bool, error) {
	ids, now, known, err := c.memory.Altered(ctx, since)
	if c.forgets {
		return nil, now, false, err
	}
	return ids, now, known, err
}

// Somebody who comes, goes or asks for something else is read alone; the others
// only once the store no longer says who it was, or it was very many.
func TestOneAlteredSubscriptionIsReadAlone(t *testing.T) {
	m := &counted{memory: newMemory()}
	for i := range 50 {
		m.subscribe(sub(fmt.Sprintf("%02x", i), []string{"dialysis", "hospice"}[i%2]))
	}
	x := matcher(m.memory)
	x.Subscribers = m
	step := func(what string, pages, single int, title string, want ...string) {
		t.Helper()
		m.pages, m.single = 0, 0
		if err := x.audience.refresh(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		if m.pages != pages || m.single != single {
			t.Errorf("%s: read %d pages and %d single ones, want %d and %d", what, m.pages, m.single, pages, single)
		}
		var got []string
		for _, n := range x.audience.concerned(x.candidates([]store.Finding{{Tier: store.TierCertain, Title: title}})) {
			got = append(got, x.audience.id(n))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got): %s", what, d)
		}
	}
	alter := func(id, asks string) {
		s := m.subs[id]
		s.Query = asks
		m.subs[id] = s
	}
	step("at first", 2, 0, "parking")
	step("again", 0, 0, "parking")
	alter("07", "parking")
	step("other words", 0, 1, "parking", "07")
	m.subscribe(sub("001", "parking"))   // between two ids, of an odd number of digits
	m.subscribe(sub("zz", "parking or")) // behind all
	step("two new ones", 0, 2, "parking or", "001", "07", "zz")
	alter("07", "-(")
	step("what cannot be read", 0, 1, "parking or", "001", "zz")
	alter("07", "hospice")
	s := m.subs["001"]
	s.State = store.StateEnded
	m.subs["001"] = s
	step("back, and ended", 0, 2, "parking or", "zz")
	m.forgets = true
	alter("03", "parking")
	step("which is not known", 2, 0, "parking", "03")
	m.forgets = false
	for i := range mostRecent + 1 {
		m.subscribe(sub(fmt.Sprintf("y%d", i), "elsewhere"))
	}
	step("very many", 2, 0, "parking", "03")
}

func TestIDsComeBackAsTheyWere(t *testing.T) {
	var l idList
	ids := []string{"", "0", "00", "00112233445566778899aabbccddeeff", "0A", "0a", "0a1", "A", "ab", "abc", "zz", "é"}
	for _, id := range ids {
		l.add(id)
	}
	for i, id := range ids {
		if got := l.at(int32(i)); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
		if n, there := l.search(id); int(n) != i || !there {
			t.Errorf("%q was found at %d (%v), not %d", id, n, there, i)
		}
	}
	for id, want := range map[string]int32{"0!": 2, "01": 4, "zzz": 11, "éé": 12} {
		if n, there := l.search(id); there || n != want {
			t.Errorf("%q, which is not there, would be at %d (%v), want %d", id, n, there, want)
		}
	}
	if n := len(l.bytes); n != 0+1+1+16+2+1+3+1+1+3+2+2 {
		t.Errorf("%d bytes", n)
	}
}
