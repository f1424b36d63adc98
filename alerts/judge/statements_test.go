package judge

import (
	"strings"
	"testing"
	"time"

	"ccgwatch/config/catalogue"
	"ccgwatch/store"
)

// A statement is read and counted against the bank holidays, or gives nothing.
// The meeting is on Wednesday 2 September 2026 at 14:00; Monday 31 August is a
// bank holiday.
func TestStatements(t *testing.T) {
	j := shippedJudge(t)
	meeting := clock("2026-09-02T14:00:00+01:00")
	for _, test := range []struct{ name, text, want string }{
		{"working days, with an hour", "Questions from members of the public must be received by 12 noon three working days before the meeting.", "questions computed 2026-08-27T12:00:00+01:00"},
		{"clear working days", "Petitions from residents must be submitted at least five clear working days before the meeting.", "questions computed 2026-08-24T23:59:59+01:00"},
		{"clear days count as working days", "Papers are published five clear days before each meeting.", "papers computed 2026-08-24T23:59:59+01:00"},
		{"calendar days", "Please send your question no later than 7 days before the meeting.", "questions computed 2026-08-26T23:59:59+01:00"},
		{"an ordinal", "Members of the public who wish to ask a question must give notice by 5pm on the third working day before the day of the meeting.", "questions computed 2026-08-27T17:00:00+01:00"},
		{"the day before", "Requests to speak must be received by 10am on the working day before the meeting; residents may speak for three minutes.", "questions computed 2026-09-01T10:00:00+01:00"},
		{"hours", "You must notify us of your question at least 48 hours before the meeting.", "questions computed 2026-08-31T14:00:00+01:00"},
		{"a date", "The deadline for public questions to be submitted is 5pm on Thursday 27 August 2026.", "questions stated 2026-08-27T17:00:00+01:00"},
		{"a date without a year", "Written questions from the public should be received by noon on 28 August.", "questions stated 2026-08-28T12:00:00+01:00"},
		{"the last date named is the meeting's", "Questions for the meeting on 2 September 2026 must be received from the public by 26 August 2026.", "questions stated 2026-08-26T23:59:59+01:00"},
		{"registration", "Please register by 5pm on 30 August 2026.", "registration stated 2026-08-30T17:00:00+01:00"},
		{"booking", "Booking closes on 31 August 2026 at noon.", "registration stated 2026-08-31T12:00:00+01:00"},

		{"questions of the body's own members", "Questions from members must be received by noon three working days before the meeting.", ""},
		{"of councillors", "Written questions by councillors are to be submitted two clear days before the meeting.", ""},
		{"no limit", "Questions from the public are welcome.", ""},
		{"no number", "Questions from the public must be submitted in good time before the meeting.", ""},
		{"a date of last year", "Questions from the public must be received by noon on 3 September 2025.", ""},
		{"a date after the meeting", "Answers to questions from the public will be sent by 30 September 2026.", ""},
		{"register of interests", "Members must register any interests by 28 August 2026 in the register of interests.", ""},
		{"minutes", "The minutes will be published five working days before the next meeting with answers to questions.", ""},
		{"days after", "Responses will be sent to the public within five working days after the meeting, as notice is given.", ""},
		{"days of something else", "Patients should be seen by staff within 5 working days of referral; questions were received from the public.", ""},
		{"a heading", "PUBLIC QUESTIONS", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, d := range j.Statements(test.text, meeting) {
				if d.Stated != "" {
					got = append(got, d.Kind+" stated "+d.Stated)
				} else {
					got = append(got, d.Kind+" computed "+d.Computed)
				}
				if d.Quote == "" || !strings.Contains(test.text, strings.TrimSuffix(d.Quote, ".")) {
					t.Errorf("the sentence is not quoted: %q", d.Quote)
				}
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("%q, want %q", s, test.want)
			}
		})
	}
	// A year whose bank holidays nobody knows is not counted in, and a meeting without a date has none.
	for _, when := range []time.Time{clock("2099-09-02T14:00:00+01:00"), {}} {
		if got := j.Statements("Questions from the public must be received three working days before the meeting.", when); got != nil {
			t.Errorf("%v: %+v", when, got)
		}
	}
}

// What the catalogue knows of meetings can be read, every row of it.
func TestProceduresCanBeRead(t *testing.T) {
	j := shippedJudge(t)
	list, err := catalogue.Procedures()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if got := j.Statements(p.Statement, clock("2026-09-02T14:00:00+01:00")); len(got) != 1 {
			t.Errorf("%s: %+v", p.ID, got)
		}
	}
}

// The dates of a meeting: its agenda's word, the law's, the earliest of a kind;
// none once it is cancelled.
func TestMeetingDates(t *testing.T) {
	j := shippedJudge(t)
	j.reg = shippedRegister(t)
	j.rules.Procedures = []Procedure{{Kinds: []string{"council"}, Statement: "Agendas are published at least five clear days before the meeting.", Source: "the law"}}
	it := store.Item{Kind: store.KindMeeting, Body: city, Title: "Health Scrutiny", Fields: map[string]string{store.FieldWhen: "2026-09-02T14:00:00+01:00"}, Parts: []store.Part{
		{Title: "Questions, representations and statements of case", Text: "Questions from the public must be received by noon three working days before the meeting."}}}
	say := func() string {
		var out []string
		for _, d := range j.MeetingDates(it, nil) {
			out = append(out, d.Kind+" "+d.Date().Format("2 Jan 15:04"))
		}
		return strings.Join(out, ", ")
	}
	if got := say(); got != "questions 27 Aug 12:00, papers 24 Aug 23:59" {
		t.Error(got)
	}
	it.Body = llrICB
	if got := say(); got != "questions 27 Aug 12:00" {
		t.Errorf("of a board the law on councils says nothing: %s", got)
	}
	it.Fields[store.FieldStatus] = store.StatusCancelled
	if got := say(); got != "" {
		t.Errorf("cancelled: %s", got)
	}
}

func FuzzStatements(f *testing.F) {
	j := shippedJudge(f)
	for _, s := range []string{
		"Questions from the public must be received by 12 noon three working days before the meeting.", "Please register by 5pm on 30 August 2026.",
		"Papers are published 5 clear working days before each meeting. Book by 1/1/26.", "by \x00 24 hours before the board's meeting, you must notify a question",
	} {
		f.Add(s)
	}
	meeting := clock("2026-09-02T14:00:00+01:00")
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range j.Statements(s, meeting) {
			at := d.Date()
			if at.IsZero() || d.Quote == "" || (d.Stated == "") == (d.Computed == "") {
				t.Errorf("%q: %+v", s, d)
			}
			if at.After(meeting.AddDate(0, 0, 1)) || at.Before(meeting.AddDate(0, -4, 0)) {
				t.Errorf("%q: %+v is not of this meeting", s, d)
			}
		}
	})
}
