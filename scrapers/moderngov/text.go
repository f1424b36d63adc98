package moderngov

import (
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plain is the text of pasted Word HTML: a line for each paragraph, no empty
// ones. The site breaks lines at 65 characters, which means nothing.
func (rd *reader) plain(sel *goquery.Selection) string {
	var b strings.Builder
	for _, n := range sel.Nodes {
		write(&b, n)
		b.WriteByte('\n')
	}
	var lines []string
	for l := range strings.SplitSeq(b.String(), "\n") {
		if l = rd.line(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// write puts out the text below a node, with a line end around every block.
// The parser bounds the depth.
func write(b *strings.Builder, n *html.Node) {
	switch {
	case n.Type == html.TextNode:
		b.WriteString(strings.ReplaceAll(n.Data, "\n", " "))
		return
	case n.Type != html.ElementNode:
	case n.DataAtom == atom.Script, n.DataAtom == atom.Style, n.DataAtom == atom.Template:
		return
	case n.DataAtom == atom.A && cutLink(n):
		return
	}
	block := n.Type == html.ElementNode && isBlock(n.DataAtom)
	if block {
		b.WriteByte('\n')
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		write(b, c)
	}
	if block {
		b.WriteByte('\n')
	}
}

// cutLink tells the link that stands where the page cut a long text short.
func cutLink(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key == "href" {
			return strings.HasPrefix(strings.ToLower(a.Val), "mgai.aspx")
		}
	}
	return false
}

func isBlock(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Div, atom.Br, atom.Li, atom.Ul, atom.Ol, atom.Tr, atom.Td, atom.Th, atom.Table, atom.Blockquote,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Hr, atom.Pre:
		return true
	}
	return false
}

// fragment is the text of HTML inside XML.
func (rd *reader) fragment(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", nil
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(s))
	if err != nil {
		return "", err
	}
	return rd.plain(doc.Find("body")), nil
}

// bare is the text of an element without the marks the site hides or adds:
// file sizes, ", item 59.", " ref: 13567".
func (rd *reader) bare(sel *goquery.Selection) string {
	c := sel.Clone()
	c.Find("span.mgFileSize, span.mgHide, script, style").Remove()
	return rd.line(c.Text())
}
