// Package judge says what a text or a notice says: stage, regime, care,
// outsourcing, suppliers, deadlines, and the sentence that shows it. It is
// pure: rules and registers come in as values, verdicts go out.
package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// Rules are the data the judge works by; config/catalogue holds them.
type Rules struct {
	Version  string
	Terms    []Term
	Acts     []Act
	Lists    map[string][]string // word lists by name; New says which must be there
	Bodies   []Body
	Areas    []Area
	Notices  Notices  // the decision lists for notices
	Holidays []string // bank holidays in England and Wales, YYYY-MM-DD; each year of which one is listed is complete
	// Procedures are what is known of the meetings of bodies beforehand.
	Procedures []Procedure
	Charter    Charter // what an award to a provider outside the NHS is asked
}

// A Body is an organisation we watch or that buys.
type Body struct {
	ID         string // "leicester-city-council"
	Name       string
	Aliases    []string // other names, as printed in notices
	Codes      []string // ODS, GSS, GB-PPON-..., as printed
	Kind       string   // icb, ccg, trust, council, nhs-england, csu, other
	Areas      []string // ids of areas it serves
	Since      string   // YYYY-MM-DD, "" unknown
	Until      string   // last day, "" still there
	Successors []string // ids
}

// An Area is a place people follow.
type Area struct {
	ID        string // "leicester"
	Name      string
	Regions   []string // ITL/NUTS codes that lie in it, e.g. UKF21
	Postcodes []string // outward codes or areas that lie in it, e.g. LE1
	Names     []string // words that name it in a text
}

// A Term is one entry of the vocabulary. How its phrases are written and what
// the fields mean is explained in config/catalogue/terms.toml.
type Term struct {
	Term   string
	Also   []string
	Weak   []string    // variants that count as weight 1
	Caps   []string    // ambiguous acronyms: in capitals, and only with another term near
	Weight int         // 3 alone, 2 with a second term near, 1 context only, 0 never
	Topic  store.Topic // "" is outsourcing
	Needs  []string    // one of these in the same or a neighbouring sentence
	Not    []string    // silence the term in their sentence
	Why    string
}

// An Act is an explicit step that a sentence reports: an award, a tender, a transfer.
type Act struct {
	Name   string
	Tier   store.Tier
	Topics []store.Topic
	Plain  bool // needs no word of care to reach its tier
	Any    []string
	With   []string // each must be met; alternatives are parted by |
	Not    []string
	Why    string
}

// A Verdict is what the rules make of one release: one line of judge --json.
type Verdict struct {
	OCID        string          `json:"ocid"`
	Release     string          `json:"release"`
	Title       string          `json:"title"`
	Buyer       string          `json:"buyer"`
	Stage       string          `json:"stage"`
	Regime      string          `json:"regime"`
	Care        string          `json:"care"`
	Outsourcing string          `json:"outsourcing"`
	Suppliers   []Supplier      `json:"suppliers"`
	Places      []string        `json:"places"`
	Deadline    *store.Deadline `json:"deadline"`
	Evidence    []Evidence      `json:"evidence"`
}

// A Supplier is a party a contract goes to, with its class and what shows it.
type Supplier struct {
	Name     string `json:"name"`
	Class    string `json:"class"` // nhs, public, primary_care, charity_cic, company, individual, unknown
	Evidence string `json:"evidence"`
}

// Evidence is one rule that spoke, the words it spoke for, and where they stand.
type Evidence struct {
	Rule  string `json:"rule"`
	Quote string `json:"quote"`
	Where string `json:"where"`
}

// A Passage is a sentence of a paper that the rules noticed.
type Passage struct {
	Page  int         `json:"page"`
	Tier  store.Tier  `json:"tier"`
	Rule  string      `json:"rule"`
	Quote string      `json:"quote"`
	Topic store.Topic `json:"-"`
	// Topics are all topics it belongs to; Topic is the first of them.
	Topics []store.Topic `json:"-"`
	Why    string        `json:"-"`
}

// A Judge applies rules. It holds no state beside them and is safe for
// concurrent use.
type Judge struct {
	rules  Rules
	lex    *lexicon
	nlex   *lexicon       // the lists that notices are read by, under the same numbers
	lists  map[string]int // groups of both by list
	terms  []term
	acts   []act
	split  *splitter
	dates  *calendar
	reg    *register
	ask    *asker
	says   *stater
	london *time.Location

	care, outsourcing, supplier []decision

	// Words that do not tell one procurement from another when papers are joined
	// with them, as stem gives them: those of any title, and those that many
	// services share.
	usual, shared map[string]bool
}

// A term is a Term in groups of the lexicon.
type term struct {
	Term
	main, weak, caps, needs, not int
}

type act struct {
	Act
	any, not int
	with     []int
}

// New compiles the rules. A list that a rule names and that is not there, a
// phrase that cannot be read, and a tier or topic nobody knows are errors.
func New(r Rules) (*Judge, error) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, fmt.Errorf("judge: reading the time zone: %w", err)
	}
	j := &Judge{rules: r, lex: newLexicon(), nlex: newLexicon(), lists: map[string]int{}, split: newSplitter(), says: newStater(), london: london}
	if j.dates, err = newCalendar(r.Holidays, london); err != nil {
		return nil, fmt.Errorf("judge: bank holidays: %w", err)
	}
	if j.usual, err = wordSet(r.Lists, "join-small", "join-bodies", "join-usual"); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	if j.shared, err = wordSet(r.Lists, "join-shared"); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Lists)) {
		phrases := r.Lists[name]
		if slices.Contains(joinLists(), name) {
			continue // no rule can name it
		}
		if j.lists[name], err = j.lex.add("list "+name, phrases, nil); err != nil {
			return nil, fmt.Errorf("judge: %w", err)
		}
		if slices.Contains(paperLists(), name) {
			phrases = nil
		}
		if _, err = j.nlex.add("list "+name, phrases, nil); err != nil {
			return nil, fmt.Errorf("judge: %w", err)
		}
	}
	for _, name := range requiredLists() {
		if len(r.Lists[name]) == 0 {
			return nil, fmt.Errorf("judge: the rules have no list %q", name)
		}
	}
	for _, t := range r.Terms {
		if err := j.addTerm(t); err != nil {
			return nil, fmt.Errorf("judge: term %w", err)
		}
	}
	if j.ask, err = newAsker(r.Charter); err != nil {
		return nil, fmt.Errorf("judge: charter: %w", err)
	}
	for _, a := range r.Acts {
		if err := j.addAct(a); err != nil {
			return nil, fmt.Errorf("judge: act %w", err)
		}
	}
	for _, d := range []struct {
		list  string
		rules []Rule
		into  *[]decision
	}{{"care", r.Notices.Care, &j.care}, {"outsourcing", r.Notices.Outsourcing, &j.outsourcing}, {"supplier", r.Notices.Supplier, &j.supplier}} {
		if *d.into, err = j.compile(d.list, d.rules); err != nil {
			return nil, fmt.Errorf("judge: %w", err)
		}
	}
	j.reg = newRegister(r.Bodies, r.Areas, func(name string) bool {
		return j.nlex.tally(words(name)).has(j.lists["buyer-agent"])
	})
	return j, nil
}

// Version names the rules, for what they found.
func (j *Judge) Version() string { return j.rules.Version }

func (j *Judge) addTerm(t Term) (err error) {
	if t.Weight < 0 || t.Weight > 3 {
		return fmt.Errorf("%q: weight %d is not 0 to 3", t.Term, t.Weight)
	}
	if t.Topic == "" {
		t.Topic = store.TopicOutsourcing
	}
	if !knownTopic(t.Topic) {
		return fmt.Errorf("%q: unknown topic %q", t.Term, t.Topic)
	}
	c := term{Term: t}
	for _, part := range []struct {
		group   *int
		phrases []string
	}{{&c.main, append([]string{t.Term}, t.Also...)}, {&c.weak, t.Weak}, {&c.caps, t.Caps}, {&c.needs, t.Needs}, {&c.not, t.Not}} {
		if *part.group, err = j.lex.add(t.Term, part.phrases, j.lists); err != nil {
			return err
		}
	}
	j.terms = append(j.terms, c)
	return nil
}

func (j *Judge) addAct(a Act) (err error) {
	if rank(a.Tier) == 0 {
		return fmt.Errorf("%q: unknown tier %q", a.Name, a.Tier)
	}
	for _, t := range a.Topics {
		if !knownTopic(t) {
			return fmt.Errorf("%q: unknown topic %q", a.Name, t)
		}
	}
	if len(a.Topics) == 0 || len(a.Any) == 0 {
		return fmt.Errorf("%q: needs topics and phrases", a.Name)
	}
	c := act{Act: a}
	if c.any, err = j.lex.add(a.Name, a.Any, j.lists); err != nil {
		return err
	}
	if c.not, err = j.lex.add(a.Name, a.Not, j.lists); err != nil {
		return err
	}
	for _, line := range a.With {
		g, err := j.lex.add(a.Name, strings.Split(line, "|"), j.lists)
		if err != nil {
			return err
		}
		c.with = append(c.with, g)
	}
	j.acts = append(j.acts, c)
	return nil
}

func knownTopic(t store.Topic) bool {
	return t == store.TopicOutsourcing || t == store.TopicTenders || t == store.TopicConsultations
}

// rank orders tiers; no tier is 0.
func rank(t store.Tier) int {
	switch t {
	case store.TierCertain:
		return 3
	case store.TierLikely:
		return 2
	case store.TierMention:
		return 1
	}
	return 0
}

func tierOf(rank int) store.Tier {
	switch {
	case rank >= 3:
		return store.TierCertain
	case rank == 2:
		return store.TierLikely
	case rank == 1:
		return store.TierMention
	}
	return ""
}
