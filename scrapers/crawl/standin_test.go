package crawl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccgwatch/store"
)

func standInOf(t testing.TB, body string) error {
	t.Helper()
	p, err := NewPage("https://x.example/p", nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p.StandIn()
}

// What stands in place of a page is told by its title, its heading, or by being
// all there is; an ordinary page may speak of the same things.
func TestStandIn(t *testing.T) {
	long := "<p>" + strings.Repeat("The board met in public and took the papers as read. ", 30) + "</p>"
	for name, c := range map[string]struct {
		body string
		want store.Reason
	}{
		"not found in the heading":     {"<h1>404 - Page not found</h1>" + long, store.ReasonMissing},
		"not found in the title":       {"<title>Sorry, we can't find that page</title>" + long, store.ReasonMissing},
		"log-in in the title":          {"<title>Log in | Exampleshire</title>" + long, store.ReasonRefused},
		"a password and nothing else":  {"<form><input type=password></form>", store.ReasonRefused},
		"maintenance and nothing else": {"<p>This site is under essential maintenance.</p>", store.ReasonServer},
		"a critical error":             {"<span>A critical error has occurred.</span>", store.ReasonServer},
		"a script's way":               {"<script>top.location='/x'</script>", store.ReasonFormat},

		"papers about maintenance":   {"<h1>Estates papers</h1><a href=x.pdf>Essential maintenance of boilers</a>" + long, ""},
		"a heading about work":       {"<h1>Estates maintenance strategy 2026</h1>" + long, ""},
		"a log-in at the top":        {"<form><input type=password></form><h1>Board papers</h1>" + long, ""},
		"a script that counts":       {"<script>ga('send', document.location.href)</script><h1>Papers</h1>" + long, ""},
		"a committee on errors":      {"<title>Medication error review</title><h1>Medication error review group</h1>" + long, ""},
		"an access and denied theme": {"<h1>Access to services</h1>" + long, ""},
		"an empty page":              {"<html><body></body></html>", ""},
	} {
		err := standInOf(t, c.body)
		if (err == nil) != (c.want == "") || err != nil && ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// The recorded error page of a real site, where it is at hand.
func TestRecordedStandIn(t *testing.T) {
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	for name, want := range map[string]store.Reason{"leeds_sharepoint_error.head.html": store.ReasonServer, "denbighshire_js_https_redirect.html": store.ReasonFormat} {
		b, err := os.ReadFile(filepath.Join(dir, "data", "councils", "failures", name))
		if err != nil {
			t.Skipf("SKIPPED, NOT CHECKED: %v", err)
		}
		if err := standInOf(t, string(b)); err == nil || ReasonOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Half a page with its end missing is known as such, a fragment is not.
func TestEnds(t *testing.T) {
	for body, whole := range map[string]bool{
		"<!DOCTYPE html><HTML><body><p>x</p></body></HTML>": true, "<html><body><p>half": false, "<p>a fragment": true, "<html><p>x</p></body>": true,
	} {
		p, err := NewPage("https://x.example/p", nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Ends(); (err == nil) != whole || err != nil && ReasonOf(err) != store.ReasonTruncated {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func FuzzStandIn(f *testing.F) {
	f.Add("<html><head><title>Page not found</title></head><body><h1>x</h1></body></html>")
	f.Add("<body><script>window.location='x'</script></body>")
	f.Fuzz(func(t *testing.T, body string) { _ = standInOf(t, body) })
}

func BenchmarkStandIn(b *testing.B) {
	body := "<html><head><title>Board papers</title></head><body><h1>Board papers</h1>" + strings.Repeat("<p>Some text of a page. <a href=x>Link</a></p>", 500) + "</body></html>"
	for b.Loop() {
		_ = standInOf(b, body)
	}
}
