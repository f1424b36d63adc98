package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// supplierOf is the page of the first supplier that the sample's pages list.
func supplierOf(t *testing.T, a *app) string {
	t.Helper()
	return linkOn(t, a, "/suppliers", `href="(/supplier/[^"]+)"`)
}

// linkOn finds a link on a page of the app.
func linkOn(t *testing.T, a *app, page, pattern string) string {
	t.Helper()
	w := httptest.NewRecorder()
	a.webServer(func() time.Time { return townStart().Add(demoWeeks) }).Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+page, nil))
	m := regexp.MustCompile(pattern).FindStringSubmatch(w.Body.String())
	if m == nil {
		t.Fatalf("%s has no link like %s (status %d)", page, pattern, w.Code)
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// paperQuoted is the page of a paper on which something was found.
func paperQuoted(t *testing.T, a *app) string {
	t.Helper()
	path := ""
	if err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if f.Page > 0 && f.SHA256 != "" && path == "" {
			path = "/paper?" + url.Values{"source": {f.Source}, "key": {f.Key}, "sha": {f.SHA256}}.Encode()
		}
		return true
	}); err != nil || path == "" {
		t.Fatal("the sample quotes no paper", err)
	}
	return path
}

// corrected says something of two items of the sample that no other page kind
// is of: the one is annotated and corrected, the other withdrawn.
func corrected(t *testing.T, a *app) (noted, gone string) {
	t.Helper()
	now := townStart().Add(demoWeeks)
	var items []store.Item
	if err := a.store.Items(t.Context(), "", func(it store.Item) bool {
		if it.Kind == store.KindNotice {
			items = append(items, it)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if len(items) < 3 {
		t.Fatal("the sample has too few notices")
	}
	said, err := a.store.Corrections(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	x, y := items[1], items[len(items)-1]
	if len(said) == 0 {
		for _, c := range []store.Correction{
			{Source: x.Source, Key: x.Key, Act: store.ActCorrect, Reason: "The notice has another title than its papers.", Fields: []store.FieldChange{{Name: "title", Old: x.Title, New: x.Title + ", as the papers call it"}}},
			{Source: x.Source, Key: x.Key, Act: store.ActNote, Reason: "We asked the board.", Note: "The board answered on the phone: " + strings.Repeat("bids are being looked at. ", 8)},
			{Source: y.Source, Key: y.Key, Act: store.ActWithdraw, Reason: "A resident is named in it, and asked us to take it out."},
		} {
			c.At = now
			if _, err := a.store.Correct(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := func(it store.Item) string {
		return "/item?" + url.Values{"source": {it.Source}, "key": {it.Key}}.Encode()
	}
	return page(x), page(y)
}
