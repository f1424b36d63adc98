package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// late is how long after its time a look may come before the page says so:
// longer than any queue behind slow sites.
const late = 2 * time.Hour

// mostProblems is how many of a source's problems are listed.
const mostProblems = 10

// sourceState is one source on the status page.
type sourceState struct {
	SourceInfo
	Mark     string // ok, bad or new: the colour, never the only sign
	State    string // in words
	Last     time.Time
	Failing  time.Time
	Problems []problem
	Counts   string
	Late     bool
	News     time.Time // when there last was something new
	Quiet    string    // what is unusual about that, in words
	More     int       // problems beyond those listed

	cut bool // nothing of it can be reached
}

type problem struct {
	Why, What, URL string
	Since          time.Time
}

// queue is the outbox without a word on anybody in it.
type queue struct {
	Waiting, Failed, Sent int
	Oldest                time.Time // of those waiting
	LastSent, LastDigest  time.Time
}

func describe(info SourceInfo, h store.Health, now time.Time) sourceState {
	st := sourceState{SourceInfo: info, Last: h.LastComplete, Failing: h.FailingSince, Mark: "ok", State: "Read completely"}
	st.Late = !info.Next.IsZero() && now.Sub(info.Next) > late
	seen := map[problem]bool{}
	for _, p := range h.Problems {
		x := problem{Why: reasonWords(p.Reason), What: line(p.What, 200), URL: p.URL}
		again := seen[x]
		seen[x] = true
		x.Since = p.Since
		switch {
		case again:
		case len(st.Problems) < mostProblems:
			st.Problems = append(st.Problems, x)
		default:
			st.More++
		}
	}
	switch {
	case !h.FailingSince.IsZero():
		st.Mark, st.State = "bad", "Failing"
		st.cut = len(h.Problems) > 0 && h.Problems[0].Reason == store.ReasonNetwork
		if len(h.Problems) > 0 {
			st.State += ": " + reasonWords(h.Problems[0].Reason)
		}
	case h.LastTry.IsZero():
		st.Mark, st.State = "new", "Not looked at yet"
	case h.LastComplete.IsZero():
		st.Mark, st.State = "bad", "Never read completely yet"
	case st.Late:
		st.Mark, st.State = "bad", "Overdue: the last look planned did not take place"
	case slices.ContainsFunc(h.Problems, func(p store.Problem) bool { return p.Reason == store.ReasonUnstable }):
		st.Mark, st.State = "bad", "Unstable: some of it reads differently at every look"
	case len(h.Problems) > 0:
		st.State = "Read, apart from what is listed here"
	}
	st.Counts = kindCounts(h.Counts)
	return st
}

// queueFresh is how long a count of so many mails is kept: of a million it takes
// seconds, and whoever looks again and again would have it counted all the time.
func queueFresh(counted int) time.Duration {
	return min(10*time.Second+time.Duration(counted/1000)*time.Second, 5*time.Minute)
}

// outbox counts the mails. It goes over all of them, so that its answer is
// kept for a few seconds, and for longer the more there are. Service mails do not count: whoever asked for one to
// somebody else's address could see here whether it was sent.
func (s *site) outbox(ctx context.Context, now time.Time) (queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.queueAt); !s.queueAt.IsZero() && age >= 0 && age < queueFresh(s.queueOf) {
		return s.queue, nil
	}
	var q queue
	n := 0
	err := s.Outbox.Deliveries(ctx, func(d store.Delivery) bool {
		n++
		if d.Kind == alerts.KindConfirm || d.Kind == alerts.KindManage || d.Kind == alerts.KindProbe || d.Kind == store.MailAnswer || d.Kind == store.MailOperator {
			return true
		}
		switch d.State {
		case store.Queued, store.Claimed, store.Dotting:
			q.Waiting++
			if q.Oldest.IsZero() || d.Created.Before(q.Oldest) {
				q.Oldest = d.Created
			}
		case store.Failed, store.Uncertain:
			q.Failed++
		case store.Sent:
			q.Sent++
			if d.SentAt.After(q.LastSent) {
				q.LastSent = d.SentAt
			}
			if d.Kind == "digest" && d.SentAt.After(q.LastDigest) {
				q.LastDigest = d.SentAt
			}
		}
		return true
	})
	if err != nil {
		return q, fmt.Errorf("counting the outbox: %w", err)
	}
	s.queue, s.queueAt, s.queueOf = q, now, n
	return q, nil
}
