package storetest

import (
	"ccgwatch/store"
)

func rejudge(t *T) {
	old := []store.Finding{
		{ID: "kept", Change: 2, Quote: "as it was", Rules: "1"}, {ID: "gone", Change: 2, Rules: "1"},
		{ID: "before", Change: 1, Rules: "1"}, {ID: "after", Change: 4, Rules: "1"},
	}
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 4}, old, nil))
	list := func() (out []string) {
		t.must(t.Findings(t.ctx, 0, func(f store.Finding) bool { out = append(out, f.ID+" "+f.Rules); return true }))
		return out
	}
	replace := func(after, upTo uint64, rules string, fs ...store.Finding) [2]int {
		t.Helper()
		fresh, retired, err := t.Rejudge(t.ctx, after, upTo, rules, fs)
		t.must(err)
		return [2]int{fresh, retired}
	}
	kept := store.Finding{ID: "kept", Change: 2, Quote: "as it is", Rules: "2"}
	t.same("one new, one gone", replace(1, 3, "2", kept, store.Finding{ID: "new", Change: 3, Rules: "2"}), [2]int{1, 1})
	t.again()
	t.same("the list", list(), []string{"before 1", "kept 2", "new 2", "after 1"})
	got, err := t.Finding(t.ctx, "gone")
	t.must(err)
	t.same("one that is gone is still to be had", got, store.Finding{ID: "gone", Change: 2, Rules: "1", Retired: "2"})
	got, err = t.Finding(t.ctx, "kept")
	t.must(err)
	t.same("one that is kept says what it says now", got, kept)
	t.same("again: nothing", replace(1, 3, "2", kept, store.Finding{ID: "new", Change: 3, Rules: "2"}), [2]int{0, 0})
	t.same("the rules as they were", replace(1, 3, "1", old[0], old[1]), [2]int{1, 1})
	t.same("the list", list(), []string{"before 1", "gone 1", "kept 1", "after 1"})
	place, err := t.Position(t.ctx, "matcher")
	t.must(err)
	t.same("the follower stays where it is", place, store.Position{Seq: 4})
	t.same("nothing is queued", t.states(), map[string]store.DeliveryState{})
}

func rejudgeWrong(t *T) {
	f := store.Finding{ID: "f", Change: 2, Rules: "1"}
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 3}, []store.Finding{f}, nil))
	for name, try := range map[string]func() error{
		"a change outside": func() error { _, _, err := t.Rejudge(t.ctx, 2, 3, "2", []store.Finding{f}); return err },
		"an id of another change": func() error {
			_, _, err := t.Rejudge(t.ctx, 2, 3, "2", []store.Finding{{ID: "f", Change: 3}})
			return err
		},
		"no version": func() error { _, _, err := t.Rejudge(t.ctx, 0, 3, "", nil); return err },
		"no id":      func() error { _, _, err := t.Rejudge(t.ctx, 0, 3, "2", []store.Finding{{Change: 2}}); return err },
	} {
		if try() == nil {
			t.Errorf("%s is taken", name)
		}
		got, err := t.Finding(t.ctx, "f")
		t.must(err)
		t.same("after "+name, got, f)
	}
}
