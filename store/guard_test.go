package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// list makes a whole list of n papers, of which the first gone are missing and
// the following altered have another title.
func list(n, gone, altered int) store.Sighting {
	s := store.Sighting{Source: "s", At: monday, Whole: true, Last: true}
	for i := gone; i < n; i++ {
		it := store.Item{Key: fmt.Sprintf("k%03d", i), Kind: store.KindPaper, Title: fmt.Sprint("Paper ", i)}
		if i < gone+altered {
			it.Title += " (new look)"
		}
		s.Items = append(s.Items, it)
	}
	return s
}

func known(n int) store.Snapshot {
	s, _ := store.Diff(store.Snapshot{}, list(n, 0, 0))
	return s
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name             string
		n, gone, altered int
		want             error
	}{
		{"nothing happened", 100, 0, 0, nil},
		{"thirty in a hundred", 100, 30, 0, nil},
		{"thirty-one in a hundred", 100, 31, 0, store.ErrShrunk},
		{"altered count as well", 100, 16, 15, store.ErrShrunk},
		{"only altered", 100, 0, 31, store.ErrShrunk},
		{"nine of ten are too few to judge by", 10, 9, 0, nil},
		{"ten of eleven", 11, 10, 0, store.ErrShrunk},
		{"all", 5, 5, 0, store.ErrEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := store.Guard(known(c.n), list(c.n, c.gone, c.altered))
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if held := new(store.HeldError); errors.As(err, &held) {
				if !errors.Is(err, store.ErrHeld) || held.Absent != c.gone || held.Altered != c.altered || held.Of != c.n || held.Fingerprint == "" {
					t.Errorf("%+v", held)
				}
			}
		})
	}
}

func TestGuardLetsPass(t *testing.T) {
	none := list(20, 20, 0)
	none.None = true
	feed := list(100, 50, 50)
	feed.Whole = false
	bounded := list(100, 50, 0)
	bounded.From, bounded.To = monday, monday.AddDate(0, 1, 0) // the papers have no date: they lie outside
	for name, c := range map[string]struct {
		old  store.Snapshot
		seen store.Sighting
	}{
		"the first list":           {store.Snapshot{}, list(100, 0, 0)},
		"the first list, empty":    {store.Snapshot{}, list(0, 0, 0)},
		"a feed":                   {known(100), feed},
		"what the list leaves out": {known(100), bounded},
		"a few, as the source says that it lists nothing": {known(9), list(9, 9, 0)},
	} {
		if name == "a few, as the source says that it lists nothing" {
			c.seen.None = true
		}
		if err := store.Guard(c.old, c.seen); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := store.Guard(known(20), none); !errors.Is(err, store.ErrShrunk) {
		t.Errorf("many at once, though the source says that it lists nothing: %v", err)
	}
	if err := store.Guard(known(2), store.Sighting{Items: []store.Item{{Title: "Budget"}}}); err == nil || !strings.Contains(err.Error(), "Budget") {
		t.Errorf("an item without a key: %v", err)
	}
}

// A held sighting passes when it comes a second time, whatever is new in it,
// and counts as the second one that did not show the missing items. Another
// one is held anew, and a sane one in between starts from the beginning.
func TestHeldSightingComesAgain(t *testing.T) {
	snap := known(40)
	shrunk := list(40, 20, 3)
	held := new(store.HeldError)
	if !errors.As(store.Guard(snap, shrunk), &held) {
		t.Fatal("not held")
	}
	snap.Held = held.Fingerprint

	if other := list(40, 21, 3); !errors.As(store.Guard(snap, other), new(*store.HeldError)) {
		t.Error("another shrinking passes")
	}
	sane, changes := store.Diff(snap, list(40, 0, 0))
	if len(changes) > 0 || sane.Held != "" {
		t.Errorf("after a sane sighting: %d changes, held %q", len(changes), sane.Held)
	}
	again := list(40, 20, 3)
	again.Items = append(again.Items, store.Item{Key: "new", Kind: store.KindPaper})
	if err := store.Guard(snap, again); err != nil {
		t.Fatalf("the second time: %v", err)
	}
	next, changes := store.Diff(snap, again)
	if next.Held != "" {
		t.Error("still held")
	}
	count := map[store.Op]int{}
	for _, c := range changes {
		count[c.Op]++
	}
	if count[store.OpWithdrawn] != 20 || count[store.OpAmended] != 3 || count[store.OpAdded] != 1 {
		t.Errorf("changes: %v", count)
	}
	if err := store.Guard(next, again); err != nil {
		t.Errorf("the third time: %v", err)
	}
}

// Two crawls of 25 % each are one of 50 %.
func TestCreepingShrinkage(t *testing.T) {
	snap := known(100)
	if err := store.Guard(snap, list(100, 25, 0)); err != nil {
		t.Fatal(err)
	}
	snap, _ = store.Diff(snap, list(100, 25, 0))
	if err := store.Guard(snap, list(100, 50, 0)); !errors.Is(err, store.ErrShrunk) {
		t.Errorf("half of the list gone in two steps: %v", err)
	}
}

// Past meetings drop off a list all the time; that many have is no reason to hold it.
func TestPastMeetingsDropOff(t *testing.T) {
	snap := store.Snapshot{Source: "s", Baseline: monday, Items: map[string]store.Item{}}
	seen := store.Sighting{Source: "s", At: monday, Whole: true, Last: true}
	for i := range 60 {
		it := meeting(func(it *store.Item) { it.Key = fmt.Sprint("meeting/", i) })
		if i < 40 {
			it.Fields[store.FieldWhen] = "2026-05-01T10:00:00+01:00"
		} else {
			seen.Items = append(seen.Items, it)
		}
		snap.Items[it.Key] = it
	}
	if err := store.Guard(snap, seen); err != nil {
		t.Error(err)
	}
}

func TestEveryDocumentVanished(t *testing.T) {
	snap := store.Snapshot{Source: "s", Baseline: monday, Items: map[string]store.Item{}}
	seen := store.Sighting{Source: "s", At: monday, Whole: true, Last: true}
	for i := range 4 {
		it := meeting(func(it *store.Item) { it.Key = fmt.Sprint("meeting/", i) })
		snap.Items[it.Key] = it
		it.Documents = nil
		seen.Items = append(seen.Items, it)
	}
	if err := store.Guard(snap, seen); !errors.Is(err, store.ErrEmpty) {
		t.Errorf("a redesign that lost every link: %v", err)
	}
	seen.Items[0].Documents = []store.Document{{Key: "d"}}
	if err := store.Guard(snap, seen); err != nil {
		t.Errorf("one is left: %v", err)
	}
}

func TestNextHealth(t *testing.T) {
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	slow := store.Problem{Reason: store.ReasonServer, What: "details of meeting/1", URL: "https://example.org/1"}
	h := store.NextHealth(store.Health{Source: "s"}, day(0), []store.Problem{slow}, nil, map[store.Kind]int{store.KindMeeting: 4}, 9)
	if !h.LastComplete.Equal(day(0)) || !h.FailingSince.IsZero() || h.Counts[store.KindMeeting] != 4 || h.Requests != 9 || !h.Problems[0].Since.Equal(day(0)) {
		t.Fatalf("after a complete visit: %+v", h)
	}
	h = store.NextHealth(h, day(1), []store.Problem{{Reason: slow.Reason, What: slow.What, URL: slow.URL, Detail: "again"}, {Reason: store.ReasonMissing}}, nil, nil, 9)
	if !h.Problems[0].Since.Equal(day(0)) || !h.Problems[1].Since.Equal(day(1)) || h.Counts[store.KindMeeting] != 4 {
		t.Fatalf("the same problem again: %+v", h)
	}
	failed := fmt.Errorf("s: %w", store.ErrEmpty)
	h = store.NextHealth(h, day(2), nil, failed, nil, 1)
	h = store.NextHealth(h, day(3), nil, failed, map[store.Kind]int{}, 1)
	if !h.FailingSince.Equal(day(2)) || !h.LastComplete.Equal(day(1)) || h.Counts[store.KindMeeting] != 4 || !h.LastTry.Equal(day(3)) {
		t.Fatalf("failing: %+v", h)
	}
	if len(h.Problems) != 1 || h.Problems[0].Reason != store.ReasonEmpty || !h.Problems[0].Since.Equal(day(2)) {
		t.Fatalf("the reason: %+v", h.Problems)
	}
	h = store.NextHealth(h, day(4), nil, nil, nil, 1)
	if !h.FailingSince.IsZero() || len(h.Problems) > 0 {
		t.Fatalf("well again: %+v", h)
	}
	for err, want := range map[error]store.Reason{
		&store.HeldError{}: store.ReasonShrunk, busy{}: store.ReasonBusy, errors.New("odd"): store.ReasonFormat,
	} {
		if h := store.NextHealth(store.Health{}, monday, nil, err, nil, 0); h.Problems[0].Reason != want {
			t.Errorf("%v is %s, want %s", err, h.Problems[0].Reason, want)
		}
	}
}

type busy struct{}

func (busy) Error() string     { return "429" }
func (busy) Why() store.Reason { return store.ReasonBusy }

// A redesign shows the same meetings under other keys. It is held back once,
// and then taken over without a word; what is new besides is news.
func TestRedesignUnderOtherKeysIsSilent(t *testing.T) {
	meetings := func(prefix string, days ...int) []store.Item {
		var out []store.Item
		for _, d := range days {
			out = append(out, store.Item{
				Key: fmt.Sprint(prefix, d), Kind: store.KindMeeting, Title: "Board, day " + prefix,
				Fields: map[string]string{store.FieldWhen: monday.AddDate(0, 0, d).Format(time.RFC3339)},
			})
		}
		return out
	}
	for name, c := range map[string]struct {
		before, after []int
		news          int
	}{
		"a short list":            {[]int{-30, 10, 40}, []int{-30, 10, 40}, 0},
		"and one new":             {[]int{-30, 10, 40}, []int{-30, 10, 40, 70}, 1},
		"a year page rolled over": {[]int{-90, -60, -30}, []int{10, 40, 70}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			snap, _ := store.Diff(store.Snapshot{}, store.Sighting{Source: "s", At: monday, Whole: true, Last: true, Items: meetings("old", c.before...)})
			seen := store.Sighting{Source: "s", At: monday.AddDate(0, 0, 1), Whole: true, Last: true, Items: meetings("new", c.after...)}
			held := new(store.HeldError)
			if err := store.Guard(snap, seen); !errors.As(err, &held) {
				t.Fatalf("believed at once: %v", err)
			}
			snap.Held = held.Fingerprint
			if err := store.Guard(snap, seen); err != nil {
				t.Fatal(err)
			}
			if store.Passed(snap, seen) == nil {
				t.Error("nobody is told that the list was replaced")
			}
			_, changes := store.Diff(snap, seen)
			news := 0
			for _, ch := range changes {
				if ch.Op == store.OpAdded && !ch.Silent {
					news++
				}
			}
			if news != c.news {
				t.Errorf("%d news, want %d: %+v", news, c.news, changes)
			}
		})
	}
}

// A list of which much had gone and comes back was away; that is no news.
func TestListThatComesBackIsSilent(t *testing.T) {
	snap := known(40)
	for range 3 {
		seen := list(40, 20, 0)
		if held := new(store.HeldError); errors.As(store.Guard(snap, seen), &held) {
			snap.Held = held.Fingerprint
			continue
		}
		snap, _ = store.Diff(snap, seen)
	}
	_, changes := store.Diff(snap, list(40, 0, 0))
	if len(changes) != 20 {
		t.Fatalf("%d changes", len(changes))
	}
	for _, c := range changes {
		if !c.Silent {
			t.Errorf("%s is news", c.Key)
		}
	}
}

// The operator vouches for a list that nobody would believe.
func TestRelease(t *testing.T) {
	next, changes := store.Release(known(20), list(20, 15, 3))
	gone := 0
	for _, c := range changes {
		if !c.Silent {
			t.Errorf("%+v is news", c)
		}
		if c.Op == store.OpWithdrawn {
			gone++
		}
	}
	if gone != 15 || next.Items["k000"].Withdrawn.IsZero() {
		t.Errorf("%d withdrawn", gone)
	}
}
