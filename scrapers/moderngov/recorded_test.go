package moderngov

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// recorded reads a real page or answer. They are other people's and name
// officials, so they stay outside the repository.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	root := os.Getenv("CCGWATCH_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	b, err := os.ReadFile(filepath.Join(root, "data", "councils", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("RECORDED PAGES ABSENT, not tested: %v (set CCGWATCH_SHARED)", err)
	}
	return b
}

func page(t testing.TB, address string, body []byte) *crawl.Page {
	t.Helper()
	p, err := crawl.NewPage(address, http.Header{}, body)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a person reads in the recorded pages and answers: testdata/recorded,
// written by opening them, not by running the reader. It holds facts alone:
// names, dates, titles and addresses, of texts their length and first words.
type (
	wantSite struct {
		Council, What string
		Committee     wantCommittee `json:"committee_of_the_list"`
		Pages         []wantPage
	}

	// A wantPage is one recorded file and the one thing it shows.
	wantPage struct {
		File, Path     string
		Committees     []wantCommittee
		Meetings       []wantRow
		Earlier, Later string // D of the links to further meetings
		Meeting        *wantMeeting
		Refused        string // what it shows instead of any of these
	}

	wantCommittee struct {
		ID, Name string
		Expired  bool
	}

	wantRow struct {
		ID     string
		When   time.Time
		Status string
		Shown  []string // behind the date
	}

	wantMeeting struct {
		ID, Committee   string
		AgendaID        string `json:"agenda_id"`
		When            time.Time
		Venue, Status   string
		Doubt           string
		Agenda, Minutes bool
		Items           []wantItem
		Documents       []wantDocument
		LeftOut         []struct{ Title, Why string } `json:"left_out"`
	}

	wantItem struct {
		Key, Number, Title string
		Words              int
		Begins             string
		Late               bool
	}

	wantDocument struct {
		Key, Role, Title, Item string
		Address                string // as shown, below the site's root
		T                      string // or the T of a file about the whole meeting
	}
)

func wanted(t *testing.T, name string) wantSite {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "recorded", name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var w wantSite
	if err := d.Decode(&w); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w
}

// Every recorded page gives what a person reads there.
func TestRecordedPages(t *testing.T) {
	for _, name := range []string{"kingston.json", "manchester.json"} {
		site := wanted(t, name)
		for _, p := range site.Pages {
			t.Run(p.File, func(t *testing.T) {
				body := recorded(t, p.File)
				switch {
				case p.Refused != "":
					refused(t, page(t, base+p.Path, body), body)
				case p.Committees != nil:
					sameCommittees(t, p, body)
				case p.Meetings != nil:
					sameRows(t, site, p, body)
				case p.Meeting != nil:
					sameMeeting(t, *p.Meeting, readMeeting(t, p, body))
				default:
					t.Fatal("the expectation says nothing")
				}
			})
		}
	}
}

func isXML(p wantPage) bool { return strings.HasSuffix(p.File, ".xml") }

// refused holds that no reader takes the page for its own.
func refused(t *testing.T, p *crawl.Page, body []byte) {
	t.Helper()
	rd := newReader()
	if l, err := rd.committeesHTML(p); err == nil {
		t.Errorf("committees %v", l)
	}
	if l, err := rd.meetingsHTML(p, committee{id: "1"}); err == nil {
		t.Errorf("meetings %v", l)
	}
	if d, err := rd.meetingHTML(p, base); err == nil {
		t.Errorf("meeting %+v", d)
	}
	if l, err := rd.committeesXML(body); err == nil {
		t.Errorf("committees by the service %v", l)
	}
	if l, err := rd.meetingsXML(body); err == nil {
		t.Errorf("meetings by the service %v", l)
	}
	if d, err := rd.meetingXML(body, base); err == nil {
		t.Errorf("meeting by the service %+v", d)
	}
}

func sameCommittees(t *testing.T, p wantPage, body []byte) {
	t.Helper()
	rd := newReader()
	list, err := rd.committeesXML(body)
	if !isXML(p) {
		list, err = rd.committeesHTML(page(t, base+p.Path, body))
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []wantCommittee
	for _, c := range list {
		got = append(got, wantCommittee{ID: c.id, Name: c.name, Expired: c.gone})
	}
	if diff := cmp.Diff(p.Committees, got); diff != "" {
		t.Error(diff)
	}
}

// sameRows compares a list of meetings. Of what stands behind a date the
// reader takes the status and whether agenda and minutes are out.
func sameRows(t *testing.T, site wantSite, p wantPage, body []byte) {
	t.Helper()
	rd := newReader()
	var l listing
	var err error
	if isXML(p) {
		l.rows, err = rd.meetingsXML(body)
	} else {
		l, err = rd.meetingsHTML(page(t, base+p.Path, body), committee{id: site.Committee.ID, name: site.Committee.Name})
	}
	if err != nil {
		t.Fatal(err)
	}
	say := func(id string, when time.Time, status string, agenda, minutes bool) string {
		return fmt.Sprintln(id, when.UTC().Format(time.RFC3339), status, "agenda", agenda, "minutes", minutes)
	}
	var want, got []string
	for _, r := range p.Meetings {
		want = append(want, say(r.ID, r.When, r.Status, slices.Contains(r.Shown, "Agenda"), slices.Contains(r.Shown, "Minutes")))
	}
	for _, r := range l.rows {
		got = append(got, say(r.id, r.when, r.status, r.agenda, r.minutes))
		if r.committee != site.Committee.Name || r.committeeID != site.Committee.ID {
			t.Errorf("meeting %s is one of %s %q", r.id, r.committeeID, r.committee)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l.earlier != p.Earlier || l.later != p.Later {
		t.Errorf("further pages %q and %q", l.earlier, l.later)
	}
}

// readMeeting is the stored item that a recorded meeting becomes.
func readMeeting(t *testing.T, p wantPage, body []byte) store.Item {
	t.Helper()
	rd := newReader()
	var d detail
	var err error
	if isXML(p) {
		d, err = rd.meetingXML(body, base)
	} else {
		d, err = rd.meetingHTML(page(t, base+p.Path, body), base)
	}
	if err != nil {
		t.Fatal(err)
	}
	if d.id != p.Meeting.ID {
		t.Fatalf("the page is about meeting %q, it says %q", p.Meeting.ID, d.id)
	}
	if d.agendaID != p.Meeting.AgendaID {
		t.Errorf("number of the agenda %q, want %q", d.agendaID, p.Meeting.AgendaID)
	}
	s := newSite(rd, Options{Base: base}, crawl.Visit{Now: today()})
	r := row{id: d.id, committee: p.Meeting.Committee, status: store.StatusConfirmed}
	it := s.stub(r)
	s.fill(&it, r, d, store.Item{})
	return it
}

func sameMeeting(t *testing.T, want wantMeeting, it store.Item) {
	t.Helper()
	got := wantMeeting{
		ID: strings.TrimPrefix(it.Key, "meeting/"), AgendaID: want.AgendaID, Committee: it.Fields[store.FieldCommittee],
		When: it.When().UTC(), Venue: it.Fields[store.FieldVenue], Status: it.Fields[store.FieldStatus], Doubt: it.Fields[store.FieldDoubt],
		Agenda: it.Fields[store.FieldAgenda] == store.Published, Minutes: it.Fields[store.FieldMinutes] == store.Published,
		Items: []wantItem{}, Documents: []wantDocument{}, LeftOut: want.LeftOut,
	}
	want.When = want.When.UTC()
	for _, p := range it.Parts {
		words := strings.Fields(p.Text)
		got.Items = append(got.Items, wantItem{Key: p.Key, Number: p.Number, Title: p.Title, Words: len(words),
			Begins: strings.Join(words[:min(5, len(words))], " "), Late: p.Late})
	}
	for i, d := range it.Documents {
		u, err := url.Parse(d.URL)
		if err != nil || !strings.HasPrefix(d.URL, base+"/") {
			t.Fatalf("address of %s: %q %v", d.Key, d.URL, err)
		}
		doc := wantDocument{Key: d.Key, Role: string(d.Role), Title: d.Title, Item: d.Part}
		if d.Role == store.RoleReport {
			doc.Address = strings.TrimPrefix(u.Path, "/mg")
			if id := u.Query().Get("ID"); id != "" {
				doc.Address += "?ID=" + id
			}
		} else {
			doc.T = u.Query().Get("T")
			// A file about the whole meeting bears the committee's name with us.
			if d.Role != store.RoleSupplement && i < len(want.Documents) && strings.HasSuffix(d.Title, ": "+want.Committee) {
				doc.Title = want.Documents[i].Title
			}
		}
		got.Documents = append(got.Documents, doc)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("meeting %s (-read by a person +read by us):\n%s", want.ID, diff)
	}
}

// A whole visit to the recorded site gives the same meetings: the pages where
// the service is closed, the service where the pages are.
func TestRecordedVisits(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  time.Time
		also map[string]string // further addresses of a recorded file
	}{
		{"kingston.json", at("2026-01-28T09:00:00Z"), map[string]string{
			"/ieListMeetings.aspx?Act=later&CId=711&D=202606151930&MD=ielistmeetings": "kingston/BrowseMeetings.html",
		}},
		{"manchester.json", at("2026-02-20T09:00:00Z"), map[string]string{
			"/mgWebService.asmx/GetMeetings?lCommitteeId=0&sFromDate=12%2F11%2F2025&sToDate=20%2F02%2F2029": "manchester/mg_GetMeetings_manchester.xml",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := wanted(t, tt.name)
			c := &council{answers: map[string]string{}}
			var want []wantMeeting
			for _, p := range site.Pages {
				c.answers[p.Path] = string(recorded(t, p.File))
				if p.Meeting != nil && p.Meeting.Doubt == "" {
					want = append(want, *p.Meeting)
				}
			}
			for path, file := range tt.also {
				c.answers[path] = string(recorded(t, file))
			}
			s := c.mustVisit(t, tt.now, nil, site.Committee.Name)
			for _, m := range want {
				sameMeeting(t, m, item(t, s, "meeting/"+m.ID))
			}
		})
	}
}

func TestRecordedFailuresAreErrors(t *testing.T) {
	rd := newReader()
	for _, name := range []string{"denbighshire_js_https_redirect.html", "eastherts_empty_wards.xml", "leeds_sharepoint_error.head.html", "CouncillorsByWard.schema-redacted.xml"} {
		body := recorded(t, "failures/"+name)
		p := func() *crawl.Page { return page(t, base+"/x", body) }
		if l, err := rd.committeesXML(body); err == nil {
			t.Errorf("%s: committees %v", name, l)
		}
		if l, err := rd.meetingsXML(body); err == nil {
			t.Errorf("%s: meetings %v", name, l)
		}
		if d, err := rd.meetingXML(body, base); err == nil {
			t.Errorf("%s: meeting %v", name, d)
		}
		if l, err := rd.committeesHTML(p()); err == nil {
			t.Errorf("%s: committee page %v", name, l)
		}
		if l, err := rd.meetingsHTML(p(), committee{id: "1"}); err == nil {
			t.Errorf("%s: meeting list %v", name, l)
		}
		if d, err := rd.meetingHTML(p(), base); err == nil {
			t.Errorf("%s: meeting page %v", name, d)
		}
	}
}
