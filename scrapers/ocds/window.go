// Package ocds reads the two feeds of public procurement notices, Find a
// Tender and Contracts Finder, which publish in the Open Contracting Data
// Standard: it plans which windows of time to ask for so that nothing is lost,
// and decodes each release by itself, whatever is wrong with it.
//
// The facts behind it (which parameters lose notices, how times are read,
// what a notice type looks like) were measured on recorded answers of
// 2019, 2025 and 2026; comments name them where they decide something.
package ocds

import (
	"fmt"
	"time"
	_ "time/tzdata" // London's clock must be known on machines without zone files

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const (
	// baseline is how far back the first visit reads.
	baseline = 28 * 24 * time.Hour
	// overlap is read again by each visit: a notice may become visible a little
	// after the time it carries.
	overlap = time.Hour
	// lateness is how far back the second interface is compared, and the first
	// one is read again for it.
	lateness = 7 * 24 * time.Hour
	// wallLayout is how both services are given times: 19 characters, no zone,
	// read by them as London time.
	wallLayout = "2006-01-02T15:04:05"
)

// london is the zone of both services.
func london() (*time.Location, error) {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, fmt.Errorf("the clock of London: %w", err)
	}
	return zone, nil
}

func newDecoder(feed string) (decoder, error) {
	zone, err := london()
	return decoder{feed: feed, zone: zone}, err
}

// A feed is what the two sources have in common.
type feed struct {
	decoder
	base  string
	start time.Time // there is nothing before
	// limit is the most releases of a page; the first and the longest window.
	limit                int
	firstLen, longestLen time.Duration
	// again reads the whole last week once a day, for what came late.
	again bool
}

// span is what a visit reads: [from, to), whole seconds. An ordinary visit
// goes on where the last complete window ended, the first one reads the
// baseline. A cursor from the future (a clock that was wrong) is no place to go on from.
func (f feed) span(v crawl.Visit) (from, to time.Time, ok bool) {
	now := v.Now.UTC().Truncate(time.Second)
	to = now
	switch cursor, err := time.Parse(time.RFC3339, v.Old.Cursor); {
	case v.Backfill():
		if !v.Until.IsZero() && v.Until.Before(now) {
			to = v.Until.UTC().Add(time.Second - 1).Truncate(time.Second)
		}
		from = v.Since
		if from.IsZero() {
			from = to.Add(-baseline)
		}
	case err != nil || cursor.Sub(now) > overlap:
		from = now.Add(-baseline)
	default:
		from = cursor.Add(-overlap)
		if cursor.After(now) {
			from = now.Add(-overlap)
		}
	}
	from = from.UTC().Truncate(time.Second)
	if from.Before(f.start) {
		from = f.start
	}
	return from, to, from.Before(to)
}

// A walk goes through a span, oldest first, window by window. The position is
// London wall time (as if it were UTC), because that is what can be asked for:
// in the wall's own order consecutive windows leave no gap whichever of the two
// hours of the autumn night the service takes 01:30 for.
type walk struct {
	feed
	pos, end time.Time // wall
	begun    time.Time // wall: where it began
	regular  time.Time // wall: where it would have begun but for the second look
	last     time.Time // the instant of end
	backfill bool
	audit    audit
}

// newWalk begins a walk over [from, to). Ends inside the hour that the autumn
// night has twice are moved out of it.
func (f feed) newWalk(from, to time.Time, backfill bool) walk {
	second := f.wall(to.Add(-time.Second)) // the last one to read
	w := walk{feed: f, pos: f.wall(from), end: second.Add(time.Second), last: to, backfill: backfill}
	if f.ambiguous(w.pos) {
		w.pos = hourStart(w.pos).Add(-time.Second)
	}
	if f.ambiguous(second) {
		w.end = hourStart(second).Add(time.Hour + time.Second)
	}
	w.begun, w.regular = w.pos, w.pos
	return w
}

// until is where a window of a length that begins at the position ends: not
// after the walk's end, and not inside the hour that the spring night lacks.
func (w walk) until(length time.Duration) time.Time {
	end := w.pos.Add(length)
	if !end.Before(w.end) {
		return w.end
	}
	if w.missing(end) {
		end = hourStart(end).Add(time.Hour)
	}
	return end
}

// bounds are updatedFrom and updatedTo of a window, both inclusive. Where one
// would be the first or the last second of the doubled hour it is moved out by
// a second: 01:00:00 might be taken for the second hour's, 01:59:59 for the first's.
func (w walk) bounds(end time.Time) (from, to string) {
	a, b := w.pos, end.Add(-time.Second)
	if w.ambiguous(a) && !w.ambiguous(a.Add(-time.Second)) {
		a = a.Add(-time.Second)
	}
	if w.ambiguous(b) && !w.ambiguous(b.Add(time.Second)) {
		b = b.Add(time.Second)
	}
	if w.missing(b) {
		b = hourStart(b).Add(-time.Second)
	}
	return a.Format(wallLayout), b.Format(wallLayout)
}

// cursor is the instant up to which everything is read once the window that
// ends there is complete: never later than the end of the walk.
func (w walk) cursor(end time.Time) string {
	if w.backfill {
		return ""
	}
	t := w.last
	if end.Before(w.end) {
		early, late := w.instants(end)
		if t = early; t.IsZero() {
			t = late
		}
		if t.After(w.last) {
			t = w.last
		}
	}
	return t.UTC().Format(time.RFC3339)
}

// wall is what London's clocks show, as if it were UTC.
func (f feed) wall(t time.Time) time.Time {
	_, offset := t.In(f.zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instants returns when London's clocks show a wall time: in summer time, in
// winter time; both in the doubled hour, neither in the missing one.
func (f feed) instants(wall time.Time) (summer, winter time.Time) {
	if t := wall.Add(-time.Hour); f.wall(t).Equal(wall) {
		summer = t
	}
	if f.wall(wall).Equal(wall) {
		winter = wall
	}
	return summer, winter
}

func (f feed) missing(wall time.Time) bool {
	summer, winter := f.instants(wall)
	return summer.IsZero() && winter.IsZero()
}

func (f feed) ambiguous(wall time.Time) bool {
	summer, winter := f.instants(wall)
	return !summer.IsZero() && !winter.IsZero()
}

// hourStart is the beginning of the hour; clocks change on the hour.
func hourStart(wall time.Time) time.Time { return wall.Truncate(time.Hour) }

// add decodes releases onto a page and returns the ids of those that could be read.
func (f feed) add(p *crawl.Page, releases [][]byte) (ids []string) {
	items, problems := f.items(releases)
	for _, it := range items {
		p.Add(it)
		ids = append(ids, it.Notice.Release)
	}
	for _, x := range problems {
		p.Problem(x.Reason, x.What, x.Detail)
	}
	return ids
}

// gap notes a window that cannot be read completely.
func gap(p *crawl.Page, from, to, why string) {
	p.Problem(store.ReasonGap, "notices from "+from+" to "+to+" (London time)", why)
}
