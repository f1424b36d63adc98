package store

import (
	"context"
	"time"
)

// Mails to who has no subscription. They go through the outbox like any other,
// so that a crash loses and repeats none; whom they go to is kept as a
// Subscription that wants nothing else.
const (
	// MailOperator is to whoever runs the program.
	MailOperator = "operator"
	// MailAnswer is to somebody who wrote to us and could not be understood, or
	// asked for help. It also goes to who has subscribed.
	MailAnswer = "answer"
)

const (
	// StateHouse is the group itself, under its own address.
	StateHouse State = "house"
	// StateVisitor is somebody who wrote and was answered. It is forgotten as
	// soon as a subscription that nobody confirmed.
	StateVisitor State = "visitor"
)

// Subscribed tells whether s was ever asked for as a subscription: it is
// neither the house nor a visitor.
func (s Subscription) Subscribed() bool { return s.State != StateHouse && s.State != StateVisitor }

// A House is what the group itself is told, and what it has found out about
// those it writes to.
type House interface {
	// Tell queues d to the house, whose subscription is given with the address as
	// it is now (State is StateHouse), and notes dates in the diary, in one
	// transaction: after a crash nothing was said and nothing is noted, or both.
	// A delivery whose ID is there already gives false, and nothing is noted.
	Tell(ctx context.Context, house Subscription, d Delivery, due map[string]time.Time) (fresh bool, err error)

	// Holds returns what is held back, by the key of a domain (which is no name:
	// some people have a domain of their own).
	Holds(ctx context.Context) (map[string]Hold, error)
	// SetHold replaces the hold of a domain; nil lifts it.
	SetHold(ctx context.Context, domain string, h *Hold) error
	// Forgive forgets what the bounces of a subscription's address have come to,
	// if one counted at since or later.
	Forgive(ctx context.Context, subscription string, since time.Time) error
}

// FailedPolicy is refused because of who sends (an enhanced code 5.7.x). It says
// nothing of the address. On a delivery that waits it is why the first attempt failed.
const FailedPolicy = "policy"

// A Hold is a domain that is not written to for a while, because it, and not
// its mailboxes one by one, refuses our mail.
type Hold struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Times int       `json:"times"` // how often it was tried again in vain
	// Probe is the delivery that was let through to see whether it is taken; ""
	// while none is under way.
	Probe string `json:"probe,omitempty"`
}
