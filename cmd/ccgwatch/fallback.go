package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ccgwatch/store/bolt"
)

// When the daemon finds its store damaged it goes on from the newest good copy
// by itself: an installation that nobody looks at for weeks would otherwise be
// silent for weeks. The damaged store is kept, the daemon says what it did in
// the log, the status and the pages, and the next crawls find what the copy
// does not know (who was told of it: see sentlog.go). Commands that are not the
// daemon only say what is wrong.

// fellBackFile says what the daemon did, for status and pages.
const fellBackFile = "fell-back.json"

// fellBackFor is how long it is told.
const fellBackFor = 14 * 24 * time.Hour

// A disk that goes on damaging files must not be filled with damaged stores:
// so many falls within the time are enough.
const (
	mostFalls   = 3
	fallsWithin = 24 * time.Hour
)

// A damagedError is a store that must not be opened, and that a good copy
// could take the place of.
type damagedError struct {
	why  string // one line
	text string // with what to do
}

func (e *damagedError) Error() string { return e.text }

// A brokenOffError is a copy that was only half put in the place of a store.
type brokenOffError struct{ data, copy string }

func (e *brokenOffError) Error() string {
	return fmt.Sprintf("%s: a restore was broken off here: run 'ccgwatch restore COPY' again", e.data)
}

// A fall is what the daemon notes of it.
type fall struct {
	At    time.Time `json:"at"`
	Made  time.Time `json:"made"` // when the copy was, zero if that is not known
	Copy  string    `json:"copy"`
	Aside string    `json:"aside"` // where the damaged store is
	Why   string    `json:"why"`
}

// Said is what readers of the status are told.
func (f fall) Said() string {
	s := "On " + f.At.In(london()).Format("2 January 2006 at 15:04") + " the store was found damaged, and a copy"
	if !f.Made.IsZero() {
		s += " of " + f.Made.In(london()).Format("2 January 15:04")
	}
	return s + " took its place. What was found since then is found again; whoever subscribed since then must do so again."
}

// fellBack is the last fall while it is worth telling.
func fellBack(data string, now time.Time) (fall, bool) {
	var f fall
	b, err := os.ReadFile(filepath.Join(data, fellBackFile))
	if err != nil || json.Unmarshal(b, &f) != nil {
		return f, false
	}
	return f, now.Sub(f.At) < fellBackFor
}

// fallBack puts the newest good copy in the place of a store that is damaged,
// or goes on where doing so was broken off. Any other error is returned as it
// is, and so is the damage if there is nothing to go on from.
func (e *env) fallBack(broken error) error {
	why, first := "", ""
	var damaged *damagedError
	var half *brokenOffError
	switch {
	case errors.As(broken, &damaged):
		why = damaged.why
	case errors.As(broken, &half):
		why, first = "putting a copy in its place was broken off", half.copy
	default:
		return broken
	}
	if e.tooManyFalls() {
		return fmt.Errorf("%w\nThe daemon has gone on from a copy %d times within a day: the disk itself seems to be at fault, so it does not do so again", broken, mostFalls)
	}
	release, err := e.standAlone(true)
	if err != nil {
		return errors.Join(broken, err)
	}
	defer release()
	e.log.Error("the store is damaged: going on from the newest good copy", "why", why)
	from, note := e.soundCopy(first)
	if from == "" {
		return broken
	}
	if err := e.fitsTwice(from); err != nil {
		return fmt.Errorf("%w\nA copy could take its place, but %w", broken, err)
	}
	r, err := e.restore(from, damagedPrefix)
	if err != nil {
		return errors.Join(broken, fmt.Errorf("going on from %s: %w", from, err))
	}
	f := fall{At: e.now().UTC().Truncate(time.Second), Made: note.Made, Copy: from, Aside: r.aside, Why: why}
	e.log.Error(f.Said(), "copy", f.Copy, "damaged_store", f.Aside, "ended_again", r.ended, "erased_again", r.erased, "corrected_again", r.corrected)
	if b, err := json.Marshal(f); err == nil {
		if err := writeWhole(filepath.Join(e.data, fellBackFile), append(b, '\n')); err != nil {
			e.log.Warn("it will not be told on the pages", "err", err)
		}
	}
	return nil
}

func (e *env) tooManyFalls() bool {
	n := 0
	for _, dir := range leftOvers(e.data, damagedPrefix) {
		name := strings.TrimPrefix(filepath.Base(dir), damagedPrefix)
		if at, err := time.Parse(copyLayout, name[:min(len(name), len(copyLayout))]); err == nil && time.Since(at) < fallsWithin {
			n++
		}
	}
	return n >= mostFalls
}

// soundCopy is the first copy whose database is whole now, whatever was noted
// of it: the named one, then good ones, newest first, then those with a whole
// database.
func (e *env) soundCopy(first string) (string, copyNote) {
	all := copiesIn(e.copiesDir())
	if first != "" && exists(filepath.Join(first, bolt.File)) {
		c := madeCopy{dir: first}
		if b, err := os.ReadFile(filepath.Join(first, copyFile)); err == nil {
			_ = json.Unmarshal(b, &c.note) // without a note it is still a copy that was chosen
		}
		all = append([]madeCopy{c}, all...)
	}
	tried := map[string]bool{}
	for _, fits := range []func(madeCopy) bool{
		func(c madeCopy) bool { return c.dir == first }, func(c madeCopy) bool { return c.note.good() }, func(c madeCopy) bool { return c.note.sound() },
	} {
		for _, c := range all {
			if tried[c.dir] || !fits(c) {
				continue
			}
			tried[c.dir] = true
			parts, err := check(e.ctx, c.dir, "")
			if err == nil && parts[0].ok() {
				return c.dir, c.note
			}
			e.log.Warn("this copy is damaged too", "copy", c.dir)
		}
	}
	return "", copyNote{}
}

// fitsTwice tells whether the copy's database fits beside what is there.
func (e *env) fitsTwice(from string) error {
	info, err := os.Stat(filepath.Join(from, bolt.File))
	if err != nil {
		return err
	}
	free, err := freeSpace(e.data)
	if need := uint64(info.Size()) + 8<<20; err == nil && free < need { //nolint:gosec // a size is not negative
		return fmt.Errorf("%w: %s free where %s is, %s needed", errNoRoom, bytesText(free), e.data, bytesText(need))
	}
	return nil
}

// fallen says on the pages that the daemon fell back, while that is worth telling.
func (a *app) fallen(now time.Time) []string {
	if f, ok := fellBack(a.data, now); ok {
		return []string{f.Said()}
	}
	return nil
}
