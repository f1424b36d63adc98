package alerts

import (
	"context"
	"errors"
	"testing"
	"time"

	"ccgwatch/store"
)

// An ending context ends between one question and the next.
type ending struct {
	context.Context
	asked int
}

func (e *ending) Err() error {
	if e.asked++; e.asked > 1 {
		return context.Canceled
	}
	return nil
}

// Symptom: the process was told to stop just as an attempt failed; the next message to
// the same address waited for ever for the end of that one, and the process with it.
func TestTheEndComesWhileAnAttemptIsLookedAt(t *testing.T) {
	m := newMemory()
	now := time.Now()
	queue(m, now, 1)
	p := several(m, &counter{}, 1)
	p.findWays()
	ds, err := m.Lease(t.Context(), now, time.Hour, 1)
	if err != nil || len(ds) != 1 {
		t.Fatal(ds, err)
	}
	c := p.newCrew(func() time.Time { return now })
	sub, _, err := p.wanted(t.Context(), ds[0])
	if err != nil {
		t.Fatal(err)
	}
	c.under, p.ways[0].under, c.busy[addressee(sub)] = 1, 1, true
	c.land(&ending{Context: t.Context()}, landing{Delivery: ds[0], sub: sub, way: p.ways[0], err: errors.New("it broke off")})
	if c.busy[addressee(sub)] && len(c.entered) == 0 {
		t.Error("the address is busy, and nothing is under way to it")
	}
}

// Symptom: two hours after the clock was set back, a pause of before that began to
// hold between two looks at it, and the process panicked.
func TestAPauseOfAnotherTimeBeginsToHold(t *testing.T) {
	m := newMemory()
	now := time.Now()
	p := several(m, &counter{}, 1)
	p.findWays()
	p.ways[0].pause.until = now.Add(2*time.Hour + time.Nanosecond)
	looks := 0
	c := p.newCrew(func() time.Time { looks++; return now.Add(time.Duration(looks-1) * time.Nanosecond) })
	if _, goes, err := c.ready(t.Context(), store.Delivery{ID: "d"}); err != nil || goes != endRound {
		t.Errorf("it is %v, %v", goes, err)
	}
}
