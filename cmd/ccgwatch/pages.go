package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/alerts/web"
	"ccgwatch/store"
)

// webServer serves the pages of an app.
func (a *app) webServer(now func() time.Time) *http.Server {
	srv, _ := a.webServerAhead(now)
	return srv
}

// webServerAhead also gives what reads the record before anybody asks.
func (a *app) webServerAhead(now func() time.Time) (srv *http.Server, ahead func(context.Context) error) {
	return a.webPages(now).NewHTTPServer(a.cfg.Web.Listen)
}

// webPages are the pages of an app.
func (a *app) webPages(now func() time.Time) web.Server {
	contact := a.cfg.Group.Email
	if contact == noContact {
		contact = ""
	}
	s := web.Server{
		Ledger: a.public, Outbox: a.public, Subscribers: a.store,
		Group: a.cfg.Group.Name, URL: a.cfg.Group.URL, Installation: a.installation, Listen: a.cfg.Web.Listen, Contact: contact,
		Sources: func() []web.SourceInfo { return a.sourceInfos(now()) },
		Facts:   a.facts,
		Bodies:  a.bodyInfos(), Buyers: a.judge.Buyers, Gaps: a.gaps(now().Format(time.DateOnly)),
		Covered: a.covered,
		Held:    func() []string { return a.standsStill(context.Background(), now()) },
		Desk:    a.desk, Choices: a.choices, Proxies: a.cfg.Web.Proxies,
		Thread: func(ctx context.Context, id string) (judge.Thread, error) { return a.threads.Of(ctx, id, true) },
		Threads: func(ctx context.Context, f func(store.Finding) bool) error {
			return a.threads.Recent(ctx, 0, f)
		},
		Overdue: a.judge.Overdue, Provider: a.judge.Provider, Plain: a.judge.Plain, Papers: a.said, Archive: a.store, Corrections: a.store,
		Joined: web.Joined{OfItem: a.joined.KnownOfItem, OfThread: a.joined.KnownOfThread, Behind: a.joined.Behind, Dates: a.datesOf},
		Judged: a.rejudged.Load,
		Listed: web.Listed{Newest: a.listed.Newest, Since: a.threads.Recent, Stage: a.listed.Stage, Fold: a.listed.Fold},
		Token:  a.subscriptionOf, Now: now, Log: a.log, Version: version(),
	}
	s.Index = &a.search
	return s
}

func (a *app) sourceInfos(now time.Time) []web.SourceInfo {
	diary, err := a.store.Due(context.Background())
	if err != nil {
		a.log.Error("pages", "err", err)
	}
	out := make([]web.SourceInfo, 0, len(a.sources))
	for _, s := range a.sources {
		next, ok := diary[jobOf(s)]
		if !ok {
			next = now // one that was never looked at is due at once
		}
		out = append(out, web.SourceInfo{ID: s.ID, Name: s.Name, Base: s.Base, Platform: s.Platform, Schedule: s.Schedule.Words(), Next: next, Body: s.Body})
	}
	return out
}

// subscriptionOf finds the subscription that an unsubscribe token ends. One
// that has the form of a token and is nobody's (any more) is accepted, and ends
// nothing: an old link must work for ever, also after erasure or a restored
// backup, and the answer tells nobody who is subscribed.
func (a *app) subscriptionOf(token string) (string, bool, error) {
	if b, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(b) != 32 {
		return "", false, nil
	}
	all, err := a.store.Subscriptions(context.Background(), "", 0)
	if err != nil {
		return "", false, err
	}
	ids := make([]string, 0, len(all))
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	if id, ok := a.links.Tokens(ids).Verify(token); ok {
		return id, true, nil
	}
	return "nobody", true, nil
}
