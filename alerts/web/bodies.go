package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// How much a list of bodies and a body's page show.
const (
	bodiesPerPage = 30
	mostOfABody   = 10  // of findings, papers, notices and meetings each
	mostLooked    = 400 // changes of a body that are asked for findings, for its page
)

// BodyInfo is a body, for readers: what is printed of it is as the register of
// bodies has it.
type BodyInfo struct {
	ID         string // as in addresses and in a search for body:
	Name       string
	Kind       string   // icb, ccg, trust, council, nhs-england, csu, other; "" unknown
	Areas      []string // names
	Aliases    []string
	Codes      []string
	Since      string // YYYY-MM-DD, "" unknown
	Until      string // last day, "" still there
	Successors []string
}

// bodyOf finds a body by its id: one of the register, or a source that nobody
// named a body for.
func (s *site) bodyOf(id string) (BodyInfo, bool) {
	if b := s.bodies[id]; b != nil {
		return *b, true
	}
	name, ok := s.names().publishers[id]
	if !ok || id == "" {
		return BodyInfo{}, false
	}
	return BodyInfo{ID: id, Name: name}, true
}

// bodyView is a body in a list.
type bodyView struct {
	BodyInfo
	Counts  string
	Next    *store.Item
	Last    time.Time
	Sources []sourceState
}

// bodyList lists every body that publishes on a followed source or that the
// record names, those with a source of their own first. It reads the table of
// contents and, of the store, the next meeting of each body shown.
func (s *site) bodyList(w http.ResponseWriter, r *http.Request) error {
	q := line(r.URL.Query().Get("q"), 100)
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
	own := map[string][]sourceState{}
	for _, st := range states {
		if id := st.publisher(); id != "" {
			own[id] = append(own[id], st)
		}
	}
	var all []BodyInfo
	for _, id := range s.record.named() {
		if b, ok := s.bodyOf(id); ok && own[id] == nil {
			all = append(all, b)
		}
	}
	for id := range own {
		b, ok := s.bodyOf(id)
		if !ok { // the register does not know the body that the source is said to be of
			b = BodyInfo{ID: id, Name: own[id][0].Name}
		}
		all = append(all, b)
	}
	all = slices.DeleteFunc(all, func(b BodyInfo) bool { return !b.called(q) })
	followed := func(b BodyInfo) int { return min(1, len(own[b.ID])) }
	slices.SortFunc(all, func(a, b BodyInfo) int {
		return cmp.Or(cmp.Compare(followed(b), followed(a)), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	body := struct {
		Query  string
		Total  int
		List   []bodyView
		Pages  pages
		Behind time.Time
	}{Query: q, Total: len(all), Behind: s.record.behind()}
	var shown []BodyInfo
	if shown, body.Pages, err = paginate(all, page, bodiesPerPage, "/bodies", url.Values{"q": {q}}); err != nil {
		return err
	}
	ahead := s.record.ahead(dayOf(s.Now(), s.zone), "")
	for _, b := range shown {
		v, err := s.viewBody(r.Context(), b, s.record.of(ahead, b.ID))
		if err != nil {
			return err
		}
		v.Sources = own[b.ID]
		body.List = append(body.List, v)
	}
	return s.render(w, http.StatusOK, "bodies", view{Title: "Bodies", Here: "bodies", Body: body})
}

// called tells whether a body goes by a name or code that holds the words.
func (b BodyInfo) called(words string) bool {
	words = strings.ToLower(words)
	return slices.ContainsFunc(slices.Concat([]string{b.ID, b.Name}, b.Aliases, b.Codes), func(name string) bool {
		return strings.Contains(strings.ToLower(name), words)
	})
}

// viewBody is a body with the next of its dates that are given.
func (s *site) viewBody(ctx context.Context, b BodyInfo, ahead []meeting) (bodyView, error) {
	t := s.record.tally(b.ID)
	v := bodyView{BodyInfo: b, Counts: kindCounts(t.kinds), Last: t.last}
	for _, m := range ahead {
		if m.off {
			continue
		}
		it, err := s.Ledger.Item(ctx, m.source, m.key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return v, err
		}
		v.Next = &it
		break
	}
	return v, nil
}

// bodyPage is the page of one body.
type bodyPage struct {
	bodyView
	After   []BodyInfo // its successors
	Coming  []store.Item
	More    bool // there are more coming than shown
	List    []shown
	Papers  []listed
	Notices []listed
	Search  string // address of the search for its findings
	Behind  time.Time
	Follow  []follow
}

// body shows what a body publishes and where it is the buyer. Cost: the table
// of contents, and of the store what is shown and at most mostLooked findings'
// places.
func (s *site) body(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	b, ok := s.bodyOf(r.PathValue("id"))
	if !ok {
		return store.ErrNotFound
	}
	if err := s.record.follow(ctx); err != nil {
		return err
	}
	coming := s.record.ahead(dayOf(s.Now(), s.zone), b.ID)
	v, err := s.viewBody(ctx, b, coming)
	if err != nil {
		return err
	}
	page := bodyPage{bodyView: v, Behind: s.record.behind(), Follow: s.followBody(b.ID), Search: "/findings?" + url.Values{"q": {"body:" + b.ID}}.Encode()}
	states, _, err := s.states(ctx)
	if err != nil {
		return err
	}
	for _, st := range states {
		if st.publisher() == b.ID {
			page.Sources = append(page.Sources, st)
		}
	}
	if page.Last.IsZero() && len(page.Sources) == 0 && page.Behind.IsZero() {
		return store.ErrNotFound // a body of the register that is nowhere in the record
	}
	for _, id := range b.Successors {
		if next, ok := s.bodyOf(id); ok {
			page.After = append(page.After, next)
		}
	}
	page.More = len(coming) > mostOfABody
	if page.Coming, err = s.itemsOf(ctx, coming[:min(len(coming), mostOfABody)]); err != nil {
		return err
	}
	found, err := s.findingsOfBody(ctx, b.ID, mostOfABody, mostLooked)
	if err != nil {
		return err
	}
	for _, x := range found {
		page.List = append(page.List, s.show(x))
	}
	if page.Papers, _, err = s.newestItems(ctx, want{body: b.ID, kind: store.KindPaper}, mostOfABody); err != nil {
		return err
	}
	if page.Notices, _, err = s.newestItems(ctx, want{body: b.ID, kind: store.KindNotice}, mostOfABody); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "body", view{Title: line(b.Name, 200), Here: "bodies", Body: page, Feed: &feedLink{Path: "/body/" + url.PathEscape(b.ID) + "/feed.atom", Title: "Findings: " + line(b.Name, 200)}})
}

// findingsOfBody are the newest findings of a body, newest first: those of the
// changes that the table of contents has under its name, of which so many are
// looked at.
func (s *site) findingsOfBody(ctx context.Context, body string, n, look int) ([]store.Finding, error) {
	var out []store.Finding
	for _, seq := range s.record.seqs(want{body: body, due: true}, look) {
		found, err := s.findingsOf(ctx, seq)
		if err != nil {
			return nil, err
		}
		slices.Reverse(found)
		if out = append(out, found...); len(out) >= n {
			return out[:n], nil
		}
	}
	return out, nil
}

// findingsOf are the findings of one change, in the order of the store.
func (s *site) findingsOf(ctx context.Context, seq uint64) ([]store.Finding, error) {
	var out []store.Finding
	err := s.Outbox.Findings(ctx, seq-1, func(x store.Finding) bool {
		if x.Change != seq {
			return false
		}
		out = append(out, x)
		return true
	})
	return out, err
}

// itemsOf reads what has a date as it is now: what was taken down since is
// left out.
func (s *site) itemsOf(ctx context.Context, all []meeting) ([]store.Item, error) {
	var out []store.Item
	for _, m := range all {
		it, err := s.Ledger.Item(ctx, m.source, m.key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		}
		if it.Withdrawn.IsZero() {
			it.Parts, it.Documents, it.Notice = nil, nil, nil
			out = append(out, it)
		}
	}
	return out, nil
}

// pages lead through a long list.
type pages struct {
	Number, Count int
	Before, After string // addresses, "" at the ends
}

func pageNumber(q url.Values) (int, error) {
	n, err := strconv.Atoi(cmp.Or(q.Get("page"), "1"))
	if err != nil || n < 1 {
		return 0, badRequest("There is no such page of the list.")
	}
	return n, nil
}

// paginate cuts one page out of a list. A page beyond the last is not found,
// except the first of an empty list.
func paginate[T any](all []T, page, per int, path string, q url.Values) ([]T, pages, error) {
	p := pages{Number: page, Count: max(1, (len(all)+per-1)/per)}
	if page > p.Count {
		return nil, p, store.ErrNotFound
	}
	address := func(n int) string {
		v := url.Values{}
		for name, value := range q {
			if len(value) > 0 && value[0] != "" {
				v[name] = value
			}
		}
		if n > 1 {
			v.Set("page", fmt.Sprint(n))
		}
		if len(v) == 0 {
			return path
		}
		return path + "?" + v.Encode()
	}
	if page > 1 {
		p.Before = address(page - 1)
	}
	if page < p.Count {
		p.After = address(page + 1)
	}
	return all[(page-1)*per : min(len(all), page*per)], p, nil
}
