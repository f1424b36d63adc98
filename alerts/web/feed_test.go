package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// A node is an element as a strict parser reads it.
type node struct {
	name, text string
	attr       map[string]string
	kids       []*node
}

func (n *node) all(name string) []*node {
	var out []*node
	for _, k := range n.kids {
		if k.name == name {
			out = append(out, k)
		}
	}
	return out
}

func (n *node) one(t *testing.T, name string) *node {
	t.Helper()
	all := n.all(name)
	if len(all) != 1 {
		t.Fatalf("%s has %d of %s", n.name, len(all), name)
	}
	return all[0]
}

func (n *node) link(rel string) string {
	for _, l := range n.all("link") {
		if l.attr["rel"] == rel {
			return l.attr["href"]
		}
	}
	return ""
}

func parseXML(t *testing.T, raw []byte) *node {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(raw))
	d.Strict = true
	top := &node{}
	at := []*node{top}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, raw)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name.Space != "http://www.w3.org/2005/Atom" {
				t.Fatalf("%v is not Atom", x.Name)
			}
			n := &node{name: x.Name.Local, attr: map[string]string{}}
			for _, a := range x.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			at[len(at)-1].kids = append(at[len(at)-1].kids, n)
			at = append(at, n)
		case xml.EndElement:
			at = at[:len(at)-1]
		case xml.CharData:
			at[len(at)-1].text += string(x)
		case xml.Directive, xml.Comment:
			t.Fatalf("a feed of ours has no %T", x)
		}
	}
	if len(top.kids) != 1 || top.kids[0].name != "feed" {
		t.Fatalf("%d roots", len(top.kids))
	}
	return top.kids[0]
}

// checkAtom holds a feed to RFC 4287: what is mandatory is there once, dates
// and addresses are what they must be, ids differ, and nothing is markup.
func checkAtom(t *testing.T, raw []byte, self string) *node {
	t.Helper()
	for _, r := range string(raw) {
		if r == unicode.ReplacementChar || r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Noncharacter_Code_Point, r)) {
			t.Fatalf("it holds %U", r)
		}
	}
	f := parseXML(t, raw)
	ids := map[string]bool{}
	common := func(n *node) {
		id := n.one(t, "id").text
		if u, err := url.Parse(id); err != nil || u.Scheme != "tag" && !strings.HasPrefix(id, "urn:uuid:") || ids[id] {
			t.Errorf("the id %q: %v", id, err)
		}
		ids[id] = true
		if n.one(t, "title").attr["type"] != "text" || strings.TrimSpace(n.one(t, "title").text) == "" {
			t.Errorf("the title of %s", id)
		}
		for _, d := range append(n.all("published"), n.one(t, "updated")) {
			if _, err := time.Parse(time.RFC3339, d.text); err != nil {
				t.Error(err)
			}
		}
		for _, l := range n.all("link") {
			if u, err := url.Parse(l.attr["href"]); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
				t.Errorf("it links to %q", l.attr["href"])
			}
		}
		for _, k := range n.kids {
			if k.name != "author" && k.name != "entry" && len(k.kids) > 0 {
				t.Errorf("%s holds markup", k.name)
			}
		}
		if n.link("alternate") == "" {
			t.Errorf("%s leads to no page", id)
		}
	}
	common(f)
	if f.link("self") != self {
		t.Errorf("it is at %s and says %s", self, f.link("self"))
	}
	if f.one(t, "author").one(t, "name").text == "" {
		t.Error("nobody wrote it")
	}
	newest := time.Time{}
	for _, e := range f.all("entry") {
		common(e)
		if e.one(t, "summary").attr["type"] != "text" {
			t.Error("a summary may be taken for markup")
		}
		at, _ := time.Parse(time.RFC3339, e.one(t, "updated").text)
		newest = latest(newest, at)
	}
	if at, _ := time.Parse(time.RFC3339, f.one(t, "updated").text); len(f.all("entry")) > 0 && !at.Equal(newest) {
		t.Errorf("the feed is of %s, its newest entry of %s", at, newest)
	}
	return f
}

func getFeed(t *testing.T, h http.Handler, target string) (*node, *httptest.ResponseRecorder) {
	t.Helper()
	w := ask(h, "GET", target)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/atom+xml; charset=utf-8" {
		t.Fatalf("%s: %d %s", target, w.Code, w.Header())
	}
	if w.Body.Len() > 100<<10 {
		t.Errorf("%s has %d bytes", target, w.Body.Len())
	}
	return checkAtom(t, w.Body.Bytes(), "https://watch.example.org"+target), w
}

func TestFeedOfAllFindings(t *testing.T) {
	s, _ := sample()
	f, _ := getFeed(t, s.Handler(), "/feed.atom")
	var got []string
	for _, e := range f.all("entry") {
		got = append(got, e.one(t, "id").text+" "+e.one(t, "title").text+" "+e.link("alternate")+" "+e.link("via"))
	}
	want := []string{
		"tag:watch.example.org,2026-08-12:finding/f3 Deadlines: Standstill https://watch.example.org/finding/f3 ", // its source is a script
		"tag:watch.example.org,2026-08-11:finding/f2 Tenders: Community podiatry service https://watch.example.org/finding/f2 https://tender.example.org/Notice/055555-2026",
		"tag:watch.example.org,2026-08-01:finding/f1 Outsourcing: Overview Select Committee https://watch.example.org/finding/f1 https://council.example.org/ieListDocuments.aspx?MId=15033#page=7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("newest first (-want +got)\n", diff)
	}
	if got := f.one(t, "title").text; got != "Findings · Our NHS (CCGWatch)" {
		t.Error(got)
	}
	if got := f.all("entry")[2].one(t, "summary").text; got != "Leicester City Council. Meeting: Wednesday 19 August 2026, 17:30. “The board is asked to approve a competitive process for podiatry.” (Podiatry report, page 7). Likely: the words point to it." {
		t.Error(got)
	}
	if got := f.all("entry")[1].one(t, "summary").text; !strings.Contains(got, "Bids are due: Friday 11 September 2026, 12:00, the source says.") {
		t.Error(got)
	}
}

// A feed of a search is what the page shows, and a subscription would bring.
func TestFeedsOfSearchesAndBodies(t *testing.T) {
	s, _ := sample()
	h := s.Handler()
	seen := map[string]string{}
	for target, want := range map[string]string{
		"/feed.atom?q=podiatry":                              "f2 f1",
		"/feed.atom?q=podiatry+-topic%3Atenders":             "f1",
		"/feed.atom?topic=tenders":                           "f2",
		"/feed.atom?q=podiatry&source=leicester":             "f1",
		"/feed.atom?q=unicorns":                              "",
		"/body/leicester-city-council/feed.atom":             "f3 f1",
		"/body/nhs-test-icb/feed.atom":                       "f2", // where it is the buyer
		"/body/uhl/feed.atom":                                "",
		"/feed.atom?q=%22a+%26+b%22+OR+%22%3Cb%3E+c%22":      "",
		"/feed.atom?q=%E2%80%9Cpodiatry+for+adults%E2%80%9D": "f2",
	} {
		f, _ := getFeed(t, h, target)
		var got []string
		for _, e := range f.all("entry") {
			got = append(got, strings.TrimPrefix(e.link("alternate"), "https://watch.example.org/finding/"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", target, got, want)
		}
		id := f.one(t, "id").text
		if other := seen[id]; other != "" {
			t.Errorf("%s and %s have the same id", other, target)
		}
		seen[id] = target
		page := strings.TrimPrefix(f.link("alternate"), "https://watch.example.org")
		if w := ask(h, "GET", page); w.Code != 200 || !strings.Contains(w.Body.String(), `type="application/atom+xml"`) {
			t.Errorf("%s: its page %s: %d", target, page, w.Code)
		}
		if got := read(t, h, page).Find("link[rel=alternate]").AttrOr("href", ""); got != target {
			t.Errorf("%s names the feed %s, not %s", page, got, target)
		}
		if read(t, h, page).Find("main a").FilterFunction(func(_ int, a *goquery.Selection) bool { return a.AttrOr("href", "") == target }).Length() == 0 {
			t.Errorf("%s does not show its feed", page)
		}
	}
}

// What does not fit the canonical form of the address has the same self.
func TestFeedKnowsItsAddress(t *testing.T) {
	s, _ := sample()
	w := ask(s.Handler(), "GET", "/feed.atom?q=&topic=tenders&source=&x=y")
	checkAtom(t, w.Body.Bytes(), "https://watch.example.org/feed.atom?topic=tenders")
	s.URL = ""
	h := s.Handler()
	w = ask(h, "GET", "/feed.atom", func(r *http.Request) { r.Host = "localhost:8080" })
	f := checkAtom(t, w.Body.Bytes(), "http://localhost:8080/feed.atom")
	w = ask(h, "GET", "/feed.atom", func(r *http.Request) { r.Host = "127.0.0.1:8080" })
	g := checkAtom(t, w.Body.Bytes(), "http://127.0.0.1:8080/feed.atom")
	if f.one(t, "id").text != g.one(t, "id").text || f.all("entry")[0].one(t, "id").text != g.all("entry")[0].one(t, "id").text {
		t.Error("the ids depend on how the server was called")
	}
}

func TestFeedIsAskedForAgain(t *testing.T) {
	s, st := sample()
	now := s.Now()
	s.Now = func() time.Time { return now }
	h := s.Handler()
	_, first := getFeed(t, h, "/feed.atom?q=podiatry")
	tag, modified := first.Header().Get("ETag"), first.Header().Get("Last-Modified")
	if tag == "" || modified != "Tue, 11 Aug 2026 08:18:00 GMT" || first.Header().Get("Cache-Control") == "" {
		t.Fatal(first.Header())
	}
	again := func(header, value string) int {
		w := ask(h, "GET", "/feed.atom?q=podiatry", func(r *http.Request) { r.Header.Set(header, value) })
		if w.Code == 304 && w.Body.Len() > 0 {
			t.Error("304 with a body")
		}
		return w.Code
	}
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"If-None-Match", tag, 304},
		{"If-None-Match", `"other", ` + tag, 304},
		{"If-None-Match", `"other"`, 200},
		{"If-Modified-Since", modified, 304},
		{"If-Modified-Since", "Mon, 10 Aug 2026 08:18:00 GMT", 200},
	} {
		if got := again(c.header, c.value); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.header, c.value, got, c.want)
		}
	}
	// As long as nothing was found nothing is searched.
	st.reads = 0
	getFeed(t, h, "/feed.atom?q=podiatry")
	if st.reads > 0 {
		t.Errorf("%d findings were read to say the same again", st.reads)
	}
	// What is found shows at once; what fits not changes nothing.
	st.findings = append(st.findings, store.Finding{ID: "f4", At: at("2026-08-12 11:00"), Change: 4, Title: "Parking"})
	if got := again("If-None-Match", tag); got != 304 {
		t.Errorf("a finding that does not fit: %d", got)
	}
	st.findings = append(st.findings, store.Finding{ID: "f5", At: at("2026-08-12 11:00"), Change: 5, Title: "Podiatry again"})
	if got := again("If-None-Match", tag); got != 200 {
		t.Errorf("a new finding: %d", got)
	}
	// What was judged again is seen within minutes, though the log stands still.
	_, w := getFeed(t, h, "/feed.atom?q=podiatry")
	tag = w.Header().Get("ETag")
	st.findings[1].Title = "Community podiatry service, judged again"
	now = now.Add(feedFresh)
	if got := again("If-None-Match", tag); got != 200 {
		t.Errorf("judged again: %d", got)
	}
	// Another restart has the same content and the same tag.
	_, a := getFeed(t, h, "/feed.atom")
	_, b := getFeed(t, s.Handler(), "/feed.atom")
	if a.Header().Get("ETag") != b.Header().Get("ETag") {
		t.Error("the tag changes with a restart")
	}
}

// However much is asked for, little is remembered.
func TestFeedsRememberLittle(t *testing.T) {
	s, _ := sample()
	v := &site{Server: s}
	for i := range 10 * feedsKept {
		v.feeds.put(fmt.Sprint(i), answered{})
		if len(v.feeds.known) > feedsKept {
			t.Fatalf("%d feeds are remembered", len(v.feeds.known))
		}
	}
}

// Whatever a source writes, a feed stays XML, Atom, and text.
func TestFeedOfHostileText(t *testing.T) {
	corpus := append(hostile(), "a\uffffb\ufffec\U0001fffed", "]]>", "<![CDATA[x]]>", "&#x0;&unknown;", "\x0b\x1f", strings.Repeat("&", 5000), `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y "z">]>`)
	for i, nasty := range corpus {
		s, st := sample()
		s.Group = nasty
		st.findings = nil
		for k := range 60 {
			st.findings = append(st.findings, store.Finding{
				ID: fmt.Sprint("n", k), At: at("2026-08-01 06:06").Add(time.Duration(k) * time.Hour), Change: uint64(k + 1), Source: nasty, Title: nasty, URL: nasty, Quote: nasty, Document: nasty, BodyName: nasty,
				Topic: store.Topic(nasty), Tier: store.Tier(nasty), Kind: store.Kind(nasty), Page: 3, Deadline: &store.Deadline{Stated: nasty, Kind: nasty},
			})
		}
		w := ask(s.Handler(), "GET", "/feed.atom")
		if w.Code != 200 || w.Body.Len() > 100<<10 {
			t.Errorf("%d: %d, %d bytes", i, w.Code, w.Body.Len())
		}
		checkAtom(t, bytes.ReplaceAll(w.Body.Bytes(), []byte("\ufffd"), []byte("?")), "https://watch.example.org/feed.atom")
	}
}

// FuzzFeed: no text breaks a feed.
func FuzzFeed(f *testing.F) {
	f.Add("title", "https://council.example.org/", "<script>")
	f.Add("\uffff]]>", "javascript:alert(1)", "a\r\n\x00b")
	s, st := sample()
	h, n := s.Handler(), uint64(0)
	f.Fuzz(func(t *testing.T, title, address, quote string) {
		n++ // another finding each time, so that nothing remembered is answered
		st.findings = []store.Finding{{ID: "f", At: at("2026-08-01 06:06"), Change: n, Source: "leicester", Title: title, URL: address, Quote: quote, Document: title, BodyName: quote}}
		st.changes[0].Seq = n
		w := ask(h, "GET", "/feed.atom")
		if !strings.Contains(w.Body.String(), "finding/f<") {
			t.Fatal("the finding is not in its feed")
		}
		checkAtom(t, bytes.ReplaceAll(w.Body.Bytes(), []byte("\ufffd"), []byte("?")), "https://watch.example.org/feed.atom")
	})
}
