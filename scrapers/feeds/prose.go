package feeds

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ccgwatch/store"
)

// How surely a date was read out of words. What can be read in two ways is not
// read: its sentence is kept, with the reason.
const (
	sureCertain = "certain" // day, month and year are printed
	sureLikely  = "likely"  // the year is not, or the month is a number
)

// proseMost bounds the text of an entry that is looked through for dates.
const proseMost = 20_000

// nextWithin is how far after its publication an entry speaks of a day whose
// year it does not print.
const nextWithin = 300 * 24 * time.Hour

// prose reads the dates of events and consultations out of the words of an
// entry: "closes at 11:59pm on 14 August 2026", "Register by ...". Its
// patterns are compiled once.
type prose struct {
	date, iso, clock                            *regexp.Regexp
	register, ends, by                          *regexp.Regexp
	consult, reply, itself, event, held, others *regexp.Regexp
	until, from                                 *regexp.Regexp
	months                                      map[string]time.Month
}

func newProse() *prose {
	const (
		weekday = `(?:\b(mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+(?:the\s+)?)?`
		month   = `(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b`
	)
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	return &prose{
		date:  re(weekday + `\b(\d{1,2})(?:(?:st|nd|rd|th)?(?:\s+of)?\s+` + month + `\.?(?:,?\s+(\d{4})\b)?|/(\d{1,2})/(\d{4})\b)`),
		iso:   re(`\b(\d{4})-(\d{2})-(\d{2})\b`),
		clock: re(`\b(?:(\d{1,2})(?:[:.](\d{2}))?\s?([ap])\.?m\b\.?|([01]?\d|2[0-3]):([0-5]\d)\b|(?:12\s)?(noon|midday)\b)`),
		// What leads up to a date: signing up; the end of something; the last moment.
		register: re(`\b(register(?:ed|ing)?|registrations?|book(?:ed|ing|ings)?|rsvp|sign(?:ing)?[ -]?up|tickets?|reserve)\b`),
		ends:     re(`\b(clos(?:e|es|ing)|deadline|ends?|ending|open until|runs? (?:to|until)|last (?:day|date|chance))\b`),
		by:       re(`\b(by|before|until|till|no later than|not later than|on or before)\b`),
		// What a sentence or an entry is about: the public is asked, or to answer; the
		// sentence is about the end itself; an event; something else.
		consult: re(`\b(consultations?|consulting|surveys?|questionnaires?|have your say|call for evidence|your views|engagement (?:period|exercise))\b`),
		reply:   re(`\b(respond(?:ing)?|responses?|repl(?:y|ies)|have your say|submit(?:ted)?|send|sent|share|tell us|complete[d]?|comments?|feedback|views|take part|return(?:ed)?|fill)\b`),
		itself:  re(`^(?:it |this |now |and )?(?:will )?(?:clos|deadline|open until|ends|last day)`),
		event:   re(`\b(events?|webinars?|workshops?|drop[ -]?ins?|roadshows?|(?:public|open|community|town hall) meetings?|(?:information|engagement|listening|public|question and answer|q&a) sessions?|focus groups?|open (?:days?|evenings?)|exhibitions?)\b`),
		held:    re(`\b(?:takes? place|taking place|(?:will|to) be held|(?:is|are) being held|join us|come along|starts?)\b|\b(?:on|date|when)\s*:?\s*$`),
		others:  re(`\b(published|updated|posted|dated|last modified|was held|were held|took place|born|since|agendas?|minutes|papers|decisions?|decision sheet)\b`),
		until:   re(`^\s*(?:to|until|till|-|–|—|and)\s*$`),
		from:    re(`\b(from|between)\b[^.;]*$`),
		months:  map[string]time.Month{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12},
	}
}

// A spotted date is one as a sentence has it.
type spotted struct {
	from, to int
	day      time.Time // its beginning in London
	clock    time.Duration
	timed    bool
	sure     string
	unread   string // why it is not read, "" where it is
}

// A reading is what a sentence sets a date for.
type reading struct {
	name     string // FieldCloses, FieldOpens, FieldRegisterBy or FieldWhen
	at       spotted
	sentence string
}

// dates reads what an entry says of the days of an event, of signing up for it,
// or of a consultation, and gives the fields. lines are its words, the title
// first, published its day or zero. It reads no clock.
func (rd *reader) dates(lines []string, published time.Time) map[string]string {
	all := strings.Join(lines, "\n")
	about := subject{asks: rd.prose.consult.MatchString(all)}
	var list []reading
	for i, line := range lines {
		if about.title = i == 0; about.title {
			about.event = rd.prose.event.MatchString(line) && !rd.prose.others.MatchString(line)
		}
		for _, s := range sentences(line) {
			list = append(list, rd.readings(s, about, published)...)
		}
	}
	fields := map[string]string{}
	var sure, unread []string
	for _, name := range []string{FieldOpens, FieldCloses, store.FieldRegisterBy, store.FieldWhen} {
		x, why := settle(list, name)
		switch {
		case why != "":
			unread = append(unread, why)
		case x != nil:
			fields[name] = x.at.stamp(name)
			fields[name+saysSuffix] = clip(x.sentence, 500)
			sure = append(sure, strings.ReplaceAll(name, "_", " ")+" "+x.at.sure)
		}
	}
	if fields[FieldCloses] == "" {
		sure = slices.DeleteFunc(sure, func(s string) bool { return strings.HasPrefix(s, FieldOpens) })
		delete(fields, FieldOpens)
		delete(fields, FieldOpens+saysSuffix)
	}
	delete(fields, FieldOpens+saysSuffix) // the sentence of its end
	if len(sure) > 0 {
		fields[store.FieldDatesSure] = strings.Join(sure, ", ")
	}
	if len(unread) > 0 {
		fields[store.FieldDatesUnread] = clip(strings.Join(unread, " "), 1500)
	}
	return fields
}

// saysSuffix makes the name of the field with the sentence of another's date.
const saysSuffix = "_says"

// settle is the one date that all readings of a name agree on; nil where there
// is none, and in words what was said where they do not agree.
func settle(list []reading, name string) (x *reading, unread string) {
	var mine []reading
	for _, r := range list {
		if r.name == name {
			mine = append(mine, r)
		}
	}
	say := func(why string) string {
		var out []string
		for _, r := range mine {
			if s := "“" + clip(r.sentence, 300) + "”"; !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return strings.Join(out, " ") + " (" + why + ")"
	}
	for i := range mine {
		r := &mine[i]
		switch {
		case r.at.unread != "":
			return nil, say(r.at.unread)
		case x != nil && !x.at.day.Equal(r.at.day), x != nil && x.at.timed && r.at.timed && x.at.clock != r.at.clock:
			return nil, say("more than one date")
		case x == nil, r.at.timed && !x.at.timed, r.at.timed == x.at.timed && r.at.sure == sureCertain && x.at.sure != sureCertain:
			x = r
		}
	}
	return x, ""
}

// stamp writes a date as the fields of a name do: an event or the end of a
// consultation without an hour is its day, and one can sign up until the end of it.
func (d spotted) stamp(name string) string {
	y, m, day := d.day.Date()
	switch {
	case d.timed:
		return time.Date(y, m, day, int(d.clock.Hours()), int(d.clock.Minutes())%60, 0, 0, d.day.Location()).Format(time.RFC3339)
	case name == store.FieldRegisterBy:
		return time.Date(y, m, day, 23, 59, 59, 0, d.day.Location()).Format(time.RFC3339)
	}
	return d.day.Format(time.RFC3339)
}

// A subject is what an entry is about, as far as that says what its dates mean.
type subject struct {
	asks  bool // the public
	event bool // its title names one
	title bool // the sentence is the title's
}

// readings are what one sentence says.
func (rd *reader) readings(s string, about subject, published time.Time) (out []reading) {
	list := rd.spot(s, published)
	end := 0
	for i, d := range list {
		lead := s[end:d.from]
		end = d.to
		if d.unread == "" && !published.IsZero() && d.day.AddDate(0, 0, 1).Before(published) {
			continue // over when the entry appeared
		}
		joined := i > 0 && rd.prose.until.MatchString(lead) && rd.prose.from.MatchString(s[:list[i-1].from])
		name := rd.prose.means(s, lead, s[:d.from], joined, about)
		if joined && name == FieldCloses {
			out = slices.DeleteFunc(out, func(r reading) bool { return r.at.from == list[i-1].from })
			out = append(out, reading{FieldOpens, list[i-1], s})
		}
		if name == "" && len(out) > 0 && out[len(out)-1].name == store.FieldWhen && out[len(out)-1].at.from == list[max(0, i-1)].from && len(lead) < 30 {
			name = store.FieldWhen // "and 10 March": another day of it
		}
		if name != "" {
			out = append(out, reading{name, d, s})
		}
	}
	return out
}

// means is the field that a date is for, by the words that lead up to it, its
// sentence and what the entry is about; "" for one that is for none.
func (p *prose) means(s, lead, before string, joined bool, about subject) string {
	ends, by := p.ends.MatchString(lead), p.by.MatchString(lead)
	switch {
	case p.others.MatchString(lead):
		return ""
	case p.register.MatchString(lead) && (ends || by):
		return store.FieldRegisterBy
	case ends && !p.register.MatchString(s) && about.asks && (p.consult.MatchString(s) || p.reply.MatchString(s) || p.itself.MatchString(s)),
		by && !p.register.MatchString(s) && about.asks && p.reply.MatchString(s),
		joined && about.asks && p.consult.MatchString(s):
		return FieldCloses
	case ends, by, joined: // of something else
		return ""
	case about.title && about.event, (about.event || p.event.MatchString(before)) && p.held.MatchString(lead):
		return store.FieldWhen
	}
	return ""
}

// spot finds the dates of a sentence, in order.
func (rd *reader) spot(s string, published time.Time) (list []spotted) {
	p := rd.prose
	for _, m := range p.date.FindAllStringSubmatchIndex(s, 20) {
		get := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return strings.ToLower(s[m[2*n]:m[2*n+1]])
		}
		d := spotted{from: m[0], to: m[1], sure: sureCertain}
		year, month := number(get(4)), p.months[(get(3) + "   ")[:3]]
		if get(5) != "" {
			year, month = number(get(6)), time.Month(number(get(5)))
			if number(get(2)) <= 12 {
				d.sure = sureLikely // the months of some are the days of others
			}
		}
		rd.setDay(&d, year, month, number(get(2)), get(1), published)
		list = append(list, d)
	}
	for _, m := range p.iso.FindAllStringSubmatchIndex(s, 20) {
		d := spotted{from: m[0], to: m[1], sure: sureCertain}
		rd.setDay(&d, number(s[m[2]:m[3]]), time.Month(number(s[m[4]:m[5]])), number(s[m[6]:m[7]]), "", published)
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b spotted) int { return a.from - b.from })
	for i := range list {
		from, to := 0, len(s)
		if i > 0 {
			from = list[i-1].to
		}
		if i+1 < len(list) {
			to = list[i+1].from
		}
		list[i].clock, list[i].timed = rd.clockNear(s, from, list[i].from, list[i].to, to)
	}
	return list
}

// setDay sets the day that is printed, or says why it cannot be known. A day
// without a year is the first one after the entry was published.
func (rd *reader) setDay(d *spotted, year int, month time.Month, day int, weekday string, published time.Time) {
	at := func(y int) time.Time { return time.Date(y, month, day, 0, 0, 0, 0, rd.london) }
	if year == 0 {
		if published.IsZero() {
			d.unread = "no year is printed"
			return
		}
		d.sure = sureLikely
		first := published.In(rd.london)
		first = time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, rd.london)
		for year = first.Year(); at(year).Before(first) || at(year).Day() != day && year < first.Year()+8; {
			year++
		}
		if at(year).Day() == day && at(year).Sub(first) > nextWithin {
			d.unread = "no year is printed, and the day had just gone by"
			return
		}
	}
	d.day = at(year)
	switch {
	case d.day.Day() != day || d.day.Month() != month:
		d.unread = "there is no such day"
	case year < 2000 || year > 2100:
		d.unread = "a strange year"
	case weekday != "" && !strings.EqualFold(d.day.Weekday().String()[:3], weekday[:3]):
		d.unread = fmt.Sprintf("%s is a %s", d.day.Format("2 January 2006"), d.day.Weekday())
	}
}

// clockNear is the time of day that belongs to a date: right before it ("11:59pm
// on"), or after it ("at 5pm", "6pm to 8pm"), in the words between two dates.
func (rd *reader) clockNear(s string, from, at, to, end int) (time.Duration, bool) {
	p := rd.prose
	if ms := p.clock.FindAllStringSubmatchIndex(s[from:at], -1); len(ms) > 0 {
		m := ms[len(ms)-1]
		if gap := strings.ToLower(strings.Trim(s[from+m[1]:at], " ,.")); gap == "" || gap == "on" || gap == "of" {
			return clockOf(s[from:at], m)
		}
	}
	if m := p.clock.FindStringSubmatchIndex(s[to:end]); m != nil {
		switch strings.ToLower(strings.Trim(s[to:to+m[0]], " ,.:;()–-|")) {
		case "", "at", "from", "starting at", "between", "by", "before", "until", "time":
			return clockOf(s[to:end], m)
		}
	}
	return 0, false
}

func clockOf(s string, m []int) (time.Duration, bool) {
	get := func(n int) string {
		if m[2*n] < 0 {
			return ""
		}
		return s[m[2*n]:m[2*n+1]]
	}
	hour, minute := number(get(1)), number(get(2))
	switch {
	case get(6) != "":
		hour, minute = 12, 0
	case get(3) == "":
		hour, minute = number(get(4)), number(get(5))
	case hour < 1 || hour > 12:
		return 0, false
	default:
		hour %= 12
		if strings.EqualFold(get(3), "p") {
			hour += 12
		}
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, minute < 60
}

func number(s string) (n int) {
	for _, r := range s {
		n = n*10 + int(r-'0')
	}
	return n
}

// sentences splits a line where a sentence ends and another begins.
func sentences(line string) (out []string) {
	from := 0
	for i, r := range line {
		if r != '.' && r != '!' && r != '?' {
			continue
		}
		rest := line[i+1:]
		next := strings.TrimLeft(rest, " ")
		first, _ := utf8.DecodeRuneInString(next)
		if len(next) == len(rest) || !unicode.IsUpper(first) || shortened(line[from:i]) {
			continue
		}
		out = append(out, strings.TrimSpace(line[from:i+1]))
		from = i + 1
	}
	if s := strings.TrimSpace(line[from:]); s != "" {
		out = append(out, s)
	}
	return out
}

// shortened tells whether a full stop ends a short form and no sentence.
func shortened(s string) bool {
	w := strings.ToLower(s[strings.LastIndexByte(s, ' ')+1:])
	return len(w) == 1 || slices.Contains([]string{"a.m", "p.m", "dr", "mr", "mrs", "ms", "st", "no", "e.g", "i.e", "rev", "prof", "jan", "feb", "mar", "apr", "aug", "sept", "sep", "oct", "nov", "dec", "mon", "tues", "tue", "wed", "thu", "thurs", "fri", "sat", "sun"}, w)
}

// readDates takes what the entry says of dates into the item. What the feed has
// in fields of its own goes first. An entry that gives the day of an event, and
// is not a consultation's, is the event.
func (rd *reader) readDates(it *store.Item, e entry) {
	said := rd.dates(e.prose, it.Published)
	if e.occasion != nil || it.Fields[FieldCloses] != "" || e.consultation {
		for _, name := range []string{FieldOpens, FieldCloses, store.FieldWhen} {
			delete(said, name)
			delete(said, name+saysSuffix)
		}
		if said[store.FieldRegisterBy] == "" {
			return
		}
		said[store.FieldDatesSure] = surely(said[store.FieldDatesSure], store.FieldRegisterBy)
		delete(said, store.FieldDatesUnread)
	}
	if said[FieldCloses] != "" && said[store.FieldWhen] != "" { // a consultation, and an event within it: the words are kept
		delete(said, store.FieldWhen)
		said[store.FieldDatesSure] = surely(said[store.FieldDatesSure], FieldOpens, FieldCloses, store.FieldRegisterBy)
	}
	if when, by := said[store.FieldWhen], said[store.FieldRegisterBy]; when != "" && by != "" && by[:10] > when[:10] {
		delete(said, store.FieldRegisterBy) // after the event: it is about something else
		said[store.FieldDatesSure] = surely(said[store.FieldDatesSure], store.FieldWhen)
		said[store.FieldDatesUnread] = strings.TrimSpace(said[store.FieldDatesUnread] + " “" + said[store.FieldRegisterBy+saysSuffix] + "” (after the event)")
		delete(said, store.FieldRegisterBy+saysSuffix)
	}
	for name, value := range said {
		it.Fields[name] = value
	}
	if said[store.FieldWhen] != "" {
		it.Kind = store.KindMeeting
		it.Fields[store.FieldOccasion] = store.OccasionEvent
		it.Fields[store.FieldStatus] = store.StatusConfirmed
		if cancelled := strings.ToLower(it.Title); strings.Contains(cancelled, "cancelled") || strings.Contains(cancelled, "postponed") {
			it.Fields[store.FieldStatus] = store.StatusCancelled
		}
	}
}

// surely keeps of a list of how sure dates are those of some names.
func surely(list string, names ...string) string {
	var out []string
	for s := range strings.SplitSeq(list, ", ") {
		if i := strings.LastIndexByte(s, ' '); i > 0 && slices.Contains(names, strings.ReplaceAll(s[:i], " ", "_")) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}
