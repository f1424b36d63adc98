package judge

import (
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// requiredLists are the word lists that the rules in this package name.
func requiredLists() []string {
	return []string{
		"care", "things", "private", "own-private", "money", "person", "boilerplate", "care-places", "skip-pages", "skip-sections",
		"psr", "psr-wales", "psr-not", "says-act",
		"says-intention", "says-confirmation", "says-modification-notice", "says-modification", "says-approach", "says-abandoned",
		"says-engagement", "says-awarded", "says-framework", "says-open-call",
		"about-standstill", "about-deadline", "about-interest",
		"buyer-health", "buyer-not-health", "buyer-council", "buyer-vulnerable", "buyer-devolved",
		"health", "health-weak", "social", "social-weak", "not-care", "own-staff", "send", "send-transport", "send-therapy", "send-psychology",
		"works", "goods", "support", "systems", "telecare", "housing-only", "whole-service",
		"supplier-nhs", "supplier-not-nhs", "supplier-public", "supplier-primary", "supplier-charity", "supplier-company", "supplier-trade",
		"known-charity", "known-company", "known-public",
	}
}

// paperLists are the lists that serve papers alone.
func paperLists() []string {
	return []string{"care", "things", "own-private", "money", "boilerplate", "care-places", "skip-pages", "skip-sections", "soft-tender"}
}

// stage is the step a notice tells of. Words of the Provider Selection Regime
// decide first, then the notice type, then the old form's tags.
func (r *reading) stage() string {
	switch {
	case r.n.NoticeType != "":
		return r.stageOfAct()
	case r.n.Feed == "contracts-finder":
		return r.stageOfFinder()
	}
	return r.stageOfForm()
}

// stageUnder corrects a stage by the words of the Provider Selection Regime,
// on whatever form they stand.
func (r *reading) stageUnder(stage, regime string) string {
	if regime != regimePSR && regime != regimePSRWales {
		return stage
	}
	awarding := slices.Contains([]string{stageIntention, stageAward, stageContract, stageConfirmation, stageModification}, stage)
	corrects := hasTag(r.n, "tenderUpdate", "awardUpdate", "contractUpdate")
	if !awarding && !corrects {
		if e, ok := r.say("says-approach"); ok && hasTag(r.n, "planning", "planningUpdate") {
			r.note("stage: intended approach", e)
			return stagePlanned
		}
		return stage
	}
	if corrects {
		if s := r.psrWords(true); s != "" {
			return s
		}
	}
	if s := r.psrWords(false); s != "" {
		return s
	}
	// Where the regime is only inferred, an award stays what the form calls it.
	if (stage == stageAward || stage == stageContract) && (r.says("psr") || r.says("psr-wales")) {
		return stageConfirmation
	}
	return stage
}

// psrWords looks for the words of the regime's notices, in the order in which
// they can be trusted: an intention is said in so many words, and a text that
// says so is never an award.
func (r *reading) psrWords(amendments bool) string {
	for _, x := range []struct{ list, stage string }{
		{"says-abandoned", stageCancelled},
		{"says-modification-notice", stageModification},
		{"says-confirmation", stageConfirmation},
		{"says-modification", stageModification},
		{"says-intention", stageIntention},
	} {
		e, ok := r.sayIn(x.list, amendments)
		if !ok || x.list == "says-confirmation" && r.notYet(amendments) {
			continue
		}
		if x.list == "says-abandoned" && len(r.n.Suppliers) > 0 {
			continue
		}
		r.note("stage: the text says "+x.stage, e)
		r.shown = e.Quote
		return x.stage
	}
	return ""
}

// notYet tells whether the text says that an award is only intended.
func (r *reading) notYet(amendments bool) bool {
	_, ok := r.sayIn("says-intention", amendments)
	return ok
}

// stageOfAct goes by the notice type of the Procurement Act 2023.
func (r *reading) stageOfAct() string {
	n := r.n
	update := n.Updates()
	stage := ""
	switch n.NoticeType {
	case "UK1":
		stage = stagePipeline
	case "UK2":
		stage = stageEngagement
	case "UK3":
		stage = stagePlanned
	case "UK4", "UK13":
		stage = stageTender
		if update {
			stage = stageTenderUpdate
		}
	case "UK5":
		stage = stageIntention
	case "UK6":
		stage = stageAward
	case "UK7":
		stage = stageContract
	case "UK9":
		stage = stagePerformance
	case "UK10":
		stage = stageModification
	case "UK11":
		stage = stageTermination
	case "UK12":
		stage = stageCancelled
	default:
		r.field("stage: unclear", "notice type "+n.NoticeType+" has no stage of its own", "documents.noticeType")
		return stageOther
	}
	r.field("stage: notice type", n.NoticeType, "documents.noticeType")
	return stage
}

// stageOfForm goes by the tags of the old European forms.
func (r *reading) stageOfForm() string {
	n := r.n
	tags := strings.Join(n.Tags, ", ")
	switch {
	case hasTag(n, "tenderCancellation"):
		r.field("stage: tag", tags, "tag")
		return stageCancelled
	case hasTag(n, "contractTermination"):
		r.field("stage: tag", tags, "tag")
		return stageTermination
	case hasTag(n, "contractAmendment"), hasTag(n, "awardUpdate", "contractUpdate"):
		r.field("stage: tag", tags, "tag")
		return stageModification
	case hasTag(n, "implementation"):
		r.field("stage: tag", tags, "tag")
		return stagePerformance
	case hasTag(n, "tenderUpdate"):
		return r.stageOfCorrection()
	case hasTag(n, "award", "contract"):
		return r.stageOfAward(tags)
	case hasTag(n, "tender"):
		r.field("stage: tag", tags, "tag")
		return stageTender
	case hasTag(n, "planning", "planningUpdate"):
		if e, ok := r.say("says-approach"); ok {
			r.note("stage: intended approach", e)
			return stagePlanned
		}
		if e, ok := r.say("says-engagement"); ok {
			r.note("stage: the text says engagement", e)
			return stageEngagement
		}
		r.field("stage: tag", tags, "tag")
		return stageEngagement
	}
	r.field("stage: unclear", "the tags say nothing that has a stage: "+tags, "tag")
	return stageOther
}

// stageOfAward tells an award from one that ended without.
func (r *reading) stageOfAward(tags string) string {
	n := r.n
	if len(n.Suppliers) == 0 && len(n.AwardStatus) > 0 && all(n.AwardStatus, "unsuccessful", "cancelled") {
		r.field("stage: no award", strings.Join(n.AwardStatus, ", "), "awards.status")
		return stageCancelled
	}
	r.field("stage: tag", tags, "tag")
	return stageAward
}

// stageOfCorrection labels a corrigendum by what it says.
func (r *reading) stageOfCorrection() string {
	for _, x := range []struct{ list, stage string }{
		{"says-abandoned", stageCancelled},
		{"says-modification-notice", stageModification},
		{"says-confirmation", stageConfirmation},
		{"says-framework", stageConfirmation},
		{"says-modification", stageModification},
		{"says-intention", stageIntention},
	} {
		if e, ok := r.sayIn(x.list, true); ok {
			r.note("stage: the correction says "+x.stage, e)
			r.shown = e.Quote
			return x.stage
		}
	}
	if e, ok := r.say("says-confirmation"); ok && !r.notYet(false) {
		r.note("stage: corrects an award", e)
		return stageConfirmation
	}
	if r.corrects("II.2.5") || r.corrects("V.") || r.titleSaysAward() {
		r.field("stage: corrects an award", r.n.Title, "tender.title")
		return stageConfirmation
	}
	r.field("stage: tag", "tenderUpdate", "tag")
	return stageTenderUpdate
}

// corrects tells whether an amendment changes that section of the form.
func (r *reading) corrects(section string) bool {
	for _, a := range r.n.Amendments {
		if strings.HasPrefix(a.Where, section) && section == "V." {
			return true
		}
	}
	return false
}

// titleSaysAward: "... - CAN" is how buyers mark a contract award notice.
func (r *reading) titleSaysAward() bool {
	for _, w := range words(r.n.Title) {
		if w.caps && w.text == "can" {
			return true
		}
	}
	return r.title.has(r.j.lists["says-awarded"])
}

// stageOfFinder goes by the tags and statuses of Contracts Finder.
func (r *reading) stageOfFinder() string {
	n := r.n
	switch {
	case hasTag(n, "award", "awardUpdate", "contract"):
		r.field("stage: tag", strings.Join(n.Tags, ", "), "tag")
		return stageAward
	case hasTag(n, "tenderCancellation") || n.TenderStatus == "cancelled" || n.TenderStatus == "withdrawn":
		r.field("stage: status", n.TenderStatus, "tender.status")
		return stageCancelled
	case hasTag(n, "tender", "tenderAmendment", "tenderUpdate"):
		if e, ok := r.say("says-awarded"); ok {
			r.note("stage: the text says awarded", e)
			return stageAward
		}
		if e, ok := r.say("says-engagement"); ok && !r.says("says-open-call") {
			r.note("stage: the text says engagement", e)
			return stageEngagement
		}
		r.field("stage: tag", strings.Join(n.Tags, ", "), "tag")
		if hasTag(n, "tender") {
			return stageTender
		}
		return stageTenderUpdate
	case hasTag(n, "planning", "planningUpdate"):
		r.field("stage: tag", strings.Join(n.Tags, ", "), "tag")
		if n.TenderStatus == "planned" || slices.Contains(n.DocumentTypes, "plannedProcurementNotice") {
			return stagePipeline
		}
		return stageEngagement
	}
	r.field("stage: unclear", "the tags say nothing that has a stage: "+strings.Join(n.Tags, ", "), "tag")
	return stageOther
}

func all(list []string, allowed ...string) bool {
	for _, s := range list {
		if !slices.Contains(allowed, s) {
			return false
		}
	}
	return true
}

// regime is the law a notice is made under. A text that names the Provider
// Selection Regime wins on any form.
func (r *reading) regime(care string) string {
	devolved := r.devolved()
	if e, ok := r.say("psr-wales"); ok && !r.english() {
		r.note("regime: the text names PSR Wales", e)
		return regimePSRWales
	}
	if e, ok := r.say("psr"); ok && !r.says("psr-not") && !devolved {
		r.note("regime: the text names the Provider Selection Regime", e)
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
	r.field("regime: legal basis", r.n.LegalBasis, "tender.legalBasis")
	return regimeOld
}

// probablyPSR holds for a health service that an English health body or
// council buys on the old form after that form was closed to everything else,
// and for one that a health body announced on Contracts Finder since the
// regime began.
func (r *reading) probablyPSR() bool {
	if r.welsh() || r.devolved() || !r.cpv("851", "85323") {
		return false
	}
	if r.n.Feed == "contracts-finder" {
		return r.healthBuyer() && !r.n.Date.Before(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	return (r.healthBuyer() || r.buyer("buyer-council")) && !r.n.Date.Before(time.Date(2025, 2, 24, 0, 0, 0, 0, time.UTC))
}

func (r *reading) devolved() bool {
	for _, b := range r.n.Buyers {
		if strings.HasPrefix(b.Region, "UKM") || strings.HasPrefix(b.Region, "UKN") {
			return true
		}
	}
	return r.buyer("buyer-devolved") || strings.Contains(r.n.Description, "(SC Ref:") || inTexts(r.n, "(SC Ref:")
}

func (r *reading) welsh() bool {
	for _, b := range r.n.Buyers {
		if strings.HasPrefix(b.Region, "UKL") {
			return true
		}
	}
	return false
}

// english holds for an English region, or for a buyer that nothing places in
// Wales while the text names the English regulations as well: a framework open
// to both countries.
func (r *reading) english() bool {
	for _, b := range r.n.Buyers {
		if len(b.Region) >= 3 && strings.HasPrefix(b.Region, "UK") && b.Region[2] >= 'C' && b.Region[2] <= 'K' {
			return true
		}
	}
	return false
}

func inTexts(n *store.Notice, s string) bool {
	for _, t := range n.Texts {
		if strings.Contains(t.Text, s) {
			return true
		}
	}
	return false
}

// cpv tells whether any classification begins with one of the prefixes.
func (r *reading) cpv(prefixes ...string) bool {
	for _, c := range r.n.CPV {
		for _, p := range prefixes {
			if strings.HasPrefix(c, p) {
				return true
			}
		}
	}
	return false
}

// buyer tells whether a buyer's name holds a phrase of the list.
func (r *reading) buyer(list string) bool {
	return slices.ContainsFunc(r.buyers, func(t tally) bool { return t.has(r.j.lists[list]) })
}

func (r *reading) healthBuyer() bool {
	return slices.ContainsFunc(r.buyers, func(t tally) bool {
		return t.has(r.j.lists["buyer-health"]) && !t.has(r.j.lists["buyer-not-health"])
	})
}
