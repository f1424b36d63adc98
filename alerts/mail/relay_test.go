package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// send submits one message in a bubble of its own, and gives the error.
func send(t *testing.T, r *Relay, to string) error {
	t.Helper()
	err := r.Send(t.Context(), store.Delivery{ID: "d", Raw: testMessage("s0")}, to, func() error { return nil })
	_ = r.Close()
	return err
}

// TestNeverInClear: without TLS that holds there is no mail and no password.
func TestNeverInClear(t *testing.T) {
	a := newAuthority(t)
	check := func(t *testing.T, h *rudeRelay, r *Relay, words string) {
		t.Helper()
		err := send(t, r, secretTo)
		if !errors.Is(err, alerts.ErrOperator) || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want an ErrOperator with %q", err, words)
		}
		for _, verb := range h.heard {
			if verb == "AUTH" || verb == "MAIL" {
				t.Errorf("it went on to %s", verb)
			}
		}
		if len(h.ledger) > 0 {
			t.Error("mail was sent")
		}
	}
	for _, implicit := range []bool{false, true} {
		for name, bad := range a.bad {
			t.Run(fmt.Sprintf("a certificate %s, implicit %v", name, implicit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := &rudeRelay{tls: bad, implicit: implicit, username: "alerts"}
					check(t, h, relayTo(h, a), "tls")
				})
			})
		}
	}
	for name, tt := range map[string]struct {
		login string
		edit  func(*Relay)
		words string
	}{
		"no STARTTLS":                   {words: "does not offer it"},
		"no STARTTLS, but a login":      {login: "alerts", words: "does not offer it"},
		"none to another machine":       {edit: func(r *Relay) { r.TLS, r.Username = TLSNone, "" }, words: "not this machine"},
		"none with a password":          {login: "alerts", edit: func(r *Relay) { r.TLS, r.Host = TLSNone, "127.0.0.1" }, words: "no password"},
		"another kind":                  {edit: func(r *Relay) { r.TLS = "ssl" }, words: "no kind of TLS"},
		"a name that breaks the line":   {edit: func(r *Relay) { r.Name = "x\r\nMAIL" }, words: "no name"},
		"a sender that breaks the line": {edit: func(r *Relay) { r.From = "a@b>\r\nRCPT" }, words: "cannot be a sender"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{username: tt.login}
				r := relayTo(h, a)
				if tt.edit != nil {
					tt.edit(r)
				}
				check(t, h, r, tt.words)
			})
		})
	}
}

// TestInjection: what is said in clear behind the answer to STARTTLS is
// somebody else's word.
func TestInjection(t *testing.T) {
	a := newAuthority(t)
	h := &rudeRelay{tls: a.good}
	r := relayTo(h, a)
	r.Dial = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			in := make([]byte, 512)
			io.WriteString(server, "220 hello\r\n")
			_, _ = server.Read(in)
			io.WriteString(server, "250-hello\r\n250 STARTTLS\r\n")
			_, _ = server.Read(in)
			io.WriteString(server, "220 go on\r\n250-hello\r\n250 AUTH PLAIN\r\n")
		}()
		return client, nil
	}
	if err := send(t, r, secretTo); !errors.Is(err, alerts.ErrOperator) || !strings.Contains(err.Error(), "in clear") {
		t.Error(err)
	}
}

func TestLogIn(t *testing.T) {
	a := newAuthority(t)
	for name, tt := range map[string]struct {
		ways     string
		password string
		fails    string // "" goes
	}{
		"PLAIN":            {ways: "AUTH PLAIN"},
		"LOGIN":            {ways: "AUTH CRAM-MD5 LOGIN"},
		"as in old days":   {ways: "AUTH=LOGIN"},
		"in small letters": {ways: "auth plain login"},
		"neither":          {ways: "AUTH CRAM-MD5 XOAUTH2", fails: "neither"},
		"not at all":       {ways: "SIZE 1000000", fails: "neither"},
		"PLAIN, wrong":     {ways: "AUTH PLAIN", password: "mellon, friend", fails: "535 5.7.8"},
		"LOGIN, wrong":     {ways: "AUTH LOGIN", password: "mellon, friend", fails: "535 5.7.8"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, username: "alerts@group.example", ways: tt.ways}
				r := relayTo(h, a)
				if tt.password != "" {
					r.Password = func() string { return tt.password }
				}
				err := send(t, r, secretTo)
				if tt.fails == "" {
					if err != nil || len(h.ledger) != 1 {
						t.Errorf("%v, %d messages", err, len(h.ledger))
					}
					return
				}
				if !errors.Is(err, alerts.ErrOperator) || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("%v, want %q", err, tt.fails)
				}
				// The relay repeats what it was told; nothing of it may show.
				for _, secret := range append(r.secrets(), "mellon", "alerts@") {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%q shows in %v", secret, err)
					}
				}
				if printed := fmt.Sprintf("%v %+v %#v", r, r, r); strings.Contains(printed, r.Password()) {
					t.Errorf("the password shows in %s", printed)
				}
				if len(h.heard) > 6 {
					t.Errorf("it goes on asking: %v", h.heard)
				}
			})
		})
	}
}

// TestAnswers: what an answer to RCPT means to its message.
func TestAnswers(t *testing.T) {
	a := newAuthority(t)
	for answer, want := range map[string]error{
		"550 5.1.1 user unknown":             alerts.ErrNoAddress,
		"550 5.1.10 null MX":                 alerts.ErrNoAddress,
		"550 5.1.2 no such domain":           alerts.ErrNoAddress,
		"553 no such mailbox":                alerts.ErrNoAddress,
		"550-5.1.1 no\r\n550 5.1.1 user":     alerts.ErrNoAddress,
		"550 user unknown, perhaps":          alerts.ErrSoft, // no enhanced code
		"550 5.7.1 blocked: our reputation":  alerts.ErrSoft,
		"553 5.7.1 sender not allowed":       alerts.ErrSoft,
		"552 5.2.2 mailbox full":             alerts.ErrSoft,
		"550 5.4.1 no route":                 alerts.ErrSoft,
		"550 4.1.1 codes that disagree":      alerts.ErrSoft,
		"551 not here":                       alerts.ErrSoft,
		"554 no":                             alerts.ErrSoft,
		"421 4.3.2 closing":                  alerts.ErrAway,
		"250 2.1.5 fine\r\n250 and one more": alerts.ErrAway, // an answer to nothing
		"354 what":                           alerts.ErrAway,
		"450 4.2.0 greylisted":               nil,
		"451 4.7.1 later":                    nil,
		"452 4.5.3 too many":                 nil,
	} {
		t.Run(answer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, refuse: map[string]string{secretTo: answer}}
				err := send(t, relayTo(h, a), secretTo)
				var e *RelayError
				if !errors.As(err, &e) {
					t.Fatalf("%v is no RelayError", err)
				}
				for _, x := range []error{alerts.ErrNoAddress, alerts.ErrRefused, alerts.ErrSoft, alerts.ErrAway, alerts.ErrOperator, alerts.ErrUncertain} {
					if is := errors.Is(err, x); is != (want != nil && errors.Is(want, x)) {
						t.Errorf("%v: is it %v? %v", err, x, is)
					}
				}
				if len(h.ledger) > 0 {
					t.Error("it was sent all the same")
				}
			})
		})
	}
}

// TestOneConnection: a round goes over one connection, refusals and all; a
// relay that hangs up after each message costs a new one and no message.
func TestOneConnection(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct{ perConn, dials int }{{0, 1}, {1, 18}, {5, 4}} {
		t.Run(fmt.Sprintf("%d a connection", tt.perConn), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, perConn: tt.perConn, refuse: map[string]string{"s3@example.net": "550 5.1.1 no", "s4@example.net": "450 later"}}
				b := newBench(t, dir, h, a, 20)
				b.deliver()
				want := map[string]int{}
				for i := range 20 {
					want[fmt.Sprint("s", i)] = 1
				}
				want["s3"], want["s4"] = 0, 0
				b.checkLedger(want)
				if h.dials != tt.dials {
					t.Errorf("%d connections, want %d", h.dials, tt.dials)
				}
				if r := b.rows(); r["d3"].Failure != store.FailedHard || r["d4"].State != store.Queued || strings.Contains(b.log.String(), "cannot be sent") {
					t.Errorf("%+v\n%+v\n%s", r["d3"], r["d4"], b.log)
				}
			})
		})
	}
}

// TestForEver: a relay that never gets better. Nothing is asked too often,
// nothing comes three times, and in five days and an hour all is settled.
func TestForEver(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct {
		stage  Stage
		does   string
		takes  bool
		state  store.DeliveryState
		why    string
		dials  int // at most
		copies int // of each, at most
	}{
		{StageBanner, "421", false, store.Failed, store.FailedExpired, 125, 0},
		{StageConnect, "gone", false, store.Failed, store.FailedExpired, 125, 0},
		{StageAuth, "550", false, store.Failed, store.FailedExpired, 245, 0},
		{StageRcpt, "451", false, store.Failed, store.FailedExpired, 110, 0},
		{StageRcpt, "552", false, store.Failed, store.FailedSoft, 6, 0},
		{StageDot, "554", false, store.Failed, store.FailedRefused, 1, 0},
		{StageDot, "gone", true, store.Uncertain, "", 6, 2},
		{StageDot, "hang", true, store.Uncertain, "", 6, 2},
		{StageDot, "garbage", false, store.Uncertain, "", 6, 0},
	} {
		t.Run(fmt.Sprintf("%s at %s", tt.does, tt.stage), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, username: "alerts", at: tt.stage, does: tt.does, times: 1 << 30, takes: tt.takes}
				b := newBench(t, dir, h, a, 3)
				open := true
				for open && time.Since(b.begun) < 10*24*time.Hour {
					time.Sleep(time.Minute)
					b.deliver()
					open = false
					for _, d := range b.rows() {
						open = open || d.State != store.Failed && d.State != store.Uncertain
					}
				}
				if took := time.Since(b.begun); took > 5*24*time.Hour+70*time.Minute {
					t.Errorf("settled after %s", took)
				}
				for _, d := range b.rows() {
					if d.State != tt.state || d.Failure != tt.why {
						t.Errorf("%s is %s %s: %s", d.ID, d.State, d.Failure, d.LastError)
					}
				}
				if h.dials > tt.dials {
					t.Errorf("asked %d times, want at most %d", h.dials, tt.dials)
				}
				b.checkLedger(map[string]int{"s0": tt.copies, "s1": tt.copies, "s2": tt.copies})
			})
		})
	}
}

// TestStoppedBeforeTheDot: the message without its end is no message.
func TestStoppedBeforeTheDot(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		h := &rudeRelay{tls: a.good}
		r := relayTo(h, a)
		d := store.Delivery{ID: "d", Raw: testMessage("s0")}
		if err := r.Send(t.Context(), d, secretTo, func() error { return errStopped }); !errors.Is(err, errStopped) {
			t.Error(err)
		}
		synctest.Wait()
		if len(h.ledger) != 0 {
			t.Error("it was taken")
		}
		if err := r.Send(t.Context(), d, secretTo, func() error { return nil }); err != nil || len(h.ledger) != 1 || h.dials != 2 {
			t.Errorf("%v, %d messages over %d connections", err, len(h.ledger), h.dials)
		}
		_ = r.Close()
	})
}

// TestTheMomentOfTheDot: when beforeDot is called the relay has all but the
// end; until it returns the relay does not get that.
func TestTheMomentOfTheDot(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		h := &rudeRelay{tls: a.good}
		r := relayTo(h, a)
		calls := 0
		err := r.Send(t.Context(), store.Delivery{ID: "d", Raw: testMessage("s0")}, secretTo, func() error {
			calls++
			time.Sleep(time.Minute)
			synctest.Wait()
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.ledger) > 0 || h.heard[len(h.heard)-1] != "DATA" {
				t.Errorf("the relay is at %v and has %d messages", h.heard, len(h.ledger))
			}
			return nil
		})
		if err != nil || calls != 1 || len(h.ledger) != 1 {
			t.Error(err, calls, len(h.ledger))
		}
		_ = r.Close()
	})
}

// TestToldToStop: before the dot we go at once; after it the answer is waited
// for, for half a minute.
func TestToldToStop(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct {
		stage Stage
		want  error
		waits time.Duration
	}{{StageRcpt, context.Canceled, 0}, {StageData, context.Canceled, 0}, {StageDot, alerts.ErrUncertain, 30 * time.Second}} {
		t.Run(string(tt.stage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, at: tt.stage, does: "hang", times: 1}
				r := relayTo(h, a)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, cancel)
				begun := time.Now()
				err := r.Send(ctx, store.Delivery{ID: "d", Raw: testMessage("s0")}, secretTo, func() error { return nil })
				if got := time.Since(begun) - time.Minute; !errors.Is(err, tt.want) || got != tt.waits {
					t.Errorf("%v after %s", err, got)
				}
				if !errors.Is(err, alerts.ErrUncertain) && tt.stage == StageDot || errors.Is(err, alerts.ErrUncertain) && tt.stage != StageDot {
					t.Errorf("in doubt? %v", err)
				}
			})
		})
	}
}

// TestDrip: a wait is for the whole answer, not for each byte of it.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Relay{Host: "localhost", TLS: TLSNone, From: "alerts@group.example", Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				for {
					if _, err := io.WriteString(server, "220-"); err != nil {
						return
					}
					time.Sleep(100 * time.Second)
				}
			}()
			return client, nil
		}}
		begun := time.Now()
		if err := send(t, r, secretTo); !errors.Is(err, alerts.ErrAway) || time.Since(begun) != 300*time.Second {
			t.Error(err, time.Since(begun))
		}
		time.Sleep(time.Hour)
	})
}

// TestNotSendable: what cannot stand on the wire is refused without asking.
func TestNotSendable(t *testing.T) {
	r := &Relay{Host: "localhost", TLS: TLSNone, From: "alerts@group.example", Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("the relay was asked")
		return nil, errors.New("no")
	}}
	for _, tt := range []struct{ raw, to string }{
		{"", "a@b.example"}, {"x", "a@b.example"}, {"x\r", "a@b.example"}, {"x\ny\r\n", "a@b.example"}, {"x\ry\r\n", "a@b.example"},
		{"x\r\n.\ny\r\n", "a@b.example"}, {"x\r\n\n.\r\nMAIL FROM:<>\r\n", "a@b.example"}, {"\x00\r\n", "a@b.example"}, {"é\r\n", "a@b.example"},
		{strings.Repeat("x", 999) + "\r\n", "a@b.example"},
		{"x\r\n", ""}, {"x\r\n", "a"}, {"x\r\n", "a@"}, {"x\r\n", "@b"}, {"x\r\n", "a@b>\r\nDATA"}, {"x\r\n", "a b@c"}, {"x\r\n", "é@b.example"},
		{"x\r\n", "a@b> SIZE=1"}, {"x\r\n", strings.Repeat("x", 65) + "@b.example"}, {"x\r\n", "<a@b>"}, {"x\r\n", `"a"@b`},
	} {
		err := r.Send(t.Context(), store.Delivery{ID: "d", Raw: []byte(tt.raw)}, tt.to, func() error { t.Error("so far?"); return nil })
		if !errors.Is(err, alerts.ErrRefused) || tt.to != "" && len(tt.to) > 2 && strings.Contains(err.Error(), tt.to) {
			t.Errorf("%q to %q: %v", tt.raw, tt.to, err)
		}
	}
}

// TestTooLarge: a limit that the relay states is kept, and nothing is lost by it.
func TestTooLarge(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		h := &rudeRelay{tls: a.good, offers: []string{"SIZE 1000"}}
		if err := send(t, relayTo(h, a), secretTo); !errors.Is(err, alerts.ErrRefused) {
			t.Error(err)
		}
	})
}

// TestReset does it over TCP: a reset connection at each stage.
func TestReset(t *testing.T) {
	a := newAuthority(t)
	for _, stage := range []Stage{StageConnect, StageBanner, StageEHLO, StageSTARTTLS, "ehlo again", StageAuth, StageMail, StageRcpt, StageData, StageBody, StageDot} {
		t.Run(string(stage), func(t *testing.T) {
			h := &rudeRelay{tls: a.good, username: "alerts", at: stage, does: "gone", times: 1}
			r := relayTo(h, a)
			listen(t, h, r)
			r.Host = "127.0.0.1"
			want := alerts.ErrAway
			if stage == StageDot {
				want = alerts.ErrUncertain
			}
			err := send(t, r, secretTo)
			// A short body may have left us whole before the reset arrives: then
			// nobody can know, and it must be called uncertain.
			if !errors.Is(err, want) && (stage != StageBody || !errors.Is(err, alerts.ErrUncertain)) {
				t.Errorf("%v, want %v", err, want)
			}
			if err := send(t, r, secretTo); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.ledger) != 1 {
				t.Errorf("%d messages", len(h.ledger))
			}
		})
	}
}

// listen has h answer on loopback, over TCP; connections end with a reset.
func listen(tb testing.TB, h *rudeRelay, r *Relay) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			go func() { defer c.Close(); h.serve(c) }()
		}
	}()
	r.Dial, r.Port = nil, l.Addr().(*net.TCPAddr).Port
}

// TestNobodyListens: the address itself does not answer.
func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	r := &Relay{Host: "127.0.0.1", Port: port, From: "alerts@group.example"}
	var e *RelayError
	if err := send(t, r, secretTo); !errors.Is(err, alerts.ErrAway) || errors.Is(err, alerts.ErrOperator) || !errors.As(err, &e) || e.Stage != StageConnect {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &Relay{Host: "relay.test", From: "alerts@group.example", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }}
		begun := time.Now()
		if err := send(t, r, secretTo); !errors.Is(err, errWait) || !errors.Is(err, alerts.ErrAway) || time.Since(begun) != 30*time.Second {
			t.Error(err, time.Since(begun))
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "250\r\n", "250-\r\n250-5.1.1 x\r\n250\r\n", "999 x\r\n", "25\r\n", "250 x\n", "250-x\r\n550 y\r\n", "250_x\r\n", "\x00", "550 5.1.1\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		go func() { _, _ = server.Write(b); _ = server.Close() }()
		w := newWire(client)
		r, err := w.read()
		_ = client.Close()
		if err != nil {
			return
		}
		if r.code < 200 || r.code > 559 || strings.Count(r.text, "\n") >= maxReplyLines || strings.Contains(r.text, "\r\n") {
			t.Errorf("%d %q out of %q", r.code, r.text, b)
		}
		e := refusal(StageRcpt, r, masker("ann@example.net", "hunter2"))
		for _, c := range e.Error() {
			if c < ' ' || c > '~' {
				t.Errorf("%q is in %q", c, e.Error())
			}
		}
		if strings.Contains(e.Text, "ann@example.net") || strings.Contains(e.Text, "hunter2") || len(e.Text) > 210 {
			t.Errorf("%q", e.Text)
		}
	})
}

func FuzzStuffed(f *testing.F) {
	f.Add([]byte(".\r\n..\r\nx\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if checkMessage(raw) != nil {
			return
		}
		s := "\r\n" + string(stuffed(raw))
		if strings.Contains(s, "\r\n.\r\n") || strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\n") {
			t.Errorf("%q ends before its end", raw)
		}
		if back := strings.ReplaceAll(s, "\r\n..", "\r\n."); back[2:] != string(raw) {
			t.Errorf("%q comes as %q", raw, back)
		}
	})
}

func BenchmarkRelay(b *testing.B) {
	a := newAuthority(b)
	for name, mode := range map[string]string{"starttls": TLSStart, "none": TLSNone} {
		b.Run(name, func(b *testing.B) {
			h := &rudeRelay{}
			if mode == TLSStart {
				h.tls = a.good
			}
			r := relayTo(h, a)
			r.TLS, r.Host = mode, "127.0.0.1"
			listen(b, h, r)
			d := store.Delivery{ID: "d", Raw: []byte("To: x\r\n\r\n" + strings.Repeat("A line of a message as it goes.\r\n", 180))}
			b.SetBytes(int64(len(d.Raw)))
			for b.Loop() {
				if err := r.Send(b.Context(), d, secretTo, func() error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			_ = r.Close()
		})
	}
}
