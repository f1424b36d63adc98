package moderngov

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// inside is the part of a page that is ModernGov's. Around it is the council's
// template, which the system fetches anew all the time and sometimes fails to.
// Errors come with status 200, so a page without that part is one.
func (rd *reader) inside(p *crawl.Page) (*goquery.Selection, string, error) {
	doc, err := p.HTML()
	if err != nil {
		return nil, "", err
	}
	if strings.Contains(strings.ToLower(p.URL.Path), "/mgerror.aspx") {
		return nil, "", crawl.Errorf(store.ReasonFormat, "the site sent us to its error page")
	}
	mg := doc.Find("#modgov").First()
	if mg.Length() == 0 {
		return nil, "", crawl.Errorf(store.ReasonFormat, "not a ModernGov page (title %.60q)", rd.line(doc.Find("title").First().Text()))
	}
	// A page cut short would lose the items at its end, and they would look
	// withdrawn; the transport does not always notice.
	if mg.Find(".mgFooter").Length() == 0 && !bytes.Contains(bytes.ToLower(p.Body), []byte("</html")) {
		return nil, "", crawl.Errorf(store.ReasonTruncated, "the page has no end")
	}
	heading := rd.line(mg.Find("h1.mgMainTitleTxt").First().Text())
	if h := strings.ToLower(heading); strings.HasPrefix(h, "error") || strings.HasPrefix(h, "sorry") || strings.HasPrefix(h, "page not found") {
		return nil, "", crawl.Errorf(store.ReasonFormat, "the site shows an error page (heading %.60q)", heading)
	}
	return mg, heading, nil
}

// query reads a parameter of a link whatever the case of its name; names and
// case vary between pages and versions.
func query(href string, names ...string) string {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil {
		return ""
	}
	for _, name := range names {
		for k, v := range u.Query() {
			if strings.EqualFold(k, name) && len(v) > 0 && v[0] != "" {
				return v[0]
			}
		}
	}
	return ""
}

// links calls f for each link to page (a lower-case file name) below sel.
func links(sel *goquery.Selection, page string, f func(a *goquery.Selection, href string)) {
	sel.Find("a[href]").Each(func(_ int, a *goquery.Selection) {
		href := a.AttrOr("href", "")
		path, _, _ := strings.Cut(strings.ToLower(href), "?")
		if path == page || strings.HasSuffix(path, "/"+page) {
			f(a, href)
		}
	})
}

// committeesHTML reads mgListCommittees.aspx or mgCommitteeStructure.aspx.
func (rd *reader) committeesHTML(p *crawl.Page) ([]committee, error) {
	mg, heading, err := rd.inside(p)
	if err != nil {
		return nil, err
	}
	var list []committee
	seen := map[string]bool{}
	add := func(a *goquery.Selection, id string) {
		name := rd.bare(a)
		if id = rd.number(id); id != "" && id != "0" && name != "" && !seen[id] {
			seen[id] = true
			list = append(list, committee{id: id, name: name})
		}
	}
	links(mg, "mgcommitteedetails.aspx", func(a *goquery.Selection, href string) { add(a, query(href, "ID")) })
	if len(list) == 0 {
		// Some structures link to the meetings at once. One committee's own page
		// does so too, above its content, and is no list of committees.
		links(mg, "ielistmeetings.aspx", func(a *goquery.Selection, href string) {
			if a.Closest(".mgLinks").Length() == 0 {
				add(a, query(href, "CommitteeId", "CId"))
			}
		})
	}
	if len(list) == 0 {
		return nil, crawl.Errorf(store.ReasonEmpty, "the page %.40q lists no committees", heading)
	}
	return list, nil
}

// A listing is one page of a committee's meetings.
type listing struct {
	rows           []row
	earlier, later string // D of the links to further pages, "" without
}

// meetingsHTML reads ieListMeetings.aspx. No meetings is a possible answer.
func (rd *reader) meetingsHTML(p *crawl.Page, c committee) (listing, error) {
	mg, heading, err := rd.inside(p)
	if err != nil {
		return listing{}, err
	}
	var l listing
	seen := map[string]bool{}
	list := mg.Find("ul.mgNonBulletTableList, .mgList")
	links(list, "ielistdocuments.aspx", func(a *goquery.Selection, href string) {
		r := row{id: rd.number(query(href, "MId", "MeetingId")), committeeID: rd.number(query(href, "CId", "CommitteeId")), committee: c.name}
		if r.committeeID == "" || r.committeeID == "0" {
			r.committeeID = c.id
		}
		if r.id == "" || seen[r.id] {
			return
		}
		seen[r.id] = true
		r.text = rd.bare(a)
		words := strings.Split(strings.TrimLeft(rd.tail(a), " -–"), ",")
		if d, ok := rd.parse(r.text); ok {
			r.when, words = d.when, append(words, d.words...)
		}
		for i, w := range words {
			words[i] = strings.Trim(w, " -–.")
			r.agenda = r.agenda || strings.EqualFold(words[i], "agenda")
			r.minutes = r.minutes || strings.HasSuffix(strings.ToLower(words[i]), "minutes")
		}
		r.status = statusIn(words)
		l.rows = append(l.rows, r)
	})
	if list.Length() == 0 && mg.Find("#FormYearSelect").Length() == 0 {
		return listing{}, crawl.Errorf(store.ReasonFormat, "the page %.40q has no list of meetings", heading)
	}
	if first, _ := l.span(); len(l.rows) > 0 && first.IsZero() {
		return listing{}, crawl.Errorf(store.ReasonFormat, "none of the dates on the page %.40q can be read (the first is %.40q)", heading, l.rows[0].text)
	}
	links(mg, "ielistmeetings.aspx", func(_ *goquery.Selection, href string) {
		d := rd.number(query(href, "D"))
		switch act := query(href, "Act"); {
		case d == "":
		case strings.EqualFold(act, "earlier"):
			l.earlier = d
		case strings.EqualFold(act, "later"):
			l.later = d
		}
	})
	return l, nil
}

// tail is what stands in a list entry behind its link.
func (rd *reader) tail(a *goquery.Selection) string {
	c := a.Parent().Clone()
	c.Find("a, span.mgFileSize, span.mgHide").Remove()
	return rd.line(c.Text())
}

// meetingHTML reads ieListDocuments.aspx. base is the site's address.
func (rd *reader) meetingHTML(p *crawl.Page, base string) (detail, error) {
	mg, heading, err := rd.inside(p)
	if err != nil {
		return detail{}, err
	}
	var d detail
	rd.titleLine(&d, mg)
	late := rd.actions(&d, mg)
	mg.Find("span.mgLabel").Each(func(_ int, label *goquery.Selection) {
		name := strings.ToLower(strings.TrimRight(rd.line(label.Text()), " :"))
		if d.venue != "" || name != "venue" && name != "proposed venue" {
			return
		}
		c := label.Parent().Clone()
		c.Find("span.mgLabel, span.mgFileSize, span.mgHide, a[href*='mgLocationDetails']").Remove()
		d.venue = rd.venue(c.Text())
	})
	table := mg.Find("table#mgItemTable, table.mgItemTable").First()
	rows := table.ChildrenFiltered("tbody").ChildrenFiltered("tr")
	seen := map[string]bool{}
	rows.Each(func(_ int, tr *goquery.Selection) { rd.itemRow(&d, tr, base, late, seen) })
	d.supplements = unclaimed(late, d.parts, base)

	says := strings.ToLower(heading)
	said := strings.HasPrefix(says, "agenda") || d.pack
	if rows.Find("p.mgAiTitleTxt").Length() > 0 && len(d.parts) == 0 || said && len(d.parts) == 0 && d.agendaID == "" {
		return detail{}, crawl.Errorf(store.ReasonFormat, "the page (heading %.40q) has an agenda of which no item could be read", heading)
	}
	if !said && len(d.parts) == 0 && says != "meeting" && !strings.Contains(mg.Text(), "No documents are available for this meeting") {
		return detail{}, crawl.Errorf(store.ReasonFormat, "the page (heading %.40q) is not a meeting's", heading)
	}
	d.agenda = said || len(d.parts) > 0
	d.minutes = d.minutes || strings.Contains(says, "minutes")
	return d, nil
}

// titleLine reads "Committee - Thursday 4 December 2025 7:30 pm, CANCELLED".
// The line may be missing, and the committee may have a dash in its name.
func (rd *reader) titleLine(d *detail, mg *goquery.Selection) {
	title := rd.bare(mg.Find(".mgSubTitle .mgSubTitleTxt, h2.mgSubTitleTxt").First())
	for end := len(title); ; {
		i, rest := strings.LastIndex(title[:end], " - "), title
		if i >= 0 {
			rest = title[i+len(" - "):]
		}
		if date, ok := rd.parse(rest); ok {
			d.when, d.doubt, d.status = date.when, date.doubt, statusIn(date.words)
			return
		}
		if i < 0 {
			return
		}
		end = i
	}
}

// actions reads the list of links above the agenda: packs, printed minutes and
// supplements, which it returns.
func (rd *reader) actions(d *detail, mg *goquery.Selection) (late []supplement) {
	list := mg.Find(".mgLinks ul.mgActionList")
	links(list, "mgchoosedocpack.aspx", func(a *goquery.Selection, href string) {
		if query(href, "SID") == "" {
			d.agendaID, d.pack = rd.number(query(href, "ID")), true
			return
		}
		late = append(late, rd.supplement(a, query(href, "SID")))
	})
	list.Find("a[href]").Each(func(_ int, a *goquery.Selection) {
		href := a.AttrOr("href", "")
		m := rd.file.FindStringSubmatch(href)
		if m != nil && strings.EqualFold(m[1], "b") {
			late = append(late, rd.supplement(a, m[2]))
		}
		if m == nil || !strings.EqualFold(m[1], "g") {
			return
		}
		d.agendaID = m[2]
		switch typeOf(href) {
		case "1":
			d.minutes = true
		case "2":
			d.decided = true
		case "10":
			d.pack = true
		}
	})
	// These two links carry the meeting's number: the page of another meeting
	// must not be taken for this one's.
	links(list, "mgvcalendar.aspx", func(_ *goquery.Selection, href string) { d.id = rd.number(query(href, "EID")) })
	links(list, "mgmeetingattendance.aspx", func(_ *goquery.Selection, href string) { d.id = rd.number(query(href, "ID")) })
	return late
}

// A supplement is a link above the agenda to papers that came after it:
// "Supplement: Agenda Item 7 - Winter Plan", "Late Material".
type supplement struct{ id, title string }

func (rd *reader) supplement(a *goquery.Selection, id string) supplement {
	title := rd.bare(a)
	if kind, rest, ok := strings.Cut(title, ":"); ok && strings.EqualFold(strings.TrimSpace(kind), "supplement") {
		title = strings.TrimSpace(rest)
	}
	return supplement{id: rd.number(id), title: title}
}

// unclaimed are the supplements that no item of the agenda is about: their
// papers are linked nowhere else. It is never nil. The address follows that of
// the packs, where the number alone matters.
func unclaimed(late []supplement, parts []store.Part, base string) []store.Document {
	list, seen := []store.Document{}, map[string]bool{"": true}
	for _, s := range late {
		if seen[s.id] || s.title == "" || slices.ContainsFunc(parts, func(p store.Part) bool { return brings(s.title, p.Title) }) {
			continue
		}
		seen[s.id] = true
		list = append(list, store.Document{Key: "supplement/" + s.id, Title: s.title, Role: store.RoleSupplement,
			URL: fmt.Sprintf("%s/documents/b%s/Supplement.pdf?T=9", base, s.id)})
	}
	return list
}

// itemRow reads one row of the agenda.
func (rd *reader) itemRow(d *detail, tr *goquery.Selection, base string, late []supplement, seen map[string]bool) {
	cells := tr.ChildrenFiltered("td")
	content := cells.Last()
	id := ""
	cells.Find("a[name]").EachWithBreak(func(_ int, a *goquery.Selection) bool {
		if m := rd.itemRef.FindStringSubmatch(a.AttrOr("name", "")); m != nil {
			id = m[1]
		}
		return id == ""
	})
	heading := content.ChildrenFiltered("p.mgAiTitleTxt").First()
	part := store.Part{Key: "item/" + id, Title: rd.bare(heading)}
	if id == "" || part.Title == "" || seen[part.Key] {
		return
	}
	seen[part.Key] = true
	part.Number = strings.TrimSuffix(rd.line(tr.ChildrenFiltered("td.mgItemNumberCell").Text()), ".")
	if part.Number == "0" {
		part.Number = ""
	}
	for _, s := range late {
		part.Late = part.Late || brings(s.title, part.Title)
	}
	add := func(a *goquery.Selection) {
		if doc, ok := rd.docHTML(a, part, base); ok && !seen[doc.Key] {
			seen[doc.Key] = true
			d.docs = append(d.docs, doc)
		}
	}
	heading.Find("a[href]").Each(func(_ int, a *goquery.Selection) { add(a) })

	// Below the title come the text, then sections under small headings. Those
	// called Decision and Minutes name people and are not the agenda.
	section, text := "", []string{}
	heading.NextAll().Each(func(_ int, el *goquery.Selection) {
		switch {
		case el.HasClass("mgSubItemTitleTxt"):
			section = strings.ToLower(strings.TrimRight(rd.line(el.Text()), " :"))
		case section != "" && section != "additional documents":
		case el.Is("div.mgWordPara") && section == "":
			text = append(text, rd.plain(el))
		case el.Is("ul.mgBulletList"):
			el.ChildrenFiltered("li").ChildrenFiltered("a[href]").Each(func(_ int, a *goquery.Selection) { add(a) })
			fallthrough
		default:
			part.Restricted = part.Restricted || exempt(rd.line(el.Text()))
		}
	})
	part.Text = strings.TrimSpace(strings.Join(text, "\n"))
	d.parts = append(d.parts, part)
}

// docHTML is a report linked from the agenda. Its address is put together
// anew: links may carry a session, and only number and name matter.
func (rd *reader) docHTML(a *goquery.Selection, p store.Part, base string) (store.Document, bool) {
	m := rd.file.FindStringSubmatch(a.AttrOr("href", ""))
	if m == nil || !strings.EqualFold(m[1], "s") {
		return store.Document{}, false
	}
	name, err := url.PathUnescape(m[3])
	if err != nil || name == "" || strings.ContainsAny(name, "/\\") {
		name = "report.pdf" // the number alone identifies the file
	}
	title := rd.bare(a)
	if title == "" {
		title = p.Title
	}
	return store.Document{Key: "document/" + m[2], Role: store.RoleReport, Part: p.Key, Title: title,
		URL: fmt.Sprintf("%s/documents/s%s/%s", base, m[2], url.PathEscape(name))}, true
}

// brings tells whether a supplement of this title is about that agenda item:
// its own title, or "Agenda Item 7 - " before it.
func brings(supplement, title string) bool {
	supplement, title = strings.ToLower(supplement), strings.ToLower(title)
	if before, ok := strings.CutSuffix(supplement, title); ok {
		before = strings.TrimSpace(before)
		return before == "" || strings.HasPrefix(before, "agenda item") || strings.HasPrefix(before, "item")
	}
	return false
}

// exempt knows the words that stand where a restricted report would be.
// (General knowledge; no such page was recorded.)
func exempt(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "restricted enclosure") || strings.Contains(s, "reasons why document") && strings.Contains(s, "restricted")
}

// typeOf is the T of a pack's address: 0 front sheet, 1 printed minutes, 2
// decisions, 9 a supplement, 10 all public reports.
func typeOf(href string) string {
	_, q, _ := strings.Cut(href, "?")
	v, err := url.ParseQuery(q)
	if err != nil {
		return ""
	}
	return v.Get("T")
}

// span gives the first and last date of a page of meetings that can be read.
func (l listing) span() (first, last time.Time) {
	for _, r := range l.rows {
		if r.when.IsZero() {
			continue
		}
		if first.IsZero() || r.when.Before(first) {
			first = r.when
		}
		if r.when.After(last) {
			last = r.when
		}
	}
	return first, last
}
