package storetest

import (
	"fmt"
	"time"

	"ccgwatch/store"
)

// said are the findings of two items, of which the second names the first in three
// ways: as where its words stand, too, as what its procurement is discussed in, and
// as the notice that a move is against.
func (t *T) said() {
	t.Helper()
	t.must(t.Subscribe(t.ctx, confirmed("ann")))
	t.commit("leics", 2, item("a"), item("b"))
	t.must(t.Advance(t.ctx, "m", store.Position{}, store.Position{Seq: 1}, []store.Finding{
		{ID: "fa", Change: 1, Source: "leics", Key: "a"}, {ID: "fb", Change: 2, Source: "leics", Key: "b"},
		{ID: "prints", Change: 2, Source: "leics", Key: "b", AlsoIn: []store.Elsewhere{{Key: "a", Document: "Report"}}},
		{ID: "joined", Change: 2, Source: "leics", Key: "b", Joins: []store.Joint{{Title: "A", Source: "leics", Key: "a"}}},
	}, nil))
}

func speaking(id string, found ...string) store.Delivery {
	d := delivery(id, "ann", at(1))
	d.Findings = found
	return d
}

// recalled: wherever a message waits, a correction takes it back.
func recalled(t *T) {
	t.said()
	t.queue(speaking("sent", "fa"))
	got := t.leased(at(2))
	got[0].State, got[0].SentAt = store.Sent, at(2)
	t.must(t.Settle(t.ctx, got[0]))
	t.queue(speaking("claimed", "fa"), speaking("dotting", "fa"), speaking("broken off", "fa"))
	claims := map[string]store.Delivery{}
	for _, d := range t.leased(at(2)) {
		claims[d.ID] = d
	}
	for _, id := range []string{"dotting", "broken off"} {
		dot := claims[id]
		dot.Due = at(9)
		t.must(t.Dot(t.ctx, dot))
	}

	later, doubt, held, heldBoth := speaking("later", "fa"), speaking("doubt", "fa"), speaking("held", "fa"), speaking("held both", "fa", "fb")
	later.Due, held.State, heldBoth.State, doubt.Doubts = at(8), store.OnHold, store.OnHold, 1
	many := speaking("many", "fa")
	many.More = 3
	about := speaking("about", "fb")
	about.About = []store.ItemRef{{Source: "leics", Key: "a"}}
	t.queue(later, doubt, held, heldBoth, many, about, speaking("alone", "fa"), speaking("both", "fa", "fb"), speaking("prints", "prints"), speaking("joined", "joined"),
		speaking("other", "fb"), delivery("none", "ann", at(3)))
	t.correct(store.Correction{Act: store.ActNote, Note: "x"})
	t.same("a note recalls nothing", t.states()["alone"], store.Queued)
	t.correct(store.Correction{Act: store.ActWithdraw})
	t.again()
	t.same("the outbox", t.states(), map[string]store.DeliveryState{
		"sent": store.Sent, "dotting": store.Dotting, "broken off": store.Dotting, "claimed": store.Suppressed, "later": store.Suppressed, "held": store.Suppressed, "alone": store.Suppressed,
		"held both": store.Failed, "many": store.Failed, "about": store.Failed, "both": store.Failed, "prints": store.Failed, "joined": store.Failed,
		"doubt": store.Uncertain, "other": store.Queued, "none": store.Queued,
	})
	t.must(t.Deliveries(t.ctx, func(d store.Delivery) bool {
		switch d.ID {
		case "both", "held both":
			if !d.Lost() || !d.TakenBack() || d.WasHeld != (d.ID == "held both") {
				t.Errorf("nothing will bring the rest of %+v", d)
			}
		case "other", "sent", "doubt":
			if d.TakenBack() {
				t.Errorf("%s counts as taken back", d.ID)
			}
		}
		return true
	}))
	// Whoever had claimed it can neither send it nor give it back; that it went is believed.
	claim := claims["claimed"]
	t.is(t.Dot(t.ctx, claim), store.ErrConflict)
	claim.State = store.Queued
	t.must(t.Settle(t.ctx, claim))
	t.same("given back", t.states()["claimed"], store.Suppressed)
	claim.State = store.Sent
	t.must(t.Settle(t.ctx, claim))
	t.same("it went", t.states()["claimed"], store.Sent)
	// At its last byte it could not be taken back: it is, when it would be sent again.
	dot := claims["dotting"]
	dot.State, dot.Due, dot.LastError = store.Queued, at(3), "451 try again"
	t.must(t.Settle(t.ctx, dot))
	dot = claims["broken off"].Doubted()
	dot.Due = at(3)
	t.must(t.Settle(t.ctx, dot))
	// What may have come, and was in somebody's hands when that was said, is over.
	t.must(t.Settle(t.ctx, store.Delivery{ID: "doubt", State: store.Queued, Due: at(3), Doubts: 1}))
	now := t.states()
	t.same("refused, broken off, in doubt", [3]store.DeliveryState{now["dotting"], now["broken off"], now["doubt"]}, [3]store.DeliveryState{store.Suppressed, store.Uncertain, store.Uncertain})
	t.same("what is sent", ids(t.leased(at(4))), []string{"other", "none"})

	// Another takes its place, once.
	in := speaking("anew", "fb")
	in.Carries, in.Edits = []string{"both"}, 2
	t.must(t.Digest(t.ctx, in))
	in.ID = "twice"
	t.is(t.Digest(t.ctx, in), store.ErrConflict)
	t.same("in its place", t.states()["anew"], store.Queued)
}

// recalledWords: what is shown otherwise is taken back, too; what may have come is
// repeated byte for byte unless it says what is not shown any more.
func recalledWords(act store.Act, want map[string]store.DeliveryState) func(*T) {
	return func(t *T) {
		t.said()
		held, doubt := speaking("held", "fa"), speaking("doubt", "fa")
		held.State, doubt.Doubts = store.OnHold, 1
		t.queue(speaking("alone", "fa"), held, doubt, speaking("other", "fb"))
		t.correct(store.Correction{Act: act, Note: "x", Strike: []string{"Jane Doe"}, Fields: []store.FieldChange{{Name: "title", New: "B"}}})
		t.same("the outbox", t.states(), want)
	}
}

// recalledLate: what was put into words before a correction and is queued after it
// is taken back as it is queued.
func recalledLate(t *T) {
	t.said()
	t.correct(store.Correction{Act: store.ActWithdraw})
	t.correct(store.Correction{Source: "leics", Key: "b", Act: store.ActCorrect, Fields: []store.FieldChange{{Name: "title", New: "B"}}})
	for edits, want := range [][3]store.DeliveryState{
		{store.Suppressed, store.Failed, store.Failed}, {store.Queued, store.Failed, store.Failed}, {store.Queued, store.Queued, store.Queued},
	} {
		var all []store.Delivery
		for i, found := range [][]string{{"fa"}, {"fb"}, {"fa", "fb"}} {
			d := speaking(fmt.Sprint(edits, i), found...)
			d.Edits = uint64(edits)
			all = append(all, d)
		}
		t.queue(all...)
		got := t.states()
		t.same(fmt.Sprint("knowing of ", edits), [3]store.DeliveryState{got[all[0].ID], got[all[1].ID], got[all[2].ID]}, want)
	}
}

// owedAgain: a digest that speaks of it is owed again; one that cannot be, because
// a later one is made already, is brought by the next. A letter is dropped.
func owedAgain(t *T) {
	t.said()
	t.must(t.Subscribe(t.ctx, confirmed("bob")))
	week := at(0).AddDate(0, 0, 7)
	day := week.AddDate(0, 0, 1)
	stands := func() []time.Time {
		t.Helper()
		var out []time.Time
		for _, id := range []string{"ann", "bob"} {
			s, err := t.Subscription(t.ctx, id)
			t.must(err)
			out = append(out, s.LastDigest)
		}
		return out
	}
	lost, letter := speaking("lost", "fb"), store.Delivery{ID: "letter", Subscription: "ann", Kind: "correction", About: []store.ItemRef{{Source: "leics", Key: "a"}}, Created: at(1), Due: at(1)}
	t.queue(lost, letter)
	lost.State = store.Uncertain
	t.must(t.Settle(t.ctx, lost))
	d := speaking("week", "fb")
	d.Kind, d.Carries, d.About = "digest", []string{"lost"}, []store.ItemRef{{Source: "leics", Key: "a"}}
	t.must(t.Digest(t.ctx, d, period("ann", time.Time{}, week)))
	his := speaking("his", "fa")
	his.Subscription, his.Kind = "bob", "digest"
	t.must(t.Digest(t.ctx, his, period("bob", time.Time{}, week)))
	his.ID, his.Findings = "his next", []string{"fb"}
	t.must(t.Digest(t.ctx, his, period("bob", week, day)))
	t.same("told", stands(), []time.Time{week, day})
	t.correct(store.Correction{Act: store.ActHold})
	t.again()
	t.same("owed again", stands(), []time.Time{{}, day})
	t.same("the outbox", t.states(), map[string]store.DeliveryState{"lost": store.Uncertain, "his": store.Suppressed, "his next": store.Queued})
	got, err := t.Delivery(t.ctx, "lost")
	t.must(err)
	t.same("nobody carries it now", got.Carried, "")
	d.Edits = 1
	d.About = nil
	t.must(t.Digest(t.ctx, d, period("ann", time.Time{}, week))) // the same again
	t.same("made again", t.states()["week"], store.Queued)
	// Made before the correction and queued after it: as if it had not been made.
	t.correct(store.Correction{Act: store.ActRestore})
	t.same("restored", t.states()["week"], store.Queued)
	late := speaking("late", "fa")
	late.Kind, late.Edits = "digest", 1
	t.must(t.Digest(t.ctx, late, period("ann", week, day)))
	t.same("owed still", stands(), []time.Time{week, day})
	if _, there := t.states()["late"]; there {
		t.Error("what says it otherwise is queued")
	}
}
