package web

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// How long the desk was busy with an address is not to be seen: every answer comes
// at the next multiple of Even since it began and a random part of Even later, a
// failed one too.
func TestAnswersComeAtEvenTimes(t *testing.T) {
	failed := errors.New("the store is away")
	for _, c := range []struct {
		even, busy, want time.Duration
		err              error
	}{
		{50 * time.Millisecond, 0, 50 * time.Millisecond, nil},
		{50 * time.Millisecond, time.Millisecond, 50 * time.Millisecond, nil},
		{50 * time.Millisecond, 49 * time.Millisecond, 50 * time.Millisecond, failed},
		{50 * time.Millisecond, 51 * time.Millisecond, 100 * time.Millisecond, nil},
		{0, 3 * time.Millisecond, 50 * time.Millisecond, nil}, // the default
		{-1, 3 * time.Millisecond, 3 * time.Millisecond, nil}, // at once: tests
	} {
		later := time.Duration(0)
		if c.even == 0 {
			later = 50 * time.Millisecond
		}
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			err := (&site{Server: Server{Even: c.even}}).evenly(func() error {
				time.Sleep(c.busy)
				return c.err
			})
			if took := time.Since(begun); took < c.want || took > c.want+max(c.even, 0)+later || !errors.Is(err, c.err) {
				t.Errorf("even %v, busy for %v: answered after %v (%v), want %v", c.even, c.busy, took, err, c.want)
			}
		})
	}
}

func TestAnswersAreNotWokenAtTheSameMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := map[time.Duration]bool{}
		for range 20 {
			begun := time.Now()
			_ = (&site{}).evenly(func() error { return nil })
			took[time.Since(begun)] = true
		}
		if len(took) < 15 {
			t.Errorf("20 answers took only %d different times", len(took))
		}
	})
}
