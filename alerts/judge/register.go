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
	agent  func(name string) bool // buys for others: a hub, an agent, an e-sender
}

type area struct {
	Area
	names []string // plain, with a space before and after
	first []string // words of the names, so that most of them need not be looked for
}

func newRegister(bodies []Body, areas []Area, agent func(string) bool) *register {
	r := &register{agent: agent, bodies: map[string]*Body{}, names: map[string][]*Body{}, codes: map[string][]*Body{}, byID: map[string]bool{}}
	for i := range bodies {
		b := &bodies[i]
		r.bodies[b.ID] = b
		for _, n := range append([]string{b.Name}, b.Aliases...) {
			for _, key := range r.keys(n, b.Kind) {
				r.names[key] = append(r.names[key], b)
			}
		}
		for _, c := range b.Codes {
			r.codes[strings.ToUpper(c)] = append(r.codes[strings.ToUpper(c)], b)
		}
	}
	for _, a := range areas {
		x := area{Area: a}
		for _, n := range append([]string{a.Name}, a.Names...) {
			x.names = append(x.names, " "+plainName(n)+" ")
			x.first = append(x.first, firstWord(x.names[len(x.names)-1]))
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

// keys are the ways in which a name may be printed: as it is, and without what
// its kind says anyhow ("NHS", "Integrated Care Board", "Borough Council"). kind
// is that of a known body; "" takes the kind from the name.
func (r *register) keys(name, kind string) []string {
	plain := plainName(name)
	keys := []string{plain}
	ws := strings.Fields(strings.NewReplacer("c c g", "ccg", "i c b", "icb", "n h s", "nhs").Replace(plain))
	full := " " + strings.Join(ws, " ") + " "
	full = strings.ReplaceAll(strings.ReplaceAll(full, " integrated care board ", " icb "), " clinical commissioning group ", " ccg ")
	short := strings.Fields(full)
	last := ""
	if len(short) > 0 {
		last = short[len(short)-1]
	}
	switch {
	case last == "icb" || last == "ccg":
		short = slices.DeleteFunc(short, func(w string) bool { return w == "nhs" })
		if len(short) > 1 { // the letters alone name nobody
			keys = append(keys, "health "+strings.Join(short, " "))
		}
	case kind == "council" || kind == "" && slices.Contains(short, "council") || kind == "" && slices.Contains(short, "borough"):
		base := slices.DeleteFunc(short, func(w string) bool {
			return slices.Contains([]string{"the", "of", "council", "borough", "city", "county", "district", "metropolitan", "london", "royal", "unitary", "authority", "corporation"}, w)
		})
		if len(base) > 0 {
			keys = append(keys, "council "+strings.Join(base, " "))
		}
	}
	return keys
}

// named returns the bodies that a name may mean: those of the name as printed,
// else the one body, if it is one, of the name without what its kind says.
func (r *register) named(name string) []*Body {
	for i, key := range r.keys(name, "") {
		list := r.names[key]
		if i > 0 && len(list) > 1 && slices.ContainsFunc(list[1:], func(b *Body) bool { return b.ID != list[0].ID }) {
			continue // two councils of one place: better none than the wrong one
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// longestName is how many words a body's name has at most.
const longestName = 14

// principals are the bodies on whose behalf a notice says it is made: those
// named after the words "on behalf of" and their like, in the buyers' names, the
// title and the description, in the order of the text.
func (r *register) principals(n *store.Notice) []*Body {
	texts := []string{n.Title, n.Description}
	for _, b := range n.Buyers {
		texts = append(texts, b.Name)
	}
	var out []*Body
	for _, text := range texts {
		ws := words(text)
		for i := range ws {
			after, ok := behalf(ws, i)
			if !ok {
				continue
			}
			for {
				b, next := r.begins(text, ws, after, n.Date)
				if b == nil {
					break
				}
				if !slices.Contains(out, b) {
					out = append(out, b)
				}
				if after = next; after < len(ws) && (ws[after].text == "and" || ws[after].text == "the") {
					after++
				}
			}
		}
	}
	return out
}

// behalf tells whether the words at i say that somebody acts for the one named next.
func behalf(ws []word, i int) (after int, ok bool) {
	for _, phrase := range [][]string{{"on", "behalf", "of"}, {"acting", "for"}, {"as", "agent", "for"}, {"hosted", "by"}} {
		if i+len(phrase) >= len(ws) {
			continue
		}
		same := true
		for k, w := range phrase {
			same = same && ws[i+k].text == w
		}
		if same {
			after = i + len(phrase)
			if ws[after].text == "the" && after+1 < len(ws) {
				after++
			}
			return after, true
		}
	}
	return 0, false
}

// begins finds the body with the longest name among those that begin at a word.
func (r *register) begins(text string, ws []word, at int, when time.Time) (*Body, int) {
	if at >= len(ws) {
		return nil, at
	}
	for end := min(len(ws), at+longestName); end > at+1; end-- {
		if b := r.current(r.named(text[ws[at].start:ws[end-1].end]), when); b != nil {
			return b, end
		}
	}
	return nil, at
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
	return r.current(r.named(p.Name), at)
}

// buyer is the body that a notice is of: whom an agent buys for, where the text
// names it, else the first buyer that the register knows.
func (r *register) buyer(n *store.Notice) *Body {
	var own *Body
	for _, p := range n.Buyers {
		if own = r.find(p, n.Date); own != nil {
			break
		}
	}
	if own == nil || own.Kind == "csu" || own.Kind == "other" {
		if ps := r.principals(n); len(ps) > 0 {
			return ps[0]
		}
	}
	return own
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
	buyers := r.principals(n)
	for _, p := range n.Buyers {
		buyers = append(buyers, r.find(p, n.Date))
	}
	for _, b := range buyers {
		if b != nil {
			// A local body of which nobody noted the areas is where its address is.
			known = known || len(b.Areas) > 0 || b.Kind == "nhs-england" || b.Kind == "csu" || b.Kind == "other"
			for _, id := range b.Areas {
				found[id] = true
			}
		}
	}
	national := wholeCountry(n.Places)
	title, text := spaced(n.Title), spaced(n.Description) // once, and not for every area
	met := map[string]bool{"": true}
	for w := range strings.FieldsSeq(title + text) {
		met[w] = true
	}
	places := make([]string, len(n.Places))
	for i, p := range n.Places {
		places[i] = spaced(p.Text)
	}
	for _, a := range r.areas {
		spoken := slices.ContainsFunc(a.first, func(w string) bool { return met[w] }) // of hardly any
		if !national && a.contains(n.Places, places) || spoken && (a.named(title) || a.namedIn(text)) {
			found[a.ID] = true
		}
		if !known { // a buyer the register does not know is where its address is, unless it buys for others
			for _, p := range n.Buyers {
				if !r.agent(p.Name) && a.holds(p.Region, p.Postcode) {
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

func (a *area) contains(places []store.Place, texts []string) bool {
	for i, p := range places {
		if a.holds(p.Region, p.Postcode) || p.Text != "" && a.named(texts[i]) {
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

func firstWord(name string) string {
	w, _, _ := strings.Cut(strings.TrimSpace(name), " ")
	return w
}

// spaced are the words of a text, with a space before and after each.
func spaced(text string) string { return " " + plainWords(text) + " " }

// named tells whether a text, as spaced makes it, names the area in words, other
// than as part of the name of a school, a university or a street.
func (a *area) named(plain string) bool {
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
func (a *area) namedIn(plain string) bool {
	for _, n := range a.names {
		if !strings.Contains(plain, n) { // nearly every name
			continue
		}
		for _, before := range []string{" in", " across", " within", " throughout", " serving", " for", " covering", " of"} {
			if before == " of" && !strings.Contains(plain, " residents of"+n) && !strings.Contains(plain, " people of"+n) {
				continue
			}
			if i := strings.Index(plain, before+n); i >= 0 && a.named(spaced(plain[i+len(before):min(len(plain), i+len(before)+len(n)+20)])) {
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
