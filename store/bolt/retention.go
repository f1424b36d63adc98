package bolt

import (
	"bytes"
	"context"
	"time"

	"ccgwatch/store"
)

// dropAtOnce bounds a transaction of DropBytes, so that nobody waits for long.
const dropAtOnce = 500

// DropBytes drops the bytes of the messages that were queued before a time and
// have come to an end (sent, failed, suppressed, uncertain, folded), and tells
// of how many. That they were sent, to whom and under what subject stays. A
// crash in between leaves some of them for the next time. The bytes stay in
// free pages until Compact.
func (s *Store) DropBytes(ctx context.Context, before time.Time) (n int, err error) {
	for {
		var ids [][]byte
		err := s.view(ctx, "look for old messages", func(t *tx) (err error) {
			ids, err = t.oldBytes(before)
			return err
		})
		if err != nil || len(ids) == 0 {
			return n, err
		}
		err = s.update(ctx, "drop the bytes of old messages", func(t *tx) error {
			if ids, err = t.oldBytes(before); err != nil { // it may have changed since
				return err
			}
			for _, id := range ids {
				if err := t.set(bRaw, id, t.s.codec.pack(bRaw, id, nil)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(ids)
	}
}

// oldBytes are the ids of ended messages from before a time that still have
// their bytes.
func (t *tx) oldBytes(before time.Time) (ids [][]byte, err error) {
	end, raw := instant(before), t.in(bRaw)
	c := t.in(bDeliveries).Cursor()
	for k, v := c.First(); k != nil && len(ids) < dropAtOnce && bytes.Compare(k[:min(len(k), instantLen)], end) < 0; k, v = c.Next() {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		id := k[instantLen:]
		if len(raw.Get(id)) <= headLen {
			continue
		}
		var d store.Delivery
		if err := t.s.codec.decode(bDeliveries, k, v, &d); err != nil {
			return nil, err
		}
		switch d.State {
		case store.Sent, store.Failed, store.Suppressed, store.Uncertain, store.Folded:
			ids = append(ids, bytes.Clone(id))
		}
	}
	return ids, nil
}

// DropPlaces forgets the places in the log of the followers whose names come from
// one on and before another, and tells of how many. It is for those that are made
// for one time each.
func (s *Store) DropPlaces(ctx context.Context, from, before string) (n int, err error) {
	err = s.update(ctx, "forget old places in the log", func(t *tx) error {
		n = 0
		var names [][]byte
		c := t.in(bFollowers).Cursor()
		for k, _ := c.Seek([]byte(from)); k != nil && string(k) < before && len(names) < dropAtOnce; k, _ = c.Next() {
			names = append(names, bytes.Clone(k))
		}
		for _, k := range names {
			if err := t.in(bFollowers).Delete(k); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}
