package storetest

import (
	"slices"
	"time"

	"ccgwatch/store"
)

// period is what a digest tells a subscription of.
func period(id string, from, until time.Time) store.Period {
	return store.Period{Subscription: id, From: from, Until: until}
}

// together: one digest tells several subscriptions of an address.
func together(t *T) {
	const address = "ann@example.org"
	for _, id := range []string{"one", "two", "three"} {
		s := confirmed(id)
		s.Address, s.Query = address, id
		t.must(t.Subscribe(t.ctx, s))
	}
	week := at(0).AddDate(0, 0, 7)
	of := []store.Period{period("one", time.Time{}, week), period("two", time.Time{}, week), period("three", time.Time{}, week)}
	stands := func() (at []time.Time) {
		for _, id := range []string{"one", "two", "three"} {
			s, err := t.Subscription(t.ctx, id)
			t.must(err)
			at = append(at, s.LastDigest)
		}
		return at
	}

	// All or none.
	t.must(t.Digest(t.ctx, store.Delivery{}, period("two", time.Time{}, at(1))))
	t.is(t.Digest(t.ctx, delivery("all", "one", week), of...), store.ErrConflict)
	t.same("after a conflict", stands(), []time.Time{{}, at(1), {}})
	t.same("nothing to tell is no delivery", len(t.allIDs()), 0)

	t.queue(delivery("lost", "three", at(1)))
	d := delivery("lost", "three", at(1))
	d.State = store.Uncertain
	t.must(t.Settle(t.ctx, d))

	of[1].From = at(1)
	d = delivery("all", "one", week)
	d.Carries = []string{"lost"}
	t.must(t.Digest(t.ctx, d, of...))
	t.again()
	t.same("queued", stands(), []time.Time{week, week, week})
	got, err := t.Delivery(t.ctx, "all")
	t.must(err)
	t.same("the periods", got.Periods, of)
	_, err = t.Delivery(t.ctx, "nothing")
	t.is(err, store.ErrNotFound)

	// One of them ends: the message is not sent, and the others are owed theirs again.
	t.must(t.End(t.ctx, "two", week))
	t.same("the others are owed theirs", stands(), []time.Time{{}, week, {}})
	t.same("stopped", t.states()["all"], store.Suppressed)
	got, err = t.Delivery(t.ctx, "lost")
	t.must(err)
	t.same("nobody carries it now", got.Carried, "")
	t.same("nothing to send", len(t.leased(week)), 0)

	// The same while it is claimed: the dot is refused.
	of = []store.Period{period("one", time.Time{}, week), period("three", time.Time{}, week)}
	d = delivery("again", "one", week)
	d.Carries = []string{"lost"}
	t.must(t.Digest(t.ctx, d, of...))
	claimed := t.leased(week)
	t.same("claimed", len(claimed), 1)
	t.must(t.End(t.ctx, "three", week))
	t.is(t.Dot(t.ctx, claimed[0]), store.ErrConflict)
	t.same("one is owed theirs", stands(), []time.Time{{}, week, week})

	// One that may have come stays in doubt: it is neither repeated nor made anew.
	s := confirmed("four")
	s.Address, s.Query = address, "four"
	t.must(t.Subscribe(t.ctx, s))
	t.must(t.Digest(t.ctx, delivery("doubt", "one", week), period("one", time.Time{}, week), period("four", time.Time{}, week)))
	d = t.leased(week)[0].Doubted()
	d.Due = week
	t.must(t.Settle(t.ctx, d))
	t.must(t.End(t.ctx, "one", week))
	t.same("in doubt", t.states()["doubt"], store.Uncertain)
	last, err := t.Subscription(t.ctx, "four")
	t.must(err)
	t.same("its period is over", last.LastDigest, week)

	// Erasing the address takes all of it.
	_, err = t.Erase(t.ctx, address)
	t.must(err)
	t.same("all gone", len(t.allIDs()), 0)
}

// spokenFor: an alert that was stopped is lost to those it spoke for.
func spokenFor(t *T) {
	for _, id := range []string{"one", "two"} {
		s := confirmed(id)
		s.Address, s.Query = "ann@example.org", id
		t.must(t.Subscribe(t.ctx, s))
	}
	d := delivery("alert", "one", at(1))
	d.Also = []string{"two"}
	t.queue(d)
	t.must(t.End(t.ctx, "one", at(2)))
	got, err := t.Delivery(t.ctx, "alert")
	t.must(err)
	t.same("lost", got.Lost(), true)
	week := at(0).AddDate(0, 0, 7)
	next := delivery("digest", "two", week)
	next.Carries = []string{"alert"}
	t.must(t.Digest(t.ctx, next, period("two", time.Time{}, week)))
	got, err = t.Delivery(t.ctx, "alert")
	t.must(err)
	t.same("carried by", got.Carried, "digest")
	t.same("in the outbox", slices.Sorted(slices.Values(t.allIDs())), []string{"alert", "digest"})
}

func (t *T) leased(now time.Time) []store.Delivery {
	t.Helper()
	ds, err := t.Lease(t.ctx, now, time.Hour, 9)
	t.must(err)
	return ds
}
