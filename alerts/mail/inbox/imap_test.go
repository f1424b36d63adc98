package inbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"ccgwatch/alerts/mail/inbox"
)

// server is a mailbox in this process, over TLS from the first byte, and a way
// to put a message into it.
func server(t *testing.T) (*inbox.IMAP, *imapmemserver.User) {
	t.Helper()
	return serverFor(t, "secret")
}

func serverFor(t *testing.T, password string) (*inbox.IMAP, *imapmemserver.User) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	user := imapmemserver.NewUser("alerts", password)
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	s := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}},
	})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return &inbox.IMAP{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "implicit", Username: "alerts",
		Password: func() string { return password }, Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}, user
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func put(t *testing.T, u *imapmemserver.User, message string) {
	t.Helper()
	if _, err := u.Append("INBOX", literal{strings.NewReader(message)}, &imap.AppendOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Every message is read once, in order, in batches, and stays where it is and
// as it is: unseen.
func TestIMAP(t *testing.T) {
	t.Parallel()
	box, user := server(t)
	box.Batch = 3
	for i := range 5 {
		put(t, user, fmt.Sprintf("Subject: %d\r\n\r\n", i))
	}
	var got []string
	take := func(raw []byte) error { got = append(got, strings.TrimSpace(string(raw))); return nil }
	mark, more, err := box.Each(t.Context(), inbox.Mark{}, take)
	if err != nil || !more || len(got) != 3 {
		t.Fatalf("%q, %v, %v", got, more, err)
	}
	mark, more, err = box.Each(t.Context(), mark, take)
	if err != nil || more || fmt.Sprint(got) != "[Subject: 0 Subject: 1 Subject: 2 Subject: 3 Subject: 4]" {
		t.Fatalf("%q, %v, %v", got, more, err)
	}
	if again, _, err := box.Each(t.Context(), mark, take); err != nil || len(got) != 5 || again != mark {
		t.Errorf("read again: %q, %v", got, err)
	}
	status, err := user.Status("INBOX", &imap.StatusOptions{NumMessages: true, NumUnseen: true})
	if err != nil || *status.NumMessages != 5 || *status.NumUnseen != 5 {
		t.Errorf("%+v, %v", status, err)
	}
	// UIDs of another generation say nothing of these.
	if _, _, err := box.Each(t.Context(), inbox.Mark{Validity: mark.Validity + 1, Last: 1000}, take); err != nil || len(got) != 8 {
		t.Errorf("after a change of the UIDs: %q, %v", got, err)
	}
}

// A message that could not be handled is met again.
func TestIMAPGoesOnFromWhatWasHandled(t *testing.T) {
	t.Parallel()
	box, user := server(t)
	for i := range 3 {
		put(t, user, fmt.Sprintf("Subject: %d\r\n\r\n", i))
	}
	full, n := errors.New("the disk is full"), 0
	mark, _, err := box.Each(t.Context(), inbox.Mark{}, func([]byte) error {
		if n++; n == 2 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || mark.Last != 1 {
		t.Fatalf("%+v, %v", mark, err)
	}
	var got []string
	if _, _, err := box.Each(t.Context(), mark, func(raw []byte) error { got = append(got, string(raw[:10])); return nil }); err != nil || fmt.Sprint(got) != "[Subject: 1 Subject: 2]" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestIMAPFaults(t *testing.T) {
	t.Parallel()
	box, _ := server(t)
	for name, tt := range map[string]struct {
		change func(*inbox.IMAP)
		want   string
	}{
		"a wrong password":                {func(b *inbox.IMAP) { b.Password = func() string { return "no" } }, "log in"},
		"a folder that is not there":      {func(b *inbox.IMAP) { b.Folder = "Bounces" }, `open folder "Bounces"`},
		"a certificate that is not known": {func(b *inbox.IMAP) { b.Config = nil }, "TLS: "},
		"nobody there":                    {func(b *inbox.IMAP) { b.Port = 1 }, "connect: "},
	} {
		b := *box
		tt.change(&b)
		if _, _, err := b.Each(t.Context(), inbox.Mark{}, nil); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that says nothing holds nobody up.
func TestIMAPThatHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	b := inbox.IMAP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none", Password: func() string { return "" }, Timeout: 50 * time.Millisecond}
	if _, _, err := b.Each(t.Context(), inbox.Mark{}, nil); err == nil {
		t.Error("no error")
	}
}
