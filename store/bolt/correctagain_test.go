package bolt_test

import (
	"testing"
	"time"

	"ccgwatch/store"
)

// Corrections of a store that was lost are made in its copy: all or none, under the
// next numbers, with letters for nobody. What waits and speaks of their items is taken
// back, and whoever keeps something of an item that is known is told by the log.
func TestCorrectionsOfALostStoreAreMadeAgain(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	ctx, at := t.Context(), time.Date(2026, 8, 12, 10, 0, 0, 0, time.UTC)
	must(t, s.Commit(ctx, store.Snapshot{Source: "s", Items: map[string]store.Item{"a": {Key: "a", Title: "now"}}}, []store.Change{{Source: "s", Key: "a"}}, store.Health{}))
	must(t, s.Subscribe(ctx, store.Subscription{ID: "1", Address: "a@example.net", State: store.StateConfirmed}))
	must(t, s.Advance(ctx, "x", store.Position{}, store.Position{Seq: 1}, []store.Finding{{ID: "f", Change: 1, Source: "s", Key: "a"}},
		[]store.Delivery{{ID: "d", Subscription: "1", Kind: "alert", State: store.Queued, Findings: []string{"f"}}}))
	hold := store.Correction{N: 7, Seq: 70, Judged: 60, At: at, Source: "s", Key: "a", Title: "then", Act: store.ActHold, Reason: "x", Mail: true}
	other := store.Correction{N: 9, At: at, Source: "s", Key: "b", Kind: store.KindMeeting, Title: "not known", Act: store.ActRedact, Reason: "x", Strike: []string{"words"}}
	if err := s.CorrectAgain(ctx, []store.Correction{hold, {Source: "s", Key: "b", Act: store.ActRedact}}); err == nil {
		t.Error("a correction that says nothing is taken")
	}
	if all, err := s.Corrections(ctx, 0); err != nil || len(all) != 0 {
		t.Fatalf("half of it is kept: %+v, %v", all, err)
	}
	must(t, s.CorrectAgain(ctx, []store.Correction{hold, other}))
	edits, err := s.Edits(ctx)
	must(t, err)
	if edits.Shows("s", "a") || !edits.Of("s", "b").Struck || edits.N() != 2 {
		t.Error("they do not count")
	}
	all, err := s.Corrections(ctx, 0)
	must(t, err)
	for i, want := range []store.Correction{{N: 1, Seq: 2, Title: "then"}, {N: 2, Seq: 2, Title: "not known", Kind: store.KindMeeting}} {
		if got := all[i]; got.N != want.N || got.Seq != want.Seq || got.Title != want.Title || got.Kind != want.Kind || got.Judged != 0 || got.Mail {
			t.Errorf("correction %d: %+v", i+1, got)
		}
	}
	d, err := s.Delivery(ctx, "d")
	must(t, err)
	if d.State != store.Suppressed {
		t.Errorf("what speaks of it is %s", d.State)
	}
	log, err := s.Changes(ctx, 1, 0)
	must(t, err)
	if len(log) != 1 || log[0].Op != store.OpCorrected || log[0].Key != "a" || !log[0].Silent {
		t.Errorf("the log: %+v", log)
	}
}
