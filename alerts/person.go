package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// Limits of one message for several subscriptions.
const (
	maxTogether = 5         // their way out must fit into one header
	roomForMany = 100 << 10 // bytes; a longer one is made as two
	quietAtOnce = 500       // periods ended in one transaction
	madeAtOnce  = 200       // digests queued in one transaction, of bytesAtOnce at most
)

// A round is one call of DueDigests: what there is to tell for each time of a
// schedule, and which quiet days are still to be noted.
type round struct {
	g     *Digester
	now   time.Time
	lost  *lost
	weeks map[string]*week
	quiet []store.Period
	noted map[string]bool // subscriptions in quiet and in queue
	force bool            // a quiet day is told, too
	edits uint64          // the last correction that was known when the round began

	queue []store.Owed // made, and not in the store yet
	size  int          // of their messages, in bytes
	made  int          // in the store
}

func (g *Digester) newRound(ctx context.Context, now time.Time) (*round, error) {
	edits, err := editsOf(ctx, g.Edits)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	l, err := g.lookForLost(ctx, now, edits.N())
	if err != nil {
		return nil, err
	}
	return &round{g: g, now: now, lost: l, weeks: map[string]*week{}, noted: map[string]bool{}, edits: edits.N()}, nil
}

// DueDigests queues what every subscription that is owed a digest at now is to
// be told, and returns how many messages that makes: what several
// subscriptions of an address are owed goes into one, each item once. However
// often it runs, and wherever it is cut short, a subscription is told once for a
// time of its schedule; each change that fits is in exactly one of its digests,
// also if it was judged only after the one before was made. Digests bring what
// earlier messages did not; one who wants alerts alone gets a digest for nothing
// else. A daily digest about which there is nothing to say is not made.
//
// Messages and the periods they end are in one transaction, with those of others
// as far as they go together: after a crash in between the next call goes on with
// those who are still owed theirs.
func (g *Digester) DueDigests(ctx context.Context, now time.Time) (int, error) {
	r, err := g.newRound(ctx, now)
	if err != nil {
		return 0, err
	}
	for after := ""; ; {
		subs, err := g.Subscribers.Subscriptions(ctx, after, 500)
		if err != nil {
			return r.made, fmt.Errorf("digest: read subscriptions: %w", err)
		}
		if len(subs) == 0 {
			if err := r.flush(ctx); err != nil {
				return r.made, err
			}
			return r.made, r.lost.done(ctx)
		}
		for _, s := range subs {
			after = s.ID
			if err := r.person(ctx, s); err != nil {
				return r.made, err
			}
		}
	}
}

// An owing is a subscription that is owed a digest.
type owing struct {
	store.Subscription
	slot time.Time
}

// owed tells whether a subscription is owed a digest, for whatever reason.
func (r *round) owed(ctx context.Context, s store.Subscription) (owing, bool, error) {
	if r.noted[s.ID] {
		return owing{}, false, nil
	}
	slot, ok := r.g.due(s, r.now)
	if !ok {
		var err error
		if slot, ok, err = r.lost.owed(ctx, s); err != nil {
			return owing{}, false, err
		}
	}
	return owing{s, slot}, ok, nil
}

// person queues what the address of a subscription is owed, if this one is owed
// anything.
func (r *round) person(ctx context.Context, s store.Subscription) error {
	all, have, err := r.owedWith(ctx, s)
	if err != nil {
		return err
	}
	told, err := r.toldWith(ctx, have)
	if err != nil {
		return err
	}
	return r.chunks(ctx, all, told)
}

// owedWith are the subscriptions of an address that are owed a digest, the oldest
// first, if this one is; else none. have are those that have theirs for the same time.
func (r *round) owedWith(ctx context.Context, s store.Subscription) (all []owing, have []store.Subscription, err error) {
	first, ok, err := r.owed(ctx, s)
	if !ok || err != nil {
		return nil, nil, err
	}
	if r.g.Of == nil {
		return []owing{first}, nil, nil
	}
	of, err := r.g.Of(ctx, s.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("digest: read what else the address of subscription %s has: %w", s.ID, err)
	}
	for _, o := range of { // as they stand now: they may have been told since they were read
		d, ok, err := r.owed(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case ok:
			all = append(all, d)
		case o.State == store.StateConfirmed && o.LastDigest.Equal(first.slot):
			have = append(have, o)
		}
	}
	slices.SortStableFunc(all, func(a, b owing) int { return a.Created.Compare(b.Created) })
	return all, have, nil
}

// toldWith are the items that some subscriptions were told in their last digests:
// an address got several at a time, and one of them was taken back, or a crash kept
// it from being made.
func (r *round) toldWith(ctx context.Context, have []store.Subscription) (map[string]bool, error) {
	told := map[string]bool{}
	for _, s := range have {
		if r.g.Backlog == nil {
			break
		}
		all, err := r.g.Backlog.DeliveriesOf(ctx, s.ID)
		if err != nil {
			return nil, fmt.Errorf("digest: read what subscription %s was told: %w", s.ID, err)
		}
		for _, d := range all {
			ended := func(p store.Period) bool { return p.Subscription == s.ID && p.Until.Equal(s.LastDigest) }
			if d.Kind != KindDigest || d.State == store.Uncertain || !reached(d) || !ended(d.Period) && !slices.ContainsFunc(d.Periods, ended) {
				continue
			}
			if err := r.toldIn(ctx, d, told); err != nil {
				return nil, err
			}
		}
	}
	return told, nil
}

// toldIn adds the items that a digest shows, but for what it brings of earlier messages.
func (r *round) toldIn(ctx context.Context, d store.Delivery, told map[string]bool) error {
	for _, ref := range d.About {
		told[itemKey(ref.Source, ref.Key)] = true
	}
	earlier := map[string]bool{}
	for _, id := range d.Carries {
		x, err := r.g.Outbox.Delivery(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("digest: read delivery %s: %w", id, err)
		}
		for _, f := range x.Findings {
			earlier[f] = true
		}
	}
	for _, id := range d.Findings {
		if earlier[id] {
			continue
		}
		f, err := r.g.Outbox.Finding(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("digest: read finding %s: %w", id, err)
		}
		told[itemKey(f.Source, f.Key)] = true
	}
	return nil
}

// chunks queues what some subscriptions of an address are owed. What is told is
// told to them otherwise.
func (r *round) chunks(ctx context.Context, all []owing, told map[string]bool) error {
	for part := range slices.Chunk(all, maxTogether) {
		if err := r.message(ctx, part, told, len(all) > maxTogether); err != nil {
			return err
		}
	}
	return nil
}

// message queues one message for some subscriptions of an address, or two if it
// would be too long. What it shows is added to told. Where more than one is made
// for the address, each is in the store before the next: what one tells counts
// as told only then.
func (r *round) message(ctx context.Context, of []owing, told map[string]bool, alone bool) error {
	parts, carries, err := r.parts(ctx, of, told)
	if err != nil || len(parts) == 0 {
		return err
	}
	var periods []store.Period
	for _, d := range of {
		if has(parts, d.ID) || !store.Digested(d.Often) {
			periods = append(periods, store.Period{Subscription: d.ID, From: d.LastDigest, Until: d.slot})
		}
	}
	lead := parts[0]
	out := store.Delivery{
		ID: digestsID(periods), Subscription: lead.Subscription.ID, Kind: KindDigest, Carries: carries, State: store.Queued, Created: r.now, Due: r.now,
		Edits: r.edits,
	}
	msg, err := r.g.Compose(Letter{ID: out.ID, Date: r.now, Subscription: lead.Subscription, Digest: lead.Digest, Others: parts[1:]})
	if len(of) > 1 && (err != nil || len(msg.Raw) > roomForMany) {
		if err := r.message(ctx, of[:len(of)/2], told, true); err != nil {
			return err
		}
		return r.message(ctx, of[len(of)/2:], told, true)
	}
	if err != nil {
		r.g.Log.Error("a digest cannot be composed", "subscription", lead.Subscription.ID, "slot", lead.Digest.Slot, "error", err)
		return nil
	}
	out.MessageID, out.Subject, out.Raw = msg.MessageID, msg.Subject, msg.Raw
	for _, p := range parts {
		findings, about := p.Digest.Speaks()
		out.Findings, out.About = append(out.Findings, findings...), append(out.About, about...)
	}
	due := store.Owed{Delivery: out, Of: periods}
	if !alone {
		return r.later(ctx, due)
	}
	made, err := r.keep(ctx, due)
	if err != nil || !made {
		return err
	}
	for _, p := range parts {
		for _, k := range p.Digest.items() {
			told[k] = true
		}
	}
	return nil
}

// later queues a digest together with others.
func (r *round) later(ctx context.Context, due store.Owed) error {
	r.queue = append(r.queue, due)
	r.size += len(due.Delivery.Raw)
	for _, p := range due.Of {
		r.noted[p.Subscription] = true
	}
	if len(r.queue) < madeAtOnce && r.size < bytesAtOnce {
		return nil
	}
	return r.store(ctx)
}

// store queues what was put off. After a crash before it, all of it is made again.
func (r *round) store(ctx context.Context) error {
	if len(r.queue) == 0 {
		return nil
	}
	all := r.queue
	r.queue, r.size = nil, 0
	err := r.g.Outbox.Digests(ctx, all)
	if err == nil {
		r.made += len(all)
		return nil
	}
	if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("digest: queue %d: %w", len(all), err)
	}
	for _, due := range all { // one of them must not hold up the others
		if _, err := r.keep(ctx, due); err != nil {
			return err
		}
	}
	return nil
}

// keep queues one digest by itself; false if somebody whom it tells ended,
// was erased or was told since they were read.
func (r *round) keep(ctx context.Context, due store.Owed) (bool, error) {
	switch err := r.g.Outbox.Digest(ctx, due.Delivery, due.Of...); {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("digest: queue for subscription %s: %w", due.Delivery.Subscription, err)
	}
	r.made++
	return true, nil
}

// parts are what the subscriptions are told, each item once, without those for
// whom there is no mail; and the lost deliveries whose news they bring.
func (r *round) parts(ctx context.Context, of []owing, told map[string]bool) (parts []Part, carries []string, err error) {
	elsewhere := map[string]bool{}
	for k := range told {
		elsewhere[k] = true
	}
	for _, s := range of {
		d, err := r.digest(ctx, s, elsewhere)
		if err != nil {
			return nil, nil, err
		}
		if d == nil { // its query cannot be read; logged
			continue
		}
		parts = append(parts, Part{s.Subscription, d})
		for _, k := range d.items() {
			elsewhere[k] = true
		}
	}
	if len(parts) == 0 {
		return nil, nil, nil
	}
	// Those who want alerts alone are here for what was lost, and that is told
	// to the person once.
	digested := slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return !store.Digested(p.Subscription.Often) })
	if parts = parts[:1]; len(digested) > 0 {
		parts = digested
	}
	if carries, err = r.lost.into(ctx, parts, of); err != nil {
		return nil, nil, err
	}
	spoken := slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.Digest.Daily && p.Digest.Quiet() && !r.force })
	for _, p := range parts {
		if has(spoken, p.Subscription.ID) || r.noted[p.Subscription.ID] {
			continue
		}
		if err := r.quietDay(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	return spoken, carries, nil
}

func has(parts []Part, subscription string) bool {
	return slices.ContainsFunc(parts, func(p Part) bool { return p.Subscription.ID == subscription })
}

// digest is what one subscription is told; nil if its query cannot be read.
func (r *round) digest(ctx context.Context, s owing, elsewhere map[string]bool) (*Digest, error) {
	if !store.Digested(s.Often) {
		return &Digest{Slot: s.slot, Now: r.now, From: s.LastDigest}, nil
	}
	q, err := r.g.queries.parse(s.Query, r.g.Log)
	if err != nil {
		return nil, nil // the others must get theirs
	}
	w, err := r.week(ctx, s)
	if err != nil {
		return nil, err
	}
	since, err := r.g.since(ctx, s.Subscription, w)
	if err != nil {
		return nil, err
	}
	missed, err := r.missed(ctx, w, s.Subscription, q, since)
	if err != nil {
		return nil, err
	}
	if len(elsewhere) > 0 || len(missed) > 0 {
		return w.digest(q, s.LastDigest, since, elsewhere, missed), nil
	}
	return w.cached(s.Query, q, s.LastDigest, since), nil
}

// week is what there is to tell for the time at which a subscription was owing,
// gathered once for all.
func (r *round) week(ctx context.Context, s owing) (*week, error) {
	by := r.g.Schedule.For(s.Often)
	k := fmt.Sprint(s.slot.UnixNano(), by.Daily)
	if w := r.weeks[k]; w != nil {
		return w, nil
	}
	w, err := r.g.week(ctx, r.now, s.slot, by)
	if err == nil {
		r.weeks[k] = w
	}
	return w, err
}

// quietDay notes that the day of a subscription is over without a mail: with
// others, because it is so for nearly everybody on nearly every day.
func (r *round) quietDay(ctx context.Context, p Part) error {
	s := p.Subscription
	r.quiet = append(r.quiet, store.Period{Subscription: s.ID, From: s.LastDigest, Until: p.Digest.Slot})
	r.noted[s.ID] = true
	if len(r.quiet) < quietAtOnce {
		return nil
	}
	return r.flush(ctx)
}

// flush queues what was put off, and ends the quiet periods. After a crash before
// it those days are looked at again.
func (r *round) flush(ctx context.Context) error {
	if err := r.store(ctx); err != nil {
		return err
	}
	if len(r.quiet) == 0 {
		return nil
	}
	err := r.g.Outbox.Digest(ctx, store.Delivery{}, r.quiet...)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) { // of one, which must not hold up the others
		for _, p := range r.quiet {
			err = r.g.Outbox.Digest(ctx, store.Delivery{}, p)
			if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
				break
			}
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("digest: note quiet days: %w", err)
	}
	r.quiet = nil
	return nil
}

// digestsID is the id of a message that ends some periods: of one, digestID.
func digestsID(of []store.Period) string {
	if len(of) == 1 {
		return digestID(of[0].Subscription, of[0].Until)
	}
	var what []string
	for _, p := range of {
		what = append(what, p.Subscription+" "+p.Until.UTC().Format(time.RFC3339))
	}
	slices.Sort(what)
	return deliveryID(of[0].Subscription, KindDigest, strings.Join(what, " "))
}

// Now queues a digest for some subscriptions of one address at once, whenever it
// was due: of all since their last ones. The next in time tells what comes after.
// It counts messages: none if it could not be made, somebody was faster, or none
// of them is confirmed and wants digests.
func (g *Digester) Now(ctx context.Context, of []store.Subscription, now time.Time) (int, error) {
	slot := now.Truncate(time.Second)
	g.only = map[string]bool{}
	defer func() { g.only = nil }()
	var all []owing
	for _, s := range of {
		if s.State == store.StateConfirmed && store.Digested(s.Often) && slot.After(s.LastDigest) {
			g.only[s.ID] = true
			all = append(all, owing{s, slot})
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	r, err := g.newRound(ctx, now)
	if err != nil {
		return 0, err
	}
	r.force = true
	if err := r.chunks(ctx, all, map[string]bool{}); err != nil {
		return r.made, err
	}
	return r.made, r.store(ctx)
}

// due tells whether a digest is owed, by the schedule or because it was asked for.
func (g *Digester) due(s store.Subscription, now time.Time) (slot time.Time, due bool) {
	if g.only != nil {
		return now.Truncate(time.Second), g.only[s.ID]
	}
	return g.Schedule.Due(s, now)
}
