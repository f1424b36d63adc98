package web

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"

	"ccgwatch/store"
)

// meetingsPerPage is how many coming meetings a page lists.
const meetingsPerPage = 50

// How much of one item a page shows; the rest is on further pages.
const (
	documentsPerPage = 25
	historyPerPage   = 20
	mostInHistory    = 40     // fields, and papers, of all the changes shown
	mostOfAChange    = 8      // of each of them
	mostQuotes       = 12     // of the changes shown
	agendaText       = 15_000 // characters of the texts under an agenda's items
	mostParts        = 100
	mostFields       = 40
)

// mostHistory is how many entries of the log are searched for the history of
// one item, newest first, before the table of contents is complete. Beyond it
// the page says that it stops.
const mostHistory = 20_000

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// meetings lists what is coming: meetings, and the papers that boards publish
// under the date of one. Cost: the table of contents' list of dates to come,
// and of the store what is shown.
func (s *site) meetings(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("body")
	b, known := s.bodyOf(id)
	if id != "" && !known {
		return badRequest("There is no such body.")
	}
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	if err := s.record.follow(r.Context()); err != nil {
		return err
	}
	type day struct {
		Date  string
		Items []comingItem
	}
	body := struct {
		Days   []day
		Body   *BodyInfo
		Pages  pages
		Behind time.Time
	}{Behind: s.record.behind()}
	if known {
		body.Body = &b
	}
	ahead := s.record.ahead(dayOf(s.Now(), s.zone), id)
	if ahead, body.Pages, err = paginate(ahead, page, meetingsPerPage, "/meetings", url.Values{"body": {id}}); err != nil {
		return err
	}
	coming, err := s.itemsOf(r.Context(), ahead)
	if err != nil {
		return err
	}
	for _, it := range coming {
		date := comingOn(it).In(s.zone).Format("Monday 2 January 2006")
		if n := len(body.Days); n == 0 || body.Days[n-1].Date != date {
			body.Days = append(body.Days, day{Date: date})
		}
		last := &body.Days[len(body.Days)-1]
		last.Items = append(last.Items, comingItem{Item: it, Dates: s.datesOf(r.Context(), it, false)})
	}
	return s.render(w, http.StatusOK, "meetings", view{Title: "Coming meetings", Here: "meetings", Body: body})
}

// comingItem is what is coming, with the dates before it.
type comingItem struct {
	store.Item
	Dates []act
}

// itemBody is the page of an item.
type itemBody struct {
	store.Item
	Names     []string // of the fields, as shown
	Bodies    []BodyInfo
	Elsewhere bool // the source has another name than the body
	History   history
	Quotes    []shown
	Older     string // address of the page with older history, "" where there is none
	Newest    bool   // the history shown is the newest
	From, All int    // of the documents: the first one shown, and how many there are
	Rest      string // address of the page with further documents
	Joints    []store.Joint
	Unread    bool // there may be more of these
	Dates     []act
	Follow    []follow
	CutParts  bool // the agenda is longer than what is shown
	Agenda    []agendaPart
	Edit      *store.Edit
}

// agendaPart is an item of an agenda with its papers.
type agendaPart struct {
	store.Part
	Papers []store.Document
}

// papersOfAPart is how many papers are named under one item of an agenda.
const papersOfAPart = 6

func agendaOf(parts []store.Part, docs []store.Document) []agendaPart {
	by := map[string][]store.Document{}
	for _, d := range docs {
		if d.Part != "" && len(by[d.Part]) < papersOfAPart {
			by[d.Part] = append(by[d.Part], d)
		}
	}
	out := make([]agendaPart, 0, len(parts))
	for _, p := range parts {
		out = append(out, agendaPart{p, by[p.Key]})
	}
	return out
}

func (s *site) item(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	source, key := q.Get("source"), q.Get("key")
	if source == "" || key == "" || len(source) > 64 || len(key) > 1000 {
		return badRequest("The address of an item names its source and its key.")
	}
	before, from, err := itemPlace(q)
	if err != nil {
		return err
	}
	ctx := r.Context()
	it, err := s.Ledger.Item(ctx, source, key)
	if err != nil {
		return err
	}
	if err := s.record.follow(ctx); err != nil {
		return err
	}
	body := itemBody{Item: it, Names: fieldNames(it.Fields), Newest: before == 0, From: from, All: len(it.Documents)}
	if body.History, err = s.history(ctx, it, before); err != nil {
		return err
	}
	if body.Quotes, err = s.quotes(ctx, it, body.History); err != nil {
		return err
	}
	if n := body.History.Next; n > 0 {
		body.Older = itemPath(source, key) + "&older=" + strconv.FormatUint(n, 10)
	}
	if from > max(1, body.All) {
		return store.ErrNotFound
	}
	if end := from - 1 + documentsPerPage; end < body.All {
		body.Documents, body.Rest = it.Documents[from-1:end], itemPath(source, key)+"&documents="+strconv.Itoa(end+1)
	} else if body.All > 0 {
		body.Documents = it.Documents[from-1:]
	}
	if body.Joints, body.Unread, err = s.jointsOf(ctx, it); err != nil {
		return err
	}
	body.Dates = s.datesOf(ctx, it, true)
	body.Parts, body.CutParts = shortened(it.Parts)
	body.Agenda = agendaOf(body.Parts, it.Documents)
	if body.Edit, err = s.editOf(ctx, source, key); err != nil {
		return err
	}
	body.Bodies = s.bodiesOf(it)
	body.Follow = s.followItem(&it, body.Bodies)
	body.Elsewhere = len(body.Bodies) != 1 || body.Bodies[0].Name != s.sourceName(it.Source)
	return s.render(w, http.StatusOK, "item", view{Title: line(it.Title, 200), Here: "items", Body: body})
}

// itemPlace reads which part of a long page is asked for: history before a
// change, documents from the nth on.
func itemPlace(q url.Values) (before uint64, from int, err error) {
	from = 1
	if v := q.Get("older"); v != "" {
		if before, err = strconv.ParseUint(v, 10, 64); err != nil || before == 0 {
			return 0, 0, badRequest("There is no such part of the history.")
		}
	}
	if v := q.Get("documents"); v != "" {
		if from, err = strconv.Atoi(v); err != nil || from < 1 {
			return 0, 0, badRequest("There is no such part of the documents.")
		}
	}
	return before, from, nil
}

// bodiesOf are the bodies an item is of.
func (s *site) bodiesOf(it store.Item) []BodyInfo {
	var ids []string
	switch {
	case it.Notice != nil && s.Buyers != nil:
		ids = s.Buyers(it.Notice)
	case it.Kind != store.KindNotice:
		for _, info := range s.Sources() {
			if info.ID == it.Source {
				ids = []string{info.publisher()}
			}
		}
	}
	var out []BodyInfo
	for _, id := range ids {
		if b, ok := s.bodyOf(id); ok {
			out = append(out, b)
		}
	}
	return out
}

// shortened keeps an agenda within what a phone loads.
func shortened(parts []store.Part) ([]store.Part, bool) {
	cut := len(parts) > mostParts
	parts = slices.Clone(parts[:min(len(parts), mostParts)])
	left := agendaText
	for i := range parts {
		if n := utf8.RuneCountInString(parts[i].Text); n > left {
			parts[i].Text, cut, left = line(parts[i].Text, left), true, 0
		} else {
			left -= n
		}
	}
	return parts, cut
}

// quotes are the findings of the changes shown, each sentence once: what stands
// on a page of a paper first, and then newest first.
func (s *site) quotes(ctx context.Context, it store.Item, h history) ([]shown, error) {
	var out []shown
	said := map[string]bool{}
	for _, c := range h.Changes {
		found, err := s.findingsOf(ctx, c.Seq)
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			if said[x.Quote] || line(x.Quote, 1) == "" || x.Key != it.Key || x.Source != it.Source {
				continue
			}
			said[x.Quote] = true
			out = append(out, s.show(x))
		}
	}
	slices.SortStableFunc(out, func(a, b shown) int { return cmp.Compare(min(b.Page, 1), min(a.Page, 1)) })
	return out[:min(len(out), mostQuotes)], nil
}

// fieldNames are the names of the fields: when and a doubt first, the others
// sorted.
func fieldNames(fields map[string]string) []string {
	names := slices.Sorted(maps.Keys(fields))
	rank := func(name string) int {
		return slices.Index([]string{store.FieldDoubt, store.FieldWhen}, name) // -1 for the others
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(b), rank(a)) })
	return names[:min(len(names), mostFields)]
}

// told is a change as a history tells it.
type told struct {
	store.Change
	MoreFields, MoreDocuments int // left out
}

// tell leaves out what would make a history too long to read.
func tell(changes []store.Change) []told {
	var out []told
	fields, papers := mostInHistory, mostInHistory
	for _, c := range changes {
		x := told{Change: c}
		f, d := min(len(c.Fields), mostOfAChange, fields), min(len(c.Documents), mostOfAChange, papers)
		x.MoreFields, x.MoreDocuments = len(c.Fields)-f, len(c.Documents)-d
		x.Fields, x.Documents = c.Fields[:f], c.Documents[:d]
		fields, papers = fields-f, papers-d
		out = append(out, x)
	}
	return out
}

// history is what the log says of an item, newest first.
type history struct {
	Changes []told
	Cut     bool   // there may be older entries
	Next    uint64 // the place after the last one shown, 0 where there are no more
}

// history reads what the table of contents has of an item, older than a change
// where one is given. Before the table is complete the log itself is searched.
func (s *site) history(ctx context.Context, it store.Item, before uint64) (history, error) {
	var h history
	if !s.record.behind().IsZero() {
		return s.searchHistory(ctx, it)
	}
	var changes []store.Change
	for _, seq := range s.record.seqs(want{item: &ref{it.Source, it.Key}, before: before, due: true}, historyPerPage+1) {
		if len(changes) == historyPerPage {
			h.Next = changes[len(changes)-1].Seq
			break
		}
		c, err := s.Ledger.Changes(ctx, seq-1, 1)
		if err != nil {
			return h, err
		}
		if len(c) == 1 && c[0].Seq == seq && c[0].Source == it.Source && c[0].Key == it.Key {
			changes = append(changes, c[0])
		}
	}
	h.Changes = tell(changes)
	return h, nil
}

// searchHistory searches the log between the item's first sighting and its last
// change; the log is in the order of time, so both ends are found by halving.
func (s *site) searchHistory(ctx context.Context, it store.Item) (history, error) {
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
	var changes []store.Change
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
				changes = append(changes, c)
			}
			low = c.Seq
		}
	}
	slices.Reverse(changes)
	if len(changes) > historyPerPage {
		changes, h.Cut = changes[:historyPerPage], true
	}
	h.Changes = tell(changes)
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
