package scrapers

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/crawl/crawltest"
	"ccgwatch/store"
)

// What may stand where a page should, and what comes of it: the state the source
// ends in and that nothing is taken for news. A source is read once as it should
// be; then one of its answers is another, and it is read again the next day.
func TestFailureCases(t *testing.T) {
	const (
		city    = "https://cabinet.leicester.gov.uk"
		service = city + "/mgWebService.asmx/GetCommittees"
		small   = "https://rutlandcounty.moderngov.co.uk"
		icb     = "https://leicesterleicestershireandrutland.icb.nhs.uk/about/board-meetings/"
		trust   = "https://www.uhleicester.nhs.uk/about/board/board-papers-and-meetings/"
	)
	answers := answersOf(t)
	list := small + "/ieListMeetings.aspx?CommitteeId=9201"
	agenda := small + "/ieListDocuments.aspx?CId=9201&MId=72001&Ver=4"
	for _, c := range []struct {
		name   string
		source string
		at     string // the address whose answer is another
		answer string // name of the answer, or "="+what to make of the old one
		state  string
		reason store.Reason
	}{
		{"a script that leads to https", "rutland", list, "javascript to https", "broken", store.ReasonFormat},
		{"an empty answer to another question", "leicester", service, "empty answer to another question", "broken", store.ReasonMissing},
		{"the error page of another system", "rutland", list, "another system's error page", "broken", store.ReasonFormat},
		{"everything is sent to the error page", "rutland", list, "sent to the error page", "broken", store.ReasonMissing},
		{"a challenge", "rutland", list, "challenge", "blocked", store.ReasonRefused},
		{"a challenge with status 200", "uhl", trust, "challenge with 200", "blocked", store.ReasonRefused},
		{"programs are refused", "uhl", trust, "refused", "blocked", store.ReasonRefused},
		{"a soft 404", "llr-icb", icb, "soft 404", "broken", store.ReasonMissing},
		{"a log-in", "llr-icb", icb, "log-in", "blocked", store.ReasonRefused},
		{"maintenance with status 200", "llr-icb", icb, "maintenance", "unreachable", store.ReasonServer},
		{"a script that leads elsewhere", "uhl", trust, "script elsewhere", "broken", store.ReasonFormat},
		{"a refresh that leads elsewhere", "uhl", trust, "refresh elsewhere", "broken", store.ReasonFormat},
		{"a redesign that empties the page", "uhl", trust, "emptied by a redesign", "broken", store.ReasonEmpty},
		{"an empty table", "uhl", trust, "an empty table", "broken", store.ReasonEmpty},
		{"half a page", "uhl", trust, "=half", "broken", store.ReasonTruncated},
		{"half a page of a committee system", "rutland", list, "=half", "broken", store.ReasonTruncated},
		{"half an answer in XML", "leicester", "GetMeetings", "=half", "broken", store.ReasonMissing},
		{"nothing with status 200", "uhl", trust, "nothing at all", "broken", store.ReasonEmpty},
		{"a server error", "uhl", trust, "server error", "unreachable", store.ReasonServer},
		{"busy for longer than we wait", "uhl", trust, "busy", "unreachable", store.ReasonBusy},
		{"the page is gone", "llr-icb", icb, "gone", "broken", store.ReasonMissing},
		{"closed by robots.txt", "llr-icb", "https://leicesterleicestershireandrutland.icb.nhs.uk/robots.txt", "closed by robots", "blocked", store.ReasonRobots},
		{"robots.txt cannot be had", "llr-icb", "https://leicesterleicestershireandrutland.icb.nhs.uk/robots.txt", "robots cannot be had", "blocked", store.ReasonRobots},
		{"an incomplete chain of certificates", "uhl", trust, "=tls", "unreachable", store.ReasonNetwork},
		{"a page without end", "uhl", trust, "=endless", "broken", store.ReasonTooLarge},
		{"a consent page with status 200", "uhl", trust, "consent", "broken", store.ReasonEmpty},
		{"data where a page should be", "uhl", trust, "data", "broken", store.ReasonEmpty},
		{"the site has moved to another host", "rutland", list, "another host", "blocked", store.ReasonBlocked},
		{"a page that a browser would have to fill", "uhl", trust, "filled by a script", "broken", store.ReasonEmpty},
		{"papers vanish from a list", "uhl", trust, "=few", "suspect", store.ReasonShrunk},

		// What looks odd and is sound: read, and no news.
		{"a dump of 5,000 rows, whatever range was asked for", "leicester", "GetMeetings", "=dump", "ok", ""},
		{"windows-1252 under the name of UTF-8", "uhl", trust, "=charset", "ok", ""},
		{"last year's papers drop off", "uhl", trust, "=rollover", "ok", ""},
		{"branding is missing, the page's date is another", "rutland", list, "=branding", "ok", ""},
		{"links carry a session", "rutland", list, "=session", "ok", ""},
		{"the line with committee and date is missing from an agenda", "rutland", agenda, "=untitled", "ok", ""},
		{"papers have other file names", "rutland", agenda, "=renamed", "ok", ""},
		{"a heading that says private, and no private item", "rutland", agenda, "=boilerplate", "ok", ""},
		{"a line whose date cannot be read", "leicester", "GetMeetings", "=date", "ok", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, a := healthy(t, c.source)
			if c.answer == "=few" {
				many(a, c.at, 40)
			}
			first, _, err := crawlCase(t, src, a, store.Snapshot{}, 0, nil)
			if err != nil {
				t.Fatal("as it should be:", err)
			}
			old, _ := store.Diff(store.Snapshot{Source: src.ID}, first)
			wire := func(http.RoundTripper) error { return nil }
			bad := spoil(t, a, c.at, c.answer, answers)
			if c.answer == "=tls" {
				wire = func(http.RoundTripper) error {
					return errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")
				}
			}
			seen, problems, err := crawlCase(t, src, bad, old, 24*time.Hour, wire)
			var changes []store.Change
			if err == nil {
				if err = store.Guard(old, seen); err == nil {
					_, changes = store.Diff(old, seen)
				}
			}
			state, reason := stateOf(err)
			if state != c.state || reason != c.reason {
				t.Errorf("ends %s for the reason %q, want %s for %q: %v", state, reason, c.state, c.reason, err)
			}
			if c.answer == "=date" && len(problems) == 0 {
				t.Error("the line that could not be read is nobody's problem")
			}
			for _, ch := range changes {
				t.Errorf("taken for news: %s %v %v %v", ch.Key, ch.What, ch.Fields, ch.Documents)
			}
		})
	}
}

// stateOf puts the end of a visit in the words of health.
func stateOf(err error) (string, store.Reason) {
	if err == nil {
		return "ok", ""
	}
	why := store.NextHealth(store.Health{}, time.Time{}, nil, err, nil, 0).Problems[0].Reason
	switch why {
	case store.ReasonNetwork, store.ReasonBusy, store.ReasonServer, store.ReasonStalled:
		return "unreachable", why
	case store.ReasonRefused, store.ReasonRobots, store.ReasonBlocked:
		return "blocked", why
	case store.ReasonShrunk:
		return "suspect", why
	}
	return "broken", why
}

func answersOf(t *testing.T) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "failures", "answers.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range a.Files {
		m[f.Name] = string(f.Data)
	}
	return m
}

// healthy is a built-in source with its fixture.
func healthy(t *testing.T, id string) (crawl.Source, *txtar.Archive) {
	t.Helper()
	all := everySource(t)
	i := slices.IndexFunc(all, func(s crawl.Source) bool { return s.ID == id })
	a, err := txtar.ParseFile(fixture(id))
	if i < 0 || err != nil {
		t.Fatal(id, err)
	}
	return all[i], a
}

// many makes a long list of papers of a page that has few.
func many(a *txtar.Archive, at string, n int) {
	var b strings.Builder
	b.WriteString("<html><body><main><h1>Papers</h1><ul>")
	for i := range n {
		fmt.Fprintf(&b, "<li><a href=\"/documents/%d.pdf\">Paper %d</a></li>\n", i, i)
	}
	b.WriteString("</ul></main></body></html>")
	for i := range a.Files {
		if a.Files[i].Name == at {
			a.Files[i].Data = []byte(b.String())
		}
	}
}

// spoil puts another answer in the place of one.
func spoil(t *testing.T, a *txtar.Archive, at, answer string, answers map[string]string) *txtar.Archive {
	t.Helper()
	out := &txtar.Archive{Comment: a.Comment}
	hit := false
	for _, f := range a.Files {
		if f.Name == at || !strings.HasPrefix(at, "http") && strings.Contains(f.Name, at+"?") {
			hit = true
			if f.Data = bend(f.Data, answer); f.Data == nil {
				body, ok := answers[answer]
				if !ok {
					t.Fatalf("no answer %q", answer)
				}
				f.Data = []byte(body)
			}
		}
		out.Files = append(out.Files, f)
	}
	if !hit {
		if !strings.HasSuffix(at, "robots.txt") {
			t.Fatalf("the fixture has no %s", at)
		}
		out.Files = append(out.Files, txtar.File{Name: at, Data: []byte(answers[answer])})
	}
	return out
}

// bend makes of a good answer what "=name" stands for, or nil.
func bend(old []byte, how string) []byte {
	s := string(old)
	switch how {
	case "=half":
		return old[:len(old)/2]
	case "=tls":
		return old
	case "=endless":
		return append(slices.Clone(old), strings.Repeat("<p>and so on</p>\n", 1<<21)...)
	case "=few":
		lines := strings.SplitAfter(s, "\n")
		return []byte(strings.Join(lines[:5], "") + "</ul></main></body></html>")
	case "=dump":
		var b strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&b, "<meeting><meetingid>%d</meetingid><meetingdate>%02d/%02d/%d</meetingdate><meetingstatus>Confirmed</meetingstatus><meetingtime>5.30 pm</meetingtime></meeting>\n", 100+i, 1+i%28, 1+i%12, 1995+i%20)
		}
		s = strings.Replace(s, "<committeemeetings>", "<committeemeetings>"+b.String(), 1)
		return []byte(strings.Replace(s, "<meetingscount> 4<", "<meetingscount> 5004<", 1))
	case "=charset":
		return []byte("HTTP 200\nContent-Type: text/html; charset=utf-8\n\n" + strings.ReplaceAll(s, "<p><strong>", "<p>The trust\x92s board \x96 in public</p><p><strong>"))
	case "=rollover":
		i := strings.Index(s, `<li><a href="/documents/board/2026-07-09`)
		return []byte(s[:i] + s[i+strings.Index(s[i:], "\n")+1:])
	case "=branding":
		return []byte("<p>This is a default template, your custom branding appears to be missing.</p><meta name=\"DC.date\" content=\"2026-08-13\"/>" + s)
	case "=session":
		return []byte(strings.ReplaceAll(s, `href="ieListDocuments`, `href="/(S(abcdefghijklmnopqrstuvwx))/ieListDocuments`))
	case "=untitled":
		i := strings.Index(s, `<div class="mgSubTitle`)
		return []byte(s[:i] + s[i+strings.Index(s[i:], "</div>")+len("</div>"):])
	case "=renamed":
		return []byte(strings.ReplaceAll(s, ".pdf", "%20moved.pdf"))
	case "=boilerplate":
		return []byte(strings.Replace(s, "</body>", "<p>CONFIDENTIAL AND EXEMPT</p><p>No exempt items have been identified.</p></body>", 1))
	case "=date":
		i := strings.Index(s, "<meetingdate>")
		return []byte(s[:i] + "<meetingdate>sometime<" + s[i+strings.Index(s[i+1:], "<")+2:])
	}
	return nil
}

// A broken wire fails every request but those for robots.txt, if it says so.
type brokenWire struct {
	site http.RoundTripper
	wire func(http.RoundTripper) error
}

func (b brokenWire) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.wire != nil && !strings.HasSuffix(r.URL.Path, "robots.txt") {
		if err := b.wire(b.site); err != nil {
			return nil, err
		}
	}
	return b.site.RoundTrip(r)
}

// crawlCase crawls once, so long after the day of the fixture.
func crawlCase(t *testing.T, src crawl.Source, a *txtar.Archive, old store.Snapshot, after time.Duration, wire func(http.RoundTripper) error) (s store.Sighting, problems []store.Problem, err error) {
	t.Helper()
	now := time.Date(2026, 8, 12, 12, 0, 0, 0, time.UTC).Add(after)
	// A window moves with the day; the fixture's addresses have the first one's.
	b := &txtar.Archive{}
	for _, f := range a.Files {
		for _, shift := range [][2]string{{"04%2F05%2F2026", "05%2F05%2F2026"}, {"12%2F08%2F2029", "13%2F08%2F2029"}} {
			if after > 0 {
				f.Name = strings.ReplaceAll(f.Name, shift[0], shift[1])
			}
		}
		b.Files = append(b.Files, f)
	}
	synctest.Test(t, func(t *testing.T) {
		fetch := &crawl.Fetcher{Transport: brokenWire{crawltest.Open(b), wire}, UserAgent: "ccgwatch-test", Patience: 10 * time.Minute}
		report, e := (&crawl.Crawler{Fetch: fetch}).Visit(t.Context(), src, crawl.Visit{Now: now, Old: old}, func(x store.Sighting) error {
			s = x
			return nil
		})
		problems, err = report.Problems, e
		fetch.Close()
	})
	return s, problems, err
}
