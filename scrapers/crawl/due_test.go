package crawl

import (
	"testing"
	"time"

	"ccgwatch/store"
)

func TestPaperDue(t *testing.T) {
	now := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	days := func(n float64) time.Time { return now.Add(time.Duration(n * 24 * float64(time.Hour))) }
	looked := func(n float64) store.Document { return store.Document{Fetched: days(-n)} }
	tagged := func(n float64) store.Document { return store.Document{Fetched: days(-n), ETag: `"x"`} }
	dated := func(n float64) store.Document { return store.Document{Fetched: days(-n), Modified: "Mon"} }
	failed := func(n, since float64) store.Document {
		return store.Document{Fetched: days(-n), Failed: "x", FailedAt: days(-since)}
	}
	var never time.Time
	tests := []struct {
		name           string
		d              store.Document
		meeting, known time.Time
		want           bool
	}{
		{"new, of a coming meeting", store.Document{}, days(8), never, true},
		{"new, of a recent one", store.Document{}, days(-60), never, true},
		{"new, of one long ago", store.Document{}, days(-61), never, false},
		{"new, of no date", store.Document{}, never, never, true},
		{"before the meeting, an hour later", looked(0.04), days(8), never, false},
		{"before the meeting, the next day a little earlier", looked(0.97), days(8), never, true},
		{"after it, the next day", looked(1), days(-1), never, false},
		{"after it, the next week", looked(7), days(-8), never, true},
		{"a month after it", looked(7), days(-31), never, true},
		{"later, without validator", looked(30), days(-32), never, false},
		{"later, with an ETag", tagged(7), days(-300), never, true},
		{"later, with a date", dated(7), days(-300), never, true},
		{"not every day", tagged(6), days(-300), never, false},
		{"no date, known for a week", looked(7), never, days(-7), true},
		{"no date, known for long", looked(7), never, days(-40), false},
		{"failed yesterday", failed(1, 1), days(-300), never, true},
		{"failed an hour ago", failed(0.04, 1), days(8), never, false},
		{"failing for three weeks", failed(1, 21), days(8), never, false},
		{"failing for three weeks, a week later", failed(7, 21), days(-300), never, true},
	}
	for _, tt := range tests {
		if got := paperDue(tt.d, tt.meeting, tt.known, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWanted(t *testing.T) {
	pack, report := store.Document{Role: store.RolePack}, store.Document{Role: store.RoleReport}
	front, minutes := store.Document{Role: store.RoleFrontsheet}, store.Document{Role: store.RoleMinutes}
	for _, tt := range []struct {
		name string
		d    store.Document
		all  []store.Document
		want bool
	}{
		{"a report", report, []store.Document{report, pack}, true},
		{"a pack alone", pack, []store.Document{pack, front, minutes}, true},
		{"a pack whose parts are listed", pack, []store.Document{pack, report}, false},
		{"a front sheet", front, []store.Document{front}, false},
		{"minutes", minutes, []store.Document{minutes}, true},
		{"no role", store.Document{}, nil, true},
	} {
		if got := wanted(tt.d, tt.all); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Validators belong to an address: CMIS gives its papers a new one every day.
func TestCarry(t *testing.T) {
	old := store.Document{URL: "https://a.example/1", SHA256: "s", Pages: 3, ETag: "e", Modified: "m", Fetched: time.Unix(1, 0)}
	same, moved := store.Document{URL: old.URL}, store.Document{URL: "https://a.example/2"}
	carry(&same, old)
	carry(&moved, old)
	if same.ETag != "e" || same.Modified != "m" || moved.ETag != "" || moved.Modified != "" || moved.SHA256 != "s" || moved.Pages != 3 {
		t.Errorf("%+v, %+v", same, moved)
	}
}
