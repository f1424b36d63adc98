package store

import (
	"context"
	"time"
)

// A MailMark is how far a mailbox has been read.
type MailMark struct {
	Validity uint32    `json:"validity,omitempty"` // IMAP: the generation of its UIDs
	Last     uint32    `json:"last,omitempty"`     // IMAP: the UID that was read last
	Offset   int64     `json:"offset,omitempty"`   // mbox: in bytes
	Newest   time.Time `json:"newest,omitzero"`    // maildir: of the newest file
}

// A BounceScore is what the mail that came back has come to, for one address.
type BounceScore struct {
	Points float64   `json:"points"`
	Last   time.Time `json:"last,omitzero"`   // when one counted last
	Probed time.Time `json:"probed,omitzero"` // when the address was asked whether it still lives
}

// A Returned is word that mail of ours came back, or is not wanted: about one
// delivery, or, where Delivery is "", one subscription.
type Returned struct {
	Note         string // of the message that says so: it counts once
	At           time.Time
	Delivery     string
	Subscription string
}

// A Ruling is what a Returned leads to. Effect says it in a word, for the record.
type Ruling struct {
	Effect string
	Score  BounceScore // of the address from now on
	// Forget removes the subscription, if it is pending, with its mail.
	Forget bool
	// Suppress stops all that the address is sent: its pending and confirmed
	// subscriptions become suppressed, and what is queued for them.
	Suppress bool
	// Failure, where it is not "", is why the delivery failed after all, although
	// the relay had taken it: Sent becomes Failed.
	Failure string
}

// A Mailroom remembers what was read in the group's mailbox, and what became of it.
type Mailroom interface {
	// MailMark returns how far a mailbox was read; zero before the first time.
	MailMark(ctx context.Context, box string) (MailMark, error)
	// SetMailMark replaces it.
	SetMailMark(ctx context.Context, box string, m MailMark) error

	// Handled tells what a message led to; ok is false if it was not met yet.
	Handled(ctx context.Context, note string) (effect string, ok bool, err error)
	// Handle remembers that a message was dealt with at a time. What is
	// remembered already stays as it is.
	Handle(ctx context.Context, note, effect string, at time.Time) error
	// ForgetHandled drops what was remembered before a time, and the scores of
	// which none counted since another.
	ForgetHandled(ctx context.Context, notes, scores time.Time) error

	// Return asks decide what a Returned leads to, does it and remembers its note
	// with the effect, in one transaction: after a crash nothing of it was done,
	// or all. A note that was handled gives fresh false, and nothing is done.
	// ErrNotFound, and the note is not remembered, if there is no such delivery or
	// subscription (any more). decide must not call the store. stopped are the
	// subscriptions that became suppressed.
	Return(ctx context.Context, r Returned, decide func(Delivery, Subscription, BounceScore) Ruling) (made Ruling, stopped []string, fresh bool, err error)
	// Probed notes that the address of a subscription was asked whether it lives,
	// if it has a score.
	Probed(ctx context.Context, subscription string, at time.Time) error
}
