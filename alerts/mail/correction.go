package mail

import (
	"strings"

	"ccgwatch/alerts"
)

// correction writes that we were wrong: what is right first, in the operator's
// words, then what it is about.
func (w *writer) correction(x *alerts.Correction) (subject string) {
	lead := x.About[0]
	subject = correctionSubject(x)
	w.lead(say("We were wrong. We wrote to you about: "), title(w.title(lead)), say(w.where(lead)+". This is what is right:"))
	for _, p := range strings.Split(strings.ReplaceAll(x.Words, "\r\n", "\n"), "\n\n") {
		if p = cut(clean(p), 2000>>w.level); p != "" {
			w.gap()
			w.para(quoted(p))
		}
	}
	w.heading("What we had written")
	n := w.few(len(x.About), alerts.MaxThings)
	for _, f := range x.About[:n] {
		w.entry(say(label(f)+": "), title(w.title(f)), say(w.where(f)+", seen "+w.c.day(f.At)+"."))
		if q := cut(clean(f.Quote), w.quoteMax(240)); q != "" {
			w.line(say("We quoted: “"), quoted(q), say("”"))
		}
		w.line(w.cite(f)...)
		if page := w.c.links.Finding(f.ID); page != "" {
			w.line(say("As it stands now: "), bit{words: "our page", href: page})
		}
		w.endEntry()
	}
	if more := len(x.About) - n; more > 0 {
		w.entry(say("and " + count(more, "further passage") + "."))
		w.endEntry()
	}
	return subject
}

func correctionSubject(x *alerts.Correction) string {
	f := x.About[0]
	tail := ""
	if b := cut(body(f), 60); b != "" {
		tail = " (" + b + ")"
	}
	const head = "Correction, we were wrong: "
	t := orElse(clean(f.Title), "(without a title)")
	return header(head + cut(defuse(t), maxSubject-10-len([]rune(head+tail))) + tail)
}
