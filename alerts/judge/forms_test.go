package judge

import (
	"strings"
	"testing"

	"ccgwatch/store"
)

// Each form as Find a Tender and Contracts Finder deliver it, with text of ours
// in the manner of the real ones: the stage and the law it is made under.
func TestForms(t *testing.T) {
	j := shippedJudge(t)
	old := func(tags string, edit func(*store.Notice)) *store.Notice {
		n := &store.Notice{
			OCID: "ocds-test-1", Release: "000001-2026", Feed: "find-a-tender", LegalBasis: "CELEX/32014L0024", Date: day(t, "2026-08-10"),
			Tags: strings.Fields(tags), Title: "Grounds maintenance", Description: "Mowing and planting at four parks.", CPV: []string{"77310000"},
			Buyers: []store.Party{{Name: "Exampleshire County Council", Region: "UKF2"}},
		}
		if strings.Contains(tags, "award") {
			n.AwardStatus, n.ContractStatus, n.Signed = []string{"active"}, []string{"active"}, "2026-08-03"
			n.Suppliers = []store.Party{{Name: "Example Gardens Ltd"}}
		}
		if edit != nil {
			edit(n)
		}
		return n
	}
	says := func(text string) func(*store.Notice) { return func(n *store.Notice) { n.Description = text } }
	amends := func(where, text string) func(*store.Notice) {
		return func(n *store.Notice) { n.Amendments = []store.Amendment{{Where: where, Old: "1", New: text}} }
	}
	psr := func(text string) func(*store.Notice) {
		return func(n *store.Notice) {
			n.Title, n.CPV, n.Description = "Community podiatry service", []string{"85100000"}, text
			n.Buyers = []store.Party{{Name: "NHS Exampleshire Integrated Care Board", Region: "UKF2"}}
		}
	}
	act := func(kind, tags string, edit func(*store.Notice)) *store.Notice {
		n := old(tags, edit)
		n.LegalBasis, n.NoticeType = "UKPGA/2023/54", kind
		return n
	}
	cf := func(tags, status, document string, edit func(*store.Notice)) *store.Notice {
		n := old(tags, edit)
		n.Feed, n.LegalBasis, n.TenderStatus, n.DocumentTypes = "contracts-finder", "", status, []string{document}
		return n
	}
	const law = "the Health Care Services (Provider Selection Regime) Regulations 2023"
	for _, tt := range []struct {
		form          string
		n             *store.Notice
		stage, regime string
	}{
		{"F01 prior information", old("planning", nil), "engagement", "pcr2015"},
		{"F01 that asks for views", old("planning", says("This is a market sounding; replies will shape the specification.")), "engagement", "pcr2015"},
		{"F01 of a call to come", old("planning", says("The contract notice will be published in the autumn.")), "planned", "pcr2015"},
		{"F01 as a call for competition", old("planning tender", nil), "tender", "pcr2015"},
		{"F02 contract notice", old("tender", nil), "tender", "pcr2015"},
		{"F03 contract award", old("award contract", nil), "award", "pcr2015"},
		{"F03 without an award", old("award contract", func(n *store.Notice) { n.Suppliers, n.AwardStatus = nil, []string{"unsuccessful"} }), "cancelled", "pcr2015"},
		{"F05 utilities", old("tender", func(n *store.Notice) { n.LegalBasis = "CELEX/32014L0025" }), "tender", "pcr2015"},
		{"F06 utilities award", old("award contract", func(n *store.Notice) { n.LegalBasis = "CELEX/32014L0025" }), "award", "pcr2015"},
		{"F13 results of a design contest", old("award contract", nil), "award", "pcr2015"},
		{"F14 of a call: a later date", old("tenderUpdate", amends("IV.2.2", "The closing date is 4 September 2026.")), "tender_update", "pcr2015"},
		{"F14 that abandons", old("tenderUpdate", amends("VI.3", "The procurement has been abandoned.")), "cancelled", "pcr2015"},
		{"F14 of an award: its value", old("tenderUpdate", amends("V Information on value of the contract/lot", "Total value: 12 GBP")), "confirmation", "pcr2015"},
		{"F14 of a changed contract", old("tenderUpdate", amends("VII.1.4", "Two more parks.")), "modification", "pcr2015"},
		{"F15 voluntary transparency", old("award contract", says("This is a voluntary ex ante transparency notice: the council will sign in ten days.")), "intention", "pcr2015"},
		{"F03 that recalls one", old("award contract", says("A VEAT notice was published on 3 July 2026.")), "award", "pcr2015"},
		{"F20 modification", old("awardUpdate contractUpdate", nil), "modification", "pcr2015"},
		{"F21 social services, a call", old("tender", func(n *store.Notice) { n.CPV = []string{"85311000"} }), "tender", "pcr2015"},
		{"F24 concession", old("tender", func(n *store.Notice) { n.LegalBasis = "CELEX/32014L0023" }), "tender", "pcr2015"},
		{"F25 concession award", old("award contract", func(n *store.Notice) { n.LegalBasis = "CELEX/32014L0023" }), "award", "pcr2015"},
		{"an end of a contract", old("contractTermination", nil), "termination", "pcr2015"},
		{"tags that nobody knows", old("planningCancellation2", nil), "other", "pcr2015"},

		{"PSR intended approach", old("planning", psr("This is a Provider Selection Regime (PSR) intended approach notice.")), "planned", "psr"},
		{"PSR intended approach, as a call", old("planning tender", psr("PSR intended approach notice under "+law+".")), "planned", "psr"},
		{"PSR market engagement", old("planning", psr("Soft market testing before a service is bought under "+law+".")), "engagement", "psr"},
		{"PSR competitive", old("tender", psr("This is a Provider Selection Regime (PSR) contract notice.")), "tender", "psr"},
		{"PSR intention in other words", old("award contract", psr("The board intends to make the award under "+law+". Providers may make representations.")), "intention", "psr"},
		{"PSR intention that only names the window", old("award contract", psr("Award under "+law+". The standstill period will end on 21 August 2026.")), "intention", "psr"},
		{"PSR direct award C that says that A and B do not fit", old("award contract", psr("Direct award process C. The board was not required to follow direct award process A or B.")), "other", "psr"},
		{"PSR direct award A", old("award contract", psr("The PSR Direct Award A process was used.")), "confirmation", "psr"},
		{"PSR award that says nothing of itself", old("award contract", psr("Foot care for adults, under "+law+".")), "other", "psr"},
		{"PSR confirmation", old("award contract", psr("This is a PSR confirmation of contract award notice under "+law+". An intention to award notice was published on 3 July.")), "confirmation", "psr"},
		{"PSR confirmation after a quiet standstill", old("award contract", psr("Under "+law+" the standstill period has ended and no representations were received.")), "confirmation", "psr"},
		{"PSR modification", old("awardUpdate contractUpdate", psr("This is a PSR contract modification notice under "+law+".")), "modification", "psr"},
		{"PSR abandonment", old("award contract", func(n *store.Notice) {
			psr("Notice of abandonment under " + law + ".")(n)
			n.Suppliers, n.AwardStatus = nil, []string{"unsuccessful"}
		}), "cancelled", "psr"},
		{"PSR urgent award", old("award contract", psr("This is an urgent award notice under "+law+".")), "confirmation", "psr"},
		{"PSR on a preliminary market engagement notice", act("UK2", "planning", psr("Views wanted before an award under "+law+".")), "engagement", "psr"},
		{"PSR on a contract award notice that says no more", act("UK6", "award contract", psr("Meets all requirements of Direct Award C.")), "award", "psr"},
		{"PSR on a contract details notice that says no more", act("UK7", "award contract", psr("Awarded under "+law+".")), "contract", "psr"},
		{"PSR by its letters, from a health body", old("tender", psr("Bids under PSR are invited.")), "tender", "psr"},
		{"letters that mean something else", old("tender", says("The PSR (payment systems regulator) buys mowing.")), "tender", "pcr2015"},
		{"PSR Wales", old("award contract", func(n *store.Notice) {
			psr("This is a Provider Selection Regime Wales (PSR Wales) intention to award notice.")(n)
			n.Buyers = []store.Party{{Name: "Example University Health Board", Region: "UKL1"}}
		}), "intention", "psr_wales"},
		{"PSR in Wales, by the mark of Sell2Wales", old("award contract", func(n *store.Notice) {
			psr("An award is intended under the Provider Selection Regime. (WA Ref:123456) Providers may make representations.")(n)
			n.Buyers = []store.Party{{Name: "Example Board"}}
		}), "intention", "psr_wales"},

		{"UK1 pipeline", act("UK1", "planning", nil), "pipeline", "pa2023"},
		{"UK2 preliminary market engagement", act("UK2", "planning", nil), "engagement", "pa2023"},
		{"UK3 planned procurement", act("UK3", "planningUpdate", nil), "planned", "pa2023"},
		{"UK4 tender", act("UK4", "tender", nil), "tender", "pa2023"},
		{"UK4 tender, changed", act("UK4", "tenderUpdate", nil), "tender_update", "pa2023"},
		{"UK5 transparency", act("UK5", "award contract", nil), "intention", "pa2023"},
		{"UK6 contract award", act("UK6", "award contract", nil), "award", "pa2023"},
		{"UK7 contract details", act("UK7", "award contract", nil), "contract", "pa2023"},
		{"UK7 changed", act("UK7", "awardUpdate contractUpdate", nil), "contract", "pa2023"},
		{"UK8, which is no notice", act("UK8", "award contract", nil), "other", "pa2023"},
		{"UK9 performance", act("UK9", "implementation", nil), "performance", "pa2023"},
		{"UK10 contract change", act("UK10", "contractAmendment", nil), "modification", "pa2023"},
		{"UK11 contract termination", act("UK11", "contractTermination", nil), "termination", "pa2023"},
		{"UK12 procurement termination", act("UK12", "tenderCancellation", nil), "cancelled", "pa2023"},
		{"UK13 dynamic market intention", act("UK13", "tender", nil), "tender", "pa2023"},
		{"UK14 dynamic market establishment", act("UK14", "award contract", nil), "other", "pa2023"},
		{"UK15 dynamic market modification", act("UK15", "award contract", nil), "modification", "pa2023"},
		{"UK16 dynamic market cessation", act("UK16", "award contract", nil), "termination", "pa2023"},
		{"UK17 payments compliance", act("UK17", "implementation", nil), "other", "pa2023"},
		{"a type printed with its name", act("UK4: Tender notice", "tender", nil), "tender", "pa2023"},
		{"the Act without a type: by the document", act("", "award contract", func(n *store.Notice) { n.DocumentTypes = []string{"contractNotice"} }), "contract", "pa2023"},
		{"the Act without a type: an award that may be intended", act("", "award contract", func(n *store.Notice) { n.DocumentTypes = []string{"awardNotice"} }), "other", "pa2023"},
		{"a Welsh buyer under the Act", act("UK4", "tender", func(n *store.Notice) { n.Buyers[0].Region = "UKL22" }), "tender", "pa2023"},
		{"a Northern Irish buyer under the Act", act("UK7", "award contract", func(n *store.Notice) { n.Buyers[0].Region = "UKN06" }), "contract", "pa2023"},
		{"an old form that names the Act", old("award contract", says("Bought in accordance with the Procurement Act 2023.")), "award", "pa2023"},
		{"a Scottish buyer", old("award contract", func(n *store.Notice) { n.Buyers[0].Region = "UKM50" }), "award", "scotland_ni_other"},
		{"a Scottish buyer without a region", old("tender", func(n *store.Notice) { n.Buyers = []store.Party{{Name: "Dundee and Angus College"}} }), "tender", "scotland_ni_other"},
		{"a Scottish buyer by the mark of Public Contracts Scotland", old("tender", says("Mowing. (SC Ref:123456)")), "tender", "scotland_ni_other"},
		{"a Northern Irish buyer on the old form", old("tender", func(n *store.Notice) { n.Buyers[0].Region = "UKN06" }), "tender", "scotland_ni_other"},

		{"CF early engagement", cf("planning", "planning", "marketEngagementNotice", nil), "engagement", "pcr2015"},
		{"CF future opportunity", cf("planning", "planned", "plannedProcurementNotice", nil), "pipeline", "pcr2015"},
		{"CF future opportunity, withdrawn", cf("planning", "cancelled", "plannedProcurementNotice", nil), "cancelled", "pcr2015"},
		{"CF opportunity", cf("tender", "active", "tenderNotice", nil), "tender", "pcr2015"},
		{"CF opportunity, amended", cf("tenderAmendment", "active", "tenderNotice", nil), "tender_update", "pcr2015"},
		{"CF opportunity that only sounds the market", cf("tender", "active", "tenderNotice", says("Soft market testing: no contract will follow from this.")), "engagement", "pcr2015"},
		{"CF opportunity, amended to say that it is awarded", cf("tenderAmendment", "active", "tenderNotice", says("This contract is now awarded to Example Gardens Ltd.")), "award", "pcr2015"},
		{"CF award", cf("award", "complete", "awardNotice", nil), "award", "pcr2015"},
		{"CF award, corrected", cf("awardUpdate", "complete", "awardNotice", nil), "award", "pcr2015"},
		{"CF award that came to nothing", cf("award", "complete", "awardNotice", func(n *store.Notice) { n.Suppliers, n.AwardStatus = nil, []string{"cancelled"} }), "cancelled", "pcr2015"},
		{"CF withdrawn", cf("tender", "withdrawn", "tenderNotice", nil), "cancelled", "pcr2015"},
		{"CF without a tag", cf("", "", "", nil), "other", "pcr2015"},
	} {
		t.Run(tt.form, func(t *testing.T) {
			v := j.Notice(tt.n)
			if v.Stage != tt.stage || v.Regime != tt.regime {
				t.Errorf("judged %s under %s, want %s under %s\n%+v", v.Stage, v.Regime, tt.stage, tt.regime, v.Evidence)
			}
			var shown Evidence
			for _, e := range v.Evidence {
				if strings.HasPrefix(e.Rule, "stage: unclear") {
					shown = e
				}
			}
			if unclear := v.Stage == stageOther; unclear != (shown.Quote != "") {
				t.Errorf("stage %s, but unclear is said of %q", v.Stage, shown.Quote)
			}
			for _, e := range v.Evidence {
				if e.Quote == "" || e.Where == "" {
					t.Errorf("evidence that shows nothing: %+v", e)
				}
			}
		})
	}
}

// Whatever the form, its status and its signature date say: while nothing but
// an intention is in the text, nobody is told of an award.
func TestNothingIsAwardedDuringAStandstill(t *testing.T) {
	j := shippedJudge(t)
	for _, tags := range [][]string{{"award", "contract"}, {"awardUpdate", "contractUpdate"}, {"tenderUpdate"}, {"award"}, {"contract"}} {
		for _, kind := range []string{"", "UK5", "UK6", "UK7"} {
			for _, words := range []string{
				"The board intends to award the contract under the Provider Selection Regime.",
				"PSR: this contract has not yet been formally awarded.",
				"Provider Selection Regime. The contract has not been awarded. It was last awarded under direct award process A.",
				"This notice serves as an intention to award a contract under the PSR; the last one has been awarded following a tender.",
				"Notice of intended award under the Provider Selection Regime; representations by providers must be made by 21 August.",
				"Provider Selection Regime: the decision maker is in support of this intent to award.",
			} {
				n := intention(t, "2026-08-10", "")
				n.Tags, n.Description = tags, words
				if n.NoticeType = kind; kind != "" {
					n.LegalBasis = "UKPGA/2023/54"
				}
				v := j.Notice(n)
				if v.Stage == stageAward || v.Stage == stageContract || v.Stage == stageConfirmation {
					t.Errorf("%v %s %q: judged %s", tags, kind, words, v.Stage)
				}
			}
		}
	}
}
