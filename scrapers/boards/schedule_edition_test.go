package boards_test

import (
	"strings"
	"testing"

	"ccgwatch/scrapers/boards"
)

const datesDoc = "/f/board-meeting-dates-2026-27.pdf"

// A cancellation that stands in the document is told once; where the page lists the
// meeting later, the page counts.
func TestACancellationInADocumentIsToldOnce(t *testing.T) {
	b := newPlanned(t)
	b.layout = boards.TwoHop
	b.look(text)
	b.files[datesDoc] = strings.Replace(b.files[datesDoc], "November 2026 10am", "November 2026 CANCELLED", 1)
	b.now = b.now.AddDate(0, 0, 8)
	_, changes := b.look(text)
	b.want("cancelled", news(changes), "amended dates#2026-11-19 [meeting_cancelled]\namended document/f/board-meeting-dates-2026-27.pdf [document_replaced]")
	for range 3 {
		_, changes = b.look(text)
		b.want("and still", news(changes), "")
	}
	b.files["/event/november/"] = `<main><h1>Trust Board</h1><p>Thursday 19 November 2026, 10am</p></main>`
	b.page += `<p><a href="/event/november/">Trust Board, Thursday 19 November 2026</a></p>`
	_, changes = b.look(text)
	b.want("the page has it again", news(changes), "amended meeting/event/november/ [meeting_restored]")
	_, changes = b.look(text)
	b.want("and still", news(changes), "")
}

// Symptom: a new edition of the document that still had the day which the page had
// moved set that day again.
func TestANewEditionWithAnOldDayDoesNotSetItAgain(t *testing.T) {
	b := newPlanned(t)
	b.layout = boards.TwoHop
	const before, after = `<p><a href="/event/september/">Trust Board, Thursday 17 September 2026</a></p>`, `<p><a href="/event/september/">Trust Board, Thursday 24 September 2026</a></p>`
	b.files["/event/september/"] = `<main><h1>Trust Board</h1><p>Thursday 17 September 2026, 10am</p></main>`
	b.page += before
	b.look(text)
	b.page = strings.Replace(b.page, before, after, 1)
	b.files["/event/september/"] = `<main><h1>Trust Board</h1><p>Thursday 24 September 2026, 10am</p></main>`
	_, changes := b.look(text)
	b.want("moved", news(changes), "amended meeting/event/september/ [meeting_moved]")
	b.files[datesDoc] += "\nThursday 21 January 2027 10am"
	b.now = b.now.AddDate(0, 0, 8)
	_, changes = b.look(text)
	b.want("a further day", news(changes), "added dates#2027-01-21 [new_meeting]\namended document/f/board-meeting-dates-2026-27.pdf [document_replaced]")
	_, changes = b.look(text)
	b.want("and after it", news(changes), "")
}

// Symptom: a document with the dates of years ago, in columns that cannot be told
// apart, was reported as a problem at every look.
func TestADocumentOfPastDatesIsNoProblem(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		problems int
	}{
		"past":     {"Dates\n28 May 2024 15 May 2024\n30 July 2024 17 July 2024", 0},
		"to come":  {"Dates\n28 May 2027 15 May 2027\n30 July 2027 17 July 2027", 1},
		"no years": {"Thursday 28 May\nThursday 30 July", 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newPlanned(t)
			b.page = `<p><a href="/f/x.pdf">Board meeting dates</a></p>`
			b.files = map[string]string{"/f/x.pdf": c.text}
			if seen, _ := b.look(text); len(seen.Problems) != c.problems {
				t.Errorf("%+v", seen.Problems)
			}
		})
	}
}

// Symptom: when the dates of the next year took the place of this year's before its
// last meeting, that meeting was told as moved to the first of the next year.
func TestTheNextYearsDocumentMovesNoMeeting(t *testing.T) {
	for name, page := range map[string]string{"at the same address": "", "at another": `<a href="/f/board-meeting-dates-2027-28.pdf">Board meeting dates 2027/28</a>`} {
		t.Run(name, func(t *testing.T) {
			b := newPlanned(t)
			b.files[datesDoc] += "\nThursday 18 March 2027 10am"
			b.look(text)
			b.now = b.now.AddDate(0, 6, 0)
			b.look(text)
			const next = "Board meeting dates 2027/28\nThursday 20 May 2027 10am\nThursday 16 September 2027 10am"
			if page == "" {
				b.files[datesDoc] = next
			} else {
				b.page = strings.Replace(b.page, listOfDates, page, 1)
				b.files["/f/board-meeting-dates-2027-28.pdf"] = next
			}
			b.now = b.now.AddDate(0, 0, 8)
			var told []string
			for range 3 {
				_, changes := b.look(text)
				told = append(told, news(changes))
			}
			if all := strings.Join(told, "\n"); strings.Contains(all, "_moved") || strings.Count(all, "added dates#2027-05-20 [new_meeting]") != 1 || strings.Count(all, "added dates#2027-09-16 [new_meeting]") != 1 || strings.Contains(all, "2027-03-18") {
				t.Error(all)
			}
		})
	}
}

// Symptom: of a site that sends no validators, a document of dates was not looked at
// any more a month after it was first seen.
func TestADocumentOfDatesIsLookedAtAsLongAsItHasMeetings(t *testing.T) {
	b := newPlanned(t)
	b.look(text)
	for range 8 {
		b.now = b.now.AddDate(0, 0, 7)
		b.look(text)
	}
	b.files[datesDoc] = strings.Replace(b.files[datesDoc], "19 November 2026 10am", "19 November 2026 2pm", 1)
	b.now = b.now.AddDate(0, 0, 7)
	_, changes := b.look(text)
	b.want("another hour", news(changes), "amended dates#2026-11-19 [meeting_moved]\namended document/f/board-meeting-dates-2026-27.pdf [document_replaced]")
}
