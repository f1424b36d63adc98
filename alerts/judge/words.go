package judge

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A word is one word of a sentence: lower case, apostrophes gone.
type word struct {
	text   string
	caps   bool // written in capitals: two or more letters
	hyphen bool // a hyphen joins it to the next word
	start  int  // bytes in the sentence
	end    int
}

// words cuts s into words. A number keeps its point and commas ("1.2", "24,000"),
// a pound sign and an ampersand are words of their own ("£", "and").
func words(s string) []word {
	out := make([]word, 0, len(s)/5+2)
	low := ""
	if ascii(s) { // the same bytes in lower case, once for all words
		low = strings.ToLower(s)
	}
	hyphens := false
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '£':
			out = append(out, word{text: "£", start: i, end: i + n})
			i += n
		case r == '&':
			out = append(out, word{text: "and", start: i, end: i + n})
			i += n
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			w := scanWord(s, low, i)
			out = append(out, w)
			i = w.end
		default:
			if isHyphen(r) && len(out) > 0 && out[len(out)-1].end == i {
				out[len(out)-1].hyphen = true
				hyphens = true
			}
			i += n
		}
	}
	if !hyphens {
		return out
	}
	// A hyphen joins only when a word follows at once.
	for i := range out {
		if out[i].hyphen {
			out[i].hyphen = i+1 < len(out) && joined(s[out[i].end:out[i+1].start])
		}
	}
	return out
}

// joined tells whether what stands between two words is one hyphen, at most
// with the break of a line after it.
func joined(between string) bool {
	r, n := utf8.DecodeRuneInString(between)
	return isHyphen(r) && strings.TrimLeft(between[n:], "\n") == ""
}

func isHyphen(r rune) bool { return r == '-' || r == '\u2010' || r == '\u2011' || r == '\u00ad' }

func isApostrophe(r rune) bool { return r == '\'' || r == '\u2019' || r == '\u2018' || r == '`' }

// plainWord is scanWord for a text of plain letters.
func plainWord(s, low string, i int) word {
	letters, upper, apostrophes := 0, 0, 0
	j, small := i, false
	for j < len(s) {
		c := low[j]
		switch {
		case c >= 'a' && c <= 'z':
			letters++
			small = s[j] == 's'
			if s[j] != c {
				upper++
			}
		case isDigit(c):
		case (c == '\'' || c == '`') && j+1 < len(s) && low[j+1] >= 'a' && low[j+1] <= 'z':
			apostrophes++
		case (c == '.' || c == ',') && j > i && isDigit(s[j-1]) && j+1 < len(s) && isDigit(s[j+1]):
		default:
			return plain(low, i, j, apostrophes, capitals(letters, upper, small))
		}
		j++
	}
	return plain(low, i, j, apostrophes, capitals(letters, upper, small))
}

func plain(low string, start, end, apostrophes int, caps bool) word {
	w := word{text: low[start:end], caps: caps, start: start, end: end}
	if apostrophes > 0 {
		w.text = strings.NewReplacer("'", "", "`", "").Replace(w.text)
	}
	return w
}

// scanWord reads the word of s that begins at i. low is s in lower case where
// that has the same bytes, else "".
func scanWord(s, low string, i int) word {
	w := word{start: i}
	if low != "" {
		return plainWord(s, low, i)
	}
	letters, upper, small := 0, 0, false // small: the last letter is the s of a plural ("GPs")
	simple := true                       // plain lower-case letters and digits: the text is the bytes
	j := i
	for j < len(s) {
		r, n := rune(s[j]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[j:])
		}
		switch {
		case unicode.IsLetter(r):
			letters++
			small = r == 's'
			if unicode.IsUpper(r) {
				upper++
				simple = false
			}
		case unicode.IsDigit(r):
		case isApostrophe(r) && followed(s[j+n:], unicode.IsLetter):
			simple = false
		case (r == '.' || r == ',') && j > i && isDigit(s[j-1]) && followed(s[j+n:], unicode.IsDigit):
		default:
			return w.finish(s, j, simple, capitals(letters, upper, small))
		}
		j += n
	}
	return w.finish(s, j, simple, capitals(letters, upper, small))
}

// capitals tells a word in capitals, a plural s aside.
func capitals(letters, upper int, small bool) bool {
	return letters >= 2 && upper == letters || small && letters >= 3 && upper == letters-1
}

func (w word) finish(s string, end int, simple, caps bool) word {
	w.end, w.caps = end, caps
	w.text = s[w.start:end]
	if !simple {
		w.text = strings.Map(func(r rune) rune {
			if isApostrophe(r) {
				return -1
			}
			return unicode.ToLower(r)
		}, w.text)
	}
	return w
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func followed(s string, by func(rune) bool) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return by(r)
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// shouting tells whether a text is written in capitals altogether, so that
// capitals mark no acronym in it.
func shouting(ws []word) bool {
	letters, caps := 0, 0
	for _, w := range ws {
		if c := w.text[0]; c < '0' || c > '9' {
			letters++
			if w.caps {
				caps++
			}
		}
	}
	return letters >= 4 && caps*10 >= letters*7
}
