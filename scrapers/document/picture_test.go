package document_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/document"
)

// A picture fills, as an image in grey, a part of a page.
type picture struct {
	width, height int
	grey          []byte
	points        [2]int // its size on the page
	stamp         string // text beside it
}

// scanPDF is a PDF whose pages are pictures; one without pixels is blank.
func scanPDF(pages ...picture) []byte {
	p := newPDF()
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 4+3*i)
	}
	p.object("<< /Type /Catalog /Pages 2 0 R >>")
	p.object("<< /Type /Pages /Count %d /Kids [ %s] >>", len(pages), kids)
	p.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	for i, x := range pages {
		draw := ""
		if x.grey != nil {
			draw = fmt.Sprintf("q %d 0 0 %d 0 0 cm /Im Do Q\n", x.points[0], x.points[1])
		} else {
			x.width, x.height, x.grey = 1, 1, []byte{255}
		}
		if x.stamp != "" {
			draw += "BT /F1 10 Tf 300 20 Td (" + x.stamp + ") Tj ET"
		}
		p.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /Im %d 0 R >> >> >>", 5+3*i, 6+3*i)
		p.stream("", []byte(draw))
		p.stream(fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode", x.width, x.height), deflate(x.grey))
	}
	return p.finish("")
}

func grey(side int) picture {
	return picture{width: side, height: side, grey: bytes.Repeat([]byte{128}, side*side), points: [2]int{595, 842}}
}

// A page that shows what its text does not say is no blank page.
func TestAPageThatIsAPictureSaysSo(t *testing.T) {
	t.Parallel()
	stamped, logo := grey(10), grey(10)
	stamped.stamp = "Page 23"
	logo.points, logo.stamp = [2]int{60, 60}, "Agenda"
	got, err := read(t, reader(t), scanPDF(picture{stamp: "A page of text with a number of words on it"}, grey(10), stamped, picture{}, logo))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A page of text with a number of words on it", document.PictureMark, "Page 23\n" + document.PictureMark, "", "Agenda"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := read(t, reader(t), scanPDF(grey(10), grey(10))); !errors.Is(err, document.ErrNoText) {
		t.Errorf("all pictures: %q, %v", got, err)
	}
}

// Pages that are pictures are recognised where the operator wants it, as many as
// he allows, and say so; without it nothing changes.
func TestPicturesAreRecognised(t *testing.T) {
	t.Parallel()
	tesseract, err := exec.LookPath("tesseract")
	if err != nil {
		t.Skip("SKIPPED: no tesseract (tesseract-ocr) on this machine")
	}
	if underRace {
		t.Skip("SKIPPED: too slow under the race detector")
	}
	const words = "The board approved the insourcing of endoscopy by a private provider"
	scan := drawn(t, "Minutes of the meeting\n"+words+"\nfor twelve months from November.")
	r := reader(t)
	r.Tesseract, r.TesseractPages, r.MemoryMiB = tesseract, 1, 768
	got, err := read(t, r, scanPDF(scan, scan))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], document.RecognisedMark) || !strings.Contains(strings.Join(strings.Fields(got[0]), " "), words) {
		t.Errorf("recognised: %q", got)
	}
	if got[1] != document.PictureMark {
		t.Errorf("beyond the most pages: %q", got[1])
	}
	r.Tesseract = "/nonexistent/tesseract"
	if got, err := read(t, r, scanPDF(scan)); !errors.Is(err, document.ErrNoText) {
		t.Errorf("without tesseract: %q, %v", got, err)
	}
	r.Tesseract, r.TesseractTimeout = tesseract, time.Millisecond
	if got, err := read(t, r, scanPDF(scan)); !errors.Is(err, document.ErrNoText) {
		t.Errorf("without time: %q, %v", got, err)
	}
}

// drawn is text as a scanner sees it.
func drawn(t *testing.T, text string) picture {
	t.Helper()
	ppm, err := exec.LookPath("pdftoppm")
	if err != nil {
		t.Skip("SKIPPED: no pdftoppm (poppler-utils) on this machine")
	}
	cmd := exec.CommandContext(context.Background(), ppm, "-r", "150", "-gray", "-")
	cmd.Stdin = bytes.NewReader(textPDF(text))
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("SKIPPED: pdftoppm: %v", err)
	}
	var x picture
	if _, err := fmt.Fscan(bytes.NewReader(out[2:]), &x.width, &x.height); err != nil {
		t.Fatal(err)
	}
	x.grey, x.points = out[len(out)-x.width*x.height:], [2]int{595, 842}
	return x
}
