package web

import (
	"slices"

	"ccgwatch/alerts/judge"
)

// firms keep the groups of suppliers as notices come and go. A notice touches
// the names and numbers of those that it names and what these are bound to by
// other notices; only that is grouped again.
type firms struct {
	bearing map[string]map[*noticed]bool // by name and by number: the notices with either
	stale   map[string]bool              // names and numbers
	grouped suppliers
}

// idsOf are the ids that a party of a notice has, its name first; none for
// those that have no page.
func idsOf(p *judge.Party) []string {
	name := supplierName(p)
	if name == "" {
		return nil
	}
	if number := numberID(p.Scheme, p.Number); number != "" {
		return []string{name, number}
	}
	return []string{name}
}

// replace enters a notice in the place of what it was; nil: it is not shown.
func (f *firms) replace(was, is *noticed) {
	if f.bearing == nil {
		f.bearing, f.stale, f.grouped.byID = map[string]map[*noticed]bool{}, map[string]bool{}, map[string]*supplier{}
	}
	for i, n := range []*noticed{was, is} {
		if n == nil {
			continue
		}
		for _, p := range n.suppliers {
			for _, id := range idsOf(p) {
				keepIn(f.bearing, id, n, i == 1)
				f.stale[id] = true
			}
		}
	}
}

// settle groups again what has changed.
func (f *firms) settle() {
	if len(f.stale) == 0 {
		return
	}
	touched, all := f.reach()
	slices.SortFunc(all, (*noticed).inTime)
	anew := group(all, func(name string) bool { return touched[name] })
	gone := map[*supplier]bool{}
	for id := range touched {
		if x := f.grouped.byID[id]; x != nil {
			gone[x] = true
			delete(f.grouped.byID, id)
		}
	}
	for id, x := range anew.byID {
		f.grouped.byID[id] = x
	}
	f.grouped.list = merged(f.grouped.list, anew.list, func(x *supplier) bool { return gone[x] }, (*supplier).compare)
	clear(f.stale)
}

// reach is all that is bound to what has changed, by any notice, and these
// notices: names and numbers that no notice has any more are among it.
func (f *firms) reach() (touched map[string]bool, all []*noticed) {
	touched = map[string]bool{}
	var queue []string
	visit := func(id string) {
		if !touched[id] {
			touched[id] = true
			queue = append(queue, id)
		}
	}
	for id := range f.stale {
		visit(id)
	}
	seen := map[*noticed]bool{}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		for n := range f.bearing[id] {
			if !seen[n] {
				seen[n] = true
				all = append(all, n)
			}
			for _, p := range n.suppliers {
				if ids := idsOf(p); slices.Contains(ids, id) {
					for _, other := range ids {
						visit(other)
					}
				}
			}
		}
	}
	return touched, all
}
