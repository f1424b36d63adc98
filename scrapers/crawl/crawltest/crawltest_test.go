package crawltest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl/crawltest"
)

func TestSite(t *testing.T) {
	site := crawltest.Open(txtar.Parse([]byte(`A comment.
-- https://a.example/ --
<p>hello
-- https://a.example/gone --
HTTP 410
-- https://a.example/old --
HTTP 301 Moved
Location: /new
X-Two:  words

-- https://a.example/data?x=1&y=2 --
{"a": 1}
-- https://a.example/turns --
first
-- https://a.example/turns --
second
-- https://a.example/never --
x
-- want --
not a page
`)))
	client := &http.Client{Transport: site, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var got []string
	for _, u := range []string{
		"https://a.example", "https://a.example/gone", "https://a.example/old", "https://a.example/data?x=1&y=2",
		"https://a.example/turns", "https://a.example/turns", "https://a.example/turns",
		"https://a.example/robots.txt", "https://a.example/absent",
	} {
		resp, err := client.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		got = append(got, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"), resp.Header.Get("Location"), resp.Header.Get("X-Two"), " ", strings.TrimSpace(string(b))))
	}
	want := []string{
		"200 text/html; charset=utf-8 <p>hello",
		"410 text/html; charset=utf-8 ",
		"301 text/html; charset=utf-8/newwords ",
		`200 application/json {"a": 1}`,
		"200 text/html; charset=utf-8 first",
		"200 text/html; charset=utf-8 second",
		"200 text/html; charset=utf-8 second",
		"404 text/plain the fixture has no page https://a.example/robots.txt",
		"404 text/plain the fixture has no page https://a.example/absent",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answers (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"https://a.example/never"}, site.Unasked()); d != "" {
		t.Errorf("unasked (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"https://a.example/absent"}, site.Missing()); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	if n := len(site.Asked()); n != 9 {
		t.Errorf("asked %d times, want 9", n)
	}
}
