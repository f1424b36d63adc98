package web

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/query"
)

// An archive is a real store with a site over it, for histories.
type archive struct {
	t       testing.TB
	store   *bolt.Store
	now     time.Time
	server  Server
	handler http.Handler
	found   uint64 // place of the matcher
}

func newArchive(t testing.TB) *archive {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ccgwatch-test-") //nolint:usetesting // in memory, where there is such a place
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	st, err := bolt.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	a := &archive{t: t, store: st, now: at("2026-06-01 06:00")}
	a.server, _ = sample()
	a.server.Ledger, a.server.Outbox, a.server.Subscribers = st, st, st
	a.server.Now = func() time.Time { return a.now }
	a.server.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	a.server.Facts = func(f store.Finding) query.Facts {
		return query.Facts{Topics: []string{string(f.Topic)}, Kinds: []string{string(f.Kind)}, Sources: []string{f.Source}, Areas: f.Areas, Bodies: []string{f.Body, f.BodyName}, Text: f.Title + "\n" + f.Quote + "\n" + f.Text}
	}
	a.restart()
	return a
}

// restart forgets what the pages keep in memory.
func (a *archive) restart() { a.handler = a.server.Handler() }

func (a *archive) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// see is one complete look at a source.
func (a *archive) see(source string, whole bool, items ...store.Item) []store.Change {
	a.t.Helper()
	a.now = a.now.Add(24 * time.Hour)
	old, err := a.store.Snapshot(a.t.Context(), source, nil)
	a.must(err)
	next, changes := store.Diff(old, store.Sighting{Source: source, At: a.now, Whole: whole, Last: true, Items: items})
	a.must(a.store.Commit(a.t.Context(), next, changes, store.Health{Source: source, LastTry: a.now, LastComplete: a.now}))
	last, err := a.store.LastSeq(a.t.Context())
	a.must(err)
	list, err := a.store.Changes(a.t.Context(), last-uint64(len(changes)), 0)
	a.must(err)
	return list
}

// find stores findings as the matcher would and moves it to the end of the log.
func (a *archive) find(list ...store.Finding) {
	a.t.Helper()
	last, err := a.store.LastSeq(a.t.Context())
	a.must(err)
	for i := range list {
		list[i].At = a.now.Add(time.Minute)
	}
	a.must(a.store.Advance(a.t.Context(), follower, store.Position{Seq: a.found}, store.Position{Seq: last}, list, nil))
	a.found = last
}

func (a *archive) get(target string) []byte {
	a.t.Helper()
	a.now = a.now.Add(time.Hour) // what is remembered has grown old
	w := ask(a.handler, "GET", target)
	if w.Code != 200 {
		a.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func aMeeting(key, title, when, status string) store.Item {
	return store.Item{Key: key, Kind: store.KindMeeting, Title: title, URL: "https://council.example.org/" + key, Fields: map[string]string{"when": when, "status": status, "venue": "Town Hall", "committee": "Health Scrutiny"}}
}

func aNotice(release, tag, end string) store.Item {
	return store.Item{Key: "notice/" + release, Kind: store.KindNotice, Title: "Night nursing", URL: "https://tender.example.org/" + release, Notice: &store.Notice{
		OCID: "ocds-h6vhtk-0000aa", Release: release, Date: at("2026-06-02 09:00"), Tags: []string{tag}, Title: "Night nursing", Buyers: []store.Party{{Name: "NHS Test ICB"}}, TenderEnd: end}}
}

func bidsDue(change store.Change, id, stage, end string) store.Finding {
	return store.Finding{ID: id, Change: change.Seq, Source: change.Source, Key: change.Key, Kind: store.KindNotice, Topic: store.TopicTenders, Tier: store.TierCertain, Title: "Night nursing", URL: change.URL,
		Stage: stage, Body: "nhs-test-icb", BodyName: "NHS Test ICB", Thread: "ocds-h6vhtk-0000aa", Areas: []string{"rutland"}, Deadline: &store.Deadline{Stated: end, Kind: "tender", Who: "providers"}}
}

// A client is a calendar program that subscribes: it merges what it fetches into
// what it has, and shows what is not cancelled.
type client struct {
	name  string
	newer func(t testing.TB, was, now component) bool
	has   map[string]component
}

func clients() []*client {
	number := func(t testing.TB, e component) int {
		t.Helper()
		var n int
		_, _ = fmt.Sscan(e.one(t, "SEQUENCE"), &n)
		return n
	}
	return []*client{
		// RFC 5546: the higher SEQUENCE wins, and of the same the later DTSTAMP.
		{name: "Google and Outlook", has: map[string]component{}, newer: func(t testing.TB, was, now component) bool {
			t.Helper()
			a, b := number(t, was), number(t, now)
			return b > a || a == b && now.one(t, "DTSTAMP") > was.one(t, "DTSTAMP")
		}},
		// By the time of the last change alone, and never back in SEQUENCE.
		{name: "Apple and Thunderbird", has: map[string]component{}, newer: func(t testing.TB, was, now component) bool {
			t.Helper()
			return now.one(t, "LAST-MODIFIED") > was.one(t, "LAST-MODIFIED") && number(t, now) >= number(t, was)
		}},
	}
}

func (c *client) fetch(t testing.TB, raw []byte) {
	t.Helper()
	for uid, e := range checkICal(t, raw) {
		if was, ok := c.has[uid]; !ok || c.newer(t, was, e) {
			c.has[uid] = e
		}
	}
}

// shows is what stands in the calendar, by day and title.
func (c *client) shows(t testing.TB) string {
	t.Helper()
	var out []string
	for _, e := range c.has {
		if status := e.one(t, "STATUS"); status != "CANCELLED" {
			start, _ := e.get("DTSTART")
			out = append(out, start.value+" "+unescape(e.one(t, "SUMMARY")))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// Two programs with different rules follow a calendar through all that happens
// to meetings and deadlines; after each look both show what the source says.
func TestCalendarProgramsFollowMovesAndCancellations(t *testing.T) {
	a := newArchive(t)
	const (
		first, second = "2026-08-19T17:30:00+01:00", "2026-11-02T10:00:00Z"
		on, off       = "confirmed", "cancelled"
	)
	var notice []store.Change
	steps := []struct {
		name string
		do   func()
		want string // in the calendar, sorted
		same bool   // byte for byte the same calendar
	}{
		{"two meetings", func() {
			a.see("leicester", true, aMeeting("m/1", "Scrutiny", first, on), aMeeting("m/2", "Cabinet", "2026-09-01", on))
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901 Cabinet (Leicester City Council)", false},
		{"nothing new", func() {
			a.see("leicester", true, aMeeting("m/1", "Scrutiny", first, on), aMeeting("m/2", "Cabinet", "2026-09-01", on))
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901 Cabinet (Leicester City Council)", true},
		{"one moves past the change of the clocks, the other gets its hour", func() {
			a.see("leicester", true, aMeeting("m/1", "Scrutiny", second, on), aMeeting("m/2", "Cabinet", "2026-09-01T14:00:00+01:00", on))
		}, "20260901T140000 Cabinet (Leicester City Council)\n20261102T100000 Scrutiny (Leicester City Council)", false},
		{"a paper comes: nothing of it is in a calendar", func() {
			m := aMeeting("m/1", "Scrutiny", second, on)
			m.Documents = []store.Document{{Key: "d/1", Title: "Report", URL: "https://council.example.org/d1.pdf"}}
			a.see("leicester", true, m, aMeeting("m/2", "Cabinet", "2026-09-01T14:00:00+01:00", on))
		}, "20260901T140000 Cabinet (Leicester City Council)\n20261102T100000 Scrutiny (Leicester City Council)", true},
		{"one is cancelled", func() {
			a.see("leicester", true, aMeeting("m/1", "Scrutiny", second, off), aMeeting("m/2", "Cabinet", "2026-09-01T14:00:00+01:00", on))
		}, "20260901T140000 Cabinet (Leicester City Council)", false},
		{"it is on again, on the first day", func() {
			a.see("leicester", true, aMeeting("m/1", "Scrutiny", first, on), aMeeting("m/2", "Cabinet", "2026-09-01T14:00:00+01:00", on))
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 Cabinet (Leicester City Council)", false},
		{"one is missing once", func() { a.see("leicester", true, aMeeting("m/1", "Scrutiny", first, on)) },
			"20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 Cabinet (Leicester City Council)", true},
		{"and twice", func() { a.see("leicester", true, aMeeting("m/1", "Scrutiny", first, on)) },
			"20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)", false},
		{"board papers name a day", func() {
			a.see("uhl", true, store.Item{Key: "p/1", Kind: store.KindPaper, Title: "Chief executive's report", URL: "https://trust.example.org/1.pdf", Fields: map[string]string{"when": "2026-10-08"}},
				store.Item{Key: "p/2", Kind: store.KindPaper, Title: "Finance", URL: "https://trust.example.org/2.pdf", Fields: map[string]string{"when": "2026-10-08"}})
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)\n20261008 Meeting (The hospitals)", false},
		{"the day was wrong", func() {
			a.see("uhl", true, store.Item{Key: "p/1", Kind: store.KindPaper, Title: "Chief executive's report", URL: "https://trust.example.org/1.pdf", Fields: map[string]string{"when": "2026-10-09"}},
				store.Item{Key: "p/2", Kind: store.KindPaper, Title: "Finance", URL: "https://trust.example.org/2.pdf", Fields: map[string]string{"when": "2026-10-09"}})
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)\n20261008 No longer listed: Meeting (The hospitals)\n20261009 Meeting (The hospitals)", false},
		{"a tender", func() {
			notice = a.see("find-a-tender", false, aNotice("000001-2026", "tender", "2026-09-11T12:00:00+01:00"))
			a.find(bidsDue(notice[0], "f1", "tender", "2026-09-11T12:00:00+01:00"))
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)\n20260911T120000 Bids are due: Night nursing (NHS Test ICB)\n20261008 No longer listed: Meeting (The hospitals)\n20261009 Meeting (The hospitals)", false},
		{"another notice gives more time", func() {
			notice = a.see("find-a-tender", false, aNotice("000002-2026", "tenderUpdate", "2026-09-18T12:00:00+01:00"))
			a.find(bidsDue(notice[0], "f2", "tender_update", "2026-09-18T12:00:00+01:00"))
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)\n20260918T120000 Bids are due: Night nursing (NHS Test ICB)\n20261008 No longer listed: Meeting (The hospitals)\n20261009 Meeting (The hospitals)", false},
		{"a third one is logged and not judged yet", func() {
			notice = a.see("find-a-tender", false, aNotice("000003-2026", "tenderCancellation", ""))
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)\n20260918T120000 Bids are due: Night nursing (NHS Test ICB)\n20261008 No longer listed: Meeting (The hospitals)\n20261009 Meeting (The hospitals)", true},
		{"it ends the procurement", func() {
			f := bidsDue(notice[0], "f3", "cancelled", "")
			f.Deadline = nil
			a.find(f)
		}, "20260819T173000 Scrutiny (Leicester City Council)\n20260901T140000 No longer listed: Cabinet (Leicester City Council)\n20261008 No longer listed: Meeting (The hospitals)\n20261009 Meeting (The hospitals)", false},
	}
	all := clients()
	var before []byte
	for _, step := range steps {
		step.do()
		raw := a.get("/calendar.ics")
		if step.same && !bytes.Equal(raw, before) {
			t.Errorf("%s: the calendar is another one\n%s", step.name, raw)
		}
		before = raw
		a.restart()
		if again := a.get("/calendar.ics"); !bytes.Equal(raw, again) {
			t.Errorf("%s: after a restart the calendar is another one", step.name)
		}
		for _, c := range all {
			c.fetch(t, raw)
			if got := c.shows(t); got != step.want {
				t.Errorf("%s: %s show\n%s\nwant\n%s", step.name, c.name, got, step.want)
			}
		}
	}
}

// Whatever happens in whatever order, programs end up with what the source says:
// those that look each time and those that miss looks.
func TestPromiseCalendarsAreFollowed(t *testing.T) {
	rounds := 6
	switch {
	case os.Getenv("CCGWATCH_SOAK") == "1":
		rounds = 400
	case os.Getenv("CCGWATCH_PROMISES") == "1":
		rounds = 60
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		a := newArchive(t)
		type fact struct {
			when, title string
			off, gone   bool
		}
		truth := make([]fact, 4)
		for i := range truth {
			truth[i] = fact{when: "2026-09-0" + fmt.Sprint(i+1) + "T10:00:00+01:00", title: fmt.Sprint("Committee ", i)}
		}
		all := clients()
		ever := map[int]bool{}
		for range 14 {
			x := &truth[r.IntN(len(truth))]
			switch r.IntN(6) {
			case 0, 1:
				x.when = time.Date(2026, 8+time.Month(r.IntN(4)), 1+r.IntN(28), 9+r.IntN(9), 30*r.IntN(2), 0, 0, london()).Format(time.RFC3339)
			case 2:
				x.off = !x.off
			case 3:
				x.gone = !x.gone
			case 4:
				x.when = time.Date(2026, 8+time.Month(r.IntN(4)), 1+r.IntN(28), 0, 0, 0, 0, london()).Format(time.DateOnly)
			}
			var items []store.Item
			for i, f := range truth {
				if !f.gone {
					ever[i] = true
					items = append(items, aMeeting(fmt.Sprint("m/", i), f.title, f.when, map[bool]string{true: "cancelled", false: "confirmed"}[f.off]))
				}
			}
			for range 2 { // two looks, so that what is gone is believed
				a.see("leicester", true, items...)
			}
			raw := a.get("/calendar.ics?what=meetings")
			now := checkICal(t, raw)
			for i, c := range all {
				if i == 0 || r.IntN(3) > 0 {
					c.fetch(t, raw)
				}
				if i == 0 {
					for uid, e := range now {
						has := c.has[uid]
						if a, b := eventStart(t, e), eventStart(t, has); !a.Equal(b) || e.one(t, "STATUS") != has.one(t, "STATUS") || e.one(t, "SUMMARY") != has.one(t, "SUMMARY") {
							t.Fatalf("seed %d: %s show %v, the calendar has %v", seed, c.name, has, e)
						}
					}
				}
			}
		}
		raw := a.get("/calendar.ics?what=meetings")
		for _, c := range all {
			c.fetch(t, raw)
			for uid, e := range checkICal(t, raw) {
				if has := c.has[uid]; !eventStart(t, e).Equal(eventStart(t, has)) || e.one(t, "STATUS") != has.one(t, "STATUS") {
					t.Fatalf("seed %d: in the end %s show %v, the calendar has %v", seed, c.name, has, e)
				}
			}
			if len(c.has) != len(ever) {
				t.Fatalf("seed %d: %s have %d meetings", seed, c.name, len(c.has))
			}
		}
	}
}

// What is asked for is what is in it.
func TestCalendarsOfSearchesBodiesAndCommittees(t *testing.T) {
	a := newArchive(t)
	x := aMeeting("m/1", "Scrutiny", "2026-08-19T17:30:00+01:00", "confirmed")
	x.Parts = []store.Part{{Key: "i/1", Title: "Dialysis in the city"}}
	y := aMeeting("m/2", "Cabinet", "2026-08-20T17:30:00+01:00", "confirmed")
	y.Fields["committee"] = "Cabinet"
	c := a.see("leicester", true, x, y)
	n := a.see("find-a-tender", false, aNotice("000001-2026", "tender", "2026-09-11"))
	bids := bidsDue(n[0], "f1", "tender", "2026-09-11")
	a.find(store.Finding{ID: "q", Change: c[1].Seq, Source: "leicester", Key: "m/2", Kind: store.KindMeeting, Topic: store.TopicOutsourcing, Title: "Cabinet", Quote: "podiatry is put out to tender"}, bids)
	for target, want := range map[string]string{
		"/calendar.ics":                                     "Scrutiny Cabinet Bids",
		"/calendar.ics?what=meetings":                       "Scrutiny Cabinet",
		"/calendar.ics?what=deadlines":                      "Bids",
		"/calendar.ics?committee=cabinet":                   "Cabinet",
		"/calendar.ics?q=dialysis":                          "Scrutiny", // it is on the agenda
		"/calendar.ics?q=podiatry":                          "Cabinet",  // a paper says so
		"/calendar.ics?q=topic%3Aoutsourcing+OR+dialysis":   "Scrutiny Cabinet",
		"/calendar.ics?area=rutland":                        "Bids",
		"/calendar.ics?area=leicester":                      "Scrutiny Cabinet", // the area of the body
		"/calendar.ics?q=cabinet+OR+scrutiny&area=rutland":  "",
		"/calendar.ics?body=nhs-test-icb":                   "Bids",
		"/body/leicester-city-council/calendar.ics":         "Scrutiny Cabinet",
		"/body/leicester-city-council/calendar.ics?q=cabin": "",
		"/calendar.ics?source=find-a-tender":                "Bids",
	} {
		raw := a.get(target)
		var got []string
		for _, e := range parseICal(t, raw).kids {
			if e.name == "VEVENT" {
				title, _, _ := strings.Cut(unescape(e.one(t, "SUMMARY")), " ")
				got = append(got, title)
			}
		}
		checkICal(t, raw)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", target, got, want)
		}
	}
	for target, want := range map[string]int{"/calendar.ics?body=nobody": 400, "/calendar.ics?q=topic:": 400, "/calendar.ics?what=cats": 400, "/calendar.ics?x=y": 400, "/body/nobody/calendar.ics": 404} {
		if w := ask(a.handler, "GET", target); w.Code != want || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", target, w.Code, w.Header())
		}
	}
	// A bare day takes nobody's time.
	for _, e := range checkICal(t, a.get("/calendar.ics?what=deadlines")) {
		if start, _ := e.get("DTSTART"); start.value != "20260911" || start.params["VALUE"] != "DATE" || e.one(t, "TRANSP") != "TRANSPARENT" {
			t.Error(e)
		}
	}
}

func TestCalendarIsAskedForAgain(t *testing.T) {
	a := newArchive(t)
	a.see("leicester", true, aMeeting("m/1", "Scrutiny", "2026-08-19T17:30:00+01:00", "confirmed"))
	w := ask(a.handler, "GET", "/calendar.ics")
	if got := w.Header().Get("Content-Type"); got != "text/calendar; charset=utf-8; method=PUBLISH" || w.Header().Get("Last-Modified") == "" {
		t.Error(w.Header())
	}
	tag := w.Header().Get("ETag")
	a.see("leicester", true, aMeeting("m/1", "Scrutiny", "2026-08-19T17:30:00+01:00", "confirmed"))
	again := ask(a.handler, "GET", "/calendar.ics", func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
	if again.Code != 304 || again.Body.Len() > 0 {
		t.Errorf("%d, %d bytes", again.Code, again.Body.Len())
	}
	a.see("leicester", true, aMeeting("m/1", "Scrutiny", "2026-08-20T17:30:00+01:00", "confirmed"))
	if again := ask(a.handler, "GET", "/calendar.ics", func(r *http.Request) { r.Header.Set("If-None-Match", tag) }); again.Code != 200 {
		t.Errorf("a meeting was moved: %d", again.Code)
	}
}

// A calendar that is made while the log is read anew would count its changes
// from the middle: programs would take no change of it for long.
func TestCalendarWaitsUntilTheLogIsRead(t *testing.T) {
	s, st := sample()
	for i := range 8 * stride {
		st.changes = append(st.changes, store.Change{Seq: uint64(7 + i), At: at("2026-08-12 09:06"), Source: "leicester", Key: "page", Kind: store.KindPage, Op: store.OpAmended})
	}
	h := s.Handler()
	w := ask(h, "GET", "/calendar.ics")
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Fatal(w.Code, w.Header())
	}
	if w := ask(h, "GET", "/calendar.ics"); w.Code != 200 {
		t.Error(w.Code)
	}
}
