package inbox_test

import (
	"bytes"
	"net/mail"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/alerts/mail/inbox"
	"ccgwatch/store"
)

// B5: what people and machines answer, in Welsh as well, and bounces that somebody
// or something sent on.
func TestWhatAReplyIs(t *testing.T) {
	t.Parallel()
	for name, m := range replies(t, marks(t, 1).ReturnPath(delivery), token) {
		for _, raw := range []string{m.raw, strings.ReplaceAll(m.raw, "\n", "\r\n")} {
			if got := inWords(inbox.NewReader(marks(t, 1)).Read([]byte(raw))); got != m.want {
				t.Errorf("%s\n got %s\nwant %s", name, got, m.want)
			}
		}
	}
}

type example struct{ want, raw string }

func replies(t *testing.T, mark, token string) map[string]example {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "replies.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("MARK", mark, "FORGED", marks(t, 2).ReturnPath(delivery), "DELIVERY", delivery, "TOKEN", token)
	out := map[string]example{}
	for _, f := range a.Files {
		want, raw, _ := strings.Cut(fill.Replace(string(f.Data)), "\n\n")
		out[f.Name] = example{want, raw}
	}
	return out
}

// B5: what is for people stays for people: nobody is answered, nothing is scored,
// nothing ends. STOP alone, with no right to end anything, gets its writer the way
// to do it; a token ends what it is for.
func TestPleaseStopIsForPeople(t *testing.T) {
	t.Parallel()
	for name, m := range replies(t, "MARK", "TOKEN") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			s := o.join("sian@example.cymru", "dialysis")
			l := o.alert(s)
			raw := strings.NewReplacer("MARK", l.from, "TOKEN", o.links.Token(s.ID)).Replace(m.raw)
			effect := o.take(raw)
			letters := o.send()
			kind, rest, _ := strings.Cut(strings.TrimPrefix(m.want, "kind="), " ")
			want, state, sent := inbox.EffectIgnored, "confirmed weekly dialysis", 0
			switch {
			case kind == "human":
				want = inbox.EffectLeft
			case strings.Contains(rest, "verb=stop"):
				want, sent = inbox.EffectAsked, 1
			case strings.Contains(rest, "verb=unsubscribe"):
				want, state, sent = inbox.EffectEnded, "ended weekly dialysis", 1
			case kind == "bounce" && strings.Contains(rest, "delivery="):
				want = inbox.EffectScored
			case kind == "bounce":
				want = inbox.EffectUnknown
			}
			o.want("effect", effect, want)
			o.want("afterwards", o.state(), state)
			if len(letters) != sent {
				t.Errorf("%d letters, want %d: %+v", len(letters), sent, letters)
			}
			for _, l := range letters {
				o.want("it goes to", l.to, "sian@example.cymru")
			}
			if points := o.points(s); points > 0 != (want == inbox.EffectScored) {
				t.Errorf("%v points", points)
			}
		})
	}
}

// Exchange in Welsh, or in any language but English, says of an out-of-office answer
// no more than that it is generated: ten days' alerts during a holiday ended the
// subscription.
func TestALongHolidayInWalesEndsNoSubscription(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := o.join("sian@example.cymru", "dialysis")
	for range 25 {
		l := o.alert(s)
		if l.id == "" {
			t.Fatal("nothing is sent any more")
		}
		away := "Return-Path: <>\r\n" + strings.Replace(o.mail("sian@example.cymru", l.from, "Ateb awtomatig: CCGWatch"), "Subject:", "Auto-Submitted: auto-generated\r\nSubject:", 1)
		o.want("an answer", o.take(away), inbox.EffectIgnored)
		o.now = o.now.Add(24 * time.Hour)
	}
	o.want("afterwards", o.state(), "confirmed weekly dialysis")
	if p := o.points(s); p != 0 {
		t.Errorf("%v points", p)
	}
}

// B10: about somebody who was erased, or never was, nothing is done, and nothing of
// them is made anew; who comes back begins with a clean slate.
func TestABounceAboutTheErasedBringsNobodyBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write("bob@example.net", "subscribe dialysis")
	question := o.send()[0]
	o.want("confirm", o.write("bob@example.net", question.subject("confirm")), inbox.EffectConfirmed)
	all := o.subs()
	bob := all[len(all)-1]
	for _, s := range all {
		if s.State == store.StateConfirmed {
			bob = s
		}
	}
	first, second := o.alert(bob), o.alert(bob)
	o.want("before", o.take(o.bounce(first.from, "5.1.1")), inbox.EffectScored)
	_, err := o.store.Erase(t.Context(), "bob@example.net")
	o.must(err)
	before := o.world()
	unlink := "<https://watch.example.org/u/" + o.links.Token(bob.ID) + ">"
	for what, raw := range map[string]string{
		"a bounce":                        o.bounce(second.from, "5.1.1"),
		"another of what bounced":         o.bounce(first.from, "5.1.1"),
		"a full mailbox":                  o.bounce(second.from, "4.2.2"),
		"refused because of us":           o.bounce(second.from, "5.7.1"),
		"of the question":                 o.bounce(question.from, "5.1.1"),
		"a complaint by the return path":  o.complaint(second.from, "<https://x.example/>"),
		"a complaint by the link":         o.complaint("alerts@example.org", unlink),
		"of a delivery that never was":    o.bounce(o.marks.ReturnPath(strings.Repeat("7", 32)), "5.1.1"),
		"of another secret":               o.bounce(marks(t, 5).ReturnPath(second.id), "5.1.1"),
		"a complaint of somebody unknown": o.complaint("alerts@example.org", "<https://watch.example.org/u/"+strings.Repeat("a", 43)+">"),
	} {
		o.want(what, o.take(raw), inbox.EffectUnknown)
	}
	if l := o.send(); len(l) != 0 {
		t.Errorf("somebody was written to: %+v", l)
	}
	if d := cmp.Diff(before, o.world()); d != "" {
		t.Errorf("something was made anew (-before +after)\n%s", d)
	}
	again := o.join("bob@example.net", "dialysis")
	o.want("an old bounce", o.take(o.bounce(second.from, "5.1.1")), inbox.EffectUnknown)
	if p := o.points(again); p != 0 {
		t.Errorf("who came back begins with %v points", p)
	}
	if l := o.alert(again); l.to != "bob@example.net" {
		t.Errorf("who came back gets nothing: %+v", l)
	}
}

// world is all there is of subscribers and mail.
func (o *office) world() (out []string) {
	o.t.Helper()
	for _, s := range o.subs() {
		out = append(out, s.ID+" "+string(s.State)+" "+s.Address)
	}
	o.must(o.store.Deliveries(o.t.Context(), func(d store.Delivery) bool {
		out = append(out, d.ID+" "+string(d.State)+" "+d.Subscription+" "+d.LastError)
		return true
	}))
	return out
}

// B11: nobody is written to who has no name, or is a machine, or is us; what comes
// back of what we wrote is answered by nothing.
func TestNobodyWritesToTheNullSender(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := o.join("ann@example.net", "dialysis")
	l := o.alert(s)
	o.want("our letter came back as it was", o.take(o.raw(question(o, "vi@example.net"))), inbox.EffectIgnored)
	known := o.world()
	date := "Date: " + o.now.Format(time.RFC1123Z) + "\r\n"
	for what, raw := range map[string]string{
		"null, and a command":              "Return-Path: <>\r\nFrom: <>\r\nTo: alerts@example.org\r\nSubject: subscribe dialysis\r\n",
		"null in From alone":               "From: <>\r\nTo: alerts@example.org\r\nSubject: subscribe hospice\r\n",
		"null in Reply-To, no From":        "Reply-To: <>\r\nTo: alerts@example.org\r\nSubject: help\r\n",
		"no From at all":                   "To: alerts@example.org\r\nSubject: stop\r\n",
		"null return path of a person":     "Return-Path: <>\r\nFrom: ann@example.net\r\nTo: alerts@example.org\r\nSubject: help\r\n",
		"null return path with a space":    "Return-Path: < >\r\nFrom: <>\r\nSubject: help\r\n",
		"a daemon":                         "From: MAILER-DAEMON@mx.example.net\r\nSubject: help\r\n",
		"a postmaster, in capitals":        "From: POSTMASTER@MX.EXAMPLE.NET\r\nSubject: subscribe dialysis\r\n",
		"a double bounce":                  "Return-Path: <>\r\nFrom: double-bounce@mx.example.net\r\nTo: postmaster@example.org\r\nSubject: Postmaster notify\r\n",
		"ourselves":                        "From: alerts@example.org\r\nTo: alerts@example.org\r\nSubject: help\r\n",
		"our mark":                         "From: " + l.from + "\r\nTo: alerts@example.org\r\nSubject: subscribe dialysis\r\n",
		"our mark in Reply-To":             "From: eve@example.com\r\nReply-To: " + strings.ToUpper(l.from) + "\r\nSubject: help\r\n",
		"our address with another tag":     "From: eve@example.com\r\nReply-To: alerts+loop@example.org\r\nSubject: subscribe dialysis\r\n",
		"a bounce of a bounce":             o.bounce("alerts@example.org", "5.1.1"),
		"a bounce of a bounce, to no mark": o.bounce("alerts+bounce@example.org", "5.1.1"),
		"a list":                           "From: eve@example.com\r\nList-Id: <x.example.com>\r\nSubject: help\r\n",
	} {
		if !strings.Contains(raw, "\r\n\r\n") {
			raw = date + raw + "Message-ID: <" + strings.ReplaceAll(what, " ", ".") + "@x>\r\n\r\n"
		}
		switch effect := o.take(raw); effect {
		case inbox.EffectIgnored, inbox.EffectUnusable, inbox.EffectUnknown:
		default:
			t.Errorf("%s: %s", what, effect)
		}
		for _, l := range o.send() {
			t.Errorf("%s: a letter went to %q", what, l.to)
		}
	}
	if d := cmp.Diff(known, o.world()); d != "" {
		t.Errorf("(-before +after)\n%s", d)
	}
}

// B11: two machines that answer each other are stopped by the caps: one that sends
// each of our letters back, and one that asks for help in answer to all.
func TestALoopEnds(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]func(subject string) string{
		"answers with what we wrote":      func(s string) string { return "Re: " + s },
		"answers with help":               func(string) string { return "help" },
		"answers with a command":          func(string) string { return "subscribe dialysis" },
		"answers with nonsense":           func(string) string { return "subscribe topic:what" },
		"answers with a token it has not": func(string) string { return "confirm " + strings.Repeat("A", 43) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.write("robot@example.net", "subscribe dialysis")
			total := 0
			for day := range 10 {
				sent := 0
				for range 40 {
					for _, l := range o.send() {
						sent++
						m, err := mail.ReadMessage(bytes.NewReader([]byte(o.raw(l))))
						o.must(err)
						o.write("robot@example.net", reply(m.Header.Get("Subject")))
					}
					o.now = o.now.Add(30 * time.Minute)
				}
				if total += sent; sent > 3 {
					t.Errorf("%d letters on day %d", sent, day+1)
				}
				o.now = o.now.Add(4 * time.Hour)
				o.write("robot@example.net", reply("CCGWatch"))
			}
			if total == 0 || total > 5 { // it never confirmed anything
				t.Errorf("%d letters in ten days", total)
			}
		})
	}
}

func question(o *office, address string) letter {
	o.want("subscribe", o.write(address, "subscribe dialysis"), inbox.EffectAsked)
	return o.send()[0]
}

func (o *office) raw(l letter) string {
	o.t.Helper()
	raw, err := o.store.Raw(o.t.Context(), l.id)
	o.must(err)
	return string(raw)
}
