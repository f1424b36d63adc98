package moderngov

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html/charset"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// toFeed is the last resort: where neither the web service nor the pages can be
// read, the site's list of news may still be. It is short and says only that
// something came out, so that it is a hint and no list: the source stays as
// failing as it is.
func (s *site) toFeed(err error) []crawl.Request {
	if crawl.ReasonOf(err) == store.ReasonStalled || len(s.old) == 0 || s.baseline.IsZero() {
		return nil // the site does not answer at all, or nothing is known that a hint could be of
	}
	return []crawl.Request{{URL: s.base + "/mgRss.aspx", Accept: "application/rss+xml, text/xml;q=0.9", Hint: err, Parse: s.feed}}
}

// feed reads RSS 2.0. Some sites answer a page instead, whatever the type says.
func (s *site) feed(p *crawl.Page) error {
	var doc struct {
		XMLName xml.Name
		Items   []struct {
			Title string `xml:"title"`
			Link  string `xml:"link"`
			Date  string `xml:"pubDate"`
		} `xml:"channel>item"`
	}
	d := xml.NewDecoder(bytes.NewReader(p.Body))
	d.CharsetReader = charset.NewReaderLabel
	if err := d.Decode(&doc); err != nil || doc.XMLName.Local != "rss" {
		return crawl.Errorf(store.ReasonFormat, "the site's news are no RSS")
	}
	told := map[string]bool{}
	for _, x := range doc.Items {
		// What came out before the site was first read, or nobody knows when, is no
		// news: the list of meetings does not go back that far.
		if at, ok := newsDate(x.Date); !ok || !at.After(s.baseline) {
			continue
		}
		if it, ok := s.told(s.twice(x.Title), strings.TrimSpace(x.Link)); ok && !told[it.Key] {
			told[it.Key] = true // the newest word on each
			p.Add(it)
		}
	}
	return nil
}

// newsDate reads the date of a line of news (RSS 2.0: RFC 822, here with four
// digits to the year).
func newsDate(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC1123, time.RFC1123Z, "02 Jan 2006 15:04:05 MST", "02 Jan 2006 15:04:05 -0700"} {
		if at, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// told makes a stub of a line such as "Agenda published: Meeting of Monday, 12th
// October, 2026 6.30 pm, Health Scrutiny Committee".
func (s *site) told(title, link string) (store.Item, bool) {
	u, err := url.Parse(link)
	if err != nil || !strings.HasSuffix(strings.ToLower(u.Path), "/ielistdocuments.aspx") {
		return store.Item{}, false
	}
	r := row{id: s.number(query(link, "MId", "MeetingId")), committeeID: s.number(query(link, "CId", "CommitteeId"))}
	old, known := s.old[r.key()]
	what, rest, _ := strings.Cut(title, ": ")
	what = strings.ToLower(what)
	for _, lead := range []string{"meeting of ", "meeting on "} {
		if len(rest) > len(lead) && strings.EqualFold(rest[:len(lead)], lead) {
			rest = rest[len(lead):]
		}
	}
	if d, ok := s.parse(rest); ok {
		r.when = d.when
		var name []string
		for _, w := range d.words {
			switch strings.ToLower(w) {
			case "new", "reconvened":
			case "cancelled", "canceled":
				r.status = store.StatusCancelled
			default:
				name = append(name, w)
			}
		}
		r.committee = strings.Join(name, ", ")
	}
	if known { // what is known of it is surer than a line of news
		r.committee = old.Fields[store.FieldCommittee]
		if r.status == "" {
			r.status = old.Fields[store.FieldStatus]
		}
		if r.when.IsZero() || r.when.Equal(midnight(r.when)) {
			r.when = old.When()
		}
	}
	if r.status == "" {
		r.status = store.StatusConfirmed
	}
	if r.id == "" || r.committee == "" || r.when.IsZero() || !s.follows(r.committee) || !known && r.committeeID == "" {
		return store.Item{}, false
	}
	it := s.stub(r)
	if known {
		it.URL = old.URL
	}
	switch {
	case strings.HasPrefix(what, "agenda published"):
		it.Fields[store.FieldAgenda] = store.Published
	case strings.HasPrefix(what, "minutes published"):
		it.Fields[store.FieldMinutes] = store.Published
	}
	return it, true
}

// midnight stands for a day whose hour is not said.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}
