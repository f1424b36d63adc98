package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/config"
	"ccgwatch/store"
)

// How much record BenchmarkPage100k goes over: a tenth of the items are meetings
// with a paper, the rest notices, three to a procurement.
const benchItems = 100_000

// BenchmarkPage100k asks the pages, feeds and data of a whole app, as run serves
// them, over 100,000 items. The goal is 20 ms each; slowest-ms is mostly the
// first time, when nothing is remembered. CCGWATCH_BENCH_DATA names a directory
// to keep the store in, which takes minutes to make, for another run.
//
//	go test ./cmd/ccgwatch -run '^$' -bench Page100k -benchtime 20x -timeout 30m
func BenchmarkPage100k(b *testing.B) {
	now := townStart()
	a := bigRecord(b, now)
	srv, ahead := a.webServerAhead(func() time.Time { return now })
	if err := ahead(b.Context()); err != nil {
		b.Fatal(err)
	}
	h := srv.Handler
	get := func(target string) *httptest.ResponseRecorder {
		now = now.Add(5 * time.Second) // so that nobody asks too often
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1:8080"+target, nil)
		h.ServeHTTP(w, r)
		return w
	}
	benchPapers(func() { get("/register?of=papers") })
	for _, p := range benchPages(a) {
		b.Run(p.name, func(b *testing.B) {
			size := 0
			var times []time.Duration
			for b.Loop() {
				begun := time.Now()
				w := get(p.target)
				times = append(times, time.Since(begun))
				if w.Code != 200 {
					b.Fatal(p.target, w.Code, w.Body)
				}
				size = w.Body.Len()
			}
			slices.Sort(times)
			b.ReportMetric(float64(size)/1024, "KB/page")
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "slowest-ms")
		})
	}
}

// benchPapers asks for what papers say before it is timed, unless
// CCGWATCH_BENCH_PAPERS is 0: it is read beside everything else.
func benchPapers(read func()) {
	if os.Getenv("CCGWATCH_BENCH_PAPERS") != "0" {
		read()
	}
}

// A benchPage is an address that is asked for.
type benchPage struct{ name, target string }

// benchPages are one or more of each kind that the server answers.
func benchPages(a *app) []benchPage {
	body, other := a.rules.Bodies[7].ID, a.rules.Bodies[9].Name
	at := func(path string, values ...string) string {
		v := url.Values{}
		for i := 0; i < len(values); i += 2 {
			v.Set(values[i], values[i+1])
		}
		return path + "?" + v.Encode()
	}
	notice, meeting := "ocds-bench-010001/1", "meeting/050000"
	return []benchPage{
		{"start", "/"},
		{"deadlines", "/deadlines"},
		{"numbers", "/numbers"},
		{"register", "/register"},
		{"register-page", "/register?page=40"},
		{"register-papers", "/register?of=papers"},
		{"suppliers", "/suppliers"},
		{"suppliers-named", "/suppliers?q=supplier+7"},
		{"supplier", "/supplier/supplier-7"},
		{"corrections", "/corrections"},
		{"coverage", "/coverage"},
		{"sources", "/sources"},
		{"help", "/help"},
		{"about", "/about"},
		{"threads", "/threads"},
		{"threads-stage", "/threads?stage=award"},
		{"threads-body", at("/threads", "body", body)},
		{"threads-words", "/threads?q=1a"},
		{"thread", "/thread/ocds-bench-010001"},
		{"thread-feed", "/thread/ocds-bench-010001/feed.atom"},
		{"thread-calendar", "/thread/ocds-bench-010001/calendar.ics"},
		{"findings", "/findings"},
		{"findings-topic", "/findings?topic=tenders"},
		{"findings-source", "/findings?source=find-a-tender"},
		{"findings-common", "/findings?q=1a"},
		{"findings-rare", "/findings?q=1a+2b+3c"},
		{"findings-nothing", "/findings?q=unicorns"},
		{"findings-phrase", at("/findings", "q", `"1a 2b"`)},
		{"findings-body", at("/findings", "q", "body:"+body)},
		{"finding", fmt.Sprintf("/finding/%064d", 50_000)},
		{"meetings", "/meetings"},
		{"item-notice", at("/item", "source", "find-a-tender", "key", notice)},
		{"item-meeting", at("/item", "source", "big", "key", meeting)},
		{"paper", at("/paper", "source", "big", "key", meeting, "sha", benchPaper(50_000), "page", "2")},
		{"record", "/items"},
		{"record-of-body", at("/items", "body", body, "kind", "notice")},
		{"record-of-kind", "/items?kind=meeting"},
		{"bodies", "/bodies"},
		{"body", "/body/" + body},
		{"feed", "/feed.atom"},
		{"feed-of-search", "/feed.atom?q=1a"},
		{"feed-of-body", "/body/" + body + "/feed.atom"},
		{"search-form", "/search"},
		{"search-rare", "/search?q=1a+2b"},
		{"search-common", "/search?q=1a"},
		{"search-phrase", at("/search", "q", `"1a 2b"`)},
		{"search-not", "/search?q=1a+-2b"},
		{"search-narrowed", at("/search", "q", "1a", "body", body, "kind", "notice")},
		{"search-body", at("/search", "q", `body:"`+other+`"`)},
		{"search-dates", "/search?q=1a&from=2026-03-01&to=2026-04-01"},
		{"search-everything", "/search?kind=notice"},
		{"search-newest", "/search?q=1a&order=newest"},
		{"search-quick", "/search.json?q=1a+2b"},
		{"data", "/data"},
		{"api", "/api/v1/"},
		{"api-changes", "/api/v1/changes?after=100000"},
		{"api-findings", "/api/v1/findings"},
		{"api-findings-words", "/api/v1/findings?q=1a"},
		{"api-items", "/api/v1/items"},
		{"api-items-body", at("/api/v1/items", "body", body)},
		{"api-threads", "/api/v1/threads"},
		{"api-thread", "/api/v1/threads/ocds-bench-010001"},
		{"api-thread-ocds", "/api/v1/threads/ocds-bench-010001/ocds"},
		{"api-meetings", "/api/v1/meetings"},
		{"api-meetings-far", "/api/v1/meetings?limit=200&cursor=4000"},
		{"api-meetings-words", "/api/v1/meetings?q=1a"},
		{"api-deadlines", "/api/v1/deadlines"},
		{"api-deadlines-far", "/api/v1/deadlines?limit=200&cursor=5000"},
		{"api-deadlines-words", "/api/v1/deadlines?q=1a"},
		{"api-bodies", "/api/v1/bodies"},
		{"api-sources", "/api/v1/sources"},
		{"api-openapi", "/api/v1/openapi.json"},
		{"calendar", "/calendar.ics"},
		{"calendar-words", "/calendar.ics?q=1a"},
		{"calendar-phrase", at("/calendar.ics", "q", `"1a 2b"`)},
		{"calendar-topic", "/calendar.ics?q=topic:outsourcing"},
		{"calendar-meetings", "/calendar.ics?what=meetings"},
		{"calendar-committee", "/calendar.ics?committee=scrutiny"},
		{"calendar-area", "/calendar.ics?area=leicester"},
		{"calendar-of-body", "/body/" + body + "/calendar.ics"},
		{"calendar-of-source", "/body/big/calendar.ics"},
		{"subscribe", "/subscribe"},
		{"subscribe-preview", "/subscribe?q=1a"},
		{"manage", "/manage"},
	}
}

// benchPaper is the hash of the paper of a meeting.
func benchPaper(i int) string {
	sum := sha256.Sum256([]byte(fmt.Sprint("paper ", i)))
	return hex.EncodeToString(sum[:])
}

// bigRecord is an app over a year of so many items that ends at now, with its
// search index.
func bigRecord(b *testing.B, now time.Time) *app {
	b.Helper()
	known, err := knownNames(nil)
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := known.Parse("", []byte(strings.Replace(replayConfig, "[group]", "[group]\nurl = \"http://127.0.0.1:8080\"", 1)+"[[source]]\nid = \"big\"\nplatform = \"moderngov\"\nbase = \"https://council.example.org\"\n"))
	if err != nil {
		b.Fatal(err)
	}
	cfg.Web = config.Web{Listen: "127.0.0.1:8080"}
	dir := os.Getenv("CCGWATCH_BENCH_DATA")
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "data")
	}
	_, err = os.Stat(dir)
	a, openErr := openApp(cfg, dir, slog.New(slog.DiscardHandler))
	if openErr != nil {
		b.Fatal(openErr)
	}
	b.Cleanup(func() { closeBench(b, a) })
	if err != nil {
		fillRecord(b, a, now)
	}
	begun := time.Now()
	if err := a.indexAll(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	x, err := a.index()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("index: %+v in %v", x.Size(), time.Since(begun))
	begun = time.Now()
	a.derive(b.Context()) // as the daemon does beside everything else
	if err := a.listed.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("what speaks of which procurement, and the list of procurements, in %v", time.Since(begun))
	return a
}

// fillRecord commits the items in steps, and what is found in every second change.
func fillRecord(b *testing.B, a *app, now time.Time) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	words := func(n int) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "%x ", r.Uint32N(5000))
		}
		return b.String()
	}
	ctx := b.Context()
	place := store.Position{}
	const step = 1000
	for from := 0; from < benchItems; from += step {
		at := now.AddDate(-1, 0, 0).Add(time.Duration(from) * (365 * 24 * time.Hour / benchItems))
		for _, source := range []string{"find-a-tender", "big"} {
			snap, err := a.store.Snapshot(ctx, source, []string{})
			if err != nil {
				b.Fatal(err)
			}
			var changes []store.Change
			for i := from; i < from+step; i++ {
				if (i%10 == 0) != (source == "big") {
					continue
				}
				it := benchItem(b, a, i, at, words, r)
				snap.Items[it.Key] = it
				changes = append(changes, store.Change{At: at, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title, URL: it.URL})
				if i%10 < 2 {
					changes = append(changes, store.Change{At: at, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAmended, Title: it.Title, URL: it.URL, Fields: []store.FieldChange{{Name: "venue", Old: "a", New: "b"}}})
				}
			}
			if err := a.store.Commit(ctx, snap, changes, store.Health{Source: source, LastTry: at, LastComplete: at}); err != nil {
				b.Fatal(err)
			}
		}
		logged, err := a.store.Changes(ctx, place.Seq, 0)
		if err != nil {
			b.Fatal(err)
		}
		var found []store.Finding
		for _, c := range logged {
			if c.Seq%2 != 0 {
				continue
			}
			x := store.Finding{ID: fmt.Sprintf("%064d", c.Seq), At: c.At, Change: c.Seq, Source: c.Source, Key: c.Key, Kind: c.Kind, Topic: store.TopicTenders, Tier: store.TierLikely, Title: c.Title, URL: c.URL, Quote: words(40)}
			if c.Kind == store.KindNotice {
				id, _, _ := strings.Cut(c.Key, "/")
				x.Thread, x.Stage, x.Text = id, []string{"tender", "award"}[r.IntN(2)], words(60)
			} else {
				x.Topic, x.Document, x.Page = store.TopicOutsourcing, "Report pack", 1
				for range 1 + r.IntN(8) {
					x.Quotes = append(x.Quotes, store.Mention{Page: 1, Quote: words(30), Tier: store.TierLikely})
				}
				x.Quote = x.Quotes[0].Quote
				x.Others, x.Quotes = x.Quotes[min(3, len(x.Quotes)):], x.Quotes[:min(3, len(x.Quotes))]
			}
			if x.Stage == "tender" {
				x.Deadline = &store.Deadline{Stated: c.At.AddDate(0, 0, 40).Format(time.RFC3339), Kind: "tender", Who: "providers"}
			}
			found = append(found, x)
		}
		to := store.Position{Seq: logged[len(logged)-1].Seq}
		if err := a.store.Advance(ctx, alerts.Follower, place, to, found, nil); err != nil {
			b.Fatal(err)
		}
		place = to
	}
}

func benchItem(b *testing.B, a *app, i int, at time.Time, words func(int) string, r *rand.Rand) store.Item {
	b.Helper()
	it := store.Item{Source: "find-a-tender", Kind: store.KindNotice, Title: words(10), URL: "https://www.example.org/notice/1", FirstSeen: at, Changed: at}
	if i%10 == 0 {
		it.Source, it.Key, it.Kind = "big", fmt.Sprintf("meeting/%06d", i), store.KindMeeting
		it.Fields = map[string]string{store.FieldWhen: at.AddDate(0, 1, 0).Format(time.RFC3339), store.FieldVenue: "Town Hall", store.FieldCommittee: "Scrutiny"}
		it.Parts = []store.Part{{Key: "a", Number: "1", Title: words(8), Text: words(60)}, {Key: "b", Number: "2", Title: words(8)}}
		sha, size, err := a.store.Keep(b.Context(), strings.NewReader(fmt.Sprint("paper ", i)))
		if err != nil || sha != benchPaper(i) {
			b.Fatal(sha, err)
		}
		pages := []string{words(120), words(100) + ".\n\nJane Doe declared an interest in item 4 as a governor.\n\nThree bids were received.", words(80)}
		if err := a.store.KeepText(b.Context(), sha, pages); err != nil {
			b.Fatal(err)
		}
		it.Documents = []store.Document{{Key: "d", Title: "Report pack", URL: "https://www.example.org/a.pdf", SHA256: sha, Size: size, Pages: len(pages), Part: "a"}}
		return it
	}
	of := i/30*10 + i%10 // three notices each
	ocid := fmt.Sprintf("ocds-bench-%06d", of)
	it.Key = fmt.Sprintf("%s/%d", ocid, i/10%3)
	buyer := a.rules.Bodies[of%40]
	n := &store.Notice{OCID: ocid, Release: fmt.Sprintf("%06d-2026", i), Title: it.Title, Description: words(100), Buyers: []store.Party{{Name: buyer.Name}}, Date: at, Tags: []string{"tender"}, NoticeType: "UK4"}
	if i/10%3 == 2 {
		n.Tags, n.NoticeType = []string{"award"}, "UK6"
		n.Suppliers = []store.Party{{Name: fmt.Sprintf("Supplier %d Limited", r.IntN(3000))}}
		n.Value, n.Currency, n.Signed = fmt.Sprint(1000*(1+r.IntN(900))), "GBP", at.AddDate(0, 0, -r.IntN(200)).Format(time.DateOnly)
	} else {
		n.TenderEnd = at.AddDate(0, 0, 40).Format(time.RFC3339)
	}
	it.Notice = n
	return it
}
