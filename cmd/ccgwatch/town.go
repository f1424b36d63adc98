package main

import (
	"bytes"
	"compress/zlib"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"
)

// A town is the sample that `demo` watches: a tender service, a council and an
// integrated care board that do not exist, under a clock of its own. It speaks
// the formats of the real services, so that the same daemon reads it. Served
// under /tenders, /council and /icb.
type town struct {
	pages *template.Template
	mu    sync.Mutex
	clock time.Time
}

//go:embed sample/*.tmpl sample/*.txt
var sampleFiles embed.FS

// townStart is the Monday on which the two sample weeks begin.
func townStart() time.Time { return time.Date(2026, 9, 7, 7, 0, 0, 0, london()) }

func newTown() (*town, error) {
	t := &town{clock: townStart()}
	var err error
	t.pages, err = template.New("town").Funcs(template.FuncMap{
		"xml":  template.HTMLEscapeString,
		"day":  func(t time.Time) string { return t.Format("02/01/2006") },
		"dot":  func(t time.Time) string { return t.Format("3.04 pm") },
		"long": func(t time.Time) string { return t.Format("Monday 2 January 2006") },
		"full": func(t time.Time) string { return t.Format("Monday 2 January 2006, 3.04pm") },
		"slug": func(t time.Time) string { return strings.ToLower(t.Format("Monday-2-January-2006")) },
	}).ParseFS(sampleFiles, "sample/*.tmpl")
	return t, err
}

// now and moveTo are the town's clock.
func (t *town) now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock
}

func (t *town) moveTo(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clock = at
}

// at is a moment of the sample weeks, in London wall time.
func at(s string) time.Time {
	when, err := time.ParseInLocation("2006-01-02T15:04", s, london())
	if err != nil {
		panic(err) // a constant of this file
	}
	return when
}

// A townMeeting is one meeting of the council; a zero time is never.
type townMeeting struct {
	ID, Committee          int
	Name, Venue            string
	First, Moved, MovedTo  time.Time
	Added, Agenda, Minutes time.Time
	Cancelled              time.Time
	Reports                []townReport
	now                    time.Time
}

// A townReport is a report on an agenda.
type townReport struct {
	ID    int
	Title string
	Text  string
	Pages []string // names of sections of papers.txt
	From  time.Time
}

func (m townMeeting) When() time.Time {
	if !m.Moved.IsZero() && !m.now.Before(m.Moved) {
		return m.MovedTo
	}
	return m.First
}

func (m townMeeting) Status() string {
	switch {
	case !m.Cancelled.IsZero() && !m.now.Before(m.Cancelled):
		return "Cancelled"
	case m.When() != m.First:
		return "Confirmed; Rescheduled from " + m.First.Format("2 January 2006")
	}
	return "Confirmed"
}

func (m townMeeting) past(t time.Time) bool { return !t.IsZero() && !m.now.Before(t) }
func (m townMeeting) AgendaOut() bool       { return m.past(m.Agenda) && m.Status() != "Cancelled" }
func (m townMeeting) MinutesOut() bool      { return m.past(m.Minutes) }
func (m townMeeting) AgendaID() int         { return m.ID + 7 }

// Shown are the reports that are out.
func (m townMeeting) Shown() []townReport {
	var out []townReport
	for _, r := range m.Reports {
		if m.past(m.Agenda) && m.past(r.From) {
			out = append(out, r)
		}
	}
	return out
}

// meetings is the council's programme.
func (t *town) meetings() []townMeeting {
	now := t.now()
	health, board := "Health and Care Scrutiny Committee", "Health and Wellbeing Board"
	list := []townMeeting{
		{ID: 401, Committee: 12, Name: health, Venue: "Council Chamber, Vale Hall", First: at("2026-07-16T14:00"), Agenda: at("2026-07-08T17:00"), Minutes: at("2026-08-20T10:00")},
		{ID: 402, Committee: 12, Name: health, Venue: "Council Chamber, Vale Hall", First: at("2026-09-24T14:00"),
			Moved: at("2026-09-14T11:20"), MovedTo: at("2026-09-30T18:00"), Agenda: at("2026-09-16T17:00"), Reports: []townReport{
				{ID: 9001, Title: "Minutes of the Previous Meeting", Text: "To confirm the minutes as a correct record.", Pages: []string{"minutes"}, From: at("2026-09-16T17:00")},
				{ID: 9002, Title: "Winter Plan", Text: "To receive the winter plan of the hospitals.", Pages: []string{"winter", "beds"}, From: at("2026-09-16T17:00")},
				{ID: 9003, Title: "Patient Transport: Options for the Service", Text: "To comment on the options for patient transport from April.", Pages: []string{"transport", "reprocurement", "next"}, From: at("2026-09-16T17:00")},
			}},
		{ID: 403, Committee: 15, Name: board, Venue: "Committee Room 2, Vale Hall", First: at("2026-10-01T10:00"), Cancelled: at("2026-09-17T09:40")},
		{ID: 404, Committee: 12, Name: health, Venue: "Council Chamber, Vale Hall", First: at("2026-11-19T14:00"), Added: at("2026-09-10T12:05")},
	}
	var out []townMeeting
	for _, m := range list {
		m.now = now
		if m.Added.IsZero() || m.past(m.Added) {
			out = append(out, m)
		}
	}
	return out
}

// A townPack is a board meeting of the care board with its pack.
type townPack struct {
	When, From time.Time
	Path       string
	Pages      []string
}

func (t *town) packs() []townPack {
	return []townPack{
		{When: at("2026-11-26T09:30")},
		{When: at("2026-09-17T09:30"), From: at("2026-09-10T16:30"), Path: "/uploads/2026/09/Board-pack-17-September-2026.pdf",
			Pages: []string{"cover", "interests", "story", "performance", "finance", "winter", "insourcing", "beds", "waiver", "next"}},
		{When: at("2026-07-16T09:30"), From: at("2026-07-09T16:30"), Path: "/uploads/2026/07/Board-pack-16-July-2026.pdf",
			Pages: []string{"cover", "performance", "finance"}},
	}
}

// ServeHTTP answers for the three sites.
func (t *town) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch site, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); site {
	case "robots.txt":
		fmt.Fprint(w, "User-agent: *\nDisallow: /icb/private/\n")
	case "tenders":
		t.tenders(w, r)
	case "council":
		t.council(w, r, path)
	case "icb":
		t.board(w, "/"+path)
	default:
		http.NotFound(w, r)
	}
}

// tenders answers like Find a Tender: the window is London wall time, both
// ends included.
func (t *town) tenders(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "Packages/") { // no notice is had by its number here, and no process has a record
		http.NotFound(w, r)
		return
	}
	q := r.URL.Query()
	from, err1 := time.ParseInLocation("2006-01-02T15:04:05", q.Get("updatedFrom"), london())
	to, err2 := time.ParseInLocation("2006-01-02T15:04:05", q.Get("updatedTo"), london())
	if !strings.HasSuffix(r.URL.Path, "/api/1.0/ocdsReleasePackages") || err1 != nil || err2 != nil {
		http.Error(w, `{"status": 400, "error": "Bad Request"}`, http.StatusBadRequest)
		return
	}
	file, err := sampleFiles.ReadFile("sample/notices.txt")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	releases := []json.RawMessage{}
	for part := range strings.SplitSeq(string(file), "\n----\n") {
		var head struct{ Date time.Time }
		if err := json.Unmarshal([]byte(part), &head); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if !head.Date.Before(from) && !head.Date.After(to) && !head.Date.After(t.now()) {
			releases = append(releases, json.RawMessage(part))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"version": "1.1", "publisher": map[string]string{"name": "A sample service"}, "releases": releases})
}

// council answers like a committee system with a web service.
func (t *town) council(w http.ResponseWriter, r *http.Request, path string) {
	base := "http://" + r.Host + "/council"
	q := lowerKeys(r.URL.Query())
	service, method, _ := strings.Cut(path, "/")
	switch {
	case service == "mgWebService.asmx":
		t.show(w, "text/xml; charset=utf-8", method, map[string]any{"Base": base, "Meetings": t.meetings(), "M": t.meeting(q.Get("lmeetingid"))})
	case path == "mgConvert2PDF.aspx":
		for _, m := range t.meetings() {
			for _, x := range m.Shown() {
				if strconv.Itoa(x.ID) == q.Get("id") {
					t.pdf(w, x.Title, x.Pages)
					return
				}
			}
		}
		http.NotFound(w, r)
	case strings.HasPrefix(path, "documents/g"):
		t.pdf(w, "Minutes", []string{"minutes"})
	default:
		http.NotFound(w, r)
	}
}

func (t *town) meeting(id string) *townMeeting {
	for _, m := range t.meetings() {
		if strconv.Itoa(m.ID) == id {
			return &m
		}
	}
	return nil
}

// board answers like a care board's site: a list, a page a meeting, a pack.
func (t *town) board(w http.ResponseWriter, path string) {
	now := t.now()
	for _, p := range t.packs() {
		if path == p.Path && !now.Before(p.From) {
			t.pdf(w, "Board pack", p.Pages)
			return
		}
	}
	t.show(w, "text/html; charset=utf-8", "board", map[string]any{"Packs": t.packs(), "Now": now, "Path": path})
}

func (t *town) show(w http.ResponseWriter, contentType, name string, data any) {
	var b bytes.Buffer
	if t.pages.Lookup(name) == nil {
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	if err := t.pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(b.Bytes())
}

func lowerKeys(q url.Values) url.Values {
	out := url.Values{}
	for k, v := range q {
		out[strings.ToLower(k)] = v
	}
	return out
}

// pdf writes a paper whose pages are sections of papers.txt.
func (t *town) pdf(w http.ResponseWriter, title string, sections []string) {
	text, err := sampleFiles.ReadFile("sample/papers.txt")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	bySection := map[string][]string{}
	for part := range strings.SplitSeq("\n"+string(text), "\n# ") {
		name, body, _ := strings.Cut(part, "\n")
		bySection[name] = wrapLines(body, 90)
	}
	var pages [][]string
	for _, s := range sections {
		pages = append(pages, append([]string{title, ""}, bySection[s]...))
	}
	w.Header().Set("Content-Type", "application/pdf")
	body := samplePDF(title, pages)
	w.Header().Set("ETag", fmt.Sprintf(`"%d-%d"`, len(body), len(sections)))
	_, _ = w.Write(body)
}

// wrapLines breaks paragraphs into lines of at most width characters.
func wrapLines(text string, width int) []string {
	var out []string
	for para := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(para) {
			if line != "" && len(line)+1+len(word) > width {
				out, line = append(out, line), ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		out = append(out, line)
	}
	return out
}

// samplePDF writes a text-only PDF 1.4 file (ISO 32000), a compressed content
// stream a page, in Helvetica.
func samplePDF(title string, pages [][]string) []byte {
	var out bytes.Buffer
	var offsets []int
	object := func(format string, args ...any) {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), fmt.Sprintf(format, args...))
	}
	escape := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`, "£", "\xa3", "–", "\x96", "’", "\x92")
	kids := make([]string, len(pages))
	for i := range pages {
		kids[i] = fmt.Sprintf("%d 0 R", 5+2*i)
	}
	out.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Count %d /Kids [ %s ] >>", len(pages), strings.Join(kids, " "))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	object("<< /Title (%s) >>", escape.Replace(title))
	for i, lines := range pages {
		var stream bytes.Buffer
		z := zlib.NewWriter(&stream)
		fmt.Fprint(z, "BT /F1 11 Tf 15 TL 56 790 Td\n")
		for _, line := range lines {
			fmt.Fprintf(z, "(%s) Tj T*\n", escape.Replace(line))
		}
		fmt.Fprint(z, "ET")
		_ = z.Close() // into memory
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 6+2*i)
		object("<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", stream.Len(), stream.String())
	}
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return out.Bytes()
}
