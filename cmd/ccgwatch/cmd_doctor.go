package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/config"
	"ccgwatch/scrapers"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

type doctorCmd struct {
	Offline  bool
	TestMail string `name:"test-mail"`
	JSON     bool   `name:"json"`
}

// A symptom is one line of the doctor's.
type symptom struct {
	Check   string   `json:"check"`
	State   string   `json:"state"` // ok, warn, FAIL
	What    string   `json:"what"`
	Details []string `json:"details,omitempty"`
}

const (
	well    = "ok"
	unsure  = "warn"
	failing = "FAIL"
)

// An examination prints each symptom as it is found.
type examination struct {
	*env
	json bool
	bad  int

	parts  []checked // of a store that nobody has open
	unread error     // why there are none

	trial    string        // whom a trial message goes to, "" for nobody
	resolver *net.Resolver // nil: the machine's
}

func (x *examination) say(s symptom) {
	if s.State == failing {
		x.bad++
	}
	if x.json {
		_ = printJSON(x.stdout, s)
		return
	}
	fmt.Fprintf(x.stdout, "%-4s  %-9s %s\n", s.State, s.Check, s.What)
	for _, d := range s.Details {
		fmt.Fprintf(x.stdout, "                %s\n", d)
	}
}

func (x *examination) sayf(check, state, format string, args ...any) {
	x.say(symptom{Check: check, State: state, What: fmt.Sprintf(format, args...)})
}

// Run looks at everything even where something is wrong; while a daemon runs,
// it is the one that looks.
func (c *doctorCmd) Run(e *env) error {
	switch {
	case c.TestMail != "" && c.Offline:
		return usagef("--test-mail asks the network, --offline leaves it out")
	case given(e.args, "--test-mail") && !strings.Contains(c.TestMail, "@"):
		return usagef("--test-mail takes an address")
	}
	// The store first, and before anything is said: a daemon that is only just
	// opening it answers for the whole examination.
	var parts []checked
	var unread error
	if e.shared == nil {
		var done bool
		if parts, done, unread = e.verifyClosed(); done {
			return unread
		}
	}
	x := &examination{env: e, json: c.JSON, parts: parts, unread: unread, trial: c.TestMail}
	cfg, sources := x.settings()
	x.directory()
	if err := x.database(cfg, sources); err != nil {
		return err
	}
	x.copies()
	x.export(cfg.Export)
	x.holidays()
	x.recognition(cfg)
	x.catalogue(cfg, sources)
	for _, s := range sources {
		x.schedule(s.ID+": "+s.words(), s.next)
	}
	x.schedule("weekly digests: every Friday at 07:30", alerts.Fridays(london()).Next)
	x.schedule("daily digests: every day at 07:30", alerts.Fridays(london()).For(store.Daily).Next)
	if when, err := config.ParseSchedule(nightTime); err == nil {
		x.schedule("a copy of the store: "+when.Words(), when.Next)
	}
	if !c.Offline {
		x.network(cfg, sources)
	}
	switch {
	case e.ctx.Err() != nil:
		return e.ctx.Err()
	case x.bad > 0:
		return fmt.Errorf("%s", plural(x.bad, "check failed", "checks failed"))
	}
	return nil
}

// settings reads the configuration and lists all of its mistakes. With any,
// the built-in settings are examined further.
func (x *examination) settings() (config.Config, []source) {
	cfg, err := x.config()
	if err != nil {
		s := symptom{Check: "config", State: failing, What: x.configPath + " cannot be used"}
		var all *config.Error
		if errors.As(err, &all) {
			s.What = fmt.Sprintf("%s: %s", x.configPath, plural(len(all.Faults), "mistake", "mistakes"))
		}
		s.Details = strings.Split(err.Error(), "\n")
		x.say(s)
		cfg = withContact(config.Default())
		sources, _ := followed(cfg, scrapers.Sites())
		return cfg, sources
	}
	sources, err := followed(cfg, scrapers.Sites())
	if err != nil {
		x.say(symptom{Check: "config", State: failing, What: x.configPath + " cannot be used", Details: strings.Split(err.Error(), "\n")})
		return cfg, nil
	}
	name := cfg.Path
	if name == "" {
		name = "no file: the built-in settings"
	}
	switch {
	case len(sources) == 0:
		x.sayf("config", unsure, "%s; no source is followed", name)
	case cfg.Group.Email == noContact:
		x.sayf("config", unsure, "%s; %s; %s: mail is From %s, and the owners of sites cannot write to you", name, count(len(sources), "source"), noSender(cfg.Path), noContact)
	default:
		x.sayf("config", well, "%s; %s", name, count(len(sources), "source"))
	}
	return cfg, sources
}

// directory looks at the data directory: there, ours to write, nobody else's
// to read, with room.
func (x *examination) directory() {
	info, err := os.Stat(x.data)
	if errors.Is(err, fs.ErrNotExist) {
		up := x.data
		for !exists(up) && up != filepath.Dir(up) {
			up = filepath.Dir(up)
		}
		if err := writable(up); err != nil {
			x.sayf("data", failing, "%s is not there and cannot be made: %v", x.data, err)
			return
		}
		x.sayf("data", well, "%s is made at the first start", x.data)
		x.space(up)
		return
	}
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", x.data)
	}
	if err == nil {
		err = writable(x.data)
	}
	if err != nil {
		x.sayf("data", failing, "%v", err)
		return
	}
	s := symptom{Check: "data", State: well, What: x.data + " can be written to, and read by its owner alone"}
	if runtime.GOOS != "windows" {
		s.look(x.data, info)
	}
	x.say(s)
	x.space(x.data)
}

// look finds who else may read what is in a data directory.
func (s *symptom) look(data string, info fs.FileInfo) {
	if p := info.Mode().Perm(); p&0o077 != 0 {
		s.State = unsure
		s.Details = append(s.Details, fmt.Sprintf("others may look into it (mode %04o): chmod 700 %s", p, shellWord(data)))
	}
	for _, name := range []string{bolt.File, secretFile, suppressedFile, sentFile, correctionsFile, "backups", archiveName, "outbox"} {
		at := filepath.Join(data, name)
		info, err := os.Stat(at)
		if err != nil {
			continue
		}
		want := fs.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		p := info.Mode().Perm()
		if p&0o077 == 0 {
			continue
		}
		s.Details = append(s.Details, fmt.Sprintf("others may read %s (mode %04o): chmod %o %s", name, p, want, shellWord(at)))
		if name == bolt.File || name == secretFile {
			s.State = failing
		} else if s.State == well {
			s.State = unsure
		}
	}
	if s.State != well {
		s.What = data + " holds addresses of subscribers, and is not for its owner alone"
	}
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (x *examination) space(dir string) {
	free, err := freeSpace(dir)
	need := roomNeeded(x.data)
	switch {
	case err != nil:
		x.sayf("space", unsure, "how much is free where %s is cannot be told: %v", dir, err)
	case free < need:
		x.sayf("space", failing, "%s free, %s needed: nothing is crawled until there is", bytesText(free), bytesText(need))
	case free < 4*need:
		x.sayf("space", unsure, "%s free; below %s nothing is crawled", bytesText(free), bytesText(need))
	default:
		x.sayf("space", well, "%s free", bytesText(free))
	}
}

// database checks the store, and looks into it where nothing is wrong.
func (x *examination) database(cfg config.Config, sources []source) error {
	var parts []checked
	var err error
	switch {
	case x.shared != nil:
		parts, err = x.shared.verifyOpen(x.ctx)
	case !exists(filepath.Join(x.data, bolt.File)):
		if good := newestGood(copiesIn(x.copiesDir())); good != "" {
			x.sayf("store", failing, "it is gone, but there are copies: ccgwatch restore %s", shellWord(good))
			return nil
		}
		x.sayf("store", well, "none yet: it is made at the first start")
		x.clock(time.Time{})
		return nil
	default:
		parts, err = x.parts, x.unread
	}
	if err != nil {
		return err
	}
	whole := true
	for _, p := range parts {
		s := symptom{Check: p.Part, State: well, What: p.What, Details: p.Faults}
		if !p.ok() {
			s.State, whole = failing, whole && p.Part != "store"
		}
		if p.State == "damaged" && p.Part == "store" {
			s.What, s.Details = firstLine(p.What), strings.Split(x.damagedText(checked{What: "", Faults: p.Faults}), "\n")[1:]
		}
		x.say(s)
	}
	if c := x.checkIndex(x.ctx); c.ok() {
		x.sayf(c.Part, well, "%s", c.What)
	} else {
		x.sayf(c.Part, unsure, "%s", c.What)
	}
	if !whole {
		x.clock(time.Time{})
		return nil
	}
	return x.inside(cfg, sources)
}

// inside looks into a store that was found whole.
func (x *examination) inside(cfg config.Config, sources []source) (err error) {
	a := x.shared
	if a == nil {
		if a, err = openBare(cfg, x.data, x.log); err != nil {
			x.sayf("store", failing, "%v", err)
			return nil
		}
		a.sources = sources
		defer func() {
			if err = errors.Join(err, a.store.Close()); err == nil {
				_ = noteClosed(x.data)
			}
		}()
	}
	last, err := a.lastChange(x.ctx)
	if err != nil {
		return err
	}
	x.clock(last)
	if err := x.burden(a, sources); err != nil {
		return err
	}
	if err := x.seen(a, sources); err != nil {
		return err
	}
	return x.digests(a)
}

// clock holds the clock against the last change known.
func (x *examination) clock(last time.Time) {
	now := x.now()
	switch {
	case now.Year() < 2026:
		x.sayf("clock", failing, "it says %s: it was never set", now.Format(time.RFC3339))
	case last.Sub(now) > time.Hour:
		x.sayf("clock", failing, "it says %s, but a change of %s is known: no mail goes out until it is right", wallTime(now), wallTime(last))
	case last.IsZero():
		x.sayf("clock", well, "%s; schedules run on London time, the machine's zone is %s", wallTime(now), zoneName(now))
	default:
		x.sayf("clock", well, "%s, after the last change known (%s); schedules run on London time, the machine's zone is %s", wallTime(now), wallTime(last), zoneName(now))
	}
}

func zoneName(t time.Time) string {
	name, offset := t.In(time.Local).Zone()
	return fmt.Sprintf("%s (%+03d:%02d)", name, offset/3600, (offset%3600)/60)
}

// digests says who is owed what.
func (x *examination) digests(a *app) error {
	now := x.now()
	subs, err := a.store.Subscriptions(x.ctx, "", 0)
	if err != nil {
		return err
	}
	digested, daily, due := 0, 0, 0
	for _, s := range subs {
		if s.State != store.StateConfirmed || !store.Digested(s.Often) {
			continue
		}
		digested++
		if s.Often == store.Daily {
			daily++
		}
		if _, owed := alerts.Fridays(london()).Due(s, now); owed {
			due++
		}
	}
	waiting, failed, held := 0, 0, 0
	var oldest time.Time
	err = a.store.Deliveries(x.ctx, func(d store.Delivery) bool {
		switch d.State {
		case store.Sent, store.Suppressed, store.Folded:
		case store.Failed, store.Uncertain:
			failed++
		case store.OnHold:
			held++
		default:
			waiting++
			if oldest.IsZero() || d.Created.Before(oldest) {
				oldest = d.Created
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	next := wallTime(a.nextDigest(now))
	if daily > 0 {
		next += fmt.Sprintf(", of the %d daily %s", daily, wallTime(a.nextDaily(now)))
	}
	x.sayf("digests", well, "%s; %d due now; the next goes out %s", plural(digested, "subscription has one", "subscriptions have one"), due, next)
	switch {
	case waiting > 0 && now.Sub(oldest) > 24*time.Hour:
		x.sayf("queue", unsure, "%s waiting since %s; %d failed for good", plural(waiting, "message", "messages"), wallTime(oldest), failed)
	default:
		x.sayf("queue", well, "%s waiting, %d failed for good", plural(waiting, "message", "messages"), failed)
	}
	if held > 0 {
		x.sayf("brake", failing, "%s held back until you have looked: 'ccgwatch send --release' sends, 'ccgwatch send --drop' gives up", plural(held, "alert is", "alerts are"))
	}
	return nil
}

// copies says how old the newest good copy is.
func (x *examination) copies() {
	if !exists(filepath.Join(x.data, bolt.File)) {
		return
	}
	if f, ok := fellBack(x.data, x.now()); ok {
		x.say(symptom{Check: "fallback", State: unsure, What: f.Said(), Details: []string{"it was: " + f.Why, "the damaged store is in " + f.Aside + "; is the disk sound?"}})
	}
	all := copiesIn(x.copiesDir())
	last := lastGoodCopy(all)
	switch age := x.now().Sub(last); {
	case last.IsZero():
		x.sayf("copies", unsure, "none yet in %s: the daemon makes one each night, 'ccgwatch backup' makes one now", x.copiesDir())
	case age > 3*24*time.Hour:
		x.sayf("copies", unsure, "the newest good one is of %s: the daemon makes one each night where it runs and has room", wallTime(last))
	default:
		x.sayf("copies", well, "%s, the newest good one of %s", plural(len(all), "copy", "copies"), wallTime(last))
	}
}

// schedule says when something is done, in words and as London's clocks will
// show, five times ahead.
func (x *examination) schedule(what string, following func(time.Time) time.Time) {
	y := symptom{Check: "schedule", State: well, What: what}
	var next []string
	at := x.now()
	for range 5 {
		if at = following(at); at.IsZero() {
			break
		}
		next = append(next, at.Format("Mon 2 Jan 15:04"))
	}
	y.Details = []string{"next: " + strings.Join(next, ", ")}
	x.say(y)
}

// within bounds one question to the network.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, tooLong(limit))
}

// tooLong is that nothing was answered for so long.
type tooLong time.Duration

func (t tooLong) Error() string { return "no answer within " + time.Duration(t).String() }
func (tooLong) Timeout() bool   { return true }
