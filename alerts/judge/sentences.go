package judge

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A sentence is one sentence of a paper, or one line that is none (a heading,
// a bullet, a cell).
type sentence struct {
	text    string // whitespace folded
	page    int    // where it starts; the first page is 1
	block   int    // sentences of one paragraph share it
	heading bool
	number  bool // a number stands before it
	words   []word
}

// A splitter cuts pages into sentences. Its expressions are compiled once.
type splitter struct {
	pageNumber *regexp.Regexp
	digits     *regexp.Regexp
	bullet     *regexp.Regexp
	number     *regexp.Regexp
	leader     *regexp.Regexp
	company    *regexp.Regexp
	abbrev     map[string]bool // never end a sentence
	softAbbrev map[string]bool // end one before a capital
	links      map[string]bool // words that end no sentence
}

func newSplitter() *splitter {
	s := &splitter{
		pageNumber: regexp.MustCompile(`(?i)^(page\s*)?\d+(\s*(of|/)\s*\d+)?$`),
		digits:     regexp.MustCompile(`\d+`),
		bullet:     regexp.MustCompile(`^(?:[•▪●◦·–—*‣▶➢✓-]|o|\([0-9a-zA-Z]{1,4}\)|(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]|[A-Z]\))\s+`),
		number:     regexp.MustCompile(`^\d{1,2}(?:\.\d{1,2})*\.?\s+`),
		leader:     regexp.MustCompile(`(\.\s?){4,}\s*\d*\s*$`),
		company:    companyPattern(),
		abbrev:     map[string]bool{}, softAbbrev: map[string]bool{}, links: map[string]bool{},
	}
	for w := range strings.FieldsSeq("approx e.g eg i.e ie dr mr mrs ms prof st vs cf para paras fig figs ref refs min max incl excl est dept nos cllr rev hon sec reg regs art app pp vol ed eds gen ext tel") {
		s.abbrev[w] = true
	}
	for w := range strings.FieldsSeq("etc a.m p.m am pm ltd co inc plc p.a pa c.i.c jan feb mar apr jun jul aug sept sep oct nov dec") {
		s.softAbbrev[w] = true
	}
	for w := range strings.FieldsSeq("the a an of to by in on at for from with and or under per its their this that is are was were be been will would could should may has have had between across within via including £ nhs") {
		s.links[w] = true
	}
	return s
}

// A line is one printed line with what the layout says of it.
type line struct {
	text  string
	page  int
	blank bool // an empty line stands before it
}

// A block is a paragraph: the text and, by byte, the page each line came from.
type block struct {
	text   strings.Builder
	pages  []mark
	lines  int
	number bool
}

type mark struct{ offset, page int }

// sentences cuts the pages of a paper into sentences. Lines that repeat from
// page to page (running heads, page numbers) are left out, so that a sentence
// can run over a page break.
// heads are the running lines by page.
func (s *splitter) sentences(pages []string) (out []sentence, heads [][]string) {
	lines, widths, heads := s.lines(pages)
	return s.cut(lines, widths), heads
}

// text cuts one text that has no pages and so no running heads.
func (s *splitter) text(text string) []sentence {
	lines := textLines(text)
	return s.cut(lines, []int{usual(lines)})
}

// cut makes sentences of lines; width is the usual width of each page's.
func (s *splitter) cut(lines []line, widths []int) []sentence {
	out := make([]sentence, 0, len(lines)+4)
	for i, b := range s.blocks(lines, widths) {
		whole := b.text.String()
		heading := b.lines == 1 && s.headingLike(whole)
		for _, span := range s.split(whole) {
			text := fold(whole[span[0]:span[1]])
			if text == "" {
				continue
			}
			out = append(out, sentence{text: text, page: b.pageAt(span[0]), block: i, heading: heading, number: b.number, words: words(text)})
		}
	}
	return out
}

func (b *block) pageAt(offset int) int {
	page := 1
	for _, m := range b.pages {
		if m.offset <= offset {
			page = m.page
		}
	}
	return page
}

func (b *block) add(l line) {
	if b.lines > 0 {
		b.text.WriteByte('\n')
	}
	b.pages = append(b.pages, mark{b.text.Len(), l.page})
	b.text.WriteString(l.text)
	b.lines++
}

// blocks joins hard-wrapped lines to paragraphs.
func (s *splitter) blocks(lines []line, width []int) []*block {
	var out []*block
	var cur *block
	for i, l := range lines {
		if cur == nil || s.breaks(lines, i, width[l.page-1], width[lines[max(i-1, 0)].page-1]) {
			cur = &block{}
			out = append(out, cur)
			cur.number = s.numbered(l.text) || isDigit(l.text[0]) && s.bullet.MatchString(l.text)
			l.text = s.unnumber(l.text)
		}
		if l.text != "" {
			cur.add(l)
		}
	}
	return out
}

// breaks tells whether line i begins a new paragraph.
func (s *splitter) breaks(lines []line, i, width, before int) bool {
	l, prev := lines[i], lines[i-1]
	lower := followed(l.text, unicode.IsLower) && !s.bulleted(l.text)
	open := !ended(prev.text)
	if l.page != prev.page {
		full := before > 0 && utf8.RuneCountInString(prev.text) >= before*3/4
		starts := s.bulleted(l.text) || s.numbered(l.text)
		goesOn := lower || full && !starts && s.hanging(prev.text)
		return !open || !goesOn
	}
	short := utf8.RuneCountInString(prev.text) < width*3/4
	if s.bulleted(l.text) || s.numbered(l.text) {
		// "by 24 March" may be broken before the number.
		return l.blank || short || !open || width < 50 || !isDigit(l.text[0])
	}
	if lower && open {
		return l.blank && short
	}
	if l.blank {
		return true
	}
	if width < 50 {
		return !lower
	}
	// The next word would have fitted: the author broke the line here.
	next, _, _ := strings.Cut(l.text, " ")
	return utf8.RuneCountInString(prev.text)+1+utf8.RuneCountInString(next) <= width*85/100 && !lower
}

// hanging tells a line that cannot end a sentence: its last word asks for more.
func (s *splitter) hanging(text string) bool {
	text = strings.ToLower(text)
	return strings.HasSuffix(text, ",") || s.links[text[strings.LastIndexByte(text, ' ')+1:]]
}

// ended tells whether a line ends a sentence.
func ended(text string) bool {
	text = strings.TrimRight(text, "\"'”’) ")
	return text == "" || strings.ContainsRune(".!?:;", rune(text[len(text)-1]))
}

// headingLike tells a short line that ends no sentence.
func (s *splitter) headingLike(text string) bool {
	n := utf8.RuneCountInString(text)
	return n > 0 && n <= 70 && !strings.ContainsRune(".!?;,", rune(text[len(text)-1])) && !followed(text, unicode.IsLower)
}

// numbered tells a line that begins with the number of a paragraph or heading.
func (s *splitter) numbered(text string) bool {
	if text == "" || !isDigit(text[0]) {
		return false
	}
	m := s.number.FindString(text)
	return m != "" && followed(text[len(m):], unicode.IsUpper)
}

// bulleted tells a line that begins with a bullet or a letter in its place.
func (s *splitter) bulleted(text string) bool {
	if followed(text, unicode.IsLetter) && !strings.HasPrefix(text, "o ") && !strings.ContainsAny(text[:min(len(text), 6)], ".)") {
		return false // most lines
	}
	return s.bullet.MatchString(text)
}

// unnumber takes the bullet or the number off the beginning of a paragraph.
func (s *splitter) unnumber(text string) string {
	if s.bulleted(text) {
		text = text[len(s.bullet.FindString(text)):]
	} else if s.numbered(text) {
		text = text[len(s.number.FindString(text)):]
	}
	return strings.TrimSpace(text)
}

// lines returns all lines worth reading, the usual width of each page's lines
// in characters, and the running lines that were left out.
func (s *splitter) lines(pages []string) (out []line, widths []int, heads [][]string) {
	widths, heads = make([]int, len(pages)), make([][]string, len(pages))
	perPage := make([][]line, len(pages))
	for p, text := range pages {
		perPage[p] = pageLines(text, p+1)
	}
	running := s.running(perPage)
	for p, ls := range perPage {
		from := len(out)
		for k, l := range ls {
			if running[p][k] {
				heads[p] = append(heads[p], l.text)
				continue
			}
			out = append(out, l)
		}
		widths[p] = usual(out[from:])
	}
	return out, widths, heads
}

// usual is the usual width of a page's lines, in characters: nine in ten are
// no longer.
func usual(ls []line) int {
	if len(ls) == 0 {
		return 0
	}
	lengths := make([]int, len(ls))
	for i, l := range ls {
		lengths[i] = utf8.RuneCountInString(l.text)
	}
	slices.Sort(lengths)
	return lengths[len(lengths)*9/10]
}

// running finds page numbers, and the heads and feet that repeat in the same
// place from page to page, numbers aside: on three pages at least, each at
// most two after the one before. The second line counts only beside a first
// one that is running too. It gives, by page, the lines concerned.
func (s *splitter) running(perPage [][]line) []map[int]bool {
	out := make([]map[int]bool, len(perPage))
	for p := range out {
		out[p] = map[int]bool{}
	}
	for _, place := range []struct{ at, beside int }{{0, 0}, {-1, -1}, {1, 0}, {-2, -1}} {
		streaks := map[string][][2]int{} // page and line, by fingerprint
		mark := func(list [][2]int) {
			for _, x := range list {
				if len(list) >= 3 {
					out[x[0]][x[1]] = true
				}
			}
		}
		for p, ls := range perPage {
			k, beside := fromEnd(place.at, len(ls)), fromEnd(place.beside, len(ls))
			if k < 0 || k >= len(ls) || place.at != place.beside && !out[p][beside] {
				continue
			}
			text := ls[k].text
			if s.pageNumber.MatchString(text) {
				out[p][k] = true
				continue
			}
			if utf8.RuneCountInString(text) > 120 {
				continue
			}
			f := s.fingerprint(text)
			list := streaks[f]
			if n := len(list); n > 0 && p-list[n-1][0] > 2 {
				mark(list)
				list = nil
			}
			streaks[f] = append(list, [2]int{p, k})
		}
		for _, list := range streaks {
			mark(list)
		}
	}
	return out
}

// fromEnd counts a negative index from the end.
func fromEnd(k, n int) int {
	if k < 0 {
		return n + k
	}
	return k
}

func (s *splitter) fingerprint(text string) string {
	return s.digits.ReplaceAllString(strings.ToLower(text), "#")
}

// textLines is pageLines for a text that the platform has tidied already.
func textLines(text string) []line {
	out := make([]line, 0, strings.Count(text, "\n")+1)
	blank := false
	for part := range strings.SplitSeq(text, "\n") {
		if t := clean(part); t != "" {
			out = append(out, line{text: t, page: 1, blank: blank})
			blank = false
		} else {
			blank = true
		}
	}
	return out
}

func pageLines(text string, page int) []line {
	var out []line
	blank := false
	for raw := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\f' || r == '\v' || r == '\u2028' || r == '\u2029' }) {
		for part := range strings.SplitSeq(strings.ReplaceAll(raw, "\r\n", "\n"), "\n") {
			t := clean(part)
			if t == "" {
				blank = true
				continue
			}
			out = append(out, line{text: t, page: page, blank: blank})
			blank = false
		}
	}
	return out
}

// clean folds the blanks of a line and undoes what typesetting does to letters.
func clean(text string) string {
	plain := true
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= utf8.RuneSelf || c < ' ' {
			plain = false
			break
		}
	}
	if !plain {
		text = strings.Map(func(r rune) rune {
			switch {
			case r == '\u00ad' || r == '\u200b' || r == '\ufeff' || r == '\u2060' || r == utf8.RuneError:
				return -1
			case r == '\r' || r == '\t' || unicode.IsSpace(r):
				return ' '
			case r < ' ':
				return -1
			}
			return r
		}, text)
		if strings.ContainsAny(text, "ﬁﬂﬀﬃﬄ") {
			text = strings.NewReplacer("ﬁ", "fi", "ﬂ", "fl", "ﬀ", "ff", "ﬃ", "ffi", "ﬄ", "ffl").Replace(text)
		}
	}
	return fold(text)
}

// fold makes every run of blanks one blank. A word that a hyphen parted at the
// end of a line is put together with its hyphen.
func fold(text string) string {
	if folded(text) {
		return strings.Trim(text, " ")
	}
	var b strings.Builder
	b.Grow(len(text))
	space, hyphen := false, false
	for _, r := range text {
		if unicode.IsSpace(r) {
			if r == '\n' && hyphen {
				continue
			}
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		hyphen = isHyphen(r) && !space // "hand-\nback", not "a - \nb"
		space = false
	}
	return b.String()
}

// folded tells a text of plain letters that has single blanks only, the outer
// ones aside.
func folded(text string) bool {
	text = strings.Trim(text, " ")
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c < ' ' || c == ' ' && text[i+1] == ' ' {
			return false
		}
	}
	return true
}

// maxSentence is where a text without full stops (a table, mostly) is cut, in bytes.
const maxSentence = 1600

// split returns the spans of the sentences of a paragraph.
func (s *splitter) split(text string) [][2]int {
	var out [][2]int
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		stop := c == '.' || c == '!' || c == '?'
		long := i-start >= maxSentence && (c == ' ' || c == '\n')
		if !long && !stop {
			continue
		}
		end := i + 1
		for end < len(text) && strings.IndexByte(".!?\"')]", text[end]) >= 0 {
			end++
		}
		if strings.HasPrefix(text[end:], "”") || strings.HasPrefix(text[end:], "’") {
			end += len("”")
		}
		if long || s.ends(text, start, i, end) {
			out = append(out, [2]int{start, end})
			start = end
		}
		i = max(i, end-1)
	}
	if start < len(text) {
		out = append(out, [2]int{start, len(text)})
	}
	return out
}

// ends tells whether the stop at i, with what closes after it up to end, ends a sentence.
func (s *splitter) ends(text string, start, i, end int) bool {
	if end >= len(text) {
		return true
	}
	if text[end] != ' ' && text[end] != '\n' {
		return false
	}
	rest := strings.TrimLeft(text[end:], " \n\"'(“‘[•-–")
	r, _ := utf8.DecodeRuneInString(rest)
	if unicode.IsLower(r) {
		return false
	}
	if text[i] != '.' {
		return true
	}
	last := text[start:i]
	if k := strings.LastIndexAny(last, " \n(/"); k >= 0 {
		last = last[k+1:]
	}
	last = strings.ToLower(last)
	switch {
	case s.abbrev[last]:
		return false
	case last == "no":
		return !unicode.IsDigit(r)
	case s.softAbbrev[last]:
		return unicode.IsUpper(r)
	case utf8.RuneCountInString(last) == 1 && unicode.IsLetter([]rune(last)[0]):
		// An initial: "J. Smith"; but "process C. The" ends.
		return strings.HasPrefix(rest, "The ") || strings.HasPrefix(rest, "It ") || strings.HasPrefix(rest, "A ") || strings.HasPrefix(rest, "This ")
	}
	return true
}
