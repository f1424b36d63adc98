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
	"strconv"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// What was mailed is known to the store, and lost with it when a copy takes its
// place. So it is also noted outside, in a file that only grows: what was
// handed over, what was about to be, and what it told whom. A line holds no
// address and no id: a hash keyed with the secret, what became of it, and when.
//
// The rule when a copy has taken the store's place:
//
//   - A message that waits in the copy and is noted as sent is not sent. One
//     that was about to be handed over, with nothing noted of how that ended, is
//     in doubt: it is repeated once, or not at all if that was the repeat.
//   - A digest that was sent since the copy is not owed again.
//   - What was found since the copy is found again by the next crawl, which is
//     news to the copy. A subscription that was told of it is not told again at
//     once; one that was not, is. Each telling makes up for one finding. What
//     an alert only counted ("and 3 more") it did not tell.
//   - The weekly digest lists it all, also what was told: better twice than never.
//
// The note of a message is written before the store knows of it, so a crash in
// between costs nothing. It is forced to the disk when a round of mail is over:
// what a power cut takes of the last round, together with a store that is
// damaged by it, may be sent a second time, and nothing is lost.
const (
	sentFile = "sent.log"
	toldFile = "found-again.log" // what the copy did not know was told; of it what has been found again
)

// keepSent is how long a line matters: copies that are older repeat what was
// mailed before that.
const keepSent = 35 * 24 * time.Hour

// foundAgainFor is how long after a copy took the store's place a finding may
// be one that was told before. Any source is read completely in that time.
const foundAgainFor = 7 * 24 * time.Hour

// What a line says.
const (
	lineDot  = "dot"  // about to be handed over
	lineBack = "back" // certainly not taken after all
	lineSent = "sent"
	lineTold = "told" // one finding to one subscription
	lineUsed = "used" // in toldFile: found again in the batch of that number
)

// A mailNote is the sender's side of the file.
type mailNote struct {
	mu     sync.Mutex                 // the store is not asked while it is held (see keeper)
	dotted map[string]int             // delivery to its doubts when it was about to be handed over
	left   map[string]int             // tellings that were not yet found again
	used   map[string]map[uint64]bool // by batch
	secret []byte                     // once it was read
	file   *os.File                   // sentFile, from the first note of a round to the end of it
}

func sentKey(secret []byte, what string, parts ...string) string {
	m := hmac.New(sha256.New, secret)
	for _, s := range append([]string{what}, parts...) {
		fmt.Fprintf(m, "%d:%s;", len(s), s)
	}
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// Dot notes that a message is about to be handed over. A note that cannot be
// written (a full disk) stops no mail.
func (k *keeper) Dot(ctx context.Context, d store.Delivery) error {
	if err := k.Store.Dot(ctx, d); err != nil {
		return err
	}
	k.mail.mu.Lock()
	defer k.mail.mu.Unlock()
	if k.mail.dotted == nil {
		k.mail.dotted = map[string]int{}
	}
	k.mail.dotted[d.ID] = d.Doubts
	k.noteMail(lineDot, d.Due, d)
	return nil
}

// Settle notes what became of a message, then has the store know it.
func (k *keeper) Settle(ctx context.Context, d store.Delivery) error {
	return <-k.SettleSoon(ctx, d)
}

// SettleSoon is Settle that does not wait for the disk.
func (k *keeper) SettleSoon(ctx context.Context, d store.Delivery) <-chan error {
	var tellings []string
	if d.State == store.Sent {
		tellings = k.tellings(ctx, d)
	}
	k.mail.mu.Lock()
	doubts, dotted := k.mail.dotted[d.ID]
	delete(k.mail.dotted, d.ID)
	switch {
	case d.State == store.Sent:
		k.noteMail(lineSent, d.SentAt, d)
		k.noteTold(d, tellings)
	case dotted && d.Doubts == doubts:
		k.noteMail(lineBack, d.Due, d)
	}
	k.mail.mu.Unlock()
	return k.Store.SettleSoon(ctx, d)
}

// mailSecret is the key of the notes; mail.mu is held.
func (k *keeper) mailSecret() ([]byte, error) {
	if k.mail.secret == nil {
		secret, err := readSecret(filepath.Join(k.data, secretFile))
		if err != nil {
			return nil, err
		}
		k.mail.secret = secret
	}
	return k.mail.secret, nil
}

// noteMail appends the line of a delivery; mail.mu is held. A digest of several is noted as that
// of each, and what took the place of others as each of those, so that a copy that knows nothing of it
// owes none of them theirs.
func (k *keeper) noteMail(what string, at time.Time, d store.Delivery) {
	secret, err := k.mailSecret()
	if err != nil {
		return
	}
	ids := append([]string{d.ID}, d.Carries...)
	for _, p := range d.Periods {
		ids = append(ids, alerts.DigestID(p.Subscription, p.Until))
	}
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%s %s %s\n", sentKey(secret, "delivery", id), what, at.UTC().Format(time.RFC3339))
	}
	k.appendSent(b.String())
}

// tellings are what an alert tells. What does not fit into it is not told.
func (k *keeper) tellings(ctx context.Context, d store.Delivery) (out []string) {
	if d.Kind != alerts.KindAlert {
		return nil
	}
	for _, id := range d.Findings {
		if f, err := k.Finding(ctx, id); err == nil {
			out = append(out, alerts.Telling(f))
		}
	}
	return out
}

// noteTold appends what was told to whom; mail.mu is held.
func (k *keeper) noteTold(d store.Delivery, tellings []string) {
	secret, err := k.mailSecret()
	if err != nil || len(tellings) == 0 {
		return
	}
	var b strings.Builder
	for _, telling := range tellings {
		for _, to := range append([]string{d.Subscription}, d.Also...) {
			fmt.Fprintf(&b, "%s %s %s\n", sentKey(secret, "telling", to, telling), lineTold, d.SentAt.UTC().Format(time.RFC3339))
		}
	}
	k.appendSent(b.String())
}

// appendSent appends lines to the notes; mail.mu is held. The file is open until the round of mail
// is over (syncSent).
func (k *keeper) appendSent(lines string) {
	if k.mail.file == nil {
		f, err := os.OpenFile(filepath.Join(k.data, sentFile), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return
		}
		if endLine(f) != nil {
			_ = f.Close()
			return
		}
		k.mail.file = f
	}
	if n, err := k.mail.file.WriteString(lines); err != nil && n > 0 { // half a line is to be ended before the next
		_ = k.mail.file.Close()
		k.mail.file = nil
	}
}

func (k *keeper) append(name, lines string) {
	f, err := os.OpenFile(filepath.Join(k.data, name), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	if endLine(f) == nil {
		_, _ = f.WriteString(lines)
	}
	_ = f.Close()
}

// syncSent puts the notes of a round of mail on the disk.
func (k *keeper) syncSent() error {
	k.mail.mu.Lock()
	defer k.mail.mu.Unlock()
	return k.closeSent()
}

// closeSent ends the notes of a round; mail.mu is held.
func (k *keeper) closeSent() error {
	f := k.mail.file
	if f == nil {
		return nil
	}
	k.mail.file = nil
	return errors.Join(f.Sync(), f.Close())
}

// Close ends the notes, too.
func (k *keeper) Close() error { return errors.Join(k.syncSent(), k.Store.Close()) }

// pruneSent drops the lines that are too old to matter.
func (k *keeper) pruneSent(now time.Time) error {
	k.mail.mu.Lock()
	defer k.mail.mu.Unlock()
	name := filepath.Join(k.data, sentFile)
	closed := k.closeSent() // it may be replaced
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return closed
	}
	if err = errors.Join(closed, err); err != nil {
		return err
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(b)) {
		if l, ok := readSentLine(line); ok && now.Sub(l.at) < keepSent {
			out.WriteString(line)
		}
	}
	if out.Len() == len(b) {
		return nil
	}
	return writeWhole(name, out.Bytes())
}

type sentLine struct {
	key, what string
	at        time.Time
	batch     uint64 // of lineUsed
}

// readSentLine reads a line; one that was cut counts for nothing.
func readSentLine(s string) (l sentLine, ok bool) {
	f := strings.Fields(s)
	if len(f) != 3 || len(f[0]) != 32 || !strings.HasSuffix(s, "\n") {
		return l, false
	}
	l.key, l.what = f[0], f[1]
	var err error
	switch l.what {
	case lineUsed:
		l.batch, err = strconv.ParseUint(f[2], 10, 64)
	case lineDot, lineBack, lineSent, lineTold:
		l.at, err = time.Parse(time.RFC3339, f[2])
	default:
		return l, false
	}
	return l, err == nil
}

func readSent(name string) ([]sentLine, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []sentLine
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if l, ok := readSentLine(lines.Text() + "\n"); ok {
			out = append(out, l)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// applySent brings a copy that is about to take the store's place up to what
// was mailed since it was made, and writes what was told to be found again.
func applySent(ctx context.Context, s *bolt.Store, secret []byte, noted []sentLine, made, now time.Time, told string) error {
	by := map[string]*sentTally{}
	var again []sentLine
	for _, l := range noted {
		t := by[l.key]
		if t == nil {
			t = &sentTally{}
			by[l.key] = t
		}
		switch l.what {
		case lineDot:
			t.doubts++
		case lineBack:
			t.doubts = max(0, t.doubts-1)
		case lineSent:
			t.sent = l.at
		case lineTold:
			if l.at.After(made) {
				again = append(again, l)
			}
		}
	}
	if err := settleSent(ctx, s, secret, by, now); err != nil {
		return err
	}
	if err := skipDigests(ctx, s, secret, by, now); err != nil {
		return err
	}
	if err := s.SkipTo(ctx, uint64(max(now.Unix(), 0))); err != nil {
		return err
	}
	slices.SortFunc(again, func(a, b sentLine) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, l := range again {
		fmt.Fprintf(&b, "%s %s %s\n", l.key, lineTold, now.UTC().Format(time.RFC3339))
	}
	return writeWhole(told, []byte(b.String()))
}

// A sentTally is what was noted of one delivery.
type sentTally struct {
	sent   time.Time // zero: not noted
	doubts int       // attempts of which nobody knows how they ended
}

// settleSent settles what waits in the copy and is out, or in doubt.
func settleSent(ctx context.Context, s *bolt.Store, secret []byte, by map[string]*sentTally, now time.Time) error {
	var all []store.Delivery
	err := s.Deliveries(ctx, func(d store.Delivery) bool {
		t := by[sentKey(secret, "delivery", d.ID)]
		if t == nil || d.State != store.Queued && d.State != store.Claimed && d.State != store.Dotting {
			return true
		}
		switch {
		case !t.sent.IsZero():
			d.State, d.SentAt, d.LastError, d.Failure = store.Sent, t.sent, "", ""
		case t.doubts > d.Doubts:
			// Sent before it would be known: the repeat, if there is one, was
			// that of the lost store.
			for d.Doubts < min(t.doubts, 2) && d.State != store.Uncertain {
				d = d.Doubted()
			}
			d.LastError = "uncertain: the store was lost before the relay's answer was known"
			d.Due = now.Add(15 * time.Minute)
		default:
			return true
		}
		all = append(all, d)
		return true
	})
	for _, d := range all {
		err = errors.Join(err, s.Settle(ctx, d))
	}
	return err
}

// skipDigests notes the digests that the lost store sent as sent.
func skipDigests(ctx context.Context, s *bolt.Store, secret []byte, by map[string]*sentTally, now time.Time) error {
	subs, err := s.Subscriptions(ctx, "", 0)
	if err != nil {
		return err
	}
	for _, sub := range subs {
		times := alerts.Fridays(london()).For(sub.Often)
		for slot := times.Last(now); slot.After(sub.LastDigest) && now.Sub(slot) < keepSent; slot = times.Last(slot.Add(-time.Minute)) {
			id := alerts.DigestID(sub.ID, slot)
			t := by[sentKey(secret, "delivery", id)]
			if t == nil || t.sent.IsZero() && t.doubts < 2 {
				continue // one in doubt is made anew: once
			}
			d := store.Delivery{ID: id, Subscription: sub.ID, Kind: alerts.KindDigest, State: store.Sent, Created: slot, Due: slot, SentAt: t.sent,
				Subject: "(sent before the store was brought back from a copy)"}
			if t.sent.IsZero() {
				d.State, d.Doubts, d.SentAt = store.Uncertain, t.doubts, time.Time{}
			}
			if err := s.Digest(ctx, d, store.Period{Subscription: sub.ID, From: sub.LastDigest, Until: slot}); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
			break
		}
	}
	return nil
}

// loadTold reads what may be found again.
func (k *keeper) loadTold(now time.Time) error {
	lines, err := readSent(filepath.Join(k.data, toldFile))
	if err != nil {
		return err
	}
	k.mail.left, k.mail.used = map[string]int{}, map[string]map[uint64]bool{}
	for _, l := range lines {
		switch {
		case l.what == lineTold && now.Sub(l.at) < foundAgainFor:
			k.mail.left[l.key]++
		case l.what == lineUsed:
			k.use(l.key, l.batch)
		}
	}
	if len(lines) > 0 && len(k.mail.left) == 0 {
		return os.Remove(filepath.Join(k.data, toldFile))
	}
	return nil
}

func (k *keeper) use(key string, batch uint64) {
	if k.mail.used[key] == nil {
		k.mail.used[key] = map[uint64]bool{}
	}
	k.mail.used[key][batch] = true
	k.mail.left[key]--
}

// told is the Matcher's question. That a telling is used up is written before
// the commit is queued, with its number: a crash in between gives the same
// answer again.
func (k *keeper) told(subscription string, batch uint64, f store.Finding) bool {
	k.mail.mu.Lock()
	defer k.mail.mu.Unlock()
	if len(k.mail.left) == 0 {
		return false
	}
	secret, err := readSecret(filepath.Join(k.data, secretFile))
	if err != nil {
		return false
	}
	key := sentKey(secret, "telling", subscription, alerts.Telling(f))
	switch {
	case k.mail.used[key][batch]:
		return true
	case k.mail.left[key] <= 0:
		return false
	}
	k.use(key, batch)
	k.append(toldFile, fmt.Sprintf("%s %s %d\n", key, lineUsed, batch))
	return true
}
