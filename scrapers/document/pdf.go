package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"strings"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// A box holds PDFium: one instance in linear memory of fixed size.
type box struct {
	pool     pdfium.Pool
	instance pdfium.Pdfium
	memory   *linear
	probe    *probe
	room     []glyph // of the page before, for the next
	dead     bool    // PDFium trapped: nothing more can be asked of it
}

// newPDFium compiles PDFium, or takes it from the cache, and starts it.
func newPDFium(cache string, memoryMiB int) (*box, error) {
	// Cancelling by context would be checked on every loop inside PDFium and
	// halves its speed; the process is killed instead.
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(false)
	if cache != "" {
		c, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, fmt.Errorf("open the cache of compiled code: %w", err)
		}
		config = config.WithCompilationCache(c)
	}
	memory, err := reserve(uint64(max(memoryMiB, 64)) << 20 / 4 * 3)
	if err != nil {
		return nil, err
	}
	b := &box{memory: &linear{bytes: memory}}
	b.probe = &probe{memory: b.memory}
	ctx := experimental.WithMemoryAllocator(context.Background(), b.memory)
	ctx = experimental.WithFunctionListenerFactory(ctx, b.probe)
	pool, err := webassembly.Init(webassembly.Config{
		Context:       ctx,
		MaxIdle:       1,
		MaxTotal:      1,
		RuntimeConfig: config,
		FSConfig:      wazero.NewFSConfig(), // the default mounts /
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("start PDFium: %w", err)
	}
	b.pool = pool
	if b.instance, err = pool.GetInstanceWithContext(context.Background()); err != nil {
		return nil, fmt.Errorf("start PDFium: %w", err)
	}
	debug.FreeOSMemory() // what compiling left behind
	return b, nil
}

func (b *box) close() error { return b.pool.Close() }

// linear is the memory of the box: reserved once, never moved, never grown
// beyond its most. (A limit in wazero alone still lets it copy on growth, and
// a hostile file then takes several times the limit.)
type linear struct {
	bytes   []byte
	refused bool // PDFium has asked for more
}

// Allocate implements experimental.MemoryAllocator.
func (l *linear) Allocate(_, _ uint64) experimental.LinearMemory { return l }

// Reallocate implements experimental.LinearMemory.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.bytes)) {
		l.refused = true
		return nil
	}
	return l.bytes[:size]
}

// Free implements experimental.LinearMemory: the process ends with the box.
func (l *linear) Free() {}

// runPDFium reads a PDF in the box.
func (c *child) runPDFium(data []byte) ([]string, error) {
	b, err := newPDFium(c.cache, c.memory)
	if err != nil {
		return nil, err
	}
	files := 0
	if c.tesseract != "" {
		files = 64
	}
	if err := c.ready(files); err != nil {
		return nil, err
	}
	var look func(references.FPDF_DOCUMENT, []string)
	if c.tesseract != "" {
		look = func(doc references.FPDF_DOCUMENT, pages []string) { c.recognisePages(b, doc, pages) }
	}
	pages, err := b.read(data, c.pages, look)
	if err != nil && b.memory.refused {
		return nil, fmt.Errorf("%w: it takes more than %d MiB of memory", ErrTooLarge, c.memory)
	}
	return pages, err
}

// read takes the text out of every page, and has look, if not nil, look at the
// whole before the document is closed. After a trap the instance is in no known
// state, so the first error ends it.
func (b *box) read(data []byte, most int, look func(references.FPDF_DOCUMENT, []string)) (pages []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			b.dead = true
			pages, err = nil, fmt.Errorf("%w: PDFium: %v", ErrBroken, p)
		}
	}()
	doc, err := b.instance.OpenDocument(&requests.OpenDocument{File: &data})
	switch {
	case errors.Is(err, pdferrors.ErrPassword):
		return nil, fmt.Errorf("%w: it asks for a password", ErrEncrypted)
	case errors.Is(err, pdferrors.ErrSecurity):
		return nil, fmt.Errorf("%w: in a way that PDFium does not know", ErrEncrypted)
	case err != nil:
		return nil, fmt.Errorf("%w: PDFium: %w", ErrBroken, err)
	}
	defer func() {
		if !b.dead {
			_, _ = b.instance.FPDF_CloseDocument(&requests.FPDF_CloseDocument{Document: doc.Document})
		}
	}()
	count, err := b.instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return nil, fmt.Errorf("%w: its number of pages: %w", ErrBroken, err)
	}
	if count.PageCount > most {
		return nil, tooManyPages(count.PageCount, most)
	}
	size := 0
	for n := range count.PageCount {
		text, err := b.page(doc.Document, n, maxText-size)
		switch {
		case errors.Is(err, ErrTooLarge):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: page %d of %d: PDFium: %w", ErrBroken, n+1, count.PageCount, err)
		}
		size += len(text)
		pages = append(pages, text)
	}
	if look != nil {
		look(doc.Document, pages)
	}
	return pages, nil
}

// page reads one page (0 is the first): its words are made from where PDFium
// says its characters stand.
func (b *box) page(doc references.FPDF_DOCUMENT, n, room int) (string, error) {
	page, err := b.instance.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: doc, Index: n})
	if err != nil {
		return "", err
	}
	text, err := b.instance.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: requests.Page{ByReference: &page.Page}})
	if err != nil {
		return "", err
	}
	chars, err := b.instance.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: text.TextPage})
	if err != nil {
		return "", err
	}
	var s string
	switch {
	case chars.Count > room:
		return "", fmt.Errorf("%w: more than %d MiB of text", ErrTooLarge, maxText>>20)
	case chars.Count > 0:
		if b.room, err = b.probe.glyphs(chars.Count, b.frame(page.Page), b.room); err != nil {
			return "", err
		}
		s = compose(b.room)
	}
	if b.picture(page.Page, s) {
		s = strings.TrimSpace(s + "\n" + PictureMark)
	}
	if _, err := b.instance.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: text.TextPage}); err != nil {
		return "", err
	}
	if _, err := b.instance.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: page.Page}); err != nil {
		return "", err
	}
	return s, nil
}

// frame is the part of a page that is shown; where PDFium cannot tell, all there is.
func (b *box) frame(page references.FPDF_PAGE) frame {
	got, err := b.instance.FPDF_GetPageBoundingBox(&requests.FPDF_GetPageBoundingBox{Page: requests.Page{ByReference: &page}})
	if err != nil || got.Rect.Right <= got.Rect.Left || got.Rect.Top <= got.Rect.Bottom {
		return frame{left: -math.MaxFloat32, bottom: -math.MaxFloat32, right: math.MaxFloat32, top: math.MaxFloat32}
	}
	return frame{left: got.Rect.Left, bottom: got.Rect.Bottom, right: got.Rect.Right, top: got.Rect.Top}
}
