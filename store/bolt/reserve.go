package bolt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Reserve is a file beside the database that is there to be given away: on a full
// disk whoever wants to leave, or be forgotten, still can, and a transaction may
// need pages that the database does not have. It is made again when there is room.
const Reserve = "reserve"

// reserveSize is many times what a transaction about one person writes.
const reserveSize = 1 << 20

// keepRoom makes the reserve if it is missing. That there is no room for it is no
// failure: what is to be written is tried all the same.
func (s *Store) keepRoom() {
	if s.reserved.Load() || !s.reserving.TryLock() {
		return
	}
	defer s.reserving.Unlock()
	path := filepath.Join(s.dir, Reserve)
	if at, err := os.Stat(path); err == nil && at.Size() == reserveSize {
		s.reserved.Store(true)
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	// Random bytes, so that no file system stores them in less room.
	_, err = io.CopyN(f, rand.Reader, reserveSize)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
		return
	}
	s.reserved.Store(true)
}

// leave is update for what must also be possible on a full disk: there the
// reserve is given away for it.
func (s *Store) leave(ctx context.Context, what string, f func(*tx) error) error {
	err := s.update(ctx, what, f)
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	s.reserving.Lock() // until it is written: nobody makes the reserve again before
	defer s.reserving.Unlock()
	if err := os.Remove(filepath.Join(s.dir, Reserve)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: give the reserve away: %w", what, err)
	}
	s.reserved.Store(false)
	return s.write(ctx, what, f)
}
