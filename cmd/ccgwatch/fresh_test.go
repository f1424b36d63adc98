package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A page of papers that had been empty for a day came back from the site's
// backup, with its old date: the site said "not modified" to the date of the
// empty one, and the source stayed empty for good.
func TestPagePutBackWithItsOldDateIsReadAgain(t *testing.T) {
	const full = `<html><title>Papers</title><main><h1>Papers</h1><h2>Board</h2><h3>Thursday 1 October 2026</h3><a href="/a.pdf">Agenda</a></main></html>`
	type version struct {
		body string
		at   time.Time
	}
	written := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	var now atomic.Pointer[version]
	now.Store(&version{full, written})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/papers" {
			http.NotFound(w, r)
			return
		}
		v := now.Load()
		w.Header().Set("Content-Type", "text/html")
		http.ServeContent(w, r, "papers.html", v.at, strings.NewReader(v.body))
	}))
	defer srv.Close()
	d := newDesk(t, replayConfig+"[[source]]\nid = \"board\"\nplatform = \"boards\"\nlayout = \"accordion\"\npage = \"/papers\"\nbase = \""+srv.URL+"\"\n")
	d.run(done, "crawl", "--as-of", "2026-08-10")
	now.Store(&version{"<html><title>Papers</title><main><h1>Papers</h1><p>Our new site</p></main></html>", written.AddDate(0, 0, 9)})
	d.run([]int{exitFailed}, "crawl", "--as-of", "2026-08-11")
	now.Store(&version{full, written})
	d.run(done, "crawl", "--as-of", "2026-08-12")
	if out := d.run(done, "changes"); out != "" {
		t.Errorf("changes: %s", out)
	}
}
