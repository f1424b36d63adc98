package boards_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/boards"
)

// The shapes in which boards write the dates of a year, and what they make of them.
func TestScheduleShapes(t *testing.T) {
	for _, c := range []struct {
		name, source, title, text, want string
		unsure                          int
	}{
		{name: "a list", text: "Exampleshire Trust\nBoard meeting dates 2026/27\nThursday 28 May 2026, 9.30am\nThursday 30 July 2026, 9.30am\nThursday 24 September 2026, 1pm - 3pm",
			want: "28 May 2026 09:30\n30 July 2026 09:30\n24 September 2026 13:00"},
		{name: "a wrong weekday is doubted, not corrected", text: "Friday 28 May 2026\nThursday 30 July 2026",
			want: "28 May 2026 | the page calls 28 May 2026 a Friday; it is a Thursday\n30 July 2026"},
		{name: "days without a year below a heading with one", text: "Public Board meetings 2026/27\nThursday 28 May\nThursday 28 January",
			want: "28 May 2026\n28 January 2027"},
		{name: "days without any year", text: "Thursday 28 May\nThursday 30 July", want: "", unsure: 2, title: "Dates of board meetings"},
		{name: "a table, a row a line", text: "Date Time Venue\n28/05/2026 10:00 Boardroom, Oak House\n30/07/2026 10:00 Council Chamber, Town Hall",
			want: "28 May 2026 10:00\n30 July 2026 10:00"},
		{name: "a table, a cell a line", text: "Date\nTime\nVenue\n28 May 2026\n10:00\nBoardroom\n30 July 2026\n14:00\nBoardroom",
			want: "28 May 2026 10:00\n30 July 2026 14:00"},
		{name: "when papers are due", text: "Board meeting dates and deadlines\nMeeting date Papers due Papers published\n28 May 2026 15 May 2026 21 May 2026\n30 July 2026 17 July 2026 23 July 2026",
			want: "28 May 2026\n30 July 2026"},
		{name: "when papers are due, before the meeting", text: "Deadline for papers Agenda published Date of Board meeting\n15 May 2026 21 May 2026 28 May 2026 10am\n17 July 2026 23 July 2026 30 July 2026 10am",
			want: "28 May 2026 10:00\n30 July 2026 10:00"},
		{name: "when papers are due, a cell a line", text: "Trust Board\nMeeting date\nPapers due\n28 May 2026\n15 May 2026\n30 July 2026\n17 July 2026",
			want: "28 May 2026\n30 July 2026"},
		{name: "cells column by column cannot be told apart", text: "Meeting date\nPapers due\n28 May 2026\n30 July 2026\n15 May 2026\n17 July 2026",
			want: "", unsure: 4},
		{name: "two dates in a row and nothing that says which", text: "Dates\n28 May 2026 15 May 2026\n30 July 2026 17 July 2026", want: "", unsure: 4},
		{name: "a deadline beside each", text: "Board: 28 May 2026\nPapers due: 15 May 2026\nBoard: 30 July 2026\nPapers due: 17 July 2026", want: "28 May 2026\n30 July 2026"},
		{name: "a deadline above each", text: "Board meeting\n28 May 2026\nDeadline for questions\n22 May 2026\nBoard meeting\n30 July 2026\nDeadline for questions\n24 July 2026", want: "28 May 2026\n30 July 2026"},
		{name: "governors below the board", text: "Board of Directors\n28 May 2026\n30 July 2026\nCouncil of Governors\n11 June 2026\nAnnual Members' Meeting\n17 September 2026",
			want: "28 May 2026\n30 July 2026\n11 June 2026 | Council of Governors\n17 September 2026 | Annual meeting"},
		{name: "governors in a column", text: "Board of Directors Council of Governors\n28 May 2026 11 June 2026\n30 July 2026 10 September 2026",
			want: "28 May 2026\n11 June 2026 | Council of Governors\n30 July 2026\n10 September 2026 | Council of Governors"},
		{name: "whose stands in the row", text: "28 May 2026 Trust Board\n4 June 2026 Audit Committee\n11 June 2026 Council of Governors\n18 June 2026 Board development session\n30 July 2026 Trust Board",
			want: "28 May 2026\n11 June 2026 | Council of Governors\n30 July 2026"},
		{name: "private sessions are no public meetings", text: "Board in public\n28 May 2026\nBoard in private\n25 June 2026\nBoard in public\n30 July 2026", want: "28 May 2026\n30 July 2026"},
		{name: "what it is stands below", text: "Dates for your diary\n28 May 2026\nBoard in public\n25 June 2026\nBoard seminar\n30 July 2026\nBoard in public", want: "28 May 2026\n30 July 2026"},
		{name: "public and private on one day", text: "28 May 2026 Public 9.30am, private 1pm\n30 July 2026 Public 9.30am, private 1pm", want: "28 May 2026 09:30\n30 July 2026 09:30"},
		{name: "one after the other in a sentence", text: "The Board meets on 28 May 2026, 30 July 2026 and 24 September 2026.", want: "28 May 2026\n30 July 2026\n24 September 2026"},
		{name: "a row for each body", text: "Body Q1 Q2 Q3\nTrust Board 28 May 2026 30 July 2026 24 September 2026\nAudit Committee 4 June 2026 6 August 2026 1 October 2026\nCouncil of Governors 11 June 2026 10 September 2026",
			want: "28 May 2026\n30 July 2026\n24 September 2026\n11 June 2026 | Council of Governors\n10 September 2026 | Council of Governors"},
		{name: "a row with its deadlines", text: "Trust Board 28 May 2026 15 May 2026\nPapers are due on the second date", want: "", unsure: 2},
		{name: "cancelled", text: "28 May 2026\n25 June 2026 CANCELLED\n30 July 2026 postponed", want: "28 May 2026\n25 June 2026 | cancelled\n30 July 2026 | postponed"},
		{name: "two trusts in one table, ours by name", source: "Oakdale NHS Trust: board", text: "Oakdale NHS Trust Board\n28 May 2026\n30 July 2026\nBirchford NHS Trust Board\n4 June 2026\n6 August 2026", want: "28 May 2026\n30 July 2026"},
		{name: "two trusts in one table, none of them ours", source: "Elmwood", text: "Oakdale NHS Trust Board\n28 May 2026\nBirchford NHS Trust Board\n4 June 2026", want: "", unsure: 2},
		{name: "two boards side by side", source: "Oakdale", text: "Oakdale Board Birchford Board\n28 May 2026 4 June 2026\n30 July 2026 6 August 2026", want: "", unsure: 4},
		{name: "one group board of two trusts", source: "Oakdale NHS Trust", text: "Oakdale NHS Trust and Birchford NHS Trust\nGroup Board meetings\n28 May 2026\n30 July 2026", want: "28 May 2026\n30 July 2026"},
		{name: "what is not about meetings", text: "Board meeting dates\nVersion 2, approved 3 March 2026\n28 May 2026\n30 July 2026\nBank holiday 31 August 2026\nLast updated: 1 April 2026", want: "28 May 2026\n30 July 2026"},
		{name: "a day that does not exist", text: "31 June 2026\n30 July 2026", want: "30 July 2026"},
		{name: "no dates", text: "Nothing has been arranged.", want: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.title == "" {
				c.title = "Board meeting dates"
			}
			got, unsure := boards.Schedule(c.source, c.title, c.text)
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
			if unsure != c.unsure {
				t.Errorf("%d dates unsure, want %d", unsure, c.unsure)
			}
		})
	}
}
