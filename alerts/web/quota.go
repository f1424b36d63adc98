package web

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// How often one address may ask for data, feeds and searches: so many times a
// minute in the long run, and some more at once. Whoever asks from this machine, or
// from nowhere known (a proxy that nobody told us of, or that does not say for whom
// it asks, speaks for everybody), may ask ten times as often.
const (
	askedAMinute = 40
	askedAtOnce  = 120
	quotasKept   = 10_000
	quotasSwept  = 10 * time.Minute // who has everything left by then is forgotten
)

// What a question costs beside one for data, which costs 1. A feed reader asks for
// many feeds in a row, and mostly gets what was written before; a search is work,
// and the one that is made while somebody types is asked for with every pause.
const (
	feedCost   = 0.5
	searchCost = 1
	quickCost  = 0.25
)

// costing is page for what a program may ask for too often.
func (s *site) costing(cost func(r *http.Request) float64, f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return s.page(func(w http.ResponseWriter, r *http.Request) error {
		if wait := s.quota.ask(s.client(r), cost(r), s.Now()); wait > 0 {
			return &fault{status: http.StatusTooManyRequests, title: "Too often", text: "This was asked for very often from where you are. Please wait a little.", retry: wait}
		}
		return f(w, r)
	})
}

// aFeed and aSearch are what these cost; a list that nobody searches is free.
func aFeed(*http.Request) float64 { return feedCost }

func aSearch(r *http.Request) float64 {
	for name, v := range r.URL.Query() {
		if name != "page" && name != "from" && strings.Join(v, "") != "" {
			return searchCost
		}
	}
	return 0
}

func aQuickSearch(*http.Request) float64 { return quickCost }

// A quota remembers for minutes who asked how often: by a mark of the address,
// which nobody can turn back, and not by the address. IPv6 counts by network.
type quota struct {
	mu   sync.Mutex
	free bool // nobody is counted: an export asks for everything
	seed maphash.Seed
	full map[uint64]bucket

	swept time.Time // when they were last gone through
}

type bucket struct {
	left float64
	at   time.Time
}

// ask takes cost from what an address has left; when there is not enough it
// takes nothing and says how long to wait.
func (q *quota) ask(who netip.Addr, cost float64, now time.Time) time.Duration {
	if cost == 0 || q.free {
		return 0
	}
	if who.IsLoopback() || !who.IsValid() {
		cost /= 10
	}
	if who.Is6() {
		if p, err := who.Prefix(64); err == nil {
			who = p.Addr()
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full == nil {
		q.seed, q.full = maphash.MakeSeed(), map[uint64]bucket{}
	}
	if age := now.Sub(q.swept); age < 0 || age >= quotasSwept {
		q.forget(now)
		q.swept = now
	}
	mark := maphash.Comparable(q.seed, who)
	b, ok := q.full[mark]
	if !ok {
		if len(q.full) >= quotasKept {
			q.forget(now)
		}
		b = bucket{askedAtOnce, now}
	}
	b.left = min(askedAtOnce, b.left+max(0, now.Sub(b.at).Minutes())*askedAMinute)
	b.at = now
	if b.left < cost {
		q.full[mark] = b
		return max(time.Second, time.Duration((cost-b.left)/askedAMinute*float64(time.Minute)).Round(time.Second))
	}
	b.left -= cost
	q.full[mark] = b
	return 0
}

// forget drops whoever has everything left by now; if that is nobody, everybody.
func (q *quota) forget(now time.Time) {
	for mark, b := range q.full {
		if b.left+now.Sub(b.at).Minutes()*askedAMinute >= askedAtOnce {
			delete(q.full, mark)
		}
	}
	if len(q.full) >= quotasKept {
		clear(q.full)
	}
}
