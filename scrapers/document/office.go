package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Bounds of an office document.
const (
	maxParts = 10000    // files in the archive
	maxXML   = 64 << 20 // bytes of the parts that are read, expanded, all together
	maxRatio = 200      // expanded to compressed, beyond the first MiB; real ones stay below 50
	maxDepth = 500      // of elements in elements
)

// An office is the archive that a modern office document is (ECMA-376,
// "Office Open XML"): parts by name.
type office struct {
	parts map[string]*zip.File
	room  int64 // bytes that may still be expanded
}

// readOffice reads a Word, Excel or PowerPoint document, whichever it is by
// its main part.
func readOffice(data []byte, most int) ([]string, error) {
	o, err := openOffice(data)
	if err != nil {
		return nil, err
	}
	if part := o.mainPart("word/document"); part != "" {
		return readDOCX(o, part, most)
	}
	if part := o.mainPart("xl/workbook"); part != "" {
		return readXLSX(o, part, most)
	}
	if part := o.mainPart("ppt/presentation"); part != "" {
		return readPPTX(o, part, most)
	}
	return nil, fmt.Errorf("%w: an archive without an office document in it", ErrUnsupported)
}

func openOffice(data []byte) (*office, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: zip archive: %w", ErrBroken, err)
	case len(z.File) > maxParts:
		return nil, fmt.Errorf("%w: an archive of %d files", ErrTooLarge, len(z.File))
	}
	o := &office{parts: make(map[string]*zip.File, len(z.File)), room: maxXML}
	for _, f := range z.File {
		o.parts[f.Name] = f
	}
	return o, nil
}

// mainPart finds the part that the document begins with: NAME.xml, or the
// numbered one that some writers make. "" if there is none.
func (o *office) mainPart(name string) (found string) {
	if o.parts[name+".xml"] != nil {
		return name + ".xml"
	}
	for n := range o.parts {
		if strings.HasPrefix(n, name) && strings.HasSuffix(n, ".xml") && (found == "" || n < found) {
			found = n
		}
	}
	return found
}

// read hands a part to f, within the bounds of what may be expanded. Whatever
// f says of it is the paper's fault.
func (o *office) read(name string, f func(*xml.Decoder) error) error {
	part := o.parts[name]
	switch {
	case part == nil:
		return fmt.Errorf("%w: %s is missing", ErrBroken, name)
	case part.Flags&1 != 0:
		return fmt.Errorf("%w: an archive with a password", ErrEncrypted)
	}
	r, err := part.Open()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBroken, name, err)
	}
	defer r.Close()
	room := min(o.room, max(1<<20, int64(min(part.CompressedSize64, maxXML))*maxRatio))
	limited := &io.LimitedReader{R: r, N: room + 1}
	err = f(xml.NewDecoder(limited))
	o.room -= room + 1 - limited.N
	switch {
	case limited.N <= 0:
		return fmt.Errorf("%w: %s expands beyond %d MiB or %d times its size", ErrTooLarge, name, maxXML>>20, maxRatio)
	case errors.Is(err, ErrTooLarge):
		return err
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrBroken, name, err)
	}
	return nil
}

// related gives the parts that a part refers to, by the id it calls them. A
// part without references has none.
func (o *office) related(name string) (map[string]string, error) {
	rels := path.Dir(name) + "/_rels/" + path.Base(name) + ".rels"
	out := map[string]string{}
	if o.parts[rels] == nil {
		return out, nil
	}
	err := o.read(rels, func(d *xml.Decoder) error {
		return elements(d, func(t xml.StartElement) error {
			if target := attr(t, "Target"); t.Name.Local == "Relationship" && attr(t, "TargetMode") != "External" {
				if !strings.HasPrefix(target, "/") {
					target = path.Join(path.Dir(name), target)
				}
				out[attr(t, "Id")] = strings.TrimPrefix(target, "/")
			}
			return nil
		}, nil, nil)
	})
	return out, err
}

// elements calls start, end and text (either may be nil) for what a part
// holds, in order. A start that returns errSkip leaves its element out.
func elements(d *xml.Decoder, start, end func(xml.StartElement) error, text func(string)) error {
	var open []xml.StartElement
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(open) >= maxDepth {
				return fmt.Errorf("%w: elements nested deeper than %d", ErrTooLarge, maxDepth)
			}
			err := start(t)
			if errors.Is(err, errSkip) {
				err = skip(d)
			} else {
				open = append(open, xml.StartElement{Name: t.Name})
			}
			if err != nil {
				return err
			}
		case xml.EndElement:
			last := open[len(open)-1] // the decoder matches them
			open = open[:len(open)-1]
			if end != nil {
				if err := end(last); err != nil {
					return err
				}
			}
		case xml.CharData:
			if text != nil {
				text(string(t))
			}
		}
	}
}

var errSkip = errors.New("leave this element out")

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

// attr is the value of an attribute in whatever name space, "" if it is absent.
func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// yes reads a boolean of the schema.
func yes(v string) bool { return v == "1" || v == "true" || v == "on" }
