package web

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// A watchedOutbox counts how often its findings are read.
type watchedOutbox struct {
	store.Outbox
	reads *atomic.Int64
}

func (c watchedOutbox) Findings(ctx context.Context, after uint64, f func(store.Finding) bool) error {
	c.reads.Add(1)
	return c.Outbox.Findings(ctx, after, f)
}

// Symptom: once a store had been brought back from a copy, and something new was
// found, each list of findings took seconds: the numbers that a restored store leaves
// out were gone through backwards, ten thousand at a time.
func TestListsOfARestoredStoreAreReadInFewSteps(t *testing.T) {
	a := newArchive(t)
	for i, id := range []string{"f0", "f1", "f2"} {
		if i > 0 {
			a.must(a.store.SkipTo(t.Context(), uint64(i)*1_700_000_000))
		}
		n := a.see("find-a-tender", false, aNotice("00000"+id[1:]+"-2026", "tender", inDays(30)))
		x := bidsDue(n[0], id, "tender", inDays(30))
		x.Thread = "ocds-" + id
		x.Title = "Night nursing " + id
		a.find(x)
	}
	var reads atomic.Int64
	a.server.Outbox = watchedOutbox{a.store, &reads}
	a.restart()
	page := string(a.get("/findings"))
	for _, id := range []string{"f0", "f1", "f2"} {
		if !strings.Contains(page, "Night nursing "+id) {
			t.Errorf("%s is not listed", id)
		}
	}
	if n := reads.Load(); n > 300 {
		t.Errorf("a page read findings %d times", n)
	}
	reads.Store(0)
	var threads []string
	th := alerts.Threads{Ledger: a.store, Outbox: watchedOutbox{a.store, &reads}, Marks: a.store}
	a.must(th.Recent(t.Context(), 0, func(x store.Finding) bool { threads = append(threads, x.Thread); return true }))
	if got := strings.Join(threads, " "); got != "ocds-f2 ocds-f1 ocds-f0" || reads.Load() > 300 {
		t.Errorf("procurements: %s, after reading findings %d times", got, reads.Load())
	}
}
