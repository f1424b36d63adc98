package bolt_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

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
		for _, name := range []string{"marks", "decisions", "ticked", "aside"} {
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

// A store of format 2 has no index of what is held and taken back: it is made when
// the store is opened, once, whatever cut an earlier opening short; and what an
// earlier program could spoil is refused by it.
func TestStoreOfFormat2IsBroughtUp(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.Subscribe(t.Context(), confirmed("ann")))
	snap := store.Snapshot{Source: "s", Items: map[string]store.Item{"a": {Key: "a"}}}
	must(t, s.Commit(t.Context(), snap, []store.Change{{Key: "a"}}, store.Health{}))
	alert := func(id string, state store.DeliveryState) store.Delivery {
		return store.Delivery{ID: id, Subscription: "ann", Kind: "alert", State: state, Findings: []string{"f"}, Created: time.Unix(1, 0), Due: time.Unix(1, 0)}
	}
	must(t, s.Advance(t.Context(), "m", store.Position{}, store.Position{Seq: 1}, []store.Finding{{ID: "f", Change: 1, Source: "s", Key: "a"}},
		[]store.Delivery{alert("queued", store.Queued), alert("sent", store.Sent), alert("held", store.OnHold)}))
	_, err := s.Correct(t.Context(), store.Correction{Source: "s", Key: "a", Act: store.ActHold, Reason: "x"})
	must(t, err)
	held := alert("held later", store.OnHold)
	held.Edits = 1
	must(t, s.Advance(t.Context(), "m", store.Position{Seq: 1}, store.Position{Seq: 2}, nil, []store.Delivery{held}))
	must(t, s.Close())

	edit := func(f func(tx *bbolt.Tx) error) {
		t.Helper()
		db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, nil)
		must(t, err)
		must(t, db.Update(f))
		must(t, db.Close())
	}
	edit(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte("aside")); err != nil {
			return err
		}
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{2})
	})
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Errorf("a sound store of format 2 is called damaged: %v", err)
	}
	sees := func() {
		t.Helper()
		s := open(t, dir)
		var got []string
		must(t, s.Aside(t.Context(), func(d store.Delivery) bool { got = append(got, d.ID); return true }))
		if want := []string{"held", "held later", "queued"}; !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
		must(t, s.Close())
		if _, err := bolt.Check(t.Context(), dir); err != nil {
			t.Error(err)
		}
	}
	sees()
	// As the old program would leave it if it had gone on, and the index had been kept.
	edit(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("aside"))
		k, _ := b.Cursor().First()
		if err := b.Delete(k); err != nil {
			return err
		}
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{2})
	})
	sees()
	edit(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket([]byte("aside")).Cursor().Last()
		return tx.Bucket([]byte("aside")).Delete(k)
	})
	if _, err := bolt.Check(t.Context(), dir); err == nil {
		t.Error("an index with a hole passes for sound")
	}
}

// A store whose bringing up is cut short in the middle (here by a delivery that
// cannot be read) is the one it was, and the next opening begins anew.
func TestUpgradeCutShortBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	written1(t, dir)
	var key, whole []byte
	edit := func(f func(deliveries *bbolt.Bucket) error) {
		t.Helper()
		db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, nil)
		must(t, err)
		must(t, db.Update(func(tx *bbolt.Tx) error {
			for _, name := range []string{"marks", "aside"} {
				if tx.Bucket([]byte(name)) != nil {
					t.Errorf("there is a bucket %q", name)
				}
			}
			if v := tx.Bucket([]byte("meta")).Get([]byte("format")); v[0] != 1 {
				t.Errorf("the format is %d", v[0])
			}
			return f(tx.Bucket([]byte("deliveries")))
		}))
		must(t, db.Close())
	}
	edit(func(b *bbolt.Bucket) error {
		k, v := b.Cursor().Last()
		key, whole = bytes.Clone(k), bytes.Clone(v)
		return b.Put(key, []byte("no delivery at all"))
	})
	if s, err := bolt.Open(dir); !errors.Is(err, bolt.ErrDamaged) {
		t.Fatal(s, err)
	}
	edit(func(b *bbolt.Bucket) error { return b.Put(key, whole) })
	s := open(t, dir)
	must(t, s.Aside(t.Context(), func(d store.Delivery) bool { t.Errorf("%s is aside", d.ID); return true }))
	must(t, s.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Error(err)
	}
}
