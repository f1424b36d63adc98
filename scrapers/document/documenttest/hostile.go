package documenttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Mill spoils papers. What stands in them is about clocks and gardens: nothing
// that the rules of this program look for, so that whatever they find in a
// spoiled one was never there.
type Mill struct {
	rnd   *rand.Rand
	whole [][]byte          // papers of every format
	inner map[string][]byte // the part of a paper that is compressed in it, by format
}

// The prose of the seeds.
const (
	clock  = "The clock in the entrance hall was five minutes slow on Tuesday, and nobody could say why."
	garden = "The gardener planted forty tulips beside the north path; the frost took six of them."
	stairs = "The lamp on the back stairs burns again since Thursday 12 March 2026."
)

func para(text string) string { return `<w:p><w:r><w:t>` + text + `</w:t></w:r></w:p>` }

func line(text string) string { return `<a:p><a:r><a:t>` + text + `</a:t></a:r></a:p>` }

// NewMill spoils by a seed: the same one gives the same papers.
func NewMill(seed uint64) *Mill {
	m := &Mill{rnd: rand.New(rand.NewPCG(seed, 0)), inner: map[string][]byte{ //nolint:gosec // to be repeatable, not secret
		"docx": []byte(para(clock) + `<w:tbl><w:tr><w:tc>` + para("Room") + `</w:tc><w:tc>` + para("Lamp") + `</w:tc></w:tr></w:tbl>` + para(garden)),
		"xlsx": []byte(`<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>46348</v></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>` + stairs + `</t></is></c><c r="B2" s="2"><v>46348.5</v></c></row>`),
		"pptx": []byte(line("Clocks") + line(clock)),
		"html": []byte(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>House notes</title><script>var a = "<p>";</script></head><body><nav><a href="/">menu</a></nav>` +
			`<main><h1>House notes</h1><p>` + clock + `</p><table><caption>Lamps</caption><tr><th>Room</th><td>Hall &amp; stairs</td></tr></table><h2>Garden</h2><ul><li>` + garden + `</li></ul></main></body></html>`),
		"pdf": TextPDF("Item 7: the clock\n"+clock, garden, strings.Repeat("a long line of a paper ", 200)),
	}}
	for _, format := range []string{"docx", "xlsx", "pptx", "html", "pdf", "zip"} {
		m.whole = append(m.whole, m.around(format, m.inner[format]))
	}
	m.whole = append(m.whole, textPDF("", "/Rotate 90", []string{stairs})) // not packed, and lying on its side
	return m
}

// around builds a whole paper around a part.
func (m *Mill) around(format string, part []byte) []byte {
	switch format {
	case "docx":
		return Word(string(part))
	case "xlsx":
		return Sheet(string(part), `<si><t>Hall</t></si><si><r><t>Back </t></r><r><t>stairs</t></r></si>`)
	case "pptx":
		return Slides(string(part), line(garden))
	case "zip":
		return Zip("1 Notes.html", string(m.inner["html"]), "reports/2 Clock.pdf", string(m.inner["pdf"]), "reports/3 Lamps.docx", string(Word(string(m.inner["docx"]))))
	}
	return part
}

// Seeds are the papers that are spoiled, whole.
func (m *Mill) Seeds() [][]byte { return m.whole }

// Next is the next spoiled paper: one in three is whole outside, and spoiled in
// the part that an unpacker has to open it for.
func (m *Mill) Next(i int) []byte {
	if i%3 != 0 {
		return m.spoil(m.whole)
	}
	formats := []string{"docx", "xlsx", "pptx", "html", "pdf"}
	format := formats[m.rnd.IntN(len(formats))]
	part := m.around(format, m.spoil([][]byte{m.inner[format]}))
	if m.rnd.IntN(2) == 0 && format != "html" && format != "pdf" {
		return part
	}
	return Zip("1 Notes.html", string(m.inner["html"]), fmt.Sprintf("reports/2 Paper.%s", format), string(part))
}

// spoil spoils one of some papers, up to six times.
func (m *Mill) spoil(papers [][]byte) []byte {
	rnd := m.rnd
	b := bytes.Clone(papers[rnd.IntN(len(papers))])
	words := []string{
		"obj", "endobj", "stream", "endstream", "/Kids [ 2 0 R ]", "/Length 99999999999", "/Filter [/FlateDecode /FlateDecode /LZWDecode]", "-1", "4294967295",
		"<w:p>", "</w:p>", "<row>", "<tr><td>", "</main>", "<script>", "&#x0;", "&#1114112;", "<!DOCTYPE x [<!ENTITY a \"b\">]>", "&a;",
		"PK\x03\x04", "PK\x05\x06", "PK\x01\x02", "%PDF-1.7\n", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\xff\xfe", strings.Repeat("<div>", 400),
	}
	for range 1 + rnd.IntN(6) {
		if len(b) < 8 {
			break
		}
		at := rnd.IntN(len(b) - 4)
		to := min(len(b), at+1+rnd.IntN(64))
		switch rnd.IntN(8) {
		case 0:
			b[at] ^= 1 << rnd.IntN(8)
		case 1:
			b = b[:at+1]
		case 2:
			b = append(b[:at:at], b[to:]...)
		case 3:
			b = append(b[:to:to], b[at:]...)
		case 4:
			w := words[rnd.IntN(len(words))]
			b = append(b[:at:at], append([]byte(w), b[at:]...)...)
		case 5:
			copy(b[at:], words[rnd.IntN(len(words))])
		case 6:
			clear(b[at:to])
		case 7:
			other := papers[rnd.IntN(len(papers))]
			b = append(b[:at:at], other[rnd.IntN(len(other)):]...)
		}
	}
	return b
}
