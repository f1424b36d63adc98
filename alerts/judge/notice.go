package judge

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// The words of a verdict; they are part of what scripts rely on.
const (
	stagePipeline     = "pipeline"
	stageEngagement   = "engagement"
	stagePlanned      = "planned"
	stageTender       = "tender"
	stageTenderUpdate = "tender_update"
	stageIntention    = "intention"
	stageAward        = "award"
	stageContract     = "contract"
	stageConfirmation = "confirmation"
	stageModification = "modification"
	stagePerformance  = "performance"
	stageTermination  = "termination"
	stageCancelled    = "cancelled"
	stageOther        = "other"

	regimePSR      = "psr"
	regimePSRWales = "psr_wales"
	regimeAct      = "pa2023"
	regimeOld      = "pcr2015"
	regimeDevolved = "scotland_ni_other"

	careHealth  = "health"
	careSocial  = "social_care"
	careSupport = "support"
	careGoods   = "goods"
	careWorks   = "works"
	careNone    = "none"

	outsourcingNone = "none"
)

// A reading is one notice as the rules see it: its texts in sentences, each
// with the phrases found in it.
type reading struct {
	j     *Judge
	n     *store.Notice
	parts []part
	title tally
	subj  tally // title and description: what is being bought
	// buyers are the phrases in each buyer's name
	buyers []tally
	cared  string     // the care as judged, for the outsourcing rules
	found  []Supplier // the suppliers as judged, for the outsourcing rules
	ev     []Evidence
	// the last sentence that decided the stage, for the quote of a finding
	shown string
}

// A part is one text of a notice.
type part struct {
	where     string
	amendment bool // what a corrigendum says; it is newer than the rest
	text      string
	sentences []sentence
	tallies   []tally
}

// Notice says what a notice says. Text decides over fields: a release that says
// an award is intended is an intention, whatever its status and dates say.
func (j *Judge) Notice(n *store.Notice) Verdict { return j.read(n).verdict() }

func (r *reading) verdict() Verdict {
	n := r.n
	v := Verdict{OCID: n.OCID, Release: n.Release, Title: n.Title, Buyer: buyerNames(n)}
	v.Stage = r.stage()
	v.Care = r.care()
	v.Regime = r.regime(v.Care)
	v.Stage = r.stageUnder(v.Stage, v.Regime)
	v.Suppliers = r.suppliers()
	v.Outsourcing = r.outsourcing(v)
	v.Places = places(n)
	v.Deadline = r.deadline(v)
	v.Evidence = r.ev
	return v
}

func (j *Judge) read(n *store.Notice) *reading {
	r := &reading{j: j, n: n}
	for i, a := range n.Amendments {
		where := "tender.amendments[" + strconv.Itoa(i) + "]"
		r.add(where, a.New, true)
		r.add(where, a.Description, true)
	}
	r.add("tender.title", n.Title, false)
	r.add("tender.description", n.Description, false)
	r.add("tender.procurementMethodRationale", n.Rationale, false)
	for _, t := range n.Texts {
		r.add(t.Where, t.Text, false)
	}
	r.title = j.nlex.tally(words(n.Title))
	for _, b := range n.Buyers {
		r.buyers = append(r.buyers, j.nlex.tally(words(b.Name)))
	}
	for _, p := range r.parts {
		if p.where == "tender.title" || p.where == "tender.description" {
			for _, t := range p.tallies {
				r.subj.seen = slices.Clone(r.subj.seen).and(t.seen)
			}
		}
	}
	return r
}

func (r *reading) add(where, text string, amendment bool) {
	if strings.TrimSpace(text) == "" {
		return
	}
	p := part{where: where, amendment: amendment, text: text}
	// Notices repeat themselves: what was read in one place is not read again.
	if i := slices.IndexFunc(r.parts, func(o part) bool { return o.text == text }); i >= 0 {
		p.sentences, p.tallies = r.parts[i].sentences, r.parts[i].tallies
		r.parts = append(r.parts, p)
		return
	}
	p.sentences = r.j.split.text(text)
	p.tallies = make([]tally, len(p.sentences))
	for i, s := range p.sentences {
		p.tallies[i] = r.j.nlex.tally(s.words)
	}
	r.parts = append(r.parts, p)
}

// say returns the first sentence that holds a phrase of the list, with where it stands.
func (r *reading) say(list string) (Evidence, bool) { return r.sayIn(list, false) }

// sayIn is say, in the amendments alone when only is set.
func (r *reading) sayIn(list string, only bool) (Evidence, bool) {
	return r.sayGroup(r.j.lists[list], only)
}

func (r *reading) sayGroup(g int, only bool) (Evidence, bool) {
	for _, p := range r.parts {
		if only && !p.amendment {
			continue
		}
		for i, t := range p.tallies {
			if h, ok := t.first(g); ok {
				s := p.sentences[i]
				return Evidence{Quote: r.j.safeQuote(s, t, h), Where: p.where}, true
			}
		}
	}
	return Evidence{}, false
}

// sayBut is sayIn, passing over sentences that hold a phrase of the list but.
func (r *reading) sayBut(list, but string, only bool) (Evidence, bool) {
	g, not := r.j.lists[list], r.j.lists[but]
	for _, p := range r.parts {
		if only && !p.amendment {
			continue
		}
		for i, t := range p.tallies {
			if h, ok := t.first(g); ok && !t.has(not) {
				return Evidence{Quote: r.j.safeQuote(p.sentences[i], t, h), Where: p.where}, true
			}
		}
	}
	return Evidence{}, false
}

func (r *reading) says(list string) bool {
	_, ok := r.say(list)
	return ok
}

// note keeps a piece of evidence.
func (r *reading) note(rule string, e Evidence) {
	e.Rule = rule
	for _, old := range r.ev {
		if old.Quote == e.Quote && old.Where == e.Where && ruleKind(old.Rule) == ruleKind(rule) {
			return
		}
	}
	r.ev = append(r.ev, e)
}

// ruleKind is what a rule is about: the words before its colon.
func ruleKind(rule string) string {
	kind, _, _ := strings.Cut(rule, ":")
	return kind
}

// field keeps a field of the notice as evidence; that it is empty is one, too.
func (r *reading) field(rule, value, where string) {
	if value == "" {
		value = "(nothing stated)"
	}
	r.note(rule, Evidence{Quote: value, Where: where})
}

// safeQuote is a quote without anybody's address, and without the sentence of
// a person: that one is named, not quoted.
func (j *Judge) safeQuote(s sentence, t tally, at hit) string {
	if t.has(j.lists["person"]) {
		return "(a sentence about one person is not quoted)"
	}
	return Redact(quote(s.text, s.words, at))
}

func buyerNames(n *store.Notice) string {
	var names []string
	for _, b := range n.Buyers {
		if !slices.Contains(names, b.Name) {
			names = append(names, b.Name)
		}
	}
	return strings.Join(names, " / ")
}

// places are the places a notice names, once each, as printed.
func places(n *store.Notice) []string {
	out := []string{}
	for _, p := range n.Places {
		for _, s := range []string{p.Region, p.Postcode, p.Text, p.Country} {
			if s != "" {
				if !slices.Contains(out, s) {
					out = append(out, s)
				}
				break
			}
		}
	}
	return out
}

func hasTag(n *store.Notice, tags ...string) bool {
	for _, t := range n.Tags {
		if slices.Contains(tags, t) {
			return true
		}
	}
	return false
}

// stamp prints a time as RFC 3339 with London's offset; zero is "".
func (j *Judge) stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(j.london).Format(time.RFC3339)
}

// printed reads a date of a notice's field; a bare date is the end of its day.
// What systems print where they have no date (1 January 1900 or 2001, a year
// near 2100 or 9999) is none.
func (j *Judge) printed(s string) time.Time {
	t := j.dateOf(s)
	if y := t.Year(); y < 2005 || y > 2090 {
		return time.Time{}
	}
	return t
}

func (j *Judge) dateOf(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	if t, err := time.ParseInLocation("2006-01-02T15:04:05", s, j.london); err == nil {
		return t
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, j.london); err == nil {
		return t.Add(24*time.Hour - time.Second)
	}
	return time.Time{}
}
