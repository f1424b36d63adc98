package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxFile is far more than a configuration needs: a larger file is a mistake.
const maxFile = 1 << 20

// Load reads a file without a catalogue to check it against.
func Load(path string) (Config, error) { return Known{}.Load(path) }

// Load reads a file, the password files it names included (their paths are
// relative to the file), and checks it. The error is an *Error that lists every
// mistake, or says why the file could not be read; the Config is then empty.
func (k Known) Load(path string) (Config, error) {
	b, err := readFile(path, maxFile)
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c, faults := k.parse(b)
	if c.Path = path; !faults.broken {
		dir := filepath.Dir(path)
		for _, name := range []*string{&c.Letters.Templates, &c.Mailbox.Maildir, &c.Mailbox.Mbox, &c.SMTP.DKIMKeyFile, &c.Export.Dir} {
			if *name != "" && !filepath.IsAbs(*name) {
				*name = filepath.Join(dir, *name)
			}
		}
		faults.secret("smtp.password_file", dir, c.SMTP.PasswordFile, &c.SMTP.Password)
		if s := c.SMTP.Fallback; s != nil {
			faults.secret("smtp.fallback.password_file", dir, s.PasswordFile, &s.Password)
		}
		faults.secret("mailbox.password_file", dir, c.Mailbox.PasswordFile, &c.Mailbox.Password)
	}
	if err := faults.err(path); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Parse is Load for bytes: it reads no other file. Name is for messages.
func (k Known) Parse(name string, b []byte) (Config, error) {
	if len(b) > maxFile {
		return Config{}, fmt.Errorf("config: %s: larger than %d bytes", name, maxFile)
	}
	c, faults := k.parse(b)
	if err := faults.err(name); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (k Known) parse(b []byte) (Config, *faults) {
	c := Default()
	top, faults := parseTree(b)
	if faults.broken {
		return c, faults
	}
	if t, ok := top.table("group"); ok {
		readGroup(t, &c.Group, k)
	}
	if t, ok := top.table("fetch"); ok {
		var delay *Duration
		if maybe(t, "delay", &delay, duration); delay != nil {
			c.Fetch.DelayGiven = *delay != c.Fetch.Delay // the default written out changes nothing
			c.Fetch.Delay = *delay
		}
		set(t, "proxy", &c.Fetch.Proxy, empty(proxy))
		set(t, "allow_private", &c.Fetch.AllowPrivate, list(network))
		t.done()
	}
	for _, t := range top.tables("source") {
		c.Sources = append(c.Sources, readSource(t, k))
	}
	if t, ok := top.table("smtp"); ok {
		readSMTP(t, &c.SMTP, k)
	}
	if t, ok := top.table("mailbox"); ok {
		m := &c.Mailbox
		readServer(t, &m.Host, &m.Port, &m.TLS, &m.Username, &m.PasswordFile)
		set(t, "folder", &m.Folder, text)
		set(t, "maildir", &m.Maildir, empty(text))
		set(t, "mbox", &m.Mbox, empty(text))
		set(t, "plus", &m.Plus, boolean)
		t.done()
	}
	if t, ok := top.table("web"); ok {
		set(t, "listen", &c.Web.Listen, empty(listenAddress))
		set(t, "proxies", &c.Web.Proxies, list(network))
		t.done()
	}
	if t, ok := top.table("operator"); ok {
		set(t, "listen", &c.Operator.Listen, empty(listenAddress))
		set(t, "ping", &c.Operator.Ping, pingAddress)
		set(t, "ping_every", &c.Operator.PingEvery, duration)
		set(t, "digest_copy", &c.Operator.DigestCopy, empty(emailAddress))
		t.done()
	}
	if t, ok := top.table("export"); ok {
		set(t, "dir", &c.Export.Dir, empty(text))
		set(t, "every", &c.Export.Every, duration)
		set(t, "url", &c.Export.URL, empty(filesURL))
		t.done()
	}
	if t, ok := top.table("letters"); ok {
		set(t, "templates", &c.Letters.Templates, empty(text))
		t.done()
	}
	if t, ok := top.table("documents"); ok {
		set(t, "ocr", &c.Documents.OCR, boolean)
		t.done()
	}
	top.done()
	checkWhole(&c, k, faults)
	return c, faults
}

func readGroup(t *table, g *Group, k Known) {
	set(t, "name", &g.Name, text)
	set(t, "email", &g.Email, empty(emailAddress))
	set(t, "url", &g.URL, empty(publicURL))
	set(t, "areas", &g.Areas, list(known("area", k.Areas)))
	set(t, "builtin_sources", &g.BuiltinSources, boolean)
	t.done()
}

func readSource(t *table, k Known) Source {
	s := Source{Line: t.line()}
	set(t, "id", &s.ID, id)
	maybe(t, "name", &s.Name, text)
	maybe(t, "platform", &s.Platform, oneOf(Platforms()...))
	maybe(t, "base", &s.Base, siteURL)
	maybe(t, "schedule", &s.Schedule, schedule)
	maybe(t, "body", &s.Body, body(k.Bodies))
	maybe(t, "page", &s.Page, pagePath)
	maybe(t, "layout", &s.Layout, oneOf(Layouts()...))
	maybe(t, "committees", &s.Committees, list(committee))
	maybe(t, "delay", &s.Delay, duration)
	maybe(t, "hosts", &s.Hosts, list(hostName))
	maybe(t, "enabled", &s.Enabled, boolean)
	t.done()
	return s
}

// readRelay takes the settings of the relay that is named, and then what the
// operator says, which counts for more.
func readRelay(t *table, s *SMTP, k Known) {
	set(t, "relay", &s.Relay, empty(knownRelay(k.Relays)))
	for _, r := range k.Relays {
		if r.Name == s.Relay {
			s.Host, s.Port, s.TLS, s.Username, s.Note = r.Host, r.Port, r.TLS, r.Username, r.Note
			s.PerMinute, s.PerHour, s.PerDay = r.PerMinute, r.PerHour, r.PerDay
		}
	}
	usual := s.TLS
	port := 0
	readServer(t, &s.Host, &port, &s.TLS, &s.Username, &s.PasswordFile)
	switch {
	case port != 0:
		s.Port = port
	case s.TLS == "implicit" && usual != "implicit":
		s.Port = 465
	case s.TLS == "starttls" && usual == "implicit":
		s.Port = 587
	}
	set(t, "connections", &s.Connections, connections)
	set(t, "per_minute", &s.PerMinute, perMinute)
	set(t, "per_hour", &s.PerHour, limit("an hour"))
	set(t, "per_day", &s.PerDay, limit("a day"))
}

func readServer(t *table, host *string, port *int, tls, username, passwordFile *string) {
	set(t, "host", host, empty(hostName))
	set(t, "port", port, portNumber)
	set(t, "tls", tls, oneOf("starttls", "implicit", "none"))
	set(t, "username", username, empty(text))
	set(t, "password_file", passwordFile, empty(text))
}

// checkWhole finds the mistakes that need more than one value to see.
func checkWhole(c *Config, k Known, f *faults) {
	lines := map[string]int{}
	for i, s := range c.Sources {
		at := fmt.Sprintf("source[%d]", i)
		if s.ID == "" {
			f.addOnce(at, "id", "is missing; expected a name of a-z, 0-9 and -")
			continue
		}
		if first, ok := lines[s.ID]; ok {
			f.add(at+".id", "%q is already the id of the source on line %d", s.ID, first)
			continue
		}
		lines[s.ID] = s.Line
		if k.Builtin == nil || slices.Contains(k.Builtin, s.ID) {
			continue
		}
		hint := "it is no built-in source"
		if near := nearest(s.ID, k.Builtin); near != "" {
			hint += fmt.Sprintf(" (did you mean %q?)", near)
		}
		if s.Platform == nil {
			f.addOnce(at, "platform", "is missing for %q; %s; expected one of %s", s.ID, hint, strings.Join(Platforms(), ", "))
		}
		if s.Base == nil {
			f.addOnce(at, "base", "is missing for %q; %s; expected the address of the site", s.ID, hint)
		}
	}
	if c.SMTP.Host != "" && c.Group.Email == "" {
		f.addOnce("group", "email", "is missing; mail needs a From address as soon as smtp.host is set")
	}
	checkRelay(f, "smtp", c.SMTP)
	checkFallback(f, c.SMTP)
	checkServer(f, "mailbox", c.Mailbox.Host, c.Mailbox.TLS, c.Mailbox.Username, c.Mailbox.PasswordFile)
	checkMailbox(c, f)
	switch s := c.SMTP; {
	case s.DKIMSelector != "" && s.DKIMKeyFile == "":
		f.addOnce("smtp", "dkim_key_file", "is missing; dkim_selector is set")
	case s.DKIMSelector == "" && s.DKIMKeyFile != "":
		f.addOnce("smtp", "dkim_selector", "is missing; dkim_key_file is set")
	case s.DKIMSelector != "" && c.Group.Email == "":
		f.addOnce("group", "email", "is missing; mail is signed in the name of its domain")
	}
	if host, _, err := net.SplitHostPort(c.Operator.Listen); err == nil && !loopback(host) {
		f.add("operator.listen", "%q can be reached from other machines; the operator's page is for this one alone: 127.0.0.1:8081", c.Operator.Listen)
	}
	if c.Operator.DigestCopy != "" && c.Group.Email == "" {
		f.addOnce("group", "email", "is missing; mail needs a From address as soon as operator.digest_copy is set")
	}
	if c.Operator.PingEvery < Duration(time.Minute) {
		f.add("operator.ping_every", "%q is too often; expected a minute or more", c.Operator.PingEvery.String())
	}
	if c.Export.Every < Duration(time.Minute) {
		f.add("export.every", "%q is too often; expected a minute or more", c.Export.Every.String())
	}
	if host, _, err := net.SplitHostPort(c.Web.Listen); err == nil && c.Group.URL == "" && !loopback(host) {
		f.add("web.listen", "%q can be reached from other machines; set group.url to the public address, or listen on 127.0.0.1", c.Web.Listen)
	}
}

// checkMailbox wants one mailbox at most, and to know whose it is.
func checkMailbox(c *Config, f *faults) {
	m := c.Mailbox
	if m.Read() && c.Group.Email == "" {
		f.addOnce("group", "email", "is missing; it is the address that people write to as soon as a mailbox is set")
	}
	switch {
	case m.Host != "" && m.Maildir != "", m.Maildir != "" && m.Mbox != "":
		f.addOnce("mailbox", "maildir", "is set beside another mailbox; expected one of host, maildir and mbox")
	case m.Host != "" && m.Mbox != "":
		f.addOnce("mailbox", "mbox", "is set beside another mailbox; expected one of host, maildir and mbox")
	}
}

func checkServer(f *faults, name, host, tls, username, passwordFile string) {
	switch {
	case host == "":
		return
	case tls == "none" && !loopback(host):
		f.add(name+".tls", "%q is for a server on this machine only; expected starttls or implicit", tls)
	}
	switch {
	case username != "" && passwordFile == "":
		f.addOnce(name, "password_file", "is missing; username is set")
	case username == "" && passwordFile != "":
		f.addOnce(name, "username", "is missing; password_file is set")
	}
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// secret reads a password file. The mistake stands at the key that names it.
func (f *faults) secret(key, dir, name string, into *Secret) {
	if name == "" {
		return
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	s, err := ReadSecret(name)
	if err != nil {
		f.add(key, "%v", err)
		return
	}
	*into = s
}

// ReadSecret reads a password file: one line, one trailing newline dropped,
// readable by its owner alone (systemd's credentials, which the service's group
// may read, excepted).
func ReadSecret(name string) (Secret, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Secret{}, plainError(err)
	}
	if mode := info.Mode(); mode.IsRegular() {
		allowed := fs.FileMode(0o600)
		if strings.HasPrefix(name, "/run/credentials/") {
			allowed = 0o640
		}
		if mode.Perm()&^(allowed|0o100) != 0 {
			return Secret{}, fmt.Errorf("%s: others may read it (mode %04o); expected 0600", name, mode.Perm())
		}
	}
	b, err := readFile(name, 4<<10)
	if err != nil {
		return Secret{}, err
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case s == "":
		return Secret{}, fmt.Errorf("%s: is empty; expected a password", name)
	case strings.ContainsAny(s, "\r\n\x00"):
		return Secret{}, fmt.Errorf("%s: holds more than one line; expected a password", name)
	}
	return Secret{s}, nil
}

// readFile reads a regular file of up to limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, plainError(err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is no file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plainError(err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, limit)
	}
	return b, nil
}

// plainError puts the file first, as every message of this package does, and
// keeps what a caller may ask for (fs.ErrNotExist).
func plainError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}
