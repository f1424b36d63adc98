package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// BenchmarkFirstView100k asks the pages that search, and the calendars of a
// search, for the first time after something was committed and indexed, again
// and again: when nothing is remembered that a commit makes untrue. The goal is
// 20 ms each. Every round adds a change to the store that CCGWATCH_BENCH_DATA
// names. A CPU profile has what was timed under the label timed.
//
//	go test ./cmd/ccgwatch -run '^$' -bench FirstView100k -benchtime 10x -timeout 30m
func BenchmarkFirstView100k(b *testing.B) {
	now := townStart()
	a := bigRecord(b, now)
	srv, ahead := a.webServerAhead(func() time.Time { return now })
	if err := ahead(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, p := range benchPages(a) {
		searches := strings.HasPrefix(p.name, "search") || strings.Contains(p.target, "q=")
		if !searches {
			continue
		}
		b.Run(p.name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				now = now.Add(5 * time.Second) // so that nobody asks too often
				b.StopTimer()
				alter(b, a, now)
				b.StartTimer()
				pprof.Do(b.Context(), pprof.Labels("timed", p.name), func(ctx context.Context) {
					w := httptest.NewRecorder()
					r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8080"+p.target, nil)
					begun := time.Now()
					srv.Handler.ServeHTTP(w, r)
					times = append(times, time.Since(begun))
					if w.Code != 200 {
						b.Fatal(p.target, w.Code, w.Body)
					}
				})
			}
			b.ReportMetric(float64(times[0].Microseconds())/1000, "first-ms")
			slices.Sort(times)
			b.ReportMetric(float64(times[0].Microseconds())/1000, "fastest-ms")
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "slowest-ms")
		})
	}
}

// alter commits a change of one notice in which something is found, and has it
// judged and indexed.
func alter(b *testing.B, a *app, now time.Time) {
	b.Helper()
	ctx := b.Context()
	const source, key = "find-a-tender", "ocds-bench-010001/1"
	snap, err := a.store.Snapshot(ctx, source, []string{key})
	if err != nil {
		b.Fatal(err)
	}
	it := snap.Items[key]
	it.Changed = now
	snap.Items[key] = it
	place, err := a.store.Position(ctx, alerts.Follower)
	if err != nil {
		b.Fatal(err)
	}
	c := store.Change{At: now, Source: source, Key: key, Kind: it.Kind, Op: store.OpAmended, Title: it.Title, URL: it.URL, Fields: []store.FieldChange{{Name: "venue", Old: "a", New: "b"}}}
	if err := a.store.Commit(ctx, snap, []store.Change{c}, store.Health{Source: source, LastTry: now, LastComplete: now}); err != nil {
		b.Fatal(err)
	}
	last, err := a.store.LastSeq(ctx)
	if err != nil {
		b.Fatal(err)
	}
	f := store.Finding{ID: fmt.Sprintf("%064d", last), At: now, Change: last, Source: source, Key: key, Kind: it.Kind, Topic: store.TopicTenders, Tier: store.TierLikely, Title: it.Title, URL: it.URL, Quote: it.Title}
	if err := a.store.Advance(ctx, alerts.Follower, place, store.Position{Seq: last}, []store.Finding{f}, nil); err != nil {
		b.Fatal(err)
	}
	if err := a.indexAll(ctx, nil); err != nil {
		b.Fatal(err)
	}
}
