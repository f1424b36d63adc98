package storetest

import (
	"fmt"
	"time"

	"ccgwatch/store"
)

// dotted claims the one delivery that is due at now and marks it as about to
// end; it may be repeated 15 minutes later.
func (t *T) dotted(now time.Time) store.Delivery {
	t.Helper()
	got, err := t.Lease(t.ctx, now, time.Hour, 9)
	t.must(err)
	t.same("claimed", len(got), 1)
	d := got[0]
	d.State, d.Due, d.Via = store.Dotting, now.Add(15*time.Minute), "relay.example.org:587"
	t.must(t.Dot(t.ctx, d))
	return d
}

func dot(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("1", "ann", at(1)))
	raw := string(t.dotted(at(2)).Raw)
	t.again()
	got, err := t.Lease(t.ctx, at(3).Add(-time.Second), time.Hour, 9)
	t.must(err)
	t.same("claimed while it is dotting", len(got), 0)
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Dotting})

	d := t.dotted(at(4)) // the sender ended; the claim ran out at 3
	t.same("the attempts in doubt", []int{d.Doubts, d.Attempts}, []int{1, 1})
	t.same("the relay it is in doubt at", d.Via, "relay.example.org:587")
	t.same("the bytes of the repeat", string(d.Raw), raw)
	t.again()
	for _, now := range []time.Time{at(5), at(23)} {
		got, err = t.Lease(t.ctx, now, time.Hour, 9)
		t.must(err)
		t.same("claimed after two doubts", len(got), 0)
	}
	t.same("the outbox after two doubts", t.states(), map[string]store.DeliveryState{"1": store.Uncertain})

	// A claim shorter than the wait: it runs out, and the repeat waits all the same.
	t.queue(delivery("2", "ann", at(6)))
	got, err = t.Lease(t.ctx, at(6), time.Minute, 9)
	t.must(err)
	got[0].Due = at(6).Add(15 * time.Minute)
	t.must(t.Dot(t.ctx, got[0]))
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{{10 * time.Minute, nil}, {15*time.Minute - 1, nil}, {15 * time.Minute, []string{"2"}}} {
		got, err = t.Lease(t.ctx, at(6).Add(c.after), time.Hour, 9)
		t.must(err)
		t.same("claimed "+c.after.String()+" after the dot", ids(got), c.want)
	}

	// One that is answered is as any other.
	t.queue(delivery("3", "ann", at(8)))
	got[0].State, got[0].Doubts, got[0].Failure = store.Failed, 1, store.FailedHard
	t.must(t.Settle(t.ctx, got[0]))
	d = t.dotted(at(8))
	d.State, d.SentAt = store.Sent, at(8)
	t.must(t.Settle(t.ctx, d))
	t.again()
	t.same("the outbox in the end", t.states(), map[string]store.DeliveryState{"1": store.Uncertain, "2": store.Failed, "3": store.Sent})
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool {
		if d.ID == "3" {
			t.same("the relay that took 3", d.Via, "relay.example.org:587")
		}
		if d.ID == "2" {
			t.same("the doubts and the failure of 2", []any{d.Doubts, d.Failure}, []any{1, store.FailedHard})
		}
		return true
	}))
}

func dotFenced(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("1", "ann", at(1)))
	t.is(t.Dot(t.ctx, delivery("1", "ann", at(1))), store.ErrConflict) // claimed by nobody
	t.is(t.Dot(t.ctx, delivery("none", "ann", at(1))), store.ErrNotFound)
	first, err := t.Lease(t.ctx, at(2), time.Hour, 9)
	t.must(err)
	second, err := t.Lease(t.ctx, at(4), time.Hour, 9) // the first sender slept
	t.must(err)
	t.is(t.Dot(t.ctx, first[0]), store.ErrConflict)
	t.must(t.Dot(t.ctx, second[0]))
	t.is(t.Dot(t.ctx, second[0]), store.ErrConflict) // once
	second[0].State = store.Sent
	t.must(t.Settle(t.ctx, second[0]))
	t.is(t.Dot(t.ctx, second[0]), store.ErrConflict)
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Sent})
}

func dotSuppresses(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("1", "ann", at(1)))
	got, err := t.Lease(t.ctx, at(2), time.Hour, 9)
	t.must(err)
	t.must(t.End(t.ctx, "ann", at(2)))
	t.is(t.Dot(t.ctx, got[0]), store.ErrConflict)
	t.again()
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Suppressed})
	got, err = t.Lease(t.ctx, at(9), time.Hour, 9)
	t.must(err)
	t.same("claimed", len(got), 0)
}

// settleSoon: who finds a dot on the disk finds there, too, what was settled
// before it was asked for, waited for or not.
func settleSoon(t *T) {
	var names []string
	for i := range 6 {
		names = append(names, fmt.Sprint("r", i))
		t.must(t.Subscribe(t.ctx, confirmed(names[i])))
		t.queue(delivery(fmt.Sprint(i), names[i], at(1)))
	}
	got, err := t.Lease(t.ctx, at(2), time.Hour, 9)
	t.must(err)
	var waits []<-chan error
	for i := range got {
		if i > 0 {
			d := got[i-1]
			d.State, d.SentAt = store.Sent, at(2)
			waits = append(waits, t.SettleSoon(t.ctx, d))
		}
		t.must(t.Dot(t.ctx, got[i]))
		want := map[string]store.DeliveryState{}
		for j, d := range got {
			want[d.ID] = store.Claimed
			if j < i {
				want[d.ID] = store.Sent
			}
		}
		want[got[i].ID] = store.Dotting
		t.same("the outbox", t.states(), want)
	}
	t.is(<-t.SettleSoon(t.ctx, store.Delivery{ID: "none", State: store.Sent}), store.ErrNotFound)
	for _, w := range waits {
		t.must(<-w)
	}
}
