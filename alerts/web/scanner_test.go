package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// postMails fills the letterbox of the house with mails of every kind: at least n.
func (h *house) postMails(n int) {
	h.t.Helper()
	ctx := h.t.Context()
	h.desk.Caps.AllHour, h.desk.Caps.DomainHour = 10_000, 10_000
	people := (n + 3) / 4 // each gets a confirmation, a link, an alert and a digest
	for i := range people {
		address := fmt.Sprintf("reader%d@example.net", i)
		h.join(address, map[string][]string{"often": {"both"}, "words": {"dialysis"}})
		h.manage(address)
	}
	for i := range 3 { // who have not answered yet
		h.open("/subscribe").press("subscribe", "signup", map[string][]string{"address": {fmt.Sprintf("stranger%d@example.net", i)}, "agree": {"yes"}})
	}
	h.deliver()
	h.pass(time.Hour)
	snap := store.Snapshot{Source: "leics", Items: map[string]store.Item{"meeting/1": {
		Source: "leics", Key: "meeting/1", Kind: store.KindMeeting, Title: "Dialysis transport", URL: "https://council.example.org/1",
		Fields: map[string]string{store.FieldWhen: h.clock().AddDate(0, 0, 9).Format(time.RFC3339)},
	}}}
	h.must(h.store.Commit(ctx, snap, []store.Change{{At: h.clock(), Source: "leics", Key: "meeting/1", Kind: store.KindMeeting, Op: store.OpAdded, What: []store.What{store.NewMeeting}, Title: "Dialysis transport"}},
		store.Health{Source: "leics", LastTry: h.clock(), LastComplete: h.clock()}))
	log := slog.New(slog.DiscardHandler)
	m := &alerts.Matcher{
		Ledger: h.store, Outbox: h.store, Subscribers: h.store, Compose: h.mail.Compose, Facts: facts, Log: log,
		Judge: func(_ context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
			return []store.Finding{{
				ID: fmt.Sprintf("%064x", c.Seq), Source: it.Source, Key: it.Key, Kind: it.Kind, Topic: store.TopicMeetings, Tier: store.TierCertain, Title: it.Title, URL: it.URL, Quote: "A dialysis contract.",
			}}, nil
		},
	}
	for more := true; more; {
		var err error
		more, err = m.Step(ctx, h.clock())
		h.must(err)
	}
	h.deliver()
	h.pass(72 * time.Hour)
	d := &alerts.Digester{
		Ledger: h.store, Outbox: h.store, Subscribers: h.store, Compose: h.mail.Compose, Facts: facts, Schedule: alerts.Fridays(time.UTC), Log: log,
		About: alerts.About, SourceName: func(string) string { return "Leicester City Council" },
	}
	_, err := d.DueDigests(ctx, h.clock())
	h.must(err)
	h.deliver()
	h.must(h.store.Subscribe(ctx, store.Subscription{ID: "0e", Address: "ended@example.net", Often: store.Weekly, State: store.StateConfirmed, Created: h.clock()}))
	h.must(h.store.End(ctx, "0e", h.clock()))
}

// links are the addresses of ours that a scanner finds in a text or a page.
func linksIn(text string) []string {
	var out []string
	for _, raw := range regexp.MustCompile(`https://watch\.example\.org[^\s"'<>]*`).FindAllString(text, -1) {
		out = append(out, strings.TrimPrefix(html.UnescapeString(raw), home))
	}
	for _, x := range regexp.MustCompile(`(?:href|action)="(/[^"]*)"`).FindAllStringSubmatch(text, -1) {
		out = append(out, html.UnescapeString(x[1]))
	}
	return out
}

// TestPromiseScanner: a scanner that opens every link of every mail, and every
// link and form address of the pages it finds there, by GET and HEAD, twice and
// at once, changes nothing: not a byte of the store.
func TestPromiseScanner(t *testing.T) {
	mails := 20
	if os.Getenv("CCGWATCH_PROMISES") != "" || os.Getenv("CCGWATCH_SOAK") != "" {
		mails = 200
	}
	h := newHouse(t)
	h.postMails(mails)
	kinds := map[string]int{}
	var found []string
	for _, p := range h.sent {
		switch {
		case p.link("c") != "":
			kinds["confirm"]++
		case p.link("m") != "":
			kinds["manage"]++
		case strings.Contains(string(p.raw), "week to"):
			kinds["digest"]++
		default:
			kinds["alert"]++
		}
		found = append(found, linksIn(p.text)...)
	}
	for _, kind := range []string{"confirm", "manage", "alert", "digest"} {
		if kinds[kind] < mails/4 {
			t.Fatalf("mails by kind: %v; this proves nothing", kinds)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	secret := 0
	for _, l := range found {
		if strings.HasPrefix(l, "/c/") || strings.HasPrefix(l, "/m/") || strings.HasPrefix(l, "/u/") {
			secret++
		}
	}
	if secret < mails/2 {
		t.Fatalf("only %d of %d links carry a token", secret, len(found))
	}
	file := func() []byte {
		b, err := os.ReadFile(filepath.Join(h.dir, bolt.File))
		h.must(err)
		return b
	}
	list := func() string {
		b, err := json.Marshal(h.subs())
		h.must(err)
		return string(b)
	}
	before, people := file(), list()
	var deeper []string
	for range 2 {
		deeper = append(deeper, h.scan(found)...)
	}
	slices.Sort(deeper)
	deeper = slices.Compact(deeper)
	h.scan(deeper)
	if !bytes.Equal(before, file()) || list() != people {
		t.Errorf("a scanner changed the store: before\n%s\nafter\n%s", people, list())
	}
	t.Logf("%d mails %v, %d links, %d more on their pages", len(h.sent), kinds, len(found), len(deeper))

	// The same links with the button pressed do what they say.
	for _, p := range h.sent {
		if strings.HasPrefix(p.to, "stranger") {
			if s := h.open(p.link("c")).press("confirm", "", nil); s.code != 200 {
				t.Errorf("the button does not work either: %d", s.code)
			}
		}
	}
	if bytes.Equal(before, file()) {
		t.Error("the buttons changed nothing: this proves nothing")
	}
}

// scan opens addresses as a scanner does and gives the ones on their pages.
func (h *house) scan(targets []string) []string {
	h.t.Helper()
	var mu sync.Mutex
	var found []string
	var wg sync.WaitGroup
	next := make(chan string)
	for range 8 {
		wg.Go(func() {
			for target := range next {
				for _, method := range []string{"HEAD", "GET"} {
					w := h.ask(method, target, nil, func(r *http.Request) { r.Header.Set("User-Agent", "link scanner") })
					if w.Code >= 500 {
						h.t.Errorf("%s gives %d", target, w.Code)
					}
					if p := strings.SplitN(target, "/", 3); len(p) == 3 && (p[1] == "c" || p[1] == "m" || p[1] == "u") {
						if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" || !strings.Contains(w.Header().Get("X-Robots-Tag"), "noindex") {
							h.t.Errorf("%s %s: %v", method, target, w.Header())
						}
					}
					if method == "GET" {
						mu.Lock()
						found = append(found, linksIn(w.Body.String())...)
						mu.Unlock()
					}
				}
			}
		})
	}
	for _, l := range targets {
		next <- l
	}
	close(next)
	wg.Wait()
	return found
}

// FuzzSubscribe: whatever is sent in as a form, the answer is a page, what is
// stored has a query that can be read, and boxes and line agree on it.
func FuzzSubscribe(f *testing.F) {
	for _, s := range []string{
		"q=dialysis&words=&often=weekly", "topic=tenders&topic=foi&area=leicester&words=a+b&phrase=c+d&any=e+f&without=g&q=&was=&often=both",
		"q=%22open&often=weekly", "words=a+OR+b", "topic=%00&q=%ff%fe", "q=(((((a)))))&was=x.y", "address=a%40example.net&agree=yes&do=signup&often=instant&q=a+OR+b&topic=foi",
		"q=" + strings.Repeat("%C4%B0", 400), "body=" + strings.Repeat("a", 300) + "&was=..",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 8<<10 {
			return
		}
		h := newHouseIn(t, quick(t))
		stamp := h.links.Stamp(h.clock().Add(-time.Minute))
		w := h.ask("POST", "/subscribe", nil, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Body = io.NopCloser(strings.NewReader(body + "&t=" + url.QueryEscape(stamp)))
		})
		if w.Code >= 500 || !bytes.Contains(w.Body.Bytes(), []byte("</html>")) {
			t.Fatalf("%q: %d", body, w.Code)
		}
		for _, s := range h.subs() {
			form := h.read("/subscribe", h.ask("GET", "/subscribe?"+url.Values{"q": {s.Query}, "often": {s.Often}}.Encode(), nil))
			if form.code != 200 || form.Find("#q").AttrOr("value", "") != s.Query {
				t.Fatalf("%q stored %q, which the form does not take back: %d", body, s.Query, form.code)
			}
		}
	})
}
