package alerts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// counting is an outbox of which is counted how many findings were read.
type counting struct {
	*memory
	read int
}

func (c *counting) Findings(ctx context.Context, after uint64, f func(store.Finding) bool) error {
	return c.memory.Findings(ctx, after, func(x store.Finding) bool {
		c.read++
		return f(x)
	})
}

// Once a day all that was ever found was read, to see what falls due of what was
// found in the last year: the work of a day grew with the age of the record.
func TestAYearsOldRecordIsNotReadEveryDay(t *testing.T) {
	const days, span = 3000, 400
	start := time.Date(2026, 9, 7, 6, 30, 0, 0, time.UTC)
	c := &counting{memory: newMemory()}
	for d := range days {
		c.findings = append(c.findings, store.Finding{ID: fmt.Sprint("f", d), Change: uint64(d + 1), At: start.AddDate(0, 0, d)})
	}
	var b bygone
	for day := range 10 {
		from := start.AddDate(0, 0, days-span+day)
		n := 0
		c.read = 0
		if err := b.since(t.Context(), c, from, func(store.Finding) { n++ }); err != nil {
			t.Fatal(err)
		}
		if n != span-day {
			t.Errorf("day %d: %d findings, want %d", day, n, span-day)
		}
		if most := span + 1; day > 0 && c.read > most {
			t.Errorf("day %d: %d findings of %d were read, want %d at most", day, c.read, days, most)
		}
	}
}

// What is passed over is what would be passed over if all were read: whatever
// comes, also several of one change, where the clock was wrong when it was made, and where
// it is set back between two looks.
func TestOnlyWhatIsTooOldIsPassedOver(t *testing.T) {
	r := rand.New(rand.NewPCG(storetest.Seed(t), 1))
	start := time.Date(2026, 9, 7, 6, 30, 0, 0, time.UTC)
	for round := range 300 {
		c, change, at := &counting{memory: newMemory()}, uint64(0), start
		var b bygone
		from := start.AddDate(0, 0, -5)
		for look := range 12 {
			for range r.IntN(4) {
				change++
				at = at.Add(time.Duration(r.IntN(72)) * time.Hour)
				made := at
				if r.IntN(8) == 0 {
					made = made.AddDate(0, 0, r.IntN(9)) // the clock was ahead
				}
				for range r.IntN(3) {
					c.findings = append(c.findings, store.Finding{ID: fmt.Sprintf("f%03d", len(c.findings)), Change: change, At: made})
				}
			}
			if from = from.AddDate(0, 0, r.IntN(5)); r.IntN(6) == 0 {
				from = from.AddDate(0, 0, -r.IntN(12))
			}
			var got, want []string
			if err := b.since(t.Context(), c, from, func(x store.Finding) { got = append(got, x.ID) }); err != nil {
				t.Fatal(err)
			}
			if err := c.memory.Findings(t.Context(), 0, func(x store.Finding) bool {
				if !x.At.Before(from) {
					want = append(want, x.ID)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("round %d, look %d (-want +got):\n%s", round, look, diff)
			}
		}
	}
}
