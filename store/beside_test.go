package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a finding tells of other items is told as those are shown, or not at all.
func TestFindingsTellOfOthersAsThoseAreShown(t *testing.T) {
	const ocid, release = "ocds-h6vhtk-0a1002", "000001-2026"
	about := func(c Correction) Correction {
		c.N, c.Source = 1, "tenders"
		if c.Key = ocid + "/" + release; c.Kind == KindPaper {
			c.Source, c.Key = "board", "paper/1"
		}
		return c
	}
	later := Finding{
		Source: "tenders", Key: ocid + "/000002-2026", Kind: KindNotice, Thread: ocid, Rule: "thread: supplier", Title: "Foot care", Why: "It named Jane Doe.",
		Moves: []Move{{Kind: "supplier", Was: "Jane Doe Ltd", Now: "Feet Ltd", Since: release, Words: "It named Jane Doe."}, {Kind: "reminder", Words: "It closes on Friday.", Since: "000002-2026"}},
		Joins: []Joint{{Thread: ocid, Title: "Jane Doe's report", Where: "Board", Source: "board", Key: "paper/1"}, {Thread: ocid, Title: "Minutes", Where: "Board"}},
	}
	paper := Finding{
		Source: "board", Key: "paper/2", Kind: KindPaper, AlsoIn: []Elsewhere{{Key: "paper/1", Document: "Jane Doe's report"}, {Document: "Pack"}},
		Joins: []Joint{{Thread: ocid, Title: "Jane Doe against the board"}, {Thread: "ocds-h6vhtk-0ffff", Title: "Jane Doe against the board"}, {Thread: "ocds-h6vhtk-0b", Title: "Cleaning"}},
	}
	notice, report := Correction{Kind: KindNotice, Title: "Jane Doe against the board"}, Correction{Kind: KindPaper, Title: "Jane Doe's report"}
	with := func(c Correction, act Act, rest Correction) Correction {
		c.Act, c.Strike, c.Fields = act, rest.Strike, rest.Fields
		return c
	}
	retitled := Correction{Fields: []FieldChange{{Name: "title", Old: "Jane Doe against the board", New: "A claim"}}}
	for name, x := range map[string]struct {
		c    Correction
		f    Finding
		want func(*Finding)
	}{
		"what a withdrawn notice said is no move": {with(notice, ActWithdraw, Correction{}), later, func(f *Finding) { f.Moves, f.Why = f.Moves[1:], "" }},
		"words are left out of moves": {with(notice, ActRedact, Correction{Strike: []string{"jane doe"}}), later, func(f *Finding) {
			f.Moves[0].Was, f.Moves[0].Words, f.Why = "[left out] Ltd", "It named [left out].", "It named [left out]."
		}},
		"a paper that is held is not named":       {with(report, ActHold, Correction{}), later, func(f *Finding) { f.Joins = f.Joins[1:] }},
		"nor is it where words stand, too":        {with(report, ActHold, Correction{}), paper, func(f *Finding) { f.AlsoIn = f.AlsoIn[1:] }},
		"words are left out of its title":         {with(report, ActRedact, Correction{Strike: []string{"Jane Doe"}}), later, func(f *Finding) { f.Joins[0].Title = "[left out]'s report" }},
		"a withdrawn procurement has no title":    {with(notice, ActWithdraw, Correction{}), paper, func(f *Finding) { f.Joins[0].Title, f.Joins[1].Title = "", "" }},
		"a corrected one has the corrected title": {with(notice, ActCorrect, retitled), paper, func(f *Finding) { f.Joins[0].Title, f.Joins[1].Title = "A claim", "A claim" }},
		"restored, all is as it was":              {with(notice, ActRestore, Correction{}), paper, func(*Finding) {}},
	} {
		t.Run(name, func(t *testing.T) {
			before := clone(x.f)
			want := clone(x.f)
			x.want(&want)
			if diff := cmp.Diff(want, FoldCorrections([]Correction{about(x.c)}).Finding(x.f)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, x.f); diff != "" {
				t.Errorf("the finding itself was altered: %s", diff)
			}
		})
	}
}

func clone(f Finding) Finding {
	f.Moves, f.Joins, f.AlsoIn = append([]Move(nil), f.Moves...), append([]Joint(nil), f.Joins...), append([]Elsewhere(nil), f.AlsoIn...)
	return f
}
