package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"ccgwatch/config"
)

// london is the wall clock that sources, schedules and readers go by.
func london() *time.Location { return config.London() }

// parseTime reads RFC 3339, or London wall time: 2026-08-10T09:00:00,
// 2026-08-10 09:00, 2026-08-10.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(london()), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, london()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write 2026-08-10T09:00:00+01:00 (RFC 3339), or London time as 2026-08-10T09:00 or 2026-08-10", s)
}

// isTerminal tells whether something drawn on w is seen by a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// exists tells whether there is something under a name; what cannot be looked
// at counts as there, so that the error comes from reading it.
func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
