package web

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// awards are the procurements with a notice of an award or the intention of one,
// kept in the order of the latest of these.
type awards struct {
	threads map[string]map[*noticed]bool
	stale   map[string]bool
	order   []awardedThread // nobody alters it: what is new is another list
	ids     []string        // of order
}

type awardedThread struct {
	id   string
	last time.Time
}

// compare puts the latest first.
func (a awardedThread) compare(b awardedThread) int {
	return cmp.Or(b.last.Compare(a.last), strings.Compare(a.id, b.id))
}

// awarded are these procurements, the latest first. Nobody alters the list.
func (v *survey) awarded() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.awards.settle()
	return v.awards.ids
}

// replace enters a notice in the place of what it was; nil: it is not shown.
func (a *awards) replace(was, is *noticed) {
	if a.threads == nil {
		a.threads, a.stale = map[string]map[*noticed]bool{}, map[string]bool{}
	}
	if was != nil && awarding(was.stage) {
		keepIn(a.threads, was.thread, was, false)
		a.stale[was.thread] = true
	}
	if is != nil && awarding(is.stage) {
		keepIn(a.threads, is.thread, is, true)
		a.stale[is.thread] = true
	}
}

// settle puts the procurements that have changed into their places. Cost: one
// look at each of the others.
func (a *awards) settle() {
	if len(a.stale) == 0 {
		return
	}
	var fresh []awardedThread
	for id := range a.stale {
		var last time.Time
		for n := range a.threads[id] {
			if n.at.After(last) {
				last = n.at
			}
		}
		if !last.IsZero() {
			fresh = append(fresh, awardedThread{id, last})
		}
	}
	slices.SortFunc(fresh, awardedThread.compare)
	a.order = merged(a.order, fresh, func(x awardedThread) bool { return a.stale[x.id] }, awardedThread.compare)
	a.ids = make([]string, len(a.order))
	for i, x := range a.order {
		a.ids[i] = x.id
	}
	clear(a.stale)
}

// merged is a sorted list without those that are gone and with others, sorted too.
func merged[T any](list, more []T, gone func(T) bool, compare func(a, b T) int) []T {
	out := make([]T, 0, len(list)+len(more))
	for _, x := range list {
		if gone(x) {
			continue
		}
		for len(more) > 0 && compare(more[0], x) < 0 {
			out, more = append(out, more[0]), more[1:]
		}
		out = append(out, x)
	}
	return append(out, more...)
}
