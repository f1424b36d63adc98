package bolt

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"ccgwatch/store"
)

// asideKey is a delivery's entry in the index of what is aside, nil for what is
// not: where it stands among the deliveries, so that they come oldest first.
func asideKey(d store.Delivery) []byte {
	if !d.Aside() {
		return nil
	}
	return join(instant(d.Created), []byte(d.ID))
}

// setAside keeps the index as a delivery changes; was is zero for a new one, now
// for one that is dropped.
func (t *tx) setAside(was, now store.Delivery) error {
	switch {
	case was.Aside() == now.Aside():
		return nil
	case now.Aside():
		return t.mark(bAside, asideKey(now))
	}
	return t.in(bAside).Delete(asideKey(was))
}

// Aside reads in one transaction, and no others than those.
func (s *Store) Aside(ctx context.Context, f func(store.Delivery) bool) error {
	return s.view(ctx, "read what is held or was taken back", func(t *tx) error {
		return t.aside(func(d store.Delivery) (bool, error) { return f(d), nil })
	})
}

func (t *tx) aside(f func(store.Delivery) (bool, error)) error {
	c := t.in(bAside).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		var d store.Delivery
		if err := found(t.get(bDeliveries, k, &d)); err != nil {
			return err
		}
		if more, err := f(d); err != nil || !more {
			return err
		}
	}
	return nil
}

// unsent are the deliveries that may still be sent, but for what is at its last
// byte, and tell of items: those that wait, and those on hold, the oldest first.
func (t *tx) unsent() (out []store.Delivery, err error) {
	c := t.in(bDue).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		d, err := t.delivery(string(k[instantLen:]))
		if err != nil {
			return nil, err
		}
		if unsent(d) {
			out = append(out, d)
		}
	}
	err = t.aside(func(d store.Delivery) (bool, error) {
		if unsent(d) {
			out = append(out, d)
		}
		return true, nil
	})
	slices.SortFunc(out, func(a, b store.Delivery) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return out, err
}
