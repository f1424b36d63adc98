package crawl_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// live is a fetcher that may ask loopback, without pauses. Whatever a site asks
// it to wait for is over its patience, so that a test of faults takes no time.
func live(t *testing.T) *crawl.Fetcher {
	t.Helper()
	f := &crawl.Fetcher{
		UserAgent: agent, Delay: -1, Patience: time.Nanosecond, Timeout: 20 * time.Second,
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
	t.Cleanup(f.Close)
	return f
}

// raw serves literal bytes on a connection and closes it.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				if strings.HasPrefix(string(buf[:n]), "GET /robots.txt ") {
					_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
					return
				}
				_, _ = io.WriteString(c, answer)
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

// with makes an HTTP/1.1 answer with a right Content-Length.
func with(body, header string) string {
	return "HTTP/1.1 200 OK\r\n" + header + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// The H rows of the catalogue of bad inputs, byte for byte on a socket: nothing
// but a whole answer is an answer.
func TestHTTPLayer(t *testing.T) {
	page := "<html><p>" + strings.Repeat("papers ", 300)
	zipped := string(packed([]byte(page)))
	gz := "Content-Encoding: gzip\r\n"
	broken := []byte(zipped)
	broken[len(broken)-6] ^= 0xff // in the checksum
	tests := []struct {
		name, answer string
		want         store.Reason
	}{
		{"whole", with(page, ""), ""},
		{"whole, gzip", with(zipped, gz), ""},
		{"whole, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ""},
		{"H1 empty", with("", ""), store.ReasonEmpty},
		{"H1 blank", with(" \r\n", ""), store.ReasonEmpty},
		{"H2 shorter than announced", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + page, store.ReasonTruncated},
		{"H3 cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello", store.ReasonTruncated},
		{"H3 cut between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", store.ReasonTruncated},
		{"H3 bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n", store.ReasonTruncated},
		{"H5 gzip in gzip", with(string(packed([]byte(zipped))), "Content-Encoding: gzip, gzip\r\n"), store.ReasonFormat},
		{"H5 brotli unasked", with(page, "Content-Encoding: br\r\n"), store.ReasonFormat},
		{"H5 deflate", with(page, "Content-Encoding: deflate\r\n"), store.ReasonFormat},
		{"H6 gzip with rubbish after it", with(zipped+"rubbish", gz), store.ReasonTruncated},
		{"H6 gzip with a wrong checksum", with(string(broken), gz), store.ReasonTruncated},
		{"H6 gzip cut", with(zipped[:len(zipped)/2], gz), store.ReasonTruncated},
		{"H6 gzip that is none", with(page, gz), store.ReasonTruncated},
		{"H8 headers of 10 MiB", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 10<<20) + "\r\n\r\n", store.ReasonTooLarge},
		{"H8 10,000 headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("Set-Cookie: a=bbbbbbbbbb\r\n", 10000) + "\r\n", store.ReasonTooLarge},
		{"H8 NUL in a header", "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 5\r\n\r\nhello", store.ReasonNetwork},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", store.ReasonNetwork},
		{"nothing", "", store.ReasonNetwork},
		{"H9 300", "HTTP/1.1 300 Multiple Choices\r\nContent-Length: 0\r\n\r\n", store.ReasonFormat},
		{"H9 redirect to nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", store.ReasonFormat},
		{"H9 redirect to no address", "HTTP/1.1 302 Found\r\nLocation: http://%zz/\r\nContent-Length: 0\r\n\r\n", store.ReasonFormat},
		{"H9 redirect in circles", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", store.ReasonFormat},
		{"H9 Location of 1 MiB", "HTTP/1.1 302 Found\r\nLocation: /" + strings.Repeat("../", 1<<18) + "\r\nContent-Length: 0\r\n\r\n", store.ReasonTooLarge},
		{"H9 redirect to another host", "HTTP/1.1 302 Found\r\nLocation: https://example.org/\r\nContent-Length: 0\r\n\r\n", store.ReasonBlocked},
		{"H10 204", "HTTP/1.1 204 No Content\r\n\r\n", store.ReasonFormat},
		{"H10 206", "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello", store.ReasonFormat},
		{"H10 226", "HTTP/1.1 226 IM Used\r\nContent-Length: 5\r\n\r\nhello", store.ReasonFormat},
		{"H10 304 unasked", "HTTP/1.1 304 Not Modified\r\n\r\n", store.ReasonFormat},
		{"H11 401", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", store.ReasonRefused},
		{"H11 403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", store.ReasonRefused},
		{"H11 404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", store.ReasonMissing},
		{"H11 410", "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", store.ReasonMissing},
		{"H11 451", "HTTP/1.1 451 Unavailable\r\nContent-Length: 0\r\n\r\n", store.ReasonRefused},
		{"a 404 whose body is cut is a 404", "HTTP/1.1 404 Not Found\r\nContent-Length: 500\r\n\r\nsorry", store.ReasonMissing},
		{"a 404 in brotli is a 404", "HTTP/1.1 404 Not Found\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nsorry", store.ReasonMissing},
		{"H12 429", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", store.ReasonBusy},
		{"H13 500 that looks like the list", "HTTP/1.1 500 Oops\r\nContent-Length: " + strconv.Itoa(len(page)) + "\r\n\r\n" + page, store.ReasonServer},
		{"H14 challenge", with("<html><title>Just a moment...</title>", ""), store.ReasonRefused},
		{"H14 challenge, 503", "HTTP/1.1 503 Service Unavailable\r\nCf-Mitigated: challenge\r\nRetry-After: 10\r\nContent-Length: 2\r\n\r\nno", store.ReasonRefused},
		{"H20 cookies", "HTTP/1.1 200 OK\r\n" + strings.Repeat("Set-Cookie: a=b\r\n", 1000) + "Content-Length: 5\r\n\r\nhello", ""},
		{"102 and 103 first", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + with(page, ""), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := raw(t, tt.answer)
			f, src := live(t), crawl.Source{ID: "test", Base: base}
			a, err := f.Get(t.Context(), src, base, "")
			wantReason(t, err, tt.want)
			if err == nil && !strings.Contains(string(a.Body), "p") && string(a.Body) != "hello" {
				t.Errorf("body %q", a.Body)
			}
			if e := (*crawl.Error)(nil); errors.As(err, &e) && e.URL == "" {
				t.Errorf("the error does not say where: %v", err)
			}
		})
	}
}

// H4: a body of exactly the cap is whole; one byte more is an error, packed or not.
func TestCap(t *testing.T) {
	const most = 100_000
	for size, want := range map[int]store.Reason{most: "", most + 1: store.ReasonTooLarge} {
		for _, pack := range []bool{false, true} {
			body := []byte(strings.Repeat("papers and more papers\n", size/20))[:size]
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/robots.txt" {
					http.NotFound(w, r)
					return
				}
				if pack {
					w.Header().Set("Content-Encoding", "gzip")
					_, _ = w.Write(packed(body))
					return
				}
				_, _ = w.Write(body)
			})
			server := httptest.NewServer(h)
			f, src := live(t), crawl.Source{ID: "test", Base: server.URL}
			f.MaxPage, f.MaxPaper = most, most
			a, err := f.Get(t.Context(), src, server.URL+"/", "")
			wantReason(t, err, want)
			if err == nil && len(a.Body) != size {
				t.Errorf("%d bytes, want %d", len(a.Body), size)
			}
			d, err := f.Download(t.Context(), src, server.URL+"/", "", "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(d.Body)
			wantReason(t, err, want)
			_ = d.Body.Close()
			server.Close()
		}
	}
}

// The trap of colly: 12 MB came out as 10 MB, with status 200. Whole, they must
// come whole; cut, they must be an error.
func TestTwelveMegabytes(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcde\n"), 12<<20/16)
	for _, name := range []string{"whole", "cut"} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/robots.txt" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				if name == "cut" {
					_, _ = w.Write(body[:10<<20])
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write(body)
			}))
			defer server.Close()
			f, src := live(t), crawl.Source{ID: "test", Base: server.URL}
			a, err := f.Get(t.Context(), src, server.URL+"/pack", "")
			d, derr := live(t).Download(t.Context(), src, server.URL+"/pack", "", "") // the other leaves the host alone now
			if derr != nil {
				t.Fatal(derr)
			}
			defer d.Body.Close()
			b, derr := io.ReadAll(d.Body)
			if name == "cut" {
				wantReason(t, err, store.ReasonTruncated)
				wantReason(t, derr, store.ReasonTruncated)
				return
			}
			if err != nil || derr != nil || !bytes.Equal(a.Body, body) || !bytes.Equal(b, body) {
				t.Errorf("page %v, paper %v, %d bytes", err, derr, len(b))
			}
		})
	}
}

// H5: a thousand bytes for each on the wire. Memory stays flat, because unpacking ends
// at the cap or the ratio.
func TestBomb(t *testing.T) {
	// Members one after the other are one gzip: 10 GiB unpacked, 10 MiB packed.
	bomb := bytes.NewBuffer(bytes.Repeat(packed(make([]byte, 1<<20)), 10<<10))
	for _, kind := range []string{"text/html", "application/gzip", "application/pdf"} {
		for _, path := range []string{"/x", "/sitemap.xml.gz"} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/robots.txt" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Type", kind)
				if kind != "application/gzip" {
					w.Header().Set("Content-Encoding", "gzip")
				}
				_, _ = w.Write(bomb.Bytes())
			}))
			f, src := live(t), crawl.Source{ID: "test", Base: server.URL}
			f.MaxPage, f.MaxPaper = 1<<40, 1<<40 // the cap has its own test
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a, err := f.Get(t.Context(), src, server.URL+path, "")
			if kind == "application/gzip" { // a file that is an archive is not unpacked at all
				if err != nil || len(a.Body) != bomb.Len() {
					t.Errorf("%s %s: %v", kind, path, err)
				}
			} else {
				wantReason(t, err, store.ReasonTooLarge)
			}
			d, err := f.Download(t.Context(), src, server.URL+path, "", "")
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, d.Body)
			if kind != "application/gzip" {
				wantReason(t, err, store.ReasonTooLarge)
			}
			if n > 200<<20 {
				t.Errorf("%d bytes came out", n)
			}
			_ = d.Body.Close()
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%s: %d MiB allocated", kind, grown>>20)
			}
			server.Close()
		}
	}
}

// colly reads its settings from the environment after the options: none of them
// may reach us.
func TestCollyEnvironment(t *testing.T) {
	dir := t.TempDir()
	for k, v := range map[string]string{
		"ALLOWED_DOMAINS": "other.example", "CACHE_DIR": dir, "DETECT_CHARSET": "y", "DISALLOWED_DOMAINS": "127.0.0.1", "IGNORE_ROBOTSTXT": "n",
		"FOLLOW_REDIRECTS": "n", "MAX_BODY_SIZE": "10", "MAX_DEPTH": "1", "MAX_REQUESTS": "1", "PARSE_HTTP_ERROR_RESPONSE": "n", "USER_AGENT": "evil",
	} {
		t.Setenv("COLLY_"+k, v)
	}
	var agents []string
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents = append(agents, r.UserAgent())
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case "/old":
			http.Redirect(w, r, "/new", http.StatusFound)
		default:
			asked++
			_, _ = fmt.Fprintf(w, "<p>a page of more than ten bytes, for the %d. time", asked)
		}
	}))
	defer server.Close()
	f, src := live(t), crawl.Source{ID: "test", Base: server.URL}
	for i := range 3 {
		a, err := f.Get(t.Context(), src, server.URL+"/old", "")
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("<p>a page of more than ten bytes, for the %d. time", i+1); string(a.Body) != want || a.URL.Path != "/new" {
			t.Errorf("%s: %q", a.URL, a.Body)
		}
	}
	if len(agents) != 1+3*2 {
		t.Errorf("%d requests, want robots.txt and three times two", len(agents))
	}
	for _, a := range agents {
		if a != agent {
			t.Errorf("User-Agent %q", a)
		}
	}
}

// H9: five redirects are followed, a sixth is not.
func TestRedirects(t *testing.T) {
	for hops, want := range map[int]store.Reason{5: "", 6: store.ReasonFormat} {
		asked := 0
		f := &crawl.Fetcher{UserAgent: agent, Delay: -1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/robots.txt" {
				return answer(404, ""), nil
			}
			if asked++; asked <= hops {
				return answer(301, "", "Location", fmt.Sprintf("../x y/%d", asked)), nil
			}
			return answer(200, "there"), nil
		})}
		a, err := f.Get(t.Context(), source("a.example"), "https://a.example/list", "")
		wantReason(t, err, want)
		if err == nil && a.URL.String() != "https://a.example/x%20y/5" {
			t.Errorf("ended at %s", a.URL)
		}
		if asked != 6 {
			t.Errorf("%d requests, want 6", asked)
		}
	}
}

// The server is asked for the address as the source spelled it, not as a
// browser would: robots.txt was asked about the same.
func TestAddressIsAskedAsSpelled(t *testing.T) {
	var got string
	f := &crawl.Fetcher{UserAgent: agent, Delay: -1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.URL.String()
		return answer(200, "x"), nil
	})}
	for _, u := range []string{"https://a.example/a'b|c?d='e'&f=%7e[]", "https://a.example/a/../b/./c", "https://a.example/%41;x=(S(abc))/y", "https://a.example/a%2Fb?", "https://a.example/a b"} {
		if _, err := f.Get(t.Context(), source("a.example"), u, ""); err != nil {
			t.Errorf("%s: %v", u, err)
		}
		if want := strings.ReplaceAll(u, " ", "%20"); got != want && !strings.Contains(u, "|") {
			t.Errorf("asked for %s, want %s", got, want)
		}
	}
}

// H7: one byte every ten seconds, in a page and in a paper.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drip := func(every time.Duration, chunk int) crawl.Fetcher {
			return crawl.Fetcher{UserAgent: agent, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/robots.txt" {
					return answer(404, ""), nil
				}
				a := answer(200, "")
				a.ContentLength = -1
				a.Body = &dripping{r: r, every: every, chunk: chunk, left: 50 << 20}
				return a, nil
			})}
		}
		f := drip(10*time.Second, 1)
		begin := time.Now()
		_, err := f.Get(t.Context(), source("a.example"), "https://a.example/", "")
		wantReason(t, err, store.ReasonNetwork)
		if took := time.Since(begin); took != 5*time.Second+4*time.Minute+35*time.Second {
			t.Errorf("a page dripped for %s", took)
		}
		d, err := f.Download(t.Context(), source("a.example"), "https://a.example/p.pdf", "", "")
		if err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		_, err = io.Copy(io.Discard, d.Body)
		wantReason(t, err, store.ReasonNetwork)
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("a paper dripped for %s", took)
		}
		// The host is free again though nobody closed the body.
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = f.Download(t.Context(), source("a.example"), "https://a.example/q.pdf", "", "")
		}()
		select {
		case <-done:
		case <-time.After(time.Hour):
			t.Error("the host stays shut")
		}
		_ = d.Body.Close()
		_ = d.Body.Close()

		// 50 MB at 200 kB/s takes longer than a page may, and is a paper.
		g := drip(time.Second, 200<<10)
		if d, err = g.Download(t.Context(), source("a.example"), "https://a.example/p.pdf", "", ""); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, d.Body)
		if err != nil || n != 50<<20 {
			t.Errorf("%d bytes: %v", n, err)
		}
		_ = d.Body.Close()
		// At 20 kB/s it is not there in time.
		h := drip(time.Second, 20<<10)
		if d, err = h.Download(t.Context(), source("a.example"), "https://a.example/p.pdf", "", ""); err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, d.Body)
		wantReason(t, err, store.ReasonNetwork)
		_ = d.Body.Close()
	})
}

type dripping struct {
	r                  *http.Request
	every              time.Duration
	chunk, left, ready int
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.ready == 0 {
		select {
		case <-time.After(d.every):
		case <-d.r.Context().Done():
			return 0, d.r.Context().Err()
		}
		d.ready = min(d.chunk, d.left)
		d.left -= d.ready
	}
	n := min(d.ready, len(p))
	if d.ready -= n; d.left == 0 && d.ready == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (d *dripping) Close() error { return nil }

// H17: a certificate that does not convince is a failure of the network, and
// never passed over.
func TestCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	f, src := live(t), crawl.Source{ID: "test", Base: server.URL}
	_, err := f.Get(t.Context(), src, server.URL+"/", "")
	wantReason(t, err, store.ReasonNetwork)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the error does not say what is wrong: %v", err)
	}
}
