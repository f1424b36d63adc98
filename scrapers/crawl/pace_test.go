package crawl_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

func TestPace(t *testing.T) {
	tests := []struct {
		name   string
		delay  time.Duration
		pace   time.Duration
		took   time.Duration
		robots string
		want   []float64 // starts of robots.txt and three pages
	}{
		{"five seconds unless told otherwise", 0, 0, 0, "", []float64{0, 5, 10, 15}},
		{"the operator's delay", 2 * time.Second, 0, 0, "", []float64{0, 2, 4, 6}},
		{"the source's own pace replaces it", 2 * time.Second, 12 * time.Second, 0, "", []float64{0, 12, 24, 36}},
		{"also if it is shorter", 5 * time.Second, time.Second, 0, "", []float64{0, 1, 2, 3}},
		{"a crawl delay lengthens it", 2 * time.Second, 0, 0, "User-agent: *\nCrawl-delay: 7\n", []float64{0, 7, 14, 21}},
		{"and never shortens it", 5 * time.Second, 0, 0, "User-agent: *\nCrawl-delay: 0.5\n", []float64{0, 5, 10, 15}},
		{"gaps count from start to start", 5 * time.Second, 0, 3 * time.Second, "", []float64{0, 5, 10, 15}},
		{"a slow answer is waited for", 5 * time.Second, 0, 8 * time.Second, "", []float64{0, 8.1, 16.2, 24.3}},
		{"none at all", -1, 0, 0, "", []float64{0, 0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &served{answer: site(tt.robots, hello), took: tt.took}
				f := &crawl.Fetcher{UserAgent: agent, Delay: tt.delay, Transport: s}
				src := source("a.example")
				src.Pace = tt.pace
				for i := range 3 {
					if _, err := f.Get(t.Context(), src, fmt.Sprint("https://a.example/", i), ""); err != nil {
						t.Fatal(err)
					}
				}
				got := append(s.starts("/robots.txt"), s.starts("")...)
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Errorf("starts in seconds (-want +got):\n%s", d)
				}
			})
		})
	}
}

// Ten visits to two hosts at once: each host sees one request at a time, and
// the slow host does not hold up the fast one.
func TestOneAtATimeAcrossSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("", func(r *http.Request, _ int) *http.Response {
			if r.URL.Host == "slow.example" {
				time.Sleep(50 * time.Second)
			}
			return answer(200, "<p>hello")
		}), took: time.Second}
		f := &crawl.Fetcher{UserAgent: agent, Delay: 5 * time.Second, Transport: s}
		begin := time.Now()
		var mu sync.Mutex
		var fast, slow time.Duration
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				host := "fast.example"
				if i%2 == 1 {
					host = "slow.example"
				}
				src := source(host)
				src.ID = fmt.Sprint("s", i)
				if _, err := f.Get(t.Context(), src, fmt.Sprintf("https://%s/%d", host, i), ""); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if host == "fast.example" {
					fast = max(fast, time.Since(begin))
				} else {
					slow = max(slow, time.Since(begin))
				}
			})
		}
		wg.Wait()
		if s.worst != 1 {
			t.Errorf("%d requests at once to a host, want 1", s.worst)
		}
		if fast != 26*time.Second { // robots.txt and five pages, 5 s apart, the last takes 1 s
			t.Errorf("the fast host took %s, want 26s", fast)
		}
		if slow < 5*50*time.Second {
			t.Errorf("the slow host took %s: the test tests nothing", slow)
		}
	})
}

// Two sources on one host, the second in a hurry: between any two requests the
// longer of the two paces holds.
func TestSharedHostKeepsTheLongerPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("", hello)}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		calm, hasty := source("a.example"), source("a.example")
		calm.Pace, hasty.Pace = 12*time.Second, time.Second
		for i, src := range []crawl.Source{calm, hasty, hasty, calm} {
			if _, err := f.Get(t.Context(), src, fmt.Sprint("https://a.example/", i), ""); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff([]float64{12, 24, 25, 37}, s.starts("")); d != "" {
			t.Errorf("starts (-want +got):\n%s", d)
		}
	})
}

// T29, the waiting part.
func TestWaits(t *testing.T) {
	http1 := func(d time.Duration) string { return time.Now().UTC().Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name      string
		forbidden time.Duration
		answer    func(n int) *http.Response // to the nth request of the page
		want      []float64                  // starts, of the page
		reason    store.Reason
	}{
		{"429 with seconds", 0, once(429, "Retry-After", "120"), []float64{5, 125}, ""},
		{"429 without: two minutes", 0, once(429), []float64{5, 125}, ""},
		{"429 with nonsense", 0, once(429, "Retry-After", "soon"), []float64{5, 125}, ""},
		{"429 with a negative number", 0, once(429, "Retry-After", "-5"), []float64{5, 125}, ""},
		{"429 with zero is not at once", 0, once(429, "Retry-After", "0"), []float64{5, 10}, ""},
		{"429 with two values: the longer", 0, once(429, "Retry-After", "7", "Retry-After", "200"), []float64{5, 205}, ""},
		{"429 with a date", 0, func(n int) *http.Response { return once(429, "Retry-After", http1(90*time.Second))(n) }, []float64{5, 95}, ""},
		{"429 with a date by the server's clock, an hour fast", 0, func(n int) *http.Response {
			return once(429, "Retry-After", http1(time.Hour+90*time.Second), "Date", http1(time.Hour))(n)
		}, []float64{5, 95}, ""},
		{"429 with a date gone by", 0, func(n int) *http.Response { return once(429, "Retry-After", http1(-time.Hour))(n) }, []float64{5, 10}, ""},
		{"503 with Retry-After", 0, once(503, "Retry-After", "60"), []float64{5, 65}, ""},
		{"503 without: back off", 0, once(503), []float64{5, 10}, ""},
		{"ten years is not waited", 0, once(429, "Retry-After", "315360000"), []float64{5}, store.ReasonBusy},
		{"nor more seconds than there are", 0, once(429, "Retry-After", "99999999999999999999999"), []float64{5}, store.ReasonBusy},
		{"20 minutes are over our patience", 0, once(429, "Retry-After", "1200"), []float64{5}, store.ReasonBusy},
		{"patience is for all waits together", 0, always(429, "Retry-After", "400"), []float64{5, 405, 805}, store.ReasonBusy},
		{"zero for ever comes to an end", 0, always(429, "Retry-After", "0"), []float64{5, 10, 20, 40, 80, 160, 320, 640}, store.ReasonBusy},
		{"500 three times more", 0, always(500), []float64{5, 10, 20, 40}, store.ReasonServer},
		{"the network too", 0, func(int) *http.Response { return nil }, []float64{5, 10, 20, 40}, store.ReasonNetwork},
		{"and gets over it", 0, func(n int) *http.Response {
			if n < 3 {
				return nil
			}
			return answer(200, "x")
		}, []float64{5, 10, 20}, ""},
		{"403 is a refusal", 0, always(403), []float64{5}, store.ReasonRefused},
		{"unless the site means too fast by it", 5 * time.Minute, once(403), []float64{5, 305}, ""},
		{"and then twice", 5 * time.Minute, always(403), []float64{5, 305, 605}, store.ReasonRefused},
		{"404 is not repeated", 0, always(404), []float64{5}, store.ReasonMissing},
		{"nor is 400", 0, always(400), []float64{5}, store.ReasonFormat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &served{answer: site("", func(_ *http.Request, n int) *http.Response { return tt.answer(n) })}
				f := &crawl.Fetcher{UserAgent: agent, Transport: s}
				src := source("a.example")
				src.ForbiddenWait = tt.forbidden
				_, err := f.Get(t.Context(), src, "https://a.example/list", "")
				if got := reason(err); got != string(tt.reason) {
					t.Errorf("reason %q, want %q: %v", got, tt.reason, err)
				}
				if d := cmp.Diff(tt.want, s.starts("/list")); d != "" {
					t.Errorf("starts (-want +got):\n%s", d)
				}
			})
		})
	}
}

func once(status int, header ...string) func(int) *http.Response {
	return func(n int) *http.Response {
		if n == 1 {
			return answer(status, "not now", header...)
		}
		return answer(200, "<p>hello")
	}
}

func always(status int, header ...string) func(int) *http.Response {
	return func(int) *http.Response { return answer(status, "not now", header...) }
}

// A host that sent us away for an hour is closed to every source of the
// process until then, and nobody hangs about.
func TestClosedHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("", func(r *http.Request, n int) *http.Response {
			if r.URL.Path == "/first" && n == 1 {
				return answer(429, "", "Retry-After", "3600")
			}
			return answer(200, "<p>hello")
		})}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		get := func(path string) error {
			_, err := f.Get(t.Context(), source("a.example"), "https://a.example"+path, "")
			return err
		}
		wantReason(t, get("/first"), store.ReasonBusy)
		begin := time.Now()
		wantReason(t, get("/second"), store.ReasonBusy)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("hung about for %s", waited)
		}
		if _, err := f.Get(t.Context(), source("b.example"), "https://b.example/", ""); err != nil {
			t.Errorf("another host is not concerned: %v", err)
		}
		time.Sleep(50 * time.Minute) // 10 are left: within patience
		if err := get("/second"); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff([]float64{3605}, s.starts("/second")); d != "" {
			t.Errorf("starts (-want +got):\n%s", d)
		}
	})
}

// Ten years of Retry-After close the host for a day: then somebody should look,
// and the site may have come to its senses.
func TestClosedForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("", func(_ *http.Request, n int) *http.Response { return once(429, "Retry-After", "315360000")(n) })}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		get := func() error {
			_, err := f.Get(t.Context(), source("a.example"), "https://a.example/", "")
			return err
		}
		wantReason(t, get(), store.ReasonBusy)
		time.Sleep(23 * time.Hour)
		wantReason(t, get(), store.ReasonBusy)
		time.Sleep(time.Hour)
		wantReason(t, get(), "")
	})
}

func TestCancelEndsAnyWait(t *testing.T) {
	for name, header := range map[string][]string{"retry-after": {"Retry-After", "600"}, "back-off": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &served{answer: site("", func(*http.Request, int) *http.Response { return answer(503, "", header...) })}
				f := &crawl.Fetcher{UserAgent: agent, Transport: s}
				ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
				defer cancel()
				begin := time.Now()
				_, err := f.Get(ctx, source("a.example"), "https://a.example/", "")
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 7*time.Second {
					t.Errorf("after %s: %v", time.Since(begin), err)
				}
			})
		})
	}
}

// A page that never ends its answer costs one time-out per try, and frees the host.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{answer: site("", func(r *http.Request, _ int) *http.Response {
			if r.URL.Path == "/hangs" {
				<-r.Context().Done()
				return nil
			}
			return answer(200, "<p>hello")
		})}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		src := source("a.example")
		_, err := f.Get(t.Context(), src, "https://a.example/hangs", "")
		wantReason(t, err, store.ReasonNetwork)
		if d := cmp.Diff([]float64{5, 70, 140, 220}, s.starts("/hangs")); d != "" { // 60 s each, then 5, 10, 20
			t.Errorf("starts (-want +got):\n%s", d)
		}
		src.Timeout = 2 * time.Minute
		begin := time.Now()
		_, err = f.Get(t.Context(), src, "https://a.example/hangs", "")
		wantReason(t, err, store.ReasonNetwork)
		if took := time.Since(begin); took != 4*2*time.Minute+35*time.Second+100*time.Millisecond { // a moment after the answer before
			t.Errorf("a source with its own time-out took %s", took)
		}
		if _, err := f.Get(t.Context(), src, "https://a.example/", ""); err != nil {
			t.Error(err)
		}
	})
}
