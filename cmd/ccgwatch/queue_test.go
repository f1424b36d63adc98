package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ccgwatch/config"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Hundreds of sources with the same schedule are spread over the time between
// its runs, each always at the same time.
func TestSpread(t *testing.T) {
	s, err := config.ParseSchedule(config.UsualSchedule("moderngov"))
	if err != nil {
		t.Fatal(err)
	}
	const n = 450
	buckets := map[int]int{}
	for i := range n {
		id := fmt.Sprintf("council-%d", i)
		d := spread(id, s)
		if d != spread(id, s) || d < 0 || d >= 5*time.Hour || d%time.Minute != 0 {
			t.Fatalf("%s: %s", id, d)
		}
		buckets[int(d/(30*time.Minute))]++
	}
	for i := range 10 { // 45 expected in each half hour
		if buckets[i] < 20 || buckets[i] > 80 {
			t.Errorf("half hour %d has %d of %d sources", i, buckets[i], n)
		}
	}
	hourly, err := config.ParseSchedule("17 7-19 * * *")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if d := spread(fmt.Sprint("x", i), hourly); d >= time.Hour {
			t.Errorf("an hourly source is shifted by %s", d)
		}
	}
}

// A schedule that is kept later keeps its rhythm, also over the night when the
// clocks change.
func TestSpreadKeepsTheRhythm(t *testing.T) {
	sched, err := config.ParseSchedule("5 7,12,17 * * *")
	if err != nil {
		t.Fatal(err)
	}
	s := source{Schedule: sched, spread: 4*time.Hour + 20*time.Minute}
	now := at("2026-10-24T00:00")
	for range 12 {
		next := s.next(now)
		if gap := next.Sub(now); gap <= 0 || gap > 16*time.Hour {
			t.Errorf("after %s comes %s", now, next)
		}
		now = next
	}
}

func TestAfter(t *testing.T) {
	sched, err := config.ParseSchedule("5 7,12,17 * * *")
	if err != nil {
		t.Fatal(err)
	}
	now := at("2026-08-10T07:05") // a Monday
	days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	fails := func(n int, since time.Time, why store.Reason) store.Health {
		return store.Health{LastTry: now, FailingSince: since, Failed: n, Problems: []store.Problem{{What: "the visit", Reason: why}}}
	}
	idle := func(n int) store.Health {
		return store.Health{LastTry: now, LastComplete: now, Rhythm: store.Rhythm{Changed: days(n), News: 5, Every: 3, Lessons: 200}}
	}
	for _, c := range []struct {
		name  string
		h     store.Health
		usual bool
		want  string
	}{
		{"as ever", idle(3), true, "2026-08-10T12:05"},
		{"failed once", fails(1, now, store.ReasonServer), true, "2026-08-10T07:35"},
		{"failed again", fails(2, now, store.ReasonServer), true, "2026-08-10T08:05"},
		{"a third time", fails(3, now, store.ReasonServer), true, "2026-08-10T09:05"},
		{"for a day", fails(9, days(1), store.ReasonServer), true, "2026-08-10T12:05"},
		{"for a week", fails(30, days(7), store.ReasonServer), true, "2026-08-11T07:05"},
		{"refuses us", fails(3, now, store.ReasonRefused), true, "2026-08-11T07:05"},
		{"refused us once", fails(1, now, store.ReasonRefused), true, "2026-08-10T07:35"},
		{"idle for two months", idle(60), true, "2026-08-11T07:05"},
		{"idle for a year", idle(365), true, "2026-08-13T07:05"},
		{"idle, and the operator chose the schedule", idle(365), false, "2026-08-10T12:05"},
		{"never any news, for long", store.Health{LastComplete: now, Rhythm: store.Rhythm{Lessons: 60}}, true, "2026-08-11T07:05"},
		{"never any news, new", store.Health{LastComplete: now, Rhythm: store.Rhythm{Lessons: 6}}, true, "2026-08-10T12:05"},
	} {
		s := source{Schedule: sched, usual: c.usual, crawl: crawl.Source{Whole: true}}
		if got := s.after(c.h, now); !got.Equal(at(c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got.Format("2006-01-02T15:04"), c.want)
		}
		if wait := s.after(c.h, now).Sub(now); wait > s.longest(now) {
			t.Errorf("%s: %s is taken for a clock that was set back", c.name, wait)
		}
	}
}

// What a site had to answer in a year, by host; of less than a year a year is made.
func TestYearOf(t *testing.T) {
	now := at("2026-08-10T12:00")
	var sources []source
	for _, x := range [][2]string{{"a", "https://one.example"}, {"b", "https://one.example/sub"}, {"c", "https://two.example"}, {"d", "https://three.example"}} {
		sources = append(sources, source{ID: x[0], Base: x[1]})
	}
	a := store.Health{Source: "a"}
	for m := range 14 {
		a = a.Asked(at("2025-07-15T12:00").AddDate(0, m, 0).Format("2006-01"), 100)
	}
	c := store.Health{Source: "c"}.Asked("2026-08", 30).Asked("2026-08", 20)
	got := yearOf([]store.Health{a, c}, sources, now)
	var words []string
	for _, y := range got {
		words = append(words, y.words())
	}
	want := []string{"two.example: 1929 requests a year at this rate", "one.example: 1200 requests a year, for 2 sources", "three.example: 0 requests a year"}
	if len(a.Sent) != 13 || a.Sent[0].Day != "2025-08" {
		t.Errorf("kept %v", a.Sent)
	}
	if !slices.Equal(words, want) {
		t.Errorf("%q, want %q", words, want)
	}
}
