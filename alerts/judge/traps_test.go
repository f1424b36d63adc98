package judge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Pages that look like news and are none, and beside each the news that looks
// like them. The label says where the trap is known from: the vocabulary's false
// friends, or the layouts of packs.
func TestTrapsOfPages(t *testing.T) {
	j := shippedJudge(t)
	const news = "The Board is asked to approve the outsourcing of the dermatology service to a private provider."
	for _, tt := range []struct {
		label, name string
		pages       []string
		want        []string // the quotes, nil for none
	}{
		{"layout", "a contents page with leaders", []string{"Contents\n\nOutsourcing of the dermatology service ............ 14\nProcurement of community nursing ............ 22\n"}, nil},
		{"layout", "a contents page with figures at the end", []string{"Table of contents\n\n1 Outsourcing of the dermatology service 14\n2 Procurement of community nursing 22\n3 Award of the contract for audiology 31\n"}, nil},
		{"layout", "after the contents the news", []string{"Contents\n\nFinance ............ 3\n", news}, []string{news}},
		{"layout", "a glossary", []string{"Glossary\n\nOutsourcing\nHaving a private provider deliver a clinical service under a contract.\nInsourcing\nA private provider works in the hospital at weekends.\n"}, nil},
		{"layout", "abbreviations", []string{"List of abbreviations\n\nPSR Provider Selection Regime\nAQP Any Qualified Provider\nTUPE Transfer of Undertakings (Protection of Employment) Regulations\n"}, nil},
		{"layout", "an entry without its heading, over the page", []string{"x", "AQP Any Qualified Provider\nPSR Provider Selection Regime\n"}, nil},
		{"layout", "a register of interests", []string{"Register of interests\n\nDr A Example\nDirector of a private provider of dermatology, which holds an outsourcing contract with the trust\nShareholder of Example Care Ltd, which tenders for community services\n"}, nil},
		{"layout", "the register runs over the page, under its running head", []string{
			"Register of Interests 2026\n\nDr A Example\nDirector of Example Care Ltd\n\nPage 1",
			"Register of Interests 2026\n\nMs B Example\nShareholder of a private provider to which the service was outsourced\n\nPage 2",
			"Register of Interests 2026\n\nMr C Example\nHis company was awarded a contract for community nursing\n\nPage 3",
		}, nil},
		{"layout", "gifts", []string{"Gifts and hospitality\n\nA lunch was given by a private provider that tenders for the dermatology service.\n"}, nil},
		{"layout", "standing financial instructions", []string{"Standing financial instructions\n\nTenders for clinical services shall be invited from at least three providers. A contract is awarded by the chief executive.\n"}, nil},
		{"layout", "a scheme of delegation", []string{"Scheme of delegation\n\nAward of contracts for health care services up to £1m: the executive committee\n"}, nil},
		{"layout", "terms of reference", []string{"Terms of reference\n\nThe committee oversees the procurement of clinical services from independent providers.\n"}, nil},
		{"exclusion of the press and public", "the resolution every agenda has", []string{"To resolve that the public be excluded because of the confidential nature of the business to be transacted."}, nil},
		{"exclusion of the press and public", "no exempt items", []string{"EXEMPT ITEMS\n\nNo exempt items have been identified on this agenda.\n"}, nil},
		{"confidential session", "a part of a report", []string{"Part 2 of this report sets out the performance of the wards in July."}, nil},
		{"confidential session", "confidential waste", []string{"The contractor for confidential waste collects on Mondays."}, nil},
		{"section 75 agreement", "alone", []string{"The section 75 agreement for the Better Care Fund was extended for a year by both parties."}, nil},
		{"Monitor", "the verb", []string{"The committee will monitor waiting times in dermatology each month."}, nil},
		{"NHS LIFT", "an elevator", []string{"The lift at the health centre was repaired by the contractor."}, nil},
		{"tender", "a clinical letter", []string{"On examination the abdomen was tender and the patient was given a dialysis appointment."}, nil},
		{"contract award", "staff awards", []string{"The community nursing team won the national award for best service."}, nil},
		{"invitation to tender", "a trial", []string{"The ITT population included all patients of the dermatology clinic."}, nil},
		{"prior information notice", "a door code", []string{"Staff must change the PIN of the drug cupboard in the hospice."}, nil},
		{"urgent award", "urgent care", []string{"Urgent care and urgent referrals were discussed with the clinical leads."}, nil},
		{"decommissioning", "equipment", []string{"Decommissioning of the old imaging servers is complete."}, nil},
		{"call-in request", "a cabinet decision", []string{"The call-in of the decision on parking charges was heard."}, nil},
		{"mobilisation", "patients", []string{"Early mobilisation after surgery shortens the stay in hospital."}, nil},
		{"competitive process", "recruitment", []string{"The post of medical director was filled by a competitive recruitment process."}, nil},
		{"independent sector", "a reviewer", []string{"An independent chair and an independent reviewer were appointed to the hospital inquiry."}, nil},
		{"independent sector", "one patient", []string{"The 62-year-old woman was treated by an independent provider and made a complaint."}, nil},
		{"contract extension", "a building", []string{"The extension of the dialysis unit was opened by the lord mayor."}, nil},
		{"wholly owned subsidiary", "a note to the accounts", []string{"Accounting policies\n\nThe wholly owned subsidiary that runs the estate is consolidated in these accounts.\n"}, nil},
		{"news", "the same word as in the glossary, in a report", []string{"4.2 Planned care\n\n" + news}, []string{news}},
		{"news", "insourcing, which councils use the other way round", []string{"Insourcing of endoscopy by a private provider was extended."}, []string{"Insourcing of endoscopy by a private provider was extended."}},
	} {
		t.Run(tt.label+"/"+tt.name, func(t *testing.T) {
			var got []string
			for _, p := range j.Passages(tt.pages) {
				got = append(got, p.Quote)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
