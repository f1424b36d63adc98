// Package config reads what the operator says: one strict TOML file. It knows
// every key, its type and what may stand there, and reports all mistakes of a
// file at once, each with its line and what was expected. It imports nothing
// of ours and starts nothing; cmd joins it with the catalogue and passes plain
// values down.
//
// The file is TOML 1.0: tabs, CR LF line ends and a byte order mark are white
// space. The environment overrides nothing.
package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// A Config is what the operator says, with the defaults where nothing is said.
type Config struct {
	Path     string // of the file; "" when there is none
	Group    Group
	Fetch    Fetch
	Sources  []Source // in the order of the file; those of the catalogue are not in it
	SMTP     SMTP
	Mailbox  Mailbox
	Web      Web
	Operator Operator
	Letters  Letters
	Export   Export
	// Documents is how papers are read.
	Documents Documents
}

// Documents is how papers are read.
type Documents struct {
	// OCR has tesseract, where it is installed, read pages that are pictures.
	OCR bool
}

// Group is who runs this.
type Group struct {
	Name string
	// Email is the From of every mail and the contact in the User-Agent, one
	// bare address; "" when nothing was configured (mail is then written as files).
	Email string
	// URL is the public address of the pages without a trailing slash, e.g.
	// "https://watch.example.org"; "" when everything works by mail alone.
	URL            string
	Areas          []string // ids of areas; none is everywhere
	BuiltinSources bool     // follow the sources of the catalogue too
}

// Fetch is how we ask.
type Fetch struct {
	Delay        Duration       // between the starts of two requests to a host
	DelayGiven   bool           // the operator wants another one than the default: it replaces the built-in pace of a platform too
	Proxy        string         // "" for none; the environment's proxies are ignored
	AllowPrivate []netip.Prefix // private addresses that may be asked, for a test site
}

// A Source is one [[source]]. A field that is nil was not said: for a built-in
// id the catalogue's value stays, for any other the platform's.
type Source struct {
	ID         string
	Name       *string
	Platform   *string // one of Platforms
	Base       *string // http or https, no trailing slash
	Schedule   *Schedule
	Body       *string   // id, code or name of a body in the catalogue
	Page       *string   // path, or whole address, of the page with the list
	Layout     *string   // one of Layouts
	Committees *[]string // ids or names as the site has them; nil is all
	Delay      *Duration // replaces any built-in pace, never a site's own wish
	Hosts      *[]string // further hosts that may be asked
	Enabled    *bool     // false: not followed, for a built-in id
	Line       int       // where it stands in the file
}

// SMTP is the relay that takes our mail.
type SMTP struct {
	Host         string // "" writes .eml files to data/outbox
	Port         int
	TLS          string // starttls, implicit, none (loopback only)
	Username     string
	PasswordFile string
	Password     Secret // what PasswordFile holds
	Connections  int    // at a time, at most
	PerMinute    int    // messages a minute, at most, over all of them
	PerHour      int    // in any hour; 0: as many as there are
	PerDay       int    // in any 24 hours; 0: as many as there are
	Relay        string // name of a known mail service, whose settings hold where nothing else is said
	Note         string // what that service wants, in words
	// DKIMSelector and DKIMKeyFile sign what is sent; "" for none. The file may be
	// yet to be made (see 'ccgwatch dkim'); a relative path is relative to the file.
	DKIMSelector, DKIMKeyFile string
	// Fallback is a second relay, for when this one cannot be used; nil: none. It
	// has neither a Fallback nor a key of its own.
	Fallback *SMTP
}

// Mailbox is the mailbox read for subscribing, unsubscribing and bounces: at
// most one of Host, Maildir and Mbox is set.
type Mailbox struct {
	Host         string // of an IMAP server
	Port         int
	TLS          string // implicit, starttls, none (loopback only)
	Username     string
	PasswordFile string
	Password     Secret
	Folder       string
	Maildir      string // a directory; a relative path is relative to the file
	Mbox         string // a file, likewise
	// Plus: what is sent to NAME+anything comes to NAME. Bounces are told apart by it.
	Plus bool
}

// Read tells whether there is a mailbox that is read.
func (m Mailbox) Read() bool { return m.Host != "" || m.Maildir != "" || m.Mbox != "" }

// Web is the pages.
type Web struct {
	Listen string // host:port; "" serves none
	// Proxies are believed when they say for whom they ask (X-Forwarded-For);
	// from anybody else that header means nothing.
	Proxies []netip.Prefix
}

// Operator is what the one who runs it looks at, and who hears that it runs.
type Operator struct {
	// Listen is where the operator's own page and the metrics are, host:port with a
	// host of this machine alone; "" serves none.
	Listen string
	// Ping is asked now and then while all is well, so that whoever is behind it
	// raises the alarm when it is not asked any more (a dead-man's switch). "" asks
	// nobody. Its path is a secret.
	Ping Secret
	// PingEvery is how often.
	PingEvery Duration
	// DigestCopy is the operator's own address, which gets a copy of each run of
	// digests; "" for nobody. That they stay away is how one sees that mail goes
	// missing behind a relay that takes it.
	DigestCopy string
}

// Letters is how 'ccgwatch letter' writes.
type Letters struct {
	// Templates is a directory with templates of the group's own, "" for none; a
	// relative path is relative to the file.
	Templates string
}

// Export is where the daemon keeps the public record as files.
type Export struct {
	Dir   string   // "" for none; a relative path is relative to the file
	Every Duration // no oftener than that
	URL   string   // where the files are read, without a slash at the end; "" when nobody said
}

// Default is the configuration of an operator who says nothing.
func Default() Config {
	return Config{
		Group:    Group{Name: "CCGWatch", Areas: []string{"leicester", "leicestershire", "rutland"}, BuiltinSources: true},
		Fetch:    Fetch{Delay: Duration(5 * time.Second)},
		SMTP:     plainRelay(),
		Mailbox:  Mailbox{Port: 993, TLS: "implicit", Folder: "INBOX", Plus: true},
		Web:      Web{Listen: "127.0.0.1:8080", Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		Operator: Operator{PingEvery: Duration(time.Hour)},
		Export:   Export{Every: Duration(time.Hour)},
	}
}

// Platforms are the kinds of site that can be followed.
func Platforms() []string {
	return []string{"find-a-tender", "contracts-finder", "moderngov", "cmis", "boards", "whatdotheyknow", "feed", "page", "ccgwatch"}
}

// UsualSchedule is when a source of a platform is looked at where neither the
// file nor the catalogue says so; "" for an unknown platform.
func UsualSchedule(platform string) string {
	switch platform {
	case "find-a-tender":
		return "17 7-19 * * *"
	case "contracts-finder":
		return "47 7,10,13,16,19 * * *"
	case "moderngov", "cmis":
		return "5 7,12,17 * * *"
	case "boards", "feed", "page", "ccgwatch", "site": // a site of its own kind
		return "35 7,17 * * *"
	case "whatdotheyknow": // it asks for no more than once or twice a day
		return "25 8 * * *"
	}
	return ""
}

// Layouts are the ways in which a boards page can be arranged; "decisions" makes
// a moderngov source one of decisions and forward plans.
func Layouts() []string {
	return []string{"flat", "table", "accordion", "two-hop", "years", "news", "events", "decisions"}
}

// Known is what the catalogue knows. What is nil is not checked.
type Known struct {
	Areas   []string // ids
	Builtin []string // ids of sources we know how to read: these need neither platform nor base
	Bodies  []string // ids, codes and names
	Relays  []Relay
}

// A Relay is a mail service that is known by name: its settings and limits.
type Relay struct {
	Name, Host                 string
	Port                       int
	TLS                        string
	Username                   string // where everybody's is the same
	PerMinute, PerHour, PerDay int    // 0: none
	Note                       string // what is needed, in words
}

// TOML is the source as it is written into a file: one [[source]] that Load
// reads back as the same, to be appended to what is there.
func (s Source) TOML() (string, error) {
	var b strings.Builder
	b.WriteString("[[source]]\n")
	for _, field := range []struct {
		key   string
		value any
		said  bool
	}{
		{"id", s.ID, true},
		{"name", s.Name, s.Name != nil},
		{"platform", s.Platform, s.Platform != nil},
		{"base", s.Base, s.Base != nil},
		{"schedule", s.Schedule, s.Schedule != nil},
		{"body", s.Body, s.Body != nil},
		{"page", s.Page, s.Page != nil},
		{"layout", s.Layout, s.Layout != nil},
		{"committees", s.Committees, s.Committees != nil},
		{"delay", s.Delay, s.Delay != nil},
		{"hosts", s.Hosts, s.Hosts != nil},
		{"enabled", s.Enabled, s.Enabled != nil},
	} {
		if !field.said {
			continue
		}
		line, err := toml.Marshal(map[string]any{field.key: field.value})
		if err != nil {
			return "", fmt.Errorf("config: writing %s of source %s: %w", field.key, s.ID, err)
		}
		b.Write(line)
	}
	return b.String(), nil
}
