package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// What the operator has taken out of sight stays so, also when the store is
// brought back from a copy that is older than their word. So each correction is
// noted outside the database, a line of JSON each, in the order they were made. A
// line says what the store says of it, the words that are left out included: as the
// store, the file is for its owner alone, goes into copies, and is never served,
// mailed or exported.
//
// The store comes first, the line second: a line without its correction then means
// one thing, a copy that does not know it, and never one that came to nothing. A
// crash in between is made up for at the next start, as is a line that could not be
// written (a full disk). Only where that store is lost before anything has opened it
// again is the correction lost with it: nobody was told that it was made.
//
// The rule when a copy has taken the store's place: what it lacks is made again, all
// of it in one transaction and in the order of the list, by restore, and by whatever
// opens the store next where the copy was put there by hand. Nobody is written to
// about it a second time. What it is about need not be known yet: corrections are
// looked up by source and key, and find their item when the crawl does.
//
// There is a line for each correction in the store: neither forgets any.
const correctionsFile = "corrections.log"

// damagedSuffix is put behind the name of a list with lines that nobody can read,
// when it was written again from the store.
const damagedSuffix = ".damaged"

// A correctionList is what the file says.
type correctionList struct {
	all []store.Correction
	bad []unreadLine
}

// An unreadLine is one that says nothing that can be understood.
type unreadLine struct {
	at   string // file and line
	why  error
	text []byte // without the end of the line
}

// readCorrections reads the list; a missing one is empty. What cannot be read of it
// is kept as it is.
func readCorrections(name string) (correctionList, error) {
	var l correctionList
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("read the list of corrections: %w", err)
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if line = bytes.TrimRight(line, "\r\n"); len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		c, err := readCorrection(line)
		if err != nil {
			l.bad = append(l.bad, unreadLine{fmt.Sprintf("%s:%d", name, n), err, line})
			continue
		}
		l.all = append(l.all, c)
	}
	return l, nil
}

func readCorrection(line []byte) (c store.Correction, err error) {
	// The text of the line is not in the error: it may be words that are left out.
	if err := json.Unmarshal(line, &c); err != nil {
		return c, errors.New("it is cut or damaged")
	}
	if c.Source == "" || c.Key == "" || c.At.IsZero() {
		return c, errors.New("it does not say of what, or when")
	}
	return c, c.Check()
}

func correctionLines(all []store.Correction) ([]byte, error) {
	var b bytes.Buffer
	for _, c := range all {
		line, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("note correction %d: %w", c.N, err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes(), nil
}

// sameCorrection is by what a correction is known in another store, where it may
// have another number.
func sameCorrection(c store.Correction) string {
	c.N, c.Seq, c.Judged, c.Kind, c.Title, c.Mail, c.At = 0, 0, 0, "", "", false, c.At.UTC()
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Sprintf("%+v", c)
	}
	return string(b)
}

// lacking are those of noted that are not in have, in their order. What is noted
// twice must be there twice.
func lacking(have, noted []store.Correction) (out []store.Correction) {
	there := map[string]int{}
	for _, c := range have {
		there[sameCorrection(c)]++
	}
	for _, c := range noted {
		if key := sameCorrection(c); there[key] > 0 {
			there[key]--
		} else {
			out = append(out, c)
		}
	}
	return out
}

// mergeCorrections puts what only the second list has between what the first has, by
// time. Each keeps its own order, whatever the clock said.
func mergeCorrections(a, b []store.Correction) (out []store.Correction) {
	b = lacking(a, b)
	for len(a) > 0 && len(b) > 0 {
		if b[0].At.Before(a[0].At) {
			out, b = append(out, b[0]), b[1:]
		} else {
			out, a = append(out, a[0]), a[1:]
		}
	}
	return slices.Concat(out, a, b)
}

// Correct notes after, under a lock: the list has the order of the store.
func (k *keeper) Correct(ctx context.Context, c store.Correction) (store.Correction, error) {
	k.correcting.Lock()
	defer k.correcting.Unlock()
	c, err := k.Store.Correct(ctx, c)
	if err != nil {
		return c, err
	}
	if err := k.noteCorrections([]store.Correction{c}); err != nil {
		return c, fmt.Errorf("correction %d is made, but not noted for the case that a copy takes the store's place; the next start or backup does so: %w", c.N, err)
	}
	return c, nil
}

// noteCorrections appends lines, and returns when they are on the disk.
func (k *keeper) noteCorrections(all []store.Correction) error {
	lines, err := correctionLines(all)
	if err != nil || len(lines) == 0 {
		return err
	}
	f, err := os.OpenFile(filepath.Join(k.data, correctionsFile), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("note a correction: %w", err)
	}
	if err = endLine(f); err == nil {
		_, err = f.Write(lines)
	}
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(k.data)); err != nil {
		return fmt.Errorf("note a correction: %w", err)
	}
	return nil
}

// agree compares the store with the list: what the store lacks is made again, what
// the list lacks is noted. An error is one that leaves something in sight that
// should not be; that the list cannot be read or written is only logged, as the store
// is most likely the one it was written for.
func (k *keeper) agree(ctx context.Context, log *slog.Logger) error {
	k.correcting.Lock()
	defer k.correcting.Unlock()
	name := filepath.Join(k.data, correctionsFile)
	noted, err := readCorrections(name)
	if err != nil {
		log.Error("if the store was brought back from a copy, corrections made since are missing in it", "err", err)
		return nil
	}
	known, err := k.Corrections(ctx, 0)
	if err != nil {
		return err
	}
	if missing := lacking(known, noted.all); len(missing) > 0 {
		if err := k.CorrectAgain(ctx, missing); err != nil {
			return fmt.Errorf("making again what %s notes: %w", name, err)
		}
		log.Warn("the store did not know all corrections that were noted: they were made again", "corrections", len(missing), "file", name)
		if known, err = k.Corrections(ctx, 0); err != nil {
			return err
		}
	}
	if len(noted.bad) > 0 && noted.mended(known) {
		if err := rewriteCorrections(name, known); err != nil {
			log.Error("the list of corrections has lines that cannot be read", "line", noted.bad[0].at, "err", err)
			return nil
		}
		log.Warn("a line in the list of corrections could not be read; the store has all of them, and the list was written again",
			"line", noted.bad[0].at, "why", noted.bad[0].why, "old_list", name+damagedSuffix)
		return nil
	}
	noted.warn(log)
	if err := k.noteCorrections(lacking(noted.all, known)); err != nil {
		log.Error("corrections are not noted outside the store: a copy that takes its place would lack them", "err", err)
	}
	return nil
}

// mended tells whether what cannot be read is known from elsewhere: there is a
// correction that no other line notes for each such line.
func (l correctionList) mended(known []store.Correction) bool {
	return len(lacking(l.all, known)) >= len(l.bad)
}

// warn says what nobody can make again but the operator.
func (l correctionList) warn(log *slog.Logger) {
	for _, b := range l.bad {
		log.Error("a line in the list of corrections cannot be read, and what it noted may be missing: compare with 'ccgwatch correct --list', make it again, and then remove the line",
			"line", b.at, "why", b.why)
	}
}

// rewriteCorrections puts a list in the place of one with lines that cannot be read,
// which stays beside it. A crash in between leaves none, and the next start writes it.
func rewriteCorrections(name string, all []store.Correction) error {
	lines, err := correctionLines(all)
	if err != nil {
		return err
	}
	if err := os.Rename(name, name+damagedSuffix); err != nil {
		return err
	}
	return writeWhole(name, lines)
}

// applyCorrections makes in the store made ready the corrections that were noted
// here, in the copy, and in data moved aside by earlier restores, and that it lacks;
// it tells how many. What was mailed since must have been applied before: letters
// that are out are then not taken back, to be made anew.
func (e *env) applyCorrections(s *bolt.Store, from, ready string) (int, error) {
	here, err := readCorrections(filepath.Join(e.data, correctionsFile))
	if err != nil {
		return 0, err
	}
	all := here.all
	for _, dir := range append([]string{from}, e.asides()...) {
		l, err := readCorrections(filepath.Join(dir, correctionsFile))
		if err != nil {
			return 0, err
		}
		all = mergeCorrections(all, l.all)
	}
	known, err := s.Corrections(e.ctx, 0)
	if err != nil {
		return 0, err
	}
	missing := lacking(known, all)
	if len(missing) > 0 {
		if err := s.CorrectAgain(e.ctx, missing); err != nil {
			return 0, err
		}
	}
	known = slices.Concat(known, missing)
	lines, err := correctionLines(known)
	if err != nil {
		return 0, err
	}
	if !here.mended(known) { // else they are in the list moved aside
		here.warn(e.log)
		for _, b := range here.bad {
			lines = append(append(lines, b.text...), '\n')
		}
	}
	if len(lines) == 0 {
		return 0, nil
	}
	return len(missing), writeWhole(filepath.Join(ready, correctionsFile), lines)
}
