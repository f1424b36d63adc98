package judge

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"ccgwatch/store"
)

// A Charter is what an award to a provider outside the NHS is asked. It is
// data; config/catalogue/charter.toml explains the fields.
type Charter struct {
	Questions                    []Question
	Conflicts, NoConflicts, Told []string // sentences about conflicts of interest; that deny any; that tell of one
	Deciders, NotDeciders        []string // sentences about who decided
	Heads, Before                []string // words that roles and bodies are made of
}

// A Question is one of a charter.
type Question struct {
	ID, Ask, Short, Field string
	Any, Not, Look        []string
	Note                  string
}

// An Answer is what the notices of a thread say to one question.
type Answer struct {
	ID     string   `json:"id"`
	Ask    string   `json:"ask"`
	Short  string   `json:"short"`
	Stated bool     `json:"stated"`
	Says   []Said   `json:"says"` // empty: not stated
	Note   string   `json:"note,omitempty"`
	Look   []Lookup `json:"look,omitempty"`
}

// A Said is a field's value or a quotation, with the notice it stands in.
type Said struct {
	Words   string `json:"words"`
	Field   string `json:"field,omitempty"` // name of the field, "" for a quotation
	Release string `json:"release"`
	URL     string `json:"url"`
}

// saidMost is how many quotations answer a question.
const saidMost = 2

// asker is a compiled Charter.
type asker struct {
	lex                                       *lexicon
	questions                                 []charterQuestion
	conflicts, none, told, deciders, notDecid int
	role                                      *regexp.Regexp
	name                                      *regexp.Regexp
}

type charterQuestion struct {
	Question
	any, not int
}

func newAsker(c Charter) (*asker, error) {
	a := &asker{lex: newLexicon()}
	var err error
	for _, q := range c.Questions {
		if q.ID == "" || q.Ask == "" || q.Short == "" {
			return nil, fmt.Errorf("question %q: needs id, ask and short", q.ID)
		}
		if !slices.Contains([]string{"", "price", "bidders", "conflicts"}, q.Field) {
			return nil, fmt.Errorf("question %q: unknown field %q", q.ID, q.Field)
		}
		if len(q.Any) == 0 && q.Field == "" {
			return nil, fmt.Errorf("question %q: nothing can answer it", q.ID)
		}
		x := charterQuestion{Question: q}
		if x.any, err = a.lex.add(q.ID, q.Any, nil); err != nil {
			return nil, err
		}
		if x.not, err = a.lex.add(q.ID, q.Not, nil); err != nil {
			return nil, err
		}
		a.questions = append(a.questions, x)
	}
	for _, g := range []struct {
		to      *int
		name    string
		phrases []string
	}{{&a.conflicts, "conflicts", c.Conflicts}, {&a.none, "no conflicts", c.NoConflicts}, {&a.told, "conflicts declared", c.Told},
		{&a.deciders, "deciders", c.Deciders}, {&a.notDecid, "not deciders", c.NotDeciders}} {
		if *g.to, err = a.lex.add(g.name, g.phrases, nil); err != nil {
			return nil, err
		}
	}
	if len(c.Questions) > 0 && (len(c.Heads) == 0 || len(c.Before) == 0) {
		return nil, errors.New("charter: no words for the roles of those who decide")
	}
	heads, before := alternatives(c.Heads), alternatives(c.Before)
	// "Associate Director for Acute and Urgent Care", "Integrated Care Board".
	a.role = regexp.MustCompile(`\b(?:(?:` + before + `)(?:'s|’s)?(?:\s+(?:and|&)\s+|\s+))*(?:` + heads + `)\b(?:\s+(?:of|for)\s+(?:the\s+)?[A-Z][\w&'’-]*(?:,?\s+(?:(?:and|&|of|for)\s+)*[A-Z][\w&'’-]*){0,6})?`)
	a.name = regexp.MustCompile(`\b(?:Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Cllr|Councillor)\.?\s+[A-Z][\w'’-]+(?:\s+[A-Z][\w'’-]+)?|\b[A-Z][a-z]+\s+[A-Z][a-z'’-]+(?:\s*[,(–-]\s*(?:` + before + `|` + heads + `)\b)`)
	return a, nil
}

func alternatives(words []string) string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		quoted = append(quoted, regexp.QuoteMeta(w))
	}
	if len(quoted) == 0 {
		return `\x00`
	}
	return strings.Join(quoted, "|")
}

// charter asks the questions of a thread: of an award, or the intention of
// one, of health or social care or what supports it, to anybody but the NHS.
func (j *Judge) charter(t *Thread) []Answer {
	if len(j.ask.questions) == 0 || t.Care != careHealth && t.Care != careSocial && t.Outsourcing == outsourcingNone || len(t.Suppliers) == 0 || allNHS(t.Suppliers) || progress(t.Stage) < progress(stageIntention) && t.Stage != stagePerformance {
		return nil
	}
	var out []Answer
	for _, q := range j.ask.questions {
		a := Answer{ID: q.ID, Ask: q.Ask, Short: q.Short, Says: []Said{}, Note: q.Note}
		switch q.Field {
		case "price":
			for _, w := range t.Values {
				if w.Of != "estimate" {
					a.Says = append(a.Says, t.said(w.Release, "value of the "+w.Of, w.String()))
				}
			}
		case "bidders":
			for i := len(t.Steps) - 1; i >= 0 && len(a.Says) < saidMost; i-- {
				if s := &t.Steps[i]; s.item.Notice.Bids != "" {
					a.Says = append(a.Says, s.said("number of bids", s.item.Notice.Bids))
				}
			}
		case "conflicts":
			if t.Interest.Conflicts != "" {
				a.Says = append(a.Says, t.said(t.Interest.Release, "", t.Interest.Quote))
			}
		}
		a.Says = append(a.Says, j.sayings(t, q)...)
		a.Stated = len(a.Says) > 0
		for _, p := range t.Suppliers[:min(len(t.Suppliers), 6)] {
			if p.Class != "nhs" {
				a.Look = append(a.Look, lookFor(p, q.Look)...)
			}
		}
		out = append(out, a)
	}
	return out
}

func (s *Step) said(field, words string) Said {
	return Said{Words: words, Field: field, Release: s.Release, URL: s.URL}
}

func (t *Thread) said(release, field, words string) Said {
	for i := range t.Steps {
		if t.Steps[i].Release == release {
			return t.Steps[i].said(field, words)
		}
	}
	return Said{Words: words, Field: field, Release: release}
}

// sayings quotes the sentences that answer a question, from the latest notice
// of the award back to the first of the tender, each sentence once.
func (j *Judge) sayings(t *Thread, q charterQuestion) []Said {
	var out []Said
	seen := map[string]bool{}
	for i := len(t.Steps) - 1; i >= 0; i-- {
		s := &t.Steps[i]
		for _, p := range s.reading.parts {
			for _, x := range p.sentences {
				tally := j.ask.lex.tally(x.words)
				h, ok := tally.first(q.any)
				if !ok || tally.has(q.not) || x.heading {
					continue
				}
				words := j.plainQuote(x, h)
				if key := sayKey(words); words == "" || seen[key] {
					continue
				} else {
					seen[key] = true
				}
				if out = append(out, s.said("", words)); len(out) >= saidMost {
					return out
				}
			}
		}
	}
	return out
}

// plainQuote is a quotation without contacts and without anybody's name; ""
// for a sentence about one person.
func (j *Judge) plainQuote(s sentence, at hit) string {
	if j.lex.tally(s.words).has(j.lists["person"]) {
		return ""
	}
	return j.withoutNames(Redact(quote(s.text, s.words, at)))
}

func (j *Judge) withoutNames(text string) string {
	return j.ask.name.ReplaceAllStringFunc(text, func(m string) string {
		if i := strings.IndexAny(m, ",(–-"); i > 0 && !strings.Contains(m[:i], ".") && j.ask.role.MatchString(m[i:]) {
			if j.ask.role.MatchString(m[:i]) { // "Programme Director, Mental Health": no name
				return m
			}
			return "(name)" + m[i:]
		}
		if j.ask.role.MatchString(m) {
			return m
		}
		return "(name)"
	})
}

// interest reads what the notices say of conflicts of interest and of who
// decided; the latest notice that says anything counts.
func (j *Judge) interest(t *Thread) Interest {
	var out Interest
	if len(j.ask.questions) == 0 || !t.Concerns() {
		return out
	}
	for i := len(t.Steps) - 1; i >= 0 && (out.Conflicts == "" || out.Deciders == nil); i-- {
		s := &t.Steps[i]
		// An invitation to tender speaks of the bidders' conflicts, not of the buyer's.
		if progress(s.Stage) == progress(stageTender) || progress(s.Stage) < progress(stageEngagement) && s.Stage != stageTenderUpdate {
			continue
		}
		for _, p := range s.reading.parts {
			for k, x := range p.sentences {
				tally := j.ask.lex.tally(x.words)
				if h, ok := tally.first(j.ask.conflicts); ok && (out.Conflicts == "" || out.Conflicts == "mentioned" && out.Release == s.Release) && len(x.words) > 4 {
					if kind, words := j.conflictSays(tally), j.plainQuote(x, h); words != "" && (out.Conflicts == "" || kind != "mentioned") {
						out.Conflicts, out.Quote, out.Release, out.URL = kind, words, s.Release, s.URL
					}
				}
				if out.Deciders == nil && tally.has(j.ask.deciders) && !tally.has(j.ask.notDecid) {
					if out.Deciders = j.roles(p.sentences, k); out.Deciders != nil {
						out.Decided = s.Release
					}
				}
			}
		}
	}
	return out
}

func (j *Judge) conflictSays(t tally) string {
	switch {
	case t.has(j.ask.none):
		return "none"
	case t.has(j.ask.told):
		return "declared"
	}
	return "mentioned"
}

// roles lists the roles and bodies in a sentence about who decided, and in the
// short lines of a list below it.
func (j *Judge) roles(all []sentence, at int) []string {
	var out []string
	take := func(text string) (any bool) {
		for _, m := range j.ask.role.FindAllString(text, -1) {
			m = strings.TrimSpace(m)
			any = true
			if !slices.Contains(out, m) && len(out) < 8 {
				out = append(out, m)
			}
		}
		return any
	}
	take(all[at].text)
	if listed := strings.HasSuffix(strings.TrimSpace(all[at].text), ":") || len(out) == 0; listed {
		for k := at + 1; k < len(all) && k <= at+8 && len(all[k].words) <= 14; k++ {
			if !take(all[k].text) {
				break
			}
		}
	}
	return out
}

// registered is where a supplier is registered, and its number as that
// register writes it: 7382763 and "Company Number - 07382763" are 07382763.
func registered(p store.Party) (scheme, number string) {
	scheme = strings.ToUpper(p.Scheme)
	if scheme == "" {
		scheme = schemeOf(p.ID)
	}
	number = strings.ToUpper(strings.TrimSpace(p.Number))
	if number == "" {
		number = strings.TrimPrefix(strings.ToUpper(p.ID), scheme+"-")
	}
	switch scheme {
	case "GB-COH":
		number = companiesHouseNumber(number)
	case "GB-CHC", "GB-SC", "GB-NIC", "GB-MPR", "GB-NHS", "GB-UKPRN", "GB-PPON":
	default:
		return "", ""
	}
	if number == "" {
		return "", ""
	}
	return scheme, number
}

// companiesHouseNumber is a number as Companies House writes it: eight digits, or two
// letters and six; "" for anything else.
func companiesHouseNumber(s string) string {
	if len(s) == 8 && strings.Trim(s, "0123456789") == "" && strings.Trim(s, "0") != "" {
		return s // as nearly all are, and asked of each notice each time it is read
	}
	found := regexp.MustCompile(`\b(?:(?:OC|SC|SO|NI|NC|R0|RC|RS|IP|SP|FC|GE|LP|SL|NL|CE|CS)\d{6}|\d{6,8})\b`).FindAllString(strings.ToUpper(s), -1)
	if len(found) != 1 {
		return ""
	}
	n := found[0]
	for len(n) < 8 {
		n = "0" + n
	}
	if strings.Trim(n, "0") == "" {
		return ""
	}
	return n
}

const companiesHouse = "https://find-and-update.company-information.service.gov.uk"

// lookups are where a supplier can be looked up.
func lookups(p Party) []Lookup { return lookFor(p, []string{"register"}) }

func lookFor(p Party, what []string) []Lookup {
	var out []Lookup
	add := func(what, address string) { out = append(out, Lookup{What: what, URL: address}) }
	for _, w := range what {
		switch company := p.Scheme == "GB-COH" && p.Number != ""; {
		case w == "cqc":
			add(p.Name+" in the Care Quality Commission's register (search)", "https://www.cqc.org.uk/search/all?query="+url.QueryEscape(p.Name))
		case company && w == "register":
			add(p.Name+" at Companies House, "+p.Number, companiesHouse+"/company/"+p.Number)
		case company && w == "officers":
			add("directors of "+p.Name, companiesHouse+"/company/"+p.Number+"/officers")
		case company && w == "accounts":
			add("accounts of "+p.Name, companiesHouse+"/company/"+p.Number+"/filing-history?category=accounts")
			add("who controls "+p.Name, companiesHouse+"/company/"+p.Number+"/persons-with-significant-control")
		case p.Scheme == "GB-CHC" && w == "register":
			add(p.Name+", registered charity "+p.Number+" (register of charities)", "https://register-of-charities.charitycommission.gov.uk/")
		case p.Scheme == "GB-MPR" && w == "register":
			add(p.Name+", number "+p.Number+" in the mutuals register", "https://mutuals.fca.org.uk/")
		case p.Scheme == "GB-SC" && w == "register":
			add(p.Name+", number "+p.Number+" in the Scottish charity register", "https://www.oscr.org.uk/")
		case (w == "register" || w == "officers") && (p.Class == "company" || p.Class == "unknown" || p.Class == "charity_cic") && (p.Number == "" || p.Scheme == "GB-PPON" || p.Scheme == "GB-NHS"):
			add(p.Name+" at Companies House (search; the notice gives no company number)", companiesHouse+"/search/companies?q="+url.QueryEscape(p.Name))
		}
	}
	return out
}
