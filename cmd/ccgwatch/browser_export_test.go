package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The exported files, opened from the disk on a small phone and on a desk: they
// hold together, axe-core finds nothing, and the search works without a server.
func TestBrowserExport(t *testing.T) {
	b := openBrowser(t)
	a, _, _ := sampleTown(t)
	dir := filepath.Join(t.TempDir(), "site")
	exportedTo(t, a, dir, townStart().Add(demoWeeks))
	page := func(name string) string {
		f, q, found := strings.Cut(name, "?")
		u := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, f))}
		if found {
			u.RawQuery = q
		}
		return u.String()
	}
	for _, width := range widths() {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, name := range []string{"index.html", "findings.html", "list/index.html", "search.html", "meetings.html", "sources.html", "about.html", "threads.html", "numbers.html"} {
			b.do(chromedp.Navigate(page(name)))
			if n := evaluate[int](b, `document.styleSheets.length`); n == 0 {
				t.Errorf("%s has no style", name)
			}
			b.looked(name)
		}
		b.do(chromedp.Navigate(page("search.html?q=endoscopy")), chromedp.WaitVisible(`body[data-found] #found li a`))
		b.looked("search of endoscopy")
		if n := evaluate[string](b, `document.body.getAttribute("data-found")`); n == "0" || n == "error" {
			t.Errorf("endoscopy: %s found", n)
		}
		b.do(chromedp.Click(`#found li a`), chromedp.WaitVisible(`main h1`))
		if at := evaluate[string](b, `location.pathname`); filepath.Ext(at) != ".html" || at == "" {
			t.Error(at)
		}
		b.do(chromedp.Navigate(page("search.html")), chromedp.SetValue(`#q`, `"unicorns of leicester"`), chromedp.Click(`#go`), chromedp.WaitVisible(`body[data-found="0"] #found`))
	}
	b.scripts(false)
	defer b.scripts(true)
	b.do(chromedp.Navigate(page("search.html")), chromedp.WaitVisible(`main a[href="list/index.html"]`))
}
