package boards

import "time"

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
