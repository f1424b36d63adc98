package catalogue

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Compiled is the day on which the facts of the catalogue were put together. A
// year and a half later most of them still hold, and nobody should rely on it.
const Compiled = "2026-11-21"

// A Cluster is a group of integrated care boards that share their board and
// executives. Since is a year, "" where it is not known.
type Cluster struct {
	ID, Name string
	Members  []string // ids of bodies
	Since    string
	Source   string
}

// Clusters are the groups of integrated care boards.
func Clusters() ([]Cluster, error) {
	return read("clusters.csv", "id name members since source", func(f row) (Cluster, error) {
		c := Cluster{ID: f["id"], Name: f["name"], Members: words(f["members"]), Since: f["since"], Source: f["source"]}
		if len(c.Members) < 2 {
			return c, fmt.Errorf("%s has %d members", c.ID, len(c.Members))
		}
		return c, named(c.ID, c.Name)
	})
}

// An Origin is where facts were taken from; see NOTICE for the whole list.
type Origin struct{ ID, Name, Licence string }

// Origins are the sources of the national list.
func Origins() ([]Origin, error) {
	return read("origins.csv", "id name licence", func(f row) (Origin, error) {
		o := Origin{f["id"], f["name"], f["licence"]}
		return o, named(o.ID, o.Name)
	})
}

// Overlay lays the operator's own rows over the national list: a row with a
// known id replaces what it says and leaves the rest, another is added. Its
// columns are those of columnsOwn; the body is an id, code or name of the
// catalogue, or empty with a name of its own. name is the file's, for messages.
func Overlay(national []Listing, bodies []Body, name string, r io.Reader) ([]Listing, error) {
	own, err := readFrom(name, r, columnsOwn, func(f row) (Listing, error) {
		l := Listing{ID: f["id"], Name: f["name"], Body: f["body"], Platform: f["platform"], Base: strings.TrimRight(f["base"], "/"), Page: f["page"],
			Layout: f["layout"], Note: f["note"]}
		if l.Body != "" {
			b, ok := bodyOf(bodies, l.Body)
			if !ok {
				return l, fmt.Errorf("body %q is not known: give its id, code or name, or leave it empty", l.Body)
			}
			l.Body, l.Areas = b.ID, b.Areas
			if l.Name == "" {
				l.Name = b.Name
			}
		}
		known := slices.ContainsFunc(national, func(n Listing) bool { return n.ID == l.ID })
		if !known && (l.Platform == "" || l.Base == "") {
			return l, fmt.Errorf("%s is not in the catalogue: a new row needs platform and base", l.ID)
		}
		if !known && l.Name == "" {
			l.Name = l.ID
		}
		if l.Base != "" && !strings.HasPrefix(l.Base, "https://") && !strings.HasPrefix(l.Base, "http://") {
			return l, fmt.Errorf("base %q is no web address", l.Base)
		}
		return l, named(l.ID, "x")
	})
	if err != nil {
		return nil, err
	}
	out := slices.Clone(national)
	for _, l := range own {
		l.Source, l.Confidence = "own", "high"
		i := slices.IndexFunc(out, func(n Listing) bool { return n.ID == l.ID })
		if i < 0 {
			out = append(out, l)
			continue
		}
		n := &out[i]
		if l.Base != "" && l.Base != n.Base { // another place: what was said of the old one no longer holds
			n.Page, n.Layout, n.Note = "", "", ""
		}
		for _, f := range []struct {
			to   *string
			from string
		}{{&n.Name, l.Name}, {&n.Body, l.Body}, {&n.Platform, l.Platform}, {&n.Base, l.Base}, {&n.Page, l.Page}, {&n.Layout, l.Layout}, {&n.Note, l.Note}} {
			if f.from != "" {
				*f.to = f.from
			}
		}
		if l.Body != "" {
			n.Areas = l.Areas
		}
		n.Source, n.Confidence = l.Source, l.Confidence
	}
	return out, nil
}

// columnsOwn are the columns of the operator's file.
const columnsOwn = "id name body platform base page layout note"

// bodyOf finds a body by id, code, name or alias, in any case; and if none is
// spelt so, by a name that differs only in how it is written.
func bodyOf(bodies []Body, s string) (Body, bool) {
	is := func(x string) bool { return strings.EqualFold(x, s) }
	for _, b := range bodies {
		if is(b.ID) || is(b.Name) || slices.ContainsFunc(b.Codes, is) || slices.ContainsFunc(b.Aliases, is) {
			return b, true
		}
	}
	plain := plainName(s)
	same := func(x string) bool { return plainName(x) == plain }
	for _, b := range bodies {
		if plain != "" && (same(b.Name) || slices.ContainsFunc(b.Aliases, same)) {
			return b, true
		}
	}
	return Body{}, false
}

// plainName is a name without what people write in several ways: case, hyphens,
// apostrophes, "the", "of", "and" or &, Saint for St.
func plainName(s string) string {
	s = strings.NewReplacer("’", "", "'", "").Replace(strings.ToLower(s))
	list := strings.FieldsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	list = slices.DeleteFunc(list, func(w string) bool { return w == "the" || w == "of" || w == "and" })
	for i, w := range list {
		if w == "saint" {
			list[i] = "st"
		}
	}
	return strings.Join(list, " ")
}

// holds tells whether all words of one plain name are in another.
func holds(name, words string) bool {
	have := strings.Fields(name)
	for w := range strings.FieldsSeq(words) {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// Line is a body and, in order, all that took over from it: to follow a body is
// to follow them. An id that is not known gives nothing.
func Line(bodies []Body, id string) []Body {
	var list []Body
	todo := []string{id}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		i := slices.IndexFunc(bodies, func(b Body) bool { return b.ID == next })
		if i < 0 || slices.ContainsFunc(list, func(b Body) bool { return b.ID == next }) {
			continue
		}
		list = append(list, bodies[i])
		todo = append(todo, bodies[i].Successors...)
	}
	return list
}

// A Place is what words about a place or body mean.
type Place struct {
	Areas  []string // ids
	Bodies []Body   // the ones that were named, with their successors and those they share a board with
	Loose  bool     // the words are only part of the bodies' names

	// Of a postcode that no area holds, see Around: the councils it may belong to,
	// of which it takes the person to pick one, and that in words.
	Councils []string
	Says     string
}

// Where finds what somebody means: an area, a postcode or its district ("LE15"),
// a body by id, code ("QK1") or name, or part of a body's name, however it is
// spelt ("Bath & NE Somerset" is not, "Bath & North-East Somerset" is). ok is false
// where nothing fits; a district that no area names is one of those.
func Where(areas []Area, bodies []Body, clusters []Cluster, s string) (p Place, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return p, false
	}
	plain := plainName(s)
	for _, a := range areas {
		if strings.EqualFold(a.ID, s) || plain != "" && plainName(a.Name) == plain {
			p.Areas = append(p.Areas, a.ID)
		}
	}
	if len(p.Areas) > 0 {
		return p, true
	}
	if district := outward(s); district != "" {
		for _, a := range areas {
			if slices.ContainsFunc(a.Postcodes, func(c string) bool { return c == district || c == strings.TrimRight(district, "0123456789") }) {
				p.Areas = append(p.Areas, a.ID)
			}
		}
		if len(p.Areas) > 0 {
			return p, true
		}
	}
	if b, found := bodyOf(bodies, s); found {
		p.Bodies = kin(bodies, clusters, b)
		for _, a := range b.Areas {
			if !region(areas, a) {
				p.Areas = append(p.Areas, a)
			}
		}
		return p, true
	}
	if len(plain) < 3 {
		return p, false
	}
	for _, b := range bodies {
		if name := plainName(b.Name); strings.Contains(name, plain) || holds(name, plain) {
			p.Bodies, p.Loose = append(p.Bodies, b), true
		}
	}
	return p, len(p.Bodies) > 0
}

// kin are a body, its successors and, of a board, those in its cluster.
func kin(bodies []Body, clusters []Cluster, b Body) []Body {
	list := Line(bodies, b.ID)
	for _, c := range clusters {
		if !slices.Contains(c.Members, b.ID) {
			continue
		}
		for _, m := range c.Members {
			for _, x := range Line(bodies, m) {
				if !slices.ContainsFunc(list, func(y Body) bool { return y.ID == x.ID }) {
					list = append(list, x)
				}
			}
		}
	}
	return list
}

// region tells one of the nine regions, which is too wide to mean a body's place.
func region(areas []Area, id string) bool {
	i := slices.IndexFunc(areas, func(a Area) bool { return a.ID == id })
	return i < 0 || len(areas[i].Postcodes) == 0
}

// outward is the district of a postcode ("LE15 6AB", "le15"), "" for what is none.
func outward(s string) string {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if n := len(s); n >= 5 && n <= 7 && digit(s[n-3]) && !digit(s[n-2]) && !digit(s[n-1]) {
		s = s[:n-3]
	}
	letters := strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
	if letters < 1 || letters > 2 || len(s) > 4 || len(s) == letters || !digit(s[letters]) {
		return ""
	}
	for _, r := range s[letters:] {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') {
			return ""
		}
	}
	return s
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// Find gives the rows of the list for what somebody means.
func Find(list []Listing, p Place) (rows []Listing) {
	for _, l := range list {
		named := slices.ContainsFunc(p.Bodies, func(b Body) bool { return b.ID == l.Body })
		if named || slices.ContainsFunc(p.Areas, func(a string) bool { return slices.Contains(l.Areas, a) }) {
			rows = append(rows, l)
		}
	}
	return rows
}
