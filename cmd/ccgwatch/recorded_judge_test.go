package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccgwatch/alerts/judge"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
)

// recordedPackages are the bytes of every release package of the record.
func recordedPackages(t testing.TB) [][]byte {
	t.Helper()
	root := filepath.Join(sharedDir(t), "data", "procurement")
	var out [][]byte
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		raw, err := os.ReadFile(path)
		out = append(out, raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shippedJudge has the rules that the program is shipped with.
func shippedJudge(t testing.TB) *judge.Judge {
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

// Every release of every recorded page, old and new, can be read and judged.
func TestEveryRecordedReleaseIsJudged(t *testing.T) {
	j := shippedJudge(t)
	var n int
	for _, raw := range recordedPackages(t) {
		items, problems, err := ocds.DecodePackage(raw, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("undecodable: %s: %s", p.What, p.Detail)
		}
		for _, it := range items {
			n++
			v := j.Notice(it.Notice)
			if v.Stage == "" || v.Regime == "" || v.Care == "" || v.Outsourcing == "" || len(v.Evidence) == 0 {
				t.Errorf("%s: %+v", it.Key, v)
			}
			for _, e := range v.Evidence {
				if e.Rule == "" || e.Quote == "" || e.Where == "" {
					t.Errorf("%s: evidence that shows nothing: %+v", it.Key, e)
				}
			}
		}
	}
	if n < 1600 {
		t.Errorf("only %d releases", n)
	}
}

// Decoding and judging together, on one core with -cpu 1.
func BenchmarkJudgeRecorded(b *testing.B) {
	j := shippedJudge(b)
	packages := recordedPackages(b)
	n := 0
	for b.Loop() {
		for _, raw := range packages {
			items, _, err := ocds.DecodePackage(raw, "")
			if err != nil {
				b.Fatal(err)
			}
			for _, it := range items {
				n++
				_ = j.Notice(it.Notice)
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "releases/s")
}

// Judging alone, on notices that are decoded already.
func BenchmarkJudgeAlone(b *testing.B) {
	j := shippedJudge(b)
	var notices []*store.Notice
	for _, raw := range recordedPackages(b) {
		items, _, err := ocds.DecodePackage(raw, "")
		if err != nil {
			b.Fatal(err)
		}
		for _, it := range items {
			notices = append(notices, it.Notice)
		}
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for _, x := range notices {
			n++
			_ = j.Notice(x)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "releases/s")
}
