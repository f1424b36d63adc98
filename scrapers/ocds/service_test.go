package ocds

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A service imitates a feed: it answers from a list of notices, and refuses
// what would lose some of them.
type service struct {
	t       *testing.T
	now     time.Time
	notices []notice
	perPage int // most releases it gives, whatever is asked for
	// second: 01:30 in the autumn night is the second one.
	second bool
	// mute: it gives no links, on full pages either.
	mute bool
	// spoil may replace the answer to the n-th request, counted from 1.
	spoil func(n int, body []byte) []byte
	// hidden are the notices that the feed does not list, by id.
	hidden   map[string]bool
	broken   string // what part of an address answers 500
	posted   []string
	inspect  func(*http.Request)
	requests int
	asked    []string
	london   *feed
}

type notice struct {
	at  time.Time
	id  string
	raw string
}

func made(at time.Time, n int) notice {
	id := fmt.Sprintf("%06d-%d", n, at.Year())
	return notice{at: at, id: id, raw: fmt.Sprintf(
		`{"ocid":"ocds-h6vhtk-%06x","id":%q,"date":%q,"tag":["tender"],"tender":{"title":"Notice %d"},"buyer":{"name":"A Council"}}`,
		n, id, at.Format(time.RFC3339), n)}
}

// some is every n-th notice: enough, and quicker.
func some(n int, list []notice) (out []notice) {
	for i := 0; i < len(list); i += n {
		out = append(out, list[i])
	}
	return out
}

// editions gives notices the ids of Contracts Finder.
func editions(list []notice) []notice {
	var out []notice
	for i, n := range list {
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x-%d", i, i, 700000+i)
		out = append(out, notice{at: n.at, id: id, raw: strings.Replace(n.raw, `"id":"`+n.id+`"`, `"id":"`+id+`"`, 1)})
	}
	return out
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests++
	s.asked = append(s.asked, r.URL.String())
	if s.inspect != nil {
		s.inspect(r)
	}
	var body []byte
	dir, id := path.Split(r.URL.Path)
	switch {
	case s.broken != "" && strings.Contains(r.URL.Path, s.broken):
		return &http.Response{StatusCode: 400, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case r.URL.Path == "/api/1.0/ocdsReleasePackages":
		body = s.fts(r.URL.Query())
	case r.URL.Path == "/cf/Published/Notices/OCDS/Search":
		body = s.cf(r.URL)
	case r.URL.Path == "/cf/api/rest/2/search_notices/json" && r.Method == http.MethodPost:
		body = s.native(r)
	case strings.HasSuffix(dir, "/ocdsReleasePackages/") || strings.HasSuffix(dir, "/Notice/OCDS/") || strings.HasSuffix(dir, "/Record/") || strings.HasSuffix(dir, "/ocdsRecordPackages/"):
		body = s.single(dir, id)
	}
	if body == nil {
		return &http.Response{StatusCode: 404, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	if s.spoil != nil {
		body = s.spoil(s.requests, body)
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}, nil
}

// single answers for one notice or process: nothing, an empty package (as Find
// a Tender does for some numbers), or what there is of it.
func (s *service) single(dir, id string) []byte {
	var raw []string
	for _, n := range s.notices {
		if !n.at.After(s.now) && (n.id == id || guidOf(n.id) == id || strings.Contains(n.raw, `"ocid":"`+id+`"`)) {
			raw = append(raw, n.raw)
		}
	}
	list := "[" + strings.Join(raw, ",") + "]"
	switch {
	case len(raw) == 0 && strings.HasSuffix(id, "0-2026"):
		return []byte(`{"releases":[]}`)
	case len(raw) == 0:
		return nil
	case strings.Contains(dir, "Record"):
		return []byte(`{"records":[{"ocid":"` + id + `","releases":` + list + `,"compiledRelease":{"ocid":"` + id + `","id":"compiled","tag":["compiled"]}}]}`)
	}
	return []byte(`{"releases":` + list + `}`)
}

// native is the second interface: a search by date, without pages.
func (s *service) native(r *http.Request) []byte {
	var q struct {
		SearchCriteria struct{ PublishedFrom, PublishedTo string }
		Size           int
	}
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	if err != nil {
		s.t.Errorf("the search %q: %v", b, err)
	}
	s.posted = append(s.posted, string(b))
	from, to := s.instant("publishedFrom", q.SearchCriteria.PublishedFrom), s.instant("publishedTo", q.SearchCriteria.PublishedTo)
	var rows []string
	hits := 0
	for _, n := range s.notices {
		if !n.at.Before(from) && !n.at.After(to) && !n.at.After(s.now) {
			if hits++; hits <= q.Size {
				rows = append(rows, fmt.Sprintf(`{"score":1,"item":{"id":%q,"publishedDate":%q}}`, guidOf(n.id), n.at.Format(time.RFC3339)))
			}
		}
	}
	return fmt.Appendf(nil, `{"hitCount":%d,"maxHits":1000,"noticeList":[%s]}`, hits, strings.Join(rows, ","))
}

// instant reads wall time as this service does.
func (s *service) instant(name, v string) time.Time {
	wall, err := time.Parse(wallLayout, v)
	if err != nil {
		s.t.Errorf("%s=%q is not 19 characters of wall time", name, v)
	}
	if s.london == nil {
		f := testFeed(s.t)
		s.london = &f
	}
	summer, winter := s.london.instants(wall)
	switch {
	case summer.IsZero() && winter.IsZero():
		s.t.Errorf("%s=%q does not exist in London", name, v)
		return wall
	case summer.IsZero() || s.second && !winter.IsZero():
		return winter
	}
	return summer
}

func (s *service) fts(q url.Values) []byte {
	for name := range q {
		if !slices.Contains([]string{"updatedFrom", "updatedTo", "limit"}, name) {
			s.t.Errorf("%s= was asked for: it loses notices", name)
		}
	}
	from, to := s.instant("updatedFrom", q.Get("updatedFrom")), s.instant("updatedTo", q.Get("updatedTo"))
	var raw []string
	for _, n := range slices.Backward(s.notices) {
		if !n.at.Before(from) && !n.at.After(to) && !n.at.After(s.now) && !s.hidden[n.id] {
			raw = append(raw, n.raw)
		}
	}
	return s.page(raw, min(100, s.perPage), "https://www.find-tender.service.gov.uk/api/1.0/ocdsReleasePackages?cursor=loses")
}

func (s *service) cf(u *url.URL) []byte {
	q := u.Query()
	from, to := s.instant("publishedFrom", q.Get("publishedFrom")), s.instant("publishedTo", q.Get("publishedTo"))
	place := 0
	if c, err := base64.StdEncoding.DecodeString(q.Get("cursor")); err == nil {
		place, _ = strconv.Atoi(string(c))
	}
	var raw []string
	for _, n := range slices.Backward(s.notices) {
		if !n.at.Before(from) && !n.at.After(to) && !n.at.After(s.now) && !s.hidden[n.id] {
			raw = append(raw, n.raw)
		}
	}
	next := *u
	q.Set("cursor", base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(place+s.perPage))))
	next.RawQuery = q.Encode()
	return s.page(raw[min(place, len(raw)):], s.perPage, next.String())
}

func (s *service) page(raw []string, most int, next string) []byte {
	links := ""
	if len(raw) > most && s.mute {
		raw = raw[:most]
	}
	if len(raw) > most {
		raw, links = raw[:most], fmt.Sprintf(`,"links":{"next":%q}`, next)
	}
	return []byte(`{"uri":"x","version":"1.1","publisher":{"name":"Cabinet Office"},"releases":[` + strings.Join(raw, ",\n") + `]` + links + `}`)
}

// A ledger keeps what visits hand on, as the store would.
type ledger struct {
	t       *testing.T
	snap    store.Snapshot
	added   map[string]int
	changed int
	flushes int
	from    []store.Problem
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	return &ledger{t: t, snap: store.Snapshot{Items: map[string]store.Item{}}, added: map[string]int{}}
}

func (l *ledger) take(s store.Sighting) error {
	l.flushes++
	for _, it := range s.Items {
		old, known := l.snap.Items[it.Key]
		switch {
		case !known:
			l.added[it.Key]++
		case !cmp.Equal(old, it):
			l.changed++
		}
		l.snap.Items[it.Key] = it
	}
	if s.Cursor != "" {
		c, err := time.Parse(time.RFC3339, s.Cursor)
		if err != nil || c.After(s.At) {
			l.t.Errorf("cursor %q at %s", s.Cursor, s.At)
		}
		l.snap.Cursor = s.Cursor
	}
	if s.Notes != "" {
		l.snap.Notes = s.Notes
	}
	l.from = append(l.from, s.Problems...)
	return nil
}

// visit crawls once at a time, the way the program does.
func (l *ledger) visit(s *service, src crawl.Source, v crawl.Visit) error {
	l.t.Helper()
	s.now = v.Now
	v.Old = store.Snapshot{Cursor: l.snap.Cursor, Notes: l.snap.Notes}
	src.Pace = time.Nanosecond
	c := &crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: "test", Transport: s, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}
	_, err := c.Visit(context.Background(), src, v, l.take)
	return err
}

func (l *ledger) mustVisit(s *service, src crawl.Source, v crawl.Visit) {
	l.t.Helper()
	if err := l.visit(s, src, v); err != nil {
		l.t.Fatal(err)
	}
}

// holds asserts that the notices in [from, to) and no others were added, once each.
func (l *ledger) holds(s *service, from, to time.Time) {
	l.t.Helper()
	want := 0
	for _, n := range s.notices {
		if n.at.Before(from) || !n.at.Before(to) {
			continue
		}
		want++
		var r struct{ OCID, ID string }
		if err := json.Unmarshal([]byte(n.raw), &r); err != nil {
			l.t.Fatal(err)
		}
		if got := l.added[r.OCID+"/"+r.ID]; got != 1 {
			l.t.Errorf("%s of %s was added %d times", r.ID, n.at, got)
		}
	}
	if len(l.added) != want {
		l.t.Errorf("%d notices were added, there are %d", len(l.added), want)
	}
	if l.changed > 0 {
		l.t.Errorf("%d changed though none did", l.changed)
	}
}

func testFeed(t testing.TB) feed {
	t.Helper()
	zone, err := london()
	if err != nil {
		t.Fatal(err)
	}
	return feed{decoder: decoder{zone: zone}, limit: 100, firstLen: time.Hour, longestLen: 24 * time.Hour}
}

// working makes a working week's notices: busy days, quiet nights, and at noon
// more than a page in a single minute.
func working(t testing.TB, from time.Time, days int) (list []notice) {
	t.Helper()
	zone := testFeed(t).zone
	n := 1
	for d := range days {
		day := from.AddDate(0, 0, d)
		for hour, count := range map[int]int{0: 1, 7: 12, 8: 25, 9: 60, 10: 75, 11: 80, 12: 40, 13: 50, 14: 90, 15: 130, 16: 100, 17: 30, 18: 6, 22: 2} {
			if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
				count /= 30
			}
			for i := range count {
				at := time.Date(day.Year(), day.Month(), day.Day(), hour, i*60/max(count, 1), i%60, 0, zone)
				list = append(list, made(at, n))
				n++
			}
		}
		if day.Weekday() == time.Wednesday {
			for i := range 150 {
				list = append(list, made(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, i%50, 0, zone), n))
				n++
			}
		}
	}
	slices.SortStableFunc(list, func(a, b notice) int { return a.at.Compare(b.at) })
	return list
}
