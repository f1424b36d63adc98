package query

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A generator makes queries and facts out of the same small stock of words, so
// that they meet often.
type generator struct{ *rand.Rand }

func (g generator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g generator) word() string {
	return g.pick("dialysis", "ICB", "ICBs", "icb", "tender", "tendering", "end-of-life", "care", "R&D", "hospice", "NHS", "GP", "GPs", "and", "the", "clinic", "children's", "NOT.", "café", "OR.")
}

// query is of any shape that the language has.
func (g generator) query(depth int) string {
	switch k := g.IntN(16); {
	case k < 4 || depth > 3:
		return g.word()
	case k == 4:
		return `"` + g.word() + " " + g.word() + `"`
	case k == 5:
		return `"` + g.word() + " " + g.word() + " " + g.word() + `"`
	case k == 6: // a run of words, or of acronyms
		return g.pick("care-and", "ICB-GP", "GP-NHS-ICB", "NHS&GP", "tender-the-clinic", "A&E", "&.")
	case k == 7:
		return "topic:" + g.pick("tenders", "awards", "tenders,foi", "tender , awards")
	case k == 8:
		return "area:" + g.pick("leicester", "rutland", "leicester,rutland")
	case k == 9:
		return g.pick("body:qk1", `body:"Leicester City Council",qk1`, "tier:likely", "kind:paper,notice", "stage:award", "stage:award,tender_update", "source:a")
	case k == 10:
		return g.pick(`committee:"Health and Wellbeing Board"`, "committee:cabinet,scrutiny", "thread:ocds-h6vhtk-04f1a2", "thread:other,ocds-h6vhtk-04f1a2")
	case k == 11:
		return g.pick("-", "NOT ", "–") + "(" + g.query(depth+1) + ")"
	case k == 12:
		return "-" + g.word()
	case k == 13:
		return "(" + g.query(depth+1) + " OR " + g.query(depth+1) + ")"
	case k == 14:
		return ""
	}
	return "(" + g.query(depth+1) + ")" + g.pick(" ", " AND ", " & ") + g.query(depth+1)
}

func (g generator) facts() Facts {
	var text []string
	for range g.IntN(12) {
		text = append(text, strings.ReplaceAll(g.word(), "-", " "))
	}
	some := func(s ...string) []string {
		if g.IntN(3) == 0 {
			return nil
		}
		return []string{g.pick(s...)}
	}
	var passages []string
	for range max(0, g.IntN(6)-3) {
		passages = append(passages, g.word()+" "+g.word()+" "+g.word())
	}
	return Facts{
		Passages: passages,
		Topics:   some("tenders", "awards", "foi"), Areas: some("leicester", "rutland"), Bodies: some("QK1", "Leicester City Council"),
		Kinds: some("paper", "notice"), Tiers: some("certain", "likely"), Stages: some("award", "tender_update"), Sources: some("a", "b"),
		Committees: some("Cabinet", "Health and Wellbeing Board"), Threads: some("ocds-h6vhtk-04f1a2", "other"), Text: strings.Join(text, " "),
	}
}

// A cabinet is queries that are filed.
type cabinet struct {
	*Filing
	numbers []int32
	places  []int // by number: which query it is
}

func file(queries []Query, s *Sample) cabinet {
	f := NewFiler()
	for _, q := range queries {
		f.Add(q)
	}
	x := cabinet{}
	x.Filing, x.numbers = f.Filing(s)
	x.places = make([]int, len(queries))
	for i, n := range x.numbers {
		x.places[n] = i
	}
	return x
}

func (x cabinet) match(p *Prepared, f func(query int)) {
	x.Match(p, func(n int) { f(x.places[n]) })
}

// The Index gives what asking every query gives, each once.
func TestFilingFindsWhatAskingAllFinds(t *testing.T) {
	seed := uint64(2026) // storetest.Seed would be a cycle of imports
	if s, err := strconv.ParseUint(os.Getenv("CCGWATCH_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("CCGWATCH_SEED=%d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	fit, filed, paired := 0, 0, 0
	for range 40 {
		var queries []Query
		for len(queries) < 150 {
			if q, err := Parse(g.query(0)); err == nil {
				queries = append(queries, q)
			}
		}
		var sample *Sample
		if g.IntN(2) == 0 { // of what will come, or of what will not
			sample = &Sample{}
			for range g.IntN(30) {
				sample.Add(Prepare(g.facts()))
			}
		}
		x := file(queries, sample)
		filed += x.Len() - int(x.from[1])
		paired += len(x.pairs)
		for range 100 {
			f := g.facts()
			p := Prepare(f)
			var want, got []int
			for i, q := range queries {
				if q.MatchPrepared(p) {
					want = append(want, i)
				}
			}
			x.match(p, func(n int) { got = append(got, n) })
			slices.Sort(got)
			if !slices.Equal(want, got) {
				for i, q := range queries {
					if slices.Contains(want, i) != slices.Contains(got, i) {
						t.Errorf("query %q: asked %v, indexed %v", q, slices.Contains(want, i), slices.Contains(got, i))
					}
				}
				t.Fatalf("facts %+v", f)
			}
			fit += len(want)
		}
	}
	if fit < 10_000 || filed < 2000 || paired < 200 {
		t.Errorf("%d fits, %d queries under a key, %d pairs: the test looks at nothing", fit, filed, paired)
	}
}

// What is filed under a word is not asked where the word is not.
func TestFilingAsksFew(t *testing.T) {
	var queries []Query
	for i := range 1000 {
		q, err := Parse(fmt.Sprintf("topic:tenders ward%d", i))
		if err != nil {
			t.Fatal(err)
		}
		queries = append(queries, q)
	}
	x := file(queries, nil)
	if n := x.from[1]; n != 0 {
		t.Errorf("%d are always asked", n)
	}
	for k := range x.from[1:] {
		if n := x.from[k+1] - x.from[k]; n > 1 {
			t.Errorf("%d are filed under key %d", n, k)
		}
	}
}

// crowd are the queries of n subscriptions: an area and one to three words or
// phrases out of 20,000, as frequent as words are.
func crowd(b *testing.B, n int) []Query {
	b.Helper()
	g := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(g, 1.1, 20, 19_999)
	word := func() string { // people ask for what is rare, and sometimes for what is not
		if g.IntN(4) > 0 {
			return fmt.Sprintf("w%dx", g.IntN(20_000))
		}
		return fmt.Sprintf("w%dx", z.Uint64())
	}
	out := make([]Query, n)
	for i := range out {
		s := fmt.Sprintf("area:a%d", g.IntN(200))
		if g.IntN(3) == 0 {
			s = "topic:" + Topics()[g.IntN(3)]
		}
		for range 1 + g.IntN(3) {
			if g.IntN(2) == 0 {
				s += ` "` + word() + " " + word() + `"`
			} else {
				s += " " + word()
			}
		}
		q, err := Parse(s)
		if err != nil {
			b.Fatal(err)
		}
		out[i] = q
	}
	return out
}

// Topics are some of the values of topic:.
func Topics() []string { return topic.words() }

// BenchmarkFiling: one notice of 900 words (5.9 KB) against so many queries.
func BenchmarkFiling(b *testing.B) {
	g := rand.New(rand.NewPCG(3, 4))
	z := rand.NewZipf(g, 1.1, 20, 19_999)
	var notices []*Prepared
	var texts []Facts
	for range 50 {
		var text []string
		for range 900 {
			text = append(text, fmt.Sprintf("w%dx", z.Uint64()))
		}
		f := Facts{Topics: []string{"tenders"}, Areas: []string{fmt.Sprintf("a%d", g.IntN(200))}, Text: strings.Join(text, " ")}
		texts, notices = append(texts, f), append(notices, Prepare(f))
	}
	for _, n := range []int{100_000, 1_000_000} {
		if testing.Short() && n > 100_000 {
			continue
		}
		queries := crowd(b, n)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		x := file(queries, nil)
		took := time.Since(begun)
		runtime.GC()
		runtime.ReadMemStats(&after)
		name := fmt.Sprintf("%d queries", n)
		b.Run(name+"/indexed", func(b *testing.B) {
			hits, i := 0, 0
			for b.Loop() {
				x.Match(notices[i%len(notices)], func(int) { hits++ })
				i++
			}
			b.ReportMetric(float64(hits)/float64(b.N), "hits")
			b.ReportMetric(took.Seconds(), "s-to-build")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/query")
		})
		b.Run(name+"/each asked", func(b *testing.B) {
			hits, i := 0, 0
			for b.Loop() {
				for _, q := range queries {
					if q.MatchPrepared(notices[i%len(notices)]) {
						hits++
					}
				}
				i++
			}
			b.ReportMetric(float64(hits)/float64(b.N), "hits")
		})
	}
	b.Run("the notice cut into words", func(b *testing.B) {
		i := 0
		for b.Loop() {
			Prepare(texts[i%len(texts)])
			i++
		}
	})
}

// What stands in a passage alone is found, too: that alerts about board packs
// reach those who asked for a word.
func TestFilingFindsWhatOnlyAPassageSays(t *testing.T) {
	q, err := Parse("insourcing")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	file([]Query{q}, nil).Match(Prepare(Facts{Text: "Board pack", Passages: []string{"Cleaning.", "The insourcing of endoscopy.", "More insourcing."}}), func(int) { n++ })
	if n != 1 {
		t.Errorf("called %d times", n)
	}
}

// A common word is no place for what can be found by a rarer one: the sample
// says which is which, whatever people ask for.
func TestFilingGoesByTheSample(t *testing.T) {
	var queries []Query
	for i := range 50 {
		s := fmt.Sprintf("contract ward%d", i%2) // everybody asks for one of two wards
		if i%2 == 0 {
			s = `"the contract" area:rutland`
		}
		q, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		queries = append(queries, q)
	}
	sample := &Sample{}
	for range 100 {
		sample.Add(Prepare(Facts{Text: "The contract", Areas: []string{"leicester"}}))
	}
	x := file(queries, sample)
	under := func(k key) int { return int(x.from[k+1] - x.from[k]) }
	if n := under(x.words[stem("contract")]); n != 0 {
		t.Errorf("%d are filed under contract, which every notice has", n)
	}
	if n := under(x.words["ward1"]); n != 25 {
		t.Errorf("%d are filed under ward1, which none has", n)
	}
	if n := under(x.values[area]["rutland"]); n != 25 {
		t.Errorf("%d are filed under rutland, which none is in", n)
	}
}

// A phrase of common words is found by two of them that stand side by side.
func TestFilingFilesPhrasesUnderTwoWords(t *testing.T) {
	q, err := Parse(`"end of life care"`)
	if err != nil {
		t.Fatal(err)
	}
	sample := &Sample{}
	for range 100 {
		sample.Add(Prepare(Facts{Text: "the care of life in the end"}))
	}
	x := file([]Query{q}, sample)
	if len(x.pairs) != 1 {
		t.Fatalf("filed under %d pairs", len(x.pairs))
	}
	for text, want := range map[string]int{"the care of life in the end": 0, "the end of life care plan": 1, "end of life": 0, "ends of life care": 0} {
		n := 0
		x.match(Prepare(Facts{Text: text}), func(int) { n++ })
		if n != want {
			t.Errorf("%q: %d, want %d", text, n, want)
		}
	}
}
