package query

import "slices"

// Prepared are facts cut into words once, to be asked many times.
type Prepared struct {
	lists  [fields][]string // slugs; of fields with a fixed list, stems of them
	tokens []token
	at     map[string][]int32 // stem -> where in tokens

	passages []*Prepared // the same facts with one passage each
}

// Prepare cuts the facts into words. The result is immutable and safe for
// concurrent use.
func Prepare(f Facts) *Prepared {
	p := &Prepared{tokens: tokenise(f.Text)}
	for i, list := range f.lists() {
		for _, v := range list {
			if s := field(i).key(v); s != "" && !slices.Contains(p.lists[i], s) {
				p.lists[i] = append(p.lists[i], s)
			}
		}
	}
	p.index()
	for _, s := range f.Passages {
		x := &Prepared{lists: p.lists, tokens: tokenise(f.Text + "\n" + s)}
		x.index()
		p.passages = append(p.passages, x)
	}
	return p
}

func (p *Prepared) index() {
	p.at = make(map[string][]int32, len(p.tokens))
	for i, t := range p.tokens {
		p.at[t.stem] = append(p.at[t.stem], int32(i)) // a text has far fewer than 2^31 words
	}
}

// key is the value as it is compared: where the list is fixed, tender and
// tenders are one.
func (f field) key(v string) string {
	s := slug(v)
	if f.words() != nil {
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
next:
	for _, at := range p.at[terms[0].stem] {
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

func (t token) fits(m mode, w term) bool {
	switch m {
	case exact:
		return t.word == w.word
	case capitals:
		if w.word == "&" {
			return t.word == w.stem
		}
		// ICBs are ICB too
		return t.raw == w.word || len(t.raw) == len(w.word)+1 && t.raw[:len(w.word)] == w.word && t.raw[len(w.word)] == 's'
	default:
		return t.stem == w.stem
	}
}
