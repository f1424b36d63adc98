package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

type subscribersCmd struct {
	List   subscribersList   `cmd:""`
	Add    subscribersAdd    `cmd:""`
	Import subscribersImport `cmd:""`
	Export subscribersExport `cmd:""`
	Erase  subscribersErase  `cmd:""`
}

// jsonSubscriber is a line of subscribers list --json.
type jsonSubscriber struct {
	ID         string       `json:"id"`
	Address    string       `json:"address"`
	Query      string       `json:"query"`
	Often      string       `json:"often"`
	State      store.State  `json:"state"`
	Created    string       `json:"created"`
	Consent    string       `json:"consent"`
	ConsentAt  string       `json:"consent_at"`
	Ended      string       `json:"ended,omitempty"`
	LastDigest string       `json:"last_digest,omitempty"`
	Proof      *store.Proof `json:"proof,omitempty"` // of consent given on a page
}

func subscriberJSON(s store.Subscription) jsonSubscriber {
	return jsonSubscriber{s.ID, s.Address, s.Query, s.Often, s.State, stamp(s.Created), s.Consent, stamp(s.ConsentAt), stamp(s.Ended), stamp(s.LastDigest), s.Proof}
}

type subscribersList struct {
	JSON bool `name:"json"`
}

func (c *subscribersList) Run(e *env) error {
	return e.query(func(a *app) error {
		all, err := a.store.Subscriptions(e.ctx, "", 0)
		if err != nil {
			return err
		}
		for _, s := range all {
			if !s.Subscribed() {
				continue
			}
			if c.JSON {
				err = printJSON(e.stdout, subscriberJSON(s))
			} else {
				_, err = fmt.Fprintf(e.stdout, "%s  %-9s  %-7s  %s  %s\n", s.ID[:min(8, len(s.ID))], s.State, s.Often, s.Address, orEverything(s.Query))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func orEverything(q string) string {
	if q == "" {
		return "(everything)"
	}
	return q
}

type subscribersAdd struct {
	Address string `arg:""`
	Consent string
	Query   string
	Often   string `default:"weekly"`
}

func (c *subscribersAdd) Run(e *env) error {
	address, err := alerts.Address(c.Address)
	if err != nil {
		return usagef("%w", err)
	}
	switch {
	case strings.TrimSpace(c.Consent) == "":
		return usagef("--consent is missing: say how and when this person agreed; without a recorded consent nobody is mailed")
	case !store.IsOften(c.Often):
		return usagef("--often %q: expected instant, daily, weekly or both", c.Often)
	}
	if _, err := query.Parse(c.Query); err != nil {
		return usagef("--query: %w", err)
	}
	return e.query(func(a *app) error {
		if err := a.checkQuery(c.Query); err != nil {
			return usagef("--query: %w", err)
		}
		since, err := a.store.LastSeq(e.ctx)
		if err != nil {
			return err
		}
		id := make([]byte, 16)
		if _, err := rand.Read(id); err != nil {
			return err
		}
		now := e.now()
		s := store.Subscription{
			ID: hex.EncodeToString(id), Address: address, Query: strings.TrimSpace(c.Query), Often: c.Often, State: store.StateConfirmed,
			Created: now, Consent: c.Consent, ConsentAt: now, Since: since,
		}
		if err := a.forgetPending(e.ctx, s); err != nil {
			return err
		}
		err = a.store.Subscribe(e.ctx, s)
		if errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("this address has that subscription already")
		}
		if err == nil {
			fmt.Fprintf(e.stdout, "added %s: %s, %s\n", s.ID[:8], s.Often, orEverything(s.Query))
		}
		return err
	})
}

// forgetPending drops what the person asked for on the pages and has not
// confirmed, if it is the same: the operator's word takes its place.
func (a *app) forgetPending(ctx context.Context, s store.Subscription) error {
	of, err := a.store.Of(ctx, s.Address)
	if err != nil {
		return err
	}
	for _, o := range of {
		if o.State == store.StatePending && o.Often == s.Often && strings.TrimSpace(o.Query) == s.Query {
			if err := a.store.Forget(ctx, o); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

type subscribersExport struct {
	Address string `arg:""`
}

func (c *subscribersExport) Run(e *env) error {
	return e.query(func(a *app) error {
		x, err := a.desk.Extract(e.ctx, c.Address)
		if err != nil {
			return err
		}
		if len(x.Subscriptions) == 0 {
			return errors.New("nothing is kept of that address")
		}
		for _, s := range x.Subscriptions {
			var sent []store.Delivery
			for _, d := range x.Deliveries {
				if d.Subscription == s.ID {
					sent = append(sent, d)
				}
			}
			if err := printJSON(e.stdout, struct {
				jsonSubscriber
				Deliveries []store.Delivery `json:"deliveries"`
			}{subscriberJSON(s), sent}); err != nil {
				return err
			}
		}
		return printJSON(e.stdout, jsonKept{x.Agreed, x.Links, x.ServiceMails, x.Unconfirmed, x.Bounces})
	})
}

// jsonKept is the last line of subscribers export: what is kept beside
// subscriptions and mail.
type jsonKept struct {
	Agreed       map[string]string `json:"agreed"`
	Links        []store.Token     `json:"links"`
	ServiceMails []time.Time       `json:"service_mails"`
	Unconfirmed  int               `json:"unconfirmed_mails"`

	Bounces *store.BounceScore `json:"bounces,omitempty"`
}

type subscribersErase struct {
	Address string `arg:""`
}

func (c *subscribersErase) Run(e *env) error {
	return e.query(func(a *app) error {
		// Nobody writes or queues a message to them meanwhile.
		a.following.Lock()
		defer a.following.Unlock()
		a.sending.Lock()
		defer a.sending.Unlock()
		n, err := a.erase(e.ctx, c.Address)
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("nothing is kept of that address")
		}
		// What was deleted stands in free pages of the file until it is written anew.
		if err := a.store.Compact(e.ctx); err != nil {
			return fmt.Errorf("erased, but the file still holds traces: %w", err)
		}
		_, err = fmt.Fprintf(e.stdout, "erased: %s and what was queued for them\n", count(n, "subscription"))
		return err
	})
}
