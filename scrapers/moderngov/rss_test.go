package moderngov

import (
	"strings"
	"testing"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const news = `<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Sampleshire</title>
<item><title>Agenda published: Meeting of Monday, 14th September, 2026 6.30 pm, Health &amp;amp; Care Scrutiny</title><link>https://democracy.sampleshire.example/mg/ieListDocuments.aspx?CId=7&amp;MId=901&amp;Ver=4</link><pubDate>Tue, 11 Aug 2026 10:00:00 GMT</pubDate></item>
<item><title>Agenda published: Meeting of Friday, 2nd October, 2026 10.00 am, Planning, Licensing and Rights of Way</title><link>https://democracy.sampleshire.example/mg/ieListDocuments.aspx?CId=9&amp;MId=955</link><pubDate>Tue, 11 Aug 2026 10:00:00 GMT</pubDate></item>
<item><title>Decision published: Meeting rooms</title><link>https://democracy.sampleshire.example/mg/ieDecisionDetails.aspx?ID=12</link><pubDate>Tue, 11 Aug 2026 10:00:00 GMT</pubDate></item>
<item><title>Agenda published: Somebody</title><link>https://democracy.sampleshire.example/mg/ieListDocuments.aspx?CId=7&amp;MId=977</link><pubDate>Tue, 11 Aug 2026 10:00:00 GMT</pubDate></item>
<item><title>Publication of plan: Forward Plan October 2026</title><link>https://democracy.sampleshire.example/mg/mgListPlanItems.aspx?PlanId=3</link><pubDate>Tue, 11 Aug 2026 10:00:00 GMT</pubDate></item>
</channel></rss>`

func known(s *site) []store.Item {
	var list []store.Item
	for _, r := range []row{
		{id: "901", committeeID: "7", committee: "Health & Care Scrutiny", when: at("2026-09-14T18:30:00+01:00"), status: store.StatusConfirmed},
		{id: "902", committeeID: "7", committee: "Health & Care Scrutiny", when: at("2026-11-16T18:30:00Z"), status: store.StatusConfirmed},
	} {
		it := s.stub(r)
		it.Source, it.Stub, it.FirstSeen = "sample", false, today()
		list = append(list, it)
	}
	return list
}

// Where the web service and the pages are refused, the news are read as what
// they are: single meetings, from which nothing can be missing, and a source
// that is as refused as before.
func TestNewsAreAHintWhereAllElseIsRefused(t *testing.T) {
	const refused = "HTTP 403\nno"
	c := &council{answers: map[string]string{
		"/mgWebService.asmx/GetCommittees": refused, "/mgListCommittees.aspx?bcr=1": refused, "/mgCommitteeStructure.aspx": refused, "/mgRss.aspx": news,
	}}
	s := newSite(newReader(), Options{Base: base}, crawl.Visit{Now: today()})
	old := known(s)
	seen, err := c.visit(t, today(), old)
	if crawl.ReasonOf(err) != store.ReasonRefused {
		t.Fatalf("the visit ends with %v", err)
	}
	if seen.Whole || seen.Last || len(seen.Items) != 2 {
		t.Fatalf("whole %v, last %v, %+v", seen.Whole, seen.Last, seen.Items)
	}
	snap := store.Snapshot{Source: "sample", Baseline: today().AddDate(0, -1, 0), Items: map[string]store.Item{}}
	for _, it := range old {
		snap.Items[it.Key] = it
	}
	if err := store.Guard(snap, seen); err != nil {
		t.Fatal(err)
	}
	next, changes := store.Diff(snap, seen)
	if len(changes) != 2 || !changes[0].Has(store.AgendaPublished) || !changes[1].Has(store.NewMeeting) || changes[1].Title != "Planning, Licensing and Rights of Way" {
		t.Errorf("%+v", changes)
	}
	if it := next.Items["meeting/902"]; it.Missing != 0 || !it.Withdrawn.IsZero() {
		t.Errorf("what the news do not name is missed: %+v", it)
	}

	// Followed by its name, the other committee is left alone.
	if seen, _ = c.visit(t, today(), old, "scrutiny"); len(seen.Items) != 1 {
		t.Errorf("%+v", seen.Items)
	}
	// What came out before the site was first read, or nobody knows when, was told
	// as new: a list of news goes back further than the list of meetings.
	for _, date := range []string{"Tue, 07 Jul 2026 10:00:00 GMT", "", "last week"} {
		c.answers["/mgRss.aspx"] = strings.ReplaceAll(news, "Tue, 11 Aug 2026 10:00:00 GMT", date)
		if seen, err := c.visit(t, today(), old); crawl.ReasonOf(err) != store.ReasonRefused || len(seen.Items) != 0 {
			t.Errorf("%q: %v, %+v", date, err, seen.Items)
		}
	}
	// A page that stands where the news should be, or none, changes nothing.
	for _, page := range []string{"<html><head><title>What's new</title></head><body></body></html>", "HTTP 404\n", ""} {
		c.answers["/mgRss.aspx"] = page
		if seen, err := c.visit(t, today(), old); crawl.ReasonOf(err) != store.ReasonRefused || len(seen.Items) != 0 {
			t.Errorf("%q: %v, %+v", page, err, seen.Items)
		}
	}
	// Of a site that was never read, nothing is hinted at.
	c.asked, c.answers["/mgRss.aspx"] = nil, news
	if seen, err := c.visit(t, today(), nil); crawl.ReasonOf(err) != store.ReasonRefused || len(seen.Items) != 0 || c.asked[len(c.asked)-1] == "/mgRss.aspx" {
		t.Errorf("%v, %+v, asked %v", err, seen.Items, c.asked)
	}
}

func FuzzNews(f *testing.F) {
	f.Add([]byte(news))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newSite(newReader(), Options{Base: base}, crawl.Visit{Now: today()})
		p, err := crawl.NewPage(base+"/mgRss.aspx", nil, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.feed(p); err != nil && len(p.Items()) > 0 {
			t.Errorf("%v, and %d items", err, len(p.Items()))
		}
		for _, it := range p.Items() {
			if it.Key == "meeting/" || it.When().IsZero() || !it.Stub {
				t.Errorf("%+v", it)
			}
		}
	})
}
