package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ccgwatch/store"
)

// flooded is a house on a real port.
func flooded(t *testing.T) (h *house, base string) {
	t.Helper()
	h = newHouseIn(t, quick(t))
	h.desk.Caps.ClientHour, h.desk.Caps.ClientDay = 20, 60 // as they are
	s := h.server()
	srv, _ := s.NewHTTPServer("127.0.0.1:0")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", srv.Addr)
	h.must(err)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return h, "http://" + l.Addr().String()
}

// TestPromiseFrontStaysUp: of a hundred thousand sign-ups in ten minutes, from
// thousands of places, as many become mails as the caps say; everybody else is told
// when to come again, readers are served all the while, and memory does not grow.
func TestPromiseFrontStaysUp(t *testing.T) {
	n := 400
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		n = 100_000
	case os.Getenv("CCGWATCH_PROMISES") != "":
		n = 6000
	}
	h, base := flooded(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	before := heap()
	var codes [600]atomic.Int64
	var pages, unread atomic.Int64
	one := func(i int) {
		h.pass(10 * time.Minute / time.Duration(n))
		form := url.Values{
			"address": {fmt.Sprintf("victim%d@example%d.net", i, i%1500)}, "agree": {"yes"}, "words": {"ward"}, "often": {"weekly"}, "do": {"signup"},
			"t": {h.links.Stamp(h.clock().Add(-time.Minute))},
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/subscribe", strings.NewReader(form.Encode()))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", i/250%20, i%250))
		resp, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		codes[resp.StatusCode].Add(1)
		if resp.StatusCode >= 400 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%d without a time to come again", resp.StatusCode)
		}
	}
	read := func(path string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", base+path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if pages.Add(1); resp.StatusCode != 200 {
			unread.Add(1)
			t.Errorf("a reader of %s got %d", path, resp.StatusCode)
		}
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for i := range next {
				one(i)
			}
		})
	}
	for i := range n {
		next <- i
		if i%50 == 0 {
			read([]string{"/", "/findings", "/meetings", "/healthz", "/about"}[i/50%5])
		}
	}
	close(next)
	wg.Wait()
	grew := int64(heap()) - int64(before)
	taken, limited, busy := codes[200].Load(), codes[429].Load(), codes[503].Load()
	if taken+limited+busy != int64(n) {
		t.Errorf("of %d sign-ups %d were taken, %d and %d told to wait: the rest got something else", n, taken, limited, busy)
	}
	all := int64(h.desk.Caps.AllHour)
	mails := int64(0)
	h.must(h.store.Deliveries(t.Context(), func(d store.Delivery) bool { mails++; return true }))
	if taken != all || mails > all || mails == 0 || int64(len(h.subs())) > all {
		t.Errorf("%d were taken, %d mails and %d subscriptions stored, where %d an hour may be", taken, mails, len(h.subs()), all)
	}
	if grew > 32<<20 {
		t.Errorf("memory grew by %d MiB", grew>>20)
	}
	t.Logf("%d sign-ups: %d taken, %d told to wait, %d while busy; %d mails; %d pages read; memory %+d KiB", n, taken, limited, busy, mails, pages.Load(), grew>>10)
	if h.pass(2 * time.Hour); true {
		one(n)
		if codes[200].Load() != taken+1 {
			t.Error("two hours later nobody can sign up")
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestPromiseSlowAndLargeRequestsHoldNobodyUp: connections that send a byte now and
// then, a gibibyte of form, a million fields, a mebibyte of headers.
func TestPromiseSlowAndLargeRequestsHoldNobodyUp(t *testing.T) {
	slow := 100
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		slow = 8000
	case os.Getenv("CCGWATCH_PROMISES") != "":
		slow = 1000
	}
	h, base := flooded(t)
	at := strings.TrimPrefix(base, "http://")
	dial := func() net.Conn {
		t.Helper()
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at)
		h.must(err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var held []net.Conn
	for i := range slow {
		c := dial()
		start := "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
		if i%2 == 1 { // the headers are whole, the form is not
			start = "POST /subscribe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\na"
		}
		_, err := io.WriteString(c, start)
		h.must(err)
		held = append(held, c)
	}
	status := func(c net.Conn) int {
		t.Helper()
		h.must(c.SetReadDeadline(time.Now().Add(20 * time.Second)))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for _, path := range []string{"/", "/findings", "/healthz", "/subscribe", "/feed.atom"} {
		c := dial()
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
		h.must(err)
		if got := status(c); got != 200 {
			t.Errorf("%s beside %d slow connections: %d", path, slow, got)
		}
	}
	for _, x := range []struct {
		name, head, more string
		size             int64
		want             int
	}{
		{"a gibibyte", "POST /subscribe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1073741824\r\n\r\n", "address=aaaaaaaaaaaaaaaaaaaaaaa&", 1 << 30, 413},
		{"a gibibyte to unsubscribe", "POST /u/" + strings.Repeat("A", 43) + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1073741824\r\n\r\n", "address=aaaaaaaaaaaaaaaaaaaaaaa&", 1 << 30, 413},
		{"in chunks without end", "POST /manage HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n", "20\r\naddress=aaaaaaaaaaaaaaaaaaaaaaa&\r\n", 1 << 30, 413},
		{"a million fields", "POST /subscribe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000000\r\n\r\n", "a=b&", 4_000_000, 413},
		{"a mebibyte of headers", "GET / HTTP/1.1\r\nHost: localhost\r\n", "X-Much: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 1 << 20, 431},
		{"one header of a mebibyte", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Much: ", strings.Repeat("a", 64), 1 << 20, 431},
		{"an address of a mebibyte", "GET /", strings.Repeat("a", 64), 1 << 20, 431},
		{"a query of three kibibytes too much", "GET /findings?q=" + strings.Repeat("a", 7<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "", 0, 414},
	} {
		t.Run(x.name, func(t *testing.T) {
			before := heap()
			c := dial()
			_, err := io.WriteString(c, x.head)
			h.must(err)
			// It is answered before all is sent, so reading goes on beside.
			answer := make(chan int, 1)
			go func() { answer <- status(c) }()
			block := []byte(strings.Repeat(x.more, 1+32<<10/max(len(x.more), 1)))
			sent := int64(0)
			for sent < x.size {
				m, err := c.Write(block)
				if sent += int64(m); err != nil {
					break
				}
			}
			if got := <-answer; got != x.want && (got != 0 || sent >= x.size) {
				t.Errorf("answered %d after %d bytes, want %d", got, sent, x.want)
			}
			if sent > 32<<20 { // what the buffers of two sockets hold
				t.Errorf("%d MiB were taken in", sent>>20)
			}
			if grew := int64(heap()) - int64(before); grew > 8<<20 {
				t.Errorf("memory grew by %d MiB", grew>>20)
			}
			if x.size > 0 {
				h.must(c.SetReadDeadline(time.Now().Add(20 * time.Second)))
				if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
					t.Error("the connection is not closed")
				}
			}
		})
	}
	for _, c := range held {
		_, _ = c.Write([]byte("a")) // still slow
	}
	if w := h.ask("GET", "/", nil); w.Code != 200 {
		t.Errorf("in the end: %d", w.Code)
	}
}
