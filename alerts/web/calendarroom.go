package web

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
	"time"
)

// A calendar has room for so many bytes of events. A program reads the whole of
// it, again and again, and what is in it no more is taken out of somebody's
// calendar: so it holds what is nearest, in whole days, and what was moved away
// from these days, until the day it was moved from is over. It says what it
// leaves out, and where that is.

// roomForEvents keeps a calendar below 100 KB with what it says of itself, of
// which there are 8 KB at most.
const roomForEvents = 90 << 10

// A holding is what a calendar holds.
type holding struct {
	list          []booking // the earliest first
	first, last   time.Time
	before, after bool // there are earlier ones than first, later ones than last
	torn          bool // not even all of one day
	moved         int  // dates that are neither: they were moved away from these days
}

// A booking is a date that a calendar may have room for, and as it stands there.
type booking struct {
	Date
	of   *occasion
	text []byte
}

func sizeOf(list []booking) (n int) {
	for _, e := range list {
		n += len(e.text)
	}
	return n
}

// write writes the calendar.
func (h holding) write(w io.Writer, c Calendar) error {
	return writeCalendar(w, c, func(yield func([]byte) bool) {
		for _, e := range h.list {
			if !yield(e.text) {
				return
			}
		}
	})
}

// held are the dates asked for that a calendar holds: of what is ahead of the end
// of the log the soonest, and as far as there is room of what is over the latest;
// from a day on, where one is asked for, nothing before.
func (s *site) held(ctx context.Context, x DatesWant, base string) (out holding, err error) {
	err = s.withDates(ctx, x, base, func(d *diary) error {
		out, err = d.hold(ctx, cmp.Or(s.calendarRoom, roomForEvents))
		return err
	})
	return out, err
}

// A packing is a calendar that is being filled.
type packing struct {
	*diary
	room  int
	from  time.Time // dates that were on a day from here on are not lost
	end   time.Time // up to here, if it holds not all that is ahead
	ahead []booking
	moved []booking
	over  []booking
	torn  bool
}

func (d *diary) hold(ctx context.Context, room int) (out holding, err error) {
	p := packing{diary: d, room: room}
	today := dayOf(d.until, d.zone)
	since := today
	if !d.want.From.IsZero() {
		since = d.want.From
	}
	p.from = latest(since, today)
	now := sort.Search(len(d.all), func(i int) bool { return !d.all[i].start.Before(since) })
	var left *booking
	if p.ahead, left, err = d.gather(ctx, slices.All(d.all[now:]), room, 1); err != nil {
		return out, err
	}
	if out.after = left != nil; out.after {
		p.ahead, p.torn = d.wholeDays(p.ahead, *left)
		p.end = d.lastDay(p.ahead).AddDate(0, 0, 1)
	}
	if p.moved, err = p.movedAway(ctx); err != nil {
		return out, err
	}
	if p.squeeze() {
		out.after = true
	}
	if d.want.From.IsZero() {
		if out.before, err = p.look(ctx, d.all[:now], out.after); err != nil {
			return out, err
		}
	}
	out.torn = p.torn
	d.fill(&out, slices.Concat(p.over, p.ahead), p.moved)
	return out, nil
}

// squeeze makes room for what was moved away: the last days go for it. Where one
// day fills it all, a part of it goes, and of many that were moved the farthest.
// What was moved within these days to one that goes was moved away from them now.
// It tells whether anything ahead went.
func (p *packing) squeeze() (went bool) {
	for sizeOf(p.ahead)+sizeOf(p.moved) > p.room {
		last := p.lastDay(p.ahead)
		shorter := slices.DeleteFunc(slices.Clone(p.ahead), func(e booking) bool { return !p.dayOf(e).Before(last) })
		switch {
		case len(shorter) > 0:
			for _, e := range p.ahead {
				if !p.dayOf(e).Before(last) && len(e.of.was) > 0 {
					p.moved = append(p.moved, e)
				}
			}
			p.ahead, p.end, went = shorter, p.lastDay(shorter).AddDate(0, 0, 1), true
			p.moved = slices.DeleteFunc(p.moved, func(e booking) bool { return !e.of.wasBetween(p.from, p.end) })
			slices.SortStableFunc(p.moved, func(a, b booking) int { return a.of.start.Compare(b.of.start) })
		case sizeOf(p.moved) > p.room/2:
			p.moved, p.torn = p.moved[:len(p.moved)-1], true
		case len(p.ahead) > 1:
			p.ahead, p.torn, went = p.ahead[:len(p.ahead)-1], true, true
		default:
			return went
		}
	}
	return went
}

// look takes of what is over the latest days, as far as there is room, and tells
// whether there is more.
func (p *packing) look(ctx context.Context, past []*occasion, full bool) (more bool, err error) {
	known := map[*occasion]bool{}
	for _, e := range p.moved {
		known[e.of] = true
	}
	rest := p.room - sizeOf(p.ahead) - sizeOf(p.moved)
	if full {
		rest = 0
	}
	least := 0
	if len(p.ahead)+len(p.moved) == 0 {
		least = 1
	}
	var left *booking
	p.over, left, err = p.gather(ctx, func(yield func(int, *occasion) bool) {
		for i, o := range slices.Backward(past) {
			if !known[o] && !yield(i, o) {
				return
			}
		}
	}, rest, least)
	if left == nil || err != nil {
		return false, err
	}
	over, torn := p.wholeDays(p.over, *left)
	switch {
	case !torn:
		p.over = over
	case least == 0:
		p.over = nil
	default:
		p.torn = true
	}
	return true, nil
}

// fill puts in order what a calendar holds.
func (d *diary) fill(out *holding, near, moved []booking) {
	for _, e := range near {
		if day := d.dayOf(e); out.first.IsZero() || day.Before(out.first) {
			out.first = day
		}
		out.last = latest(out.last, d.dayOf(e))
		out.list = append(out.list, e)
	}
	for _, e := range moved {
		if day := d.dayOf(e); day.Before(out.first) || day.After(out.last) {
			out.moved++
		}
		out.list = append(out.list, e)
	}
	slices.SortFunc(out.list, func(a, b booking) int { return byTime(a.Date, b.Date) })
}

// gather are the dates asked for as long as there is room, but at least so many,
// and the first for which there was none.
func (d *diary) gather(ctx context.Context, from iter.Seq2[int, *occasion], room, least int) (out []booking, left *booking, err error) {
	for _, o := range from {
		e, ok, err := d.booked(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if room -= len(e.text); room < 0 && len(out) >= least {
			return out, &e, nil
		}
		out = append(out, e)
	}
	return out, nil, nil
}

func (d *diary) booked(ctx context.Context, o *occasion) (booking, bool, error) {
	ok, err := d.takes(ctx, o)
	if err != nil || !ok {
		return booking{}, false, err
	}
	m, err := d.made(ctx, o)
	if err != nil || m == nil {
		return booking{}, false, err
	}
	e := booking{Date: d.shown(m), of: o}
	if w := m.written.Load(); w != nil && w.base == d.base {
		e.text = w.text
		return e, true, nil
	}
	e.text = written(e.Event, d.zone)
	m.written.Store(&writing{d.base, e.text})
	return e, true, nil
}

// A writing is a date as it stands in calendars whose addresses begin with base.
type writing struct {
	base string
	text []byte
}

// written is an event of a calendar.
func written(e Event, zone *time.Location) []byte {
	var b bytes.Buffer
	w := bufio.NewWriterSize(&b, 1024)
	icalWriter{w, zone}.event(e)
	_ = w.Flush() // into memory
	return b.Bytes()
}

func (d *diary) dayOf(e booking) time.Time { return dayOf(e.Start, d.zone) }

// lastDay is the last on which one of some dates is.
func (d *diary) lastDay(list []booking) time.Time {
	var last time.Time
	for _, e := range list {
		last = latest(last, d.dayOf(e))
	}
	return last
}

// wholeDays are the dates without those of the day on which the room was out. If
// all are of that day, as many as there was room for.
func (d *diary) wholeDays(list []booking, left booking) (out []booking, torn bool) {
	out = slices.DeleteFunc(slices.Clone(list), func(e booking) bool { return d.dayOf(e).Equal(d.dayOf(left)) })
	if len(out) == 0 {
		return list, true
	}
	return out, false
}

// movedAway are the dates asked for that were on these days and are there no
// more, the soonest first.
func (p *packing) movedAway(ctx context.Context) (out []booking, err error) {
	known := map[*occasion]bool{}
	for _, e := range p.ahead {
		known[e.of] = true
	}
	for _, o := range p.all {
		if len(o.was) == 0 || known[o] || !o.wasBetween(p.from, p.end) {
			continue
		}
		e, ok, err := p.booked(ctx, o)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, e)
		}
	}
	return out, nil
}

// wasBetween tells whether a date has been on a day from one moment on, before
// another (zero: ever after). Cost: none for a date that never moved.
func (o *occasion) wasBetween(from, end time.Time) bool {
	return slices.ContainsFunc(o.was, func(t time.Time) bool { return !t.Before(from) && (end.IsZero() || t.Before(end)) })
}

// mostOfAddress is how long an address may be that stands in what a calendar says
// of itself, which has 1,000 characters.
const mostOfAddress = 300

// leftOut says which part of the dates a calendar has room for, and where the
// others are. later is its address from a day on.
func (s *site) leftOut(h holding, later func(from time.Time) string, base string) string {
	if !h.before && !h.after {
		return ""
	}
	of := func(t time.Time) string { return t.In(s.zone).Format("2 January 2006") }
	days := of(h.first) + " to " + of(h.last)
	if h.first.Equal(h.last) {
		days = of(h.first)
	}
	said := "all of " + days
	if h.torn {
		said = "a part of " + days
	}
	if h.moved > 0 {
		said += fmt.Sprintf(", and %s moved away from these days", plural(h.moved, "date that was", "dates that were"))
	}
	said = " There are more dates than a calendar takes: this one holds " + said + "."
	if h.after {
		from := h.last.AddDate(0, 0, 1)
		address := later(from)
		if len(address) > mostOfAddress { // cut, it would lead to another search
			address = "add from=" + from.Format(time.DateOnly) + " to this address"
		}
		said += " Later ones: " + address + "."
	}
	if h.torn {
		said += " All of a day that is too full: " + base + "/data/meetings.csv."
	}
	if h.before {
		said += " Earlier ones: " + base + "/data/meetings.csv."
	}
	return said + " Or ask for the calendar of a body, an area, a committee or a search: " + base + "/data"
}
