package document

import (
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// readXLSX takes the text of a workbook: each sheet is a page that begins with
// the sheet's name; the cells of a row are apart by tabs, empty ones left out.
// Cells show what was last computed; dates and percentages as their format
// means them, other numbers as they are kept. What Excel hides (sheets, rows,
// columns) is hidden here: whoever published the file did not mean to show it.
func readXLSX(o *office, part string, most int) ([]string, error) {
	b, err := o.book(part)
	if err != nil {
		return nil, err
	}
	if len(b.sheets) > most {
		return nil, tooManyPages(len(b.sheets), most)
	}
	var pages []string
	for _, s := range b.sheets {
		t := sheetText{book: b}
		t.text.WriteString(s.name + "\n")
		if err := o.read(s.part, t.read); err != nil {
			return nil, err
		}
		if b.size += t.text.Len(); b.size > maxText {
			return nil, fmt.Errorf("%w: more than %d MiB of text", ErrTooLarge, maxText>>20)
		}
		page := t.text.String()
		if !t.any {
			page = "" // the name of an empty sheet says nothing
		}
		pages = append(pages, page)
	}
	return pages, nil
}

// A book is what the sheets of a workbook share.
type book struct {
	sheets  []sheet
	strings []string
	formats []format // by the number a cell gives as its style
	date0   time.Time
	size    int
}

type sheet struct{ name, part string }

// A format is how a cell shows a number.
type format struct {
	date, clock, percent bool
	pounds               bool
}

func (o *office) book(part string) (*book, error) {
	b := &book{date0: time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)}
	rels, err := o.related(part)
	if err != nil {
		return nil, err
	}
	err = o.read(part, func(d *xml.Decoder) error {
		return elements(d, func(t xml.StartElement) error {
			switch t.Name.Local {
			case "workbookPr":
				if yes(attr(t, "date1904")) {
					b.date0 = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
				}
			case "sheet":
				state, target := attr(t, "state"), rels[relationID(t)]
				if strings.Contains(target, "worksheets/") && state != "hidden" && state != "veryHidden" { // else a chart or a macro
					b.sheets = append(b.sheets, sheet{attr(t, "name"), target})
				}
			}
			return nil
		}, nil, nil)
	})
	if err != nil {
		return nil, err
	}
	for id, target := range rels {
		switch {
		case strings.HasSuffix(target, "/sharedStrings.xml"):
			err = o.read(target, b.readStrings)
		case strings.HasSuffix(target, "/styles.xml"):
			err = o.read(target, b.readFormats)
		}
		if err != nil {
			return nil, fmt.Errorf("relation %s: %w", id, err)
		}
	}
	return b, nil
}

// relationID is the r:id attribute: "id" in the name space of relationships,
// beside which stands an id that means something else.
func relationID(t xml.StartElement) string {
	for _, a := range t.Attr {
		if a.Name.Local == "id" && strings.HasSuffix(a.Name.Space, "/relationships") {
			return a.Value
		}
	}
	return ""
}

// readStrings reads the table of texts that cells refer to by number.
func (b *book) readStrings(d *xml.Decoder) error {
	in := 0
	return elements(d, func(t xml.StartElement) error {
		switch t.Name.Local {
		case "si":
			b.strings = append(b.strings, "")
		case "rPh": // how it is pronounced
			return errSkip
		case "t":
			in++
		}
		return nil
	}, func(t xml.StartElement) error {
		if t.Name.Local == "t" {
			in--
		}
		return nil
	}, func(s string) {
		if n := len(b.strings); in > 0 && n > 0 {
			b.strings[n-1] += s
		}
	})
}

// readFormats reads which styles are dates, times of day or percentages.
func (b *book) readFormats(d *xml.Decoder) error {
	codes, cells := map[string]string{}, false
	return elements(d, func(t xml.StartElement) error {
		switch t.Name.Local {
		case "numFmt":
			codes[attr(t, "numFmtId")] = attr(t, "formatCode")
		case "cellXfs":
			cells = true
		case "xf":
			if cells {
				id := attr(t, "numFmtId")
				b.formats = append(b.formats, formatOf(id, codes[id]))
			}
		}
		return nil
	}, func(t xml.StartElement) error {
		if t.Name.Local == "cellXfs" {
			cells = false
		}
		return nil
	}, nil)
}

// formatOf reads a format's code, or its number where that says it all
// (ECMA-376 part 1, 18.8.30).
func formatOf(id, code string) format {
	if code == "" {
		switch n, _ := strconv.Atoi(id); {
		case n == 9 || n == 10:
			return format{percent: true}
		case n >= 14 && n <= 17, n >= 27 && n <= 31, n == 36, n >= 50 && n <= 58:
			return format{date: true}
		case n >= 18 && n <= 21, n >= 45 && n <= 47, n >= 32 && n <= 35:
			return format{clock: true}
		case n == 22:
			return format{date: true, clock: true}
		}
		return format{}
	}
	f := format{pounds: strings.Contains(code, "£")}
	for r := range bareLetters(code) {
		switch r {
		case 'd', 'D', 'y', 'Y':
			f.date = true
		case 'h', 'H', 's', 'S':
			f.clock = true
		case '%':
			f.percent = true
		}
	}
	return f
}

// bareLetters yields the characters of the first section of a format's code
// that are no literal text, colour or condition.
func bareLetters(code string) iter.Seq[rune] {
	return func(yield func(rune) bool) {
		quoted, bracket, escaped := false, false, false
		for _, r := range code {
			switch {
			case escaped:
				escaped = false
			case r == '\\', r == '_', r == '*':
				escaped = !quoted
			case r == '"':
				quoted = !quoted
			case quoted:
			case r == '[':
				bracket = true
			case r == ']':
				bracket = false
			case bracket:
			case r == ';':
				return
			default:
				if !yield(r) {
					return
				}
			}
		}
	}
}

// sheetText gathers the text of a sheet.
type sheetText struct {
	*book
	text    strings.Builder
	any     bool
	hidden  [][2]int // columns
	kind    string   // of the cell
	style   int
	see     bool
	value   strings.Builder
	in      int  // inside so many v or t
	started bool // the row has a cell
}

func (s *sheetText) read(d *xml.Decoder) error {
	return elements(d, s.start, s.end, func(text string) {
		if s.in > 0 {
			s.value.WriteString(text)
		}
	})
}

func (s *sheetText) start(t xml.StartElement) error {
	switch t.Name.Local {
	case "col":
		if yes(attr(t, "hidden")) {
			from, _ := strconv.Atoi(attr(t, "min"))
			to, _ := strconv.Atoi(attr(t, "max"))
			s.hidden = append(s.hidden, [2]int{from, to})
		}
	case "row":
		if yes(attr(t, "hidden")) {
			return errSkip
		}
		s.started = false
	case "c":
		s.kind, s.see = attr(t, "t"), s.visible(attr(t, "r"))
		s.style, _ = strconv.Atoi(attr(t, "s"))
		s.value.Reset()
	case "f", "rPh", "extLst", "headerFooter", "dataValidations", "conditionalFormatting":
		return errSkip
	case "v", "t":
		s.in++
	}
	return nil
}

// visible tells of a cell, by its reference ("BC7"), whether its column is shown.
func (s *sheetText) visible(ref string) bool {
	n := 0
	for _, r := range ref {
		if r < 'A' || r > 'Z' || n > 1<<20 {
			break
		}
		n = n*26 + int(r-'A') + 1
	}
	for _, h := range s.hidden {
		if n >= h[0] && n <= h[1] {
			return false
		}
	}
	return true
}

func (s *sheetText) end(t xml.StartElement) error {
	switch t.Name.Local {
	case "v", "t":
		s.in--
	case "c":
		shown, err := s.show()
		if err != nil || shown == "" || !s.see {
			return err
		}
		if s.started {
			s.text.WriteByte('\t')
		}
		s.started, s.any = true, true
		s.text.WriteString(shown)
		if s.text.Len() > maxText { // few bytes can name a long text often
			return fmt.Errorf("%w: more than %d MiB of text", ErrTooLarge, maxText>>20)
		}
	case "row":
		if s.started {
			s.text.WriteByte('\n')
		}
	}
	return nil
}

// show is what the cell shows.
func (s *sheetText) show() (string, error) {
	v := strings.TrimSpace(s.value.String())
	switch s.kind {
	case "s":
		i, err := strconv.Atoi(v)
		if v == "" {
			return "", nil
		}
		if err != nil || i < 0 || i >= len(s.strings) {
			return "", errors.New("a cell refers to a text that is not there")
		}
		return strings.TrimSpace(s.strings[i]), nil
	case "", "n":
		x, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return v, nil //nolint:nilerr // not a number after all: shown as it stands
		}
		return s.number(x), nil
	case "b":
		if v == "1" {
			return "TRUE", nil
		}
		return "FALSE", nil
	}
	return v, nil
}

// number shows a number in the format of its cell. Days count from 30 December
// 1899, so that from March 1900 on they are Excel's; before, it counts a 29
// February that never was, and no paper of ours is that old.
func (s *sheetText) number(x float64) string {
	var f format
	if s.style >= 0 && s.style < len(s.formats) {
		f = s.formats[s.style]
	}
	plain := strconv.FormatFloat(x, 'f', -1, 64)
	if len(plain) > 16 { // 0.1+0.2
		plain = strconv.FormatFloat(x, 'g', 15, 64)
	}
	days, part := math.Modf(x)
	clock := s.date0.Add(time.Duration(math.Round(part*24*60)) * time.Minute)
	switch {
	case f.percent:
		return strconv.FormatFloat(math.Round(x*1e4)/1e2, 'f', -1, 64) + "%"
	case (f.date || f.clock) && (x < 0 || x > 2958465): // 9999
		return plain
	case f.date && f.clock:
		return clock.AddDate(0, 0, int(days)).Format("2 January 2006 15:04")
	case f.date:
		return s.date0.AddDate(0, 0, int(days)).Format("2 January 2006")
	case f.clock && days == 0:
		return clock.Format("15:04")
	case f.pounds:
		return "£" + plain
	}
	return plain
}
