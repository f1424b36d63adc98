package judge

import (
	"fmt"
	"slices"
	"strings"
)

// requiredLists are the word lists that the rules in this package name.
func requiredLists() []string {
	return []string{
		"care", "things", "private", "own-private", "money", "person", "boilerplate", "care-places", "skip-pages", "skip-sections",
		"psr", "psr-wales", "psr-not", "says-act",
		"psr-short", "psr-routes", "buyer-welsh", "buyer-agent",
		"says-this-is", "says-not-yet", "says-window", "says-veat", "route-at-once", "route-not", "says-planned", "says-past",
		"says-intention", "says-confirmation", "says-modification-notice", "says-modification", "says-approach", "says-abandoned",
		"says-engagement", "says-awarded", "says-framework", "says-open-call",
		"about-standstill", "about-deadline", "about-interest",
		"buyer-health", "buyer-not-health", "buyer-council", "buyer-vulnerable", "buyer-devolved",
		"health", "health-weak", "social", "social-weak", "not-care", "own-staff", "send", "send-transport", "send-therapy", "send-psychology",
		"works", "goods", "support", "systems", "telecare", "housing-only", "whole-service",
		"supplier-nhs", "supplier-not-nhs", "supplier-public", "supplier-primary", "supplier-charity", "supplier-company", "supplier-trade",
		"known-charity", "known-company", "known-public",
		"join-small", "join-bodies", "join-usual", "join-shared",
	}
}

// joinLists are lists of single words that titles are compared without; they are
// no phrases, and nothing is searched for them.
func joinLists() []string { return []string{"join-small", "join-bodies", "join-usual", "join-shared"} }

// wordSet are the words of some lists. What is no single word in its plain form
// would never be met.
func wordSet(lists map[string][]string, names ...string) (map[string]bool, error) {
	set := map[string]bool{}
	for _, name := range names {
		for _, w := range lists[name] {
			if plainWords(w) != w || strings.Contains(w, " ") || stem(w) != w || w == "" {
				return nil, fmt.Errorf("list %s: %q is not one word in small letters, without the s of a plural", name, w)
			}
			if set[w] {
				return nil, fmt.Errorf("list %s: %q stands twice", name, w)
			}
			set[w] = true
		}
	}
	return set, nil
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
	case strings.HasPrefix(r.n.LegalBasis, "UKPGA") && len(r.n.DocumentTypes) > 0 && r.n.Feed != "contracts-finder":
		return r.stageOfDocuments()
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
		if s := r.awardWords(true); s != "" {
			return s
		}
	}
	if s := r.awardWords(false); s != "" {
		return s
	}
	// The old form has one shape for an intention and for an award: where the
	// regime is named and the words are not there, nobody can tell which it is.
	// Where it is only inferred, an award stays what the form calls it.
	if _, _, named := r.namesPSR(); r.n.NoticeType == "" && stage == stageAward && (named || r.says("psr-wales")) {
		return r.unclear("a notice of this regime that says neither that an award is intended nor that it was made", "psr-routes", "psr", "psr-wales", "psr-short")
	}
	return stage
}

// awardWords looks for what a notice around an award says of itself, in the
// amendments alone when only is set, in the order in which the words can be
// trusted: a text that says that nothing is awarded yet is never an award.
func (r *reading) awardWords(only bool) string {
	if e, ok := r.sayIn("says-abandoned", only); ok && len(r.n.Suppliers) == 0 {
		return r.told(stageCancelled, e)
	}
	if e, ok := r.sayIn("says-modification-notice", only); ok {
		return r.told(stageModification, e)
	}
	if s, e := r.calledItself(only); s != "" {
		return r.told(s, e)
	}
	if e, ok := r.sayIn("says-not-yet", only); ok {
		return r.told(stageIntention, e)
	}
	if e, ok := r.confirmed(only); ok {
		return r.told(stageConfirmation, e)
	}
	for _, x := range []struct{ list, stage string }{
		{"says-modification", stageModification},
		{"says-intention", stageIntention},
		{"says-window", stageIntention},
	} {
		if e, ok := r.sayBut(x.list, "says-past", only); ok {
			return r.told(x.stage, e)
		}
	}
	return ""
}

func (r *reading) told(stage string, e Evidence) string {
	r.note("stage: the text says "+stage, e)
	r.shown = e.Quote
	return stage
}

// calledItself finds the first sentence in which a notice names its own kind:
// "This is an intention to award notice". Others only speak of such a notice.
func (r *reading) calledItself(only bool) (string, Evidence) {
	l := r.j.lists
	for _, p := range r.parts {
		if only && !p.amendment {
			continue
		}
		for i, t := range p.tallies {
			if !t.has(l["says-this-is"]) {
				continue
			}
			// "This is an intention ...; the last contract was awarded": what comes first.
			confirms, yes := t.first(l["says-confirmation"])
			intends, no := t.first(l["says-intention"])
			switch {
			case no && (!yes || intends.from <= confirms.from):
				return stageIntention, Evidence{Quote: r.j.safeQuote(p.sentences[i], t, intends), Where: p.where}
			case yes:
				return stageConfirmation, Evidence{Quote: r.j.safeQuote(p.sentences[i], t, confirms), Where: p.where}
			}
		}
	}
	return "", Evidence{}
}

// confirmed finds a sentence that says that an award was made: in those words,
// or by naming a route that has no standstill, unless it says that the route
// was not taken.
func (r *reading) confirmed(only bool) (Evidence, bool) {
	if e, ok := r.sayIn("says-confirmation", only); ok {
		return e, true
	}
	return r.sayBut("route-at-once", "route-not", only)
}

// unclear is the stage of a notice that does not tell, with the sentence that
// comes nearest: one with a phrase of the lists, else the first of its text.
func (r *reading) unclear(why string, lists ...string) string {
	for _, list := range lists {
		if e, ok := r.say(list); ok {
			r.note("stage: unclear: "+why, e)
			r.shown = e.Quote
			return stageOther
		}
	}
	e := Evidence{Quote: r.n.Title, Where: "tender.title"}
	for _, p := range r.parts {
		if p.where == "tender.title" {
			continue
		}
		for i, s := range p.sentences {
			if !s.heading && len(s.words) >= 5 {
				e = Evidence{Quote: r.j.safeQuote(s, p.tallies[i], hit{}), Where: p.where}
				r.note("stage: unclear: "+why, e)
				return stageOther
			}
		}
	}
	r.note("stage: unclear: "+why, e)
	return stageOther
}

// noticeType is UK1 to UK17, however it is printed.
func noticeType(printed string) string {
	f := strings.FieldsFunc(strings.ToUpper(printed), func(c rune) bool { return c == ' ' || c == ':' || c == '-' || c == '_' })
	if len(f) >= 2 && f[0] == "UK" {
		return "UK" + strings.TrimLeft(f[1], "0")
	}
	if len(f) == 0 {
		return ""
	}
	return "UK" + strings.TrimLeft(strings.TrimPrefix(f[0], "UK"), "0")
}

// stageOfAct goes by the notice type of the Procurement Act 2023.
func (r *reading) stageOfAct() string {
	n := r.n
	stage, ok := map[string]string{
		"UK1": stagePipeline, "UK2": stageEngagement, "UK3": stagePlanned, "UK4": stageTender,
		"UK5": stageIntention, "UK6": stageAward, "UK7": stageContract,
		"UK9": stagePerformance, "UK10": stageModification, "UK11": stageTermination, "UK12": stageCancelled,
		// Dynamic markets: an intention calls for members as a tender does.
		"UK13": stageTender, "UK15": stageModification, "UK16": stageTermination,
	}[noticeType(n.NoticeType)]
	if !ok {
		return r.unclear("notice type " + n.NoticeType + " has no stage of its own")
	}
	if stage == stageTender && n.Updates() {
		stage = stageTenderUpdate
	}
	r.field("stage: notice type", n.NoticeType, "documents.noticeType")
	return stage
}

// stageOfDocuments goes by the kind of document a release of the Act lists
// where it does not say its notice type. An award notice may be a UK5 or a UK6
// and so decides nothing by itself.
func (r *reading) stageOfDocuments() string {
	for _, x := range []struct{ kind, stage string }{
		{"contractTerminationNotice", stageTermination},
		{"tenderCancellationNotice", stageCancelled},
		{"implementationNotice", stagePerformance},
		{"contractNotice", stageContract},
		{"tenderNotice", stageTender},
		{"plannedProcurementNotice", stagePlanned},
		{"marketEngagementNotice", stageEngagement},
	} {
		if !slices.Contains(r.n.DocumentTypes, x.kind) {
			continue
		}
		r.field("stage: kind of document", x.kind, "documents.documentType")
		if x.stage == stageTender && r.n.Updates() {
			return stageTenderUpdate
		}
		return x.stage
	}
	if hasTag(r.n, "award", "contract", "awardUpdate", "contractUpdate") {
		if s := r.awardWords(false); s != "" {
			return s
		}
		return r.unclear("an award under the Procurement Act without its notice type: it may be intended or made")
	}
	return r.stageOfForm()
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
		return r.stageOfPlanning(tags)
	}
	return r.unclear("the tags say nothing that has a stage: " + tags)
}

// stageOfPlanning tells the uses of a prior information notice apart: an
// approach that is intended, views that are asked for, a call that is planned.
func (r *reading) stageOfPlanning(tags string) string {
	if e, ok := r.say("says-approach"); ok {
		r.note("stage: intended approach", e)
		return stagePlanned
	}
	if e, ok := r.say("says-engagement"); ok {
		r.note("stage: the text says engagement", e)
		return stageEngagement
	}
	if e, ok := r.say("says-planned"); ok {
		r.note("stage: the text says a call is planned", e)
		return stagePlanned
	}
	r.field("stage: tag", tags, "tag")
	return stageEngagement
}

// stageOfAward tells an award from one that ended without.
func (r *reading) stageOfAward(tags string) string {
	n := r.n
	if len(n.Suppliers) == 0 && len(n.AwardStatus) > 0 && all(n.AwardStatus, "unsuccessful", "cancelled") {
		r.field("stage: no award", strings.Join(n.AwardStatus, ", "), "awards.status")
		return stageCancelled
	}
	// A voluntary transparency notice has the shape of an award, too.
	for _, list := range []string{"says-veat", "says-not-yet"} {
		if e, ok := r.sayBut(list, "says-past", false); ok {
			return r.told(stageIntention, e)
		}
	}
	r.field("stage: tag", tags, "tag")
	return stageAward
}

// stageOfCorrection labels a corrigendum by what it says.
func (r *reading) stageOfCorrection() string {
	if s := r.awardWords(true); s != "" {
		return s
	}
	if e, ok := r.sayIn("says-framework", true); ok {
		return r.told(stageConfirmation, e)
	}
	if e, ok := r.confirmed(false); ok && !r.says("says-not-yet") {
		r.note("stage: corrects an award", e)
		return stageConfirmation
	}
	switch section := r.corrected(); {
	case section == "VII":
		r.field("stage: corrects the section on changes to the contract", "VII", "tender.amendments")
		return stageModification
	case section == "V" || r.titleSaysAward():
		r.field("stage: corrects an award", r.n.Title, "tender.title")
		return stageConfirmation
	}
	r.field("stage: tag", "tenderUpdate", "tag")
	return stageTenderUpdate
}

// corrected is the section of the form that a corrigendum changes, where that
// section is one that only some forms have: V of the award, VII of the changes
// to a contract.
func (r *reading) corrected() string {
	found := ""
	for _, a := range r.n.Amendments {
		section, _, _ := strings.Cut(strings.ReplaceAll(a.Where, "V11", "VII"), " ")
		section, _, _ = strings.Cut(section, ".")
		switch section {
		case "VII":
			return "VII"
		case "V":
			found = "V"
		}
	}
	return found
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
	tags := strings.Join(n.Tags, ", ")
	gone := func(status string) bool { return status == "cancelled" || status == "withdrawn" }
	switch {
	case hasTag(n, "award", "awardUpdate", "contract", "contractUpdate"):
		return r.stageOfAward(tags)
	case hasTag(n, "tenderCancellation") || gone(n.TenderStatus) || gone(n.PlanningStatus):
		r.field("stage: status", first(n.TenderStatus, n.PlanningStatus, tags), "tender.status")
		return stageCancelled
	case hasTag(n, "tender", "tenderAmendment", "tenderUpdate"):
		if e, ok := r.say("says-abandoned"); ok {
			return r.told(stageCancelled, e)
		}
		if e, ok := r.say("says-awarded"); ok {
			r.note("stage: the text says awarded", e)
			return stageAward
		}
		if e, ok := r.say("says-engagement"); ok && !r.says("says-open-call") {
			r.note("stage: the text says engagement", e)
			return stageEngagement
		}
		r.field("stage: tag", tags, "tag")
		if hasTag(n, "tender") {
			return stageTender
		}
		return stageTenderUpdate
	case hasTag(n, "planning", "planningUpdate"):
		r.field("stage: tag and status", strings.Trim(tags+", "+n.TenderStatus, ", "), "tender.status")
		if n.TenderStatus == "planned" || n.TenderStatus != "planning" && slices.Contains(n.DocumentTypes, "plannedProcurementNotice") {
			return stagePipeline
		}
		return stageEngagement
	}
	return r.unclear("the tags say nothing that has a stage: " + tags)
}

func all(list []string, allowed ...string) bool {
	for _, s := range list {
		if !slices.Contains(allowed, s) {
			return false
		}
	}
	return true
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
