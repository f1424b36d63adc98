package crawl

import (
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Sites answer under their name with and without "www.", and send whoever asks
// under the one to the other; over the years some change which. The two are one
// site here: one lane (a single request at a time, one pace), and one name in
// what is stored, that of the source's base. Each still has its own robots.txt,
// and the address that is connected to is checked as any other.

// bare is a host, with its port where it has one, without a leading "www.". An
// address in numbers and a name of one word stay as they are.
func bare(host string) string {
	rest, ok := strings.CutPrefix(host, "www.")
	if !ok || !strings.Contains(strings.Trim(rest, "."), ".") {
		return host
	}
	if name, _, _ := strings.Cut(rest, ":"); isNumber(name) {
		return host
	}
	return rest
}

func isNumber(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// sameHost tells whether two hosts without ports are one site's.
func sameHost(a, b string) bool { return a == b || bare(a) == bare(b) }

// movedAge is how long a site's word that it is found under its other name, or
// over TLS, is taken for all its pages.
const movedAge = robotsAge

// moves remembers which hosts send their visitors to their other name, so that
// each page is asked for once and not twice. Nothing depends on it: what is
// forgotten is redirected again.
type moves struct {
	mu sync.Mutex
	m  map[string]move // by host and port
}

type move struct {
	scheme, host string
	at           time.Time
}

// now is the address under which u is asked for.
func (ms *moves) now(u *url.URL, at time.Time) *url.URL {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	to, ok := ms.m[u.Host]
	switch age := at.Sub(to.at); {
	case !ok, age < 0, age >= movedAge, u.Scheme == "https" && to.scheme != "https", u.Scheme == to.scheme && u.Host == to.host:
		return u
	}
	v := *u
	v.Scheme, v.Host = to.scheme, to.host
	return &v
}

// moved is the address under which u is asked for, as far as it is the source's
// to ask: who learned the way there may have been another one.
func (f *Fetcher) moved(src Source, u *url.URL) *url.URL {
	to := f.moves.now(u, f.Now())
	if to == u {
		return u
	}
	if _, err := f.address(src, to.String()); err != nil {
		return u
	}
	return to
}

// learn takes a redirect from one name of a site to the same page under its
// other name, or over TLS. Any other redirect says nothing about other pages.
func (ms *moves) learn(from, to *url.URL, at time.Time) {
	if from.Scheme == to.Scheme && from.Host == to.Host || from.Port() != to.Port() || !sameHost(from.Hostname(), to.Hostname()) ||
		from.EscapedPath() != to.EscapedPath() || from.RawQuery != to.RawQuery {
		return
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.m == nil {
		ms.m = map[string]move{}
	}
	delete(ms.m, to.Host) // it may have gone the other way until now
	ms.m[from.Host] = move{to.Scheme, to.Host, at}
}

// forget takes nothing for granted any more of where a host sends its visitors:
// what was asked for there did not come.
func (ms *moves) forget(u *url.URL) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	delete(ms.m, u.Host)
}

// home is the host under whose name the source's site is spoken of: that of its
// base, so that a site which takes to its other name shows the same things as
// before. "" where the source lists the other name by itself: then it tells the
// two apart.
func (s Source) home() string {
	base, err := url.Parse(s.Base)
	if err != nil {
		return ""
	}
	host := strings.ToLower(plainPort(base).Host)
	for _, h := range s.Hosts {
		if h = strings.ToLower(h); h != host && bare(h) == bare(host) {
			return ""
		}
	}
	return host
}

// under gives an address under the name host where it is one of the same site.
func under(host string, u *url.URL) *url.URL {
	if is := strings.ToLower(u.Host); host == "" || is == host || bare(is) != bare(host) {
		return u
	}
	v := *u
	v.Host = host
	return &v
}
