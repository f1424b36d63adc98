package judge

import (
	"fmt"
	"strings"
	"time"

	"ccgwatch/store"
)

// meeting gives one finding for what a source newly lists of a meeting: it is
// new, moved, cancelled, back, or has its agenda. The quote says in plain
// words what the source lists; nothing is concluded from it.
func (f *finder) meeting() {
	if f.c.Kind != store.KindMeeting {
		return
	}
	var says []string
	rule := ""
	for _, x := range []struct {
		what store.What
		say  func() string
	}{
		{store.MeetingCancelled, f.cancelled},
		{store.MeetingRestored, f.restored},
		{store.MeetingMoved, f.moved},
		{store.NewMeeting, f.listed},
		{store.AgendaPublished, f.agenda},
	} {
		if f.c.Has(x.what) {
			says = append(says, x.say())
			if rule == "" {
				rule = "meeting: " + string(x.what)
			}
		}
	}
	if len(says) == 0 {
		return
	}
	if doubt := f.it.Fields[store.FieldDoubt]; doubt != "" {
		says = append(says, "The page contradicts itself: "+strings.TrimSuffix(doubt, ".")+".")
	}
	f.add(store.Finding{
		Topic: store.TopicMeetings, Tier: f.meetingTier(), Rule: rule, Quote: strings.Join(says, " "), When: f.it.When(),
		Text: strings.TrimSpace(f.committee() + " " + f.it.Fields[store.FieldVenue]), Why: "what the source lists changed", Deadline: f.askBy(),
	}, "")
}

// who is the body in words.
func (f *finder) who() string { return first(f.bodyName, "The source") }

func (f *finder) committee() string { return first(f.it.Fields[store.FieldCommittee], f.it.Title) }

func (f *finder) listed() string {
	if f.it.Fields[store.FieldOccasion] != "" {
		return f.event()
	}
	s := fmt.Sprintf("%s lists a meeting of %s", f.who(), f.committee())
	if when := f.it.When(); !when.IsZero() {
		s += " on " + f.j.spoken(when)
	} else {
		s += " without a date"
	}
	if v := f.it.Fields[store.FieldVenue]; v != "" {
		s += ", " + v
	}
	return s + "."
}

func (f *finder) moved() string {
	s := fmt.Sprintf("%s now lists the meeting of %s for %s", f.who(), f.committee(), first(f.j.spoken(f.it.When()), "an unknown time"))
	for _, x := range f.c.Fields {
		if x.Name == store.FieldWhen && x.Old != "" {
			if old, err := time.Parse(time.RFC3339, x.Old); err == nil {
				return s + "; it was " + f.j.spoken(old) + "."
			}
			return s + "; it was " + x.Old + "."
		}
	}
	return s + "."
}

func (f *finder) cancelled() string {
	return fmt.Sprintf("%s lists the meeting of %s on %s as cancelled.", f.who(), f.committee(), first(f.j.spoken(f.it.When()), "an unknown date"))
}

func (f *finder) restored() string {
	return fmt.Sprintf("%s lists the meeting of %s on %s and no longer as cancelled.", f.who(), f.committee(), first(f.j.spoken(f.it.When()), "an unknown date"))
}

func (f *finder) agenda() string {
	s := fmt.Sprintf("The agenda of %s", f.committee())
	if when := f.it.When(); !when.IsZero() {
		s += " for " + f.j.spoken(when)
	}
	s += " is published"
	if n := len(f.c.Parts); n > 0 {
		s += fmt.Sprintf(" with %d items", n)
	}
	return s + "."
}

// spoken is a time as people write it: "16 September 2026, 14:00".
func (j *Judge) spoken(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(j.london)
	if t.Hour() == 0 && t.Minute() == 0 {
		return t.Format("2 January 2006")
	}
	return t.Format("2 January 2006, 15:04")
}

// meetingTier: boards of the NHS and committees about health come first, then
// the rest of scrutiny and the deciding bodies of a council.
func (f *finder) meetingTier() store.Tier {
	name := " " + plainWords(f.committee()) + " "
	if f.body != nil && (f.body.Kind == "icb" || f.body.Kind == "ccg" || f.body.Kind == "trust") {
		return store.TierCertain
	}
	for _, w := range []string{" health ", " wellbeing ", " care ", " nhs ", " hospital ", " hospitals ", " hosc ", " healthcare "} {
		if strings.Contains(name, w) {
			return store.TierCertain
		}
	}
	for _, w := range []string{" scrutiny ", " cabinet ", " council ", " executive "} {
		if strings.Contains(name, w) {
			return store.TierLikely
		}
	}
	return store.TierMention
}

// minutes says that minutes are there.
func (f *finder) minutes() {
	if !f.c.Has(store.MinutesPublished) {
		return
	}
	quote := "The minutes of " + f.committee()
	if when := f.it.When(); !when.IsZero() {
		quote += " on " + f.j.spoken(when)
	}
	f.add(store.Finding{
		Topic: store.TopicPapers, Tier: store.TierMention, Rule: "papers: minutes", Quote: quote + " are published.",
		Text: f.committee(), Why: "minutes appeared",
	}, "minutes")
}

// papers lists the documents a change brought, in one finding. unread names
// those whose text could not be had.
func (f *finder) papers(unread map[string]bool) {
	var added, replaced []string
	packs := false
	for _, d := range f.c.Documents {
		if d.Role == store.RoleMinutes && f.c.Has(store.MinutesPublished) {
			continue // they have a finding of their own
		}
		isNew := f.c.Has(store.DocumentAdded) && !f.replaced(d)
		if !isNew && !f.c.Has(store.DocumentReplaced) || f.c.Has(store.DocumentRemoved) && !f.holds(d) {
			continue
		}
		name := first(d.Title, "a paper without a title")
		name += f.doubt(d, unread)
		if isNew {
			added = append(added, name)
		} else {
			replaced = append(replaced, name)
		}
		packs = packs || d.Role == store.RolePack || f.c.Kind == store.KindPaper
	}
	var says []string
	if len(added) > 0 {
		says = append(says, "Papers added: "+list(added)+".")
	}
	if len(replaced) > 0 {
		says = append(says, "Papers replaced: "+list(replaced)+".")
	}
	for _, d := range f.c.Read {
		switch missing := f.missing[docKey(d)]; {
		case unread[docKey(d)]:
			says = append(says, "The text of "+first(d.Title, "a paper")+" could not be read.")
		case missing != "":
			says = append(says, "Of "+first(d.Title, "a paper")+" we could not read "+missing+".")
		}
	}
	if len(says) == 0 {
		return
	}
	tier := store.TierMention
	if packs && f.body != nil && (f.body.Kind == "icb" || f.body.Kind == "ccg" || f.body.Kind == "trust") {
		tier = store.TierLikely
	}
	f.add(store.Finding{
		Topic: store.TopicPapers, Tier: tier, Rule: "papers: documents", Quote: strings.Join(says, " "),
		Text: f.committee(), Why: "documents appeared or changed", Deadline: f.askBy(),
	}, "papers")
}

// doubt is what a reader must know of our reading of a document, in brackets:
// that it was not read, or in part, or says again what another one says.
func (f *finder) doubt(d store.Document, unread map[string]bool) string {
	var says []string
	if unread[docKey(d)] {
		says = append(says, "its text could not be read")
	} else if missing := f.missing[docKey(d)]; missing != "" {
		says = append(says, missing+" could not be read")
	}
	if r := f.repeats[docKey(d)]; len(r) > 0 {
		says = append(says, "what we noticed in it stands also in "+list(r))
	}
	if len(says) == 0 {
		return ""
	}
	return " (" + strings.Join(says, "; ") + ")"
}

// replaced tells whether the change gives a new version of a known document.
func (f *finder) replaced(d store.Document) bool {
	if !f.c.Has(store.DocumentReplaced) {
		return false
	}
	for _, x := range f.c.Fields {
		if (x.Name == "document "+d.Key || x.Name == "document "+d.URL) && x.Old != "" && x.New != "" {
			return true
		}
	}
	return !f.c.Has(store.DocumentAdded)
}

// maxListed is how many papers a finding names.
const maxListed = 8

func list(names []string) string {
	if n := len(names); n > maxListed {
		return strings.Join(names[:maxListed], "; ") + fmt.Sprintf("; and %d more", n-maxListed)
	}
	return strings.Join(names, "; ")
}
