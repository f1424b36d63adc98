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
)

// A Correction says that something we mailed was wrong.
type Correction struct {
	ID    string          // stable: the same correction is mailed once
	N     uint64          // of the correction: who was told in its words (store.Delivery.Edits) was told nothing wrong; 0: nobody was
	Edits uint64          // the last correction by which the words go
	Round string          // of those with the same ID: those whose letter was taken back get it in the next
	Words string          // what was wrong and what is right, by the operator; plain text, paragraphs between empty lines
	About []store.Finding // what was mailed, as far as the reader was mailed it
}

// A Corrector mails corrections to everybody who was mailed what was wrong.
type Corrector struct {
	Outbox      store.Outbox
	Subscribers store.Subscribers
	Backlog     store.Backlog
	// Compose puts a correction into words; see Message.
	Compose func(Letter) (Message, error)
	Log     *slog.Logger
}

// FindingsOf are what was found in an item, retired findings left out.
func (c *Corrector) FindingsOf(ctx context.Context, source, key string) (found []store.Finding, err error) {
	err = c.Outbox.Findings(ctx, 0, func(f store.Finding) bool {
		if f.Source == source && f.Key == key {
			found = append(found, f)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("correction: read what was found in %s %s: %w", source, key, err)
	}
	return found, nil
}

// Told counts the subscriptions that Correct would mail: a dry run.
func (c *Corrector) Told(ctx context.Context, x Correction) (int, error) {
	to, _, err := c.readers(ctx, x)
	return len(to), err
}

// Correct queues a correction to everybody who was mailed one of the findings
// it is about, or whose mail with it still waits: one mail for each address, by
// a subscription that is confirmed still. It counts those queued now. However
// often it is called with the same ID, and wherever it is cut short, an address
// gets one: the mails are queued in transactions of bounded size, each with the
// place it has come to, and go on from there.
func (c *Corrector) Correct(ctx context.Context, now time.Time, x Correction) (queued int, err error) {
	if x.ID == "" || strings.TrimSpace(x.Words) == "" || len(x.About) == 0 {
		return 0, errors.New("correction: it needs an id, words, and what it is about")
	}
	follower := "correction " + x.ID + x.Round
	pos, err := c.Outbox.Position(ctx, follower)
	if err != nil {
		return 0, fmt.Errorf("correction: read place: %w", err)
	}
	to, told, err := c.readers(ctx, x)
	if err != nil {
		return 0, err
	}
	var queue []store.Delivery
	size := 0
	flush := func(last string) error {
		if len(queue) == 0 {
			return nil
		}
		next := store.Position{Subscription: last}
		if err := c.Outbox.Advance(ctx, follower, pos, next, nil, queue); err != nil {
			return fmt.Errorf("correction: queue: %w", err)
		}
		queued += len(queue)
		pos, queue, size = next, nil, 0
		return nil
	}
	last := pos.Subscription
	for _, s := range to {
		if s.ID <= pos.Subscription {
			continue
		}
		d, ok := c.delivery(now, x, s, told[strings.ToLower(s.Address)])
		if !ok {
			continue
		}
		queue, last = append(queue, d), s.ID
		if size += len(d.Raw); size >= bytesAtOnce || len(queue) >= 500 {
			if err := flush(last); err != nil {
				return queued, err
			}
		}
	}
	return queued, flush(last)
}

// delivery composes one. What cannot be composed is logged, and holds up nobody.
func (c *Corrector) delivery(now time.Time, x Correction, s store.Subscription, told map[string]bool) (store.Delivery, bool) {
	mine := x
	mine.About = slices.DeleteFunc(slices.Clone(x.About), func(f store.Finding) bool { return !told[f.ID] })
	if len(mine.About) == 0 { // they were told of the item itself
		mine.About = x.About[:1]
	}
	id := deliveryID(s.ID, KindCorrection, x.ID)
	msg, err := c.Compose(Letter{ID: id, Date: now, Subscription: s, Correction: &mine})
	if err != nil {
		c.Log.Error("a correction cannot be composed", "subscription", s.ID, "error", err)
		return store.Delivery{}, false
	}
	// It brings no news: if it comes to nothing, no digest carries it as such.
	return store.Delivery{
		ID: id, Subscription: s.ID, Kind: KindCorrection, MessageID: msg.MessageID, Subject: msg.Subject, Raw: msg.Raw,
		State: store.Queued, Created: now, Due: dueSince(KindCorrection, now), Edits: x.Edits,
		About: []store.ItemRef{{Source: x.About[0].Source, Key: x.About[0].Key}},
	}, true
}

// readers are those who were mailed it, one confirmed subscription an address,
// by id; and which of the findings each address was mailed.
func (c *Corrector) readers(ctx context.Context, x Correction) (to []store.Subscription, told map[string]map[string]bool, err error) {
	about := map[string]bool{}
	for _, f := range x.About {
		about[f.ID] = true
	}
	mailed := map[string][]string{} // by subscription; "" is the item itself
	item := store.ItemRef{Source: x.About[0].Source, Key: x.About[0].Key}
	had := map[string]bool{} // subscriptions that have the letter, in a round before
	err = c.Outbox.Deliveries(ctx, func(d store.Delivery) bool {
		if d.Kind == KindCorrection && d.ID == deliveryID(d.Subscription, KindCorrection, x.ID) {
			had[d.Subscription] = true
		}
		if !reached(d) || x.N > 0 && d.Edits >= x.N || d.Kind == KindCorrection {
			return true
		}
		for _, id := range d.Findings {
			if about[id] {
				mailed[d.Subscription] = append(mailed[d.Subscription], id)
			}
		}
		if slices.Contains(d.About, item) {
			mailed[d.Subscription] = append(mailed[d.Subscription], "")
		}
		return true
	})
	if err != nil {
		return nil, nil, fmt.Errorf("correction: look for who was mailed it: %w", err)
	}
	var all []store.Subscription
	for after := ""; ; {
		page, err := c.Subscribers.Subscriptions(ctx, after, 500)
		if err != nil {
			return nil, nil, fmt.Errorf("correction: read subscriptions: %w", err)
		}
		if len(page) == 0 {
			break
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
	told = map[string]map[string]bool{}
	for _, s := range all { // also by one that has ended since
		address := strings.ToLower(s.Address)
		for _, id := range mailed[s.ID] {
			if told[address] == nil {
				told[address] = map[string]bool{}
			}
			told[address][id] = true
		}
	}
	seen := map[string]bool{}
	for _, s := range all {
		if had[s.ID] && x.Round != "" {
			seen[strings.ToLower(s.Address)] = true
		}
	}
	for _, s := range all {
		address := strings.ToLower(s.Address)
		if told[address] != nil && s.Wants(KindCorrection) && !seen[address] {
			seen[address] = true
			to = append(to, s)
		}
	}
	slices.SortFunc(to, func(a, b store.Subscription) int { return strings.Compare(a.ID, b.ID) })
	return to, told, nil
}

// reached tells whether a delivery came to its reader, may have, or will.
func reached(d store.Delivery) bool {
	switch d.State {
	case store.Sent, store.Queued, store.Claimed, store.Dotting, store.Uncertain:
		return true
	}
	return false
}
