package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Piece is a part of a text; Hit marks what a query asked for.
type Piece struct {
	Text string `json:"text"`
	Hit  bool   `json:"hit,omitempty"`
}

// A placed token knows where in the normalised text it stands, in bytes.
type placed struct {
	token
	from, to int
}

// tokeniseAt is tokenise with places; s must be normalised.
func tokeniseAt(s string) []placed {
	var out []placed
	var b strings.Builder
	from := -1
	flush := func(to int) {
		if b.Len() > 0 {
			out = append(out, placed{makeToken(b.String()), from, to})
			b.Reset()
		}
		from = -1
	}
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			if from < 0 {
				from = i
			}
			b.WriteRune(r)
		case r == '\u00ad', r >= '\u200b' && r <= '\u200f', r == '\u2060', r == '\ufeff':
		case (r == '\'' || r == '’') && b.Len() > 0 && letterAfter(s[i+utf8.RuneLen(r):]):
		case r == '&':
			flush(i)
			out = append(out, placed{token{raw: "&", word: "and", stem: "and"}, i, i + 1})
		default:
			flush(i)
		}
	}
	flush(len(s))
	return out
}

// Snippet is the part of a text, of at most so many characters, in which most
// of the words stand that the query asks for, with these marked. Where none
// stands it is the beginning. "…" is where text was left out. The text comes
// back with compatibility forms resolved, white space as single spaces, and
// without what cannot be seen or turns the direction of writing.
func (q Query) Snippet(text string, most int) []Piece {
	s := normalise(strings.Join(strings.Fields(strings.Map(visible, text)), " "))
	tokens := tokeniseAt(s)
	hits := q.hits(tokens)
	from, to := window(s, hits, most)
	var out []Piece
	add := func(t string, hit bool) {
		if t != "" {
			out = append(out, Piece{t, hit})
		}
	}
	if from > 0 {
		add("…", false)
	}
	at := from
	for _, h := range hits {
		if h.from < at || h.to > to {
			continue
		}
		add(s[at:h.from], false)
		add(s[h.from:h.to], true)
		at = h.to
	}
	add(s[at:to], false)
	if to < len(s) {
		add("…", false)
	}
	return out
}

// visible drops what tokenise takes for nothing, and makes a space of what else
// cannot be seen.
func visible(r rune) rune {
	switch {
	case r == '\u00ad', r >= '\u200b' && r <= '\u200f', r == '\u2060', r == '\ufeff':
		return -1
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return ' '
	}
	return r
}

// A hit is where one of the query's runs of words stands.
type hit struct{ run, from, to int }

// hits are where the words stand that the query asks for, in order, none
// within another.
func (q Query) hits(tokens []placed) []hit {
	var out []hit
	for i, n := range q.wanted() {
		for at := range tokens {
			if at+len(n.terms) > len(tokens) {
				break
			}
			fits := true
			for j, t := range n.terms {
				if fits = tokens[at+j].fits(n.mode, t); !fits {
					break
				}
			}
			if fits {
				out = append(out, hit{i, tokens[at].from, tokens[at+len(n.terms)-1].to})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b hit) int { return a.from - b.from })
	end := 0
	return slices.DeleteFunc(out, func(h hit) bool {
		if h.from < end {
			return true
		}
		end = h.to
		return false
	})
}

// wanted are the words and phrases that are asked for, not those excluded.
func (q Query) wanted() []*node {
	var out []*node
	var walk func(*node)
	walk = func(n *node) {
		switch n.op {
		case opAll, opAny:
			for _, k := range n.kids {
				walk(k)
			}
		case opWords:
			out = append(out, n)
		}
	}
	if q.root != nil {
		walk(q.root)
	}
	return out
}

// window chooses the part of s that is shown: the first one with the most
// different runs, cut at spaces.
func window(s string, hits []hit, most int) (from, to int) {
	if utf8.RuneCountInString(s) <= most {
		return 0, len(s)
	}
	best, first := 0, 0
	for i, h := range hits {
		seen := map[int]bool{}
		for _, x := range hits[i:] {
			if x.to-h.from > most*3/4 {
				break
			}
			seen[x.run] = true
		}
		if len(seen) > best {
			best, first, from = len(seen), h.from, max(0, h.from-most/5)
		}
	}
	from = boundary(s, from, first)
	n := 0
	to = len(s)
	for i := range s[from:] {
		if n++; n > most {
			to = from + i
			break
		}
	}
	if to < len(s) {
		if cut := strings.LastIndexByte(s[from:to], ' '); cut > most/2 {
			to = from + cut
		}
	}
	return from, to
}

// boundary is the beginning of the first word after a place and not after
// another one, or 0.
func boundary(s string, at, before int) int {
	if at == 0 {
		return 0
	}
	if i := strings.IndexByte(s[at:before], ' '); i >= 0 {
		return at + i + 1
	}
	return before
}
