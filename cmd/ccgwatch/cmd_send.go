package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

type sendCmd struct {
	DryRun bool `name:"dry-run"`
	Digest string
	JSON   bool `name:"json"`
	// Release sends what the brake holds back, Drop gives it up.
	Release, Drop bool
	// ClockIsRight ends a doubt of the clock.
	ClockIsRight bool `name:"clock-is-right"`
}

func (c sendCmd) Run(e *env) error {
	switch {
	case c.JSON && !c.DryRun:
		return usagef("--json goes with --dry-run")
	case c.DryRun && c.Digest != "":
		return usagef("--digest makes a digest, --dry-run makes nothing")
	case c.Release && c.Drop:
		return usagef("--release sends what is held back, --drop gives it up: which?")
	case (c.Release || c.Drop) && c.DryRun:
		return usagef("--dry-run changes nothing: see what is held with it, then say --release or --drop")
	case c.ClockIsRight && (c.DryRun || !e.asOf.IsZero()):
		return usagef("--clock-is-right is about the clock as it is now: not with --dry-run or --as-of")
	case given(e.args, "--digest") && !strings.Contains(c.Digest, "@"):
		return usagef("--digest takes the address of a subscriber")
	}
	return e.withApp(func(a *app) error {
		if c.DryRun {
			return c.list(e, a)
		}
		if err := a.follow(e.ctx, e.now()); err != nil {
			return err
		}
		if err := c.clock(e, a); err != nil {
			return err
		}
		if err := a.fallDue(e.ctx, e.now()); err != nil {
			return err
		}
		if err := c.letGo(e, a); err != nil {
			return err
		}
		if c.Digest != "" {
			if err := a.digestNow(e, c.Digest); err != nil {
				return err
			}
		}
		a.resumeMail()
		sent, failed, err := a.deliver(e.ctx, e.now())
		fmt.Fprintf(e.stdout, "%d sent, %d to be tried again\n", sent, failed)
		if err != nil {
			return err
		}
		if failed > 0 {
			return &exitError{code: exitFailed}
		}
		return nil
	})
}

// digestNow queues a digest for the confirmed subscriptions of an address: the
// first one of somebody who does not want to wait for Friday.
func (a *app) digestNow(e *env, address string) error {
	of, err := a.store.Of(e.ctx, address)
	if err != nil {
		return err
	}
	a.sending.Lock()
	defer a.sending.Unlock()
	made, err := a.digests.Now(e.ctx, of, e.now())
	if err != nil {
		return err
	}
	if made == 0 {
		return fmt.Errorf("no digest was made: that address has no confirmed subscription to a daily or weekly digest; 'ccgwatch subscribers list' shows them")
	}
	fmt.Fprintf(e.stdout, "%s made; mail goes to %s\n", plural(made, "digest", "digests"), a.mailGoes())
	return nil
}

// letGo does what the operator says of the alerts that the brake holds back.
func (c sendCmd) letGo(e *env, a *app) error {
	if !c.Release && !c.Drop {
		return nil
	}
	a.following.Lock()
	defer a.following.Unlock()
	a.sending.Lock()
	defer a.sending.Unlock()
	// What was corrected just now is taken back and made again before it is let go.
	if err := a.mailCorrections(e.ctx, e.now()); err != nil {
		return err
	}
	var n int
	var err error
	said := "released: "
	if c.Release {
		n, err = a.matcher.Brake.Release(e.ctx, e.now())
	} else {
		n, err = a.matcher.Brake.Drop(e.ctx)
		said = "given up, "
	}
	if err != nil {
		return err
	}
	more := "the day's count begins anew"
	if c.Drop {
		more = "nobody is sent them"
	}
	_, err = fmt.Fprintf(e.stdout, "%s that were held back %s%s\n", count(n, "alert"), said, more)
	return err
}

// resumeMail ends a pause of the daemon's: the operator asked.
func (a *app) resumeMail() {
	a.sending.Lock()
	defer a.sending.Unlock()
	a.postman.Resume()
}

// jsonDue is a line of send --dry-run --json.
type jsonDue struct {
	ID        string `json:"id"` // "" for a digest that is yet to be made
	To        string `json:"to"`
	Kind      string `json:"kind"`
	Subject   string `json:"subject"`
	Due       string `json:"due"`
	Attempts  int    `json:"attempts"`
	LastError string `json:"last_error"`
	Together  int    `json:"together,omitempty"` // alerts that go as this one message, or subscriptions whose digest it is; 0: one
	Lost      int    `json:"lost,omitempty"`     // messages that came to nothing, whose news it brings
	maybe     bool
}

// words says what is known of a message that is not made yet, or not made so.
func (d jsonDue) words() string {
	what := cmp.Or(d.Subject, "(to be made)")
	switch {
	case d.maybe:
		what = "(to be made, if there is something to tell)"
	case d.Kind == alerts.KindAlert && d.Together > 1:
		what = fmt.Sprintf("(%d alerts that have waited for days, as one)", d.Together)
	}
	if d.Kind == alerts.KindDigest && d.Together > 1 {
		what += fmt.Sprintf(" (for %d subscriptions)", d.Together)
	}
	if d.Lost > 0 {
		what += fmt.Sprintf(" (with what %s did not bring)", count(d.Lost, "message"))
	}
	return what
}

// list prints what would be sent now. It claims and makes nothing. This is the
// operator's terminal, and beside "subscribers" the one place with addresses.
func (c sendCmd) list(e *env, a *app) error {
	due, later, err := a.dueMail(e)
	if err != nil {
		return err
	}
	for _, d := range due {
		if c.JSON {
			if err := printJSON(e.stdout, d); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.stdout, "%-7s  to %s  %s", d.Kind, d.To, d.words())
		if d.LastError != "" {
			fmt.Fprintf(e.stdout, "  (tried before: %s)", d.LastError)
		}
		fmt.Fprintln(e.stdout)
	}
	if !c.JSON {
		fmt.Fprintf(e.stdout, "%d would go to %s now, %d later; nothing was sent\n", len(due), a.mailGoes(), later)
		return a.sayHeld(e, "")
	}
	return nil
}

// dueMail is what send would send, the longest due first, then digests that
// are owed; and how many messages wait for later.
func (a *app) dueMail(e *env) (due []jsonDue, later int, err error) {
	subs, err := a.store.Subscriptions(e.ctx, "", 0)
	if err != nil {
		return nil, 0, err
	}
	to := map[string]store.Subscription{}
	for _, s := range subs {
		to[s.ID] = s
	}
	var ready []store.Delivery
	err = a.store.Deliveries(e.ctx, func(d store.Delivery) bool {
		switch {
		case d.State != store.Queued || !to[d.Subscription].Wants(d.Kind):
		case d.Due.After(e.now()):
			later++
		default:
			ready = append(ready, d)
		}
		return true
	})
	slices.SortStableFunc(ready, func(x, y store.Delivery) int { return x.Due.Compare(y.Due) })
	if err != nil {
		return nil, 0, err
	}
	folded := map[string]int{} // where in due, by subscription
	for _, d := range ready {
		if i, ok := folded[d.Subscription]; ok && alerts.Foldable(d, e.now()) {
			due[i].Together = max(due[i].Together, 1) + 1
			continue
		}
		if alerts.Foldable(d, e.now()) {
			folded[d.Subscription] = len(due)
		}
		due = append(due, jsonDue{ID: d.ID, To: to[d.Subscription].Address, Kind: d.Kind, Subject: d.Subject, Due: stamp(alerts.DueFrom(d)), Attempts: d.Attempts, LastError: d.LastError})
	}
	digests, err := a.digests.Expect(e.ctx, e.now())
	for _, x := range digests {
		d := jsonDue{To: x.Subscriptions[0].Address, Kind: alerts.KindDigest, Due: stamp(x.Slot), Lost: x.Lost, maybe: x.MayBeQuiet}
		if n := len(x.Subscriptions); n > 1 {
			d.Together = n
		}
		due = append(due, d)
	}
	return due, later, err
}
