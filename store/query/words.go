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
	out := make([]token, 0, len(s)/6+1)
	cut(s, func(raw string) { out = append(out, makeToken(raw)) })
	return out
}

// cut calls f with each word of a text as it is printed.
func cut(s string, f func(raw string)) {
	s = normalise(s)
	var joined []byte // the word so far, if something within it was dropped
	from := -1        // where the word, or the rest of it, begins
	flush := func(to int) {
		if from < 0 {
			return
		}
		if joined == nil {
			f(s[from:to])
		} else {
			f(string(append(joined, s[from:to]...)))
			joined = nil
		}
		from = -1
	}
	drop := func(at, size int) {
		if from >= 0 {
			joined, from = append(joined, s[from:at]...), at+size
		}
	}
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
				if from < 0 {
					from = i
				}
			case c == '\'' && from >= 0 && letterAfter(s[i+1:]):
				drop(i, 1)
			default:
				if flush(i); c == '&' {
					f(s[i : i+1])
				}
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			if from < 0 {
				from = i
			}
		case r == '\u00ad', r >= '\u200b' && r <= '\u200f', r == '\u2060', r == '\ufeff': // invisible
			drop(i, size)
		case r == '’' && from >= 0 && letterAfter(s[i+size:]): // children’s
			drop(i, size)
		default:
			flush(i)
		}
		i += size
	}
	flush(len(s))
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
	if raw == "&" {
		return token{raw: raw, word: "and", stem: "and"}
	}
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
	if slugged(s) {
		return s
	}
	var b strings.Builder
	for i, t := range tokenise(s) {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(t.word)
	}
	return b.String()
}

// slugged tells of what is in small letters and digits, with single hyphens between.
func slugged(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && i > 0 && i+1 < len(s) && s[i-1] != '-':
		default:
			return false
		}
	}
	return true
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
