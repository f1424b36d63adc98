package judge

import (
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// psrText is how an intention is announced, in our words, with the last day
// for representations as printed.
func psrText(printed string) string {
	s := "This is a Provider Selection Regime (PSR) intention to award notice. No contract has so far been awarded."
	if printed != "" {
		s += " Representations by providers are to reach the buyer by " + printed + "."
	}
	return s
}

// An intention as the old form carries it: with a status, a signature date and
// a supplier, as if all were done.
func intention(t testing.TB, published, printed string) *store.Notice {
	t.Helper()
	return &store.Notice{
		OCID: "ocds-test-1", Release: "000001-2026", Date: day(t, published), Feed: "find-a-tender", LegalBasis: "CELEX/32014L0024",
		Tags: []string{"award", "contract"}, AwardStatus: []string{"active"}, ContractStatus: []string{"active"}, Signed: published,
		Title: "Community hearing clinics", Description: psrText(printed), CPV: []string{"85100000"},
		Buyers:    []store.Party{{Name: "NHS Example Integrated Care Board", Region: "UKF2"}},
		Suppliers: []store.Party{{Name: "Example Hearing Limited", Scheme: "GB-COH", Number: "01234567"}},
	}
}

func dayOf(s string) string {
	if len(s) < 10 {
		return s
	}
	return s[:10]
}

// The six worked notices of the record, by their dates alone: what is printed
// and what reg. 12 gives are both shown, and a difference is said.
func TestRepresentations(t *testing.T) {
	j := shippedJudge(t)
	for _, tt := range []struct{ published, printed, stated, computed string }{
		{"2026-08-10", "21 August 2026", "2026-08-21", "2026-08-21"},
		{"2026-08-10", "midnight on Friday 21st August 2026", "2026-08-21", "2026-08-21"},
		{"2026-08-10", "Midnight 20 August 2026", "2026-08-20", "2026-08-21"},
		{"2026-08-11", "24 August 2026", "2026-08-24", "2026-08-24"},
		{"2026-08-11", "21 August 2026", "2026-08-21", "2026-08-24"},
		{"2026-08-11", "21/08/2026", "2026-08-21", "2026-08-24"},
		{"2026-08-11", "", "", "2026-08-24"},
	} {
		v := j.Notice(intention(t, tt.published, tt.printed))
		if v.Stage != stageIntention || v.Regime != regimePSR || v.Care != careHealth || v.Outsourcing != "certain" {
			t.Errorf("%+v: judged %s %s %s %s", tt, v.Stage, v.Regime, v.Care, v.Outsourcing)
		}
		d := v.Deadline
		if d == nil || dayOf(d.Stated) != tt.stated || dayOf(d.Computed) != tt.computed || d.Kind != "representations" {
			t.Fatalf("%+v: deadline %+v", tt, d)
		}
		if !strings.HasPrefix(d.Who, "only providers may make representations") {
			t.Errorf("who: %q", d.Who)
		}
		if d.Stated != "" && !strings.Contains(d.Quote, tt.printed) {
			t.Errorf("the quote %q does not show %q", d.Quote, tt.printed)
		}
		differs := false
		for _, e := range v.Evidence {
			differs = differs || e.Rule == "deadline: the notice and the rule differ"
		}
		if want := tt.stated != "" && tt.stated != tt.computed; differs != want {
			t.Errorf("%+v: difference said: %v", tt, differs)
		}
	}
}

// The same dates in the recorded notices.
func TestRepresentationsRecorded(t *testing.T) {
	j := shippedJudge(t)
	notices := recorded(t, "find-a-tender", []string{"fts/2026-08-10/page-*.json", "fts/2026-08-11/page-*.json"})
	want := map[string][2]string{
		"075532-2026": {"2026-08-21", "2026-08-21"}, "075852-2026": {"2026-08-21", "2026-08-21"}, "075510-2026": {"2026-08-20", "2026-08-21"},
		"075979-2026": {"2026-08-24", "2026-08-24"}, "075985-2026": {"2026-08-21", "2026-08-24"}, "075996-2026": {"2026-08-21", "2026-08-24"},
	}
	seen := 0
	for _, n := range notices {
		w, ok := want[n.Release]
		if !ok {
			continue
		}
		seen++
		v := j.Notice(n)
		if v.Stage != stageIntention || v.Deadline == nil || dayOf(v.Deadline.Stated) != w[0] || dayOf(v.Deadline.Computed) != w[1] {
			t.Errorf("%s: %s, %+v, want %v", n.Release, v.Stage, v.Deadline, w)
		}
	}
	if seen != len(want) {
		t.Errorf("found %d of %d notices", seen, len(want))
	}
}

// What a notice says decides, whatever its form says.
func TestNoticeStages(t *testing.T) {
	j := shippedJudge(t)
	tests := []struct {
		name                  string
		edit                  func(*store.Notice)
		stage, regime, stated string
	}{
		{"an intention is never an award", func(n *store.Notice) { n.TenderStatus = "complete" }, "intention", "psr", "2026-08-21"},
		{"the same words on an Act form", func(n *store.Notice) { n.NoticeType, n.LegalBasis = "UK6", "UKPGA/2023/54" }, "intention", "psr", "2026-08-21"},
		{"the same words on a contract details notice", func(n *store.Notice) { n.NoticeType, n.LegalBasis = "UK7", "UKPGA/2023/54" }, "intention", "psr", "2026-08-21"},
		{"an intention that speaks of other routes and of the past", func(n *store.Notice) {
			n.Description += " The buyer is not required to follow direct award process A or B. The last contract has been awarded under older rules."
		}, "intention", "psr", "2026-08-21"},
		{"words in a lot only", func(n *store.Notice) {
			n.Texts = []store.Text{{Where: "tender.lots[0].description", Text: n.Description}}
			n.Description = "Clinics for adults."
		}, "intention", "psr", "2026-08-21"},
		{"words in the rationale only", func(n *store.Notice) { n.Rationale, n.Description = n.Description, "Clinics for adults." }, "intention", "psr", "2026-08-21"},
		{"a confirmation", func(n *store.Notice) {
			n.Description = "This is a Provider Selection Regime (PSR) confirmation of contract award notice. The contract has now been formally awarded."
		}, "confirmation", "psr", ""},
		{"a confirmation that comes as a correction of the intention", func(n *store.Notice) {
			n.Tags, n.Suppliers = []string{"tenderUpdate"}, nil
			n.Description = "Clinics for adults."
			n.Amendments = []store.Amendment{{New: "Confirmation notice under the Provider Selection Regime: the contract has been formally awarded on 1 September 2026."}}
		}, "confirmation", "psr", ""},
		{"the old text of a correction says nothing", func(n *store.Notice) {
			n.Tags, n.Suppliers = []string{"tenderUpdate"}, nil
			n.Description = "Clinics for adults under the Provider Selection Regime."
			n.Amendments = []store.Amendment{{Old: "The contract has been formally awarded.", New: "The place is Example Town."}}
		}, "tender_update", "psr", ""},
		{"a modification of a contract that was awarded directly", func(n *store.Notice) {
			n.Tags = []string{"awardUpdate", "contractUpdate"}
			n.Description = "This is a Provider Selection Regime contract modification notice. The contract was first awarded under Direct Award Process A."
		}, "modification", "psr", ""},
		{"an intended approach", func(n *store.Notice) {
			n.Tags, n.Suppliers = []string{"planning"}, nil
			n.Description = "This is a Provider Selection Regime (PSR) intended approach notice: the most suitable provider process will be followed."
		}, "planned", "psr", ""},
		{"a competitive call", func(n *store.Notice) {
			n.Tags, n.Suppliers, n.TenderEnd = []string{"tender"}, nil, "2026-09-10"
			n.Description = "This is a Provider Selection Regime (PSR) contract notice."
		}, "tender", "psr", "2026-09-10"},
		{"the regime that does not apply is not the regime", func(n *store.Notice) {
			n.Tags, n.Suppliers, n.CPV, n.TenderEnd = []string{"tender"}, nil, []string{"50420000"}, "2026-09-10"
			n.Title, n.Description = "Maintenance of hoists", "The Provider Selection Regime does not apply to this procurement."
		}, "tender", "pcr2015", "2026-09-10"},
		{"Wales", func(n *store.Notice) {
			n.Buyers = []store.Party{{Name: "Example University Health Board", Region: "UKL1"}}
			n.Description = strings.Replace(psrText("20 August 2026"), "Regime (PSR)", "Regime Wales (PSR Wales)", 1)
		}, "intention", "psr_wales", "2026-08-20"},
		{"an award without a supplier", func(n *store.Notice) {
			n.Description, n.Suppliers, n.AwardStatus = "Clinics for adults. PSR process.", nil, []string{"unsuccessful"}
		}, "cancelled", "psr", ""},
		{"a regime that is only inferred confirms nothing", func(n *store.Notice) { n.Description = "Clinics for adults." }, "award", "psr", ""},
		{"unclear is said", func(n *store.Notice) { n.NoticeType, n.LegalBasis, n.Description = "UK8", "UKPGA/2023/54", "Clinics" }, "other", "pa2023", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := intention(t, "2026-08-10", "21 August 2026")
			tt.edit(n)
			v := j.Notice(n)
			stated := ""
			if v.Deadline != nil {
				stated = dayOf(v.Deadline.Stated)
			}
			if v.Stage != tt.stage || v.Regime != tt.regime || stated != tt.stated {
				t.Errorf("got %s, %s, %q; want %s, %s, %q\n%+v", v.Stage, v.Regime, stated, tt.stage, tt.regime, tt.stated, v.Evidence)
			}
			if len(v.Evidence) == 0 {
				t.Error("nothing shows why")
			}
			if v.Stage == stageOther && !strings.Contains(v.Evidence[0].Rule, "unclear") {
				t.Errorf("unclear is not said: %+v", v.Evidence)
			}
		})
	}
}

// Of several dates the one counts by which somebody may act.
func TestDeadlines(t *testing.T) {
	j := shippedJudge(t)
	base := func(tags ...string) *store.Notice {
		return &store.Notice{
			Feed: "find-a-tender", LegalBasis: "UKPGA/2023/54", Tags: tags, Date: day(t, "2026-08-10"), Title: "Community dermatology clinics",
			Buyers: []store.Party{{Name: "Example NHS Trust"}}, CPV: []string{"85121282"},
			EnquiryEnd: "2026-08-14T17:00:00+01:00", FutureNotice: "2026-08-15",
		}
	}
	tests := []struct {
		name   string
		notice func() *store.Notice
		want   string // stated / computed / kind
	}{
		{"the end of tendering", func() *store.Notice {
			n := base("tender")
			n.NoticeType, n.TenderEnd = "UK4", "2026-09-10T11:00:00Z"
			return n
		}, "2026-09-10T12:00:00+01:00//tender"},
		{"a date without a time is the end of its day", func() *store.Notice {
			n := base("tender")
			n.NoticeType, n.TenderEnd = "UK4", "2026-08-25"
			return n
		}, "2026-08-25T23:59:59+01:00//tender"},
		{"a date that stands for none", func() *store.Notice {
			n := base("tender")
			n.NoticeType, n.TenderEnd, n.InterestEnd = "UK4", "2001-01-01T00:00:00Z", "9999-12-31"
			return n
		}, ""},
		{"a closing date in words", func() *store.Notice {
			n := base("tender")
			n.NoticeType, n.TenderEnd = "UK4", "2039-08-09T23:59:59Z"
			n.Description = "For the first round, applications must be submitted by no later than 1200 hrs on 18th September 2026."
			return n
		}, "2026-09-18T12:00:00+01:00//tender"},
		{"views wanted by a day without a year", func() *store.Notice {
			n := base("planning")
			n.NoticeType = "UK2"
			n.Description = "Please respond to the questions latest by 5pm on the 31st August."
			return n
		}, "2026-08-31T17:00:00+01:00//engagement"},
		{"a standstill of the Act that is stated a day longer", func() *store.Notice {
			n := base("award", "contract")
			n.NoticeType, n.StandstillEnd = "UK6", "2026-08-20T23:59:59+01:00"
			return n
		}, "2026-08-20T23:59:59+01:00/2026-08-19T23:59:59+01:00/standstill"},
		{"a voluntary notice that states a standstill", func() *store.Notice {
			n := base("award", "contract")
			n.LegalBasis, n.Suppliers = "CELEX/32014L0024", []store.Party{{Name: "Example Ltd"}}
			n.Title, n.CPV, n.Description = "Scanner upkeep", nil, "This is a VEAT notice. The standstill period ends on 21 August 2026."
			return n
		}, "2026-08-21T23:59:59+01:00//standstill"},
		{"an interest", func() *store.Notice {
			n := base("tender")
			n.NoticeType, n.InterestEnd = "UK4", "2026-09-01T12:00:00+01:00"
			return n
		}, "2026-09-01T12:00:00+01:00//interest"},
		{"the text beats the field", func() *store.Notice {
			n := base("tenderUpdate")
			n.NoticeType, n.TenderEnd = "UK4", "2026-09-10T12:00:00+01:00"
			n.Description = "The submission deadline has changed; the new deadline is 12 noon on Thursday 17 September 2026."
			return n
		}, "2026-09-17T12:00:00+01:00//tender"},
		{"an engagement", func() *store.Notice {
			n := base("planning")
			n.NoticeType, n.EngagementEnd = "UK2", "2026-09-11T23:59:59+01:00"
			n.Description = "Interested providers should send an expression of interest no later than 17:00 BST on 21 August 2026."
			return n
		}, "2026-08-21T17:00:00+01:00//engagement"},
		{"neither the end of questions nor the next notice", func() *store.Notice {
			n := base("planning")
			n.NoticeType = "UK3"
			return n
		}, ""},
		{"a standstill under the Act", func() *store.Notice {
			n := base("award", "contract")
			n.NoticeType, n.StandstillEnd = "UK6", "2026-08-19T23:59:59+01:00"
			return n
		}, "2026-08-19T23:59:59+01:00/2026-08-19T23:59:59+01:00/standstill"},
		{"an award without a standstill", func() *store.Notice {
			n := base("award", "contract")
			n.NoticeType = "UK6"
			return n
		}, ""},
		{"an amended standstill is not computed again", func() *store.Notice {
			n := base("awardUpdate", "contractUpdate")
			n.NoticeType, n.StandstillEnd = "UK6", "2026-08-19T23:59:59+01:00"
			n.Description = "The standstill period will now end on 24 August 2026."
			return n
		}, "2026-08-24T23:59:59+01:00//standstill"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if d := j.Notice(tt.notice()).Deadline; d != nil {
				got = d.Stated + "/" + d.Computed + "/" + d.Kind
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Scotland and Northern Ireland have rules of their own: nothing is computed.
func TestDevolvedIsNotComputed(t *testing.T) {
	j := shippedJudge(t)
	n := intention(t, "2026-08-10", "")
	n.Buyers = []store.Party{{Name: "NHS Example", Region: "UKM7"}}
	v := j.Notice(n)
	if v.Regime != regimeDevolved || v.Deadline != nil {
		t.Errorf("got %s, %+v", v.Regime, v.Deadline)
	}
}

// Quotes carry nobody's address, and no sentence about one patient.
func TestNoticeQuotesProtectPeople(t *testing.T) {
	j := shippedJudge(t)
	n := intention(t, "2026-08-10", "21 August 2026")
	n.Description = "This is a Provider Selection Regime (PSR) intention to award notice for the care of a named patient. " +
		"Representations go to a.person@example.org or 0116 496 0123 by 21 August 2026."
	v := j.Notice(n)
	all := v.Deadline.Quote
	for _, e := range v.Evidence {
		all += "\n" + e.Quote
	}
	for _, bad := range []string{"a.person@", "496 0123", "named patient"} {
		if strings.Contains(all, bad) {
			t.Errorf("a quote holds %q:\n%s", bad, all)
		}
	}
	if dayOf(v.Deadline.Stated) != "2026-08-21" {
		t.Errorf("deadline %+v", v.Deadline)
	}
}

func TestSupplierClasses(t *testing.T) {
	j := shippedJudge(t)
	tests := []struct {
		party store.Party
		want  string
	}{
		{store.Party{Name: "University Hospitals of Exampleshire NHS Trust"}, "nhs"},
		{store.Party{Name: "Example Partnership NHS Foundation Trust", Scheme: "GB-COH", Number: "1"}, "nhs"},
		{store.Party{Name: "University Hospitals of Leicester (NHS Trust)"}, "nhs"},
		{store.Party{Name: "Example Acute", Scheme: "GB-NHS", Number: "RWE"}, "nhs"},
		{store.Party{Name: "Example Eyecare Limited", Scheme: "GB-NHS", Number: "AAV"}, "company"},
		{store.Party{Name: "Example", Scheme: "GB-NHS", Number: "NXX"}, "unknown"},
		{store.Party{Name: "NHS Confederation"}, "charity_cic"},
		{store.Party{Name: "NHS Shared Business Services Limited"}, "company"},
		{store.Party{Name: "NHS Property Services Limited"}, "public"},
		{store.Party{Name: "NHS Professionals Limited"}, "public"},
		{store.Party{Name: "Priory Hospital Example"}, "company"},
		{store.Party{Name: "Shaw Trust Limited"}, "charity_cic"},
		{store.Party{Name: "Together Trust"}, "charity_cic"},
		{store.Party{Name: "Example Learning Academy Trust"}, "public"},
		{store.Party{Name: "Exampleshire County Council"}, "public"},
		{store.Party{Name: "University of Example"}, "public"},
		{store.Party{Name: "Example Health Care C.I.C."}, "charity_cic"},
		{store.Party{Name: "Example Community Interest Company", Scheme: "GB-COH"}, "charity_cic"},
		{store.Party{Name: "Example Friends", Scheme: "GB-CHC", Number: "1000000"}, "charity_cic"},
		{store.Party{Name: "Example Enterprise", VCSE: true}, "charity_cic"},
		{store.Party{Name: "Exampletown GP Federation"}, "primary_care"},
		{store.Party{Name: "The Example Surgery"}, "primary_care"},
		{store.Party{Name: "Dr A Example"}, "individual"},
		{store.Party{Name: "Dr Example and Partners"}, "company"},
		{store.Party{Name: "MS CARS"}, "company"},
		{store.Party{Name: "Example Care Ltd"}, "company"},
		{store.Party{Name: "Example", ID: "GB-COH-01234567", Number: "01234567"}, "company"},
		{store.Party{Name: "Example", Scale: "large"}, "unknown"},
		{store.Party{Name: "Exemplary"}, "unknown"},
	}
	for _, tt := range tests {
		class, _, evidence := j.classify(tt.party, nil)
		if class != tt.want || evidence == "" {
			t.Errorf("%s: got %s (%s), want %s", tt.party.Name, class, evidence, tt.want)
		}
	}
}

// A service that goes to the NHS itself is not outsourced.
func TestOutsourcingOfNotices(t *testing.T) {
	j := shippedJudge(t)
	for _, tt := range []struct {
		name string
		edit func(*store.Notice)
		want string
	}{
		{"to a company", func(*store.Notice) {}, "certain"},
		{"to an NHS trust", func(n *store.Notice) { n.Suppliers = []store.Party{{Name: "Example NHS Trust"}} }, "none"},
		{"to nobody yet", func(n *store.Notice) { n.Suppliers = nil }, "likely"},
		{"for the buyer's own staff", func(n *store.Notice) {
			n.Title, n.Description, n.LegalBasis = "Occupational health", "For our employees.", "UKPGA/2023/54"
			n.NoticeType = "UK7"
		}, "none"},
		{"software", func(n *store.Notice) {
			n.Title, n.Description, n.LegalBasis, n.CPV = "Rostering software", "A system for rosters.", "UKPGA/2023/54", []string{"48000000"}
			n.NoticeType = "UK7"
		}, "none"},
		{"cleaning of all hospitals", func(n *store.Notice) {
			n.Title, n.Description, n.LegalBasis, n.CPV = "Soft facilities management", "Soft facilities management of all sites.", "UKPGA/2023/54", []string{"90910000"}
			n.NoticeType = "UK4"
		}, "likely"},
	} {
		n := intention(t, "2026-08-10", "")
		tt.edit(n)
		if v := j.Notice(n); v.Outsourcing != tt.want {
			t.Errorf("%s: got %s, want %s (%+v)", tt.name, v.Outsourcing, tt.want, v.Evidence)
		}
	}
}

// Judging is the same however often and from however many goroutines.
func TestJudgeIsConcurrent(t *testing.T) {
	j := shippedJudge(t)
	n := intention(t, "2026-08-10", "21 August 2026")
	want := len(j.Notice(n).Evidence)
	done := make(chan int)
	for range 8 {
		go func() { done <- len(j.Notice(n).Evidence) }()
	}
	for range 8 {
		if got := <-done; got != want {
			t.Errorf("got %d pieces of evidence, want %d", got, want)
		}
	}
}

func FuzzNoticeText(f *testing.F) {
	j := shippedJudge(f)
	f.Add("Hearing clinics", psrText("21 August 2026"), "The contract has been awarded.", "2026-08-21")
	f.Add("", "Representations by 99/99/9999 midnight 31 February", "\x00\xff", "nonsense")
	f.Fuzz(func(t *testing.T, title, text, change, end string) {
		n := &store.Notice{
			Feed: "find-a-tender", Tags: []string{"award"}, Date: time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC), Title: title, Description: text, TenderEnd: end,
			StandstillEnd: end, Amendments: []store.Amendment{{New: change}}, Buyers: []store.Party{{Name: title}}, Suppliers: []store.Party{{Name: change}},
		}
		v := j.Notice(n)
		if v.Stage == "" || v.Regime == "" || v.Care == "" || v.Outsourcing == "" {
			t.Errorf("a verdict without a word: %+v", v)
		}
		if d := v.Deadline; d != nil {
			for _, s := range []string{d.Stated, d.Computed} {
				if _, err := time.Parse(time.RFC3339, s); s != "" && err != nil {
					t.Errorf("%q is no date", s)
				}
			}
		}
	})
}

func BenchmarkNotice(b *testing.B) {
	j := shippedJudge(b)
	n := intention(b, "2026-08-10", "21 August 2026")
	n.Description += strings.Repeat(" The service sees adults in clinics near their homes and reports to the buyer every quarter.", 50)
	b.SetBytes(int64(len(n.Description)))
	b.ReportAllocs()
	for b.Loop() {
		if j.Notice(n).Stage != stageIntention {
			b.Fatal("stage")
		}
	}
}
