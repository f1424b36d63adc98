package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// falls opens a data directory as the daemon does, and closes it again.
func (d *desk) falls(now time.Time) (log string, err error) {
	d.t.Helper()
	var out bytes.Buffer
	e := &env{
		ctx: d.t.Context(), stdin: strings.NewReader(""), stdout: io.Discard, stderr: &out, configPath: d.config, configGiven: true,
		data: filepath.Join(d.dir, "data"), asOf: now, log: slog.New(slog.NewTextHandler(&out, nil)), fallsBack: true,
	}
	err = e.query(func(*app) error { return nil })
	return out.String(), err
}

// ruin breaks a database so that it cannot be opened.
func ruin(t *testing.T, d *desk) {
	t.Helper()
	name := filepath.Join(d.dir, "data", bolt.File)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[2*os.Getpagesize():], bytes.Repeat([]byte{0xff}, 8*os.Getpagesize()))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A store that is lost after its copy was made, and mail with it: nobody is
// told twice at once of what the lost store told, nor misses what it had not
// told; what waited in the copy and was sent since is not sent again; one
// digest a week. Without papers by default, with all of the town's sources as a
// promise.
func TestPromiseAfterFallingBackNobodyIsToldTwiceOrNotAtAll(t *testing.T) {
	if underRace {
		t.Skip("other processes do the work here: the detector only slows them down")
	}
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sites)
	defer srv.Close()
	at := func(x time.Time) string { return "--as-of=" + x.Format(time.RFC3339) }
	follows := townConfig(srv.URL)
	if os.Getenv("CCGWATCH_PROMISES") == "" && os.Getenv("CCGWATCH_SOAK") == "" {
		follows, _, _ = strings.Cut(follows, "[[source]]\nid = \"mercia-vale\"\n") // papers take their time
	}
	var posts []*postOffice
	for _, name := range []string{"calm", "fallen"} {
		p, err := newPostOffice(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		posts = append(posts, p)
	}
	withRelay := func(p *postOffice) string {
		head, sources, _ := strings.Cut(follows, "[[source]]")
		return head + "[smtp]\nhost = \"127.0.0.1\"\nport = " + p.port() + "\ntls = \"none\"\nper_minute = 6000\n[[source]]" + sources
	}
	calm := newDesk(t, withRelay(posts[0]))
	calm.run(done, "crawl", at(townStart()))
	calm.run(done, "subscribers", "add", "now@example.org", "--consent", "a test", "--often", "both", "--query", "topic:outsourcing", at(townStart()))
	calm.run(done, "subscribers", "add", "all@example.org", "--consent", "a test", "--often", "both", at(townStart()))
	fallen := newDesk(t, withRelay(posts[1]))
	if err := os.CopyFS(filepath.Join(fallen.dir, "data"), os.DirFS(filepath.Join(calm.dir, "data"))); err != nil {
		t.Fatal(err)
	}
	step := func(when string, between ...func(time.Time)) time.Time {
		now := parse(t, when)
		sites.moveTo(now)
		for _, d := range []*desk{calm, fallen} {
			d.run(done, "crawl", at(now))
			if d == fallen && len(between) > 0 {
				between[0](now)
			}
			d.run(done, "send", at(now))
		}
		return now
	}
	step("2026-09-09T11:00")
	step("2026-09-10T18:00", func(now time.Time) { fallen.run(done, "backup", at(now)) }) // with alerts that wait
	step("2026-09-11T08:00")
	step("2026-09-15T16:00")
	if len(taken(t, posts[1])) < 4 {
		t.Fatal("hardly anything was mailed before the fall")
	}
	ruin(t, fallen)
	said, err := fallen.falls(parse(t, "2026-09-15T17:00"))
	if err != nil || !strings.Contains(said, "took its place") {
		t.Fatalf("%v\n%s", err, said)
	}
	if out := fallen.run(done, "status", at(parse(t, "2026-09-15T17:00"))); !strings.Contains(out, "the store was found damaged, and a copy of 10 September 18:00 took its place") {
		t.Errorf("the status does not say so:\n%s", out)
	}
	for _, when := range []string{"2026-09-15T17:01", "2026-09-16T18:00", "2026-09-18T17:00", "2026-09-25T08:00"} {
		step(when)
	}
	want, got := kindOf(t, posts[0], alerts.KindAlert), kindOf(t, posts[1], alerts.KindAlert)
	if len(want) < 5 {
		t.Errorf("only %d alerts in the calm run", len(want))
	}
	if w, g := strings.Join(want, "\n"), strings.Join(got, "\n"); w != g {
		t.Errorf("%d alerts in the calm run, %d in the other:\n%s", len(want), len(got), firstDifference(w, g))
		for _, m := range got {
			if !slices.Contains(want, m) {
				t.Errorf("only after the fall:\n%s", m)
			}
		}
	}
	weeks := map[string]int{}
	for _, m := range kindOf(t, posts[1], alerts.KindDigest) {
		to, date, _ := strings.Cut(m, "\n")
		weeks[to+date[:20]]++
	}
	if calmly := kindOf(t, posts[0], alerts.KindDigest); len(weeks) != len(calmly) || len(calmly) < 6 {
		t.Errorf("%d digests in the calm run, the other has %v", len(calmly), weeks)
	}
	for which, n := range weeks {
		if n != 1 {
			t.Errorf("%d digests: %s", n, which)
		}
	}
	// No number of a change or message that people have is given to another.
	ids := regexp.MustCompile(`(?m)^Message-ID: \S+`).FindAllString(strings.Join(taken(t, posts[1]), "\n"), -1)
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) || n == 0 {
		t.Errorf("%d messages with %d ids", len(ids), n)
	}
	fallen.run(done, "verify")
	if out := fallen.run(done, "status", "--json", at(parse(t, "2026-09-25T09:00"))); !strings.Contains(out, `"queued":0,"sent":`) {
		t.Errorf("the queue is not done: %s", out)
	}
}

// taken are the messages that a relay took, as they came.
func taken(t *testing.T, p *postOffice) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.ReplaceAll(string(raw), "\r\n", "\n"))
	}
	return out
}

// kindOf are the messages of a kind as their readers see them, in order.
func kindOf(t *testing.T, p *postOffice, kind string) (out []string) {
	t.Helper()
	for _, raw := range taken(t, p) {
		subject, text, err := readMail([]byte(raw[strings.Index(raw, "\n")+1:]))
		if err != nil {
			t.Fatal(err)
		}
		if digest := strings.Contains(text, "We looked at "); digest == (kind == alerts.KindDigest) {
			head := regexp.MustCompile(`(?m)^(To|Date): .*$`).FindAllString(raw, 2)
			out = append(out, head[len(head)-1-1]+"\n"+head[len(head)-1]+"\nSubject: "+subject+"\n"+text)
		}
	}
	slices.Sort(out)
	return out
}

// What the note outside the store says of a message decides what a copy does
// with it: at most two copies of anything, and nothing dropped that nobody has.
func TestWhatWasMailedOutlivesTheStore(t *testing.T) {
	now := townStart()
	for _, tt := range []struct {
		name  string
		mail  func(k *keeper, d store.Delivery) // what happens after the copy
		state store.DeliveryState
	}{
		{"nothing", func(*keeper, store.Delivery) {}, store.Queued},
		{"it was sent", func(k *keeper, d store.Delivery) { dot(t, k, &d); settle(t, k, d, store.Sent) }, store.Sent},
		{"the store was lost right before its end", func(k *keeper, d store.Delivery) { dot(t, k, &d) }, store.Queued},
		{"it was refused at its end", func(k *keeper, d store.Delivery) { dot(t, k, &d); settle(t, k, d, store.Queued) }, store.Queued},
		{"refused, then lost", func(k *keeper, d store.Delivery) {
			dot(t, k, &d)
			settle(t, k, d, store.Queued)
			dot(t, k, &d)
		}, store.Queued},
		{"in doubt, repeated, and lost over that", func(k *keeper, d store.Delivery) {
			dot(t, k, &d)
			d = d.Doubted()
			settle(t, k, d, d.State)
			dot(t, k, &d)
		}, store.Uncertain},
		{"in doubt, then sent", func(k *keeper, d store.Delivery) {
			dot(t, k, &d)
			d = d.Doubted()
			settle(t, k, d, d.State)
			dot(t, k, &d)
			settle(t, k, d, store.Sent)
		}, store.Sent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := demoApp(filepath.Join(t.TempDir(), "data"), "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			sub := demoSubscribers(now)[0]
			if err := a.store.Subscribe(t.Context(), sub); err != nil {
				t.Fatal(err)
			}
			d := store.Delivery{ID: strings.Repeat("0", 31) + "1", Subscription: sub.ID, Kind: alerts.KindAlert, Raw: []byte("x"), Created: now, Due: now}
			if err := a.store.Advance(t.Context(), "test", store.Position{}, store.Position{}, nil, []store.Delivery{d}); err != nil {
				t.Fatal(err)
			}
			made, err := a.makeCopy(t.Context(), filepath.Join(a.data, "backups"), now, 3, noLimit)
			if err != nil {
				t.Fatal(err)
			}
			tt.mail(a.store, d)
			closeApp(t, a)
			e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, data: a.data, asOf: now.Add(time.Hour), log: a.log}
			if _, err := e.restore(made.dir, damagedPrefix); err != nil {
				t.Fatal(err)
			}
			s, err := bolt.Open(a.data)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var got []store.DeliveryState
			if err := s.Deliveries(t.Context(), func(d store.Delivery) bool { got = append(got, d.State); return true }); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0] != tt.state {
				t.Errorf("in the copy it is %v, want %s", got, tt.state)
			}
			b, err := os.ReadFile(filepath.Join(a.data, sentFile))
			if err == nil && (bytes.Contains(b, []byte(sub.ID)) || bytes.Contains(b, []byte(d.ID)) || bytes.Contains(b, []byte("@"))) {
				t.Errorf("the note names somebody:\n%s", b)
			}
		})
	}
}

// A message was settled while a commit too large for memory was being matched, and
// the store was compacted: all three waited for each other. Whoever holds the lock
// of the notes asks the store for nothing.
func TestSettlingWaitsForNothingThatWaitsForIt(t *testing.T) {
	a := dueApp(t)
	appear(t, a, at("2026-09-02T07:00"), dueNotice("ocds-h6vhtk-00000a", "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	var found []string
	must(t, a.store.Findings(t.Context(), 0, func(f store.Finding) bool { found = append(found, f.ID); return true }))
	sub := demoSubscribers(townStart())[0]
	must(t, a.store.Subscribe(t.Context(), sub))
	d := store.Delivery{ID: strings.Repeat("0", 31) + "1", Subscription: sub.ID, Kind: alerts.KindAlert, Findings: found, Raw: []byte("x"), Created: townStart(), Due: townStart()}
	must(t, a.store.Advance(t.Context(), "test", store.Position{}, store.Position{}, nil, []store.Delivery{d}))
	asked := 0
	ctx := asking{t.Context(), func() {
		if asked++; !a.store.mail.mu.TryLock() {
			t.Error("the store is asked under the lock of the notes")
			return
		}
		a.store.mail.mu.Unlock()
	}}
	leased, err := a.store.Lease(t.Context(), townStart(), time.Hour, 100)
	must(t, err)
	i := slices.IndexFunc(leased, func(x store.Delivery) bool { return x.ID == d.ID })
	if i < 0 {
		t.Fatal("it is not due")
	}
	d = leased[i]
	must(t, a.store.Dot(ctx, d))
	d.State, d.SentAt = store.Sent, townStart()
	must(t, a.store.Settle(ctx, d))
	if len(found) == 0 || asked < 2 {
		t.Errorf("%d findings, the store was asked %d times: the test looks at nothing", len(found), asked)
	}
	must(t, a.store.syncSent())
	b, err := os.ReadFile(filepath.Join(a.data, sentFile))
	must(t, err)
	if n := bytes.Count(b, []byte(" "+lineTold+" ")); n != len(found) {
		t.Errorf("%d tellings are noted of %d\n%s", n, len(found), b)
	}
}

// An asking context says when it is looked at: the store does so in every operation.
type asking struct {
	context.Context
	looked func()
}

func (a asking) Err() error {
	a.looked()
	return a.Context.Err()
}

// Each telling makes up for one finding found again, and for the same one when
// a commit is taken up again after a crash; then it is news.
func TestATellingMakesUpForOneFinding(t *testing.T) {
	a, err := demoApp(filepath.Join(t.TempDir(), "data"), "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closeApp(t, a)
	secret, err := readSecret(filepath.Join(a.data, secretFile))
	if err != nil {
		t.Fatal(err)
	}
	f := store.Finding{Source: "s", Key: "k", Quote: "The meeting is cancelled."}
	key := sentKey(secret, "telling", "sub", alerts.Telling(f))
	now := townStart()
	line := key + " told " + now.UTC().Format(time.RFC3339) + "\n"
	if err := os.WriteFile(filepath.Join(a.data, toldFile), []byte(line+key[:20]), 0o600); err != nil {
		t.Fatal(err)
	}
	k := a.store
	again := func() {
		t.Helper()
		k = &keeper{Store: a.store.Store, data: a.data}
		if err := k.loadTold(now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(sub string, batch uint64, want bool) {
		t.Helper()
		if got := k.told(sub, batch, f); got != want {
			t.Errorf("%s, batch %d: told %v", sub, batch, got)
		}
	}
	again()
	ask("another", 7, false)
	ask("sub", 7, true)
	ask("sub", 7, true)  // the same commit, a sentence of two topics
	ask("sub", 8, false) // cancelled a second time
	again()              // after a crash
	ask("sub", 7, true)
	ask("sub", 8, false)
	if err := k.loadTold(now.Add(foundAgainFor)); err != nil {
		t.Fatal(err)
	}
	ask("sub", 7, true) // as it was decided
	ask("sub", 9, false)
}

// dot claims a message and takes it to right before its end.
func dot(t *testing.T, k *keeper, d *store.Delivery) {
	t.Helper()
	ds, err := k.Lease(t.Context(), d.Due.Add(time.Minute), time.Hour, 1)
	if err != nil || len(ds) != 1 {
		t.Fatalf("%d claimed, %v", len(ds), err)
	}
	*d = ds[0]
	d.Due = d.Due.Add(15 * time.Minute)
	if err := k.Dot(t.Context(), *d); err != nil {
		t.Fatal(err)
	}
}

func settle(t *testing.T, k *keeper, d store.Delivery, state store.DeliveryState) {
	t.Helper()
	if d.State = state; state == store.Sent {
		d.SentAt = d.Due
	}
	if err := k.Settle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// The daemon itself, over stores broken in every way: it goes on from the copy
// or ends, soon, and never by a panic. 20 of the 200 ways; 200 with
// CCGWATCH_PROMISES; 1,000 files with CCGWATCH_SOAK.
func TestPromiseDamagedStore(t *testing.T) {
	if underRace {
		t.Skip("another process does the work here: the detector only slows it down")
	}
	count := storetest.Promised(20, 20, 200, 1000)
	a := filled(t)
	if _, err := a.makeCopy(t.Context(), filepath.Join(a.data, "backups"), townStart(), 3, noLimit); err != nil {
		t.Fatal(err)
	}
	closeApp(t, a)
	path := filepath.Join(a.data, bolt.File)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]damage{{"a newer format", func(p string) error { return newerFormat(p) }, true}}, damages(int64(len(whole)))...)
	broke := regexp.MustCompile(`(?m)^(panic:|goroutine \d|fatal error:|unexpected fault|\[signal|SIG)`) // and not the child, whose last words are told
	recovered, ended, harmless := 0, 0, 0
	for i := range count {
		d := all[i*len(all)/min(count, len(all))%len(all)]
		for _, l := range leftOvers(a.data, damagedPrefix) {
			_ = os.Chmod(l, 0o700)
			if err := os.RemoveAll(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, whole, 0o600), d.do(path)); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Join(a.data, closedFile))
		out, answered := daemonOver(t, a.data)
		switch {
		case broke.MatchString(out):
			t.Errorf("%s: the daemon broke:\n%s", d.name, out)
		case answered && strings.Contains(out, "took its place"):
			recovered++
			if _, err := bolt.Check(t.Context(), a.data); err != nil {
				t.Errorf("%s: what it went on from: %v", d.name, err)
			}
		case answered:
			if harmless++; d.sure {
				t.Errorf("%s: not noticed:\n%s", d.name, out)
			}
		default:
			if ended++; !strings.Contains(out, "ccgwatch: ") {
				t.Errorf("%s: it ended without a word:\n%s", d.name, out)
			}
		}
	}
	t.Logf("%d files: %d times it went on from the copy, %d times it ended with a word, %d did no harm", count, recovered, ended, harmless)
	if recovered < count/2 {
		t.Errorf("it went on from the copy %d times of %d", recovered, count)
	}
}

// Damage that shows only in the copy of the night, because the store was closed
// in order before: the daemon lets go of the store, which is checked before it
// is opened again, and falls back.
func TestDamageFoundAtNightIsFallenBackFrom(t *testing.T) {
	if underRace {
		t.Skip("another process does the work here: the detector only slows it down")
	}
	a := filled(t)
	e := &env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, data: a.data, log: a.log, fallsBack: true}
	if _, err := a.makeCopy(t.Context(), e.copiesDir(), townStart(), 3, noLimit); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(a.data, bolt.File)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range bytes.SplitAfter(b, []byte("icb\x00k7"))[1:] { // the value stands behind its key
		copy(part, bytes.Repeat([]byte{0xff}, 20))
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancelCause(t.Context())
	d := &daemon{app: a, giveUp: stop}
	d.copyTonight(running, townStart().Add(24*time.Hour))
	if !errors.Is(context.Cause(running), errDamagedOpen) {
		t.Fatalf("the daemon goes on: %v", context.Cause(running))
	}
	a.suspect.Store(true)
	closeApp(t, a)
	if closedCleanly(a.data) {
		t.Error("it would be opened unchecked")
	}
	err = e.beforeOpening()
	var damaged *damagedError
	if !errors.As(err, &damaged) {
		t.Fatalf("found to be: %v", err)
	}
	if err := e.fallBack(err); err != nil {
		t.Fatal(err)
	}
	if err := e.beforeOpening(); err != nil {
		t.Errorf("what it went on from: %v", err)
	}
	// A disk that damages everything is not filled with damaged stores.
	for i := range 4 {
		if err := os.WriteFile(name, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := e.fallBack(e.beforeOpening())
		if falls := i + 2; (err == nil) != (falls <= mostFalls) || err != nil && !strings.Contains(err.Error(), "disk itself") {
			t.Errorf("fall %d: %v", falls, err)
		}
	}
}

// newerFormat writes a later release's format into a whole database.
func newerFormat(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parts := bytes.Split(b, []byte("format")) // the key; its value, one byte, stands behind it
	if len(parts) < 2 {
		return errors.New("no format")
	}
	for _, p := range parts[1:] {
		p[0] = 99
	}
	return os.WriteFile(path, bytes.Join(parts, []byte("format")), 0o600)
}

// daemonOver starts the daemon on a data directory and stops it as soon as it
// answers on its pages.
func daemonOver(t *testing.T, data string) (out string, answered bool) {
	t.Helper()
	pages := fmt.Sprint("127.0.0.1:", freePort(t))
	config := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(config, []byte("[group]\nbuiltin_sources = false\n[web]\nlisten = \""+pages+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*checkPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "--config="+config, "--data="+data, "run")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			if ctx.Err() != nil {
				t.Errorf("the daemon did not come to an end")
			}
			return said.String(), answered
		default:
		}
		if !answered {
			if resp, err := http.Get(fmt.Sprintf("http://%s/healthz", pages)); err == nil {
				_ = resp.Body.Close()
				answered = true
				_ = cmd.Process.Signal(os.Interrupt)
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}
