package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Errors of Guard.
var (
	// ErrEmpty: the source lists nothing where there was something, and does
	// not say so itself.
	ErrEmpty = errors.New("lists nothing where there was something")
	// ErrShrunk: too much would be withdrawn or altered at once.
	ErrShrunk = errors.New("too much gone or altered at once")
	// ErrHeld: the sighting waits for a second one that says the same.
	ErrHeld = errors.New("held until a second crawl says the same")
)

// When a whole list is held back: more than heldPercent of its items and at
// least heldLeast of them. lostPapers is how many items must lose all their
// documents at once before a list without any is taken for a broken page, and
// how many must be gone, and nothing else left, for a short list to be held.
const (
	heldPercent = 30
	heldLeast   = 10
	lostPapers  = 3
)

// A HeldError is an ErrShrunk, and an ErrHeld: the caller commits the old
// snapshot with Held set to Fingerprint and no changes; if the next sighting
// says the same it passes. An operator who knows better releases it by crawling again.
type HeldError struct {
	Source      string
	Fingerprint string
	Absent      int // items that would be missing
	Altered     int // items that would be amended
	Of          int // items compared
}

// Error names the source and how much of it is gone or altered.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s: %d of %d items are gone and %d altered: %v; %v", e.Source, e.Absent, e.Of, e.Altered, ErrShrunk, ErrHeld)
}

// Unwrap makes it both ErrShrunk and ErrHeld.
func (e *HeldError) Unwrap() []error { return []error{ErrShrunk, ErrHeld} }

// Guard decides whether a sighting is believed. It is asked before Diff, with
// the same arguments; nil means yes. Feeds and the first complete sighting of
// a source are believed; so is a whole list that says a second time what was
// held back before. A list from which every document has vanished counts as an
// empty one: that is what a redesign looks like.
func Guard(old Snapshot, seen Sighting) error {
	for _, it := range seen.Items {
		if it.Key == "" {
			return fmt.Errorf("%s: the item %q has no key", seen.Source, it.Title)
		}
	}
	if !seen.Whole || old.Baseline.IsZero() {
		return nil
	}
	if len(seen.Items) == 0 && !seen.None && anyLive(old) {
		return fmt.Errorf("%s: %w", seen.Source, ErrEmpty)
	}
	if n := stripped(old, seen); n >= lostPapers {
		return fmt.Errorf("%s: %d items have lost all their documents and none has any left: %w", seen.Source, n, ErrEmpty)
	}
	p := propose(old, seen, withdrawAfter)
	altered := len(p.altered())
	n := len(p.absent) + altered
	// A short list is too few to judge by, unless it lists other things and
	// nothing that was known is left.
	replaced := len(p.gone) >= lostPapers && p.met == 0 && len(seen.Items) > 0
	if !replaced && (n < heldLeast || n*100 <= p.live*heldPercent) {
		return nil
	}
	f := p.fingerprint()
	if f == old.Held {
		return nil
	}
	return &HeldError{Source: seen.Source, Fingerprint: f, Absent: len(p.absent), Altered: altered, Of: p.live}
}

// Passed tells what a sighting does that was held back and now passes because it
// was seen again; nil for any other.
func Passed(old Snapshot, seen Sighting) *HeldError {
	if old.Held == "" || !seen.Whole {
		return nil
	}
	p := propose(old, seen, withdrawAfter)
	if p.fingerprint() != old.Held {
		return nil
	}
	return &HeldError{Source: seen.Source, Fingerprint: old.Held, Absent: len(p.absent), Altered: len(p.altered()), Of: p.live}
}

func anyLive(s Snapshot) bool {
	for _, it := range s.Items {
		if it.Withdrawn.IsZero() {
			return true
		}
	}
	return false
}

// stripped counts the items that are still listed in full but have lost all
// their documents; it is 0 if any item has one left.
func stripped(old Snapshot, seen Sighting) int {
	n := 0
	for _, it := range seen.Items {
		if len(it.Documents) > 0 {
			return 0
		}
		if was := old.Items[it.Key]; !it.Stub && was.Withdrawn.IsZero() && len(was.Documents) > 0 {
			n++
		}
	}
	return n
}

// altered are the changes to items that were listed before. That a paper was
// read at last is nothing the source did.
func (p *proposal) altered() []Change {
	var out []Change
	for _, c := range p.changes {
		if c.Op == OpAmended && len(c.What)+len(c.Fields) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// fingerprint stands for what a proposal would withdraw and alter. It is the
// same for two sightings that would do the same, whatever else they show.
func (p *proposal) fingerprint() string {
	type line struct {
		Key       string
		What      []What        `json:",omitempty"`
		Fields    []FieldChange `json:",omitempty"`
		Documents []string      `json:",omitempty"`
	}
	var lines []string
	add := func(l line) {
		b, _ := json.Marshal(l) // strings only: cannot fail
		lines = append(lines, string(b))
	}
	for _, key := range p.absent {
		add(line{Key: key})
	}
	for _, c := range p.altered() {
		add(line{c.Key, c.What, c.Fields, slices.Sorted(slices.Values(each(c.Documents, docID)))})
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		_, _ = fmt.Fprintln(h, l)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
