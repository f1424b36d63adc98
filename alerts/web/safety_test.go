package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// routes are all pages, good and bad, with the answer to GET.
func routes() map[string]int {
	return map[string]int{
		"/": 200, "/findings": 200, "/finding/f1": 200, "/meetings": 200, itemPath("leicester", "meeting/15033"): 200,
		"/items": 200, "/items?kind=notice": 200, "/items?kind=cats": 400, "/items?before=x": 400, "/bodies": 200, "/bodies?page=2": 404, "/bodies?page=x": 400, "/body/leicester-city-council": 200, "/body/uhl": 200,
		"/body/nobody": 404, "/body/nhs-next-icb": 404, "/body/": 404, "/sources": 200, "/sources?page=9": 404, "/about": 200, "/coverage": 200, "/coverage?page=9": 404, "/meetings?body=nobody": 400, "/meetings?page=2": 404,
		"/feed.atom": 200, "/feed.atom?q=podiatry": 200, "/feed.atom?q=topic:": 400, "/feed.atom?topic=cats": 400, "/body/uhl/feed.atom": 200, "/body/nobody/feed.atom": 404,
		"/u/token-1": 200, "/u/wrong": 404, "/u/": 404, "/u/a/b": 404, "/healthz": 200, "/style.css": 200, "/nothing": 404, "/favicon.ico": 404,
		"/findings/": 404, "/findings?topic=cats": 400, "/item": 400, "//": 404, "/a/../findings": 404, "/%2e%2e/etc/passwd": 404, "/findings/%00": 404, "/" + strings.Repeat("a", 3000): 414, "/findings?q=" + strings.Repeat("a", 5000): 414,
	}
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	check := func(name string, w *httptest.ResponseRecorder) {
		for header, want := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"X-Frame-Options":              "DENY",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security":    "max-age=31536000",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s: %q", name, header, got)
			}
		}
		for _, never := range []string{"Set-Cookie", "Location", "Access-Control-Allow-Origin", "Server", "X-Powered-By"} {
			if v := w.Header().Get(never); v != "" {
				t.Errorf("%s: %s: %q", name, never, v)
			}
		}
		if w.Header().Get("Content-Type") == "" || w.Header().Get("Cache-Control") == "" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	for target, want := range routes() {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			w := ask(h, method, target)
			if method == "GET" && w.Code != want {
				t.Errorf("%s: %d, want %d", target, w.Code, want)
			}
			check(method+" "+target, w)
			private := strings.HasPrefix(target, "/u/") || w.Code >= 400
			if got := strings.Contains(w.Header().Get("X-Robots-Tag"), "noindex"); got != private {
				t.Errorf("%s %s: noindex is %v", method, target, got)
			}
		}
	}
	check("wrong host", ask(h, "GET", "/", func(r *http.Request) { r.Host = "evil.example" }))
	check("cross origin", ask(h, "POST", "/findings", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
}

func TestMethods(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	for target, status := range routes() {
		if status != 200 {
			continue
		}
		post := strings.HasPrefix(target, "/u/")
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			w := ask(h, method, target)
			want, allow := 405, "GET, HEAD"
			if post {
				allow += ", POST"
			}
			if method == "POST" && post {
				want, allow = 200, ""
			}
			if w.Code != want || w.Header().Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, target, w.Code, w.Header().Get("Allow"))
			}
		}
		// An override is no method.
		w := ask(h, "GET", target, func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "DELETE") })
		if w.Code != 200 {
			t.Errorf("override %s: %d", target, w.Code)
		}
	}
}

func TestOnlyOurHostsAreAnswered(t *testing.T) {
	s, _ := sample()
	s.Listen = "192.0.2.7:8080"
	h := s.Handler()
	local := &net.TCPAddr{IP: net.ParseIP("198.51.100.9"), Port: 8080}
	for host, want := range map[string]int{
		"watch.example.org": 200, "WATCH.example.org": 200, "watch.example.org.": 200, "watch.example.org:443": 200,
		"localhost": 200, "localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "[::1]": 200,
		"192.0.2.7": 200, "192.0.2.7:8080": 200, "198.51.100.9:8080": 200, // listened on; came in on
		"": 421, "evil.example": 421, "watch.example.org.evil.example": 421, "evil.example:443": 421, "127.0.0.2": 421, "198.51.100.10": 421,
		"0.0.0.0:8080": 421, "2130706433": 421, "watch.example.org@evil.example": 421, "localhost.evil.example": 421, "xn--watch-.example.org": 421,
	} {
		w := ask(h, "GET", "/healthz", func(r *http.Request) {
			r.Host = host
			r.Header.Set("X-Forwarded-Host", "watch.example.org")
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
		})
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}

// hostile is what no source should write, and some will.
func hostile() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title></textarea><svg onload=alert(1)>`,
		`javascript:alert(1)`, `JaVaScRiPt://council.example.org/%0aalert(1)`, `data:text/html,<script>alert(1)</script>`, "java\tscript:alert(1)",
		`{{.}}{{template "main" .}}`, `${7*7} #{7*7} <%= 7 %>`, `-->]]><!--`, `&lt;script&gt;alert(1)&lt;/script&gt;`, `</a><a href="https://evil.example">`,
		"\u202egnp.exe\u2066x\u200bhidden\ufeff", "a\x00b\x1b[31mc\r\nX-Injected: yes", strings.Repeat("<b>", 2000), "\xff\xfe<script>", `https://user:pass@evil.example/`, `https://council.example.org@evil.example/`,
		`//evil.example/x`, `vbscript:x`, `https://evil.example/"onclick="alert(1)`, `https://xn--80ak6aa92e.com/`, `https://аpple.com/`,
	}
}

// Whatever a source writes into any field, the pages stay what they are.
func TestScrapedTextStaysText(t *testing.T) {
	corpus := hostile()
	for i, nasty := range corpus {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s, st := sample()
			fill(reflect.ValueOf(&st.items).Elem(), nasty)
			fill(reflect.ValueOf(&st.healths).Elem(), nasty)
			fill(reflect.ValueOf(&st.changes).Elem(), nasty)
			fill(reflect.ValueOf(&st.findings).Elem(), nasty)
			sources := s.Sources()
			fill(reflect.ValueOf(&sources).Elem(), nasty)
			for i := range sources {
				sources[i].ID = fmt.Sprint("id", i) // the one field that config vouches for
			}
			s.Group, s.Version = nasty, nasty
			s.Gaps = []string{nasty}
			fill(reflect.ValueOf(&s.Bodies).Elem(), nasty)
			s.Buyers = func(*store.Notice) []string { return []string{nasty} }
			s.Held = func() []string { return []string{nasty} }
			for i := range st.items {
				st.items[i].Source, st.items[i].Key = "src", "key"
				st.items[i].Fields["when"] = "2026-08-19T17:30:00+01:00"
				st.items[i].Withdrawn = time.Time{}
			}
			for i := range st.changes {
				st.changes[i].Source, st.changes[i].Key = "src", "key"
			}
			for i := range st.findings {
				st.findings[i].ID, st.findings[i].Source, st.findings[i].Key = fmt.Sprint("f", i), "src", "key"
			}
			sources = append(sources, SourceInfo{ID: "src", Name: nasty, Base: nasty, Platform: "moderngov", Body: nasty})
			s.Sources = func() []SourceInfo { return sources }
			h := s.Handler()
			query := "?" + url.Values{"q": {nasty}}.Encode()
			for _, target := range []string{"/", "/findings", "/findings" + query, "/finding/f0", "/finding/f1", "/meetings", itemPath("src", "key"), itemPath(nasty, nasty),
				"/items", "/items" + query, "/items?" + url.Values{"body": {nasty}, "source": {nasty}}.Encode(), "/bodies", "/bodies" + query, bodyPath(nasty), "/meetings?" + url.Values{"body": {nasty}}.Encode(), "/sources", "/coverage", "/about", "/u/" + url.PathEscape(nasty)} {
				w := ask(h, "GET", target)
				if w.Code >= 500 {
					t.Fatalf("%s: %d", target, w.Code)
				}
				harmless(t, target, w.Body.String())
			}
		})
	}
}

// harmless: no element, attribute, link or hidden character that is not ours.
func harmless(t *testing.T, target, page string) {
	t.Helper()
	for _, r := range page {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028') {
			t.Fatalf("%s holds %U", target, r)
		}
	}
	d, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ours := "html head meta title link body a header p span nav ul li main h1 h2 h3 h4 section article dl dt dd form label input select option button figure blockquote figcaption strong time ol code footer del ins details summary mark div"
	d.Find("*").Each(func(_ int, x *goquery.Selection) {
		if !strings.Contains(" "+ours+" ", " "+goquery.NodeName(x)+" ") {
			t.Errorf("%s holds the element %s", target, goquery.NodeName(x))
		}
		for _, a := range x.Nodes[0].Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" {
				t.Errorf("%s holds the attribute %s=%q", target, a.Key, a.Val)
			}
			if a.Key != "href" && a.Key != "action" && a.Key != "src" {
				continue
			}
			u, err := url.Parse(a.Val)
			switch {
			case err != nil:
				t.Errorf("%s links to %q", target, a.Val)
			case u.Scheme == "mailto" && u.Opaque == "alerts@watch.example.org":
			case u.Scheme == "" && u.Host == "" && (strings.HasPrefix(a.Val, "/") || strings.HasPrefix(a.Val, "#")):
			case u.Scheme == "http" || u.Scheme == "https":
				if u.User != nil || !strings.HasSuffix(x.Text(), " at "+u.Host) {
					t.Errorf("%s links to %q and says %q", target, a.Val, x.Text())
				}
			default:
				t.Errorf("%s links to %q", target, a.Val)
			}
		}
	})
}

// fill puts a text into every string of a value, however deep.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Pointer:
		if v.IsNil() && v.Type().Elem().Kind() == reflect.Struct {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), s)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), s)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i), s)
		}
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, s)
		key := reflect.New(v.Type().Key()).Elem()
		fill(key, s)
		m.SetMapIndex(key, value)
		v.Set(m)
	}
}

func TestNoPageKnowsASubscriber(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	for target := range routes() {
		for _, method := range []string{"GET", "POST"} {
			if w := ask(h, method, target); strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), "canary") {
				t.Errorf("%s %s shows a subscriber", method, target)
			}
		}
	}
}

// A scanner opens every link it finds, by GET and HEAD, twice, beginning with
// the unsubscribe links themselves: nothing changes.
func TestReadingChangesNothing(t *testing.T) {
	s, st := sample()
	h := s.Handler()
	before := fmt.Sprint(st.subscriptions, st.items, st.findings, st.changes, st.deliveries)
	todo := []string{"/", "/u/token-1", "/u/token-2", "/u/token-erased"}
	done := map[string]bool{}
	for len(todo) > 0 {
		target := todo[0]
		todo = todo[1:]
		if done[target] || !strings.HasPrefix(target, "/") {
			continue
		}
		done[target] = true
		ask(h, "HEAD", target)
		ask(h, "GET", target)
		d, err := goquery.NewDocumentFromReader(ask(h, "GET", target).Body)
		if err != nil {
			t.Fatal(err)
		}
		d.Find("[href], [action]").Each(func(_ int, x *goquery.Selection) {
			todo = append(todo, x.AttrOr("href", x.AttrOr("action", "")))
		})
		// The button opened as a link, as careless scanners do.
		d.Find("form").Each(func(_ int, x *goquery.Selection) { todo = append(todo, target+"?List-Unsubscribe=One-Click") })
	}
	if len(done) < 10 {
		t.Fatalf("only %d pages were found: %v", len(done), done)
	}
	if after := fmt.Sprint(st.subscriptions, st.items, st.findings, st.changes, st.deliveries); after != before || len(st.ended) != 0 {
		t.Error("reading changed something")
	}
}

func TestUnsubscribeByButton(t *testing.T) {
	s, st := sample()
	h := s.Handler()
	d := read(t, h, "/u/token-1")
	if d.Find("form[method=post] button").Length() != 1 || d.Find("form").AttrOr("action", "here") != "here" {
		t.Error("the page needs one button that posts to its own address")
	}
	if len(st.ended) != 0 {
		t.Fatal("the page itself ended the subscription")
	}
	w := ask(h, "POST", "/u/token-1", form("List-Unsubscribe=One-Click"))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "You will get no more mails") {
		t.Fatal(w.Code, w.Body)
	}
	if got := st.subscriptions["s1"]; got.State != store.StateEnded || !got.Ended.Equal(at("2026-08-12 12:00")) {
		t.Errorf("%+v", got)
	}
	if st.subscriptions["s2"].State != store.StateConfirmed {
		t.Error("somebody else's subscription ended")
	}
}

// Mail programs post in two encodings, from anywhere, with or without what
// they should send.
func TestOneClick(t *testing.T) {
	part := &bytes.Buffer{}
	mw := multipart.NewWriter(part)
	if err := mw.WriteField("List-Unsubscribe", "One-Click"); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat("a=1&", 1500)
	for _, c := range []struct {
		name, target string
		change       func(*http.Request)
		want         int
		ended        string
	}{
		{"urlencoded", "/u/token-1", form("List-Unsubscribe=One-Click"), 200, "s1"},
		{"multipart", "/u/token-1", func(r *http.Request) {
			r.Header.Set("Content-Type", mw.FormDataContentType())
			r.Body = io.NopCloser(bytes.NewReader(part.Bytes()))
		}, 200, "s1"},
		{"no body", "/u/token-1", func(*http.Request) {}, 200, "s1"},
		{"wrong value", "/u/token-1", form("List-Unsubscribe=maybe"), 200, "s1"},
		{"many fields", "/u/token-1", form(many), 200, "s1"},
		{"another's token in the body: the path counts", "/u/token-1", form("token=token-2"), 200, "s1"},
		{"another's token in the query: the path counts", "/u/token-1?token=token-2", form(""), 200, "s1"},
		{"from another site, with cookies", "/u/token-1", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", "https://mail.example.com")
			r.Header.Set("Cookie", "a=b")
		}, 200, "s1"},
		{"a full stop behind the link", "/u/token-1.", form(""), 200, "s1"},
		{"an angle bracket behind the link", "/u/token-1%3E", form(""), 200, "s1"},
		{"erased", "/u/token-erased", form(""), 200, ""},
		{"wrong", "/u/token-3", form(""), 404, ""},
		{"other case", "/u/TOKEN-1", form(""), 404, ""},
		{"too much", "/u/token-1", form(strings.Repeat("a", maxBody+1)), 413, ""},
		{"store out of order", "/u/token-broken", form(""), 503, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, st := sample()
			w := ask(s.Handler(), "POST", c.target, c.change)
			if w.Code != c.want || strings.Join(st.ended, " ") != c.ended {
				t.Errorf("%d, ended %v; want %d, %s", w.Code, st.ended, c.want, c.ended)
			}
			if w.Code != 200 && strings.Contains(w.Body.String(), "no more mails") {
				t.Error("it claims what it did not do")
			}
		})
	}
}

func TestUnsubscribeThatCannotBeWrittenDownSaysSo(t *testing.T) {
	s, st := sample()
	st.broken = errors.New("disk full at token-1")
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	w := ask(s.Handler(), "POST", "/u/token-1", form(""))
	if w.Code != 503 || w.Header().Get("Retry-After") != "60" || strings.Contains(w.Body.String(), "no more mails") || strings.Contains(w.Body.String(), "disk") {
		t.Error(w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "path=/u/***") || !strings.Contains(log.String(), "disk full") {
		t.Error(log.String())
	}
}

// A thousand posts at once end it once, and each is answered 200.
func TestUnsubscribeTogether(t *testing.T) {
	s, st := sample()
	h := s.Handler()
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if w := ask(h, "POST", "/u/token-1", form("List-Unsubscribe=One-Click")); w.Code != 200 {
				t.Errorf("%d", w.Code)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff([]string{"s1"}, st.ended); diff != "" {
		t.Error(diff)
	}
	if w := ask(h, "GET", "/u/token-1"); w.Code != 200 {
		t.Error("an ended link must go on working")
	}
}

func TestOtherSitesCannotPost(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	for _, c := range []struct {
		name, header, value string
		want                int
	}{
		{"cross-site", "Sec-Fetch-Site", "cross-site", 403},
		{"foreign origin", "Origin", "https://evil.example", 403},
		{"null origin", "Origin", "null", 403},
		{"own", "Sec-Fetch-Site", "same-origin", 405},
		{"own behind a proxy", "Origin", "https://watch.example.org", 405},
	} {
		w := ask(h, "POST", "/findings", func(r *http.Request) { r.Header.Set(c.header, c.value) })
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
	}
}

func TestTroubleInsideStaysInside(t *testing.T) {
	s, st := sample()
	st.broken = errors.New("secret detail")
	h := s.Handler()
	for target, want := range map[string]int{"/": 500, "/findings": 500, "/finding/none": 500, "/meetings": 500, itemPath("a", "b"): 500, "/healthz": 503, "/style.css": 200} {
		w := ask(h, "GET", target)
		if w.Code != want || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	s.Sources = func() []SourceInfo { panic("secret") }
	if w := ask(s.Handler(), "GET", "/meetings"); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a panic gives %d %s", w.Code, w.Body)
	}
}

// Readers beyond the limit are asked to come again; who wants to unsubscribe
// is not.
func TestACrowdOfReadersLeavesUnsubscribingOpen(t *testing.T) {
	s, st := sample()
	st.hold, st.arrived = make(chan struct{}), make(chan struct{})
	h := s.Handler()
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() { ask(h, "GET", "/") })
		<-st.arrived
	}
	if w := ask(h, "GET", "/findings"); w.Code != 503 || w.Header().Get("Retry-After") != "5" {
		t.Errorf("one reader too many: %d", w.Code)
	}
	if w := ask(h, "POST", "/u/token-1", form("")); w.Code != 200 {
		t.Errorf("unsubscribing: %d", w.Code)
	}
	close(st.hold)
	wg.Wait()
	if w := ask(h, "GET", "/findings"); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

func TestHealthAndStyle(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	if w := ask(h, "GET", "/healthz"); w.Body.String() != "ok\nlast complete read: 2026-08-12T11:05:00Z\n" {
		t.Error(w.Body)
	}
	w := ask(h, "GET", "/style.css")
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") || w.Body.Len() < 1000 || w.Body.Len() > 8<<10 {
		t.Error(w.Header(), w.Body.Len())
	}
	again := ask(h, "GET", "/style.css", func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) })
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Error(again.Code)
	}
}

// Over a real connection: the limits of the server hold.
func TestServerLimits(t *testing.T) {
	s, st := sample()
	srv, _ := s.NewHTTPServer("127.0.0.1:0")
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 15*time.Second || srv.WriteTimeout != 30*time.Second || srv.IdleTimeout != time.Minute || srv.MaxHeaderBytes != 16<<10 {
		t.Errorf("%+v", srv)
	}
	ln, err := net.Listen("tcp", srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()
	base := "http://" + ln.Addr().String()
	for _, c := range []struct {
		name, path string
		header     int
		body       int64
		want       int
	}{
		{"plain", "/u/token-1", 0, 26, 200},
		{"large header", "/", 32 << 10, 0, 431},
		{"large body", "/u/token-2", 0, 1 << 20, 413},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", base+c.path, io.LimitReader(endless{}, c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Large", strings.Repeat("a", c.header))
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, resp.StatusCode, c.want)
		}
	}
	if diff := cmp.Diff([]string{"s1"}, st.ended); diff != "" {
		t.Error(diff)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func form(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(body))
	}
}

func TestLinks(t *testing.T) {
	for raw, want := range map[string]string{
		"https://council.example.org/a?b=c":   "council.example.org",
		" http://council.example.org:8071/x ": "council.example.org:8071",
		"https://COUNCIL.example.org/":        "council.example.org",
		"https://аpple.com/":                  "xn--pple-43d.com",
		"http://[2001:db8::1]:80/":            "[2001:db8::1]:80",
		"javascript:alert(1)":                 "",
		"https://good.example@evil.example/":  "",
		"//council.example.org/":              "",
		"/local":                              "",
		"":                                    "",
		"https://":                            "",
		"https://a b/":                        "",
		"https://a\nb/":                       "",
		"ftp://council.example.org/":          "",
		"https:council.example.org":           "",
	} {
		got := ""
		if l := webLink(raw); l != nil {
			got = l.Host
		}
		if got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"  a \r\n\t b  ":             "a b",
		"a\u202eb\u200bc\u2066d":     "abcd",
		"a\x00b\x1bc":                "a b c",
		"\xffx":                      "\ufffdx",
		"NHS Leicester – “quoted” £": "NHS Leicester – “quoted” £",
		strings.Repeat("é", 401):     strings.Repeat("é", 400) + "…",
	} {
		if got := line(in, 400); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzScraped: no text and no address makes a page harmful.
func FuzzScraped(f *testing.F) {
	f.Add("title", "https://council.example.org/", "<script>")
	f.Add("\u202e{{.}}", "javascript:alert(1)", "a\r\n\r\nb")
	s, st := sample()
	h := s.Handler()
	f.Fuzz(func(t *testing.T, title, address, quote string) {
		st.findings = []store.Finding{{ID: "f", Change: 1, Source: "leicester", Key: "meeting/15033", Title: title, URL: address, Quote: quote, Document: quote, Why: title}}
		st.items[0].Title, st.items[0].URL, st.items[0].Parts[0].Text = title, address, quote
		for _, target := range []string{"/findings", "/finding/f", itemPath("leicester", "meeting/15033")} {
			w := ask(h, "GET", target)
			if w.Code != 200 {
				t.Fatalf("%s: %d", target, w.Code)
			}
			harmless(t, target, w.Body.String())
		}
	})
}
