package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A Fault is one mistake of a file.
type Fault struct {
	Line    int    // 1 is the first; 0 when the file says nothing of it
	Key     string // "fetch.delay", "source[2].id"; "" for a mistake of the file as such
	Message string
}

// An Error is all mistakes of a file, by line.
type Error struct {
	File   string
	Faults []Fault
}

// Error is one line a mistake: file, line, key, what is wrong, what was expected.
func (e *Error) Error() string {
	var b strings.Builder
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
		if f.Key != "" {
			b.WriteString(f.Key + " ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}

// faults collects mistakes and knows on which line each key stands.
type faults struct {
	all    []Fault
	lines  map[string]int // of a key's path
	broken bool           // not even TOML: there is nothing to read further
}

func (f *faults) err(name string) error {
	if len(f.all) == 0 {
		return nil
	}
	sort.SliceStable(f.all, func(i, j int) bool { return f.all[i].Line < f.all[j].Line })
	return &Error{File: name, Faults: f.all}
}

// add notes a mistake at a key, or where its table begins when the key is absent.
func (f *faults) add(key, format string, args ...any) {
	line := f.lines[key]
	for at := key; line == 0 && at != ""; line = f.lines[at] {
		i := strings.LastIndexAny(at, ".[")
		at = at[:max(i, 0)]
	}
	f.all = append(f.all, Fault{Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

// addOnce notes a key as missing unless it is there and was found wrong before.
func (f *faults) addOnce(table, key, format string, args ...any) {
	path := table + "." + key
	if slices.ContainsFunc(f.all, func(x Fault) bool { return x.Key == path }) {
		return
	}
	f.add(path, format, args...)
}

// A table is one TOML table being read. The keys asked for are the keys that
// exist: what is left over when it is done is a mistake.
type table struct {
	*faults
	path   string // "" for the top
	values map[string]any
	asked  []string
}

// parseTree reads TOML into tables and notes where each key stands. The
// decoder finds what is no TOML (a key twice, too) and stops at the first such
// mistake: nothing after it can be trusted.
func parseTree(b []byte) (*table, *faults) {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	f := &faults{lines: map[string]int{}}
	t := &table{faults: f, values: map[string]any{}}
	if err := toml.Unmarshal(b, &t.values); err != nil {
		f.broken = true
		fault := Fault{Message: strings.TrimPrefix(err.Error(), "toml: ")}
		var d *toml.DecodeError
		if errors.As(err, &d) {
			fault.Line, _ = d.Position()
		}
		f.all = append(f.all, fault)
		return t, f
	}
	f.locate(b)
	return t, f
}

// locate notes the line of every key of a document known to be sound.
func (f *faults) locate(b []byte) {
	var starts []int // offset of each line
	for i, c := range append([]byte("\n"), b...) {
		if c == '\n' {
			starts = append(starts, i)
		}
	}
	line := func(r unstable.Range) int {
		return sort.SearchInts(starts, int(r.Offset)+1)
	}
	count := map[string]int{} // elements of an array of tables so far
	var p unstable.Parser
	p.Reset(b)
	prefix := ""
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, at := f.keys(n.Key(), "", count)
			if n.Kind == unstable.ArrayTable {
				path = fmt.Sprintf("%s[%d]", path, count[path])
				count[path[:strings.LastIndexByte(path, '[')]]++
			}
			prefix = path
			f.lines[path] = line(at)
		case unstable.KeyValue:
			f.locateValue(n, prefix, line)
		}
	}
}

// keys joins a dotted key; an element that is an array of tables means its
// last element, as TOML has it.
func (f *faults) keys(it unstable.Iterator, prefix string, count map[string]int) (string, unstable.Range) {
	path, at := prefix, unstable.Range{}
	for first := true; it.Next(); first = false {
		if first {
			at = it.Node().Raw
		} else if n := count[path]; n > 0 {
			path = fmt.Sprintf("%s[%d]", path, n-1)
		}
		path = join(path, string(it.Node().Data))
	}
	return path, at
}

func (f *faults) locateValue(n *unstable.Node, prefix string, line func(unstable.Range) int) {
	path, at := f.keys(n.Key(), prefix, nil)
	f.lines[path] = line(at)
	f.locateInside(n.Value(), path, line)
}

func (f *faults) locateInside(v *unstable.Node, path string, line func(unstable.Range) int) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			f.locateValue(it.Node(), path, line)
		}
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); i++ {
			element := fmt.Sprintf("%s[%d]", path, i)
			if r := it.Node().Raw; r.Length > 0 {
				f.lines[element] = line(r)
			}
			f.locateInside(it.Node(), element, line)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// line is where the table begins.
func (t *table) line() int { return t.lines[t.path] }

// take asks for a key.
func (t *table) take(key string) (any, bool) {
	t.asked = append(t.asked, key)
	v, ok := t.values[key]
	return v, ok
}

// table is a table within, if there is one.
func (t *table) table(key string) (*table, bool) {
	v, ok := t.take(key)
	if !ok {
		return nil, false
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.add(join(t.path, key), "is %s; expected a table, written [%s]", kindOf(v), key)
		return nil, false
	}
	return &table{faults: t.faults, path: join(t.path, key), values: m}, true
}

// tables is an array of tables within.
func (t *table) tables(key string) []*table {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	path := join(t.path, key)
	elements, ok := v.([]any)
	if !ok {
		t.add(path, "is %s; expected one table each, written [[%s]]", kindOf(v), key)
		return nil
	}
	var all []*table
	for i, e := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		m, ok := e.(map[string]any)
		if !ok {
			t.add(at, "is %s; expected a table, written [[%s]]", kindOf(e), key)
			m = nil
		}
		all = append(all, &table{faults: t.faults, path: at, values: m})
	}
	return all
}

// done reports every key nobody asked for.
func (t *table) done() {
	var extra []string
	for key := range t.values {
		if !slices.Contains(t.asked, key) {
			extra = append(extra, key)
		}
	}
	slices.Sort(extra)
	for _, key := range extra {
		message := "is no known key"
		if near := nearest(key, t.asked); near != "" {
			message += fmt.Sprintf("; did you mean %q?", near)
		} else {
			message += "; expected one of " + strings.Join(t.asked, ", ")
		}
		t.add(join(t.path, printable(key)), "%s", message)
		if at := t.lines[join(t.path, key)]; at > 0 {
			t.all[len(t.all)-1].Line = at
		}
	}
}

// printable quotes a key that is not a bare one.
func printable(key string) string {
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return strconv.Quote(key)
		}
	}
	return key
}

// set reads a key into a place that keeps its default when the key is absent
// or wrong.
func set[T any](t *table, key string, into *T, read func(any) (T, error)) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	got, err := read(v)
	if err != nil {
		path := join(t.path, key)
		var many elementErrors
		if !errors.As(err, &many) {
			t.add(path, "%v", err)
			return
		}
		for _, e := range many {
			t.add(fmt.Sprintf("%s[%d]", path, e.index), "%v", e.err)
		}
		return
	}
	*into = got
}

// maybe is set for a key whose absence means something.
func maybe[T any](t *table, key string, into **T, read func(any) (T, error)) {
	if _, ok := t.values[key]; !ok {
		t.asked = append(t.asked, key)
		return
	}
	before := len(t.all)
	var v T
	set(t, key, &v, read)
	if len(t.all) == before {
		*into = &v
	}
}

// nearest is the candidate that differs from s by the least typing mistakes,
// "" when all differ by more than a third of it.
func nearest(s string, candidates []string) string {
	best, found := max(1, len(s)/3)+1, ""
	for _, c := range candidates {
		if d := distance(strings.ToLower(s), c); d < best {
			best, found = d, c
		}
	}
	return found
}

// distance counts letters dropped, added, changed or swapped with the next.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	two, one, row := []int(nil), []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		two, one, row = one, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
