package alerts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	alertsmail "ccgwatch/alerts/mail"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// A letterbox is a Sender that keeps what it is given: the ledger.
type letterbox struct{ got []letter }

// A letter is a mail as it arrived. What it is is told by what it says, and not
// by what the outbox calls it.
type letter struct {
	to      string
	at      time.Time // by its Date
	confirm string    // token of its link, "" for none
	manage  string
	text    string
}

func (b *letterbox) Send(_ context.Context, d store.Delivery, to string, _ func() error) error {
	b.got = append(b.got, open(d.Raw, to))
	return nil
}

func open(raw []byte, to string) letter {
	l := letter{to: to, text: string(raw)}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return l
	}
	if l.at, err = m.Header.Date(); err != nil || m.Header.Get("To") != to {
		return letter{to: to, text: "a mail with a wrong head"}
	}
	if b, err := io.ReadAll(quotedprintable.NewReader(m.Body)); err == nil {
		l.text = string(b)
	}
	link := func(path string) string {
		if x := regexp.MustCompile(`https://watch\.example\.org/` + path + `/(\S+)`).FindStringSubmatch(l.text); x != nil {
			return x[1]
		}
		return ""
	}
	l.confirm, l.manage = link("c"), link("m")
	return l
}

// An office is a desk over a real store, with its postman.
type office struct {
	*alerts.Desk
	t     *testing.T
	dir   string
	store *bolt.Store
	post  *alerts.Postman
	box   *letterbox
	now   time.Time
}

func newOffice(t *testing.T) *office { t.Helper(); return newOfficeIn(t, t.TempDir()) }

func newOfficeIn(t *testing.T, dir string) *office {
	t.Helper()
	o := &office{t: t, dir: dir, box: &letterbox{}, now: time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)}
	o.open()
	t.Cleanup(func() { _ = o.store.Close() })
	return o
}

func (o *office) open() {
	o.t.Helper()
	st, err := bolt.Open(o.dir)
	o.must(err)
	links, err := alerts.NewLinks("https://watch.example.org", "alerts@example.org", bytes.Repeat([]byte("k"), 32))
	o.must(err)
	composer, err := alertsmail.NewComposer("Our NHS", links, time.UTC)
	o.must(err)
	log := slog.New(slog.DiscardHandler)
	o.store = st
	o.Desk = &alerts.Desk{Subscribers: st, Signups: st, Outbox: st, Links: links, Caps: alerts.DefaultCaps(), Compose: composer.ComposeService, Log: log}
	o.post = &alerts.Postman{Outbox: st, Subscribers: st, Sender: o.box, Log: log}
}

func (o *office) restart() { o.t.Helper(); o.must(o.store.Close()); o.open() }

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// send delivers what is due and returns what came.
func (o *office) send() []letter {
	o.t.Helper()
	n := len(o.box.got)
	_, _, err := o.post.Deliver(o.t.Context(), o.now)
	o.must(err)
	return o.box.got[n:]
}

func (o *office) signUp(address, query string) error {
	o.t.Helper()
	return o.SignUp(o.t.Context(), o.now, alerts.Application{Address: address, Query: query, Often: store.Weekly, Form: alerts.FormVersion, Ticked: "yes"})
}

// join signs somebody up and confirms.
func (o *office) join(address, query string) store.Subscription {
	o.t.Helper()
	o.must(o.signUp(address, query))
	got := o.send()
	if len(got) != 1 || got[0].confirm == "" {
		o.t.Fatalf("after signing up %d mails came", len(got))
	}
	s, err := o.Confirm(o.t.Context(), o.now, got[0].confirm)
	o.must(err)
	return s
}

// link asks for somebody's link.
func (o *office) link(address string) string {
	o.t.Helper()
	o.must(o.AskLink(o.t.Context(), o.now, address, netip.Addr{}))
	got := o.send()
	if len(got) != 1 || got[0].manage == "" {
		o.t.Fatalf("after asking for the link %d mails came", len(got))
	}
	return got[0].manage
}

func TestFromSignUpToErasure(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	o.must(o.SignUp(ctx, o.now, alerts.Application{
		Address: " Ann@Example.net ", Query: "dialysis", Often: store.Both, Form: "1", Ticked: "agreed: yes", Client: netip.MustParseAddr("192.0.2.7"),
	}))
	got := o.send()
	if len(got) != 1 || got[0].to != "Ann@Example.net" || got[0].confirm == "" || strings.Contains(got[0].text, "dialysis") {
		t.Fatalf("the confirmation: %+v", got)
	}
	token := got[0].confirm
	p, err := o.Pending(ctx, o.now, token+">.") // as a mail program made it
	o.must(err)
	if p.Query != "dialysis" || p.State != store.StatePending {
		t.Errorf("pending: %+v", p)
	}
	o.now = o.now.Add(time.Hour)
	s, err := o.Confirm(ctx, o.now, token)
	o.must(err)
	if s.State != store.StateConfirmed || !s.ConsentAt.Equal(o.now) || s.Proof == nil || !s.Proof.Confirmed.Equal(o.now) || s.Proof.Client == "" || s.Proof.Token == "" {
		t.Errorf("confirmed: %+v, %+v", s, s.Proof)
	}
	manage := o.link("ann@example.NET")
	m, err := o.Manage(ctx, o.now, manage)
	o.must(err)
	if m.Address != "Ann@Example.net" || len(m.Live()) != 1 {
		t.Errorf("managed: %+v", m)
	}
	o.must(o.Change(ctx, o.now, manage, s.ID, "hospice", store.Instant))
	var bad *alerts.QueryError
	if err := o.Change(ctx, o.now, manage, s.ID, `"open`, store.Instant); !errors.As(err, &bad) {
		t.Errorf("an unreadable query: %v", err)
	}
	if err := o.Change(ctx, o.now, manage, "someone else's", "x", store.Weekly); !errors.Is(err, alerts.ErrLink) {
		t.Errorf("a change of what the link does not open: %v", err)
	}
	b, err := o.Export(ctx, o.now, manage)
	o.must(err)
	var x alerts.Extract
	o.must(json.Unmarshal(b, &x))
	if x.Address != m.Address || len(x.Subscriptions) != 1 || x.Subscriptions[0].Query != "hospice" || len(x.Deliveries) != 2 || len(x.Links) != 1 ||
		len(x.ServiceMails) != 2 || x.Agreed["1"] != alerts.ConsentText("1") {
		t.Errorf("exported: %s", b)
	}
	o.must(o.Erase(ctx, o.now, manage))
	if _, err := o.Manage(ctx, o.now, manage); !errors.Is(err, alerts.ErrLink) {
		t.Errorf("the link after erasing: %v", err)
	}
	if subs, err := o.store.Subscriptions(ctx, "", 0); err != nil || len(subs) > 0 {
		t.Errorf("left: %v, %v", subs, err)
	}
}

// Who has it already gets a link; who ended may come back; who has confirmed
// nothing gets nothing but the question.
func TestSignUpByState(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	o.join("confirmed@example.net", "dialysis")
	ended := o.join("ended@example.net", "dialysis")
	o.must(o.store.End(ctx, ended.ID, o.now))
	o.must(o.store.Subscribe(ctx, store.Subscription{ID: "0f", Address: "suppressed@example.net", Query: "x", Often: store.Weekly, State: store.StateSuppressed, Created: o.now}))
	o.must(o.signUp("pending@example.net", "dialysis"))
	o.send()
	for _, tt := range []struct {
		address, query string
		want           string
	}{
		{"unknown@example.net", "dialysis", "confirm"},
		{"pending@example.net", "dialysis", "confirm"},
		{"Pending@Example.net", "  Dialysis ", "confirm"},
		{"confirmed@example.net", "DIALYSIS", "confirm"}, // in capitals it is another query
		{"confirmed@example.net", "Dialysis", "manage"},
		{"ended@example.net", "dialysis", "confirm"},
		{"suppressed@example.net", "dialysis", ""},
		{"alerts@example.org", "dialysis", ""},
		{"Alerts+x@example.org", "dialysis", ""},
		{"postmaster@example.net", "dialysis", ""},
	} {
		o.must(o.signUp(tt.address, tt.query))
		kind := ""
		for _, l := range o.send() {
			if kind = "manage"; l.confirm != "" {
				kind = "confirm"
			}
		}
		if kind != tt.want {
			t.Errorf("%s for %q was sent %q, want %q", tt.address, tt.query, kind, tt.want)
		}
	}
	of, err := o.store.Of(ctx, "pending@example.net")
	o.must(err)
	if len(of) != 1 {
		t.Errorf("signing up three times made %d subscriptions", len(of))
	}
	o.now = o.now.Add(24 * time.Hour) // three mails a day are the most
	for address, want := range map[string]string{
		"unknown2@example.net": "", "ended@example.net": "confirm", "confirmed@example.net": "manage", "suppressed@example.net": "", "pending2@example.net": "confirm",
	} {
		if address == "pending2@example.net" {
			o.must(o.signUp(address, "x"))
			o.send()
		}
		o.must(o.AskLink(ctx, o.now, address, netip.Addr{}))
		kind := ""
		for _, l := range o.send() {
			if kind = "manage"; l.confirm != "" {
				kind = "confirm"
			}
		}
		if kind != want {
			t.Errorf("%s asked for the link and was sent %q, want %q", address, kind, want)
		}
	}
}

func TestLinksThatDoNotWork(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	o.must(o.signUp("ann@example.net", "x"))
	token := o.send()[0].confirm
	o.join("bob@example.net", "x")
	manage := o.link("bob@example.net")
	flipped := []byte(token)
	flipped[7] ^= 1
	week := o.now.Add(7 * 24 * time.Hour)
	for what, try := range map[string]func() error{
		"a flipped bit":               func() error { _, err := o.Confirm(ctx, o.now, string(flipped)); return err },
		"upper case":                  func() error { _, err := o.Confirm(ctx, o.now, strings.ToUpper(token)); return err },
		"cut short":                   func() error { _, err := o.Confirm(ctx, o.now, token[:42]); return err },
		"nothing":                     func() error { _, err := o.Confirm(ctx, o.now, ""); return err },
		"the other kind":              func() error { _, err := o.Confirm(ctx, o.now, manage); return err },
		"too late":                    func() error { _, err := o.Confirm(ctx, week, token); return err },
		"a confirmation to manage":    func() error { _, err := o.Manage(ctx, o.now, token); return err },
		"a manage link too late":      func() error { _, err := o.Manage(ctx, week, manage); return err },
		"an unsubscribe token":        func() error { _, err := o.Manage(ctx, o.now, o.Links.Token("0123")); return err },
		"ending with a confirmation":  func() error { return o.EndAll(ctx, o.now, token) },
		"erasing with a confirmation": func() error { return o.Erase(ctx, o.now, token) },
	} {
		if err := try(); !errors.Is(err, alerts.ErrLink) || err.Error() != alerts.ErrLink.Error() {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := o.Confirm(ctx, week.Add(-time.Nanosecond), token)
	o.must(err)
	if _, err := o.Confirm(ctx, o.now, token); !errors.Is(err, alerts.ErrLink) {
		t.Errorf("a confirmation used twice: %v", err)
	}
	// No token is in the store.
	o.must(o.store.Close())
	b, err := os.ReadFile(filepath.Join(o.dir, bolt.File))
	o.must(err)
	for _, secret := range []string{token, manage} { // the mails themselves hold them
		if all, mails := bytes.Count(b, []byte(secret)), bytes.Count(b, []byte("/"+secret)); all != mails {
			t.Errorf("a token lies in the store %d times outside the mail it was sent in", all-mails)
		}
	}
	o.open()
}

func TestTidy(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	o.must(o.signUp("pending@example.net", "x"))
	o.send()
	ended := o.join("ended@example.net", "x")
	o.join("stays@example.net", "x")
	o.must(o.store.End(ctx, ended.ID, o.now))
	left := func(after time.Duration) string {
		t.Helper()
		_, err := o.Tidy(ctx, o.now.Add(after), nil)
		o.must(err)
		subs, err := o.store.Subscriptions(ctx, "", 0)
		o.must(err)
		var names []string
		for _, s := range subs {
			name, _, _ := strings.Cut(s.Address, "@")
			names = append(names, name)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{7*day - 1, "ended pending stays"}, {7 * day, "ended stays"}, {28*day - 1, "ended stays"}, {28 * day, "stays"}, {900 * day, "stays"}} {
		if got := left(tt.after); got != tt.want {
			t.Errorf("after %v: %q, want %q", tt.after, got, tt.want)
		}
	}
	subs, err := o.store.Subscriptions(ctx, "", 0)
	o.must(err)
	if subs[0].Proof.Client != "" {
		t.Error("where a request came from is kept for years")
	}
}

// Asked for twice at once, and confirmed meanwhile: what was decided on has
// changed when it is stored, and is decided on again.
func TestSignUpRaces(t *testing.T) {
	o := newOffice(t)
	errs := make(chan error, 8)
	for range 8 {
		go func() { errs <- o.signUp("ann@example.net", "dialysis") }()
	}
	for range 8 {
		o.must(<-errs)
	}
	subs, err := o.store.Subscriptions(t.Context(), "", 0)
	o.must(err)
	if got := o.send(); len(subs) != 1 || len(got) != 3 {
		t.Errorf("%d subscriptions and %d mails, want 1 and 3", len(subs), len(got))
	}
}

func TestBusy(t *testing.T) {
	o := newOffice(t)
	o.Caps.AllHour = 2
	o.must(o.signUp("a@example.net", "x"))
	o.now = o.now.Add(50 * time.Minute)
	o.must(o.signUp("b@example.org", "x"))
	var busy *alerts.BusyError
	if err := o.signUp("c@example.com", "x"); !errors.As(err, &busy) || busy.Wait != 10*time.Minute {
		t.Errorf("the third: %v, %+v", err, busy)
	}
	o.restart()
	o.Caps.AllHour = 2
	if err := o.signUp("c@example.com", "x"); !errors.Is(err, alerts.ErrBusy) {
		t.Errorf("after a restart: %v", err)
	}
	o.now = o.now.Add(10 * time.Minute)
	o.must(o.signUp("c@example.com", "x"))
	if d := cmp.Diff(3, len(o.send())); d != "" {
		t.Errorf("mails: %s", d)
	}
}

// A digest newly asked for tells of what comes, and not of the year in which
// alerts told it already.
func TestAFirstDigestAfterAYearOfAlerts(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	o.must(o.SignUp(ctx, o.now, alerts.Application{Address: "ann@example.net", Often: store.Instant, Form: "1"}))
	s, err := o.Confirm(ctx, o.now, o.send()[0].confirm)
	o.must(err)
	o.must(o.store.Advance(ctx, alerts.Follower, store.Position{}, store.Position{Seq: 500}, nil, nil))
	o.must(o.Change(ctx, o.now, o.link("ann@example.net"), s.ID, "", store.Weekly))
	s, err = o.store.Subscription(ctx, s.ID)
	o.must(err)
	if s.Since != 500 {
		t.Errorf("its first digest begins after change %d, want 500", s.Since)
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"ann@example.net": "ann@example.net", " Ann.O'Neil+x@Sub.Example.net\t": "Ann.O'Neil+x@Sub.Example.net", "ann@bücher.example": "ann@xn--bcher-kva.example",
	} {
		if got, err := alerts.Address(in); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "ann", "@example.net", "ann@", "ann@localhost", "ann@@example.net", "a@b@example.net", "<ann@example.net>", "Ann <ann@example.net>", "ann@example.net,bob@example.net",
		"ann@[192.0.2.1]", `"ann b"@example.net`, "ann(x)@example.net", "ann@example.net.", "anñ@example.net", "ann@example.net\r\nBcc: x@y.example", "ann\x00@example.net",
		"ann@exa mple.net", "ann＠example.net", strings.Repeat("a", 65) + "@example.net", "a@" + strings.Repeat("b.", 130) + "net", "ann@-example.net", "ann@exa_mple.net", "ann%0a@exam\nple.net",
	} {
		if got, err := alerts.Address(in); err == nil || !errors.Is(err, alerts.ErrAddress) {
			t.Errorf("%q was taken for %q (%v)", in, got, err)
		}
	}
}
