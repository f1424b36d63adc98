package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts/web/export"
	"ccgwatch/config"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
	"ccgwatch/store/index"
	"ccgwatch/store/query"
)

// diverseRecord is a store with so many items of every kind: notices with the words
// of real ones, where those that were recorded are at hand, each a procurement of its
// own; meetings with agendas and papers; papers by themselves, requests, pages. Dates
// are spread over more than a year, some at the same second, some in the hour in which
// the day of London and that of Greenwich differ; one item in fifty is listed no more.
func diverseRecord(t testing.TB, n int) *app {
	t.Helper()
	a, err := openApp(withContact(config.Default()), filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	var notices []store.Item
	pages, recorded := noticePages(t)
	for _, p := range pages {
		items, _, err := ocds.DecodePackage(p, "find-a-tender")
		if err != nil {
			t.Fatal(err)
		}
		notices = append(notices, items...)
	}
	t.Logf("the words of %d notices; recorded: %v", len(notices), recorded)
	d := &diverse{a: a, r: rand.New(rand.NewPCG(3, 4)), notices: notices, words: exportWords()}
	const step = 1000
	for from := 0; from < n; from += step {
		at := townStart().AddDate(0, 0, -300).Add(time.Duration(from) * 20 * time.Minute)
		for _, source := range []string{"find-a-tender", "leicester", "llr-icb"} {
			snap, err := a.store.Snapshot(t.Context(), source, []string{})
			if err != nil {
				t.Fatal(err)
			}
			var changes []store.Change
			for i := from; i < min(n, from+step); i++ {
				it := d.item(t, i, at)
				if it.Source != source {
					continue
				}
				snap.Items[it.Key] = it
				c := store.Change{At: at, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title, URL: it.URL, Silent: true}
				if changes = append(changes, c); !it.Withdrawn.IsZero() {
					c.Op = store.OpWithdrawn
					changes = append(changes, c)
				}
			}
			if err := a.store.Commit(t.Context(), snap, changes, store.Health{LastTry: at, LastComplete: at}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.follow(t.Context(), exportTime()); err != nil {
		t.Fatal(err)
	}
	return a
}

type diverse struct {
	a       *app
	r       *rand.Rand
	notices []store.Item
	words   []string
}

// text is of so many of our words, each third a rare one.
func (d *diverse) text(n int) string {
	var b strings.Builder
	for i := range n {
		if i%3 == 0 {
			fmt.Fprintf(&b, "q%x ", d.r.Uint32N(3000))
		} else {
			b.WriteString(d.words[d.r.IntN(len(d.words))] + " ")
		}
	}
	return b.String()
}

// said is what a notice says, at most so many bytes of it.
func (d *diverse) said(most int) string {
	n := d.notices[d.r.IntN(len(d.notices))].Notice
	s := n.Title + ". " + n.Description
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}

func (d *diverse) item(t testing.TB, i int, at time.Time) store.Item {
	t.Helper()
	it := store.Item{Source: "find-a-tender", Key: fmt.Sprintf("x/%06d", i), Kind: store.KindNotice, URL: fmt.Sprintf("https://www.example.org/%d", i), FirstSeen: at, Changed: at, Published: at}
	when := at.AddDate(0, 0, -7*i%330).Add(time.Duration(d.r.IntN(86400)) * time.Second)
	switch i % 12 {
	case 0, 1, 2: // a meeting; many begin at the same hour
		it.Source, it.Kind, it.Title = "leicester", store.KindMeeting, d.text(7)
		it.Fields = map[string]string{store.FieldWhen: at.AddDate(0, 1, i%50).Truncate(24 * time.Hour).Add(18 * time.Hour).Format(time.RFC3339), store.FieldVenue: "Town Hall"}
		it.Parts = []store.Part{{Key: "a", Number: "1", Title: d.text(6), Text: d.text(12) + d.said(400)}}
		it.Documents = []store.Document{d.paper(t, it.Key, d.text(40)+d.said(1500), d.text(60))}
	case 3: // a paper of a board
		it.Source, it.Kind, it.Title, it.Published = "llr-icb", store.KindPaper, d.text(5), when
		it.Documents = []store.Document{d.paper(t, it.Key, d.said(2000), d.text(30)+d.said(500), d.text(50))}
	case 4:
		it.Source, it.Kind, it.Title, it.Published = "llr-icb", store.KindRequest, d.text(8), when
	case 5: // in the first hour of a day of summer in London
		it.Source, it.Kind, it.Title = "leicester", store.KindPage, d.text(8)
		it.Published = time.Date(when.Year(), when.Month(), when.Day(), 0, 30, 0, 0, london())
	default:
		n := *d.notices[d.r.IntN(len(d.notices))].Notice
		n.OCID, n.Release, n.Date = fmt.Sprintf("ocds-h6vhtk-%06x", i), it.Key, when
		n.Description += " " + d.text(30)
		it.Title, it.Published, it.Notice = n.Title, when, &n
	}
	if i%50 == 49 {
		it.Withdrawn = at
	}
	return it
}

func (d *diverse) paper(t testing.TB, key string, pages ...string) store.Document {
	t.Helper()
	sha, size, err := d.a.store.Keep(t.Context(), strings.NewReader(key))
	if err == nil {
		err = d.a.store.KeepText(t.Context(), sha, pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return store.Document{Key: "d", Title: d.text(4), URL: "https://www.example.org/a.pdf", SHA256: sha, Size: size, Pages: len(pages)}
}

// A searchAsk is a query and what the form beside it says.
type searchAsk struct {
	Q      string `json:"q"`
	Kind   string `json:"kind,omitempty"`
	Body   string `json:"body,omitempty"`
	Topic  string `json:"topic,omitempty"`
	Source string `json:"source,omitempty"`
	From   string `json:"from,omitempty"` // a day
	To     string `json:"to,omitempty"`
}

func (q searchAsk) String() string {
	b, _ := json.Marshal(q)
	return string(b)
}

// exportQueries are what the search in the browser must answer as the server does.
func exportQueries() (out []searchAsk) {
	for _, q := range []string{
		"", "tender", "tenders", "TENDER", "ICB", "icb", "NHS ICB", "A&E", `"A & E"`, "children's", "childrens", "privatisation", "privatized", "hospital -care", "hospital NOT care",
		"dialysis OR endoscopy", "(dialysis OR endoscopy) leicester", "dialysis leicester", `"end of life"`, "end-of-life", `"life of end"`, `"tenders"`, `"tender"`, "kind:meeting", "kind:notice dialysis",
		"kind:meetings,papers hospice", "-kind:notice", "source:leicester news", "café", "cafe", "naïve", "finance", "PFI", "pfi", "covid-19", "COVID", "news", "new", "cities", "city bus", "running mapped",
		`hospice -"end of life"`, "-hospice -ambulance -dialysis", `body:"Leicester City Council" award`, "area:leicester ambulance", "unicorns", "sized OR unicorns", "agreed agreement", "organ", "organisation",
		"q1", "q2a qff", "stage:tender board", "tier:mention", "topic:tenders", "nursing nurses nurse", "“cancelled” meeting", "q7 OR q8 OR q9 OR qa",
		// what real notices say
		"framework agreement", `"framework agreement"`, `"care services" -framework`, "NHS Trust", `"NHS Trust"`, "maintenance OR repairs", "supply of equipment", "SME", "VAT", "lot -lots", "software licences", "ocds-h6vhtk-00000a",
		"topic:outsourcing", "topic:awards,tenders care", "stage:award", "stage:tender,award NHS", "-topic:tenders kind:notice", "kind:request", "kind:page city", "kind:paper organisation", "source:llr-icb", "council contract",
	} {
		out = append(out, searchAsk{Q: q})
	}
	return append(out,
		searchAsk{Kind: "meeting"}, searchAsk{Q: "care", Kind: "paper"}, searchAsk{Q: "services", Topic: "tenders"}, searchAsk{Source: "llr-icb", Q: "board"}, searchAsk{Body: "leicester-city-council"},
		searchAsk{Q: "contract", From: "2025-08-05", To: "2025-09-01"}, searchAsk{From: "2025-10-26", To: "2025-10-26"}, searchAsk{Q: "kind:page", From: "2025-07-20", To: "2025-07-20"},
		searchAsk{Q: "hospital", Kind: "meeting", From: "2026-01-01"}, searchAsk{Q: "NHS", To: "2025-06-30"}, searchAsk{Kind: "page", From: "2025-07-01", To: "2025-07-31"}, searchAsk{Q: "organ OR bus", Kind: "request", To: "2025-09-10"},
	)
}

// ofServer is the search as the server is asked for it: see its form.
func (q searchAsk) ofServer(t *testing.T) store.Search {
	t.Helper()
	parsed, err := query.Parse(q.Q)
	if err != nil {
		t.Fatal(q, err)
	}
	s := store.Search{ByDate: true}
	for name, value := range map[string]string{"kind": q.Kind, "body": q.Body, "topic": q.Topic, "source": q.Source} {
		if value == "" {
			continue
		}
		only, err := query.Field(name, value)
		if err != nil {
			t.Fatal(q, err)
		}
		parsed = query.And(parsed, only)
	}
	for _, d := range []struct {
		day string
		to  *time.Time
		add int
	}{{q.From, &s.Since, 0}, {q.To, &s.Until, 1}} {
		if d.day == "" {
			continue
		}
		at, err := time.ParseInLocation(time.DateOnly, d.day, london())
		if err != nil {
			t.Fatal(q, err)
		}
		*d.to = at.AddDate(0, 0, d.add)
	}
	s.Query = parsed
	return s
}

// foundByServer are the files of the items that the server finds, in its order.
// Where it looks at the newest alone, because the words of a query are too common, it
// is asked for the newer and the older half by itself.
func foundByServer(t *testing.T, x *index.Index, s store.Search) (files []string, parts int) {
	t.Helper()
	res, err := x.Search(t.Context(), s)
	if err != nil {
		t.Fatal(s.Query, err)
	}
	if !res.Partly {
		for _, h := range res.Hits {
			files = append(files, export.ItemFile(h.Source, h.Key))
		}
		return files, 1
	}
	older, newer := s, s
	if s.Since.IsZero() {
		s.Since = townStart().AddDate(-4, 0, 0) // before all of them
	}
	if s.Until.IsZero() {
		s.Until = townStart().AddDate(4, 0, 0)
	}
	half := s.Since.Add(s.Until.Sub(s.Since) / 2).Truncate(time.Second)
	if !half.After(s.Since) {
		t.Fatalf("%s: too much at %s", s.Query, half)
	}
	older.Since, older.Until, newer.Since, newer.Until = s.Since, half, half, s.Until
	files, parts = foundByServer(t, x, newer)
	more, n := foundByServer(t, x, older)
	return append(files, more...), parts + n
}

// The search in the browser finds the items that the server's search finds, in the
// order in which the server has them by date. Not compared: the server's order by
// how well they fit, which the browser has not.
func TestPromiseExportSearch(t *testing.T) {
	n := promiseCount(120, 1000, 20_000)
	a := diverseRecord(t, n)
	begun := time.Now()
	dir := filepath.Join(t.TempDir(), "site")
	r := exportedTo(t, a, dir, exportTime())
	t.Logf("%d items: %d files, %.1f MB, %d links, made in %v", n, r.Files, float64(r.Bytes)/1e6, r.Links, time.Since(begun).Round(time.Millisecond))
	begun = time.Now()
	if again := exportedTo(t, a, dir, exportTime()); again.Written+again.Removed != 0 {
		t.Errorf("the second export touches what is the same: %+v", again)
	}
	t.Logf("again: %v", time.Since(begun).Round(time.Millisecond))
	largestPage(t, dir)
	if err := a.indexAll(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	x, err := a.index()
	if err != nil {
		t.Fatal(err)
	}
	queries := exportQueries()
	var got []struct {
		Files []string
		Took  float64 // milliseconds
	}
	nodeSearch(t, dir, `for (const q of input) {
		const day = v => v ? Date.parse(v + "T00:00:00Z") / 86400000 : null, from = performance.now();
		const hits = await ccgwatch.ask(q.q, {kind: q.kind, body: q.body, topic: q.topic, source: q.source, from: day(q.from), to: day(q.to)});
		const took = performance.now() - from;
		out.push({Files: (await Promise.all(hits.map(ccgwatch.row))).map(r => r[0]), Took: took});
	}`, queries, &got)
	some, none := 0, 0
	for i, q := range queries {
		s := q.ofServer(t)
		s.Limit = n
		want, parts := foundByServer(t, x, s)
		have := got[i].Files
		t.Logf("%s: %d in %.0f ms%s", q, len(have), got[i].Took, map[bool]string{true: fmt.Sprintf("; the server was asked in %d parts", parts)}[parts > 1])
		switch {
		case len(want) == 0:
			none++
		case len(want) < n:
			some++
		}
		if !slices.Equal(want, have) {
			t.Errorf("%s: server %d, browser %d (-server +browser):\n%.600s", q, len(want), len(have), cmp.Diff(want, have))
		}
	}
	if some < len(queries)/2 || none > len(queries)/4 {
		t.Errorf("of %d queries only %d tell items apart, and %d find nothing", len(queries), some, none)
	}
}

// largestPage sees that no page of an export is larger than a page may be.
func largestPage(t *testing.T, dir string) {
	t.Helper()
	large, most := "", int64(0)
	_ = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if info, err := e.Info(); err == nil && !e.IsDir() && strings.HasSuffix(p, ".html") && info.Size() > most {
			large, most = p, info.Size()
		}
		return err
	})
	t.Logf("largest page: %s, %d KB", filepath.Base(large), most>>10)
	if most > 100<<10 {
		t.Errorf("%s has %d KB", large, most>>10)
	}
}
