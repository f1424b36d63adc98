package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// pageCmd is page WHEN METHOD PATH [FIELD=VALUE...]: what a visitor gets at a
// moment, while no daemon runs. The path link:c/rest (c, m) is that of the link
// in the newest mail in data/outbox that has one.
func pageCmd(ts *testscript.TestScript, neg bool, args []string) {
	when, err := parseTime(args[0])
	ts.Check(err)
	cfg, err := loadConfig(ts.MkAbs("ccgwatch.toml"), true)
	ts.Check(err)
	a, err := openApp(cfg, ts.MkAbs("data"), slog.New(slog.DiscardHandler))
	ts.Check(err)
	defer a.Close()
	target := args[2]
	if rest, ok := strings.CutPrefix(target, "link:"); ok {
		target = newestLink(ts.MkAbs("data"), rest[:1])
		if target == "" {
			ts.Fatalf("no mail has a link %s", rest[:1])
		}
		target += rest[1:]
	}
	var body io.Reader
	if args[1] == http.MethodPost {
		v := url.Values{"t": {a.links.Stamp(when.Add(-time.Minute))}}
		for _, x := range args[3:] {
			name, value, _ := strings.Cut(x, "=")
			v.Add(name, value)
		}
		body = strings.NewReader(v.Encode())
	}
	r := httptest.NewRequest(args[1], "http://localhost"+target, body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.webServer(func() time.Time { return when }).Handler.ServeHTTP(w, r)
	if (w.Code >= 400) != neg {
		ts.Fatalf("%s %s: %d %s", args[1], target, w.Code, w.Body)
	}
	_, _ = ts.Stdout().Write(w.Body.Bytes())
}

// newestLink is the path of the link of a kind in the mail written last.
func newestLink(data, kind string) string {
	files, _ := outboxFiles(data)
	slices.SortFunc(files, func(x, y string) int {
		a, _ := os.Stat(x)
		b, _ := os.Stat(y)
		return a.ModTime().Compare(b.ModTime())
	})
	for _, f := range slices.Backward(files) {
		raw, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if _, text, err := readMail(raw); err == nil {
			if m := regexp.MustCompile(`/` + kind + `/[A-Za-z0-9_-]{43}\b`).FindString(text); m != "" {
				return m
			}
		}
	}
	return ""
}

// The daemon forgets who never confirmed, in the store, in the outbox's files
// and in the freed parts of the file; and whoever erased themselves on a page.
func TestTheDaemonForgets(t *testing.T) {
	dir := t.TempDir()
	a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.sources = nil
	d := &daemon{app: a}
	ctx := t.Context()
	now := townStart()
	signUp := func(address string) {
		t.Helper()
		err := a.desk.SignUp(ctx, now, alerts.Application{Address: address, Query: "area:mercia-vale", Often: store.Weekly, Form: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if sent, _, err := a.deliver(ctx, now); err != nil || sent != 1 {
			t.Fatalf("%d sent, %v", sent, err)
		}
	}
	const stranger, reader = "Imogen.Stranger@example.net", "Hester.Reader@example.net"
	signUp(stranger)
	signUp(reader)
	token := strings.TrimPrefix(newestLink(dir, "c"), "/c/")
	if _, err := a.desk.Confirm(ctx, now, token); err != nil {
		t.Fatal(err)
	}
	traces := func(address string) (n int) {
		t.Helper()
		files, err := outboxFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(files, filepath.Join(dir, bolt.File), filepath.Join(dir, suppressedFile)) {
			b, err := os.ReadFile(f)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(address))) {
				n++
			}
		}
		return n
	}
	d.forget(ctx, now)
	if traces(stranger) != 2 || traces(reader) != 2 {
		t.Fatalf("before: %d and %d files with the addresses, want the mail and the store", traces(stranger), traces(reader))
	}
	now = now.Add(7 * 24 * time.Hour)
	d.forget(ctx, now)
	if traces(stranger) != 0 || traces(reader) != 2 {
		t.Errorf("after a week: %d and %d", traces(stranger), traces(reader))
	}
	if err := a.desk.AskLink(ctx, now, reader, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.deliver(ctx, now); err != nil {
		t.Fatal(err)
	}
	if err := a.desk.Erase(ctx, now, strings.TrimPrefix(newestLink(dir, "m"), "/m/")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	d.forget(ctx, now)
	if n := traces(reader); n != 0 {
		t.Errorf("erased on the page, a day later: %d files", n)
	}
	noted, err := readSuppressed(filepath.Join(dir, suppressedFile))
	if err != nil || len(noted) != 2 { // the subscription as erased, and that this address left
		t.Errorf("noted outside the store: %v, %v", noted, err)
	}
}

// A copy from before an erasure or an end on the pages is silent when it is
// brought back.
func TestWhoLeftOnThePagesStaysAwayAfterARestore(t *testing.T) {
	dir := t.TempDir()
	a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, now := t.Context(), townStart()
	for _, s := range demoSubscribers(now) {
		if err := a.store.Subscribe(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	var copied bytes.Buffer
	if err := a.store.Backup(ctx, &copied); err != nil {
		t.Fatal(err)
	}
	manage := func(address string) string {
		t.Helper()
		if err := a.desk.AskLink(ctx, now, address, netip.Addr{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.deliver(ctx, now); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(newestLink(dir, "m"), "/m/")
	}
	if err := a.desk.EndAll(ctx, now, manage("ada@example.org")); err != nil {
		t.Fatal(err)
	}
	if err := a.desk.Erase(ctx, now, manage("ben@example.org")); err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := os.WriteFile(filepath.Join(old, bolt.File), copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := bolt.Open(old)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	secret, err := readSecret(filepath.Join(dir, secretFile))
	if err != nil {
		t.Fatal(err)
	}
	noted, err := readSuppressed(filepath.Join(dir, suppressedFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := suppress(ctx, st, secret, noted); err != nil {
		t.Fatal(err)
	}
	subs, err := st.Subscriptions(ctx, "", 0)
	if err != nil || len(subs) != 1 || subs[0].Address != "ada@example.org" || subs[0].State != store.StateEnded {
		t.Errorf("brought back: %+v, %v", subs, err)
	}
}

// The demonstration's form works: it tells of the mail, with a link that can be
// opened where it runs.
func TestDemoTakesSignUps(t *testing.T) {
	dir := t.TempDir()
	a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	now := func() time.Time { return townStart() }
	go func() {
		defer close(done)
		demoMail(ctx, &env{ctx: ctx, stdout: in, stderr: in}, a, "http://127.0.0.1:9", now)
	}()
	h := a.webServer(now).Handler
	form := url.Values{"address": {"eve@example.org"}, "agree": {"yes"}, "often": {"both"}, "topic": {"outsourcing"}, "do": {"signup"}, "t": {a.links.Stamp(now().Add(-time.Minute))}}
	r := httptest.NewRequest(http.MethodPost, "http://localhost/subscribe", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("signing up: %d %s", w.Code, w.Body)
	}
	said := make([]byte, 300)
	n, err := out.Read(said)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	link := regexp.MustCompile(`http://127\.0\.0\.1:9(/c/\S+)`).FindSubmatch(said[:n])
	if link == nil {
		t.Fatalf("the demonstration said %q", said[:n])
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+string(link[1]), nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "topic:outsourcing") {
		t.Errorf("its link: %d %s", w.Code, w.Body)
	}
}
