package crawl

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"ccgwatch/store"
)

// forbidden lists the networks nothing public lives in (IANA special-purpose
// registries, RFC 6890 and later). Of IPv6 only global unicast, 2000::/3, is
// public at all; see permit.
func forbidden() []string {
	return []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23",     // Teredo, ORCHID and other assignments of the IETF
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4
		"3fff::/20",     // documentation
	}
}

// permit says why an address must not be connected to, or nil. allow lifts the
// refusal; of a NAT64 address (64:ff9b::/96) allowed by the operator the IPv4
// address inside must be permitted too.
func permit(ip netip.Addr, allow []netip.Prefix) error {
	ip = ip.Unmap().WithZone("") // a prefix never contains an address with a zone
	allowed := false
	for _, p := range allow {
		allowed = allowed || p.Contains(ip)
	}
	if netip.MustParsePrefix("64:ff9b::/96").Contains(ip) && allowed {
		b := ip.As16()
		return permit(netip.AddrFrom4([4]byte(b[12:])), allow)
	}
	if allowed {
		return nil
	}
	if !ip.IsValid() || ip.Is6() && !netip.MustParsePrefix("2000::/3").Contains(ip) {
		return fmt.Errorf("%s is no public address", ip)
	}
	for _, s := range forbidden() {
		if p := netip.MustParsePrefix(s); p.Contains(ip) {
			return fmt.Errorf("%s is in %s, no public address", ip, p)
		}
	}
	return nil
}

// guard looks at the address a socket is about to connect to. It is asked for
// every connection after the name was resolved, so neither a redirect nor a
// name that changes its mind between check and use gets round it.
type guard struct{ allow []netip.Prefix }

func (g guard) control(_, address string, _ syscall.RawConn) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return Errorf(store.ReasonBlocked, "peer %q: %v", clip(address, 100), err)
	}
	ip := peer.Addr().Unmap().WithZone("")
	if err := permit(ip, g.allow); err != nil {
		return &Error{Reason: store.ReasonBlocked, Err: err}
	}
	for _, p := range g.allow {
		if p.Contains(ip) {
			return nil
		}
	}
	if port := peer.Port(); port != 80 && port != 443 {
		return Errorf(store.ReasonBlocked, "port %d is neither 80 nor 443", port)
	}
	// A public address of this very machine is as much inside as 127.0.0.1.
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the ranges above hold all the same
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok {
			if o, ok := netip.AddrFromSlice(n.IP); ok && o.Unmap() == ip {
				return Errorf(store.ReasonBlocked, "%s is this machine", ip)
			}
		}
	}
	return nil
}

// guardedTransport is the only way out. HTTP/1.1 only, no proxy but the
// operator's, certificates always checked. A nil resolver is the system's.
func guardedTransport(allow []netip.Prefix, proxy string, resolver *net.Resolver) (*http.Transport, error) {
	d := &net.Dialer{Timeout: 30 * time.Second, Resolver: resolver, Control: guard{allow}.control}
	t := &http.Transport{
		DialContext:            d.DialContext,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		// A connection for each request: on one that is used again and breaks,
		// net/http repeats the request by itself, at once, and nobody paces that.
		// With seconds between requests most sites have hung up anyway.
		DisableKeepAlives:   true,
		TLSHandshakeTimeout: 30 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	if proxy == "" {
		return t, nil
	}
	p, err := url.Parse(proxy)
	if err != nil || p.Host == "" {
		return nil, Errorf(store.ReasonNetwork, "the proxy setting is no address")
	}
	// Whatever the operator named as proxy may be inside; nothing else is dialled.
	t.Proxy = http.ProxyURL(p)
	t.DialContext = (&net.Dialer{Timeout: 30 * time.Second, Resolver: resolver}).DialContext
	return t, nil
}
