package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A relay that is named brings its settings; what the operator says counts for
// more, and the port follows the kind of TLS.
func TestRelayByName(t *testing.T) {
	k := Known{Relays: []Relay{
		{Name: "gmail", Host: "smtp.gmail.example", Port: 587, TLS: "starttls", PerMinute: 20, PerDay: 500, Note: "an app password"},
		{Name: "quick", Host: "smtp.quick.example", Port: 465, TLS: "implicit", Username: "apikey", PerMinute: 60, PerHour: 100},
	}}
	for name, tt := range map[string]struct {
		toml string
		want SMTP
	}{
		"its settings": {
			"relay = \"gmail\"\nusername = \"a@example.org\"\npassword_file = \"x\"",
			SMTP{Relay: "gmail", Host: "smtp.gmail.example", Port: 587, TLS: "starttls", Username: "a@example.org", PasswordFile: "x", Connections: 1, PerMinute: 20, PerDay: 500, Note: "an app password"},
		},
		"and its user name": {
			"relay = \"quick\"\npassword_file = \"x\"",
			SMTP{Relay: "quick", Host: "smtp.quick.example", Port: 465, TLS: "implicit", Username: "apikey", PasswordFile: "x", Connections: 1, PerMinute: 60, PerHour: 100},
		},
		"the operator's own words": {
			"relay = \"gmail\"\nhost = \"relay.example\"\nport = 2525\nper_minute = 6\nper_hour = 7\nper_day = 0\nusername = \"a\"\npassword_file = \"x\"",
			SMTP{Relay: "gmail", Host: "relay.example", Port: 2525, TLS: "starttls", Username: "a", PasswordFile: "x", Connections: 1, PerMinute: 6, PerHour: 7, Note: "an app password"},
		},
		"TLS from the first byte is on 465": {
			"relay = \"gmail\"\ntls = \"implicit\"\nusername = \"a\"\npassword_file = \"x\"",
			SMTP{Relay: "gmail", Host: "smtp.gmail.example", Port: 465, TLS: "implicit", Username: "a", PasswordFile: "x", Connections: 1, PerMinute: 20, PerDay: 500, Note: "an app password"},
		},
		"and STARTTLS on 587": {
			"relay = \"quick\"\ntls = \"starttls\"\npassword_file = \"x\"",
			SMTP{Relay: "quick", Host: "smtp.quick.example", Port: 587, TLS: "starttls", Username: "apikey", PasswordFile: "x", Connections: 1, PerMinute: 60, PerHour: 100},
		},
		"without a name, too":       {"host = \"a.example\"\ntls = \"implicit\"", SMTP{Host: "a.example", Port: 465, TLS: "implicit", Connections: 1, PerMinute: 60}},
		"many connections":          {"host = \"a.example\"\nconnections = 4", SMTP{Host: "a.example", Port: 587, TLS: "starttls", Connections: 4, PerMinute: 60}},
		"unless a port is given":    {"host = \"a.example\"\ntls = \"implicit\"\nport = 587", SMTP{Host: "a.example", Port: 587, TLS: "implicit", Connections: 1, PerMinute: 60}},
		"none of it: files, as now": {"", SMTP{Port: 587, TLS: "starttls", Connections: 1, PerMinute: 60}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := k.Parse("x.toml", []byte("[group]\nemail = \"a@example.org\"\n[smtp]\n"+tt.toml+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, c.SMTP, cmp.AllowUnexported(Secret{})); d != "" {
				t.Error(d)
			}
		})
	}
	for toml, want := range map[string]string{
		`relay = "gmial"`:                       `smtp.relay "gmial" is no known relay; expected one of gmail, quick; did you mean "gmail"?`,
		`relay = "nowhere"`:                     `smtp.relay "nowhere" is no known relay; expected one of gmail, quick; for any other, set host`,
		"host = \"a.example\"\nconnections = 0": `smtp.connections is 0; expected a number of connections, 1 to 32`,
		`relay = "gmail"`:                       `smtp.username is missing; the relay gmail wants a login`,
		"host = \"a.example\"\nper_day = -1":    `smtp.per_day is -1; expected a number of messages a day, 0 for no limit`,
		"host = \"a.example\"\nper_hour = 1.5":  `smtp.per_hour is 1.5; expected a number of messages an hour`,
	} {
		_, err := k.Parse("x.toml", []byte("[group]\nemail = \"a@example.org\"\n[smtp]\n"+toml+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", toml, err, want)
		}
	}
}
