package feeds

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// Dates of consultations and events that stand only in the words of an entry:
// what is read, how surely, from which sentence; and what is not read.
func TestDatesInTheWordsOfAnEntry(t *testing.T) {
	rd := newReader()
	published := time.Date(2026, 7, 20, 9, 0, 0, 0, time.UTC)
	none := time.Time{}
	tests := []struct {
		name      string
		published time.Time
		lines     []string // the title first
		want      string   // fields without their sentences, by name
	}{
		{"the end of a consultation with its hour", published, []string{"Walk-in centres", "This consultation closes at 11:59pm on 14 August 2026"}, "closes=2026-08-14T23:59:00+01:00 sure: closes certain"},
		{"its day alone", published, []string{"Dentistry survey", "Closing date: Friday 14th August 2026."}, "closes=2026-08-14T00:00:00+01:00 sure: closes certain"},
		{"from and to", published, []string{"Consultation on wards", "The consultation runs from 1 August to 30 September 2026."}, "closes=2026-09-30T00:00:00+01:00 opens=2026-08-01T00:00:00+01:00 sure: opens likely, closes certain"},
		{"answers by", published, []string{"Have your say on maternity care", "Please send your views by 5pm on 14 August 2026."}, "closes=2026-08-14T17:00:00+01:00 sure: closes certain"},
		{"noon", published, []string{"Survey", "The survey is open until noon on 3 September 2026"}, "closes=2026-09-03T12:00:00+01:00 sure: closes certain"},
		{"a number for a month", published, []string{"Survey", "The survey closes on 03/09/2026"}, "closes=2026-09-03T00:00:00+01:00 sure: closes likely"},
		{"a number that can be no month", published, []string{"Survey", "The survey closes on 23/09/2026"}, "closes=2026-09-23T00:00:00+01:00 sure: closes certain"},
		{"without a year: the next one", published, []string{"Survey", "The survey closes on 3 January."}, "closes=2027-01-03T00:00:00Z sure: closes likely"},
		{"without a year, on the right weekday", published, []string{"Survey", "The survey closes on Friday 14 August."}, "closes=2026-08-14T00:00:00+01:00 sure: closes likely"},
		{"an event, and until when one registers", published, []string{"Public meeting about urgent care", "The event takes place on Tuesday 8 September 2026 at 6.30pm in the Corn Hall.", "Register by 4 September 2026."},
			"register_by=2026-09-04T23:59:59+01:00 when=2026-09-08T18:30:00+01:00 sure: register by certain, when certain"},
		{"an event by its title", published, []string{"Drop-in: your hospital, 10 October 2026, 2pm", "Tea is provided."}, "when=2026-10-10T14:00:00+01:00 sure: when certain"},
		{"an event in lines", published, []string{"Listening event", "Date: 10 October 2026 Time: 10am"}, "when=2026-10-10T10:00:00+01:00 sure: when certain"},
		{"booking closes", published, []string{"Webinar on dentistry", "Booking closes at midday on 1 October 2026.", "Join us on 5 October 2026 from 6pm to 7pm."}, "register_by=2026-10-01T12:00:00+01:00 when=2026-10-05T18:00:00+01:00 sure: register by certain, when certain"},
		{"the same day said twice", published, []string{"Webinar, 5 October 2026", "Join us on 5 October 2026 at 18:00."}, "when=2026-10-05T18:00:00+01:00 sure: when certain"},

		{"without a year or a publication", none, []string{"Survey", "The survey closes on 3 January."}, "unread: “The survey closes on 3 January.” (no year is printed)"},
		{"without a year, and just gone by", published, []string{"Survey", "The survey closes on 3 July."}, "unread: “The survey closes on 3 July.” (no year is printed, and the day had just gone by)"},
		{"a weekday that it is not", published, []string{"Survey", "The survey closes on Monday 14 August 2026."}, "unread: “The survey closes on Monday 14 August 2026.” (14 August 2026 is a Friday)"},
		{"no such day", published, []string{"Survey", "The survey closes on 31 September 2026."}, "unread: “The survey closes on 31 September 2026.” (there is no such day)"},
		{"no such day, and no year", published, []string{"Survey", "The survey closes on 31 September."}, "unread: “The survey closes on 31 September.” (there is no such day)"},
		{"two ends", published, []string{"Survey", "The survey closes on 14 August 2026.", "The survey now closes on 28 August 2026."}, "unread: “The survey closes on 14 August 2026.” “The survey now closes on 28 August 2026.” (more than one date)"},
		{"two days of an event", published, []string{"Drop-in sessions", "The drop-ins take place on 3 September 2026 and 10 September 2026."}, "unread: “The drop-ins take place on 3 September 2026 and 10 September 2026.” (more than one date)"},
		{"two hours", published, []string{"Survey", "The survey closes at 5pm on 14 August 2026.", "The survey closes at noon on 14 August 2026."}, "unread: “The survey closes at 5pm on 14 August 2026.” “The survey closes at noon on 14 August 2026.” (more than one date)"},

		{"the end of something else", published, []string{"Have your say", "The walk-in centre closes on 14 August 2026."}, ""},
		{"nobody is asked", published, []string{"Job: porter", "Applications close on 14 August 2026."}, ""},
		{"a day by which something is done", published, []string{"New unit", "The unit will open by 14 August 2026 after a survey."}, ""},
		{"what is over", published, []string{"Survey", "The survey closes on 14 June 2026."}, ""},
		{"a meeting of a committee", published, []string{"Agenda published: Meeting of Monday, 12th October, 2026 6.30 pm, Health Panel"}, ""},
		{"when the page was changed", published, []string{"Engagement event", "Last updated on 12 October 2026"}, ""},
		{"no date at all", published, []string{"Survey", "It closes soon."}, ""},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			fields := rd.dates(x.lines, x.published)
			var out []string
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				switch {
				case name == store.FieldDatesSure, name == store.FieldDatesUnread:
				case strings.HasSuffix(name, saysSuffix):
					if !slices.ContainsFunc(x.lines, func(l string) bool { return strings.Contains(l, fields[name]) }) || fields[strings.TrimSuffix(name, saysSuffix)] == "" {
						t.Errorf("%s: %q", name, fields[name])
					}
				default:
					out = append(out, name+"="+fields[name])
					if name != FieldOpens && fields[name+saysSuffix] == "" {
						t.Errorf("%s without its sentence", name)
					}
				}
			}
			for _, name := range []string{store.FieldDatesSure, store.FieldDatesUnread} {
				if fields[name] != "" {
					out = append(out, strings.TrimPrefix(name, "dates_")+": "+fields[name])
				}
			}
			if d := cmp.Diff(x.want, strings.Join(out, " ")); d != "" {
				t.Error("(-want +got)\n", d)
			}
		})
	}
}

// The clock of the machine does not come into it, and neither does the order of
// paragraphs.
func TestDatesDoNotDependOnTheOrderOfLines(t *testing.T) {
	rd := newReader()
	lines := []string{"Public meeting about urgent care", "Register by 4 September 2026.", "The event takes place on 8 September 2026 at 6pm.", "Tea is provided."}
	want := rd.dates(lines, time.Time{})
	for range 3 {
		lines = append(lines[:1:1], append(slices.Clone(lines[2:]), lines[1])...)
		if d := cmp.Diff(want, rd.dates(lines, time.Time{})); d != "" {
			t.Error(d)
		}
	}
}

// Whatever the words, a date that is read has its sentence, is a time, and is
// read the same way again.
func FuzzDates(f *testing.F) {
	raw, err := os.ReadFile("testdata/feeds.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw), int64(1_780_000_000))
	f.Add("Survey\nThe survey runs from 1/8/2026 to 31 September. Register by 4 Sept. 2026, 6.30pm, or 29 February", int64(0))
	rd := newReader()
	f.Fuzz(func(t *testing.T, text string, at int64) {
		published := time.Time{}
		if at > 0 && at < 4_000_000_000 {
			published = time.Unix(at, 0)
		}
		lines := rd.lines(nil, text, false)
		fields := rd.dates(lines, published)
		for _, name := range []string{FieldOpens, FieldCloses, store.FieldRegisterBy, store.FieldWhen} {
			if fields[name] == "" {
				continue
			}
			if _, err := time.Parse(time.RFC3339, fields[name]); err != nil || name != FieldOpens && fields[name+saysSuffix] == "" || !strings.Contains(fields[store.FieldDatesSure], strings.ReplaceAll(name, "_", " ")) {
				t.Errorf("%s: %v", name, fields)
			}
		}
		if fmt.Sprint(fields) != fmt.Sprint(rd.dates(lines, published)) {
			t.Error("read in two ways")
		}
	})
}
