package crawl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ccgwatch/store"
)

// T30: the ranges.
func TestPermit(t *testing.T) {
	refused := `127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1
		169.254.169.254 100.64.0.1 100.127.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255
		198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
		:: ::1 ::ffff:127.0.0.1 ::ffff:100.64.0.1 ::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::a00:1
		2001::1 2001:0:7f00:1::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 3fff:fff::1
		fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd12:3456::1 ff02::1 ff0e::1 100::1 5f00::1 4000::1`
	for _, s := range strings.Fields(refused) {
		if err := permit(netip.MustParseAddr(s), nil); err == nil {
			t.Errorf("%s is permitted", s)
		}
	}
	if err := permit(netip.Addr{}, nil); err == nil {
		t.Error("no address at all is permitted")
	}
	for _, s := range strings.Fields(`8.8.8.8 151.101.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1
		192.167.0.1 193.62.157.66 198.17.0.1 198.20.0.1 223.255.255.255 2a00:1450::1 2001:200::1 2606:4700::1 ::ffff:8.8.8.8`) {
		if err := permit(netip.MustParseAddr(s), nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("64:ff9b::/96")}
	for s, ok := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "127.0.0.2": false, "10.0.0.1": false, "64:ff9b::808:808": true, "64:ff9b::a00:1": false} {
		if err := permit(netip.MustParseAddr(s), allow); (err == nil) != ok {
			t.Errorf("%s with an exception: %v", s, err)
		}
	}
}

// The guard sees sockets: ports, and this machine's own addresses.
func TestControl(t *testing.T) {
	g := guard{[]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, s := range []string{"8.8.8.8:22", "8.8.8.8:25", "8.8.8.8:53", "8.8.8.8:6379", "8.8.8.8:11211", "8.8.8.8:8080", "[::1]:80", "[fe80::1%lo]:80", "127.0.0.2:80", "nonsense", "/run/socket"} {
		if err := g.control("tcp", s, nil); ReasonOf(err) != store.ReasonBlocked {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"8.8.8.8:80", "8.8.8.8:443", "[2a00:1450::1]:443", "127.0.0.1:8099", "[::ffff:127.0.0.1]:1"} {
		if err := g.control("tcp", s, nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// counter is a server on loopback that must not be reached.
func counter(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	l := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		_, _ = fmt.Fprint(w, "inside")
	}))
	l.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			n.Add(1)
		}
	}
	l.Start()
	t.Cleanup(l.Close)
	return l, &n
}

// T30: spellings of inner addresses, and what is no address at all. The source
// is the attacker's: its base is the address.
func TestNoWayInByAddress(t *testing.T) {
	server, reached := counter(t)
	port := server.URL[strings.LastIndexByte(server.URL, ':')+1:]
	t.Setenv("HTTP_PROXY", server.URL)
	t.Setenv("http_proxy", server.URL)
	t.Setenv("HTTPS_PROXY", server.URL)
	t.Setenv("ALL_PROXY", server.URL)
	hosts := []string{
		"127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "[::]", "[::1]",
		"[::ffff:127.0.0.1]", "[::ffff:100.64.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
		"[2001:0:7f00:1::]", "[fe80::1%25eth0]", "[fc00::1]", "[ff02::1]", "localhost", "localhost.", "LOCALHOST",
		"１２７.0.0.1", "127。0。0。1", "ⓛocalhost", "169.254.169.254", "10.0.0.1", "xn--localhost-.", "xn--example-.com",
	}
	var addresses []string
	for _, h := range hosts {
		addresses = append(addresses, "http://"+h+":"+port+"/", "http://"+h+"/", "https://"+h+":"+port+"/x")
	}
	addresses = append(addresses,
		"http://a@127.0.0.1:"+port, `http://a\@127.0.0.1:`+port, "http://a#@127.0.0.1:"+port, "http://127.0.0.1:"+port+"\t/", "http://127.0.0.1\n:"+port,
		"//127.0.0.1:"+port+"/", "http:127.0.0.1:"+port, "http:///127.0.0.1:"+port, "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:"+port+"/_GET",
		"dict://127.0.0.1:"+port, "data:text/html,x", "jar:http://127.0.0.1!/", "ws://127.0.0.1:"+port, "HTTP://127.0.0.1:"+port, "", "/", "http://", "http://%31%32%37.0.0.1:"+port,
		"http://127.0.0.1:"+port+"@example.org/", "http://[::1", "http://a b/", "http://..", "http://.:80/",
	)
	for _, a := range addresses {
		f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Patience: time.Nanosecond, Timeout: 5 * time.Second}
		for _, base := range []string{a, "https://site.example/"} {
			src := Source{ID: "x", Base: base}
			if _, err := f.Get(t.Context(), src, a, ""); err == nil {
				t.Errorf("%s of %s: answered", a, base)
			}
			if d, err := f.Download(t.Context(), src, a, "", ""); err == nil {
				_ = d.Body.Close()
				t.Errorf("%s of %s: answered", a, base)
			}
		}
		f.Close()
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
}

// T30: a public site that redirects inward, by every kind of redirect, page,
// paper and robots.txt alike.
func TestNoWayInByRedirect(t *testing.T) {
	server, reached := counter(t)
	inside := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{server.URL, inside, "http://169.254.169.254/latest/meta-data/", "//127.0.0.1/", "file:///etc/passwd", "http://other.example/", "http://u:p@site.example/", "https://site.example:8443/", "\\\\127.0.0.1/", "http://[::1]/"} {
			for _, way := range []string{"page", "paper", "robots"} {
				public := roundTripper(func(r *http.Request) (*http.Response, error) {
					resp := &http.Response{StatusCode: 404, Header: http.Header{}, Body: http.NoBody, Request: r}
					if r.URL.Host != "site.example" {
						t.Errorf("%s %d %s: asked %s", way, status, to, r.URL)
					}
					if (r.URL.Path == "/robots.txt") == (way == "robots") {
						resp.StatusCode = status
						resp.Header.Set("Location", to)
					}
					return resp, nil
				})
				f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Patience: time.Nanosecond, Transport: public}
				if way == "robots" && (to == inside || strings.Contains(to, ".example")) {
					continue // robots.txt may live on another name: the dialler decides, see below
				}
				src := Source{ID: "x", Base: "http://site.example/"}
				var err error
				if way == "paper" {
					_, err = f.Download(t.Context(), src, "http://site.example/p.pdf", "", "")
				} else {
					_, err = f.Get(t.Context(), src, "http://site.example/list", "")
				}
				if err == nil {
					t.Errorf("%s %d %s: answered", way, status, to)
				}
			}
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// T30: names. A resolver under the attacker's control answers with inner
// addresses, with outer and inner ones mixed, or with another one each time it
// is asked; the guard looks at the socket and is not fooled.
func TestNoWayInByName(t *testing.T) {
	server, reached := counter(t)
	port := server.URL[strings.LastIndexByte(server.URL, ':')+1:]
	var asked atomic.Int64
	// 198.51.100.1 stands for a public address where allowed: nothing answers there.
	records := func(name string) (out []netip.Addr) {
		n := asked.Add(1)
		inner, public := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("198.51.100.1")
		switch {
		case strings.HasPrefix(name, "inner."):
			return []netip.Addr{inner}
		case strings.HasPrefix(name, "six."):
			return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("64:ff9b::7f00:1")}
		case strings.HasPrefix(name, "mixed."):
			return []netip.Addr{netip.MustParseAddr("10.255.255.1"), inner}
		case n%2 == 1: // rebinding: public when checked, inner when used
			return []netip.Addr{public}
		}
		return []netip.Addr{inner}
	}
	resolver := fakeDNS(t, records)
	transport, err := guardedTransport(nil, "", resolver)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"inner.example", "six.example", "mixed.example", "rebind.example"} {
		for _, p := range []string{"", ":" + port} {
			f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Patience: time.Nanosecond, Timeout: 2 * time.Second, Transport: transport}
			base := "http://" + name + p + "/"
			for i := range 4 {
				_, err := f.Get(t.Context(), Source{ID: "x", Base: base}, base+fmt.Sprint(i), "")
				if got := ReasonOf(err); err == nil || got != store.ReasonBlocked {
					t.Errorf("%s: %v", base, err)
				}
			}
		}
	}
	if asked.Load() == 0 {
		t.Error("the resolver was never asked: the test tests nothing")
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
	// The same names reach the server where the operator allows it.
	open, err := guardedTransport([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "", resolver)
	if err != nil {
		t.Fatal(err)
	}
	f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Transport: open}
	base := "http://inner.example:" + port + "/"
	if a, err := f.Get(t.Context(), Source{ID: "x", Base: base}, base, ""); err != nil || string(a.Body) != "inside" {
		t.Errorf("allowed and not reached: %v", err)
	}
}

// fakeDNS is a resolver that answers from a function.
func fakeDNS(t *testing.T, records func(name string) []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, peer, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			if q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA {
				if strings.HasPrefix(q.Name.String(), "alias.") { // the answer is another name's
					to := dnsmessage.MustNewName("inner." + q.Name.String()[len("alias."):])
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: to}})
					q.Name = to
				}
				for _, a := range records(q.Name.String()) {
					h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 0}
					switch {
					case q.Type == dnsmessage.TypeA && a.Is4():
						m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
					case q.Type == dnsmessage.TypeAAAA && a.Is6():
						m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
					}
				}
			}
			if b, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(b, peer)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// The operator's proxy is used, and only the operator's.
func TestProxy(t *testing.T) {
	var got atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.URL.String())
		if r.URL.Path == "/robots.txt" {
			w.WriteHeader(404)
			return
		}
		_, _ = fmt.Fprint(w, "by proxy")
	}))
	defer proxy.Close()
	f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Proxy: proxy.URL}
	defer f.Close()
	src := Source{ID: "x", Base: "http://site.example/"}
	if a, err := f.Get(t.Context(), src, "http://site.example/list", ""); err != nil || string(a.Body) != "by proxy" || got.Load() != "http://site.example/list" {
		t.Errorf("%v, proxy saw %v", err, got.Load())
	}
	if _, err := f.Get(t.Context(), Source{ID: "x", Base: "http://127.0.0.1/"}, "http://127.0.0.1/", ""); ReasonOf(err) != store.ReasonBlocked {
		t.Errorf("an inner address through the proxy: %v", err)
	}
	bad := &Fetcher{Proxy: "::nonsense"}
	if _, err := bad.Get(t.Context(), src, "http://site.example/", ""); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a bad proxy setting: %v", err)
	}
}

func TestAddress(t *testing.T) {
	src := Source{ID: "x", Base: "https://Democracy.Example.gov.uk/root/", Hosts: []string{"cdn.example.net", "files.example:8443"}}
	plain := Source{ID: "x", Base: "http://cmis.example/cmis5"}
	tests := []struct {
		src      Source
		in, want string
	}{
		{src, "https://democracy.example.gov.uk/a?b=c#d", "https://democracy.example.gov.uk/a?b=c"},
		{src, "https://DEMOCRACY.example.gov.uk.:443/a", "https://democracy.example.gov.uk/a"},
		{src, "http://democracy.example.gov.uk/a", "https://democracy.example.gov.uk/a"},
		{src, "http://democracy.example.gov.uk:80/a", "https://democracy.example.gov.uk/a"},
		{src, "https://democracy.example.gov.uk", "https://democracy.example.gov.uk/"},
		{src, "https://cdn.example.net/x.pdf", "https://cdn.example.net/x.pdf"},
		{src, "https://files.example:8443/x.pdf", "https://files.example:8443/x.pdf"},
		{src, "https://files.example/x.pdf", ""},
		{src, "https://example.gov.uk/", ""},
		{src, "https://evil.democracy.example.gov.uk/", ""},
		{src, "https://democracy.example.gov.uk.evil.example/", ""},
		{src, "https://democracy.example.gov.uk:8443/", ""},
		{src, "https://user@democracy.example.gov.uk/", ""},
		{src, "ftp://democracy.example.gov.uk/", ""},
		{plain, "http://cmis.example/x", "http://cmis.example/x"},
		{plain, "https://cmis.example/x", "https://cmis.example/x"},
		{plain, "https://cmis.example:8443/x", ""},
		{Source{ID: "x", Base: "https://bücher.example/"}, "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{Source{ID: "x"}, "https://a.example/", ""},
	}
	f := &Fetcher{}
	for _, tt := range tests {
		u, err := f.address(tt.src, tt.in)
		got := ""
		if err == nil {
			got = u.String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.in, got, tt.want, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"https://a.example/", "http://a@b/", "https://a.example:443/x", "https://[::1]/", "http://127.1/", "https://xn--a.example/", "//a.example"} {
		f.Add(s)
	}
	src := Source{ID: "x", Base: "https://a.example/"}
	fetcher := &Fetcher{}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := fetcher.address(src, s)
		if err != nil {
			return
		}
		if u.Scheme != "https" || u.Host != "a.example" || u.User != nil {
			t.Errorf("%q became %q", s, u)
		}
		if again, err := fetcher.address(src, u.String()); err != nil || again.String() != u.String() {
			t.Errorf("%q is not stable: %v", s, err)
		}
	})
}
