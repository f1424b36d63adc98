package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A page is a page as it is written, and what it says about others.
type page struct {
	body  []byte
	links []link
	ids   []string
	text  string // all that can be read on it, for the scan

	lost      []target // that are not there, and are not linked to
	addresses []string // of mail, on it
	size      int64
	open      bool   // it shows a date that has not passed
	key       string // of a page of our own: what it is made of
	left      bool   // it stays as it stands
}

// A link leads to a file of the export.
type link struct {
	target
	fragment string
}

// rewrite makes a file of a page that was made for a server: links lead to files,
// those that lead to nothing are text, forms are gone.
func (x *run) rewrite(file string, in []byte) (page, error) {
	w := &rewriter{run: x, file: file}
	z := html.NewTokenizer(bytes.NewReader(in))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return page{}, fmt.Errorf("reading the page for %s: %w", file, err)
			}
			w.page.body, w.page.text = w.out.Bytes(), w.text.String()
			return w.page, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			raw := bytes.Clone(z.Raw())
			w.start(z.Token(), raw)
		case html.EndTagToken:
			raw := bytes.Clone(z.Raw())
			w.end(z.Token(), raw)
		case html.TextToken:
			raw := bytes.Clone(z.Raw())
			w.words(z.Token().Data, raw)
		default:
			if w.inForm == 0 {
				w.out.Write(z.Raw())
			}
		}
	}
}

type rewriter struct {
	*run
	file   string
	out    bytes.Buffer
	text   strings.Builder
	page   page
	inForm int
	silent int    // in <script> or <style>
	links  []bool // of the open <a>: whether it is kept
}

func (w *rewriter) start(t html.Token, raw []byte) {
	if t.DataAtom == atom.Form {
		w.inForm++
		if w.inForm == 1 {
			fmt.Fprintf(&w.out, `<p class="meta"><a href="%s">Search</a> · <a href="%s">lists by body and month</a></p>`, relative(w.file, "search.html"), relative(w.file, "list/index.html"))
			w.page.links = append(w.page.links, link{target: target{File: "search.html"}}, link{target: target{File: "list/index.html"}})
		}
	}
	if w.inForm > 0 {
		return
	}
	changed, keep := false, true
	for i := range t.Attr {
		a := &t.Attr[i]
		switch a.Key {
		case "id":
			w.page.ids = append(w.page.ids, a.Val)
		case "class":
			w.page.open = w.page.open || a.Val == "act" // and not "act passed"
		case "href", "src":
			to, ok, inside := w.address(a.Val)
			keep = keep && ok
			if inside {
				a.Val, changed = to, true
			}
		}
	}
	switch t.DataAtom {
	case atom.A:
		w.links = append(w.links, keep)
	case atom.Script, atom.Style:
		w.silent++
	}
	switch {
	case !keep: // a link to nothing; of <link> nothing remains
	case changed:
		w.out.WriteString(t.String())
	default:
		w.out.Write(raw)
	}
	if t.DataAtom == atom.Head && w.file == "index.html" {
		w.out.WriteString("\n" + `<meta name="generator" content="CCGWatch export">`)
	}
	if t.DataAtom == atom.Footer {
		w.out.WriteString(w.byMail)
	}
}

func (w *rewriter) end(t html.Token, raw []byte) {
	if t.DataAtom == atom.Form {
		w.inForm = max(0, w.inForm-1)
		return
	}
	if w.inForm > 0 {
		return
	}
	switch t.DataAtom {
	case atom.Script, atom.Style:
		w.silent = max(0, w.silent-1)
	case atom.A:
		if n := len(w.links); n > 0 {
			keep := w.links[n-1]
			w.links = w.links[:n-1]
			if !keep {
				return
			}
		}
	}
	w.out.Write(raw)
	w.text.WriteByte(' ')
}

// words writes text, without what is nobody's business.
func (w *rewriter) words(s string, raw []byte) {
	if w.inForm > 0 {
		return
	}
	if w.silent > 0 {
		w.out.Write(raw)
		return
	}
	if r := w.clean(s); r != s {
		w.out.WriteString(html.EscapeString(r))
		w.text.WriteString(r)
		return
	}
	w.out.Write(raw)
	w.text.WriteString(s)
}

// address rewrites one that leads to the pages. inside tells that it did; ok that
// there is something at its end.
func (w *rewriter) address(raw string) (to string, ok, inside bool) {
	if !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") {
		return raw, true, false
	}
	t, ok := targetOf(raw)
	if gone := ok && w.isGone(t.File); !ok || gone {
		if gone {
			w.page.lost = append(w.page.lost, t)
		}
		if w.o.Live != "" && live(raw) {
			return w.o.Live + raw, true, true
		}
		return "", false, true
	}
	l := link{target: t}
	if _, f, found := strings.Cut(t.Tail, "#"); found {
		l.fragment = f
	}
	w.page.links = append(w.page.links, l)
	return relative(w.file, t.File) + t.Tail, true, true
}

// live tells whether an address is worth a link to the pages of a server: what
// only a server can do.
func live(raw string) bool {
	for _, p := range []string{"/subscribe", "/manage", "/api/", "/feed.atom", "/calendar.ics"} {
		if strings.HasPrefix(raw, p) {
			return true
		}
	}
	return false
}
