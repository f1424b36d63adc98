package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The second relay has the keys of the first, a login of its own, and the same rules.
func TestFallbackRelay(t *testing.T) {
	k := Known{Relays: []Relay{{Name: "quick", Host: "smtp.quick.example", Port: 465, TLS: "implicit", Username: "apikey", PerMinute: 60, PerHour: 100}}}
	const first = "[group]\nemail = \"a@example.org\"\n[smtp]\nhost = \"a.example\"\n"
	for name, tt := range map[string]struct {
		toml string
		want *SMTP
	}{
		"none":               {"", nil},
		"by its host":        {"[smtp.fallback]\nhost = \"b.example\"", &SMTP{Host: "b.example", Port: 587, TLS: "starttls", Connections: 1, PerMinute: 60}},
		"by name":            {"[smtp.fallback]\nrelay = \"quick\"\npassword_file = \"x\"\nper_day = 9", &SMTP{Relay: "quick", Host: "smtp.quick.example", Port: 465, TLS: "implicit", Username: "apikey", PasswordFile: "x", Connections: 1, PerMinute: 60, PerHour: 100, PerDay: 9}},
		"another port of it": {"[smtp.fallback]\nhost = \"a.example\"\nport = 2525\nconnections = 3", &SMTP{Host: "a.example", Port: 2525, TLS: "starttls", Connections: 3, PerMinute: 60}},
		"inline":             {"fallback = {host = \"b.example\"}", &SMTP{Host: "b.example", Port: 587, TLS: "starttls", Connections: 1, PerMinute: 60}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := k.Parse("x.toml", []byte(first+tt.toml+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, c.SMTP.Fallback, cmp.AllowUnexported(Secret{})); d != "" {
				t.Error(d)
			}
			if c.SMTP.Host != "a.example" {
				t.Errorf("the first is %+v", c.SMTP)
			}
		})
	}
	for toml, want := range map[string]string{
		"[smtp.fallback]\nhost = \"b.example\"\ndkim_selector = \"x\"":             `x.toml:7: smtp.fallback.dkim_selector is no known key; expected one of relay, host`,
		"[smtp.fallback]\nhots = \"b.example\"":                                    `x.toml:6: smtp.fallback.hots is no known key; did you mean "host"?`,
		"[smtp.fallback]\nport = 25":                                               `smtp.fallback.host is missing; expected the host of a second relay`,
		"[smtp.fallback]\nhost = \"a.example\"":                                    `x.toml:6: smtp.fallback.host "a.example" is the first relay again`,
		"[smtp.fallback]\nhost = \"b.example\"\nusername = \"u\"":                  `smtp.fallback.password_file is missing; username is set`,
		"[smtp.fallback]\nhost = \"b.example\"\ntls = \"none\"":                    `smtp.fallback.tls "none" is for a server on this machine only`,
		"[smtp.fallback]\nrelay = \"quikc\"":                                       `smtp.fallback.relay "quikc" is no known relay`,
		"[smtp.fallback]\nhost = \"b.example\"\n[smtp.fallback.fallback]\nhost=''": `smtp.fallback.fallback is no known key`,
		"fallback = \"b.example\"":                                                 `smtp.fallback is a text; expected a table`,
		"[operator]\ndigest_copy = \"nobody\"":                                     `operator.digest_copy`,
	} {
		_, err := k.Parse("x.toml", []byte(first+toml+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", toml, err, want)
		}
	}
	if _, err := k.Parse("x.toml", []byte("[group]\nemail = \"a@example.org\"\n[smtp.fallback]\nhost = \"b.example\"\n")); err == nil || !strings.Contains(err.Error(), "smtp.host is missing; [smtp.fallback] is for when the first") {
		t.Error(err)
	}
	if _, err := k.Parse("x.toml", []byte("[operator]\ndigest_copy = \"me@example.org\"\n")); err == nil || !strings.Contains(err.Error(), "group.email is missing") {
		t.Error(err)
	}
}

// Its password is read from its own file, and never printed.
func TestFallbackPassword(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one": "mellon\n", "two": "friend\n",
		"x.toml": "[group]\nemail = \"a@example.org\"\n[smtp]\nhost = \"a.example\"\nusername = \"u\"\npassword_file = \"one\"\n[smtp.fallback]\nhost = \"b.example\"\nusername = \"v\"\npassword_file = \"two\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "x.toml"))
	if err != nil || c.SMTP.Password.Reveal() != "mellon" || c.SMTP.Fallback.Password.Reveal() != "friend" {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "two"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "x.toml")); err == nil || !strings.Contains(err.Error(), "smtp.fallback.password_file") || strings.Contains(err.Error(), "friend") {
		t.Error(err)
	}
}
