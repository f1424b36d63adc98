package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"ccgwatch/store"
)

//go:embed operator/page.html operator/style.css
var operatorFiles embed.FS

// An operatorPage is what the one who runs it looks at: one page that changes
// nothing, and numbers for a monitor. It is on a listener of its own, on an
// address of this machine alone, so that no proxy in front of the public pages
// can show it to others; the Host is checked, so that no page in a browser here
// can read it under a name of its own (DNS rebinding).
type operatorPage struct {
	app     *app
	started time.Time
	said    *recentLog
	now     func() time.Time
	page    *template.Template

	mu     sync.Mutex
	last   operatorView // counting takes a pass through the store
	lastAt time.Time
}

// operatorFresh is how long a count is shown again.
const operatorFresh = 15 * time.Second

type operatorView struct {
	Group, Version     string
	Started, Now       time.Time
	Wrong              []string
	Queue              jsonQueue
	People             []peopleIn
	Sources            []sourceLine
	Failing            int // of the sources
	Store, Free        string
	Memory             string
	Said               []string
	storeBytes, freeIs uint64
	seq                uint64
}

// peopleIn is how many subscriptions are in a state.
type peopleIn struct {
	State string
	N     int
}

type sourceLine struct {
	Source, State, Words, LastComplete, Next string
	Problems                                 []string
	row                                      jsonStatus
}

func newOperatorPage(a *app, said *recentLog, now func() time.Time) (*operatorPage, error) {
	when := func(t time.Time) string { return t.In(london()).Format("Mon 2 Jan 2006 15:04") }
	page, err := template.New("page.html").Funcs(template.FuncMap{
		"when": when,
		"stamp": func(s string) string {
			t, err := time.Parse(time.RFC3339, s)
			if err != nil {
				return "never"
			}
			return when(t)
		},
	}).ParseFS(operatorFiles, "operator/page.html")
	if err != nil {
		return nil, fmt.Errorf("the operator's page: %w", err)
	}
	return &operatorPage{app: a, started: now(), said: said, now: now, page: page}, nil
}

// serveOperator starts the operator's page where the settings ask for one. That
// its port is taken is no reason not to watch.
func (a *app) serveOperator(e *env) (stop func()) {
	nothing := func() {}
	if a.cfg.Operator.Listen == "" {
		return nothing
	}
	page, err := newOperatorPage(a, e.said, func() time.Time { return time.Now().In(london()) })
	if err == nil {
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(e.ctx, "tcp", a.cfg.Operator.Listen); err == nil {
			a.log.Info("operator's page", "at", "http://"+l.Addr().String()+"/")
			srv := &http.Server{Handler: page.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = srv.Serve(l)
			}()
			return func() {
				_ = srv.Close()
				<-done
			}
		}
	}
	a.log.Warn("no operator's page: config: [operator] listen", "err", err)
	return nothing
}

// handler serves the page, its style and the metrics.
func (o *operatorPage) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", o.serve)
	mux.HandleFunc("GET /metrics", o.metrics)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, operatorFiles, "operator/style.css")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "This page is asked for under the address of this machine alone.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		mux.ServeHTTP(w, r)
	})
}

func (o *operatorPage) serve(w http.ResponseWriter, r *http.Request) {
	v, err := o.view(r.Context())
	var b bytes.Buffer
	if err == nil {
		err = o.page.Execute(&b, v)
	}
	if err != nil {
		o.app.log.Error("the operator's page", "err", err)
		http.Error(w, "The store does not answer. The log says more.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// view counts, or shows again what was counted a moment ago.
func (o *operatorPage) view(ctx context.Context) (operatorView, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if since := now.Sub(o.lastAt); since >= 0 && since < operatorFresh {
		return o.last, nil
	}
	e := &env{ctx: ctx, data: o.app.data, asOf: now, log: o.app.log}
	v := operatorView{Group: o.app.cfg.Group.Name, Version: version(), Started: o.started, Now: now, Said: o.said.lines()}
	rows, err := o.app.statusRows(e)
	if err != nil {
		return v, err
	}
	for _, r := range rows {
		l := sourceLine{Source: r.Source, State: r.State, Words: conditionWords(r.Condition), LastComplete: r.LastComplete, Next: r.Next, row: r}
		for _, p := range r.Problems {
			l.Problems = append(l.Problems, "could not read "+problemOf(p)+": "+problemText(p))
		}
		v.Sources = append(v.Sources, l)
		if r.State == "failing" {
			v.Failing++
		}
	}
	slices.SortStableFunc(v.Sources, func(a, b sourceLine) int { return strings.Compare(rankOf(a.State), rankOf(b.State)) })
	if v.Queue, err = o.app.queueRow(e); err != nil {
		return v, err
	}
	if v.Wrong, err = (&daemon{app: o.app}).unwell(ctx, now); err != nil {
		return v, err
	}
	if err := o.count(ctx, &v); err != nil {
		return v, err
	}
	o.last, o.lastAt = v, now
	return v, nil
}

// rankOf puts what needs attention first.
func rankOf(state string) string {
	switch state {
	case "failing":
		return "0"
	case "never":
		return "1"
	}
	return "2"
}

func (o *operatorPage) count(ctx context.Context, v *operatorView) error {
	subs, err := o.app.store.Subscriptions(ctx, "", 0)
	if err != nil {
		return err
	}
	n := map[store.State]int{}
	for _, s := range subs {
		n[s.State]++
	}
	for _, s := range []store.State{store.StateConfirmed, store.StatePending, store.StateSuppressed, store.StateEnded} {
		if n[s] > 0 {
			v.People = append(v.People, peopleIn{string(s), n[s]})
		}
	}
	if v.storeBytes, err = bytesIn(o.app.data); err != nil {
		return err
	}
	if v.freeIs, err = o.app.free(o.app.data); err != nil {
		return fmt.Errorf("free space: %w", err)
	}
	if v.seq, err = o.app.store.LastSeq(ctx); err != nil {
		return err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	v.Store, v.Free, v.Memory = mib(v.storeBytes), mib(v.freeIs), mib(m.Sys)
	return nil
}

// bytesIn is what a directory holds, the archive and the copies included.
func bytesIn(dir string) (uint64, error) {
	var n uint64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		i, err := d.Info()
		if err == nil {
			n += uint64(i.Size()) //nolint:gosec // a size is not negative
		}
		return ignoreGone(err)
	})
	if err != nil {
		return 0, fmt.Errorf("the size of what is kept: %w", err)
	}
	return n, nil
}

// ignoreGone: files come and go while they are counted.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func mib(n uint64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// metrics are in the text format of Prometheus, made when they are asked for. No
// label holds an address of anybody.
func (o *operatorPage) metrics(w http.ResponseWriter, r *http.Request) {
	v, err := o.view(r.Context())
	if err != nil {
		o.app.log.Error("metrics", "err", err)
		http.Error(w, "the store does not answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	set := metrics.NewSet()
	gauge := func(name string, value float64) { set.NewGauge(name, nil).Set(value) }
	flag := func(name string, on bool) {
		value := 0.0
		if on {
			value = 1
		}
		gauge(name, value)
	}
	for _, s := range v.Sources {
		at := fmt.Sprintf("{source=%q}", s.Source)
		flag("ccgwatch_source_failing"+at, s.State == "failing")
		gauge("ccgwatch_source_problems"+at, float64(len(s.row.Problems)))
		if t, err := time.Parse(time.RFC3339, s.LastComplete); err == nil {
			gauge("ccgwatch_source_last_complete_timestamp_seconds"+at, float64(t.Unix()))
		}
		for kind, n := range s.row.Counts {
			gauge(fmt.Sprintf("ccgwatch_source_items{source=%q,kind=%q}", s.Source, kind), float64(n))
		}
	}
	q := v.Queue.Queue
	for state, n := range map[string]int{"waiting": q.Queued, "sent": q.Sent, "failed": q.Failed, "suppressed": q.Suppressed, "uncertain": q.Uncertain, "folded": q.Folded} {
		gauge(fmt.Sprintf("ccgwatch_deliveries{state=%q}", state), float64(n))
	}
	for _, p := range v.People {
		gauge(fmt.Sprintf("ccgwatch_subscriptions{state=%q}", p.State), float64(p.N))
	}
	for name, at := range map[string]string{"mail": v.Queue.LastMail, "copy": v.Queue.LastCopy} {
		if t, err := time.Parse(time.RFC3339, at); err == nil {
			gauge("ccgwatch_last_"+name+"_timestamp_seconds", float64(t.Unix()))
		}
	}
	flag("ccgwatch_well", len(v.Wrong) == 0)
	gauge("ccgwatch_changes", float64(v.seq))
	gauge("ccgwatch_data_bytes", float64(v.storeBytes))
	gauge("ccgwatch_free_bytes", float64(v.freeIs))
	gauge("ccgwatch_start_timestamp_seconds", float64(v.Started.Unix()))
	set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}
