package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A steadyTown is the sample's council, board and tender service with a programme
// that never ends: what is published a day is the same in every year. What is old
// drops off its lists, as it does on real sites. Beside these there are a feed of
// consultations and a page of notices. All depends on the time alone.
type steadyTown struct {
	*town
	start time.Time // a Monday; the weeks are counted from it
}

// when is a time of day so many days after the start, in London wall time.
func (s steadyTown) when(days, hour, minute int) time.Time {
	y, m, d := s.start.Date()
	return time.Date(y, m, d+days, hour, minute, 0, 0, s.start.Location())
}

// day is how many days of London lie between the start and a time.
func (s steadyTown) day(at time.Time) int {
	n := int(at.Sub(s.start).Hours() / 24)
	for s.when(n+1, 0, 0).Before(at) {
		n++
	}
	for s.when(n, 0, 0).After(at) {
		n--
	}
	return n
}

// programme is the council's: a meeting each Tuesday, shown from ten weeks before
// it until half a year after. Some are moved, some cancelled.
func (s steadyTown) programme(now time.Time) (out []townMeeting) {
	week := s.day(now) / 7
	for w := max(week-26, -3); w <= week+10; w++ {
		m := townMeeting{
			ID: 1000 + w, Committee: 12, Name: "Health and Care Scrutiny Committee", Venue: "Council Chamber, Vale Hall", now: now,
			First: s.when(7*w+1, 14, 0), Added: s.when(7*w-69, 11, 0), Agenda: s.when(7*w-6, 17, 0), Minutes: s.when(7*w+11, 10, 0),
		}
		if !m.past(m.Added) {
			continue
		}
		switch w % 10 {
		case 3:
			m.Moved, m.MovedTo = s.when(7*w-3, 11, 20), s.when(7*w+3, 18, 0)
		case 7:
			m.Cancelled = s.when(7*w-2, 9, 40)
		}
		for i, about := range []string{"Winter plan", "Re-procurement of the patient transport service"} {
			m.Reports = append(m.Reports, townReport{
				ID: 10*m.ID + i, Title: fmt.Sprintf("%s, paper %d", about, m.ID), Text: "To comment on the options.",
				Pages: [][]string{{"winter", "beds"}, {"transport", "reprocurement", "next"}}[i], From: m.Agenda,
			})
		}
		out = append(out, m)
	}
	return out
}

// boardPacks are those of a board that meets every fourth Thursday.
func (s steadyTown) boardPacks(now time.Time) (out []townPack) {
	at := s.day(now) / 28
	for k := at + 2; k >= max(at-6, -1); k-- {
		p := townPack{When: s.when(28*k+3, 9, 30), From: s.when(28*k-4, 16, 30)}
		if !now.Before(p.From) {
			p.Path = fmt.Sprintf("/uploads/board-pack-%d.pdf", k+100)
			p.Pages = []string{"cover", "interests", "performance", "finance", "insourcing", "waiver", "next"}
		}
		out = append(out, p)
	}
	return out
}

func (s steadyTown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sec, _ := strconv.ParseInt(r.Header.Get("X-At"), 10, 64)
	now := time.Unix(sec, 0).In(london())
	switch site, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); site {
	case "robots.txt":
		_, _ = io.WriteString(w, "User-agent: *\nDisallow: /icb/private/\n")
	case "tenders":
		s.notices(w, r, now)
	case "council":
		s.meetings(w, r, path, now)
	case "icb":
		s.packs(w, "/"+path, now)
	case "feed":
		s.feed(w, r, now)
	case "page":
		s.page(w, now)
	default:
		http.NotFound(w, r)
	}
}

func (s steadyTown) meetings(w http.ResponseWriter, r *http.Request, path string, now time.Time) {
	q, all := lowerKeys(r.URL.Query()), s.programme(now)
	id := q.Get("lmeetingid")
	service, method, _ := strings.Cut(path, "/")
	if service == "mgWebService.asmx" {
		var one *townMeeting
		for _, m := range all {
			if strconv.Itoa(m.ID) == id {
				one = &m
			}
		}
		s.show(w, "text/xml; charset=utf-8", method, map[string]any{"Base": "http://" + r.Host + "/council", "Meetings": all, "M": one})
		return
	}
	for _, m := range all {
		for _, x := range m.Shown() {
			if path == "mgConvert2PDF.aspx" && strconv.Itoa(x.ID) == q.Get("id") {
				s.pdf(w, x.Title, x.Pages)
				return
			}
		}
	}
	if strings.HasPrefix(path, "documents/g") {
		s.pdf(w, "Minutes "+path, []string{"minutes"})
		return
	}
	http.NotFound(w, r)
}

func (s steadyTown) packs(w http.ResponseWriter, path string, now time.Time) {
	all := s.boardPacks(now)
	for _, p := range all {
		if path == p.Path && p.Path != "" {
			s.pdf(w, "Board pack of "+p.When.Format("2 January 2006"), p.Pages)
			return
		}
	}
	s.show(w, "text/html; charset=utf-8", "board", map[string]any{"Packs": all, "Now": now, "Path": path})
}

// notices answers like Find a Tender: each day brings a tender at eleven, and an
// award at four for the tender of two months before.
func (s steadyTown) notices(w http.ResponseWriter, r *http.Request, now time.Time) {
	q := r.URL.Query()
	from, err1 := time.ParseInLocation("2006-01-02T15:04:05", q.Get("updatedFrom"), london())
	to, err2 := time.ParseInLocation("2006-01-02T15:04:05", q.Get("updatedTo"), london())
	if !strings.HasSuffix(r.URL.Path, "/api/1.0/ocdsReleasePackages") || err1 != nil || err2 != nil {
		http.NotFound(w, r)
		return
	}
	releases := []any{}
	add := func(at time.Time, of int, award bool) {
		if !at.Before(from) && !at.After(to) && !at.After(now) {
			releases = append(releases, s.notice(at, of, award))
		}
	}
	for d := s.day(from) - 1; d <= s.day(to)+1; d++ {
		add(s.when(d, 11, 0), d, false)
		add(s.when(d, 16, 0), d-60, true)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"version": "1.1", "publisher": map[string]string{"name": "A sample service"}, "releases": releases})
}

func (s steadyTown) notice(at time.Time, of int, award bool) map[string]any {
	type object = map[string]any
	service := []string{"Community audiology", "Patient transport", "Endoscopy", "Talking therapies", "Ward cleaning", "Podiatry", "Out of hours"}[(of+7000)%7]
	ocid := fmt.Sprintf("ocds-h6vhtk-%06x", 0x0a0000+of+7000)
	buyer := object{"id": "GB-PPON-AAAA-0001-ICBX", "name": "NHS Mercia Vale Integrated Care Board"}
	parties := []any{object{"id": buyer["id"], "name": buyer["name"], "roles": []string{"buyer"}, "identifier": object{"scheme": "GB-PPON", "id": "AAAA-0001-ICBX", "legalName": buyer["name"]}}}
	tender := object{
		"id": ocid, "title": fmt.Sprintf("%s service, lot %d", service, of+7000), "description": service + " for adults in Mercia Vale.", "status": "active",
		"items":        []any{object{"id": "1", "additionalClassifications": []any{object{"scheme": "CPV", "id": "85121240", "description": "ENT or audiologist services"}}, "relatedLot": "1"}},
		"tenderPeriod": object{"endDate": s.when(of+30, 12, 0).Format(time.RFC3339)}, "procurementMethod": "open", "mainProcurementCategory": "services",
	}
	out := object{"ocid": ocid, "id": fmt.Sprintf("%06d-%d", 10000+of+7000, at.Year()), "date": at.Format(time.RFC3339), "tag": []string{"tender"}, "initiationType": "tender", "language": "en", "buyer": buyer, "tender": tender}
	if award {
		supplier := object{"id": "GB-COH-0123456" + strconv.Itoa((of+7000)%5), "name": fmt.Sprintf("Example Care %d Limited", (of+7000)%5)}
		parties = append(parties, object{"id": supplier["id"], "name": supplier["name"], "roles": []string{"supplier"}})
		out["id"], out["tag"] = fmt.Sprintf("%06d-%d", 30000+of+7000, at.Year()), []string{"award"}
		tender["status"] = "complete"
		out["awards"] = []any{object{"id": "1", "title": tender["title"], "status": "pending", "suppliers": []any{supplier}, "value": object{"amount": 100000 + of, "currency": "GBP"}}}
	}
	out["parties"] = parties
	return out
}

// feed has the consultations of the last three weeks, one a day.
func (s steadyTown) feed(w http.ResponseWriter, r *http.Request, now time.Time) {
	w.Header().Set("Content-Type", "application/atom+xml")
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Consultations</title><id>urn:f</id><updated>2026-08-01T00:00:00Z</updated>`)
	for d := s.day(now); d > s.day(now)-21; d-- {
		if at := s.when(d, 9, 0); !at.After(now) {
			_, _ = fmt.Fprintf(w, `<entry><id>tag:entry-%d.</id><title>Consultation %d on the ward</title><link href="http://%s/feed/c/%d"/><published>%s</published></entry>`, d, d, html.EscapeString(r.Host), d, at.Format(time.RFC3339))
		}
	}
	_, _ = io.WriteString(w, "</feed>")
}

// page has the notices of the last ten days.
func (s steadyTown) page(w http.ResponseWriter, now time.Time) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<html><head><title>Notices</title></head><body><main><h1>Notices</h1><p>What the council means to buy, and by when it wants to hear from those who would sell it.</p>")
	for d := s.day(now); d > s.day(now)-10; d-- {
		if !s.when(d, 6, 0).After(now) {
			_, _ = fmt.Fprintf(w, "<h2>Notice %d</h2><p>The service number %d is looked at again, and views are welcome.</p>", d+7000, d+7000)
		}
	}
	_, _ = io.WriteString(w, "</main></body></html>")
}
