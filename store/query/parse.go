package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is read as a query.
const (
	MaxLength = 1000 // characters
	maxDepth  = 30   // brackets and minus signs within each other
)

// An Error says where in a query something else was expected. Pos counts
// characters, the first is 1.
type Error struct {
	Pos int
	Msg string
}

// Error begins with the position, for whoever wrote the query.
func (e *Error) Error() string { return fmt.Sprintf("position %d: %s", e.Pos, e.Msg) }

// Parse reads a query in the language of the package comment. An error is an
// *Error.
func Parse(s string) (Query, error) {
	if n := utf8.RuneCountInString(s); n > MaxLength {
		return Query{}, &Error{MaxLength + 1, fmt.Sprintf("expected the end: a query has at most %d characters", MaxLength)}
	}
	p := newParser(s)
	root, err := p.any(0)
	if err != nil {
		return Query{}, err
	}
	if p.pos < len(p.in) {
		return Query{}, p.fail(p.pos, `expected the end: this ")" closes nothing`)
	}
	return Query{root: root}, nil
}

// A parser reads by descent; pos is the next byte.
type parser struct {
	in  string // valid UTF-8
	pos int
}

func newParser(s string) *parser {
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // a sign in the place of each byte that is none
	}
	return &parser{in: s}
}

// fail makes an error about the character that begins at a byte.
func (p *parser) fail(pos int, format string, args ...any) error {
	return &Error{p.position(pos), fmt.Sprintf(format, args...)}
}

// position counts characters, the first is 1.
func (p *parser) position(at int) int { return utf8.RuneCountInString(p.in[:at]) + 1 }

// next is the next character and how many bytes it has; none where the end is.
func (p *parser) next() (rune, int) {
	if p.pos < len(p.in) && p.in[p.pos] < utf8.RuneSelf {
		return rune(p.in[p.pos]), 1
	}
	return utf8.DecodeRuneInString(p.in[p.pos:])
}

// is tells whether one of some characters is next.
func (p *parser) is(which func(rune) bool) bool {
	r, n := p.next()
	return n > 0 && which(r)
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func (p *parser) space() {
	for p.is(blank) {
		_, n := p.next()
		p.pos += n
	}
}

// spaceBefore passes over spaces if c comes after them.
func (p *parser) spaceBefore(c byte) {
	at := p.pos
	p.space()
	if p.pos >= len(p.in) || p.in[p.pos] != c {
		p.pos = at
	}
}

// any reads groups with OR between them; nil where there is nothing.
func (p *parser) any(depth int) (*node, error) {
	var kids []*node
	for {
		n, err := p.all(depth)
		if err != nil {
			return nil, err
		}
		at := p.pos
		or := p.operator("OR")
		if n == nil && (or || len(kids) > 0) {
			return nil, p.fail(at, "expected a word, phrase or field on both sides of OR")
		}
		kids = addKid(kids, opAny, n)
		if !or {
			return group(opAny, kids), nil
		}
	}
}

// all reads what stands side by side.
func (p *parser) all(depth int) (*node, error) {
	var kids []*node
	for {
		p.space()
		if p.pos >= len(p.in) || p.in[p.pos] == ')' || p.peekOperator("OR") {
			return group(opAll, kids), nil
		}
		if p.operator("AND") || p.operator("&") {
			continue
		}
		n, err := p.one(depth)
		if err != nil {
			return nil, err
		}
		kids = addKid(kids, opAll, n)
	}
}

// addKid adds n to a group, taking the kids of a like group themselves.
func addKid(kids []*node, o op, n *node) []*node {
	switch {
	case n == nil:
		return kids
	case n.op == o:
		return append(kids, n.kids...)
	}
	return append(kids, n)
}

func group(o op, kids []*node) *node {
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	return &node{op: o, kids: kids}
}

// one reads a word, a phrase, a field, brackets, or the exclusion of one of them.
func (p *parser) one(depth int) (*node, error) {
	at := p.pos
	if depth >= maxDepth {
		return nil, p.fail(at, "expected fewer brackets and minus signs within each other: at most %d", maxDepth)
	}
	switch r, size := p.next(); {
	case minus(r) || p.peekOperator("NOT"):
		if minus(r) {
			p.pos += size
		} else {
			p.operator("NOT")
			p.space()
		}
		if p.pos >= len(p.in) || p.is(unicode.IsSpace) || p.in[p.pos] == ')' || p.peekOperator("OR") || p.peekOperator("AND") {
			return nil, p.fail(p.pos, "expected a word, phrase, field or ( right after the minus sign")
		}
		n, err := p.one(depth + 1)
		if err != nil {
			return nil, err
		}
		if n.op == opNot {
			return n.kids[0], nil
		}
		return &node{op: opNot, kids: []*node{n}}, nil
	case r == '(':
		p.pos++
		n, err := p.any(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.pos >= len(p.in) {
			return nil, p.fail(p.pos, `expected ")" for the "(" at position %d`, p.position(at))
		}
		p.pos++
		if n == nil {
			return nil, p.fail(at, "expected a word, phrase or field between the brackets")
		}
		return n, nil
	case quote(r):
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.words(at, s, true)
	}
	return p.wordOrField()
}

func minus(r rune) bool { return r == '-' || r == '–' || r == '−' }

func quote(r rune) bool { return r == '"' || r == '“' || r == '”' || r == '„' }

// quoted reads from one quotation mark to the next.
func (p *parser) quoted() (string, error) {
	at := p.pos
	_, size := p.next()
	from := at + size
	for p.pos = from; p.pos < len(p.in); {
		r, size := p.next()
		if quote(r) {
			s := p.in[from:p.pos]
			p.pos += size
			return s, nil
		}
		p.pos += size
	}
	return "", p.fail(p.pos, `expected the closing quotation mark of the one at position %d`, p.position(at))
}

// peek gives the run of characters up to a space, bracket, quotation mark or,
// if it is to end there too, comma.
func (p *parser) peek(comma bool) string {
	for i, r := range p.in[p.pos:] {
		if blank(r) || r == '(' || r == ')' || quote(r) || comma && r == ',' {
			return p.in[p.pos : p.pos+i]
		}
	}
	return p.in[p.pos:]
}

func (p *parser) peekOperator(word string) bool {
	if p.pos >= len(p.in) || p.in[p.pos] != word[0] && p.in[p.pos] < utf8.RuneSelf {
		return false
	}
	return normalise(p.peek(false)) == word
}

func (p *parser) operator(word string) bool {
	if !p.peekOperator(word) {
		return false
	}
	p.pos += len(p.peek(false))
	return true
}

func (p *parser) wordOrField() (*node, error) {
	at := p.pos
	run := p.peek(false)
	if name, _, ok := strings.Cut(run, ":"); ok && name != "" && strings.IndexFunc(name, notLetter) < 0 {
		return p.fieldOf(at, name)
	}
	p.pos += len(run)
	return p.words(at, run, false)
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// words makes a node of a run of words.
func (p *parser) words(at int, s string, quoted bool) (*node, error) {
	ts := tokenise(s)
	if len(ts) == 0 {
		return nil, p.fail(at, "expected letters or digits in %q", clip(s))
	}
	n := &node{op: opWords, mode: stems}
	switch {
	case quoted:
		n.mode = exact
	case shouting(ts):
		n.mode = capitals
	}
	for _, t := range ts {
		w := t.word
		if n.mode == capitals {
			w = t.raw
		}
		n.terms = append(n.terms, term{stem: t.stem, word: w})
	}
	return n, nil
}

// fieldOf reads name:value,value with the position on the name.
func (p *parser) fieldOf(at int, name string) (*node, error) {
	n := &node{op: opField, field: fields}
	for f := range fields {
		if strings.EqualFold(f.String(), name) {
			n.field = f
		}
	}
	if n.field == fields {
		return nil, p.fail(at, "expected one of topic: body: area: committee: thread: kind: source: tier: stage: instead of %s: (put words with a colon in quotation marks)", clip(name))
	}
	p.pos += len(name)
	for {
		p.pos++ // colon or comma
		v, err := p.value(n.field)
		if err != nil {
			return nil, err
		}
		if k := n.field.key(v); !slices.Contains(n.keys, k) {
			n.values, n.keys = append(n.values, v), append(n.keys, k)
		}
		p.spaceBefore(',')
		if p.pos >= len(p.in) || p.in[p.pos] != ',' {
			return n, nil
		}
	}
}

// value reads one value of a field.
func (p *parser) value(f field) (string, error) {
	p.space()
	at := p.pos
	var s string
	if p.is(quote) {
		var err error
		if s, err = p.quoted(); err != nil {
			return "", err
		}
	} else {
		s = p.peek(true)
		p.pos += len(s)
	}
	v := slug(s)
	if v != "" && (!f.listed() || slices.Contains(f.words(), v)) {
		return v, nil
	}
	expected := "a value"
	if f.listed() {
		expected = "one of " + strings.Join(f.words(), ", ")
	}
	if v == "" {
		return "", p.fail(at, "expected %s after %s:", expected, f)
	}
	for _, k := range f.words() {
		if f.key(k) == f.key(v) {
			return k, nil
		}
	}
	return "", p.fail(at, "expected %s after %s: instead of %s", expected, f, clip(s))
}

// clip keeps what an error quotes short.
func clip(s string) string {
	if r := []rune(s); len(r) > 30 {
		return string(r[:30]) + "…"
	}
	return s
}
