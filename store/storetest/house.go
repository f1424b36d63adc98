package storetest

import (
	"time"

	"ccgwatch/store"
)

// told is a message to the house.
func told(id string) (store.Subscription, store.Delivery) {
	h := store.Subscription{ID: "house", Address: "us@example.org", State: store.StateHouse, Created: at(1)}
	d := delivery(id, h.ID, at(2))
	d.Kind = store.MailOperator
	return h, d
}

func tellHouse(t *T) {
	h, d := told("o1")
	fresh, err := t.Tell(t.ctx, h, d, map[string]time.Time{"operator": at(2), "told/a": at(3)})
	t.must(err)
	t.same("fresh", fresh, true)
	again := d
	again.Subject = "another"
	fresh, err = t.Tell(t.ctx, h, again, map[string]time.Time{"operator": at(9)})
	t.must(err)
	t.same("fresh the second time", fresh, false)
	t.again()
	due, err := t.Due(t.ctx)
	t.must(err)
	t.same("the diary", due, map[string]time.Time{"operator": at(2), "told/a": at(3)})
	h.Address = "we@example.org" // moved
	_, d2 := told("o2")
	_, err = t.Tell(t.ctx, h, d2, nil)
	t.must(err)
	t.same("the house", t.subs(), []store.Subscription{h})
	of, err := t.Of(t.ctx, "us@example.org")
	t.must(err)
	t.same("under its address of before", of, []store.Subscription{})
	claimed, err := t.Lease(t.ctx, at(3), time.Hour, 10)
	t.must(err)
	t.same("claimed", len(claimed), 2)
	t.must(t.Dot(t.ctx, claimed[0]))
	claimed[0].State, claimed[0].SentAt = store.Sent, at(3)
	t.must(t.Settle(t.ctx, claimed[0]))
	n, err := t.Erase(t.ctx, "we@example.org")
	t.must(err)
	t.same("erased", n, 1)
	t.same("left", t.states(), map[string]store.DeliveryState{})
}

// Only mail to the house goes to it, and none to it goes elsewhere.
func tellOthers(t *T) {
	sub := confirmed("ann")
	t.must(t.Subscribe(t.ctx, sub))
	h, d := told("o1")
	d.Kind = "alert"
	if _, err := t.Tell(t.ctx, h, d, nil); err == nil {
		t.Error("an alert went to the house")
	}
	_, d = told("o1")
	d.Subscription = sub.ID
	if _, err := t.Tell(t.ctx, h, d, nil); err == nil {
		t.Error("a subscriber was told")
	}
	as := sub
	as.State = store.StateHouse
	if _, err := t.Tell(t.ctx, as, d, map[string]time.Time{"operator": at(2)}); err == nil {
		t.Error("a subscriber became the house")
	}
	t.same("nothing is queued", t.states(), map[string]store.DeliveryState{})
	due, err := t.Due(t.ctx)
	t.must(err)
	t.same("nothing is noted", due, map[string]time.Time{})
	t.same("who there is", t.subs(), []store.Subscription{sub})
}

// A visitor is answered, and gets nothing else.
func answered(t *T) {
	p := asked(1, "Vi@example.org", at(2))
	p.Pending.State, p.Delivery.Kind, p.Token.Kind = store.StateVisitor, store.MailAnswer, store.MailAnswer
	t.post(p)
	kept, err := t.Kept(t.ctx, "vi@example.org", person("vi@example.org"))
	t.must(err)
	t.same("counted as unconfirmed", kept.Past.Unconfirmed, 1)
	wrong := asked(2, "vi@example.org", at(2))
	wrong.Pending.State = store.StateVisitor
	_, err = t.Post(t.ctx, wrong, yes)
	t.is(err, store.ErrConflict)
	_, err = t.Confirm(t.ctx, hash(1), at(3), person("vi@example.org"))
	t.is(err, store.ErrNotFound)
	alert := delivery("alert", p.Pending.ID, at(3))
	t.queue(alert)
	claimed, err := t.Lease(t.ctx, at(4), time.Hour, 10)
	t.must(err)
	t.same("claimed", len(claimed), 1)
	t.same("states", t.states(), map[string]store.DeliveryState{p.Delivery.ID: store.Claimed, "alert": store.Suppressed})
	asksNow := asked(3, "vi@example.org", at(4)) // the visitor subscribes, with the same words
	asksNow.Pending.Query, asksNow.Pending.Often = p.Pending.Query, p.Pending.Often
	t.post(asksNow)
	t.must(t.Forget(t.ctx, *p.Pending))
	t.same("left", t.subs(), []store.Subscription{*asksNow.Pending})
}

func holds(t *T) {
	h := store.Hold{Since: at(1), Until: at(5), Times: 2, Probe: "d1"}
	t.must(t.SetHold(t.ctx, "k", &h))
	t.must(t.SetHold(t.ctx, "l", &store.Hold{Since: at(1)}))
	t.must(t.SetHold(t.ctx, "l", nil))
	t.again()
	all, err := t.Holds(t.ctx)
	t.must(err)
	t.same("holds", all, map[string]store.Hold{"k": h})

	sub := confirmed("ann")
	t.must(t.Subscribe(t.ctx, sub))
	score := func(n int, last time.Time) {
		t.Helper()
		_, _, _, err := t.Return(t.ctx, store.Returned{Note: hash(n), At: last, Subscription: sub.ID}, func(store.Delivery, store.Subscription, store.BounceScore) store.Ruling {
			return store.Ruling{Effect: "scored", Score: store.BounceScore{Points: 2.5, Last: last}}
		})
		t.must(err)
	}
	points := func() float64 {
		t.Helper()
		kept, err := t.Kept(t.ctx, sub.Address, person(sub.Address))
		t.must(err)
		return kept.Bounces.Points
	}
	score(1, at(3))
	t.must(t.Forgive(t.ctx, sub.ID, at(4)))
	t.same("what counted before stays", points(), 2.5)
	t.must(t.Forgive(t.ctx, sub.ID, at(3)))
	t.same("forgiven", points(), 0.0)
	t.is(t.Forgive(t.ctx, "nobody", at(3)), store.ErrNotFound)
}
