package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// threadsPerPage is how many procurements a page lists; each is folded for it.
const threadsPerPage = 20

// threadsLooked is how many are folded, at most, to fill a page that is
// filtered by stage.
const threadsLooked = 400

// threadPath is the page of a finding's procurement, "" where there is none.
func (s *site) threadPath(f store.Finding) string {
	if s.Thread == nil || f.Kind != store.KindNotice || f.Thread == "" {
		return ""
	}
	return "/thread/" + url.PathEscape(f.Thread)
}

// stages are those that the list can be filtered by, in the order of a procurement.
func stages() []string {
	return []string{"pipeline", "engagement", "planned", "tender", "intention", "award", "confirmation", "contract", "modification", "termination", "cancelled"}
}

// threadFilter is what the form on /threads asks for.
type threadFilter struct {
	Stage, Body, Query string
}

func (f threadFilter) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"stage": f.Stage, "body": f.Body, "q": f.Query} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

type threadsBody struct {
	threadFilter
	Mistake  *mistake
	Stages   []string
	List     []judge.Thread
	Older    string
	Filtered bool
	Paused   bool
}

// threads lists procurements, that of the latest finding first.
func (s *site) threads(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	f := threadFilter{Stage: v.Get("stage"), Body: line(v.Get("body"), 100), Query: line(v.Get("q"), query.MaxLength+1)}
	if f.Stage != "" && !slices.Contains(stages(), f.Stage) {
		return badRequest("There is no such stage.")
	}
	from := 0
	if at := v.Get("from"); at != "" {
		n, err := strconv.Atoi(at)
		if err != nil || n < 0 || n > 1_000_000 {
			return badRequest("This page of the list does not exist. Please begin again with the newest.")
		}
		from = n
	}
	body := threadsBody{threadFilter: f, Stages: stages(), Filtered: f != threadFilter{}}
	typed := f.Query
	if f.Body != "" {
		typed = strings.TrimSpace(typed + ` body:"` + strings.ReplaceAll(f.Body, `"`, " ") + `"`)
	}
	var q query.Query
	if q, body.Mistake = parse(f.Query); body.Mistake == nil {
		if q, body.Mistake = parse(typed); body.Mistake != nil {
			body.Mistake.Pos = 0
		}
	}
	status := http.StatusOK
	if body.Mistake != nil {
		status = http.StatusBadRequest
	} else if err := s.threadsKept(r, &body, q, from); err != nil {
		return err
	}
	return s.render(w, status, "threads", view{Title: "Procurements", Here: "threads", Private: body.Mistake != nil, Body: body})
}

// listThreads fills the page from the place in the list of findings on.
func (s *site) listThreads(r *http.Request, body *threadsBody, q query.Query, from int) error {
	ctx := r.Context()
	l := &threadListing{site: s, body: body, from: from, seen: map[string]bool{}}
	list, known := []alerts.ListedThread(nil), false
	var err error
	if q.String() == "" {
		list, known, err = s.newestThreads(ctx, from, threadsLooked+1)
	}
	switch {
	case err != nil:
	case known:
		l.paused = true
		for _, x := range list {
			more := false
			if more, err = l.offer(ctx, x); err != nil || !more {
				return err
			}
		}
	default:
		err = l.fitting(ctx, func(ctx context.Context, f func(store.Finding) bool) error {
			return s.threadsThatFit(ctx, q, f)
		})
	}
	if err == nil {
		_, err = l.flush(ctx)
	}
	return err
}

// A threadListing fills a page of the list.
type threadListing struct {
	*site
	body   *threadsBody
	from   int  // place in the list of findings
	paused bool // only so many stages that are not known are worked out

	waiting        []alerts.ListedThread // offered, and not looked at yet
	looked, folded int
	full           bool
	seen           map[string]bool
}

// offer gives the next procurement; more tells whether the page may want another.
// As many as it has room for are folded together.
func (l *threadListing) offer(ctx context.Context, x alerts.ListedThread) (more bool, err error) {
	l.waiting = append(l.waiting, x)
	wanted := 0
	for _, w := range l.waiting {
		if l.fits(w) {
			wanted++
		}
	}
	if wanted <= threadsPerPage-len(l.body.List) && l.looked+len(l.waiting) <= threadsLooked {
		return true, nil
	}
	return l.flush(ctx)
}

// fits tells whether a procurement may stand at the stage that is asked for.
func (l *threadListing) fits(x alerts.ListedThread) bool {
	return l.body.Stage == "" || !x.Known || x.Stage == l.body.Stage
}

// flush shows what was offered.
func (l *threadListing) flush(ctx context.Context) (more bool, err error) {
	if l.full {
		return false, nil
	}
	var ids []string
	for _, x := range l.waiting {
		if l.fits(x) {
			ids = append(ids, x.Thread)
		}
	}
	l.foldAll(ctx, ids)
	for _, x := range l.waiting {
		if more, err := l.take(ctx, x); err != nil || !more {
			l.full = true
			return false, err
		}
	}
	l.waiting = l.waiting[:0]
	return true, nil
}

// take shows a procurement if it belongs on the page; more tells whether there
// is room for another.
func (l *threadListing) take(ctx context.Context, x alerts.ListedThread) (more bool, err error) {
	body, at := l.body, l.from+l.looked
	l.looked++
	older := func(paused bool) (bool, error) {
		body.Paused, body.Older = paused, "/threads?"+withFrom(body.values(), at)
		return false, nil
	}
	if l.looked > threadsLooked {
		return older(len(body.List) < threadsPerPage)
	}
	if !l.fits(x) {
		return true, nil
	}
	if !x.Known {
		l.folded++
	}
	if l.paused && body.Stage != "" && l.folded > foldsPaused { // the stages are being worked out
		return older(true)
	}
	t, err := l.fold(ctx, x.Thread)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (l.seen[t.ID] || body.Stage != "" && t.Stage != body.Stage):
		return true, nil
	case err != nil:
		return false, err
	case len(body.List) >= threadsPerPage:
		return older(false)
	}
	l.seen[t.ID] = true
	body.List = append(body.List, t)
	return true, nil
}

func withFrom(v url.Values, from int) string {
	v.Set("from", strconv.Itoa(from))
	return v.Encode()
}

// thread tells one procurement's story in order.
func (s *site) thread(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if len(id) > 128 {
		return store.ErrNotFound
	}
	t, err := s.Thread(r.Context(), id)
	if err != nil {
		return err
	}
	body := struct {
		judge.Thread
		Act     *act
		Overdue []judge.Overdue
		Unsaid  []string
		Spoken  []alerts.Mention
		Unread  bool // what speaks of it is still being read
		Follow  []follow
	}{Thread: t, Unsaid: t.Unsaid(), Follow: s.followThread(&t)}
	if s.Overdue != nil {
		body.Overdue = s.Overdue(&t, s.Now())
	}
	body.Act = s.show(store.Finding{Deadline: t.Deadline}).Act
	if body.Spoken, body.Unread, err = s.mentionsOf(r.Context(), &t); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "thread", view{Title: line(t.Title, 200), Here: "threads", Body: body})
}

// boundWords say how sure it is that two processes are one.
func boundWords(strength string) string {
	switch strength {
	case judge.LinkOperator:
		return "Joined by the people who run this"
	case judge.LinkNumber:
		return "One notice stands under both"
	case judge.LinkWeaker:
		return "Probably the same procurement"
	}
	return "May belong to it"
}

// worthWords say what a value is of.
func worthWords(of string) string {
	switch of {
	case "estimate":
		return "Value, as estimated"
	case "award":
		return "Value, by the award notice"
	case "contract":
		return "Value, by the contract notice"
	case "modification":
		return "Value, by the notice of a change"
	}
	return "Value"
}

// classWords say what a supplier is.
func classWords(class string) string {
	switch class {
	case "nhs":
		return "NHS body"
	case "public":
		return "other public body"
	case "primary_care":
		return "general practice"
	case "charity_cic":
		return "charity, society or community interest company"
	case "company":
		return "company"
	case "individual":
		return "individual"
	}
	return "unclear what it is"
}
