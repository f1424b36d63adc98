package document

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How glyphs make words and lines: distances as shares of the size of the
// letters. A PDF says where glyphs stand and seldom where a word ends; what
// follows is what typesetters do. The comparison with another reader, over some
// thousand pages of manuals, is in the tests.
const (
	wordGap   = 0.1  // letters of one size on one baseline stand closer within a word
	changeGap = 0.03 // so does a sign that is raised, lowered or of another size
	sameLine  = 0.5  // raised and lowered signs leave their line by less
	stepBack  = 0.5  // the next glyph begins further back than this: another line
	column    = 1.0  // wider gaps may be those between columns: there PDFium's line ends hold
	baseline  = 0.5  // points: less is not a raised or lowered sign
)

// Letters set wide apart ("A G E N D A") are one word: on a stretch of single
// letters, gaps of up to wideSpread times the least and up to wideMost are none.
const (
	wideSpread = 1.3
	wideMost   = 0.4
	stretchGap = 1.5 // a wider gap ends the stretch
)

// PDFium cuts the fraction off the widths that fonts give in thousandths of
// their size, so that within a text object the letters drift back, by half a
// thousandth each, and before the next object there seems to be a gap. Many fonts
// give whole thousandths: where an object of some length is followed by another
// with less of a gap, the letters of its font drift by that at most.
const (
	drift     = 0.00045
	mostDrift = 0.05
	driftFrom = 8 // letters of an object that tell of their font
)

// mostLate is how many characters before it an accent's letter is looked for.
const mostLate = 400

// before is what stands between a glyph and the one before it.
type before uint8

const (
	nothing     before = iota
	gap                // a gap that is a space
	space              // a space that the paper writes
	lineEnd            // a line ended there
	dividedLine        // with a hyphen
)

// compose writes the glyphs of a page as text. It uses them up.
func compose(glyphs []glyph) string {
	glyphs = arrange(glyphs)
	closeUp(glyphs)
	glyphs = notesAside(glyphs)
	out := make([]byte, 0, len(glyphs)+len(glyphs)/4)
	marked := false
	for i := range glyphs {
		g := &glyphs[i]
		switch g.before {
		case nothing:
		case gap, space:
			out = append(out, ' ')
		case lineEnd:
			out = append(out, '\n')
		case dividedLine:
			_, n := utf8.DecodeLastRune(out)
			out = utf8.AppendRune(out[:len(out)-n], divided)
		}
		out = utf8.AppendRune(out, g.r)
		if g.mark != 0 {
			out, marked = utf8.AppendRune(out, g.mark), true
		}
	}
	if marked { // a letter and its accent as one character
		return norm.NFC.String(string(out))
	}
	return string(out)
}

// arrange drops the glyphs that are none, puts accents to their letters, and
// decides what stands before each glyph.
func arrange(glyphs []glyph) []glyph {
	var base glyph // what the baseline of the line is
	var spaceAt float32
	written := false
	mark := true // all of the line, so far, is raised figures
	n := 0
	for _, g := range glyphs {
		switch g.r {
		case 0, utf8.RuneError:
			continue
		case ' ', '\u00A0', '\t', '\r', '\n':
			if !written {
				written, spaceAt = true, g.x
			}
			continue
		case '\x02', '\uFFFE': // PDFium's for a hyphen at the end of a line
			g.r = '-'
		}
		if n == 0 {
			g.before, base, n, written, mark = nothing, g, 1, false, unicode.IsDigit(g.r)
			glyphs[0] = g
			continue
		}
		prev := &glyphs[n-1]
		if !written && accented(prev, &g) || lateAccent(glyphs[:n], &g) {
			continue
		}
		end := prev.end
		if written {
			end = spaceAt
		}
		g.gap = g.x - end
		if g.first && !written {
			g.gap -= min(prev.drift, mostDrift*prev.size)
		}
		if g.before = between(prev, &g, &base, written); g.before == lineEnd || g.before == dividedLine || g.size > base.size*1.1 {
			if g.before == lineEnd && n > 1 && hyphen(prev.r) && inWord(glyphs[n-2].r) && glyphs[n-1].before == nothing && inWord(g.r) {
				g.before = dividedLine
			}
			mark = mark && g.before < lineEnd || g.before >= lineEnd && unicode.IsDigit(g.r)
			if mark && g.before == nothing && unicode.IsLetter(g.r) && g.size > prev.size*1.1 && prev.y > g.y+baseline {
				g.before = gap
			}
			base = g
		}
		mark = mark && unicode.IsDigit(g.r)
		glyphs[n] = g
		if stacked(prev, &g, &base) {
			second := *prev
			if second.before < space && n > 1 {
				g.gap = g.x - glyphs[n-2].end
				g.before = between(&glyphs[n-2], &g, &base, false)
			} else {
				g.before = second.before
			}
			second.before = nothing
			glyphs[n-1], glyphs[n] = g, second
		}
		n, written = n+1, false
	}
	return glyphs[:n]
}

// stacked tells whether of a raised and a lowered sign the second begins before
// the first: the one further left is read first.
func stacked(a, b, base *glyph) bool {
	da, db := a.y-base.y, b.y-base.y
	return b.before == nothing && !a.joined && !b.joined && b.x < a.x && a.size < base.size && b.size < base.size && abs(da) > baseline && abs(db) > baseline && (da > 0) != (db > 0)
}

func hyphen(r rune) bool { return r == '-' || r == '\u2010' || r == '\u00AD' }

// between decides what stands between two glyphs, the second of which knows
// its distance from the first. The line's baseline is that of base.
func between(a, b, base *glyph, written bool) before {
	largest := max(base.size, b.size)
	switch {
	case b.joined:
		return nothing
	case b.turn != a.turn, abs(b.y-base.y) >= sameLine*largest, b.gap < -stepBack*largest, b.broken && b.gap > column*largest:
		return lineEnd
	case a.joined && b.gap > 0 && b.gap < b.size: // how wide the ligature is, PDFium does not say
		if written || b.spaced {
			return gap
		}
		return nothing
	case written && b.gap >= changeGap*base.size: // some producers take a written space back
		return space
	case abs(b.y-a.y) < baseline && b.size == a.size && !b.unsized:
		if b.gap > wordGap*b.size {
			return gap
		}
	case b.gap >= changeGap*base.size:
		return gap
	}
	return nothing
}

// closeUp finds the stretches of single letters set apart evenly, and makes
// words of them. Figures stay apart: they may be a row of a table.
func closeUp(glyphs []glyph) {
	for i := 0; i < len(glyphs); {
		j := i + 1
		single := true
		var least float32
		for ; j < len(glyphs); j++ {
			g := &glyphs[j]
			if g.before >= lineEnd || g.before == gap && g.gap > stretchGap*g.size {
				break
			}
			switch {
			case g.before != gap && !g.joined, g.size != glyphs[i].size, abs(g.y-glyphs[i].y) >= baseline:
				single = false
			case g.before == gap && (least == 0 || g.gap < least):
				least = g.gap
			}
		}
		for k := i + 1; single && k < j; k++ {
			g := &glyphs[k]
			if g.before == gap && g.gap < min(wideSpread*least, wideMost*g.size) && (!unicode.IsDigit(g.r) || !unicode.IsDigit(glyphs[k-1].r)) {
				g.before = nothing
			}
		}
		i = j
	}
}

// accented tells whether two glyphs are a letter and its accent, drawn one over
// the other, and if so makes them one, in a.
func accented(a, b *glyph) bool {
	if m := combining(a.r); m != 0 && a.mark == 0 && unicode.IsLetter(b.r) && over(a, b) {
		was, x := a.before, a.gap
		*a = *b
		a.mark, a.before, a.gap = m, was, x
		return true
	}
	if m := combining(b.r); m != 0 && a.mark == 0 && unicode.IsLetter(a.r) && over(b, a) {
		a.mark = m
		return true
	}
	return false
}

// lateAccent puts an accent that PDFium tells of only at the end of the line over
// its letter.
func lateAccent(glyphs []glyph, g *glyph) bool {
	m := combining(g.r)
	if m == 0 {
		return false
	}
	for i := len(glyphs) - 1; i >= max(0, len(glyphs)-mostLate); i-- {
		if l := &glyphs[i]; l.mark == 0 && unicode.IsLetter(l.r) && over(g, l) {
			l.mark = m
			return true
		}
	}
	return false
}

// over tells whether an accent stands over, or under, the middle of a letter.
func over(accent, letter *glyph) bool {
	middle := (accent.x + accent.end) / 2
	return accent.turn == letter.turn && middle > letter.x && middle < letter.end && abs(accent.y-letter.y) < letter.size/2
}

// combining is the mark that an accent standing alone becomes over a letter; 0 for anything else.
func combining(r rune) rune {
	if r < 0x80 && r != '^' && r != '`' && r != '~' || r > '\u02DD' {
		return 0
	}
	switch r {
	case '´', 'ˊ':
		return '\u0301'
	case '`', 'ˋ':
		return '\u0300'
	case '¨':
		return '\u0308'
	case '^', 'ˆ':
		return '\u0302'
	case '~', '˜':
		return '\u0303'
	case '¯', 'ˉ':
		return '\u0304'
	case '˘':
		return '\u0306'
	case '˙':
		return '\u0307'
	case '˚':
		return '\u030A'
	case '˝':
		return '\u030B'
	case 'ˇ':
		return '\u030C'
	case '¸':
		return '\u0327'
	case '˛':
		return '\u0328'
	}
	return 0
}

func abs(f float32) float32 { return max(f, -f) }
