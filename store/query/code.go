package query

import "encoding/binary"

// The code of a query is its tree as bytes, and means what node.match means. A
// part begins with its kind (and how closely a word must agree, or which field
// it is); all numbers are varints.
//
//	all, any   how many bytes its parts have, then the parts
//	not        the part
//	field      how many values, then the key of each
//	words      how many, then the key of each stem; where the spelling counts,
//	           each with the number of its spelling
//
// In a Filing, the number of the query goes before it, twice, plus one if it is
// filed under several keys.

const kindBits = 3

func kind8(o op, detail uint8) byte { return byte(o) | detail<<kindBits }

// encode appends the code of a part to the Filer's. asked tells whether the
// part is asked for rather than excluded.
func (f *Filer) encode(n *node, asked bool) {
	switch n.op {
	case opAll, opAny:
		f.code = append(f.code, kind8(n.op, 0))
		begin := len(f.code)
		for _, k := range n.kids {
			f.encode(k, asked)
		}
		var size [binary.MaxVarintLen64]byte
		s := binary.PutUvarint(size[:], uint64(len(f.code)-begin)) //nolint:gosec // never negative
		f.code = append(f.code, size[:s]...)
		copy(f.code[begin+s:], f.code[begin:len(f.code)-s])
		copy(f.code[begin:], size[:s])
	case opNot:
		f.code = append(f.code, kind8(opNot, 0))
		f.encode(n.kids[0], false)
	case opField:
		f.code = append(f.code, kind8(opField, uint8(n.field)))
		f.number(len(n.keys))
		for _, v := range n.keys {
			f.number(int(f.value(n.field, v, asked)))
		}
	case opWords:
		f.code = append(f.code, kind8(opWords, uint8(n.mode)))
		f.number(len(n.terms))
		for _, t := range n.terms {
			f.number(int(f.stem(t.stem, asked)))
			if n.mode != stems {
				f.number(f.spelling(t.word))
			}
		}
	}
}

func (f *Filer) number(n int) { f.code = binary.AppendUvarint(f.code, uint64(n)) } //nolint:gosec // never negative

// A reader goes through code.
type reader struct {
	code []byte
	at   int
}

func (r *reader) kind() (o op, detail uint8) {
	c := r.code[r.at]
	r.at++
	return op(c & (1<<kindBits - 1)), c >> kindBits
}

func (r *reader) number() int {
	if c := r.code[r.at]; c < 0x80 {
		r.at++
		return int(c)
	}
	n, size := binary.Uvarint(r.code[r.at:])
	r.at += size
	return int(n) //nolint:gosec // encode wrote it
}

func (r *reader) key() key { return key(r.number()) } //nolint:gosec // likewise

// A want is one word of a phrase that is looked for.
type want struct {
	stem  int32 // in the lexicon of the text
	spelt int
}

// fits tells whether the part of a query whose code is next fits.
func (a *asker) fits(r *reader) bool {
	switch o, detail := r.kind(); o {
	case opAll, opAny:
		size := r.number()
		end := r.at + size
		for r.at < end {
			if fits := a.fits(r); fits == (o == opAny) {
				r.at = end
				return fits
			}
		}
		return o == opAll
	case opNot:
		return !a.fits(r)
	case opField:
		fits := false
		for n := r.number(); n > 0; n-- {
			fits = a.there.has(r.key()) || fits
		}
		return fits
	default:
		return a.phrase(r, mode(detail))
	}
}

// phrase is Prepared.find for code: first by the numbers of the stems, then, if
// it counts, by the spelling.
func (a *asker) phrase(r *reader, m mode) bool {
	n := r.number()
	a.terms = a.terms[:0]
	missing := false
	for range n {
		w := want{stem: a.there.stem(r.key())}
		if m != stems {
			w.spelt = r.number()
		}
		missing = missing || w.stem == nowhere
		a.terms = append(a.terms, w)
	}
	if missing {
		return false
	}
	p := a.one
	if n == 1 && m == stems {
		return p.at(a.terms[0].stem) != nowhere
	}
next:
	for at := p.at(a.terms[0].stem); at != nowhere; at = p.next[at] {
		if int(at)+n > len(p.words) {
			return false
		}
		for i, w := range a.terms {
			if p.stem(int(at)+i) != w.stem {
				continue next
			}
		}
		if m != stems && !a.spelt(m, int(at)) {
			continue
		}
		return true
	}
	return false
}

func (a *asker) spelt(m mode, at int) bool {
	for i, w := range a.terms {
		if t := a.one.token(at + i); !t.fits(m, term{stem: t.stem, word: a.x.spelt[w.spelt]}) {
			return false
		}
	}
	return true
}
