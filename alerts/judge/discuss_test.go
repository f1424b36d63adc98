package judge

import (
	"fmt"
	"strings"
	"testing"

	"ccgwatch/store"
)

// Bodies of the shipped register that the pairs are about.
const (
	llrICB   = "nhs-leicester-leicestershire-and-rutland-icb"
	cityCCG  = "nhs-leicester-city-ccg"
	city     = "leicester-city-council"
	county   = "leicestershire-county-council"
	derbyICB = "nhs-derby-and-derbyshire-icb"
)

// indexed are handles with the procurements that they look among.
type indexed struct {
	*Handles
	by map[uint64][]*Entry
}

func (x indexed) add(n Handle) {
	e := x.EntryOf(n.OCID, []Handle{n})
	numbers, names := x.Keys(&e)
	for _, k := range append(numbers, names...) {
		x.by[k] = append(x.by[k], &e)
	}
}

func (x indexed) look(key uint64) []*Entry { return x.by[key] }

func theHandles(t testing.TB) indexed {
	t.Helper()
	j := shippedJudge(t)
	j.reg = shippedRegister(t)
	h := indexed{j.NewHandles(), map[uint64][]*Entry{}}
	for _, x := range []Handle{
		{OCID: "ocds-h6vhtk-051a2b", Release: "012345-2026", Title: "Provision of Community Audiology Services in Leicester, Leicestershire and Rutland", Reference: "LLR-2026-0144",
			Bodies: []string{llrICB}, Areas: []string{"leicester", "leicestershire", "rutland"}, Suppliers: []string{"Hearwell Clinics Limited"}, At: clock("2026-05-04")},
		{OCID: "ocds-h6vhtk-051a2c", Release: "023456-2026", Title: "Community Health Services", Bodies: []string{llrICB}, Areas: []string{"leicester"}, At: clock("2026-05-04")},
		{OCID: "ocds-h6vhtk-051a2d", Release: "034567-2026", Title: "Sexual Health Services", Reference: "DN712345", Bodies: []string{city}, Areas: []string{"leicester"}, At: clock("2026-03-01")},
		{OCID: "ocds-h6vhtk-04aaaa", Release: "034567-2021", Title: "Non-Emergency Patient Transport Services", Bodies: []string{llrICB}, Areas: []string{"leicester", "leicestershire"}, At: clock("2021-03-01")},
		{OCID: "ocds-h6vhtk-051a2e", Release: "045678-2026", Title: "Non Emergency Patient Transport Service", Bodies: []string{llrICB}, Areas: []string{"leicester", "leicestershire"}, At: clock("2026-06-01")},
		{OCID: "ocds-h6vhtk-051a2f", Release: "056789-2026", Title: "Domestic Abuse Outreach", Bodies: []string{county}, Areas: []string{"leicestershire"}, At: clock("2026-06-01")},
		{OCID: "ocds-h6vhtk-051a30", Release: "067890-2026", Title: "Wheelchair repairs", Reference: "2026", Bodies: []string{derbyICB}, Areas: []string{"east-midlands"}, At: clock("2026-06-01")},
		{OCID: "ocds-h6vhtk-051a31", Release: "078901-2026", Title: "Homecare framework lot 1", Bodies: []string{county}, Areas: []string{"leicestershire"}, At: clock("2026-06-01")},
		{OCID: "ocds-h6vhtk-051a32", Release: "089012-2026", Title: "Homecare framework lot 2", Bodies: []string{county}, Areas: []string{"leicestershire"}, At: clock("2026-06-01")},
	} {
		h.add(x)
	}
	return h
}

// A link that is wrong is worse than none: the pairs that must not be made, or
// not be called likely, are as many as those that must.
func TestDiscusses(t *testing.T) {
	const audiology, community, sexual, transport21, transport26, abuse, wheelchairs, care1 = "051a2b", "051a2c", "051a2d", "04aaaa", "051a2e", "051a2f", "051a30", "051a31"
	for _, test := range []struct {
		name, body, on, text string
		want                 string // thread=strength, ...
	}{
		// What names a number.
		{"a notice number", llrICB, "2026-07-01", "The award was published as notice 012345-2026.", audiology + "=certain"},
		{"a notice number as the journal prints it", llrICB, "2026-07-01", "See 2026/S 000-012345 for the notice.", audiology + "=certain"},
		{"an ocid", derbyICB, "2026-07-01", "(ocds-h6vhtk-051a2b)", audiology + "=certain"},
		{"a number of somebody else's notice", llrICB, "2026-07-01", "Case 112345-2026 was closed.", ""},
		{"a number that only ends alike", llrICB, "2026-07-01", "Reference 9012345-2026.", ""},
		{"the buyer's reference in the buyer's words", llrICB, "2026-07-01", "Waiver log: LLR-2026-0144, approved.", audiology + "=certain"},
		{"the reference set otherwise", llrICB, "2026-07-01", "Waiver log: LLR/2026/0144, approved.", audiology + "=certain"},
		{"the reference in a stranger's words", derbyICB, "2026-07-01", "Waiver log: LLR-2026-0144, approved.", audiology + "=mention"},
		{"a year is nobody's reference", derbyICB, "2026-07-01", "Wheels 2026", ""},

		// What names a service.
		{"the service in the buyer's paper", llrICB, "2026-03-01", "The Board approved the re-procurement of community audiology services.", audiology + "=likely"},
		{"the service before scrutiny of the place", city, "2026-03-01", "Community Audiology: update on the new contract", audiology + "=likely"},
		{"the service by a body that was there before", cityCCG, "2024-03-01", "Procurement of community audiology", audiology + "=likely"},
		{"the service of another place", derbyICB, "2026-03-01", "The Board approved the re-procurement of community audiology services.", ""},
		{"the service without a known body", "", "2026-03-01", "The Board approved the re-procurement of community audiology services.", ""},
		{"the service ten years ago", llrICB, "2016-03-01", "The re-procurement of community audiology services", ""},
		{"half of the name", llrICB, "2026-03-01", "Audiology waiting times", ""},
		{"the words in two sentences", llrICB, "2026-03-01", "Staff work in the community. Audiology contracts are let elsewhere.", ""},
		{"the words in two lines", llrICB, "2026-03-01", "Care in the community\nAudiology contract", ""},
		{"the words the other way round", llrICB, "2026-03-01", "Contract: audiology in the community", ""},
		{"a name of words that all services share", llrICB, "2026-03-01", "Community health services performance", ""},
		{"the same, where buying is spoken of", llrICB, "2026-03-01", "Tender for community health services", community + "=mention"},
		{"the same, of the place alone", city, "2026-03-01", "Tender for community health services", ""},
		{"one word of its own, and nothing of buying", city, "2026-03-01", "Sexual health: a strategy", sexual + "=mention"},
		{"one word of its own, and buying", city, "2026-03-01", "Sexual health services: award of contract", sexual + "=likely"},
		{"a name of common words in an agenda of the place", county, "2026-03-01", "Non-emergency patient transport", ""},
		{"a name within a longer one", county, "2026-03-01", "Domestic abuse outreach worker wins award", abuse + "=likely"},
		{"a word of it within another", county, "2026-03-01", "Domestic abuses outreaching", ""},

		// Several of one name.
		{"two tenders of one service, five years apart: the one under way", llrICB, "2026-05-20", "Tender for non-emergency patient transport", transport26 + "=mention"},
		{"lots under one name", county, "2026-06-20", "Homecare framework: the contract for lot 1", ""},

		// What names a supplier.
		{"a supplier in the buyer's words", llrICB, "2026-07-01", "A quality visit to Hearwell Clinics took place.", audiology + "=mention"},
		{"a supplier in a stranger's words", derbyICB, "2026-07-01", "A quality visit to Hearwell Clinics took place.", ""},
		{"words that happen to be a supplier's name", llrICB, "2026-07-01", "We want hearwell clinics for all.", ""},
		{"a service of a region is of no place", city, "2026-07-01", "Wheelchair repairs contract", ""},
		{"and of its own buyer it is", derbyICB, "2026-07-01", "Wheelchair repairs contract", wheelchairs + "=likely"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := theHandles(t)
			it := store.Item{Source: "s", Key: "paper/1", Kind: store.KindPaper, Body: test.body, Title: test.text, Published: clock(test.on)}
			s := h.j.SubjectOf(it, nil)
			var got []string
			for _, x := range h.Discusses(s, h.look) {
				got = append(got, strings.TrimPrefix(x.Thread, "ocds-h6vhtk-")+"="+x.Strength)
				if x.Quote == "" || x.Evidence == "" {
					t.Errorf("%+v shows nothing", x)
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("%q of %s: %q, want %q", test.text, test.body, s, test.want)
			}
		})
	}
	_, _ = transport21, care1
}

// An index by words finds what comparing all pairs finds.
func TestHandlesKeysMeetTheWordsOfWhatSpeaksOfThem(t *testing.T) {
	h := theHandles(t)
	x := Handle{OCID: "ocds-h6vhtk-051a2b", Release: "012345-2026", Title: "Provision of Community Audiology Services in Leicester", Reference: "LLR-2026-0144", Suppliers: []string{"Hearwell Clinics Limited", "Serco Ltd"}}
	e := h.EntryOf(x.OCID, []Handle{x})
	both := func(a, b []uint64) []uint64 { return append(a, b...) }
	for _, text := range []string{"the notice 012345-2026", "ocds-h6vhtk-051a2b", "LLR/2026/0144", "of community audiology services", "Hearwell Clinics", "to Serco, again"} {
		met := false
		keys := map[uint64]bool{}
		for _, k := range both(h.Words(text)) {
			keys[k] = true
		}
		for _, k := range both(h.Keys(&e)) {
			met = met || keys[k]
		}
		if !met {
			t.Errorf("%q is not met", text)
		}
	}
}

func TestAQuoteOfWhatIsDiscussedHoldsNoContact(t *testing.T) {
	h := theHandles(t)
	it := store.Item{Body: llrICB, Kind: store.KindPaper, Title: "Notice 012345-2026: ask jo.bloggs@example.nhs.uk", Published: clock("2026-07-01")}
	for _, x := range h.Discusses(h.j.SubjectOf(it, nil), h.look) {
		if strings.Contains(x.Quote, "@") {
			t.Errorf("%q", x.Quote)
		}
	}
}

// The cost goes with the text, not with the number of procurements.
func BenchmarkDiscusses(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n, " procurements"), func(b *testing.B) {
			h := theHandles(b)
			for i := range n {
				h.add(Handle{OCID: fmt.Sprintf("ocds-h6vhtk-%06x", i), Release: fmt.Sprintf("%06d-2025", i), Title: fmt.Sprintf("Service%d of kind%d for people", i%700, i), Bodies: []string{llrICB}, At: clock("2026-05-04")})
			}
			it := store.Item{Body: llrICB, Kind: store.KindMeeting, Title: "Board meeting", Published: clock("2026-07-01")}
			for i := range 30 {
				it.Parts = append(it.Parts, store.Part{Title: fmt.Sprintf("Item %d: re-procurement of the service that is the %dth of its kind", i, i), Text: strings.Repeat("The Board is asked to note the contents of this report and to approve the next steps. ", 10)})
			}
			s := h.j.SubjectOf(it, nil)
			b.ReportAllocs()
			for b.Loop() {
				h.Discusses(s, h.look)
			}
		})
	}
}
