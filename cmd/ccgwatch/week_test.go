package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/store"
)

// A siteInBubble answers requests in memory, so that the bubble's time can move.
type siteInBubble struct{ h http.Handler }

func (s siteInBubble) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	r.Host = r.URL.Host
	s.h.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// A week and a half of the whole daemon, loop and all, in virtual time: stopped
// on the first Tuesday night and started on Wednesday noon, it makes up what it
// missed once, alerts once, and writes each digest once.
func TestWeek(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(townStart()))
		sites, err := newTown()
		if err != nil {
			t.Fatal(err)
		}
		clocked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sites.moveTo(time.Now().In(london()))
			sites.ServeHTTP(w, r)
		})
		open := func() *app {
			a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			a.fetch.Transport = siteInBubble{clocked}
			return a
		}
		live := func(a *app, until time.Time) {
			ctx, cancel := context.WithDeadline(t.Context(), until)
			defer cancel()
			(&daemon{app: a}).run(ctx)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}

		a := open()
		if err := (&daemon{app: a}).step(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, s := range demoSubscribers(time.Now()) {
			if err := a.store.Subscribe(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		live(a, at("2026-09-08T23:00"))
		time.Sleep(time.Until(at("2026-09-09T12:00")))
		live(open(), at("2026-09-12T00:00"))
		time.Sleep(time.Until(at("2026-09-12T09:00")))
		live(open(), at("2026-09-18T12:00"))

		a = open()
		defer a.Close()
		checkWeek(t, a)
		// Each night at 03:15, the one it was off for made up at its start; three are kept.
		var copies []string
		for _, c := range copiesIn(filepath.Join(dir, "backups")) {
			if !c.note.good() {
				t.Errorf("%s: %+v", c.dir, c.note)
			}
			copies = append(copies, filepath.Base(c.dir))
		}
		if got := strings.Join(copies, " "); got != "2026-09-18T021500Z 2026-09-17T021500Z 2026-09-16T021500Z" {
			t.Errorf("the copies: %s", got)
		}
		a.fetch.Close()
	})
	files, err := outboxFiles(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, text, err := readMail(raw); err != nil || strings.TrimSpace(text) == "" {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// checkWeek looks at what was decided: every change once, every message once.
func checkWeek(t *testing.T, a *app) {
	t.Helper()
	happened := map[string]int{}
	e := &env{ctx: t.Context()}
	if err := a.eachChange(e, func(c store.Change) error {
		for _, w := range c.What {
			if !c.Silent {
				happened[string(w)+" "+c.Key]++
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"notice_new ocds-h6vhtk-0a1002/061204-2026", "document_added meeting/event/board-meeting-thursday-17-september-2026/",
		"meeting_moved meeting/402", "agenda_published meeting/402", "meeting_cancelled meeting/403", "new_meeting meeting/404",
	} {
		if happened[want] != 1 {
			t.Errorf("%s: %d times; there were %v", want, happened[want], sortedKeys(happened))
		}
	}
	kinds := map[string]int{}
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		kinds[d.Kind+" to "+d.Subscription[:1]]++
		if d.State != store.Sent {
			t.Errorf("%s of %s is %s", d.Kind, d.Created, d.State)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if kinds["digest to 2"] != 2 {
		t.Errorf("two Fridays give two digests, got %v", kinds)
	}
	if kinds["alert to 1"] < 3 || kinds["digest to 1"]+kinds["alert to 2"] != 0 {
		t.Errorf("alerts go to the one who wants them at once: %v", kinds)
	}
}
