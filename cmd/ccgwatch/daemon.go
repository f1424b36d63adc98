package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"ccgwatch/scrapers/crawl"
)

// tickEvery is how often the daemon looks at the wall clock. Timers stand still
// while a machine sleeps, so nothing waits for its hour with a timer: every
// tick asks the diary what is due.
const tickEvery = 30 * time.Second

type runCmd struct {
	Fallback bool `default:"true" negatable:""`
}

func (c runCmd) Run(e *env) error {
	if e.shared != nil {
		if !e.shared.daemon.Load() {
			return errors.New("another command has this data directory open: start the daemon when it is done")
		}
		return usagef("ccgwatch is running on this data directory already")
	}
	e.fallsBack = c.Fallback
	for {
		err := c.watch(e)
		if !errors.Is(err, errDamagedOpen) || !c.Fallback || e.ctx.Err() != nil {
			return err
		}
		e.log.Error("the store is looked at again, and a copy takes its place if it is damaged")
	}
}

// errDamagedOpen ends the daemon's use of a store that turned out to be damaged
// while it was open. It is not noted as closed in order, so the next opening
// checks it.
var errDamagedOpen = errors.New("the store is damaged")

func (runCmd) watch(e *env) error {
	return e.withApp(func(a *app) error {
		a.daemon.Store(true)
		d := &daemon{app: a}
		l, err := new(net.ListenConfig).Listen(e.ctx, "tcp", a.cfg.Web.Listen)
		if err != nil {
			return fmt.Errorf("config: [web] listen: %w", err)
		}
		srv, ahead := a.webServerAhead(func() time.Time { return time.Now().In(london()) })
		a.log.Info("pages", "at", "http://"+l.Addr().String()+"/")
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				a.log.Error("pages", "err", err)
			}
		})
		closeOperator := a.serveOperator(e)
		defer closeOperator()
		a.log.Info("watching", "sources", len(a.sources), "data", a.data, "mail", a.mailGoes())
		if err := a.store.suppressAgain(e.ctx); err != nil {
			a.log.Warn("who has ended is not noted outside the store", "err", err)
		}
		running, stop := context.WithCancelCause(e.ctx)
		defer stop(nil)
		d.giveUp = stop
		d.watchdog = d.watchdogOf()
		d.visits.Go(func() { // the first visitor would wait for it
			if err := ahead(running); err != nil && running.Err() == nil {
				a.log.Warn("pages: the record is not read yet", "err", err)
			}
		})
		d.tellSystemd(sd.SdNotifyReady)
		d.run(running)
		d.tellSystemd(sd.SdNotifyStopping)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 5*time.Second)
		defer cancel()
		err = srv.Shutdown(ctx)
		wg.Wait()
		if cause := context.Cause(running); errors.Is(cause, errDamagedOpen) && e.ctx.Err() == nil {
			a.suspect.Store(true)
			return cause
		}
		a.log.Info("stopped")
		return err
	})
}

// A daemon crawls on schedule, follows the log and sends.
type daemon struct {
	*app
	visits sync.WaitGroup
	mu     sync.Mutex
	busy   map[string]bool // sources being visited, jobs being done
	full   bool            // the disk was, when last looked at
	giveUp context.CancelCauseFunc
	lanes  slots
	looked time.Time // when it was last asked whether the operator is to be told of something

	exported string        // what the last export showed; of whoever has claimed the job
	watchdog time.Duration // how long the service manager waits for a tick; 0: for ever
	begun    time.Time     // the first tick
	mailed   time.Time     // when mail was last gone through to its end; mu guards it
	pinged   time.Time     // when whoever watches the daemon was last told that it is well
}

// troubleEvery is how often that is asked: it reads the health of every source.
const troubleEvery = 10 * time.Minute

// mailing is no id of a source.
const mailing = "(mail)"

// run ticks until ctx ends, and waits for what it started.
func (d *daemon) run(ctx context.Context) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	d.lanes, d.begun = newSlots(), time.Now()
	for {
		d.keepDog()
		d.lookAtClock(ctx)
		now := time.Now().In(london())
		due, err := d.due(ctx, now)
		if err != nil {
			d.log.Error("schedule", "err", err)
		}
		due = d.dateToAskFor(due, now)
		if d.diskFull(ctx, now) {
			due = nil
		}
		d.nightly(ctx, now)
		d.queue(ctx, due, now)
		if d.claim(mailing) { // a relay may take its time; crawling goes on
			d.visits.Go(func() {
				defer d.release(mailing)
				d.mail(ctx, now)
				d.noteMailed(now)
			})
		}
		d.tidy(ctx, now)
		d.indexSoon(ctx)
		d.deriveSoon(ctx) // however long the mail takes, and whether it goes or not
		d.exportSoon(ctx, now)
		if d.claim(jobForget) {
			d.visits.Go(func() {
				defer d.release(jobForget)
				d.forget(ctx, now)
			})
		}
		if d.claim(jobPing) {
			d.visits.Go(func() {
				defer d.release(jobPing)
				d.ping(ctx, now)
			})
		}
		if d.cfg.Mailbox.Read() && d.claim(jobInbox) {
			d.visits.Go(func() {
				defer d.release(jobInbox)
				d.inbox(ctx, now)
			})
		}
		select {
		case <-ctx.Done():
			d.visits.Wait()
			return
		case <-t.C:
		case <-d.asked: // whoever signs up looks into their mail at once
		}
	}
}

// step does all that is due at a moment and waits for it: the daemon's work
// without its clock, as the demonstration and tests drive it.
func (d *daemon) step(ctx context.Context, now time.Time) error {
	due, err := d.due(ctx, now)
	if err != nil {
		return err
	}
	for _, s := range due {
		d.look(ctx, s, now)
	}
	d.mail(ctx, now)
	d.deriveSoon(ctx)
	d.visits.Wait() // for the index, and what is worked out
	return ctx.Err()
}

// tidy drops, once a day, the raw answers that were kept long enough.
func (d *daemon) tidy(ctx context.Context, now time.Time) {
	const job = "tidy"
	diary, err := d.store.Due(ctx)
	if err != nil || diary[job].After(now) && diary[job].Sub(now) <= 25*time.Hour {
		return
	}
	if err := d.fetch.Prune(now); err != nil {
		d.log.Warn("raw answers", "err", err)
	}
	if err := d.store.SetDue(ctx, job, now.Add(24*time.Hour)); err != nil && ctx.Err() == nil {
		d.log.Error("schedule", "job", job, "err", err)
	}
}

func (d *daemon) claim(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy == nil {
		d.busy = map[string]bool{}
	}
	if d.busy[id] {
		return false
	}
	d.busy[id] = true
	return true
}

func (d *daemon) release(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, id)
}

// due returns the sources whose time has come. One that was never visited is
// due at once; a time that passed while the machine slept is made up once.
func (d *daemon) due(ctx context.Context, now time.Time) ([]source, error) {
	diary, err := d.store.Due(ctx)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, s := range d.sources {
		at, known := diary[jobOf(s)]
		if known && at.Sub(now) > shortestLongest && at.Sub(now) > s.longest(now) {
			known = false // the clock was set back: do not wait for a future that moved away
		}
		if !known || !at.After(now) {
			out = append(out, s)
		}
	}
	return out, nil
}

func jobOf(s source) string { return "crawl/" + s.ID }

// look visits a source and sets its next time. The time is set after the visit:
// a daemon killed in between looks again when it starts.
func (d *daemon) look(ctx context.Context, s source, now time.Time) {
	o := d.visit(ctx, s, crawl.Visit{Now: now}, nil)
	if ctx.Err() != nil {
		return
	}
	logOutcome(d.app, o)
	h, err := d.health(ctx, s.ID)
	if err != nil {
		d.log.Error("schedule", "source", s.ID, "err", err)
	}
	next := s.after(h, now)
	if err := d.store.SetDue(ctx, jobOf(s), next); err != nil {
		d.log.Error("schedule", "source", s.ID, "err", err)
	}
	if err := d.follow(ctx, now); err != nil && ctx.Err() == nil {
		d.log.Error("judging", "err", err)
	}
	d.indexSoon(ctx)
	d.deriveSoon(ctx)
}

func logOutcome(a *app, o outcome) {
	if o.Err != nil {
		a.log.Warn("crawl failed", "source", o.Source, "err", strings.TrimPrefix(o.Err.Error(), "crawl "+o.Source+": "), "took", o.Took.Round(time.Millisecond))
		return
	}
	a.log.Info("crawl", "source", o.Source, "requests", o.Requests, "items", o.Items, "added", o.Added, "amended", o.Amended, "gone", o.Gone,
		"problems", len(o.Problems), "silent", o.Silent, "took", o.Took.Round(time.Millisecond))
}

// mail follows the log and sends what is due, unless the clock cannot be
// believed: a message dated before what it tells would be wrong for good.
func (d *daemon) mail(ctx context.Context, now time.Time) {
	if err := d.follow(ctx, now); err != nil {
		if ctx.Err() == nil {
			d.log.Error("judging", "err", err)
		}
		return
	}
	if wrong, err := d.clockWrong(ctx, now); err != nil || wrong != "" {
		if err != nil && ctx.Err() == nil {
			d.log.Error("mail", "err", err)
		}
		return
	}
	if err := d.fallDue(ctx, now); err != nil && ctx.Err() == nil {
		d.log.Error("what falls due", "err", err)
	}
	if age := now.Sub(d.looked); age < 0 || age >= troubleEvery {
		d.looked = now
		if err := d.tellOperator(ctx, now); err != nil && ctx.Err() == nil {
			d.log.Error("operator", "err", err)
		}
	}
	sent, failed, err := d.deliver(ctx, now)
	if err != nil && ctx.Err() == nil {
		d.log.Error("mail", "err", err)
	}
	if sent+failed > 0 {
		d.log.Info("mail", "sent", sent, "failed", failed)
	}
}

func (a *app) lastChange(ctx context.Context) (time.Time, error) {
	seq, err := a.store.LastSeq(ctx)
	if err != nil || seq == 0 {
		return time.Time{}, err
	}
	last, err := a.store.Changes(ctx, seq-1, 1)
	if err != nil || len(last) == 0 {
		return time.Time{}, err
	}
	return last[0].At, nil
}
