package judge

import (
	"fmt"
	"strings"
	"unicode"
)

// A lexicon finds all phrases of all groups in one pass over a text. How a
// phrase is written is explained in config/catalogue/terms.toml.
type lexicon struct {
	groups   []group
	patterns []pattern
	exact    map[string][]int // first word -> patterns
	prefix   map[string][]int // its first three bytes -> patterns
	begins   groupSet         // the beginnings of all first words, by their number
}

// beginning is a number that two words which begin alike share: most words of
// a text begin as no phrase does.
func beginning(word string) int {
	n := 0
	for i := range min(len(word), 3) {
		n = n*37 + int(word[i])
	}
	return n & 0x3fff
}

// A groupSet is a set of groups.
type groupSet []uint64

func (s groupSet) has(g int) bool { return g>>6 < len(s) && s[g>>6]&(1<<(g&63)) != 0 }

// with is s and g.
func (s groupSet) with(g int) groupSet {
	for g>>6 >= len(s) {
		s = append(s, 0)
	}
	s[g>>6] |= 1 << (g & 63)
	return s
}

// and is s and all of o; s may be changed.
func (s groupSet) and(o groupSet) groupSet {
	for len(s) < len(o) {
		s = append(s, 0)
	}
	for i, bits := range o {
		s[i] |= bits
	}
	return s
}

// A group is a set of phrases that mean the same to a rule.
type group struct {
	name string
	in   groupSet // itself and the groups that take it in
}

type pattern struct {
	group    int
	elements []element
}

type element struct {
	alts   []alternative
	gap    int // up to so many words of any kind; alts is empty then
	any    rune
	opt    bool
	simple bool // one word, written in one way
}

type alternative struct {
	parts  []string // one word, or the words that hyphens join
	join   string   // all of them as one word
	prefix bool     // the last part is the beginning of a word
	caps   bool
}

// A hit is one phrase found: the words [from, to) of the text.
type hit struct{ group, from, to int }

func newLexicon() *lexicon {
	return &lexicon{exact: map[string][]int{}, prefix: map[string][]int{}}
}

// add makes a group of phrases. A phrase "@x" takes in the list x, whose group
// lists names.
func (l *lexicon) add(name string, phrases []string, lists map[string]int) (int, error) {
	g := len(l.groups)
	l.groups = append(l.groups, group{name: name, in: groupSet(nil).with(g)})
	for _, text := range phrases {
		if ref, ok := strings.CutPrefix(strings.TrimSpace(text), "@"); ok {
			id, ok := lists[ref]
			if !ok {
				return 0, fmt.Errorf("%s: there is no list %q", name, ref)
			}
			l.groups[id].in = l.groups[id].in.with(g)
			continue
		}
		if err := l.addPhrase(g, text); err != nil {
			return 0, fmt.Errorf("%s: phrase %q: %w", name, text, err)
		}
	}
	return g, nil
}

func (l *lexicon) addPhrase(g int, text string) error {
	p := pattern{group: g}
	for _, field := range strings.Fields(text) {
		e, err := parseElement(field)
		if err != nil {
			return err
		}
		p.elements = append(p.elements, e)
	}
	if len(p.elements) == 0 {
		return fmt.Errorf("is empty")
	}
	first, last := p.elements[0], p.elements[len(p.elements)-1]
	if first.opt || first.gap > 0 || last.gap > 0 {
		return fmt.Errorf("must begin and end with a word")
	}
	id := len(l.patterns)
	l.patterns = append(l.patterns, p)
	return l.index(first, id)
}

func (l *lexicon) index(first element, id int) error {
	if first.any != 0 {
		l.begins = l.begins.with(beginning(string(first.any)))
		l.exact[string(first.any)] = append(l.exact[string(first.any)], id)
		return nil
	}
	put := func(word string, prefix bool) error {
		l.begins = l.begins.with(beginning(word))
		if !prefix {
			l.exact[word] = append(l.exact[word], id)
			return nil
		}
		if len(word) < 3 {
			return fmt.Errorf("%q* is too short", word)
		}
		l.prefix[word[:3]] = append(l.prefix[word[:3]], id)
		return nil
	}
	for _, a := range first.alts {
		if err := put(a.parts[0], a.prefix && len(a.parts) == 1); err != nil {
			return err
		}
		if len(a.parts) > 1 {
			if err := put(a.join, a.prefix); err != nil {
				return err
			}
		}
	}
	return nil
}

func parseElement(field string) (element, error) {
	switch field {
	case "..":
		return element{gap: 3}, nil
	case "...":
		return element{gap: 10}, nil
	case "#", "£":
		return element{any: []rune(field)[0]}, nil
	}
	var e element
	field, e.opt = strings.CutSuffix(field, "?")
	for text := range strings.SplitSeq(field, "/") {
		var a alternative
		text, a.prefix = strings.CutSuffix(text, "*")
		for _, w := range words(text) {
			a.parts = append(a.parts, w.text)
			a.caps = a.caps || w.caps
		}
		if len(a.parts) == 0 {
			return e, fmt.Errorf("%q has no word", field)
		}
		a.join = strings.Join(a.parts, "")
		e.alts = append(e.alts, a)
	}
	e.simple = !e.opt && len(e.alts) == 1 && len(e.alts[0].parts) == 1
	return e, nil
}

// find returns the hits in a text, in the order of their first words.
func (l *lexicon) find(ws []word) []hit {
	var hits []hit
	try := func(ids []int, at int) {
		for _, id := range ids {
			p := &l.patterns[id]
			if end := p.match(ws, at); end > 0 && !seen(hits, p.group, at, end) {
				hits = append(hits, hit{p.group, at, end})
			}
		}
	}
	for i := range ws {
		w := &ws[i]
		if l.begins.has(beginning(w.text)) {
			try(l.exact[w.text], i)
			if len(w.text) >= 3 {
				try(l.prefix[w.text[:3]], i)
			}
		}
		if unicode.IsDigit(rune(w.text[0])) {
			try(l.exact["#"], i)
		}
		if w.hyphen && i+1 < len(ws) {
			whole := w.text + ws[i+1].text
			try(l.exact[whole], i)
			if len(w.text) < 3 && len(whole) >= 3 {
				try(l.prefix[whole[:3]], i)
			}
		}
	}
	return hits
}

func seen(hits []hit, group, from, to int) bool {
	for i := len(hits) - 1; i >= 0 && hits[i].from == from; i-- {
		if hits[i].group == group && hits[i].to == to {
			return true
		}
	}
	return false
}

// match returns where the pattern ends when it begins at word i, or 0.
func (p *pattern) match(ws []word, i int) int { return matchFrom(p.elements, ws, i) }

func matchFrom(es []element, ws []word, i int) int {
	for len(es) > 0 && es[0].simple && i < len(ws) && !ws[i].hyphen {
		if !es[0].alts[0].words(ws, i) {
			return 0
		}
		es, i = es[1:], i+1
	}
	if len(es) == 0 {
		return i
	}
	e := es[0]
	if e.gap > 0 {
		for skip := 0; skip <= e.gap && i+skip < len(ws); skip++ {
			if end := matchFrom(es[1:], ws, i+skip); end > 0 {
				return end
			}
		}
		return 0
	}
	if e.any != 0 {
		if i < len(ws) && ((e.any == '£' && ws[i].text == "£") || (e.any == '#' && unicode.IsDigit(rune(ws[i].text[0])))) {
			return matchFrom(es[1:], ws, i+1)
		}
		return 0
	}
	for _, a := range e.alts {
		for _, next := range a.match(ws, i) {
			if next > 0 {
				if end := matchFrom(es[1:], ws, next); end > 0 {
					return end
				}
			}
		}
	}
	if e.opt {
		return matchFrom(es[1:], ws, i)
	}
	return 0
}

// match returns where the alternative can end when it begins at word i: as the
// words it is written with, and as one word, or as a word that a hyphen parts.
func (a *alternative) match(ws []word, i int) (ends [2]int) {
	if i >= len(ws) {
		return ends
	}
	if a.words(ws, i) {
		ends[0] = i + len(a.parts)
	}
	w := ws[i]
	switch {
	case len(a.parts) > 1:
		if a.same(w.text, a.join) && (!a.caps || w.caps) {
			ends[1] = i + 1
		}
	case w.hyphen && i+1 < len(ws):
		if a.same(w.text+ws[i+1].text, a.join) && (!a.caps || w.caps && ws[i+1].caps) {
			ends[1] = i + 2
		}
	}
	return ends
}

func (a *alternative) words(ws []word, i int) bool {
	if i+len(a.parts) > len(ws) {
		return false
	}
	for k, part := range a.parts {
		w := ws[i+k]
		if last := k == len(a.parts)-1; last && a.prefix {
			if !strings.HasPrefix(w.text, part) {
				return false
			}
		} else if w.text != part {
			return false
		}
		if a.caps && len(part) > 1 && !w.caps && !unicode.IsDigit(rune(part[0])) {
			return false
		}
	}
	return true
}

func (a *alternative) same(text, want string) bool {
	if a.prefix {
		return strings.HasPrefix(text, want)
	}
	return text == want
}

// A tally holds the hits of one text by group.
type tally struct {
	lex  *lexicon
	hits []hit
	seen groupSet
}

func (l *lexicon) tally(ws []word) tally {
	t := tally{lex: l, hits: l.find(ws)}
	if len(t.hits) > 0 {
		t.seen = make(groupSet, (len(l.groups)+63)/64)
		for _, h := range t.hits {
			t.seen.and(l.groups[h.group].in)
		}
	}
	return t
}

// has tells whether a phrase of the group, or of a list it takes in, was found.
func (t tally) has(g int) bool { return t.seen.has(g) }

// first returns the first hit of a group, lists it takes in included.
func (t tally) first(g int) (hit, bool) {
	if !t.seen.has(g) {
		return hit{}, false
	}
	for _, h := range t.hits {
		if t.lex.groups[h.group].in.has(g) {
			return h, true
		}
	}
	return hit{}, false
}
