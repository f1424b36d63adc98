package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// The interface for programs: /api/v1. What it answers are the lines of the data
// (lines.go); its description (openapi.go) is made from the same table of
// endpoints that routes are made from.

// How much one answer holds. A list ends early when it grows too large; next
// leads on in any case.
const (
	linesPerPage = 50
	mostLines    = 200
	answerBytes  = 94 << 10 // and what is around the lines stays below 100 KB, too
	changesAtOne = 1000
)

// An endpoint is one address of the interface.
type endpoint struct {
	Path   string // below /api/v1/, with {id} as in a route
	Title  string // in a few words
	About  string // in whole sentences
	Params []param
	Answer any    // zero value of what it answers; nil for a text
	Media  string // "" is application/json
	Lines  any    // zero value of one line, of application/jsonl
	serve  func(*site, http.ResponseWriter, *http.Request) error
	absent func(*Server) bool // not there in this installation
}

// A param is a parameter of an endpoint. Any other is refused, so that a slip of
// the pen is no answer to another question.
type param struct {
	Name  string
	About string
	Enum  []string
	Whole bool // a number
	Must  bool
	Path  bool
}

// A Listing is a part of a list. Next is the address of what follows, empty at
// the end; a part may be shorter than asked for, and even empty, and go on.
type Listing[T any] struct {
	Data []T    `json:"data" doc:"The lines of this part."`
	Next string `json:"next,omitempty" doc:"Address of the part that follows; absent at the end."`
}

// A ChangesAnswer is a part of the change log.
type ChangesAnswer struct {
	Data   []ChangeLine `json:"data" doc:"The entries, oldest first."`
	After  uint64       `json:"after" doc:"Ask with this number next."`
	Latest uint64       `json:"latest" doc:"Number of the newest entry of the log."`
	Next   string       `json:"next,omitempty" doc:"Address of what follows; absent when the log is read to its end."`
}

// A Problem is an error as RFC 9457 has it.
type Problem struct {
	Type   string `json:"type" doc:"Always about:blank: the status says what it is."`
	Title  string `json:"title" doc:"What it is, in words."`
	Status int    `json:"status" doc:"The status of the answer."`
	Detail string `json:"detail,omitempty" doc:"What is wrong with this request."`
	Latest uint64 `json:"latest,omitempty" doc:"Where the log ends, if it ends before the number asked for."`
}

// An IndexAnswer says what there is.
type IndexAnswer struct {
	Title       string            `json:"title" doc:"Whose data these are."`
	About       string            `json:"about" doc:"Address of the page that explains them."`
	Description string            `json:"description" doc:"Address of the OpenAPI description."`
	Licence     string            `json:"licence" doc:"Terms of use of what the sources published."`
	Latest      uint64            `json:"latest" doc:"Number of the newest entry of the log."`
	Endpoints   map[string]string `json:"endpoints" doc:"What there is, by address."`
}

const apiRoot = "/api/v1/"

func kindNames() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, string(k))
	}
	return out
}

func topicNames() []string {
	var out []string
	for _, t := range topics() {
		out = append(out, string(t))
	}
	return out
}

// endpoints are all of them. The order is that of the description.
func endpoints() []endpoint {
	limit := param{Name: "limit", About: "How many lines at most, up to " + strconv.Itoa(mostLines) + ".", Whole: true}
	cursor := param{Name: "cursor", About: "Where to go on, as next gives it. What it looks like may change."}
	source := param{Name: "source", About: "Only of this source, by its id."}
	body := param{Name: "body", About: "Only of this body, by its id."}
	q := param{Name: "q", About: "A search in the language of subscriptions."}
	area := param{Name: "area", About: "Only of this area, by its name."}
	committee := param{Name: "committee", About: "Only of the committee of this name."}
	id := param{Name: "id", About: "Its id.", Must: true, Path: true}
	noThreads := func(s *Server) bool { return s.Thread == nil }
	return []endpoint{
		{Path: "", Title: "What there is", About: "Addresses and the state of the log.", Answer: IndexAnswer{}, serve: (*site).apiIndex},
		{
			Path: "items", Title: "Items", About: "What is kept in the record, what changed last first.", Answer: Listing[ItemLine]{}, serve: (*site).apiItems,
			Params: []param{{Name: "kind", About: "Only of this kind.", Enum: kindNames()}, source, body, limit, cursor},
		},
		{
			Path: "item", Title: "An item", About: "One item with its agenda or notice and its history.", Answer: ItemDetail{}, serve: (*site).apiItem,
			Params: []param{{Name: "source", About: "Id of the source.", Must: true}, {Name: "key", About: "Key of the item.", Must: true}},
		},
		{
			Path: "changes", Title: "Changes", About: "The change log, oldest first, one JSON object a line. The head CCGWatch-After is the number to ask with next, CCGWatch-Latest the end of the log; a number stays good for years. " +
				"A number beyond the end is answered with 410: the log was restored from a copy, and must be read again from the beginning.",
			Answer: ChangesAnswer{}, Lines: ChangeLine{}, serve: (*site).apiChanges,
			Params: []param{
				{Name: "after", About: "The number of the last entry that is known; 0 is the beginning.", Whole: true},
				{Name: "limit", About: "How many at most, up to " + strconv.Itoa(changesAtOne) + ".", Whole: true},
				{Name: "format", About: "jsonl, one object a line (the default), or json.", Enum: []string{"jsonl", "json"}},
			},
		},
		{
			Path: "findings", Title: "Findings", About: "What our rules take for news, newest first.", Answer: Listing[FindingLine]{}, serve: (*site).apiFindings,
			Params: []param{q, {Name: "topic", About: "Only on this topic.", Enum: topicNames()}, source, limit, cursor},
		},
		{Path: "findings/{id}", Title: "A finding", About: "One finding.", Answer: FindingLine{}, serve: (*site).apiFinding, Params: []param{id}},
		{
			Path: "threads", Title: "Procurements", About: "Procurements folded from their notices, that of the latest finding first.", Answer: Listing[ThreadLine]{}, serve: (*site).apiThreads, absent: noThreads,
			Params: []param{{Name: "stage", About: "Only at this stage.", Enum: stages()}, body, q, cursor},
		},
		{Path: "threads/{id}", Title: "A procurement", About: "One procurement, by any of its ocids.", Answer: ThreadLine{}, serve: (*site).apiThread, absent: noThreads, Params: []param{id}},
		{
			Path: "threads/{id}/ocds", Title: "A procurement in OCDS", About: "The notices of a procurement as an OCDS 1.1 release package.", Answer: OCDSPackage{}, serve: (*site).apiOCDS, absent: noThreads,
			Params: []param{id},
		},
		{
			Path: "meetings", Title: "Meetings", About: "Meetings as the calendars have them, the earliest first, from half a year back. Cancelled ones are there and say so.", Answer: Listing[DateLine]{}, serve: (*site).apiMeetings,
			Params: []param{q, body, area, committee, source, limit, cursor},
		},
		{Path: "deadlines", Title: "Deadlines", About: "Dates by which something can be done, the earliest first.", Answer: Listing[DateLine]{}, serve: (*site).apiDeadlines, Params: []param{q, body, area, source, limit, cursor}},
		{Path: "bodies", Title: "Bodies", About: "The bodies that publish or buy.", Answer: Listing[BodyLine]{}, serve: (*site).apiBodies, Params: []param{limit, cursor}},
		{Path: "bodies/{id}", Title: "A body", About: "One body.", Answer: BodyLine{}, serve: (*site).apiBody, Params: []param{id}},
		{Path: "sources", Title: "Sources", About: "The followed sources and how each is: what could not be read, and since when.", Answer: Listing[SourceLine]{}, serve: (*site).apiSources},
		{Path: "openapi.json", Title: "This description", About: "The OpenAPI 3.1 description of all this.", Answer: map[string]any{}, serve: (*site).apiDescription},
	}
}

// dataRoutes are the addresses of the data: the interface, the calendars, the
// files and the page that explains them.
func (s *site) dataRoutes(mux *http.ServeMux) {
	for _, e := range endpoints() {
		if e.absent != nil && e.absent(&s.Server) {
			continue
		}
		path := apiRoot + e.Path
		if e.Path == "" {
			path += "{$}"
		}
		mux.Handle(path, s.data(1, func(w http.ResponseWriter, r *http.Request) error {
			if err := e.check(r); err != nil {
				return err
			}
			return e.serve(s, w, r)
		}))
	}
	mux.Handle("/api/", s.data(1, func(http.ResponseWriter, *http.Request) error { return store.ErrNotFound }))
	mux.Handle("/calendar.ics", s.data(2, s.calendar))
	mux.Handle("/body/{id}/calendar.ics", s.data(2, s.bodyCalendar))
	mux.Handle("/data", s.page(s.dataPage))
	mux.Handle("/data/{file}", s.data(0, s.bulk))
	if s.Thread != nil {
		mux.Handle("/thread/{id}/calendar.ics", s.data(2, s.threadCalendar))
		mux.Handle("/thread/{id}/feed.atom", s.costing(aFeed, s.threadFeed))
	}
}

// check refuses parameters that an endpoint does not have.
func (e endpoint) check(r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("The address cannot be read.")
	}
	for name, values := range q {
		i := slices.IndexFunc(e.Params, func(p param) bool { return p.Name == name && !p.Path })
		switch {
		case i < 0:
			return badRequest("There is no parameter " + strconv.Quote(line(name, 40)) + " here.")
		case len(values) > 1:
			return badRequest("The parameter " + name + " is there more than once.")
		case len(e.Params[i].Enum) > 0 && values[0] != "" && !slices.Contains(e.Params[i].Enum, values[0]):
			return badRequest("The parameter " + name + " is one of: " + strings.Join(e.Params[i].Enum, ", ") + ".")
		case len(values[0]) > 1000 || line(values[0], 1000) != values[0]:
			return badRequest("The parameter " + name + " cannot be read.")
		}
	}
	for _, p := range e.Params {
		if p.Must && !p.Path && q.Get(p.Name) == "" {
			return badRequest("The parameter " + p.Name + " is missing.")
		}
	}
	return nil
}

// data is page for programs: any site may read it, an address may ask so often
// and no oftener, and what is wrong is told as RFC 9457 has it.
func (s *site) data(cost float64, f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				s.failData(w, r, fmt.Errorf("panic: %v", p))
			}
		}()
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "ETag, Retry-After, Content-Disposition, CCGWatch-After, CCGWatch-Latest, Link")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodOptions:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "If-None-Match, If-Modified-Since, Range, Accept")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			s.failData(w, r, &fault{status: http.StatusMethodNotAllowed, title: "Not that way", text: "The data can be read and nothing else."})
			return
		}
		if wait := s.quota.ask(s.client(r), cost, s.Now()); wait > 0 {
			s.failData(w, r, &fault{status: http.StatusTooManyRequests, title: "Too often", text: fmt.Sprintf("One address may ask some %d times a minute. The files on /data hold everything at once.", askedAMinute), retry: wait})
			return
		}
		err := func() error {
			if cost == 0 { // files have a queue of their own
				return f(w, r)
			}
			select {
			case s.crowd <- struct{}{}:
				defer func() { <-s.crowd }()
				return f(w, r)
			default:
				return &fault{status: http.StatusServiceUnavailable, title: "Too many readers at once", text: "Please try again in a moment.", retry: 5 * time.Second}
			}
		}()
		if err != nil {
			s.failData(w, r, err)
		}
	})
}

// failData turns an error into a problem.
func (s *site) failData(w http.ResponseWriter, r *http.Request, err error) {
	f := faultOf(err)
	if f.err != nil {
		s.Log.Error("data", "method", r.Method, "path", masked(r.URL.Path), "status", f.status, "error", f.err)
	}
	setRetry(w, f.retry)
	h := w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Content-Disposition", "Content-Encoding"} {
		h.Del(name)
	}
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	b, err := json.Marshal(Problem{Type: "about:blank", Title: f.title, Status: f.status, Detail: f.text, Latest: f.latest})
	if err != nil { // it is of strings and numbers
		s.Log.Error("data: the problem", "error", err)
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(append(b, '\n'))
}

// answer writes one JSON object, or says that it is known already.
func (s *site) answer(w http.ResponseWriter, r *http.Request, v any) error {
	var b bytes.Buffer
	if err := writeLine(&b, v); err != nil {
		return fmt.Errorf("writing %s: %w", masked(r.URL.Path), err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Robots-Tag", "noindex")
	known(w, r, b.Bytes(), time.Time{})
	return nil
}

// known answers with bytes and their tag, or with 304.
func known(w http.ResponseWriter, r *http.Request, b []byte, modified time.Time, also ...string) {
	sum := sha256.Sum256(append(slices.Clip(b), strings.Join(also, " ")...))
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", modified, bytes.NewReader(b))
}

// asked reads limit and a cursor that is a number.
func asked(q url.Values, usual, most int) (limit int, from uint64, err error) {
	limit = usual
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > most {
			return 0, 0, badRequest(fmt.Sprintf("The parameter limit is a number from 1 to %d.", most))
		}
	}
	if v := q.Get("cursor"); v != "" {
		if from, err = strconv.ParseUint(v, 10, 62); err != nil {
			return 0, 0, badCursor()
		}
	}
	return limit, from, nil
}

func badCursor() error {
	return badRequest("This cursor cannot be read. Please begin again without one.")
}

// next is the address of the same list from another place on.
func (s *site) next(r *http.Request, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := r.URL.Query()
	q.Set("cursor", cursor)
	return s.address(r) + r.URL.Path + "?" + q.Encode()
}

// fitting takes lines until the answer is full and returns how many there was room
// for; one there always is.
func fitting[T any](lines []T) (int, error) {
	room := answerBytes
	for i, x := range lines {
		b, err := json.Marshal(x)
		if err != nil {
			return 0, err
		}
		if room -= len(b); room < 0 && i > 0 {
			return i, nil
		}
	}
	return len(lines), nil
}

// answerPart answers with so many lines of a list that is all there, from a
// place on.
func answerPart[T any](s *site, w http.ResponseWriter, r *http.Request, all []T) error {
	limit, from, err := asked(r.URL.Query(), linesPerPage, mostLines)
	if err != nil {
		return err
	}
	if from > uint64(len(all)) {
		return badCursor()
	}
	part := all[from:min(uint64(len(all)), from+uint64(limit))] //nolint:gosec // both are not negative
	n, err := fitting(part)
	if err != nil {
		return err
	}
	out := Listing[T]{Data: slices.Clip(part[:n])}
	if out.Data == nil {
		out.Data = []T{}
	}
	if end := from + uint64(n); end < uint64(len(all)) { //nolint:gosec // not negative
		out.Next = s.next(r, strconv.FormatUint(end, 10))
	}
	return s.answer(w, r, out)
}
