package catalogue

import (
	"fmt"
	"strconv"
)

// A Relay is a mail service that takes mail from its customers by SMTP, and
// what one needs to know to use it. Its limits are those of its smallest plan.
type Relay struct {
	Name      string // "gmail"
	Host      string
	Port      int
	TLS       string // starttls or implicit
	Username  string // where everybody's is the same, else ""
	PerMinute int
	PerHour   int    // 0: none is known
	PerDay    int    // 0: none is known
	Note      string // what is needed, in words
}

// Relays are the mail services known by name, in the order of their names.
func Relays() ([]Relay, error) {
	return read("relays.csv", "id host port tls username per_minute per_hour per_day note", func(f row) (Relay, error) {
		r := Relay{Name: f["id"], Host: f["host"], TLS: f["tls"], Username: f["username"], Note: f["note"]}
		for _, n := range []struct {
			key  string
			into *int
		}{{"port", &r.Port}, {"per_minute", &r.PerMinute}, {"per_hour", &r.PerHour}, {"per_day", &r.PerDay}} {
			if f[n.key] == "" {
				continue
			}
			var err error
			if *n.into, err = strconv.Atoi(f[n.key]); err != nil || *n.into <= 0 {
				return r, fmt.Errorf("%s %q is no number above 0", n.key, f[n.key])
			}
		}
		if r.Port == 0 || r.PerMinute == 0 || r.TLS != "starttls" && r.TLS != "implicit" {
			return r, fmt.Errorf("%s: expected a port, a pace and starttls or implicit", r.Name)
		}
		return r, named(r.Name, r.Host)
	})
}
