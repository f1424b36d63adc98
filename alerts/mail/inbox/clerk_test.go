package inbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	alertsmail "ccgwatch/alerts/mail"
	"ccgwatch/alerts/mail/inbox"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// An office is a group without pages: a clerk over a real store, and a postman
// whose letters arrive here.
type office struct {
	*inbox.Clerk
	t     *testing.T
	store *bolt.Store
	post  *alerts.Postman
	got   []letter
	links alerts.Links
	marks inbox.Marks
	now   time.Time
	n     int // messages written so far
	held  []alerts.Held
	gone  error // what the relay says to every address; nil: it takes all
}

// A letter is a mail as it arrived.
type letter struct {
	id, to, from, text string
}

// subject is the one that a letter asks to be answered with.
func (l letter) subject(verb string) string {
	return regexp.MustCompile(`(?m)^` + verb + ` [A-Za-z0-9_-]{43}\r?$`).FindString(l.text)
}

func (o *office) Send(_ context.Context, d store.Delivery, to string, _ func() error) error {
	if o.gone != nil {
		return o.gone
	}
	m, err := mail.ReadMessage(bytes.NewReader(d.Raw))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	o.got = append(o.got, letter{d.ID, to, o.marks.ReturnPath(d.ID), string(text)})
	return nil
}

func newOffice(t *testing.T) *office {
	t.Helper()
	st, err := bolt.Open(t.TempDir())
	o := &office{t: t, store: st, marks: marks(t, 1), now: time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)}
	o.must(err)
	t.Cleanup(func() { _ = st.Close() })
	o.links, err = alerts.NewLinks("", "alerts@example.org", bytes.Repeat([]byte("k"), 32))
	o.must(err)
	composer, err := alertsmail.NewComposer("Our NHS", o.links, time.UTC)
	o.must(err)
	composer.Mailbox = true
	log := slog.New(slog.DiscardHandler)
	desk := &alerts.Desk{Subscribers: st, Signups: st, Outbox: st, Links: o.links, Caps: alerts.DefaultCaps(), Compose: composer.ComposeService, Log: log}
	o.Clerk = &inbox.Clerk{Reader: inbox.NewReader(o.marks), Desk: desk, Mailroom: st, Subscribers: st, Zone: time.UTC, Log: log, Token: func(token string) (string, bool, error) {
		id, ok := o.links.Tokens(o.ids()).Verify(token)
		if !ok {
			return "nobody", len(token) == 43, nil
		}
		return id, true, nil
	}}
	o.Domains = &alerts.Domains{House: st, Backlog: st, Subscribers: st, Key: o.links.Domain, Log: log, Tell: func(_ context.Context, _ time.Time, h alerts.Held) error {
		o.held = append(o.held, h)
		return nil
	}}
	o.post = &alerts.Postman{Outbox: st, Subscribers: st, Sender: o, Refused: o.Refused, Domains: o.Domains, Log: log}
	return o
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) subs() []store.Subscription {
	o.t.Helper()
	all, err := o.store.Subscriptions(context.Background(), "", 0)
	o.must(err)
	return all
}

func (o *office) ids() (ids []string) {
	for _, s := range o.subs() {
		ids = append(ids, s.ID)
	}
	return ids
}

// state is "confirmed weekly dialysis", of each in turn.
func (o *office) state() string {
	var out []string
	for _, s := range o.subs() {
		if !s.Subscribed() {
			continue
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.State, s.Often, s.Query)))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// mail is a message as somebody writes it.
func (o *office) mail(from, to, subject string) string {
	o.n++
	return fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d@example.net>\r\n\r\nHello\r\n",
		from, to, subject, o.now.Format(time.RFC1123Z), o.n)
}

// take gives a message to the clerk, thrice.
func (o *office) take(raw string) string {
	o.t.Helper()
	effect, met, err := o.Take(o.t.Context(), o.now, []byte(raw))
	o.must(err)
	if met {
		o.t.Fatalf("met before: %s", raw)
	}
	for range 2 {
		again, met, err := o.Take(o.t.Context(), o.now, []byte(raw))
		o.must(err)
		if !met || again != effect {
			o.t.Errorf("taken again: %q, %v; the first time %q", again, met, effect)
		}
	}
	return effect
}

// write is take of what somebody writes to the group.
func (o *office) write(from, subject string) string {
	o.t.Helper()
	return o.take(o.mail(from, "alerts@example.org", subject))
}

// send delivers what is due and returns what arrived.
func (o *office) send() []letter {
	o.t.Helper()
	n := len(o.got)
	_, _, err := o.post.Deliver(o.t.Context(), o.now)
	o.must(err)
	return o.got[n:]
}

func (o *office) want(what, got, want string) {
	o.t.Helper()
	if got != want {
		o.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// join subscribes somebody by mail.
func (o *office) join(address, words string) store.Subscription {
	o.t.Helper()
	known := o.ids()
	o.want("subscribe", o.write(address, "subscribe "+words), inbox.EffectAsked)
	l := o.send()
	if len(l) != 1 {
		o.t.Fatalf("%d letters", len(l))
	}
	o.want("confirm", o.write(address, l[0].subject("confirm")), inbox.EffectConfirmed)
	for _, s := range o.subs() {
		if !slices.Contains(known, s.ID) {
			return s
		}
	}
	o.t.Fatal("nobody joined")
	return store.Subscription{}
}

// alert sends a subscription something, and returns it as it arrived.
func (o *office) alert(s store.Subscription) letter {
	o.t.Helper()
	o.queueAlert(s)
	if l := o.send(); len(l) > 0 {
		return l[len(l)-1]
	}
	return letter{}
}

func (o *office) queueAlert(s store.Subscription) {
	o.t.Helper()
	o.n++
	p, err := o.store.Position(o.t.Context(), "test")
	o.must(err)
	d := store.Delivery{
		ID: fmt.Sprintf("%032x", o.n), Subscription: s.ID, Kind: alerts.KindAlert, Subject: "x", Raw: []byte("To: x\r\n\r\nx"), State: store.Queued, Created: o.now, Due: o.now,
	}
	o.must(o.store.Advance(o.t.Context(), "test", p, store.Position{Seq: p.Seq + 1}, nil, []store.Delivery{d}))
}

// bounce is what a mail system writes to a return path.
func (o *office) bounce(to, status string) string {
	o.n++
	return fmt.Sprintf("Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net\r\nTo: %s\r\nSubject: Undelivered\r\nMessage-ID: <%d@mx.example.net>\r\nDate: %s\r\n"+
		"Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\n"+
		"Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; x@example.net\r\nAction: failed\r\nStatus: %s\r\n\r\n--B--\r\n",
		to, o.n, o.now.Format(time.RFC1123Z), status)
}

func (o *office) complaint(to, unsubscribe string) string {
	o.n++
	return fmt.Sprintf("From: fbl@example.net\r\nTo: %s\r\nSubject: complaint\r\nMessage-ID: <%d@example.net>\r\nDate: %s\r\n"+
		"Content-Type: multipart/report; report-type=feedback-report; boundary=B\r\n\r\n--B\r\nContent-Type: message/feedback-report\r\n\r\n"+
		"Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\r\n--B\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\nList-Unsubscribe: %s\r\n\r\nx\r\n--B--\r\n",
		to, o.n, o.now.Format(time.RFC1123Z), unsubscribe)
}

// All of a subscription's life, by mail alone.
func TestEverythingByMail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const ann = "Ann@example.net"
	o.want("subscribe", o.write(ann, "Re: [External] Subscribe instant dialysis"), inbox.EffectAsked)
	o.want("pending", o.state(), "pending instant dialysis")
	l := o.send()
	if len(l) != 1 || l[0].to != ann || strings.Contains(l[0].text, "dialysis") || strings.Contains(l[0].text, "http") {
		t.Fatalf("the question: %+v", l)
	}
	confirm := l[0].subject("confirm")
	o.now = o.now.Add(time.Hour)
	o.want("somebody else's guess", o.write("eve@example.net", "confirm "+strings.Repeat("A", 43)), inbox.EffectAnswered)
	if l := o.send(); len(l) != 1 || l[0].to != "eve@example.net" {
		t.Errorf("%+v", l)
	}
	o.want("confirm", o.write(ann, "RE: "+confirm), inbox.EffectConfirmed)
	o.want("confirm again", o.write(ann, confirm), inbox.EffectNoLink)
	o.want("confirmed", o.state(), "confirmed instant dialysis")
	all := o.subs() // one of them is a visitor
	s := all[slices.IndexFunc(all, store.Subscription.Subscribed)]
	if s.Consent != "mail, form "+alerts.FormMail || s.Proof == nil || !s.Proof.Confirmed.Equal(o.now) || alerts.ConsentText(s.Proof.Form) == "" {
		t.Errorf("consent: %+v %+v", s, s.Proof)
	}
	o.want("help", o.write("ann@EXAMPLE.net", "help"), inbox.EffectAsked)
	ways := o.send()
	if len(ways) != 1 || ways[0].to != ann {
		t.Fatalf("the ways: %+v", ways)
	}
	change := ways[0].subject("change")
	for _, c := range []struct{ words, effect, state string }{
		{"", inbox.EffectAnswered, "confirmed instant dialysis"},
		{"hospice", inbox.EffectChanged, "confirmed instant hospice"},
		{"Weekly maternity ward", inbox.EffectChanged, "confirmed weekly maternity ward"},
		{"both", inbox.EffectChanged, "confirmed both maternity ward"},
		{`weekly "open`, inbox.EffectAnswered, "confirmed both maternity ward"},
		{"instant everything", inbox.EffectChanged, "confirmed instant"},
	} {
		o.want("change "+c.words, o.write(ann, change+" "+c.words), c.effect)
		o.want("after change "+c.words, o.state(), c.state)
	}
	o.want("unsubscribe", o.write(ann, "unsubscribe "+o.links.Token(s.ID)), inbox.EffectEnded)
	o.want("ended", o.state(), "ended instant")
	o.want("unsubscribe again", o.write(ann, "unsubscribe "+o.links.Token(s.ID)), inbox.EffectEnded)
	if bye := o.send(); len(bye) != 1 || bye[0].to != ann {
		t.Fatalf("the goodbye, once: %+v", bye)
	}
	o.now = o.now.Add(24 * time.Hour)
	o.join(ann, "x-ray")
	o.join(ann, "both optician")
	o.want("stop without a token", o.write(ann, "STOP"), inbox.EffectAsked)
	o.want("nothing stops by an address alone", o.state(), "confirmed both optician, confirmed weekly x-ray, ended instant")
	ways = o.send()
	o.want("stop all", o.write("elsewhere@example.com", ways[0].subject("unsubscribe")), inbox.EffectEnded)
	o.want("all ended", o.state(), "ended both optician, ended instant, ended weekly x-ray")
}

// Who asks, and how often, is capped; nobody is answered who did not ask.
func TestStrangersCauseLittle(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range 50 {
		o.want("subscribe", o.write("bob@example.net", "subscribe dialysis"), inbox.EffectAsked)
	}
	if l := o.send(); len(l) != 3 {
		t.Errorf("%d letters went to somebody who was signed up 50 times, want 3", len(l))
	}
	for subject, want := range map[string]string{
		"Thank you": inbox.EffectLeft,
		"Please stop closing our hospital at all": inbox.EffectLeft,
		`subscribe "open`:                         inbox.EffectAnswered,
		"Out of office: subscribe":                inbox.EffectIgnored,
		"help":                                    inbox.EffectAsked, // whoever is subscribed
		"change " + token + " x":                  inbox.EffectAnswered,
		"unsubscribe " + token:                    inbox.EffectEnded, // it may have been one
	} {
		o.want(subject, o.write("eve@example.com", subject), want)
	}
	o.want("ourselves", o.write("alerts+x@example.org", "subscribe dialysis"), inbox.EffectIgnored)
	old := o.mail("old@example.com", "alerts@example.org", "subscribe dialysis")
	o.now = o.now.Add(31 * 24 * time.Hour)
	o.want("a month old", o.take(old), inbox.EffectOld)
	o.Desk.Caps.AllHour = 0
	o.want("too many", o.write("new@example.com", "subscribe dialysis"), inbox.EffectBusy)
	for _, l := range o.send() { // three answers, to herself
		if l.to != "eve@example.com" || l.subject("unsubscribe") != "" {
			t.Errorf("%+v", l)
		}
	}
	if n := len(o.subs()); n != 2 { // Bob's, and the visitor
		t.Errorf("%d subscriptions", n)
	}
}

// A mailbox that is not there costs two days, one probe, and another bounce;
// forged ones cost nothing.
func TestBounces(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := o.join("ann@example.net", "dialysis")
	other := o.join("Ann@Example.net", "hospice")
	bob := o.join("bob@example.net", "dialysis")
	day := func() { o.now = o.now.Add(24 * time.Hour) }
	forged, stale := marks(t, 9).ReturnPath(o.alert(s).id), o.alert(s).from
	unsent := o.marks.ReturnPath(strings.Repeat("0", 32))
	o.want("forged", o.take(o.bounce(forged, "5.1.1")), inbox.EffectUnknown)
	o.want("of a delivery that never was", o.take(o.bounce(unsent, "5.1.1")), inbox.EffectUnknown)
	o.want("without a mark", o.take(o.bounce("alerts@example.org", "5.1.1")), inbox.EffectUnknown)
	o.want("refused because of us", o.take(o.bounce(o.alert(s).from, "5.7.1")), inbox.EffectNoScore)
	o.want("day 1", o.take(o.bounce(o.alert(s).from, "5.1.1")), inbox.EffectScored)
	o.want("day 1, another", o.take(o.bounce(o.alert(other).from, "5.1.1")), inbox.EffectNoScore)
	day()
	last := o.alert(s).from
	o.want("day 2", o.take(o.bounce(last, "5.1.1")), inbox.EffectProbed)
	l := o.send()
	if len(l) != 1 || l[0].to != "ann@example.net" || !strings.Contains(l[0].text, "came back") || l[0].subject("unsubscribe") == "" {
		t.Fatalf("the probe: %+v", l)
	}
	day()
	o.want("still written to", o.state(), "confirmed weekly dialysis, confirmed weekly dialysis, confirmed weekly hospice")
	o.want("the probe came back", o.take(o.bounce(l[0].from, "5.1.1")), inbox.EffectSuppressed)
	o.want("all of the address stop", o.state(), "confirmed weekly dialysis, suppressed weekly dialysis, suppressed weekly hospice")
	if l := o.alert(s); l.id != "" {
		t.Errorf("a letter went there: %+v", l)
	}
	o.want("nobody is asked again", o.write("ann@example.net", "subscribe ward"), inbox.EffectAsked)
	if l := o.send(); len(l) != 0 {
		t.Errorf("a letter went there: %+v", l)
	}
	o.now = o.now.Add(30 * 24 * time.Hour)
	o.want("long ago", o.take(o.bounce(stale, "5.1.1")), inbox.EffectUnknown)
	_, err := o.store.Erase(t.Context(), "bob@example.net")
	o.must(err)
	o.want("erased", o.take(o.bounce(o.marks.ReturnPath(bob.ID), "5.1.1")), inbox.EffectUnknown)
}

// The same report fifty times counts once, and so does a crash after it counted.
func TestABounceCountsOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := o.join("ann@example.net", "dialysis")
	report := o.bounce(o.alert(s).from, "5.1.1")
	for i := range 50 {
		o.now = o.now.Add(12 * time.Hour)
		effect, met, err := o.Take(t.Context(), o.now, []byte(report))
		if err != nil || effect != inbox.EffectScored || met != (i > 0) {
			t.Fatalf("%d: %q, %v, %v", i, effect, met, err)
		}
	}
	o.want("nobody stopped", o.state(), "confirmed weekly dialysis")
	o.must(o.Tidy(t.Context(), o.now.Add(61*24*time.Hour)))
	o.now = o.now.Add(61 * 24 * time.Hour)
	o.want("after it was forgotten", o.take(report), inbox.EffectOld)
}

// What the relay refuses counts like what comes back.
func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := o.join("ann@example.net", "dialysis")
	o.gone = alerts.ErrNoAddress
	for day := range 4 {
		o.alert(s)
		want := "confirmed weekly dialysis"
		if day >= 2 { // the probe goes the way of the rest on the second day, and the third ends it
			want = "suppressed weekly dialysis"
		}
		o.want(fmt.Sprint("after day ", day+1), o.state(), want)
		o.now = o.now.Add(24 * time.Hour)
	}
	o.want("somebody else", o.write("bob@example.net", "subscribe dialysis"), inbox.EffectAsked)
	o.send()
	o.want("the question was refused", o.state(), "suppressed weekly dialysis")
}

func TestTheQuestionComesBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write("ann@example.net", "subscribe dialysis")
	l := o.send()[0]
	o.want("delayed", o.take(strings.Replace(o.bounce(l.from, "4.4.1"), "Action: failed", "Action: delayed", 1)), inbox.EffectIgnored)
	o.want("it waits", o.state(), "pending weekly dialysis")
	o.want("failed", o.take(o.bounce(l.from, "5.1.1")), inbox.EffectDropped)
	o.want("nothing is kept", o.state(), "")
	o.want("too late", o.write("ann@example.net", l.subject("confirm")), inbox.EffectAnswered)
}

// A message that cannot be dealt with is tried a few times, and then those
// behind it have their turn; what the store cannot write is never passed over.
func TestAMessageThatCannotBeDealtWith(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	compose, broken := o.Desk.Compose, errors.New("no words")
	o.Desk.Compose = func(alerts.Service) (alerts.Message, error) { return alerts.Message{}, broken }
	raw := o.mail("ann@example.net", "alerts@example.org", "subscribe dialysis")
	for range 4 {
		if _, _, err := o.Take(t.Context(), o.now, []byte(raw)); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	o.want("at last", o.take(raw), inbox.EffectFailed)
	o.Desk.Compose = compose
	o.want("the one behind it", o.write("ann@example.net", "subscribe dialysis"), inbox.EffectAsked)
	raw = o.mail("ann@example.net", "alerts@example.org", "subscribe hospice")
	o.must(o.store.Close())
	for range 9 {
		if _, _, err := o.Take(t.Context(), o.now, []byte(raw)); err == nil {
			t.Fatal("taken by a store that is closed")
		}
	}
}

// Who says it is spam is never written to again.
func TestComplaints(t *testing.T) {
	t.Parallel()
	for name, about := range map[string]func(o *office, l letter, s store.Subscription) string{
		"by the return path": func(o *office, l letter, _ store.Subscription) string {
			return o.complaint(l.from, "<https://x.example/>")
		},
		"by the link": func(o *office, _ letter, s store.Subscription) string {
			return o.complaint("alerts@example.org", "<https://watch.example.org/u/"+o.links.Token(s.ID)+">")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			s := o.join("ann@example.net", "dialysis")
			o.join("ann@example.net", "hospice")
			o.join("bob@example.net", "ward")
			l := o.alert(s)
			o.want("forged", o.take(o.complaint(marks(t, 3).ReturnPath(l.id), "<https://x.example/u/"+token+">")), inbox.EffectUnknown)
			o.want("complaint", o.take(about(o, l, s)), inbox.EffectComplaint)
			o.want("after it", o.state(), "confirmed weekly ward, suppressed weekly dialysis, suppressed weekly hospice")
			o.must(o.Desk.AskLink(t.Context(), o.now, "ann@example.net", netip.Addr{}))
			if l := o.send(); len(l) != 0 {
				t.Errorf("%+v", l)
			}
		})
	}
}

// The whole way through an IMAP server: what is put into the folder is done
// once, and stays there.
func TestMailOverIMAP(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	box, user := server(t)
	var mark inbox.Mark
	read := func() (effects []string) {
		t.Helper()
		next, more, err := box.Each(t.Context(), mark, func(raw []byte) error {
			effect, met, err := o.Take(t.Context(), o.now, raw)
			effects = append(effects, fmt.Sprint(effect, " ", met))
			return err
		})
		if err != nil || more {
			t.Fatal(more, err)
		}
		mark = next
		return effects
	}
	put(t, user, o.mail("ann@example.net", "alerts@example.org", "subscribe dialysis"))
	put(t, user, o.mail("ann@example.net", "alerts@example.org", "A question"))
	if d := cmp.Diff([]string{"asked false", "left false"}, read()); d != "" {
		t.Error(d)
	}
	put(t, user, o.mail("ann@example.net", "alerts@example.org", o.send()[0].subject("confirm")))
	if d := cmp.Diff([]string{"confirmed false"}, read()); d != "" {
		t.Error(d)
	}
	put(t, user, o.bounce(o.alert(o.subs()[0]).from, "5.1.1"))
	if d := cmp.Diff([]string{"scored false"}, read()); d != "" {
		t.Error(d)
	}
	mark = inbox.Mark{} // as after a change of the UIDs
	if d := cmp.Diff([]string{"asked true", "left true", "confirmed true", "scored true"}, read()); d != "" {
		t.Error(d)
	}
	box.Since = time.Now().Add(48 * time.Hour) // the server dates what is put into it itself
	mark = inbox.Mark{}
	if got := read(); len(got) != 0 {
		t.Errorf("from before: %v", got)
	}
}
