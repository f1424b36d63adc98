package feeds

import (
	"encoding/json"
	"strings"
	"time"

	"ccgwatch/store"
)

// An occasion is what a feed of events says of one: calendars of WordPress in
// JSON (a list called events) and in an element of their RSS, and the event
// module of RSS 1.0.
type occasion struct {
	starts, ends  string
	where, online string
	cancelled     bool
	hasTime       bool
}

// calendarEvent is an entry of a calendar's JSON, beside what jsonEntry has.
type calendarEvent struct {
	Start   string          `json:"start_date"`
	End     string          `json:"end_date"`
	AllDay  bool            `json:"all_day"`
	Excerpt string          `json:"excerpt"`
	Website string          `json:"website"`
	Virtual bool            `json:"is_virtual"`
	URL     string          `json:"virtual_url"`
	Status  string          `json:"event_status"`
	Venue   json.RawMessage `json:"venue"` // an object, or an empty list
}

// occasionJSON reads an entry of a list of events; nil where it has no start.
func (rd *reader) occasionJSON(raw json.RawMessage) *occasion {
	var x calendarEvent
	if json.Unmarshal(raw, &x) != nil || x.Start == "" {
		return nil
	}
	if _, ok := rd.time(x.Start); !ok {
		return nil
	}
	o := &occasion{starts: x.Start, ends: x.End, hasTime: !x.AllDay}
	var v struct {
		Venue   string `json:"venue"`
		Address string `json:"address"`
		City    string `json:"city"`
		Zip     string `json:"zip"`
	}
	if json.Unmarshal(x.Venue, &v) == nil {
		o.where = rd.places(v.Venue, v.Address, v.City, v.Zip)
	}
	if x.Virtual || x.URL != "" {
		o.online = first(x.URL, "yes")
	}
	switch strings.ToLower(x.Status) {
	case "canceled", "cancelled", "postponed":
		o.cancelled = true
	}
	return o
}

func (rd *reader) places(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = rd.plain(p, false); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

// xmlOccasion are the elements and attributes in which RSS tells of events.
type xmlOccasion struct {
	Starts   string `xml:"startdate"` // event module of RSS 1.0
	Ends     string `xml:"enddate"`
	Location string `xml:"location"`
	Tribe    struct {
		Starts string `xml:"startdate,attr"`
		Ends   string `xml:"enddate,attr"`
		Where  string `xml:"venue,attr"`
	} `xml:"tribe_event_meta"`
}

func (x xmlOccasion) occasion(rd *reader) *occasion {
	o := &occasion{starts: first(x.Starts, x.Tribe.Starts), ends: first(x.Ends, x.Tribe.Ends), where: rd.places(first(x.Location, x.Tribe.Where)), hasTime: true}
	if _, ok := rd.time(o.starts); !ok {
		return nil
	}
	return o
}

// event turns an entry into an event for the public: a meeting of no committee.
func (rd *reader) event(it *store.Item, o *occasion) {
	starts, ok := rd.time(o.starts)
	if !ok {
		return
	}
	starts = starts.In(rd.london)
	if !o.hasTime {
		y, m, d := starts.Date()
		starts = time.Date(y, m, d, 0, 0, 0, 0, rd.london)
	}
	it.Kind = store.KindMeeting
	set := func(name, value string) {
		if value != "" {
			it.Fields[name] = value
		}
	}
	delete(it.Fields, FieldOpens)
	delete(it.Fields, FieldCloses)
	set(store.FieldOccasion, store.OccasionEvent)
	set(store.FieldWhen, starts.Format(time.RFC3339))
	if ends, ok := rd.time(o.ends); ok && !ends.Before(starts) && o.hasTime {
		set(store.FieldEnds, ends.In(rd.london).Format(time.RFC3339))
	}
	set(store.FieldVenue, o.where)
	set(store.FieldOnline, o.online)
	it.Fields[store.FieldStatus] = store.StatusConfirmed
	if o.cancelled || strings.Contains(strings.ToLower(it.Title), "cancelled") {
		it.Fields[store.FieldStatus] = store.StatusCancelled
	}
}

// isCalendar tells whether the feed's list is one of events by its name.
func isCalendar(name string) bool { return name == "events" }

// decodeOccasion reads the event elements of one entry of a feed in XML.
func decodeOccasion(inner string) (x xmlOccasion) {
	if !strings.Contains(inner, "startdate") {
		return x
	}
	d := decoder([]byte("<x>" + inner + "</x>"))
	if err := d.Decode(&x); err != nil {
		return xmlOccasion{}
	}
	return x
}
