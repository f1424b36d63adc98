package store

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Rhythm is what is usual for a source, learned from its complete visits: how
// much it lists, and how often it has news.
type Rhythm struct {
	// Usual is how much of each a complete visit of a whole list shows, smoothed:
	// by kind of item, and under the names below.
	Usual   map[string]float64 `json:"usual,omitempty"`
	Learned time.Time          `json:"learned,omitzero"` // last
	Lessons int                `json:"lessons,omitempty"`
	// Changed is when a visit last brought news, Every how many days usually lie
	// between two such visits, and News how many there were.
	Changed time.Time `json:"changed,omitzero"`
	Every   float64   `json:"every,omitempty"`
	News    int       `json:"news,omitempty"`
	// Days is what each of the last days brought, of a feed.
	Days []DayCount `json:"days,omitempty"`
	// Replaced is when most of a list was last taken over anew, and Replacing
	// what that did, in words; kept for a week, for the operator to look.
	Replaced  time.Time `json:"replaced,omitzero"`
	Replacing string    `json:"replacing,omitempty"`
}

// A DayCount is how much one day brought. Day is a date in London.
type DayCount struct {
	Day string `json:"day"`
	N   int    `json:"n"`
}

// Names in Rhythm.Usual beside the kinds of item.
const (
	TallyFull      = "full"     // items read with their details
	TallyDocuments = "document" // their documents
)

// A Tally is what one complete visit saw.
type Tally struct {
	At    time.Time
	Day   string // the date in London
	Whole bool
	Seen  map[string]int // of a whole list, by the names of Rhythm.Usual
	News  int            // changes that were not silent
	// Replaced is what the visit did to a list that it mostly replaced, nil
	// where it did not; see Passed.
	Replaced *HeldError
	// Unsteady is the problem that some items keep changing; see Unsteady.
	Unsteady *Problem
}

// How much less than usual is a fault, and from how much on it can be told.
const (
	lessonEvery = 20 * time.Hour // not more is learned from an hourly visit
	lessons     = 3              // before anything is judged
	fewItems    = 10
	// A kind of item that falls below this part of what is usual; documents may
	// come and go with the season, so that it takes more.
	itemsFall, documentsFall = 0.4, 0.125
	// acceptAfter is when a lasting fall is taken for what is usual now.
	acceptAfter = 30 * 24 * time.Hour
	// replacedFor is how long a replaced list is pointed out.
	replacedFor = 7 * 24 * time.Hour

	keptDays   = 42
	dryDays    = 3  // working days in a row
	learnDays  = 10 // working days before them
	fewNotices = 10 // a working day
	dryPart    = 0.3
)

// Heard adds to a health what a complete visit saw: the rhythm goes on, and what
// falls far below it is a problem, though everything could be read. old is the
// health before the visit.
func (h Health) Heard(old Health, t Tally) Health {
	r := h.Rhythm
	r.Usual = maps.Clone(r.Usual)
	var falls []Problem
	if t.Whole {
		falls = r.falls(t)
		since := func(what string) time.Time {
			for _, p := range old.Problems {
				if p.Reason == ReasonShrunk && p.What == what && !p.Since.IsZero() {
					return p.Since
				}
			}
			return t.At
		}
		fallen := map[string]bool{}
		for i, p := range falls {
			falls[i].Since = since(p.What)
			fallen[p.What] = t.At.Sub(falls[i].Since) < acceptAfter
		}
		r.learn(t, fallen)
	} else {
		r.day(t.Day, t.News)
		falls = r.dry(t.Day)
		for i := range falls {
			falls[i].Since = t.At
		}
	}
	if t.News > 0 {
		if days := t.At.Sub(r.Changed).Hours() / 24; !r.Changed.IsZero() && days > 0 {
			r.Every = smooth(r.Every, days, r.News > 1)
		}
		r.Changed = t.At
		r.News++
	}
	if t.Replaced != nil {
		r.Replaced = t.At
		r.Replacing = fmt.Sprintf("%d of %d items were gone and %d altered, twice in a row: it was taken over without a word to readers", t.Replaced.Absent, t.Replaced.Of, t.Replaced.Altered)
	}
	if t.At.Sub(r.Replaced) >= replacedFor {
		r.Replaced, r.Replacing = time.Time{}, ""
	}
	if r.Replacing != "" {
		falls = append(falls, Problem{Reason: ReasonShrunk, What: "the list, which was replaced", Detail: r.Replacing, Since: r.Replaced})
	}
	if t.Unsteady != nil {
		falls = append(falls, *t.Unsteady)
	}
	h.Rhythm = r
	h.Problems = append(h.Problems[:len(h.Problems):len(h.Problems)], falls...)
	return h
}

// falls compares what a whole list shows with what it usually does, kind by
// kind: meetings may be there as ever while their papers are not.
func (r *Rhythm) falls(t Tally) []Problem {
	if r.Lessons < lessons {
		return nil
	}
	var out []Problem
	for _, name := range slices.Sorted(maps.Keys(r.Usual)) {
		usual, n, part := r.Usual[name], float64(t.Seen[name]), itemsFall
		switch name {
		case TallyFull: // how much is read in full is for us to choose
			continue
		case TallyDocuments:
			if part = documentsFall; float64(t.Seen[TallyFull]) < r.Usual[TallyFull]/2 {
				continue // fewer items with details have fewer documents
			}
		}
		if usual >= fewItems && n < part*usual {
			out = append(out, Problem{
				Reason: ReasonShrunk, What: fallWhat(name),
				Detail: fmt.Sprintf("%d where there are usually %.0f, though the page could be read", t.Seen[name], usual),
			})
		}
	}
	return out
}

func fallWhat(name string) string { return name + "s, of which there are far fewer than usual" }

// learn takes a visit into what is usual, apart from what has fallen.
func (r *Rhythm) learn(t Tally, fallen map[string]bool) {
	if age := t.At.Sub(r.Learned); age >= 0 && age < lessonEvery && r.Lessons > 0 {
		return
	}
	if r.Usual == nil {
		r.Usual = map[string]float64{}
	}
	names := maps.Clone(r.Usual)
	for name := range t.Seen {
		names[name] = 0
	}
	for name := range names {
		was, known := r.Usual[name]
		switch down, told := fallen[fallWhat(name)]; {
		case down:
		case told: // it has lasted: this is how it is now
			r.Usual[name] = float64(t.Seen[name])
		default:
			r.Usual[name] = smooth(was, float64(t.Seen[name]), known)
		}
	}
	r.Learned = t.At
	r.Lessons++
}

// smooth follows a value with a tenth of each step.
func smooth(was, now float64, known bool) float64 {
	if !known {
		return now
	}
	return 0.9*was + 0.1*now
}

// day adds to the count of a day.
func (r *Rhythm) day(day string, n int) {
	r.Days = slices.Clone(r.Days)
	if last := len(r.Days) - 1; last >= 0 && r.Days[last].Day >= day {
		r.Days[last].N += n
		return
	}
	r.Days = append(r.Days, DayCount{day, n})
	if len(r.Days) > keptDays {
		r.Days = r.Days[len(r.Days)-keptDays:]
	}
}

// dry tells whether a feed that brings something every working day has brought
// next to nothing on the last ones. Three in a row: bank holidays come in twos.
func (r *Rhythm) dry(today string) []Problem {
	var days []int
	for _, d := range r.Days {
		t, err := time.Parse(time.DateOnly, d.Day)
		if err == nil && d.Day < today && t.Weekday() != time.Saturday && t.Weekday() != time.Sunday {
			days = append(days, d.N)
		}
	}
	if len(days) < dryDays+learnDays {
		return nil
	}
	before, last := days[:len(days)-dryDays], days[len(days)-dryDays:]
	usual := slices.Clone(before)
	slices.Sort(usual)
	median := usual[len(usual)/2]
	if median < fewNotices || float64(slices.Max(last)) >= dryPart*float64(median) {
		return nil
	}
	return []Problem{{
		Reason: ReasonShrunk, What: "new notices, of which there are far fewer than usual",
		Detail: fmt.Sprintf("no more than %d a day on the last %d working days, where there are usually %d", slices.Max(last), dryDays, median),
	}}
}

// Idle is how long there has been no news: since the last, or of a source that
// never had any, for as many days as it was learned from.
func (r Rhythm) Idle(now time.Time) time.Duration {
	if r.Changed.IsZero() {
		return time.Duration(r.Lessons) * 24 * time.Hour
	}
	return now.Sub(r.Changed)
}

// A Condition is a source's health in a word.
type Condition string

// The conditions.
const (
	Never       Condition = "never"       // not visited yet
	OK          Condition = "ok"          // read completely
	Quiet       Condition = "quiet"       // read, and without news for much longer than usual
	Suspect     Condition = "suspect"     // read, and not believed, or not for long
	Broken      Condition = "broken"      // it shows something that we cannot read
	Blocked     Condition = "blocked"     // it refuses us
	Unreachable Condition = "unreachable" // it does not answer, or with errors of its own

	HeldBack Condition = "held back" // of alerts, not of a source: see OnHold
)

const (
	brokenVisits = 3
	brokenAfter  = 24 * time.Hour
	quietAtLeast = 21 * 24 * time.Hour
	quietTimes   = 4
	quietNews    = 3 // visits with news before a rhythm is one
)

// Condition says how a source is at a time.
func (h Health) Condition(now time.Time) Condition {
	switch {
	case h.LastTry.IsZero():
		return Never
	case !h.FailingSince.IsZero():
		return h.failing(now)
	case slices.ContainsFunc(h.Problems, func(p Problem) bool { return p.Reason == ReasonShrunk || p.Reason == ReasonUnstable }):
		return Suspect
	}
	r := h.Rhythm
	if r.News >= quietNews && now.Sub(r.Changed) > max(quietAtLeast, time.Duration(quietTimes*r.Every*24*float64(time.Hour))) {
		return Quiet
	}
	return OK
}

func (h Health) failing(now time.Time) Condition {
	switch h.Why() {
	case ReasonNetwork, ReasonBusy, ReasonServer, ReasonStalled:
		return Unreachable
	case ReasonRefused, ReasonRobots, ReasonBlocked:
		return Blocked
	}
	if h.Failed >= brokenVisits || now.Sub(h.FailingSince) >= brokenAfter {
		return Broken
	}
	return Suspect
}

// Why is the reason that the last visit failed, "" if it did not.
func (h Health) Why() Reason {
	if h.FailingSince.IsZero() {
		return ""
	}
	for _, p := range slices.Backward(h.Problems) {
		if p.What == theVisit {
			return p.Reason
		}
	}
	return ReasonFormat
}

// keptMonths are a whole year and the month that has begun.
const keptMonths = 13

// Asked adds to what the site had to answer in a month ("2026-08").
func (h Health) Asked(month string, requests int) Health {
	h.Sent = slices.Clone(h.Sent)
	if last := len(h.Sent) - 1; last >= 0 && h.Sent[last].Day >= month {
		h.Sent[last].N += requests
		return h
	}
	h.Sent = append(h.Sent, DayCount{month, requests})
	if len(h.Sent) > keptMonths {
		h.Sent = h.Sent[len(h.Sent)-keptMonths:]
	}
	return h
}
