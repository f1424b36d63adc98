package scrapers

import (
	"net/url"
	"testing"

	"ccgwatch/scrapers/crawl"
)

// A page of a committee system is told from one that only links to such a system:
// the first must not be read as anything else when the system does not answer.
func TestAPageOfACommitteeSystemIsToldFromALinkToOne(t *testing.T) {
	for _, c := range []struct {
		address, body string
		sure          map[string]bool // by platform
	}{
		{"https://democracy.example.gov.uk/mg/ieListMeetings.aspx?CId=7", `<html><body><div id="modgov"><h1>Browse meetings</h1><a href="ieListDocuments.aspx?CId=7&MId=9">Thursday 3 December 2026</a></div></body></html>`,
			map[string]bool{"moderngov": true, "boards": false, "page": false}},
		{"https://www.example.gov.uk/", `<html><body><a href="https://democracy.example.gov.uk/mgListCommittees.aspx">Council meetings and papers 2026</a></body></html>`,
			map[string]bool{"moderngov": false, "page": false}},
		{"https://council.example.gov.uk/cmis5/Meetings.aspx", `<html><body><div id="dnn_ctr397_MeetingCalendarPublic"></div><a href="/cmis5/Meetings/tabid/70/ctl/ViewMeetingPublic/mid/397/Meeting/1/Default.aspx">10:00 Panel</a></body></html>`,
			map[string]bool{"cmis": true, "page": false}},
		{"https://www.example.gov.uk/", `<html><body><a href="https://example.cmis.uk.com/example/Meetings.aspx">Council meetings and papers 2026</a></body></html>`,
			map[string]bool{"cmis": false, "page": false}},
	} {
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, g := range Recognise(&crawl.Page{URL: u, Body: []byte(c.body)}) {
			found[g.Platform] = true
			if want, told := c.sure[g.Platform]; told && g.Sure != want {
				t.Errorf("%s: %s sure: %v", c.address, g.Platform, g.Sure)
			}
		}
		for platform := range c.sure {
			if !found[platform] {
				t.Errorf("%s: not %s", c.address, platform)
			}
		}
	}
}
