package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// licence is the terms under which the government's tender services publish;
// whatever else is quoted stays its publisher's.
const licence = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"

func (s *site) apiIndex(w http.ResponseWriter, r *http.Request) error {
	last, err := s.Ledger.LastSeq(r.Context())
	if err != nil {
		return err
	}
	base := s.address(r)
	x := IndexAnswer{
		Title: cmp.Or(plain(s.Group, 200), "CCGWatch"), About: base + "/data", Description: base + apiRoot + "openapi.json", Licence: licence, Latest: last, Endpoints: map[string]string{},
	}
	for _, e := range endpoints() {
		if e.absent == nil || !e.absent(&s.Server) {
			x.Endpoints[base+apiRoot+e.Path] = e.About
		}
	}
	return s.answer(w, r, x)
}

func (s *site) apiItems(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, from, err := asked(q, linesPerPage, mostLines)
	if err != nil {
		return err
	}
	if err := s.record.follow(r.Context()); err != nil {
		return err
	}
	list, next, err := s.newestItems(r.Context(), want{source: q.Get("source"), body: q.Get("body"), kind: store.Kind(q.Get("kind")), before: from}, limit)
	if err != nil {
		return err
	}
	lines := make([]ItemLine, 0, len(list))
	for _, x := range list {
		it, err := s.Ledger.Item(r.Context(), x.Source, x.Key) // a list on a page leaves out the documents
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		lines = append(lines, MakeItemLine(it, s.zone))
	}
	n, err := fitting(lines)
	if err != nil {
		return err
	}
	out := Listing[ItemLine]{Data: lines[:n]}
	if n < len(lines) { // the rest did not fit: go on where it begins
		next = list[n-1].seq
	}
	if next > 0 {
		out.Next = s.next(r, strconv.FormatUint(next, 10))
	}
	return s.answer(w, r, out)
}

func (s *site) apiItem(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	it, err := s.Ledger.Item(r.Context(), q.Get("source"), q.Get("key"))
	if err != nil {
		return err
	}
	if err := s.record.follow(r.Context()); err != nil {
		return err
	}
	x := MakeItemDetail(it, s.zone)
	h, err := s.history(r.Context(), it, 0)
	if err != nil {
		return err
	}
	for _, c := range h.Changes {
		x.History = append(x.History, MakeChangeLine(c.Change, s.zone))
	}
	return s.answer(w, r, x)
}

// apiChanges gives the log from a number on. What a page may not show any more
// the log does not tell either: both read the same public side of the store.
func (s *site) apiChanges(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, _, err := asked(url.Values{"limit": q["limit"]}, changesAtOne, changesAtOne)
	if err != nil {
		return err
	}
	after, err := strconv.ParseUint(cmp.Or(q.Get("after"), "0"), 10, 63)
	if err != nil {
		return badRequest("The parameter after is the number of an entry of the log.")
	}
	latest, err := s.Ledger.LastSeq(r.Context())
	if err != nil {
		return err
	}
	if after > latest {
		return &fault{
			status: http.StatusGone, title: "The log ends before that", latest: latest,
			text: "This record was restored from an older copy, or is another one. Please read the log again from the beginning.",
		}
	}
	list, err := s.Ledger.Changes(r.Context(), after, limit)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	out := ChangesAnswer{Data: []ChangeLine{}, After: after, Latest: latest}
	for _, c := range list {
		if len(c.What)+len(c.Fields) > 0 || c.Op != store.OpAmended { // a paper read for the first time is no news
			x := MakeChangeLine(c, s.zone)
			was := b.Len()
			if err := writeLine(&b, x); err != nil {
				return err
			}
			if b.Len() > answerBytes && was > 0 {
				b.Truncate(was)
				break
			}
			out.Data = append(out.Data, x)
		}
		out.After = c.Seq
	}
	// A log that grew since is told as it is now.
	out.Latest = max(latest, out.After)
	if out.After < out.Latest {
		v := url.Values{"after": {strconv.FormatUint(out.After, 10)}}
		for _, name := range []string{"limit", "format"} {
			if q.Get(name) != "" {
				v.Set(name, q.Get(name))
			}
		}
		out.Next = s.address(r) + r.URL.Path + "?" + v.Encode()
		w.Header().Set("Link", "<"+out.Next+`>; rel="next"`)
	}
	w.Header().Set("CCGWatch-After", strconv.FormatUint(out.After, 10))
	w.Header().Set("CCGWatch-Latest", strconv.FormatUint(out.Latest, 10))
	if q.Get("format") == "json" {
		return s.answer(w, r, out)
	}
	w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	w.Header().Set("X-Robots-Tag", "noindex")
	// The heads belong to the answer: where the log has grown, it is another one.
	known(w, r, b.Bytes(), time.Time{}, w.Header().Get("CCGWatch-After"), w.Header().Get("CCGWatch-Latest"))
	return nil
}

func (s *site) apiFindings(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, _, err := asked(url.Values{"limit": q["limit"]}, linesPerPage, mostLines)
	if err != nil {
		return err
	}
	x := url.Values{"topic": q["topic"], "source": q["source"], "q": q["q"], "before": q["cursor"]}
	f, before, err := readFilter(x)
	if err != nil {
		return err
	}
	var wrong *mistake
	if f.parsed, wrong = parse(f.Query); wrong != nil {
		return badRequest(fmt.Sprintf("The search cannot be read at character %d: we %s.", wrong.Pos, line(wrong.Expected, 200)))
	}
	list, next, err := s.recent(r.Context(), f, before, limit)
	if err != nil {
		return err
	}
	base := s.address(r)
	lines := make([]FindingLine, 0, len(list))
	for _, x := range list {
		lines = append(lines, MakeFindingLine(x, base, s.zone))
	}
	n, err := fitting(lines)
	if err != nil {
		return err
	}
	if n < len(lines) {
		next = place{list[n-1].Change, list[n-1].ID}
	}
	out := Listing[FindingLine]{Data: lines[:n]}
	if (next != place{}) {
		out.Next = s.next(r, next.String())
	}
	return s.answer(w, r, out)
}

func (p place) String() string { return fmt.Sprintf("%d-%s", p.change, p.id) }

func (s *site) apiFinding(w http.ResponseWriter, r *http.Request) error {
	if len(r.PathValue("id")) > 128 {
		return store.ErrNotFound
	}
	x, err := s.Outbox.Finding(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.answer(w, r, MakeFindingLine(x, s.address(r), s.zone))
}

// threadLine is a procurement as the data give it.
func (s *site) threadLine(t judge.Thread) (ThreadLine, error) {
	x := ThreadLine{Thread: t, Overdue: []judge.Overdue{}}
	if s.Overdue != nil {
		x.Overdue = append(x.Overdue, s.Overdue(&t, s.Now())...)
	}
	if t.Deadline != nil {
		x.Who = t.Deadline.Who
	}
	return cleaned(x)
}

// cleaned is a copy without mail addresses and telephone numbers in any text.
func cleaned[T any](x T) (T, error) {
	var out T
	b, err := json.Marshal(x)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return out, err
	}
	clean(reflect.ValueOf(&out).Elem(), "")
	return out, nil
}

// clean goes into what JSON shows of a value. Addresses of pages stay: a long
// number in one is no telephone number.
func clean(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.String:
		switch {
		case !v.CanSet():
		case name == "url":
			v.SetString(safeURL(v.String()))
		case name != "ocid" && name != "release" && name != "id" && name != "key":
			v.SetString(impersonal(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			clean(v.Elem(), name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			clean(v.Index(i), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				clean(v.Field(i), tag)
			}
		}
	}
}

func (s *site) apiThreads(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	at, skipped, within := strings.Cut(q.Get("cursor"), "-") // those of a part for which the last answer had no room
	_, from, err := asked(url.Values{"cursor": {at}}, 1, 1)
	if err != nil || from > 1_000_000 || within && at == "" {
		return cmp.Or(err, badCursor())
	}
	_, skip, err := asked(url.Values{"cursor": {skipped}}, 1, 1)
	if err != nil {
		return err
	}
	typed := q.Get("q")
	if b := q.Get("body"); b != "" {
		typed = strings.TrimSpace(typed + ` body:"` + strings.ReplaceAll(b, `"`, " ") + `"`)
	}
	var parsed query.Query
	var wrong *mistake
	if parsed, wrong = parse(typed); wrong != nil {
		return badRequest("The search cannot be read: we " + line(wrong.Expected, 200) + ".")
	}
	body := threadsBody{threadFilter: threadFilter{Stage: q.Get("stage"), Query: q.Get("q"), Body: q.Get("body")}}
	if err := s.threadsKept(r, &body, parsed, int(from)); err != nil {
		return err
	}
	if skip >= threadsPerPage {
		return badCursor()
	}
	out := Listing[ThreadLine]{Data: []ThreadLine{}}
	for _, t := range body.List[min(int(skip), len(body.List)):] { // it may be shorter than it was
		x, err := s.threadLine(t)
		if err != nil {
			return err
		}
		out.Data = append(out.Data, x)
	}
	n, err := fitting(out.Data)
	if err != nil {
		return err
	}
	if n < len(out.Data) {
		out.Data, out.Next = out.Data[:n], s.next(r, fmt.Sprintf("%d-%d", from, skip+uint64(n))) //nolint:gosec // not negative
	} else if body.Older != "" {
		u, err := url.Parse(body.Older)
		if err != nil {
			return err
		}
		out.Next = s.next(r, u.Query().Get("from"))
	}
	return s.answer(w, r, out)
}

// threadOf is the procurement that a request names.
func (s *site) threadOf(r *http.Request) (judge.Thread, error) {
	if len(r.PathValue("id")) > 128 {
		return judge.Thread{}, store.ErrNotFound
	}
	return s.Thread(r.Context(), r.PathValue("id"))
}

func (s *site) apiThread(w http.ResponseWriter, r *http.Request) error {
	t, err := s.threadOf(r)
	if err != nil {
		return err
	}
	x, err := s.threadLine(t)
	if err != nil {
		return err
	}
	return s.answer(w, r, x)
}

func (s *site) apiMeetings(w http.ResponseWriter, r *http.Request) error {
	return s.apiDates(w, r, "meetings")
}

func (s *site) apiDeadlines(w http.ResponseWriter, r *http.Request) error {
	return s.apiDates(w, r, "deadlines")
}

func (s *site) apiDates(w http.ResponseWriter, r *http.Request, what string) error {
	x := datesWanted(r.URL.Query())
	x.What = what
	limit, from, err := asked(r.URL.Query(), linesPerPage, mostLines)
	if err != nil {
		return err
	}
	if from > mostPassedDates {
		return badCursor()
	}
	list, more, err := s.part(r.Context(), x, s.address(r), int(from), limit)
	if err != nil {
		return err
	}
	out := Listing[DateLine]{Data: make([]DateLine, 0, len(list))}
	for _, d := range list {
		out.Data = append(out.Data, MakeDateLine(d, s.zone))
	}
	n, err := fitting(out.Data)
	if err != nil {
		return err
	}
	if more || n < len(list) {
		out.Next = s.next(r, strconv.FormatUint(from+uint64(n), 10)) //nolint:gosec // not negative
	}
	out.Data = out.Data[:n]
	return s.answer(w, r, out)
}

// mostPassedDates is beyond what any cursor of ours leads to.
const mostPassedDates = 10_000_000

func bodyLine(b BodyInfo, own map[string][]string) BodyLine {
	list := func(x []string) []string { return append([]string{}, x...) }
	return BodyLine{b.ID, b.Name, b.Kind, list(b.Areas), list(b.Aliases), list(b.Codes), b.Since, b.Until, list(b.Successors), list(own[b.ID])}
}

// ownSources are the ids of the sources of each body.
func (s *site) ownSources() map[string][]string {
	own := map[string][]string{}
	for _, info := range s.Sources() {
		if id := info.publisher(); id != "" {
			own[id] = append(own[id], info.ID)
		}
	}
	return own
}

// bodyLines are the bodies that publish on a followed source or that the record
// names, by id.
func (s *site) bodyLines() []BodyLine {
	own := s.ownSources()
	ids := s.record.named()
	for id := range own {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := []BodyLine{}
	for _, id := range slices.Compact(ids) {
		if b, ok := s.bodyOf(id); ok {
			out = append(out, bodyLine(b, own))
		}
	}
	return out
}

func (s *site) apiBodies(w http.ResponseWriter, r *http.Request) error {
	if err := s.record.follow(r.Context()); err != nil {
		return err
	}
	return answerPart(s, w, r, s.bodyLines())
}

func (s *site) apiBody(w http.ResponseWriter, r *http.Request) error {
	b, ok := s.bodyOf(r.PathValue("id"))
	if !ok {
		return store.ErrNotFound
	}
	return s.answer(w, r, bodyLine(b, s.ownSources()))
}

func (s *site) apiSources(w http.ResponseWriter, r *http.Request) error {
	states, _, err := s.states(r.Context())
	if err != nil {
		return err
	}
	healths, err := s.Ledger.Healths(r.Context())
	if err != nil {
		return err
	}
	out := Listing[SourceLine]{Data: []SourceLine{}}
	for _, st := range states {
		x := SourceLine{
			ID: st.ID, Name: st.Name, Base: safeURL(st.Base), Platform: st.Platform, Body: st.Body, Schedule: st.Schedule, Next: londonStamp(st.Next, s.zone),
			State: st.Mark, Words: st.State, LastComplete: londonStamp(st.Last, s.zone), FailingSince: londonStamp(st.Failing, s.zone), Counts: map[store.Kind]int{}, Problems: []ProblemLine{},
		}
		if i := slices.IndexFunc(healths, func(h store.Health) bool { return h.Source == st.ID }); i >= 0 {
			h := healths[i]
			x.LastTry = londonStamp(h.LastTry, s.zone)
			for k, n := range h.Counts {
				x.Counts[k] = n
			}
			for _, p := range h.Problems[:min(len(h.Problems), mostProblems)] {
				x.Problems = append(x.Problems, ProblemLine{p.Reason, impersonal(line(p.What, 200)), safeURL(p.URL), londonStamp(p.Since, s.zone)})
			}
		}
		out.Data = append(out.Data, x)
	}
	return s.answer(w, r, out)
}

func (s *site) apiDescription(w http.ResponseWriter, r *http.Request) error {
	return s.answer(w, r, Description(s.address(r), plain(s.Group, 200), s.Thread != nil))
}
