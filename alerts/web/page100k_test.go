package web

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/index"
	"ccgwatch/store/query"
)

// indexed gives a stocked server its search, and tells how long that took.
func indexed(b *testing.B, s *Server) {
	b.Helper()
	archive, ok := s.Ledger.(store.Archive)
	if !ok {
		b.Fatal("no archive")
	}
	x, err := index.Open(filepath.Join(b.TempDir(), index.File), index.Options{
		Ledger: s.Ledger, Archive: archive, Outbox: s.Outbox, Follower: follower, Version: "bench", Facts: s.Facts,
		Describe: func(it store.Item) index.Described {
			d := index.Described{Date: it.FirstSeen, Facts: query.Facts{Kinds: []string{string(it.Kind)}, Sources: []string{it.Source}, Text: it.Title}}
			if it.Notice != nil {
				d.Text, d.Bodies = it.Notice.Description, s.Buyers(it.Notice)
				d.Facts.Bodies = d.Bodies
			}
			return d
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = x.Close() })
	begun := time.Now()
	for more := true; more; {
		if more, err = x.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	size, took := x.Size(), time.Since(begun)
	b.Logf("index: %+v in %v", size, took)
	s.Index = x
}

// BenchmarkPage100k renders each kind of page over 100,000 items, with the
// search. The goal is 20 ms a page; p95-ms is over the runs of one benchmark.
func BenchmarkPage100k(b *testing.B) {
	s := stocked(b, 100_000)
	indexed(b, &s)
	unhurried(&s)
	h := s.Handler()
	for range 15 {
		ask(h, "GET", "/items") // the table of contents
	}
	for _, p := range []struct{ name, target string }{
		{"start", "/"},
		{"findings", "/findings"},
		{"findings-topic", "/findings?topic=tenders"},
		{"findings-source", "/findings?source=leicester"},
		{"findings-common", "/findings?q=1a"},
		{"findings-rare", "/findings?q=1a+2b+3c"},
		{"findings-nothing", "/findings?q=unicorns"},
		{"findings-phrase", "/findings?q=%221a+2b%22"},
		{"finding", fmt.Sprintf("/finding/%064d", 50_000)},
		{"meetings", "/meetings"},
		{"item-notice", itemPath("find-a-tender", "x/050001")},
		{"item-meeting", itemPath("leicester", "x/050000")},
		{"record", "/items"},
		{"record-of-body", "/items?body=body-7&kind=notice"},
		{"record-of-kind", "/items?kind=meeting"},
		{"record-of-nothing", "/items?kind=page"},
		{"bodies", "/bodies"},
		{"body", "/body/body-7"},
		{"sources", "/sources"},
		{"about", "/about"},
		{"feed", "/feed.atom"},
		{"feed-of-search", "/feed.atom?q=1a"},
		{"feed-of-body", "/body/body-7/feed.atom"},
		{"search-form", "/search"},
		{"search-rare", "/search?q=1a+2b"},
		{"search-common", "/search?q=1a"},
		{"search-narrowed", "/search?q=1a&body=body-7&kind=notice"},
		{"search-everything", "/search?kind=notice"},
		{"search-quick", "/search.json?q=1a+2b"},
	} {
		b.Run(p.name, func(b *testing.B) {
			size := 0
			var times []time.Duration
			for b.Loop() {
				begun := time.Now()
				w := ask(h, "GET", p.target)
				times = append(times, time.Since(begun))
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
				size = w.Body.Len()
			}
			slices.Sort(times)
			b.ReportMetric(float64(size)/1024, "KB/page")
			b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "slowest-ms") // the first: nothing is remembered
			b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
	b.Run("preview-common", func(b *testing.B) {
		v := &site{Server: s, zone: london()}
		q, _ := query.Parse(strings.Repeat("1a ", 1))
		for b.Loop() {
			if _, err := v.preview(b.Context(), q, store.Both); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDatebook100k tells how much memory the datebook takes over 100,000
// items: what is freed with it, after all is read that is read before the first
// visitor comes.
func BenchmarkDatebook100k(b *testing.B) {
	s := stocked(b, 100_000)
	heap := func() float64 {
		runtime.GC()
		runtime.GC() // what was pooled goes with the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		v, _ := s.join()
		if err := v.readAhead(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		with := heap()
		dates := len(v.record.dates.book.order)
		v.record.dates, v.searches.known = newDates(v.zone), nil
		without := heap()
		b.ReportMetric(with-without, "MB-datebook")
		b.ReportMetric(float64(dates), "dates")
		runtime.KeepAlive(v)
		b.StartTimer()
	}
}
