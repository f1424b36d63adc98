package store

import (
	"maps"
	"slices"
	"time"
)

// withdrawAfter is how many complete sightings in a row must not show an item
// before it is declared no longer listed.
const withdrawAfter = 2

// Diff compares what a source was known to publish with what was seen now, and
// returns what is known afterwards and what changed. It is pure: its arguments
// stay as they are, and the same arguments give the same answer.
//
// An item gives at most one change a sighting, with its whats in the order of
// the constants. What differs only in order, spacing or encoding is no change,
// and what a stub does not show stays as it was. Seq, Batch and Rev are left
// to Commit. Of the items in the returned snapshot only those that the
// sighting concerns differ from old.
func Diff(old Snapshot, seen Sighting) (Snapshot, []Change) {
	p := propose(old, seen, withdrawAfter)
	if old.Held != "" && seen.Whole && p.fingerprint() == old.Held {
		// The sighting that was held back has come a second time: that makes
		// two complete ones in a row.
		p = propose(old, seen, 1)
	}
	return p.next, p.changes
}

// A proposal is what a sighting would do, before anybody believed it.
type proposal struct {
	next    Snapshot
	changes []Change
	absent  []string // keys of a whole list's items that should be there and are not
	live    int      // items that could be withdrawn or altered
}

func propose(old Snapshot, seen Sighting, patience int) proposal {
	p := proposal{next: Snapshot{
		Source: seen.Source, Rev: old.Rev, Baseline: old.Baseline, Cursor: old.Cursor, Items: maps.Clone(old.Items),
	}}
	if p.next.Items == nil {
		p.next.Items = map[string]Item{}
	}
	if seen.Cursor != "" {
		p.next.Cursor = seen.Cursor
	}
	silent := seen.Silent || old.Baseline.IsZero()
	if old.Baseline.IsZero() && seen.Last && !seen.Silent {
		p.next.Baseline = seen.At
	}

	shown := map[string]bool{}
	for _, it := range distinct(seen.Items) {
		it.Source = seen.Source
		shown[it.Key] = true
		was, known := old.Items[it.Key]
		if !known {
			now, c := introduce(it, seen.At)
			p.take(now, c, silent)
			continue
		}
		if was.Withdrawn.IsZero() {
			p.live++
		}
		if now, c, changed := revisit(was, it, seen.At); changed {
			p.take(now, c, silent)
		} else {
			p.next.Items[it.Key] = now
		}
	}
	if seen.Whole {
		p.miss(old, seen, shown, patience, silent)
	}
	return p
}

// take adds a change and the item it leaves behind.
func (p *proposal) take(now Item, c Change, silent bool) {
	now.Changed = c.At
	c.Silent = silent
	p.next.Items[now.Key] = now
	p.changes = append(p.changes, c)
}

// miss counts the items that a whole list should have shown and did not. A
// past meeting that drops off a list is nobody's news.
func (p *proposal) miss(old Snapshot, seen Sighting, shown map[string]bool, patience int, silent bool) {
	for _, key := range slices.Sorted(maps.Keys(old.Items)) {
		it := old.Items[key]
		if shown[key] || !it.Withdrawn.IsZero() || !covers(seen, it) {
			continue
		}
		if it.Kind == KindMeeting && past(it, seen.At) {
			it.Missing = 0
			p.next.Items[key] = it
			continue
		}
		p.live++
		p.absent = append(p.absent, key)
		it.Missing++
		if it.Missing < patience {
			p.next.Items[key] = it
			continue
		}
		var d delta
		it.Withdrawn = seen.At
		if it.Kind == KindPaper {
			d.say(DocumentRemoved)
			d.documents = it.Documents
		}
		p.take(it, d.change(it, OpWithdrawn, seen.At), silent)
	}
}

// covers tells whether a whole list claims to show an item, by the time of its
// meeting. An item without one is covered only by a list without bounds.
func covers(seen Sighting, it Item) bool {
	if seen.From.IsZero() && seen.To.IsZero() {
		return true
	}
	t, _, ok := instant(it.Fields[FieldWhen])
	return ok && (seen.From.IsZero() || !t.Before(seen.From)) && (seen.To.IsZero() || t.Before(seen.To))
}

// distinct gives each key once, in order of first appearance: the last report
// of it, but never a stub in place of an item read in full. Items without a
// key cannot be known again and are left out; Guard refuses them.
func distinct(items []Item) []Item {
	place := make(map[string]int, len(items))
	out := make([]Item, 0, len(items))
	for _, it := range items {
		i, twice := place[it.Key]
		switch {
		case it.Key == "":
		case !twice:
			place[it.Key] = len(out)
			out = append(out, it)
		case out[i].Stub || !it.Stub:
			out[i] = it
		}
	}
	return out
}

// introduce makes an item known that was not.
func introduce(it Item, at time.Time) (Item, Change) {
	it.FirstSeen, it.Missing, it.Withdrawn = at, 0, time.Time{}
	var d delta
	d.documents = it.Documents
	switch it.Kind {
	case KindMeeting:
		d.say(NewMeeting)
		if it.Fields[FieldAgenda] == Published {
			d.agenda(it.Parts)
		}
		if it.Cancelled() {
			d.say(MeetingCancelled)
		}
		if minutesOut(it) {
			d.say(MinutesPublished)
		}
		if slices.ContainsFunc(it.Documents, func(x Document) bool { return x.Role != RoleMinutes }) {
			d.say(DocumentAdded)
		}
	case KindNotice:
		if it.Notice != nil && it.Notice.Updates() {
			d.say(NoticeUpdated)
		} else {
			d.say(NoticeNew)
		}
	case KindPaper:
		d.say(DocumentAdded)
	case KindRequest:
		// A request may first be seen when something happens to it, long after
		// it was made.
		last, err := time.Parse(time.RFC3339, it.Fields[FieldEventAt])
		if err != nil || !it.Published.IsZero() {
			d.say(RequestNew)
		}
		if err == nil && !last.Equal(it.Published) {
			d.say(RequestEvent)
		}
	case KindPage:
		d.say(PageChanged)
	}
	return it, d.change(it, OpAdded, at)
}

// A delta gathers what one sighting did to one item.
type delta struct {
	whats     map[What]bool
	fields    []FieldChange
	documents []Document
	read      []Document
	parts     []Part
}

func (d *delta) say(w What) {
	if d.whats == nil {
		d.whats = map[What]bool{}
	}
	d.whats[w] = true
}

func (d *delta) field(name, was, now string) {
	d.fields = append(d.fields, FieldChange{Name: name, Old: was, New: now})
}

// agenda says that an agenda is out. Its items are its content and no news of
// their own, except those that the source marks as added later.
func (d *delta) agenda(parts []Part) {
	d.say(AgendaPublished)
	d.parts = parts
	if slices.ContainsFunc(parts, func(p Part) bool { return p.Late }) {
		d.say(ItemAdded)
	}
}

func (d *delta) empty() bool {
	return len(d.whats) == 0 && len(d.fields) == 0 && len(d.documents) == 0 && len(d.read) == 0 && len(d.parts) == 0
}

func (d *delta) change(it Item, op Op, at time.Time) Change {
	c := Change{
		At: at, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: op, Title: it.Title, URL: it.URL, What: []What{},
		Fields: d.fields, Documents: d.documents, Read: d.read, Parts: d.parts,
	}
	for _, w := range []What{
		NewMeeting, AgendaPublished, ItemAdded, MeetingMoved, MeetingCancelled, MeetingRestored, MinutesPublished,
		DocumentAdded, DocumentReplaced, DocumentRemoved, NoticeNew, NoticeUpdated, RequestNew, RequestEvent, PageChanged,
	} {
		if d.whats[w] {
			c.What = append(c.What, w)
		}
	}
	return c
}

// minutesOut tells whether an item has minutes, by its field or by a file.
func minutesOut(it Item) bool {
	return it.Fields[FieldMinutes] == Published ||
		slices.ContainsFunc(it.Documents, func(d Document) bool { return d.Role == RoleMinutes })
}
