package boards_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
)

// Symptom: dates of a committee, or until when one can register, became meetings of
// the board.
func TestOtherDaysOfADocumentAreNoMeetings(t *testing.T) {
	const dates = "Thursday 17 September 2026\nThursday 19 November 2026"
	const both = "17 September 2026\n19 November 2026"
	for _, c := range []struct{ title, text, want string }{
		{"Audit Committee meeting dates", dates, ""},
		{"Audit Committee meeting dates", "Trust Board\n" + dates + "\nAudit Committee\nThursday 3 September 2026", both},
		{"Board development session dates", dates, ""},
		{"Board seminar dates 2026", dates, ""},
		{"Board and committee meeting dates", dates, both},
		{"Board meeting dates, updated May 2026", dates, both},
		{"", "Thursday 17 September 2026, 10am\nRegister by 10 September 2026\nThursday 19 November 2026, 10am\nRegister by noon on Thursday 12 November 2026", "17 September 2026 10:00\n19 November 2026 10:00"},
		{"", dates + "\nTo attend, RSVP no later than Friday 11 September 2026", both},
		{"", dates + "\nBooking closes 11 September 2026", both},
		{"", dates + "\nQuestions from the public must reach us before 11 September 2026", both},
		{"", "Date of issue: 1 September 2026\n" + dates, both},
		{"", "Effective from 1 September 2026\n" + dates, both},
		{"", "Created on 1 September 2026, revised 2 September 2026\n" + dates, both},
		{"", "The Board meets by video on 17 September 2026\nMeeting hosted by Oak House: 19 November 2026", both},
	} {
		t.Run(c.title+"/"+strings.SplitN(c.text, "\n", 2)[0], func(t *testing.T) {
			title := c.title
			if title == "" {
				title = "Board meeting dates"
			}
			got, unsure := boards.Schedule("Oakdale NHS Trust", title, c.text)
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("%s(%d unsure)", diff, unsure)
			}
		})
	}
}
