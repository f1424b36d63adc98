// Package crawl fetches, with manners, and nothing else in the program does:
// robots.txt, pace, Retry-After, caps and the check of every address it
// connects to live here, and so does the one file that imports colly. It turns
// a Source into Sightings by calling the source's pure functions.
//
// The way of a request: address (is it the source's?), allowed (robots.txt),
// lane (our turn, the pace), the transport (the guard at the dialler), receiver
// (unpacking, caps, nothing cut), then judge (keep, repeat or give up).
package crawl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"ccgwatch/store"
)

// A Crawler visits sources, one request at a time. It may make several visits
// at once.
type Crawler struct {
	Fetch *Fetcher
	// Archive keeps the papers; nil keeps none, and reads only those in which the
	// source looks for further items (a preview).
	Archive store.Archive
	// Read turns the bytes of a paper into the text of each page; nil reads none.
	Read func(ctx context.Context, r io.Reader) ([]string, error)
	// Stall ends a visit that has not finished a single request for so long;
	// zero is 10 minutes. Waiting for a host is no stall: for the pace, because
	// it asked us to, or because another visit has its turn.
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
	Requests int // addresses asked for
	// Sent is what the sites had to answer: repeats, redirects and robots.txt
	// are in it.
	Sent     int
	Items    int
	Problems []store.Problem
}

const (
	// flushAt is how many items of a feed are gathered before they are handed on
	// at the next checkpoint: a kill loses no more than these.
	flushAt = 200
	// sameAgain and wholeMost end a walk that goes round in circles: the same
	// address over and over, or a whole list that never ends.
	sameAgain = 3
	wholeMost = 10_000
	// giveUp is how many details in a row may fail because the host does, before
	// the others are not asked for in this visit.
	giveUp = 3
)

var errStalled = errors.New("no request was finished in time")

// Visit crawls a source once and hands on what it saw: one sighting of a whole
// list, or as many of a feed as it takes. An error says why nothing (or, of a
// feed, nothing further) can be concluded; sightings handed on before it stand.
func (c *Crawler) Visit(ctx context.Context, src Source, v Visit, emit func(store.Sighting) error) (Report, error) {
	stall := orElse(c.Stall, 10*time.Minute)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dog := watch(stall, func() { cancel(errStalled) })
	defer dog.stop()

	vis := &visit{Crawler: c, src: src, Visit: v, dog: dog, place: map[string]int{}, asked: map[string]int{}}
	err := vis.run(ctx, emit)
	vis.report.Problems = append(vis.report.Problems, vis.problems...)
	switch {
	case err == nil:
		return vis.report, nil
	case errors.Is(context.Cause(ctx), errStalled):
		err = &Error{Reason: store.ReasonStalled, URL: vis.asking, Err: fmt.Errorf("%w (%s)", errStalled, stall)}
	}
	return vis.report, fmt.Errorf("crawl %s: %w", src.ID, err)
}

// visit is the state of one crawl.
type visit struct {
	*Crawler
	Visit
	src      Source
	dog      *watchdog
	mu       sync.Mutex // of items and place: a parse left behind may still ask Seen
	items    []store.Item
	place    map[string]int // of a key in items
	asked    map[string]int // how often each address was
	asking   string
	failing  int // details in a row that failed because the host did
	problems []store.Problem
	from, to time.Time
	none     bool
	cursor   string
	notes    string // "" leaves the old ones
	reached  bool   // a checkpoint, since the last sighting
	report   Report
	papers   int
	handed   map[string]bool // of a backfill of a list: what was handed on
	listing  map[string]bool // see lists
	quiet    map[string]bool // see store.Sighting
	same     map[string]string
}

func (v *visit) run(ctx context.Context, emit func(store.Sighting) error) error {
	queue := v.src.Plan(v.Visit)
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		got, err := v.ask(ctx, r, len(queue))
		if r.Hint != nil {
			return v.hint(ctx, emit, r.Hint, err)
		}
		if err == nil {
			queue = append(got.follow, queue...)
			if got.reached && !v.src.Whole && len(v.items) >= flushAt && !awaitsDetails(queue) {
				if err := v.flush(ctx, emit, false); err != nil {
					return err
				}
			}
			if v.piecemeal() && r.Detail != "" {
				if err := v.handOn(ctx, emit, r.Detail, false); err != nil {
					return err
				}
			}
			continue
		}
		if ctx.Err() == nil {
			if r.Or != nil {
				if other := r.Or(err); other != nil {
					queue = append(other, queue...)
					continue
				}
			}
			if r.Detail != "" {
				v.problem(err, "details of "+r.Detail, r.URL)
				continue
			}
			if v.piecemeal() && len(v.items) > 0 { // part of the past is better than none
				v.problem(err, "a page of the list", r.URL)
				continue
			}
		}
		return v.end(ctx, emit, err)
	}
	if v.src.Whole && len(v.items) == 0 && !v.none && !v.Release && !v.emptied() {
		return Errorf(store.ReasonEmpty, "%s lists nothing, and does not say so itself", v.src.Base)
	}
	return v.flush(ctx, emit, true)
}

// emptied: the list is known to be empty, because the operator released it as
// that or all of it went in a way that was believed.
func (v *visit) emptied() bool {
	if v.Old.Baseline.IsZero() || len(v.Old.Items) == 0 {
		return false
	}
	for _, it := range v.Old.Items {
		if it.Withdrawn.IsZero() {
			return false
		}
	}
	return true
}

// end gives up. What a feed read completely up to its last checkpoint is handed
// on first, so that the next visit goes on from there; not when the whole
// program is ending.
func (v *visit) end(ctx context.Context, emit func(store.Sighting) error, err error) error {
	if v.src.Whole || !v.reached || ctx.Err() != nil && !errors.Is(context.Cause(ctx), errStalled) {
		return err
	}
	return errors.Join(err, v.emit(emit, false))
}

// hint hands on what a last resort gave, and lets the failure before it stand.
func (v *visit) hint(ctx context.Context, emit func(store.Sighting) error, why, err error) error {
	if ctx.Err() != nil || err != nil || len(v.items) == 0 || v.Old.Baseline.IsZero() {
		return why
	}
	some := func(s store.Sighting) error {
		s.Whole, s.None, s.From, s.To = false, false, time.Time{}, time.Time{}
		return emit(s)
	}
	if err := v.emit(some, false); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// awaitsDetails: an item that is handed on can no longer be completed.
func awaitsDetails(queue []Request) bool {
	for _, r := range queue {
		if r.Detail != "" {
			return true
		}
	}
	return false
}

// flush hands on what was gathered, its papers read, and starts afresh.
func (v *visit) flush(ctx context.Context, emit func(store.Sighting) error, last bool) error {
	if v.piecemeal() {
		return v.handOn(ctx, emit, "", last)
	}
	var more FromText
	if v.src.Whole {
		v.readPapers(ctx)
		if v.src.Texts != nil && ctx.Err() == nil {
			more = v.fromTexts(ctx)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v.quiet, v.same = more.Quiet, more.Same
	return v.emit(emit, last)
}

func (v *visit) emit(emit func(store.Sighting) error, last bool) error {
	s := store.Sighting{
		Source: v.src.ID, At: v.Now, Whole: v.src.Whole, From: v.from, To: v.to,
		None: v.none, Cursor: v.cursor, Notes: v.notes, Last: last, Items: v.items, Problems: v.problems,
		Quiet: v.quiet, Same: v.same,
	}
	v.report.Problems = append(v.report.Problems, v.problems...)
	v.report.Items += len(v.items)
	v.mu.Lock()
	v.items, v.place, v.problems, v.reached = nil, map[string]int{}, nil, false
	v.mu.Unlock()
	return emit(s)
}

// ask makes one request and takes over what its page gave.
func (v *visit) ask(ctx context.Context, r Request, waiting int) (gathered, error) {
	if err := v.circling(r); err != nil {
		return gathered{}, err
	}
	if r.Detail != "" && v.failing >= giveUp {
		return gathered{}, &Error{Reason: store.ReasonNetwork, URL: r.URL, Err: fmt.Errorf("not asked: the host failed %d times in a row", v.failing)}
	}
	v.progress(r.URL, waiting)
	v.report.Requests++
	t := v.Fetch.task(v.src, v.dog)
	t.fresh, t.sent = v.Fresh, &v.report.Sent
	a, err := v.Fetch.get(ctx, t, r)
	v.count(err)
	read := r.Parse
	if err != nil && r.Absent != nil && ReasonOf(err) == store.ReasonMissing {
		if a, err = v.absent(r.URL); err == nil {
			read = r.Absent
		}
	}
	if err != nil {
		return gathered{}, err
	}
	p := v.page(a)
	err = parse(ctx, read, p)
	if err != nil && a.Stored && ctx.Err() == nil {
		// What we hold came in well once and was not what it should be (half a page,
		// an error page), with the validator of the page as it is: the site says that
		// nothing has changed, and would say so for ever.
		t := v.Fetch.task(v.src, v.dog)
		t.fresh, t.sent = true, &v.report.Sent
		if b, again := v.Fetch.get(ctx, t, r); again == nil {
			p = v.page(b)
			err = parse(ctx, read, p)
		}
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			err = &Error{Reason: store.ReasonFormat, Err: err}
		}
		return gathered{}, withURL(err, r.URL)
	}
	for _, it := range p.got.items {
		if it.Key == "" {
			return gathered{}, &Error{Reason: store.ReasonFormat, URL: r.URL, Err: fmt.Errorf("%q has no key", clip(it.Title, 100))}
		}
	}
	if err := v.take(p.got); err != nil {
		return gathered{}, withURL(err, r.URL)
	}
	return p.got, nil
}

// absent is the page of an address at which the site says there is nothing.
func (v *visit) absent(address string) (*Answer, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, withURL(err, address)
	}
	return &Answer{URL: u}, nil
}

func (v *visit) circling(r Request) error {
	key := r.URL + " " + r.Accept + " " + r.Search
	v.asked[key]++
	switch {
	case v.asked[key] > sameAgain:
		return &Error{Reason: store.ReasonFormat, URL: r.URL, Err: fmt.Errorf("asked %d times in one visit: the pages lead in a circle", sameAgain)}
	case v.src.Whole && v.report.Requests >= wholeMost:
		return &Error{Reason: store.ReasonFormat, URL: r.URL, Err: fmt.Errorf("the list has not ended after %d requests", wholeMost)}
	}
	return nil
}

// count tells a host that fails from a page that does.
func (v *visit) count(err error) {
	if err != nil {
		switch ReasonOf(err) {
		case store.ReasonNetwork, store.ReasonBusy, store.ReasonServer, store.ReasonTruncated:
			v.failing++
			return
		}
	}
	v.failing = 0
	v.dog.fed()
}

// parse calls the source's function, which may be wrong about a page it has
// never seen: a panic is an error of the page, and one that does not return is
// left behind when the visit ends. Until then nobody else touches the page.
func parse(ctx context.Context, read func(*Page) error, p *Page) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if x := recover(); x != nil {
				done <- Errorf(store.ReasonFormat, "parsing panicked: %v\n%s", x, clip(string(debug.Stack()), 2000))
			}
		}()
		done <- read(p)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *visit) take(g gathered) (err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	defer func() { // the functions given to Update are the source's too
		if x := recover(); x != nil {
			err = Errorf(store.ReasonFormat, "completing an item panicked: %v\n%s", x, clip(string(debug.Stack()), 2000))
		}
	}()
	for _, it := range g.items {
		it.Source = v.src.ID
		if it.Body == "" {
			it.Body = v.src.Body
		}
		i, ok := v.place[it.Key]
		switch {
		case !ok:
			v.place[it.Key] = len(v.items)
			v.items = append(v.items, it)
		case it.Stub && !v.items[i].Stub: // listed a second time after its details were read
		default:
			v.items[i] = it
		}
	}
	for _, u := range g.updates {
		if i, ok := v.place[u.key]; ok {
			u.set(&v.items[i])
		}
	}
	v.problems = append(v.problems, g.problems...)
	v.none = v.none || g.none
	v.cover(g.from, g.to)
	v.reached = v.reached || g.reached
	if g.checkpoint != "" {
		v.cursor = g.checkpoint
	}
	if g.notes != "" {
		v.notes = g.notes
	}
	return nil
}

// cover narrows what absence means: only what every page covers can be missing.
func (v *visit) cover(from, to time.Time) {
	if from.After(v.from) {
		v.from = from
	}
	if !to.IsZero() && (v.to.IsZero() || to.Before(v.to)) {
		v.to = to
	}
}

func (v *visit) seen(key string) (store.Item, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i, ok := v.place[key]
	if !ok {
		return store.Item{}, false
	}
	return v.items[i], true
}

func (v *visit) problem(err error, what, address string) {
	v.problems = append(v.problems, store.Problem{Reason: ReasonOf(err), What: what, URL: address, Detail: err.Error()})
}

func (v *visit) progress(address string, waiting int) {
	v.asking = address
	if v.Progress != nil {
		v.Progress(Progress{Source: v.src.ID, Done: v.report.Requests, Waiting: waiting, Items: v.report.Items + len(v.items), Documents: v.papers, URL: address})
	}
}
