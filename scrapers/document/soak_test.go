package document_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"ccgwatch/scrapers/document"
	"ccgwatch/store/storetest"
)

// Hostile papers (P24): whatever the bytes, reading ends in pages or in a
// named error, within the bounds, and leaves nothing behind: no goroutine, no
// open file, no memory. CCGWATCH_SEED repeats a run.
func TestPromiseHostileDocuments(t *testing.T) {
	n := 24
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		n = 10000
	case os.Getenv("CCGWATCH_PROMISES") != "":
		n = 500
	}
	seed := storetest.Seed(t)
	rnd := rand.New(rand.NewPCG(seed, 0))
	seeds := hostileSeeds(t)
	r := reader(t)
	if _, err := r.Read(t.Context(), bytes.NewReader(seeds[0])); err != nil {
		t.Fatal(err) // and the cache is warm
	}
	files, routines, memory := openFiles(t), runtime.NumGoroutine(), heap()
	ends := map[string]int{}
	for i := range n {
		paper := mutate(rnd, seeds)
		if i%3 == 0 { // an archive that is whole around a part that is not
			body := mutate(rnd, [][]byte{
				[]byte(p("one") + `<w:tbl><w:tr><w:tc>` + p("cell") + `</w:tc></w:tr></w:tbl>`),
				[]byte(`<row><c t="s"><v>1</v></c><c r="B1" s="2"><v>46348.5</v></c></row>`),
				[]byte(slide("", `<a:p><a:t>one</a:t></a:p>`)),
			})
			paper = [][]byte{docx(t, "word/document.xml", string(body)), workbook(t, string(body)), slides(t, string(body))}[rnd.IntN(3)]
		}
		pages, err := r.Read(t.Context(), bytes.NewReader(paper))
		end := "read"
		for _, known := range []error{
			document.ErrEncrypted, document.ErrBroken, document.ErrNoText, document.ErrTooLarge, document.ErrTimeout, document.ErrUnsupported,
		} {
			if errors.Is(err, known) {
				end = known.Error()
			}
		}
		ends[end]++
		if end == "read" && (err != nil || len(pages) == 0) || end != "read" && pages != nil {
			name := t.ArtifactDir() + "/paper"
			_ = os.WriteFile(name, paper, 0o600)
			t.Errorf("paper %d (%s): %d pages and %v", i, name, len(pages), err)
		}
	}
	t.Logf("%d papers: %v", n, ends)
	if got := openFiles(t); got > files {
		t.Errorf("%d files are open, %d before", got, files)
	}
	for wait := 0; runtime.NumGoroutine() > routines && wait < 100; wait++ {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine(); got > routines+2 {
		t.Errorf("%d goroutines, %d before", got, routines)
	}
	if got := heap(); got > memory+50<<20 {
		t.Errorf("the heap has grown from %d to %d MiB", memory>>20, got>>20)
	}
}

func hostileSeeds(t *testing.T) [][]byte {
	t.Helper()
	return [][]byte{
		textPDF("Item 7: award of a contract", "page two", strings.Repeat("a long line of a paper ", 200)),
		onePage("/Rotate 90", "", []byte("BT /F1 12 Tf 50 700 Td (one page) Tj ET")),
		docx(t, "word/document.xml", p("one")+`<w:tbl><w:tr><w:tc>`+p("cell")+`</w:tc></w:tr></w:tbl>`),
		workbook(t, `<row><c t="s"><v>1</v></c><c s="2"><v>46348.5</v></c></row>`),
		slides(t, slide("", `<a:p><a:t>one</a:t></a:p>`), slide("", `<a:p><a:t>two</a:t></a:p>`)),
		[]byte(`<!DOCTYPE html><html><head><title>Papers</title></head><body><nav>menu</nav><main><h1>Board</h1><p>one</p><table><tr><td>cell</td></tr></table><h2>Item 2</h2><ul><li>two</li></ul></main></body></html>`),
		archive(t, "1 Agenda.html", "<html><body><main><p>one</p></main></body></html>", "2 Report.pdf", string(textPDF("page one"))),
	}
}

// mutate spoils one of the seeds as networks, broken writers and people of ill
// will do.
func mutate(rnd *rand.Rand, seeds [][]byte) []byte {
	b := bytes.Clone(seeds[rnd.IntN(len(seeds))])
	words := []string{
		"obj", "endobj", "stream", "endstream", "/Kids [ 2 0 R ]", "/Length 99999999999", "/Filter [/FlateDecode /FlateDecode /LZWDecode]", "-1", "4294967295",
		"<w:p>", "</w:p>", "<row>", "&#x0;", "<!DOCTYPE x [<!ENTITY a \"b\">]>", "&a;", "PK\x03\x04", "PK\x05\x06", "%PDF-1.7\n", "\x00\x00\x00\x00", "\xff\xff\xff\xff",
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
			other := seeds[rnd.IntN(len(seeds))]
			b = append(b[:at:at], other[rnd.IntN(len(other)):]...)
		}
	}
	return b
}
