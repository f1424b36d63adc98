package mail

import (
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/store"
)

// Symptom: what an earlier release left in doubt, or what was in doubt when a copy took
// the store's place, has no note of its relay, and went through the second while the
// first was away.
func TestADoubtWithoutANoteOfItsRelayIsTheFirsts(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := &rudeRelay{tls: a.good, at: StageConnect, does: "gone", times: 3}, &rudeRelay{tls: a.good}
		p := newPair(t, dir, first, second, a, 2)
		claimed, err := p.store.Lease(t.Context(), time.Now(), time.Hour, 1)
		if err != nil || len(claimed) != 1 {
			t.Fatal(err, claimed)
		}
		d := claimed[0]
		d.Due = time.Now().Add(15 * time.Minute)
		if err := p.store.Dot(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if err := p.store.FreeClaims(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 120 {
			time.Sleep(time.Minute)
			p.deliver()
		}
		if row := p.rows()[d.ID]; row.State != store.Sent || row.Via != "first" {
			t.Errorf("it is %s via %q: %s", row.State, row.Via, row.LastError)
		}
		if to := d.Subscription; copies(first)[to] != 1 || copies(second)[to] != 0 {
			t.Errorf("the first took %v, the second %v", copies(first), copies(second))
		}
		synctest.Wait()
	})
}
