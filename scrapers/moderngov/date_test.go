package moderngov

import (
	"strings"
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	rd := newReader()
	for _, tt := range []struct{ in, when, words, doubt string }{
		{"Thursday 4 December 2025 7:30 pm", "2025-12-04T19:30:00Z", "", ""},
		{"Tuesday, 18th June, 2024 1.30 pm", "2024-06-18T13:30:00+01:00", "", ""},
		{"Thursday 15th April 2021 7.00 pm", "2021-04-15T19:00:00+01:00", "", ""},
		{"Monday, 28 March 2022 5:30 pm", "2022-03-28T17:30:00+01:00", "", ""},
		{"Wednesday, 30th September, 2026 5.30 p.m.", "2026-09-30T17:30:00+01:00", "", ""},
		{"3 Mar 2026\u00a07:30 pm", "2026-03-03T19:30:00Z", "", ""},
		{"9 Sept 2026 10.00 am", "2026-09-09T10:00:00+01:00", "", ""},
		{"RECONVENED, Monday, 28 March 2022 5:30 pm", "2022-03-28T17:30:00+01:00", "RECONVENED", ""},
		{"Thursday 4 December 2025 7:30 pm, CANCELLED", "2025-12-04T19:30:00Z", "CANCELLED", ""},
		{"Thursday 4 December 2025 7:30 pm, NEW", "2025-12-04T19:30:00Z", "NEW", ""},
		{"Thursday 4 December 2025 7:30 pm, NEW, POSTPONED", "2025-12-04T19:30:00Z", "NEW|POSTPONED", ""},
		{"Thursday 4 December 2025, CANCELLED", "2025-12-04T00:00:00Z", "CANCELLED", ""},
		{"Thursday 4 December 2025", "2025-12-04T00:00:00Z", "", ""},
		{"4 December 2025 12.00 noon", "2025-12-04T12:00:00Z", "", ""},
		{"4 December 2025 noon", "2025-12-04T12:00:00Z", "", ""},
		{"4 December 2025 12:00 am", "2025-12-04T00:00:00Z", "", ""},
		{"4 December 2025 12:15 pm", "2025-12-04T12:15:00Z", "", ""},
		{"4 December 2025 at 7pm", "2025-12-04T19:00:00Z", "", ""},
		{"4 December 2025 19:30", "2025-12-04T19:30:00Z", "", ""},
		{"4 December 2025, 2nd meeting", "2025-12-04T00:00:00Z", "2nd meeting", ""},
		{"Wednesday 18 November 2025 7:30 pm", "2025-11-18T19:30:00Z", "", "the page gives Wednesday 18 November 2025, which is a Tuesday"},
		// The days around the end of summer time.
		{"24 October 2026 10:00 am", "2026-10-24T10:00:00+01:00", "", ""},
		{"26 October 2026 10:00 am", "2026-10-26T10:00:00Z", "", ""},
		// Not read, rather than guessed.
		{"31 June 2026 10:00 am", "", "", ""},
		{"29 February 2026", "", "", ""},
		{"3/4/26", "", "", ""},
		{"0 May 2026", "", "", ""},
		{"4 December 9999", "", "", ""},
		{"4 December 1900", "", "", ""},
		{"4 December", "", "", ""},
		{"4 Rhagfyr 2025", "", "", ""},
		{"4 December 2025 24:00", "", "", ""},
		{"4 December 2025 7:75 pm", "", "", ""},
		{"4 December 2025 1930", "", "", ""},
		{"tomorrow", "", "", ""},
		{"", "", "", ""},
	} {
		got, ok := rd.parse(tt.in)
		if !ok {
			if tt.when != "" {
				t.Errorf("%q is not read", tt.in)
			}
			continue
		}
		if w := got.when.Format(time.RFC3339); w != tt.when || strings.Join(got.words, "|") != tt.words || got.doubt != tt.doubt {
			t.Errorf("%q is %s %q %q, want %s %q %q", tt.in, w, got.words, got.doubt, tt.when, tt.words, tt.doubt)
		}
	}
}

func TestDatesOfTheService(t *testing.T) {
	rd := newReader()
	for _, tt := range []struct{ date, clock, when string }{
		{"10/02/2026", "10.00 am", "2026-02-10T10:00:00Z"},
		{" 10/02/2026 ", "\n  ", "2026-02-10T00:00:00Z"},
		{"13/08/2026", "5.30 pm", "2026-08-13T17:30:00+01:00"},
		{"13/08/2026", "To be confirmed", "2026-08-13T00:00:00+01:00"},
		{"13/08/2026", "25.00", ""},
		{"2026-08-13", "5.30 pm", ""},
		{"08/13/2026", "5.30 pm", ""},
		{"", "5.30 pm", ""},
		{"01/01/0001", "", ""},
	} {
		got, ok := rd.numeric(tt.date, tt.clock)
		if ok != (tt.when != "") || ok && got.Format(time.RFC3339) != tt.when {
			t.Errorf("%q %q is %v %v, want %s", tt.date, tt.clock, got, ok, tt.when)
		}
	}
}

func TestStatus(t *testing.T) {
	for in, want := range map[string]string{
		"Confirmed": "confirmed", "Confirmed; Rescheduled from 24 September 2026": "confirmed", "": "confirmed",
		"Cancelled": "cancelled", "CANCELLED": "cancelled", "Provisional": "provisional",
	} {
		if got := statusOf(in); got != want {
			t.Errorf("service: %q is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "confirmed", "NEW": "confirmed", "RECONVENED": "confirmed", "Agenda|Decisions|Minutes": "confirmed", "EXTRAORDINARY": "confirmed",
		"CANCELLED": "cancelled", "POSTPONED": "postponed", "NEW|CANCELLED": "cancelled", "POSTPONED|CANCELLED": "cancelled",
	} {
		if got := statusIn(strings.Split(in, "|")); got != want {
			t.Errorf("page: %q is %q, want %q", in, got, want)
		}
	}
}

func TestTextIsTidied(t *testing.T) {
	rd := newReader()
	for in, want := range map[string]string{
		" a\u00a0b \n c\t":        "a b c",
		"cafe\u0301":              "caf\u00e9",
		"soft\u00adhyphen\u200b":  "softhyphen",
		"\ufeffturn\u202e around": "turn around",
		"bell\x07 and nul\x00":    "bell and nul",
		"not\xffUTF-8":            "not\ufffdUTF-8",
	} {
		if got := rd.line(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"Chair&#39;s": "Chair's", "A &amp; B": "A & B", "AT&T and R&D": "AT&T and R&D", "&copy2026": "&copy2026",
		"&amp;lt;": "&lt;", "Notes&nbsp;(draft)": "Notes (draft)",
	} {
		if got := rd.twice(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func FuzzDate(f *testing.F) {
	f.Add("Tuesday, 18th June, 2024 1.30 pm, CANCELLED")
	f.Add("RECONVENED, 3 Mar 2026\u00a07:30 pm")
	f.Add("4 December 2025 12.00 noon")
	rd := newReader()
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := rd.parse(s)
		if !ok {
			return
		}
		if y := got.when.Year(); y < 1990 || y > 2100 {
			t.Errorf("%q is in the year %d", s, y)
		}
		again, ok := rd.parse(got.when.Format("Monday 2 January 2006 15:04"))
		if !ok || !again.when.Equal(got.when) && again.when.Format("15:04") != got.when.Format("15:04") || again.doubt != "" {
			t.Errorf("%q is %v, and that printed is %v %v", s, got.when, again, ok)
		}
		for _, w := range got.words {
			if strings.TrimSpace(w) == "" {
				t.Errorf("%q gives an empty word", s)
			}
		}
	})
}
