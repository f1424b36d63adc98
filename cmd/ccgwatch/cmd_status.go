package main

import (
	"errors"
	"fmt"
	"time"

	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
)

type statusCmd struct {
	JSON bool `name:"json"`
}

// jsonStatus is a line of status --json: one a source, then one of the queue.
type jsonStatus struct {
	Source       string             `json:"source"`
	Name         string             `json:"name"`
	State        string             `json:"state"` // ok, failing or never
	LastTry      string             `json:"last_try"`
	LastComplete string             `json:"last_complete"`
	FailingSince string             `json:"failing_since"`
	Next         string             `json:"next"`
	Problems     []store.Problem    `json:"problems"`
	Counts       map[store.Kind]int `json:"counts"`
	Condition    store.Condition    `json:"condition"`       // the state, finer: see store.Condition
	Audit        *ocds.Audit        `json:"audit,omitempty"` // of a feed of notices: how complete it is
}

type jsonQueue struct {
	Queue struct {
		Queued     int `json:"queued"`
		Sent       int `json:"sent"`
		Failed     int `json:"failed"`
		Suppressed int `json:"suppressed"`
		Uncertain  int `json:"uncertain"` // in doubt twice: it may have come or not
		Folded     int `json:"folded"`    // waited for days, and became one message with others
		GivenUp    int `json:"given_up"`  // of the failed: tried for five days
		Held       int `json:"held"`      // waits for the operator's word: see send --release
	} `json:"queue"`
	Coverage      jsonCoverage `json:"coverage"`
	Subscriptions int          `json:"subscriptions"`
	LastMail      string       `json:"last_mail"`
	NextDigest    string       `json:"next_digest"` // of the weekly ones
	NextDaily     string       `json:"next_daily"`  // of the daily ones
	Daily         int          `json:"daily"`       // subscriptions that have a daily digest
	Offline       bool         `json:"offline"`
	Paused        string       `json:"paused"`      // why nothing is crawled, "" while it is
	Clock         string       `json:"clock"`       // why the clock keeps all mail back, "" if it does not
	FellBack      string       `json:"fell_back"`   // what the daemon did about a damaged store lately, "" for nothing
	Search        string       `json:"search"`      // how far the search index has come
	LastCopy      string       `json:"last_copy"`   // when the newest good one of the daemon's copies was made
	DigestCopy    string       `json:"digest_copy"` // when the operator's newest copy of a digest was sent, "" for never
	copies        bool         // one is wanted
	SecondRelay   string       `json:"second_relay"` // since when mail goes through it, "" while the first is used
}

func (c *statusCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		rows, err := a.statusRows(e)
		if err != nil {
			return err
		}
		queue, err := a.queueRow(e)
		if err != nil {
			return err
		}
		all, err := a.healths(e.ctx)
		if err != nil {
			return err
		}
		queue.Offline = store.Ours(all, a.siteOf)
		queue.Search = a.searchState(e.ctx)
		queue.Coverage = a.coverage(rows, e.now().Format(time.DateOnly))
		bad, wide := 0, 16
		for _, r := range rows {
			wide = max(wide, len(r.Source))
		}
		for _, r := range rows {
			if r.State == "failing" {
				bad++
			}
			if c.JSON {
				err = printJSON(e.stdout, r)
			} else {
				err = printStatus(e, r, wide)
			}
			if err != nil {
				return err
			}
		}
		if c.JSON {
			err = printJSON(e.stdout, queue)
		} else {
			err = errors.Join(printQueue(e, queue), printCoverage(e.stdout, queue.Coverage), a.sayHeld(e, "\n"))
		}
		if err == nil && bad > 0 {
			return &exitError{code: exitSome}
		}
		return err
	})
}

func (a *app) statusRows(e *env) ([]jsonStatus, error) {
	healths, err := a.store.Healths(e.ctx)
	if err != nil {
		return nil, err
	}
	diary, err := a.store.Due(e.ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]store.Health{}
	for _, h := range healths {
		known[h.Source] = h
	}
	rows := make([]jsonStatus, 0, len(a.sources))
	for _, s := range a.sources {
		h := known[s.ID]
		r := jsonStatus{
			Source: s.ID, Name: s.Name, State: "ok", LastTry: stamp(h.LastTry), LastComplete: stamp(h.LastComplete),
			FailingSince: stamp(h.FailingSince), Next: stamp(diary[jobOf(s)]), Problems: h.Problems, Counts: h.Counts,
			Condition: h.Condition(e.now()),
		}
		switch {
		case h.LastTry.IsZero():
			r.State = "never"
		case !h.FailingSince.IsZero():
			r.State = "failing"
		}
		if !s.crawl.Whole {
			snap, err := a.store.Snapshot(e.ctx, s.ID, []string{})
			if err != nil {
				return nil, err
			}
			if x, ok := ocds.Audited(snap.Notes); ok {
				r.Audit = &x
			}
		}
		if r.Problems == nil {
			r.Problems = []store.Problem{}
		}
		if r.Counts == nil {
			r.Counts = map[store.Kind]int{}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (a *app) queueRow(e *env) (jsonQueue, error) {
	var q jsonQueue
	var last, copied time.Time
	err := a.store.Deliveries(e.ctx, func(d store.Delivery) bool {
		switch d.State {
		case store.Sent:
			q.Queue.Sent++
			if d.Subscription == copyID && d.SentAt.After(copied) {
				copied = d.SentAt
			}
			if d.SentAt.After(last) {
				last = d.SentAt
			}
		case store.Failed:
			q.Queue.Failed++
			if d.Failure == store.FailedExpired {
				q.Queue.GivenUp++
			}
		case store.OnHold:
			q.Queue.Held++
		case store.Folded:
			q.Queue.Folded++
		case store.Suppressed:
			q.Queue.Suppressed++
		case store.Uncertain:
			q.Queue.Uncertain++
		default:
			q.Queue.Queued++
		}
		return true
	})
	if err != nil {
		return q, err
	}
	subs, err := a.store.Subscriptions(e.ctx, "", 0)
	if err != nil {
		return q, err
	}
	for _, s := range subs {
		if s.State == store.StateConfirmed {
			q.Subscriptions++
			if s.Often == store.Daily {
				q.Daily++
			}
		}
	}
	if full := a.roomToCrawl(); full != nil {
		q.Paused = full.Error()
	}
	wrong, err := a.clockWrong(e.ctx, e.now())
	if err != nil {
		return q, err
	}
	q.Clock = clockWords(wrong)
	if f, ok := fellBack(a.data, e.now()); ok {
		q.FellBack = f.Said() + " The damaged store is in " + f.Aside + "."
	}
	if q.SecondRelay, err = a.onSecondRelay(e.ctx); err != nil {
		return q, err
	}
	q.DigestCopy, q.copies = stamp(copied), a.cfg.Operator.DigestCopy != ""
	q.LastCopy = stamp(lastGoodCopy(copiesIn(e.copiesDir())))
	q.LastMail, q.NextDigest, q.NextDaily = stamp(last), stamp(a.nextDigest(e.now())), stamp(a.nextDaily(e.now()))
	return q, err
}

// printStatus tells how a source is; its name takes wide places.
func printStatus(e *env, r jsonStatus, wide int) error {
	switch r.State {
	case "never":
		fmt.Fprintf(e.stdout, "%-*s not looked at yet\n", wide, r.Source)
	case "failing":
		last := "not read completely yet"
		if r.LastComplete != "" {
			last = "last read completely " + readableTime(r.LastComplete)
		}
		fmt.Fprintf(e.stdout, "%-*s FAILING since %s%s; %s\n", wide, r.Source, readableTime(r.FailingSince), conditionWords(r.Condition), last)
	default:
		fmt.Fprintf(e.stdout, "%-*s read completely %s%s%s\n", wide, r.Source, readableTime(r.LastComplete), countsText(r.Counts), conditionWords(r.Condition))
	}
	if r.Audit != nil {
		for _, s := range auditWords(*r.Audit) {
			fmt.Fprintf(e.stdout, "    %s\n", s)
		}
	}
	for _, p := range r.Problems {
		since := ""
		if !p.Since.IsZero() {
			since = " since " + wallTime(p.Since)
		}
		if _, err := fmt.Fprintf(e.stdout, "    could not read %s%s: %s\n", problemOf(p), since, problemText(p)); err != nil {
			return err
		}
	}
	return nil
}

// problemOf is what could not be read, as people call it.
func problemOf(p store.Problem) string {
	if p.What == "the visit" { // the source as a whole
		return "it"
	}
	return p.What
}

func orNever(s string) string {
	if s == "" {
		return "never"
	}
	return readableTime(s)
}

func countsText(counts map[store.Kind]int) string {
	s := ""
	for _, k := range []store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper} {
		if n := counts[k]; n > 0 {
			s += ", " + count(n, string(k))
		}
	}
	return s
}

func printQueue(e *env, q jsonQueue) error {
	if q.Offline {
		fmt.Fprintln(e.stdout, "\nEvery source failed for want of a network: this machine seems to be offline.")
	}
	if q.Paused != "" {
		fmt.Fprintf(e.stdout, "\nNOTHING IS CRAWLED: %s. Mail goes out, and readers can unsubscribe.\n", q.Paused)
	}
	if q.Clock != "" {
		fmt.Fprintf(e.stdout, "\n%s If it is right, say 'ccgwatch send --clock-is-right'.\n", q.Clock)
	}
	if q.SecondRelay != "" {
		fmt.Fprintf(e.stdout, "\nMail goes through the second relay since %s: the first cannot be used. 'ccgwatch doctor' says why.\n", q.SecondRelay)
	}
	if q.FellBack != "" {
		fmt.Fprintf(e.stdout, "\n%s\n", q.FellBack)
	}
	uncertain := ""
	if q.Queue.GivenUp > 0 {
		uncertain = fmt.Sprintf(" (%d of them given up after five days: what they tell goes into the next digest)", q.Queue.GivenUp)
	}
	if q.Queue.Uncertain > 0 {
		uncertain += fmt.Sprintf(", %d uncertain (the relay broke off twice at the very end: they may have come or not)", q.Queue.Uncertain)
	}
	daily := ""
	if q.Daily > 0 {
		daily = fmt.Sprintf(", of the %d daily %s", q.Daily, readableTime(q.NextDaily))
	}
	if q.copies {
		daily += "\nyour copy of a digest, last sent: " + orNever(q.DigestCopy) + "; if it did not arrive, mail goes missing behind the relay"
	}
	_, err := fmt.Fprintf(e.stdout, "\nmail: %d waiting, %d sent, %d failed%s; last sent: %s\n%s; next weekly digest %s%s\nlast copy of the store: %s\nsearch: %s\n",
		q.Queue.Queued, q.Queue.Sent, q.Queue.Failed, uncertain, orNever(q.LastMail), count(q.Subscriptions, "subscription"), readableTime(q.NextDigest), daily, orNever(q.LastCopy), q.Search)
	return err
}
