package storetest

import (
	"time"

	"ccgwatch/store"
)

// allOrNothing: a delivery that cannot be stored takes all with it that was to
// be stored at once: what was decided and what is owed because of it are one.
func allOrNothing(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	f := store.Finding{ID: "f1", Change: 1, At: at(1)}
	bad := delivery("\x00", "ann", at(1))
	if err := t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 1}, []store.Finding{f}, []store.Delivery{delivery("1", "ann", at(1)), bad}); err == nil {
		t.Error("stored under a name that breaks a key")
	}
	p, err := t.Position(t.ctx, "matcher")
	t.must(err)
	t.same("the place", p, store.Position{})
	_, err = t.Finding(t.ctx, "f1")
	t.is(err, store.ErrNotFound)

	if err := t.Digest(t.ctx, bad, period("ann", time.Time{}, at(5))); err == nil {
		t.Error("a digest under a name that breaks a key")
	}
	s, err := t.Subscription(t.ctx, "ann")
	t.must(err)
	t.same("the last digest", s.LastDigest, time.Time{})

	t.queue(delivery("2", "ann", at(1)))
	bad.Lease, bad.Carries = at(9), []string{"2"}
	if err := t.Fold(t.ctx, bad, bad.Carries); err == nil {
		t.Error("folded under a name that breaks a key")
	}
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"2": store.Queued})
}
