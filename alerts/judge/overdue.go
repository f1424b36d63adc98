package judge

import (
	"fmt"
	"time"

	"ccgwatch/store"
)

// How many days a step may wait for the notice that should follow it before
// that is remarked on. None of these is a limit of the law: they are when a
// reader would ask.
const (
	waitIntention  = 60  // an intention without confirmation
	waitAward      = 60  // UK6 without UK7: the contract details are due 30 days after signature
	waitLightTouch = 150 // the same where they are due 120 days after it
	waitTender     = 90  // a tender past its deadline without outcome
)

// Reminders are sent so many working days before a deadline.
func reminders() []int { return []int{1, 5} }

// An Overdue is a step that waits for a notice which has not come.
type Overdue struct {
	Kind  string    `json:"kind"` // intention, award, tender
	Since time.Time `json:"since"`
	Days  int       `json:"days"` // since the notice, or since the deadline of a tender
	Words string    `json:"words"`
	Step  *Step     `json:"-"`
}

// Overdue lists the steps of a thread that were overdue at now.
func (j *Judge) Overdue(t *Thread, now time.Time) []Overdue {
	if t.Stage == stageCancelled || t.Stage == stageTermination {
		return nil
	}
	var out []Overdue
	for i := range t.Steps {
		s := &t.Steps[i]
		if !s.Withdrawn.IsZero() || s.At.After(now) {
			continue
		}
		kind, from, wait := s.waits(j)
		if kind == "" || from.IsZero() || answered(t, i, kind) {
			continue
		}
		since := from.AddDate(0, 0, wait)
		if now.Before(since) {
			continue
		}
		// The last notice of a kind in a process stands for all of them.
		if n := len(out); n > 0 && out[n-1].Kind == kind && out[n-1].Step.OCID == s.OCID {
			out = out[:n-1]
		}
		days := j.daysBetween(from, now)
		out = append(out, Overdue{Kind: kind, Since: since, Days: days, Step: s, Words: overdueWords(kind, from.In(j.london), days)})
	}
	return out
}

// waits tells what a step waits for, and since when.
func (s *Step) waits(j *Judge) (kind string, from time.Time, days int) {
	switch s.Stage {
	case stageIntention:
		return "intention", s.At, waitIntention
	case stageAward:
		if s.Type != "UK6" {
			return "", time.Time{}, 0 // on the old forms nothing need follow
		}
		if s.lightTouch() {
			return "award", s.At, waitLightTouch
		}
		return "award", s.At, waitAward
	case stageTender, stageTenderUpdate:
		if d := s.Deadline; d != nil && d.Kind == "tender" && realDay(d.Stated) {
			return "tender", d.Date(), waitTender
		}
	}
	return "", time.Time{}, 0
}

func (s *Step) lightTouch() bool {
	return s.reading != nil && s.item.Notice.SpecialRegime != ""
}

// answered tells whether a later notice of the thread is what step i waits for.
func answered(t *Thread, i int, kind string) bool {
	for _, s := range t.Steps[i+1:] {
		switch s.Stage {
		case stageAward, stageConfirmation, stageContract, stageModification, stageTermination, stageCancelled:
			if kind != "award" || s.Stage != stageAward {
				return true
			}
		case stageIntention:
			if kind == "tender" {
				return true
			}
		case stageTender, stageTenderUpdate:
			if kind == "tender" && s.Deadline != nil { // its own date counts then
				return true
			}
		}
	}
	return false
}

func overdueWords(kind string, from time.Time, days int) string {
	switch kind {
	case "intention":
		return fmt.Sprintf("%d days after the intention to award of %s we have seen no notice that confirms or abandons it.", days, dayName(from))
	case "award":
		return fmt.Sprintf("%d days after the award notice of %s we have seen no notice with the details of a contract.", days, dayName(from))
	}
	return fmt.Sprintf("%d days after tenders closed on %s we have seen no notice of an award or of an end without one.", days, dayName(from))
}

// Falls lists what falls due for a thread by now, each as an entry of the log:
// a reminder of a deadline 5 and 1 working days before it, and a step that has
// become overdue. The tightest reminder alone is given: who learns late gets no
// second one at once.
func (j *Judge) Falls(t *Thread, now time.Time) []store.Change {
	var out []store.Change
	entry := func(s *Step, d store.Due) {
		out = append(out, store.Change{
			At: now, Source: s.Source, Key: s.Key, Kind: store.KindNotice, Op: store.OpDue, What: []store.What{}, Title: t.Title, URL: s.URL, Due: &d,
		})
	}
	if s, at := j.closing(t); s != nil && at.After(now) {
		for _, n := range reminders() {
			if from := j.dates.before(at, n); !now.Before(from) {
				d := s.Deadline
				entry(s, store.Due{Key: fmt.Sprintf("reminder %s %s %s %d", s.OCID, d.Kind, j.stamp(at), n), Kind: store.DueReminder, Step: d.Kind,
					Days: n, On: at, Words: fmt.Sprintf("%s is %s%s.", deadlineName(d.Kind), j.dateName(at), j.left(now, at))})
				break
			}
		}
	}
	for _, o := range j.Overdue(t, now) {
		entry(o.Step, store.Due{Key: fmt.Sprintf("overdue %s %s %s", o.Step.OCID, o.Kind, o.Step.Release), Kind: store.DueOverdue, Step: o.Kind,
			Days: o.Days, On: o.Since, Words: o.Words})
	}
	return out
}

// closing is the step whose deadline a thread waits for, and when that is. Where
// the notice and the rule differ, the earlier date is the safe one.
func (j *Judge) closing(t *Thread) (*Step, time.Time) {
	if t.Deadline == nil {
		return nil, time.Time{}
	}
	for i := len(t.Steps) - 1; i >= 0; i-- {
		s := &t.Steps[i]
		if s.Deadline != t.Deadline || !s.Withdrawn.IsZero() {
			continue
		}
		at := s.Deadline.Date()
		if c, err := time.Parse(time.RFC3339, s.Deadline.Computed); err == nil && c.Before(at) {
			at = c
		}
		if !realDay(at.Format(time.DateOnly)) {
			return nil, time.Time{}
		}
		return s, at
	}
	return nil, time.Time{}
}

// Reminded is when the reminder n working days before a date is due.
func (j *Judge) Reminded(at time.Time, n int) time.Time { return j.dates.before(at, n) }

// left counts what is left to act, in words.
func (j *Judge) left(now, at time.Time) string {
	days := 0
	for d := now.In(j.london); d.Format(time.DateOnly) < at.In(j.london).Format(time.DateOnly) && days < 20; {
		d = d.AddDate(0, 0, 1)
		yes, known := j.dates.working(d)
		if !known {
			return ""
		}
		if yes {
			days++
		}
	}
	switch days {
	case 0:
		return ""
	case 1:
		return ", 1 working day from now"
	}
	return fmt.Sprintf(", %d working days from now", days)
}

// before is the beginning of the nth working day before the day of at. In a
// year whose bank holidays are not known every weekday counts as one.
func (c *calendar) before(at time.Time, n int) time.Time {
	y, m, d := at.In(c.london).Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, c.london)
	for n > 0 {
		day = day.AddDate(0, 0, -1)
		if yes, _ := c.working(day); yes {
			n--
		}
	}
	return day
}
