package crawl

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A site behind a proxy saw two requests sooner after each other than its
// robots.txt asks for: the first had waited on the way, the second had not.
func TestARequestThatWaitedOnTheWayDoesNotShortenThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		f := &Fetcher{UserAgent: "test", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			body := "User-agent: *\nCrawl-delay: 8\n"
			if r.URL.Path != "/robots.txt" {
				trace := httptrace.ContextClientTrace(r.Context())
				if trace.WroteRequest != nil {
					trace.WroteRequest(httptrace.WroteRequestInfo{})
				}
				if len(began) == 0 {
					time.Sleep(3 * time.Second) // in the proxy's queue
				}
				began = append(began, time.Now())
				if trace.GotFirstResponseByte != nil {
					trace.GotFirstResponseByte()
				}
				body = "page"
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
		})}
		defer f.Close()
		src := Source{ID: "s", Base: "http://site.example", Pace: time.Second}
		for _, p := range []string{"/a", "/b"} {
			if _, err := f.Get(t.Context(), src, "http://site.example"+p, ""); err != nil {
				t.Fatal(err)
			}
		}
		if gap := began[1].Sub(began[0]); gap < 8*time.Second {
			t.Errorf("the site saw %s between two requests, and asks for 8s", gap)
		}
	})
}
