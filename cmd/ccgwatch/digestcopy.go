package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// copyID is the subscription under which the operator gets copies of digests.
const copyID = "digest-copy"

// copyJob is the run of digests that was copied last.
func copyJob(often string) string { return "copy/" + often }

// freshRun is how old a run may be that is the first to be copied: whoever has just
// asked for copies is not sent one of the week before.
const freshRun = 24 * time.Hour

// copyDigests queues a copy of each run of digests for the operator, once all that
// was due has been handed over, or cannot be now: it is in nobody's way, nor is what
// goes wrong with it. It tells whether it queued one.
func (a *app) copyDigests(ctx context.Context, now time.Time) bool {
	if a.cfg.Operator.DigestCopy == "" {
		return false
	}
	queued := false
	for _, often := range []string{store.Weekly, store.Daily} {
		made, err := a.copyDigest(ctx, often, now)
		if err != nil && ctx.Err() == nil {
			a.log.Error("no copy of the digests was made for the operator", "often", often, "err", err)
		}
		queued = queued || made
	}
	return queued
}

// copyDigest queues the copy of the latest run of a kind, and notes that it did, in
// one transaction. The copy of a run has an id of its own, so that none is made twice
// whatever becomes of the note. One that was taken back is made again.
func (a *app) copyDigest(ctx context.Context, often string, now time.Time) (queued bool, err error) {
	diary, err := a.store.Due(ctx)
	if err != nil {
		return false, err
	}
	job := copyJob(often)
	by := a.digests.Schedule.For(often)
	last, slot := diary[job], by.Last(now)
	if last.After(by.Next(now)) {
		last = time.Time{} // noted while the clock was wrong
	}
	id, again, err := a.copyName(ctx, often, slot)
	switch {
	case err != nil:
		return false, err
	case again:
		last = time.Time{} // since the run before
	case !slot.After(last):
		return false, nil
	default:
		some := false
		if slot, some, err = a.digests.RunOf(ctx, often, now); err != nil {
			return false, err
		}
		if !some || last.IsZero() && now.Sub(slot) > freshRun {
			return false, a.store.SetDue(ctx, job, slot)
		}
	}
	edits, err := a.store.Edits(ctx) // what is corrected later than this, the store takes back as it is queued
	if err != nil {
		return false, err
	}
	d, err := a.digests.Everything(ctx, often, slot, last, now)
	if err != nil {
		return false, err
	}
	if d.Daily && d.Quiet() && !again {
		return false, a.store.SetDue(ctx, job, slot)
	}
	house := store.Subscription{
		ID: copyID, Address: a.cfg.Operator.DigestCopy, State: store.StateHouse, Often: often, Created: now,
		Consent: "operator.digest_copy in the settings", ConsentAt: now,
	}
	m, err := a.digests.Compose(alerts.Letter{ID: id, Date: now, Subscription: house, Digest: d, Copy: true})
	if err != nil {
		return false, err
	}
	out := houseMail(now, house, id, m)
	out.Edits = edits.N()
	out.Findings, out.About = d.Speaks()
	queued, err = a.store.Tell(ctx, house, out, map[string]time.Time{job: slot})
	if err == nil && !queued { // it was, and the note is of another time
		err = a.store.SetDue(ctx, job, slot)
	}
	return queued, err
}

// copyName is the id of the copy of a run, and whether it is made again: what was
// made before was taken back before it was sent, because something it speaks of was
// corrected.
func (a *app) copyName(ctx context.Context, often string, slot time.Time) (id string, again bool, err error) {
	name := "digest copy " + often + " " + slot.UTC().Format(time.RFC3339)
	for {
		sum := sha256.Sum256([]byte(name))
		id = hex.EncodeToString(sum[:16]) // as those of other letters
		d, err := a.store.Delivery(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return id, again, nil
		case err != nil:
			return id, false, err
		case d.Failure != store.FailedCorrected:
			return id, false, nil
		}
		name, again = name+" again", true
	}
}
