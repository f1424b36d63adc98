package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The export of a large record, opened from the disk on a small phone: how long a
// reader waits who has asked nothing before, how much of the index is read for it,
// and what the page then holds in memory. The figures are logged and not asserted;
// that each search ends with as many items as the script finds elsewhere is.
func TestBrowserExportOfManyItems(t *testing.T) {
	b := openBrowser(t)
	n := promiseCount(400, 400, 20_000)
	a := diverseRecord(t, n)
	dir := filepath.Join(t.TempDir(), "site")
	r := exportedTo(t, a, dir, exportTime())
	t.Logf("%d items: %d files, %.1f MB", n, r.Files, float64(r.Bytes)/1e6)
	queries := exportQueries()
	var want []int
	nodeSearch(t, dir, `for (const q of input) {
		const day = v => v ? Date.parse(v + "T00:00:00Z") / 86400000 : null;
		out.push((await ccgwatch.ask(q.q, {kind: q.kind, body: q.body, topic: q.topic, source: q.source, from: day(q.from), to: day(q.to)})).length);
	}`, queries, &want)
	b.do(chromedp.EmulateViewport(360, 740))
	var slowest, total time.Duration
	most, asked := int64(0), 0
	for i, q := range queries {
		if q.Topic+q.Source != "" || (q == searchAsk{}) {
			continue // the form has no such field, or there is nothing to ask
		}
		at := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "search.html")), RawQuery: url.Values{"q": {q.Q}, "kind": {q.Kind}, "body": {q.Body}, "from": {q.From}, "to": {q.To}}.Encode()}
		b.do(chromedp.Navigate(at.String()), chromedp.WaitVisible(`body[data-found]`))
		// From the beginning of the page until the result stands there, as the page itself measures it.
		took := time.Duration(evaluate[float64](b, `performance.getEntriesByName("found")[0].startTime`) * float64(time.Millisecond))
		read := int64(0)
		files := evaluate[[]string](b, `[...document.querySelectorAll("head script")].map(e => e.getAttribute("src"))`)
		for _, f := range files {
			info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f)))
			if err != nil {
				t.Errorf("%s: %v", q, err)
				continue
			}
			read += info.Size()
		}
		found, heap := evaluate[string](b, `document.body.getAttribute("data-found")`), evaluate[float64](b, `performance.memory.usedJSHeapSize`)
		if found != strconv.Itoa(want[i]) {
			t.Errorf("%s: %s found, want %d", q, found, want[i])
		}
		t.Logf("%s: %s found, %v after the page was opened; %d files of the index, %d KB; %.1f MB of memory", q, found, took.Round(time.Millisecond), len(files), read>>10, heap/1e6)
		if over := evaluate[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s: the page scrolls sideways by %d pixels", q, over)
		}
		slowest, most, total, asked = max(slowest, took), max(most, read), total+took, asked+1
	}
	t.Logf("%d searches: %v each, the slowest %v; %d KB of the index at most", asked, (total / time.Duration(asked)).Round(time.Millisecond), slowest.Round(time.Millisecond), most>>10)
	// One after the other on one page, as somebody goes on asking.
	b.do(chromedp.Navigate((&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "search.html"))}).String()))
	for i, q := range queries[:min(len(queries), 30)] {
		if q.Q == "" {
			continue
		}
		b.do(chromedp.SetValue(`#q`, q.Q), chromedp.Click(`#go`), chromedp.WaitVisible(`body[data-found="`+strconv.Itoa(want[i])+`"] #found`))
	}
	t.Logf("after 30 searches on one page: %.1f MB of memory", evaluate[float64](b, `performance.memory.usedJSHeapSize`)/1e6)
	b.looked("search of many items")
}
