package main

import (
	"log/slog"
	"testing"
	"time"

	"ccgwatch/store"
)

// dueApp is an app over an empty store, with one subscriber to everything.
func dueApp(t *testing.T) *app {
	t.Helper()
	a, err := demoApp(t.TempDir(), "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// appear commits notices as one sighting at a time.
func appear(t *testing.T, a *app, on time.Time, items ...store.Item) {
	t.Helper()
	var keys []string
	for _, it := range items {
		keys = append(keys, it.Key)
	}
	old, err := a.store.Snapshot(t.Context(), "tenders", keys)
	if err != nil {
		t.Fatal(err)
	}
	next, cs := store.Diff(old, store.Sighting{Source: "tenders", At: on, Last: true, Items: items})
	if err := a.store.Commit(t.Context(), next, cs, store.Health{Source: "tenders", LastTry: on, LastComplete: on}); err != nil {
		t.Fatal(err)
	}
	if err := a.follow(t.Context(), on); err != nil {
		t.Fatal(err)
	}
}

// tick lets a moment come, and returns what was logged as due at it.
func tick(t *testing.T, a *app, now time.Time) []string {
	t.Helper()
	before, err := a.store.LastSeq(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.fallDue(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	cs, err := a.store.Changes(t.Context(), before, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range cs {
		s := c.Due.Kind + " " + c.Due.Key
		if c.Silent {
			s += " (silent)"
		}
		out = append(out, s)
	}
	return out
}

func dueNotice(ocid, release string, on time.Time, fill func(*store.Notice)) store.Item {
	n := &store.Notice{OCID: ocid, Release: release, Date: on, Feed: "find-a-tender", LegalBasis: "UKPGA/2023/54", Title: "Community nursing at home",
		Description: "Nursing care for adults in their homes.", CPV: []string{"85141200"}, Buyers: []store.Party{{Name: "NHS Mercia Vale Integrated Care Board"}}}
	fill(n)
	return store.Item{Key: ocid + "/" + release, Kind: store.KindNotice, Title: n.Title, URL: "https://www.find-tender.service.gov.uk/Notice/" + release, Notice: n}
}

func intention(n *store.Notice) {
	n.LegalBasis, n.Tags = "CELEX/32014L0024", []string{"award", "contract"}
	n.Description += " This is a Provider Selection Regime (PSR) intention to award notice. The contract has not yet formally been awarded."
}

func tenderUntil(end string) func(*store.Notice) {
	return func(n *store.Notice) { n.NoticeType, n.Tags, n.TenderEnd = "UK4", []string{"tender"}, end }
}

func want(t *testing.T, what string, got []string, all ...string) {
	t.Helper()
	if len(got) != len(all) {
		t.Errorf("%s: %q, want %q", what, got, all)
		return
	}
	for i := range all {
		if got[i] != all[i] {
			t.Errorf("%s: %q, want %q", what, got, all)
		}
	}
}

// What was overdue when we began to watch is nobody's news; a deadline of that
// time still lies ahead, and is reminded of. Each is logged once, however often
// the day comes.
func TestWhatFallsDueIsToldOnce(t *testing.T) {
	a := dueApp(t)
	start := at("2026-08-24T07:00")
	appear(t, a, start,
		dueNotice("ocds-h6vhtk-00000a", "000001-2026", at("2026-06-01T09:00"), intention),
		dueNotice("ocds-h6vhtk-00000b", "000002-2026", at("2026-08-03T09:00"), tenderUntil("2026-09-02T12:00:00+01:00")),
		dueNotice("ocds-h6vhtk-00000c", "000003-2026", at("2026-08-20T09:00"), intention))
	overdue, reminder := "overdue overdue ocds-h6vhtk-00000a intention 000001-2026 (silent)", "reminder reminder ocds-h6vhtk-00000b tender 2026-09-02T12:00:00+01:00 "
	want(t, "the first day", tick(t, a, start), overdue)
	want(t, "the same day", tick(t, a, start.Add(time.Hour)))
	want(t, "five working days before, over a bank holiday", tick(t, a, at("2026-08-25T06:31")), reminder+"5")
	computed := "reminder reminder ocds-h6vhtk-00000c representations 2026-09-03T23:59:59+01:00 " // by the rule: the notice gives no date
	want(t, "the next day", tick(t, a, at("2026-08-26T06:31")), computed+"5")
	want(t, "and the day after", tick(t, a, at("2026-08-27T06:31")))
	if err := a.store.SetDue(t.Context(), dueJob, at("2026-08-01T00:00")); err != nil { // as after a crash before the date was kept
		t.Fatal(err)
	}
	want(t, "the same again", tick(t, a, at("2026-08-27T07:00")))
	want(t, "one working day before", tick(t, a, at("2026-09-01T06:31")), reminder+"1")

	// A notice that comes with less than five working days to go says so itself.
	appear(t, a, at("2026-09-02T08:00"), dueNotice("ocds-h6vhtk-00000d", "000004-2026", at("2026-09-02T07:50"), tenderUntil("2026-09-07T12:00:00+01:00")))
	want(t, "none of what has just come", tick(t, a, at("2026-09-03T06:31")), computed+"1")
	want(t, "but on the eve", tick(t, a, at("2026-09-04T06:31")), "reminder reminder ocds-h6vhtk-00000d tender 2026-09-07T12:00:00+01:00 1")

	// It is moved: the new date has reminders of its own.
	appear(t, a, at("2026-09-04T09:00"), dueNotice("ocds-h6vhtk-00000d", "000005-2026", at("2026-09-04T08:50"), func(n *store.Notice) {
		tenderUntil("2026-09-28T12:00:00+01:00")(n)
		n.Tags = []string{"tenderUpdate"}
	}))
	want(t, "not of the old date", tick(t, a, at("2026-09-07T06:31")))
	want(t, "of the new one", tick(t, a, at("2026-09-21T06:31")), "reminder reminder ocds-h6vhtk-00000d tender 2026-09-28T12:00:00+01:00 5")

	// What became overdue while we watched is news, also when the machine was off.
	got := tick(t, a, at("2026-11-20T06:31"))
	want(t, "sixty days after the third notice", got, "overdue overdue ocds-h6vhtk-00000c intention 000003-2026")
	mailed := 0
	if err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if f.Topic == store.TopicDeadlines && !f.Silent && len(f.Moves) == 1 && f.Moves[0].Kind != "deadline" {
			mailed++
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if mailed != 7 {
		t.Errorf("%d findings of what fell due are for mailing, want 7", mailed)
	}
}

// A reminder goes to those who asked for deadlines, and to those who asked for
// what the notice is about.
func TestRemindersAreMatched(t *testing.T) {
	a := dueApp(t)
	appear(t, a, at("2026-08-03T10:00"), dueNotice("ocds-h6vhtk-00000b", "000002-2026", at("2026-08-03T09:00"), tenderUntil("2026-09-02T12:00:00+01:00")))
	for i, q := range []string{"topic:deadlines", "topic:tenders", "topic:meetings", "nursing"} {
		s := store.Subscription{ID: string(rune('a' + i)), Address: string(rune('a'+i)) + "@example.org", Query: q, Often: store.Instant, State: store.StateConfirmed,
			Created: at("2026-08-10T09:00"), ConsentAt: at("2026-08-10T09:00"), Since: 1}
		if err := a.store.Subscribe(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	tick(t, a, at("2026-08-26T06:31"))
	got := map[string]string{}
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool { got[d.Subscription] = d.Subject; return true }); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "d"} {
		if got[id] != "Reminder, by Wed 2 Sep 12:00: Community nursing at home (NHS Mercia Vale Integrated Care Board)" {
			t.Errorf("%s is sent %q", id, got[id])
		}
	}
	if got["c"] != "" {
		t.Errorf("who asked for meetings is sent %q", got["c"])
	}
}
