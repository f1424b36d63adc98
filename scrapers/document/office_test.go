package document_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/document"
)

const (
	relationsNS = `xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	sheetNS     = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` + relationsNS
	slideNS     = `xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" ` + relationsNS
)

// relations is a part's list of others: id, target, id, target...
func relations(pairs ...string) string {
	var b strings.Builder
	b.WriteString(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `<Relationship Id="%s" Target="%s"/>`, pairs[i], pairs[i+1])
	}
	return b.String() + `</Relationships>`
}

// workbook has one sheet of this content, with a text table and styles:
// 1 a date, 2 date and time, 3 a percentage, 4 pounds, 5 days as d.m.y,
// 6 a time of day, 7 a colour and the word "days".
func workbook(tb testing.TB, sheet string) []byte {
	tb.Helper()
	return archive(tb,
		"xl/workbook.xml", `<workbook `+sheetNS+`><sheets><sheet name="Contracts" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relations("rId1", "worksheets/sheet1.xml", "rId2", "sharedStrings.xml", "rId3", "/xl/styles.xml"),
		"xl/sharedStrings.xml", `<sst `+sheetNS+`><si><t>Supplier</t></si><si><r><t>Alpha </t></r><r><t>Care Ltd</t></r><rPh><t>no</t></rPh></si></sst>`,
		"xl/styles.xml", `<styleSheet `+sheetNS+`><numFmts><numFmt numFmtId="170" formatCode="&quot;£&quot;#,##0.00"/><numFmt numFmtId="171" formatCode="dd\.mm\.yyyy;@"/><numFmt numFmtId="172" formatCode="[Red]0 &quot;days&quot;"/></numFmts>`+
			`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="9"/><xf numFmtId="170"/><xf numFmtId="171"/><xf numFmtId="20"/><xf numFmtId="172"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml", `<worksheet `+sheetNS+`>`+sheet+`</worksheet>`)
}

func TestReadXLSX(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ sheet, want string }{
		"shared and inline texts":        {`<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>Value</t></is></c></row><row><c t="s"><v>1</v></c><c t="str"><f>A1</f><v>£5m</v></c></row>`, "Supplier\tValue\nAlpha Care Ltd\t£5m"},
		"numbers as they are kept":       {`<row><c><v>1250000</v></c><c><v>0.30000000000000004</v></c><c><v>-2.5</v></c></row>`, "1250000\t0.3\t-2.5"},
		"dates, times and percentages":   {`<row><c s="1"><v>46348</v></c><c s="2"><v>46348.75</v></c><c s="3"><v>0.125</v></c><c s="5"><v>46348</v></c><c s="6"><v>0.5625</v></c></row>`, "22 November 2026\t22 November 2026 18:00\t12.5%\t22 November 2026\t13:30"},
		"pounds":                         {`<row><c s="4"><v>1250000</v></c></row>`, "£1250000"},
		"letters of a literal no format": {`<row><c s="7"><v>30</v></c></row>`, "30"},
		"an ISO date, a truth, an error": {`<row><c t="d"><v>2026-11-22</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c></row>`, "2026-11-22\tTRUE\t#N/A"},
		"empty cells and rows":           {`<row><c r="A1"/><c r="C1"><v>1</v></c></row><row/><row><c r="A3"><v>2</v></c></row>`, "1\n2"},
		"hidden rows and columns":        {`<cols><col min="2" max="3" hidden="1"/></cols><sheetData><row hidden="1"><c r="A1"><v>1</v></c></row><row><c r="A2"><v>2</v></c><c r="B2"><v>3</v></c><c r="AA2"><v>4</v></c></row></sheetData>`, "2\t4"},
		"a date that cannot be":          {`<row><c s="1"><v>99999999</v></c><c s="1"><v>-1</v></c></row>`, "99999999\t-1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, reader(t), workbook(t, tt.sheet))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"Contracts\n" + tt.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the publisher hid is not shown, and the sheets come in the order of the
// book, not of their files.
func TestHiddenSheetsStayHidden(t *testing.T) {
	t.Parallel()
	one := func(v string) string {
		return `<worksheet ` + sheetNS + `><row><c t="inlineStr"><is><t>` + v + `</t></is></c></row></worksheet>`
	}
	got, err := document.ReadOffice(archive(t,
		"xl/workbook.xml", `<workbook `+sheetNS+`><workbookPr date1904="1"/><sheets><sheet name="Last" r:id="r3"/><sheet name="Staff" state="hidden" r:id="r1"/><sheet name="First" r:id="r2"/><sheet name="Chart" r:id="r4"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relations("r1", "worksheets/sheet1.xml", "r2", "worksheets/sheet2.xml", "r3", "worksheets/sheet3.xml", "r4", "chartsheets/sheet1.xml"),
		"xl/worksheets/sheet1.xml", one("home address"), "xl/worksheets/sheet2.xml", one("b"), "xl/worksheets/sheet3.xml", one("a")), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Last\na\n", "First\nb\n"}, got); diff != "" {
		t.Error(diff)
	}
}

func slides(tb testing.TB, bodies ...string) []byte {
	tb.Helper()
	list, rels, parts := "", []string{}, []string{}
	for i, body := range bodies {
		list = fmt.Sprintf(`<p:sldId id="%d" r:id="r%d"/>`, 256+i, i) + list // shown last to first
		rels = append(rels, fmt.Sprintf("r%d", i), fmt.Sprintf("slides/slide%d.xml", i+1))
		parts = append(parts, fmt.Sprintf("ppt/slides/slide%d.xml", i+1), body)
	}
	return archive(tb, append([]string{
		"ppt/presentation.xml", `<p:presentation ` + slideNS + `><p:sldIdLst>` + list + `</p:sldIdLst></p:presentation>`,
		"ppt/_rels/presentation.xml.rels", relations(rels...),
	}, parts...)...)
}

func slide(attrs, body string) string {
	return `<p:sld ` + slideNS + attrs + `><p:cSld><p:spTree>` + body + `</p:spTree></p:cSld></p:sld>`
}

func TestReadPPTX(t *testing.T) {
	t.Parallel()
	const para = `<a:p><a:r><a:t>%s</a:t></a:r></a:p>`
	line := func(s string) string { return fmt.Sprintf(para, s) }
	table := `<a:tbl><a:tr><a:tc><a:txBody>` + line("Lot") + `</a:txBody></a:tc><a:tc><a:txBody>` + line("Provider") + `</a:txBody></a:tc></a:tr></a:tbl>`
	box := `<mc:AlternateContent><mc:Choice>` + line("box") + `</mc:Choice><mc:Fallback>` + line("box") + `</mc:Fallback></mc:AlternateContent>`
	got, err := read(t, reader(t), slides(t,
		slide("", table+box),
		slide(` show="0"`, line("hidden")),
		slide("", `<a:p><a:r><a:t>Options</a:t></a:r><a:br/><a:r><a:t>appraisal</a:t></a:r></a:p>`)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Options\nappraisal", "", "Lot\tProvider\nbox"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDamagedOffice(t *testing.T) {
	t.Parallel()
	cell := `<c t="s"><v>1</v></c>`
	for name, tt := range map[string]struct {
		paper []byte
		want  error
	}{
		"a text that is not there":      {workbook(t, `<row><c t="s"><v>7</v></c></row>`), document.ErrBroken},
		"a sheet that is not there":     {archive(t, "xl/workbook.xml", `<workbook `+sheetNS+`><sheets><sheet name="A" r:id="r1"/></sheets></workbook>`, "xl/_rels/workbook.xml.rels", relations("r1", "worksheets/none.xml")), document.ErrBroken},
		"a slide that is not there":     {archive(t, "ppt/presentation.xml", `<p:presentation `+slideNS+`><p:sldId r:id="r1"/></p:presentation>`), document.ErrBroken},
		"a text named a million times":  {longText(t, 1<<20, strings.Repeat(`<row>`+strings.Repeat(cell, 10)+`</row>`, 20)), document.ErrTooLarge},
		"rows without end":              {workbook(t, strings.Repeat("<row>", 100000)), document.ErrTooLarge},
		"more slides than are read":     {slides(t, "a", "b", "c", "d"), document.ErrTooLarge},
		"neither Word, Excel, nor that": {archive(t, "visio/document.xml", ""), document.ErrUnsupported},
	} {
		if pages, err := document.ReadOffice(tt.paper, 3); !errors.Is(err, tt.want) || pages != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// longText is a workbook whose second shared text has n letters.
func longText(tb testing.TB, n int, sheet string) []byte {
	tb.Helper()
	return archive(tb,
		"xl/workbook.xml", `<workbook `+sheetNS+`><sheets><sheet name="A" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relations("r1", "worksheets/sheet1.xml", "r2", "sharedStrings.xml"),
		"xl/sharedStrings.xml", `<sst `+sheetNS+`><si/><si><t>`+strings.Repeat("x", n)+`</t></si></sst>`,
		"xl/worksheets/sheet1.xml", `<worksheet `+sheetNS+`>`+sheet+`</worksheet>`)
}

// FuzzOffice: whatever a sheet or a slide holds, reading ends in pages within
// the limit or a named error.
func FuzzOffice(f *testing.F) {
	f.Add(`<cols><col min="1" max="2" hidden="1"/></cols><row><c r="C1" t="s" s="1"><v>0</v></c><c s="2"><v>46348.5</v></c></row>`, true)
	f.Add(`<row><c t="inlineStr"><is><t>x</t></is></c><c s="99"><v>1e999</v></c><c t="s"><v>-1</v></c></row>`, true)
	f.Add(slide("", `<a:tbl><a:tr><a:tc><a:p><a:t>x</a:t></a:p></a:tc></a:tr></a:tbl>`), false)
	f.Fuzz(func(t *testing.T, body string, sheet bool) {
		paper := slides(t, body)
		if sheet {
			paper = workbook(t, body)
		}
		pages, err := document.ReadOffice(paper, 5)
		if err != nil && !errors.Is(err, document.ErrBroken) && !errors.Is(err, document.ErrTooLarge) {
			t.Errorf("unnamed: %v", err)
		}
		if err != nil && pages != nil || len(pages) > 5 {
			t.Errorf("%d pages and %v", len(pages), err)
		}
	})
}
