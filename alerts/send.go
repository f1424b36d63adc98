package alerts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"ccgwatch/store"
)

// A Sender hands one message to one recipient. It sends d.Raw as it is. If
// there is a moment from which nobody can know whether the message was taken,
// it calls beforeDot right before it, and goes no further if that fails. A
// Sender that can also be closed (io.Closer) is closed when a round is over; it
// must stand being used again.
//
// An error wraps one of the errors below where that is known; any other means
// that this message was certainly not taken, and may be tried again.
type Sender interface {
	// Send returns when the server has taken the message or has not.
	Send(ctx context.Context, d store.Delivery, to string, beforeDot func() error) error
}

// What a Sender may say of a failure.
var (
	// ErrRefused: the message will never be taken; it is not tried again.
	ErrRefused = errors.New("refused for good")
	// ErrNoAddress is an ErrRefused: there is no such address.
	ErrNoAddress = fmt.Errorf("%w: no such address", ErrRefused)
	// ErrSoft: refused for a reason that may pass: tried once more a day later.
	ErrSoft = errors.New("refused")
	// ErrPolicy goes with one of the others: it was refused because of who sends,
	// which says nothing of the address.
	ErrPolicy = errors.New("because of who sends")
	// ErrUncertain: nobody knows whether it was taken (the connection broke
	// after the last byte). It is tried once more, byte for byte.
	ErrUncertain = errors.New("uncertain")
	// ErrAway: nothing can be sent at the moment, to anybody.
	ErrAway = errors.New("nothing can be sent now")
	// ErrOperator is an ErrAway that will not pass by itself.
	ErrOperator = fmt.Errorf("%w: the operator must see to it", ErrAway)
)

// A Postman delivers what is due. It is for one caller at a time.
type Postman struct {
	Outbox      store.Outbox
	Subscribers store.Subscribers
	// Sender hands the messages over, to the relay of that Name (host and port).
	Sender Sender
	Name   string
	// Fallback is a second relay, for when the first cannot be used; nil: none.
	Fallback *Route
	// Sure: what the Sender does may be repeated without anybody noticing, so that
	// nothing is ever in doubt. Before the end of a message it is only asked whether
	// it is still to be sent; a crash there leaves a claim that runs out.
	Sure bool
	// Lease is how long a claim holds; what it does not last for is claimed
	// again. 0 is an hour.
	Lease time.Duration
	Batch int // claimed at a time; 0 is 50 for each connection
	// Connections is how many messages are under way at a time, at most, which the
	// Sender must bear; 0 is one. Those to one address go one after the other.
	Connections int
	// Gap is between the beginnings of two attempts, at least. One that came to
	// nothing before the relay was reached, or asked, costs none.
	Gap time.Duration
	// PerHour and PerDay are how many messages a relay takes at most, PerAddress
	// how many one address is sent in any 24 hours (of which only alerts are held
	// back: they can be put together later). 0: any number. What went out before
	// the process began counts as far as there is a Backlog.
	PerHour, PerDay, PerAddress int
	// Switched is told which relay has taken a message, once it is recorded, if it
	// was another one before, or none in the life of the process; nil: nobody is.
	Switched func(ctx context.Context, now time.Time, to Switch) error
	// Backlog and Compose put together alerts that have waited for three days;
	// nil: each is sent by itself, however old. See Message.
	Backlog store.Backlog
	Compose func(Letter) (Message, error)
	Edits   func(context.Context) (*store.Edits, error) // by which Compose goes; nil: none
	// Clock is read to measure how long a round takes; nil: no time at all.
	Clock func() time.Time
	// Refused is told of each delivery whose address is not there, once that is
	// recorded; nil: nobody is.
	Refused func(ctx context.Context, d store.Delivery, now time.Time)
	// Domains holds back what goes to domains that fail as a whole; nil: nothing is.
	Domains *Domains
	Log     *slog.Logger

	ways   []*route  // the first relay first
	used   *route    // the one that Switched was told of
	swept  time.Time // when it was looked for what has waited too long
	whole  bool      // and all that there is had been looked at
	quota  quota
	folded map[string]bool // claimed in this round, and put into another since
	kept   bool            // a round ended before what is kept for service mail
}

// Deliver sends everything that is due at now, one recipient a message.
// failed counts attempts that did not succeed; they are tried again later
// unless they were refused. If nothing can be sent at all, the rest is left as
// it is, and so it is by further calls until the pause is over. An err is the
// store's or the end of ctx: what was claimed and not sent is free again at
// once, or when its lease runs out.
func (p *Postman) Deliver(ctx context.Context, now time.Time) (sent, failed int, err error) {
	clock := p.clock(now)
	p.findWays()
	if p.paused(now) {
		return 0, 0, nil
	}
	if err := p.recall(ctx, now); err != nil {
		return 0, 0, err
	}
	for _, w := range p.ways {
		w.proven = false
		if c, ok := w.Sender.(io.Closer); ok {
			defer func() { _ = c.Close() }() // the messages are settled
		}
	}
	lease, batch := p.Lease, p.Batch
	if lease <= 0 {
		lease = time.Hour
	}
	if batch <= 0 {
		batch = 50 * p.connections()
	}
	for {
		if w := p.wayNow(clock()); w == nil || p.holds(w, clock(), true) {
			return sent, failed, nil
		}
		ds, err := p.Outbox.Lease(ctx, clock(), lease, batch)
		if err != nil {
			return sent, failed, fmt.Errorf("send: claim what is due: %w", err)
		}
		if len(ds) == 0 {
			return sent, failed, nil
		}
		inRank(ds)
		p.kept = false
		s, f, err := p.round(ctx, clock, ds)
		sent, failed = sent+s, failed+f
		if err != nil || p.kept || p.paused(clock()) {
			return sent, failed, err
		}
	}
}

// clock tells the time of a round that began at now.
func (p *Postman) clock(now time.Time) func() time.Time {
	if p.Clock == nil {
		return func() time.Time { return now }
	}
	begun := p.Clock()
	return func() time.Time { return now.Add(p.Clock().Sub(begun)) }
}

// round sends what was claimed until something ends it, and frees the rest.
func (p *Postman) round(ctx context.Context, clock func() time.Time, ds []store.Delivery) (sent, failed int, err error) {
	p.folded = map[string]bool{}
	c := p.newCrew(clock)
	rest := c.sendOut(ctx, ds)
	c.rest(ctx)
	p.release(ctx, rest)
	if c.err == nil && p.paused(clock()) {
		c.err = p.expire(ctx, clock())
	}
	return c.sent, c.failed, c.err
}

// sendOut sends what was claimed, and gives what is to be freed.
func (c *crew) sendOut(ctx context.Context, ds []store.Delivery) (rest []store.Delivery) {
	p := c.p
	for i, d := range ds {
		c.look(ctx, false)
		if p.folded[d.ID] {
			continue
		}
		w, goes, err := c.ready(ctx, d)
		switch {
		case err != nil:
			c.fail(fmt.Errorf("send: %w", err))
			return ds[i:]
		case goes == endRound && p.kept:
			return ds[i:]
		case goes == endRound:
			return c.left(ctx, ds[i:])
		case goes == putOff:
			continue
		}
		if !c.clock().Before(d.Lease) && !d.Lease.IsZero() {
			return nil // the claims ran out meanwhile
		}
		if err := c.attempt(ctx, w, d); err != nil {
			c.fail(err)
			return c.left(ctx, ds[i:])
		}
	}
	return nil
}

// left is what is to be freed where a round ends: not what the store, which is at
// fault, would not take.
func (c *crew) left(ctx context.Context, ds []store.Delivery) []store.Delivery {
	if c.err != nil && ctx.Err() == nil {
		return nil
	}
	return ds
}

// attempt sets out with one delivery, if it is still to be sent, and now.
func (c *crew) attempt(ctx context.Context, w *route, d store.Delivery) error {
	p := c.p
	sub, wanted, err := p.wanted(ctx, d)
	switch {
	case err != nil:
		return fmt.Errorf("send: read subscription %s: %w", d.Subscription, err)
	case !wanted: // ended since the claim
		d.State, d.LastError = store.Suppressed, ""
		c.enter(ctx, entered{Delivery: d, sub: sub})
		return nil
	}
	happened := c.room(ctx, w, addressee(sub))
	if c.over() || p.wayFor(d, c.clock()) != w { // it is claimed again, for another
		p.release(ctx, c.left(ctx, []store.Delivery{d}))
		return nil
	}
	if happened { // they may have left meanwhile
		if sub, wanted, err = p.wanted(ctx, d); err != nil {
			return fmt.Errorf("send: read subscription %s: %w", d.Subscription, err)
		} else if !wanted {
			d.State, d.LastError = store.Suppressed, ""
			c.enter(ctx, entered{Delivery: d, sub: sub})
			return nil
		}
	}
	until := time.Time{}
	if d.Kind == KindAlert {
		until = p.fullFor(sub.Address, c.clock())
	}
	if until.IsZero() && p.Domains != nil && d.Kind != store.MailOperator {
		if until, err = p.Domains.Wait(ctx, c.clock(), d, sub.Address); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	if !until.IsZero() {
		d.Due = until
		p.release(ctx, []store.Delivery{d})
		return nil
	}
	d, folded, err := p.fold(ctx, c.clock(), d, sub)
	if err != nil {
		return err
	}
	for _, id := range folded {
		p.folded[id] = true
	}
	if d.Raw == nil {
		if d.Raw, err = p.Outbox.Raw(ctx, d.ID); err != nil {
			return fmt.Errorf("send: read delivery %s: %w", d.ID, err)
		}
	}
	c.send(ctx, w, d, sub)
	return nil
}

// wanted gives the subscription that a delivery is owed to, and whether all
// whom it tells still want it.
func (p *Postman) wanted(ctx context.Context, d store.Delivery) (sub store.Subscription, ok bool, err error) {
	for i, id := range d.Tells() {
		s, err := p.Subscribers.Subscription(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && !s.Wants(d.Kind) {
			return s, false, nil
		}
		if err != nil {
			return s, false, err
		}
		if i == 0 {
			sub = s
		}
	}
	return sub, true, nil
}

// tell logs an attempt that did not succeed.
func (p *Postman) tell(w *route, d store.Delivery, err error, now time.Time) {
	if err == nil {
		return
	}
	args := []any{"delivery", d.ID, "state", d.State, "attempts", d.Attempts, "due", d.Due, "error", d.LastError}
	switch {
	case errors.Is(err, ErrAway) && !p.paused(now):
		p.Log.Warn("a relay cannot be used; the message is in doubt there and waits for it", append(args, "relay", w.Name, "next_look", w.pause.until)...)
	case errors.Is(err, ErrOperator):
		p.Log.Error("no mail is sent until this is put right", append(args, "next_look", w.pause.until)...)
	case errors.Is(err, ErrAway):
		p.Log.Warn("no mail can be sent for now", append(args, "next_look", w.pause.until)...)
	default:
		p.Log.Warn("a message was not sent", args...)
	}
}

// Resume ends a pause: the operator wants to see whether it goes now.
func (p *Postman) Resume() {
	for _, w := range p.ways {
		w.pause.until = time.Time{}
	}
}

// release gives claims back that were not used.
func (p *Postman) release(ctx context.Context, ds []store.Delivery) {
	given := map[string]<-chan error{}
	for _, d := range ds {
		if p.folded[d.ID] {
			continue
		}
		d.State = store.Queued
		given[d.ID] = p.Outbox.SettleSoon(context.WithoutCancel(ctx), d)
	}
	for id, done := range given {
		if err := <-done; err != nil {
			p.Log.Warn("a claim was not given back; it runs out by itself", "delivery", id, "error", err)
		}
	}
}

// expire gives up what has waited too long while nothing can be sent. What is
// due after a machine was off gets its attempt first, however late.
func (p *Postman) expire(ctx context.Context, now time.Time) error {
	was := p.swept
	if since := now.Sub(was); since >= 0 && since < sweepEvery {
		return nil
	}
	p.swept = now
	all := p.Outbox.Deliveries
	if age := now.Sub(was); p.Backlog != nil && p.whole && age >= 0 && age < lookedBack-giveUp {
		// What had waited too long by then was given up then: the mail of years is
		// not read again every hour.
		all = func(ctx context.Context, f func(store.Delivery) bool) error {
			return p.Backlog.Recent(ctx, now.Add(-lookedBack), f)
		}
	}
	p.whole = false
	var old []store.Delivery
	err := all(ctx, func(d store.Delivery) bool {
		if d.State == store.Queued && now.Sub(d.Created) >= giveUp {
			old = append(old, d)
		}
		return now.Sub(d.Created) >= giveUp // oldest first
	})
	if err != nil {
		return fmt.Errorf("send: look for what has waited too long: %w", err)
	}
	for _, d := range old {
		if err := p.Outbox.Settle(ctx, expired(d)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("send: give up delivery %s: %w", d.ID, err)
		}
	}
	if len(old) > 0 {
		p.Log.Error("messages were given up: they could not be sent for too long", "messages", len(old))
	}
	p.whole = true
	return nil
}
