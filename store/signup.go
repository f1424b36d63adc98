package store

import (
	"context"
	"time"
)

// Kinds of the service mails: one person asked for each, and nobody else gets it.
const (
	MailConfirm = "confirm" // to a pending subscription: is it really you?
	MailManage  = "manage"  // to a confirmed one: the link to change or end it
	// MailProbe is the one that nobody asked for: to a confirmed one whose mail
	// came back, to see whether this comes back, too.
	MailProbe = "probe"
	// MailGoodbye is the last one, to one that its owner has ended: it says so.
	MailGoodbye = "goodbye"
	// And MailAnswer, of who wrote to us: see house.go.
)

// Wants tells whether a mail of a kind may go to the subscription as it stands.
// Nobody who has not confirmed gets anything but the question whether they
// want it, and nobody who has ended gets anything but the word that it is so.
func (s Subscription) Wants(kind string) bool {
	switch kind {
	case MailConfirm:
		return s.State == StatePending
	case MailGoodbye:
		return s.State == StateEnded
	case MailOperator:
		return s.State == StateHouse
	case MailAnswer:
		return s.State == StateVisitor || s.State == StateConfirmed
	}
	return s.State == StateConfirmed
}

// A Proof is how consent was given on a page, for whoever asks later. The words
// of each version of the form are kept with the program.
type Proof struct {
	Form      string    `json:"form"`               // version of the form and its words
	Asked     time.Time `json:"asked"`              // when it was sent in
	Ticked    string    `json:"ticked"`             // what was ticked and chosen, in words
	Client    string    `json:"client,omitempty"`   // keyed hash of where it came from; gone after 30 days
	Token     string    `json:"token,omitempty"`    // beginning of the hash of the token it was confirmed with
	Confirmed time.Time `json:"confirmed,omitzero"` // by the button behind the mailed link
}

// A Token is the right that the link in a service mail gives. The link holds
// 256 random bits; of them only the SHA-256 is kept, so that nobody who reads
// the store can open anything. (Unsubscribe links are another matter: they must
// outlive erasure and a restored copy, so they are derived and kept nowhere.)
type Token struct {
	Hash string `json:"hash"` // SHA-256, lower-case hex
	Kind string `json:"kind"` // MailConfirm or MailManage: neither opens the other's page
	// Subscription is the one to be confirmed, or the one a manage link was sent
	// by; that link opens all of the address.
	Subscription string    `json:"subscription"`
	Made         time.Time `json:"made"`
	Expires      time.Time `json:"expires"`
}

// A Count is something requests for mail are counted under, so that nobody is
// flooded by strangers who sign them up. A store keeps it under a keyed hash.
type Count struct {
	Of   string // what is counted: "all", "client", ...
	Key  string // which one
	Keep time.Duration
	// Person marks the count of the one who would get the mail. It counts mail,
	// every other count counts requests; it is never forgotten before the person
	// has confirmed a subscription, not even by Erase.
	Person bool
}

// A Past is what was counted under one Count before.
type Past struct {
	Times []time.Time // within Keep, oldest first
	// Unconfirmed is how many mails a Person was sent while none of their
	// subscriptions was confirmed, since one last was.
	Unconfirmed int
}

// A Post is one service mail, with all that is stored with it.
type Post struct {
	At time.Time
	// Pending, with a MailConfirm, is the subscription it asks about: a new one,
	// or a pending one in place of what it was. With a MailAnswer it is the
	// visitor who gets it (StateVisitor).
	Pending  *Subscription
	Delivery Delivery // of Pending, or of a subscription that wants its kind
	Token    Token    // without a Hash there is none
	Counts   []Count
}

// Kept is what a store keeps of an address beside its subscriptions and mail.
type Kept struct {
	Tokens  []Token
	Past    Past
	Bounces BounceScore
}

// Signups is what strangers do to the list of subscribers by themselves.
type Signups interface {
	// Of returns the subscriptions of an address, by id, whatever their state.
	// Case does not count.
	Of(ctx context.Context, address string) ([]Subscription, error)

	// Post queues a service mail with its token, the pending subscription and
	// the counts, in one transaction: after a crash the request was never made,
	// or it counts. allow is asked in it about what was counted before, in the
	// order of p.Counts; it must not call the store. If it gives an error,
	// nothing is stored and the error is returned; if mail is false, the request
	// is counted and nothing else is stored. ErrConflict if the subscription is
	// not what it was taken for (Wants), or the address has a live one like
	// Pending under another id.
	Post(ctx context.Context, p Post, allow func(past []Past) (mail bool, err error)) (queued bool, err error)

	// Token returns a token that has not run out at now, with the subscriptions
	// of its address, or ErrNotFound.
	Token(ctx context.Context, kind, hash string, now time.Time) (Token, []Subscription, error)

	// Confirm uses up a MailConfirm token, and all others for the same
	// subscription: from the last change in the log on, it is confirmed. The
	// Unconfirmed of person begins anew, and what is suppressed of the address is
	// ended instead, with its BounceScore gone. One transaction; ErrNotFound unless the
	// token is good and the subscription pending.
	Confirm(ctx context.Context, hash string, at time.Time, person Count) (Subscription, error)

	// Change gives a confirmed subscription another query, frequency and Since.
	// ErrNotFound if it is not confirmed, ErrConflict if the address has another
	// live one like that.
	Change(ctx context.Context, id, query, often string, since uint64) error

	// Kept returns what else is kept of an address.
	Kept(ctx context.Context, address string, person Count) (Kept, error)

	// Forget removes one subscription with its deliveries, their bytes and its
	// tokens, if its state, Created and Ended still are those of was; else
	// ErrConflict.
	Forget(ctx context.Context, was Subscription) error

	// Sweep drops what has run out: tokens at now, counts without any time left
	// that matters, and where a Proof came from, if it is older than proofs.
	Sweep(ctx context.Context, now, proofs time.Time) error
}
