package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/config"
	"ccgwatch/scrapers"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// openLoopbackNation is an app that follows all sites of a nation, each as its
// platform is followed usually.
func openLoopbackNation(t *testing.T, dir string, n *loopbackNation) *app {
	t.Helper()
	cfg := config.Default()
	cfg.Group.Name, cfg.Group.Email = "Watchers", "alerts@example.org"
	rules, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	a, err := openBare(cfg, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(n.sites) {
		host := fmt.Sprintf("s%03d.example", i)
		s := n.sites[host]
		row := scrapers.Row{ID: strings.TrimSuffix(host, ".example"), Name: "Site " + host, Platform: s.platform, Base: "http://" + host, Page: s.page(), Layout: s.layout}
		if s.platform == "cmis" {
			row.Base += "/cmis5"
		}
		c, err := scrapers.Build(row)
		if err != nil {
			t.Fatal(err)
		}
		src, err := newSource(c, config.UsualSchedule(s.platform))
		if err != nil {
			t.Fatal(err)
		}
		src.usual, src.spread = true, spread(src.ID, src.Schedule)
		a.sources = append(a.sources, src)
	}
	if err := a.joinWith(rules); err != nil {
		t.Fatal(err)
	}
	a.fetch.Transport = n
	return a
}

// A nation in one process: hundreds of sites of every platform over loopback, one
// in twenty broken at any time. The sound ones keep their period, every change is
// found once, and memory does not grow. The figures are logged and not asserted.
func TestPromiseNation(t *testing.T) {
	count, days := promiseCount(12, 50, 450), promiseCount(5, 8, 30)
	if days < 8 { // where memory is looked at nothing else may run
		t.Parallel()
	}
	dir := t.TempDir()
	start := at("2026-08-10T00:00")
	n := newLoopbackNation(count, days, start)
	defer n.stop()
	began, cpu := time.Now(), cpuTime()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		a := openLoopbackNation(t, dir, n)
		heap, size := map[int]uint64{}, map[int]int64{}
		for d := 1; d <= days; d++ {
			ctx, cancel := context.WithDeadline(t.Context(), start.AddDate(0, 0, d))
			(&daemon{app: a}).run(ctx)
			cancel()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			heap[d], size[d] = m.HeapAlloc, sizeOf(dir, bolt.File)
			t.Logf("day %d: heap %d KiB, resident %d KiB, store %d KiB, %d requests", d, m.HeapAlloc>>10, residentKB(), size[d]>>10, n.requests)
		}
		checkNationLog(t, a, n)
		checkNationPeriods(t, a, n)
		all, err := a.healths(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range all {
			if c := h.Condition(time.Now()); c != store.OK {
				t.Errorf("%s is %s at the end, when all sites are sound: %+v", h.Source, c, h.Problems)
			}
		}
		if days >= 8 {
			if was, is := heap[days/2], heap[days]; is > was+was/4+4<<20 {
				t.Errorf("memory grows: %d KiB after %d days, %d KiB after %d", was>>10, days/2, is>>10, days)
			}
		}
		t.Logf("%d sites, %d days: %d requests, %d of them spoiled; %.2f ms CPU a request, what serves them and the daemon's own days included; resident %d KiB; the store grew by %d KiB a day",
			count, days, n.requests, n.spoiled, float64((cpuTime()-cpu).Microseconds())/1000/float64(n.requests), residentKB(), (size[days]-size[1])>>10/int64(max(1, days-1)))
		a.fetch.Close()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("in %s, %s of CPU", time.Since(began).Round(time.Second), (cpuTime() - cpu).Round(time.Second))
	if n.spoiled == 0 && count >= 60 {
		t.Error("nothing was ever broken")
	}
}

// checkNationLog: what each site added stands in the log once, and nothing else.
func checkNationLog(t *testing.T, a *app, n *loopbackNation) {
	t.Helper()
	got := map[string]int{}
	e := &env{ctx: t.Context()}
	if err := a.eachChange(e, func(c store.Change) error {
		switch {
		case c.Silent || c.Op == store.OpDue:
		case c.Op == store.OpAmended && c.Kind == store.KindPage:
			for _, f := range c.Fields {
				got[c.Source+" "+f.Name]++
			}
		default:
			got[c.Source+" "+c.Key]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wanted := 0
	for i := range len(n.sites) {
		id := fmt.Sprintf("s%03d", i)
		for _, want := range n.wants(i) {
			wanted++
			times := 0
			for k, c := range got {
				if strings.HasPrefix(k, id+" ") && (strings.HasSuffix(k, " "+want) || strings.Contains(k, want) && !strings.HasPrefix(want, "meeting/")) {
					times += c
					delete(got, k)
				}
			}
			if times != 1 {
				t.Errorf("%s (%s): %s was found %d times", id, n.sites[id+".example"].platform, want, times)
			}
		}
	}
	for k, c := range got {
		t.Errorf("nobody published %s, found %d times", k, c)
	}
	t.Logf("%d changes published, each found once", wanted)
}

// checkNationPeriods: each visit of a site that is never broken begins at its time.
func checkNationPeriods(t *testing.T, a *app, n *loopbackNation) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	visits := 0
	var worst time.Duration
	for i, s := range a.sources {
		if troubled(i) {
			continue
		}
		begun := n.asked[hostOf(s.Base)]
		for j := 1; j < len(begun); j++ {
			visits++
			due := s.next(begun[j-1].In(london()))
			late := begun[j].Sub(due)
			worst = max(worst, late)
			if late < 0 || late > 2*tickEvery {
				t.Errorf("%s was visited at %s, due %s", s.ID, begun[j].In(london()), due)
			}
		}
		if len(begun) < 2 {
			t.Errorf("%s was visited %d times", s.ID, len(begun))
		}
	}
	t.Logf("%d visits of sites that were never broken, the latest %s after its time", visits, worst)
}
