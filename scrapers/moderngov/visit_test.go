package moderngov

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const base = "https://democracy.sampleshire.example/mg"

// A council is a made-up site: what it answers to each address below its root.
// What it does not know is 404; an answer that begins with "HTTP 403" has
// that status.
type council struct {
	answers map[string]string
	asked   []string
}

func (c *council) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.String(), base)
	if path != r.URL.String() {
		c.asked = append(c.asked, path)
	}
	body, ok := c.answers[path]
	resp := &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Request: r}
	if !ok {
		resp.StatusCode = 404
	}
	if _, err := fmt.Sscanf(body, "HTTP %d", &resp.StatusCode); err == nil {
		var status string
		if status, body, _ = strings.Cut(body, "\n"); resp.StatusCode == 302 {
			resp.Header.Set("Location", base+strings.TrimPrefix(status, "HTTP 302 "))
		}
	}
	if strings.HasPrefix(body, "<?xml") {
		resp.Header.Set("Content-Type", "text/xml; charset=utf-8")
	}
	resp.Status = fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode))
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return resp, nil
}

func fixture(t testing.TB, name string) *council {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	c := &council{answers: map[string]string{}}
	for _, f := range a.Files {
		c.answers[f.Name] = string(f.Data)
	}
	return c
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func today() time.Time { return at("2026-08-12T09:00:00+01:00") }

// visit crawls the council once, in a bubble where waiting takes no time.
func (c *council) visit(t *testing.T, now time.Time, old []store.Item, names ...string) (s store.Sighting, err error) {
	t.Helper()
	snap := store.Snapshot{Items: map[string]store.Item{}}
	if len(old) > 0 {
		snap.Baseline = now.AddDate(0, -1, 0)
	}
	for _, it := range old {
		snap.Items[it.Key] = it
	}
	synctest.Test(t, func(*testing.T) {
		cr := &crawl.Crawler{Fetch: &crawl.Fetcher{Transport: c, UserAgent: "test"}}
		src := Source(Options{ID: "sample", Body: "SAM", Base: base + "/", Committees: names})
		_, err = cr.Visit(context.Background(), src, crawl.Visit{Now: now, Old: snap}, func(got store.Sighting) error {
			s = got
			return nil
		})
	})
	return s, err
}

func (c *council) mustVisit(t *testing.T, now time.Time, old []store.Item, names ...string) store.Sighting {
	t.Helper()
	s, err := c.visit(t, now, old, names...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func item(t *testing.T, s store.Sighting, key string) store.Item {
	t.Helper()
	i := slices.IndexFunc(s.Items, func(it store.Item) bool { return it.Key == key })
	if i < 0 {
		t.Fatalf("no item %s among %v", key, keys(s))
	}
	return s.Items[i]
}

func keys(s store.Sighting) []string {
	var list []string
	for _, it := range s.Items {
		list = append(list, it.Key)
	}
	slices.Sort(list)
	return list
}

func ignoreURL() cmp.Option { return cmpopts.IgnoreFields(store.Document{}, "URL") }

// The two ways of reading a site must not be told apart by what they give, or
// every change from one to the other would be news.
func TestServiceAndPagesGiveTheSameItems(t *testing.T) {
	xml := fixture(t, "service.txtar").mustVisit(t, today(), nil)
	html := fixture(t, "pages.txtar").mustVisit(t, today(), nil)
	byKey := cmpopts.SortSlices(func(a, b store.Item) bool { return a.Key < b.Key })
	onlyPages := cmpopts.IgnoreSliceElements(func(d store.Document) bool { return d.Role == store.RoleSupplement })
	if diff := cmp.Diff(xml.Items, html.Items, byKey, ignoreURL(), onlyPages); diff != "" {
		t.Errorf("items (-service +pages):\n%s", diff)
	}
	if !xml.From.Equal(html.From) || !xml.To.Equal(html.To) || len(xml.Problems)+len(html.Problems) > 0 {
		t.Errorf("windows %v-%v and %v-%v, problems %v %v", xml.From, xml.To, html.From, html.To, xml.Problems, html.Problems)
	}
}

func TestWhatAVisitGives(t *testing.T) {
	for _, way := range []string{"service.txtar", "pages.txtar"} {
		t.Run(way, func(t *testing.T) {
			s := fixture(t, way).mustVisit(t, today(), nil)
			want := []string{"meeting/501", "meeting/502", "meeting/503", "meeting/504", "meeting/505", "meeting/506"}
			if diff := cmp.Diff(want, keys(s)); diff != "" {
				t.Fatalf("listed, without the meeting of 2019:\n%s", diff)
			}
			if !s.Whole || !s.From.Equal(at("2026-05-04T00:00:00+01:00")) || !s.To.Equal(at("2029-08-12T00:00:00+01:00")) {
				t.Errorf("covers %v to %v", s.From, s.To)
			}

			coming := store.Item{
				Source: "sample", Body: "SAM", Key: "meeting/501", Kind: store.KindMeeting,
				Title: "Health & Care Scrutiny Committee - Sub-Committee",
				URL:   base + "/ieListDocuments.aspx?CId=31&MId=501&Ver=4",
				Fields: map[string]string{
					"when": "2026-08-20T17:30:00+01:00", "status": "confirmed", "agenda": "published",
					"venue": "Oak Room, Market Hall & Library, Sampleton", "committee": "Health & Care Scrutiny Committee - Sub-Committee",
				},
				Parts: []store.Part{
					{Key: "item/70001", Number: "1", Title: "Chair's Welcome & News"},
					{Key: "item/70002", Title: "FOR DECISION"},
					{Key: "item/70004", Number: "2", Title: "Community Nursing", Text: "To note the Board's plan for nursing & care in 2027.\n(For decision)"},
					{Key: "item/70005", Number: "3", Title: "Care Home Contract", Restricted: true},
					{Key: "item/70007", Number: "4a", Title: "Urgent: Eye Clinics", Late: true},
				},
				Documents: []store.Document{
					{Key: "document/8001", Title: "Community Nursing", Role: store.RoleReport, Part: "item/70004"},
					{Key: "document/8002", Title: "Annex 1 - Costs (draft)", Role: store.RoleReport, Part: "item/70004"},
					{Key: "document/8005", Title: "Urgent: Eye Clinics", Role: store.RoleReport, Part: "item/70007"},
					{Key: "pack/g610/T10", Title: "Public reports pack: Health & Care Scrutiny Committee - Sub-Committee", Role: store.RolePack},
				},
			}
			if way == "pages.txtar" { // the service does not know of it
				coming.Documents = append(coming.Documents, store.Document{Key: "supplement/9002", Title: "Late Material", Role: store.RoleSupplement})
			}
			if diff := cmp.Diff(coming, item(t, s, "meeting/501"), ignoreURL()); diff != "" {
				t.Errorf("a coming meeting with an agenda and a supplement:\n%s", diff)
			}

			past := item(t, s, "meeting/502")
			if past.Fields["minutes"] != store.Published || past.Fields["venue"] != "" {
				t.Errorf("fields of a past meeting: %v", past.Fields)
			}
			var docs []string
			for _, d := range past.Documents {
				docs = append(docs, d.Key)
			}
			if diff := cmp.Diff([]string{"document/8011", "pack/g611/T10", "decisions/g611", "minutes/g611"}, docs); diff != "" {
				t.Errorf("its documents, the decisions once:\n%s", diff)
			}
			if strings.Contains(fmt.Sprint(s.Items), "Nowhere") {
				t.Error("somebody's name was taken from the minutes, the attendance or the contact line")
			}

			cancelled := item(t, s, "meeting/503")
			if !cancelled.Cancelled() || len(cancelled.Parts) != 1 || len(cancelled.Documents) != 1 || cancelled.Documents[0].Key != "document/8021" {
				t.Errorf("a cancelled meeting keeps its items and reports and loses its pack: %+v", cancelled)
			}
			if far := item(t, s, "meeting/504"); !far.Stub || far.Fields["when"] != "2027-02-11T10:00:00Z" || far.Fields["agenda"] != "" {
				t.Errorf("a meeting beyond the detail window: %+v", far)
			}
			if none := item(t, s, "meeting/505"); none.Stub || none.Parts != nil || none.Documents != nil || none.Fields["agenda"] != "" || none.Fields["when"] != "2026-09-15T12:00:00+01:00" {
				t.Errorf("a meeting without an agenda yet: %+v", none)
			}
			if old := item(t, s, "meeting/506"); old.Stub || old.Fields["when"] != "2026-05-18T12:00:00+01:00" {
				t.Errorf("a meeting of May that waits for its minutes: %+v", old)
			}
		})
	}
}

func TestAddressesOfDocuments(t *testing.T) {
	for way, want := range map[string][]string{
		"service.txtar": {"/mgConvert2PDF.aspx?ID=8001", "/mgConvert2PDF.aspx?ID=8002", "/mgConvert2PDF.aspx?ID=8005", "/documents/g610/Public%20reports%20pack.pdf?T=10"},
		"pages.txtar":   {"/documents/s8001/2%20-%20nursing%20FINAL%20v3.pdf", "/documents/s8002/Annex%201%20-%20Costs%20draft.pdf", "/documents/s8005/Eye%20clinics%20late%20paper.pdf", "/documents/g610/Public%20reports%20pack.pdf?T=10", "/documents/b9002/Supplement.pdf?T=9"},
	} {
		var got []string
		for _, d := range item(t, fixture(t, way).mustVisit(t, today(), nil), "meeting/501").Documents {
			got = append(got, strings.TrimPrefix(d.URL, base))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: a session, an old host or a link elsewhere shows:\n%s", way, diff)
		}
	}
}

func TestDetailsAreReadOnlyWhereTheyMatter(t *testing.T) {
	known := func(key, when string, fields ...string) store.Item {
		it := store.Item{Key: key, URL: base + "/ieListDocuments.aspx?CId=31&MId=1&Ver=4", Fields: map[string]string{"when": when, "committee": "Health & Care Scrutiny Committee - Sub-Committee"}}
		for i := 0; i+1 < len(fields); i += 2 {
			it.Fields[fields[i]] = fields[i+1]
		}
		return it
	}
	s := newSite(newReader(), Options{Base: base}, crawl.Visit{Now: today()})
	for _, tt := range []struct {
		name string
		row  row
		old  store.Item
		want bool
	}{
		{"39 days ago, minutes known", row{when: today().AddDate(0, 0, -39)}, known("m", "", "minutes", "published"), true},
		{"41 days ago, minutes known", row{when: today().AddDate(0, 0, -41)}, known("m", "", "minutes", "published"), false},
		{"42 days ago, no minutes yet", row{when: today().AddDate(0, 0, -42)}, known("m", ""), true},
		{"90 days ago, never seen", row{when: today().AddDate(0, 0, -90)}, store.Item{}, true},
		{"90 days ago, cancelled and known as such", row{when: today().AddDate(0, 0, -90), status: "cancelled"}, known("m", "", "status", "cancelled"), false},
		{"90 days ago, cancelled since", row{when: today().AddDate(0, 0, -90), status: "cancelled"}, known("m", "", "status", "confirmed"), true},
		{"in 119 days", row{when: today().AddDate(0, 0, 119)}, store.Item{}, true},
		{"in 121 days", row{when: today().AddDate(0, 0, 121)}, store.Item{}, false},
		{"in 300 days, the list says agenda", row{when: today().AddDate(0, 0, 300), agenda: true}, store.Item{}, true},
		{"in 300 days, the agenda is known", row{when: today().AddDate(0, 0, 300), agenda: true}, known("m", "", "agenda", "published"), false},
		{"90 days ago, the list says minutes", row{when: today().AddDate(0, 0, -90), minutes: true}, known("m", ""), true},
		{"no date in the list", row{}, store.Item{}, true},
	} {
		if got := s.wanted(tt.row, tt.old); got != tt.want {
			t.Errorf("%s: wanted %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The service says that a cancelled meeting has no agenda; a site that says
// otherwise does not serve the pack either.
func TestACancelledMeetingHasNoPack(t *testing.T) {
	c := fixture(t, "service.txtar")
	path := "/mgWebService.asmx/GetMeeting?lMeetingId=503"
	still := strings.Replace(c.answers[path], "<agendapublished>False", "<agendapublished>True", 1)
	for _, d := range item(t, c.with(map[string]string{path: still}).mustVisit(t, today(), nil), "meeting/503").Documents {
		if d.Role == store.RolePack {
			t.Errorf("%+v", d)
		}
	}
}

func TestCommitteesByName(t *testing.T) {
	for _, way := range []string{"service.txtar", "pages.txtar"} {
		s := fixture(t, way).mustVisit(t, today(), nil, "PEOPLE'S")
		if diff := cmp.Diff([]string{"meeting/505", "meeting/506"}, keys(s)); diff != "" {
			t.Errorf("%s:\n%s", way, diff)
		}
		c := fixture(t, way)
		if _, err := c.visit(t, today(), nil, "no such committee"); err == nil {
			t.Errorf("%s: a name that fits nothing is an error to be told, not an empty list", way)
		}
	}
}

func TestMarksThatOneWaySeesAreKept(t *testing.T) {
	old := store.Item{Key: "meeting/506", Parts: []store.Part{{Key: "item/70041", Title: "Buses", Restricted: true, Late: true}}}
	got := item(t, fixture(t, "pages.txtar").mustVisit(t, today(), []store.Item{old}), "meeting/506").Parts[0]
	if !got.Restricted || !got.Late {
		t.Errorf("part %+v", got)
	}
}

// A council whose service answers again would otherwise seem to have taken its
// late papers down.
func TestLatePapersOnlyPagesShowAreKept(t *testing.T) {
	late := func(s store.Sighting) (list []store.Document) {
		for _, d := range item(t, s, "meeting/501").Documents {
			if d.Role == store.RoleSupplement {
				list = append(list, d)
			}
		}
		return list
	}
	pages := fixture(t, "pages.txtar").mustVisit(t, today(), nil)
	again := fixture(t, "service.txtar").mustVisit(t, today(), pages.Items)
	if diff := cmp.Diff(late(pages), late(again)); diff != "" || len(late(pages)) != 1 {
		t.Errorf("late papers:\n%s", diff)
	}
	gone := fixture(t, "pages.txtar")
	path := "/ieListDocuments.aspx?CId=31&MId=501&Ver=4"
	if !strings.Contains(gone.answers[path], "SID=9002") {
		t.Fatal("the fixture has no late material")
	}
	gone.answers[path] = strings.Replace(gone.answers[path], "SID=9002", "SID=", 1)
	if list := late(gone.mustVisit(t, today(), pages.Items)); len(list) > 0 {
		t.Errorf("the page shows them no more: %v", list)
	}
}

// with is the council with some answers replaced.
func (c *council) with(answers map[string]string) *council {
	d := &council{answers: maps.Clone(c.answers)}
	maps.Copy(d.answers, answers)
	return d
}
