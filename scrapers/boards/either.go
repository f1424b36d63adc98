package boards

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// either reads a page whose layout nobody named: what it lists itself, and the
// pages of years that it leads to. Many pages are of two kinds at once: papers
// below headings and a link to the next meeting, or a few papers of their own and
// a page for each year. What one kind lists must not hide what the other does.
func (s *site) either(v crawl.Visit, p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	folders, papers := s.folders(p, d)
	if err := s.leaf(v, p, len(v.Old.Items) == 0); err != nil {
		return err
	}
	for _, u := range s.recent(v, folders, papers == 0) {
		p.Follow(s.list(v, u, func(v crawl.Visit, p *crawl.Page) error { return s.leaf(v, p, s.fresh(v, p)) }))
	}
	return nil
}

// folders are the pages of years that a page links, by year, and the number of
// papers that it links itself.
func (s *site) folders(p *crawl.Page, d *goquery.Document) (years map[int]*url.URL, papers int) {
	years = map[int]*url.URL{}
	for _, a := range content(d).Find("a[href]").EachIter() {
		l, ok := s.link(p, a)
		switch {
		case !ok:
		case s.isPaper(p, l):
			papers++
		case l.url.Host == s.root.Host && !s.file(l):
			if _, _, dated := s.dated(l.text); dated {
				continue // a meeting
			}
			if n := s.tidy.folder(l.text); n > 0 && years[n] == nil {
				years[n] = l.url
			}
		}
	}
	return years, papers
}

// recent are the folders that are read, the newest first. Beside papers of the
// page's own only this year's and last year's count: an older one is an archive.
func (s *site) recent(v crawl.Visit, folders map[int]*url.URL, alone bool) (list []*url.URL) {
	years := slices.Sorted(maps.Keys(folders))
	slices.Reverse(years)
	switch now := v.Now.In(s.loc).Year(); {
	case v.Backfill(): // 2021/22 is the folder of 2021, or of 2022
		years = slices.DeleteFunc(years, func(n int) bool { return n < v.Since.In(s.loc).Year()-1 })
	case !alone:
		years = slices.DeleteFunc(years, func(n int) bool { return n < now-1 || n > now+1 })
		fallthrough
	default:
		years = years[:min(len(years), yearFolders)]
	}
	for _, n := range years {
		list = append(list, folders[n])
	}
	return list
}

// leaf reads one page as what it looks like, if it is read for the first time.
// What was once read stays as it was read, so that a page that lost its links does
// not turn into another layout.
func (s *site) leaf(v crawl.Visit, p *crawl.Page, first bool) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	here, hop, rows := s.key("meeting", p.URL)+"#", false, first
	for key, it := range v.Old.Items {
		switch {
		case it.Kind != store.KindMeeting, strings.HasPrefix(key, scheduleKey):
		case strings.HasPrefix(key, here):
			return s.table(v, p)
		case strings.Contains(key, "#"):
			rows = true
		default:
			hop = true
		}
	}
	if rows && s.looksTabled(d) && (first || !s.linksKnownPapers(v, p, d)) {
		return s.table(v, p)
	}
	if hop || s.linksMeetings(v, p, d) || s.linksCards(v, p, d) { // which reads all papers, too
		return s.twoHop(v, p)
	}
	return s.accordion(v, p)
}

// linksKnownPapers tells a page that was read as a list of papers, whatever the
// page of another year was read as.
func (s *site) linksKnownPapers(v crawl.Visit, p *crawl.Page, d *goquery.Document) bool {
	for _, a := range content(d).Find("a[href]").EachIter() {
		if l, ok := s.link(p, a); ok {
			if it, known := v.Old.Items[s.key("document", l.url)]; known && it.Kind == store.KindPaper {
				return true
			}
		}
	}
	return false
}

// fresh tells a page of which nothing is known yet.
func (s *site) fresh(v crawl.Visit, p *crawl.Page) bool {
	d, err := p.HTML()
	if err != nil {
		return false
	}
	for _, a := range content(d).Find("a[href]").EachIter() {
		if l, ok := s.link(p, a); ok {
			if _, known := v.Old.Items[s.key("document", l.url)]; known {
				return false
			}
			if _, known := v.Old.Items[s.key("meeting", l.url)]; known {
				return false
			}
		}
	}
	return true
}

// linksMeetings tells a page with a dated link to another page of the site.
func (s *site) linksMeetings(v crawl.Visit, p *crawl.Page, d *goquery.Document) bool {
	papers := s.linksKnownPapers(v, p, d)
	for _, a := range content(d).Find("a[href]").EachIter() {
		l, ok := s.link(p, a)
		if !ok || l.url.Host != s.root.Host || s.file(l) {
			continue
		}
		if _, title, dated := s.dated(l.text); dated && (!papers || !s.foreign(v, l, title)) {
			return true
		}
	}
	return false
}

// foreign tells a dated link that speaks of no meeting, neither by its words nor by
// its address: on a page that was read as a list of papers it is one to news.
func (s *site) foreign(v crawl.Visit, l link, title string) bool {
	_, known := v.Old.Items[s.key("meeting", l.url)]
	return !known && title != s.Title && s.tidy.apart(l.text) == "" && !s.tidy.ofMeeting.MatchString(l.text) && !s.tidy.eventPath.MatchString(l.url.Path)
}
