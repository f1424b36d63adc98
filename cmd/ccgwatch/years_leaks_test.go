package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// Each half minute the daemon looks whether something is to be worked out. Where
// nothing is new, nothing is written: the list of procurements was committed each
// time, 2,880 times a day, which wears a memory card out.
func TestNothingIsWrittenWhereNothingIsNew(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	step := func() {
		a.derive(t.Context())
		if err := a.listed.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step()
	read := func() []byte {
		b, err := os.ReadFile(filepath.Join(a.data, bolt.DerivedFile))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	was := read()
	for range 3 {
		step()
	}
	if !bytes.Equal(was, read()) {
		t.Error("what was worked out is written again, and nothing is new")
	}
	if err := amended(t.Context(), a, "tenders", "ocds-h6vhtk-0a9999/069999-2026", townStart().AddDate(0, 0, 14), func(it *store.Item, c *store.Change) {
		it.Kind, it.Title, c.What = store.KindNotice, "Podiatry", []store.What{store.NoticeNew}
		it.Notice = &store.Notice{OCID: "ocds-h6vhtk-0a9999", Release: "069999-2026", Title: it.Title, Buyers: []store.Party{{Name: "NHS Mercia Vale Integrated Care Board"}}, CPV: []string{"85110000"}, Tags: []string{"tender"}}
	}); err != nil {
		t.Fatal(err)
	}
	step()
	if bytes.Equal(was, read()) {
		t.Error("what is new was not worked out")
	}
}

// The place in the log that the digests of each day and week went on from stayed
// for good. It goes with the texts of mails, unless somebody's next digest goes on
// from there.
func TestOldPlacesOfDigestsAreForgotten(t *testing.T) {
	now := townStart().AddDate(1, 0, 0)
	slot := func(days int) time.Time { return now.AddDate(0, 0, -days).Truncate(time.Second).UTC() }
	for name, c := range map[string]struct {
		last int // days since somebody's last digest; 0: nobody gets them
		kept []int
	}{
		"nobody gets digests":                {0, []int{80, 7}},
		"everybody had theirs this week":     {7, []int{80, 7}},
		"the machine was off for a while":    {100, []int{100, 80, 7}},
		"somebody's place is long forgotten": {300, []int{200, 100, 80, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			a := filled(t)
			defer closeApp(t, a)
			all, err := a.store.Subscriptions(t.Context(), "", 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				if err := a.store.End(t.Context(), s.ID, now); err != nil {
					t.Fatal(err)
				}
			}
			if c.last > 0 {
				if err := a.store.Subscribe(t.Context(), store.Subscription{ID: strings.Repeat("7", 32), Address: "eve@example.org", Often: store.Weekly, State: store.StateConfirmed, Created: townStart(), LastDigest: slot(c.last)}); err != nil {
					t.Fatal(err)
				}
			}
			name := func(days int) string { return "digest " + slot(days).Format(time.RFC3339) }
			ages := []int{200, 100, 80, 7}
			for _, d := range ages {
				if err := a.store.Advance(t.Context(), name(d), store.Position{}, store.Position{Seq: uint64(300 - d), Subscription: "mark"}, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			judged, err := a.store.Position(t.Context(), alerts.Follower)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.forgetStale(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			var kept []int
			for _, d := range ages {
				if at, err := a.store.Position(t.Context(), name(d)); err != nil {
					t.Fatal(err)
				} else if at.Seq > 0 {
					kept = append(kept, d)
				}
			}
			if len(kept) != len(c.kept) {
				t.Errorf("of %v days ago %v are kept, want %v", ages, kept, c.kept)
			}
			if at, err := a.store.Position(t.Context(), alerts.Follower); err != nil || at != judged {
				t.Errorf("the place of another follower was %v and is %v, %v", judged, at, err)
			}
		})
	}
}

// That everybody was asked about for a time of the schedule was kept for each week,
// for ever.
func TestOldLooksForWhatWasLostAreForgotten(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	now := townStart().AddDate(1, 0, 0)
	name := func(days int) string {
		return "lost " + now.AddDate(0, 0, -days).UTC().Format(time.RFC3339)
	}
	for _, d := range []int{200, 100, 7} {
		if err := a.store.Advance(t.Context(), name(d), store.Position{}, store.Position{Subscription: "all"}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.forgetStale(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	for d, want := range map[int]bool{200: false, 100: false, 7: true} {
		at, err := a.store.Position(t.Context(), name(d))
		if err != nil || (at.Subscription != "") != want {
			t.Errorf("of %d days ago: %+v, %v, want kept %v", d, at, err, want)
		}
	}
}
