package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// braked is an app with so many readers of everything, who came long ago, and
// days on which so many alerts were queued.
func braked(t *testing.T, dir string, readers int, joined time.Time) *app {
	t.Helper()
	n := &nation{}
	a := openNation(t, dir, n, []string{"trust.example"}, "accordion")
	t.Cleanup(func() { a.fetch.Close(); _ = a.Close() })
	a.matcher.Judge = func(_ context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
		return []store.Finding{{ID: c.Key, Source: c.Source, Key: c.Key, Kind: c.Kind, Topic: store.TopicOutsourcing, Tier: store.TierCertain, Title: c.Title, URL: c.URL, Quote: "to be outsourced"}}, nil
	}
	for i := range readers {
		if err := a.store.Subscribe(t.Context(), store.Subscription{
			ID: fmt.Sprintf("%032d", i), Address: fmt.Sprintf("reader%d@example.org", i), Often: store.Both, State: store.StateConfirmed,
			Created: joined, ConsentAt: joined, Consent: "test", LastDigest: joined,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// publish commits n changes at a time, each a commit of its own, and has them matched.
func (a *app) publish(t *testing.T, now time.Time, prefix string, n int) {
	t.Helper()
	for i := range n {
		snap, err := a.store.Snapshot(t.Context(), "trust", nil)
		if err != nil {
			t.Fatal(err)
		}
		it := store.Item{Source: "trust", Key: fmt.Sprintf("%s/%d", prefix, i), Kind: store.KindPaper, Title: "Paper about outsourcing", URL: "http://trust.example/" + prefix}
		snap.Baseline, snap.Items = now.AddDate(-1, 0, 0), map[string]store.Item{it.Key: it}
		c := store.Change{At: now, Source: "trust", Key: it.Key, Kind: it.Kind, Op: store.OpAdded, What: []store.What{store.DocumentAdded}, Title: it.Title, URL: it.URL}
		if err := a.store.Commit(t.Context(), snap, []store.Change{c}, store.Health{Source: "trust", LastTry: now, LastComplete: now}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.follow(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func (a *app) alertStates(t *testing.T) map[store.DeliveryState]int {
	t.Helper()
	n := map[store.DeliveryState]int{}
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		if d.Kind == "alert" {
			n[d.State]++
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// R8: what a day brings above fifty alerts, above three times the busiest day of
// the last ninety and above three for each reader who came within them waits for
// the operator's word.
func TestMoreAlertsThanEverWaitForTheOperator(t *testing.T) {
	now := time.Date(2026, 8, 12, 9, 0, 0, 0, time.UTC)
	old := now.AddDate(-1, 0, 0)
	for _, c := range []struct {
		name    string
		readers int
		joined  time.Time
		days    map[int]int // alerts for each reader, so many days ago
		today   int         // changes
		held    int
	}{
		{"a usual day", 10, old, map[int]int{3: 2}, 5, 0},
		{"never more than fifty before", 10, old, map[int]int{3: 1}, 8, 30},
		{"three times the busiest day is let through", 10, old, map[int]int{3: 3}, 9, 0},
		{"and not more", 10, old, map[int]int{3: 3}, 11, 20},
		{"what was busy before the ninety days is forgotten", 10, old, map[int]int{95: 5}, 6, 10},
		{"readers who came of late are reckoned with", 40, now.AddDate(0, 0, -1), nil, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := braked(t, t.TempDir(), c.readers, c.joined)
			for ago, n := range c.days {
				a.publish(t, now.AddDate(0, 0, -ago), fmt.Sprint("before", ago), n)
			}
			a.publish(t, now, "today", c.today)
			if got := a.alertStates(t); got[store.OnHold] != c.held {
				t.Errorf("%v, want %d held", got, c.held)
			}
		})
	}
}

// The whole way of what is held: nobody is sent it, the operator is told once,
// readers see it on the pages, the digest goes out as ever; released it goes, and
// the day's count begins anew; dropped it never does.
func TestHeldAlertsGoOnTheOperatorsWordAlone(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 8, 12, 9, 0, 0, 0, time.UTC)
	a := braked(t, dir, 10, now.AddDate(-1, 0, 0))
	send := func(now time.Time) (sent int) {
		t.Helper()
		sent, failed, err := a.deliver(t.Context(), now)
		if err != nil || failed > 0 {
			t.Fatal(failed, err)
		}
		return sent
	}
	a.publish(t, now, "redesign", 7)
	if got := a.alertStates(t); got[store.OnHold] != 20 || got[store.Queued] != 50 {
		t.Fatalf("%v", got)
	}
	digests := send(now) - 50 // each has one due besides
	if digests != 10 {
		t.Errorf("%d digests", digests)
	}
	for range 2 {
		if err := a.tellOperator(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	mails, _ := operatorMails(t, dir)
	if len(mails) != 1 || !strings.Contains(mails[0], "alerts wait for your word (20)") || !strings.Contains(mails[0], "send --release") {
		t.Errorf("the operator is told: %q", mails)
	}
	if says := a.standsStill(t.Context(), now); !slices.ContainsFunc(says, func(s string) bool { return strings.HasPrefix(s, "20 alerts wait") }) {
		t.Errorf("the pages say %q", says)
	}
	if err := a.store.End(t.Context(), fmt.Sprintf("%032d", 1), now); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Hour)
	if n, err := a.matcher.Brake.Release(t.Context(), later); n != 18 || err != nil {
		t.Errorf("released %d, %v; one reader of ten has left", n, err)
	}
	if n := send(later); n != 18 {
		t.Errorf("%d sent after the release", n)
	}
	if h, err := a.matcher.Brake.Held(t.Context()); h.Alerts != 0 || err != nil {
		t.Errorf("still held: %+v, %v", h, err)
	}
	// The operator has vouched for a day of 70: three times that is let through.
	a.publish(t, later.Add(time.Minute), "more", 25)
	if got := a.alertStates(t); got[store.OnHold] != 25*9-3*68 {
		t.Errorf("after the release: %v", got)
	}
	n, err := a.matcher.Brake.Drop(t.Context())
	if err != nil || n != 25*9-3*68 || a.alertStates(t)[store.OnHold] != 0 {
		t.Errorf("dropped %d, %v: %v", n, err, a.alertStates(t))
	}
}
