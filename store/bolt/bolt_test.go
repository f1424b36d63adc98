package bolt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

func TestContract(t *testing.T) {
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		t.Helper()
		s, err := bolt.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		dirs[s] = dir
		return s
	}
	storetest.Test(t,
		func(t *testing.T) store.Store { t.Helper(); return open(t, t.TempDir()) },
		func(t *testing.T, s store.Store) store.Store {
			t.Helper()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		})
}

// TestFreeClaims: what a sender held that died is free at once; what it may
// have sent waits, once.
func TestFreeClaims(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	at := func(h int) time.Time { return time.Date(2026, 8, 10, h, 0, 0, 0, time.UTC) }
	open := func() *bolt.Store {
		s, err := bolt.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.FreeClaims(ctx); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Subscribe(ctx, store.Subscription{ID: "ann", Address: "ann@example.org", State: store.StateConfirmed}))
	var ds []store.Delivery
	for _, id := range []string{"1", "2"} {
		ds = append(ds, store.Delivery{ID: id, Subscription: "ann", Raw: []byte(id), Created: at(1), Due: at(1)})
	}
	must(s.Advance(ctx, "m", store.Position{}, store.Position{Seq: 1}, nil, ds))
	for round, want := range []string{"2 after 0s, 1 after 15m0s", "" /* in doubt twice */} {
		begun := at(2 + round)
		got, err := s.Lease(ctx, begun, 24*time.Hour, 9)
		must(err)
		for _, d := range got {
			if d.ID == "1" {
				d.Due = begun.Add(15 * time.Minute)
				must(s.Dot(ctx, d))
			}
		}
		must(s.Close()) // killed here
		s = open()
		var free []string
		for wait := time.Duration(0); wait < time.Hour; wait += 15 * time.Minute {
			got, err := s.Lease(ctx, begun.Add(wait), 24*time.Hour, 9)
			must(err)
			for _, d := range got {
				free = append(free, fmt.Sprintf("%s after %s", d.ID, wait))
				d.State = store.Sent
				if d.ID == "1" && round == 0 {
					d.State, d.Due = store.Queued, begun.Add(time.Hour)
				}
				must(s.Settle(ctx, d))
			}
		}
		if got := strings.Join(free, ", "); got != want {
			t.Errorf("free after kill %d: %q, want %q", round+1, got, want)
		}
	}
	must(s.Close())
}
