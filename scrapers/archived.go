package scrapers

import (
	"fmt"
	"net/url"

	"ccgwatch/scrapers/crawl"
)

// archived makes the source of a row whose base is a capture: the row of the
// site as it was, read from the archive.
func archived(r Row, c crawl.Capture) (crawl.Source, error) {
	inner := r
	inner.Base, inner.Hosts = c.Of, nil
	src, err := Build(inner)
	if err != nil {
		return crawl.Source{}, err
	}
	if !src.Whole {
		return crawl.Source{}, fmt.Errorf("%s is read from its own service only, not from an archive of the web", r.Platform)
	}
	src = crawl.Archived(src, c)
	src.Hosts = r.Hosts
	return src, nil
}

// recogniseArchived says what a page was before it was captured; where it is
// found is the archive.
func recogniseArchived(p *crawl.Page, c crawl.Capture) []Guess {
	list := Recognise(p)
	for i := range list {
		list[i].Base = c.Base(list[i].Base)
		list[i].Why += ", in an archive of the web, " + c.String()
	}
	return list
}

// Apart takes an address apart as a row has it: base and page. Those of a
// capture are the base in the archive, and the page as it was called on its site.
func Apart(u *url.URL) (base, page string) {
	if c, ok := crawl.ParseCapture(u.String()); ok {
		if of, err := url.Parse(c.Of); err == nil {
			return c.Base(of.Scheme + "://" + of.Host), of.RequestURI()
		}
	}
	return u.Scheme + "://" + u.Host, u.RequestURI()
}
