package crawl_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Real sockets, real time, and a log that is not ours: the replica of the real
// sources counts what it sees of our manners, under their real host names.
func TestMannersAtTheReplica(t *testing.T) {
	shared := cmp.Or(os.Getenv("CCGWATCH_SHARED"), filepath.Join("..", "..", "..", "shared"))
	if _, err := os.Stat(filepath.Join(shared, "replay", "main.go")); err != nil || testing.Short() {
		t.Skip("SKIPPED: no replica of the sources here; set CCGWATCH_SHARED")
	}
	binary := filepath.Join(t.TempDir(), "replay")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = filepath.Join(shared, "replay")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the replica: %v\n%s", err, out)
	}
	server := exec.CommandContext(t.Context(), binary, "-listen", "127.0.0.1:0")
	server.Dir = build.Dir
	pipe, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = server.Stdout
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + line[strings.Index(line, "127.0.0.1:"):]
	base = strings.TrimRight(strings.Fields(base)[0], "/.,")

	f := &crawl.Fetcher{
		UserAgent: agent, Delay: 100 * time.Millisecond, Proxy: base, // the replica answers to the real names
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
	defer f.Close()
	visits := []struct {
		host  string
		paths []string
		want  []store.Reason
	}{
		{"cabinet.leicester.gov.uk", []string{"/mgListCommittees.aspx", "/mgUserInfo.aspx?UID=1", "/ieListMeetings.aspx?CId=420", "/mgnosuch.aspx"}, []store.Reason{"", store.ReasonRobots, "", ""}},
		{"rutlandcounty.moderngov.co.uk", []string{"/mgWebService.asmx/GetCommittees", "/mgListCommittees.aspx", "/mgUserInfo.aspx"}, []store.Reason{store.ReasonRefused, "", store.ReasonRobots}},
		{"leicesterleicestershireandrutland.icb.nhs.uk", []string{"/about/board-meetings/", "/private/x"}, []store.Reason{"", store.ReasonRobots}},
		{"www.uhleicester.nhs.uk", []string{"/nothing-here"}, []store.Reason{store.ReasonMissing}},
		{"www.whatdotheyknow.com", []string{"/feed/body/leicester_city_council"}, []store.Reason{store.ReasonRobots}},
		{"www.find-tender.service.gov.uk", []string{"/api/1.0/ocdsReleasePackages?updatedFrom=2026-08-10T09:00:00&updatedTo=2026-08-10T09:10:00", "/api/1.0/ocdsReleasePackages?nonsense=1"}, []store.Reason{"", store.ReasonFormat}},
	}
	var wg sync.WaitGroup
	for _, v := range visits {
		for i, p := range v.paths {
			wg.Go(func() {
				_, err := f.Get(t.Context(), crawl.Source{ID: v.host, Base: "http://" + v.host + "/"}, "http://"+v.host+p, "")
				if got := reason(err); got != string(v.want[i]) {
					t.Errorf("%s%s: %q, want %q (%v)", v.host, p, got, v.want[i], err)
				}
			})
		}
	}
	wg.Wait()

	type seen struct {
		Requests             int            `json:"requests"`
		UserAgents           map[string]int `json:"user_agents"`
		MaxConcurrent        int            `json:"max_concurrent"`
		MinGapMS             int64          `json:"min_gap_ms"`
		RobotsFetched        int            `json:"robots_fetched"`
		RobotsViolations     []string       `json:"robots_violations"`
		CrawlDelayViolations int            `json:"crawl_delay_violations"`
	}
	var log struct{ Sites map[string]seen }
	if err := fetchJSON(t, base+"/_log", &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Sites) < len(visits) {
		t.Errorf("the replica saw %d sites, want %d", len(log.Sites), len(visits))
	}
	for site, l := range log.Sites {
		if l.Requests == 0 {
			continue
		}
		if l.MaxConcurrent > 1 || len(l.RobotsViolations) > 0 || l.CrawlDelayViolations > 0 || l.RobotsFetched != 1 || l.MinGapMS >= 0 && l.MinGapMS < 95 {
			t.Errorf("%s: %+v", site, l)
		}
		for a := range l.UserAgents {
			if a != agent {
				t.Errorf("%s: User-Agent %q", site, a)
			}
		}
	}
}

func fetchJSON(t *testing.T, address string, into any) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("HTTP %d: %.200s", resp.StatusCode, b))
	}
	return json.Unmarshal(b, into)
}
