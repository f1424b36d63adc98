package bolt

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
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
	if s.group.company != 20 {
		t.Errorf("%d are looked out for", s.group.company)
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

// Those who asked together the last time are waited for, for a moment; who asks
// alone is not made to wait.
func TestCompanyIsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		name    string
		company int // of the last time
		come    []time.Duration
		want    time.Duration
	}{
		{"the first ever", 0, []time.Duration{0}, 0},
		{"one connection", 1, []time.Duration{0}, 0},
		{"all are there", 3, []time.Duration{0, 0, 0}, 0},
		{"more than the last time", 3, []time.Duration{0, 0, 0, 0}, 0},
		{"the others come a little later", 3, []time.Duration{0, 100 * time.Microsecond, 300 * time.Microsecond}, 300 * time.Microsecond},
		{"one does not come", 3, []time.Duration{0, 100 * time.Microsecond}, companyWait},
		{"nobody comes", 4, []time.Duration{0}, companyWait},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &Store{group: group{company: tt.company, writing: true}} // the writer is the test
			begun := time.Now()
			for _, at := range tt.come {
				if at == 0 {
					s.enter(t.Context(), tt.name, true, nil)
				} else {
					time.AfterFunc(at, func() { s.enter(t.Context(), tt.name, true, nil) })
				}
			}
			s.group.await()
			if took := time.Since(begun); took != tt.want || len(s.group.waiting) != len(tt.come) {
				t.Errorf("%s: %d after %s, want %d after %s", tt.name, len(s.group.waiting), took, len(tt.come), tt.want)
			}
		})
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
