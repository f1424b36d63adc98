package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// lists commits items of a whole list.
func lists(t *testing.T, a *app, source string, on time.Time, items ...store.Item) {
	t.Helper()
	old, err := a.store.Snapshot(t.Context(), source, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		items[i].Source = source
	}
	next, cs := store.Diff(old, store.Sighting{Source: source, At: on, Last: true, Whole: true, Items: items})
	if err := a.store.Commit(t.Context(), next, cs, store.Health{Source: source, LastTry: on, LastComplete: on}); err != nil {
		t.Fatal(err)
	}
	if err := a.follow(t.Context(), on); err != nil {
		t.Fatal(err)
	}
}

func boardMeeting(key, when string, parts ...store.Part) store.Item {
	return store.Item{Key: key, Kind: store.KindMeeting, Body: "mercia-vale-icb", Title: "Board meeting " + when[:10], URL: "https://icb.example.org/" + key,
		Fields: map[string]string{store.FieldWhen: when, store.FieldAgenda: store.Published}, Parts: parts}
}

// ofItem and ofThread tell what is joined, in short.
func ofItem(t *testing.T, x *alerts.Joined, source, key string) (out []string) {
	t.Helper()
	list, err := x.OfItem(t.Context(), source, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range list {
		out = append(out, j.Thread+" "+j.Strength)
	}
	return out
}

func ofThread(t *testing.T, x *alerts.Joined, ocid string) (out []string) {
	t.Helper()
	list, err := x.OfThread(t.Context(), &judge.Thread{ID: ocid, OCIDs: []string{ocid}})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		out = append(out, m.Key+" "+m.Strength)
	}
	return out
}

// A board discusses a service, months later it is put out to tender, and then
// scrutinised: whichever came first, both are told of as one story, with how
// sure that is. The operator may say otherwise.
func TestPapersAndProcurementsAreJoinedWhicheverCameFirst(t *testing.T) {
	a := dueApp(t)
	sub := store.Subscription{ID: strings.Repeat("0a", 16), Address: "ada@example.org", Often: store.Instant, State: store.StateConfirmed, Created: at("2026-04-01T07:00"), Consent: "asked", ConsentAt: at("2026-04-01T07:00")}
	if err := a.store.Subscribe(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	const nursing, other = "ocds-h6vhtk-00000a", "ocds-h6vhtk-00000b"
	lists(t, a, "mercia-vale-icb", at("2026-05-01T07:00"), boardMeeting("meeting/1", "2026-05-07T13:00:00+01:00"))
	early := []store.Item{
		boardMeeting("meeting/1", "2026-05-07T13:00:00+01:00", store.Part{Key: "item/1", Title: "Re-procurement of the community nursing at home contract"}, store.Part{Key: "item/2", Title: "Any other business"}),
		boardMeeting("meeting/2", "2026-06-07T13:00:00+01:00", store.Part{Key: "item/3", Title: "Nursing workforce plan"}),
	}
	lists(t, a, "mercia-vale-icb", at("2026-05-02T07:00"), early...)
	appear(t, a, at("2026-04-01T07:00"))
	if got := ofItem(t, a.joined, "mercia-vale-icb", "meeting/1"); got != nil {
		t.Errorf("before there was a notice: %q", got)
	}
	named := func(n *store.Notice) {
		n.Title = "Community stoma nursing at home"
		tenderUntil("2026-10-02T12:00:00+01:00")(n)
	}
	appear(t, a, at("2026-09-01T07:00"), dueNotice(other, "000002-2026", at("2026-09-01T06:00"), named))
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	late := append(early, boardMeeting("meeting/3", "2026-10-07T13:00:00+01:00", store.Part{Key: "item/4", Title: "Tender 000001-2026: the next steps"}))
	lists(t, a, "mercia-vale-icb", at("2026-09-20T07:00"), late...)

	wanted := []string{"meeting/3 certain", "meeting/1 mention"} // nursing, home, community: words that many services share
	if d := cmp.Diff(wanted, ofThread(t, a.joined, nursing)); d != "" {
		t.Error(d)
	}
	if got := ofThread(t, a.joined, other); got != nil {
		t.Errorf("the other one: %q", got)
	}
	if d := cmp.Diff([]string{nursing + " certain"}, ofItem(t, a.joined, "mercia-vale-icb", "meeting/3")); d != "" {
		t.Error(d)
	}
	// Read anew after a start it is the same.
	fresh := &alerts.Joined{Ledger: a.store, Outbox: a.store, Marks: a.store, Judge: a.judge}
	if d := cmp.Diff(wanted, ofThread(t, fresh, nursing)); d != "" {
		t.Error(d)
	}

	// The alert about the third meeting says what it is part of.
	told := false
	err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		told = told || f.Key == "meeting/3" && len(f.Joins) == 1 && f.Joins[0].Thread == nursing
		return true
	})
	if err != nil || !told {
		t.Errorf("no finding about the meeting says what it is part of (%v)", err)
	}
	if raw := mailAbout(t, a, "Board meeting 2026-10-07"); !strings.Contains(raw, "Part of: Community nursing at home (certain: it is named by a reference)") {
		t.Errorf("the mail does not say it:\n%s", raw)
	}

	// The pages, both ways.
	now := at("2026-09-21T07:00")
	if all := page(t, a, now, "/thread/"+nursing).Find("main").Text(); !strings.Contains(all, "Where it is discussed") || !strings.Contains(all, "Certain: it names 000001-2026") {
		t.Error(all)
	}
	if all := page(t, a, now, "/item?source=mercia-vale-icb&key=meeting/3").Find("main").Text(); !strings.Contains(all, "Procurements it speaks of") {
		t.Error(all)
	}

	// The operator's word goes before ours.
	for _, d := range []store.Decision{
		{A: nursing, B: store.DecisionItem("mercia-vale-icb", "meeting/3"), Join: false, Why: "another tender of that number", At: now},
		{A: nursing, B: store.DecisionItem("mercia-vale-icb", "meeting/2"), Join: true, Why: "said at the meeting", At: now},
	} {
		if err := a.store.Decide(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"meeting/2 operator", "meeting/1 mention"}, ofThread(t, a.joined, nursing)); d != "" {
		t.Error(d)
	}
	if got := ofItem(t, a.joined, "mercia-vale-icb", "meeting/3"); len(got) != 0 {
		t.Errorf("parted, and still %q", got)
	}
}

// mailAbout is the text of the queued mail that holds some words.
func mailAbout(t *testing.T, a *app, words string) string {
	t.Helper()
	var ids []string
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool { ids = append(ids, d.ID); return true }); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		raw, err := a.store.Raw(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(strings.ReplaceAll(string(raw), "=\r\n", ""), "\r\n", "\n")
		if strings.Contains(text, words) {
			return text
		}
	}
	return ""
}
