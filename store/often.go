package store

import (
	"slices"
	"strings"
	"time"
)

// How often a subscription is mailed.
const (
	Instant = "instant" // alerts as things appear
	Daily   = "daily"   // one digest for each day on which there was something
	Weekly  = "weekly"  // one digest a week
	Both    = "both"    // alerts, and one digest a week
)

// Oftens lists what a subscription may ask for, in the order of how soon it
// hears.
func Oftens() []string { return []string{Instant, Daily, Weekly, Both} }

// IsOften tells whether it is one of Oftens.
func IsOften(s string) bool { return slices.Contains(Oftens(), s) }

// OftenOf reads one word of how often somebody wants mail; false if it is none.
// It knows no word that people also look for ("now", "day").
func OftenOf(word string) (often string, ok bool) {
	switch w := strings.ToLower(strings.Trim(word, " \t.,;:!")); w {
	case "instantly", "immediately":
		return Instant, true
	case "everyday":
		return Daily, true
	default:
		return w, IsOften(w)
	}
}

// AtOnce tells whether a subscription that wants mail so often gets alerts.
func AtOnce(often string) bool { return often == Instant || often == Both }

// Digested tells whether it gets digests.
func Digested(often string) bool { return often == Daily || often == Weekly || often == Both }

// A Period is what a digest tells one subscription of: from the end of the last
// one (zero for the first) until its own.
type Period struct {
	Subscription string    `json:"subscription"`
	From         time.Time `json:"from,omitzero"`
	Until        time.Time `json:"until"`
}
