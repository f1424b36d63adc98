package alerts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ccgwatch/store"
)

// A crew has several messages under way at a time: each by a goroutine that talks
// to the relay, and asks for the last byte (Outbox.Dot). All else is for the one
// who sends them out, so that nothing of the Postman is shared. An outcome is
// entered (Outbox.SettleSoon) together with those of other connections, and on the
// disk before the next message takes its place: whenever the process dies, no more
// messages are in doubt than were under way at a time.
type crew struct {
	p     *Postman
	clock func() time.Time

	landed  chan landing
	under   int             // messages under way
	busy    map[string]bool // addresses they go to, in small letters
	entered []entered       // outcomes that may not be on the disk yet

	sent, failed int
	err          error // the first that ends the round
}

// A landing is an attempt that is over.
type landing struct {
	store.Delivery
	sub     store.Subscription
	way     *route
	epoch   int              // of its pause, when it began
	gap     <-chan time.Time // to the next attempt; nil: none
	err     error            // the Sender's
	notOurs error            // why the last byte was not to be sent
}

// An entered outcome waits for the disk.
type entered struct {
	store.Delivery
	sub     store.Subscription
	way     *route // nil: no relay was asked
	passed  bool   // it is queued for the other relay
	policy  bool   // it was refused because of who sends
	held    bool   // it was under way, and its address is busy until it is settled
	settled <-chan error
}

func (p *Postman) newCrew(clock func() time.Time) *crew {
	all := 0
	for _, w := range p.ways {
		w.under = 0
		all += w.connections()
	}
	return &crew{p: p, clock: clock, landed: make(chan landing, all), busy: map[string]bool{}}
}

func (p *Postman) connections() int { return max(p.Connections, 1) }

// places is how many of a relay's are taken. What was entered without a relay
// counts for each.
func (c *crew) places(w *route) int {
	n := w.under
	for _, e := range c.entered {
		if e.way == w || e.way == nil {
			n++
		}
	}
	return n
}

// room waits until there is a place at a relay, and no message under way to the
// address: what one person is sent comes in order. A message has its place until its
// outcome is on the disk: so with one connection what was sent is known to be before
// the next recipient is named, and with several no more are in doubt at any moment
// than there are connections. It tells whether anything happened meanwhile.
func (c *crew) room(ctx context.Context, w *route, address string) (happened bool) {
	under, entered := c.under, len(c.entered)
	for c.places(w) >= w.width() || c.busy[address] {
		if len(c.entered) == 0 {
			c.land(ctx, <-c.landed)
			continue
		}
		select {
		case l := <-c.landed:
			c.land(ctx, l)
		case err := <-c.entered[0].settled:
			e := c.entered[0]
			c.entered = c.entered[1:]
			c.settled(ctx, e, err)
		}
	}
	c.look(ctx, false)
	return c.under != under || len(c.entered) != entered
}

// rest waits until nothing is under way, and all outcomes are on the disk.
func (c *crew) rest(ctx context.Context) {
	for c.under > 0 {
		c.land(ctx, <-c.landed)
	}
	c.look(ctx, true)
}

// pace waits for the time of a relay's next message.
func (c *crew) pace(ctx context.Context, w *route) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.next == nil {
			return nil
		}
		select {
		case <-w.next:
			w.next = nil
		case l := <-c.landed:
			c.land(ctx, l)
		case <-ctx.Done():
		}
	}
}

// send has a message go to its address. Its end waits until the store knows.
func (c *crew) send(ctx context.Context, w *route, d store.Delivery, sub store.Subscription) {
	c.under++
	w.under++
	c.busy[addressee(sub)] = true
	epoch := w.pause.epoch
	var gap <-chan time.Time
	if w.Gap > 0 {
		gap = time.After(w.Gap)
		w.next = gap
	}
	sender, name := w.Sender, w.Name
	go func() {
		var notOurs error
		err := sender.Send(ctx, d, sub.Address, func() error {
			if c.p.Sure {
				notOurs = c.p.held(context.WithoutCancel(ctx), d)
				return notOurs
			}
			d.Due, d.Via = c.clock().Add(uncertainAfter), name
			notOurs = c.p.Outbox.Dot(context.WithoutCancel(ctx), d)
			return notOurs
		})
		c.landed <- landing{d, sub, w, epoch, gap, err, notOurs}
	}()
}

// held is store.ErrConflict where a claim does not hold any more: the delivery was
// taken back, or its subscription ended.
func (p *Postman) held(ctx context.Context, d store.Delivery) error {
	now, err := p.Outbox.Delivery(ctx, d.ID)
	if err != nil {
		return err
	}
	_, wanted, err := p.wanted(ctx, now)
	if err != nil {
		return err
	}
	if !wanted || now.State != store.Claimed || !now.Lease.Equal(d.Lease) {
		return fmt.Errorf("delivery %s is %s: %w", d.ID, now.State, store.ErrConflict)
	}
	return nil
}

func addressee(sub store.Subscription) string { return strings.ToLower(sub.Address) }

// land draws the conclusion from an attempt and enters it, even if ctx has ended.
func (c *crew) land(ctx context.Context, l landing) {
	p, w, d, err := c.p, l.way, l.Delivery, l.err
	c.under--
	w.under--
	cut := err != nil && !errors.Is(err, ErrUncertain) && ctx.Err() != nil // asked once: it may end at any moment
	if l.notOurs != nil || cut {                                           // nothing is entered
		delete(c.busy, addressee(l.sub))
	}
	switch {
	case errors.Is(l.notOurs, store.ErrConflict), errors.Is(l.notOurs, store.ErrNotFound):
		p.Log.Info("a message was stopped before its end: nobody wants it any more", "delivery", d.ID)
		return
	case l.notOurs != nil:
		c.fail(fmt.Errorf("send: %w", l.notOurs))
		return
	case cut:
		p.release(ctx, []store.Delivery{d})
		c.fail(fmt.Errorf("send: %w", ctx.Err()))
		return
	}
	if err == nil || errors.Is(err, ErrUncertain) {
		p.note(w, l.sub.Address, c.clock())
	}
	w.proven = !errors.Is(err, ErrAway) && !errors.Is(err, ErrUncertain)
	if errors.Is(err, ErrAway) && w.next == l.gap {
		w.next = nil // no message was begun; how long it is left alone is for the pause
	}
	w.pause.learn(d, c.clock(), err, l.epoch)
	if err != nil && !w.proven {
		w.why = withoutAddress(err.Error(), l.sub.Address)
	}
	if p.passesOn(d, err, c.clock()) {
		c.enter(ctx, entered{Delivery: p.passOn(w, d, err, l.sub.Address), sub: l.sub, way: w, passed: true, held: true})
		return
	}
	d = outcome(d, c.clock(), p.nextLook(d), err, l.sub.Address)
	p.tell(w, d, err, c.clock())
	c.enter(ctx, entered{Delivery: d, sub: l.sub, way: w, policy: errors.Is(err, ErrPolicy), held: true})
}

// enter has the store know what became of a delivery.
func (c *crew) enter(ctx context.Context, e entered) {
	e.settled = c.p.Outbox.SettleSoon(context.WithoutCancel(ctx), e.Delivery)
	c.entered = append(c.entered, e)
}

// look goes through the outcomes that are on the disk, in their order; all: it
// waits for those that are not.
func (c *crew) look(ctx context.Context, all bool) {
	for len(c.entered) > 0 {
		e := c.entered[0]
		var err error
		if all {
			err = <-e.settled
		} else {
			select {
			case err = <-e.settled:
			default:
				return
			}
		}
		c.entered = c.entered[1:]
		c.settled(ctx, e, err)
	}
}

// settled does what follows from an outcome, now that it is certain.
func (c *crew) settled(ctx context.Context, e entered, err error) {
	p, d := c.p, e.Delivery
	if e.held {
		delete(c.busy, addressee(e.sub))
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.fail(fmt.Errorf("send: settle delivery %s: %w", d.ID, err))
		return
	}
	switch {
	case e.passed:
	case d.State == store.Sent:
		c.sent++
		p.took(context.WithoutCancel(ctx), c.clock(), e.way, d)
	case d.State == store.Queued, d.State == store.Failed, d.State == store.Uncertain:
		c.failed++
	}
	if e.policy && p.Domains != nil {
		if err := p.Domains.Failed(context.WithoutCancel(ctx), c.clock(), d, e.sub, true); err != nil {
			p.Log.Warn("a refusal because of who sends was not counted", "delivery", d.ID, "err", err)
		}
	}
	if p.Refused != nil && d.State == store.Failed && d.Failure == store.FailedHard {
		p.Refused(context.WithoutCancel(ctx), d, c.clock())
	}
}

// over tells whether the round is: something failed, or nothing can be sent now.
func (c *crew) over() bool { return c.err != nil || c.p.paused(c.clock()) }

func (c *crew) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// full tells whether a relay's quota is used up, for service mail or for any other.
// What is under way may count for it: where that matters, it is waited for.
func (c *crew) full(ctx context.Context, w *route, service bool) bool {
	for w.under > 0 && w.under >= w.left(c.clock(), service) {
		c.land(ctx, <-c.landed)
	}
	return c.p.holds(w, c.clock(), service)
}
