package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ccgwatch/store/bolt"
)

// A copy is a directory named by the moment it shows, in UTC so that names sort:
//
//	2026-09-10T170500Z/ccgwatch.db, secret.key, suppressed.log, corrections.log, archive/...
//	2026-09-10T170500Z/copy.json      what the check of the finished copy found
//
// It is made under a name that begins with a dot and renamed when all of it is
// on the disk and checked. A crash leaves the dotted one, which the next copy
// sweeps away, and never half a copy under the name of a whole one. Papers
// never change, so they are hard links where the file system has them: to the
// copy before, or else to the store's own.
const (
	copyFile   = "copy.json"
	copyLayout = "2006-01-02T150405Z"
	copiesKept = 3
)

// copiesDir is where the daemon's copies are, and backup's by default.
func (e *env) copiesDir() string { return filepath.Join(e.data, "backups") }

// A copyNote is what a copy says of itself.
type copyNote struct {
	Made    time.Time `json:"made"`
	Version string    `json:"version"`
	Parts   []checked `json:"parts"` // as checked in the finished copy
}

// sound tells whether the copy can be gone on from: its database is whole.
func (n copyNote) sound() bool {
	return slices.ContainsFunc(n.Parts, func(c checked) bool { return c.Part == "store" && c.ok() })
}

// good tells whether nothing at all is wrong with it.
func (n copyNote) good() bool {
	return n.sound() && !slices.ContainsFunc(n.Parts, func(c checked) bool { return !c.ok() })
}

// A madeCopy is a copy found in a directory.
type madeCopy struct {
	dir  string
	note copyNote
}

// copiesIn lists the copies in a directory, newest first. What is not named and
// noted as a copy is none of our business.
func copiesIn(dir string) []madeCopy {
	named := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?$`)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []madeCopy
	for _, e := range entries {
		c := madeCopy{dir: filepath.Join(dir, e.Name())}
		b, err := os.ReadFile(filepath.Join(c.dir, copyFile))
		if err != nil || !named.MatchString(e.Name()) || json.Unmarshal(b, &c.note) != nil {
			continue
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(x, y madeCopy) int { return -strings.Compare(x.dir, y.dir) })
	return out
}

// newestGood is the directory of the newest copy with no fault, else of the
// newest whose database is whole, else "".
func newestGood(all []madeCopy) string {
	for _, fits := range []func(copyNote) bool{copyNote.good, copyNote.sound} {
		if i := slices.IndexFunc(all, func(c madeCopy) bool { return fits(c.note) }); i >= 0 {
			return all[i].dir
		}
	}
	return ""
}

// errCopyDamaged: a copy's database is damaged, and so, most likely, is what it
// was copied from.
var errCopyDamaged = errors.New("the copy is damaged")

// makeCopy makes a copy in dir as of now, checks it, and removes the oldest
// beyond keep. room is asked before bytes are written. A copy whose database
// is not whole is no copy: it is removed and an error.
func (a *app) makeCopy(ctx context.Context, dir string, now time.Time, keep int, room func(need int64) error) (madeCopy, error) {
	a.copying.Lock()
	defer a.copying.Unlock()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return madeCopy{}, err
	}
	mine := sha256.Sum256([]byte(a.data))
	prefix := ".new-" + hex.EncodeToString(mine[:4]) + "-"
	for _, l := range leftOvers(dir, prefix) {
		_ = os.RemoveAll(l) // of a copy that was broken off; it costs space and nothing else
	}
	tmp, err := os.MkdirTemp(dir, prefix)
	if err != nil {
		return madeCopy{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := errors.Join(a.store.suppressAgain(ctx), a.store.agree(ctx, a.log)); err != nil {
		return madeCopy{}, err
	}
	before := ""
	if all := copiesIn(dir); len(all) > 0 {
		before = all[0].dir
	}
	if err := a.fillCopy(ctx, tmp, before, room); err != nil {
		return madeCopy{}, err
	}
	parts, err := checkAll(ctx, tmp)
	if err == nil && before != "" && parts[0].ok() && !parts[1].ok() {
		// A paper of the copy before may be what is damaged.
		if err = os.RemoveAll(filepath.Join(tmp, archiveName)); err == nil {
			err = copyArchive(ctx, []string{filepath.Join(a.data, archiveName)}, filepath.Join(tmp, archiveName), room)
		}
		if err == nil {
			parts, err = checkAll(ctx, tmp)
		}
	}
	if err != nil {
		return madeCopy{}, err
	}
	c := madeCopy{note: copyNote{Made: now.UTC().Truncate(time.Second), Version: version(), Parts: parts}}
	if !c.note.sound() {
		return c, fmt.Errorf("%w, and was removed: %s", errCopyDamaged, parts[0].What)
	}
	b, err := json.Marshal(c.note)
	if err != nil {
		return c, err
	}
	if err := writeWhole(filepath.Join(tmp, copyFile), append(b, '\n')); err != nil {
		return c, err
	}
	if c.dir, err = placeCopy(tmp, filepath.Join(dir, now.UTC().Format(copyLayout))); err != nil {
		return c, err
	}
	return c, prune(dir, c.dir, keep)
}

// placeCopy gives a finished copy its name, or the next that is free.
func placeCopy(tmp, name string) (string, error) {
	at := name
	for n := 2; exists(at); n++ {
		at = fmt.Sprintf("%s-%d", name, n)
	}
	if err := os.Rename(tmp, at); err != nil {
		return "", err
	}
	return at, syncDir(filepath.Dir(at))
}

// fillCopy writes the parts of a copy. The database comes first: papers are
// there before anything refers to them, so the archive has all of its papers.
func (a *app) fillCopy(ctx context.Context, to, before string, room func(int64) error) error {
	info, err := os.Stat(filepath.Join(a.data, bolt.File))
	if err != nil {
		return err
	}
	if err := room(info.Size()); err != nil {
		return err
	}
	if err := a.writeStore(ctx, filepath.Join(to, bolt.File)); err != nil {
		return err
	}
	for _, name := range []string{secretFile, suppressedFile, correctionsFile} {
		if err := copyOne(filepath.Join(a.data, name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	from := []string{filepath.Join(a.data, archiveName)}
	if before != "" {
		from = append(from, filepath.Join(before, archiveName))
	}
	if err := copyArchive(ctx, from, filepath.Join(to, archiveName), room); err != nil {
		return err
	}
	return syncDir(to)
}

// archiveName is the directory of the papers, in the data directory and in a copy.
const archiveName = "archive"

// writeStore writes the database as one moment saw it.
func (a *app) writeStore(ctx context.Context, name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = a.store.Backup(ctx, &stoppable{ctx, f})
	return errors.Join(err, f.Sync(), f.Close())
}

// A stoppable writer ends when its context does.
type stoppable struct {
	ctx context.Context // lives as long as one copy
	w   io.Writer
}

func (s *stoppable) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}

// copyArchive makes to an archive with the papers of from[0]. A paper that
// another one of from has, too, is linked to that; else to from[0]'s; else its
// bytes are copied.
func copyArchive(ctx context.Context, from []string, to string, room func(int64) error) error {
	root := from[0]
	if !exists(root) {
		return nil
	}
	var dirs []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		switch {
		case e.IsDir() && rel == "tmp":
			return filepath.SkipDir
		case e.IsDir():
			dirs = append(dirs, at)
			return os.Mkdir(at, 0o700)
		case !e.Type().IsRegular():
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		for _, other := range append(slices.Clone(from[1:]), root) {
			was, err := os.Stat(filepath.Join(other, rel))
			if err != nil || was.Size() != info.Size() || was.ModTime().Before(info.ModTime().Truncate(time.Second)) {
				continue // not there, or of a paper whose text was read again since
			}
			if os.Link(filepath.Join(other, rel), at) == nil {
				return nil
			}
		}
		if err := room(info.Size()); err != nil {
			return err
		}
		if err := copyOne(path, at); err != nil {
			return err
		}
		return os.Chtimes(at, time.Time{}, info.ModTime())
	})
	for _, d := range dirs {
		err = errors.Join(err, syncDir(d))
	}
	return err
}

// copyOne copies a file, and returns when it is on the disk.
func copyOne(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// prune removes the oldest copies beyond keep. The one just made and the newest
// good one stay whatever their number.
func prune(dir, made string, keep int) error {
	all := copiesIn(dir)
	good := newestGood(all)
	for i, c := range all {
		if i < keep || c.dir == made || c.dir == good {
			continue
		}
		// Renamed first, so that what a crash leaves is not taken for a copy.
		gone := filepath.Join(dir, ".old-"+filepath.Base(c.dir))
		if err := os.Rename(c.dir, gone); err != nil {
			return err
		}
		if err := os.RemoveAll(gone); err != nil {
			return err
		}
	}
	var err error
	for _, l := range leftOvers(dir, ".old-") {
		err = errors.Join(err, os.RemoveAll(l))
	}
	return err
}

// checkAll checks a data directory or a copy that no process has open: store,
// archive and secret.
func checkAll(ctx context.Context, dir string) ([]checked, error) {
	parts, err := check(ctx, dir, filepath.Join(dir, archiveName))
	if err != nil {
		return nil, err
	}
	return append(parts, checkSecret(dir)), nil
}

// checkSecret looks at the key; that there is none yet is no fault.
func checkSecret(dir string) checked {
	b, err := os.ReadFile(filepath.Join(dir, secretFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checked{Part: "secret", State: "missing", What: "there is no " + secretFile + ": unsubscribe links in mails already sent do not work without it"}
	case err != nil:
		return checked{Part: "secret", State: "failed", What: err.Error()}
	case len(b) < 32:
		return checked{Part: "secret", State: "damaged", What: fmt.Sprintf("%s has %d bytes, not 32", secretFile, len(b))}
	}
	return checked{Part: "secret", State: "ok", What: "there"}
}
