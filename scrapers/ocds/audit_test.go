package ocds

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// days crawls every three hours.
func (l *ledger) days(s *service, src crawl.Source, from time.Time, days int, v crawl.Visit) {
	l.t.Helper()
	for now := from; !now.After(from.AddDate(0, 0, days)); now = now.Add(3 * time.Hour) {
		v.Now = now
		l.mustVisit(s, src, v)
	}
}

func (s *service) askedFor(part string) (n int) {
	for _, a := range s.asked {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

// The feed passes over notices: those that exist are had by their number,
// within a day; those that do not are asked for three times each and then
// remembered as never seen.
func TestAuditAsksForWhatTheFeedPassedOver(t *testing.T) {
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, notices: some(5, working(t, start.AddDate(0, 0, -3), 5)), hidden: map[string]bool{}}
	for i := range s.notices { // number them anew, with holes
		s.notices[i] = made(s.notices[i].at, 70_000+i+i/100)
	}
	for i := 40; i+1 < len(s.notices); i += 97 { // that the very last is missing only the next one shows
		s.hidden[s.notices[i].id] = true
	}
	holes := (len(s.notices) - 1) / 100
	l := newLedger(t)
	src := FindATender("fts", "", "https://fts.example", 0)
	l.days(s, src, start, 20, crawl.Visit{})
	l.holds(s, start.AddDate(0, 0, -28), start.AddDate(0, 0, 20))
	a, ok := Audited(l.snap.Notes)
	if !ok || a.Seen != len(s.notices) || a.Found != len(s.hidden) || a.Never != holes || a.Asking != 0 {
		t.Errorf("%+v; there are %d notices, %d of them not in the feed, and %d holes", a, len(s.notices), len(s.hidden), holes)
	}
	if most := len(s.hidden) + gapTries*holes; s.askedFor("ocdsReleasePackages/") > most {
		t.Errorf("%d numbers asked for, expected no more than %d", s.askedFor("ocdsReleasePackages/"), most)
	}
	if len(l.from) > 0 {
		t.Errorf("problems: %v", l.from)
	}
	before := len(s.asked)
	l.days(s, src, start.AddDate(0, 0, 21), 3, crawl.Visit{})
	if n := s.askedFor("ocdsReleasePackages/"); n != holes*gapTries+len(s.hidden) {
		t.Errorf("%d questions, of which some after all was known (%d requests since)", n, len(s.asked)-before)
	}
}

// A week that the feed lost entirely is found again from a few questions, at so
// many a visit and a day.
func TestAuditFindsALostWeek(t *testing.T) {
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, hidden: map[string]bool{}}
	for i := range 900 {
		n := made(start.Add(time.Duration(i)*11*time.Minute), 50_000+i)
		s.notices = append(s.notices, n)
		s.hidden[n.id] = i >= 300 && i < 500
	}
	l := newLedger(t)
	src := FindATender("fts", "", "https://fts.example", 0)
	for now := start; !now.After(start.AddDate(0, 0, 14)); now = now.Add(time.Hour) {
		before := s.askedFor("ocdsReleasePackages/")
		l.mustVisit(s, src, crawl.Visit{Now: now})
		if n := s.askedFor("ocdsReleasePackages/") - before; n > auditVisit {
			t.Errorf("%d questions in one visit", n)
		}
	}
	l.holds(s, start, start.AddDate(0, 0, 14))
	if a, _ := Audited(l.snap.Notes); a.Found != 200 || a.Never != 0 {
		t.Errorf("%+v", a)
	}
}

// A question that fails does not fail the visit, is put again the next day, and
// does not stop the others.
func TestAuditBearsFailure(t *testing.T) {
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, hidden: map[string]bool{"050003-2026": true, "050007-2026": true}, broken: "050007-2026"}
	for i := range 12 {
		s.notices = append(s.notices, made(start.Add(time.Duration(i)*time.Minute), 50_000+i))
	}
	l := newLedger(t)
	src := FindATender("fts", "", "https://fts.example", 0)
	l.days(s, src, start.Add(time.Hour), 3, crawl.Visit{})
	a, _ := Audited(l.snap.Notes)
	if a.Found != 1 || a.Asking != 1 || a.Never != 0 {
		t.Errorf("%+v", a)
	}
	if n := s.askedFor("050007-2026"); n < 2 || n > 5 {
		t.Errorf("what fails was asked %d times in three days", n)
	}
	for _, p := range l.from {
		if !strings.Contains(p.What, "050007-2026") {
			t.Errorf("problem %+v", p)
		}
	}
	if len(l.from) == 0 {
		t.Error("nobody is told that a notice could not be had")
	}
	s.broken = ""
	l.days(s, src, start.AddDate(0, 0, 5), 1, crawl.Visit{})
	if a, _ := Audited(l.snap.Notes); a.Found != 2 || a.Asking != 0 {
		t.Errorf("put right: %+v", a)
	}
}

// A watched process is read again by its record, as often as it is worth, the
// longest overdue first, and an edit in place is seen.
func TestAuditReadsWatchedProcessesAgain(t *testing.T) {
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, testFeed(t).zone)
	for _, src := range []crawl.Source{
		FindATender("fts", "", "https://fts.example", 0), ContractsFinder("cf", "", "http://127.0.0.1:8099/cf", 0),
	} {
		t.Run(src.ID, func(t *testing.T) {
			s := &service{t: t, perPage: 100}
			for i := range 40 {
				s.notices = append(s.notices, made(start.Add(time.Duration(i)*time.Minute), 50_000+i))
			}
			v := crawl.Visit{}
			for i := range 20 {
				v.Watch = append(v.Watch, crawl.Watched{ID: fmt.Sprintf("ocds-h6vhtk-%06x", 50_000+i), Every: 49 * time.Hour})
			}
			v.Watch = append(v.Watch, crawl.Watched{ID: "../../admin", Every: time.Hour}, crawl.Watched{ID: "ocds-h6vhtk-999999", Every: 24 * time.Hour})
			if src.ID == "cf" {
				s.notices = editions(s.notices)
			}
			record := map[string]string{"fts": "/ocdsRecordPackages/", "cf": "/OCDS/Record/"}[src.ID]
			l := newLedger(t)
			l.days(s, src, start.Add(time.Hour), 2, v)
			if l.changed != 0 || len(l.added) != 40 {
				t.Errorf("%d added, %d changed", len(l.added), l.changed)
			}
			if n := s.askedFor(record); n < 21 || n > 24 {
				t.Errorf("%d records read in two days", n)
			}
			if s.askedFor("admin") > 0 {
				t.Errorf("asked %v", s.asked)
			}
			s.notices[7].raw = strings.Replace(s.notices[7].raw, "Notice 50007", "Notice 50007, with another date", 1)
			l.days(s, src, start.AddDate(0, 0, 3), 2, v)
			if l.changed != 1 || len(l.added) != 40 {
				t.Errorf("an edit in place: %d added, %d changed", len(l.added), l.changed)
			}
			if a, _ := Audited(l.snap.Notes); a.Watched != 22 || a.Reread != 21 {
				t.Errorf("%+v", a)
			}
			l.days(s, src, start.AddDate(0, 0, 6), 1, crawl.Visit{})
			if a, _ := Audited(l.snap.Notes); a.Watched != 0 {
				t.Errorf("what is watched no longer is remembered: %+v", a)
			}
			if len(l.from) > 0 {
				t.Errorf("problems: %v", l.from)
			}
		})
	}
}

// However much is watched, a day has its limit.
func TestAuditKeepsToItsBudget(t *testing.T) {
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, notices: []notice{made(start, 50_000)}}
	v := crawl.Visit{}
	for i := range 500 {
		v.Watch = append(v.Watch, crawl.Watched{ID: fmt.Sprintf("ocds-h6vhtk-%06x", i), Every: time.Hour})
	}
	l := newLedger(t)
	src := FindATender("fts", "", "https://fts.example", 0)
	for now := start.Add(time.Hour); now.Before(start.AddDate(0, 0, 2)); now = now.Add(30 * time.Minute) {
		v.Now = now
		l.mustVisit(s, src, v)
	}
	if n := s.askedFor("ocdsRecordPackages"); n != 2*auditDay {
		t.Errorf("%d records in two days, expected %d", n, 2*auditDay)
	}
	seen := map[string]bool{}
	for _, a := range s.asked {
		if strings.Contains(a, "ocdsRecordPackages") && seen[a] {
			t.Fatalf("%s was read twice while others waited", a)
		}
		seen[a] = true
	}
}

// A backfill asks for the numbers that its own days leave out, and leaves the
// notes alone.
func TestAuditOfABackfill(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, hidden: map[string]bool{}}
	for i := range 300 {
		s.notices = append(s.notices, made(start.Add(time.Duration(i)*13*time.Minute), 10_000+i+i/50))
		s.hidden[s.notices[i].id] = i%60 == 7
	}
	l := newLedger(t)
	l.snap.Notes = openNotes("").saw([]string{"050000-2026", "050002-2026"}, start).String()
	was := l.snap.Notes
	l.mustVisit(s, FindATender("fts", "", "https://fts.example", 0), crawl.Visit{Now: start.AddDate(0, 5, 0), Since: start, Until: start.AddDate(0, 0, 6)})
	l.holds(s, start, start.AddDate(0, 0, 6))
	if l.snap.Notes != was {
		t.Errorf("the notes became %s", l.snap.Notes)
	}
	if n := s.askedFor("ocdsReleasePackages/"); n != 5+5 {
		t.Errorf("%d numbers asked for, 5 are not in the feed and 5 never were", n)
	}
}

// What only the second interface of Contracts Finder lists is found, once, and
// said; a further comparison asks for nothing twice.
func TestCrosscheck(t *testing.T) {
	start := time.Date(2026, 2, 2, 0, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, notices: editions(some(4, working(t, start, 10))), hidden: map[string]bool{}}
	for i := 30; i < len(s.notices); i += 200 {
		s.hidden[s.notices[i].id] = true
	}
	src := ContractsFinder("cf", "", "http://127.0.0.1:8099/cf", 0)
	l := newLedger(t)
	l.days(s, src, start, 12, crawl.Visit{})
	l.holds(s, start, start.AddDate(0, 0, 12))
	a, _ := Audited(l.snap.Notes)
	if a.Only != len(s.hidden) || a.Crossed.IsZero() {
		t.Errorf("%+v, expected %d", a, len(s.hidden))
	}
	if n := s.askedFor("/Notice/OCDS/"); n != len(s.hidden) {
		t.Errorf("%d notices fetched by themselves, %d are hidden", n, len(s.hidden))
	}
	if n := len(s.posted); n < 12 || n > 40 {
		t.Errorf("%d searches in 12 days: %v", n, s.posted)
	}
	if len(l.from) > 0 {
		t.Errorf("problems: %v", l.from)
	}

	back := newLedger(t)
	back.mustVisit(s, src, crawl.Visit{Now: start.AddDate(0, 2, 0), Since: start, Until: start.AddDate(0, 0, 12)})
	back.holds(s, start, start.AddDate(0, 0, 12))
	if a, _ := Audited(back.snap.Notes); a.Only != len(s.hidden) {
		t.Errorf("a backfill: %+v", a)
	}
}

// Where the second interface is not there, or says nothing that can be read,
// the visit is complete, the problem is named, and it is asked again hours later.
func TestCrosscheckBearsFailure(t *testing.T) {
	start := time.Date(2026, 2, 2, 0, 0, 0, 0, testFeed(t).zone)
	for name, broken := range map[string]string{"not there": "search_notices", "a notice that cannot be had": "/OCDS/00000005"} {
		t.Run(name, func(t *testing.T) {
			s := &service{t: t, perPage: 100, notices: editions(some(40, working(t, start, 5))), hidden: map[string]bool{}, broken: broken}
			s.hidden[s.notices[5].id] = true
			src := ContractsFinder("cf", "", "http://127.0.0.1:8099/cf", 0)
			l := newLedger(t)
			l.days(s, src, start.AddDate(0, 0, 1), 1, crawl.Visit{})
			if len(l.added) == 0 || l.snap.Cursor == "" || len(l.from) == 0 {
				t.Fatalf("%d notices, cursor %q, problems %v", len(l.added), l.snap.Cursor, l.from)
			}
			if n := s.askedFor(broken); n > 12 {
				t.Errorf("what fails was asked %d times in a day", n)
			}
			s.broken = ""
			l.days(s, src, start.AddDate(0, 0, 3), 4, crawl.Visit{})
			if a, _ := Audited(l.snap.Notes); a.Only != 1 || len(l.added) != len(s.notices) {
				t.Errorf("put right: %+v", a)
			}
		})
	}
}

func TestNativeList(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want int
		more bool
		why  store.Reason
	}{
		"none":        {`{"hitCount":0,"noticeList":[]}`, 0, false, ""},
		"null":        {`{"hitCount":0,"noticeList":null}`, 0, false, ""},
		"one":         {`{"hitCount":1,"noticeList":[{"item":{"id":"AAAAAAAA-0000-4000-8000-000000000001","publishedDate":"2026-01-01T00:00:00Z"}}]}`, 1, false, ""},
		"bare":        {`{"noticeList":[{"id":"aaaaaaaa-0000-4000-8000-000000000001"}]}`, 1, false, ""},
		"more":        {`{"hitCount":7,"noticeList":[{"item":{"id":"aaaaaaaa-0000-4000-8000-000000000001"}}]}`, 1, true, ""},
		"an error":    {`[{"Code":"ValidationError"}]`, 0, false, store.ReasonFormat},
		"an object":   {`{"Code":"ValidationError"}`, 0, false, store.ReasonFormat},
		"no id":       {`{"noticeList":[{"item":{"id":7}}]}`, 0, false, store.ReasonFormat},
		"half a page": {`{"hitCount":7,"noticeList":[{"item":{"id":"aaaaaaaa-0000`, 0, false, store.ReasonTruncated},
	} {
		list, more, err := nativeList([]byte(c.body))
		if len(list) != c.want || more != c.more || (err == nil) != (c.why == "") || err != nil && crawl.ReasonOf(err) != c.why {
			t.Errorf("%s: %v, more %v, %v", name, list, more, err)
		}
	}
}

func FuzzNativeList(f *testing.F) {
	f.Add([]byte(`{"hitCount":1,"noticeList":[{"score":1,"item":{"id":"aaaaaaaa-0000-4000-8000-000000000001","publishedDate":"2026-01-01T00:00:00Z"}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := nativeList(b)
		for _, l := range list {
			if err != nil || !isGUID(l.guid) || strings.ToLower(l.guid) != l.guid {
				t.Errorf("%+v, %v", l, err)
			}
		}
	})
}

func FuzzRecordReleases(f *testing.F) {
	f.Add([]byte(`{"records":[{"ocid":"a","releases":[{"ocid":"a","id":"1"},{"url":"x","date":"y"}],"compiledRelease":{"ocid":"a","id":"c"}}]}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		list, err := recordReleases(b)
		if err == nil {
			(decoder{feed: feedFTS, zone: time.UTC}).items(list)
		}
	})
}

// The compiled release is nobody's notice; a release that is only linked is
// none either.
func TestRecordReleases(t *testing.T) {
	list, err := recordReleases([]byte(`{"records":[{"ocid":"a","releases":[{"ocid":"a","id":"1"},{"url":"https://x.example","date":"2026"}],"compiledRelease":{"ocid":"a","id":"c"}},{"ocid":"b","compiledRelease":{"ocid":"b","id":"c"}}]}`))
	if err != nil || len(list) != 1 || !slices.ContainsFunc(list, func(b []byte) bool { return strings.Contains(string(b), `"1"`) }) {
		t.Errorf("%q, %v", list, err)
	}
	if _, err := recordReleases([]byte(`{"status":404}`)); err == nil {
		t.Error("an error object was taken for a record")
	}
}

// The search is posted as JSON, and nothing else is ever posted.
func TestOnlyTheSearchIsPosted(t *testing.T) {
	start := time.Date(2026, 2, 2, 9, 0, 0, 0, testFeed(t).zone)
	s := &service{t: t, perPage: 100, notices: editions([]notice{made(start.Add(-time.Hour), 1)})}
	s.inspect = func(r *http.Request) {
		if post := strings.Contains(r.URL.Path, "search_notices"); post != (r.Method == http.MethodPost) || post && r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s as %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
	}
	newLedger(t).mustVisit(s, ContractsFinder("cf", "", "http://127.0.0.1:8099/cf", 0), crawl.Visit{Now: start})
	if len(s.posted) == 0 {
		t.Error("nothing was searched")
	}
}
