package boards_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/document"
	"ccgwatch/store"
)

// The child that reads papers is the test binary itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "read-document" {
		os.Exit(document.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// shelf is an archive in memory.
type shelf struct {
	bytes map[string][]byte
	text  map[string][]string
}

func (a *shelf) Keep(_ context.Context, r io.Reader) (string, int64, error) {
	b, err := io.ReadAll(r)
	sha := fmt.Sprintf("%x", sha256.Sum256(b))
	if err == nil {
		a.bytes[sha] = b
	}
	return sha, int64(len(b)), err
}

func (a *shelf) Open(_ context.Context, sha string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(a.bytes[sha])), nil
}

func (a *shelf) KeepText(_ context.Context, sha string, pages []string) error {
	a.text[sha] = pages
	return nil
}

func (a *shelf) Text(_ context.Context, sha string) ([]string, error) {
	if p, ok := a.text[sha]; ok {
		return p, nil
	}
	return nil, store.ErrNotFound
}

// replica runs the replica of the real sites, and returns its address.
func replica(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("CCGWATCH_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	replay, err := filepath.Abs(filepath.Join(shared, "replay"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(replay, "main.go")); err != nil {
		t.Skipf("SKIPPED: no replica of the sites: %v", err)
	}
	bin := filepath.Join(t.TempDir(), "replay")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Dir = replay
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the replica: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), bin, "-listen", "127.0.0.1:0", "-data", filepath.Join(replay, "data-dev"), "-rate", "off", "-clock", "2026-08-09T00:00:00")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	first, err := bufio.NewReader(out).ReadString('\n')
	i := strings.Index(first, "http://127.0.0.1:")
	if err != nil || i < 0 {
		t.Fatalf("the replica says %q, %v", first, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return strings.Fields(first[i:])[0]
}

// door leads every request for replica.example to the replica: its own
// address is one that no crawl may ask.
type door struct{ host string }

func (d door) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.Host, inner.URL.Host = r.URL.Host, d.host
	return http.DefaultTransport.RoundTrip(inner)
}

// event is one of the replica's.
type event struct {
	Source, Kind, Key, Detail string
	At                        time.Time
	Mentions                  []struct {
		Page int
		Text string
	}
}

func call(t *testing.T, method, address string, answer any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", address, resp.StatusCode, err)
	}
}

// A month of both sites, crawled every evening with the real engine and the
// real reader: what is found is what the replica knows to be there, day by day,
// and the planted sentences stand on their pages.
func TestReplica(t *testing.T) {
	base := replica(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	read := document.Reader{Command: []string{self, "read-document"}, CacheDir: t.TempDir()}
	for _, o := range []boards.Options{
		{ID: "icb", Base: "http://replica.example/icb", Page: "/about/board-meetings/", Layout: boards.TwoHop, Pace: time.Millisecond},
		{ID: "trust", Base: "http://replica.example/trust", Page: "/about/board/board-papers-and-meetings/", Layout: boards.Accordion, Pace: time.Millisecond},
	} {
		t.Run(o.ID, func(t *testing.T) {
			src, err := boards.Source(o)
			if err != nil {
				t.Fatal(err)
			}
			archive := &shelf{map[string][]byte{}, map[string][]string{}}
			c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: "ccgwatch-test/1", Transport: door{strings.TrimPrefix(base, "http://")}}, Archive: archive, Read: read.Read}
			old := store.Snapshot{Items: map[string]store.Item{}}
			for day := time.Date(2026, 8, 9, 17, 0, 0, 0, time.UTC); day.Before(time.Date(2026, 9, 9, 0, 0, 0, 0, time.UTC)); day = day.AddDate(0, 0, 1) {
				call(t, "POST", base+"/_clock?to="+day.Format(time.RFC3339), new(any))
				var seen store.Sighting
				_, err := c.Visit(t.Context(), src, crawl.Visit{Now: day, Old: old}, func(s store.Sighting) error {
					seen = s
					return nil
				})
				truth := truthOf(t, base, o.ID, day)
				if truth.redesigned {
					var e *crawl.Error
					if !errors.As(err, &e) || e.Reason != store.ReasonEmpty {
						t.Errorf("%s: %v, want the reason %q", day.Format(time.DateOnly), err, store.ReasonEmpty)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", day.Format(time.DateOnly), err)
				}
				for i, it := range seen.Items {
					if far := day.Sub(it.When()) > 60*24*time.Hour; it.Stub != (it.Kind == store.KindMeeting && far) {
						t.Errorf("%s: %s: stub %v", day.Format(time.DateOnly), it.Key, it.Stub)
					}
					if it.Stub { // it keeps what was known, as in store.Diff
						seen.Items[i] = old.Items[it.Key]
					}
					old.Items[it.Key] = seen.Items[i]
				}
				compare(t, day, truth, seen, archive)
			}
		})
	}
	var log struct {
		Sites map[string]struct {
			Violations []string `json:"robots_violations"`
		}
	}
	call(t, "GET", base+"/_log", &log)
	for name, s := range log.Sites {
		if len(s.Violations) > 0 {
			t.Errorf("%s: against robots.txt: %v", name, s.Violations)
		}
	}
}

// known is what the replica shows at a moment: its last events by key.
type known struct {
	meetings, documents map[string]event
	redesigned          bool
}

func truthOf(t *testing.T, base, source string, now time.Time) known {
	t.Helper()
	var answer struct{ Changes []event }
	call(t, "GET", base+"/_truth?from=2025-01-01T00:00:00Z&to="+now.Format(time.RFC3339)+"&source="+source, &answer)
	k := known{meetings: map[string]event{}, documents: map[string]event{}}
	for _, e := range answer.Changes {
		switch {
		case e.Kind == "page_links_removed":
			k.redesigned = true
		case strings.HasPrefix(e.Key, "meeting"):
			k.meetings[e.Key] = e
		case strings.HasPrefix(e.Key, "document"):
			k.documents[e.Key] = e
		}
	}
	return k
}

func compare(t *testing.T, day time.Time, truth known, seen store.Sighting, archive *shelf) {
	t.Helper()
	var meetings, documents []string
	for _, it := range seen.Items {
		if it.Kind == store.KindMeeting {
			meetings = append(meetings, it.Key)
			if it.When().Hour() != 10 {
				t.Errorf("%s: %s: when %s", day.Format(time.DateOnly), it.Key, it.Fields[store.FieldWhen])
			}
		}
		for _, d := range it.Documents {
			documents = append(documents, d.Key)
			e := truth.documents[d.Key]
			if day.Sub(it.When()) > 60*24*time.Hour && d.Pages == 0 {
				continue // too old to be read for the first time
			}
			gone := e.Kind == "document_removed"
			if gone && d.Failed == "" && day.Sub(e.At) < 7*24*time.Hour {
				continue // after its meeting a paper is looked at weekly
			}
			if gone != (d.Failed != "") || !gone && fmt.Sprint(d.Pages, " pages") != e.Detail {
				t.Errorf("%s: %s: %d pages, %q, the truth is %s, %s", day.Format(time.DateOnly), d.Key, d.Pages, d.Failed, e.Kind, e.Detail)
				continue
			}
			for _, m := range e.Mentions {
				if page := archive.text[d.SHA256][m.Page-1]; !strings.Contains(strings.Join(strings.Fields(page), " "), m.Text) {
					t.Errorf("%s: page %d of %s lacks %q:\n%s", day.Format(time.DateOnly), m.Page, d.Key, m.Text, page)
				}
			}
		}
	}
	sorted := func(m map[string]event) (keys []string) {
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return keys
	}
	slices.Sort(meetings)
	slices.Sort(documents)
	if diff := cmp.Diff(sorted(truth.meetings), meetings); diff != "" {
		t.Errorf("%s: meetings: %s", day.Format(time.DateOnly), diff)
	}
	if diff := cmp.Diff(sorted(truth.documents), documents); diff != "" {
		t.Errorf("%s: documents: %s", day.Format(time.DateOnly), diff)
	}
}
