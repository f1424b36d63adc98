package web

import (
	"math"
	"slices"
	"time"
)

// tallies are what the charts count, kept as notices come, change and go: nothing
// is counted anew for a reader but the procurements that have changed since.
type tallies struct {
	shown     int
	months    map[int]map[*noticed]bool // by monthOf
	contracts int                       // notices of an award or a contract
	signed    [5]int                    // of these with the day of signature, by how long before
	stale     map[string]bool           // procurements that are not counted as they are now
	counted   map[string]inClass        // procurements, as they are counted
	classes   map[string]classSum
}

// inClass is what a procurement adds to the sum of a class.
type inClass struct {
	class  string
	stated bool // a value in pounds
	value  float64
}

// A classSum is exact whatever comes and goes: pounds and millionths of them.
type classSum struct {
	all, stated     int
	pounds, million int64
}

func (s classSum) value() float64 { return float64(s.pounds) + float64(s.million)/1e6 }

func (s *classSum) add(x inClass, sign int) {
	s.all += sign
	if x.stated {
		whole, rest := math.Modf(x.value)
		s.stated += sign
		s.pounds += int64(sign) * int64(whole)
		s.million += int64(sign) * int64(math.Round(rest*1e6))
	}
}

// monthOf numbers the months, in the zone of the date.
func monthOf(t time.Time) int { return 12*t.Year() + int(t.Month()) - 1 }

// replace counts a notice in the place of what it was; nil: it is not shown.
func (t *tallies) replace(was, is *noticed, zone *time.Location) {
	if t.months == nil {
		t.months, t.stale = map[int]map[*noticed]bool{}, map[string]bool{}
		t.counted, t.classes = map[string]inClass{}, map[string]classSum{}
	}
	for _, x := range []struct {
		row  *noticed
		sign int
	}{{was, -1}, {is, 1}} {
		n := x.row
		if n == nil {
			continue
		}
		t.shown += x.sign
		if awarding(n.stage) {
			t.stale[n.thread] = true
		}
		keepIn(t.months, monthOf(n.at.In(zone)), n, x.sign > 0)
		if n.contract() {
			t.contracts += x.sign
			if !n.signed.IsZero() {
				t.signed[n.signedBin()] += x.sign
			}
		}
	}
}

// keepIn puts a notice into a set of many, or takes it out.
func keepIn[K comparable](sets map[K]map[*noticed]bool, key K, n *noticed, in bool) {
	set := sets[key]
	switch {
	case !in:
		if delete(set, n); len(set) == 0 {
			delete(sets, key)
		}
		return
	case set == nil:
		set = map[*noticed]bool{}
		sets[key] = set
	}
	set[n] = true
}

// contract tells whether a notice says that a contract was awarded or made.
func (n *noticed) contract() bool {
	return n.stage == "award" || n.stage == "contract" || n.stage == "confirmation"
}

// signedBin is for how long the contract had been signed when the notice was dated.
func (n *noticed) signedBin() int {
	days := int(math.Round(n.at.Sub(n.signed).Hours()/24 - 0.5))
	return binOf(days, 0, 30, 90, 365)
}

// upTo counts the notices that are dated in a month and not after a moment.
func (t *tallies) upTo(month int, now time.Time) int {
	set := t.months[month]
	if month < monthOf(now) {
		return len(set)
	}
	n := 0
	for x := range set {
		if !x.at.After(now) {
			n++
		}
	}
	return n
}

// settle counts the procurements that have changed, by their notices of awards
// and intentions.
func (t *tallies) settle(threads map[string]map[*noticed]bool) {
	for thread := range t.stale {
		if x, ok := t.counted[thread]; ok {
			t.class(x, -1)
			delete(t.counted, thread)
		}
		for _, n := range awarded(sortedIn(threads[thread])) { // one, or none
			x := inClass{n.class(), pounds(n), n.value}
			t.class(x, 1)
			t.counted[thread] = x
		}
	}
	clear(t.stale)
}

func (t *tallies) class(x inClass, sign int) {
	s := t.classes[x.class]
	if s.add(x, sign); s.all == 0 {
		delete(t.classes, x.class)
		return
	}
	t.classes[x.class] = s
}

// class is what the suppliers of a notice are.
func (n *noticed) class() string {
	class := "none"
	for _, p := range n.suppliers {
		if class == "none" {
			class = p.Class
		} else if class != p.Class {
			class = "several"
		}
	}
	return class
}

// sortedIn are the notices of a set, the newest first.
func sortedIn(set map[*noticed]bool) []*noticed {
	out := make([]*noticed, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	slices.SortFunc(out, (*noticed).inTime)
	return out
}
