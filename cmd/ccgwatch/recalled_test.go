package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// waitings are the ways in which a message waits to be sent.
func waitings() map[string]func(*store.Delivery) {
	return map[string]func(*store.Delivery){
		"queued": func(*store.Delivery) {},
		"later": func(d *store.Delivery) {
			d.Due, d.Attempts, d.Failure = d.Created.Add(20*time.Hour), 1, store.FailedSoft
		},
		"held":    func(d *store.Delivery) { d.State = store.OnHold },
		"claimed": func(d *store.Delivery) { d.State = store.Claimed },
		"doubt":   func(d *store.Delivery) { d.Due, d.Doubts = d.Created.Add(time.Hour), 1 },
	}
}

// A waiting is an app whose readers' alerts wait, each in one way.
type waiting struct {
	*testing.T
	a     *app
	items []store.Item
	now   time.Time
	read  map[string]bool // files of mail
}

func newWaiting(t *testing.T) *waiting {
	t.Helper()
	w := &waiting{T: t, now: time.Date(2026, 8, 12, 10, 0, 0, 0, london()), read: map[string]bool{}}
	of := map[string]string{}
	w.a, w.items, _ = surfaceOf(t, w.now, func(t *testing.T, a *app, now time.Time) []store.Item {
		t.Helper()
		items := wordyItems(t, a, now)
		for way := range waitings() {
			id := fmt.Sprintf("%032x", len(of)+2)
			of[id] = way
			if err := a.store.Subscribe(t.Context(), store.Subscription{ID: id, Address: way + "@example.net", Often: store.Instant, State: store.StateConfirmed, Created: now.AddDate(0, 0, -9), Consent: "test", ConsentAt: now.AddDate(0, 0, -9)}); err != nil {
				t.Fatal(err)
			}
		}
		return items
	})
	var all []store.Delivery
	w.must(w.a.store.Deliveries(t.Context(), func(d store.Delivery) bool { all = append(all, d); return true }))
	if len(all) != 2*len(waitings()) {
		t.Fatalf("%d alerts", len(all))
	}
	for _, d := range all {
		if raw, err := w.a.store.Raw(t.Context(), d.ID); err != nil || !tells(t, "alert", raw, false) {
			t.Fatalf("an alert says nothing that could be held back: %v\n%s", err, raw)
		}
		waitings()[of[d.Subscription]](&d)
		w.must(w.a.store.Settle(t.Context(), d))
	}
	w.must(w.a.store.SetDue(t.Context(), "brake/held", w.now))
	return w
}

func (w *waiting) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *waiting) correct(args ...string) {
	w.Helper()
	for _, it := range []store.Item{w.items[0], w.items[2]} {
		w.now = w.now.Add(time.Minute)
		w.a.says(w.T, w.now, append([]string{"correct", it.Key, "--source=" + it.Source, "--reason=a test"}, args...)...)
	}
}

// mailed is what each reader is mailed by a day, as text, since it was last asked.
func (w *waiting) mailed(until time.Time) map[string]string {
	w.Helper()
	for _, now := range []time.Time{w.now.Add(time.Minute), until} {
		w.now = now
		w.must(w.a.follow(w.Context(), now))
		_, failed, err := w.a.deliver(w.Context(), now)
		if err != nil || failed > 0 {
			w.Fatal(failed, err)
		}
	}
	files, err := outboxFiles(w.a.data)
	w.must(err)
	out := map[string]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		w.must(err)
		subject, body, err := readMail(raw)
		w.must(err)
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		w.must(err)
		if to, _, _ := strings.Cut(m.Header.Get("To"), "@"); !w.read[f] {
			out[strings.Trim(to, "<")] += subject + "\n" + body + "\n"
		}
		w.read[f] = true
	}
	return out
}

// Alerts that the brake held, that were claimed or had to be tried again say what a
// correction took back when they are let go.
func TestWhatWaitsIsNotSentAsItWas(t *testing.T) {
	thursday := time.Date(2026, 8, 13, 18, 0, 0, 0, london())
	for name, args := range map[string][]string{"hold": {"--hold"}, "withdraw": {"--withdraw", "--no-mail"}, "redact": {"--redact=" + secretNotice, "--redact=" + secretPaper}} {
		t.Run(name, func(t *testing.T) {
			w := newWaiting(t)
			w.correct(args...)
			if held, err := w.a.matcher.Brake.Held(t.Context()); err != nil || held.Alerts != 0 && name != "redact" {
				t.Errorf("before anything was made again %d are held, %v", held.Alerts, err)
			}
			w.a.says(t, w.now, "send", "--dry-run")
			got := w.mailed(thursday)
			if got["held"] != "" {
				t.Error("what is held was mailed")
			}
			if out := w.a.says(t, w.now, "send", "--release"); !strings.Contains(out, "released") {
				t.Error(out)
			}
			got["held"] = w.mailed(thursday.Add(time.Minute))["held"]
			for way := range waitings() {
				said := got[way]
				if tells(t, "mail", []byte(said), name == "redact") {
					t.Errorf("%s: it is mailed:\n%s", way, said)
				}
				if !strings.Contains(said, "ordinary") { // of what is in doubt a digest brings the rest

					t.Errorf("%s: nothing else is mailed either", way)
				}
				if strings.Count(said, "ordinary award of podiatry") > 4 {
					t.Errorf("%s: it is mailed twice:\n%s", way, said)
				}
			}
			friday := w.mailed(thursday.AddDate(0, 0, 1))
			for way := range waitings() {
				if friday[way] != "" {
					t.Errorf("%s: on Friday:\n%s", way, friday[way])
				}
			}
			if all := friday["reader"]; !strings.Contains(all, "ordinary") || tells(t, "digest", []byte(all), name == "redact") {
				t.Errorf("the digest:\n%s", all)
			}
		})
	}
}

// A title is corrected while alerts wait: they go out as corrected, and nobody is
// written to about words they never read; but whoever may have read them is.
func TestWhatWaitsGoesOutAsCorrected(t *testing.T) {
	w := newWaiting(t)
	it := w.items[0]
	w.a.says(t, w.now.Add(time.Minute), "correct", it.Key, "--source="+it.Source, "--reason=It is about feet", "--set=title=Foot clinics")
	got := w.mailed(w.now.AddDate(0, 0, 1))
	w.a.says(t, w.now, "send", "--release")
	got["held"] = w.mailed(w.now.Add(time.Minute))["held"]
	for way := range waitings() {
		said := strings.ToLower(got[way])
		doubt := way == "doubt"
		if old := strings.Contains(said, secretNotice+" podiatry service"); old != doubt || !strings.Contains(said, "foot clinics") {
			t.Errorf("%s: the old title: %t, in\n%s", way, old, said)
		}
		if letter := strings.Contains(said, "we were wrong"); letter != doubt {
			t.Errorf("%s: a letter about it: %t", way, letter)
		}
	}
}

// Held by mistake and restored an hour later: the news goes out after all.
func TestAlertsOfWhatWasRestoredGoOut(t *testing.T) {
	w := newWaiting(t)
	w.correct("--hold")
	w.mailed(w.now.Add(time.Minute))
	w.correct("--restore")
	got := w.mailed(w.now.Add(time.Hour))
	for _, way := range []string{"queued", "claimed", "later"} {
		if said := strings.ToLower(got[way]); !strings.Contains(said, secretPaper) {
			t.Errorf("%s: of what was restored nothing is mailed:\n%s", way, said)
		}
	}
}

// A letter about a correction waits, and quotes what is then withdrawn: it goes out
// without it.
func TestLettersThatWaitSayNothingThatWasWithdrawnSince(t *testing.T) {
	for name, args := range map[string][]string{"withdraw": {"--withdraw"}, "hold": {"--hold"}, "redact": {"--redact=" + secretNotice, "--redact=" + secretPaper, "--redact=" + "Jane Roe"}} {
		t.Run(name, func(t *testing.T) {
			w := newWaiting(t)
			w.mailed(w.now.Add(2 * time.Hour)) // all were told, but for those that are held
			it := w.items[0]
			w.a.says(t, w.now.Add(time.Minute), "correct", it.Key, "--source="+it.Source, "--reason=It is about feet", "--set=title=Foot clinics of Jane Roe")
			w.now = w.now.Add(2 * time.Minute)
			w.must(w.a.follow(t.Context(), w.now))
			letters := func() (n int) {
				w.must(w.a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
					if d.Kind == alerts.KindCorrection && d.State == store.Queued {
						n++
					}
					return true
				}))
				return n
			}
			if n := letters(); n != 4 { // the reader of digests is the fourth
				t.Fatalf("%d letters", n)
			}
			w.correct(args...)
			got := w.mailed(w.now.Add(time.Minute))
			for _, way := range []string{"queued", "claimed", "doubt"} {
				said := got[way]
				if !strings.Contains(said, "We were wrong") || tells(t, "letter", []byte(said), name == "redact") || strings.Contains(said, "Jane Roe") {
					t.Errorf("%s:\n%s", way, said)
				}
			}
		})
	}
}

// A procurement is withdrawn: the alert about the paper that speaks of it, and the
// later notice of it, waited too, and name it no more.
func TestWhatWaitsDoesNotNameWhatIsBeside(t *testing.T) {
	for i, secret := range map[int]string{0: secretNotice, 2: secretPaper} {
		t.Run(secret, func(t *testing.T) {
			w := newWaiting(t)
			beside := map[string]bool{}
			w.must(w.a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
				b, err := json.Marshal([]any{f.Joins, f.Moves, f.AlsoIn})
				if err == nil && f.Key != w.items[i].Key && strings.Contains(string(b), secret) {
					beside[f.Key] = true
				}
				return err == nil
			}))
			if i == 0 && len(beside) == 0 {
				t.Fatal("nothing names it beside: this shows nothing")
			}
			it := w.items[i]
			w.a.says(t, w.now.Add(time.Minute), "correct", it.Key, "--source="+it.Source, "--reason=a test", "--withdraw")
			got := w.mailed(w.now.AddDate(0, 0, 1))
			w.a.says(t, w.now, "send", "--release")
			got["held"] = w.mailed(w.now.Add(time.Minute))["held"]
			for to, said := range got {
				if strings.Contains(strings.ToLower(said), secret) || !strings.Contains(said, "ordinary") {
					t.Errorf("%s:\n%s", to, said)
				}
			}
		})
	}
}

// An item is withdrawn while a commit is being told: to whoever comes after, and to
// those whose messages were made and not stored.
func TestCorrectionInTheMiddleOfTelling(t *testing.T) {
	for name, batch := range map[string]int{"in one transaction": 0, "reader by reader": 1} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 8, 12, 10, 0, 0, 0, london())
			told := 0
			app, _, _ := surfaceOf(t, now, func(t *testing.T, a *app, now time.Time) []store.Item {
				t.Helper()
				items := surfaceItems(t, a, now)
				for i := range 5 {
					id := fmt.Sprintf("%032x", i+2)
					if err := a.store.Subscribe(t.Context(), store.Subscription{ID: id, Address: id + "@example.net", Often: store.Instant, State: store.StateConfirmed, Created: now.AddDate(0, 0, -9), Consent: "test", ConsentAt: now.AddDate(0, 0, -9)}); err != nil {
						t.Fatal(err)
					}
				}
				a.matcher.Batch = batch
				compose := a.matcher.Compose
				a.matcher.Compose = func(l alerts.Letter) (alerts.Message, error) {
					m, err := compose(l)
					if told++; told != 2 {
						return m, err
					}
					for _, it := range []store.Item{items[0], items[2]} {
						if _, err := a.store.Correct(t.Context(), store.Correction{At: now, Source: it.Source, Key: it.Key, Act: store.ActWithdraw, Reason: "a test"}); err != nil {
							t.Fatal(err)
						}
					}
					return m, err
				}
				return items
			})
			if told < 2 {
				t.Fatalf("told %d", told)
			}
			waiting := 0
			if err := app.store.Deliveries(t.Context(), func(d store.Delivery) bool {
				if d.State == store.Queued {
					waiting++
				}
				return true
			}); err != nil || waiting < 4 {
				t.Errorf("%d wait, %v", waiting, err)
			}
			if all := app.mails(t, now.Add(time.Hour)); tells(t, "mail", []byte(all), false) || !strings.Contains(all, "ordinary") {
				t.Error(all)
			}
		})
	}
}
