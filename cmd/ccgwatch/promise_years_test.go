package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"
	"go.etcd.io/bbolt"

	"ccgwatch/alerts"
	"ccgwatch/config"
	"ccgwatch/scrapers"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/index"
)

// A yearRelay takes mail on loopback and remembers how many came for whom, and the
// links of the last one.
type yearRelay struct {
	srv *smtp.Server
	l   net.Listener

	mu    sync.Mutex
	n     map[string]int
	last  map[string]string // the links for confirming and unsubscribing, in words
	twice int
	ids   map[string]bool
}

type yearSession struct {
	relay *yearRelay
	to    string
}

func newYearRelay(t *testing.T) *yearRelay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &yearRelay{l: l, n: map[string]int{}, last: map[string]string{}, ids: map[string]bool{}}
	r.srv = smtp.NewServer(r)
	r.srv.Domain, r.srv.ErrorLog = "relay.test", log.New(io.Discard, "", 0)
	go func() { _ = r.srv.Serve(l) }()
	return r
}

func (r *yearRelay) NewSession(*smtp.Conn) (smtp.Session, error) { return &yearSession{relay: r}, nil }

func (*yearSession) Reset()                               {}
func (*yearSession) Logout() error                        { return nil }
func (*yearSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *yearSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *yearSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, text, err := readMail(raw)
	if err != nil {
		return err
	}
	id := regexp.MustCompile(`(?mi)^Message-ID: *(\S+)`).FindSubmatch(raw)
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	if id == nil || s.relay.ids[string(id[1])] {
		s.relay.twice++
	} else {
		s.relay.ids[string(id[1])] = true
	}
	s.relay.n[s.to]++
	s.relay.last[s.to] = text
	return nil
}

// link is the path of a kind of link (c, m, u) in the last mail to somebody, and
// nothing of it is remembered further.
func (r *yearRelay) link(to, kind string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return regexp.MustCompile(`/` + kind + `/[A-Za-z0-9_.-]+`).FindString(r.last[to])
}

// yearLog keeps how often each warning and error was logged.
type yearLog struct {
	slog.Handler
	mu   sync.Mutex
	said map[string]int
}

func (l *yearLog) Handle(_ context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelWarn {
		what := rec.Level.String() + " " + rec.Message
		rec.Attrs(func(a slog.Attr) bool {
			if a.Key == "err" || a.Key == "source" {
				what += " " + a.String()
			}
			return true
		})
		l.mu.Lock()
		l.said[what]++
		l.mu.Unlock()
	}
	return nil
}
func (l *yearLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *yearLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *yearLog) WithGroup(string) slog.Handler            { return l }

// A lifetime is a daemon that lives for years over a steady town.
type lifetime struct {
	dir   string
	start time.Time
	town  steadyTown
	sites *loopbackNation
	relay *yearRelay
	log   *yearLog
	pages http.Handler
}

func newLifetime(t *testing.T, start time.Time) *lifetime {
	t.Helper()
	base, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	y := &lifetime{dir: t.TempDir(), start: start, sites: newLoopbackNation(0, 1, start), relay: newYearRelay(t), log: &yearLog{said: map[string]int{}}, town: steadyTown{base, start}}
	y.sites.server.Config.Handler = y.town
	return y
}

// live lets the daemon run until stop, and serves its pages.
func (y *lifetime) live(t *testing.T, a *app, every time.Duration) (stop func()) {
	t.Helper()
	y.serve(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { (&daemon{app: a, every: every}).run(ctx); close(ended) }()
	return func() { cancel(); <-ended }
}

func (y *lifetime) close(t *testing.T, a *app) {
	t.Helper()
	y.pages = nil
	a.fetch.Close()
	closeApp(t, a)
}

// day waits for noon and has people do what they do.
func (y *lifetime) day(t *testing.T, a *app, d int) {
	t.Helper()
	time.Sleep(time.Until(y.town.when(d, 12, 10)))
	synctest.Wait()
	y.noon(t, a, d)
}

// open is the daemon's app over the town.
func (y *lifetime) open(t *testing.T) *app {
	t.Helper()
	a, err := demoApp(y.dir, "http://town.example", slog.New(y.log))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []scrapers.Row{
		{ID: "consultations", Name: "Consultations", Body: "mercia-vale-council", Platform: "feed", Base: "http://town.example/feed", Page: "/feed/all.atom"},
		{ID: "notices", Name: "Notices", Body: "mercia-vale-council", Platform: "page", Base: "http://town.example/page", Page: "/page/notices"},
	} {
		c, err := scrapers.Build(row)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSource(c, config.UsualSchedule(row.Platform))
		if err != nil {
			t.Fatal(err)
		}
		a.sources = append(a.sources, s)
	}
	a.cfg.SMTP = config.SMTP{Host: "127.0.0.1", Port: y.relay.l.Addr().(*net.TCPAddr).Port, TLS: "none", Connections: 2, PerMinute: 600}
	if err := a.joinAlerts(); err != nil {
		t.Fatal(err)
	}
	a.fetch.Transport = y.sites
	a.watchClock(func() (reading, bool) {
		now := time.Now().Round(0).UTC()
		return reading{Wall: now, Since: now.Sub(y.start), Boot: "the only one"}, true
	})
	a.daemon.Store(true)
	return a
}

// serve is the server of the pages, with the record read.
func (y *lifetime) serve(t *testing.T, a *app) {
	t.Helper()
	srv, ahead := a.webServerAhead(func() time.Time { return time.Now().In(london()) })
	if err := ahead(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.pages = srv.Handler
}

func (y *lifetime) ask(t *testing.T, a *app, client, method, path string, form url.Values) string {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		if form == nil {
			form = url.Values{}
		}
		form.Set("t", a.links.Stamp(time.Now().Add(-time.Minute)))
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "http://localhost"+path, body)
	r.RemoteAddr = client + ":4000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	y.pages.ServeHTTP(w, r)
	if w.Code >= 400 {
		t.Errorf("day %d: %s %s: %d %.300s", y.town.day(time.Now()), method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

// noon is what people do on a day: they read, they search, and each week one
// signs up and confirms, one signs up and does not, and one leaves.
func (y *lifetime) noon(t *testing.T, a *app, d int) {
	t.Helper()
	client := fmt.Sprintf("198.51.%d.%d", d/200%200, d%200)
	home := y.ask(t, a, client, http.MethodGet, "/", nil)
	for _, path := range []string{"/findings", "/meetings", "/search?q=" + url.QueryEscape(fmt.Sprintf("transport OR lot %d", d)), "/sources", "/feed.atom", "/calendar.ics", "/threads", "/numbers", "/deadlines", "/body/mercia-vale-icb"} {
		y.ask(t, a, client, http.MethodGet, path, nil)
	}
	for i, m := range regexp.MustCompile(`href="(/(?:item|finding|thread)[^"#]*)"`).FindAllStringSubmatch(home, -1) {
		if i < 5 {
			y.ask(t, a, client, http.MethodGet, strings.ReplaceAll(m[1], "&amp;", "&"), nil)
		}
	}
	week := d / 7
	form := func(who string) url.Values {
		return url.Values{"do": {"signup"}, "address": {who}, "q": {"area:mercia-vale"}, "often": {store.Weekly}, "agree": {"1"}}
	}
	switch d % 7 {
	case 1:
		y.ask(t, a, client, http.MethodPost, "/subscribe", form(person("stays", week)))
		y.ask(t, a, client, http.MethodPost, "/subscribe", form(person("never", week)))
	case 2:
		link := y.relay.link(person("stays", week), "c")
		if link == "" {
			t.Errorf("day %d: no link for confirming was mailed to %s", d, person("stays", week))
			break
		}
		y.ask(t, a, client, http.MethodPost, link, nil)
	case 6: // after the digest of Friday, who came two weeks before leaves
		if link := y.relay.link(person("stays", week-2), "u"); link != "" {
			y.ask(t, a, client, http.MethodPost, link, nil)
		} else if week >= 2 {
			t.Errorf("day %d: no digest with a link for leaving came to %s", d, person("stays", week-2))
		}
		y.relay.mu.Lock()
		clear(y.relay.last)
		y.relay.mu.Unlock()
	}
	y.sites.mu.Lock() // what the harness notes is not the daemon's
	clear(y.sites.asked)
	y.sites.mu.Unlock()
}

// person is the address of somebody who comes in a week.
func person(what string, week int) string { return fmt.Sprintf("%s%d@example.net", what, week) }

// A state is what a daemon and its directory hold at a time.
type state struct {
	heap, resident  uint64
	fds, goroutines int
	rows, bytes     map[string]int   // of the store, by bucket
	texts           int              // messages whose bytes are kept
	files           map[string]int   // by directory of the data directory
	sizes           map[string]int64 // likewise, bytes
	copies          int
}

func (y *lifetime) look(t *testing.T, a *app) (s state) {
	t.Helper()
	if err := a.store.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s = state{heap: m.HeapAlloc, resident: uint64(residentKB()) << 10, fds: openFiles(t), goroutines: runtime.NumGoroutine(), rows: map[string]int{}, bytes: map[string]int{}, files: map[string]int{}, sizes: map[string]int64{}}
	file := filepath.Join(t.TempDir(), "look.db")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.store.Backup(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				s.rows[string(name)]++
				s.bytes[string(name)] += len(k) + len(v)
				if string(name) == "raw" && len(v) > 64 {
					s.texts++
				}
				return nil
			})
		})
	}); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(y.dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		rel, _ := filepath.Rel(y.dir, p)
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		s.files[top]++
		if err == nil {
			s.sizes[top] += info.Size()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.copies = len(copiesIn(filepath.Join(y.dir, "backups")))
	return s
}

func (s state) log(t *testing.T, when string) {
	t.Helper()
	var b bytes.Buffer
	for _, k := range sortedKeys(s.rows) {
		fmt.Fprintf(&b, " %s %d/%dK", k, s.rows[k], s.bytes[k]>>10)
	}
	b.WriteString(" |")
	for _, k := range sortedKeys(s.files) {
		fmt.Fprintf(&b, " %s %d/%dK", k, s.files[k], s.sizes[k]>>10)
	}
	t.Logf("%s: heap %d KiB, resident %d KiB, %d files open, %d goroutines, %d copies, %d texts of mails;%s", when, s.heap>>10, s.resident>>10, s.fds, s.goroutines, s.copies, s.texts, b.String())
}

// A daemon lives for years over sites that publish at a steady pace, while people
// read, sign up and leave: the crawls of every day, the digests of every week, the
// copy of every night, the compaction of every month, in virtual time. Compared are
// the ends of its years. What is the record grows by as much each year; whatever is
// not, is as it was after the first: mails' texts, people's traces, raw answers,
// copies, open files. The daemon of the last year holds no more in memory than one
// that is started over the same record.
func TestPromiseYears(t *testing.T) {
	if underRace || testing.Short() {
		t.Skip("a matter of time and not of threads: TestWeek runs under the detector")
	}
	days := promiseCount(3, 3, 3*365)
	every := 10 * time.Minute                   // a tick each half minute costs four times as much, and finds the same
	y := newLifetime(t, at("2026-10-12T07:00")) // two weeks later the clocks change
	defer y.sites.stop()
	defer y.relay.srv.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began, cpu := time.Now(), cpuTime()
	var years []state
	var fresh state
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(y.start))
		a := y.open(t)
		for _, s := range yearSubscribers(time.Now()) {
			if err := a.store.Subscribe(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		stop := y.live(t, a, every)
		used := cpuTime()
		for d := range days {
			y.day(t, a, d)
			if (d+1)%max(2, days/3) == 0 {
				time.Sleep(time.Until(y.town.when(d+1, 4, 45))) // the night's work is done
				s := y.look(t, a)
				s.log(t, fmt.Sprintf("day %d, %.2f s of CPU a day", d+1, (cpuTime()-used).Seconds()/float64(max(2, days/3))))
				years, used = append(years, s), cpuTime()
			}
		}
		stop()
		y.digests(t, a, days)
		y.close(t, a)
		a = y.open(t)
		stop = y.live(t, a, every)
		y.day(t, a, days)
		time.Sleep(time.Until(y.town.when(days+1, 4, 45)))
		fresh = y.look(t, a)
		fresh.log(t, "a day after a new start")
		stop()
		y.close(t, a)
	})
	last := years[len(years)-1]
	last.asFresh(t, fresh, days)
	if len(years) == 3 && days >= 3*365 {
		flat(t, years)
		steady(t, years)
	}
	for _, k := range sortedKeys(y.log.said) {
		t.Logf("%d times: %s", y.log.said[k], k)
		if strings.HasPrefix(k, "ERROR") {
			t.Errorf("logged: %s", k)
		}
	}
	t.Logf("%d days in %s, %s of CPU; %d requests", days, time.Since(began).Round(time.Second), (cpuTime() - cpu).Round(time.Second), y.sites.requests)
}

// yearSubscribers are one who wants alerts, one who wants each Friday's digest, and
// one who wants each day's.
func yearSubscribers(now time.Time) []store.Subscription {
	out := demoSubscribers(now)
	daily := out[1]
	daily.ID, daily.Address, daily.Often = strings.Repeat("3", 32), "cyd@example.org", store.Daily
	return append(out, daily)
}

// digests looks at what was mailed: each Friday's digest and each day's once, at
// its time, also where the clocks change; and to whoever came and left, what they
// were owed meanwhile.
func (y *lifetime) digests(t *testing.T, a *app, days int) {
	t.Helper()
	times := map[string]map[time.Time]int{}
	total := map[string]int{}
	for _, s := range yearSubscribers(y.start) {
		times[s.ID] = map[time.Time]int{}
	}
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		total[d.Kind+" "+string(d.State)]++
		if at := times[d.Subscription]; at != nil && d.Kind == "digest" {
			if d.State != store.Sent {
				t.Errorf("the digest of %s is %s", d.Created, d.State)
			}
			at[d.Created]++
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	// On the first day nothing is news yet, or all of it.
	begin, end := y.town.when(1, 0, 0), y.town.when(days, 4, 0)
	for _, s := range yearSubscribers(y.start)[1:] {
		by, years := alerts.Fridays(london()).For(s.Often), map[int]int{}
		for slot := by.Next(begin); slot.Before(end); slot = by.Next(slot) {
			n := 0
			for at, k := range times[s.ID] {
				if !at.Before(slot) && at.Before(slot.Add(time.Hour)) {
					n += k
					delete(times[s.ID], at)
				}
			}
			if n != 1 {
				t.Errorf("%s, %s: %d digests", s.Often, slot, n)
			}
			years[y.town.day(slot)/365+1]++
		}
		for at, n := range times[s.ID] {
			if at.Before(begin) {
				continue
			}
			t.Errorf("%s: %d digests out of turn on %s", s.Often, n, at)
		}
		t.Logf("%s digests by year: %v", s.Often, years)
	}
	y.relay.mu.Lock()
	defer y.relay.mu.Unlock()
	for week := 0; 7*week+20 < days; week++ {
		for who, want := range map[string]int{person("stays", week): 4, person("never", week): 1} { // to confirm, and three Fridays
			if n := y.relay.n[who]; n != want {
				t.Errorf("%s was mailed %d times, want %d", who, n, want)
			}
		}
	}
	if y.relay.twice > 0 {
		t.Errorf("%d messages came twice", y.relay.twice)
	}
	t.Log("mailed:", total)
}

// filledUp is what may fill up in a daemon that runs for long beside the record, in
// bytes: the procurements that were folded, the calendars that were shown. It is
// some 2 MiB after half a year, and no more after three.
const filledUp = 5 << 20

// asFresh: a daemon of years holds what one does that was started over the same record.
func (s state) asFresh(t *testing.T, fresh state, days int) {
	t.Helper()
	t.Logf("%d KiB in memory after %d days, and %d KiB after a new start", s.heap>>10, days, fresh.heap>>10)
	if days > 100 && s.heap > fresh.heap+filledUp {
		t.Errorf("%d KiB in memory after %d days, and %d KiB after a new start: what grows is not the record", s.heap>>10, days, fresh.heap>>10)
	}
	if s.heap > fresh.heap+fresh.heap/5+4<<20 {
		t.Errorf("%d KiB in memory, and %d KiB after a new start", s.heap>>10, fresh.heap>>10)
	}
	if s.fds > fresh.fds+4 || s.goroutines > fresh.goroutines+8 {
		t.Errorf("%d files open and %d goroutines; %d and %d after a new start", s.fds, s.goroutines, fresh.fds, fresh.goroutines)
	}
}

// flat: what is not the record is after the third year as it was after the first.
func flat(t *testing.T, years []state) {
	t.Helper()
	first := years[0]
	same := func(what string, was, is int, slack int) {
		t.Helper()
		if is > was+was/10+slack {
			t.Errorf("%s: %d after the first year, %d now", what, was, is)
		}
	}
	for i, s := range years[1:] {
		for _, bucket := range []string{"addresses", "diary", "due", "followers", "handled", "health", "holds", "mailmarks", "meta", "scores", "sources", "subscriptions", "tokens", "tokens_of"} {
			same("rows of "+bucket, first.rows[bucket], s.rows[bucket], 5)
			same("bytes of "+bucket, first.bytes[bucket], s.bytes[bucket], 2000)
		}
		same("texts of mails", first.texts, s.texts, 10)
		same("open files", first.fds, s.fds, 2)
		same("goroutines", first.goroutines, s.goroutines, 4)
		for _, name := range []string{"raw", "cache", "sent.log", "clock.json", "reserve", "index.db-journal", "outbox"} {
			same("files of "+name, first.files[name], s.files[name], 20)
			same("bytes of "+name, int(first.sizes[name]), int(s.sizes[name]), 4000)
		}
		for name := range s.files {
			if _, there := first.files[name]; !there {
				t.Errorf("after year %d there is %s, and was not after the first", i+2, name)
			}
		}
		if s.copies != copiesKept {
			t.Errorf("%d copies after year %d", s.copies, i+2)
		}
	}
}

// steady: the record grows by as much each year, and what is made of it with it.
func steady(t *testing.T, years []state) {
	t.Helper()
	grew := func(what string, of func(state) int, slack int) {
		t.Helper()
		second, third := of(years[1])-of(years[0]), of(years[2])-of(years[1])
		t.Logf("%s grew by %d in the second year and by %d in the third", what, second, third)
		if second <= 0 || third > second+second/8+slack {
			t.Errorf("%s: %d, %d, %d", what, of(years[0]), of(years[1]), of(years[2]))
		}
	}
	// A keyed hash of each address that never confirmed stays: no more than five
	// mails ever go there (P7).
	for _, bucket := range []string{"counts", "items", "changes", "findings", "finding_ids", "marks", "ticked", "deliveries", "delivery_ids", "of", "raw"} {
		grew("rows of "+bucket, func(s state) int { return s.rows[bucket] }, 20)
	}
	for _, bucket := range []string{"items", "changes", "findings", "deliveries"} {
		grew("KiB of "+bucket, func(s state) int { return s.bytes[bucket] >> 10 }, 50)
	}
	grew("files of the archive", func(s state) int { return s.files[archiveName] }, 20)
	for _, name := range []string{bolt.File, index.File, bolt.DerivedFile, "backups"} { // files grow in steps
		was, is := years[0].sizes[name]/int64(years[0].rows["changes"]), years[2].sizes[name]/int64(years[2].rows["changes"])
		t.Logf("%s: %d bytes an entry of the log after the first year, %d after the third", name, was, is)
		step := int64(16<<20) / int64(years[2].rows["changes"]) // by which a large database grows
		if is > was+was/3+step {
			t.Errorf("%s: %d bytes an entry of the log after the first year, %d after the third", name, was, is)
		}
	}
	was, is := years[0].heap/uint64(years[0].rows["changes"]), years[2].heap/uint64(years[2].rows["changes"])
	t.Logf("memory: %d bytes an entry of the log after the first year, %d after the third", was, is)
	if is > was+was/10 {
		t.Errorf("memory: %d bytes an entry of the log after the first year, %d after the third", was, is)
	}
}
