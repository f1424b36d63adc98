package judge

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/config/catalogue"
	"ccgwatch/store"
)

// charterJudge is exampleJudge with the shipped charter.
func charterJudge(t testing.TB) *Judge {
	t.Helper()
	j := exampleJudge(t)
	c, err := catalogue.ReadCharter()
	if err != nil {
		t.Fatal(err)
	}
	r := j.rules
	for _, q := range c.Questions {
		r.Charter.Questions = append(r.Charter.Questions, Question(q))
	}
	r.Charter.Conflicts, r.Charter.NoConflicts, r.Charter.Told = c.Conflicts.Any, c.Conflicts.None, c.Conflicts.Declared
	r.Charter.Deciders, r.Charter.NotDeciders, r.Charter.Heads, r.Charter.Before = c.Deciders.Any, c.Deciders.Not, c.Deciders.Heads, c.Deciders.Before
	if j, err = New(r); err != nil {
		t.Fatal(err)
	}
	return j
}

func clock(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse(time.DateOnly, s)
		t = t.Add(9 * time.Hour)
	}
	if err != nil {
		panic(err)
	}
	return t
}

func theICB() []store.Party {
	return []store.Party{{ID: "GB-PPON-AAAA-1111-BBBB", Name: "NHS Example Integrated Care Board", Region: "UKF2"}}
}

// published makes an item of a notice on Find a Tender.
func published(on string, n store.Notice) store.Item {
	n.Date, n.Feed = clock(on), "find-a-tender"
	return store.Item{Source: "find-a-tender", Key: n.OCID + "/" + n.Release, Kind: store.KindNotice, Title: n.Title, Notice: &n,
		URL: "https://www.find-tender.service.gov.uk/Notice/" + n.Release, FirstSeen: n.Date.Add(time.Hour)}
}

// onOldForm is a notice under the Provider Selection Regime, which is published
// on the old forms.
func onOldForm(ocid, release string, tags ...string) store.Notice {
	return store.Notice{OCID: ocid, Release: release, Tags: tags, LegalBasis: "CELEX/32014L0024", Title: "Community audiology service", CPV: []string{"85121240"},
		Description: "Hearing tests and hearing aids for adults in Exampleton.", Buyers: theICB()}
}

func onAct(ocid, release, kind string, tags ...string) store.Notice {
	n := onOldForm(ocid, release, tags...)
	n.LegalBasis, n.NoticeType = "UKPGA/2023/54", kind
	return n
}

const intendsText = "This is a Provider Selection Regime (PSR) intention to award notice. The contract has not yet formally been awarded. Representations by providers must be made by midnight on 21 August 2026."

func intends(ocid, release string, suppliers ...store.Party) store.Notice {
	n := onOldForm(ocid, release, "award", "contract")
	n.Description += " " + intendsText
	n.Suppliers, n.Value, n.Currency, n.Signed = suppliers, "1200000", "GBP", "2026-08-07T00:00:00+01:00"
	return n
}

// sparse is a confirmation as they come: a correction with nothing but its text.
func sparse(ocid, release, text string) store.Notice {
	return store.Notice{OCID: ocid, Release: release, Tags: []string{"tenderUpdate"}, LegalBasis: "CELEX/32014L0024", Title: "Notice " + release,
		Amendments: []store.Amendment{{Where: "VI.3", Old: "Intention", New: text}}}
}

func confirms(ocid, release string) store.Notice {
	return sparse(ocid, release, "This is a confirmation of contract award notice. The contract has now been formally awarded.")
}

func hearWell() store.Party {
	return store.Party{Name: "Hearwell Clinics Limited", Scheme: "GB-COH", Number: "7382763"}
}

func bundle(items []store.Item) Bundle {
	var b Bundle
	for _, it := range inOrder(items) {
		if !slices.Contains(b.OCIDs, it.Notice.OCID) {
			b.OCIDs = append(b.OCIDs, it.Notice.OCID)
		}
	}
	return b
}

func words2(t Thread) []string {
	var out []string
	for _, s := range t.Steps {
		for _, m := range s.Moves {
			out = append(out, s.Release+" "+m.Kind+": "+m.Words)
		}
	}
	return out
}

// The confirmation of an award under the Provider Selection Regime is often a
// correction without buyer, CPV, supplier or value: it moves the procurement on,
// and nothing that was known is lost.
func TestSparseConfirmationKeepsWhatWasKnown(t *testing.T) {
	j := charterJudge(t)
	items := []store.Item{
		published("2026-08-10", intends("ocds-1", "075001-2026", hearWell())),
		published("2026-08-27", confirms("ocds-1", "079001-2026")),
	}
	th := j.Fold(items, bundle(items))
	if th.Stage != stageConfirmation || th.Regime != regimePSR || th.Care != careHealth || th.Outsourcing != string(store.TierCertain) {
		t.Errorf("stage %s, regime %s, care %s, outsourcing %s", th.Stage, th.Regime, th.Care, th.Outsourcing)
	}
	if th.Title != "Community audiology service" || th.Body != "example-icb" || !slices.Contains(th.CPV, "85121240") || len(th.Areas) == 0 {
		t.Errorf("%+v", th)
	}
	if len(th.Suppliers) != 1 || th.Suppliers[0].Name != "Hearwell Clinics Limited" || th.Suppliers[0].Number != "07382763" {
		t.Errorf("suppliers %+v", th.Suppliers)
	}
	if d := cmp.Diff([]Worth{{Of: "award", Value: "1200000", Currency: "GBP", Release: "075001-2026"}}, th.Values); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"079001-2026 stage: Stage: confirmation of an award; the notice of 10 August 2026 said intention to award."}, words2(th)); d != "" {
		t.Error(d)
	}
	if th.Deadline != nil {
		t.Errorf("nothing can be done by %v any more", th.Deadline)
	}
	// It is a finding, though by itself the correction says nothing of health.
	c := change(items[1], store.OpAdded, store.NoticeUpdated)
	alone, err := j.Findings(c, items[1], papers(nil))
	if err != nil || len(alone) != 0 {
		t.Errorf("by itself: %v %v", alone, err)
	}
	fs := j.ThreadFindings(c, &th)
	if len(fs) != 2 || fs[0].Topic != store.TopicAwards || fs[0].Tier != store.TierCertain || fs[0].Thread != "ocds-1" || len(fs[0].Moves) != 1 || fs[0].Body != "example-icb" {
		t.Fatalf("%+v", fs)
	}
	if !strings.Contains(fs[0].Quote, "confirmation of contract award") {
		t.Errorf("it quotes %q", fs[0].Quote)
	}
}

func TestStoryOfStages(t *testing.T) {
	j := charterJudge(t)
	cases := []struct {
		name  string
		items []store.Item
		stage string
		moves []string // kinds, with their notice
	}{
		{"transparency, award and contract within an hour", []store.Item{
			published("2026-08-10T09:00:00+01:00", onAct("o", "000001-2026", "UK5", "award")),
			published("2026-08-10T09:20:00+01:00", onAct("o", "000002-2026", "UK6", "award")),
			published("2026-08-10T09:40:00+01:00", onAct("o", "000003-2026", "UK7", "award", "contract")),
		}, stageContract, []string{"000002-2026 stage", "000003-2026 stage"}},
		{"the award of a second lot does not take the first one's contract back", []store.Item{
			published("2026-08-10", onAct("o", "000001-2026", "UK6", "award")),
			published("2026-08-20", onAct("o", "000002-2026", "UK7", "award", "contract")),
			published("2026-08-25", onAct("o", "000003-2026", "UK6", "award")),
		}, stageContract, []string{"000002-2026 stage"}},
		{"a change to a tender leaves it a tender", []store.Item{
			published("2026-08-10", onAct("o", "000001-2026", "UK4", "tender")),
			published("2026-08-12", onAct("o", "000002-2026", "UK4", "tenderUpdate")),
		}, stageTender, nil},
		{"cancelled and begun again", []store.Item{
			published("2026-08-10", onAct("o", "000001-2026", "UK4", "tender")),
			published("2026-08-12", onAct("o", "000002-2026", "UK12", "tenderCancellation")),
			published("2026-08-14", onAct("o", "000003-2026", "UK4", "tender")),
		}, stageTender, []string{"000002-2026 stage", "000003-2026 stage"}},
		{"a correction of a notice from before our time", []store.Item{
			published("2026-08-10", sparse("o", "000001-2026", "The wording of section II.2.4 was corrected.")),
			published("2026-08-12", confirms("o", "000002-2026")),
		}, stageConfirmation, nil},
		{"a report on a contract leaves it a contract", []store.Item{
			published("2026-08-10", onAct("o", "000001-2026", "UK7", "award", "contract")),
			published("2026-08-12", onAct("o", "000002-2026", "UK9", "implementation")),
		}, stageContract, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			th := j.Fold(c.items, bundle(c.items))
			var got []string
			for _, s := range th.Steps {
				for _, m := range s.Moves {
					got = append(got, s.Release+" "+m.Kind)
				}
			}
			if th.Stage != c.stage || !slices.Equal(got, c.moves) {
				t.Errorf("stage %s, moves %v; want %s, %v", th.Stage, got, c.stage, c.moves)
			}
		})
	}
}

func TestMovedDeadlines(t *testing.T) {
	j := charterJudge(t)
	tender := func(end string) store.Notice {
		n := onAct("o", "000001-2026", "UK4", "tender")
		n.TenderEnd = end
		return n
	}
	update := func(end string) store.Notice {
		n := onAct("o", "000002-2026", "UK4", "tenderUpdate")
		n.TenderEnd = end
		return n
	}
	corrigendum := onOldForm("o", "000002-2026", "tenderUpdate")
	corrigendum.Amendments = []store.Amendment{{Where: "IV.2.2 Time limit for receipt of tenders", Old: "2026-09-04T12:00:00+01:00", New: "2026-09-18T12:00:00+01:00"}}
	enquiry := update("2026-09-04T12:00:00+01:00")
	enquiry.EnquiryEnd = "2026-08-25T12:00:00+01:00"
	cases := []struct {
		name     string
		was, now store.Notice
		want     string // of the move's words, "" for none
	}{
		{"extended", tender("2026-09-04T12:00:00+01:00"), update("2026-09-11T12:00:00+01:00"), "was extended: it is now Friday 11 September 2026, 12:00; it was Friday 4 September 2026, 12:00."},
		{"shortened", tender("2026-09-04T12:00:00+01:00"), update("2026-09-01T12:00:00+01:00"), "was brought forward: it is now Tuesday 1 September 2026, 12:00"},
		{"the same instant in another offset", tender("2026-09-04T12:00:00+01:00"), update("2026-09-04T11:00:00Z"), ""},
		{"a date alone is any time of that day", tender("2026-09-04T12:00:00+01:00"), update("2026-09-04"), ""},
		{"another hour of the day", tender("2026-09-04T12:00:00+01:00"), update("2026-09-04T17:00:00+01:00"), "17:00; it was Friday 4 September 2026, 12:00"},
		{"a sentinel is no date", tender("2026-09-04T12:00:00+01:00"), update("2001-01-01T00:00:00Z"), ""},
		{"an update that does not repeat it", tender("2026-09-04T12:00:00+01:00"), update(""), ""},
		{"the deadline for questions is another one", tender("2026-09-04T12:00:00+01:00"), enquiry, ""},
		{"in the amendment of an old form", func() store.Notice {
			n := onOldForm("o", "000001-2026", "tender")
			n.TenderEnd = "2026-09-04T12:00:00+01:00"
			return n
		}(), corrigendum, "was extended: it is now Friday 18 September 2026, 12:00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			items := []store.Item{published("2026-08-10", c.was), published("2026-08-17", c.now)}
			th := j.Fold(items, bundle(items))
			got := words2(th)
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("moves %q, want %q", got, c.want)
			}
			if d := th.Deadline; d == nil || d.Date().Year() != 2026 {
				t.Errorf("the deadline is %+v", d)
			}
		})
	}
}

// Values are compared like with like and never added: an estimate, an award
// and a contract are three statements, and two lots are two.
func TestValuesAreNeverAdded(t *testing.T) {
	j := charterJudge(t)
	worth := func(n store.Notice, value, maxValue string, suppliers ...store.Party) store.Notice {
		n.Value, n.ValueMax, n.Currency, n.Suppliers = value, maxValue, "GBP", suppliers
		return n
	}
	other := store.Party{Name: "Otology Partners Ltd", Scheme: "GB-COH", Number: "01234567"}
	items := []store.Item{
		published("2026-05-01", worth(onAct("o", "000001-2026", "UK4", "tender"), "5000000", "")),
		published("2026-05-10", worth(onAct("o", "000002-2026", "UK4", "tenderUpdate"), "6000000", "")),
		published("2026-07-01", worth(onAct("o", "000003-2026", "UK6", "award"), "2000000", "", hearWell())),
		published("2026-07-02", worth(onAct("o", "000004-2026", "UK6", "award"), "3000000", "", other)),
		published("2026-07-03", worth(onAct("o", "000005-2026", "UK6", "award"), "0.01", "", other)),
		published("2026-08-01", worth(onAct("o", "000006-2026", "UK7", "award", "contract"), "2400000", "", hearWell())),
		published("2026-08-02", worth(onAct("o", "000007-2026", "UK7", "awardUpdate", "contractUpdate"), "2500000.50", "2600000", hearWell())),
	}
	th := j.Fold(items, bundle(items))
	want := []Worth{
		{Of: "estimate", Value: "6000000", Currency: "GBP", Release: "000002-2026"},
		{Of: "award", Value: "3000000", Currency: "GBP", Release: "000004-2026"},
		{Of: "contract", Value: "2500000.50", Max: "2600000", Currency: "GBP", Release: "000007-2026"},
	}
	if d := cmp.Diff(want, th.Values); d != "" {
		t.Error(d)
	}
	var moves []string
	for _, w := range words2(th) {
		if strings.Contains(w, "value:") {
			moves = append(moves, w)
		}
	}
	if d := cmp.Diff([]string{
		"000002-2026 value: Value: the notice says £6,000,000; the one of 1 May 2026 said £5,000,000.",
		"000007-2026 value: Value: the notice says £2,500,000.50 to £2,600,000; the one of 1 August 2026 said £2,400,000.",
	}, moves); d != "" {
		t.Error(d)
	}
}

func TestSuppliersThatChange(t *testing.T) {
	j := charterJudge(t)
	other := store.Party{Name: "Otology Partners Ltd"}
	with := func(n store.Notice, ps ...store.Party) store.Notice { n.Suppliers = ps; return n }
	spelt := store.Party{Name: "HEARWELL CLINICS LTD.", Scheme: "GB-COH", Number: "Company Number - 07382763"}
	cases := []struct {
		name  string
		items []store.Item
		want  string
	}{
		{"another one in the contract than in the award", []store.Item{
			published("2026-07-01", with(onAct("o", "000001-2026", "UK6", "award"), hearWell())),
			published("2026-08-01", with(onAct("o", "000002-2026", "UK7", "award", "contract"), other)),
		}, "the notice names Otology Partners Ltd, whom no earlier notice of this procurement names; earlier ones name Hearwell Clinics Limited."},
		{"the same under another spelling", []store.Item{
			published("2026-07-01", with(onAct("o", "000001-2026", "UK6", "award"), hearWell())),
			published("2026-08-01", with(onAct("o", "000002-2026", "UK7", "award", "contract"), spelt)),
		}, ""},
		{"another lot", []store.Item{
			published("2026-07-01", with(onAct("o", "000001-2026", "UK6", "award"), hearWell())),
			published("2026-07-02", with(onAct("o", "000002-2026", "UK6", "award"), other)),
			published("2026-08-01", with(onAct("o", "000003-2026", "UK7", "award", "contract"), hearWell())),
			published("2026-08-02", with(onAct("o", "000004-2026", "UK7", "award", "contract"), other)),
		}, ""},
		{"as the change notice says", []store.Item{
			published("2026-07-01", with(onAct("o", "000001-2026", "UK7", "award", "contract"), hearWell())),
			published("2026-08-01", func() store.Notice {
				n := onAct("o", "000002-2026", "UK10", "contractAmendment")
				n.Amendments = []store.Amendment{{Where: "suppliers added", New: "Otology Partners Ltd"}}
				return n
			}()),
		}, "Suppliers added: Otology Partners Ltd."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			th := j.Fold(c.items, bundle(c.items))
			var got []string
			for _, w := range words2(th) {
				if strings.Contains(w, " supplier:") {
					got = append(got, w)
				}
			}
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestPublishedLongAfterSignature(t *testing.T) {
	j := charterJudge(t)
	contract := func(kind, signed, regime string) store.Notice {
		n := onAct("o", "000001-2026", kind, "award", "contract")
		n.Signed, n.SpecialRegime = signed, regime
		return n
	}
	old := onOldForm("o", "000001-2026", "award", "contract")
	old.Signed, old.Description = "2026-03-31T00:00:00+01:00", old.Description+" This is a Provider Selection Regime confirmation of contract award notice."
	for _, c := range []struct {
		name string
		n    store.Notice
		want string
	}{
		{"131 days", contract("UK7", "2026-04-01", ""), "Published 131 days after the date of signature that the notice states, 1 April 2026. Contract details notices of contracts above the threshold"},
		{"in time", contract("UK7", "2026-07-20", ""), ""},
		{"light touch has 120 days", contract("UK7", "2026-05-01", "lightTouch"), ""},
		{"an award notice is published before signature", contract("UK6", "2026-04-01", ""), ""},
		{"an intention has the field filled with no signature meant", func() store.Notice {
			n := intends("o", "000001-2026", hearWell())
			n.Signed = "2026-01-01"
			return n
		}(), ""},
		{"a slip of the pen", contract("UK7", "2016-04-01", ""), ""},
		{"under the Provider Selection Regime no limit is claimed", old, "Published 132 days after the date of signature that the notice states, 31 March 2026."},
	} {
		t.Run(c.name, func(t *testing.T) {
			items := []store.Item{published("2026-08-10", c.n)}
			got := strings.Join(words2(j.Fold(items, bundle(items))), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// In whatever order the notices of a procurement arrive, among whatever others,
// it is the same thread.
func TestPromiseFoldInAnyOrder(t *testing.T) {
	j := charterJudge(t)
	items := syntheticYear()
	want := map[string]Thread{}
	for _, it := range items {
		want[it.Notice.OCID] = j.Fold(items, j.Bind(it.Notice.OCID, items, nil))
	}
	if n := len(want["ocds-m"].OCIDs); n != 2 {
		t.Fatalf("%d processes in a thread of two", n)
	}
	rounds := 20
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		rounds = 5000
	case os.Getenv("CCGWATCH_PROMISES") != "":
		rounds = 500
	}
	for seed := range uint64(rounds) {
		mixed := slices.Clone(items)
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
		mixed = append(mixed, mixed[r.IntN(len(mixed))]) // once more
		for ocid, w := range want {
			got := j.Fold(mixed, j.Bind(ocid, mixed, nil))
			if !got.Equal(&w) {
				t.Fatalf("order %d, %s:\n%s", seed, ocid, cmp.Diff(fmt.Sprintf("%+v", w), fmt.Sprintf("%+v", got)))
			}
		}
	}
}

// syntheticYear is notices of several processes with every trap.
func syntheticYear() []store.Item {
	second := intends("ocds-m", "000011-2026", hearWell())
	second.Reference, second.Title = "C-77", "Night nursing at home"
	third := onOldForm("ocds-n", "000012-2026", "award", "contract")
	third.Reference, third.Title = "c-77", "Night nursing at home"
	third.Description += " This is a Provider Selection Regime confirmation of contract award notice."
	lots := onAct("ocds-l", "000021-2026", "UK6", "award")
	lots.Suppliers, lots.Value, lots.Currency = []store.Party{hearWell()}, "100000", "GBP"
	update := onAct("ocds-l", "000020-2026", "UK4", "tenderUpdate")
	update.TenderEnd = "2026-07-10T12:00:00+01:00"
	tender := onAct("ocds-l", "000019-2026", "UK4", "tender")
	tender.TenderEnd, tender.Value, tender.Currency = "2026-07-03T12:00:00+01:00", "90000", "GBP"
	items := []store.Item{
		published("2026-06-01", tender), published("2026-06-10", update), published("2026-07-20", lots),
		published("2026-06-10", onAct("ocds-l", "000018-2026", "UK4", "tenderUpdate")), // the same moment
		published("2026-08-10", intends("ocds-1", "075001-2026", hearWell())),
		published("2026-08-27", confirms("ocds-1", "079001-2026")),
		published("2026-08-28", sparse("ocds-1", "079002-2026", "The wording of the notice was corrected.")),
		published("2026-08-01", sparse("ocds-2", "079003-2026", "The wording of the notice was corrected.")), // an orphan
		published("2026-08-20", intends("ocds-2", "079004-2026")),
		published("2026-03-01", second), published("2026-05-01", third),
	}
	for i := range 6 { // one council, one title, no reference
		n := onAct(fmt.Sprint("ocds-t", i), fmt.Sprintf("00010%d-2026", i), "UK4", "tender")
		n.Title = "Home care packages"
		items = append(items, published("2026-05-01", n))
	}
	return items
}

func TestBind(t *testing.T) {
	j := charterJudge(t)
	with := func(ocid, release, ref, title string, buyers []store.Party, text string) store.Item {
		n := onAct(ocid, release, "UK4", "tender")
		n.Reference, n.Title, n.Buyers, n.Description = ref, title, buyers, text
		return published("2026-0"+release[5:6]+"-01", n)
	}
	council := []store.Party{{Name: "Exampleton City Council"}}
	ccg := []store.Party{{Name: "NHS City CCG"}}
	cases := []struct {
		name      string
		items     []store.Item
		decisions []store.Decision
		ocids     string // of the thread of "a"
		strength  string // of its first link
		possible  string
	}{
		{"same reference, title and buyer", []store.Item{
			with("a", "000001-2026", "C 12", "Night nursing", theICB(), ""), with("b", "000002-2026", "c 12", "Night Nursing", theICB(), ""),
		}, nil, "a b", LinkWeaker, ""},
		{"one title for many calls binds nothing", []store.Item{
			with("a", "000001-2026", "SA1", "Client transport", council, ""), with("b", "000002-2026", "SA2", "Client transport", council, ""),
		}, nil, "a", "", ""},
		{"title and buyer alone are only possible", []store.Item{
			with("a", "000001-2026", "", "Night nursing", theICB(), ""), with("b", "000002-2026", "", "Night nursing", theICB(), ""),
		}, nil, "a", "", "b"},
		{"the same reference and title of another buyer", []store.Item{
			with("a", "000001-2026", "1143", "Night nursing", theICB(), ""), with("b", "000002-2026", "1143", "Night nursing", council, ""),
		}, nil, "a", "", ""},
		{"one names the other's number", []store.Item{
			with("a", "000001-2026", "", "Night nursing", theICB(), ""), with("b", "000002-2026", "", "Night nursing", theICB(), "This replaces the process published as 2026/S 000-000001."),
		}, nil, "a b", LinkWeaker, ""},
		{"a call-off that names its framework", []store.Item{
			with("a", "000001-2026", "", "Nursing framework", theICB(), ""), with("b", "000002-2026", "", "Agency nurses for a ward", theICB(), "Called off from ocds-h6vhtk-0000aa, notice 000001-2026."),
		}, nil, "a", "", "b"},
		{"one notice under two processes", []store.Item{
			with("a", "000001-2026", "", "Night nursing", theICB(), ""), with("b", "000001-2026", "", "Another title", nil, ""),
		}, nil, "a b", LinkNumber, ""},
		{"a buyer that was merged into another", []store.Item{
			with("a", "000001-2026", "C 12", "Night nursing", ccg, ""), with("b", "000002-2026", "C 12", "Night nursing", theICB(), ""),
		}, nil, "a b", LinkWeaker, ""},
		{"the operator joins", []store.Item{
			with("a", "000001-2026", "", "Night nursing", theICB(), ""), with("b", "000002-2026", "", "Nights", council, ""),
		}, []store.Decision{{A: "b", B: "a", Join: true, Why: "the same contract"}}, "a b", LinkOperator, ""},
		{"the operator parts", []store.Item{
			with("a", "000001-2026", "C 12", "Night nursing", theICB(), ""), with("b", "000002-2026", "C 12", "Night nursing", theICB(), ""),
		}, []store.Decision{{A: "a", B: "b", Join: true}, {A: "b", B: "a", Why: "two wards"}}, "a", "", ""},
		{"what is parted stays apart by whatever way", []store.Item{
			with("a", "000001-2026", "C 12", "Night nursing", theICB(), ""), with("b", "000002-2026", "C 12", "Night nursing", theICB(), ""), with("c", "000003-2026", "C 12", "Night nursing", theICB(), ""),
		}, []store.Decision{{A: "a", B: "c", Why: "another year"}}, "a b", LinkWeaker, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := j.Bind("a", c.items, c.decisions)
			strength, possible := "", ""
			if len(b.Links) > 0 {
				strength = b.Links[0].Strength
			}
			for _, l := range b.Possible {
				possible = strings.TrimSpace(possible + " " + l.B)
			}
			if got := strings.Join(b.OCIDs, " "); got != c.ocids || strength != c.strength || possible != c.possible {
				t.Errorf("thread %q, link %q, possible %q; want %q, %q, %q\n%+v", got, strength, possible, c.ocids, c.strength, c.possible, b)
			}
		})
	}
}

// Where the notices of two processes are only probably one procurement, whoever
// reads what the second changed is told so, and why.
func TestWeakerLinkIsLabelledWhereItMatters(t *testing.T) {
	j := charterJudge(t)
	items := syntheticYear()
	th := j.Fold(items, j.Bind("ocds-n", items, nil))
	if th.ID != "ocds-m" || len(th.Links) != 1 || th.Links[0].Strength != LinkWeaker {
		t.Fatalf("%s %+v", th.ID, th.Links)
	}
	got := strings.Join(words2(th), "\n")
	want := "said intention to award. That notice stands under another process (ocds-m); we take them for one procurement: the same reference (c 77), the same title, the same buyer."
	if !strings.Contains(got, want) {
		t.Errorf("%s", got)
	}
}

func BenchmarkFold(b *testing.B) {
	j := charterJudge(b)
	items := syntheticYear()
	bundle := j.Bind("ocds-l", items, nil)
	for b.Loop() {
		j.Fold(items, bundle)
	}
}
