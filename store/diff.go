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
		p.hush(old)
	}
	p.hushReturns(old)
	return p.next, p.changes
}

// Release is Diff for a sighting that the operator vouches for, whatever Guard
// says: what it does not list is withdrawn at once, and all that it does is
// silent. The operator knows; for readers a release is no news.
func Release(old Snapshot, seen Sighting) (Snapshot, []Change) {
	p := propose(old, seen, 1)
	for i := range p.changes {
		p.changes[i].Silent = true
	}
	return p.next, p.changes
}

// hush keeps silent what is new in a list that was held back, if something like
// it has gone at the same time: a redesign shows the same things under other
// keys, and that is no news. What is like nothing that has gone is.
func (p *proposal) hush(old Snapshot) {
	gone := p.goneMarks(old)
	for i, c := range p.changes {
		if c.Op == OpAdded && like(gone, p.next.Items[c.Key]) {
			p.changes[i].Silent = true
		}
	}
}

// hushReturns keeps silent that something is back while what is like it has
// gone, and that much of a list is back at once: it was the list that was away.
func (p *proposal) hushReturns(old Snapshot) {
	back := 0
	returns := func(c Change) bool { return c.Op == OpAmended && !old.Items[c.Key].Withdrawn.IsZero() }
	for _, c := range p.changes {
		if returns(c) {
			back++
		}
	}
	if back == 0 {
		return
	}
	many := back >= heldLeast && back*100 > (p.live+back)*heldPercent
	gone := p.goneMarks(old)
	for i, c := range p.changes {
		if returns(c) && (many || like(gone, p.next.Items[c.Key])) {
			p.changes[i].Silent = true
		}
	}
}

// A mark is what an item is known by where its key is not: its day, its title,
// the bytes of its papers.
type mark struct {
	kind      Kind
	day, what string
}

func marks(it Item) []mark {
	m := mark{kind: it.Kind} // a meeting by its day, since most are called alike; anything else by its title too
	if t, _, ok := instant(it.Fields[FieldWhen]); ok {
		m.day = t.Format(time.DateOnly)
	}
	if it.Kind != KindMeeting || m.day == "" {
		m.what = plain(it.Title)
	}
	out := []mark{m}
	for _, d := range it.Documents {
		if d.SHA256 != "" {
			out = append(out, mark{what: d.SHA256})
		}
	}
	return out
}

func (p *proposal) goneMarks(old Snapshot) map[mark]bool {
	gone := map[mark]bool{}
	for _, key := range p.gone {
		for _, m := range marks(old.Items[key]) {
			gone[m] = true
		}
	}
	return gone
}

func like(gone map[mark]bool, it Item) bool {
	return slices.ContainsFunc(marks(it), func(m mark) bool { return gone[m] })
}

// A proposal is what a sighting would do, before anybody believed it.
type proposal struct {
	next    Snapshot
	changes []Change
	absent  []string // keys of a whole list's items that should be there and are not
	gone    []string // the same, and past meetings, which may go
	met     int      // items that were known and are shown again
	live    int      // items that could be withdrawn or altered
}

func propose(old Snapshot, seen Sighting, patience int) proposal {
	p := proposal{next: Snapshot{
		Source: seen.Source, Rev: old.Rev, Baseline: old.Baseline, Cursor: old.Cursor, Notes: old.Notes, Items: maps.Clone(old.Items),
	}}
	if p.next.Items == nil {
		p.next.Items = map[string]Item{}
	}
	if seen.Cursor != "" {
		p.next.Cursor = seen.Cursor
	}
	if seen.Notes != "" {
		p.next.Notes = seen.Notes
	}
	silent := seen.Silent || old.Baseline.IsZero()
	if old.Baseline.IsZero() && seen.Last && !seen.Silent {
		p.next.Baseline = seen.At
	}

	shown := map[string]bool{}
	successors := succession(old, seen)
	for _, it := range distinct(seen.Items) {
		it.Source = seen.Source
		shown[it.Key] = true
		was, known := old.Items[it.Key]
		if before, moved := successors[it.Key]; moved {
			shown[before] = true
			p.move(old.Items[before], it, seen.At, silent)
			continue
		}
		if !known {
			now, c := introduce(it, seen.At)
			p.take(now, c, silent || seen.Quiet[it.Key] || backdated(old, seen, it))
			continue
		}
		if was.Withdrawn.IsZero() {
			p.live++
			p.met++
		}
		now, c, changed := revisit(was, it, seen.At)
		hush := false
		switch now.Unrest = was.Unrest; {
		case !seen.Whole:
		case changed:
			now.Unrest, hush = restless(was, c, seen.At)
		case !it.Stub:
			now.Unrest = calm(was.Unrest, seen.At)
		}
		if changed {
			p.take(now, c, silent || hush || readLate(was, c, old.Baseline))
		} else {
			p.next.Items[it.Key] = now
		}
	}
	if seen.Whole {
		p.miss(old, seen, shown, patience, silent)
	}
	return p
}

// backdated: a notice from before the baseline, found late by a second look, is
// as little news as those that the baseline held. A day is left for notices
// that became visible a little after the time they carry.
func backdated(old Snapshot, seen Sighting, it Item) bool {
	return !seen.Whole && it.Kind == KindNotice && !it.Published.IsZero() && it.Published.Before(old.Baseline.Add(-24*time.Hour))
}

// readLate tells whether a change is only that papers were read at last which
// could not be read at the baseline: had they been, it would have been silent.
func readLate(was Item, c Change, baseline time.Time) bool {
	if len(c.What) > 0 || len(c.Fields) > 0 || len(c.Parts) > 0 || len(c.Documents) > 0 || len(c.Read) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.Read, func(d Document) bool {
		i := slices.IndexFunc(was.Documents, func(x Document) bool { return docID(x) == docID(d) })
		return i < 0 || was.Documents[i].FailedAt.IsZero() || was.Documents[i].FailedAt.After(baseline)
	})
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
		p.gone = append(p.gone, key)
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
	it.Documents = slices.Clone(it.Documents)
	for i, d := range it.Documents {
		it.Documents[i] = d.kept(at)
	}
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
