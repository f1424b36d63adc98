package query

import (
	"slices"
	"testing"
)

// cut takes texts apart as tokeniseAt does, which goes rune by rune.
func FuzzCut(f *testing.F) {
	for _, s := range []string{
		"", "The children's ward", "children’s", "'tis dogs' o’ ’", "A&E &c. R&D&", "co\u00adoperate\u200bd", "o\u00ad", "\u00ado'\u00adr", "a'\u0301b", "ﬁ ℡ İ ß ǅ e\u0301", "\xff'a\xfe",
		"end-of-life 3.5% x_y", "naïve café’s", "a''b a’'b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want, got []string
		for _, x := range tokeniseAt(normalise(s)) {
			want = append(want, x.raw+"|"+x.word+"|"+x.stem)
		}
		for _, x := range tokenise(s) {
			got = append(got, x.raw+"|"+x.word+"|"+x.stem)
		}
		if !slices.Equal(want, got) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	})
}

// What is a slug already is one, and no other.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"", "-", "a-b", "a--b", "-a", "a-", "A", "leicester city", "qk1", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if slugged(s) && s != "" {
			if again := slug(s + " "); again != s {
				t.Errorf("%q is taken for a slug, and is %q", s, again)
			}
		}
		if x := slug(s); slug(x) != x {
			t.Errorf("%q: %q, %q", s, x, slug(x))
		}
	})
}
