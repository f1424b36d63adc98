package judge

import (
	"regexp"
	"slices"
	"strings"

	"ccgwatch/store"
)

// suppliers are the parties a notice names, each with its class and what shows
// it: those of the awards, and those that only the text names.
func (r *reading) suppliers() []Supplier {
	out := []Supplier{}
	have := map[string]bool{}
	put := func(p store.Party, from string) {
		key := strings.ToLower(strings.TrimSpace(p.Name))
		if key == "" || have[key] {
			return
		}
		have[key] = true
		class, _, evidence := r.j.classify(p, r.n.CPV[:min(1, len(r.n.CPV))])
		out = append(out, Supplier{Name: p.Name, Class: class, Evidence: evidence + from})
	}
	for _, p := range r.n.Suppliers {
		put(p, "")
	}
	if len(out) == 0 {
		for _, name := range r.namedInText() {
			put(store.Party{Name: name}, " (named in the text only)")
		}
	}
	return out
}

// namedInText finds the names of companies in sentences that say that
// something was awarded or concluded.
func (r *reading) namedInText() []string {
	var names []string
	g := []int{r.j.lists["says-awarded"], r.j.lists["says-confirmation"], r.j.lists["says-framework"]}
	for _, p := range r.parts {
		for i, t := range p.tallies {
			if !t.has(g[0]) && !t.has(g[1]) && !t.has(g[2]) {
				continue
			}
			// The names may stand in lines below the sentence that announces them.
			for k := i; k < len(p.sentences) && k <= i+6; k++ {
				for _, m := range r.j.split.company.FindAllString(p.sentences[k].text, -1) {
					m = strings.TrimSpace(m)
					if !slices.Contains(names, m) && !r.isBuyer(m) {
						names = append(names, m)
					}
				}
			}
		}
	}
	return names
}

func (r *reading) isBuyer(name string) bool {
	for _, b := range r.n.Buyers {
		if plainName(b.Name) == plainName(name) {
			return true
		}
	}
	return false
}

// companyPattern finds names that end as the names of companies do.
func companyPattern() *regexp.Regexp {
	return regexp.MustCompile(`(?:[A-Z][\w'’.&-]*\s+(?:(?:and|of|for|the|&)\s+)?){1,6}(?:Limited|LIMITED|Ltd|LTD|CIC|C\.I\.C|PLC|plc|LLP)\b`)
}

// The classes of a supplier.
const (
	classNHS        = "nhs"
	classPublic     = "public"
	classPrimary    = "primary_care"
	classCharity    = "charity_cic"
	classCompany    = "company"
	classIndividual = "individual"
	classUnknown    = "unknown"
)

// classify gives the class of a supplier by the order of evidence: its name,
// the official code, the register its number is in, the form's own mark. What
// nothing shows stays unknown. sells is the notice's first classification, if
// it has one.
func (j *Judge) classify(p store.Party, sells []string) (class, rule, evidence string) {
	a := partyAsked{Party: p, sells: sells, name: j.nlex.tally(words(p.Name)), scheme: strings.ToUpper(p.Scheme)}
	if a.scheme == "" {
		a.scheme = schemeOf(p.ID)
	}
	d, e := decide(j.supplier, a)
	evidence = d.name
	if e.Where == "number" {
		evidence += " (" + e.Quote + ")"
	}
	return d.gives, d.name, evidence
}

// A partyAsked answers the conditions of the supplier rules.
type partyAsked struct {
	store.Party
	sells  []string
	name   tally
	scheme string
}

func (a partyAsked) ask(c *condition) (Evidence, bool) {
	number := Evidence{Quote: strings.TrimSpace(a.scheme + " " + a.Number), Where: "number"}
	switch c.what {
	case "name":
		return Evidence{Quote: a.Name, Where: "name"}, c.any(a.name)
	case "scheme":
		return number, slices.Contains(c.args, a.scheme)
	case "main":
		return code(a.sells, c.args)
	}
	switch c.args[0] { // shape
	case "nhs-code":
		return number, a.scheme == "GB-NHS" && nhsCode(a.Number)
	case "company-number":
		return number, (a.scheme == "" || a.scheme == "GB-COH") && companyNumber(a.Number, "", "SC", "NI", "OC", "SO", "NC", "FC", "SL")
	case "society-number":
		return number, (a.scheme == "" || a.scheme == "GB-COH") && companyNumber(a.Number, "IP", "SP", "NP", "RS", "CE", "CS")
	case "charter-number":
		return number, (a.scheme == "" || a.scheme == "GB-COH") && companyNumber(a.Number, "RC", "SR", "NR")
	case "trust":
		return Evidence{Quote: a.Name, Where: "name"}, endsWithTrust(a.Name)
	case "person":
		return Evidence{Quote: a.Name, Where: "name"}, person(a.Name)
	case "web-address":
		return Evidence{Quote: a.Name, Where: "name"}, webAddress(a.Name)
	case "vcse":
		return Evidence{Quote: a.Name, Where: "name"}, a.VCSE
	}
	return Evidence{}, false
}

// companyNumber tells a number as Companies House gives them, with one of the
// prefixes: eight characters, the zeros before it sometimes left out; a society's
// may end in a letter. The prefixes are Companies House's own: SC and NI for
// Scotland and Northern Ireland, OC, SO and NC for partnerships, FC for foreign
// companies; IP, SP, NP and RS for registered societies, CE and CS for
// charitable incorporated organisations, RC, SR and NR for royal charters.
func companyNumber(number string, prefixes ...string) bool {
	number = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(number), " ", ""))
	digits := strings.TrimLeft(number, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	prefix := number[:len(number)-len(digits)]
	if !slices.Contains(prefixes, prefix) {
		return false
	}
	if prefix != "" && len(number) == 8 {
		digits = strings.TrimRight(digits, "R")
	}
	if strings.Trim(digits, "0123456789") != "" || strings.Trim(digits, "0") == "" {
		return false
	}
	return len(number) == 8 || prefix == "" && len(number) == 7
}

// webAddress tells a name that is an address: "example.com".
func webAddress(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	return !strings.ContainsAny(name, " ") && (strings.HasSuffix(name, ".com") || strings.HasSuffix(name, ".co.uk") || strings.HasSuffix(name, ".net"))
}

func schemeOf(id string) string {
	for _, s := range []string{"GB-NHS", "GB-COH", "GB-CHC", "GB-MPR", "GB-SC", "GB-NIC", "GB-UKPRN"} {
		if strings.HasPrefix(id, s+"-") {
			return s
		}
	}
	return ""
}

// nhsCode tells, by its shape, an ODS code of an NHS trust, board or NHS
// England. Other shapes (three characters beginning with A or N, five
// characters) belong to private providers, practices and suppliers as well.
func nhsCode(code string) bool {
	code = strings.ToUpper(code)
	switch {
	case code == "X24":
		return true
	case len(code) != 3:
		return false
	}
	return code[0] == 'R' || code[0] == 'Q' || strings.HasPrefix(code, "7A")
}

// endsWithTrust: "Shaw Trust", "Ruskin Mill Trust Limited". Academy and
// learning trusts are public bodies and have their own list.
func endsWithTrust(name string) bool {
	ws := words(name)
	for len(ws) > 0 {
		last := ws[len(ws)-1].text
		if last == "limited" || last == "ltd" || last == "the" {
			ws = ws[:len(ws)-1]
			continue
		}
		return last == "trust" && len(ws) > 1 && !slices.ContainsFunc(ws, func(w word) bool {
			return w.text == "nhs" || w.text == "academy" || w.text == "academies" || w.text == "learning"
		})
	}
	return false
}

// person tells a title and a name and nothing more: "Dr A Example".
func person(name string) bool {
	ws := words(name)
	if len(ws) < 2 || len(ws) > 4 {
		return false
	}
	switch ws[0].text {
	case "dr", "prof", "professor":
	case "mr", "mrs", "ms", "miss":
		if ws[0].caps { // "MS CARS" is a firm
			return false
		}
	default:
		return false
	}
	for _, w := range ws {
		switch w.text {
		case "ltd", "limited", "partners", "practice", "surgery", "and", "llp", "clinic", "associates":
			return false
		}
	}
	return true
}
