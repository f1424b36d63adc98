package judge

import (
	"slices"
	"strings"
	"testing"

	"ccgwatch/store"
)

func TestCharterAsksWhatNoticesSay(t *testing.T) {
	j := charterJudge(t)
	n := intends("o", "000001-2026", hearWell(), store.Party{Name: "Soundfriends CIC", Scheme: "GB-CHC", Number: "1234567"})
	n.Bids = "1"
	n.Description += " The existing provider is performing to a good standard. No conflicts of interest were declared by the panel." +
		" The provider will pay staff the real living wage. Bidders must show a track record of two years." +
		" Decision makers: Director of Commissioning; Chief Finance Officer - Jane Roe."
	items := []store.Item{published("2026-08-10", n)}
	th := j.Fold(items, bundle(items))
	got := map[string]Answer{}
	var ids []string
	for _, a := range th.Charter {
		got[a.ID] = a
		ids = append(ids, a.ID)
	}
	if d := strings.Join(ids, " "); d != "record directors price foi tax wage continuity conflicts bidders" {
		t.Fatalf("asked %s", d)
	}
	says := func(id string) string {
		var all []string
		for _, s := range got[id].Says {
			if s.URL != items[0].URL || s.Release != "000001-2026" {
				t.Errorf("%s is said in %q", id, s.URL)
			}
			all = append(all, strings.TrimSpace(s.Field+" "+s.Words))
		}
		return strings.Join(all, " | ")
	}
	for id, want := range map[string]string{
		"record": "The existing provider is performing to a good standard.", "price": "value of the award £1,200,000", "wage": "The provider will pay staff the real living wage.",
		"conflicts": "No conflicts of interest were declared by the panel.", "bidders": "number of bids 1", "directors": "", "foi": "", "tax": "", "continuity": "",
	} {
		if says(id) != want || got[id].Stated != (want != "") {
			t.Errorf("%s: stated %v, %q; want %q", id, got[id].Stated, says(id), want)
		}
	}
	if d := strings.Join(th.Unsaid(), "; "); d != "whether directors come from companies penalised for breaking the law; a pledge to answer FOI requests; tax arrangements; continuity of care" {
		t.Errorf("unsaid: %s", d)
	}
	var look []string
	for _, l := range got["directors"].Look {
		look = append(look, l.URL)
	}
	if !slices.Contains(look, "https://find-and-update.company-information.service.gov.uk/company/07382763/officers") {
		t.Errorf("look up %v", look)
	}
	if th.Interest.Conflicts != "none" || strings.Join(th.Interest.Deciders, "; ") != "Director of Commissioning; Chief Finance Officer" {
		t.Errorf("%+v", th.Interest)
	}
	// The finding of the award carries in brief what is not said.
	fs := j.ThreadFindings(change(items[0], store.OpAdded, store.NoticeNew), &th)
	if len(fs) == 0 || len(fs[0].Unsaid) != 4 {
		t.Errorf("%+v", fs)
	}
}

func TestCharterIsNotAsked(t *testing.T) {
	j := charterJudge(t)
	goods := onAct("o", "000001-2026", "UK6", "award")
	goods.Title, goods.Description, goods.CPV, goods.Suppliers = "Office chairs", "Chairs for an office.", []string{"39112000"}, []store.Party{hearWell()}
	for name, n := range map[string]store.Notice{
		"of the NHS":                     intends("o", "000001-2026", store.Party{Name: "Example Hospitals NHS Foundation Trust"}),
		"where nobody is named":          intends("o", "000001-2026"),
		"of what is no care":             goods,
		"before anything is to be given": onAct("o", "000001-2026", "UK4", "tender"),
	} {
		items := []store.Item{published("2026-08-10", n)}
		th := j.Fold(items, bundle(items))
		if len(th.Charter) > 0 {
			t.Errorf("an award %s is asked %d questions", name, len(th.Charter))
		}
	}
}

// An answer may stand in any notice of the procurement: evidence belongs to the thread.
func TestCharterReadsTheWholeThread(t *testing.T) {
	j := charterJudge(t)
	tender := onAct("o", "000001-2026", "UK4", "tender")
	tender.Description += " Staff are to be paid the living wage."
	award := onAct("o", "000002-2026", "UK6", "award")
	award.Suppliers = []store.Party{hearWell()}
	items := []store.Item{published("2026-06-10", tender), published("2026-08-10", award)}
	th := j.Fold(items, bundle(items))
	for _, a := range th.Charter {
		if a.ID == "wage" && (len(a.Says) != 1 || a.Says[0].Release != "000001-2026") {
			t.Errorf("%+v", a)
		}
	}
}

// Of those who decided, and of whose interests were declared, roles are kept
// and names are not.
func TestNamesOfOfficialsAreNotKept(t *testing.T) {
	j := charterJudge(t)
	for _, c := range []struct{ text, deciders, quote string }{
		{"The award decision makers were the Associate Director for Urgent Care on 16th July 2026.", "Associate Director for Urgent Care", ""},
		{"Decision makers / project team:\nJohn Doe - Head of Business Development\nMary Major, Procurement Manager\nReasons are given below.", "Head of Business Development; Procurement Manager", ""},
		{"The decision to award was approved by the Integrated Care Board Executive Committee.", "Integrated Care Board; Executive Committee", ""},
		{"Representations should be sent to decision makers by e-mail.", "", ""},
		{"A conflict of interest was declared by Jane Roe, Director of Finance, who took no part.", "", "A conflict of interest was declared by (name), Director of Finance, who took no part."},
		{"A conflict of interest was declared by Dr John Doe and managed.", "", "A conflict of interest was declared by (name) and managed."},
		{"Conflicts of interest identified: none declared.", "", "Conflicts of interest identified: none declared."},
	} {
		n := intends("o", "000001-2026", hearWell())
		n.Texts = []store.Text{{Where: "release.description", Text: c.text}}
		items := []store.Item{published("2026-08-10", n)}
		th := j.Fold(items, bundle(items))
		if got := strings.Join(th.Interest.Deciders, "; "); got != c.deciders {
			t.Errorf("%q: decided by %q, want %q", c.text, got, c.deciders)
		}
		if th.Interest.Quote != c.quote {
			t.Errorf("%q: quoted as %q, want %q", c.text, th.Interest.Quote, c.quote)
		}
	}
}

func TestCompanyNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"07382763": "07382763", "7382763": "07382763", "Company Number - 07382763": "07382763", "OC301234": "OC301234", "sc123456": "SC123456",
		"": "", "Hearwell": "", "00000N/A": "", "00000000": "", "12345678 and 23456789": "", "123": "", "RC000123": "RC000123",
	} {
		if got := companiesHouseNumber(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestCharterThatCannotBeRead(t *testing.T) {
	good := Question{ID: "a", Ask: "b?", Short: "c", Any: []string{"d"}}
	for name, c := range map[string]Charter{
		"without roles":      {Questions: []Question{good}},
		"unknown field":      {Questions: []Question{{ID: "a", Ask: "b", Short: "c", Field: "colour"}}, Heads: []string{"X"}, Before: []string{"Y"}},
		"nothing can answer": {Questions: []Question{{ID: "a", Ask: "b", Short: "c"}}, Heads: []string{"X"}, Before: []string{"Y"}},
		"no name":            {Questions: []Question{{Ask: "b", Short: "c", Any: []string{"d"}}}, Heads: []string{"X"}, Before: []string{"Y"}},
	} {
		if _, err := newAsker(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
