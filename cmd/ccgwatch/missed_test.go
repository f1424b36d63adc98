package main

import (
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// heldMeeting is an app whose two readers, one of alerts and one of weekly digests,
// were told of two meetings, and the first of them, which the operator then holds.
func heldMeeting(t *testing.T) (*waiting, store.Item) {
	t.Helper()
	w := &waiting{T: t, now: time.Date(2026, 8, 12, 10, 0, 0, 0, london()), read: map[string]bool{}}
	w.a, w.items, _ = surfaceOf(t, w.now, func(t *testing.T, a *app, now time.Time) []store.Item {
		t.Helper()
		subscribeSurface(t, a, now, 1)
		return surfaceItems(t, a, now)
	})
	it := w.items[2]
	w.mailed(digestFriday())
	w.operator("--hold")
	return w, it
}

func digestFriday() time.Time { return time.Date(2026, 8, 14, 9, 0, 0, 0, london()) }

func (w *waiting) operator(args ...string) {
	w.Helper()
	it := w.items[2]
	w.now = w.now.Add(time.Minute)
	w.a.says(w.T, w.now, append([]string{"correct", it.Key, "--source=" + it.Source, "--reason=a test", "--no-mail"}, args...)...)
}

// prints has the source put a paper beside the meeting, or another version of it, and
// move the meeting.
func (w *waiting) prints(words string, when time.Time) {
	w.Helper()
	w.now = w.now.Add(time.Hour)
	sha, _, err := w.a.store.Keep(w.Context(), strings.NewReader(words))
	w.must(err)
	w.must(w.a.store.KeepText(w.Context(), sha, []string{"The board of " + secretPaper + " is asked to approve the award of the contract for " + words + " to Feet Limited, a private company."}))
	w.must(amended(w.Context(), w.a, "board", w.items[2].Key, w.now, func(it *store.Item, c *store.Change) {
		c.What = []store.What{store.MeetingMoved, store.DocumentReplaced}
		c.Fields = []store.FieldChange{{Name: store.FieldWhen, Old: it.Fields[store.FieldWhen], New: when.Format(time.RFC3339)}}
		it.Fields[store.FieldWhen] = when.Format(time.RFC3339)
		it.Documents = []store.Document{{Key: "late", Title: "Late paper", URL: "https://board.example.org/late.pdf", SHA256: sha, Pages: 1}}
		c.Documents, c.Read = it.Documents, it.Documents
	}))
}

// about counts how often the held meeting is named in what somebody was mailed.
func about(said string) int { return strings.Count(strings.ToLower(said), secretPaper) }

const instantReader = "00000000000000000000000000000002"

// Symptom: what a source changed while its item was held was told to nobody, not
// even when it was restored.
func TestWhatChangedWhileItWasHeldIsToldWhenItIsRestored(t *testing.T) {
	first, second := time.Date(2026, 9, 2, 10, 0, 0, 0, london()), time.Date(2026, 9, 9, 14, 0, 0, 0, london())
	nextFriday := digestFriday().AddDate(0, 0, 7)
	for _, c := range []struct {
		name    string
		between func(w *waiting)
		digest  time.Time // the first after it was restored
	}{
		{"within the week", func(*waiting) {}, nextFriday},
		{"over a digest", func(w *waiting) {
			if said := w.mailed(nextFriday)["reader"]; about(said) > 0 || !strings.Contains(said, "ordinary") {
				w.Errorf("the digest while it is held:\n%s", said)
			}
		}, nextFriday.AddDate(0, 0, 7)},
		{"judged again", func(w *waiting) { w.a.says(w.T, w.now, "rejudge") }, nextFriday},
		{"held again before anybody was told", func(w *waiting) { w.operator("--restore"); w.operator("--hold") }, nextFriday},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := heldMeeting(t)
			w.prints("community dialysis services", first)
			w.prints("community audiology services", second)
			if said := w.mailed(w.now.Add(time.Hour))[instantReader]; said != "" {
				t.Fatalf("mailed while it is held:\n%s", said)
			}
			c.between(w)
			w.operator("--restore")
			said := w.mailed(w.now.Add(time.Hour))[instantReader]
			if about(said) == 0 || strings.Count(said, "community audiology") == 0 || strings.Contains(said, "dialysis") {
				t.Errorf("restored, the alert is:\n%s", said)
			}
			if again := w.mailed(w.now.Add(time.Hour))[instantReader]; again != "" {
				t.Errorf("and again:\n%s", again)
			}
			if said := w.mailed(c.digest)["reader"]; about(said) == 0 || !strings.Contains(said, "9 September") || !strings.Contains(said, "audiology") || strings.Contains(said, "dialysis") {
				t.Errorf("the digest after it was restored:\n%s", said)
			}
			// Held and restored once more, it is no news.
			w.operator("--hold")
			w.mailed(w.now.Add(time.Hour))
			w.operator("--restore")
			if said := w.mailed(w.now.Add(time.Hour)); said[instantReader]+said["reader"] != "" {
				t.Errorf("nothing happened, and there is:\n%s", said)
			}
			if said := w.mailed(c.digest.AddDate(0, 0, 7))["reader"]; strings.Contains(said, "audiology") || strings.Contains(said, "podiatry services (notice 000001") {
				t.Errorf("a week later:\n%s", said)
			}
		})
	}
}
