package store

import (
	"slices"
	"strings"
	"testing"
)

func TestNamedNotices(t *testing.T) {
	for text, want := range map[string]string{
		"This replaces the notice published as 2026/S 000-050426.":            "050426-2026",
		"See notice 012345-2025, and ocds-h6vhtk-06638d for the rest.":        "012345-2025 ocds-h6vhtk-06638d",
		"Call 01234-567890 before 2026-08-20 about lot 1.":                    "",
		"Its own number 075001-2026 and its own ocds-h6vhtk-0000aa.":          "",
		"Contracts Finder: ocds-b5fd17-e3b5f385-5989-4cf1-8849-01c247fc9c30.": "ocds-b5fd17-e3b5f385-5989-4cf1-8849-01c247fc9c30",
	} {
		n := &Notice{OCID: "ocds-h6vhtk-0000aa", Release: "075001-2026", Texts: []Text{{Text: text}}}
		if got := strings.Join(Named(n), " "); got != want {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
	}
	long := &Notice{Release: "r", Description: strings.Repeat("x", marksMost), Rationale: "012345-2025"}
	if got := Named(long); len(got) != 0 {
		t.Errorf("beyond the bound: %q", got)
	}
}

// Titles and references are the same whatever their spaces, quotes and case.
func TestMarks(t *testing.T) {
	a := Item{Notice: &Notice{OCID: "o", Release: "r", Title: "The  people’s clinic", Reference: "C-12"}}
	b := Item{Notice: &Notice{OCID: "o", Release: "r", Title: "the People's clinic", Reference: "c-12"}}
	if !slices.Equal(Marks(a), Marks(b)) || len(Marks(a)) != 5 {
		t.Errorf("%q and %q", Marks(a), Marks(b))
	}
	if got := Marks(Item{Title: "A meeting"}); got != nil {
		t.Errorf("%q", got)
	}
}

// FuzzNamed: whatever a notice says, what it names has the form of a number or
// of an ocid, is not its own, and is bounded.
func FuzzNamed(f *testing.F) {
	f.Add("see 2026/S 000-050426 and 012345-2025", "ocds-h6vhtk-06638d-")
	f.Add("\xff-20\xff", "ocds-")
	f.Fuzz(func(t *testing.T, a, b string) {
		n := &Notice{OCID: "ocds-h6vhtk-0000aa", Release: "075001-2026", Title: a, Reference: b, Description: a, Amendments: []Amendment{{New: b}}}
		for _, x := range Named(n) {
			if x == n.OCID || x == n.Release || !strings.HasPrefix(x, "ocds-") && len(x) != 11 {
				t.Errorf("names %q", x)
			}
		}
		if len(Named(n)) > namedMost {
			t.Error("too many")
		}
		for _, m := range Marks(Item{Notice: n}) {
			if strings.ContainsRune(m, 0) {
				t.Errorf("the mark %q would break a key", m)
			}
		}
	})
}
