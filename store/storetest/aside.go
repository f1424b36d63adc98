package storetest

import (
	"ccgwatch/store"
)

// aside: what is on hold or was taken back is found whatever else was sent, as long
// as it is so, and no longer.
func aside(t *T) {
	t.said()
	t.must(t.Subscribe(t.ctx, confirmed("bob")))
	is := func(what string, want ...string) {
		t.Helper()
		t.again()
		var got []string
		t.must(t.Aside(t.ctx, func(d store.Delivery) bool {
			if d.Raw != nil {
				t.Error("with its bytes")
			}
			got = append(got, d.ID)
			return true
		}))
		t.same(what, got, want)
	}
	held, his, late := speaking("held", "fb"), speaking("his", "fb"), speaking("late", "fb")
	held.State, his.State, late.State = store.OnHold, store.OnHold, store.OnHold
	his.Subscription, his.Created, late.Created = "bob", at(0), at(4)
	t.queue(held, his, late, speaking("alone", "fa"), speaking("both", "fa", "fb"), speaking("other", "fb"))
	is("on hold, the oldest first", "his", "held", "late")
	n := 0
	t.must(t.Aside(t.ctx, func(store.Delivery) bool { n++; return false }))
	t.same("until told to stop", n, 1)

	held.State, held.Due = store.Queued, at(2)
	t.must(t.Settle(t.ctx, held))
	late.State = store.Suppressed
	t.must(t.Settle(t.ctx, late))
	is("let go and given up", "his")
	t.correct(store.Correction{Act: store.ActHold})
	is("taken back", "his", "alone", "both")

	in := speaking("anew", "fb")
	in.Carries, in.Edits = []string{"both"}, 1
	t.must(t.Digest(t.ctx, in))
	is("another took its place", "his", "alone", "both")
	_, err := t.Erase(t.ctx, "bob@example.org")
	t.must(err)
	is("erased", "alone", "both")
	_, err = t.Erase(t.ctx, "ann@example.org")
	t.must(err)
	is("nothing is left")
}
