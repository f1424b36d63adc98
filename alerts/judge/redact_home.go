package judge

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// postcode recognises a postcode by the first digit of its first half, and
// gives its end.
func (r *redactor) postcode(i int) (int, bool) {
	letters := 0
	for k := i - 1; k >= 0 && k >= i-3; k-- {
		c, _ := utf8.DecodeLastRuneInString(r.text[:k+1])
		if !unicode.IsLetter(c) {
			break
		}
		if c < 'A' || c > 'Z' {
			return 0, false
		}
		letters++
	}
	if letters < 1 || letters > 2 {
		return 0, false
	}
	k := i + 1
	if k < len(r.text) && (isDigit(r.text[k]) || capital(r.text[k])) {
		k++
	}
	if k < len(r.text) && r.text[k] == ' ' {
		k++
	}
	if k+3 > len(r.text) || !isDigit(r.text[k]) || !capital(r.text[k+1]) || !capital(r.text[k+2]) || !r.ends(k+3) {
		return 0, false
	}
	return k + 3, true
}

// street recognises an address by the number of its house: words that end in
// those of a street follow. It gives the end of the address, its postcode
// included.
func (r *redactor) street(i int) (int, bool) {
	rest := r.text[i:min(len(r.text), i+140)]
	if cut := strings.IndexAny(rest, ".;!?"); cut >= 0 {
		rest = rest[:cut]
	}
	at, found := 0, 0
	for w := range strings.FieldsSeq(rest) {
		k := strings.Index(rest[at:], w) + at
		at = k + len(w)
		if k > 60 && found == 0 {
			break
		}
		word := strings.Trim(w, ",()")
		if len(word) <= len("crescent") { // most others need not be looked at
			word = strings.ToLower(word)
		}
		switch word {
		case "road", "rd", "street", "st", "lane", "avenue", "ave", "close", "drive", "way", "crescent", "court", "gardens", "place",
			"terrace", "grove", "hill", "rise", "walk", "row", "square", "mews", "green", "view":
			found = k + len(strings.TrimRight(w, ",)"))
		}
		if found > 0 && k >= found {
			break
		}
	}
	if found == 0 {
		return 0, false
	}
	// The town and the postcode, where they follow.
	for k := found; k < len(rest); k++ {
		if !isDigit(rest[k]) {
			continue
		}
		if to, ok := r.postcode(i + k); ok {
			return to, true
		}
		break
	}
	return i + found, true
}

// reach is how far before a number the words may stand that call it somebody's home.
const reach = 140

// home tells whether the words before i, in the same sentence, say that
// somebody lives there, and where the address begins.
func (r *redactor) home(i int) (int, bool) {
	from := max(r.done, i-reach)
	before := r.text[from:i]
	best := -1
	for _, cue := range []string{
		"home address", "private address", "residential address", "home postcode", "'s address", "’s address", "my address", "patient address",
		"residing at", "resides at", "residing in", "lives at", "lived at", "living at", "resident at", "resident of",
	} {
		if k := lastFold(before, cue); k >= 0 {
			best = max(best, k+len(cue))
		}
	}
	if best < 0 {
		return 0, false
	}
	between := before[best:]
	if strings.ContainsAny(between, ";!?") || strings.Contains(between, ". ") || strings.Contains(between, "\n\n") {
		return 0, false
	}
	for _, word := range []string{" is ", " was "} {
		if strings.HasPrefix(strings.ToLower(between), word) {
			best += len(word)
		}
	}
	start := from + best
	for start < i && strings.IndexByte(" :-\n\t", r.text[start]) >= 0 {
		start++
	}
	return start, true
}

// lastFold is strings.LastIndex without regard to the case of ASCII letters.
func lastFold(s, sub string) int {
	for k := len(s) - len(sub); k >= 0; k-- {
		if strings.EqualFold(s[k:k+len(sub)], sub) {
			return k
		}
	}
	return -1
}
