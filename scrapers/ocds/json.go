package ocds

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding/json refuses a whole page because of one number (1e9999, 000) and
// silently lets the second of two equal keys win. This reader is stricter about
// structure and keys and milder about scalars: what it cannot believe becomes
// null and a flag that names the place.

// maxDepth is how deep a release may nest.
const maxDepth = 64

// maxKeys is how many keys one object may have.
const maxKeys = 1000

// maxDigits is how long a number may be before it is taken for a fault.
const maxDigits = 64

var (
	errTruncated = errors.New("ends in the middle")
	errTooDeep   = fmt.Errorf("nested deeper than %d", maxDepth)
)

type kind byte

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "text", "a list", "an object"}[k]
}

// A value is one JSON value. s holds a text, or a number or boolean as written.
type value struct {
	kind kind
	s    string
	keys []string // of an object, in order
	vals []value  // of an object or a list
}

// get returns a member of an object, null for anything else.
func (v value) get(key string) value {
	for i, k := range v.keys {
		if k == key {
			return v.vals[i]
		}
	}
	return value{}
}

func (v value) equal(w value) bool {
	if v.kind != w.kind || v.s != w.s || len(v.vals) != len(w.vals) || len(v.keys) != len(w.keys) {
		return false
	}
	for i := range v.keys {
		if v.keys[i] != w.keys[i] {
			return false
		}
	}
	for i := range v.vals {
		if !v.vals[i].equal(w.vals[i]) {
			return false
		}
	}
	return true
}

// put adds a member.
func (v *value) put(key string, val value, f *flags, path string) error {
	add, err := contest(v.keys, v.vals, key, &val, func() string { return path }, f)
	if add {
		v.keys, v.vals = append(v.keys, key), append(v.vals, val)
	}
	return err
}

// contest settles what becomes of a further key of an object: is it to be
// added, and with which value? A key that stands twice with different values,
// or in two spellings (id, ID), is believed in neither.
func contest(keys []string, vals []value, key string, val *value, path func() string, f *flags) (add bool, err error) {
	if len(keys) >= maxKeys {
		return false, fmt.Errorf("an object of more than %d keys", maxKeys)
	}
	for i, k := range keys {
		if len(k) != len(key) || !strings.EqualFold(k, key) {
			continue
		}
		if k == key && vals[i].equal(*val) {
			return false, nil
		}
		f.add(path(), "the key %s stands twice and neither is believed", quoted(key))
		vals[i], *val = value{}, value{}
		if k == key {
			return false, nil
		}
	}
	return true, nil
}

// flags collects what could not be read, in words.
type flags struct{ list []string }

// maxFlags bounds what one broken release can say about itself.
const maxFlags = 40

func (f *flags) add(path, format string, args ...any) {
	if len(f.list) >= maxFlags {
		if len(f.list) == maxFlags {
			f.list = append(f.list, "and more")
		}
		return
	}
	if path == "" {
		path = "release"
	}
	s := path + ": " + fmt.Sprintf(format, args...)
	for _, x := range f.list {
		if x == s {
			return
		}
	}
	f.list = append(f.list, s)
}

// quoted shows a piece of the input in a message: short, printable, on one line.
func quoted(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.Quote(strings.ToValidUTF8(s, "?"))
}

// A parser reads one value.
type parser struct {
	b     []byte
	i     int
	depth int
	f     *flags
	path  []string // keys down to where it is
	// The members of the objects and lists not yet closed; they are copied out
	// in their final size.
	keys []string
	vals []value
	// names are the keys met so far: they repeat in every release.
	names map[string]string
}

// parse reads b, which must hold exactly one value: the member name of a release.
func (p *parser) parse(b []byte, f *flags, name string) (value, error) {
	p.b, p.i, p.depth, p.f = b, 0, 1, f
	p.path, p.keys, p.vals = append(p.path[:0], name), p.keys[:0], p.vals[:0]
	v, err := p.value()
	if err != nil {
		return value{}, err
	}
	if p.space(); p.i < len(b) {
		return value{}, fmt.Errorf("%s after the end", quoted(string(b[p.i:min(len(b), p.i+20)])))
	}
	return v, nil
}

func parse(b []byte, f *flags, name string) (value, error) { return (&parser{}).parse(b, f, name) }

func (p *parser) where() string { return strings.Join(p.path, ".") }

func (p *parser) space() { p.i = skipSpace(p.b, p.i) }

func (p *parser) value() (value, error) {
	p.space()
	if p.i >= len(p.b) {
		return value{}, errTruncated
	}
	switch p.b[p.i] {
	case '{', '[':
		if p.depth++; p.depth > maxDepth {
			return value{}, errTooDeep
		}
		keys, vals := len(p.keys), len(p.vals)
		v := value{kind: object}
		read := p.object
		if p.b[p.i] == '[' {
			v.kind, read = list, p.array
		}
		if err := read(keys, vals); err != nil {
			return value{}, err
		}
		v.keys, v.vals = slices.Clone(p.keys[keys:]), slices.Clone(p.vals[vals:])
		p.keys, p.vals = p.keys[:keys], p.vals[:vals]
		p.depth--
		return v, nil
	case '"':
		s, err := p.text()
		return value{kind: text, s: s}, err
	}
	return p.scalar()
}

// object leaves its members on p.keys and p.vals, from there on.
func (p *parser) object(keys, vals int) error {
	p.i++
	if p.space(); p.i < len(p.b) && p.b[p.i] == '}' {
		p.i++
		return nil
	}
	for {
		p.space()
		if p.i >= len(p.b) {
			return errTruncated
		}
		if p.b[p.i] != '"' {
			return fmt.Errorf("%s where a key should be", quoted(string(p.b[p.i:p.i+1])))
		}
		key, err := p.name()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		p.path = append(p.path, key)
		val, err := p.value()
		if err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		add, err := contest(p.keys[keys:], p.vals[vals:], key, &val, p.where, p.f)
		if err != nil {
			return err
		}
		if add {
			p.keys, p.vals = append(p.keys, key), append(p.vals, val)
		}
		if done, err := p.comma('}'); done || err != nil {
			return err
		}
	}
}

// array leaves its elements on p.vals.
func (p *parser) array(int, int) error {
	p.i++
	if p.space(); p.i < len(p.b) && p.b[p.i] == ']' {
		p.i++
		return nil
	}
	for {
		val, err := p.value()
		if err != nil {
			return err
		}
		p.vals = append(p.vals, val)
		if done, err := p.comma(']'); done || err != nil {
			return err
		}
	}
}

// name reads a key; one that was met before is not copied again.
func (p *parser) name() (string, error) {
	if end := bytes.IndexByte(p.b[p.i+1:], '"'); end >= 0 {
		raw := p.b[p.i+1 : p.i+1+end]
		if s, ok := p.names[string(raw)]; ok {
			p.i += end + 2
			return s, nil
		}
	}
	s, err := p.text()
	if err == nil && len(s) <= 64 && len(p.names) < maxKeys && !strings.ContainsRune(s, utf8.RuneError) {
		if p.names == nil {
			p.names = map[string]string{}
		}
		p.names[s] = s
	}
	return s, err
}

func (p *parser) expect(c byte) error {
	p.space()
	if p.i >= len(p.b) {
		return errTruncated
	}
	if p.b[p.i] != c {
		return fmt.Errorf("%s where %q should be", quoted(string(p.b[p.i:p.i+1])), c)
	}
	p.i++
	return nil
}

// comma steps over what follows a member: a comma, or the end.
func (p *parser) comma(end byte) (done bool, err error) {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == end {
		p.i++
		return true, nil
	}
	return false, p.expect(',')
}

// scalar reads a number or a literal. A bare word or a number that no program
// can hold is null and flagged: the rest of the release is sound.
func (p *parser) scalar() (value, error) {
	start := p.i
	p.i = skipScalar(p.b, p.i)
	word := string(p.b[start:p.i])
	switch word {
	case "":
		return value{}, fmt.Errorf("%s where a value should be", quoted(string(p.b[p.i:p.i+1])))
	case "null":
		return value{}, nil
	case "true", "false":
		return value{kind: boolean, s: word}, nil
	}
	if !usable(word) {
		p.f.add(p.where(), "%s is no usable number", quoted(word))
		return value{}, nil
	}
	return value{kind: number, s: word}, nil
}

// usable tells whether s is a number by JSON's grammar and within reach of a float.
func usable(s string) bool {
	if len(s) > maxDigits {
		return false
	}
	d := strings.TrimPrefix(s, "-")
	if d == "" || d[0] < '0' || d[0] > '9' || (len(d) > 1 && d[0] == '0' && d[1] >= '0' && d[1] <= '9') {
		return false
	}
	if strings.ContainsAny(d, "xX_pPnN") || strings.HasSuffix(d, ".") || strings.Contains(d, ".e") || strings.Contains(d, ".E") {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// text reads a string. Broken UTF-8 and half surrogates become U+FFFD; raw
// control characters are let through and cleaned later.
func (p *parser) text() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			s := string(p.b[start:p.i])
			p.i++
			return s, nil
		case c == '\\' || c >= utf8.RuneSelf:
			return p.escaped(start)
		}
		p.i++
	}
	return "", errTruncated
}

// escaped goes on with a string that is not plain ASCII.
func (p *parser) escaped(start int) (string, error) {
	end := skipText(p.b, start-1)
	if end < 0 {
		return "", errTruncated
	}
	raw := p.b[start : end-1]
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c := raw[i]
		if c < utf8.RuneSelf && c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		if c != '\\' {
			r, n := utf8.DecodeRune(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		r, n := unescape(raw[i:])
		if n == 0 {
			p.f.add(p.where(), "a broken escape in the text")
			i++
			continue
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	p.i = end
	return string(out), nil
}

// unescape reads one backslash escape and says how long it is, 0 for a broken one.
func unescape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), b[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(b[6:]); ok {
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return both, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
