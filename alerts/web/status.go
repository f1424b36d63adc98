package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// late is how long after its time a look may come before the page says so:
// longer than any queue behind slow sites.
const late = 2 * time.Hour

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
}

type problem struct{ Why, What, URL string }

// queue is the outbox without a word on anybody in it.
type queue struct {
	Waiting, Failed, Sent int
	Oldest                time.Time // of those waiting
	LastSent, LastDigest  time.Time
}

func (s *site) status(w http.ResponseWriter, r *http.Request) error {
	healths, err := s.Ledger.Healths(r.Context())
	if err != nil {
		return err
	}
	known := map[string]store.Health{}
	for _, h := range healths {
		known[h.Source] = h
	}
	now := s.Now()
	body := struct {
		Now     time.Time
		Sources []sourceState
		Gone    []string // read once, followed no longer
		Looked  int      // sources visited at all
		Bad     int
		Queue   queue
		Gaps    []string
		Contact string
	}{Now: now, Gaps: s.Gaps, Contact: s.Contact}
	for _, info := range s.Sources() {
		st := describe(info, known[info.ID], now)
		delete(known, info.ID)
		if st.Mark == "bad" {
			body.Bad++
		}
		if st.Mark != "new" {
			body.Looked++
		}
		body.Sources = append(body.Sources, st)
	}
	body.Gone = slices.Sorted(maps.Keys(known))
	if body.Queue, err = s.outbox(r.Context(), now); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "status", view{Title: "What we watch", Here: "status", Body: body})
}

func describe(info SourceInfo, h store.Health, now time.Time) sourceState {
	st := sourceState{SourceInfo: info, Last: h.LastComplete, Failing: h.FailingSince, Mark: "ok", State: "Read completely"}
	st.Late = !info.Next.IsZero() && now.Sub(info.Next) > late
	seen := map[problem]bool{}
	for _, p := range h.Problems {
		x := problem{Why: reasonWords(p.Reason), What: line(p.What, 200), URL: p.URL}
		if !seen[x] && len(st.Problems) < 10 {
			st.Problems = append(st.Problems, x)
		}
		seen[x] = true
	}
	switch {
	case !h.FailingSince.IsZero():
		st.Mark, st.State = "bad", "Failing"
		if len(h.Problems) > 0 {
			st.State += ": " + reasonWords(h.Problems[0].Reason)
		}
	case h.LastTry.IsZero():
		st.Mark, st.State = "new", "Not looked at yet"
	case h.LastComplete.IsZero():
		st.Mark, st.State = "bad", "Never read completely yet"
	case st.Late:
		st.Mark, st.State = "bad", "Overdue: the last look planned did not take place"
	case len(h.Problems) > 0:
		st.State = "Read, apart from what is listed here"
	}
	var counts []string
	for _, k := range slices.Sorted(maps.Keys(h.Counts)) {
		counts = append(counts, kindCount(k, h.Counts[k]))
	}
	st.Counts = strings.Join(counts, ", ")
	return st
}

// outbox counts the mails. It goes over all of them, so that its answer is
// kept for a few seconds. Service mails do not count: whoever asked for one to
// somebody else's address could see here whether it was sent.
func (s *site) outbox(ctx context.Context, now time.Time) (queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.queueAt); !s.queueAt.IsZero() && age >= 0 && age < 10*time.Second {
		return s.queue, nil
	}
	var q queue
	err := s.Outbox.Deliveries(ctx, func(d store.Delivery) bool {
		if d.Kind == alerts.KindConfirm || d.Kind == alerts.KindManage {
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
	s.queue, s.queueAt = q, now
	return q, nil
}
