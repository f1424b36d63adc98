package boards

import (
	"cmp"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"ccgwatch/store"
)

// A tidier takes the noise out of labels.
type tidier struct {
	noise, edges, called, said, absent, begins, minutes *regexp.Regexp
	governors, annual, year, papers, web                *regexp.Regexp
	sized                                               *regexp.Regexp
	cardWords
}

func newTidier() tidier {
	governors, annual, year, papers := newApart()
	return tidier{
		cardWords: newCardWords(),
		// (PDF, 2.3 MB), [Word 90KB], PDF - 1MB, pdf
		sized:     regexp.MustCompile(`(?i)[\[(]\s*(?:pdf|docx?|xlsx?|pptx?|word|excel|powerpoint)\b[^\])]{0,40}[\])]|\b(?:pdf|docx?|xlsx?|pptx?)\b\s*[,–-]?\s*[\d.,]+\s*[km]b\b|\b[\d.,]+\s*[km]b\s*[,–-]?\s*(?:pdf|docx?|xlsx?|pptx?)\b`),
		governors: governors, annual: annual, year: year, papers: papers,
		web: regexp.MustCompile(`(?i)\b(?:agendas?|minutes|papers?|packs?|reports?|enclosures?|appendi(?:x|ces)|annex(?:es)?|item \d)\b|\bhtml\b`),
		// [PDF], (PDF, 2.3MB), PDF 99 KB, opens in a new window
		noise:  regexp.MustCompile(`(?i)[\[(]\s*(?:(?:pdf|docx?|xlsx?|pptx?|word|excel|powerpoint)\b[^\])]*|[\d.,]+\s*[km]b[^\])]*|opens? in [^\])]*|external link)[\])]|\b(?:pdf|docx?|xlsx?|pptx?)?\s*[,-]?\s*[\d.,]+\s*(?:kb|mb)\b|\bopens? in (?:a )?new (?:window|tab)\b|\.(?:pdf|docx?|xlsx?|pptx?)$|\bpdf$`),
		edges:  regexp.MustCompile(`^[\s|–—:,;/-]+|[\s|–—:,;/-]+$`),
		called: regexp.MustCompile(`(?i)\b(?:(cancelled|canceled)|(postponed))\b`),
		// What a page says of its own meeting, among what it may say of others.
		said:    regexp.MustCompile(`(?i)\bthis (?:meeting|event) (?:has been|is|was|will be) (?:now )?(?:cancelled|canceled|postponed)`),
		absent:  regexp.MustCompile(`(?i)\bnot (?:be )?found\b|\b404\b|no longer (?:available|exists?)|may have (?:been )?moved`),
		begins:  regexp.MustCompile(`(?i)\b(?:time|starts?|starting|begins)\b(?: at)?:? .{0,30}`),
		minutes: regexp.MustCompile(`(?i)^(?:(?:draft|unconfirmed|confirmed|approved|ratified) )*minutes\b`),
	}
}

// line writes a text in one line with plain spaces.
func (tidier) line(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("\u00ad", "", "\u200b", "", "\u200c", "", "\ufeff", "").Replace(s)), " ")
}

// label is a link's text without noise, or the name of its file if nothing is left.
func (t tidier) label(l link) string {
	s := t.trim(strings.Join(strings.Fields(t.noise.ReplaceAllString(l.text, " ")), " "))
	if s != "" {
		return s
	}
	if s = t.line(l.node.AttrOr("title", l.node.AttrOr("aria-label", ""))); s != "" {
		return s
	}
	return fileName(l.url)
}

func (t tidier) trim(s string) string { return t.edges.ReplaceAllString(s, "") }

// status reads a cancellation out of a heading or a link's text, "" for none.
func (t tidier) status(s string) string {
	m := t.called.FindStringSubmatch(s)
	switch {
	case m == nil:
		return ""
	case m[1] != "":
		return store.StatusCancelled
	}
	return strings.ToLower(m[2])
}

// cancelled reads the status out of a meeting's page: its heading, the words
// about its date, and the whole text.
func (t tidier) cancelled(heading, near, text string) string {
	return cmp.Or(t.status(heading), t.status(t.said.FindString(text)), t.status(near))
}

// otherPage says what a page is that is not the one that was asked for.
func (t tidier) otherPage(text string) store.Reason {
	if t.absent.MatchString(text) {
		return store.ReasonMissing
	}
	return store.ReasonFormat
}

// fileName is the name of a file as words.
func fileName(u *url.URL) string {
	base := path.Base(u.Path)
	base = strings.TrimSuffix(base, path.Ext(base))
	return strings.Join(strings.FieldsFunc(base, func(r rune) bool { return r == '-' || r == '_' || r == ' ' || r == '+' }), " ")
}

// visible is the text of an element, its blocks kept apart by spaces. Text for
// screen readers counts.
func visible(sel *goquery.Selection) string {
	var b strings.Builder
	for _, n := range sel.Nodes {
		walk(n, func(n *html.Node, enter bool) {
			switch {
			case n.Type == html.TextNode && enter:
				b.WriteString(n.Data)
			case n.Type == html.ElementNode && block(n.Data):
				b.WriteByte('\n')
			}
		})
	}
	return b.String()
}

// walk visits a tree in the order of the page, without calling itself: foreign
// pages may nest deeply.
func walk(root *html.Node, visit func(n *html.Node, enter bool)) {
	for n := root; n != nil; {
		visit(n, true)
		if n.FirstChild != nil {
			n = n.FirstChild
			continue
		}
		for {
			visit(n, false)
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

func block(name string) bool {
	switch name {
	case "p", "div", "li", "ul", "ol", "br", "tr", "td", "th", "table", "h1", "h2", "h3", "h4", "h5", "h6",
		"section", "article", "dt", "dd", "dl", "button", "summary", "details", "figure", "blockquote", "hr", "header", "time":
		return true
	}
	return false
}
