package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"ccgwatch/config"
)

func operatorOf(t *testing.T, a *app) (*operatorPage, *recentLog) {
	t.Helper()
	said := newRecentLog(slog.NewTextHandler(io.Discard, nil))
	page, err := newOperatorPage(a, said, func() time.Time { return townStart().Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	return page, said
}

func askFor(h http.Handler, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+path, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOperatorPageSaysWhatIsWrongAndNobodysAddress(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	page, said := operatorOf(t, a)
	slog.New(said).With("source", "icb").Warn("not read", "err", errors.New("<b>no route</b>"))
	slog.New(said).Info("nothing unusual")
	a.free = func(string) (uint64, error) { return 1 << 20, nil }

	w := askFor(page.handler(), "127.0.0.1:8081", "/")
	body := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, body)
	}
	if _, err := html.Parse(strings.NewReader(body)); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"disk of this machine is nearly full", "warning: not read: source icb, err &lt;b&gt;no route&lt;/b&gt;", ">mercia-vale-icb<", "1 MiB", "confirmed"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	for _, s := range demoSubscribers(townStart()) {
		if strings.Contains(body, s.Address) {
			t.Error("the page shows a subscriber's address")
		}
	}
	if strings.Contains(body, "nothing unusual") {
		t.Error("the page keeps what is no warning")
	}
}

// A page in a browser on this machine must not read it under a name of its own.
func TestOperatorPageIsForThisMachine(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	page, _ := operatorOf(t, a)
	for host, want := range map[string]int{
		"127.0.0.1:8081": 200, "localhost:8081": 200, "[::1]:8081": 200, "127.0.0.1": 200,
		"rebound.example.org:8081": 421, "192.168.1.7:8081": 421, "localhost.example.org": 421,
	} {
		if got := askFor(page.handler(), host, "/metrics").Code; got != want {
			t.Errorf("Host %s: %d, want %d", host, got, want)
		}
	}
}

func TestMetricsAreReadByAStrictParser(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	page, _ := operatorOf(t, a)
	w := askFor(page.handler(), "localhost", "/metrics")
	// The text format of Prometheus, version 0.0.4.
	line := regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\"n]|[^"\\\n])*"(, ?[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\"n]|[^"\\\n])*")*\})? (NaN|[-+]?(Inf|[0-9.eE+-]+))$`)
	for l := range strings.Lines(w.Body.String()) {
		if l = strings.TrimSuffix(l, "\n"); !strings.HasPrefix(l, "#") && !line.MatchString(l) {
			t.Errorf("no line of the format: %q", l)
		}
	}
	for _, want := range []string{"ccgwatch_well 1\n", `ccgwatch_source_failing{source="mercia-vale-icb"} 0`, "ccgwatch_changes 300\n", `ccgwatch_deliveries{state="waiting"} 0`, "process_resident_memory_bytes"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, w.Body.String())
		}
	}
}

// The ping says that all is well, and nothing otherwise; its address never
// reaches the log.
func TestPing(t *testing.T) {
	var asked []string
	answer := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.WriteHeader(answer)
	}))
	defer srv.Close()
	a := filled(t)
	defer closeApp(t, a)
	var log strings.Builder
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	a.cfg.Operator = config.Operator{Ping: config.NewSecret(srv.URL + "/a-secret-path"), PingEvery: config.Duration(time.Hour)}
	roomy := a.free
	d := &daemon{app: a}
	at := townStart().Add(time.Hour)
	want := func(when string, n int) {
		t.Helper()
		if len(asked) != n {
			t.Errorf("%s: asked %d times, want %d; the log: %s", when, len(asked), n, log.String())
		}
	}
	d.ping(t.Context(), at)
	want("at the start", 1)
	d.ping(t.Context(), at.Add(59*time.Minute))
	want("within the hour", 1)
	d.ping(t.Context(), at.Add(61*time.Minute))
	want("an hour later", 2)
	a.free = func(string) (uint64, error) { return 1 << 20, nil }
	d.ping(t.Context(), at.Add(3*time.Hour))
	want("with a full disk", 2)
	if !strings.Contains(log.String(), "nearly full") {
		t.Errorf("the log does not say why: %s", log.String())
	}
	a.free = roomy
	answer = http.StatusNotFound
	d.ping(t.Context(), at.Add(5*time.Hour))
	want("at a service that does not know us", 3)
	srv.Close()
	d.ping(t.Context(), at.Add(7*time.Hour))
	if s := log.String(); !strings.Contains(s, "404 Not Found") || !strings.Contains(s, "refused") || strings.Contains(s, "secret") {
		t.Errorf("the log: %s", s)
	}
	if asked[0] != "GET /a-secret-path" {
		t.Errorf("asked %s", asked[0])
	}
}

// What a site wrote must not look like a line of ours.
func TestLogIsOneSentenceALine(t *testing.T) {
	var out strings.Builder
	log := slog.New(newSentenceLog(&out)).With("source", "leicester")
	log.Debug("for whoever mends it")
	log.Info("crawl", "read", 3)
	log.Warn("crawl failed", "err", errors.New("page title:\n06:50:56 all is well\x1b[2J"))
	log.Error("the store is damaged")
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d crawl: source leicester, read 3
\d\d:\d\d:\d\d warning: crawl failed: source leicester, err "page title:\\n06:50:56 all is well\\x1b\[2J"
\d\d:\d\d:\d\d error: the store is damaged: source leicester
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got\n%s", out.String())
	}
}

// The time of the next look stood in UTC in a log that is in London time.
func TestLogTellsTimesByOneClock(t *testing.T) {
	var out strings.Builder
	said := newRecentLog(newSentenceLog(&out))
	next := time.Date(2026, 9, 7, 7, 15, 0, 0, time.UTC)
	slog.New(said).With("since", next.Add(-time.Hour)).Warn("no mail can be sent for now", "next_look", next, "due", time.Time{})
	want := "warning: no mail can be sent for now: since 2026-09-07T07:15:00+01:00, next_look 2026-09-07T08:15:00+01:00, due -\n"
	if !strings.HasSuffix(out.String(), want) || !strings.HasSuffix(said.lines()[0]+"\n", want) {
		t.Errorf("got %s%s, want %s", &out, said.lines(), want)
	}
}
