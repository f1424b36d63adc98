package ocds

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// gapsOf prints what is missing: "5 8-9(2)", tries in brackets.
func gapsOf(y numbers) string {
	var out []string
	for _, g := range y.Gaps {
		s := fmt.Sprint(g.From)
		if g.To != g.From {
			s += fmt.Sprint("-", g.To)
		}
		if g.Tries > 0 {
			s += fmt.Sprintf("(%d)", g.Tries)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestNumbers(t *testing.T) {
	now := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct{ name, did, first2last, gaps string }{
		{"one after the other", "saw 5, saw 6, saw 7", "5-7", ""},
		{"one is passed over", "saw 5, saw 7", "5-7", "6"},
		{"it comes late", "saw 5, saw 7, saw 6", "5-7", ""},
		{"twice is once", "saw 5, saw 7, saw 7, saw 5", "5-7", "6"},
		{"before the first", "saw 9, saw 5", "5-9", "6-8"},
		{"next before the first", "saw 9, saw 8", "8-9", ""},
		{"a run is split", "saw 1, saw 10, saw 4", "1-10", "2-3 5-9"},
		{"asked for, not there", "saw 5, saw 7, ask 6", "5-7", "6(1)"},
		{"asked for one by one", "saw 5, saw 9, ask 6, ask 7", "5-9", "6-7(1) 8"},
		{"asked for often enough", "saw 5, saw 7, ask 6, ask 6, ask 6", "5-7", "6(3)"},
		{"there after all", "saw 5, saw 7, ask 6, ask 6, ask 6, saw 6", "5-7", ""},
		{"a long run is asked for as one", "saw 1, saw 100, ask 50", "1-100", "2-99(1)"},
		{"a long run that has something begins anew", "saw 1, saw 100, ask 50, find 2", "1-100", "3-99"},
		{"in the middle of a long run", "saw 1, saw 100, ask 50, find 60", "1-100", "2-59 61-99"},
		{"what never was does not grow together with what is still asked for", "saw 5, saw 8, ask 6, ask 6, ask 6, ask 7", "5-8", "6(3) 7(1)"},
		{"a slip of the pen is not believed", "saw 1, saw 2, saw 3, saw 4, saw 5, saw 6, saw 7, saw 8, saw 9, saw 10, saw 999999", "1-10", ""},
		{"unless it came first", "saw 999999, saw 4, saw 5", "4-5", ""},
		{"asked for without being missing", "saw 5, ask 5, ask 9", "5-5", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var y numbers
			for _, step := range strings.Split(c.did, ", ") {
				var what string
				var n int
				if _, err := fmt.Sscan(step, &what, &n); err != nil {
					t.Fatal(err)
				}
				switch what {
				case "saw":
					y.saw(n, now)
				case "ask":
					y.asked(n, now)
				case "find":
					y.found(n, now)
				}
			}
			if got := fmt.Sprint(y.First, "-", y.Last); got != c.first2last {
				t.Errorf("from %s, want %s", got, c.first2last)
			}
			if got := gapsOf(y); got != c.gaps {
				t.Errorf("missing %q, want %q", got, c.gaps)
			}
		})
	}
}

// A number is asked for two hours after it was passed over, a day after it and
// a week after it, and then no more.
func TestNumbersAreNotAskedForEver(t *testing.T) {
	start := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	for _, long := range []bool{false, true} {
		y := numbers{}
		y.saw(1, start)
		last := 3
		if long {
			last = 4000
		}
		y.saw(last, start)
		var asked []string
		for now := start; now.Before(start.AddDate(0, 1, 0)); now = now.Add(30 * time.Minute) {
			if n, ok := y.due(now); ok {
				asked = append(asked, fmt.Sprint(n, "@", now.Sub(start)))
				y.asked(n, now)
			}
		}
		want := "2@2h0m0s 2@24h0m0s 2@168h0m0s"
		if long {
			want = "2001@2h0m0s 2@24h0m0s 3999@168h0m0s"
		}
		if got := strings.Join(asked, " "); got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		if asking, never := y.missing(); asking != 0 || never != last-2 {
			t.Errorf("%d still asked for, %d never seen", asking, never)
		}
	}
}

// Whatever comes in whatever order, and whatever is asked for meanwhile: what
// is missing is what was not seen, and the numbers add up.
func TestNumbersAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	now := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	for round := range 300 {
		var y numbers
		seen := map[int]bool{}
		lost := 1 + r.IntN(5)
		for i := range 200 {
			now = now.Add(time.Duration(r.IntN(7200)) * time.Second)
			n := 1000 + i + r.IntN(1+round%40)
			switch {
			case r.IntN(lost+1) > 0:
				y.saw(n, now)
				seen[n] = true
			default:
				if n, ok := y.due(now); ok && r.IntN(3) > 0 {
					y.asked(n, now)
				} else if ok {
					y.found(n, now)
					seen[n] = true
				}
			}
		}
		for n := y.First; n <= y.Last; n++ {
			if missing := y.at(n) >= 0; missing == seen[n] {
				t.Fatalf("round %d: %d: seen %v, missing %v: %s", round, n, seen[n], missing, gapsOf(y))
			}
		}
		asking, never := y.missing()
		if y.seen() != len(seen) || y.seen()+asking+never != y.Last-y.First+1 {
			t.Fatalf("round %d: %d seen, counted %d, %d and %d missing of %d", round, len(seen), y.seen(), asking, never, y.Last-y.First+1)
		}
		for i := 1; i < len(y.Gaps); i++ {
			if y.Gaps[i].From <= y.Gaps[i-1].To {
				t.Fatalf("round %d: not ascending: %s", round, gapsOf(y))
			}
		}
	}
}

// Notes that cannot be read cost some requests and nothing else.
func TestNotes(t *testing.T) {
	now := time.Date(2026, 12, 31, 9, 0, 0, 0, time.UTC)
	n := openNotes("").saw([]string{"000002-2025", "099001-2026", "099003-2026", "000001-2027", "no number", "12-2026", "000007-2099"}, now)
	if got := openNotes(n.String()); got.String() != n.String() || len(got.Numbers) != years {
		t.Errorf("%s came back as %s", n, got)
	}
	a, ok := Audited(n.String())
	if !ok || a.From != "099001-2026" || a.To != "000001-2027" || a.Seen != 3 || a.Asking != 1 {
		t.Errorf("%+v", a)
	}
	for _, s := range []string{"{", "[]", `{"version":99,"asked":5}`, `{"version":1,"numbers":7}`} {
		if got := openNotes(s).String(); got != openNotes("").String() {
			t.Errorf("%s was read as %s", s, got)
		}
	}
	if _, ok := Audited(""); ok {
		t.Error("an audit of nothing")
	}
}

func FuzzNotes(f *testing.F) {
	f.Add(openNotes("").saw([]string{"000001-2026", "000009-2026"}, time.Unix(0, 0)).String())
	f.Add(`{"version":1,"numbers":[{"year":2026,"first":5,"last":2,"gaps":[{"from":9,"to":1}]}],"read":{"x":"2026-01-01T00:00:00Z"}}`)
	f.Fuzz(func(_ *testing.T, s string) {
		n := openNotes(s).saw([]string{"000005-2026", "000050-2026"}, time.Unix(0, 0))
		for i := range n.Numbers {
			if x, ok := n.Numbers[i].due(time.Unix(1<<40, 0)); ok {
				n.Numbers[i].asked(x, time.Unix(0, 0))
			}
		}
		_, _ = Audited(n.String())
	})
}
