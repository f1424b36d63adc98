package judge

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// Kinds of deadline that bodies state about their own meetings and events.
const (
	DeadlineQuestions    = "questions"    // questions, petitions and requests to speak from the public
	DeadlinePapers       = "papers"       // when agenda and papers are to be out
	DeadlineRegistration = "registration" // to take part in an event
)

// A Procedure is what a body, or the law, says about the meetings of a body or
// of a kind of bodies, in words that Statements can read. It is data.
type Procedure struct {
	Bodies    []string // ids; empty: all of Kinds
	Kinds     []string // of bodies
	Committee string   // word of the committee's name, "" for all
	Statement string
	Source    string // where it is stated
}

// A stater reads statements of procedure.
type stater struct {
	before  *regexp.Regexp // N (clear) (working) days before the meeting
	eve     *regexp.Regexp // the (working) day before the meeting
	hours   *regexp.Regexp
	numbers map[string]int
}

func newStater() *stater {
	const number = `(one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|fifteen|twenty|first|second|third|fourth|fifth|sixth|seventh|eighth|tenth|\d{1,2}(?:st|nd|rd|th)?)`
	const ahead = `\s*(?:'|’)?\s*(?:notice\s+)?(?:before|prior\s+to|in\s+advance\s+of|ahead\s+of|preceding|of)\s+(?:the\s+(?:day|date|start)\s+of\s+)?(?:the|a|each|any|that|this)?\s*(?:date\s+of\s+the\s+)?(?:[\w’'-]+\s+){0,3}?(?:meetings?|board|committee|commission|day)\b`
	return &stater{
		before: regexp.MustCompile(`(?i)\b` + number + `(?:\s*\(\w+\))?\s+(clear\s+)?(working\s+|clear\s+working\s+|calendar\s+|business\s+|weekdays?\s+)?days?` + ahead),
		eve:    regexp.MustCompile(`(?i)\bthe\s+(working\s+)?day\s+(?:before|prior\s+to|preceding)\s+(?:the\s+(?:day|date)\s+of\s+)?(?:the|a|each|any)\s+(?:[\w’'-]+\s+){0,2}?meetings?\b`),
		hours:  regexp.MustCompile(`(?i)\b(24|48|72)\s+hours?` + ahead),
		numbers: map[string]int{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fourteen": 14, "fifteen": 15, "twenty": 20,
			"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "tenth": 10},
	}
}

// Statements reads out of a body's own words by when the public can act on a
// meeting: put a question, ask to speak, register; and when the papers are to
// be out. What a sentence gives as a date is Stated; what it gives as so many
// days before the meeting is Computed against the bank holidays, and left out
// where those are not known. Quote is always the sentence. Nothing is guessed:
// a sentence that says it in another way gives nothing.
func (j *Judge) Statements(text string, meeting time.Time) []store.Deadline {
	var out []store.Deadline
	for _, s := range j.split.text(text) {
		if s.heading {
			continue
		}
		kind := stateKind(" " + plainWords(s.text) + " ")
		if kind == "" {
			continue
		}
		d := store.Deadline{Kind: kind, Who: stateWho(kind), Quote: Redact(clip(s.text, 500))}
		if at, ok := j.stated(s.text, kind, meeting); ok {
			d.Stated = j.stamp(at)
		} else if at, ok := j.counted(s.text, meeting); ok {
			d.Computed = j.stamp(at)
		} else {
			continue
		}
		if !slices.ContainsFunc(out, func(x store.Deadline) bool {
			return x.Kind == d.Kind && x.Stated == d.Stated && x.Computed == d.Computed
		}) {
			out = append(out, d)
		}
	}
	return out
}

func stateWho(kind string) string {
	switch kind {
	case DeadlineQuestions:
		return "anybody may ask, as far as the page says; it says how"
	case DeadlineRegistration:
		return "whoever wants to take part; the page says how"
	}
	return ""
}

// stateKind tells what a sentence sets a time for. What members of the body
// itself are to do is not for the public.
func stateKind(plain string) string {
	any := func(list ...string) bool {
		return slices.ContainsFunc(list, func(w string) bool { return strings.Contains(plain, " "+w+" ") })
	}
	limits := any("by", "no later than", "not later than", "before", "at least", "not less than", "deadline", "closing date", "closes", "close", "until", "in advance", "prior to", "notice of", "notice")
	if !limits {
		return ""
	}
	ours := any("public", "anyone", "anybody", "you", "your", "residents", "resident", "petitions", "petition", "deputation", "deputations", "members of the public", "member of the public")
	switch {
	case any("register", "registration", "book", "booking", "rsvp", "sign up") && !any("register of interests", "register of members", "question", "questions", "speak", "interests", "declare"):
		return DeadlineRegistration
	case any("question", "questions", "petition", "petitions", "deputation", "deputations", "to speak", "statement", "statements", "representations", "to address") &&
		any("submitted", "submit", "received", "receive", "sent", "send", "given", "notice", "notify", "register", "registered", "emailed", "email", "provided", "lodged", "made", "deadline", "request", "requested", "arrive") &&
		(ours || !any("member", "members", "councillor", "councillors", "directors", "governors", "officers")):
		return DeadlineQuestions
	case any("papers", "agenda", "agendas", "reports", "pack") && any("published", "publish", "available", "open to inspection", "circulated", "issued", "put", "placed") && !any("question", "questions", "minutes"):
		return DeadlinePapers
	}
	return ""
}

// stated is the date that a sentence itself gives. It must not lie after the
// meeting, nor months before it: then it is about another one. A date without a
// year is of the meeting's time.
func (j *Judge) stated(text, kind string, meeting time.Time) (time.Time, bool) {
	ref := meeting
	if !ref.IsZero() {
		ref = meeting.AddDate(0, -3, 0)
	}
	var best time.Time
	for _, d := range j.dates.dates(text, ref) {
		lead := strings.TrimRight(strings.ToLower(text[max(0, d.from-70):d.from]), " ,(")
		if !limiting(lead) {
			continue
		}
		if !meeting.IsZero() && (d.at.After(meeting.AddDate(0, 0, 1)) || d.at.Before(meeting.AddDate(0, -3, 0))) {
			continue
		}
		if best.IsZero() || d.at.Before(best) {
			best = d.at
		}
	}
	return best, !best.IsZero()
}

// limiting tells whether words lead up to a date as the last one.
func limiting(lead string) bool {
	at, word := -1, ""
	for _, w := range []string{" by ", "no later than ", "not later than ", "before ", "deadline", "closing date", "closes ", "close on ", "until ", " on or before ", "meeting on ", "held on ", "meeting of ", "published on "} {
		if i := strings.LastIndex(" "+lead+" ", w); i > at {
			at, word = i, w
		}
	}
	return at >= 0 && word != "meeting on " && word != "held on " && word != "meeting of "
}

// counted is the date that so many days before the meeting is. Days that are
// called clear are counted without the day of the meeting and the last day
// itself, and as working days: where the two ways differ that is the earlier
// and the safer one.
func (j *Judge) counted(text string, meeting time.Time) (time.Time, bool) {
	if meeting.IsZero() || !realDay(meeting.Format(time.DateOnly)) {
		return time.Time{}, false
	}
	if m := j.says.hours.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		if at := meeting.In(j.london); at.Hour() != 0 || at.Minute() != 0 {
			return at.Add(-time.Duration(n) * time.Hour), true
		}
		return time.Time{}, false
	}
	n, clear, working, at := 0, false, false, 0
	if m := j.says.before.FindStringSubmatchIndex(text); m != nil {
		word := strings.ToLower(text[m[2]:m[3]])
		if n = j.says.numbers[word]; n == 0 {
			n, _ = strconv.Atoi(strings.TrimRight(word, "sthndr"))
		}
		clear = m[4] >= 0
		kind := ""
		if m[6] >= 0 {
			kind = strings.ToLower(text[m[6]:m[7]])
		}
		clear = clear || strings.Contains(kind, "clear")
		working = clear || strings.Contains(kind, "working") || strings.Contains(kind, "business") || strings.Contains(kind, "week")
		at = m[0]
	} else if m := j.says.eve.FindStringSubmatchIndex(text); m != nil {
		n, working, at = 1, m[2] >= 0, m[0]
	}
	if n == 0 || n > 30 {
		return time.Time{}, false
	}
	if clear {
		n++
	}
	y, mon, d := meeting.In(j.london).Date()
	day := time.Date(y, mon, d, 23, 59, 59, 0, j.london)
	for left := n; left > 0; {
		day = day.AddDate(0, 0, -1)
		yes := true
		if working {
			works, known := j.dates.working(day)
			if !known {
				return time.Time{}, false
			}
			yes = works
		}
		if yes {
			left--
		}
	}
	return j.dates.withClock(text, at, at, day), true
}

// MeetingDates are the dates before a meeting, or an event, by which the public
// can do something or papers are to be out: those its own fields give, those
// its agenda and the texts given (of its papers) state, and those that are
// known of the body. The earliest of each kind counts.
func (j *Judge) MeetingDates(it store.Item, texts []string) []store.Deadline {
	when := it.When()
	if it.Cancelled() {
		return nil
	}
	var all []store.Deadline
	if by, err := time.Parse(time.RFC3339, it.Fields[store.FieldRegisterBy]); err == nil {
		all = append(all, store.Deadline{Stated: j.stamp(by), Kind: DeadlineRegistration, Who: stateWho(DeadlineRegistration), Quote: it.Fields[store.FieldRegisterSays]})
	}
	if when.IsZero() {
		return all
	}
	for _, name := range []string{store.FieldText, store.FieldSummary} {
		all = append(all, j.Statements(it.Fields[name], when)...)
	}
	for _, p := range it.Parts {
		all = append(all, j.Statements(p.Title+".\n\n"+p.Text, when)...)
	}
	for _, t := range texts {
		all = append(all, j.Statements(t, when)...)
	}
	if len(it.Parts) == 0 || it.Kind == store.KindMeeting {
		all = append(all, j.procedures(it, when)...)
	}
	var out []store.Deadline
	for _, kind := range []string{DeadlineRegistration, DeadlineQuestions, DeadlinePapers} {
		var best *store.Deadline
		for i := range all {
			if all[i].Kind == kind && (best == nil || all[i].Date().Before(best.Date())) {
				best = &all[i]
			}
		}
		if best != nil && !best.Date().After(when.AddDate(0, 0, 1)) {
			out = append(out, *best)
		}
	}
	return out
}

// procedures are what is known beforehand of the meetings of a body. An event is none.
func (j *Judge) procedures(it store.Item, when time.Time) []store.Deadline {
	b := j.reg.bodies[it.Body]
	if b == nil || it.Kind != store.KindMeeting || it.Fields[store.FieldOccasion] != "" {
		return nil
	}
	var out []store.Deadline
	for _, p := range j.rules.Procedures {
		if len(p.Bodies) > 0 && !slices.Contains(p.Bodies, b.ID) || len(p.Bodies) == 0 && !slices.Contains(p.Kinds, b.Kind) {
			continue
		}
		committee := strings.ToLower(first(it.Fields[store.FieldCommittee], it.Title))
		if p.Committee != "" && !strings.Contains(committee, strings.ToLower(p.Committee)) {
			continue
		}
		for _, d := range j.Statements(p.Statement, when) {
			d.Quote += " (" + p.Source + ")"
			out = append(out, d)
		}
	}
	return out
}
