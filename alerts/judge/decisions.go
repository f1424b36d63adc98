package judge

import (
	"fmt"
	"strings"
	"time"

	"ccgwatch/store"
)

// noticeOfKey is how many clear days before a key decision notice of it must be
// published: reg. 9 of the Local Authorities (Executive Arrangements) (Meetings
// and Access to Information) (England) Regulations 2012 (SI 2012/2089).
const noticeOfKey = 28

// decision gives the findings of a decision, or of one that a forward plan
// announces: what the rules notice in its words, and, where it is a key decision
// about health or care, that it is listed, when it is due, and from when on it
// can be taken by the rule on notice. The fields are those of the platform.
func (f *finder) decision() {
	if f.c.Kind != store.KindPaper || !strings.HasPrefix(f.c.Key, "issue/") && !strings.HasPrefix(f.c.Key, "decision/") {
		return
	}
	said := f.c.Op == store.OpAdded
	for _, x := range f.c.Fields {
		switch x.Name {
		case "key decision", "due", "notice", "decided", store.FieldText, store.FieldStatus:
			said = true
		}
	}
	if !said {
		return
	}
	text := f.it.Title + "\n\n" + f.it.Fields[store.FieldText]
	f.passages(f.j.Passages([]string{text}), store.Finding{}, "decision")
	if f.it.Fields["key decision"] != "yes" || !aboutCare(f.it.Title+" "+f.it.Fields["department"]+" "+f.it.Fields[store.FieldText]) {
		return
	}
	verb, rule := " lists a key decision to be made: ", "decision: key, planned"
	if strings.HasPrefix(f.c.Key, "decision/") {
		verb, rule = " has published a key decision: ", "decision: key, made"
	}
	quote := f.who() + verb + strings.TrimSuffix(f.it.Title, ".")
	if due := f.it.Fields["due"]; due != "" {
		quote += "; due: " + Redact(clip(due, 120))
	}
	if decided := f.it.Fields["decided"]; decided != "" {
		quote += "; decided: " + f.date(decided)
	}
	if first, ok := f.earliest(); ok {
		quote += "; notice of it was first published on " + f.date(f.it.Fields["notice"]) +
			fmt.Sprintf(", so that by the rule of %d clear days it can be made from %s on", noticeOfKey, first.Format("2 January 2006"))
	}
	f.add(store.Finding{
		Topic: store.TopicMeetings, Tier: store.TierLikely, Rule: rule, Quote: quote + ".", Text: f.it.Fields["department"] + " " + clip(f.it.Fields[store.FieldText], 1000),
		Why: "a key decision about health or care", Also: []store.Topic{store.TopicPapers},
	}, "key")
}

// earliest is the first day on which a key decision can be made after notice of it.
func (f *finder) earliest() (time.Time, bool) {
	at, err := time.ParseInLocation(time.DateOnly, f.it.Fields["notice"], f.j.london)
	if err != nil {
		return time.Time{}, false
	}
	return at.AddDate(0, 0, noticeOfKey+1), true
}

func (f *finder) date(s string) string {
	if t, err := time.ParseInLocation(time.DateOnly, s, f.j.london); err == nil {
		return t.Format("2 January 2006")
	}
	return clip(s, 60)
}

// aboutCare tells whether words are about health or care: the words themselves,
// not what may be meant.
func aboutCare(text string) bool {
	plain := " " + plainWords(text) + " "
	for _, w := range []string{"health", "healthcare", "social care", "adult care", "care home", "care homes", "home care", "homecare", "domiciliary", "nhs", "hospital", "hospitals", "wellbeing", "nursing",
		"integrated care", "extra care", "supported living", "reablement", "carers", "dental", "dentistry", "pharmacy", "substance misuse", "sexual health", "better care fund"} {
		if strings.Contains(plain, " "+w+" ") && !strings.Contains(plain, " health and safety ") {
			return true
		}
	}
	return false
}
