package bolt

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
)

// What is asked for while another transaction is written is in the next one, all
// of it; what cannot be done among it is said, and leaves the others in peace.
func TestWrittenTogether(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, at := context.Background(), time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC)
	if err := s.Subscribe(ctx, store.Subscription{ID: "ann", Address: "ann@example.net", State: store.StateConfirmed}); err != nil {
		t.Fatal(err)
	}
	var ds []store.Delivery
	for i := range 20 {
		ds = append(ds, store.Delivery{ID: fmt.Sprint("d", i), Subscription: "ann", Raw: []byte("x"), Created: at, Due: at})
	}
	if err := s.Advance(ctx, "m", store.Position{}, store.Position{Seq: 1}, nil, ds); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Lease(ctx, at, time.Hour, 20)
	if err != nil || len(claimed) != 20 {
		t.Fatal(len(claimed), err)
	}
	number := func() (n int) {
		_ = s.db.View(func(t *bbolt.Tx) error { n = t.ID(); return nil })
		return n
	}
	held, free := make(chan bool), make(chan bool)
	go func() {
		_ = s.db.Update(func(*bbolt.Tx) error { close(held); <-free; return nil })
	}()
	<-held
	before := number()
	var done []<-chan error
	for i, d := range claimed {
		d.State = store.Sent
		done = append(done, s.SettleSoon(ctx, d))
		if i == 7 {
			done = append(done, s.SettleSoon(ctx, store.Delivery{ID: "none", State: store.Sent}))
		}
	}
	close(free)
	for i, c := range done {
		if err := <-c; errors.Is(err, store.ErrNotFound) != (i == 8) || i != 8 && err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := number() - before; n != 2 { // the one that was held, and that of all
		t.Errorf("%d transactions", n)
	}
	sent := 0
	if err := s.Deliveries(ctx, func(d store.Delivery) bool {
		if d.State == store.Sent {
			sent++
		}
		return true
	}); err != nil || sent != 20 {
		t.Error(sent, err)
	}
}

// A store that is closed says so to whoever comes after, and closes after whoever
// came before.
func TestClosedWithCompany(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var done []<-chan error
	for range 50 {
		done = append(done, s.SettleSoon(context.Background(), store.Delivery{ID: "none"}))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	done = append(done, s.SettleSoon(context.Background(), store.Delivery{ID: "none"}))
	for i, c := range done {
		if err := <-c; errors.Is(err, store.ErrNotFound) != (i < 50) || err == nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}
