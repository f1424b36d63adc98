package web

import (
	"context"
	"errors"
	"slices"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Listed gives the procurements in order without reading what was found in them.
// Its zero value gives none: then the findings are read.
type Listed struct {
	// Newest are those of the latest finding first, from a place in that order on,
	// and the change up to which they are in it.
	Newest func(ctx context.Context, from, limit int) (list []alerts.ListedThread, upTo uint64, err error)
	// Since calls f with those that have a finding after a change, as Server.Threads.
	Since func(ctx context.Context, after uint64, f func(latest store.Finding) bool) error
	// Stage is that at which one stands, if it is known.
	Stage func(ctx context.Context, thread string) (stage string, known bool, err error)
	// Fold is Server.Thread for a list: nobody alters what it gives.
	Fold func(ctx context.Context, ocid string) (judge.Thread, error)
}

// mostSince is how many changes the list may lie behind what was judged: what was
// found in them is read for the answer.
const mostSince = 2000

// foldsPaused is how many procurements of unknown stage are folded for one answer,
// while the stages are worked out.
const foldsPaused = 60

// newestThreads are the procurements from a place on, up to limit; not ok: they
// are not known that way.
func (s *site) newestThreads(ctx context.Context, from, limit int) (list []alerts.ListedThread, ok bool, err error) {
	if s.Listed.Newest == nil {
		return nil, false, nil
	}
	judged, err := s.Outbox.Position(ctx, follower)
	if err != nil {
		return nil, false, err
	}
	list, upTo, err := s.Listed.Newest(ctx, from, limit)
	switch {
	case errors.Is(err, store.ErrDerived):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case upTo >= judged.Seq:
		return list, true, nil
	case judged.Seq-upTo > mostSince:
		return nil, false, nil
	}
	var fresh []alerts.ListedThread
	had := map[string]bool{}
	err = s.Listed.Since(ctx, upTo, func(x store.Finding) bool {
		fresh = append(fresh, alerts.ListedThread{Thread: x.Thread})
		had[x.Thread] = true
		return true
	})
	if err != nil {
		return nil, false, err
	}
	older, now, err := s.Listed.Newest(ctx, 0, from+limit+len(fresh))
	if err != nil || now != upTo {
		return nil, false, err
	}
	for _, x := range older {
		if !had[x.Thread] {
			fresh = append(fresh, x)
		}
	}
	fresh = fresh[min(from, len(fresh)):]
	return fresh[:min(limit, len(fresh))], true, nil
}

// fitting fills the page with the procurements of a list. No more of these is read
// than the page needs.
func (l *threadListing) fitting(ctx context.Context, each func(context.Context, func(store.Finding) bool) error) error {
	at := 0
	var failed error
	err := each(ctx, func(x store.Finding) bool {
		if at++; at <= l.from {
			return true
		}
		t := alerts.ListedThread{Thread: x.Thread}
		if l.body.Stage != "" && l.Listed.Stage != nil {
			if t.Stage, t.Known, failed = l.Listed.Stage(ctx, x.Thread); errors.Is(failed, store.ErrDerived) {
				failed = nil
			}
		}
		more := false
		if failed == nil {
			more, failed = l.offer(ctx, t)
		}
		return more
	})
	return errors.Join(err, failed)
}

// threadsThatFit calls f with the procurements that have a finding that fits a
// query, that of the latest such finding first, until f returns false. What was
// found since the index was made is asked itself; without an index, or with one
// that lies far behind, the latest finding of each is.
func (s *site) threadsThatFit(ctx context.Context, q query.Query, f func(store.Finding) bool) error {
	notices, err := query.Field("kind", string(store.KindNotice))
	if err != nil {
		return err
	}
	if q.String() == "" || s.Index == nil {
		return s.latestThatFit(ctx, q, f)
	}
	done, _, err := s.Index.Place(ctx)
	if err != nil {
		return s.latestThatFit(ctx, q, f)
	}
	judged, err := s.Outbox.Position(ctx, follower)
	if err != nil {
		return err
	}
	if done < judged.Seq && judged.Seq-done > mostSince {
		return s.latestThatFit(ctx, q, f)
	}
	seen := map[string]bool{}
	fits := func(x store.Finding) bool {
		if x.Kind != store.KindNotice || x.Thread == "" || x.Retired != "" || seen[x.Thread] || !q.Match(s.Facts(x)) {
			return false
		}
		seen[x.Thread] = true
		return true
	}
	if done < judged.Seq {
		var fresh []store.Finding
		err := s.Outbox.Findings(ctx, done, func(x store.Finding) bool {
			fresh = append(fresh, x)
			return true
		})
		if err != nil {
			return err
		}
		for _, x := range slices.Backward(fresh) {
			if fits(x) && !f(x) {
				return nil
			}
		}
	}
	looked := 0
	var failed error
	err = s.Index.Found(ctx, query.And(q, notices), store.FoundPlace{}, func(v store.Found) bool {
		x, err := s.Outbox.Finding(ctx, v.ID)
		switch {
		case isNotFound(err):
			return true
		case err != nil:
			failed = err
			return false
		}
		if looked++; looked > mostMatched {
			return false
		}
		return !fits(x) || f(x)
	})
	if err == nil {
		err = failed
	}
	return err
}

// latestThatFit asks the latest finding of each procurement.
func (s *site) latestThatFit(ctx context.Context, q query.Query, f func(store.Finding) bool) error {
	return s.Threads(ctx, func(x store.Finding) bool {
		return q.String() != "" && !q.Match(s.Facts(x)) || f(x)
	})
}
