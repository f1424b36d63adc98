package boards_test

import (
	"strings"
	"testing"

	"ccgwatch/scrapers/boards"
)

// Symptom: a page moved a meeting, its document of dates was not changed, and the
// day that the meeting had left was told as a new meeting.
func TestADayThatThePageMovedAwayFromIsNoNewMeeting(t *testing.T) {
	const pastRow = `<tr><td>23 July 2026</td><td></td></tr>`
	for _, c := range []struct{ name, layout, before, after, moved string }{
		{
			"its own page", boards.TwoHop, `<p><a href="/event/september/">Trust Board, Thursday 17 September 2026</a></p>`, `<p><a href="/event/september/">Trust Board, Thursday 24 September 2026</a></p>`,
			"amended meeting/event/september/ [meeting_moved]",
		},
		{
			"a table", boards.Table, `<table><tr><th>Date</th><th>Papers</th></tr><tr><td>17 September 2026</td><td></td></tr>` + pastRow + `</table>`,
			`<table><tr><th>Date</th><th>Papers</th></tr><tr><td>24 September 2026</td><td></td></tr>` + pastRow + `</table>`,
			"amended meeting/board/#2026-09-24 [meeting_moved]",
		},
	} {
		for _, first := range []string{"the page", "the document"} {
			t.Run(c.name+", first in "+first, func(t *testing.T) {
				b := newPlanned(t)
				b.layout = c.layout
				bare := b.page + `<table><tr><th>Date</th><th>Papers</th></tr>` + pastRow + `</table>`
				if first == "the document" {
					b.page = bare
					b.look(text)
				}
				b.files["/event/september/"] = `<main><h1>Trust Board</h1><p>Thursday 17 September 2026, 10am</p></main>`
				b.page = strings.Replace(bare, "<table><tr><th>Date</th><th>Papers</th></tr>"+pastRow+"</table>", c.before, 1)
				b.look(text)
				_, changes := b.look(text)
				b.want("before", news(changes), "")
				b.page = strings.Replace(b.page, c.before, c.after, 1)
				b.files["/event/september/"] = `<main><h1>Trust Board</h1><p>Thursday 24 September 2026, 10am</p></main>`
				_, changes = b.look(text)
				b.want("moved", news(changes), c.moved)
				for range 3 {
					_, changes = b.look(text)
					b.want("and after it", news(changes), "")
				}
				if m := b.meetings(); strings.Contains(m, "2026-09-17T") || !strings.Contains(m, "2026-09-24T") || !strings.Contains(m, inNovember) {
					t.Errorf("%s", m)
				}
			})
		}
	}
}

// Symptom: a document of dates that could not be read when its source was first
// looked at was read later, and all its meetings were told as new.
func TestADocumentOfDatesThatCouldNotBeReadAtFirstIsNoNewsLater(t *testing.T) {
	const doc = "/f/board-meeting-dates-2026-27.pdf"
	b := newPlanned(t)
	good := b.files[doc]
	delete(b.files, doc)
	b.look(text)
	b.files[doc] = good
	_, changes := b.look(text)
	b.want("read at last", news(changes), "")
	b.want("and known", b.meetings(), inSeptember+"\n"+inNovember)
}
