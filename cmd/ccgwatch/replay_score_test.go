package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What `judge --json` says of the labelled notices, scored by the reviewers'
// script. No notice in its standstill may be called awarded; the other figures
// must not fall below what was reached.
func TestReplayScores(t *testing.T) {
	if os.Getenv("CCGWATCH_REPLAY") == "" {
		t.Skip("SKIPPED: set CCGWATCH_REPLAY=1 to score the judge against the hand labels")
	}
	shared := sharedDir(t)
	for _, c := range []struct {
		labels, files string
		absent        int // labelled releases that the shared folder does not hold
		floors        map[string]float64
	}{
		{"fts-2026-08-10.json", "procurement/fts/2026-08-10/*.json", 0, map[string]float64{"stage": 0.99, "regime": 0.99, "care": 0.99, "supplier": 0.93, "F1": 0.97}},
		{"cf-health.json", "procurement/cf-2025/*.json", 19, map[string]float64{"stage": 0.99, "regime": 0.99, "care": 0.99, "supplier": 0.84, "F1": 0.97}},
	} {
		files, err := filepath.Glob(filepath.Join(shared, "data", c.files))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", c.files, err)
		}
		var out, errs bytes.Buffer
		if code := Main(t.Context(), append([]string{"judge", "--json"}, files...), strings.NewReader(""), &out, &errs); code != exitDone {
			t.Fatalf("judge: exit %d\n%s", code, errs.String())
		}
		judged := filepath.Join(t.TempDir(), "judged.jsonl")
		if err := os.WriteFile(judged, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		score, err := exec.Command("python3", filepath.Join(shared, "tools", "score.py"), filepath.Join(shared, "data", "labels", c.labels), judged).CombinedOutput()
		if err != nil {
			t.Fatalf("score.py: %v\n%s", err, score)
		}
		t.Logf("%s\n%s", c.labels, score)
		text := string(score)
		if !strings.Contains(text, "awarded-in-standstill lies: 0") || !strings.Contains(text, fmt.Sprintf("missing   %d of", c.absent)) {
			t.Errorf("%s: a lie, or a release that was not judged", c.labels)
		}
		for name, floor := range c.floors {
			m := regexp.MustCompile(name + `.*?= ?([01]\.\d+)\n`).FindStringSubmatch(text)
			if m == nil {
				t.Errorf("%s: no figure for %s", c.labels, name)
				continue
			}
			if got, _ := strconv.ParseFloat(m[1], 64); got < floor {
				t.Errorf("%s: %s %.3f, was %.3f", c.labels, name, got, floor)
			}
		}
	}
}
