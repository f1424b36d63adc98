package query

import "hash/fnv"

// A Filing finds, out of very many queries, those that fit some facts, without
// asking each. Every query has things that must be there for it to fit: a word,
// or one of the values of a field. It is filed under the one that is likely to
// turn up least, with a mark of another, and asked itself only where both turn
// up. A query without such a thing ("-parking", or nothing at all) is always
// asked. What the Filing gives is what asking all of them would give. It is
// immutable and safe for concurrent use.
type Filing struct {
	queries []Query
	always  []int32
	under   map[string][]filedQuery
	several map[int32]bool // those that are filed under more than one key
}

// A filedQuery has its number, and the hash of another key that must be there;
// 0: of none.
type filedQuery struct {
	number int32
	also   uint32
}

// NewFiling files queries. Their place in the slice, which the Filing keeps, is
// their number.
func NewFiling(queries []Query) *Filing {
	x := &Filing{queries: queries, under: map[string][]filedQuery{}, several: map[int32]bool{}}
	u := usage{of: map[string]int32{}}
	for _, q := range queries {
		u.count(q.root)
	}
	for i, q := range queries {
		n := int32(i)
		first, second := u.best(q.root.needs(&u))
		if first == nil {
			x.always = append(x.always, n)
			continue
		}
		for _, k := range first {
			at := x.under[k]
			if len(at) > 0 && at[len(at)-1].number == n {
				continue
			}
			x.under[k] = append(at, filedQuery{n, second})
		}
		if len(first) > 1 {
			x.several[n] = true
		}
	}
	return x
}

// Len is how many queries are filed.
func (x *Filing) Len() int { return len(x.queries) }

// Match calls f with the number of each query that fits, once, in no particular
// order.
func (x *Filing) Match(p *Prepared, f func(number int)) {
	for _, n := range x.always {
		if x.queries[n].MatchPrepared(p) {
			f(int(n))
		}
	}
	var there marks
	keys := make([]string, 0, len(p.at)+16)
	for stem := range p.at {
		keys = append(keys, wordKey(stem))
	}
	for i, list := range p.lists {
		for _, v := range list {
			keys = append(keys, fieldKey(field(i), v))
		}
	}
	for _, k := range keys {
		there.set(hash(k))
	}
	var seen map[int32]bool
	for _, k := range keys {
		for _, q := range x.under[k] {
			if q.also != 0 && !there.has(q.also) {
				continue
			}
			if x.several[q.number] {
				if seen[q.number] {
					continue
				}
				if seen == nil {
					seen = map[int32]bool{}
				}
				seen[q.number] = true
			}
			if x.queries[q.number].MatchPrepared(p) {
				f(int(q.number))
			}
		}
	}
}

// marks are a set of hashes that may take one for another.
type marks [1 << 11]uint64

func (m *marks) set(h uint32)      { m[h>>6&(1<<11-1)] |= 1 << (h & 63) }
func (m *marks) has(h uint32) bool { return m[h>>6&(1<<11-1)]&(1<<(h&63)) != 0 }

func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return max(h.Sum32(), 1)
}

// The keys: a letter for what it is, then the value as it is compared.

func wordKey(stem string) string { return "w" + stem }

func fieldKey(f field, v string) string { return string(rune('0'+f)) + v }

// needs are sets of keys of each of which at least one is there whenever the
// query fits.
func (n *node) needs(u *usage) [][]string {
	if n == nil {
		return nil
	}
	var out [][]string
	switch n.op {
	case opAll: // what each of its parts needs
		for _, k := range n.kids {
			out = append(out, k.needs(u)...)
		}
	case opAny: // one of what its parts need
		var either []string
		for _, k := range n.kids {
			one, _ := u.best(k.needs(u))
			if one == nil {
				return nil
			}
			either = append(either, one...)
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

// A usage is how often each key is asked for, and each kind of key, from which
// it is guessed how often one turns up.
type usage struct {
	of     map[string]int32
	words  int           // all of them
	values [fields]int32 // how many different ones
}

func (u *usage) count(n *node) {
	if n == nil || n.op == opNot {
		return
	}
	for _, k := range n.kids {
		u.count(k)
	}
	switch n.op {
	case opWords:
		for _, t := range n.terms {
			u.of[wordKey(t.stem)]++
			u.words++
		}
	case opField:
		for _, v := range n.keys {
			k := fieldKey(n.field, v)
			if u.of[k]++; u.of[k] == 1 {
				u.values[n.field]++
			}
		}
	case opAll, opAny, opNot:
	}
}

// wordsOfText is how many different words a notice may have.
const wordsOfText = 300

// chance guesses how likely one of some keys is to turn up: a word the more
// often it is asked for; a value as if it were one of those asked for, of which
// there may be two at once.
func (u *usage) chance(keys []string) float64 {
	sum := 0.0
	for _, k := range keys {
		if k[0] == 'w' {
			sum += min(1, wordsOfText*float64(u.of[k])/float64(u.words))
			continue
		}
		f := field(k[0] - '0')
		n := float64(u.values[f])
		if known := f.words(); known != nil {
			n = max(n, 3)
		}
		if f == tier {
			n = 1
		}
		sum += min(1, 2/n)
	}
	return sum
}

// best picks the set of keys to file a query under, and the hash of a key of
// another, where there is one.
func (u *usage) best(sets [][]string) (first []string, second uint32) {
	at, least := -1, 0.0
	for i, s := range sets {
		if c := u.chance(s); at < 0 || c < least {
			at, least = i, c
		}
	}
	if at < 0 {
		return nil, 0
	}
	next := 2.0
	for i, s := range sets {
		if i == at || len(s) != 1 || len(sets[at]) == 1 && s[0] == sets[at][0] {
			continue
		}
		if c := u.chance(s); c < next {
			next, second = c, hash(s[0])
		}
	}
	return sets[at], second
}
