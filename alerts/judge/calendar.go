package judge

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A calendar counts working days (not Saturday, Sunday or a bank holiday in
// England and Wales) and reads dates out of prose.
type calendar struct {
	off    map[string]bool
	years  map[int]bool // years whose bank holidays are known
	london *time.Location

	dayMonth *regexp.Regexp // 21st August 2026, 21 Aug
	monthDay *regexp.Regexp // August 21, 2026
	slashed  *regexp.Regexp // 21/08/2026, 21.8.26
	iso      *regexp.Regexp
	clock    *regexp.Regexp // 17:00, 5pm, 5.30 pm, noon, midnight
	months   map[string]time.Month
}

func newCalendar(days []string, london *time.Location) (*calendar, error) {
	const month = `(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`
	c := &calendar{
		off: map[string]bool{}, years: map[int]bool{}, london: london,
		dayMonth: regexp.MustCompile(`(?i)\b(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\s+` + month + `\b\.?(?:,?\s+(\d{4})\b)?`),
		monthDay: regexp.MustCompile(`(?i)\b` + month + `\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b`),
		slashed:  regexp.MustCompile(`\b(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})\b`),
		iso:      regexp.MustCompile(`\b(\d{4})-(\d{2})-(\d{2})\b`),
		clock:    regexp.MustCompile(`(?i)\b(?:(\d{1,2})[:.](\d{2})\s*(am|pm)?|(\d{1,2})\s*(am|pm)|(?:12\s+)?(noon|midday|midnight)|([01]\d|2[0-3])([0-5]\d)\s?(?:hrs|hours|h))\b`),
		months:   map[string]time.Month{},
	}
	for m := time.January; m <= time.December; m++ {
		c.months[strings.ToLower(m.String()[:3])] = m
	}
	for _, d := range days {
		t, err := time.Parse(time.DateOnly, d)
		if err != nil {
			return nil, fmt.Errorf("%q is no date", d)
		}
		c.off[d] = true
		c.years[t.Year()] = true
	}
	return c, nil
}

// working tells whether a day is a working day; it cannot tell for a year
// whose bank holidays are not known.
func (c *calendar) working(day time.Time) (yes, known bool) {
	if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return false, true
	}
	return !c.off[day.Format(time.DateOnly)], c.years[day.Year()]
}

// known is the last day up to which working days can be counted: the end of the
// last year whose bank holidays are known. Zero when none is.
func (c *calendar) known() time.Time {
	last := 0
	for y := range c.years {
		last = max(last, y)
	}
	if last == 0 {
		return time.Time{}
	}
	return time.Date(last, time.December, 31, 23, 59, 59, 0, c.london)
}

// workingDay returns the end (23:59:59 in London) of the nth working day after
// the given day, or of the nth beginning with it.
func (c *calendar) workingDay(day time.Time, n int, including bool) (time.Time, bool) {
	y, m, d := day.In(c.london).Date()
	at := time.Date(y, m, d, 23, 59, 59, 0, c.london)
	if including {
		at = at.AddDate(0, 0, -1)
	}
	for n > 0 {
		at = at.AddDate(0, 0, 1)
		yes, known := c.working(at)
		if !known {
			return time.Time{}, false
		}
		if yes {
			n--
		}
	}
	return at, true
}

// psrStandstill is the end of the time for representations under reg. 12 of
// the Health Care Services (Provider Selection Regime) Regulations 2023: the
// standstill begins the day after publication and lasts until midnight at the
// end of the eighth working day after the day it begins.
func (c *calendar) psrStandstill(published time.Time) (time.Time, bool) {
	return c.workingDay(published.In(c.london).AddDate(0, 0, 1), 8, false)
}

// psrWalesStandstill is the same under the Welsh regulations of 2025, where
// the standstill begins on the day of publication.
func (c *calendar) psrWalesStandstill(published time.Time) (time.Time, bool) {
	return c.workingDay(published, 8, false)
}

// actStandstill is the end of the mandatory standstill of the Procurement Act
// 2023, s. 51: eight working days beginning with the day of publication.
func (c *calendar) actStandstill(published time.Time) (time.Time, bool) {
	return c.workingDay(published, 8, true)
}

// A dated is a date found in a text, with the bytes it stands at. Without a
// time of day it is the end of the day.
type dated struct {
	at       time.Time
	from, to int
}

// dates finds the dates in a sentence. A date without a year is the first such
// date on or after the day of ref.
func (c *calendar) dates(text string, ref time.Time) []dated {
	var out []dated
	add := func(m []int, year, month, day string) {
		if t, ok := c.day(year, month, day, ref); ok {
			out = append(out, dated{c.withClock(text, m[0], m[1], t), m[0], m[1]})
		}
	}
	part := func(m []int, i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return text[m[2*i]:m[2*i+1]]
	}
	taken := func(m []int) bool {
		for _, d := range out {
			if m[0] < d.to && d.from < m[1] {
				return true
			}
		}
		return false
	}
	for _, m := range c.dayMonth.FindAllStringSubmatchIndex(text, -1) {
		add(m, part(m, 3), part(m, 2), part(m, 1))
	}
	for _, m := range c.monthDay.FindAllStringSubmatchIndex(text, -1) {
		if !taken(m) {
			add(m, part(m, 3), part(m, 1), part(m, 2))
		}
	}
	for _, m := range c.slashed.FindAllStringSubmatchIndex(text, -1) {
		if !taken(m) {
			add(m, part(m, 3), part(m, 2), part(m, 1))
		}
	}
	for _, m := range c.iso.FindAllStringSubmatchIndex(text, -1) {
		if !taken(m) {
			add(m, part(m, 1), part(m, 2), part(m, 3))
		}
	}
	return out
}

func (c *calendar) day(year, month, day string, ref time.Time) (time.Time, bool) {
	d, _ := strconv.Atoi(day)
	m := time.Month(0)
	if n, err := strconv.Atoi(month); err == nil {
		m = time.Month(n)
	} else if len(month) >= 3 {
		m = c.months[strings.ToLower(month[:3])]
	}
	y, err := strconv.Atoi(year)
	if err != nil {
		if ref.IsZero() {
			return time.Time{}, false
		}
		y = ref.In(c.london).Year()
		if t := time.Date(y, m, d, 23, 59, 59, 0, c.london); t.Before(ref) {
			y++
		}
	}
	if y < 100 {
		y += 2000
	}
	t := time.Date(y, m, d, 23, 59, 59, 0, c.london)
	return t, m >= 1 && m <= 12 && t.Day() == d && y >= 2000 && y < 2100
}

// withClock sets the time of day that stands beside a date: "12 noon on 21
// August", "21 August at 5pm". Midnight is the end of the day named.
func (c *calendar) withClock(text string, from, to int, day time.Time) time.Time {
	set := func(m []string) time.Time {
		h, minute := 0, 0
		switch {
		case strings.EqualFold(m[6], "midnight"):
			return day
		case m[6] != "":
			h = 12
		case m[7] != "":
			h, _ = strconv.Atoi(m[7])
			minute, _ = strconv.Atoi(m[8])
		case m[4] != "":
			h, _ = strconv.Atoi(m[4])
			h = twelve(h, m[5])
		default:
			h, _ = strconv.Atoi(m[1])
			minute, _ = strconv.Atoi(m[2])
			h = twelve(h, m[3])
		}
		if h > 23 || minute > 59 {
			return day
		}
		return time.Date(day.Year(), day.Month(), day.Day(), h, minute, 0, 0, c.london)
	}
	after := text[to:min(len(text), to+24)]
	if loc := c.clock.FindStringSubmatchIndex(after); loc != nil && linking(after[:loc[0]]) {
		return set(c.clock.FindStringSubmatch(after))
	}
	before := text[max(0, from-34):from]
	all := c.clock.FindAllStringSubmatchIndex(before, -1)
	if len(all) > 0 {
		if loc := all[len(all)-1]; linking(before[loc[1]:]) {
			return set(c.clock.FindStringSubmatch(before[loc[0]:]))
		}
	}
	return day
}

// linking tells whether the words between a date and a time join them.
func linking(between string) bool {
	for w := range strings.FieldsFuncSeq(strings.ToLower(between), func(r rune) bool { return strings.ContainsRune(" ,;():@-–", r) }) {
		if !strings.Contains(" at by on of the time hours hrs gmt bst before and no later than mon monday tue tuesday wed wednesday thu thursday fri friday sat saturday sun sunday noon ", " "+w+" ") {
			return false
		}
	}
	return true
}

func twelve(h int, half string) int {
	switch {
	case strings.EqualFold(half, "pm") && h < 12:
		return h + 12
	case strings.EqualFold(half, "am") && h == 12:
		return 0
	}
	return h
}
