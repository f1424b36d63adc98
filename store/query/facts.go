package query

import "slices"

// Prepared are facts cut into words once, to be asked many times.
type Prepared struct {
	lists   [fields][]string // slugs; of fields with a fixed list, stems of them
	lexicon *lexicon
	words   []int32 // of the text, in order, as the lexicon numbers them
	next    []int32 // of each of these: where its stem stands again, or nowhere
	first   []int32 // of each stem: where it stands first, or nowhere

	passages []*Prepared // the same facts with one passage each
}

const nowhere = -1

// A lexicon numbers the different words of facts and of all their passages, and
// their stems. Most words of a text stand there several times.
type lexicon struct {
	words   []token
	stemOf  []int32 // of each word
	stems   []string
	numbers map[string]int32 // of stems

	read map[string]int32 // the number of a word as printed; nil once all is cut
}

func (l *lexicon) number(raw string) int32 {
	n, known := l.read[raw]
	if known {
		return n
	}
	t := makeToken(raw)
	stem, known := l.numbers[t.stem]
	if !known {
		stem = int32(len(l.stems)) //nolint:gosec // a text has far fewer than 2^31 words
		l.stems = append(l.stems, t.stem)
		l.numbers[t.stem] = stem
	}
	n = int32(len(l.words)) //nolint:gosec // as above
	l.words, l.stemOf = append(l.words, t), append(l.stemOf, stem)
	l.read[raw] = n
	return n
}

// Prepare cuts the facts into words. The result is immutable and safe for
// concurrent use.
func Prepare(f Facts) *Prepared {
	size := len(f.Text)/16 + 8 // a guess
	p := &Prepared{lexicon: &lexicon{
		words: make([]token, 0, size), stemOf: make([]int32, 0, size), stems: make([]string, 0, size),
		numbers: make(map[string]int32, size), read: make(map[string]int32, size),
	}}
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
		x := &Prepared{lists: p.lists, lexicon: p.lexicon, words: slices.Clone(p.words)}
		x.cut(s) // as if it stood on a line behind the text: no word goes across
		x.index()
		p.passages = append(p.passages, x)
	}
	p.lexicon.read = nil
	return p
}

// cut adds the words of a text.
func (p *Prepared) cut(text string) {
	p.words = slices.Grow(p.words, len(text)/6+1)
	cut(text, func(raw string) { p.words = append(p.words, p.lexicon.number(raw)) })
}

func (p *Prepared) index() {
	p.first = make([]int32, len(p.lexicon.stems))
	for i := range p.first {
		p.first[i] = nowhere
	}
	p.next = make([]int32, len(p.words))
	for i, w := range slices.Backward(p.words) {
		stem := p.lexicon.stemOf[w]
		p.next[i], p.first[stem] = p.first[stem], int32(i) //nolint:gosec // as above
	}
}

// stem is the number of the stem of a word of the text.
func (p *Prepared) stem(at int) int32 { return p.lexicon.stemOf[p.words[at]] }

func (p *Prepared) token(at int) token { return p.lexicon.words[p.words[at]] }

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
	stem, known := p.lexicon.numbers[terms[0].stem]
	if !known {
		return false
	}
next:
	for at := p.at(stem); at != nowhere; at = p.next[at] {
		if int(at)+len(terms) > len(p.words) {
			return false
		}
		for i, t := range terms {
			if !p.token(int(at)+i).fits(m, t) {
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
