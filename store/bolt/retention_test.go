package bolt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// What has come to its end loses its bytes after a while, and nothing else; what
// waits keeps them however old it is.
func TestBytesOfOldMessagesAreDropped(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.Subscribe(t.Context(), confirmed("ann")))
	start := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	states := []store.DeliveryState{store.Queued, store.Sent, store.Failed, store.Suppressed, store.Uncertain, store.Folded, store.OnHold}
	var all []store.Delivery
	for i := range 1300 { // more than a transaction takes
		d := store.Delivery{ID: fmt.Sprintf("%032x", i), Subscription: "ann", Subject: fmt.Sprint(i), Raw: []byte(strings.Repeat("The board met. ", 50)),
			State: states[i%len(states)], Created: start.Add(time.Duration(i) * time.Hour), Due: start}
		all = append(all, d)
	}
	must(t, s.Advance(t.Context(), "m", store.Position{}, store.Position{}, nil, all))
	before := start.Add(1200 * time.Hour)
	n, err := s.DropBytes(t.Context(), before)
	must(t, err)
	dropped := 0
	for i, d := range all {
		raw, err := s.Raw(t.Context(), d.ID)
		must(t, err)
		old := d.Created.Before(before) && d.State != store.Queued && d.State != store.OnHold
		if old {
			dropped++
		}
		if (len(raw) == 0) != old {
			t.Fatalf("%d, %s, %s: %d bytes are left", i, d.State, d.Created, len(raw))
		}
	}
	if n != dropped || n < 800 {
		t.Errorf("%d said to be dropped, %d are", n, dropped)
	}
	if n, err := s.DropBytes(t.Context(), before); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	seen := 0
	must(t, s.Deliveries(t.Context(), func(d store.Delivery) bool {
		if d.Subject != "" {
			seen++
		}
		return true
	}))
	if seen != len(all) {
		t.Errorf("%d messages are known of %d", seen, len(all))
	}
	must(t, s.Compact(t.Context()))
	must(t, s.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Error(err)
	}
}
