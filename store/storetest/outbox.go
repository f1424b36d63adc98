package storetest

import (
	"fmt"
	"slices"
	"time"

	"ccgwatch/store"
)

func subscribe(t *T) {
	var want []store.Subscription
	for _, id := range []string{"c", "a", "bb", "b"} {
		t.must(t.Subscribe(t.ctx, confirmed(id)))
	}
	for _, id := range []string{"a", "b", "bb", "c"} {
		want = append(want, confirmed(id))
	}
	t.again()
	for _, c := range []struct {
		after string
		limit int
		want  []store.Subscription
	}{{"", 0, want}, {"", 2, want[:2]}, {"b", 1, want[2:3]}, {"aa", -1, want[1:]}, {"c", 5, nil}} {
		got, err := t.Subscriptions(t.ctx, c.after, c.limit)
		t.must(err)
		t.same(fmt.Sprintf("after %q up to %d", c.after, c.limit), got, c.want)
	}
	got, err := t.Subscription(t.ctx, "bb")
	t.must(err)
	t.same("one", got, want[2])
	_, err = t.Subscription(t.ctx, "nobody")
	t.is(err, store.ErrNotFound)
}

func subscribeTwice(t *T) {
	ann := confirmed("1")
	t.must(t.Subscribe(t.ctx, ann))
	same := ann
	t.is(t.Subscribe(t.ctx, same), store.ErrConflict) // the id
	same.ID, same.Address, same.State = "2", " 1@EXAMPLE.org", store.StatePending
	t.is(t.Subscribe(t.ctx, same), store.ErrConflict)
	for i, edit := range []func(*store.Subscription){
		func(s *store.Subscription) { s.Query = "dentists" },
		func(s *store.Subscription) { s.Often = store.Weekly },
		func(s *store.Subscription) { s.Address = "bob@example.org" },
	} {
		other := same
		other.ID = fmt.Sprint("other", i)
		edit(&other)
		t.must(t.Subscribe(t.ctx, other))
	}
	t.must(t.End(t.ctx, "1", at(5)))
	t.must(t.Subscribe(t.ctx, same)) // the first is not live any more
}

func end(t *T) {
	for _, id := range []string{"ann", "bob"} {
		t.must(t.Subscribe(t.ctx, confirmed(id)))
	}
	t.queue(delivery("sent", "ann", at(1)))
	got, err := t.Lease(t.ctx, at(2), time.Hour, 1)
	t.must(err)
	d := got[0]
	d.State, d.SentAt = store.Sent, at(2)
	t.must(t.Settle(t.ctx, d))
	held, hisHeld := delivery("held", "ann", at(3)), delivery("his held", "bob", at(3))
	held.State, hisHeld.State = store.OnHold, store.OnHold // and nobody claims it
	t.queue(delivery("now", "ann", at(3)), delivery("later", "ann", at(20)), delivery("his", "bob", at(3)), held, hisHeld)

	t.must(t.End(t.ctx, "ann", at(4)))
	want := map[string]store.DeliveryState{"sent": store.Sent, "now": store.Suppressed, "later": store.Suppressed, "his": store.Queued, "held": store.Suppressed, "his held": store.OnHold}
	t.same("the outbox", t.states(), want)
	t.must(t.End(t.ctx, "ann", at(5)))
	s, err := t.Subscription(t.ctx, "ann")
	t.must(err)
	t.same("the state", s.State, store.StateEnded)
	t.same("ending again changes nothing", s.Ended, at(4))
	t.is(t.End(t.ctx, "nobody", at(4)), store.ErrNotFound)
	got, err = t.Lease(t.ctx, at(23), time.Hour, 9)
	t.must(err)
	t.same("leased", ids(got), []string{"his"})
	hisHeld.State, hisHeld.Due = store.Queued, at(23)
	t.must(t.Settle(t.ctx, hisHeld))
	got, err = t.Lease(t.ctx, at(23), time.Hour, 9)
	t.must(err)
	t.same("leased once it is queued", ids(got), []string{"his held"})
}

func ids(ds []store.Delivery) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.ID)
	}
	return out
}

func erase(t *T) {
	ann, annToo, bob := confirmed("ann"), confirmed("ann2"), confirmed("bob")
	annToo.Address, annToo.Query = "Ann@example.org ", "dentists"
	for _, s := range []store.Subscription{ann, annToo, bob} {
		t.must(t.Subscribe(t.ctx, s))
	}
	t.queue(delivery("1", "ann", at(1)), delivery("2", "ann2", at(1)), delivery("3", "bob", at(1)))
	leased, err := t.Lease(t.ctx, at(2), time.Hour, 1)
	t.must(err)
	t.must(t.End(t.ctx, "ann2", at(2))) // an ended one is erased, too

	n, err := t.Erase(t.ctx, "ANN@example.org")
	t.must(err)
	t.same("subscriptions erased", n, 2)
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"3": store.Queued})
	for _, id := range []string{"1", "2"} {
		_, err := t.Raw(t.ctx, id)
		t.is(err, store.ErrNotFound)
	}
	t.is(t.Settle(t.ctx, leased[0]), store.ErrNotFound) // it was under way
	left, err := t.Subscriptions(t.ctx, "", 0)
	t.must(err)
	t.same("who is left", left, []store.Subscription{bob})
	n, err = t.Erase(t.ctx, "ann@example.org")
	t.must(err)
	t.same("erased the second time", n, 0)
	t.must(t.Subscribe(t.ctx, ann)) // as somebody new
	if _, err := t.Lease(t.ctx, at(23), time.Hour, 9); err != nil {
		t.Errorf("leasing after erasing: %v", err)
	}
}

func advance(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	p, err := t.Position(t.ctx, "matcher")
	t.must(err)
	t.same("before the first step", p, store.Position{})
	to := store.Position{Seq: 4, Subscription: "ann"}
	f := store.Finding{ID: "f1", Change: 3, At: at(1), Quote: "a contract for nursing", Page: 7, Areas: []string{"rutland"},
		Deadline: &store.Deadline{Stated: "2026-09-01T12:00:00+01:00", Kind: "tender"}, When: at(3), Thread: "ocds-1"}
	d := delivery("1", "ann", at(2))
	t.must(t.Advance(t.ctx, "matcher", p, to, []store.Finding{f}, []store.Delivery{d}))
	t.again()
	p, err = t.Position(t.ctx, "matcher")
	t.must(err)
	t.same("the place", p, to)
	p, err = t.Position(t.ctx, "index")
	t.must(err)
	t.same("another follower's place", p, store.Position{})
	got, err := t.Finding(t.ctx, "f1")
	t.must(err)
	t.same("the finding", got, f)
	_, err = t.Finding(t.ctx, "f2")
	t.is(err, store.ErrNotFound)
	raw, err := t.Raw(t.ctx, "1")
	t.must(err)
	t.same("the bytes", string(raw), string(d.Raw))
	_, err = t.Raw(t.ctx, "2")
	t.is(err, store.ErrNotFound)
}

func wrongPlace(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	here := store.Position{Seq: 2, Subscription: "ann"}
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, here, nil, nil))
	for _, from := range []store.Position{{}, {Seq: 2}, {Seq: 3, Subscription: "ann"}} {
		err := t.Advance(t.ctx, "matcher", from, store.Position{Seq: 9}, []store.Finding{{ID: "f1", Change: 1}}, []store.Delivery{delivery("1", "ann", at(1))})
		t.is(err, store.ErrConflict)
	}
	p, err := t.Position(t.ctx, "matcher")
	t.must(err)
	t.same("the place", p, here)
	_, err = t.Finding(t.ctx, "f1")
	t.is(err, store.ErrNotFound)
	t.same("the outbox", t.states(), map[string]store.DeliveryState{})
}

func sameIDs(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	p1, p2, p3 := store.Position{Seq: 1}, store.Position{Seq: 2}, store.Position{Seq: 3}
	f, d := store.Finding{ID: "f1", Change: 1, Quote: "first"}, delivery("1", "ann", at(1))
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, p1, []store.Finding{f}, []store.Delivery{d}))
	leased, err := t.Lease(t.ctx, at(2), time.Hour, 1)
	t.must(err)
	leased[0].State, leased[0].SentAt = store.Sent, at(2)
	t.must(t.Settle(t.ctx, leased[0]))

	f2, d2 := f, d
	f2.Quote, f2.Change = "second", 2
	d2.Raw, d2.Created = []byte("another text"), at(9)
	t.must(t.Advance(t.ctx, "matcher", p1, p2, []store.Finding{f2, f2}, []store.Delivery{d2, d2}))
	t.must(t.Advance(t.ctx, "other", store.Position{}, p3, nil, []store.Delivery{d2}))
	got, err := t.Finding(t.ctx, "f1")
	t.must(err)
	t.same("the finding", got, f)
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Sent})
	raw, err := t.Raw(t.ctx, "1")
	t.must(err)
	t.same("the bytes", string(raw), string(d.Raw))
	leased, err = t.Lease(t.ctx, at(23), time.Hour, 9)
	t.must(err)
	t.same("to send again", len(leased), 0)
}

func afterErase(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	_, err := t.Erase(t.ctx, "ann@example.org")
	t.must(err)
	t.queue(delivery("1", "ann", at(1)))
	t.same("the outbox", t.states(), map[string]store.DeliveryState{})
	_, err = t.Raw(t.ctx, "1")
	t.is(err, store.ErrNotFound)
}

func findingsInOrder(t *T) {
	var fs []store.Finding
	for i, change := range []uint64{300, 2, 1, 2, 256} {
		fs = append(fs, store.Finding{ID: fmt.Sprint("f", i), Change: change})
	}
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 300}, fs, nil))
	list := func(after uint64, most int) (out []uint64) {
		t.must(t.Findings(t.ctx, after, func(f store.Finding) bool { out = append(out, f.Change); return len(out) < most }))
		return out
	}
	t.same("all", list(0, 9), []uint64{1, 2, 2, 256, 300})
	t.same("after a change", list(2, 9), []uint64{256, 300})
	t.same("until told to stop", list(0, 2), []uint64{1, 2})
	t.same("after the end", list(^uint64(0), 9), []uint64(nil))
}

func leaseDue(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("later", "ann", at(12)), delivery("second", "ann", at(2)), delivery("first", "ann", at(1)), delivery("third", "ann", at(3)))
	got, err := t.Lease(t.ctx, at(3), 10*time.Minute, 2)
	t.must(err)
	t.same("the longest due first", ids(got), []string{"first", "second"})
	want := delivery("first", "ann", at(1))
	want.State, want.Lease = store.Claimed, at(3).Add(10*time.Minute)
	t.same("what is leased", got[0], want)
	got, err = t.Lease(t.ctx, at(3), 10*time.Minute, 9)
	t.must(err)
	t.same("the rest of what is due", ids(got), []string{"third"})
	got, err = t.Lease(t.ctx, at(3), 10*time.Minute, 0)
	t.must(err)
	t.same("a limit of nothing", len(got), 0)
	if _, err := t.Lease(t.ctx, at(3), 0, 9); err == nil {
		t.Error("a lease of no length was given")
	}
}

func leaseRunsOut(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("1", "ann", at(1)))
	_, err := t.Lease(t.ctx, at(2), time.Hour, 9)
	t.must(err)
	t.again()
	for _, c := range []struct {
		now  time.Time
		want []string
	}{{at(2), nil}, {at(3).Add(-time.Second), nil}, {at(3), []string{"1"}}, {at(3), nil}, {at(5), []string{"1"}}} {
		got, err := t.Lease(t.ctx, c.now, time.Hour, 9)
		t.must(err)
		t.same("leased at "+c.now.Format(time.TimeOnly), ids(got), c.want)
		for _, d := range got {
			if len(d.Raw) == 0 {
				t.Error("without its bytes")
			}
		}
	}
}

func leaseSuppresses(t *T) {
	pending := confirmed("pending")
	pending.State = store.StatePending
	out := confirmed("out")
	out.State = store.StateSuppressed
	for _, s := range []store.Subscription{pending, out, confirmed("ann"), confirmed("gone")} {
		t.must(t.Subscribe(t.ctx, s))
	}
	t.queue(delivery("1", "pending", at(1)), delivery("2", "out", at(1)), delivery("3", "gone", at(1)), delivery("4", "ann", at(2)))
	claimed, err := t.Lease(t.ctx, at(1), time.Hour, 1) // of gone, who then leaves while it is being sent
	t.must(err)
	t.same("claimed", ids(claimed), []string{"3"})
	t.must(t.End(t.ctx, "gone", at(1)))
	claimed[0].State, claimed[0].Due = store.Queued, at(2)
	t.must(t.Settle(t.ctx, claimed[0]))

	got, err := t.Lease(t.ctx, at(3), time.Hour, 1)
	t.must(err)
	t.same("leased: those who left do not count", ids(got), []string{"4"})
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"1": store.Suppressed, "2": store.Suppressed, "3": store.Suppressed, "4": store.Claimed})
}

func settle(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.queue(delivery("1", "ann", at(1)))
	got, err := t.Lease(t.ctx, at(2), time.Hour, 1)
	t.must(err)
	d := got[0]
	d.State, d.Due, d.LastError, d.Attempts = store.Queued, at(6), "450 busy", 1
	d.Subject, d.Raw, d.Created = "not ours to change", []byte("x"), at(9)
	t.must(t.Settle(t.ctx, d))
	want := delivery("1", "ann", at(6))
	want.LastError, want.Attempts, want.Raw = "450 busy", 1, nil
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool { t.same("deferred", d, want); return true }))
	got, err = t.Lease(t.ctx, at(5), time.Hour, 1)
	t.must(err)
	t.same("before it is due again", len(got), 0)
	got, err = t.Lease(t.ctx, at(6), time.Hour, 1)
	t.must(err)
	d = got[0]
	t.same("the bytes", string(d.Raw), string(delivery("1", "ann", at(1)).Raw))
	d.State, d.SentAt, d.LastError, d.Attempts = store.Sent, at(6), "", 2
	t.must(t.Settle(t.ctx, d))
	want.State, want.SentAt, want.LastError, want.Attempts = store.Sent, at(6), "", 2
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool { t.same("sent", d, want); return true }))
	got, err = t.Lease(t.ctx, at(23), time.Hour, 1)
	t.must(err)
	t.same("after it was sent", len(got), 0)
	t.is(t.Settle(t.ctx, store.Delivery{ID: "none", State: store.Sent}), store.ErrNotFound)
}

func deliveriesInOrder(t *T) {
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	var ds []store.Delivery
	for i, h := range []int{5, 1, 3} {
		d := delivery(fmt.Sprint(i), "ann", at(1))
		d.Created = at(h)
		ds = append(ds, d)
	}
	t.queue(ds...)
	var got []string
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool {
		if d.Raw != nil {
			t.Error("with its bytes")
		}
		got = append(got, d.ID)
		return true
	}))
	t.same("oldest first", got, []string{"1", "2", "0"})
	n := 0
	t.must(t.Deliveries(t.ctx, func(store.Delivery) bool { n++; return false }))
	t.same("until told to stop", n, 1)
}

func digest(t *T) {
	pending := confirmed("pending")
	pending.State = store.StatePending
	t.must(t.Subscribe(t.ctx, pending))
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	week1, week2 := at(0), at(0).AddDate(0, 0, 7)
	t.must(t.Digest(t.ctx, delivery("w1", "ann", week1), period("ann", time.Time{}, week1)))
	t.is(t.Digest(t.ctx, delivery("w1 again", "ann", week1), period("ann", time.Time{}, week1)), store.ErrConflict)
	t.is(t.Digest(t.ctx, delivery("p", "pending", week1), period("pending", time.Time{}, week1)), store.ErrConflict)
	t.is(t.Digest(t.ctx, delivery("n", "nobody", week1), period("nobody", time.Time{}, week1)), store.ErrNotFound)
	t.again()
	t.must(t.Digest(t.ctx, delivery("w2", "ann", week2), period("ann", week1.In(time.FixedZone("BST", 3600)), week2)))
	s, err := t.Subscription(t.ctx, "ann")
	t.must(err)
	t.same("the last digest", s.LastDigest, week2)
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"w1": store.Queued, "w2": store.Queued})
	t.must(t.End(t.ctx, "ann", week2))
	t.is(t.Digest(t.ctx, delivery("w3", "ann", week2), period("ann", week2, week2.AddDate(0, 0, 7))), store.ErrConflict)
	t.same("all are in the outbox once", slices.Sorted(slices.Values(t.allIDs())), []string{"w1", "w2"})
}

func (t *T) allIDs() []string {
	var out []string
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool { out = append(out, d.ID); return true }))
	return out
}
