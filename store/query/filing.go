package query

import "math/bits"

// A Filing finds, out of very many queries, those that fit some facts, without
// asking each. Every query has things that must be there for it to fit: a word,
// or one of the values of a field. It is filed under the one that is likely to
// turn up least, with a mark of another, and asked itself only where both turn
// up. A query without such a thing ("-parking", or nothing at all) is always
// asked. What the Filing gives is what asking all of them would give. It is
// made by a Filer, immutable and safe for concurrent use.
//
// It keeps no Query, but a few bytes of each (see code.go), in the order in
// which they are filed, so that a million lie close together.
type Filing struct {
	words  map[string]key         // by stem
	values [fields]map[string]key // as compared
	pairs  map[pair]key           // of common words that stand next to each other in a phrase
	spelt  []string               // how the words of phrases and acronyms are spelt
	count  int

	from  []uint32 // under a key: under[from[key]:from[key+1]]; under 0 what is always asked
	under []posting
	code  []byte
}

// A key is the number of a thing that a query may need; 0 is nothing.
type key uint32

// A pair is two stems, one right after the other.
type pair struct{ first, second key }

// A posting is of a query: another key that must be there, and where its code begins.
type posting struct {
	also key
	at   uint32
}

// Len is how many queries are filed.
func (x *Filing) Len() int { return x.count }

// Match calls f with the number of each query that fits, once, in no particular
// order.
func (x *Filing) Match(p *Prepared, f func(number int)) {
	if x.count == 0 {
		return
	}
	a := x.about(p)
	seen := map[int]bool{} // of those that are filed under several keys
	for _, k := range a.keys {
		for _, q := range x.under[x.from[k]:x.from[k+1]] {
			if q.also != 0 && !a.there.has(q.also) {
				continue
			}
			number, several, fits := a.ask(q.at, seen)
			if !fits {
				continue
			}
			if several {
				seen[number] = true
			}
			f(number)
		}
	}
}

// An asker knows what there is in some facts.
type asker struct {
	x     *Filing
	all   *Prepared
	one   *Prepared // the passage that is asked about, or all
	keys  []key     // 0, and those of what there is, each once
	there present
	terms []want // of the phrase that is looked for
}

// about looks the words and values of facts up, each once.
func (x *Filing) about(p *Prepared) *asker {
	a := &asker{x: x, all: p, one: p, keys: []key{0}, there: newPresent(2 * len(p.lexicon.stems))}
	stems := make([]key, len(p.lexicon.stems))
	for i, s := range p.lexicon.stems {
		if k := x.words[s]; k != 0 {
			stems[i] = k
			a.add(k, int32(i))
		}
	}
	for i, list := range p.lists {
		for _, v := range list {
			if k := x.values[i][v]; k != 0 {
				a.add(k, nowhere)
			}
		}
	}
	if len(x.pairs) > 0 {
		a.pair(p, stems)
		for _, one := range p.passages {
			a.pair(one, stems)
		}
	}
	return a
}

func (a *asker) add(k key, stem int32) {
	if a.there.put(k, stem) {
		a.keys = append(a.keys, k)
	}
}

// pair looks the pairs of words up that stand next to each other.
func (a *asker) pair(p *Prepared, stems []key) {
	var first key
	for at := range p.words {
		second := stems[p.stem(at)]
		if first != 0 && second != 0 {
			if k := a.x.pairs[pair{first, second}]; k != 0 {
				a.add(k, nowhere)
			}
		}
		first = second
	}
}

// ask asks the query whose code begins at a place, unless it was seen.
func (a *asker) ask(at uint32, seen map[int]bool) (number int, several, fits bool) {
	r := reader{a.x.code, int(at)}
	head := r.number()
	number, several = head>>1, head&1 != 0
	if several && seen[number] {
		return number, several, false
	}
	if len(a.all.passages) == 0 {
		return number, several, a.fits(&r)
	}
	begin := r.at
	for _, a.one = range a.all.passages {
		if r.at = begin; a.fits(&r) {
			return number, several, true
		}
	}
	return number, several, false
}

// present is a set of keys, those of stems with their number in the lexicon.
// It is asked for every query that is filed under a word of the text, which a
// map would be too slow for.
type present struct {
	slots []presence // a power of two, most of them empty
	shift int
	n     int
}

type presence struct {
	key  key // 0: empty
	stem int32
}

func newPresent(about int) present {
	n := bits.Len(uint(max(2*about, 64)))
	return present{slots: make([]presence, 1<<n), shift: 64 - n}
}

func (s *present) slot(k key) *presence {
	for i := uint64(k) * 0x9e3779b97f4a7c15 >> s.shift; ; i++ {
		x := &s.slots[i&uint64(len(s.slots)-1)] //nolint:gosec // there are some
		if x.key == k || x.key == 0 {
			return x
		}
	}
}

// put tells whether the key is new.
func (s *present) put(k key, stem int32) bool {
	if 2*s.n >= len(s.slots) {
		was := s.slots
		*s = newPresent(len(was))
		for _, x := range was {
			if x.key != 0 {
				s.put(x.key, x.stem)
			}
		}
	}
	x := s.slot(k)
	if x.key == k {
		return false
	}
	*x = presence{k, stem}
	s.n++
	return true
}

func (s *present) has(k key) bool { return s.slot(k).key == k }

// stem is the number of a stem in the lexicon, or nowhere.
func (s *present) stem(k key) int32 {
	if x := s.slot(k); x.key == k {
		return x.stem
	}
	return nowhere
}
