package config

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The clocks of 2026: forward on 29 March (01:00 becomes 02:00), back on 25
// October (02:00 becomes 01:00).
func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, schedule, from string
		want                 []string
	}{
		{"three times a day", "5 7,12,17 * * *", "2026-08-10T12:05:00+01:00", []string{"2026-08-10T17:05:00+01:00", "2026-08-11T07:05:00+01:00", "2026-08-11T12:05:00+01:00"}},
		{"between two minutes", "5 7 * * *", "2026-08-10T07:04:59+01:00", []string{"2026-08-10T07:05:00+01:00"}},
		{"winter", "0 8 * * 1", "2026-12-01T00:00:00Z", []string{"2026-12-07T08:00:00Z", "2026-12-14T08:00:00Z"}},
		{"from another zone", "0 8 * * *", "2026-08-10T09:30:00+03:00", []string{"2026-08-10T08:00:00+01:00"}},
		{"missing hour", "30 1 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T02:00:00+01:00", "2026-03-30T01:30:00+01:00"}},
		{"start of the missing hour", "0 1 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T02:00:00+01:00", "2026-03-30T01:00:00+01:00"}},
		{"after the missing hour", "0 2 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T02:00:00+01:00", "2026-03-30T02:00:00+01:00"}},
		{"two of the missing hour are one", "0,30 1,2 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T02:00:00+01:00", "2026-03-29T02:30:00+01:00", "2026-03-30T01:00:00+01:00"}},
		{"double hour", "30 1 * * *", "2026-10-24T12:00:00Z", []string{"2026-10-25T01:30:00+01:00", "2026-10-26T01:30:00Z"}},
		{"double hour, asked within its second pass", "30 1 * * *", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"after the double hour", "0 2 * * *", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:00:00Z"}},
		{"hourly over the missing hour", "30 * * * *", "2026-03-29T00:00:00Z", []string{"2026-03-29T00:30:00Z", "2026-03-29T02:30:00+01:00", "2026-03-29T03:30:00+01:00"}},
		{"hourly over the double hour", "30 * * * *", "2026-10-24T23:00:00Z", []string{"2026-10-25T00:30:00+01:00", "2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
		{"leap day", "0 0 29 2 *", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, err := time.Parse(time.RFC3339, c.from)
			if err != nil {
				t.Fatal(err)
			}
			times, err := Next(c.schedule, from, len(c.want))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range times {
				got = append(got, x.Format(time.RFC3339))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error("(-want +got)\n", d)
			}
		})
	}
}

// Once a day means once on each of five years' days, both nights included,
// and every quarter of an hour means never more than that apart.
func TestEveryDayHasItsRun(t *testing.T) {
	start := time.Date(2024, 12, 31, 22, 0, 0, 0, time.UTC)
	end := start.AddDate(5, 0, 0)
	for _, line := range []string{"0 0 * * *", "0 1 * * *", "30 1 * * *", "59 1 * * *", "0 2 * * *", "30 2 * * *", "35 23 * * *"} {
		s := must(ParseSchedule(line))
		day := ""
		for at := s.Next(start); at.Before(end); {
			if d := at.Format(time.DateOnly); d == day {
				t.Fatalf("%s: twice on %s", line, d)
			} else if day = d; !at.After(start) {
				t.Fatalf("%s stands still", line)
			}
			next := s.Next(at)
			if gap := next.Sub(at); gap < 22*time.Hour || gap > 26*time.Hour {
				t.Fatalf("%s: %s after %s", line, next, at)
			}
			at = next
		}
	}
	quarter := must(ParseSchedule("*/15 * * * *"))
	for at := quarter.Next(start); at.Before(start.AddDate(1, 0, 0)); {
		next := quarter.Next(at)
		if next.Sub(at) != 15*time.Minute {
			t.Fatalf("%s after %s", next, at)
		}
		at = next
	}
}

func TestDescribe(t *testing.T) {
	for schedule, want := range map[string]string{
		"5 7,12,17 * * *":         "every day at 07:05, 12:05 and 17:05",
		"17 7-19 * * *":           "every hour from 07:17 to 19:17",
		"47 7,10,13 * * *":        "every day at 07:47, 10:47 and 13:47",
		"0 8 * * 1":               "on Mondays at 08:00",
		"0 8 * * 1-5":             "Monday to Friday at 08:00",
		"17 7-19 * * 1-5":         "Monday to Friday every hour from 07:17 to 19:17",
		"0 9 * * 6,0":             "Saturdays and Sundays at 09:00",
		"0 9 * * 0,3":             "on Wednesdays and Sundays at 09:00",
		"30 6 1,22 * *":           "on the 1st and the 22nd of the month at 06:30",
		"30 6 13 * 5":             "on the 13th of the month and on Fridays at 06:30",
		"30 6 1-31 * 5":           "every day at 06:30",
		"0 0 29 2 *":              "on the 29th of the month in February at 00:00",
		"* * * * *":               "every minute",
		"*/15 * * * *":            "every 15 minutes",
		"0 * * * *":               "every hour, on the hour",
		"5,50 * * * *":            "every hour, at 5 and 50 past",
		"*/20 9-16 * * *":         "every 20 minutes from 09:00 to 16:40",
		"1,2,3,4 1,5,9,13 * *  *": "every day at 1, 2, 3 and 4 minutes past, in the hours from 01:00, 05:00, 09:00 and 13:00",
	} {
		if got := Describe(schedule); got != want {
			t.Errorf("%s\n got %s\nwant %s", schedule, got, want)
		}
	}
}

// FuzzSchedule: whatever is accepted has a next time, always later, on the
// minute, and no more than nine years away.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"5 7,12,17 * * *", "*/15 * * * *", "0 0 29 2 *", "30 1 * * 0", "TZ=", "@every 0s", "1-59/7 ? * JAN-MAR mon", "0 0 31 12 *"} {
		f.Add(s, int64(1774746000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		at := time.Unix(unix%3_700_000_000, 0) // to 2087: the year 2100 has no leap day
		if s.Words() == "" {
			t.Error("no words")
		}
		for range 5 {
			next := s.Next(at)
			if !next.After(at) || next.Second() != 0 || next.Sub(at) > 9*365*24*time.Hour {
				t.Fatalf("%q: %s after %s", text, next, at)
			}
			at = next
		}
		if again, err := ParseSchedule(s.String()); err != nil || fmt.Sprint(again.Next(at)) != fmt.Sprint(s.Next(at)) {
			t.Errorf("%q does not survive: %v", text, err)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	s := must(ParseSchedule("5 7,12,17 * * *"))
	at := time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		at = s.Next(at)
	}
}

// Each call read the zone anew, and whatever remembered a time remembered a table
// of four kilobytes with it: the daemon grew by two megabytes a year.
func TestAllTimesShareOneZone(t *testing.T) {
	zone := London()
	if again := London(); again != zone {
		t.Error("London is read anew each time")
	}
	a, err := ParseSchedule("5 7 * * *")
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Next(time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC)).Location(); got != zone {
		t.Errorf("a schedule has a zone of its own: %p, and London is %p", got, zone)
	}
}
