package web

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sort"
	"time"

	"ccgwatch/store"
)

// mostMeetings is how many coming meetings the page lists.
const mostMeetings = 400

// mostHistory is how many entries of the log are searched for the history of
// one item, newest first. Beyond it the page says that it stops.
const mostHistory = 20_000

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// meetings lists what is coming: meetings, and the papers that boards publish
// under the date of one.
func (s *site) meetings(w http.ResponseWriter, r *http.Request) error {
	now := s.Now()
	// A meeting stays until the day is over: people look when they are late.
	y, m, d := now.In(s.zone).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, s.zone)
	var coming []store.Item
	for _, info := range s.Sources() {
		switch info.Platform {
		case "find-a-tender", "contracts-finder": // notices, many, and no meetings
			continue
		}
		err := s.Ledger.Items(r.Context(), info.ID, func(it store.Item) bool {
			if (it.Kind == store.KindMeeting || it.Kind == store.KindPaper) && it.Withdrawn.IsZero() && !it.When().Before(today) {
				it.Parts, it.Notice = nil, nil
				coming = append(coming, it)
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(coming, func(a, b store.Item) int {
		return cmp.Or(a.When().Compare(b.When()), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Key, b.Key))
	})
	type day struct {
		Date  string
		Items []store.Item
	}
	body := struct {
		Days []day
		Cut  bool
	}{Cut: len(coming) > mostMeetings}
	for _, it := range coming[:min(len(coming), mostMeetings)] {
		date := it.When().In(s.zone).Format("Monday 2 January 2006")
		if n := len(body.Days); n == 0 || body.Days[n-1].Date != date {
			body.Days = append(body.Days, day{Date: date})
		}
		last := &body.Days[len(body.Days)-1]
		last.Items = append(last.Items, it)
	}
	return s.render(w, http.StatusOK, "meetings", view{Title: "Coming meetings", Here: "meetings", Body: body})
}

func (s *site) item(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	source, key := q.Get("source"), q.Get("key")
	if source == "" || key == "" || len(source) > 64 || len(key) > 1000 {
		return badRequest("The address of an item names its source and its key.")
	}
	it, err := s.Ledger.Item(r.Context(), source, key)
	if err != nil {
		return err
	}
	h, err := s.history(r.Context(), it)
	if err != nil {
		return err
	}
	body := struct {
		store.Item
		Names   []string // of the fields, as shown
		History history
	}{Item: it, Names: fieldNames(it.Fields), History: h}
	return s.render(w, http.StatusOK, "item", view{Title: line(it.Title, 200), Body: body})
}

// fieldNames are the names of the fields: when and a doubt first, the others
// sorted.
func fieldNames(fields map[string]string) []string {
	names := slices.Sorted(maps.Keys(fields))
	rank := func(name string) int {
		return slices.Index([]string{store.FieldDoubt, store.FieldWhen}, name) // -1 for the others
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(b), rank(a)) })
	return names
}

// history is what the log says of an item, newest first.
type history struct {
	Changes []store.Change
	Cut     bool // there may be older entries
}

// history searches the log between the item's first sighting and its last
// change; the log is in the order of time, so both ends are found by halving.
func (s *site) history(ctx context.Context, it store.Item) (history, error) {
	var h history
	last, err := s.Ledger.LastSeq(ctx)
	if err != nil || last == 0 {
		return h, err
	}
	// seqAfter is the number of entries made up to a moment.
	seqAfter := func(at time.Time) (uint64, error) {
		var failed error
		n := sort.Search(int(last), func(i int) bool { //nolint:gosec // a log of 2^63 entries is not to be had
			c, err := s.Ledger.Changes(ctx, uint64(i), 1) //nolint:gosec // not negative
			if err != nil {
				failed = err
			}
			return err != nil || len(c) == 0 || c[0].At.After(at)
		})
		return uint64(n), failed //nolint:gosec // not negative
	}
	low, high := uint64(0), last
	if !it.FirstSeen.IsZero() {
		if low, err = seqAfter(it.FirstSeen.Add(-time.Hour)); err != nil {
			return h, err
		}
	}
	if end := latest(it.Changed, it.Withdrawn, it.FirstSeen); !end.IsZero() && it.When().IsZero() {
		// Without a date nothing falls due after the last change.
		if high, err = seqAfter(end.Add(time.Hour)); err != nil {
			return h, err
		}
	}
	if high-min(low, high) > mostHistory {
		low, h.Cut = high-mostHistory, true
	}
	for low < high {
		batch, err := s.Ledger.Changes(ctx, low, 500)
		if err != nil {
			return h, err
		}
		if len(batch) == 0 {
			break
		}
		for _, c := range batch {
			if c.Seq <= high && c.Source == it.Source && c.Key == it.Key {
				h.Changes = append(h.Changes, c)
			}
			low = c.Seq
		}
	}
	slices.Reverse(h.Changes)
	return h, nil
}

func latest(times ...time.Time) time.Time {
	var t time.Time
	for _, x := range times {
		if x.After(t) {
			t = x
		}
	}
	return t
}
