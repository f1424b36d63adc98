package alerts

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// lookBack is how old a notice may be whose date has not come yet.
const lookBack = 180 * 24 * time.Hour

// unread is how long ago a source may have been read to count as looked at
// this week.
const unread = 8 * 24 * time.Hour

// A Digester makes up the digests. It is not safe for concurrent use.
type Digester struct {
	Ledger      store.Ledger
	Outbox      store.Outbox
	Subscribers store.Subscribers

	// Facts are what a query is asked about a finding.
	Facts func(store.Finding) query.Facts
	// About is what a finding of a meeting's present state would say: the
	// names of its body and the areas. nil is the item's own words.
	About func(store.Item) store.Finding
	// Compose puts a digest into words; see Message.
	Compose func(Letter) (Message, error)
	// SourceName is what readers call a source, "" for one that is not
	// followed any more. nil is its id.
	SourceName func(id string) string
	// Of gives the subscriptions of an address (store.Signups): what several of
	// them are owed at the same time goes into one message. nil: each has its own.
	Of func(ctx context.Context, address string) ([]store.Subscription, error)

	// Edits are the corrections by which the Ledger and the Outbox go; nil: none.
	Edits func(context.Context) (*store.Edits, error)

	Schedule Schedule // of the weekly ones; the daily ones have its hour
	// Backlog knows of messages that came to nothing, whose news digests carry;
	// nil: they do not.
	Backlog store.Backlog
	Log     *slog.Logger

	queries queries
	only    map[string]bool // the subscriptions that Now makes one for
}

// markOf is the name under which the place in the log is kept up to which the
// digests of a time of the schedule tell: the next ones go on from there. By
// the place and not by the time, because a crawl that began before the hour may
// be committed after it.
func markOf(slot time.Time) string { return "digest " + slot.UTC().Format(time.RFC3339) }

// Done are the names from which on, and before which, the places stand that no
// digest goes on from any more: those of before a time, and of before the last
// digest of everybody who gets them.
func (g *Digester) Done(ctx context.Context, keep time.Time) (from, before string, err error) {
	for after := ""; ; {
		subs, err := g.Subscribers.Subscriptions(ctx, after, 500)
		if err != nil {
			return "", "", fmt.Errorf("digest: read subscriptions: %w", err)
		}
		if len(subs) == 0 {
			return markOf(time.Time{}), markOf(keep), nil
		}
		for _, s := range subs {
			after = s.ID
			if s.State == store.StateConfirmed && store.Digested(s.Often) && !s.LastDigest.IsZero() && s.LastDigest.Before(keep) {
				keep = s.LastDigest
			}
		}
	}
}

// mark keeps, once for all digests of a slot, how far they tell: as far as the
// log was judged when the first of them was made.
func (g *Digester) mark(ctx context.Context, slot time.Time) (uint64, error) {
	if seq, ok, err := g.marked(ctx, slot); ok || err != nil {
		return seq, err
	}
	judged, err := g.Outbox.Position(ctx, Follower)
	if err != nil {
		return 0, fmt.Errorf("digest: read place of the judging: %w", err)
	}
	// The word tells a mark at 0 from no mark.
	to := store.Position{Seq: judged.Seq, Subscription: "mark"}
	if err := g.Outbox.Advance(ctx, markOf(slot), store.Position{}, to, nil, nil); err != nil {
		return 0, fmt.Errorf("digest: keep mark: %w", err)
	}
	return judged.Seq, nil
}

func (g *Digester) marked(ctx context.Context, slot time.Time) (seq uint64, ok bool, err error) {
	at, err := g.Outbox.Position(ctx, markOf(slot))
	if err != nil {
		return 0, false, fmt.Errorf("digest: read mark: %w", err)
	}
	return at.Seq, at.Subscription != "", nil
}

// since is the place after which changes are new to a subscription.
func (g *Digester) since(ctx context.Context, s store.Subscription, w *week) (uint64, error) {
	last := s.LastDigest
	if last.IsZero() {
		return s.Since, nil
	}
	if last.After(w.slot) { // made while the clock was wrong
		last = w.schedule.Last(w.slot.Add(-time.Second))
	}
	seq, ok, err := g.marked(ctx, last)
	if err == nil && !ok { // the schedule was another then
		seq, err = g.before(ctx, last)
	}
	return max(seq, s.Since), err
}

// before finds the last change made before t. The log is in the order of time
// as far as the clock was right.
func (g *Digester) before(ctx context.Context, t time.Time) (uint64, error) {
	last, err := g.Ledger.LastSeq(ctx)
	if err != nil {
		return 0, fmt.Errorf("digest: read the log: %w", err)
	}
	var failed error
	n := sort.Search(int(last), func(i int) bool { //nolint:gosec // a log has far fewer than 2^63 entries
		c, err := g.Ledger.Changes(ctx, uint64(i), 1) //nolint:gosec // i is not negative
		if err != nil {
			failed = fmt.Errorf("digest: read change %d: %w", i+1, err)
		}
		return failed != nil || len(c) == 0 || !c[0].At.Before(t)
	})
	return uint64(n), failed //nolint:gosec // n is not negative
}

// week gathers what there is to tell at now for a time of a schedule. It reads
// the log back to the earliest thing that any subscription may not have been
// told.
func (g *Digester) week(ctx context.Context, now, slot time.Time, by Schedule) (*week, error) {
	w := &week{now: now, slot: slot, schedule: by, moves: map[string][]move{}}
	var err error
	if w.upto, err = g.mark(ctx, slot); err != nil {
		return nil, err
	}
	first, err := g.earliest(ctx, w)
	if err != nil {
		return nil, err
	}
	return w, g.gather(ctx, w, first)
}

// gather reads what there is to tell: what was found after a place in the log, what
// is listed now, and what was looked at.
func (g *Digester) gather(ctx context.Context, w *week, first uint64) error {
	if err := g.cameBack(ctx, w, first); err != nil {
		return err
	}
	dates, err := g.findings(ctx, w, first)
	if err != nil {
		return err
	}
	if err := g.items(ctx, w, dates); err != nil {
		return err
	}
	if err := g.log(ctx, w, w.earliest(first)); err != nil {
		return err
	}
	return g.health(ctx, w)
}

// earliest is the lowest place that any owed digest goes on from.
func (g *Digester) earliest(ctx context.Context, w *week) (uint64, error) {
	first := w.upto
	known := map[int64]bool{} // by LastDigest: nearly all share it
	for after := ""; ; {
		subs, err := g.Subscribers.Subscriptions(ctx, after, 500)
		if err != nil {
			return 0, fmt.Errorf("digest: read subscriptions: %w", err)
		}
		if len(subs) == 0 {
			return first, nil
		}
		for _, s := range subs {
			after = s.ID
			if slot, due := g.due(s, w.now); !due || !slot.Equal(w.slot) {
				continue
			}
			if k := s.LastDigest.UnixNano(); !s.LastDigest.IsZero() {
				if known[k] {
					continue
				}
				known[k] = true
				s.Since = 0
			}
			n, err := g.since(ctx, s, w)
			if err != nil {
				return 0, err
			}
			first = min(first, n)
		}
	}
}

// findings reads what was found after first, and before that what has a date
// that is still to come. It returns the dates by thread or item.
func (g *Digester) findings(ctx context.Context, w *week, first uint64) (map[string]*closing, error) {
	from, err := g.before(ctx, w.now.Add(-lookBack))
	if err != nil {
		return nil, err
	}
	dates := map[string]*closing{}
	err = g.Outbox.Findings(ctx, min(from, w.earliest(first)), func(f store.Finding) bool {
		if f.Change > w.upto {
			return false
		}
		if f.Silent {
			return true
		}
		g.noteDate(w, dates, f)
		if x, was := w.back[itemKey(f.Source, f.Key)]; f.Change > first || was && f.Change > x.low {
			if was {
				x.ids[f.ID] = true
			}
			c := news{f, query.Prepare(g.Facts(f))}
			c.Text = ""
			w.changes = append(w.changes, c)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("digest: read findings: %w", err)
	}
	return dates, g.leaveOut(ctx, w)
}

// noteDate keeps the latest date of a thread: a later notice replaces the date
// of an earlier one, or ends it.
func (g *Digester) noteDate(w *week, dates map[string]*closing, f store.Finding) {
	k := "thread\x00" + f.Thread
	if f.Thread == "" {
		k = itemKey(f.Source, f.Key)
	}
	if ended(f) {
		delete(dates, k)
		return
	}
	d := f.Deadline.Date()
	if d.IsZero() || f.Tier == store.TierMention {
		return
	}
	if old := dates[k]; old != nil && old.Finding.Change == f.Change && tierRank(old.Finding.Tier) <= tierRank(f.Tier) {
		return
	}
	if d.Before(w.now) || d.After(w.now.Add(Ahead)) {
		delete(dates, k)
		return
	}
	c := &closing{Closing: Closing{Finding: f, Date: d}, prepared: query.Prepare(g.Facts(f))}
	c.Finding.Text = ""
	dates[k] = c
}

// ended tells whether a finding says that nothing can be done any more about
// its thread.
func ended(f store.Finding) bool {
	return f.Stage == "cancelled" || f.Stage == "termination"
}

// items reads what is listed now: the coming meetings, and which of the dates
// belong to something withdrawn.
func (g *Digester) items(ctx context.Context, w *week, dates map[string]*closing) error {
	withdrawn := map[string]bool{}
	for _, c := range dates {
		withdrawn[itemKey(c.Finding.Source, c.Finding.Key)] = false
	}
	about := g.About
	if about == nil {
		about = About
	}
	err := g.Ledger.Items(ctx, "", func(it store.Item) bool {
		k := itemKey(it.Source, it.Key)
		if !it.Withdrawn.IsZero() {
			if _, ok := withdrawn[k]; ok {
				withdrawn[k] = true
			}
			return true
		}
		at := it.When()
		if it.Kind != store.KindMeeting || at.Before(w.now) || at.After(w.now.Add(Ahead)) {
			return true
		}
		f := about(it)
		m := coming{Coming: Coming{Body: f.BodyName, When: at, Cancelled: it.Cancelled()}, prepared: query.Prepare(g.Facts(f))}
		it.Parts, it.Documents = nil, nil
		m.Item = it
		w.meetings = append(w.meetings, m)
		return true
	})
	if err != nil {
		return fmt.Errorf("digest: read items: %w", err)
	}
	slices.SortStableFunc(w.meetings, func(a, b coming) int { return a.When.Compare(b.When) })
	for _, c := range dates {
		if !withdrawn[itemKey(c.Finding.Source, c.Finding.Key)] {
			w.closing = append(w.closing, *c)
		}
	}
	slices.SortFunc(w.closing, func(a, b closing) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Finding.ID, b.Finding.ID))
	})
	return nil
}

// About is the finding of an item's present state by its own words alone.
func About(it store.Item) store.Finding {
	f := store.Finding{
		Source: it.Source, Key: it.Key, Kind: it.Kind, Topic: store.TopicMeetings, Tier: store.TierCertain,
		Title: it.Title, URL: it.URL, Body: it.Body, When: it.When(), At: it.Changed, Committee: it.Fields[store.FieldCommittee],
		Text: it.Fields[store.FieldCommittee] + "\n" + it.Fields[store.FieldVenue],
	}
	for _, p := range it.Parts {
		f.Text += "\n" + p.Title
	}
	return f
}

// log reads from the change log what a meeting's present state does not tell.
func (g *Digester) log(ctx context.Context, w *week, first uint64) error {
	listed := map[string]bool{}
	for _, m := range w.meetings {
		listed[itemKey(m.Item.Source, m.Item.Key)] = true
	}
	for after := first; after < w.upto; {
		page, err := g.Ledger.Changes(ctx, after, pageOfChanges)
		if err != nil {
			return fmt.Errorf("digest: read changes after %d: %w", after, err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, c := range page {
			after = c.Seq
			if k := itemKey(c.Source, c.Key); listed[k] && !c.Silent && c.Seq <= w.upto {
				w.moves[k] = append(w.moves[k], moveOf(c))
			}
		}
	}
	return nil
}

func moveOf(c store.Change) move {
	m := move{
		seq: c.Seq, new: c.Has(store.NewMeeting), agenda: c.Has(store.AgendaPublished), restored: c.Has(store.MeetingRestored),
		more: c.Has(store.ItemAdded) || c.Has(store.DocumentAdded) || c.Has(store.DocumentReplaced),
	}
	for _, f := range c.Fields {
		if f.Name == store.FieldWhen && c.Has(store.MeetingMoved) {
			m.from, _ = time.Parse(time.RFC3339, f.Old) // zero where the old one was no time
		}
	}
	return m
}

// health sums up what was looked at.
func (g *Digester) health(ctx context.Context, w *week) error {
	hs, err := g.Ledger.Healths(ctx)
	if err != nil {
		return fmt.Errorf("digest: read health: %w", err)
	}
	var papers []Outage
	for _, h := range hs {
		name := h.Source
		if g.SourceName != nil {
			if name = g.SourceName(h.Source); name == "" {
				continue
			}
		}
		w.looked++
		o := Outage{Name: name, Since: h.FailingSince}
		switch {
		case !h.FailingSince.IsZero():
			for _, p := range h.Problems {
				if !slices.Contains(o.Why, p.Reason) {
					o.Why = append(o.Why, p.Reason)
				}
			}
		case h.LastComplete.Before(w.now.Add(-unread)):
			o.Since = h.LastComplete
		case h.Condition(w.now) == store.Suspect: // read, and far less than usual was there, or it keeps changing
			for _, p := range h.Problems {
				if p.Reason != store.ReasonShrunk && p.Reason != store.ReasonUnstable {
					continue
				}
				if o.Since.IsZero() || p.Since.Before(o.Since) {
					o.Since = p.Since
				}
				if !slices.Contains(o.Why, p.Reason) {
					o.Why = append(o.Why, p.Reason)
				}
			}
		default:
			w.read++
			papers = append(papers, papersOf(name, h, w.now)...)
			continue
		}
		w.outages = append(w.outages, o)
	}
	w.outages = append(w.outages, papers...) // after the sources
	return nil
}

// papersOf are the papers that could not be read of a source that could. What
// has been so for five weeks is not told every week for ever.
func papersOf(name string, h store.Health, now time.Time) []Outage {
	var out []Outage
	for _, p := range h.Problems {
		if title, ok := strings.CutPrefix(p.What, store.PaperProblem); ok && now.Sub(p.Since) < lookedBack {
			out = append(out, Outage{Name: name, Paper: title, Since: p.Since, Why: []store.Reason{p.Reason}})
		}
	}
	return out
}
