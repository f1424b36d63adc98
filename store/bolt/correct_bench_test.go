package bolt_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ccgwatch/store"
)

// An item is corrected, held, and what that took back is looked for, beside 100,000
// messages that were sent long ago.
func BenchmarkCorrectBeside100000Sent(b *testing.B) {
	s := filled(b, rand.New(rand.NewPCG(1, 1)), 0)
	ctx := b.Context()
	if err := s.Subscribe(ctx, confirmed("ann")); err != nil {
		b.Fatal(err)
	}
	commit(b, s, rand.New(rand.NewPCG(1, 1)), 0, 1)
	raw := []byte(words(rand.New(rand.NewPCG(1, 1)), 100))
	at := store.Position{}
	for n := range 100 {
		var ds []store.Delivery
		for i := range 1000 {
			id := fmt.Sprintf("%032x", n*1000+i)
			ds = append(ds, store.Delivery{ID: id, Subscription: "ann", Kind: "alert", MessageID: "<" + id + "@example.org>", Subject: "Night nursing in Leicester",
				Findings: []string{"f1", "f2", "f3"}, State: store.Sent, Created: time.Unix(int64(n), 0), SentAt: time.Unix(int64(n), 0), Raw: raw})
		}
		to := store.Position{Seq: at.Seq + 1}
		if err := s.Advance(ctx, "m", at, to, nil, ds); err != nil {
			b.Fatal(err)
		}
		at = to
	}
	c := store.Correction{Source: "fts", Key: "notice/000000-2026", Act: store.ActHold, Reason: "x"}
	for b.Loop() {
		if _, err := s.Correct(ctx, c); err != nil {
			b.Fatal(err)
		}
		if err := s.Aside(ctx, func(store.Delivery) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}
