package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// recordedNotices are all recorded notices, each once. They stay outside the
// repository: they are other people's and name officials.
func recordedNotices(t *testing.T) []store.Item {
	t.Helper()
	root := os.Getenv("CCGWATCH_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	var files []string
	for _, pattern := range []string{"fts/*/*.json", "cf-2025/*.json", "cf-2019/bluetail/data/contracts_finder/ocds/json_1_1_raw/*.json"} {
		found, err := filepath.Glob(filepath.Join(root, "data", "procurement", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skipf("THE RECORDED NOTICES ARE NOT THERE (in %s): nothing is checked against real data", root)
	}
	byKey := map[string]store.Item{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		items, _, err := ocds.DecodePackage(b, "")
		if err != nil {
			continue // the recorded refusals of a busy service
		}
		for _, it := range items {
			it.Source = it.Notice.Feed
			byKey[it.Source+" "+it.Key] = it
		}
	}
	var out []store.Item
	for _, k := range sortedKeys(byKey) {
		out = append(out, byKey[k])
	}
	return out
}

func rulesJudge(t testing.TB) *judge.Judge {
	t.Helper()
	rules, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	j, err := judge.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// arrive commits items in the order given, some at a time, and gives the
// threads of the store.
func arrive(t *testing.T, j *judge.Judge, items []store.Item, some int) (*alerts.Threads, int) {
	t.Helper()
	s, err := bolt.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	changes := arriveIn(t, s, items, some)
	return &alerts.Threads{Ledger: s, Outbox: s, Marks: s, Judge: j}, changes
}

func arriveIn(t *testing.T, s store.Store, items []store.Item, some int) (changes int) {
	t.Helper()
	at := time.Date(2026, 8, 20, 9, 0, 0, 0, time.UTC)
	for len(items) > 0 {
		n := min(some, len(items))
		bySource := map[string][]store.Item{}
		for _, it := range items[:n] {
			bySource[it.Source] = append(bySource[it.Source], it)
		}
		items = items[n:]
		for _, source := range sortedKeys(bySource) {
			var keys []string
			for _, it := range bySource[source] {
				keys = append(keys, it.Key)
			}
			old, err := s.Snapshot(t.Context(), source, keys)
			if err != nil {
				t.Fatal(err)
			}
			next, cs := store.Diff(old, store.Sighting{Source: source, At: at, Last: true, Items: bySource[source]})
			changes += len(cs)
			if err := s.Commit(t.Context(), next, cs, store.Health{Source: source}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return changes
}

// Every process of every recorded day gives the same thread whatever the order
// in which its notices arrived, and reading all of them again changes nothing.
func TestPromiseThreadsOfRecordedDaysInAnyOrder(t *testing.T) {
	items := recordedNotices(t)
	j := rulesJudge(t)
	ocids := map[string]bool{}
	for _, it := range items {
		ocids[it.Notice.OCID] = true
	}
	first, _ := arrive(t, j, items, 500)
	want := map[string]judge.Thread{}
	for _, o := range sortedKeys(ocids) {
		th, err := first.Of(t.Context(), o, true)
		if err != nil {
			t.Fatal(o, err)
		}
		want[o] = th
	}
	joined, long, moves := map[string]bool{}, 0, map[string]int{}
	for _, th := range want {
		if len(th.OCIDs) > 1 {
			joined[th.ID] = true
		}
		if len(th.Steps) > 1 {
			long++
		}
		for _, s := range th.Steps {
			for _, m := range s.Moves {
				moves[m.Kind]++
			}
		}
	}
	t.Logf("%d notices, %d processes, %d threads of more than one notice, %d of more than one process, moves %v", len(items), len(ocids), long, len(joined), moves)
	if os.Getenv("CCGWATCH_DUMP") != "" {
		dumpThreads(want)
	}
	orders := uint64(1)
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		orders = 30
	case os.Getenv("CCGWATCH_PROMISES") != "":
		orders = 3
	}
	for seed := range orders {
		mixed := slices.Clone(items)
		rand.New(rand.NewPCG(seed, 7)).Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
		again, _ := arrive(t, j, mixed, 300+int(seed)*350)
		for o, w := range want {
			if len(w.Steps) == 1 && len(w.Possible) == 0 && orders < 30 {
				continue // alone in any order
			}
			got, err := again.Of(t.Context(), o, true)
			if err != nil {
				t.Fatal(o, err)
			}
			strip(&got)
			strip(&w)
			if !got.Equal(&w) {
				t.Fatalf("order %d: the thread of %s differs:\n%s", seed, o, cmp.Diff(fmt.Sprintf("%+v", w), fmt.Sprintf("%+v", got)))
			}
		}
		if n := arriveIn(t, again.Ledger.(store.Store), items, 700); n != 0 {
			t.Errorf("reading all of it again gave %d changes", n)
		}
	}
}

// strip leaves out when we saw what.
func strip(th *judge.Thread) {
	th.Steps = slices.Clone(th.Steps)
	for i := range th.Steps {
		th.Steps[i].FirstSeen = time.Time{}
	}
}

func dumpThreads(all map[string]judge.Thread) {
	for _, o := range sortedKeys(all) {
		th := all[o]
		moves := 0
		for _, s := range th.Steps {
			moves += len(s.Moves)
		}
		if !th.Concerns() || len(th.Steps) < 2 && moves == 0 && len(th.Charter) == 0 {
			continue
		}
		fmt.Println("=====", th.ID, th.Stage, th.Regime, th.Care, th.Outsourcing, "|", th.Title, "|", strings.Join(th.Buyers, "/"))
		for _, v := range th.Values {
			fmt.Println("  value", v.Of, v)
		}
		for _, p := range th.Suppliers {
			fmt.Println("  supplier", p.Name, p.Class, p.Scheme, p.Number, p.Look)
		}
		for _, l := range append(slices.Clone(th.Links), th.Possible...) {
			fmt.Println("  link", linkWords(l))
		}
		for _, s := range th.Steps {
			fmt.Println("  step", s.At.Format("2006-01-02"), s.Release, s.Type, s.Stage, s.Regime, s.Inherited, s.Deadline)
			for _, m := range s.Moves {
				fmt.Println("      ->", m.Words)
			}
		}
		for _, a := range th.Charter {
			fmt.Println("  ?", a.ID, a.Stated)
			for _, x := range a.Says {
				fmt.Println("       ", x.Field, x.Words)
			}
		}
		fmt.Printf("  interest %+v\n", th.Interest)
	}
}
