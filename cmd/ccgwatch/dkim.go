package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/alerts/mail"
	"ccgwatch/config"
)

// signed gives what puts letters and service mails into words, signed if a key
// is configured.
func (a *app) signed(compose *mail.Composer) (letters func(alerts.Letter) (alerts.Message, error), services func(alerts.Service) (alerts.Message, error), err error) {
	if a.cfg.SMTP.DKIMSelector == "" {
		a.sign = func(raw []byte) ([]byte, error) { return raw, nil }
		return compose.Compose, compose.ComposeService, nil
	}
	key, err := readDKIM(a.cfg)
	if err != nil {
		return nil, nil, err
	}
	a.sign = key.Sign
	return key.Signing(compose.Compose), key.SigningService(compose.ComposeService), nil
}

// readDKIM reads the key that is configured. No error quotes it.
func readDKIM(cfg config.Config) (*mail.DKIM, error) {
	const setting = "config: smtp.dkim_key_file: %w"
	name := cfg.SMTP.DKIMKeyFile
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("config: smtp.dkim_key_file: there is no %s; 'ccgwatch dkim' makes it: %w", name, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf(setting, err)
	case info.Mode().Perm()&0o077 != 0 && !strings.HasPrefix(name, "/run/credentials/"):
		return nil, fmt.Errorf("config: smtp.dkim_key_file: %s: others may read it (mode %04o); expected 0600", name, info.Mode().Perm())
	case info.Size() > 64<<10:
		return nil, fmt.Errorf("config: smtp.dkim_key_file: %s: larger than a key", name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf(setting, err)
	}
	key, err := mail.NewDKIM(mailDomain(cfg), cfg.SMTP.DKIMSelector, b)
	if err != nil {
		return nil, fmt.Errorf("config: smtp.dkim_key_file: %s: %w", name, err)
	}
	return key, nil
}

// mailDomain is the domain that mail comes from.
func mailDomain(cfg config.Config) string {
	return strings.ToLower(cfg.Group.Email[strings.LastIndexByte(cfg.Group.Email, '@')+1:])
}

type dkimCmd struct {
	JSON bool `name:"json"`
}

// jsonRecord is a line of dkim --json.
type jsonRecord struct {
	For   string `json:"for"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Run makes the key if there is none, and prints what the name server must say.
// It needs no store.
func (c *dkimCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if cfg.SMTP.DKIMSelector == "" {
		return usagef("no signature is configured. Where the relay does not sign already, add to [smtp] in %s:\n  dkim_selector = \"ccgwatch\"\n  dkim_key_file = \"dkim.key\"", e.configPath)
	}
	key, err := readDKIM(cfg)
	made := false
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDKIM(cfg.SMTP.DKIMKeyFile); err == nil {
			made = true
			key, err = readDKIM(cfg)
		}
	}
	if err != nil {
		return err
	}
	records, err := recordsFor(cfg, key)
	if err != nil {
		return err
	}
	if c.JSON {
		for _, r := range records {
			if err := printJSON(e.stdout, r); err != nil {
				return err
			}
		}
		return nil
	}
	if made {
		fmt.Fprintf(e.stdout, "A key was made: %s. Whoever has it can sign as you: keep it, copy it, show it to nobody.\n\n", cfg.SMTP.DKIMKeyFile)
	}
	fmt.Fprintf(e.stdout, "Tell whoever keeps the names of %s to add these records:\n", mailDomain(cfg))
	for _, r := range records {
		fmt.Fprintf(e.stdout, "\n%s\n  name   %s\n  type   %s\n  value  %s\n%s\n", r.For, r.Name, r.Type, r.Value, indentText(wrapText(78, r.Why)))
	}
	fmt.Fprintf(e.stdout, "\nThen 'ccgwatch doctor' tells whether the key is seen.\n")
	return nil
}

// makeDKIM makes a key that appears complete or not at all, for its owner alone.
// One that is there is never replaced: its record may be published.
func makeDKIM(name string) error {
	key, err := mail.NewDKIMKey()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("dkim: %w", err)
	}
	tmp := name + ".new"
	if err := writeWhole(tmp, key); err != nil {
		return fmt.Errorf("dkim: %w", err)
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("dkim: %s was made meanwhile; call this again", name)
		}
		if err := os.Rename(tmp, name); err != nil { // a file system without links
			return fmt.Errorf("dkim: %w", err)
		}
	}
	return syncDir(filepath.Dir(name))
}

// recordsFor are the records of a domain: the key, which is certain, and what to
// say of who may send, which only the relay knows in full.
func recordsFor(cfg config.Config, key *mail.DKIM) ([]jsonRecord, error) {
	name, value, err := key.Record()
	if err != nil {
		return nil, err
	}
	domain := mailDomain(cfg)
	spf, why := "v=spf1 mx ~all", "Who may send for the domain. This says: the machines that take its mail, and nobody else."
	if h := cfg.SMTP.Host; h != "" && !loopbackName(h) {
		spf = "v=spf1 a:" + h + " ~all"
		why = "Who may send for the domain. This says: the machine " + h + ". If the relay's help pages name another value (include:...), take theirs."
		if all := relayHosts(cfg); len(all) > 1 {
			spf = "v=spf1 a:" + strings.Join(all, " a:") + " ~all"
			why = "Who may send for the domain. This says: the machines " + strings.Join(all, " and ") + ". If the relays' help pages name other values (include:...), take theirs."
		}
	}
	return []jsonRecord{
		{"DKIM: the key with which receivers check that mail is yours", name, "TXT", value,
			"One line. Some forms want the name without the domain, and cut what is longer than 255 characters into pieces: that is in order."},
		{"SPF (a suggestion)", domain, "TXT", spf,
			why + " If the domain has such a record already, do not add a second: put what stands between v=spf1 and ~all into it."},
		{"DMARC (a suggestion)", "_dmarc." + domain, "TXT", "v=DMARC1; p=none",
			"What receivers should do with mail that is neither signed by you nor sent from where you say: nothing yet. Once a few weeks of mail have arrived, p=quarantine keeps others from writing as you."},
	}, nil
}

func loopbackName(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// dkim compares the key with the one that is published.
func (x *examination) dkim(cfg config.Config, lookup func(context.Context, string) ([]string, error)) {
	if cfg.SMTP.DKIMSelector == "" {
		return
	}
	key, err := readDKIM(cfg)
	if err != nil {
		x.sayf("dkim", failing, "%v", err)
		return
	}
	name, want, err := key.Record()
	if err != nil {
		x.sayf("dkim", failing, "%v", err)
		return
	}
	ctx, cancel := within(x.ctx, netPatience)
	defer cancel()
	found, err := lookup(ctx, name)
	var none *net.DNSError
	switch {
	case errors.As(err, &none) && none.IsNotFound, err == nil && len(found) == 0:
		x.sayf("dkim", failing, "%s has no TXT record, so no signature holds: 'ccgwatch dkim' prints it", name)
	case err != nil:
		x.sayf("dkim", unsure, "%s: %v", name, err)
	case slices.ContainsFunc(found, func(s string) bool { return publicKey(s) == publicKey(want) }):
		x.sayf("dkim", well, "%s: the key is published", name)
	default:
		x.sayf("dkim", failing, "%s has another key than %s, so no signature holds: 'ccgwatch dkim' prints the right one", name, cfg.SMTP.DKIMKeyFile)
	}
}

// txt asks for a text record by its whole name.
func (x *examination) txt(ctx context.Context, name string) ([]string, error) {
	r := x.resolver
	if r == nil {
		r = net.DefaultResolver
	}
	return r.LookupTXT(ctx, name+".")
}

// publicKey is the tag p of a record, without the spaces that may stand in it
// (RFC 6376, 3.6.1).
func publicKey(record string) string {
	for tag := range strings.SplitSeq(record, ";") {
		if name, value, ok := strings.Cut(tag, "="); ok && strings.TrimSpace(name) == "p" {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}
