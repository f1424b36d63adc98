package judge

import (
	"strings"
	"testing"

	"ccgwatch/config/catalogue"
	"ccgwatch/store"

	"github.com/google/go-cmp/cmp"
)

// shippedRegister is a judge with the bodies and areas of the catalogue.
func shippedRegister(t testing.TB) *register {
	t.Helper()
	r := shippedRules(t)
	bodies, err := catalogue.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bodies {
		r.Bodies = append(r.Bodies, Body(b))
	}
	areas, err := catalogue.Areas()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range areas {
		r.Areas = append(r.Areas, Area(a))
	}
	j, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return j.reg
}

// One body has many names, and names outlive bodies: the day decides.
func TestBodies(t *testing.T) {
	r := shippedRegister(t)
	const llr = "nhs-leicester-leicestershire-and-rutland-icb"
	for _, tt := range []struct {
		party store.Party
		on    string
		want  string
	}{
		{store.Party{Name: "NHS Leicester, Leicestershire and Rutland ICB"}, "2026-08-10", llr},
		{store.Party{Name: "NHS LEICESTER, LEICESTERSHIRE & RUTLAND INTEGRATED CARE BOARD (ICB)"}, "2026-08-10", llr},
		{store.Party{Name: "Leicester, Leicestershire and Rutland Integrated Care Board"}, "2026-08-10", llr},
		{store.Party{Name: "Whatever is printed", Scheme: "GB-NHS", Number: "QK1"}, "2026-08-10", llr},
		{store.Party{Name: "NHS West Leicestershire CCG"}, "2020-04-16", "nhs-west-leicestershire-ccg"},
		{store.Party{Name: "N H S West Leicestershire C C G"}, "2020-04-16", "nhs-west-leicestershire-ccg"},
		{store.Party{Name: "NHS West Leicestershire CCG"}, "2023-01-01", llr},
		{store.Party{Name: "NHS Norfolk and Waveney ICB"}, "2026-03-31", "nhs-norfolk-and-waveney-icb"},
		{store.Party{Name: "NHS Norfolk and Waveney ICB"}, "2026-04-01", "nhs-norfolk-and-suffolk-icb"},
		{store.Party{Name: "NHS NORFOLK AND SUFFOLK INTEGRATED CARE BOARD", Scheme: "GB-NHS", Number: "T6Y0W"}, "2026-08-11", "nhs-norfolk-and-suffolk-icb"},
		{store.Party{Name: "NHS LNR ICB cluster"}, "2026-08-10", "nhs-leicester-leicestershire-rutland-and-northamptonshire-icb-cluster"},
		{store.Party{Name: "University Hospitals of Leicester NHS Trust"}, "2026-08-10", "university-hospitals-of-leicester-nhs-trust"},
		{store.Party{Name: "Leicester City Council"}, "2026-08-10", "leicester-city-council"},
		{store.Party{Name: "City of Leicester Council"}, "2026-08-10", "leicester-city-council"},
		{store.Party{Name: "LEICESTERSHIRE COUNTY COUNCIL"}, "2026-08-10", "leicestershire-county-council"},
		{store.Party{Name: "Leicestershire County Council, trading as ESPO"}, "2026-08-10", "leicestershire-county-council-trading-as-espo"},
		{store.Party{Name: "Example Integrated Care Board"}, "2026-08-10", ""},
		{store.Party{Name: "ICB"}, "2026-08-10", ""},
		{store.Party{Name: "Council"}, "2026-08-10", ""},
	} {
		got := ""
		if b := r.find(tt.party, day(t, tt.on)); b != nil {
			got = b.ID
		}
		if got != tt.want {
			t.Errorf("%s on %s: %q, want %q", tt.party.Name, tt.on, got, tt.want)
		}
	}
}

// Who buys for others is not the one that readers ask about.
func TestOnBehalfOf(t *testing.T) {
	r := shippedRegister(t)
	local := "leicester leicestershire rutland east-midlands"
	for _, tt := range []struct {
		name, buyer, postcode, title, text string
		body, areas                        string
	}{
		{"a support unit for a board", "NHS Arden & GEM CSU", "LE1 1AA", "Dental triage", "Published on behalf of NHS Leicester, Leicestershire and Rutland ICB.",
			"nhs-leicester-leicestershire-and-rutland-icb", local},
		{"one for two boards", "NHS Arden & GEM CSU", "", "Dental triage", "We act on behalf of NHS Leicester, Leicestershire and Rutland Integrated Care Board and NHS Northamptonshire ICB together.",
			"nhs-leicester-leicestershire-and-rutland-icb", local + " northamptonshire"},
		{"an e-sender for a council", "EU Supply Limited", "W1A 1AA", "Home care", "Bought on behalf of Rutland County Council.", "rutland-county-council", "rutland east-midlands"},
		{"a council for a board", "Leicester City Council", "", "Stop smoking", "On behalf of NHS Leicester, Leicestershire and Rutland ICB.", "leicester-city-council", local},
		{"on behalf of nobody we know", "Example Procurement Hub", "LE1 1AA", "Pens", "On behalf of its members.", "", ""},
		{"a hub with a local postcode is not local", "Leicestershire County Council, trading as ESPO", "LE19 1ES", "Catering disposables", "A framework for the public sector.",
			"leicestershire-county-council-trading-as-espo", ""},
		{"a trust of which no areas are noted is where it is", "Avon and Wiltshire Mental Health Partnership NHS Trust", "LE1 1AA", "Beds", "Beds.",
			"avon-and-wiltshire-mental-health-partnership-nhs-trust", "leicester"},
		{"a buyer the register does not know is where it is", "Example Health Partnership", "LE1 1AA", "Podiatry", "Clinics.", "", "leicester"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &store.Notice{Date: day(t, "2026-08-10"), Title: tt.title, Description: tt.text, Buyers: []store.Party{{Name: tt.buyer, Postcode: tt.postcode}}}
			got := ""
			if b := r.buyer(n); b != nil {
				got = b.ID
			}
			if got != tt.body {
				t.Errorf("body %q, want %q", got, tt.body)
			}
			areas := map[string]bool{}
			for _, a := range r.areasOf(n) {
				areas[a] = true
			}
			want := map[string]bool{}
			for a := range strings.FieldsSeq(tt.areas) {
				want[a] = true
			}
			if diff := cmp.Diff(want, areas); diff != "" {
				t.Errorf("areas (-want +got): %s", diff)
			}
		})
	}
}
