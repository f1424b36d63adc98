package storetest

import (
	"maps"
	"slices"
	"time"

	"ccgwatch/store"
)

// stamp: whatever changes what a subscription is matched by changes the stamp,
// and nothing else does.
func stamp(t *T) {
	last, err := t.Stamp(t.ctx)
	t.must(err)
	used := map[uint64]bool{last: true}
	first, all := last, map[string]bool{}
	after := func(what string, changes bool) {
		t.Helper()
		now, err := t.Stamp(t.ctx)
		t.must(err)
		whose, upTo, known, err := t.Altered(t.ctx, last)
		t.must(err)
		if !known || upTo != now || len(whose) != 0 != changes {
			t.Errorf("%s: altered %q up to %d (known: %v), the stamp being %d", what, whose, upTo, known, now)
		}
		for _, id := range whose {
			all[id] = true
		}
		switch {
		case changes && used[now]:
			t.Errorf("%s: the stamp is %d as before", what, now)
		case !changes && now != last:
			t.Errorf("%s: the stamp went from %d to %d", what, last, now)
		}
		last, used[now] = now, true
	}
	ann, bob := confirmed("ann"), confirmed("bob")
	t.must(t.Subscribe(t.ctx, ann))
	after("subscribe", true)
	t.must(t.Subscribe(t.ctx, bob))
	after("subscribe another", true)
	t.is(t.Subscribe(t.ctx, bob), store.ErrConflict)
	after("the same again", false)
	p := asked(1, "cat@example.org", at(2))
	t.post(p)
	after("ask", true)
	_, err = t.Confirm(t.ctx, hash(1), at(3), person("cat@example.org"))
	t.must(err)
	after("confirm", true)
	t.must(t.Change(t.ctx, ann.ID, "hospice", ann.Often, ann.Since))
	after("other words", true)
	t.must(t.Change(t.ctx, ann.ID, "hospice", store.Both, ann.Since))
	after("another frequency", true)
	t.must(t.Change(t.ctx, ann.ID, "hospice", store.Both, 9))
	after("from another change on", true)
	t.must(t.Change(t.ctx, ann.ID, "hospice", store.Both, 9))
	after("what is so already", false)
	t.queue(delivery("d1", bob.ID, at(3)))
	after("a delivery", false)
	t.again()
	after("opened again", false)
	_, _, _, err = t.Return(t.ctx, store.Returned{Note: "n", At: at(4), Delivery: "d1"}, func(store.Delivery, store.Subscription, store.BounceScore) store.Ruling {
		return store.Ruling{Suppress: true}
	})
	t.must(err)
	after("mail came back", true)
	t.must(t.End(t.ctx, ann.ID, at(5)))
	after("end", true)
	t.must(t.End(t.ctx, ann.ID, at(6)))
	after("end again", false)
	t.must(t.Sweep(t.ctx, at(7).AddDate(1, 0, 0), at(7).Add(time.Hour)))
	after("sweep", false)
	_, err = t.Erase(t.ctx, "cat@example.org")
	t.must(err)
	after("erase", true)
	for _, s := range t.subs() {
		t.must(t.Forget(t.ctx, s))
		after("forget", true)
	}
	whose, _, known, err := t.Altered(t.ctx, first)
	t.must(err)
	if want := slices.Sorted(maps.Keys(all)); !known || !slices.Equal(slices.Sorted(slices.Values(whose)), want) {
		t.Errorf("altered from the first on %q (known: %v), want each of %q once", whose, known, want)
	}
	if len(all) < 3 || !all[ann.ID] || !all[bob.ID] {
		t.Errorf("altered: %v", all)
	}
	if whose, _, known, err := t.Altered(t.ctx, last+1); err != nil || known || whose != nil {
		t.Errorf("since a stamp that is still to come: %q, known %v, %v", whose, known, err)
	}
}
