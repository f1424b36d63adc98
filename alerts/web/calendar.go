package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ccgwatch/store"
)

// Calendars are iCalendar (RFC 5545): what a search, a body, an area, a committee
// or a procurement has of meetings and deadlines. A meeting that is moved keeps
// its UID and gets a higher SEQUENCE; one that is cancelled stays and says so.

// datesWanted reads which dates are asked for.
func datesWanted(q url.Values) DatesWant {
	return DatesWant{What: q.Get("what"), Body: q.Get("body"), Area: q.Get("area"), Committee: q.Get("committee"), Source: q.Get("source"), Query: q.Get("q")}
}

// from reads the day that a calendar shall begin with; none is today.
func (x *DatesWant) from(q url.Values, zone *time.Location) error {
	day := q.Get("from")
	if day == "" {
		return nil
	}
	t, err := time.ParseInLocation(time.DateOnly, day, zone)
	if err != nil || t.Year() < 1900 {
		return badRequest("The parameter from is a day, such as 2026-12-01.")
	}
	x.From = t
	return nil
}

func (x DatesWant) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"what": x.What, "body": x.Body, "area": x.Area, "committee": x.Committee, "source": x.Source, "q": x.Query} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if !x.From.IsZero() {
		v.Set("from", x.From.Format(time.DateOnly))
	}
	return v
}

// calendarOf describes the parameters of a calendar, for the check of them.
func calendarOf() endpoint {
	return endpoint{Params: []param{
		{Name: "what", Enum: []string{"meetings", "deadlines"}}, {Name: "body"}, {Name: "area"}, {Name: "committee"}, {Name: "source"}, {Name: "q"}, {Name: "from"},
	}}
}

func (s *site) calendar(w http.ResponseWriter, r *http.Request) error {
	if err := calendarOf().check(r); err != nil {
		return err
	}
	x := datesWanted(r.URL.Query())
	if err := x.from(r.URL.Query(), s.zone); err != nil {
		return err
	}
	if x.Body != "" {
		if _, ok := s.bodyOf(x.Body); !ok {
			return badRequest("There is no such body.")
		}
	}
	return s.answerCalendar(w, r, x, "/calendar.ics", s.calendarName(x))
}

func (s *site) bodyCalendar(w http.ResponseWriter, r *http.Request) error {
	b, ok := s.bodyOf(r.PathValue("id"))
	if !ok {
		return store.ErrNotFound
	}
	x := datesWanted(r.URL.Query())
	if err := calendarOf().check(r); err != nil || x.Body != "" {
		return cmp.Or(err, badRequest("The body is in the address already."))
	}
	if err := x.from(r.URL.Query(), s.zone); err != nil {
		return err
	}
	x.Body = b.ID
	return s.answerCalendar(w, r, x, bodyPath(b.ID)+"/calendar.ics", s.calendarName(x))
}

func (s *site) threadCalendar(w http.ResponseWriter, r *http.Request) error {
	t, err := s.threadOf(r)
	if err != nil {
		return err
	}
	x := DatesWant{What: "deadlines", Threads: t.OCIDs}
	return s.answerCalendar(w, r, x, "/thread/"+url.PathEscape(t.ID)+"/calendar.ics", "Deadlines: "+line(t.Title, 200))
}

// calendarName says what a calendar holds.
func (s *site) calendarName(x DatesWant) string {
	var of []string
	if b, ok := s.bodyOf(x.Body); ok {
		of = append(of, b.Name)
	}
	if x.Source != "" {
		of = append(of, s.sourceName(x.Source))
	}
	of = append(of, x.Committee, x.Area, x.Query)
	name := map[string]string{"meetings": "Meetings", "deadlines": "Deadlines"}[x.What]
	name = cmp.Or(name, "Meetings and deadlines")
	words := ""
	for _, w := range of {
		if w = line(w, 120); w != "" {
			words += ", " + w
		}
	}
	if words == "" {
		return name
	}
	return name + ": " + strings.TrimPrefix(words, ", ")
}

// answerCalendar answers with a calendar, or with 304. Like a feed it is
// remembered for a few minutes while the record stands where it stood.
func (s *site) answerCalendar(w http.ResponseWriter, r *http.Request, x DatesWant, path, name string) error {
	base := s.address(r)
	key := base + path + "?" + x.values().Encode()
	state, err := s.feedState(r.Context())
	if err != nil {
		return err
	}
	now := s.Now()
	a, ok := s.feeds.get(key, state, now)
	if !ok {
		var b bytes.Buffer
		if a.updated, err = s.writeCalendar(r.Context(), &b, x, base, path, name); err != nil {
			return err
		}
		a.body, a.state, a.at = b.Bytes(), state, now
		s.feeds.put(key, a)
	}
	sum := sha256.Sum256(a.body)
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8; method=PUBLISH")
	w.Header().Set("Content-Disposition", `inline; filename="ccgwatch.ics"`)
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("X-Robots-Tag", "noindex")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", a.updated, bytes.NewReader(a.body))
	return nil
}

func (s *site) writeCalendar(ctx context.Context, b *bytes.Buffer, x DatesWant, base, path, name string) (updated time.Time, err error) {
	h, err := s.held(ctx, x, base)
	if err != nil {
		return updated, err
	}
	for _, d := range h.list {
		updated = latest(updated, d.Modified)
	}
	v := x.values()
	if strings.HasPrefix(path, "/body/") {
		v.Del("body")
	}
	if len(x.Threads) > 0 {
		v.Del("what")
	}
	own := addressOf(base+path, v)
	v.Del("from")
	group := cmp.Or(plain(s.Group, 200), "CCGWatch")
	c := Calendar{
		Name: name + " · " + group, URL: own, Zone: s.zone,
		About: fmt.Sprintf("Read by a program from public pages, by %s with CCGWatch: please check the source before you go. What it holds and leaves out: %s/data", group, base),
	}
	c.About += s.leftOut(h, func(from time.Time) string {
		v.Set("from", from.Format(time.DateOnly))
		return addressOf(base+path, v)
	}, base)
	return updated, h.write(b, c)
}

func addressOf(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}
