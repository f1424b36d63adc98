package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Two are two groups: b follows the export of a.
type two struct {
	*testing.T

	a, b *app
	dir  string // of a's export
	srv  *httptest.Server
	s    source // of it, at b
	now  time.Time
}

// twoGroups are two groups of which one has read the export of the other once.
// own are further rows of b's settings.
func twoGroups(t *testing.T, items int, own string) *two {
	t.Helper()
	x := &two{T: t, a: recordOf(t, items), dir: filepath.Join(t.TempDir(), "site"), now: exportTime()}
	exportedTo(t, x.a, x.dir, x.now)
	x.srv = httptest.NewServer(http.FileServer(http.Dir(x.dir)))
	t.Cleanup(x.srv.Close)
	known, err := knownNames(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := known.Parse("", []byte(replayConfig+own+fmt.Sprintf("[[source]]\nid = \"neighbours\"\nplatform = \"ccgwatch\"\nbase = %q\ndelay = \"1ms\"\n", x.srv.URL)))
	if err != nil {
		t.Fatal(err)
	}
	if x.b, err = openApp(cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.b.Close() })
	if x.s, err = x.b.source("neighbours"); err != nil {
		t.Fatal(err)
	}
	return x
}

// look has b read the export at a later time.
func (x *two) look(after time.Duration) outcome {
	x.Helper()
	x.now = x.now.Add(after)
	for _, f := range []string{"manifest.json", "all.jsonl.gz"} { // a web space tells apart what is a second apart
		if err := os.Chtimes(filepath.Join(x.dir, "data", f), x.now, x.now); err != nil {
			x.Fatal(err)
		}
	}
	o := x.b.visit(x.Context(), x.s, crawl.Visit{Now: x.now}, nil)
	if o.Err != nil || len(o.Problems) > 0 {
		x.Fatalf("%+v", o)
	}
	return o
}

// says has a find that a meeting of the council reads otherwise, and export it.
func (x *two) says(key string, alter func(it *store.Item, c *store.Change)) {
	x.Helper()
	x.now = x.now.Add(time.Minute)
	if err := amended(x.Context(), x.a, "leicester", key, x.now, alter); err != nil {
		x.Fatal(err)
	}
	exportedTo(x.T, x.a, x.dir, x.now)
}

func meets(title, when string) func(it *store.Item, c *store.Change) {
	return func(it *store.Item, c *store.Change) {
		it.Kind, it.Title, it.URL = store.KindMeeting, title, "https://www.example.org/meeting?id="+it.Key
		if was := it.Fields[store.FieldWhen]; c.Op == store.OpAmended {
			c.What, c.Fields = []store.What{store.MeetingMoved}, []store.FieldChange{{Name: store.FieldWhen, Old: was, New: when}}
		} else {
			c.What = []store.What{store.NewMeeting}
		}
		it.Fields = map[string]string{store.FieldWhen: when}
	}
}

// crawled has b's own crawl of the council see some meetings, by its own code from
// the sighting on; failed: it could not read the site.
func (x *two) crawled(after time.Duration, failed bool, items ...store.Item) {
	x.Helper()
	x.now = x.now.Add(after)
	own, err := x.b.source("leicester")
	if err != nil {
		x.Fatal(err)
	}
	before, err := x.b.health(x.Context(), own.ID)
	if err != nil {
		x.Fatal(err)
	}
	var why error
	if failed {
		why = crawl.Errorf(store.ReasonFormat, "nothing can be read")
	} else {
		var o outcome
		err := x.b.commit(x.Context(), own, store.Sighting{Source: own.ID, At: x.now, Whole: true, Last: true, Items: items}, before, map[store.Kind]int{}, &store.Tally{Seen: map[string]int{}}, &o)
		if err != nil {
			x.Fatal(err)
		}
	}
	h := store.NextHealth(before, x.now, nil, why, nil, 1)
	h.Source = own.ID
	if err := x.b.store.Note(x.Context(), h); err != nil {
		x.Fatal(err)
	}
}

func ofCouncil(key, title, when string) store.Item {
	it := store.Item{Source: "leicester", Key: key}
	meets(title, when)(&it, &store.Change{Op: store.OpAdded})
	return it
}

// told are the titles and words of what b's log tells since an entry, silent ones left out.
func (x *two) told(since uint64) (out []string) {
	x.Helper()
	list, err := x.b.store.Changes(x.Context(), since, 0)
	if err != nil {
		x.Fatal(err)
	}
	for _, c := range list {
		if !c.Silent {
			out = append(out, fmt.Sprint(c.Source, " ", c.Op, " ", c.Title))
		}
	}
	return out
}

func (x *two) seq() uint64 {
	n, err := x.b.store.LastSeq(x.Context())
	if err != nil {
		x.Fatal(err)
	}
	return n
}

const ownCouncil = "[[source]]\nid = \"leicester\"\nplatform = \"moderngov\"\nbase = \"https://www.example.org\"\n"

// Whoever follows a group's export has its news: a finding, an alert to the
// follower's own subscriber. Who the other group's subscribers are stays there.
func TestFollowerTellsItsOwnSubscribers(t *testing.T) {
	x := twoGroups(t, 8, "")
	subscribe := func(a *app, id, address string) {
		if err := a.store.Subscribe(t.Context(), store.Subscription{ID: strings.Repeat(id, 32), Address: address, Query: "topic:meetings", Often: store.Instant, State: store.StateConfirmed, Created: x.now}); err != nil {
			t.Fatal(err)
		}
	}
	subscribe(x.a, "a", "reader-of-a@example.com")
	subscribe(x.b, "b", "reader-of-b@example.net")
	x.look(time.Hour)
	if mail := x.b.mails(t, x.now); mail != "" {
		t.Fatalf("what was there at the beginning was mailed: %.300s", mail)
	}
	x.says("new/1", meets("Health Overview and Scrutiny Committee", x.now.AddDate(0, 0, 20).Format(time.RFC3339)))
	x.look(time.Hour)
	mail := x.b.mails(t, x.now)
	to := ""
	if err := x.b.store.Deliveries(t.Context(), func(d store.Delivery) bool { to += d.Subscription; return true }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ToLower(mail), "health overview and scrutiny committee") || to != strings.Repeat("b", 32) {
		t.Errorf("b's subscriber was not told: %.500s", mail)
	}
	found := 0
	if err := x.b.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if f.Source == "neighbours" && f.Key == "leicester/new/1" {
			found++
		}
		return true
	}); err != nil || found == 0 {
		t.Errorf("there is no finding of it: %v", err)
	}
	for f, body := range treeOf(t, x.dir) {
		if strings.Contains(body, "reader-of-a") {
			t.Errorf("%s names a subscriber of a", f)
		}
	}
	if strings.Contains(mail, "reader-of-a") {
		t.Error("b mailed a's subscriber")
	}
	if raw, err := os.ReadFile(filepath.Join(x.b.data, "ccgwatch.db")); err != nil || bytes.Contains(raw, []byte("reader-of-a")) {
		t.Errorf("b's store knows a's subscriber (%v)", err)
	}
}

// What an operator takes down goes out of the export, and then out of what the
// follower shows as listed; no crawl of the follower brings it back.
func TestTakedownReachesTheFollower(t *testing.T) {
	for _, act := range []store.Act{store.ActHold, store.ActWithdraw} {
		t.Run(string(act), func(t *testing.T) {
			x := twoGroups(t, 8, "")
			x.look(time.Hour)
			if _, err := x.b.store.Item(t.Context(), "neighbours", "leicester/x/000004"); err != nil {
				t.Fatal(err)
			}
			x.now = x.now.Add(time.Hour)
			if _, err := x.a.store.Correct(t.Context(), store.Correction{At: x.now, Source: "leicester", Key: "x/000004", Act: act, Reason: "A resident asked us."}); err != nil {
				t.Fatal(err)
			}
			exportedTo(t, x.a, x.dir, x.now)
			if _, err := os.Stat(filepath.Join(x.dir, "item")); err != nil {
				t.Fatal(err)
			}
			for f, body := range treeOf(t, x.dir) {
				if strings.Contains(body, "x/000004") && !strings.HasPrefix(f, ".ccgwatch/") && !strings.HasPrefix(f, "data/changes") && f != "corrections.html" {
					t.Errorf("%s still has it", f)
				}
			}
			for range 3 {
				x.look(time.Hour)
			}
			it, err := x.b.store.Item(t.Context(), "neighbours", "leicester/x/000004")
			past := !it.When().IsZero() && it.When().Before(x.now)
			if err != nil || it.Withdrawn.IsZero() && !past {
				t.Errorf("the follower still lists it: %v %v", it.Withdrawn, err)
			}
		})
	}
}

// Both read the same council, and b reads a's export too: whoever sees something
// first, b tells it once, by its own crawl as long as that works.
func TestWhatBothReadIsToldOnce(t *testing.T) {
	first, later, moved := "2026-12-20T18:00:00Z", "2026-12-21T18:00:00Z", "2026-12-28T18:00:00Z"
	begin := func(t *testing.T) *two {
		t.Helper()
		x := twoGroups(t, 4, ownCouncil)
		x.crawled(time.Hour, false, ofCouncil("m/1", "Cabinet", first)) // both baselines
		x.says("m/1", meets("Cabinet", first))
		x.look(time.Hour)
		return x
	}
	expect := func(x *two, since uint64, when string, want ...string) {
		x.Helper()
		if got := x.told(since); !slices.Equal(got, want) {
			x.Errorf("%s: told %q, want %q", when, got, want)
		}
	}
	t.Run("our own crawl is first", func(t *testing.T) {
		x := begin(t)
		n := x.seq()
		x.crawled(time.Hour, false, ofCouncil("m/1", "Cabinet", first), ofCouncil("m/2", "Health Board", later))
		x.says("m/2", meets("Health Board", later))
		x.look(time.Hour)
		x.look(time.Hour)
		expect(x, n, "a new meeting", "leicester added Health Board")
	})
	t.Run("the other group is first", func(t *testing.T) {
		x := begin(t)
		n := x.seq()
		x.says("m/2", meets("Health Board", later))
		x.look(time.Hour)
		expect(x, n, "before our own crawl has looked")
		x.crawled(time.Hour, false, ofCouncil("m/1", "Cabinet", moved), ofCouncil("m/2", "Health Board", later))
		x.look(time.Hour)
		expect(x, n, "after it has", "leicester amended Cabinet", "leicester added Health Board")
		x.says("m/1", meets("Cabinet", moved))
		x.look(time.Hour)
		expect(x, n, "the other group sees it too", "leicester amended Cabinet", "leicester added Health Board")
	})
	t.Run("our own crawl does not read that list", func(t *testing.T) {
		x := begin(t)
		n := x.seq()
		x.says("m/3", meets("Licensing", later))
		x.look(time.Hour)
		x.crawled(time.Hour, false, ofCouncil("m/1", "Cabinet", first))
		x.look(time.Hour)
		expect(x, n, "it is not lost", "neighbours added Licensing")
	})
	t.Run("our own crawl looks once a week", func(t *testing.T) {
		x := begin(t)
		n := x.seq()
		x.says("m/2", meets("Health Board", later))
		x.look(time.Hour)
		expect(x, n, "within the day")
		x.look(25 * time.Hour)
		expect(x, n, "after a day", "neighbours added Health Board")
	})
	t.Run("our own crawl is broken", func(t *testing.T) {
		x := begin(t)
		x.crawled(time.Hour, true)
		n := x.seq()
		x.says("m/2", meets("Health Board", later))
		x.says("m/1", meets("Cabinet", moved))
		x.look(time.Hour)
		told := []string{"neighbours added Cabinet", "neighbours added Health Board"}
		got := x.told(n)
		slices.Sort(got)
		if !slices.Equal(got, told) {
			t.Errorf("while it is broken: %q, want %q", got, told)
		}
		n = x.seq()
		x.crawled(5*time.Hour, false, ofCouncil("m/1", "Cabinet", moved), ofCouncil("m/2", "Health Board", later), ofCouncil("m/4", "Planning", later))
		x.look(time.Hour)
		expect(x, n, "when it works again", "leicester added Planning")
		it, err := x.b.store.Item(t.Context(), "leicester", "m/1")
		if err != nil || it.Fields[store.FieldWhen] != moved {
			t.Errorf("our own record is behind: %v %v", it.Fields, err)
		}
	})
	t.Run("a paper that only our own crawl has read", func(t *testing.T) {
		x := begin(t)
		x.crawled(time.Hour, true)
		x.says("m/2", meets("Health Board", later))
		x.look(time.Hour)
		n := x.seq()
		it := ofCouncil("m/2", "Health Board", later)
		it.Documents = []store.Document{{Key: "d", Title: "Public reports pack", URL: "https://www.example.org/pack.pdf", SHA256: strings.Repeat("ab", 32)}}
		x.crawled(time.Hour, false, ofCouncil("m/1", "Cabinet", first), it)
		expect(x, n, "what stands in it is news", "leicester added Health Board")
	})
}

// A volunteer gives the address at which a neighbouring group's export is read,
// whichever of its pages that is.
func TestAddFollowsAnExport(t *testing.T) {
	a := recordOf(t, 8)
	dir := filepath.Join(t.TempDir(), "watch")
	exportedTo(t, a, dir, exportTime())
	srv := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(dir))))
	defer srv.Close()
	for _, page := range []string{"/watch/", "/watch/index.html", "/watch/data/manifest.json"} {
		settings := filepath.Join(t.TempDir(), "ccgwatch.toml")
		if err := os.WriteFile(settings, []byte(replayConfig), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		e := &env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &out, asOf: exportTime(), configPath: settings, configGiven: true, data: filepath.Join(t.TempDir(), "data"), log: slog.New(slog.DiscardHandler),
			args: []string{"--config=" + settings, "add", srv.URL + page, "--id", "neighbours", "--yes"}}
		if err := e.dispatch(); err != nil {
			t.Fatalf("%s: %v\n%s", page, err, out.String())
		}
		b, err := os.ReadFile(settings)
		if err != nil || !strings.Contains(string(b), srv.URL+"/watch'") || !strings.Contains(string(b), "platform = 'ccgwatch'") {
			t.Errorf("%s: %v\n%s\n%s", page, err, b, out.String())
		}
	}
}
