package store

import (
	"testing"
	"time"
)

// What a source itself knows to be one thing under two keys goes on as one, and
// only where that can be true.
func TestASourceSaysWhichKeysAreOne(t *testing.T) {
	now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
	const day = "2026-09-17T00:00:00+01:00"
	old := func() Snapshot {
		was := meetingAt("dates#2026-09-17", "Board meeting", day)
		was.Fields[FieldListedIn] = "Dates, page 1"
		other := meetingAt("meeting/other", "Planning", "2026-09-01T00:00:00+01:00")
		return Snapshot{Baseline: now, Items: map[string]Item{was.Key: was, other.Key: other}}
	}
	page, other := meetingAt("meeting/event/september/", "Boards Together", "2026-09-17T10:00:00+01:00"), meetingAt("meeting/other", "Planning", "2026-09-01T00:00:00+01:00")
	page.Documents = []Document{{Key: "d", Title: "Pack", Role: RolePack}}
	for name, c := range map[string]struct {
		items []Item
		same  map[string]string
		one   bool
	}{
		"one":                         {[]Item{page, other}, map[string]string{page.Key: "dates#2026-09-17"}, true},
		"the old one is still shown":  {[]Item{page, other, old().Items["dates#2026-09-17"]}, map[string]string{page.Key: "dates#2026-09-17"}, false},
		"the new one was known":       {[]Item{other}, map[string]string{other.Key: "dates#2026-09-17"}, false},
		"the old one was never known": {[]Item{page, other}, map[string]string{page.Key: "dates#2026-09-18"}, false},
		"the new one is not there":    {[]Item{other}, map[string]string{page.Key: "dates#2026-09-17"}, false},
		"nobody says so":              {[]Item{page, other}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			next, changes := Diff(old(), Sighting{At: now, Whole: true, Items: c.items, Same: c.same})
			was := next.Items["dates#2026-09-17"]
			if one := !was.Withdrawn.IsZero(); one != c.one {
				t.Errorf("taken for one: %v\n%+v", one, changes)
			}
			for _, x := range changes {
				if x.Key == page.Key && x.Has(NewMeeting) == c.one {
					t.Errorf("%+v", x)
				}
				if c.one && x.Key == page.Key && !x.Has(DocumentAdded) {
					t.Errorf("its papers are news: %+v", x)
				}
			}
		})
	}
}

// What stood in what was read before is no news when it is found there.
func TestWhatWasReadBeforeIsQuiet(t *testing.T) {
	now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
	a, b := meetingAt("dates#2026-09-17", "Board meeting", "2026-09-17T00:00:00+01:00"), meetingAt("dates#2026-11-19", "Board meeting", "2026-11-19T00:00:00Z")
	_, changes := Diff(Snapshot{Baseline: now}, Sighting{At: now, Whole: true, Items: []Item{a, b}, Quiet: map[string]bool{a.Key: true}})
	if len(changes) != 2 || !changes[0].Silent || changes[1].Silent {
		t.Errorf("%+v", changes)
	}
}

// Symptom: a site that went from http to https, or took "www.", showed a change of
// every address.
func TestAnAddressThatOnlyTakesWwwOrHTTPSIsNoChange(t *testing.T) {
	now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
	for address, changed := range map[string]bool{"https://x.example/a": false, "https://www.x.example/a": false, "http://www.x.example/a": false, "https://x.example/b": true, "https://wwwx.example/a": true, "ftp://x.example/a": true} {
		was := Item{Key: "a", Kind: KindPaper, Title: "A", URL: "http://x.example/a"}
		seen := was
		seen.URL = address
		next, changes := Diff(Snapshot{Baseline: now, Items: map[string]Item{"a": was}}, Sighting{At: now, Whole: true, Items: []Item{seen}})
		if (len(changes) > 0) != changed || next.Items["a"].URL != address {
			t.Errorf("%s: %+v, %s", address, changes, next.Items["a"].URL)
		}
	}
}
