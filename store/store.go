// Package store holds the nouns of CCGWatch (what we know and what changed),
// the pure Diff that turns a sighting into changes, and the roles that a back
// end plays. It does no I/O.
package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict: another commit came first; read the snapshot again.
	ErrConflict = errors.New("the snapshot is stale")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("the store is open in another process")
)

// A Store is all roles over one set of files.
//
//nolint:interfacebloat // roles, each of them small; nobody takes a Store but who passes on its roles
type Store interface {
	Ledger
	Archive
	Subscribers
	Signups
	Outbox
	Backlog
	Revision
	Diary
	Threads
	Corrections
	Mailroom
	House
	io.Closer
}

// A Ledger keeps snapshots, the change log and the health of sources.
type Ledger interface {
	// Snapshot returns what is known of a source. With keys nil it holds every
	// item (for whole lists), withdrawn ones included: Diff must know them again
	// when they come back. Otherwise it holds those of the keys that are known
	// (for feeds, which grow for ever). A source never committed gives a
	// snapshot with Rev 0 and no error.
	Snapshot(ctx context.Context, source string, keys []string) (Snapshot, error)

	// Commit stores the items of next (leaving others of the source as they
	// are), its cursor, baseline and hold, appends the changes to the log with
	// consecutive numbers, and records the health, all in one transaction.
	// A crash before leaves nothing of it, a crash after all of it. It returns
	// ErrConflict if next.Rev is not the stored one; the stored one is then raised.
	Commit(ctx context.Context, next Snapshot, changes []Change, h Health) error

	// Note records health alone: the visit concluded nothing.
	Note(ctx context.Context, h Health) error

	// Changes returns up to limit entries with Seq > after, in order (limit <= 0: all).
	Changes(ctx context.Context, after uint64, limit int) ([]Change, error)

	// LastSeq is the number of the newest entry, 0 for none.
	LastSeq(ctx context.Context) (uint64, error)

	// Item returns one item, withdrawn ones included, or ErrNotFound.
	Item(ctx context.Context, source, key string) (Item, error)

	// Items calls f with every item of the source ("" is all sources), ordered
	// by source and key, until f returns false. f must not call the store.
	Items(ctx context.Context, source string, f func(Item) bool) error

	// Healths returns the health of every source ever visited, by source.
	Healths(ctx context.Context) ([]Health, error)
}

// An Archive keeps the bytes of papers by SHA-256 (lower-case hex), and the
// text of each page. Bytes are there before anything refers to them; what a
// crash leaves unreferred does no harm.
type Archive interface {
	// Keep stores what r gives and returns its hash and size. Storing the same
	// bytes again changes nothing.
	Keep(ctx context.Context, r io.Reader) (sha string, size int64, err error)
	// Open returns the bytes, or ErrNotFound.
	Open(ctx context.Context, sha string) (io.ReadCloser, error)
	// KeepText stores the text of each page of a kept paper.
	KeepText(ctx context.Context, sha string, pages []string) error
	// Text returns the pages, or ErrNotFound.
	Text(ctx context.Context, sha string) ([]string, error)
}

// Subscribers keeps subscriptions. Addresses are personal data: they are in no
// key, no error and no log.
type Subscribers interface {
	// Subscribe stores a new subscription. ErrConflict if the same address
	// already has a live one with the same query and frequency.
	Subscribe(ctx context.Context, s Subscription) error
	// Subscriptions returns those after the id, ordered by id, up to limit
	// (limit <= 0: all), whatever their state.
	Subscriptions(ctx context.Context, after string, limit int) ([]Subscription, error)
	// Subscription returns one by id, or ErrNotFound.
	Subscription(ctx context.Context, id string) (Subscription, error)
	// Stamp is a number that is another one whenever a subscription was added or
	// removed, or has another State, Query, Often, Since or Created: what an index
	// of them is good for. It is in the same transaction as what it tells of, and
	// never what it was before.
	Stamp(ctx context.Context) (uint64, error)
	// Altered lists the subscriptions because of which the stamp is no longer
	// what it was, each once, removed ones included, and gives the stamp as it is
	// now. known is false, and ids is nothing, where the store remembers less than
	// that, and all must be read again.
	Altered(ctx context.Context, since uint64) (ids []string, now uint64, known bool, err error)
	// End ends a subscription and suppresses its queued deliveries in the same
	// transaction. Ending an ended one changes nothing.
	End(ctx context.Context, id string, at time.Time) error
	// Erase removes every trace of an address: subscriptions, the bytes of
	// their deliveries, tokens. What stays is the keyed hash under which its mail
	// is counted (Count.Person): it protects the address, and tells nobody which.
	// It returns how many subscriptions there were.
	Erase(ctx context.Context, address string) (int, error)
}

// A Position is how far a follower of the log has come: all changes up to and
// including Batch are done, and of the next batch all subscriptions up to and
// including Subscription.
type Position struct {
	Seq          uint64 `json:"seq"`
	Subscription string `json:"subscription,omitempty"`
}

// An Owed is a digest, and the periods that it ends (see Outbox.Digest).
type Owed struct {
	Delivery Delivery
	Of       []Period
}

// An Outbox keeps findings and the messages owed because of them.
//
//nolint:interfacebloat // whole operations over one set of messages, each of which the daemon needs
type Outbox interface {
	// Position returns how far a follower has come; zero before its first step.
	Position(ctx context.Context, follower string) (Position, error)
	// Advance stores findings and deliveries and moves the follower from one
	// place to the next, in one transaction; ErrConflict if it is not at from.
	// A delivery or finding whose ID is there already is left as it is, and a
	// delivery whose subscription is unknown is left out: its address was erased
	// while the message was being made.
	Advance(ctx context.Context, follower string, from, to Position, f []Finding, d []Delivery) error
	// Digest queues a digest and moves LastDigest of each subscription it tells
	// from the beginning to the end of its period, in one transaction;
	// ErrConflict, and nothing is done, unless each of them is confirmed and
	// stands at the beginning. In the same transaction the deliveries that it
	// carries are noted as carried by it; ErrConflict if one of them is already.
	// A delivery without an ID is none: there was nothing to tell, and only the
	// periods are over. A crash before it leaves all of them owed, one after it
	// none.
	Digest(ctx context.Context, d Delivery, of ...Period) error
	// Digests is Digest for several, in one transaction: if one of them cannot be
	// queued, none is, and the error is what Digest says of that one. A crash
	// before it leaves all of them owed.
	Digests(ctx context.Context, all []Owed) error
	// Findings calls f with the findings after (exclusive) a change, oldest
	// first, until f returns false; it passes over retired ones. f must not call
	// the store.
	Findings(ctx context.Context, after uint64, f func(Finding) bool) error
	// Finding returns one by id, a retired one too, or ErrNotFound.
	Finding(ctx context.Context, id string) (Finding, error)

	// Lease claims up to limit deliveries that are due, for a while. In the
	// same transaction those that their subscription does not want any more
	// (Subscription.Wants) become suppressed; a digest of several when one of them
	// does not: the others are then owed theirs again, or, if it may have come
	// already, it is Uncertain. A crash after it leaves claims that run out; one that
	// runs out while dotting is an attempt in doubt (Delivery.Doubted), and is
	// claimed again when it is due, or never.
	Lease(ctx context.Context, now time.Time, length time.Duration, limit int) ([]Delivery, error)
	// Dot records, durably, that the last byte of d is about to be sent: its
	// state becomes dotting, d.Via says to which relay, and d.Due from when it may be
	// repeated if nothing more is heard of it. ErrConflict, and the byte must not be sent, if
	// the claim that d.Lease tells of is held no more; also if its subscription
	// does not want it any more: then the delivery is suppressed.
	Dot(ctx context.Context, d Delivery) error
	// Settle records the outcome of an attempt: State, Due, LastError, SentAt,
	// Attempts, Doubts and Failure of d replace the stored ones.
	Settle(ctx context.Context, d Delivery) error
	// SettleSoon is Settle that does not wait for the disk: the channel gets what
	// came of it once it is there. It is there before, or together with, every Dot
	// and Settle that is asked for after SettleSoon has returned.
	SettleSoon(ctx context.Context, d Delivery) <-chan error
	// Deliveries calls f with every delivery, oldest first, without its bytes,
	// until f returns false. f must not call the store.
	Deliveries(ctx context.Context, f func(Delivery) bool) error
	// Aside is Deliveries for those that are on hold or were taken back because of
	// a correction (Delivery.Aside). They are kept apart in the transaction that
	// makes them so, or no longer: however much was sent, it costs nothing here.
	Aside(ctx context.Context, f func(Delivery) bool) error
	// Delivery returns one by id without its bytes, or ErrNotFound.
	Delivery(ctx context.Context, id string) (Delivery, error)
	// Raw returns the frozen bytes of a delivery.
	Raw(ctx context.Context, id string) ([]byte, error)
}

// A Backlog is the outbox looked back on: what was sent of late, and what has
// waited so long that it is told otherwise.
type Backlog interface {
	// Recent is Outbox.Deliveries for those created at since or later.
	Recent(ctx context.Context, since time.Time, f func(Delivery) bool) error
	// DeliveriesOf returns the deliveries of a subscription without their bytes,
	// in no particular order; none for an unknown one.
	DeliveriesOf(ctx context.Context, subscription string) ([]Delivery, error)
	// Fold queues d, claimed until d.Lease, in the place of others of its
	// subscription, which become folded and carried by d, in one transaction:
	// after a crash either they wait, or d does. ErrConflict, and nothing
	// changes, unless each of them is queued, or claimed until d.Lease, and was
	// never in doubt.
	Fold(ctx context.Context, d Delivery, others []string) error
}

// A Revision brings what was found up to date when the rules have changed.
type Revision interface {
	// Rejudge replaces what was found in the changes after one (exclusive) up to
	// another (inclusive) by f, in one transaction, and queues nothing. One whose
	// ID is there already is replaced; one that f does not hold is retired, by the
	// version of the rules given. It counts those that are new and those retired.
	// A finding of a change outside is an error.
	Rejudge(ctx context.Context, after, upTo uint64, rules string, f []Finding) (fresh, retired int, err error)
}

// A Diary remembers when each job of the daemon is due next, as wall-clock
// instants, so that a machine that slept makes up for a missed run once.
type Diary interface {
	// Due returns every job that has a date, by name.
	Due(ctx context.Context) (map[string]time.Time, error)
	// SetDue replaces the date of one job.
	SetDue(ctx context.Context, job string, at time.Time) error
}
