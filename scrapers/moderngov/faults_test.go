package moderngov

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

const (
	committeesPath = "/mgWebService.asmx/GetCommittees"
	meetingsPath   = "/mgWebService.asmx/GetMeetings?lCommitteeId=%s&sFromDate=04%%2F05%%2F2026&sToDate=12%%2F08%%2F2029"
)

// badAnswers are ways to answer with status 200 that are no answer.
func badAnswers() map[string]string {
	return map[string]string{
		"nothing":                      "",
		"spaces":                       " \n\n",
		"javascript to https":          "<!-- redirect -->\n<script type=\"text/javascript\">window.location = \"https://\" + window.location.hostname;</script>",
		"a challenge":                  "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript and cookies</body></html>",
		"another system's error":       "<!DOCTYPE html><html><head><title>\n\tError\n</title></head><body><form action=\"_layouts/error.aspx\"></form></body></html>",
		"an error page of the system":  "<html><body><div id=\"modgov\"><h1 class=\"mgMainTitleTxt\">Error</h1><p>The page you requested is not available.</p></div></body></html>",
		"an error page with a frame":   "<html><body><div id=\"modgov\"><h1 class=\"mgMainTitleTxt\">Error</h1><div class=\"mgList\"></div>No documents are available for this meeting</div></body></html>",
		"a frame without the system":   "<html><body><h1 class=\"mgMainTitleTxt\">Meeting</h1><div class=\"mgList\"></div>No documents are available for this meeting</body></html>",
		"the site's home page":         "<html><body><h1>Welcome to Sampleshire</h1></body></html>",
		"another method's empty XML":   "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<councillorsbyward>\n  <wards>\n  </wards>\n</councillorsbyward>",
		"XML cut in the middle":        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<getmeetings>\n  <meetingscount> 2</meetingscount>\n  <committee>\n    <commi",
		"a list that announces more":   "<?xml version=\"1.0\"?><getmeetings><meetingscount> 9</meetingscount></getmeetings>",
		"another list with a length":   "<?xml version=\"1.0\"?><getnothing><meetingscount> 0</meetingscount><committeescount> 0</committeescount></getnothing>",
		"a list without its length":    "<?xml version=\"1.0\"?><getmeetings></getmeetings>",
		"a committee list, but none":   "<?xml version=\"1.0\"?><committees><committeescount> 0</committeescount></committees>",
		"wrong method, in plain words": "GetForwardPlan Web Service method name is not valid.\r\n",
		"nested too deep":              strings.Repeat("<div>", 600),
	}
}

// Whatever stands in the way of the web service, the pages are read; whatever
// stands in the way of the pages too is an error and never an empty list.
func TestNoAnswerIsNeverAnEmptyList(t *testing.T) {
	for name, bad := range badAnswers() {
		t.Run(name, func(t *testing.T) {
			pages := fixture(t, "pages.txtar")
			both := pages.with(fixture(t, "service.txtar").answers)
			for _, path := range []string{committeesPath, fmt.Sprintf(meetingsPath, "0")} {
				s := both.with(map[string]string{path: bad}).mustVisit(t, today(), nil)
				if len(s.Items) != 6 {
					t.Errorf("bad answer to %s: %d items", path, len(s.Items))
				}
			}
			for _, path := range []string{"/ieListMeetings.aspx?CommitteeId=31", "/ieListMeetings.aspx?Act=earlier&CId=31&D=202608201730&MD=ielistmeetings", "/ieListMeetings.aspx?CommitteeId=32"} {
				if s, err := pages.with(map[string]string{path: bad}).visit(t, today(), nil); err == nil {
					t.Errorf("bad answer to %s: read as %v", path, keys(s))
				}
			}
			bad := map[string]string{"/mgListCommittees.aspx?bcr=1": bad, "/mgCommitteeStructure.aspx": bad}
			if s, err := pages.with(bad).visit(t, today(), nil); err == nil {
				t.Errorf("bad list of committees: read as %v", keys(s))
			}
		})
	}
}

func TestEveryReaderRefusesWhatIsNoAnswer(t *testing.T) {
	rd := newReader()
	for name, bad := range badAnswers() {
		p := page(t, base+"/x.aspx", []byte(bad))
		_, err1 := rd.committeesXML([]byte(bad))
		_, err2 := rd.meetingsXML([]byte(bad))
		_, err3 := rd.meetingXML([]byte(bad), base)
		_, err4 := rd.committeesHTML(p)
		_, err5 := rd.meetingsHTML(p, committee{id: "1", name: "One"})
		_, err6 := rd.meetingHTML(p, base)
		for i, err := range []error{err1, err2, err3, err4, err5, err6} {
			if err == nil {
				t.Errorf("%s: reader %d takes it", name, i+1)
			}
		}
	}
	sent := page(t, base+"/mgError.aspx", []byte(fixture(t, "pages.txtar").answers["/ieListMeetings.aspx?CommitteeId=32"]))
	if _, err := rd.meetingsHTML(sent, committee{id: "32"}); err == nil {
		t.Error("a redirect to the error page is taken for the page asked for")
	}
}

func TestUnreadableDetailsLeaveTheListEntry(t *testing.T) {
	for name, bad := range badAnswers() {
		t.Run(name, func(t *testing.T) {
			for way, path := range map[string]string{"service.txtar": "/mgWebService.asmx/GetMeeting?lMeetingId=501", "pages.txtar": "/ieListDocuments.aspx?CId=31&MId=501&Ver=4"} {
				s := fixture(t, way).with(map[string]string{path: bad}).mustVisit(t, today(), nil)
				it := item(t, s, "meeting/501")
				if !it.Stub || len(it.Parts) > 0 || it.Fields["agenda"] != "" || it.Fields["when"] != "2026-08-20T17:30:00+01:00" {
					t.Errorf("%s: %+v", way, it)
				}
				if len(s.Items) != 6 || len(s.Problems) != 1 {
					t.Errorf("%s: %d items, problems %v", way, len(s.Items), s.Problems)
				}
			}
		})
	}
}

// Half a page is valid HTML; the second half's items must not look withdrawn.
func TestAPageCutShortIsNotRead(t *testing.T) {
	rd := newReader()
	for _, path := range []string{"/ieListDocuments.aspx?CId=31&MId=501&Ver=4", "/ieListMeetings.aspx?CommitteeId=31", "/mgListCommittees.aspx?bcr=1"} {
		whole := fixture(t, "pages.txtar").answers[path]
		for _, part := range []int{30, 50, 70, 90} {
			p := page(t, base+"/x.aspx", []byte(whole[:len(whole)*part/100]))
			var err error
			switch {
			case strings.Contains(path, "Documents"):
				_, err = rd.meetingHTML(p, base)
			case strings.Contains(path, "Meetings"):
				_, err = rd.meetingsHTML(p, committee{id: "31"})
			default:
				_, err = rd.committeesHTML(p)
			}
			if err == nil {
				t.Errorf("%d %% of %s are taken for all of it", part, path)
			}
		}
	}
}

func TestTheDetailsOfAnotherMeetingAreRefused(t *testing.T) {
	for way, pair := range map[string][2]string{
		"service.txtar": {"/mgWebService.asmx/GetMeeting?lMeetingId=505", "/mgWebService.asmx/GetMeeting?lMeetingId=501"},
		"pages.txtar":   {"/ieListDocuments.aspx?CId=32&MId=505&Ver=4", "/ieListDocuments.aspx?CId=31&MId=501&Ver=4"},
	} {
		c := fixture(t, way)
		s := c.with(map[string]string{pair[0]: c.answers[pair[1]]}).mustVisit(t, today(), nil)
		if it := item(t, s, "meeting/505"); !it.Stub || len(s.Problems) != 1 {
			t.Errorf("%s: %+v, problems %v", way, it, s.Problems)
		}
	}
}

func TestAMeetingUnreadableInXMLIsReadFromItsPage(t *testing.T) {
	c := fixture(t, "pages.txtar").with(fixture(t, "service.txtar").answers)
	c = c.with(map[string]string{"/mgWebService.asmx/GetMeeting?lMeetingId=501": "HTTP 500\nRuntime Error"})
	s := c.mustVisit(t, today(), nil)
	if it := item(t, s, "meeting/501"); it.Stub || len(it.Parts) != 5 || len(s.Problems) != 0 {
		t.Errorf("%+v, problems %v", it, s.Problems)
	}
}

// At some sites committee 0 is every committee, at some it is none, and what
// comes may be less than is known.
func TestCommitteeNoughtIsNotBelievedBlindly(t *testing.T) {
	full := fixture(t, "service.txtar")
	all := full.answers[fmt.Sprintf(meetingsPath, "0")]
	single := func(id string) string {
		start := strings.Index(all, "  <committee>\n    <committeeid>"+id)
		end := start + strings.Index(all[start:], "  </committee>\n") + len("  </committee>\n")
		n := strings.Count(all[start:end], "<meeting>")
		return fmt.Sprintf("<?xml version=\"1.0\"?>\n<getmeetings>\n  <meetingscount> %d</meetingscount>\n%s</getmeetings>", n, all[start:end])
	}
	one := map[string]string{fmt.Sprintf(meetingsPath, "31"): single("31"), fmt.Sprintf(meetingsPath, "32"): single("32")}
	empty := "<?xml version=\"1.0\"?><getmeetings><meetingscount> 0</meetingscount><committeescount> 0</committeescount></getmeetings>"
	known := full.mustVisit(t, today(), nil).Items
	want := []string{"meeting/501", "meeting/502", "meeting/503", "meeting/504", "meeting/505", "meeting/506"}

	for name, nought := range map[string]string{"nothing": empty, "an error": "HTTP 500\nerror", "a part of what is known": single("32")} {
		c := full.with(one).with(map[string]string{fmt.Sprintf(meetingsPath, "0"): nought})
		s := c.mustVisit(t, today(), known)
		if diff := cmp.Diff(want, keys(s)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		for _, gone := range []string{"33", "34"} {
			if slices.Contains(c.asked, fmt.Sprintf(meetingsPath, gone)) {
				t.Errorf("%s: asked the expired or deleted committee %s", name, gone)
			}
		}
	}

	if s := full.with(one).with(map[string]string{fmt.Sprintf(meetingsPath, "0"): empty}).mustVisit(t, today(), nil); len(s.Items) != 6 {
		t.Errorf("on the first visit: %v", keys(s))
	}

	none := map[string]string{fmt.Sprintf(meetingsPath, "0"): empty, fmt.Sprintf(meetingsPath, "31"): empty, fmt.Sprintf(meetingsPath, "32"): empty}
	if s, err := full.with(none).visit(t, today(), nil); err == nil {
		t.Errorf("committees without any meeting are read as %v", keys(s))
	}
	if s := fixture(t, "pages.txtar").with(full.answers).with(none).mustVisit(t, today(), nil); len(s.Items) != 6 {
		t.Errorf("the pages know better: %v", keys(s))
	}
}

func TestAnExpiredCommitteeIsAskedWhileItsMeetingsAreKnown(t *testing.T) {
	old := []store.Item{{Key: "meeting/900", URL: base + "/ieListDocuments.aspx?CId=33&MId=900&Ver=4", Title: "Old Scrutiny Board",
		Fields: map[string]string{"when": "2026-09-30T10:00:00+01:00", "committee": "Old Scrutiny Board"}}}
	list := `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Browse meetings</h1><div class="mgList"><ul class="mgNonBulletTableList"><li><a class="mgMeetingTableLnk" href="ieListDocuments.aspx?CId=33&amp;MId=900&amp;Ver=4">30 Sep 2026&nbsp;10&#58;00 am</a> - CANCELLED</li></ul></div></div></body></html>`

	s := fixture(t, "pages.txtar").with(map[string]string{"/ieListMeetings.aspx?CommitteeId=33": list}).mustVisit(t, today(), old)
	if it := item(t, s, "meeting/900"); !it.Cancelled() {
		t.Errorf("its cancellation is not seen: %+v", it)
	}
	// Its page is gone, with an error page: then its meetings are listed nowhere.
	s = fixture(t, "pages.txtar").with(map[string]string{"/ieListMeetings.aspx?CommitteeId=33": badAnswers()["an error page of the system"]}).mustVisit(t, today(), old)
	if slices.Contains(keys(s), "meeting/900") || len(s.Items) != 6 {
		t.Errorf("items %v", keys(s))
	}
	// Once they are withdrawn, the committee is left alone.
	gone := old[0]
	gone.Withdrawn = today()
	c := fixture(t, "pages.txtar")
	c.mustVisit(t, today(), []store.Item{gone})
	if slices.Contains(c.asked, "/ieListMeetings.aspx?CommitteeId=33") {
		t.Error("asked for a committee whose meetings are withdrawn")
	}
	// The site does not answer: nothing can be concluded.
	if s, err := fixture(t, "pages.txtar").with(map[string]string{"/ieListMeetings.aspx?CommitteeId=33": "HTTP 500\n"}).visit(t, today(), old); err == nil {
		t.Errorf("concluded %v", keys(s))
	}
}

// listPage is a page of meetings of committee 7, with links both ways.
func listPage(earlier, later string, rows ...string) string {
	var b strings.Builder
	b.WriteString(`<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Browse meetings</h1><form id="FormYearSelect"><div class="mgList">`)
	for act, d := range map[string]string{"earlier": earlier, "later": later} {
		if d != "" {
			fmt.Fprintf(&b, `<a class="mgTableNextLnk" href="ieListMeetings.aspx?Act=%s&amp;CId=7&amp;D=%s&amp;MD=ielistmeetings">%s meetings</a>`, act, d, act)
		}
	}
	b.WriteString(`<ul class="mgNonBulletTableList">`)
	for _, r := range rows {
		id, date, _ := strings.Cut(r, " ")
		fmt.Fprintf(&b, `<li><a class="mgMeetingTableLnk" href="ieListDocuments.aspx?CId=7&amp;MId=%s&amp;Ver=4">%s</a></li>`, id, date)
	}
	b.WriteString(`</ul></div></form></div></body></html>`)
	return b.String()
}

func sevenOnly(answers map[string]string) *council {
	c := &council{answers: maps.Clone(answers)}
	c.answers["/mgListCommittees.aspx?bcr=1"] = `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Committee structure</h1><a href="mgCommitteeDetails.aspx?ID=7">Seven</a></div></body></html>`
	return c
}

func turn(act, d string) string {
	return "/ieListMeetings.aspx?Act=" + act + "&CId=7&D=" + d + "&MD=ielistmeetings"
}

func TestTheListIsReadInBothDirections(t *testing.T) {
	c := sevenOnly(map[string]string{
		"/ieListMeetings.aspx?CommitteeId=7": listPage("202607011000", "202609011000", "3 1 Sep 2026 10:00 am", "2 1 Jul 2026 10:00 am"),
		turn("earlier", "202607011000"):      listPage("202605201000", "202605201000", "1 20 May 2026 10:00 am"),
		turn("earlier", "202605201000"):      listPage("202401011000", "202401011000", "0 1 Jan 2024 10:00 am"),
		turn("later", "202609011000"):        listPage("202701011000", "202701011000", "4 1 Jan 2027 10:00 am"),
		turn("later", "202701011000"):        listPage("", ""),
	})
	s := c.mustVisit(t, today(), nil)
	if diff := cmp.Diff([]string{"meeting/1", "meeting/2", "meeting/3", "meeting/4"}, keys(s)); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(c.asked, turn("earlier", "202401011000")) {
		t.Error("went on past the window")
	}
	if !s.From.Equal(at("2026-05-04T00:00:00+01:00")) {
		t.Errorf("covers from %v", s.From)
	}
}

func TestPagesThatRepeatEndTheReadingAndNarrowTheWindow(t *testing.T) {
	page := listPage("202607011000", "202609011000", "3 1 Sep 2026 10:00 am", "2 1 Jul 2026 10:00 am")
	swing := listPage("202607011001", "202609011001", "3 1 Sep 2026 10:00 am", "2 1 Jul 2026 10:00 am")
	c := sevenOnly(map[string]string{
		"/ieListMeetings.aspx?CommitteeId=7": page,
		turn("earlier", "202607011000"):      swing, turn("earlier", "202607011001"): page,
		turn("later", "202609011000"): swing, turn("later", "202609011001"): page,
	})
	s := c.mustVisit(t, today(), nil)
	if len(s.Items) != 2 || len(c.asked) > 12 {
		t.Errorf("items %v after %d requests", keys(s), len(c.asked))
	}
	if !s.From.Equal(at("2026-07-01T10:00:00+01:00")) {
		t.Errorf("before the oldest meeting shown absence says nothing; covers from %v", s.From)
	}
}

// One broken line must neither lose the list nor withdraw the meeting.
func TestADateThatCannotBeRead(t *testing.T) {
	bad := []string{"3 1 Sep 2026 10:00 am", "2 31 Jun 2026 10:00 am", "5 to be announced"}
	c := sevenOnly(map[string]string{"/ieListMeetings.aspx?CommitteeId=7": listPage("", "", bad...)})
	old := []store.Item{{Key: "meeting/2", Title: "Seven", Fields: map[string]string{"when": "2026-06-30T10:00:00+01:00", "committee": "Seven", "minutes": "published"}}}
	s := c.mustVisit(t, today(), old)
	if diff := cmp.Diff([]string{"meeting/2", "meeting/3"}, keys(s)); diff != "" {
		t.Error(diff)
	}
	it := item(t, s, "meeting/2")
	if !it.Stub || it.Fields["when"] != "2026-06-30T10:00:00+01:00" {
		t.Errorf("known meeting: %+v", it)
	}
	said := 0
	for _, p := range s.Problems {
		if strings.HasPrefix(p.What, "date of meeting") && p.Reason == store.ReasonFormat {
			said++
		}
	}
	if said != 2 {
		t.Errorf("problems %v", s.Problems)
	}
	all := sevenOnly(map[string]string{"/ieListMeetings.aspx?CommitteeId=7": listPage("", "", bad[1:]...)})
	if s, err := all.visit(t, today(), old); err == nil {
		t.Errorf("a page of which no date can be read is another layout, not %v", keys(s))
	}
}

func TestAnAgendaThatCannotBeReadIsNoEmptyAgenda(t *testing.T) {
	path := "/ieListDocuments.aspx?CId=31&MId=501&Ver=4"
	c := fixture(t, "pages.txtar")
	for name, page := range map[string]string{
		"renumbered anchors":    strings.ReplaceAll(c.answers[path], `name="AI`, `name="Item`),
		"a heading and nothing": `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Agenda and minutes</h1></div></body></html>`,
		"another page":          `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Find your councillor</h1></div></body></html>`,
	} {
		s := c.with(map[string]string{path: page}).mustVisit(t, today(), nil)
		if it := item(t, s, "meeting/501"); !it.Stub || len(s.Problems) != 1 {
			t.Errorf("%s: %+v", name, it)
		}
	}
}

func TestTheSameVisitGivesTheSameItems(t *testing.T) {
	for _, way := range []string{"service.txtar", "pages.txtar"} {
		first := fixture(t, way).mustVisit(t, today(), nil)
		again := fixture(t, way).mustVisit(t, today().Add(time.Hour), first.Items)
		for _, it := range again.Items {
			if diff := cmp.Diff(item(t, first, it.Key), it); diff != "" {
				t.Errorf("%s: %s changed by reading it again:\n%s", way, it.Key, diff)
			}
		}
	}
}
