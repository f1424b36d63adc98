package boards_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/document"
	"ccgwatch/scrapers/document/documenttest"
	"ccgwatch/store"
)

// A planned board has a page of papers, of which one says when it meets.
type planned struct {
	t      *testing.T
	page   string            // its list
	files  map[string]string // text of its papers by path, pages apart by "\f"; "!" one that cannot be read
	shelf  *shelf
	old    store.Snapshot
	now    time.Time
	layout string
}

const listOfDates = `<a href="/f/board-meeting-dates-2026-27.pdf">Board meeting dates 2026/27 (PDF, 90KB)</a>`

func newPlanned(t *testing.T) *planned {
	t.Helper()
	return &planned{
		t: t, now: time.Date(2026, 8, 14, 6, 0, 0, 0, time.UTC), shelf: &shelf{map[string][]byte{}, map[string][]string{}},
		page: `<p>` + listOfDates + `</p><h2>July 2026</h2><p><a href="/f/pack-july.pdf">Papers</a></p>`,
		files: map[string]string{
			"/f/board-meeting-dates-2026-27.pdf": "Board meeting dates 2026/27\nThursday 28 May 2026 10am\nThursday 17 September 2026 10am\nThursday 19 November 2026 10am",
			"/f/pack-july.pdf":                   "Minutes of the meeting\nThe next meeting is on 17 September 2026.",
		},
	}
}

func (b *planned) RoundTrip(r *http.Request) (*http.Response, error) {
	status, kind, body := http.StatusOK, "text/html; charset=utf-8", ""
	switch text, ok := b.files[r.URL.Path]; {
	case r.URL.Path == "/board/":
		body = "<html><body><main><h1>Board papers</h1>" + b.page + "</main></body></html>"
	case ok && strings.HasPrefix(text, "PK"):
		kind, body = "application/octet-stream", text
	case ok && strings.HasPrefix(text, "%PDF"):
		kind, body = "application/pdf", text
	case ok && strings.HasPrefix(text, "<main>"):
		body = text
	case ok:
		kind, body = "application/pdf", "%PDF-1.4\n"+text+"\n%%EOF\n"
	default:
		status, body = http.StatusNotFound, "none"
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// text stands in for the reader of papers.
func text(_ context.Context, r io.Reader) ([]string, error) {
	b, err := io.ReadAll(r)
	s := strings.TrimSuffix(strings.TrimPrefix(string(b), "%PDF-1.4\n"), "\n%%EOF\n")
	if strings.HasPrefix(s, "!") {
		return nil, document.ErrEncrypted
	}
	return strings.Split(s, "\f"), err
}

// look visits once and takes over what came of it.
func (b *planned) look(read func(context.Context, io.Reader) ([]string, error)) (store.Sighting, []store.Change) {
	b.t.Helper()
	src, err := boards.Source(boards.Options{ID: "oak", Name: "Oakdale NHS Trust: board", Body: "ROA", Base: "https://oakdale.example", Page: "/board/", Layout: b.layout})
	if err != nil {
		b.t.Fatal(err)
	}
	var seen store.Sighting
	c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: "ccgwatch-test/1", Transport: b, Delay: -1}, Archive: b.shelf, Read: read}
	if _, err := c.Visit(b.t.Context(), src, crawl.Visit{Now: b.now, Old: b.old}, func(s store.Sighting) error { seen = s; return nil }); err != nil {
		b.t.Fatal(err)
	}
	if err := store.Guard(b.old, seen); err != nil {
		b.t.Fatal(err)
	}
	next, changes := store.Diff(b.old, seen)
	b.old = next
	b.now = b.now.Add(24 * time.Hour)
	return seen, changes
}

// meetings are those that are known, live, with where they are listed.
func (b *planned) meetings() string {
	var list []string
	for _, it := range b.old.Items {
		if it.Kind == store.KindMeeting && it.Withdrawn.IsZero() {
			list = append(list, fmt.Sprintf("%s %s %s | %s", it.Key, it.Fields[store.FieldWhen], it.Fields[store.FieldStatus], it.URL))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// news are the changes that are told.
func news(changes []store.Change) string {
	var list []string
	for _, c := range changes {
		if !c.Silent && len(c.What) > 0 {
			list = append(list, fmt.Sprintf("%s %s %v", c.Op, c.Key, c.What))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func (b *planned) want(what, got, want string) {
	b.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s: %s", what, diff)
	}
}

const (
	inSeptember = "dates#2026-09-17 2026-09-17T10:00:00+01:00 confirmed | https://oakdale.example/f/board-meeting-dates-2026-27.pdf#page=1"
	inNovember  = "dates#2026-11-19 2026-11-19T10:00:00Z confirmed | https://oakdale.example/f/board-meeting-dates-2026-27.pdf#page=1"
)

// Layout (i): the dates of the year stand in a PDF alone.
func TestDatesInADocumentBecomeMeetings(t *testing.T) {
	b := newPlanned(t)
	_, changes := b.look(text)
	b.want("first sight is told to nobody", news(changes), "")
	b.want("the days to come are meetings", b.meetings(), inSeptember+"\n"+inNovember)
	it := b.old.Items["dates#2026-09-17"]
	if it.Body != "ROA" || it.Source != "oak" || it.Title != "Board meeting" || it.Fields[store.FieldListedIn] != "Board meeting dates 2026/27, page 1" {
		t.Errorf("%+v", it)
	}
	_, changes = b.look(text)
	b.want("read again", news(changes), "")

	b.files["/f/board-meeting-dates-2026-27.pdf"] = strings.Replace(b.files["/f/board-meeting-dates-2026-27.pdf"], "Thursday 19 November 2026", "Tuesday 24 November 2026", 1)
	b.now = b.now.AddDate(0, 0, 8)
	_, changes = b.look(text)
	b.want("a day moved in the document", news(changes), "amended dates#2026-11-24 [meeting_moved]\namended document/f/board-meeting-dates-2026-27.pdf [document_replaced]")

	b.page = strings.Replace(b.page, listOfDates, listOfDates+` <a href="/f/meeting-dates-2027-28.pdf">Schedule of Board meetings 2027-28</a>`, 1)
	b.files["/f/meeting-dates-2027-28.pdf"] = "Schedule of meetings\n\fThursday 20 May 2027\nThursday 22 July 2027"
	_, changes = b.look(text)
	b.want("the next year's", news(changes), "added dates#2027-05-20 [new_meeting]\nadded dates#2027-07-22 [new_meeting]\nadded document/f/meeting-dates-2027-28.pdf [document_added]")
	if at := b.old.Items["dates#2027-05-20"].URL; !strings.HasSuffix(at, "-28.pdf#page=2") {
		t.Errorf("its page: %s", at)
	}
}

// When the page lists a meeting that was known by the document, it is the same
// meeting: nothing is told twice, nothing is withdrawn, and what is new at it is.
func TestAMeetingThatThePageListsLaterIsTheSame(t *testing.T) {
	for name, list := range map[string]string{
		"its own page": `<p><a href="/event/september/">Trust Board, Thursday 17 September 2026</a></p>`,
		"a table":      `<table><tr><th>Date</th><th>Papers</th></tr><tr><td>17 September 2026</td><td></td></tr><tr><td>23 July 2026</td><td></td></tr></table>`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newPlanned(t)
			b.files["/event/september/"] = `<main><h1>Trust Board</h1><p>Thursday 17 September 2026, 10am</p></main>`
			if b.layout = boards.TwoHop; name == "a table" {
				b.layout = boards.Table
				b.page += `<table><tr><th>Date</th><th>Papers</th></tr><tr><td>23 July 2026</td><td></td></tr></table>`
			}
			b.look(text)
			if !strings.Contains(b.meetings(), inSeptember) {
				t.Fatal(b.meetings())
			}
			b.page += list
			for range 4 {
				_, changes := b.look(text)
				b.want("the page lists it", news(changes), "")
			}
			if strings.Contains(b.meetings(), "dates#2026-09-17") || !strings.Contains(b.meetings(), "2026-09-17T10:00") || !strings.Contains(b.meetings(), inNovember) {
				t.Error(b.meetings())
			}
			b.page = strings.Replace(b.page, list, "", 1)
			for range 4 {
				_, changes := b.look(text)
				b.want("the page drops it, the document does not", news(changes), "")
			}
			if !strings.Contains(b.meetings(), "2026-09-17T10:00") {
				t.Error(b.meetings())
			}
		})
	}
}

// A document that cannot be read says nothing: its meetings stay.
func TestADocumentOfDatesThatCannotBeReadTakesNothingAway(t *testing.T) {
	const doc = "/f/board-meeting-dates-2026-27.pdf"
	for name, now := range map[string]string{"encrypted": "!", "gone": "", "another text": "Page intentionally blank"} {
		t.Run(name, func(t *testing.T) {
			b := newPlanned(t)
			b.look(text)
			before := b.meetings()
			if b.files[doc] = now; now == "" {
				delete(b.files, doc)
			}
			for range 3 {
				b.now = b.now.AddDate(0, 0, 8)
				_, changes := b.look(text)
				if n := news(changes); strings.Contains(n, "dates#") {
					t.Error(n)
				}
			}
			b.want("what is known", b.meetings(), before)
		})
	}
	t.Run("the page drops the document", func(t *testing.T) {
		b := newPlanned(t)
		b.look(text)
		b.page = strings.Replace(b.page, listOfDates, "", 1)
		b.look(text)
		_, changes := b.look(text)
		b.want("what is known", b.meetings(), "")
		for _, c := range changes {
			if c.Op != store.OpWithdrawn {
				t.Errorf("%+v", c)
			}
		}
	})
}

// What was read before this was looked for is no news when it is found.
func TestDatesInADocumentThatWasReadBeforeAreNoNews(t *testing.T) {
	b := newPlanned(t)
	b.look(text)
	for key := range b.old.Items {
		if strings.HasPrefix(key, "dates#") {
			delete(b.old.Items, key)
		}
	}
	_, changes := b.look(text)
	b.want("found later", news(changes), "")
	b.want("and known", b.meetings(), inSeptember+"\n"+inNovember)
}

// What only looks like a list of dates, or is one of something else, gives no
// meeting; a short list of dates by another name does.
func TestWhatIsADocumentOfDates(t *testing.T) {
	const dates = "Thursday 17 September 2026 10am\nThursday 19 November 2026 10am\nThursday 21 January 2027 10am\nThursday 18 March 2027 10am"
	for _, c := range []struct {
		name, link, text string
		want             int
	}{
		{"called so", "Calendar of board meetings", dates, 4},
		{"called so by its file", "Download", dates, 4}, // dates.pdf
		{"another name, and a title that says so", "Public information", "Trust Board meeting dates\n" + dates, 4},
		{"another name, and no title", "Public information", dates, 0},
		{"a title among much else", "Public information", "Trust Board meeting dates\n" + dates + strings.Repeat("\nWe have much else to say.", 20), 0},
		{"an agenda", "Board meeting agenda and dates", dates, 0},
		{"a proposal", "Proposed board meeting dates 2027", dates, 0},
		{"what is reserved to the board", "Schedule of matters reserved to the Board", dates, 0},
		{"a book", "Board meeting dates", strings.Repeat("\f", 10) + dates, 0},
		{"a single day", "Board meeting dates", "Thursday 17 September 2026 10am", 0},
		{"committees", "Committee meeting dates", "Audit Committee\n" + dates, 0},
		{"governors", "Council of Governors meeting dates", dates, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPlanned(t)
			at := "/f/x1.pdf"
			if c.name == "called so by its file" {
				at = "/f/board-dates-for-meetings.pdf"
			}
			b.page = `<p><a href="` + at + `">` + c.link + `</a></p>`
			b.files = map[string]string{at: c.text}
			b.look(text)
			n := 0
			for _, it := range b.old.Items {
				if it.Kind == store.KindMeeting {
					n++
					if c.name == "governors" && it.Fields[store.FieldCommittee] != "Council of Governors" {
						t.Errorf("%+v", it)
					}
				}
			}
			if n != c.want {
				t.Errorf("%d meetings, want %d:\n%s", n, c.want, b.meetings())
			}
		})
	}
	t.Run("a paper of a meeting", func(t *testing.T) {
		b := newPlanned(t)
		b.page = `<h2>Thursday 23 July 2026</h2><p>` + listOfDates + `</p>`
		b.look(text)
		b.want("what it proposes", b.meetings(), "")
	})
}

// The same dates out of real files: a PDF, a Word document and a workbook.
func TestDatesInRealFiles(t *testing.T) {
	row := func(cells ...string) string {
		return "<w:tr><w:tc><w:p><w:r><w:t>" + strings.Join(cells, "</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>") + "</w:t></w:r></w:p></w:tc></w:tr>"
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reader := document.Reader{Command: []string{self, "read-document"}}
	files := map[string]string{
		"/f/board-meeting-dates.docx": string(documenttest.Word("<w:p><w:r><w:t>Board meeting dates</w:t></w:r></w:p><w:tbl>" + row("Meeting", "Papers due") +
			row("Thursday 17 September 2026", "Friday 4 September 2026") + row("Thursday 19 November 2026", "Friday 6 November 2026") + "</w:tbl>")),
		"/f/board-meeting-dates.xlsx": string(documenttest.Sheet(`<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row><row><c s="1"><v>46282</v></c><c s="1"><v>46269</v></c></row><row><c s="1"><v>46345</v></c><c s="1"><v>46332</v></c></row>`,
			`<si><t>Meeting date</t></si><si><t>Papers due</t></si>`)),
	}
	if os.Getenv("CCGWATCH_PROMISES") != "" { // PDFium takes seconds to be compiled
		files["/f/board-meeting-dates.pdf"] = string(documenttest.TextPDF("Exampleshire\nBoard meeting dates\nMeeting   Papers due\nThursday 17 September 2026   Friday 4 September 2026\nThursday 19 November 2026   Friday 6 November 2026"))
	}
	for at, data := range files {
		t.Run(at, func(t *testing.T) {
			b := newPlanned(t)
			b.page = `<p><a href="` + at + `">Board meeting dates</a></p>`
			b.files = map[string]string{at: data}
			seen, _ := b.look(reader.Read)
			var days []string
			for _, it := range seen.Items {
				if it.Kind == store.KindMeeting {
					days = append(days, it.Key)
				}
			}
			if diff := cmp.Diff([]string{"dates#2026-09-17", "dates#2026-11-19"}, days); diff != "" {
				t.Errorf("%s %+v %q", diff, seen.Problems, b.shelf.text)
			}
		})
	}
}

// A look that keeps nothing ("try", "add") shows the meetings of such documents,
// and reads no other paper.
func TestAPreviewShowsTheDatesOfDocuments(t *testing.T) {
	b := newPlanned(t)
	src, err := boards.Source(boards.Options{ID: "oak", Name: "Oakdale", Base: "https://oakdale.example", Page: "/board/"})
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: "ccgwatch-test/1", Transport: b, Delay: -1}, Read: func(ctx context.Context, r io.Reader) ([]string, error) {
		read++
		return text(ctx, r)
	}}
	look := func() (seen store.Sighting) {
		t.Helper()
		if _, err := c.Visit(t.Context(), src, crawl.Visit{Now: b.now}, func(s store.Sighting) error { seen = s; return nil }); err != nil {
			t.Fatal(err)
		}
		return seen
	}
	want := "document/f/board-meeting-dates-2026-27.pdf document/f/pack-july.pdf dates#2026-09-17 dates#2026-11-19"
	if got := keysOf(look()); got != want || read != 1 {
		t.Errorf("%d papers read: %s", read, got)
	}
	b.files["/f/board-meeting-dates-2026-27.pdf"] = "!"
	if seen := look(); len(seen.Items) != 2 || len(seen.Problems) != 1 || !strings.HasPrefix(seen.Problems[0].What, store.PaperProblem) {
		t.Errorf("%+v", seen)
	}
	delete(b.files, "/f/board-meeting-dates-2026-27.pdf")
	if seen := look(); len(seen.Items) != 2 || len(seen.Problems) != 1 {
		t.Errorf("%+v", seen)
	}
}

// FuzzSchedule: whatever a document says, the days out of it exist, and none is
// taken twice.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{
		"Board meeting dates 2026/27\nThursday 28 May 2026, 9.30am\nThursday 30 July", "Meeting date Papers due\n28 May 2026 15 May 2026\n", "Board of Directors\n28/05/2026\nCouncil of Governors\n11/06/2026\f30 July 2026\nBoard in private",
		"Oakdale NHS Trust Board\n28 May 2026\nBirchford NHS Trust Board\n4 June 2026", "Date\nPapers due\n1 May 2026\n2 May 2026\n3 May 2026", "31 June 2026\u00a0\n2026-05-28 and 2026-05-29",
	} {
		f.Add(s, "Oakdale")
	}
	f.Fuzz(func(t *testing.T, text, source string) {
		days, unsure := boards.Schedule(source, "Board meeting dates", strings.Split(text, "\f")...)
		if unsure < 0 {
			t.Error(unsure)
		}
		for _, d := range days {
			if strings.Contains(d, "does not exist") {
				t.Error(d)
			}
		}
	})
}
