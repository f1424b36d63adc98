// Package query is the one language in which people say what they want: in the
// search box, on the command line and in a subscription. The rest of this
// comment is help for them.
//
//	dialysis leicester            both words, in any order
//	tender                        also tenders, tendering, tendered
//	"end of life care"            exactly these words, in this order
//	ICB                           only in capitals: ICB, not icb
//	-parking                      not where the word parking stands
//	-"car parking"                not where the phrase stands; parking alone may
//	-kind:paper                   no papers
//	hospice OR "end of life"      one or the other
//	(hospice OR dialysis) tender  brackets group; without them OR is weaker
//	                              than a space: a b OR c is (a b) OR c
//	topic:tenders,outsourcing     one of these topics
//	                              (nothing at all: everything)
//
// The fields are
//
//	topic:   tenders, outsourcing, meetings, awards, papers, deadlines,
//	         consultations, foi
//	body:    who publishes or buys: a name, an official code or an id, with
//	         hyphens for spaces or in quotes: body:leicester-city-council,
//	         body:"Leicester City Council", body:QK1
//	area:    a place: area:rutland
//	committee:  who meets: committee:"Health and Wellbeing Board"; several bodies
//	         may have one of that name
//	thread:  one procurement, by its process number: thread:ocds-h6vhtk-04f1a2
//	kind:    notice, meeting, paper, request, page
//	source:  the site it was found on: source:find-a-tender
//	tier:    certain, likely, mention
//	stage:   of a procurement: pipeline, engagement, planned, tender,
//	         tender_update, intention, award, contract, confirmation,
//	         modification, performance, termination, cancelled, other
//
// A comma means any of. Capitals matter only in a word that has no small
// letters (and in OR); a hyphen within a word stands for a space, so that
// end-of-life finds "end of life". AND may be written and means what a space
// means; NOT may be written for the minus sign.
package query

import (
	"strings"
)

// A Query is a parsed query. The zero value matches everything. It is
// immutable and safe for concurrent use.
type Query struct {
	root *node // nil matches everything
}

type op uint8

const (
	opAll   op = iota // every kid
	opAny             // at least one kid
	opNot             // not the one kid
	opWords           // the terms stand next to each other in the text
	opField           // a field holds one of the values
)

// A node is one part of the tree.
type node struct {
	op     op
	kids   []*node
	mode   mode
	terms  []term
	field  field
	values []string // slugs, as printed
	keys   []string // the same, as compared
}

// A mode says how closely a word must agree with the text.
type mode uint8

const (
	stems mode = iota
	exact
	capitals
)

// A term is one word of the query: as it is compared and as it is printed.
type term struct {
	stem, word string // word is in small letters, but for mode capitals
}

// A field is one of the lists of Facts.
type field uint8

const (
	topic field = iota
	body
	area
	kind
	source
	tier
	stage
	committee
	thread
	fields // how many
)

func (f field) String() string {
	return [...]string{"topic", "body", "area", "kind", "source", "tier", "stage", "committee", "thread"}[f]
}

// listed tells of a field that has a fixed list of values.
func (f field) listed() bool { return f == topic || f == kind || f == tier || f == stage }

// words lists the values of a field that has a fixed list, nil where any value may be.
func (f field) words() []string {
	switch f {
	case topic:
		return []string{"tenders", "outsourcing", "meetings", "awards", "papers", "deadlines", "consultations", "foi"}
	case kind:
		return []string{"notice", "meeting", "paper", "request", "page"}
	case tier:
		return []string{"certain", "likely", "mention"}
	case stage:
		return []string{"pipeline", "engagement", "planned", "tender", "tender_update", "intention", "award", "contract",
			"confirmation", "modification", "performance", "termination", "cancelled", "other"}
	}
	return nil
}

// Facts are what a query is asked about: one finding or one item.
type Facts struct {
	Topics, Kinds, Tiers, Sources []string
	// Bodies and Areas hold everything by which the thing may be named: ids,
	// official codes, names and other names.
	Bodies, Areas []string
	Stages        []string
	Committees    []string // names
	Threads       []string // process numbers of the procurement
	Text          string   // title, quote, description
	// Passages are sentences of one document that are asked about one by one, each
	// with Text: the facts fit a query if they do with one of them.
	Passages []string
}

// Values lists the values the query names for a field (topic, body, area, kind,
// source, tier, stage, committee or thread), as printed, so that a name nobody bears can be refused
// when it is written down rather than match nothing for ever.
func (q Query) Values(name string) []string {
	var out []string
	var walk func(*node)
	walk = func(n *node) {
		if n == nil {
			return
		}
		if len(n.values) > 0 && n.field.String() == name {
			out = append(out, n.values...)
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(q.root)
	return out
}

// Match tells whether the facts fit the query. Use Prepare where many queries
// are asked about the same facts.
func (q Query) Match(f Facts) bool { return q.MatchPrepared(Prepare(f)) }

// MatchPrepared is Match for facts prepared once.
func (q Query) MatchPrepared(p *Prepared) bool {
	_, ok := q.First(p)
	return ok
}

// First is MatchPrepared that also tells with which of the passages the facts
// fit first; 0 where there are none.
func (q Query) First(p *Prepared) (passage int, ok bool) {
	if q.root == nil {
		return 0, true
	}
	for i, x := range p.passages {
		if q.root.match(x) {
			return i, true
		}
	}
	return 0, len(p.passages) == 0 && q.root.match(p)
}

func (n *node) match(p *Prepared) bool {
	switch n.op {
	case opAll:
		for _, k := range n.kids {
			if !k.match(p) {
				return false
			}
		}
		return true
	case opAny:
		for _, k := range n.kids {
			if k.match(p) {
				return true
			}
		}
		return false
	case opNot:
		return !n.kids[0].match(p)
	case opField:
		return p.has(n.field, n.keys)
	default:
		return p.find(n.mode, n.terms)
	}
}

// String is the query in one agreed spelling: every group of an OR in
// brackets, so that a reader sees how it was understood. Parsing it again
// gives a query that matches the same (unless the brackets took it over the
// limits of Parse, so keep what was typed).
func (q Query) String() string {
	if q.root == nil {
		return ""
	}
	var b strings.Builder
	q.root.print(&b, true)
	return b.String()
}

func (n *node) print(b *strings.Builder, top bool) {
	switch n.op {
	case opAll, opAny:
		sep := " "
		if n.op == opAny {
			sep = " OR "
		}
		if !top {
			b.WriteByte('(')
		}
		for i, k := range n.kids {
			if i > 0 {
				b.WriteString(sep)
			}
			k.print(b, false)
		}
		if !top {
			b.WriteByte(')')
		}
	case opNot:
		b.WriteByte('-')
		n.kids[0].print(b, false)
	case opField:
		b.WriteString(n.field.String())
		b.WriteByte(':')
		b.WriteString(strings.Join(n.values, ","))
	default:
		n.printWords(b)
	}
}

func (n *node) printWords(b *strings.Builder) {
	if n.mode == exact {
		b.WriteByte('"')
		defer b.WriteByte('"')
	}
	for i, t := range n.terms {
		switch {
		case i == 0:
		case n.mode == exact:
			b.WriteByte(' ')
		case t.word != "&" && n.terms[i-1].word != "&":
			b.WriteByte('-')
		}
		b.WriteString(t.word)
	}
	if len(n.terms) == 1 && n.mode == capitals && operators(n.terms[0].word) {
		b.WriteByte('.') // the word, not the operator
	}
}

func operators(w string) bool { return w == "OR" || w == "AND" || w == "NOT" }
