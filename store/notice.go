package store

import "time"

// A Notice is one procurement notice in OCDS terms, normalised: what the
// platforms for Find a Tender and Contracts Finder fill and the judge reads.
// Text is plain (tags and entities gone, each once). What a release does not
// say is empty, never a guess.
type Notice struct {
	OCID        string    `json:"ocid"`
	Release     string    `json:"release"` // release id: the notice number on Find a Tender
	Date        time.Time `json:"date"`
	Tags        []string  `json:"tags"`                  // release tags: planning, tender, award, contract, tenderUpdate, ...
	NoticeType  string    `json:"notice_type,omitempty"` // UK1 to UK17, "" on the old forms
	LegalBasis  string    `json:"legal_basis,omitempty"` // scheme/id, e.g. "UKPGA/2023/54", "CELEX/32014L0024"
	Feed        string    `json:"feed"`                  // find-a-tender or contracts-finder
	Title       string    `json:"title"`
	Description string    `json:"description"` // of the release and the tender
	Texts       []Text    `json:"texts,omitempty"`
	Buyers      []Party   `json:"buyers,omitempty"`
	Suppliers   []Party   `json:"suppliers,omitempty"` // of awards, by name once
	CPV         []string  `json:"cpv,omitempty"`
	Category    string    `json:"category,omitempty"` // mainProcurementCategory
	Places      []Place   `json:"places,omitempty"`

	Method        string `json:"method,omitempty"` // procurementMethod
	MethodDetails string `json:"method_details,omitempty"`
	Rationale     string `json:"rationale,omitempty"` // procurementMethodRationale
	SpecialRegime string `json:"special_regime,omitempty"`

	PlanningStatus string   `json:"planning_status,omitempty"`
	TenderStatus   string   `json:"tender_status,omitempty"`
	AwardStatus    []string `json:"award_status,omitempty"`
	ContractStatus []string `json:"contract_status,omitempty"`
	DocumentTypes  []string `json:"document_types,omitempty"` // of planning, tender, awards, contracts

	// Dates as printed: RFC 3339, or a bare date where the release has one.
	TenderEnd     string `json:"tender_end,omitempty"`     // tender.tenderPeriod.endDate
	InterestEnd   string `json:"interest_end,omitempty"`   // tender.expressionOfInterestDeadline
	EnquiryEnd    string `json:"enquiry_end,omitempty"`    // tender.enquiryPeriod.endDate, never a deadline to tender
	EngagementEnd string `json:"engagement_end,omitempty"` // planning milestone of type engagement
	FutureNotice  string `json:"future_notice,omitempty"`  // communication.futureNoticeDate
	StandstillEnd string `json:"standstill_end,omitempty"` // awards[].standstillPeriod.endDate
	Signed        string `json:"signed,omitempty"`         // contracts[].dateSigned; filled on intention notices too
	ContractStart string `json:"contract_start,omitempty"`
	ContractEnd   string `json:"contract_end,omitempty"`

	Value    string `json:"value,omitempty"` // decimal digits; "" when absent or unreadable
	ValueMax string `json:"value_max,omitempty"`
	Currency string `json:"currency,omitempty"`

	Amendments []Amendment `json:"amendments,omitempty"`
	Related    []string    `json:"related,omitempty"` // ocids of related processes
	// Reference is the buyer's own number for the procurement (tender.id), "" where
	// the release only repeats an id of the platform's. A platform may touch it
	// without anybody having edited anything, so by itself it is no change.
	Reference string `json:"reference,omitempty"`
	// Bids is how many bids the release says there were: "3", or "1 to 4" where
	// its lots differ. Like Reference it is no change by itself.
	Bids  string   `json:"bids,omitempty"`
	Flags []string `json:"flags,omitempty"` // what could not be read, in words
}

// A Text is a further text of a notice with the place it stands in.
type Text struct {
	Where string `json:"where"` // "release.description", "tender.lots[1].description"
	Text  string `json:"text"`
}

// A Party is a buyer or supplier as printed.
type Party struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name"`
	Scheme string `json:"scheme,omitempty"` // GB-PPON, GB-COH, GB-NHS, ...
	Number string `json:"number,omitempty"`
	// Postcode and Region are of the party's own address.
	Postcode string `json:"postcode,omitempty"`
	Region   string `json:"region,omitempty"`
	Scale    string `json:"scale,omitempty"`
	VCSE     bool   `json:"vcse,omitempty"`
}

// A Place is where a notice says the work is done.
type Place struct {
	Region   string `json:"region,omitempty"` // ITL/NUTS code, or a name on Contracts Finder
	Postcode string `json:"postcode,omitempty"`
	Country  string `json:"country,omitempty"`
	Text     string `json:"text,omitempty"`
}

// An Amendment is what a corrigendum changes.
type Amendment struct {
	Description string `json:"description,omitempty"`
	Where       string `json:"where,omitempty"` // section and label
	Old         string `json:"old,omitempty"`
	New         string `json:"new,omitempty"`
}

// Updates tells, by its tags, whether a release changes an earlier notice of
// its process rather than being a new one.
func (n *Notice) Updates() bool {
	for _, t := range n.Tags {
		for _, end := range []string{"Update", "Amendment", "Cancellation", "Termination"} {
			if len(t) > len(end) && t[len(t)-len(end):] == end {
				return true
			}
		}
	}
	return false
}
