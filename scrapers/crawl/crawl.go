// Package crawl fetches, with manners, and nothing else in the program does:
// robots.txt, pace, Retry-After, caps and the check of every address it
// connects to live here, and so does the one file that imports colly. It turns
// a Source into Sightings by calling the source's pure functions.
package crawl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ccgwatch/store"
)

// A Crawler visits sources, one request at a time.
type Crawler struct {
	Fetch *Fetcher
	// Archive keeps the papers; nil reads no papers (a preview).
	Archive store.Archive
	// Read turns the bytes of a paper into the text of each page.
	Read func(ctx context.Context, r io.Reader) ([]string, error)
	// Stall ends a visit that has not finished a single request for so long;
	// zero is 10 minutes. Waiting because a site asked us to is no stall.
	Stall time.Duration
	// Progress is called before each request, nil for silence.
	Progress func(Progress)
}

// A Progress says how far a visit has come.
type Progress struct {
	Source           string
	Done, Waiting    int // requests
	Items, Documents int
	URL              string // about to be asked
}

// A Report is what a visit cost and met, whether it succeeded or not.
type Report struct {
	Requests int
	Items    int
	Problems []store.Problem
}

// flushAt is how many items of a feed are gathered before they are handed on
// at the next checkpoint: a kill loses no more than these.
const flushAt = 200

// Visit crawls a source once and hands on what it saw: one sighting of a whole
// list, or as many of a feed as it takes. An error says why nothing (or, of a
// feed, nothing further) can be concluded; sightings handed on before it stand.
func (c *Crawler) Visit(ctx context.Context, src Source, v Visit, emit func(store.Sighting) error) (Report, error) {
	vis := &visit{Crawler: c, src: src, Visit: v, place: map[string]int{}}
	err := vis.run(ctx, emit)
	vis.report.Problems = append(vis.report.Problems, vis.problems...)
	if err != nil {
		return vis.report, fmt.Errorf("crawl %s: %w", src.ID, err)
	}
	return vis.report, nil
}

// visit is the state of one crawl.
type visit struct {
	*Crawler
	Visit
	src      Source
	items    []store.Item
	place    map[string]int // of a key in items
	problems []store.Problem
	from, to time.Time
	none     bool
	reached  bool // a checkpoint was met
	cursor   string
	report   Report
	papers   int
}

func (v *visit) run(ctx context.Context, emit func(store.Sighting) error) error {
	queue := v.src.Plan(v.Visit)
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		got, err := v.ask(ctx, r, len(queue))
		switch {
		case err == nil:
			queue = append(got.follow, queue...)
		case ctx.Err() != nil:
			return err
		case r.Or != nil:
			queue = append(r.Or(err), queue...)
		case r.Detail != "":
			v.problem(err, "details of "+r.Detail, r.URL)
		default:
			return err
		}
		if !v.src.Whole && v.reached && len(v.items) >= flushAt && len(queue) > 0 {
			if err := v.flush(emit, false); err != nil {
				return err
			}
		}
	}
	if v.src.Whole && len(v.items) == 0 && !v.none {
		return Errorf(store.ReasonEmpty, "%s lists nothing, and does not say so itself", v.src.Base)
	}
	v.readPapers(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	return v.flush(emit, true)
}

// flush hands on what was gathered and starts afresh.
func (v *visit) flush(emit func(store.Sighting) error, last bool) error {
	s := store.Sighting{
		Source: v.src.ID, At: v.Now, Whole: v.src.Whole, From: v.from, To: v.to,
		None: v.none, Cursor: v.cursor, Last: last, Items: v.items, Problems: v.problems,
	}
	v.report.Problems = append(v.report.Problems, v.problems...)
	v.report.Items += len(v.items)
	v.items, v.place, v.problems = nil, map[string]int{}, nil
	return emit(s)
}

// ask makes one request and takes over what its page gave.
func (v *visit) ask(ctx context.Context, r Request, waiting int) (gathered, error) {
	v.progress(r.URL, waiting)
	v.report.Requests++
	a, err := v.Fetch.Get(ctx, v.src, r.URL, r.Accept)
	if err != nil {
		return gathered{}, err
	}
	p := &Page{URL: a.URL, Header: a.Header, Body: a.Body, seen: v.seen}
	if err := r.Parse(p); err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Reason: store.ReasonFormat, Err: err}
		}
		if e.URL == "" {
			e.URL = r.URL
		}
		return gathered{}, e
	}
	v.take(p.got)
	return p.got, nil
}

func (v *visit) take(g gathered) {
	for _, it := range g.items {
		it.Source = v.src.ID
		if it.Body == "" {
			it.Body = v.src.Body
		}
		if i, ok := v.place[it.Key]; ok {
			v.items[i] = it
			continue
		}
		v.place[it.Key] = len(v.items)
		v.items = append(v.items, it)
	}
	for _, u := range g.updates {
		if i, ok := v.place[u.key]; ok {
			u.set(&v.items[i])
		}
	}
	v.problems = append(v.problems, g.problems...)
	v.none = v.none || g.none
	if !g.from.IsZero() || !g.to.IsZero() {
		v.from, v.to = g.from, g.to
	}
	v.reached = v.reached || g.reached
	if g.checkpoint != "" {
		v.cursor = g.checkpoint
	}
}

func (v *visit) seen(key string) (store.Item, bool) {
	i, ok := v.place[key]
	if !ok {
		return store.Item{}, false
	}
	return v.items[i], true
}

func (v *visit) problem(err error, what, address string) {
	v.problems = append(v.problems, store.Problem{Reason: reasonOf(err), What: what, URL: address, Detail: err.Error()})
}

func (v *visit) progress(address string, waiting int) {
	if v.Progress != nil {
		v.Progress(Progress{Source: v.src.ID, Done: v.report.Requests, Waiting: waiting, Items: v.report.Items + len(v.items), Documents: v.papers, URL: address})
	}
}
