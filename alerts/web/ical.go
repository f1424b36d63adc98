package web

import (
	"bufio"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file writes iCalendar (RFC 5545). The writer is our own: the library that
// was chosen for it holds a whole calendar in memory and leaves cleaning to its
// caller, and what is needed of the format fits on a page. Its parser reads what
// is written here in the tests.

// A Calendar is what a calendar says of itself.
type Calendar struct {
	Name  string
	About string
	URL   string // its own address, "" for none
	// Zone is the time zone of events with a time. Only Europe/London can be
	// written; for any other, times are written in UTC.
	Zone *time.Location
}

// An Event is a date with a meeting or a deadline. Everything in it is data of
// ours or of a source and is cleaned and escaped when it is written.
type Event struct {
	UID     string // for good
	Summary string
	About   []string // paragraphs
	Place   string
	URL     string // of a page of ours; never an address that a source wrote
	Start   time.Time
	AllDay  bool // only the day of Start counts, in the calendar's zone
	Status  EventStatus
	Free    bool // takes nobody's time: a deadline
	// Sequence counts the changes of what is shown, Modified is the last of them:
	// both come from the log, so that the same record gives the same bytes.
	Sequence int
	Modified time.Time
	Category string
}

// An EventStatus says whether an event takes place.
type EventStatus string

// The statuses of events in RFC 5545.
const (
	EventConfirmed EventStatus = "CONFIRMED"
	EventTentative EventStatus = "TENTATIVE" // the source lists it no longer; why, we do not know
	EventCancelled EventStatus = "CANCELLED"
)

// writeCalendar writes a calendar of events as written gives them. A cancelled
// event is written like any other, so that whoever has it learns of it. There is
// no ORGANIZER, ATTENDEE, ATTACH or VALARM: nobody is invited, and no text of a
// source becomes an address or a bell. (RFC 5546 wants an ORGANIZER with
// METHOD:PUBLISH; published calendars have none and no program misses it.)
func writeCalendar(w io.Writer, c Calendar, events iter.Seq[[]byte]) error {
	b := bufio.NewWriter(w)
	x := icalWriter{b, c.Zone}
	x.head(c)
	for e := range events {
		_, _ = x.Write(e) // what fails shows in the end
	}
	x.put("END", "VCALENDAR")
	return b.Flush()
}

// head is what a calendar says of itself.
func (x icalWriter) head(c Calendar) {
	x.put("BEGIN", "VCALENDAR")
	x.put("VERSION", "2.0")
	x.put("PRODID", "-//CCGWatch//CCGWatch//EN")
	x.put("CALSCALE", "GREGORIAN")
	x.put("METHOD", "PUBLISH")
	x.text("NAME", plain(c.Name, 200))
	x.text("X-WR-CALNAME", plain(c.Name, 200))
	x.text("DESCRIPTION", plain(c.About, 1000))
	x.text("X-WR-CALDESC", plain(c.About, 1000))
	if l := webLink(c.URL); l != nil {
		x.put("URL", l.URL)
	}
	// Programs that ask less often than twice a day miss a meeting that is moved.
	x.put("REFRESH-INTERVAL;VALUE=DURATION", "PT6H")
	x.put("X-PUBLISHED-TTL", "PT6H")
	if x.inLondon() {
		x.put("X-WR-TIMEZONE", londonName)
		x.zoneRules()
	}
}

const londonName = "Europe/London"

// icalWriter puts down content lines; a failed write shows when the buffer is
// flushed.
type icalWriter struct {
	*bufio.Writer
	zone *time.Location
}

func (x icalWriter) inLondon() bool { return x.zone != nil && x.zone.String() == londonName }

// zoneRules are those of London since 1996: the last Sundays of March and
// October, at 01:00 in UTC.
func (x icalWriter) zoneRules() {
	x.put("BEGIN", "VTIMEZONE")
	x.put("TZID", londonName)
	for _, r := range []struct{ part, name, start, from, to, month string }{
		{"DAYLIGHT", "BST", "19960331T010000", "+0000", "+0100", "3"},
		{"STANDARD", "GMT", "19961027T020000", "+0100", "+0000", "10"},
	} {
		x.put("BEGIN", r.part)
		x.put("TZNAME", r.name)
		x.put("DTSTART", r.start)
		x.put("TZOFFSETFROM", r.from)
		x.put("TZOFFSETTO", r.to)
		x.put("RRULE", "FREQ=YEARLY;BYMONTH="+r.month+";BYDAY=-1SU")
		x.put("END", r.part)
	}
	x.put("END", "VTIMEZONE")
}

func (x icalWriter) event(e Event) {
	x.put("BEGIN", "VEVENT")
	x.text("UID", plain(e.UID, 200))
	x.put("DTSTAMP", utcStamp(e.Modified))
	x.put("LAST-MODIFIED", utcStamp(e.Modified))
	x.put("SEQUENCE", strconv.Itoa(max(0, e.Sequence)))
	x.start(e.Start, e.AllDay)
	summary := plain(e.Summary, 300)
	if summary == "" {
		summary = "Without a title"
	}
	x.text("SUMMARY", summary)
	var about []string
	for _, p := range e.About {
		if p = plain(p, 1000); p != "" {
			about = append(about, p)
		}
	}
	x.text("DESCRIPTION", strings.Join(about, "\n"))
	x.text("LOCATION", plain(e.Place, 300))
	if l := webLink(e.URL); l != nil {
		x.put("URL", l.URL)
	}
	x.text("CATEGORIES", plain(e.Category, 40))
	switch e.Status {
	case EventTentative, EventCancelled:
		x.put("STATUS", string(e.Status))
	default:
		x.put("STATUS", string(EventConfirmed))
	}
	if e.Free || e.Status == EventCancelled {
		x.put("TRANSP", "TRANSPARENT")
	} else {
		x.put("TRANSP", "OPAQUE")
	}
	x.put("END", "VEVENT")
}

// start writes when an event begins: a day, or a time in the zone. The second of
// two hours that bear the same name on a night in October, and a time before the
// rules of the zone, are written in UTC: by its name it would be another one.
// Where a meeting ends no source says, so that there is no DTEND.
func (x icalWriter) start(t time.Time, allDay bool) {
	zone := x.zone
	if zone == nil {
		zone = time.UTC
	}
	const wall = "20060102T150405"
	local := t.In(zone).Format(wall)
	switch {
	case allDay:
		x.put("DTSTART;VALUE=DATE", t.In(zone).Format("20060102"))
	case !x.inLondon(), t.Year() < 1997, t.Add(-time.Hour).In(zone).Format(wall) == local:
		x.put("DTSTART", utcStamp(t))
	default:
		x.put("DTSTART;TZID="+londonName, local)
	}
}

func utcStamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// text puts down a text, escaped; an empty one is left out.
func (x icalWriter) text(name, value string) {
	if value == "" {
		return
	}
	if !strings.ContainsAny(value, "\\;,\n") {
		x.put(name, value)
		return
	}
	x.put(name, strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(value))
}

// put writes one content line, folded after 75 bytes and never within a character.
func (x icalWriter) put(name, value string) {
	s, room := name+":"+value, 75
	for len(s) > room {
		cut := room
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		_, _ = x.WriteString(s[:cut])
		_, _ = x.WriteString("\r\n ")
		s, room = s[cut:], 74
	}
	_, _ = x.WriteString(s)
	_, _ = x.WriteString("\r\n")
}
