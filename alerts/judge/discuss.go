package judge

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ccgwatch/store"
)

// Discusses says of which procurements an item speaks, the surest first. That
// it names a notice, a process or a buyer's reference is certain. That it names
// the same service, and is of the buyer or of the same place, is likely; where
// several procurements go by that name, or the name is made of words that many
// services share, it is a mention, and so is the name of a supplier in the
// words of the buyer. A wrong link is worse than none: whatever is in doubt
// goes one step down, or out.
func (h *Handles) Discusses(s Subject, look Look) []store.Joint {
	f := matcher{Handles: h, look: look, s: s, best: map[string]speaks{}, body: h.last(s.Body)}
	for _, t := range s.Texts {
		f.references(t)
		f.named(t)
		f.supplied(t)
	}
	f.doubt()
	out := make([]store.Joint, 0, len(f.best))
	for thread, x := range f.best {
		x.Thread, x.Title = thread, x.of.Shown()
		out = append(out, x.Joint)
	}
	slices.SortFunc(out, func(a, b store.Joint) int {
		return cmp.Or(store.JointRank(b.Strength)-store.JointRank(a.Strength), strings.Compare(a.Thread, b.Thread))
	})
	return out[:min(len(out), jointsMost)]
}

// A speaks is the best that speaks for one procurement.
type speaks struct {
	store.Joint
	of   *Entry
	name string // the core words, of a match by name
}

// A matcher is one item being compared.
type matcher struct {
	*Handles
	look Look
	s    Subject
	body string
	best map[string]speaks
}

func (f *matcher) take(e *Entry, strength, evidence, name string, t SubjectText, from, to int) {
	if old, ok := f.best[e.Thread]; ok && store.JointRank(old.Strength) >= store.JointRank(strength) {
		return
	}
	quote := Redact(around(t.Text, from, to))
	f.best[e.Thread] = speaks{store.Joint{Strength: strength, Evidence: evidence, Quote: quote, Where: t.Where, Page: t.Page, URL: t.URL}, e, name}
}

// near tells how an item stands to a procurement: of the same body, or of one
// of the same place.
func (f *matcher) near(e *Entry) (how string, same bool) {
	if f.body != "" && slices.Contains(e.Bodies, f.body) {
		return "the same body", true
	}
	for _, a := range f.s.Areas {
		if slices.Contains(e.Areas, a) {
			return "the same place", false
		}
	}
	return "", false
}

// inTime tells whether a text may be about a procurement as far as its date goes.
func (f *matcher) inTime(e *Entry) bool {
	at := f.s.At
	return at.IsZero() || at.After(e.From.Add(-spokenBefore)) && at.Before(e.To.Add(spokenAfter))
}

func (f *matcher) references(t SubjectText) {
	f.scan(t.Text, func(number string) {
		from := max(0, strings.Index(t.Text, number))
		for _, e := range f.having(keyOf(number), func(e *Entry) bool { return slices.Contains(e.Numbers, number) }) {
			f.take(e, store.JointCertain, "it names "+number, "", t, from, from+len(number))
		}
	}, func(ref string, at int) {
		list := f.having(keyOf(ref), func(e *Entry) bool { return slices.Contains(e.References, ref) })
		for _, e := range list {
			strength := store.JointMention
			how, _ := f.near(e)
			if how != "" && len(list) == 1 {
				strength = store.JointCertain
			}
			f.take(e, strength, strings.TrimSuffix("it names the buyer's reference "+t.Text[at:min(len(t.Text), at+wordEnd(t.Text[at:]))]+", "+how, ", "), "", t, at, at+len(ref))
		}
	})
}

// having are the procurements of a key that really are known by what it stands for.
func (f *matcher) having(key uint64, by func(*Entry) bool) []*Entry {
	var out []*Entry
	for _, e := range f.look(key) {
		if by(e) {
			out = append(out, e)
		}
	}
	return out
}

// wordEnd is where a reference ends.
func wordEnd(s string) int {
	if i := strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/_.-", r)
	}); i >= 0 {
		return len(strings.TrimRight(s[:i], "/_.-"))
	}
	return len(s)
}

// named looks for the names of what is bought.
func (f *matcher) named(t SubjectText) {
	core := f.coreWords(t.Text)
	for i := 0; i+1 < len(core); i++ {
		for _, e := range f.look(keyOf(core[i].text, core[i+1].text)) {
			if !f.inTime(e) {
				continue
			}
			for _, name := range e.Names {
				if n := begins(core[i:], name, t.Text); n > 0 {
					f.byName(e, name, t, core[i].start, core[i+n-1].end)
				}
			}
		}
	}
}

// begins counts the words of core that a name takes up, 0 if it does not stand
// there. A sentence or a line that ends in between parts it.
func begins(core []word, name []string, text string) int {
	if len(core) < len(name) {
		return 0
	}
	for k, w := range name {
		if core[k].text != w {
			return 0
		}
		if k > 0 {
			gap := text[core[k-1].end:core[k].start]
			if len(gap) > 40 || strings.ContainsAny(gap, ".;:!?\n•|") {
				return 0
			}
		}
	}
	return len(name)
}

func (f *matcher) byName(e *Entry, name []string, t SubjectText, from, to int) {
	how, same := f.near(e)
	if how == "" {
		return
	}
	special := 0
	for _, w := range name {
		if !f.j.shared[w] {
			special++
		}
	}
	buys := buying(t.Text)
	strength := ""
	switch {
	case special >= 2, special == 1 && (same && len(name) >= 3 || buys):
		strength = store.JointLikely
	case special == 1, same && buys:
		strength = store.JointMention
	default:
		return
	}
	f.take(e, strength, "it names the service (“"+clip(t.Text[from:to], 120)+"”), "+how, strings.Join(name, " "), t, from, to)
}

// buying tells whether a text speaks of buying.
func buying(text string) bool {
	for _, w := range words(text) {
		for _, begin := range []string{"procur", "tender", "contract", "commission", "award", "provider", "supplier", "bidder", "recommission", "reprocur", "retender", "outsourc", "insourc"} {
			if strings.HasPrefix(w.text, begin) {
				return true
			}
		}
	}
	return false
}

// supplied looks for the names of suppliers, written as names.
func (f *matcher) supplied(t SubjectText) {
	ws := words(t.Text)
	for i := range ws {
		if i+1 < len(ws) {
			f.firms(t, ws, i, keyOf("supplier", ws[i].text, ws[i+1].text))
		}
		if len(ws[i].text) >= singleName {
			f.firms(t, ws, i, keyOf("supplier", ws[i].text))
		}
	}
}

// firms takes the suppliers of a key whose name stands at a word.
func (f *matcher) firms(t SubjectText, ws []word, i int, key uint64) {
	for _, e := range f.look(key) {
		for _, s := range e.Firms {
			if pairKey(s.Words, 0) != key || len(ws)-i < len(s.Words) || !f.inTime(e) {
				continue
			}
			named := true
			for k, w := range s.Words {
				r, _ := utf8.DecodeRuneInString(t.Text[ws[i+k].start:])
				named = named && ws[i+k].text == w && (unicode.IsUpper(r) || unicode.IsDigit(r) || w == "of" || w == "and" || w == "the")
			}
			if how, same := f.near(e); named && same {
				f.take(e, store.JointMention, "it names "+s.Name+", a supplier, "+how, "", t, ws[i].start, ws[i+len(s.Words)-1].end)
			}
		}
	}
}

// doubt takes down a step what fits several procurements equally well: the
// second tender of a service has the name of the first.
func (f *matcher) doubt() {
	by := map[string][]string{}
	for thread, x := range f.best {
		if x.Strength == store.JointLikely {
			by[x.name] = append(by[x.name], thread)
		}
	}
	for _, threads := range by {
		if len(threads) < 2 {
			continue
		}
		if one := f.current(threads); one != "" {
			threads = slices.DeleteFunc(threads, func(t string) bool { return t == one })
		}
		for _, t := range threads {
			x := f.best[t]
			x.Strength, x.Evidence = store.JointMention, x.Evidence+"; so are others of that name"
			f.best[t] = x
		}
	}
}

// current is the one procurement of several that was under way at the time of
// the text, "" where that is not exactly one.
func (f *matcher) current(threads []string) string {
	one := ""
	for _, t := range threads {
		e := f.best[t].of
		if f.s.At.IsZero() || f.s.At.Before(e.From.AddDate(0, -6, 0)) || f.s.At.After(e.To.AddDate(0, 6, 0)) {
			continue
		}
		if one != "" {
			return ""
		}
		one = t
	}
	return one
}

// around is a text, or what stands about a place in it, cut between words.
func around(text string, from, to int) string {
	const side = 160
	if len(text) <= 2*side {
		return strings.Join(strings.Fields(text), " ")
	}
	a, b := max(0, from-side), min(len(text), to+side)
	before, after := "", ""
	if a > 0 {
		if i := strings.IndexByte(text[a:from], ' '); i >= 0 {
			a += i
		} else {
			a = from
		}
		before = "… "
	}
	if b < len(text) {
		if i := strings.LastIndexByte(text[to:b], ' '); i >= 0 {
			b = to + i
		} else {
			b = to
		}
		after = " …"
	}
	return before + strings.Join(strings.Fields(strings.ToValidUTF8(text[a:b], "")), " ") + after
}

// SubjectOf sees an item as something that may speak of procurements; quotes are
// the findings about it, whose sentences the rules noticed in its papers.
func (j *Judge) SubjectOf(it store.Item, quotes []store.Finding) Subject {
	s := Subject{Body: it.Body, At: it.When()}
	if b := j.reg.bodies[it.Body]; b != nil {
		s.Areas = b.Areas
	}
	if s.At.IsZero() {
		if s.At = it.Published; s.At.IsZero() {
			s.At = it.FirstSeen
		}
	}
	left := subjectMost
	add := func(text, where string, page int, url string) {
		if text = strings.TrimSpace(text); text == "" || left <= 0 {
			return
		}
		if len(text) > left {
			text = strings.ToValidUTF8(text[:left], "")
		}
		left -= len(text)
		s.Texts = append(s.Texts, SubjectText{Text: text, Where: where, Page: page, URL: url})
	}
	add(it.Title, "", 0, it.URL)
	for _, p := range it.Parts {
		add(p.Title, agendaItem(p), 0, it.URL)
	}
	for _, d := range it.Documents {
		add(d.Title, "", 0, d.URL)
	}
	for _, q := range quotes {
		if q.Page > 0 || q.Document != "" { // ours about a meeting are no words of the source
			add(q.Quote, q.Document, q.Page, q.URL)
		}
	}
	add(it.Fields[store.FieldSummary], "", 0, it.URL)
	for _, p := range it.Parts {
		add(clip(p.Text, 4000), agendaItem(p), 0, it.URL)
	}
	add(it.Fields[store.FieldText], "", 0, it.URL)
	return s
}

// subjectMost bounds how much of one item is compared, in bytes.
const subjectMost = 60_000

// HandleOf is what a notice makes its procurement known by. thread is the ocid
// by which that is shown.
func (j *Judge) HandleOf(it store.Item, thread string) (Handle, bool) {
	n := it.Notice
	if n == nil {
		return Handle{}, false
	}
	h := Handle{Thread: thread, OCID: n.OCID, Release: n.Release, Reference: n.Reference, At: n.Date, Areas: j.reg.areasOf(n)}
	if !titleless(n) {
		h.Title = n.Title
	}
	h.Bodies = j.Buyers(n)
	for _, p := range n.Suppliers {
		if b := j.reg.find(p, n.Date); b == nil && !strings.Contains(" "+plainName(p.Name)+" ", " nhs ") && !strings.Contains(" "+plainName(p.Name)+" ", " council ") {
			h.Suppliers = append(h.Suppliers, p.Name)
		}
	}
	return h, true
}
