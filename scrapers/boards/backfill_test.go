package boards_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// past crawls a site for a time that is over, and gives all that was handed on.
func past(t *testing.T, o boards.Options, site *pages, old store.Snapshot, since string) (items []store.Item) {
	t.Helper()
	src, err := boards.Source(o)
	if err != nil {
		t.Fatal(err)
	}
	from, err := time.Parse(time.DateOnly, since)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: "ccgwatch-test/1", Transport: site}}
		_, err = c.Visit(t.Context(), src, crawl.Visit{Now: now, Since: from, Until: now, Old: old}, func(s store.Sighting) error {
			if s.Whole {
				t.Error("what a backfill does not show is taken for gone")
			}
			items = append(items, s.Items...)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// Of a list of years a backfill reads all that may hold the time asked for; a
// folder that is gone takes nothing else with it.
func TestABackfillReadsTheYearsItIsAskedFor(t *testing.T) {
	o := options(boards.Years)
	root := o.Base
	site := &pages{byURL: map[string]string{o.Base + o.Page: `<html><main><h1>Papers</h1><ul>`}}
	for _, y := range []string{"2016", "2017", "2018", "2019", "2020", "2021"} {
		site.byURL[o.Base+o.Page] += `<li><a href="/icb/papers-of-` + y + `/">` + y + ` board papers</a></li>`
		if y != "2020" {
			site.byURL[root+"/papers-of-"+y+"/"] = `<html><main><h1>Papers</h1><p><a href="/icb/` + y + `.pdf">Board papers 5 March ` + y + `</a></p></main></html>`
		}
	}
	site.byURL[o.Base+o.Page] += `</ul></main></html>`
	var got []string
	for _, it := range past(t, o, site, store.Snapshot{}, "2018-01-01") {
		got = append(got, it.Key)
	}
	if diff := cmp.Diff([]string{"document/2021.pdf", "document/2019.pdf", "document/2018.pdf"}, got); diff != "" {
		t.Error(diff)
	}
	if asked := strings.Join(site.asked, " "); strings.Contains(asked, "2016") || !strings.Contains(asked, "2017") {
		t.Errorf("asked for %s: 2017/18 may be the folder of 2017", asked)
	}
}

// A meeting of a table that is long over keeps the papers that its page gave,
// though that page is not asked for any more.
func TestAMeetingLongOverKeepsThePapersOfItsPage(t *testing.T) {
	o := options(boards.Table)
	list := `<html><main><table><tr><th>Date</th><th>Papers</th></tr>
<tr><td>5 March 2026</td><td><a href="/icb/march/">Papers</a></td></tr>
<tr><td>3 August 2026</td><td><a href="/icb/august/">Papers</a></td></tr></table></main></html>`
	site := &pages{byURL: map[string]string{
		o.Base + o.Page:     list,
		o.Base + "/march/":  `<html><main><h1>Board meeting</h1><p>5 March 2026</p><a href="/icb/march.pdf">Pack</a></main></html>`,
		o.Base + "/august/": `<html><main><h1>Board meeting</h1><p>3 August 2026</p><a href="/icb/august.pdf">Pack</a></main></html>`,
	}}
	old := store.Snapshot{Items: map[string]store.Item{}, Baseline: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, it := range past(t, o, site, store.Snapshot{}, "2026-01-01") {
		it.FirstSeen = old.Baseline
		old.Items[it.Key] = it
	}
	seen, err := visit(t, o, site, old)
	if err != nil {
		t.Fatal(err)
	}
	_, changes := store.Diff(old, seen)
	if len(old.Items) != 2 || len(changes) != 0 {
		t.Errorf("%d meetings; changes %+v", len(old.Items), changes)
	}
	for _, address := range site.asked[len(site.asked)-2:] {
		if strings.Contains(address, "/march/") {
			t.Error("the page of March is still asked for")
		}
	}
}
