package crawl_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// shelf is an archive in memory.
type shelf struct {
	bytes map[string][]byte
	text  map[string][]string
}

func (s *shelf) Keep(_ context.Context, r io.Reader) (string, int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", 0, errors.New("keep: " + err.Error()) // an archive may forget what kind of error it was
	}
	h := sha256.Sum256(b)
	sha := hex.EncodeToString(h[:])
	s.bytes[sha] = b
	return sha, int64(len(b)), nil
}

func (s *shelf) Open(_ context.Context, sha string) (io.ReadCloser, error) {
	b, ok := s.bytes[sha]
	if !ok {
		return nil, store.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *shelf) KeepText(_ context.Context, sha string, pages []string) error {
	s.text[sha] = pages
	return nil
}

func (s *shelf) Text(_ context.Context, sha string) ([]string, error) {
	if p, ok := s.text[sha]; ok {
		return p, nil
	}
	return nil, store.ErrNotFound
}

// library is one meeting with one paper, visited again and again.
type library struct {
	t       *testing.T
	c       *crawl.Crawler
	shelf   *shelf
	src     crawl.Source
	old     store.Snapshot
	now     time.Time
	answer  func(r *http.Request, n int) *http.Response // of /p.pdf
	asked   []string                                    // If-None-Match of each look
	read    int                                         // texts read
	unread  error                                       // why they cannot be
	meeting time.Time
}

const paper = "%PDF-1.4\none\ftwo\n%%EOF\n"

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{t: t, now: day, meeting: day.Add(10 * 24 * time.Hour), shelf: &shelf{map[string][]byte{}, map[string][]string{}}}
	l.old.Items = map[string]store.Item{}
	n := 0
	fetch := &crawl.Fetcher{UserAgent: agent, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		switch r.URL.Path {
		case "/robots.txt":
			return answer(404, ""), nil
		case "/list":
			return answer(200, "<p>a list"), nil
		}
		n++
		l.asked = append(l.asked, r.Header.Get("If-None-Match"))
		if a := l.answer(r, n); a != nil {
			return a, nil
		}
		return nil, errors.New("connection reset by peer")
	})}
	l.c = &crawl.Crawler{Fetch: fetch, Archive: l.shelf, Read: func(_ context.Context, r io.Reader) ([]string, error) {
		l.read++
		if l.unread != nil {
			return nil, l.unread
		}
		b, err := io.ReadAll(r)
		return strings.Split(string(b), "\f"), err
	}}
	l.src = source("a.example")
	l.src.Whole = true
	l.src.Plan = func(crawl.Visit) []crawl.Request {
		return []crawl.Request{{URL: "https://a.example/list", Parse: func(p *crawl.Page) error {
			p.Add(store.Item{
				Key: "meeting/1", Title: "Board", Fields: map[string]string{store.FieldWhen: l.meeting.Format(time.RFC3339)},
				Documents: []store.Document{{Key: "document/1", Title: "Pack", URL: "https://a.example/p.pdf", Role: store.RolePack}},
			})
			return nil
		}}}
	}
	return l
}

// visit crawls now and returns the paper as it then stands, and the problems.
func (l *library) visit() (store.Document, []store.Problem) {
	l.t.Helper()
	var got store.Sighting
	if _, err := l.c.Visit(l.t.Context(), l.src, crawl.Visit{Now: l.now, Old: l.old}, func(s store.Sighting) error { got = s; return nil }); err != nil {
		l.t.Fatal(err)
	}
	for _, it := range got.Items {
		l.old.Items[it.Key] = it
	}
	return got.Items[0].Documents[0], got.Problems
}

func pdf(body, etag string) *http.Response {
	h := []string{"Content-Type", "application/pdf"}
	if etag != "" {
		h = append(h, "ETag", etag)
	}
	a := answer(200, body)
	a.Header = http.Header{}
	for i := 0; i < len(h); i += 2 {
		a.Header.Set(h[i], h[i+1])
	}
	return a
}

func sha(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// The life of a paper: read, unchanged, replaced under the same address, gone
// behind a soft 404, and back.
func TestPaper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		body, etag := paper, `"1"`
		l.answer = func(r *http.Request, _ int) *http.Response {
			if r.Header.Get("If-None-Match") == etag {
				return answer(304, "")
			}
			return pdf(body, etag)
		}
		d, problems := l.visit()
		want := store.Document{Key: "document/1", Title: "Pack", URL: "https://a.example/p.pdf", Role: store.RolePack,
			SHA256: sha(paper), Pages: 2, Size: int64(len(paper)), ETag: `"1"`, Fetched: day}
		if diff := cmp.Diff(want, d); diff != "" || len(problems) > 0 {
			t.Errorf("first read: %v (-want +got):\n%s", problems, diff)
		}
		l.now = l.now.Add(time.Hour)
		if d, _ = l.visit(); len(l.asked) != 1 || !d.Fetched.Equal(day) {
			t.Errorf("looked at again after an hour: %q", l.asked)
		}
		l.now = day.Add(24 * time.Hour)
		want.Fetched = l.now
		if d, _ = l.visit(); cmp.Diff(want, d) != "" || l.asked[1] != `"1"` || l.read != 1 {
			t.Errorf("unchanged: %+v, asked %q, read %d times", d, l.asked, l.read)
		}

		body, etag = strings.Replace(paper, "two", "two\fthree", 1), `"2"`
		l.now = l.now.Add(24 * time.Hour)
		want.SHA256, want.Size, want.Pages, want.ETag, want.Fetched = sha(body), int64(len(body)), 3, `"2"`, l.now
		if d, _ = l.visit(); cmp.Diff(want, d) != "" {
			t.Errorf("replaced (-want +got):\n%s", cmp.Diff(want, d))
		}

		good := body
		body, etag = "<!DOCTYPE html><html><title>Page not found", `"3"`
		l.now = l.now.Add(24 * time.Hour)
		gone := l.now
		d, problems = l.visit()
		if d.SHA256 != sha(good) || d.Pages != 3 || d.ETag != `"2"` || d.Failed == "" || d.FailedReason != string(store.ReasonMissing) || !d.FailedAt.Equal(gone) {
			t.Errorf("soft 404: %+v", d)
		}
		if len(problems) != 1 || problems[0].Reason != store.ReasonMissing || problems[0].What != "paper: Pack" || !problems[0].Since.Equal(gone) {
			t.Errorf("soft 404: %+v", problems)
		}
		l.now = l.now.Add(time.Hour)
		if _, problems = l.visit(); len(problems) != 1 {
			t.Errorf("a problem is one until it is gone: %+v", problems)
		}
		l.now = l.now.Add(24 * time.Hour)
		if d, problems = l.visit(); !d.FailedAt.Equal(gone) || !problems[0].Since.Equal(gone) {
			t.Errorf("failing since %s, want %s", d.FailedAt, gone)
		}

		body, etag = good, `"2"`
		l.now = l.now.Add(24 * time.Hour)
		if d, problems = l.visit(); d.Failed != "" || d.FailedReason != "" || !d.FailedAt.IsZero() || d.SHA256 != sha(good) || len(problems) > 0 {
			t.Errorf("back again: %+v %v", d, problems)
		}
		if l.read != 2 {
			t.Errorf("%d texts read, want 2", l.read)
		}
	})
}

// A text that could not be read is tried again although the paper did not
// change: a 304 does not make it read.
func TestPaperUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		l.answer = func(r *http.Request, _ int) *http.Response {
			if r.Header.Get("If-None-Match") != "" {
				return answer(304, "")
			}
			return pdf(paper, `"1"`)
		}
		l.unread = errors.New("out of memory")
		for range 2 {
			d, problems := l.visit()
			if d.SHA256 != sha(paper) || d.Pages != 0 || d.Failed == "" || len(problems) != 1 || !d.FailedAt.Equal(day) {
				t.Errorf("%+v %v", d, problems)
			}
			l.now = l.now.Add(24 * time.Hour)
		}
		l.unread = nil
		if d, problems := l.visit(); d.Pages != 2 || d.Failed != "" || len(problems) > 0 {
			t.Errorf("%+v %v", d, problems)
		}
	})
}

func TestPaperFaults(t *testing.T) {
	cut := func(body string) *http.Response {
		a := pdf(body, "")
		a.ContentLength += 1000
		return a
	}
	half := paper[:len(paper)-8]
	tests := []struct {
		name   string
		answer func(n int) *http.Response
		tries  int
		sha    string
		reason store.Reason
	}{
		{"cut, then whole", func(n int) *http.Response {
			if n == 1 {
				return cut(half)
			}
			return pdf(paper, "")
		}, 2, sha(paper), ""},
		{"cut each time", func(int) *http.Response { return cut(half) }, 3, "", store.ReasonTruncated},
		{"half of it with a good length, then whole", func(n int) *http.Response {
			if n == 1 {
				return pdf(half, "")
			}
			return pdf(paper, "")
		}, 2, sha(paper), ""},
		{"without an end, and so published", func(int) *http.Response { return pdf(half, "") }, 2, sha(half), ""},
		{"another half each time", func(n int) *http.Response { return pdf(paper[:len(paper)-10+n], "") }, 3, "", store.ReasonTruncated},
		{"rubbish after the end", func(int) *http.Response { return pdf(paper+strings.Repeat("\x00", 1000), "") }, 1, sha(paper + strings.Repeat("\x00", 1000)), ""},
		{"an office document", func(int) *http.Response { return pdf("PK\x03\x04...PK\x05\x06...", "") }, 1, sha("PK\x03\x04...PK\x05\x06..."), ""},
		{"an old one", func(int) *http.Response { return pdf("\xd0\xcf\x11\xe0...", "") }, 1, sha("\xd0\xcf\x11\xe0..."), ""},
		{"empty", func(int) *http.Response { return pdf("", "") }, 1, "", store.ReasonEmpty},
		{"something else", func(int) *http.Response { return pdf("GIF89a", "") }, 1, "", store.ReasonFormat},
		{"404", func(int) *http.Response { return answer(404, "") }, 1, "", store.ReasonMissing},
		{"403", func(int) *http.Response { return answer(403, "") }, 1, "", store.ReasonRefused},
		{"500 and then well", func(n int) *http.Response {
			if n == 1 {
				return answer(500, "")
			}
			return pdf(paper, "")
		}, 2, sha(paper), ""},
		{"too large", func(int) *http.Response { return pdf("%PDF-"+strings.Repeat("x", 2000), "") }, 1, "", store.ReasonTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(t)
				l.c.Fetch.MaxPaper = 1500
				l.answer = func(_ *http.Request, n int) *http.Response { return tt.answer(n) }
				d, problems := l.visit()
				if d.SHA256 != tt.sha || d.FailedReason != string(tt.reason) || (tt.reason != "") != (len(problems) == 1) {
					t.Errorf("%+v, problems %v", d, problems)
				}
				if len(l.asked) != tt.tries {
					t.Errorf("asked %d times, want %d", len(l.asked), tt.tries)
				}
				if tt.reason != "" && !strings.Contains(d.Failed, "https://a.example/p.pdf") {
					t.Errorf("the failure does not say where: %s", d.Failed)
				}
			})
		})
	}
}

// A preview reads no papers but forgets none either.
func TestPreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		l.answer = func(*http.Request, int) *http.Response { return pdf(paper, `"1"`) }
		l.visit()
		l.c.Archive = nil
		l.now = l.now.Add(48 * time.Hour)
		if d, _ := l.visit(); d.SHA256 != sha(paper) || len(l.asked) != 1 {
			t.Errorf("%+v, asked %d times", d, len(l.asked))
		}
	})
}
