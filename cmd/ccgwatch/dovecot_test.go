package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/mail/inbox"
)

// A dovecot is a real Dovecot on loopback with a configuration, mailboxes and
// users of its own: IMAP over TLS from the first byte, and logins for Postfix.
type dovecot struct {
	dir        string
	imap, sasl int
	users      []string
	ca         string
}

// mailPassword is everybody's here.
const mailPassword = "correct horse battery"

// The two dialects of its settings: those of 2.3 (Debian 12) and those of 2.4.
const (
	dovecotCommon = `protocols = imap
listen = 127.0.0.1
base_dir = DIR/run
state_dir = DIR/run
log_path = DIR/log
ssl = required
auth_mechanisms = plain
first_valid_uid = 1
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = IMAP
    ssl = yes
  }
}
service auth {
  inet_listener sasl {
    port = SASL
  }
}
`
	dovecot23 = `mail_location = maildir:DIR/mail/%d/%n
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
passdb {
  driver = passwd-file
  args = DIR/users
}
userdb {
  driver = static
  args = uid=UID gid=GID home=DIR/home/%u
}
`
	dovecot24 = `dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
mail_driver = maildir
mail_path = DIR/mail/%{user | domain}/%{user | username}
ssl_server_cert_file = DIR/cert.pem
ssl_server_key_file = DIR/key.pem
passdb passwd-file {
  passwd_file_path = DIR/users
}
userdb static {
  fields {
    uid = UID
    gid = GID
    home = DIR/home/%{user}
  }
}
`
)

// startDovecot starts one for some users, or skips the test where there is none
// to start. It ends with the test.
func startDovecot(t *testing.T, users ...string) *dovecot {
	t.Helper()
	program, err := exec.LookPath("dovecot")
	if err != nil {
		program = "/usr/sbin/dovecot"
	}
	version, err := exec.Command(program, "--version").Output()
	owner, noOwner := user.Lookup("postfix") // who delivers is who reads
	if err != nil || noOwner != nil || os.Getuid() != 0 {
		t.Skip("NOT CHECKED against a real Dovecot: needs root and the Debian packages postfix, dovecot-core and dovecot-imapd")
	}
	dir, err := os.MkdirTemp("", "ccgwatch-dovecot-") //nolint:usetesting // t.TempDir is closed to Dovecot's own users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &dovecot{dir: dir, imap: freePort(t), sasl: freePort(t), users: users, ca: filepath.Join(dir, "ca.pem")}
	for _, sub := range []string{"", "run", "mail", "home"} {
		at := filepath.Join(dir, sub)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	vouch(t, dir)
	logins, settings := "", dovecot23+dovecotCommon
	for _, u := range users {
		logins += u + ":{PLAIN}" + mailPassword + "\n"
	}
	if !strings.HasPrefix(string(version), "2.3.") {
		settings = dovecot24 + dovecotCommon // the version must come first
	}
	fill := strings.NewReplacer("DIR", dir, "UID", owner.Uid, "GID", owner.Gid, "IMAP", strconv.Itoa(d.imap), "SASL", strconv.Itoa(d.sasl))
	for name, text := range map[string]string{"dovecot.conf": fill.Replace(settings), "users": logins} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(program, "-F", "-c", filepath.Join(dir, "dovecot.conf"))
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			t.Error("dovecot did not stop by itself")
		}
		if t.Failed() {
			t.Logf("dovecot says:\n%s", d.log())
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", d.at(d.imap), time.Second)
		if err == nil {
			_ = c.Close()
			return d
		}
		if len(ended) > 0 || time.Now().After(end) {
			t.Fatalf("dovecot %s did not start: %v\n%s", strings.TrimSpace(string(version)), err, d.log())
		}
	}
}

func (d *dovecot) at(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (d *dovecot) log() string {
	var out string
	for _, name := range []string{"said", "log"} {
		b, _ := os.ReadFile(filepath.Join(d.dir, name))
		out += string(b[max(0, len(b)-4000):])
	}
	return out
}

// postfix are the settings of a Postfix that delivers here, takes anybody as a
// recipient of its domains, and sends back what is for nobody, as a mail system
// does that finds out later.
func (d *dovecot) postfix() string {
	return "virtual_mailbox_base = " + d.dir + "/mail\nvirtual_mailbox_maps = texthash:DIR/etc/boxes\nrecipient_delimiter = +\nsmtpd_reject_unlisted_recipient = no\n"
}

func (d *dovecot) boxes() string {
	var b strings.Builder
	for _, u := range d.users {
		name, domain, _ := strings.Cut(u, "@")
		fmt.Fprintf(&b, "%s %s/%s/\n", u, domain, name)
	}
	return b.String()
}

// mailOf reads somebody's inbox as their mail program does, oldest first.
func (d *dovecot) mailOf(t *testing.T, who string) [][]byte {
	t.Helper()
	ca, err := os.ReadFile(d.ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	box := inbox.IMAP{
		Host: "127.0.0.1", Port: d.imap, TLS: "implicit", Username: who, Password: func() string { return mailPassword },
		Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, Timeout: time.Minute,
	}
	var out [][]byte
	if _, _, err := box.Each(t.Context(), inbox.Mark{}, func(raw []byte) error {
		out = append(out, slices.Clone(raw))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// waitFor waits until somebody has n messages, and gives them all.
func (d *dovecot) waitFor(t *testing.T, who string, n int, why string) [][]byte {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		all := d.mailOf(t, who)
		switch {
		case len(all) == n:
			return all
		case len(all) > n, time.Now().After(end):
			t.Fatalf("%s: %s has %d messages, not %d", why, who, len(all), n)
		}
	}
}
