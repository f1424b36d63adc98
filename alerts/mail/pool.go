package mail

import (
	"context"
	"sync"
)

// A pool holds the connections of a Relay that nobody uses at the moment. How many
// there are at a time is for those who send: each takes one, or opens another.
// Where the relay lets us have no more, they wait for each other.
type pool struct {
	mu    sync.Mutex
	idle  []*wire
	used  int           // taken, and not given back
	most  int           // the relay refused to have more; 0: it did not
	freed chan struct{} // is closed when one is given back, if somebody waits
}

// take gives a connection that was used before, or nil where one is to be opened;
// beside: there are others that are taken.
func (p *pool) take(ctx context.Context) (w *wire, beside bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) == 0 && p.most > 0 && p.used >= p.most {
		if p.freed == nil {
			p.freed = make(chan struct{})
		}
		freed := p.freed
		p.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.mu.Lock()
		if err != nil {
			return nil, false, err
		}
	}
	p.used++
	if n := len(p.idle); n > 0 {
		w, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	return w, p.used > 1, nil
}

// give gives back what was taken; nil: it is closed.
func (p *pool) give(w *wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if w != nil {
		p.idle = append(p.idle, w)
	}
	p.wake()
}

// enough gives back a connection that was refused, and notes that there can be no
// more than there are: those that are taken and those that became free meanwhile.
// If all of them have gone since, one is tried alone. It is false, and the
// connection still taken, if there was none beside it (beside: when it was taken)
// and is none now: then it is not for their number that the relay refuses.
func (p *pool) enough(beside bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !beside && p.used == 1 && len(p.idle) == 0 {
		return false
	}
	p.used--
	p.most = max(p.used+len(p.idle), 1) // less than before: one that is alone has none beside it
	p.wake()
	return true
}

// empty gives what nobody uses, to be closed. The next to come may open as many as
// they like.
func (p *pool) empty() []*wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle, p.most = nil, 0
	p.wake()
	return idle
}

func (p *pool) wake() {
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}
