package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/mail"
	"ccgwatch/store"
)

// A slow Sender does not take the operator's copies while it is told so.
type slow struct {
	mail.Files
	stops *bool
}

func (s slow) Send(ctx context.Context, d store.Delivery, to string, beforeDot func() error) error {
	if *s.stops && strings.HasPrefix(d.Subject, "Copy: ") {
		return errors.New("not now")
	}
	return s.Files.Send(ctx, d, to, beforeDot)
}

// Symptom: the operator's copy of a digest waited while an item was taken out of
// sight, or words were left out, and then went out with all of it.
func TestACopyThatWaitsIsCorrected(t *testing.T) {
	for _, act := range []store.Act{store.ActHold, store.ActRedact} {
		t.Run(string(act), func(t *testing.T) {
			a, items, _ := surfaceApp(t, time.Date(2026, 8, 12, 10, 0, 0, 0, london()))
			a.cfg.Operator.DigestCopy = "jo@example.org"
			stops := true
			a.postman.Sender = slow{mail.Files{Dir: filepath.Join(a.data, "outbox")}, &stops}
			run := time.Date(2026, 8, 14, 7, 31, 0, 0, london())
			if said := a.mails(t, run); !tells(t, "mail", []byte(said), false) || strings.Contains(said, "copy: ") {
				t.Fatalf("no digest, or no copy that waits:\n%s", said)
			}
			for _, it := range []store.Item{items[0], items[2]} {
				c := store.Correction{At: run, Source: it.Source, Key: it.Key, Act: act, Reason: "a test"}
				if act == store.ActRedact {
					c.Strike = []string{secretNotice, secretPaper}
				}
				if _, err := a.store.Correct(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			stops = false
			for i := range 3 {
				a.mails(t, run.Add(time.Duration(i+1)*time.Hour))
			}
			n := 0
			if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
				if d.Subscription != copyID || d.State != store.Sent {
					return true
				}
				n++
				if raw, err := a.store.Raw(t.Context(), d.ID); err != nil || tells(t, "copy", raw, act == store.ActRedact) || !strings.Contains(string(raw), "ordinary") {
					t.Errorf("the copy says (%v)\n%s", err, raw)
				}
				return true
			}); err != nil || n != 1 {
				t.Errorf("%d copies were sent, want one: %v", n, err)
			}
		})
	}
}

// Symptom: what had changed while an item was held was in the digests after it was
// restored, and not in the operator's copy of them.
func TestTheCopyTellsWhatCameBackIntoSight(t *testing.T) {
	w, _ := heldMeeting(t)
	w.a.cfg.Operator.DigestCopy = "jo@example.org"
	w.prints("community dialysis services", time.Date(2026, 9, 2, 10, 0, 0, 0, london()))
	w.prints("community audiology services", time.Date(2026, 9, 9, 14, 0, 0, 0, london()))
	next := digestFriday().AddDate(0, 0, 7)
	if said := w.mailed(next)["jo"]; about(said) > 0 || !strings.Contains(said, "ordinary") {
		t.Fatalf("the copy while it is held:\n%s", said)
	}
	w.operator("--restore")
	said := w.mailed(next.AddDate(0, 0, 7))
	for _, to := range []string{"reader", "jo"} {
		if got := said[to]; about(got) == 0 || !strings.Contains(got, "audiology") || strings.Contains(got, "dialysis") || strings.Contains(got, "podiatry services (notice 000001") {
			t.Errorf("%s is mailed:\n%s", to, got)
		}
	}
	if said := w.mailed(next.AddDate(0, 0, 14))["jo"]; strings.Contains(said, "audiology") {
		t.Errorf("and again:\n%s", said)
	}
}
