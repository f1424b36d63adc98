package bolt

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

// A group joins what is asked for at the same moment into one transaction. To
// make a transaction durable takes two waits for the disk, whatever is in it: so
// while one is written, what is asked for meanwhile gathers for the next. Nobody
// is made to wait for company.
//
// A crash before the transaction is on the disk leaves nothing of any of them, a
// crash after it all of them; none was answered before. They take effect in the
// order in which they were entered, so whoever finds one on the disk finds those
// before it there, too.
type group struct {
	mu      sync.Mutex
	waiting []*entry
	writing bool // somebody does, and will look again
}

// An entry is one change of those of a group.
type entry struct {
	f    func(*tx) error
	what string
	done chan error // gets one value
}

// enter has f run in the next transaction, and returns at once; the channel gets
// what came of it. What fails is answered, and leaves nothing; the others are
// tried again without it, so f may run more than once and only its last run counts.
func (s *Store) enter(ctx context.Context, what string, f func(*tx) error) <-chan error {
	e := &entry{f: f, what: what, done: make(chan error, 1)}
	s.mu.RLock() // until it is answered: neither Compact nor Close comes in between
	if err := s.usable(ctx, what); err != nil {
		s.mu.RUnlock()
		e.done <- err
		return e.done
	}
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.group.waiting = append(s.group.waiting, e)
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
		s.writeGroup()
	}
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
			for _, e := range all {
				answer(e, err)
			}
			return
		}
		all = slices.DeleteFunc(all, func(e *entry) bool { return e == bad })
		answer(bad, err)
	}
}
