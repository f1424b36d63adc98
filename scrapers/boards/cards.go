package boards

import (
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
)

// cardText is how much a card of an event says at most, in bytes.
const cardText = 600

// card reads a link that names a meeting of the board and whose day stands beside
// it, as on lists of events and news: the day is the only one of the part of the
// page that leads to this link alone. The day beside a post is mostly that on
// which it was written, at most today; so only a day after today makes a new
// meeting, and one that is known goes on.
func (s *site) card(v crawl.Visit, l link) (when date, title string, ok bool) {
	if s.file(l) || isWeb(l.url) && s.tidy.minutes.MatchString(l.text) || l.url.Host != s.root.Host || !s.tidy.eventPath.MatchString(l.url.Path) {
		return date{}, "", false
	}
	part := s.cardOf(l)
	if part == nil {
		return date{}, "", false
	}
	text := s.tidy.line(visible(part))
	title = s.tidy.trim(l.text)
	if !s.tidy.namesMeeting(title) {
		if title = s.tidy.line(visible(part.Find("h2, h3, h4, h5, h6").First())); !s.tidy.namesMeeting(title) {
			return date{}, "", false
		}
	}
	for _, d := range s.dates.find(text) {
		switch {
		case !d.full(), when.full() && !d.same(when), s.tidy.written.MatchString(text[max(0, d.start-40):d.start]):
			return date{}, "", false
		case !when.full():
			when = d
		}
	}
	if !when.full() {
		return date{}, "", false
	}
	_, known := v.Old.Items[s.key("meeting", l.url)]
	ahead := when.at(0, 0, s.loc).After(v.Now) && when.at(0, 0, s.loc).Sub(v.Now) < pagesAfter
	return when, title, known || ahead
}

// cardOf is the largest part of a page around a link that leads to no other page
// of the site and does not say much; nil where there is none.
func (s *site) cardOf(l link) (best *goquery.Selection) {
	for part := l.node.Parent(); part.Length() > 0 && !part.Is("body, html, main"); part = part.Parent() {
		if len(part.Text()) > 4*cardText || len(s.tidy.line(visible(part))) > cardText {
			return best
		}
		for _, a := range part.Find("a[href]").EachIter() {
			u, err := l.url.Parse(strings.TrimSpace(a.AttrOr("href", "")))
			if err != nil || strings.HasPrefix(strings.TrimSpace(a.AttrOr("href", "")), "#") || u.Scheme != l.url.Scheme || u.Host != l.url.Host || isFile(u) {
				continue
			}
			if strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(l.url.Path, "/") {
				return best
			}
		}
		best = part
	}
	return best
}

// linksCards tells a page with a card of a meeting.
func (s *site) linksCards(v crawl.Visit, p *crawl.Page, d *goquery.Document) bool {
	for _, a := range content(d).Find("a[href]").EachIter() {
		if l, ok := s.link(p, a); ok {
			if _, _, is := s.card(v, l); is {
				return true
			}
		}
	}
	return false
}

// A cardWords knows what a card says of a meeting.
type cardWords struct{ meets, isnt, written, eventPath, ofMeeting *regexp.Regexp }

func newCardWords() cardWords {
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	return cardWords{
		meets: re(`\b(?:boards?|governing body)\b.{0,60}\b(?:meetings?|in public|in common|of directors)\b|\b(?:meeting|public)\b.{0,40}\b(?:boards?|governing body)\b`),
		isnt: re(`\b(?:appoint\w*|joins?|joining|join|welcomes?|vacanc\w+|summary|highlights|round-?up|recap|papers?|minutes|recordings?|watch|contact|attend(?:ing)?|ask|questions?|register|book|email|` +
			`members?|apply|elections?|develops?|approves?|approved|agrees?|agreed|news|dates|calendar|archive|previous|past|about|development|seminar|private)\b`),
		written:   re(`\b(?:published|posted|updated|written|closes?|closing|deadline|by|until|since|from|last)\b[^.]{0,12}$`),
		eventPath: re(`event|meeting|board`),
		ofMeeting: re(`\b(?:boards?|meetings?|governing body|governors|agendas?|papers|packs?|minutes|in public|part (?:1|one|a))\b`),
	}
}

// namesMeeting tells a title that names a meeting of a board, its governors or
// members, and says nothing of it.
func (t tidier) namesMeeting(s string) bool {
	return len(s) <= 120 && (t.meets.MatchString(s) || t.apart(s) != "") && !t.isnt.MatchString(t.annual.ReplaceAllString(s, ""))
}
