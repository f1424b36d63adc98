package mail

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// day is a date in words.
func (c *Composer) day(t time.Time) string { return t.In(c.zone).Format("Monday 2 January 2006") }

// moment is a date and, unless it is midnight, the time.
func (c *Composer) moment(t time.Time) string {
	l := t.In(c.zone)
	if l.Hour() == 0 && l.Minute() == 0 {
		return c.day(t)
	}
	return c.day(t) + " at " + l.Format("15:04")
}

// stated is a date as a finding carries it; what is no time is shown as it is.
func (c *Composer) stated(s string) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return c.moment(t)
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Format("Monday 2 January 2006")
	}
	return cut(clean(s), 60)
}

// count is "1 change" or "3 changes".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// label is what a finding is, in two or three words. It never says more than
// its source: an award is called a notice of one.
func label(f store.Finding) string {
	has := func(w store.What) bool { return slices.Contains(f.What, w) }
	switch f.Topic {
	case store.TopicOutsourcing:
		return "Outsourcing"
	case store.TopicTenders:
		switch {
		case f.Stage == "cancelled":
			return "Cancellation notice"
		case has(store.NoticeUpdated):
			return "Tender updated"
		}
		return "Tender"
	case store.TopicAwards:
		return awardLabel(f.Stage)
	case store.TopicMeetings:
		return meetingLabel(has)
	case store.TopicPapers:
		switch {
		case has(store.DocumentReplaced):
			return "Paper replaced"
		case has(store.DocumentRemoved):
			return "Paper removed"
		}
		return "Paper"
	case store.TopicDeadlines:
		return deadlineLabel(f)
	case store.TopicConsultations:
		return "Consultation"
	case store.TopicFOI:
		return "FOI request"
	}
	return "Finding"
}

// awardLabel goes by the stage: many a notice of the award form says that
// nothing is awarded, or tells of a contract that runs or ends.
func awardLabel(stage string) string {
	switch stage {
	case "intention":
		return "Intention to award"
	case "cancelled":
		return "Cancellation notice"
	case "modification":
		return "Contract change"
	case "performance":
		return "Report on a contract"
	case "termination":
		return "End of a contract"
	case "award", "contract", "confirmation":
		return "Award notice"
	}
	return "Notice of the award form"
}

func meetingLabel(has func(store.What) bool) string {
	for _, x := range []struct {
		what store.What
		word string
	}{
		{store.MeetingCancelled, "Meeting cancelled"},
		{store.MeetingRestored, "Meeting on again"},
		{store.MeetingMoved, "Meeting moved"},
		{store.NewMeeting, "New meeting"},
		{store.AgendaPublished, "Agenda published"},
		{store.ItemAdded, "Added to the agenda"},
		{store.MinutesPublished, "Minutes published"},
		{store.DocumentReplaced, "Paper replaced"},
		{store.DocumentAdded, "Paper added"},
		{store.DocumentRemoved, "Paper removed"},
	} {
		if has(x.what) {
			return x.word
		}
	}
	return "Meeting"
}

// topicWords are headings.
func topicWords(t store.Topic) string {
	switch t {
	case store.TopicFOI:
		return "FOI requests"
	case store.TopicTenders, store.TopicOutsourcing, store.TopicMeetings, store.TopicAwards, store.TopicPapers,
		store.TopicDeadlines, store.TopicConsultations:
		return strings.ToUpper(string(t[:1])) + string(t[1:])
	}
	return "Other"
}

// stageWords say where a procurement stands, as far as the notice says.
func stageWords(s string) string {
	switch s {
	case "":
		return ""
	case "pipeline":
		return "planned for later (pipeline notice)"
	case "engagement":
		return "the buyer asks for views before a tender"
	case "planned":
		return "a procurement is planned"
	case "tender":
		return "open for tenders"
	case "tender_update":
		return "a tender notice was changed"
	case "intention":
		return "the buyer intends to award; the notice does not say that a contract is made"
	case "award":
		return "award notice"
	case "contract":
		return "contract notice"
	case "confirmation":
		return "the notice confirms an award"
	case "modification":
		return "a contract is changed"
	case "performance":
		return "a report on a contract's performance"
	case "termination":
		return "a contract ends"
	case "cancelled":
		return "the procurement is cancelled"
	}
	return "unclear from the notice"
}

// deadlineWords give both dates and who may act.
func (c *Composer) deadlineWords(d *store.Deadline) string {
	if d == nil || d.Stated == "" && d.Computed == "" {
		return ""
	}
	var parts []string
	if d.Stated != "" {
		said := "the notice says "
		switch d.Kind {
		case "consultation", judge.DeadlineQuestions, judge.DeadlineRegistration:
			said = "the page says "
		}
		parts = append(parts, said+c.stated(d.Stated))
	}
	if d.Computed != "" {
		parts = append(parts, "by the rule, "+c.stated(d.Computed))
	}
	s := deadlineKind(d.Kind) + ": " + strings.Join(parts, "; ") + "."
	switch {
	case d.Stated == "" && d.Kind == judge.DeadlineQuestions:
		s += " The source gives the rule: “" + strings.TrimRight(cut(clean(d.Quote), 300), ".") + ".”"
	case d.Stated == "":
		s += " The notice itself gives no date."
	case judge.Differ(d):
		s += " The two differ; the earlier is the safe one."
	}
	if who := cut(clean(d.Who), 200); who != "" {
		s += " Who may act: " + strings.TrimRight(who, ".") + "."
	} else if d.Kind == "representations" || d.Kind == "standstill" {
		s += " Only providers may make representations."
	}
	return s
}

func deadlineKind(k string) string {
	switch k {
	case "tender":
		return "Closing date for tenders"
	case "interest":
		return "Closing date to show interest"
	case "engagement":
		return "Closing date to take part"
	case "standstill":
		return "End of the standstill"
	case "representations":
		return "Closing date for representations"
	case "futurenotice":
		return "Next notice expected"
	case "consultation":
		return "Closing date of the consultation"
	case judge.DeadlineQuestions:
		return "Last moment for questions from the public"
	case judge.DeadlineRegistration:
		return "Last moment to register"
	}
	return "Closing date"
}

// verb: only what is certain is said; the rest is mentioned.
func verb(t store.Tier) string {
	if t == store.TierCertain {
		return "says"
	}
	return "mentions"
}

// speaker is what a quotation is taken from.
func speaker(f store.Finding) string {
	switch {
	case f.Page > 0:
		return "The paper"
	case f.Document != "" && f.Kind == store.KindMeeting:
		return "The agenda"
	case f.Document != "":
		return "The paper"
	case f.Kind == store.KindNotice:
		return "The notice"
	case f.Kind == store.KindMeeting:
		return "The meeting's page"
	case f.Kind == store.KindRequest:
		return "The request"
	}
	return "The page"
}

// reasonWords say why a source could not be read.
func reasonWords(rs []store.Reason) string {
	var out []string
	for _, r := range rs {
		if w := reasonWord(r); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, "; ")
}

func reasonWord(r store.Reason) string {
	switch r {
	case store.ReasonNetwork:
		return "it could not be reached"
	case store.ReasonRefused:
		return "it refused us"
	case store.ReasonMissing:
		return "its pages were not where they used to be"
	case store.ReasonServer:
		return "it answered with an error of its own"
	case store.ReasonBusy:
		return "it was too busy"
	case store.ReasonRobots:
		return "it asks programs to stay away"
	case store.ReasonTooLarge:
		return "its answer was too large"
	case store.ReasonTruncated:
		return "its answer was cut short"
	case store.ReasonEmpty:
		return "it listed nothing, and did not say that there is nothing"
	case store.ReasonShrunk:
		return "so much was gone at once that we wait for a second look"
	case store.ReasonUnstable:
		return "some of it reads differently at every look, and no mail is sent of that"
	case store.ReasonGap:
		return "part of its list could not be read"
	case store.ReasonStalled:
		return "it took too long"
	case store.ReasonBlocked:
		return "it lies at an address that we do not connect to"
	}
	return "its pages were not as we know them"
}
