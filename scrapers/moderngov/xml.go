package moderngov

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// The web service's answers. Numbers come padded, empty elements hold a line
// end, booleans are "True" and "False" and text is escaped twice, so every
// value is read as text. Attendees are not read at all: they are personal data.
type (
	xmlCommittees struct {
		Count      *string `xml:"committeescount"`
		Committees []struct {
			ID      string `xml:"committeeid"`
			Title   string `xml:"committeetitle"`
			Deleted string `xml:"committeedeleted"`
			Expired string `xml:"committeeexpired"`
		} `xml:"committee"`
	}

	xmlMeetings struct {
		Count      *string `xml:"meetingscount"`
		Committees []struct {
			ID       string `xml:"committeeid"`
			Title    string `xml:"committeetitle"`
			Meetings []struct {
				ID     string `xml:"meetingid"`
				Date   string `xml:"meetingdate"`
				Time   string `xml:"meetingtime"`
				Status string `xml:"meetingstatus"`
			} `xml:"committeemeetings>meeting"`
		} `xml:"committee"`
	}

	xmlMeeting struct {
		ID       string    `xml:"meetingid"`
		Date     string    `xml:"meetingdate"`
		Time     string    `xml:"meetingtime"`
		Status   string    `xml:"meetingstatus"`
		Location string    `xml:"meetinglocation"`
		AgendaID string    `xml:"agendaid"`
		Agenda   string    `xml:"agendapublished"`
		Minutes  string    `xml:"minutepublished"`
		Decided  string    `xml:"decisionpublished"`
		Items    []xmlItem `xml:"agendaitems>agendaitem"`
	}

	xmlItem struct {
		ID         string   `xml:"agendaitemid"`
		Title      string   `xml:"agendaitemtitle"`
		Text       string   `xml:"agendatext"` // HTML
		Number     string   `xml:"agendaitemnumber"`
		Shown      string   `xml:"fulldisplaynumberformat"`
		Restricted string   `xml:"isrestricted"`
		Allowed    string   `xml:"isdisplayallowed"`
		Docs       []xmlDoc `xml:"linkeddocuments>linkeddoc"`
	}

	xmlDoc struct {
		ID         string `xml:"attachmentid"`
		Title      string `xml:"title"`
		IsURL      string `xml:"isurl"` // a link elsewhere, not a file of the site
		URL        string `xml:"url"`
		Restricted string `xml:"isrestricted"`
		Decision   string `xml:"isdecisionattachment"`
		Published  string `xml:"publicationdate"`
	}
)

func isTrue(s string) bool  { return strings.EqualFold(strings.TrimSpace(s), "true") }
func isFalse(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "false") }

// decode reads an answer whose outermost element must be root. A page in
// HTML, an error or the answer to another question is an error, never an
// empty list.
func (rd *reader) decode(body []byte, root string, into any) error {
	d := xml.NewDecoder(bytes.NewReader(rd.cleanXML(body)))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the fetcher made it UTF-8
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return crawl.Errorf(store.ReasonFormat, "the web service answered without any XML, wanted <%s>", root)
		}
		if err != nil {
			return crawl.Errorf(store.ReasonFormat, "reading <%s>: %w", root, err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != root {
			return crawl.Errorf(store.ReasonFormat, "the web service answered with <%.40s>, wanted <%s>", start.Name.Local, root)
		}
		if err := d.DecodeElement(into, &start); err != nil {
			return crawl.Errorf(store.ReasonFormat, "reading <%s>: %w", root, err)
		}
		return nil
	}
}

// cleanXML drops what XML forbids and databases hold all the same: control
// characters, as such or as references.
func (rd *reader) cleanXML(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	body = bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, bytes.ToValidUTF8(body, []byte("\ufffd")))
	return rd.charRef.ReplaceAllFunc(body, func(ref []byte) []byte {
		digits, base := string(ref[2:len(ref)-1]), 10
		if digits[0] == 'x' || digits[0] == 'X' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil || n < ' ' && n != '\t' && n != '\n' && n != '\r' || n >= 0xd800 && n < 0xe000 || n == 0xfffe || n == 0xffff || n > 0x10ffff {
			return nil
		}
		return ref
	})
}

// committeesXML reads GetCommittees.
func (rd *reader) committeesXML(body []byte) ([]committee, error) {
	var x xmlCommittees
	if err := rd.decode(body, "committees", &x); err != nil {
		return nil, err
	}
	var list []committee
	for _, c := range x.Committees {
		if id := rd.number(c.ID); id != "" {
			list = append(list, committee{id: id, name: rd.twice(c.Title), gone: isTrue(c.Deleted) || isTrue(c.Expired)})
		}
	}
	if err := counted(x.Count, len(list), "committees"); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, crawl.Errorf(store.ReasonEmpty, "the web service lists no committees")
	}
	return list, nil
}

// meetingsXML reads GetMeetings; an empty list is a possible answer.
func (rd *reader) meetingsXML(body []byte) ([]row, error) {
	var x xmlMeetings
	if err := rd.decode(body, "getmeetings", &x); err != nil {
		return nil, err
	}
	rows, got := []row(nil), 0
	for _, c := range x.Committees {
		for _, m := range c.Meetings {
			got++
			r := row{id: rd.number(m.ID), committeeID: rd.number(c.ID), committee: rd.twice(c.Title), status: statusOf(rd.twice(m.Status))}
			if r.id == "" || r.committeeID == "" {
				return nil, crawl.Errorf(store.ReasonFormat, "meeting %q of committee %q has no number", m.ID, c.ID)
			}
			r.text = rd.line(m.Date + " " + m.Time)
			r.when, _ = rd.numeric(m.Date, m.Time)
			rows = append(rows, r)
		}
	}
	return rows, counted(x.Count, got, "meetings")
}

// counted compares a list with the number that stands above it.
func counted(stated *string, got int, what string) error {
	if stated == nil {
		return crawl.Errorf(store.ReasonFormat, "the list of %s does not say how long it is", what)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(*stated)); err != nil || n != got {
		return crawl.Errorf(store.ReasonTruncated, "the list announces %.20q %s and holds %d", *stated, what, got)
	}
	return nil
}

// meetingXML reads GetMeeting. base is the site's address, by which those of
// its files are known.
func (rd *reader) meetingXML(body []byte, base string) (detail, error) {
	var x xmlMeeting
	if err := rd.decode(body, "meeting", &x); err != nil {
		return detail{}, err
	}
	d := detail{id: rd.number(x.ID), agendaID: rd.number(x.AgendaID), venue: rd.venue(rd.twice(x.Location)), minutes: isTrue(x.Minutes), decided: isTrue(x.Decided)}
	if d.id == "" {
		return detail{}, crawl.Errorf(store.ReasonFormat, "the meeting has no number")
	}
	d.when, _ = rd.numeric(x.Date, x.Time)
	if s := rd.twice(x.Status); s != "" {
		d.status = statusOf(s)
	}
	// Of a cancelled meeting the service says that there is no agenda, and
	// still lists what was out; of a coming one it may list a draft.
	d.pack = isTrue(x.Agenda)
	if !d.pack && d.status != store.StatusCancelled {
		return d, nil
	}
	if err := rd.agendaXML(&d, x.Items, base); err != nil {
		return detail{}, err
	}
	d.agenda = d.pack || len(d.parts) > 0
	return d, nil
}

func (rd *reader) agendaXML(d *detail, items []xmlItem, base string) error {
	seen, day := map[string]bool{}, agendaDay(items)
	for _, x := range items {
		p := store.Part{Number: rd.twice(x.Shown), Title: rd.twice(x.Title), Restricted: isTrue(x.Restricted)}
		id := rd.number(x.ID)
		p.Key = "item/" + id
		if id == "" || p.Title == "" || isFalse(x.Allowed) || seen[p.Key] {
			continue
		}
		seen[p.Key] = true
		if p.Number == "" {
			p.Number = rd.line(x.Number)
		}
		if p.Number = strings.TrimSuffix(p.Number, "."); p.Number == "0" {
			p.Number = ""
		}
		var err error
		if p.Text, err = rd.fragment(x.Text); err != nil {
			return crawl.Errorf(store.ReasonFormat, "text of agenda item %s: %w", id, err)
		}
		late, public := 0, 0
		for i, doc := range x.Docs {
			p.Restricted = p.Restricted || isTrue(doc.Restricted)
			out, ok := rd.docXML(doc, p, i == 0, base)
			if !ok {
				continue
			}
			public++
			if t, err := time.Parse("02/01/2006", strings.TrimSpace(doc.Published)); err == nil && !day.IsZero() && t.After(day) {
				late++
			}
			if !seen[out.Key] {
				seen[out.Key] = true
				d.docs = append(d.docs, out)
			}
		}
		p.Late = public > 0 && late == public
		d.parts = append(d.parts, p)
	}
	return nil
}

// docXML is a linked file, if it is public and the site's own. The first of an
// item is called like the item, as the pages do.
func (rd *reader) docXML(x xmlDoc, p store.Part, first bool, base string) (store.Document, bool) {
	id := rd.number(x.ID)
	if id == "" || isTrue(x.IsURL) || isTrue(x.Restricted) || isTrue(x.Decision) {
		return store.Document{}, false
	}
	title := rd.twice(x.Title)
	if first || title == "" {
		title = p.Title
	}
	return store.Document{Key: "document/" + id, Role: store.RoleReport, Part: p.Key, Title: title, URL: rd.fileURL(base, id, x.URL)}, true
}

// fileURL is the address the service gives, if it is one of this site: some
// give a host or port of long ago.
func (rd *reader) fileURL(base, id, given string) string {
	given = strings.TrimSpace(given)
	if strings.HasPrefix(given, base+"/") && !rd.session.MatchString(given) {
		if u, err := url.Parse(given); err == nil && u.User == nil {
			return u.String()
		}
	}
	return fmt.Sprintf("%s/mgConvert2PDF.aspx?ID=%s", base, id)
}

// agendaDay is the day on which most of an agenda's reports came out, the
// first of several: a report may be older than its agenda (the minutes of the
// last meeting), and what is younger came as a supplement.
func agendaDay(items []xmlItem) time.Time {
	count := map[time.Time]int{}
	for _, x := range items {
		for _, d := range x.Docs {
			if t, err := time.Parse("02/01/2006", strings.TrimSpace(d.Published)); err == nil && !isTrue(d.Decision) {
				count[t]++
			}
		}
	}
	var day time.Time
	for t, n := range count {
		if best := count[day]; n > best || n == best && t.Before(day) {
			day = t
		}
	}
	return day
}

// venue is a venue without the full stop that the pages add.
func (rd *reader) venue(s string) string {
	return strings.TrimSpace(strings.TrimRight(rd.line(s), ". "))
}
