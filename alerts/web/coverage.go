package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// coveredPerPage is how many sources a page of the coverage lists.
const coveredPerPage = 60

// Covered is what is known of how completely a source is watched.
type Covered struct {
	Since time.Time // when it was first read completely; zero: not yet
	Says  []string  // how complete what we have of it is, a sentence each
}

// covered is a line of the coverage.
type covered struct {
	sourceState
	Covered
	Whose     string // the body that publishes there
	Condition string
	Unread    int // papers of it that could not be read
}

// coverage says what is watched, how completely and since when, and what is not
// seen: nobody may take silence here for silence there.
func (s *site) coverage(w http.ResponseWriter, r *http.Request) error {
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
	conditions, err := s.conditions(r.Context())
	if err != nil {
		return err
	}
	body := struct {
		Now                   time.Time
		Count, Bodies, Unread int
		Tally                 []string
		Held, Gaps            []string
		Sources               []covered
		Pages                 pages
	}{Now: s.Now(), Count: len(states), Held: s.stopped(states), Gaps: s.Gaps}
	bodies := map[string]bool{}
	all := make([]covered, 0, len(states))
	counts := map[store.Condition]int{}
	for _, st := range states {
		h := conditions[st.ID]
		c := h.Condition(body.Now)
		counts[c]++
		x := covered{sourceState: st, Condition: conditionWords(c), Unread: unreadPapers(h)}
		body.Unread += x.Unread
		if id := st.publisher(); id != "" {
			bodies[id] = true
			if b, ok := s.bodyOf(id); ok && b.Name != st.Name {
				x.Whose = b.Name
			}
		}
		all = append(all, x)
	}
	body.Bodies = len(bodies)
	for _, c := range []store.Condition{store.OK, store.Quiet, store.Suspect, store.Broken, store.Blocked, store.Unreachable, store.Never} {
		if n := counts[c]; n > 0 {
			body.Tally = append(body.Tally, countedWords(n, c))
		}
	}
	slices.SortStableFunc(all, func(a, b covered) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	if body.Sources, body.Pages, err = paginate(all, page, coveredPerPage, "/coverage", url.Values{}); err != nil {
		return err
	}
	for i := range body.Sources { // of those that are shown alone: each is asked of the store
		if s.Covered == nil {
			break
		}
		if body.Sources[i].Covered, err = s.Covered(r.Context(), body.Sources[i].ID); err != nil {
			return err
		}
	}
	return s.render(w, http.StatusOK, "coverage", view{Title: "What we watch, and what we do not see", Here: "coverage", Body: body})
}

func (s *site) conditions(ctx context.Context) (map[string]store.Health, error) {
	all, err := s.Ledger.Healths(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]store.Health{}
	for _, h := range all {
		by[h.Source] = h
	}
	return by, nil
}

func unreadPapers(h store.Health) int {
	n := 0
	for _, p := range h.Problems {
		if strings.HasPrefix(p.What, store.PaperProblem) {
			n++
		}
	}
	return n
}

// countedWords say of how many sources a condition holds, in the words that are used of one.
func countedWords(n int, c store.Condition) string {
	return plural(n, "source", "sources") + ": " + conditionWords(c)
}

// conditionWords are a condition for readers.
func conditionWords(c store.Condition) string {
	switch c {
	case store.OK:
		return "read completely at the last look"
	case store.Quiet:
		return "read completely, and without anything new for longer than usual"
	case store.Suspect:
		return "read, and not believed: far less than usual was there, or it keeps changing"
	case store.Broken:
		return "something is shown that cannot be read"
	case store.Blocked:
		return "programs are refused"
	case store.Unreachable:
		return "could not be reached, or answered with an error"
	}
	return "not looked at yet"
}
