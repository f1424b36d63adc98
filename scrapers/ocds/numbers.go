package ocds

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Find a Tender numbers its notices, year by year and almost without gaps: on
// two recorded working days 955 of 959 numbers were published. A number that
// was passed over is therefore either a notice that never was, or one that the
// feed has lost; about half of them can be had by their number.

const (
	// gapTries is how often a number is asked for before it is taken for one
	// that was never published.
	gapTries = 3
	// gapShort is the longest run of missing numbers that is asked for one by
	// one. Of a longer one the middle, the first and the last are: if one of
	// them is there, what is left is two shorter runs.
	gapShort = 20
	// years is how many years' numbers are remembered.
	years = 2
	// farthest is how far beyond the numbers known another may lie and still be
	// believed; numberFew have to be known for the rest to outweigh it.
	farthest  = 20_000
	numberFew = 10
)

// gapWaits is how long after it was noticed, and after each question, a number
// is asked for: notices come late by hours, not by weeks.
func gapWaits(tries int) time.Duration {
	return []time.Duration{2 * time.Hour, 22 * time.Hour, 6 * 24 * time.Hour}[min(tries, gapTries-1)]
}

// numbers are the notice numbers of one year: all from First to Last were seen
// but those in the gaps.
type numbers struct {
	Year  int    `json:"year"`
	First int    `json:"first"`
	Last  int    `json:"last"`
	Gaps  []hole `json:"gaps,omitempty"` // ascending, disjoint
	Found int    `json:"found,omitempty"`
}

// A hole is a run of numbers not seen, both ends in it.
type hole struct {
	From  int       `json:"from"`
	To    int       `json:"to"`
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"` // not asked for before
}

func (g hole) size() int { return g.To - g.From + 1 }

// never: asked for often enough.
func (g hole) never() bool { return g.Tries >= gapTries }

// pick is the number of a gap to ask for next.
func (g hole) pick() int {
	switch {
	case g.size() <= gapShort, g.Tries == 1:
		return g.From
	case g.Tries == 0:
		return g.From + g.size()/2
	}
	return g.To
}

// noticeNumber reads nnnnnn-yyyy.
func noticeNumber(id string) (year, n int, ok bool) {
	if len(id) != 11 || id[6] != '-' {
		return 0, 0, false
	}
	n, err := strconv.Atoi(id[:6])
	year, err2 := strconv.Atoi(id[7:])
	return year, n, err == nil && err2 == nil && n > 0 && year > 2000
}

func numberID(year, n int) string { return fmt.Sprintf("%06d-%d", n, year) }

// saw notes that a number was published. It returns whether it had been missing.
func (y *numbers) saw(n int, now time.Time) (missing bool) {
	next := now.Add(gapWaits(0))
	if y.First != 0 && (n > y.Last+farthest || n < y.First-farthest) {
		if y.seen() >= numberFew {
			return false
		}
		y.First, y.Gaps = 0, nil
	}
	switch {
	case y.First == 0:
		y.First, y.Last = n, n
	case n > y.Last:
		if n > y.Last+1 {
			y.Gaps = append(y.Gaps, hole{From: y.Last + 1, To: n - 1, Next: next})
		}
		y.Last = n
	case n < y.First:
		if n < y.First-1 {
			y.Gaps = append([]hole{{From: n + 1, To: y.First - 1, Next: next}}, y.Gaps...)
		}
		y.First = n
	default:
		i := y.at(n)
		if i < 0 {
			return false
		}
		g := y.Gaps[i]
		y.put(i, hole{From: g.From, To: n - 1, Tries: g.Tries, Next: g.Next}, hole{From: n + 1, To: g.To, Tries: g.Tries, Next: g.Next})
		return true
	}
	return false
}

// asked notes that a number was asked for and is not there.
func (y *numbers) asked(n int, now time.Time) {
	i := y.at(n)
	if i < 0 {
		return
	}
	g := y.Gaps[i]
	done := hole{From: n, To: n, Tries: g.Tries + 1, Next: now.Add(gapWaits(g.Tries + 1))}
	if g.size() > gapShort {
		done.From, done.To = g.From, g.To
		y.put(i, done)
		return
	}
	y.put(i, hole{From: g.From, To: n - 1, Tries: g.Tries, Next: g.Next}, done, hole{From: n + 1, To: g.To, Tries: g.Tries, Next: g.Next})
}

// found: a number that was asked for is there. What is left of a long run
// begins anew: where there is one there may be others.
func (y *numbers) found(n int, now time.Time) {
	i := y.at(n)
	if i >= 0 && y.Gaps[i].size() > gapShort {
		y.Gaps[i].Tries, y.Gaps[i].Next = 0, now
	}
	if y.saw(n, now) {
		y.Found++
	}
}

// at is the gap that holds a number, -1 for none.
func (y *numbers) at(n int) int {
	return slices.IndexFunc(y.Gaps, func(g hole) bool { return g.From <= n && n <= g.To })
}

// put replaces a gap by others, leaves out the empty ones, and joins neighbours
// that were asked for equally often.
func (y *numbers) put(i int, by ...hole) {
	by = slices.DeleteFunc(by, func(g hole) bool { return g.size() < 1 })
	y.Gaps = slices.Replace(y.Gaps, i, i+1, by...)
	for j := max(i-1, 0); j+1 < len(y.Gaps) && j <= i+len(by); {
		a, b := y.Gaps[j], y.Gaps[j+1]
		joined := b.To - a.From + 1
		if a.To+1 != b.From || a.Tries != b.Tries || a.Tries == 0 || joined > gapShort && !a.never() {
			j++
			continue
		}
		if a.Next.Before(b.Next) {
			a.Next = b.Next
		}
		a.To = b.To
		y.Gaps[j] = a
		y.Gaps = slices.Delete(y.Gaps, j+1, j+2)
	}
}

// due is the number to ask for now, the newest gap first: that is where the news is.
func (y *numbers) due(now time.Time) (n int, ok bool) {
	for _, g := range slices.Backward(y.Gaps) {
		if !g.never() && !g.Next.After(now) {
			return g.pick(), true
		}
	}
	return 0, false
}

// seen, missing and never count the numbers from First to Last.
func (y *numbers) seen() int {
	n := y.Last - y.First + 1
	for _, g := range y.Gaps {
		n -= g.size()
	}
	return n
}

func (y *numbers) missing() (asking, never int) {
	for _, g := range y.Gaps {
		if g.never() {
			never += g.size()
		} else {
			asking += g.size()
		}
	}
	return asking, never
}
