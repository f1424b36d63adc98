package document

import "unicode"

// Some producers write a note of the margin into the middle of the line that it
// belongs to. Where that line ends in a divided word, the paper itself says where
// it goes on, and the note is put behind the paragraph.
const (
	leading  = 2.0 // lines of a paragraph stand closer than this, in sizes of their letters
	noteStep = 2.5 // and so do those of a note, which begins no further from its line
	sameSize = 0.1 // sizes that differ by a smaller share are one
	longNote = 80  // lines: a longer one is none
)

// A line is a run of glyphs, or what of it stands between two wide gaps.
type line struct {
	from, to int     // the first of its glyphs, and the one after the last
	x, end   float32 // from where to where
	y, size  float32 // where it begins, and how large
	turn     int8
}

// notesAside puts the notes that part a divided word behind their paragraph. It
// takes new room only where there are some.
func notesAside(glyphs []glyph) []glyph {
	if !anyHyphen(glyphs) {
		return glyphs
	}
	lines := linesOf(glyphs)
	var out []glyph // nil as long as the page stays as it is
	var notes []line
	done := 0 // lines that are in out
	for i := 0; i < len(lines); {
		next := i + 1
		to := parted(glyphs, lines, i)
		if to > 0 {
			if out == nil {
				out = make([]glyph, 0, len(glyphs))
			}
			notes = append(notes, lines[next:to]...)
			glyphs[lines[next].from].before = lineEnd
			glyphs[lines[to].from].before = dividedLine
			next = to
		}
		if out != nil {
			for ; done <= i; done++ {
				out = append(out, glyphs[lines[done].from:lines[done].to]...)
			}
			done = next
			if to == 0 && len(notes) > 0 && (next == len(lines) || !goesOn(glyphs, &lines[i], &lines[next])) {
				for _, n := range notes {
					out = append(out, glyphs[n.from:n.to]...)
				}
				notes = nil
				if next < len(lines) {
					aside(&glyphs[lines[next].from])
				}
			}
		}
		i = next
	}
	if out == nil {
		return glyphs
	}
	return out
}

// aside has a glyph begin a line.
func aside(g *glyph) { g.before = max(g.before, lineEnd) }

// goesOn tells whether b belongs to the paragraph of a: it stands in the same
// line, behind a gap, or in the next one.
func goesOn(glyphs []glyph, a, b *line) bool {
	return glyphs[b.from].before != lineEnd || follows(a, b)
}

// anyHyphen tells whether a line ends in one that may divide a word.
func anyHyphen(glyphs []glyph) bool {
	for i := 1; i < len(glyphs); i++ {
		if hyphen(glyphs[i].r) && (i+1 == len(glyphs) || glyphs[i+1].before != nothing) && glyphs[i].before == nothing && unicode.IsLetter(glyphs[i-1].r) {
			return true
		}
	}
	return false
}

// linesOf parts glyphs into lines: where one ended, and at gaps as wide as those
// between columns.
func linesOf(glyphs []glyph) []line {
	var lines []line
	for i := range glyphs {
		g := &glyphs[i]
		if n := len(lines); n == 0 || g.before >= lineEnd || g.before != nothing && g.gap > column*g.size {
			lines = append(lines, line{from: i, to: i + 1, x: g.x, end: g.end, y: g.y, size: g.size, turn: g.turn})
			continue
		}
		l := &lines[len(lines)-1]
		l.to, l.x, l.end = i+1, min(l.x, g.x), max(l.end, g.end)
		if g.size > l.size {
			l.y, l.size = g.y, g.size
		}
	}
	return lines
}

// parted is the line that goes on with the word at the end of line i, if a note
// stands between the two, else 0.
func parted(glyphs []glyph, lines []line, i int) int {
	l := &lines[i]
	if i+2 >= len(lines) || l.to-l.from < 3 || !hyphen(glyphs[l.to-1].r) || glyphs[l.to-1].before != nothing || !unicode.IsLetter(glyphs[l.to-2].r) {
		return 0
	}
	if next := &lines[i+1]; follows(l, next) || next.x < l.x && below(l, next) && unicode.IsLower(glyphs[next.from].r) {
		return 0 // as it should be; l may be the end of a line with a gap in it
	}
	for k := i + 1; k < min(len(lines), i+longNote); k++ {
		switch m := &lines[k]; {
		case follows(l, m):
			if unicode.IsLower(glyphs[m.from].r) {
				return k
			}
			return 0
		case m.turn != l.turn, m.x < l.end && m.end > l.x: // not beside it
			return 0
		case k == i+1 && abs(m.y-l.y) > noteStep*l.size, k > i+1 && abs(m.y-lines[k-1].y) > noteStep*l.size:
			return 0
		}
	}
	return 0
}

// follows tells whether b may be the line after a of the same paragraph.
func follows(a, b *line) bool {
	return below(a, b) && b.x < a.end && b.end > a.x
}

// below tells whether b is as far below a as the next line is.
func below(a, b *line) bool {
	down := a.y - b.y
	return a.turn == b.turn && abs(a.size-b.size) < sameSize*a.size && down > 0.5*a.size && down < leading*a.size
}
