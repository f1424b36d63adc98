package mail

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A copy is one message that a relay took.
type copied struct{ From, To, Raw string }

// A rudeRelay is a relay that keeps a ledger of what it took, and at one stage
// does as it is told. It is as strict as it is rude: what a client must not do
// is in its complaints.
type rudeRelay struct {
	tls      *tls.Config
	implicit bool
	username string // "" wants no login
	ways     string // what it offers for it; "" is PLAIN LOGIN
	offers   []string
	inClear  []string // what it offers before TLS, where that is something else
	bare     bool     // offers nothing but what is said here
	at       Stage    // "" behaves
	does     string   // a code, or garbage, huge, endless, hang, gone
	times    int      // how often; then it behaves
	takes    bool     // at the dot: takes the message before it misbehaves
	perConn  int      // messages a connection; 0: any number

	mu         sync.Mutex
	ledger     []copied
	complaints []string
	heard      []string // commands
	dials      int
	refuse     map[string]string // to -> answer at RCPT
}

func (h *rudeRelay) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	h.mu.Lock()
	h.dials++
	h.mu.Unlock()
	go func() { defer server.Close(); h.serve(server) }()
	return client, nil
}

// misbehaves tells whether it is the stage to do so, and counts.
func (h *rudeRelay) misbehaves(s Stage) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at != s || h.times <= 0 {
		return false
	}
	h.times--
	return true
}

func (h *rudeRelay) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.complaints = append(h.complaints, fmt.Sprintf(format, args...))
}

// rude does it, and tells whether the connection is over.
func (h *rudeRelay) rude(c net.Conn) (over bool) {
	switch h.does {
	case "garbage":
		io.WriteString(c, "\x00\xff\x1b[31m{{.}} nonsense\r\n")
	case "huge":
		line := append([]byte("250 "), make([]byte, 1<<16)...)
		for range 160 {
			if _, err := c.Write(line); err != nil {
				return true
			}
		}
	case "endless":
		for {
			if _, err := io.WriteString(c, "250-and so on\r\n"); err != nil {
				return true
			}
		}
	case "hang":
		_, _ = io.Copy(io.Discard, c)
		return true
	case "gone":
		return true
	default:
		fmt.Fprintf(c, "%s-%c.3.0 no, %s\r\n%s %c.3.0 not \x1b[31mnow\r\n", h.does, h.does[0], secretTo, h.does, h.does[0])
	}
	return h.does == "421"
}

const secretTo = "s0@example.net"

// serve speaks on one connection until it ends.
func (h *rudeRelay) serve(raw net.Conn) {
	c := raw
	if h.misbehaves(StageConnect) {
		if h.implicit && h.does != "hang" && h.does != "gone" { // a pipe holds nothing: the client's hello must be read
			go func() { _, _ = io.Copy(io.Discard, raw) }()
		}
		h.rude(raw) // and hangs up
		return
	}
	secure := false
	if h.implicit {
		t := tls.Server(raw, h.tls)
		if t.Handshake() != nil {
			return
		}
		c, secure = t, true
	}
	if h.misbehaves(StageBanner) {
		if h.rude(c) {
			return
		}
	} else {
		io.WriteString(c, "220-relay.test\r\n220 ready\r\n")
	}
	s := &session{h: h, raw: raw, c: c, in: bufio.NewReader(c), secure: secure}
	for s.next() {
	}
}

type session struct {
	h              *rudeRelay
	raw, c         net.Conn
	in             *bufio.Reader
	secure, logged bool
	from, to       string
	done           int
	inOneGo        bool // PIPELINING was offered on this side of TLS
}

func (s *session) line() (string, bool) {
	l, err := s.in.ReadString('\n')
	if err != nil {
		return "", false
	}
	l, ok := strings.CutSuffix(l, "\r\n")
	if !ok || strings.ContainsAny(l, "\r\x00") {
		s.h.complain("a line that ends badly: %q", l)
	}
	return l, true
}

func (s *session) say(format string, args ...any) bool {
	_, err := fmt.Fprintf(s.c, format+"\r\n", args...)
	return err == nil
}

// next answers one command, and tells whether to go on.
func (s *session) next() bool {
	h := s.h
	line, ok := s.line()
	if !ok {
		return false
	}
	verb, rest, _ := strings.Cut(line, " ")
	if s.in.Buffered() > 0 && !s.inOneGo {
		h.complain("something was said behind %s before it was answered", verb)
	}
	h.mu.Lock()
	h.heard = append(h.heard, verb)
	h.mu.Unlock()
	stage := map[string]Stage{"EHLO": StageEHLO, "STARTTLS": StageSTARTTLS, "AUTH": StageAuth, "MAIL": StageMail, "RCPT": StageRcpt, "DATA": StageData,
		"QUIT": stageQuit, "RSET": stageReset}[verb]
	if verb == "EHLO" && s.secure && !h.implicit {
		stage = "ehlo again"
	}
	if verb == "AUTH" && !s.secure {
		h.complain("a password in clear")
	}
	if verb == "MAIL" && h.tls != nil && !s.secure {
		h.complain("mail in clear")
	}
	if stage == StageMail && h.perConn > 0 && s.done >= h.perConn {
		return false // without a word
	}
	if h.misbehaves(stage) {
		return !h.rude(s.c)
	}
	switch verb {
	case "EHLO":
		return s.ehlo()
	case "STARTTLS":
		return s.startTLS()
	case "AUTH":
		return s.auth(rest)
	case "MAIL":
		return s.mail(rest)
	case "RCPT":
		return s.rcpt(rest)
	case "DATA":
		return s.message()
	case "RSET":
		s.from, s.to = "", ""
		return s.say("250 reset")
	case "QUIT":
		s.say("221 bye")
		return false
	}
	h.complain("what is %q?", line)
	return s.say("500 what?")
}

func (s *session) ehlo() bool {
	lines := []string{"relay.test greets you"}
	if !s.h.bare {
		lines = append(lines, "8BITMIME")
	}
	if s.h.inClear != nil && !s.secure {
		lines = append(lines, s.h.inClear...)
	} else {
		lines = append(lines, s.h.offers...)
	}
	s.inOneGo = slices.ContainsFunc(lines[1:], func(l string) bool { return strings.EqualFold(l, "PIPELINING") })
	if !s.secure && s.h.tls != nil {
		lines = append(lines, "STARTTLS")
	}
	if s.h.implicit {
		lines = append(lines, "STARTTLS") // nobody should take that up
	}
	if s.h.username != "" && !s.h.bare {
		ways := s.h.ways
		if ways == "" {
			ways = "AUTH PLAIN LOGIN"
		}
		lines = append(lines, ways)
	}
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		if !s.say("250%s%s", sep, l) {
			return false
		}
	}
	return true
}

func (s *session) startTLS() bool {
	if s.secure {
		s.h.complain("STARTTLS within TLS")
		return s.say("503 no")
	}
	if !s.say("220 go on") {
		return false
	}
	if s.in.Buffered() > 0 {
		s.h.complain("something was said before the handshake")
	}
	t := tls.Server(s.raw, s.h.tls)
	if t.Handshake() != nil {
		return false
	}
	s.c, s.in, s.secure = t, bufio.NewReader(t), true
	return true
}

func (s *session) auth(rest string) bool {
	var got string
	way, first, _ := strings.Cut(rest, " ")
	decode := func(x string) string { b, _ := base64.StdEncoding.DecodeString(x); return string(b) }
	switch way {
	case "PLAIN":
		got = strings.ReplaceAll(decode(first), "\x00", "|")
	case "LOGIN":
		for _, ask := range []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"} {
			if !s.say("334 %s", ask) {
				return false
			}
			l, ok := s.line()
			if !ok {
				return false
			}
			got += "|" + decode(l)
		}
	}
	if got != "|"+s.h.username+"|"+testPassword {
		return s.say("535 5.7.8 no such %s with %s", got, first)
	}
	s.logged = true
	return s.say("235 welcome")
}

func (s *session) mail(rest string) bool {
	if s.h.username != "" && !s.logged {
		return s.say("530 log in first")
	}
	from, ok := strings.CutPrefix(rest, "FROM:<")
	if !ok || s.from != "" {
		s.h.complain("MAIL %s after MAIL %s", rest, s.from)
	}
	s.from = strings.TrimSuffix(from, ">")
	return s.say("250 ok")
}

func (s *session) rcpt(rest string) bool {
	to, ok := strings.CutPrefix(rest, "TO:<")
	if !ok || s.to != "" || s.from == "" {
		s.h.complain("RCPT %s after %s: one a message", rest, s.to)
	}
	s.to = strings.TrimSuffix(to, ">")
	if no := s.h.refuse[s.to]; no != "" {
		defer func() { s.to = "" }()
		return s.say("%s", no)
	}
	return s.say("250 ok")
}

func (s *session) message() bool {
	if s.to == "" {
		s.h.complain("DATA for nobody")
	}
	if !s.say("354 go on") {
		return false
	}
	if s.h.misbehaves(StageBody) { // it breaks off in the middle
		_, _ = s.in.ReadString('\n')
		if s.h.does == "hang" { // it reads no more
			time.Sleep(time.Hour)
			return false
		}
		s.h.rude(s.c)
		return false
	}
	var raw strings.Builder
	for {
		l, ok := s.line()
		if !ok {
			return false // without its end it is nothing
		}
		if l == "." {
			break
		}
		raw.WriteString(strings.TrimPrefix(l, ".") + "\r\n")
	}
	rude := s.h.misbehaves(StageDot)
	if !rude || s.h.takes {
		s.h.mu.Lock()
		s.h.ledger = append(s.h.ledger, copied{s.from, s.to, raw.String()})
		s.h.mu.Unlock()
	}
	s.from, s.to = "", ""
	s.done++
	if rude {
		return !s.h.rude(s.c)
	}
	return s.say("250 2.0.0 queued")
}

const testPassword = "correct horse battery"

// authority is a certificate authority of our own, and what it vouched for.
type authority struct {
	roots *x509.CertPool
	good  *tls.Config // for relay.test and 127.0.0.1
	bad   map[string]*tls.Config
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	always := [2]time.Time{time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)}
	make := func(name string, when [2]time.Time, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, *tls.Config) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: when[0], NotAfter: when[1],
			DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: parent == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
		if name != "relay.test" {
			c.IPAddresses = nil
		}
		if parent == nil {
			parent, signer = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
		if err != nil {
			tb.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			tb.Fatal(err)
		}
		return made, key, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}
	ca, key, _ := make("the authority", always, nil, nil)
	stranger, strangeKey, _ := make("another authority", always, nil, nil)
	a := &authority{roots: x509.NewCertPool(), bad: map[string]*tls.Config{}}
	a.roots.AddCert(ca)
	_, _, a.good = make("relay.test", always, ca, key)
	_, _, a.bad["of another name"] = make("other.test", always, ca, key)
	_, _, a.bad["expired"] = make("relay.test", [2]time.Time{always[0], time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}, ca, key)
	_, _, a.bad["of an authority we do not know"] = make("relay.test", always, stranger, strangeKey)
	_, _, old := make("relay.test", always, ca, key)
	old.MaxVersion = tls.VersionTLS11
	a.bad["of TLS 1.1"] = old
	return a
}

// relayTo makes a Relay that speaks to h.
func relayTo(h *rudeRelay, a *authority) *Relay {
	r := &Relay{Host: "relay.test", Port: 587, TLS: TLSStart, Username: h.username, Password: func() string { return testPassword },
		From: "alerts@group.example", RootCAs: a.roots, Dial: h.dial}
	if h.implicit {
		r.TLS = TLSImplicit
	}
	return r
}

var errStopped = errors.New("stopped before the dot")
