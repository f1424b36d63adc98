package web_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// slower is a store that takes longer over whom it knows: the leak that the test
// below must see.
type slower struct {
	store.Signups
	by time.Duration
}

func (s slower) Of(ctx context.Context, address string) ([]store.Subscription, error) {
	of, err := s.Signups.Of(ctx, address)
	for begun := time.Now(); len(of) > 0 && time.Since(begun) < s.by; {
		continue // busy: a sleep would be longer, and easier to see
	}
	return of, err
}

// TestPromiseAnswersTakeTheSameTime: how long an answer takes does not tell whether
// an address is known, confirmed or shut out: the times of known, unknown and
// suppressed addresses, asked in one random order, cannot be told apart
// (Kolmogorov-Smirnov, p > 0.01). Chance fails that once in a hundred and a busy
// machine more often, so a pair counts as told apart if three rounds in a row say
// so; beside other tests, with fewer addresses, only if chance would say so once
// in a hundred thousand each time. TestAnswersComeAtEvenTimes holds what it rests on.
func TestPromiseAnswersTakeTheSameTime(t *testing.T) {
	n, chance, planted := 30, 1e-5, 10*time.Millisecond
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		n, chance, planted = 10_000, 0.01, time.Millisecond
	case os.Getenv("CCGWATCH_PROMISES") != "":
		n = 150
	case testing.Short():
		t.Skip("the race detector's own time is longer than what is measured")
	}
	for _, what := range []string{"manage", "subscribe"} {
		t.Run(what, func(t *testing.T) {
			apart := map[string][]float64{}
			for round := 1; round <= 3; round++ {
				times := newCrowd(t, n, round, 0).timed(what)
				told := 0
				for _, who := range []string{"known", "suppressed"} {
					if round > 1 && len(apart[who]) < round-1 {
						continue // the same in an earlier round
					}
					p := kolmogorovSmirnov(times[who], times["unknown"])
					t.Logf("round %d: %s and unknown: p = %.4f; medians %v and %v", round, who, p, median(times[who]), median(times["unknown"]))
					if p <= chance {
						apart[who] = append(apart[who], p)
						told++
					}
				}
				if told == 0 {
					return
				}
			}
			t.Errorf("%s: how long it takes tells who is subscribed: %v", what, apart)
		})
	}
	t.Run(fmt.Sprintf("%s planted is seen", planted), func(t *testing.T) {
		for round := 9; ; round++ { // a busy machine may hide it, too
			times := newCrowd(t, min(n, 300), round, planted).timed("manage")
			p := kolmogorovSmirnov(times["known"], times["unknown"])
			if p <= chance {
				return
			}
			t.Logf("round %d: p = %.4f; medians %v and %v", round, p, median(times["known"]), median(times["unknown"]))
			if round == 11 {
				t.Fatal("the test would not see it")
			}
		}
	})
}

// A crowd is a house that knows n addresses and has shut out n others.
type crowd struct {
	*house
	n     int
	order *rand.Rand
}

func newCrowd(t *testing.T, n, round int, by time.Duration) crowd {
	t.Helper()
	h := newHouseIn(t, quick(t))
	c := &h.desk.Caps
	c.AllHour, c.ClientHour, c.ClientDay, c.DomainHour = 1e6, 1e6, 1e6, 1e6
	srv := h.server()
	srv.Even = 5 * time.Millisecond // a tenth of what is usual, and more than all that is done takes here
	if n >= 10_000 {
		srv.Even = 25 * time.Millisecond // so many see a difference of a fortieth of it
	}
	if by > 0 {
		srv.Even, h.desk.Signups = -1, slower{h.store, by}
	}
	h.handler = srv.Handler()
	for i := range n {
		for who, state := range map[string]store.State{"known": store.StateConfirmed, "suppressed": store.StateSuppressed} {
			h.must(h.store.Subscribe(t.Context(), store.Subscription{
				ID: fmt.Sprintf("%s%d", who, i), Address: fmt.Sprintf("%s%06d@example.net", tag(who), i), Query: "ward", Often: store.Weekly, State: state, Created: h.clock(), ConsentAt: h.clock(),
			}))
		}
	}
	return crowd{h, n, rand.New(rand.NewPCG(uint64(round), 7))}
}

// tag makes addresses of one length.
func tag(who string) string { return "reader-" + who[:1] }

// timed asks once for each address and gives the times by kind.
func (c crowd) timed(what string) map[string][]time.Duration {
	c.t.Helper()
	type one struct {
		who string
		i   int
	}
	var all []one
	for _, who := range []string{"known", "unknown", "suppressed"} {
		for i := range c.n {
			all = append(all, one{who, i})
		}
	}
	c.order.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	out := map[string][]time.Duration{}
	for k, x := range all {
		c.pass(time.Minute) // so that what is counted in an hour stays short
		form := url.Values{"address": {fmt.Sprintf("%s%06d@example.net", tag(x.who), x.i)}, "t": {c.links.Stamp(c.clock().Add(-time.Minute))}}
		if what == "subscribe" {
			for name, v := range map[string]string{"agree": "yes", "words": "ward", "often": "weekly", "do": "signup"} {
				form.Set(name, v)
			}
		}
		r := httptest.NewRequest("POST", home+"/"+what, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		begun := time.Now()
		c.handler.ServeHTTP(w, r)
		took := time.Since(begun)
		if w.Code != 200 {
			c.t.Fatalf("%s: %d %s", x.who, w.Code, w.Body)
		}
		if k >= 20 { // the first ones warm up
			out[x.who] = append(out[x.who], took)
		}
	}
	return out
}

func median(x []time.Duration) time.Duration {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// kolmogorovSmirnov is how likely two samples differ as much as these by chance:
// the two-sided test, with the asymptotic distribution.
func kolmogorovSmirnov(x, y []time.Duration) float64 {
	x, y = slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	most, i, j := 0.0, 0, 0
	for i < len(x) && j < len(y) {
		at := min(x[i], y[j])
		for i < len(x) && x[i] == at {
			i++
		}
		for j < len(y) && y[j] == at {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(len(x))-float64(j)/float64(len(y))))
	}
	n := math.Sqrt(float64(len(x)) * float64(len(y)) / float64(len(x)+len(y)))
	lambda := (n + 0.12 + 0.11/n) * most
	if lambda < 0.2 {
		return 1
	}
	p, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		p += sign * 2 * math.Exp(-2*k*k*lambda*lambda)
		sign = -sign
	}
	return min(1, max(0, p))
}

// Values from a table: equal samples, samples apart, and the 1 % point.
func TestKolmogorovSmirnov(t *testing.T) {
	seq := func(from, n int) (out []time.Duration) {
		for i := range n {
			out = append(out, time.Duration(from+i))
		}
		return out
	}
	for _, tt := range []struct {
		x, y     []time.Duration
		from, to float64
	}{
		{seq(0, 100), seq(0, 100), 1, 1},
		{seq(0, 100), seq(1000, 100), 0, 1e-9},
		{seq(0, 100), seq(23, 100), 0.005, 0.015}, // D = 0.23: the 1 % point of two hundreds
		{seq(0, 100), seq(19, 100), 0.03, 0.06},
	} {
		if p := kolmogorovSmirnov(tt.x, tt.y); p < tt.from || p > tt.to {
			t.Errorf("%d and %d from %v: p = %v", len(tt.x), len(tt.y), tt.y[0], p)
		}
	}
}
