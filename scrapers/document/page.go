package document

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// isHTML tells a web page by its beginning.
func isHTML(data []byte) bool {
	start := bytes.ToLower(data[:min(len(data), 1024)])
	return bytes.Contains(start, []byte("<!doctype html")) || bytes.Contains(start, []byte("<html"))
}

// readHTML reads a paper that is a web page: its main content, without what
// stands on every page of a site. A section, from one heading of the first two
// levels to the next, is a page.
func readHTML(data []byte, most int) ([]string, error) {
	if len(data) > maxXML {
		return nil, fmt.Errorf("%w: a web page of more than %d MiB", ErrTooLarge, maxXML>>20)
	}
	r, err := charset.NewReader(bytes.NewReader(data), "text/html")
	if err != nil {
		return nil, fmt.Errorf("%w: its encoding: %w", ErrBroken, err)
	}
	root, err := html.Parse(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	w := &web{}
	main := find(root, func(n *html.Node) bool { return n.DataAtom == atom.Main || attribute(n, "role") == "main" })
	if main == nil {
		main = find(root, func(n *html.Node) bool { return n.DataAtom == atom.Article })
	}
	if main == nil {
		main = root
	}
	if !w.read(main, 0) {
		return nil, fmt.Errorf("%w: elements nested deeper than %d", ErrTooLarge, maxDepth)
	}
	w.section()
	if len(w.pages) > most {
		return nil, tooManyPages(len(w.pages), most)
	}
	return w.pages, nil
}

// web collects the text of a web page.
type web struct {
	pages []string
	text  strings.Builder
}

func (w *web) section() {
	var b strings.Builder
	blank := false
	for line := range strings.SplitSeq(w.text.String(), "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "":
			blank = b.Len() > 0
			continue
		case blank:
			b.WriteByte('\n')
		}
		blank = false
		b.WriteString(line + "\n")
	}
	if w.text.Reset(); b.Len() > 0 {
		w.pages = append(w.pages, b.String())
	}
}

// read takes the text of a node; false where it is nested too deeply.
func (w *web) read(n *html.Node, depth int) bool {
	if depth > maxDepth {
		return false
	}
	before, after := "", ""
	switch n.Type {
	case html.TextNode:
		if s := strings.Join(strings.Fields(n.Data), " "); s != "" {
			if starts(n.Data) {
				w.space()
			}
			w.text.WriteString(s)
			if ends(n.Data) {
				w.text.WriteByte(' ')
			}
		} else if n.Data != "" {
			w.space()
		}
		return true
	case html.CommentNode, html.DoctypeNode:
		return true
	case html.ElementNode:
		if furniture(n) {
			return true
		}
		before, after = breaks(n)
		if n.DataAtom == atom.H1 || n.DataAtom == atom.H2 {
			w.section()
		}
	}
	w.text.WriteString(before)
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if !w.read(k, depth+1) {
			return false
		}
	}
	w.text.WriteString(after)
	return true
}

func starts(s string) bool { return strings.TrimLeft(s, " \t\r\n\f") != s }
func ends(s string) bool   { return strings.TrimRight(s, " \t\r\n\f") != s }

func (w *web) space() {
	if s := w.text.String(); s != "" && !strings.HasSuffix(s, " ") && !strings.HasSuffix(s, "\n") {
		w.text.WriteByte(' ')
	}
}

// breaks are what parts an element from its neighbours.
func breaks(n *html.Node) (before, after string) {
	switch n.DataAtom {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Blockquote, atom.Section, atom.Dl, atom.Figure:
		return "\n\n", "\n\n"
	case atom.Div, atom.Tr, atom.Dt, atom.Dd, atom.Pre, atom.Article, atom.Main, atom.Caption, atom.Figcaption, atom.Summary:
		return "\n", "\n"
	case atom.Li:
		return "\n• ", "\n"
	case atom.Td, atom.Th:
		return "", "\t"
	case atom.Br, atom.Hr:
		return "\n", ""
	}
	return "", ""
}

// furniture is what is no part of a paper.
func furniture(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Head, atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Nav, atom.Header, atom.Footer, atom.Aside, atom.Form, atom.Button,
		atom.Select, atom.Iframe, atom.Svg, atom.Object, atom.Embed, atom.Video, atom.Audio, atom.Dialog:
		return true
	}
	role := attribute(n, "role")
	_, hidden := attributed(n, "hidden")
	return hidden || attribute(n, "aria-hidden") == "true" || role == "navigation" || role == "banner" || role == "contentinfo" || role == "search"
}

func attribute(n *html.Node, name string) string {
	v, _ := attributed(n, name)
	return v
}

func attributed(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// find is the first node, in reading order, that fits.
func find(root *html.Node, fits func(*html.Node) bool) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && fits(n) {
			return n
		}
	}
	return nil
}
