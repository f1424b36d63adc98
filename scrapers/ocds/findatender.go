package ocds

import (
	"net/url"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

const (
	ftsLimit = 100
	// ftsFew releases or less in a window let the next one be twice as long.
	ftsFew = 30
	// ftsPace keeps to the documented 12 requests in 2 minutes, with a little to spare.
	ftsPace = 12 * time.Second
)

// FindATender is the feed of www.find-tender.service.gov.uk or a copy of it
// under base. A pace of 0 is one request in 12 seconds.
//
// links.next loses notices (its cursor counts another order than the page is
// sorted by) and stages= drops every notice under the Procurement Act, so
// neither is ever used: the feed is read in windows short enough for one page.
func FindATender(id, name, base string, pace time.Duration) crawl.Source {
	if pace == 0 {
		pace = ftsPace
	}
	f := feed{
		decoder: decoder{feed: feedFTS}, base: strings.TrimRight(base, "/"), limit: ftsLimit,
		start: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), firstLen: time.Hour, longestLen: 24 * time.Hour,
	}
	return crawl.Source{
		ID: id, Name: name, Platform: feedFTS, Base: base, Kind: store.KindNotice, Pace: pace,
		Plan: func(v crawl.Visit) []crawl.Request { return f.plan(v, walk.fts) },
	}
}

// plan begins the walk of a visit.
func (f feed) plan(v crawl.Visit, ask func(walk, time.Duration) crawl.Request) []crawl.Request {
	zone, err := london()
	if err != nil {
		return []crawl.Request{{URL: f.base, Parse: func(*crawl.Page) error { return err }}}
	}
	f.zone = zone
	from, to, ok := f.span(v)
	if !ok {
		return nil
	}
	w := f.newWalk(from, to, v.Backfill())
	w.audit = f.newAudit(v)
	if week := v.Now.UTC().Truncate(time.Second).Add(-lateness); w.audit.cross && !v.Backfill() && week.Before(from) {
		longer := f.newWalk(week, to, false)
		longer.regular, longer.audit = w.pos, w.audit
		w = longer
	}
	return []crawl.Request{ask(w, f.firstLen)}
}

// fts asks for one window of Find a Tender.
func (w walk) fts(length time.Duration) crawl.Request {
	end := w.until(length)
	from, to := w.bounds(end)
	address := w.base + "/api/1.0/ocdsReleasePackages?updatedFrom=" + from + "&updatedTo=" + to + "&limit=100"
	return crawl.Request{URL: address, Accept: "application/json", Parse: func(p *crawl.Page) error {
		pkg, err := openPage(p.Body)
		if err != nil {
			return err
		}
		full := pkg.next != "" || len(pkg.releases) >= w.limit
		if took := min(length, end.Sub(w.pos)); full && took > time.Second {
			p.Follow(w.fts(half(took)))
			return nil
		}
		if full {
			gap(p, from, to, "more notices in one second than the service gives out")
		}
		w = w.take(p, pkg.releases)
		p.Checkpoint(w.cursor(end))
		if !end.Before(w.end) {
			w.goOn(p)
			return nil
		}
		w.note(p)
		next := length
		if len(pkg.releases) <= ftsFew {
			next = min(2*length, w.longestLen)
		}
		w.pos = end
		p.Follow(w.fts(next))
		return nil
	}}
}

// half is half a length in whole seconds, one at least.
func half(d time.Duration) time.Duration { return max(d/2, time.Second).Truncate(time.Second) }

// sameHost resolves a link of a page if it stays on the page's host.
func sameHost(p *crawl.Page, link string) string {
	u, err := url.Parse(p.Abs(link))
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, p.URL.Host) {
		return ""
	}
	u.Scheme = p.URL.Scheme
	return u.String()
}
