package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/mail"
	"ccgwatch/alerts/web"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// joinAlerts builds what tells people: matcher, digests, postman, links.
func (a *app) joinAlerts() error {
	secret, err := readSecret(filepath.Join(a.data, secretFile))
	if err != nil {
		return err
	}
	a.installation = installationOf(secret)
	if a.links, err = alerts.NewLinks(a.cfg.Group.URL, a.cfg.Group.Email, secret); err != nil {
		return fmt.Errorf("config: [group]: %w", err)
	}
	compose, err := mail.NewComposer(a.cfg.Group.Name, a.links, london())
	if err != nil {
		return fmt.Errorf("config: [group]: %w", err)
	}
	a.public = store.NewPublic(a.store)
	a.threads = &alerts.Threads{Ledger: a.public, Outbox: a.public, Marks: a.store, Judge: a.judge}
	a.judging = &alerts.Threads{Ledger: a.store, Outbox: a.store, Marks: a.store, Judge: a.judge}
	a.derived = a.newDerived()
	a.joined = &alerts.Joined{Ledger: a.public, Outbox: a.store, Shown: a.public.Shown, Marks: a.store, Judge: a.judge, Derived: a.derived}
	a.listed = &alerts.ThreadList{Threads: a.threads, Ledger: a.store, Outbox: a.store, Shown: a.public.Shown, Derived: a.derived}
	a.said = &alerts.Papers{Ledger: a.public, Archive: a.store, Said: web.Sayings(a.judge.Plain), Derived: a.derived}
	a.dates = &alerts.Dates{Ledger: a.public, Outbox: a.public, Archive: a.store, Judge: a.judge}
	compose.Mailbox = a.cfg.Mailbox.Read()
	a.compose = compose
	letters, services, err := a.signed(compose)
	if err != nil {
		return err
	}
	letters = a.asCorrected(letters)
	a.matcher = &alerts.Matcher{
		Ledger: a.store, Outbox: a.store, Subscribers: a.store, Revision: a.store, Compose: letters, Facts: a.facts, Log: a.log,
		Told: a.store.told, Of: a.store.Of, Edits: a.store.Edits,
		Brake: &alerts.Brake{Backlog: a.store, Outbox: a.store, Subscribers: a.store, Diary: a.store, Zone: london()},
		Judge: a.passOverPanics(a.meaning),
	}
	a.digests = &alerts.Digester{
		Ledger: a.public, Outbox: a.public, Subscribers: a.store, Compose: letters, Facts: a.facts, About: a.about,
		SourceName: a.sourceName, Schedule: alerts.Fridays(london()), Backlog: a.store, Log: a.log,
		Of: a.store.Of, Edits: a.store.Edits,
	}
	a.corrector = &alerts.Corrector{Outbox: a.store, Subscribers: a.store, Backlog: a.store, Compose: letters, Log: a.log}
	a.desk = a.newDesk(services)
	if err := a.joinMailbox(secret); err != nil {
		return err
	}
	a.postman = &alerts.Postman{Outbox: a.store, Subscribers: a.store, Sender: mail.Files{Dir: filepath.Join(a.data, "outbox")}, Sure: true, Refused: a.clerk.Refused, Domains: a.domains(), Log: a.log}
	a.clerk.Domains = a.postman.Domains
	if s := a.cfg.SMTP; s.Host != "" {
		relay := relayOf(a.cfg, s)
		relay.ReturnPath = a.returnPath()
		a.postman.Sender, a.postman.Name, a.postman.Sure = relay, relayName(s), false
		a.postman.Fallback, a.postman.Switched = a.secondRelay(), a.switched
		a.postman.Connections = s.Connections
		a.postman.Gap, a.postman.Clock = time.Minute/time.Duration(max(s.PerMinute, 1)), time.Now
		a.postman.PerHour, a.postman.PerDay, a.postman.PerAddress = s.PerHour, s.PerDay, perAddress
		a.postman.Backlog, a.postman.Compose, a.postman.Edits = a.store, letters, a.store.Edits
	}
	return nil
}

// perAddress is how many messages an address is sent in a day before its alerts wait.
const perAddress = 10

// meaning has a change judged: a notice in its thread, anything else by itself
// and beside the other papers of its meeting.
// A site whose body nobody named speaks under the source's name. That the
// operator corrected something is no news. What is held back is judged, and the
// Matcher tells nobody of it before it is shown again.
func (a *app) meaning(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
	if c.Op == store.OpCorrected {
		return nil, nil
	}
	edits, err := a.store.Edits(ctx)
	if err != nil {
		return nil, err
	}
	return a.meaningOf(ctx, c, it, edits)
}

func (a *app) meaningOf(ctx context.Context, c store.Change, it store.Item, edits *store.Edits) ([]store.Finding, error) {
	if c.Kind == store.KindNotice && it.Notice != nil {
		found, err := a.judging.Findings(ctx, c, it)
		if err != nil {
			return nil, err
		}
		return a.told(ctx, it, found)
	}
	found, err := a.judge.FindingsBeside(c, it, func(sha string) ([]string, error) { return a.store.Text(ctx, sha) }, a.beside(ctx, it, edits))
	for i := range found {
		if found[i].BodyName == "" && found[i].Kind != store.KindNotice {
			found[i].BodyName = a.sourceName(found[i].Source)
		}
	}
	if err != nil {
		return nil, err
	}
	return a.told(ctx, it, found)
}

type judging = func(context.Context, store.Change, store.Item) ([]store.Finding, error)

// passOverPanics has a change on which the rules panic give no findings, and
// says so in the log. The log of changes is followed in order: the daemon would
// otherwise die of the same change at every start, and nobody would be told of
// anything any more.
func (a *app) passOverPanics(f judging) judging {
	return func(ctx context.Context, c store.Change, it store.Item) (found []store.Finding, err error) {
		defer func() {
			if x := recover(); x != nil {
				a.log.Error("judging panicked: this change gives no findings", "change", c.Seq, "source", c.Source, "key", c.Key, "panic", x, "stack", string(debug.Stack()))
				found, err = nil, nil
			}
		}()
		found, err = f(ctx, c, it)
		if err != nil && ctx.Err() == nil {
			a.log.Error("judging failed: this change gives no findings", "change", c.Seq, "source", c.Source, "key", c.Key, "err", err)
			return nil, nil
		}
		return found, err
	}
}

// secretFile is the key that links and hashes are made with.
const secretFile = "secret.key"

// readSecret reads the key that unsubscribe links are made with, or makes it:
// written aside and renamed, so that no half of one is ever used.
func readSecret(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	switch {
	case err == nil && len(b) >= 32:
		return b, nil
	case err == nil:
		return nil, fmt.Errorf("%s is damaged: it has %d bytes, not 32; bring it back from a copy, or remove it (links in mails already sent then stop working)", name, len(b))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	b = make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	tmp := name + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return b, os.Rename(tmp, name)
}

// installationOf names an installation by its key, which copies bring along and of
// which it tells nothing.
func installationOf(secret []byte) (id [16]byte) {
	m := hmac.New(sha256.New, secret)
	_, _ = m.Write([]byte("ccgwatch installation")) // never fails
	copy(id[:], m.Sum(nil))
	return id
}

// facts are what a query is asked about a finding: its words, and its body
// under every name it is known by.
func (a *app) facts(f store.Finding) query.Facts {
	x := query.Facts{
		Topics: []string{string(f.Topic)}, Kinds: []string{string(f.Kind)}, Tiers: []string{string(f.Tier)}, Sources: []string{f.Source},
		Areas: slices.Clone(f.Areas), Text: strings.Join([]string{f.Title, f.Document, f.BodyName, f.Text}, "\n"),
	}
	for _, m := range f.Mentions() {
		x.Passages = append(x.Passages, m.Quote)
	}
	if f.Committee != "" {
		x.Committees = []string{f.Committee}
	}
	if f.Thread != "" {
		x.Threads = []string{f.Thread}
	}
	for _, topic := range f.Also {
		x.Topics = append(x.Topics, string(topic))
	}
	if f.Stage != "" {
		x.Stages = []string{f.Stage}
	}
	if f.BodyName != "" {
		x.Bodies = append(x.Bodies, f.BodyName)
	}
	if _, ok := a.bodies[f.Body]; ok {
		x.Bodies = append(x.Bodies, a.names[f.Body]...)
	} else if f.Body != "" {
		x.Bodies = append(x.Bodies, f.Body)
	}
	if f.Kind != store.KindNotice { // what a site says, its source says
		x.Bodies = append(x.Bodies, f.Source)
	}
	for _, id := range f.Areas {
		if name := a.areaNames[id]; name != "" {
			x.Areas = append(x.Areas, name)
		}
	}
	return x
}

// about is what is known of an item by its own words and its body.
func (a *app) about(it store.Item) store.Finding {
	f := alerts.About(it)
	if b, ok := a.bodies[it.Body]; ok {
		f.Body, f.BodyName, f.Areas = b.ID, b.Name, b.Areas
	} else if it.Kind != store.KindNotice {
		f.BodyName = a.sourceName(it.Source)
	}
	return f
}

func (a *app) sourceName(id string) string {
	for _, s := range a.sources {
		if s.ID == id {
			return s.Name
		}
	}
	return ""
}

// findingFilter makes a filter of a query as subscribers write it. Of a finding
// that fits, the sentence that does comes first.
func (a *app) findingFilter(q string) (func(store.Finding) (store.Finding, bool), error) {
	if strings.TrimSpace(q) == "" {
		return func(f store.Finding) (store.Finding, bool) { return f, true }, nil
	}
	parsed, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	return func(f store.Finding) (store.Finding, bool) {
		said, ok := parsed.First(query.Prepare(a.facts(f)))
		return f.Leading(said), ok
	}, a.checkQuery(q)
}

// checkQuery refuses bodies and areas that nothing can ever match: a
// subscription to a misspelt name would be silent for ever.
func (a *app) checkQuery(q string) error {
	parsed, err := query.Parse(q)
	if err != nil {
		return err
	}
	for _, v := range parsed.Values("source") {
		if _, err := a.source(v); err != nil {
			return err
		}
	}
	for _, v := range parsed.Values("area") {
		if a.areaNames[v] == "" {
			return fmt.Errorf("area:%s: there is no such area; there are %s", v, strings.Join(a.areaIDs(), ", "))
		}
	}
	for _, v := range parsed.Values("thread") {
		// Its number is asked for as it is printed, in small letters.
		if found, err := a.threads.Named(context.Background(), v); err != nil || len(found) == 0 {
			return errors.Join(fmt.Errorf("thread:%s: no procurement is known by that number; 'ccgwatch threads' lists them", v), err)
		}
	}
	for _, v := range parsed.Values("body") {
		if !a.isBody(v) {
			return fmt.Errorf("body:%s: no body is known by that id, name or code; 'ccgwatch sources --all' lists many", v)
		}
	}
	return nil
}

// isBody tells whether a body is known by an id, name or code as a query writes it.
func (a *app) isBody(v string) bool {
	for _, s := range a.sources {
		f := query.Facts{Bodies: []string{s.ID, s.Name}}
		if q, err := query.Parse("body:\"" + v + "\""); err == nil && q.Match(f) {
			return true
		}
	}
	for _, b := range a.rules.Bodies {
		f := query.Facts{Bodies: a.names[b.ID]}
		if q, err := query.Parse("body:\"" + v + "\""); err == nil && q.Match(f) {
			return true
		}
	}
	return false
}

func (a *app) areaIDs() []string {
	var ids []string
	for _, x := range a.rules.Areas {
		ids = append(ids, x.ID)
	}
	return ids
}

func (a *app) nextDigest(now time.Time) time.Time { return alerts.Fridays(london()).Next(now) }

// nextDaily is when the next daily digests go out.
func (a *app) nextDaily(now time.Time) time.Time {
	return alerts.Fridays(london()).For(store.Daily).Next(now)
}

// mailGoes says where messages are sent to.
func (a *app) mailGoes() string {
	if s := a.cfg.SMTP; s.Host != "" {
		return fmt.Sprintf("%s:%d", s.Host, s.Port)
	}
	return filepath.Join(a.data, "outbox")
}

// messagesTo lists the files that messages to an address were written to.
func (a *app) messagesTo(ctx context.Context, address string) ([]string, error) {
	all, err := a.store.Subscriptions(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	theirs := map[string]bool{}
	for _, s := range all {
		theirs[s.ID] = strings.EqualFold(s.Address, address)
	}
	var files []string
	err = a.store.Deliveries(ctx, func(d store.Delivery) bool {
		if theirs[d.Subscription] {
			files = append(files, filepath.Join(a.data, "outbox", d.ID+".eml"))
		}
		return true
	})
	return files, err
}
