package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/store"
)

// What a clock does, tick by tick, and whether mail is held then. A step moves
// real time on by real, the machine's running time by as much, and sets the wall
// clock forward by set on top of it.
func TestClockInDoubtHoldsMail(t *testing.T) {
	type step struct {
		real, set time.Duration
		reboot    bool          // the machine was started anew
		says      time.Duration // if not 0: then a site says real time plus says (1 ns is none)
		operator  bool
		want      string
	}
	const day, year, exactly = 24 * time.Hour, 365 * 24 * time.Hour, 1
	for name, steps := range map[string][]step{
		"nothing":                         {{real: time.Minute}, {real: 30 * day}},
		"sleep of 8 h, of a month":        {{real: 8 * time.Hour}, {real: 31 * day}},
		"a step of 59 min each way":       {{real: time.Minute, set: 59 * time.Minute}, {real: time.Minute, set: -59 * time.Minute}},
		"many small steps back":           {{set: -30 * time.Minute}, {set: -40 * time.Minute, want: clockBehind}},
		"forward a year, and a site's no": {{real: time.Minute, set: year, want: clockAhead}, {real: day, says: exactly, want: clockAhead}},
		"forward a year and back again":   {{set: year, want: clockAhead}, {real: day, set: -year}},
		"forward a year, back not as far": {{set: year, want: clockAhead}, {real: day, set: -year + 2*time.Hour, want: clockAhead}, {says: exactly + 2*time.Hour}},
		"forward, restarted, still wrong": {{set: year, want: clockAhead}, {real: time.Minute, reboot: true, want: clockAhead}, {set: -year, real: 1, want: clockAhead}, {says: exactly}},
		"the operator says so":            {{set: year, want: clockAhead}, {operator: true}, {real: day}},
		"back an hour and a half":         {{set: -90 * time.Minute, want: clockBehind}, {real: 20 * time.Minute, want: clockBehind}, {real: 11 * time.Minute}},
		"back a day, and it is right":     {{set: -day, want: clockBehind}, {real: time.Minute, says: exactly - day}, {real: time.Minute}},
		"no clock of its own: starts in 1970, then hears the time": {
			{real: time.Hour, set: -56 * year, reboot: true, want: clockBehind}, {real: 20 * time.Second, set: 56 * year, want: clockAhead}, {real: time.Minute, says: exactly},
		},
		"no clock of its own: starts where it was stopped days ago": {
			{real: 3 * day, set: -3 * day, reboot: true}, {real: time.Minute, set: 3 * day, want: clockAhead}, {real: time.Minute, says: exactly}, {real: day},
		},
		"started anew, the clock fine": {{real: 9 * day, reboot: true}},
		"started anew, a day back":     {{set: -day, reboot: true, want: clockBehind}},
	} {
		t.Run(name, func(t *testing.T) {
			truth, wall, since, boot := townStart().UTC(), townStart().UTC(), 5*time.Hour, "a"
			read := func() reading { return reading{Wall: wall, Since: since, Boot: boot} }
			c := clockState{}.at(read(), truth.Add(-time.Minute))
			for i, s := range steps {
				truth, wall, since = truth.Add(s.real), wall.Add(s.real+s.set), since+s.real
				if s.reboot {
					boot, since = boot+"b", 10*time.Second
				}
				c = c.at(read(), truth.Add(-10*365*day))
				if s.says != 0 {
					c = c.witnessed(read(), truth.Add(s.says))
				}
				if s.operator {
					c = c.believed(read())
				}
				if c.Doubt != s.want {
					t.Fatalf("step %d: %q, want %q (clock %s, truth %s, %+v)", i+1, c.Doubt, s.want, wall, truth, c)
				}
			}
		})
	}
}

// What was written down while the clock was a year ahead bears wrong dates.
// They hold no mail once a site has said what time it is.
func TestChangesOfAWrongYearDoNotHoldMailForAYear(t *testing.T) {
	wall, since := townStart().UTC(), time.Hour
	read := func() reading { return reading{Wall: wall, Since: since, Boot: "a"} }
	c := clockState{}.at(read(), time.Time{})
	wall = wall.AddDate(1, 0, 0)
	c = c.at(read(), time.Time{})
	last := wall // crawling went on
	wall, since = wall.AddDate(-1, 0, 0).Add(3*time.Hour), since+time.Hour
	if c = c.at(read(), last); c.Doubt == "" {
		t.Fatal("the clock passes although a later change is known and nobody said that it is right")
	}
	c = c.witnessed(read(), wall.Add(20*time.Second))
	for range 5 {
		wall, since = wall.Add(time.Hour), since+time.Hour
		if c = c.at(read(), last); c.Doubt != "" {
			t.Fatalf("held again: %+v", c)
		}
	}
}

// The whole daemon: the clock is set a year forward, and mail waits, is said to
// wait, across a restart too, until a site's date agrees.
func TestClockSetForwardHoldsTheDaemonsMail(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(townStart()))
		sites, err := newTown()
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		var set, says atomic.Int64 // in nanoseconds: how far the clock, and what sites say, is ahead of the bubble's time
		begun := time.Now()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sites.moveTo(time.Now().In(london()))
			w.Header().Set("Date", time.Now().Add(time.Duration(says.Load())).UTC().Format(http.TimeFormat))
			sites.ServeHTTP(w, r)
		})
		live := func(steps ...func() (want string)) {
			a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.NewTextHandler(&said, nil)))
			if err != nil {
				t.Fatal(err)
			}
			a.fetch.Transport, a.sources = siteInBubble{handler}, a.sources[:1]
			a.watchClock(func() (reading, bool) {
				now := time.Now().Round(0)
				return reading{Wall: now.Add(time.Duration(set.Load())), Since: now.Sub(begun), Boot: "a"}, true
			})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { (&daemon{app: a}).run(ctx); close(ended) }()
			for i, step := range steps {
				want := step()
				time.Sleep(2*time.Hour + time.Second)
				why, err := a.clockWrong(t.Context(), time.Now())
				if err != nil || why != want {
					t.Errorf("step %d: %q, want %q (%v)", i+1, why, want, err)
				}
				if words := strings.Join(a.standsStill(t.Context(), time.Now()), " "); (why != "") != strings.Contains(words, "No mail goes out") {
					t.Errorf("in doubt %q, and the pages say %q", why, words)
				}
			}
			stop()
			<-ended
			a.fetch.Close()
			closeApp(t, a)
		}
		live(func() string { return "" },
			func() string { set.Store(int64(24 * time.Hour)); return clockAhead })
		live(func() string { return clockAhead },
			func() string { says.Store(int64(24 * time.Hour)); return "" })
		if _, err := os.Stat(filepath.Join(dir, clockFile)); err != nil {
			t.Error(err)
		}
		if log := said.String(); strings.Count(log, "cannot be believed") != 1 || strings.Count(log, "believed again") != 1 {
			t.Errorf("said:\n%s", log)
		}
	})
}

// While mail is held, nothing is sent at all; then all of it is.
func TestHeldMailGoesWhenTheClockIsBelieved(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	now := townStart()
	wall, since := now, time.Hour
	a.watchClock(func() (reading, bool) { return reading{Wall: wall, Since: since, Boot: "a"}, true })
	sub := demoSubscribers(now)[0]
	d := store.Delivery{ID: strings.Repeat("0", 31) + "1", Subscription: sub.ID, Kind: "alert", Raw: []byte("x"), Created: now, Due: now}
	if err := a.store.Advance(t.Context(), "test", store.Position{}, store.Position{}, nil, []store.Delivery{d}); err != nil {
		t.Fatal(err)
	}
	dm := &daemon{app: a}
	dm.lookAtClock(t.Context())
	wall = wall.AddDate(1, 0, 0)
	dm.lookAtClock(t.Context())
	dm.mail(t.Context(), wall)
	sent := func() (n int) {
		if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
			if d.State == store.Sent {
				n++
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sent(); n != 0 {
		t.Fatalf("%d sent under a clock that nobody believes", n)
	}
	if !a.clock.believe() {
		t.Fatal("there was no doubt")
	}
	dm.mail(t.Context(), wall)
	if n := sent(); n == 0 {
		t.Error("nothing was sent")
	}
}
