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
		class, evidence := r.j.classify(p)
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

// classify gives the class of a supplier by the order of evidence: its name,
// the official code, the register its number is in, the form's own mark. What
// nothing shows stays unknown.
func (j *Judge) classify(p store.Party) (class, evidence string) {
	t := j.nlex.tally(words(p.Name))
	has := func(list string) bool { return t.has(j.lists[list]) }
	scheme := strings.ToUpper(p.Scheme)
	if scheme == "" {
		scheme = schemeOf(p.ID)
	}
	switch {
	case has("known-charity"):
		return "charity_cic", "on our own list of charities and community interest companies, from general knowledge"
	case has("known-company"):
		return "company", "on our own list of companies, from general knowledge"
	case has("known-public"):
		return "public", "on our own list of companies owned by public bodies, from general knowledge"
	case has("supplier-nhs") && !has("supplier-not-nhs"):
		return "nhs", "the name is an NHS body's"
	case scheme == "GB-NHS" && nhsCode(p.Number):
		return "nhs", "the code " + p.Number + " has the shape of an NHS organisation's"
	case has("supplier-charity"):
		return "charity_cic", "the name says charity, society or community interest company"
	case scheme == "GB-CHC" || scheme == "GB-SC" || scheme == "GB-NIC":
		return "charity_cic", "listed in a register of charities (" + scheme + ")"
	case scheme == "GB-MPR":
		return "charity_cic", "listed in the mutuals register"
	case endsWithTrust(p.Name):
		return "charity_cic", "the name is a trust's and not an NHS trust's"
	case has("supplier-public"):
		return "public", "the name is a public body's"
	case scheme == "GB-UKPRN" && !has("supplier-company"):
		return "public", "listed as a provider of education"
	case person(p.Name):
		return "individual", "the name is a person's"
	case has("supplier-primary"):
		return "primary_care", "the name says general practice"
	case p.VCSE:
		return "charity_cic", "the notice marks it as a voluntary or social enterprise"
	case has("supplier-company"):
		return "company", "the name ends as a company's"
	case scheme == "GB-COH":
		return "company", "listed at Companies House (" + p.Number + ")"
	case has("supplier-trade"):
		return "company", "the name is a business's trading name"
	}
	return "unknown", "nothing in the notice shows what it is"
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
