package mail

import (
	"slices"
	"strconv"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// digest writes the week, or the day, on one page: dates first, then what
// changed, then what could not be seen. What several subscriptions are told
// follows each under its own heading, and what could not be seen once at the end.
func (w *writer) digest(d *alerts.Digest) (subject string) {
	if w.l.Subscription.Often == store.Instant {
		return w.undeliveredAlone(d)
	}
	all := w.all()
	what, quiet := w.sums(all)
	of := d // whose span is told: a week's, if one is among them
	for _, x := range all {
		if of.Daily && !x.Daily {
			of = x
		}
	}
	span := "week to " + w.c.day(of.Slot)
	if of.Daily {
		span = "day to " + w.c.day(of.Slot)
	}
	subject = "CCGWatch " + span + ": "
	ahead := "is coming up in the next four weeks or has changed"
	if of.Daily {
		ahead = "has changed"
	}
	switch {
	case quiet && of.Read == 0:
		subject += "nothing could be read"
		w.lead(say(w.looked(of)))
	case quiet:
		subject += "all quiet"
		w.lead(say("All quiet: nothing that you asked for " + ahead + " since " + w.from(of) + ". " + w.looked(of)))
	default:
		subject += strings.Join(what, ", ")
		w.lead(say("The " + span + ": " + strings.Join(what, ", ") + w.severally(all) + ". " + w.looked(of)))
	}
	w.part(w.l.Subscription, d)
	for _, p := range w.l.Others {
		w.part(p.Subscription, p.Digest)
	}
	w.several = false
	w.outages(of)
	return header(subject)
}

// all are the digests of a letter.
func (w *writer) all() []*alerts.Digest {
	ds := []*alerts.Digest{w.l.Digest}
	for _, p := range w.l.Others {
		ds = append(ds, p.Digest)
	}
	return ds
}

// sums count what the digests tell, in words; quiet if none tells anything.
func (w *writer) sums(ds []*alerts.Digest) (what []string, quiet bool) {
	quiet = true
	held, closing, changes, earlier, listed := 0, 0, 0, 0, 0
	for _, d := range ds {
		quiet = quiet && d.Quiet()
		held += d.Held()
		closing += len(d.Closing) + d.MoreClosing
		changes += d.Changes()
		earlier += undelivered(d)
		listed += len(d.Meetings)
	}
	for _, x := range []struct {
		n    int
		word string
	}{{held, "meeting"}, {closing, "closing date"}, {changes, "change"}, {earlier, "earlier finding"}} {
		if x.n > 0 {
			what = append(what, count(x.n, x.word))
		}
	}
	if len(what) == 0 {
		what = append(what, count(listed, "cancelled meeting"))
	}
	return what, quiet
}

// severally says that more than one subscription is told.
func (w *writer) severally(ds []*alerts.Digest) string {
	if len(ds) < 2 {
		return ""
	}
	return ", for " + strconv.Itoa(len(ds)) + " things that you asked for; what fits more than one of them is told once"
}

// part writes what one subscription is told.
func (w *writer) part(s store.Subscription, d *alerts.Digest) {
	if w.several = len(w.l.Others) > 0; w.several {
		w.partHeading("You asked for ", cut(asked(s), 120), ", "+often(s.Often))
		switch {
		case d.Quiet() && d.Shared > 0:
			w.gap()
			w.para(say("All that fits this is told above: " + count(d.Shared, "thing") + "."))
		case d.Quiet():
			w.gap()
			w.para(say("All quiet: nothing new since " + w.from(d) + "."))
		case d.Shared > 0:
			w.gap()
			w.para(say(count(d.Shared, "thing") + " more that fit this are told above."))
		}
	}
	w.meetings(d)
	w.closing(d)
	for _, s := range d.Sections {
		w.section("What changed: "+strings.ToLower(topicWords(s.Topic)), s, 10)
	}
	if len(d.Mentioned.Things) > 0 {
		w.section("Also seen: papers, and passing mentions", d.Mentioned, 10)
	}
	if undelivered(d) > 0 {
		w.section("From mails that may not have reached you", d.Undelivered, alerts.MaxThings) // as many as the alerts would have shown
	}
}

func undelivered(d *alerts.Digest) int { return len(d.Undelivered.Things) + d.Undelivered.More }

// undeliveredAlone writes to somebody who wants alerts and no digest.
func (w *writer) undeliveredAlone(d *alerts.Digest) (subject string) {
	n := count(undelivered(d), "finding")
	w.lead(say(n + " of the last weeks that you asked for: mails that told of them could not be delivered, or not for certain. If they did reach you, nothing is new here."))
	w.section("From mails that may not have reached you", d.Undelivered, alerts.MaxThings) // as many as the alerts would have shown
	return header("CCGWatch: " + n + " from mails that may not have reached you")
}

func (w *writer) from(d *alerts.Digest) string {
	if d.From.IsZero() {
		return "you subscribed"
	}
	return w.c.day(d.From)
}

// looked says what the week's news rests on.
func (w *writer) looked(d *alerts.Digest) string {
	switch {
	case d.Looked == 0:
		return "No source has been looked at yet."
	case d.Read == 0:
		return "None of the " + count(d.Looked, "source") + " that we follow could be read, so we cannot say whether anything happened."
	case d.Read == d.Looked && d.Looked == 1:
		return "We looked at 1 source and could read it."
	case d.Read == d.Looked:
		return "We looked at " + strconv.Itoa(d.Looked) + " sources and could read them all."
	}
	return "We looked at " + count(d.Looked, "source") + " and could read " + strconv.Itoa(d.Read) + "; what the others published we do not know (see the end)."
}

func (w *writer) meetings(d *alerts.Digest) {
	if len(d.Meetings) == 0 {
		return
	}
	heading := "Coming meetings"
	if d.Daily {
		heading = "Meetings today and tomorrow"
	}
	w.heading(heading)
	n := w.few(len(d.Meetings), 20)
	for _, m := range d.Meetings[:n] {
		when := w.c.moment(m.When)
		if m.Cancelled {
			when = "CANCELLED: " + when
		}
		bits := []bit{say(when + ": "), title(orElse(cut(clean(m.Item.Title), w.titleMax()), "(without a title)"))}
		if b := cut(clean(orElse(m.Body, strings.ReplaceAll(m.Item.Body, "-", " "))), 100); b != "" {
			bits = append(bits, say(", "+b))
		}
		if v := cut(clean(m.Item.Fields["venue"]), w.titleMax()/2); v != "" && !m.Cancelled {
			bits = append(bits, say(", at "), quoted(v))
		}
		w.entry(append(bits, say("."+w.notes(m)))...)
		w.line(w.link(m.Item.URL))
		w.endEntry()
	}
	more := d.MoreMeetings
	for _, m := range d.Meetings[n:] {
		if !m.Cancelled {
			more++
		}
	}
	w.more(more)
}

// notes say what happened to a meeting since the last digest.
func (w *writer) notes(m alerts.Coming) string {
	var s string
	if m.New {
		s += " New."
	}
	if !m.Moved.IsZero() {
		s += " Moved from " + w.c.moment(m.Moved) + "."
	}
	if m.Restored && !m.Cancelled {
		s += " It was cancelled before, and is on again."
	}
	if m.Agenda {
		s += " The agenda is out."
	}
	if m.More {
		s += " Items or papers were added."
	}
	return s
}

func (w *writer) closing(d *alerts.Digest) {
	if len(d.Closing) == 0 {
		return
	}
	w.heading("Closing dates")
	n := w.few(len(d.Closing), 10)
	for _, c := range d.Closing[:n] {
		w.entry(say(w.c.moment(c.Date)+": "), title(w.title(c.Finding)), say(w.where(c.Finding)+"."))
		if s := w.c.deadlineWords(c.Finding.Deadline); s != "" {
			w.line(say(s))
		}
		if q := cut(clean(c.Finding.Deadline.Quote), w.quoteMax(240)); q != "" {
			w.line(say("“"), quoted(q), say("”"))
		}
		w.line(w.cite(c.Finding)...)
		w.endEntry()
	}
	w.more(len(d.Closing) - n + d.MoreClosing)
}

// quotesInDigest is how many passages of an item a digest quotes.
const quotesInDigest = 3

func (w *writer) section(heading string, s alerts.Section, most int) {
	w.heading(heading)
	n := w.few(len(s.Things), most)
	for _, t := range s.Things[:n] {
		f := t.Lead()
		seen := ", seen " + w.c.day(f.At) + "."
		if fellDue(f) {
			seen = "."
		}
		w.entry(say(label(f)+": "), title(w.title(f)), say(w.where(f)+seen))
		said, more := sentences(t, func(n int) int { return w.few(n, quotesInDigest) })
		for i, x := range said {
			if q := cut(clean(x.Quote), w.quoteMax(240)); q != "" {
				w.line(say(speaker(x)+" "+verb(x.Tier)+": “"), quoted(q), say("”"))
			}
			if i == 0 || x.Page > 0 || x.URL != f.URL {
				w.line(w.cite(x)...)
			}
		}
		if more > 0 {
			w.line(say("and " + count(more, "further passage") + "."))
		}
		for _, s := range moveWords(t) {
			w.line(quoted(cut(clean(s), 300)))
		}
		if st := stageWords(f.Stage); st != "" {
			w.line(say("Stage: " + st + "."))
		}
		w.endEntry()
	}
	w.more(len(s.Things) - n + s.More)
}

func (w *writer) more(n int) {
	if n > 0 {
		w.entry(w.moreOf(n, "like these")...)
		w.endEntry()
	}
}

// paperWord says why one paper could not be read.
func paperWord(rs []store.Reason) string {
	switch {
	case slices.Contains(rs, store.ReasonMissing):
		return "it is no longer where it was"
	case slices.Contains(rs, store.ReasonFormat):
		return "it is no file that we can read"
	}
	return reasonWords(rs)
}

func (w *writer) outages(d *alerts.Digest) {
	if len(d.Outages) == 0 {
		return
	}
	w.heading("What could not be read")
	for _, o := range d.Outages {
		since := "never so far"
		if !o.Since.IsZero() {
			since = "since " + w.c.day(o.Since)
		}
		s := ", " + since
		if why := reasonWords(o.Why); why != "" {
			s += ": " + why
		}
		if o.Paper != "" {
			w.entry(say("“"), title(cut(clean(o.Paper), 150)), say("” of "+cut(clean(o.Name), 100)+", "+since+": "+paperWord(o.Why)+"."))
			w.endEntry()
			continue
		}
		w.entry(title(cut(clean(o.Name), 100)), say(s+"."))
		w.endEntry()
	}
	w.more(d.More)
}
