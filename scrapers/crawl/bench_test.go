package crawl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"ccgwatch/scrapers/crawl"
)

// A page of 30 KB through the whole chain: address, robots.txt, lane, guard,
// socket, gzip, caps, colly, encoding; with the raw answer kept, and with a 304.
func BenchmarkGet(b *testing.B) {
	page := []byte("<html><title>Agenda</title>" + strings.Repeat("<p>To consider the report of the Director of Public Health\u2019s team.\n", 430))
	zipped := packed(page)
	for _, kind := range []string{"plain", "raw", "304"} {
		b.Run(kind, func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/robots.txt":
					_, _ = io.WriteString(w, "User-agent: *\nDisallow: /private/\nDisallow: /*?print=\n")
				case kind == "304" && r.Header.Get("If-None-Match") != "":
					w.WriteHeader(http.StatusNotModified)
				default:
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
					w.Header().Set("Content-Encoding", "gzip")
					w.Header().Set("ETag", `"1"`)
					_, _ = w.Write(zipped)
				}
			}))
			defer server.Close()
			f := &crawl.Fetcher{UserAgent: agent, Delay: -1, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Log: slog.New(slog.DiscardHandler)}
			if kind != "plain" {
				f.RawDir = b.TempDir()
			}
			defer f.Close()
			src := crawl.Source{ID: "bench", Base: server.URL}
			b.SetBytes(int64(len(page)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				address := fmt.Sprint(server.URL, "/agenda/", n)
				if kind == "304" {
					address = server.URL + "/agenda"
				}
				a, err := f.Get(context.Background(), src, address, "")
				if err != nil {
					b.Fatal(err)
				}
				if !bytes.Equal(a.Body, page) {
					b.Fatal("another page")
				}
			}
		})
	}
}

// A board pack of 10 MB as a stream.
func BenchmarkDownload(b *testing.B) {
	pack := bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(pack)))
		_, _ = w.Write(pack)
	}))
	defer server.Close()
	f := &crawl.Fetcher{UserAgent: agent, Delay: -1, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	defer f.Close()
	src := crawl.Source{ID: "bench", Base: server.URL}
	b.SetBytes(int64(len(pack)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := f.Download(context.Background(), src, server.URL+"/pack.pdf", "", "")
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, d.Body); err != nil || n != int64(len(pack)) {
			b.Fatal(n, err)
		}
		_ = d.Body.Close()
	}
}
