package crawl_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// files lists what is kept, relative to the directory.
func files(t *testing.T, dir string) (out []string, size int64) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, filepath.ToSlash(rel))
			size += info.Size()
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v", rel, info.Mode())
			}
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out, size
}

// H10: validators are sent only with an answer in hand, and a 304 gives it back
// as if it had come anew.
func TestConditional(t *testing.T) {
	now := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	var asked http.Header
	etag, body := `"one"`, "<p>The Council\x92s papers"
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/robots.txt" {
			return answer(404, ""), nil
		}
		asked = r.Header.Clone()
		if etag != "" && r.Header.Get("If-None-Match") == etag {
			return answer(304, "", "ETag", etag), nil
		}
		a := answer(200, body)
		a.Header = http.Header{"Content-Type": {"text/html; charset=windows-1252"}, "Content-Encoding": {"gzip"}}
		if etag != "" {
			a.Header.Set("ETag", etag)
			a.Header.Set("Last-Modified", "Mon, 10 Aug 2026 08:00:00 GMT")
		}
		z := packed([]byte(body))
		a.Body, a.ContentLength = io.NopCloser(bytes.NewReader(z)), int64(len(z))
		return a, nil
	})
	fetcher := func() *crawl.Fetcher { // a new process
		return &crawl.Fetcher{UserAgent: agent, Delay: -1, Transport: transport, RawDir: dir, Now: func() time.Time { return now }}
	}
	get := func(f *crawl.Fetcher, accept string) *crawl.Answer {
		t.Helper()
		a, err := f.Get(t.Context(), source("a.example"), "https://a.example/list", accept)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := get(fetcher(), "")
	if asked.Get("If-None-Match") != "" || a.Stored {
		t.Errorf("nothing held, and asked with %v", asked)
	}
	now = now.Add(3 * 24 * time.Hour)
	b := get(fetcher(), "")
	if asked.Get("If-None-Match") != etag || asked.Get("If-Modified-Since") == "" || !b.Stored {
		t.Errorf("held, and asked with %v", asked)
	}
	if string(b.Body) != "<p>The Council\u2019s papers" || string(a.Body) != string(b.Body) || b.Header.Get("Content-Type") != a.Header.Get("Content-Type") {
		t.Errorf("the stored answer differs: %q, %q", a.Body, b.Body)
	}
	if get(fetcher(), "text/calendar"); asked.Get("If-None-Match") != "" {
		t.Error("an answer of another type was taken for held")
	}
	etag, body = `"two"`, "<p>new"
	if a = get(fetcher(), ""); string(a.Body) != "<p>new" || a.Stored {
		t.Errorf("changed: %q", a.Body)
	}
	// A held answer that is damaged is not held.
	kept, _ := files(t, dir)
	for _, name := range kept {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b[:len(b)-9], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if get(fetcher(), ""); asked.Get("If-None-Match") != "" {
		t.Error("asked with the validators of a damaged file")
	}
	// After a fortnight it is fetched anew, whatever the site says.
	now = now.Add(15 * 24 * time.Hour)
	if get(fetcher(), ""); asked.Get("If-None-Match") != "" {
		t.Error("asked with the validators of an answer that is too old")
	}
	etag = ""
	now = now.Add(time.Hour)
	get(fetcher(), "")
	now = now.Add(time.Hour)
	if get(fetcher(), ""); asked.Get("If-None-Match") != "" || asked.Get("If-Modified-Since") != "" {
		t.Error("validators out of nowhere")
	}
}

// What is kept can be read again, is dated, pruned by age and bounded in size.
func TestRawAnswers(t *testing.T) {
	now := time.Date(2026, 8, 10, 23, 30, 0, 0, time.UTC)
	dir := t.TempDir()
	body := "first"
	f := &crawl.Fetcher{
		UserAgent: agent, Delay: -1, RawDir: dir, RawMax: 50_000, Now: func() time.Time { return now },
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			switch r.URL.Path {
			case "/robots.txt":
				return answer(404, ""), nil
			case "/missing":
				return answer(404, "sorry"), nil
			case "/big":
				return answer(200, body), nil
			}
			return answer(200, body), nil
		}),
	}
	get := func(path string) {
		_, err := f.Get(t.Context(), crawl.Source{ID: "x", Base: "https://a.example:8443/"}, "https://a.example:8443"+path, "")
		if (path == "/missing") != (err != nil) {
			t.Fatal(err)
		}
	}
	get("/list")
	get("/list") // the same again is kept once
	get("/missing")
	kept, _ := files(t, dir)
	if len(kept) != 1 || !strings.HasPrefix(kept[0], "_a.example_8443/2026-08-10/") {
		t.Fatalf("kept %q", kept)
	}
	file, err := os.Open(filepath.Join(dir, kept[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	meta, text, _ := strings.Cut(string(b), "\n")
	if text != "first" || !strings.Contains(meta, `"URL":"https://a.example:8443/list"`) || !strings.Contains(meta, `"Time":"2026-08-10T23:30:00Z"`) || !strings.Contains(meta, `"Status":200`) {
		t.Errorf("%s | %s", meta, text)
	}
	body = "second"
	get("/list") // another the same day: both are kept
	if kept, _ = files(t, dir); len(kept) != 2 {
		t.Errorf("kept %q", kept)
	}
	// Nothing that is not ours is touched.
	mine := filepath.Join(dir, "2020-01-01")
	if err := os.MkdirAll(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mine, "letter.txt"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(14 * 24 * time.Hour)
	get("/list")
	if err := f.Prune(now); err != nil {
		t.Fatal(err)
	}
	if kept, _ = files(t, dir); len(kept) != 4 {
		t.Errorf("after 14 days: %q", kept)
	}
	now = now.Add(24 * time.Hour)
	if err := f.Prune(now); err != nil {
		t.Fatal(err)
	}
	if kept, _ = files(t, dir); len(kept) != 2 || kept[0] != "2020-01-01/letter.txt" {
		t.Errorf("after 15 days: %q", kept)
	}
	for i := range 200 {
		body = random(i)
		now = now.Add(time.Hour)
		get("/big")
	}
	if _, size := files(t, dir); size > 50_000 || size < 40_000 {
		t.Errorf("%d bytes kept, want at most 50,000 and not much less", size)
	}
}

// random is a text that does not pack well, another for each n.
func random(n int) string {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "%x\n", sha256.Sum256(fmt.Append(nil, n, i)))
	}
	return b.String()
}

// A full or missing disk costs the raw answers and nothing else.
func TestRawAnswersFail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := &served{answer: site("", hello)}
	f := &crawl.Fetcher{UserAgent: agent, Delay: -1, RawDir: dir, Transport: s, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := f.Get(t.Context(), source("a.example"), "https://a.example/", ""); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "could not keep a raw answer") {
		t.Errorf("log: %s", log.String())
	}
}

// Papers: validators are the caller's.
func TestDownloadConditional(t *testing.T) {
	f := &crawl.Fetcher{UserAgent: agent, Delay: -1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		switch {
		case r.URL.Path == "/robots.txt":
			return answer(404, ""), nil
		case r.URL.Path == "/liar", r.Header.Get("If-None-Match") == `"x"`, r.Header.Get("If-Modified-Since") != "":
			a := answer(304, "")
			a.ContentLength = 5000 // some state the length of what they do not send
			return a, nil
		}
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
		}
		return answer(200, "%PDF-1.4", "ETag", `"x"`), nil
	})}
	get := func(path, etag, modified string) (*crawl.Download, error) {
		return f.Download(t.Context(), source("a.example"), "https://a.example"+path, etag, modified)
	}
	d, err := get("/p.pdf", "", "")
	if err != nil || d.NotModified || d.Header.Get("ETag") != `"x"` {
		t.Fatalf("%+v, %v", d, err)
	}
	if b, err := io.ReadAll(d.Body); err != nil || string(b) != "%PDF-1.4" {
		t.Errorf("%q, %v", b, err)
	}
	_ = d.Body.Close()
	for _, v := range [][2]string{{`"x"`, ""}, {"", "Mon, 10 Aug 2026 08:00:00 GMT"}} {
		if d, err = get("/p.pdf", v[0], v[1]); err != nil || !d.NotModified || d.Body == nil {
			t.Errorf("%q: %+v, %v", v, d, err)
		}
	}
	_, err = get("/liar", "", "")
	wantReason(t, err, store.ReasonFormat)
}
