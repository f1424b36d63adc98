package bolt_test

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// A store of format 1 has no index of marks: it is made when the store is
// opened, from the notices that are there, and is whole before and after.
func TestStoreOfFormat1IsBroughtUp(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	notice := func(ocid, release string) store.Item {
		return store.Item{Key: ocid + "/" + release, Kind: store.KindNotice, Notice: &store.Notice{OCID: ocid, Release: release, Title: "Night nursing"}}
	}
	next := store.Snapshot{Source: "fts", Items: map[string]store.Item{}}
	for _, it := range []store.Item{notice("o1", "r1"), notice("o1", "r2"), {Key: "meeting/1", Kind: store.KindMeeting}} {
		next.Items[it.Key] = it
	}
	must(t, s.Commit(t.Context(), next, nil, store.Health{}))
	must(t, s.Close())

	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"marks", "decisions", "ticked"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{1})
	}))
	must(t, db.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Errorf("a sound store of format 1 is called damaged: %v", err)
	}

	s = open(t, dir)
	refs, err := s.Marked(t.Context(), store.MarkProcess("o1"), 0)
	must(t, err)
	if len(refs) != 2 || refs[0].Key != "o1/r1" || refs[1].Key != "o1/r2" {
		t.Errorf("found %v", refs)
	}
	must(t, s.Decide(t.Context(), store.Decision{A: "o1", B: "o2"}))
	must(t, s.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Errorf("afterwards: %v", err)
	}

	// A mark that is missing is found.
	db, err = bbolt.Open(filepath.Join(dir, bolt.File), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket([]byte("marks")).Cursor().Last()
		return tx.Bucket([]byte("marks")).Delete(k)
	}))
	must(t, db.Close())
	if _, err := bolt.Check(t.Context(), dir); err == nil {
		t.Error("an index with a hole passes for sound")
	}
}
