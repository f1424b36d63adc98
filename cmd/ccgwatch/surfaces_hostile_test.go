package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/store"
)

// nasty is what no source should write, and some will.
func nasty() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title></textarea><svg onload=alert(1)>`, `]]><entry>`, `-->]]><!--`,
		`javascript:alert(1)`, `data:text/html,<script>alert(1)</script>`, `{{.}}{{template "main" .}}`, `&lt;script&gt;alert(1)&lt;/script&gt;`, `</a><a href="https://evil.example">`,
		"\u202egnp.exe\u2066x\u200bhidden\ufeff", "a\x00b\x1b[31mc\r\nX-Injected: yes\r\nEND:VEVENT", "\xff\xfe<script>", `=HYPERLINK("https://evil.example")`, `+1+cmd|' /C calc'!A0`, "\t@SUM(A1)", `</mark><iframe src=//evil.example>`,
	}
}

// nastyItems are a notice and a meeting with a paper for each nasty text, which
// stands in all that they say.
func nastyItems(t *testing.T, a *app, now time.Time) (out []store.Item) {
	t.Helper()
	for i, x := range nasty() {
		for j, it := range surfaceItems(t, a, now)[1:3] { // one notice, one meeting
			it.Key = fmt.Sprintf("%s-%d", it.Key, i)
			it.Title = x + it.Title + x
			it.URL = "https://tender.example.org/" + x
			if i%3 == 0 {
				it.URL = x
			}
			if n := it.Notice; n != nil {
				n.OCID, n.Release = fmt.Sprintf("ocds-h6vhtk-1%d%04d", j, i), fmt.Sprintf("%06d-2026", 100+i)
				it.Key = n.OCID + "/" + n.Release
				n.Title, n.Description = it.Title, x+n.Description+x
				n.Suppliers = append(n.Suppliers, store.Party{Name: x + " Limited"})
				n.Reference = x
			}
			for name := range it.Fields {
				if name != store.FieldWhen {
					it.Fields[name] = x + it.Fields[name] + x
				}
			}
			for k := range it.Parts {
				it.Parts[k].Title, it.Parts[k].Text = x+it.Parts[k].Title, it.Parts[k].Text+x
			}
			for k := range it.Documents {
				text := x + " The board is asked to approve the award of the contract for community podiatry services to " + x + " Limited, a private company. " + x
				sha, _, err := a.store.Keep(t.Context(), strings.NewReader(text))
				if err == nil {
					err = a.store.KeepText(t.Context(), sha, []string{"Agenda " + x, text + "\n\nJane Doe declared an interest in " + x + " as a trustee and left the room."})
				}
				if err != nil {
					t.Fatal(err)
				}
				it.Documents[k].Title, it.Documents[k].URL, it.Documents[k].SHA256 = x+it.Documents[k].Title, it.URL, sha
			}
			out = append(out, it)
		}
	}
	return out
}

// Whatever sources write, every page, feed, calendar, table and answer stays what
// it is and carries the headers; and every route of the server is among those
// that are asked.
func TestHostileTextOnEverySurface(t *testing.T) {
	if underRace {
		t.Skip("one question after the other: the detector only slows it down")
	}
	now := time.Date(2026, 8, 12, 10, 0, 0, 0, london())
	a, items, findings := surfaceOf(t, now, nastyItems)
	if len(findings) < len(nasty()) {
		t.Fatalf("only %d findings", len(findings))
	}
	srv := a.webServer(func() time.Time { return now }).Handler
	var targets []string
	patterns := http.NewServeMux()
	left := map[string]bool{}
	for _, p := range routesOf(t) {
		patterns.HandleFunc(p, http.NotFound)
		left[p] = true
		targets = append(targets, strings.TrimSuffix(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(p, "x"), "{$}")) // so that each is asked at least once
	}
	routes := len(targets)
	targets = append(targets, surfaces(a, items, findings, now.Year())...)
	for _, x := range nasty() {
		for _, path := range []string{"/search", "/search.json", "/findings", "/threads", "/items", "/bodies", "/subscribe", "/feed.atom", "/calendar.ics", "/api/v1/search"} {
			targets = append(targets, path+"?"+url.Values{"q": {x}}.Encode())
		}
		for _, path := range []string{"/supplier/", "/body/", "/thread/", "/finding/", "/u/", "/c/", "/m/", "/data/"} {
			targets = append(targets, path+url.PathEscape(x))
		}
	}
	targets = append(targets, "/nothing")
	kinds := map[string]int{}
	for i := 0; i < len(targets); i++ {
		target := targets[i]
		methods := []string{"GET", "HEAD", "POST"}
		if i > routes && i%9 > 0 {
			methods = methods[:1]
		}
		for _, method := range methods {
			now = now.Add(20 * time.Second)
			r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+target, nil)
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			if w.Code == http.StatusTooManyRequests || w.Code >= 500 && target != "/healthz" {
				t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
			guarded(t, method+" "+target, w)
			if _, p := patterns.Handler(r); p != "" {
				delete(left, p)
			}
			if method != "GET" {
				continue
			}
			kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
			kinds[kind]++
			wellFormed(t, target, kind, w.Body.Bytes())
			if kind != "text/html" || len(targets) > 4000 {
				continue
			}
			for _, at := range regexp.MustCompile(`href="(/supplier/[^"]*)"`).FindAllStringSubmatch(w.Body.String(), 3) {
				if to := strings.ReplaceAll(at[1], "&amp;", "&"); w.Code == 200 && strings.HasPrefix(target, "/suppliers") {
					targets = append(targets, to)
				}
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("never asked: %v", left)
	}
	for kind, least := range map[string]int{"text/html": 300, "application/atom+xml": 20, "text/calendar": 20, "application/json": 100, "text/csv": 4} {
		if kinds[kind] < least {
			t.Errorf("only %d answers of %s", kinds[kind], kind)
		}
	}
	t.Logf("%d addresses: %v", len(targets), kinds)
}

// routesOf are the patterns of all routes, as the source of the server names them.
func routesOf(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("../../alerts/web/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`mux\.Handle(?:Func)?\("([^"]+)"`).FindAllSubmatch(b, -1) {
			out = append(out, string(m[1]))
		}
	}
	if len(out) < 40 {
		t.Fatalf("only %d routes found", len(out))
	}
	return out
}

// guarded: the headers that every answer carries, and those that none does.
func guarded(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	for header, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s: %s: %q", name, header, got)
		}
	}
	// What is data is for pages elsewhere, too.
	corp := w.Header().Get("Cross-Origin-Resource-Policy")
	if open := regexp.MustCompile(`^\w+ (/api/|/data/|\S*/calendar\.ics)`).MatchString(name); corp != "same-origin" && (!open || corp != "cross-origin") {
		t.Errorf("%s: Cross-Origin-Resource-Policy: %q", name, corp)
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("%s: the policy %q lacks %s", name, policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") && !strings.Contains(name, "/search") {
		t.Errorf("%s: the policy is %q", name, policy)
	}
	for _, never := range []string{"Set-Cookie", "Location", "Server", "X-Powered-By", "X-Injected"} {
		if v := w.Header().Get(never); v != "" {
			t.Errorf("%s: %s: %q", name, never, v)
		}
	}
	if w.Header().Get("Cache-Control") == "" || w.Code != http.StatusNoContent && w.Header().Get("Content-Type") == "" {
		t.Errorf("%s: %v", name, w.Header())
	}
}

// wellFormed: an answer is what it says it is, and holds nothing that acts.
func wellFormed(t *testing.T, target, kind string, b []byte) {
	t.Helper()
	switch kind {
	case "text/html":
		acts(t, target, b)
	case "application/json", "application/vnd.oai.openapi+json", "application/feed+json":
		if !json.Valid(b) {
			t.Errorf("%s is no JSON: %.200q", target, b)
		}
	case "application/atom+xml":
		for d := xml.NewDecoder(bytes.NewReader(b)); ; {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", target, err)
				break
			}
			if e, ok := tok.(xml.StartElement); ok {
				for _, at := range e.Attr {
					if at.Name.Local == "href" && !harmlessLink(at.Value) {
						t.Errorf("%s links to %q", target, at.Value)
					}
				}
			}
		}
	case "text/calendar":
		events := 0
		for line := range strings.SplitSeq(string(b), "\r\n") {
			if len(line) > 75 || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) || strings.HasPrefix(line, "X-Injected") {
				t.Errorf("%s: the line %q", target, line)
			}
			switch line {
			case "BEGIN:VEVENT":
				events++
			case "END:VEVENT":
				events--
			}
			if events < 0 || events > 1 {
				t.Errorf("%s: an event within another, or an end without one", target)
				return
			}
		}
	case "text/csv":
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", target, err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s: a spreadsheet would compute %q", target, cell)
				}
			}
		}
	}
}

func harmlessLink(to string) bool {
	u, err := url.Parse(to)
	return err == nil && u.User == nil && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "mailto" || u.Scheme == "urn" || u.Scheme == "webcal" || u.Scheme == "" && u.Host == "" && !strings.HasPrefix(to, "//"))
}

// acts: no element, attribute or link of a page does anything that is not ours.
func acts(t *testing.T, target string, page []byte) {
	t.Helper()
	for _, r := range string(page) {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%s holds %U", target, r)
			return
		}
	}
	d, err := goquery.NewDocumentFromReader(bytes.NewReader(page))
	if err != nil {
		t.Error(target, err)
		return
	}
	d.Find("*").Each(func(_ int, x *goquery.Selection) {
		switch name := goquery.NodeName(x); name {
		case "script":
			if src, _ := x.Attr("src"); src != "/search.js" || strings.TrimSpace(x.Text()) != "" {
				t.Errorf("%s holds a script: %q %q", target, src, x.Text())
			}
		case "iframe", "img", "object", "embed", "b", "base", "style", "frame", "video", "audio":
			t.Errorf("%s holds the element %s", target, name)
		}
		for _, at := range x.Nodes[0].Attr {
			switch {
			case strings.HasPrefix(at.Key, "on"), at.Key == "style", at.Key == "srcdoc":
				t.Errorf("%s holds the attribute %s=%q", target, at.Key, at.Val)
			case at.Key == "href", at.Key == "src", at.Key == "action":
				if !harmlessLink(at.Val) {
					t.Errorf("%s links to %q", target, at.Val)
				}
			}
		}
	})
}
