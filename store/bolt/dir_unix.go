//go:build !windows

package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"ccgwatch/store"
)

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Hold takes the lock that Open takes, without looking into the file, which
// may be damaged. It gives store.ErrLocked at once if a process has the store
// open. Whoever replaces the file does it under this lock.
func Hold(dir string) (release func(), err error) {
	f, err := os.Open(filepath.Join(dir, File))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = store.ErrLocked
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
