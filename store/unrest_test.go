package store

import (
	"fmt"
	"testing"
	"time"
)

// looks replays looks at one item of a whole list, one a day, and gives what each
// does: "-" nothing, "news", or "silent".
func looks(t *testing.T, every time.Duration, states []Item) (out []string, last Snapshot) {
	t.Helper()
	at := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	other := Item{Key: "other", Kind: KindPaper, Title: "Another"}
	for i, it := range states {
		it.Key = "x"
		next, changes := Diff(last, Sighting{Source: "s", At: at, Whole: true, Last: true, Items: []Item{it, other}})
		last = next
		at = at.Add(every)
		says := "-"
		for _, c := range changes {
			if says = "news"; c.Silent {
				says = "silent"
			}
		}
		if i > 0 {
			out = append(out, says)
		}
	}
	return out, last
}

// R9: what goes back and forth, or is another at every look, is unstable, and its
// changes are silent; what merely happens is news however often.
func TestUnstableItemsAreNoNews(t *testing.T) {
	const day = 24 * time.Hour
	meeting := func(status string) Item {
		return Item{Kind: KindMeeting, Title: "Board", Fields: map[string]string{FieldStatus: status, FieldWhen: "2026-12-03T09:30:00Z"}}
	}
	on, off := meeting(StatusConfirmed), meeting(StatusCancelled)
	papers := func(n ...int) Item {
		it := Item{Kind: KindMeeting, Title: "Board", Fields: map[string]string{FieldWhen: "2026-12-03T09:30:00Z"}}
		for _, i := range n {
			it.Documents = append(it.Documents, Document{Key: fmt.Sprint("document/", i), Title: fmt.Sprint("Paper ", i)})
		}
		return it
	}
	venue := func(i int) Item {
		it := meeting(StatusConfirmed)
		it.Fields[FieldVenue] = fmt.Sprint("seen by ", i)
		return it
	}
	hash := func(i int) Item {
		it := papers(1)
		it.Documents[0].SHA256 = fmt.Sprint("hash", i)
		return it
	}
	for _, c := range []struct {
		name     string
		every    time.Duration
		states   []Item
		want     []string
		unstable bool
	}{
		{"called off, on again, off again", day, []Item{on, off, on, off, off}, []string{"news", "news", "news", "-"}, false},
		{"an old and a new copy by turns", 6 * time.Hour, []Item{on, off, on, off, on, off, on}, []string{"news", "news", "news", "silent", "silent", "silent"}, true},
		{"the same over months", 20 * day, []Item{on, off, on, off, on, off}, []string{"news", "news", "news", "news", "news"}, false},
		{"a counter", day, []Item{venue(0), venue(1), venue(2), venue(3), venue(4), venue(5), venue(6)}, []string{"news", "news", "news", "news", "silent", "silent"}, true},
		{"edits with looks between that find none", day, []Item{venue(0), venue(1), venue(1), venue(2), venue(2), venue(3), venue(3), venue(4), venue(4), venue(5), venue(5), venue(6)},
			[]string{"news", "-", "news", "-", "news", "-", "news", "-", "news", "-", "news"}, false},
		{"a paper more each day is news each day", day, []Item{papers(1), papers(1, 2), papers(1, 2, 3), papers(1, 2, 3, 4), papers(1, 2, 3, 4, 5), papers(1, 2, 3, 4, 5, 6), papers(1, 2, 3, 4, 5, 6, 7)},
			[]string{"news", "news", "news", "news", "news", "news"}, false},
		{"a paper that comes and goes", day, []Item{papers(1), papers(1, 2), papers(1), papers(1, 2), papers(1), papers(1, 2)}, []string{"news", "news", "news", "news", "silent"}, true},
		{"a file made anew at every look", day, []Item{hash(0), hash(1), hash(2), hash(3), hash(4), hash(5), hash(6)}, []string{"news", "news", "news", "news", "silent", "silent"}, true},
		{"something new in what is unstable is news", 6 * time.Hour, []Item{on, off, on, off, on, func() Item { x := off; x.Documents = []Document{{Key: "document/9", Title: "New"}}; return x }()},
			[]string{"news", "news", "news", "silent", "news"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, last := looks(t, c.every, c.states)
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			p, some := Unsteady(last.Items)
			if some != c.unstable || some && p.Since.IsZero() {
				t.Errorf("unstable: %v, %+v", some, p)
			}
		})
	}
}

// What has kept still for a week is news again.
func TestAnUnstableItemBecomesSteady(t *testing.T) {
	on := Item{Kind: KindPaper, Title: "Policy"}
	off := Item{Kind: KindPaper, Title: "Policy (draft)"}
	states := []Item{on, off, on, off, on, on, on, on, on, on, on, on, off}
	got, last := looks(t, 24*time.Hour, states)
	if want := "[news news news silent - - - - - - - news]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
	if _, some := Unsteady(last.Items); some {
		t.Error("still unstable")
	}
}

// A source with an unstable item is suspect, and what the operator is told says why.
func TestAnUnstableSourceIsSuspect(t *testing.T) {
	at := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	p := Problem{Reason: ReasonUnstable, What: "what keeps changing by itself", Detail: "Policy", Since: at}
	h := NextHealth(Health{Source: "s"}, at, nil, nil, nil, 1).Heard(Health{}, Tally{At: at, Whole: true, Unsteady: &p})
	if c := h.Condition(at); c != Suspect {
		t.Errorf("it is %s", c)
	}
	told := Troubles([]Health{h}, false, at.Add(25*time.Hour))
	if len(told) != 1 || told[0].Reason != ReasonUnstable || told[0].Detail != "Policy" {
		t.Errorf("%+v", told)
	}
}
