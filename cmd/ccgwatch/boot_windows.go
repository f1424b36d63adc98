package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// sinceBoot is how long the machine has run, sleep included.
func sinceBoot(time.Time) (time.Duration, bool) { return windows.DurationSinceBoot(), true }
