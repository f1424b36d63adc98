package judge

import (
	"fmt"
	"slices"
	"strings"

	"ccgwatch/store"
)

// A Rule of a decision list. The first rule of a list whose conditions hold
// decides. How conditions are written is explained in
// config/catalogue/notices.toml.
type Rule struct {
	Name   string
	Gives  string
	When   []string // each line must hold; alternatives are parted by |
	Unless []string // none of these lines may hold
}

// Notices are the decision lists for notices.
type Notices struct {
	Care        []Rule
	Outsourcing []Rule
	Supplier    []Rule
}

// A decision is a Rule compiled.
type decision struct {
	name, gives  string
	when, unless []conditions
}

// A conditions is one line: it holds when one of them does.
type conditions []condition

// A condition asks one thing of what is being judged.
type condition struct {
	not  bool
	what string // title, subject, text, buyer, health, cpv, main, care, some, all; name, scheme, shape
	args []string
	sets []int // the groups of args that are lists
}

// askable are the things a condition may ask, by the list it stands in.
func askable() map[string][]string {
	notice := []string{"title", "subject", "text", "buyer", "health", "cpv", "main"}
	return map[string][]string{
		"care":        notice,
		"outsourcing": append(slices.Clone(notice), "care", "some", "all"),
		"supplier":    {"name", "scheme", "shape", "main"},
	}
}

// values are what the rules of a list may give.
func values() map[string][]string {
	return map[string][]string{
		"care":        {careHealth, careSocial, careSupport, careGoods, careWorks, careNone},
		"outsourcing": {string(store.TierCertain), string(store.TierLikely), string(store.TierMention), outsourcingNone},
		"supplier":    {classNHS, classPublic, classPrimary, classCharity, classCompany, classIndividual, classUnknown},
	}
}

// compile reads a decision list. The last rule must hold always, so that there
// is a decision for everything.
func (j *Judge) compile(list string, rules []Rule) ([]decision, error) {
	var out []decision
	for _, r := range rules {
		fail := func(err error) ([]decision, error) { return nil, fmt.Errorf("%s rule %q: %w", list, r.Name, err) }
		if r.Name == "" || slices.ContainsFunc(out, func(d decision) bool { return d.name == r.Name }) {
			return fail(fmt.Errorf("has no name of its own"))
		}
		if !slices.Contains(values()[list], r.Gives) {
			return fail(fmt.Errorf("gives %q, which is none of %s", r.Gives, strings.Join(values()[list], ", ")))
		}
		d := decision{name: r.Name, gives: r.Gives}
		var err error
		if d.when, err = j.readConditions(list, r.When); err != nil {
			return fail(err)
		}
		if d.unless, err = j.readConditions(list, r.Unless); err != nil {
			return fail(err)
		}
		out = append(out, d)
	}
	if len(out) == 0 || len(out[len(out)-1].when)+len(out[len(out)-1].unless) > 0 {
		return nil, fmt.Errorf("%s rules: the last must hold always", list)
	}
	return out, nil
}

func (j *Judge) readConditions(list string, lines []string) ([]conditions, error) {
	var out []conditions
	for _, text := range lines {
		var l conditions
		for alt := range strings.SplitSeq(text, "|") {
			c := condition{args: strings.Fields(alt)}
			if len(c.args) > 0 && c.args[0] == "not" {
				c.not, c.args = true, c.args[1:]
			}
			if len(c.args) < 2 || !slices.Contains(askable()[list], c.args[0]) {
				return nil, fmt.Errorf("condition %q begins with none of %s, or asks nothing", alt, strings.Join(askable()[list], ", "))
			}
			c.what, c.args = c.args[0], c.args[1:]
			for _, a := range c.args {
				name, ok := strings.CutPrefix(a, "@")
				if !ok {
					continue
				}
				g, known := j.lists[name]
				if !known {
					return nil, fmt.Errorf("condition %q: there is no list %q", alt, name)
				}
				if slices.Contains(paperLists(), name) {
					return nil, fmt.Errorf("condition %q: list %q is for papers", alt, name)
				}
				c.sets = append(c.sets, g)
			}
			l = append(l, c)
		}
		out = append(out, l)
	}
	return out, nil
}

// An asked answers the conditions of one list.
type asked interface {
	// ask tells whether a condition holds, with what shows it.
	ask(c *condition) (Evidence, bool)
}

// decide returns the first decision that holds, with what showed it: what the
// first line of its conditions met.
func decide(list []decision, of asked) (decision, Evidence) {
	for i := range list {
		d := &list[i]
		if e, ok := d.holds(of); ok {
			return *d, e
		}
	}
	return decision{}, Evidence{} // compile sees to it that this is never reached
}

func (d *decision) holds(of asked) (Evidence, bool) {
	var shown Evidence
	for i, l := range d.when {
		e, ok := l.holds(of)
		if !ok {
			return e, false
		}
		if i == 0 || shown.Quote == "" {
			shown = e
		}
	}
	for _, l := range d.unless {
		if _, ok := l.holds(of); ok {
			return Evidence{}, false
		}
	}
	return shown, true
}

func (l conditions) holds(of asked) (Evidence, bool) {
	for i := range l {
		e, ok := of.ask(&l[i])
		if ok && !l[i].not {
			return e, true
		}
		if !ok && l[i].not {
			return Evidence{}, true
		}
	}
	return Evidence{}, false
}

// any tells whether one of the condition's lists was found.
func (c *condition) any(t tally) bool {
	return slices.ContainsFunc(c.sets, t.has)
}

func (r *reading) ask(c *condition) (Evidence, bool) {
	n := r.n
	switch c.what {
	case "title":
		return Evidence{Quote: n.Title, Where: "tender.title"}, c.any(r.title)
	case "subject":
		return Evidence{Quote: n.Title, Where: "tender.title"}, c.any(r.title) || c.any(r.subj)
	case "text":
		for _, g := range c.sets {
			if e, ok := r.sayGroup(g, false); ok {
				return e, true
			}
		}
	case "buyer":
		if slices.ContainsFunc(r.buyers, c.any) {
			return Evidence{Quote: buyerNames(n), Where: "buyer"}, true
		}
	case "health": // "health buyer"
		if r.healthBuyer() {
			return Evidence{Quote: buyerNames(n), Where: "buyer"}, true
		}
	case "cpv":
		return code(n.CPV, c.args)
	case "main":
		return code(n.CPV[:min(1, len(n.CPV))], c.args)
	case "care":
		return Evidence{Quote: n.Title, Where: "tender.title"}, slices.Contains(c.args, r.cared)
	case "some", "all":
		return r.askSuppliers(c)
	}
	return Evidence{}, false
}

func code(codes, prefixes []string) (Evidence, bool) {
	for _, c := range codes {
		if hasPrefix(c, prefixes...) {
			return Evidence{Quote: c, Where: "CPV"}, true
		}
	}
	return Evidence{}, false
}

func (r *reading) askSuppliers(c *condition) (Evidence, bool) {
	of := func(s Supplier) bool { return slices.Contains(c.args, s.Class) }
	for _, s := range r.found {
		if of(s) && (c.what == "some" || !slices.ContainsFunc(r.found, func(o Supplier) bool { return !of(o) })) {
			return Evidence{Quote: s.Name, Where: "awards.suppliers"}, true
		}
	}
	return Evidence{}, false
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
