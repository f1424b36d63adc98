package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/alerts"
	alertsmail "ccgwatch/alerts/mail"
	"ccgwatch/alerts/web"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/query"
)

const home = "https://watch.example.org"

// A house is the pages over a real store, with what they hang on, and a sender
// that keeps what it is given.
type house struct {
	t       *testing.T
	dir     string
	store   *bolt.Store
	links   alerts.Links
	mail    *alertsmail.Composer
	desk    *alerts.Desk
	post    *alerts.Postman
	handler http.Handler
	log     bytes.Buffer

	mu   sync.Mutex // of now
	now  time.Time
	sent []post // by the postman
}

// A post is a mail that was sent.
type post struct {
	to   string
	raw  []byte
	text string
}

func (h *house) Send(_ context.Context, d store.Delivery, to string, _ func() error) error {
	h.sent = append(h.sent, post{to, d.Raw, plain(d.Raw)})
	return nil
}

// plain is what a mail says, without the wrapping of its lines.
func plain(raw []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return ""
	}
	b, _ := io.ReadAll(quotedprintable.NewReader(m.Body)) // of a multipart too: its heads hold no equals sign
	return string(b)
}

func newHouse(t *testing.T) *house { t.Helper(); return newHouseIn(t, t.TempDir()) }

// quick is a directory in memory where there is such a place.
func quick(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ccgwatch-test-") //nolint:usetesting // t.TempDir cannot be told where
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newHouseIn(t *testing.T, dir string) *house {
	t.Helper()
	h := &house{t: t, dir: dir, now: time.Date(2026, 8, 12, 12, 0, 0, 0, time.UTC)}
	st, err := bolt.Open(h.dir)
	h.must(err)
	t.Cleanup(func() { _ = st.Close() })
	h.store = st
	h.links, err = alerts.NewLinks(home, "alerts@example.org", bytes.Repeat([]byte("k"), 32))
	h.must(err)
	h.mail, err = alertsmail.NewComposer("Our NHS", h.links, time.UTC)
	h.must(err)
	log := slog.New(slog.NewTextHandler(&h.log, nil))
	h.desk = &alerts.Desk{Subscribers: st, Signups: st, Outbox: st, Links: h.links, Caps: alerts.DefaultCaps(), Compose: h.mail.ComposeService, Log: log}
	h.desk.Caps.ClientHour, h.desk.Caps.ClientDay = 1000, 1000 // all that asks here comes from one place
	h.post = &alerts.Postman{Outbox: st, Subscribers: st, Sender: h, Log: log}
	h.handler = h.server().Handler()
	return h
}

func (h *house) server() web.Server {
	return web.Server{
		Ledger: h.store, Outbox: h.store, Subscribers: h.store, Desk: h.desk, Group: "Our NHS", URL: home, Listen: "127.0.0.1:8080", Contact: "alerts@example.org",
		Sources: func() []web.SourceInfo { return nil }, Facts: facts,
		Choices: func() (bodies, areas []web.Choice) {
			return []web.Choice{{Value: "leicester-city-council", Name: "Leicester City Council"}, {Value: "qk1", Name: "The care board"}},
				[]web.Choice{{Value: "leicester", Name: "Leicester"}, {Value: "rutland", Name: "Rutland"}}
		},
		Token: func(token string) (string, bool, error) {
			subs, err := h.store.Subscriptions(context.Background(), "", 0)
			for _, s := range subs {
				if h.links.Token(s.ID) == token {
					return s.ID, true, nil
				}
			}
			return "nobody", len(token) == 43, err
		},
		Even:    -1,
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Now:     h.clock, Log: slog.New(slog.NewTextHandler(&h.log, nil)), Version: "test",
	}
}

func facts(f store.Finding) query.Facts {
	return query.Facts{Topics: []string{string(f.Topic)}, Areas: f.Areas, Bodies: []string{f.BodyName}, Text: f.Title + "\n" + f.Quote}
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// deliver sends what is due and returns it.
func (h *house) deliver() []post {
	h.t.Helper()
	n := len(h.sent)
	_, _, err := h.post.Deliver(h.t.Context(), h.clock())
	h.must(err)
	return h.sent[n:]
}

// ask makes a request as a browser on the page would.
func (h *house) ask(method, target string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, home+target, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// A sheet is a page in somebody's hands.
type sheet struct {
	*goquery.Document
	h    *house
	at   string
	code int
}

func (h *house) open(target string) sheet {
	h.t.Helper()
	return h.read(target, h.ask("GET", target, nil))
}

func (h *house) read(at string, w *httptest.ResponseRecorder) sheet {
	h.t.Helper()
	d, err := goquery.NewDocumentFromReader(bytes.NewReader(w.Body.Bytes()))
	h.must(err)
	return sheet{d, h, at, w.Code}
}

func (s sheet) title() string { return s.Find("h1").Text() }

func (s sheet) words() string { return strings.Join(strings.Fields(s.Find("main").Text()), " ") }

// press fills in a form (with values by field; nil unticks) and presses a
// button, as somebody without scripts does.
func (s sheet) press(form, button string, fill map[string][]string) sheet {
	s.h.t.Helper()
	f := s.Find("form#" + form)
	if f.Length() != 1 {
		s.h.t.Fatalf("%s (%s) has %d forms %s", s.at, s.title(), f.Length(), form)
	}
	v := url.Values{}
	f.Find("input[name]").Each(func(_ int, i *goquery.Selection) {
		name, kind := i.AttrOr("name", ""), i.AttrOr("type", "text")
		_, on := i.Attr("checked")
		if (kind == "checkbox" || kind == "radio") && !on {
			return
		}
		v.Add(name, i.AttrOr("value", "on"))
	})
	for name, values := range fill {
		v[name] = values
	}
	if button != "" {
		b := f.Find(fmt.Sprintf("button[value=%q]", button))
		if b.Length() != 1 {
			s.h.t.Fatalf("%s has %d buttons %s", s.at, b.Length(), button)
		}
		v.Set(b.AttrOr("name", ""), button)
	}
	action := f.AttrOr("action", s.at)
	s.h.pass(5 * time.Second)
	return s.h.read(action, s.h.ask("POST", action, v))
}

// link is the path of the one link of a kind (c, m, u) in a mail.
func (p post) link(kind string) string {
	x := regexp.MustCompile(regexp.QuoteMeta(home) + `(/` + kind + `/[A-Za-z0-9_-]{43})`).FindStringSubmatch(p.text)
	if x == nil {
		return ""
	}
	return x[1]
}

// join signs somebody up on the page and presses the button in the mail.
func (h *house) join(address string, fill map[string][]string) {
	h.t.Helper()
	fill = maps.Clone(fill)
	if fill == nil {
		fill = map[string][]string{}
	}
	fill["address"], fill["agree"] = []string{address}, []string{"yes"}
	if s := h.open("/subscribe").press("subscribe", "signup", fill); s.code != 200 {
		h.t.Fatalf("signing up: %d %s", s.code, s.words())
	}
	got := h.deliver()
	if len(got) != 1 || got[0].link("c") == "" {
		h.t.Fatalf("after signing up %d mails came", len(got))
	}
	if s := h.open(got[0].link("c")).press("confirm", "", nil); s.title() != "You are subscribed" {
		h.t.Fatalf("confirming: %s", s.words())
	}
}

// manage asks for somebody's link and opens it.
func (h *house) manage(address string) sheet {
	h.t.Helper()
	h.open("/manage").press("asklink", "", map[string][]string{"address": {address}})
	got := h.deliver()
	if len(got) != 1 || got[0].link("m") == "" {
		h.t.Fatalf("after asking for the link %d mails came", len(got))
	}
	return h.open(got[0].link("m"))
}

func (h *house) subs() []store.Subscription {
	h.t.Helper()
	all, err := h.store.Subscriptions(h.t.Context(), "", 0)
	h.must(err)
	slices.SortFunc(all, func(a, b store.Subscription) int { return a.Created.Compare(b.Created) })
	return all
}
