package main

import (
	"os"
	"path/filepath"
	"time"

	"ccgwatch/store/bolt"
)

// What is kept how long stands in README under "What is kept, and for how long".

// bytesKept is how long the text of a mail that has come to its end is kept
// after it was queued: as long as somebody may ask what they were sent. It is
// longer than all that may still happen to it (five days of tries, four weeks of
// bounces).
const bytesKept = 90 * 24 * time.Hour

// compactEvery is how often the database is written anew without what was
// deleted, whether somebody was erased or not.
const compactEvery = 30 * 24 * time.Hour

// compactMonthly tells whether it is time to, and there is room for a second
// file. A last time in the future is of a clock that was wrong.
func (a *app) compactMonthly(last, now time.Time) bool {
	if age := now.Sub(last); age >= 0 && age < compactEvery {
		return false
	}
	info, err := os.Stat(filepath.Join(a.data, bolt.File))
	return err == nil && a.room(a.data, info.Size()) == nil
}
