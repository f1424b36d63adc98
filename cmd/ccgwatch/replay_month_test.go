package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// monthConfig follows the generated councils and boards.
func monthConfig(base string) string {
	var b strings.Builder
	b.WriteString(replayConfig)
	source := func(id, platform, path string, more ...string) {
		fmt.Fprintf(&b, "[[source]]\nid = %q\nplatform = %q\nbase = %q\n%s\n", id, platform, base+path, strings.Join(more, "\n"))
	}
	source("leicester", "moderngov", "/moderngov/leicester", `body = "leicester-city-council"`)
	source("leicestershire", "moderngov", "/moderngov/leics", `body = "leicestershire-county-council"`)
	source("rutland", "moderngov", "/moderngov/rutland", `body = "rutland-county-council"`)
	source("llr-icb", "boards", "/icb", `layout = "two-hop"`, `page = "/about/board-meetings/"`, `body = "QK1"`)
	source("uhl", "boards", "/trust", `layout = "accordion"`, `page = "/about/board/board-papers-and-meetings/"`, `body = "University Hospitals of Leicester NHS Trust"`)
	return b.String()
}

// sitesOf maps the replica's names of sources to ours.
func sitesOf() map[string]string {
	return map[string]string{"moderngov/leicester": "leicester", "moderngov/leics": "leicestershire", "moderngov/rutland": "rutland", "icb": "llr-icb", "trust": "uhl"}
}

// A month of councils and boards, stepped through: every row of the truth is
// carried by exactly one change with that what, the unreadable is carried by
// none and shows in the source's health, nothing is invented, and the
// subscribers get the mails they should.
func TestReplayMonth(t *testing.T) {
	for _, c := range []struct {
		start string
		step  time.Duration
		seed  string // of the planted sentences
	}{{"2026-08-09T06:00", 6 * time.Hour, "1"}, {"2026-08-09T07:00", 24 * time.Hour, "7"}} {
		t.Run(c.step.String()+" seed "+c.seed, func(t *testing.T) { replayMonth(t, c.start, c.step, c.seed) })
	}
	if at := os.Getenv("CCGWATCH_REPLAY_MONTH"); at != "" { // by hand: "2026-08-09T12:00 3h 5"
		f := strings.Fields(at)
		step, err := time.ParseDuration(f[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Run(at, func(t *testing.T) { replayMonth(t, f[0], step, f[2]) })
	}
}

func replayMonth(t *testing.T, first string, step time.Duration, seed string) {
	t.Helper()
	r := startReplica(t, "-clock", "2026-08-09T00:00:00", "-rate", "off", "-seed", seed)
	d := newDesk(t, monthConfig(r.base))
	start, end := parse(t, first), parse(t, "2026-09-08T18:00")
	at := func(now time.Time) string { return now.Format(time.RFC3339) }
	r.moveTo(start)
	d.run(done, "crawl", "--as-of", at(start))
	d.run(done, "subscribers", "add", "instant@example.org", "--consent", "a test", "--often", "instant", "--query", "topic:outsourcing", "--as-of", at(start))
	d.run(done, "subscribers", "add", "weekly@example.org", "--consent", "a test", "--as-of", at(start))
	d.run(done, "subscribers", "add", "phrase@example.org", "--consent", "a test", "--often", "instant", "--query", `"single tender waiver" body:rutland-county-council`, "--as-of", at(start))

	var sawSoft404, sawRedesign bool
	for now := start.Add(step); !now.After(end); now = now.Add(step) {
		r.moveTo(now)
		d.run([]int{exitDone, exitSome}, "crawl", "--as-of", at(now))
		d.run(done, "send", "--as-of", at(now))
		if status := d.run([]int{exitDone, exitSome}, "status", "--json", "--as-of", at(now)); strings.Contains(status, "2026-07-09-papers.pdf") && strings.Contains(status, "soft 404") {
			sawSoft404 = true
		} else if strings.Contains(status, `"reason":"empty"`) {
			sawRedesign = true
		}
		sawRedesign = sawRedesign || strings.Contains(d.run([]int{exitDone, exitSome}, "status", "--json"), `"reason":"empty"`)
	}
	if !sawSoft404 || !sawRedesign {
		t.Errorf("health: the soft 404 was shown: %v; the emptied page was shown: %v", sawSoft404, sawRedesign)
	}
	rows := r.truth(start, end, "")
	checkMonthChanges(t, rows, decodeLines[jsonChange](t, d.run(done, "changes", "--json")))
	checkMentions(t, d, rows)
	checkMonthMails(t, d, rows)
	r.manners()
}

// checkMonthChanges holds the log against the truth, what by what.
func checkMonthChanges(t *testing.T, rows []truth, changes []jsonChange) {
	t.Helper()
	want := map[string]bool{}
	for _, row := range rows {
		source, ours := sitesOf()[row.Source]
		switch {
		case !ours || row.Kind == "page_links_removed" || row.Source == "trust" && row.Kind == "document_removed":
			continue
		}
		want[source+" "+row.Kind+" "+row.Key] = true
	}
	got := map[string]int{}
	for _, c := range changes {
		for _, w := range c.What {
			if !strings.HasPrefix(string(w), "document_") {
				got[c.Source+" "+string(w)+" "+c.Key]++
				continue
			}
			// A change may carry several document whats; each document belongs
			// to the one that the truth knows of.
			for _, doc := range c.Documents {
				k := c.Source + " " + string(w) + " " + doc.Key
				if want[k] || len(c.What) == 1 {
					got[k]++
				}
			}
		}
		for _, doc := range c.Documents {
			if strings.HasPrefix(doc.Key, "minutes/") && slices.Contains(c.What, store.MinutesPublished) {
				continue // the truth tells of the minutes, not of their file
			}
			if !slices.ContainsFunc(c.What, func(w store.What) bool { return want[c.Source+" "+string(w)+" "+doc.Key] }) {
				t.Errorf("change %d lists a document that the truth does not know of: %s %s %v", c.Seq, c.Source, doc.Key, c.What)
			}
		}
	}
	compare(t, "month", want, got)
}

// checkMentions looks for every planted sentence with its page, and for the
// false friends and the boilerplate, which must give nothing.
func checkMentions(t *testing.T, d *desk, rows []truth) {
	t.Helper()
	found := map[string]jsonFinding{}
	all := decodeLines[jsonFinding](t, d.run(done, "findings", "--json"))
	for _, f := range all {
		found[fmt.Sprint(f.Source, " ", f.Page, " ", squash(f.Quote))] = f
		for _, q := range slices.Concat(f.Quotes, f.Others) {
			found[fmt.Sprint(f.Source, " ", q.Page, " ", squash(q.Quote))] = f
		}
	}
	planted, missing, wrong := 0, 0, 0
	for _, row := range rows {
		source, ours := sitesOf()[row.Source]
		if !ours || strings.HasSuffix(row.Kind, "_removed") {
			continue
		}
		for _, m := range row.Mentions {
			switch m.Kind {
			case "mention":
				planted++
				f, ok := found[fmt.Sprint(source, " ", m.Page, " ", squash(m.Text))]
				if !ok || f.Tier == store.TierMention {
					missing++
					t.Errorf("%s %s page %d: not found, or not as certain or likely: %s", source, row.Key, m.Page, m.Text)
				}
			default:
				for _, f := range all {
					if strings.Contains(squash(f.Quote), squash(m.Text)) && (f.Topic == store.TopicOutsourcing || f.Topic == store.TopicTenders) {
						wrong++
						t.Errorf("%s: a %s became a finding: %s", source, m.Kind, m.Text)
					}
				}
			}
		}
	}
	t.Logf("planted mentions %d, missing %d, false ones %d", planted, missing, wrong)
}

func squash(s string) string { return strings.Join(strings.Fields(s), " ") }

// checkMonthMails reads every message: who got it, what it says, whether it is correct.
func checkMonthMails(t *testing.T, d *desk, rows []truth) {
	t.Helper()
	files, err := outboxFiles(filepath.Join(d.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string][]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		subject, text, err := readMail(raw)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, to := range []string{"instant", "weekly", "phrase"} {
			if strings.Contains(string(raw), "\r\nTo: <"+to+"@example.org>") || strings.Contains(string(raw), "\r\nTo: "+to+"@example.org") {
				texts[to] = append(texts[to], squash(subject+"\n"+text))
			}
		}
		emlcheck(t, f)
	}
	if dir := os.Getenv("CCGWATCH_KEEP_MAIL"); dir != "" { // to read them
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(d.dir, "data", "outbox"))); err != nil {
			t.Error(err)
		}
	}
	t.Logf("mails: instant %d, weekly %d, phrase %d", len(texts["instant"]), len(texts["weekly"]), len(texts["phrase"]))
	if n := len(texts["instant"]) + len(texts["weekly"]) + len(texts["phrase"]); n != len(files) {
		t.Errorf("%d messages, %d of them to the three subscribers", len(files), n)
	}
	if len(texts["weekly"]) != 4 {
		t.Errorf("%d digests in a month with four Fridays", len(texts["weekly"]))
	}
	if len(texts["phrase"]) > 0 && !slices.ContainsFunc(texts["phrase"], func(s string) bool { return strings.Contains(strings.ToLower(s), "single tender waiver") }) {
		t.Errorf("the phrase subscriber got something else: %v", texts["phrase"])
	}
	// A document's best three sentences are told, and how many more there are.
	counted := map[string]string{} // a sentence that is only counted -> the best one of its document
	for _, f := range decodeLines[jsonFinding](t, d.run(done, "findings", "--json")) {
		for _, q := range f.Others {
			counted[squash(q.Quote)] = squash(f.Quote)
		}
	}
	said := map[string]bool{}
	for _, row := range rows {
		if _, ours := sitesOf()[row.Source]; !ours || strings.HasSuffix(row.Kind, "_removed") {
			continue
		}
		for _, m := range row.Mentions {
			text := squash(m.Text)
			if said[row.Source+text] {
				continue
			}
			said[row.Source+text] = true
			n := 0
			for _, s := range texts["instant"] {
				n += min(1, strings.Count(s, text))
			}
			if best := counted[text]; n == 0 && best != "" {
				for _, s := range texts["instant"] {
					n += min(1, strings.Count(s, best)*strings.Count(s, "further passage"))
				}
			}
			switch {
			case m.Kind == "mention" && n != 1:
				t.Errorf("%s: told %d times to the instant subscriber: %s", row.Source, n, text)
			case m.Kind != "mention":
				for to, list := range texts {
					if slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, text) }) {
						t.Errorf("%s: a %s was mailed to %s: %s", row.Source, m.Kind, to, text)
					}
				}
			}
		}
	}
}

// emlcheck runs the reviewers' checklist on a message.
func emlcheck(t *testing.T, file string) {
	t.Helper()
	out, err := exec.Command("python3", filepath.Join(sharedDir(t), "tools", "emlcheck.py"), "--mail-only", "--domain", "example.org", file).CombinedOutput()
	if err != nil {
		t.Errorf("emlcheck %s: %v\n%s", filepath.Base(file), err, failedLines(string(out)))
	}
}

func failedLines(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "FAIL ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}
