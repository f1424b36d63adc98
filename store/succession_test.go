package store

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func meetingAt(key, committee, when string) Item {
	return Item{Key: key, Kind: KindMeeting, Title: committee, URL: "https://x.example/" + key, Fields: map[string]string{FieldWhen: when, FieldCommittee: committee, FieldStatus: StatusConfirmed}}
}

// A meeting keeps its identity through what sites do to it; what is another
// meeting is one.
func TestAMeetingIsTheSameThroughMoves(t *testing.T) {
	now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
	const board, scrutiny = "Board meeting", "Health Scrutiny"
	for _, test := range []struct {
		name        string
		was, became []Item
		want        []string // key: whats; fields
	}{
		{"title and date at once", []Item{meetingAt("meeting/1", board, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/1", "Extraordinary board meeting", "2026-09-17T10:00:00+01:00")},
			[]string{"meeting/1: meeting_moved; title committee when"}},
		{"into another year", []Item{meetingAt("meeting/1", board, "2026-12-16T13:00:00Z")}, []Item{meetingAt("meeting/1", board, "2027-01-13T13:00:00Z")},
			[]string{"meeting/1: meeting_moved; when"}},
		{"made anew with another number", []Item{meetingAt("meeting/1", scrutiny, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/7", scrutiny, "2026-09-10T13:00:00+01:00")},
			[]string{"meeting/7: ; url key"}},
		{"made anew, at another hour", []Item{meetingAt("meeting/1", scrutiny, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/7", scrutiny, "2026-09-10T17:30:00+01:00")},
			[]string{"meeting/7: meeting_moved; url when key"}},
		{"moved on a page that gives no number", []Item{meetingAt("meeting/p/#2026-09-10", board, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/p/#2026-09-17", board, "2026-09-17T13:00:00+01:00")},
			[]string{"meeting/p/#2026-09-17: meeting_moved; url when key"}},
		{"a year put right", []Item{meetingAt("meeting/p/#2027-01-20", board, "2027-01-20T13:00:00Z")}, []Item{meetingAt("meeting/p/#2028-01-20", board, "2028-01-20T13:00:00Z")},
			[]string{"meeting/p/#2028-01-20: meeting_moved; url when key"}},

		{"a further number on another day is another meeting", []Item{meetingAt("meeting/1", scrutiny, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/7", scrutiny, "2026-09-17T13:00:00+01:00")},
			[]string{"meeting/7: new_meeting; "}},
		{"another committee on that day", []Item{meetingAt("meeting/1", scrutiny, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/7", "Planning", "2026-09-10T13:00:00+01:00")},
			[]string{"meeting/7: new_meeting; "}},
		{"the old one is still there", []Item{meetingAt("meeting/p/#2026-09-10", board, "2026-09-10T13:00:00+01:00")}, []Item{meetingAt("meeting/p/#2026-09-10", board, "2026-09-10T13:00:00+01:00"), meetingAt("meeting/p/#2026-09-17", board, "2026-09-17T13:00:00+01:00")},
			[]string{"meeting/p/#2026-09-17: new_meeting; "}},
		{"two that it could be", []Item{meetingAt("meeting/p/#2026-09-10", board, "2026-09-10T13:00:00+01:00"), meetingAt("meeting/p/#2026-10-08", board, "2026-10-08T13:00:00+01:00")}, []Item{meetingAt("meeting/p/#2026-09-17", board, "2026-09-17T13:00:00+01:00")},
			[]string{"meeting/p/#2026-09-17: new_meeting; "}},
		{"one that was and another to come", []Item{meetingAt("meeting/p/#2026-08-10", board, "2026-08-10T13:00:00+01:00")}, []Item{meetingAt("meeting/p/#2026-09-17", board, "2026-09-17T13:00:00+01:00")},
			[]string{"meeting/p/#2026-09-17: new_meeting; "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stays := meetingAt("meeting/99", "Council", "2026-11-10T13:00:00Z")
			base, _ := Diff(Snapshot{}, Sighting{Source: "s", At: now.Add(-48 * time.Hour), Whole: true, Last: true, Items: append(slices.Clone(test.was), stays)})
			next, changes := Diff(base, Sighting{Source: "s", At: now, Whole: true, Last: true, Items: append(slices.Clone(test.became), stays)})
			var got []string
			for _, c := range changes {
				var whats, fields []string
				for _, w := range c.What {
					whats = append(whats, string(w))
				}
				for _, f := range c.Fields {
					fields = append(fields, f.Name)
				}
				got = append(got, c.Key+": "+strings.Join(whats, " ")+"; "+strings.Join(fields, " "))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if strings.HasSuffix(test.want[0], "key") {
				if it := next.Items[test.became[0].Key]; !it.FirstSeen.Equal(now.Add(-48 * time.Hour)) {
					t.Errorf("first seen %v: it is the same meeting", it.FirstSeen)
				}
				// The next looks say nothing more about it, nor that the old key is gone.
				for range 3 {
					if next, changes = Diff(next, Sighting{Source: "s", At: now.Add(24 * time.Hour), Whole: true, Last: true, Items: append(slices.Clone(test.became), stays)}); len(changes) > 0 {
						t.Errorf("told again: %+v", changes)
					}
				}
			}
		})
	}
}
