package store

import (
	"context"
	"errors"
	"time"
)

// theVisit is the What of the problem that says why a visit failed.
const theVisit = "the visit"

// NextHealth is a source's health after a visit: old is the health before it,
// err says why the visit concluded nothing (nil: it was complete, though single
// details and papers may have failed, as problems says), counts are the items
// it saw. A problem that was there the time before keeps its Since. The reason
// of err becomes a problem of its own; an error in the chain with a method
// Why() Reason names it.
func NextHealth(old Health, at time.Time, problems []Problem, err error, counts map[Kind]int, requests int) Health {
	h := Health{
		Source: old.Source, LastTry: at, LastComplete: old.LastComplete,
		FailingSince: old.FailingSince, Counts: old.Counts, Requests: requests, Rhythm: old.Rhythm, Sent: old.Sent,
	}
	type same struct {
		reason    Reason
		url, what string
	}
	before := map[same]time.Time{}
	for _, p := range old.Problems {
		before[same{p.Reason, p.URL, p.What}] = p.Since
	}
	if err != nil {
		problems = append(problems[:len(problems):len(problems)], Problem{Reason: reasonOf(err), What: theVisit, Detail: err.Error()})
		if h.FailingSince.IsZero() {
			h.FailingSince = at
		}
		h.Failed = old.Failed + 1
	} else {
		h.LastComplete, h.FailingSince = at, time.Time{}
		if counts != nil {
			h.Counts = counts
		}
	}
	for _, p := range problems {
		if since := before[same{p.Reason, p.URL, p.What}]; !since.IsZero() {
			p.Since = since
		}
		if p.Since.IsZero() {
			p.Since = at
		}
		h.Problems = append(h.Problems, p)
	}
	return h
}

func reasonOf(err error) Reason {
	var w interface{ Why() Reason }
	switch {
	case errors.Is(err, ErrEmpty):
		return ReasonEmpty
	case errors.Is(err, ErrShrunk):
		return ReasonShrunk
	case errors.As(err, &w):
		return w.Why()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ReasonStalled
	}
	return ReasonFormat
}
