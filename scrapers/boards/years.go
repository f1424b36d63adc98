package boards

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// again is how often a page is asked for a second time that came as half a page
// or as an error with status 200.
const again = 2

// A parser reads a page of the site.
type parser func(crawl.Visit, *crawl.Page) error

// list asks for a page of papers. What stands in its place is refused by what
// it is; a page whose address holds a year leads on to those of later years.
func (s *site) list(v crawl.Visit, page *url.URL, parse parser) crawl.Request {
	r := crawl.Request{URL: page.String(), Accept: "text/html", Parse: func(p *crawl.Page) error {
		if err := sound(p); err != nil {
			return err
		}
		later, err := s.laterYears(p, page)
		if err != nil {
			return err
		}
		if err := parse(v, p); err != nil {
			return err
		}
		for _, u := range later {
			p.Follow(s.list(v, u, parse))
		}
		return nil
	}}
	if pattern, _ := yearPattern(page); pattern != nil {
		r.Or = func(err error) []crawl.Request { return s.refind(v, page, parse, err) }
	}
	return crawl.Again(r, again)
}

// sound refuses a page that stands where another should, and half a page.
func sound(p *crawl.Page) error {
	if err := p.StandIn(); err != nil {
		return err
	}
	return p.Ends()
}

// yearPattern is the path of a page whose address holds a year ("/2026-board-papers",
// "/papers/2025-26/") with any year in its place, and that year. nil: it holds none.
func yearPattern(page *url.URL) (*regexp.Regexp, int) {
	year := regexp.MustCompile(`(^|[^0-9])(20\d\d)((?:[-_/]|-to-)(?:20)?\d\d)?($|[^0-9])`)
	m := year.FindStringSubmatchIndex(page.Path)
	if m == nil {
		return nil, 0
	}
	n, _ := strconv.Atoi(page.Path[m[4]:m[5]])
	end := m[5]
	second := ""
	if m[6] >= 0 {
		end, second = m[7], `(?:[-_/]|-to-)(?:20)?\d\d`
	}
	tail := strings.TrimSuffix(page.Path[end:], "/")
	return regexp.MustCompile(`(?i)^` + regexp.QuoteMeta(page.Path[:m[4]]) + `(20\d\d)` + second + regexp.QuoteMeta(tail) + `/?$`), n
}

// laterYears are the pages of later years that a page links, menus included,
// if the pages differ by the year in their address alone.
func (s *site) laterYears(p *crawl.Page, page *url.URL) (list []*url.URL, err error) {
	pattern, year := yearPattern(page)
	if pattern == nil {
		return nil, nil
	}
	list, err = s.yearLinks(p, pattern, year+1)
	return list, err
}

func (s *site) yearLinks(p *crawl.Page, pattern *regexp.Regexp, from int) (list []*url.URL, err error) {
	d, err := p.HTML()
	if err != nil {
		return nil, err
	}
	seen := map[int]*url.URL{}
	for _, a := range d.Find("a[href]").EachIter() {
		u, err := url.Parse(p.Abs(a.AttrOr("href", "")))
		if err != nil || u.Host != s.root.Host {
			continue
		}
		if m := pattern.FindStringSubmatch(u.Path); m != nil {
			if n, _ := strconv.Atoi(m[1]); n >= from {
				seen[n] = u
			}
		}
	}
	for _, n := range sortedKeys(seen) {
		list = append(list, seen[n])
	}
	return list[:min(len(list), 1)], nil // each leads on to the next
}

func sortedKeys(m map[int]*url.URL) []int {
	var list []int
	for n := range m {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// refind looks for the page of a year whose address is no longer there: on the
// page above it, which lists the years.
func (s *site) refind(v crawl.Visit, page *url.URL, parse parser, err error) []crawl.Request {
	if crawl.ReasonOf(err) != store.ReasonMissing {
		return nil
	}
	pattern, year := yearPattern(page)
	above := *page
	path := strings.TrimSuffix(page.Path, "/")
	above.Path = path[:strings.LastIndexByte(path, '/')+1]
	above.RawPath, above.RawQuery = "", ""
	if above.Path == page.Path || !strings.HasPrefix(above.String(), strings.TrimSuffix(s.root.String(), "/")) {
		return nil
	}
	return []crawl.Request{crawl.Again(crawl.Request{URL: above.String(), Accept: "text/html", Parse: func(p *crawl.Page) error {
		if err := sound(p); err != nil {
			return err
		}
		list, e := s.yearLinks(p, pattern, max(year, v.Now.In(s.loc).Year()-1))
		if e != nil {
			return e
		}
		list = slices.DeleteFunc(list, func(u *url.URL) bool { return strings.TrimSuffix(u.Path, "/") == path })
		if len(list) == 0 {
			return crawl.Errorf(store.ReasonMissing, "the page of %d is gone, and %s links none of another year: %w", year, above.Path, err)
		}
		for _, u := range list {
			p.Follow(s.list(v, u, parse))
		}
		return nil
	}}, again)}
}

// yearFolders is how many folders of a list of years are read, the newest first.
const yearFolders = 2

// years reads a page that leads to one page a year; papers on it count too.
// Of old years nothing is said.
func (s *site) years(v crawl.Visit, p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	folders := map[int]*url.URL{}
	for _, a := range content(d).Find("a[href]").EachIter() {
		l, ok := s.link(p, a)
		if !ok || l.url.Host != s.root.Host || s.file(l) {
			continue
		}
		if _, _, dated := s.dated(l.text); dated {
			continue // a meeting
		}
		if n := s.tidy.folder(l.text); n > 0 {
			if folders[n] == nil {
				folders[n] = l.url
			}
		}
	}
	all := sortedKeys(folders)
	slices.Reverse(all)
	if len(all) == 0 {
		return crawl.Errorf(store.ReasonFormat, "the page links no page of a year")
	}
	if err := s.accordion(v, p); err != nil {
		return err
	}
	recent := all[:min(len(all), yearFolders)]
	if v.Backfill() { // 2021/22 is the folder of 2021, or of 2022
		recent = slices.DeleteFunc(all, func(n int) bool { return n < v.Since.In(s.loc).Year()-1 })
	}
	for _, n := range recent {
		p.Follow(s.list(v, folders[n], s.accordion))
	}
	return nil
}
