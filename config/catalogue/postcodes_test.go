package catalogue

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What somebody types for a postcode, and what it is.
func TestReadPostcode(t *testing.T) {
	for typed, want := range map[string]Postcode{
		"LS6 2AB": {"LS", "LS6"}, "ls6": {"LS", "LS6"}, "LS": {"LS", ""}, "b": {"B", ""}, "M60 1AA": {"M", "M60"}, "E1W 3SS": {"E", "E1W"},
		"EC1A 1BB": {"EC", "EC1A"}, "W1A": {"W", "W1A"}, "td15": {"TD", "TD15"},
	} {
		if got, ok := ReadPostcode(typed); !ok || got != want {
			t.Errorf("%q: %+v %v, want %+v", typed, got, ok, want)
		}
	}
	for _, typed := range []string{"", "Leeds", "LS6 2ABC", "6LS", "L S", "É1", "LE15 6A", "ABC1"} {
		if got, ok := ReadPostcode(typed); ok {
			t.Errorf("%q is taken for the postcode %+v", typed, got)
		}
	}
}

// A postcode is never guessed at: its area names the councils to pick from, with
// their counties and boards; what lies outside England is said to.
func TestAroundAPostcode(t *testing.T) {
	areas, footprints, bodies := load(t, PostcodeAreas), load(t, Footprints), load(t, Bodies)
	for _, c := range []struct{ typed, says, bodies string }{
		{"LS6", "LS covers parts of these councils: Leeds City Council, City of Bradford Metropolitan District Council, North Yorkshire Council; pick yours", "leeds-city-council nhs-west-yorkshire-icb leeds-teaching-hospitals-nhs-trust bradford-teaching-hospitals-nhs-foundation-trust -kirklees-council -mid-yorkshire-teaching-nhs-trust"},
		{"HG1 2AA", "HG lies in the area of North Yorkshire Council", "north-yorkshire-council nhs-humber-and-north-yorkshire-icb nhs-west-yorkshire-icb"},
		{"BN", "", "brighton-and-hove-city-council east-sussex-county-council west-sussex-county-council nhs-surrey-and-sussex-icb"},
		{"TD15", "TD lies in the area of Northumberland County Council (it reaches into Scotland, of which the catalogue holds nothing)", "nhs-north-east-and-north-cumbria-icb"},
	} {
		p, ok := ReadPostcode(c.typed)
		got, err := Around(areas, footprints, bodies, p)
		if !ok || err != nil || c.says != "" && got.Says != c.says {
			t.Errorf("%s: %v %v\n%s", c.typed, ok, err, cmp.Diff(c.says, got.Says))
		}
		all := ids(got.Bodies, func(b Body) string { return b.ID })
		for w := range strings.FieldsSeq(c.bodies) {
			name, not := strings.CutPrefix(w, "-")
			if slices.Contains(all, name) == not {
				t.Errorf("%s gives %v: want %s", c.typed, all, w)
			}
		}
	}
	for typed, want := range map[string]string{
		"EH1 1AA": "EH postcodes (Edinburgh) are in Scotland: the catalogue is of England",
		"CF10":    "CF postcodes (Cardiff) are in Wales: the catalogue is of England",
		"BT1":     "BT postcodes (Belfast) are in Northern Ireland: the catalogue is of England",
		"IM1":     "IM postcodes (Isle of Man) are in the Isle of Man: the catalogue is of England",
		"ZZ99":    "no postcode begins with ZZ",
	} {
		p, _ := ReadPostcode(typed)
		if _, err := Around(areas, footprints, bodies, p); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", typed, err, want)
		}
	}
}

// Every council of the catalogue has a postcode, and every row stands on bodies
// that are there today.
func TestPostcodeAreasHoldTogether(t *testing.T) {
	areas, footprints, bodies := load(t, PostcodeAreas), load(t, Footprints), load(t, Bodies)
	origins := ids(load(t, Origins), func(o Origin) string { return o.ID })
	find := func(id string) Body {
		i := slices.IndexFunc(bodies, func(b Body) bool { return b.ID == id })
		if i < 0 {
			t.Errorf("no body %q", id)
			return Body{}
		}
		return bodies[i]
	}
	counties, boards, reached, english := map[string]int{}, map[string]int{}, map[string]bool{}, 0
	served := map[string]bool{}
	for _, f := range footprints {
		b := find(f.Body)
		if b.Until != "" || b.Kind != "council" && b.Kind != "icb" || !slices.Contains(origins, f.Source) {
			t.Errorf("%s: %+v", f.Body, b)
		}
		served[f.Body] = true
		for _, c := range f.Councils {
			if find(c).Kind != "council" || served[c] {
				t.Errorf("%s: %s is no council without districts", f.Body, c)
			}
			if b.Kind == "icb" {
				boards[c]++
			} else if counties[c]++; counties[c] > 1 {
				t.Errorf("%s lies in two counties", c)
			}
		}
	}
	for _, a := range areas {
		if !slices.Contains(origins, a.Source) || !slices.Contains([]string{"medium", "low"}, a.Confidence) {
			t.Errorf("%s: source %q, confidence %q: it is general knowledge, not authoritative", a.Letters, a.Source, a.Confidence)
		}
		if len(a.Councils) > 0 {
			english++
		}
		for i, c := range a.Councils {
			if find(c).Kind != "council" || served[c] || slices.Index(a.Councils, c) != i {
				t.Errorf("%s: %s is no council without districts, or is named twice", a.Letters, c)
			}
			reached[c] = true
			for _, up := range Above(footprints, c) {
				reached[up] = true
			}
		}
	}
	for _, b := range bodies {
		switch {
		case b.Until != "" || b.Kind != "council" && b.Kind != "icb" || b.ID == "nhs-leicester-leicestershire-rutland-and-northamptonshire-icb-cluster":
		case !reached[b.ID]:
			t.Errorf("no postcode leads to %s", b.ID)
		case b.Kind == "council" && !served[b.ID] && boards[b.ID] == 0:
			t.Errorf("no board serves %s", b.ID)
		}
	}
	if english != 102 || len(areas) != 124 {
		t.Errorf("%d of %d areas reach into England, want 102 of 124", english, len(areas))
	}
	// The districts that are known precisely lie where their letters do.
	for _, a := range load(t, Areas) {
		for _, d := range a.Postcodes {
			p, ok := ReadPostcode(d)
			place, err := Around(areas, footprints, bodies, p)
			if !ok || err != nil || !slices.ContainsFunc(place.Bodies, func(b Body) bool { return slices.Contains(b.Areas, a.ID) }) {
				t.Errorf("%s is %s, and its letters lead to no council there: %v", d, a.ID, err)
			}
		}
	}
}

// Wherever a recorded notice prints the postcode of a council or a board, the
// table leads from it to that council or board; and to the region that it
// prints of anybody, but for a few slips of those who wrote the notices.
func TestPostcodeAreasHoldAgainstRecordedBuyers(t *testing.T) {
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	parties := recordedParties(t, filepath.Join(dir, "data", "procurement"))
	areas, footprints, bodies := load(t, PostcodeAreas), load(t, Footprints), load(t, Bodies)
	regions := map[string]string{}
	for _, a := range load(t, Areas) {
		if len(a.Postcodes) == 0 {
			regions[a.ID] = a.Regions[0]
		}
	}
	bodiesHeld, regionsHeld, slips := 0, 0, 0
	for p := range parties {
		code, ok := ReadPostcode(p.postcode)
		if !ok || code.District == "" {
			continue
		}
		place, err := Around(areas, footprints, bodies, code)
		in := map[string]bool{}
		for _, b := range place.Bodies {
			in[b.ID] = true
			for _, a := range b.Areas {
				in[regions[a]] = true
			}
		}
		if b, ok := bodyOf(bodies, p.name); ok && (b.Kind == "council" || b.Kind == "icb") {
			bodiesHeld++
			if err != nil || !slices.ContainsFunc(Line(bodies, b.ID), func(x Body) bool { return in[x.ID] }) {
				t.Errorf("%s is at %s, and the table leads elsewhere: %s %v", p.name, p.postcode, place.Says, err)
			}
		}
		if r := p.region; err == nil && len(r) >= 3 && strings.Contains("CDEFGHIJK", r[2:3]) && strings.HasPrefix(r, "UK") {
			if regionsHeld++; !in[r[:3]] {
				slips++
				t.Logf("%s is said to lie in %s", p.postcode, r)
			}
		}
	}
	if bodiesHeld < 150 || regionsHeld < 1000 {
		t.Errorf("only %d bodies and %d regions were there to compare", bodiesHeld, regionsHeld)
	}
	if slips*100 > regionsHeld {
		t.Errorf("%d of %d postcodes lie in another region than is printed", slips, regionsHeld)
	}
	t.Logf("%d councils and boards held; of %d regions %d differ", bodiesHeld, regionsHeld, slips)
}

type party struct{ name, postcode, region string }

// recordedParties are those that recorded notices print an address of.
func recordedParties(t *testing.T, dir string) map[party]bool {
	t.Helper()
	all := map[party]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var pkg struct {
			Releases []struct {
				Parties []struct {
					Name    string
					Address struct{ PostalCode, Region string }
				}
			}
		}
		if json.Unmarshal(b, &pkg) != nil {
			return nil //nolint:nilerr // recorded with faults, for other tests
		}
		for _, r := range pkg.Releases {
			for _, p := range r.Parties {
				all[party{p.Name, p.Address.PostalCode, p.Address.Region}] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Skipf("SKIPPED, NOT CHECKED: %v", err)
	}
	return all
}
