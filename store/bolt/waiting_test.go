package bolt

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// Whether a message waits was looked for among all that were ever sent, every few
// minutes. What waits is found by itself, the first to be due first.
func TestWhatWaitsIsFoundWithoutTheMailOfYears(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := time.Date(2026, 9, 7, 7, 30, 0, 0, time.UTC)
	if err := s.Subscribe(t.Context(), store.Subscription{ID: "ann", Address: "ann@example.org", State: store.StateConfirmed, Often: store.Daily}); err != nil {
		t.Fatal(err)
	}
	var all []store.Delivery
	for i := range 40 {
		all = append(all, store.Delivery{ID: fmt.Sprintf("%02d", i), Subscription: "ann", Kind: "digest", State: store.Queued, Created: start.AddDate(0, 0, i), Due: start.AddDate(0, 0, 80-i), Raw: []byte("x")})
	}
	if err := s.Advance(t.Context(), "match", store.Position{}, store.Position{Seq: 1}, nil, all); err != nil {
		t.Fatal(err)
	}
	look := func(most int) (got []string) {
		t.Helper()
		if err := s.Waiting(t.Context(), func(d store.Delivery) bool {
			if d.Raw != nil {
				t.Error("with its bytes")
			}
			got = append(got, d.ID+" "+string(d.State))
			return len(got) < most
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	now := start.AddDate(0, 0, 78)
	taken, err := s.Lease(t.Context(), now, time.Hour, 40)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range taken[:len(taken)-1] { // one stays claimed
		d.State, d.SentAt = store.Sent, now
		if err := s.Settle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{taken[len(taken)-1].ID + " " + string(store.Claimed), "01 queued", "00 queued"}
	if diff := cmp.Diff(want, look(99)); diff != "" {
		t.Errorf("what waits (-want +got):\n%s", diff)
	}
	if got := look(1); len(got) != 1 {
		t.Errorf("asked for one: %v", got)
	}
}
