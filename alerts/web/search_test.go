package web

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/index"
	"ccgwatch/store/query"
)

// A library is the pages over a real store with a real index.
type library struct {
	t     *testing.T
	store *bolt.Store
	index *index.Index
	pages Server
	place store.Position
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	dir := t.TempDir()
	st, err := bolt.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := sample()
	s.Ledger, s.Outbox, s.Subscribers, s.Log = st, st, st, slog.New(slog.NewTextHandler(io.Discard, nil))
	s.Facts = func(f store.Finding) query.Facts {
		return query.Facts{Topics: []string{string(f.Topic)}, Kinds: []string{string(f.Kind)}, Sources: []string{f.Source}, Tiers: []string{string(f.Tier)}, Text: f.Title + "\n" + f.Quote}
	}
	x, err := index.Open(filepath.Join(dir, index.File), index.Options{
		Ledger: st, Archive: st, Outbox: st, Follower: follower, Version: "test", Facts: s.Facts,
		Describe: func(it store.Item) index.Described {
			return index.Described{Text: it.Fields[store.FieldText], Bodies: []string{"leicester-city-council"}, Date: it.Published,
				Facts: query.Facts{Kinds: []string{string(it.Kind)}, Sources: []string{it.Source}, Bodies: []string{"leicester-city-council"}, Text: it.Title}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = x.Close(), st.Close() })
	s.Index = x
	return &library{t: t, store: st, index: x, pages: s}
}

func (l *library) commit(items []store.Item, find func(store.Change) []store.Finding) {
	l.t.Helper()
	ctx := l.t.Context()
	snap, err := l.store.Snapshot(ctx, items[0].Source, []string{})
	if err != nil {
		l.t.Fatal(err)
	}
	var changes []store.Change
	at := l.pages.Now().Add(-40*24*time.Hour + time.Duration(l.place.Seq)*time.Hour)
	for _, it := range items {
		snap.Items[it.Key] = it
		changes = append(changes, store.Change{At: at, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title, URL: it.URL})
	}
	if err := l.store.Commit(ctx, snap, changes, store.Health{Source: items[0].Source}); err != nil {
		l.t.Fatal(err)
	}
	logged, err := l.store.Changes(ctx, l.place.Seq, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	var found []store.Finding
	for _, c := range logged {
		for i, f := range find(c) {
			f.ID, f.Change, f.At, f.Source, f.Key, f.Kind, f.Title, f.URL = fmt.Sprintf("%06d%d", c.Seq, i), c.Seq, c.At, c.Source, c.Key, c.Kind, c.Title, c.URL
			found = append(found, f)
		}
	}
	to := store.Position{Seq: logged[len(logged)-1].Seq}
	if err := l.store.Advance(ctx, follower, l.place, to, found, nil); err != nil {
		l.t.Fatal(err)
	}
	l.place = to
}

func (l *library) follow() {
	l.t.Helper()
	for more := true; more; {
		var err error
		if more, err = l.index.Step(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
}

func nothing(store.Change) []store.Finding { return nil }

func (l *library) paper(pages ...string) string {
	l.t.Helper()
	sha, _, err := l.store.Keep(l.t.Context(), strings.NewReader(strings.Join(pages, "\f")))
	if err == nil {
		err = l.store.KeepText(l.t.Context(), sha, pages)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return sha
}

func meetingWith(key, title, sha string, at time.Time) store.Item {
	return store.Item{Source: "leicester", Key: key, Kind: store.KindMeeting, Title: title, URL: "https://council.example.org/" + key, Published: at,
		Documents: []store.Document{{Key: "d1", Title: "Public report pack", URL: "https://council.example.org/pack.pdf", SHA256: sha, Pages: 2}}}
}

func TestSearchOpensAtThePage(t *testing.T) {
	l := newLibrary(t)
	sha := l.paper("Apologies were received.", "The hospice at Rutland closes. <script>alert(1)</script> \u202ehidden")
	l.commit([]store.Item{
		meetingWith("meeting/1", "Health scrutiny", sha, at("2026-08-01 10:00")),
		{Source: "leicester", Key: "page/1", Kind: store.KindPage, Title: "Hospice <b>news</b>", URL: "https://council.example.org/p", Published: at("2025-08-01 10:00"), Fields: map[string]string{store.FieldText: "Beds and nights."}},
	}, func(c store.Change) []store.Finding {
		if c.Kind == store.KindPage {
			return nil
		}
		return []store.Finding{{Topic: store.TopicOutsourcing, Tier: store.TierLikely}}
	})
	l.follow()
	h := l.pages.Handler()
	d := read(t, h, "/search?q=hospices")
	if got := words(d, "h2"); got != "2 items fit" {
		t.Error(got)
	}
	hit := d.Find("article").FilterFunction(func(_ int, a *goquery.Selection) bool { return strings.Contains(a.Text(), "scrutiny") })
	if got := hit.Find(".spot a[rel~=external]").AttrOr("href", ""); got != "https://council.example.org/pack.pdf#page=2" {
		t.Errorf("the source does not open at the page: %s", got)
	}
	if got := words(d, ".spot p:first-child"); !strings.Contains(got, "Public report pack, page 2") {
		t.Error(got)
	}
	if got := words(d, "blockquote mark"); !strings.EqualFold(got, "hospice") {
		t.Errorf("marked: %q", got)
	}
	if n := d.Find("main script").Length(); n != 1 || d.Find("main script").AttrOr("src", "") != "/search.js" || d.Find("b").Length() != 0 {
		t.Errorf("what a source wrote became markup: %d scripts", n)
	}
	if strings.ContainsRune(d.Text(), '\u202e') {
		t.Error("the direction of writing is turned")
	}
	var facets []string
	d.Find(".facets li").Each(func(_ int, li *goquery.Selection) {
		facets = append(facets, words(&goquery.Document{Selection: li}, "a")+" "+li.Find("a").AttrOr("href", "")+li.Contents().Last().Text())
	})
	want := []string{
		"Meeting /search?kind=meeting&q=hospices (1)", "Page /search?kind=page&q=hospices (1)",
		"2026 /search?q=hospices&year=2026 (1)", "2025 /search?q=hospices&year=2025 (1)",
	}
	if diff := cmp.Diff(want, facets); diff != "" {
		t.Error(diff)
	}
	for _, address := range []string{"/subscribe?q=hospices", "/feed.atom?q=hospices"} {
		if address == "/subscribe?q=hospices" && l.pages.Desk == nil {
			continue
		}
		if d.Find(`main a[href="`+address+`"]`).Length() != 1 {
			t.Errorf("no way to keep the search at %s", address)
		}
	}
	for target, want := range map[string]string{
		"/search?q=hospice&kind=meeting":         "1 item fits",
		"/search?q=hospice&year=2025":            "1 item fits",
		"/search?q=hospice&topic=outsourcing":    "1 item fits",
		"/search?q=hospice&from=2026-01-01":      "1 item fits",
		"/search?q=hospice&to=2025-08-01":        "1 item fits",
		"/search?q=hospice&to=2025-07-31":        "Nothing fits",
		"/search?q=%22hospice+at+rutland%22":     "1 item fits",
		"/search?q=%22hospice+in+rutland%22":     "Nothing fits",
		"/search?body=leicester-city-council":    "2 items fit",
		"/search?q=unicorns":                     "Nothing fits",
		"/search?q=hospice&order=newest&page=1":  "2 items fit",
		"/search?q=hospice+OR+apologies&page=1":  "2 items fit",
		"/search?q=hospice+-kind%3Ameeting":      "1 item fits",
		"/search?q=source%3Aleicester+apologies": "1 item fits",
	} {
		if got := words(read(t, h, target), "h2"); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	for target, status := range map[string]int{
		"/search?q=%22": 400, "/search?kind=cats&q=a": 400, "/search?from=yesterday": 400, "/search?year=1": 400, "/search?order=x&q=a": 400,
		"/search?q=hospice&page=2": 404, "/search?q=hospice&page=0": 400, "/search?q=hospice&page=501": 400, "/search": 200,
	} {
		if w := ask(h, "GET", target); w.Code != status {
			t.Errorf("%s answers %d, want %d", target, w.Code, status)
		}
	}
	if w := ask(h, "GET", "/search?q=hospice"); !strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'self';") {
		t.Error("the page of the search may not load its script")
	}
	if w := ask(h, "GET", "/findings"); strings.Contains(w.Header().Get("Content-Security-Policy"), "script") {
		t.Error("another page may load scripts")
	}
}

func TestSearchDuringARebuildSaysSo(t *testing.T) {
	l := newLibrary(t)
	l.commit([]store.Item{meetingWith("meeting/1", "Hospice", "", at("2026-08-01 10:00"))}, nothing)
	h := l.pages.Handler()
	if got := words(read(t, h, "/search?q=hospice"), ".held"); !strings.Contains(got, "Not complete: the search is being built. 0 of 1 changes") {
		t.Errorf("an unfinished index looks like an empty one: %q", got)
	}
	l.follow()
	if got := words(read(t, h, "/search?q=hospice"), ".held"); got != "" {
		t.Error(got)
	}
	l.pages.Index = nil
	h = l.pages.Handler()
	if got := words(read(t, h, "/search?q=hospice"), ".held"); !strings.Contains(got, "There is no search here") {
		t.Error(got)
	}
	if got := read(t, h, "/").Find(`nav a[href="/search"]`).Length(); got != 0 {
		t.Error("the menu leads to a search that is not there")
	}
}

// Whether findings are searched in the store or in the index nobody can tell.
func TestFindingsByIndexAreFindingsByScan(t *testing.T) {
	l := newLibrary(t)
	for i := range 12 {
		var items []store.Item
		for j := range 8 {
			items = append(items, store.Item{Source: []string{"leicester", "uhl"}[i%2], Key: fmt.Sprintf("x/%d-%d", i, j%5), Kind: store.KindPage, Title: fmt.Sprintf("Number %d of ICB tenders", j), URL: "https://council.example.org/x"})
		}
		l.commit(items, func(c store.Change) []store.Finding {
			var out []store.Finding
			for k := range int(c.Seq) % 3 {
				out = append(out, store.Finding{Topic: []store.Topic{store.TopicTenders, store.TopicAwards}[k], Tier: []store.Tier{store.TierLikely, store.TierMention}[int(c.Seq)%2], Silent: c.Seq%7 == 0, Quote: fmt.Sprintf("tendering care %d, end of life %d", c.Seq%5, c.Seq%4)})
			}
			return out
		})
	}
	l.follow()
	scan := l.pages
	scan.Index = nil
	by, without := l.pages.Handler(), scan.Handler()
	if v := (&site{Server: l.pages}); !v.indexed(t.Context()) {
		t.Fatal("the index is not asked")
	}
	targets := []string{"/findings", "/findings?topic=awards", "/findings?source=uhl", "/findings?q=care", "/findings?q=%22tendering+care%22", "/findings?q=%22tender+care%22", "/findings?q=ICB+-4",
		"/findings?q=nothing", "/findings?q=life+OR+3&topic=tenders&source=leicester", "/findings?before=50-0000500&q=care", "/findings?before=50-&q=care", "/feed.atom?q=care", "/feed.atom?q=%22end+of+life+2%22", "/feed.atom?topic=awards"}
	for _, target := range targets {
		for n := 0; target != "" && n < 20; n++ {
			a, b := ask(by, "GET", target), ask(without, "GET", target)
			// one has a search in its menu, and nothing else is another
			if diff := cmp.Diff(strings.ReplaceAll(b.Body.String(), "\n<li><a href=\"/search\">Search</a></li>", ""), strings.ReplaceAll(a.Body.String(), "\n<li><a href=\"/search\">Search</a></li>", "")); diff != "" || a.Code != 200 {
				t.Errorf("%s: %s", target, diff)
			}
			target = ""
			if d, err := goquery.NewDocumentFromReader(a.Body); err == nil {
				target = d.Find("p.more a[rel=next]").AttrOr("href", "")
			}
		}
	}
	for _, typed := range []string{"", "care", `"end of life 2"`, "ICB -4", "topic:awards", "nothing"} {
		q, err := query.Parse(typed)
		if err != nil {
			t.Fatal(err)
		}
		for _, often := range []string{store.Instant, store.Weekly, store.Both} {
			a, err := (&site{Server: l.pages, zone: london()}).preview(t.Context(), q, often)
			if err != nil {
				t.Fatal(err)
			}
			b, err := (&site{Server: scan, zone: london()}).preview(t.Context(), q, often)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Errorf("preview of %q, %s: %s", typed, often, diff)
			}
		}
	}
}

func TestSearchAsYouTypeIsOptionalAndBounded(t *testing.T) {
	l := newLibrary(t)
	l.commit([]store.Item{meetingWith("meeting/1", "Health </script> scrutiny", l.paper("x", "hospice"), at("2026-08-01 10:00"))}, nothing)
	l.follow()
	h := l.pages.Handler()
	w := ask(h, "GET", "/search.json?q=hospice&kind=&from=")
	var got quickAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := quickAnswer{Items: 1, Hits: []quickHit{{Title: "Health </script> scrutiny", Path: itemPath("leicester", "meeting/1") + "#documents", About: "Meeting, 1 August 2026, page 2"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(w.Body.String(), "</script>") || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Error("an answer that could be taken for markup")
	}
	if w := ask(h, "GET", "/search.json?q=hospice+%22"); w.Code != 200 || !strings.Contains(w.Body.String(), "Not a whole search yet") {
		t.Error(w.Code, w.Body)
	}
	if w := ask(h, "GET", "/search.js"); w.Code != 200 || w.Body.Len() > 2000 || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Error(w.Code, w.Body.Len(), w.Header())
	}
	last := 0
	for range paceMost + 5 {
		w := ask(h, "GET", "/search.json?q=hospice")
		if last = w.Code; last == 429 {
			if w.Header().Get("Retry-After") == "" {
				t.Error("it does not say when to come again")
			}
			break
		}
	}
	if last != 429 {
		t.Error("nobody is ever told to slow down")
	}
}
