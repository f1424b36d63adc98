package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// visitsAtOnce bounds how many sources are crawled at a time; each host is
// asked one thing at a time in any case.
const visitsAtOnce = 4

type crawlCmd struct {
	Source []string `arg:"" optional:""`
	Since  string
	Until  string
	// Release takes over what the named sources show, even if it looks broken.
	Release bool
}

func (c *crawlCmd) Run(e *env) error {
	v := crawl.Visit{}
	var err error
	if c.Since != "" {
		if v.Since, err = parseTime(c.Since); err != nil {
			return usagef("--since: %w", err)
		}
	}
	if c.Until != "" {
		if v.Until, err = parseTime(c.Until); err != nil {
			return usagef("--until: %w", err)
		}
		if c.Since == "" {
			return usagef("--until needs --since: a backfill has a beginning")
		}
	}
	if c.Release && (len(c.Source) == 0 || c.Since != "") {
		return usagef("--release is for the sources named with it, as they are now: ccgwatch crawl --release SOURCE")
	}
	return e.withApp(func(a *app) error {
		if err := a.roomToCrawl(); err != nil {
			return err
		}
		v.Now, v.Release = e.now(), c.Release
		if v.Backfill() && v.Until.IsZero() {
			v.Until = v.Now
		}
		if v.Backfill() && !v.Until.After(v.Since) {
			if c.Until == "" {
				return usagef("--since %s lies ahead: a backfill reads what was", c.Since)
			}
			return usagef("--until %s is not after --since %s", c.Until, c.Since)
		}
		chosen := a.sources
		if len(c.Source) > 0 {
			chosen = nil
			for _, id := range c.Source {
				s, err := a.source(id)
				asleep := false
				if err != nil && v.Backfill() {
					var failed error
					if s, asleep, failed = a.dormant(id); failed != nil {
						return failed
					} else if asleep {
						err = nil
					}
				}
				if err != nil {
					return err
				}
				if v.Backfill() && s.crawl.Whole && !asleep { // it would hush what is news
					return usagef("%s is a list that is read whole each time: dates are for notices only", id)
				}
				chosen = append(chosen, s)
			}
		} else if v.Backfill() {
			chosen = feedsOf(chosen)
		}
		if len(chosen) == 0 {
			return usagef("no source is followed that this could read")
		}
		failed := 0
		show := newProgress(e)
		a.visitAll(e.ctx, chosen, v, show.draw, func(o outcome) {
			show.clear()
			printOutcome(e.stdout, o)
			if o.Err != nil {
				failed++
			}
		})
		show.clear()
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := a.follow(e.ctx, v.Now); err != nil {
			return err
		}
		if err := a.fallDue(e.ctx, v.Now); err != nil {
			return err
		}
		switch {
		case failed > 0 && failed == len(chosen):
			return &exitError{code: exitFailed}
		case failed > 0:
			return &exitError{code: exitSome}
		}
		return nil
	})
}

func feedsOf(all []source) []source {
	var out []source
	for _, s := range all {
		if !s.crawl.Whole {
			out = append(out, s)
		}
	}
	return out
}

// visitAll crawls the sources, some at a time, and reports each as it ends.
func (a *app) visitAll(ctx context.Context, chosen []source, v crawl.Visit, draw func(crawl.Progress), done func(outcome)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, visitsAtOnce)
	for _, s := range chosen {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			o := a.visit(ctx, s, v, draw)
			mu.Lock()
			defer mu.Unlock()
			done(o)
		})
	}
	wg.Wait()
}

func printOutcome(w io.Writer, o outcome) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", o.Source)
	if errors.Is(o.Err, context.Canceled) {
		b.WriteString("interrupted\n")
	} else if o.Err != nil {
		fmt.Fprintf(&b, "FAILED: %s\n", strings.TrimPrefix(o.Err.Error(), "crawl "+o.Source+": "))
	} else {
		fmt.Fprintf(&b, "%d read, %d added, %d amended, %d gone, in %d requests and %s%s\n", o.Items, o.Added, o.Amended, o.Gone, o.Requests,
			o.Took.Round(100*time.Millisecond), map[bool]string{true: " (silent: a first look or a backfill is not mailed)"}[o.Silent])
	}
	for _, p := range o.Problems {
		fmt.Fprintf(&b, "  could not read %s: %s\n", p.What, problemText(p))
	}
	fmt.Fprint(w, b.String())
}

func problemText(p store.Problem) string {
	s := string(p.Reason)
	if p.Detail != "" {
		s = p.Detail
	}
	if p.URL != "" && !strings.Contains(s, p.URL) {
		s += " " + p.URL
	}
	return s
}

// A progress draws one line about what is going on, on a terminal only.
type progress struct {
	w  io.Writer
	mu sync.Mutex
	on bool
}

func newProgress(e *env) *progress {
	if !e.terminal {
		return &progress{}
	}
	return &progress{w: e.stderr}
}

func (p *progress) draw(g crawl.Progress) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = true
	line := fmt.Sprintf("%s: %d asked, %d waiting, %d items, %d papers  %s", g.Source, g.Done, g.Waiting, g.Items, g.Documents, g.URL)
	if len(line) > 100 {
		line = line[:99] + "…"
	}
	fmt.Fprintf(p.w, "\r\033[K%s", line)
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on {
		fmt.Fprint(p.w, "\r\033[K")
		p.on = false
	}
}
