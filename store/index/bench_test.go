package index

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// stocked is an index of so many notices of some 2 KB, in words as frequent as
// those of a language are; every second one has a finding.
func stocked(tb testing.TB, items int) *bench {
	tb.Helper()
	b := newBench(tb)
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.1, 3, 40_000)
	words := func(n int) string {
		var s strings.Builder
		for range n {
			s.WriteString("w" + strconv.FormatUint(zipf.Uint64(), 36) + " ")
		}
		return s.String()
	}
	for from := 0; from < items; from += 1000 {
		var list []store.Item
		for i := from; i < from+1000; i++ {
			it := notice(fmt.Sprintf("n%06d", i), words(8), words(350))
			it.Published, it.Body = day.Add(time.Duration(i)*time.Hour/10), fmt.Sprint("body-", i%60)
			list = append(list, it)
		}
		b.commit(list, func(c store.Change) []store.Finding {
			if c.Seq%2 == 0 {
				return nil
			}
			return []store.Finding{{Topic: store.TopicTenders, Tier: store.TierLikely, Quote: words(40)}}
		})
	}
	return b
}

// size of the index in the benchmarks; 100,000 as the goals say.
func size() int {
	if n, err := strconv.Atoi(os.Getenv("CCGWATCH_BENCH_ITEMS")); err == nil {
		return n
	}
	return 100_000
}

// BenchmarkIndex100k fills an index, and then asks it: over the whole, with
// counts, snippets and order, as a page does.
func BenchmarkIndex100k(b *testing.B) {
	x := stocked(b, size())
	begun := time.Now()
	x.follow()
	took := time.Since(begun)
	s := x.index.Size()
	b.Logf("%d items, %d findings in %v: %.0f items a second, %.0f MB, %.1f MB per 10,000", s.Items, s.Findings, took, float64(s.Items)/took.Seconds(), float64(s.Bytes)/1e6, float64(s.Bytes)/1e6*1e4/float64(s.Items))
	begun = time.Now()
	again, err := Open(x.file()+"", x.o)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("opened in %v", time.Since(begun))
	_ = again.Close()
	for _, q := range []struct{ name, typed string }{
		{"rare", "w9zz"}, {"middling", "w3k"}, {"common", "w2"}, {"commonest", "w0"}, {"two", "w5 wa"}, {"phrase", "wb-wc"},
		{"quoted", `"w1z w20"`}, {"not", "w1k -w2"}, {"field", "body:body-7 w1"}, {"everything", ""},
	} {
		for _, order := range []string{"best", "newest"} {
			b.Run(q.name+"/"+order, func(b *testing.B) {
				var times []time.Duration
				search := store.Search{Query: parse(b, q.typed), ByDate: order == "newest", Limit: 20, Text: 300}
				fit := 0
				for b.Loop() {
					x.index.cache.clear()
					at := time.Now()
					r, err := x.index.Search(b.Context(), search)
					if err != nil {
						b.Fatal(err)
					}
					times, fit = append(times, time.Since(at)), r.Items
				}
				slices.Sort(times)
				b.ReportMetric(float64(fit), "fit")
				b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
			})
		}
		b.Run(q.name+"/findings", func(b *testing.B) {
			for b.Loop() {
				n := 0
				if err := x.index.Found(b.Context(), parse(b, q.typed), store.FoundPlace{}, func(store.Found) bool { n++; return n < 26 }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
