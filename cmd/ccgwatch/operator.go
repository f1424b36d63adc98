package main

import (
	"context"
	"fmt"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// operatorJob is when the operator was last written to, toldJob when of a
// source (of our own network, with an empty name).
const operatorJob = "operator"

func toldJob(source string) string { return "told/" + source }

// healths are those of the sources that are followed.
func (a *app) healths(ctx context.Context) ([]store.Health, error) {
	all, err := a.store.Healths(ctx)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, h := range all {
		if a.sourceName(h.Source) != "" {
			out = append(out, h)
		}
	}
	return out, nil
}

// siteOf names the host a source is read from.
func (a *app) siteOf(id string) string {
	for _, s := range a.sources {
		if s.ID == id {
			return hostOf(s.Base)
		}
	}
	return id
}

// tellOperator writes to the group's own address about sources that could not
// be read for a day or three times in a row: at most one message a day, whatever
// happens; and about alerts that are held back. The message is queued, and noted,
// in one transaction; from there it goes like all mail.
func (a *app) tellOperator(ctx context.Context, now time.Time) error {
	all, err := a.healths(ctx)
	if err != nil {
		return err
	}
	troubles := store.Troubles(all, store.Ours(all, a.siteOf), now)
	held, some, err := a.heldBack(ctx)
	if err != nil {
		return err
	}
	if some {
		troubles = append([]store.Trouble{held}, troubles...)
	}
	if len(troubles) == 0 {
		return nil
	}
	diary, err := a.store.Due(ctx)
	if err != nil {
		return err
	}
	told := map[string]time.Time{}
	for _, t := range troubles {
		told[t.Source] = diary[toldJob(t.Source)]
	}
	tell := store.Tell(troubles, told, diary[operatorJob], now)
	if tell == nil {
		return nil
	}
	id, m, err := a.compose.Operator(now, tell, a.sourceName)
	if err != nil {
		return err
	}
	noted := map[string]time.Time{operatorJob: now}
	for _, t := range tell {
		noted[toldJob(t.Source)] = now
	}
	return a.tellHouse(ctx, now, id, m, noted)
}

// houseID is the subscription of the group itself.
const houseID = "house"

// tellHouse queues a message to the group's own address, signed where mail is,
// and notes dates with it. The same id is queued once.
func (a *app) tellHouse(ctx context.Context, now time.Time, id string, m alerts.Message, noted map[string]time.Time) error {
	raw, err := a.sign(m.Raw)
	if err != nil {
		return fmt.Errorf("message to the operator: %w", err)
	}
	m.Raw = raw
	house := store.Subscription{ID: houseID, Address: a.cfg.Group.Email, State: store.StateHouse, Created: now, Consent: "the group itself", ConsentAt: now}
	fresh, err := a.store.Tell(ctx, house, houseMail(now, house, id, m), noted)
	if err == nil && fresh {
		a.log.Info("the operator is written to", "subject", m.Subject)
	}
	return err
}

// houseMail is a message, as it is to be sent, to one of the house.
func houseMail(now time.Time, house store.Subscription, id string, m alerts.Message) store.Delivery {
	return store.Delivery{ID: id, Subscription: house.ID, Kind: store.MailOperator, MessageID: m.MessageID, Subject: m.Subject, Raw: m.Raw, State: store.Queued, Created: now, Due: now}
}

// domains holds back what goes to domains that fail as a whole.
func (a *app) domains() *alerts.Domains {
	return &alerts.Domains{
		House: a.store, Backlog: a.store, Subscribers: a.store, Key: a.links.Domain, Log: a.log,
		Tell: func(ctx context.Context, now time.Time, h alerts.Held) error {
			id, m, err := a.compose.Held(now, h)
			if err != nil {
				return err
			}
			return a.tellHouse(ctx, now, id, m, nil)
		},
	}
}

// conditionWords say a condition in a line of the status.
func conditionWords(c store.Condition) string {
	return map[store.Condition]string{
		store.Quiet:       "; quiet for longer than usual",
		store.Suspect:     ", SUSPECT: not believed",
		store.Broken:      ", BROKEN: not readable any more",
		store.Blocked:     ", BLOCKED: it refuses us",
		store.Unreachable: ", UNREACHABLE",
	}[c]
}
