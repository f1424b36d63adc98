package query

import (
	"hash/fnv"
	"slices"
)

// A Gist is little of some facts, by which most queries that do not fit them are
// told without asking: hashes of their words and values, in order. Some 4 bytes
// a word.
type Gist []uint32

// Gist is that of the facts, with all their passages.
func (p *Prepared) Gist() Gist {
	var g Gist
	for _, stem := range p.lexicon.stems { // of the passages, too
		g = append(g, hash(wordKey(stem)))
	}
	for i, list := range p.lists {
		for _, v := range list {
			g = append(g, hash(fieldKey(field(i), v)))
		}
	}
	slices.Sort(g)
	return slices.Clip(slices.Compact(g))
}

// Wants are what a query needs of facts to fit them: one of each list.
type Wants [][]uint32

// Wants are those of the query; none where it may fit anything.
func (q Query) Wants() Wants {
	if q.root == nil {
		return nil
	}
	var out Wants
	for _, keys := range q.root.wants() {
		var list []uint32
		for _, k := range keys {
			list = append(list, hash(k))
		}
		out = append(out, list)
	}
	return out
}

// In tells whether facts of that gist may fit; false: they do not.
func (w Wants) In(g Gist) bool {
	for _, either := range w {
		if !slices.ContainsFunc(either, func(h uint32) bool { _, ok := slices.BinarySearch(g, h); return ok }) {
			return false
		}
	}
	return true
}

// wants are sets of keys of each of which at least one is there whenever the
// query fits.
func (n *node) wants() [][]string {
	var out [][]string
	switch n.op {
	case opAll: // what each of its parts needs
		for _, k := range n.kids {
			out = append(out, k.wants()...)
		}
	case opAny: // one of what its parts need
		var either []string
		for _, k := range n.kids {
			sets := k.wants()
			if len(sets) == 0 {
				return nil
			}
			either = append(either, sets[0]...)
		}
		out = append(out, either)
	case opNot:
	case opField: // one of the values
		var either []string
		for _, v := range n.keys {
			either = append(either, fieldKey(n.field, v))
		}
		out = append(out, either)
	case opWords: // all of the words; in capitals the first for sure, since a plural may have another stem
		terms := n.terms
		if n.mode == capitals {
			terms = terms[:1]
		}
		for _, t := range terms {
			out = append(out, []string{wordKey(t.stem)})
		}
	}
	return out
}

// The keys: a letter for what it is, then the value as it is compared.

func wordKey(stem string) string { return "w" + stem }

func fieldKey(f field, v string) string { return string(rune('0'+f)) + v }

func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}
