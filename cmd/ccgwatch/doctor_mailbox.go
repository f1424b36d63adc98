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

	"ccgwatch/config"
)

// What a mailbox may not do, for the advice that goes with it.
var (
	errNoGreeting = errors.New("it does not greet as a mailbox does")
	errNoLogin    = errors.New("it refuses the login")
	errNoFolder   = errors.New("the folder cannot be opened")
)

// askMailbox connects to the mailbox (IMAP, RFC 3501), logs in and looks into
// its folder without changing anything.
func askMailbox(ctx context.Context, m config.Mailbox) (string, error) {
	c, err := dialServer(ctx, m.Host, m.Port, m.TLS)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	b := &mailbox{conn: c, in: bufio.NewReaderSize(c, 8192)}
	line, err := b.line()
	if err != nil {
		return "", fmt.Errorf("no greeting: %w", err)
	}
	if !strings.HasPrefix(line, "* OK") && !strings.HasPrefix(line, "* PREAUTH") {
		return "", fmt.Errorf("%w: %.60q", errNoGreeting, line)
	}
	secure := m.TLS == "implicit"
	if m.TLS == "starttls" {
		if err := b.command("STARTTLS"); err != nil {
			return "", fmt.Errorf("STARTTLS: %w", err)
		}
		if b.in.Buffered() > 0 {
			return "", errors.New("something was said in clear after STARTTLS")
		}
		over := tls.Client(c, tlsFor(m.Host))
		if err := over.HandshakeContext(ctx); err != nil {
			return "", fmt.Errorf("STARTTLS: %w", err)
		}
		b.conn, b.in, secure = over, bufio.NewReaderSize(over, 8192), true
	}
	said := "it answers"
	if secure {
		said += ", encrypted"
	}
	if m.Username == "" {
		return said + "; no username is configured, so nobody looked inside", nil
	}
	if !secure && !net.ParseIP(m.Host).IsLoopback() && m.Host != "localhost" {
		return "", errors.New("a password is configured, and the connection is not encrypted")
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + m.Username + "\x00" + m.Password.Reveal()))
	if err := b.command("AUTHENTICATE PLAIN", plain); err != nil {
		return "", fmt.Errorf("%w: %w", errNoLogin, err)
	}
	folder := m.Folder
	if folder == "" {
		folder = "INBOX"
	}
	if err := b.command(`EXAMINE "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(folder) + `"`); err != nil {
		return "", fmt.Errorf("%w: %s: %w", errNoFolder, folder, err)
	}
	_ = b.command("LOGOUT") // it said what we wanted to know
	return said + ", takes the login and opens " + folder, nil
}

// A mailbox is a conversation with an IMAP server.
type mailbox struct {
	conn net.Conn
	in   *bufio.Reader
	n    int
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
		case !ok:
		case strings.HasPrefix(answer, "OK"):
			return nil
		default:
			return fmt.Errorf("it says %.100q", answer)
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
	case errors.Is(err, errNoFolder):
		return []string{"check mailbox.folder: INBOX is always there"}
	}
	return []string{"check mailbox.host, mailbox.port and mailbox.tls"}
}

// dialServer connects to a mail server; all that follows must be over in time.
func dialServer(ctx context.Context, host string, port int, mode string) (c net.Conn, err error) {
	ctx, cancel := within(ctx, netPatience)
	defer cancel()
	at := net.JoinHostPort(host, strconv.Itoa(port))
	if mode == "implicit" {
		c, err = (&tls.Dialer{Config: tlsFor(host)}).DialContext(ctx, "tcp", at)
	} else {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", at)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(netPatience))
}

func tlsFor(host string) *tls.Config {
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
}
