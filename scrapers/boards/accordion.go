package boards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// The levels of headings: h1 to h6 are 1 to 6, what folds stands below them
// unless it is part of one, and a line all in bold below that.
const (
	levelFold = 7
	levelBold = 8
)

// outline follows the headings while a page is read from top to bottom.
type outline struct {
	text  [levelBold + 1]string
	inner int // level of the heading that the place is in, 0 for none
}

// path is what stands above a place, outermost first. The h1 names the page.
func (o *outline) path() []string {
	var list []string
	for _, t := range o.text[2:] {
		if t != "" && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

func (o *outline) set(level int, text string) {
	o.text[level] = text
	clear(o.text[level+1:])
}

// accordion reads one page of papers under headings. Panels may be hidden: the
// raw page has them. The heading is kept with every paper, because governors'
// and members' meetings stand on the same page as the board's.
func (s *site) accordion(_ crawl.Visit, p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	items := s.listed(p, d)
	for _, it := range items {
		p.Add(it)
	}
	s.cover(p, items)
	return nil
}

// listed are the papers that a page links, each with the headings above it.
func (s *site) listed(p *crawl.Page, d *goquery.Document) (items []store.Item) {
	place := map[string]int{}
	tabs := s.tabs(d)
	var o outline
	for _, root := range content(d).Nodes {
		walk(root, func(n *html.Node, enter bool) {
			if n.Type != html.ElementNode {
				return
			}
			if text := tabs[attr(n, "aria-labelledby")]; text != "" && enter {
				o.set(levelFold, text)
			}
			if level := s.level(n); level > 0 {
				s.head(&o, n, level, enter)
			}
			if n.Data != "a" || !enter {
				return
			}
			a := goquery.NewDocumentFromNode(n).Selection
			if l, ok := s.link(p, a); ok && s.isPaper(p, l) {
				it := s.row(l, o.path())
				if i, twice := place[it.Key]; twice {
					merge(&items[i], it)
					return
				}
				place[it.Key] = len(items)
				items = append(items, it)
			}
		})
	}
	return items
}

// tabs are the titles of panels that stand apart from their panels, by id.
func (s *site) tabs(d *goquery.Document) map[string]string {
	m := map[string]string{}
	for _, tab := range d.Find("[role=tab][id]").EachIter() {
		m[tab.AttrOr("id", "")] = s.tidy.line(visible(tab))
	}
	return m
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// level tells which elements head what follows them.
func (s *site) level(n *html.Node) int {
	if attr(n, "role") == "tab" {
		return 0
	}
	switch n.Data {
	case "h1", "h2", "h3", "h4", "h5", "h6":
		return int(n.Data[1] - '0')
	case "summary", "dt", "caption", "legend":
		return levelFold
	case "button":
		if attr(n, "aria-expanded")+attr(n, "aria-controls")+attr(n, "data-toggle")+attr(n, "data-bs-toggle") != "" {
			return levelFold
		}
	case "strong", "b":
		if n.Parent != nil && (n.Parent.Data == "p" || n.Parent.Data == "div") && alone(n) {
			return levelBold
		}
	}
	return 0
}

// alone tells whether an element is all that its parent says.
func alone(n *html.Node) bool {
	for sib := n.Parent.FirstChild; sib != nil; sib = sib.NextSibling {
		if sib != n && (sib.Type == html.ElementNode && sib.Data != "br" || sib.Type == html.TextNode && strings.TrimSpace(sib.Data) != "") {
			return false
		}
	}
	return true
}

// head enters a heading into the outline, at its end: a link within a heading
// stands below the heading before. A heading within a heading (a button in an
// h3) is that heading; buttons that open everything are none.
func (s *site) head(o *outline, n *html.Node, level int, enter bool) {
	switch {
	case enter && o.inner == 0:
		o.inner = level
		return
	case enter || o.inner != level:
		return
	}
	o.inner = 0
	text := s.tidy.line(visible(goquery.NewDocumentFromNode(n).Selection))
	low := strings.ToLower(text)
	if text == "" || strings.HasPrefix(low, "next meeting") || strings.HasPrefix(low, "date of next meeting") {
		return // such banners go stale, and head nothing
	}
	for _, verb := range []string{"open all", "show all", "expand all", "close all", "hide all", "collapse all"} {
		if strings.HasPrefix(low, verb) {
			return
		}
	}
	o.set(level, text)
}

// row makes the item of one link. Its date is in its own words, in the line
// it stands on, or in a heading above: the nearest whole date counts.
func (s *site) row(l link, headings []string) store.Item {
	places := []string{l.text, s.tidy.line(visible(l.node.Closest("li, tr, dd, p")))}
	for _, h := range slices.Backward(headings) {
		places = append(places, h)
	}
	var when date
	for _, text := range places {
		if strings.HasPrefix(strings.ToLower(text), "next meeting") {
			continue
		}
		for _, d := range s.dates.find(text) {
			if d.full() && (when == (date{}) || d.same(when)) {
				return s.paper(l, strings.Join(headings, " / "), d)
			}
			if when == (date{}) {
				when = d
			}
		}
	}
	return s.paper(l, strings.Join(headings, " / "), when)
}

// merge takes over what a second link to the same file adds to the first.
func merge(it *store.Item, again store.Item) {
	a, b := it.Fields[store.FieldWhen], again.Fields[store.FieldWhen]
	switch {
	case a == "" && b != "":
		*it = again
	case a != "" && b != "" && a != b:
		doubtful(it, fmt.Sprintf("the page links the same file for %s and for %s", a[:10], b[:10]))
	}
}
