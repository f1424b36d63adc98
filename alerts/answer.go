package alerts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// A Reason is why somebody who wrote to us is answered.
type Reason string

// The reasons.
const (
	ReasonHelp    Reason = "help"    // they asked how it works
	ReasonQuery   Reason = "query"   // their words are no query
	ReasonWords   Reason = "words"   // a change without saying into what
	ReasonSame    Reason = "same"    // a change into what they have already
	ReasonCode    Reason = "code"    // the code in their subject is cut or broken
	ReasonLink    Reason = "link"    // it is whole and opens nothing, or not any more
	ReasonNobody  Reason = "nobody"  // stop, from an address that gets nothing
	ReasonUnclear Reason = "unclear" // it looks like a command, and is none
)

// An Answer is what somebody is told who wrote to us. It holds no word of what
// they wrote: a From can be made up, and nobody is to have a message carried to
// somebody else by us.
type Answer struct {
	Reason  Reason
	Problem string // of ReasonQuery: what was expected, and where; may be ""
}

// Answer queues an answer to who wrote to us by mail. It counts towards the
// same caps as all service mail, and is as silent about who is subscribed.
func (d *Desk) Answer(ctx context.Context, now time.Time, address string, a Answer) error {
	address, err := Address(address)
	if err != nil {
		return err
	}
	return d.serve(ctx, now, address, netip.Addr{}, func(of []store.Subscription) request {
		state := func(want store.State) (store.Subscription, bool) {
			i := slices.IndexFunc(of, func(s store.Subscription) bool { return s.State == want })
			if i < 0 {
				return store.Subscription{}, false
			}
			return of[i], true
		}
		if s, ok := state(store.StateConfirmed); ok {
			return request{kind: KindAnswer, sub: s, answer: a}
		}
		s, ok := state(store.StateVisitor)
		if !ok {
			s = store.Subscription{ID: newID(), Address: address, State: store.StateVisitor}
		}
		s.Created = now
		return request{kind: KindAnswer, sub: s, pending: &s, answer: a}
	})
}

// Help answers a call for help: who gets mail is sent the ways to change it,
// anybody else how to begin.
func (d *Desk) Help(ctx context.Context, now time.Time, address string) error {
	return d.linkOr(ctx, now, address, ReasonHelp)
}

// Stop answers who wants to stop and shows no right to. Who gets mail is sent
// the ways to stop it; anybody else is told that there is nothing to stop, and
// is not asked again whether they want it.
func (d *Desk) Stop(ctx context.Context, now time.Time, address string) error {
	return d.linkOr(ctx, now, address, ReasonNobody)
}

func (d *Desk) linkOr(ctx context.Context, now time.Time, address string, otherwise Reason) error {
	known, err := d.Confirmed(ctx, address)
	switch {
	case err != nil:
		return err
	case known:
		return d.AskLink(ctx, now, address, netip.Addr{})
	}
	return d.Answer(ctx, now, address, Answer{Reason: otherwise})
}

// Confirmed tells whether an address has a confirmed subscription. It is not to
// be told to anybody.
func (d *Desk) Confirmed(ctx context.Context, address string) (bool, error) {
	address, err := Address(address)
	if err != nil {
		return false, err
	}
	of, err := d.Signups.Of(ctx, address)
	return slices.ContainsFunc(of, func(s store.Subscription) bool { return s.State == store.StateConfirmed }), err
}

// Problem says what is wrong with a query without a word of it.
func Problem(err error) string {
	var e *query.Error
	if !errors.As(err, &e) {
		return "it names an area, a body or a source that is not known here"
	}
	said := e.Msg
	for _, mark := range []string{" instead of ", " in \""} { // theirs follows
		said, _, _ = strings.Cut(said, mark)
	}
	return fmt.Sprintf("at character %d of them we %s", e.Pos, said)
}
