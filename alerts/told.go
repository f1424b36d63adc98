package alerts

import (
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// Telling is what a finding says, and of what: the same for a finding that was
// lost with the store and is found again, under another number and at another
// time. A sentence of two topics is told once, as in an alert.
func Telling(f store.Finding) string {
	return strings.Join([]string{f.Source, f.Key, f.Document, strconv.Itoa(f.Page), strings.Join(strings.Fields(f.Quote), " ")}, "\x00")
}

// DigestID is the id of the digest that a subscription is owed for a time of
// the schedule.
func DigestID(subscription string, slot time.Time) string { return digestID(subscription, slot) }
