package mail

import "strings"

// A sheet is written once and comes out twice: as text and as HTML.
type sheet struct {
	text, html strings.Builder
	list       bool // an HTML list is open
	several    bool // headings stand below those of a part
}

// A bit is a run of words; with an href it is a link.
type bit struct {
	words  string // clean
	href   string // safe: of ours, or of sourceOf
	strong bool
	quoted bool // scraped words: kept apart from the direction of ours
}

func say(s string) bit    { return bit{words: s} }
func quoted(s string) bit { return bit{words: s, quoted: true} }

// title is scraped and strong.
func title(s string) bit { return bit{words: s, strong: true, quoted: true} }

func (s *sheet) bits(bs []bit) {
	for _, b := range bs {
		h := escapeHTML(b.words)
		if b.quoted {
			h = "<bdi>" + h + "</bdi>"
		}
		if b.strong {
			h = "<strong>" + h + "</strong>"
		}
		if b.href != "" {
			h = `<a href="` + escapeAttr(b.href) + `" style="color:#0b3d78">` + h + "</a>"
		}
		s.html.WriteString(h)
		switch {
		case strings.HasPrefix(b.href, "http"):
			s.text.WriteString(b.href)
		default:
			s.text.WriteString(defuse(b.words))
		}
	}
}

func (s *sheet) endList() {
	if s.list {
		s.html.WriteString("</ul>\n")
		s.list = false
	}
}

// heading begins a section.
func (s *sheet) heading(words string) {
	s.endList()
	tag, size := "h2", "18"
	if s.several {
		tag, size = "h3", "16"
	}
	s.html.WriteString(`<` + tag + ` style="font-size:` + size + `px;margin:24px 0 8px">` + escapeHTML(words) + "</" + tag + ">\n")
	s.text.WriteString("\n" + strings.ToUpper(words) + "\n\n")
}

// partHeading begins what one of several subscriptions is told; asked are the
// reader's own words.
func (s *sheet) partHeading(before, asked, after string) {
	s.endList()
	s.html.WriteString(`<h2 style="font-size:18px;border-top:2px solid #5b6670;padding:12px 0 0;margin:28px 0 8px">` + escapeHTML(before) + "<bdi>" + escapeHTML(asked) + "</bdi>" + escapeHTML(after) + "</h2>\n")
	line := before + asked + after
	s.text.WriteString("\n" + strings.Repeat("=", 60) + "\n" + defuse(line) + "\n")
}

// lead is the first sentence: a paragraph of the text, the main heading of the
// HTML, so that a screen reader finds it.
func (s *sheet) lead(bs ...bit) { s.told("h1", bs) }

// thingLead is the sentence that begins one of several things.
func (s *sheet) thingLead(bs ...bit) { s.told("h2", bs) }

func (s *sheet) told(tag string, bs []bit) {
	s.endList()
	style := "font-size:18px;font-weight:normal;line-height:1.4;margin:0 0 12px"
	if tag == "h2" {
		style = "font-size:16px;font-weight:normal;line-height:1.5;border-top:1px solid #5b6670;padding:16px 0 0;margin:16px 0 8px"
	}
	s.html.WriteString("<" + tag + ` style="` + style + `">`)
	s.bits(bs)
	s.html.WriteString("</" + tag + ">\n")
	s.text.WriteByte('\n')
}

// para writes a paragraph.
func (s *sheet) para(bs ...bit) {
	s.endList()
	s.html.WriteString(`<p style="margin:0 0 8px">`)
	s.bits(bs)
	s.html.WriteString("</p>\n")
	s.text.WriteByte('\n')
}

// entry begins an entry of a list; lines go on with it.
func (s *sheet) entry(bs ...bit) {
	if !s.list {
		s.html.WriteString(`<ul style="margin:0;padding:0 0 0 18px">` + "\n")
		s.list = true
	}
	s.html.WriteString(`<li style="margin:0 0 12px">`)
	s.text.WriteString("* ")
	s.bits(bs)
	s.text.WriteByte('\n')
}

func (s *sheet) line(bs ...bit) {
	s.html.WriteString("<br>")
	s.text.WriteString("  ")
	s.bits(bs)
	s.text.WriteByte('\n')
}

func (s *sheet) endEntry() {
	s.html.WriteString("</li>\n")
}

// gap is an empty line of the text.
func (s *sheet) gap() { s.text.WriteByte('\n') }

// rule divides what is told from what is always there.
func (s *sheet) rule() {
	s.endList()
	s.html.WriteString(`<div style="border-top:1px solid #5b6670;margin:24px 0 8px"></div>` + "\n")
	s.text.WriteString("\n-- \n")
}

// htmlHead begins the page: named by its subject, one article in whatever
// page a mail program shows it (its lang and main are then that program's), and
// no wider than the screen.
func htmlHead(subject string) string {
	return `<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>` + escapeHTML(subject) + `</title>
<style>` + darkMode + `</style></head>
<body style="margin:0;padding:16px;font-family:Arial,sans-serif;font-size:16px;line-height:1.5;color:#212b32;background:#ffffff">
<div role="article" aria-roledescription="email" lang="en-GB" style="max-width:640px;margin:0 auto;overflow-wrap:anywhere;word-break:break-word">
`
}

// htmlEnd ends it.
const htmlEnd = "</div>\n</body></html>\n"

// darkMode is for readers whose screen is dark: light words on a dark ground,
// at 13:1 and 11:1. Mail programs that do not know it show the page as it is.
const darkMode = `@media (prefers-color-scheme: dark) { body { color: #e8edf0 !important; background: #15191c !important } a { color: #9ecbff !important } }`

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
