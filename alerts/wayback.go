package alerts

import (
	"slices"
	"time"

	"ccgwatch/store"
)

// How long nobody is written to, not even by asking for it, after mail to them
// came back or was complained of. Then their own sign-up is answered with the
// question whether they mean it, and their yes ends the suppression. After a
// bounce a day is enough: the mailbox was full or is new, and if mail still
// comes back nobody can say yes. Who said "spam" is asked again only when it is
// surely somebody's wish and not the next of a stranger's tries.
const (
	afterBounces   = 24 * time.Hour
	afterComplaint = 180 * 24 * time.Hour
)

// StoppedByComplaint is what a subscription's Stopped says where its owner
// complained; anything else is mail that came back.
const StoppedByComplaint = "complaint"

// WayBack is from when on an address can be asked again, given its
// subscriptions: zero if it always can. Stores from before it was noted when and
// why give the longest time from the day it was made.
func WayBack(of []store.Subscription) (from time.Time) {
	for _, s := range of {
		if s.State != store.StateSuppressed {
			continue
		}
		at, wait := s.Ended, afterComplaint
		if at.IsZero() {
			at = s.Created
		} else if s.Stopped != StoppedByComplaint && s.Stopped != "" {
			wait = afterBounces
		}
		if t := at.Add(wait); t.After(from) {
			from = t
		}
	}
	return from
}

// barred tells whether an address is not written to at now, whoever asks.
func barred(of []store.Subscription, now time.Time) bool {
	return slices.ContainsFunc(of, func(s store.Subscription) bool { return s.State == store.StateSuppressed }) && now.Before(WayBack(of))
}
