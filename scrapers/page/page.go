// Package page watches any page that no other platform reads: its main content
// as readable text, section by section, and the papers it links. A change then
// says which section read how before and reads how now.
//
// What a page shows of itself (when it was last updated, how often it was
// viewed, today's date, a token) is no part of that text. One that has changed is
// asked for a second time at once: a section that reads differently again changes
// for reasons of its own, and is left as it was known.
package page

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Options describe one page.
type Options struct {
	ID   string // of the source
	Name string // of the source; the item has the page's own title
	Body string // id of the body
	Base string // root of the site
	Page string // path of the page below Base, or its whole address; "" is the front page
	Pace time.Duration
}

// FieldText is the name of the field with a page's text before its first
// heading; what stands under a heading is in FieldText + ": " + the heading.
const FieldText = store.FieldText

const (
	// nothing is how little text is no content: a page that a browser would
	// have to fill first.
	nothing = 40
	// A page of much text of which next to nothing is left has been emptied by
	// a redesign or is half there: that is for the operator to see first.
	much, little = 1000, 150
	// most is more text than any page has that is worth comparing.
	most = 1 << 20
)

// Source is one page as a whole list of one item.
func Source(o Options) (crawl.Source, error) {
	fail := func(format string, args ...any) (crawl.Source, error) {
		return crawl.Source{}, fmt.Errorf("page source %s: %w", o.ID, fmt.Errorf(format, args...))
	}
	root, err := url.Parse(strings.TrimSuffix(o.Base, "/") + "/")
	if err != nil || root.Scheme != "http" && root.Scheme != "https" || root.Host == "" {
		return fail("base %q is no http or https address", o.Base)
	}
	at, err := root.Parse(strings.TrimPrefix(o.Page, "/"))
	if err != nil || at.Host != root.Host {
		return fail("page %q is not on %s", o.Page, root.Host)
	}
	if o.Page == "" {
		at = root
	}
	at.Fragment = ""
	key := "page" + strings.TrimPrefix(at.EscapedPath(), strings.TrimSuffix(root.EscapedPath(), "/"))
	if at.RawQuery != "" {
		key += "?" + at.RawQuery
	}
	rd := newReader()
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "page", Base: o.Base, Kind: store.KindPage, Whole: true, Pace: o.Pace,
		Plan: func(v crawl.Visit) []crawl.Request {
			return []crawl.Request{crawl.Again(crawl.Request{URL: at.String(), Accept: "text/html", Parse: func(p *crawl.Page) error {
				if err := rd.read(p, v, key, at); err != nil || !changed(v, p.Items()[0]) {
					return err
				}
				p.Follow(crawl.Request{URL: at.String(), Accept: "text/html", Detail: "the page, a second time", Parse: func(p *crawl.Page) error {
					return rd.confirm(p, v, key, at)
				}})
				return nil
			}}, 2)}
		},
	}, nil
}

// changed tells whether a page that is known has other sections than it had.
func changed(v crawl.Visit, it store.Item) bool {
	old, known := v.Old.Items[it.Key]
	return known && old.Withdrawn.IsZero() && len(differing(old.Fields, it.Fields)) > 0
}

// differing names the sections that two looks at a page do not have in common.
func differing(a, b map[string]string) []string {
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	var out []string
	for n := range names {
		if (n == FieldText || strings.HasPrefix(n, FieldText+": ")) && a[n] != b[n] {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// confirm holds a page that has changed against a second look a moment later.
func (rd *reader) confirm(p *crawl.Page, v crawl.Visit, key string, asked *url.URL) error {
	first, ok := p.Seen(key)
	if !ok {
		return nil
	}
	second := &crawl.Page{URL: p.URL, Header: p.Header, Body: p.Body}
	if err := rd.read(second, v, key, asked); err != nil {
		return err
	}
	for _, name := range differing(first.Fields, second.Items()[0].Fields) {
		was, known := v.Old.Items[key].Fields[name]
		p.Update(key, func(it *store.Item) {
			it.Fields = maps.Clone(it.Fields)
			if delete(it.Fields, name); known {
				it.Fields[name] = was
			}
		})
		section := "its first section"
		if h, ok := strings.CutPrefix(name, FieldText+": "); ok {
			section = fmt.Sprintf("the section %q", h)
		}
		p.Problem(store.ReasonUnstable, section, "asked for twice at once it read differently: what changes in it is not told")
	}
	return nil
}

// noText says what a file is that is no text, "" for text: its bytes would be
// compared as if they were words.
func noText(body []byte) string {
	switch head := body[:min(len(body), 8192)]; {
	case bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")):
		return "a PDF"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return "an office document or an archive"
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")): // UTF-16
	case bytes.IndexByte(head, 0) >= 0:
		return "a file that is no text"
	}
	return ""
}

// read makes the item of the page.
func (rd *reader) read(p *crawl.Page, v crawl.Visit, key string, asked *url.URL) error {
	if what := noText(p.Body); what != "" {
		return crawl.Errorf(store.ReasonFormat, "%s is there, and no page: give the address of the page that links it", what)
	}
	if err := p.StandIn(); err != nil {
		return err
	}
	if strings.Trim(asked.Path, "/") != "" && strings.Trim(p.URL.Path, "/") == "" {
		return crawl.Errorf(store.ReasonMissing, "the site sent us to its front page: the page is no longer there")
	}
	low := bytes.ToLower(p.Body)
	if err := p.Ends(); err != nil && !bytes.Contains(low, []byte("</main>")) && !bytes.Contains(low, []byte("</body")) {
		return err
	}
	d, err := p.HTML()
	if err != nil {
		return err
	}
	title := rd.title(d)
	main := rd.content(d)
	sections := rd.sections(main, v.Now)
	size, was := 0, 0
	fields := map[string]string{}
	for _, s := range sections {
		size += len(s.text)
		fields[s.name()] = s.text
	}
	for name, text := range v.Old.Items[key].Fields {
		if name == FieldText || strings.HasPrefix(name, FieldText+": ") {
			was += len(text)
		}
	}
	switch {
	case size < nothing:
		return crawl.Errorf(store.ReasonEmpty, "the page shows next to no text: it may need a browser to be read")
	case size > most:
		return crawl.Errorf(store.ReasonTooLarge, "%d bytes of text are more than can sensibly be compared", size)
	case was >= much && size <= little:
		return crawl.Errorf(store.ReasonEmpty, "of %d bytes of text %d are left", was, size)
	}
	if title == "" {
		title = p.URL.String()
	}
	p.Add(store.Item{
		Key: key, Kind: store.KindPage, Title: title, URL: p.URL.String(), Fields: fields, Documents: rd.files(p, main),
	})
	return nil
}
