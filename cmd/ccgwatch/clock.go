package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A mail with a wrong date is wrong for good, and a clock that jumped makes
// digests and reminders of weeks due at once. So mail is held while the clock is
// in doubt, and crawling goes on: the answer of any site carries a date, and one
// that agrees with our clock ends the doubt. That is how a machine without a
// battery behind its clock, which starts in the past and jumps to today when it
// reaches a time server, is mailing again minutes later.

// clockFile notes in the data directory what is known of the clock. It stands
// beside the store: a copy that takes the store's place knows less.
const clockFile = "clock.json"

const (
	// clockSlack is how much a clock may be moved at once, and how much the date
	// of an answer may differ, without doubt.
	clockSlack = time.Hour
	// clockNoted is how often a clock that is not doubted is noted.
	clockNoted = time.Hour
)

// What may be wrong with the clock.
const (
	clockAhead  = "ahead"  // it was set forward
	clockBehind = "behind" // it is before a time that was known
)

// A reading is the clock read once.
type reading struct {
	Wall  time.Time     // without its monotonic part
	Since time.Duration // the time since the machine started, in which it slept included
	Boot  string        // tells two starts of the machine apart, never ""
}

// started is when the machine started, by the wall clock: what stays the same
// unless the wall clock is set.
func (r reading) started() time.Time { return r.Wall.Add(-r.Since) }

// A clockState is what is known of the clock. The zero value knows nothing.
type clockState struct {
	Wall    time.Time `json:"wall"`    // the latest time that was believed
	Boot    string    `json:"boot"`    // the start of the machine that Started is of
	Started time.Time `json:"started"` // by the clock when it was believed; zero: never in this start
	Doubt   string    `json:"doubt,omitempty"`
	Since   time.Time `json:"since,omitzero"`   // of the doubt, by the clock that is doubted
	Vouched time.Time `json:"vouched,omitzero"` // when a site or the operator last ended a doubt; zero while there is one
}

// at is what is known after the clock was read. last is the last change known:
// it counts unless somebody vouched for the clock since, because while a clock
// is wrong changes are written down under wrong dates.
func (c clockState) at(r reading, last time.Time) clockState {
	if c.Boot != r.Boot { // a clock may have any time after a start; that it is not before a known one is seen below
		c.Boot, c.Started = r.Boot, time.Time{}
		if c.Doubt == "" {
			c.Started = r.started()
		}
	}
	ahead := r.started().Sub(c.Started) > clockSlack
	if c.Started.IsZero() {
		ahead = c.Doubt == clockAhead
	}
	known := c.Wall
	if c.Vouched.IsZero() && last.After(known) {
		known = last
	}
	switch {
	case ahead:
		return c.doubted(clockAhead, r)
	case known.Sub(r.Wall) > clockSlack:
		return c.doubted(clockBehind, r)
	}
	c.Doubt, c.Since, c.Started = "", time.Time{}, r.started()
	if r.Wall.After(c.Wall) { // many small steps back are one large one
		c.Wall = r.Wall
	}
	return c
}

func (c clockState) doubted(why string, r reading) clockState {
	if c.Doubt == "" {
		c.Since = r.Wall
	}
	c.Doubt, c.Vouched = why, time.Time{}
	return c
}

// witnessed is what is known after a site said what time it is.
func (c clockState) witnessed(r reading, date time.Time) clockState {
	if c.Doubt == "" || date.Sub(r.Wall).Abs() > clockSlack {
		return c
	}
	return c.believed(r)
}

// believed ends all doubt of the clock as it is.
func (clockState) believed(r reading) clockState {
	return clockState{Wall: r.Wall, Boot: r.Boot, Started: r.started(), Vouched: r.Wall}
}

// A clockWatch watches the clock of the process that has the store open. Where
// read is nil, as under another date than today's, nothing is watched.
type clockWatch struct {
	read func() (reading, bool) // false: this system cannot say how long it has run
	path string
	log  *slog.Logger

	mu    sync.Mutex
	state clockState
	saved clockState
	asked time.Time // when a site was last asked out of turn because of a doubt, by the time since the machine started
}

func newClockWatch(data string, log *slog.Logger) *clockWatch {
	w := &clockWatch{path: filepath.Join(data, clockFile), log: log}
	if b, err := os.ReadFile(w.path); err == nil && json.Unmarshal(b, &w.state) != nil {
		log.Warn("what was noted of the clock cannot be read", "file", w.path)
		w.state = clockState{}
	}
	w.saved = w.state
	return w
}

// tick reads the clock.
func (w *clockWatch) tick(last time.Time) {
	w.change(func(r reading) clockState { return w.state.at(r, last) })
}

// witness hears a date of a site.
func (w *clockWatch) witness(date time.Time) {
	w.change(func(r reading) clockState { return w.state.witnessed(r, date) })
}

// believe ends a doubt on the operator's word and tells whether there was one.
// Where the clock is not watched nothing can be believed of it.
func (w *clockWatch) believe() (was bool) {
	w.change(func(r reading) clockState {
		was = w.state.Doubt != ""
		if !was {
			return w.state
		}
		return w.state.believed(r)
	})
	return was
}

func (w *clockWatch) change(to func(reading) clockState) {
	if w.read == nil {
		return
	}
	r, ok := w.read()
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.state
	w.state = to(r)
	switch {
	case was.Doubt == "" && w.state.Doubt != "":
		w.log.Error("the clock cannot be believed: mail is held until the date of a site's answer agrees with it, or you say 'ccgwatch send --clock-is-right'",
			"clock", r.Wall, "it_is", w.state.Doubt, "last_known", was.Wall)
	case was.Doubt != "" && w.state.Doubt == "":
		w.log.Info("the clock is believed again: mail goes out", "clock", r.Wall)
	}
	if w.state.Doubt == w.saved.Doubt && w.state.Vouched.Equal(w.saved.Vouched) && w.state.Boot == w.saved.Boot && w.state.Wall.Sub(w.saved.Wall) < clockNoted {
		return
	}
	b, err := json.Marshal(w.state)
	if err == nil {
		err = writeWhole(w.path, append(b, '\n'))
	}
	if err != nil { // what is known in memory counts on
		w.log.Warn("what is known of the clock could not be noted", "err", err)
		return
	}
	w.saved = w.state
}

// wrong says why no mail may go out, "" if it may.
func (w *clockWatch) wrong(last, now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	why := w.state.Doubt
	if why == "" && w.state.Vouched.IsZero() && last.Sub(now) > clockSlack {
		why = clockBehind
	}
	return why
}

// askNow tells, once an hour, whether a site is to be asked out of turn so that
// a doubt ends.
func (w *clockWatch) askNow() bool {
	if w.read == nil {
		return false
	}
	r, ok := w.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	run := time.Time{}.Add(r.Since)
	if !ok || w.state.Doubt == "" || !w.asked.IsZero() && run.Sub(w.asked) < time.Hour {
		return false
	}
	w.asked = run
	return true
}

// clockWrong says why the clock keeps mail back, "" if it does not.
func (a *app) clockWrong(ctx context.Context, now time.Time) (string, error) {
	last, err := a.lastChange(ctx)
	if err != nil {
		return "", err
	}
	return a.clock.wrong(last, now), nil
}

// clockWords are clockWrong in a sentence, "" if mail goes out.
func clockWords(why string) string {
	return map[string]string{
		clockBehind: "No mail goes out: the clock of this machine is behind what it has written down already. Mails wait until it is right.",
		clockAhead:  "No mail goes out: the clock of this machine was set forward, and no site has yet said that it is right. Mails wait until one does.",
	}[why]
}

// watchClock begins to watch the clock and hears what sites say of it. It is
// called before the first request.
func (a *app) watchClock(read func() (reading, bool)) {
	a.clock.read = read
	a.fetch.Dated = a.clock.witness
}

// readClock reads the clock of this machine.
func (n bootName) readClock() (reading, bool) {
	now := time.Now().Round(0).UTC()
	since, ok := sinceBoot(now)
	return reading{Wall: now, Since: since, Boot: string(n)}, ok
}

// A bootName names a start of the machine.
type bootName string

// thisBoot is the kernel's name of it, or, where it does not say (or a sandbox
// keeps it from us), one for this process alone: a clock that is set while we do
// not run is then seen only if it is set back.
func thisBoot() bootName {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // absent: as said
	since, _ := sinceBoot(time.Now())
	return bootName(cmp.Or(strings.TrimSpace(string(id)), fmt.Sprintf("process %d after %s", os.Getpid(), since)))
}

// dateToAskFor is the source whose site is asked what time it is: another one
// each hour, so that none bears it alone.
func (d *daemon) dateToAskFor(due []source, now time.Time) []source {
	if len(d.sources) == 0 || !d.clock.askNow() || len(due) > 0 {
		return due
	}
	return append(due, d.sources[int(now.Unix()/3600%int64(len(d.sources)))])
}

// lookAtClock is the tick of the daemon. What keeps mail back is logged when it
// begins and when it ends.
func (d *daemon) lookAtClock(ctx context.Context) {
	last, err := d.lastChange(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("clock", "err", err)
		}
		return
	}
	d.clock.tick(last)
}

// clock is an error while the clock keeps mail back, unless the operator says
// now that it is right.
func (c sendCmd) clock(e *env, a *app) error {
	last, err := a.lastChange(e.ctx)
	if err != nil {
		return err
	}
	if e.asOf.IsZero() {
		a.clock.tick(last)
	}
	if c.ClockIsRight {
		said := "nobody doubted the clock"
		if a.clock.believe() {
			said = "the clock is believed: it says " + stamp(e.now())
		}
		fmt.Fprintln(e.stdout, said)
	}
	switch a.clock.wrong(last, e.now()) {
	case clockBehind:
		return fmt.Errorf("the clock says %s, but it was later before (the last change known is of %s): no mail goes out until it is right; if it is, say --clock-is-right", stamp(e.now()), stamp(last))
	case clockAhead:
		return fmt.Errorf("the clock was set forward, to %s: no mail goes out until a site says the same; if it is right, say --clock-is-right", stamp(e.now()))
	}
	return nil
}
