package judge

import (
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// A register knows bodies by their names and codes, and areas by theirs.
type register struct {
	bodies map[string]*Body
	names  map[string][]*Body // plain name -> bodies
	codes  map[string][]*Body // code in capitals -> bodies
	areas  []area
	byID   map[string]bool
}

type area struct {
	Area
	names []string // plain
}

func newRegister(bodies []Body, areas []Area) *register {
	r := &register{bodies: map[string]*Body{}, names: map[string][]*Body{}, codes: map[string][]*Body{}, byID: map[string]bool{}}
	for i := range bodies {
		b := &bodies[i]
		r.bodies[b.ID] = b
		for _, n := range append([]string{b.Name}, b.Aliases...) {
			r.names[plainName(n)] = append(r.names[plainName(n)], b)
		}
		for _, c := range b.Codes {
			r.codes[strings.ToUpper(c)] = append(r.codes[strings.ToUpper(c)], b)
		}
	}
	for _, a := range areas {
		x := area{Area: a}
		for _, n := range append([]string{a.Name}, a.Names...) {
			x.names = append(x.names, " "+plainName(n)+" ")
		}
		r.areas = append(r.areas, x)
		r.byID[a.ID] = true
	}
	return r
}

// plainName makes names comparable: words in lower case, without "the" at the
// beginning and without what stands in brackets.
func plainName(name string) string {
	if i := strings.IndexByte(name, '('); i > 0 {
		if k := strings.IndexByte(name[i:], ')'); k >= 0 {
			name = name[:i] + " " + name[i+k+1:]
		}
	}
	var out []string
	for _, w := range words(name) {
		out = append(out, w.text)
	}
	if len(out) > 1 && out[0] == "the" {
		out = out[1:]
	}
	return strings.Join(out, " ")
}

// find returns the body of a party at a time: by code, then by name. A body
// that had ended by then is followed to its first successor.
func (r *register) find(p store.Party, at time.Time) *Body {
	id := strings.ToUpper(p.ID)
	for _, code := range []string{strings.ToUpper(p.Number), id, strings.TrimPrefix(id, "GB-NHS-"), strings.TrimPrefix(id, "GB-PPON-")} {
		if b := r.current(r.codes[code], at); code != "" && b != nil {
			return b
		}
	}
	return r.current(r.names[plainName(p.Name)], at)
}

func (r *register) current(list []*Body, at time.Time) *Body {
	if len(list) == 0 {
		return nil
	}
	day := at.Format(time.DateOnly)
	for _, b := range list {
		if (b.Since == "" || b.Since <= day) && (b.Until == "" || b.Until >= day) {
			return b
		}
	}
	b := list[0]
	for hops := 0; b.Until != "" && b.Until < day && len(b.Successors) > 0 && hops < 5; hops++ {
		next := r.bodies[b.Successors[0]]
		if next == nil {
			break
		}
		b = next
	}
	return b
}

// areasOf returns the areas a notice is about, in the register's order: those
// the buyer serves, those the work is done in, those the title names. A list
// of regions as long as the country and a national hub make nothing local.
func (r *register) areasOf(n *store.Notice) []string {
	found := map[string]bool{}
	known := false
	for _, p := range n.Buyers {
		if b := r.find(p, n.Date); b != nil {
			known = true
			for _, id := range b.Areas {
				found[id] = true
			}
		}
	}
	national := wholeCountry(n.Places)
	for _, a := range r.areas {
		if !national && a.contains(n.Places) || a.named(n.Title) || a.namedIn(n.Description) {
			found[a.ID] = true
		}
		if !known { // a buyer the register does not know is where its address is
			for _, p := range n.Buyers {
				if a.holds(p.Region, p.Postcode) {
					found[a.ID] = true
				}
			}
		}
	}
	if len(found) == 0 && national && r.byID["england"] {
		return []string{"england"}
	}
	var out []string
	for _, a := range r.areas {
		if found[a.ID] {
			out = append(out, a.ID)
			delete(found, a.ID)
		}
	}
	for id := range found { // a body may serve an area nobody described
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// wholeCountry tells a list of places that covers the United Kingdom or
// England rather than naming a place.
func wholeCountry(places []store.Place) bool {
	top := map[string]bool{}
	for _, p := range places {
		region := strings.ToUpper(p.Region)
		switch {
		case region == "UK" || region == "ENGLAND" || region == "UNITED KINGDOM":
			return true
		case len(region) >= 3 && strings.HasPrefix(region, "UK"):
			top[region[:3]] = true
		case region == "" && p.Postcode == "" && p.Country != "":
			top["country "+p.Country] = true
		}
	}
	if len(top) == 1 && len(places) == 1 && places[0].Region == "" && places[0].Postcode == "" && places[0].Text == "" {
		return true // a country and nothing else
	}
	return len(top) >= 6
}

func (a *area) contains(places []store.Place) bool {
	for _, p := range places {
		if a.holds(p.Region, p.Postcode) || p.Text != "" && a.named(p.Text) {
			return true
		}
	}
	return false
}

// holds tells whether a region code or postcode lies in the area. The region
// one level above counts too: notices about a city are coded so.
func (a *area) holds(region, postcode string) bool {
	region = strings.ToUpper(strings.TrimSpace(region))
	for _, code := range a.Regions {
		if region == "" {
			break
		}
		if strings.HasPrefix(region, code) || len(region) == 4 && len(code) == 5 && strings.HasPrefix(code, region) {
			return true
		}
	}
	out := outward(postcode)
	for _, p := range a.Postcodes {
		if out == "" {
			break
		}
		p = strings.ToUpper(p)
		if out == p || !strings.ContainsAny(p, "0123456789") && strings.TrimRight(out, "0123456789") == p {
			return true
		}
	}
	return false
}

// outward is the first half of a postcode: "LE1" of "le1 1aa", "LE11AA" or "LE1".
func outward(postcode string) string {
	p := strings.ToUpper(strings.TrimSpace(postcode))
	if first, _, ok := strings.Cut(p, " "); ok {
		return first
	}
	if len(p) >= 5 {
		return p[:len(p)-3]
	}
	return p
}

// named tells whether a text names the area in words, other than as part of
// the name of a school, a university or a street.
func (a *area) named(text string) bool {
	plain := " " + plainWords(text) + " "
	for _, n := range a.names {
		for rest := plain; ; {
			i := strings.Index(rest, n)
			if i < 0 || strings.TrimSpace(n) == "" {
				break
			}
			rest = rest[i+len(n)-1:]
			next, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			if !strings.Contains(" school university college academy road street avenue lane way square house ", " "+next+" ") || next == "" {
				return true
			}
		}
	}
	return false
}

// namedIn is named for a long text, where a place counts only after a word
// that says something is done there.
func (a *area) namedIn(text string) bool {
	plain := " " + plainWords(text) + " "
	for _, n := range a.names {
		for _, before := range []string{" in", " across", " within", " throughout", " serving", " for", " covering", " of"} {
			if before == " of" && !strings.Contains(plain, " residents of"+n) && !strings.Contains(plain, " people of"+n) {
				continue
			}
			if i := strings.Index(plain, before+n); i >= 0 && a.named(plain[i+len(before):min(len(plain), i+len(before)+len(n)+20)]) {
				return true
			}
		}
	}
	return false
}

func plainWords(text string) string {
	ws := words(text)
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = w.text
	}
	return strings.Join(out, " ")
}
