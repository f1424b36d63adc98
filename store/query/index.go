package query

import (
	"slices"
	"strings"
	"unicode"
)

// What follows lets an index of words answer the same queries as Match: Indexed
// says under which words facts are filed, Lookup how a query asks for them. An
// index that files other words would find other things than a subscription.

// Indexed are facts as an index files them: three lists of words with spaces
// between them, for three columns. A word holds letters, digits, marks and, in
// Facts, the middle dot; whoever reads the lists must cut at spaces alone and
// may take capitals A to Z for small letters.
type Indexed struct {
	Stems    string // of the text, one a word, in order
	Capitals string // acronyms of the text, in order
	Facts    string // everything else: topic·tenders, kind·paper, and any
}

// The columns, as Lookup names them.
const (
	columnStems    = "s"
	columnCapitals = "c"
	columnFacts    = "f"
)

// Columns are the names that an index must give the lists of Indexed, in their order.
func Columns() []string { return []string{columnStems, columnCapitals, columnFacts} }

// everyone is borne by all facts; no value of a field looks like it.
const everyone = "any"

// Apart are facts as an index files them: with each of their passages by itself,
// as a query is asked about them. The facts fit a query if one of these does.
func Apart(f Facts) []Facts {
	passages := f.Passages
	f.Passages = nil
	if len(passages) == 0 {
		return []Facts{f}
	}
	out := make([]Facts, len(passages))
	for i, s := range passages {
		out[i] = f
		out[i].Text = withPassage(f.Text, s)
	}
	return out
}

// withPassage is the text of facts with one of their passages.
func withPassage(text, passage string) string { return text + "\n" + passage }

// Index cuts facts that have no passages into the words they are filed under;
// those that have some are taken Apart first.
func Index(f Facts) Indexed {
	p := Indexed{}
	var stems, capitals strings.Builder
	for _, t := range tokenise(f.Text) {
		word(&stems, t.stem)
		if a := acronym(t); a != "" {
			word(&capitals, a)
		}
	}
	p.Stems, p.Capitals = stems.String(), capitals.String()
	facts := []string{everyone}
	for i, list := range f.lists() {
		for _, v := range list {
			if k := field(i).key(v); k != "" {
				facts = append(facts, filed(field(i), k))
			}
		}
	}
	slices.Sort(facts)
	p.Facts = strings.Join(slices.Compact(facts), " ")
	return p
}

func (f Facts) lists() [fields][]string {
	return [fields][]string{
		topic: f.Topics, body: f.Bodies, area: f.Areas, kind: f.Kinds, source: f.Sources, tier: f.Tiers, stage: f.Stages,
		committee: f.Committees, thread: f.Threads,
	}
}

func word(b *strings.Builder, w string) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(w)
}

// filed is the word for one value of a field.
func filed(f field, key string) string {
	return f.String() + "·" + strings.ReplaceAll(key, "-", "·")
}

// acronym is under what a token is found by a query in capitals, "" where it
// is not: itself, or without the s of its plural.
func acronym(t token) string {
	if allCapitals(t.raw) {
		return t.raw
	}
	if one, ok := strings.CutSuffix(t.raw, "s"); ok && allCapitals(one) && makeToken(one).stem == t.stem {
		return one
	}
	return ""
}

// allCapitals tells whether one word is meant as an acronym; see shouting.
func allCapitals(raw string) bool {
	n := 0
	for _, r := range raw {
		switch {
		case unicode.IsUpper(r):
			n++
		case unicode.IsLower(r), unicode.IsTitle(r):
			return false
		}
	}
	return n >= 2
}

// A Lookup is how an index is asked for what fits a query, in the language of
// SQLite's FTS5. Words of the query reach it in quotation marks and hold no
// quotation mark, so that nobody's query can say more than its words.
type Lookup struct {
	Expr string // "" where All or None says it
	All  bool   // everything may fit
	None bool   // nothing can
	// Exact: precisely what the index answers fits. Otherwise what fits is among
	// the answers, and Match must be asked about each.
	Exact bool
}

// Lookup compiles the query for an index that knows where in the text its words
// stand.
func (q Query) Lookup() Lookup {
	c := compiler{exact: true}
	if q.root == nil {
		return Lookup{All: true, Exact: true}
	}
	x := c.bound(q.root, true)
	return Lookup{Expr: x.expr, All: x.state == all, None: x.state == none, Exact: c.exact}
}

// Bearing asks an index, in the language of Lookup, for what is filed under one
// word of Indexed.Facts.
func Bearing(word string) string { return quoted(columnFacts, word) }

// And is a query that both fit.
func And(a, b Query) Query {
	kids := addKid(nil, opAll, a.root)
	return Query{root: group(opAll, addKid(kids, opAll, b.root))}
}

// A bound is a set of facts that surely holds (or is surely held by) another.
type bound struct {
	expr  string
	state reach
}

type reach uint8

const (
	some reach = iota
	all
	none
)

type compiler struct {
	exact bool // until a part could not be said exactly
}

// bound gives the narrowest set that can be asked for and holds all that n
// matches (upper), or the widest that n matches all of.
func (c *compiler) bound(n *node, upper bool) bound {
	switch n.op {
	case opAll:
		return c.every(n.kids, upper)
	case opAny:
		var kids []string
		for _, k := range n.kids {
			switch b := c.bound(k, upper); b.state {
			case all:
				return b
			case some:
				kids = append(kids, b.expr)
			}
		}
		if len(kids) == 0 {
			return bound{state: none}
		}
		return bound{expr: between(kids, " OR ")}
	case opNot:
		return c.every([]*node{n}, upper)
	case opField:
		var kids []string
		for _, k := range n.keys {
			kids = append(kids, quoted(columnFacts, filed(n.field, k)))
		}
		return bound{expr: between(kids, " OR ")}
	default:
		return c.words(n, upper)
	}
}

// every is what fits all kids. FTS5 knows no NOT but "this and not that", so
// those that must not fit are gathered behind one.
func (c *compiler) every(kids []*node, upper bool) bound {
	var yes, no []string
	for _, k := range kids {
		not := k.op == opNot
		var b bound
		if not {
			b = c.bound(k.kids[0], !upper)
		} else {
			b = c.bound(k, upper)
		}
		switch {
		case b.state == none && !not, b.state == all && not:
			return bound{state: none}
		case b.state != some:
		case not:
			no = append(no, b.expr)
		default:
			yes = append(yes, b.expr)
		}
	}
	switch {
	case len(yes)+len(no) == 0:
		return bound{state: all}
	case len(no) == 0:
		return bound{expr: between(yes, " AND ")}
	case len(yes) == 0:
		yes = []string{quoted(columnFacts, everyone)}
	}
	return bound{expr: "(" + between(yes, " AND ") + " NOT " + between(no, " OR ") + ")"}
}

// words is a word or phrase.
func (c *compiler) words(n *node, upper bool) bound {
	var terms []string
	for _, t := range n.terms {
		terms = append(terms, t.stem)
	}
	kids, sure := []string{quoted(columnStems, terms...)}, true
	switch {
	case n.mode == capitals && len(n.terms) == 1:
		kids, sure = []string{quoted(columnCapitals, n.terms[0].word)}, true
	case n.mode == capitals:
		sure = false
		for _, t := range n.terms {
			if allCapitals(t.word) {
				kids = append(kids, quoted(columnCapitals, t.word))
			}
		}
	case n.mode == exact:
		for _, t := range n.terms {
			sure = sure && !plain(t.word) // no other word has the stem of one that is not plain
		}
	}
	if sure {
		return bound{expr: between(kids, " AND ")}
	}
	c.exact = false
	if !upper {
		return bound{state: none}
	}
	return bound{expr: between(kids, " AND ")}
}

// quoted asks for words next to each other in a column.
func quoted(column string, words ...string) string {
	return column + `:"` + strings.ReplaceAll(strings.Join(words, " "), `"`, "") + `"`
}

func between(kids []string, op string) string {
	if len(kids) == 1 {
		return kids[0]
	}
	return "(" + strings.Join(kids, op) + ")"
}

// Wordy tells whether the query asks for words, and not for fields alone.
func (q Query) Wordy() bool { return len(q.wanted()) > 0 }
