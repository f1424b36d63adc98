package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// BenchmarkPage100kAfterCommit asks each page once after each of some commits: a
// meeting is moved, and a notice with a deadline comes, is judged and indexed.
// What was remembered of the record as it was is of no use then. A kept store
// (see BenchmarkPage100k) grows by these commits.
//
//	go test ./cmd/ccgwatch -run '^$' -bench Page100kAfterCommit -benchtime 2x -timeout 30m
func BenchmarkPage100kAfterCommit(b *testing.B) {
	now := townStart()
	a := bigRecord(b, now)
	h := benchHandler(b, a, func() time.Time { return now })
	get := func(target string) (time.Duration, int) {
		now = now.Add(5 * time.Second) // so that nobody asks too often
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1:8080"+target, nil)
		begun := time.Now()
		h.ServeHTTP(w, r)
		took := time.Since(begun)
		if w.Code != http.StatusOK {
			b.Fatal(target, w.Code, w.Body)
		}
		return took, w.Body.Len()
	}
	benchPapers(func() { get("/register?of=papers") })
	for _, p := range allBenchPages(a) {
		b.Run(p.name, func(b *testing.B) {
			var times, cpu []time.Duration
			size := 0
			for b.Loop() {
				b.StopTimer()
				freshCommit(b, a, now)
				b.StartTimer()
				had := cpuTime()
				took, n := get(p.target)
				times, cpu, size = append(times, took), append(cpu, cpuTime()-had), n
			}
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(times[0]), "first-ms")
			b.ReportMetric(ms(slices.Max(times)), "slowest-ms")
			b.ReportMetric(ms(slices.Max(cpu)), "slowest-cpu-ms")
			b.ReportMetric(float64(size)/1024, "KB/page")
		})
	}
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			get("/")
		}
		b.ReportMetric(heapMB(), "MB-heap")
	})
}

// benchHandler is what answers, with all read that is read before the first
// visitor comes, and logs how much of the memory that takes.
func benchHandler(b *testing.B, a *app, now func() time.Time) http.Handler {
	b.Helper()
	srv, ahead := a.webServerAhead(now)
	before, begun := heapMB(), time.Now()
	if err := ahead(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(begun)
	b.Logf("what the pages know before anybody asks: read in %v, %.1f MB of memory", took.Round(time.Millisecond), heapMB()-before)
	return srv.Handler
}

// heapMB is what is in the memory after what is of no use has gone.
func heapMB() float64 {
	runtime.GC()
	runtime.GC() // what was pooled goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// freshCommit moves a meeting, adds a notice with a deadline, and has both judged
// and indexed.
func freshCommit(b *testing.B, a *app, now time.Time) {
	b.Helper()
	ctx := b.Context()
	last, err := a.store.LastSeq(ctx)
	if err != nil {
		b.Fatal(err)
	}
	meeting, err := a.store.Item(ctx, "big", fmt.Sprintf("meeting/%06d", 90_000+last%1000*10))
	if err != nil {
		b.Fatal(err)
	}
	was := meeting.Fields[store.FieldWhen]
	meeting.Fields[store.FieldWhen], meeting.Changed = now.AddDate(0, 0, int(last%40)).Format(time.RFC3339), now
	ocid := fmt.Sprintf("ocds-bench-%06d", 20_001+last%1000*10) // no procurement has thousands of notices
	notice, err := a.store.Item(ctx, "find-a-tender", ocid+"/1")
	if err != nil {
		b.Fatal(err)
	}
	notice.Key, notice.FirstSeen, notice.Changed = fmt.Sprintf("%s-%d", notice.Key, last), now, now
	for _, c := range []struct {
		item store.Item
		op   store.Op
		f    []store.FieldChange
	}{
		{meeting, store.OpAmended, []store.FieldChange{{Name: store.FieldWhen, Old: was, New: meeting.Fields[store.FieldWhen]}}},
		{notice, store.OpAdded, nil},
	} {
		snap, err := a.store.Snapshot(ctx, c.item.Source, []string{})
		if err != nil {
			b.Fatal(err)
		}
		snap.Items[c.item.Key] = c.item
		change := store.Change{At: now, Source: c.item.Source, Key: c.item.Key, Kind: c.item.Kind, Op: c.op, Title: c.item.Title, URL: c.item.URL, Fields: c.f}
		if err := a.store.Commit(ctx, snap, []store.Change{change}, store.Health{Source: c.item.Source, LastTry: now, LastComplete: now}); err != nil {
			b.Fatal(err)
		}
	}
	place, err := a.store.Position(ctx, alerts.Follower)
	if err != nil {
		b.Fatal(err)
	}
	found := store.Finding{ID: fmt.Sprintf("%064d", last+2), At: now, Change: last + 2, Source: notice.Source, Key: notice.Key, Kind: store.KindNotice, Topic: store.TopicTenders, Tier: store.TierLikely,
		Title: notice.Title, URL: notice.URL, Quote: "1a 2b", Thread: ocid, Stage: "tender", Deadline: &store.Deadline{Stated: now.AddDate(0, 0, 40).Format(time.RFC3339), Kind: "tender", Who: "providers"}}
	if err := a.store.Advance(ctx, alerts.Follower, place, store.Position{Seq: last + 2}, []store.Finding{found}, nil); err != nil {
		b.Fatal(err)
	}
	if err := a.indexAll(ctx, nil); err != nil {
		b.Fatal(err)
	}
}
