package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnreadable(t *testing.T) {
	prose := "The board received the report of the finance committee and noted that the deficit at month five was larger than planned."
	for name, tt := range map[string]struct {
		page string
		bad  bool
	}{
		"prose":                           {prose, false},
		"blank":                           {"", false},
		"a title":                         {"Board meeting in public", false},
		"a picture":                       {"Page 23\n" + PictureMark, true},
		"a file of an archive":            {FileMark + "a.pdf]\n\n" + FileUnreadMark + "is damaged]", true},
		"characters that stand for none":  {prose + strings.Repeat("\uFFFD", 12), true},
		"a stray one":                     {prose + " \uFFFD", false},
		"private use":                     {strings.Repeat("\uE001\uE002 ", 60), true},
		"a table of figures":              {strings.Repeat("1,234 56.7% (89.0) 2026/27\n", 12), false},
		"a table of contents":             {strings.Repeat("Finance report ................................................ 12\n", 8), false},
		"names":                           {strings.Repeat("Ms J Wright, Mr P Smyth, Dr T Kwartz, Cllr B Lynn\n", 5), false},
		"capitals":                        {strings.ToUpper(prose), false},
		"Welsh":                           {"Bydd y bwrdd yn ystyried adroddiad y cyfarwyddwr cyllid am gyflwr y gwasanaeth yn ystod y flwyddyn ddiwethaf a'r camau nesaf.", false},
		"another script":                  {strings.Repeat("Ο οργανισμός αποφάσισε την ανάθεση. ", 5), false},
		"a shifted font":                  {strings.Repeat("WKH ERDUG UHFHLYHG WKH UHSRUW RI WKH ILQDQFH FRPPLWWHH DQG QRWHG WKDW WKH GHILFLW DW PRQWK ILYH ", 3), true},
		"glyph names":                     {strings.Repeat("!\"#$ %&'( )*+, -./: ;<=> ?@[\\ ]^_` {|}~ ", 6), true},
		"an address of the web in a list": {strings.Repeat("https://www.example.org/documents/s12345/Report.pdf\n", 4), false},
	} {
		if got := len(Unreadable([]string{tt.page})) > 0; got != tt.bad {
			t.Errorf("%s: unreadable %t", name, got)
		}
	}
}

func TestPageList(t *testing.T) {
	for want, pages := range map[string][]int{"": nil, "3": {3}, "3, 7-9": {3, 7, 8, 9}, "1-2, 5": {1, 2, 5}} {
		if got := PageList(pages); got != want {
			t.Errorf("%v is %q, want %q", pages, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	got := Files([]string{FileMark + "a.pdf]\n\nx", "y", FileMark + "b [1].pdf]\n\nz"})
	if diff := cmp.Diff([]PaperFile{{"a.pdf", 1}, {"b [1].pdf", 3}}, got); diff != "" {
		t.Error(diff)
	}
	if got := Files([]string{"x", FileMark + "a.pdf]"}); got != nil {
		t.Errorf("a paper that speaks of a file: %v", got)
	}
}
