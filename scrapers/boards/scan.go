package boards

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// A scheduledDay is a day on which a document says that a board meets.
type scheduledDay struct {
	when         date
	page         int // from 1
	hour, minute int
	timed        bool
	side         string // whose meeting it is, "" for the board's
	status       string // as printed beside it, "" for nothing
	owners       []string
}

// A scanned document: the board's days, how many dates could not be told, the last
// day with a year and whether others have none, how many of its lines hold a date, and
// whether it calls itself a list of dates.
type scanned struct {
	days              []scheduledDay
	unsure            int
	last              time.Time
	yearless          bool
	lines, datedLines int
	title             bool
}

// What stands above or beside a date.
const (
	sideUnknown = "?"
	sideNone    = "-" // no public meeting of the board: a deadline, a committee, a private session
)

// A scanner goes through the text of a document of dates, line by line. Where
// it cannot tell whose date one is, it counts it as unsure and takes none: a
// meeting that nobody called is worse than one that is listed later.
type scanner struct {
	*site
	scanned
	page     int
	above    []string // headings that may hold the year, the document's title first
	run      []string // lines without a date since the last one
	side     string   // by the heading above
	owners   []string
	columns  []string // what the dates of a row are, where a header says so
	cells    bool     // each cell stands on a line of its own
	gathered []date   // of an incomplete row of cells
	after    bool     // on this page what a date is stands below it
	// deadlines: the document has some, so that a date may be one.
	deadlines bool
}

// scan reads the text of a document by page.
func (s *site) scan(title string, pages []string) scanned {
	c := &scanner{site: s, above: []string{title}}
	switch name := s.tidy.apart(title); {
	case name != "":
		c.side = name
	case s.side(title) == sideNone, c.words().closed.MatchString(title) && !c.words().public.MatchString(title):
		c.side = sideNone
	}
	c.deadlines = slices.ContainsFunc(pages, c.words().deadline.MatchString)
	for i, text := range pages {
		c.page = i + 1
		c.read(strings.Split(text, "\n"))
	}
	c.ours()
	return c.scanned
}

func (c *scanner) read(lines []string) {
	c.run, c.gathered = nil, nil
	c.after = c.labelsBelow(lines)
	for i, raw := range lines {
		line := c.tidy.line(raw)
		if line == "" {
			continue
		}
		c.lines++
		all := c.dates.find(line)
		all = slices.DeleteFunc(all, func(d date) bool { return d.Day == 0 })
		if len(all) == 0 {
			c.heading(line)
			continue
		}
		c.datedLines++
		for _, d := range all {
			if !d.full() {
				c.yearless = true
			} else if at := d.at(23, 59, c.loc); at.After(c.last) {
				c.last = at
			}
		}
		if len(c.run) > 0 {
			c.header(len(all))
		}
		c.row(line, all, lines[i+1:])
		c.run = nil
	}
	if len(c.gathered) > 0 {
		c.unsure += len(c.gathered)
	}
}

// heading takes a line without a date.
func (c *scanner) heading(line string) {
	c.run = append(c.run, line)
	if len(line) > 100 || strings.HasSuffix(line, ".") {
		return
	}
	if c.words().listOfDates.MatchString(line) && !c.words().noDates.MatchString(line) {
		c.title = true
	}
	if c.tidy.year.MatchString(line) {
		c.above = append(c.above[:1], line)
	}
	if named := c.owned(line); len(named) > 0 {
		c.owners = named
	}
	if side := c.sideOf(line); side != sideUnknown && !c.after {
		c.side = side
	}
}

// header reads the names of the columns out of the lines above a first row with n dates.
func (c *scanner) header(n int) {
	run := c.run[max(0, len(c.run)-8):]
	for from := len(run) - 1; from >= 0; from-- {
		cols := c.columnsOf(strings.Join(run[from:], " | "))
		deadline := slices.Contains(cols, sideNone)
		if n > 1 && len(cols) == n {
			c.columns, c.cells = cols, false
			c.side = ""
			return
		}
		if n == 1 && deadline && len(cols) > 1 && (from == 0 || !c.headsColumn(run[from-1])) {
			c.columns, c.cells, c.gathered = cols, true, nil
			c.side = ""
			return
		}
	}
	if c.sideOf(run[len(run)-1]) != sideUnknown { // another heading: what the columns were is over
		c.columns, c.cells = nil, false
	}
}

// headsColumn tells a cell that may head a column of dates from a heading above.
func (c *scanner) headsColumn(line string) bool {
	return !c.tidy.year.MatchString(line) && (c.words().deadline.MatchString(line) || c.words().columns.MatchString(line) && strings.Contains(strings.ToLower(line), "date"))
}

// columnsOf are the columns of dates that a header names, in order.
func (c *scanner) columnsOf(header string) (list []string) {
	for _, m := range c.words().columns.FindAllStringSubmatchIndex(header, -1) {
		switch {
		case m[2] >= 0:
			list = append(list, sideNone)
		default:
			side := c.sideOf(header[m[0]:m[1]])
			if side == sideUnknown {
				side = ""
			}
			list = append(list, side)
		}
	}
	return list
}

// row takes the dates of a line.
func (c *scanner) row(line string, all []date, rest []string) {
	if c.columns != nil && c.cells && len(all) == 1 {
		c.cell(line, all[0], rest)
		return
	}
	if c.columns != nil && !c.cells && len(all) == len(c.columns) {
		c.pick(line, all, c.columns, 60*24*time.Hour, rest)
		return
	}
	all = slices.DeleteFunc(all, func(d date) bool { return c.words().until.MatchString(line[max(0, d.start-60):d.start]) })
	if len(all) > 1 && !c.enumerated(line, all) && !c.across(line, all) {
		c.unsure += len(all)
		return
	}
	side := c.sideOf(line)
	if side == sideUnknown && c.after {
		side = c.labelBelow(rest)
	}
	if side == sideUnknown && len(c.run) > 0 && len(c.run[len(c.run)-1]) <= 100 && c.words().deadline.MatchString(c.run[len(c.run)-1]) {
		side = sideNone
	}
	if side == sideUnknown {
		side = c.side
	}
	if side == sideNone {
		return
	}
	for _, d := range all {
		c.day(line, d, side, rest)
	}
}

// enumerated: nothing but commas and "and" between the dates.
func (c *scanner) enumerated(line string, all []date) bool {
	for i := 1; i < len(all); i++ {
		switch strings.ToLower(strings.Trim(line[all[i-1].end:all[i].start], " ,;•")) {
		case "", "and", "&":
		default:
			return false
		}
		if strings.TrimSpace(line[all[i-1].end:all[i].start]) == "" {
			return false
		}
	}
	return true
}

// across: the row begins with whose meetings it has, and its days go through the
// year, in a document that knows no deadlines.
func (c *scanner) across(line string, all []date) bool {
	if c.deadlines || c.sideOf(line[:all[0].start]) == sideUnknown {
		return false
	}
	for i, d := range all {
		if !d.full() || i > 0 && (strings.TrimSpace(line[all[i-1].end:d.start]) != "" || d.at(0, 0, c.loc).Sub(all[i-1].at(0, 0, c.loc)) < 14*24*time.Hour) {
			return false
		}
	}
	return true
}

// cell gathers a row whose cells stand on a line each.
func (c *scanner) cell(line string, d date, rest []string) {
	c.gathered = append(c.gathered, d)
	if len(c.gathered) < len(c.columns) {
		return
	}
	row := c.gathered
	c.gathered = nil
	c.pick(line, row, c.columns, 24*24*time.Hour, rest)
}

// pick takes of a row the date that is a meeting's. Where two columns are, or
// the others are nowhere near it, none is.
func (c *scanner) pick(line string, row []date, columns []string, near time.Duration, rest []string) {
	meeting := -1
	for i, col := range columns {
		if col == sideNone {
			continue
		}
		if meeting >= 0 && columns[meeting] == col {
			c.unsure += len(row)
			return
		}
		if meeting < 0 || col == "" {
			meeting = i
		}
	}
	if meeting < 0 {
		return
	}
	for i, col := range columns {
		if col != sideNone || !row[i].full() || !row[meeting].full() {
			continue
		}
		gap := row[meeting].at(0, 0, c.loc).Sub(row[i].at(0, 0, c.loc))
		if gap.Abs() > near || c.cells && gap < 0 {
			c.unsure += len(row)
			return
		}
	}
	own := c.sideOf(c.beside(line, row))
	if own == sideNone && !c.cells && !c.words().deadline.MatchString(line) {
		return // a committee's row, a private session
	}
	for i, col := range columns {
		if col == sideNone {
			continue
		}
		side := col
		if side == "" && own != sideUnknown && own != sideNone {
			side = own
		}
		c.day(line, row[i], side, rest)
	}
}

// beside is what a row says besides its dates.
func (c *scanner) beside(line string, row []date) string {
	if c.cells {
		return ""
	}
	var b strings.Builder
	from := 0
	for _, d := range row {
		b.WriteString(line[from:d.start] + " ")
		from = d.end
	}
	return b.String() + line[from:]
}

// day enters one day.
func (c *scanner) day(line string, d date, side string, rest []string) {
	if !d.full() {
		t := tabled{site: c.site}
		year, ok := t.dayOf(line[d.start:d.end], c.above)
		if !ok || !year.full() {
			c.unsure++
			return
		}
		year.start, year.end = d.start, d.end
		d = year
	}
	x := scheduledDay{when: d, page: c.page, side: side, status: c.tidy.status(line), owners: c.owners}
	if own := c.owned(line); len(own) > 0 {
		x.owners = own
	}
	if x.hour, x.minute, x.timed = c.dates.time(line[min(len(line), d.end):]); !x.timed && len(rest) > 0 {
		for _, next := range rest[:min(2, len(rest))] {
			next = c.tidy.line(next)
			if len(c.dates.find(next)) > 0 {
				break
			}
			if c.words().clock.MatchString(next) {
				x.hour, x.minute, x.timed = c.dates.time(next)
				break
			}
		}
	}
	for _, y := range c.days {
		if y.side == x.side && y.when.same(x.when) {
			return
		}
	}
	c.days = append(c.days, x)
}

// sideOf tells what a text beside or above a date makes of it.
func (c *scanner) sideOf(text string) string {
	text = c.words().room.ReplaceAllString(text, " ")
	apart := c.tidy.apart(text)
	switch {
	case c.words().deadline.MatchString(text):
		return sideNone
	case c.words().private.MatchString(text) && !c.words().public.MatchString(text):
		return sideNone
	case apart != "":
		return apart
	case c.words().board.MatchString(text):
		return ""
	case c.words().committee.MatchString(text):
		return sideNone
	}
	return sideUnknown
}

// side tells whose a listed meeting is, as days do: "" the board's.
func (s *site) side(text string) string {
	if name := s.tidy.apart(text); name != "" {
		return name
	}
	if !s.words().board.MatchString(text) && s.words().committee.MatchString(text) {
		return sideNone
	}
	return ""
}

// labelsBelow tells a page on which what a date is stands on the line below it:
// something of the kind follows the last date, and nothing precedes the first.
func (c *scanner) labelsBelow(lines []string) bool {
	first, last, before, below := -1, -1, false, false
	label := func(s string) bool { side := c.sideOf(s); return side != sideUnknown }
	for i, raw := range lines {
		line := c.tidy.line(raw)
		if len(c.dates.find(line)) > 0 {
			if label(line) {
				return false // it stands beside it
			}
			if last = i; first < 0 {
				first = i
			}
		}
	}
	if first < 1 || last == first {
		return false
	}
	for i := first - 1; i >= 0 && i >= first-1; i-- {
		before = before || label(c.tidy.line(lines[i])) && !c.words().columns.MatchString(c.tidy.line(lines[i]))
	}
	for i := last + 1; i < len(lines) && i <= last+3; i++ {
		below = below || len(lines[i]) <= 100 && label(c.tidy.line(lines[i]))
	}
	return below && !before
}

func (c *scanner) labelBelow(rest []string) string {
	for _, next := range rest[:min(3, len(rest))] {
		next = c.tidy.line(next)
		if len(c.dates.find(next)) > 0 {
			break
		}
		if side := c.sideOf(next); side != sideUnknown {
			return side
		}
	}
	return sideUnknown
}

// owned are the bodies that a line names as those whose board meets.
func (c *scanner) owned(line string) (list []string) {
	for _, m := range c.words().owner.FindAllStringSubmatch(line, -1) {
		name := strings.ToLower(m[1] + m[2])
		if name != "" && name != "nhs" && name != "icb" {
			list = append(list, name)
		}
	}
	return list
}

// ours leaves out the days of other bodies' boards where a document has those of
// several. Which are ours the name of the source tells; where it does not, none is.
func (c *scanner) ours() {
	sets := map[string]bool{}
	for _, d := range c.days {
		sets[strings.Join(d.owners, "|")] = true
	}
	if len(sets) < 2 {
		return
	}
	own := c.significant(c.Name)
	var kept []scheduledDay
	for _, d := range c.days {
		mine := false
		for _, o := range d.owners {
			for w := range c.significant(o) {
				mine = mine || own[w]
			}
			mine = mine || o == c.initials(c.Name)
		}
		switch {
		case mine:
			kept = append(kept, d)
		case len(d.owners) == 0:
			c.unsure++
		}
	}
	if len(kept) == 0 {
		c.unsure = max(c.unsure, len(c.days))
	}
	c.days = kept
}

// significant are the words of a name that tell it from others.
func (c *scanner) significant(name string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' }) {
		if len(w) > 3 && !c.words().common.MatchString(w) {
			m[w] = true
		}
	}
	return m
}

func (c *scanner) initials(name string) string {
	var b strings.Builder
	for _, w := range strings.Fields(name) {
		if w != "of" && w != "and" && w != "the" {
			b.WriteByte(w[0])
		}
	}
	return strings.ToLower(b.String())
}

// A dateWords knows the words around dates in such documents.
type dateWords struct {
	listOfDates, noDates, columns, deadline, private, closed, until, public, board, committee, room, clock, owner, common *regexp.Regexp
}

func newDateWords() dateWords {
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	const (
		who      = `(?:boards?(?: of directors)?|governing body|meetings?|governors)`
		deadline = `(?:(?:final |last |closing )?(?:date |deadline |time )?(?:for |of |by )?(?:the )?(?:submission|publication|circulation|distribution|despatch|dispatch|agenda[- ]setting|pre-?meet)[a-z]*(?: of)?(?: (?:the )?(?:agenda|papers|reports|date|deadline|meeting))*` +
			`|(?:date |final |draft )?(?:(?:papers?|reports?|agenda(?: items?)?|items|questions?|packs?|minutes)(?: and (?:papers?|reports?|agenda))?) (?:are |is |to be |must be |will be )?(?:due|deadline|submi\w+|circulat\w+|issued?|published|publication|distribut\w+|sent(?: out)?|despatch\w*|dispatch\w*|closes?|available|required|by)\b(?: (?:date|by|to|on|in|deadline))*` +
			`|(?:deadlines?|closing dates?|cut[- ]?off|due (?:by|date))(?: dates?)?(?: for (?:[a-z]+ ){0,3}?(?:papers|reports|items|questions|agenda))?)`
	)
	return dateWords{
		listOfDates: re(`\b` + who + `\b.{0,40}\b(?:dates|calendar|schedule|timetable)\b|\b(?:dates|calendar|schedule|timetable)\b.{0,20}\b(?:of|for)\b.{0,40}\b` + who + `\b|^(?:future|forthcoming|upcoming) (?:board )?meetings\b`),
		noDates:     re(`\b(?:agendas?|minutes|packs?|matters|delegations?|reserv\w+|business|terms of reference|attendance|registers?|elections?|work ?plan|draft|proposed|proposals?|charges|fees|visits?)\b`),
		columns:     re(`\b(?:(` + deadline + `)|council of governors(?: meetings?)?|governors.{0,3} meetings?|annual (?:general|members.?|public) meetings?|(?:[a-z&]+ ){0,3}committee|private (?:board|meeting|session)|board (?:development|seminar|workshop)(?: session)?|(?:date of )?(?:the )?(?:(?:trust|public|group|icb|joint) )*(?:boards?|governing body)(?: of directors)?(?: in (?:public|common))?(?: meetings?)?(?: dates?)?|(?:dates? of )?(?:the )?meetings?(?: dates?)?|dates?)\b`),
		deadline:    re(`\b` + deadline),
		private:     re(`\b(?:private|closed|confidential|part (?:2|two|ii)|in committee|development|seminars?|workshops?|away ?days?|time ?out|strategy (?:session|day|meeting)|walkabouts?|visits?|induction|informal|briefings?|review date|published|updated|version|approved|printed|reviewed|as at|correct (?:at|as)|last amended|agreed (?:at|on|by)|ratified|bank holidays?|easter|christmas)\b`),
		closed:      re(`\bprivate\b|\bboard (?:development|seminars?|workshops?|away ?days?)\b`),
		until:       re(`\b(?:by|until|before|no later than|closes?|effective(?: from)?|issued?|created|revised)(?: on)?(?: (?:12 )?(?:noon|midday|midnight)| \d{1,2}(?:[:.]\d{2})? ?[ap]\.?m\.?)?(?: on)?(?: the)?[:,]? *$`),
		public:      re(`\bpublic\b`),
		board:       re(`\b(?:boards?|governing body)\b`),
		committee:   re(`\b(?:committees?|sub-?committee|forum|working group|steering group)\b`),
		room:        re(`\bboard ?rooms?\b`),
		clock:       re(`^(?:time:? |from |at )?(?:\d{1,2}[:.]\d{2}|\d{1,2} ?[ap]\.?m\b)`),
		owner:       regexp.MustCompile(`\b((?:[A-Z][\w'’&]+ )(?:(?:[A-Z][\w'’&]+|of|and|the) ){0,6})(?:NHS (?:Foundation )?Trust|Integrated Care Board|ICB|NHS FT|Foundation Trust)\b|\b([A-Z]{3,6}) (?:Trust )?Board\b`),
		common:      re(`^(?:trust|nhs|foundation|hospitals?|university|boards?|care|integrated|health|healthcare|services?|partnership|community|teaching|group|and|the|papers|meetings?)$`),
	}
}
