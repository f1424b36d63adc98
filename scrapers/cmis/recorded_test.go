package cmis

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Recorded pages of a real council, cut down, where they are at hand.
func TestRecordedPages(t *testing.T) {
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	read := func(name string) *crawl.Page {
		b, err := os.ReadFile(filepath.Join(dir, "data", "councils", "birmingham-cmis", name))
		if err != nil {
			t.Skipf("SKIPPED, NOT CHECKED: %v", err)
		}
		p, err := crawl.NewPage("https://birmingham.cmis.uk.com/birmingham/Meetings.aspx", nil, b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	root, err := url.Parse("https://birmingham.cmis.uk.com/birmingham")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(newReader(), Options{Base: root.String()}, root, crawl.Visit{Now: time.Date(2026, 7, 12, 9, 0, 0, 0, time.UTC)})

	want := view{prefix: "https://birmingham.cmis.uk.com/birmingham/Meetings", tab: "70", module: "397"}
	if v := s.viewOf(read("cmis_listview_birmingham.html")); v != want {
		t.Errorf("view %+v, want %+v", v, want)
	}
	june := time.Date(2026, 6, 1, 0, 0, 0, 0, s.london)
	rows, err := s.monthPage(read("cmis_calendar_month_birmingham.html"), june)
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if r := rows[3]; r.id != "15099" || r.committee != "Planning Committee" || r.when.Format("2006-01-02 15:04") != "2026-06-30 14:00" || r.doubt != "" {
		t.Errorf("%+v", r)
	}
	if _, err := s.monthPage(read("cmis_calendar_month_birmingham.html"), s.month(june, 1)); err == nil {
		t.Error("June is taken for July")
	}
	d, err := s.meetingPage(read("cmis_meeting_summary_birmingham.html"))
	if err != nil || d.committee != "Licensing Sub-Committee A" || d.status != store.StatusConfirmed || d.venue != "On-line meeting" || d.when.Format("2006-01-02 15:04") != "2026-08-03 10:00" || len(d.papers) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = s.meetingPage(read("cmis_meeting_detail_birmingham.html"))
	if err != nil || len(d.papers) != 2 || d.papers[0].kb != 156 || d.papers[1].kb != 2048 {
		t.Fatalf("%+v, %v", d, err)
	}
	// Minutes of April among the papers of a meeting of July are not its own.
	it := store.Item{Fields: map[string]string{store.FieldWhen: "2026-07-09T11:00:00+01:00"}}
	s.fill(&it, row{id: "15042"}, d, store.Item{})
	if it.Fields[store.FieldMinutes] != "" || it.Documents[0].Role != store.RoleReport {
		t.Errorf("%+v", it)
	}
}
