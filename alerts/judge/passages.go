package judge

import (
	"strings"
	"unicode/utf8"

	"ccgwatch/store"
)

// Passages returns the sentences of a paper that the rules notice, in reading
// order. pages is the text by page; page 1 is the first. What stands in every
// pack (registers of interests, contents, resolutions, templates) and what
// speaks of one person is passed over.
func (j *Judge) Passages(pages []string) []Passage {
	ss, heads := j.split.sentences(pages)
	tallies := make([]tally, len(ss))
	skip := j.skipped(ss, tallies, heads)
	var out []Passage
	for i, s := range ss {
		if len(tallies[i].hits) == 0 || skip[i] {
			continue
		}
		f := j.weigh(ss, tallies, skip, i)
		if f.rank == 0 {
			continue
		}
		out = append(out, Passage{
			Page: s.page, Tier: tierOf(f.rank), Rule: f.rule, Why: f.why, Topic: f.topics[0], Topics: f.topics,
			Quote: Redact(quote(s.text, s.words, f.at)),
		})
	}
	return out
}

// skipped finds the hits of every sentence and marks those that are no news.
func (j *Judge) skipped(ss []sentence, tallies []tally, heads [][]string) []bool {
	skip := make([]bool, len(ss))
	boiler, person := j.lists["boilerplate"], j.lists["person"]
	page, section := 0, false // the page a heading to skip stands on, while under it
	for i, s := range ss {
		tallies[i] = j.lex.tally(s.words)
		t := tallies[i]
		if s.page != page {
			page, section = 0, false
		}
		switch {
		case j.entitled(t, s.words, "skip-pages") && s.heading:
			page, section = s.page, false
		case j.entitled(t, s.words, "skip-sections") && s.heading:
			page, section = s.page, true
		case s.heading && (section || s.number && !paged(s.text)):
			page = 0
		}
		skip[i] = page > 0 || t.has(boiler) || t.has(person) || j.split.leader.MatchString(s.text) || glossary(s) || j.headed(heads, s.page)
	}
	return skip
}

// paged tells a line that ends in the number of a page: an entry of a table of
// contents, which is no heading that would end it.
func paged(text string) bool {
	digits := len(text) - len(strings.TrimRight(text, "0123456789"))
	return digits > 0 && digits <= 3 && strings.HasSuffix(text[:len(text)-digits], " ")
}

// entitled tells whether a short line is a heading out of the list.
func (j *Judge) entitled(t tally, ws []word, list string) bool {
	h, ok := t.first(j.lists[list])
	return ok && h.from <= 1 && len(ws) <= h.to+3
}

// headed tells whether a running head of the page is a heading to skip.
func (j *Judge) headed(heads [][]string, page int) bool {
	for _, head := range heads[page-1] {
		ws := words(head)
		if j.entitled(j.lex.tally(ws), ws, "skip-pages") {
			return true
		}
	}
	return false
}

// glossary tells an entry of a list of abbreviations: an acronym and the words
// it stands for, and nothing else.
func glossary(s sentence) bool {
	if len(s.words) < 3 || len(s.words) > 9 || !s.words[0].caps {
		return false
	}
	var initials strings.Builder
	for _, w := range s.words[1:] {
		if w.text != "of" && w.text != "and" && w.text != "the" && w.text != "for" {
			initials.WriteByte(w.text[0])
		}
	}
	return initials.String() == s.words[0].text
}

// A found is what the rules make of one sentence.
type found struct {
	rank   int
	rule   string
	why    string
	topics []store.Topic
	at     hit
}

// weigh applies acts and terms to sentence i.
func (j *Judge) weigh(ss []sentence, tallies []tally, skip []bool, i int) found {
	t := tallies[i]
	best := j.byAct(t)
	if f := j.byTerm(ss, tallies, skip, i); f.rank > best.rank {
		// An act of a lower tier still names the rule and the topics better.
		if best.rank > 0 {
			f.rule, f.why, f.topics, f.at = best.rule, best.why, best.topics, best.at
		}
		best = f
	}
	return best
}

func (j *Judge) byAct(t tally) found {
	things := t.has(j.lists["things"])
	care := t.has(j.lists["care"]) || !things && t.has(j.lists["care-places"])
	private := t.has(j.lists["private"]) && !t.has(j.lists["own-private"])
	var best found
	for i := range j.acts {
		a := &j.acts[i]
		if !a.meets(t) {
			continue
		}
		at, _ := t.first(a.any)
		r := rank(a.Tier)
		if !a.Plain && !care {
			switch {
			case things:
				r = 1
			case private:
				r = min(r, 2)
			default:
				r--
			}
		}
		if r > best.rank {
			best = found{rank: r, rule: a.Name, why: a.Why, topics: a.Topics, at: at}
		}
	}
	return best
}

// meets tells whether a sentence reports the act.
func (a *act) meets(t tally) bool {
	if !t.has(a.any) || t.has(a.not) {
		return false
	}
	for _, g := range a.with {
		if !t.has(g) {
			return false
		}
	}
	return true
}

// byTerm weighs the vocabulary: 3 speaks alone, 2 with another term near, and
// an ambiguous acronym never without one.
func (j *Judge) byTerm(ss []sentence, tallies []tally, skip []bool, i int) found {
	t := tallies[i]
	var best found
	for k := range j.terms {
		c := &j.terms[k]
		at, weight, ok := j.used(c, t, shouting(ss[i].words))
		if !ok || weight < 2 {
			continue
		}
		acronym := at.group == c.caps
		if !j.met(c, ss, tallies, i) {
			continue
		}
		other, sure := j.near(k, at, ss, tallies, skip, i)
		priced := t.has(j.lists["care"]) && t.has(j.lists["money"]) // money speaks like a second term
		if !other && (acronym || weight == 2 && !priced) {
			continue
		}
		r := j.termRank(t, weight, sure)
		if r > best.rank {
			best = found{rank: r, rule: "term: " + c.Term.Term, why: c.Why, topics: []store.Topic{c.Topic}, at: at}
		}
	}
	return best
}

// termRank is the tier of a term that counts. A second term in the sentence or
// a word of care makes it likely; things without care never do; money and
// terms of contracts raise a mention about care.
func (j *Judge) termRank(t tally, weight int, second bool) int {
	things := t.has(j.lists["things"])
	care := t.has(j.lists["care"]) || !things && t.has(j.lists["care-places"])
	switch {
	case !care && things:
		return 1
	case weight == 3:
		return 2
	case care && second:
		return 2
	}
	return 1
}

// used returns where a term stands in a sentence and its weight there.
func (j *Judge) used(c *term, t tally, shout bool) (hit, int, bool) {
	if t.has(c.not) {
		return hit{}, 0, false
	}
	if at, ok := t.first(c.main); ok {
		return at, c.Weight, true
	}
	if at, ok := t.first(c.caps); ok && !shout {
		return at, c.Weight, true
	}
	if at, ok := t.first(c.weak); ok {
		return at, min(c.Weight, 1), true
	}
	return hit{}, 0, false
}

// met tells whether one of the words a term needs stands near.
func (j *Judge) met(c *term, ss []sentence, tallies []tally, i int) bool {
	if len(c.Needs) == 0 {
		return true
	}
	for k := max(0, i-1); k <= min(len(ss)-1, i+1); k++ {
		if ss[k].block == ss[i].block && tallies[k].has(c.needs) {
			return true
		}
	}
	return false
}

// near tells whether another term stands near: in the sentence itself with any
// weight (same), or in a neighbouring one of the paragraph with weight 2 or 3.
// An ambiguous acronym does not vouch for another.
func (j *Judge) near(k int, at hit, ss []sentence, tallies []tally, skip []bool, i int) (ok, same bool) {
	for o := range j.terms {
		if o == k {
			continue
		}
		c := &j.terms[o]
		if other, weight, ok := j.used(c, tallies[i], true); ok && weight > 0 && (other.from >= at.to || other.to <= at.from) {
			return true, true
		}
		for _, n := range []int{i - 1, i + 1} {
			if n < 0 || n >= len(ss) || ss[n].block != ss[i].block || skip[n] || len(tallies[n].hits) == 0 {
				continue
			}
			if _, weight, used := j.used(c, tallies[n], true); used && weight >= 2 {
				ok = true
			}
		}
	}
	return ok, false
}

// maxQuote is the longest quote, in characters.
const maxQuote = 500

// quote is a sentence as printed, cut at word ends around the hit when it is
// longer than maxQuote characters.
func quote(text string, ws []word, at hit) string {
	if utf8.RuneCountInString(text) <= maxQuote {
		return text
	}
	from, to := 0, len(text)
	if at.to > 0 && at.to <= len(ws) && ws[at.to-1].end > maxQuote*4/5 {
		// As much as fits before the end, or a few words before the hit.
		k := max(0, at.from-12)
		for i := range ws[:k] {
			if utf8.RuneCountInString(text[ws[i].start:]) <= maxQuote-4 {
				k = i
				break
			}
		}
		from = ws[k].start
	}
	// Bytes are never fewer than characters; the ellipses count too.
	for k := len(ws) - 1; k >= 0 && utf8.RuneCountInString(text[from:to]) > maxQuote-4; k-- {
		if ws[k].end <= from {
			break
		}
		to = ws[k].end
	}
	out := text[from:to]
	if utf8.RuneCountInString(out) > maxQuote-4 { // one endless word
		out = string([]rune(out)[:maxQuote-4])
	}
	if from > 0 {
		out = "… " + out
	}
	if from+len(strings.TrimPrefix(out, "… ")) < len(text) {
		out += " …"
	}
	return out
}
