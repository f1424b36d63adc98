package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// perPage is how many findings a page shows.
const perPage = 25

// filter is what the form on /findings asks for.
type filter struct {
	Topic  store.Topic
	Source string
	Query  string
	words  []string
}

func (s *site) findings(w http.ResponseWriter, r *http.Request) error {
	f, before, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, more, err := s.recent(r.Context(), f, before, perPage)
	if err != nil {
		return err
	}
	body := struct {
		filter
		Topics   []store.Topic
		Sources  []SourceInfo
		List     []shown
		Older    string // address of the next page, "" on the last
		Filtered bool
		First    bool
	}{filter: f, Topics: topics(), Sources: s.Sources(), First: before == place{}, Filtered: f.Topic != "" || f.Source != "" || f.Query != ""}
	for _, x := range list {
		body.List = append(body.List, s.show(x))
	}
	if more {
		v := f.values()
		last := list[len(list)-1]
		v.Set("before", fmt.Sprintf("%d-%s", last.Change, last.ID))
		body.Older = "/findings?" + v.Encode()
	}
	return s.render(w, http.StatusOK, "findings", view{Title: "What we found", Here: "findings", Body: body})
}

// A place in the list of findings: older than this one.
type place struct {
	change uint64
	id     string
}

func readFilter(v url.Values) (filter, place, error) {
	f := filter{Topic: store.Topic(v.Get("topic")), Source: v.Get("source"), Query: line(v.Get("q"), 200)}
	if f.Topic != "" && !slices.Contains(topics(), f.Topic) {
		return f, place{}, badRequest("There is no such topic.")
	}
	if len(f.Source) > 64 {
		return f, place{}, badRequest("There is no such source.")
	}
	f.words = strings.Fields(strings.ToLower(f.Query))
	before := v.Get("before")
	if before == "" {
		return f, place{}, nil
	}
	change, id, ok := strings.Cut(before, "-")
	n, err := strconv.ParseUint(change, 10, 64)
	if !ok || err != nil || len(id) > 128 {
		return f, place{}, badRequest("This page of the list does not exist. Please begin again with the newest findings.")
	}
	return f, place{n, id}, nil
}

func (f filter) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"topic": string(f.Topic), "source": f.Source, "q": f.Query} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// fits: every word occurs somewhere in what the finding says, in any case.
func (f filter) fits(x store.Finding) bool {
	if f.Topic != "" && x.Topic != f.Topic || f.Source != "" && x.Source != f.Source {
		return false
	}
	if len(f.words) == 0 {
		return true
	}
	all := strings.ToLower(strings.Join([]string{x.Title, x.Quote, x.Document, x.BodyName, x.Text, x.Stage, x.Why}, "\n"))
	for _, w := range f.words {
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

// recent returns the newest findings that fit, older than a place, newest
// first, and whether there are more. The store gives them oldest first from
// any change on: the log is read backwards in widening steps, so that the
// first page of a long record costs little.
func (s *site) recent(ctx context.Context, f filter, before place, n int) ([]store.Finding, bool, error) {
	var found []store.Finding // newest first
	seq, err := s.Ledger.LastSeq(ctx)
	if err != nil {
		return nil, false, err
	}
	high := seq
	if before.change != 0 && before.change < high {
		high = before.change
	}
	// Findings of one change stay together within a step.
	for step := uint64(500); high > 0 && len(found) <= n; step *= 4 {
		low := high - min(high, step)
		var part []store.Finding
		passed := false // the place itself, in the order of the store
		err := s.Outbox.Findings(ctx, low, func(x store.Finding) bool {
			if x.Change > high || passed {
				return false
			}
			if x.Change == before.change && x.ID == before.id {
				passed = true
				return false
			}
			if f.fits(x) {
				part = append(part, x)
				if len(part) > 2*(n+1) { // keep the newest only
					part = append(part[:0], part[len(part)-n-1:]...)
				}
			}
			return true
		})
		if err != nil {
			return nil, false, err
		}
		slices.Reverse(part)
		found = append(found, part...)
		high = low
	}
	if len(found) > n {
		return found[:n], true, nil
	}
	return found, false, nil
}

// shown is a finding on a page.
type shown struct {
	store.Finding
	Act *act
}

// act is the deadline in words.
type act struct {
	Name, Who, Quote string
	Stated, Computed string
	Passed           bool
}

func (s *site) show(x store.Finding) shown {
	v := shown{Finding: x}
	if d := x.Deadline; d != nil && (d.Stated != "" || d.Computed != "") {
		at := d.Date()
		v.Act = &act{Name: deadlineWords(d.Kind), Who: d.Who, Quote: d.Quote, Stated: d.Stated, Computed: d.Computed, Passed: !at.IsZero() && at.Before(s.Now())}
	}
	return v
}

func deadlineWords(kind string) string {
	switch kind {
	case "tender":
		return "Bids are due"
	case "interest":
		return "Interest must be shown"
	case "engagement":
		return "Early engagement ends"
	case "standstill":
		return "Standstill ends"
	case "representations":
		return "Representations must be made"
	case "futurenotice":
		return "The next notice is expected"
	}
	return "Deadline"
}

func (s *site) finding(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if len(id) > 128 {
		return store.ErrNotFound
	}
	x, err := s.Outbox.Finding(r.Context(), id)
	if err != nil {
		return err
	}
	body := struct {
		shown
		Item    *store.Item
		Paper   *store.Document
		History history
		Now     time.Time
	}{shown: s.show(x), Now: s.Now()}
	it, err := s.Ledger.Item(r.Context(), x.Source, x.Key)
	switch {
	case err == nil:
		body.Item = &it
		body.Paper = paperOf(x, it)
		if body.History, err = s.history(r.Context(), it); err != nil {
			return err
		}
	case !isNotFound(err):
		return err
	}
	return s.render(w, http.StatusOK, "finding", view{Title: line(x.Title, 200), Here: "findings", Body: body})
}

// paperOf is the document a finding quotes: by its archived bytes, else, where
// the file was replaced since, by its title.
func paperOf(x store.Finding, it store.Item) *store.Document {
	for i, d := range it.Documents {
		if x.SHA256 != "" && d.SHA256 == x.SHA256 {
			return &it.Documents[i]
		}
	}
	for i, d := range it.Documents {
		if x.Document != "" && d.Title == x.Document {
			return &it.Documents[i]
		}
	}
	return nil
}
