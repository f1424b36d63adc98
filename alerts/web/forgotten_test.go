package web

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Whoever had ever asked was remembered, by a mark, until ten thousand had: for
// months, and with each a table of the time zone.
func TestWhoAskedIsForgottenWithinMinutes(t *testing.T) {
	var q quota
	now := at("2026-09-07 09:00")
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}) }
	for n := range 3000 {
		if wait := q.ask(addr(n), 1, now); wait > 0 {
			t.Fatalf("client %d waits for %s", n, wait)
		}
	}
	now = now.Add(quotasSwept - time.Second)
	for range askedAtOnce {
		q.ask(addr(5), 1, now)
	}
	now = now.Add(2 * time.Second) // the others are forgotten here
	if wait := q.ask(addr(5), askedAtOnce/2, now); wait == 0 {
		t.Error("who asked for everything at once may ask again two seconds later")
	}
	if n := len(q.full); n != 1 {
		t.Errorf("%d of 3000 clients are remembered after %s", n, quotasSwept)
	}
	now = now.Add(2 * quotasSwept)
	q.ask(addr(9), 1, now)
	if n := len(q.full); n != 1 {
		t.Errorf("%d clients are remembered, and one has asked of late", n)
	}
}

// How a date was shown was remembered when it was long over or replaced, up to
// three thousand of them with the text of the calendar.
func TestDatesThatAreShownNoMoreAreForgotten(t *testing.T) {
	b := &datebook{}
	start := at("2026-09-07 09:00")
	shown := func(o *occasion) {
		b.keep(o, &made{})
		o.gist.Store(&query.Gist{1, 2, 3})
	}
	var all []*occasion
	for d := range 1000 {
		o := &occasion{start: start.AddDate(0, 0, d), id: uidOf("x", start.AddDate(0, 0, d).String())}
		b.replace(nil, o)
		b.since(o.start.AddDate(0, 0, -30))
		shown(o)
		all = append(all, o)
		if d%10 == 0 { // moved by an hour
			moved := &occasion{start: o.start.Add(time.Hour), id: o.id}
			b.replace(o, moved)
			b.since(o.start.AddDate(0, 0, -30))
			shown(moved)
		}
	}
	if n, most := len(b.made), 2+(30*24*time.Hour+slack)/(24*time.Hour); n > int(most) {
		t.Errorf("%d dates are remembered as they were shown, want %d at most", n, most)
	}
	remembered := 0
	for _, o := range all {
		if o.made.Load() != nil || o.gist.Load() != nil {
			remembered++
			if o.gone || o.start.Before(all[len(all)-1].start.AddDate(0, 0, -30).Add(-slack)) {
				t.Fatalf("what was shown of %s is remembered", o.start)
			}
		}
	}
	if remembered < 30 {
		t.Errorf("of %d dates of the last month what was shown is remembered", remembered)
	}
}

// countedOutbox counts how often the mails are gone through.
type countedOutbox struct {
	memory
	times int
}

func (c *countedOutbox) Deliveries(ctx context.Context, f func(store.Delivery) bool) error {
	c.times++
	return c.memory.Deliveries(ctx, f)
}

// The mails of years were counted every ten seconds while somebody looked at the
// page of the sources, which takes seconds itself where there are many.
func TestTheMailOfYearsIsNotCountedAllTheTime(t *testing.T) {
	if fresh := queueFresh(10_000_000); fresh != 5*time.Minute {
		t.Errorf("of ten million mails a count is kept for %s", fresh)
	}
	for mails, want := range map[int]int{3: 60, 20_000: 20, 50_000: 10} {
		c := &countedOutbox{memory: memory{state: &state{}}}
		for range mails {
			c.deliveries = append(c.deliveries, store.Delivery{Kind: "digest", State: store.Sent})
		}
		s := &site{Server: Server{Outbox: c}}
		now := at("2026-09-07 09:00")
		for range 60 { // ten minutes
			q, err := s.outbox(t.Context(), now)
			if err != nil || q.Sent != mails {
				t.Fatalf("%d of %d mails, %v", q.Sent, mails, err)
			}
			now = now.Add(10 * time.Second)
		}
		if c.times != want {
			t.Errorf("%d mails were counted %d times in ten minutes, want %d", mails, c.times, want)
		}
	}
}
