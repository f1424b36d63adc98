package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ccgwatch/store"
)

// What a person is told at once they are told once, however many of their
// subscriptions fit. The subscriptions of an address are told in the order of
// their ids, as all are. An alert says in the outbox for which later ones it
// speaks, too (Delivery.Also); those leave out what it tells. So a commit taken
// up again after a crash comes out the same. If the one that speaks for others
// is stopped before it is sent, because its subscription ended, its news is lost
// to them, and the next digest brings it, as it does for what could not be
// delivered.

// share leaves out what an earlier alert of the same person and commit tells
// for the subscription, and gives the later subscriptions for which its own
// alert will speak. queue holds alerts that are not stored yet.
func (m *Matcher) share(ctx context.Context, c *commit, s store.Subscription, found *folder, queue []store.Delivery) (left *folder, also []string, err error) {
	if m.Of == nil {
		return found, nil, nil
	}
	of, err := m.Of(ctx, s.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("match: read what else the address of subscription %s has: %w", s.ID, err)
	}
	if len(of) < 2 {
		return found, nil, nil
	}
	var later []store.Subscription
	var told []store.Finding
	for _, o := range of {
		switch {
		case o.ID < s.ID:
			fs, err := m.toldBy(ctx, c, s, o, queue)
			if err != nil {
				return nil, nil, err
			}
			told = append(told, fs...)
		case o.ID > s.ID && o.State == store.StateConfirmed && store.AtOnce(o.Often):
			later = append(later, o)
		}
	}
	if len(told) > 0 && len(found.more) > 0 { // there is room for what did not fit
		known := map[string]bool{}
		for _, f := range told {
			known[f.ID] = true
		}
		again, err := m.matchPage(ctx, c, []store.Subscription{s}, func(f store.Finding) bool { return !known[f.ID] })
		if err != nil {
			return nil, nil, err
		}
		if found = again[0]; found == nil {
			found = newFolder(MaxThings)
		}
	}
	for _, f := range told {
		found.leaveOut(f)
	}
	if len(later) == 0 || len(found.things) == 0 {
		return found, nil, nil
	}
	tells := map[string]bool{}
	for _, t := range found.things {
		for _, f := range t.Findings {
			tells[f.ID] = true
		}
	}
	fits, err := m.matchPage(ctx, c, later, func(f store.Finding) bool { return tells[f.ID] })
	if err != nil {
		return nil, nil, err
	}
	for i, o := range later {
		if fits[i] != nil {
			also = append(also, o.ID)
		}
	}
	return found, also, nil
}

// toldBy is what the alert of an earlier subscription tells for s, too.
func (m *Matcher) toldBy(ctx context.Context, c *commit, s, earlier store.Subscription, queue []store.Delivery) (told []store.Finding, err error) {
	id := alertID(earlier.ID, c.batch)
	i := slices.IndexFunc(queue, func(d store.Delivery) bool { return d.ID == id })
	var d store.Delivery
	if i >= 0 {
		d = queue[i]
	} else {
		if d, err = m.Outbox.Delivery(ctx, id); errors.Is(err, store.ErrNotFound) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("match: read delivery %s: %w", id, err)
		}
	}
	if !slices.Contains(d.Also, s.ID) || d.State == store.Suppressed {
		return nil, nil
	}
	for _, id := range d.Findings {
		f, err := m.finding(ctx, c, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("match: read finding %s: %w", id, err)
		}
		told = append(told, f)
	}
	return told, nil
}

// finding reads one of the commit, stored or not.
func (m *Matcher) finding(ctx context.Context, c *commit, id string) (store.Finding, error) {
	for _, x := range c.kept {
		if x.finding.ID == id {
			return x.finding, nil
		}
	}
	return m.Outbox.Finding(ctx, id)
}

// leaveOut drops what is the same as x, and the thing if nothing else is said of it.
func (f *folder) leaveOut(x store.Finding) {
	i, ok := f.at[itemKey(x.Source, x.Key)]
	if !ok {
		return
	}
	t := &f.things[i]
	t.Findings = slices.DeleteFunc(t.Findings, func(y store.Finding) bool {
		return y.ID == x.ID || sameWords(y.Quote, x.Quote) && y.Page == x.Page &&
			!slices.ContainsFunc(y.Moves, func(m store.Move) bool { return !slices.Contains(x.Moves, m) })
	})
	if len(t.Findings) > 0 {
		return
	}
	f.things = slices.Delete(f.things, i, i+1)
	delete(f.at, itemKey(x.Source, x.Key))
	for k, j := range f.at {
		if j > i {
			f.at[k] = j - 1
		}
	}
}
