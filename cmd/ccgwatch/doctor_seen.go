package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// When what was seen of a source says that its row is dead, or stale.
const (
	deadAfter  = 14 * 24 * time.Hour  // failing without a break
	neverAfter = 3 * 24 * time.Hour   // never read completely since the first try
	staleAfter = 365 * 24 * time.Hour // nothing new though it can be read
)

// isPaper tells a paper that could not be read from anything else.
func isPaper(p store.Problem) bool { return strings.HasPrefix(p.What, store.PaperProblem) }

// seenNotes says which rows are dead or stale by what was seen of them, the
// longest first: what the catalogue knows of a site is a year old at best.
func seenNotes(healths []store.Health, sources []source, now time.Time) []string {
	known := map[string]store.Health{}
	for _, h := range healths {
		known[h.Source] = h
	}
	type note struct {
		since time.Time
		text  string
	}
	var notes []note
	add := func(since time.Time, format string, args ...any) {
		notes = append(notes, note{since, fmt.Sprintf(format, args...)})
	}
	for _, s := range sources {
		h := known[s.ID]
		failing := now.Sub(h.FailingSince)
		switch {
		case h.LastTry.IsZero():
		case !h.FailingSince.IsZero() && h.LastComplete.IsZero() && failing >= neverAfter:
			add(h.FailingSince, "%s: dead as it is written: never read in %s (%s); 'ccgwatch try %s' shows what it gives", s.ID, daysText(failing), reasonText(h.Why()), s.ID)
		case !h.FailingSince.IsZero() && failing >= deadAfter:
			more := ""
			if h.Why() == store.ReasonMissing {
				more = "; it may have moved: 'ccgwatch add' its new address"
			}
			add(h.FailingSince, "%s: dead since %s (%s)%s", s.ID, stamp(h.FailingSince), reasonText(h.Why()), more)
		case h.FailingSince.IsZero() && h.Rhythm.Idle(now) >= staleAfter:
			add(now.Add(-h.Rhythm.Idle(now)), "%s: stale: it can be read and has had nothing new for %s; they may publish elsewhere by now", s.ID, daysText(h.Rhythm.Idle(now)))
		}
	}
	slices.SortStableFunc(notes, func(a, b note) int { return cmp.Or(a.since.Compare(b.since), strings.Compare(a.text, b.text)) })
	out := make([]string, 0, len(notes))
	for _, n := range notes {
		out = append(out, n.text)
	}
	return out
}

func daysText(d time.Duration) string { return count(int(d.Hours()/24), "day") }

func reasonText(r store.Reason) string {
	if r == "" {
		return "no reason is known"
	}
	return string(r)
}

// seen tells which rows are dead or stale by what was seen of them.
func (x *examination) seen(a *app, sources []source) error {
	all, err := a.store.Healths(x.ctx)
	if err != nil {
		return err
	}
	if notes := seenNotes(all, sources, x.now()); len(notes) > 0 {
		x.say(symptom{Check: "rows", State: unsure, What: plural(len(notes), "source is", "sources are") + " dead or stale by what was seen", Details: notes})
	}
	return nil
}
