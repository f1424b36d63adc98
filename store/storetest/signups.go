package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"ccgwatch/store"
)

// hash is that of a made-up token.
func hash(n int) string { return fmt.Sprintf("%064x", n) }

func yes([]store.Past) (bool, error) { return true, nil }

// asked is a request for a confirmation.
func asked(n int, address string, now time.Time) store.Post {
	s := confirmed(fmt.Sprintf("new%d", n))
	s.Address, s.State, s.Created, s.Query = address, store.StatePending, now, fmt.Sprint("query ", n)
	s.Proof = &store.Proof{Form: "1", Asked: now, Ticked: "yes", Client: "fingerprint"}
	d := delivery(fmt.Sprintf("confirm%d", n), s.ID, now)
	d.Kind, d.Created = store.MailConfirm, now
	return store.Post{
		At: now, Pending: &s, Delivery: d,
		Token:  store.Token{Hash: hash(n), Kind: store.MailConfirm, Subscription: s.ID, Made: now, Expires: now.AddDate(0, 0, 7)},
		Counts: []store.Count{{Of: "all", Keep: time.Hour}, person(address)},
	}
}

func person(address string) store.Count {
	return store.Count{Of: "person", Key: strings.ToLower(address), Keep: 24 * time.Hour, Person: true}
}

// managed is a request for the link of a confirmed subscription.
func managed(n int, sub store.Subscription, now time.Time) store.Post {
	d := delivery(fmt.Sprintf("manage%d", n), sub.ID, now)
	d.Kind, d.Created = store.MailManage, now
	return store.Post{
		At: now, Delivery: d,
		Token:  store.Token{Hash: hash(n), Kind: store.MailManage, Subscription: sub.ID, Made: now, Expires: now.AddDate(0, 0, 7)},
		Counts: []store.Count{{Of: "all", Keep: time.Hour}, person(sub.Address)},
	}
}

func (t *T) post(p store.Post) {
	t.Helper()
	ok, err := t.Post(t.ctx, p, yes)
	t.must(err)
	t.same("queued", ok, true)
}

func (t *T) subs() []store.Subscription {
	t.Helper()
	all, err := t.Subscriptions(t.ctx, "", 0)
	t.must(err)
	return all
}

func signUp(t *T) {
	t.commit("leics", 2, item("a"))
	p := asked(1, "Ann@example.org", at(2))
	t.post(p)
	t.again()
	t.same("pending", t.subs(), []store.Subscription{*p.Pending})
	of, err := t.Of(t.ctx, "ann@EXAMPLE.org")
	t.must(err)
	t.same("by the address", of, []store.Subscription{*p.Pending})
	for _, c := range []struct {
		kind string
		hash string
		now  time.Time
		want error
	}{
		{store.MailConfirm, hash(1), at(3), nil}, {store.MailManage, hash(1), at(3), store.ErrNotFound}, {store.MailConfirm, hash(2), at(3), store.ErrNotFound},
		{store.MailConfirm, "", at(3), store.ErrNotFound}, {store.MailConfirm, hash(1), at(2).AddDate(0, 0, 7), store.ErrNotFound},
	} {
		tok, of, err := t.Token(t.ctx, c.kind, c.hash, c.now)
		t.is(err, c.want)
		if c.want == nil {
			t.same("the token", tok, p.Token)
			t.same("its subscriptions", of, []store.Subscription{*p.Pending})
		}
	}

	// Only the confirmation goes to somebody who has not confirmed.
	t.queue(delivery("alert", p.Pending.ID, at(2)))
	got, err := t.Lease(t.ctx, at(2), time.Hour, 9)
	t.must(err)
	t.same("leased", ids(got), []string{"confirm1"})
	t.same("the bytes", string(got[0].Raw), string(p.Delivery.Raw))
	got[0].Due = at(3)
	t.must(t.Dot(t.ctx, got[0]))
	got[0].State = store.Sent
	t.must(t.Settle(t.ctx, got[0]))
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"confirm1": store.Sent, "alert": store.Suppressed})

	for _, h := range []string{hash(2), "", hash(1)[:63]} {
		_, err = t.Confirm(t.ctx, h, at(4), person("ann@example.org"))
		t.is(err, store.ErrNotFound)
	}
	_, err = t.Confirm(t.ctx, hash(1), at(2).AddDate(0, 0, 7), person("ann@example.org"))
	t.is(err, store.ErrNotFound)
	t.same("after wrong tokens", t.subs(), []store.Subscription{*p.Pending})
	s, err := t.Confirm(t.ctx, hash(1), at(4), person("ann@example.org"))
	t.must(err)
	want := *p.Pending
	want.State, want.ConsentAt, want.Since = store.StateConfirmed, at(4), 2
	want.Proof = &store.Proof{Form: "1", Asked: at(2), Ticked: "yes", Client: "fingerprint", Token: hash(1)[:16], Confirmed: at(4)}
	t.same("confirmed", s, want)
	t.again()
	t.same("confirmed and kept", t.subs(), []store.Subscription{want})
	_, err = t.Confirm(t.ctx, hash(1), at(5), person("ann@example.org"))
	t.is(err, store.ErrNotFound) // once
	t.must(t.End(t.ctx, s.ID, at(5)))
	_, err = t.Confirm(t.ctx, hash(1), at(5), person("ann@example.org"))
	t.is(err, store.ErrNotFound)
}

func signUpAgain(t *T) {
	first := asked(1, "ann@example.org", at(2))
	t.post(first)
	again := first
	sub := *first.Pending
	sub.Created = at(5)
	again.Pending, again.At = &sub, at(5)
	again.Delivery.ID, again.Token.Hash = "confirm1b", hash(11)
	t.post(again)
	t.same("one pending subscription, renewed", t.subs(), []store.Subscription{sub})
	// Both links are good, and one use is the end of both.
	_, err := t.Confirm(t.ctx, hash(11), at(6), person("ann@example.org"))
	t.must(err)
	_, _, err = t.Token(t.ctx, store.MailConfirm, hash(1), at(6))
	t.is(err, store.ErrNotFound)
	got, err := t.Lease(t.ctx, at(9), time.Hour, 9)
	t.must(err)
	t.same("confirmations of what is confirmed go to nobody", ids(got), []string(nil))

	before := t.subs()
	for what, edit := range map[string]func(p *store.Post){
		"the id of a confirmed one": func(p *store.Post) { p.Pending.ID = "new1" },
		"the same under another id": func(p *store.Post) { p.Pending.Query = " query 1 " },
		"not pending":               func(p *store.Post) { p.Pending.State = store.StateConfirmed },
		"for nobody":                func(p *store.Post) { p.Pending = nil },
		"a link for a pending one":  func(p *store.Post) { p.Delivery.Kind = store.MailManage },
	} {
		p := asked(3, "ann@example.org", at(7))
		edit(&p)
		p.Delivery.Subscription = "new3"
		if p.Pending != nil {
			p.Delivery.Subscription = p.Pending.ID
		}
		if ok, err := t.Post(t.ctx, p, yes); ok || !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, %v", what, ok, err)
		}
	}
	t.same("after what was refused", t.subs(), before)
	k, err := t.Kept(t.ctx, "ann@example.org", person("ann@example.org"))
	t.must(err)
	t.same("counted", k.Past.Times, []time.Time{at(2), at(5)})
	t.same("tokens", len(k.Tokens), 0)
}

func counts(t *T) {
	var seen []store.Past
	look := func(mail bool, err error) func([]store.Past) (bool, error) {
		return func(p []store.Past) (bool, error) { seen = p; return mail, err }
	}
	is := func(what string, all, person []time.Time, unconfirmed int) {
		t.Helper()
		t.same(what, seen, []store.Past{{Times: all}, {Times: person, Unconfirmed: unconfirmed}})
	}
	_, err := t.Post(t.ctx, asked(1, "ann@example.org", at(1)), look(true, nil))
	t.must(err)
	is("before the first", nil, nil, 0)
	// Silently refused: the request counts, the person was sent nothing.
	ok, err := t.Post(t.ctx, asked(2, "ann@example.org", at(1).Add(time.Minute)), look(false, nil))
	t.must(err)
	t.same("queued", ok, false)
	is("after one", []time.Time{at(1)}, []time.Time{at(1)}, 1)
	// Refused: nothing counts.
	no := errors.New("too many")
	_, err = t.Post(t.ctx, asked(3, "bob@example.org", at(1).Add(2*time.Minute)), look(true, no))
	t.is(err, no)
	is("of another person", []time.Time{at(1), at(1).Add(time.Minute)}, nil, 0)
	t.same("stored", len(t.subs()), 1)
	t.again()
	_, err = t.Post(t.ctx, asked(4, "Ann@example.org", at(3)), look(true, nil))
	t.must(err)
	is("two hours later, after a restart", nil, []time.Time{at(1)}, 1)
	_, err = t.Post(t.ctx, asked(5, "ann@example.org", at(1).Add(24*time.Hour)), look(false, no))
	t.is(err, no)
	is("a day later", nil, []time.Time{at(3)}, 2)
	_, err = t.Post(t.ctx, asked(5, "ann@example.org", at(2)), look(false, no))
	t.is(err, no)
	is("with the clock set back", []time.Time{at(3)}, []time.Time{at(1), at(3)}, 2)

	// Erasing does not let strangers begin anew.
	_, err = t.Erase(t.ctx, "ann@example.org")
	t.must(err)
	t.must(t.Sweep(t.ctx, at(1).AddDate(1, 0, 0), at(1)))
	_, err = t.Post(t.ctx, asked(6, "ann@example.org", at(4)), look(true, nil))
	t.must(err)
	is("after erasing and sweeping", nil, []time.Time{at(1), at(3)}, 2)

	// Confirming does; while confirmed, mail counts by the day alone.
	s, err := t.Confirm(t.ctx, hash(6), at(5), person("ann@example.org"))
	t.must(err)
	t.post(managed(7, s, at(6)))
	_, err = t.Post(t.ctx, managed(8, s, at(7)), look(false, no))
	t.is(err, no)
	is("confirmed", []time.Time{}, []time.Time{at(1), at(3), at(4), at(6)}, 0)
	t.must(t.End(t.ctx, s.ID, at(7)))
	_, err = t.Post(t.ctx, managed(8, s, at(7)), yes)
	t.is(err, store.ErrConflict)
	t.post(asked(9, "ann@example.org", at(8)))
	k, err := t.Kept(t.ctx, "ann@example.org", person("ann@example.org"))
	t.must(err)
	t.same("after the end it counts again", k.Past.Unconfirmed, 1)
}

func manageLink(t *T) {
	ann, too := confirmed("ann"), confirmed("ann2")
	too.Address, too.Query = "ANN@example.org", "dentists"
	for _, s := range []store.Subscription{ann, too, confirmed("bob")} {
		t.must(t.Subscribe(t.ctx, s))
	}
	t.post(managed(1, ann, at(2)))
	got, err := t.Lease(t.ctx, at(2), time.Hour, 9)
	t.must(err)
	t.same("leased", ids(got), []string{"manage1"})
	tok, of, err := t.Token(t.ctx, store.MailManage, hash(1), at(3))
	t.must(err)
	t.same("by", tok.Subscription, "ann")
	t.same("all of the address", of, []store.Subscription{ann, too})
	_, _, err = t.Token(t.ctx, store.MailConfirm, hash(1), at(3))
	t.is(err, store.ErrNotFound)
	_, err = t.Confirm(t.ctx, hash(1), at(3), person("ann@example.org"))
	t.is(err, store.ErrNotFound)

	t.must(t.Change(t.ctx, "ann", "surgeries", store.Both, 9))
	ann.Query, ann.Often, ann.Since = "surgeries", store.Both, 9
	s, err := t.Subscription(t.ctx, "ann")
	t.must(err)
	t.same("changed", s, ann)
	t.is(t.Change(t.ctx, "ann", " dentists", store.Instant, 9), store.ErrConflict)
	t.is(t.Change(t.ctx, "nobody", "x", store.Instant, 9), store.ErrNotFound)
	t.must(t.Change(t.ctx, "ann", "surgeries", store.Both, 9)) // as it is
	t.must(t.End(t.ctx, "ann", at(3)))
	t.is(t.Change(t.ctx, "ann", "x", store.Both, 9), store.ErrNotFound)
	_, of, err = t.Token(t.ctx, store.MailManage, hash(1), at(3))
	t.must(err)
	t.same("the link outlasts one of them", len(of), 2)

	n, err := t.Erase(t.ctx, "ann@EXAMPLE.org")
	t.must(err)
	t.same("erased", n, 2)
	_, _, err = t.Token(t.ctx, store.MailManage, hash(1), at(3))
	t.is(err, store.ErrNotFound)
	k, err := t.Kept(t.ctx, "ann@example.org", person("ann@example.org"))
	t.must(err)
	t.same("tokens kept of the erased", len(k.Tokens), 0)
	t.same("who is left", len(t.subs()), 1)
}

func forget(t *T) {
	t.post(asked(1, "ann@example.org", at(1)))
	t.post(asked(2, "ann@example.org", at(2)))
	t.post(asked(3, "bob@example.org", at(3)))
	subs := t.subs()
	renewed := subs[0]
	renewed.Created = at(9)
	t.is(t.Forget(t.ctx, renewed), store.ErrConflict) // it was another one that was to be forgotten
	ended := subs[0]
	ended.State = store.StateEnded
	t.is(t.Forget(t.ctx, ended), store.ErrConflict)
	t.must(t.Forget(t.ctx, subs[0]))
	t.is(t.Forget(t.ctx, subs[0]), store.ErrNotFound)
	t.again()
	t.same("left", t.subs(), subs[1:])
	_, err := t.Raw(t.ctx, "confirm1")
	t.is(err, store.ErrNotFound)
	_, _, err = t.Token(t.ctx, store.MailConfirm, hash(1), at(4))
	t.is(err, store.ErrNotFound)
	_, of, err := t.Token(t.ctx, store.MailConfirm, hash(2), at(4))
	t.must(err)
	t.same("of the other token", of, subs[1:2])

	// With the last subscription of an address the link to it goes, too.
	s, err := t.Confirm(t.ctx, hash(3), at(4), person("bob@example.org"))
	t.must(err)
	t.post(managed(4, s, at(5)))
	t.must(t.End(t.ctx, s.ID, at(6)))
	s, err = t.Subscription(t.ctx, s.ID)
	t.must(err)
	t.must(t.Forget(t.ctx, s))
	_, _, err = t.Token(t.ctx, store.MailManage, hash(4), at(6))
	t.is(err, store.ErrNotFound)
}

func sweep(t *T) {
	t.post(asked(1, "ann@example.org", at(1)))
	t.post(asked(2, "bob@example.org", at(9)))
	t.must(t.Sweep(t.ctx, at(8).AddDate(0, 0, 7), at(5)))
	_, _, err := t.Token(t.ctx, store.MailConfirm, hash(1), at(2)) // gone, and not only out of date
	t.is(err, store.ErrNotFound)
	_, _, err = t.Token(t.ctx, store.MailConfirm, hash(2), at(10))
	t.must(err)
	var clients []string
	for _, s := range t.subs() {
		clients = append(clients, s.Proof.Client)
	}
	t.same("where the requests came from", clients, []string{"", "fingerprint"})
	t.must(t.Sweep(t.ctx, at(8).AddDate(0, 0, 7), at(5)))
}
