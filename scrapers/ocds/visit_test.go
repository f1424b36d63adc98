package ocds

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Crawling every three hours sees each notice once, whatever the page size;
// crawling once more adds none; a backfill of the same days finds the same.
func TestVisitFindATender(t *testing.T) {
	zone := testFeed(t).zone
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, zone)
	for _, perPage := range []int{20, 100} {
		t.Run(fmt.Sprint(perPage, " a page"), func(t *testing.T) {
			s := &service{t: t, perPage: perPage, notices: working(t, start.AddDate(0, 0, -10), 17)}
			src := FindATender("find-a-tender", "Find a Tender", "https://www.find-tender.service.gov.uk/", 0)
			l := newLedger(t)
			end := start.AddDate(0, 0, 7)
			for now := start; !now.After(end); now = now.Add(3 * time.Hour) {
				l.mustVisit(s, src, crawl.Visit{Now: now})
			}
			l.holds(s, start.Add(-baseline), end)
			l.mustVisit(s, src, crawl.Visit{Now: end.Add(time.Minute)})
			l.holds(s, start.Add(-baseline), end)
			if len(l.from) > 0 {
				t.Errorf("problems: %v", l.from)
			}
			t.Logf("%d notices in %d requests and %d commits", len(l.added), s.requests, l.flushes)

			back := newLedger(t)
			s.requests = 0
			back.mustVisit(s, src, crawl.Visit{Now: end, Since: start, Until: end.AddDate(0, 0, -2)})
			back.holds(s, start, end.AddDate(0, 0, -2))
			if back.snap.Cursor != "" {
				t.Errorf("a backfill moved the cursor to %s", back.snap.Cursor)
			}
			if back.flushes < 5 {
				t.Errorf("a backfill of 3,000 notices was handed on in %d pieces", back.flushes)
			}
		})
	}
}

// Nights and weekends cost few requests.
func TestVisitFindATenderIsFrugal(t *testing.T) {
	zone := testFeed(t).zone
	friday := time.Date(2026, 8, 14, 19, 0, 0, 0, zone)
	s := &service{t: t, perPage: 100, notices: working(t, friday.AddDate(0, 0, -4), 7)}
	l := newLedger(t)
	l.snap.Cursor = friday.UTC().Format(time.RFC3339)
	l.mustVisit(s, FindATender("fts", "", "https://fts.example", 0), crawl.Visit{Now: friday.Add(60 * time.Hour)})
	if s.requests > 8 {
		t.Errorf("a weekend took %d requests: %s", s.requests, strings.Join(s.asked, "\n"))
	}
}

// A full page is not believed to be all even where no link says that there is
// more: that link has been missing for months at a time.
func TestVisitMissingLinks(t *testing.T) {
	zone := testFeed(t).zone
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, zone)
	end := start.AddDate(0, 0, 3)
	for _, src := range []crawl.Source{
		FindATender("fts", "", "https://fts.example", 0), ContractsFinder("cf", "", "http://127.0.0.1:8099/cf", 0),
	} {
		t.Run(src.ID, func(t *testing.T) {
			s := &service{t: t, perPage: 100, mute: true, notices: working(t, start, 2)}
			if src.ID == "cf" {
				s.notices = editions(s.notices)
			}
			l := newLedger(t)
			l.mustVisit(s, src, crawl.Visit{Now: end, Since: start})
			if src.ID == "fts" || len(l.from) == 0 {
				l.holds(s, start, end)
			}
			for _, p := range l.from {
				if src.ID == "fts" || p.Reason != store.ReasonGap {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}

// A visit that fails keeps what it handed on, and the next one goes on from there.
func TestVisitGoesOnAfterAFailure(t *testing.T) {
	zone := testFeed(t).zone
	start := time.Date(2026, 8, 10, 0, 0, 0, 0, zone)
	for name, bad := range map[string]string{
		"an error page": "<html><title>Sorry, there is a problem</title></html>",
		"an error":      `{"timestamp":"2026-08-10T09:00:00","status":500,"error":"Internal Server Error"}`,
		"half a page":   `{"releases":[{"ocid":"ocds-h6vhtk-000001","id":"000`,
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{t: t, perPage: 100, notices: working(t, start.AddDate(0, 0, -12), 12)}
			s.spoil = func(n int, body []byte) []byte {
				if n == 90 {
					return []byte(bad)
				}
				return body
			}
			src := FindATender("fts", "", "https://fts.example", 0)
			l := newLedger(t)
			err := l.visit(s, src, crawl.Visit{Now: start})
			var e *crawl.Error
			if !errors.As(err, &e) || (e.Reason != store.ReasonFormat && e.Reason != store.ReasonTruncated) {
				t.Fatalf("err = %v", err)
			}
			if l.flushes == 0 || l.snap.Cursor == "" {
				t.Fatal("nothing was handed on before the failure")
			}
			l.mustVisit(s, src, crawl.Visit{Now: start})
			l.holds(s, start.Add(-baseline), start)
			smooth := &service{t: t, perPage: 100, notices: s.notices}
			newLedger(t).mustVisit(smooth, src, crawl.Visit{Now: start})
			if s.requests > smooth.requests+25 {
				t.Errorf("the second visit began again: %d requests, %d without the failure", s.requests, smooth.requests)
			}
		})
	}
}

// One second with more notices than a page: what is there is taken, the gap is
// named, and the walk goes on.
func TestVisitNamesAGap(t *testing.T) {
	zone := testFeed(t).zone
	start := time.Date(2026, 8, 10, 9, 0, 0, 0, zone)
	s := &service{t: t, perPage: 100}
	for i := range 130 {
		s.notices = append(s.notices, made(start.Add(17*time.Minute), i+1))
	}
	s.notices = append(s.notices, made(start.Add(90*time.Minute), 500))
	l := newLedger(t)
	l.snap.Cursor = start.UTC().Format(time.RFC3339)
	l.mustVisit(s, FindATender("fts", "", "https://fts.example", 0), crawl.Visit{Now: start.Add(2 * time.Hour)})
	if len(l.added) != 101 {
		t.Errorf("%d notices added", len(l.added))
	}
	if len(l.from) != 1 || l.from[0].Reason != store.ReasonGap || !strings.Contains(l.from[0].What, "2026-08-10T09:17:00") {
		t.Errorf("problems: %v", l.from)
	}
	if l.snap.Cursor != "2026-08-10T10:00:00Z" {
		t.Errorf("cursor %s", l.snap.Cursor)
	}
}

// On the nights when the clocks change no notice is lost, whichever of the
// two hours the service takes 01:30 for, even if only one of the two hours fits
// on a page; a time that does not exist is never asked for (the service complains).
func TestVisitOverClockChanges(t *testing.T) {
	for _, night := range []time.Time{
		time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), // back at 01:00Z
		time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC),  // forward at 01:00Z
	} {
		for _, perPage := range []int{15, 100} {
			for _, second := range []bool{false, true} {
				for _, step := range []time.Duration{7 * time.Minute, time.Hour, 30 * time.Hour} {
					t.Run(fmt.Sprint(night.Format(time.DateOnly), perPage, second, step), func(t *testing.T) {
						s := &service{t: t, perPage: perPage, second: second}
						from := night.Add(-6 * time.Hour)
						for i := range 12 * 60 / 5 {
							s.notices = append(s.notices, made(from.Add(time.Duration(i)*5*time.Minute+time.Second), i+1))
						}
						src := FindATender("fts", "", "https://fts.example", 0)
						l := newLedger(t)
						l.snap.Cursor = from.Format(time.RFC3339)
						for now := from.Add(step); ; now = now.Add(step) {
							l.mustVisit(s, src, crawl.Visit{Now: now})
							if now.After(night.Add(8 * time.Hour)) {
								break
							}
						}
						l.holds(s, from, night.Add(6*time.Hour))
						for at := 20 * time.Minute; at < 6*time.Hour; at += 20 * time.Minute { // backfills that end anywhere
							back := newLedger(t)
							since, until := night.Add(-30*time.Minute), night.Add(at)
							back.mustVisit(s, src, crawl.Visit{Now: night.Add(8 * time.Hour), Since: since, Until: until})
							for _, n := range s.notices {
								if !n.at.Before(since) && n.at.Before(until) && back.added["ocds-h6vhtk-"+fmt.Sprintf("%06x", number6(n.id))+"/"+n.id] != 1 {
									t.Fatalf("a backfill until %s misses %s", until, n.at)
								}
							}
						}
						if len(l.from) > 0 {
							t.Errorf("problems: %v", l.from)
						}
					})
				}
			}
		}
	}
}

func number6(id string) (n int) {
	_, _ = fmt.Sscanf(id, "%06d-", &n)
	return n
}

// Where a visit begins and ends.
func TestSpan(t *testing.T) {
	now := time.Date(2026, 8, 10, 12, 0, 0, 500, time.UTC)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name, cursor, since, until, from, to string
	}{
		{name: "first visit", from: "2026-07-13T12:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "goes on", cursor: "2026-08-10T09:00:00Z", from: "2026-08-10T08:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "after months away", cursor: "2026-02-01T09:00:00Z", from: "2026-02-01T08:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "cursor unreadable", cursor: "yesterday", from: "2026-07-13T12:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "clock set back a little", cursor: "2026-08-10T12:20:00Z", from: "2026-08-10T11:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "clock had been wrong", cursor: "2031-01-01T00:00:00Z", from: "2026-07-13T12:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "cursor before the service", cursor: "1970-01-01T00:00:00Z", from: "2021-01-01T00:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "backfill", cursor: "2026-08-10T09:00:00Z", since: "2026-01-01T00:00:00Z", until: "2026-02-01T00:00:00Z", from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z"},
		{name: "backfill until now", since: "2026-01-01T00:00:00+01:00", from: "2025-12-31T23:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "backfill into the future", since: "2026-08-01T00:00:00Z", until: "2027-02-01T00:00:00Z", from: "2026-08-01T00:00:00Z", to: "2026-08-10T12:00:00Z"},
		{name: "backfill without a beginning", until: "2026-02-01T00:00:00Z", from: "2026-01-04T00:00:00Z", to: "2026-02-01T00:00:00Z"},
		{name: "backfill the wrong way round", since: "2026-03-01T00:00:00Z", until: "2026-02-01T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := testFeed(t)
			f.start = at("2021-01-01T00:00:00Z")
			v := crawl.Visit{Now: now, Old: store.Snapshot{Cursor: c.cursor}}
			if c.since != "" {
				v.Since = at(c.since)
			}
			if c.until != "" {
				v.Until = at(c.until)
			}
			from, to, ok := f.span(v)
			if !ok {
				if c.from != "" {
					t.Error("nothing to read")
				}
				return
			}
			if got := from.Format(time.RFC3339); got != c.from {
				t.Errorf("from %s, want %s", got, c.from)
			}
			if got := to.Format(time.RFC3339); got != c.to {
				t.Errorf("to %s, want %s", got, c.to)
			}
		})
	}
}

func TestVisitContractsFinder(t *testing.T) {
	zone := testFeed(t).zone
	start := time.Date(2025, 3, 20, 0, 0, 0, 0, zone)
	for _, perPage := range []int{20, 100} {
		t.Run(fmt.Sprint(perPage, " a page"), func(t *testing.T) {
			s := &service{t: t, perPage: perPage, notices: editions(some(4, working(t, start.AddDate(0, 0, -9), 23)))}
			src := ContractsFinder("contracts-finder", "Contracts Finder", "http://127.0.0.1:8099/cf", 0)
			l := newLedger(t)
			end := start.AddDate(0, 0, 14) // over the night when clocks go forward
			for now := start; !now.After(end); now = now.Add(24 * time.Hour) {
				l.mustVisit(s, src, crawl.Visit{Now: now})
			}
			l.mustVisit(s, src, crawl.Visit{Now: end})
			early := newLedger(t) // the first window begins an hour early
			for k, n := range l.added {
				early.added[k] = n
			}
			early.changed = l.changed
			early.holds(s, start.Add(-baseline-time.Hour), end)
			if len(l.from) > 0 {
				t.Errorf("problems: %v", l.from)
			}
			before := len(l.added)
			l.mustVisit(s, src, crawl.Visit{Now: end.Add(time.Minute)})
			if len(l.added) != before {
				t.Errorf("a further crawl added %d", len(l.added)-before)
			}
			back := newLedger(t)
			back.mustVisit(s, src, crawl.Visit{Now: end, Since: start, Until: end})
			back.holds(s, start.Add(-time.Hour), end)
			if back.snap.Cursor != "" {
				t.Errorf("a backfill moved the cursor to %s", back.snap.Cursor)
			}
		})
	}
}

// When paging cannot be trusted the window is halved; when that does not help
// the gap is named and the walk goes on. No other host is ever asked.
func TestVisitContractsFinderDistrustsLinks(t *testing.T) {
	now := time.Date(2025, 3, 20, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		links string
		gaps  bool
	}{
		"a circle":     {`,"links":{"next":"SELF"}}`, true},
		"another host": {`,"links":{"next":"https://evil.example/cf/Published/Notices/OCDS/Search?cursor=x"}}`, true},
		"a script":     {`,"links":{"next":"javascript:alert(1)"}}`, true},
		"none":         {`}`, false},
		"null":         {`,"links":null}`, false},
		"no next":      {`,"links":{"prev":"x"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{t: t, perPage: 100, notices: editions([]notice{made(now.Add(-90*time.Minute), 1)})}
			s.spoil = func(_ int, body []byte) []byte {
				self := s.asked[len(s.asked)-1]
				return []byte(strings.TrimSuffix(string(body), "}") + strings.ReplaceAll(c.links, "SELF", self))
			}
			l := newLedger(t)
			l.snap.Cursor = now.Add(-3 * time.Hour).Format(time.RFC3339)
			l.mustVisit(s, ContractsFinder("cf", "", "http://127.0.0.1:8099/cf", 0), crawl.Visit{Now: now})
			if len(l.added) != 1 || l.snap.Cursor != "2025-03-20T12:00:00Z" {
				t.Errorf("%d notices, cursor %s", len(l.added), l.snap.Cursor)
			}
			for _, a := range s.asked {
				if a != "http://127.0.0.1:8099/robots.txt" && !strings.HasPrefix(a, "http://127.0.0.1:8099/cf/") {
					t.Errorf("asked %s", a)
				}
			}
			if c.gaps != (len(l.from) > 0) {
				t.Errorf("problems: %v", l.from)
			}
			for _, p := range l.from {
				if p.Reason != store.ReasonGap {
					t.Errorf("problem %v", p)
				}
			}
			if s.requests > 40 {
				t.Errorf("%d requests", s.requests)
			}
		})
	}
}

func TestSources(t *testing.T) {
	fts, cf := FindATender("a", "A", "https://x.example", 0), ContractsFinder("b", "B", "https://y.example", 0)
	if fts.Platform != "find-a-tender" || fts.Kind != store.KindNotice || fts.Whole || fts.Pace != 12*time.Second || fts.ForbiddenWait != 0 {
		t.Errorf("%+v", fts)
	}
	if cf.Platform != "contracts-finder" || cf.Kind != store.KindNotice || cf.Whole || cf.Pace != 5*time.Second || cf.ForbiddenWait != 5*time.Minute {
		t.Errorf("%+v", cf)
	}
	if p := FindATender("a", "", "https://x.example", time.Minute).Pace; p != time.Minute {
		t.Errorf("pace %s", p)
	}
}
