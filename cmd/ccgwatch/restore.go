package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/index"
)

// restoringFile stands in the data directory from before the present store is
// moved aside until the copy is in its place. In between there may be no store,
// and one that is begun anew then would pass for it.
const restoringFile = "restoring"

type restoreCmd struct {
	Copy  string `arg:""`
	Force bool
}

func (c *restoreCmd) Run(e *env) error {
	if e.shared != nil {
		return errRunning
	}
	from := e.copyNamed(c.Copy)
	if !exists(filepath.Join(from, bolt.File)) {
		return usagef("%s is no copy: there is no %s in it%s", from, bolt.File, e.copiesText())
	}
	if inside(from, e.data) == "." {
		return usagef("%s is the data directory itself", from)
	}
	release, err := e.standAlone(c.Force)
	if err != nil {
		return err
	}
	defer release()
	parts, err := checkAll(e.ctx, from)
	if err != nil {
		return err
	}
	bad := printChecked(e, parts, false)
	switch {
	case !parts[0].ok():
		return fmt.Errorf("%s is not fit to go on from; nothing was changed%s", from, e.copiesText())
	case bad > 0 && !c.Force:
		return fmt.Errorf("%s: its database is whole, but not all of the rest: --force goes on from it all the same; nothing was changed", from)
	}
	r, err := e.restore(from, asidePrefix)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "restored from %s\n", from)
	if r.aside != "" {
		fmt.Fprintf(e.stdout, "what was there before is in %s; remove it when you are sure\n", r.aside)
	}
	if r.ended+r.erased > 0 {
		fmt.Fprintf(e.stdout, "ended again, as their readers had asked since: %s; erased again: %d\n", count(r.ended, "subscription"), r.erased)
	}
	if r.corrected > 0 {
		fmt.Fprintf(e.stdout, "made again, as the operator had said since: %s\n", count(r.corrected, "correction"))
	}
	fmt.Fprintln(e.stdout, "start the daemon: it looks at every source that is due. What was found between the copy and now is found again;\nwho was told of it is not told again at once.")
	return nil
}

var errRunning = errors.New("ccgwatch is running on this data directory: stop it first; nothing was changed")

// standAlone makes sure that no process has the store open, and keeps others
// out until release. Data that is there is an error without force.
func (e *env) standAlone(force bool) (release func(), err error) {
	socket, done, err := socketPath(e.data)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	if c, err := d.DialContext(e.ctx, "unix", socket); err == nil {
		_ = c.Close()
		return nil, errRunning
	}
	if err := os.MkdirAll(e.data, 0o700); err != nil {
		return nil, err
	}
	switch release, err = bolt.Hold(e.data); {
	case errors.Is(err, store.ErrLocked):
		return nil, errRunning
	case errors.Is(err, fs.ErrNotExist):
		return func() {}, nil
	case err != nil && !force:
		return nil, fmt.Errorf("the present store: %w", err)
	case err != nil:
		release = func() {}
	}
	if !force {
		release()
		return nil, fmt.Errorf("there is a store in %s: --force moves it aside and puts the copy in its place; nothing was changed", e.data)
	}
	return release, nil
}

// A restored is what came of putting a copy in the place of the data.
type restored struct {
	aside         string // where the data is that was there, "" for none
	ended, erased int    // subscriptions, as was noted since the copy
	corrected     int    // corrections made since, and made again
}

// restore puts a copy that was checked in the place of the present data. All
// is made ready in a directory of its own first; the present data is moved
// aside; then the parts are moved in, the database last. A crash leaves a
// marker that keeps the daemon from starting, and restore can be run again.
func (e *env) restore(from, prefix string) (restored, error) {
	var r restored
	for _, l := range leftOvers(e.data, ".restore-") {
		_ = os.RemoveAll(l)
	}
	ready, err := os.MkdirTemp(e.data, ".restore-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(ready) }()
	if err := e.makeReady(from, ready, &r); err != nil {
		return r, fmt.Errorf("nothing was changed: %w", err)
	}
	if r.aside, err = e.asideDir(prefix); err != nil {
		return r, err
	}
	if err := writeWhole(filepath.Join(e.data, restoringFile), []byte(from+"\n")); err != nil {
		return r, err
	}
	moved, err := moveAside(e.data, r.aside)
	if err != nil {
		return r, fmt.Errorf("moving the present data aside: %w", err)
	}
	// Before the copy is in its place: what was worked out from another log must
	// never stand beside it. It is made again.
	if err := bolt.RemoveDerived(filepath.Join(e.data, bolt.DerivedFile)); err != nil {
		return r, fmt.Errorf("restore: %w", err)
	}
	for _, name := range []string{suppressedFile, correctionsFile, toldFile, archiveName, secretFile, bolt.File} {
		if exists(filepath.Join(ready, name)) {
			if err := os.Rename(filepath.Join(ready, name), filepath.Join(e.data, name)); err != nil {
				return r, fmt.Errorf("restore: %w", err)
			}
		}
	}
	if err := index.Remove(filepath.Join(e.data, index.File)); err != nil { // it belongs to what was; it is made again
		e.log.Warn("search index", "err", err)
	}
	if !moved {
		_ = os.Remove(r.aside)
		r.aside = ""
	}
	return r, errors.Join(syncDir(e.data), os.Remove(filepath.Join(e.data, restoringFile)), syncDir(e.data))
}

// makeReady builds what is to become the data: the copy, with the wishes and
// corrections noted since applied to it.
func (e *env) makeReady(from, ready string, r *restored) error {
	for _, name := range []string{bolt.File, secretFile} {
		if err := copyOne(filepath.Join(from, name), filepath.Join(ready, name)); err != nil && (name == bolt.File || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	if !exists(filepath.Join(ready, secretFile)) && exists(filepath.Join(e.data, secretFile)) { // better the present one than none
		if err := copyOne(filepath.Join(e.data, secretFile), filepath.Join(ready, secretFile)); err != nil {
			return err
		}
	}
	if err := copyArchive(e.ctx, []string{filepath.Join(from, archiveName)}, filepath.Join(ready, archiveName), func(int64) error { return nil }); err != nil {
		return err
	}
	return e.applyWishes(from, ready, r)
}

// applyWishes ends and erases in the store made ready what was noted as ended
// and erased: here, in the copy, and in data moved aside by earlier restores. Then
// comes what was mailed and corrected since.
func (e *env) applyWishes(from, ready string, r *restored) error {
	s, err := bolt.Open(ready)
	if err != nil {
		return err
	}
	var all []map[string]suppression
	for _, dir := range append([]string{e.data, from}, e.asides()...) {
		noted, err := readSuppressed(filepath.Join(dir, suppressedFile))
		if err != nil {
			return errors.Join(err, s.Close())
		}
		all = append(all, noted)
		for _, key := range append([]string{dir, ready}, e.asides()...) {
			secret, err := os.ReadFile(filepath.Join(key, secretFile))
			if err != nil || len(secret) < 32 {
				continue
			}
			n, m, err := suppress(e.ctx, s, secret, noted)
			if r.ended, r.erased = r.ended+n, r.erased+m; err != nil {
				return errors.Join(err, s.Close())
			}
		}
	}
	if err := e.applySent(s, from, ready); err != nil {
		return errors.Join(err, s.Close())
	}
	if r.corrected, err = e.applyCorrections(s, from, ready); err != nil {
		return errors.Join(err, s.Close())
	}
	if r.erased > 0 { // the pages that held the address, too
		if err := s.Compact(context.WithoutCancel(e.ctx)); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	return writeSuppressed(filepath.Join(ready, suppressedFile), all...)
}

// How directories begin that hold what a copy took the place of: by the
// operator's command, and by the daemon's own.
const (
	asidePrefix   = "before-restore-"
	damagedPrefix = "damaged-"
)

// asides are the directories of both.
func (e *env) asides() []string {
	return append(leftOvers(e.data, asidePrefix), leftOvers(e.data, damagedPrefix)...)
}

// applySent brings the store made ready up to what was mailed since.
func (e *env) applySent(s *bolt.Store, from, ready string) error {
	secret, err := os.ReadFile(filepath.Join(ready, secretFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever mailed
	}
	if err != nil {
		return err
	}
	noted, err := readSent(filepath.Join(e.data, sentFile))
	if err != nil {
		return err
	}
	var note copyNote
	if b, err := os.ReadFile(filepath.Join(from, copyFile)); err == nil {
		_ = json.Unmarshal(b, &note) // of a copy without a note all that was told counts
	}
	return applySent(e.ctx, s, secret, noted, note.Made, e.now(), filepath.Join(ready, toldFile))
}

// asideDir makes the directory that the present data is moved to.
func (e *env) asideDir(prefix string) (string, error) {
	name := filepath.Join(e.data, prefix+time.Now().UTC().Format(copyLayout))
	at := name
	for n := 2; ; n++ {
		err := os.Mkdir(at, 0o700)
		if !errors.Is(err, fs.ErrExist) {
			return at, err
		}
		at = fmt.Sprintf("%s-%d", name, n)
	}
}

// moveAside moves what a restore replaces, and tells whether there was anything.
// The notes of who has ended and of what was corrected stay as well: until the new
// ones are in their place they are the only ones.
func moveAside(data, aside string) (moved bool, err error) {
	for _, name := range []string{bolt.File, archiveName, secretFile, closedFile, toldFile} {
		if _, err := os.Lstat(filepath.Join(data, name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(filepath.Join(data, name), filepath.Join(aside, name)); err != nil {
			return moved, err
		}
		moved = true
	}
	for _, name := range []string{suppressedFile, correctionsFile} {
		if err := copyOne(filepath.Join(data, name), filepath.Join(aside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return moved, err
		}
	}
	return moved, errors.Join(syncDir(aside), syncDir(data))
}

// leftOvers lists what is in a directory by the beginning of its name.
func leftOvers(dir, prefix string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// inside is the path of a below b, "." if they are the same, "" if it is elsewhere.
func inside(a, b string) string {
	rel, err := filepath.Rel(b, a)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return ""
	}
	return rel
}

// copiesText names the copies there are.
func (e *env) copiesText() string {
	all := copiesIn(e.copiesDir())
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nthe copies in %s:", e.copiesDir())
	for _, c := range all {
		state := "good"
		if !c.note.good() {
			state = "not without faults"
		}
		fmt.Fprintf(&b, "\n  %s  %s", filepath.Base(c.dir), state)
	}
	return b.String()
}
