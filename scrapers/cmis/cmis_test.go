package cmis

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const base = "https://cmis.sampleshire.example/cmis5"

// A council is a made-up site: a fixture's months and meetings, put into the
// pages that the system makes of them. Answers stand before them.
type council struct {
	parts   map[string]string
	answers map[string]string // by what the address contains
	asked   []string
}

func fixture(t testing.TB) (*council, string) {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "site.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	c := &council{parts: map[string]string{}, answers: map[string]string{}}
	want := ""
	for _, f := range a.Files {
		if f.Name == "want" {
			want = string(f.Data)
		}
		c.parts[f.Name] = string(f.Data)
	}
	return c, want
}

func frame(inner string) string {
	return "<html><body><div class=\"DNNModuleContent ModCMISMeetingsC\">\n" + inner + "\n</div></body></html>"
}

func monthFrame(row string) string {
	if row != "" {
		row = "<tr class=\"rgRow\">" + row + "</tr>"
	}
	return frame("<table class=\"rgMasterTable\" id=\"dnn_ctr412_MeetingCalendarPublicPrinter_grdRadMeeting_ctl00\">" + row + "</table>")
}

func (c *council) RoundTrip(r *http.Request) (*http.Response, error) {
	at := r.URL.String()
	if r.URL.Path != "/robots.txt" {
		c.asked = append(c.asked, strings.TrimPrefix(at, base))
	}
	status, body := 200, c.body(at)
	if body == "" {
		status = 404
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (c *council) body(at string) string {
	for part, body := range c.answers {
		if strings.Contains(at, part) {
			return body
		}
	}
	if _, month, ok := strings.Cut(at, "/MeetingCalendarPublicNoJava/mid/412/Date/"); ok {
		return monthFrame(c.parts["month "+month[:7]])
	}
	if _, m, ok := strings.Cut(at, "/Meeting/"); ok {
		if inner, ok := c.parts["meeting "+m[:3]]; ok {
			return frame(inner)
		}
		return ""
	}
	return c.parts[at]
}

func today() time.Time { return time.Date(2026, 8, 12, 8, 0, 0, 0, time.UTC) }

func (c *council) visit(t *testing.T, now time.Time, old store.Snapshot, names ...string) (s store.Sighting, err error) {
	t.Helper()
	src, err := Source(Options{ID: "sample", Body: "SAM", Base: base + "/", Committees: names})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(*testing.T) {
		cr := &crawl.Crawler{Fetch: &crawl.Fetcher{Transport: c, UserAgent: "test"}}
		_, err = cr.Visit(context.Background(), src, crawl.Visit{Now: now, Old: old}, func(got store.Sighting) error {
			s = got
			return nil
		})
	})
	return s, err
}

func print(s store.Sighting) string {
	var b strings.Builder
	for _, it := range s.Items {
		stub := ""
		if it.Stub {
			stub = " (stub)"
		}
		var out []string
		for _, f := range []string{store.FieldAgenda, store.FieldMinutes} {
			if it.Fields[f] != "" {
				out = append(out, f)
			}
		}
		fmt.Fprintf(&b, "%s%s | %s | %s | %s | %s | %s\n", it.Key, stub, it.When().Format("2006-01-02 15:04"), it.Title,
			it.Fields[store.FieldStatus], it.Fields[store.FieldVenue], strings.Join(out, " "))
		if d := it.Fields[store.FieldDoubt]; d != "" {
			fmt.Fprintf(&b, "    doubt: %s\n", d)
		}
		for _, d := range it.Documents {
			fmt.Fprintf(&b, "    %s %s\n", d.Role, d.Key)
		}
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "problem %s: %s\n", p.Reason, p.What)
	}
	return b.String()
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

func TestWhatAVisitGives(t *testing.T) {
	c, want := fixture(t)
	s, err := c.visit(t, today(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(lines(want), lines(print(s))); d != "" {
		t.Error("(-want +got)\n", d)
	}
	if from, to := s.From.Format(time.DateOnly), s.To.Format(time.DateOnly); from != "2026-05-01" || to != "2027-10-01" || !s.Whole {
		t.Errorf("covers %s to %s, whole %v", from, to, s.Whole)
	}
}

// A month takes the real systems 40 seconds: those far away are asked once a
// day, and what stands in them is not missed in between.
func TestFarMonthsAreReadOnceADay(t *testing.T) {
	c, _ := fixture(t)
	first, err := c.visit(t, today(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := store.Diff(store.Snapshot{}, first)
	for _, x := range []struct {
		after  time.Duration
		months int
		far    bool
	}{{5 * time.Hour, 6, false}, {24 * time.Hour, 17, true}} {
		c.asked = nil
		s, err := c.visit(t, today().Add(x.after), old)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(strings.Join(c.asked, "\n"), "/Date/")
		next, changes := store.Diff(old, s)
		if n != x.months || len(changes) != 0 || (s.Cursor != "") != x.far {
			t.Errorf("after %s: %d months asked, cursor %q, changes %v", x.after, n, s.Cursor, changes)
		}
		if it := next.Items["meeting/950"]; it.Missing != 0 || !it.Withdrawn.IsZero() {
			t.Errorf("after %s: the meeting of March is missed: %+v", x.after, it)
		}
	}
}

// Addresses of documents are new every day; a supplement is an item of its own,
// the previous meeting's minutes are not this one's.
func TestNewAddressesAreNoNewsAndASupplementIs(t *testing.T) {
	c, _ := fixture(t)
	first, err := c.visit(t, today(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := store.Diff(store.Snapshot{}, first)
	c.parts["meeting 902"] = strings.NewReplacer("ashx?d", "ashx?zz", "</ol>",
		"<li class=\"DocumentListItem\"><a class=\"TitleLink\" href=\"/cmis5/Document.ashx?d9\">Late report: market test</a></li></ol>").Replace(c.parts["meeting 902"])
	s, err := c.visit(t, today().Add(24*time.Hour), old)
	if err != nil {
		t.Fatal(err)
	}
	_, changes := store.Diff(old, s)
	if len(changes) != 1 || !changes[0].Has(store.ItemAdded) || !changes[0].Has(store.DocumentAdded) || len(changes[0].What) != 2 || len(changes[0].Documents) != 1 {
		t.Errorf("%+v", changes)
	}
	// After the meeting the same files stay what they were.
	s, err = c.visit(t, today().Add(30*24*time.Hour), old)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range s.Items {
		if it.Key == "meeting/902" && it.Fields[store.FieldMinutes] != "" {
			t.Error("the previous meeting's minutes are taken for this one's")
		}
	}
}

func TestCommitteesByName(t *testing.T) {
	c, _ := fixture(t)
	s, err := c.visit(t, today(), store.Snapshot{}, "health")
	if err != nil || len(s.Items) != 1 || s.Items[0].Key != "meeting/902" {
		t.Errorf("%v %v", s.Items, err)
	}
}

// Whatever stands where a page should be is an error with its reason, and never
// a month without meetings.
func TestNoAnswerIsNeverAnEmptyMonth(t *testing.T) {
	for name, c := range map[string]struct {
		at, body string
		want     store.Reason
	}{
		"another month":     {"/Date/2026-09", monthFrame(`<tr><td class="SimpleCalendarDate">Saturday, 8 August</td><td><p class="Meeting"><a href="/cmis5/Meetings/tabid/81/ctl/ViewMeetingPublic/mid/412/Meeting/902/Committee/7/Default.aspx">10:00 Panel</a></p></td></tr>`), store.ReasonFormat},
		"half a page":       {"/Date/2026-09", "<html><body><table class=\"rgMasterTable\"><tr>", store.ReasonTruncated},
		"critical error":    {"/Date/2026-09", `<html><body><span class="NormalRed">A critical error has occurred.</span></body></html>`, store.ReasonServer},
		"log-in":            {"/Date/2026-09", "<html><head><title>Log in</title></head><body><input type=password></body></html>", store.ReasonRefused},
		"maintenance":       {"/Meetings.aspx", "<html><head><title>Site maintenance</title></head><body><p>Back soon</p></body></html>", store.ReasonServer},
		"a page of its own": {"/Date/2026-09", "<html><body><p>" + strings.Repeat("Welcome to the council. ", 40) + "</p></body></html>", store.ReasonFormat},
		"no calendar":       {"s.aspx", "<html><body><p>" + strings.Repeat("Meetings are held in public. ", 40) + "</p></body></html>", store.ReasonFormat},
		"all months empty":  {"/Date/", monthFrame(""), store.ReasonEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			site, _ := fixture(t)
			site.answers[c.at] = c.body
			s, err := site.visit(t, today(), store.Snapshot{})
			if crawl.ReasonOf(err) != c.want || err == nil {
				t.Errorf("error %v, want reason %s; items %d", err, c.want, len(s.Items))
			}
		})
	}
}

// Where the meetings page has another name, and where it shows the calendar's
// number but no link.
func TestTheFrontPageIsFound(t *testing.T) {
	c, want := fixture(t)
	page := c.parts[base+"/Meetings.aspx"]
	delete(c.parts, base+"/Meetings.aspx")
	c.parts[base+"/CalendarofMeetings.aspx?ctl=MeetingCalendarListView&mid=412"] = page
	c.parts[base+"/CalendarofMeetings.aspx"] = "<html><body><input name=\"dnn$ctr412$MeetingCalendarPublicList$x\"><p>" + strings.Repeat("Meetings. ", 80) + "</p></body></html>"
	s, err := c.visit(t, today(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(lines(want), lines(print(s))); d != "" {
		t.Error(d)
	}
}

func FuzzPages(f *testing.F) {
	c, _ := fixture(f)
	for name, body := range c.parts {
		if strings.HasPrefix(name, "month") {
			f.Add(monthFrame(body))
		} else {
			f.Add(frame(body))
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		src, err := Source(Options{ID: "x", Base: base})
		if err != nil {
			t.Fatal(err)
		}
		_ = src.Plan(crawl.Visit{Now: today()})
		rd := newReader()
		p, err := crawl.NewPage(base+"/Meetings.aspx", nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(rd, Options{Base: base}, p.URL, crawl.Visit{Now: today()})
		_ = s.sound(p)
		_ = s.viewOf(p)
		rows, err := s.monthPage(p, s.month(today(), 0))
		for _, r := range rows {
			if err == nil && (r.id == "" || r.committee == "") {
				t.Errorf("a meeting without number or name: %+v", r)
			}
		}
		if d, err := s.meetingPage(p); err == nil {
			it := store.Item{Fields: map[string]string{}}
			s.fill(&it, row{id: "1"}, d, store.Item{})
			seen := map[string]bool{}
			for _, doc := range it.Documents {
				if seen[doc.Key] || doc.URL == "" {
					t.Errorf("document %+v twice or without address", doc)
				}
				seen[doc.Key] = true
			}
		}
	})
}
