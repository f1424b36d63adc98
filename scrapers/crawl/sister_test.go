package crawl_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// twin is a site with two names. It lives under one of them and sends whoever
// asks under the other there. Each name has its own robots.txt.
type twin struct {
	mu     sync.Mutex
	lives  string            // scheme and host
	robots map[string]string // by host
	pages  map[string]string // by path
	asked  []string
	busy   atomic.Int64
	most   atomic.Int64
}

func (s *twin) RoundTrip(r *http.Request) (*http.Response, error) {
	s.most.Store(max(s.most.Load(), s.busy.Add(1)))
	defer s.busy.Add(-1)
	time.Sleep(50 * time.Millisecond) // virtual
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.String())
	if r.URL.Path == "/robots.txt" {
		if text := s.robots[r.URL.Host]; text != "" {
			return answer(200, text, "Content-Type", "text/plain"), nil
		}
		return answer(404, ""), nil
	}
	if at := r.URL.Scheme + "://" + r.URL.Host; at != s.lives {
		return answer(301, "", "Location", s.lives+r.URL.RequestURI()), nil
	}
	body, ok := s.pages[r.URL.Path]
	if !ok {
		return answer(404, ""), nil
	}
	return answer(200, body), nil
}

func (s *twin) visit(t *testing.T, f *crawl.Fetcher, src crawl.Source, old store.Snapshot) (seen store.Sighting, err error) {
	t.Helper()
	s.asked = nil
	c := crawl.Crawler{Fetch: f}
	_, err = c.Visit(t.Context(), src, crawl.Visit{Now: day, Old: old}, func(x store.Sighting) error { seen = x; return nil })
	return seen, err
}

func twinSource(base string) crawl.Source {
	src := source("x")
	src.Base, src.Whole = base, true
	src.Plan = func(crawl.Visit) []crawl.Request { return []crawl.Request{{URL: base + "/list", Parse: talk}} }
	return src
}

// Symptom: a site that sends its visitors to its name with "www." (or without, or
// to https) was reported as blocked, and nothing of it was read.
func TestASiteThatRedirectsToItsOtherNameIsRead(t *testing.T) {
	for _, c := range []struct{ base, lives string }{
		{"https://board.example", "https://www.board.example"},
		{"https://www.board.example", "https://board.example"},
		{"http://board.example", "https://www.board.example"},
		{"http://www.board.example", "https://board.example"},
		{"http://board.example", "http://www.board.example"},
		{"http://board.example", "https://board.example"},
		{"https://board.example:8443", "https://www.board.example:8443"},
	} {
		t.Run(c.base+" to "+c.lives, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &twin{lives: c.lives, pages: map[string]string{"/list": "stub a A meeting\nfollow " + c.lives + "/more", "/a": "title a A meeting", "/more": "item b Another"}}
				f := &crawl.Fetcher{UserAgent: agent, Transport: s}
				seen, err := s.visit(t, f, twinSource(c.base), store.Snapshot{})
				if err != nil || len(seen.Problems) > 0 || len(seen.Items) != 2 {
					t.Fatal(err, seen.Problems, seen.Items)
				}
				host := strings.SplitAfter(c.base, "://")[1]
				for _, it := range seen.Items {
					if !strings.Contains(it.URL, "://"+host+"/") {
						t.Errorf("%s stands at %s: not under the name of its source, %s", it.Key, it.URL, host)
					}
				}
				redirected := 0
				for _, a := range s.asked {
					if !strings.HasPrefix(a, c.lives) && !strings.HasSuffix(a, "/robots.txt") {
						redirected++
					}
				}
				if redirected != 1 {
					t.Errorf("asked %q: under the old name %d times, want once", s.asked, redirected)
				}
			})
		})
	}
}

// A site that takes to its other name one day shows the same things as before:
// nothing is new, nothing has gone, and no address counts as a change.
func TestASiteThatTakesToItsOtherNameShowsNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := func(at string) string {
			b := ""
			for i := range 12 {
				b += fmt.Sprintf("item m%d Meeting %d\n", i, i)
			}
			return b + "follow " + at + "/more"
		}
		s := &twin{lives: "http://board.example", pages: map[string]string{"/list": page("http://board.example"), "/more": "item z The last"}}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		src := twinSource("http://board.example")
		seen, err := s.visit(t, f, src, store.Snapshot{})
		if err != nil {
			t.Fatal(err)
		}
		old, _ := store.Diff(store.Snapshot{}, seen)
		for _, lives := range []string{"http://www.board.example", "https://www.board.example", "https://board.example", "https://www.board.example"} {
			s.lives, s.pages["/list"] = lives, page(lives)
			if seen, err = s.visit(t, f, src, old); err != nil {
				t.Fatalf("%s: %v", lives, err)
			}
			if err := store.Guard(old, seen); err != nil {
				t.Errorf("%s: %v", lives, err)
			}
			next, changes := store.Diff(old, seen)
			if len(changes) > 0 {
				t.Errorf("%s: %+v", lives, changes)
			}
			old = next
		}
	})
}

// The robots.txt of the name that answers is obeyed, also where that of the
// other would allow it, and also once the way there is known.
func TestTheRobotsOfTheNameThatAnswersIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &twin{
			lives:  "https://www.board.example",
			robots: map[string]string{"board.example": "User-agent: *\nDisallow:\n", "www.board.example": "User-agent: *\nDisallow: /more\n"},
			pages:  map[string]string{"/list": "item a A\nfollow /more", "/more": "item b B"},
		}
		_, err := s.visit(t, &crawl.Fetcher{UserAgent: agent, Transport: s}, twinSource("https://board.example"), store.Snapshot{})
		wantReason(t, err, store.ReasonRobots)
		if i := slices.IndexFunc(s.asked, func(a string) bool { return strings.HasSuffix(a, "/more") }); i >= 0 {
			t.Errorf("asked for %s", s.asked[i])
		}
	})
}

// Two sources under the two names of a site have one lane: never two requests at
// a time, and the pause between them is kept.
func TestTwoNamesOfASiteAreOneLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &twin{lives: "https://www.board.example", pages: map[string]string{"/list": "item a A\nfollow /more", "/more": "item b B"}}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		var wait sync.WaitGroup
		begin := time.Now()
		for _, base := range []string{"https://board.example", "https://www.board.example", "http://board.example"} {
			wait.Go(func() {
				c := crawl.Crawler{Fetch: f}
				if _, err := c.Visit(t.Context(), twinSource(base), crawl.Visit{Now: day}, func(store.Sighting) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if n := s.most.Load(); n != 1 {
			t.Errorf("%d requests at a time", n)
		}
		if least := time.Duration(len(s.asked)-1) * 4 * time.Second; time.Since(begin) < least {
			t.Errorf("%d requests within %s", len(s.asked), time.Since(begin))
		}
	})
}

// What is no other name of the site is refused as before, and where a site's
// other name leads inside, the guard refuses it (see TestNoWayInByRedirect).
func TestOtherHostsAreNoOtherNames(t *testing.T) {
	for from, to := range map[string]string{
		"https://board.example":     "https://www2.board.example/list",
		"https://a.board.example":   "https://board.example/list",
		"https://board.example:444": "https://www.board.example/list",
		"https://www.example":       "https://example/list",
		"http://www.127.0.0.1":      "http://127.0.0.1/list",
		"https://wwwboard.example":  "https://board.example/list",
		"https://www.board.example": "https://www.www.other.example/list",
	} {
		f := &crawl.Fetcher{UserAgent: agent, Delay: -1, Patience: 1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/robots.txt" {
				return answer(404, ""), nil
			}
			if r.URL.String() == to {
				t.Errorf("%s: asked for %s", from, to)
			}
			return answer(302, "", "Location", to), nil
		})}
		src := source("x")
		src.Base = from
		_, err := f.Get(t.Context(), src, from+"/list", "")
		wantReason(t, err, store.ReasonBlocked)
	}
}

// A source that lists its other name by itself tells the two apart, as it did.
func TestASourceThatNamesBothHostsKeepsThemApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &twin{lives: "https://www.board.example", pages: map[string]string{"/list": "item a A"}}
		src := twinSource("https://board.example")
		src.Hosts = []string{"www.board.example"}
		seen, err := s.visit(t, &crawl.Fetcher{UserAgent: agent, Transport: s}, src, store.Snapshot{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("https://www.board.example/a", seen.Items[0].URL); diff != "" {
			t.Error(diff)
		}
	})
}

// What a site's other name answers is taken for granted only as long as it
// answers: when it is away, the address that was asked for is asked again.
func TestTheWayToTheOtherNameIsForgottenWhenItLeadsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &twin{lives: "https://www.board.example", pages: map[string]string{"/list": "item a A"}}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		src := twinSource("https://board.example")
		if _, err := s.visit(t, f, src, store.Snapshot{}); err != nil {
			t.Fatal(err)
		}
		s.lives = "https://board.example" // and the other name sends back
		if _, err := s.visit(t, f, src, store.Snapshot{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.visit(t, f, src, store.Snapshot{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"https://board.example/list"}, s.asked); diff != "" {
			t.Error(diff)
		}
	})
}
