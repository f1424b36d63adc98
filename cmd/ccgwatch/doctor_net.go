package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
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

// network asks everyone whom the daemon will ask. It crawls nothing, and sends
// nothing but the trial message that was asked for.
func (x *examination) network(cfg config.Config, sources []source) {
	if cfg.SMTP.Host == "" {
		x.sayf("mail", well, "written as files to %s: no relay is configured", filepath.Join(x.data, "outbox"))
	} else {
		x.relay(cfg, cfg.SMTP, "relay", relayAdvice)
	}
	if x.trial != "" {
		what, err := sendTrial(x.ctx, cfg, cfg.SMTP, x.data, x.trial, x.now())
		x.answered("trial", "a trial message", what, err, relayAdvice(cfg.SMTP, err)...)
	}
	x.fallback(cfg)
	x.mailDomain(cfg)
	if m := cfg.Mailbox; m.Host != "" {
		what, err := askMailbox(x.ctx, m)
		x.answered("mailbox", net.JoinHostPort(m.Host, strconv.Itoa(m.Port)), what, err, mailboxAdvice(err)...)
	}
	x.mailboxFile(cfg.Mailbox)
	x.dkim(cfg, x.txt)
	if x.names(cfg, sources) {
		x.sites(cfg, sources)
	} else {
		x.sayf("site", failing, "none was asked: their names cannot be looked up")
	}
}

func (x *examination) answered(check, whom, what string, err error, advice ...string) {
	if err != nil {
		x.say(symptom{Check: check, State: failing, What: fmt.Sprintf("%s: %v", whom, err), Details: advice})
		return
	}
	x.sayf(check, well, "%s: %s", whom, what)
}

// limitsOf says what the relay is given at most.
func limitsOf(s config.SMTP) string {
	said := fmt.Sprintf("; at most %d messages a minute", s.PerMinute)
	if s.Connections > 1 {
		said += fmt.Sprintf(" over %d connections", s.Connections)
	}
	if s.PerHour > 0 {
		said += fmt.Sprintf(", %d an hour", s.PerHour)
	}
	if s.PerDay > 0 {
		said += fmt.Sprintf(", %d a day", s.PerDay)
	}
	return said
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

// names looks up every host of a source, and tells whether any of them, and so
// the network, is there.
func (x *examination) names(cfg config.Config, sources []source) bool {
	if cfg.Fetch.Proxy != "" {
		x.sayf("names", well, "looked up by the proxy %s", cfg.Fetch.Proxy)
		return true
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
	found, some := lookedUp(hosts, nonEmpty(said))
	x.say(found)
	return some
}

// lookedUp is what came of looking up the names of hosts, of which bad tells those
// in vain, and whether any was found. One that is missing is its owner's matter; where
// all are, the cause is here, and what can be done comes before twelve lines that say the same.
func lookedUp(hosts, bad []string) (symptom, bool) {
	all := count(len(hosts), "host")
	switch {
	case len(bad) == 0:
		return symptom{Check: "names", State: well, What: all + ": each has an address"}, true
	case len(bad) == len(hosts) && len(bad) > 1:
		return symptom{Check: "names", State: failing, What: fmt.Sprintf("none of %s can be found: this machine seems to be offline", all), Details: []string{
			"check its cable or its wireless network, and that a browser on it opens a page; the daemon tries again by itself",
			"the first of them: " + bad[0],
		}}, false
	}
	return symptom{Check: "names", State: failing, What: fmt.Sprintf("%d of %s without an address", len(bad), all), Details: bad}, true
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
