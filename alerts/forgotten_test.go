package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"ccgwatch/store"
)

// Whoever was ever mailed was remembered until the next start, by address, also
// who had left or was erased: one more for each who came.
func TestAddressesThatAreMailedNoMoreAreForgotten(t *testing.T) {
	p := &Postman{PerAddress: 5, quota: quota{to: map[string][]time.Time{}}}
	w := &route{}
	start := time.Date(2026, 9, 7, 7, 30, 0, 0, time.UTC)
	for d := range 700 {
		p.note(w, fmt.Sprintf("Visitor%d@example.net", d), start.AddDate(0, 0, d))
		if n := len(p.quota.to); n > 3 {
			t.Fatalf("after %d days %d addresses are remembered", d+1, n)
		}
	}
	// What counts is not forgotten.
	now := start.AddDate(2, 0, 0)
	for i := range p.PerAddress {
		p.note(w, "ann@example.org", now.Add(time.Duration(i)*time.Minute))
	}
	for h := range 23 {
		p.note(w, fmt.Sprintf("other%d@example.org", h), now.Add(time.Duration(h)*time.Hour))
	}
	if until := p.fullFor("Ann@example.org", now.Add(23*time.Hour)); until.IsZero() {
		t.Error("five mails of a day were forgotten before the day was over")
	}
}

// A domain of which one message came back was remembered for ever, and so was how
// often it had refused us.
func TestDomainsThatFailedLongAgoAreForgotten(t *testing.T) {
	x := &Domains{Key: func(domain string) string { return "key of " + domain }, read: true, holds: map[string]store.Hold{}, failed: map[string]map[string]failure{}, policy: map[string]int{}}
	start := time.Date(2026, 9, 7, 7, 30, 0, 0, time.UTC)
	fail := func(d int) {
		t.Helper()
		sub := store.Subscription{ID: fmt.Sprint("s", d), Address: fmt.Sprintf("somebody@d%d.example", d)}
		if err := x.Failed(t.Context(), start.AddDate(0, 0, d), store.Delivery{ID: fmt.Sprint("m", d)}, sub, d%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	most := int((giveUp+lookedAtDay)/(24*time.Hour)) + 2
	for d := range 700 {
		fail(d)
		if len(x.failed) > most || len(x.policy) > most {
			t.Fatalf("after %d days %d domains that failed are remembered, and %d that refused", d+1, len(x.failed), len(x.policy))
		}
	}
	if len(x.failed) < 2 {
		t.Errorf("%d domains that failed are remembered of a week in which one did each day", len(x.failed))
	}
}

// countedMail is a store of which is counted how many deliveries were read.
type countedMail struct {
	*memory
	read int
}

func (c *countedMail) Deliveries(ctx context.Context, f func(store.Delivery) bool) error {
	return c.memory.Deliveries(ctx, func(d store.Delivery) bool { c.read++; return f(d) })
}

func (c *countedMail) Recent(ctx context.Context, since time.Time, f func(store.Delivery) bool) error {
	return c.memory.Recent(ctx, since, func(d store.Delivery) bool { c.read++; return f(d) })
}

// While a relay was away, all that was ever mailed was read every hour, to give up
// what had waited too long.
func TestTheMailOfYearsIsNotReadEveryHour(t *testing.T) {
	start := time.Date(2026, 9, 7, 7, 30, 0, 0, time.UTC)
	c := &countedMail{memory: newMemory()}
	add := func(n int, state store.DeliveryState, created time.Time) {
		c.deliveries = append(c.deliveries, store.Delivery{ID: fmt.Sprint("m", n), State: state, Created: created, Due: created})
	}
	for d := range 2000 {
		state := store.Sent
		if d == 7 {
			state = store.Queued // the machine was off since
		}
		add(d, state, start.AddDate(0, 0, d-2000))
	}
	for h := range 48 {
		add(5000+h, store.Queued, start.Add(time.Duration(h)*time.Hour))
	}
	p := &Postman{Outbox: c, Backlog: c, Log: slog.New(slog.DiscardHandler)}
	waiting := func(now time.Time) (n int) {
		for _, d := range c.deliveries {
			if d.State == store.Queued {
				n++
				if now.Sub(d.Created) >= giveUp {
					t.Fatalf("%s waits since %s", now, d.Created)
				}
			}
		}
		return n
	}
	for h := range 400 {
		now := start.Add(48*time.Hour + time.Duration(h)*time.Hour)
		c.read = 0
		if err := p.expire(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if most := 48 + int(lookedBack/(24*time.Hour)); h > 0 && c.read > most {
			t.Fatalf("%d of %d mails were read in hour %d", c.read, len(c.deliveries), h)
		}
		if n := waiting(now); h == 0 && n != 48 || h == 399 && n != 0 {
			t.Errorf("after %d hours %d messages wait", h, n)
		}
	}
	// After a long sleep all are looked at again.
	c.deliveries = append(c.deliveries, store.Delivery{ID: "last", State: store.Queued, Created: start.AddDate(0, 0, 20)})
	late := start.AddDate(0, 6, 0)
	if err := p.expire(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if n := waiting(late); n != 0 {
		t.Errorf("%d messages wait after half a year", n)
	}
}
