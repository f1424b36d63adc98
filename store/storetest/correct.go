package storetest

import (
	"errors"
	"strings"

	"ccgwatch/store"
)

func (t *T) correct(c store.Correction) store.Correction {
	t.helperCorrection(&c)
	got, err := t.Correct(t.ctx, c)
	t.must(err)
	return got
}

func (t *T) helperCorrection(c *store.Correction) {
	t.Helper()
	if c.Source == "" {
		c.Source, c.Key = "leics", "a"
	}
	if c.Reason == "" {
		c.Reason = "the site says two things"
	}
	if c.At.IsZero() {
		c.At = at(5)
	}
}

func (t *T) public() store.Public { return store.NewPublic(t.Store) }

func corrected(t *T) {
	first := item("a")
	first.Title, first.Fields = "Health Scrutiny", map[string]string{store.FieldWhen: "2026-09-01T10:00:00+01:00", store.FieldVenue: "County Hall"}
	t.commit("leics", 1, first)
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 1},
		[]store.Finding{{ID: "f1", Change: 1, Source: "leics", Key: "a", Title: "Health Scrutiny"}}, nil))
	seq, err := t.LastSeq(t.ctx)
	t.must(err)
	got := t.correct(store.Correction{Act: store.ActCorrect, Fields: []store.FieldChange{
		{Name: "title", Old: "Health Scrutiny", New: "Joint Health Scrutiny"}, {Name: store.FieldVenue, Old: "County Hall"},
	}})
	t.same("its number", got.N, uint64(1))
	got = t.correct(store.Correction{Act: store.ActNote, Note: "We asked the clerk.", At: at(6)})
	t.same("the next", got.N, uint64(2))
	log, err := t.Changes(t.ctx, seq, 0)
	t.must(err)
	t.same("entries of the log", len(log), 2)
	t.same("the entry", []any{log[0].Op, log[0].Silent, log[0].Key}, []any{store.OpCorrected, true, "a"})

	// The next crawl: the source moves the meeting and says nothing else.
	t.again()
	first.Fields = map[string]string{store.FieldWhen: "2026-09-08T10:00:00+01:00", store.FieldVenue: "County Hall"}
	t.commit("leics", 2, first)
	raw, err := t.Item(t.ctx, "leics", "a")
	t.must(err)
	t.same("what the source says", []string{raw.Title, raw.Fields[store.FieldVenue]}, []string{"Health Scrutiny", "County Hall"})
	p := t.public()
	it, err := p.Item(t.ctx, "leics", "a")
	t.must(err)
	t.same("what is shown", []any{it.Title, it.Fields}, []any{"Joint Health Scrutiny", map[string]string{store.FieldWhen: "2026-09-08T10:00:00+01:00"}})
	f, err := p.Finding(t.ctx, "f1")
	t.must(err)
	t.same("the finding", f.Title, "Joint Health Scrutiny")
	t.must(p.Items(t.ctx, "", func(it store.Item) bool { t.same("in the list", it.Title, "Joint Health Scrutiny"); return true }))
	t.must(p.Findings(t.ctx, 0, func(f store.Finding) bool {
		t.same("the finding in the list", f.Title, "Joint Health Scrutiny")
		return true
	}))

	es, err := t.Edits(t.ctx)
	t.must(err)
	t.same("notes", es.Of("leics", "a").Notes[0].Note, "We asked the clerk.")
	t.correct(store.Correction{Act: store.ActRestore, At: at(9)})
	it, err = p.Item(t.ctx, "leics", "a")
	t.must(err)
	t.same("restored", it, func() store.Item { x, _ := t.Item(t.ctx, "leics", "a"); return x }())
	all, err := t.Corrections(t.ctx, 0)
	t.must(err)
	t.same("the log of corrections", len(all), 3)
	all, err = t.Corrections(t.ctx, 2)
	t.must(err)
	t.same("those after the second", all[0].Act, store.ActRestore)
	es, err = t.Edits(t.ctx)
	t.must(err)
	t.same("nothing is forgotten", len(es.Of("leics", "a").Log), 3)
}

func withheld(t *T) {
	a, b := item("a"), item("b")
	a.Title = "Jane Doe against the board"
	t.commit("leics", 2, a, b)
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 2},
		[]store.Finding{{ID: "fa", Change: 1, Source: "leics", Key: "a"}, {ID: "fb", Change: 2, Source: "leics", Key: "b"}}, nil))
	for _, act := range []store.Act{store.ActHold, store.ActWithdraw} {
		t.correct(store.Correction{Act: act, Reason: "a resident is named"})
		p := t.public()
		_, err := p.Item(t.ctx, "leics", "a")
		t.is(err, store.ErrNotFound)
		var w *store.WithheldError
		if !errors.As(err, &w) || w.Edit.Reason != "a resident is named" || w.Edit.Hidden != act {
			t.Errorf("%s: no reason is given: %v", act, err)
		}
		_, err = p.Finding(t.ctx, "fa")
		t.is(err, store.ErrNotFound)
		var seen []string
		t.must(p.Items(t.ctx, "", func(it store.Item) bool { seen = append(seen, it.Key); return true }))
		t.must(p.Findings(t.ctx, 0, func(f store.Finding) bool { seen = append(seen, f.ID); return true }))
		snap, err := p.Snapshot(t.ctx, "leics", nil)
		t.must(err)
		for k := range snap.Items {
			seen = append(seen, k)
		}
		t.same("what is shown", seen, []string{"b", "fb", "b"})
		log, err := p.Changes(t.ctx, 0, 0)
		t.must(err)
		for _, c := range log {
			if strings.Contains(c.Title+c.URL, "Jane") || c.Key == "a" && c.URL != "" {
				t.Errorf("%s: the log says %+v", act, c)
			}
		}
		if _, err := t.Item(t.ctx, "leics", "a"); err != nil {
			t.Errorf("the store itself has forgotten it: %v", err)
		}
		t.again()
	}
}

func redacted(t *T) {
	a := item("a")
	a.Title, a.Fields = "Complaint of Jane  Doe", map[string]string{store.FieldSummary: "JANE DOE asked"}
	t.commit("leics", 1, a)
	t.must(t.Advance(t.ctx, "matcher", store.Position{}, store.Position{Seq: 1},
		[]store.Finding{{ID: "fa", Change: 1, Source: "leics", Key: "a", Quote: "Mrs Jane Doe said so"}}, nil))
	t.correct(store.Correction{Act: store.ActRedact, Strike: []string{"Jane Doe"}})
	t.again()
	p := t.public()
	it, err := p.Item(t.ctx, "leics", "a")
	t.must(err)
	f, err := p.Finding(t.ctx, "fa")
	t.must(err)
	t.same("what is shown", []string{it.Title, it.Fields[store.FieldSummary], f.Quote}, []string{"Complaint of [left out]", "[left out] asked", "Mrs [left out] said so"})
	log, err := p.Changes(t.ctx, 0, 0)
	t.must(err)
	es, err := t.Edits(t.ctx)
	t.must(err)
	for _, c := range log {
		if strings.Contains(strings.ToLower(c.Title), "jane") {
			t.Errorf("the log says %q", c.Title)
		}
	}
	t.same("the words are not in the public log", es.Of("leics", "a").Log[0].Strike, []string(nil))
}

func badCorrections(t *T) {
	t.commit("leics", 1, item("a"))
	for _, c := range []store.Correction{
		{Act: "praise"}, {Act: store.ActHold, Reason: " "}, {Act: store.ActNote}, {Act: store.ActCorrect}, {Act: store.ActRedact},
		{Act: store.ActRedact, Strike: []string{" a "}}, {Act: store.ActCorrect, Fields: []store.FieldChange{{New: "x"}}},
	} {
		t.helperCorrection(&c)
		if _, err := t.Correct(t.ctx, c); err == nil {
			t.Errorf("taken: %+v", c)
		}
	}
	c := store.Correction{Source: "leics", Key: "nothing", Act: store.ActHold, Reason: "x"}
	_, err := t.Correct(t.ctx, c)
	t.is(err, store.ErrNotFound)
	all, err := t.Corrections(t.ctx, 0)
	t.must(err)
	t.same("what is kept", len(all), 0)
}
