package scrapers

import (
	"net/url"
	"reflect"
	"testing"

	"ccgwatch/scrapers/crawl"
)

// The list of decisions of a CMIS site is followed as a page, since the adapter
// does not read it; every other page of such a site is the site's.
func TestRecogniseCMIS(t *testing.T) {
	const menu = `<html><body><a href="/exampleton/Meetings.aspx">Meetings</a> <a href="/exampleton/Decisions.aspx">Decisions</a><p>Council business of Exampleton.</p></body></html>`
	for address, want := range map[string][]Row{
		"https://exampleton.cmis.uk.com/exampleton/Decisions.aspx":                     {{Platform: "page", Base: "https://exampleton.cmis.uk.com", Page: "/exampleton/Decisions.aspx"}, {Platform: "cmis", Base: "https://exampleton.cmis.uk.com/exampleton"}},
		"https://exampleton.cmis.uk.com/exampleton/Decisions/tabid/67/Default.aspx":    {{Platform: "page", Base: "https://exampleton.cmis.uk.com", Page: "/exampleton/Decisions/tabid/67/Default.aspx"}, {Platform: "cmis", Base: "https://exampleton.cmis.uk.com/exampleton"}},
		"https://exampleton.cmis.uk.com/exampleton/Meetings.aspx":                      {{Platform: "cmis", Base: "https://exampleton.cmis.uk.com/exampleton"}},
		"https://www.exampleton.gov.uk/council/Decisions.aspx":                         {{Platform: "page", Base: "https://www.exampleton.gov.uk", Page: "/council/Decisions.aspx"}},
		"https://exampleton.cmis.uk.com/exampleton/Decisions/tabid/67/ctl/X/Other.htm": {{Platform: "cmis", Base: "https://exampleton.cmis.uk.com/exampleton"}},
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		body := menu
		if u.Hostname() == "www.exampleton.gov.uk" {
			body = `<html><body><p>Council business of Exampleton.</p></body></html>`
		}
		got := Recognise(&crawl.Page{URL: u, Body: []byte(body)})
		for i, w := range want {
			if i >= len(got) || !reflect.DeepEqual(got[i].Row, w) {
				t.Errorf("%s: guess %d is not %+v: %+v", address, i+1, w, got)
			}
		}
	}
}
