package inbox

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

const (
	// tooOld: what was written before has had its time. A mailbox that is read
	// for the first time, or whose UIDs are new, may hold years of mail.
	tooOld = 30 * 24 * time.Hour
	// remembered is how long a message is known again: for longer than one can
	// count.
	remembered = 2 * tooOld
)

// A Clerk does what messages ask for. All fields must be set. It is for one
// caller at a time, Refused excepted.
type Clerk struct {
	Reader      *Reader
	Desk        *alerts.Desk
	Mailroom    store.Mailroom
	Subscribers store.Subscribers
	// Token finds the subscription that an unsubscribe token ends. One that has
	// the form of a token and is nobody's is ok, and ends nothing.
	Token func(token string) (subscription string, ok bool, err error)
	// Domains is told of what came back, and says which domains fail as a whole;
	// nil: each address is judged by itself.
	Domains *alerts.Domains
	Zone    *time.Location // of the calendar days in which bounces count
	Log     *slog.Logger

	failed map[string]int // how often a message could not be dealt with, by its note
}

// failuresMost is how often a message is tried that cannot be dealt with: it
// must not keep those behind it waiting for ever.
const failuresMost = 5

// What a message led to, as it is remembered, counted and logged.
const (
	EffectFailed     = "failed"     // it could not be dealt with, however often it was tried
	EffectLeft       = "left"       // for the people whose mailbox it is
	EffectIgnored    = "ignored"    // an answering machine, a report of no failure, a list, a loop
	EffectOld        = "old"        // it came too long ago
	EffectAsked      = "asked"      // somebody was written to, if there was anybody
	EffectAnswered   = "answered"   // somebody was told what is wrong with what they wrote
	EffectBusy       = "busy"       // too many asked: nobody was written to
	EffectUnusable   = "unusable"   // a query or an address that cannot be used
	EffectConfirmed  = "confirmed"  // a subscription
	EffectChanged    = "changed"    // a subscription
	EffectEnded      = "ended"      // by an unsubscribe token that was one of ours, or had the form
	EffectNoLink     = "no link"    // a token that opens nothing, or not any more
	EffectUnknown    = "unknown"    // about mail that we did not send, or long ago
	EffectDropped    = "dropped"    // the question came back, and with it went the pending subscription
	EffectScored     = "scored"     // a bounce that counts
	EffectHeld       = "held"       // a bounce that is not counted, since its domain fails as a whole
	EffectNoScore    = "no score"   // a bounce that says nothing of the address, or a second one that day
	EffectProbed     = "probed"     // a bounce, and the address was asked whether it lives
	EffectSuppressed = "suppressed" // the address is not written to any more
	EffectComplaint  = "complaint"  // the same, since somebody said it was spam
)

// Take reads one message and does what it asks for, once: it gives the effect,
// and met true, without doing anything, if the message was met before. An
// error is the store's or the composer's; then the message must be taken again. A crash after a
// command and before it was remembered makes it be done again, which asks
// somebody twice at worst, within the caps; a bounce counts in one transaction
// with its being remembered.
func (c *Clerk) Take(ctx context.Context, now time.Time, raw []byte) (effect string, met bool, err error) {
	n := c.Reader.Read(raw)
	if effect, met, err = c.Mailroom.Handled(ctx, n.ID); met || err != nil {
		return effect, met, err
	}
	switch {
	case !n.Date.IsZero() && now.Sub(n.Date) > tooOld:
		effect = EffectOld
	case n.Kind == KindCommand:
		effect, err = c.command(ctx, now, n)
	case n.Kind == KindBounce, n.Kind == KindComplaint:
		effect, err = c.returned(ctx, now, n)
	case n.Kind == KindHuman:
		effect = EffectLeft
	default:
		effect = EffectIgnored
	}
	if err != nil {
		if c.failed == nil {
			c.failed = map[string]int{}
		}
		if c.failed[n.ID]++; c.failed[n.ID] < failuresMost || ctx.Err() != nil {
			return "", false, err
		}
		c.Log.Error("a message in the mailbox could not be dealt with; it is passed over", "kind", n.Kind, "verb", n.Verb, "err", err)
		effect = EffectFailed
	}
	delete(c.failed, n.ID)
	// What was remembered with its effect stays so.
	return effect, false, c.Mailroom.Handle(ctx, n.ID, effect, now)
}

// Tidy forgets the messages that are too old to count if they were met again.
func (c *Clerk) Tidy(ctx context.Context, now time.Time) error {
	return c.Mailroom.ForgetHandled(ctx, now.Add(-remembered), now.Add(-quietAfter))
}

func (c *Clerk) command(ctx context.Context, now time.Time, n Note) (string, error) {
	switch n.Verb {
	case VerbSubscribe:
		often, q := wish(n.Text, store.Weekly)
		err := c.Desk.SignUp(ctx, now, alerts.Application{
			Address: n.From, Query: q, Often: often, Form: alerts.FormMail, Ticked: "subject: subscribe " + often + " " + q,
		})
		return c.answered(ctx, now, n.From, err, EffectAsked)
	case VerbStop:
		return outcome(c.Desk.Stop(ctx, now, n.From), EffectAsked)
	case VerbHelp:
		return outcome(c.Desk.Help(ctx, now, n.From), EffectAsked)
	case VerbUnclear:
		return outcome(c.Desk.Answer(ctx, now, n.From, alerts.Answer{Reason: alerts.Reason(n.Text)}), EffectAnswered)
	case VerbConfirm:
		_, err := c.Desk.Confirm(ctx, now, n.Token)
		if errors.Is(err, alerts.ErrLink) {
			// Sent twice, most likely: who has what they wanted is left in peace.
			if known, err := c.Desk.Confirmed(ctx, n.From); err == nil && known {
				return EffectNoLink, nil
			}
		}
		return c.answered(ctx, now, n.From, err, EffectConfirmed)
	case VerbChange:
		return c.change(ctx, now, n)
	case VerbUnsubscribe:
		return c.unsubscribe(ctx, now, n.Token)
	}
	return EffectLeft, nil
}

// answered is what came of a command; who wrote it is told what is wrong with
// it. They are told so within the caps, and where they can be written to.
func (c *Clerk) answered(ctx context.Context, now time.Time, to string, err error, done string) (string, error) {
	var a alerts.Answer
	switch {
	case errors.Is(err, alerts.ErrQuery):
		a = alerts.Answer{Reason: alerts.ReasonQuery, Problem: alerts.Problem(err)}
	case errors.Is(err, alerts.ErrLink):
		a.Reason = alerts.ReasonLink
	case errors.Is(err, alerts.ErrSame):
		a.Reason = alerts.ReasonSame
	default:
		return outcome(err, done)
	}
	return outcome(c.Desk.Answer(ctx, now, to, a), EffectAnswered)
}

// outcome is what came of a command: what is wrong with it is no error.
func outcome(err error, done string) (string, error) {
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, alerts.ErrAddress), errors.Is(err, alerts.ErrQuery):
		return EffectUnusable, nil
	case errors.Is(err, alerts.ErrBusy):
		return EffectBusy, nil
	case errors.Is(err, alerts.ErrLink), errors.Is(err, alerts.ErrSame):
		return EffectNoLink, nil
	}
	return "", err
}

// wish reads how often and what: "weekly dialysis". "everything" is the query
// that is empty.
func wish(text, usual string) (often, q string) {
	often, q = usual, strings.TrimSpace(text)
	word, rest, _ := strings.Cut(q, " ")
	if w, ok := store.OftenOf(word); ok {
		often, q = w, strings.TrimSpace(rest)
	}
	if strings.EqualFold(q, "everything") {
		q = ""
	}
	return often, q
}

// change gives the subscription that was made last other words. Without words
// that say what is wanted it stays as it is.
func (c *Clerk) change(ctx context.Context, now time.Time, n Note) (string, error) {
	m, err := c.Desk.Manage(ctx, now, n.Token)
	if err != nil {
		return c.answered(ctx, now, n.From, err, "")
	}
	var last *store.Subscription
	for i, s := range m.Subscriptions {
		if s.State == store.StateConfirmed && (last == nil || s.Created.After(last.Created)) {
			last = &m.Subscriptions[i]
		}
	}
	switch {
	case last == nil:
		return EffectNoLink, nil
	case strings.TrimSpace(n.Text) == "":
		return outcome(c.Desk.Answer(ctx, now, m.Address, alerts.Answer{Reason: alerts.ReasonWords}), EffectAnswered)
	}
	often, q := wish(n.Text, last.Often)
	if q == "" && !strings.HasSuffix(strings.ToLower(strings.TrimSpace(n.Text)), "everything") {
		q = last.Query // how often alone was said
	}
	return c.answered(ctx, now, m.Address, c.Desk.Change(ctx, now, n.Token, last.ID, q, often), EffectChanged)
}

// unsubscribe ends what a token gives the right to end: one subscription, or
// all that a manage link opens. It is so for ever, erased ones included.
func (c *Clerk) unsubscribe(ctx context.Context, now time.Time, token string) (string, error) {
	err := c.Desk.EndAll(ctx, now, token)
	if !errors.Is(err, alerts.ErrLink) {
		return outcome(err, EffectEnded)
	}
	effect := EffectEnded
	err = alerts.Each(token, func(token string) error {
		id, ok, err := c.Token(token)
		if err != nil || !ok {
			effect = EffectNoLink
			return err
		}
		if err := c.Subscribers.End(ctx, id, now); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return effect, nil
}

// returned does what a bounce or a complaint calls for.
func (c *Clerk) returned(ctx context.Context, now time.Time, n Note) (string, error) {
	r := store.Returned{Note: n.ID, At: now, Delivery: n.Delivery}
	if n.Delivery == "" && n.Kind == KindComplaint && n.Token != "" {
		id, ok, err := c.Token(n.Token)
		if err != nil || !ok {
			return EffectUnknown, err
		}
		r.Subscription = id
	}
	if r.Delivery == "" && r.Subscription == "" {
		return EffectUnknown, nil // no mark of ours, or a forged one
	}
	return c.rule(ctx, now, r, n.Kind, n.Hardness, arrived)
}

// Refused counts a delivery whose address the relay said is not there, as if
// it had come back.
func (c *Clerk) Refused(ctx context.Context, d store.Delivery, now time.Time) {
	r := store.Returned{Note: "refused " + d.ID, At: now, Delivery: d.ID}
	effect, err := c.rule(ctx, now, r, KindBounce, Gone, func(d store.Delivery, _ time.Time) bool { return d.State == store.Failed })
	if err != nil {
		c.Log.Warn("a refused address was not counted", "delivery", d.ID, "err", err)
		return
	}
	c.Log.Info("an address was refused", "delivery", d.ID, "effect", effect)
}

// arrived tells whether a delivery can have come back lately: it was sent, or
// may have been.
func arrived(d store.Delivery, now time.Time) bool {
	at := d.SentAt
	if d.State != store.Sent {
		if d.Doubts == 0 {
			return false
		}
		at = d.Created
	}
	return now.Sub(at) <= tooOld
}

// rule decides in the store's transaction, and asks the address whether it
// lives where that is called for. A crash before it was asked leaves it to the
// next bounce.
func (c *Clerk) rule(ctx context.Context, now time.Time, r store.Returned, kind Kind, h Hardness, counts func(store.Delivery, time.Time) bool) (string, error) {
	var of string
	var bounced func() error // tells Domains
	made, stopped, fresh, err := c.Mailroom.Return(ctx, r, func(d store.Delivery, s store.Subscription, had store.BounceScore) store.Ruling {
		of = s.ID
		none := store.Ruling{Effect: EffectUnknown, Score: had}
		switch {
		case r.Delivery != "" && !counts(d, now):
			return none
		case kind == KindComplaint:
			return store.Ruling{Effect: EffectComplaint, Score: had, Suppress: true}
		case d.Kind == store.MailConfirm: // nobody is there who could have wanted it; a score is for readers
			return store.Ruling{Effect: EffectDropped, Score: had, Forget: true}
		}
		var failure string
		if h == Ours && d.State == store.Sent {
			failure = store.FailedPolicy // and so its news is told again
		}
		if c.Domains != nil {
			bounced = func() error { return c.Domains.Failed(ctx, now, d, s, h == Ours) }
			if c.Domains.Holding(s.Address) {
				return store.Ruling{Effect: EffectHeld, Score: had, Failure: failure}
			}
		}
		made := ruling(Score(had).Add(h, now, c.Zone), had, now)
		made.Failure = failure
		return made
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return EffectUnknown, nil // erased, or of another group
	case err != nil:
		return "", err
	}
	if len(stopped) > 0 {
		c.Log.Warn("an address is not written to any more", "why", made.Effect, "subscriptions", stopped)
	}
	if fresh && bounced != nil {
		if err := bounced(); err != nil {
			c.Log.Warn("what a domain refuses was not looked at", "err", err)
		}
	}
	if made.Effect != EffectProbed || c.Domains != nil && c.holding(ctx, of) {
		return made.Effect, nil
	}
	asked, err := c.Desk.Probe(ctx, now, of)
	if err == nil && asked {
		err = c.Mailroom.Probed(ctx, of, now)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	return made.Effect, nil
}

// holding tells whether a subscription's domain is held back by now.
func (c *Clerk) holding(ctx context.Context, subscription string) bool {
	s, err := c.Subscribers.Subscription(ctx, subscription)
	return err == nil && c.Domains.Holding(s.Address)
}

func ruling(next Score, had store.BounceScore, now time.Time) store.Ruling {
	made := store.Ruling{Effect: EffectScored, Score: store.BounceScore(next)}
	if made.Score == had {
		made.Effect = EffectNoScore
		return made
	}
	switch next.Verdict(now) {
	case Probe:
		made.Effect = EffectProbed
	case Stop:
		made.Effect, made.Suppress = EffectSuppressed, true
	}
	return made
}
