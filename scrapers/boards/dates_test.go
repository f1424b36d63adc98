package boards_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
)

func TestDates(t *testing.T) {
	const ok = ""
	tests := []struct {
		in   string
		want [][2]string
	}{
		{"23 July 2026", [][2]string{{"23 July 2026", ok}}},
		{"Thursday 23rd July 2026", [][2]string{{"23 July 2026", ok}}},
		{"Thursday, 23 July, 2026 at 10am", [][2]string{{"23 July 2026", ok}}},
		{"Thursday the 23rd of July 2026", [][2]string{{"23 July 2026", ok}}},
		{"Thurs 23 Jul 2026", [][2]string{{"23 July 2026", ok}}},
		{"THURSDAY 23 JULY 2026", [][2]string{{"23 July 2026", ok}}},
		{"17-Sep-26", [][2]string{{"17 September 2026", ok}}},
		{"17 Sept. 2026", [][2]string{{"17 September 2026", ok}}},
		{"25/01/23", [][2]string{{"25 January 2023", ok}}},
		{"Wednesday 25/1/2023", [][2]string{{"25 January 2023", ok}}},
		{"25.01.2023 and 26-01-2023", [][2]string{{"25 January 2023", ok}, {"26 January 2023", ok}}},
		{"2026-07-23 papers", [][2]string{{"23 July 2026", ok}}},
		{"July 23, 2026", [][2]string{{"23 July 2026", ok}}},
		{"2 January 2006, 3.04pm", [][2]string{{"2 January 2006", ok}}},
		{"29 February 2028", [][2]string{{"29 February 2028", ok}}},
		{"20 August 2026 to 3 September 2026", [][2]string{{"20 August 2026", ok}, {"3 September 2026", ok}}},
		{"Wednesday 9 July 2026", [][2]string{{"9 July 2026", "the page calls 9 July 2026 a Wednesday; it is a Thursday"}}},
		{"Thursday 29 Sept 2026", [][2]string{{"29 September 2026", "the page calls 29 September 2026 a Thursday; it is a Tuesday"}}},
		{"Thursday 20 August", [][2]string{{"20 August", `the page says "Thursday 20 August" without a year`}}},
		{"20 August - 10.30", [][2]string{{"20 August", `the page says "20 August" without a year`}}},
		{"31 June 2026", [][2]string{{"a day that does not exist", `the page says "31 June 2026", and there is no such day`}}},
		{"29 February 2026", [][2]string{{"a day that does not exist", `the page says "29 February 2026", and there is no such day`}}},
		{"6 July 0206", [][2]string{{"6 July 206", `the page says "6 July 0206": a strange year`}}},
		{"July 2026", nil},
		{"Trust Board 2026", nil},
		{"07/23/2026", nil},
		{"version 1.2.26", nil},
		{"sort code 20-10-26", nil},
		{"123 July 2026x", nil},
		{"a march of 5 marchers", nil},
		{"1/2/3/4", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, boards.Dates(tt.in)); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
	}
}

func TestTimes(t *testing.T) {
	for in, want := range map[string]string{
		", 3.04pm. Boards meet":    "15:04",
		" at 10am":                 "10:00",
		"10.00 am - 1.00 pm":       "10:00",
		"10:00 – 13:00":            "10:00",
		"2-4pm":                    "14:00",
		"10 to 1pm":                "10:00",
		"9.30-11am":                "09:30",
		"11.30-1pm":                "11:30",
		"12-2pm":                   "12:00",
		"12am":                     "00:00",
		"12.15pm":                  "12:15",
		"6 p.m.":                   "18:00",
		"12 noon":                  "12:00",
		"midday":                   "12:00",
		"17:30":                    "17:30",
		"Room 4, 10am":             "10:00",
		"25:99":                    "",
		"14pm":                     "14:00",
		"99pm":                     "",
		"Boards meet in public":    "",
		"item 3 of 4 in room 2026": "",
	} {
		if got := boards.Clock(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzDate: the search ends, and what it finds exists or says that it does not.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"Thursday 23rd July 2026, 3.04pm", "17-Sep-26 25/01/23", "July 23, 2026", "2026-07-23", "31 June 2026 2-4pm", "99/12/99 12/12/9999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		for _, d := range boards.Dates(s) {
			if d[0] == "" || d[0] == "a day that does not exist" && d[1] == "" {
				t.Errorf("%q: %q", s, d)
			}
		}
		_ = boards.Clock(s)
	})
}

// BenchmarkDates reads a page of a thousand dates.
func BenchmarkDates(b *testing.B) {
	page := strings.Repeat("Boards Together | Thursday 20 August 2026, in the town hall of Exampleton; papers five working days before. ", 1000)
	for b.Loop() {
		if n := len(boards.Dates(page)); n != 1000 {
			b.Fatal(n)
		}
	}
	b.SetBytes(int64(len(page)))
}
