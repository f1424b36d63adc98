package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/web"
	"ccgwatch/store"
)

// The jobs of looking after subscribers, as they stand in the diary.
const (
	jobForget  = "forget"  // once a day: what is kept of people for long enough
	jobTraces  = "traces"  // when somebody was last erased
	jobCompact = "compact" // when the file was last rid of what was deleted
)

// newDesk joins what people use to look after their subscriptions.
func (a *app) newDesk(compose func(alerts.Service) (alerts.Message, error)) *alerts.Desk {
	a.asked = make(chan struct{}, 1)
	return &alerts.Desk{
		Subscribers: a.store, Signups: a.store, Outbox: a.store, Links: a.links, Caps: alerts.DefaultCaps(), Compose: compose,
		Check: func(q string) error {
			err := a.checkQuery(q)
			if err == nil {
				return nil
			}
			words, _, _ := strings.Cut(err.Error(), ";") // what follows is for operators
			return errors.New(words)
		},
		EraseAddress: a.eraseByPage, Log: a.log,
		Queued: func() {
			select {
			case a.asked <- struct{}{}:
			default: // it was said, and nobody has looked yet
			}
		},
	}
}

// choices are the bodies and areas that the form lists: those of what is
// followed, and the operator's own areas. The line can name any other.
func (a *app) choices() (bodies, areas []web.Choice) {
	near := slices.Clone(a.cfg.Group.Areas)
	for _, s := range a.sources {
		b, ok := a.bodies[s.Body]
		c := web.Choice{Value: b.ID, Name: b.Name}
		switch {
		case ok:
			near = append(near, b.Areas...)
		case s.Platform == "find-a-tender" || s.Platform == "contracts-finder":
			continue // the buyers are the bodies of notices, not the service that prints them
		default:
			c = web.Choice{Value: s.ID, Name: s.Name}
		}
		if !slices.Contains(bodies, c) {
			bodies = append(bodies, c)
		}
	}
	for _, x := range a.rules.Areas {
		if slices.Contains(near, x.ID) {
			areas = append(areas, web.Choice{Value: x.ID, Name: x.Name})
		}
	}
	byName := func(x, y web.Choice) int { return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)) }
	slices.SortFunc(bodies, byName)
	slices.SortFunc(areas, byName)
	return bodies, areas
}

// erase removes an address and the files that were written to it. Files first:
// a crash in between leaves an entry that can be erased again, never a file that
// nothing refers to. Nobody must be writing such files meanwhile.
func (a *app) erase(ctx context.Context, address string) (int, error) {
	files, err := a.messagesTo(ctx, address)
	if err != nil {
		return 0, err
	}
	if err := removeFiles(files); err != nil {
		return 0, err
	}
	return a.store.Erase(ctx, address)
}

func removeFiles(files []string) error {
	for _, f := range files {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// eraseByPage erases while the daemon runs. What was deleted stands in free
// pages of the file until the next night's housekeeping writes it anew: that
// stops everything for a while, and anybody can ask for it. A relay may keep
// the sender busy for minutes, but leaves no files to race with.
func (a *app) eraseByPage(ctx context.Context, address string) (int, error) {
	if a.cfg.SMTP.Host == "" {
		a.sending.Lock()
		defer a.sending.Unlock()
	}
	if err := a.store.SetDue(ctx, jobTraces, time.Now()); err != nil { // before: a crash leaves no trace unnoted
		return 0, err
	}
	n, err := a.erase(ctx, address)
	if err != nil {
		return n, err
	}
	return n, a.store.SetDue(ctx, jobTraces, time.Now()) // after: the file may have been compacted in between
}

// forget drops, once a day, what is kept of people for long enough, and rids
// the file of the traces that this and erasing left.
func (d *daemon) forget(ctx context.Context, now time.Time) {
	diary, err := d.store.Due(ctx)
	if err != nil || diary[jobForget].After(now) && diary[jobForget].Sub(now) <= 25*time.Hour {
		return
	}
	if err := d.forgetStale(ctx, now); err != nil {
		if ctx.Err() == nil {
			d.log.Error("what is kept for long enough was not all forgotten", "err", err)
		}
		return // again at the next tick
	}
	d.setDue(ctx, jobForget, now.Add(24*time.Hour))
}

func (a *app) forgetStale(ctx context.Context, now time.Time) error {
	a.sending.Lock()
	defer a.sending.Unlock()
	n, err := a.desk.Tidy(ctx, now, func(ctx context.Context, s store.Subscription) error {
		if err := a.store.SetDue(ctx, jobTraces, time.Now()); err != nil {
			return err
		}
		var files []string
		err := a.store.Deliveries(ctx, func(v store.Delivery) bool {
			if v.Subscription == s.ID {
				files = append(files, filepath.Join(a.data, "outbox", v.ID+".eml"))
			}
			return true
		})
		return errors.Join(err, removeFiles(files))
	})
	err = errors.Join(err, a.clerk.Tidy(ctx, now))
	if n > 0 {
		a.log.Info("forgotten: subscriptions that nobody confirmed, or that ended long ago", "subscriptions", n)
	}
	if err != nil {
		return err
	}
	if _, err := a.store.DropBytes(ctx, now.Add(-bytesKept)); err != nil {
		return err
	}
	from, before, err := a.digests.Done(ctx, now.Add(-bytesKept))
	if err == nil {
		_, err = a.store.DropPlaces(ctx, from, before)
	}
	if err == nil {
		from, before = a.digests.Looked(now.Add(-bytesKept))
		_, err = a.store.DropPlaces(ctx, from, before)
	}
	if err != nil {
		return err
	}
	diary, err := a.store.Due(ctx)
	if err != nil || !diary[jobTraces].After(diary[jobCompact]) && !a.compactMonthly(diary[jobCompact], now) {
		return err
	}
	begun := time.Now()
	if err := a.store.Compact(ctx); err != nil {
		return err
	}
	return a.store.SetDue(ctx, jobCompact, begun)
}
