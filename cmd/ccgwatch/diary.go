package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"ccgwatch/store"
)

// A diary is the store's, in memory: with hundreds of sources it would otherwise
// be read and decoded several times in every tick. Nobody else writes it while we
// have the store open.
type diary struct {
	mu  sync.Mutex
	due map[string]time.Time // nil until it was read
}

// Due returns every job that has a date, by name.
func (k *keeper) Due(ctx context.Context) (map[string]time.Time, error) {
	k.diary.mu.Lock()
	defer k.diary.mu.Unlock()
	if k.diary.due == nil {
		due, err := k.Store.Due(ctx)
		if err != nil {
			return nil, err
		}
		k.diary.due = due
	}
	return maps.Clone(k.diary.due), ctx.Err()
}

// SetDue replaces the date of one job. After a failure the diary is read again.
func (k *keeper) SetDue(ctx context.Context, job string, at time.Time) error {
	k.diary.mu.Lock()
	defer k.diary.mu.Unlock()
	if err := k.Store.SetDue(ctx, job, at); err != nil {
		k.diary.due = nil
		return err
	}
	if k.diary.due != nil {
		k.diary.due[job] = at.Round(0) // as it is read back: without the monotonic clock
	}
	return nil
}

// FallDue writes the diary in the transaction that logs what falls due.
func (k *keeper) FallDue(ctx context.Context, due []store.Change, job string, next time.Time) (int, error) {
	k.diary.mu.Lock()
	defer k.diary.mu.Unlock()
	k.diary.due = nil
	return k.Store.FallDue(ctx, due, job, next)
}
