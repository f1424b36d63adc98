package judge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"ccgwatch/store"

	"github.com/google/go-cmp/cmp"
)

// The rules agree with a careful reader, and never announce as awarded what
// can still be stopped.
func TestLabelledNotices(t *testing.T) {
	j := shippedJudge(t)
	labels := func(name string) []string { return []string{shared(t, "data", "labels"), name} }
	for _, set := range []struct {
		labels []string
		feed   string
		pages  []string
		// floors a little below what was reached, and how many labelled releases the record lacks
		stage, regime, care, supplier, deadline, f1 float64
		missing                                     int
	}{
		{labels("fts-2026-08-10.json"), "find-a-tender", []string{"fts/2026-08-10/page-*.json"}, 0.99, 0.99, 0.97, 0.97, 0.98, 0.95, 0},
		{labels("cf-health.json"), "contracts-finder", []string{"cf-2025/*.json"}, 0.97, 0.97, 0.96, 0.84, 0.96, 0.93, 19},
		// Labelled before the rules were run on it; see the README beside it.
		{[]string{"testdata", "labels-2026-08-11.json"}, "find-a-tender", []string{"fts/2026-08-11/page-*.json"}, 0.98, 0.98, 0.97, 0.90, 0.95, 0.95, 0},
	} {
		t.Run(set.labels[1], func(t *testing.T) {
			notices := recorded(t, set.feed, set.pages)
			raw, err := os.ReadFile(filepath.Join(set.labels...))
			if err != nil {
				t.Fatal(err)
			}
			var labels []Label
			if err := json.Unmarshal(raw, &labels); err != nil {
				t.Fatal(err)
			}
			s, missing := &Score{}, 0
			for _, l := range labels {
				n := notices[l.OCID+" "+l.ID]
				if n == nil {
					missing++
					continue
				}
				s.Add(l, j.Notice(n))
			}
			for _, field := range []string{"stage", "regime", "care", "supplier", "deadline"} {
				c := s.Fields[field]
				t.Logf("%-9s %d/%d = %.3f", field, c.Right, c.Of, c.Share())
			}
			t.Logf("outsourcing tp=%d fp=%d fn=%d F1=%.3f; lies %d; missing %d", s.TruePositive, s.FalsePositive, s.FalseNegative, s.F1(), s.Lies, missing)
			for _, w := range s.Wrong {
				t.Logf("   %+v", w)
			}
			of := func(field string) float64 { return s.Fields[field].Share() }
			if s.Lies > 0 || of("stage") < set.stage || of("regime") < set.regime || of("care") < set.care ||
				of("supplier") < set.supplier || of("deadline") < set.deadline || s.F1() < set.f1 || missing > set.missing {
				t.Error("below the floor")
			}
		})
	}
}

// What is counted, by example.
func TestScore(t *testing.T) {
	verdict := func(stage, care, out string, rules ...string) Verdict {
		v := Verdict{Stage: stage, Regime: "psr", Care: care, Outsourcing: out}
		for _, r := range rules {
			v.Evidence = append(v.Evidence, Evidence{Rule: r})
		}
		return v
	}
	s := &Score{}
	s.Add(Label{ID: "1", Stage: "intention", Regime: "psr", Care: "health", Outsourcing: true},
		verdict("award", "health", "likely", "stage: tag", "care: by code", "outsourcing: offered"))
	s.Add(Label{ID: "2", Stage: "award", Regime: "psr", Care: "health", Outsourcing: false},
		verdict("award", "works", "certain", "stage: tag", "care: by name", "outsourcing: offered"))
	s.Add(Label{ID: "3", Stage: "award", Regime: "psr", Care: "goods", Outsourcing: false, Also: map[string][]any{"care": {"health"}, "outsourcing": {true}}},
		verdict("other", "health", "likely", "stage: tag", "stage: unclear: nobody knows", "care: by code", "outsourcing: offered"))
	if s.Lies != 1 || s.TruePositive != 1 || s.FalsePositive != 1 || s.FalseNegative+s.TrueNegative != 0 {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff(map[string]Count{"stage": {1, 3}, "regime": {3, 3}, "care": {2, 3}, "deadline": {3, 3}}, s.Fields); diff != "" {
		t.Error(diff)
	}
	want := []RuleScore{
		{"care: by code", 2, 2, 1, 3, 2. / 3}, {"care: by name", 1, 0, 0, 0, 1},
		{"outsourcing: offered", 2, 1, 0.5, 1, 1},
		{"stage: tag", 2, 1, 0.5, 2, 0.5}, {"stage: unclear", 1, 0, 0, 0, 1},
	}
	if diff := cmp.Diff(want, s.ByRule()); diff != "" {
		t.Error(diff)
	}
}

// recorded reads the recorded releases by ocid and id.
func recorded(t testing.TB, feed string, globs []string) map[string]*store.Notice {
	t.Helper()
	out := map[string]*store.Notice{}
	for _, g := range globs {
		files, err := filepath.Glob(filepath.Join(shared(t, "data", "procurement"), g))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range decodeReleases(t, raw, feed) {
				out[n.OCID+" "+n.Release] = n
			}
		}
	}
	return out
}
