package main

import (
	"context"
	"fmt"
	"time"
)

// dueJob is the diary's name of the daily look at what falls due.
const dueJob = "due"

// dueAt is the hour of it in London, before people read their mail.
const (
	dueHour   = 6
	dueMinute = 30
)

func nextDue(now time.Time) time.Time {
	l := now.In(london())
	at := time.Date(l.Year(), l.Month(), l.Day(), dueHour, dueMinute, 0, 0, london())
	if !at.After(now) {
		at = time.Date(l.Year(), l.Month(), l.Day()+1, dueHour, dueMinute, 0, 0, london())
	}
	return at
}

// fallDue logs, once a day, what has fallen due: reminders of deadlines and
// steps that are overdue. The entries and the date of the next look are one
// transaction, and each entry has a key under which it is logged once: after a
// crash, or a second process that looks at the same time, nothing is told
// twice. What was logged is judged at once.
func (a *app) fallDue(ctx context.Context, now time.Time) error {
	diary, err := a.store.Due(ctx)
	if err != nil {
		return err
	}
	at, known := diary[dueJob]
	if known && at.After(now) && at.Sub(now) <= 25*time.Hour { // further off: the clock was set back
		return nil
	}
	due, err := a.threads.Due(ctx, now, !known)
	if err != nil {
		return err
	}
	dates, err := a.dates.Due(ctx, now)
	if err != nil {
		return err
	}
	due = append(due, dates...)
	logged, err := a.store.FallDue(ctx, due, dueJob, nextDue(now))
	if err != nil {
		return fmt.Errorf("what falls due: %w", err)
	}
	if logged == 0 {
		return nil
	}
	return a.follow(ctx, now)
}
