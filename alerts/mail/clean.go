package mail

import (
	"html"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// clean makes one line of scraped text: no control, format (bidi, zero-width,
// tags), private or unassigned characters, white space as one space, no more
// than two marks on one letter.
func clean(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space, marks := false, 0
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Cc, r):
			space = true
			continue
		case r == unicode.ReplacementChar, !unicode.IsGraphic(r), invisible(r):
			continue
		case unicode.IsMark(r):
			if marks++; marks > 2 {
				continue
			}
		default:
			marks = 0
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// invisible tells of letters and marks that show nothing (Hangul fillers, the
// blank Braille pattern, variation selectors, the combining grapheme joiner).
func invisible(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800, 0x034f, 0x17b4, 0x17b5:
		return true
	}
	return unicode.Is(unicode.Variation_Selector, r)
}

// cut shortens to n characters, at a space if there is one near, and says so.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	end := n - 1
	for i := end; i > end-20 && i > 0; i-- {
		if r[i] == ' ' {
			end = i
			break
		}
	}
	return strings.TrimRight(string(r[:end]), " ") + "…"
}

// defuse makes a clean text harmless in the text part, where mail programs look
// for addresses by themselves: an address in it loses its colon's company, and
// nothing in it looks like a template that was not filled in.
func defuse(s string) string {
	if !strings.ContainsAny(s, "{}$%=:<") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	var last rune
	for i, r := range s {
		switch {
		case last == '{' && r == '{', last == '}' && r == '}', last == '$' && r == '{', last == '%' && r == '!',
			last == '=' && r == '?', // an encoded word, in a subject
			last == ':' && strings.HasPrefix(s[i:], "//"):
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last = r
	}
	return strings.ReplaceAll(b.String(), "<no value>", "< no value >")
}

// A source is an address out of the world, made safe to show.
type source struct {
	href string // ASCII, http or https
	host string // as it really is: xn-- for other alphabets
}

// maxHref is in bytes; longer addresses are not shown.
const maxHref = 700

// sourceOf takes an address apart. false: it is not one to link to.
func sourceOf(raw string) (source, bool) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return source{}, false
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil || !plainHost(host) {
		return source{}, false
	}
	path := u.EscapedPath()
	if path == "" && (u.RawQuery != "" || u.Fragment != "") {
		path = "/" // RFC 3986, 6.2.3: some programs take what follows a bare host for a part of it
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		path += "#" + u.EscapedFragment()
	}
	at := host
	if p := u.Port(); p != "" {
		at += ":" + p
	}
	s := source{href: u.Scheme + "://" + at + escapeURL(path), host: at}
	return s, len(s.href) <= maxHref
}

func plainHost(h string) bool {
	for _, r := range h {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' {
			return false
		}
	}
	return h != ""
}

// escapeURL escapes everything that has no business in an address, or that a
// mail program may take for its end.
func escapeURL(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/?#&=+,;%", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// withPage points at a page of a PDF.
func withPage(raw string, page string) string {
	before, _, _ := strings.Cut(raw, "#")
	return before + "#page=" + page
}

// escapeHTML escapes for text between tags. It goes further than it must: all
// signs that mean something in HTML, CSS, an address or a template become
// numbers, so that no later reader of the bytes takes data for anything else.
func escapeHTML(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 16)
	for _, r := range s {
		switch {
		case r >= 0x80, r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,;:-?!", r):
			b.WriteRune(r)
		default:
			b.WriteString("&#")
			if r >= 100 {
				b.WriteByte(byte('0' + r/100))
			}
			b.WriteByte(byte('0' + r/10%10))
			b.WriteByte(byte('0' + r%10))
			b.WriteByte(';')
		}
	}
	return b.String()
}

// escapeAttr escapes an address of ours or of sourceOf for a quoted attribute.
func escapeAttr(s string) string {
	return html.EscapeString(s)
}
