package ocds

import (
	"strconv"
	"strings"
	"time"
)

// maxList is how many elements of one list are read.
const maxList = 2000

// A node is a value with the place it stands in, so that what cannot be read
// is flagged by name. Its methods never fail: what is not there, null, or of
// the wrong type is empty.
type node struct {
	v    value
	path string
	f    *flags
	zone *time.Location // of times that do not say theirs
}

func (n node) child(key string, v value) node {
	return node{v: v, path: join(n.path, key), f: n.f, zone: n.zone}
}

// obj returns a member that is an object. A list with one object stands for
// it; an empty list is how PHP writes an empty object.
func (n node) obj(key string) node {
	v := n.v.get(key)
	switch v.kind {
	case null, object:
		return n.child(key, v)
	case list:
		if len(v.vals) == 0 {
			return n.child(key, value{})
		}
		if len(v.vals) > 1 {
			n.f.add(join(n.path, key), "a list where an object should be; only the first is read")
		}
		if v.vals[0].kind == object {
			return n.child(key, v.vals[0])
		}
	}
	n.f.add(join(n.path, key), "%s where an object should be", v.kind)
	return n.child(key, value{})
}

// list returns the objects of a member that is a list. One object stands for a
// list of one, and an object with numbers for keys for the list that it was in PHP.
func (n node) list(key string) []node {
	v := n.v.get(key)
	vals, path := v.vals, join(n.path, key)
	switch v.kind {
	case null:
		return nil
	case object:
		if !numbered(v.keys) {
			return []node{n.child(key, v)}
		}
	case list:
	default:
		n.f.add(path, "%s where a list should be", v.kind)
		return nil
	}
	if len(vals) > maxList {
		n.f.add(path, "only the first %d of %d are read", maxList, len(vals))
		vals = vals[:maxList]
	}
	out := make([]node, 0, len(vals))
	for i, x := range vals {
		at := key + "[" + strconv.Itoa(i) + "]"
		switch x.kind {
		case object:
			out = append(out, n.child(at, x))
		case null:
		case list:
			if len(x.vals) > 0 {
				n.f.add(join(n.path, at), "a list where an object should be")
			}
		default:
			n.f.add(join(n.path, at), "%s where an object should be", x.kind)
		}
	}
	return out
}

func numbered(keys []string) bool {
	for _, k := range keys {
		if _, err := strconv.ParseUint(k, 10, 32); err != nil {
			return false
		}
	}
	return len(keys) > 0
}

// raw returns a text, or a number or boolean as written; 2019's releases have
// numbers for ids.
func (n node) raw(key string) string {
	v := n.v.get(key)
	switch v.kind {
	case list:
		if len(v.vals) == 1 && v.vals[0].kind == text {
			return v.vals[0].s
		}
		if len(v.vals) == 0 {
			return ""
		}
		fallthrough
	case object:
		n.f.add(join(n.path, key), "%s where a text should be", v.kind)
		return ""
	}
	return v.s
}

// line returns a text as one plain line.
func (n node) line(key string) string {
	s, cut := line(n.raw(key), maxLine)
	n.cut(key, cut)
	return s
}

// plain returns a text with its paragraphs.
func (n node) plain(key string) string {
	s, cut := plain(n.raw(key), maxText)
	n.cut(key, cut)
	return s
}

func (n node) cut(key string, cut bool) {
	if cut {
		n.f.add(join(n.path, key), "too long, cut")
	}
}

// lines returns a list of texts; a single text stands for a list of one.
func (n node) lines(key string) []string {
	v := n.v.get(key)
	vals := v.vals
	switch v.kind {
	case list:
	case object:
		if !numbered(v.keys) {
			n.f.add(join(n.path, key), "an object where a list should be")
			return nil
		}
	default:
		vals = []value{v}
	}
	var out []string
	for _, x := range vals[:min(len(vals), maxList)] {
		if x.kind == list || x.kind == object {
			n.f.add(join(n.path, key), "%s where a text should be", x.kind)
			continue
		}
		if s, _ := line(x.s, maxLine); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// yes tells whether a member is true.
func (n node) yes(key string) bool { return strings.EqualFold(n.v.get(key).s, "true") }

// date returns a date as printed: RFC 3339, or a bare date. One without a time
// zone is taken for London time, as the services document theirs, and flagged;
// one that does not exist, or lies outside living memory, is flagged and dropped.
func (n node) date(key string) string {
	s := strings.TrimSpace(n.raw(key))
	if s == "" {
		return ""
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		if t, err = time.Parse(time.DateOnly, s); err != nil {
			for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04"} {
				if t, err = time.ParseInLocation(layout, s, n.zone); err == nil {
					n.f.add(join(n.path, key), "%s has no time zone, taken for London time", quoted(s))
					s = t.Format(time.RFC3339)
					break
				}
			}
		}
	}
	switch {
	case err != nil:
		n.f.add(join(n.path, key), "%s is no date", quoted(s))
	case t.Year() < 1995 || t.Year() > 2199, t.Format(time.DateOnly) == "2001-01-01": // Contracts Finder's "none"
		n.f.add(join(n.path, key), "%s is hardly meant as a date", quoted(s))
	default:
		return s
	}
	return ""
}

// instant is date as a time; a bare date is its midnight in London.
func (n node) instant(key string) time.Time { return instant(n.date(key), n.zone) }

func instant(s string, zone *time.Location) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(zone)
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, zone); err == nil {
		return t
	}
	return time.Time{}
}

// money returns the digits of an amount: net where there is one, else gross.
// Negative and unreadable ones are flagged and empty.
func (n node) money(key string) (digits string, gross bool) {
	m := n.v.get(key)
	if m.kind == number || m.kind == text { // the amount itself
		return n.digits(key), false
	}
	o := n.obj(key)
	if d := o.digits("amount"); d != "" {
		return d, false
	}
	d := o.digits("amountGross")
	return d, d != ""
}

func (n node) digits(key string) string {
	s := strings.TrimSpace(n.raw(key))
	if s == "" {
		return ""
	}
	d := strings.ReplaceAll(strings.TrimPrefix(s, "£"), ",", "")
	f, err := strconv.ParseFloat(d, 64)
	if err != nil || !usable(d) || f < 0 || f > 1e15 {
		n.f.add(join(n.path, key), "%s is no usable amount", quoted(s))
		return ""
	}
	if strings.ContainsAny(d, "eE") {
		d = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if strings.Contains(d, ".") {
		d = strings.TrimRight(strings.TrimRight(d, "0"), ".")
	}
	if d == "-0" {
		d = "0"
	}
	return d
}
