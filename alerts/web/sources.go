package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// sourcesPerPage is how many sources a page tells all about.
const sourcesPerPage = 30

// states are all sources, in the order of the configuration, and the ids of
// those that were read once and are followed no longer.
func (s *site) states(ctx context.Context) (out []sourceState, gone []string, err error) {
	healths, err := s.Ledger.Healths(ctx)
	if err != nil {
		return nil, nil, err
	}
	known := map[string]store.Health{}
	for _, h := range healths {
		known[h.Source] = h
	}
	now := s.Now()
	for _, info := range s.Sources() {
		st := describe(info, known[info.ID], now)
		delete(known, info.ID)
		st.rhythm(s.record.rhythm(info.ID), now)
		out = append(out, st)
	}
	return out, slices.Sorted(maps.Keys(known)), nil
}

// rhythm says of a source that can be read when it last had something new, and
// whether that is unusually long ago.
func (st *sourceState) rhythm(w rhythm, now time.Time) {
	st.News = w.last
	if days, before, ok := w.quiet(now); ok && st.Mark == "ok" {
		st.Quiet = fmt.Sprintf("Nothing new for %d days; until now never more than %d. It may be quiet there, or they may publish elsewhere.", days, before)
		st.State += ", but quieter than usual"
	}
}

// stopped says in words what stands still as a whole: what the daemon itself
// says, and a line that is down, which makes every source fail.
func (s *site) stopped(states []sourceState) []string {
	var out []string
	if s.Held != nil {
		out = s.Held()
	}
	looked, cut := 0, 0
	for _, st := range states {
		if st.Mark != "new" {
			looked++
		}
		if st.cut {
			cut++
		}
	}
	if looked > 1 && cut == looked {
		out = append(out, "No site at all can be reached: most likely this machine has lost its line.")
	}
	return out
}

// sources tells all about every source: how it is, since when, what could not
// be read and when it is looked at.
func (s *site) sources(w http.ResponseWriter, r *http.Request) error {
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	if err := s.record.follow(r.Context()); err != nil {
		return err
	}
	states, _, err := s.states(r.Context())
	if err != nil {
		return err
	}
	body := struct {
		Now     time.Time
		Count   int
		Bad     int
		Looked  int
		Held    []string
		Sources []sourceState
		Pages   pages
	}{Now: s.Now(), Count: len(states), Held: s.stopped(states)}
	body.Bad, body.Looked = tallyStates(states)
	// What needs attention comes first.
	slices.SortStableFunc(states, func(a, b sourceState) int { return rank(a) - rank(b) })
	if body.Sources, body.Pages, err = paginate(states, page, sourcesPerPage, "/sources", url.Values{}); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "sources", view{Title: "Sources", Here: "sources", Body: body})
}

func rank(st sourceState) int {
	return slices.Index([]string{"bad", "new", "ok"}, st.Mark)
}

func tallyStates(states []sourceState) (bad, looked int) {
	for _, st := range states {
		if st.Mark == "bad" {
			bad++
		}
		if st.Mark != "new" {
			looked++
		}
	}
	return bad, looked
}

// kindCounts is "41 meetings, 1 notice", in the order of the words.
func kindCounts(counts map[store.Kind]int) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, kindCount(k, counts[k]))
	}
	return strings.Join(out, ", ")
}
