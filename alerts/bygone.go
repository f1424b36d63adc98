package alerts

import (
	"context"
	"sync"
	"time"

	"ccgwatch/store"
)

// A bygone knows how far the findings are too old for whoever looks at those of a
// span every day: they grow no younger, and what has been kept for years is not
// read again and again to be passed over. It is in memory: after a start all are
// read once. It is safe for concurrent use.
type bygone struct {
	mu    sync.Mutex
	after uint64    // findings of changes up to this one
	until time.Time // are older than this
}

// since calls f with the findings that were made at a time or later, in the order
// of the log.
func (b *bygone) since(ctx context.Context, outbox store.Outbox, from time.Time, f func(store.Finding)) error {
	b.mu.Lock()
	if from.Before(b.until) { // the clock was set back
		b.after, b.until = 0, time.Time{}
	}
	after := b.after
	b.mu.Unlock()
	old, all := after, true
	err := outbox.Findings(ctx, after, func(x store.Finding) bool {
		switch {
		case !x.At.Before(from):
			all = false
			f(x)
		case all:
			old = x.Change // the findings of a change are all made when it is
		}
		return true
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !from.Before(b.until) {
		b.after, b.until = max(b.after, old), from
	}
	return nil
}
