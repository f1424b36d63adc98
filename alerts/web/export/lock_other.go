//go:build !unix

package export

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile takes a lock. Here it is a file that cannot be removed while it is
// open: what a killed process left is removed, what a living one holds is not.
func lockFile(file string) (*os.File, error) {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ErrBusy
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644) //nolint:gosec // in the export
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrBusy
	}
	return f, err
}

func unlock(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}
