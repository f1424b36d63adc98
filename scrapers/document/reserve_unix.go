//go:build linux || darwin

package document

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserve gives zeroed memory outside Go's heap: its pages cost nothing until
// they are touched. (Go would sometimes touch them all, to clear them.)
func reserve(size uint64) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) //nolint:gosec // a few hundred MiB
	if err != nil {
		return nil, fmt.Errorf("reserve %d MiB: %w", size>>20, err)
	}
	return b, nil
}
