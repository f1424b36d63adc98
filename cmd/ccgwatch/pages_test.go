package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

func page(t *testing.T, a *app, now time.Time, target string) *goquery.Document {
	t.Helper()
	w := httptest.NewRecorder()
	a.webServer(func() time.Time { return now }).Handler.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+target, nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d", target, w.Code)
	}
	d, err := goquery.NewDocumentFromReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What the sample's bodies publish and buy is on their pages.
func TestPagesKnowTheBodies(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	now := townStart()
	it := store.Item{Source: "tenders", Key: "n/1", Kind: store.KindNotice, Title: "Community audiology service", URL: "https://www.example.org/n/1", FirstSeen: now, Changed: now, Notice: &store.Notice{
		OCID: "ocds-1", Release: "1", Date: now, Tags: []string{"tender"}, NoticeType: "UK4", Title: "Community audiology service", Description: "Hearing tests for adults.", CPV: []string{"85100000"},
		Buyers: []store.Party{{Name: "Mercia Vale Health", ID: "GB-PPON-AAAA-0001-ICBX"}}, TenderEnd: "2026-10-01T12:00:00+01:00",
	}}
	snap := store.Snapshot{Source: it.Source, Items: map[string]store.Item{it.Key: it}}
	c := store.Change{At: now, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, What: []store.What{store.NoticeNew}, Title: it.Title, URL: it.URL}
	if err := a.store.Commit(t.Context(), snap, []store.Change{c}, store.Health{}); err != nil {
		t.Fatal(err)
	}
	if err := a.follow(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	var got []string
	page(t, a, now, "/bodies").Find("article h2 a").Each(func(_ int, x *goquery.Selection) { got = append(got, x.AttrOr("href", "")) })
	if strings.Join(got, " ") != "/body/mercia-vale-council /body/mercia-vale-icb" {
		t.Error(got)
	}
	d := page(t, a, now, "/body/mercia-vale-icb")
	if all := d.Find("main").Text(); !strings.Contains(all, "NHS integrated care board · Mercia Vale") || d.Find("section#source-mercia-vale-icb").Length() != 1 {
		t.Error(all)
	}
	if d.Find("main a[href*='source=tenders'][href^='/item']").Length() == 0 {
		t.Error("no notice where it is the buyer")
	}
	if d := page(t, a, now, "/findings?q=body%3Amercia-vale-icb"); d.Find("article").Length() == 0 {
		t.Error("the search that its page offers finds nothing")
	}
}

// The page about the pages names the bodies of the area that are not read, and
// those alone: not what has ended, is yet to come, is elsewhere or is followed.
func TestGapsAreSaid(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	if got := a.gaps("2026-09-07"); got != nil {
		t.Errorf("all of the area is followed, and it says %q", got)
	}
	here := []string{"mercia-vale"}
	a.rules.Bodies = append(a.rules.Bodies,
		judge.Body{ID: "a", Name: "Mercia Vale Hospitals", Areas: here},
		judge.Body{ID: "b", Name: "The old trust", Areas: here, Until: "2026-03-31"},
		judge.Body{ID: "c", Name: "The next trust", Areas: here, Since: "2027-04-01"},
		judge.Body{ID: "d", Name: "Elsewhere", Areas: []string{"leicester"}},
		judge.Body{ID: "e", Name: "Mercia Vale Ambulances", Areas: []string{"leicester", "mercia-vale"}, Until: "2026-09-07"})
	got := strings.Join(a.gaps("2026-09-07"), "\n")
	if !strings.HasSuffix(got, ": Mercia Vale Hospitals; Mercia Vale Ambulances.") || strings.Count(got, "\n") != 0 {
		t.Error(got)
	}
	if all := page(t, a, townStart(), "/about").Find("main").Text(); !strings.Contains(all, got) {
		t.Error(all)
	}
}

// What the daemon does not do at the moment is said on the first page, without
// a word on where things are on this machine.
func TestPagesSayWhatStandsStill(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	now := townStart()
	held := func(now time.Time) string { return strings.TrimSpace(page(t, a, now, "/").Find(".held").Text()) }
	if got := held(now); got != "" {
		t.Errorf("nothing stands still, and it says %q", got)
	}
	a.free = func(string) (uint64, error) { return 90 << 20, nil }
	if got := held(now); !strings.HasPrefix(got, "Nothing is being read: the disk") || strings.Contains(got, a.data) {
		t.Errorf("the disk is full, and it says %q", got)
	}
	a.free = func(string) (uint64, error) { return 90 << 30, nil }
	if got := held(now.AddDate(-1, 0, 0)); !strings.HasPrefix(got, "No mail goes out: the clock") {
		t.Errorf("the clock is a year behind, and it says %q", got)
	}
}
