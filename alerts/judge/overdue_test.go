package judge

import (
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

func TestOverdueSteps(t *testing.T) {
	j := charterJudge(t)
	award := onAct("o", "000001-2026", "UK6", "award")
	light := award
	light.SpecialRegime = "lightTouch"
	tender := onAct("o", "000001-2026", "UK4", "tender")
	tender.TenderEnd = "2026-08-10T12:00:00+01:00"
	later := onAct("o", "000002-2026", "UK4", "tenderUpdate")
	later.TenderEnd = "2026-08-31T12:00:00+01:00"
	contract := onAct("o", "000003-2026", "UK7", "award", "contract")
	ended := onAct("o", "000003-2026", "UK12", "tenderCancellation")
	for _, c := range []struct {
		name  string
		items []store.Item
		now   string
		want  string // kind, "" for nothing overdue
	}{
		{"an intention after 59 days", []store.Item{published("2026-08-10", intends("o", "000001-2026"))}, "2026-10-08", ""},
		{"an intention after 60 days", []store.Item{published("2026-08-10", intends("o", "000001-2026"))}, "2026-10-09T10:00:00Z", "intention: 60 days after the intention to award of 10 August 2026 we have seen no notice that confirms or abandons it."},
		{"a confirmed intention", []store.Item{published("2026-08-10", intends("o", "000001-2026")), published("2026-08-27", confirms("o", "000002-2026"))}, "2026-12-01", ""},
		{"a second intention waits by itself", []store.Item{
			published("2026-08-10", intends("o", "000001-2026")), published("2026-08-27", confirms("o", "000002-2026")), published("2026-09-01", intends("o", "000003-2026")),
		}, "2026-11-30", "intention: 90 days after the intention to award of 1 September"},
		{"an award without contract details", []store.Item{published("2026-08-10", award)}, "2026-10-15", "award: 66 days after the award notice of 10 August 2026"},
		{"light touch has longer", []store.Item{published("2026-08-10", light)}, "2026-10-15", ""},
		{"and is overdue in the end", []store.Item{published("2026-08-10", light)}, "2027-01-15", "award: 158 days"},
		{"a second award notice is no contract", []store.Item{published("2026-08-10", award), published("2026-08-20", func() store.Notice { n := award; n.Release = "000002-2026"; return n }())}, "2026-12-01", "award: 103 days after the award notice of 20 August"},
		{"a contract", []store.Item{published("2026-08-10", award), published("2026-09-10", contract)}, "2026-12-01", ""},
		{"a tender past its deadline", []store.Item{published("2026-07-10", tender)}, "2026-11-09", "tender: 91 days after tenders closed on 10 August 2026"},
		{"its new deadline counts", []store.Item{published("2026-07-10", tender), published("2026-07-20", later)}, "2026-11-09", ""},
		{"a tender that was ended", []store.Item{published("2026-07-10", tender), published("2026-09-20", ended)}, "2026-12-09", ""},
		{"before the notice was there", []store.Item{published("2026-07-10", tender)}, "2026-07-01", ""},
		{"no longer listed", []store.Item{func() store.Item {
			it := published("2026-07-10", tender)
			it.Withdrawn = clock("2026-08-01")
			return it
		}()}, "2026-12-09", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			th := j.Fold(c.items, bundle(c.items))
			var got []string
			for _, o := range j.Overdue(&th, clock(c.now)) {
				got = append(got, o.Kind+": "+o.Words)
			}
			if s := strings.Join(got, "\n"); c.want == "" && s != "" || len(got) > 1 || !strings.Contains(s, c.want) {
				t.Errorf("%q, want %q", s, c.want)
			}
		})
	}
}

// Reminders come 5 and 1 working days before: Monday 31 August 2026 is a bank
// holiday. A reminder is given on its day and, if that was missed, until the
// tighter one is due.
func TestReminders(t *testing.T) {
	j := charterJudge(t)
	tender := onAct("o", "000001-2026", "UK4", "tender")
	tender.TenderEnd = "2026-09-04T12:00:00+01:00" // a Friday
	cancelled := onAct("o", "000002-2026", "UK12", "tenderCancellation")
	differ := intends("o", "000001-2026") // the notice says 21 August 2026
	differ.Description = strings.Replace(differ.Description, "21 August", "24 August", 1)
	for _, c := range []struct {
		name  string
		items []store.Item
		now   string
		want  string
	}{
		{"six working days before", []store.Item{published("2026-08-01", tender)}, "2026-08-26T23:00:00+01:00", ""},
		{"five working days before, over the bank holiday", []store.Item{published("2026-08-01", tender)}, "2026-08-27T06:30:00+01:00", "reminder o tender 2026-09-04T12:00:00+01:00 5: The closing date for tenders is Friday 4 September 2026, 12:00, 5 working days from now."},
		{"made up for after the machine slept", []store.Item{published("2026-08-01", tender)}, "2026-09-01T06:30:00+01:00", "5: The closing date for tenders is Friday 4 September 2026, 12:00, 3 working days from now."},
		{"one working day before", []store.Item{published("2026-08-01", tender)}, "2026-09-03T06:30:00+01:00", "1: The closing date for tenders is Friday 4 September 2026, 12:00, 1 working day from now."},
		{"on the day itself, if it was missed", []store.Item{published("2026-08-01", tender)}, "2026-09-04T06:30:00+01:00", "1: The closing date for tenders is Friday 4 September 2026, 12:00."},
		{"when it is over", []store.Item{published("2026-08-01", tender)}, "2026-09-04T12:00:00+01:00", ""},
		{"not of what was cancelled", []store.Item{published("2026-08-01", tender), published("2026-08-20", cancelled)}, "2026-08-27T06:30:00+01:00", ""},
		{"where notice and rule differ, before the earlier", []store.Item{published("2026-08-10", differ)}, "2026-08-20T06:30:00+01:00", "reminder o representations 2026-08-21T23:59:59+01:00 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			th := j.Fold(c.items, bundle(c.items))
			got := ""
			for _, x := range j.Falls(&th, clock(c.now)) {
				got += x.Due.Key + ": " + x.Due.Words
				if x.Op != store.OpDue || x.Source == "" || x.Key != c.items[0].Key || len(x.What) != 0 || x.Title == "" {
					t.Errorf("%+v", x)
				}
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Over new year the bank holidays of a year that is not known yet are taken for
// working days: the reminder comes rather early than late.
func TestReminderInAnUnknownYear(t *testing.T) {
	j := charterJudge(t)
	at := time.Date(2091, 1, 3, 12, 0, 0, 0, j.london)
	if got := j.Reminded(at, 1); !got.Before(at) || at.Sub(got) > 5*24*time.Hour {
		t.Errorf("%s", got)
	}
}

// What fell due is one finding, for those who asked for deadlines and for those
// who asked for what the notice is about.
func TestDueIsAFinding(t *testing.T) {
	j := charterJudge(t)
	items := []store.Item{published("2026-08-10", intends("o", "000001-2026", hearWell()))}
	th := j.Fold(items, bundle(items))
	due := j.Falls(&th, clock("2026-10-20"))
	if len(due) != 1 {
		t.Fatalf("%+v", due)
	}
	due[0].Seq = 9
	fs := j.ThreadFindings(due[0], &th)
	if len(fs) != 1 {
		t.Fatalf("%+v", fs)
	}
	f := fs[0]
	if f.Topic != store.TopicDeadlines || f.Tier != store.TierCertain || f.Thread != "o" || f.Deadline != nil || len(f.Moves) != 1 || f.Moves[0].Kind != store.DueOverdue {
		t.Errorf("%+v", f)
	}
	if len(f.Also) != 2 || f.Also[0] != store.TopicAwards || f.Also[1] != store.TopicOutsourcing {
		t.Errorf("also %v", f.Also)
	}
	if again := j.ThreadFindings(due[0], &th); again[0].ID != f.ID {
		t.Error("judged again it is another finding")
	}
}

// A notice that is edited in its place moves what the log says was there before.
func TestEditsInPlace(t *testing.T) {
	j := charterJudge(t)
	n := onAct("o", "000001-2026", "UK4", "tender")
	n.TenderEnd, n.Value, n.Currency = "2026-09-18T12:00:00+01:00", "700000", "GBP"
	items := []store.Item{published("2026-08-10", n)}
	th := j.Fold(items, bundle(items))
	c := change(items[0], store.OpAmended, store.NoticeUpdated)
	c.Fields = []store.FieldChange{{Name: "tender_end", Old: "2026-09-04T12:00:00+01:00", New: n.TenderEnd}, {Name: "value", Old: "500000", New: "700000"}, {Name: "title", Old: "A", New: "B"}}
	var got []string
	for _, f := range j.ThreadFindings(c, &th) {
		for _, m := range f.Moves {
			got = append(got, string(f.Topic)+" "+m.Words)
		}
	}
	want := []string{
		"deadlines The closing date for tenders was extended: it is now Friday 18 September 2026, 12:00; it was Friday 4 September 2026, 12:00.",
		"tenders Value: the notice was edited; it now says £700,000, it said £500,000.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
}
