package ocds

import (
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const (
	cfLimit = 100
	cfPace  = 5 * time.Second
	// cfForbidden is how long the service wants no request after a 403, its
	// way of saying "too many".
	cfForbidden = 5 * time.Minute
	// cfPages bounds the pages of one window.
	cfPages = 300
	// cfShortest is the shortest window worth trying when paging fails.
	cfShortest = time.Hour
)

// ContractsFinder is the feed of www.contractsfinder.service.gov.uk or a copy
// of it under base. A pace of 0 is one request in 5 seconds.
//
// Ranges of more than some weeks lose their beginning, so it is read in windows
// of 15 days. Within one, links.next is right; it lists the newest first, so a
// window is complete only with its last page.
func ContractsFinder(id, name, base string, pace time.Duration) crawl.Source {
	if pace == 0 {
		pace = cfPace
	}
	f := feed{
		decoder: decoder{feed: feedCF}, base: strings.TrimRight(base, "/"), limit: cfLimit,
		start: time.Date(2014, 12, 1, 0, 0, 0, 0, time.UTC), firstLen: 15 * 24 * time.Hour, longestLen: 15 * 24 * time.Hour, again: true,
	}
	return crawl.Source{
		ID: id, Name: name, Platform: feedCF, Base: base, Kind: store.KindNotice, Pace: pace, ForbiddenWait: cfForbidden,
		Plan: func(v crawl.Visit) []crawl.Request { return f.plan(v, walk.cf) },
	}
}

// cf asks for the first page of a window of Contracts Finder. It begins an
// hour early: whether the service takes the times for London's or for UTC
// then makes no difference.
func (w walk) cf(length time.Duration) crawl.Request {
	end := w.until(length)
	early := w
	early.pos = w.pos.Add(-time.Hour)
	from, to := early.bounds(end)
	address := w.base + "/Published/Notices/OCDS/Search?publishedFrom=" + from + "&publishedTo=" + to + "&limit=100"
	return w.cfPage(address, length, end, nil)
}

// cfPage asks for one page; asked are the window's pages before it.
func (w walk) cfPage(address string, length time.Duration, end time.Time, asked []string) crawl.Request {
	return crawl.Request{URL: address, Accept: "application/json", Parse: func(p *crawl.Page) error {
		pkg, err := openPage(p.Body)
		if err != nil {
			return err
		}
		w = w.take(p, pkg.releases)
		asked := append(asked[:len(asked):len(asked)], address)
		next, why := "", ""
		if pkg.next != "" {
			next, why = nextPage(p, pkg.next, asked)
		} else if len(pkg.releases) >= w.limit {
			why = "a full page and no next one"
		}
		took := min(length, end.Sub(w.pos))
		switch {
		case why != "" && w.pos.Before(w.regular):
			p.Problem(store.ReasonGap, "the notices of the last week, a second time", why)
			w = w.regularly()
			w.note(p)
			p.Follow(w.cf(w.firstLen))
			return nil
		case next != "":
			p.Follow(w.cfPage(next, length, end, asked))
			return nil
		case why != "" && took > cfShortest:
			p.Follow(w.cf(half(took)))
			return nil
		case why != "":
			from, to := w.bounds(end)
			gap(p, from, to, why)
		}
		p.Checkpoint(w.cursor(end))
		if end.Before(w.end) {
			w.pos = end
			p.Follow(w.cf(min(2*length, w.longestLen)))
			return nil
		}
		if w.audit.cross {
			w.native(p)
			return nil
		}
		w.goOn(p)
		return nil
	}}
}

// regularly gives up the second look at the last week: where pages cannot be
// followed, reading it in pieces would be hundreds of requests, every day.
func (w walk) regularly() walk {
	w.pos, w.begun, w.audit.cross, w.audit.ids = w.regular, w.regular, false, nil
	w.audit.notes = w.audit.notes.clone()
	w.audit.notes.CrossNext = w.audit.now.Add(crossAgain)
	return w
}

// nextPage is the address of the next page, or why it cannot be followed.
func nextPage(p *crawl.Page, link string, asked []string) (next, why string) {
	next = sameHost(p, link)
	if next == "" {
		return "", "the next page is said to be elsewhere: " + quoted(link)
	}
	for _, a := range asked {
		if a == next {
			return "", "the pages lead round in a circle"
		}
	}
	if len(asked) >= cfPages {
		return "", "more pages than can be believed"
	}
	return next, ""
}
