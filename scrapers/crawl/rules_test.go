package crawl

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRobotsRules(t *testing.T) {
	tests := []struct {
		name, robots string
		allowed      string // paths
		disallowed   string
	}{
		{"nothing", "", "/ /a", ""},
		{"everything", "User-agent: *\nDisallow: /", "/robots.txt", "/ /a"},
		{"a prefix", "User-agent: *\nDisallow: /private", "/ /priv /Private", "/private /private/x /privateer"},
		{"an empty rule is none", "User-agent: *\nDisallow:\nDisallow: /a", "/", "/a"},
		{"the longest wins", "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c", "/a/b /a/b/d", "/a /a/x /a/b/c"},
		{"in any order", "User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/b", "/a/x"},
		{"of equals the one that allows", "User-agent: *\nDisallow: /a\nAllow: /a", "/a", ""},
		{"star and end", "User-agent: *\nDisallow: /*.pdf$", "/a.pdf?x=1 /a.pdfx /pdf", "/a.pdf /b/c.pdf"},
		{"star in the middle", "User-agent: *\nDisallow: /a/*/c", "/a/c /a/b", "/a/b/c /a/b/d/cx"},
		{"star at the end says nothing", "User-agent: *\nDisallow: /a*", "/b", "/a /ab"},
		{"feeds of Alaveteli", "User-agent: *\nDisallow: */feed/*", "/feed", "/feed/body/x /en/feed/body/x"},
		{"query", "User-agent: *\nDisallow: /*?page=", "/list /list?x=1", "/list?page=2"},
		{"a literal dollar", "User-agent: *\nDisallow: /a$b", "/a", "/a$b /a$bc"},
		{"a literal star is escaped", "User-agent: *\nDisallow: /a%2Ab", "/axb", "/a*b /a%2ab"},
		{"escapes are compared as bytes", "User-agent: *\nDisallow: /caf\u00e9\nDisallow: /%7Ejo", "/caf", "/caf%C3%A9 /caf%c3%a9 /~jo /%7ejo"},
		{"a reserved character stays escaped", "User-agent: *\nDisallow: /a%2Fb", "/a/b", "/a%2fb"},
		{"our own group instead of the others", "User-agent: *\nDisallow: /\n\nUser-agent: CCGWatch\nDisallow: /x", "/ /a", "/x"},
		{"with a version", "User-agent: ccgwatch/1.0\nDisallow: /x", "/", "/x"},
		{"no prefix of our name", "User-agent: ccg\nDisallow: /\n\nUser-agent: ccgwatcher\nDisallow: /", "/", ""},
		// Empty lines do not part groups: this is one group of two names.
		{"two names and an empty line between", "User-agent: ccgwatch\n\nUser-agent: *\nDisallow: /x", "/", "/x"},
		{"an empty group of our own", "User-agent: ccgwatch\nDisallow:\n\nUser-agent: *\nDisallow: /", "/ /a", ""},
		{"groups of the same name are one", "User-agent: ccgwatch\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n\nuser-agent: ccgwatch\nDisallow: /b", "/c", "/a /b"},
		{"several names head a group", "User-agent: other\nUser-agent: ccgwatch\nDisallow: /a", "/", "/a"},
		{"other records do not part a group", "User-agent: *\nSitemap: https://a.example/s.xml\nDisallow: /a", "/", "/a"},
		{"rules before any group are nobody's", "Disallow: /\nUser-agent: *\nDisallow: /a", "/", "/a"},
		{"comments and spaces", " user-AGENT :\t* # all\n  disallow : /a # not this\n#Disallow: /b", "/b", "/a"},
		{"carriage returns only", "User-agent: *\rDisallow: /a\rDisallow: /b", "/", "/a /b"},
		{"byte order mark", "\ufeffUser-agent: *\r\nDisallow: /a\r\n", "/", "/a"},
		{"without the slash", "User-agent: *\nDisallow: a", "/", "/a"},
		{"a web page", "<!DOCTYPE html><title>Not found</title>\nUser-agent: *\nDisallow: /\n", "/ /a", ""},
		{"a web page after a blank", "\n  <html>\nUser-agent: *\nDisallow: /\n</html>", "/", ""},
		{"not text at all", "\x00\x01\xff\xfe:::\n:\nDisallow", "/", ""},
		{"beyond 500 KiB", "User-agent: *\nDisallow: /a\n" + strings.Repeat("#"+strings.Repeat("x", 99)+"\n", 6000) + "Disallow: /b", "/b", "/a"},
		{"a line cut at 500 KiB does not count", "User-agent: *\nDisallow: /a\nAllow: /" + strings.Repeat("b", maxRobots), "/bbb", "/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parseRobots([]byte(tt.robots), "ccgwatch")
			for _, p := range strings.Fields(tt.allowed) {
				if !r.allows(p) {
					t.Errorf("%s is disallowed", p)
				}
			}
			for _, p := range strings.Fields(tt.disallowed) {
				if r.allows(p) {
					t.Errorf("%s is allowed", p)
				}
			}
		})
	}
}

func TestCrawlDelay(t *testing.T) {
	for robots, want := range map[string]time.Duration{
		"User-agent: *\nCrawl-delay: 10":                                            10 * time.Second,
		"User-agent: *\nCrawl-delay: 0.5":                                           500 * time.Millisecond,
		"User-agent: *\nCrawl-delay: -3":                                            0,
		"User-agent: *\nCrawl-delay: NaN":                                           0,
		"User-agent: *\nCrawl-delay: 1e300":                                         century,
		"User-agent: *\nCrawl-delay: soon":                                          0,
		"User-agent: ccgwatch\nCrawl-delay: 3\n\nUser-agent: *\nCrawl-delay: 60":    3 * time.Second,
		"User-agent: other\nCrawl-delay: 60":                                        0,
		"User-agent: *\nCrawl-delay: 2\nDisallow: /x\n\nUser-agent: *\nAllow: /y\n": 2 * time.Second,
	} {
		if got := parseRobots([]byte(robots), "ccgwatch").delay; got != want {
			t.Errorf("%q: %s, want %s", robots, got, want)
		}
	}
}

func TestProduct(t *testing.T) {
	for agent, want := range map[string]string{
		"ccgwatch/0.1 (+mailto:alerts@example.org; Save our NHS)": "ccgwatch", "ccgwatch": "ccgwatch", "": "", "*": "",
	} {
		if got := product(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

func FuzzRobots(f *testing.F) {
	f.Add([]byte("User-agent: *\nDisallow: /*.pdf$\nAllow: /a*b*c\nCrawl-delay: 1.5"), "/x/y.pdf")
	f.Add([]byte("\xef\xbb\xbfuser-agent: ccgwatch\rdisallow: %2f%zz%"), "/%2F%ZZ%")
	f.Fuzz(func(t *testing.T, robots []byte, path string) {
		r := parseRobots(robots, "ccgwatch")
		if r.delay < 0 {
			t.Errorf("negative delay %s", r.delay)
		}
		r.allows(path)
		if !r.allows("/robots.txt") {
			t.Error("robots.txt itself must be allowed")
		}
		for _, l := range r.lines {
			if got := normalise(l.pattern, true); got != l.pattern {
				t.Errorf("normalise is not stable: %q, then %q", l.pattern, got)
			}
			// A pattern without wildcards matches itself and everything below it.
			if !strings.ContainsAny(l.pattern, "*$") && (!matches(l.pattern, l.pattern) || !matches(l.pattern, l.pattern+"x")) {
				t.Errorf("%q does not match itself", l.pattern)
			}
		}
		// Ruling out everything rules out everything.
		all := parseRobots([]byte("User-agent: ccgwatch\nDisallow: /\n"), "ccgwatch")
		if strings.HasPrefix(path, "/") && normalise(path, false) != "/robots.txt" && all.allows(path) {
			t.Errorf("%q gets past Disallow: /", path)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"120", "-5", "0", "1e9", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999", "soon", " 7 "} {
		f.Add(s, "Wed, 21 Oct 2026 07:27:00 GMT")
	}
	now := time.Date(2026, 10, 21, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, v, date string) {
		d, told := retryAfter(http.Header{"Retry-After": {v}, "Date": {date}}, now)
		if d < 0 || d > century || !told && d != 0 {
			t.Errorf("%q: %s, %v", v, d, told)
		}
		if twice, _ := retryAfter(http.Header{"Retry-After": {v, "60"}, "Date": {date}}, now); twice < d || twice < time.Minute {
			t.Errorf("%q and 60: %s", v, twice)
		}
	})
}
