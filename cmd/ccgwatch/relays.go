package main

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/config"
)

// Jobs in the diary: since when mail goes through the second relay (zero: it does
// not), and when the operator was last told so.
const (
	jobSecond     = "relay/second"
	jobSecondTold = "relay/told"
)

// relayName is what a relay is called in the outbox and in what the operator reads.
func relayName(s config.SMTP) string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// relayHosts are the hosts of the relays, the first one first.
func relayHosts(cfg config.Config) []string {
	all := []string{cfg.SMTP.Host}
	if s := cfg.SMTP.Fallback; s != nil && s.Host != cfg.SMTP.Host {
		all = append(all, s.Host)
	}
	return all
}

// secondRelay is the one for when the first cannot be used; nil: none is configured.
func (a *app) secondRelay() *alerts.Route {
	s := a.cfg.SMTP.Fallback
	if s == nil {
		return nil
	}
	relay := relayOf(a.cfg, *s)
	relay.ReturnPath = a.returnPath()
	return &alerts.Route{
		Name: relayName(*s), Sender: relay, Connections: s.Connections, Gap: time.Minute / time.Duration(max(s.PerMinute, 1)),
		PerHour: s.PerHour, PerDay: s.PerDay,
	}
}

// switched notes which relay is used, and tells the operator when it is the second:
// once for each time, and once a day at most. A crash before the note has the next
// message make it.
func (a *app) switched(ctx context.Context, now time.Time, s alerts.Switch) error {
	diary, err := a.store.Due(ctx)
	if err != nil {
		return err
	}
	since := diary[jobSecond]
	if s.Fallback == !since.IsZero() {
		return nil // known already, perhaps since before this process
	}
	if !s.Fallback {
		a.log.Info("mail goes through the first relay again", "relay", s.To)
		return a.store.SetDue(ctx, jobSecond, time.Time{})
	}
	a.log.Warn("mail goes through the second relay", "relay", s.To, "first", s.From, "why", s.Why)
	if told := diary[jobSecondTold]; !told.After(now) && now.Sub(told) < 24*time.Hour {
		return a.store.SetDue(ctx, jobSecond, now)
	}
	id, m, err := a.compose.SecondRelay(now, s)
	if err != nil {
		return err
	}
	return a.tellHouse(ctx, now, id, m, map[string]time.Time{jobSecond: now, jobSecondTold: now})
}

// onSecondRelay is since when mail goes through the second relay, "" if it does not.
func (a *app) onSecondRelay(ctx context.Context) (string, error) {
	if a.cfg.SMTP.Fallback == nil {
		return "", nil
	}
	diary, err := a.store.Due(ctx)
	return stamp(diary[jobSecond]), err
}

// relay asks one relay whether it takes our mail.
func (x *examination) relay(cfg config.Config, s config.SMTP, whom string, advise func(config.SMTP, error) []string) {
	what, err := askRelay(x.ctx, cfg, s)
	whom += " " + relayName(s)
	if s.Relay != "" {
		whom += " (" + s.Relay + ")"
	}
	advice := advise(s, err)
	if err != nil && s.Note != "" {
		advice = append(advice, s.Relay+" wants "+s.Note)
	}
	x.answered("mail", whom, what+limitsOf(s), err, advice...)
}

// fallback does for the second relay what is done for the first: when it is needed
// it is too late to find out that it does not work.
func (x *examination) fallback(cfg config.Config) {
	s := cfg.SMTP.Fallback
	if s == nil {
		return
	}
	x.relay(cfg, *s, "second relay", fallbackAdvice)
	if x.trial != "" {
		what, err := sendTrial(x.ctx, cfg, *s, x.data, x.trial, x.now())
		x.answered("trial", "a trial message through the second relay", what, err, fallbackAdvice(*s, err)...)
	}
}

// fallbackAdvice is relayAdvice with the keys of the second relay.
func fallbackAdvice(s config.SMTP, err error) []string {
	advice := relayAdvice(s, err)
	for i := range advice {
		advice[i] = strings.ReplaceAll(advice[i], "smtp.", "smtp.fallback.")
	}
	return advice
}
