package web

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/query"
)

// A year of a busy installation in a real store: 20,000 items, most of them
// notices, a tenth of them changed once, 40 bodies, a finding for every second
// change.
func stocked(tb testing.TB, items int) Server {
	tb.Helper()
	st, err := bolt.Open(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = st.Close() })
	s, _ := sample()
	s.Ledger, s.Outbox, s.Subscribers, s.Log = st, st, st, slog.New(slog.NewTextHandler(io.Discard, nil))
	s.Bodies = nil
	for i := range 40 {
		s.Bodies = append(s.Bodies, BodyInfo{ID: fmt.Sprint("body-", i), Name: fmt.Sprint("Body ", i), Kind: "trust"})
	}
	s.Buyers = func(n *store.Notice) []string { return []string{n.Buyers[0].ID} }
	s.Facts = func(f store.Finding) query.Facts {
		return query.Facts{Topics: []string{string(f.Topic)}, Sources: []string{f.Source}, Text: strings.Join([]string{f.Title, f.Quote, f.Text}, "\n")}
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := func(n int) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "%x ", r.Uint32N(5000))
		}
		return b.String()
	}
	begin := s.Now().AddDate(-1, 0, 0)
	place := store.Position{}
	const step = 500
	for from := 0; from < items; from += step {
		at := begin.Add(time.Duration(from) * 26 * time.Minute)
		for _, source := range []string{"find-a-tender", "leicester"} {
			snap, err := st.Snapshot(tb.Context(), source, []string{})
			if err != nil {
				tb.Fatal(err)
			}
			var changes []store.Change
			for i := from; i < from+step; i++ {
				it := store.Item{Source: source, Key: fmt.Sprintf("x/%06d", i), Kind: store.KindNotice, Title: words(10), URL: "https://www.example.org/notice/1", FirstSeen: at, Changed: at}
				if meeting := i%10 == 0; meeting != (source == "leicester") {
					continue
				} else if meeting {
					it.Kind, it.Fields = store.KindMeeting, map[string]string{store.FieldWhen: at.AddDate(0, 1, 0).Format(time.RFC3339), store.FieldVenue: "Town Hall"}
					it.Parts = []store.Part{{Key: "a", Title: words(8), Text: words(100)}}
					it.Documents = []store.Document{{Key: "d", Title: words(5), URL: "https://www.example.org/a.pdf", SHA256: strings.Repeat("ab", 32)}}
				} else {
					it.Notice = &store.Notice{OCID: fmt.Sprint(i), Title: it.Title, Description: words(300), Buyers: []store.Party{{ID: fmt.Sprint("body-", i%40), Name: "Body"}}, Date: at}
					if i%3 == 0 {
						it.Notice.Suppliers = []store.Party{{Name: fmt.Sprintf("Supplier %d Limited", r.IntN(3000))}}
						it.Notice.Value, it.Notice.Signed = fmt.Sprint(1000*(1+r.IntN(900))), at.AddDate(0, 0, -r.IntN(200)).Format(time.DateOnly)
					}
				}
				snap.Items[it.Key] = it
				changes = append(changes, store.Change{At: at, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title, URL: it.URL})
				if i%10 == 1 || i%10 == 0 {
					changes = append(changes, store.Change{At: at, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAmended, Title: it.Title, URL: it.URL, Fields: []store.FieldChange{{Name: "venue", Old: "a", New: "b"}}})
				}
			}
			if err := st.Commit(tb.Context(), snap, changes, store.Health{LastTry: at, LastComplete: at}); err != nil {
				tb.Fatal(err)
			}
		}
		logged, err := st.Changes(tb.Context(), place.Seq, 0)
		if err != nil {
			tb.Fatal(err)
		}
		var found []store.Finding
		for _, c := range logged {
			if c.Seq%2 == 0 {
				x := store.Finding{ID: fmt.Sprintf("%064d", c.Seq), At: c.At, Change: c.Seq, Source: c.Source, Key: c.Key, Kind: c.Kind, Topic: store.TopicTenders, Tier: store.TierLikely, Title: c.Title, URL: c.URL, Quote: words(40), Text: words(200)}
				if c.Kind == store.KindNotice {
					x.Stage, x.Thread = []string{"tender", "award"}[r.IntN(2)], c.Key
				}
				if x.Stage == "tender" {
					x.Deadline = &store.Deadline{Stated: c.At.AddDate(0, 0, 40).Format(time.RFC3339), Kind: "tender", Who: "providers"}
				}
				found = append(found, x)
			}
		}
		to := store.Position{Seq: logged[len(logged)-1].Seq}
		if err := st.Advance(tb.Context(), follower, place, to, found, nil); err != nil {
			tb.Fatal(err)
		}
		place = to
	}
	return s
}

// unhurried lets a second and a half pass whenever the time is asked for, so that
// one reader is never asking too often. A list asks from several goroutines.
func unhurried(s *Server) {
	start, asked := s.Now(), new(atomic.Int64)
	s.Now = func() time.Time {
		return start.Add(time.Duration(asked.Add(1)) * 1500 * time.Millisecond)
	}
}

// BenchmarkPages renders each kind of page over 20,000 items. The times of
// start, record, bodies and body do not grow with the record but for the going
// over the table of contents; a search that finds nothing reads mostMatched
// findings and pauses.
func BenchmarkPages(b *testing.B) {
	items := 20_000
	if os.Getenv("CCGWATCH_SOAK") != "" {
		items = 100_000
	}
	s := stocked(b, items)
	s.Provider = func(p store.Party, _ []string) judge.Party {
		return judge.Party{Supplier: judge.Supplier{Name: p.Name, Class: "company", Evidence: "the name"}}
	}
	list := []store.Correction{{Source: "find-a-tender", Key: "x/000002", Act: store.ActNote, Note: "A note", Reason: "A reason"}}
	s.Corrections = saidByUs{&list}
	public := store.Public{Ledger: s.Ledger, Outbox: s.Outbox, Edits: saidByUs{&list}.Edits}
	s.Ledger, s.Outbox = public, public
	unhurried(&s)
	h := s.Handler()
	for range items / 1000 {
		ask(h, "GET", "/") // the table of contents and the survey
	}
	for _, p := range []struct{ name, target string }{
		{"start", "/"},
		{"deadlines", "/deadlines"},
		{"numbers", "/numbers"},
		{"suppliers", "/suppliers"},
		{"supplier", "/supplier/supplier-7"},
		{"register", "/register"},
		{"corrections", "/corrections"},
		{"findings", "/findings"},
		{"search-common", "/findings?q=1a"},
		{"search-nothing", "/findings?q=unicorns"},
		{"finding", fmt.Sprintf("/finding/%064d", 10_000)},
		{"meetings", "/meetings"},
		{"item-notice", itemPath("find-a-tender", "x/010001")},
		{"item-meeting", itemPath("leicester", "x/010000")},
		{"record", "/items"},
		{"record-of-body", "/items?body=body-7&kind=notice"},
		{"bodies", "/bodies"},
		{"body", "/body/body-7"},
		{"sources", "/sources"},
		{"about", "/about"},
		{"coverage", "/coverage"},
		{"feed", "/feed.atom"},
		{"feed-of-search", "/feed.atom?q=1a"},
		{"feed-of-body", "/body/body-7/feed.atom"},
	} {
		b.Run(p.name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				w := ask(h, "GET", p.target)
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size)/1024, "KB/page")
		})
	}
}

// BenchmarkTableOfContents is what the first readers after a start wait for.
func BenchmarkTableOfContents(b *testing.B) {
	s := stocked(b, 20_000)
	var entries int
	for b.Loop() {
		r := newRecord(&s, london())
		for !r.whole {
			if err := r.follow(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		entries = len(r.entries)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(entries), "us/entry")
}
