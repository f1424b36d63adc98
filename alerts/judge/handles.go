package judge

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Handle is what a procurement is known by to those who speak of it
// elsewhere: its numbers, its buyer's reference, the name of what is bought,
// who buys and who is named as a supplier. One notice gives one; those of a
// thread have the same Thread.
type Handle struct {
	Thread    string // ocid by which the procurement is shown
	OCID      string
	Release   string
	Title     string
	Reference string
	Bodies    []string // ids of the buyers
	Areas     []string // ids of the places it is about
	Suppliers []string // names of those that are no public bodies
	At        time.Time
}

// A Subject is an item seen as something that may speak of procurements.
type Subject struct {
	Body  string    // id of whose words it is, "" unknown
	Areas []string  // ids of the places that body serves
	At    time.Time // of the meeting, else of the publication; zero: unknown
	Texts []SubjectText
}

// A SubjectText is one text of a subject: a title, an agenda item, a sentence
// that the rules noticed in a paper.
type SubjectText struct {
	Text  string
	Where string // title of the document, or the agenda item
	Page  int
	URL   string
}

// How far from the notices of a procurement a text may be in time to be taken
// for one about it by its name. A reference needs no such limit.
const (
	spokenBefore = 3 * 365 * 24 * time.Hour
	spokenAfter  = 3 * 365 * 24 * time.Hour
)

// jointsMost is how many procurements one item is joined to.
const jointsMost = 12

// An Entry is one procurement as it is known to those who speak of it: what the
// handles of all its notices come to.
type Entry struct {
	Thread     string     `json:"thread"`
	Title      string     `json:"title,omitempty"`      // of the earliest notice
	Names      [][]string `json:"names,omitempty"`      // core words of each title
	Bodies     []string   `json:"bodies,omitempty"`     // ids of the buyers, as they are now
	Areas      []string   `json:"areas,omitempty"`      // ids, without those of regions
	From       time.Time  `json:"from,omitzero"`        // its earliest notice
	To         time.Time  `json:"to,omitzero"`          // and its latest
	Numbers    []string   `json:"numbers,omitempty"`    // ocids in lower case, and notice numbers
	References []string   `json:"references,omitempty"` // as reference makes them comparable
	Firms      []Firm     `json:"firms,omitempty"`
}

// A Firm is a supplier that is no public body.
type Firm struct {
	Name  string   `json:"name"`
	Words []string `json:"words"`
}

// Handles compares texts with procurements by the words these are known by.
// What an item speaks of is found by looking up each pair of words of its texts,
// so that the cost goes with the text and not with the number of procurements.
// Where these stand is for the caller to say; nothing of them is in it. It is
// safe for concurrent use.
type Handles struct {
	j      *Judge
	places map[string]bool // words that name a place or a body's kind
	number *regexp.Regexp
	ref    *regexp.Regexp
}

// A Look gives the procurements that have a key among their Keys, each once. It
// may give others too.
type Look func(key uint64) []*Entry

// NewHandles is what compares.
func (j *Judge) NewHandles() *Handles {
	h := &Handles{j: j, places: map[string]bool{}, number: noticeNumber(), ref: regexp.MustCompile(`[A-Za-z0-9]+(?:[/_.-][A-Za-z0-9]+)*`)}
	for _, a := range j.reg.areas {
		for _, n := range a.names {
			for w := range strings.FieldsSeq(n) {
				h.places[stem(w)] = true
			}
		}
	}
	for _, keep := range []string{"home", "east", "west", "north", "south", "of", "and", "the"} {
		delete(h.places, keep)
	}
	return h
}

// Near tells whether a body's words may be about a procurement by its name: it
// is the buyer, or of the same place.
func (h *Handles) Near(e *Entry, body string) bool {
	if body == "" {
		return false
	}
	if slices.Contains(e.Bodies, h.last(body)) {
		return true
	}
	b := h.j.reg.bodies[body]
	return b != nil && slices.ContainsFunc(b.Areas, func(a string) bool { return slices.Contains(e.Areas, a) })
}

// Keys are those under which a procurement is looked up: of its numbers and
// references, which anybody may name, and of its names and suppliers, which
// count in the words of those near it. What shares none of them with a text need
// not be compared with it.
func (h *Handles) Keys(e *Entry) (numbers, names []uint64) {
	for _, n := range e.Numbers {
		numbers = append(numbers, keyOf(n))
	}
	for _, r := range e.References {
		numbers = append(numbers, keyOf(r))
	}
	for _, core := range e.Names {
		names = append(names, keyOf(core[0], core[1]))
	}
	for _, f := range e.Firms {
		names = append(names, pairKey(f.Words, 0))
	}
	return unique(numbers), unique(names)
}

func unique(keys []uint64) []uint64 {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Words are the keys that a text's words would meet, sorted as Keys are.
func (h *Handles) Words(text string) (numbers, names []uint64) {
	h.scan(text, func(n string) { numbers = append(numbers, keyOf(n)) }, func(r string, _ int) { numbers = append(numbers, keyOf(r)) })
	core := h.coreWords(text)
	for i := range core {
		if i+1 < len(core) {
			names = append(names, keyOf(core[i].text, core[i+1].text))
		}
	}
	ws := words(text)
	for i := range ws {
		if i+1 < len(ws) {
			names = append(names, keyOf("supplier", ws[i].text, ws[i+1].text))
		}
		if len(ws[i].text) >= singleName {
			names = append(names, keyOf("supplier", ws[i].text))
		}
	}
	return unique(numbers), unique(names)
}

// scan calls f with the notice numbers and ocids in a text, and g with what
// may be a reference.
func (h *Handles) scan(text string, f func(number string), g func(ref string, at int)) {
	if strings.Contains(text, "-20") || strings.Contains(text, "/S 000-") || strings.Contains(text, "ocds-") {
		for _, m := range h.number.FindAllStringSubmatch(text, -1) {
			if m[1] != "" {
				f(m[2] + "-" + m[1])
				continue
			}
			f(m[3] + strings.ToLower(m[4]))
		}
	}
	if !strings.ContainsAny(text, "0123456789") {
		return
	}
	for _, m := range h.ref.FindAllStringIndex(text, -1) {
		if r, ok := reference(text[m[0]:m[1]]); ok {
			g(r, m[0])
		}
	}
}

// EntryOf is what the notices of a procurement come to, in the order in which
// they were met.
func (h *Handles) EntryOf(thread string, notices []Handle) Entry {
	e := Entry{Thread: thread}
	for i, x := range notices {
		if i == 0 || x.At.Before(e.From) {
			e.From, e.Title = x.At, x.Title
		}
		if i == 0 || x.At.After(e.To) {
			e.To = x.At
		}
		for _, b := range x.Bodies {
			add(&e.Bodies, h.last(b))
		}
		for _, a := range x.Areas {
			if h.local(a) {
				add(&e.Areas, a)
			}
		}
		for _, n := range []string{strings.ToLower(x.OCID), x.Release} {
			if n != "" {
				add(&e.Numbers, n)
			}
		}
		if r, ok := reference(x.Reference); ok {
			add(&e.References, r)
		}
		if core := h.core(x.Title); len(core) > 1 && len(core) <= longestName && !slices.ContainsFunc(e.Names, func(n []string) bool { return slices.Equal(n, core) }) {
			e.Names = append(e.Names, core)
		}
		for _, name := range x.Suppliers {
			if ws := h.j.supplierWords(name); len(ws) > 0 && !slices.ContainsFunc(e.Firms, func(f Firm) bool { return slices.Equal(f.Words, ws) }) {
				e.Firms = append(e.Firms, Firm{name, ws})
			}
		}
	}
	return e
}

func add(list *[]string, x string) {
	if !slices.Contains(*list, x) {
		*list = append(*list, x)
	}
}

// singleName is how long a supplier's name of one word must be: "Serco" is one.
const singleName = 5

// supplierWords are the words of a company's name without its legal form; nil
// for one that would be met in any text.
func (j *Judge) supplierWords(name string) []string {
	ws := strings.Fields(plainName(name))
	for len(ws) > 1 && slices.Contains([]string{"ltd", "limited", "plc", "llp", "cic", "uk", "company", "co", "inc", "group", "holdings"}, ws[len(ws)-1]) {
		ws = ws[:len(ws)-1]
	}
	plainWord := func(w string) bool {
		return j.shared[stem(w)] || slices.Contains([]string{"the", "of", "and"}, w)
	}
	if len(ws) == 0 || len(ws) == 1 && (len(ws[0]) < singleName || plainWord(ws[0])) || !slices.ContainsFunc(ws, func(w string) bool { return !plainWord(w) }) {
		return nil
	}
	return ws
}

func pairKey(ws []string, i int) uint64 {
	if len(ws) == 1 {
		return keyOf("supplier", ws[i])
	}
	return keyOf("supplier", ws[i], ws[i+1])
}

// last follows a body to the one that is there now: a board paper of a former
// body and a tender of its successor are of one body.
func (h *Handles) last(id string) string {
	for range 5 {
		b := h.j.reg.bodies[id]
		if b == nil || b.Until == "" || len(b.Successors) != 1 {
			return id
		}
		id = b.Successors[0]
	}
	return id
}

// local tells a place from a region: that two things happen in the East
// Midlands says nothing.
func (h *Handles) local(id string) bool {
	for _, a := range h.j.reg.areas {
		if a.ID == id {
			return len(a.Postcodes) > 0
		}
	}
	return false
}

// keyOf is a hash (FNV-1a) of words.
func keyOf(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h
}

// reference makes a buyer's reference comparable; ok only for one that is
// nobody else's: letters and at least four digits, or three parts with both.
func reference(s string) (string, bool) {
	var b strings.Builder
	digits, letters, parts := 0, 0, 1
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letters++
		case strings.ContainsRune("/_.-", r):
			parts++
			continue
		default:
			return "", false
		}
		b.WriteRune(r)
	}
	out := strings.ToLower(b.String())
	return out, len(out) >= 6 && len(out) <= 40 && letters > 0 && digits > 0 && (digits >= 4 && letters+digits >= 6 || parts >= 3) && !strings.HasPrefix(out, "ocds")
}

// coreWords are the words of a text that say what it is about: without small
// words, the trade's own ("provision of", "contract for") and names of places.
func (h *Handles) coreWords(text string) []word {
	ws := words(text)
	out := ws[:0:0]
	for _, w := range ws {
		s := stem(w.text)
		if h.j.usual[s] || h.places[s] || strings.Trim(s, "0123456789.,£") == "" {
			continue
		}
		w.text = s
		out = append(out, w)
	}
	return out
}

func (h *Handles) core(title string) []string {
	var out []string
	for _, w := range h.coreWords(title) {
		out = append(out, w.text)
	}
	return out
}

// stem takes the s off a plural.
func stem(w string) string {
	if len(w) > 4 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
		return w[:len(w)-1]
	}
	return w
}

// Shown is the title of a procurement as it is shown.
func (e *Entry) Shown() string { return Redact(e.Title) }
