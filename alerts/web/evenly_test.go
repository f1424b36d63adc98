package web

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// How long the desk was busy with an address is not to be seen: every answer comes
// at the next multiple of Even since it began, a failed one too.
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
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			err := (&site{Server: Server{Even: c.even}}).evenly(func() error {
				time.Sleep(c.busy)
				return c.err
			})
			if took := time.Since(begun); took != c.want || !errors.Is(err, c.err) {
				t.Errorf("even %v, busy for %v: answered after %v (%v), want %v", c.even, c.busy, took, err, c.want)
			}
		})
	}
}
