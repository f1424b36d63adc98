package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/config"
)

// A desk with the sample town behind it, and a process (this one) that has the
// store open and answers the others until stop.
func hostedDesk(t *testing.T, handler func(http.Handler) http.Handler) (d *desk, a *app, stop func()) {
	t.Helper()
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler(sites))
	t.Cleanup(srv.Close)
	d = newDesk(t, townConfig(srv.URL))
	sites.moveTo(townStart())
	d.run(done, "crawl", "tenders", "--as-of="+townStart().Format(time.RFC3339))
	a, stop = hostDesk(t, d)
	return d, a, stop
}

func hostDesk(t *testing.T, d *desk) (*app, func()) {
	t.Helper()
	cfg, err := loadConfig(d.config, true)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(cfg, filepath.Join(d.dir, "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a.settings = settingsOf(d.config)
	stop, err := serveCommands(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	var ended bool
	end := func() {
		if !ended {
			ended = true
			stop()
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return a, end
}

// A crawl that was handed to another command's process was cut off ("context
// canceled") when that command was done.
func TestHandedOverCrawlOutlivesTheCommandThatTookIt(t *testing.T) {
	asked := make(chan struct{}, 100)
	d, _, stop := hostedDesk(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/council") {
				asked <- struct{}{}
				select { // a slow site
				case <-time.After(20 * time.Millisecond):
				case <-r.Context().Done():
				}
			}
			next.ServeHTTP(w, r)
		})
	})
	ended := make(chan string, 1)
	go func() {
		ended <- d.run([]int{0, 1, 2, 3}, "crawl", "mercia-vale", "--as-of="+townStart().Format(time.RFC3339))
	}()
	<-asked
	stop()
	if out := <-ended; !strings.Contains(out, "mercia-vale: ") || strings.Contains(out, "FAILED") {
		t.Errorf("the crawl said %q", out)
	}
	if out := d.run(done, "items", "--source", "mercia-vale"); out == "" {
		t.Error("nothing was kept of the crawl")
	}
}

// A caller who is turned away before the command has begun does it himself.
func TestTurnedAwayCallerRunsTheCommandHimself(t *testing.T) {
	d := newDesk(t, replayConfig)
	d.run(done, "subscribers", "add", "ann@example.net", "--consent", "asked for it") // makes a store
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(d.dir, "data", socketName))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	if out := d.run(done, "status"); !strings.Contains(out, "0 waiting") {
		t.Errorf("status said %q", out)
	}
}

// In "while read id; do ccgwatch status; done < ids" the first command that the
// daemon ran swallowed the rest of the list.
func TestHandedOverCommandLeavesStandardInputAlone(t *testing.T) {
	d, _, _ := hostedDesk(t, func(h http.Handler) http.Handler { return h })
	in := strings.NewReader("llr-icb\nuhl\nrutland\n")
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data"), "status"}, in, &out, &errs)
	if code == exitFailed || !strings.Contains(out.String(), "tenders") {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	if in.Len() != int(in.Size()) {
		t.Errorf("%d of %d bytes of the standard input are left", in.Len(), in.Size())
	}
}

// "ccgwatch items | less" kept a transaction open for as long as the reader
// read, and a database that had to grow waited for it: with it the daemon.
func TestSlowReaderOfAListKeepsNobodyWaiting(t *testing.T) {
	_, a, _ := hostedDesk(t, func(h http.Handler) http.Handler { return h })
	pr, pw := io.Pipe() // a pager that shows nothing yet
	ended := make(chan int, 1)
	go func() {
		e := &env{ctx: t.Context(), args: []string{"items", "--all"}, stdout: pw, stderr: io.Discard, shared: a}
		ended <- e.main()
		_ = pw.Close()
	}()
	if _, err := io.ReadFull(pr, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Close(); err != nil { // waits for transactions: hangs if the pager holds one
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, pr); err != nil {
		t.Error(err)
	}
	if code := <-ended; code != exitDone {
		t.Errorf("exit %d", code)
	}
}

// A data directory too deep for the name of a socket is reached all the same,
// and whatever the caller's directory for temporary files is: the daemon's
// service may have one of its own.
func TestDeepDataDirectoryIsReachedWhateverTMPDIR(t *testing.T) {
	d := newDesk(t, replayConfig)
	deep := filepath.Join(d.dir, strings.Repeat("d", 70), strings.Repeat("e", 70), "data")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := openApp(mustConfig(t, d), deep, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	stop, err := serveCommands(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	t.Setenv("TMPDIR", t.TempDir())
	e := &env{ctx: t.Context(), args: []string{"status"}, data: deep, configPath: d.config, stdout: io.Discard, stderr: io.Discard}
	if code, err := callRemote(e); err != nil || code != exitDone {
		t.Errorf("exit %d, %v", code, err)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func mustConfig(t *testing.T, d *desk) config.Config {
	t.Helper()
	cfg, err := loadConfig(d.config, true)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Whoever edits the settings while the daemon runs is told that they wait.
func TestCallerWithOtherSettingsThanTheDaemonIsTold(t *testing.T) {
	d, _, _ := hostedDesk(t, func(h http.Handler) http.Handler { return h })
	status := func() string {
		var errs bytes.Buffer
		Main(t.Context(), []string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data"), "status"}, nil, io.Discard, &errs)
		return errs.String()
	}
	if s := status(); s != "" {
		t.Errorf("the same settings: %q", s)
	}
	if err := os.WriteFile(d.config, fmt.Append(nil, replayConfig, "# more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := status(); !strings.Contains(s, "other settings") {
		t.Errorf("other settings: %q", s)
	}
}

// A caller who connects and says nothing does not keep the daemon from ending.
func TestSilentCallerDoesNotKeepTheDaemon(t *testing.T) {
	d := newDesk(t, replayConfig)
	a, err := openApp(mustConfig(t, d), filepath.Join(d.dir, "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stop, err := serveCommands(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	c, err := new(net.Dialer).DialContext(t.Context(), "unix", filepath.Join(a.data, socketName))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d2 := &env{ctx: t.Context(), args: []string{"status"}, data: a.data, configPath: d.config, stdout: io.Discard, stderr: io.Discard}
	if _, err := callRemote(d2); err != nil { // by now the silent one was accepted, too
		t.Fatal(err)
	}
	cancel()
	stop() // hangs, where it did
}

// After "erase" the address still stood in free pages of the database.
func TestEraseLeavesNoTraceInTheFile(t *testing.T) {
	d := newDesk(t, replayConfig)
	d.run(done, "subscribers", "add", "find.me@example.org", "--consent", "a test")
	d.run(done, "subscribers", "erase", "find.me@example.org")
	b, err := os.ReadFile(filepath.Join(d.dir, "data", "ccgwatch.db"))
	if err != nil || bytes.Contains(b, []byte("find.me")) {
		t.Errorf("the file holds the address still (%v)", err)
	}
}
