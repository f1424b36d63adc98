package judge

import (
	"strings"

	"ccgwatch/store"
)

// care tells what is bought, from the words of the title first, then the
// description, and the classification beside them. A classification alone
// never makes care: buyers of scanners and of software use the health codes too.
func (r *reading) care() string {
	if e, ok := r.say("psr"); ok && !r.says("psr-not") && !r.title.has(r.j.lists["send-therapy"]) {
		r.note("care: bought under the regime for health services", e)
		return careHealth
	}
	if c := r.special(); c != "" {
		return c
	}
	if r.healthBuyer() {
		return r.careOfHealthBody()
	}
	return r.careOfOther()
}

// special are kinds of contract that are told by their own words.
func (r *reading) special() string {
	l := r.j.lists
	switch {
	case r.title.has(l["not-care"]):
		r.field("care: none", r.n.Title, "tender.title")
		return careNone
	case r.title.has(l["own-staff"]):
		r.field("care: the buyer's own staff", r.n.Title, "tender.title")
		return careHealth
	case r.subj.has(l["send"]) && (r.cpv("60") || r.title.has(l["send-transport"])):
		r.field("care: school transport for children with special needs", r.n.Title, "tender.title")
		return careSupport
	case r.title.has(l["send-psychology"]):
		r.field("care: psychology in schools", r.n.Title, "tender.title")
		return careSupport
	case r.title.has(l["send-therapy"]) || r.subj.has(l["send"]) && r.title.has(l["health"]) && !r.healthBuyer():
		r.field("care: therapies in schools", r.n.Title, "tender.title")
		return careSupport
	case r.subj.has(l["telecare"]) && !r.title.has(l["social"]):
		r.field("care: telecare", r.n.Title, "tender.title")
		return careSupport
	}
	return ""
}

// careOfHealthBody sorts what a health body buys: everything it buys concerns
// health, so the question is only whether it is care or things around it.
func (r *reading) careOfHealthBody() string {
	l := r.j.lists
	main := ""
	if len(r.n.CPV) > 0 {
		main = r.n.CPV[0]
	}
	service := r.title.has(l["health"]) || hasPrefix(main, "8511", "8512", "8513", "8514", "8515", "85323") || r.cpv("85") && (r.subj.has(l["health"]) || r.subj.has(l["health-weak"]))
	switch {
	case r.title.has(l["support"]) && !r.title.has(l["works"]):
		r.field("care: support", r.n.Title, "tender.title")
		return careSupport
	case strings.HasPrefix(main, "455"):
		r.field("care: hire of equipment", main, "CPV")
		return careGoods
	case r.title.has(l["goods"]) && goodsCPV(main):
		r.field("care: goods", r.n.Title+" "+main, "tender.title")
		return careGoods
	case r.title.has(l["works"]) || strings.HasPrefix(main, "45") || strings.HasPrefix(main, "51"):
		r.field("care: works", r.n.Title+" "+main, "tender.title")
		return careWorks
	case r.title.has(l["goods"]) || goodsCPV(main) && !r.title.has(l["health"]):
		r.field("care: goods", r.n.Title+" "+main, "tender.title")
		return careGoods
	case r.title.has(l["social"]) && !r.title.has(l["health"]):
		r.field("care: social care", r.n.Title, "tender.title")
		return careSocial
	case service && !r.things(main):
		r.field("care: health", r.n.Title+" "+main, "tender.title")
		return careHealth
	case r.subj.has(l["health-weak"]) && strings.HasPrefix(main, "75"):
		r.field("care: health", r.n.Title+" "+main, "tender.description")
		return careHealth
	}
	r.field("care: support for a health body", buyerNames(r.n), "buyer")
	return careSupport
}

// things tells, by the leading classification, what is no care whatever the
// title calls it: systems, maintenance, consulting, training.
func (r *reading) things(cpv string) bool {
	if r.cpv("85") {
		return false
	}
	return hasPrefix(cpv, "48", "50", "64", "66", "70", "71", "72", "73", "79", "80", "90")
}

func goodsCPV(c string) bool {
	return hasPrefix(c, "03", "09", "14", "15", "16", "18", "19", "22", "24", "30", "31", "33", "34", "35", "37", "38", "39", "42", "43", "44")
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// careOfOther sorts what councils, police and others buy. Outside health
// bodies nothing is care unless words say so.
func (r *reading) careOfOther() string {
	l := r.j.lists
	public := r.buyer("buyer-council") || r.buyer("buyer-vulnerable") || r.cpv("85")
	if !public || r.subj.has(l["not-care"]) && !r.title.has(l["health"]) && !r.title.has(l["social"]) {
		return careNone
	}
	health := r.title.has(l["health"]) || r.cpv("851") && r.subj.has(l["health"])
	social := r.title.has(l["social"]) || r.cpv("85", "98") && (r.subj.has(l["social"]) || r.title.has(l["social-weak"]))
	if r.cpv("80") && !r.cpv("85") {
		social = r.subj.has(l["social"])
	}
	if !health && !social {
		return careNone
	}
	if r.title.has(l["support"]) || r.title.has(l["works"]) || r.title.has(l["goods"]) {
		if r.cpv("85") && !r.title.has(l["works"]) && !r.title.has(l["goods"]) {
			r.field("care: support", r.n.Title, "tender.title")
			return careSupport
		}
		return careNone
	}
	if r.cpv("45", "48", "72", "71", "79", "33", "30", "34") && !r.cpv("85") {
		return careNone
	}
	if r.title.has(l["social"]) || social && !r.title.has(l["health"]) {
		r.field("care: social care", r.n.Title, "tender.title")
		return careSocial
	}
	r.field("care: health", r.n.Title, "tender.title")
	return careHealth
}

// outsourcing tells whether care that the public pays for is offered to, going
// to or with somebody outside the NHS. "mention" is for what is near it.
func (r *reading) outsourcing(v Verdict) string {
	l := r.j.lists
	switch v.Care {
	case careHealth, careSocial:
	case careSupport:
		if r.title.has(l["send-psychology"]) {
			return outsourcingNone
		}
		if r.title.has(l["send-therapy"]) || r.subj.has(l["send"]) && r.title.has(l["health"]) && !r.title.has(l["support"]) {
			return string(store.TierLikely)
		}
		if e, ok := r.say("whole-service"); ok && r.healthBuyer() && r.title.has(l["whole-service"]) && !r.title.has(l["systems"]) {
			r.note("outsourcing: a service of a whole body or site", e)
			return string(store.TierLikely)
		}
		if r.title.has(l["private"]) {
			return string(store.TierMention)
		}
		return outsourcingNone
	default:
		return outsourcingNone
	}
	if r.title.has(l["own-staff"]) {
		r.field("outsourcing: none, for the buyer's own staff", r.n.Title, "tender.title")
		return outsourcingNone
	}
	if len(v.Suppliers) > 0 && allOf(v.Suppliers, "nhs") {
		r.field("outsourcing: none, the provider is the NHS", v.Suppliers[0].Name, "awards.suppliers")
		return outsourcingNone
	}
	if v.Care == careSocial && r.title.has(l["housing-only"]) && !r.title.has(l["health"]) {
		r.field("outsourcing: housing rather than care", r.n.Title, "tender.title")
		return string(store.TierMention)
	}
	for _, s := range v.Suppliers {
		if s.Class == "company" || s.Class == "charity_cic" || s.Class == "primary_care" {
			r.field("outsourcing: a provider outside the NHS", s.Name, "awards.suppliers")
			return string(store.TierCertain)
		}
	}
	r.field("outsourcing: care offered to providers", r.n.Title, "tender.title")
	return string(store.TierLikely)
}

func allOf(ss []Supplier, class string) bool {
	for _, s := range ss {
		if s.Class != class {
			return false
		}
	}
	return true
}
