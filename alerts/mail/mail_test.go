package mail

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

func london(t testing.TB) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func composer(t testing.TB, base string) *Composer {
	t.Helper()
	links, err := alerts.NewLinks(base, "alerts@example.org", bytes.Repeat([]byte("secret"), 6))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewComposer("Save our NHS Leicestershire", links, london(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func subscription(often string) store.Subscription {
	return store.Subscription{
		ID: "0123456789abcdef0123456789abcdef", Address: "ann@example.net", Often: often, State: store.StateConfirmed,
		Query: `topic:tenders,outsourcing,meetings area:leicester (dialysis OR "end of life")`,
	}
}

func id(n int) string { return fmt.Sprintf("%032x", n) }

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func notice() store.Finding {
	return store.Finding{
		ID: id(1), At: at("2026-08-12T09:17:00+01:00"), Change: 7, Source: "find-a-tender", Key: "ocds-x-1", Kind: store.KindNotice,
		Topic: store.TopicOutsourcing, Tier: store.TierCertain, What: []store.What{store.NoticeNew},
		Title: "Renal dialysis transport – northern area", URL: "https://notices.example.gov.uk/Notice/000001-2026?origin=a&x={{1}}",
		Quote: "The authority seeks an independent provider for patient journeys to dialysis.", Stage: "intention",
		Deadline: &store.Deadline{
			Stated: "2026-08-24T23:59:00+01:00", Computed: "2026-08-25T00:00:00+01:00", Kind: "representations",
			Who: "providers only", Quote: "Representations by midnight on 24 August 2026.",
		},
		Body: "leicester-city-council", BodyName: "Leicester City Council",
	}
}

func paper() store.Finding {
	return store.Finding{
		ID: id(2), At: at("2026-08-12T09:17:00+01:00"), Change: 8, Source: "example-icb", Key: "paper/9", Kind: store.KindPaper,
		Topic: store.TopicOutsourcing, Tier: store.TierLikely, What: []store.What{store.DocumentAdded},
		Title: "Board pack, August 2026", URL: "https://icb.example.nhs.uk/pack aug.pdf#x", Document: "Board pack (part 1)", Page: 143,
		Quote: "Options include a contract with the independent sector.", BodyName: "Example Integrated Care Board",
	}
}

func meeting() store.Finding {
	return store.Finding{
		ID: id(3), At: at("2026-08-12T09:17:00+01:00"), Change: 9, Source: "leics", Key: "meeting/15062", Kind: store.KindMeeting,
		Topic: store.TopicMeetings, Tier: store.TierCertain, What: []store.What{store.MeetingMoved},
		Title: "Health Scrutiny Commission", URL: "http://democracy.example.gov.uk/mg?MId=15062",
		Quote: "Date: 20 August 2026 5.30 pm", When: at("2026-08-20T17:30:00+01:00"), BodyName: "Leicester City Council",
	}
}

func things(fs ...store.Finding) []alerts.Thing {
	var ts []alerts.Thing
	for _, f := range fs {
		ts = append(ts, alerts.Thing{Findings: []store.Finding{f}})
	}
	return ts
}

func week() *alerts.Digest {
	when := func(d, title string) alerts.Coming {
		return alerts.Coming{
			Item: store.Item{Source: "leics", Key: title, Kind: store.KindMeeting, Title: title, URL: "https://democracy.example.gov.uk/" + title,
				Fields: map[string]string{store.FieldVenue: "City Hall"}},
			Body: "Leicester City Council", When: at(d),
		}
	}
	moved, gone, fresh := when("2026-08-20T17:30:00+01:00", "Health Scrutiny"), when("2026-08-21T10:00:00+01:00", "Cabinet"), when("2026-08-27T18:00:00+01:00", "Council")
	moved.Moved, moved.Agenda = at("2026-08-18T17:30:00+01:00"), true
	gone.Cancelled = true
	fresh.New, fresh.More = true, true
	n := notice()
	mention := paper()
	mention.Tier, mention.Key = store.TierMention, "paper/10"
	return &alerts.Digest{
		Slot: at("2026-08-14T07:30:00+01:00"), Now: at("2026-08-14T07:30:20+01:00"), From: at("2026-08-07T07:30:00+01:00"),
		Meetings: []alerts.Coming{moved, gone, fresh}, MoreMeetings: 2,
		Closing:   []alerts.Closing{{Finding: n, Date: n.Deadline.Date()}},
		Sections:  []alerts.Section{{Topic: store.TopicOutsourcing, Things: things(paper()), More: 4}},
		Mentioned: alerts.Section{Things: things(mention)},
		Looked:    14, Read: 12,
		Outages: []alerts.Outage{
			{Name: "Leicestershire County Council", Since: at("2026-08-03T06:00:00+01:00"), Why: []store.Reason{store.ReasonServer, store.ReasonFormat}},
			{Name: "rutland"},
		},
	}
}

func letters() map[string]alerts.Letter {
	quiet := &alerts.Digest{Slot: at("2026-12-25T07:30:00Z"), Now: at("2026-12-25T07:31:00Z"), Looked: 12, Read: 12}
	blind := &alerts.Digest{Slot: at("2026-12-25T07:30:00Z"), Now: at("2026-12-25T07:31:00Z"), Looked: 2, Outages: []alerts.Outage{{Name: "a"}, {Name: "b"}}}
	two := alerts.Thing{Findings: []store.Finding{paper(), paper()}}
	two.Findings[1].Quote, two.Findings[1].Page = "A second passage.", 150
	all := append(things(notice(), meeting()), two)
	award := notice()
	award.Topic, award.Stage, award.Deadline = store.TopicAwards, "confirmation", nil
	award.Moves = []store.Move{
		{Kind: "stage", Was: "intention", Now: "confirmation", Words: "Stage: confirmation of an award; the notice of 1 August 2026 said intention to award."},
		{Kind: "supplier", Words: "Supplier: the notice names Example <Care> Ltd, whom no earlier notice of this procurement names; earlier ones name Other & Sons."},
	}
	award.Unsaid = []string{"the provider's record", "the price", "continuity of care"}
	reminder := notice()
	reminder.Topic, reminder.Stage, reminder.Also = store.TopicDeadlines, "intention", []store.Topic{store.TopicAwards}
	reminder.Moves = []store.Move{{Kind: store.DueReminder, Words: "The last day for representations is Monday 24 August 2026, 5 working days from now."}}
	overdue := reminder
	overdue.ID, overdue.Key, overdue.Deadline = id(5), "ocds-x-2", nil
	overdue.Moves = []store.Move{{Kind: store.DueOverdue, Words: "60 days after the intention to award of 10 August 2026 we have seen no notice that confirms or abandons it."}}
	daily := &alerts.Digest{
		Slot: at("2026-08-14T07:30:00+01:00"), Now: at("2026-08-14T07:30:20+01:00"), From: at("2026-08-13T07:30:00+01:00"), Daily: true,
		Sections: []alerts.Section{{Topic: store.TopicAwards, Things: things(award)}}, Looked: 14, Read: 14,
	}
	tomorrow := *daily
	tomorrow.Meetings = []alerts.Coming{{Item: store.Item{Source: "leics", Key: "1", Kind: store.KindMeeting, Title: "Cabinet", URL: "https://democracy.example.gov.uk/1"}, Body: "Leicester City Council", When: at("2026-08-15T10:00:00+01:00")}}
	still := *quiet
	still.Shared, still.Slot, still.From = 2, at("2026-08-14T07:30:00+01:00"), at("2026-08-07T07:30:00+01:00")
	second, third := subscription(store.Daily), subscription(store.Weekly)
	second.ID, second.Query = id(2), `"patient transport" ICB`
	third.ID, third.Query = id(3), "committee:cabinet"
	wrong := &alerts.Correction{ID: "2026-08-13", About: []store.Finding{award, paper()}, Words: "The notice is of the next contract, and not of an award.\n\nWe had taken the word \"provider\" for the name of one <b>company</b>. {{.}} Please tell whom you told."}
	return map[string]alerts.Letter{
		"alert-reminder":  {Alert: &alerts.Alert{Things: things(reminder)}, Subscription: subscription(store.Instant)},
		"digest-daily":    {Digest: &tomorrow, Subscription: subscription(store.Daily)},
		"digest-together": {Digest: week(), Subscription: subscription(store.Weekly), Others: []alerts.Part{{Subscription: second, Digest: daily}, {Subscription: third, Digest: &still}}},
		"correction":      {Correction: wrong, Subscription: subscription(store.Both)},
		"alert-one":       {Alert: &alerts.Alert{Things: things(notice())}, Subscription: subscription(store.Instant)},
		"alert-award":     {Alert: &alerts.Alert{Things: things(award)}, Subscription: subscription(store.Instant)},
		"alert-due":       {Alert: &alerts.Alert{Things: things(reminder, overdue)}, Subscription: subscription(store.Instant)},
		"alert-many":      {Alert: &alerts.Alert{Things: all, More: 9}, Subscription: subscription(store.Both)},
		"digest":          {Digest: week(), Subscription: subscription(store.Weekly)},
		"digest-copy":     {Digest: week(), Copy: true, Subscription: store.Subscription{ID: "digest-copy", Address: "jo@example.net", Often: store.Weekly}},
		"digest-quiet":    {Digest: quiet, Subscription: subscription(store.Weekly)},
		"digest-blind":    {Digest: blind, Subscription: subscription(store.Both)},
	}
}

func compose(t testing.TB, c *Composer, l alerts.Letter, n int) alerts.Message {
	t.Helper()
	l.ID = hex.EncodeToString([]byte(fmt.Sprintf("%016d", n)))
	l.Date = at("2026-08-14T06:30:21Z")
	m, err := c.Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGolden holds the messages to their last reading by a person, and to the
// reviewers' checklist. Run with CCGWATCH_UPDATE=1 and read the difference.
func TestGolden(t *testing.T) {
	for _, pages := range []string{"", "https://watch.example.org"} {
		c, kind := composer(t, pages), "mailonly"
		if pages != "" {
			kind = "pages"
		}
		n := 0
		for _, name := range []string{"alert-one", "alert-many", "digest", "digest-quiet", "digest-blind", "alert-award", "alert-due", "alert-reminder", "digest-daily", "digest-together", "correction", "digest-copy"} {
			n++
			t.Run(kind+"/"+name, func(t *testing.T) {
				m := compose(t, c, letters()[name], n)
				if again := compose(t, c, letters()[name], n); !bytes.Equal(m.Raw, again.Raw) {
					t.Error("the same letter gave other bytes")
				}
				check(t, m)
				file := filepath.Join("testdata", name+"-"+kind+".eml")
				if os.Getenv("CCGWATCH_UPDATE") != "" {
					if err := os.WriteFile(file, m.Raw, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), string(m.Raw)); d != "" {
					t.Errorf("not as in %s (-want +got):\n%s", file, d)
				}
				emlcheck(t, pages == "", file)
			})
		}
	}
}

// parts reads a message with the standard library.
func parts(t testing.TB, raw []byte) (head netmail.Header, text, page string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s: %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	var out []string
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e := p.Header.Get("Content-Transfer-Encoding"); e != "quoted-printable" {
			t.Fatalf("encoding %q", e)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	if len(out) != 2 {
		t.Fatalf("%d parts", len(out))
	}
	return m.Header, out[0], out[1]
}

// check reads a message with a second parser and holds it to its promises.
func check(t testing.TB, m alerts.Message) {
	t.Helper()
	head, text, page := parts(t, m.Raw)
	listed := 1
	if strings.HasPrefix(m.Subject, copyMark) {
		listed = 0
	}
	for k, n := range map[string]int{"From": 1, "To": 1, "Subject": 1, "Date": 1, "Message-Id": 1, "Reply-To": 1, "List-Id": listed, "List-Unsubscribe": listed, "Auto-Submitted": 1,
		"Cc": 0, "Bcc": 0, "X-Mailer": 0, "User-Agent": 0} {
		if len(head[k]) != n {
			t.Errorf("%d headers %s", len(head[k]), k)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(head.Get("Subject"))
	if err != nil || subject != m.Subject || utf8.RuneCountInString(subject) > maxSubject {
		t.Errorf("subject %q is read as %q: %v", m.Subject, subject, err)
	}
	if head.Get("Message-Id") != m.MessageID {
		t.Errorf("message id %s, want %s", head.Get("Message-Id"), m.MessageID)
	}
	if len(m.Raw) > room || bytes.Contains(bytes.ReplaceAll(m.Raw, []byte("\r\n"), nil), []byte("\n")) {
		t.Errorf("%d bytes, or a bare line feed", len(m.Raw))
	}
	for _, r := range text + m.Subject {
		if r != '\n' && r != '\r' && (r < ' ' || r == 0x7f || invisible(r) || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) {
			t.Errorf("character %U", r)
		}
	}
	elements(t, page)
	structure(t, m.Subject, page)
}

// structure holds the HTML to what a screen reader and a narrow screen need:
// named by the subject, one main heading, no level skipped, in English, and
// nothing that makes it wider than the screen.
func structure(t testing.TB, subject, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var headings, articles []string
	attr := func(n *html.Node, key string) string {
		for _, a := range n.Attr {
			if a.Key == key {
				return a.Val
			}
		}
		return ""
	}
	for n := range root.Descendants() {
		switch {
		case n.Type == html.TextNode && n.Parent.Data == "title":
			if n.Data != subject {
				t.Errorf("the page is named %q, the subject is %q", n.Data, subject)
			}
		case n.Type == html.ElementNode && n.Data == "html" && attr(n, "lang") != "en-GB":
			t.Error("the page does not say that it is in English")
		case n.Data == "h1" || n.Data == "h2":
			headings = append(headings, n.Data)
		case attr(n, "role") == "article":
			articles = append(articles, attr(n, "lang")+" "+attr(n, "style"))
		}
	}
	if len(headings) == 0 || headings[0] != "h1" || slices.Contains(headings[1:], "h1") {
		t.Errorf("the headings are %v", headings)
	}
	if len(articles) != 1 || !strings.HasPrefix(articles[0], "en-GB ") || !strings.Contains(articles[0], "overflow-wrap:anywhere") || strings.Contains(page, "width=\"") {
		t.Errorf("articles %v", articles)
	}
}

// elements parses the HTML and allows only the tags, attributes and schemes
// that the template itself writes.
func elements(t testing.TB, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "style":
			if css := n.FirstChild.Data; css != darkMode {
				t.Errorf("a style that is not ours: %s", css)
			}
		case "html", "head", "meta", "title", "body", "div", "p", "h1", "h2", "h3", "ul", "li", "strong", "bdi", "br", "a":
		default:
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "style", "lang", "charset", "name", "content", "role", "aria-roledescription":
			case "href":
				if !strings.HasPrefix(a.Val, "http://") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "mailto:alerts@example.org?subject=unsubscribe%20") {
					t.Errorf("link to %s", a.Val)
				}
			default:
				t.Errorf("attribute %s of %s", a.Key, n.Data)
			}
		}
	}
}

func shared(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("NOT CHECKED: the shared folder is absent (%v); set CCGWATCH_SHARED", err)
	}
	return dir
}

// emlcheck runs the reviewers' checklist over files.
func emlcheck(t testing.TB, mailOnly bool, files ...string) {
	t.Helper()
	var args []string
	if mailOnly {
		args = append(args, "--mail-only")
	}
	emlcheckAs(t, args, files...)
}

// emlcheckAs is emlcheck with further arguments.
func emlcheckAs(t testing.TB, further []string, files ...string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT CHECKED: no python3 for emlcheck.py")
	}
	tool := filepath.Join(shared(t), "tools", "emlcheck.py")
	args := []string{"-c", emlcheckAll, tool, "--domain", "example.org"}
	args = append(args, further...)
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Count(out, []byte("FAILS 0")) != len(files) {
		t.Errorf("%v\n%s", err, regexp.MustCompile(`(?m)^ok .*\n`).ReplaceAll(out, nil))
	}
}

// emlcheckAll runs the checklist over the files named on standard input, in one process.
const emlcheckAll = `
import runpy, sys
tool, args, bad = sys.argv[1], sys.argv[2:], 0
for f in sys.stdin.read().split("\n"):
    print(f)
    sys.argv = [tool] + args + [f]
    try:
        runpy.run_path(tool, run_name="__main__")
    except SystemExit as e:
        bad += bool(e.code)
sys.exit(bad > 0)
`

// hostile are pieces of what strangers put into titles.
func hostile() []string {
	return []string{
		"\r\nBcc: victim@example.com\r\n\r\nbody", "\x00\x07\x1b[31m", "\u202egnp.exe", "\u2066x\u2069", "\u200bzero\u200dwidth\ufeff", "{{.Secret}}", "{{{{", "}}}", "${x}", "%!s(int=1)", "<no value>",
		strings.Repeat("long ", 1000), strings.Repeat("x", 5000), "مستشفى ليستر الجامعي", "בית חולים", "👩‍👩‍👧‍👦🏥🚑", "=?utf-8?Q?=41?=", "=?utf-8?B?", "=?x",
		"<script>alert(1)</script>", `" onmouseover=alert(1) x="`, "javascript:alert(1)", "https://user:pw@evil.example/", "https://gоogle.example/а", "http://münchen.example",
		"<img src=http://evil.example/p.gif>", "url (http://evil.example)", "@import 'x'", "href=javascript:x", "Z\u0335\u0321\u0334\u0327\u0301\u0302\u0303algo", "\ud7ff\U000e0041\U000e0042", "\xff\xfe\xc0\x80",
		"--ccgwatch-", ".\r\n.\r\nQUIT", "normal title", "", " ", "\u2028\u2029\u0085", "\u115f\u3164\u2800", "&lt;b&gt;", "'';!--\"<XSS>=&{()}", "--\r\n\r\n--", "DROP TABLE", strings.Repeat("🏥", 5000),
	}
}

func hostileURLs() []string {
	return []string{
		"https://user@evil.example/x", "javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x.example/", "https://xn--e1awd7f.example/ok", "https://gоogle.example/", "https://münchen.example/ä?ö=ü#ß",
		"https://x.example/?u=javascript:alert(1)&src=data:1", "https://x.example/{{a}}${b}%!s(x)", "https://x.example/\u202e/a b\"'<>()[]", "https://[::1]/", "https://x.example:8080/a@b", "http://", "", "https://x.example/" + strings.Repeat("a", 5000),
		"https://x.example\\@evil.example/", "HTTPS://EXAMPLE.org/A", "https://x.example/%0d%0aBcc:x", "https://x.example./", "https://127.1/", "https://exa mple.org/", "https://x.example/onclick=1 onload = 2",
	}
}

// TestHostile makes messages whose every scraped field is hostile, and holds
// them to the same checks.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	bad, urls := hostile(), hostileURLs()
	pick := func() string {
		s := bad[r.IntN(len(bad))]
		if r.IntN(3) == 0 {
			s += bad[r.IntN(len(bad))]
		}
		return s
	}
	evil := func(n int) store.Finding {
		f := []store.Finding{notice(), paper(), meeting()}[n%3]
		f.ID, f.Key, f.Source, f.Title, f.Quote, f.Document, f.BodyName, f.Body = id(n), fmt.Sprint(n), pick(), pick(), pick(), pick(), pick(), pick()
		f.Stage, f.URL, f.Page = pick(), urls[r.IntN(len(urls))], r.IntN(3)
		f.Topic = append(alerts.Topics(), store.Topic(pick()))[r.IntN(9)]
		f.Deadline = &store.Deadline{Stated: pick(), Computed: pick(), Kind: pick(), Who: pick(), Quote: pick()}
		return f
	}
	group := "Group " + bad[0] + bad[2]
	for _, base := range []string{"", "https://watch.example.org/sub"} {
		links, err := alerts.NewLinks(base, "alerts@example.org", bytes.Repeat([]byte("k"), 32))
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewComposer(group, links, london(t))
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		dir := t.TempDir()
		for i := range 150 {
			l := alerts.Letter{Subscription: subscription(store.Both)}
			l.Subscription.Query = `"` + strings.ReplaceAll(pick(), `"`, "") + ` x"`
			n := 1 + r.IntN(40)
			if i%2 == 0 {
				l.Alert = &alerts.Alert{More: r.IntN(3)}
				for k := range min(n, alerts.MaxThings) {
					l.Alert.Things = append(l.Alert.Things, alerts.Thing{Findings: []store.Finding{evil(k), evil(k)}})
				}
			} else {
				d := week()
				for k := range n {
					d.Meetings = append(d.Meetings, alerts.Coming{Item: store.Item{Title: pick(), URL: urls[k%len(urls)], Fields: map[string]string{"venue": pick()}}, Body: pick(), When: d.Now})
					d.Closing = append(d.Closing, alerts.Closing{Finding: evil(k), Date: d.Now})
					d.Sections = append(d.Sections, alerts.Section{Topic: store.Topic(pick()), Things: things(evil(k), evil(k+1), evil(k+2))})
					d.Outages = append(d.Outages, alerts.Outage{Name: pick(), Why: []store.Reason{store.Reason(pick())}})
				}
				l.Digest = d
			}
			m := compose(t, c, l, i)
			check(t, m)
			file := filepath.Join(dir, fmt.Sprintf("%d.eml", i))
			if err := os.WriteFile(file, m.Raw, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
			if t.Failed() {
				t.Fatalf("letter %d:\n%s", i, m.Raw[:min(len(m.Raw), 4000)])
			}
		}
		emlcheck(t, base == "", files...)
	}
}

// TestAddresses: a letter that cannot be addressed is refused, and the error
// does not say to whom it was.
func TestAddresses(t *testing.T) {
	c := composer(t, "")
	for _, a := range []string{"", "ann", "ann@example.net\r\nBcc: x@example.com", "Ann <ann@example.net>", "ann@example.net, bob@example.net", "änn@example.net"} {
		l := letters()["alert-one"]
		l.ID, l.Subscription.Address = id(9), a
		_, err := c.Compose(l)
		if err == nil || strings.Contains(err.Error(), "example.") {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func TestSourceOf(t *testing.T) {
	tests := []struct{ in, href, host string }{
		{"https://example.org/a b?c=d#e", "https://example.org/a%20b?c=d#e", "example.org"},
		{"HTTP://EXAMPLE.org:8080/A", "http://example.org:8080/A", "example.org:8080"},
		{"https://münchen.example/ä", "https://xn--mnchen-3ya.example/%C3%A4", "xn--mnchen-3ya.example"},
		{"https://gоogle.example/", "https://xn--ggle-55da.example/", ""},
		{"https://x.example/?u=javascript:alert(1)", "https://x.example/?u=javascript%3Aalert%281%29", "x.example"},
		{"https://x.example#page=3", "https://x.example/#page=3", "x.example"}, // not a host with a # in it
		{"https://x.example?a=b", "https://x.example/?a=b", "x.example"},
		{"https://user@evil.example/", "", ""},
		{"https://x.example\\@evil.example/", "", ""},
		{"javascript:alert(1)", "", ""},
		{"//evil.example/", "", ""},
		{"https://[::1]/", "", ""},
		{"https:///x", "", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		s, ok := sourceOf(tt.in)
		if tt.in == "https://gоogle.example/" { // Cyrillic o: whatever it becomes, it is shown as xn--
			if ok && !strings.HasPrefix(s.host, "xn--") {
				t.Errorf("%q is shown as %q", tt.in, s.host)
			}
			continue
		}
		if ok != (tt.href != "") || ok && (s.href != tt.href || s.host != tt.host) {
			t.Errorf("%q: %+v %v", tt.in, s, ok)
		}
	}
}

func FuzzScraped(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s, "https://x.example/"+s)
	}
	for _, u := range hostileURLs() {
		f.Add("t", u)
	}
	c := composer(f, "https://watch.example.org")
	f.Fuzz(func(t *testing.T, s, u string) {
		x := paper()
		x.Title, x.Quote, x.Document, x.BodyName, x.URL = s, s, s, s, u
		m := compose(t, c, alerts.Letter{Alert: &alerts.Alert{Things: things(x)}, Subscription: subscription(store.Instant)}, 1)
		check(t, m)
		_, text, page := parts(t, m.Raw)
		for _, host := range regexp.MustCompile(`https?://([^/?#\s"&<]*)`).FindAllStringSubmatch(text+page, -1) {
			if !regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?$`).MatchString(host[1]) {
				t.Errorf("host %q", host[1])
			}
		}
	})
}

func BenchmarkCompose(b *testing.B) {
	c := composer(b, "https://watch.example.org")
	for name, l := range letters() {
		l.ID = id(1)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Compose(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
