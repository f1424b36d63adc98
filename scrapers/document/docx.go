package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of an office document.
const (
	maxParts = 10000    // files in the archive
	maxXML   = 64 << 20 // bytes of the main part, expanded
	maxRatio = 200      // expanded to compressed, beyond the first MiB; real ones stay below 50
	maxDepth = 500      // of elements in elements
)

// readDOCX takes the text of a Word document: its paragraphs in order, table
// cells apart by tabs, and pages where the file says that a page ends (Word
// saves where it last broke them; some writers save nothing, and the document
// is one page). Headers, footers, notes, comments and deleted text are left out.
func readDOCX(data []byte, most int) ([]string, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrInsecurePath):
		return nil, fmt.Errorf("%w: zip archive: %w", ErrBroken, err)
	case err != nil:
		return nil, fmt.Errorf("%w: zip archive: %w", ErrBroken, err)
	case len(z.File) > maxParts:
		return nil, fmt.Errorf("%w: an archive of %d files", ErrTooLarge, len(z.File))
	}
	part := mainPart(z)
	switch {
	case part == nil:
		return nil, fmt.Errorf("%w: an archive without a Word document in it", ErrUnsupported)
	case part.Flags&1 != 0:
		return nil, fmt.Errorf("%w: an archive with a password", ErrEncrypted)
	}
	r, err := part.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBroken, part.Name, err)
	}
	defer r.Close()
	room := min(maxXML, max(1<<20, int64(min(part.CompressedSize64, maxXML))*maxRatio))
	limited := &io.LimitedReader{R: r, N: room + 1}
	w := wordText{most: most}
	err = w.read(xml.NewDecoder(limited))
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("%w: %s expands beyond %d MiB or %d times its size", ErrTooLarge, part.Name, maxXML>>20, maxRatio)
	case errors.Is(err, ErrTooLarge):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrBroken, part.Name, err)
	}
	return w.pages, nil
}

// mainPart finds the document within the archive: word/document.xml, or the
// numbered one that some writers make.
func mainPart(z *zip.Reader) (found *zip.File) {
	for _, f := range z.File {
		switch {
		case f.Name == "word/document.xml":
			return f
		case strings.HasPrefix(f.Name, "word/document") && strings.HasSuffix(f.Name, ".xml"):
			found = f
		}
	}
	return found
}

// wordText gathers the text of a Word document.
type wordText struct {
	most  int
	pages []string
	page  []byte
	text  int  // inside so many w:t
	next  bool // a section ends with this paragraph, and its page with it
}

func (w *wordText) read(d *xml.Decoder) error {
	depth, seen := 0, false
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && seen:
			return w.endPage(true)
		case errors.Is(err, io.EOF):
			return errors.New("it holds no document")
		case err != nil:
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			seen = seen || t.Name.Local == "document" && ours(t.Name)
			switch {
			case depth > maxDepth:
				return fmt.Errorf("%w: elements nested deeper than %d", ErrTooLarge, maxDepth)
			case t.Name.Local == "Fallback", t.Name.Local == "del" && ours(t.Name), t.Name.Local == "moveFrom" && ours(t.Name):
				// Fallback repeats what stands beside it; the others are changes not accepted yet.
				if err := skip(d); err != nil {
					return err
				}
				depth--
			case ours(t.Name):
				if err := w.start(t); err != nil {
					return err
				}
			}
		case xml.EndElement:
			depth--
			if ours(t.Name) {
				if err := w.end(t); err != nil {
					return err
				}
			}
		case xml.CharData:
			if w.text > 0 {
				w.write(string(t))
			}
		}
	}
}

// skip passes over the rest of an element without keeping any of it.
// (xml.Decoder.Skip does the same, and calls itself for each level in some versions.)
func skip(d *xml.Decoder) error {
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: elements nested deeper than %d", ErrTooLarge, maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// ours tells the elements of WordprocessingML, in either of its name spaces.
func ours(n xml.Name) bool {
	return strings.HasSuffix(n.Space, "/wordprocessingml/2006/main") || strings.HasSuffix(n.Space, "/wordprocessingml/main")
}

func (w *wordText) start(t xml.StartElement) error {
	attr := func(name string) string {
		for _, a := range t.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	switch t.Name.Local {
	case "t":
		w.text++
	case "tab":
		if attr("pos") == "" { // else it says where a tab goes
			w.write("\t")
		}
	case "noBreakHyphen":
		w.write("-")
	case "softHyphen":
		w.write("\u00AD")
	case "lastRenderedPageBreak":
		return w.endPage(false)
	case "pageBreakBefore":
		if v := attr("val"); v != "0" && v != "false" {
			return w.endPage(false)
		}
	case "br", "cr":
		if attr("type") == "page" {
			return w.endPage(false)
		}
		w.write("\n")
	case "sectPr":
		w.next = true
	case "type": // of a section
		if v := attr("val"); v == "continuous" || v == "nextColumn" {
			w.next = false
		}
	}
	return nil
}

func (w *wordText) end(t xml.EndElement) error {
	switch t.Name.Local {
	case "t":
		w.text--
	case "tc":
		w.page = bytes.TrimRight(w.page, "\n")
		w.write("\t")
	case "tr":
		w.write("\n")
	case "p":
		w.write("\n")
		if w.next {
			w.next = false
			return w.endPage(false)
		}
	case "body":
		w.next = false
	}
	return nil
}

func (w *wordText) write(s string) { w.page = append(w.page, s...) }

// endPage begins a new page, unless this one is still empty: Word marks a page
// break both where it was asked for and where it came to be.
func (w *wordText) endPage(last bool) error {
	if len(bytes.TrimSpace(w.page)) == 0 && (!last || len(w.pages) > 0) {
		return nil
	}
	w.pages = append(w.pages, string(w.page))
	w.page = w.page[:0]
	if len(w.pages) > w.most {
		return fmt.Errorf("%w: more than %d pages", ErrTooLarge, w.most)
	}
	return nil
}
