package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// How much the first page shows of each thing.
const (
	mostOpen    = 5
	mostComing  = 5
	mostNew     = 6
	mostFailing = 10
	openPerPage = 25
)

// A chance is what can still be acted on.
type chance struct {
	shown
	Left string // in words
}

// start is the first page: what needs attention now. What closes soonest comes
// first, then the meetings to come with their papers, what is new, and what we
// cannot see because a source fails. Cost: the survey, and of the store what is
// shown.
func (s *site) start(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.followAll(ctx); err != nil {
		return err
	}
	states, gone, err := s.states(ctx)
	if err != nil {
		return err
	}
	now := s.Now()
	type tally struct {
		Topic store.Topic
		Count int
	}
	body := struct {
		Now  time.Time
		Held []string
		Open []chance
		MoreOpen,
		MoreComing int
		Coming  []store.Item
		Week    []tally
		Newest  []store.Finding
		Count   int
		Failing []sourceState
		Gone    []string // read once, followed no longer
		Looked  int      // sources visited at all
		Bad     int
		Queue   queue
		Contact string
		Behind  time.Time
	}{Now: now, Held: s.stopped(states), Count: len(states), Contact: s.Contact, Behind: s.behindAll(), Gone: gone[:min(len(gone), mostFailing)]}
	open := s.survey.open(now)
	if body.Open, err = s.chances(ctx, open, mostOpen); err != nil {
		return err
	}
	body.MoreOpen = len(open) - len(body.Open)
	if body.Coming, body.MoreComing, err = s.withPapers(ctx, now, mostComing); err != nil {
		return err
	}
	counts := s.survey.since(now.AddDate(0, 0, -7))
	for _, t := range topics() {
		if n := counts[t]; n > 0 {
			body.Week = append(body.Week, tally{t, n})
		}
	}
	if body.Newest, _, err = s.recent(ctx, filter{}, place{}, mostNew); err != nil {
		return err
	}
	body.Bad, body.Looked = tallyStates(states)
	for _, st := range states {
		if st.Mark == "bad" && len(body.Failing) < mostFailing {
			body.Failing = append(body.Failing, st)
		}
	}
	if body.Queue, err = s.outbox(ctx, now); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "start", view{Title: "What needs attention now", Here: "start", Body: body})
}

// chances reads windows as they are now, up to n of them: what was retired or
// is not shown any more is passed over.
func (s *site) chances(ctx context.Context, open []window, n int) ([]chance, error) {
	var out []chance
	for _, w := range open {
		if len(out) == n {
			break
		}
		x, err := s.Outbox.Finding(ctx, w.finding)
		switch {
		case isNotFound(err):
			continue
		case err != nil:
			return nil, err
		}
		until := x.Deadline.Date()
		if x.Retired != "" || !until.After(s.Now()) {
			continue
		}
		out = append(out, chance{s.show(x), s.left(until)})
	}
	return out, nil
}

// left says how long there is still time, by days as people count them.
func (s *site) left(until time.Time) string {
	days := int(dayOf(until, s.zone).Sub(dayOf(s.Now(), s.zone)).Hours()+12) / 24
	switch days {
	case 0:
		return "today"
	case 1:
		return "tomorrow"
	}
	return fmt.Sprintf("%d days left", days)
}

// withPapers are the next meetings to come that have an agenda or papers, and
// how many further dates are known, with papers or without.
func (s *site) withPapers(ctx context.Context, now time.Time, n int) ([]store.Item, int, error) {
	ahead := s.record.ahead(dayOf(now, s.zone), "")
	var out, bare []store.Item
	for _, m := range ahead[:min(len(ahead), 12*n)] {
		if m.off {
			continue
		}
		it, err := s.Ledger.Item(ctx, m.source, m.key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if !it.Withdrawn.IsZero() {
			continue
		}
		if len(it.Documents) > 0 || it.Fields[store.FieldAgenda] != "" {
			if out = append(out, it); len(out) == n {
				break
			}
		} else {
			bare = append(bare, it)
		}
	}
	out = append(out, bare[:min(len(bare), n-len(out))]...)
	slices.SortStableFunc(out, func(a, b store.Item) int { return a.When().Compare(b.When()) })
	return out, len(ahead) - len(out), nil
}

// papersWords say what there is to read for a meeting.
func papersWords(it store.Item) string {
	switch n := len(it.Documents); {
	case n == 1:
		return "1 paper"
	case n > 1:
		return fmt.Sprintf("%d papers", n)
	case it.Fields[store.FieldAgenda] != "":
		return "agenda published"
	}
	return "no papers yet"
}

// deadlines lists all that can still be acted on.
func (s *site) deadlines(w http.ResponseWriter, r *http.Request) error {
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	if err := s.followAll(r.Context()); err != nil {
		return err
	}
	body := struct {
		Now    time.Time
		All    int
		List   []chance
		Pages  pages
		Behind time.Time
	}{Now: s.Now(), Behind: s.behindAll()}
	open := s.survey.open(body.Now)
	body.All = len(open)
	if open, body.Pages, err = paginate(open, page, openPerPage, "/deadlines", url.Values{}); err != nil {
		return err
	}
	if body.List, err = s.chances(r.Context(), open, openPerPage); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "deadlines", view{Title: "What can still be acted on", Here: "start", Body: body})
}

// whoWords are who may act, as the head of a sentence.
func whoWords(who string) string {
	who = line(strings.TrimRight(who, ". "), 300)
	if who == "" {
		return ""
	}
	return strings.ToUpper(who[:1]) + who[1:]
}
