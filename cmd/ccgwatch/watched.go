package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
)

// A watchlist is the procurements that are worth reading again by themselves,
// because a notice that is edited in place does not come by in its feed again:
// those with an open deadline, and those of which an outcome is awaited. It is
// gathered from the findings, and goes on from where it was.
type watchlist struct {
	areas []string // the group's; empty: everywhere is near

	mu    sync.Mutex
	after uint64 // findings up to this change are in
	procs map[string]map[string]process
}

// A process is what the findings say of one procurement last.
type process struct {
	stage    string
	at       time.Time // of the last change
	deadline time.Time
	near     bool
}

// watchOutcome is how long an outcome is waited for.
const watchOutcome = 180 * 24 * time.Hour

// list gives a source's watched processes, the most urgent first. Findings that
// are only mentions are not watched.
func (w *watchlist) list(ctx context.Context, st store.Outbox, source string, now time.Time) ([]crawl.Watched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pos, err := st.Position(ctx, alerts.Follower)
	if err != nil {
		return nil, err
	}
	if w.procs == nil {
		w.procs = map[string]map[string]process{}
	}
	err = st.Findings(ctx, w.after, func(f store.Finding) bool {
		w.add(f)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("gathering what is watched: %w", err)
	}
	w.after = max(w.after, pos.Seq) // of a later one not all findings may be in
	var out []crawl.Watched
	for ocid, p := range w.procs[source] {
		every, ok := p.every(now)
		if !ok {
			delete(w.procs[source], ocid)
			continue
		}
		out = append(out, crawl.Watched{ID: ocid, Every: every, Since: p.at})
	}
	slices.SortFunc(out, func(x, y crawl.Watched) int {
		return cmp.Or(cmp.Compare(x.Every, y.Every), cmp.Compare(x.ID, y.ID))
	})
	return out, nil
}

func (w *watchlist) add(f store.Finding) {
	ocid, _, ok := strings.Cut(f.Key, "/")
	if !ok || f.Kind != store.KindNotice || f.Tier == store.TierMention {
		return
	}
	if w.procs[f.Source] == nil {
		w.procs[f.Source] = map[string]process{}
	}
	p := w.procs[f.Source][ocid]
	if f.At.Before(p.at) {
		return
	}
	if p.stage, p.at = f.Stage, f.At; f.Deadline != nil {
		p.deadline = f.Deadline.Date()
	}
	p.near = p.near || len(w.areas) == 0 || slices.ContainsFunc(f.Areas, func(a string) bool { return slices.Contains(w.areas, a) })
	w.procs[f.Source][ocid] = p
}

// every is how often a process is read again; false: it is over, or nothing has
// been heard of it for too long. What is far away is read a quarter as often.
func (p process) every(now time.Time) (time.Duration, bool) {
	const day = 24 * time.Hour
	var d time.Duration
	quiet := now.Sub(p.at)
	if p.deadline.After(p.at) && p.deadline.Before(now) {
		quiet = now.Sub(p.deadline)
	}
	switch {
	case p.deadline.After(now) && p.deadline.Sub(now) <= 7*day:
		d = day
	case p.deadline.After(now):
		d = 3 * day
	case quiet > watchOutcome:
		return 0, false
	default:
		switch p.stage {
		case "intention":
			d = 3 * day
		case "tender", "tender_update":
			d = 7 * day
		case "pipeline", "engagement", "planned":
			d = 14 * day
		default:
			return 0, false
		}
	}
	if !p.near {
		d *= 4
	}
	return d, true
}

// auditWords say how complete a feed is, one sentence a line.
func auditWords(a ocds.Audit) []string {
	var out []string
	if a.From != "" {
		s := fmt.Sprintf("%s between numbers %s and %s", count(a.Seen, "notice"), a.From, a.To)
		if a.Never > 0 {
			s += fmt.Sprintf("; %s never seen", count(a.Never, "number"))
		}
		if a.Asking > 0 {
			s += fmt.Sprintf("; %s missing and still asked for", count(a.Asking, "number"))
		}
		if a.Found > 0 {
			s += fmt.Sprintf("; %d found only by number", a.Found)
		}
		out = append(out, s)
	}
	if !a.Crossed.IsZero() || a.Only > 0 {
		s := count(a.Only, "notice") + " found only by the second interface"
		if !a.Crossed.IsZero() {
			s += ", last compared " + wallTime(a.Crossed)
		}
		out = append(out, s)
	}
	if a.Watched > 0 {
		out = append(out, fmt.Sprintf("%s watched for edits in place, %d read again so far", count(a.Watched, "procurement"), a.Reread))
	}
	return out
}
