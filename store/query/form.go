package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Form is what a query says to somebody who would rather fill in boxes than
// learn a language. All that is filled in must fit; nothing filled in is
// everything. A part of text between quotation marks is a phrase.
type Form struct {
	Topics, Bodies, Areas []string // one of each list, where it is not empty
	Committees, Threads   []string // likewise

	Words   string // all of these, what is in capitals only in capitals; one with a minus sign before it must not stand there
	Phrase  string // exactly these, in this order
	Any     string // at least one of these
	Without string // none of these
}

// Query gives the query that means the same. An error is in words for whoever
// filled in the form.
func (f Form) Query() (Query, error) {
	var kids []*node
	for _, list := range []struct {
		field  field
		values []string
	}{{topic, f.Topics}, {body, f.Bodies}, {area, f.Areas}, {committee, f.Committees}, {thread, f.Threads}} {
		n, err := oneOf(list.field, list.values)
		if err != nil {
			return Query{}, err
		}
		kids = addKid(kids, opAll, n)
	}
	all, err := runs(f.Words)
	if err != nil {
		return Query{}, err
	}
	for _, r := range all {
		if r.not {
			r.node = &node{op: opNot, kids: []*node{r.node}}
		}
		kids = append(kids, r.node)
	}
	if n := wordsOf(f.Phrase, true); n != nil {
		kids = append(kids, n)
	}
	some, err := runs(withoutWord(f.Any, "OR"))
	if err != nil {
		return Query{}, err
	}
	var either []*node
	for _, r := range some {
		if r.not {
			return Query{}, errors.New("a minus sign among the words of which any will do: put what must not be there into its own box")
		}
		either = append(either, r.node)
	}
	kids = addKid(kids, opAll, group(opAny, either))
	none, err := runs(f.Without)
	if err != nil {
		return Query{}, err
	}
	for _, r := range none {
		kids = append(kids, &node{op: opNot, kids: []*node{r.node}})
	}
	q := Query{root: group(opAll, kids)}
	if n := utf8.RuneCountInString(q.String()); n > MaxLength {
		return Query{}, fmt.Errorf("that is too much: written as one line it has %d characters, at most %d can be kept", n, MaxLength)
	}
	return q, nil
}

// withoutWord drops a word that stands alone.
func withoutWord(s, word string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(s), func(w string) bool { return w == word }), " ")
}

// oneOf is a field with its values, nil where there are none.
func oneOf(f field, values []string) (*node, error) {
	n := &node{op: opField, field: f}
	for _, v := range values {
		s := slug(v)
		if known := f.words(); known != nil {
			i := slices.IndexFunc(known, func(k string) bool { return f.key(k) == f.key(s) })
			if i < 0 {
				return nil, fmt.Errorf("there is no %s %s", f, clip(s))
			}
			s = known[i]
		}
		if s == "" {
			return nil, fmt.Errorf("a %s without a name", f)
		}
		if k := f.key(s); !slices.Contains(n.keys, k) {
			n.values, n.keys = append(n.values, s), append(n.keys, k)
		}
	}
	if len(n.values) == 0 {
		return nil, nil
	}
	return n, nil
}

// A run is a word or phrase in a box.
type run struct {
	node *node
	not  bool
}

// runs cuts what was typed into a box. What looks like the language of queries
// and would be taken for plain words is refused: it would match nothing for ever.
func runs(s string) ([]run, error) {
	var out []run
	p := newParser(s)
	for {
		p.space()
		if p.pos >= len(p.in) {
			return out, nil
		}
		var r run
		if r.not = p.is(minus); r.not {
			_, size := p.next()
			if p.pos += size; p.pos >= len(p.in) {
				return out, nil
			}
		}
		if p.is(quote) {
			s, err := p.quoted()
			if err != nil {
				return nil, errors.New("a quotation mark is never closed")
			}
			r.node = wordsOf(s, true)
		} else {
			word := p.boxed()
			switch name, _, colon := strings.Cut(word, ":"); {
			case word == "AND", word == "&":
				continue
			case word == "OR", word == "NOT":
				return nil, fmt.Errorf("%s among the words: write it into the line instead, or use the other boxes", word)
			case colon && isField(name):
				return nil, fmt.Errorf("%s among the words: write it into the line instead", clip(word))
			}
			r.node = wordsOf(word, false)
		}
		if r.node != nil {
			out = append(out, r)
		}
	}
}

// boxed reads up to a space or quotation mark, one character at least.
func (p *parser) boxed() string {
	at := p.pos
	for {
		_, size := p.next()
		p.pos += size
		if p.pos >= len(p.in) || p.is(blank) || p.is(quote) {
			return p.in[at:p.pos]
		}
	}
}

func isField(name string) bool {
	for f := range fields {
		if strings.EqualFold(f.String(), name) {
			return true
		}
	}
	return false
}

// wordsOf is a run of words as a node, nil where there is no word in it.
func wordsOf(s string, quoted bool) *node {
	n, err := new(parser).words(0, s, quoted)
	if err != nil {
		return nil
	}
	return n
}

// FormOf gives the form that means the same as a query; false where a form
// cannot say it.
func FormOf(q Query) (f Form, ok bool) {
	if q.root == nil {
		return f, true
	}
	kids := []*node{q.root}
	if q.root.op == opAll {
		kids = q.root.kids
	}
	for _, n := range kids {
		if !f.take(n) {
			return Form{}, false
		}
	}
	return f, true
}

// take puts one part of a query into its box.
func (f *Form) take(n *node) bool {
	switch n.op {
	case opField:
		list := map[field]*[]string{topic: &f.Topics, body: &f.Bodies, area: &f.Areas, committee: &f.Committees, thread: &f.Threads}[n.field]
		if list == nil || *list != nil {
			return false
		}
		*list = slices.Clone(n.values)
	case opWords:
		if s := printed(n); n.mode == exact && f.Phrase == "" {
			f.Phrase = strings.Trim(s, `"`)
		} else {
			f.Words = beside(f.Words, s)
		}
	case opNot:
		if n.kids[0].op != opWords {
			return false
		}
		f.Without = beside(f.Without, printed(n.kids[0]))
	case opAny:
		if f.Any != "" || slices.ContainsFunc(n.kids, func(k *node) bool { return k.op != opWords }) {
			return false
		}
		for _, k := range n.kids {
			f.Any = beside(f.Any, printed(k))
		}
	default:
		return false
	}
	return true
}

func printed(n *node) string {
	var b strings.Builder
	n.print(&b, true)
	return b.String()
}

func beside(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// Field is the query that asks one field (topic, body, area, kind, source, tier
// or stage) for one value.
func Field(name, value string) (Query, error) {
	for f := range fields {
		if f.String() == name {
			n, err := oneOf(f, []string{value})
			return Query{root: n}, err
		}
	}
	return Query{}, fmt.Errorf("there is no field %s", clip(name))
}
