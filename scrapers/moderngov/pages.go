package moderngov

import (
	"errors"
	"slices"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// mostPages is how many pages of one committee's list are read in either
// direction; 15 meetings a page, so it is reached by a loop only.
const mostPages = 40

const htmlType = "text/html"

// pageCommittees begins the second way.
func (s *site) pageCommittees() crawl.Request {
	parse := func(p *crawl.Page) error {
		all, err := s.committeesHTML(p)
		if err != nil {
			return err
		}
		ask := s.toAsk(all)
		if len(ask) == 0 {
			return crawl.Errorf(store.ReasonEmpty, "none of the site's %d committees is one to follow", len(all))
		}
		// The gone ones first: where one turns out to have no page any more,
		// there is a next one to go on with.
		slices.SortStableFunc(ask, func(a, b committee) int {
			switch {
			case a.gone == b.gone:
				return 0
			case a.gone:
				return -1
			}
			return 1
		})
		s.next(p, walk{todo: ask, from: s.from})
		return nil
	}
	return crawl.Request{
		URL: s.base + "/mgListCommittees.aspx?bcr=1", Accept: htmlType, Parse: parse,
		Or: func(error) []crawl.Request {
			return []crawl.Request{{URL: s.base + "/mgCommitteeStructure.aspx", Accept: htmlType, Parse: parse, Or: s.toFeed}}
		},
	}
}

// walk is how far the reading of the committees' lists has come.
type walk struct {
	todo []committee // the first is being read
	rows []row
	from time.Time // since when every list was read without a gap
}

// next turns to the next committee, or to the details when all are read.
func (s *site) next(p *crawl.Page, w walk) {
	if len(w.todo) == 0 {
		s.finish(p, w.rows, w.from, s.pageDetail)
		return
	}
	p.Follow(s.pageList(w))
}

// pageList asks for the first page of a committee's meetings, the newest.
func (s *site) pageList(w walk) crawl.Request {
	c := w.todo[0]
	r := crawl.Request{URL: s.base + "/ieListMeetings.aspx?CommitteeId=" + c.id, Accept: htmlType}
	r.Parse = func(p *crawl.Page) error {
		l, err := s.meetingsHTML(p, c)
		if err != nil {
			return err
		}
		s.onward(p, w, l, step{act: "earlier", later: l.later, d: l.earlier})
		return nil
	}
	r.Or = s.toFeed
	if c.gone {
		// Asked only because meetings of it were known. That its page is gone is
		// an answer; that the site did not answer is none.
		again := r
		r.Or = func(err error) []crawl.Request {
			var e *crawl.Error
			if !errors.As(err, &e) || e.Reason != store.ReasonMissing && e.Reason != store.ReasonFormat || len(w.todo) == 1 {
				return []crawl.Request{again}
			}
			return []crawl.Request{s.pageList(walk{todo: w.todo[1:], rows: w.rows, from: w.from})}
		}
	}
	return r
}

// A step is the next page of one committee's list.
type step struct {
	act   string // earlier or later
	d     string // D of that page's address, "" when there is none
	later string // where to go on when there is no earlier one
	page  int
}

// onward takes over a page's meetings and decides what comes next: earlier
// pages until the window is covered, then later ones until they bring nothing.
func (s *site) onward(p *crawl.Page, w walk, l listing, st step) {
	fresh := l.rows
	if st.page > 0 {
		fresh = unseen(w.rows, l.rows)
	}
	w.rows = append(w.rows[:len(w.rows):len(w.rows)], fresh...)
	first, last := l.span()
	if st.act == "earlier" {
		covered := len(l.rows) == 0 || st.d == "" || !first.IsZero() && first.Before(s.from)
		stuck := len(l.rows) > 0 && (len(fresh) == 0 || st.page >= mostPages)
		if !covered && !stuck {
			p.Follow(s.pageTurn(w, st))
			return
		}
		if !covered && first.After(w.from) {
			p.Problem(store.ReasonFormat, "earlier meetings of the "+w.todo[0].name, "the pages repeat themselves")
			w.from = first // before that, absence says nothing
		}
		st = step{act: "later", d: st.later}
	} else if len(fresh) == 0 || st.page >= mostPages || !last.Before(s.to) {
		st.d = ""
	}
	if st.d != "" {
		p.Follow(s.pageTurn(w, st))
		return
	}
	w.todo = w.todo[1:]
	s.next(p, w)
}

// pageTurn asks for a further page.
func (s *site) pageTurn(w walk, st step) crawl.Request {
	c := w.todo[0]
	return crawl.Request{
		URL:    s.base + "/ieListMeetings.aspx?Act=" + st.act + "&CId=" + c.id + "&D=" + st.d + "&MD=ielistmeetings",
		Accept: htmlType,
		Parse: func(p *crawl.Page) error {
			l, err := s.meetingsHTML(p, c)
			if err != nil {
				return err
			}
			on := step{act: st.act, later: st.later, page: st.page + 1}
			if on.d = l.earlier; st.act == "later" {
				on.d = l.later
			}
			if on.d == st.d {
				on.d = ""
			}
			s.onward(p, w, l, on)
			return nil
		},
	}
}

func unseen(known, rows []row) []row {
	have := map[string]bool{}
	for _, r := range known {
		have[r.id] = true
	}
	var list []row
	for _, r := range rows {
		if !have[r.id] {
			list = append(list, r)
		}
	}
	return list
}

// pageDetail asks for one meeting's page.
func (s *site) pageDetail(r row) crawl.Request {
	return crawl.Request{
		URL: s.address(r), Accept: htmlType, Detail: r.key(),
		Parse: func(p *crawl.Page) error {
			d, err := s.meetingHTML(p, s.base)
			if err != nil {
				return err
			}
			return s.complete(p, r, d)
		},
	}
}
