package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/alerts/judge"
	"ccgwatch/config"
	"ccgwatch/store"
)

// The pages that gather what notices say, over every recorded notice: a
// supplier's page holds one company and notices that name it, and the chart of
// values adds up to what its table says.
func TestPagesOfRecordedNoticesAreNoNonsense(t *testing.T) {
	items := recordedNotices(t)
	cfg := config.Default()
	cfg.Group.Email = "alerts@example.org"
	a, err := openApp(cfg, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closeApp(t, a)
	arriveIn(t, a.store, items, 500)
	now := time.Date(2026, 8, 21, 9, 0, 0, 0, time.UTC)
	if err := a.follow(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	h := a.webServer(func() time.Time { return now }).Handler
	page := func(path string) *goquery.Document {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil))
		d, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil || w.Code != http.StatusOK {
			t.Fatal(path, w.Code, err)
		}
		return d
	}
	notices := map[string]*store.Notice{}
	for _, it := range items {
		notices[it.Source+" "+it.Key] = it.Notice
	}

	seen := map[string]bool{}
	for n := 1; ; n++ {
		fresh := 0
		list := page("/suppliers?page=" + strconv.Itoa(n))
		for _, x := range list.Find(`main a[href^="/supplier/"]`).EachIter() {
			path := x.AttrOr("href", "")
			if !seen[path] {
				seen[path], fresh = true, fresh+1
				oneCompany(t, a, path, page(path), notices)
			}
		}
		if fresh == 0 || list.Find(`main a:contains("Next")`).Length() == 0 {
			break
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d suppliers have a page", len(seen))
	}

	all, rows := 0, 0
	of := page("/numbers").Find("#value, [id=value]").First()
	if of.Length() == 0 {
		t.Fatal("there is no chart of values")
	}
	of.Parent().Find("table").First().Find("tbody tr").Each(func(_ int, tr *goquery.Selection) {
		n, err := strconv.Atoi(strings.TrimSpace(tr.Find("td").First().Text()))
		if err != nil {
			t.Error(err)
		}
		all, rows = all+n, rows+1
	})
	if says := of.Parent().Text(); rows < 4 || !strings.Contains(says, "Of "+strconv.Itoa(all)+" procurements") {
		t.Errorf("%d rows come to %d procurements, which is not what the page says", rows, all)
	}
	t.Logf("%d notices, %d suppliers, %d procurements with an award", len(items), len(seen), all)
}

// oneCompany: what a page calls one supplier has one company number at most, and
// each notice on it names it.
func oneCompany(t *testing.T, a *app, path string, d *goquery.Document, notices map[string]*store.Notice) {
	t.Helper()
	names := map[string]bool{judge.FirmName(d.Find("h1").Text()): true}
	for _, dt := range d.Find("dt").EachIter() {
		if dt.Text() == "Also printed as" {
			for _, name := range strings.FieldsFunc(dt.Next().Text(), func(r rune) bool { return r == ';' }) {
				names[judge.FirmName(strings.TrimSpace(name))] = true
			}
		}
	}
	number := d.Find(`dt:contains("Number")`).Next().Text()
	numbers := map[string]bool{}
	for _, link := range d.Find("article h2 a").EachIter() {
		u, err := url.Parse(link.AttrOr("href", ""))
		if err != nil {
			t.Fatal(err)
		}
		n := notices[u.Query().Get("source")+" "+u.Query().Get("key")]
		if n == nil {
			t.Errorf("%s lists %s, which was not read", path, u)
			continue
		}
		named := false
		for _, s := range n.Suppliers {
			p := a.judge.Provider(s, n.CPV)
			same := names[judge.FirmName(s.Name)]
			if p.Number != "" && number == p.Scheme+" "+p.Number {
				same = true
			}
			if same {
				named = true
			}
			if same && p.Scheme == "GB-COH" && p.Number != "" {
				numbers[p.Number] = true
			}
		}
		if !named {
			t.Errorf("%s (%s) lists %s, which does not name it", path, d.Find("h1").Text(), u)
		}
	}
	if len(numbers) > 1 {
		t.Errorf("%s is of several companies: %v", path, numbers)
	}
}
