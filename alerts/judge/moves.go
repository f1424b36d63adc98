package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// Kinds of store.Move.
const (
	moveStage    = "stage"
	moveDeadline = "deadline"
	moveValue    = "value"
	moveSupplier = "supplier"
	moveLate     = "late"
)

// A state is what is known of a procurement after some of its notices.
type state struct {
	stage     string
	stageStep *Step
	deadlines map[string]*Step // by process and kind: the last step that gave one
	worth     map[string]*Step // by process, kind and suppliers
	named     map[string]*Step // by process: suppliers, by name and by number
	names     map[string][]string
	last      *Step // the last step with a deadline
}

// take adds a step and returns what it changed, in the order stage, deadline,
// value, supplier, late.
func (st *state) take(j *Judge, s *Step) []store.Move {
	if st.deadlines == nil {
		st.deadlines, st.worth, st.named, st.names = map[string]*Step{}, map[string]*Step{}, map[string]*Step{}, map[string][]string{}
	}
	var out []store.Move
	for _, m := range []*store.Move{st.takeStage(s), st.takeDeadline(j, s), st.takeWorth(s)} {
		if m != nil {
			out = append(out, *m)
		}
	}
	out = append(out, st.takeSuppliers(s)...)
	if m := j.late(s); m != nil {
		out = append(out, *m)
	}
	return out
}

// progress orders the stages; what does not move a procurement has none.
func progress(stage string) int {
	switch stage {
	case stagePipeline:
		return 1
	case stageEngagement:
		return 2
	case stagePlanned:
		return 3
	case stageTender:
		return 4
	case stageIntention:
		return 5
	case stageAward:
		return 6
	case stageConfirmation, stageContract:
		return 7
	case stageModification:
		return 8
	case stageTermination:
		return 9
	case stageCancelled:
		return 10
	}
	return 0
}

// takeStage: a correction of a tender leaves it a tender, a report on a contract
// leaves it a contract, and the award of a second lot does not take the
// procurement back from the contract of the first. A tender after an award or a
// cancellation begins again.
func (st *state) takeStage(s *Step) *store.Move {
	was, now := st.stage, s.Stage
	if now == stageTenderUpdate && progress(was) > 0 {
		if progress(was) >= progress(stageTender) {
			return nil
		}
		now = stageTender
	}
	switch {
	case was == "" || progress(was) == 0 && progress(now) > 0: // a correction of what we never saw says nothing of where it stood
		st.stage, st.stageStep = now, s
		return nil
	case progress(now) == 0 || now == was:
		return nil
	case was == stageCancelled, was == stageTermination, progress(now) > progress(was):
	case progress(was) >= progress(stageAward) && progress(now) <= progress(stageTender):
	default:
		return nil
	}
	since := st.stageStep
	st.stage, st.stageStep = now, s
	return &store.Move{Kind: moveStage, Was: was, Now: now, Since: since.Release,
		Words: fmt.Sprintf("Stage: %s; the notice of %s said %s.", stageName(now), dayName(since.At), stageName(was))}
}

// stageName is a stage in words that claim no more than a notice does.
func stageName(stage string) string {
	switch stage {
	case stagePipeline:
		return "planned for later"
	case stageEngagement:
		return "early engagement"
	case stagePlanned:
		return "planned procurement"
	case stageTender:
		return "tender"
	case stageTenderUpdate:
		return "change to a tender"
	case stageIntention:
		return "intention to award"
	case stageAward:
		return "award notice"
	case stageContract:
		return "contract details"
	case stageConfirmation:
		return "confirmation of an award"
	case stageModification:
		return "change to a contract"
	case stagePerformance:
		return "report on a contract's performance"
	case stageTermination:
		return "end of a contract"
	case stageCancelled:
		return "cancelled"
	}
	return "unclear"
}

func dayName(t time.Time) string { return t.Format("2 January 2006") }

// dateName is a day, with the time of day where one is meant.
func (j *Judge) dateName(t time.Time) string {
	l := t.In(j.london)
	if h, m, _ := l.Clock(); h == 23 && m == 59 || h == 0 && m == 0 {
		return l.Format("Monday 2 January 2006")
	}
	return l.Format("Monday 2 January 2006, 15:04")
}

func deadlineName(kind string) string {
	switch kind {
	case "tender":
		return "The closing date for tenders"
	case "interest":
		return "The date by which interest must be shown"
	case "engagement":
		return "The closing date of the engagement"
	case "standstill":
		return "The end of the standstill"
	case "representations":
		return "The last day for representations"
	}
	return "The date"
}

// takeDeadline compares what is stated, never what is computed, with the last
// statement of the same kind in the same process. A date without a time of day
// is the same as any time of it.
func (st *state) takeDeadline(j *Judge, s *Step) *store.Move {
	if s.Deadline != nil && s.Deadline.Stated != "" && !realDay(s.Deadline.Stated) {
		s.Deadline = nil // what systems print where they have none
	}
	if s.Deadline == nil || s.Deadline.Date().IsZero() {
		if at, where := j.amendedDeadline(s); !at.IsZero() && (s.Stage == stageTenderUpdate || s.Stage == stageTender) {
			s.Deadline = &store.Deadline{Stated: j.stamp(at), Kind: "tender", Who: whoTender}
			s.Evidence = append(s.Evidence, Evidence{Rule: "deadline: amendment", Quote: j.stamp(at), Where: where})
		} else {
			return nil
		}
	}
	d := s.Deadline
	st.last = s
	if d.Stated == "" {
		return nil
	}
	key := s.OCID + " " + d.Kind
	before := st.deadlines[key]
	st.deadlines[key] = s
	if before == nil || progress(s.Stage) < progress(before.Stage) && s.Stage != stageTenderUpdate {
		return nil
	}
	return j.deadlineMove(before.Deadline, d, before.Release)
}

func (j *Judge) deadlineMove(was, now *store.Deadline, since string) *store.Move {
	a, err1 := time.Parse(time.RFC3339, was.Stated)
	b, err2 := time.Parse(time.RFC3339, now.Stated)
	if err1 != nil || err2 != nil || a.Equal(b) || !realDay(was.Stated) || !realDay(now.Stated) {
		return nil
	}
	if j.wholeDay(a) || j.wholeDay(b) {
		if a.In(j.london).Format(time.DateOnly) == b.In(j.london).Format(time.DateOnly) {
			return nil
		}
	}
	how := "extended"
	if b.Before(a) {
		how = "brought forward"
	}
	return &store.Move{Kind: moveDeadline, Was: was.Stated, Now: now.Stated, Since: since,
		Words: fmt.Sprintf("%s was %s: it is now %s; it was %s.", deadlineName(now.Kind), how, j.dateName(b), j.dateName(a))}
}

func (j *Judge) wholeDay(t time.Time) bool {
	h, m, _ := t.In(j.london).Clock()
	return h == 23 && m == 59 || h == 0 && m == 0
}

// amendedDeadline reads the new closing date of a corrigendum to an old form:
// section IV.2.2 is the time limit for receipt of tenders.
func (j *Judge) amendedDeadline(s *Step) (time.Time, string) {
	for _, a := range s.item.Notice.Amendments {
		if !strings.HasPrefix(a.Where, "IV.2.2") {
			continue
		}
		if at := j.printed(strings.TrimSpace(a.New)); !at.IsZero() && realDay(j.stamp(at)) {
			return at, "tender.amendments " + a.Where
		}
		if all := j.dates.dates(a.New, s.At); len(all) > 0 {
			return all[len(all)-1].at, "tender.amendments " + a.Where
		}
	}
	return time.Time{}, ""
}

// open is the deadline of the stage a thread stands at.
func (st *state) open(t *Thread) *store.Deadline {
	if st.last == nil {
		return nil
	}
	kinds := map[string][]string{
		stageEngagement: {"engagement"}, stagePlanned: {"tender", "interest"}, stageTender: {"tender", "interest"}, stageTenderUpdate: {"tender", "interest"},
		stageIntention: {"representations"}, stageAward: {"standstill"},
	}
	if slices.Contains(kinds[t.Stage], st.last.Deadline.Kind) {
		return st.last.Deadline
	}
	return nil
}

// takeSuppliers notes a supplier whom no earlier notice of the process names,
// where earlier ones named others: in a correction, or in a notice of a later
// stage. At the same stage it is the award of another lot.
func (st *state) takeSuppliers(s *Step) []store.Move {
	var out []store.Move
	for _, a := range s.item.Notice.Amendments {
		if a.Where == "suppliers added" || a.Where == "suppliers removed" {
			out = append(out, store.Move{Kind: moveSupplier, Was: a.Old, Now: a.New,
				Words: fmt.Sprintf("Suppliers %s: %s.", strings.TrimPrefix(a.Where, "suppliers "), shorten(strings.Split(a.Old+a.New, "; ")))})
		}
	}
	switch s.Stage {
	case stageIntention, stageAward, stageConfirmation, stageContract, stageModification:
	default:
		return out
	}
	var fresh, now []string
	var since *Step
	ids := map[string]string{}
	for _, p := range s.item.Notice.Suppliers {
		scheme, number := registered(p)
		ids[p.Name] = scheme + number
	}
	for _, p := range s.Suppliers {
		now = append(now, p.Name)
		known := st.named[s.OCID+" "+firmName(p.Name)] != nil || ids[p.Name] != "" && st.named[s.OCID+" "+ids[p.Name]] != nil
		if !known {
			fresh = append(fresh, p.Name)
		}
	}
	before := st.names[s.OCID]
	for _, name := range before {
		since = st.named[s.OCID+" "+firmName(name)]
	}
	if len(fresh) > 0 && len(before) > 0 && since != nil && (s.item.Notice.Updates() || progress(s.Stage) > progress(since.Stage)) && len(out) == 0 {
		out = append(out, store.Move{Kind: moveSupplier, Was: strings.Join(before, "; "), Now: strings.Join(now, "; "), Since: since.Release,
			Words: fmt.Sprintf("Supplier: the notice names %s, whom no earlier notice of this procurement names; earlier ones name %s.", shorten(fresh), shorten(before))})
	}
	st.names[s.OCID] = append(st.names[s.OCID], fresh...)
	for _, p := range s.Suppliers {
		st.named[s.OCID+" "+firmName(p.Name)] = s
		if ids[p.Name] != "" {
			st.named[s.OCID+" "+ids[p.Name]] = s
		}
	}
	return out
}

// shorten lists at most four names.
func shorten(names []string) string {
	if n := len(names); n > 4 {
		return strings.Join(names[:4], ", ") + fmt.Sprintf(" and %d more", n-4)
	}
	return strings.Join(names, ", ")
}

// lateAfter is after how many days from its stated signature the publication of
// a contract is remarked on. Contract details notices are due within 30 days, of
// light-touch contracts within 120 (Find a Tender, "Notice types and
// sequences"); for other notices no limit is claimed.
const (
	lateAfter      = 30
	lateLightTouch = 120
	lateOther      = 60
	lateMost       = 5 * 365 // beyond that a slip of the pen is likelier
)

// late notes a contract that was published long after the signature that the
// notice states. Intentions have that field filled with no signature meant.
func (j *Judge) late(s *Step) *store.Move {
	n := s.item.Notice
	if s.Stage != stageContract && s.Stage != stageConfirmation && s.Stage != stageAward || n.Updates() || n.NoticeType == "UK6" {
		return nil
	}
	signed := j.printed(n.Signed)
	if signed.IsZero() || s.At.IsZero() {
		return nil
	}
	days := j.daysBetween(signed, s.At)
	limit, rule := lateOther, ""
	if n.NoticeType == "UK7" {
		limit, rule = lateAfter, " Contract details notices of contracts above the threshold are due within 30 days of signature."
		if strings.Contains(n.SpecialRegime, "lightTouch") {
			limit, rule = lateLightTouch, " Contract details notices of light-touch contracts are due within 120 days of signature."
		}
	}
	if days <= limit || days > lateMost {
		return nil
	}
	return &store.Move{Kind: moveLate, Was: n.Signed, Now: j.stamp(s.At),
		Words: fmt.Sprintf("Published %d days after the date of signature that the notice states, %s.%s", days, dayName(signed.In(j.london)), rule)}
}

// daysBetween counts calendar days in London.
func (j *Judge) daysBetween(from, to time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(j.london).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(to).Sub(day(from)).Hours() / 24)
}
