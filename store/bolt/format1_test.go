package bolt_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// written1 puts a store into dir as the last program of format 1 left it behind
// after the two weeks of its demonstration (testdata/format1.db.gz).
func written1(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open("testdata/format1.db.gz")
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, bolt.File), b, 0o600))
}

// What a program of the first format wrote is all there in this one, is found by
// the marks that came later, and is written on.
func TestStoreOfTheFirstFormatGoesOn(t *testing.T) {
	dir := t.TempDir()
	written1(t, dir)
	was := map[string]int{}
	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, &bbolt.Options{ReadOnly: true})
	must(t, err)
	must(t, db.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket([]byte("meta")).Get([]byte("format"))[0]; v != 1 {
			t.Fatalf("the fixture is of format %d", v)
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			was[string(name)] = b.Stats().KeyN
			return nil
		})
	}))
	must(t, db.Close())

	for range 2 { // the second time nothing is to be done
		s := open(t, dir)
		got := map[string]int{}
		notices := 0
		must(t, s.Items(t.Context(), "", func(it store.Item) bool {
			got["items"]++
			if it.Notice != nil {
				notices++
				refs, err := s.Marked(t.Context(), store.MarkProcess(it.Notice.OCID), 0)
				if err != nil || len(refs) == 0 {
					t.Errorf("%s is not found by its process: %v", it.Key, err)
				}
			}
			return true
		}))
		changes, err := s.Changes(t.Context(), 0, 10_000)
		must(t, err)
		got["changes"] = len(changes)
		must(t, s.Findings(t.Context(), 0, func(store.Finding) bool { got["findings"]++; return true }))
		subs, err := s.Subscriptions(t.Context(), "", 0)
		must(t, err)
		for _, sub := range subs {
			if sub.State != store.StateConfirmed || sub.Address == "" {
				t.Errorf("subscription %s is %s", sub.ID, sub.State)
			}
			of, err := s.DeliveriesOf(t.Context(), sub.ID)
			must(t, err)
			got["deliveries"] += len(of)
		}
		got["subscriptions"] = len(subs)
		for name, n := range got {
			if n != was[name] || n == 0 {
				t.Errorf("%d of %s, and %d in the file of format 1", n, name, was[name])
			}
		}
		if notices == 0 {
			t.Error("no notice in it")
		}
		last, err := s.LastSeq(t.Context())
		must(t, err)
		if last < uint64(was["changes"]) {
			t.Errorf("the log ends at %d", last)
		}
		must(t, s.Close())
		if _, err := bolt.Check(t.Context(), dir); err != nil {
			t.Error(err)
		}
	}
	s := open(t, dir)
	must(t, s.Subscribe(t.Context(), confirmed("new")))
	must(t, s.Compact(t.Context()))
	must(t, s.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Error(err)
	}
}
