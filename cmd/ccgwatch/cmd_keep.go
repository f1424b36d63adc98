package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ccgwatch/store/bolt"
)

type verifyCmd struct {
	Copy string `arg:"" optional:""`
	JSON bool   `name:"json"`
}

// Run checks without opening: what it looks at may be damaged. While a process
// has the store open, that process checks a copy of the database made for it.
func (c *verifyCmd) Run(e *env) error {
	var parts []checked
	var err error
	switch {
	case c.Copy != "":
		dir := e.copyNamed(c.Copy)
		if !exists(dir) {
			return usagef("there is no copy %s%s", dir, e.copiesText())
		}
		if parts, err = checkAll(e.ctx, dir); err == nil {
			err = c.print(e, dir, parts)
		}
		return err
	case e.shared != nil:
		parts, err = e.shared.verifyOpen(e.ctx)
	default:
		var done bool
		if parts, done, err = e.verifyClosed(); done {
			return err
		}
	}
	if err != nil {
		return err
	}
	return c.print(e, e.data, append(parts, e.checkIndex(e.ctx)))
}

// verifyClosed checks the store here, or has the process that has it open do
// so: then it is done, and the error carries the exit code.
func (e *env) verifyClosed() (parts []checked, done bool, err error) {
	giveUp := time.Now().Add(lockPatience)
	for {
		code, err := callRemote(e)
		switch {
		case err == nil && code == exitDone:
			return nil, true, nil
		case err == nil:
			return nil, true, &exitError{code: code}
		case !errors.Is(err, errNobody):
			return nil, true, err
		}
		parts, err := checkAll(e.ctx, e.data)
		if err != nil || parts[0].State != "locked" || time.Now().After(giveUp) {
			return parts, false, err
		}
	}
}

// verifyOpen checks the store that this process has open: a copy of the
// database, and the archive as it is.
func (a *app) verifyOpen(ctx context.Context) ([]checked, error) {
	if _, err := os.Stat(filepath.Join(a.data, bolt.File)); err != nil {
		return []checked{describeCheck("store", err)}, nil
	}
	if err := os.MkdirAll(filepath.Join(a.data, "cache"), 0o700); err != nil {
		return nil, err
	}
	a.copying.Lock()
	defer a.copying.Unlock()
	for _, l := range leftOvers(filepath.Join(a.data, "cache"), "verify-") {
		_ = os.RemoveAll(l) // of a process that was killed
	}
	tmp, err := os.MkdirTemp(filepath.Join(a.data, "cache"), "verify-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	info, err := os.Stat(filepath.Join(a.data, bolt.File))
	if err != nil {
		return nil, err
	}
	if err := a.room(a.data, info.Size()); err != nil {
		return nil, fmt.Errorf("the store is open, and there is no room for the copy that would be checked: %w", err)
	}
	if err := a.writeStore(ctx, filepath.Join(tmp, bolt.File)); err != nil {
		return nil, err
	}
	parts, err := check(ctx, tmp, filepath.Join(a.data, archiveName))
	if err != nil {
		return nil, err
	}
	return append(parts, checkSecret(a.data)), nil
}

func (c *verifyCmd) print(e *env, dir string, parts []checked) error {
	bad := printChecked(e, parts, c.JSON)
	switch {
	case !c.JSON && bad == 0:
		fmt.Fprintf(e.stdout, "%s: nothing is wrong\n", dir)
	case bad > 0:
		return fmt.Errorf("%s: %s", dir, plural(bad, "part is not as it should be", "parts are not as they should be"))
	}
	return nil
}

// printChecked prints one line a part and its faults, and counts those with any.
func printChecked(e *env, parts []checked, asJSON bool) (bad int) {
	for _, p := range parts {
		mark := "ok  "
		if !p.ok() {
			mark = "FAIL"
			bad++
		}
		if asJSON {
			_ = printJSON(e.stdout, p)
			continue
		}
		fmt.Fprintf(e.stdout, "%s  %-8s %s\n", mark, p.Part, p.What)
		for _, f := range p.Faults {
			fmt.Fprintf(e.stdout, "      %s\n", f)
		}
	}
	return bad
}

type backupCmd struct {
	Dir  string `arg:"" optional:""`
	Keep int    `default:"3"`
	JSON bool   `name:"json"`
}

// jsonCopy is the line of backup --json.
type jsonCopy struct {
	Dir   string    `json:"dir"`
	Made  string    `json:"made"`
	Good  bool      `json:"good"`
	Parts []checked `json:"parts"`
}

func (c *backupCmd) Run(e *env) error {
	if c.Keep < 1 {
		return usagef("--keep %d: at least the newest copy is kept", c.Keep)
	}
	dir := e.copiesDir()
	if c.Dir != "" {
		var err error
		if dir, err = filepath.Abs(c.Dir); err != nil {
			return err
		}
	}
	// The process that runs this may have another working directory.
	args := []string{"backup", "--keep=" + strconv.Itoa(c.Keep), "--json=" + strconv.FormatBool(c.JSON)}
	if !e.asOf.IsZero() {
		args = append(args, "--as-of="+e.asOf.Format(time.RFC3339))
	}
	e.args = append(args, "--", dir)
	return e.withApp(func(a *app) error {
		if dir == a.data || dir == filepath.Join(a.data, archiveName) {
			return usagef("%s is where the store is: name another directory", dir)
		}
		made, err := a.makeCopy(e.ctx, dir, e.now(), c.Keep, func(need int64) error { return a.fits(dir, need) })
		if made.dir == "" {
			return fmt.Errorf("no copy was made: %w", err)
		}
		if c.JSON {
			_ = printJSON(e.stdout, jsonCopy{made.dir, stamp(made.note.Made), made.note.good(), made.note.Parts})
		} else {
			printChecked(e, made.note.Parts, false)
			fmt.Fprintf(e.stdout, "copied to %s, and checked there\n", made.dir)
		}
		if err != nil {
			return fmt.Errorf("the copy is made, but an old one could not be removed: %w", err)
		}
		if !made.note.good() {
			return errors.New("the copy's database is whole, but not all of the rest; older copies that are good were kept")
		}
		return nil
	})
}

// fits is room for a copy that was asked for: the bytes themselves and a
// little; only where it fills the disk of the store, as much as crawling needs.
func (a *app) fits(dir string, need int64) error {
	free, err := a.free(dir)
	if err != nil {
		return nil //nolint:nilerr // a disk that cannot be asked is taken to have room
	}
	if least := uint64(need) + 8<<20; free < least { //nolint:gosec // a size is not negative
		return fmt.Errorf("%w: %s free where %s is, %s needed", errNoRoom, bytesText(free), dir, bytesText(least))
	}
	return nil
}

// copyNamed finds a copy by its directory, or by its name among the daemon's.
func (e *env) copyNamed(name string) string {
	if !exists(name) && filepath.Base(name) == name {
		if at := filepath.Join(e.copiesDir(), name); exists(at) {
			return at
		}
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}
