package boards

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Some boards give the dates of a year's meetings in a document alone: a PDF
// called "Board meeting dates 2026-27" beside the papers. Once it was read its
// dates become meetings, with the document and the page as their address, and
// checked as those of a page are.
//
// Such a meeting is known by its day, whatever document it stands in. When a page
// lists it, too, the page's own entry takes its place and goes on with its
// history; when the page drops it while the document still has it, it stays; when
// the page moves it, the day that the document still has is not set again. What was
// there at the first sight of its source is no news, however late it could be read.

const (
	// schedulePages is how many pages a document of dates has at most, and
	// plainPages one that is not called one; scheduleBytes is how much text.
	schedulePages, plainPages = 6, 2
	scheduleBytes             = 64 << 10
	// leastDates is how many meetings a document must date before it is believed to
	// be a list of them, and plainDates one that is not called one.
	leastDates, plainDates = 2, 4
	// furthest is how far ahead boards plan.
	furthest = 800 * 24 * time.Hour
)

// scheduleKey begins the keys of meetings that stand in a document alone; a
// page's own keys begin with a slash after their kind.
const scheduleKey = "dates#"

// fromText finds the meetings that stand in documents of dates.
func (s *site) fromText(v crawl.Visit, listed []store.Item, text func(store.Document) ([]string, bool)) (out crawl.FromText) {
	t := &scheduled{site: s, v: v, out: &out, there: map[string]bool{}}
	for _, it := range listed {
		t.there[it.Key] = true
	}
	for key, it := range v.Old.Items {
		if it.Kind == store.KindMeeting {
			t.old = append(t.old, key)
		}
	}
	slices.Sort(t.old)
	for _, it := range listed {
		for _, d := range it.Documents {
			if it.Kind == store.KindPaper && t.promising(it, d) {
				t.read(d, listed, text)
			}
		}
	}
	if t.missed || t.other && !t.same {
		t.keepKnown(listed)
	}
	return out
}

// scheduled gathers what a visit finds in documents of dates.
type scheduled struct {
	*site
	v      crawl.Visit
	out    *crawl.FromText
	there  map[string]bool // keys that the visit shows
	old    []string        // keys of the meetings that are known, sorted: what is chosen does not depend on chance
	missed bool            // a document that dated meetings, or should, could not be read
	// other: a document has none of the days that were known, as that of another
	// year; same: one has some. The days of one year do not move into the next.
	other, same bool
}

// promising tells whether a document is looked into: one that is called a list of
// dates, one that was one, and any short one whose text was read just now.
// Papers of a certain meeting are not: what they list is proposed to it.
func (t *scheduled) promising(it store.Item, d store.Document) bool {
	for _, day := range t.dates.find(it.Fields[store.FieldHeading]) {
		if day.full() {
			return false
		}
	}
	if t.called(d) || t.known(d) {
		return d.Pages <= schedulePages
	}
	was, _ := t.before(it.Key, d.Key)
	return d.Pages > 0 && d.Pages <= plainPages && it.When().IsZero() && (was.SHA256 != d.SHA256 || was.Pages == 0)
}

// called: by its link or its file name.
func (s *site) called(d store.Document) bool {
	names := []string{d.Title}
	if u, err := url.Parse(d.URL); err == nil {
		names = append(names, fileName(u))
	}
	likely := func(n string) bool {
		n = strings.ToLower(n)
		return strings.Contains(n, "date") || strings.Contains(n, "calendar") || strings.Contains(n, "schedule") || strings.Contains(n, "timetable") || strings.Contains(n, "meetings")
	}
	if !slices.ContainsFunc(names, likely) {
		return false
	}
	for _, n := range names {
		if s.words().noDates.MatchString(n) {
			return false
		}
	}
	return s.words().listOfDates.MatchString(names[0]) || s.words().listOfDates.MatchString(names[len(names)-1])
}

// known: meetings were found in it.
func (t *scheduled) known(d store.Document) bool {
	for _, it := range t.v.Old.Items {
		if strings.HasPrefix(it.Fields[store.FieldListedIn], d.Title+", page ") {
			return true
		}
	}
	return false
}

func (t *scheduled) before(key, doc string) (store.Document, bool) {
	for _, d := range t.v.Old.Items[key].Documents {
		if d.Key == doc {
			return d, true
		}
	}
	return store.Document{}, false
}

// read takes the meetings of one document.
func (t *scheduled) read(d store.Document, listed []store.Item, text func(store.Document) ([]string, bool)) {
	pages, ok := text(d)
	size := 0
	for _, p := range pages {
		size += len(p)
	}
	if !ok || size > scheduleBytes {
		t.missed = t.missed || t.called(d) || t.known(d)
		return
	}
	r := t.scan(d.Title, pages)
	least := leastDates
	if !t.called(d) && !t.known(d) {
		if least = plainDates; !r.title || r.datedLines*3 < r.lines {
			return
		}
	}
	if r.unsure > 0 && (r.yearless || !r.last.Before(t.v.Now)) { // what is over is no matter
		t.out.Problems = append(t.out.Problems, store.Problem{
			Reason: store.ReasonFormat, What: store.PaperProblem + d.Title, URL: d.URL, Since: d.Since,
			Detail: fmt.Sprintf("%d of its dates stand beside others, and which of them are the board's meetings cannot be told", r.unsure),
		})
	}
	if len(r.days) < least {
		t.missed = t.missed || t.known(d)
		return
	}
	e := t.edition(d, r, text)
	shares := false
	for key := range e.days {
		_, known := t.v.Old.Items[key]
		shares = shares || known || e.stood[key]
	}
	t.same, t.other = t.same || shares, t.other || !shares
	today := t.v.Now.In(t.loc).Format(time.DateOnly)
	for _, day := range r.days {
		at := day.when.at(0, 0, t.loc)
		if at.Format(time.DateOnly) < today || at.Sub(t.v.Now) > furthest {
			continue
		}
		t.add(d, day, listed, e)
	}
}

// An edition is a document of dates beside what was known of it.
type edition struct {
	days  map[string]bool // keys of all its days
	stood map[string]bool // keys of the days that it had when it was last read, too
	taken bool            // those became meetings then, where the page had none
	asOf  time.Time       // when that was
	// late: it was there at the first sight of its source, and could not be read.
	late bool
}

func (t *scheduled) edition(d store.Document, r scanned, text func(store.Document) ([]string, bool)) edition {
	keys := func(r scanned) map[string]bool {
		m := map[string]bool{}
		for _, day := range r.days {
			m[t.meetingIn(d, day).Key] = true
		}
		return m
	}
	e := edition{days: keys(r), taken: t.known(d)}
	was, read := t.before(d.Key, d.Key) // a paper by itself has the key of its document
	paper := t.v.Old.Items[d.Key]
	e.asOf = was.Fetched
	switch {
	case !read || !paper.Withdrawn.IsZero():
	case was.Pages == 0:
		failed := !was.FailedAt.IsZero() && !was.FailedAt.After(t.v.Old.Baseline)
		e.late = !paper.FirstSeen.After(t.v.Old.Baseline) && (was.SHA256 == "" || failed && was.SHA256 == d.SHA256)
	case was.SHA256 == d.SHA256:
		e.stood = e.days
	case was.Pages <= schedulePages:
		if pages, ok := text(was); ok {
			e.stood = keys(t.scan(was.Title, pages))
		}
	}
	return e
}

// add adds one meeting, unless the page itself lists it, or has moved it away.
func (t *scheduled) add(d store.Document, day scheduledDay, listed []store.Item, e edition) {
	it := t.meetingIn(d, day)
	ours := func(x store.Item) bool {
		return x.Kind == store.KindMeeting && x.Fields[store.FieldOccasion] == "" && !strings.HasPrefix(x.Key, scheduleKey) &&
			t.side(x.Fields[store.FieldCommittee]+" "+x.Title) == day.side
	}
	same := func(x store.Item) bool {
		return ours(x) && t.dayOfItem(x) == it.Fields[store.FieldWhen][:len(time.DateOnly)]
	}
	for _, x := range listed {
		if same(x) {
			if _, known := t.v.Old.Items[it.Key]; known {
				if t.out.Same == nil {
					t.out.Same = map[string]string{}
				}
				t.out.Same[x.Key] = it.Key
			}
			return
		}
	}
	// moved: a row whose key holds its day, on a day that the document does not have.
	moved := func(from string) bool {
		page, _, ok := strings.Cut(from, "#")
		return ok && slices.ContainsFunc(listed, func(y store.Item) bool {
			_, known := t.v.Old.Items[y.Key]
			return !known && ours(y) && strings.HasPrefix(y.Key, page+"#") && !e.days[t.keyOf(t.dayOfItem(y), day.side)]
		})
	}
	for _, key := range t.old { // the page listed it until now: it is that meeting still
		if x := t.v.Old.Items[key]; x.Withdrawn.IsZero() && same(x) {
			if !t.there[key] && !moved(key) {
				t.there[key] = true
				t.out.Items = append(t.out.Items, stub(x))
			}
			return // what the page has moved counts, and not the document that was forgotten
		}
	}
	was, known := t.v.Old.Items[it.Key]
	switch {
	case t.there[it.Key]:
		return
	case !e.stood[it.Key]:
	case known && !was.Withdrawn.IsZero() && was.Missing == 0:
		return // the page took it over, and no longer has it on that day
	case !known && e.taken && day.when.at(0, 0, t.loc).Sub(e.asOf) <= furthest:
		return // it was the page's from the first
	}
	t.there[it.Key] = true
	t.out.Items = append(t.out.Items, it)
	if e.late || e.stood[it.Key] && !known {
		if t.out.Quiet == nil {
			t.out.Quiet = map[string]bool{}
		}
		t.out.Quiet[it.Key] = true
	}
}

func (t *scheduled) dayOfItem(it store.Item) string {
	if w := it.When(); !w.IsZero() {
		return w.In(t.loc).Format(time.DateOnly)
	}
	return ""
}

// stub is an item of which nothing new is said.
func stub(x store.Item) store.Item {
	return store.Item{Key: x.Key, Kind: x.Kind, Body: x.Body, Title: x.Title, URL: x.URL, Stub: true}
}

// keepKnown says of the meetings that are known out of documents that they are
// still there: where one could not be read, nothing follows from its silence.
func (t *scheduled) keepKnown(listed []store.Item) {
	for _, key := range t.old {
		x := t.v.Old.Items[key]
		if strings.HasPrefix(key, scheduleKey) && x.Withdrawn.IsZero() && !t.there[key] && !x.When().Before(t.v.Now.Add(-24*time.Hour)) && !t.replaced(x, listed) {
			t.there[key] = true
			t.out.Items = append(t.out.Items, stub(x))
		}
	}
}

// replaced tells a meeting that the page lists by now, and whose history goes on there.
func (t *scheduled) replaced(x store.Item, listed []store.Item) bool {
	for _, l := range listed {
		if l.Kind == store.KindMeeting && l.Key != x.Key && t.dayOfItem(l) == t.dayOfItem(x) &&
			t.side(l.Fields[store.FieldCommittee]+" "+l.Title) == t.side(x.Fields[store.FieldCommittee]) {
			if t.out.Same == nil {
				t.out.Same = map[string]string{}
			}
			t.out.Same[l.Key] = x.Key
			return true
		}
	}
	return false
}

// keyOf is the key of a meeting that a document dates.
func (s *site) keyOf(day, side string) string {
	if side != "" {
		return scheduleKey + day + "/" + slug(side)
	}
	return scheduleKey + day
}

// meetingIn is a meeting as a document dates it.
func (s *site) meetingIn(d store.Document, day scheduledDay) store.Item {
	it := store.Item{
		Key: s.keyOf(day.when.at(0, 0, s.loc).Format(time.DateOnly), day.side), Kind: store.KindMeeting, Title: s.Title, URL: d.URL,
		Fields: map[string]string{
			store.FieldStatus:   store.StatusConfirmed,
			store.FieldListedIn: fmt.Sprintf("%s, page %d", d.Title, day.page),
		},
	}
	if u, err := url.Parse(d.URL); err == nil && (strings.EqualFold(path.Ext(u.Path), ".pdf") || path.Ext(u.Path) == "") {
		it.URL += fmt.Sprintf("#page=%d", day.page)
	}
	if day.side != "" {
		it.Title = day.side
	}
	if day.status != "" {
		it.Fields[store.FieldStatus] = day.status
	}
	it.Fields[store.FieldCommittee] = it.Title
	s.when(&it, day.when)
	if day.timed {
		it.Fields[store.FieldWhen] = day.when.at(day.hour, day.minute, s.loc).Format(time.RFC3339)
	}
	return it
}
