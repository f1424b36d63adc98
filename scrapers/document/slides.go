package document

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// readPPTX takes the text of a presentation: a slide is a page, its paragraphs
// in the order of the file, table cells apart by tabs. A hidden slide is an
// empty page, so that the numbers of the others stay what a reader sees. Notes,
// charts and drawn diagrams are left out.
func readPPTX(o *office, part string, most int) ([]string, error) {
	rels, err := o.related(part)
	if err != nil {
		return nil, err
	}
	var slides []string
	err = o.read(part, func(d *xml.Decoder) error {
		return elements(d, func(t xml.StartElement) error {
			if t.Name.Local == "sldId" {
				slides = append(slides, rels[relationID(t)])
			}
			return nil
		}, nil, nil)
	})
	switch {
	case err != nil:
		return nil, err
	case len(slides) > most:
		return nil, tooManyPages(len(slides), most)
	}
	var pages []string
	for i, name := range slides {
		if name == "" {
			return nil, fmt.Errorf("%w: slide %d is not in the file", ErrBroken, i+1)
		}
		var s slideText
		if err := o.read(name, s.read); err != nil {
			return nil, err
		}
		pages = append(pages, string(s.text))
	}
	return pages, nil
}

// slideText gathers the text of a slide.
type slideText struct {
	text []byte
	in   int // inside so many a:t
}

func (s *slideText) read(d *xml.Decoder) error {
	return elements(d, func(t xml.StartElement) error {
		switch t.Name.Local {
		case "sld":
			if show := attr(t, "show"); show == "0" || show == "false" {
				return errSkip
			}
		case "Fallback": // it repeats what stands beside it
			return errSkip
		case "t":
			s.in++
		case "br":
			s.text = append(s.text, '\n')
		}
		return nil
	}, s.end, func(text string) {
		if s.in > 0 {
			s.text = append(s.text, text...)
		}
	})
}

func (s *slideText) end(t xml.StartElement) error {
	switch t.Name.Local {
	case "t":
		s.in--
	case "p":
		s.text = append(s.text, '\n')
	case "tc": // its paragraph has ended the line
		s.text = append(bytes.TrimRight(s.text, "\n"), '\t')
	case "tr":
		s.text = append(s.text, '\n')
	}
	return nil
}
