package index

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// randomQuery writes a query of what randomItem writes.
func randomQuery(r *rand.Rand, depth int) string {
	field := func() string {
		return []string{"topic:tenders", "topic:awards,meetings", "kind:notice", "kind:meeting,paper", "source:tenders", "source:board-a",
			"body:body-1", "body:body-2,body-3", "area:rutland", "tier:certain", "stage:tender", "body:nobody"}[r.IntN(12)]
	}
	one := func() string {
		switch r.IntN(8) {
		case 0:
			return field()
		case 1:
			return `"` + strings.ReplaceAll(randomWord(r)+" "+randomWord(r), `"`, "") + `"`
		case 2:
			return `"` + randomWord(r) + `"`
		case 3:
			return randomWord(r) + "-" + randomWord(r)
		}
		return randomWord(r)
	}
	var parts []string
	for range 1 + r.IntN(3) {
		p := one()
		if depth > 0 && r.IntN(3) == 0 {
			p = "(" + randomQuery(r, depth-1) + ")"
		}
		if r.IntN(4) == 0 {
			p = "-" + p
		}
		if r.IntN(4) == 0 && len(parts) > 0 {
			p = "OR " + p
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, " ")
}

func count(plain, promises, soak int) int {
	switch {
	case os.Getenv("CCGWATCH_SOAK") == "1":
		return soak
	case os.Getenv("CCGWATCH_PROMISES") == "1":
		return promises
	}
	return plain
}

// What the index answers is what asking every place, and every finding, would.
func TestPromiseSearchIsMatch(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(11, uint64(count(1, 2, 3))))
	b.grow(r, count(20, 60, 300))
	b.follow()
	type place struct {
		key   string
		facts *query.Prepared
	}
	var places []place
	union := map[string]query.Facts{} // of an item's findings, ever
	var found []store.Finding
	err := b.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		found = append(found, f)
		union[f.Source+f.Key] = joined(union[f.Source+f.Key], factsOf(f))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.Items(t.Context(), "", func(it store.Item) bool {
		if !it.Withdrawn.IsZero() {
			return true
		}
		d := describe(it)
		add := func(spot, text string) {
			f := joined(d.Facts, union[it.Source+it.Key])
			f.Text = d.Facts.Text + "\n" + text
			places = append(places, place{it.Key + " " + spot, query.Prepare(f)})
		}
		add("", d.Text)
		for _, p := range it.Parts {
			add(p.Key, p.Number+" "+p.Title+"\n"+p.Text)
		}
		for _, d := range it.Documents {
			if d.SHA256 == "" {
				add(d.Key, d.Title)
				continue
			}
			pages, err := b.store.Text(t.Context(), d.SHA256)
			if err != nil {
				t.Error(err)
			}
			for i, p := range pages {
				add(fmt.Sprintf("%s p%d", d.Key, i+1), d.Title+"\n"+p)
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(found)
	hits, none := 0, 0
	for range count(200, 2000, 20_000) {
		typed := randomQuery(r, 3)
		q, err := query.Parse(typed)
		if err != nil {
			continue // too long, say
		}
		var want []string
		for _, p := range places {
			if q.MatchPrepared(p.facts) {
				want = append(want, p.key)
			}
		}
		if hits += len(want); len(want) == 0 {
			none++
		}
		fit, err := b.index.fitting(t.Context(), b.index.db, store.Search{Query: q})
		if err != nil {
			t.Fatalf("%s: %v", typed, err)
		}
		var got []string
		for _, id := range fit.ids {
			var key string
			spot, _, err := b.index.entry(t.Context(), b.index.db, id, false)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.index.db.QueryRow(`SELECT key FROM item WHERE no = ?`, b.index.mem.entries[id]).Scan(&key); err != nil {
				t.Fatal(err)
			}
			switch {
			case spot.Page > 0:
				key += fmt.Sprintf(" %s p%d", spot.Document, spot.Page)
			case spot.Document != "":
				key += " " + spot.Document
			default:
				key += " " + spot.Part
			}
			got = append(got, key)
		}
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s (as %+v): %s", typed, q.Lookup(), d)
		}
		var wantFound, gotFound []string
		for _, f := range found {
			if q.Match(factsOf(f)) {
				wantFound = append(wantFound, f.ID)
			}
		}
		err = b.index.Found(t.Context(), q, store.FoundPlace{}, func(f store.Found) bool {
			if f.Ask {
				x, err := b.store.Finding(t.Context(), f.ID)
				if err != nil {
					t.Error(err)
				}
				if !q.Match(factsOf(x)) {
					return true
				}
			}
			gotFound = append(gotFound, f.ID)
			return true
		})
		if err != nil {
			t.Fatalf("%s: %v", typed, err)
		}
		if d := cmp.Diff(wantFound, gotFound); d != "" {
			t.Fatalf("findings of %s (as %+v): %s", typed, q.Lookup(), d)
		}
	}
	if hits < 1000 || none == 0 {
		t.Errorf("the queries say little: %d hits, %d without any", hits, none)
	}
}

// A place in the list of findings is where the list goes on.
func TestFoundGoesOnFromItsPlace(t *testing.T) {
	b := newBench(t)
	b.grow(rand.New(rand.NewPCG(8, 8)), 30)
	b.follow()
	for _, typed := range []string{"", "care", "-care"} {
		q := parse(t, typed)
		var whole, pieces []store.Found
		read := func(before store.FoundPlace, n int) (out []store.Found) {
			err := b.index.Found(t.Context(), q, before, func(f store.Found) bool { out = append(out, f); return len(out) < n })
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		whole = read(store.FoundPlace{}, 1e6)
		for at := (store.FoundPlace{}); ; {
			list := read(at, 3)
			if len(list) == 0 {
				break
			}
			pieces = append(pieces, list...)
			last := list[len(list)-1]
			at = store.FoundPlace{Change: last.Change, ID: last.ID}
		}
		if d := cmp.Diff(whole, pieces); d != "" || len(whole) < 3 {
			t.Errorf("%q, %d: %s", typed, len(whole), d)
		}
		up := whole[len(whole)/2].Change
		i := slices.IndexFunc(whole, func(f store.Found) bool { return f.Change <= up })
		if d := cmp.Diff(whole[i:], read(store.FoundPlace{Change: up}, 1e6)); d != "" {
			t.Errorf("%q from change %d: %s", typed, up, d)
		}
	}
}

// Whatever is typed, the index is asked something it can read, and finds what
// Match finds.
func FuzzLookup(f *testing.F) {
	for _, s := range []string{
		"dialysis leicester", `"end of life" OR (hospice -care)`, `ICB A&E -"x y"`, "topic:tenders,awards -kind:paper", `"`, "a*", "NEAR(a b)", "s:a", "f : any", "any", "-any", "^a + b",
		"(((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))", strings.Repeat("-(a OR ", 14) + "b" + strings.Repeat(")", 14), strings.Repeat("a OR ", 190) + "b", "'; DROP TABLE words; --", "\x00", "é\u0301", "body:\"a\"\"b\"", "ⅨⅣ ﬁ",
	} {
		f.Add(s, "Hospice care for the ICB, A&E and "+s)
	}
	db, err := sql.Open("sqlite", "file::memory:")
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range schema() {
		if _, err := db.Exec(s); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, typed, text string) {
		q, err := query.Parse(typed)
		if err != nil || len(text) > 5000 {
			t.Skip()
		}
		facts := query.Facts{Text: text, Topics: []string{"tenders"}, Kinds: []string{"notice"}, Bodies: []string{text, "any"}}
		words := query.Index(facts)
		want := q.Match(facts)
		for _, table := range []string{"words", "found"} {
			if _, err := db.Exec(`INSERT INTO `+table+` (rowid, `+columns()+`) VALUES (1, ?, ?, ?)`, words.Stems, words.Capitals, words.Facts); err != nil {
				t.Fatal(err)
			}
			l := q.Lookup()
			n := map[bool]int{true: 1}[l.All]
			if l.Expr != "" {
				if err := db.QueryRow(`SELECT count(*) FROM `+table+` WHERE `+table+` MATCH ?`, l.Expr).Scan(&n); err != nil {
					t.Fatalf("%q as %+v: %v", typed, l, err)
				}
			}
			if got := n == 1; want && !got || got && !want && l.Exact {
				t.Errorf("%q as %+v: Match says %v, the index %v", typed, l, want, got)
			}
			if _, err := db.Exec(map[string]string{"words": `DELETE FROM words`, "found": `INSERT INTO found (found) VALUES ('delete-all')`}[table]); err != nil {
				t.Fatal(err)
			}
		}
	})
}
