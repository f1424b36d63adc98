package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// perPage is how many findings a page shows.
const perPage = 25

// mostMatched is after about how many findings a search pauses, and offers to
// look further back: each costs some 100 to 300 microseconds by the length of its
// words, the record grows for years, and anybody may ask.
const mostMatched = 4000

// filter is what the form on /findings asks for.
type filter struct {
	Topic  store.Topic
	Source string
	Query  string
	parsed query.Query
}

// A mistake is what could not be read in a query, with the query cut where it
// stands.
type mistake struct {
	Pos           int // in characters, the first is 1
	Expected      string
	Before, After string
}

func (s *site) findings(w http.ResponseWriter, r *http.Request) error {
	f, before, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	var wrong *mistake
	if f.parsed, wrong = parse(f.Query); wrong != nil {
		return s.findingsPage(w, http.StatusBadRequest, findingsBody{filter: f, Mistake: wrong})
	}
	list, next, err := s.recent(r.Context(), f, before, perPage)
	if err != nil {
		return err
	}
	body := findingsBody{filter: f, First: before == place{}, Paused: next != place{} && next.id == ""}
	for room, i := pageText, 0; i < len(list); i++ {
		x := list[i]
		if room -= weight(x); room < 0 && i > 0 { // the rest is on the next page
			next = place{list[i-1].Change, list[i-1].ID}
			body.Paused = false
			break
		}
		body.List = append(body.List, s.show(x))
	}
	if (next != place{}) {
		v := f.values()
		v.Set("before", fmt.Sprintf("%d-%s", next.change, next.id))
		body.Older = "/findings?" + v.Encode()
	}
	return s.findingsPage(w, http.StatusOK, body)
}

// pageText is about how many bytes of scraped text a list may hold, as HTML, so
// that a page stays below 100 KB whatever is quoted.
const pageText = 60 << 10

// weight is about how many bytes a finding takes on a list.
func weight(x store.Finding) int {
	n := 700
	texts := []string{x.Title, x.BodyName, x.Document, x.URL, x.URL}
	if x.Deadline != nil {
		texts = append(texts, x.Deadline.Who, x.Deadline.Quote)
	}
	for _, m := range x.Best() {
		texts = append(texts, m.Quote, x.Document, x.URL)
	}
	for _, o := range x.AlsoIn {
		texts = append(texts, o.Document)
	}
	for _, t := range texts {
		n += len(template.HTMLEscapeString(line(t, 1500)))
	}
	return n
}

// findingsBody is the page of findings.
type findingsBody struct {
	filter
	Mistake  *mistake
	Topics   []store.Topic
	Sources  []SourceInfo
	List     []shown
	Older    string // address of the next page, "" on the last
	Feed     string // address of the feed of the same
	Filtered bool
	First    bool
	Paused   bool // Older goes on with a search that has not filled the page
}

func (s *site) findingsPage(w http.ResponseWriter, status int, b findingsBody) error {
	b.Topics, b.Sources = topics(), s.Sources()
	b.Filtered = b.Topic != "" || b.Source != "" || b.Query != ""
	b.Feed = "/feed.atom"
	v := view{Title: "What we found", Here: "findings"}
	if q := b.values(); len(q) > 0 {
		b.Feed += "?" + q.Encode()
		v.Feed = &feedLink{Path: b.Feed, Title: "Findings: " + s.inWords(b.filter)}
	}
	v.Body = b
	if b.Mistake != nil {
		v.Title, v.Private = "We could not read your search", true
		w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	}
	return s.render(w, status, "findings", v)
}

// parse reads a query in the language of subscriptions; what cannot be read is
// shown to its writer, and nothing is searched instead.
func parse(q string) (query.Query, *mistake) {
	parsed, err := query.Parse(q)
	if err == nil {
		return parsed, nil
	}
	var at *query.Error
	if !errors.As(err, &at) { // Parse gives no other
		return query.Query{}, &mistake{Expected: err.Error()}
	}
	runes := []rune(q)
	cut := max(0, min(at.Pos-1, len(runes)))
	return query.Query{}, &mistake{Pos: at.Pos, Expected: at.Msg, Before: string(runes[:cut]), After: string(runes[cut:])}
}

// A place in the list of findings: older than this one; without an id, this
// change's and older.
type place struct {
	change uint64
	id     string
}

func readFilter(v url.Values) (filter, place, error) {
	f := filter{Topic: store.Topic(v.Get("topic")), Source: v.Get("source"), Query: line(v.Get("q"), query.MaxLength+1)} // longer ones are refused, not cut
	if f.Topic != "" && !slices.Contains(topics(), f.Topic) {
		return f, place{}, badRequest("There is no such topic.")
	}
	if len(f.Source) > 64 {
		return f, place{}, badRequest("There is no such source.")
	}
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

// fits tells whether a finding is on the list that was asked for.
func (s *site) fits(f filter, x store.Finding) bool {
	if f.Topic != "" && x.Topic != f.Topic || f.Source != "" && x.Source != f.Source {
		return false
	}
	return f.Query == "" || f.parsed.Match(s.Facts(x))
}

// recent returns the newest findings that fit, older than a place, newest
// first, and the place after them; none where there are no more. The store
// gives them oldest first from any change on: the log is read backwards in
// widening steps, so that the first page of a long record costs little.
func (s *site) recent(ctx context.Context, f filter, before place, n int) ([]store.Finding, place, error) {
	if f != (filter{}) {
		if found, next, ok, err := s.newestFound(ctx, f, before, n); ok {
			return found, next, err
		}
	}
	var found []store.Finding // newest first
	seq, err := s.Ledger.LastSeq(ctx)
	if err != nil {
		return nil, place{}, err
	}
	high := seq
	if before.change != 0 && before.change < high {
		high = before.change
	}
	matched := 0
	// Findings of one change stay together within a step.
	for step := uint64(500); high > 0 && len(found) <= n; step = min(4*step, mostMatched/2) {
		if f != (filter{}) && matched >= mostMatched {
			return found, place{change: high}, nil
		}
		low := high - min(high, step)
		var part []store.Finding
		passed := false // the place itself, in the order of the store
		empty := true
		err := s.Outbox.Findings(ctx, low, func(x store.Finding) bool {
			if x.Change > high || passed {
				return false
			}
			empty = false
			if x.Change == before.change && x.ID == before.id {
				passed = true
				return false
			}
			matched++
			if s.fits(f, x) {
				part = append(part, x)
				if len(part) > 2*(n+1) { // keep the newest only
					part = append(part[:0], part[len(part)-n-1:]...)
				}
			}
			return true
		})
		if err != nil {
			return nil, place{}, err
		}
		slices.Reverse(part)
		found = append(found, part...)
		if high = low; empty {
			if high, err = store.LatestFound(ctx, s.Outbox, 0, low); err != nil {
				return nil, place{}, err
			}
		}
	}
	if len(found) > n {
		last := found[n-1]
		return found[:n], place{last.Change, last.ID}, nil
	}
	return found, place{}, nil
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
	Passed, Differ   bool
}

func (s *site) show(x store.Finding) shown {
	v := shown{Finding: x}
	if d := x.Deadline; d != nil && (d.Stated != "" || d.Computed != "") {
		at := d.Date()
		v.Act = &act{Name: deadlineWords(d.Kind), Who: strings.TrimRight(d.Who, ". "), Quote: d.Quote, Stated: d.Stated, Computed: d.Computed, Passed: !at.IsZero() && at.Before(s.Now()), Differ: s.differ(d.Stated, d.Computed)}
	}
	return v
}

// differ tells whether two stored dates are not the same; one that gives a day
// alone is the same as any time of it.
func (s *site) differ(a, b string) bool {
	day := func(v string) (string, bool) {
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t.In(s.zone).Format(time.DateOnly), true
		}
		return v, false
	}
	x, exactX := day(a)
	y, exactY := day(b)
	if exactX && exactY {
		return s.date(a) != s.date(b)
	}
	return x != y
}

func deadlineWords(kind string) string {
	switch kind {
	case "tender":
		return "Bids are due"
	case "interest":
		return "Interest must be shown by"
	case "engagement":
		return "Early engagement ends"
	case "standstill":
		return "Standstill ends"
	case "representations":
		return "Representations must be made by"
	case "futurenotice":
		return "The next notice is expected"
	case "consultation":
		return "The consultation closes"
	case judge.DeadlineQuestions:
		return "Questions from the public are due"
	case judge.DeadlineRegistration:
		return "Register by"
	case judge.DeadlinePapers:
		return "Papers are to be out by"
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
		Edit    *store.Edit
		Now     time.Time
	}{shown: s.show(x), Now: s.Now()}
	if body.Edit, err = s.editOf(r.Context(), x.Source, x.Key); err != nil {
		return err
	}
	it, err := s.Ledger.Item(r.Context(), x.Source, x.Key)
	switch {
	case err == nil:
		body.Item = &it
		body.Paper = paperOf(x, it)
		if err := s.record.follow(r.Context()); err != nil {
			return err
		}
		if body.History, err = s.history(r.Context(), it, 0); err != nil {
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
