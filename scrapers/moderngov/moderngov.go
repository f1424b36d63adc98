// Package moderngov reads council sites that run ModernGov (Civica): the XML
// web service first, because it is often open where the pages are behind a
// challenge, and the pages where the service is closed or does not answer
// sense. Both ways give the same items for the same meetings, save for the
// addresses of reports.
//
// The service's answers and the pages are described in the reference on
// council systems; what a site is known to get wrong is said where it is met.
package moderngov

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Options describe one ModernGov site.
type Options struct {
	ID   string // of the source
	Name string
	Body string        // id of the council
	Base string        // address of the site's root, with the sub-path where there is one
	Pace time.Duration // see crawl.Source
	// Committees limits the source to those whose name holds one of these
	// words, in any case; empty follows all. Committees are renamed and get new
	// numbers, so names are the better handle.
	Committees []string
	// Decisions makes it the source of the site's decisions and forward plans
	// instead of its meetings.
	Decisions bool
}

// What a visit reads. The list is read from listBack ago to listAhead: wide
// enough for minutes, which come months later, and for next years' calendar,
// which appears at once. Details are read from detailBack ago to detailAhead,
// and of earlier meetings in the list for as long as there are no minutes.
const (
	listBack    = 100 * 24 * time.Hour
	listAhead   = 3 // years
	detailBack  = 40 * 24 * time.Hour
	detailAhead = 120 * 24 * time.Hour
)

// Source is the site as a whole list of meetings.
func Source(o Options) crawl.Source {
	rd := newReader()
	o.Base = rd.session.ReplaceAllString(strings.TrimRight(strings.TrimSpace(o.Base), "/"), "")
	if o.Decisions {
		return decisions(rd, o)
	}
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "moderngov", Base: o.Base,
		Kind: store.KindMeeting, Whole: true, Pace: o.Pace,
		Plan: func(v crawl.Visit) []crawl.Request {
			return []crawl.Request{newSite(rd, o, v).serviceCommittees()}
		},
	}
}

// site is one visit's view of the source: what it is, what is known of it and
// which meetings count. Nothing in it changes during the visit.
type site struct {
	*reader
	base     string
	only     []string // lower-case words, empty for all committees
	old      map[string]store.Item
	baseline time.Time // when the site was first read completely
	now      time.Time
	from, to time.Time // of the list
}

func newSite(rd *reader, o Options, v crawl.Visit) *site {
	s := &site{reader: rd, base: o.Base, old: v.Old.Items, baseline: v.Old.Baseline, now: v.Now}
	for _, c := range o.Committees {
		if c = strings.ToLower(rd.line(c)); c != "" {
			s.only = append(s.only, c)
		}
	}
	// Whole days: the service's ranges are days, and absence counts inside the
	// window only.
	y, m, d := v.Now.Add(-listBack).In(rd.london).Date()
	s.from = time.Date(y, m, d, 0, 0, 0, 0, rd.london)
	y, m, d = v.Now.In(rd.london).Date()
	s.to = time.Date(y+listAhead, m, d, 0, 0, 0, 0, rd.london)
	return s
}

// A committee is an entry of the site's list of committees.
type committee struct {
	id, name string
	gone     bool // expired, deleted, or no longer listed
}

// A row is a meeting as a list shows it.
type row struct {
	id, committeeID, committee string
	when                       time.Time // zero: the date could not be read
	text                       string    // the date as printed, for messages
	status                     string
	agenda, minutes            bool // what the list says is out (pages only)
}

func (r row) key() string { return "meeting/" + r.id }

// A detail is what a meeting's own page or XML says.
type detail struct {
	id       string    // of the meeting, "" where the answer does not say
	when     time.Time // zero: not said; the list's date holds
	doubt    string
	status   string // "" not said
	venue    string
	agendaID string // the number in the addresses of packs; not the meeting's
	agenda   bool
	pack     bool
	minutes  bool
	decided  bool // the printed decisions are out
	parts    []store.Part
	docs     []store.Document // reports
	// supplements are late papers that no item of the agenda shows. Only the
	// pages know them: nil is the service, which does not say.
	supplements []store.Document
}

// address is the meeting's page in the one form that identifies it: sites add
// session ids and view options and vary names and order of the parameters.
func (s *site) address(r row) string {
	return fmt.Sprintf("%s/ieListDocuments.aspx?CId=%s&MId=%s&Ver=4", s.base, r.committeeID, r.id)
}

// follows tells whether a committee of this name is followed.
func (s *site) follows(name string) bool {
	name = strings.ToLower(name)
	return len(s.only) == 0 || slices.ContainsFunc(s.only, func(w string) bool { return strings.Contains(name, w) })
}

// known lists the meetings that were listed before and should be listed again.
func (s *site) known() []store.Item {
	var list []store.Item
	for _, it := range s.old {
		if w := it.When(); it.Withdrawn.IsZero() && !w.Before(s.from) && w.Before(s.to) && s.follows(it.Fields[store.FieldCommittee]) {
			list = append(list, it)
		}
	}
	slices.SortFunc(list, func(a, b store.Item) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// toAsk lists the committees to be asked one by one: the followed ones that
// are alive, and of the others those with a meeting that is known in the
// window, so that its cancellation is seen and it does not vanish unasked.
func (s *site) toAsk(all []committee) []committee {
	var list []committee
	have := map[string]bool{}
	for _, c := range all {
		if have[c.id] || c.gone || !s.follows(c.name) {
			continue
		}
		have[c.id] = true
		list = append(list, c)
	}
	for _, it := range s.known() {
		u, err := url.Parse(it.URL)
		if err != nil {
			continue
		}
		if id := s.number(u.Query().Get("CId")); id != "" && !have[id] {
			have[id] = true
			list = append(list, committee{id: id, name: it.Fields[store.FieldCommittee], gone: true})
		}
	}
	return list
}

// finish hands on the list, complete since from, and asks for the details that
// are wanted.
func (s *site) finish(p *crawl.Page, rows []row, from time.Time, detailOf func(row) crawl.Request) {
	p.Cover(from, s.to)
	seen := map[string]bool{}
	for _, r := range rows {
		old, known := s.old[r.key()]
		switch {
		case seen[r.id]:
			continue // a joint meeting, listed by two committees
		case !r.when.IsZero() && (r.when.Before(s.from) || !r.when.Before(s.to)):
			continue
		case r.when.IsZero() && !known:
			seen[r.id] = true
			p.Problem(store.ReasonFormat, "date of meeting "+r.id+" of the "+r.committee, fmt.Sprintf("cannot read %q", r.text))
			continue
		case r.when.IsZero():
			// One broken line must neither lose the list nor withdraw the meeting.
			p.Problem(store.ReasonFormat, "date of meeting "+r.id+" of the "+r.committee, fmt.Sprintf("cannot read %q; keeping what was known", r.text))
			r.when = old.When()
		}
		seen[r.id] = true
		p.Add(s.stub(r))
		if s.wanted(r, old) {
			p.Follow(detailOf(r))
		}
	}
}

// stub is the item as far as the list tells.
func (s *site) stub(r row) store.Item {
	it := store.Item{
		Key: r.key(), Kind: store.KindMeeting, Title: r.committee, URL: s.address(r), Stub: true,
		Fields: map[string]string{store.FieldCommittee: r.committee, store.FieldStatus: r.status},
	}
	if !r.when.IsZero() {
		it.Fields[store.FieldWhen] = r.when.In(s.london).Format(time.RFC3339)
	}
	return it
}

// wanted tells whether the details of a listed meeting are read in this visit.
func (s *site) wanted(r row, old store.Item) bool {
	switch {
	case r.when.IsZero():
		return true // its own page may say when it is
	case !r.when.Before(s.now.Add(-detailBack)) && r.when.Before(s.now.Add(detailAhead)):
		return true
	case r.agenda && old.Fields[store.FieldAgenda] != store.Published,
		r.minutes && old.Fields[store.FieldMinutes] != store.Published:
		return true // the list says that something came out
	case r.when.Before(s.now):
		settled := old.Cancelled() && r.status == store.StatusCancelled
		return !settled && old.Fields[store.FieldMinutes] != store.Published
	}
	return false
}

// complete fills in what a meeting's own answer says.
func (s *site) complete(p *crawl.Page, r row, d detail) error {
	if d.id != "" && d.id != r.id {
		return crawl.Errorf(store.ReasonFormat, "asked for meeting %s, the answer is about meeting %s", r.id, d.id)
	}
	old := s.old[r.key()]
	p.Update(r.key(), func(it *store.Item) { s.fill(it, r, d, old) })
	return nil
}

func (s *site) fill(it *store.Item, r row, d detail, old store.Item) {
	it.Stub = false
	if !d.when.IsZero() {
		it.Fields[store.FieldWhen] = d.when.In(s.london).Format(time.RFC3339)
	}
	// The list and the page were read at different moments and some pages lack
	// the line that says it: a cancellation told by either holds.
	if d.status != "" && r.status != store.StatusCancelled {
		it.Fields[store.FieldStatus] = d.status
	}
	cancelled := it.Cancelled()
	for name, value := range map[string]string{store.FieldVenue: d.venue, store.FieldDoubt: d.doubt} {
		if value != "" {
			it.Fields[name] = value
		}
	}
	if d.agenda {
		it.Fields[store.FieldAgenda] = store.Published
		it.Parts = keepMarks(d.parts, old.Parts)
		it.Documents = slices.Clone(d.docs)
	}
	if d.minutes {
		it.Fields[store.FieldMinutes] = store.Published
	}
	if d.agendaID == "" {
		return
	}
	if d.pack && !cancelled {
		it.Documents = append(it.Documents, store.Document{
			Key: "pack/g" + d.agendaID + "/T10", Role: store.RolePack, Title: "Public reports pack: " + r.committee,
			URL: fmt.Sprintf("%s/documents/g%s/Public%%20reports%%20pack.pdf?T=10", s.base, d.agendaID),
		})
	}
	if !cancelled {
		it.Documents = append(it.Documents, supplements(d, old)...)
	}
	if d.decided {
		it.Documents = append(it.Documents, store.Document{
			Key: "decisions/g" + d.agendaID, Role: store.RoleDecisions, Title: "Printed decisions: " + r.committee,
			URL: fmt.Sprintf("%s/documents/g%s/Decisions.pdf?T=2", s.base, d.agendaID),
		})
	}
	if d.minutes {
		it.Documents = append(it.Documents, store.Document{
			Key: "minutes/g" + d.agendaID, Role: store.RoleMinutes, Title: "Printed minutes: " + r.committee,
			URL: fmt.Sprintf("%s/documents/g%s/Printed%%20minutes.pdf?T=1", s.base, d.agendaID),
		})
	}
}

// supplements are those the pages show now, or, where the service answered,
// those they showed before.
func supplements(d detail, old store.Item) []store.Document {
	if d.supplements != nil {
		return d.supplements
	}
	var list []store.Document
	for _, doc := range old.Documents {
		if doc.Role == store.RoleSupplement {
			list = append(list, store.Document{Key: doc.Key, Title: doc.Title, URL: doc.URL, Role: doc.Role})
		}
	}
	return list
}

// keepMarks carries over two marks that only one of the two ways may see: the
// pages seldom tell that an item is restricted, and a supplement's link or
// date may go while the item it brought stays.
func keepMarks(parts, old []store.Part) []store.Part {
	before := map[string]store.Part{}
	for _, p := range old {
		before[p.Key] = p
	}
	parts = slices.Clone(parts)
	for i, p := range parts {
		parts[i].Restricted = p.Restricted || before[p.Key].Restricted
		parts[i].Late = p.Late || before[p.Key].Late
	}
	return parts
}
