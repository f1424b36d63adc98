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
	epoch   int              // of the pause, when it began
	gap     <-chan time.Time // to the next attempt; nil: none
	err     error            // the Sender's
	notOurs error            // why the last byte was not to be sent
}

// An entered outcome waits for the disk.
type entered struct {
	store.Delivery
	sub     store.Subscription
	policy  bool // it was refused because of who sends
	held    bool // it was under way, and its address is busy until it is settled
	settled <-chan error
}

func (p *Postman) newCrew(clock func() time.Time) *crew {
	return &crew{p: p, clock: clock, landed: make(chan landing, p.connections()), busy: map[string]bool{}}
}

func (p *Postman) connections() int { return max(p.Connections, 1) }

// width is how many may be under way: one alone until the relay has taken a
// message, so that one that is away is asked once.
func (c *crew) width() int {
	if c.p.proven {
		return c.p.connections()
	}
	return 1
}

// room waits until there is a place, and no message under way to the address: what
// one person is sent comes in order. A message has its place until its outcome is
// on the disk: so with one connection what was sent is known to be before the next
// recipient is named, and with several no more are in doubt at any moment than
// there are connections. It tells whether anything happened meanwhile.
func (c *crew) room(ctx context.Context, address string) (happened bool) {
	under, entered := c.under, len(c.entered)
	for c.under+len(c.entered) >= c.width() || c.busy[address] {
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

// pace waits for the time of the next message.
func (c *crew) pace(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.p.next == nil {
			return nil
		}
		select {
		case <-c.p.next:
			c.p.next = nil
		case l := <-c.landed:
			c.land(ctx, l)
		case <-ctx.Done():
		}
	}
}

// send has a message go to its address. Its end waits until the store knows.
func (c *crew) send(ctx context.Context, d store.Delivery, sub store.Subscription) {
	c.under++
	c.busy[addressee(sub)] = true
	epoch := c.p.pause.epoch
	var gap <-chan time.Time
	if c.p.Gap > 0 {
		gap = time.After(c.p.Gap)
		c.p.next = gap
	}
	go func() {
		var notOurs error
		err := c.p.Sender.Send(ctx, d, sub.Address, func() error {
			d.Due = c.clock().Add(uncertainAfter)
			notOurs = c.p.Outbox.Dot(context.WithoutCancel(ctx), d)
			return notOurs
		})
		c.landed <- landing{d, sub, epoch, gap, err, notOurs}
	}()
}

func addressee(sub store.Subscription) string { return strings.ToLower(sub.Address) }

// land draws the conclusion from an attempt and enters it, even if ctx has ended.
func (c *crew) land(ctx context.Context, l landing) {
	p, d, err := c.p, l.Delivery, l.err
	c.under--
	if l.notOurs != nil || err != nil && ctx.Err() != nil && !errors.Is(err, ErrUncertain) { // nothing is entered
		delete(c.busy, addressee(l.sub))
	}
	switch {
	case errors.Is(l.notOurs, store.ErrConflict), errors.Is(l.notOurs, store.ErrNotFound):
		p.Log.Info("a message was stopped before its end: nobody wants it any more", "delivery", d.ID)
		return
	case l.notOurs != nil:
		c.fail(fmt.Errorf("send: %w", l.notOurs))
		return
	case err != nil && ctx.Err() != nil && !errors.Is(err, ErrUncertain):
		p.release(ctx, []store.Delivery{d})
		c.fail(fmt.Errorf("send: %w", ctx.Err()))
		return
	}
	if err == nil || errors.Is(err, ErrUncertain) {
		p.note(l.sub.Address, c.clock())
	}
	p.proven = !errors.Is(err, ErrAway) && !errors.Is(err, ErrUncertain)
	if errors.Is(err, ErrAway) && p.next == l.gap {
		p.next = nil // no message was begun; how long it is left alone is for the pause
	}
	p.pause.learn(d, c.clock(), err, l.epoch)
	d = outcome(d, c.clock(), p.pause.until, err, l.sub.Address)
	p.tell(d, err)
	c.enter(ctx, entered{Delivery: d, sub: l.sub, policy: errors.Is(err, ErrPolicy), held: true})
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
	switch d.State {
	case store.Sent:
		c.sent++
	case store.Queued, store.Failed, store.Uncertain:
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
func (c *crew) over() bool { return c.err != nil || c.p.pause.holds(c.clock()) }

func (c *crew) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// full tells whether a quota is used up, for service mail or for any other. What is
// under way may count for it: where that matters, it is waited for.
func (c *crew) full(ctx context.Context, service bool) bool {
	for c.under > 0 && c.under >= c.p.left(c.clock(), service) {
		c.land(ctx, <-c.landed)
	}
	return c.p.holds(c.clock(), service)
}
