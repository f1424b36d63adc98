// Package documenttest writes papers for tests: whole ones of every format that
// is read, and the same spoiled as networks, broken writers and people of ill
// will spoil them.
package documenttest

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
)

// TextPDF has one string a page, its lines apart by "\n", in WinAnsi.
func TextPDF(pages ...string) []byte { return textPDF("/Filter /FlateDecode", "", pages) }

// textPDF packs its pages where they have a filter; dict is in every page.
func textPDF(filter, dict string, pages []string) []byte {
	var out bytes.Buffer
	var offsets []int
	object := func(format string, args ...any) {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), fmt.Sprintf(format, args...))
	}
	out.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 4+2*i)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Count %d /Kids [ %s] >>", len(pages), kids)
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	escape := strings.NewReplacer("\\", "\\\\", "(", "\\(", ")", "\\)", "£", "\xa3", "–", "\x96", "’", "\x92", "\u00a0", "\xa0")
	for i, page := range pages {
		var text bytes.Buffer
		text.WriteString("BT /F1 10 Tf 14 TL 50 800 Td\n")
		for line := range strings.SplitSeq(page, "\n") {
			fmt.Fprintf(&text, "(%s) Tj T*\n", escape.Replace(line))
		}
		text.WriteString("ET\n")
		data := text.Bytes()
		if filter != "" {
			data = Deflate(data)
		}
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> %s >>", 5+2*i, dict)
		object("<< %s /Length %d >>\nstream\n%s\nendstream", filter, len(data), data)
	}
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return out.Bytes()
}

// Deflate packs the data of a PDF's stream. Writing to memory cannot fail.
func Deflate(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}

// Zip is an archive of files: name, content, name, content... Names that
// cannot be written are a mistake of the test.
func Zip(files ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for ; len(files) >= 2; files = files[2:] {
		w, err := z.Create(files[0])
		if err != nil {
			panic(err)
		}
		_, _ = w.Write([]byte(files[1]))
	}
	_ = z.Close()
	return b.Bytes()
}

// Office is an office document of these parts: name, content, name, content...
func Office(parts ...string) []byte {
	return Zip(append([]string{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`}, parts...)...)
}

const relationsNS = `xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`

// relations is a part's list of others: id, target, id, target...
func relations(pairs ...string) string {
	var b strings.Builder
	b.WriteString(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		fmt.Fprintf(&b, `<Relationship Id="%s" Target="%s"/>`, pairs[0], pairs[1])
	}
	return b.String() + `</Relationships>`
}

// Word is a Word document with this body.
func Word(body string) []byte {
	return Office("word/document.xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+
		`<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`+body+`</w:body></w:document>`)
}

// Sheet is a workbook of one sheet, whose shared texts are these.
func Sheet(rows, texts string) []byte {
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` + relationsNS
	return Office(
		"xl/workbook.xml", `<workbook `+ns+`><sheets><sheet name="Garden" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relations("rId1", "worksheets/sheet1.xml", "rId2", "sharedStrings.xml", "rId3", "styles.xml"),
		"xl/sharedStrings.xml", `<sst `+ns+`>`+texts+`</sst>`,
		"xl/styles.xml", `<styleSheet `+ns+`><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml", `<worksheet `+ns+`><sheetData>`+rows+`</sheetData></worksheet>`)
}

// Slides are a presentation; each body is what stands on one slide.
func Slides(bodies ...string) []byte {
	const ns = `xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" ` + relationsNS
	list, rels, parts := "", []string{}, []string{}
	for i, body := range bodies {
		list += fmt.Sprintf(`<p:sldId id="%d" r:id="r%d"/>`, 256+i, i)
		rels = append(rels, fmt.Sprintf("r%d", i), fmt.Sprintf("slides/slide%d.xml", i+1))
		parts = append(parts, fmt.Sprintf("ppt/slides/slide%d.xml", i+1), `<p:sld `+ns+`><p:cSld><p:spTree>`+body+`</p:spTree></p:cSld></p:sld>`)
	}
	return Office(append([]string{
		"ppt/presentation.xml", `<p:presentation ` + ns + `><p:sldIdLst>` + list + `</p:sldIdLst></p:presentation>`,
		"ppt/_rels/presentation.xml.rels", relations(rels...),
	}, parts...)...)
}
