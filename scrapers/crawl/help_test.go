package crawl_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const agent = "ccgwatch/0.1 (+mailto:alerts@example.org; Save our NHS)"

// A served site is a function of the request, with a log of when each began
// and how many were under way at once.
type served struct {
	answer func(r *http.Request, n int) *http.Response // n counts the requests for this path, from 1
	took   time.Duration

	mu    sync.Mutex
	seen  map[string]int
	log   []visitLog
	now   map[string]int // under way, by host
	worst int
}

type visitLog struct {
	host, path string
	at         time.Duration // since the first request of the test
	header     http.Header
}

func (s *served) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	if s.seen == nil {
		s.seen, s.now = map[string]int{}, map[string]int{}
	}
	s.seen[r.URL.Host+r.URL.Path]++
	n := s.seen[r.URL.Host+r.URL.Path]
	s.log = append(s.log, visitLog{r.URL.Host, r.URL.RequestURI(), time.Duration(time.Now().UnixNano()), r.Header.Clone()})
	s.now[r.URL.Host]++
	s.worst = max(s.worst, s.now[r.URL.Host])
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now[r.URL.Host]--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(s.took):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if resp := s.answer(r, n); resp != nil {
		resp.Request = r
		return resp, nil
	}
	return nil, errors.New("connection reset by peer")
}

// starts gives the seconds, since the first, at which requests for a path began;
// "" is any but robots.txt.
func (s *served) starts(path string) []float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []float64
	for _, l := range s.log {
		if l.path == path || path == "" && l.path != "/robots.txt" {
			out = append(out, (l.at - s.log[0].at).Seconds())
		}
	}
	return out
}

// answer makes a response: status, headers as pairs, body.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

// site answers robots.txt with the given text ("": 404) and everything else as told.
func site(robots string, f func(r *http.Request, n int) *http.Response) func(*http.Request, int) *http.Response {
	return func(r *http.Request, n int) *http.Response {
		if r.URL.Path == "/robots.txt" {
			if robots == "" {
				return answer(404, "")
			}
			return answer(200, robots, "Content-Type", "text/plain")
		}
		return f(r, n)
	}
}

func hello(*http.Request, int) *http.Response { return answer(200, "<p>hello") }

func source(host string) crawl.Source {
	return crawl.Source{ID: "test", Base: "https://" + host + "/", Kind: store.KindPaper}
}

// reason is the reason and status of an error, "" for none.
func reason(err error) string {
	if err == nil {
		return ""
	}
	var e *crawl.Error
	if !errors.As(err, &e) {
		return "no *Error: " + err.Error()
	}
	return string(e.Reason)
}

func wantReason(t *testing.T, err error, want store.Reason) {
	t.Helper()
	if got := reason(err); got != string(want) {
		t.Errorf("reason %q, want %q (error: %v)", got, want, err)
	}
}
