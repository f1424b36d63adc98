package ocds

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Caps of what is kept of one string, in bytes of UTF-8.
const (
	maxLine = 600    // titles, names, codes
	maxText = 40_000 // descriptions
)

// plain makes readable text of s: tags and entities gone (entities twice over,
// since Contracts Finder has &amp;apos;), spaces and line ends of one kind, no
// control or bidirectional characters, composed (NFC). It tells whether it had to cut.
func plain(s string, most int) (string, bool) {
	if isPlain(s) && len(s) <= most {
		return s, false
	}
	cut := false
	if len(s) > 4*most {
		s, cut = shorten(s, 4*most), true
	}
	for range 2 {
		s = stripTags(s)
		u := unescapeEntities(s)
		if u == s {
			break
		}
		s = u
	}
	s = norm.NFC.String(tidy(stripTags(s)))
	if len(s) > most {
		s, cut = strings.TrimSpace(shorten(s, most))+"…", true
	}
	return s, cut
}

// isPlain tells of most texts at a glance that nothing needs to be done to them.
func isPlain(s string) bool {
	last := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == '<' || c == '&' || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return last != ' ' || s == ""
}

// line is plain on a single line.
func line(s string, most int) (string, bool) {
	s, cut := plain(s, most)
	if strings.ContainsRune(s, '\n') {
		s = strings.Join(strings.Fields(s), " ")
	}
	return s, cut
}

// shorten cuts s to at most n bytes between two characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// tidy unifies white space and drops what no reader sees or what makes text
// show in another order than it is written.
func tidy(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	newlines, space := 0, false
	for _, r := range s {
		switch {
		case r > ' ' && r <= '~': // most by far
		case r == '\n', r == '\u2028', r == '\u2029', r == '\v', r == '\f':
			newlines++
			continue
		case unicode.IsSpace(r):
			space = true
			continue
		case hidden(r):
			continue
		}
		switch {
		case b.Len() == 0:
		case newlines > 1:
			b.WriteString("\n\n")
		case newlines == 1:
			b.WriteByte('\n')
		case space:
			b.WriteByte(' ')
		}
		newlines, space = 0, false
		b.WriteRune(r)
	}
	return b.String()
}

// hidden tells whether a character is dropped: controls, zero-width and
// bidirectional ones, tag characters. Joiners stay: scripts need them.
func hidden(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u00ad', r == '\u061c', r == '\u200b', r == '\u200e', r == '\u200f', r == '\ufeff':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2060' && r <= '\u206f', r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// unescapeEntities decodes each entity that ends in a semicolon, once. Without
// one it stays: "?a=1&para=2" is an address.
func unescapeEntities(s string) string {
	return replaceAt(s, '&', func(s string) (int, string) {
		end := strings.IndexByte(s[:min(len(s), 34)], ';')
		if end < 0 || strings.ContainsAny(s[1:end], "& \n<") {
			return 1, "&"
		}
		u := html.UnescapeString(s[:end+1])
		if len(u) > 1 && strings.HasSuffix(u, ";") { // "&notit;" is not "¬it;"
			u = s[:end+1]
		}
		return end + 1, u
	})
}

// replaceAt asks at every c, with the text from there on, how many bytes go
// and what stands instead.
func replaceAt(s string, c byte, at func(s string) (int, string)) string {
	i := strings.IndexByte(s, c)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i >= 0 {
		b.WriteString(s[:i])
		n, instead := at(s[i:])
		b.WriteString(instead)
		s = s[i+n:]
		i = strings.IndexByte(s, c)
	}
	b.WriteString(s)
	return b.String()
}

// maxTag is how far a tag, a comment or a script is looked for.
const maxTag = 4000

// stripTags removes HTML tags of known names; "<Company Name>" and "< 5" stay.
func stripTags(s string) string {
	return replaceAt(s, '<', func(s string) (int, string) {
		if n, instead := tag(s); n > 0 {
			return n, instead
		}
		return 1, "<"
	})
}

// tag looks at s, which begins with '<': how long is the tag and what stands
// for it; 0 if it is none.
func tag(s string) (length int, instead string) {
	near := s[:min(len(s), maxTag)]
	if strings.HasPrefix(near, "<!--") {
		if end := strings.Index(near, "-->"); end > 0 {
			return end + 3, ""
		}
		return 0, ""
	}
	i := 1
	if i < len(near) && near[i] == '/' {
		i++
	}
	start := i
	for i < len(near) && (near[i] >= 'a' && near[i] <= 'z' || near[i] >= 'A' && near[i] <= 'Z' || near[i] >= '0' && near[i] <= '9') {
		i++
	}
	if i == start || i == len(near) || !strings.ContainsRune("> /\t\r\n", rune(near[i])) {
		return 0, ""
	}
	end := strings.IndexByte(near[i:], '>')
	if end < 0 {
		return 0, ""
	}
	length = i + end + 1
	switch name := strings.ToLower(near[start:i]); name {
	case "br", "p", "div", "ul", "ol", "li", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "dl", "dt", "dd", "blockquote", "section":
		return length, "\n"
	case "td", "th":
		return length, " "
	case "script", "style":
		if shut := strings.Index(strings.ToLower(near[length:]), "</"+name); start == 1 && shut >= 0 {
			return length + shut, ""
		}
		return length, ""
	case "a", "b", "i", "u", "s", "em", "strong", "span", "font", "sup", "sub", "small", "img", "tbody", "thead", "caption", "code", "pre", "mark",
		"svg", "math", "iframe", "object", "embed", "form", "input", "button", "base", "meta", "link", "html", "head", "body", "title":
		return length, ""
	}
	return 0, ""
}
