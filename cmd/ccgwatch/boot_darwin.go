package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is how long the machine has run, sleep included.
func sinceBoot(time.Time) (time.Duration, bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
