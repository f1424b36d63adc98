package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ccgwatch/store"
)

const (
	// fewest is how many failures it takes to say anything about a domain.
	fewest = 3
	// share: a domain that refuses more than one message of five because of who
	// sends refuses us, and not what we wrote.
	share = 5
	// lookedAtDay is how far back a domain's messages are looked at.
	lookedAtDay = 24 * time.Hour

	heldFirst = 4 * time.Hour  // until it is tried again; doubled every time in vain
	heldMost  = 24 * time.Hour // at the longest
	probeWait = time.Hour      // for a message let through to come back
)

// Domains holds back what goes to a domain that fails as a whole: it refuses
// our mail because of who we are (an enhanced code 5.7.x, as of an address on a
// list), or every mailbox of it fails at once. That says nothing of its
// mailboxes, so nothing is counted against them; the operator is told, and after
// some hours one message is let through to see. It is safe for concurrent use.
//
// What failed in the last day is counted in memory, and read from the outbox when
// the process begins, so that a program that is started every hour by cron counts
// as one that runs: what a relay refused, and what came back because of who
// sends. Of what came back for another reason nothing stands in the outbox; after
// a restart it takes three mailboxes more to say that all of a domain fail.
type Domains struct {
	House       store.House
	Backlog     store.Backlog
	Subscribers store.Subscribers
	// Key hides the name of a domain, which may be a person's.
	Key func(domain string) string
	// Tell tells the operator of a domain that is held back; it says where
	// the mail is looked at and why.
	Tell func(ctx context.Context, now time.Time, h Held) error
	Log  *slog.Logger

	mu     sync.Mutex // held over what is asked of the store, so never taken within a transaction
	seen   sync.Mutex // of holds, beside mu where they are changed: held for a moment alone
	read   bool
	holds  map[string]store.Hold
	failed map[string]map[string]failure // by key, then by subscription
	policy map[string]int                // refusals because of who sends, by key
	swept  time.Time                     // when forget last looked
}

// A failure is the last one of a subscription's address.
type failure struct {
	at     time.Time
	policy bool
}

// Held is a domain that is held back, for the operator.
type Held struct {
	ID      string // of the hold: the same for the same
	Domain  string
	Policy  bool // it refuses who sends; else all of its mailboxes fail
	Failed  int  // messages of the last day, or mailboxes
	Of      int
	Until   time.Time
	Details string // what the last one said; may be ""
}

func domainOf(address string) string {
	_, d, _ := cutLast(strings.ToLower(strings.TrimSpace(address)), "@")
	return d
}

// load reads the holds and what failed of late, once, but one delivery; mu is
// held.
func (x *Domains) load(ctx context.Context, now time.Time, but string) error {
	if x.read {
		return nil
	}
	failed, policy, err := x.recent(ctx, now, but)
	if err != nil {
		return err
	}
	holds, err := x.House.Holds(ctx)
	if err != nil {
		return err
	}
	x.seen.Lock()
	defer x.seen.Unlock()
	x.holds, x.failed, x.policy, x.read = holds, failed, policy, true
	return nil
}

// recent counts what the outbox knows of the failures of the last day.
func (x *Domains) recent(ctx context.Context, now time.Time, but string) (failed map[string]map[string]failure, policy map[string]int, err error) {
	failed, policy = map[string]map[string]failure{}, map[string]int{}
	since := now.Add(-lookedAtDay)
	var lost []store.Delivery
	err = x.Backlog.Recent(ctx, since.Add(-giveUp), func(d store.Delivery) bool {
		if d.ID != but && (d.Failure == store.FailedPolicy || d.Failure == store.FailedHard) && tried(d, now, since) {
			lost = append(lost, d)
		}
		return true
	})
	if err != nil {
		return nil, nil, err
	}
	for _, d := range lost {
		s, err := x.Subscribers.Subscription(ctx, d.Subscription)
		if errors.Is(err, store.ErrNotFound) || s.Address == "" {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		key := x.Key(domainOf(s.Address))
		if failed[key] == nil {
			failed[key] = map[string]failure{}
		}
		ours := d.Failure == store.FailedPolicy
		failed[key][s.ID] = failure{now, ours}
		if ours {
			policy[key]++
		}
	}
	return failed, policy, nil
}

// tried tells whether a delivery was handed over, or refused, since a time.
func tried(d store.Delivery, now, since time.Time) bool {
	return d.State == store.Sent && d.SentAt.After(since) || d.Failure != "" && (d.Created.After(since) || d.SentAt.After(since) || d.Due.After(now))
}

// set stores a hold, or lifts it (nil); mu is held.
func (x *Domains) set(ctx context.Context, key string, h *store.Hold) error {
	if err := x.House.SetHold(context.WithoutCancel(ctx), key, h); err != nil {
		return err
	}
	x.seen.Lock()
	defer x.seen.Unlock()
	if delete(x.holds, key); h != nil {
		x.holds[key] = *h
	}
	return nil
}

// Wait tells until when a delivery to an address has to wait; zero: it has not.
// The first after the time is over goes through, to see whether it comes back;
// if it does not within an hour, the hold is over.
func (x *Domains) Wait(ctx context.Context, now time.Time, d store.Delivery, address string) (time.Time, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(ctx, now, ""); err != nil {
		return time.Time{}, err
	}
	key := x.Key(domainOf(address))
	h, ok := x.holds[key]
	switch {
	case !ok || h.Probe == d.ID:
		return time.Time{}, nil
	case now.Before(h.Until) && h.Until.Sub(now) <= heldMost: // else the clock was set back
		return h.Until, nil
	case h.Probe == "":
		h.Probe, h.Until = d.ID, now.Add(probeWait)
		return time.Time{}, x.set(ctx, key, &h)
	}
	delete(x.failed, key)
	delete(x.policy, key)
	x.Log.Info("a domain takes our mail again", "held_since", h.Since)
	return time.Time{}, x.set(ctx, key, nil)
}

// Ready reads what Holding is to know; a process that has just begun knows nothing.
func (x *Domains) Ready(ctx context.Context, now time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.load(ctx, now, "")
}

// Holding tells whether the domain of an address is held back, so that nothing
// is to be counted against the address. It may be asked within a transaction,
// and wants Ready before.
func (x *Domains) Holding(address string) bool {
	x.seen.Lock()
	defer x.seen.Unlock()
	_, ok := x.holds[x.Key(domainOf(address))]
	return ok
}

// Failed notes that a delivery was refused or came back; policy: because of who
// sends. It begins to hold the domain back if it fails as a whole, and forgives
// what was counted against its mailboxes for it.
func (x *Domains) Failed(ctx context.Context, now time.Time, d store.Delivery, sub store.Subscription, policy bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(ctx, now, d.ID); err != nil {
		return err
	}
	domain := domainOf(sub.Address)
	key := x.Key(domain)
	if h, ok := x.holds[key]; ok {
		if h.Probe != d.ID {
			return nil // sent before
		}
		h.Times++
		h.Until, h.Probe = now.Add(min(heldFirst<<min(h.Times, 4), heldMost)), ""
		x.Log.Warn("a domain still fails as a whole", "times", h.Times, "next_look", h.Until)
		return x.set(ctx, key, &h)
	}
	x.forget(now)
	if x.failed[key] == nil {
		x.failed[key] = map[string]failure{}
	}
	for id, f := range x.failed[key] {
		if age := now.Sub(f.at); age >= lookedAtDay || age < 0 {
			delete(x.failed[key], id)
		}
	}
	x.failed[key][sub.ID] = failure{now, policy}
	if policy {
		x.policy[key]++
	}
	if len(x.failed[key]) < fewest && x.policy[key] < fewest {
		return nil
	}
	held, err := x.judge(ctx, now, domain, key)
	if err != nil || held == nil {
		return err
	}
	h := store.Hold{Since: now, Until: now.Add(heldFirst)}
	held.Until, held.Details = h.Until, d.LastError
	held.ID = fmt.Sprintf("held %s %d", key, now.UnixNano())
	// The operator is told first: after a crash before the domain is held back, the
	// next failure tells again, which is better than never. What cannot be told
	// holds it back all the same.
	told := x.Tell(ctx, now, *held)
	for id := range x.failed[key] {
		if err := x.House.Forgive(ctx, id, now.Add(-lookedAtDay)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if err := x.set(ctx, key, &h); err != nil {
		return errors.Join(told, err)
	}
	x.Log.Error("a domain fails as a whole: nothing is sent to it for now", "because_of_who_sends", held.Policy, "failed", held.Failed, "of", held.Of, "next_look", held.Until)
	return told
}

// forget drops, once a day, the domains of which nothing has failed for so long
// that no message of that time is waiting any more; mu is held.
func (x *Domains) forget(now time.Time) {
	if age := now.Sub(x.swept); age >= 0 && age < lookedAtDay {
		return
	}
	x.swept = now
	for key, of := range x.failed {
		lately := false
		for _, f := range of {
			lately = lately || now.Sub(f.at) < giveUp+lookedAtDay
		}
		if !lately {
			delete(x.failed, key)
			delete(x.policy, key)
		}
	}
}

// judge looks at what went to a domain in the last day; nil: it does not fail
// as a whole.
func (x *Domains) judge(ctx context.Context, now time.Time, domain, key string) (*Held, error) {
	of := map[string]string{} // subscription -> address, "" where it is another's
	messages, refused := 0, 0
	var recent []store.Delivery
	since := now.Add(-lookedAtDay)
	err := x.Backlog.Recent(ctx, since.Add(-giveUp), func(d store.Delivery) bool {
		if tried(d, now, since) {
			recent = append(recent, d)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	mailboxes, failing := map[string]bool{}, map[string]bool{}
	for _, d := range recent {
		address, known := of[d.Subscription]
		if !known {
			s, err := x.Subscribers.Subscription(ctx, d.Subscription)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			if domainOf(s.Address) == domain {
				address = strings.ToLower(s.Address)
			}
			of[d.Subscription] = address
		}
		if address == "" {
			continue
		}
		messages++
		mailboxes[address] = true
		if d.Failure == store.FailedPolicy {
			refused++
		}
		if _, bad := x.failed[key][d.Subscription]; bad {
			failing[address] = true
		}
	}
	switch {
	case refused >= fewest && refused*share > messages:
		return &Held{Domain: domain, Policy: true, Failed: refused, Of: messages}, nil
	case len(failing) >= fewest && len(failing) == len(mailboxes):
		return &Held{Domain: domain, Failed: len(failing), Of: len(mailboxes)}, nil
	}
	return nil, nil
}
