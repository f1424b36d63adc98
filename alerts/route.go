package alerts

import (
	"cmp"
	"context"
	"errors"
	"time"

	"ccgwatch/store"
)

// A Route is a relay that mail may go through, with what it takes (see the fields of
// the same names of Postman, which are those of the first relay).
type Route struct {
	Name            string // host and port; it is noted with each message
	Sender          Sender
	Connections     int
	Gap             time.Duration
	PerHour, PerDay int
}

// A Switch is that mail goes through another relay than before.
type Switch struct {
	To       string // its Name
	Fallback bool   // it is the second
	From     string // Name of the first, where it is the second
	Why      string // why the first could not be used, as far as this process knows; it names nobody
}

// A route is a Route, and how it fares. Pauses, limits and connections are each
// relay's own.
type route struct {
	Route
	pause   pause
	why     string           // its last failure
	next    <-chan time.Time // when Gap is over
	proven  bool             // it took the last message, or refused just that
	under   int              // messages under way
	sent    []time.Time      // as they happened; kept only where a limit asks for them
	noticed time.Time        // until when a full quota was logged
}

func (w *route) connections() int { return max(w.Connections, 1) }

// width is how many may be under way: one alone until the relay has taken a
// message, so that one that is away is asked once.
func (w *route) width() int {
	if w.proven {
		return w.connections()
	}
	return 1
}

// findWays brings the relays up to date with what the Postman was given.
func (p *Postman) findWays() {
	all := []Route{{p.Name, p.Sender, p.Connections, p.Gap, p.PerHour, p.PerDay}}
	if p.Fallback != nil {
		all = append(all, *p.Fallback)
	}
	for len(p.ways) < len(all) {
		p.ways = append(p.ways, &route{})
	}
	p.ways = p.ways[:len(all)]
	for i, r := range all {
		p.ways[i].Route = r
	}
}

// paused tells whether nothing can be sent: no relay is to be asked now.
func (p *Postman) paused(now time.Time) bool { return p.wayNow(now) == nil }

// wayNow is the relay that is asked at now: the first, and while that is left alone
// the second; nil: none.
func (p *Postman) wayNow(now time.Time) *route {
	for _, w := range p.ways {
		if !w.pause.holds(now) {
			return w
		}
	}
	return nil
}

// own is the relay at which a message is in doubt; nil: it is not, or its relay is
// none of ours any more. Only that relay is asked to take it again: it may know it,
// and the other would send what may have come. Of what was in doubt before that was
// noted, or was brought back from a copy, it is the first.
func (p *Postman) own(d store.Delivery) *route {
	if d.Doubts == 0 {
		return nil
	}
	return p.called(cmp.Or(d.Via, p.ways[0].Name))
}

func (p *Postman) called(name string) *route {
	for _, w := range p.ways {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// wayOf is the relay that a message went through: the first if it is not known.
func (p *Postman) wayOf(d store.Delivery) *route {
	if w := p.called(d.Via); w != nil {
		return w
	}
	return p.ways[0]
}

// wayFor is the relay that a message goes through at now; nil: it has to wait.
func (p *Postman) wayFor(d store.Delivery, now time.Time) *route {
	w := p.own(d)
	switch {
	case w == nil:
		return p.wayNow(now)
	case w.pause.holds(now):
		return nil
	}
	return w
}

// nextLook is when a message that could not be sent is tried again.
func (p *Postman) nextLook(d store.Delivery) time.Time {
	if w := p.own(d); w != nil {
		return w.pause.until
	}
	until := p.ways[0].pause.until
	for _, w := range p.ways[1:] {
		if w.pause.until.Before(until) {
			until = w.pause.until
		}
	}
	return until
}

// What becomes of a message that was claimed.
type going int

const (
	setOut   going = iota
	putOff         // it waits for its relay
	endRound       // nothing more is sent in this round
)

// ready waits until a message may set out, and gives the relay it goes through. While
// it waits, that may become another.
func (c *crew) ready(ctx context.Context, d store.Delivery) (*route, going, error) {
	p := c.p
	for {
		if c.over() {
			return nil, endRound, nil
		}
		w := p.wayFor(d, c.clock())
		if own := p.own(d); w == nil && own == nil { // a pause of before the clock was set back begins to hold
			return nil, endRound, nil
		} else if w == nil {
			c.wait(ctx, d, own.pause.until)
			return nil, putOff, nil
		}
		if c.room(ctx, w, ""); c.over() || p.wayFor(d, c.clock()) != w {
			continue
		}
		if c.full(ctx, w, rank(d.Kind) == 0) {
			if w != p.wayNow(c.clock()) {
				c.wait(ctx, d, w.full(c.clock(), rank(d.Kind) == 0))
				return nil, putOff, nil
			}
			p.kept = true // what is due for longest goes first, so no service mail waits behind it
			return nil, endRound, nil
		}
		if err := c.pace(ctx, w); err != nil {
			return nil, endRound, err
		}
		if !c.over() && p.wayFor(d, c.clock()) == w {
			return w, setOut, nil
		}
	}
}

// wait puts off a message that is in doubt until its relay can be asked, and gives
// it up when that has lasted too long.
func (c *crew) wait(ctx context.Context, d store.Delivery, until time.Time) {
	if c.clock().Sub(d.Created) >= giveUp {
		d.Lease = time.Time{}
		c.enter(ctx, entered{Delivery: expired(d)})
		return
	}
	d.Due = until
	c.p.release(ctx, []store.Delivery{d})
}

// passesOn tells whether a message that a relay certainly did not take is for the
// other one: the relay is at fault and not the message, and there is another to ask.
func (p *Postman) passesOn(d store.Delivery, err error, now time.Time) bool {
	return len(p.ways) > 1 && errors.Is(err, ErrAway) && !errors.Is(err, ErrUncertain) && p.own(d) == nil && !p.paused(now)
}

// passOn queues a message for the other relay, as due as it was. A crash before it is
// there loses nothing: it is still claimed, and no relay has it.
func (p *Postman) passOn(w *route, d store.Delivery, err error, address string) store.Delivery {
	d.Lease = time.Time{}
	d.State, d.LastError = store.Queued, withoutAddress(err.Error(), address)
	say := p.Log.Warn
	if errors.Is(err, ErrOperator) {
		say = p.Log.Error
	}
	say("a relay cannot be used: mail goes through the other", "relay", w.Name, "delivery", d.ID, "error", d.LastError, "next_look", w.pause.until)
	return d
}

// took notes that a relay has taken a message, and says so where it is another than
// before. What was in doubt says nothing: it had no choice.
func (p *Postman) took(ctx context.Context, now time.Time, w *route, d store.Delivery) {
	if p.Switched == nil || w == nil || w == p.used || d.Doubts > 0 {
		return
	}
	s := Switch{To: w.Name, Fallback: w != p.ways[0]}
	if s.Fallback {
		s.From, s.Why = p.ways[0].Name, p.ways[0].why
	}
	if err := p.Switched(ctx, now, s); err != nil {
		p.Log.Warn("which relay is used was not noted", "relay", w.Name, "err", err)
		return
	}
	p.used = w
}
