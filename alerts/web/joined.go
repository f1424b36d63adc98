package web

import (
	"context"
	"errors"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// Joined gives what binds papers, agendas, requests and consultations to
// procurements. Its zero value binds nothing.
type Joined struct {
	// OfItem lists the procurements that an item speaks of, OfThread the items
	// that speak of a procurement, both the surest first.
	OfItem   func(ctx context.Context, source, key string) ([]store.Joint, error)
	OfThread func(ctx context.Context, t *judge.Thread) ([]alerts.Mention, error)
	// Behind tells whether something was published that these do not know yet;
	// nil: never.
	Behind func(ctx context.Context) (bool, error)
	// Dates are those before a meeting or event by which the public can act or
	// papers are to be out; with papers the first pages of its papers are read too.
	Dates func(ctx context.Context, it store.Item, papers bool) []store.Deadline
}

// datesOf are the dates of an item that lies ahead, each as it is shown.
func (s *site) datesOf(ctx context.Context, it store.Item, papers bool) []act {
	if s.Joined.Dates == nil || it.Kind == store.KindNotice || !it.Withdrawn.IsZero() {
		return nil
	}
	if full, err := s.Ledger.Item(ctx, it.Source, it.Key); err == nil { // lists carry no agendas
		it = full
	}
	var out []act
	for _, d := range s.Joined.Dates(ctx, it, papers) {
		if d.Kind == judge.DeadlinePapers && it.Fields[store.FieldAgenda] == store.Published {
			continue // they are out: the date by which they must be is of no use any more
		}
		if a := s.show(store.Finding{Deadline: &d}).Act; a != nil && !a.Passed {
			out = append(out, *a)
		}
	}
	return out
}

// mostJoined is how many of either a page lists.
const mostJoined = 30

func (s *site) jointsOf(ctx context.Context, it store.Item) (list []store.Joint, unread bool, err error) {
	if s.Joined.OfItem == nil || s.Thread == nil || it.Kind == store.KindNotice {
		return nil, false, nil
	}
	unread, err = s.unread(ctx) // before the list: what is read in between is no harm
	if err == nil {
		list, err = s.Joined.OfItem(ctx, it.Source, it.Key)
	}
	return toldOfJoints(list, unread, err)
}

func (s *site) mentionsOf(ctx context.Context, t *judge.Thread) (list []alerts.Mention, unread bool, err error) {
	if s.Joined.OfThread == nil {
		return nil, false, nil
	}
	unread, err = s.unread(ctx)
	if err == nil {
		list, err = s.Joined.OfThread(ctx, t)
	}
	return toldOfJoints(list, unread, err)
}

func (s *site) unread(ctx context.Context) (bool, error) {
	if s.Joined.Behind == nil {
		return false, nil
	}
	return s.Joined.Behind(ctx)
}

// toldOfJoints is how much of a list is shown. One that is damaged is worked out
// again: until then it is not all there.
func toldOfJoints[T any](list []T, unread bool, err error) ([]T, bool, error) {
	if errors.Is(err, store.ErrDerived) {
		return nil, true, nil
	}
	return list[:min(len(list), mostJoined)], unread, err
}

// jointWords say how sure it is that an item is about a procurement.
func jointWords(strength string) string {
	switch strength {
	case store.JointOperator:
		return "Joined by the people who run this"
	case store.JointCertain:
		return "Certain"
	case store.JointLikely:
		return "Likely"
	}
	return "A mention, and no more"
}

// comingOn is the day under which an item stands among what is coming: that of
// the meeting, or the last one of a consultation; zero for what has no such day.
func comingOn(it store.Item) time.Time {
	if when := it.When(); !when.IsZero() || it.Kind != store.KindPage {
		return when
	}
	closes, err := time.Parse(time.RFC3339, it.Fields[store.FieldCloses])
	if err != nil {
		return time.Time{}
	}
	return closes
}
