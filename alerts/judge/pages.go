package judge

import (
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// page gives the findings of a page without an adapter of its own, or of the
// entry of a feed: what the rules notice in the words that are new on it; a
// consultation by its dates; and, that nothing of what somebody chose to have
// watched goes untold, a mention that it changed, with the first words that are
// new. Words that went are no quote of the page any more.
func (f *finder) page() {
	fresh := f.newWords()
	f.consultation()
	f.passages(f.j.Passages([]string{fresh}), store.Finding{}, "page")
	quote := Redact(firstWords(fresh))
	switch {
	case f.c.Op == store.OpAdded:
		quote = first(quote, f.c.Title)
	case quote == "" && !f.rewritten():
		quote = "Of what is listed beside its words this changed: " + list(f.fieldNames()) + "."
	case quote == "":
		quote = "Something was taken off the page, and nothing new put on it."
	}
	if len(f.out) == 0 {
		f.add(store.Finding{
			Topic: store.TopicPapers, Tier: store.TierMention, Rule: "page: " + string(store.PageChanged), Quote: quote,
			Text: fresh, Why: "it is new, or its words changed",
		}, "")
	}
}

// rewritten tells whether the words of a page changed, and not only what is
// listed beside them.
func (f *finder) rewritten() bool {
	return slices.ContainsFunc(f.c.Fields, func(x store.FieldChange) bool {
		return x.Name == store.FieldSummary || x.Name == store.FieldText || strings.HasPrefix(x.Name, store.FieldText+": ") || x.Name == "title"
	})
}

// fieldNames are the names of the fields that changed.
func (f *finder) fieldNames() (names []string) {
	for _, x := range f.c.Fields {
		names = append(names, strings.ReplaceAll(x.Name, "_", " "))
	}
	return names
}

// newWords are the lines of a page that were not on it before, in the order of
// the change; of an item that is new, its title and all its words.
func (f *finder) newWords() string {
	var b strings.Builder
	old := map[string]bool{}
	for _, x := range f.c.Fields {
		for line := range strings.Lines(x.Old) {
			old[strings.TrimSpace(line)] = true
		}
	}
	add := func(text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !old[line] {
				b.WriteString(line + "\n")
			}
		}
		b.WriteByte('\n')
	}
	if f.c.Op == store.OpAdded {
		add(f.it.Title)
		for _, name := range []string{store.FieldSummary, store.FieldText} {
			add(f.it.Fields[name])
		}
		return strings.TrimSpace(b.String())
	}
	for _, x := range f.c.Fields {
		if x.Name == store.FieldSummary || x.Name == store.FieldText || strings.HasPrefix(x.Name, store.FieldText+": ") || x.Name == "title" {
			add(x.New)
		}
	}
	return strings.TrimSpace(b.String())
}

// firstWords is the beginning of a text, cut at the end of a line or a word.
func firstWords(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if r := []rune(line); len(r) > 300 {
		line = string(r[:300])
		line = line[:strings.LastIndexByte(line, ' ')+1] + "…"
	}
	return line
}

// consultation gives a finding for an entry that says until when the public is
// asked, when it is new or its dates changed.
func (f *finder) consultation() {
	closes, said := f.it.Fields[store.FieldCloses], f.c.Op == store.OpAdded
	for _, x := range f.c.Fields {
		said = said || x.Name == store.FieldCloses || x.Name == store.FieldOpens
	}
	if closes == "" || !said {
		return
	}
	until := closes
	says := Redact(f.it.Fields[store.FieldClosesSays])
	d := &store.Deadline{Kind: "consultation", Who: "anybody may answer; the page says how", Quote: first(says, "closes "+closes)}
	if t, err := time.Parse(time.RFC3339, closes); err == nil {
		until, d.Stated = f.j.spoken(t), closes
	}
	quote := f.who() + " lists a consultation, open until " + until + ": " + f.it.Title
	if opens, err := time.Parse(time.RFC3339, f.it.Fields[store.FieldOpens]); err == nil && opens.After(f.c.At) {
		quote = f.who() + " lists a consultation, from " + f.j.spoken(opens) + " until " + until + ": " + f.it.Title
	}
	x := store.Finding{
		Topic: store.TopicConsultations, Tier: store.TierCertain, Rule: "page: consultation", Quote: strings.TrimSuffix(quote, ".") + ".",
		Deadline: d, Text: f.it.Fields[store.FieldSummary], Why: "it states until when it is open",
	}
	if says != "" { // in its words, out of which the date was read
		x.Quote += " It says: “" + says + "”"
		if !f.sure(store.FieldCloses) {
			x.Tier, x.Why = store.TierLikely, "it states until when it is open, but the date can be read in more than one way, or is printed without a year"
		}
	}
	f.add(x, "")
}

// sure tells whether a date that was read out of words is there as printed, with
// its day, month and year.
func (f *finder) sure(field string) bool {
	return strings.Contains(", "+f.it.Fields[store.FieldDatesSure]+",", ", "+strings.ReplaceAll(field, "_", " ")+" certain,")
}
