package cmis

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/text/unicode/norm"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A detail is what a meeting's own page says.
type detail struct {
	committee string
	when      time.Time // zero: not said; the calendar's date holds
	status    string    // "" not said
	venue     string
	papers    []paper
}

// A paper is one line of a meeting's list of documents.
type paper struct {
	title, url string
	kb         float64 // as printed, 0 where it is not
}

// meetingPage reads the page of one meeting. What a value means is told by its
// label alone: the classes of the values lie.
func (s *site) meetingPage(p *crawl.Page) (detail, error) {
	doc, err := p.HTML()
	if err != nil {
		return detail{}, err
	}
	var d detail
	labels := 0
	for _, label := range doc.Find(".DNNLabel").EachIter() {
		name := strings.ToLower(strings.TrimRight(s.line(label.Text()), " :"))
		value := s.line(label.NextAllFiltered(".Value").First().Text())
		switch name {
		case "committee":
			d.committee = value
		case "date/time", "date", "date and time":
			when, ok := s.stamp(value)
			if value != "" && !ok {
				return detail{}, crawl.Errorf(store.ReasonFormat, "the page gives the date %.40q", value)
			}
			d.when = when
		case "status", "meeting status":
			d.status = statusOf(value)
		case "venue":
			d.venue = strings.TrimRight(value, ". ")
		default:
			continue
		}
		labels++
	}
	if labels == 0 && doc.Find(".CmisDocumentList, ol.DocumentList, ul.DocumentList").Length() == 0 {
		return detail{}, crawl.Errorf(store.ReasonFormat, "the page is not a meeting's: neither its details nor its documents are on it")
	}
	for _, li := range doc.Find("li.DocumentListItem").EachIter() {
		a := li.Find("a.TitleLink[href]").First()
		if a.Length() == 0 {
			a = li.Find("a[href*='Document.ashx']").First()
		}
		at := s.session.ReplaceAllString(p.Abs(a.AttrOr("href", "")), "")
		title := s.title(a)
		if at == "" || title == "" {
			continue
		}
		d.papers = append(d.papers, paper{title, at, s.kilobytes(s.line(li.Find(".FileSize").First().Text()))})
	}
	return d, nil
}

// title is what a document is called: its link's words, without the size.
func (rd *reader) title(a *goquery.Selection) string {
	t := rd.line(a.Text())
	if t == "" {
		t = strings.Trim(strings.TrimPrefix(rd.line(a.AttrOr("title", "")), "Click to view "), "'")
	}
	return rd.size.ReplaceAllString(t, "")
}

// statusOf puts the system's status in our words; one that we do not know is
// kept, in small letters.
func statusOf(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	switch {
	case s == "", strings.HasPrefix(s, "schedul"), strings.HasPrefix(s, "confirm"), strings.HasPrefix(s, "held"), strings.HasPrefix(s, "open"):
		return store.StatusConfirmed
	case strings.HasPrefix(s, "cancel"):
		return store.StatusCancelled
	}
	return s
}

// fill completes the item. A document list with anything but minutes is an
// agenda that is out; each report on it stands for an item of the agenda,
// since the page lists no others: one that comes later is a supplement.
func (s *site) fill(it *store.Item, r row, d detail, old store.Item) {
	it.Stub = false
	if !d.when.IsZero() {
		it.Fields[store.FieldWhen] = d.when.In(s.london).Format(time.RFC3339)
		delete(it.Fields, store.FieldDoubt) // the page has the year, the calendar guessed
	}
	if d.status != "" && r.status != store.StatusCancelled {
		it.Fields[store.FieldStatus] = d.status
	}
	if d.venue != "" {
		it.Fields[store.FieldVenue] = d.venue
	}
	roles := map[string]store.Role{}
	for _, doc := range old.Documents {
		roles[doc.Key] = doc.Role
	}
	count := map[string]int{}
	for _, x := range d.papers {
		name := slug(x.title)
		if count[name]++; count[name] > 1 {
			name += fmt.Sprintf("~%d", count[name])
		}
		doc := store.Document{Key: "document/" + r.id + "/" + name, Title: x.title, URL: x.url}
		if doc.Role = roles[doc.Key]; doc.Role == "" {
			doc.Role = s.role(x, it.When(), len(d.papers))
		}
		switch doc.Role {
		case store.RoleMinutes:
			it.Fields[store.FieldMinutes] = store.Published
		case store.RoleReport:
			doc.Part = "item/" + name
			it.Parts = append(it.Parts, store.Part{Key: doc.Part, Title: x.title})
			fallthrough
		default:
			it.Fields[store.FieldAgenda] = store.Published
		}
		it.Documents = append(it.Documents, doc)
	}
}

// smallKB is the most that an agenda without its reports has: a file called
// agenda may well be the whole pack.
const smallKB = 1000

// role tells what a document is. Minutes among the papers of a meeting are
// those of the one before, unless they came after it: they say so, or carry
// another date. A meeting that lies ahead has none of its own.
func (s *site) role(x paper, meeting time.Time, of int) store.Role {
	if s.minutes.MatchString(x.title) && !s.former.MatchString(x.title) && !meeting.IsZero() && meeting.Before(s.now) {
		if t, dated := s.dated(x.title); !dated || sameDay(t, meeting) {
			return store.RoleMinutes
		}
	}
	if s.agenda.MatchString(x.title) && of > 1 && x.kb > 0 && x.kb < smallKB {
		return store.RoleFrontsheet
	}
	return store.RoleReport
}

// dated finds a date in a title: in words, or as 16042026 or 16/04/26.
func (rd *reader) dated(title string) (time.Time, bool) {
	if t, ok := rd.stamp(title); ok {
		return t, true
	}
	m := rd.compact.FindStringSubmatch(title)
	if m == nil {
		return time.Time{}, false
	}
	year := atoi(m[3])
	if year < 100 {
		year += 2000
	}
	t := time.Date(year, time.Month(atoi(m[2])), atoi(m[1]), 0, 0, 0, 0, rd.london)
	return t, t.Day() == atoi(m[1]) && int(t.Month()) == atoi(m[2])
}

// kilobytes reads "(156Kb)" or "(2.1 MB)"; 0 for anything else.
func (rd *reader) kilobytes(s string) float64 {
	m := rd.amount.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
	if err != nil {
		return 0
	}
	if strings.EqualFold(m[2], "m") {
		n *= 1024
	}
	return n
}

func sameDay(a, b time.Time) bool {
	y, m, d := a.Date()
	y2, m2, d2 := b.In(a.Location()).Date()
	return y == y2 && m == m2 && d == d2
}

// slug names a document within its meeting by its title: the systems give
// neither a number nor a lasting address. Case, accents and punctuation, which
// are corrected without anybody noticing, make no difference.
func slug(title string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(title)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-")
	if s == "" || len(s) > 80 {
		h := sha256.Sum256([]byte(title))
		s = strings.Trim(strings.ToValidUTF8(s[:min(len(s), 60)], ""), "-") + "-" + hex.EncodeToString(h[:6])
	}
	return s
}
