package query

import "slices"

// Prepared are facts cut into words once, to be asked many times.
type Prepared struct {
	lists  [fields][]string // slugs; of fields with a fixed list, stems of them
	words  *lexicon
	tokens []token
	stems  []int32 // of each token, as the lexicon numbers them
	next   []int32 // of each token: where its stem stands again; nowhere
	first  []int32 // of each stem: where it stands first; nowhere, as behind the end

	passages []*Prepared // the same facts with one passage each
}

const nowhere = -1

// A lexicon numbers the stems of facts and of all their passages.
type lexicon struct {
	numbers map[string]int32 // by stem
	stems   []string
	read    map[string]cutting // by word as printed; nil once all is cut
}

// A cutting is a word that was met, which most are several times.
type cutting struct {
	token token
	stem  int32
}

func (l *lexicon) look(raw string) cutting {
	c, known := l.read[raw]
	if !known {
		c.token = makeToken(raw)
		if c.stem, known = l.numbers[c.token.stem]; !known {
			c.stem = int32(len(l.stems)) //nolint:gosec // a text has far fewer than 2^31 words
			l.numbers[c.token.stem] = c.stem
			l.stems = append(l.stems, c.token.stem)
		}
		l.read[raw] = c
	}
	return c
}

// Prepare cuts the facts into words. The result is immutable and safe for
// concurrent use.
func Prepare(f Facts) *Prepared {
	size := len(f.Text)/16 + 8 // a guess
	p := &Prepared{words: &lexicon{numbers: make(map[string]int32, size), read: make(map[string]cutting, size)}}
	for i, list := range f.lists() {
		for _, v := range list {
			if s := field(i).key(v); s != "" && !slices.Contains(p.lists[i], s) {
				p.lists[i] = append(p.lists[i], s)
			}
		}
	}
	p.cut(f.Text)
	p.index()
	for _, s := range f.Passages {
		x := &Prepared{lists: p.lists, words: p.words, tokens: slices.Clone(p.tokens), stems: slices.Clone(p.stems)}
		x.cut(s) // as if it stood on a line behind the text: no word goes across
		x.index()
		p.passages = append(p.passages, x)
	}
	p.words.read = nil
	return p
}

// cut adds the words of a text.
func (p *Prepared) cut(text string) {
	more := len(text)/6 + 1
	p.tokens, p.stems = slices.Grow(p.tokens, more), slices.Grow(p.stems, more)
	cut(text, func(raw string) {
		c := p.words.look(raw)
		p.tokens, p.stems = append(p.tokens, c.token), append(p.stems, c.stem)
	})
}

func (p *Prepared) index() {
	p.first = make([]int32, len(p.words.stems))
	for i := range p.first {
		p.first[i] = nowhere
	}
	p.next = make([]int32, len(p.stems))
	for i, s := range slices.Backward(p.stems) {
		p.next[i], p.first[s] = p.first[s], int32(i) //nolint:gosec // as above
	}
}

// at is where a stem of the lexicon stands first, or nowhere.
func (p *Prepared) at(stem int32) int32 {
	if int(stem) < len(p.first) {
		return p.first[stem]
	}
	return nowhere
}

// key is the value as it is compared: where the list is fixed, tender and
// tenders are one.
func (f field) key(v string) string {
	s := slug(v)
	if f.listed() {
		return stem(s)
	}
	return s
}

func (p *Prepared) has(f field, keys []string) bool {
	for _, v := range keys {
		if slices.Contains(p.lists[f], v) {
			return true
		}
	}
	return false
}

// find tells whether the terms stand next to each other.
func (p *Prepared) find(m mode, terms []term) bool {
	stem, known := p.words.numbers[terms[0].stem]
	if !known {
		return false
	}
next:
	for at := p.at(stem); at != nowhere; at = p.next[at] {
		if int(at)+len(terms) > len(p.tokens) {
			return false
		}
		for i, t := range terms {
			if !p.tokens[int(at)+i].fits(m, t) {
				continue next
			}
		}
		return true
	}
	return false
}

// fits tells whether a word of a text is the one a query means. Whatever the
// mode, their stems are then the same.
func (t token) fits(m mode, w term) bool {
	switch m {
	case exact:
		return t.word == w.word
	case capitals:
		if w.word == "&" {
			return t.word == w.stem
		}
		// ICBs are ICB too, but not GASs: its stem is another, as an index has it
		return t.raw == w.word || t.stem == w.stem && len(t.raw) == len(w.word)+1 && t.raw[:len(w.word)] == w.word && t.raw[len(w.word)] == 's'
	default:
		return t.stem == w.stem
	}
}
