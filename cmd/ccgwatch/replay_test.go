package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/ocds"
)

// The replay tests run the program's commands against the replica of the real
// sources, with its defects, and hold what they say against its truth. They
// need the folder shared beside the repository (or CCGWATCH_SHARED), and run
// where CCGWATCH_REPLAY is set: they take minutes.

func sharedDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED, NOT CHECKED: there is no folder of shared data (%v)", err)
	}
	return dir
}

// A replica is the loopback copy of the sources, in a process of its own.
type replica struct {
	t    *testing.T
	base string
}

func startReplica(t *testing.T, flags ...string) *replica {
	t.Helper()
	if os.Getenv("CCGWATCH_REPLAY") == "" {
		t.Skip("SKIPPED: set CCGWATCH_REPLAY=1 to run the checks against the replica (minutes)")
	}
	dir := filepath.Join(sharedDir(t), "replay")
	bin := filepath.Join(t.TempDir(), "replay")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the replica: %v\n%s", err, out)
	}
	cmd := exec.Command(bin, append([]string{"-listen", "127.0.0.1:0", "-data", filepath.Join(dir, "data-dev")}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("replica: %v", err)
	}
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
	if base == "" {
		t.Fatalf("replica said %q", line)
	}
	return &replica{t, base}
}

func (r *replica) ask(method, path string, into any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		r.t.Fatalf("%s: %v %s", path, err, b)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *replica) moveTo(at time.Time) {
	r.t.Helper()
	r.ask("POST", "/_clock?to="+url.QueryEscape(at.Format(time.RFC3339)), nil)
}

// A truth is one change of the replica.
type truth struct {
	Source, Kind, Key, Title, URL, Detail string
	At                                    time.Time
	Mentions                              []struct {
		Page       int
		Kind, Text string
	}
}

func (r *replica) truth(from, to time.Time, source string) []truth {
	r.t.Helper()
	var out struct{ Changes []truth }
	r.ask("GET", "/_truth?from="+url.QueryEscape(from.Format(time.RFC3339))+"&to="+url.QueryEscape(to.Format(time.RFC3339))+"&source="+source, &out)
	return out.Changes
}

// manners fails the test if a site was treated badly.
func (r *replica) manners() {
	r.t.Helper()
	for name, n := range r.behaviour() {
		// Under one address all sites share one robots.txt, and what one of them asks
		// for is not to be seen: TestReplayByHostName holds the pauses.
		r.t.Logf("%s: %d requests sooner than its own robots.txt asks for, which it has no way to say here", name, n)
	}
}

// behaviour checks what holds under any address, and tells how many requests came
// sooner than a site's own robots.txt asks for.
func (r *replica) behaviour() map[string]int {
	r.t.Helper()
	early := map[string]int{}
	var out struct {
		Sites map[string]struct {
			Requests, RobotsFetched int
			MaxConcurrent           int            `json:"max_concurrent"`
			RobotsViolations        []string       `json:"robots_violations"`
			UserAgents              map[string]int `json:"user_agents"`
			CrawlDelayViolations    int            `json:"crawl_delay_violations"`
		}
	}
	r.ask("GET", "/_log", &out)
	for name, s := range out.Sites {
		if len(s.RobotsViolations) > 0 {
			r.t.Errorf("%s: asked for what robots.txt disallows: %v", name, s.RobotsViolations)
		}
		if s.MaxConcurrent > 1 {
			r.t.Errorf("%s: %d requests at a time", name, s.MaxConcurrent)
		}
		if s.CrawlDelayViolations > 0 {
			early[name] = s.CrawlDelayViolations
		}
		for ua := range s.UserAgents {
			if !strings.HasPrefix(ua, "ccgwatch/") || !strings.Contains(ua, "watch@example.org") {
				r.t.Errorf("%s: User-Agent %q does not say who asks", name, ua)
			}
		}
		r.t.Logf("%s: %d requests", name, s.Requests)
	}
	return early
}

// A desk is a working directory with a config and data, and a way to run commands in it.
type desk struct {
	t      *testing.T
	dir    string
	config string
}

func newDesk(t *testing.T, toml string) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t, dir, filepath.Join(dir, "ccgwatch.toml")}
	if err := os.WriteFile(d.config, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs a command and returns its output; it must end with one of the codes.
func (d *desk) run(codes []int, args ...string) string {
	d.t.Helper()
	var out, errs bytes.Buffer
	all := append([]string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data")}, args...)
	code := Main(d.t.Context(), all, strings.NewReader(""), &out, &errs)
	if !slices.Contains(codes, code) {
		d.t.Fatalf("ccgwatch %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

func decodeLines[T any](t *testing.T, s string) []T {
	t.Helper()
	var out []T
	for line := range strings.Lines(s) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		out = append(out, v)
	}
	return out
}

const replayConfig = `[group]
name = "Test group"
email = "watch@example.org"
builtin_sources = false
[fetch]
delay = "1ms"
allow_private = ["127.0.0.1"]
`

var done = []int{exitDone}

// All notices of two days, stepped through three hours at a time, none twice,
// whatever the size of a page; a further crawl adds none; one backfill of the
// two days gives the same.
func TestReplayFindATender(t *testing.T) {
	pages := []string{"100"}
	if os.Getenv("CCGWATCH_SOAK") != "" {
		pages = append(pages, "20") // every hour of a working day takes many pages
	}
	for _, page := range pages {
		t.Run("page "+page, func(t *testing.T) {
			r := startReplica(t, "-rate-window", "2s", "-fts-page", page)
			cfg := replayConfig + "[[source]]\nid = \"find-a-tender\"\nplatform = \"find-a-tender\"\nbase = \"" + r.base + "/fts\"\n"
			d := newDesk(t, cfg)
			start := parse(t, "2026-08-10T00:00:00")
			r.moveTo(start)
			d.run(done, "crawl", "--as-of", start.Format(time.RFC3339))
			for now := start.Add(3 * time.Hour); !now.After(parse(t, "2026-08-12T00:00:00")); now = now.Add(3 * time.Hour) {
				r.moveTo(now)
				d.run(done, "crawl", "--as-of", now.Format(time.RFC3339))
			}
			want := map[string]bool{}
			for _, row := range r.truth(start.Add(-time.Second), parse(t, "2026-08-12T00:00:00"), "fts") {
				want[row.Kind+" "+row.Key] = true
			}
			got := map[string]int{}
			for _, c := range decodeLines[jsonChange](t, d.run(done, "changes", "--json", "--kind", "notice")) {
				for _, w := range c.What {
					got[string(w)+" "+c.Key]++
				}
			}
			compare(t, "changes", want, got)
			if len(want) != 955 {
				t.Errorf("the replica tells of %d notices, expected 955", len(want))
			}
			out := d.run(done, "crawl", "--as-of", parse(t, "2026-08-12T00:30:00").Format(time.RFC3339))
			if !strings.Contains(out, " 0 added, 0 amended") {
				t.Errorf("a further crawl says: %s", out)
			}

			r.audited(d, "find-a-tender", func(a ocds.Audit) bool { return a.To == "076460-2026" && a.Never == 0 && a.Asking > 4 })
			if page == "100" { // the numbers that never were: days later nobody asks for them any more
				for _, days := range []int{1, 2, 9, 10, 11} {
					now := parse(t, "2026-08-12T00:00:00").AddDate(0, 0, days)
					r.moveTo(now)
					if out := d.run(done, "crawl", "--as-of", now.Format(time.RFC3339)); !strings.Contains(out, " 0 added, 0 amended") {
						t.Errorf("a crawl %d days later says: %s", days, out)
					}
				}
				if out := d.run(done, "status", "--as-of", parse(t, "2026-08-23T00:30:00").Format(time.RFC3339)); !strings.Contains(out, "between numbers 065395-2026 and 076460-2026; ") ||
					!strings.Contains(out, " never seen") || strings.Contains(out, "asked for") {
					t.Errorf("status says:\n%s", out)
				}
				r.moveTo(parse(t, "2026-08-12T00:30:00"))
			}

			b := newDesk(t, cfg)
			b.run(done, "crawl", "--since", "2026-08-10", "--until", "2026-08-12", "--as-of", parse(t, "2026-08-12T00:30:00").Format(time.RFC3339))
			items := map[string]int{}
			for _, it := range decodeLines[jsonItem](t, b.run(done, "items", "--json")) {
				items[it.Key]++
			}
			keys := map[string]bool{}
			for k := range want {
				_, key, _ := strings.Cut(k, " ")
				keys[key] = true
			}
			compare(t, "backfill", keys, items)
			if out := b.run(done, "changes", "--json"); out != "" {
				t.Errorf("a backfill is silent, but changes lists: %.300s", out)
			}
			r.manners()
		})
	}
}

// audited asserts what the status says of how complete a feed is.
func (r *replica) audited(d *desk, source string, right func(ocds.Audit) bool) {
	r.t.Helper()
	for _, row := range decodeLines[jsonStatus](r.t, d.run(done, "status", "--json")) {
		if row.Source == source {
			if row.Audit == nil || !right(*row.Audit) {
				r.t.Errorf("the audit of %s says %+v", source, row.Audit)
			}
			r.t.Logf("%s: %+v", source, *row.Audit)
			return
		}
	}
	r.t.Errorf("no status of %s", source)
}

func compare(t *testing.T, what string, want map[string]bool, got map[string]int) {
	t.Helper()
	missing, extra, twice := 0, 0, 0
	for k := range want {
		if got[k] == 0 {
			if missing++; missing < 6 {
				t.Errorf("%s: missing %s", what, k)
			}
		}
	}
	for k, n := range got {
		if !want[k] {
			if extra++; extra < 6 {
				t.Errorf("%s: not in the truth: %s", what, k)
			}
		}
		if n > 1 {
			twice++
			t.Errorf("%s: %d times: %s", what, n, k)
		}
	}
	t.Logf("%s: want %d, got %d, missing %d, invented %d, repeated %d", what, len(want), len(got), missing, extra, twice)
	if missing+extra > 0 {
		t.Errorf("%s: missing %d, invented %d", what, missing, extra)
	}
}

func parse(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := parseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Contracts Finder, January to March 2025: 198 notices that its search shows,
// and two that only its second interface knows.
func TestReplayContractsFinder(t *testing.T) {
	r := startReplica(t, "-rate-window", "2s")
	d := newDesk(t, replayConfig+"[[source]]\nid = \"contracts-finder\"\nplatform = \"contracts-finder\"\nbase = \""+r.base+"/cf\"\n")
	d.run(done, "crawl", "contracts-finder", "--since", "2025-01-01", "--until", "2025-04-01", "--as-of", "2026-08-10T09:00:00+01:00")
	items := decodeLines[jsonItem](t, d.run(done, "items", "--json", "--kind", "notice"))
	keys := map[string]int{}
	for _, it := range items {
		keys[it.Key]++
	}
	want := map[string]bool{}
	hidden := 0
	for _, row := range r.truth(parse(t, "2025-01-01"), parse(t, "2025-04-01"), "cf") {
		want[row.Key] = true
		if strings.Contains(fmt.Sprint(row), "not in OCDS/Search") {
			hidden++
		}
	}
	if len(want) != 200 || hidden != 2 {
		t.Errorf("the replica tells of %d notices, %d of them hidden, expected 200 and 2", len(want), hidden)
	}
	compare(t, "backfill", want, keys)
	r.audited(d, "contracts-finder", func(a ocds.Audit) bool { return a.Only == 2 })
	r.manners()
}

// The same day by day, with the notices moved to August 2026: each is news once,
// the two hidden ones too, within a day of their publication; a further crawl
// finds nothing.
func TestReplayContractsFinderDaily(t *testing.T) {
	r := startReplica(t, "-rate", "off", "-cf-shift-days", "560")
	d := newDesk(t, replayConfig+"[[source]]\nid = \"contracts-finder\"\nplatform = \"contracts-finder\"\nbase = \""+r.base+"/cf\"\n")
	truths := r.truth(parse(t, "2020-01-01"), parse(t, "2030-01-01"), "cf")
	first, last := truths[0].At, truths[0].At
	for _, row := range truths {
		if row.At.Before(first) {
			first = row.At
		}
		if row.At.After(last) {
			last = row.At
		}
	}
	if len(truths) != 200 {
		t.Fatalf("%d truths", len(truths))
	}
	now := first.Add(-time.Hour).In(london())
	for ; !now.After(last.AddDate(0, 0, 2)); now = now.Add(12 * time.Hour) {
		r.moveTo(now)
		d.run(done, "crawl", "--as-of", now.Format(time.RFC3339))
	}
	got := map[string]int{}
	for _, c := range decodeLines[jsonChange](t, d.run(done, "changes", "--json", "--kind", "notice")) {
		for _, w := range c.What {
			got[string(w)+" "+c.Key]++
		}
	}
	want := map[string]bool{}
	for _, row := range truths {
		want[row.Kind+" "+row.Key] = true
	}
	compare(t, "changes", want, got)
	if out := d.run(done, "crawl", "--as-of", now.Format(time.RFC3339)); !strings.Contains(out, " 0 added, 0 amended") {
		t.Errorf("a further crawl says: %s", out)
	}
	r.audited(d, "contracts-finder", func(a ocds.Audit) bool { return a.Only == 2 && !a.Crossed.IsZero() })
	r.manners()
}
