package crawl

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccgwatch/store"
)

// innerAddresses is one address, at least, of every network in which nothing public
// lives, in every spelling that carries one of them inside.
func innerAddresses() []string {
	return strings.Fields(`127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.254 0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.1 10.1.2.3 10.255.255.255
		172.16.0.1 172.20.10.1 172.31.255.255 192.168.0.1 192.168.1.1 192.168.255.255 169.254.0.1 169.254.169.254 169.254.170.2 100.64.0.1 100.100.100.200 100.127.255.255
		192.0.0.1 192.0.0.8 192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1 192.88.99.2 198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1 224.0.0.1 224.0.0.251 239.255.255.250
		240.0.0.1 250.1.2.3 255.255.255.254 255.255.255.255
		:: ::1 ::2 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:100.64.0.1 ::ffff:0:127.0.0.1
		64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b::6440:1 64:ff9b:1::a00:1 64:ff9b:1::1 100::1 100:0:0:1::1
		2001::1 2001:0:7f00:1::1 2001:0:a00:1::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2001:db8:ffff::1 2002:7f00:1::1 2002:a00:1::1 2002:c0a8:101::1 2002:a9fe:a9fe::1
		3fff::1 3fff:fff::1 5f00::1 fc00::1 fd00:ec2::254 fd12:3456:789a::1 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 ff01::1 ff02::1 ff02::fb ff05::2 ff0e::1 4000::1`)
}

// oddHosts are spellings of an inner address that some parser somewhere takes for
// one, and names that mean this machine.
func oddHosts() []string {
	return []string{
		"127.1", "127.0.1", "0", "00", "2130706433", "02130706433", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1", "0177.1", "00000177.0.0.1",
		"127.0.0.01", "127.0.0.1.", "127.0.0.0x1", "4294967295", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518", "3232235777", "167772161", "0xa000001", "10.1",
		"localhost", "LOCALHOST", "localhost.", "LocalHost", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
		"１２７.0.0.1", "127。0。0。1", "127．0．0．1", "①②⑦.⓪.⓪.①", "ⓛocalhost", "ｌｏｃａｌｈｏｓｔ", "localhoſt", "xn--localhost-.", "xn--example-.com",
		"[fe80::1%25eth0]", "[fe80::1%25lo]", "[::1%25lo]", "[::FFFF:7F00:1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:7f00:0001]", "[::127.0.0.1]",
	}
}

// vectors is the list: where a source, a redirect or a name may point. p is the
// port on which somebody listens inside.
func vectors(p string) []string {
	var out []string
	for _, a := range innerAddresses() {
		if strings.Contains(a, ":") {
			a = "[" + a + "]"
		}
		out = append(out, "http://"+a+"/", "http://"+a+":"+p+"/latest/meta-data/", "https://"+a+"/")
	}
	for _, h := range oddHosts() {
		out = append(out, "http://"+h+"/", "http://"+h+":"+p+"/")
	}
	for _, port := range []string{"22", "25", "53", "110", "143", "587", "2375", "3306", "5432", "6379", "8080", "9200", "11211", "27017", "0", "65536", "-1", "80x"} {
		out = append(out, "http://127.0.0.1:"+port+"/", "https://site.example:"+port+"/")
	}
	for _, s := range []string{"file", "ftp", "gopher", "dict", "jar:http", "ws", "wss", "ldap", "tftp", "sftp", "unix", "netdoc", "view-source:http", "javascript", "HTTP+unix"} {
		out = append(out, s+"://127.0.0.1:"+p+"/x", s+":///etc/passwd")
	}
	return append(out,
		"data:text/html,x", "about:blank", "file:/etc/passwd", "file://localhost/etc/passwd",
		"http://site.example@127.0.0.1:"+p+"/", `http://site.example\@127.0.0.1:`+p+"/", "http://127.0.0.1:"+p+`\@site.example/`, "http://127.0.0.1:"+p+"#@site.example/", "http://127.0.0.1:"+p+"?@site.example/",
		"http://site.example:80@127.0.0.1:"+p+"/", "http://site.example%40127.0.0.1:"+p+"/", "http://127.0.0.1%23.site.example:"+p+"/", "http://127.0.0.1%00.site.example/", "http://site.example%2f@127.0.0.1/",
		"http://127.0.0.1:"+p+"\t/", "http://127.0.0.1\n:"+p+"/", "http://\t127.0.0.1:"+p+"/", " http://127.0.0.1:"+p+"/", "http://127.0.0.1 :"+p+"/", "http://127.0.0.1\r\nHost: x:"+p+"/",
		"//127.0.0.1:"+p+"/", "///127.0.0.1:"+p+"/", "http:127.0.0.1:"+p, "http:/127.0.0.1:"+p, "http:///127.0.0.1:"+p, `\\127.0.0.1:`+p+"/", `http:\\127.0.0.1:`+p, "http://%31%32%37.0.0.1:"+p+"/", "http://[::1", "http://[127.0.0.1]:"+p+"/", "http://[::1]]:"+p+"/",
		"http://", "http://..", "http://.:80/", "http://a b/", "", "/", "?", "#", "HTTP://127.0.0.1:"+p, "hTTp://LOCALHOST:"+p,
	)
}

// P28: nothing on the list is ever connected to: asked for directly by a source
// whose own base it is, as a page and as a paper, or by the redirect of a robots.txt,
// which may lead anywhere (RFC 9309). The environment's proxies are nobody's word.
func TestPromiseNoRequestGoesInside(t *testing.T) {
	server, reached := counter(t)
	six := listenSix(t, server.Config.Handler, reached)
	port := server.URL[strings.LastIndexByte(server.URL, ':')+1:]
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, server.URL)
	}
	t.Setenv("NO_PROXY", "")
	list := vectors(port)
	if six != "" {
		list = append(list, "http://[::1]:"+six+"/", "http://ip6-localhost:"+six+"/")
	}
	// Every name is this machine's: what the settings of this machine say of
	// "localhost" is not what is tried here.
	everything := fakeDNS(t, func(string) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	})
	asked := 0
	for _, a := range list {
		inside, err := guardedTransport(nil, "", everything)
		if err != nil {
			t.Fatal(err)
		}
		led := 0
		public := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "site.example" {
				return inside.RoundTrip(r)
			}
			led++
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {a}}, Body: http.NoBody, Request: r}, nil
		})
		f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Patience: time.Nanosecond, Timeout: time.Second, Transport: inside}
		behind := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Patience: time.Nanosecond, Timeout: 5 * time.Second, Transport: public}
		src := Source{ID: "x", Base: a}
		if _, err := f.Get(t.Context(), src, a, ""); err == nil {
			t.Errorf("%q: answered", a)
		}
		if d, err := f.Download(t.Context(), src, a, "", ""); err == nil {
			_ = d.Body.Close()
			t.Errorf("%q: a paper came", a)
		}
		if _, err := behind.Get(t.Context(), Source{ID: "x", Base: "http://site.example/"}, "http://site.example/list", ""); err == nil {
			t.Errorf("%q: answered by way of robots.txt", a)
		}
		if led == 0 {
			t.Errorf("%q: the site that leads inside was never asked", a)
		}
		asked += 3
		f.Close()
		behind.Close()
		inside.CloseIdleConnections()
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
	if len(list) < 400 {
		t.Errorf("the list has only %d entries", len(list))
	}
	t.Logf("%d addresses, %d requests", len(list), asked)
	// The same listener is reached as soon as the operator allows it.
	f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	defer f.Close()
	if _, err := f.Get(t.Context(), Source{ID: "x", Base: server.URL}, server.URL+"/", ""); err != nil || reached.Load() == 0 {
		t.Errorf("the listener cannot be reached at all: this proves nothing: %v", err)
	}
}

// listenSix is the same counter on ::1, "" where the machine has none.
func listenSix(t *testing.T, h http.Handler, reached *atomic.Int64) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		return ""
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			reached.Add(1)
		}
	}}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
}

// P28, names: each address of the list as the answer of a name server, alone, after
// a public address, before one, in either family, behind an alias, and turning up
// only when asked again (the public address when looked at, the inner one when used).
func TestPromiseNoNameLeadsInside(t *testing.T) {
	server, reached := counter(t)
	listenSix(t, server.Config.Handler, reached)
	port := server.URL[strings.LastIndexByte(server.URL, ':')+1:]
	inner := innerAddresses()
	// Nothing answers at these: they stand for what is public and down, and a
	// dialler that falls back goes on to the inner one.
	public, publicSix := netip.MustParseAddr("240.255.255.1"), netip.MustParseAddr("2001:db8:dead::1")
	var questions, again atomic.Int64
	records := func(name string) []netip.Addr {
		questions.Add(1)
		var how string
		var i int
		if _, err := fmt.Sscanf(strings.TrimPrefix(strings.ReplaceAll(name, ".", " "), "inner "), "%s n%d", &how, &i); err != nil {
			return nil
		}
		a := netip.MustParseAddr(inner[i])
		switch how {
		case "before":
			return []netip.Addr{public, publicSix, a}
		case "after":
			return []netip.Addr{a, public, publicSix}
		case "again":
			if again.Add(1)%2 == 1 {
				return []netip.Addr{public, publicSix}
			}
			if a.Is4() {
				return []netip.Addr{a, publicSix}
			}
			return []netip.Addr{public, a}
		}
		return []netip.Addr{a}
	}
	resolver := fakeDNS(t, records)
	n := 0
	for i := range inner {
		for _, how := range []string{"alone", "before", "after", "again", "alias"} {
			tr, err := guardedTransport(nil, "", resolver)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s.n%d.example", how, i)
			if how == "alias" {
				name = "alias.alone." + fmt.Sprintf("n%d.example", i)
			}
			for _, base := range []string{"http://" + name + "/", "http://" + name + ".:" + port + "/"} {
				f := &Fetcher{UserAgent: "ccgwatch", Delay: -1, Patience: time.Nanosecond, Timeout: 3 * time.Second, Transport: tr}
				for range 2 {
					if _, err := f.Get(t.Context(), Source{ID: "x", Base: base}, base+"list", ""); ReasonOf(err) != store.ReasonBlocked {
						t.Errorf("%s (%s): %v", base, inner[i], err)
					}
					n++
				}
				f.Close()
			}
		}
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("%d connections reached the inside", got)
	}
	if questions.Load() < int64(len(inner)) {
		t.Errorf("the name server was asked %d times: this proves nothing", questions.Load())
	}
	t.Logf("%d requests, %d questions to the name server", n, questions.Load())
	open, err := guardedTransport([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "", resolver)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := open.DialContext(context.WithoutCancel(t.Context()), "tcp", "alias.alone.n0.example:"+port)
	if err != nil {
		t.Fatalf("an alias that is allowed cannot be reached: %v", err)
	}
	_ = conn.Close()
}

// A public address of this very machine is inside too, whatever it is.
func TestThisMachineIsInside(t *testing.T) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range all {
		ip, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		at := net.JoinHostPort(ip.IP.String(), "443")
		if err := (guard{}).control("tcp", at, nil); ReasonOf(err) != store.ReasonBlocked {
			t.Errorf("%s: %v", at, err)
		}
	}
}
