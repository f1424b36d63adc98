package judge

import (
	"testing"
	"time"
)

func day(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.Add(9 * time.Hour)
}

// Working days are counted as the regulations say.
func TestStandstills(t *testing.T) {
	c := shippedJudge(t).dates
	tests := []struct {
		rule      string
		count     func(time.Time) (time.Time, bool)
		published string
		last      string // "" when it is not known
	}{
		{"psr: a Monday", c.psrStandstill, "2026-08-10", "2026-08-21"},
		{"psr: a Tuesday", c.psrStandstill, "2026-08-11", "2026-08-24"},
		{"psr: a Wednesday in March", c.psrStandstill, "2026-03-11", "2026-03-24"},
		{"psr: over Easter", c.psrStandstill, "2026-03-30", "2026-04-14"},
		{"psr: over Christmas", c.psrStandstill, "2026-12-18", "2027-01-04"},
		{"psr: a Friday, so that it begins on a Saturday", c.psrStandstill, "2026-08-07", "2026-08-19"},
		{"psr: into a year without a table", c.psrStandstill, "2028-12-22", ""},
		{"psr: before the table", c.psrStandstill, "2021-06-01", ""},
		{"wales: begins on the day of publication", c.psrWalesStandstill, "2026-08-10", "2026-08-20"},
		{"act: begins with the day of publication", c.actStandstill, "2026-08-10", "2026-08-19"},
		{"act: over Easter", c.actStandstill, "2026-03-26", "2026-04-08"},
		{"act: published on a Saturday", c.actStandstill, "2026-08-08", "2026-08-19"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			at, ok := tt.count(day(t, tt.published))
			got := ""
			if ok {
				got = at.Format(time.DateOnly)
				if at.Format(time.TimeOnly) != "23:59:59" {
					t.Errorf("ends at %s, want the end of the day", at)
				}
			}
			if got != tt.last {
				t.Errorf("published %s: last day %q, want %q", tt.published, got, tt.last)
			}
		})
	}
}

// Publication counts by the day in London, not in UTC.
func TestStandstillCountsLondonDays(t *testing.T) {
	c := shippedJudge(t).dates
	at, _ := c.psrStandstill(time.Date(2026, 8, 9, 23, 30, 0, 0, time.UTC)) // 00:30 on the 10th
	if got := at.Format(time.DateOnly); got != "2026-08-21" {
		t.Errorf("got %s, want 2026-08-21", got)
	}
}

func TestDatesInProse(t *testing.T) {
	c := shippedJudge(t).dates
	ref := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	tests := []struct{ text, want string }{
		{"by 21 August 2026", "2026-08-21T23:59:59+01:00"},
		{"by Friday 21st August 2026 at 5pm", "2026-08-21T17:00:00+01:00"},
		{"no later than 12 noon on 3 Nov 2026", "2026-11-03T12:00:00Z"},
		{"10th September 2026 at 1700hrs", "2026-09-10T17:00:00+01:00"},
		{"no later than 1200 hrs (BST) on 18th September 2026", "2026-09-18T12:00:00+01:00"},
		{"latest by 5pm; Friday 28 August 2026", "2026-08-28T17:00:00+01:00"},
		{"by midnight 20 August 2026", "2026-08-20T23:59:59+01:00"},
		{"at 17:00 BST on 21 August 2026", "2026-08-21T17:00:00+01:00"},
		{"21/08/2026", "2026-08-21T23:59:59+01:00"},
		{"on August 21, 2026", "2026-08-21T23:59:59+01:00"},
		{"2026-08-21", "2026-08-21T23:59:59+01:00"},
		{"21 August", "2026-08-21T23:59:59+01:00"},
		{"3 February", "2027-02-03T23:59:59Z"},
		{"31 February 2026", ""},
		{"32/13/2026", ""},
		{"may 5 people", ""},
		{"version 1.2.3", ""},
		{"the 21st of August 2026", "2026-08-21T23:59:59+01:00"},
	}
	for _, tt := range tests {
		got := ""
		if ds := c.dates(tt.text, ref); len(ds) > 0 {
			got = ds[0].at.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}
