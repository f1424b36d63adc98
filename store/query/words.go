package query

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A token is one word of a text.
type token struct {
	raw  string // as printed, normalised
	word string // in small letters
	stem string
}

// tokenise cuts a text into words: runs of letters, digits and marks. An
// apostrophe within a word and a soft hyphen are dropped ("children's" is
// childrens), and "&" is the word "and". Ligatures and other compatibility
// forms, which PDF files are full of, are resolved first.
func tokenise(s string) []token {
	s = normalise(s)
	out := make([]token, 0, len(s)/6+1)
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, makeToken(b.String()))
			b.Reset()
		}
	}
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			b.WriteRune(r)
		case r == '\u00ad', r >= '\u200b' && r <= '\u200f', r == '\u2060', r == '\ufeff':
			// invisible
		case (r == '\'' || r == '’') && b.Len() > 0 && letterAfter(s[i+utf8.RuneLen(r):]):
			// children's
		case r == '&':
			flush()
			out = append(out, token{raw: "&", word: "and", stem: "and"})
		default:
			flush()
		}
	}
	flush()
	return out
}

func letterAfter(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r)
}

// normalise resolves compatibility forms; valid UTF-8 comes out whatever goes in.
func normalise(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return norm.NFKC.String(strings.ToValidUTF8(s, " "))
		}
	}
	return s
}

func makeToken(raw string) token {
	w := strings.ToLower(raw)
	return token{raw: raw, word: w, stem: stem(w)}
}

// shouting tells whether the words are meant as an acronym: at least two
// capitals and no small letter.
func shouting(ts []token) bool {
	n := 0
	for _, t := range ts {
		for _, r := range t.raw {
			switch {
			case unicode.IsUpper(r):
				n++
			case unicode.IsLower(r), unicode.IsTitle(r):
				return false
			}
		}
	}
	return n >= 2
}

// slug is how values of fields are compared: small letters and digits, with
// one hyphen for whatever stands between.
func slug(s string) string {
	var b strings.Builder
	for i, t := range tokenise(s) {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(t.word)
	}
	return b.String()
}

// stem cuts the common endings off an English word in small letters, so that
// tender, tenders, tendered and tendering fall together, as do privatise,
// privatised, privatisation and their spellings with z. It is the first steps
// of Porter's rules and no more: the later ones throw organ and organisation
// together.
func stem(w string) string {
	if len(w) < 3 || !plain(w) {
		return w
	}
	w = plural(w)
	w = participle(w)
	for _, end := range []string{"isation", "ization"} {
		if s, ok := strings.CutSuffix(w, end); ok && measure(s) > 0 {
			w = s + "is"
		}
	}
	if s, ok := strings.CutSuffix(w, "y"); ok && hasVowel(s) {
		w = s + "i"
	}
	if s, ok := strings.CutSuffix(w, "e"); ok && (measure(s) > 1 || measure(s) == 1 && !cvc(s)) {
		w = s
	}
	if s, ok := strings.CutSuffix(w, "iz"); ok && measure(s) > 0 {
		w = s + "is"
	}
	return w
}

func plural(w string) string {
	switch {
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "ies") && len(w) > 4:
		return w[:len(w)-2]
	case strings.HasSuffix(w, "ss"), w == "news":
		return w
	case strings.HasSuffix(w, "s"):
		return w[:len(w)-1]
	}
	return w
}

func participle(w string) string {
	if s, ok := strings.CutSuffix(w, "eed"); ok {
		if measure(s) > 0 {
			return w[:len(w)-1]
		}
		return w
	}
	s, ok := strings.CutSuffix(w, "ed")
	if !ok {
		s, ok = strings.CutSuffix(w, "ing")
	}
	if !ok || !hasVowel(s) {
		return w
	}
	n := len(s)
	switch {
	case strings.HasSuffix(s, "at"), strings.HasSuffix(s, "bl"), strings.HasSuffix(s, "iz"):
		return s + "e"
	case n > 1 && s[n-1] == s[n-2] && !vowel(s, n-1) && !strings.ContainsRune("lsz", rune(s[n-1])):
		return s[:n-1]
	case measure(s) == 1 && cvc(s):
		return s + "e"
	}
	return s
}

func plain(w string) bool {
	for i := 0; i < len(w); i++ {
		if w[i] < 'a' || w[i] > 'z' {
			return false
		}
	}
	return true
}

func vowel(w string, i int) bool {
	switch w[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return true
	case 'y':
		return i > 0 && !vowel(w, i-1)
	}
	return false
}

func hasVowel(w string) bool {
	for i := range w {
		if vowel(w, i) {
			return true
		}
	}
	return false
}

// measure counts how often a vowel is followed by a consonant (Porter's m).
func measure(w string) int {
	m, was := 0, false
	for i := range w {
		v := vowel(w, i)
		if was && !v {
			m++
		}
		was = v
	}
	return m
}

// cvc tells whether w ends consonant, vowel, consonant other than w, x or y.
func cvc(w string) bool {
	n := len(w)
	return n >= 3 && !vowel(w, n-1) && vowel(w, n-2) && !vowel(w, n-3) && !strings.ContainsRune("wxy", rune(w[n-1]))
}
