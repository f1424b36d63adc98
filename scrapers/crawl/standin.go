package crawl

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"ccgwatch/store"
)

// StandIn tells whether a page with status 200 is there in place of the one
// asked for: a soft 404, a log-in, a note about maintenance, an error page, a
// challenge, a script that would lead a browser elsewhere. The error says which;
// nil means that nothing of the kind was recognised, not that the page is right.
//
// It goes by the title, the main heading and, of pages that say next to
// nothing, their text: an ordinary page may mention maintenance, and may have
// a log-in form at its top.
func (p *Page) StandIn() error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	text := barely(d)
	heads := []string{oneLine(d.Find("title").First().Text()), oneLine(d.Find("h1").First().Text())}
	short := len(text) < 600
	if short {
		heads = append(heads, text)
	}
	for _, s := range standIns() {
		for i, h := range heads {
			if h == "" || i == 2 && !s.inText || !s.words.MatchString(h) {
				continue
			}
			return Errorf(s.reason, "%s stands where the page should be (%.80q)", s.what, h)
		}
	}
	if d.Find("input[type=password]").Length() > 0 && len(text) < 1500 && d.Find("a[href]").Length() < 15 {
		return Errorf(store.ReasonRefused, "a log-in stands where the page should be")
	}
	low := bytes.ToLower(p.Body)
	if short && len(text) < 100 && elsewhere(d, low) {
		return Errorf(store.ReasonFormat, "a script or a refresh stands where the page should be, which would lead a browser elsewhere")
	}
	return nil
}

// A standIn is one sort of page that is not the one asked for.
type standIn struct {
	what   string
	reason store.Reason
	words  *regexp.Regexp
	inText bool // also where the page says next to nothing else
}

func standIns() []standIn {
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	return []standIn{
		{"a challenge", store.ReasonRefused, re(`just a moment|attention required|verify(?:ing)? (?:that )?you are (?:a )?human|checking your browser|enable javascript and cookies|pardon our interruption|are you a robot|robot challenge|ddos.guard|request unsuccessful\. incapsula`), true},
		{"a refusal", store.ReasonRefused, re(`^(?:40[13]\b.*|access (?:is )?denied.*|forbidden.*|unauthori[sz]ed.*)$|you (?:do not|don.t) have permission to (?:access|view)`), true},
		{"a log-in", store.ReasonRefused, re(`^(?:please )?(?:log|sign)[ -]?in\b`), true},
		{"a soft 404", store.ReasonMissing, re(`\b(?:page|file|document|content|resource) (?:was |is |could |can )?(?:not|n.t) (?:be )?(?:found|available)|^(?:error )?404\b|\b404 (?:error|not found|-)|^not found$|(?:can.?t|cannot|could not|couldn.t) find (?:that|the|this|your)? ?page|page (?:you (?:are|were) looking for|no longer exists|has moved or)`), true},
		{"a note about maintenance", store.ReasonServer, re(`\bmaintenance\b.*\b(?:page|mode|progress|work|under|back|site|shortly|soon|essential|planned|scheduled)|under (?:planned |essential )?maintenance|^(?:site |scheduled |planned |essential |website )?maintenance$|temporarily (?:unavailable|closed|down|offline)|service (?:is )?unavailable|(?:we.?ll|will) be back (?:soon|shortly)|currently unavailable`), true},
		{"an error page", store.ReasonServer, re(`^(?:runtime |server |application |system |an? )?error$|^(?:sorry,? )?(?:an? )?(?:unexpected|critical|unhandled|internal server|application|server)(?: application)? error\b|server error in|critical error has occurred|something (?:has gone|went) wrong|database error|error establishing a database`), true},
	}
}

// elsewhere tells a page that is nothing but a way to another.
func elsewhere(d *goquery.Document, low []byte) bool {
	if bytes.Contains(low, []byte("location")) {
		for _, s := range []string{"window.location", "document.location", "top.location", "self.location", "location.href", "location.replace", "location.assign"} {
			if bytes.Contains(low, []byte(s)) {
				return true
			}
		}
	}
	for _, m := range d.Find("meta[http-equiv]").EachIter() {
		if strings.EqualFold(m.AttrOr("http-equiv", ""), "refresh") && strings.Contains(strings.ToLower(m.AttrOr("content", "")), "url") {
			return true
		}
	}
	return false
}

// barely is the text that a page would show, in one line, the first 2,000 bytes
// of it: enough to see whether it says anything.
func barely(d *goquery.Document) string {
	var b strings.Builder
	root := d.Find("body")
	for _, n := range root.Nodes {
		for x := n; x != nil && b.Len() < 2000; {
			if x.Type == html.TextNode {
				b.WriteString(x.Data)
				b.WriteByte(' ')
			}
			skip := x.Type == html.ElementNode && (x.Data == "script" || x.Data == "style" || x.Data == "noscript" || x.Data == "template")
			if x.FirstChild != nil && !skip {
				x = x.FirstChild
				continue
			}
			for x != n && x.NextSibling == nil {
				x = x.Parent
			}
			if x == n {
				break
			}
			x = x.NextSibling
		}
	}
	return oneLine(b.String())
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Ends tells whether a page has an end: a page cut short is valid HTML, and
// what stood in its second half would look withdrawn. Of a fragment that never
// began as a page nothing is known.
func (p *Page) Ends() error {
	low := bytes.ToLower(p.Body)
	if bytes.Contains(low[:min(len(low), 4096)], []byte("<html")) && !bytes.Contains(low, []byte("</html")) && !bytes.Contains(low, []byte("</body")) {
		return Errorf(store.ReasonTruncated, "the page has no end")
	}
	return nil
}

// Again makes a request that is repeated, up to so many times, where its answer
// came in well and still was not what it should be: half a page, an error page
// with status 200. What the transport or the status tells the fetcher has
// repeated already.
func Again(r Request, times int) Request {
	once := r
	r.Or = func(err error) []Request {
		var e *Error
		spoiled := errors.As(err, &e) && e.Status == 0 && (e.Reason == store.ReasonTruncated || e.Reason == store.ReasonServer)
		switch {
		case spoiled && times > 0:
			return []Request{Again(once, times-1)}
		case once.Or != nil:
			return once.Or(err)
		}
		return nil
	}
	return r
}
