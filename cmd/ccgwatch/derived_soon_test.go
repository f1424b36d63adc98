package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// between is what is told of procurements, with something that happens while one
// is being folded.
type between struct {
	store.Threads
	then func()
}

func (b *between) Marked(ctx context.Context, mark string, limit int) ([]store.ItemRef, error) {
	list, err := b.Threads.Marked(ctx, mark, limit)
	if then := b.then; then != nil {
		b.then = nil
		then()
	}
	return list, err
}

// A procurement that was being folded while a notice of it came, and was worked
// out, was remembered as it had been before.
func TestAFoldBegunBeforeANoticeIsNotRememberedAfterIt(t *testing.T) {
	a := dueApp(t)
	const nursing = "ocds-h6vhtk-00000a"
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	marks := &between{Threads: a.store}
	threads := &alerts.Threads{Ledger: a.threads.Ledger, Outbox: a.threads.Outbox, Marks: marks, Judge: a.threads.Judge}
	a.listed = &alerts.ThreadList{Threads: threads, Ledger: a.store, Outbox: a.store, Shown: a.public.Shown, Derived: a.derived} // as after a start
	marks.then = func() {
		appear(t, a, at("2026-09-20T07:00"), dueNotice(nursing, "000002-2026", at("2026-09-20T06:00"), intention))
	}
	first, err := a.listed.Fold(t.Context(), nursing)
	must(t, err)
	if len(first.Steps) != 1 || marks.then != nil {
		t.Fatalf("%d steps: nothing came while it was being folded", len(first.Steps))
	}
	again, err := a.listed.Fold(t.Context(), nursing)
	must(t, err)
	if len(again.Steps) != 2 {
		t.Errorf("%d steps are remembered, of 2", len(again.Steps))
	}
}

// A fold is remembered over what does not concern it, worked out or not.
func TestAFoldOutlivesWhatDoesNotConcernIt(t *testing.T) {
	a := dueApp(t)
	const nursing, repairs = "ocds-h6vhtk-00000a", "ocds-h6vhtk-00000b"
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	marks := &between{Threads: a.store}
	threads := &alerts.Threads{Ledger: a.threads.Ledger, Outbox: a.threads.Outbox, Marks: marks, Judge: a.threads.Judge}
	a.listed = &alerts.ThreadList{Threads: threads, Ledger: a.store, Outbox: a.store, Shown: a.public.Shown, Derived: a.derived}
	_, err := a.listed.Fold(t.Context(), nursing)
	must(t, err)
	a.daemon.Store(true) // works out beside everything else, and has not begun
	appear(t, a, at("2026-09-20T07:00"), dueNotice(repairs, "000077-2026", at("2026-09-20T06:00"), func(n *store.Notice) { n.Title = "Wheelchair repairs" }))
	marks.then = func() { t.Error("it was folded again over a notice of another procurement") }
	_, err = a.listed.Fold(t.Context(), nursing)
	must(t, err)
	marks.then = nil
	appear(t, a, at("2026-09-21T07:00"), dueNotice(nursing, "000002-2026", at("2026-09-21T06:00"), intention))
	th, err := a.listed.Fold(t.Context(), nursing)
	must(t, err)
	if len(th.Steps) != 2 {
		t.Errorf("%d steps are told before the second is worked out, of 2", len(th.Steps))
	}
}

// While mail was being sent, which may take hours, or nothing could be sent,
// nothing was worked out.
func TestWorkingOutGoesOnWhileMailIsHeldUp(t *testing.T) {
	a := dueApp(t)
	a.sources, a.cfg.Sources = nil, nil
	a.daemon.Store(true)
	const nursing = "ocds-h6vhtk-00000a"
	lists(t, a, "mercia-vale-icb", at("2026-05-02T07:00"), boardMeeting("meeting/1", "2026-05-07T13:00:00+01:00", store.Part{Key: "1", Title: "Tender 000001-2026"}))
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	sha, _, err := a.store.Keep(t.Context(), strings.NewReader("a paper"))
	must(t, err)
	must(t, a.store.KeepText(t.Context(), sha, []string{"One page."}))
	it := boardMeeting("meeting/2", "2026-06-07T13:00:00+01:00")
	it.Documents = []store.Document{{Key: "d", Title: "Pack", URL: "https://icb.example.org/pack.pdf", SHA256: sha, Pages: 1}}
	lists(t, a, "mercia-vale-icb", at("2026-09-03T07:00"), it)
	if behind, err := a.joined.Behind(t.Context()); !behind || err != nil {
		t.Fatalf("behind %v, %v before it begins", behind, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // only if it never comes to it
	defer cancel()
	said := a.said.Said
	a.said.Said = func(pages []string) []alerts.Saying { // of all that is worked out this is the last
		cancel()
		return said(pages)
	}
	d := &daemon{app: a}
	if !d.claim(mailing) {
		t.Fatal("mail is being sent")
	}
	d.run(ctx)
	if behind, err := a.joined.Behind(t.Context()); behind || err != nil {
		t.Errorf("behind %v, %v", behind, err)
	}
}

// A sentence of a paper is gone from the register with its item, before that is
// worked out, and the page says that it does not know all.
func TestTheRegisterQuotesNothingOfWhatIsHeldBack(t *testing.T) {
	a := dueApp(t)
	sha, _, err := a.store.Keep(t.Context(), strings.NewReader("a paper"))
	must(t, err)
	must(t, a.store.KeepText(t.Context(), sha, []string{"Minutes.", "A member declared an interest in the stoma service and left the meeting."}))
	it := boardMeeting("meeting/2", "2026-06-07T13:00:00+01:00")
	it.Documents = []store.Document{{Key: "d", Title: "Pack", URL: "https://icb.example.org/pack.pdf", SHA256: sha, Pages: 2, Unread: "1"}}
	lists(t, a, "mercia-vale-icb", at("2026-05-03T07:00"), it)
	says := func(words string) bool {
		t.Helper()
		return strings.Contains(strings.Join(strings.Fields(page(t, a, at("2026-05-04T07:00"), "/register?of=papers").Find("main").Text()), " "), words)
	}
	const quote, more, one = "declared an interest in the stoma service", "More is being read", "1 sentence in 1 paper kept."
	if !says(quote) || !says("page 2") || !says(one) || says(more) {
		t.Error("the sentence is not there")
	}
	a.daemon.Store(true) // works out beside everything else, and has not begun
	c := store.Correction{At: at("2026-05-04T06:00"), Source: "mercia-vale-icb", Key: "meeting/2", Act: store.ActHold, Reason: "test"}
	_, err = a.store.Correct(t.Context(), c)
	must(t, err)
	if says(quote) || !says(more) {
		t.Error("it is still there, or the page does not say that it does not know all yet")
	}
	a.derive(t.Context())
	if says(quote) || says(more) || !says("0 sentences in 0 papers kept.") {
		t.Error("with all worked out the page says otherwise")
	}
	c.Act = store.ActRestore
	_, err = a.store.Correct(t.Context(), c)
	must(t, err)
	a.derive(t.Context())
	if !says(quote) || !says(one) {
		t.Error("it is not there again")
	}
}
