package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ccgwatch/store/bolt"
)

// roomNeeded is how much space must be free for crawling to go on: with less,
// what comes in is not worth what may no longer be written down, above all
// that somebody has unsubscribed. One and a half times the database and 64 MiB.
func roomNeeded(data string) uint64 {
	size := int64(0)
	if info, err := os.Stat(filepath.Join(data, bolt.File)); err == nil {
		size = info.Size()
	}
	return uint64(size+64<<20) * 3 / 2
}

// errNoRoom: the disk is too full to crawl or to copy.
var errNoRoom = errors.New("the disk is nearly full")

// roomToCrawl gives errNoRoom if the disk is too full to crawl. A disk that
// cannot be asked is taken to have room.
func (a *app) roomToCrawl() error { return a.room(a.data, 0) }

// room gives errNoRoom if less than roomNeeded would be free once so many bytes
// more are on the disk that holds dir.
func (a *app) room(dir string, more int64) error {
	free, err := a.free(dir)
	if err != nil {
		return nil //nolint:nilerr // as said
	}
	if need := roomNeeded(a.data) + uint64(more); free < need { //nolint:gosec // a size is not negative
		return fmt.Errorf("%w: %s free where %s is, %s needed", errNoRoom, bytesText(free), dir, bytesText(need))
	}
	return nil
}

func bytesText(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
