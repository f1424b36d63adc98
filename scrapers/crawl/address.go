package crawl

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"

	"ccgwatch/store"
)

// address parses an address and refuses what is not the source's to ask. A
// plain http link into a source that is on https is asked over https.
func (f *Fetcher) address(src Source, address string) (*url.URL, error) {
	u, err := f.plain(address)
	if err != nil {
		return nil, err
	}
	base, err := f.plain(src.Base)
	if err != nil {
		return nil, Errorf(store.ReasonFormat, "the base address of %s: %v", src.ID, err)
	}
	if base.Scheme == "https" && u.Scheme == "http" && u.Port() == "" && base.Port() == "" && sameHost(u.Hostname(), base.Hostname()) {
		u.Scheme = "https"
	}
	if sameSite(u, base) {
		return u, nil
	}
	for _, h := range src.Hosts {
		b, err := f.plain("https://" + h + "/")
		if err != nil {
			return nil, Errorf(store.ReasonFormat, "a host of %s: %v", src.ID, err)
		}
		if u.Hostname() == b.Hostname() && u.Port() == b.Port() {
			return u, nil
		}
	}
	return nil, Errorf(store.ReasonBlocked, "%s is no host of the source", clip(u.Host, 100))
}

// sameSite: the same host and port, its name with or without "www.", or the same
// gone from http to https.
func sameSite(u, base *url.URL) bool {
	return sameHost(u.Hostname(), base.Hostname()) && u.Port() == base.Port() &&
		(u.Port() == "" || u.Scheme == base.Scheme) && (u.Scheme == "https" || base.Scheme == "http")
}

// plain parses an absolute http(s) address into one spelling: lower-case ASCII
// host without trailing dot, no default port, no fragment. It refuses whatever
// two parsers could read differently.
func (f *Fetcher) plain(address string) (*url.URL, error) {
	blocked := func(format string, args ...any) (*url.URL, error) {
		return nil, Errorf(store.ReasonBlocked, format, args...)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return blocked("not an address: %s", clip(err.Error(), 200))
	case u.Scheme != "http" && u.Scheme != "https":
		return blocked("scheme %q is neither http nor https", clip(u.Scheme, 20))
	case u.Opaque != "" || u.Hostname() == "":
		return blocked("an address without a host")
	case u.User != nil:
		return blocked("an address with a user name in it")
	case strings.ContainsAny(u.Host, "\\ %\t\r\n"):
		return blocked("host %q", clip(u.Host, 100))
	}
	host, err := plainHost(u.Hostname())
	if err != nil {
		return blocked("host %q: %v", clip(u.Hostname(), 100), err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := permit(ip, f.AllowPrivate); err != nil {
			return nil, &Error{Reason: store.ReasonBlocked, Err: err}
		}
	}
	port := u.Port()
	if port == defaultPort(u.Scheme) {
		port = ""
	}
	switch {
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

func plainHost(host string) (string, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), nil
	}
	ascii := strings.IndexFunc(host, func(r rune) bool { return r >= 0x80 }) < 0
	if !ascii || strings.Contains(host, "xn--") {
		h, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", fmt.Errorf("no domain name: %w", err)
		}
		host = h
	}
	for _, r := range host {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_", r) {
			return "", fmt.Errorf("%q in a domain name", r)
		}
	}
	if host == "" || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return "", fmt.Errorf("an empty label")
	}
	// 127.1, 2130706433, 0x7f000001: numbers that some resolvers read as an
	// IPv4 address and others as a name.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return "", fmt.Errorf("an odd spelling of an IP address")
	}
	return host, nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// target resolves the Location of a redirect. The target of robots.txt may be
// anywhere (RFC 9309, 2.3.1.2): the guard at the dialler is what keeps it
// outside; everything else stays with the source.
func (f *Fetcher) target(src Source, from *url.URL, location string, anywhere bool) (*url.URL, error) {
	if location == "" {
		return nil, Errorf(store.ReasonFormat, "a redirect to nowhere")
	}
	to, err := from.Parse(location)
	if err != nil {
		return nil, Errorf(store.ReasonFormat, "a redirect to what is no address: %s", clip(err.Error(), 200))
	}
	if from.Scheme == "https" && to.Scheme == "http" && to.Port() == "" && sameHost(strings.ToLower(to.Hostname()), from.Hostname()) {
		to.Scheme = "https" // a server behind a proxy that does not know it is on TLS
	}
	check := f.address
	if anywhere {
		check = func(_ Source, a string) (*url.URL, error) { return f.plain(a) }
	}
	next, err := check(src, to.String())
	if err != nil {
		return nil, err
	}
	if from.Scheme == "https" && next.Scheme == "http" {
		return nil, Errorf(store.ReasonBlocked, "a redirect from https to http")
	}
	return next, nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
