package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/smtp"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ccgwatch/config"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// How long the network may take to answer one question of the doctor's. A site
// is asked again a few times, as in a crawl.
const (
	netPatience  = 15 * time.Second
	sitePatience = 60 * time.Second
)

// network asks everyone whom the daemon will ask, and sends and crawls nothing.
func (x *examination) network(cfg config.Config, sources []source) {
	if cfg.SMTP.Host == "" {
		x.sayf("mail", well, "written as files to %s: no relay is configured", filepath.Join(x.data, "outbox"))
	} else {
		s := cfg.SMTP
		what, err := askRelay(x.ctx, s)
		whom := "relay " + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
		if s.Relay != "" {
			whom += " (" + s.Relay + ")"
		}
		if err != nil && s.Note != "" {
			err = fmt.Errorf("%w; it wants %s", err, s.Note)
		}
		x.answered("mail", whom, what+limitsOf(s), err)
	}
	if m := cfg.Mailbox; m.Host != "" {
		what, err := askMailbox(x.ctx, m)
		x.answered("mailbox", net.JoinHostPort(m.Host, strconv.Itoa(m.Port)), what, err)
	}
	x.names(cfg, sources)
	x.sites(cfg, sources)
}

func (x *examination) answered(check, whom, what string, err error) {
	if err != nil {
		x.sayf(check, failing, "%s: %v", whom, err)
		return
	}
	x.sayf(check, well, "%s: %s", whom, what)
}

// limitsOf says what the relay is given at most.
func limitsOf(s config.SMTP) string {
	said := fmt.Sprintf("; at most %d messages a minute", s.PerMinute)
	if s.PerHour > 0 {
		said += fmt.Sprintf(", %d an hour", s.PerHour)
	}
	if s.PerDay > 0 {
		said += fmt.Sprintf(", %d a day", s.PerDay)
	}
	return said
}

// askRelay connects to the relay as mail will, logs in if that is configured,
// and leaves.
func askRelay(ctx context.Context, s config.SMTP) (string, error) {
	c, secure, err := dialServer(ctx, s.Host, s.Port, s.TLS)
	if err != nil {
		return "", err
	}
	defer c.Close()
	client, err := smtp.NewClient(c, s.Host)
	if err != nil {
		return "", fmt.Errorf("it does not greet as a mail relay does: %w", err)
	}
	if err := client.Hello("localhost"); err != nil {
		return "", err
	}
	said := "it answers"
	switch s.TLS {
	case "starttls":
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return "", errors.New("it offers no STARTTLS: mail would go in the clear, so none goes")
		}
		if err := client.StartTLS(tlsFor(s.Host)); err != nil {
			return "", fmt.Errorf("STARTTLS: %w", err)
		}
		said, secure = "it answers, encrypted (STARTTLS)", true
	case "implicit":
		said = "it answers, encrypted"
	}
	if s.Username != "" {
		if !secure {
			return "", errors.New("a password is configured, and the connection is not encrypted")
		}
		if err := client.Auth(smtp.PlainAuth("", s.Username, s.Password.Reveal(), s.Host)); err != nil {
			return "", fmt.Errorf("it refuses the login: %w", err)
		}
		said += ", and takes the login"
	}
	_ = client.Quit() // it said what we wanted to know
	return said, nil
}

// askMailbox connects to the mailbox's server and reads its greeting.
func askMailbox(ctx context.Context, m config.Mailbox) (string, error) {
	c, _, err := dialServer(ctx, m.Host, m.Port, m.TLS)
	if err != nil {
		return "", err
	}
	defer c.Close()
	line, err := bufio.NewReaderSize(c, 4096).ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("no greeting: %w", err)
	}
	if !strings.HasPrefix(string(line), "* OK") && !strings.HasPrefix(string(line), "* PREAUTH") {
		return "", fmt.Errorf("it does not greet as a mailbox does: %.60q", line)
	}
	return "it answers", nil
}

// dialServer connects to a mail server; all that follows must be over in time.
func dialServer(ctx context.Context, host string, port int, mode string) (c net.Conn, secure bool, err error) {
	ctx, cancel := within(ctx, netPatience)
	defer cancel()
	at := net.JoinHostPort(host, strconv.Itoa(port))
	if mode == "implicit" {
		c, err = (&tls.Dialer{Config: tlsFor(host)}).DialContext(ctx, "tcp", at)
		secure = true
	} else {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", at)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, false, err
	}
	return c, secure, c.SetDeadline(time.Now().Add(netPatience))
}

func tlsFor(host string) *tls.Config {
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
}

// hostsOf are the hosts of the sources, each with the source that is asked for it.
func hostsOf(sources []source) (hosts []string, by map[string]source) {
	by = map[string]source{}
	for _, s := range sources {
		u, err := url.Parse(s.Base)
		if err != nil {
			continue
		}
		if _, there := by[u.Host]; !there {
			hosts = append(hosts, u.Host)
			by[u.Host] = s
		}
	}
	return hosts, by
}

// names looks up every host of a source.
func (x *examination) names(cfg config.Config, sources []source) {
	if cfg.Fetch.Proxy != "" {
		x.sayf("names", well, "looked up by the proxy %s", cfg.Fetch.Proxy)
		return
	}
	hosts, _ := hostsOf(sources)
	for i, h := range hosts {
		u := url.URL{Host: h}
		hosts[i] = u.Hostname()
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	said := atOnce(hosts, func(h string) string {
		if _, err := netip.ParseAddr(h); err == nil {
			return ""
		}
		ctx, cancel := within(x.ctx, netPatience)
		defer cancel()
		if _, err := net.DefaultResolver.LookupNetIP(ctx, "ip", h); err != nil {
			return h + ": " + err.Error()
		}
		return ""
	})
	if bad := nonEmpty(said); len(bad) > 0 {
		x.say(symptom{Check: "names", State: failing, What: fmt.Sprintf("%d of %s have no address", len(bad), count(len(hosts), "host")), Details: bad})
		return
	}
	x.sayf("names", well, "%s: each has an address", count(len(hosts), "host"))
}

// sites asks each host for its robots.txt, through the fetcher that crawls.
func (x *examination) sites(cfg config.Config, sources []source) {
	fetch, err := newFetcher(cfg, x.data, x.log)
	if err != nil {
		x.sayf("sites", failing, "%v", err)
		return
	}
	fetch.RawDir = "" // keeps nothing
	defer fetch.Close()
	hosts, by := hostsOf(sources)
	refused := map[string]bool{}
	var mu sync.Mutex
	said := atOnce(hosts, func(h string) string {
		ctx, cancel := within(x.ctx, sitePatience)
		defer cancel()
		err := fetch.Reach(ctx, by[h].crawl)
		if err == nil {
			return ""
		}
		mu.Lock()
		defer mu.Unlock()
		refused[h] = crawl.ReasonOf(err) == store.ReasonRobots
		return err.Error()
	})
	for i, h := range hosts {
		switch {
		case said[i] == "":
			x.sayf("site", well, "%s: %s answers", by[h].ID, h)
		case refused[h]:
			x.sayf("site", unsure, "%s: %s", by[h].ID, said[i])
		default:
			x.sayf("site", failing, "%s: %s", by[h].ID, said[i])
		}
	}
}

// atOnce asks some things side by side; the answers come in the order of the questions.
func atOnce(all []string, ask func(string) string) []string {
	out := make([]string, len(all))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, x := range all {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out[i] = ask(x)
		})
	}
	wg.Wait()
	return out
}

func nonEmpty(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
}
