package config

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// London is the zone of the wall clock that sources, schedules and readers go by:
// one and the same, however often it is asked for. A time holds on to its zone, so
// whatever remembers times would otherwise remember a table of four kilobytes with
// each, and each would be read from a file.
func London() *time.Location { return london() }

//nolint:gochecknoglobals // a constant that has to be read; nobody alters it
var london = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err) // the zone is embedded in the program
	}
	return zone
})

// A Schedule is a cron line of five fields (minute, hour, day of the month,
// month, day of the week) on the wall clock of Europe/London. The nights of
// the clock change are settled here, because the cron library skips what falls
// into the missing hour of March and repeats what falls into the double hour
// of October: a time of the missing hour comes as soon as the hour is over, a
// time of the double hour comes in its first pass. A schedule for every hour
// of the day runs evenly through both instead.
type Schedule struct {
	text string
	spec *cron.SpecSchedule
	zone *time.Location
}

// ParseSchedule reads a schedule and refuses one that never fires.
func ParseSchedule(text string) (Schedule, error) {
	const expected = `five fields such as "5 7,12,17 * * *" (minute, hour, day of the month, month, day of the week)`
	fields := strings.Fields(text)
	fail := func(why string) (Schedule, error) {
		return Schedule{}, fmt.Errorf("%s %s; expected %s", clip(text), why, expected)
	}
	switch {
	case strings.HasPrefix(text, "@"), strings.Contains(text, "TZ="):
		return fail("is not understood")
	case len(fields) != 5:
		return fail("has " + strconv.Itoa(len(fields)) + " fields")
	}
	parsed, err := cron.ParseStandard(strings.Join(fields, " "))
	if err != nil {
		return fail("is wrong: " + err.Error())
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return fail("is not understood")
	}
	s := Schedule{text: strings.Join(fields, " "), spec: spec, zone: London()}
	// A leap year is the longest that a date can be waited for.
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fail("never comes, as no month has that day")
	}
	return s, nil
}

// String is the cron line.
func (s Schedule) String() string { return s.text }

// MarshalText writes what UnmarshalText reads.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// UnmarshalText reads a cron line.
func (s *Schedule) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSchedule(string(b))
	return err
}

// Next is the first time later than after, in London's zone. It is zero for
// the zero Schedule, and where the next time is more than five years away (a
// leap day around 2100).
func (s Schedule) Next(after time.Time) time.Time {
	if s.spec == nil {
		return time.Time{}
	}
	// The library walks the wall clock as if it were UTC, where no hour is
	// missing or double; each reading is then set on London's time. It starts
	// early enough to see the second pass of a double hour.
	local := after.In(s.zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour()-3, local.Minute(), local.Second(), 0, time.UTC)
	var best time.Time
	for {
		wall = s.spec.Next(wall)
		if wall.IsZero() {
			return best
		}
		times := s.instants(wall)
		if !best.IsZero() && (len(times) == 0 || times[0].After(best)) {
			return best
		}
		for _, t := range times {
			if t.After(after) && (best.IsZero() || t.Before(best)) {
				best = t
			}
		}
	}
}

// instants are the moments at which London's clocks show a wall time and the
// schedule counts it: none, one or two, earlier first.
func (s Schedule) instants(wall time.Time) []time.Time {
	always := s.spec.Hour&(1<<24-1) == 1<<24-1
	var found []time.Time
	var before time.Time // the reading by the offset in force the day before
	for i, probe := range []time.Time{wall.AddDate(0, 0, -1), wall.AddDate(0, 0, 1)} {
		_, offset := probe.In(s.zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(s.zone)
		if i == 0 {
			before = t
		}
		_, got := t.Zone()
		if got == offset && (len(found) == 0 || !found[0].Equal(t)) {
			found = append(found, t)
		}
	}
	switch {
	case len(found) == 0 && !always:
		start, _ := before.ZoneBounds()
		return []time.Time{start.In(s.zone)}
	case len(found) == 2 && !always:
		return found[:1]
	}
	return found
}

// Next are the next n times of a schedule after from.
func Next(schedule string, from time.Time, n int) ([]time.Time, error) {
	s, err := ParseSchedule(schedule)
	if err != nil {
		return nil, err
	}
	var all []time.Time
	for range n {
		from = s.Next(from)
		all = append(all, from)
	}
	return all, nil
}

// Describe says a schedule in words, or what is wrong with it.
func Describe(schedule string) string {
	s, err := ParseSchedule(schedule)
	if err != nil {
		return err.Error()
	}
	return s.Words()
}

// Words say when it runs: "every day at 07:05, 12:05 and 17:05".
func (s Schedule) Words() string {
	if s.spec == nil {
		return "never"
	}
	minutes, hours := members(s.spec.Minute, 0, 59), members(s.spec.Hour, 0, 23)
	days := s.days()
	var times string
	step := even(minutes)
	switch {
	case len(hours) == 24 && step == 1:
		times = "every minute"
	case len(hours) == 24 && step > 1:
		times = fmt.Sprintf("every %d minutes", step)
	case len(hours) == 24 && len(minutes) == 1 && minutes[0] == 0:
		times = "every hour, on the hour"
	case len(hours) == 24:
		times = "every hour, at " + and(numbers(minutes)) + " past"
	case len(hours) > 3 && run(hours) && len(minutes) == 1:
		times = fmt.Sprintf("every hour from %s to %s", clock(hours[0], minutes[0]), clock(hours[len(hours)-1], minutes[0]))
	case len(hours) > 1 && run(hours) && step > 0:
		times = fmt.Sprintf("every %d minutes from %s to %s", step, clock(hours[0], minutes[0]), clock(hours[len(hours)-1], minutes[len(minutes)-1]))
	case len(hours)*len(minutes) <= 12:
		var all []string
		for _, h := range hours {
			for _, m := range minutes {
				all = append(all, clock(h, m))
			}
		}
		times = "at " + and(all)
	default:
		var all []string
		for _, h := range hours {
			all = append(all, clock(h, 0))
		}
		times = fmt.Sprintf("at %s minutes past, in the hours from %s", and(numbers(minutes)), and(all))
	}
	if days == "every day" && strings.HasPrefix(times, "every") {
		return times + s.months()
	}
	return days + s.months() + " " + times
}

// days follows cron's rule: a day of the month and a day of the week, where
// both are given, are alternatives.
func (s Schedule) days() string {
	dates, week := members(s.spec.Dom, 1, 31), members(s.spec.Dow, 0, 6)
	onDates, onWeek := len(dates) < 31, len(week) < 7
	var ordinals []string
	for _, d := range dates {
		ordinals = append(ordinals, "the "+ordinal(d))
	}
	var weekdays string
	switch strings.Join(numbers(week), "") {
	case "12345":
		weekdays = "Monday to Friday"
	case "06":
		weekdays = "Saturdays and Sundays"
	default:
		var names []string
		for _, d := range week {
			if d > 0 {
				names = append(names, time.Weekday(d).String()+"s")
			}
		}
		if len(week) > 0 && week[0] == 0 {
			names = append(names, "Sundays")
		}
		weekdays = "on " + and(names)
	}
	starred := s.spec.Dom>>63 == 1 || s.spec.Dow>>63 == 1
	switch {
	case !starred && (!onDates || !onWeek): // "1-31 * 1": one of the alternatives is always true
		return "every day"
	case onDates && onWeek:
		return "on " + and(ordinals) + " of the month and " + weekdays
	case onDates:
		return "on " + and(ordinals) + " of the month"
	case onWeek:
		return weekdays
	}
	return "every day"
}

func (s Schedule) months() string {
	months := members(s.spec.Month, 1, 12)
	if len(months) == 12 {
		return ""
	}
	var names []string
	for _, m := range months {
		names = append(names, time.Month(m).String())
	}
	return " in " + and(names)
}

func members(set uint64, from, to int) []int {
	all := make([]int, 0, bits.OnesCount64(set))
	for i := from; i <= to; i++ {
		if set&(1<<i) != 0 {
			all = append(all, i)
		}
	}
	return all
}

// even is the step of minutes spread evenly over the hour, 0 if they are not.
func even(minutes []int) int {
	if len(minutes) < 2 {
		return 0
	}
	step := minutes[1] - minutes[0]
	for i := 1; i < len(minutes); i++ {
		if minutes[i]-minutes[i-1] != step {
			return 0
		}
	}
	if step*len(minutes) != 60 {
		return 0
	}
	return step
}

// run tells whether each number follows the one before.
func run(n []int) bool { return n[len(n)-1]-n[0] == len(n)-1 }

func clock(hour, minute int) string { return fmt.Sprintf("%02d:%02d", hour, minute) }

func numbers(n []int) []string {
	var all []string
	for _, x := range n {
		all = append(all, strconv.Itoa(x))
	}
	return all
}

func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func ordinal(n int) string {
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
