package judge

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// removed stands where Redact took something out.
const removed = "…"

// Redact gives a text without what is nobody's business though a paper prints
// it: NHS numbers (ten digits whose last checks the others, modulo 11), e-mail
// addresses, telephone numbers, National Insurance numbers, dates of birth that
// are called so, the numbers by which a placement notice names a child, and
// home addresses where the text says that somebody lives there. "…" stands in
// their place. Names stay, and so do declared interests, who decided, and the
// addresses of surgeries, offices and meeting rooms: those were published to be
// known. It is for every text that is quoted, mailed or put into an index; the
// archived paper is as it was. A text without such things is returned as it is.
//
// One ten-digit reference in eleven passes the check by chance and goes too.
func Redact(text string) string {
	if !strings.ContainsAny(text, "@0123456789") {
		return text
	}
	r := redactor{text: text}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '@':
			i = r.mail(i)
		case c == '+' || isDigit(c):
			i = r.number(i)
		default:
			i++
		}
	}
	if r.done == 0 {
		return text
	}
	r.out.WriteString(text[r.done:])
	return r.out.String()
}

// A redactor copies a text and leaves spans out.
type redactor struct {
	text string
	out  strings.Builder
	done int // copied or left out up to here
}

// cut leaves from..to out and returns to.
func (r *redactor) cut(from, to int) int {
	from = max(from, r.done)
	if to <= from {
		return to
	}
	r.out.WriteString(r.text[r.done:from])
	if !strings.HasSuffix(r.out.String(), removed) {
		r.out.WriteString(removed)
	}
	r.done = to
	return to
}

// mail looks at an @ and leaves the address around it out.
func (r *redactor) mail(at int) int {
	from := at
	for from > r.done {
		c, n := utf8.DecodeLastRuneInString(r.text[:from])
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._%+'’-", c) {
			break
		}
		from -= n
	}
	to, dot := at+1, 0
	for to < len(r.text) {
		c, n := utf8.DecodeRuneInString(r.text[to:])
		if c == '.' {
			dot = to
		}
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '.' && c != '-' {
			break
		}
		to += n
	}
	for to > at+1 && strings.ContainsRune(".-", rune(r.text[to-1])) { // the end of the sentence
		to--
	}
	if dot >= to {
		dot = strings.LastIndexByte(r.text[at:to], '.') + at
	}
	if from == at || dot <= at+1 {
		return at + 1
	}
	return r.cut(from, to)
}

// A digitGroup is a run of digits, and what stands between it and the next.
type digitGroup struct{ from, to int }

// number looks at the first digit of a number, or the + before one.
func (r *redactor) number(i int) int {
	end := r.digitsEnd(i)
	before, _ := utf8.DecodeLastRuneInString(r.text[:i])
	if i > 0 && unicode.IsLetter(before) {
		if to, ok := r.postcode(i); ok {
			if from, lives := r.home(i); lives {
				return r.cut(from, to)
			}
			return to
		}
		if from, to, ok := r.insured(i); ok {
			return r.cut(from, to)
		}
		return end
	}
	if from, to, ok := r.insured(i); ok {
		return r.cut(from, to)
	}
	groups, plus := r.groups(i)
	if len(groups) == 0 {
		return end
	}
	if from, ok := r.named(i); ok && groups[0].to-groups[0].from >= 4 {
		return r.cut(from, groups[0].to)
	}
	if from, to, ok := r.born(i); ok {
		return r.cut(from, to)
	}
	if from, to, ok := r.phone(groups, plus, i); ok {
		return r.cut(from, to)
	}
	if to, ok := r.patient(groups); ok {
		return r.cut(i, to)
	}
	if to, ok := r.street(i); ok {
		if from, lives := r.home(i); lives {
			return r.cut(from, to)
		}
	}
	return end
}

// digitsEnd is the end of the run of digits at i, at least i+1.
func (r *redactor) digitsEnd(i int) int {
	i++
	for i < len(r.text) && isDigit(r.text[i]) {
		i++
	}
	return i
}

// maxGroups are the most groups of digits that are looked at as one number.
const maxGroups = 6

// groups splits what may be one number: runs of digits with a space, a hyphen,
// a full stop or brackets between them.
func (r *redactor) groups(i int) (out []digitGroup, plus bool) {
	if r.text[i] == '+' {
		plus = true
		i++
	}
	for i < len(r.text) && isDigit(r.text[i]) && len(out) < maxGroups {
		g := digitGroup{from: i, to: r.digitsEnd(i)}
		out = append(out, g)
		i = g.to
		for range 2 {
			c, n := utf8.DecodeRuneInString(r.text[i:])
			if !strings.ContainsRune(" -\u00a0\u2007\u2009\u2010\u2011\u2013\u202f.()", c) {
				break
			}
			i += n
		}
	}
	return out, plus
}

// ends tells whether a number may end at i: it is not the beginning of a longer
// code, a decimal or an amount.
func (r *redactor) ends(i int) bool {
	c, n := utf8.DecodeRuneInString(r.text[i:])
	switch {
	case n == 0:
		return true
	case unicode.IsLetter(c), unicode.IsDigit(c), c == '%', c == '_', c == '@':
		return false
	case c == '.' || c == ',':
		return i+n >= len(r.text) || !isDigit(r.text[i+n])
	}
	return true
}

// patient recognises an NHS number at the first of the groups.
func (r *redactor) patient(groups []digitGroup) (int, bool) {
	if from := groups[0].from; from > 0 && strings.ContainsRune("£$€/_=.,#", rune(r.text[from-1])) {
		return 0, false
	}
	said := strings.Contains(strings.ToLower(r.text[max(0, groups[0].from-40):groups[0].from]), "nhs n")
	var digits []byte
	shape := ""
	for _, g := range groups {
		digits = append(digits, r.text[g.from:g.to]...)
		if len(digits) > 10 {
			return 0, false
		}
		shape += strconv.Itoa(g.to - g.from)
		if len(digits) == 10 {
			usual := shape == "10" || shape == "334" || shape == "55" || shape == "37" || shape == "64" || shape == "3322"
			return g.to, (usual || said) && r.ends(g.to) && checked(digits)
		}
	}
	return 0, false
}

// checked is the check of an NHS number: the last digit makes the weighted sum
// a multiple of eleven.
func checked(digits []byte) bool {
	sum, same := 0, true
	for i, d := range digits[:9] {
		sum += int(d-'0') * (10 - i)
		same = same && d == digits[0]
	}
	check := (11 - sum%11) % 11
	return !same && check < 10 && check == int(digits[9]-'0')
}

// phone recognises a telephone number: of this country by its 0, +44 or 0044
// and its length, of another by its +.
func (r *redactor) phone(groups []digitGroup, plus bool, i int) (from, to int, ok bool) {
	from = i
	if from > 0 && strings.ContainsRune("£$€/_=.,#", rune(r.text[from-1])) {
		return 0, 0, false
	}
	if from > 0 && r.text[from-1] == '(' {
		from--
	}
	first := r.text[groups[0].from:groups[0].to]
	country := strings.HasPrefix(first, "0044") || plus
	least, most := 10, 11
	switch {
	case country && plus && !strings.HasPrefix(first, "44"):
		least, most = 9, 15
	case country:
		least, most = 11, 15 // with the (0) that people add
	case first[0] != '0' || len(first) < 3 || first[1] == '0' || first[1] == '4' || first[1] == '6':
		return 0, 0, false
	}
	n := 0
	for k, g := range groups {
		size := g.to - g.from
		if n += size; n > most || k > 0 && !country && size < 2 {
			break
		}
		if n >= least && r.ends(g.to) {
			to, ok = g.to, true
		}
		if n == 10 && !country && k+1 < len(groups) && groups[k+1].to-groups[k+1].from > 1 {
			break // the next number begins
		}
	}
	return from, to, ok
}

// named recognises "ID 12345", as placement notices name a child.
func (r *redactor) named(i int) (int, bool) {
	before := strings.TrimSuffix(strings.TrimRight(r.text[:i], " "), ":")
	if !strings.HasSuffix(before, "ID") || i-len(before) > 3 {
		return 0, false
	}
	from := len(before) - len("ID")
	c, _ := utf8.DecodeLastRuneInString(r.text[:from])
	return from, from == 0 || !unicode.IsLetter(c) && !unicode.IsDigit(c)
}

// insured recognises a National Insurance number by its first digit.
func (r *redactor) insured(i int) (from, to int, ok bool) {
	from = i
	if i > 0 && r.text[i-1] == ' ' {
		from--
	}
	from -= 2
	if from < 0 || !capital(r.text[from]) || !capital(r.text[from+1]) || from > 0 && (capital(r.text[from-1]) || isDigit(r.text[from-1])) {
		return 0, 0, false
	}
	to, digits := i, 0
	for to < len(r.text) && digits < 6 && (isDigit(r.text[to]) || r.text[to] == ' ' && digits%2 == 0) {
		if isDigit(r.text[to]) {
			digits++
		}
		to++
	}
	for to < len(r.text) && r.text[to] == ' ' && digits == 6 {
		to++
	}
	if digits < 6 || to >= len(r.text) || r.text[to] < 'A' || r.text[to] > 'D' || !r.ends(to+1) {
		return 0, 0, false
	}
	return from, to + 1, true
}

func capital(c byte) bool { return c >= 'A' && c <= 'Z' }

// born recognises a date that is called one of birth.
func (r *redactor) born(i int) (from, to int, ok bool) {
	before := strings.TrimRight(strings.ToLower(r.text[max(0, i-24):i]), " :-(")
	if len(before) == 0 {
		return 0, 0, false
	}
	for _, cue := range []string{"date of birth", "dob", "d.o.b", "d.o.b."} {
		if !strings.HasSuffix(before, cue) {
			continue
		}
		to = i
		for to < len(r.text) && to < i+20 && (isDigit(r.text[to]) || strings.IndexByte("/.- ", r.text[to]) >= 0 || unicode.IsLetter(rune(r.text[to]))) {
			to++
		}
		// Up to the last digit: the year.
		for to > i && !isDigit(r.text[to-1]) {
			to--
		}
		return i, to, true
	}
	return 0, 0, false
}
