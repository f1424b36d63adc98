package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/net/dns/dnsmessage"

	"ccgwatch/config"
)

// A secureRelay is a relay on loopback with STARTTLS and a login.
type secureRelay struct {
	srv   *smtp.Server
	port  int
	roots string // file of the certificate that vouches for it

	mu     sync.Mutex
	logins int
	mails  []string // recipient and message
}

func newSecureRelay(t *testing.T) *secureRelay {
	t.Helper()
	certs := httptest.NewTLSServer(nil) // a certificate for 127.0.0.1 and example.com
	certs.Close()
	r := &secureRelay{roots: filepath.Join(t.TempDir(), "roots.pem")}
	if err := os.WriteFile(r.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.port = l.Addr().(*net.TCPAddr).Port
	r.srv = smtp.NewServer(r)
	r.srv.Domain, r.srv.ErrorLog = "relay.test", log.New(io.Discard, "", 0)
	r.srv.TLSConfig = &tls.Config{Certificates: certs.TLS.Certificates, MinVersion: tls.VersionTLS12}
	go func() { _ = r.srv.Serve(l) }()
	t.Cleanup(func() { _ = r.srv.Close() })
	return r
}

// NewSession is for one connection.
func (r *secureRelay) NewSession(*smtp.Conn) (smtp.Session, error) { return &visitor{r: r}, nil }

type visitor struct {
	r  *secureRelay
	in bool
	to string
}

func (v *visitor) AuthMechanisms() []string { return []string{sasl.Plain} }
func (v *visitor) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "watch@example.org" || password != "correct horse" {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no, " + user}
		}
		v.r.mu.Lock()
		defer v.r.mu.Unlock()
		v.r.logins++
		v.in = true
		return nil
	}), nil
}
func (v *visitor) Reset()        {}
func (v *visitor) Logout() error { return nil }
func (v *visitor) Mail(string, *smtp.MailOptions) error {
	if !v.in {
		return smtp.ErrAuthRequired
	}
	return nil
}
func (v *visitor) Rcpt(to string, _ *smtp.RcptOptions) error { v.to = to; return nil }
func (v *visitor) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	v.r.mails = append(v.r.mails, v.to+"\n"+string(b))
	return err
}

// child runs ccgwatch in a process of its own, so that it has certificates of
// its own to trust.
func child(t *testing.T, d *desk, env []string, args ...string) (out string, failed bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data")}, args...)...)
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	b, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return string(b), err != nil
}

// The doctor goes as far as the first message would, and sends none; what it
// cannot do it gives the remedy for, and never the password.
func TestDoctorAsksTheRelay(t *testing.T) {
	r := newSecureRelay(t)
	trusted := []string{"SSL_CERT_FILE=" + r.roots, "SSL_CERT_DIR="}
	for _, tt := range []struct {
		name, host, tls, password string
		port                      int
		env                       []string
		failed                    bool
		says                      []string
	}{
		{"all is well", "127.0.0.1", "starttls", "correct horse", r.port, trusted, false, []string{`ok    mail .* it answers, encrypted \(STARTTLS\), and takes the login`}},
		{"a wrong password", "127.0.0.1", "starttls", "wrong mule", r.port, trusted, true, []string{"FAIL  mail .*535", "smtp.password_file", "app password"}},
		{"a certificate nobody vouches for", "127.0.0.1", "starttls", "correct horse", r.port, nil, true, []string{"FAIL  mail .*certificate", "ca-certificates"}},
		{"a certificate for another name", "localhost", "starttls", "correct horse", r.port, trusted, true, []string{"FAIL  mail .*localhost", "another name"}},
		{"TLS from the start where it begins in clear", "127.0.0.1", "implicit", "correct horse", r.port, trusted, true, []string{"FAIL  mail", `smtp.tls = "starttls"`}},
		{"nobody there", "127.0.0.1", "starttls", "correct horse", 1, trusted, true, []string{"FAIL  mail .*refused", "smtp.port"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := r.logins
			d := newDesk(t, fmt.Sprintf("[group]\nemail = \"watch@127.0.0.1.invalid\"\nbuiltin_sources = false\n[smtp]\nhost = %q\nport = %d\ntls = %q\nusername = \"watch@example.org\"\npassword_file = \"pw\"\n", tt.host, tt.port, tt.tls))
			if err := os.WriteFile(filepath.Join(d.dir, "pw"), []byte(tt.password+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out, _ := child(t, d, tt.env, "doctor")
			for _, want := range tt.says {
				if !matches(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if strings.Contains(out, tt.password) || strings.Contains(out, base64.StdEncoding.EncodeToString([]byte(tt.password))) {
				t.Errorf("the password is shown:\n%s", out)
			}
			if got := r.logins - before; tt.failed != (got == 0) {
				t.Errorf("%d logins", got)
			}
		})
	}
	if len(r.mails) > 0 {
		t.Errorf("mail was sent: %q", r.mails)
	}
}

func TestDoctorSendsATrial(t *testing.T) {
	r := newSecureRelay(t)
	d := newDesk(t, fmt.Sprintf("[group]\nname = \"Wächter & Co\"\nemail = \"watch@example.invalid\"\nbuiltin_sources = false\n[smtp]\nhost = \"127.0.0.1\"\nport = %d\nusername = \"watch@example.org\"\npassword_file = \"pw\"\n", r.port))
	if err := os.WriteFile(filepath.Join(d.dir, "pw"), []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := child(t, d, []string{"SSL_CERT_FILE=" + r.roots}, "doctor", "--test-mail", "me@example.net")
	if !matches(out, `ok    trial .*took the message`) || len(r.mails) != 1 {
		t.Fatalf("%d mails\n%s", len(r.mails), out)
	}
	for _, want := range []string{"me@example.net\n", "To: me@example.net\r\n", "Auto-Submitted: auto-generated\r\n", "Message-ID: <", "Subject: ", "nobody was subscribed"} {
		if !strings.Contains(strings.ReplaceAll(r.mails[0], "\n", "\r\n")+r.mails[0], want) {
			t.Errorf("no %q in\n%s", want, r.mails[0])
		}
	}
	if strings.Contains(r.mails[0], "List-Unsubscribe") {
		t.Error("a trial is no subscription's")
	}
}

// A zone is what a name server on loopback knows: name and type to answers.
type zone map[string][]dnsmessage.ResourceBody

// resolver is asked in process.
func (z zone) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := z.answer(buf[:n]); out != nil {
				_, _ = c.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: dialTo(c.LocalAddr().String())}
}

func (z zone) answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	bodies := z[strings.TrimSuffix(q.Name.String(), ".")+" "+strings.TrimPrefix(q.Type.String(), "Type")]
	if bodies == nil {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, b := range bodies {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: b})
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

func TestDoctorAsksAboutTheMailDomain(t *testing.T) {
	mx := func(host string) []dnsmessage.ResourceBody {
		return []dnsmessage.ResourceBody{&dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(host + ".")}}
	}
	txt := func(all ...string) (out []dnsmessage.ResourceBody) {
		for _, s := range all {
			out = append(out, &dnsmessage.TXTResource{TXT: []string{s[:len(s)/2], s[len(s)/2:]}}) // in two parts, as long ones are
		}
		return out
	}
	good := zone{
		"example.org MX": mx("mx.example.org"), "example.org TXT": txt("v=spf1 include:relay.example -all", "v=spf10 nothing", "verify=1"),
		"_dmarc.example.org TXT": txt("v=DMARC1; p=reject; rua=mailto:d@example.org"),
	}
	for _, tt := range []struct {
		name, domain string
		zone         zone
		want         []string
	}{
		{"all there", "example.org", good, []string{"ok example.org: mail to it goes to mx.example.org", "ok example.org: SPF says", "ok example.org: DMARC has others refuse"}},
		{"a subdomain under the policy of its domain", "watch.example.org", zone{"watch.example.org MX": mx("mx.example.org"), "watch.example.org TXT": txt("v=spf1 a +all"), "_dmarc.example.org TXT": txt("v=DMARC1; p=none")},
			[]string{"ok watch.example.org: mail", "warn watch.example.org: SPF lets everybody", "ok watch.example.org: DMARC is there, and asks nobody to refuse anything (from example.org)"}},
		{"nothing but an address", "example.org", zone{"example.org A": {&dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}},
			[]string{"warn example.org: has an address, and no MX", "warn example.org: no SPF", "warn example.org: no DMARC"}},
		{"no such domain", "exmaple.org", good, []string{"FAIL exmaple.org: there is no such mail domain", "warn exmaple.org: no SPF", "warn exmaple.org: no DMARC"}},
		{"null MX, and everything twice", "example.org", zone{"example.org MX": {&dnsmessage.MXResource{MX: dnsmessage.MustNewName(".")}},
			"example.org TXT": txt("v=spf1 -all", "v=spf1 mx ~all"), "_dmarc.example.org TXT": txt("v=DMARC1; p=none", "v=DMARC1; p=reject")},
			[]string{"FAIL example.org: takes no mail", "FAIL example.org: 2 SPF records", "FAIL example.org: 2 DMARC records"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, s := range askDomain(t.Context(), tt.zone.resolver(t), tt.domain, "relay.example") {
				if got := s.State + " " + s.What; !strings.HasPrefix(got, tt.want[i]) {
					t.Errorf("got %q, want %q", got, tt.want[i])
				}
			}
		})
	}
	silent := &net.Resolver{PreferGo: true, Dial: dialTo("127.0.0.1:1")}
	for _, s := range askDomain(t.Context(), silent, "example.org", "relay.example") {
		if s.State != unsure || !strings.Contains(s.What, "cannot be asked") {
			t.Errorf("no name server: %+v", s)
		}
	}
}

// A mailbox is looked into as it will be read, in clear to this machine only.
func TestDoctorAsksTheMailbox(t *testing.T) {
	for _, tt := range []struct{ name, password, folder, want string }{
		{"all is well", "s3cret", "INBOX", "takes the login and opens INBOX"},
		{"a wrong password", "s3cre", "INBOX", "refuses the login.*NO not you"},
		{"no such folder", "s3cret", "Bounces", "Bounces.*NO no such"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// This version's settings allow no mailbox yet, so the question is asked directly.
			m := config.Mailbox{Host: "127.0.0.1", Port: imap(t), TLS: "none", Username: "me", Password: config.NewSecret(tt.password), Folder: tt.folder}
			what, err := askMailbox(t.Context(), m)
			got := what
			if err != nil {
				got = err.Error()
				if len(mailboxAdvice(err)) == 0 {
					t.Error("no advice")
				}
			}
			if !matches(got, tt.want) || strings.Contains(got, tt.password) {
				t.Errorf("no %q in %q", tt.want, got)
			}
		})
	}
}

// imap serves one conversation of a mailbox on loopback.
func imap(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		fmt.Fprint(c, "* OK here\r\n")
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			tag, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch rest {
			case "AUTHENTICATE PLAIN":
				fmt.Fprint(c, "+ \r\n")
				login, _ := in.ReadString('\n')
				said, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(login))
				if !bytes.Equal(said, []byte("\x00me\x00s3cret")) {
					fmt.Fprint(c, tag+" NO not you\r\n")
					continue
				}
				fmt.Fprint(c, tag+" OK\r\n")
			case `EXAMINE "INBOX"`:
				fmt.Fprint(c, "* 3 EXISTS\r\n"+tag+" OK [READ-ONLY]\r\n")
			case "LOGOUT":
				fmt.Fprint(c, "* BYE\r\n"+tag+" OK\r\n")
				return
			default:
				fmt.Fprint(c, tag+" NO no such thing\r\n")
			}
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func matches(text, pattern string) bool {
	return regexp.MustCompile(`(?m)` + pattern).MatchString(text)
}

// dialTo connects to one address, whichever is asked for.
func dialTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", address)
	}
}
