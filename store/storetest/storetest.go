// Package storetest is the contract of store.Store as a test suite. Every back
// end runs it; what it does not check, the store does not promise.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ccgwatch/store"
)

// Test runs the suite. open gives an empty store that the test may fill;
// reopen closes a store and opens what it left behind.
func Test(t *testing.T, open func(*testing.T) store.Store, reopen func(*testing.T, store.Store) store.Store) {
	for name, f := range map[string]func(*T){
		"ledger/a source never seen":                           unseen,
		"ledger/commit keeps everything":                       keepsEverything,
		"ledger/commit leaves other items alone":               leavesOthers,
		"ledger/snapshot by keys":                              byKeys,
		"ledger/a stale commit changes nothing":                stale,
		"ledger/of two commits at once one wins":               race,
		"ledger/changes are numbered and batched":              numbered,
		"ledger/changes come in pages":                         paged,
		"ledger/what a commit is given stays as it is":         untouched,
		"ledger/items of all sources in order":                 itemsInOrder,
		"ledger/items stop when told":                          itemsStop,
		"ledger/keys of one source are not those of another":   prefixes,
		"ledger/health":                                        health,
		"ledger/names that would break a key":                  badNames,
		"archive/papers":                                       papers,
		"archive/a reader that fails leaves nothing":           brokenReader,
		"archive/names that are no hash":                       noHash,
		"archive/text":                                         text,
		"subscribers/subscribe and list":                       subscribe,
		"subscribers/the same twice":                           subscribeTwice,
		"subscribers/end suppresses what is queued":            end,
		"subscribers/erase":                                    erase,
		"signups/ask, confirm once":                            signUp,
		"signups/ask again":                                    signUpAgain,
		"signups/what was counted":                             counts,
		"signups/a link to all of an address":                  manageLink,
		"signups/forget one":                                   forget,
		"signups/sweep":                                        sweep,
		"outbox/advance moves a follower":                      advance,
		"outbox/advance from the wrong place changes nothing":  wrongPlace,
		"outbox/ids that are there already":                    sameIDs,
		"outbox/nothing for an erased subscription":            afterErase,
		"outbox/findings in order":                             findingsInOrder,
		"outbox/lease what is due":                             leaseDue,
		"outbox/a lease runs out":                              leaseRunsOut,
		"outbox/lease suppresses for those who left":           leaseSuppresses,
		"outbox/settle":                                        settle,
		"outbox/settle soon is before what comes after":        settleSoon,
		"outbox/dot: in doubt once, then twice":                dot,
		"outbox/dot: only for who holds the claim":             dotFenced,
		"outbox/dot: not for those who left":                   dotSuppresses,
		"outbox/deliveries oldest first, without bytes":        deliveriesInOrder,
		"outbox/digest":                                        digest,
		"outbox/one digest tells several":                      together,
		"outbox/an alert that spoke for others":                spokenFor,
		"outbox/all of a decision or nothing":                  allOrNothing,
		"backlog/what was created of late":                     recent,
		"backlog/the deliveries of a subscription":             deliveriesOf,
		"backlog/one takes the place of several":               fold,
		"backlog/fold: only what is free and not in doubt":     foldFenced,
		"backlog/a digest carries what came to nothing":        carries,
		"mailroom/how far a mailbox was read":                  mailMarks,
		"mailroom/a message counts once":                       handledOnce,
		"mailroom/mail that came back":                         returned,
		"mailroom/who is gone is not written to":               returnedSuppresses,
		"mailroom/the question whether to subscribe came back": returnedPending,
		"mailroom/nothing is kept of who is gone":              returnedErased,
		"subscribers/the stamp of what they are matched by":    stamp,
		"house/what it is told, and what is noted with it":     tellHouse,
		"house/nobody else is told":                            tellOthers,
		"house/a visitor is answered":                          answered,
		"house/domains that are held back":                     holds,
		"diary":                                                diary,
		"all/a cancelled context":                              cancelled,
		"corrections/they stand beside what the source says":   corrected,
		"corrections/what goes out of sight":                   withheld,
		"corrections/what waits to be sent about it":           recalled,
		"corrections/what waits and is corrected":              recalledWords(store.ActCorrect, map[string]store.DeliveryState{"alone": store.Failed, "held": store.Failed, "doubt": store.Queued, "other": store.Queued}),
		"corrections/what waits and is redacted":               recalledWords(store.ActRedact, map[string]store.DeliveryState{"alone": store.Failed, "held": store.Failed, "doubt": store.Uncertain, "other": store.Queued}),
		"corrections/what waits and is restored":               recalledWords(store.ActRestore, map[string]store.DeliveryState{"alone": store.Failed, "held": store.Failed, "doubt": store.Queued, "other": store.Queued}),
		"corrections/what waits and is annotated":              recalledWords(store.ActNote, map[string]store.DeliveryState{"alone": store.Queued, "held": store.OnHold, "doubt": store.Queued, "other": store.Queued}),
		"corrections/what is held and taken back is at hand":   aside,
		"corrections/what is queued too late":                  recalledLate,
		"corrections/digests and letters are owed again":       owedAgain,
		"corrections/words that are left out":                  redacted,
		"corrections/what is refused":                          badCorrections,
		"threads/notices are found by their marks":             marked,
		"threads/marks follow what an item says now":           remarked,
		"threads/decisions in the order they were made":        decisions,
		"threads/what falls due is logged once":                fallDue,
		"threads/what cannot be logged leaves nothing":         fallDueWhole,
		"outbox/rejudge replaces and retires":                  rejudge,
		"outbox/rejudge: what is wrong changes nothing":        rejudgeWrong,
		"all/closing twice, and using what is closed":          closed,
		"all/everything is there after reopening":              survives,
		"all/random operations do what they do to a plain map": simulate,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			x := &T{T: t, Store: s, ctx: t.Context(), reopen: reopen}
			defer func() {
				if err := x.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			f(x)
		})
	}
}

// T is one sub-test with its store.
type T struct {
	*testing.T
	store.Store
	ctx    context.Context // of the test
	reopen func(*testing.T, store.Store) store.Store
}

func (t *T) again() { t.Helper(); t.Store = t.reopen(t.T, t.Store) }

func (t *T) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *T) is(err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got the error %v, want %v", err, want)
	}
}

func (t *T) same(what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s (-want +got): %s", what, d)
	}
}

func at(hour int) time.Time { return time.Date(2026, 8, 10, hour, 0, 0, 0, time.UTC) }

// snapshot makes one of source with items, as the revision to commit next.
func (t *T) snapshot(source string, items ...store.Item) store.Snapshot {
	t.Helper()
	now, err := t.Snapshot(t.ctx, source, []string{})
	t.must(err)
	for _, it := range items {
		it.Source = source
		now.Items[it.Key] = it
	}
	return now
}

func (t *T) commit(source string, changes int, items ...store.Item) {
	t.Helper()
	cs := make([]store.Change, changes)
	for i := range cs {
		cs[i] = store.Change{At: at(8), Key: fmt.Sprint("k", i), Op: store.OpAdded, What: []store.What{store.NewMeeting}}
	}
	t.must(t.Commit(t.ctx, t.snapshot(source, items...), cs, store.Health{Source: source, LastTry: at(8)}))
}

// item is one with every field set.
func item(key string) store.Item {
	return store.Item{
		Source: "leics", Key: key, Kind: store.KindMeeting, Body: "leics-cc", Title: "Cabinet – “Café”", URL: "https://example.org/" + key,
		Published: at(1), FirstSeen: at(2), Changed: at(3), Fields: map[string]string{store.FieldVenue: "Town Hall"},
		Parts:     []store.Part{{Key: "item/1", Number: "1", Title: "Nursing", Text: "Text", Restricted: true, Late: true}},
		Documents: []store.Document{{Key: "d", Title: "D", URL: "https://example.org/d", Role: store.RolePack, Part: "item/1", SHA256: "aa", Pages: 3, Size: 9, ETag: "e", Modified: "m", Fetched: at(4), Failed: "f", FailedReason: "server", FailedAt: at(5)}},
		Notice:    &store.Notice{OCID: "ocds-1", Buyers: []store.Party{{Name: "ICB"}}, Date: at(6)},
		Stub:      true, Missing: 1, Withdrawn: at(7),
	}
}

func confirmed(id string) store.Subscription {
	return store.Subscription{ID: id, Address: id + "@example.org", Query: "nursing", Often: store.Instant, State: store.StateConfirmed,
		Created: at(1), Consent: "signed a list", ConsentAt: at(1), Since: 3}
}

func delivery(id, subscription string, due time.Time) store.Delivery {
	return store.Delivery{ID: id, Subscription: subscription, Kind: "alert", MessageID: "<" + id + "@example.org>", Subject: "Subject of " + id,
		Findings: []string{"f1"}, Raw: []byte("To: " + subscription + "@example.org\r\n\r\n" + id), State: store.Queued, Created: at(1), Due: due}
}

// queue subscribes nobody: it puts deliveries into the outbox.
func (t *T) queue(d ...store.Delivery) {
	t.Helper()
	p, err := t.Position(t.ctx, "matcher")
	t.must(err)
	to := p
	to.Seq++
	t.must(t.Advance(t.ctx, "matcher", p, to, nil, d))
}

func (t *T) states() map[string]store.DeliveryState {
	t.Helper()
	out := map[string]store.DeliveryState{}
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool { out[d.ID] = d.State; return true }))
	return out
}

func diary(t *T) {
	due, err := t.Due(t.ctx)
	t.must(err)
	t.same("an empty diary", due, map[string]time.Time{})
	t.must(t.SetDue(t.ctx, "crawl leics", at(9)))
	t.must(t.SetDue(t.ctx, "digest", at(10)))
	t.must(t.SetDue(t.ctx, "digest", at(11)))
	t.again()
	due, err = t.Due(t.ctx)
	t.must(err)
	t.same("the diary", due, map[string]time.Time{"crawl leics": at(9), "digest": at(11)})
}

func cancelled(t *T) {
	t.commit("leics", 1, item("a"))
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	_, err := t.Snapshot(ctx, "leics", nil)
	t.is(err, context.Canceled)
	t.is(t.Commit(ctx, t.snapshot("leics", item("b")), nil, store.Health{}), context.Canceled)
	if _, err := t.Item(t.ctx, "leics", "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the commit was done all the same: %v", err)
	}
}

func closed(t *T) {
	t.must(t.Close())
	t.must(t.Close())
	if _, err := t.LastSeq(t.ctx); err == nil {
		t.Error("a closed store answers")
	}
	if err := t.Note(t.ctx, store.Health{Source: "leics"}); err == nil {
		t.Error("a closed store takes notes")
	}
	if err := t.Commit(t.ctx, store.Snapshot{Source: "leics", Items: map[string]store.Item{"a": item("a")}}, nil, store.Health{}); err == nil {
		t.Error("a closed store commits")
	}
}
