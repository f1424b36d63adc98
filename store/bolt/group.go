package bolt

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// A group joins what is asked for at the same moment into one transaction. To
// make a transaction durable takes two waits for the disk, whatever is in it: so
// while one is written, what is asked for meanwhile gathers for the next. Those of
// one transaction may soon ask again, each for the state that follows: they are waited
// for, but no longer than companyWait, or some would go on beside the others in
// every second transaction, and each of those would hold half as much. Whoever
// asks alone is written at once.
//
// A crash before the transaction is on the disk leaves nothing of any of them, a
// crash after it all of them; none was answered before. They take effect in the
// order in which they were entered, so whoever finds one on the disk finds those
// before it there, too.
type group struct {
	mu      sync.Mutex
	waiting []*entry
	writing bool // somebody does, and will look again
	// company is how many ask at about the same time, and will again: those of the
	// last transaction, and those who came while it was written.
	company int
	whole   chan struct{} // is closed when so many wait; nil: nobody looks out for them
}

// companyWait is less than what a spinning disk or a memory card takes to keep
// anything, and about what a good one takes.
const companyWait = 500 * time.Microsecond

// An entry is one change of those of a group.
type entry struct {
	f     func(*tx) error
	what  string
	again bool       // whoever asks will ask again soon
	done  chan error // gets one value
}

func asksAgain(all []*entry) (n int) {
	for _, e := range all {
		if e.again {
			n++
		}
	}
	return n
}

// enter has f run in the next transaction, and returns at once; the channel gets
// what came of it. What fails is answered, and leaves nothing; the others are
// tried again without it, so f may run more than once and only its last run counts.
// again: whoever asks will soon ask for something else, and is company.
func (s *Store) enter(ctx context.Context, what string, again bool, f func(*tx) error) <-chan error {
	e := &entry{f: f, what: what, again: again, done: make(chan error, 1)}
	s.mu.RLock() // until it is answered: neither Compact nor Close comes in between
	if err := s.usable(ctx, what); err != nil {
		s.mu.RUnlock()
		e.done <- err
		return e.done
	}
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.group.waiting = append(s.group.waiting, e)
	if s.group.whole != nil && len(s.group.waiting) >= s.group.company {
		close(s.group.whole)
		s.group.whole = nil
	}
	if !s.group.writing {
		s.group.writing = true
		go s.writeGroups()
	}
	return e.done
}

// writeGroups goes on until nobody waits.
func (s *Store) writeGroups() {
	for {
		s.group.mu.Lock()
		if len(s.group.waiting) == 0 {
			s.group.writing = false
			s.group.mu.Unlock()
			return
		}
		s.group.mu.Unlock()
		s.group.await()
		s.writeGroup()
	}
}

// await waits for company, where there was some the last time.
func (g *group) await() {
	g.mu.Lock()
	if len(g.waiting) >= g.company {
		g.mu.Unlock()
		return
	}
	whole := make(chan struct{})
	g.whole = whole
	g.mu.Unlock()
	late := time.NewTimer(companyWait)
	defer late.Stop()
	select {
	case <-whole:
	case <-late.C:
	}
	g.mu.Lock()
	g.whole = nil
	g.mu.Unlock()
}

func (s *Store) writeGroup() {
	var all []*entry
	answer := func(e *entry, err error) {
		e.done <- wrap(e.what, err)
		s.mu.RUnlock()
	}
	gather := func() {
		s.group.mu.Lock()
		all = append(all, s.group.waiting...)
		s.group.waiting = nil
		s.group.mu.Unlock()
	}
	gather() // before, too: where no transaction begins, all of them get that for an answer
	for len(all) > 0 {
		var bad *entry
		err := s.db.Update(func(t *bbolt.Tx) error {
			gather() // the writer before may have taken long
			if at, err := os.Stat(filepath.Join(s.dir, File)); err != nil || !os.SameFile(at, s.inode) {
				return ErrReplaced
			}
			for _, e := range all {
				if err := e.f(&tx{Tx: t, s: s, ctx: context.Background()}); err != nil {
					bad = e
					return err
				}
			}
			return nil
		})
		if bad == nil {
			s.group.mu.Lock()
			s.group.company = asksAgain(all) + asksAgain(s.group.waiting)
			s.group.mu.Unlock()
			for _, e := range all {
				answer(e, err)
			}
			return
		}
		all = slices.DeleteFunc(all, func(e *entry) bool { return e == bad })
		answer(bad, err)
	}
}
