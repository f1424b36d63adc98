package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Follower is the name under which the Matcher keeps its place in the log.
const Follower = store.Teller

const (
	pageOfChanges = 200     // judged and stored at a time
	keepInMemory  = 1000    // findings of one commit; more are read again from the store for every page of subscriptions
	bytesAtOnce   = 4 << 20 // of rendered messages in one transaction
	queriesCached = 50_000
)

// A Matcher follows the change log: it has each change judged, stores the
// findings, and queues one alert for every subscription that a commit concerns.
// It is not safe for concurrent use; one follower is enough.
type Matcher struct {
	Ledger      store.Ledger
	Outbox      store.Outbox
	Subscribers store.Subscribers
	Revision    store.Revision // for Rejudge alone

	// Judge says what a change means; the item is as it stands now. An error
	// stops the follower at this change, and the next Step asks again: what
	// can never be judged is no error but no findings.
	Judge func(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error)
	// Compose puts an alert into words; see Message.
	Compose func(Letter) (Message, error)
	// Facts are what a query is asked about a finding.
	Facts func(store.Finding) query.Facts
	// Of gives the subscriptions of an address (store.Signups), so that a person
	// is told of an item once (see share.go); nil: each subscription is told by
	// itself.
	Of func(ctx context.Context, address string) ([]store.Subscription, error)

	// Told tells whether a subscription was told of a finding before the store
	// was brought back from a copy, and found again in this commit; nil: never.
	// It must give the same answer when a commit is taken up again.
	Told func(subscription string, batch uint64, f store.Finding) bool

	// Edits are the corrections as they stand: what they hide is told to nobody.
	// nil: there are none.
	Edits func(context.Context) (*store.Edits, error)

	// Brake holds back what is more than a usual day's; nil: nothing does.
	Brake *Brake

	Batch int // subscriptions read at a time and deliveries in one transaction; 0 is 500
	Log   *slog.Logger

	queries  queries
	audience audience
	keep     int // candidates in memory; 0 is keepInMemory
}

// queries are parsed once: many subscriptions share the same.
type queries map[string]parsed

type parsed struct {
	query query.Query
	err   error
}

// parse gives the query of what was typed. One that cannot be read (typed
// before the language changed) is logged once, without its owner.
func (qs *queries) parse(s string, log *slog.Logger) (query.Query, error) {
	if p, ok := (*qs)[s]; ok {
		return p.query, p.err
	}
	if *qs == nil || len(*qs) >= queriesCached {
		*qs = queries{}
	}
	q, err := query.Parse(s)
	(*qs)[s] = parsed{q, err}
	if err != nil {
		log.Error("the query of a subscription cannot be read", "query", s, "error", err)
	}
	return q, err
}

// A candidate is a finding that may be mailed, ready to be asked about.
type candidate struct {
	finding  store.Finding
	prepared *query.Prepared
}

// A commit is the part of the log that is matched as one.
type commit struct {
	batch      uint64
	from, last uint64    // Seq: after from, up to last
	at         time.Time // of its first change
	fresh      []store.Finding
	kept       []candidate
	spilled    bool // more candidates than kept; all are in the store
	edits      *store.Edits
	// had tells whether a subscription was told of one of them before; nil: never.
	had func(context.Context, store.Subscription, store.Finding) (bool, error)
}

// Step takes the next commit of the log as far as it goes: all of its changes
// are judged, and the alerts about it queued, in transactions of bounded size.
// Whatever moment it is cut short, the next Step goes on from the last
// transaction, and the outcome is the same. more tells that there may be
// further commits.
func (m *Matcher) Step(ctx context.Context, now time.Time) (more bool, err error) {
	pos, err := m.Outbox.Position(ctx, Follower)
	if err != nil {
		return false, fmt.Errorf("match: read place: %w", err)
	}
	page, err := m.Ledger.Changes(ctx, pos.Seq, pageOfChanges)
	if err != nil {
		return false, fmt.Errorf("match: read changes after %d: %w", pos.Seq, err)
	}
	if len(page) == 0 {
		return false, nil
	}
	edits, err := m.edits(ctx)
	if err != nil {
		return false, fmt.Errorf("match: %w", err)
	}
	back := edits.Returns(pos.Seq, page[len(page)-1].Seq)
	if n := silent(page, back); n > 0 && pos.Subscription == "" {
		return true, m.passOver(ctx, pos, page[:n])
	}
	var c *commit
	if len(back) > 0 && back[0].Seq == page[0].Seq {
		c, err = m.missed(ctx, pos, page[0], back[0], edits)
	} else {
		c, err = m.gather(ctx, pos, page)
	}
	if err != nil {
		return false, err
	}
	if err := m.tell(ctx, now, pos, c); err != nil {
		m.Brake.recount() // what it admitted may not be queued
		return true, err
	}
	return true, nil
}

// silent counts the silent changes at the beginning of the page. By some of them,
// given in order, an item came back into sight, which is news.
func silent(page []store.Change, back []store.Return) int {
	for i, c := range page {
		if !c.Silent || len(back) > 0 && c.Seq == back[0].Seq {
			return i
		}
	}
	return len(page)
}

// passOver stores what silent changes mean; nobody is told, so they need not
// be taken commit by commit.
func (m *Matcher) passOver(ctx context.Context, pos store.Position, page []store.Change) error {
	var all []store.Finding
	for _, c := range page {
		f, err := m.judge(ctx, c)
		if err != nil {
			return err
		}
		all = append(all, f...)
	}
	to := store.Position{Seq: page[len(page)-1].Seq}
	if err := m.Outbox.Advance(ctx, Follower, pos, to, all, nil); err != nil {
		return fmt.Errorf("match: store findings of changes %d to %d: %w", pos.Seq+1, to.Seq, err)
	}
	return nil
}

func (m *Matcher) judge(ctx context.Context, c store.Change) ([]store.Finding, error) {
	it, err := m.Ledger.Item(ctx, c.Source, c.Key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		it = store.Item{Source: c.Source, Key: c.Key, Kind: c.Kind, Title: c.Title, URL: c.URL}
	case err != nil:
		return nil, fmt.Errorf("match: read %s %s: %w", c.Source, c.Key, err)
	}
	fs, err := m.Judge(ctx, c, it)
	if err != nil {
		return nil, fmt.Errorf("match: judge change %d (%s %s): %w", c.Seq, c.Source, c.Key, err)
	}
	for i := range fs {
		f := &fs[i]
		f.Change, f.At, f.Silent = c.Seq, c.At, f.Silent || c.Silent
	}
	// In the order in which the store will give them back, so that a commit
	// taken up again after a crash is told in the same words.
	slices.SortFunc(fs, func(a, b store.Finding) int { return strings.Compare(a.ID, b.ID) })
	return fs, nil
}

// gather reads one commit to its end and judges it. If subscriptions were
// already told of it, the findings are in the store, and count as they stand
// there even if the rules have changed since.
func (m *Matcher) gather(ctx context.Context, pos store.Position, page []store.Change) (*commit, error) {
	c := &commit{batch: page[0].Batch, from: pos.Seq, at: page[0].At}
	resumed := pos.Subscription != ""
	for {
		ended := false
		for _, ch := range page {
			if ended = ch.Batch != c.batch; ended {
				break
			}
			c.last = ch.Seq
			if resumed {
				continue
			}
			fs, err := m.judge(ctx, ch)
			if err != nil {
				return nil, err
			}
			c.fresh = append(c.fresh, fs...)
			if !c.spilled {
				c.kept = append(c.kept, m.candidates(fs)...)
			}
		}
		if !ended {
			var err error
			if page, err = m.Ledger.Changes(ctx, c.last, pageOfChanges); err != nil {
				return nil, fmt.Errorf("match: read changes after %d: %w", c.last, err)
			}
			ended = len(page) == 0 || page[0].Batch != c.batch
		}
		if c.spilled = c.spilled || resumed || len(c.kept) > m.atMost(); c.spilled {
			c.kept = nil
		}
		if (!ended || c.spilled) && len(c.fresh) > 0 {
			// The place stays where it is: a finding stored twice is stored once.
			if err := m.Outbox.Advance(ctx, Follower, pos, pos, c.fresh, nil); err != nil {
				return nil, fmt.Errorf("match: store findings up to change %d: %w", c.last, err)
			}
			c.fresh = nil
		}
		if ended {
			return c, m.recall(ctx, c)
		}
	}
}

// recall takes the findings of a resumed commit back into memory if they fit.
func (m *Matcher) recall(ctx context.Context, c *commit) error {
	if !c.spilled {
		return nil
	}
	var kept []candidate
	err := m.each(ctx, c, func(x candidate) bool {
		kept = append(kept, x)
		return len(kept) <= m.atMost()
	})
	if err == nil && len(kept) <= m.atMost() {
		c.kept, c.spilled = kept, false
	}
	return err
}

func (m *Matcher) atMost() int {
	if m.keep > 0 {
		return m.keep
	}
	return keepInMemory
}

// candidates are those findings that may be mailed at once.
func (m *Matcher) candidates(fs []store.Finding) []candidate {
	var out []candidate
	for _, f := range fs {
		if f.Silent || f.Tier != store.TierCertain && f.Tier != store.TierLikely {
			continue
		}
		x := candidate{f, query.Prepare(m.Facts(f))}
		x.finding.Text = "" // is in prepared, and in the store
		out = append(out, x)
	}
	return out
}

// each calls f with the candidates of the commit, in order, until it returns false.
func (m *Matcher) each(ctx context.Context, c *commit, f func(candidate) bool) error {
	if !c.spilled {
		for _, x := range c.kept {
			if !f(x) {
				return nil
			}
		}
		return nil
	}
	err := m.Outbox.Findings(ctx, c.from, func(x store.Finding) bool {
		if x.Change > c.last {
			return false
		}
		for _, y := range shownOf(m.candidates([]store.Finding{x}), c.edits) {
			if !f(y) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("match: read findings of changes %d to %d: %w", c.from+1, c.last, err)
	}
	return nil
}

// tell queues the alerts about a commit, page of subscriptions by page.
func (m *Matcher) tell(ctx context.Context, now time.Time, pos store.Position, c *commit) error {
	batch := m.Batch
	if batch <= 0 {
		batch = 500
	}
	after := pos.Subscription
	if len(c.kept) == 0 && !c.spilled { // nobody to tell
		return m.advance(ctx, &pos, store.Position{Seq: c.last}, c, nil)
	}
	if err := m.Brake.begin(ctx, now); err != nil {
		return err
	}
	crowd, err := m.crowdOf(ctx, c, after)
	if err != nil {
		return err
	}
	for {
		subs, err := crowd.next(ctx, batch)
		if err != nil {
			return fmt.Errorf("match: read subscriptions: %w", err)
		}
		if len(subs) == 0 {
			return m.advance(ctx, &pos, store.Position{Seq: c.last}, c, nil)
		}
		// What is corrected later than this, the store takes back as it is queued.
		if c.edits, err = m.edits(ctx); err != nil {
			return fmt.Errorf("match: %w", err)
		}
		c.kept = shownOf(c.kept, c.edits)
		found, err := m.matchPage(ctx, c, subs, nil)
		if err != nil {
			return err
		}
		var queue []store.Delivery
		size := 0
		for i, s := range subs {
			after = s.ID
			if found[i] == nil {
				continue
			}
			left, also, err := m.share(ctx, c, s, found[i], queue)
			if err != nil {
				return err
			}
			if len(left.things) == 0 { // all of it is told by another of theirs
				continue
			}
			d, ok := m.delivery(now, c, s, left)
			if !ok {
				continue
			}
			d.Also = also
			if d.State, err = m.Brake.admit(ctx, now); err != nil {
				return err
			}
			queue = append(queue, d)
			if size += len(d.Raw); size >= bytesAtOnce {
				if err := m.advance(ctx, &pos, store.Position{Seq: pos.Seq, Subscription: s.ID}, c, queue); err != nil {
					return err
				}
				queue, size = nil, 0
			}
		}
		if len(queue) > 0 {
			if err := m.advance(ctx, &pos, store.Position{Seq: pos.Seq, Subscription: after}, c, queue); err != nil {
				return err
			}
		}
	}
}

// advance is one transaction; the first one of a commit also stores its findings.
func (m *Matcher) advance(ctx context.Context, pos *store.Position, to store.Position, c *commit, queue []store.Delivery) error {
	if err := m.Outbox.Advance(ctx, Follower, *pos, to, c.fresh, queue); err != nil {
		return fmt.Errorf("match: queue alerts about changes %d to %d: %w", c.from+1, c.last, err)
	}
	*pos, c.fresh = to, nil
	return nil
}

// matchPage asks every subscription of the page about every candidate (of which
// is true; nil: all); nil where nothing fits.
func (m *Matcher) matchPage(ctx context.Context, c *commit, subs []store.Subscription, of func(store.Finding) bool) ([]*folder, error) {
	found := make([]*folder, len(subs))
	queries := make([]*query.Query, len(subs))
	for i, s := range subs {
		if !alerted(s) {
			continue
		}
		if q, err := m.queries.parse(s.Query, m.Log); err == nil {
			queries[i] = &q
		}
	}
	var failed error
	err := m.each(ctx, c, func(x candidate) bool {
		if of != nil && !of(x.finding) {
			return true
		}
		for i, s := range subs {
			if queries[i] == nil || x.finding.Change <= s.Since || x.finding.At.Before(s.Created) {
				continue
			}
			said, ok := queries[i].First(x.prepared)
			if !ok {
				continue
			}
			if m.Told != nil && m.Told(s.ID, c.batch, x.finding) {
				continue
			}
			if c.had != nil {
				had, err := c.had(ctx, s, x.finding)
				if failed = err; err != nil {
					return false
				}
				if had {
					continue
				}
			}
			if found[i] == nil {
				found[i] = newFolder(MaxThings)
			}
			found[i].add(x.finding.Leading(said))
		}
		return true
	})
	return found, errors.Join(err, failed)
}

// delivery renders one alert. A letter that cannot be rendered never will be,
// and must not hold up the others: it is logged, and the findings stay on the
// pages and in the digest.
func (m *Matcher) delivery(now time.Time, c *commit, s store.Subscription, found *folder) (store.Delivery, bool) {
	a := &Alert{Things: found.done(), More: len(found.more)}
	id := alertID(s.ID, c.batch)
	msg, err := m.Compose(Letter{ID: id, Date: c.at, Subscription: s, Alert: a})
	if err != nil {
		m.Log.Error("an alert cannot be composed", "subscription", s.ID, "batch", c.batch, "error", err)
		return store.Delivery{}, false
	}
	d := store.Delivery{
		ID: id, Subscription: s.ID, Kind: KindAlert, MessageID: msg.MessageID, Subject: msg.Subject, Raw: msg.Raw,
		More: a.More, State: store.Queued, Created: now, Due: dueSince(KindAlert, now), Edits: c.edits.N(),
	}
	for _, t := range a.Things {
		for _, f := range t.Findings {
			d.Findings = append(d.Findings, f.ID)
		}
	}
	return d, true
}
