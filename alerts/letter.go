// Package alerts tells people: it follows the change log, matches findings to
// subscriptions, makes up the weekly digests and hands frozen messages to a
// Sender. How a message looks is none of its business (see alerts/mail), nor is
// how a finding is made (see alerts/judge).
//
// Its promises: every confirmed subscription hears of each matching commit
// once, and is told once in every digest it is owed; a person with several
// subscriptions gets one digest for all that are due, and hears of an item once;
// nothing is decided twice, whatever moment
// the power fails; what is sent again is sent byte for byte.
package alerts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// Kinds of delivery.
const (
	KindAlert   = "alert"
	KindDigest  = "digest"
	KindConfirm = store.MailConfirm // is it really you?
	KindManage  = store.MailManage  // the link to change or end it
	KindProbe   = store.MailProbe   // does the address still work?
	KindGoodbye = store.MailGoodbye // it has ended
	// KindCorrection says that something that was mailed was wrong.
	KindCorrection = "correction"
	KindAnswer     = store.MailAnswer // to what could not be understood, and to a call for help
)

// A Letter is all that one message says, before it is put into words. Exactly
// one of Alert, Digest and Correction is set.
type Letter struct {
	ID           string    // of the delivery
	Date         time.Time // for the header of that name
	Subscription store.Subscription
	Alert        *Alert
	Digest       *Digest
	Correction   *Correction
	// Others are what further subscriptions of the address are told in the same
	// digest.
	Others []Part
	// Copy: it is the operator's copy of a digest. It is on no list, and has nobody's
	// links.
	Copy bool
}

// A Part is what one subscription is told in a digest.
type Part struct {
	Subscription store.Subscription
	Digest       *Digest
}

// A Message is a letter put into words: the bytes that are sent, and what the
// outbox shows of them. The same letter always gives the same message.
type Message struct {
	MessageID string // with its angle brackets
	Subject   string // decoded
	Raw       []byte
}

// An Alert is what one commit of a source had for one subscription.
type Alert struct {
	Things []Thing // at most MaxThings
	More   int     // further things that matched
	// Folded is of how many alerts it was put together that could not be sent,
	// Since the oldest of them: zero for an alert as it should be.
	Folded int
	Since  time.Time
}

// MaxThings is how many things an alert shows.
const MaxThings = 25

// A Thing is one item with all that was found in it, the most certain first.
type Thing struct {
	Findings []store.Finding // at least one
	More     int             // further sentences of the item, of findings not among these
}

// Lead is the finding that stands for the thing.
func (t Thing) Lead() store.Finding { return t.Findings[0] }

// maxPerThing is how many findings of one item a thing keeps, out of how many
// that are looked at.
const (
	maxPerThing   = 12
	lookedAtOfOne = 300
)

// A folder puts findings together by item, in the order of their first
// appearance, keeping at most max items and counting the others.
type folder struct {
	max    int
	things []Thing
	at     map[string]int  // source, key -> place in things
	more   map[string]bool // what did not fit
}

func newFolder(limit int) *folder {
	return &folder{max: limit, at: map[string]int{}, more: map[string]bool{}}
}

func itemKey(source, key string) string { return source + "\x00" + key }

func (f *folder) add(x store.Finding) {
	k := itemKey(x.Source, x.Key)
	i, ok := f.at[k]
	switch {
	case !ok && len(f.things) >= f.max:
		f.more[k] = true
		return
	case !ok:
		f.at[k] = len(f.things)
		f.things = append(f.things, Thing{Findings: []store.Finding{x}})
		return
	}
	t := &f.things[i]
	for j, y := range t.Findings {
		if y.ID == x.ID || sameWords(y.Quote, x.Quote) && y.Page == x.Page { // a sentence of two topics is one sentence
			if inOrder(x, y) < 0 {
				x, y = y, x
			}
			for _, m := range x.Moves { // of the same sentence, and not the same news
				if !slices.Contains(y.Moves, m) {
					y.Moves = append(slices.Clone(y.Moves), m)
				}
			}
			if x.ID != y.ID {
				y = y.Merge(x)
			}
			if len(y.Unsaid) == 0 {
				y.Unsaid = x.Unsaid
			}
			t.Findings[j] = y
			return
		}
	}
	if len(t.Findings) < lookedAtOfOne {
		t.Findings = append(t.Findings, x)
	}
}

func sameWords(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

// done returns the things, the findings of each sorted by tier, topic and page.
func (f *folder) done() []Thing {
	for i := range f.things {
		t := &f.things[i]
		slices.SortFunc(t.Findings, inOrder)
		keep := min(len(t.Findings), maxPerThing)
		for _, x := range t.Findings[keep:] {
			t.More += len(x.Best()) + x.More
		}
		t.Findings = t.Findings[:keep]
	}
	return f.things
}

// inOrder is the order of the findings of one item: by tier, topic and page.
// It is total, so that what is shown does not hang on the order of arrival.
func inOrder(a, b store.Finding) int {
	return cmp.Or(
		tierRank(a.Tier)-tierRank(b.Tier), topicRank(a.Topic)-topicRank(b.Topic),
		cmp.Compare(a.Page, b.Page), cmp.Compare(a.Change, b.Change), strings.Compare(a.ID, b.ID),
	)
}

func tierRank(t store.Tier) int {
	switch t {
	case store.TierCertain:
		return 0
	case store.TierLikely:
		return 1
	}
	return 2
}

// Topics in the order in which they are told: what can still be acted on first.
func Topics() []store.Topic {
	return []store.Topic{
		store.TopicOutsourcing, store.TopicTenders, store.TopicDeadlines, store.TopicConsultations,
		store.TopicAwards, store.TopicMeetings, store.TopicPapers, store.TopicFOI,
	}
}

func topicRank(t store.Topic) int {
	if i := slices.Index(Topics(), t); i >= 0 {
		return i
	}
	return len(Topics())
}

// deliveryID is a hash of the subscription and what it is told, so that a
// second decision to tell it falls together with the first.
func deliveryID(subscription, kind, what string) string {
	h := sha256.Sum256([]byte(subscription + "\x00" + kind + "\x00" + what))
	return hex.EncodeToString(h[:16])
}

func alertID(subscription string, batch uint64) string {
	return deliveryID(subscription, KindAlert, strconv.FormatUint(batch, 10))
}

func digestID(subscription string, slot time.Time) string {
	return deliveryID(subscription, KindDigest, slot.UTC().Format(time.RFC3339))
}
