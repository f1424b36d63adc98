package boards

import (
	"sync"
	"time"
)

// Dates shows what the calendar finds in a text: each date, and its doubt.
func Dates(s string) (list [][2]string) {
	for _, d := range newCalendar().find(s) {
		list = append(list, [2]string{d.String(), d.Doubt})
	}
	return list
}

// Clock shows the first time of day in a text.
func Clock(s string) string {
	h, m, ok := newCalendar().time(s)
	if !ok {
		return ""
	}
	return time.Date(2026, 1, 1, h, m, 0, 0, time.UTC).Format("15:04")
}

// Schedule shows the days that a document of dates gives to a source, and how
// many of its dates could not be told.
func Schedule(source, title string, pages ...string) (list []string, unsure int) {
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err)
	}
	s := &site{Options: Options{Name: source}, dates: newCalendar(), loc: loc, tidy: newTidier(), words: sync.OnceValue(newDateWords)}
	r := s.scan(title, pages)
	for _, d := range r.days {
		line := d.when.String()
		if d.timed {
			line += time.Date(2026, 1, 1, d.hour, d.minute, 0, 0, time.UTC).Format(" 15:04")
		}
		for _, x := range []string{d.side, d.status, d.when.Doubt} {
			if x != "" {
				line += " | " + x
			}
		}
		list = append(list, line)
	}
	return list, r.unsure
}
