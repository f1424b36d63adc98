package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// The figures of the whole path, as opposed to those of its parts, which stand
// beside the parts. The machine's wall clock says little where it is shared:
// cpu-ms/x is the processor time of this process for one x, user and system,
// what serves the pages included. None of them is ever asserted.
//
//	go test ./cmd/ccgwatch -run '^$' -bench . -benchtime 3x

// spent reports the processor time since begun for each of n things.
func spent(b *testing.B, begun time.Duration, n int, what string) {
	b.Helper()
	b.ReportMetric(float64((cpuTime()-begun).Microseconds())/1000/float64(n), "cpu-ms/"+what)
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), what+"s/s")
}

// A bigCouncil is a ModernGov site of so many meetings, each page of the size
// of a real one (30 KB), without validators and with a mark that is another at
// every request, as real ones have.
type bigCouncil struct {
	meetings int
	asked    int
}

func (c *bigCouncil) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked++
	const top = `<html><head><meta name="DC.date" content="%d"></head><body><div id="modgov"><div class="mgHeader"><h1 class="mgMainTitleTxt">%s</h1></div>`
	const end = `<div class="mgFooter"></div></div></body></html>`
	id := r.URL.Query().Get("MId")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/mgListCommittees.aspx"):
		fmt.Fprintf(w, top+`<ul class="mgBulletList"><li><a href="mgCommitteeDetails.aspx?ID=31">Health Scrutiny</a></li></ul>`+end, c.asked, "Committee structure")
	case strings.HasSuffix(path, "/ieListMeetings.aspx"):
		fmt.Fprintf(w, top+`<form id="FormYearSelect"></form><div class="mgList"><ul class="mgNonBulletTableList">`, c.asked, "Browse meetings")
		for i := range c.meetings {
			when := townStart().AddDate(0, 0, i%100).Format("2 Jan 2006")
			fmt.Fprintf(w, `<li class="mgTableEvenRow"><a class="mgMeetingTableLnk" href="ieListDocuments.aspx?CId=31&amp;MId=%d&amp;Ver=4">%s 5:30 pm</a> - Agenda</li>`, 5000+i, when)
		}
		fmt.Fprint(w, `</ul></div>`+end)
	case strings.HasSuffix(path, "/ieListDocuments.aspx") && id != "":
		fmt.Fprintf(w, top+`<div class="mgLinks"><ul class="mgActionList"><li><a href="mgMeetingAttendance.aspx?ID=%s">Attendance</a></li><li><a href="documents/g%s/Front.pdf?T=0">Agenda frontsheet</a></li></ul></div><div class="mgContent"><p><span class="mgLabel">Venue: </span>Market Hall</p><table class="mgItemTable" id="mgItemTable">`, c.asked, "Agenda", id, id)
		for i := range 24 {
			fmt.Fprintf(w, `<tr><td class="mgItemNumberCell"><p class="mgAiTitleTxt"><a name="AI%s%02d"></a>%d.</p></td><td><p class="mgAiTitleTxt">Item %d of meeting %s</p><div class="mgWordPara"><div class="WordSection1">`, id, i, i+1, i, id)
			for j := range 5 {
				fmt.Fprintf(w, `<p class="MsoNormal"><span style="color:black">The committee is asked to note the report on ward %d and the plan for its clinics in year %d,<br/>and to say what it thinks of the proposal.</span></p>`+"\n", j, i)
			}
			fmt.Fprint(w, `</div></div></td></tr>`)
		}
		fmt.Fprint(w, `</table></div>`+end)
	default:
		http.NotFound(w, r)
	}
}

const councilMeetings = 300

// BenchmarkCrawl is a whole visit: fetch, keep what came, parse, guard, compare,
// commit. The limit is what no crawler can go below: each page is got and hashed.
// Ratios to it hold on a machine that has other things to do; the figures do not.
func BenchmarkCrawl(b *testing.B) {
	b.Run("limit", func(b *testing.B) {
		srv := httptest.NewServer(&bigCouncil{meetings: councilMeetings})
		defer srv.Close()
		n := 0
		begun := cpuTime()
		for b.Loop() {
			for i := range councilMeetings {
				resp, err := http.Get(fmt.Sprintf("%s/council/ieListDocuments.aspx?CId=31&MId=%d&Ver=4", srv.URL, 5000+i))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(sha256.New(), resp.Body); err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
				n++
			}
		}
		spent(b, begun, n, "page")
	})
	for _, unchanged := range []bool{false, true} {
		b.Run(map[bool]string{false: "cold", true: "unchanged"}[unchanged], func(b *testing.B) {
			site := &bigCouncil{meetings: councilMeetings}
			srv := httptest.NewServer(site)
			defer srv.Close()
			a := benchApp(b, srv.URL)
			s, err := a.source("big")
			if err != nil {
				b.Fatal(err)
			}
			look := func() outcome {
				out := a.visit(b.Context(), s, crawl.Visit{Now: townStart()}, nil)
				if out.Err != nil || len(out.Problems) > 0 || out.Items != councilMeetings {
					b.Fatalf("%+v", out)
				}
				return out
			}
			if unchanged {
				look()
			}
			before, pages := databaseSize(b, a), 0
			b.ResetTimer()
			begun := cpuTime()
			for b.Loop() {
				out := look()
				if pages += out.Requests; unchanged && out.Added+out.Amended > 0 {
					b.Fatalf("%+v", out)
				}
				if !unchanged {
					b.StopTimer()
					closeBench(b, a)
					a = benchApp(b, srv.URL)
					s, _ = a.source("big")
					b.StartTimer()
				}
			}
			spent(b, begun, pages, "page")
			if unchanged {
				b.ReportMetric(float64(databaseSize(b, a)-before)/float64(b.N), "file-growth-B/visit")
			}
			closeBench(b, a)
		})
	}
}

func benchApp(b *testing.B, base string) *app {
	b.Helper()
	known, err := knownNames(nil)
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := known.Parse("", []byte(replayConfig+"[[source]]\nid = \"big\"\nplatform = \"moderngov\"\nbase = \""+base+"/council\"\n"))
	if err != nil {
		b.Fatal(err)
	}
	a, err := openApp(cfg, filepath.Join(b.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func closeBench(b *testing.B, a *app) {
	b.Helper()
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
}

func databaseSize(b *testing.B, a *app) int64 {
	b.Helper()
	info, err := os.Stat(filepath.Join(a.data, bolt.File))
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// noticePages are release packages: those recorded, or, where they are absent,
// some in their shape.
func noticePages(b testing.TB) (pages [][]byte, recorded bool) {
	b.Helper()
	root := os.Getenv("CCGWATCH_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(root, "data", "procurement", "fts", "2026-08-1*", "*.json"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range files {
		p, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		pages = append(pages, p)
	}
	if len(pages) > 0 {
		return pages, true
	}
	b.Log("RECORDED NOTICES ABSENT: the figures are of made-up ones (set CCGWATCH_SHARED)")
	for page := range 10 {
		var p bytes.Buffer
		p.WriteString(`{"releases":[`)
		for i := range 100 {
			if i > 0 {
				p.WriteString(",")
			}
			n := page*100 + i
			fmt.Fprintf(&p, `{"ocid":"ocds-h6vhtk-%06x","id":"%06d-2026","date":"2026-08-10T09:%02d:00+01:00","tag":["tender"],"language":"en",`+
				`"parties":[{"id":"GB-%d","name":"Sample Body %d","roles":["buyer"],"address":{"region":"UKF21","countryName":"England"}}],"buyer":{"id":"GB-%d","name":"Sample Body %d"},`+
				`"tender":{"id":"t%d","title":"Community service %d","description":"%s","status":"active","value":{"amount":%d,"currency":"GBP"},"items":[{"id":"1","classification":{"scheme":"CPV","id":"85100000","description":"Health services"}}],`+
				`"tenderPeriod":{"endDate":"2026-09-30T12:00:00+01:00"},"documents":[{"id":"d","url":"https://tenders.example/%d"}]}}`,
				n, n, i%60, n%40, n%40, n%40, n%40, n, n, strings.Repeat(fmt.Sprintf("The body wants a provider of clinics in ward %d. ", n), 40), 1000*n, n)
		}
		p.WriteString(`]}`)
		pages = append(pages, p.Bytes())
	}
	return pages, false
}

// BenchmarkNotices takes release packages from JSON to a committed store, a
// page of 100 at a time, with guard and comparison: new ones, and the same again.
func BenchmarkNotices(b *testing.B) {
	pages, _ := noticePages(b)
	take := func(b *testing.B, a *app, page []byte, copyOf int) (n, changed int) {
		b.Helper()
		items, _, err := ocds.DecodePackage(page, "find-a-tender")
		if err != nil {
			b.Fatal(err)
		}
		for i := range items {
			if copyOf > 0 {
				items[i].Key = fmt.Sprintf("%s-%d", items[i].Key, copyOf)
			}
			items[i].Source = "notices"
		}
		seen := store.Sighting{Source: "notices", At: townStart(), Items: items, Last: true}
		var out outcome
		if err := a.commit(context.Background(), source{ID: "notices"}, seen, store.Health{Source: "notices"}, map[store.Kind]int{}, &store.Tally{}, &out); err != nil {
			b.Fatal(err)
		}
		return len(items), out.Added + out.Amended
	}
	b.Run("new", func(b *testing.B) {
		a := benchApp(b, "http://127.0.0.1:1")
		defer closeBench(b, a)
		n, round := 0, 0
		begun := cpuTime()
		for b.Loop() {
			for _, p := range pages {
				got, changed := take(b, a, p, round)
				if n += changed; changed != got {
					b.Fatalf("%d of %d", changed, got)
				}
			}
			round++
		}
		spent(b, begun, n, "release")
		b.ReportMetric(float64(databaseSize(b, a))/float64(n)*10_000/(1<<20), "MiB/10k-notices")
	})
	b.Run("unchanged", func(b *testing.B) {
		a := benchApp(b, "http://127.0.0.1:1")
		defer closeBench(b, a)
		for _, p := range pages {
			take(b, a, p, 0)
		}
		n := 0
		b.ResetTimer()
		begun := cpuTime()
		for b.Loop() {
			for _, p := range pages {
				got, changed := take(b, a, p, 0)
				if n += got; changed > 0 {
					b.Fatalf("%d changed", changed)
				}
			}
		}
		spent(b, begun, n, "release")
	})
}

// BenchmarkProgram starts the program itself, as it is built for release: how
// long until the first answer, how much memory when nothing goes on, and how
// much at the most over a crawl of 300 pages.
func BenchmarkProgram(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("memory is read from /proc")
	}
	program := filepath.Join(b.TempDir(), "ccgwatch")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	pages, _ := noticePages(b)
	for _, notices := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("idle with %d notices", notices), func(b *testing.B) {
			a := benchApp(b, "http://127.0.0.1:1")
			for n, round := 0, 0; n < notices; round++ {
				for _, p := range pages {
					items, _, err := ocds.DecodePackage(p, "find-a-tender")
					if err != nil {
						b.Fatal(err)
					}
					for i := range items {
						items[i].Key, items[i].Source = fmt.Sprintf("%s-%d", items[i].Key, round), "notices"
					}
					var out outcome
					seen := store.Sighting{Source: "notices", At: townStart(), Items: items, Last: true, Silent: true}
					if err := a.commit(b.Context(), source{ID: "notices"}, seen, store.Health{Source: "notices"}, map[store.Kind]int{}, &store.Tally{}, &out); err != nil {
						b.Fatal(err)
					}
					n += len(items)
				}
			}
			if err := a.follow(b.Context(), townStart()); err != nil {
				b.Fatal(err)
			}
			closeBench(b, a)
			var answer time.Duration
			var rss, anon, peak, runs float64
			for b.Loop() {
				t, m := idle(b, program, a.data)
				answer, runs = answer+t, runs+1
				rss, anon, peak = rss+m["VmRSS"], anon+m["RssAnon"], peak+m["VmHWM"]
			}
			b.ReportMetric(float64(answer.Microseconds())/1000/runs, "ms-to-answer")
			b.ReportMetric(rss/runs, "MiB-idle")
			b.ReportMetric(anon/runs, "MiB-idle-anonymous")
			b.ReportMetric(peak/runs, "MiB-peak")
		})
	}
	b.Run(fmt.Sprintf("crawl of %d pages", councilMeetings), func(b *testing.B) {
		srv := httptest.NewServer(&bigCouncil{meetings: councilMeetings})
		defer srv.Close()
		var peak, cpu float64
		for b.Loop() {
			dir := b.TempDir()
			toml := filepath.Join(dir, "c.toml")
			if err := os.WriteFile(toml, []byte(replayConfig+"[[source]]\nid = \"big\"\nplatform = \"moderngov\"\nbase = \""+srv.URL+"/council\"\n"), 0o600); err != nil {
				b.Fatal(err)
			}
			cmd := exec.CommandContext(b.Context(), program, "--config="+toml, "--data="+filepath.Join(dir, "data"), "crawl")
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			peak += peakOf(cmd.ProcessState)
			cpu += float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds()) / 1000
		}
		b.ReportMetric(peak/float64(b.N), "MiB-peak")
		b.ReportMetric(cpu/float64(b.N)/councilMeetings, "cpu-ms/page")
	})
}

// idle starts the daemon, waits for its first answer, lets it be, and looks.
func idle(b *testing.B, program, data string) (toAnswer time.Duration, mib map[string]float64) {
	b.Helper()
	at := fmt.Sprint("127.0.0.1:", freePort(b))
	toml := filepath.Join(b.TempDir(), "c.toml")
	if err := os.WriteFile(toml, []byte("[group]\nbuiltin_sources = false\n[web]\nlisten = \""+at+"\"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), program, "--config="+toml, "--data="+data, "run")
	cmd.Stderr = io.Discard
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	for {
		resp, err := http.Get("http://" + at + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
			break
		}
		if time.Since(begun) > time.Minute {
			b.Fatal("no answer")
		}
		time.Sleep(time.Millisecond)
	}
	toAnswer = time.Since(begun)
	time.Sleep(2 * time.Second)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	mib = map[string]float64{}
	for line := range strings.Lines(string(status)) {
		var kb float64
		name, rest, _ := strings.Cut(line, ":")
		if _, err := fmt.Sscanf(rest, "%f kB", &kb); err == nil {
			mib[name] = kb / 1024
		}
	}
	return toAnswer, mib
}
