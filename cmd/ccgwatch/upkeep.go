package main

import (
	"context"
	"errors"
	"time"

	"ccgwatch/config"
)

// The jobs of the daemon beside crawling and mail, as they stand in the diary.
const (
	jobCopy = "copy" // of the store, each night
	jobDisk = "disk" // when the operator is reminded next that it is full
)

// nightTime is when the daemon copies the store: no source is looked at then.
const nightTime = "15 3 * * *"

// nightly copies the store in the background when its time has come. A night
// that the machine slept through is made up once.
func (d *daemon) nightly(ctx context.Context, now time.Time) {
	when, err := config.ParseSchedule(nightTime)
	if err != nil {
		d.log.Error("copy", "err", err)
		return
	}
	diary, err := d.store.Due(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("copy", "err", err)
		}
		return
	}
	at, known := diary[jobCopy]
	switch {
	case !known, at.Sub(now) > 26*time.Hour: // never yet; or the clock was set back
		d.setDue(ctx, jobCopy, when.Next(now))
	case !at.After(now) && d.claim(jobCopy):
		d.visits.Go(func() {
			defer d.release(jobCopy)
			d.copyTonight(ctx, now)
			if ctx.Err() == nil { // one that was broken off is made at the next start
				d.setDue(ctx, jobCopy, when.Next(now))
			}
		})
	}
}

func (d *daemon) copyTonight(ctx context.Context, now time.Time) {
	if err := d.store.pruneSent(now); err != nil {
		d.log.Warn("what was mailed long ago is still noted outside the store", "err", err)
	}
	dir := (&env{data: d.data}).copiesDir()
	made, err := d.makeCopy(ctx, dir, now, copiesKept, func(need int64) error { return d.room(d.data, need) })
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errNoRoom):
		d.log.Warn("no copy of the store tonight", "err", err)
	case errors.Is(err, errCopyDamaged):
		d.log.Error("copy", "err", err)
		if d.giveUp != nil { // what was copied is what is served
			d.giveUp(errDamagedOpen)
		}
	case err != nil:
		d.log.Error("copy", "err", err)
	case !made.note.good():
		for _, p := range made.note.Parts {
			if !p.ok() {
				d.log.Error("the copy's database is whole, but not all of the rest", "copy", made.dir, "part", p.Part, "what", p.What, "faults", p.Faults)
			}
		}
	default:
		d.log.Info("copy", "in", made.dir, "store", made.note.Parts[0].What)
	}
}

// diskFull tells whether crawling must wait for room, and says so: when it
// begins, once a day as long as it lasts, and when it is over.
func (d *daemon) diskFull(ctx context.Context, now time.Time) bool {
	full := d.roomToCrawl()
	if full == nil {
		if d.full {
			d.log.Info("the disk has room again: crawling goes on")
		}
		d.full = false
		return false
	}
	diary, err := d.store.Due(ctx)
	if err != nil || !d.full || !diary[jobDisk].After(now) {
		d.log.Error("nothing is crawled until there is room; mail goes out", "err", full)
		d.setDue(ctx, jobDisk, now.Add(24*time.Hour))
	}
	d.full = true
	return true
}

func (d *daemon) setDue(ctx context.Context, job string, at time.Time) {
	if err := d.store.SetDue(ctx, job, at); err != nil && ctx.Err() == nil {
		d.log.Error("schedule", "job", job, "err", err)
	}
}

// lastGoodCopy is when the newest copy without a fault was made, or zero.
func lastGoodCopy(all []madeCopy) time.Time {
	for _, c := range all {
		if c.note.good() {
			return c.note.Made
		}
	}
	return time.Time{}
}
