package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/config"
)

// What a mailbox may not do, for the advice that goes with it. That it did not
// answer, or not in time, is told by hitch.
var (
	errNoGreeting = errors.New("it does not greet as a mailbox does")
	errNoTLS      = errors.New("no encrypted connection")
	errNoLogin    = errors.New("it refuses the login")
	errNotNow     = errors.New("it logs nobody in now")
	errNoFolder   = errors.New("the folder cannot be opened")
)

// askMailbox connects to the mailbox (IMAP, RFC 3501), logs in and looks into
// its folder without changing anything.
func askMailbox(ctx context.Context, m config.Mailbox) (string, error) {
	ctx, cancel := within(ctx, netPatience)
	defer cancel()
	said, err := lookInto(ctx, m)
	if err != nil && ctx.Err() != nil { // whatever it was that this broke off
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return said, err
}

func lookInto(ctx context.Context, m config.Mailbox) (string, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(m.Host, strconv.Itoa(m.Port)))
	if err != nil {
		return "", fmt.Errorf("no connection: %w", err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })() // all that follows must be over in time
	b := &mailbox{conn: c, in: bufio.NewReaderSize(c, 8192), mask: func(s string) string { return alerts.ConcealPassword(s, m.Username, m.Password.Reveal()) }}
	if m.TLS == "implicit" {
		if err := b.encrypt(ctx, m.Host); err != nil {
			return "", err
		}
	}
	line, err := b.line()
	if err != nil {
		return "", fmt.Errorf("no greeting: %w", err)
	}
	if !strings.HasPrefix(line, "* OK") && !strings.HasPrefix(line, "* PREAUTH") {
		return "", fmt.Errorf("%w: %.60q", errNoGreeting, line)
	}
	if m.TLS == "starttls" {
		if err := b.command("STARTTLS"); err != nil {
			return "", fmt.Errorf("%w: STARTTLS: %w", errNoTLS, err)
		}
		if b.in.Buffered() > 0 {
			return "", fmt.Errorf("%w: something was said in clear after STARTTLS", errNoTLS)
		}
		if err := b.encrypt(ctx, m.Host); err != nil {
			return "", err
		}
	}
	said := "it answers"
	if b.secure {
		said += ", encrypted"
	}
	if m.Username == "" {
		return said + "; no username is configured, so nobody looked inside", nil
	}
	if !b.secure && !net.ParseIP(m.Host).IsLoopback() && m.Host != "localhost" {
		return "", errors.New("a password is configured, and the connection is not encrypted")
	}
	if err := b.logIn(m); err != nil {
		return "", err
	}
	folder := m.Folder
	if folder == "" {
		folder = "INBOX"
	}
	if err := b.command(`EXAMINE "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(folder) + `"`); errors.As(err, new(saidNo)) {
		return "", fmt.Errorf("%w: %s: %w", errNoFolder, folder, err)
	} else if err != nil {
		return "", fmt.Errorf("after the login, at folder %s: %w", folder, err)
	}
	_ = b.command("LOGOUT") // it said what we wanted to know
	return said + ", takes the login and opens " + folder, nil
}

// encrypt goes on over TLS.
func (b *mailbox) encrypt(ctx context.Context, host string) error {
	over := tls.Client(b.conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := over.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNoTLS, err)
	}
	b.conn, b.in, b.secure = over, bufio.NewReaderSize(over, 8192), true
	return nil
}

// logIn tells a login that is refused from a server that does not answer, and from
// one that lets nobody in for now (RFC 5530).
func (b *mailbox) logIn(m config.Mailbox) error {
	err := b.command("AUTHENTICATE PLAIN", base64.StdEncoding.EncodeToString([]byte("\x00"+m.Username+"\x00"+m.Password.Reveal())))
	var no saidNo
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &no):
		return fmt.Errorf("at the login, which was not refused: %w", err)
	case strings.Contains(string(no), "[UNAVAILABLE]"), strings.Contains(string(no), "[INUSE]"), strings.Contains(string(no), "[LIMIT]"), strings.Contains(string(no), "[SERVERBUG]"):
		return fmt.Errorf("%w: %w", errNotNow, err)
	}
	return fmt.Errorf("%w: %w", errNoLogin, err)
}

// saidNo is the answer of a server that does not do what it was told.
type saidNo string

func (s saidNo) Error() string { return fmt.Sprintf("it says %.100q", string(s)) }

// A mailbox is a conversation with an IMAP server.
type mailbox struct {
	conn   net.Conn
	in     *bufio.Reader
	n      int
	secure bool
	mask   func(string) string // hides the password in what it says
}

// command says one thing and reads to its answer. What follows in more is said
// when the server asks on. Neither it nor its answer is repeated in an error
// but for the server's own words.
func (b *mailbox) command(text string, more ...string) error {
	b.n++
	tag := "a" + strconv.Itoa(b.n)
	if _, err := b.conn.Write([]byte(tag + " " + text + "\r\n")); err != nil {
		return err
	}
	for range 1000 { // a server may say much before it answers, but not for ever
		line, err := b.line()
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "+") {
			next := "*" // gives up
			if len(more) > 0 {
				next, more = more[0], more[1:]
			}
			if _, err := b.conn.Write([]byte(next + "\r\n")); err != nil {
				return err
			}
			continue
		}
		answer, ok := strings.CutPrefix(line, tag+" ")
		switch {
		case strings.HasPrefix(line, "* BYE"):
			return fmt.Errorf("it hangs up: %.100q", b.mask(line))
		case !ok:
		case strings.HasPrefix(answer, "OK"):
			return nil
		default:
			return saidNo(b.mask(answer))
		}
	}
	return errors.New("it talks and does not answer")
}

func (b *mailbox) line() (string, error) {
	line, err := b.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func mailboxAdvice(err error) []string {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoGreeting):
		return []string{"something else answers there: check mailbox.port and mailbox.tls"}
	case errors.Is(err, errNoLogin):
		return []string{"check mailbox.username and the password in mailbox.password_file; with two-step login most providers want an app password"}
	case errors.Is(err, errNotNow):
		return []string{"name and password may be right: look again in a while"}
	case errors.Is(err, errNoFolder):
		return []string{"check mailbox.folder: INBOX is always there"}
	}
	if advice := hitchAdvice(err, "mailbox"); advice != nil {
		return advice
	}
	return []string{"check mailbox.host, mailbox.port and mailbox.tls"}
}
