package bolt_test

import (
	"sync"
	"testing"

	"ccgwatch/store"
)

// Symptom: whoever saw a correction in the log might not be told for a moment what it
// alters, and passed it over for good. Whoever sees it sees what it means.
func TestWhoSeesACorrectionKnowsWhatItAlters(t *testing.T) {
	s := open(t, t.TempDir())
	must(t, s.Commit(t.Context(), store.Snapshot{Source: "s", Items: map[string]store.Item{"a": {Key: "a"}}}, []store.Change{{Key: "a"}}, store.Health{}))
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				seq, err := s.LastSeq(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				// The first entry is no correction; each after it is one.
				edits, err := s.Edits(t.Context())
				if err != nil || edits.N()+1 < seq {
					t.Errorf("the log is at %d, and %d corrections are known, %v", seq, edits.N(), err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 30 {
		act := []store.Act{store.ActHold, store.ActRestore}[i%2]
		c, err := s.Correct(t.Context(), store.Correction{Source: "s", Key: "a", Act: act, Reason: "x"})
		must(t, err)
		if c.Seq != uint64(i+2) {
			t.Errorf("it says it is entry %d of the log", c.Seq)
		}
	}
	close(done)
	wg.Wait()
	edits, err := s.Edits(t.Context())
	must(t, err)
	if back := edits.Returns(0, 100); len(back) != 15 || back[0].Seq != 3 || back[0].Since.After(back[1].Since) {
		t.Errorf("it came back %d times: %+v", len(back), back)
	}
	must(t, s.Close())
}
