package moderngov

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	_ "time/tzdata" // the machine may have no zone files, and every time here is London's

	"golang.org/x/text/unicode/norm"

	"ccgwatch/store"
)

// A reader holds the patterns, compiled once.
type reader struct {
	london  *time.Location
	date    *regexp.Regexp // 1 prefix, 2 weekday, 3 day, 4 month, 5 year, 6 the rest
	clock   *regexp.Regexp // 1 hour, 2 minute, 3 am/pm/noon, 4 noon alone, 5 the rest
	digits  *regexp.Regexp
	entity  *regexp.Regexp
	charRef *regexp.Regexp
	session *regexp.Regexp
	file    *regexp.Regexp // 1 letter, 2 number, 3 name, of a document's address
	itemRef *regexp.Regexp
	nothing *regexp.Regexp // a plan that says that it is empty
}

func newReader() *reader {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic("moderngov: the zone data compiled in is broken: " + err.Error())
	}
	return &reader{
		london: london,
		date: regexp.MustCompile(`(?i)^(?:([a-z][a-z ]*),?\s+)??(?:((?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?)\.?,?\s+)?` +
			`(\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?([a-z]{3,9})\.?,?\s+(\d{4})\b(.*)$`),
		clock:   regexp.MustCompile(`(?i)^[\s,]*(?:at\s+)?(?:(\d{1,2})(?:[.:](\d{2}))?\s*(a\.?\s?m\b\.?|p\.?\s?m\b\.?|noon\b|midday\b)?|(noon\b|midday\b))(.*)$`),
		digits:  regexp.MustCompile(`^\d{1,12}$`),
		entity:  regexp.MustCompile(`&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`),
		charRef: regexp.MustCompile(`&#(?:(\d{1,9})|[xX]([0-9a-fA-F]{1,8}));`),
		session: regexp.MustCompile(`/\([A-Za-z]\([A-Za-z0-9]+\)\)`),
		file:    regexp.MustCompile(`(?i)(?:^|/)documents/([a-z])(\d{1,12})/([^?#]*)`),
		itemRef: regexp.MustCompile(`^AI(\d{1,12})$`),
		nothing: regexp.MustCompile(`(?i)\bno (?:\w+ ){0,3}(?:items?|issues?|decisions?|matters|entries|plans?|records?)\b|\bthere (?:are|is) (?:currently )?no(?:ne|thing)?\b`),
	}
}

// number gives the digits of an id, or "" for anything else; ids come padded.
func (rd *reader) number(s string) string {
	if s = strings.TrimSpace(s); rd.digits.MatchString(s) {
		return s
	}
	return ""
}

// line makes one tidy line of a text: no-break spaces and line ends are
// spaces, what cannot be seen goes, and letters with accents have one form, so
// that a text typed differently again is no change.
func (rd *reader) line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == '\u00ad', r == '\ufeff', r == '\u2060',
			r >= '\u200b' && r <= '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r&0xfffe == 0xfffe:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return norm.NFC.String(strings.Join(strings.Fields(s), " "))
}

// twice undoes the second of the service's two escapings. Only complete
// references are taken, so that a name such as "AT&T" stays.
func (rd *reader) twice(s string) string {
	return rd.line(rd.entity.ReplaceAllStringFunc(s, html.UnescapeString))
}

// A printed date as the pages write it.
type printed struct {
	when  time.Time
	words []string // what stands before and after it: CANCELLED, NEW, RECONVENED
	doubt string   // "" unless the weekday is not that date's
}

// parse reads a date such as "Tuesday, 18th June, 2024 1.30 pm, CANCELLED". A
// date without a time is midnight at its beginning. Times are London's.
func (rd *reader) parse(s string) (printed, bool) {
	s = rd.line(s)
	m := rd.date.FindStringSubmatch(s)
	if m == nil {
		return printed{}, false
	}
	month, ok := monthNamed(m[4])
	day, _ := strconv.Atoi(m[3])
	year, _ := strconv.Atoi(m[5])
	if !ok || year < 1990 || year > 2100 {
		return printed{}, false
	}
	hour, minute, rest, ok := rd.clockOf(m[6])
	if !ok {
		return printed{}, false
	}
	when := time.Date(year, month, day, hour, minute, 0, 0, rd.london)
	if when.Day() != day {
		return printed{}, false // the 31st of a month of 30 days
	}
	out := printed{when: when}
	for _, w := range append([]string{m[1]}, strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ';' })...) {
		if w = strings.Trim(w, " -–."); w != "" {
			out.words = append(out.words, w)
		}
	}
	if m[2] != "" && !strings.EqualFold(m[2][:3], when.Weekday().String()[:3]) {
		out.doubt = fmt.Sprintf("the page gives %s %s, which is a %s", m[2], when.Format("2 January 2006"), when.Weekday())
	}
	return out, true
}

// clockOf reads a time at the beginning of a text and returns what follows it.
// No time at all is midnight; a number that is no time of day is not read, but
// one with a word behind it ("2nd meeting") is not about time.
func (rd *reader) clockOf(s string) (hour, minute int, rest string, ok bool) {
	m := rd.clock.FindStringSubmatch(s)
	if m == nil {
		return 0, 0, s, true
	}
	if m[4] != "" {
		return 12, 0, m[5], true
	}
	hour, _ = strconv.Atoi(m[1])
	minute, _ = strconv.Atoi(m[2])
	half := strings.ToLower(m[3])
	switch {
	case m[2] == "" && half == "" && m[5] != "" && unicode.IsLetter(rune(m[5][0])):
		return 0, 0, s, true
	case m[2] == "" && half == "", hour > 23, minute > 59:
		return 0, 0, "", false
	case strings.HasPrefix(half, "p") && hour < 12:
		hour += 12
	case strings.HasPrefix(half, "a") && hour == 12:
		hour = 0
	}
	return hour, minute, m[5], true
}

// numeric reads the service's dd/mm/yyyy and its time ("10.00 am"). A time
// that is empty or in words is midnight.
func (rd *reader) numeric(date, clock string) (time.Time, bool) {
	t, err := time.ParseInLocation("02/01/2006", strings.TrimSpace(date), rd.london)
	if err != nil || t.Year() < 1990 || t.Year() > 2100 {
		return time.Time{}, false
	}
	hour, minute, _, ok := rd.clockOf(rd.line(clock))
	if !ok {
		return time.Time{}, false
	}
	y, m, d := t.Date()
	return time.Date(y, m, d, hour, minute, 0, 0, rd.london), true
}

// monthNamed knows the months by their first three letters or more.
func monthNamed(s string) (time.Month, bool) {
	s = strings.ToLower(s)
	for m := time.January; m <= time.December; m++ {
		if name := strings.ToLower(m.String()); strings.HasPrefix(name, s) || s == "sept" && m == time.September {
			return m, true
		}
	}
	return 0, false
}

// statusOf puts the service's status in our words. "Confirmed; Rescheduled
// from ..." is confirmed; a word we do not know is kept, in small letters.
func statusOf(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	switch {
	case s == "", strings.HasPrefix(s, "confirmed"):
		return store.StatusConfirmed
	case strings.HasPrefix(s, "cancel"):
		return store.StatusCancelled
	}
	return s
}

// statusIn finds the status among the words around a date on a page. Words
// such as NEW, RECONVENED or EXTRAORDINARY stand there too and are none: the
// service calls such a meeting confirmed.
func statusIn(words []string) string {
	status := store.StatusConfirmed
	for _, w := range words {
		w = strings.ToLower(w)
		if strings.HasPrefix(w, "cancel") {
			return store.StatusCancelled
		}
		for _, known := range []string{"postponed", "provisional", "abandoned", "adjourned", "deferred", "inquorate", "withdrawn"} {
			if w == known {
				status = w
			}
		}
	}
	return status
}
