package moderngov

import (
	"fmt"
	"net/url"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// enough is the share of the meetings known in the window that one answer for
// all committees must show to be believed; with less, every committee is asked.
const enough = 0.7

func (s *site) service(method string, params ...string) string {
	q := ""
	for i := 0; i+1 < len(params); i += 2 {
		sep := "&"
		if i == 0 {
			sep = "?"
		}
		q += sep + params[i] + "=" + url.QueryEscape(params[i+1])
	}
	return s.base + "/mgWebService.asmx/" + method + q
}

const xmlType = "text/xml, application/xml;q=0.9"

// serviceCommittees begins the visit. Whatever is wrong with the web service,
// the pages are tried instead.
func (s *site) serviceCommittees() crawl.Request {
	return crawl.Request{
		URL: s.service("GetCommittees"), Accept: xmlType, Or: s.toPages,
		Parse: func(p *crawl.Page) error {
			all, err := s.committeesXML(p.Body)
			if err != nil {
				return err
			}
			if len(s.toAsk(all)) == 0 {
				return crawl.Errorf(store.ReasonEmpty, "none of the site's %d committees is one to follow", len(all))
			}
			p.Follow(s.serviceAll(s.toAsk(all)))
			return nil
		},
	}
}

func (s *site) toPages(error) []crawl.Request { return []crawl.Request{s.pageCommittees()} }

// serviceAll asks for the meetings of all committees at once. Committee 0
// means all of them at most sites; at some it gives nothing, or an error, and
// then they are asked one by one.
func (s *site) serviceAll(ask []committee) crawl.Request {
	one := s.serviceOne(ask, nil)
	return crawl.Request{
		URL: s.meetingsURL("0"), Accept: xmlType,
		Or: func(error) []crawl.Request { return []crawl.Request{one} },
		Parse: func(p *crawl.Page) error {
			rows, err := s.meetingsXML(p.Body)
			if err != nil {
				return err
			}
			rows = s.followed(rows)
			if n := s.inWindow(rows); n == 0 || float64(n) < enough*float64(len(s.known())) {
				p.Follow(one)
				return nil
			}
			s.finish(p, rows, s.from, s.serviceDetail)
			return nil
		},
	}
}

// serviceOne asks for the first committee's meetings, then for the next's. A
// failure leaves nothing behind: what was gathered is handed on at the end.
func (s *site) serviceOne(ask []committee, rows []row) crawl.Request {
	return crawl.Request{
		URL: s.meetingsURL(ask[0].id), Accept: xmlType, Or: s.toPages,
		Parse: func(p *crawl.Page) error {
			got, err := s.meetingsXML(p.Body)
			if err != nil {
				return err
			}
			all := append(rows[:len(rows):len(rows)], s.followed(got)...)
			switch {
			case len(ask) > 1:
				p.Follow(s.serviceOne(ask[1:], all))
			case s.inWindow(all) == 0:
				return crawl.Errorf(store.ReasonEmpty, "the web service knows committees and no meeting of any")
			default:
				s.finish(p, all, s.from, s.serviceDetail)
			}
			return nil
		},
	}
}

// meetingsURL asks for the list's window. The dates must be dd/mm/yyyy: a
// range in any other form is ignored, and even so the answer is checked again.
func (s *site) meetingsURL(committeeID string) string {
	return s.service("GetMeetings", "lCommitteeId", committeeID,
		"sFromDate", s.from.Format("02/01/2006"), "sToDate", s.to.Format("02/01/2006"))
}

func (s *site) followed(rows []row) []row {
	var list []row
	for _, r := range rows {
		if s.follows(r.committee) {
			list = append(list, r)
		}
	}
	return list
}

// inWindow counts meetings; a date that cannot be read counts.
func (s *site) inWindow(rows []row) int {
	n := 0
	for _, r := range rows {
		if r.when.IsZero() || !r.when.Before(s.from) && r.when.Before(s.to) {
			n++
		}
	}
	return n
}

// serviceDetail asks for one meeting, and for its page where that fails.
func (s *site) serviceDetail(r row) crawl.Request {
	return crawl.Request{
		URL: s.service("GetMeeting", "lMeetingId", r.id), Accept: xmlType, Detail: r.key(),
		Or: func(error) []crawl.Request { return []crawl.Request{s.pageDetail(r)} },
		Parse: func(p *crawl.Page) error {
			d, err := s.meetingXML(p.Body, s.base)
			if err != nil {
				return fmt.Errorf("meeting %s: %w", r.id, err)
			}
			return s.complete(p, r, d)
		},
	}
}
