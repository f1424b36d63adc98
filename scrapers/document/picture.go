package document

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// What makes a page a picture.
const (
	fewLetters  = 25   // a number and a date may be stamped on a scan
	mostOfPage  = 0.5  // of the page's area, for one image
	manyStrokes = 200  // text drawn as outlines has more
	objectsSeen = 2000 // of a page
)

// picture tells whether a page shows what its text does not say: it has next to
// no text, and an image over most of it, or so many strokes that they are text
// drawn as outlines. A blank page, or one with a logo, is none. What PDFium
// cannot tell counts as no.
func (b *box) picture(page references.FPDF_PAGE, text string) bool {
	if letters(text) >= fewLetters {
		return false
	}
	on := requests.Page{ByReference: &page}
	count, err := b.instance.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: on})
	if err != nil || count.Count == 0 {
		return false
	}
	width, err := b.instance.FPDF_GetPageWidthF(&requests.FPDF_GetPageWidthF{Page: on})
	if err != nil {
		return false
	}
	height, err := b.instance.FPDF_GetPageHeightF(&requests.FPDF_GetPageHeightF{Page: on})
	if err != nil {
		return false
	}
	area, strokes := width.PageWidth*height.PageHeight, 0
	var covered float32
	for i := range min(count.Count, objectsSeen) {
		object, err := b.instance.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: on, Index: i})
		if err != nil {
			return false
		}
		kind, err := b.instance.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: object.PageObject})
		if err != nil {
			return false
		}
		switch kind.Type {
		case enums.FPDF_PAGEOBJ_PATH:
			strokes++
		case enums.FPDF_PAGEOBJ_IMAGE, enums.FPDF_PAGEOBJ_FORM: // scanners cut a page into strips, or wrap it
			if r, err := b.instance.FPDFPageObj_GetBounds(&requests.FPDFPageObj_GetBounds{PageObject: object.PageObject}); err == nil {
				covered += max(0, r.Right-r.Left) * max(0, r.Top-r.Bottom)
			}
		}
	}
	return covered > mostOfPage*area || strokes >= manyStrokes
}

func letters(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// The size a page is rendered in, at most: A4 at about 200 dots an inch.
const (
	pictureWidth  = 1700
	pictureHeight = 2400
	// onePicture is the most time for one page.
	onePicture = 45 * time.Second
)

// recognisePages has tesseract read the pages that are pictures, as many as it
// may. One that it cannot read stays as it is.
func (c *child) recognisePages(b *box, doc references.FPDF_DOCUMENT, pages []string) {
	done := 0
	for i, text := range pages {
		if !strings.Contains(text, PictureMark) || done >= c.recognise {
			continue
		}
		done++
		pnm, err := b.render(doc, i)
		if err != nil {
			continue
		}
		said, err := c.runTesseract(pnm)
		if err != nil || letters(said) < fewLetters {
			continue
		}
		pages[i] = strings.TrimSpace(strings.Replace(text, PictureMark, "", 1) + "\n" + RecognisedMark + "\n\n" + said)
	}
}

// render draws a page (0 is the first) in grey, as a PGM file.
func (b *box) render(doc references.FPDF_DOCUMENT, n int) ([]byte, error) {
	got, err := b.instance.RenderPageInPixels(&requests.RenderPageInPixels{
		Page:        requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: n}},
		Width:       pictureWidth,
		Height:      pictureHeight,
		ImageFormat: requests.RenderImageFormatGrayscale,
	})
	if err != nil {
		return nil, err
	}
	defer got.CleanupFunc()
	grey, ok := got.Result.RenderedImage.(*image.Gray)
	if !ok {
		return nil, fmt.Errorf("page %d was rendered as %T", n+1, got.Result.RenderedImage)
	}
	size := grey.Bounds().Size()
	var out bytes.Buffer
	out.WriteString("P5\n" + strconv.Itoa(size.X) + " " + strconv.Itoa(size.Y) + "\n255\n")
	for y := range size.Y {
		out.Write(grey.Pix[y*grey.Stride : y*grey.Stride+size.X])
	}
	return out.Bytes(), nil
}

// runTesseract lets the operator's tesseract read a picture. It inherits our
// limits, writes no file, and dies with our process group.
func (c *child) runTesseract(picture []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), onePicture)
	defer cancel()
	text := &bounded{most: 1 << 20}
	cmd := exec.CommandContext(ctx, c.tesseract, "stdin", "stdout", "-l", "eng", "--dpi", "200") //nolint:gosec // the operator's path
	cmd.Stdin, cmd.Stdout = bytes.NewReader(picture), text
	cmd.Env = []string{"LC_ALL=C", "OMP_THREAD_LIMIT=1"}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start tesseract: %w", err)
	}
	limited := limitMemory(cmd.Process.Pid, c.memory)
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("tesseract: %w", err)
	}
	return strings.ReplaceAll(text.String(), "\f", "\n"), limited
}
