package inbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/mail/inbox"
	"ccgwatch/store"
)

// readers subscribes some at a domain.
func (o *office) readers(n int, domain string) []store.Subscription {
	o.t.Helper()
	var out []store.Subscription
	for i := range n {
		s := store.Subscription{
			ID: fmt.Sprintf("%s%02d", strings.Repeat("0", 30-len(domain))+domain, i), Address: fmt.Sprintf("reader%d@%s", i, domain), Often: store.Instant,
			State: store.StateConfirmed, Created: o.now, Consent: "a list", ConsentAt: o.now,
		}
		o.must(o.store.Subscribe(o.t.Context(), s))
		out = append(out, s)
	}
	return out
}

// points are what the bounces of an address have come to.
func (o *office) points(s store.Subscription) float64 {
	o.t.Helper()
	x, err := o.Desk.Extract(o.t.Context(), s.Address)
	o.must(err)
	if x.Bounces == nil {
		return 0
	}
	return x.Bounces.Points
}

func (o *office) stateOf(id string) store.Delivery {
	o.t.Helper()
	var out store.Delivery
	o.must(o.store.Deliveries(o.t.Context(), func(d store.Delivery) bool {
		if d.ID == id {
			out = d
		}
		return true
	}))
	return out
}

// B14, our address is on a list: a domain that refuses more than a fifth of what
// it is sent because of who sends is held back; nothing counts against anybody,
// the operator is told once, and one message is let through later to see.
func TestADomainThatRefusesUsIsHeldBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	big, other := o.readers(10, "big.example"), o.readers(3, "small.example")
	var sent []letter
	for _, s := range big {
		sent = append(sent, o.alert(s))
	}
	for i, want := range []string{inbox.EffectNoScore, inbox.EffectNoScore, inbox.EffectNoScore, inbox.EffectHeld} {
		if len(o.held) != 0 && i < 3 {
			t.Errorf("held after %d", i)
		}
		o.want("refused", o.take(o.bounce(sent[i].from, "5.7.1")), want)
	}
	if len(o.held) != 1 || o.held[0].Domain != "big.example" || !o.held[0].Policy || o.held[0].Failed != 3 || o.held[0].Of != 10 {
		t.Fatalf("the operator was told %+v", o.held)
	}
	o.want("an unknown mailbox of it", o.take(o.bounce(sent[5].from, "5.1.1")), inbox.EffectHeld)
	if p := o.points(big[5]) + o.points(big[0]); p != 0 {
		t.Errorf("%v points", p)
	}
	if d := o.stateOf(sent[0].id); d.State != store.Failed || d.Failure != store.FailedPolicy || !d.Lost() {
		t.Errorf("what was refused is told again: %+v", d)
	}
	alert := func(s store.Subscription) int {
		t.Helper()
		n := len(o.got)
		o.queueAlert(s)
		o.send()
		return len(o.got) - n
	}
	if alert(big[6]) != 0 || alert(other[0]) != 1 {
		t.Error("the domain is held, and no other")
	}
	o.now = o.now.Add(3 * time.Hour)
	if alert(big[7]) != 0 {
		t.Error("held for three hours and no more")
	}
	o.now = o.now.Add(time.Hour + time.Minute)
	if l := o.send(); len(l) != 1 {
		t.Fatalf("%d were let through", len(l))
	}
	o.want("the one comes back", o.take(o.bounce(o.got[len(o.got)-1].from, "5.7.1")), inbox.EffectHeld)
	o.now = o.now.Add(5 * time.Hour)
	if l := o.send(); len(l) != 0 {
		t.Errorf("%d went after an attempt in vain", len(l))
	}
	o.now = o.now.Add(4 * time.Hour)
	if l := o.send(); len(l) != 1 {
		t.Fatalf("%d were let through", len(l))
	}
	if l := o.send(); len(l) != 0 {
		t.Errorf("%d more went before it is known", len(l))
	}
	if alert(big[8]) != 0 {
		t.Error("more went before it is known")
	}
	o.now = o.now.Add(61 * time.Minute)
	if l := o.send(); len(l) == 0 {
		t.Error("it did not come back, and the rest still waits")
	}
	if h, err := o.store.Holds(t.Context()); err != nil || len(h) != 0 || len(o.held) != 1 {
		t.Errorf("%v, %v, told %d times", h, err, len(o.held))
	}
}

// B14, the domain is out: every mailbox of it fails at once. What was counted
// until that was seen is forgiven.
func TestADomainThatIsOutIsHeldBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	out := o.readers(4, "out.example")
	var sent []letter
	for _, s := range out {
		sent = append(sent, o.alert(s))
	}
	for i, want := range []string{inbox.EffectScored, inbox.EffectScored, inbox.EffectScored, inbox.EffectScored} {
		o.want("bounce", o.take(o.bounce(sent[i].from, "5.1.1")), want)
	}
	if len(o.held) != 1 || o.held[0].Policy || o.held[0].Failed != 4 || o.held[0].Of != 4 {
		t.Fatalf("the operator was told %+v", o.held)
	}
	for _, s := range out {
		if p := o.points(s); p != 0 {
			t.Errorf("%v points", p)
		}
	}
}

// One mailbox that is gone, and two of many that refuse us, hold back nobody.
func TestAFewFailuresHoldBackNobody(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	many := o.readers(20, "many.example")
	var sent []letter
	for _, s := range many {
		sent = append(sent, o.alert(s))
	}
	for i := range 4 { // exactly a fifth
		o.want("refused", o.take(o.bounce(sent[i].from, "5.7.1")), inbox.EffectNoScore)
	}
	for i := range 3 {
		o.want("gone", o.take(o.bounce(sent[10+i].from, "5.1.1")), inbox.EffectScored)
	}
	if len(o.held) != 0 {
		t.Errorf("%+v", o.held)
	}
	for _, x := range forged(t, sent[9]) {
		o.take(o.bounce(x, "5.7.1"))
	}
	if len(o.held) != 0 {
		t.Errorf("forged bounces hold back: %+v", o.held)
	}
}

func forged(t *testing.T, l letter) []string {
	t.Helper()
	return []string{marks(t, 9).ReturnPath(l.id), "alerts+bxyz@example.org", "alerts@example.org"}
}

// What a relay says at once counts the same, also after a restart.
func TestARelayThatRefusesUsHoldsADomainBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	big := o.readers(4, "big.example")
	o.gone = fmt.Errorf("relay: 550 5.7.1: %w %w", alerts.ErrSoft, alerts.ErrPolicy)
	for _, s := range big[:3] {
		o.queueAlert(s)
		o.send()
	}
	if len(o.held) != 1 || !o.held[0].Policy {
		t.Fatalf("the operator was told %+v", o.held)
	}
	o.gone = nil
	o.Domains = &alerts.Domains{House: o.store, Backlog: o.store, Subscribers: o.store, Key: o.links.Domain, Log: o.Log, Tell: o.Domains.Tell}
	o.post.Domains = o.Domains // as after a restart
	o.queueAlert(big[3])
	if l := o.send(); len(l) != 0 {
		t.Errorf("%d went", len(l))
	}
	o.now = o.now.Add(25 * time.Hour)
	if l := o.send(); len(l) != 1 {
		t.Errorf("%d were let through", len(l))
	}
	o.now = o.now.Add(time.Hour + time.Minute)
	if l := o.send(); len(l) != 3 {
		t.Errorf("%d of the rest", len(l))
	}
}
