package feeds

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

type reader struct {
	london *time.Location
	spaces *regexp.Regexp
	prose  *prose

	wrapped *regexp.Regexp // one end of a line between two words
}

func newReader() *reader {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic("feeds: the zone data compiled in is broken: " + err.Error())
	}
	return &reader{london: london, spaces: regexp.MustCompile(`\s+`), prose: newProse(), wrapped: regexp.MustCompile(`(\S)[ \t]*\r?\n[ \t]*(\S)`)}
}

// The formats in XML. The namespaces are not looked at: feeds get them wrong,
// and the names do not collide. Atom allows relative addresses, its links say
// what they are for, and its text says whether it is HTML.
type (
	xmlText struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
		XML  string `xml:",innerxml"`
	}
	xmlLink struct {
		Href string `xml:"href,attr"`
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	}
	xmlEntry struct {
		ID          string    `xml:"id"`
		GUID        string    `xml:"guid"`
		About       string    `xml:"about,attr"`
		Title       []xmlText `xml:"title"`
		Links       []xmlLink `xml:"link"`
		Summary     xmlText   `xml:"summary"`
		Content     xmlText   `xml:"content"`
		Description xmlText   `xml:"description"`
		Encoded     xmlText   `xml:"encoded"`
		Published   string    `xml:"published"`
		Updated     string    `xml:"updated"`
		PubDate     string    `xml:"pubDate"`
		Date        string    `xml:"date"` // Dublin Core
		Issued      string    `xml:"issued"`
		Modified    string    `xml:"modified"`
		Inner       string    `xml:",innerxml"`
		Enclosures  []struct {
			URL  string `xml:"url,attr"`
			Type string `xml:"type,attr"`
		} `xml:"enclosure"`
	}
	xmlFeed struct {
		Entries []xmlEntry `xml:"entry"`        // Atom
		Items   []xmlEntry `xml:"channel>item"` // RSS 2.0
		Loose   []xmlEntry `xml:"item"`         // RSS 1.0
	}
)

// entries recognises the format by its first bytes: servers name the wrong type.
func (rd *reader) entries(p *crawl.Page) ([]entry, error) {
	body := bytes.TrimSpace(p.Body)
	switch {
	case len(body) == 0:
		return nil, crawl.Errorf(store.ReasonEmpty, "the feed is empty")
	case body[0] == '{' || body[0] == '[':
		return rd.fromJSON(p, body)
	}
	root, err := rootOf(body)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(root) {
	case "feed", "rss", "rdf":
	case "html":
		if err := p.StandIn(); err != nil {
			return nil, err
		}
		return nil, crawl.Errorf(store.ReasonFormat, "a web page stands where the feed should be")
	default:
		return nil, crawl.Errorf(store.ReasonFormat, "<%.40s> is no feed: expected Atom, RSS or JSON", root)
	}
	var f xmlFeed
	d := decoder(body)
	if err := d.Decode(&f); err != nil {
		if cut(err) {
			return nil, crawl.Errorf(store.ReasonTruncated, "the feed has no end: %w", err)
		}
		return nil, crawl.Errorf(store.ReasonFormat, "reading the feed: %w", err)
	}
	var list []entry
	for _, group := range [][]xmlEntry{f.Entries, f.Items, f.Loose} {
		for _, x := range group {
			list = append(list, rd.fromXML(p, x))
		}
	}
	return list, nil
}

func decoder(body []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(body))                                         //nolint:gosec // XML into structs of texts: nothing of it is run
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the fetcher made it UTF-8
	d.Entity = xml.HTMLEntity
	d.Strict = false // many feeds hold a bare & in their text
	return d
}

func cut(err error) bool {
	var s *xml.SyntaxError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &s) && strings.Contains(s.Msg, "unexpected EOF")
}

// rootOf is the name of the outermost element. A document type and anything
// before it are passed over; entities it declares are not read.
func rootOf(body []byte) (string, error) {
	d := decoder(body)
	for {
		tok, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return "", crawl.Errorf(store.ReasonFormat, "neither XML nor JSON: expected a feed")
		case err != nil:
			return "", crawl.Errorf(store.ReasonFormat, "reading the feed: %w", err)
		}
		if s, ok := tok.(xml.StartElement); ok {
			return s.Name.Local, nil
		}
	}
}

func (rd *reader) fromXML(p *crawl.Page, x xmlEntry) entry {
	e := entry{id: first(x.ID, x.GUID, x.About)}
	for _, t := range x.Title {
		if e.title == "" {
			e.title = rd.words(t)
		}
	}
	for _, l := range x.Links {
		switch {
		case l.Href == "" && e.link == "":
			e.link = strings.TrimSpace(l.Text) // RSS
		case l.Rel == "enclosure":
			e.files = rd.file(p, e.files, l.Href)
		case l.Href != "" && (l.Rel == "" || l.Rel == "alternate") && (e.link == "" || l.Type == "" || l.Type == "text/html"):
			e.link = l.Href
		}
	}
	for _, enc := range x.Enclosures {
		e.files = rd.file(p, e.files, enc.URL)
	}
	if e.link == "" && strings.HasPrefix(x.GUID, "http") {
		e.link = x.GUID
	}
	e.prose = []string{e.title}
	for _, t := range []xmlText{x.Summary, x.Description, x.Content, x.Encoded} {
		if e.summary == "" {
			e.summary = rd.words(t)
		}
		e.prose = rd.lines(e.prose, t.markup(), t.Type == "text")
	}
	e.published = rd.firstTime(x.Published, x.Issued, x.PubDate, x.Date)
	e.updated = rd.firstTime(x.Updated, x.Modified)
	e.occasion = decodeOccasion(x.Inner).occasion(rd)
	return e
}

// file adds a paper that an entry carries; pictures and sound are none.
func (rd *reader) file(p *crawl.Page, list []store.Document, href string) []store.Document {
	u := p.Abs(href)
	low := strings.ToLower(strings.SplitN(u, "?", 2)[0])
	for _, end := range []string{".pdf", ".doc", ".docx", ".xlsx", ".pptx"} {
		if strings.HasSuffix(low, end) {
			name := low[strings.LastIndexByte(low, '/')+1:]
			return append(list, store.Document{Key: "file/" + u, Title: name, URL: u, Role: store.RoleReport})
		}
	}
	return list
}

// words is a text of a feed as plain text in one line. RSS does not say
// whether its text is HTML, and most of it is.
func (rd *reader) words(t xmlText) string { return rd.plain(t.markup(), t.Type == "text") }

func (t xmlText) markup() string {
	if t.Type == "xhtml" {
		return t.XML
	}
	return t.Text
}

// lines adds the lines of a text that are not there yet: what stands in a
// paragraph, an item of a list or a cell by itself.
func (rd *reader) lines(list []string, s string, verbatim bool) []string {
	if len(s) > proseMost {
		s = strings.ToValidUTF8(s[:proseMost], "")
	}
	for line := range strings.Lines(rd.text(s, verbatim)) {
		if line = strings.TrimSpace(rd.spaces.ReplaceAllString(line, " ")); line != "" && !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

func (rd *reader) plain(s string, verbatim bool) string {
	return strings.TrimSpace(rd.spaces.ReplaceAllString(rd.text(s, verbatim), " "))
}

// text takes the markup out; paragraphs and the like begin new lines.
func (rd *reader) text(s string, verbatim bool) string {
	if !verbatim && strings.ContainsAny(s, "<&") {
		s = strings.NewReplacer("\n", " ", "\r", " ", "<br", "\n<br", "<p", "\n<p", "<li", "\n<li", "<div", "\n<div", "<h", "\n<h", "<tr", "\n<tr", "</p>", "</p>\n", "</h", "\n</h").Replace(s)
		if d, err := goquery.NewDocumentFromReader(strings.NewReader(s)); err == nil {
			d.Find("script, style").Remove()
			s = d.Find("body").Text()
		}
		if strings.Contains(s, "&") {
			s = html.UnescapeString(s)
		}
	} else { // wrapped at any width: an empty line parts paragraphs
		s = rd.wrapped.ReplaceAllString(s, "$1 $2")
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// time reads the forms in which feeds write times; a day without a time is its
// beginning in London.
func (rd *reader) time(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, form := range []string{time.RFC3339Nano, time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST",
		"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04 MST", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02", "2006/01/02"} {
		if t, err := time.ParseInLocation(form, s, rd.london); err == nil && t.Year() >= 1990 && t.Year() <= 2100 {
			return t, true
		}
	}
	return time.Time{}, false
}

func (rd *reader) firstTime(list ...string) time.Time {
	for _, s := range list {
		if t, ok := rd.time(s); ok {
			return t
		}
	}
	return time.Time{}
}

func first(list ...string) string {
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

// jsonEntry holds the names that the JSON formats give to the same things: JSON
// Feed 1, the search of Citizen Space, the search of GOV.UK.
type jsonEntry struct {
	ID          any    `json:"id"`
	IDAlt       string `json:"_id"`
	ContentID   string `json:"content_id"`
	Title       string `json:"title"`
	URL         string `json:"url"`
	ExternalURL string `json:"external_url"`
	Link        string `json:"link"`
	Summary     string `json:"summary"`
	Description string `json:"description"`
	Overview    string `json:"overview"`
	ContentText string `json:"content_text"`
	ContentHTML string `json:"content_html"`
	Published   string `json:"date_published"`
	Modified    string `json:"date_modified"`
	PublicTime  string `json:"public_timestamp"`
	StartDate   string `json:"startdate"`
	EndDate     string `json:"enddate"`
	Start2      string `json:"start_date"`
	End2        string `json:"end_date"`
	Status      string `json:"status"`
	Department  any    `json:"department"`
	Attachments []struct {
		URL string `json:"url"`
	} `json:"attachments"`
}

// fromJSON reads a JSON feed, or the answer of a search: a list, or an object
// with the list in it.
func (rd *reader) fromJSON(p *crawl.Page, body []byte) ([]entry, error) {
	var rows []json.RawMessage
	calendar := false
	if err := json.Unmarshal(body, &rows); err != nil {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(body, &o); err != nil {
			if strings.Contains(err.Error(), "unexpected end") {
				return nil, crawl.Errorf(store.ReasonTruncated, "the feed has no end: %w", err)
			}
			return nil, crawl.Errorf(store.ReasonFormat, "reading the feed: %w", err)
		}
		found := false
		for _, name := range []string{"items", "results", "consultations", "entries", "events"} {
			if raw, ok := o[name]; ok && json.Unmarshal(raw, &rows) == nil {
				found, calendar = true, isCalendar(name)
				break
			}
		}
		if !found {
			return nil, crawl.Errorf(store.ReasonFormat, "the JSON holds no list of entries")
		}
	}
	var list []entry
	for i, raw := range rows {
		var x jsonEntry
		if err := json.Unmarshal(raw, &x); err != nil {
			return nil, crawl.Errorf(store.ReasonFormat, "entry %d of the feed: %w", i+1, err)
		}
		e := rd.jsonEntry(p, x)
		if calendar {
			e.occasion, e.opens, e.closes, e.consultation = rd.occasionJSON(raw), "", "", false
		}
		list = append(list, e)
	}
	return list, nil
}

func (rd *reader) jsonEntry(p *crawl.Page, x jsonEntry) entry {
	id := ""
	switch v := x.ID.(type) {
	case string:
		id = v
	case float64:
		id = strings.TrimSuffix(jsonNumber(v), ".0")
	}
	e := entry{
		id: first(id, x.IDAlt, x.ContentID), title: rd.plain(x.Title, false), link: first(x.URL, x.Link, x.ExternalURL),
		summary:   rd.plain(first(x.Summary, x.Overview, x.Description, x.ContentText, x.ContentHTML), false),
		published: rd.firstTime(x.Published, x.PublicTime), updated: rd.firstTime(x.Modified),
		opens: first(x.StartDate, x.Start2), closes: first(x.EndDate, x.End2), status: strings.ToLower(strings.TrimSpace(x.Status)),
	}
	e.prose = []string{e.title}
	for _, text := range []string{x.Summary, x.Overview, x.Description, x.ContentText, x.ContentHTML} {
		e.prose = rd.lines(e.prose, text, false)
	}
	e.consultation = x.Status != "" && (x.StartDate != "" || x.EndDate != "" || x.Department != nil)
	for _, a := range x.Attachments {
		e.files = rd.file(p, e.files, a.URL)
	}
	return e
}

func jsonNumber(v float64) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
