package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A postfix is a real Postfix on loopback with a configuration, a queue and
// mailboxes of its own; nothing of the machine's mail is touched. It takes mail
// over STARTTLS, from who logs in, for example.net and example.org.
type postfix struct {
	dir  string
	port int
	ca   string // file with the authority that vouches for it
}

const postfixUser, postfixPassword = "watch@example.org", "correct horse battery"

const postfixMain = `compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
command_directory = /usr/sbin
daemon_directory = DAEMONS
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.net example.org
BOXESvirtual_minimum_uid = 1
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
alias_maps =
alias_database =
maillog_file = DIR/maillog
maillog_file_prefixes = DIR
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:SASL
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_client_connection_rate_limit = 0
`

const postfixMaster = `127.0.0.1:PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix starts one, or skips the test where there is none to start. With
// a Dovecot, that one knows who may log in, and mail goes into its mailboxes.
func startPostfix(t *testing.T, box *dovecot) *postfix {
	t.Helper()
	program, err := exec.LookPath("postfix")
	if err != nil {
		program = "/usr/sbin/postfix"
	}
	daemons := "/usr/lib/postfix/sbin"
	owner, noOwner := user.Lookup("postfix")
	if _, err := os.Stat(filepath.Join(daemons, "master")); err != nil || noOwner != nil || os.Getuid() != 0 {
		t.Skip("NOT CHECKED against a real Postfix: needs root and the Debian package postfix")
	}
	dir, err := os.MkdirTemp("", "ccgwatch-postfix-") //nolint:usetesting // t.TempDir is closed to Postfix's own users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &postfix{dir: dir, port: freePort(t), ca: filepath.Join(dir, "ca.pem")}
	uid, gid := number(t, owner.Uid), number(t, owner.Gid)
	for _, d := range []struct {
		name  string
		owned bool
	}{{"", false}, {"etc", false}, {"queue", false}, {"data", true}, {"mail", true}} {
		at := filepath.Join(dir, d.name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if d.owned {
			if err := os.Chown(at, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
	}
	vouch(t, dir)
	boxes, sasl := "virtual_mailbox_base = DIR/mail\nvirtual_mailbox_maps = static:box/\n", 0
	if box == nil {
		sasl = doorman(t)
	} else {
		boxes, sasl = box.postfix(), box.sasl
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "etc", "boxes"), []byte(box.boxes()), 0o644), os.Chown(filepath.Join(box.dir, "mail"), uid, gid)); err != nil {
			t.Fatal(err)
		}
	}
	fill := strings.NewReplacer("DIR", dir, "DAEMONS", daemons, "UID", owner.Uid, "GID", owner.Gid, "PORT", strconv.Itoa(p.port), "SASL", strconv.Itoa(sasl))
	for name, text := range map[string]string{"main.cf": strings.Replace(postfixMain, "BOXES", boxes, 1), "master.cf": postfixMaster} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(fill.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(verb string) ([]byte, error) {
		return exec.Command(program, "-c", filepath.Join(dir, "etc"), verb).CombinedOutput()
	}
	if out, err := run("start"); err != nil {
		t.Fatalf("postfix start: %v\n%s\n%s", err, out, p.log())
	}
	t.Cleanup(func() {
		if out, err := run("stop"); err != nil {
			t.Errorf("postfix stop: %v\n%s", err, out)
		}
		if t.Failed() {
			t.Logf("postfix says:\n%s", p.log())
		}
	})
	return p
}

func (p *postfix) log() string {
	b, _ := os.ReadFile(filepath.Join(p.dir, "maillog"))
	return string(b[max(0, len(b)-6000):])
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// vouch makes an authority in dir, and a certificate of it for 127.0.0.1.
func vouch(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
			t.Fatal(err)
		}
	}
	issue := func(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c.SerialNumber, c.NotBefore, c.NotAfter, c.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour), true
		if parent == nil {
			parent, signer = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, caKey := issue(ca, nil, nil)
	der, key := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "relay.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca, caKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.pem", "CERTIFICATE", caDER, 0o644)
	write("cert.pem", "CERTIFICATE", der, 0o644)
	write("key.pem", "PRIVATE KEY", keyDER, 0o600)
}

// doorman answers Postfix's questions about logins as Dovecot does (its
// authentication protocol 1.2), on loopback: who knows the password may send.
func doorman(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	right := base64.StdEncoding.EncodeToString([]byte("\x00" + postfixUser + "\x00" + postfixPassword))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintf(c, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					f := strings.Split(lines.Text(), "\t")
					if f[0] != "AUTH" || len(f) < 3 {
						continue
					}
					if f[2] == "PLAIN" && f[len(f)-1] == "resp="+right {
						fmt.Fprintf(c, "OK\t%s\tuser=%s\n", f[1], postfixUser)
					} else {
						fmt.Fprintf(c, "FAIL\t%s\treason=no\n", f[1])
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// delivered waits until Postfix has delivered n messages and its queue is
// empty, and gives them as they were submitted, by recipient: without the lines
// that it put in front.
func (p *postfix) delivered(t *testing.T, n int) map[string][][]byte {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(p.dir, "mail", "box", "new", "*"))
		if err != nil {
			t.Fatal(err)
		}
		waiting := 0
		for _, q := range []string{"incoming", "active", "deferred", "maildrop"} {
			_ = filepath.WalkDir(filepath.Join(p.dir, "queue", q), func(_ string, e os.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					waiting++
				}
				return nil
			})
		}
		if (len(files) < n || waiting > 0) && time.Now().Before(end) {
			continue
		}
		if len(files) < n {
			t.Fatalf("%d messages delivered of %d", len(files), n)
		}
		out := map[string][][]byte{}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			to, message := asSubmitted(raw)
			out[to] = append(out[to], message)
		}
		return out
	}
}

// asSubmitted takes away what was put in front of a message (Return-Path,
// X-Original-To, Delivered-To, Received), and restores its line ends.
func asSubmitted(raw []byte) (to string, message []byte) {
	for {
		line, rest, ok := bytes.Cut(raw, []byte("\n"))
		name, value, _ := strings.Cut(string(line), ":")
		switch {
		case !ok, !strings.HasPrefix(string(line), "\t") && name != "Return-Path" && name != "X-Original-To" && name != "Delivered-To" && name != "Received":
			return to, bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
		case name == "Delivered-To":
			to = strings.TrimSpace(value)
		}
		raw = rest
	}
}
