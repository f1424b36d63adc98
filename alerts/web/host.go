package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// hosts are the names under which this server answers. Any other would let a
// stranger's name server put our pages under its own name.
type hosts map[string]bool

// hosts: the public address, this machine, and the address listened on.
func (s *site) hosts() hosts {
	h := hosts{"localhost": true, "127.0.0.1": true, "::1": true}
	if u, err := url.Parse(s.URL); err == nil && u.Host != "" {
		h[canonicalHost(u.Host)] = true
	}
	if host := canonicalHost(s.Listen); host != "" {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsUnspecified() {
			h[host] = true
		}
	}
	return h
}

// accept looks at the Host header alone; no X-Forwarded header counts. An
// address as a number is accepted where the connection came in on it, which
// covers a server that listens on all addresses.
func (h hosts) accept(r *http.Request) bool {
	host := canonicalHost(r.Host)
	if host == "" {
		return false
	}
	if h[host] {
		return true
	}
	asked, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap() == asked.Unmap()
}

// canonicalHost is a host without port, brackets, final dot and upper case.
func canonicalHost(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	} else {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}
