package store

import (
	"slices"
	"strings"
)

// file notes under what a notice is known to the findings of others: its key is
// its process and its release.
func (e *Edits) file(ref ItemRef, kind Kind) {
	ocid, release, ok := strings.Cut(ref.Key, "/")
	if kind != KindNotice || !ok {
		return
	}
	e.process[ocid] = append(e.process[ocid], ref)
	e.released[release] = append(e.released[release], ref)
}

// Finding is a finding as it is shown. What it tells of other items (the papers
// that print its words too, the procurement it is part of, what an earlier notice
// said) it tells as those are shown, or not at all.
func (e *Edits) Finding(f Finding) Finding {
	if e == nil || len(e.by) == 0 {
		return f
	}
	f = e.Of(f.Source, f.Key).Finding(f)
	f.AlsoIn = e.alsoIn(f)
	f.Joins = e.joins(f)
	e.moves(&f)
	return f
}

func (e *Edits) alsoIn(f Finding) []Elsewhere {
	other := func(o Elsewhere) bool { return o.Key != "" && e.Of(f.Source, o.Key) != nil }
	if !slices.ContainsFunc(f.AlsoIn, other) {
		return f.AlsoIn
	}
	var also []Elsewhere
	for _, o := range f.AlsoIn {
		if other(o) {
			if !e.Shows(f.Source, o.Key) {
				continue
			}
			o.Document = e.Of(f.Source, o.Key).Clean(o.Document)
		}
		also = append(also, o)
	}
	return also
}

// joins are what the finding says of the items that speak of its procurement, or
// of the procurements that its item speaks of. The title of a procurement is that
// of one of its notices, which is not noted: where it may be one that is not shown,
// it is left out.
func (e *Edits) joins(f Finding) []Joint {
	var out []Joint
	for i, j := range f.Joins {
		now, shown := e.joint(f, j)
		if out == nil && (!shown || now != j) {
			out = append(make([]Joint, 0, len(f.Joins)), f.Joins[:i]...)
		}
		if shown && out != nil {
			out = append(out, now)
		}
	}
	if out == nil {
		return f.Joins
	}
	return out
}

func (e *Edits) joint(f Finding, j Joint) (Joint, bool) {
	named := e.titled[j.Title]
	switch {
	case j.Key != "":
		named = []ItemRef{{j.Source, j.Key}}
	case f.Kind != KindNotice:
		named = slices.Concat(named, e.process[j.Thread])
	}
	for _, ref := range named {
		x := e.by[ref]
		switch {
		case x == nil:
			continue
		case x.Hidden != "" && f.Kind == KindNotice:
			return j, false
		case x.Hidden != "" && (x.title == "" || x.title == j.Title):
			j.Title = ""
		case x.has("title") && x.title == j.Title:
			j.Title = x.Item(Item{Title: j.Title}).Title
		}
		x.all(&j.Title, &j.Evidence, &j.Quote, &j.Where)
	}
	return j, true
}

// moves are told without what a notice said that is not shown.
func (e *Edits) moves(f *Finding) {
	if len(f.Moves) == 0 || len(e.process) == 0 {
		return
	}
	var kept []Move
	for _, m := range f.Moves {
		was := m.Words
		if e.clean(&m, *f) {
			kept = append(kept, m)
		} else {
			m.Words = ""
		}
		if f.Why == was {
			f.Why = m.Words
		}
	}
	f.Moves = kept
	if strings.HasPrefix(f.Rule, threadRule) { // such a finding bears the title of its procurement
		for _, ref := range e.process[f.Thread] {
			e.by[ref].all(&f.Title)
		}
	}
}

// threadRule begins the rules by which notices change what is known of their procurement.
const threadRule = "thread: "

func (e *Edits) clean(m *Move, f Finding) (shown bool) {
	for _, ref := range slices.Concat(e.released[m.Since], e.process[f.Thread]) {
		x := e.by[ref]
		_, release, _ := strings.Cut(ref.Key, "/")
		if x.Hidden != "" && m.Since != "" && release == m.Since && ref.Key != f.Key {
			return false
		}
		x.all(&m.Was, &m.Now, &m.Words)
	}
	return true
}

// Speaks tells whether the finding speaks of an item: because it was found in it,
// or because it names it beside.
func (f Finding) Speaks(it Item) bool {
	if f.Source == it.Source && f.Key == it.Key {
		return true
	}
	ocid, release := "", ""
	if it.Kind == KindNotice {
		ocid, release, _ = strings.Cut(it.Key, "/")
	}
	return slices.ContainsFunc(f.AlsoIn, func(o Elsewhere) bool { return f.Source == it.Source && o.Key == it.Key }) ||
		slices.ContainsFunc(f.Joins, func(j Joint) bool {
			if j.Key != "" {
				return j.Source == it.Source && j.Key == it.Key
			}
			return ocid != "" && j.Thread == ocid || j.Title == it.Title
		}) ||
		release != "" && slices.ContainsFunc(f.Moves, func(m Move) bool { return m.Since == release || f.Thread == ocid })
}
