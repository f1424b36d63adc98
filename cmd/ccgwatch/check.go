package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// bbolt panics, runs for ever or is killed on a page that is damaged. So a
// store is checked in a child process, and opened only when that found no
// fault with it. The child says what it found one JSON object a line.

// checkStore is the hidden command of the child: check-store DIR [ARCHIVE].
const checkStore = "check-store"

// checkPatience is how long the check of a database may take, and how long
// that of the archive may be silent. A database gets as much again for each
// further GiB.
const checkPatience = 60 * time.Second

// A checked is one part of a store and what the check found.
type checked struct {
	Part   string   `json:"part"`  // store, archive, secret, search
	State  string   `json:"state"` // ok, damaged, newer, locked, missing, failed (the check itself)
	What   string   `json:"what"`  // in words
	Faults []string `json:"faults,omitempty"`
	Papers int      `json:"papers,omitempty"` // of the archive
	Busy   bool     `json:"busy,omitempty"`   // not an outcome: a sign of life
}

func (c checked) ok() bool { return c.State == "ok" }

// checkMain is the child.
func checkMain(ctx context.Context, args []string, out io.Writer) int {
	boundCheck()
	say := json.NewEncoder(out)
	if len(args) == 0 || len(args) > 2 {
		return exitUsage
	}
	report, papers, err := bolt.CheckDatabase(ctx, args[0])
	report.Papers = 0
	c := describeCheck("store", err)
	if err == nil {
		c.What = fmt.Sprintf("%s, %s, %s, %s, %s", count(report.Items, "item"), count(report.Changes, "change"),
			count(report.Findings, "finding"), plural(report.Deliveries, "delivery", "deliveries"), count(report.Subscriptions, "subscription"))
	}
	if say.Encode(c) != nil {
		return exitFailed
	}
	if len(args) == 1 {
		return exitDone
	}
	last := time.Now()
	n, err := bolt.CheckArchive(ctx, args[1], papers, func(n int) {
		if time.Since(last) > time.Second {
			last = time.Now()
			_ = say.Encode(checked{Busy: true, Papers: n})
		}
	})
	c = describeCheck("archive", err)
	c.Papers = n
	switch {
	case err == nil && papers == nil: // the database could not say which should be there
		c.What = count(n, "paper") + ", each with the bytes of its name"
	case err == nil:
		c.What = count(n, "paper") + ", each with the bytes of its name, and none missing"
	}
	if say.Encode(c) != nil {
		return exitFailed
	}
	return exitDone
}

// describeCheck puts the outcome of a check into words and into a state.
func describeCheck(part string, err error) checked {
	c := checked{Part: part, State: "ok"}
	switch {
	case err == nil:
		return c
	case errors.Is(err, store.ErrLocked):
		c.State = "locked"
	case errors.Is(err, bolt.ErrNewer):
		c.State = "newer"
	case errors.Is(err, os.ErrNotExist):
		c.State = "missing"
	case errors.Is(err, bolt.ErrDamaged):
		c.State = "damaged"
	default:
		c.State = "failed"
	}
	lines := strings.Split(err.Error(), "\n")
	c.What, c.Faults = lines[0], lines[1:]
	return c
}

// check has a child check the database in dir and, unless archive is "", the
// archive there. An error says that there was no check; what the check found,
// the end of the child by a damaged page included, is in the answer.
func check(ctx context.Context, dir, archive string) ([]checked, error) {
	limit := checkPatience
	if info, err := os.Stat(filepath.Join(dir, bolt.File)); err == nil {
		limit *= time.Duration(1 + min(info.Size()>>30, 15)) // 16 GiB is the most that a store grows to
	}
	return checkWithin(ctx, dir, archive, limit)
}

func checkWithin(ctx context.Context, dir, archive string, limit time.Duration) ([]checked, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program to check the store with: %w", err)
	}
	args := []string{checkStore, dir}
	if archive != "" {
		args = append(args, archive)
	}
	return runCheck(ctx, self, args, limit)
}

// errSilent: the child gave no sign of life for too long.
var errSilent = errors.New("it did not come to an end")

func runCheck(ctx context.Context, program string, args []string, limit time.Duration) ([]checked, error) {
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // this program itself
	cmd.WaitDelay = 5 * time.Second
	var complaint head
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("check the store: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("check the store: %w", err)
	}
	clock := time.AfterFunc(limit, func() { cancel(errSilent) })
	var parts []checked
	d := json.NewDecoder(bufio.NewReader(out))
	for {
		var c checked
		if d.Decode(&c) != nil {
			break
		}
		clock.Reset(checkPatience)
		if !c.Busy {
			parts = append(parts, c)
		}
	}
	err = cmd.Wait()
	clock.Stop()
	if outer.Err() != nil {
		return nil, fmt.Errorf("check the store: %w", context.Cause(outer))
	}
	if want := len(args) - 1; len(parts) < want { // it died, or was killed, over this part
		part := []string{"store", "archive"}[len(parts)]
		why := "the check broke off: " + strings.TrimSpace(firstLine(complaint.String()))
		switch {
		case context.Cause(ctx) != nil && errors.Is(context.Cause(ctx), errSilent):
			why = fmt.Sprintf("the check of the %s was not over in %s", part, limit)
		case complaint.Len() == 0 && err != nil:
			why = "the check broke off: " + err.Error()
		}
		parts = append(parts, checked{Part: part, State: "damaged", What: bolt.ErrDamaged.Error() + ": " + why})
	}
	return parts, nil
}

// head keeps the beginning of what is written to it.
type head struct{ strings.Builder }

func (h *head) Write(b []byte) (int, error) {
	if room := 4096 - h.Len(); room > 0 {
		h.Builder.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// What a process leaves beside the database when it closes it: the file as it
// was then. While it is so, nobody wrote to it since, and it needs no check.
const closedFile = "closed.json"

type closedAs struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Heads    string    `json:"heads"` // SHA-256 of the first 64 KiB: they hold bbolt's two heads, and every commit writes one
}

func stateOf(path string) (closedAs, error) {
	f, err := os.Open(path)
	if err != nil {
		return closedAs{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return closedAs{}, err
	}
	if !info.Mode().IsRegular() {
		return closedAs{}, fmt.Errorf("%s is no file", path)
	}
	h := sha256.New()
	if _, err := io.CopyN(h, f, 64<<10); err != nil && !errors.Is(err, io.EOF) {
		return closedAs{}, err
	}
	return closedAs{info.Size(), info.ModTime().UTC(), hex.EncodeToString(h.Sum(nil))}, nil
}

// noteClosed is called once the store is closed.
func noteClosed(data string) error {
	s, err := stateOf(filepath.Join(data, bolt.File))
	if err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, closedFile), b, 0o600)
}

// closedCleanly tells whether the database is as the last process left it. A
// note that is gone, cut short or of another file only costs a check.
func closedCleanly(data string) bool {
	b, err := os.ReadFile(filepath.Join(data, closedFile))
	if err != nil {
		return false
	}
	var was closedAs
	if json.Unmarshal(b, &was) != nil {
		return false
	}
	is, err := stateOf(filepath.Join(data, bolt.File))
	return err == nil && is.Size == was.Size && is.Modified.Equal(was.Modified) && is.Heads == was.Heads
}

// noteOpen is called once the store is open: should the machine stop now, what
// is on the disk may be older than any note.
func noteOpen(data string) { _ = os.Remove(filepath.Join(data, closedFile)) }

// beforeOpening refuses a data directory whose store must not be opened: one
// that is damaged, one that is gone while there are copies of it, one in the
// midst of being restored. Nothing of a damaged store is ever served.
func (e *env) beforeOpening() error {
	return e.fitToOpen(func() ([]checked, error) { return check(e.ctx, e.data, "") })
}

func (e *env) fitToOpen(check func() ([]checked, error)) error {
	if at := filepath.Join(e.data, restoringFile); exists(at) {
		from, _ := os.ReadFile(at) // the copy's directory
		return &brokenOffError{e.data, strings.TrimSpace(string(from))}
	}
	path := filepath.Join(e.data, bolt.File)
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if good := newestGood(copiesIn(e.copiesDir())); good != "" {
			return fmt.Errorf("there is no store in %s, but there are copies of one: 'ccgwatch restore %s' brings back the newest; to begin anew, move %s away",
				e.data, shellWord(good), e.copiesDir())
		}
		return nil
	}
	if closedCleanly(e.data) {
		return nil
	}
	release, err := bolt.Hold(e.data)
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil // whoever has it open has checked it
	case err != nil && !errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the store: %w", err)
	case err == nil:
		release()
	}
	parts, err := check()
	if err != nil {
		return err
	}
	switch c := parts[0]; c.State {
	case "ok", "locked":
		return nil
	case "damaged":
		return &damagedError{firstLine(c.What), e.damagedText(c)}
	default:
		return errors.New(c.What)
	}
}

// damagedText says what is damaged, and what to do about it.
func (e *env) damagedText(c checked) string {
	var b strings.Builder
	b.WriteString(c.What)
	for i, f := range c.Faults {
		if i == 5 {
			fmt.Fprintf(&b, "\n  and %d more", len(c.Faults)-i)
			break
		}
		b.WriteString("\n  " + f)
	}
	b.WriteString("\nNothing was opened, changed or sent. ")
	if good := newestGood(copiesIn(e.copiesDir())); good != "" {
		fmt.Fprintf(&b, "The newest good copy is %s. To go on from it (the damaged store is kept aside):\n  ccgwatch --data %s restore --force %s",
			filepath.Base(good), shellWord(e.data), shellWord(good))
	} else {
		fmt.Fprintf(&b, "There is no copy in %s. If you have one elsewhere: ccgwatch restore --force COPY. To begin anew, move %s away.",
			e.copiesDir(), filepath.Join(e.data, bolt.File))
	}
	return b.String()
}

// shellWord quotes a path for a command line where it needs it.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:+,@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
