package crawl_test

import (
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A source that panics over the text of a paper takes nothing away: the visit goes
// on, says so, and what is known out of texts stays as it is.
func TestASourceThatFailsOverATextTakesNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &twin{lives: "https://board.example", pages: map[string]string{"/list": "item a A"}}
		src := twinSource("https://board.example")
		src.Texts = func(crawl.Visit, []store.Item, func(store.Document) ([]string, bool)) crawl.FromText { panic("a text") }
		was := store.Item{Key: "dates#2027-01-01", Kind: store.KindMeeting, Title: "Board", Fields: map[string]string{store.FieldWhen: "2027-01-01T00:00:00Z", store.FieldListedIn: "Dates, page 1"}}
		old := store.Snapshot{Baseline: day, Items: map[string]store.Item{was.Key: was}}
		c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: s}, Archive: &shelf{map[string][]byte{}, map[string][]string{}}}
		for range 3 {
			var seen store.Sighting
			if _, err := c.Visit(t.Context(), src, crawl.Visit{Now: day, Old: old}, func(x store.Sighting) error { seen = x; return nil }); err != nil {
				t.Fatal(err)
			}
			if len(seen.Problems) != 1 || seen.Problems[0].Reason != store.ReasonFormat {
				t.Errorf("%+v", seen.Problems)
			}
			old, _ = store.Diff(old, seen)
			time.Sleep(24 * time.Hour)
		}
		if it := old.Items[was.Key]; !it.Withdrawn.IsZero() || it.Missing > 0 || it.Fields[store.FieldWhen] == "" {
			t.Errorf("%+v", it)
		}
	})
}
