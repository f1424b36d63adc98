package document

import "slices"

// LowerLimits and Tidy are tested from inside.
var (
	LowerLimits = lowerLimits
	Tidy        = tidy
	ReadOffice  = readOffice
)

// ComposeBytes makes a page of glyphs of any bytes, eight a glyph, and its text;
// moved is what putting notes aside does to the number of them, and to their sum.
func ComposeBytes(b []byte) (glyphs, moved int, text string) {
	var page []glyph
	for ; len(b) >= 8; b = b[8:] {
		g := glyph{r: rune(b[0]) | rune(b[1]&3)<<8, x: float32(b[2]), y: float32(b[3]) / 4, size: float32(b[4]) / 8, turn: int8(b[5] & 64)}
		g.end = g.x + float32(b[6])/8
		g.first, g.joined, g.spaced, g.broken = b[7]&1 != 0, b[7]&2 != 0, b[7]&4 != 0, b[7]&8 != 0
		g.unsized = b[7]&16 != 0
		page = append(page, g)
	}
	arranged := arrange(slices.Clone(page))
	closeUp(arranged)
	sum := func(page []glyph) int {
		n := len(page) << 32
		for _, g := range page {
			n += int(g.r)
		}
		return n
	}
	moved = sum(arranged)
	moved -= sum(notesAside(arranged))
	return len(page), moved, compose(page)
}
