package alerts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// lookedBack is how old a message may be and still count in a quota when the
// process starts: it waits five days at most, and longer only where the machine
// was off.
const lookedBack = 35 * 24 * time.Hour

// A quota counts what went out of late: what one address is sent in a day, and by
// relay (route.sent) what each takes in an hour and in a day. What was sent before
// the process began is read from the outbox: a restart frees nothing.
type quota struct {
	read  bool
	to    map[string][]time.Time // by address in small letters
	swept time.Time              // when addresses that were sent nothing for a day were forgotten
}

const day24 = 24 * time.Hour

// count is how many of the times are in the span that ends with now, and when
// the first of them leaves it. A time after now was noted by a clock that was wrong.
func count(times []time.Time, now time.Time, span time.Duration) (n int, first time.Time) {
	for _, t := range times {
		if t.After(now) || !t.After(now.Add(-span)) {
			continue
		}
		if n++; n == 1 || t.Before(first) {
			first = t
		}
	}
	return n, first
}

// A relayCap is how many messages a relay takes in a span.
type relayCap struct {
	limit int
	span  time.Duration
}

// caps are those that there are, less what is kept for service mail.
func (w *route) caps(service bool) []relayCap {
	var out []relayCap
	for _, x := range []relayCap{{w.PerHour, time.Hour}, {w.PerDay, day24}} {
		if x.limit <= 0 {
			continue
		}
		if !service {
			x.limit -= reserve(x.limit)
		}
		out = append(out, x)
	}
	return out
}

// full tells until when nothing may be sent to anybody, or nothing but service
// mail; zero: now it may.
func (w *route) full(now time.Time, service bool) (until time.Time) {
	for _, x := range w.caps(service) {
		if n, first := count(w.sent, now, x.span); n >= x.limit && first.Add(x.span).After(until) {
			until = first.Add(x.span)
		}
	}
	return until
}

// left is how many messages the relay takes now.
func (w *route) left(now time.Time, service bool) int {
	left := math.MaxInt
	for _, x := range w.caps(service) {
		n, _ := count(w.sent, now, x.span)
		left = min(left, x.limit-n)
	}
	return left
}

// fullFor tells until when an alert to an address has to wait; zero: it has not.
func (p *Postman) fullFor(address string, now time.Time) (until time.Time) {
	if n, first := count(p.quota.to[strings.ToLower(address)], now, day24); p.PerAddress > 0 && n >= p.PerAddress {
		return first.Add(day24)
	}
	return time.Time{}
}

// note counts an attempt that was, or may have been, taken.
func (p *Postman) note(w *route, address string, at time.Time) {
	old := func(t time.Time) bool { return !t.After(at.Add(-day24)) }
	if w.PerHour > 0 || w.PerDay > 0 {
		w.sent = append(slices.DeleteFunc(w.sent, old), at)
	}
	if p.PerAddress > 0 {
		k := strings.ToLower(address)
		p.quota.to[k] = append(slices.DeleteFunc(p.quota.to[k], old), at)
	}
	p.quota.forget(at)
}

// forget drops, once a day, the addresses that were sent nothing for a day: those
// of people who have left or were erased are not kept until the next start.
func (q *quota) forget(now time.Time) {
	if age := now.Sub(q.swept); age >= 0 && age < day24 {
		return
	}
	q.swept = now
	for address, times := range q.to {
		if !slices.ContainsFunc(times, func(t time.Time) bool { return t.After(now.Add(-day24)) }) {
			delete(q.to, address)
		}
	}
}

// recall counts, once in the life of a process, what went out before it.
func (p *Postman) recall(ctx context.Context, now time.Time) error {
	limited := slices.ContainsFunc(p.ways, func(w *route) bool { return w.PerHour > 0 || w.PerDay > 0 })
	if p.quota.read || !limited && p.PerAddress <= 0 {
		return nil
	}
	p.quota = quota{to: map[string][]time.Time{}}
	for _, w := range p.ways {
		w.sent = nil
	}
	if p.Backlog != nil {
		type sent struct {
			to string // subscription
			by *route
			at time.Time
		}
		var all []sent
		err := p.Backlog.Recent(ctx, now.Add(-lookedBack), func(d store.Delivery) bool {
			at := d.SentAt
			if d.State != store.Sent && d.Doubts > 0 { // it may have been taken, at about this time
				at = d.Due.Add(-uncertainAfter)
			}
			if at.After(now.Add(-day24)) {
				all = append(all, sent{d.Subscription, p.wayOf(d), at})
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("send: count what was sent: %w", err)
		}
		slices.SortFunc(all, func(a, b sent) int { return a.at.Compare(b.at) })
		for _, x := range all {
			sub, err := p.Subscribers.Subscription(ctx, x.to)
			if err != nil && !errors.Is(err, store.ErrNotFound) { // of one that is gone only the sum counts
				return fmt.Errorf("send: read subscription %s: %w", x.to, err)
			}
			p.note(x.by, sub.Address, x.at)
		}
	}
	p.quota.read = true
	return nil
}

// holds tells whether a relay's quota is used up at now, for service mail or for any
// other, and says so once.
func (p *Postman) holds(w *route, now time.Time, service bool) bool {
	until := w.full(now, service)
	if until.IsZero() {
		return false
	}
	if !until.Equal(w.noticed) {
		w.noticed = until
		p.Log.Warn("the relay has been given all it takes for now; the rest waits", "per_hour", w.PerHour, "per_day", w.PerDay, "next", until)
	}
	return true
}
