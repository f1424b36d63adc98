package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// How a Relay is spoken to.
const (
	TLSStart    = "starttls" // in clear until STARTTLS, which must be offered
	TLSImplicit = "implicit" // TLS from the first byte
	TLSNone     = "none"     // to this machine only, and without a password
)

// A Relay is a Sender that submits messages to a mail server (RFC 5321, RFC
// 6409): over a connection for each that is under way, kept for the messages of a
// round, and one recipient a message. It never goes on in clear where TLS was asked for, nor
// with a certificate that does not hold. Its failures are *RelayError.
type Relay struct {
	Host string
	Port int
	TLS  string // TLSStart, TLSImplicit or TLSNone; "" is TLSStart
	// Username and what Password gives log in, over TLS only; with "" nobody
	// does. It is a function so that no printing of a Relay shows it.
	Username string
	Password func() string
	From     string // the group's address, for MAIL FROM: bounces go there
	// ReturnPath gives the address that a delivery's bounces go to; nil: From.
	ReturnPath func(delivery string) string
	Name       string // what we call ourselves in EHLO; "" is the domain of From
	Waits      Waits
	RootCAs    *x509.CertPool // nil: those of the machine
	// Dial is for tests; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	pool pool
}

var _ alerts.Sender = (*Relay)(nil)

// Waits are the longest waits for each stage, as a whole; 0 is what RFC 5321,
// 4.5.3.2, asks for. A shorter wait for the answer to the dot makes messages
// come twice (RFC 1047).
type Waits struct {
	Connect time.Duration // 30 s
	Command time.Duration // 300 s: banner, EHLO, STARTTLS, handshake, AUTH, MAIL, RCPT, RSET
	Data    time.Duration // 120 s: the command DATA
	Block   time.Duration // 180 s: for 32 KiB of the message
	Dot     time.Duration // 600 s: the end of the message, and its answer
	Quit    time.Duration // 5 s: whatever comes of it is all the same
	Stop    time.Duration // 30 s: for the answer to the dot when we are told to stop
}

func (w Waits) of(s Stage) time.Duration {
	d, usual := w.Command, 300*time.Second
	switch s {
	case StageConnect:
		d, usual = w.Connect, 30*time.Second
	case StageData:
		d, usual = w.Data, 120*time.Second
	case StageBody:
		d, usual = w.Block, 180*time.Second
	case StageDot:
		d, usual = w.Dot, 600*time.Second
	case stageQuit:
		d, usual = w.Quit, 5*time.Second
	}
	if d <= 0 {
		return usual
	}
	return d
}

func (w Waits) stop() time.Duration {
	if w.Stop <= 0 {
		return 30 * time.Second
	}
	return w.Stop
}

// Send submits one message. When beforeDot is called all of the message but
// its end is with the relay, which must throw it away if the end never comes.
func (r *Relay) Send(ctx context.Context, d store.Delivery, to string, beforeDot func() error) error {
	if err := checkAddress(to); err != nil {
		return fmt.Errorf("message %s: its address: %w: %w", d.ID, alerts.ErrRefused, err)
	}
	if err := checkMessage(d.Raw); err != nil {
		return fmt.Errorf("message %s: %w: %w", d.ID, alerts.ErrRefused, err)
	}
	mask := masker(to, r.secrets()...)
	from := r.From
	if r.ReturnPath != nil {
		from = r.ReturnPath(d.ID)
	}
	for {
		w, beside, err := r.pool.take(ctx)
		if err != nil {
			return broken(StageConnect, err)
		}
		// A relay may hang up after a message, or after a while. That is no failure,
		// and a connection that never carried a message does not end that way.
		if w != nil {
			c := &conversation{Relay: r, wire: w}
			err := c.send(ctx, d.Raw, from, to, mask, beforeDot)
			if !hungUp(err) || ctx.Err() != nil {
				r.pool.give(c.wire)
				return err
			}
		}
		c := &conversation{Relay: r}
		err = c.send(ctx, d.Raw, from, to, mask, beforeDot)
		if tooMany(err) && r.pool.enough(beside) {
			continue // with one of the others, when it is free
		}
		r.pool.give(c.wire)
		return err
	}
}

// hungUp tells whether a connection was over before a message was begun on it.
func hungUp(err error) bool {
	var e *RelayError
	if !errors.As(err, &e) {
		return false
	}
	return e.Stage == stageReset || e.Stage == StageMail && (e.Code == 421 || e.Code == 0 && !errors.Is(err, errWait) && !errors.Is(err, errProtocol))
}

// tooMany tells whether a new connection was refused, for now, before a message
// was begun on it: as relays do that let one have only so many.
func tooMany(err error) bool {
	var e *RelayError
	if !errors.As(err, &e) || !errors.Is(err, alerts.ErrAway) || errors.Is(err, alerts.ErrOperator) {
		return false
	}
	switch e.Stage {
	case StageRcpt, StageData, StageBody, StageDot:
		return false
	}
	return true
}

// Close says goodbye, if anybody listens, on the connections that nobody uses.
func (r *Relay) Close() error {
	for _, w := range r.pool.empty() {
		_, _ = w.say(context.Background(), r.Waits.of(stageQuit), 0, "QUIT")
		_ = w.raw.Close()
	}
	return nil
}

// A conversation is a Relay with the connection that a message goes over.
type conversation struct {
	*Relay
	wire *wire // nil: none yet, or no more
}

func (r *conversation) drop() {
	if r.wire != nil {
		_ = r.wire.raw.Close()
		r.wire = nil
	}
}

// send is one transaction, on the connection there is or a new one. After
// anything but a plain refusal the connection is given up.
func (r *conversation) send(ctx context.Context, raw []byte, from, to string, mask func(string) string, beforeDot func() error) (err error) {
	defer func() {
		var e *RelayError
		if errors.As(err, &e) && (e.Code == 0 || e.Code == 421 || errors.Is(err, alerts.ErrAway)) {
			r.drop()
		}
	}()
	if r.wire == nil {
		if err := r.open(ctx, mask); err != nil {
			return err
		}
	}
	w := r.wire
	if limit, ok := w.limit(); ok && len(raw) > limit {
		return fmt.Errorf("%w: the message has %d bytes, the relay takes %d", alerts.ErrRefused, len(raw), limit)
	}
	if err := r.begin(ctx, from, to, mask); err != nil {
		return err
	}
	if err := r.ask(ctx, StageData, mask, "DATA", 354); err != nil {
		return err
	}
	for body := stuffed(raw); len(body) > 0; {
		block := body[:min(len(body), 32<<10)]
		body = body[len(block):]
		if err := w.within(ctx, r.Waits.of(StageBody), 0, func() error { _, err := w.conn.Write(block); return err }); err != nil {
			return broken(StageBody, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return broken(StageBody, err) // not begun, so no doubt about it
	}
	if w.in.Buffered() > 0 {
		return broken(StageBody, fmt.Errorf("%w: an answer before the end", errProtocol))
	}
	if err := beforeDot(); err != nil {
		r.drop() // the relay throws away what has no end
		return err
	}
	err = r.ask(ctx, StageDot, mask, ".", 250)
	w.open = false
	return err
}

// begin opens a transaction for one recipient. A relay that takes commands in one
// go (PIPELINING, RFC 2920) is asked for all of it in one: on a connection that is
// used again that is one round trip and not three. DATA stays apart: until its
// answer is there nothing of the message is handed over.
func (r *conversation) begin(ctx context.Context, from, to string, mask func(string) string) error {
	type step struct {
		stage Stage
		line  string
		want  []int
	}
	w := r.wire
	steps := []step{{StageMail, "MAIL FROM:<" + from + ">", []int{250}}, {StageRcpt, "RCPT TO:<" + to + ">", []int{250, 251}}}
	if w.open {
		steps = append([]step{{stageReset, "RSET", []int{250}}}, steps...)
	}
	if _, ok := w.ext["PIPELINING"]; !ok {
		for _, s := range steps {
			if err := r.ask(ctx, s.stage, mask, s.line, s.want...); err != nil {
				return err
			}
			w.open = s.stage != stageReset
		}
		return nil
	}
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = s.line
	}
	w.open = true
	var failed error
	for i, s := range steps {
		line := ""
		if i == 0 {
			line = strings.Join(lines, "\r\n")
		}
		err := r.ask(ctx, s.stage, mask, line, s.want...)
		var refused *RelayError
		switch {
		case err == nil:
		case failed != nil && errors.As(err, &refused) && refused.Code > 0: // it follows from the first
		case failed != nil: // the connection went with the first
			r.drop()
			return failed
		case !errors.As(err, &refused) || refused.Code == 0:
			return err
		default: // the answers to the rest are still to be read, and say nothing new
			failed = err
		}
	}
	return failed
}

// ask sends a command, or waits for the banner, and makes of the answer what it means.
func (r *conversation) ask(ctx context.Context, stage Stage, mask func(string) string, line string, want ...int) error {
	_, err := r.answer(ctx, stage, mask, line, want...)
	return err
}

func (r *conversation) answer(ctx context.Context, stage Stage, mask func(string) string, line string, want ...int) (reply, error) {
	grace := time.Duration(0)
	if stage == StageDot {
		grace = r.Waits.stop()
	}
	got, err := r.wire.say(ctx, r.Waits.of(stage), grace, line)
	if err != nil {
		return got, broken(stage, err)
	}
	for _, code := range want {
		if got.code == code {
			return got, nil
		}
	}
	if got.code >= 400 {
		return got, refusal(stage, got, mask)
	}
	return got, broken(stage, fmt.Errorf("%w: the answer is %d", errProtocol, got.code))
}

// open connects and goes as far as the first MAIL.
func (r *conversation) open(ctx context.Context, mask func(string) string) error {
	mode := r.TLS
	if mode == "" {
		mode = TLSStart
	}
	name := r.Name
	if name == "" {
		_, name, _ = cutLast(r.From, "@")
	}
	switch {
	case checkAddress(r.From) != nil:
		return wrong(StageConnect, "the group's address cannot be a sender")
	case checkAddress("x@"+name) != nil:
		return wrong(StageConnect, "%q is no name to call ourselves", name)
	case mode != TLSStart && mode != TLSImplicit && mode != TLSNone:
		return wrong(StageConnect, "%q is no kind of TLS", mode)
	case mode == TLSNone && !loopback(r.Host):
		return wrong(StageConnect, "%s is not this machine: no mail goes there without TLS", r.Host)
	case mode == TLSNone && r.Username != "":
		return wrong(StageConnect, "no password is sent without TLS")
	}
	if err := r.connect(ctx, mode); err != nil {
		return err
	}
	if mode == TLSImplicit {
		if err := r.handshake(ctx); err != nil {
			return err
		}
	}
	if err := r.ask(ctx, StageBanner, mask, "", 220); err != nil {
		return err
	}
	if err := r.hello(ctx, mask, name); err != nil {
		return err
	}
	if mode == TLSStart {
		if err := r.startTLS(ctx, mask); err != nil {
			return err
		}
		if err := r.hello(ctx, mask, name); err != nil { // what was offered in clear does not count
			return err
		}
	}
	return r.logIn(ctx, mask)
}

func (r *conversation) connect(ctx context.Context, mode string) error {
	dial := r.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	limited, cancel := context.WithTimeoutCause(ctx, r.Waits.of(StageConnect), errWait)
	defer cancel()
	conn, err := dial(limited, "tcp", net.JoinHostPort(r.Host, strconv.Itoa(r.Port)))
	if err != nil {
		if errors.Is(context.Cause(limited), errWait) {
			err = errWait
		}
		return broken(StageConnect, err)
	}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok && mode == TLSNone && !a.IP.IsLoopback() {
		_ = conn.Close()
		return wrong(StageConnect, "%s is not this machine: no mail goes there without TLS", r.Host)
	}
	r.wire = newWire(conn)
	return nil
}

func (r *conversation) handshake(ctx context.Context) error {
	w := r.wire
	c := tls.Client(w.raw, &tls.Config{ServerName: r.Host, RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12})
	var failed error
	if err := w.within(ctx, r.Waits.of(StageTLS), 0, func() error { failed = c.HandshakeContext(ctx); return failed }); err != nil {
		if !network(failed) { // and not that the relay did not take our complaint
			err = failed
		}
		return broken(StageTLS, err)
	}
	w.conn, w.tls, w.ext = c, true, nil
	w.in.Reset(c)
	return nil
}

func (r *conversation) hello(ctx context.Context, mask func(string) string, name string) error {
	got, err := r.answer(ctx, StageEHLO, mask, "EHLO "+name, 250)
	if err != nil {
		return err
	}
	w := r.wire
	w.ext = map[string]string{}
	for i, line := range strings.Split(strings.ToUpper(got.text), "\n") {
		if i == 0 {
			continue
		}
		// Some old servers write AUTH=LOGIN.
		word, rest, _ := strings.Cut(strings.Replace(strings.TrimSpace(line), "AUTH=", "AUTH ", 1), " ")
		w.ext[word] = strings.TrimSpace(w.ext[word] + " " + rest)
	}
	return nil
}

func (r *conversation) startTLS(ctx context.Context, mask func(string) string) error {
	if _, ok := r.wire.ext["STARTTLS"]; !ok {
		return wrong(StageSTARTTLS, "the relay does not offer it, and no mail goes there in clear")
	}
	if err := r.ask(ctx, StageSTARTTLS, mask, "STARTTLS", 220); err != nil {
		return err
	}
	if r.wire.in.Buffered() > 0 { // somebody in between speaks for the relay
		return wrong(StageSTARTTLS, "something was said in clear after it")
	}
	return r.handshake(ctx)
}

// logIn authenticates, if there is a name to do it with.
func (r *conversation) logIn(ctx context.Context, mask func(string) string) error {
	if r.Username == "" {
		return nil
	}
	w := r.wire
	if !w.tls {
		return wrong(StageAuth, "no password is sent without TLS")
	}
	ways := strings.Fields(w.ext["AUTH"])
	password := ""
	if r.Password != nil {
		password = r.Password()
	}
	var lines []string
	switch {
	case slices.Contains(ways, "PLAIN"):
		lines = []string{"AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+r.Username+"\x00"+password))}
	case slices.Contains(ways, "LOGIN"):
		lines = []string{"AUTH LOGIN", base64.StdEncoding.EncodeToString([]byte(r.Username)), base64.StdEncoding.EncodeToString([]byte(password))}
	default:
		return wrong(StageAuth, "the relay offers neither PLAIN nor LOGIN")
	}
	for i, line := range lines {
		got, err := r.answer(ctx, StageAuth, mask, line, 235, 334)
		switch {
		case err != nil:
			return err
		case got.code == 334 && i == len(lines)-1:
			return wrong(StageAuth, "the relay goes on asking")
		case got.code == 235:
			return nil
		}
	}
	return nil
}

// secrets are what no error may repeat, in the forms in which a relay sees them.
func (r *Relay) secrets() []string {
	if r.Username == "" || r.Password == nil {
		return nil
	}
	b := base64.StdEncoding.EncodeToString
	p := r.Password()
	return []string{b([]byte("\x00" + r.Username + "\x00" + p)), b([]byte(p)), p, b([]byte(r.Username)), r.Username}
}

// limit is the size of message that the relay takes, if it says so (RFC 1870).
func (w *wire) limit() (int, bool) {
	n, err := strconv.Atoi(w.ext["SIZE"])
	return n, err == nil && n > 0
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
