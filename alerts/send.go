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
	Sender      Sender
	// Lease is how long a claim holds; what it does not last for is claimed
	// again. 0 is an hour.
	Lease time.Duration
	Batch int           // claimed at a time; 0 is 50
	Gap   time.Duration // between the beginnings of two attempts, at least
	// PerHour and PerDay are how many messages a relay takes at most, PerAddress
	// how many one address is sent in any 24 hours (of which only alerts are held
	// back: they can be put together later). 0: any number. What went out before
	// the process began counts as far as there is a Backlog.
	PerHour, PerDay, PerAddress int
	// Backlog and Compose put together alerts that have waited for three days;
	// nil: each is sent by itself, however old. See Message.
	Backlog store.Backlog
	Compose func(Letter) (Message, error)
	// Clock is read to measure how long a round takes; nil: no time at all.
	Clock func() time.Time
	// Refused is told of each delivery whose address is not there, once that is
	// recorded; nil: nobody is.
	Refused func(ctx context.Context, d store.Delivery, now time.Time)
	// Domains holds back what goes to domains that fail as a whole; nil: nothing is.
	Domains *Domains
	Log     *slog.Logger

	next   <-chan time.Time // when Gap is over
	pause  pause
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
	if p.pause.holds(now) {
		return 0, 0, nil
	}
	if err := p.recall(ctx, now); err != nil {
		return 0, 0, err
	}
	if c, ok := p.Sender.(io.Closer); ok {
		defer func() { _ = c.Close() }() // the messages are settled
	}
	lease, batch := p.Lease, p.Batch
	if lease <= 0 {
		lease = time.Hour
	}
	if batch <= 0 {
		batch = 50
	}
	for {
		if p.holds(clock(), true) {
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
		if err != nil || p.kept || p.pause.holds(clock()) {
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
	for i, d := range ds {
		if p.folded[d.ID] {
			continue
		}
		if p.holds(clock(), rank(d.Kind) == 0) {
			p.kept = true // what is due for longest goes first, so no service mail waits behind it
			p.release(ctx, ds[i:])
			return sent, failed, nil
		}
		if err := p.wait(ctx); err != nil {
			p.release(ctx, ds[i:])
			return sent, failed, fmt.Errorf("send: %w", err)
		}
		if !clock().Before(d.Lease) && !d.Lease.IsZero() {
			return sent, failed, nil // the claims ran out meanwhile
		}
		if p.Gap > 0 {
			p.next = time.After(p.Gap)
		}
		state, err := p.deliver(ctx, clock, d)
		switch {
		case err != nil && ctx.Err() != nil:
			p.release(ctx, ds[i+1:])
			return sent, failed, err
		case err != nil:
			return sent, failed, err
		case state == store.Sent:
			sent++
		case state == store.Queued, state == store.Failed, state == store.Uncertain:
			failed++
		}
		if p.pause.holds(clock()) {
			p.release(ctx, ds[i+1:])
			return sent, failed, p.expire(ctx, clock())
		}
	}
	return sent, failed, nil
}

// wait keeps the pace.
func (p *Postman) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.next == nil {
		return nil
	}
	select {
	case <-p.next:
		p.next = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliver makes one attempt and records what came of it, even if ctx ends
// meanwhile. It gives no state where there was no attempt.
func (p *Postman) deliver(ctx context.Context, clock func() time.Time, d store.Delivery) (store.DeliveryState, error) {
	refusedUs := false
	sub, wanted, err := p.wanted(ctx, d)
	switch {
	case err == nil && !wanted:
		// ended since the claim
		d.State, d.LastError = store.Suppressed, ""
	case err != nil:
		return "", fmt.Errorf("send: read subscription %s: %w", d.Subscription, err)
	default:
		if until := p.fullFor(sub.Address, clock()); d.Kind == KindAlert && !until.IsZero() {
			d.Due = until
			p.release(ctx, []store.Delivery{d})
			return "", nil
		}
		if p.Domains != nil && d.Kind != store.MailOperator {
			until, err := p.Domains.Wait(ctx, clock(), d, sub.Address)
			if err != nil {
				return "", fmt.Errorf("send: %w", err)
			}
			if !until.IsZero() {
				d.Due = until
				p.release(ctx, []store.Delivery{d})
				return "", nil
			}
		}
		var folded []string
		if d, folded, err = p.fold(ctx, clock(), d, sub); err != nil {
			return "", err
		}
		for _, id := range folded {
			p.folded[id] = true
		}
		if d.Raw == nil {
			if d.Raw, err = p.Outbox.Raw(ctx, d.ID); err != nil {
				return "", fmt.Errorf("send: read delivery %s: %w", d.ID, err)
			}
		}
		var notOurs error
		err := p.Sender.Send(ctx, d, sub.Address, func() error {
			d.Due = clock().Add(uncertainAfter)
			notOurs = p.Outbox.Dot(context.WithoutCancel(ctx), d)
			return notOurs
		})
		switch {
		case errors.Is(notOurs, store.ErrConflict), errors.Is(notOurs, store.ErrNotFound):
			p.Log.Info("a message was stopped before its end: nobody wants it any more", "delivery", d.ID)
			return "", nil
		case notOurs != nil:
			return "", fmt.Errorf("send: %w", notOurs)
		case err != nil && ctx.Err() != nil && !errors.Is(err, ErrUncertain):
			p.release(ctx, []store.Delivery{d})
			return "", fmt.Errorf("send: %w", ctx.Err())
		}
		if err == nil || errors.Is(err, ErrUncertain) {
			p.note(sub.Address, clock())
		}
		refusedUs = errors.Is(err, ErrPolicy)
		p.pause.learn(d, clock(), err)
		d = outcome(d, clock(), p.pause.until, err, sub.Address)
		p.tell(d, err)
	}
	if err := p.Outbox.Settle(context.WithoutCancel(ctx), d); err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("send: settle delivery %s: %w", d.ID, err)
	}
	if refusedUs && p.Domains != nil {
		if err := p.Domains.Failed(context.WithoutCancel(ctx), clock(), d, sub, true); err != nil {
			p.Log.Warn("a refusal because of who sends was not counted", "delivery", d.ID, "err", err)
		}
	}
	if p.Refused != nil && d.State == store.Failed && d.Failure == store.FailedHard {
		p.Refused(context.WithoutCancel(ctx), d, clock())
	}
	return d.State, nil
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
func (p *Postman) tell(d store.Delivery, err error) {
	if err == nil {
		return
	}
	args := []any{"delivery", d.ID, "state", d.State, "attempts", d.Attempts, "due", d.Due, "error", d.LastError}
	switch {
	case errors.Is(err, ErrOperator):
		p.Log.Error("no mail is sent until this is put right", append(args, "next_look", p.pause.until)...)
	case errors.Is(err, ErrAway):
		p.Log.Warn("no mail can be sent for now", append(args, "next_look", p.pause.until)...)
	default:
		p.Log.Warn("a message was not sent", args...)
	}
}

// Resume ends a pause: the operator wants to see whether it goes now.
func (p *Postman) Resume() { p.pause.until = time.Time{} }

// release gives claims back that were not used.
func (p *Postman) release(ctx context.Context, ds []store.Delivery) {
	for _, d := range ds {
		if p.folded[d.ID] {
			continue
		}
		d.State = store.Queued
		if err := p.Outbox.Settle(context.WithoutCancel(ctx), d); err != nil {
			p.Log.Warn("a claim was not given back; it runs out by itself", "delivery", d.ID, "error", err)
		}
	}
}

// expire gives up what has waited too long while nothing can be sent. What is
// due after a machine was off gets its attempt first, however late.
func (p *Postman) expire(ctx context.Context, now time.Time) error {
	if !p.pause.sweep(now) {
		return nil
	}
	var old []store.Delivery
	err := p.Outbox.Deliveries(ctx, func(d store.Delivery) bool {
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
	return nil
}
