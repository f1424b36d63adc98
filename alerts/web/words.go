package web

import (
	"html/template"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// A measure says how much of a text a page shows, in characters.
type measure struct{ line, quote, prose, link int }

// full is how pages are written, brief how those are whose sources write so
// much that they would become too large for a phone.
func full() measure  { return measure{line: 400, quote: 1500, prose: 6000, link: 2000} }
func brief() measure { return measure{line: 24, quote: 100, prose: 300, link: 200} }

// funcs are what the templates call.
func (s *site) funcs(m measure) template.FuncMap {
	all := template.FuncMap{
		"line":  func(t string) string { return line(t, m.line) },
		"said":  func(t string) string { return said(t, m.line) },
		"quote": func(t string) string { return said(t, m.quote) },
		"prose": func(t string) []string { return prose(judge.Redact(t), m.prose) },
		"link": func(raw string) *link {
			if len(raw) > m.link {
				return nil
			}
			return webLink(raw)
		},
		"paged":    paged,
		"when":     s.when,
		"date":     func(t string) string { return line(s.date(t), max(m.line, 40)) },
		"meeting":  s.meeting,
		"clock":    s.clock,
		"value":    func(field, v string) string { return line(s.value(field, v), max(m.line, 40)) },
		"stage":    stageWords,
		"regime":   regimeWords,
		"happened": happened,
		"lower":    strings.ToLower,
		"whose":    func(source, body string) string { return line(s.whose(source, body), 2*m.line) },
		"stamp":    stamp,
		"body":     bodyPath,
		"bodykind": bodyKindWords,
		"day":      s.dayWords,
		"join":     func(list []string) string { return line(strings.Join(list, ", "), m.line) },
		"topic":    topicWords,
		"tier":     tierWords,
		"kind":     kindWords,
		"field":    fieldWords,
		"role":     roleWords,
		"source":   func(id string) string { return line(s.sourceName(id), m.line) },
		"item":     itemPath,
		"size":     sizeWords,
		"often":    oftenWords,
		"wanted":   s.wanted,
		"open":     s.open,
		"ticks":    ticks,

		"threadPath": s.threadPath,
		"threadOf":   func(id string) string { return "/thread/" + url.PathEscape(id) },
		"bound":      boundWords,
		"joint":      jointWords,
		"worthOf":    worthWords,
		"class":      classWords,
	}
	maps.Copy(all, s.recordFuncs(m))
	return all
}

// line makes one line of scraped text that shows what it says: no control
// characters, nothing that turns the writing direction or hides between
// letters, runs of white space as one space, at most so many characters.
func line(t string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range strings.ToValidUTF8(t, "\ufffd") {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = n > 0
			continue
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			continue
		}
		if n >= most {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// said is line for the words of a source: how to reach the people it names stays
// with the source. See judge.Redact.
func said(t string, most int) string { return line(judge.Redact(t), most) }

// prose is a longer text as paragraphs, cut where it would fill pages.
func prose(t string, left int) []string {
	var all []string
	for p := range strings.SplitSeq(strings.ReplaceAll(t, "\r", "\n"), "\n") {
		p = line(p, left)
		if p == "" {
			continue
		}
		all = append(all, p)
		if left -= utf8.RuneCountInString(p); left <= 0 {
			break
		}
	}
	return all
}

// A link leads to a source. Host is the real one in ASCII, so that a
// look-alike shows.
type link struct{ URL, Host string }

// webLink is nil for anything but a plain http or https address: the page then
// shows the words without a link.
func webLink(raw string) *link {
	if len(raw) > 2000 || strings.IndexFunc(raw, unicode.IsControl) >= 0 {
		return nil
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return nil
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if strings.Contains(u.Hostname(), ":") { // IPv6
		host, err = "["+u.Hostname()+"]", nil
	}
	if err != nil || host == "" || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-._:[]") != "" {
		return nil
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return &link{URL: u.String(), Host: host}
}

// paged is the address of a page of a paper: browsers open a PDF there. An
// address with a fragment of its own stays as it is.
func paged(raw string, page int) string {
	if page <= 0 || strings.Contains(raw, "#") {
		return raw
	}
	return raw + "#page=" + strconv.Itoa(page)
}

// bodyPath is the address of a body's page.
func bodyPath(id string) string { return "/body/" + url.PathEscape(id) }

// dayWords is a day as a register has it, YYYY-MM-DD, in words.
func (s *site) dayWords(day string) string {
	if t, err := time.Parse(time.DateOnly, day); err == nil {
		return t.Format("2 January 2006")
	}
	return line(day, 40)
}

func bodyKindWords(kind string) string {
	switch kind {
	case "icb":
		return "NHS integrated care board"
	case "ccg":
		return "NHS clinical commissioning group (until June 2022)"
	case "trust":
		return "NHS trust"
	case "council":
		return "Council"
	case "nhs-england":
		return "NHS England"
	case "csu":
		return "NHS commissioning support unit"
	case "", "other":
		return "Public body"
	}
	return line(strings.ReplaceAll(kind, "-", " "), 40)
}

// itemPath is the address of an item's page.
func itemPath(source, key string) string {
	return "/item?" + url.Values{"source": {source}, "key": {key}}.Encode()
}

// when is a moment in London, in words.
func (s *site) when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(s.zone).Format("Monday 2 January 2006, 15:04")
}

// clock is the time of day in London, "" for midnight: sites that give a day
// alone are stored with it, and no meeting begins then.
func (s *site) clock(t time.Time) string {
	if l := t.In(s.zone); l.Hour() != 0 || l.Minute() != 0 {
		return l.Format("15:04")
	}
	return ""
}

// meeting is when one begins, in words.
func (s *site) meeting(t time.Time) string {
	if s.clock(t) == "" {
		return t.In(s.zone).Format("Monday 2 January 2006")
	}
	return s.when(t)
}

// value is what a field holds, in words.
func (s *site) value(field, v string) string {
	if t, err := time.Parse(time.RFC3339, v); err == nil && field == store.FieldWhen {
		return s.meeting(t)
	}
	return s.date(judge.Redact(v))
}

// whose names the source and, where it is another, the body.
func (s *site) whose(source, body string) string {
	name := line(s.sourceName(source), 400)
	if body = line(body, 400); body == "" || strings.EqualFold(body, name) {
		return name
	}
	return name + " · " + body
}

// date is a stored RFC 3339 time in words; other words stay as they are.
func (s *site) date(stored string) string {
	if t, err := time.Parse(time.RFC3339, stored); err == nil {
		return s.when(t)
	}
	if t, err := time.Parse(time.DateOnly, stored); err == nil {
		return t.Format("Monday 2 January 2006")
	}
	return line(stored, 200)
}

func (s *site) sourceName(id string) string {
	if x, ok := s.names().sources[id]; ok {
		return x.Name
	}
	return id
}

// topics are all topics, in the order of the menu.
func topics() []store.Topic {
	return []store.Topic{
		store.TopicTenders, store.TopicOutsourcing, store.TopicMeetings, store.TopicAwards,
		store.TopicPapers, store.TopicDeadlines, store.TopicConsultations, store.TopicFOI,
	}
}

func topicWords(t store.Topic) string {
	switch t {
	case store.TopicTenders:
		return "Tenders"
	case store.TopicOutsourcing:
		return "Outsourcing"
	case store.TopicMeetings:
		return "Meetings"
	case store.TopicAwards:
		return "Contract awards"
	case store.TopicPapers:
		return "Papers"
	case store.TopicDeadlines:
		return "Deadlines"
	case store.TopicConsultations:
		return "Consultations"
	case store.TopicFOI:
		return "Freedom of information"
	}
	return line(string(t), 40)
}

func tierWords(t store.Tier) string {
	switch t {
	case store.TierCertain:
		return "Certain: the source says so itself"
	case store.TierLikely:
		return "Likely: the words point to it"
	case store.TierMention:
		return "A mention: the words occur, it may be about something else"
	}
	return line(string(t), 40)
}

func kindWords(k store.Kind) string {
	switch k {
	case store.KindNotice:
		return "Notice"
	case store.KindMeeting:
		return "Meeting"
	case store.KindPaper:
		return "Paper"
	case store.KindRequest:
		return "Freedom of information request"
	case store.KindPage:
		return "Page"
	}
	return line(string(k), 40)
}

func kindCount(k store.Kind, n int) string {
	word := strings.ToLower(kindWords(k))
	if k == store.KindRequest {
		word = "information request"
	}
	if n != 1 {
		word += "s"
	}
	return strconv.Itoa(n) + " " + word
}

func whatWords(w store.What) string {
	switch w {
	case store.NewMeeting:
		return "New meeting"
	case store.AgendaPublished:
		return "Agenda published"
	case store.ItemAdded:
		return "Item added to the agenda"
	case store.MeetingMoved:
		return "Meeting moved"
	case store.MeetingCancelled:
		return "Meeting cancelled"
	case store.MeetingRestored:
		return "Meeting on again"
	case store.MinutesPublished:
		return "Minutes published"
	case store.DocumentAdded:
		return "Document added"
	case store.DocumentReplaced:
		return "Document replaced"
	case store.DocumentRemoved:
		return "Document removed"
	case store.NoticeNew:
		return "New notice"
	case store.NoticeUpdated:
		return "Notice updated"
	case store.RequestNew:
		return "New request"
	case store.RequestEvent:
		return "Request answered or moved on"
	case store.PageChanged:
		return "Page changed"
	}
	return line(strings.ReplaceAll(string(w), "_", " "), 40)
}

// happened says what a change was: what it meant where that is known, else
// that there was one. What has gone or come due says so first.
func happened(o store.Op, all []store.What) string {
	var words []string
	if o != "" && (len(all) == 0 || o == store.OpWithdrawn || o == store.OpDue) {
		words = append(words, opWords(o))
	}
	for _, w := range all {
		words = append(words, whatWords(w))
	}
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToLower(words[i])
	}
	return strings.Join(words, ", ")
}

func opWords(o store.Op) string {
	switch o {
	case store.OpAdded:
		return "First seen"
	case store.OpAmended:
		return "Changed"
	case store.OpWithdrawn:
		return "No longer listed"
	case store.OpDue:
		return "A date has come"
	case store.OpCorrected:
		return "Corrected by the people who run this"
	}
	return line(string(o), 40)
}

func fieldWords(name string) string {
	switch name {
	case store.FieldWhen:
		return "When"
	case store.FieldDoubt:
		return "Doubt: the source contradicts itself"
	case store.FieldMinutes:
		return "Minutes"
	case store.FieldWhenSays, store.FieldClosesSays, store.FieldRegisterSays:
		return fieldWords(strings.TrimSuffix(name, "_says")) + ", in its words"
	case store.FieldDatesSure:
		return "How surely we read its dates"
	case store.FieldDatesUnread:
		return "Dates we could not read"
	}
	words := line(strings.ReplaceAll(name, "_", " "), 60)
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func roleWords(r store.Role) string {
	switch r {
	case store.RoleReport:
		return "report"
	case store.RolePack:
		return "reports pack"
	case store.RoleFrontsheet:
		return "agenda front sheet"
	case store.RoleMinutes:
		return "minutes"
	case store.RoleDecisions:
		return "decisions"
	case store.RoleSupplement:
		return "late papers"
	}
	return line(string(r), 40)
}

// stageWords say where a procurement stands, as far as the notice says.
func stageWords(stage string) string {
	switch stage {
	case "pipeline":
		return "Planned for later"
	case "engagement":
		return "The buyer asks for views before a tender"
	case "planned":
		return "A procurement is planned"
	case "tender":
		return "Open for bids"
	case "tender_update":
		return "A notice open for bids was changed"
	case "intention":
		return "The buyer intends to award; the notice does not say that a contract is made"
	case "award":
		return "Notice of an award"
	case "contract":
		return "Notice of a contract"
	case "confirmation":
		return "The notice confirms an award"
	case "modification":
		return "A contract is changed"
	case "performance":
		return "A report on how a contract is carried out"
	case "termination":
		return "A contract ends"
	case "cancelled":
		return "The procurement is cancelled"
	case "other":
		return "Not clear from the notice"
	}
	return line(strings.ReplaceAll(stage, "_", " "), 40)
}

// regimeWords name the law a contract is made under.
func regimeWords(regime string) string {
	switch regime {
	case "psr":
		return "Provider Selection Regime (health care services in England)"
	case "pa2023":
		return "Procurement Act 2023"
	case "pcr2015":
		return "Public Contracts Regulations 2015"
	case "psr_wales":
		return "Provider Selection Regime in Wales"
	case "scotland_ni_other":
		return "The rules of Scotland, Northern Ireland or another place"
	}
	return line(strings.ReplaceAll(regime, "_", " "), 40)
}

func reasonWords(r store.Reason) string {
	switch r {
	case store.ReasonNetwork:
		return "the site could not be reached"
	case store.ReasonRefused:
		return "the site refuses to answer programs"
	case store.ReasonMissing:
		return "the page is not there any more"
	case store.ReasonServer:
		return "the site answers with an error"
	case store.ReasonBusy:
		return "the site says it is too busy"
	case store.ReasonRobots:
		return "the site's rules for programs forbid it"
	case store.ReasonTooLarge:
		return "the file is larger than we read"
	case store.ReasonTruncated:
		return "the answer ended too early"
	case store.ReasonFormat:
		return "the page is not built as expected"
	case store.ReasonEmpty:
		return "it lists nothing, and does not say that there is nothing"
	case store.ReasonShrunk:
		return "too much has gone or changed at once to be believed; it waits for a second look"
	case store.ReasonUnstable:
		return "it reads differently at every look, so that its changes are kept here and not mailed"
	case store.ReasonGap:
		return "part of a period could not be read; it will be read again"
	case store.ReasonBlocked:
		return "the address leads somewhere we do not go"
	case store.ReasonStalled:
		return "reading stood still and was stopped"
	}
	return line(string(r), 40)
}

func sizeWords(n int64) string {
	switch {
	case n <= 0:
		return ""
	case n < 1<<20:
		return strconv.FormatInt((n+1023)>>10, 10) + " KB"
	}
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MB"
}
