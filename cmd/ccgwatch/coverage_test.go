package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// A row of the catalogue is called dead or stale for what was seen of it.
func TestDeadAndStaleRowsAreSaidByWhatWasSeen(t *testing.T) {
	now := at("2026-11-20T09:00")
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	failing := func(since int, complete time.Time, why store.Reason) store.Health {
		return store.Health{LastTry: now, FailingSince: day(since), LastComplete: complete, Failed: since, Problems: []store.Problem{{Reason: why, What: "the visit"}}}
	}
	for _, c := range []struct {
		name string
		h    store.Health
		want string
	}{
		{"never visited", store.Health{}, ""},
		{"read today", store.Health{LastTry: now, LastComplete: now, Rhythm: store.Rhythm{Changed: day(30), Lessons: 400}}, ""},
		{"failing for a week", failing(7, day(8), store.ReasonServer), ""},
		{"gone for a fortnight", failing(14, day(15), store.ReasonMissing), "x: dead since 2026-11-06T09:00:00Z (missing); it may have moved: 'ccgwatch add' its new address"},
		{"refused for a month", failing(30, day(31), store.ReasonRefused), "x: dead since 2026-10-21T09:00:00+01:00 (refused)"},
		{"never read, since yesterday", failing(1, time.Time{}, store.ReasonFormat), ""},
		{"never read, for three days", failing(3, time.Time{}, store.ReasonFormat), "x: dead as it is written: never read in 3 days (format); 'ccgwatch try x' shows what it gives"},
		{"nothing new for a year", store.Health{LastTry: now, LastComplete: now, Rhythm: store.Rhythm{Changed: day(400), Lessons: 500}}, "x: stale: it can be read and has had nothing new for 400 days; they may publish elsewhere by now"},
		{"never anything new in a year of looks", store.Health{LastTry: now, LastComplete: now, Rhythm: store.Rhythm{Lessons: 366}}, "x: stale: it can be read and has had nothing new for 366 days; they may publish elsewhere by now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.h.Source = "x"
			s := source{}
			s.ID = "x"
			if got := strings.Join(seenNotes([]store.Health{c.h}, []source{s}, now), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// The page of the coverage and the status say what is watched since when, how
// completely, and what is not seen.
func TestCoverageSaysWhatIsNotSeen(t *testing.T) {
	now := at("2026-08-12T09:00")
	a := braked(t, t.TempDir(), 0, now)
	a.publish(t, now, "paper", 1)
	a.cfg.Group.Areas = []string{"leicester"}
	if err := a.store.Note(t.Context(), store.Health{Source: "trust", LastTry: now, LastComplete: now, Counts: map[store.Kind]int{store.KindPaper: 12},
		Problems: []store.Problem{{Reason: store.ReasonFormat, What: store.PaperProblem + "Pack"}, {Reason: store.ReasonUnstable, What: "what keeps changing by itself"}}}); err != nil {
		t.Fatal(err)
	}
	all := squash(page(t, a, now, "/coverage").Find("main").Text())
	for _, want := range []string{
		"1 source is followed", "1 source: read, and not believed", "Meetings in private.", "Orders under a framework.", "Contracts below the thresholds.",
		"Bodies without a source. The own pages of these bodies of the area", "At the moment 1 paper, listed with their sources",
		"Board of trust.example: read, and not believed", "Watched since Tuesday 12 August 2025, 09:00", "1 paper unread",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
	c := a.coverage([]jsonStatus{{Source: "a", Condition: store.OK, LastComplete: "x"}, {Source: "b", Condition: store.Blocked, Problems: []store.Problem{{What: store.PaperProblem + "p"}}}}, "2026-08-12")
	if fmt.Sprint(c.By, c.Unread, c.Never, c.Bodies > 0) != "map[blocked:1 ok:1] 1 [b] true" {
		t.Errorf("%+v", c)
	}
	var b strings.Builder
	if err := printCoverage(&b, c); err != nil || !strings.Contains(b.String(), "coverage: 1 of 2 sources read completely at the last look; 1 paper could not be read; ") {
		t.Errorf("%v %s", err, b.String())
	}
}

// A paper that could be read but for its scanned pages is no failure, and yet
// words on it are not seen: that is said, and said no longer when a paper that can
// be read stands in its place.
func TestCoverageSaysWhichPapersHavePagesUnread(t *testing.T) {
	now := at("2026-08-12T09:00")
	a := braked(t, t.TempDir(), 0, now)
	look := func(now time.Time, sha string, unread ...string) string {
		t.Helper()
		snap, err := a.store.Snapshot(t.Context(), "trust", nil)
		if err != nil {
			t.Fatal(err)
		}
		var items []store.Item
		for i, pages := range unread {
			key := fmt.Sprint("document/", i)
			items = append(items, store.Item{Source: "trust", Key: key, Kind: store.KindPaper, Title: "Pack",
				Documents: []store.Document{{Key: key, Title: "Pack", SHA256: strings.Repeat(sha, 32), Pages: 9, Unread: pages, Fetched: now}}})
		}
		next, changes := store.Diff(snap, store.Sighting{Source: "trust", At: now, Last: true, Whole: true, Items: items})
		if err := a.store.Commit(t.Context(), next, changes, store.Health{Source: "trust", LastTry: now, LastComplete: now}); err != nil {
			t.Fatal(err)
		}
		return squash(page(t, a, now, "/coverage").Find("main").Text())
	}
	if got := look(now, "ab", "", "3, 7-9", "1"); !strings.Contains(got, "2 papers with pages that could not be read") {
		t.Errorf("it says: %s", got)
	}
	if got := look(now.Add(time.Hour), "cd", "", "", ""); strings.Contains(got, "with pages that could not be read") {
		t.Errorf("all are read, and it says: %s", got)
	}
}
