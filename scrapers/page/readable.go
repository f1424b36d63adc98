package page

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A reader holds the patterns, compiled once.
type reader struct {
	furniture *regexp.Regexp   // names of classes and ids of what surrounds a page's content
	line      []*regexp.Regexp // lines that a page says about itself
	within    []scrub          // parts of lines that change by themselves
	date      *regexp.Regexp
	clock     *regexp.Regexp
}

// A scrub replaces what changes by itself with what does not.
type scrub struct {
	what *regexp.Regexp
	with string
}

func newReader() *reader {
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	const date = `(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?(?:\d{1,2}(?:st|nd|rd|th)?\s+[a-z]{3,9}\s+\d{4}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}-\d{2}-\d{2})`
	return &reader{
		furniture: re(`(?:^|[\s_-])(?:cookies?|breadcrumbs?|share|sharing|social|skip-?(?:link|nav|to)?|pagination|pager|feedback|helpful|rating|visitors?|counter|hit-?count|last-?(?:updated|modified|reviewed)|page-?meta|captcha|advert|carousel|slider|weather|related(?:-\w+)?|newsletter|print-?(?:link|page))(?:$|[\s_-])`),
		line: []*regexp.Regexp{
			re(`^(?:this )?(?:page |content |article )?(?:was )?(?:last |first )?(?:updated|reviewed|modified|published|checked|edited|amended)(?: on| at)?\s*:?\s*` + date + `.{0,20}$`),
			re(`^(?:date )?(?:last )?(?:update|review|modification)(?: date)?\s*:\s*` + date + `.{0,20}$`),
			re(`^(?:today is|today's date|it is now|the time is|current (?:date|time)|local time)\b`),
			re(`^(?:page )?(?:views?|visits?|visitors?|hits?|downloads?|likes?|shares?)\s*:?\s*[\d,. ]+$`),
			re(`^[\d,. ]+\s*(?:page )?(?:views?|visits?|visitors?|hits?|likes?|shares?|people online|users? online|reads?)\b.{0,20}$`),
			re(`^(?:viewed|read|downloaded|visited)\s+[\d,. ]+\s+times?\.?$`),
			re(`^(?:page )?(?:generated|rendered|served|cached)\b.{0,60}$`),
			re(`^(?:session|request|correlation|reference|trace|ray)[ -]?(?:id)?\s*:\s*[\w{}-]+$`),
			re(`^(?:©|\(c\)|copyright)\b?.{0,80}$`),
			re(`^(?:print(?: this)?(?: page)?|share(?: this)?(?: page)?|back to top|skip to (?:main )?content|top of page|accept (?:all )?cookies|was this (?:page|information) (?:helpful|useful)\??)$`),
		},
		within: []scrub{
			{re(`\b(?:just now|(?:\d+|an?|one|a few|about an?|less than a)\s+(?:second|minute|min|hour|day|week|month)s?\s+ago)\b`), "some time ago"},
			{re(`\b\d+\s+(?:second|minute|hour|day|week)s?\s+(?:to go|left|remaining)\b`), "some time left"},
			{re(`\b((?:comments?|repl(?:y|ies)|views?|results?|likes?|votes?|signatures?)\s*)\(\s*[\d,]+\s*\)`), "${1}(…)"},
			{re(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "…"},
			{re(`\b(?:[0-9a-f]{24,})\b`), "…"},
		},
		date:  re(`^\W*(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?(\d{1,2})(?:st|nd|rd|th)?\s+([a-z]{3,9}),?\s+(\d{4})\W*$`),
		clock: re(`\b\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\s*(?:[ap]\.?m\.?)?`),
	}
}

// title is the page's heading, or its title without the site's name.
func (rd *reader) title(d *goquery.Document) string {
	if h := tidy(d.Find("main h1, [role=main] h1, h1").First().Text()); h != "" {
		return h
	}
	t := tidy(d.Find("title").First().Text())
	for _, sep := range []string{" | ", " – ", " — ", " - ", " :: "} {
		if before, _, ok := strings.Cut(t, sep); ok && before != "" {
			return before
		}
	}
	return t
}

// content is the part of a page that is about its subject. What goes is what
// can be told by what it is, or by what it is called; nothing goes that holds
// half of the page's text, whatever it is called.
func (rd *reader) content(d *goquery.Document) *goquery.Selection {
	d.Find("script, style, noscript, template, svg, iframe, object, select, input, textarea, canvas, audio, video").Remove()
	main := d.Find("body")
	for _, where := range []string{"main", "[role=main]", "#main-content", "#content", "#maincontent", "article"} {
		if c := d.Find(where).First(); c.Length() > 0 && len(tidy(c.Text())) >= nothing {
			main = c
			break
		}
	}
	main.Find("nav, [role=navigation], [role=banner], [role=contentinfo], [role=search], [role=complementary], aside, footer").Remove()
	if goquery.NodeName(main) == "body" {
		main.Find("header").Remove()
	}
	whole := len(main.Text())
	main.Find("[class], [id]").Each(func(_ int, x *goquery.Selection) {
		if rd.furniture.MatchString(x.AttrOr("class", "")+" "+x.AttrOr("id", "")) && 2*len(x.Text()) < whole {
			x.Remove()
		}
	})
	return main
}

// A section is what stands under one heading.
type section struct {
	heading, text string
}

func (s section) name() string {
	if s.heading == "" {
		return FieldText
	}
	return FieldText + ": " + s.heading
}

// headingMost keeps a paragraph that is marked as a heading from naming a field.
const headingMost = 120

// sections reads the text in the order of the page: a line for each paragraph,
// list entry and table row.
func (rd *reader) sections(main *goquery.Selection, now time.Time) []section {
	w := &writer{rd: rd, now: now, used: map[string]int{}}
	for _, n := range main.Nodes {
		w.walk(n)
	}
	w.end()
	return w.list
}

// A writer gathers lines into sections.
type writer struct {
	rd    *reader
	now   time.Time
	list  []section
	used  map[string]int
	head  string
	lines []string
	line  strings.Builder
}

// walk goes through the tree without calling itself: foreign pages may nest deeply.
func (w *writer) walk(root *html.Node) {
	for n := root; n != nil; {
		w.enter(n)
		if n.FirstChild != nil {
			n = n.FirstChild
			continue
		}
		for {
			w.leave(n)
			if n == root {
				return
			}
			if n.NextSibling != nil {
				n = n.NextSibling
				break
			}
			n = n.Parent
		}
	}
}

func (w *writer) enter(n *html.Node) {
	switch {
	case n.Type == html.TextNode:
		w.line.WriteString(n.Data)
	case n.Type != html.ElementNode:
	case isHeading(n.Data):
		w.end()
	case n.Data == "td" || n.Data == "th":
		if strings.TrimSpace(w.line.String()) != "" {
			w.line.WriteString(" | ")
		}
	case n.Data == "li":
		w.flush()
		w.line.WriteString("- ")
	case isBlock(n.Data):
		w.flushIn(n)
	}
}

func (w *writer) leave(n *html.Node) {
	switch {
	case n.Type != html.ElementNode:
	case isHeading(n.Data):
		head := tidy(w.line.String())
		w.line.Reset()
		switch {
		case head == "":
		case len(head) > headingMost:
			w.lines = append(w.lines, head)
		default:
			w.head = head
		}
	case isBlock(n.Data), n.Data == "li":
		w.flushIn(n)
	}
}

// flushIn ends the line, but not in the middle of a table row.
func (w *writer) flushIn(n *html.Node) {
	for p := n.Parent; p != nil && n.Data != "tr" && n.Data != "table"; p = p.Parent {
		if p.Type == html.ElementNode && (p.Data == "td" || p.Data == "th") {
			w.line.WriteByte(' ')
			return
		}
	}
	w.flush()
}

func (w *writer) flush() {
	s := tidy(w.line.String())
	w.line.Reset()
	if s = w.rd.steady(s, w.now); s != "" && s != "-" {
		w.lines = append(w.lines, s)
	}
}

// end closes the section that is open.
func (w *writer) end() {
	w.flush()
	if len(w.lines) > 0 {
		head := w.head
		if w.used[head]++; w.used[head] > 1 {
			head = strings.TrimSpace(head + " (" + strconv.Itoa(w.used[head]) + ")")
		}
		w.list = append(w.list, section{head, strings.Join(w.lines, "\n")})
	}
	w.head, w.lines = "", nil
}

func isHeading(name string) bool {
	switch name {
	case "h1", "h2", "h3", "h4", "summary", "caption":
		return true
	}
	return false
}

func isBlock(name string) bool {
	switch name {
	case "p", "div", "ul", "ol", "br", "tr", "table", "h5", "h6", "section", "article", "dt", "dd", "dl", "button", "details", "figure",
		"figcaption", "blockquote", "hr", "header", "pre", "address", "fieldset", "form", "body", "main", "thead", "tbody":
		return true
	}
	return false
}

// steady takes out of a line what changes by itself; "" for a line that is
// nothing else.
func (rd *reader) steady(s string, now time.Time) string {
	bare := strings.TrimPrefix(s, "- ")
	for _, l := range rd.line {
		if l.MatchString(bare) {
			return ""
		}
	}
	if rd.isToday(bare, now) {
		return ""
	}
	for _, x := range rd.within {
		s = x.what.ReplaceAllString(s, x.with)
	}
	return s
}

// isToday tells a line that is nothing but the date of the visit, with or
// without a time: a clock.
func (rd *reader) isToday(s string, now time.Time) bool {
	if len(s) > 60 {
		return false
	}
	m := rd.date.FindStringSubmatch(tidy(strings.Trim(rd.clock.ReplaceAllString(s, ""), " ,-–|")))
	if m == nil {
		return false
	}
	t, err := time.Parse("2 January 2006", m[1]+" "+strings.ToUpper(m[2][:1])+strings.ToLower(m[2][1:])+" "+m[3])
	if err != nil {
		if t, err = time.Parse("2 Jan 2006", m[1]+" "+strings.ToUpper(m[2][:1])+strings.ToLower(m[2][1:])+" "+m[3]); err != nil {
			return false
		}
	}
	d := now.Sub(t)
	return d > -36*time.Hour && d < 48*time.Hour
}

// tidy makes one line of a text: what cannot be seen goes.
func tidy(s string) string {
	s = strings.NewReplacer("\u00ad", "", "\u200b", "", "\u200c", "", "\u200d", "", "\ufeff", "").Replace(s)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.Join(strings.Fields(s), " ")
}

// files are the papers that the content links.
func (rd *reader) files(p *crawl.Page, main *goquery.Selection) (list []store.Document) {
	seen := map[string]bool{}
	for _, a := range main.Find("a[href]").EachIter() {
		at := p.Abs(a.AttrOr("href", ""))
		u, err := p.URL.Parse(at)
		if err != nil || at == "" || u.Host != p.URL.Host || !isFile(u.Path) {
			continue
		}
		u.RawQuery = ""
		key := "document" + u.EscapedPath()
		title := tidy(a.Text())
		if seen[key] {
			continue
		}
		seen[key] = true
		if title == "" {
			title = u.Path[strings.LastIndexByte(u.Path, '/')+1:]
		}
		list = append(list, store.Document{Key: key, Title: title, URL: at, Role: store.RoleReport})
	}
	return list
}

func isFile(path string) bool {
	path = strings.ToLower(path)
	for _, end := range []string{".pdf", ".doc", ".docx", ".xlsx", ".pptx"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return false
}
