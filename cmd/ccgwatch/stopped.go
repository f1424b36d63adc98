package main

import (
	"time"

	"ccgwatch/store"
)

// crawlMissed is how many times its schedule may pass without a visit of the
// source that is visited most often.
const crawlMissed = 3

// crawlStopped tells whether sources ought to have been visited and none was,
// failing or not, and since when: whatever keeps the daemon from it.
func (d *daemon) crawlStopped(healths []store.Health, now time.Time) (since time.Time, stopped bool) {
	if len(d.sources) == 0 || d.begun.IsZero() {
		return since, false
	}
	since = d.begun
	var newest time.Time
	for _, h := range healths {
		if h.LastTry.After(newest) {
			newest = h.LastTry
		}
	}
	if !newest.IsZero() {
		since = newest
	}
	wait := d.sources[0].longest(now)
	for _, s := range d.sources[1:] {
		wait = min(wait, s.longest(now))
	}
	return since, now.Sub(since) > crawlMissed*wait
}

// noteMailed notes that mail was gone through, whatever came of it.
func (d *daemon) noteMailed(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mailed = now
}

// lastMailed is when it last was; at first, when the daemon began.
func (d *daemon) lastMailed() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mailed.IsZero() {
		return d.begun
	}
	return d.mailed
}
