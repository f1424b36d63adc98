package bolt_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// words makes text that packs about as well as a notice does.
func words(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "%x ", r.Uint32N(5000))
	}
	return b.String()
}

func notice(r *rand.Rand, n int) store.Item {
	return store.Item{Key: fmt.Sprintf("notice/%06d-2026", n), Kind: store.KindNotice, Title: words(r, 10),
		Notice: &store.Notice{OCID: fmt.Sprint("ocds-h6vhtk-", n), Description: words(r, 400), Buyers: []store.Party{{Name: "ICB"}}}}
}

// filled is a store with n notices.
func filled(b *testing.B, r *rand.Rand, n int) *bolt.Store {
	b.Helper()
	s, err := bolt.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	for i := 0; i < n; i += 1000 {
		commit(b, s, r, i, 1000)
	}
	return s
}

func commit(b *testing.B, s *bolt.Store, r *rand.Rand, from, n int) {
	b.Helper()
	snap, err := s.Snapshot(b.Context(), "fts", []string{})
	if err != nil {
		b.Fatal(err)
	}
	var changes []store.Change
	for i := range n {
		it := notice(r, from+i)
		snap.Items[it.Key] = it
		changes = append(changes, store.Change{Key: it.Key, Kind: it.Kind, Op: store.OpAdded, What: []store.What{store.NoticeNew}, Title: it.Title})
	}
	if err := s.Commit(b.Context(), snap, changes, store.Health{Source: "fts"}); err != nil {
		b.Fatal(err)
	}
}

// 100 notices in one transaction, into a store of 10,000.
func BenchmarkCommit100(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	s := filled(b, r, 10_000)
	n := 10_000
	for b.Loop() {
		commit(b, s, r, n, 100)
		n += 100
	}
}

// A whole list of 500 that is as it was: nothing but the revision is written.
func BenchmarkCommitUnchanged500(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	s := filled(b, r, 0)
	commit(b, s, r, 0, 500)
	snap, err := s.Snapshot(b.Context(), "fts", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Commit(b.Context(), snap, nil, store.Health{Source: "fts"}); err != nil {
			b.Fatal(err)
		}
		snap.Rev++
	}
}

// 200 of 10,000 notices by their keys.
func BenchmarkSnapshotKeys200(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	s := filled(b, r, 10_000)
	for b.Loop() {
		var keys []string
		for range 200 {
			keys = append(keys, fmt.Sprintf("notice/%06d-2026", r.IntN(10_000)))
		}
		if _, err := s.Snapshot(b.Context(), "fts", keys); err != nil {
			b.Fatal(err)
		}
	}
}

// 1,000 findings and 20 deliveries of 20 KB in one step of the matcher.
func BenchmarkAdvance1000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	s := filled(b, r, 0)
	if err := s.Subscribe(b.Context(), confirmed("ann")); err != nil {
		b.Fatal(err)
	}
	raw := []byte(words(r, 4000))
	var place store.Position
	for b.Loop() {
		to := store.Position{Seq: place.Seq + 1}
		var fs []store.Finding
		var ds []store.Delivery
		for i := range 1000 {
			fs = append(fs, store.Finding{ID: fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()), Change: to.Seq, Title: "Nursing", Quote: words(r, 40), Thread: fmt.Sprint(i)})
		}
		for range 20 {
			ds = append(ds, store.Delivery{ID: fmt.Sprintf("%016x", r.Uint64()), Subscription: "ann", Raw: raw, Created: time.Unix(int64(to.Seq), 0)})
		}
		if err := s.Advance(b.Context(), "matcher", place, to, fs, ds); err != nil {
			b.Fatal(err)
		}
		place = to
	}
}
