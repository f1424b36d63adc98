package query

import "slices"

// A FieldPart is a part of a query that asks one field.
type FieldPart struct {
	Query Query
	// Words: what fits is filed under one of them in Indexed.Facts; Not: under
	// none of them.
	Words []string
	Not   bool
}

// Divide gives the parts of a query that ask one field each, and the rest of it:
// what fits all of them, and nothing else, fits the query. An index that knows
// what is filed under a word of Facts need not be asked about those.
func (q Query) Divide() (fields []FieldPart, rest Query) {
	var others []*node
	for _, n := range q.parts() {
		x := n
		not := n.op == opNot
		if not {
			x = n.kids[0]
		}
		if x.op != opField {
			others = append(others, n)
			continue
		}
		p := FieldPart{Query: Query{root: n}, Not: not}
		for _, k := range x.keys {
			p.Words = append(p.Words, filed(x.field, k))
		}
		fields = append(fields, p)
	}
	if len(others) > 0 {
		rest = Query{root: group(opAll, others)}
	}
	return fields, rest
}

// parts are what must all fit.
func (q Query) parts() []*node {
	switch {
	case q.root == nil:
		return nil
	case q.root.op == opAll:
		return q.root.kids
	}
	return []*node{q.root}
}

// Worded is the query without what says nothing of how well a text fits it: the
// fields that are asked, and what must not stand there. All that fits the query
// fits Worded, too. ok is false where the query is not so simple that this can
// be told.
func (q Query) Worded() (words Query, ok bool) {
	var kids []*node
	for _, n := range q.parts() {
		switch {
		case n.op == opField, n.op == opNot:
		case n.onlyWords():
			kids = append(kids, n)
		default:
			return q, false
		}
	}
	if len(kids) == 0 {
		return q, false
	}
	return Query{root: group(opAll, kids)}, true
}

func (n *node) onlyWords() bool {
	return n.op == opWords || (n.op == opAll || n.op == opAny) && !slices.ContainsFunc(n.kids, func(k *node) bool { return !k.onlyWords() })
}
