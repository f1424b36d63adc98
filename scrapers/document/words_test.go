package document_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/document"
)

// A PDF says where characters stand; words are what we make of it. Each case is
// a page of Helvetica, drawn by these operators.
func TestWordsOfAPage(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, content, want string }{
		{"a power belongs to its number", "10 0 0 10 50 800 Tm (2) Tj 7 0 0 7 55.56 804 Tm (31) Tj 10 0 0 10 66.5 800 Tm (bits) Tj", "231 bits"},
		{"so does the mark of a footnote to its word", "10 0 0 10 50 800 Tm (note) Tj 7 0 0 7 69.6 803.5 Tm (3) Tj 10 0 0 10 76.5 800 Tm (that) Tj", "note3 that"},
		{"a raised sign set apart does not", "10 0 0 10 50 800 Tm (note) Tj 7 0 0 7 71.5 803.5 Tm (3) Tj", "note 3"},
		{"a footnote begins with its mark, apart", "7 0 0 7 50 803 Tm (19) Tj 10 0 0 10 57.8 800 Tm (Deciding) Tj", "19 Deciding"},
		{"of a raised and a lowered sign the one further left is first", "10 0 0 10 50 800 Tm (R) Tj 7 0 0 7 57.6 804 Tm (2) Tj 7 0 0 7 57.3 797.5 Tm (i) Tj", "Ri2"},
		{"a tight line has spaces all the same", "10 0 0 10 50 800 Tm [(a) -150 (tight) -150 (line)] TJ", "a tight line"},
		{"kerning is no space", "10 0 0 10 50 800 Tm [(A) 90 (W) 60 (A) -60 (Y)] TJ", "AWAY"},
		{"a space that is taken back is none", "10 0 0 10 50 800 Tm [(lev ) 290 (el)] TJ", "level"},
		{"an accent drawn over its letter", "10 0 0 10 50 800 Tm [(Caf\\264) 444 (e, na\\250) 306 (i) 0 (ve)] TJ", "Café, naïve"},
		{"letters set wide apart are a word", "10 0 0 10 50 800 Tm 0.3 Tc (AGENDA) Tj 0 Tc", "AGENDA"},
		{"figures set apart are a row", "10 0 0 10 50 800 Tm 0.3 Tc (1234) Tj 0 Tc", "1 2 3 4"},
		{"what stands off the page is not there", "10 0 0 10 50 800 Tm (shown) Tj 10 0 0 10 700 800 Tm (not shown) Tj 10 0 0 10 50 900 Tm (nor this) Tj", "shown"},
		{"a line that runs over the edge is whole", "10 0 0 10 550 800 Tm (to the very end) Tj", "to the very end"},
		{"turned text", "0 10 -10 0 300 400 Tm (Turned text) Tj", "Turned text"},
		{"lines, and a hyphen at the end of one", "10 0 0 10 50 800 Tm (the direct award pro-) Tj 10 0 0 10 50 788 Tm (cess was used) Tj 10 0 0 10 50 776 Tm (here) Tj", "the direct award process was used\nhere"},
		{"a dash at the end of a line stays", "10 0 0 10 50 800 Tm (notes -) Tj 10 0 0 10 50 788 Tm (none) Tj", "notes -\nnone"},
	}
	var contents, want, names []string
	for _, tt := range tests {
		contents, want, names = append(contents, "BT /F1 1 Tf "+tt.content+" ET"), append(want, tt.want), append(names, tt.name)
	}
	got, err := read(t, reader(t), drawnPDF(contents...))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d pages, want %d", len(got), len(want))
	}
	for i, name := range names {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Wherever glyphs stand, the text is proper and nothing is written twice.
func FuzzCompose(f *testing.F) {
	f.Add([]byte("A\x00\x10\x40\x50\x00\x28\x00B\x00\x15\x40\x50\x00\x28\x00"))
	f.Add([]byte("\xb4\x00\x10\x40\x50\x00\x10\x01e\x00\x10\x40\x50\x00\x28\x00-\x00\x20\x40\x50\x00\x08\x00x\x00\x10\x80\x50\x00\x28\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		glyphs, text := document.ComposeBytes(b)
		if !utf8.ValidString(text) {
			t.Errorf("%q is not UTF-8", text)
		}
		if n := utf8.RuneCountInString(text); n > 2*glyphs {
			t.Errorf("%d characters of %d glyphs", n, glyphs)
		}
		if strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") || strings.Contains(text, "  ") {
			t.Errorf("%q has spaces before nothing", text)
		}
	})
}
