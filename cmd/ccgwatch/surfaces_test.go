package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// The words by which the things of this test are known wherever they stand.
const (
	secretNotice = "zephyrmoor"
	secretPaper  = "quillhaven"
)

// surfaceItems are a notice and a meeting with a paper: a secret word in all
// that they say, and one like each beside it that stays.
func surfaceItems(t *testing.T, a *app, now time.Time) []store.Item {
	t.Helper()
	var out []store.Item
	buyer := a.judge.Buyers(&store.Notice{Buyers: []store.Party{{Name: "NHS Leicester, Leicestershire and Rutland Integrated Care Board"}}})
	if len(buyer) == 0 {
		t.Fatal("the buyer is not known")
	}
	for i, word := range []string{secretNotice, "ordinary"} {
		n := &store.Notice{
			OCID: fmt.Sprintf("ocds-h6vhtk-0%d0000", i), Release: fmt.Sprintf("00000%d-2026", i+1), Date: now.Add(-2 * time.Hour), Feed: "find-a-tender", Tags: []string{"tender"}, NoticeType: "UK4",
			Title: word + " podiatry service", Description: "Community podiatry and foot health services of " + word + " for patients of the NHS.",
			Buyers: []store.Party{{Name: "NHS Leicester, Leicestershire and Rutland Integrated Care Board"}}, Suppliers: []store.Party{{Name: word + " Health Limited"}}, CPV: []string{"85100000"},
			TenderEnd: now.AddDate(0, 0, 30).Format(time.RFC3339), Value: "1200000", Currency: "GBP",
		}
		out = append(out, store.Item{Source: "find-a-tender", Key: n.OCID + "/" + n.Release, Kind: store.KindNotice, Title: n.Title, URL: "https://tender.example.org/" + word, FirstSeen: now, Changed: now, Published: n.Date, Notice: n})
	}
	for i, word := range []string{secretPaper, "ordinary"} {
		// It names the notice, so what it says stands on the page of the procurement, too.
		text := fmt.Sprintf("The board of %s is asked to approve the award of the contract for community podiatry services (notice %06d-2026) to %s Limited, a private company.", word, i+1, word)
		pages := []string{"Agenda", text + "\n\nJane Doe declared an interest in " + word + " as a trustee and left the room.\n\nThree bids were received from " + word + " Limited."}
		sha, _, err := a.store.Keep(t.Context(), strings.NewReader(word))
		if err == nil {
			err = a.store.KeepText(t.Context(), sha, pages)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, store.Item{
			Source: "board", Key: fmt.Sprintf("meeting/%d", i), Kind: store.KindMeeting, Title: word + " board", URL: "https://board.example.org/" + word, FirstSeen: now, Changed: now,
			Fields:    map[string]string{store.FieldWhen: now.AddDate(0, 0, 9).Format(time.RFC3339), store.FieldVenue: word + " Hall", store.FieldCommittee: word + " board", store.FieldSummary: "About " + word},
			Parts:     []store.Part{{Key: "1", Number: "1", Title: "Award to " + word, Text: text}},
			Documents: []store.Document{{Key: "d", Title: word + " pack", URL: "https://board.example.org/" + word + ".pdf", SHA256: sha, Pages: 2, Part: "1"}},
		})
	}
	return out
}

// surfaces are the addresses at which anybody may read, those of the two things
// first.
func surfaces(a *app, items []store.Item, findings []string, years ...int) (out []string) {
	at := func(path string, values ...string) {
		v := url.Values{}
		for i := 0; i < len(values); i += 2 {
			v.Set(values[i], values[i+1])
		}
		out = append(out, path+"?"+v.Encode())
	}
	for _, it := range items {
		at("/item", "source", it.Source, "key", it.Key)
		at("/api/v1/item", "source", it.Source, "key", it.Key)
		at("/api/v1/items/"+it.Source+"/"+url.PathEscape(it.Key), "", "")
		for _, d := range it.Documents {
			at("/paper", "source", it.Source, "key", it.Key, "sha", d.SHA256, "page", "2")
		}
		if n := it.Notice; n != nil {
			for _, end := range []string{"", "/feed.atom", "/calendar.ics"} {
				out = append(out, "/thread/"+n.OCID+end)
			}
			out = append(out, "/api/v1/threads/"+n.OCID, "/api/v1/threads/"+n.OCID+"/ocds")
		}
	}
	for _, id := range findings {
		out = append(out, "/finding/"+id, "/api/v1/findings/"+id)
	}
	bodies := append(a.judge.Buyers(items[0].Notice), "board")
	for _, b := range bodies {
		out = append(out, "/body/"+b, "/body/"+b+"/feed.atom", "/body/"+b+"/calendar.ics", "/api/v1/bodies/"+b)
		at("/items", "body", b)
	}
	out = append(out, "/", "/deadlines", "/numbers", "/register", "/register?of=papers", "/suppliers", "/corrections", "/coverage", "/sources", "/threads", "/threads?stage=tender",
		"/findings", "/findings?topic=tenders", "/meetings", "/items", "/items?kind=notice", "/items?kind=meeting", "/bodies", "/feed.atom", "/data", "/calendar.ics", "/subscribe?q=podiatry&preview=1",
		"/api/v1/", "/api/v1/changes", "/api/v1/changes?format=jsonl", "/api/v1/findings", "/api/v1/items", "/api/v1/threads",
		"/api/v1/meetings", "/api/v1/deadlines", "/api/v1/bodies", "/api/v1/sources")
	for _, q := range []string{"podiatry", secretNotice[:6] + " OR podiatry", "board"} {
		for _, path := range []string{"/search", "/search.json", "/findings", "/threads", "/feed.atom", "/calendar.ics", "/api/v1/findings", "/api/v1/meetings", "/api/v1/deadlines", "/api/v1/search", "/subscribe"} {
			at(path, "q", q)
		}
	}
	for _, f := range []string{"all.jsonl.gz", "changes.jsonl.gz", "findings.jsonl.gz", "ocds.jsonl.gz", "items.csv", "findings.csv", "notices.csv", "meetings.csv"} {
		out = append(out, "/data/"+f)
	}
	for _, y := range years {
		out = append(out, fmt.Sprintf("/data/changes-%d.jsonl.gz", y))
	}
	return out
}

// What an operator holds back, withdraws or has left out is nowhere any more:
// on no page, in no feed, calendar, table, file, search or letter. That the same
// addresses showed it before is looked at first, so that this can fail.
func TestWhatIsHeldBackIsNowhereAnyMore(t *testing.T) {
	for name, acts := range map[string][]string{
		"nothing": nil, "hold": {"--hold"}, "withdraw": {"--withdraw"}, "redact": {"--redact=" + secretNotice, "--redact=" + secretPaper},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 8, 12, 10, 0, 0, 0, london())
			a, items, findings := surfaceApp(t, now)
			srv := a.webServer(func() time.Time { return now }).Handler
			shown := func(known bool) (on []string) {
				for _, target := range surfaces(a, items, findings, now.Year()) {
					now = now.Add(10 * time.Second)
					w := httptest.NewRecorder()
					srv.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080"+target, nil))
					if w.Code == http.StatusTooManyRequests || w.Code >= 500 {
						t.Errorf("%s: %d %s", target, w.Code, w.Body)
					}
					if tells(t, target, w.Body.Bytes(), name == "redact" && known) {
						on = append(on, target)
					}
				}
				for _, c := range [][]string{{"search", "podiatry"}, {"search", "--json", "board"}} {
					if out := a.says(t, now, c...); tells(t, c[0], []byte(out), name == "redact" && known) {
						on = append(on, "ccgwatch "+strings.Join(c, " "))
					}
				}
				return on
			}
			before := shown(false)
			if len(before) < 60 {
				t.Fatalf("only %d addresses show it before: %q", len(before), before)
			}
			for _, it := range []store.Item{items[0], items[2]} {
				if acts != nil {
					a.says(t, now, append([]string{"correct", it.Key, "--source=" + it.Source, "--reason=a test"}, acts...)...)
				}
			}
			// What is worked out from the record must not tell it until it is again.
			if acts != nil {
				for _, target := range surfaces(a, items, nil)[:12] {
					w := httptest.NewRecorder()
					srv.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080"+target, nil))
					if strings.HasPrefix(target, "/item?") && tells(t, target, w.Body.Bytes(), name == "redact") {
						t.Errorf("before anything was judged again %s tells it", target)
					}
				}
			}
			if err := a.follow(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			if err := a.indexAll(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Minute)
			after := shown(true)
			mails := a.mails(t, now.AddDate(0, 0, 7))
			told := tells(t, "mails", []byte(mails), name == "redact")
			if acts == nil {
				if !slices.Equal(before, after) || !told {
					t.Errorf("nothing was corrected, and it is on %q, was on %q; mailed: %t", after, before, told)
				}
				return
			}
			if len(after) > 0 {
				t.Errorf("it still stands on %q", after)
			}
			if told {
				t.Error("it is mailed:", mails)
			}
			if !strings.Contains(mails, "ordinary") {
				t.Error("nothing else is mailed either")
			}
		})
	}
}

// tells tells whether an answer says a secret word; addresses are not looked at
// where only words were left out.
func tells(t *testing.T, name string, b []byte, noLinks bool) bool {
	t.Helper()
	if strings.HasSuffix(name, ".gz") && bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			b, err = io.ReadAll(z)
		}
		if err != nil {
			t.Fatal(name, err)
		}
	}
	text := strings.ReplaceAll(strings.ToLower(string(b)), "\r\n ", "") // as calendars fold
	if noLinks {
		for _, w := range []string{secretNotice, secretPaper} {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "example.org/"+w, ""), "--redact="+w, "")
		}
	}
	return strings.Contains(text, secretNotice) || strings.Contains(text, secretPaper)
}

// surfaceApp has the items judged and indexed, and a reader of digests.
func surfaceApp(t *testing.T, now time.Time) (a *app, items []store.Item, findings []string) {
	t.Helper()
	a, items, findings = surfaceOf(t, now, surfaceItems)
	of := map[store.ItemRef]bool{}
	if err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		of[store.ItemRef{Source: f.Source, Key: f.Key}] = true
		return true
	}); err != nil || len(of) != len(items) {
		t.Fatalf("found in %v only, %v", of, err)
	}
	return a, items, findings
}

// surfaceOf has what make makes judged and indexed, and a reader of digests.
func surfaceOf(t *testing.T, now time.Time, make func(*testing.T, *app, time.Time) []store.Item) (a *app, items []store.Item, findings []string) {
	t.Helper()
	known, err := knownNames(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := known.Parse("", []byte(strings.Replace(replayConfig, "[group]", "[group]\nurl = \"http://127.0.0.1:8080\"", 1)+
		"[[source]]\nid = \"board\"\nplatform = \"moderngov\"\nbase = \"https://board.example.org\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a, err = openApp(cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeApp(t, a) })
	ctx := t.Context()
	items = make(t, a, now)
	if err := a.store.Subscribe(ctx, store.Subscription{ID: strings.Repeat("1", 32), Address: "reader@example.net", Often: store.Weekly, State: store.StateConfirmed, Created: now.AddDate(0, 0, -9), Consent: "test", ConsentAt: now.AddDate(0, 0, -9)}); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"find-a-tender", "board"} {
		snap, err := a.store.Snapshot(ctx, source, []string{})
		if err != nil {
			t.Fatal(err)
		}
		var changes []store.Change
		for _, it := range items {
			if it.Source == source {
				snap.Items[it.Key] = it
				what := []store.What{store.NoticeNew}
				if it.Kind == store.KindMeeting {
					what = []store.What{store.AgendaPublished, store.DocumentAdded}
				}
				changes = append(changes, store.Change{At: now, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, What: what, Title: it.Title, URL: it.URL, Documents: it.Documents, Read: it.Documents, Parts: it.Parts})
			}
		}
		if err := a.store.Commit(ctx, snap, changes, store.Health{Source: source, LastTry: now, LastComplete: now}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.follow(ctx, now); err != nil {
		t.Fatal(err)
	}
	if err := a.indexAll(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Findings(ctx, 0, func(f store.Finding) bool {
		findings = append(findings, f.ID)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return a, items, findings
}

// says runs a command in the process that has the store open.
func (a *app) says(t *testing.T, now time.Time, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	e := &env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard, shared: a, asOf: now, args: append([]string{"--as-of=" + stamp(now)}, args...), log: a.log}
	if err := e.dispatch(); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out.String()
}

// mails are all that is mailed up to a moment.
func (a *app) mails(t *testing.T, now time.Time) (all string) {
	t.Helper()
	if err := a.follow(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.deliver(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	files, err := outboxFiles(a.data)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		h, body, err := readMail(raw)
		if err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintln(h, body)
	}
	return strings.ToLower(all)
}
