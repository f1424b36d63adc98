package index

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/query"
)

// A bench is a real store with an index that follows it.
type bench struct {
	tb    testing.TB
	dir   string
	store *bolt.Store
	index *Index
	log   *bytes.Buffer
	place store.Position
	o     Options
	op    store.Op // of what is committed; "": amended, or withdrawn
}

const follower = "match"

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{tb: tb, dir: tb.TempDir(), log: &bytes.Buffer{}}
	st, err := bolt.Open(b.dir)
	if err != nil {
		tb.Fatal(err)
	}
	b.store = st
	tb.Cleanup(func() {
		if b.index != nil {
			_ = b.index.Close()
		}
		_ = b.store.Close()
	})
	b.o = Options{Ledger: st, Archive: st, Outbox: st, Follower: follower, Version: "test", Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Describe: describe, Facts: factsOf}
	b.open()
	return b
}

func (b *bench) file() string { return filepath.Join(b.dir, File) }

func (b *bench) open() {
	b.tb.Helper()
	x, err := Open(b.file(), b.o)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.index = x
}

func describe(it store.Item) Described {
	d := Described{Text: it.Fields[store.FieldText], Bodies: []string{it.Body}, Date: it.Published}
	d.Facts = query.Facts{Kinds: []string{string(it.Kind)}, Sources: []string{it.Source}, Bodies: []string{it.Body}, Text: it.Title}
	if it.Notice != nil {
		d.Text = it.Notice.Description
	}
	return d
}

func factsOf(f store.Finding) query.Facts {
	x := query.Facts{Topics: []string{string(f.Topic)}, Kinds: []string{string(f.Kind)}, Tiers: []string{string(f.Tier)}, Sources: []string{f.Source}, Areas: f.Areas, Text: f.Title}
	for _, m := range f.Mentions() {
		x.Passages = append(x.Passages, m.Quote)
	}
	if f.Text != "" { // as of a finding without sentences
		x.Text, x.Passages = f.Title+"\n"+f.Text, nil
	}
	if f.Stage != "" {
		x.Stages = []string{f.Stage}
	}
	return x
}

var day = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// commit stores items as they are now, logs a change of each, and has each
// judged by f.
func (b *bench) commit(items []store.Item, f func(store.Change) []store.Finding) {
	b.tb.Helper()
	ctx := b.tb.Context()
	by := map[string][]store.Item{}
	for _, it := range items {
		by[it.Source] = append(by[it.Source], it)
	}
	for source, list := range by {
		snap, err := b.store.Snapshot(ctx, source, []string{})
		if err != nil {
			b.tb.Fatal(err)
		}
		var changes []store.Change
		for _, it := range list {
			snap.Items[it.Key] = it
			op := store.OpAmended
			if !it.Withdrawn.IsZero() {
				op = store.OpWithdrawn
			}
			if b.op != "" {
				op = b.op
			}
			changes = append(changes, store.Change{At: day, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: op, Title: it.Title, URL: it.URL})
		}
		if err := b.store.Commit(ctx, snap, changes, store.Health{Source: source, LastTry: day, LastComplete: day}); err != nil {
			b.tb.Fatal(err)
		}
	}
	b.judge(f)
}

// judge moves the matcher's place to the end of the log.
func (b *bench) judge(f func(store.Change) []store.Finding) {
	b.tb.Helper()
	ctx := b.tb.Context()
	logged, err := b.store.Changes(ctx, b.place.Seq, 0)
	if err != nil {
		b.tb.Fatal(err)
	}
	var found []store.Finding
	for _, c := range logged {
		if f == nil {
			break
		}
		for i, x := range f(c) {
			x.ID = fmt.Sprintf("%016d-%d", c.Seq, i)
			x.Change, x.At, x.Source, x.Key, x.Kind, x.Title = c.Seq, c.At, c.Source, c.Key, c.Kind, c.Title
			found = append(found, x)
		}
	}
	to := store.Position{Seq: logged[len(logged)-1].Seq}
	if err := b.store.Advance(ctx, follower, b.place, to, found, nil); err != nil {
		b.tb.Fatal(err)
	}
	b.place = to
}

// follow takes in all that there is.
func (b *bench) follow() {
	b.tb.Helper()
	for {
		more, err := b.index.Step(b.tb.Context())
		if err != nil {
			b.tb.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// search gives the keys of what fits, with the pages.
func (b *bench) search(q string) []string {
	b.tb.Helper()
	return b.ask(store.Search{Query: parse(b.tb, q), Limit: 1000, ByDate: true})
}

func (b *bench) ask(s store.Search) []string {
	b.tb.Helper()
	r, err := b.index.Search(b.tb.Context(), s)
	if err != nil {
		b.tb.Fatal(err)
	}
	var out []string
	for _, h := range r.Hits {
		k := h.Key
		for _, p := range h.Places {
			if p.Page > 0 {
				k += fmt.Sprintf(" p%d", p.Page)
			} else if p.Part != "" {
				k += " " + p.Part
			}
		}
		out = append(out, k)
	}
	return out
}

func parse(tb testing.TB, s string) query.Query {
	tb.Helper()
	q, err := query.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

func (b *bench) paper(pages ...string) string {
	b.tb.Helper()
	sha, _, err := b.store.Keep(b.tb.Context(), strings.NewReader(strings.Join(pages, "\f")))
	if err != nil {
		b.tb.Fatal(err)
	}
	if err := b.store.KeepText(b.tb.Context(), sha, pages); err != nil {
		b.tb.Fatal(err)
	}
	return sha
}

func notice(key, title, text string) store.Item {
	return store.Item{Source: "tenders", Key: key, Kind: store.KindNotice, Title: title, URL: "https://t.example/" + key, Published: day, Notice: &store.Notice{OCID: key, Title: title, Description: text}}
}

func TestSearchFindsPagesPartsAndNotices(t *testing.T) {
	b := newBench(t)
	sha := b.paper("Front sheet.", "The dialysis unit at Castle Hill closes.", "Finance report. Dialysis again.")
	b.commit([]store.Item{
		notice("n1", "Patient transport", "Journeys for dialysis patients, ICBs and the NHS."),
		notice("n2", "Grounds upkeep", "Mowing and hedges."),
		{Source: "board", Key: "m1", Kind: store.KindMeeting, Body: "castle-icb", Title: "Board meeting", URL: "https://b.example/m1", Published: day.AddDate(1, 0, 0),
			Parts:     []store.Part{{Key: "a1", Number: "1", Title: "Apologies"}, {Key: "a2", Number: "2", Title: "Renal services", Text: "Moving to one site"}},
			Documents: []store.Document{{Key: "d1", Title: "Renal paper", URL: "https://b.example/d1.pdf", SHA256: sha, Part: "a2", Pages: 3}}},
	}, nil)
	b.follow()
	for q, want := range map[string][]string{
		"dialysis":                    {"m1 p2 p3", "n1"},
		"dialysis closing":            {"m1 p2"},
		`"dialysis unit"`:             {"m1 p2"},
		`"unit dialysis"`:             nil,
		"renal":                       {"m1 a2 p1 p2"}, // the paper's name is on each of its pages
		"kind:meeting apologies":      {"m1 a1"},
		"ICB":                         {"n1"},
		"NHS -mowing":                 {"n1"},
		"-dialysis kind:notice":       {"n2"},
		"body:castle-icb moving":      {"m1 a2"},
		"mowing OR apologies":         {"m1 a1", "n2"},
		"source:tenders":              {"n1", "n2"},
		`"mowing" -"hedges"`:          nil,
		`kind:notice -"mowing trees"`: {"n1", "n2"},
	} {
		got := b.search(q)
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", q, d)
		}
	}
	r, err := b.index.Search(t.Context(), store.Search{Query: parse(t, "dialysis"), Limit: 10, Text: 200})
	if err != nil {
		t.Fatal(err)
	}
	if r.Items != 2 || r.Places != 3 || r.ByDate || r.Partly || r.Done != 3 || r.End != 3 {
		t.Errorf("%+v", r)
	}
	want := store.Facets{
		Kinds:   []store.FacetCount{{Value: "meeting", Count: 1}, {Value: "notice", Count: 1}},
		Sources: []store.FacetCount{{Value: "board", Count: 1}, {Value: "tenders", Count: 1}},
		Bodies:  []store.FacetCount{{Value: "castle-icb", Count: 1}},
		Years:   []store.FacetCount{{Value: "2027", Count: 1}, {Value: "2026", Count: 1}},
	}
	if d := cmp.Diff(want, r.Facets); d != "" {
		t.Error(d)
	}
	for _, h := range r.Hits {
		if h.Key != "m1" {
			continue
		}
		p := h.Places[0]
		if p.URL != "https://b.example/d1.pdf" || p.Page == 0 || !slices.ContainsFunc(p.Text, func(x query.Piece) bool { return x.Hit && strings.EqualFold(x.Text, "dialysis") }) {
			t.Errorf("a hit in a paper: %+v", p)
		}
	}
	in2026 := store.Search{Query: parse(t, "dialysis"), Since: day.AddDate(0, -1, 0), Until: day.AddDate(0, 1, 0), Limit: 10}
	if got := b.ask(in2026); !slices.Equal(got, []string{"n1"}) {
		t.Errorf("by date: %v", got)
	}
}

func TestWithdrawnAndReplacedLeaveTheIndex(t *testing.T) {
	b := newBench(t)
	n := notice("n1", "Hospice care", "Nights.")
	m := store.Item{Source: "board", Key: "m1", Kind: store.KindMeeting, Title: "Board", Published: day, Documents: []store.Document{{Key: "d", Title: "Pack", SHA256: b.paper("a hospice", "b")}}}
	b.commit([]store.Item{n, m}, nil)
	b.follow()
	if got := b.search("hospice"); len(got) != 2 {
		t.Fatalf("before: %v", got)
	}
	gone := n
	gone.Withdrawn = day
	m.Documents = []store.Document{{Key: "d", Title: "Pack", SHA256: b.paper("corrected", "b")}}
	b.commit([]store.Item{gone, m}, nil)
	b.follow()
	if got := b.search("hospice"); len(got) != 0 {
		t.Errorf("withdrawn and replaced are still found: %v", got)
	}
	if got := b.search("corrected"); !slices.Equal(got, []string{"m1 p1"}) {
		t.Errorf("the new version: %v", got)
	}
	b.commit([]store.Item{n}, nil)
	b.follow()
	if got := b.search("hospice"); !slices.Equal(got, []string{"n1"}) {
		t.Errorf("listed again: %v", got)
	}
	if s := b.index.Size(); s.Items != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTopicsComeFromWhatWasFound(t *testing.T) {
	b := newBench(t)
	b.commit([]store.Item{notice("n1", "Hospice", "x"), notice("n2", "Fences", "y")}, func(c store.Change) []store.Finding {
		if c.Key == "n2" {
			return nil
		}
		return []store.Finding{{Topic: store.TopicTenders, Tier: store.TierLikely, Stage: "tender", Areas: []string{"rutland"}}}
	})
	b.follow()
	for q, want := range map[string]int{"topic:tenders": 1, "topic:awards": 0, "area:rutland": 1, "stage:tender -fences": 1, "-topic:tenders": 1} {
		if got := b.search(q); len(got) != want {
			t.Errorf("%s: %v", q, got)
		}
	}
	b.commit([]store.Item{notice("n1", "Hospice", "x")}, func(store.Change) []store.Finding {
		return []store.Finding{{Topic: store.TopicAwards, Tier: store.TierCertain}}
	})
	b.follow()
	if got := b.search("topic:tenders topic:awards tier:certain"); len(got) != 1 {
		t.Errorf("what was found before is forgotten: %v", got)
	}
}

func TestNothingIsIndexedBeforeItIsJudged(t *testing.T) {
	b := newBench(t)
	b.commit([]store.Item{notice("n1", "Hospice", "x")}, nil)
	b.follow()
	snap, err := b.store.Snapshot(t.Context(), "tenders", []string{})
	if err != nil {
		t.Fatal(err)
	}
	n2 := notice("n2", "Hospice", "y")
	snap.Items["n2"] = n2
	if err := b.store.Commit(t.Context(), snap, []store.Change{{At: day, Source: "tenders", Key: "n2", Kind: n2.Kind, Op: store.OpAdded}}, store.Health{Source: "tenders"}); err != nil {
		t.Fatal(err)
	}
	b.follow()
	if got := b.search("hospice"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if done, end, err := b.index.Place(t.Context()); err != nil || done != 1 || end != 2 {
		t.Errorf("place %d of %d, %v: incomplete must show", done, end, err)
	}
	b.judge(nil)
	b.follow()
	if got := b.search("hospice"); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// everything the index holds, in an order of its own: what a rebuild must give
// again.
func (b *bench) contents() []string {
	b.tb.Helper()
	var out []string
	err := b.index.Each(b.tb.Context(), func(e Entry) bool {
		out = append(out, fmt.Sprintf("%s %s %s %s %v %v %v %q", e.Source, e.Key, e.Kind, e.Title, e.Date, e.Spot, query.Index(e.Facts), e.Text))
		return true
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	slices.Sort(out)
	err = b.index.Found(b.tb.Context(), query.Query{}, store.FoundPlace{}, func(f store.Found) bool {
		out = append(out, fmt.Sprintf("%+v", f))
		return true
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	return out
}

// grow commits random items, some of them again and again, as years would.
func (b *bench) grow(r *rand.Rand, commits int) {
	b.tb.Helper()
	for range commits {
		var items []store.Item
		seen := map[string]bool{}
		for range 1 + r.IntN(6) {
			it := randomItem(b, r)
			if !seen[it.Key] {
				items, seen[it.Key] = append(items, it), true
			}
		}
		b.commit(items, func(store.Change) []store.Finding {
			var out []store.Finding
			for range r.IntN(3) {
				out = append(out, store.Finding{
					Quotes: mentions(r, r.IntN(4)), Others: mentions(r, max(0, r.IntN(9)-5)), Text: []string{"", "", "", prose(r, 9)}[r.IntN(4)],
					Topic: topics()[r.IntN(8)], Tier: []store.Tier{store.TierCertain, store.TierLikely, store.TierMention}[r.IntN(3)], Silent: r.IntN(4) == 0,
					Areas: []string{[]string{"rutland", "leicester"}[r.IntN(2)]}, Stage: []string{"", "tender", "award"}[r.IntN(3)], Quote: prose(r, 12),
				})
			}
			return out
		})
	}
}

func mentions(r *rand.Rand, n int) (out []store.Mention) {
	for range n {
		out = append(out, store.Mention{Quote: prose(r, 6)})
	}
	return out
}

func randomWord(r *rand.Rand) string {
	words := []string{"tender", "tenders", "tendering", "Tendered", "care", "cared", "caring", "ICB", "ICBs", "icb", "NHS", "A&E", "and", "GAS", "GASs", "café", "CAFÉ", "children's",
		"O'Brien", "012345-2026", "end-of-life", "privatise", "privatization", "privatised", "é", "STP", "ISTCs", "x", "7", "organ", "organisation", "hospice", "ﬁnance", "\u202ehidden", "soft\u00adhyphen"}
	return words[min(r.IntN(len(words)), r.IntN(len(words)))]
}

func prose(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(randomWord(r))
		b.WriteString([]string{" ", " ", " ", ", ", ". ", "\n", "/"}[r.IntN(7)])
	}
	return b.String()
}

func randomItem(b *bench, r *rand.Rand) store.Item {
	n := r.IntN(25)
	it := store.Item{Source: []string{"tenders", "board-a", "board-b"}[n%3], Key: fmt.Sprint("k", n), Title: prose(r, 4), URL: "https://x.example/", Body: fmt.Sprint("body-", n%4), Published: day.AddDate(0, 0, r.IntN(900))}
	it.Kind = []store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper}[n%3]
	if r.IntN(8) == 0 {
		it.Withdrawn = day
	}
	if it.Kind == store.KindNotice {
		it.Notice = &store.Notice{Title: it.Title, Description: prose(r, 20)}
		return it
	}
	for i := range r.IntN(3) {
		it.Parts = append(it.Parts, store.Part{Key: fmt.Sprint("a", i), Number: fmt.Sprint(i), Title: prose(r, 3), Text: prose(r, 6)})
	}
	for i := range r.IntN(3) {
		d := store.Document{Key: fmt.Sprint("d", i), Title: prose(r, 2), URL: "https://x.example/d"}
		if r.IntN(4) > 0 {
			d.SHA256 = b.paper(prose(r, 10), prose(r, 15), prose(r, 5))
		}
		it.Documents = append(it.Documents, d)
	}
	return it
}

func TestRebuildEqualsFollow(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range 6 {
		b.grow(r, 4)
		b.follow() // as the daemon would, commit by commit
	}
	followed := b.contents()
	if len(followed) < 60 {
		t.Fatalf("too little to say anything: %d", len(followed))
	}
	check := func(how string) {
		t.Helper()
		b.follow()
		if d := cmp.Diff(followed, b.contents()); d != "" {
			t.Errorf("%s: %s", how, d)
		}
		if err := b.index.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	if err := b.index.Rebuild("a test"); err != nil {
		t.Fatal(err)
	}
	check("after Rebuild")

	if err := b.index.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(b.file()); err != nil {
		t.Fatal(err)
	}
	b.open()
	check("after the file was deleted")

	if err := os.Remove(b.file()); err != nil {
		t.Fatal(err)
	}
	check("after the file was deleted while it was open")

	if err := b.index.Close(); err != nil {
		t.Fatal(err)
	}
	b.open()
	check("after opening again")
}

// A batch cut short anywhere leaves the place before it; taken up again the
// outcome is that of one that was not.
func TestBatchCutShortLeavesNothing(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(5, 6))
	b.grow(r, 20)
	for i := range 40 {
		ctx, cancel := context.WithCancel(t.Context())
		b.index.o.Describe = func(it store.Item) Described {
			if r.IntN(30) == 0 {
				cancel()
			}
			return describe(it)
		}
		_, err := b.index.Step(ctx)
		cancel()
		if err == nil {
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("step %d: %v", i, err)
		}
		if err := b.index.Close(); err != nil {
			t.Fatal(err)
		}
		b.open()
		if done, _, _ := b.index.Place(t.Context()); done != 0 {
			break // one batch was enough
		}
		if s := b.index.Size(); s.Items+s.Places+s.Findings != 0 {
			t.Fatalf("half a batch is there: %+v", s)
		}
	}
	b.follow()
	got := b.contents()
	if err := b.index.Rebuild("a test"); err != nil {
		t.Fatal(err)
	}
	b.follow()
	if d := cmp.Diff(b.contents(), got); d != "" {
		t.Error(d)
	}
}

// On a full disk of small blocks the program was ended by SIGBUS, in the file
// that SQLite maps into memory where there is a write-ahead log: there is none,
// nor in an index that an earlier program left with one.
func TestFullDiskDoesNotEndTheProgram(t *testing.T) {
	b := newBench(t)
	b.grow(rand.New(rand.NewPCG(9, 9)), 5)
	b.follow()
	path := b.index.path
	for range 2 {
		b.search("podiatry")
		if _, err := b.index.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, end := range []string{"-shm", "-wal"} {
			if _, err := os.Stat(path + end); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a %s (%v)", end, err)
			}
		}
		head, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if head[18] != 1 || head[19] != 1 { // the SQLite file format, 1.3.2: 2 is a write-ahead log
			t.Errorf("the file's versions are %v", head[18:20])
		}
		var mapped int
		if err := b.index.db.QueryRowContext(t.Context(), `PRAGMA mmap_size`).Scan(&mapped); err != nil || mapped != 0 {
			t.Errorf("%d bytes are mapped (%v)", mapped, err)
		}
		if err := b.index.Close(); err != nil {
			t.Fatal(err)
		}
		old, err := sql.Open("sqlite", path)
		if err == nil {
			_, err = old.ExecContext(t.Context(), `PRAGMA journal_mode = wal`)
			err = errors.Join(err, old.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		b.open()
	}
}

func TestUselessFileIsBuiltAgain(t *testing.T) {
	b := newBench(t)
	b.commit([]store.Item{notice("n1", "Hospice", strings.Repeat("many words ", 3000))}, nil)
	b.follow()
	for name, spoil := range map[string]func(t *testing.T){
		"not a database": func(t *testing.T) {
			t.Helper()
			write(t, b.file(), []byte(strings.Repeat("no database ", 900)))
		},
		"cut short": func(t *testing.T) {
			t.Helper()
			c, err := os.ReadFile(b.file())
			if err != nil {
				t.Fatal(err)
			}
			write(t, b.file(), c[:len(c)/2])
		},
		"another database": func(t *testing.T) {
			t.Helper()
			b.o.Version = "older"
			b.open()
			_ = b.index.Close()
			b.o.Version = "test"
		},
		"pages overwritten": func(t *testing.T) {
			t.Helper()
			c, err := os.ReadFile(b.file())
			if err != nil {
				t.Fatal(err)
			}
			for i := 4096; i < len(c); i++ {
				c[i] = byte(i * 7)
			}
			write(t, b.file(), c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := b.index.Close(); err != nil {
				t.Fatal(err)
			}
			b.log.Reset()
			spoil(t)
			b.open()
			_, _ = b.index.Search(t.Context(), store.Search{Query: parse(t, "hospice"), Limit: 1}) // may meet it first
			b.follow()
			if got := b.search("hospice words"); len(got) != 1 {
				t.Errorf("%v", got)
			}
			if !strings.Contains(b.log.String(), "built again") {
				t.Errorf("nothing in the log: %s", b.log)
			}
		})
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOlderCopyOfTheStoreIsIndexedAnew(t *testing.T) {
	b := newBench(t)
	b.commit([]store.Item{notice("n1", "Hospice", "x"), notice("n2", "Dialysis", "x")}, nil)
	b.follow()
	if err := b.index.Close(); err != nil {
		t.Fatal(err)
	}
	other := newBench(t)
	other.commit([]store.Item{notice("n9", "Fences", "x"), notice("n8", "Fences", "x"), notice("n7", "Fences", "x")}, nil)
	other.o.Log, other.log = b.o.Log, b.log
	x, err := Open(b.file(), other.o)
	if err != nil {
		t.Fatal(err)
	}
	_ = other.index.Close()
	other.index = x
	other.follow()
	if got := other.search("hospice"); len(got) != 0 {
		t.Errorf("found what this store does not know: %v", got)
	}
	if got := other.search("fences"); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestPrivateDetailsAreNotFiled(t *testing.T) {
	b := newBench(t)
	_ = b.index.Close()
	b.o.Redact = func(s string) string { return strings.ReplaceAll(s, "943 476 5919", "[number removed]") }
	b.open()
	m := store.Item{Source: "board", Key: "m1", Kind: store.KindMeeting, Title: "Board 943 476 5919", Published: day,
		Parts:     []store.Part{{Key: "a", Title: "Complaint 943 476 5919", Text: "of 943 476 5919"}},
		Documents: []store.Document{{Key: "d", Title: "Letter 943 476 5919", SHA256: b.paper("patient 943 476 5919")}}}
	b.commit([]store.Item{m, notice("n", "t", "call 943 476 5919")}, func(store.Change) []store.Finding {
		return []store.Finding{{Topic: store.TopicTenders, Quote: "943 476 5919"}}
	})
	b.follow()
	if got := b.search("5919"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if all := strings.Join(b.contents(), "\n"); strings.Contains(all, "5919") || !strings.Contains(all, "[number removed]") {
		t.Error("the number is in the file")
	}
	if err := b.index.Found(t.Context(), parse(t, "5919"), store.FoundPlace{}, func(store.Found) bool { t.Error("found"); return false }); err != nil {
		t.Fatal(err)
	}
}

// What an operator strikes out of a paper leaves the index with the entry of the
// log that says so, though the paper's bytes and its item are the same.
func TestCorrectedPapersAreFiledAgain(t *testing.T) {
	b := newBench(t)
	_ = b.index.Close()
	struck := false
	b.o.Edit = func(_ context.Context, source, key string) (func(string) string, error) {
		if source != "board" || key != "m1" {
			t.Errorf("asked about %s %s", source, key)
		}
		return func(s string) string {
			if struck {
				s = strings.ReplaceAll(s, "Jones", "[left out]")
			}
			return s
		}, nil
	}
	b.open()
	m := store.Item{Source: "board", Key: "m1", Kind: store.KindMeeting, Title: "Board", Published: day,
		Documents: []store.Document{{Key: "d", Title: "Letter", SHA256: b.paper("first page", "from Jones")}}}
	b.commit([]store.Item{m}, nil)
	b.follow()
	if got := b.search("jones"); !slices.Equal(got, []string{"m1 p2"}) {
		t.Fatal(got)
	}
	struck, b.op = true, "corrected"
	b.commit([]store.Item{m}, nil)
	b.follow()
	if got := b.search("jones"); len(got) != 0 || strings.Contains(strings.Join(b.contents(), "\n"), "Jones") {
		t.Errorf("what was struck out is still found: %v", got)
	}
	if got := b.search("letter"); !slices.Equal(got, []string{"m1 p1 p2"}) {
		t.Errorf("the rest of the paper: %v", got)
	}
}
