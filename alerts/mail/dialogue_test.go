package mail

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// S1: a relay that is busy may take its time before it says hello, five minutes by
// RFC 5321, 4.5.3.2.1. Longer puts off everything, blames no message, and what the
// relay says in the end, nobody hears. (No banner, and one of 421 and 554, are cells
// of TestMatrix.)
func TestALateBanner(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct {
		after time.Duration
		goes  bool
	}{{4 * time.Minute, true}, {5*time.Minute - time.Second, true}, {5*time.Minute + time.Second, false}, {time.Hour, false}} {
		t.Run(tt.after.String(), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, username: "alerts"}
				b := newBench(t, dir, h, a, 3)
				late := tt.after
				b.relay.Dial = func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					after := late
					go func() { defer server.Close(); time.Sleep(after); h.serve(server) }()
					return client, nil
				}
				b.deliver()
				took := time.Since(b.begun)
				if want := min(tt.after, 5*time.Minute); took != want {
					t.Errorf("it took %s, want %s", took, want)
				}
				for id, d := range b.rows() {
					switch {
					case tt.goes && d.State != store.Sent:
						t.Errorf("%s is %s: %s", id, d.State, d.LastError)
					case !tt.goes && (d.State != store.Queued || d.Doubts > 0 || d.Failure != ""):
						t.Errorf("the relay is slow, and %s is %s %s with %d doubts", id, d.State, d.Failure, d.Doubts)
					}
				}
				if strings.Contains(b.log.String(), "level=ERROR") {
					t.Errorf("the operator is told:\n%s", b.log)
				}
				time.Sleep(2 * time.Hour) // the late word comes, to nobody
				if heard := h.commands(); len(heard) > 0 && !tt.goes {
					t.Errorf("somebody went on: %v", heard)
				}
				late = 0
				b.deliver()
				b.checkLedger(map[string]int{"s0": 1, "s1": 1, "s2": 1})
				synctest.Wait()
			})
		})
	}
}

// commands are what a relay has heard so far.
func (h *rudeRelay) commands() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.heard)
}

// A tap is a connection of which what we write is seen.
type tap struct {
	net.Conn
	sees func(b []byte)
	deaf bool // the other side reads no QUIT

	over chan struct{}
	once sync.Once
}

func (p *tap) Write(b []byte) (int, error) {
	p.sees(b)
	if p.deaf && strings.HasPrefix(string(b), "QUIT") {
		<-p.over
		return 0, net.ErrClosed
	}
	return p.Conn.Write(b)
}

func (p *tap) Close() error {
	p.once.Do(func() { close(p.over) })
	return p.Conn.Close()
}

// S15: what comes of QUIT is all the same: the messages are settled in the store
// before it is said, it holds nobody up for longer than five seconds, and nobody is
// told of it.
func TestQuitIsAllTheSame(t *testing.T) {
	a := newAuthority(t)
	for _, does := range []string{"221", "421", "500", "554", "garbage", "huge", "endless", "hang", "gone", "deaf"} {
		t.Run(does, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{at: stageQuit, does: does, times: 1 << 30}
				b := newBench(t, dir, h, a, 4)
				b.relay.TLS, b.relay.Host = TLSNone, "127.0.0.1"
				b.relay.Username = ""
				quits := 0
				b.relay.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := h.dial(ctx, network, address)
					return &tap{Conn: c, deaf: does == "deaf", over: make(chan struct{}), sees: func(line []byte) {
						if !strings.HasPrefix(string(line), "QUIT") {
							return
						}
						quits++
						for id, d := range b.rows() {
							if d.State != store.Sent {
								t.Errorf("goodbye is said while %s is %s", id, d.State)
							}
						}
					}}, err
				}
				b.deliver()
				if took := time.Since(b.begun); took > 5*time.Second || (took < 5*time.Second) == (does == "hang" || does == "deaf") {
					t.Errorf("it took %s", took)
				}
				if quits == 0 {
					t.Error("no goodbye was said: this proves nothing")
				}
				for range 3 {
					time.Sleep(25 * time.Hour)
					b.deliver()
				}
				for id, d := range b.rows() {
					if d.State != store.Sent || d.Doubts != 0 || d.LastError != "" {
						t.Errorf("%s is %s with %d doubts: %s", id, d.State, d.Doubts, d.LastError)
					}
				}
				if log := b.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
					t.Errorf("somebody is told of it:\n%s", log)
				}
				b.checkLedger(map[string]int{"s0": 1, "s1": 1, "s2": 1, "s3": 1})
			})
		})
	}
}

// S16: our mail needs nothing of a relay that RFC 5321 does not ask of every one;
// what is offered is taken up where it helps, and what was offered in clear does not
// count once there is TLS (RFC 3207, 4.2): whoever stands in between may have said it.
func TestWhatARelayOffers(t *testing.T) {
	a := newAuthority(t)
	all := []string{"SIZE 1000000", "8BITMIME", "PIPELINING", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN", "ENHANCEDSTATUSCODES", "REQUIRETLS", "X-OWN  thing=1"}
	nothing := []string{}
	const tooLarge = "the relay takes 1000"
	for name, tt := range map[string]struct {
		inClear, offers []string // nil in clear: the same
		login           bool
		none            bool // no TLS at all
		fails           string
		want            error
	}{
		"nothing":                                       {},
		"nothing, without TLS":                          {none: true},
		"all there is":                                  {offers: all},
		"all there is, without TLS":                     {offers: all, none: true},
		"all in clear, nothing in TLS":                  {inClear: all, offers: nothing},
		"nothing in clear, all in TLS":                  {inClear: nothing, offers: all},
		"CHUNKING alone":                                {offers: []string{"CHUNKING"}},
		"in small letters":                              {offers: []string{"pipelining", "size 1000000"}},
		"many lines":                                    {offers: strings.Fields(strings.Repeat("X-MORE ", 90))},
		"a size that is too small":                      {offers: []string{"SIZE 1000"}, fails: tooLarge, want: alerts.ErrRefused},
		"a size that is too small, in small letters":    {offers: []string{"size 1000"}, fails: tooLarge, want: alerts.ErrRefused},
		"a size that is too small in TLS":               {inClear: nothing, offers: []string{"SIZE 1000"}, fails: tooLarge, want: alerts.ErrRefused},
		"a size that is too small in clear":             {inClear: []string{"SIZE 1000"}, offers: nothing},
		"a size that grows in TLS":                      {inClear: []string{"SIZE 1000"}, offers: []string{"SIZE 1000000"}},
		"a size of 0, which is none":                    {offers: []string{"SIZE 0"}},
		"a size without a number":                       {offers: []string{"SIZE"}},
		"a size that is no number":                      {offers: []string{"SIZE unlimited"}},
		"a size below nothing":                          {offers: []string{"SIZE -1"}},
		"a size that no machine counts":                 {offers: []string{"SIZE 99999999999999999999999"}},
		"PIPELINING in clear alone":                     {inClear: []string{"PIPELINING"}, offers: nothing},
		"PIPELINING in TLS alone":                       {inClear: nothing, offers: []string{"PIPELINING"}},
		"a login in TLS alone":                          {inClear: nothing, offers: []string{"AUTH PLAIN"}, login: true},
		"a login in clear alone":                        {inClear: []string{"AUTH PLAIN LOGIN"}, offers: nothing, login: true, fails: "neither", want: alerts.ErrOperator},
		"a login in clear, another kind of it in TLS":   {inClear: []string{"AUTH PLAIN"}, offers: []string{"AUTH GSSAPI"}, login: true, fails: "neither", want: alerts.ErrOperator},
		"a login in clear, and a better one behind TLS": {inClear: []string{"AUTH GSSAPI"}, offers: []string{"AUTH LOGIN PLAIN"}, login: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &rudeRelay{tls: a.good, bare: true, inClear: tt.inClear, offers: tt.offers}
				if tt.login {
					h.username = "alerts"
				}
				r := relayTo(h, a)
				if tt.none {
					h.tls, r.TLS, r.Host = nil, TLSNone, "127.0.0.1"
				}
				for _, id := range []string{"s0", "s1"} { // the second on a connection that was used
					err := r.Send(t.Context(), store.Delivery{ID: id, Raw: testMessage(id)}, id+"@example.net", func() error { return nil })
					if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.fails) {
						t.Errorf("%s: %v, want %v %q", id, err, tt.want, tt.fails)
					}
				}
				_ = r.Close()
				for _, verb := range h.commands() {
					if verb == "BDAT" || tt.fails == "neither" && verb == "AUTH" || tt.fails != "" && verb == "MAIL" {
						t.Errorf("%s was said", verb)
					}
				}
				copies := 1
				if tt.want != nil {
					copies = 0
				}
				(&bench{t: t, h: h}).checkLedger(map[string]int{"s0": copies, "s1": copies})
			})
		})
	}
}

// S13: before TLS stands nothing is on the wire but the names of machines: no
// password, name to log in with, address or word of a message, whatever goes wrong.
func TestNothingPersonalIsOnTheWireInClear(t *testing.T) {
	a := newAuthority(t)
	const username = "watcher@group.example"
	for _, implicit := range []bool{false, true} {
		for _, stage := range []Stage{"", StageEHLO, StageSTARTTLS, "ehlo again", StageAuth, StageMail, StageRcpt, StageData, StageDot, stageQuit} {
			for _, does := range []string{"554", "garbage", "gone"} {
				t.Run(fmt.Sprintf("%s at %q, implicit %v", does, stage, implicit), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						h := &rudeRelay{tls: a.good, implicit: implicit, username: username, at: stage, does: does, times: 1, offers: []string{"PIPELINING"}}
						r := relayTo(h, a)
						var wire strings.Builder
						r.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
							c, err := h.dial(ctx, network, address)
							return &tap{Conn: c, over: make(chan struct{}), sees: func(p []byte) { wire.Write(p) }}, err
						}
						_ = send(t, r, secretTo)
						if wire.Len() == 0 {
							t.Error("nothing was written: this proves nothing")
						}
						for _, secret := range append(r.secrets(), username, secretTo, ".hello s0", "MAIL FROM:", "AUTH PLAIN") { // long enough that no cipher says it by chance
							if strings.Contains(wire.String(), secret) {
								t.Errorf("%q is on the wire", secret)
							}
						}
					})
				})
			}
		}
	}
}

// S13: relays repeat what they were told, whole or cut, as it was or decoded, in
// capitals, and filters quote the links of a message. Nothing of a password, no
// address, and no code that opens or ends somebody's subscription may show in an
// error, and so in a log, a row or a page.
func TestWhatARelayRepeatsIsNotRepeated(t *testing.T) {
	a := newAuthority(t)
	const to, code = "margaret.o'dowd@example.net", "Zq9-LmX2vTb_7RkPwYd4JcHsNf6GuAe1Bi3Oo5Qx8Sw" // as long as a token is
	raw := "To: " + to + "\r\nSubject: confirm " + code + "\r\n\r\nhttps://watch.example.org/u/" + code + "\r\n"
	decoded := func(s string) string {
		_, last, _ := cutLast(s, " ")
		b, err := base64.StdEncoding.DecodeString(last)
		if err != nil || len(b) == 0 {
			b, _ = base64.StdEncoding.DecodeString(s)
		}
		return string(b)
	}
	for how, echo := range map[string]func(string) string{
		"as it was":             func(s string) string { return s },
		"in capitals":           strings.ToUpper,
		"in small letters":      strings.ToLower,
		"cut":                   func(s string) string { return s[:min(len(s), 34)] },
		"the end of it":         func(s string) string { return s[max(0, len(s)-20):] },
		"quoted":                func(s string) string { return fmt.Sprintf("you said <%q>.", s) },
		"decoded":               decoded,
		"decoded, in capitals":  func(s string) string { return strings.ToUpper(decoded(s)) },
		"over two lines":        func(s string) string { return s[:len(s)/2] + "\r\n550 " + s[len(s)/2:] },
		"behind many words":     func(s string) string { return strings.Repeat("no ", 61) + s },
		"with bytes in between": func(s string) string { return "\x1b[31m" + s + "\x00\xff" },
	} {
		for _, way := range []string{"PLAIN", "LOGIN"} {
			for _, password := range []string{"correct horse battery staple", "Tr0ub4dor&3!", "gwell-pŵer-na-golud-é", "p@ss.w0rd-of-2026"} {
				for _, stage := range []string{"AUTH", "MAIL", "RCPT", "DATA", "."} {
					if stage != "AUTH" && (way != "PLAIN" || password[0] != 'c') {
						continue
					}
					t.Run(strings.Join([]string{how, way, password, stage}, "/"), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							p := &parrot{tls: a.good, way: way, at: stage, echo: echo}
							r := relayTo(&rudeRelay{username: "watcher-2026@group.example"}, a)
							r.TLS, r.Dial = TLSImplicit, p.dial
							r.Password = func() string { return password }
							log := &strings.Builder{}
							err := r.Send(t.Context(), store.Delivery{ID: "d", Raw: []byte(raw)}, to, func() error { return nil })
							_ = r.Close()
							slog.New(slog.NewTextHandler(log, nil)).Error("mail", "err", err)
							if err == nil || !p.repeated {
								t.Fatalf("it did not repeat anything: %v", err)
							}
							said := fmt.Sprintf("%v %+v %#v %s", err, err, err, log)
							if strings.Contains(said, code[:24]) {
								t.Errorf("the code shows in %s", said)
							}
							for _, secret := range append(r.secrets(), to) {
								if found := piece(said, secret); found != "" && !strings.Contains("group.example", found) {
									t.Errorf("%q of %q shows in %s", found, secret, said)
								}
							}
							if strings.Contains(strings.ToLower(said), "margaret") || strings.Contains(said, "dowd") {
								t.Errorf("a name shows in %s", said)
							}
						})
					})
				}
			}
		}
	}
}

// piece is nine bytes in a row of a secret that stand in what was said, in capitals
// or not; "" if there are none.
func piece(said, secret string) string {
	said = strings.ToLower(said)
	for i := 0; i+9 <= len(secret); i++ {
		if p := strings.ToLower(secret[i : i+9]); strings.Contains(said, p) {
			return p
		}
	}
	return ""
}

// What a relay says that is nobody's secret stays as it is: whoever runs the program
// needs it.
func TestWhatARelayExplainsIsKept(t *testing.T) {
	mask := masker("ann@example.net", "AHdhdGNoZXIAY29ycmVjdCBob3JzZQ==", "Y29ycmVjdCBob3JzZQ==", "correct horse", "d2F0Y2hlcg==", "watcher@group.example")
	for said, want := range map[string]string{
		"Username and Password not accepted. See https://support.example/mail/?p=BadCredentials d9443c01a7336-2178dc2e1b2sm5842345ad.123 - gsmtp": "",
		"SPF check for group.example failed; see https://lists.example/query/ip/192.0.2.1":                                                        "",
		"the horse is correct":                             "",
		"queued as 4XyZ1234567890abcdef":                   "",
		"0123456789abcdef0123456789abcdef was seen before": "",
		"for ann@example.net, that is Ann":                 "for <address>, that is <name>",
	} {
		if want == "" {
			want = said
		}
		if got := mask(said); got != want {
			t.Errorf("%q\nbecomes %q\nwant    %q", said, got, want)
		}
	}
}

// A parrot is a relay in TLS that refuses at one stage, and repeats there what it
// was told: the last line of the login, the command, or the message by its lines.
type parrot struct {
	tls  *tls.Config
	way  string
	at   string // AUTH, MAIL, RCPT, DATA or "."
	echo func(string) string

	repeated bool
}

func (p *parrot) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		p.talk(tls.Server(there, p.tls))
	}()
	return here, nil
}

func (p *parrot) talk(c net.Conn) {
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	in := bufio.NewScanner(c)
	say("220 parrot")
	var told []string
	asked := 0 // of a login
	for in.Scan() {
		line := in.Text()
		verb, _, _ := strings.Cut(line, " ")
		told = append(told, line)
		if verb == "AUTH" || asked > 0 {
			verb = "AUTH"
			if asked++; p.way == "LOGIN" && asked < 3 {
				say("334 VXNlcm5hbWU6")
				continue
			}
			asked = 0
		}
		switch {
		case verb == p.at && verb == "DATA":
			line = told[len(told)-2] // whom it was for
			fallthrough
		case verb == p.at && verb == ".":
			if verb == "." {
				line = strings.Join(told[len(told)-5:len(told)-1], " ")
			}
			fallthrough
		case verb == p.at:
			p.repeated = true
			say("550-5.7.8 refused\r\n550 " + p.echo(line))
		case verb == "EHLO":
			say("250-parrot\r\n250 AUTH " + p.way)
		case verb == "AUTH":
			say("235 welcome")
		case verb == "DATA":
			say("354 go on")
		case slices.Contains([]string{"MAIL", "RCPT", ".", "RSET", "QUIT"}, verb):
			say("250 ok")
		}
	}
}
