package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/scrapers/document"
	"ccgwatch/scrapers/document/documenttest"
	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// Hostile papers (P24): whatever the bytes, reading ends in pages or in a named
// error, within the bounds, and leaves nothing behind: no goroutine, no open
// file, no memory. Whatever was read goes to the judge as a board's paper, and
// gives no finding: what is spoiled says nothing that it did not say whole.
// CCGWATCH_SEED repeats a run.
func TestPromiseHostileDocuments(t *testing.T) {
	n := 12
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		n = 10000
	case os.Getenv("CCGWATCH_PROMISES") != "":
		n = 500
	}
	mill := documenttest.NewMill(storetest.Seed(t))
	r, err := newReader(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if cache, err := os.UserCacheDir(); err == nil { // what scrapers/document's tests have compiled need not be compiled again
		r.CacheDir = filepath.Join(cache, "ccgwatch-test-pdfium")
		if err := os.MkdirAll(r.CacheDir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	j, err := judge.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	for i, seed := range mill.Seeds() {
		pages, err := r.Read(t.Context(), bytes.NewReader(seed))
		if err != nil || len(pages) == 0 || !strings.Contains(strings.Join(pages, " "), "lamp") && !strings.Contains(strings.Join(pages, " "), "clock") {
			t.Fatalf("seed %d, unspoiled: %v, %q", i, err, pages)
		}
		noFinding(t, j, pages, seed)
	}
	files, routines, memory := openFiles(t), runtime.NumGoroutine(), heapNow()
	ends, read, longest := map[string]int{}, 0, time.Duration(0)
	for i := range n {
		paper := mill.Next(i)
		began := time.Now()
		pages, err := r.Read(t.Context(), bytes.NewReader(paper))
		longest = max(longest, time.Since(began))
		end := hostileEnd(err)
		ends[end]++
		if end == "read" && (err != nil || len(pages) == 0) || end != "read" && pages != nil {
			t.Errorf("paper %d (%s): %d pages and %v", i, keepPaper(t, paper), len(pages), err)
		}
		read += len(pages)
		noFinding(t, j, pages, paper)
	}
	t.Logf("%d papers, %d pages, the longest took %v: %v", n, read, longest.Round(time.Millisecond), ends)
	if got := openFiles(t); got > files {
		t.Errorf("%d files are open, %d before", got, files)
	}
	for wait := 0; runtime.NumGoroutine() > routines && wait < 100; wait++ {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine(); got > routines+2 {
		t.Errorf("%d goroutines, %d before", got, routines)
	}
	if got := heapNow(); got > memory+50<<20 {
		t.Errorf("the heap has grown from %d to %d MiB", memory>>20, got>>20)
	}
	t.Logf("files %d, then %d; goroutines %d, then %d; heap %d KiB, then %d KiB", files, openFiles(t), routines, runtime.NumGoroutine(), memory>>10, heapNow()>>10)
}

// hostileEnd names how the reading of a paper ended.
func hostileEnd(err error) string {
	for _, known := range []error{
		document.ErrEncrypted, document.ErrBroken, document.ErrNoText, document.ErrTooLarge, document.ErrTimeout, document.ErrUnsupported,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "read"
}

// noFinding has the pages judged as those of a paper that a board published.
// That the paper came is told; what it says must be nothing.
func noFinding(t *testing.T, j *judge.Judge, pages []string, paper []byte) {
	t.Helper()
	if pages == nil {
		return
	}
	doc := store.Document{Key: "document/a.pdf", Title: "Paper A", URL: "https://board.example/a.pdf", Role: store.RoleReport, SHA256: "aa", Pages: len(pages)}
	it := store.Item{Source: "board", Key: doc.Key, Kind: store.KindPaper, Title: doc.Title, URL: doc.URL, Documents: []store.Document{doc}}
	c := store.Change{
		Seq: 1, At: time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC), Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded,
		What: []store.What{store.DocumentAdded}, Title: it.Title, URL: it.URL, Documents: it.Documents,
	}
	found, err := j.Findings(c, it, func(string) ([]string, error) { return pages, nil })
	if err != nil {
		t.Errorf("judging %s: %v", keepPaper(t, paper), err)
	}
	for _, f := range found {
		if f.Rule != "papers: documents" || f.Deadline != nil {
			t.Errorf("%s gives a finding: %s, %s, page %d: %q", keepPaper(t, paper), f.Topic, f.Rule, f.Page, f.Quote)
		}
	}
}

// keepPaper writes a paper to where it can be looked at.
func keepPaper(t *testing.T, paper []byte) string {
	t.Helper()
	name := t.ArtifactDir() + "/paper"
	_ = os.WriteFile(name, paper, 0o600)
	return name
}

func heapNow() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// openFiles counts those of this process; 0 where the system does not list them.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
