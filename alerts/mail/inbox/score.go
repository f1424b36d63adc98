package inbox

import "time"

// A Score is what the bounces of an address have come to, so that nobody is
// dropped for one bad day of one mail system.
type Score struct {
	Points float64   `json:"points"`
	Last   time.Time `json:"last,omitzero"`   // of the bounce that counted last
	Probed time.Time `json:"probed,omitzero"` // when the address was asked whether it still lives
}

// A Verdict is what a score calls for.
type Verdict string

// The verdicts.
const (
	Keep  Verdict = "keep"
	Probe Verdict = "probe" // one message to see whether it arrives, before anything ends
	Stop  Verdict = "stop"  // the probe came back as well
)

const (
	enough     = 5.0
	quietAfter = 30 * 24 * time.Hour
)

// points of a bounce. A mailbox that is not there takes two days to count in
// full, a full one ten.
func points(h Hardness) float64 {
	switch h {
	case Gone:
		return 2.5
	case Hard:
		return 1
	case Soft:
		return 0.5
	}
	return 0
}

// Add counts a bounce at a time, at most one of each calendar day in zone. A
// bounce that says nothing of the address leaves the score as it is; 30 days
// without one begin anew.
func (s Score) Add(h Hardness, at time.Time, zone *time.Location) Score {
	p := points(h)
	if p == 0 {
		return s
	}
	if !s.Last.IsZero() && at.Sub(s.Last) >= quietAfter {
		s = Score{}
	}
	if !s.Last.IsZero() && (at.Before(s.Last) || day(at, zone) == day(s.Last, zone)) {
		return s
	}
	s.Points, s.Last = s.Points+p, at
	return s
}

func day(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

// Verdict is what is to be done at a time: a probe once there are points
// enough, and the end once anything has bounced after it. A probe that arrives
// is followed by no bounce; 30 days later all is forgotten.
func (s Score) Verdict(now time.Time) Verdict {
	switch {
	case s.Points < enough, now.Sub(s.Last) >= quietAfter:
		return Keep
	case s.Probed.IsZero():
		return Probe
	case s.Last.After(s.Probed):
		return Stop
	}
	return Keep
}
