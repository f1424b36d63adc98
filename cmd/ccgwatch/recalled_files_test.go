package main

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/mail"
	"ccgwatch/store"
)

// A correcting Sender has something happen to each message before its end.
type correcting struct {
	mail.Files
	before func(store.Delivery)
}

func (c correcting) Send(ctx context.Context, d store.Delivery, to string, beforeDot func() error) error {
	return c.Files.Send(ctx, d, to, func() error {
		c.before(d)
		return beforeDot()
	})
}

// Symptom: without a relay, a message that was being written while it was taken back
// was written all the same.
func TestWhatIsTakenBackWhileItIsWrittenIsNotThere(t *testing.T) {
	now := time.Date(2026, 8, 12, 10, 0, 0, 0, london())
	a, items, _ := surfaceOf(t, now, func(t *testing.T, a *app, now time.Time) []store.Item {
		t.Helper()
		subscribeSurface(t, a, now, 2)
		return surfaceItems(t, a, now)
	})
	struck := map[string]bool{}
	a.postman.Sender = correcting{mail.Files{Dir: filepath.Join(a.data, "outbox")}, func(d store.Delivery) {
		if d.Kind != alerts.KindAlert || struck[d.ID] || len(struck) > 1 {
			return
		}
		struck[d.ID] = true
		for _, it := range []store.Item{items[0], items[2]} {
			if _, err := a.store.Correct(t.Context(), store.Correction{At: now, Source: it.Source, Key: it.Key, Act: store.ActHold, Reason: "a test"}); err != nil {
				t.Error(err)
			}
		}
	}}
	said := a.mails(t, now.Add(time.Hour))
	if len(struck) == 0 || tells(t, "mail", []byte(said), false) {
		t.Errorf("%d were taken back as they were written, and there is:\n%s", len(struck), said)
	}
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		if struck[d.ID] && (d.State == store.Sent || d.State == store.Claimed || d.Doubts > 0) {
			t.Errorf("%s is %s", d.ID, d.State)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
}

// subscribeSurface has further readers of alerts about everything.
func subscribeSurface(t *testing.T, a *app, now time.Time, n int) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("%032x", i+2)
		s := store.Subscription{ID: id, Address: id + "@example.net", Often: store.Instant, State: store.StateConfirmed, Created: now.AddDate(0, 0, -9), Consent: "test", ConsentAt: now.AddDate(0, 0, -9)}
		if err := a.store.Subscribe(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}
