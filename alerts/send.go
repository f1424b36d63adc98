package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"ccgwatch/store"
)

// A Sender hands one message to one recipient. It sends d.Raw as it is. An
// error wraps ErrRefused or ErrUncertain where that is known; any other means
// that the message was certainly not taken and may be tried again.
type Sender interface {
	// Send returns when the server has taken the message or has not.
	Send(ctx context.Context, d store.Delivery, to string) error
}

// What a Sender may say of a failure.
var (
	// ErrRefused: the message will never be taken; it is not tried again.
	ErrRefused = errors.New("refused for good")
	// ErrUncertain: nobody knows whether it was taken (the connection broke
	// after the last byte). It is tried once more, byte for byte.
	ErrUncertain = errors.New("uncertain")
)

// How long to go on trying, and how long to wait before the one repeat of an
// uncertain attempt.
const (
	giveUp         = 5 * 24 * time.Hour
	uncertainAfter = 15 * time.Minute
)

// A Postman delivers what is due.
type Postman struct {
	Outbox      store.Outbox
	Subscribers store.Subscribers
	Sender      Sender
	// Lease is how long a claim holds; longer than the slowest batch takes.
	// 0 is an hour.
	Lease time.Duration
	Batch int // claimed at a time; 0 is 50
	Log   *slog.Logger
}

// Deliver sends everything that is due at now, one recipient a message.
// failed counts attempts that did not succeed; they are tried again later
// unless they were refused. An err is the store's or the end of ctx: what was
// claimed and not sent is free again at once, or when its lease runs out.
func (p *Postman) Deliver(ctx context.Context, now time.Time) (sent, failed int, err error) {
	lease, batch := p.Lease, p.Batch
	if lease <= 0 {
		lease = time.Hour
	}
	if batch <= 0 {
		batch = 50
	}
	for {
		ds, err := p.Outbox.Lease(ctx, now, lease, batch)
		if err != nil {
			return sent, failed, fmt.Errorf("send: claim what is due: %w", err)
		}
		if len(ds) == 0 {
			return sent, failed, nil
		}
		for i, d := range ds {
			if ctx.Err() != nil {
				p.release(ctx, ds[i:])
				return sent, failed, fmt.Errorf("send: %w", ctx.Err())
			}
			state, err := p.deliver(ctx, now, d)
			if err != nil {
				return sent, failed, err
			}
			switch state {
			case store.Sent:
				sent++
			case store.Queued, store.Failed:
				failed++
			}
		}
	}
}

// deliver makes one attempt and records what came of it, even if ctx ends meanwhile.
func (p *Postman) deliver(ctx context.Context, now time.Time, d store.Delivery) (store.DeliveryState, error) {
	sub, err := p.Subscribers.Subscription(ctx, d.Subscription)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && sub.State != store.StateConfirmed:
		// ended since the claim
		d.State, d.LastError = store.Suppressed, ""
	case err != nil:
		return "", fmt.Errorf("send: read subscription %s: %w", d.Subscription, err)
	default:
		if d.Raw == nil {
			if d.Raw, err = p.Outbox.Raw(ctx, d.ID); err != nil {
				return "", fmt.Errorf("send: read delivery %s: %w", d.ID, err)
			}
		}
		d = outcome(d, now, p.Sender.Send(ctx, d, sub.Address), sub.Address)
		if d.State != store.Sent {
			p.Log.Warn("a message was not sent", "delivery", d.ID, "state", d.State, "attempts", d.Attempts, "due", d.Due, "error", d.LastError)
		}
	}
	if err := p.Outbox.Settle(context.WithoutCancel(ctx), d); err != nil {
		return "", fmt.Errorf("send: settle delivery %s: %w", d.ID, err)
	}
	return d.State, nil
}

// release gives claims back that were not used.
func (p *Postman) release(ctx context.Context, ds []store.Delivery) {
	for _, d := range ds {
		d.State = store.Queued
		if err := p.Outbox.Settle(context.WithoutCancel(ctx), d); err != nil {
			p.Log.Warn("a claim was not given back; it runs out by itself", "delivery", d.ID, "error", err)
		}
	}
}

// outcome is the delivery after an attempt that ended with err.
func outcome(d store.Delivery, now time.Time, err error, address string) store.Delivery {
	d.Attempts++
	d.Lease = time.Time{}
	if err == nil {
		d.State, d.SentAt, d.LastError = store.Sent, now, ""
		return d
	}
	again := strings.HasPrefix(d.LastError, ErrUncertain.Error())
	d.LastError = withoutAddress(err.Error(), address)
	switch {
	case errors.Is(err, ErrRefused):
		d.State = store.Failed
	case errors.Is(err, ErrUncertain) && again:
		d.State, d.LastError = store.Failed, "uncertain twice: "+d.LastError
	case errors.Is(err, ErrUncertain):
		d.State, d.Due, d.LastError = store.Queued, now.Add(uncertainAfter), "uncertain: "+d.LastError
	case now.Sub(d.Created) >= giveUp:
		d.State, d.LastError = store.Failed, "given up: "+d.LastError
	default:
		d.State, d.Due = store.Queued, now.Add(backOff(d.Attempts))
		if again { // a plain failure does not make the next uncertain one the first
			d.LastError = "uncertain before; now: " + d.LastError
		}
	}
	return d
}

// backOff is how long to wait after the nth attempt: 1, 5, 15 minutes, then hours.
func backOff(n int) time.Duration {
	switch n {
	case 1:
		return time.Minute
	case 2:
		return 5 * time.Minute
	case 3:
		return 15 * time.Minute
	}
	return time.Hour
}

// withoutAddress keeps an address out of the outbox's errors and the log,
// whatever a server answered, and the rest short and on one line.
func withoutAddress(s, address string) string {
	if address != "" {
		s = regexp.MustCompile("(?i)"+regexp.QuoteMeta(address)).ReplaceAllLiteralString(s, "<the subscriber>")
	}
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
