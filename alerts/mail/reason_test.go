package mail

import (
	"testing"

	"ccgwatch/store"
)

// Every reason there is has words of its own; only a page that is not as
// expected is told as such.
func TestEveryReasonHasWords(t *testing.T) {
	usual := reasonWord(store.ReasonFormat)
	for _, r := range []store.Reason{
		store.ReasonNetwork, store.ReasonRefused, store.ReasonMissing, store.ReasonServer, store.ReasonBusy, store.ReasonRobots, store.ReasonTooLarge,
		store.ReasonTruncated, store.ReasonEmpty, store.ReasonShrunk, store.ReasonGap, store.ReasonBlocked, store.ReasonStalled,
	} {
		if reasonWord(r) == usual {
			t.Errorf("%s has none", r)
		}
	}
}
