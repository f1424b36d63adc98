package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// fieldQueries ask fields, alone and beside words.
func fieldQueries() []string {
	return []string{
		"kind:notice", "-kind:notice", "kind:meeting,paper", "topic:tenders", "-topic:awards", "topic:awards,meetings -kind:notice", "body:body-1", "area:rutland kind:paper",
		"kind:notice care", "-care kind:notice", "body:body-2 tender -topic:tenders", "tier:certain -stage:tender", "source:board-a care -tender", "-care", "body:nobody", "kind:notice body:nobody",
	}
}

// told is all that a search says, and the items of findings that fit.
func (x *Index) told(tb testing.TB, typed string) string {
	tb.Helper()
	var out strings.Builder
	q := parse(tb, typed)
	for _, s := range []store.Search{{Query: q, Limit: 1000, Text: 60}, {Query: q, Limit: 3, ByDate: true, Since: day.AddDate(0, 6, 0)}} {
		r, err := x.Search(tb.Context(), s)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&out, "%+v\n", r)
	}
	things, ask, err := x.Things(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(things)
	fmt.Fprintln(&out, slices.Compact(things), ask)
	return out.String()
}

// What is remembered of who bears a field is as if it were read anew, whatever
// was committed, withdrawn and taken back since.
func TestWhatBearsAFieldIsKeptUpWithTheLog(t *testing.T) {
	b := newBench(t)
	b.public()
	r := rand.New(rand.NewPCG(storetest.Seed(t), 3))
	if err := b.index.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for range count(8, 8, 200) {
		b.grow(r, 1+r.IntN(4))
		c := store.Correction{At: day, Source: []string{"tenders", "board-a", "board-b"}[r.IntN(3)], Reason: "a test", Act: []store.Act{store.ActHold, store.ActRestore}[r.IntN(2)]}
		c.Key = fmt.Sprint("k", r.IntN(25))
		if _, err := b.store.Correct(t.Context(), c); err == nil {
			b.judge(nil)
		}
		b.follow()
		kept := map[string]string{}
		for _, typed := range fieldQueries() {
			kept[typed] = b.index.told(t, typed)
			said[kept[typed]] = true
		}
		if len(b.index.mem.places.lists) == 0 || len(b.index.mem.passages.lists) == 0 {
			t.Fatal("nothing is remembered")
		}
		if err := b.index.Close(); err != nil {
			t.Fatal(err)
		}
		warm := b.index.mem
		b.open()
		for _, typed := range fieldQueries() {
			if d := cmp.Diff(b.index.told(t, typed), kept[typed]); d != "" {
				t.Fatalf("%s: read anew, and remembered: %s", typed, d)
			}
		}
		tx, err := b.index.reading(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, was := range []*borne{warm.places, warm.passages} {
			anew := borne{table: was.table}
			for word, kept := range was.lists {
				read, err := anew.by(t.Context(), tx, []string{word})
				if err != nil {
					t.Fatal(err)
				}
				for n := range 64 * max(len(kept), len(read)) {
					if kept.has(n) != read.has(n) {
						t.Errorf("%s: number %d of %s, remembered %t", was.table, n, word, kept.has(n))
					}
				}
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		// The next round goes on with what was remembered.
		b.index.mem.places, b.index.mem.passages = warm.places, warm.passages
	}
	if len(said) < 40 {
		t.Errorf("only %d different answers", len(said))
	}
}

// What is remembered is bounded, also where somebody asks for what nobody bears.
func TestWhatBearsAFieldIsBounded(t *testing.T) {
	for _, long := range []int{mostBorne / 8 / 10, 0} {
		var b borne
		for i := range 100 {
			word := fmt.Sprint("body·", i, strings.Repeat("x", mostBorne/30))
			b.keep(word, make(bitset, long))
			size := 0
			for w, s := range b.lists {
				size += 8*len(s) + len(w)
			}
			if _, ok := b.lists[word]; size > mostBorne || !ok {
				t.Fatalf("%d bytes in %d lists", size, len(b.lists))
			}
		}
	}
}

// A search whose time is over says so, whatever the database says of it.
func TestSearchWhoseTimeIsOverSaysSo(t *testing.T) {
	b := newBench(t)
	b.commit([]store.Item{notice("n1", "Hospice", "x")}, nil)
	b.follow()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := b.index.Search(ctx, store.Search{Query: parse(t, "hospice"), Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a search: %v", err)
	}
	if _, _, err := b.index.Things(ctx, parse(t, "hospice")); !errors.Is(err, context.Canceled) {
		t.Errorf("the items of findings: %v", err)
	}
	late, leave := context.WithCancel(t.Context())
	tx, err := b.index.reading(late)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	for err == nil { // until the transaction is ended beside us
		err = tx.QueryRowContext(t.Context(), `SELECT 1`).Scan(new(int))
	}
	if err := b.index.failed(late, err); !errors.Is(err, context.Canceled) {
		t.Errorf("in between: %v", err)
	}
}

// The order of a narrowed search is the one in which FTS5 itself puts all that
// fits, fields and exclusions included.
func TestOrderIsThatOfTheWholeQuery(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(storetest.Seed(t), 4))
	b.grow(r, 40)
	b.follow()
	compared := 0
	for _, typed := range []string{
		"care", "care kind:notice", "care -tender", "tender care -kind:paper topic:tenders,awards", `"tender care"`, "hospice OR tender", "care (hospice OR ICB)", "tender (hospice OR kind:notice)",
		"care source:tenders -body:body-1 -hospice", "end-of-life OR (care kind:meeting)",
	} {
		q := parse(t, typed)
		fit, err := b.index.fitting(t.Context(), b.index.db, store.Search{Query: q, Since: day.AddDate(0, 3, 0)})
		if err != nil {
			t.Fatal(err)
		}
		ranked, err := b.index.rank(t.Context(), b.index.db, q, fit)
		if err != nil {
			t.Fatal(err)
		}
		var want []uint32
		err = numbered(t.Context(), b.index.db, `SELECT group_concat(rowid, ' ') FROM (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank)`,
			func(id int) {
				if slices.Contains(fit.ids, uint32(id)) {
					want = append(want, uint32(id))
				}
			}, q.Lookup().Expr)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(want)
		slices.SortFunc(got, func(a, b uint32) int { return ranked[a] - ranked[b] })
		if d := cmp.Diff(want, got); d != "" || len(ranked) != len(fit.ids) {
			t.Errorf("%s: %d fit, %d have a place: %s", typed, len(fit.ids), len(ranked), d)
		}
		compared += len(want)
	}
	if compared < 100 {
		t.Errorf("only %d places were put in order", compared)
	}
}
