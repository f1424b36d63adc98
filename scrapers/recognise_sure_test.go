package scrapers

import (
	"net/url"
	"slices"
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

// What a site's web service answers was followed as a page of text, the names of
// those who attended included, and its news instead of its meetings.
func TestTheServiceAndTheNewsOfACommitteeSystemLeadToTheSystem(t *testing.T) {
	for address, c := range map[string]struct {
		body string
		want []string
	}{
		"https://www.example.gov.uk/mg/mgWebService.asmx/GetCommittees":  {`<?xml version="1.0"?><committees><committeescount> 0</committeescount></committees>`, []string{"moderngov https://www.example.gov.uk/mg"}},
		"https://democracy.example.gov.uk/(S(abc123))/mgWebService.asmx": {"<html><body>21 methods</body></html>", []string{"moderngov https://democracy.example.gov.uk"}},
		"https://democracy.example.gov.uk/mgRss.aspx?CID=7":              {`<?xml version="1.0"?><rss version="2.0"><channel></channel></rss>`, []string{"moderngov https://democracy.example.gov.uk", "feed https://democracy.example.gov.uk"}},
		"https://www.example.gov.uk/news.rss":                            {`<?xml version="1.0"?><rss version="2.0"><channel></channel></rss>`, []string{"feed https://www.example.gov.uk"}},
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range Recognise(&crawl.Page{URL: u, Body: []byte(c.body)}) {
			got = append(got, g.Platform+" "+g.Base)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", address, got, c.want)
		}
	}
}
