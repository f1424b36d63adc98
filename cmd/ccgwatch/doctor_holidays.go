package main

import (
	"time"

	"ccgwatch/alerts/judge"
)

// holidaysAhead is how long before the end of the table of bank holidays the
// doctor begins to warn: GOV.UK gives the days of two years ahead, so that there
// is time for a new version of the program.
const holidaysAhead = 400 * 24 * time.Hour

// holidays says up to when legal deadlines can be counted.
func (x *examination) holidays() {
	rules, err := loadRules()
	if err != nil {
		x.sayf("holidays", failing, "the rules cannot be read: %v", err)
		return
	}
	j, err := judge.New(rules)
	if err != nil {
		x.sayf("holidays", failing, "the rules cannot be used: %v", err)
		return
	}
	until := j.HolidaysUntil()
	switch left := until.Sub(x.now()); {
	case left < 0:
		x.sayf("holidays", unsure, "bank holidays in England and Wales are known until %s: no legal deadline is computed any more, only what notices state is shown; a newer version of the program has the days (https://www.gov.uk/bank-holidays)", until.Format(time.DateOnly))
	case left < holidaysAhead:
		x.sayf("holidays", unsure, "bank holidays in England and Wales are known until %s only; after that no legal deadline is computed; a newer version of the program has the days (https://www.gov.uk/bank-holidays)", until.Format(time.DateOnly))
	default:
		x.sayf("holidays", well, "bank holidays in England and Wales are known until %s", until.Format(time.DateOnly))
	}
}
