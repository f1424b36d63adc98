package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// A webArchive replays captures as archives of the web do: under a time and the
// address that was captured, and by way of a redirect from any other time to the
// nearest it has.
type webArchive struct {
	*httptest.Server
	captures map[string][]capture // by the address that was captured

	mu    sync.Mutex
	asked map[string]int // addresses that were captured, with what was asked of them
	stall string         // the address at which it does not answer any more, "" for none
	stuck chan struct{}  // closed when that is asked
}

type capture struct {
	stamp string
	body  []byte
}

func newWebArchive(t *testing.T) *webArchive {
	t.Helper()
	files, err := txtar.ParseFile("testdata/archived-ccg.txtar")
	if err != nil {
		t.Fatal(err)
	}
	w := &webArchive{captures: map[string][]capture{}, asked: map[string]int{}, stuck: make(chan struct{})}
	for _, f := range files.Files {
		stamp, of, ok := strings.Cut(f.Name, " ")
		if !ok {
			t.Fatalf("%q is no time and address", f.Name)
		}
		body := f.Data
		if strings.HasSuffix(of, ".pdf") {
			body = samplePDF(of, [][]string{strings.Split(strings.TrimSpace(string(f.Data)), "\n")})
		}
		w.captures[of] = append(w.captures[of], capture{stamp, body})
	}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	return w
}

func (a *webArchive) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/robots.txt" {
		fmt.Fprint(w, "User-agent: *\nDisallow: /ukgwa/*/private/\n")
		return
	}
	m := regexp.MustCompile(`^/ukgwa/(\d+)(mp_)?/(https?://.*)$`).FindStringSubmatch(r.RequestURI)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	a.mu.Lock()
	a.asked[m[3]]++
	stall := a.stall != "" && strings.HasSuffix(m[3], a.stall)
	if stall {
		a.stall = ""
		close(a.stuck)
	}
	a.mu.Unlock()
	if stall {
		<-r.Context().Done() // until whoever asked is gone
		return
	}
	list := a.captures[m[3]]
	switch {
	case len(list) == 0:
		http.NotFound(w, r)
	case m[2] == "": // for people: a frame around the page
		fmt.Fprintf(w, `<html><body><div id="ukgwa-banner">Archived</div><iframe id="replay_iframe" src="/ukgwa/%smp_/%s"></iframe></body></html>`, m[1], m[3])
	case m[1] != list[0].stamp:
		w.Header().Set("Location", "/ukgwa/"+list[0].stamp+"mp_/"+m[3])
		w.WriteHeader(http.StatusFound)
	case strings.HasSuffix(m[3], ".pdf"):
		w.Header().Set("Content-Type", "application/pdf")
		_, _ = w.Write(list[0].body)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(strings.ReplaceAll(string(list[0].body), "http://webarchive.test", a.URL)))
	}
}

// count is how often an address of the site was asked for, redirects left out.
func (a *webArchive) count(suffix string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for of, times := range a.asked {
		if strings.HasSuffix(of, suffix) {
			n += times
		}
	}
	return n
}

// archiveDesk has the group in a catalogue of its own, in a row nobody follows.
func archiveDesk(t *testing.T, a *webArchive) *desk {
	t.Helper()
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	sites.moveTo(parse(t, "2026-09-20T06:00:00"))
	town := httptest.NewServer(sites)
	t.Cleanup(town.Close)
	d := newDesk(t, townConfig(town.URL))
	row := "id,name,body,platform,base,page,layout,note\nsoar-valley-ccg,Soar Valley CCG,04V,boards," +
		a.URL + "/ukgwa/20220630/https://www.soar-valley-ccg.example,/about/governing-body/meetings/,two-hop,\n"
	if err := os.WriteFile(filepath.Join(d.dir, ownCatalogue), []byte(row), 0o600); err != nil {
		t.Fatal(err)
	}
	d.shareCompiled()
	return d
}

// shareCompiled has what reads PDFs compiled once, and not by every test.
func (d *desk) shareCompiled() {
	d.t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "ccgwatch-test-pdfium")
	for _, dir := range []string{cache, filepath.Join(d.dir, "data")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := os.Symlink(cache, filepath.Join(d.dir, "data", "cache")); err != nil {
		d.t.Fatal(err)
	}
}

type archivedItem struct {
	Key, Body, URL string
	Fields         map[string]string
	Documents      []struct{ URL, SHA256 string }
}

// archivedItems are the record of the group, one line an item.
func archivedItems(t *testing.T, d *desk, a *webArchive) string {
	t.Helper()
	var lines []string
	for _, it := range decodeLines[archivedItem](t, d.run(done, "items", "--json", "--source", "soar-valley-ccg")) {
		line := fmt.Sprintf("%s %s %s", it.Key, it.Body, it.Fields["when"])
		for _, doc := range it.Documents {
			read := "unread"
			if doc.SHA256 != "" {
				read = "read"
			}
			line += " " + read + " " + strings.TrimPrefix(doc.URL, a.URL)
		}
		if !strings.HasPrefix(it.URL, a.URL+"/ukgwa/20220630") {
			t.Errorf("%s leads to %s", it.Key, it.URL)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

const archivedRecord = `document/uploads/annual-report.pdf nhs-west-leicestershire-ccg 2021-06-14T00:00:00+01:00 read /ukgwa/20220630mp_/https://www.soar-valley-ccg.example/uploads/annual-report.pdf
meeting/meeting/12-march-2019/ nhs-west-leicestershire-ccg 2019-03-12T09:30:00Z read /ukgwa/20220630mp_/https://www.soar-valley-ccg.example/uploads/2019/03/papers.pdf read /ukgwa/20220630mp_/https://www.soar-valley-ccg.example/uploads/2019/03/minutes.pdf
meeting/meeting/14-september-2021/ nhs-west-leicestershire-ccg 2021-09-14T00:00:00+01:00
meeting/meeting/8-march-2022/ nhs-west-leicestershire-ccg 2022-03-08T09:30:00Z read /ukgwa/20220630mp_/https://www.soar-valley-ccg.example/uploads/2022/03/papers.pdf
meeting/meeting/8-september-2020/ nhs-west-leicestershire-ccg 2020-09-08T13:00:00+01:00 read /ukgwa/20220630mp_/https://www.soar-valley-ccg.example/uploads/2020/09/papers.pdf unread /ukgwa/20220630mp_/https://www.soar-valley-ccg.example/private/part-two.pdf
meeting/meeting/9-march-2021/ nhs-west-leicestershire-ccg 2021-03-09T00:00:00Z`

// What an archive of the web has of a group that is no more is read once, on
// request: the meetings and papers of the time asked for, with their days, under
// the group's name, found and shown, and mailed to nobody; and again it is read
// for nothing.
func TestPapersOfAFormerGroupAreReadFromAnArchive(t *testing.T) {
	if underRace && testing.Short() {
		t.Skip("one command after the other: the detector only slows them down")
	}
	a := newWebArchive(t)
	d := archiveDesk(t, a)
	now := "--as-of=2026-09-21T08:00:00+01:00"
	d.run(done, "crawl", now) // the town: somebody is told of something in the digest below
	d.run(done, "subscribers", "add", "all@example.org", "--consent", "a test", "--often", "both", now)
	before := d.run(done, "findings", "--json")

	out := d.run(done, "crawl", "soar-valley-ccg", "--since", "2019-01-01", now)
	for _, want := range []string{
		"soar-valley-ccg: 6 read, 6 added, 0 amended, 0 gone", "(silent:",
		"could not read details of meeting/meeting/9-march-2021/", // never captured
		"the nearest capture is of 2025-01-15, long after 2022-06-30",
		"private/part-two.pdf", // robots.txt
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the crawl does not say %q:\n%s", want, out)
		}
	}
	if diff := cmp.Diff(archivedRecord, archivedItems(t, d, a)); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	for _, never := range []string{"banner-of-the-archive.pdf", "/private/part-two.pdf", "/2018/11/papers.pdf", "13-november-2018/", "offers.pdf"} {
		if n := a.count(never); n > 0 {
			t.Errorf("%s was asked for %d times", never, n)
		}
	}

	// Found, by its words, its days and its body; the board of today is another body.
	if got := d.run(done, "search", "--json", "wheelchair", "repairs"); !strings.Contains(got, `"key":"meeting/meeting/12-march-2019/"`) || !strings.Contains(got, `"date":"2019-03-12`) || !strings.Contains(got, "/uploads/2019/03/papers.pdf#page=1") {
		t.Errorf("the papers are not found: %s", got)
	}
	if got := d.run(done, "search", "--json", "body:04V", "audiology"); !strings.Contains(got, "annual-report") || !strings.Contains(got, `"nhs-west-leicestershire-ccg"`) {
		t.Errorf("not found by the code of the group: %s", got)
	}
	if got := d.run(done, "search", "--until", "2020-01-01", "--json", "phlebotomy"); strings.Contains(got, "meeting/") {
		t.Errorf("found before its day: %s", got)
	}
	if got := d.run(done, "sources", "--all", "04V"); !strings.Contains(got, "soar-valley-ccg") || !strings.Contains(got, "llr-icb") {
		t.Errorf("the group and the board that took over from it: %s", got)
	}

	// Silent: no news, no findings but among all, no mail, not even in the digest.
	if got := d.run(done, "findings", "--json"); got != before {
		t.Errorf("findings are told:\n%s", firstDifference(before, got))
	}
	if got := d.run(done, "findings", "--all", "--json"); !strings.Contains(got, "wheelchair") || !strings.Contains(got, "phlebotomy") {
		t.Errorf("the papers were not judged: %s", got)
	}
	if got := d.run(done, "changes", "--json", "--source", "soar-valley-ccg"); got != "" {
		t.Errorf("news: %s", got)
	}
	for _, when := range []string{"2026-09-21T09:00:00+01:00", "2026-09-22T09:00:00+01:00", "2026-09-25T09:00:00+01:00"} { // the days and the Friday
		d.run(done, "send", "--as-of="+when)
	}
	for _, m := range messages(t, d) {
		if strings.Contains(m, "wheelchair") || strings.Contains(m, "phlebotomy") || strings.Contains(strings.ToLower(m), "soar valley") {
			t.Errorf("somebody was told:\n%s", m)
		}
	}
	if got := d.run(done, "status"); strings.Contains(got, "soar-valley") {
		t.Errorf("it is followed now: %s", got)
	}

	// Again: nothing new, and what was read is not asked for again.
	papers, pages := a.count("/03/papers.pdf"), a.count("/meeting/12-march-2019/")
	log := []string{"changes", "--all", "--json", "--source", "soar-valley-ccg"} // elsewhere days fall due meanwhile
	all := d.run(done, log...)
	if out = d.run(done, "crawl", "soar-valley-ccg", "--since", "2019-01-01", "--as-of=2026-10-05T08:00:00+01:00"); !strings.Contains(out, "0 added, 0 amended, 0 gone") {
		t.Errorf("the second time: %s", out)
	}
	if diff := cmp.Diff(archivedRecord, archivedItems(t, d, a)); diff != "" {
		t.Errorf("the record after the second time (-want +got):\n%s", diff)
	}
	if got := d.run(done, log...); got != all || strings.Count(all, "\n") != 6 {
		t.Errorf("the log grew:\n%s", firstDifference(all, got))
	}
	if a.count("/03/papers.pdf") != papers || a.count("/meeting/12-march-2019/") != pages {
		t.Error("what was read was asked for again")
	}

	// What was left out of the time asked for comes with a longer one.
	if out = d.run(done, "crawl", "soar-valley-ccg", "--since", "2018-01-01", "--as-of=2026-10-06T08:00:00+01:00"); !strings.Contains(out, "1 added, 0 amended, 0 gone") || a.count("/2018/11/papers.pdf") == 0 {
		t.Errorf("a longer time: %s", out)
	}
}

// Killed in the middle, the same command goes on with what is left, and ends in
// what nobody disturbed would have.
func TestABackfillGoesOnAfterAKill(t *testing.T) {
	if underRace {
		t.Skip("what is killed here is another process: the detector only slows it down")
	}
	a := newWebArchive(t)
	d := archiveDesk(t, a)
	args := []string{"crawl", "soar-valley-ccg", "--since", "2019-01-01", "--as-of=2026-09-21T08:00:00+01:00"}
	a.stall = "/2020/09/papers.pdf"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data")}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-a.stuck
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	read := a.count("/2019/03/papers.pdf")
	if read == 0 || a.count("/2022/03/papers.pdf") != 0 {
		t.Fatal("it was not killed in the middle")
	}

	out := d.run(done, args...)
	if !strings.Contains(out, "5 added, 0 amended, 0 gone") {
		t.Errorf("one meeting was there, five are not: %s", out)
	}
	if diff := cmp.Diff(archivedRecord, archivedItems(t, d, a)); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	if a.count("/2019/03/papers.pdf") != read {
		t.Error("papers that were kept were asked for again")
	}
}

// An address in an archive is recognised by what stood there, written down
// switched off, and read on request.
func TestAddTakesAnAddressInAnArchive(t *testing.T) {
	a := newWebArchive(t)
	d := newDesk(t, replayConfig)
	d.shareCompiled()
	now := "--as-of=2026-09-21T08:00:00+01:00"
	out := d.run(done, "add", a.URL+"/ukgwa/20220630120000/https://www.soar-valley-ccg.example/about/governing-body/meetings/", "--body", "04V", "--yes", now)
	for _, want := range []string{"Recognised as boards", "in an archive of the web", "8 Mar 2022", "is not looked at again", "Written, switched off", "ccgwatch crawl soar-valley-ccg-example-archived --since"} {
		if !strings.Contains(out, want) {
			t.Errorf("add does not say %q:\n%s", want, out)
		}
	}
	if got := d.run(done, "sources"); strings.Contains(got, "soar-valley") {
		t.Errorf("it is followed: %s", got)
	}
	if got := d.run(done, "crawl", "soar-valley-ccg-example-archived", "--since", "2019-01-01", now); !strings.Contains(got, "6 added") || !strings.Contains(got, "(silent:") {
		t.Errorf("it is not read: %s", got)
	}
	if got := d.run([]int{exitUsage}, "crawl", "soar-valley-ccg-example-archived", now); got != "" {
		t.Errorf("without a time it was read: %s", got)
	}
}
