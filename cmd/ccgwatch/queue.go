package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net/url"
	"slices"
	"time"

	"ccgwatch/config"
	"ccgwatch/store"
)

const (
	// healthyAtOnce bounds the visits of the daemon, which for the most part wait
	// for the pace of their sites; failingAtOnce those of sources that failed the
	// last time, so that no number of sites that hang holds up the others.
	healthyAtOnce, failingAtOnce = 16, 4
	// papersAtOnce bounds the child processes that read papers.
	papersAtOnce = 2

	// spreadMost is how far a usual schedule is shifted at most.
	spreadMost = 5 * time.Hour
	// A source without news for idleAfter is visited once a day, after
	// dormantAfter once in three days.
	idleAfter, idleWait       = 45 * 24 * time.Hour, 20 * time.Hour
	dormantAfter, dormantWait = 180 * 24 * time.Hour, 68 * time.Hour
	// A failing source is asked again after retryFirst, then half as often each
	// time, and one that has failed for hopelessAfter, or refuses us, once a day.
	retryFirst, retryMost = 30 * time.Minute, 12 * time.Hour
	hopelessAfter         = 7 * 24 * time.Hour
	refusals              = 3
)

// slots bound what goes on at once.
type slots struct{ healthy, failing chan struct{} }

func newSlots() slots {
	return slots{make(chan struct{}, healthyAtOnce), make(chan struct{}, failingAtOnce)}
}

// queue starts a visit of every source that is due, unless it or another of its
// site is being visited: that one has its turn when the site is free.
func (d *daemon) queue(ctx context.Context, due []source, now time.Time) {
	if len(due) == 0 {
		return
	}
	failed := map[string]bool{}
	all, err := d.store.Healths(ctx)
	if err != nil {
		d.log.Error("schedule", "err", err)
	}
	for _, h := range all {
		failed[h.Source] = !h.FailingSince.IsZero()
	}
	for _, s := range due {
		site := "site " + hostOf(s.Base)
		if !d.claim(s.ID) {
			continue
		}
		if !d.claim(site) {
			d.release(s.ID)
			continue
		}
		lane := d.lanes.healthy
		if failed[s.ID] {
			lane = d.lanes.failing
		}
		d.visits.Go(func() {
			defer d.release(s.ID)
			defer d.release(site)
			select {
			case lane <- struct{}{}:
				defer func() { <-lane }()
				d.look(ctx, s, now)
			case <-ctx.Done():
			}
		})
	}
}

// hostOf is the host and port of an address.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return base
	}
	return u.Host
}

// spread is by how much a source keeps to a usual schedule later than it says:
// always the same for the same source, and spread over the time to the next
// run, so that hundreds of sources are not all asked at five past seven.
func spread(id string, s config.Schedule) time.Duration {
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	room := spreadMost
	for range 10 {
		next := s.Next(at)
		following := s.Next(next)
		if following.IsZero() {
			return 0
		}
		room, at = min(room, following.Sub(next)), next
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, id)
	return time.Duration(h.Sum32()%uint32(max(1, room/time.Minute))) * time.Minute
}

// words are the schedule in words, and by how much it is kept later.
func (s source) words() string {
	if s.spread == 0 {
		return s.Schedule.Words()
	}
	minutes := int(s.spread / time.Minute)
	return fmt.Sprintf("%s, each %dh%02d later", s.Schedule.Words(), minutes/60, minutes%60)
}

// after is when a source is due after a visit that left it in a health.
func (s source) after(h store.Health, now time.Time) time.Time {
	next := s.next(now)
	if !h.FailingSince.IsZero() {
		if now.Sub(h.FailingSince) >= hopelessAfter || h.Condition(now) == store.Blocked && h.Failed >= refusals {
			return s.next(now.Add(idleWait))
		}
		if soon := now.Add(min(retryFirst<<min(max(h.Failed-1, 0), 10), retryMost)); soon.Before(next) {
			next = soon
		}
		return next
	}
	if !s.usual || !s.crawl.Whole {
		return next
	}
	switch idle := h.Rhythm.Idle(now); {
	case idle > dormantAfter:
		return s.next(now.Add(dormantWait))
	case idle > idleAfter:
		return s.next(now.Add(idleWait))
	}
	return next
}

// readPaper has a paper read, few at a time.
func (a *app) readPaper(ctx context.Context, r io.Reader) ([]string, error) {
	select {
	case a.papers <- struct{}{}:
		defer func() { <-a.papers }()
		return a.reader.Read(ctx, r)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A siteYear is what one host had to answer in a year.
type siteYear struct {
	Host     string
	Sources  int
	Year     int  // in the last twelve months, or
	Expected bool // as many as it would be at this rate
}

// yearOf adds up the requests of the last year by host, the most first. Where
// less than a year is known, what is known is taken for all of it.
func yearOf(healths []store.Health, sources []source, now time.Time) []siteYear {
	known := map[string]store.Health{}
	for _, h := range healths {
		known[h.Source] = h
	}
	by := map[string]*siteYear{}
	for _, s := range sources {
		host := hostOf(s.Base)
		y := by[host]
		if y == nil {
			y = &siteYear{Host: host}
			by[host] = y
		}
		y.Sources++
		if sent := known[s.ID].Sent; len(sent) > 0 {
			n, whole := lastYear(sent, now)
			y.Year += n
			y.Expected = y.Expected || !whole
		}
	}
	var out []siteYear
	for _, y := range by {
		out = append(out, *y)
	}
	slices.SortFunc(out, func(x, y siteYear) int { return cmp.Or(cmp.Compare(y.Year, x.Year), cmp.Compare(x.Host, y.Host)) })
	return out
}

// lastYear sums the months; of less than eleven whole ones it makes a year. The
// days of the month that has begun count as far as they have come.
func lastYear(months []store.DayCount, now time.Time) (n int, whole bool) {
	local := now.In(london())
	for _, m := range months {
		if m.Day > local.AddDate(-1, 0, 0).Format("2006-01") {
			n += m.N
		}
	}
	if first, err := time.Parse("2006-01", months[0].Day); err == nil {
		if days := local.Sub(first).Hours() / 24; days < 335 {
			return int(float64(n) * 365 / max(days, 7)), false
		}
	}
	return n, true
}

func (y siteYear) words() string {
	s := fmt.Sprintf("%s: %s a year", y.Host, count(y.Year, "request"))
	if y.Expected {
		s += " at this rate"
	}
	if y.Sources > 1 {
		s += fmt.Sprintf(", for %d sources", y.Sources)
	}
	return s
}

// burden says how much each site had to answer.
func (x *examination) burden(a *app, sources []source) error {
	all, err := a.store.Healths(x.ctx)
	if err != nil {
		return err
	}
	years := yearOf(all, sources, x.now())
	y := symptom{Check: "burden", State: well}
	total := 0
	for _, s := range years {
		total += s.Year
		if s.Year > 0 {
			y.Details = append(y.Details, s.words())
		}
	}
	if len(y.Details) == 0 {
		return nil
	}
	y.What = fmt.Sprintf("%s a year from %s", count(total, "request"), count(len(y.Details), "host"))
	x.say(y)
	return nil
}
