package document_test

import (
	"bytes"
	"fmt"
	"testing"

	"ccgwatch/scrapers/document/documenttest"
)

// A pdf is written object by object; tests bend it where they need to.
type pdf struct {
	bytes.Buffer
	offsets []int
}

func newPDF() *pdf {
	p := &pdf{}
	p.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	return p
}

func (p *pdf) object(format string, args ...any) int {
	p.offsets = append(p.offsets, p.Len())
	fmt.Fprintf(p, "%d 0 obj\n%s\nendobj\n", len(p.offsets), fmt.Sprintf(format, args...))
	return len(p.offsets)
}

func (p *pdf) stream(dict string, data []byte) int {
	return p.object("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// finish writes the cross-reference table; trailer entries go into extra.
func (p *pdf) finish(extra string) []byte {
	xref := p.Len()
	fmt.Fprintf(p, "xref\n0 %d\n0000000000 65535 f \n", len(p.offsets)+1)
	for _, o := range p.offsets {
		fmt.Fprintf(p, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(p, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(p.offsets)+1, extra, xref)
	return p.Bytes()
}

func deflate(data []byte) []byte { return documenttest.Deflate(data) }

// papers of text: one string a page, its lines apart by "\n"; WinAnsi.
func textPDF(pages ...string) []byte { return documenttest.TextPDF(pages...) }

// drawnPDF has a page of each of these content streams; F1 is Helvetica.
func drawnPDF(contents ...string) []byte {
	p := newPDF()
	kids := ""
	for i := range contents {
		kids += fmt.Sprintf("%d 0 R ", 4+2*i)
	}
	p.object("<< /Type /Catalog /Pages 2 0 R >>")
	p.object("<< /Type /Pages /Count %d /Kids [ %s] >>", len(contents), kids)
	p.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	for i, content := range contents {
		p.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i)
		p.stream("", []byte(content))
	}
	return p.finish("")
}

// onePage is a PDF whose page has this content stream and these page entries.
func onePage(page, dict string, content []byte) []byte {
	p := newPDF()
	p.object("<< /Type /Catalog /Pages 2 0 R >>")
	p.object("<< /Type /Pages /Count 1 /Kids [ 4 0 R ] >>")
	p.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	p.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> %s >> >>", page)
	p.stream(dict, content)
	return p.finish("")
}

// docx is a Word document with this body, in the main part of this name.
func docx(tb testing.TB, name, body string) []byte {
	tb.Helper()
	return archive(tb, name, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body>`+body+`</w:body></w:document>`)
}

// archive is an office document with these parts: name, content, name, content...
func archive(tb testing.TB, parts ...string) []byte {
	tb.Helper()
	return documenttest.Office(parts...)
}
