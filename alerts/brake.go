package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ccgwatch/store"
)

// How many alerts a day may have (promises, R8): so many in any case, and so many
// times what the busiest day within brakeDays had.
const (
	brakeLeast = 50
	brakeTimes = 3
	brakeDays  = 90
)

// Jobs in the diary: when the operator last let go what was held back, and when
// the brake began to hold; zero since all of that was let go.
const (
	brakeReleased = "brake/released"
	brakeHeld     = "brake/held"
)

// A Brake holds alerts back when a day has had so many that something must be
// wrong: a source that was rebuilt, or broken into, and got past its guard. What
// comes over the day's limit is store.OnHold until the operator has looked
// (Release, Drop). Digests are made from findings, and go out as ever.
//
// The limit is brakeTimes the alerts of the busiest of the last brakeDays, as
// London counts days; readers who came within that time are in no such count, so
// that one alert for each of them is reckoned with. It is never below brakeLeast.
// Nil holds nothing back. It is for one caller at a time, but for Release and Drop.
type Brake struct {
	Backlog     store.Backlog
	Outbox      store.Outbox
	Subscribers store.Subscribers
	Diary       store.Diary
	Zone        *time.Location

	day      string    // that the counts are of
	released time.Time // as of when they were made
	queued   int       // alerts of the day, since the last release
	limit    int       // 0: not asked for yet
	holding  bool      // and the diary says so
}

// begin brings the counts up to date, once a commit.
func (b *Brake) begin(ctx context.Context, now time.Time) error {
	if b == nil {
		return nil
	}
	diary, err := b.Diary.Due(ctx)
	if err != nil {
		return fmt.Errorf("match: when alerts were last released: %w", err)
	}
	released := diary[brakeReleased]
	if released.After(now) { // the clock was set back
		released = time.Time{}
	}
	b.holding = !diary[brakeHeld].IsZero()
	day := b.dayOf(now)
	if day == b.day && released.Equal(b.released) {
		return nil
	}
	n, err := b.count(ctx, now, released)
	if err != nil {
		return err
	}
	b.day, b.released, b.queued, b.limit = day, released, n, 0
	return nil
}

// admit counts one more alert, and gives the state it is queued in.
func (b *Brake) admit(ctx context.Context, now time.Time) (_ store.DeliveryState, err error) {
	if b == nil {
		return store.Queued, nil
	}
	if b.queued >= brakeLeast && b.limit == 0 {
		if b.limit, err = b.most(ctx, now); err != nil {
			return "", err
		}
	}
	if b.queued >= max(b.limit, brakeLeast) {
		if !b.holding { // before there is one: a crash in between makes a mark of nothing
			if err := b.hold(ctx, now); err != nil {
				return "", err
			}
			b.holding = true
		}
		return store.OnHold, nil
	}
	b.queued++
	return store.Queued, nil
}

// hold notes in the diary that there is something on hold.
func (b *Brake) hold(ctx context.Context, now time.Time) error {
	diary, err := b.Diary.Due(ctx)
	if err == nil && diary[brakeHeld].IsZero() {
		err = b.Diary.SetDue(ctx, brakeHeld, now)
	}
	if err != nil {
		return fmt.Errorf("match: note that alerts are held back: %w", err)
	}
	return nil
}

// recount has the next commit begin with what is in the store.
func (b *Brake) recount() {
	if b != nil {
		b.day = ""
	}
}

func (b *Brake) dayOf(t time.Time) string { return t.In(b.Zone).Format(time.DateOnly) }

// ordinary tells whether a delivery is an alert that counts: not one that is
// held back, or was and was dropped, nor one in whose place another was made.
func ordinary(d store.Delivery) bool {
	return d.Kind == KindAlert && d.State != store.OnHold && d.State != store.Suppressed && d.Failure != store.FailedCorrected
}

// count is how many alerts this day has had, since a release if there was one.
func (b *Brake) count(ctx context.Context, now, released time.Time) (n int, err error) {
	y, m, d := now.In(b.Zone).Date()
	since := time.Date(y, m, d, 0, 0, 0, 0, b.Zone)
	if err := b.Backlog.Recent(ctx, since, func(d store.Delivery) bool {
		if ordinary(d) && d.Created.After(released) && b.dayOf(d.Created) == b.dayOf(now) {
			n++
		}
		return true
	}); err != nil {
		return 0, fmt.Errorf("match: count the alerts of the day: %w", err)
	}
	return n, nil
}

// most is the day's limit. It is asked for only where there are more than
// brakeLeast alerts: it reads three months of the outbox.
func (b *Brake) most(ctx context.Context, now time.Time) (int, error) {
	since := now.AddDate(0, 0, -brakeDays)
	days := map[string]int{}
	busiest := 0
	err := b.Backlog.Recent(ctx, since, func(d store.Delivery) bool {
		if day := b.dayOf(d.Created); ordinary(d) && (day < b.day || !d.Created.After(b.released)) {
			days[day]++
			busiest = max(busiest, days[day])
		}
		return true
	})
	if err != nil {
		return 0, fmt.Errorf("match: look for the busiest day: %w", err)
	}
	subs, err := b.Subscribers.Subscriptions(ctx, "", 0)
	if err != nil {
		return 0, fmt.Errorf("match: count the new readers: %w", err)
	}
	fresh := 0
	for _, s := range subs {
		if s.Wants(KindAlert) && (s.Often == store.Instant || s.Often == store.Both) && s.Created.After(since) {
			fresh++
		}
	}
	return max(brakeLeast, brakeTimes*max(busiest, fresh)), nil
}

// A Hold is what the brake holds back.
type Hold struct {
	Alerts int
	Since  time.Time // of the first
}

// Held counts what is held back.
func (b *Brake) Held(ctx context.Context) (h Hold, err error) {
	diary, err := b.Diary.Due(ctx)
	if err != nil {
		return h, fmt.Errorf("look for what is held back: %w", err)
	}
	if diary[brakeHeld].IsZero() {
		return h, nil
	}
	err = b.each(ctx, func(d store.Delivery) {
		if h.Alerts++; h.Since.IsZero() {
			h.Since = d.Created
		}
	})
	return h, err
}

func (b *Brake) each(ctx context.Context, f func(store.Delivery)) error {
	err := b.Outbox.Aside(ctx, func(d store.Delivery) bool {
		if d.State == store.OnHold {
			f(d)
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("look for what is held back: %w", err)
	}
	return nil
}

// Release queues what is held back: the operator has looked, and it is right. The
// day's count begins anew. Each is a transaction of its own: after a crash those
// that are still held can be released again.
func (b *Brake) Release(ctx context.Context, now time.Time) (int, error) {
	if err := b.Diary.SetDue(ctx, brakeReleased, now); err != nil {
		return 0, fmt.Errorf("release what is held back: %w", err)
	}
	return b.let(ctx, func(d *store.Delivery) { d.State, d.Due = store.Queued, now })
}

// Drop gives up what is held back: it was no news. It is in no digest either that
// brings what was lost; those who have one find it there as everybody does.
func (b *Brake) Drop(ctx context.Context) (int, error) {
	return b.let(ctx, func(d *store.Delivery) { d.State = store.Suppressed })
}

func (b *Brake) let(ctx context.Context, set func(*store.Delivery)) (n int, err error) {
	var held []store.Delivery
	if err := b.each(ctx, func(d store.Delivery) { held = append(held, d) }); err != nil {
		return 0, err
	}
	for _, d := range held {
		set(&d)
		switch err := b.Outbox.Settle(ctx, d); {
		case errors.Is(err, store.ErrNotFound): // erased meanwhile
		case err != nil:
			return n, fmt.Errorf("after %d that were held back: %w", n, err)
		default:
			n++
		}
	}
	if err := b.Diary.SetDue(ctx, brakeHeld, time.Time{}); err != nil {
		return n, fmt.Errorf("note that nothing is held back: %w", err)
	}
	return n, nil
}
