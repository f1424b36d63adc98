package query

import (
	"encoding/binary"
	"slices"
	"strings"
)

// A Filer takes queries and makes a Filing of them.
type Filer struct {
	words     map[string]key
	values    [fields]map[string]key
	spellings map[string]int
	spelt     []string
	things    []thing // by key
	code      []byte  // of all, one after the other
	ends      []uint32
}

// A thing is what a key stands for: a word, or a value of a field.
type thing struct {
	asked int32 // in how many places of queries
	field field // fields: a word
}

// NewFiler gives a Filer without queries.
func NewFiler() *Filer {
	f := &Filer{words: map[string]key{}, spellings: map[string]int{}, things: make([]thing, 1)}
	for i := range f.values {
		f.values[i] = map[string]key{}
	}
	return f
}

// Add takes a query. Its number is how many there were before.
func (f *Filer) Add(q Query) {
	root := q.root
	if root == nil {
		root = &node{op: opAll}
	}
	f.encode(root, true)
	f.ends = append(f.ends, uint32(len(f.code))) //nolint:gosec // 4 GB are 200 million queries
}

func (f *Filer) stem(s string, asked bool) key { return f.key(f.words, s, fields, asked) }

func (f *Filer) value(of field, v string, asked bool) key { return f.key(f.values[of], v, of, asked) }

func (f *Filer) key(keys map[string]key, s string, of field, asked bool) key {
	k, known := keys[s]
	if !known {
		k = key(len(f.things)) //nolint:gosec // fewer than there are bytes of code
		f.things = append(f.things, thing{field: of})
		keys[strings.Clone(s)] = k // not the whole query it is cut from
	}
	if asked {
		f.things[k].asked++
	}
	return k
}

func (f *Filer) spelling(word string) int {
	n, known := f.spellings[word]
	if !known {
		n = len(f.spelt)
		word = strings.Clone(word)
		f.spelt, f.spellings[word] = append(f.spelt, word), n
	}
	return n
}

// Filing files the queries under what a sample of facts seldom had, or never;
// without one (nil) under what few queries ask for. It numbers them so that those
// under one key follow each other: numbers are those of the queries in the order
// in which they were added. The Filer is of no use afterwards.
func (f *Filer) Filing(s *Sample) (x *Filing, numbers []int32) {
	x = &Filing{words: f.words, values: f.values, spelt: slices.Clip(f.spelt), count: len(f.ends)}
	c := chooser{reader: reader{code: f.code}, chance: f.chances(s), pairs: map[pair]key{}}
	places := make([]place, 0, len(f.ends))
	for n := range f.ends {
		best := c.next()
		at := place{best.one, best.also, int32(n), len(best.more) > 0}
		places = append(places, at)
		for _, at.key = range best.more {
			places = append(places, at)
		}
	}
	x.pairs = c.pairs
	x.from = make([]uint32, len(c.chance)+1)
	for _, p := range places {
		x.from[p.key+1]++
	}
	for k := range c.chance {
		x.from[k+1] += x.from[k]
	}
	return x, x.lay(f, sorted(places, x.from))
}

// A place is a key that a query is filed under; 0 is for those that are always asked.
type place struct {
	key, also key
	query     int32
	several   bool // there are more for this query
}

// sorted puts places in the order of their keys, given where each key begins.
func sorted(places []place, from []uint32) []place {
	out := make([]place, len(places))
	next := slices.Clone(from)
	for _, p := range places {
		out[next[p.key]] = p
		next[p.key]++
	}
	return out
}

// lay fills under, and puts the code of the queries into that order, in which it
// numbers them.
func (x *Filing) lay(f *Filer, places []place) (numbers []int32) {
	x.under = make([]posting, len(places))
	x.code = make([]byte, 1, 1+len(f.code)+4*len(f.ends)) // nothing begins at 0
	laid := make([]uint32, len(f.ends))
	numbers = make([]int32, len(f.ends))
	next := int32(0)
	for i, p := range places {
		at := &laid[p.query]
		if *at == 0 {
			*at = uint32(len(x.code)) //nolint:gosec // as in Add
			numbers[p.query] = next
			head := uint64(next) << 1
			if p.several {
				head |= 1
			}
			begin := uint32(0)
			if p.query > 0 {
				begin = f.ends[p.query-1]
			}
			x.code = append(binary.AppendUvarint(x.code, head), f.code[begin:f.ends[p.query]]...)
			next++
		}
		x.under[i] = posting{p.also, *at}
	}
	x.code = slices.Clip(x.code)
	return numbers
}
