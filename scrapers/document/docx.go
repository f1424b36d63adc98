package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readDOCX takes the text of a Word document: its paragraphs in order, table
// cells apart by tabs, and pages where the file says that a page ends (Word
// saves where it last broke them; some writers save nothing, and the document
// is one page). Headers, footers, notes, comments and deleted text are left out.
func readDOCX(o *office, part string, most int) ([]string, error) {
	w := wordText{most: most}
	if err := o.read(part, w.read); err != nil {
		return nil, err
	}
	return w.pages, nil
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

// ours tells the elements of WordprocessingML, in either of its name spaces.
func ours(n xml.Name) bool {
	return strings.HasSuffix(n.Space, "/wordprocessingml/2006/main") || strings.HasSuffix(n.Space, "/wordprocessingml/main")
}

func (w *wordText) start(t xml.StartElement) error {
	attr := func(name string) string { return attr(t, name) }
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
