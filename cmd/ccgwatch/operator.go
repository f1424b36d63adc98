package main

import (
	"context"
	"fmt"
	"time"

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
// happens; and about alerts that are held back. The day is noted before the message goes: a crash in between costs a
// day, and never makes two messages. What it told of is noted after it went.
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
	if err := a.store.SetDue(ctx, operatorJob, now); err != nil {
		return err
	}
	d := store.Delivery{ID: id, Kind: "operator", MessageID: m.MessageID, Subject: m.Subject, Raw: m.Raw, Created: now}
	if err := a.postman.Sender.Send(ctx, d, a.cfg.Group.Email, func() error { return nil }); err != nil {
		return fmt.Errorf("writing to the operator, to be tried again tomorrow: %w", err)
	}
	for _, t := range tell {
		if err := a.store.SetDue(ctx, toldJob(t.Source), now); err != nil {
			return err
		}
	}
	a.log.Info("the operator was written to", "about", len(tell), "subject", m.Subject)
	return nil
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
