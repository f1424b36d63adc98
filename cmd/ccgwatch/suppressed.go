package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// Who has ended a subscription gets no mail again, also when the store is
// brought back from a copy that is older than their wish. So each end and each
// erasure is noted outside the database, in a file that only grows and that
// restore applies. A line holds no address and no id: a hash of the id keyed
// with the secret, what became of it, and when.
const suppressedFile = "suppressed.log"

// A keeper is the store with that note. All of the program goes through it.
//
// Its locks are taken in this order, and none twice:
//
//	correcting held while the store is asked, so that the list of corrections has its order
//	diary.mu   held while the store is asked, so that memory and disk agree
//	the store  whose every operation, also one that only reads, waits for others:
//	           those that call back hold up a compaction or a file that grows, and
//	           those again hold up whoever asks next
//	mail.mu    taken within such a call back, too (told, where a commit is too large
//	           to be kept in memory)
//	mu         of the file
//
// So the diary is not asked in a call back, and the store is not asked by whoever
// holds mail.mu or mu: they are for files alone.
type keeper struct {
	*bolt.Store
	data  string
	mu    sync.Mutex // of suppressed.log; see above
	mail  mailNote
	diary diary

	correcting sync.Mutex // see correctlog.go
}

// End notes first: after a crash in between, a restore ends what the person
// wanted ended. A note that cannot be written (a full disk) keeps nobody from
// leaving; suppressAgain makes up for it.
func (k *keeper) End(ctx context.Context, id string, at time.Time) error {
	ids := []string{id}
	if s, err := k.Subscription(ctx, id); err == nil && s.State == store.StateConfirmed {
		ids = append(ids, leftBy(s.Address))
	}
	_ = k.note("ended", at, ids...)
	return k.Store.End(ctx, id, at)
}

// Erase notes what is erased, as there is nothing to make up from afterwards:
// if it cannot be noted, nothing is erased.
func (k *keeper) Erase(ctx context.Context, address string) (int, error) {
	all, err := k.Subscriptions(ctx, "", 0)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, s := range all {
		if strings.EqualFold(strings.TrimSpace(s.Address), strings.TrimSpace(address)) {
			ids = append(ids, s.ID)
		}
	}
	if len(ids) > 0 {
		now := time.Now()
		if err := errors.Join(k.note("erased", now, ids...), k.note("ended", now, leftBy(address))); err != nil {
			return 0, fmt.Errorf("nothing was erased: %w", err)
		}
	}
	return k.Store.Erase(ctx, address)
}

// Return notes after, since what is ended is only known then; suppressAgain
// makes up for a crash in between. What it forgets leaves traces in the file
// until the night's housekeeping.
func (k *keeper) Return(ctx context.Context, r store.Returned, decide func(store.Delivery, store.Subscription, store.BounceScore) store.Ruling) (store.Ruling, []string, bool, error) {
	made, stopped, fresh, err := k.Store.Return(ctx, r, decide)
	if err != nil {
		return made, stopped, fresh, err
	}
	if len(stopped) > 0 {
		_ = k.note("ended", r.At, stopped...)
	}
	if made.Forget {
		err = k.SetDue(ctx, jobTraces, time.Now())
	}
	return made, stopped, fresh, err
}

// leftBy is what is noted, beside its subscriptions, of an address that left: a
// list that is imported later is asked about it, also when all else is erased.
func leftBy(address string) string {
	return "address\x00" + strings.ToLower(strings.TrimSpace(address))
}

// left tells when an address last left, zero if it never did.
func (k *keeper) left() (func(address string) time.Time, error) {
	secret, err := readSecret(filepath.Join(k.data, secretFile))
	if err != nil {
		return nil, err
	}
	known, err := readSuppressed(filepath.Join(k.data, suppressedFile))
	if err != nil {
		return nil, err
	}
	return func(address string) time.Time { return known[suppressedKey(secret, leftBy(address))].at }, nil
}

// suppressAgain notes every subscription that has ended, or was suppressed, and is not in the file.
func (k *keeper) suppressAgain(ctx context.Context) error {
	secret, err := readSecret(filepath.Join(k.data, secretFile))
	if err != nil {
		return err
	}
	known, err := readSuppressed(filepath.Join(k.data, suppressedFile))
	if err != nil {
		return err
	}
	all, err := k.Subscriptions(ctx, "", 0)
	if err != nil {
		return err
	}
	for _, s := range all {
		over := s.State == store.StateEnded || s.State == store.StateSuppressed
		if _, ok := known[suppressedKey(secret, s.ID)]; over && !ok {
			if err := k.note("ended", s.Ended, s.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// note appends lines, and returns when they are on the disk.
func (k *keeper) note(what string, at time.Time, ids ...string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	secret, err := readSecret(filepath.Join(k.data, secretFile))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, id := range ids {
		fmt.Fprintf(&b, "%s %s %s\n", suppressedKey(secret, id), what, at.UTC().Format(time.RFC3339))
	}
	name := filepath.Join(k.data, suppressedFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("note the end of a subscription: %w", err)
	}
	err = endLine(f)
	if err == nil {
		_, err = f.Write(b.Bytes())
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("note the end of a subscription: %w", err)
	}
	return nil
}

// endLine ends a line that a crash or a full disk cut, so that the next one
// stands alone.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

func suppressedKey(secret []byte, id string) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("suppressed\x00" + id))
	return hex.EncodeToString(m.Sum(nil))
}

// A suppression is a line of the file.
type suppression struct {
	erased bool
	at     time.Time
	line   string
}

// readSuppressed reads the file by key; a missing one is empty, and a line
// that was cut counts for nothing. Erased outlasts ended.
func readSuppressed(name string) (map[string]suppression, error) {
	out := map[string]suppression{}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || len(fields[0]) != 2*sha256.Size || fields[1] != "ended" && fields[1] != "erased" {
			continue
		}
		at, err := time.Parse(time.RFC3339, fields[2])
		if err != nil || out[fields[0]].erased {
			continue
		}
		out[fields[0]] = suppression{fields[1] == "erased", at, lines.Text()}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// suppress applies what was noted under a secret to a store, and tells how many
// subscriptions it ended or erased that were not.
func suppress(ctx context.Context, s *bolt.Store, secret []byte, noted map[string]suppression) (ended, erased int, err error) {
	all, err := s.Subscriptions(ctx, "", 0)
	if err != nil {
		return 0, 0, err
	}
	for _, sub := range all {
		n, ok := noted[suppressedKey(secret, sub.ID)]
		switch {
		case !ok:
		case n.erased:
			// All of an address is erased at once, so whatever this copy has of
			// it was erased then.
			gone, err := s.Erase(ctx, sub.Address)
			if err != nil {
				return ended, erased, err
			}
			erased += gone
		case sub.State != store.StateEnded:
			if err := s.End(ctx, sub.ID, n.at); err != nil {
				return ended, erased, err
			}
			ended++
		}
	}
	return ended, erased, nil
}

// writeSuppressed puts the lines of several files into one, which appears
// complete or not at all.
func writeSuppressed(name string, all ...map[string]suppression) error {
	lines := map[string]bool{}
	for _, m := range all {
		for _, s := range m {
			lines[s.line] = true
		}
	}
	if len(lines) == 0 {
		return nil
	}
	var sorted []string
	for l := range lines {
		sorted = append(sorted, l)
	}
	slices.Sort(sorted)
	return writeWhole(name, []byte(strings.Join(sorted, "\n")+"\n"))
}

// writeWhole writes a small file that appears complete or not at all.
func writeWhole(name string, b []byte) error {
	tmp := name + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return syncDir(filepath.Dir(name))
}
