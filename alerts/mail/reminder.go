package mail

import (
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// allFellDue tells whether an alert is about dates alone: nothing was published,
// and its reader is reminded.
func allFellDue(a *alerts.Alert) bool {
	return a.Folded == 0 && !slices.ContainsFunc(a.Things, func(t alerts.Thing) bool { return !fellDue(t.Lead()) })
}

// reminder writes about dates that come near, or have passed without the notice
// that was to follow: when, and who may still do what, before anything else.
func (w *writer) reminder(a *alerts.Alert) (subject string) {
	n := len(a.Things) + a.More
	lead := a.Things[0].Lead()
	shown := a.Things[:w.few(len(a.Things), alerts.MaxThings)]
	first := w.dueWords(lead)
	if n > 1 {
		subject = subjectOf(count(n, "reminder")+": ", lead)
		w.lead(say("Nothing new was published; "+count(n, "date")+" of what you asked for are near or have passed. The first: "), title(w.title(lead)), say(w.where(lead)+". "), quoted(first))
	} else {
		subject = reminderSubject(w.c, lead)
		w.lead(say("Nothing new was published; this is a reminder: "), title(w.title(lead)), say(w.where(lead)+". "), quoted(first))
	}
	for _, t := range shown {
		w.gap()
		w.thing(t, quotesOfMany, w.thingLead)
	}
	if more := n - len(shown); more > 0 {
		w.gap()
		w.para(w.moreOf(more, "are due as well")...)
	}
	return subject
}

// dueWords are the first sentence about what fell due.
func (w *writer) dueWords(f store.Finding) string {
	for _, m := range f.Moves {
		if m.Kind == store.DueReminder || m.Kind == store.DueOverdue {
			return cut(clean(m.Words), 400)
		}
	}
	return ""
}

// reminderSubject begins with the date, which is what it is about.
func reminderSubject(c *Composer, f store.Finding) string {
	d := f.Deadline.Date()
	if d.IsZero() || !slices.ContainsFunc(f.Moves, func(m store.Move) bool { return m.Kind == store.DueReminder }) {
		return subjectOf("", f)
	}
	day := strings.TrimSuffix(d.In(c.zone).Format("Mon 2 Jan 15:04"), " 00:00")
	if d.In(c.zone).Second() == 59 || d.In(c.zone).Format(time.TimeOnly) == "23:59:00" {
		day = d.In(c.zone).Format("Mon 2 Jan")
	}
	tail := ""
	if b := cut(body(f), 60); b != "" {
		tail = " (" + b + ")"
	}
	head := "Reminder, by " + day + ": "
	t := orElse(clean(f.Title), "(without a title)")
	return header(head + cut(defuse(t), maxSubject-10-len([]rune(head+tail))) + tail)
}
