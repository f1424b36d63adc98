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

// Handles is an index of procurements by the words they are known by. What an
// item speaks of is found by looking up each pair of words of its texts, so
// that the cost goes with the text and not with the number of procurements. It
// is not safe for concurrent use.
type Handles struct {
	j         *Judge
	numbers   map[string][]string   // ocid or notice number -> threads
	refs      map[string][]*entry   // plain reference
	names     map[uint64][]*entry   // first two core words of the name of what is bought
	suppliers map[uint64][]supplier // first two words of the name
	threads   map[string]*entry
	places    map[string]bool // words that name a place or a body's kind
	number    *regexp.Regexp
	ref       *regexp.Regexp
}

// An entry is one procurement.
type entry struct {
	thread, title string
	names         [][]string // core words of each title
	bodies, areas map[string]bool
	from, to      time.Time
}

type supplier struct {
	*entry
	name  string
	words []string
}

// NewHandles is an empty index.
func (j *Judge) NewHandles() *Handles {
	h := &Handles{
		j: j, numbers: map[string][]string{}, refs: map[string][]*entry{}, names: map[uint64][]*entry{}, suppliers: map[uint64][]supplier{},
		threads: map[string]*entry{}, places: map[string]bool{},
		number: noticeNumber(),
		ref:    regexp.MustCompile(`[A-Za-z0-9]+(?:[/_.-][A-Za-z0-9]+)*`),
	}
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

// ThreadOf is the thread of a process, "" for an unknown one.
func (h *Handles) ThreadOf(ocid string) string {
	if list := h.numbers[strings.ToLower(ocid)]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// Near tells whether a body's words may be about a procurement by its name: it
// is the buyer, or of the same place.
func (h *Handles) Near(x Handle, body string) bool {
	if body == "" {
		return false
	}
	last := h.last(body)
	if slices.ContainsFunc(x.Bodies, func(b string) bool { return h.last(b) == last }) {
		return true
	}
	b := h.j.reg.bodies[body]
	return b != nil && slices.ContainsFunc(b.Areas, func(a string) bool { return slices.Contains(x.Areas, a) && h.local(a) })
}

// Numbers are the keys under which the references of a handle may be met,
// Keys those of its names: what shares none of them need not be compared.
func (h *Handles) Numbers(x Handle) []uint64 {
	keys := []uint64{keyOf(strings.ToLower(x.OCID)), keyOf(x.Release)}
	if r, ok := reference(x.Reference); ok {
		keys = append(keys, keyOf(r))
	}
	return keys
}

// Keys are the keys under which the names of a handle may be met.
func (h *Handles) Keys(x Handle) []uint64 {
	var keys []uint64
	if core := h.core(x.Title); len(core) > 1 {
		keys = append(keys, keyOf(core[0], core[1]))
	}
	for _, name := range x.Suppliers {
		if ws := h.j.supplierWords(name); len(ws) > 0 {
			keys = append(keys, pairKey(ws, 0))
		}
	}
	return keys
}

// Words are the keys under which a text's words would be met.
func (h *Handles) Words(text string) []uint64 {
	var keys []uint64
	h.scan(text, func(n string) { keys = append(keys, keyOf(n)) }, func(r string, _ int) { keys = append(keys, keyOf(r)) })
	core := h.coreWords(text)
	for i := range core {
		if i+1 < len(core) {
			keys = append(keys, keyOf(core[i].text, core[i+1].text))
		}
	}
	ws := words(text)
	for i := range ws {
		if i+1 < len(ws) {
			keys = append(keys, keyOf("supplier", ws[i].text, ws[i+1].text))
		}
		if len(ws[i].text) >= singleName {
			keys = append(keys, keyOf("supplier", ws[i].text))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
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

// Add enters a notice.
func (h *Handles) Add(x Handle) {
	if x.Thread == "" {
		x.Thread = x.OCID
	}
	if t := h.ThreadOf(x.OCID); t != "" { // it stays where it was first met
		x.Thread = t
	}
	e := h.threads[x.Thread]
	if e == nil {
		e = &entry{thread: x.Thread, title: x.Title, bodies: map[string]bool{}, areas: map[string]bool{}, from: x.At, to: x.At}
		h.threads[x.Thread] = e
	}
	if x.At.Before(e.from) {
		e.from, e.title = x.At, x.Title
	}
	if x.At.After(e.to) {
		e.to = x.At
	}
	for _, b := range x.Bodies {
		e.bodies[h.last(b)] = true
	}
	for _, a := range x.Areas {
		if h.local(a) {
			e.areas[a] = true
		}
	}
	for _, n := range []string{strings.ToLower(x.OCID), x.Release} {
		if n != "" && !slices.Contains(h.numbers[n], x.Thread) {
			h.numbers[n] = append(h.numbers[n], x.Thread)
		}
	}
	if r, ok := reference(x.Reference); ok && !slices.Contains(h.refs[r], e) {
		h.refs[r] = append(h.refs[r], e)
	}
	if core := h.core(x.Title); len(core) > 1 && len(core) <= longestName && !slices.ContainsFunc(e.names, func(n []string) bool { return slices.Equal(n, core) }) {
		e.names = append(e.names, core)
		if k := keyOf(core[0], core[1]); !slices.Contains(h.names[k], e) {
			h.names[k] = append(h.names[k], e)
		}
	}
	for _, name := range x.Suppliers {
		h.supplier(e, name)
	}
}

func (h *Handles) supplier(e *entry, name string) {
	ws := h.j.supplierWords(name)
	if len(ws) == 0 {
		return
	}
	k := pairKey(ws, 0)
	if !slices.ContainsFunc(h.suppliers[k], func(s supplier) bool { return s.entry == e && slices.Equal(s.words, ws) }) {
		h.suppliers[k] = append(h.suppliers[k], supplier{e, name, ws})
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

// Title is the title of a procurement, "" for an unknown one.
func (h *Handles) Title(thread string) string {
	if e := h.threads[thread]; e != nil {
		return Redact(e.title)
	}
	return ""
}
