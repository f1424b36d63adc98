package alerts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// still are subscriptions in memory that nobody alters but the benchmark.
type still struct {
	*memory
	all     []store.Subscription // by id
	stamp   uint64
	altered []string // because of which the stamp is not what it was one before
}

func (s *still) Stamp(context.Context) (uint64, error) { return s.stamp, nil }

func (s *still) Altered(_ context.Context, since uint64) ([]string, uint64, bool, error) {
	if since == s.stamp {
		return nil, s.stamp, true, nil
	}
	return s.altered, s.stamp, since == s.stamp-1, nil
}

func (s *still) Subscriptions(_ context.Context, after string, limit int) ([]store.Subscription, error) {
	i, found := slices.BinarySearchFunc(s.all, after, func(a store.Subscription, id string) int { return strings.Compare(a.ID, id) })
	if found {
		i++
	}
	return s.all[i:min(len(s.all), i+limit)], nil
}

// A gazette is notices of 900 words (5.9 KB), each word as frequent as words
// are, and how many notices have a word.
type gazette struct {
	*rand.Rand
	words [][]string
	in    map[string]int
}

func newGazette(n int) *gazette {
	g := &gazette{Rand: rand.New(rand.NewPCG(1, 2)), in: map[string]int{}}
	z := rand.NewZipf(g.Rand, 1.1, 20, 19_999)
	for range n {
		text := make([]string, 900)
		for i := range text {
			text[i] = madeUp(z.Uint64())
		}
		g.words = append(g.words, text)
		for _, w := range slices.Compact(slices.Sorted(slices.Values(text))) {
			g.in[w]++
		}
	}
	return g
}

// madeUp is a word like no other number's.
func madeUp(n uint64) string {
	w := ""
	for i := 0; i < 2 || n > 0; i++ {
		w += string("bdfgklmnprtv"[n%12]) + string("aeiou"[n/12%5])
		n /= 60
	}
	return w + "k"
}

func (g *gazette) area(i int) string { return fmt.Sprintf("a%d", i%20) }

func (g *gazette) finding(i int) store.Finding {
	return store.Finding{
		ID: fmt.Sprint("f", i), Change: uint64(i + 1), Tier: store.TierCertain, Topic: Topics()[i%3],
		Areas: []string{g.area(i)}, Title: "A notice", Text: strings.Join(g.words[i], " "),
	}
}

// search is what somebody asks for who has seen one of the notices: a word of
// it, a phrase of two, or two words, and half of the time its area, too. Who
// asks for what is rare takes a word of few notices and at least one of two.
func (g *gazette) search(rare bool) string {
	for {
		n := g.IntN(len(g.words))
		text := g.words[n]
		i := g.IntN(len(text) - 1)
		a, b := text[i], text[i+1]
		x := g.Float64()
		if x >= 0.7 {
			b = text[g.IntN(len(text))]
		}
		few, more := min(g.in[a], g.in[b]), max(g.in[a], g.in[b])
		q := a
		switch {
		case x < 0.4:
			if rare && g.in[a] > len(g.words)/50 {
				continue
			}
		case a == b, rare && (few > len(g.words)/20 || more > len(g.words)*3/10):
			continue
		case x < 0.7:
			q = `"` + a + " " + b + `"`
		default:
			q = a + " " + b
		}
		if g.IntN(2) == 0 {
			q += " area:" + g.area(n)
		}
		return q
	}
}

// BenchmarkMatchAudience: what a notice costs with so many subscriptions, from
// its text to the numbers of those concerned; what it takes to read and file
// them all (s-to-file); what each of them takes in memory (B/subscription, the
// text of its query not being kept); and what somebody new costs at the next notice.
func BenchmarkMatchAudience(b *testing.B) {
	g := newGazette(2000)
	for _, n := range []int{100_000, 1_000_000} {
		if testing.Short() && n > 100_000 {
			continue
		}
		for _, rare := range []bool{true, false} {
			subs := &still{memory: newMemory(), stamp: 1}
			distinct := map[string]bool{}
			text := 0
			for i := range n {
				s := sub(fmt.Sprintf("%032x", i), g.search(rare))
				subs.all = append(subs.all, s)
				distinct[s.Query] = true
				text += len(s.Query)
			}
			for i := range sampled {
				subs.findings = append(subs.findings, g.finding(i))
			}
			benchmarkAudience(b, fmt.Sprintf("%d subscriptions, rare %v", n, rare), g, subs, len(distinct), text)
		}
	}
	b.Run("the notice cut into words", func(b *testing.B) {
		m := matcher(newMemory())
		i := 0
		for b.Loop() {
			m.candidates([]store.Finding{g.finding(i % len(g.words))})
			i++
		}
	})
}

func benchmarkAudience(b *testing.B, name string, g *gazette, subs *still, distinct, text int) {
	b.Helper()
	x := matcher(subs.memory)
	x.Subscribers = subs
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	if err := x.audience.refresh(b.Context(), x); err != nil {
		b.Fatal(err)
	}
	took := time.Since(begun)
	runtime.GC()
	runtime.ReadMemStats(&after)
	n := float64(len(subs.all))
	b.Run(name+"/one notice", func(b *testing.B) {
		told, i := 0, 0
		for b.Loop() {
			told += len(x.audience.concerned(x.candidates([]store.Finding{g.finding(i * 7 % len(g.words))})))
			i++
		}
		b.ReportMetric(float64(told)/float64(b.N), "concerned")
		b.ReportMetric(took.Seconds(), "s-to-file")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/subscription")
		b.ReportMetric(float64(text)/n, "B-of-text")
		b.ReportMetric(float64(distinct), "distinct")
	})
	b.Run(name+"/one more", func(b *testing.B) {
		for b.Loop() {
			s := sub(fmt.Sprintf("z%d", subs.stamp), g.search(true))
			subs.subs = map[string]store.Subscription{s.ID: s}
			subs.stamp++
			subs.altered = []string{s.ID}
			if err := x.audience.refresh(b.Context(), x); err != nil {
				b.Fatal(err)
			}
		}
	})
	runtime.KeepAlive(subs)
}
