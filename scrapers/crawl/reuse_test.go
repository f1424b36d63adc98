package crawl_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
)

// A connection that is used again and breaks makes net/http repeat the request
// by itself, at once: unseen by the pace, and while the site may still be busy
// with the first.
func TestABrokenConnectionIsNotRepeatedBehindOurBack(t *testing.T) {
	var mu sync.Mutex
	var starts []time.Time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			return
		}
		mu.Lock()
		starts = append(starts, time.Now())
		n := len(starts)
		mu.Unlock()
		if n == 2 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
				t.Error(err)
			}
			conn.Close()
			return
		}
		_, _ = w.Write([]byte("hello"))
	}))
	defer srv.Close()
	const pace = 300 * time.Millisecond
	f := &crawl.Fetcher{UserAgent: agent, Delay: pace, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	defer f.Close()
	src := crawl.Source{ID: "x", Base: srv.URL}
	for _, p := range []string{"/1", "/2"} {
		if _, err := f.Get(t.Context(), src, srv.URL+p, ""); err != nil && p == "/1" {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for i := 1; i < len(starts); i++ {
		if gap := starts[i].Sub(starts[i-1]); gap < pace/2 {
			t.Errorf("request %d came %s after the one before; the pace is %s", i+1, gap, pace)
		}
	}
	t.Logf("%d requests", len(starts))
}

// The site was reached slowly the first time and quickly the second: between
// the two it saw less than the pause it had asked for.
func TestASlowConnectionDoesNotShortenThePause(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var starts []time.Time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		starts = append(starts, time.Now())
		mu.Unlock()
		if r.URL.Path != "/robots.txt" {
			_, _ = w.Write([]byte("hello"))
		}
	}))
	defer srv.Close()
	const pace = 200 * time.Millisecond
	slow := time.NewTimer(pace / 2).C
	f := &crawl.Fetcher{UserAgent: agent, Delay: pace, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			<-slow
			c := make(chan time.Time)
			close(c)
			slow = c // only the first is
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	defer f.Close()
	src := crawl.Source{ID: "x", Base: srv.URL}
	if _, err := f.Get(t.Context(), src, srv.URL+"/1", ""); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(starts) != 2 { // robots.txt, and the page
		t.Fatalf("%d requests", len(starts))
	}
	if gap := starts[1].Sub(starts[0]); gap < pace-5*time.Millisecond {
		t.Errorf("the site saw %s between two requests, the pace is %s", gap, pace)
	}
}
