package main

import (
	"testing"

	"ccgwatch/store"
)

// A row of the catalogue that nobody follows can be read once; what is in no
// catalogue cannot, and neither is followed by it.
func TestARowThatIsNotFollowedIsReadOnce(t *testing.T) {
	a := dueApp(t)
	s, ok, err := a.dormant("norfolk-and-suffolk-icb")
	if err != nil || !ok || s.Platform != "boards" || s.Body != "nhs-norfolk-and-suffolk-icb" {
		t.Errorf("%+v %v %v", s, ok, err)
	}
	if _, ok, err := a.dormant("nowhere"); ok || err != nil {
		t.Error(ok, err)
	}
	if _, err := a.source("norfolk-and-suffolk-icb"); err == nil {
		t.Error("it is followed now")
	}
	// What a backfill of it gives is silent, and so is the look after it: nothing was its baseline before.
	it := boardMeeting("meeting/1", "2021-09-02T13:00:00+01:00")
	next, cs := store.Diff(store.Snapshot{}, store.Sighting{Source: s.ID, At: at("2026-09-01T07:00"), Whole: true, Last: true, Silent: true, Items: []store.Item{it}})
	if len(cs) != 1 || !cs[0].Silent || !next.Baseline.IsZero() {
		t.Errorf("%+v", cs)
	}
}
