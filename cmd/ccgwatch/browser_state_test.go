package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ccgwatch/store"
)

// What is not among the kinds of pages: a search that is being built, and the
// operator's own page.
func TestBrowserSearchBeingBuiltAndTheOperatorsPage(t *testing.T) {
	b := openBrowser(t)
	a, base, _ := sampleTown(t)
	unindexed(t, a)
	operator := operatorServed(t, a)

	for _, width := range widths() {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, p := range []struct{ name, address, says string }{
			{"search-building", base + "/search?q=endoscopy", "the search is being built"},
			{"operator", operator, "for the operator"},
		} {
			name := fmt.Sprintf("%s-%d", p.name, width)
			b.scheme("light")
			b.open(name, p.address, 200)
			if !evaluate[bool](b, fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, p.says)) {
				t.Errorf("%s does not say %q", name, p.says)
			}
			b.looked(name)
			b.picture(name)
			b.scheme("dark")
			b.looked(name + "-dark")
		}
	}
}

// unindexed commits something that the search has not come to.
func unindexed(t *testing.T, a *app) {
	t.Helper()
	now := townStart().Add(demoWeeks)
	it := store.Item{Source: "mercia-vale", Key: "meeting/next", Kind: store.KindMeeting, Title: "Council", URL: "https://council.example.org/next", FirstSeen: now, Changed: now,
		Fields: map[string]string{store.FieldWhen: now.AddDate(0, 0, 12).Format(time.RFC3339)}}
	snap, err := a.store.Snapshot(t.Context(), it.Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	snap.Items = map[string]store.Item{it.Key: it}
	c := store.Change{At: now, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, What: []store.What{store.NewMeeting}, Title: it.Title, URL: it.URL}
	if err := a.store.Commit(t.Context(), snap, []store.Change{c}, store.Health{Source: it.Source, LastTry: now, LastComplete: now}); err != nil {
		t.Fatal(err)
	}
}

func operatorServed(t *testing.T, a *app) string {
	t.Helper()
	page, said := operatorOf(t, a)
	slog.New(said).Warn("not read", "source", "mercia-vale", "err", errors.New(strings.Repeat("averylongpartofanaddress/", 12)))
	l := listen(t)
	srv := &http.Server{Handler: page.handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String() + "/"
}
