package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ccgwatch/store"
)

func unseen(t *T) {
	s, err := t.Snapshot(t.ctx, "leics", nil)
	t.must(err)
	t.same("the snapshot", s, store.Snapshot{Source: "leics"})
	n, err := t.LastSeq(t.ctx)
	t.must(err)
	t.same("the last number", n, uint64(0))
	_, err = t.Item(t.ctx, "leics", "a")
	t.is(err, store.ErrNotFound)
	cs, err := t.Changes(t.ctx, 0, 10)
	t.must(err)
	t.same("changes", cs, []store.Change(nil))
	t.must(t.Items(t.ctx, "", func(it store.Item) bool { t.Errorf("there is %v", it); return true }))
}

func keepsEverything(t *T) {
	want := store.Snapshot{Source: "leics", Baseline: at(1), Cursor: "cursor", Held: "held", Notes: "notes", Items: map[string]store.Item{}}
	for _, it := range []store.Item{item("a"), item("b"), {Source: "leics", Key: "meeting/ünï 🏥 \\ / ?", Title: strings.Repeat("long ", 4000)}} {
		want.Items[it.Key] = it
	}
	change := store.Change{At: at(2), Key: "a", Kind: store.KindMeeting, Op: store.OpAmended, What: []store.What{store.MeetingMoved, store.DocumentAdded}, Title: "T", URL: "u",
		Fields: []store.FieldChange{{Name: "when", Old: "1", New: "2"}}, Documents: item("a").Documents, Read: item("a").Documents, Parts: item("a").Parts, Silent: true}
	h := store.Health{Source: "leics", LastTry: at(3), LastComplete: at(2), Problems: []store.Problem{{Reason: store.ReasonGap, Since: at(1)}}, Counts: map[store.Kind]int{store.KindMeeting: 3}}
	t.must(t.Commit(t.ctx, want, []store.Change{change}, h))
	t.again()
	got, err := t.Snapshot(t.ctx, "leics", nil)
	t.must(err)
	want.Rev = 1
	t.same("the snapshot", got, want)
	cs, err := t.Changes(t.ctx, 0, 10)
	t.must(err)
	change.Seq, change.Batch, change.Source = 1, 1, "leics"
	t.same("the log", cs, []store.Change{change})
	hs, err := t.Healths(t.ctx)
	t.must(err)
	t.same("the health", hs, []store.Health{h})
	it, err := t.Item(t.ctx, "leics", "a") // a withdrawn one
	t.must(err)
	t.same("the item", it, item("a"))
}

func leavesOthers(t *T) {
	t.commit("leics", 0, item("a"), item("b"))
	b := item("b")
	b.Title = "Another"
	t.commit("leics", 0, b)
	s, err := t.Snapshot(t.ctx, "leics", nil)
	t.must(err)
	t.same("the items", s.Items, map[string]store.Item{"a": item("a"), "b": b})
	t.same("the revision", s.Rev, uint64(2))
}

func byKeys(t *T) {
	t.commit("feed", 0, item("a"), item("b"), item("c"))
	s, err := t.Snapshot(t.ctx, "feed", []string{"c", "a", "nothing", "a"})
	t.must(err)
	keys := []string{}
	for k := range s.Items {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	t.same("the keys", keys, []string{"a", "c"})
	t.same("the revision", s.Rev, uint64(1))
	s, err = t.Snapshot(t.ctx, "feed", []string{})
	t.must(err)
	t.same("no keys are no items", len(s.Items), 0)
}

func stale(t *T) {
	first := t.snapshot("leics", item("a"))
	t.commit("leics", 1, item("b"))
	err := t.Commit(t.ctx, first, []store.Change{{Key: "a"}}, store.Health{Source: "leics", Requests: 99})
	t.is(err, store.ErrConflict)
	ahead := first
	ahead.Rev = 7
	t.is(t.Commit(t.ctx, ahead, nil, store.Health{}), store.ErrConflict)
	_, err = t.Item(t.ctx, "leics", "a")
	t.is(err, store.ErrNotFound)
	n, err := t.LastSeq(t.ctx)
	t.must(err)
	t.same("the log", n, uint64(1))
	hs, err := t.Healths(t.ctx)
	t.must(err)
	t.same("requests", hs[0].Requests, 0)
}

func race(t *T) {
	const n = 8
	snap := t.snapshot("leics")
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		mine := snap
		it := item(fmt.Sprint("k", i))
		mine.Items = map[string]store.Item{it.Key: it}
		wg.Go(func() {
			errs[i] = t.Commit(t.ctx, mine, []store.Change{{Key: it.Key}, {Key: it.Key}}, store.Health{Source: "leics"})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			t.is(err, store.ErrConflict)
		}
	}
	s, err := t.Snapshot(t.ctx, "leics", nil)
	t.must(err)
	last, err := t.LastSeq(t.ctx)
	t.must(err)
	if won != 1 || len(s.Items) != 1 || s.Rev != 1 || last != 2 {
		t.Errorf("%d commits won, %d items, revision %d, %d changes", won, len(s.Items), s.Rev, last)
	}
}

func numbered(t *T) {
	t.commit("leics", 3)
	t.commit("icb", 0)
	t.commit("icb", 2)
	t.again()
	t.commit("leics", 1)
	cs, err := t.Changes(t.ctx, 0, 0)
	t.must(err)
	var got [][2]uint64
	for _, c := range cs {
		got = append(got, [2]uint64{c.Seq, c.Batch})
	}
	t.same("number and batch", got, [][2]uint64{{1, 1}, {2, 1}, {3, 1}, {4, 4}, {5, 4}, {6, 6}})
	t.same("the source", cs[3].Source, "icb")
}

func paged(t *T) {
	t.commit("leics", 7)
	for _, c := range []struct {
		after uint64
		limit int
		want  []uint64
	}{{0, 3, []uint64{1, 2, 3}}, {3, 3, []uint64{4, 5, 6}}, {6, 3, []uint64{7}}, {7, 3, nil}, {99, 3, nil}, {^uint64(0), 3, nil}, {5, 0, []uint64{6, 7}}} {
		cs, err := t.Changes(t.ctx, c.after, c.limit)
		t.must(err)
		var got []uint64
		for _, x := range cs {
			got = append(got, x.Seq)
		}
		t.same(fmt.Sprintf("after %d up to %d", c.after, c.limit), got, c.want)
	}
}

func untouched(t *T) {
	snap := t.snapshot("leics", item("a"))
	changes := []store.Change{{Key: "a"}}
	t.must(t.Commit(t.ctx, snap, changes, store.Health{Source: "leics"}))
	t.same("the revision", snap.Rev, uint64(0))
	t.same("the changes", changes, []store.Change{{Key: "a"}})
}

func itemsInOrder(t *T) {
	for _, s := range []string{"leics", "icb", "le", "leics2"} {
		t.commit(s, 0, store.Item{Key: "b"}, store.Item{Key: "a"}, store.Item{Key: "a/1"})
	}
	list := func(source string) (out []string) {
		t.must(t.Items(t.ctx, source, func(it store.Item) bool { out = append(out, it.Source+" "+it.Key); return true }))
		return out
	}
	t.same("one source", list("leics"), []string{"leics a", "leics a/1", "leics b"})
	t.same("no such source", list("lei"), []string(nil))
	all := list("")
	t.same("all are there", len(all), 12)
	t.same("all are in order", all, slices.Sorted(slices.Values(all)))
}

func itemsStop(t *T) {
	t.commit("leics", 0, item("a"), item("b"), item("c"))
	n := 0
	t.must(t.Items(t.ctx, "leics", func(store.Item) bool { n++; return n < 2 }))
	t.same("calls", n, 2)
}

func prefixes(t *T) {
	t.commit("a", 0, store.Item{Key: "b/c"})
	t.commit("a/b", 0, store.Item{Key: "c"})
	s, err := t.Snapshot(t.ctx, "a", nil)
	t.must(err)
	t.same("items of a", len(s.Items), 1)
	_, err = t.Item(t.ctx, "a/b", "b/c")
	t.is(err, store.ErrNotFound)
}

func health(t *T) {
	t.commit("leics", 1)
	for _, h := range []store.Health{
		{Source: "zz", LastTry: at(1), FailingSince: at(1)},
		{Source: "leics", LastTry: at(2), FailingSince: at(2)},
		{Source: "leics", LastTry: at(3), FailingSince: at(2)},
	} {
		t.must(t.Note(t.ctx, h))
	}
	hs, err := t.Healths(t.ctx)
	t.must(err)
	t.same("by source", hs, []store.Health{{Source: "leics", LastTry: at(3), FailingSince: at(2)}, {Source: "zz", LastTry: at(1), FailingSince: at(1)}})
	s, err := t.Snapshot(t.ctx, "leics", nil)
	t.must(err)
	t.same("a note is no commit", s.Rev, uint64(1))
}

func badNames(t *T) {
	for _, s := range []store.Snapshot{
		{Source: "", Items: map[string]store.Item{"a": item("a")}},
		{Source: "a\x00b"},
		{Source: "a", Items: map[string]store.Item{"": {}}},
		{Source: "a", Items: map[string]store.Item{"x": item("a")}},
		{Source: "a", Items: map[string]store.Item{strings.Repeat("x", 1<<16): item(strings.Repeat("x", 1<<16))}},
	} {
		if err := t.Commit(t.ctx, s, []store.Change{{Key: "a"}}, store.Health{}); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("committed under %.20q with %d items: %v", s.Source, len(s.Items), err)
		}
	}
	n, err := t.LastSeq(t.ctx)
	t.must(err)
	t.same("the log", n, uint64(0))
}
