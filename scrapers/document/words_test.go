package document_test

import (
	"fmt"
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
		{"an accent that is written after the line", "10 0 0 10 50 800 Tm (Orjan wrote) Tj 10 0 0 10 52.2 802 Tm (\\250) Tj", "Örjan wrote"},
		{"small capitals a little apart from theirs are apart, after a long text too",
			"10 0 0 10 50 800 Tm (the letters of this font stand where they should) Tj 10 0 0 10 254 800 Tm (, and) Tj 10 0 0 10 50 780 Tm (the letters of this font stand where they ought) Tj 8 0 0 8 249.96 780 Tm (AND) Tj",
			"the letters of this font stand where they should, and\nthe letters of this font stand where they ought AND"},
		{"a note in the margin does not part a word",
			"10 0 0 10 50 800 Tm (an award without com-) Tj 7 0 0 7 400 800 Tm (8 A note of) Tj 7 0 0 7 400 792 Tm (the margin) Tj 10 0 0 10 50 788 Tm (petition was made to) Tj 10 0 0 10 50 776 Tm (the provider) Tj 10 0 0 10 50 740 Tm (Next) Tj",
			"an award without competition was made to\nthe provider\n8 A note of\nthe margin\nNext"},
		{"nor does one on the left, and the line may have gaps",
			"10 0 0 10 150 800 Tm (an) Tj 10 0 0 10 190 800 Tm (award without com-) Tj 7 0 0 7 50 796 Tm (Note) Tj 10 0 0 10 150 788 Tm (petition was) Tj 10 0 0 10 240 788 Tm (made) Tj",
			"an award without competition was made\nNote"},
		{"rows of a table stay rows", "10 0 0 10 50 800 Tm (re-) Tj 10 0 0 10 200 800 Tm (12) Tj 10 0 0 10 50 788 Tm (New) Tj 10 0 0 10 200 788 Tm (13) Tj", "re- 12\nNew 13"},
		{"letters set wide apart are a word", "10 0 0 10 50 800 Tm 0.3 Tc (AGENDA) Tj 0 Tc", "AGENDA"},
		{"figures set apart are a row", "10 0 0 10 50 800 Tm 0.3 Tc (1234) Tj 0 Tc", "1 2 3 4"},
		{"what stands off the page is not there", "10 0 0 10 50 800 Tm (shown) Tj 10 0 0 10 700 800 Tm (not shown) Tj 10 0 0 10 50 900 Tm (nor this) Tj", "shown"},
		{"of a line that runs over the edge stays what is on the page", "10 0 0 10 550 800 Tm (to the very end) Tj", "to the very"},
		{"and over the edge on the left", "10 0 0 10 -8 800 Tm (A Word) Tj", "Word"},
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

// Fonts that are told of otherwise: each case is a page with a font F2 of its own
// beside Helvetica.
func TestWordsInFonts(t *testing.T) {
	t.Parallel()
	const cmap = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def 1 begincodespacerange <%s> <%s> endcodespacerange %s endcmap end end"
	tests := []struct{ name, font, unicode, content, want string }{
		{"a letter of mathematics, beyond the first 65,536 characters, is one character",
			"/Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 7 0 R", fmt.Sprintf(cmap, "00", "FF", "1 beginbfchar <4E> <D835DC41> endbfchar"),
			"10 0 0 10 50 800 Tm (the set ) Tj /F2 1 Tf 10 0 0 10 82.8 800 Tm (N) Tj", "the set 𝑁"},
		{"characters of East Asia fill a square",
			"/Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light /Encoding /UniJIS-UCS2-H /DescendantFonts [ << /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /DW 1000 >> ]", "",
			"/F2 1 Tf 10 0 0 10 50 800 Tm <3053306E6F22> Tj", "この漢"},
		{"a letter of drawings has no size that is known: a small gap beside it is one",
			"/Type /Font /Subtype /Type3 /FontBBox [0 0 600 700] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 46 /LastChar 46 /Widths [250] /Encoding << /Type /Encoding /Differences [46 /period] >> /CharProcs << /period 7 0 R >>", "250 0 0 0 100 100 d1 0 0 100 100 re f",
			"10 0 0 10 50 800 Tm (RD) Tj /F2 1 Tf 10 0 0 10 65 800 Tm (.) Tj", "RD ."},
	}
	for _, tt := range tests {
		p := newPDF()
		p.object("<< /Type /Catalog /Pages 2 0 R >>")
		p.object("<< /Type /Pages /Count 1 /Kids [ 3 0 R ] >>")
		p.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>")
		p.stream("", []byte("BT /F1 1 Tf "+tt.content+" ET"))
		p.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
		p.object("<< %s >>", tt.font)
		p.stream("", []byte(tt.unicode))
		got, err := read(t, reader(t), p.finish(""))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// Wherever glyphs stand, the text is proper and nothing is written twice.
func FuzzCompose(f *testing.F) {
	f.Add([]byte("A\x00\x10\x40\x50\x00\x28\x00B\x00\x15\x40\x50\x00\x28\x00"))
	f.Add([]byte("\xb4\x00\x10\x40\x50\x00\x10\x01e\x00\x10\x40\x50\x00\x28\x00-\x00\x20\x40\x50\x00\x08\x00x\x00\x10\x80\x50\x00\x28\x01"))
	f.Add([]byte("a\x00\x0a\xc8\x20\x00\x20\x01b\x00\x0e\xc8\x20\x00\x20\x00-\x00\x12\xc8\x20\x00\x20\x00n\x00\x90\xc8\x20\x00\x20\x01c\x00\x0a\xb8\x20\x00\x20\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		glyphs, moved, text := document.ComposeBytes(b)
		if !utf8.ValidString(text) {
			t.Errorf("%q is not UTF-8", text)
		}
		if moved != 0 {
			t.Errorf("notes put aside lose or add %d characters, %d of their codes", moved>>32, int32(moved))
		}
		if n := utf8.RuneCountInString(text); n > 2*glyphs {
			t.Errorf("%d characters of %d glyphs", n, glyphs)
		}
		if strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") || strings.Contains(text, "  ") {
			t.Errorf("%q has spaces before nothing", text)
		}
	})
}
