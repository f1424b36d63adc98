package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ccgwatch/store"
)

// paperPath is the page on which a paper that we keep is read: by its item and
// its bytes, at a page of it. "" where it is not kept.
func (s *site) paperPath(source, key, sha string, page int) string {
	if s.Archive == nil || sha == "" {
		return ""
	}
	v := url.Values{"source": {source}, "key": {key}, "sha": {sha}}
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	return "/paper?" + v.Encode()
}

// pageText is how much text of one page of a paper is shown, in characters.
const paperText = 24_000

// paper shows one page of a paper as we read it, the sentences we found on it
// marked, with where it is from and what we keep of it. A paper that was
// replaced or taken down stays readable under the hash of its bytes, as long as
// its item is shown.
func (s *site) paper(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	source, key, sha := q.Get("source"), q.Get("key"), strings.ToLower(q.Get("sha"))
	page, err := pageNumber(q)
	if err != nil {
		return err
	}
	if source == "" || key == "" || len(source) > 64 || len(key) > 1000 || len(sha) != 64 || strings.Trim(sha, "0123456789abcdef") != "" {
		return badRequest("The address of a paper names its source, its item and its hash.")
	}
	ctx := r.Context()
	it, err := s.Ledger.Item(ctx, source, key)
	if err != nil {
		return err
	}
	if err := s.record.follow(ctx); err != nil {
		return err
	}
	d, current, err := s.paperBy(ctx, it, sha)
	if err != nil {
		return err
	}
	edit, err := s.editOf(ctx, source, key)
	if err != nil {
		return err
	}
	text, err := s.Archive.Text(ctx, sha)
	if err != nil && !isNotFound(err) {
		return err
	}
	if page > max(len(text), 1) {
		return store.ErrNotFound
	}
	body := struct {
		store.Document
		Item         store.Item
		Current      bool
		Number       int
		Count        int
		Text         []string
		Said         []shown
		Before, Next string
		List         []int
	}{Document: d, Item: it, Current: current, Number: page, Count: len(text)}
	if len(text) > 0 {
		body.Text = prose(edit.Clean(text[page-1]), paperText)
	}
	h, err := s.history(ctx, it, 0)
	if err != nil {
		return err
	}
	quotes, err := s.quotes(ctx, it, h)
	if err != nil {
		return err
	}
	for _, x := range quotes {
		if x.SHA256 != sha || x.Page < 1 {
			continue
		}
		if x.Page == page {
			body.Said = append(body.Said, x)
		}
		if !slices.Contains(body.List, x.Page) {
			body.List = append(body.List, x.Page)
		}
	}
	slices.Sort(body.List)
	if page > 1 {
		body.Before = s.paperPath(source, key, sha, page-1)
	}
	if page < len(text) {
		body.Next = s.paperPath(source, key, sha, page+1)
	}
	title := line(d.Title, 150)
	if title == "" {
		title = "A paper"
	}
	if len(text) > 1 {
		title += ", page " + strconv.Itoa(page)
	}
	return s.render(w, http.StatusOK, "paper", view{Title: title, Here: "items", Private: !current, Body: body})
}

// paperBy finds the document with some bytes: among those of the item now, else
// in what the log says that it once had.
func (s *site) paperBy(ctx context.Context, it store.Item, sha string) (d store.Document, current bool, err error) {
	for _, d := range it.Documents {
		if d.SHA256 == sha {
			return d, true, nil
		}
	}
	h, err := s.history(ctx, it, 0)
	if err != nil {
		return d, false, err
	}
	for _, c := range h.Changes {
		for _, d := range append(slices.Clone(c.Documents), c.Read...) {
			if d.SHA256 == sha {
				return d, false, nil
			}
		}
		found, err := s.findingsOf(ctx, c.Seq)
		if err != nil {
			return d, false, err
		}
		for _, x := range found {
			if x.SHA256 == sha && x.Source == it.Source && x.Key == it.Key {
				return store.Document{Title: x.Document, URL: x.URL, SHA256: sha}, false, nil
			}
		}
	}
	return d, false, store.ErrNotFound
}

// editOf is what the operator's corrections of an item come to; nil for none.
func (s *site) editOf(ctx context.Context, source, key string) (*store.Edit, error) {
	if s.Corrections == nil {
		return nil, nil
	}
	es, err := s.Corrections.Edits(ctx)
	return es.Of(source, key), err
}

// A reading is a paper as a list names it, with the page on which it is read.
type reading struct {
	store.Document
	Path string
}

func (s *site) readings(source, key string, d store.Document) reading {
	return reading{d, s.paperPath(source, key, d.SHA256, 1)}
}
