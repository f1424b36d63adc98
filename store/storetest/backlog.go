package storetest

import (
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
)

func recent(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	for i, h := range []int{5, 1, 3, 9} {
		d := delivery(fmt.Sprint(i), "ann", at(1))
		d.Created = at(h)
		t.queue(d)
	}
	look := func(since time.Time, most int) (got []string) {
		t.must(t.Recent(t.ctx, since, func(d store.Delivery) bool {
			if d.Raw != nil {
				t.Error("with its bytes")
			}
			got = append(got, d.ID)
			return len(got) < most
		}))
		return got
	}
	t.same("since its own moment", look(at(3), 9), []string{"2", "0", "3"})
	t.same("since after it", look(at(3).Add(1), 9), []string{"0", "3"})
	t.same("since ever", look(time.Time{}, 9), []string{"1", "2", "0", "3"})
	t.same("until told to stop", look(at(0), 1), []string{"1"})
	t.same("since the future", look(at(20), 9), []string(nil))
}

func deliveriesOf(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.must(t.Subscribe(t.ctx, confirmed("anna")))
	t.queue(delivery("1", "ann", at(1)), delivery("2", "anna", at(1)), delivery("3", "ann", at(2)))
	got, err := t.DeliveriesOf(t.ctx, "ann")
	t.must(err)
	all := ids(got)
	slices.Sort(all)
	t.same("hers", all, []string{"1", "3"})
	for _, d := range got {
		if d.Raw != nil {
			t.Error("with its bytes")
		}
	}
	got, err = t.DeliveriesOf(t.ctx, "nobody")
	t.must(err)
	t.same("nobody's", len(got), 0)
}

// folded queues 1 and 2 of ann's, claims 1, and gives the one to take their place.
func (t *T) folded() store.Delivery {
	t.Helper()
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.must(t.Subscribe(t.ctx, confirmed("bob")))
	t.queue(delivery("1", "ann", at(1)), delivery("2", "ann", at(2)), delivery("his", "bob", at(8)))
	got, err := t.Lease(t.ctx, at(3), time.Hour, 1)
	t.must(err)
	one := delivery("one", "ann", at(3))
	one.Lease, one.Carries = got[0].Lease, []string{"1", "2"}
	return one
}

func fold(t *T) {
	one := t.folded()
	t.must(t.Fold(t.ctx, one, one.Carries))
	t.again()
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Folded, "2": store.Folded, "one": store.Claimed, "his": store.Queued})
	for _, id := range one.Carries {
		all, err := t.DeliveriesOf(t.ctx, "ann")
		t.must(err)
		i := slices.IndexFunc(all, func(d store.Delivery) bool { return d.ID == id })
		t.same("who carries "+id, all[i].Carried, "one")
		t.same("the lease of "+id, all[i].Lease, time.Time{})
	}
	raw, err := t.Raw(t.ctx, "one")
	t.must(err)
	t.same("the bytes", string(raw), string(one.Raw))
	t.is(t.Fold(t.ctx, one, one.Carries), store.ErrConflict)
	got, err := t.Lease(t.ctx, at(3), time.Hour, 9)
	t.must(err)
	t.same("while it is claimed", ids(got), []string(nil))
	got, err = t.Lease(t.ctx, at(5), time.Hour, 9) // its claim ran out: the others stay folded
	t.must(err)
	t.same("then", ids(got), []string{"one"})
}

func foldFenced(t *T) {
	one := t.folded()
	was := t.states()
	for name, others := range map[string][]string{"another's": {"1", "his"}, "unknown": {"1", "none"}} {
		if err := t.Fold(t.ctx, one, others); err == nil {
			t.Errorf("%s: folded", name)
		}
	}
	other := one
	other.Lease = one.Lease.Add(time.Minute) // of a claim that is not held
	t.is(t.Fold(t.ctx, other, one.Carries), store.ErrConflict)
	t.same("the outbox", t.states(), was)

	d := delivery("2", "ann", at(2))
	d.Doubts = 1
	t.must(t.Settle(t.ctx, d)) // it may have been taken: its bytes are to be repeated
	t.is(t.Fold(t.ctx, one, one.Carries), store.ErrConflict)
	t.same("the outbox", t.states(), was)
	d = delivery("2", "ann", at(2))
	d.State, d.SentAt = store.Sent, at(3)
	t.must(t.Settle(t.ctx, d))
	t.is(t.Fold(t.ctx, one, one.Carries), store.ErrConflict)

	_, err := t.Erase(t.ctx, confirmed("ann").Address)
	t.must(err)
	t.is(t.Fold(t.ctx, one, one.Carries), store.ErrNotFound)
	t.same("after erasing", t.states(), map[string]store.DeliveryState{"his": store.Queued})
}

func carries(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.must(t.Subscribe(t.ctx, confirmed("bob")))
	t.queue(delivery("lost", "ann", at(1)), delivery("waits", "ann", at(1)), delivery("nobody", "ann", at(1)), delivery("his", "bob", at(1)))
	for id, end := range map[string]struct {
		state   store.DeliveryState
		failure string
	}{"lost": {store.Uncertain, ""}, "nobody": {store.Failed, store.FailedHard}, "his": {store.Failed, store.FailedExpired}} {
		d := delivery(id, "ann", at(1))
		d.State, d.Failure = end.state, end.failure
		t.must(t.Settle(t.ctx, d))
	}
	week := at(0).AddDate(0, 0, 7)
	d := delivery("digest", "ann", week)
	for _, id := range []string{"waits", "nobody", "his"} {
		d.Carries = []string{"lost", id}
		t.is(t.Digest(t.ctx, d, period("ann", time.Time{}, week)), store.ErrConflict)
	}
	d.Carries = []string{"lost"}
	t.must(t.Digest(t.ctx, d, period("ann", time.Time{}, week))) // the attempts before left nothing
	t.again()
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool {
		want := map[string]string{"lost": "digest"}[d.ID]
		t.same("who carries "+d.ID, d.Carried, want)
		return true
	}))
	d = delivery("next", "ann", week)
	d.Carries = []string{"lost"}
	t.is(t.Digest(t.ctx, d, period("ann", week, week.AddDate(0, 0, 7))), store.ErrConflict) // once is enough
}
