package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/document"
)

const para = `<w:p><w:r><w:t>%</w:t></w:r></w:p>`

func p(text string) string { return strings.Replace(para, "%", text, 1) }

func TestReadDOCX(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want []string
	}{
		"paragraphs":                          {p("Item 1") + p("Award &amp; mobilisation, £1.2m"), []string{"Item 1\nAward & mobilisation, £1.2m"}},
		"runs of a word":                      {`<w:p><w:r><w:t>out</w:t></w:r><w:r><w:t>sourcing</w:t></w:r></w:p>`, []string{"outsourcing"}},
		"an explicit page break":              {p("one") + `<w:p><w:r><w:br w:type="page"/></w:r></w:p>` + p("two"), []string{"one", "two"}},
		"a break asked for and rendered":      {p("one") + `<w:p><w:r><w:br w:type="page"/></w:r><w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r></w:p>`, []string{"one", "two"}},
		"a break within a paragraph":          {`<w:p><w:r><w:t>one</w:t></w:r><w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r></w:p>`, []string{"one", "two"}},
		"a break before a paragraph":          {p("one") + `<w:p><w:pPr><w:pageBreakBefore/></w:pPr><w:r><w:t>two</w:t></w:r></w:p>`, []string{"one", "two"}},
		"a section on a new page":             {p("one") + `<w:p><w:pPr><w:sectPr/></w:pPr><w:r><w:t>still one</w:t></w:r></w:p>` + p("two") + `<w:sectPr/>`, []string{"one\nstill one", "two"}},
		"a section on the same page":          {`<w:p><w:pPr><w:sectPr><w:type w:val="continuous"/></w:sectPr></w:pPr><w:r><w:t>one</w:t></w:r></w:p>` + p("still one"), []string{"one\nstill one"}},
		"a table":                             {`<w:tbl><w:tr><w:tc>` + p("Supplier") + `</w:tc><w:tc>` + p("Value") + `</w:tc></w:tr><w:tr><w:tc>` + p("A Ltd") + `</w:tc><w:tc>` + p("£5m") + `</w:tc></w:tr></w:tbl>`, []string{"Supplier\tValue\nA Ltd\t£5m"}},
		"tabs, and where they go":             {`<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr><w:r><w:t>1.</w:t><w:tab/><w:t>Apologies</w:t></w:r></w:p>`, []string{"1.\tApologies"}},
		"hyphens":                             {`<w:p><w:r><w:t>non</w:t><w:noBreakHyphen/><w:t>emergency trans</w:t><w:softHyphen/><w:t>port</w:t></w:r></w:p>`, []string{"non-emergency transport"}},
		"deleted text is gone":                {`<w:p><w:del><w:r><w:delText>old</w:delText><w:t>old</w:t></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>`, []string{"new"}},
		"field codes are no text":             {`<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7</w:t></w:r></w:p>`, []string{"7"}},
		"a text box is not repeated":          {`<w:p><mc:AlternateContent><mc:Choice><w:txbxContent>` + p("box") + `</w:txbxContent></mc:Choice><mc:Fallback>` + p("box") + `</mc:Fallback></mc:AlternateContent></w:p>`, []string{"box"}},
		"text of another vocabulary is not t": {`<w:p><w:r><t xmlns="urn:other">no</t><w:t>yes</w:t></w:r></w:p>`, []string{"yes"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, reader(t), docx(t, "word/document.xml", tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a numbered main part", func(t *testing.T) {
		t.Parallel()
		if got, err := read(t, reader(t), docx(t, "word/document2.xml", p("x"))); err != nil || len(got) != 1 {
			t.Error(got, err)
		}
	})
	for name, paper := range map[string][]byte{
		"cut":      docx(t, "word/document.xml", p("x"))[:200],
		"not XML":  docx(t, "word/document.xml", "</w:oops>"),
		"only zip": []byte("PK\x03\x04 nothing else"),
	} {
		if _, err := read(t, reader(t), paper); !errors.Is(err, document.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := document.ReadOffice(docx(t, "word/document.xml", strings.Repeat(p("x")+`<w:br w:type="page"/>`, 4)), 3); !errors.Is(err, document.ErrTooLarge) {
		t.Error(err)
	}
}

// FuzzDocx: whatever stands in the main part or the archive, reading ends in
// pages within the limit or a named error.
func FuzzDocx(f *testing.F) {
	f.Add([]byte(p("one")+`<w:p><w:r><w:br w:type="page"/><w:t xml:space="preserve"> two</w:t></w:r></w:p>`), true)
	f.Add([]byte(`<w:tbl><w:tr><w:tc>`+p("a")+`</w:tc></w:tr></w:tbl><w:sectPr><w:type w:val="x"/></w:sectPr>`), true)
	f.Add([]byte(`</w:t></w:t><w:del><w:t>`), true)
	f.Add(docx(f, "word/document.xml", p("x")), false)
	f.Fuzz(func(t *testing.T, body []byte, part bool) {
		paper := body
		if part {
			paper = docx(t, "word/document.xml", string(body))
		}
		pages, err := document.ReadOffice(paper, 5)
		if err != nil && !errors.Is(err, document.ErrBroken) && !errors.Is(err, document.ErrTooLarge) && !errors.Is(err, document.ErrUnsupported) && !errors.Is(err, document.ErrEncrypted) {
			t.Errorf("unnamed: %v", err)
		}
		if err != nil && pages != nil || len(pages) > 5 {
			t.Errorf("%d pages and %v", len(pages), err)
		}
	})
}

func TestTidy(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"line ends", "a\r\nb\rc\u2028d", "a\nb\nc\nd"},
		{"spaces", "13\u00a0August\u202f2026 \t\nx", "13 August 2026\nx"},
		{"ligatures", "ﬁrst oﬃce ﬂow", "first office flow"},
		{"bullets of Word", "\uf0b7 item", "• item"},
		{"bullets of TeX's bitmaps", "\u0088 item", "• item"},
		{"control characters", "a\x00b\x07c\u200bd\ufeffe", "abcde"},
		{"a soft hyphen within a line", "pro\u00adcurement", "procurement"},
		{"a soft hyphen at its end", "pro\u00ad\ncurement", "procurement"},
		{"a divided word", "pro\ufffecess", "process"},
		{"a divided word, slow path", "pro\x02\r\ncess", "process"},
		{"a compound by custom", "non\ufffeemergency", "non-emergency"},
		{"a compound the paper knows", "re-tender; re\ufffetender", "re-tender; re-tender"},
		{"a compound of two known words", "health care; health\ufffecare", "health care; health-care"},
		{"a word the paper knows", "procurement non procure\ufffement", "procurement non procurement"},
		{"before a capital or a digit", "Covid\ufffe19 and NHS\ufffefunded, non\ufffeNHS", "Covid-19 and NHS-funded, non-NHS"},
		{"a dash at a line end", "the Board \ufffe and", "the Board - and"},
		{"the last character", "end\ufffe", "end-"},
		{"broken UTF-8", "a\xffb", "a\uFFFDb"},
	}
	for _, tt := range tests {
		if got := document.Tidy([]string{tt.in})[0]; got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

// FuzzTidy: what is tidy stays as it is, and holds nothing untidy.
func FuzzTidy(f *testing.F) {
	f.Add("pro\ufffecess\r\n non\u00ad\nsense \u00a0")
	f.Fuzz(func(t *testing.T, s string) {
		once := document.Tidy([]string{s})
		if twice := document.Tidy(once); twice[0] != once[0] {
			t.Errorf("%q, again: %q", once, twice)
		}
		if strings.ContainsAny(once[0], "\r\x00\u00a0\ufffe\u00ad") {
			t.Errorf("untidy: %q", once)
		}
	})
}
