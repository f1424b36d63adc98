package document

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// A glyph is one character of a page and where it stands, in points: along the
// direction it is written in (x, end) and across it (y), so that upright and
// turned text look alike.
type glyph struct {
	r, mark rune    // mark: the accent on it, as a combining character, or 0
	x, end  float32 // where it begins, and where the next one is due
	y       float32 // its baseline, growing upwards
	size    float32 // of its font, as drawn
	drift   float32 // how far PDFium may have put it too far back; at first, the sizes of the letters before it in its object
	gap     float32 // from the one before it, once arranged
	turn    int8    // the direction of writing, in 128ths of a full turn
	before  before  // what stands before it, once arranged
	first   bool    // it is the first of its text object
	joined  bool    // it is drawn together with the one before it: a ligature
	unsized bool    // it is in another font than the one before it, and one of them has no known size
	spaced  bool    // PDFium thinks that there is a space before it, or a line end
	broken  bool    // PDFium thinks that a line ended before it
}

// A probe asks PDFium for glyphs. The library on top of it allocates and frees
// memory for every answer, which takes longer than the answer; a page has
// thousands, so the questions are put directly. The probe learns the module, and
// where the last page of text is, by listening to the one function that opens
// such a page.
type probe struct {
	memory *linear
	mod    api.Module
	page   uint64 // FPDF_TEXTPAGE
	buffer uint64 // in the module: bufferSize bytes for answers
	stack  [4]uint64
	faces  map[uint64]*face // of this page, by FPDF_FONT
	runs   []run

	unicode, object, generated, origin, size, box, matrix, font, width, name api.Function
}

const (
	bufferSize = 64
	// mostGlyphs bounds the memory for a page; a page full of the smallest print has 30,000.
	mostGlyphs = 1 << 20
)

// A face is a font, and how wide its letters are, as shares of its size.
type face struct {
	ref     uint64
	drawing bool             // its characters are pieces of lines, not letters
	drawn   bool             // it has no name, as the fonts that bring their own drawings (Type 3): its size is a guess
	latin   [256]float32     // 0 where not yet asked, below 0 where PDFium does not know
	widths  map[rune]float32 // the others
	narrow  float32          // the least and the greatest width seen
	wide    float32
	drift   float32 // by which each letter stands too far back, as a share of the size, at most
	sum     float32 // of the widths of count letters as they stand on the page
	count   int
}

// A run is where text in another font, or of another size, begins.
type run struct {
	face *face
	from int
}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (p *probe) NewFunctionListener(d api.FunctionDefinition) experimental.FunctionListener {
	for _, n := range d.ExportNames() {
		if n == "FPDFText_LoadPage" {
			return p
		}
	}
	return nil
}

// Before implements experimental.FunctionListener.
func (p *probe) Before(context.Context, api.Module, api.FunctionDefinition, []uint64, experimental.StackIterator) {
}

// After implements experimental.FunctionListener.
func (p *probe) After(_ context.Context, mod api.Module, _ api.FunctionDefinition, results []uint64) {
	p.mod, p.page = mod, results[0]
}

// Abort implements experimental.FunctionListener.
func (p *probe) Abort(context.Context, api.Module, api.FunctionDefinition, error) { p.page = 0 }

// prepare finds the functions, once.
func (p *probe) prepare() error {
	if p.mod == nil || p.page == 0 {
		return errors.New("no page of text was opened")
	}
	if p.buffer != 0 {
		return nil
	}
	for name, f := range map[string]*api.Function{
		"FPDFText_GetUnicode": &p.unicode, "FPDFText_GetTextObject": &p.object, "FPDFText_IsGenerated": &p.generated,
		"FPDFText_GetCharOrigin": &p.origin, "FPDFText_GetFontSize": &p.size, "FPDFText_GetLooseCharBox": &p.box, "FPDFText_GetMatrix": &p.matrix,
		"FPDFTextObj_GetFont": &p.font, "FPDFFont_GetGlyphWidth": &p.width, "FPDFFont_GetBaseFontName": &p.name,
	} {
		if *f = p.mod.ExportedFunction(name); *f == nil {
			return fmt.Errorf("it has no %s", name)
		}
	}
	p.faces = map[uint64]*face{}
	got, err := p.mod.ExportedFunction("malloc").Call(context.Background(), bufferSize)
	if err != nil {
		return err
	}
	if got[0] == 0 {
		return errors.New("out of memory")
	}
	p.buffer = got[0]
	return nil
}

// call puts a question of up to four arguments; what does not fit the result
// is in the buffer. A trap is a panic, which read makes an error of.
func (p *probe) call(f api.Function, arguments ...uint64) uint64 {
	copy(p.stack[:], arguments)
	if err := f.CallWithStack(context.Background(), p.stack[:]); err != nil {
		panic(err)
	}
	return p.stack[0]
}

// number is the nth of the float32 in the buffer.
func (p *probe) number(n uint64) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(p.memory.bytes[p.buffer+4*n:]))
}

// double is the nth of the float64 in the buffer.
func (p *probe) double(n uint64) float32 {
	return float32(math.Float64frombits(binary.LittleEndian.Uint64(p.memory.bytes[p.buffer+8*n:])))
}

// A frame is what of a page is shown, in points.
type frame struct{ left, bottom, right, top float32 }

// holds tells whether any of a baseline lies in the frame.
func (f frame) holds(x0, y0, x1, y1 float32) bool {
	return max(x0, x1) >= f.left && min(x0, x1) <= f.right && max(y0, y1) >= f.bottom && min(y0, y1) <= f.top
}

// glyphs are those of the page that was opened last, in PDFium's order, without
// the spaces and line ends that PDFium makes up, and without what stands off the
// page, where nobody sees it. It fills room, and returns it.
func (p *probe) glyphs(count int, shown frame, room []glyph) ([]glyph, error) {
	if err := p.prepare(); err != nil {
		return nil, err
	}
	clear(p.faces) // a font that no page uses is freed, and another may come to stand in its place
	room, p.runs = room[:0], p.runs[:0]
	var object uint64
	var high rune // the first half of a character beyond the first 65,536
	var pen pen
	var before *face // of the object before
	var g glyph
	for n := range count {
		i := uint64(n)
		r := api.DecodeI32(p.call(p.unicode, p.page, i))
		if r == ' ' || r == '\r' || r == '\n' {
			if api.DecodeI32(p.call(p.generated, p.page, i)) != 0 {
				g.spaced, g.broken = true, g.broken || r != ' '
				continue
			}
		}
		if o := api.EncodeU32(api.DecodeU32(p.call(p.object, p.page, i))); o != object || n == 0 {
			object, g.first, g.drift = o, true, 0
			before = pen.face
			pen = p.pen(i, o)
			g.unsized = before != nil && before != pen.face && (before.drawn || pen.face.drawn)
			p.runs = append(p.runs, run{pen.face, len(room)})
		}
		if r >= 0xD800 && r < 0xDC00 { // the other half stands in the same place
			high = r
			continue
		}
		if whole := utf16.DecodeRune(high, r); whole != utf8.RuneError {
			r = whole
		}
		high = 0
		p.call(p.origin, p.page, i, p.buffer, p.buffer+8)
		x, y := p.double(0), p.double(1)
		advance := p.advance(i, r, &pen)
		if pen.face.drawing || !shown.holds(x, y, x+advance*pen.ux, y+advance*pen.uy) {
			g.first = false
			continue
		}
		if len(room) == mostGlyphs {
			return nil, fmt.Errorf("%w: more than %d characters on a page", ErrTooLarge, mostGlyphs)
		}
		g.r, g.size, g.turn = r, pen.size, pen.turn
		g.x, g.y = x*pen.ux+y*pen.uy, y*pen.ux-x*pen.uy
		g.end = g.x + advance
		g.joined = false
		if n := len(room); n > 0 && room[n-1].x == g.x && room[n-1].y == g.y && room[n-1].turn == g.turn {
			g.joined, g.end = true, max(g.end, room[n-1].end)
		}
		if n := len(room); g.first && n > 0 && before != nil {
			before.steady(&room[n-1], &g)
		}
		room = append(room, g)
		g.drift += pen.size
		pen.face.sum, pen.face.count = pen.face.sum+(g.end-g.x)/max(pen.size, 0.01), pen.face.count+1
		g.first, g.unsized, g.spaced, g.broken = false, false, false, false
	}
	p.rescale(room)
	return room, nil
}

// A pen is what the characters of a text object have in common.
type pen struct {
	face   *face
	size   float32 // the height of the letters
	along  float32 // and their width
	ux, uy float32 // the direction of writing
	turn   int8
}

// pen is that of a text object, of which i is a character.
func (p *probe) pen(i, object uint64) pen {
	nominal := float32(api.DecodeF64(p.call(p.size, p.page, i)))
	p.call(p.matrix, p.page, i, p.buffer)
	a, b, c, d := p.number(0), p.number(1), p.number(2), p.number(3)
	n := pen{size: nominal * hypot(c, d), along: nominal, ux: 1}
	if l := hypot(a, b); l > 0 {
		n.along, n.ux, n.uy = nominal*l, a/l, b/l
		n.turn = int8(math.Round(math.Atan2(float64(b), float64(a)) * 64 / math.Pi))
	}
	ref := api.EncodeU32(api.DecodeU32(p.call(p.font, object)))
	n.face = p.faces[ref]
	if n.face == nil {
		name := p.fontName(ref)
		n.face = &face{ref: ref, widths: map[rune]float32{}, drawing: draws(name), drawn: name == "", drift: drift}
		p.faces[ref] = n.face
	}
	return n
}

// advance is how far a character moves the pen. PDFium's box of a character
// reaches to the advance, or to the ink where that goes further, as that of a
// slanted f does; what the font says is right where PDFium finds the character in
// the font, which for some it does not: then it says more than the box.
func (p *probe) advance(i uint64, r rune, pen *pen) float32 {
	f := pen.face
	if pen.turn != 0 { // boxes are upright: this is for what the font says
		if w := p.share(f, r); w > 0 {
			return w * pen.along
		}
	}
	latin := r >= 0 && int(r) < len(f.latin)
	var w float32 // 0: not yet asked
	switch {
	case latin:
		w = f.latin[r]
	case wide(r) && pen.turn == 0: // PDFium may find the form of half the width; a square has no ink outside
		w = -1
	default:
		w = f.widths[r]
	}
	if w > 0 {
		return w * pen.along
	}
	p.call(p.box, p.page, i, p.buffer)
	box := p.number(2) - p.number(0)
	if w == 0 {
		if w = p.share(f, r); w*pen.along > box || pen.turn != 0 {
			w = -1
		}
		if latin {
			f.latin[r] = w
		} else {
			f.widths[r] = w
		}
		if w > 0 {
			return w * pen.along
		}
	}
	return box
}

// share is the width of a character as a share of the size, below 0 where
// PDFium does not know.
func (p *probe) share(f *face, r rune) float32 {
	if f.ref == 0 || api.DecodeI32(p.call(p.width, f.ref, api.EncodeI32(r), api.EncodeF32(1), p.buffer)) == 0 {
		return -1
	}
	w := p.number(0)
	if w <= 0 {
		return -1
	}
	if f.narrow == 0 || w < f.narrow {
		f.narrow = w
	}
	f.wide = max(f.wide, w)
	return w
}

// steady notes how far the letters of a font may have drifted by the end of an
// object, a being its last one and b the first one of the next.
func (f *face) steady(a, b *glyph) {
	gap := b.x - a.end
	if a.drift < driftFrom*a.size || a.turn != b.turn || abs(a.y-b.y) > 0.01 || gap < -0.01*a.size || gap > wordGap*a.size {
		return
	}
	f.drift = min(f.drift, max(gap, 0)/a.drift)
}

// rescale mends the drift, and the sizes of fonts that have a measure of their own (bitmaps
// from TeX count in dots): letters are half as wide as high, more or less.
func (p *probe) rescale(glyphs []glyph) {
	for i, r := range p.runs {
		to := len(glyphs)
		if i+1 < len(p.runs) {
			to = p.runs[i+1].from
		}
		share := r.face.drift
		if r.face.narrow == r.face.wide { // typewriters keep to whole thousandths
			share = 0
		}
		for j := r.from; j < to; j++ {
			glyphs[j].drift *= share
		}
		if r.face.count == 0 {
			continue
		}
		mean := r.face.sum / float32(r.face.count)
		if mean <= 0 || mean > 0.05 && mean < 3 {
			continue
		}
		for j := r.from; j < to; j++ {
			glyphs[j].size *= 2 * mean
		}
	}
}

// fontName is the name of a font without the tag of a part of it, in lower case.
func (p *probe) fontName(font uint64) string {
	if font == 0 {
		return ""
	}
	n := min(api.EncodeU32(api.DecodeU32(p.call(p.name, font, p.buffer, bufferSize))), bufferSize)
	name := strings.TrimRight(strings.ToLower(string(p.memory.bytes[p.buffer:p.buffer+n])), "\x00")
	if _, after, ok := strings.Cut(name, "+"); ok {
		return after
	}
	return name
}

// draws tells whether a font is one of those that TeX draws lines and rounded
// corners with. PDFium makes dingbats of them.
func draws(name string) bool {
	return strings.HasPrefix(name, "lcirc") || strings.HasPrefix(name, "line10") || strings.HasPrefix(name, "linew10")
}

// wide tells whether a character is one of those of East Asia that fill a
// square, and their signs.
func wide(r rune) bool { return r >= 0x2E80 && r < 0xD800 || r >= 0xF900 && r < 0xFFF0 }

func hypot(a, b float32) float32 { return float32(math.Hypot(float64(a), float64(b))) }
