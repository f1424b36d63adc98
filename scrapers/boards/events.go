package boards

import (
	"cmp"
	"encoding/json"
	"errors"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Events is the layout of a page of events for the public, told by what the page
// says to search engines (schema.org in JSON-LD), which calendars of WordPress
// and many booking services write. It is read instead of the page's own words:
// it says in so many fields when, where and until when one can register.
const Events = "events"

// An event is one as schema.org has it. Sites write a string, an object or a
// list of either almost anywhere.
type event struct {
	Type        any    `json:"@type"`
	ID          string `json:"@id"`
	Name        string `json:"name"`
	URL         string `json:"url"`
	Description string `json:"description"`
	Start       string `json:"startDate"`
	End         string `json:"endDate"`
	Status      string `json:"eventStatus"`
	Mode        string `json:"eventAttendanceMode"`
	Location    any    `json:"location"`
	Offers      any    `json:"offers"`
	Graph       any    `json:"@graph"`
	Items       any    `json:"itemListElement"`
	Item        any    `json:"item"`
}

// events reads the list. That a page has no event is believed where it says
// what it is in the same way, or in words; else it is not what we know.
func (s *site) events(_ crawl.Visit, p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	var list []event
	told := false
	for _, script := range d.Find(`script[type="application/ld+json"]`).EachIter() {
		var x any
		if err := json.Unmarshal([]byte(script.Text()), &x); err != nil {
			p.Problem(store.ReasonFormat, "the page's list of events", err.Error())
			continue
		}
		told = true
		list = gatherEvents(list, x, 0)
	}
	if len(list) == 0 {
		if !told && !saysNone(d) {
			return crawl.Errorf(store.ReasonFormat, "the page says nothing about events in the way search engines read (JSON-LD)")
		}
		if !saysNone(d) {
			return crawl.Errorf(store.ReasonEmpty, "the page lists no events, and does not say that there are none")
		}
		p.None()
		return nil
	}
	var items []store.Item
	for _, e := range list {
		it, err := s.event(p, e)
		if err != nil {
			p.Problem(store.ReasonFormat, "event "+clipTo(e.Name, 80), err.Error())
			continue
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		return crawl.Errorf(store.ReasonFormat, "none of the page's %d events can be read", len(list))
	}
	s.cover(p, items)
	for _, it := range items {
		p.Add(it)
	}
	return nil
}

func saysNone(d *goquery.Document) bool {
	text := strings.ToLower(visible(content(d)))
	for _, w := range []string{"no upcoming events", "no events", "there are no events", "no results found", "no event found"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// gatherEvents finds the events in whatever stands around them.
func gatherEvents(list []event, x any, depth int) []event {
	if depth > 6 || len(list) >= 500 {
		return list
	}
	switch v := x.(type) {
	case []any:
		for _, y := range v {
			list = gatherEvents(list, y, depth+1)
		}
	case map[string]any:
		var e event
		e.Type, e.Location, e.Offers, e.Graph, e.Items, e.Item = v["@type"], v["location"], v["offers"], v["@graph"], v["itemListElement"], v["item"]
		for name, to := range map[string]*string{"@id": &e.ID, "name": &e.Name, "url": &e.URL, "description": &e.Description, "startDate": &e.Start, "endDate": &e.End, "eventStatus": &e.Status, "eventAttendanceMode": &e.Mode} {
			*to, _ = v[name].(string)
		}
		if slices.ContainsFunc(texts(e.Type), func(t string) bool { return strings.HasSuffix(t, "Event") }) {
			return append(list, e)
		}
		for _, inner := range []any{e.Graph, e.Items, e.Item} {
			list = gatherEvents(list, inner, depth+1)
		}
	}
	return list
}

// texts are the strings in a value that may be one or several.
func texts(x any) (out []string) {
	switch v := x.(type) {
	case string:
		return []string{v}
	case []any:
		for _, y := range v {
			if s, ok := y.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// event is one as it is kept: a meeting of no committee.
func (s *site) event(p *crawl.Page, e event) (store.Item, error) {
	when, timed, ok := s.instant(e.Start)
	name := s.plainText(e.Name)
	link := p.Abs(cmp.Or(e.URL, e.ID))
	switch {
	case name == "":
		return store.Item{}, errors.New("it has no name")
	case !ok:
		return store.Item{}, errors.New("its start " + clipTo(e.Start, 40) + " is no date")
	case link == "":
		link = p.URL.String()
	}
	it := store.Item{Kind: store.KindMeeting, Title: name, URL: link, Fields: map[string]string{
		store.FieldWhen: when.Format(time.RFC3339), store.FieldOccasion: store.OccasionEvent, store.FieldStatus: eventStatus(e.Status),
	}}
	if !timed {
		it.Fields[store.FieldWhen] = when.Format(time.DateOnly) + "T00:00:00" + when.Format("Z07:00")
	}
	it.Key = "event/" + slug(name) + "/" + when.Format(time.DateOnly) // no address of its own: its name and day
	if u, err := p.URL.Parse(link); err == nil && u.String() != p.URL.String() {
		it.Key = s.key("event", u)
	}
	set := func(field, value string) {
		if value != "" {
			it.Fields[field] = value
		}
	}
	if end, _, ok := s.instant(e.End); ok && !end.Before(when) {
		set(store.FieldEnds, end.Format(time.RFC3339))
	}
	where, online := places(e.Location, 0)
	if online == "" && (strings.HasSuffix(e.Mode, "OnlineEventAttendanceMode") || strings.HasSuffix(e.Mode, "MixedEventAttendanceMode")) {
		online = "yes"
	}
	set(store.FieldVenue, s.plainText(where))
	set(store.FieldOnline, s.plainText(online))
	set(store.FieldSummary, clipTo(s.plainText(e.Description), 1500))
	if by, ok := s.registerBy(e.Offers); ok && !by.After(when.Add(24*time.Hour)) {
		set(store.FieldRegisterBy, by.Format(time.RFC3339))
	}
	return it, nil
}

// eventStatus is the status in our words; what is only rescheduled is on.
func eventStatus(s string) string {
	switch {
	case strings.HasSuffix(s, "EventCancelled"), strings.HasSuffix(s, "EventPostponed"):
		return store.StatusCancelled
	}
	return store.StatusConfirmed
}

// registerBy is the end of the earliest offer that ends.
func (s *site) registerBy(x any) (best time.Time, ok bool) {
	switch v := x.(type) {
	case []any:
		for _, y := range v {
			if t, found := s.registerBy(y); found && (!ok || t.Before(best)) {
				best, ok = t, true
			}
		}
	case map[string]any:
		for _, name := range []string{"availabilityEnds", "validThrough"} {
			if text, _ := v[name].(string); text != "" {
				if t, timed, found := s.instant(text); found {
					if !timed {
						y, m, d := t.Date()
						t = time.Date(y, m, d, 23, 59, 59, 0, s.loc)
					}
					return t, true
				}
			}
		}
	}
	return best, ok
}

// places are where one goes and how one takes part from afar.
func places(x any, depth int) (where, online string) {
	if depth > 3 {
		return "", ""
	}
	switch v := x.(type) {
	case string:
		return v, ""
	case []any:
		for _, y := range v {
			w, o := places(y, depth+1)
			where, online = cmp.Or(where, w), cmp.Or(online, o)
		}
	case map[string]any:
		if slices.Contains(texts(v["@type"]), "VirtualLocation") {
			address, _ := v["url"].(string)
			return "", cmp.Or(address, "yes")
		}
		name, _ := v["name"].(string)
		parts := []string{name}
		switch a := v["address"].(type) {
		case string:
			parts = append(parts, a)
		case map[string]any:
			for _, field := range []string{"streetAddress", "addressLocality", "postalCode"} {
				text, _ := a[field].(string)
				parts = append(parts, text)
			}
		}
		var out []string
		for _, part := range parts {
			if part = strings.TrimSpace(part); part != "" && !slices.Contains(out, part) {
				out = append(out, part)
			}
		}
		return strings.Join(out, ", "), ""
	}
	return where, online
}

// instant reads a date or time as schema.org writes them; one without a zone is London's.
func (s *site) instant(text string) (t time.Time, timed, ok bool) {
	text = strings.TrimSpace(text)
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(form, text, s.loc); err == nil && t.Year() >= 2000 && t.Year() < 2100 {
			return t.In(s.loc), true, true
		}
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, s.loc); err == nil && t.Year() >= 2000 && t.Year() < 2100 {
		return t, false, true
	}
	return time.Time{}, false, false
}

// plainText takes the markup out of a text that should hold none.
func (s *site) plainText(text string) string {
	text = html.UnescapeString(text)
	if strings.Contains(text, "<") {
		if d, err := goquery.NewDocumentFromReader(strings.NewReader(text)); err == nil {
			text = d.Find("body").Text()
		}
	}
	return s.tidy.line(text)
}

func clipTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
