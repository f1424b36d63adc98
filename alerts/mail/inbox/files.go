package inbox

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Maildir is a directory with new/ and cur/ in it, one message a file. The
// files are read where they are and left there, so that a mail program may use
// the same directory.
type Maildir struct{ Dir string }

// Each calls f with every message whose file was written at since or later, the
// oldest first, and gives the time of the newest that was passed to f. Which of
// them are new the caller knows by their Note.ID: names change as mail programs
// read them.
func (d Maildir) Each(since time.Time, f func(raw []byte) error) (newest time.Time, err error) {
	type file struct {
		name string
		at   int64
	}
	var all []file
	for _, sub := range []string{"new", "cur"} {
		list, err := os.ReadDir(filepath.Join(d.Dir, sub))
		if err != nil {
			return newest, fmt.Errorf("maildir: %w", err)
		}
		for _, e := range list {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(since) {
				continue // moved meanwhile, no message, or old
			}
			all = append(all, file{filepath.Join(d.Dir, sub, e.Name()), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.name, b.name)) })
	for _, m := range all {
		raw, err := readStart(m.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return newest, fmt.Errorf("maildir: %w", err)
		}
		if err := f(raw); err != nil {
			return newest, err
		}
		newest = time.Unix(0, m.at)
	}
	return newest, nil
}

func readStart(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxMessage))
}

// An Mbox is a file with one message after the other, each behind a line that
// begins with "From " (RFC 4155 and its many cousins).
type Mbox struct{ File string }

// Each calls f with every message from an offset in bytes on, and gives the
// offset behind the last one. A file shorter than the offset was begun anew
// and is read from its start. The last message counts once another, or an empty
// line, follows it: it may be in the middle of being written.
func (m Mbox) Each(from int64, f func(raw []byte) error) (to int64, err error) {
	file, err := os.Open(m.File)
	if err != nil {
		return from, fmt.Errorf("mbox: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return from, fmt.Errorf("mbox: %w", err)
	}
	if info.Size() < from {
		from = 0
	}
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return from, fmt.Errorf("mbox: %w", err)
	}
	lines := bufio.NewReaderSize(file, 64<<10)
	to = from
	at, blank := from, true
	var message []byte
	inside := false
	emit := func() error {
		if !inside {
			return nil
		}
		if err := f(bytes.TrimSuffix(message, []byte("\n"))); err != nil {
			return err
		}
		message, inside, to = nil, false, at
		return nil
	}
	for {
		line, err := lines.ReadSlice('\n')
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return to, fmt.Errorf("mbox: %w", err)
		}
		if errors.Is(err, io.EOF) {
			if blank && len(line) == 0 {
				if err := emit(); err != nil {
					return to, err
				}
			}
			return to, nil
		}
		if blank && separator(line) {
			if err := emit(); err != nil {
				return to, err
			}
			inside = true
		} else if inside && len(message) < MaxMessage {
			if q := bytes.TrimLeft(line, ">"); len(q) < len(line) && bytes.HasPrefix(q, []byte("From ")) {
				line, at = line[1:], at+1
			}
			message = append(message, line...)
		}
		at += int64(len(line))
		blank = whole && len(bytes.TrimRight(line, "\r\n")) == 0
	}
}

// separator tells the line before a message from a sentence that begins with
// "From": it names a day of the week behind the sender.
func separator(line []byte) bool {
	f := bytes.Fields(line)
	if !bytes.HasPrefix(line, []byte("From ")) || len(f) < 3 {
		return false
	}
	switch string(f[2]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}
