package crawl

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/store"
)

// Half a page came with the ETag of the whole one. Asked whether anything had
// changed the site said no, and the half page was read again at every visit, for
// weeks.
func TestASpoiledAnswerIsNotReadAgainFromWhatWeKeep(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f := &Fetcher{UserAgent: "test", RawDir: dir, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			status, body := 404, ""
			if r.URL.Path != "/robots.txt" {
				asked++
				switch {
				case r.Header.Get("If-None-Match") == `"v1"`:
					status = 304
				case asked == 1:
					status, body = 200, "<html><p>half"
				default:
					status, body = 200, "<html><p>whole</html>"
				}
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/html"}, "Etag": {`"v1"`}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
		})}
		defer f.Close()
		src := Source{ID: "s", Base: "http://site.example", Whole: true, Plan: func(Visit) []Request {
			return []Request{{URL: "http://site.example/list", Accept: "text/html", Parse: func(p *Page) error {
				if !bytes.Contains(p.Body, []byte("</html>")) {
					return errors.New("the page has no end")
				}
				p.Add(store.Item{Key: "k", Title: "whole"})
				return nil
			}}}
		}}
		visit := func() error {
			time.Sleep(24 * time.Hour)
			_, err := (&Crawler{Fetch: f}).Visit(t.Context(), src, Visit{Now: time.Now()}, func(store.Sighting) error { return nil })
			return err
		}
		if visit() == nil {
			t.Fatal("half a page was believed")
		}
		if err := visit(); err != nil {
			t.Errorf("the day after: %v", err)
		}
		before := asked
		if err := visit(); err != nil || asked != before+1 {
			t.Errorf("and then: %v, %d requests", err, asked-before)
		}
	})
}
