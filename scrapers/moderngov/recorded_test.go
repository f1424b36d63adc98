package moderngov

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

const kingston = "https://moderngov.kingston.gov.uk"

func TestRecordedCommittees(t *testing.T) {
	list, err := newReader().committeesHTML(page(t, kingston+"/mgListCommittees.aspx?bcr=1", recorded(t, "kingston/CommitteeStructure.html")))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, c := range list {
		names[c.id] = c.name
	}
	if len(list) != 30 || names["711"] != "Kingston and North Kingston Neighbourhood Committee" ||
		names["626"] != "Joint Appointments Committee (Kingston & Richmond)" || names["233"] != "Health Overview and Scrutiny Panel" {
		t.Errorf("%d committees: %v", len(list), names)
	}
}

func TestRecordedMeetingList(t *testing.T) {
	l, err := newReader().meetingsHTML(page(t, kingston+"/ieListMeetings.aspx?CommitteeId=711", recorded(t, "kingston/BrowseMeetings.html")), committee{id: "711", name: "Neighbourhood"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range l.rows {
		s := r.id + " " + r.when.Format("2006-01-02 15:04 -07") + " " + r.status
		if r.agenda {
			s += " agenda"
		}
		if r.minutes {
			s += " minutes"
		}
		got = append(got, s)
	}
	want := []string{
		"10337 2026-06-15 19:30 +01 confirmed",
		"10163 2026-03-03 19:30 +00 confirmed",
		"10162 2026-01-29 19:30 +00 confirmed agenda",
		"10221 2026-01-15 19:30 +00 confirmed agenda minutes",
		"10161 2025-12-04 19:30 +00 cancelled",
		"10220 2025-11-18 19:30 +00 confirmed agenda minutes",
		"10160 2025-10-02 19:30 +01 confirmed agenda minutes",
		"10159 2025-09-03 19:30 +01 confirmed agenda minutes",
		"10219 2025-07-03 19:30 +01 confirmed agenda minutes",
		"10158 2025-06-18 19:00 +01 confirmed agenda minutes",
		"9957 2025-03-04 19:30 +00 confirmed agenda minutes",
		"9956 2025-01-14 19:30 +00 confirmed agenda minutes",
		"9955 2024-12-10 19:30 +00 confirmed agenda minutes",
		"9954 2024-10-03 19:30 +01 confirmed agenda minutes",
		"9983 2024-09-05 19:30 +01 confirmed agenda minutes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l.earlier != "202409051930" || l.later != "202606151930" {
		t.Errorf("further pages %q and %q", l.earlier, l.later)
	}
}

func TestRecordedMeeting(t *testing.T) {
	d, err := newReader().meetingHTML(page(t, kingston+"/ieListDocuments.aspx?CId=711&MId=10221&Ver=4", recorded(t, "kingston/Agenda_151.html")), kingston)
	if err != nil {
		t.Fatal(err)
	}
	if d.id != "10221" || d.agendaID != "10230" || !d.agenda || !d.pack || !d.minutes || d.status != store.StatusConfirmed ||
		d.venue != "Guildhall, Kingston upon Thames" || !d.when.Equal(at("2026-01-15T19:30:00Z")) || d.doubt != "" {
		t.Errorf("meeting %s agenda %s %v %v %v %q %q %v %q", d.id, d.agendaID, d.agenda, d.pack, d.minutes, d.status, d.venue, d.when, d.doubt)
	}
	var parts []string
	for _, p := range d.parts {
		s := p.Key + " " + p.Number + " " + p.Title
		if p.Late {
			s += " (late)"
		}
		parts = append(parts, s)
	}
	want := []string{
		"item/51890 54 Public Question Time",
		"item/51891 55 Petitions",
		"item/51892 56 Apologies for Absence",
		"item/51893 57 Declarations of Interest",
		"item/51894 58 Minutes",
		"item/51902 59 Petition Regarding the Introduction of Traffic Management Measures On Manorgate Road",
		"item/51903 60 Coombe Lane West Zebra Crossing - Local Consultation Results",
		"item/51900 61 Community Safety Update (late)",
		"item/51901 62 Planned Highway Maintenance and Street Lighting Capital Programme 2026/27",
		"item/51899 63 Community Grants Programme",
		"item/51896 64 Decision Progress Update",
		"item/51897 65 Urgent Items Authorised by the Chair",
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Errorf("items:\n%s", diff)
	}
	perPart := map[string]int{}
	titles := map[string]string{}
	for _, doc := range d.docs {
		perPart[doc.Part]++
		titles[doc.Key] = doc.Title
	}
	if diff := cmp.Diff(map[string]int{"item/51894": 1, "item/51902": 5, "item/51903": 2, "item/51900": 1, "item/51901": 5, "item/51899": 2, "item/51896": 1}, perPart); diff != "" {
		t.Errorf("documents of each item:\n%s", diff)
	}
	for key, title := range map[string]string{
		"document/111920": "Minutes", "document/112218": "Annex 1 - Wolverton Avenue",
		"document/112222": "Annex 3 - K&NK Completed Street Lighting Lantern Replacement Programme 2025_26",
		"document/111802": "Annex 1 - NCG and BCG Guidelines (updated May 2023)",
	} {
		if titles[key] != title {
			t.Errorf("%s is %q, want %q", key, titles[key], title)
		}
	}
	byKey := map[string]store.Part{}
	for _, p := range d.parts {
		byKey[p.Key] = p
	}
	if got := byKey["item/51894"].Text; got != "To confirm as a correct record the minutes of the meeting held on 18 November 2025." {
		t.Errorf("text of item 58: %q", got)
	}
	if byKey["item/51892"].Text != "" {
		t.Error("the minutes of item 56 were taken for its text")
	}
	for _, p := range d.parts {
		if strings.Contains(p.Text, "RESOLVED") || strings.Contains(p.Text, "Councillor Bass") || strings.Contains(p.Text, "apologies were received") {
			t.Errorf("%s holds minutes", p.Key)
		}
	}
}

func TestRecordedCancelledMeeting(t *testing.T) {
	d, err := newReader().meetingHTML(page(t, kingston+"/ieListDocuments.aspx?CId=711&MId=10161&Ver=4", recorded(t, "kingston/Agenda_412.html")), kingston)
	if err != nil {
		t.Fatal(err)
	}
	if d.id != "10161" || d.status != store.StatusCancelled || d.agenda || d.pack || d.minutes || len(d.parts)+len(d.docs) > 0 ||
		d.venue != "Guildhall, Kingston upon Thames" || !d.when.Equal(at("2025-12-04T19:30:00Z")) {
		t.Errorf("%+v", d)
	}
}

// The recorders edited this page's title line: 18 November 2025 is no Wednesday.
func TestRecordedPageThatContradictsItself(t *testing.T) {
	d, err := newReader().meetingHTML(page(t, kingston+"/ieListDocuments.aspx?MId=10214", recorded(t, "kingston/Agenda_Irrelevant.html")), kingston)
	if err != nil {
		t.Fatal(err)
	}
	if d.doubt != "the page gives Wednesday 18 November 2025, which is a Tuesday" || d.agendaID != "10223" || !d.pack || !d.minutes || len(d.parts) == 0 || d.parts[0].Number != "29" {
		t.Errorf("doubt %q agenda %s, %d items", d.doubt, d.agendaID, len(d.parts))
	}
}

func TestRecordedService(t *testing.T) {
	rd := newReader()
	list, err := rd.committeesXML(recorded(t, "manchester/mg_GetCommittees_manchester.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []committee{
		{"312", "Appointment Sub Committee for Director of Adult Social Services", true},
		{"163", "Art Galleries Committee", false}, {"144", "Audit Committee", false},
	}; !cmp.Equal(want, list, cmp.AllowUnexported(committee{})) {
		t.Errorf("committees %v", list)
	}
	rows, err := rd.meetingsXML(recorded(t, "manchester/mg_GetMeetings_manchester.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].id != "4966" || rows[0].status != store.StatusCancelled || !rows[0].when.Equal(at("2026-01-13T10:00:00Z")) ||
		rows[1].id != "4967" || rows[1].status != store.StatusConfirmed || !rows[1].when.Equal(at("2026-02-10T10:00:00Z")) || rows[1].committee != "Audit Committee" {
		t.Errorf("meetings %+v", rows)
	}
	const site = "https://democracy.manchester.gov.uk"
	d, err := rd.meetingXML(recorded(t, "manchester/mg_GetMeeting_with_minutes_manchester.xml"), site)
	if err != nil {
		t.Fatal(err)
	}
	wantParts := []store.Part{
		{Key: "item/18831", Number: "1", Title: "Minutes", Text: "To approve as a correct record the minutes of the meeting held on 25 November 2025."},
		{Key: "item/18833", Number: "9", Title: "Work Programme", Text: "The report of the Governance and Scrutiny Support Unit, attached."},
	}
	wantDocs := []store.Document{
		{Key: "document/60860", Title: "Minutes", URL: site + "/mgConvert2PDF.aspx?ID=60860", Role: store.RoleReport, Part: "item/18831"},
		{Key: "document/60909", Title: "Work Programme", URL: site + "/mgConvert2PDF.aspx?ID=60909", Role: store.RoleReport, Part: "item/18833"},
	}
	if diff := cmp.Diff(wantParts, d.parts) + cmp.Diff(wantDocs, d.docs); diff != "" {
		t.Error(diff)
	}
	if !d.agenda || !d.pack || !d.minutes || d.agendaID != "4967" || d.venue != "Council Antechamber, Level 2, Town Hall Extension" {
		t.Errorf("%+v", d)
	}
	d, err = rd.meetingXML(recorded(t, "manchester/mg_GetMeeting_cancelled_manchester.xml"), site)
	if err != nil || d.status != store.StatusCancelled || d.agenda || d.pack || d.minutes || len(d.parts)+len(d.docs) > 0 {
		t.Errorf("cancelled: %+v %v", d, err)
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
