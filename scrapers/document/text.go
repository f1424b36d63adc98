package document

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// divided stands, in a page being tidied, for a hyphen at a line end and the
// line end, whether the hyphen divides a word or belongs to it.
const divided = '\uFFFE'

// tidy writes the text of pages plainly and in one way: lines without trailing
// space that end in "\n", no control characters, spaces as spaces, ligatures
// as letters, divided words joined.
func tidy(pages []string) []string {
	out := make([]string, len(pages))
	open := false
	for i, p := range pages {
		out[i] = plain(p)
		open = open || strings.ContainsRune(out[i], divided)
	}
	if open {
		known := vocabulary(out)
		for i := range out {
			out[i] = join(out[i], known)
		}
	}
	return out
}

// plain does what can be done character by character.
func plain(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	for i, r := range s {
		switch r {
		case '\u00AD', '\x02', divided: // soft hyphens: of interest at a line end only
			rest := strings.TrimLeft(s[i+utf8.RuneLen(r):], " \t\r")
			if r != '\u00AD' || strings.HasPrefix(rest, "\n") {
				b.WriteRune(divided)
			}
		case '\r', '\u2028', '\u2029', '\u0085', '\v', '\f':
			b.WriteByte('\n')
		case '\u00A0', '\u202F', '\u2007', '\u2008', '\u2009', '\u200A', '\u2002', '\u2003', '\u3000':
			b.WriteByte(' ')
		case '\u2010', '\u2011':
			b.WriteByte('-')
		case '\uFB00':
			b.WriteString("ff")
		case '\uFB01':
			b.WriteString("fi")
		case '\uFB02':
			b.WriteString("fl")
		case '\uFB03':
			b.WriteString("ffi")
		case '\uFB04':
			b.WriteString("ffl")
		case '\uFB05', '\uFB06':
			b.WriteString("st")
		case '\uF0B7', '\uF0A7', '\uF0D8', '\uF0FC', // Word's bullets, of the fonts Symbol and Wingdings
			'\u0088': // TeX's, of its font of symbols: where that is drawn in dots, nothing names its characters
			b.WriteRune('•')
		case '\n', '\t':
			b.WriteRune(r)
		default:
			if !unicode.Is(unicode.Cc, r) && !unicode.Is(unicode.Cf, r) && !noncharacter(r) {
				b.WriteRune(r)
			}
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

func noncharacter(r rune) bool { return r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF }

// vocabulary counts the words of the paper that stand undivided, compounds included.
func vocabulary(pages []string) map[string]int {
	known := map[string]int{}
	for _, p := range pages {
		for _, w := range strings.FieldsFunc(p, func(r rune) bool { return !inWord(r) && r != '-' && r != divided }) {
			if !strings.ContainsRune(w, divided) {
				known[strings.ToLower(strings.Trim(w, "-"))]++
			}
		}
	}
	return known
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\'' || r == '’' }

// join resolves the hyphens at line ends.
func join(s string, known map[string]int) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, string(divided))
		b.WriteString(before)
		if !found {
			return b.String()
		}
		s = strings.TrimLeft(after, " \t\n")
		left := before[strings.LastIndexFunc(before, func(r rune) bool { return !inWord(r) && r != '-' })+1:]
		end := strings.IndexFunc(s, func(r rune) bool { return !inWord(r) && r != '-' })
		if end < 0 {
			end = len(s)
		}
		switch right := s[:end]; {
		case left == "" || right == "": // a dash, or a list's mark
			b.WriteByte('-')
			s = after
		case keepHyphen(left, right, known):
			b.WriteByte('-')
		}
	}
}

// keepHyphen decides whether left-right is one word divided or two words
// joined: by how the paper writes it elsewhere, else by what is usual.
func keepHyphen(left, right string, known map[string]int) bool {
	l, r := strings.ToLower(left), strings.ToLower(right)
	if two, one := known[l+"-"+r], known[l+r]; two != one {
		return two > one
	}
	first, _ := utf8.DecodeRuneInString(right)
	last, _ := utf8.DecodeLastRuneInString(left)
	if !unicode.IsLower(first) || !unicode.IsLower(last) { // PA-2023, Covid-19, NHS-funded
		return true
	}
	switch l[strings.LastIndexByte(l, '-')+1:] {
	case "non", "self", "long", "short", "high", "low", "full", "part", "well", "cross", "multi", "semi", "anti",
		"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "first", "second", "third",
		"year", "month", "week", "day", "end", "face", "follow", "hand", "in", "out", "on", "off", "to", "of", "and", "up":
		return true
	}
	return known[r] > 0 && known[l] > 0 && len(l) > 3 && len(r) > 3 // both are words of their own
}
