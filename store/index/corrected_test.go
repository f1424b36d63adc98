package index

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"ccgwatch/store"
)

// public has the index read what may be shown, as the daemon does.
func (b *bench) public() {
	b.tb.Helper()
	if err := b.index.Close(); err != nil {
		b.tb.Fatal(err)
	}
	p := store.NewPublic(b.store)
	b.o.Ledger, b.o.Shown, b.o.Edit = p, p.Shown, p.Clean
	b.open()
}

// found are the findings that fit, by their first passage, the newest first.
func (b *bench) found(typed string) (out []string) {
	b.tb.Helper()
	q := parse(b.tb, typed)
	things := map[uint64]bool{}
	err := b.index.Found(b.tb.Context(), q, store.FoundPlace{}, func(f store.Found) bool {
		things[f.Thing] = true
		x, err := b.store.Finding(b.tb.Context(), f.ID)
		if err != nil {
			b.tb.Error(err)
		}
		if !f.Ask || q.Match(factsOf(x)) {
			out = append(out, x.Mentions()[0].Quote)
		}
		return true
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	// The items of them are told at once, too.
	list, _, err := b.index.Things(b.tb.Context(), q)
	if err != nil {
		b.tb.Fatal(err)
	}
	same := map[uint64]bool{}
	for _, x := range list {
		same[x] = true
	}
	if !maps.Equal(same, things) {
		b.tb.Errorf("%s: found in %v, and told at once %v", typed, things, same)
	}
	return out
}

// Sentences of one finding are asked about one by one, however they are filed,
// and the finding is told once.
func TestPassagesOfAFindingAreSearchedOneByOne(t *testing.T) {
	b := newBench(t)
	b.commit([]store.Item{notice("n1", "Board pack", "x"), notice("n2", "Fences", "y")}, func(c store.Change) []store.Finding {
		if c.Key == "n2" {
			return []store.Finding{{Topic: store.TopicTenders, Quote: "Dermatology of fences"}}
		}
		return []store.Finding{{Topic: store.TopicOutsourcing, Quotes: []store.Mention{{Quote: "Cleaning is outsourced"}, {Quote: "Dermatology goes to a company"}}, Others: []store.Mention{{Quote: "Parking is let to a company"}}}}
	})
	b.follow()
	const pack, fences = "Cleaning is outsourced", "Dermatology of fences"
	for typed, want := range map[string][]string{
		"":                                 {fences, pack},
		"company":                          {pack},
		"dermatology":                      {fences, pack},
		"dermatology -company":             {fences},
		"dermatology parking":              nil, // in two sentences
		"-cleaning":                        {fences, pack},
		"-cleaning -company -dermatology":  nil,
		"-cleaning -company":               {fences},
		`"outsourced dermatology"`:         nil, // across the border of two sentences
		`"goes to a company"`:              {pack},
		`"pack parking"`:                   {pack}, // as Match has it: what heads a sentence stands before it
		`-"let to a company" company`:      {pack},
		"topic:outsourcing -pack":          nil,
		"kind:notice (cleaning OR fences)": {fences, pack},
	} {
		if got := b.found(typed); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", typed, got, want)
		}
	}
	if n := b.index.Size().Findings; n != 2 {
		t.Errorf("%d findings", n)
	}
}

// What an operator holds back leaves the index with the entry of the log that
// says so, and comes back to its place when that is over: whether the index
// followed or was built in between.
func TestCorrectionsReachTheIndex(t *testing.T) {
	for _, rebuilt := range []bool{false, true} {
		b := newBench(t)
		b.public()
		items := []store.Item{notice("n1", "Hospice care", "Nights at Jones House."), notice("n2", "Hospice fences", "y"), notice("n3", "Hospice beds", "z")}
		b.commit(items, func(c store.Change) []store.Finding {
			return []store.Finding{{Topic: store.TopicTenders, Quotes: []store.Mention{{Quote: "First of " + c.Key}, {Quote: "Jones of " + c.Key}}}}
		})
		step := func() {
			t.Helper()
			b.judge(nil)
			if rebuilt {
				if err := b.index.Rebuild("a test"); err != nil {
					t.Fatal(err)
				}
			}
			b.follow()
			if rebuilt {
				return
			}
			followed := b.contents()
			if err := b.index.Check(t.Context()); err != nil {
				t.Error(err)
			}
			if err := b.index.Close(); err != nil {
				t.Fatal(err)
			}
			b.open()
			if got := b.contents(); !slices.Equal(got, followed) {
				t.Errorf("opened again: %q, was %q", got, followed)
			}
		}
		say := func(key string, act store.Act, c store.Correction) {
			t.Helper()
			c.At, c.Source, c.Key, c.Act, c.Reason = day, "tenders", key, act, "a test"
			if _, err := b.store.Correct(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			step()
		}
		expect := func(what, typed string, want ...string) {
			t.Helper()
			got := b.search(typed)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("rebuilt %t, %s: items %q, want %q", rebuilt, what, got, want)
			}
			var firsts []string
			for _, k := range slices.Backward(want) {
				firsts = append(firsts, "First of "+k)
			}
			if got := b.found(typed); !slices.Equal(got, firsts) {
				t.Errorf("rebuilt %t, %s: findings %q, want %q", rebuilt, what, got, firsts)
			}
		}
		b.follow()
		expect("before", "hospice", "n1", "n2", "n3")
		say("n2", store.ActHold, store.Correction{})
		expect("held", "hospice", "n1", "n3")
		expect("held", "", "n1", "n3")
		if n := b.index.Size().Findings; n != 2 {
			t.Errorf("%d findings are counted", n)
		}
		if all := strings.Join(b.contents(), " "); strings.Contains(all, "fences") {
			t.Error("the file says what is held")
		}
		say("n2", store.ActRestore, store.Correction{})
		expect("restored", "hospice", "n1", "n2", "n3")
		expect("restored", "topic:tenders", "n1", "n2", "n3")
		say("n1", store.ActRedact, store.Correction{Strike: []string{"Jones"}})
		if got := b.found("jones"); slices.Contains(got, "First of n1") || len(got) != 2 {
			t.Errorf("what was left out is found: %q", got)
		}
		if got := b.search("jones"); len(got) != 0 {
			t.Errorf("what was left out is found: %q", got)
		}
		say("n3", store.ActCorrect, store.Correction{Fields: []store.FieldChange{{Name: "title", Old: "Hospice beds", New: "Lodge beds"}}})
		expect("corrected", "hospice", "n1", "n2")
		if got := b.search("lodge"); !slices.Equal(got, []string{"n3"}) {
			t.Errorf("corrected: %q", got)
		}
		q := parse(t, "lodge")
		n := 0
		if err := b.index.Found(t.Context(), q, store.FoundPlace{}, func(store.Found) bool { n++; return true }); err != nil || n != 1 {
			t.Errorf("the finding under its new title: %d, %v", n, err)
		}
	}
}

// Several findings that are held back before the index has seen them stopped it for
// good: all were filed under no id.
func TestFindingsHeldBackBeforeTheyAreIndexedComeBack(t *testing.T) {
	b := newBench(t)
	b.public()
	b.commit([]store.Item{notice("n1", "Hospice care", "x"), notice("n2", "Hospice fences", "y")}, func(c store.Change) []store.Finding {
		return []store.Finding{{Topic: store.TopicTenders, Quote: "First of " + c.Key}, {Topic: store.TopicAwards, Quote: "Second of " + c.Key}}
	})
	say := func(act store.Act) {
		t.Helper()
		for _, key := range []string{"n1", "n2"} {
			if _, err := b.store.Correct(t.Context(), store.Correction{At: day, Source: "tenders", Key: key, Act: act, Reason: "a test"}); err != nil {
				t.Fatal(err)
			}
		}
		b.judge(nil)
		b.follow()
	}
	say(store.ActHold)
	if got := b.found(""); len(got) != 0 {
		t.Errorf("held, and found: %q", got)
	}
	say(store.ActRestore)
	if got, want := b.found("hospice"), []string{"Second of n2", "First of n2", "Second of n1", "First of n1"}; !slices.Equal(got, want) {
		t.Errorf("restored: %q, want %q", got, want)
	}
}

// A batch that ends early, because its texts are long, is gone on with where it
// ended.
func TestLongTextsEndABatch(t *testing.T) {
	b := newBench(t)
	b.index.most = 100
	var items []store.Item
	for _, k := range []string{"n1", "n2", "n3", "n4"} {
		items = append(items, notice(k, "Hospice", strings.Repeat("words ", 30)))
	}
	b.commit(items, func(c store.Change) []store.Finding {
		return []store.Finding{{Topic: store.TopicTenders, Quote: "of " + c.Key}}
	})
	if more, err := b.index.Step(t.Context()); err != nil || !more || b.index.Size().Items > 1 {
		t.Fatalf("%+v, more %t, %v", b.index.Size(), more, err)
	}
	b.follow()
	if got := b.search("hospice"); len(got) != 4 {
		t.Errorf("items: %q", got)
	}
	if got := b.found("hospice"); len(got) != 4 {
		t.Errorf("findings: %q", got)
	}
}

// An index that is built anew when several findings are out of sight has a place
// for each of them: it is not stuck at the second, and they come back.
func TestBuiltAnewWithSeveralFindingsOutOfSight(t *testing.T) {
	b := newBench(t)
	b.public()
	b.commit([]store.Item{notice("n1", "Hospice care", "x"), notice("n2", "Hospice beds", "y")}, func(c store.Change) []store.Finding {
		return []store.Finding{{ID: "a" + c.Key, Topic: store.TopicTenders, Quote: "First of " + c.Key}, {ID: "b" + c.Key, Topic: store.TopicOutsourcing, Quote: "Second of " + c.Key}}
	})
	for _, act := range []store.Act{store.ActHold, store.ActRestore} {
		if _, err := b.store.Correct(t.Context(), store.Correction{At: day, Source: "tenders", Key: "n1", Act: act, Reason: "a test"}); err != nil {
			t.Fatal(err)
		}
		b.judge(nil)
		b.follow() // the first time it has filed nothing yet
		want := []string{"n2"}
		if act == store.ActRestore {
			want = []string{"n1", "n2"}
		}
		got := b.search("hospice")
		slices.Sort(got)
		if !slices.Equal(got, want) || len(b.found("hospice")) != 2*len(want) {
			t.Errorf("%s: items %q, findings %q", act, got, b.found("hospice"))
		}
	}
}
