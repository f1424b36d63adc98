package judge

import (
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// regime is the law a notice is made under. A text that names the Provider
// Selection Regime wins on any form.
func (r *reading) regime(care string) string {
	devolved := r.devolved()
	if e, ok := r.say("psr-wales"); ok && !r.english() {
		r.note("regime: the text names PSR Wales", e)
		return regimePSRWales
	}
	if rule, e, ok := r.namesPSR(); ok && !r.says("psr-not") && !devolved {
		r.note(rule, e)
		if r.welsh() {
			return regimePSRWales
		}
		return regimePSR
	}
	old := !strings.HasPrefix(r.n.LegalBasis, "UKPGA")
	switch {
	case !old:
		r.field("regime: legal basis", r.n.LegalBasis, "tender.legalBasis")
		return regimeAct
	case r.n.Feed != "contracts-finder" && devolved:
		r.field("regime: devolved body", buyerNames(r.n), "buyer")
		return regimeDevolved
	}
	if e, ok := r.say("says-act"); ok {
		r.note("regime: the text names the Procurement Act", e)
		return regimeAct
	}
	if care == careHealth && r.probablyPSR() {
		r.field("regime: probably the Provider Selection Regime (health service, English health body, no other law named)", buyerNames(r.n), "buyer")
		return regimePSR
	}
	if r.n.LegalBasis == "" {
		r.field("regime: the rules in force on this feed, no law is named", r.n.Feed, "feed")
		return regimeOld
	}
	r.field("regime: legal basis", r.n.LegalBasis, "tender.legalBasis")
	return regimeOld
}

// namesPSR finds where the regime is named: in full, by its letters where a
// health service or a health body is about, or by a route that no other law has.
func (r *reading) namesPSR() (rule string, e Evidence, ok bool) {
	if e, ok = r.say("psr"); ok {
		return "regime: the text names the Provider Selection Regime", e, true
	}
	if !r.healthBuyer() && !r.codes("85") {
		return "", Evidence{}, false
	}
	if e, ok = r.say("psr-short"); ok {
		return "regime: the text names the Provider Selection Regime by its letters", e, true
	}
	if e, ok = r.say("psr-routes"); ok {
		return "regime: the text names a route of the Provider Selection Regime", e, true
	}
	return "", Evidence{}, false
}

// probablyPSR holds for a health service that an English health body or
// council buys on the old form after that form was closed to everything else,
// and for one that a health body announced on Contracts Finder since the
// regime began.
func (r *reading) probablyPSR() bool {
	if r.welsh() || r.devolved() || !r.codes("851", "85323") {
		return false
	}
	if r.n.Feed == "contracts-finder" {
		return r.healthBuyer() && !r.n.Date.Before(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	return (r.healthBuyer() || r.buyer("buyer-council")) && !r.n.Date.Before(time.Date(2025, 2, 24, 0, 0, 0, 0, time.UTC))
}

// devolved tells a Scottish or Northern Irish buyer by its region or its name,
// or by the mark of Public Contracts Scotland in the text.
func (r *reading) devolved() bool {
	return r.region("UKM", "UKN", "TLM", "TLN") || r.buyer("buyer-devolved") || r.marked("(SC Ref:")
}

// welsh tells a Welsh buyer, by the mark of Sell2Wales too.
func (r *reading) welsh() bool {
	return r.region("UKL", "TLL") || !r.english() && (r.buyer("buyer-welsh") || r.marked("(WA Ref:"))
}

// english tells a buyer with an English region.
func (r *reading) english() bool {
	return slices.ContainsFunc(r.n.Buyers, func(b store.Party) bool {
		return len(b.Region) >= 3 && (strings.HasPrefix(b.Region, "UK") || strings.HasPrefix(b.Region, "TL")) && b.Region[2] >= 'C' && b.Region[2] <= 'K'
	})
}

// region tells whether a buyer's region code begins with one of the prefixes.
func (r *reading) region(prefixes ...string) bool {
	return slices.ContainsFunc(r.n.Buyers, func(b store.Party) bool { return hasPrefix(b.Region, prefixes...) })
}

// marked tells whether the notice holds the mark that a feeding portal adds.
func (r *reading) marked(mark string) bool {
	return strings.Contains(r.n.Description, mark) || slices.ContainsFunc(r.n.Texts, func(t store.Text) bool { return strings.Contains(t.Text, mark) })
}

// codes tells whether any classification begins with one of the prefixes.
func (r *reading) codes(prefixes ...string) bool {
	_, ok := code(r.n.CPV, prefixes)
	return ok
}
