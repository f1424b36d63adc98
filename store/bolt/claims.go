package bolt

import (
	"context"
	"time"

	"ccgwatch/store"
)

// FreeClaims queues what is claimed. One process at a time has the file open,
// so right after Open every claim belongs to a process that died; waiting for
// its lease would only delay the mail. One that was dotting is in doubt, and
// waits until it is due. One transaction; a crash before it leaves the claims
// to run out.
func (s *Store) FreeClaims(ctx context.Context) error {
	var claimed []string
	err := s.view(ctx, "look for claims", func(t *tx) error {
		c := t.in(bDue).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			d, err := t.delivery(string(k[instantLen:]))
			if err != nil {
				return err
			}
			if d.State == store.Claimed || d.State == store.Dotting {
				claimed = append(claimed, d.ID)
			}
		}
		return nil
	})
	if err != nil || len(claimed) == 0 {
		return err
	}
	return s.update(ctx, "free claims", func(t *tx) error {
		for _, id := range claimed {
			was, err := t.delivery(id)
			if err != nil {
				return err
			}
			now := was
			switch was.State {
			case store.Claimed:
				now.State, now.Lease = store.Queued, time.Time{}
			case store.Dotting:
				now = doubted(was)
			default:
				continue
			}
			if err := t.requeue(was, now); err != nil {
				return err
			}
		}
		return nil
	})
}
