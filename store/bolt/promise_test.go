package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// TestKill at the counts of the promise: kills in the first creation, start-up,
// writing, copying and compaction.
func TestPromiseKilledWhileWriting(t *testing.T) {
	killWriter(t, storetest.Promised(10, 10, 400, 10_000))
}

// ofFormat1 makes a store as the first format had it, with so many notices.
func ofFormat1(t *testing.T, dir string, notices int) {
	t.Helper()
	s := open(t, dir)
	next := store.Snapshot{Source: "fts", Items: map[string]store.Item{}}
	for i := range notices {
		k := fmt.Sprintf("o%d/r1", i)
		next.Items[k] = store.Item{Key: k, Kind: store.KindNotice, Notice: &store.Notice{OCID: fmt.Sprint("o", i), Release: "r1", Title: "Night nursing"}}
	}
	must(t, s.Commit(t.Context(), next, nil, store.Health{}))
	must(t, s.Subscribe(t.Context(), confirmed("ann")))
	must(t, s.Close())
	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"tokens", "tokens_of", "counts", "marks", "decisions", "ticked", "corrections", "mailmarks", "handled", "scores", "holds"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{1})
	}))
	must(t, db.Close())
}

// A store of the first format is killed at any moment of being brought up: it is
// as it was or as it is to be, and opens. It is larger than the one that a program
// of that format wrote (TestStoreOfTheFirstFormatGoesOn), so that there is time
// for a kill.
func TestPromiseKilledWhileMigrating(t *testing.T) {
	const notices = 1500
	from := filepath.Join(t.TempDir(), "old")
	ofFormat1(t, from, notices)
	old, err := os.ReadFile(filepath.Join(from, bolt.File))
	must(t, err)
	seed := storetest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	before, after := 0, 0
	kills := storetest.Promised(5, 5, 60, 1000)
	for i := range kills {
		dir := filepath.Join(t.TempDir(), "data")
		must(t, os.MkdirAll(dir, 0o700))
		name := filepath.Join(dir, bolt.File)
		must(t, os.WriteFile(name, old, 0o600))
		said := run(t, dir, time.Duration(r.IntN(50_000))*time.Microsecond)
		if len(said) < 2 {
			before++ // it was killed in Open
		} else {
			after++
		}
		if _, err := bolt.Check(t.Context(), dir); err != nil {
			t.Fatalf("kill %d, after %q: %v", i, said, err)
		}
		s := open(t, dir)
		for _, n := range []int{0, 7, notices - 1} {
			refs, err := s.Marked(t.Context(), store.MarkProcess(fmt.Sprint("o", n)), 0)
			if err != nil || len(refs) != 1 {
				t.Fatalf("kill %d: the index knows %v (%v)", i, refs, err)
			}
		}
		must(t, s.Close())
		must(t, os.RemoveAll(dir))
	}
	t.Logf("%d kills, %d of them before the store was open", kills, before)
	if kills > 20 && (before == 0 || after == 0) {
		t.Errorf("%d kills before it was open and %d after it: the moments are chosen badly", before, after)
	}
}

// A store of a later release is refused in words, and not one byte of it changes.
func TestNewerStoreIsRefusedAndNotWritten(t *testing.T) {
	dir := t.TempDir()
	must(t, open(t, dir).Close())
	name := filepath.Join(dir, bolt.File)
	db, err := bbolt.Open(name, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{99}) }))
	must(t, db.Close())
	was, err := os.ReadFile(name)
	must(t, err)
	for range 3 {
		if _, err := bolt.Open(dir); !errors.Is(err, bolt.ErrNewer) {
			t.Errorf("opened: %v", err)
		}
	}
	is, err := os.ReadFile(name)
	must(t, err)
	if !bytes.Equal(was, is) {
		t.Error("it was written to")
	}
}
