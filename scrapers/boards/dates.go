package boards

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A date is a day as a page prints it. What contradicts itself is said in
// Doubt and not corrected.
type date struct {
	Year       int // 0: not printed, and not guessed
	Month      time.Month
	Day        int
	Doubt      string
	start, end int // where it stands in the text
}

// String writes the date as far as it is known.
func (d date) String() string {
	switch {
	case d.Day == 0:
		return "a day that does not exist"
	case d.Year == 0:
		return fmt.Sprint(d.Day, " ", d.Month)
	}
	return fmt.Sprint(d.Day, " ", d.Month, " ", d.Year)
}

// full tells whether it names a day of a year that exists.
func (d date) full() bool { return d.Year != 0 && d.Day != 0 }

// same tells whether two dates may be the same day; an unknown year fits any.
func (d date) same(e date) bool {
	return d.Day != 0 && d.Day == e.Day && d.Month == e.Month && (d.Year == e.Year || d.Year == 0 || e.Year == 0)
}

func (d date) at(hour, minute int, loc *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, loc)
}

// A calendar finds dates and times in English text.
type calendar struct {
	words, american, digits, iso, clock, span, noon *regexp.Regexp
}

// newCalendar compiles the forms seen on boards' sites: Thursday 23rd July
// 2026, 23 July 2026, 17-Sep-26, July 23, 2026, 25/01/23, 2026-07-23, and
// Thursday 23 July without a year.
func newCalendar() *calendar {
	const (
		weekday = `(?:\b(mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[,.]?\s+(?:the\s+)?)?`
		month   = `(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?`
		gap     = `[\s\-–/.,]*`
	)
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	return &calendar{
		words:    re(weekday + `\b(\d{1,2})\s*(?:st|nd|rd|th)?(?:\s+of)?` + gap + month + `(?:` + gap + `(\d{4}|\d{2})\b)?`),
		american: re(weekday + `\b` + month + `\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b`),
		digits:   re(weekday + `\b(\d{1,2})(?:/(\d{1,2})/(\d{4}|\d{2})|-(\d{1,2})-(\d{4})|\.(\d{1,2})\.(\d{4}))\b`),
		iso:      re(weekday + `\b(\d{4})-(\d{2})-(\d{2})\b`),
		clock:    re(`\b(\d{1,2})(?:[:.](\d{2}))?\s*([ap])\.?m\b|\b([01]?\d|2[0-3])[:.]([0-5]\d)\b`),
		span:     re(`\b(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|—|to|until)\s*(\d{1,2})(?:[:.]\d{2})?\s*([ap])\.?m\b`),
		noon:     re(`\b(?:12\s+)?(?:noon|mid-?day)\b`),
	}
}

// find returns the dates of a text, in order: the earliest, and of several
// forms that begin at one place the longest. Each form goes through the text once.
func (c *calendar) find(s string) (list []date) {
	forms := []func(string) (date, bool){c.inWords, c.inAmerican, c.inDigits, c.inISO}
	next := make([]date, len(forms))
	for i := range next {
		next[i].start = -1
	}
	for from := 0; ; {
		best := -1
		for i, form := range forms {
			if next[i].start < from { // not looked for yet, or overlaps the last one
				d, ok := form(s[from:])
				if d.start, d.end = d.start+from, d.end+from; !ok {
					d.start = len(s)
				}
				next[i] = d
			}
			if d := next[i]; d.start < len(s) && (best < 0 || d.start < next[best].start || d.start == next[best].start && d.end > next[best].end) {
				best = i
			}
		}
		if best < 0 {
			return list
		}
		list = append(list, next[best])
		from = next[best].end
	}
}

func (c *calendar) inWords(s string) (date, bool) {
	m := c.words.FindStringSubmatchIndex(s)
	if m == nil {
		return date{}, false
	}
	year := group(s, m, 4)
	end := m[1]
	// A two-digit year is joined to its month: 17-Sep-26, not "5 May - 10.30".
	if gap := s[max(0, m[7]):max(0, m[7], m[8])]; len(year) == 2 && (gap == "" || strings.ContainsAny(gap, ", \t")) {
		year, end = "", m[7]
	}
	return build(s, m[0], end, group(s, m, 1), year, group(s, m, 3), group(s, m, 2)), true
}

func (c *calendar) inAmerican(s string) (date, bool) {
	m := c.american.FindStringSubmatchIndex(s)
	if m == nil {
		return date{}, false
	}
	return build(s, m[0], m[1], group(s, m, 1), group(s, m, 4), group(s, m, 2), group(s, m, 3)), true
}

func (c *calendar) inDigits(s string) (date, bool) {
	for from := 0; ; {
		m := c.digits.FindStringSubmatchIndex(s[from:])
		if m == nil {
			return date{}, false
		}
		t := s[from:]
		month := group(t, m, 3) + group(t, m, 5) + group(t, m, 7)
		// Not a month: an American date, a score, part of a reference. Not a date.
		if n, _ := strconv.Atoi(month); n >= 1 && n <= 12 && !strings.HasPrefix(t[m[1]:], "/") && !strings.HasSuffix(t[:m[4]], "/") {
			return build(s, from+m[0], from+m[1], group(t, m, 1), group(t, m, 4)+group(t, m, 6)+group(t, m, 8), month, group(t, m, 2)), true
		}
		from += m[1]
	}
}

func (c *calendar) inISO(s string) (date, bool) {
	m := c.iso.FindStringSubmatchIndex(s)
	if m == nil {
		return date{}, false
	}
	if n, _ := strconv.Atoi(group(s, m, 3)); n < 1 || n > 12 {
		return date{}, false
	}
	return build(s, m[0], m[1], group(s, m, 1), group(s, m, 2), group(s, m, 3), group(s, m, 4)), true
}

func group(s string, m []int, n int) string {
	if m[2*n] < 0 {
		return ""
	}
	return s[m[2*n]:m[2*n+1]]
}

// build checks a date: a day that does not exist is kept as a doubt alone.
func build(s string, start, end int, weekday, year, month, day string) date {
	d := date{Month: monthOf(month), start: start, end: end}
	d.Year, _ = strconv.Atoi(year)
	d.Day, _ = strconv.Atoi(day)
	if len(year) == 2 {
		d.Year += 2000
	}
	printed := strings.TrimSpace(s[start:end])
	leap := d.Year
	if leap == 0 {
		leap = 2000 // has every day there can be
	}
	t := time.Date(leap, d.Month, d.Day, 12, 0, 0, 0, time.UTC)
	switch {
	case t.Day() != d.Day || t.Month() != d.Month:
		d.Day, d.Doubt = 0, fmt.Sprintf("the page says %q, and there is no such day", printed)
	case d.Year == 0:
		d.Doubt = fmt.Sprintf("the page says %q without a year", printed)
	case d.Year < 1990 || d.Year > 2100:
		d.Doubt = fmt.Sprintf("the page says %q: a strange year", printed)
	case weekday != "" && !strings.HasPrefix(strings.ToLower(t.Weekday().String()), strings.ToLower(weekday)[:3]):
		d.Doubt = fmt.Sprintf("the page calls %s a %s; it is a %s", t.Format("2 January 2006"), weekdayOf(weekday), t.Weekday())
	}
	return d
}

func monthOf(s string) time.Month {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Month(n)
	}
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(m.String()[:3], s[:3]) {
			return m
		}
	}
	return 0
}

func weekdayOf(s string) time.Weekday {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String()[:3], s[:3]) {
			return d
		}
	}
	return -1
}

// time finds the first time of day in a text: 3.04pm, 10am, 10.00 - 13.00, 2-4pm, noon.
func (c *calendar) time(s string) (hour, minute int, ok bool) {
	clock, span, noon := c.clock.FindStringSubmatchIndex(s), c.span.FindStringSubmatchIndex(s), c.noon.FindStringIndex(s)
	first := func(m []int, others ...[]int) bool {
		for _, o := range others {
			if m == nil || o != nil && o[0] < m[0] {
				return false
			}
		}
		return m != nil
	}
	switch {
	case first(span, clock, noon):
		hour, _ = strconv.Atoi(group(s, span, 1))
		minute, _ = strconv.Atoi(group(s, span, 2))
		last, _ := strconv.Atoi(group(s, span, 3))
		// 2-4pm begins in the afternoon, 10-1pm in the morning.
		afternoon := strings.EqualFold(group(s, span, 4), "p") == (hour%12 <= last%12)
		return twelve(hour, minute, afternoon)
	case first(clock, noon):
		if group(s, clock, 3) == "" {
			hour, _ = strconv.Atoi(group(s, clock, 4))
			minute, _ = strconv.Atoi(group(s, clock, 5))
			return hour, minute, true
		}
		hour, _ = strconv.Atoi(group(s, clock, 1))
		minute, _ = strconv.Atoi(group(s, clock, 2))
		return twelve(hour, minute, strings.EqualFold(group(s, clock, 3), "p"))
	case noon != nil:
		return 12, 0, true
	}
	return 0, 0, false
}

// twelve turns a time of the twelve-hour clock into one of twenty-four; 14pm is taken as it is.
func twelve(hour, minute int, afternoon bool) (int, int, bool) {
	if hour <= 12 {
		hour %= 12
		if afternoon {
			hour += 12
		}
	}
	return hour, minute, hour < 24 && minute < 60
}
