package crawl_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// T29: what the fetch of robots.txt itself comes to.
func TestRobotsFetch(t *testing.T) {
	rules := "User-agent: *\nDisallow: /private\n"
	tests := []struct {
		name   string
		robots func(n int) (*http.Response, error)
		page   store.Reason // of /page
		secret store.Reason // of /private/page
	}{
		{"200", reply(200, rules), "", store.ReasonRobots},
		{"404", reply(404, rules), "", ""},
		{"403", reply(403, rules), "", ""},
		{"410", reply(410, ""), "", ""},
		{"204", reply(204, ""), "", ""},
		{"200 and nothing in it", reply(200, ""), "", ""},
		{"200 and a web page", reply(200, "<!doctype html><p>User-agent: *\nDisallow: /"), "", ""},
		{"500", reply(500, rules), store.ReasonRobots, store.ReasonRobots},
		{"503", reply(503, ""), store.ReasonRobots, store.ReasonRobots},
		{"429", reply(429, ""), store.ReasonRobots, store.ReasonRobots},
		{"429 for ten years", reply(429, "", "Retry-After", "315360000"), store.ReasonRobots, store.ReasonRobots},
		{"500 and then well", func(n int) (*http.Response, error) {
			if n < 3 {
				return answer(500, ""), nil
			}
			return answer(200, rules), nil
		}, "", store.ReasonRobots},
		{"reset", fails(errors.New("connection reset by peer")), store.ReasonRobots, store.ReasonRobots},
		{"no such host", fails(&net.DNSError{Err: "no such host", Name: "a.example", IsNotFound: true}), store.ReasonNetwork, store.ReasonNetwork},
		{"nobody listens", fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), store.ReasonNetwork, store.ReasonNetwork},
		{"cut", func(int) (*http.Response, error) {
			a := answer(200, rules)
			a.ContentLength += 10
			return a, nil
		}, store.ReasonRobots, store.ReasonRobots},
		{"moved to where it is", reply(301, "", "Location", "/elsewhere.txt"), "", store.ReasonRobots},
		{"moved to another host", reply(302, "", "Location", "https://b.example/rules.txt"), "", store.ReasonRobots},
		{"moved inside", reply(302, "", "Location", "http://169.254.169.254/robots.txt"), store.ReasonBlocked, store.ReasonBlocked},
		{"moved in circles", reply(302, "", "Location", "/robots.txt"), "", ""},
		{"in UTF-16", reply(200, "\xff\xfeU\x00s\x00e\x00r\x00-\x00a\x00g\x00e\x00n\x00t\x00:\x00*\x00\n\x00D\x00i\x00s\x00a\x00l\x00l\x00o\x00w\x00:\x00/\x00p\x00r\x00i\x00v\x00"), "", store.ReasonRobots},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				f := &crawl.Fetcher{UserAgent: agent, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					switch r.URL.Path {
					case "/robots.txt":
						n++
						return tt.robots(n)
					case "/elsewhere.txt", "/rules.txt":
						return answer(200, rules), nil
					}
					if tt.page != "" || r.URL.Path == "/private/page" && tt.secret != "" {
						t.Errorf("asked for %s", r.URL)
					}
					return answer(200, "<p>hello"), nil
				})}
				_, err := f.Get(t.Context(), source("a.example"), "https://a.example/page", "")
				wantReason(t, err, tt.page)
				_, err = f.Get(t.Context(), source("a.example"), "https://a.example/private/page", "")
				wantReason(t, err, tt.secret)
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string, header ...string) func(int) (*http.Response, error) {
	return func(int) (*http.Response, error) {
		return answer(status, body, append(header, "Content-Type", "text/plain")...), nil
	}
}

func fails(err error) func(int) (*http.Response, error) {
	return func(int) (*http.Response, error) { return nil, err }
}

// T29: a rule that appears in the middle of a long crawl is obeyed within a
// day, and robots.txt is not asked for more often than that.
func TestRobotsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		robots := "User-agent: *\nDisallow: /private\n"
		asked := 0
		f := &crawl.Fetcher{UserAgent: agent, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/robots.txt" {
				asked++
				return answer(200, robots), nil
			}
			return answer(200, "<p>hello"), nil
		})}
		var refused time.Duration
		begin := time.Now()
		for i := range 50 {
			if i == 2 {
				robots = "User-agent: *\nDisallow: /\n"
			}
			_, err := f.Get(t.Context(), source("a.example"), fmt.Sprint("https://a.example/", i), "")
			if err != nil {
				wantReason(t, err, store.ReasonRobots)
				refused = time.Since(begin)
				break
			}
			time.Sleep(time.Hour)
		}
		if refused == 0 || refused > 25*time.Hour {
			t.Errorf("the new rule was obeyed after %s", refused)
		}
		if asked != 2 {
			t.Errorf("robots.txt was asked for %d times, want 2", asked)
		}
	})
}

// An answer of 5xx is not taken for a day: the next crawl tries again.
func TestRobotsRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well := false
		f := &crawl.Fetcher{UserAgent: agent, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/robots.txt" && !well {
				return answer(500, ""), nil
			}
			return answer(200, "<p>hello"), nil
		})}
		_, err := f.Get(t.Context(), source("a.example"), "https://a.example/", "")
		wantReason(t, err, store.ReasonRobots)
		well = true
		time.Sleep(10 * time.Minute)
		_, err = f.Get(t.Context(), source("a.example"), "https://a.example/", "")
		wantReason(t, err, "")
	})
}

// A redirect to a page that robots.txt disallows is not followed.
func TestRobotsOfRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("User-agent: *\nDisallow: /private\n", func(r *http.Request, _ int) *http.Response {
			return answer(302, "", "Location", "/private/x")
		})}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		_, err := f.Get(t.Context(), source("a.example"), "https://a.example/page", "")
		wantReason(t, err, store.ReasonRobots)
		if got := s.starts("/private/x"); len(got) > 0 {
			t.Error("asked for it all the same")
		}
	})
}

func TestRobotsAskForMoreThanOurPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("User-agent: *\nCrawl-delay: 86400\n", hello)}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		_, err := f.Get(t.Context(), source("a.example"), "https://a.example/", "")
		wantReason(t, err, store.ReasonRobots)
	})
}

// The product token that robots.txt is read for is the one we name ourselves
// by, and the whole User-Agent goes with every request.
func TestUserAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("User-agent: *\nDisallow: /\n\nUser-agent: ccgwatch\nDisallow: /x\n", hello)}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		src := source("a.example")
		if _, err := f.Get(t.Context(), src, "https://a.example/", "text/calendar"); err != nil {
			t.Fatal(err)
		}
		if d, err := f.Download(t.Context(), src, "https://a.example/p.pdf", "", ""); err != nil {
			t.Fatal(err)
		} else if err := d.Body.Close(); err != nil {
			t.Error(err)
		}
		for i, l := range s.log {
			if got := l.header.Get("User-Agent"); got != agent {
				t.Errorf("%s: User-Agent %q", l.path, got)
			}
			if l.header.Get("Cookie") != "" || l.header.Get("Referer") != "" {
				t.Errorf("%s: %v", l.path, l.header)
			}
			if want := []string{"text/plain", "text/calendar", "*/*"}[i]; l.header.Get("Accept") != want {
				t.Errorf("%s: Accept %q, want %q", l.path, l.header.Get("Accept"), want)
			}
		}
	})
}
