package bolt

import (
	"testing"

	"ccgwatch/store"
)

// A store brought back from a copy gives no number to a change that one of the
// lost ones had; the check finds nothing wrong with the gap.
func TestNumbersOfLostChangesAreNotGivenAgain(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	add := func(rev uint64, key string) (seq, batch uint64) {
		t.Helper()
		snap := store.Snapshot{Source: "s", Rev: rev, Items: map[string]store.Item{key: {Key: key}}}
		if err := s.Commit(t.Context(), snap, []store.Change{{Key: key}}, store.Health{}); err != nil {
			t.Fatal(err)
		}
		seq, err := s.LastSeq(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last, err := s.Changes(t.Context(), seq-1, 1)
		if err != nil || len(last) != 1 {
			t.Fatalf("%v %v", last, err)
		}
		return last[0].Seq, last[0].Batch
	}
	add(0, "a")
	for _, skip := range []uint64{1_000_000, 5} { // backwards is nowhere
		if err := s.SkipTo(t.Context(), skip); err != nil {
			t.Fatal(err)
		}
	}
	if seq, batch := add(1, "b"); seq != 1_000_001 || batch != seq {
		t.Errorf("change %d of batch %d", seq, batch)
	}
	if err := s.SkipTo(t.Context(), 2_000_000); err != nil {
		t.Fatal(err)
	}
	if seq, _ := add(2, "c"); seq != 2_000_001 {
		t.Errorf("then %d", seq)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), dir); err != nil {
		t.Error(err)
	}
}
