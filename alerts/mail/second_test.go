package mail

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// A library is a mail server by other hands, so that we do not only understand
// ourselves.
type library struct {
	mu  sync.Mutex
	got []copied
}

func (l *library) NewSession(*smtp.Conn) (smtp.Session, error) { return &librarySession{l: l}, nil }

type librarySession struct {
	l    *library
	ok   bool
	mail copied
}

func (s *librarySession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *librarySession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, password string) error {
		if s.ok = name == "alerts" && password == testPassword; !s.ok {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *librarySession) Reset()        { s.mail = copied{} }
func (s *librarySession) Logout() error { return nil }

func (s *librarySession) Mail(from string, _ *smtp.MailOptions) error {
	if !s.ok {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return nil
}

func (s *librarySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "nobody@example.net" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user " + to}
	}
	s.mail.To = to
	return nil
}

func (s *librarySession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Raw = string(b)
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.l.got = append(s.l.got, s.mail)
	return nil
}

// TestAgainstALibrary sends over STARTTLS and over TLS to emersion/go-smtp.
func TestAgainstALibrary(t *testing.T) {
	a := newAuthority(t)
	for _, mode := range []string{TLSStart, TLSImplicit} {
		t.Run(mode, func(t *testing.T) {
			lib := &library{}
			srv := smtp.NewServer(lib)
			srv.Domain, srv.TLSConfig, srv.MaxRecipients, srv.MaxMessageBytes, srv.ReadTimeout = "relay.test", a.good, 1, 1<<20, time.Minute
			srv.ErrorLog = quiet{}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			if mode == TLSImplicit {
				l = tls.NewListener(l, a.good)
			}
			go func() { _ = srv.Serve(l) }()
			defer srv.Close()
			r := &Relay{Host: "127.0.0.1", Port: port, TLS: mode, Username: "alerts", Password: func() string { return testPassword }, From: "alerts@group.example", RootCAs: a.roots}
			var want []copied
			for _, to := range []string{"s0@example.net", "nobody@example.net", "s1@example.net", "s2@example.net"} {
				err := r.Send(t.Context(), store.Delivery{ID: "d", Raw: testMessage(to[:2])}, to, func() error { return nil })
				if to == "nobody@example.net" {
					if !errors.Is(err, alerts.ErrNoAddress) {
						t.Error(err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, copied{"alerts@group.example", to, string(testMessage(to[:2]))})
			}
			_ = r.Close()
			r.Password = func() string { return "wrong" }
			if err := send(t, r, "s3@example.net"); !errors.Is(err, alerts.ErrOperator) {
				t.Errorf("with a wrong password: %v", err)
			}
			lib.mu.Lock()
			defer lib.mu.Unlock()
			if d := cmp.Diff(want, lib.got); d != "" {
				t.Error(d)
			}
		})
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
