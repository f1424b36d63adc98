package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store/storetest"
)

// townConfig follows the sample town at an address.
func townConfig(base string) string {
	return replayConfig + `
[[source]]
id = "tenders"
platform = "find-a-tender"
base = "` + base + `/tenders"
[[source]]
id = "mercia-vale"
platform = "moderngov"
base = "` + base + `/council"
[[source]]
id = "mercia-vale-icb"
platform = "boards"
layout = "two-hop"
page = "/board/"
base = "` + base + `/icb"
`
}

// A kill -9 anywhere in crawl or send, and then the same command again, loses
// and repeats nothing: the log, the findings and every byte of every message are
// those of a run that nobody disturbed.
func TestKilledAnywhereLosesAndRepeatsNothing(t *testing.T) {
	if underRace {
		t.Skip("what is killed here is other processes: the detector only slows them down")
	}
	t.Parallel()
	kills := 200
	if testing.Short() {
		kills = 20
	}
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))

	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sites)
	defer srv.Close()
	calm := newDesk(t, townConfig(srv.URL))
	start := townStart()
	at := func(x time.Time) string { return "--as-of=" + x.Format(time.RFC3339) }
	calm.run(done, "crawl", at(start))
	calm.run(done, "subscribers", "add", "now@example.org", "--consent", "a test", "--often", "both", "--query", "topic:outsourcing", at(start))
	calm.run(done, "subscribers", "add", "all@example.org", "--consent", "a test", "--often", "both", at(start))
	killed := &desk{t, t.TempDir(), calm.config}
	if err := os.CopyFS(killed.dir, os.DirFS(calm.dir)); err != nil {
		t.Fatal(err)
	}

	steps := []time.Time{}
	for _, s := range []string{"2026-09-09T11:00", "2026-09-10T18:00", "2026-09-11T08:00", "2026-09-14T12:00", "2026-09-15T16:00", "2026-09-16T18:00", "2026-09-18T08:00", "2026-09-18T17:00"} {
		steps = append(steps, parse(t, s))
	}
	landed := 0
	usual := map[string]time.Duration{"crawl": 300 * time.Millisecond, "send": 100 * time.Millisecond} // then as measured here
	for i, now := range steps {
		sites.moveTo(now)
		for j, command := range []string{"crawl", "send"} {
			share := (kills - landed) / max(1, 2*(len(steps)-i)-j)
			last := i == len(steps)-1 && command == "send"
			for k := 0; k < share || last && landed < kills && k < 10*kills; k++ {
				struck, took := killed.strike(rng, usual[command], command, at(now))
				if usual[command] = took; struck {
					landed++
				}
			}
			begun := time.Now()
			killed.exec(0, command, at(now))
			usual[command] = time.Since(begun)
			calm.run(done, command, at(now))
		}
	}
	t.Logf("%d kills struck", landed)
	if landed < kills {
		t.Errorf("only %d of %d kills struck a running command", landed, kills)
	}
	// The sources are crawled side by side, so the numbers in the log, and what
	// is made of them, may fall out differently; all else may not.
	for _, list := range [][]string{{"changes", "--all", "--json"}, {"findings", "--all", "--json"}, {"items", "--all", "--json"}} {
		want, got := unnumbered(calm.run(done, list...)), unnumbered(killed.run(done, list...))
		if want != got {
			t.Errorf("%s differs:\n%s", list[0], firstDifference(want, got))
		}
	}
	want, got := messages(t, calm), messages(t, killed)
	if len(want) < 6 {
		t.Errorf("only %d messages in the calm run", len(want))
	}
	if w, g := strings.Join(want, "\n"), strings.Join(got, "\n"); w != g {
		t.Errorf("%d messages in the calm run, %d in the other:\n%s", len(want), len(got), firstDifference(w, g))
	}
	for _, d := range []*desk{calm, killed} {
		if out := d.run([]int{exitDone}, "status", "--json"); !strings.Contains(out, fmt.Sprintf(`"queued":0,"sent":%d,`, len(want))) {
			t.Errorf("the queue is not done: %s", out)
		}
	}
}

// strike kills a command at some moment of the time that it usually takes. It tells
// whether it was still running, and what it then usually takes: on a machine that
// others have left meanwhile, a measure from before would strike nothing any more.
func (d *desk) strike(rng *rand.Rand, usual time.Duration, args ...string) (struck bool, usually time.Duration) {
	d.t.Helper()
	begun := time.Now()
	if d.exec(time.Duration(1+rng.Int64N(int64(usual))), args...) {
		return true, usual
	}
	return false, (usual + time.Since(begun)) / 2
}

// exec runs a command in a process of its own and kills it after a while (0:
// never). It tells whether the kill struck.
func (d *desk) exec(after time.Duration, args ...string) bool {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.CommandContext(d.t.Context(), self, append([]string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data")}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	switch {
	case err == nil:
		return false
	case cmd.ProcessState.ExitCode() == -1 && after > 0:
		return true
	}
	d.t.Fatalf("ccgwatch %s: %v\n%s", strings.Join(args, " "), err, out.String())
	return false
}

// unnumbered is a listing without its numbers, in alphabetical order.
func unnumbered(list string) string {
	numbers := regexp.MustCompile(`^\{("seq":\d+|"id":"[0-9a-f]+"),`)
	lines := strings.Split(list, "\n")
	for i, line := range lines {
		lines[i] = numbers.ReplaceAllString(line, "{")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// outboxFiles lists the messages that were written to files.
func outboxFiles(data string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(data, "outbox", "*.eml"))
	slices.Sort(files)
	return files, err
}

// messages are all messages that were written, as their readers see them.
func messages(t *testing.T, d *desk) []string {
	t.Helper()
	files, err := outboxFiles(filepath.Join(d.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		subject, text, err := readMail(raw)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		to := regexp.MustCompile(`(?m)^To: .*$`).Find(raw)
		date := regexp.MustCompile(`(?m)^Date: .*$`).Find(raw)
		out = append(out, fmt.Sprintf("%s\n%s\nSubject: %s\n%s", to, date, subject, text))
	}
	slices.Sort(out)
	return out
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := line(w, i), line(g, i)
		if a != b {
			return fmt.Sprintf("line %d\nwant %.600s\ngot  %.600s", i+1, a, b)
		}
	}
	return ""
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no such line)"
}

// sortedKeys is for messages of tests.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
