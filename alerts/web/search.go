package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

const (
	hitsPerPage  = 20
	hitText      = 280 // characters of each place shown
	searchWithin = 8 * time.Second
	// searchPolicy lets the page of the search, and no other, load our one
	// script and let it ask us.
	searchPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

// searchAsked is what the form on /search asks for; facets narrow it.
type searchAsked struct {
	Query, Kind, Topic, Body, Source, Year, From, To, Order string

	parsed query.Query // all but the dates
	since  time.Time
	until  time.Time
}

// fields are the names and values of what was asked, in the order of the form.
func (a *searchAsked) fields() []struct {
	name  string
	value *string
} {
	return []struct {
		name  string
		value *string
	}{{"q", &a.Query}, {"kind", &a.Kind}, {"topic", &a.Topic}, {"body", &a.Body}, {"source", &a.Source}, {"year", &a.Year}, {"from", &a.From}, {"to", &a.To}, {"order", &a.Order}}
}

// path is the address of the search, with one thing in it altered.
func (a searchAsked) path(name, value string) string {
	v := url.Values{}
	for _, f := range a.fields() {
		if *f.value != "" && f.name != name {
			v.Set(f.name, *f.value)
		}
	}
	if name != "" && value != "" {
		v.Set(name, value)
	}
	if len(v) == 0 {
		return "/search"
	}
	return "/search?" + v.Encode()
}

func (a searchAsked) empty() bool {
	a.Order = ""
	return a.path("", "") == "/search"
}

// readAsked reads the form. What is wrong with the query itself is a mistake to
// be shown; anything else that is wrong was not written by our form.
func (s *site) readAsked(v url.Values) (searchAsked, *mistake, error) {
	var a searchAsked
	for _, f := range a.fields() {
		most := 200
		if f.name == "q" {
			most = query.MaxLength + 1 // longer ones are refused, not cut
		}
		*f.value = line(v.Get(f.name), most)
	}
	if a.Order != "" && a.Order != "newest" {
		return a, nil, badRequest("There is no such order.")
	}
	var err error
	if a.since, err = s.dayAsked(a.From); err != nil {
		return a, nil, err
	}
	if a.until, err = s.dayAsked(a.To); err != nil {
		return a, nil, err
	}
	if !a.until.IsZero() {
		a.until = a.until.AddDate(0, 0, 1)
	}
	if a.Year != "" {
		y, err := strconv.Atoi(a.Year)
		if err != nil || y < 1900 || y > 2999 {
			return a, nil, badRequest("There is no such year.")
		}
		// as the facets count them
		first, next := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(y+1, 1, 1, 0, 0, 0, 0, time.UTC)
		a.since = latest(a.since, first)
		if a.until.IsZero() || next.Before(a.until) {
			a.until = next
		}
	}
	parsed, wrong := parse(a.Query)
	if wrong != nil {
		return a, wrong, nil
	}
	for name, value := range map[string]string{"kind": a.Kind, "topic": a.Topic, "body": a.Body, "source": a.Source} {
		if value == "" {
			continue
		}
		only, err := query.Field(name, value)
		if err != nil {
			return a, nil, badRequest("There is no such " + name + ".")
		}
		parsed = query.And(parsed, only)
	}
	a.parsed = parsed
	return a, nil, nil
}

func (s *site) dayAsked(v string) (time.Time, error) {
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, v, s.zone)
	if err != nil {
		return t, badRequest("A date is written like 2026-09-30.")
	}
	return t, nil
}

// saved is the search as a subscription or a feed keeps it: without dates, "" if
// it cannot be kept.
func (a searchAsked) saved() string {
	q := a.parsed.String()
	if utf8.RuneCountInString(q) > query.MaxLength {
		return ""
	}
	return q
}

// searchBody is the page of the search.
type searchBody struct {
	searchAsked
	Mistake *mistake
	Topics  []store.Topic
	Kinds   []store.Kind
	None    bool // there is no search here
	Asked   bool
	Result  store.SearchResult
	Hits    []hitView
	Pages   pages
	Narrow  []facetView
	Chosen  []choiceView // facets that narrow it already
	ByMail  string       // address of the sign-up form with this search
	Feed    string
	Dated   bool // the dates are not part of what is saved
	Newest  string
	Best    string
}

// hitView is an item that fits.
type hitView struct {
	store.Hit
	Title  []query.Piece
	Bodies []BodyInfo
	Spots  []spotView
}

type spotView struct {
	store.Spot
	Path string // where we show it
	Out  string // the source, at the page
}

type facetView struct {
	Name   string
	Values []choiceView
}

// choiceView is a link that narrows a search, or takes a narrowing away.
type choiceView struct {
	Name  string
	Count int
	Path  string
}

func (s *site) search(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", searchPolicy)
	body := searchBody{Topics: topics(), Kinds: kinds(), None: s.Index == nil}
	var err error
	if body.searchAsked, body.Mistake, err = s.readAsked(r.URL.Query()); err != nil {
		return err
	}
	title := "Search"
	switch {
	case body.Mistake != nil:
		return s.render(w, http.StatusBadRequest, "search", view{Title: "We could not read your search", Here: "search", Private: true, Body: body})
	case body.None || body.empty():
		return s.render(w, http.StatusOK, "search", view{Title: title, Here: "search", Body: body})
	}
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	if page > 500 {
		return badRequest("This list is not shown that far. Please narrow the search.")
	}
	if body.Result, err = s.searched(r.Context(), body.searchAsked, hitsPerPage*(page-1), hitsPerPage, hitText); err != nil {
		return err
	}
	if err := s.fillSearch(r.Context(), &body, page); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "search", view{Title: title, Here: "search", Private: true, Body: body, Feed: &feedLink{Path: body.Feed, Title: "Findings: " + line(body.saved(), 200)}})
}

// searched asks the index, within a time.
func (s *site) searched(ctx context.Context, a searchAsked, from, limit, text int) (store.SearchResult, error) {
	ctx, cancel := context.WithTimeout(ctx, searchWithin)
	defer cancel()
	r, err := s.Index.Search(ctx, store.Search{Query: a.parsed, Since: a.since, Until: a.until, ByDate: a.Order == "newest", From: from, Limit: limit, Text: text})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = &fault{status: http.StatusServiceUnavailable, title: "That took too long", text: "This search asks for too much at once. Please use fewer or rarer words.", retry: 10 * time.Second}
	case err != nil && ctx.Err() == nil:
		err = &fault{status: http.StatusServiceUnavailable, title: "The search does not work just now", text: "It is being put right by itself. Please try again in a few minutes.", retry: time.Minute, err: err}
	}
	return r, err
}

func (s *site) fillSearch(ctx context.Context, b *searchBody, page int) error {
	b.Asked, b.Dated = true, b.From != "" || b.To != "" || b.Year != ""
	if q := b.saved(); q != "" {
		b.Feed = "/feed.atom?" + url.Values{"q": {q}}.Encode()
		if s.open() {
			b.ByMail = "/subscribe?" + url.Values{"q": {q}}.Encode()
		}
	} else {
		b.Feed = "/feed.atom"
	}
	b.Best, b.Newest = b.path("order", ""), b.path("order", "newest")
	b.Pages = pages{Number: page, Count: max(1, (b.Result.Items+hitsPerPage-1)/hitsPerPage)}
	if page > b.Pages.Count {
		return store.ErrNotFound
	}
	if page > 1 {
		b.Pages.Before = b.path("page", strconv.Itoa(page-1))
	}
	if page < b.Pages.Count {
		b.Pages.After = b.path("page", strconv.Itoa(page+1))
	}
	for _, h := range b.Result.Hits {
		h, ok, err := s.shownHit(ctx, h, b.Result)
		if err != nil {
			return err
		}
		if ok {
			b.Hits = append(b.Hits, s.viewHit(b.parsed, h))
		}
	}
	s.facets(b)
	return nil
}

// shownHit is a hit as it may be shown now. What was taken down a moment ago is
// shown no more, and nothing of what was corrected but what it is called now,
// until the index knows.
func (s *site) shownHit(ctx context.Context, h store.Hit, r store.SearchResult) (store.Hit, bool, error) {
	it, err := s.Ledger.Item(ctx, h.Source, h.Key)
	if isNotFound(err) {
		return h, false, nil
	}
	if err != nil || r.Done >= r.End {
		return h, err == nil, err
	}
	edit, err := s.editOf(ctx, h.Source, h.Key)
	if edit == nil || err != nil {
		return h, err == nil, err
	}
	h.Title, h.Places = it.Title, slices.Clone(h.Places)
	for i, p := range h.Places {
		h.Places[i].Name, h.Places[i].Text = edit.Clean(p.Name), nil
	}
	return h, true, nil
}

func (s *site) viewHit(q query.Query, h store.Hit) hitView {
	v := hitView{Hit: h, Title: q.Snippet(cmp.Or(said(h.Title, 400), "Without a title"), 300)}
	for _, id := range h.Bodies {
		if b, ok := s.bodyOf(id); ok {
			v.Bodies = append(v.Bodies, b)
		}
	}
	for _, p := range h.Places {
		p.Name = said(p.Name, 400)
		p.Text = saidAround(q, p.Text)
		v.Spots = append(v.Spots, spotView{Spot: p, Path: s.spotPath(h, p), Out: paged(p.URL, p.Page)})
	}
	return v
}

// saidAround is said for a text with marks in it, which may stand within what is
// left out.
func saidAround(q query.Query, pieces []query.Piece) []query.Piece {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.Text)
	}
	if kept := judge.Redact(b.String()); kept != b.String() {
		return q.Snippet(kept, len(kept))
	}
	return pieces
}

// spotPath is where we show a place of an item: a page of a paper that we keep
// where it can be read.
func (s *site) spotPath(h store.Hit, p store.Spot) string {
	if p.Page > 0 {
		if path := s.paperPath(h.Source, h.Key, p.SHA256, p.Page); path != "" {
			return path
		}
	}
	path := itemPath(h.Source, h.Key)
	if p.Document != "" {
		path += "#documents"
	}
	return path
}

// facets are the links that narrow a result.
func (s *site) facets(b *searchBody) {
	f := b.Result.Facets
	for _, x := range []struct {
		title, name, chosen string
		counts              []store.FacetCount
		words               func(string) string
	}{
		{"Kind", "kind", b.Kind, f.Kinds, func(v string) string { return kindWords(store.Kind(v)) }},
		{"Body", "body", b.Body, f.Bodies, s.bodyWords},
		{"Topic of what we found", "topic", b.Topic, f.Topics, func(v string) string { return topicWords(store.Topic(v)) }},
		{"Year", "year", b.Year, f.Years, func(v string) string { return v }},
		{"Source", "source", b.Source, f.Sources, s.sourceName},
	} {
		if x.chosen != "" {
			b.Chosen = append(b.Chosen, choiceView{Name: line(x.words(x.chosen), 200), Path: b.path(x.name, "")})
			continue
		}
		if len(x.counts) < 2 {
			continue
		}
		v := facetView{Name: x.title}
		for _, c := range x.counts[:min(len(x.counts), 12)] {
			v.Values = append(v.Values, choiceView{Name: line(x.words(c.Value), 200), Count: c.Count, Path: b.path(x.name, c.Value)})
		}
		b.Narrow = append(b.Narrow, v)
	}
}

func (s *site) bodyWords(id string) string {
	if b, ok := s.bodyOf(id); ok {
		return b.Name
	}
	return id
}

// quickHit is a line of /search.json.
type quickHit struct {
	Title string `json:"title"`
	Path  string `json:"path"`
	About string `json:"about"`
}

// quickAnswer is what the script on the page shows while somebody types.
type quickAnswer struct {
	Items int        `json:"items"`
	Hits  []quickHit `json:"hits"`
	Note  string     `json:"note"`
}

// searchQuick answers in JSON what the page would show first. A place may ask
// so often as somebody types; a program has the feed and the pages.
func (s *site) searchQuick(w http.ResponseWriter, r *http.Request) error {
	if s.Index == nil {
		return store.ErrNotFound
	}
	a, wrong, err := s.readAsked(r.URL.Query())
	if err != nil {
		return err
	}
	out := quickAnswer{Hits: []quickHit{}}
	switch {
	case wrong != nil:
		out.Note = "Not a whole search yet: we " + line(wrong.Expected, 200) + "."
	case !a.empty():
		found, err := s.searched(r.Context(), a, 0, 6, 0)
		if err != nil {
			return err
		}
		out.Items = found.Items
		if found.Done < found.End {
			out.Note = "Not complete: the search is being built."
		}
		for _, h := range found.Hits {
			h, ok, err := s.shownHit(r.Context(), h, found)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			x := quickHit{Title: cmp.Or(said(h.Title, 160), "Without a title"), Path: itemPath(h.Source, h.Key), About: kindWords(h.Kind) + ", " + h.Date.In(s.zone).Format("2 January 2006")}
			if p := h.Places; len(p) > 0 && p[0].Page > 0 {
				x.Path, x.About = s.spotPath(h, p[0]), x.About+", page "+strconv.Itoa(p[0].Page)
			}
			out.Hits = append(out.Hits, x)
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(out); err != nil { // < > & are escaped
		return err
	}
	_, _ = b.WriteTo(w) // a reader who has gone needs no answer
	return nil
}

// script answers the script of the search page; everything works without it.
func (s *site) script(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	js, err := assets.ReadFile("pages/search.js")
	if err != nil {
		return err
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(js))
	return nil
}

// newestFound is recent by way of the index: the newest findings that fit. ok
// is false where the index cannot say, being absent or behind.
func (s *site) newestFound(ctx context.Context, f filter, before place, n int) (list []store.Finding, next place, ok bool, err error) {
	if !s.indexed(ctx) {
		return nil, place{}, false, nil
	}
	q := f.parsed
	for name, value := range map[string]string{"topic": string(f.Topic), "source": f.Source} {
		if only, err := query.Field(name, value); err == nil && value != "" {
			q = query.And(q, only)
		}
	}
	looked, last := 0, place{}
	var failed error
	err = s.Index.Found(ctx, q, store.FoundPlace{Change: before.change, ID: before.id}, func(v store.Found) bool {
		if f.Topic != "" && v.Topic != f.Topic || f.Source != "" && v.Source != f.Source {
			return true
		}
		if len(list) == n {
			next = last
			return false
		}
		if v.Ask {
			if looked++; looked > mostMatched {
				next = place{change: v.Change}
				return false
			}
		}
		x, err := s.Outbox.Finding(ctx, v.ID)
		switch {
		case isNotFound(err):
			return true
		case err != nil:
			failed = err
			return false
		}
		// What was corrected since may fit no longer.
		if x.Retired == "" && s.fits(f, x) {
			list, last = append(list, x), place{x.Change, x.ID}
		}
		return true
	})
	if err = errors.Join(err, failed); err != nil && ctx.Err() == nil && failed == nil {
		s.Log.Error("pages: the search index", "error", err)
		return nil, place{}, false, nil // the store itself can be searched
	}
	return list, next, true, err
}

// indexed tells whether the index knows all that is found.
func (s *site) indexed(ctx context.Context) bool {
	if s.Index == nil {
		return false
	}
	done, _, err := s.Index.Place(ctx)
	if err != nil {
		return false
	}
	pos, err := s.Outbox.Position(ctx, follower)
	return err == nil && done >= pos.Seq
}

// previewFound counts by way of the index what a query would have brought.
func (s *site) previewFound(ctx context.Context, q query.Query, p *preview) (ok bool, err error) {
	if !s.indexed(ctx) {
		return false, nil
	}
	type mail struct {
		source string
		at     int64
	}
	things, mails, days := map[uint64]bool{}, map[mail]bool{}, map[time.Time]bool{}
	var list []shown
	count, looked := 0, 0
	from, cut := p.From, false
	var failed error
	err = s.Index.Found(ctx, q, store.FoundPlace{}, func(v store.Found) bool {
		if v.At.Before(p.From.Truncate(time.Second)) {
			return false
		}
		if v.Silent || !p.Weekly && !v.AtOnce {
			return true
		}
		if v.Ask || len(list) < maxPreview {
			if v.Ask {
				if looked++; looked > mostMatched {
					cut = true
					return false
				}
			}
			x, err := s.Outbox.Finding(ctx, v.ID)
			if isNotFound(err) {
				return true
			}
			if failed = err; err != nil {
				return false
			}
			if x.Retired != "" || !q.Match(s.Facts(x)) {
				return true
			}
			if len(list) < maxPreview {
				list = append(list, s.show(x))
			}
		}
		count++
		from = v.At
		things[v.Thing] = true
		if v.AtOnce {
			mails[mail{v.Source, v.At.Unix()}] = true
		}
		days[dayOf(v.At, s.zone)] = true
		return true
	})
	if failed != nil {
		return true, failed
	}
	if err != nil {
		if ctx.Err() == nil {
			s.Log.Error("pages: the search index", "error", err)
		}
		return false, ctx.Err()
	}
	p.Count, p.Things, p.Mails, p.Days, p.List, p.Cut = count, len(things), len(mails), len(days), slices.Clip(list), cut
	if cut {
		p.From = from
	}
	return true, nil
}
