package mail

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// levels is how often a letter may be made shorter to fit.
const levels = 6

// A writer puts one letter on a sheet. The higher its level, the less it shows.
type writer struct {
	c     *Composer
	l     alerts.Letter
	level int
	word  string // in place of the token of a way out: see foot; "" is the token
	sheet
}

// write writes all but the footer.
func (w *writer) write() (subject string) {
	switch {
	case w.l.Alert != nil && allFellDue(w.l.Alert):
		subject = w.reminder(w.l.Alert)
	case w.l.Alert != nil:
		subject = w.alert(w.l.Alert)
	case w.l.Correction != nil:
		subject = w.correction(w.l.Correction)
	default:
		subject = w.digest(w.l.Digest)
	}
	if w.l.Copy {
		subject = header(copyMark + subject)
	}
	return subject
}

// Lengths in characters, by level.
func (w *writer) titleMax() int { return 240 >> (w.level / 2) }
func (w *writer) quoteMax(most int) int {
	if w.level > 3 {
		return 0
	}
	return most >> w.level
}

// few is how many of n to show, at most most.
func (w *writer) few(n, most int) int { return min(n, max(1, most>>w.level)) }

func (w *writer) title(f store.Finding) string {
	return orElse(cut(clean(f.Title), w.titleMax()), "(without a title)")
}

func body(f store.Finding) string {
	return cut(clean(orElse(f.BodyName, strings.ReplaceAll(f.Body, "-", " "))), 100)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// subjectOf is label: title (body), cut in the middle so that the body stays.
func subjectOf(before string, f store.Finding) string {
	head := before + label(f) + ": "
	tail := ""
	if b := cut(body(f), 60); b != "" {
		tail = " (" + b + ")"
	}
	t := orElse(clean(f.Title), "(without a title)")
	return header(head + cut(defuse(t), maxSubject-10-len([]rune(head+tail))) + tail)
}

// header is a text as a Subject can carry it.
func header(s string) string { return cut(defuse(s), maxSubject) }

func (w *writer) alert(a *alerts.Alert) (subject string) {
	n := len(a.Things) + a.More
	lead := a.Things[0].Lead()
	shown := a.Things[:w.few(len(a.Things), alerts.MaxThings)]
	if n == 1 {
		subject = subjectOf("", lead)
		w.thing(a.Things[0], quotesOfOne, w.lead)
	} else {
		subject = subjectOf(count(n, "finding")+": ", lead)
		when := " of " + w.c.moment(lead.At)
		if a.Folded > 0 {
			when = " since " + w.c.moment(a.Since) + ", together because our mail could not leave for some days"
		}
		w.lead(say(count(n, "finding")+when+", the first: "+label(lead)+", "),
			title(w.title(lead)), say(w.where(lead)+"."))
		for _, t := range shown {
			w.gap()
			w.thing(t, quotesOfMany, w.thingLead)
		}
	}
	if more := n - len(shown); more > 0 {
		w.gap()
		w.para(w.moreOf(more, "were found at the same time")...)
	}
	return subject
}

// moreOf says where the rest is.
func (w *writer) moreOf(n int, what string) []bit {
	s := "and " + strconv.Itoa(n) + " more " + what
	switch {
	case w.c.links.Home() != "":
		return []bit{say(s + ": "), {words: "see our pages", href: w.c.links.Home() + "/"}}
	case w.l.Alert != nil && w.l.Subscription.Often == store.Both:
		return []bit{say(s + "; they count in your next digest.")}
	}
	return []bit{say(s + "; answer this mail to ask for them.")}
}

// where is ", Leicester City Council".
func (w *writer) where(f store.Finding) string {
	if b := body(f); b != "" {
		return ", " + b
	}
	return ""
}

// How many passages of an item an alert quotes: a pack of 300 pages may have a
// dozen, and a reader by mail alone has nowhere else to look.
const (
	quotesOfOne  = 12
	quotesOfMany = 6
)

// thing tells of one item: what, where and when first, then the words of the
// source with the place they stand in, then what can be done.
func (w *writer) thing(t alerts.Thing, quotes int, first func(...bit)) {
	f := t.Lead()
	bits := []bit{say(label(f) + ": "), title(w.title(f)), say(w.where(f))}
	switch {
	case !f.When.IsZero() && f.Kind == store.KindMeeting:
		bits = append(bits, say(", meeting on "+w.c.moment(f.When)))
	case !fellDue(f):
		bits = append(bits, say(", seen "+w.c.day(f.At)))
	}
	first(append(bits, say("."))...)
	said, more := sentences(t, func(n int) int { return w.few(n, quotes) })
	for _, x := range said {
		w.quote(x, 600)
	}
	if more > 0 {
		w.para(say("and " + count(more, "further passage") + "."))
	}
	for _, s := range moveWords(t) {
		w.para(quoted(cut(clean(s), 400)))
	}
	if s := stageWords(f.Stage); s != "" && !slices.ContainsFunc(f.Moves, func(m store.Move) bool { return m.Kind == "stage" }) {
		w.para(say("Stage: " + s + "."))
	}
	if s := unsaidWords(t); s != "" && w.level < 3 {
		w.para(say(cut(s, 500)))
	}
	w.partOf(t)
	for _, x := range t.Findings {
		if s := w.c.deadlineWords(x.Deadline); s != "" {
			w.para(say(s))
			break
		}
	}
	if page := w.c.links.Finding(f.ID); page != "" {
		w.para(say("More about it: "), bit{words: "our page", href: page})
	}
}

// quote gives the sentence, and where to check it.
func (w *writer) quote(f store.Finding, most int) {
	if q := cut(clean(f.Quote), w.quoteMax(most)); q != "" {
		w.para(say(speaker(f)+" "+verb(f.Tier)+": “"), quoted(q), say("”"))
	}
	w.para(w.cite(f)...)
}

// cite is the page, the document and the address.
func (w *writer) cite(f store.Finding) []bit {
	var bits []bit
	if f.Page > 0 {
		bits = append(bits, say("Page "+strconv.Itoa(f.Page)+" of "), quoted(orElse(cut(clean(f.Document), w.titleMax()), "the paper")))
		for _, o := range f.AlsoIn[:w.few(len(f.AlsoIn), 2)] {
			bits = append(bits, say(", also page "+strconv.Itoa(o.Page)+" of "), quoted(orElse(cut(clean(o.Document), w.titleMax()), "another paper")))
		}
		bits = append(bits, say(": "))
	} else if d := cut(clean(f.Document), w.titleMax()); d != "" {
		bits = append(bits, say("In "), quoted(d), say(": "))
	} else {
		bits = append(bits, say("Source: "))
	}
	raw := f.URL
	if f.Page > 0 {
		raw = withPage(raw, strconv.Itoa(f.Page))
	}
	return append(bits, w.link(raw))
}

func (w *writer) link(raw string) bit {
	s, ok := sourceOf(raw)
	if !ok || w.level > 3 && len(s.href) > 200 {
		return say("(its address cannot be shown here)")
	}
	return bit{words: s.host, href: s.href}
}

// footer says why, how to stop, and who writes.
func (w *writer) footer() {
	c := w.c
	w.rule()
	if len(w.l.Others) == 0 {
		s := w.l.Subscription
		w.para(say("You get this because you asked for "), quoted(asked(s)), say(", "+often(s.Often)+"."))
		w.stop("To stop", s.ID)
		w.gap()
	} else {
		w.para(say("You get this because you asked for several things:"))
		w.why(w.l.Subscription)
		for _, p := range w.l.Others {
			w.why(p.Subscription)
		}
		w.gap()
		w.stop("To stop all of them at once", tells(w.l)...)
		w.gap()
	}
	if c.links.Home() != "" {
		w.para(say("To change what you get, ask for your own link: "), bit{words: "your subscriptions", href: c.links.Home() + "/manage"})
		w.gap()
	} else if c.Mailbox {
		w.para(say("To change what you get, ask for the ways to: send a mail to "+c.links.Email()+" with the subject "), bit{words: "help", href: c.links.Mailto("help")}, say("."))
		w.gap()
	}
	w.para(say("CCGWatch is run by " + c.group + ", " + c.links.Email() + ". It tells what public bodies publish, in their words; please check the source before you act on it."))
}

// why is the reason for one of several parts, with its own way out.
func (w *writer) why(s store.Subscription) {
	w.entry(quoted(asked(s)), say(", "+often(s.Often)+"."))
	https, mailto := w.c.links.Unsubscribe(s.ID)
	if https == "" {
		w.line(say("To stop this one alone, send a mail to "+w.c.links.Email()+" with the subject "), bit{words: "unsubscribe " + w.c.links.Token(s.ID), href: mailto}, say(" (nothing else)."))
	} else {
		w.line(say("To stop this one alone, open "), bit{words: "unsubscribe from this one", href: https}, say(" and press the button."))
	}
	w.endEntry()
}

// stop says how to stop some subscriptions.
func (w *writer) stop(to string, subscriptions ...string) {
	c := w.c
	https, mailto := c.links.Unsubscribe(subscriptions...)
	if w.word != "" {
		in := strings.NewReplacer(c.links.Token(subscriptions[0]), w.word)
		https, mailto = in.Replace(https), in.Replace(mailto)
	}
	subject, _ := url.PathUnescape(mailto[strings.LastIndex(mailto, "=")+1:])
	if https != "" {
		w.para(say(to+", open "), bit{words: "unsubscribe", href: https}, say(" and press the button. It ends with that; you need no account."))
		w.gap()
		w.para(say("Or send a mail to "+c.links.Email()+" with the subject "), bit{words: subject, href: mailto}, say(" (nothing else)."))
		return
	}
	w.para(say(to+", send a mail to "+c.links.Email()+" with the subject "), bit{words: subject, href: mailto}, say(" (nothing else)."))
}

// asked is the query as it was understood.
func asked(s store.Subscription) string {
	q, err := query.Parse(s.Query)
	if err != nil || q.String() == "" {
		return "everything"
	}
	return cut(clean(q.String()), 300)
}

func often(s string) string {
	switch s {
	case store.Daily:
		return "once a day, on days with something to tell"
	case store.Weekly:
		return "once a week"
	case store.Both:
		return "as things appear and once a week"
	}
	return "as things appear"
}
