package scrapers

import (
	"bytes"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"ccgwatch/scrapers/crawl"
)

// A Guess is a way in which a site could be read, and the mark that says so.
type Guess struct {
	Row
	Why string // in words
	// Sure: the page that was asked for is the system's own. Read as anything else
	// it would be misunderstood: a committee's meetings taken for a board's.
	Sure bool
}

// Recognise says what a page may be, the likeliest first. Of a page that only
// links to a committee system it names the system; whoever asks looks there too.
// The last guess is always the page itself, which can be read whatever it is.
func Recognise(p *crawl.Page) []Guess {
	if in, c, ok := crawl.Unarchive(p); ok {
		return recogniseArchived(in, c)
	}
	var list []Guess
	add := func(r Row, why string) {
		for _, g := range list {
			if g.Platform == r.Platform && g.Base == r.Base && g.Page == r.Page {
				return
			}
		}
		list = append(list, Guess{Row: r, Why: why})
	}
	root := p.URL.Scheme + "://" + p.URL.Host
	low := bytes.ToLower(p.Body)
	here := p.URL.Path
	if p.URL.RawQuery != "" {
		here += "?" + p.URL.RawQuery
	}
	if at, ok := serviceRoot(p.URL); ok {
		add(Row{Platform: "moderngov", Base: at}, "it is part of a ModernGov site, which is read whole")
		if isXMLFeed(bytes.TrimSpace(p.Body)) {
			add(Row{Platform: "feed", Base: root, Page: here}, "it is a feed of the site's news")
		}
		return list
	}
	switch body := bytes.TrimSpace(p.Body); {
	case strings.HasPrefix(strings.ToLower(p.URL.Path), "/feed/body/"), bytes.Contains(low, []byte("alaveteli")):
		if m := regexp.MustCompile(`/body/([a-z0-9_-]+?)(?:\.json)?/?$`).FindStringSubmatch(p.URL.Path); m != nil {
			return []Guess{{Row: Row{Platform: "whatdotheyknow", Base: root, Page: "/body/" + m[1]}, Why: "it is the page of a public body on an Alaveteli site"}}
		}
	case strings.HasSuffix(p.URL.Path, "/data/manifest.json") && bytes.Contains(body, []byte(`"all.jsonl.gz"`)):
		return []Guess{{Row: Row{Platform: "ccgwatch", Base: root + strings.TrimSuffix(p.URL.Path, "/data/manifest.json")}, Why: "it is the export of another CCGWatch"}}
	case len(body) > 0 && (body[0] == '{' || body[0] == '['):
		return []Guess{{Row: Row{Platform: "feed", Base: root, Page: here}, Why: "it is JSON"}}
	case isXMLFeed(body):
		return []Guess{{Row: Row{Platform: "feed", Base: root, Page: here}, Why: "it is an Atom or RSS feed"}}
	}
	d, err := p.HTML()
	if err != nil {
		return nil
	}
	if d.Find(`meta[name="generator"][content="CCGWatch export"]`).Length() > 0 {
		base := strings.TrimSuffix(p.URL.Path, "/")
		if strings.HasSuffix(base, ".html") {
			base = strings.TrimSuffix(base[:strings.LastIndexByte(base, '/')+1], "/")
		}
		add(Row{Platform: "ccgwatch", Base: root + base}, "it is the export of another CCGWatch")
	}
	for _, a := range d.Find("a[href]").EachIter() {
		href := p.Abs(a.AttrOr("href", ""))
		if at, ok := rootOf(href, modernGovPage()); ok {
			add(Row{Platform: "moderngov", Base: at}, "it links "+href)
		}
		if at, ok := cmisRoot(href); ok {
			add(Row{Platform: "cmis", Base: at}, "it links "+href)
		}
	}
	if at, ok := rootOf(p.URL.String(), modernGovPage()); ok && bytes.Contains(low, []byte(`id="modgov"`)) {
		list = append([]Guess{{Row: Row{Platform: "moderngov", Base: at}, Why: "it is a ModernGov page"}}, list...)
	} else if strings.HasSuffix(p.URL.Hostname(), ".moderngov.co.uk") || bytes.Contains(low, []byte(`id="modgov"`)) {
		add(Row{Platform: "moderngov", Base: strings.TrimSuffix(root+dirOf(p.URL.Path), "/")}, "it is a ModernGov site")
	}
	if bytes.Contains(low, []byte("meetingcalendarpublic")) || strings.HasSuffix(p.URL.Hostname(), ".cmis.uk.com") {
		at, ok := cmisRoot(p.URL.String())
		if !ok {
			at = strings.TrimSuffix(root+dirOf(p.URL.Path), "/")
		}
		add(Row{Platform: "cmis", Base: at}, "it is a CMIS page")
	}
	if cmisDecisions().MatchString(p.URL.Path) && slices.ContainsFunc(list, func(g Guess) bool { return g.Platform == "cmis" }) {
		list = append([]Guess{{Row: Row{Platform: "page", Base: root, Page: here}, Why: "it is the list of decisions of a CMIS site, which is compared as text"}}, list...)
	}
	if bytes.Contains(low, []byte("citizenspace")) || strings.HasSuffix(p.URL.Hostname(), ".citizenspace.com") {
		add(Row{Platform: "feed", Base: root, Page: "/api/2.4/json_search_results?st=open&fields=all"}, "it is a Citizen Space site")
	}
	if papers(p, low) {
		add(Row{Platform: "boards", Base: root, Page: here}, "it links papers or dated meetings")
	}
	for _, l := range d.Find("link[rel=alternate][href]").EachIter() {
		kind := strings.ToLower(l.AttrOr("type", ""))
		if u, err := url.Parse(p.Abs(l.AttrOr("href", ""))); err == nil && u.Host == p.URL.Host && (strings.Contains(kind, "rss") || strings.Contains(kind, "atom") || strings.Contains(kind, "feed+json")) {
			q := u.Path
			if u.RawQuery != "" {
				q += "?" + u.RawQuery
			}
			add(Row{Platform: "feed", Base: root, Page: q}, "it names a feed")
		}
	}
	add(Row{Platform: "page", Base: root, Page: here}, "any page can be compared as text")
	for i, g := range list {
		if at, err := url.Parse(g.Base); err == nil && at.Host == p.URL.Host {
			list[i].Sure = g.Platform == "moderngov" && bytes.Contains(low, []byte(`id="modgov"`)) || g.Platform == "cmis" && ownCMIS(p, low)
		}
	}
	return list
}

// ownCMIS tells a page of a CMIS site from one that only links to such a site.
func ownCMIS(p *crawl.Page, low []byte) bool {
	return bytes.Contains(low, []byte("meetingcalendarpublic")) || bytes.Contains(low, []byte("viewmeetingpublic")) || bytes.Contains(low, []byte("cmisdocumentlist")) ||
		strings.HasSuffix(p.URL.Hostname(), ".cmis.uk.com")
}

// RecogniseAddress says what a site may be by its address alone: many ModernGov
// sites answer programs through their web service and refuse their pages.
func RecogniseAddress(u *url.URL) []Guess {
	if at, ok := rootOf(u.String(), modernGovPage()); ok {
		return []Guess{{Row: Row{Platform: "moderngov", Base: at}, Why: "its address is one of ModernGov's; the page itself could not be had"}}
	}
	if strings.HasSuffix(u.Hostname(), ".moderngov.co.uk") {
		return []Guess{{Row: Row{Platform: "moderngov", Base: u.Scheme + "://" + u.Host + dirOf(u.Path)}, Why: "its name is one of ModernGov's; the page itself could not be had"}}
	}
	if m := regexp.MustCompile(`^(.*?)/(?:feed/)?body/([a-z0-9_-]+?)(?:\.json)?/?$`).FindStringSubmatch(u.Path); m != nil &&
		(strings.Contains(u.Path, "/feed/body/") || strings.HasSuffix(u.Hostname(), "whatdotheyknow.com")) {
		return []Guess{{Row: Row{Platform: "whatdotheyknow", Base: u.Scheme + "://" + u.Host + m[1], Page: "/body/" + m[2]}, Why: "its address is one of Alaveteli's; the page itself could not be had"}}
	}
	if at, ok := cmisRoot(u.String()); ok {
		return []Guess{{Row: Row{Platform: "cmis", Base: at}, Why: "its address is one of CMIS's; the page itself could not be had"}}
	}
	return nil
}

func isXMLFeed(body []byte) bool {
	head := strings.ToLower(string(body[:min(len(body), 1000)]))
	return !strings.Contains(head, "<html") && (strings.Contains(head, "<rss") || strings.Contains(head, "<feed") || strings.Contains(head, "<rdf:rdf"))
}

// modernGovPage matches the file names that only ModernGov has.
func modernGovPage() *regexp.Regexp {
	return regexp.MustCompile(`(?i)/(?:ieListMeetings|ieListDocuments|ieDecisionDetails|ieDocHome|ieLogon|ieIssueDetails|mg[A-Z][A-Za-z]+)\.aspx$`)
}

// serviceRoot is the root of the ModernGov site whose web service or news are at
// an address: neither is a page, and the news show little of what there is.
func serviceRoot(u *url.URL) (string, bool) {
	m := regexp.MustCompile(`(?i)^(.*)/(?:mgWebService\.asmx(?:/.*)?|mgRss\.aspx)$`).FindStringSubmatch(u.Path)
	if m == nil {
		return "", false
	}
	return rootOf(u.Scheme+"://"+u.Host+m[1]+"/mgList.aspx", modernGovPage())
}

// rootOf is the root of the site that a page with such a name stands in, its
// sub-path included and a cookieless session left out.
func rootOf(address string, page *regexp.Regexp) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !page.MatchString(u.Path) {
		return "", false
	}
	dir := regexp.MustCompile(`(?i)/\([a-z]\([a-z0-9]+\)\)`).ReplaceAllString(dirOf(u.Path), "")
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+dir, "/"), true
}

// cmisRoot is the root of the CMIS site that an address is of.
func cmisRoot(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", false
	}
	at := regexp.MustCompile(`(?i)^(.*?)/(?:Meetings|MeetingsCalendar|CalendarofMeetings|Committees|Decisions)(?:\.aspx$|/tabid/\d+/)`).FindStringSubmatch(u.Path)
	cmis := strings.Contains(strings.ToLower(u.Host), "cmis") || strings.Contains(strings.ToLower(u.Path), "/ctl/viewmeetingpublic/") ||
		strings.Contains(strings.ToLower(u.Path), "/ctl/meetingcalendarpublic") || strings.Contains(strings.ToLower(u.Path), "/cmis")
	if at == nil || !cmis {
		return "", false
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+at[1], "/"), true
}

// cmisDecisions matches the list of a CMIS site's decisions, which the adapter does
// not read (see package cmis).
func cmisDecisions() *regexp.Regexp {
	return regexp.MustCompile(`(?i)/Decisions(?:\.aspx|/tabid/\d+/(?:[^/]+/)*Default\.aspx)$`)
}

func dirOf(p string) string {
	if strings.HasSuffix(p, "/") || path.Ext(p) == "" {
		return strings.TrimSuffix(p, "/")
	}
	return strings.TrimSuffix(path.Dir(p), "/")
}

// papers tells a page that may be a list of a board's papers: it speaks of them,
// and links files or dates.
func papers(p *crawl.Page, low []byte) bool {
	if !bytes.Contains(low, []byte("board")) && !bytes.Contains(low, []byte("meeting")) && !bytes.Contains(low, []byte("paper")) {
		return false
	}
	d, err := p.HTML()
	if err != nil {
		return false
	}
	dated := regexp.MustCompile(`(?i)\b\d{1,2}(?:st|nd|rd|th)?\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\s+\d{4}|\b20\d\d\b`)
	meets := regexp.MustCompile(`(?i)\bboards?\b.{0,60}\b(?:meetings?|in public|in common|of directors)\b|\bmeeting\b.{0,40}\bboard\b`)
	for _, a := range d.Find("a[href]").EachIter() {
		href := strings.ToLower(strings.SplitN(a.AttrOr("href", ""), "?", 2)[0])
		if meets.MatchString(a.Text()) { // a card of an event: its day stands beside the link
			if card := a.Closest("article, li, tr, div").Text(); len(card) <= 2000 && dated.MatchString(card) {
				return true
			}
		}
		if strings.HasSuffix(href, ".pdf") || strings.HasSuffix(href, ".docx") || strings.Contains(href, "/download_file/") || dated.MatchString(a.Text()) {
			return true
		}
	}
	return false
}
