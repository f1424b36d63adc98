package web

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"
)

// A component is one BEGIN to END of a calendar.
type component struct {
	name  string
	props []property
	kids  []component
}

type property struct {
	name, value string
	params      map[string]string
}

func (c component) one(t testing.TB, name string) string {
	t.Helper()
	if n := c.count(name); n != 1 {
		t.Fatalf("%s has %d %s", c.name, n, name)
	}
	p, _ := c.get(name)
	return p.value
}

func (c component) count(name string) (n int) {
	for _, p := range c.props {
		if p.name == name {
			n++
		}
	}
	return n
}

func (c component) get(name string) (property, bool) {
	i := slices.IndexFunc(c.props, func(p property) bool { return p.name == name })
	if i < 0 {
		return property{}, false
	}
	return c.props[i], true
}

// parseICal reads a calendar as strictly as RFC 5545 is written: CRLF, lines of
// 75 bytes at most that are UTF-8 by themselves, names and parameters by the
// grammar, no control characters, every BEGIN with its END.
func parseICal(t testing.TB, raw []byte) component {
	t.Helper()
	s := string(raw)
	if !strings.HasSuffix(s, "\r\n") || strings.ContainsAny(strings.ReplaceAll(s, "\r\n", ""), "\r\n") {
		t.Fatal("a line does not end with CRLF")
	}
	var lines []string
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\r\n"), "\r\n") {
		if len(l) > 75 || l == "" || !utf8.ValidString(l) {
			t.Fatalf("a line of %d bytes, or cut within a character: %q", len(l), l)
		}
		if strings.IndexFunc(l, unicode.IsControl) >= 0 {
			t.Fatalf("a control character in %q", l)
		}
		if l[0] == ' ' {
			if len(lines) == 0 {
				t.Fatal("it begins with the rest of a line")
			}
			lines[len(lines)-1] += l[1:]
			continue
		}
		lines = append(lines, l)
	}
	name := regexp.MustCompile(`^[A-Z0-9-]+$`)
	stack := []component{{}}
	for _, l := range lines {
		head, value, ok := strings.Cut(l, ":")
		parts := strings.Split(head, ";")
		if !ok || !name.MatchString(parts[0]) {
			t.Fatalf("no content line: %q", l)
		}
		p := property{parts[0], value, map[string]string{}}
		for _, x := range parts[1:] {
			k, v, ok := strings.Cut(x, "=")
			if !ok || !name.MatchString(k) || v == "" || strings.ContainsAny(v, `"`) || p.params[k] != "" {
				t.Fatalf("no parameter: %q", l)
			}
			p.params[k] = v
		}
		top := &stack[len(stack)-1]
		switch p.name {
		case "BEGIN":
			stack = append(stack, component{name: value})
		case "END":
			if top.name != value || len(stack) < 2 {
				t.Fatalf("%s ends within %s", value, top.name)
			}
			done := *top
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].kids = append(stack[len(stack)-1].kids, done)
		default:
			top.props = append(top.props, p)
		}
	}
	if len(stack) != 1 || len(stack[0].kids) != 1 || len(stack[0].props) > 0 || stack[0].kids[0].name != "VCALENDAR" {
		t.Fatal("it is not one calendar")
	}
	return stack[0].kids[0]
}

// checkICal holds a calendar to what RFC 5545 demands of a published one, and to
// what of ours none may have.
func checkICal(t testing.TB, raw []byte) map[string]component {
	t.Helper()
	c := parseICal(t, raw)
	for name, want := range map[string]string{"VERSION": "2.0", "CALSCALE": "GREGORIAN", "METHOD": "PUBLISH"} {
		if got := c.one(t, name); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	c.one(t, "PRODID")
	zones := map[string]bool{}
	events := map[string]component{}
	for _, k := range c.kids {
		switch k.name {
		case "VTIMEZONE":
			zones[k.one(t, "TZID")] = true
			if len(k.kids) < 2 {
				t.Error("a zone without its two halves")
			}
			for _, half := range k.kids {
				for _, must := range []string{"DTSTART", "TZOFFSETFROM", "TZOFFSETTO"} {
					half.one(t, must)
				}
			}
		case "VEVENT":
			uid := k.one(t, "UID")
			if _, twice := events[uid]; twice || uid == "" {
				t.Errorf("the UID %q is there twice, or empty", uid)
			}
			events[uid] = k
			checkEvent(t, k, zones)
		default:
			t.Errorf("it holds a %s", k.name)
		}
	}
	return events
}

func checkEvent(t testing.TB, e component, zones map[string]bool) {
	t.Helper()
	if len(e.kids) > 0 {
		t.Errorf("an event holds a %s", e.kids[0].name)
	}
	may := []string{"UID", "DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", "DTSTART", "SUMMARY", "DESCRIPTION", "LOCATION", "URL", "CATEGORIES", "STATUS", "TRANSP"}
	seen := map[string]bool{}
	for _, p := range e.props {
		if !slices.Contains(may, p.name) || seen[p.name] {
			t.Errorf("an event has %s, or has it twice", p.name)
		}
		seen[p.name] = true
		switch p.name {
		case "SUMMARY", "DESCRIPTION", "LOCATION", "CATEGORIES", "UID":
			checkEscapes(t, p.value)
		case "DTSTAMP", "LAST-MODIFIED", "CREATED":
			if _, err := time.Parse("20060102T150405Z", p.value); err != nil {
				t.Error(err)
			}
		case "URL":
			if !strings.HasPrefix(p.value, "https://watch.example.org/") {
				t.Errorf("an event leads to %s", p.value)
			}
		}
	}
	for _, must := range []string{"UID", "DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "DTSTART", "SUMMARY", "STATUS", "TRANSP"} {
		e.one(t, must)
	}
	if !slices.Contains([]string{"CONFIRMED", "TENTATIVE", "CANCELLED"}, e.one(t, "STATUS")) || !slices.Contains([]string{"OPAQUE", "TRANSPARENT"}, e.one(t, "TRANSP")) {
		t.Error(e.one(t, "STATUS"), e.one(t, "TRANSP"))
	}
	if n, err := strconv.Atoi(e.one(t, "SEQUENCE")); err != nil || n < 0 {
		t.Error("SEQUENCE", e.one(t, "SEQUENCE"))
	}
	start, _ := e.get("DTSTART")
	if zone := start.params["TZID"]; zone != "" && !zones[zone] {
		t.Errorf("no rules are given of the zone %s", zone)
	}
	eventStart(t, e)
}

// checkEscapes: in a text only \\ \; \, and \n stand, and none of ; and , bare.
func checkEscapes(t testing.TB, s string) {
	t.Helper()
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';', ',':
			t.Errorf("%q is not escaped", s)
			return
		case '\\':
			if i++; i == len(s) || !strings.ContainsRune(`\;,n`, rune(s[i])) {
				t.Errorf("%q is not escaped", s)
				return
			}
		}
	}
}

// eventStart reads DTSTART as the RFC has it: a local time that there are two of
// is the first.
func eventStart(t testing.TB, e component) time.Time {
	t.Helper()
	p, _ := e.get("DTSTART")
	form, zone := "20060102T150405Z", time.UTC
	switch {
	case p.params["VALUE"] == "DATE":
		form, zone = "20060102", london()
	case p.params["TZID"] != "":
		form, zone = "20060102T150405", london()
	}
	at, err := time.ParseInLocation(form, p.value, zone)
	if err != nil {
		t.Errorf("DTSTART %s: %v", p.value, err)
	}
	if first := at.Add(-time.Hour); p.params["TZID"] != "" && first.In(zone).Format(form) == p.value {
		return first
	}
	return at
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(s)
}

func writeEvents(t testing.TB, list ...Event) []byte {
	t.Helper()
	var b bytes.Buffer
	all := func(yield func([]byte) bool) {
		for _, e := range list {
			if !yield(written(e, london())) {
				return
			}
		}
	}
	if err := writeCalendar(&b, Calendar{Name: "A, b; c\\d", About: "About\nit", URL: "https://watch.example.org/calendar.ics", Zone: london()}, all); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCalendarTimesAreTheSameMomentForEveryReader(t *testing.T) {
	for _, c := range []struct {
		at   string
		day  bool
		want string
	}{
		{"2026-08-19T17:30:00+01:00", false, "DTSTART;TZID=Europe/London:20260819T173000"},
		{"2026-12-02T17:30:00Z", false, "DTSTART;TZID=Europe/London:20261202T173000"},
		{"2026-03-29T00:59:00Z", false, "DTSTART;TZID=Europe/London:20260329T005900"},
		{"2026-03-29T01:00:00Z", false, "DTSTART;TZID=Europe/London:20260329T020000"},
		{"2026-10-25T00:30:00Z", false, "DTSTART;TZID=Europe/London:20261025T013000"}, // the first 01:30 of the night
		{"2026-10-25T01:30:00Z", false, "DTSTART:20261025T013000Z"},                   // the second
		{"2026-10-25T02:00:00Z", false, "DTSTART;TZID=Europe/London:20261025T020000"},
		{"2026-08-19T00:00:00+01:00", true, "DTSTART;VALUE=DATE:20260819"},
		{"1990-08-19T17:30:00+01:00", false, "DTSTART:19900819T163000Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		raw := writeEvents(t, Event{UID: "x@ccgwatch", Start: at, AllDay: c.day, Modified: at})
		if !bytes.Contains(raw, []byte("\r\n"+c.want+"\r\n")) {
			t.Errorf("%s: not %s in\n%s", c.at, c.want, raw)
		}
		for _, e := range checkICal(t, raw) {
			if got := eventStart(t, e); !got.Equal(at) {
				t.Errorf("%s is read as %s", c.at, got)
			}
		}
	}
	// The rules that are written are those of the zone, in every year to come.
	for y := 1997; y < 2050; y++ {
		for month, hour := range map[time.Month]int{time.March: 1, time.October: 1} {
			sunday := time.Date(y, month, 31, hour, 0, 0, 0, time.UTC)
			sunday = sunday.AddDate(0, 0, -int(sunday.Weekday()))
			_, before := sunday.Add(-time.Second).In(london()).Zone()
			_, after := sunday.In(london()).Zone()
			if want := map[time.Month]int{time.March: 3600, time.October: -3600}[month]; after-before != want {
				t.Errorf("%s: the clocks change by %d", sunday, after-before)
			}
		}
	}
}

// Whatever a source writes stays within the one text it is in (DEF CON 30).
func TestCalendarOfHostileText(t *testing.T) {
	corpus := append(hostile(),
		"Meeting\r\nATTENDEE:mailto:a@example.net\r\nATTACH:https://evil.example.net/x", "a;b,c\\d\\ne", "\\", strings.Repeat("ü", 500), strings.Repeat("\U0001f600", 200),
		"END:VEVENT\nBEGIN:VALARM\nACTION:AUDIO\nEND:VALARM", "\x00\x01\x7f\u2028\u2029\u0085", strings.Repeat("x", 74)+"é")
	for _, nasty := range corpus {
		raw := writeEvents(t, Event{UID: "u@ccgwatch", Summary: nasty, About: []string{nasty, nasty}, Place: nasty, URL: nasty, Category: nasty, Status: EventStatus(nasty), Start: at("2026-08-01 10:00"), Modified: at("2026-08-01 10:00"), Sequence: -3})
		raw = bytes.ReplaceAll(raw, []byte("URL:http"), []byte("X-NOT:http")) // where the address is one; ours come from us
		c := parseICal(t, bytes.ReplaceAll(raw, []byte("\ufffd"), []byte("?")))
		if len(c.kids) != 2 || c.kids[1].name != "VEVENT" || len(c.kids[1].kids) > 0 {
			t.Fatalf("%q made another component", nasty)
		}
		e := c.kids[1]
		for _, never := range []string{"ATTENDEE", "ORGANIZER", "ATTACH", "URL", "RRULE"} {
			if e.count(never) > 0 {
				t.Errorf("%q became %s", nasty, never)
			}
		}
		if want := plain(nasty, 300); want != "" && unescape(e.one(t, "SUMMARY")) != strings.ReplaceAll(want, "\ufffd", "?") {
			t.Errorf("%q is read as %q", want, unescape(e.one(t, "SUMMARY")))
		}
	}
}

// FuzzCalendar: no text breaks a calendar, and what goes in comes out.
func FuzzCalendar(f *testing.F) {
	f.Add("Health Scrutiny", "Room 1; ground floor, left", "https://watch.example.org/item", int64(1_787_000_000))
	f.Add("a\r\nBEGIN:VALARM", strings.Repeat("é\\", 90), "javascript:alert(1)", int64(0))
	f.Fuzz(func(t *testing.T, title, place, about string, unix int64) {
		when := time.Unix(unix%4_000_000_000, 0).UTC()
		raw := writeEvents(t, Event{UID: "u@ccgwatch", Summary: title, Place: place, About: []string{about}, Start: when, Modified: when})
		for _, e := range checkICal(t, raw) {
			if want := plain(title, 300); want != "" && unescape(e.one(t, "SUMMARY")) != want {
				t.Errorf("%q is read as %q", want, unescape(e.one(t, "SUMMARY")))
			}
			if got := eventStart(t, e); !got.Equal(when) {
				t.Errorf("%s is read as %s", when, got)
			}
		}
	})
}

// Another parser reads the same out of it.
func TestCalendarIsReadByOthers(t *testing.T) {
	events := []Event{
		{UID: "a@ccgwatch", Summary: "Health, Scrutiny; part \\ 1", About: []string{"One.", "Two: " + strings.Repeat("Käse ", 60)}, Place: "Town Hall, Leicester", Start: at("2026-08-19 16:30"), Modified: at("2026-08-01 06:05"), Sequence: 3},
		{UID: "b@ccgwatch", Summary: "Bids are due", Start: at("2026-12-01 00:00"), AllDay: true, Free: true, Modified: at("2026-08-01 06:05"), Status: EventCancelled},
	}
	raw := writeEvents(t, events...)
	checkICal(t, raw)
	c, err := ics.ParseCalendar(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range c.Events() {
		start, err := e.GetStartAt()
		if err != nil {
			start, err = e.GetAllDayStartAt()
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Id(), " ", e.GetProperty(ics.ComponentPropertySummary).Value, " ", start.UTC().Format(time.RFC3339), " ", e.GetProperty(ics.ComponentPropertySequence).Value, " ", e.GetProperty(ics.ComponentPropertyStatus).Value))
	}
	want := []string{
		"a@ccgwatch Health, Scrutiny; part \\ 1 2026-08-19T16:30:00Z 3 CONFIRMED",
		"b@ccgwatch Bids are due 2026-12-01T00:00:00Z 0 CANCELLED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)\n", diff)
	}
	const script = `
import sys, icalendar
c = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
for e in c.walk("VEVENT"):
    print(e["UID"], str(e["SUMMARY"]), e["DTSTART"].dt.isoformat(), int(e["SEQUENCE"]), e["STATUS"])
`
	if err := exec.Command("python3", "-c", "import icalendar").Run(); err != nil {
		t.Log("SKIPPED: Python's icalendar is not installed, it was not asked to read our calendars:", err)
		return
	}
	cmd := exec.Command("python3", "-c", script)
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("Python's icalendar: %v\n%s", err, out)
	}
	if want := "a@ccgwatch Health, Scrutiny; part \\ 1 2026-08-19T17:30:00+01:00 3 CONFIRMED\nb@ccgwatch Bids are due 2026-12-01 0 CANCELLED\n"; string(out) != want {
		t.Errorf("Python's icalendar reads\n%s", out)
	}
}
