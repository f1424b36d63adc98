package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/emersion/go-smtp"
)

// A postOffice is a relay on loopback that writes what it takes to files.
type postOffice struct {
	dir string
	l   net.Listener
	srv *smtp.Server

	mu sync.Mutex
	no *smtp.SMTPError
	n  int
}

func newPostOffice(dir string) (*postOffice, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &postOffice{dir: dir, l: l}
	p.srv = smtp.NewServer(p)
	p.srv.Domain, p.srv.ErrorLog = "relay.test", log.New(io.Discard, "", 0) // whoever is killed hangs up
	go func() { _ = p.srv.Serve(l) }()
	return p, os.MkdirAll(dir, 0o700)
}

func (p *postOffice) close()       { _ = p.srv.Close() }
func (p *postOffice) port() string { return strconv.Itoa(p.l.Addr().(*net.TCPAddr).Port) }

// answer reads "550 5.1.1 words".
func (p *postOffice) answer(s string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.no = nil; s == "" {
		return nil
	}
	p.no = &smtp.SMTPError{Message: "no"}
	c := &p.no.EnhancedCode
	if n, err := fmt.Sscanf(s, "%d %d.%d.%d", &p.no.Code, &c[0], &c[1], &c[2]); n != 4 {
		return errors.Join(errors.New("expected 550 5.1.1"), err)
	}
	return nil
}

// NewSession is for one connection.
func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return &counter{p: p}, nil }

type counter struct {
	p        *postOffice
	from, to string
}

func (c *counter) Reset()        {}
func (c *counter) Logout() error { return nil }
func (c *counter) Mail(from string, _ *smtp.MailOptions) error {
	c.from = from
	return nil
}
func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.to = to; c.p.no != nil {
		return c.p.no
	}
	return nil
}

func (c *counter) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.n++
	return os.WriteFile(filepath.Join(c.p.dir, fmt.Sprintf("%d.eml", c.p.n)), append([]byte("Envelope-To: "+c.to+"\r\nEnvelope-From: "+c.from+"\r\n"), b...), 0o600)
}
