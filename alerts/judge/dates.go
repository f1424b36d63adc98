package judge

import (
	"fmt"
	"time"

	"ccgwatch/store"
)

// frontPages is how many pages of an agenda or pack may say how the public
// takes part; what stands further on is of other papers.
const frontPages = 12

// FrontTexts are the first pages of a meeting's agenda or pack, where it is
// said by when questions can be put. What cannot be had is left out.
func FrontTexts(it store.Item, text func(sha string) ([]string, error)) []string {
	var out []string
	for _, d := range it.Documents {
		if d.SHA256 == "" || d.Role != store.RoleFrontsheet && d.Role != store.RolePack || len(out) >= 2 {
			continue
		}
		pages, err := text(d.SHA256)
		if err != nil {
			continue
		}
		all := ""
		for _, p := range pages[:min(len(pages), frontPages)] {
			all += p + "\n\n"
		}
		out = append(out, all)
	}
	return out
}

// OpenDates are the dates of an item by which the public can still do
// something, as they stand now: of a consultation its end, of a meeting or
// event those of MeetingDates.
func (j *Judge) OpenDates(it store.Item, texts []string) []store.Deadline {
	var out []store.Deadline
	if closes, err := time.Parse(time.RFC3339, it.Fields[store.FieldCloses]); err == nil {
		out = append(out, store.Deadline{Stated: j.stamp(j.endOfDay(closes)), Kind: "consultation", Who: "anybody may answer; the page says how", Quote: first(Redact(it.Fields[store.FieldClosesSays]), "closes "+j.spoken(closes))})
	}
	for _, d := range j.MeetingDates(it, texts) {
		if d.Kind != DeadlinePapers {
			out = append(out, d)
		}
	}
	return out
}

// endOfDay takes a day without an hour to its end: a consultation is open on its last day.
func (j *Judge) endOfDay(t time.Time) time.Time {
	l := t.In(j.london)
	if l.Hour() != 0 || l.Minute() != 0 {
		return t
	}
	y, m, d := l.Date()
	return time.Date(y, m, d, 23, 59, 59, 0, j.london)
}

// FallsOf lists what falls due for an item by now: a reminder of a date that
// is open, 5 and 1 working days before it. The tightest alone is given.
func (j *Judge) FallsOf(it store.Item, texts []string, now time.Time) []store.Change {
	if !it.Withdrawn.IsZero() {
		return nil
	}
	var out []store.Change
	for _, d := range j.OpenDates(it, texts) {
		at := d.Date()
		if !at.After(now) || !realDay(at.Format(time.DateOnly)) {
			continue
		}
		for _, n := range reminders() {
			if now.Before(j.dates.before(at, n)) {
				continue
			}
			due := store.Due{Key: fmt.Sprintf("reminder %s/%s %s %s %d", it.Source, it.Key, d.Kind, j.stamp(at), n), Kind: store.DueReminder, Step: d.Kind, Days: n, On: at,
				Words: fmt.Sprintf("%s is %s%s.", dateName(d.Kind), j.dateName(at), j.left(now, at))}
			out = append(out, store.Change{At: now, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpDue, What: []store.What{}, Title: it.Title, URL: it.URL, Due: &due})
			break
		}
	}
	return out
}

func dateName(kind string) string {
	switch kind {
	case "consultation":
		return "The last day of the consultation"
	case DeadlineQuestions:
		return "The last moment for questions from the public"
	case DeadlineRegistration:
		return "The last moment to register"
	}
	return "The date"
}

// came is the finding about a date of an item that is not far any more.
func (f *finder) came() {
	d := f.c.Due
	if d == nil {
		return
	}
	x := store.Finding{
		Topic: store.TopicDeadlines, Tier: store.TierCertain, Rule: "date: " + d.Kind, Why: d.Words, Quote: d.Words,
		Moves: []store.Move{{Kind: d.Kind, Now: f.j.stamp(d.On), Words: d.Words}}, Text: first(f.it.Fields[store.FieldSummary], f.committee()),
	}
	if x.Also = []store.Topic{store.TopicConsultations}; d.Step != "consultation" {
		x.Also, x.Tier = []store.Topic{store.TopicMeetings}, f.meetingTier()
	}
	for _, open := range f.j.OpenDates(f.it, FrontTexts(f.it, f.text)) {
		if open.Kind == d.Step {
			x.Deadline = &open
			if open.Quote != "" {
				x.Quote = open.Quote
			}
		}
	}
	f.add(x, d.Key)
}

// askBy is the first of the dates by which the public can act on a meeting that
// lies ahead, nil where nothing states one.
func (f *finder) askBy() *store.Deadline {
	if f.it.When().Before(f.c.At) || f.c.Op == store.OpWithdrawn {
		return nil
	}
	var best *store.Deadline
	for _, d := range f.j.MeetingDates(f.it, FrontTexts(f.it, f.text)) {
		if d.Kind != DeadlinePapers && d.Date().After(f.c.At) && (best == nil || d.Date().Before(best.Date())) {
			best = &d
		}
	}
	return best
}

// event says what a source lists of an event for the public.
func (f *finder) event() string {
	s := f.who() + " lists an event for the public: " + f.it.Title
	if when := f.it.When(); !when.IsZero() {
		s += ", on " + f.j.spoken(when)
	}
	if v := f.it.Fields[store.FieldVenue]; v != "" {
		s += ", " + v
	}
	if v := f.it.Fields[store.FieldOnline]; v != "" {
		s += ", online"
	}
	if by, err := time.Parse(time.RFC3339, f.it.Fields[store.FieldRegisterBy]); err == nil {
		s += "; registration until " + f.j.spoken(by)
	}
	s += "."
	if says := Redact(f.it.Fields[store.FieldWhenSays]); says != "" { // in its words, out of which the day was read
		s += " It says: “" + says + "”"
		if !f.sure(store.FieldWhen) {
			s += " The year is not printed, or the date can be read in more than one way."
		}
	}
	return s
}
