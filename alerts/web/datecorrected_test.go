package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// indexedUpTo is a search index that has come so far in the log, and knows
// nothing of what came after it.
type indexedUpTo struct {
	store.Index
	done, end uint64
	found     []store.Finding // as they were then
	facts     func(store.Finding) query.Facts
	asking    bool
}

func (x indexedUpTo) Place(context.Context) (done, end uint64, err error) { return x.done, x.end, nil }

func (x indexedUpTo) Things(ctx context.Context, q query.Query) (out []uint64, ask bool, err error) {
	err = x.Found(ctx, q, store.FoundPlace{}, func(f store.Found) bool { out = append(out, f.Thing); return true })
	return out, x.asking, err
}

func (x indexedUpTo) Found(_ context.Context, q query.Query, _ store.FoundPlace, f func(store.Found) bool) error {
	for _, v := range x.found {
		if x.asking || q.Match(x.facts(v)) {
			f(store.Found{ID: v.ID, Change: v.Change, Source: v.Source, Thing: thingOf(v.Source, v.Key), Ask: x.asking})
		}
	}
	return nil
}

// correctedNotice is an archive with a notice that has a deadline, of which the
// operator took a word back that the index still knows.
func correctedNotice(t *testing.T, say store.Correction) (*archive, *indexedUpTo) {
	t.Helper()
	a := newArchive(t)
	p := store.NewPublic(a.store)
	a.server.Ledger, a.server.Outbox, a.server.Corrections = p, p, a.store
	changes := a.see("find-a-tender", false, aNotice("000001-2026", "tender", "2026-08-03T12:00:00Z"))
	f := bidsDue(changes[0], "f1", "tender", "2026-08-03T12:00:00Z")
	f.Quote = "Asked of Mr Jones"
	a.find(f)
	done, err := a.store.LastSeq(t.Context())
	a.must(err)
	x := &indexedUpTo{done: done, found: []store.Finding{f}, facts: a.server.Facts}
	say.At, say.Source, say.Key, say.Reason = a.now.Add(time.Hour), f.Source, f.Key, "a test"
	_, err = a.store.Correct(t.Context(), say)
	a.must(err)
	x.end, err = a.store.LastSeq(t.Context())
	a.must(err)
	a.server.Index = x
	a.restart()
	return a, x
}

// A date search that was asked between a correction and its indexing showed what
// was taken back, and went on doing so.
func TestDateSearchBeforeACorrectionIsIndexedShowsNothingTakenBack(t *testing.T) {
	for _, asking := range []bool{false, true} {
		a, x := correctedNotice(t, store.Correction{Act: store.ActRedact, Strike: []string{"Jones"}})
		x.asking = asking
		if got := string(a.get("/calendar.ics?q=jones")); strings.Contains(got, "BEGIN:VEVENT") {
			t.Errorf("asking %t: found by what was struck out:\n%s", asking, got)
		}
		if got := string(a.get("/calendar.ics?q=nursing")); !strings.Contains(got, "BEGIN:VEVENT") {
			t.Errorf("asking %t: what still stands is not found:\n%s", asking, got)
		}
		a.find() // judged
		x.done, x.found = x.end, nil
		if got := string(a.get("/calendar.ics?q=jones")); strings.Contains(got, "BEGIN:VEVENT") {
			t.Errorf("asking %t: found once the index knows:\n%s", asking, got)
		}
		if got := string(a.get("/calendar.ics?q=nursing")); !strings.Contains(got, "BEGIN:VEVENT") {
			t.Errorf("asking %t: what still stands is not found once the index knows", asking)
		}
	}
}

// What a correction adds is found before the index knows of it.
func TestDateSearchBeforeACorrectionIsIndexedFindsWhatItSays(t *testing.T) {
	a, _ := correctedNotice(t, store.Correction{Act: store.ActCorrect, Fields: []store.FieldChange{{Name: "title", Old: "Night nursing", New: "Day hospice"}}})
	if got := string(a.get("/calendar.ics?q=hospice")); !strings.Contains(got, "BEGIN:VEVENT") {
		t.Errorf("not found by its new title:\n%s", got)
	}
}

// goes is an outbox of which the visitor goes away when one finding is read.
type goes struct {
	store.Outbox
	of     string
	leave  func()
	armed  atomic.Bool
	passed atomic.Int64
}

func (o *goes) Finding(ctx context.Context, id string) (store.Finding, error) {
	if id == o.of && o.armed.CompareAndSwap(true, false) {
		o.leave()
	}
	if err := ctx.Err(); err != nil {
		o.passed.Add(1)
		return store.Finding{}, err
	}
	return o.Outbox.Finding(ctx, id)
}

// A visitor who went away while a correction was read left the deadline of what was
// held in all calendars: nobody read it again.
func TestDeadlinesOfACorrectionAreReadAgainAfterACancelledRequest(t *testing.T) {
	a := newArchive(t)
	p := store.NewPublic(a.store)
	o := &goes{Outbox: p, of: "f1"}
	a.server.Ledger, a.server.Outbox, a.server.Corrections = p, o, a.store
	a.restart()
	first := a.see("find-a-tender", false, aNotice("000001-2026", "tender", "2026-08-03T12:00:00Z"))
	a.find(bidsDue(first[0], "f1", "tender", "2026-08-03T12:00:00Z"))
	second := a.see("find-a-tender", false, aNotice("000002-2026", "tender_update", "2026-09-07T12:00:00Z"))
	a.find(bidsDue(second[0], "f2", "tender_update", "2026-09-07T12:00:00Z"))
	if got := string(a.get("/calendar.ics")); !strings.Contains(got, "20260907") {
		t.Fatalf("before:\n%s", got)
	}
	_, err := a.store.Correct(t.Context(), store.Correction{At: a.now.Add(time.Hour), Source: second[0].Source, Key: second[0].Key, Act: store.ActHold, Reason: "a test"})
	a.must(err)
	a.find()

	// The deadline falls back to the first notice, which is read when the visitor goes.
	ctx, leave := context.WithCancelCause(t.Context())
	o.leave = func() { leave(errors.New("gone")) }
	o.armed.Store(true)
	a.now = a.now.Add(time.Hour)
	a.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8080/calendar.ics", nil))
	if o.armed.Load() || o.passed.Load() == 0 {
		t.Fatal("nobody went away")
	}
	got := string(a.get("/calendar.ics"))
	if strings.Contains(got, "20260907") || !strings.Contains(got, "20260803") {
		t.Errorf("after the next visitor:\n%s", got)
	}
}
