package alerts

import (
	"cmp"
	"slices"
	"time"

	"ccgwatch/store"
)

// Who waits for a mail to be able to say yes goes first, then what has just
// happened, then digests. The outbox hands out what has been due for longest, so
// a message is entered as due since earlier the sooner it must go: by more than
// any message waits at all (giveUp). One that was put off goes by its new time.
const (
	serviceAhead = 4 * giveUp
	alertAhead   = 2 * giveUp
)

// dueSince is when a message of a kind made at a time is entered as due.
func dueSince(kind string, made time.Time) time.Time {
	switch rank(kind) {
	case 0:
		return made.Add(-serviceAhead)
	case 1:
		return made.Add(-alertAhead)
	}
	return made
}

// DueFrom is from when on a delivery was really due, for people.
func DueFrom(d store.Delivery) time.Time {
	if d.Due.Before(d.Created) {
		return d.Created
	}
	return d.Due
}

func rank(kind string) int {
	switch kind {
	case KindConfirm, KindManage, KindProbe, KindGoodbye:
		return 0
	case KindAlert, KindCorrection:
		return 1
	}
	return 2
}

// inRank sorts what was claimed together.
func inRank(ds []store.Delivery) {
	slices.SortStableFunc(ds, func(a, b store.Delivery) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
}

// reserve is how much of what a relay takes is kept for confirmations and links:
// a tenth. A day of many alerts must keep nobody from signing up.
func reserve(limit int) int { return limit / 10 }
