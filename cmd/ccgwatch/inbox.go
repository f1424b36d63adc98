package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/mail/inbox"
	"ccgwatch/config"
	"ccgwatch/store"
)

const (
	jobInbox   = "inbox" // when the mailbox is read next
	inboxEvery = 5 * time.Minute
	// visitsMost bounds how long one reading of a mailbox lasts that is being filled.
	visitsMost = 20
	// maildirSlack is how much older than the newest file one may be that has not
	// been seen: some programs give it the time at which the message was sent on.
	maildirSlack = 48 * time.Hour
	// mailFrom is how old mail may be that is asked for at all (see inbox.EffectOld).
	mailFrom = 31 * 24 * time.Hour
)

// joinMailbox builds what acts on mail that comes in, and on addresses that the
// relay says are not there.
func (a *app) joinMailbox(secret []byte) (err error) {
	if a.marks, err = inbox.NewMarks(a.cfg.Group.Email, secret); err != nil {
		return fmt.Errorf("config: [group]: %w", err)
	}
	a.clerk = &inbox.Clerk{
		Reader: inbox.NewReader(a.marks), Desk: a.desk, Mailroom: a.store, Subscribers: a.store, Token: a.subscriptionOf, Zone: london(), Log: a.log,
	}
	return nil
}

// returnPath is nil unless bounces can be told apart, and somebody reads them.
func (a *app) returnPath() func(string) string {
	if !a.cfg.Mailbox.Read() || !a.cfg.Mailbox.Plus {
		return nil
	}
	return a.marks.ReturnPath
}

// A read is what a reading of the mailbox came to.
type read struct {
	messages int // that were not met before
	effects  map[string]int
	more     bool // it was not read to its end: further messages wait
}

// readMailbox takes what came since the last time, and notes how far it got: a
// crash in between lets some messages be met again, which are known by then.
func (a *app) readMailbox(ctx context.Context, now time.Time) (read, error) {
	return a.visitUpTo(ctx, now, visitsMost, 0)
}

// visitUpTo is readMailbox in so many visits, each for so many messages (see
// inbox.IMAP.Batch).
func (a *app) visitUpTo(ctx context.Context, now time.Time, visits, batch int) (read, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	r := read{effects: map[string]int{}}
	take := func(raw []byte) error {
		effect, met, err := a.clerk.Take(ctx, now, raw)
		if err == nil && !met {
			r.messages++
			r.effects[effect]++
		}
		return err
	}
	name := a.mailboxName()
	for range visits {
		mark, err := a.store.MailMark(ctx, name)
		if err != nil {
			return r, err
		}
		next, more, err := a.visitMailbox(ctx, now, mark, batch, take)
		if next != mark {
			if err := a.store.SetMailMark(context.WithoutCancel(ctx), name, next); err != nil {
				return r, err
			}
		}
		if r.more = more; err != nil || !more {
			return r, err
		}
	}
	return r, nil
}

// mailboxName tells one mailbox from another that the operator may set later.
func (a *app) mailboxName() string {
	switch m := a.cfg.Mailbox; {
	case m.Maildir != "":
		return "maildir " + m.Maildir
	case m.Mbox != "":
		return "mbox " + m.Mbox
	default:
		return strings.Join([]string{"imap", m.Host, m.Username, m.Folder}, " ")
	}
}

func (a *app) visitMailbox(ctx context.Context, now time.Time, mark store.MailMark, batch int, take func([]byte) error) (next store.MailMark, more bool, err error) {
	next = mark
	switch m := a.cfg.Mailbox; {
	case m.Maildir != "":
		since := now.Add(-mailFrom)
		if from := mark.Newest.Add(-maildirSlack); from.After(since) {
			since = from
		}
		newest, err := inbox.Maildir{Dir: m.Maildir}.Each(since, take)
		if newest.After(next.Newest) {
			next.Newest = newest.UTC()
		}
		return next, false, err
	case m.Mbox != "":
		next.Offset, err = inbox.Mbox{File: m.Mbox}.Each(mark.Offset, take)
		return next, false, err
	default:
		box := &inbox.IMAP{
			Host: m.Host, Port: m.Port, TLS: m.TLS, Username: m.Username, Password: m.Password.Reveal, Folder: m.Folder, Since: now.Add(-mailFrom), Batch: batch,
		}
		to, more, err := box.Each(ctx, inbox.Mark{Validity: mark.Validity, Last: mark.Last}, take)
		next.Validity, next.Last = to.Validity, to.Last
		return next, more, err
	}
}

// inbox reads the mailbox when its time has come. One that cannot be read is
// tried again the next time, and nothing is lost by it.
func (d *daemon) inbox(ctx context.Context, now time.Time) {
	diary, err := d.store.Due(ctx)
	if err != nil || diary[jobInbox].After(now) && diary[jobInbox].Sub(now) <= 2*inboxEvery {
		return
	}
	if wrong, err := d.clockWrong(ctx, now); err != nil || wrong != "" {
		return // mail is held as well, and that says so
	}
	r, err := d.readMailbox(ctx, now)
	if err != nil && ctx.Err() == nil {
		d.log.Warn("the mailbox was not read to its end; again in a while", "err", err)
	}
	if r.messages > 0 {
		d.log.Info("mailbox", "messages", r.messages, "led_to", r.String())
	}
	next := now.Add(inboxEvery)
	if r.more && err == nil {
		d.log.Info("more messages wait in the mailbox; it is read on at once")
		next = now
	}
	d.setDue(ctx, jobInbox, next)
}

// String lists the effects: "2 asked, 1 left".
func (r read) String() string {
	var out []string
	for _, e := range slices.Sorted(maps.Keys(r.effects)) {
		out = append(out, fmt.Sprintf("%d %s", r.effects[e], e))
	}
	return strings.Join(out, ", ")
}

// mailboxFile looks whether a mailbox that is no server can be read.
func (x *examination) mailboxFile(m config.Mailbox) {
	name, what := m.Maildir, "new"
	if name == "" {
		name, what = m.Mbox, ""
	}
	if name == "" {
		return
	}
	f, err := os.Open(filepath.Join(name, what))
	if err == nil {
		err = f.Close()
	}
	x.answered("mailbox", name, "it can be read", err)
}

type inboxCmd struct {
	JSON bool `name:"json"`
}

// Run reads the mailbox once.
func (c *inboxCmd) Run(e *env) error {
	return e.withApp(func(a *app) error {
		if !a.cfg.Mailbox.Read() {
			return usagef("no mailbox is configured: [mailbox] host, maildir or mbox in %s", e.configPath)
		}
		r, err := a.readMailbox(e.ctx, e.now())
		return c.say(e, r, err)
	})
}

// errMoreMail: a mailbox was not read to its end, and nothing is wrong with it.
var errMoreMail = errors.New("more messages wait in the mailbox: run it again, or let the daemon do so")

// say prints what a reading came to. That more messages wait is an error, so that
// a script knows.
func (c *inboxCmd) say(e *env, r read, err error) error {
	switch {
	case c.JSON:
		err = errors.Join(err, printJSON(e.stdout, struct {
			Messages int            `json:"messages"`
			LedTo    map[string]int `json:"led_to"`
			More     bool           `json:"more,omitempty"`
		}{r.messages, r.effects, r.more}))
	case r.messages == 0 && !r.more:
		fmt.Fprintln(e.stdout, "no new messages")
	default:
		fmt.Fprintf(e.stdout, "%s: %s\n", plural(r.messages, "message", "messages"), r)
	}
	if err == nil && r.more {
		err = errMoreMail
	}
	return err
}
