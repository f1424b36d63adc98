package storetest

import (
	"time"

	"ccgwatch/store"
)

func mailMarks(t *T) {
	m, err := t.MailMark(t.ctx, "imap")
	t.must(err)
	t.same("before the first time", m, store.MailMark{})
	want := store.MailMark{Validity: 7, Last: 40}
	t.must(t.SetMailMark(t.ctx, "imap", store.MailMark{Validity: 7, Last: 39}))
	t.must(t.SetMailMark(t.ctx, "imap", want))
	t.must(t.SetMailMark(t.ctx, "mbox", store.MailMark{Offset: 9, Newest: at(3)}))
	t.again()
	m, err = t.MailMark(t.ctx, "imap")
	t.must(err)
	t.same("one mailbox", m, want)
	m, err = t.MailMark(t.ctx, "mbox")
	t.must(err)
	t.same("another", m, store.MailMark{Offset: 9, Newest: at(3)})
}

func (t *T) handled(note, want string) {
	t.Helper()
	effect, ok, err := t.Handled(t.ctx, note)
	t.must(err)
	t.same("whether "+note+" was handled", ok, want != "")
	t.same("what "+note+" led to", effect, want)
}

func handledOnce(t *T) {
	t.handled("n1", "")
	t.must(t.Handle(t.ctx, "n1", "confirmed", at(1)))
	t.must(t.Handle(t.ctx, "n1", "something else", at(9)))
	t.must(t.Handle(t.ctx, "n2", "left", at(2)))
	t.again()
	t.handled("n1", "confirmed")
	t.must(t.ForgetHandled(t.ctx, at(1), at(1)))
	t.handled("n1", "confirmed")
	t.must(t.ForgetHandled(t.ctx, at(2), at(1)))
	t.handled("n1", "")
	t.handled("n2", "left")
}

// sentTo subscribes and puts a sent delivery into the outbox.
func (t *T) sentTo(s store.Subscription, id string) {
	t.Helper()
	t.must(t.Subscribe(t.ctx, s))
	d := delivery(id, s.ID, at(2))
	d.State, d.SentAt = store.Sent, at(3)
	t.queue(d)
}

// ruled answers as it is told, and keeps what it was asked.
type ruled struct {
	store.Ruling
	d     store.Delivery
	sub   store.Subscription
	score store.BounceScore
	n     int
}

func (r *ruled) decide(d store.Delivery, s store.Subscription, x store.BounceScore) store.Ruling {
	r.d, r.sub, r.score = d, s, x
	r.n++
	return r.Ruling
}

func (t *T) returnTo(note, delivery string, r *ruled) (stopped []string, fresh bool) {
	t.Helper()
	made, stopped, fresh, err := t.Return(t.ctx, store.Returned{Note: note, At: at(5), Delivery: delivery}, r.decide)
	t.must(err)
	if fresh {
		t.same("the ruling", made, r.Ruling)
	}
	return stopped, fresh
}

func returned(t *T) {
	s := confirmed("s1")
	t.sentTo(s, "d1")
	other := confirmed("s2")
	other.Address, other.Query = "S1@EXAMPLE.org", "another"
	t.sentTo(other, "d2")
	r := &ruled{Ruling: store.Ruling{Effect: "scored", Score: store.BounceScore{Points: 1, Last: at(5)}}}
	_, fresh := t.returnTo("n1", "d1", r)
	t.same("fresh", fresh, true)
	t.same("its delivery", r.d.State, store.Sent)
	t.same("its subscription", r.sub, s)
	t.same("the score before", r.score, store.BounceScore{})
	for range 3 {
		_, fresh = t.returnTo("n1", "d1", r)
		t.same("fresh again", fresh, false)
	}
	t.same("how often it was decided", r.n, 1)
	t.handled("n1", "scored")
	t.must(t.Probed(t.ctx, "s2", at(6)))
	t.again()
	kept, err := t.Kept(t.ctx, "S1@example.org", person("s1@example.org"))
	t.must(err)
	t.same("what is kept of the address", kept.Bounces, store.BounceScore{Points: 1, Last: at(5), Probed: at(6)})
	next := &ruled{Ruling: store.Ruling{Effect: "nothing"}}
	next.Score = store.BounceScore{Points: 1, Last: at(5), Probed: at(6)}
	t.returnTo("n2", "d2", next)
	t.same("the score is the address's", next.score, next.Score)
	_, _, _, err = t.Return(t.ctx, store.Returned{Note: "n3", At: at(5), Delivery: "unknown"}, next.decide)
	t.is(err, store.ErrNotFound)
	t.handled("n3", "")
	t.is(t.Probed(t.ctx, "nobody", at(6)), store.ErrNotFound)
	t.must(t.ForgetHandled(t.ctx, at(1), at(5).Add(time.Second)))
	t.returnTo("n4", "d2", next)
	t.same("the score after it was forgotten", next.score, store.BounceScore{})
}

func returnedSuppresses(t *T) {
	t.sentTo(confirmed("s1"), "d1")
	same := confirmed("s2")
	same.Address, same.Query = "s1@example.org", "another"
	t.must(t.Subscribe(t.ctx, same))
	ended := confirmed("s3")
	ended.Address, ended.Query, ended.State = "s1@example.org", "a third", store.StateEnded
	t.must(t.Subscribe(t.ctx, ended))
	t.must(t.Subscribe(t.ctx, confirmed("s4")))
	t.queue(delivery("d2", "s2", at(9)), delivery("d4", "s4", at(9)))
	stopped, _ := t.returnTo("n1", "d1", &ruled{Ruling: store.Ruling{Effect: "stopped", Suppress: true}})
	t.same("stopped", stopped, []string{"s1", "s2"})
	t.again()
	states := map[string]store.State{}
	for _, s := range t.subs() {
		states[s.ID] = s.State
	}
	t.same("subscriptions", states, map[string]store.State{"s1": store.StateSuppressed, "s2": store.StateSuppressed, "s3": store.StateEnded, "s4": store.StateConfirmed})
	t.same("mail", t.states(), map[string]store.DeliveryState{"d1": store.Sent, "d2": store.Suppressed, "d4": store.Queued})
	r := &ruled{Ruling: store.Ruling{Effect: "stopped", Suppress: true}}
	_, stopped, _, err := t.Return(t.ctx, store.Returned{Note: "n2", At: at(5), Subscription: "s4"}, r.decide)
	t.must(err)
	t.same("by its subscription", stopped, []string{"s4"})
	t.same("no delivery", r.d, store.Delivery{})
}

func returnedPending(t *T) {
	p := asked(1, "ann@example.org", at(2))
	t.post(p)
	t.sentTo(confirmed("s1"), "d1")
	forget := store.Ruling{Effect: "dropped", Forget: true}
	t.returnTo("n1", "d1", &ruled{Ruling: forget})
	t.same("a confirmed one stays", len(t.subs()), 2)
	t.returnTo("n2", p.Delivery.ID, &ruled{Ruling: forget})
	t.again()
	t.same("the pending one is gone", len(t.subs()), 1)
	_, _, err := t.Token(t.ctx, store.MailConfirm, hash(1), at(3))
	t.is(err, store.ErrNotFound)
	t.handled("n2", "dropped")
}

func returnedErased(t *T) {
	t.sentTo(confirmed("s1"), "d1")
	t.returnTo("n1", "d1", &ruled{Ruling: store.Ruling{Effect: "scored", Score: store.BounceScore{Points: 4, Last: at(5)}}})
	_, err := t.Erase(t.ctx, "s1@example.org")
	t.must(err)
	r := &ruled{}
	_, _, _, err = t.Return(t.ctx, store.Returned{Note: "n2", At: at(5), Delivery: "d1"}, r.decide)
	t.is(err, store.ErrNotFound)
	t.same("how often it was decided", r.n, 0)
	t.sentTo(confirmed("s1"), "d2")
	t.returnTo("n3", "d2", r)
	t.same("the score of who came back", r.score, store.BounceScore{})
}
