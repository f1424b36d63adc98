//go:build unix

package export

import (
	"os"
	"syscall"
)

// lockFile takes a lock that the system frees when the process ends.
func lockFile(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // in the export
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, ErrBusy
	}
	return f, nil
}

func unlock(f *os.File) { _ = f.Close() }
