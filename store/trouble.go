package store

import (
	"cmp"
	"slices"
	"time"
)

// A Trouble is a source that the operator is to be told of. Source is "" for
// trouble of our own: the line of this machine. Of alerts that were held back
// (the condition HeldBack) it is the name of a job, and Count says how many.
type Trouble struct {
	Count     int
	Source    string
	Condition Condition
	Since     time.Time
	Reason    Reason
	Detail    string
}

const (
	tellVisits   = 3
	tellAfter    = 24 * time.Hour
	tellAgain    = 7 * 24 * time.Hour
	tellAtMost   = 24 * time.Hour
	oursTogether = 3 * time.Hour // visits that belong to one outage
)

// Ours tells whether it is this machine that has no network: every site that was
// visited lately failed for want of one, and there are at least two. Sources
// that share a site count as one; site names it.
func Ours(all []Health, site func(source string) string) bool {
	var newest time.Time
	for _, h := range all {
		if h.LastTry.After(newest) {
			newest = h.LastTry
		}
	}
	sites := map[string]bool{}
	for _, h := range all {
		if h.LastTry.IsZero() || newest.Sub(h.LastTry) > oursTogether {
			continue
		}
		if h.Why() != ReasonNetwork {
			return false
		}
		sites[site(h.Source)] = true
	}
	return len(sites) > 1
}

// Troubles are what the operator should know: sources that failed three visits
// in a row, or for a day, or whose list was replaced. Outages that are ours are
// one trouble.
func Troubles(all []Health, ours bool, now time.Time) []Trouble {
	var out []Trouble
	own := Trouble{Condition: Unreachable, Reason: ReasonNetwork}
	for _, h := range all {
		c := h.Condition(now)
		if c == OK || c == Quiet || c == Never {
			continue
		}
		t := Trouble{Source: h.Source, Condition: c, Since: h.FailingSince, Reason: h.Why()}
		p := h.worst()
		t.Detail = p.Detail
		if t.Since.IsZero() {
			t.Since, t.Reason = p.Since, p.Reason
		}
		if now.Sub(t.Since) < tellAfter && (h.FailingSince.IsZero() || h.Failed < tellVisits) && h.Rhythm.Replacing == "" {
			continue
		}
		if ours && t.Reason == ReasonNetwork {
			if own.Since.IsZero() || t.Since.Before(own.Since) {
				own.Since = t.Since
			}
			continue
		}
		out = append(out, t)
	}
	if !own.Since.IsZero() {
		out = append(out, own)
	}
	slices.SortFunc(out, func(x, y Trouble) int { return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Source, y.Source)) })
	return out
}

// worst is the problem that decides the condition.
func (h Health) worst() Problem {
	for _, p := range slices.Backward(h.Problems) {
		if h.FailingSince.IsZero() && (p.Reason == ReasonShrunk || p.Reason == ReasonUnstable) || !h.FailingSince.IsZero() && p.What == theVisit {
			return p
		}
	}
	return Problem{}
}

// Tell decides whether the operator is written to now, and returns what of: nil
// is no message. told is when each source was last told of, last when the last
// message was sent. One message a day tells of everything; what was told of is
// reason for another only a week later.
func Tell(troubles []Trouble, told map[string]time.Time, last, now time.Time) []Trouble {
	if age := now.Sub(last); age >= 0 && age < tellAtMost {
		return nil
	}
	for _, t := range troubles {
		if at := told[t.Source]; at.Before(t.Since) || now.Sub(at) >= tellAgain || at.After(now) {
			return troubles
		}
	}
	return nil
}
