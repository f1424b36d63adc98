//go:build unix

package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/config"
	"ccgwatch/store"
)

// inBubble opens the town's daemon over a directory, in a bubble's time.
func inBubble(t *testing.T, dir string, sources int, tell func(*http.Request)) *app {
	t.Helper()
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a.sources = a.sources[:sources]
	a.fetch.Transport = siteInBubble{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tell != nil {
			tell(r)
		}
		sites.moveTo(time.Now().In(london()))
		sites.ServeHTTP(w, r)
	})}
	return a
}

// A daemon whose loop hangs is told from one that turns: the service manager
// hears of each tick, and then nothing.
func TestPromiseWatchdogOfAHangingLoop(t *testing.T) {
	at := filepath.Join(t.TempDir(), "notify")
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	t.Setenv("NOTIFY_SOCKET", at)
	dir := t.TempDir()
	told := make(chan int, 1)
	go func() { // the kernel holds ten words, and then whoever says one waits
		words := 0
		for buf := make([]byte, 256); ; words++ {
			n, err := sock.Read(buf)
			if err != nil || string(buf[:n]) != "WATCHDOG=1" {
				told <- words
				return
			}
		}
	}()
	var hung time.Duration
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(townStart()))
		a := inBubble(t, dir, 1, nil)
		begun := time.Now()
		hang := make(chan struct{})
		a.free = func(string) (uint64, error) {
			if time.Since(begun) > 5*time.Minute {
				<-hang // the planted fault: the loop waits for what never comes
			}
			return 1 << 40, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { (&daemon{app: a, watchdog: 3 * time.Minute}).run(ctx); close(ended) }()
		time.Sleep(time.Hour)
		hung = time.Since(begun)
		stop()
		close(hang)
		<-ended
		a.fetch.Close()
		closeApp(t, a)
	})
	last, err := net.DialUnix("unixgram", nil, sock.LocalAddr().(*net.UnixAddr)) // words arrive in their order
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if _, err := last.Write([]byte("that was all")); err != nil {
		t.Fatal(err)
	}
	words := <-told
	if words < 10 || words > 15 {
		t.Errorf("in %s, of which the loop turned for 5 minutes, the service manager heard %d times of it", hung, words)
	}
}

// Whoever watches from outside hears nothing more once crawling stops, and once
// mailing stops, and hears again when all is well.
func TestPromiseNoPingOnceCrawlingOrMailingStops(t *testing.T) {
	var mu sync.Mutex
	heard := 0
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		heard++
	}))
	defer outside.Close()
	a := filled(t)
	defer closeApp(t, a)
	a.sources = a.sources[:1]
	a.cfg.Operator.Ping, a.cfg.Operator.PingEvery = config.NewSecret(outside.URL), config.Duration(10*time.Minute)
	start := townStart()
	d := &daemon{app: a, begun: start}
	visited := func(at time.Time) {
		if err := a.store.Note(t.Context(), store.Health{Source: a.sources[0].ID, LastTry: at}); err != nil {
			t.Fatal(err)
		}
		d.noteMailed(at)
	}
	hears := func(at time.Time, want bool) {
		t.Helper()
		before := heard
		d.ping(t.Context(), at)
		if got := heard > before; got != want {
			wrong, err := d.unwell(t.Context(), at)
			t.Errorf("%s: pinged %v (%v, %v)", at.Sub(start), got, wrong, err)
		}
	}
	day := 24 * time.Hour
	hears(start, true)
	visited(start.Add(day))
	hears(start.Add(day+time.Hour), true)
	hears(start.Add(day+time.Hour+time.Minute), false) // too soon: it was only just told
	// Crawling stops, mailing goes on.
	longest := a.sources[0].longest(start)
	late := start.Add(day + crawlMissed*longest)
	d.noteMailed(late)
	hears(late.Add(-time.Hour), true)
	d.noteMailed(late.Add(2 * time.Hour))
	hears(late.Add(2*time.Hour), false)
	if wrong, err := d.unwell(t.Context(), late.Add(2*time.Hour)); err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "no source was visited") {
		t.Errorf("%v %v", wrong, err)
	}
	// Both go on; then mailing stops.
	visited(late.Add(3 * time.Hour))
	hears(late.Add(3*time.Hour), true)
	hears(late.Add(3*time.Hour+mailStuck), true)
	hears(late.Add(4*time.Hour+mailStuck), false)
	if wrong, err := d.unwell(t.Context(), late.Add(4*time.Hour+mailStuck)); err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "mail was not") {
		t.Errorf("%v %v", wrong, err)
	}
	visited(late.Add(5*time.Hour + mailStuck))
	hears(late.Add(5*time.Hour+mailStuck), true)
}

// After eight hours in which the process stood still (SIGSTOP, a lid closed) each
// source is looked at once, and mail is not held.
func TestPromiseSleepIsCaughtUpOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(townStart()))
		begun := time.Now()
		var mu sync.Mutex
		asked := map[string]int{}
		counting := false
		a := inBubble(t, dir, 1, func(r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if counting && strings.HasSuffix(r.URL.Path, "/robots.txt") || counting && strings.Count(r.URL.Path, "/") <= 3 {
				asked[r.URL.Path+"?"+r.URL.RawQuery]++
			}
		})
		a.watchClock(func() (reading, bool) {
			now := time.Now().Round(0)
			return reading{Wall: now, Since: now.Sub(begun), Boot: "a"}, true
		})
		if err := (&daemon{app: a}).step(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		var last map[string]time.Time
		visits := func() (out map[string]time.Time) {
			out = map[string]time.Time{}
			hs, err := a.store.Healths(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hs {
				out[h.Source] = h.LastTry
			}
			return out
		}
		var asleep atomic.Bool
		a.free = func(string) (uint64, error) { // called by the loop in each tick: there it stands still
			if asleep.CompareAndSwap(true, false) {
				time.Sleep(8 * time.Hour)
				mu.Lock()
				counting = true
				mu.Unlock()
			}
			return 1 << 40, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { (&daemon{app: a}).run(ctx); close(ended) }()
		time.Sleep(time.Until(at("2026-09-08T02:00")))
		last = visits()
		asleep.Store(true)
		time.Sleep(8*time.Hour + time.Hour)
		woken := visits()
		for id, when := range woken {
			if !when.After(last[id]) {
				t.Errorf("%s was not looked at after waking: %s", id, when)
			}
		}
		mu.Lock()
		for what, n := range asked {
			if n > 2 {
				t.Errorf("%s was asked for %d times within the hour after waking", what, n)
			}
		}
		if len(asked) == 0 {
			t.Error("nothing was asked for")
		}
		mu.Unlock()
		if why, err := a.clockWrong(t.Context(), time.Now()); err != nil || why != "" {
			t.Errorf("mail is held: %s, %v", why, err)
		}
		stop()
		<-ended
		a.fetch.Close()
		closeApp(t, a)
	})
}
