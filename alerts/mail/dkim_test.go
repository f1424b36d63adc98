package mail

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"ccgwatch/alerts"
)

const toSign = "From: \"CCGWatch\" <alerts@example.org>\r\nTo: ann@example.net\r\nSubject: one\r\nDate: Mon, 10 Aug 2026 09:00:00 +0100\r\n" +
	"Message-ID: <x@example.org>\r\nList-Unsubscribe: <https://watch.example.org/u/x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nThe notice says so.\r\n"

func newDKIM(t *testing.T) *DKIM {
	t.Helper()
	key, err := NewDKIMKey()
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDKIM("example.org", "ccgwatch", key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// verify reads the signatures as a receiver does, with the record that we tell
// the operator to publish.
func verify(t *testing.T, d *DKIM, raw []byte) error {
	t.Helper()
	name, value, err := d.Record()
	if err != nil {
		t.Fatal(err)
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(n string) ([]string, error) {
		if n != name {
			t.Errorf("the name %s is looked up, not %s", n, name)
		}
		return []string{value}, nil
	}})
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].Domain != "example.org" {
		return errors.New("no signature of example.org")
	}
	return found[0].Err
}

// A signature holds, and no longer once anything that a reader sees, or a
// program acts on, was changed or added.
func TestSignature(t *testing.T) {
	t.Parallel()
	d := newDKIM(t)
	raw, err := d.Sign([]byte(toSign))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(raw, []byte(toSign)) || bytes.Contains(raw, []byte("l=")) && bytes.Contains(raw, []byte("; l=")) {
		t.Error("the message itself was changed, or only part of it is signed")
	}
	if err := verify(t, d, raw); err != nil {
		t.Error(err)
	}
	for _, line := range strings.Split(string(raw), "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d characters", len(line))
		}
	}
	for name, change := range map[string][2]string{
		"the body":             {"says so", "says no"},
		"the subject":          {"Subject: one", "Subject: two"},
		"a second subject":     {"Subject: one\r\n", "Subject: one\r\nSubject: two\r\n"},
		"a second sender":      {"To: ann", "From: eve@example.com\r\nTo: ann"},
		"the way out":          {"/u/x", "/u/y"},
		"one-click":            {"List-Unsubscribe=One-Click", "List-Unsubscribe=Never"},
		"a reply address":      {"Date:", "Reply-To: eve@example.com\r\nDate:"},
		"more behind the text": {"says so.\r\n", "says so.\r\nBuy now.\r\n"},
	} {
		if err := verify(t, d, []byte(strings.Replace(string(raw), change[0], change[1], 1))); err == nil {
			t.Errorf("%s was changed, and the signature holds", name)
		}
	}
}

func TestSigningWhatIsComposed(t *testing.T) {
	t.Parallel()
	d := newDKIM(t)
	sign := d.Signing(func(alerts.Letter) (alerts.Message, error) {
		return alerts.Message{MessageID: "<x@example.org>", Subject: "one", Raw: []byte(toSign)}, nil
	})
	m, err := sign(alerts.Letter{})
	if err != nil || m.Subject != "one" || verify(t, d, m.Raw) != nil {
		t.Error(m, err)
	}
	broken := errors.New("no")
	if _, err := d.Signing(func(alerts.Letter) (alerts.Message, error) { return alerts.Message{}, broken })(alerts.Letter{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestDKIMKeys(t *testing.T) {
	t.Parallel()
	key, err := NewDKIMKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(parsed.(*rsa.PrivateKey))})
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(edwards)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		domain, selector string
		key              []byte
		want             string
	}{
		"ours":                {"example.org", "ccgwatch", key, ""},
		"made by openssl":     {"example.org", "k2026", old, ""},
		"a selector of two":   {"example.org", "a.b", key, "selector"},
		"no selector":         {"example.org", "", key, "selector"},
		"no domain":           {"localhost", "a", key, "no domain"},
		"no PEM":              {"example.org", "a", []byte("hello"), "PEM"},
		"another kind of key": {"example.org", "a", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "RSA"},
		"half a key":          {"example.org", "a", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:9]}), "neither"},
	} {
		_, err := NewDKIM(tt.domain, tt.selector, tt.key)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Signing is the dearest step of a message.
func BenchmarkSign(b *testing.B) {
	key, err := NewDKIMKey()
	if err != nil {
		b.Fatal(err)
	}
	d, err := NewDKIM("example.org", "ccgwatch", key)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Sign([]byte(toSign)); err != nil {
			b.Fatal(err)
		}
	}
}

// A signature leaves a message as the reviewers' checklist wants it.
func TestSignedMailsPassTheChecklist(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT CHECKED: no python3 for emlcheck.py")
	}
	d := newDKIM(t)
	for name, args := range map[string][]string{
		"alert-one-pages.eml":  {"--kind", "alert", "--hosts", "watch.example.org,www.find-tender.service.gov.uk"},
		"digest-mailonly.eml":  {"--kind", "digest", "--mail-only"},
		"confirm-mailonly.eml": {"--kind", "confirm", "--mail-only"},
	} {
		plain, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := d.Sign(plain)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, d, raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		failures := func(file string) string {
			out, err := exec.CommandContext(t.Context(), python, append(append([]string{filepath.Join(shared(t), "tools", "emlcheck.py"), "--domain", "example.org"}, args...), file)...).CombinedOutput()
			if err != nil && !bytes.Contains(out, []byte("FAILS")) {
				t.Fatalf("%s: %v\n%s", file, err, out)
			}
			return regexp.MustCompile(`(?m)^(ok|.*\.eml) .*\n`).ReplaceAllString(string(out), "")
		}
		if was, is := failures(filepath.Join("testdata", name)), failures(file); was != is {
			t.Errorf("%s: signed: %s\nbefore: %s", name, is, was)
		}
	}
}
