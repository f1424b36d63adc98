package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/alerts/mail"
	"ccgwatch/alerts/mail/inbox"
	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/document"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// An app is the parts of CCGWatch joined over one data directory. The daemon
// and every command that needs the store run on one.
type app struct {
	cfg       config.Config
	data      string
	settings  string // fingerprint of the configuration file it was opened with
	log       *slog.Logger
	store     *keeper
	fetch     *crawl.Fetcher
	reader    *document.Reader
	sources   []source
	judge     *judge.Judge
	rules     judge.Rules
	bodies    map[string]judge.Body // by id
	areaNames map[string]string     // by id
	names     map[string][]string   // under which the news of a body are asked for, by its id
	matcher   *alerts.Matcher
	digests   *alerts.Digester
	corrector *alerts.Corrector
	postman   *alerts.Postman
	links     alerts.Links
	desk      *alerts.Desk
	marks     inbox.Marks
	clerk     *inbox.Clerk
	asked     chan struct{}   // somebody waits for a service mail
	public    store.Public    // what of the store may be shown or mailed
	threads   *alerts.Threads // over what is public
	judging   *alerts.Threads // over all there is: a correction is no news of the source
	joined    *alerts.Joined
	listed    *alerts.ThreadList
	said      *alerts.Papers
	derived   *derived
	dates     *alerts.Dates
	search    fulltext
	rejudged  atomic.Uint64 // how often the log was judged again
	compose   *mail.Composer
	sign      func(raw []byte) ([]byte, error) // what is not signed when it is composed
	watched   watchlist

	papers    chan struct{} // a slot for each paper that may be read at once
	daemon    atomic.Bool   // run has it open
	suspect   atomic.Bool   // the store is damaged: it is to be checked before it is opened again
	visiting  keyedLocks    // one visit of a source at a time
	sites     keyedLocks    // and one of a site
	following sync.Mutex    // one follower step at a time
	besides   besides       // what stands beside what is judged
	sending   sync.Mutex    // one sender at a time
	copying   sync.Mutex    // one copy at a time
	exporting sync.Mutex    // one export at a time
	reading   sync.Mutex    // of the mailbox, one at a time

	clock *clockWatch

	installation [16]byte // its name, for feeds

	free func(dir string) (uint64, error) // bytes; freeSpace but in tests
}

// keyedLocks is a lock a name.
type keyedLocks struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex
}

func (k *keyedLocks) lock(name string) (unlock func()) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*sync.Mutex{}
	}
	l := k.locks[name]
	if l == nil {
		l = &sync.Mutex{}
		k.locks[name] = l
	}
	k.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// openApp opens the store in the data directory and joins the parts over it.
func openApp(cfg config.Config, data string, log *slog.Logger) (*app, error) {
	a, err := openBare(cfg, data, log)
	if err != nil {
		return nil, err
	}
	if err := a.join(); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

// openBare opens the store alone. Claims of a process that died are freed:
// whoever has the store open is the only sender.
func openBare(cfg config.Config, data string, log *slog.Logger) (*app, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	st, err := bolt.Open(data)
	if err != nil {
		return nil, err
	}
	if err := st.FreeClaims(context.Background()); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	noteOpen(data)
	k := &keeper{Store: st, data: data}
	if err := k.agree(context.Background(), log); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &app{cfg: cfg, data: data, log: log, store: k, free: freeSpace, clock: newClockWatch(data, log), papers: make(chan struct{}, papersAtOnce)}, nil
}

func (a *app) join() error {
	rules, err := loadRules()
	if err != nil {
		return err
	}
	if a.sources, err = followed(a.cfg, scrapers.Sites()); err != nil {
		return err
	}
	return a.joinWith(rules)
}

// joinWith builds the parts from the given rules and the sources already chosen.
func (a *app) joinWith(rules judge.Rules) (err error) {
	a.watched.areas, a.search.make = a.cfg.Group.Areas, a.index
	a.rules, a.bodies, a.areaNames = rules, map[string]judge.Body{}, map[string]string{}
	for _, b := range rules.Bodies {
		a.bodies[b.ID] = b
	}
	for _, x := range rules.Areas {
		a.areaNames[x.ID] = x.Name
	}
	clusters, err := catalogue.Clusters()
	if err != nil {
		return err
	}
	a.names = followedAs(rules.Bodies, clusters)
	if a.judge, err = judge.New(rules); err != nil {
		return err
	}
	if a.fetch, err = newFetcher(a.cfg, a.data, a.log); err != nil {
		return err
	}
	if a.reader, err = newReader(a.data); err != nil {
		return err
	}
	if a.cfg.Documents.OCR {
		a.reader.Tesseract, _ = exec.LookPath(tesseract) // absent: doctor says so, and pages that are pictures stay unread
	}
	return a.joinAlerts()
}

func newFetcher(cfg config.Config, data string, log *slog.Logger) (*crawl.Fetcher, error) {
	f := &crawl.Fetcher{
		UserAgent:    userAgent(cfg),
		Delay:        time.Duration(cfg.Fetch.Delay),
		Proxy:        cfg.Fetch.Proxy,
		AllowPrivate: cfg.Fetch.AllowPrivate,
		RawDir:       filepath.Join(data, "raw"),
		Log:          log,
	}
	return f, nil
}

// userAgent says who asks and how to reach them.
func userAgent(cfg config.Config) string {
	contact := "+mailto:" + cfg.Group.Email
	switch {
	case cfg.Group.Email == noContact:
		contact = "no contact configured"
	case cfg.Group.URL != "":
		contact = "+" + cfg.Group.URL + "; " + cfg.Group.Email
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune("()\\", r) {
			return -1
		}
		return r
	}, cfg.Group.Name)
	return fmt.Sprintf("ccgwatch/%s (%s; %s)", version(), contact, name)
}

// newReader reads papers in a child process of this program.
func newReader(data string) (*document.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program to read papers with: %w", err)
	}
	return &document.Reader{Command: []string{self, readDocument}, CacheDir: filepath.Join(data, "cache")}, nil
}

func (a *app) Close() error {
	a.fetch.Close()
	if err := a.search.close(); err != nil {
		a.log.Warn("search index", "err", err) // nothing but the index is in it
	}
	if err := a.derived.close(); err != nil {
		a.log.Warn("what was worked out", "err", err) // it can be made again
	}
	if err := a.store.Close(); err != nil {
		return err
	}
	if a.suspect.Load() {
		return nil
	}
	if err := noteClosed(a.data); err != nil {
		a.log.Warn("the store will be checked at the next start", "err", err)
	}
	return nil
}

// source finds a followed source by id.
func (a *app) source(id string) (source, error) {
	i := slices.IndexFunc(a.sources, func(s source) bool { return s.ID == id })
	if i < 0 {
		return source{}, usagef("there is no followed source %q: 'ccgwatch sources' lists them", id)
	}
	return a.sources[i], nil
}

// An outcome is what a visit of a source came to.
type outcome struct {
	Source   string
	Requests int
	Items    int
	Added    int
	Amended  int
	Gone     int
	Silent   bool
	Problems []store.Problem
	Took     time.Duration
	Err      error
}

// visit crawls one source, and commits what it saw. The visit ends in the
// source's health, whatever comes of it.
func (a *app) visit(ctx context.Context, s source, v crawl.Visit, progress func(crawl.Progress)) outcome {
	defer a.visiting.lock(s.ID)()
	defer a.sites.lock(hostOf(s.Base))() // sources that share a site are visited one after the other
	out := outcome{Source: s.ID}
	start := time.Now()
	var keys []string // nil: all
	if !s.crawl.Whole {
		keys = []string{}
	}
	old, err := a.store.Snapshot(ctx, s.ID, keys)
	if err != nil {
		out.Err = err
		return out
	}
	before, err := a.health(ctx, s.ID)
	if err != nil {
		out.Err = err
		return out
	}
	if s.release = v.Release; v.Release { // what was usual is not any more
		before.Rhythm, before.Problems = store.Rhythm{}, nil
	}
	v.Old, v.Fresh = old, !before.FailingSince.IsZero() || old.Notes == sharedWaits
	if !s.crawl.Whole && !v.Backfill() {
		if v.Watch, err = a.watched.list(ctx, a.store, s.ID, v.Now); err != nil {
			out.Err = err
			return out
		}
	}
	c := &crawl.Crawler{Fetch: a.fetch, Archive: a.store, Read: a.readPaper, Progress: progress}
	counts, tally := map[store.Kind]int{}, store.Tally{Seen: map[string]int{}}
	report, err := c.Visit(ctx, s.crawl, v, func(seen store.Sighting) (err error) {
		defer func() { // one source's oddity must not end the daemon, and end it again at every start
			if x := recover(); x != nil {
				err = fmt.Errorf("comparing panicked: %v\n%s", x, debug.Stack())
			}
		}()
		seen.Silent = v.Backfill()
		return a.commit(ctx, s, seen, before, counts, &tally, &out)
	})
	out.Took, out.Requests, out.Items, out.Problems, out.Err = time.Since(start), report.Requests, report.Items, report.Problems, err
	if err != nil && (ctx.Err() != nil || crawl.DiskFault(err)) {
		return out // interrupted, or our disk: that is ours, not the source's, health
	}
	why := out.Err
	if inner := errors.Unwrap(why); inner != nil {
		why = inner // health is kept by source: no need to name it again
	}
	h := store.NextHealth(before, v.Now, append(out.Problems, known(old, out.Err)...), why, counts, out.Requests)
	h = h.Asked(v.Now.In(london()).Format("2006-01"), report.Sent)
	if out.Err == nil && !v.Backfill() {
		tally.At, tally.Day, tally.Whole = v.Now, v.Now.In(london()).Format(time.DateOnly), s.crawl.Whole
		h = h.Heard(before, tally)
	}
	h.Source, h.Took = s.ID, out.Took.Round(time.Millisecond).String()
	if err := a.store.Note(ctx, h); err != nil {
		out.Err = errors.Join(out.Err, err)
	}
	return out
}

// known are the papers that could not be read before, while a visit that
// failed did not get so far as to look at them again.
func known(old store.Snapshot, failed error) []store.Problem {
	if failed == nil {
		return nil
	}
	var out []store.Problem
	for _, it := range old.Items {
		for _, d := range it.Documents {
			if d.Failed != "" {
				out = append(out, store.Problem{Reason: store.Reason(d.FailedReason), What: store.PaperProblem + d.Title, URL: d.URL, Detail: d.Failed, Since: d.FailedAt})
			}
		}
	}
	slices.SortFunc(out, func(x, y store.Problem) int { return strings.Compare(x.URL, y.URL) })
	return out
}

func (a *app) health(ctx context.Context, id string) (store.Health, error) {
	return a.store.Health(ctx, id)
}

// commit guards, compares and stores one sighting: snapshot and changes in one
// transaction. A sighting that is held back leaves only its fingerprint, so
// that a second one that says the same can pass.
func (a *app) commit(ctx context.Context, s source, seen store.Sighting, h store.Health, counts map[store.Kind]int, tally *store.Tally, out *outcome) error {
	var keys []string
	if !seen.Whole {
		keys = make([]string, 0, len(seen.Items))
		for _, it := range seen.Items {
			keys = append(keys, it.Key)
		}
	}
	old, err := a.store.Snapshot(ctx, s.ID, keys)
	if err != nil {
		return err
	}
	var quiet map[string]bool
	if s.Platform == sharedPlatform {
		if seen, quiet, err = a.shared(ctx, old, seen); err != nil {
			return err
		}
	}
	if s.release {
		return a.take(ctx, s, old, seen, store.Release, h, counts, tally, out)
	}
	if err := store.Guard(old, seen); err != nil {
		var held *store.HeldError
		if errors.As(err, &held) {
			old.Held = held.Fingerprint
			old.Items = nil
			err = errors.Join(err, a.store.Commit(ctx, old, nil, h))
		}
		return err
	}
	tally.Replaced = store.Passed(old, seen)
	return a.take(ctx, s, old, seen, func(old store.Snapshot, seen store.Sighting) (store.Snapshot, []store.Change) {
		next, changes := store.Diff(old, seen)
		for i := range changes {
			changes[i].Silent = changes[i].Silent || quiet[changes[i].Key]
		}
		return next, changes
	}, h, counts, tally, out)
}

// take compares and stores a sighting that is believed.
func (a *app) take(ctx context.Context, s source, old store.Snapshot, seen store.Sighting, diff func(store.Snapshot, store.Sighting) (store.Snapshot, []store.Change), h store.Health, counts map[store.Kind]int, tally *store.Tally, out *outcome) error {
	next, changes := diff(old, seen)
	if s.Platform != sharedPlatform {
		if err := a.toldByOthers(ctx, h, changes, next); err != nil {
			return err
		}
	}
	if err := a.store.Commit(ctx, next, changes, h); err != nil {
		return err
	}
	for _, c := range changes {
		switch c.Op {
		case store.OpAdded:
			out.Added++
		case store.OpWithdrawn:
			out.Gone++
		default:
			out.Amended++
		}
		out.Silent = out.Silent || c.Silent
		if !c.Silent {
			tally.News++
		}
		if !seen.Whole {
			counts[c.Kind]++
		}
	}
	if seen.Whole {
		if p, some := store.Unsteady(next.Items); some {
			tally.Unsteady = &p
		}
		for _, it := range seen.Items {
			counts[it.Kind]++
			tally.Seen[string(it.Kind)]++
			if !it.Stub {
				tally.Seen[store.TallyFull]++
				tally.Seen[store.TallyDocuments] += len(it.Documents)
			}
		}
	}
	return nil
}

// follow judges and matches what the log holds, to its end.
func (a *app) follow(ctx context.Context, now time.Time) error {
	a.following.Lock()
	defer a.following.Unlock()
	for {
		more, err := a.matcher.Step(ctx, now)
		if err != nil {
			return err
		}
		if !more {
			if !a.daemon.Load() { // which does so beside everything else
				a.derive(ctx)
			}
			return a.mailCorrections(ctx, now)
		}
	}
}

// deliver queues the digests that are due and sends what is.
func (a *app) deliver(ctx context.Context, now time.Time) (sent, failed int, err error) {
	a.sending.Lock()
	defer a.sending.Unlock()
	if _, err := a.digests.DueDigests(ctx, now); err != nil {
		return 0, 0, err
	}
	for begun := time.Now(); ; {
		s, f, err := a.postman.Deliver(ctx, now.Add(time.Since(begun)))
		sent, failed = sent+s, failed+f
		if err := a.store.syncSent(); err != nil {
			a.log.Warn("what was mailed is not surely noted outside the store", "err", err)
		}
		if err != nil || s+f == 0 && !a.copyDigests(ctx, now.Add(time.Since(begun))) {
			return sent, failed, err
		}
	}
}
