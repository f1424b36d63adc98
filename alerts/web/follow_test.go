package web_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"ccgwatch/alerts"
	"ccgwatch/alerts/web"
	"ccgwatch/store"
)

// What a page is about can be followed from it: the form comes filled in, and
// says the same as one line.
func TestFollowThis(t *testing.T) {
	h := newHouse(t)
	srv := h.server()
	srv.Sources = func() []web.SourceInfo { return []web.SourceInfo{{ID: "s", Name: "Rutland Council"}} }
	h.handler = srv.Handler()
	meeting := store.Item{Source: "s", Key: "m", Kind: store.KindMeeting, Title: "Board, 2 May", Fields: map[string]string{store.FieldCommittee: "Health & <b>Wellbeing</b> Board"}}
	notice := store.Item{Source: "s", Key: "ocds-1/2", Kind: store.KindNotice, Title: "Beds", Notice: &store.Notice{OCID: "ocds-1"}}
	h.must(h.store.Commit(t.Context(), store.Snapshot{Source: "s", Items: map[string]store.Item{meeting.Key: meeting, notice.Key: notice}},
		[]store.Change{{At: h.clock(), Source: "s", Key: "m", Kind: store.KindMeeting}, {At: h.clock(), Source: "s", Key: "ocds-1/2", Kind: store.KindNotice}}, store.Health{Source: "s"}))
	for page, want := range map[string]struct{ link, line string }{
		"/item?source=s&key=m":        {"this committee: Health & <b>Wellbeing</b> Board", "committee:health-and-b-wellbeing-b-board"},
		"/item?source=s&key=ocds-1/2": {"this procurement", "thread:ocds-1"},
	} {
		a := h.open(page).Find(`main a[href^="/subscribe?"]`)
		if a.Length() != 1 || !strings.Contains(a.Text(), want.link) {
			t.Errorf("%s offers %q", page, a.Text())
			continue
		}
		s := h.open(a.AttrOr("href", ""))
		if got := s.Find("#q").AttrOr("value", ""); !strings.Contains(got, want.line) {
			t.Errorf("%s leads to the query %q", page, got)
		}
		if n := s.Find(`input[name="committee"][checked], input[name="thread"][checked]`).Length(); n != 1 {
			t.Errorf("%s: %d boxes are ticked", page, n)
		}
	}
	if b := h.open("/body/s").Find(`main a[href="/subscribe?body=s"]`).Length(); b != 1 {
		t.Errorf("the page of a body offers %d links", b)
	}
}

// The header of a mail that tells several subscriptions ends all of them; a
// link below one part ends that one.
func TestUnsubscribeSeveralAtOnce(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"one", "two", "three"} {
		h.must(h.store.Subscribe(t.Context(), store.Subscription{ID: id, Address: "ann@example.net", Query: id, Often: store.Weekly, State: store.StateConfirmed, Created: h.clock()}))
	}
	states := func() string {
		var b bytes.Buffer
		for _, id := range []string{"one", "two", "three"} {
			s, err := h.store.Subscription(t.Context(), id)
			h.must(err)
			b.WriteString(string(s.State) + " ")
		}
		return b.String()
	}
	https, _ := h.links.Unsubscribe("one", "three")
	path := strings.TrimPrefix(https, home)
	if got := h.ask("GET", path, nil).Code; got != 200 || states() != "confirmed confirmed confirmed " {
		t.Errorf("GET answers %d, then they are %s", got, states())
	}
	for _, broken := range []string{path + "x", path + ".abc", strings.Repeat(path, 30)} {
		if got := h.ask("POST", broken, url.Values{}).Code; got == 200 {
			t.Errorf("a broken link answers %d", got)
		}
	}
	for range 2 {
		if got := h.ask("POST", path+".", url.Values{"List-Unsubscribe": {"One-Click"}}).Code; got != 200 || states() != "ended confirmed ended " {
			t.Errorf("POST answers %d, then they are %s", got, states())
		}
	}
	if err := alerts.Each("a.b", func(string) error { return nil }); err != nil {
		t.Error(err)
	}
}
